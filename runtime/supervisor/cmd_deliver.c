/* SPDX-License-Identifier: MIT */
/* What the daemon does about alerts, once: for where none runs. Hooks start it, detached, when something urgent happened.
 *
 * One at a time: who finds another at it leaves it to that one, which looks once more after it has let go of the lock. */
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alerts.h"
#include "couriers.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/daemon_lock.h"
#include "libccm/lock.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/watch.h"

#define RETRY_MS (2 * 60 * 1000LL)       /* so long what fails is tried again */
#define BUSY_MS 1000                     /* after a database that was in use */

struct delivering {
	struct ctx *ctx;
	struct event_base *base;
	struct event *timer, *changed, *on_child, *on_term, *on_int;
	struct ccm_watch watch;
	struct alerts alerts;
	struct couriers couriers;
	int64_t until_us;
	int error;
};

static void wake_in(struct delivering *d, int64_t ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	evtimer_add(d->timer, &tv);
}

/* Ends the loop when nothing is sent and nothing will be within the time. */
static void look(struct delivering *d)
{
	int64_t now_ms = ccm_now_ms(), next_ms = INT64_MAX, left_ms = (d->until_us - ccm_mono_us()) / 1000;
	unsigned due = 0;
	int r;

	r = alerts_gather(&d->alerts, d->ctx->db, &d->ctx->settings, now_ms, &next_ms);
	if (r >= 0)
		r = alerts_due(d->ctx->db, now_ms, &due, &next_ms);
	if (r >= 0)
		couriers_start(&d->couriers, due, now_ms, &next_ms);
	if (r == -CCM_E_BUSY)
		next_ms = now_ms + BUSY_MS;
	else if (r < 0)
		d->error = r;
	if (!d->error && next_ms - now_ms <= left_ms)
		wake_in(d, next_ms - now_ms < 20 ? 20 : next_ms - now_ms);
	else if (d->error || !couriers_work(&d->couriers))
		event_base_loopbreak(d->base);
}

static void on_timer(evutil_socket_t fd, short what, void *user)
{
	(void)fd, (void)what;
	look(user);
}

static void on_change(evutil_socket_t fd, short what, void *user)
{
	struct delivering *d = user;

	(void)fd, (void)what;
	if (ccm_watch_read(&d->watch))
		wake_in(d, 20);
}

static void on_child(evutil_socket_t fd, short what, void *user)
{
	struct delivering *d = user;
	int status;
	pid_t pid;

	(void)fd, (void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		couriers_reap(&d->couriers, pid, status);
	wake_in(d, 0);
}

static void on_end(evutil_socket_t fd, short what, void *user)
{
	struct delivering *d = user;

	(void)fd, (void)what;
	d->error = -EINTR;
	event_base_loopbreak(d->base);
}

static void say(void *user, const char *channel, const char *line)
{
	(void)user, (void)channel;
	ccm_warn("%s", line);
}

static int add(struct event **ret, struct event *event, bool now)
{
	*ret = event;
	return !event || (now && event_add(event, NULL) < 0) ? -ENOMEM : 0;
}

static int prepare(struct delivering *d)
{
	int r;

	d->base = event_base_new();
	if (!d->base)
		return -ENOMEM;
	couriers_open(&d->couriers, d->base, d->ctx, &d->ctx->db);
	d->couriers.say = say;
	r = add(&d->timer, evtimer_new(d->base, on_timer, d), false);
	if (r == 0)
		r = add(&d->on_child, evsignal_new(d->base, SIGCHLD, on_child, d), true);
	if (r == 0)
		r = add(&d->on_term, evsignal_new(d->base, SIGTERM, on_end, d), true);
	if (r == 0)
		r = add(&d->on_int, evsignal_new(d->base, SIGINT, on_end, d), true);
	if (r < 0)
		return r;
	/* Without it, what comes meanwhile is found when something else wakes us. */
	if (ccm_watch_open(&d->watch, &d->ctx->paths, CCM_WATCH_DATABASE | CCM_WATCH_FILES | CCM_WATCH_SPOOL) == 0 && ccm_watch_fd(&d->watch) >= 0)
		r = add(&d->changed, event_new(d->base, ccm_watch_fd(&d->watch), EV_READ | EV_PERSIST, on_change, d), true);
	return r;
}

static void release(struct delivering *d)
{
	struct event *const events[] = { d->timer, d->changed, d->on_child, d->on_term, d->on_int };

	couriers_close(&d->couriers);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i])
			event_free(events[i]);
	if (d->base)
		event_base_free(d->base);
	ccm_watch_close(&d->watch);
	alerts_done(&d->alerts);
}

static int deliver_locked(struct delivering *d)
{
	_cleanup_close_ int lock = -1;
	int r = ccm_lock_take(&d->ctx->paths, "deliver", NULL, &lock);

	if (r <= 0)
		return r;
	wake_in(d, 0);
	event_base_dispatch(d->base);
	return d->error ? d->error : 1;
}

/* Whether somebody who found the lock taken left something for us. */
static int has_more(struct delivering *d)
{
	int64_t now_ms = ccm_now_ms(), next_ms = INT64_MAX;
	unsigned due = 0;
	int r = alerts_gather(&d->alerts, d->ctx->db, &d->ctx->settings, now_ms, &next_ms);

	return r != 0 ? r : alerts_due(d->ctx->db, now_ms, &due, &next_ms) < 0 ? 0 : due != 0;
}

void alerts_deliver(const struct ctx *ctx)
{
	int r = 0;

	if (ccm_channels_set_up(&ctx->settings) && !ccm_daemon_runs(&ctx->paths, NULL))
		r = ccm_proc_detach(ctx->self, (const char *const[]){ "ccm-supervisor", "deliver", "--once", NULL });
	if (r < 0)
		ccm_warn("cannot start '%s deliver --once': %s", ctx->self, ccm_strerror(r));
}

int cmd_deliver(struct ctx *ctx, int argc, char **argv)
{
	bool once = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("once", 0, &once, "send what is due, retry for two minutes, end"),
		OPT_END
	};
	struct delivering d = { .ctx = ctx, .watch = { .fd = -1 }, .until_us = ccm_mono_us() + RETRY_MS * 1000 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (!once)
		return ccm_opt_error(&ctx->usage, "it needs --once: where a daemon runs, that one delivers");
	signal(SIGPIPE, SIG_IGN);
	r = prepare(&d);
	while (r >= 0 && (r = deliver_locked(&d)) > 0)
		if (ccm_mono_us() > d.until_us || (r = has_more(&d)) <= 0)
			break;
	release(&d);
	return r == -EINTR ? -CCM_E_SAID : r < 0 ? r : 0;
}
