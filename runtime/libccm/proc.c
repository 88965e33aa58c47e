/* SPDX-License-Identifier: MIT */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

#include "clock.h"
#include "io.h"

#define TICK_MS 5                /* how often an end is asked for where no descriptor tells it */

extern char **environ;

static volatile sig_atomic_t interrupted;

void ccm_proc_interrupt(void)
{
	interrupted = 1;
}

static void on_signal(int signal)
{
	(void)signal;
	ccm_proc_interrupt();
}

void ccm_proc_catch_signals(void)
{
	const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}

enum state {
	RUNNING,
	ENDING,                  /* SIGTERM was sent */
	KILLED,                  /* SIGKILL was sent */
};

struct child {
	const struct ccm_proc_spec *spec;
	struct ccm_proc_result *result;
	pid_t pid;               /* 0: not started, or reaped */
	pid_t group;
	int pidfd, in, out, err; /* -1: closed */
	int line[2];             /* the life line: a pipe that nothing is ever written to */
	size_t in_at;
	enum state state;
	bool done;
	int64_t start_us, deadline_us, kill_us, linger_us;
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int fds[2];

#ifdef HAVE_PIPE2
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
#else
	if (pipe(fds) < 0)
		return -errno;
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
#endif
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

static void close_child(struct child *c)
{
	close_fd(&c->in);
	close_fd(&c->out);
	close_fd(&c->err);
	/* In this order, nobody is told. */
	close_fd(&c->line[0]);
	close_fd(&c->line[1]);
}

/* A pipe's end may have been given number 0, 1 or 2 if the caller has closed its own: dup2() onto
 * itself would then keep close-on-exec. Such ends are moved up first. */
static int move_up(int *fd)
{
	int up;

	if (*fd > 2)
		return 0;
	up = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
	if (up < 0)
		return -errno;
	close(*fd);
	*fd = up;
	return 0;
}

/* Ours are closed by exec; what our caller left open must not be held by what a program leaves behind. */
static void close_others(posix_spawn_file_actions_t *actions)
{
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
#else
	(void)actions;
#endif
}

#ifdef __linux__

/* What lives on when we are killed. Linux signals those who asked for it (O_ASYNC) when the last writer of a pipe is
 * gone, and who is told, and by which signal, can be a process group and SIGKILL. Both ends are ours alone. Of a
 * process that dies, Linux lets go of the descriptors last opened first (since 4.3): of the writing end while
 * somebody still listens at the other. */
static int make_line(struct child *c)
{
	return make_pipe(&c->line[0], &c->line[1]);
}

static bool close_others_at_exec(void)
{
#if defined(HAVE_CLOSE_RANGE) && defined(CLOSE_RANGE_CLOEXEC)
	return close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
#else
	return false;
#endif
}

/* What a child-to-be does until it is another program. It has our memory and stack, and we stand still meanwhile:
 * system calls only. *ret_error: why it is none. */
_Noreturn static void become(const struct child *c, int in, int out, int err, volatile int *ret_error)
{
	const struct sigaction preset = { .sa_handler = SIG_DFL };
	sigset_t none;

	setpgid(0, 0);
	if (c->spec->memory_max_bytes > 0) {
		const struct rlimit bound = { (rlim_t)c->spec->memory_max_bytes, (rlim_t)c->spec->memory_max_bytes };

		setrlimit(RLIMIT_DATA, &bound);
	}
	/* From here on the kernel ends the group when our end of the line is closed, be it by our death. */
	fcntl(c->line[0], F_SETOWN, -getpid());
	fcntl(c->line[0], F_SETSIG, SIGKILL);
	fcntl(c->line[0], F_SETFL, O_ASYNC);
	for (int i = 1; i < NSIG; i++)
		sigaction(i, &preset, NULL);
	/* Ours are closed by exec; what our caller left open must not be held by what a program leaves behind. */
	if (!close_others_at_exec())
		for (int fd = STDERR_FILENO + 1; fd < FD_SETSIZE; fd++)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (dup2(in, STDIN_FILENO) == STDIN_FILENO && dup2(out, STDOUT_FILENO) == STDOUT_FILENO &&
	    dup2(err, STDERR_FILENO) == STDERR_FILENO) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execve(c->spec->path, (char *const *)(uintptr_t)c->spec->argv, (char *const *)(uintptr_t)c->spec->envp);
	}
	*ret_error = errno;
	_exit(127);
}

/* posix_spawn() by hand: as fast, and between its two steps there is room for the line. */
static int spawn(struct child *c, int in, int out, int err)
{
	volatile int error = 0;
	sigset_t all, before;

	sigfillset(&all);
	/* A handler of ours that ran in the child would write to our memory. */
	sigprocmask(SIG_SETMASK, &all, &before);
	c->pid = vfork();
	if (c->pid == 0)
		become(c, in, out, err, &error);
	if (c->pid < 0)
		error = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (error) {
		if (c->pid > 0)
			waitpid(c->pid, NULL, 0);
		c->pid = 0;
		return -error;
	}
	c->group = c->pid;
	return 0;
}

#else

/* There is no such thing here. */
static int make_line(struct child *c)
{
	(void)c;
	return 0;
}

static int spawn(struct child *c, int in, int out, int err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	sigemptyset(&none);
	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	close_others(&actions);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	r = posix_spawn(&c->pid, c->spec->path, &actions, &attr, (char *const *)(uintptr_t)c->spec->argv,
			(char *const *)(uintptr_t)c->spec->envp);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (r) {
		c->pid = 0;
		return -r;
	}
	c->group = c->pid;
	return 0;
}

#endif

/* A descriptor that becomes readable when the process ends; -1 where there is no such thing. */
static int open_pidfd(pid_t pid)
{
#if defined(__linux__) && defined(SYS_pidfd_open)
	return (int)syscall(SYS_pidfd_open, pid, 0);
#else
	(void)pid;
	return -1;
#endif
}

/* A file of the child's own with its input in it; negative: there must be a pipe instead. */
static int make_input_file(const struct ccm_proc_spec *spec)
{
#ifdef HAVE_MEMFD_CREATE
	_cleanup_close_ int fd = memfd_create("input", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = ccm_write_all(fd, spec->input, spec->input_bytes);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
#else
	(void)spec;
	return -ENOSYS;
#endif
}

static int start(struct child *c)
{
	_cleanup_close_ int in = -1, out = -1, err = -1;
	int r;

	c->start_us = ccm_mono_us();
	c->result->started_ms = ccm_now_ms();
	c->deadline_us = c->start_us + c->spec->timeout_ms * 1000;
	in = make_input_file(c->spec);
	r = in < 0 ? make_pipe(&in, &c->in) : 0;
	if (r == 0)
		r = make_pipe(&c->out, &out);
	if (r == 0)
		r = make_pipe(&c->err, &err);
	if (r == 0)
		r = make_line(c);
	if (r == 0 && (r = move_up(&in)) == 0 && (r = move_up(&out)) == 0)
		r = move_up(&err);
	if (r == 0)
		r = spawn(c, in, out, err);
	if (r < 0)
		return r;
	c->pidfd = open_pidfd(c->pid);
	if (c->in >= 0)
		fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out, F_SETFL, O_NONBLOCK);
	fcntl(c->err, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Not reading its stdin is a program's good right: EPIPE is no error. */
static void feed(struct child *c)
{
	while (c->in >= 0) {
		size_t left = c->spec->input_bytes - c->in_at;
		ssize_t n;

		if (!left) {
			close_fd(&c->in);
			return;
		}
		n = write(c->in, c->spec->input + c->in_at, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0)
			close_fd(&c->in);
		else
			c->in_at += (size_t)n;
	}
}

static void drain(int *fd, struct ccm_sbuf *to, size_t *count, size_t max)
{
	char buf[4096];          /* each page of the stack that is touched costs as much as ten system calls */

	/* Bounded: a program that never stops writing must not keep us from its deadline. */
	for (int i = 0; *fd >= 0 && i < 256; i++) {
		ssize_t n = read(*fd, buf, sizeof buf);
		size_t keep;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n <= 0) {
			close_fd(fd);
			return;
		}
		keep = to->bytes < max ? max - to->bytes : 0;
		ccm_sbuf_add(to, buf, (size_t)n < keep ? (size_t)n : keep);
		*count += (size_t)n;
	}
}

static void reap(struct child *c)
{
	int status;
	pid_t pid;

	if (!c->pid)
		return;
	do
		pid = waitpid(c->pid, &status, WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid == 0)
		return;
	if (pid == c->pid && WIFEXITED(status))
		c->result->exit_status = WEXITSTATUS(status);
	else if (pid == c->pid && WIFSIGNALED(status))
		c->result->signal = WTERMSIG(status);
	c->pid = 0;
	close_fd(&c->pidfd);
	c->linger_us = ccm_mono_us() + CCM_PROC_LINGER_MS * 1000;
}

/* Sends what the time asks for. */
static void press(struct child *c, int64_t now)
{
	if (c->state == RUNNING && c->pid && (now >= c->deadline_us || interrupted)) {
		c->result->timed_out = now >= c->deadline_us;
		c->result->interrupted = !c->result->timed_out;
		c->state = ENDING;
		c->kill_us = now + CCM_PROC_GRACE_MS * 1000;
		kill(-c->group, SIGTERM);
	} else if (c->state == ENDING && now >= c->kill_us) {
		c->state = KILLED;
		kill(-c->group, SIGKILL);
	}
}

/* Ended by itself: done when its pipes are, or it lingered long enough. Ended by us: done when
 * nothing of the group holds a pipe any more, or it was killed. Whether the group is empty cannot be
 * asked: members that have ended stay in it until their new parent looks, and not every init does. */
static void conclude(struct child *c, int64_t now)
{
	bool open = c->out >= 0 || c->err >= 0;

	if (c->pid)
		return;
	if (c->state == RUNNING) {
		if (open && now < c->linger_us)
			return;
		c->result->lingered = open;
	} else if (c->state == ENDING) {
		if (open)
			return;
		kill(-c->group, SIGKILL);
	}
	c->result->took_us = now - c->start_us;
	close_child(c);
	c->done = true;
}

static int64_t min64(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* When something must be looked at again even if nothing is heard. */
static int64_t wake_us(const struct child *c, int64_t now)
{
	int64_t t;

	if (!c->pid && c->state == RUNNING)
		t = c->linger_us;
	else if (c->state == RUNNING)
		t = c->deadline_us;
	else if (c->state == ENDING)
		t = c->kill_us;
	else
		t = now + TICK_MS * 1000;
	if (c->pid && c->pidfd < 0)
		t = min64(t, now + TICK_MS * 1000);
	return t;
}

static size_t watch(struct pollfd *fds, const struct child *c)
{
	const int list[] = { c->in, c->out, c->err, c->pidfd };

	for (size_t i = 0; i < ARRAY_SIZE(list); i++)
		fds[i] = (struct pollfd){ .fd = list[i], .events = i == 0 ? POLLOUT : POLLIN };
	return ARRAY_SIZE(list);
}

static void step(struct child *c)
{
	size_t max = c->spec->output_max_bytes;

	feed(c);
	reap(c);
	/* After reaping: all that it wrote itself is in the pipes by now. */
	drain(&c->out, &c->result->out, &c->result->out_bytes, max);
	drain(&c->err, &c->result->err, &c->result->err_bytes, max);
	press(c, ccm_mono_us());
	conclude(c, ccm_mono_us());
}

/* fds has room for four a child. */
static void run_loop(struct child *children, size_t count, struct pollfd *fds)
{
	for (;;) {
		int64_t now = ccm_mono_us(), wake = INT64_MAX, wait_ms;
		size_t n = 0;

		for (size_t i = 0; i < count; i++) {
			if (children[i].done)
				continue;
			n += watch(fds + n, &children[i]);
			wake = min64(wake, wake_us(&children[i], now));
		}
		if (!n)
			return;
		wait_ms = wake <= now ? 0 : (wake - now + 999) / 1000;
		/* A signal that comes right before poll() is seen at the next wake-up at the latest. */
		poll(fds, n, (int)min64(wait_ms, 250));
		for (size_t i = 0; i < count; i++)
			if (!children[i].done)
				step(&children[i]);
	}
}

struct ccm_proc_runs {
	size_t count;
	struct sigaction before;         /* what SIGPIPE did */
	struct pollfd *fds;
	struct child children[];
};

int ccm_proc_begin_all(const struct ccm_proc_spec *specs, size_t count, struct ccm_proc_result *results,
		       struct ccm_proc_runs **ret)
{
	_cleanup_free_ struct ccm_proc_runs *runs = calloc(1, sizeof *runs + count * sizeof *runs->children);
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	if (!runs)
		return -ENOMEM;
	runs->count = count;
	runs->fds = calloc(count ? count * 4 : 1, sizeof *runs->fds);
	if (!runs->fds)
		return -ENOMEM;
	sigaction(SIGPIPE, &ignore, &runs->before);
	for (size_t i = 0; i < count; i++) {
		struct child *c = &runs->children[i];
		int r;

		*c = (struct child){ .spec = &specs[i], .result = &results[i], .pidfd = -1, .in = -1, .out = -1, .err = -1,
				     .line = { -1, -1 } };
		results[i] = (struct ccm_proc_result){ .exit_status = -1 };
		r = start(c);
		if (r == 0) {
			feed(c);
			continue;
		}
		results[i].error = r;
		results[i].took_us = ccm_mono_us() - c->start_us;
		close_child(c);
		c->done = true;
	}
	*ret = TAKE_PTR(runs);
	return 0;
}

int ccm_proc_end_all(struct ccm_proc_runs *runs)
{
	int r = 0;

	if (!runs)
		return 0;
	run_loop(runs->children, runs->count, runs->fds);
	sigaction(SIGPIPE, &runs->before, NULL);
	for (size_t i = 0; i < runs->count; i++) {
		const struct ccm_proc_result *result = runs->children[i].result;

		if (ccm_sbuf_error(&result->out) < 0 || ccm_sbuf_error(&result->err) < 0)
			r = -ENOMEM;
	}
	free(runs->fds);
	free(runs);
	return r;
}

int ccm_proc_run_all(const struct ccm_proc_spec *specs, size_t count, struct ccm_proc_result *results)
{
	struct ccm_proc_runs *runs = NULL;
	int r = ccm_proc_begin_all(specs, count, results, &runs);

	return r < 0 ? r : ccm_proc_end_all(runs);
}

/* A descriptor of -1 is /dev/null. */
static int start_alone(const char *path, const char *const *argv, const char *const *envp, int in, int err, short flags,
		       pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t all, none;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (err >= 0)
		posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
	else
		posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	close_others(&actions);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	sigemptyset(&none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setflags(&attr, flags);
	r = posix_spawn(ret, path, &actions, &attr, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return -r;
}

int ccm_proc_detach(const char *path, const char *const *argv)
{
	return ccm_proc_detach_with(path, argv, (const char *const *)(uintptr_t)environ);
}

int ccm_proc_detach_with(const char *path, const char *const *argv, const char *const *envp)
{
	pid_t pid;

	return start_alone(path, argv, envp, -1, -1, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, &pid);
}

int ccm_proc_detach_said(const char *path, const char *const *argv, int err, pid_t *ret)
{
	return start_alone(path, argv, (const char *const *)(uintptr_t)environ, -1, err,
			   POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, ret);
}

int ccm_proc_start(const char *path, const char *const *argv, int in, int err, pid_t *ret)
{
	return start_alone(path, argv, (const char *const *)(uintptr_t)environ, in, err, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, ret);
}

void ccm_proc_result_done(struct ccm_proc_result *r)
{
	ccm_sbuf_done(&r->out);
	ccm_sbuf_done(&r->err);
}
