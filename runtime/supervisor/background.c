/* SPDX-License-Identifier: MIT */
#include "background.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/proc.h"
#include "profile.h"

#define LOOK_MS 20

/* As large as the terminal that we are on, else as many people have one. */
static int size_option(char *buf, size_t bytes)
{
	struct winsize w = { .ws_row = 0 };

	for (int fd = 0; fd < 3 && !w.ws_row; fd++)
		if (ioctl(fd, TIOCGWINSZ, &w) < 0 || !w.ws_col)
			w.ws_row = 0;
	return snprintf(buf, bytes, "--size=%dx%d", w.ws_row ? w.ws_row : 40, w.ws_row ? w.ws_col : 120);
}

static int start(const struct ctx *ctx, const char *id, const char *const *words, int err, pid_t *ret)
{
	struct words argv = { 0 };
	char size[32];
	int r = 0;

	size_option(size, sizeof size);
	const char *const first[] = { ctx->self, "task", "terminal", size, id, "--" };

	for (size_t i = 0; i < ARRAY_SIZE(first) && r == 0; i++)
		r = words_add(&argv, first[i]);
	for (size_t i = 0; words && words[i] && r == 0; i++)
		r = words_add(&argv, words[i]);
	if (r == 0)
		r = ccm_proc_detach_said(ctx->self, (const char *const *)argv.list, err, ret);
	words_done(&argv);
	return r;
}

static bool is_running(const struct task *t, int64_t before_ms)
{
	return (t->state == TASK_RUNNING || t->state == TASK_STOPPED) && t->started_ms != before_ms;
}

int background_start(struct ctx *ctx, struct opened *o, const char *const *words, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf said = { 0 };
	_cleanup_close_ int end = -1;
	int64_t before_ms = o->task.started_ms;
	int fds[2], r;
	bool over = false;
	char id[TASK_ID_CHARS + 1];
	pid_t pid;

	memcpy(id, o->task.id, sizeof id);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	end = fds[0];
	r = start(ctx, id, words, fds[1], &pid);
	close(fds[1]);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot start '%s': %s", ctx->self, ccm_strerror(r));
	/* The pipe is open as long as the terminal is there. */
	while (r == 0 && !over) {
		struct pollfd p = { .fd = end, .events = POLLIN };
		struct task now = { .id = "" };

		if (poll(&p, 1, LOOK_MS) > 0) {
			r = ccm_read_fd(end, 4096, &said);
			waitpid(pid, NULL, 0);
			over = true;
		}
		if (r == 0)
			r = task_load(ctx->db, id, &now, diag);
		if (r < 0)
			break;
		over |= is_running(&now, before_ms);
		task_done(&o->task);
		o->task = now;
	}
	if (r == 0 && o->task.started_ms == before_ms)
		r = ccm_diag_set(diag, -CCM_E_REFUSED, "task %s could not be started: %s", id,
				 said.bytes ? said.text : o->task.why ? o->task.why : "its terminal ended without a word");
	return r;
}
