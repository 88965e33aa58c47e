/* SPDX-License-Identifier: MIT */
/* under_valgrind - in a build with --enable-valgrind, ccm-hook and ccm-guard start themselves again under valgrind.
 *
 * In the program rather than in a wrapper around it: so it does not matter under which path it is called, with what
 * environment, or by whom (tests copy it, a run of it starts `tidy`), and it finds its own path as ever.
 *
 * What valgrind says goes to a file of its own in VALGRIND_ERRORS, one a start, and the exit status is 99 then. Where that
 * folder cannot be written, as in a task, only the status tells that there was something to say.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

#define WORDS_MAX 16

static _Noreturn void fail(const char *what)
{
	dprintf(STDERR_FILENO, "cannot start under valgrind: %s: %s\n", what, strerror(errno));
	_exit(99);
}

/* Before main(), with what main() gets. */
__attribute__((constructor)) static void enter(int argc, char **argv, char **envp)
{
	static char words[] = VALGRIND_FLAGS;
	char self[PATH_MAX], log[PATH_MAX], *rest = words;
	const char **args = calloc((size_t)argc + WORDS_MAX, sizeof *args);
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	struct timespec now;
	int count = 0;

	if (RUNNING_ON_VALGRIND) {
		free(args);
		return;
	}
	if (n < 0 || !args)
		fail("/proc/self/exe");
	self[n] = '\0';
	/* The build runs ccm-hook first, and tests as another user. */
	if (mkdir(VALGRIND_ERRORS, 0700) == 0)
		chmod(VALGRIND_ERRORS, 01777);
	/* A process id comes again. */
	clock_gettime(CLOCK_REALTIME, &now);
	if (access(VALGRIND_ERRORS, W_OK) < 0)
		strcpy(log, "--log-file=/dev/null");
	else
		snprintf(log, sizeof log, "--log-file=%s/%lld.%09ld-%%p", VALGRIND_ERRORS, (long long)now.tv_sec,
			 now.tv_nsec);
	args[count++] = VALGRIND;
	for (char *word; count < WORDS_MAX - 4 && (word = strtok_r(rest, " ", &rest));)
		args[count++] = word;
	args[count++] = "--error-exitcode=99";
	args[count++] = log;
	args[count++] = self;
	for (int i = 1; i < argc; i++)
		args[count++] = argv[i];
	execve(VALGRIND, (char *const *)args, envp);
	fail(VALGRIND);
}
