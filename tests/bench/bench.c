/* SPDX-License-Identifier: MIT */
/* bench - start programs in turn and time each from its start to its end.
 *
 *     bench CASES ROUNDS WARMUP >SAMPLES
 *
 * CASES is a text, one case after the other:
 *
 *     case NAME
 *     env NAME=VALUE           its whole environment, one line each
 *     stdin FILE               default: /dev/null
 *     every N                  runs in each Nth round only; default 1
 *     from N                   the first of these; default 0
 *     burst N                  is started N times, one right after the other; default 1
 *     status N                 the exit status it must have; default 0
 *     arg WORD                 one line each; the first is the program
 *
 * The rest of a line is taken as it is. '#' begins a line of comment.
 *
 * All cases run in each round, in an order that is new in each round, so that what disturbs the
 * machine disturbs all, and each has had each other before it. What is slow and large leaves cold
 * caches to all others of its round: `from` gives each such case rounds of its own. Rounds are
 * counted from -WARMUP; those below 0 are not to be counted. What a program leaves running is
 * waited for before the next case begins (not between the starts of a burst), up to LEFT_MAX_MS.
 *
 * SAMPLES: one line a start: round, case, microseconds from before posix_spawn() until it was
 * reaped, its peak memory in KiB, microseconds until what it left behind was gone, microseconds of
 * processor time (its own and of what it waited for). stdout of the programs goes to /dev/null,
 * stderr is ours.
 *
 * This program itself stays small: what it has in memory counts into the peak of what it starts.
 *
 * Exit: 0 measured; 1 not: a program could not be started, or ended with another status.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CASES_MAX 64
#define WORDS_MAX 32
#define LEFT_MAX_MS 20000
#define LEFT_POLL_US 100

struct bench_case {
	const char *name, *input;
	long every, from, burst, status;
	char *argv[WORDS_MAX + 1], *envp[WORDS_MAX + 1];
	int argc, envc;
};

static struct bench_case cases[CASES_MAX];
static int case_count;
static int null_fd;

static _Noreturn void fail(const char *words, const char *about)
{
	fprintf(stderr, "bench: %s: %s\n", about, words);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static long number(const char *text, long min)
{
	char *rest;
	long n;

	errno = 0;
	n = strtol(text, &rest, 10);
	if (errno || rest == text || *rest || n < min || n > INT_MAX)
		fail("not a number, or too small", text);
	return n;
}

/* ---- the cases ---- */

static void add_word(char **words, int *count, const char *word)
{
	if (*count == WORDS_MAX)
		fail("too many words in one case", word);
	words[*count] = strdup(word);
	if (!words[(*count)++])
		fail(strerror(errno), word);
}

static struct bench_case *add_case(const char *name)
{
	struct bench_case *c = &cases[case_count];

	if (case_count++ == CASES_MAX)
		fail("too many cases", name);
	*c = (struct bench_case){ .name = strdup(name), .input = "/dev/null", .every = 1, .burst = 1 };
	return c;
}

static void read_line(struct bench_case **current, const char *key, const char *value)
{
	struct bench_case *c = *current;

	if (strcmp(key, "case") == 0)
		*current = add_case(value);
	else if (!c)
		fail("a case begins with 'case NAME'", key);
	else if (strcmp(key, "env") == 0)
		add_word(c->envp, &c->envc, value);
	else if (strcmp(key, "arg") == 0)
		add_word(c->argv, &c->argc, value);
	else if (strcmp(key, "stdin") == 0)
		c->input = strdup(value);
	else if (strcmp(key, "every") == 0)
		c->every = number(value, 1);
	else if (strcmp(key, "from") == 0)
		c->from = number(value, 0);
	else if (strcmp(key, "burst") == 0)
		c->burst = number(value, 1);
	else if (strcmp(key, "status") == 0)
		c->status = number(value, 0);
	else
		fail("no such word in a case", key);
}

static void read_cases(const char *path)
{
	struct bench_case *current = NULL;
	char line[8192];
	FILE *f = fopen(path, "re");

	if (!f)
		fail(strerror(errno), path);
	while (fgets(line, sizeof line, f)) {
		char *value = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (!line[0] || line[0] == '#')
			continue;
		if (!value)
			fail("a line is a word and a value", line);
		*value++ = '\0';
		read_line(&current, line, value);
	}
	fclose(f);
	for (int i = 0; i < case_count; i++)
		if (!cases[i].argc)
			fail("has no program", cases[i].name);
}

/* ---- one start ---- */

static void spawn(const struct bench_case *c, int input, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, null_fd, STDOUT_FILENO);
	r = posix_spawn(ret, c->argv[0], &actions, NULL, c->argv, c->envp);
	posix_spawn_file_actions_destroy(&actions);
	if (r)
		fail(strerror(r), c->argv[0]);
}

static void check_status(const struct bench_case *c, int status)
{
	char words[64];

	if (WIFEXITED(status) && WEXITSTATUS(status) == c->status)
		return;
	if (WIFEXITED(status))
		snprintf(words, sizeof words, "ended with status %d", WEXITSTATUS(status));
	else
		snprintf(words, sizeof words, "was ended by signal %d", WTERMSIG(status));
	fail(words, c->name);
}

struct sample {
	int64_t us, cpu_us;
	long kib;
};

static int64_t in_us(struct timeval t)
{
	return (int64_t)t.tv_sec * 1000000 + t.tv_usec;
}

static void start(const struct bench_case *c, struct sample *ret)
{
	int input = open(c->input, O_RDONLY | O_CLOEXEC);
	struct rusage usage;
	int64_t begin;
	int status;
	pid_t pid;

	if (input < 0)
		fail(strerror(errno), c->input);
	begin = now_us();
	spawn(c, input, &pid);
	while (wait4(pid, &status, 0, &usage) < 0)
		if (errno != EINTR)
			fail(strerror(errno), c->name);
	ret->us = now_us() - begin;
	ret->cpu_us = in_us(usage.ru_utime) + in_us(usage.ru_stime);
	ret->kib = usage.ru_maxrss;
	close(input);
	check_status(c, status);
}

/* Orphans become our children: see main(). */
static int64_t wait_for_left(const struct bench_case *c)
{
	const struct timespec moment = { .tv_nsec = LEFT_POLL_US * 1000 };
	int64_t begin = now_us();
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0) {
		if (pid == 0)
			nanosleep(&moment, NULL);
		if (now_us() - begin > LEFT_MAX_MS * 1000)
			fail("what it left running does not end", c->name);
	}
	return now_us() - begin;
}

static void measure(const struct bench_case *c, long round)
{
	for (long i = 0; i < c->burst; i++) {
		struct sample s;
		int64_t left_us;

		start(c, &s);
		left_us = i + 1 < c->burst ? 0 : wait_for_left(c);
		printf("%ld\t%s\t%lld\t%ld\t%lld\t%lld\n", round, c->name, (long long)s.us, s.kib, (long long)left_us,
		       (long long)s.cpu_us);
	}
}

/* ---- all of them ---- */

/* The same order in each run of this program: xorshift with a fixed start. */
static uint32_t draw(uint32_t below)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x % below;
}

static void shuffle(int order[], int count)
{
	for (int i = count - 1; i > 0; i--) {
		int k = (int)draw((uint32_t)i + 1), swap = order[i];

		order[i] = order[k];
		order[k] = swap;
	}
}

int main(int argc, char **argv)
{
	int order[CASES_MAX];
	long rounds, warmup;

	if (argc != 4)
		fail("bench CASES ROUNDS WARMUP", "usage");
	rounds = number(argv[2], 1);
	warmup = number(argv[3], 0);
	read_cases(argv[1]);
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null_fd < 0)
		fail(strerror(errno), "/dev/null");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < case_count; i++)
		order[i] = i;
	for (long round = -warmup; round < rounds; round++) {
		shuffle(order, case_count);
		for (int i = 0; i < case_count; i++)
			if ((round - cases[order[i]].from) % cases[order[i]].every == 0)
				measure(&cases[order[i]], round);
	}
	if (fflush(stdout) != 0)
		fail(strerror(errno), "standard output");
	return 0;
}
