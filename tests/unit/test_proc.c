/* SPDX-License-Identifier: MIT */
/* proc: small real programs that end well, badly, late or not at all. */
#include "libccm/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "check.h"
#include "libccm/clock.h"
#include "libccm/io.h"

static char dir[] = "/tmp/ccm-test-proc-XXXXXX";
static const char *const environment[] = { "PATH=/usr/bin:/bin", "NAME=value", NULL };
static int64_t took_ms;              /* of the last run() */

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	CHECK_OR_DIE(ccm_write_file(in_dir(name), text, strlen(text), mode, false) == 0);
}

static struct ccm_proc_spec spec_of(const char *path, const char *const *argv)
{
	return (struct ccm_proc_spec){
		.path = path, .argv = argv, .envp = environment, .output_max_bytes = 65536, .timeout_ms = 20000,
	};
}

static struct ccm_proc_result run(const struct ccm_proc_spec *spec)
{
	struct ccm_proc_result r;
	int64_t start = ccm_mono_us();

	CHECK_OR_DIE(ccm_proc_run_all(spec, 1, &r) == 0);
	took_ms = (ccm_mono_us() - start) / 1000;
	return r;
}

/* Runs lines of shell as an executable file of their own. */
static struct ccm_proc_result run_script(const char *lines, int64_t timeout_ms)
{
	const char *argv[] = { "script", NULL };
	struct ccm_proc_spec spec = spec_of(in_dir("script"), argv);
	struct ccm_sbuf text = { 0 };
	struct ccm_proc_result r;

	ccm_sbuf_addf(&text, "#!/bin/sh\n%s\n", lines);
	write_file("script", ccm_sbuf_str(&text), 0755);
	ccm_sbuf_done(&text);
	spec.path = in_dir("script");
	spec.timeout_ms = timeout_ms;
	check_case = lines;
	r = run(&spec);
	check_case = NULL;
	return r;
}

static int count_fds(void)
{
	_cleanup_closedir_ DIR *d = opendir("/proc/self/fd");
	int n = 0;

	while (d && readdir(d))
		n++;
	return n;
}

/* Alive, and not only waiting for somebody to ask for its status. */
static bool is_alive(pid_t pid)
{
	_cleanup_sbuf_ struct ccm_sbuf s = { 0 };
	char path[64];
	const char *state;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (ccm_read_file(path, 4096, &s) < 0)
		return false;
	state = strrchr(ccm_sbuf_str(&s), ')');
	return state && strlen(state) > 2 && state[2] != 'Z';
}

static bool is_gone_within(pid_t pid, int ms)
{
	for (; is_alive(pid); ms -= 10) {
		if (ms <= 0)
			return false;
		usleep(10000);
	}
	return true;
}

static void test_end_of_a_program(void)
{
	struct ccm_proc_result r = run_script("echo out; echo err >&2; exit 7", 20000);

	CHECK_INT(r.error, 0);
	CHECK_INT(r.exit_status, 7);
	CHECK_INT(r.signal, 0);
	CHECK_STR(ccm_sbuf_str(&r.out), "out\n");
	CHECK_STR(ccm_sbuf_str(&r.err), "err\n");
	CHECK(r.out_bytes == 4 && r.err_bytes == 4);
	CHECK(!r.timed_out && !r.interrupted && !r.lingered);
	CHECK(r.took_us > 0 && llabs(ccm_now_ms() - r.started_ms) < 20000);
	ccm_proc_result_done(&r);

	r = run_script("kill -s SEGV $$", 20000);
	CHECK_INT(r.signal, SIGSEGV);
	CHECK_INT(r.exit_status, -1);
	CHECK(!r.timed_out);
	ccm_proc_result_done(&r);
}

static void test_environment_and_arguments(void)
{
	const char *argv[] = { "sh", "-c", "echo \"$NAME $1 ${HOME-none}\"", "x", "a b", NULL };
	struct ccm_proc_spec spec = spec_of("/bin/sh", argv);
	struct ccm_proc_result r = run(&spec);

	CHECK_STR(ccm_sbuf_str(&r.out), "value a b none\n");
	ccm_proc_result_done(&r);
}

static void test_input(void)
{
	const char *cat[] = { "cat", NULL }, *wc[] = { "wc", "-c", NULL };
	struct ccm_proc_spec spec = spec_of("/bin/cat", cat);
	_cleanup_free_ char *big = calloc(1, 8000000);
	struct ccm_proc_result r;

	spec.input = "a\0b\n";
	spec.input_bytes = 4;
	r = run(&spec);
	CHECK(r.out.bytes == 4 && memcmp(r.out.text, "a\0b\n", 4) == 0);
	ccm_proc_result_done(&r);

	spec.input = NULL;
	spec.input_bytes = 0;
	r = run(&spec);
	CHECK_INT(r.exit_status, 0);
	CHECK_INT(r.out_bytes, 0);
	ccm_proc_result_done(&r);

	spec = spec_of("/usr/bin/wc", wc);
	spec.input = big;
	spec.input_bytes = 8000000;
	r = run(&spec);
	CHECK_STR(ccm_sbuf_str(&r.out), "8000000\n");
	ccm_proc_result_done(&r);
}

static void test_input_that_nobody_reads(void)
{
	const char *argv[] = { "sh", "-c", "exit 3", NULL };
	struct ccm_proc_spec spec = spec_of("/bin/sh", argv);
	_cleanup_free_ char *big = calloc(1, 8000000);
	struct ccm_proc_result r;

	spec.input = big;
	spec.input_bytes = 8000000;
	r = run(&spec);
	CHECK_INT(r.exit_status, 3);
	CHECK(!r.lingered && !r.timed_out);
	ccm_proc_result_done(&r);
}

static void test_much_output(void)
{
	struct ccm_proc_result r = run_script("head -c 10485760 /dev/zero; head -c 100 /dev/zero >&2", 20000);

	CHECK_INT(r.exit_status, 0);
	CHECK_INT(r.out.bytes, 65536);
	CHECK_INT(r.out_bytes, 10485760);
	CHECK_INT(r.err.bytes, 100);
	ccm_proc_result_done(&r);

	r = run_script("exec yes", 300);
	CHECK(r.timed_out && r.out_bytes > r.out.bytes);
	CHECK_INT(r.out.bytes, 65536);
	CHECK(took_ms < 5000);
	ccm_proc_result_done(&r);
}

static void test_deadline(void)
{
	struct ccm_proc_result r = run_script("echo partial; exec sleep 60", 200);

	CHECK(r.timed_out && !r.interrupted);
	CHECK_INT(r.signal, SIGTERM);
	CHECK_INT(r.exit_status, -1);
	CHECK_STR(ccm_sbuf_str(&r.out), "partial\n");
	CHECK(took_ms >= 200 && took_ms < 5000);
	ccm_proc_result_done(&r);

	/* One that wants to tidy up may, for a moment. */
	r = run_script("trap 'echo tidied; exit 9' TERM; sleep 60 & wait", 200);
	CHECK(r.timed_out);
	CHECK_INT(r.exit_status, 9);
	CHECK_STR(ccm_sbuf_str(&r.out), "tidied\n");
	CHECK(took_ms < 5000);
	ccm_proc_result_done(&r);

	r = run_script("trap '' TERM; while :; do sleep 0.05; done", 200);
	CHECK(r.timed_out);
	CHECK_INT(r.signal, SIGKILL);
	CHECK(took_ms >= 200 + CCM_PROC_GRACE_MS && took_ms < 5000);
	ccm_proc_result_done(&r);
}

static void test_stubborn_grandchild(void)
{
	struct ccm_proc_result r = run_script("(trap '' TERM; echo $(sh -c 'echo $PPID'); while :; do sleep 0.05; done) & "
					      "exec sleep 60", 400);
	pid_t grandchild = atoi(ccm_sbuf_str(&r.out));

	CHECK(r.timed_out);
	CHECK_INT(r.signal, SIGTERM);
	CHECK(took_ms < 5000);
	CHECK(grandchild > 1 && is_gone_within(grandchild, 3000));
	ccm_proc_result_done(&r);
}

/* What outlives its program is let go, whether it is in the group or in a session of its own. */
static void test_what_is_left_behind(void)
{
	static const char *const scripts[] = {
		"sleep 60 & echo $!",
		"setsid sh -c 'echo $$; exec sleep 60' & sleep 0.2",
	};

	for (size_t i = 0; i < 2; i++) {
		struct ccm_proc_result r = run_script(scripts[i], 20000);
		pid_t left = atoi(ccm_sbuf_str(&r.out));

		check_case = scripts[i];
		CHECK_INT(r.exit_status, 0);
		CHECK(r.lingered && !r.timed_out);
		CHECK(took_ms >= CCM_PROC_LINGER_MS && took_ms < 5000);
		CHECK(left > 1 && is_alive(left));
		if (left > 1)
			kill(left, SIGKILL);
		ccm_proc_result_done(&r);
	}
	check_case = NULL;

	struct ccm_proc_result r = run_script("sleep 60 </dev/null >/dev/null 2>&1 & echo $!", 20000);

	CHECK(!r.lingered);
	CHECK(took_ms < CCM_PROC_LINGER_MS + 2000);
	if (atoi(ccm_sbuf_str(&r.out)) > 1)
		kill(atoi(ccm_sbuf_str(&r.out)), SIGKILL);
	ccm_proc_result_done(&r);
}

static void test_side_by_side(void)
{
	enum { COUNT = 40 };
	struct ccm_proc_spec specs[COUNT];
	struct ccm_proc_result results[COUNT];
	const char *argv[COUNT][5];
	char number[COUNT][8];
	int64_t start = ccm_mono_us();

	for (int i = 0; i < COUNT; i++) {
		snprintf(number[i], sizeof number[i], "%d", i);
		argv[i][0] = "sh";
		argv[i][1] = "-c";
		argv[i][2] = "sleep 0.5; cat; echo $0; exit $0";
		argv[i][3] = number[i];
		argv[i][4] = NULL;
		specs[i] = spec_of("/bin/sh", argv[i]);
		specs[i].input = number[i];
		specs[i].input_bytes = strlen(number[i]);
	}
	CHECK_OR_DIE(ccm_proc_run_all(specs, COUNT, results) == 0);
	/* One after the other would be 20 seconds. */
	CHECK(ccm_mono_us() - start < 10000000);
	for (int i = 0; i < COUNT; i++) {
		char want[32];

		snprintf(want, sizeof want, "%d%d\n", i, i);
		CHECK_INT(results[i].exit_status, i);
		CHECK_STR(ccm_sbuf_str(&results[i].out), want);
		ccm_proc_result_done(&results[i]);
	}
	CHECK_INT(ccm_proc_run_all(specs, 0, results), 0);
}

static void test_what_cannot_be_started(void)
{
	static const struct { const char *name, *text; mode_t mode; int error; } files[] = {
		{ "not-executable", "#!/bin/sh\n", 0644, -EACCES },
		{ "no-interpreter", "#!/no/such/interpreter\n", 0755, -ENOENT },
		{ "no-first-line", "echo hello\n", 0755, -ENOEXEC },
		{ "empty", "", 0755, -ENOEXEC },
		{ "missing", NULL, 0, -ENOENT },
		{ ".", NULL, 0, -EACCES },
	};
	const char *argv[] = { "x", NULL };

	/* Under valgrind what vfork() makes has memory of its own, in which the error stays, or execve() ends all. */
	if (CCM_SLOWNESS > 1)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct ccm_proc_spec spec;
		struct ccm_proc_result r;

		check_case = files[i].name;
		if (files[i].text)
			write_file(files[i].name, files[i].text, files[i].mode);
		spec = spec_of(in_dir(files[i].name), argv);
		r = run(&spec);
		CHECK_INT(r.error, files[i].error);
		CHECK_INT(r.exit_status, -1);
		CHECK_INT(r.out_bytes + r.err_bytes, 0);
		ccm_proc_result_done(&r);
	}
	check_case = NULL;
}

static void test_what_a_child_inherits(void)
{
	const char *ls[] = { "ls", "/proc/self/fd", NULL };
	struct ccm_proc_spec spec = spec_of("/bin/ls", ls);
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	_cleanup_close_ _unused_ int left_open = open("/dev/null", O_RDONLY);
	struct ccm_proc_result r = run(&spec);
	unsigned long long ignored;
	sigset_t blocked;

	/* 3 is the directory that ls reads. */
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	CHECK_STR(ccm_sbuf_str(&r.out), "0\n1\n2\n3\n");
#else
	CHECK_HAS(ccm_sbuf_str(&r.out), "0\n1\n2\n3\n");
#endif
	ccm_proc_result_done(&r);

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	r = run_script("grep ^SigBlk /proc/self/status", 20000);
	CHECK_STR(ccm_sbuf_str(&r.out), "SigBlk:\t0000000000000000\n");
	ccm_proc_result_done(&r);
	r = run_script("grep ^SigIgn /proc/self/status", 20000);
	/* 32 and up belong to libc. */
	CHECK_INT(sscanf(ccm_sbuf_str(&r.out), "SigIgn: %llx", &ignored), 1);
	CHECK_INT(ignored & 0x7fffffff, 0);
	ccm_proc_result_done(&r);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);

	r = run_script("read -r line </proc/$$/stat; set -- $line; [ \"$5\" = $$ ] && echo group", 20000);
	CHECK_STR(ccm_sbuf_str(&r.out), "group\n");
	ccm_proc_result_done(&r);
}

/* A caller without standard descriptors: the pipes' ends get their numbers. */
static void test_closed_standard_descriptors(void)
{
	int status;
	pid_t pid = fork();

	CHECK_OR_DIE(pid >= 0);
	if (pid == 0) {
		const char *argv[] = { "sh", "-c", "cat; echo err >&2", NULL };
		struct ccm_proc_spec spec = spec_of("/bin/sh", argv);
		struct ccm_proc_result r;

		close(0);
		close(1);
		close(2);
		spec.input = "in";
		spec.input_bytes = 2;
		if (ccm_proc_run_all(&spec, 1, &r) < 0)
			_exit(2);
		_exit(strcmp(ccm_sbuf_str(&r.out), "in") != 0 || strcmp(ccm_sbuf_str(&r.err), "err\n") != 0);
	}
	CHECK_OR_DIE(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#ifdef __linux__
/* Nobody is left to keep a deadline then. */
static void test_being_killed(void)
{
	enum { COUNT = 3 };
	static const char script[] = "sleep 60 & echo $$ $! >\"$0.x\"; mv \"$0.x\" \"$0\"; sleep 60";
	struct ccm_proc_spec specs[COUNT];
	struct ccm_proc_result results[COUNT];
	const char *argv[COUNT][5];
	char files[COUNT][256];
	pid_t pid;

	for (int i = 0; i < COUNT; i++) {
		snprintf(files[i], sizeof files[i], "%s/pids-%d", dir, i);
		memcpy(argv[i], (const char *[]){ "sh", "-c", script, files[i], NULL }, sizeof argv[i]);
		specs[i] = spec_of("/bin/sh", argv[i]);
	}
	pid = fork();
	CHECK_OR_DIE(pid >= 0);
	if (pid == 0) {
		ccm_proc_run_all(specs, COUNT, results);
		_exit(1);
	}
	for (int i = 0; i < COUNT; i++)
		for (int tries = 0; tries < 1000 && access(files[i], F_OK) < 0; tries++)
			usleep(10000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	for (int i = 0; i < COUNT; i++) {
		_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
		int leader = 0, grandchild = 0;

		CHECK_INT(ccm_read_file(files[i], 100, &text), 0);
		CHECK_OR_DIE(sscanf(ccm_sbuf_str(&text), "%d %d", &leader, &grandchild) == 2 && leader > 1 && grandchild > 1);
		CHECK(is_gone_within(leader, 3000));
		CHECK(is_gone_within(grandchild, 3000));
	}
}
#endif

static void test_detached(void)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	const char *argv[4] = { "sh", "-c", NULL, NULL };
	char command[512];

	snprintf(command, sizeof command, "read -r line </proc/$$/stat; set -- $line; echo $$ $6 $(readlink /proc/$$/fd/1) >%s/x; "
		 "mv %s/x %s/detached", dir, dir, dir);
	argv[2] = command;
	CHECK_INT(ccm_proc_detach("/bin/sh", argv), 0);
	for (int i = 0; i < 500 && access(in_dir("detached"), F_OK) < 0; i++)
		usleep(10000);
	CHECK_OR_DIE(ccm_read_file(in_dir("detached"), 4096, &text) == 0);
	CHECK(atoi(text.text) > 1 && atoi(text.text) == atoi(strchr(text.text, ' ')));
	CHECK_HAS(text.text, " /dev/null\n");
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void on_alarm(int number)
{
	(void)number;
	ccm_proc_interrupt();
}

/* Last: there is no way back from it. */
static void test_interrupt(void)
{
	struct sigaction action = { .sa_handler = on_alarm };
	struct itimerval soon = { .it_value = { 0, 200000 } };
	struct ccm_proc_result r;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	r = run_script("exec sleep 60", 20000);
	CHECK(r.interrupted && !r.timed_out);
	CHECK_INT(r.signal, SIGTERM);
	CHECK(took_ms < 5000);
	ccm_proc_result_done(&r);
}

int main(void)
{
	const char *rm[] = { "rm", "-r", dir, NULL };
	int fds;

	CHECK_OR_DIE(mkdtemp(dir));
	test_end_of_a_program();
	fds = count_fds();
	test_environment_and_arguments();
	test_input();
	test_input_that_nobody_reads();
	test_much_output();
	test_deadline();
	test_stubborn_grandchild();
	test_what_is_left_behind();
	test_side_by_side();
	test_what_cannot_be_started();
	test_what_a_child_inherits();
	test_closed_standard_descriptors();
	CHECK_INT(count_fds(), fds);
	CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	test_detached();
	CHECK_INT(count_fds(), fds);
#ifdef __linux__
	test_being_killed();
#endif
	test_interrupt();
	if (fork() == 0)
		execv("/bin/rm", (char *const *)(size_t)rm);
	wait(NULL);
	return 0;
}
