/* SPDX-License-Identifier: MIT */
#include "couriers.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/lock.h"
#include "libccm/log.h"
#include "libccm/proc.h"

#define LINE_MAX_BYTES 4096
#define BUSY_MS 500                      /* until it is seen again whether somebody else is at it */
#define AGAIN_MS 1000                    /* after a failure; after each more twice as long */
#define AGAIN_MAX 6                      /* times twice */

void couriers_open(struct couriers *c, struct event_base *base, struct ctx *ctx, struct ccm_db *const *db)
{
	*c = (struct couriers){ .ctx = ctx, .base = base, .db = db };
	for (size_t i = 0; i < CCM_CHANNELS; i++)
		c->list[i] = (struct courier){ .all = c, .fd = -1 };
}

static const char *name_of(const struct courier *w)
{
	return ccm_channel_name((enum ccm_channel)(w - w->all->list));
}

/* ---- what they say */

static void say(struct courier *w, const char *words)
{
	ccm_sbuf_clear(&w->last);
	ccm_sbuf_adds(&w->last, words);
	if (w->all->say)
		w->all->say(w->all->user, name_of(w), words);
}

/* Each line as it ends; the rest too, if there is no more to come. */
static void say_lines(struct courier *w, bool all)
{
	_cleanup_sbuf_ struct ccm_sbuf said = w->said;
	const char *text = ccm_sbuf_str(&said);
	size_t bytes;

	w->said = (struct ccm_sbuf){ 0 };
	for (; text[bytes = strcspn(text, "\n")] || (all && bytes); text += bytes + (text[bytes] == '\n')) {
		_cleanup_sbuf_ struct ccm_sbuf line = { 0 };

		ccm_sbuf_add(&line, text, bytes);
		say(w, ccm_sbuf_str(&line));
	}
	ccm_sbuf_adds(&w->said, text);
}

static void read_said(struct courier *w)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof buf)) > 0) {
		if (w->said.bytes < LINE_MAX_BYTES)
			ccm_sbuf_add(&w->said, buf, (size_t)n);
		say_lines(w, false);
	}
	if (n == 0)
		event_del(w->out);
}

static void on_said(evutil_socket_t fd, short what, void *user)
{
	(void)fd, (void)what;
	read_said(user);
}

/* ---- their lives */

static void release(struct courier *w)
{
	if (w->out)
		event_free(w->out);
	if (w->fd >= 0)
		close(w->fd);
	ccm_sbuf_done(&w->said);
	ccm_sbuf_done(&w->last);
	w->out = NULL;
	w->fd = -1;
	w->pid = 0;
}

static int spawn(struct courier *w)
{
	struct couriers *c = w->all;
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	_cleanup_close_ int config = c->config ? c->config(c->user) : -1, in = -1, out = -1;
	char parent[32];
	int r;

	if (c->config && config < 0)
		return config;
	ccm_sbuf_addf(&path, "%s/ccm-deliver", c->ctx->paths.libexec);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	r = child_pipe(&in, &out);
	if (r < 0)
		return r;
	w->out = event_new(c->base, in, EV_READ | EV_PERSIST, on_said, w);
	if (!w->out || event_add(w->out, NULL) < 0)
		return -ENOMEM;
	snprintf(parent, sizeof parent, "%d", (int)getpid());
	w->fd = TAKE_FD(in);
	return ccm_proc_start(path.text, (const char *const[]){ "ccm-deliver", name_of(w), "--parent", parent, NULL }, config, out,
			      &w->pid);
}

static void put_off(struct courier *w, int64_t now_ms)
{
	w->not_before_ms = now_ms + (AGAIN_MS << w->failures);
	if (w->failures < AGAIN_MAX)
		w->failures++;
}

/* When it may start; now_ms or before: now. */
static int64_t may_start(struct courier *w, int64_t now_ms)
{
	/* A clock that was set back holds nobody up. */
	if (w->not_before_ms > now_ms + (AGAIN_MS << AGAIN_MAX))
		w->not_before_ms = now_ms;
	if (w->not_before_ms <= now_ms && ccm_lock_is_taken(&w->all->ctx->paths, "deliver", name_of(w)))
		w->not_before_ms = now_ms + BUSY_MS;
	return w->not_before_ms;
}

/* It could not say so in the database itself. */
static void note_failure(const struct courier *w)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	int r;

	if (!*w->all->db)
		return;
	ccm_sbuf_addf(&words, "ccm-deliver does not run: %s", w->last.bytes ? w->last.text : "it does not say why");
	r = ccm_db_exec(*w->all->db, Q_OUTLET_BLOCK, DB_ARGS(
		DB_TEXT("channel", name_of(w)), DB_INT("until_ms", w->not_before_ms), DB_TEXT("problem", ccm_sbuf_str(&words))));
	if (r < 0)
		ccm_warn("%s: %s", ccm_sbuf_str(&words), ccm_strerror(r));
}

static int start(struct courier *w, int64_t now_ms)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	int r = spawn(w);

	if (r >= 0)
		return r;
	release(w);
	put_off(w, now_ms);
	ccm_sbuf_addf(&words, "'%s/ccm-deliver' cannot be started: %s", w->all->ctx->paths.libexec, ccm_strerror(r));
	say(w, ccm_sbuf_str(&words));
	note_failure(w);
	ccm_sbuf_done(&w->last);
	return r;
}

int couriers_start(struct couriers *c, unsigned channels, int64_t now_ms, int64_t *ret_next_ms)
{
	int first = 0;

	for (size_t i = 0; i < CCM_CHANNELS; i++) {
		struct courier *w = &c->list[i];
		int r = 0;

		if (!(channels >> i & 1) || w->pid)
			continue;
		if (may_start(w, now_ms) <= now_ms)
			r = start(w, now_ms);
		if (r < 0 && first == 0)
			first = r;
		if (!w->pid && w->not_before_ms < *ret_next_ms)
			*ret_next_ms = w->not_before_ms;
	}
	return first;
}

bool couriers_reap(struct couriers *c, pid_t pid, int status)
{
	for (size_t i = 0; i < CCM_CHANNELS; i++) {
		struct courier *w = &c->list[i];
		char words[64];

		if (!w->pid || w->pid != pid)
			continue;
		read_said(w);
		say_lines(w, true);
		if (WIFSIGNALED(status)) {
			snprintf(words, sizeof words, "ccm-deliver was ended by signal %d", WTERMSIG(status));
			say(w, words);
		}
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			w->failures = 0;
		else
			put_off(w, ccm_now_ms());
		/* As a shell has it, and the loader where a library is missing. */
		if (WIFEXITED(status) && WEXITSTATUS(status) >= 126)
			note_failure(w);
		release(w);
		return true;
	}
	return false;
}

bool couriers_work(const struct couriers *c)
{
	for (size_t i = 0; i < CCM_CHANNELS; i++)
		if (c->list[i].pid)
			return true;
	return false;
}

void couriers_end(const struct couriers *c, int signal)
{
	for (size_t i = 0; i < CCM_CHANNELS; i++)
		if (c->list[i].pid)
			kill(-c->list[i].pid, signal);
}

void couriers_close(struct couriers *c)
{
	if (!c->ctx)
		return;
	couriers_end(c, SIGKILL);
	for (size_t i = 0; i < CCM_CHANNELS; i++)
		release(&c->list[i]);
}
