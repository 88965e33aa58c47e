/* SPDX-License-Identifier: MIT */
/* storm - for tests of load: many writers that send events to a hook at once, and a ledger of what became of each.
 *
 * Usage: storm [-w WRITERS] [-n EVENTS] [-s SESSIONS] [-k KILLS] [-d MICROSECONDS] [-b BYTES] PROGRAM [ARGUMENT...]
 * EVENTS in all, by WRITERS at once, each of which sends one after the other; writer W is part of session storm-(W modulo
 * SESSIONS). Event number N of writer W is a PreToolUse with tool_use_id wW-N, BYTES long or a little longer. About KILLS
 * of the programs are ended with SIGKILL at a random moment within MICROSECONDS of their start.
 *
 * The ledger on stdout has a line for each program: its tool_use_id, the exit status (or - and the signal's number), and
 * how long it took in microseconds. The last line is "left N": how many programs were still there three seconds
 * after the last writer was done. They were not waited for but ended.
 * Exit: 0 all were sent; 1 not all could be; 64 wrong usage. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SETTLE_US 3000000
#define TIDY_US 15000000         /* a program that was started to tidy up may take that long */

static long writers = 8, events = 100, sessions = 4, kills, window_us = 5000, bytes;

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* A file in memory with the event in it, at its beginning. */
static int make_input(long writer, long number)
{
	char text[1024];
	int fd = memfd_create("event", MFD_CLOEXEC), n;

	n = snprintf(text, sizeof text,
		     "{\"session_id\":\"storm-%ld\",\"transcript_path\":\"/nowhere\",\"cwd\":\"/\",\"permission_mode\":\"default\","
		     "\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Bash\",\"tool_use_id\":\"w%ld-%ld\","
		     "\"tool_input\":{\"command\":\"true\",\"description\":\"", writer % sessions, writer, number);
	if (fd < 0 || write(fd, text, (size_t)n) != n)
		die("storm: input");
	memset(text, 'x', sizeof text);
	for (long left = bytes - n; left > 0; left -= (long)sizeof text)
		if (write(fd, text, left < (long)sizeof text ? (size_t)left : sizeof text) < 0)
			die("storm: input");
	if (write(fd, "\"}}\n", 4) != 4 || lseek(fd, 0, SEEK_SET) < 0)
		die("storm: input");
	return fd;
}

static pid_t start(char **argv, int in, int out)
{
	pid_t pid = vfork();

	if (pid < 0)
		die("storm: vfork");
	if (pid == 0) {
		dup2(in, STDIN_FILENO);
		dup2(out, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static void send_events(char **argv, long writer, int ledger)
{
	int out = open("/dev/null", O_WRONLY | O_CLOEXEC);

	srandom((unsigned)(now_us() ^ writer * 7919));
	for (long i = writer, number = 0; i < events; i += writers, number++) {
		int in = make_input(writer, number), status, n;
		long long began = now_us();
		pid_t pid = start(argv, in, out);
		char line[128];

		close(in);
		if (kills && random() % events < kills) {
			usleep((useconds_t)(random() % window_us));
			kill(pid, SIGKILL);
		}
		if (waitpid(pid, &status, 0) != pid)
			die("storm: waitpid");
		if (WIFEXITED(status))
			n = snprintf(line, sizeof line, "w%ld-%ld %d %lld\n", writer, number, WEXITSTATUS(status), now_us() - began);
		else
			n = snprintf(line, sizeof line, "w%ld-%ld -%d %lld\n", writer, number, WTERMSIG(status), now_us() - began);
		if (write(ledger, line, (size_t)n) != n)
			die("storm: ledger");
	}
}

/* Every process below us. Those that lost their parents are our children, as we are their subreaper. */
static int list_below(pid_t *list, int max, int *ret_tidying)
{
	DIR *dir = opendir("/proc");
	struct { pid_t pid, parent; } all[8192];
	struct dirent *d;
	int n = 0, count = 0;

	*ret_tidying = 0;
	while (dir && (d = readdir(dir)) && n < 8192) {
		char path[300], text[512], *p, state;
		FILE *f;
		int parent;

		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%s/stat", d->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		p = fgets(text, sizeof text, f) ? strrchr(text, ')') : NULL;
		fclose(f);
		if (!p || sscanf(p, ") %c %d", &state, &parent) != 2 || state == 'Z')
			continue;
		all[n].pid = atoi(d->d_name);
		all[n++].parent = parent;
	}
	if (dir)
		closedir(dir);
	list[count++] = getpid();
	for (int i = 0; i < count; i++)
		for (int k = 0; k < n && count < max; k++)
			if (all[k].parent == list[i])
				list[count++] = all[k].pid;
	for (int i = 1; i < count; i++) {
		char path[64], text[64] = "";
		FILE *f;

		snprintf(path, sizeof path, "/proc/%d/comm", (int)list[i]);
		f = fopen(path, "re");
		if (f && fgets(text, sizeof text, f) && strcmp(text, "ccm-hook\n") == 0)
			++*ret_tidying;
		if (f)
			fclose(f);
	}
	return count;
}

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static int end_what_is_left(void)
{
	long long began = now_us();
	pid_t list[4096];
	int n, tidying;

	do {
		reap();
		n = list_below(list, 4096, &tidying);
		if (n == 1)
			return 0;
		usleep(20000);
	} while (now_us() - began < (tidying ? TIDY_US : SETTLE_US));
	for (int i = 1; i < n; i++)
		kill(list[i], SIGKILL);
	usleep(50000);
	reap();
	return n - 1;
}

static long number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || n < 0)
		exit(64);
	return n;
}

int main(int argc, char **argv)
{
	int o, status, failed = 0, ledger;
	pid_t *pids, pid;

	while ((o = getopt(argc, argv, "+w:n:s:k:d:b:")) != -1) {
		switch (o) {
		case 'w': writers = number(optarg); break;
		case 'n': events = number(optarg); break;
		case 's': sessions = number(optarg); break;
		case 'k': kills = number(optarg); break;
		case 'd': window_us = number(optarg); break;
		case 'b': bytes = number(optarg); break;
		default: return 64;
		}
	}
	if (optind == argc || !writers || !events || !sessions || !window_us)
		return 64;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* What the programs start must not keep the ledger open. */
	ledger = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	if (ledger < 0)
		die("storm: stdout");
	pids = calloc((size_t)writers, sizeof *pids);
	for (long w = 0; pids && w < writers; w++) {
		pids[w] = fork();
		if (pids[w] < 0)
			die("storm: fork");
		if (pids[w] == 0) {
			send_events(argv + optind, w, ledger);
			_exit(0);
		}
	}
	/* Orphans that end meanwhile wait for reap(). */
	for (long w = 0; w < writers; w++) {
		pid = waitpid(pids[w], &status, 0);
		if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			failed = 1;
	}
	free(pids);
	dprintf(ledger, "left %d\n", end_what_is_left());
	return failed;
}
