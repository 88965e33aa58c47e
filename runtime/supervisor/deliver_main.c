/* SPDX-License-Identifier: MIT */
/* ccm-deliver - brings alerts to where the person is. Started by ccm-supervisor; people use `ccm-supervisor alerts`.
 *
 *     ccm-deliver CHANNEL [--parent PID]   sends what is due on the channel, in order, and ends when nothing is
 *     ccm-deliver test CHANNEL             sends a message of its own now, and says what became of it
 *     ccm-deliver approve                  asks the person, see approve.h
 *
 * One process for each channel: what stalls one holds up no other. It holds CCM_HOME/deliver.CHANNEL.lock while it works;
 * who finds that taken leaves the work to whoever has it. With --parent it ends with that process, and a regular file on stdin
 * is the configuration in force.
 *
 * A delivery is `sent` once the receiver has said so. Killed in between, it is sent again with the same uuid. A failure that may pass
 * blocks the channel until the next try, so that the order stays; one that will not makes the delivery dead, and the next one is
 * tried. Tokens are in this process only: it leaves no core file, and what it starts does not get them.
 *
 * Exit status: 0 there is nothing due any more, or somebody else is at it; 1 the database could not be used, or the test failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "approve.h"
#include "child.h"
#include "deliver.h"
#include "http.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/lock.h"
#include "libccm/log.h"
#include "libccm/uuid.h"
#include "secret.h"
#include "sender.h"

/* ---- beginning */

static int open_sender(struct ctx *ctx, const struct sender *sender, struct sender_ctx *ret)
{
	*ret = (struct sender_ctx){ .ctx = ctx, .seen = deliver_seen };
	return sender->needs_http ? http_open(&ret->http) : 0;
}

/* ---- a channel */

/* Whoever came while we had the lock went away: what they came for is looked for once more when it is free. */
static int work(struct ctx *ctx, const struct sender *sender, struct sender_ctx *s)
{
	int r;

	do {
		_cleanup_close_ int lock = -1;

		r = ccm_lock_take(&ctx->paths, "deliver", sender->name, &lock);
		if (r > 0)
			r = deliver_due(ctx, sender, s);
		if (r <= 0)
			return r;
	} while ((r = deliver_is_due(ctx, sender)) > 0);
	return r;
}

/* Whoever waits for us need not wait for what a sender does after its work. */
static void let_go(int told)
{
	const char done = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, 0);
#endif
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	setsid();
	(void)ccm_write_all(told, &done, 1);
	close(told);
}

/* told: where to say that the work is done; -1: nowhere. */
static int run_channel(struct ctx *ctx, const struct sender *sender, int told)
{
	struct sender_ctx s;
	int r;

	r = ccm_command_open_db(ctx, DB_WRITE);
	if (r == 0)
		r = open_sender(ctx, sender, &s);
	if (r < 0)
		return r;
	r = work(ctx, sender, &s);
	ccm_db_close(ctx->db);
	ctx->db = NULL;
	if (told >= 0 && r >= 0)
		let_go(told);
	if (sender->finish)
		sender->finish(&s);
	http_close(s.http);
	return r;
}

/* The work is done by a child, which stays a while when it is done with the channel; we end as soon as that is so. Before anything
 * is opened: neither a database nor a session bus survives a fork. */
static int run_in_front(struct ctx *ctx, const struct sender *sender)
{
	pid_t self = getpid(), child;
	int fds[2], status;
	char done;

	if (pipe(fds) < 0)
		return -errno;
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		close(fds[0]);
		child_end_with(self);
		return run_channel(ctx, sender, fds[1]);
	}
	close(fds[1]);
	while ((status = (int)read(fds[0], &done, 1)) < 0 && errno == EINTR)
		;
	if (status == 1)
		return 0;
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status))
		ccm_error("%s: was ended by signal %d", sender->name, WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -CCM_E_SAID;
}

static int cmd_channel(struct ctx *ctx, int argc, char **argv)
{
	const struct sender *sender = sender_find(ctx->usage.command);
	int64_t parent = 0;
	const struct ccm_opt opts[] = {
		OPT_INT("parent", 0, "PID", &parent, 1, INT32_MAX, "as ccm-supervisor starts it: its child, config on stdin"),
		OPT_END
	};
	int r = 0;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (parent) {
		child_end_with((pid_t)parent);
		r = child_take_config(ctx);
	}
	if (r < 0)
		return r;
	return sender->stays && sender->stays(&ctx->settings) ? run_in_front(ctx, sender) : run_channel(ctx, sender, -1);
}

/* ---- a test */

static struct alert_message test_message(const char uuid[CCM_UUID_CHARS + 1], enum ccm_alert_level level)
{
	return (struct alert_message){
		.uuid = uuid, .level = level, .kind = "test", .source = "ccm", .title = "ccm: this is a test",
		.body = "If you can read this, alerts reach you here.", .created_ms = ccm_now_ms(), .times = 1, .attempt = 1,
	};
}

static int say_result(const struct sender *sender, const struct send_result *result, int64_t took_ms)
{
	const char *problem = ccm_sbuf_str(&result->problem);

	switch (result->outcome) {
	case SEND_SENT:
		printf("%s: sent in %lld ms%s%s\n", sender->name, (long long)took_ms, problem[0] ? ", but " : "", problem);
		return 0;
	case SEND_LATER:
		ccm_error("%s: %s (an alert would be tried again)", sender->name, problem);
		break;
	case SEND_NEVER:
		ccm_error("%s: %s (an alert would not be tried again)", sender->name, problem);
		break;
	case SEND_DROPPED:
		ccm_error("%s: %s (alerts for it are dropped)", sender->name, problem);
		break;
	}
	return -CCM_E_SAID;
}

static int cmd_test(struct ctx *ctx, int argc, char **argv)
{
	const char *level = "info";
	const struct ccm_opt opts[] = {
		OPT_CHOICE("level", 'l', &level, "info|warning|urgent", "of the test message (default info)"),
		OPT_END
	};
	_cleanup_send_result_ struct send_result result = { 0 };
	char uuid[CCM_UUID_CHARS + 1];
	const struct sender *sender;
	struct alert_message m;
	struct sender_ctx s;
	int64_t start_us;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	sender = sender_find(argv[0]);
	if (!sender)
		return ccm_opt_error(&ctx->usage, "there is no channel '%s': desktop, telegram, slack, webhook, command", argv[0]);
	if (!ccm_channel_is_set_up(&ctx->settings, sender->channel)) {
		ccm_error("%s is not set up: %s (in '%s')", sender->name, sender->missing, ctx->paths.config);
		return -CCM_E_SAID;
	}
	r = open_sender(ctx, sender, &s);
	if (r < 0)
		return r;
	ccm_uuid_make(ccm_now_ms(), uuid);
	start_us = ccm_mono_us();
	m = test_message(uuid, (enum ccm_alert_level)ccm_alert_level_find(level));
	r = sender->send(&s, &m, &result);
	if (r == 0)
		r = say_result(sender, &result, (ccm_mono_us() - start_us) / 1000);
	if (sender->finish)
		sender->finish(&s);
	http_close(s.http);
	return r;
}

/* ---- the program */

#define CHANNEL(name) { name, "", "send what is due there", 0, 0, DB_NONE, cmd_channel, false }
static const struct command commands[] = {
	CHANNEL("desktop"),
	CHANNEL("telegram"),
	CHANNEL("slack"),
	CHANNEL("webhook"),
	CHANNEL("command"),
	{ "approve", "", "ask the person by Telegram; ccm-hook runs it", 0, 0, DB_NONE, cmd_approve, false },
	{ "test", "CHANNEL", "send a test message now, and say what became of it", 1, 1, DB_NONE, cmd_test, false },
	{ 0 }
};

static const struct ccm_program program = {
	.name = "ccm-deliver",
	.about = "Brings alerts to where the person is. ccm-supervisor starts it.",
	.commands = commands,
	.manual = "ccm-alerts(7)",
};

int main(int argc, char **argv)
{
	secret_protect_process();
	signal(SIGPIPE, SIG_IGN);
	return ccm_command_main(&program, argc, argv);
}
