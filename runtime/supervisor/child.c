/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "libccm/io.h"

#define CONFIG_MAX_BYTES (1 << 20)

void child_end_with(pid_t parent)
{
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
	if (getppid() != parent)
		raise(SIGTERM);
}

int child_take_config(struct ctx *ctx)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct stat st;
	int r;

	if (fstat(STDIN_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	r = ccm_read_fd(STDIN_FILENO, CONFIG_MAX_BYTES, &text);
	if (r < 0)
		return r;
	ccm_settings_done(&ctx->settings);
	ccm_settings_parse(ctx->paths.config, ccm_sbuf_str(&text), &ctx->settings);
	return 0;
}

int child_pipe(int *ret_in, int *ret_out)
{
	int fds[2];

	if (pipe(fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	*ret_in = fds[0];
	*ret_out = fds[1];
	return 0;
}
