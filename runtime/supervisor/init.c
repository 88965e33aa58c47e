/* SPDX-License-Identifier: MIT */
#include "init.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kernel.h"
#include "landlock.h"
#include "libccm/macros.h"
#include "namespaces.h"
#include "seccomp.h"

static void send_message(int fd, const struct init_message *m, int passed_fd)
{
	union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control = { 0 };
	struct iovec part = { .iov_base = (void *)m, .iov_len = sizeof *m };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (passed_fd >= 0) {
		struct cmsghdr *c = &control.align;

		message.msg_control = control.space;
		message.msg_controllen = sizeof control.space;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed_fd, sizeof passed_fd);
	}
	while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

static void __attribute__((noreturn)) fail(const struct init_plan *plan, int error, bool refused_namespaces,
					   const struct ccm_diag *diag)
{
	struct init_message m = { .kind = INIT_FAILED, .error = error, .refused_namespaces = refused_namespaces };

	snprintf(m.text, sizeof m.text, "%s", ccm_diag_text(diag, error));
	send_message(plan->setup_fd, &m, -1);
	_exit(126);
}

/* ------------------------------------------------------------------------------------------------ the program */

static int allow_places(const struct init_plan *plan, const struct places *places, int root, int ruleset,
			struct ccm_diag *diag)
{
	int r = 0;

	for (size_t i = 0; i < places->count && r == 0; i++) {
		const struct place *p = &places->items[i];
		unsigned access = p->spec->access;

		if (p->fd < 0)
			continue;
		/* A terminal device of the caller's is not the program's. */
		if (!plan->namespaces && strcmp(p->spec->path, "/dev/pts") == 0)
			continue;
		if (access & SANDBOX_EMPTY)
			access |= SANDBOX_READ | (p->read_only ? 0 : SANDBOX_WRITE);
		/* The mount forbids writing; a rule that allowed it would only ask for another answer than "read-only". */
		r = landlock_allow(ruleset, plan->abi, p->fd, access & SANDBOX_PIN ? access & ~SANDBOX_WRITE : access,
				   p->directory);
		if (r < 0)
			return ccm_diag_set(diag, r, "cannot make a Landlock rule for '%s': %s", p->at, strerror(-r));
	}
	if (root >= 0)
		r = landlock_allow_listing(ruleset, root);
	return r;
}

static int make_rules(const struct init_plan *plan, const struct places *places, int root, struct ccm_diag *diag)
{
	/* Inside a network namespace nobody listens but the program's own children. */
	bool own_loopback = plan->namespaces && plan->spec->local_servers;
	_cleanup_close_ int ruleset = landlock_create(plan->abi, !own_loopback, !own_loopback);
	int r;

	if (ruleset < 0)
		return ccm_diag_set(diag, ruleset, "cannot make Landlock rules: %s", strerror(-ruleset));
	r = allow_places(plan, places, root, ruleset, diag);
	if (r == 0 && plan->spec->proxy_port > 0 && !own_loopback && plan->abi >= 4)
		r = landlock_allow_port(ruleset, plan->spec->proxy_port);
	return r < 0 ? r : TAKE_FD(ruleset);
}

static int set_limit(int which, int64_t value)
{
	struct rlimit limit;

	if (getrlimit(which, &limit) < 0)
		return -errno;
	if (value > 0 && (limit.rlim_max == RLIM_INFINITY || (rlim_t)value < limit.rlim_max))
		limit.rlim_max = (rlim_t)value;
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	return setrlimit(which, &limit) < 0 ? -errno : 0;
}

static int set_limits(const struct sandbox_spec *spec)
{
	struct rlimit none = { 0 };
	int r = 0;

	setrlimit(RLIMIT_CORE, &none);
	setrlimit(RLIMIT_MSGQUEUE, &none);
	if (spec->limits.max_file_bytes > 0)
		r = set_limit(RLIMIT_FSIZE, spec->limits.max_file_bytes);
	if (r == 0 && spec->limits.max_memory_bytes > 0)
		r = set_limit(RLIMIT_DATA, spec->limits.max_memory_bytes);
	if (r == 0 && spec->limits.max_processes > 0)
		r = set_limit(RLIMIT_NPROC, spec->limits.max_processes);
	return r;
}

/* All others are as init has set them. */
static void default_signals(void)
{
	sigset_t none;

	/* A write past the limit is an error that a program can tell, not its end. */
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int take_terminal(const struct init_plan *plan)
{
	if (setsid() < 0)
		return -errno;
	if (plan->slave_fd < 0)
		return 0;
	for (int fd = 0; fd <= 2; fd++)
		if (isatty(fd) && dup2(plan->slave_fd, fd) < 0)
			return -errno;
	return ioctl(plan->slave_fd, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

static const char *search_path(const char *const *envp)
{
	for (; envp && *envp; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return "/usr/local/bin:/usr/bin:/bin";
}

static void execute(const struct init_plan *plan)
{
	const char *name = plan->argv[0], *dirs = search_path(plan->spec->envp);
	char *const *argv = (char *const *)plan->argv, *const *envp = (char *const *)plan->spec->envp;
	int error = ENOENT;

	if (strchr(name, '/')) {
		execve(name, argv, envp);
		return;
	}
	for (; *dirs; dirs += strcspn(dirs, ":"), dirs += *dirs == ':') {
		char path[4096];

		if (snprintf(path, sizeof path, "%.*s/%s", (int)strcspn(dirs, ":"), dirs, name) >= (int)sizeof path)
			continue;
		execve(path, argv, envp);
		if (errno != ENOENT && errno != ENOTDIR)
			error = errno;
	}
	errno = error;
}

static void close_others(const struct init_plan *plan)
{
	/* All else that we, or the caller, have open; the last is closed by the execution. */
	for (int fd = 3; fd < plan->setup_fd; fd++)
		close(fd);
	if (syscall(SYS_close_range, plan->setup_fd + 1, ~0U, 0) < 0)
		for (int fd = plan->setup_fd + 1; fd < 65536; fd++)
			close(fd);
}

static void __attribute__((noreturn)) program_main(const struct init_plan *plan, int ruleset)
{
	const struct init_message ready = { .kind = INIT_READY };
	struct ccm_diag diag = { 0 };
	int r;

	default_signals();
	if (chdir(plan->spec->directory ? plan->spec->directory : "/") < 0)
		fail(plan, ccm_diag_set(&diag, -errno, "cannot start in '%s' in the sandbox: %s", plan->spec->directory,
					strerror(errno)), false, &diag);
	r = take_terminal(plan);
	if (r < 0)
		fail(plan, ccm_diag_set(&diag, r, "cannot give the sandbox a terminal: %s", strerror(-r)), false, &diag);
	if (namespaces_drop() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail(plan, ccm_diag_set(&diag, -errno, "cannot give up privileges: %s", strerror(errno)), false, &diag);
	r = landlock_apply(ruleset);
	if (r < 0)
		fail(plan, ccm_diag_set(&diag, r, "cannot put the Landlock rules into force: %s", strerror(-r)), false,
		     &diag);
	r = seccomp_load_filter(plan->namespaces, !plan->namespaces || plan->spec->denied_fd >= 0);
	if (r < 0 && r != -ENOENT)
		fail(plan, ccm_diag_set(&diag, r, "cannot load the system call filter: %s", strerror(-r)), false, &diag);
	if (r >= 0)
		send_message(plan->setup_fd, &(struct init_message){ .kind = INIT_NOTIFY }, r);
	close_others(plan);
	/* Last: they are for the program, and what we do ourselves may need more. */
	r = set_limits(plan->spec);
	if (r < 0)
		fail(plan, ccm_diag_set(&diag, r, "cannot set the limits of the sandbox: %s", strerror(-r)), false, &diag);
	send_message(plan->setup_fd, &ready, -1);
	execute(plan);
	r = -errno;
	fail(plan, ccm_diag_set(&diag, r, "cannot run '%s' in the sandbox: %s", plan->argv[0], strerror(-r)), false, &diag);
}

/* ------------------------------------------------------------------------------------------------ setting up */

static int listen_on_loopback(int port, struct ccm_diag *diag)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0)
		return ccm_diag_set(diag, -errno, "cannot listen on port %d for the sandbox: %s", port, strerror(errno));
	return TAKE_FD(fd);
}

static int set_up_namespaces(const struct init_plan *plan, struct places *places, int *ret_root, struct ccm_diag *diag)
{
	int r = namespaces_map_user(plan->uid, plan->gid, diag);

	if (r < 0)
		return r;
	r = namespaces_loopback(diag);
	if (r < 0)
		return r;
	(void)!sethostname("sandbox", 7);
	return namespaces_root(places, ret_root, diag);
}

/* ------------------------------------------------------------------------------------------------ afterwards */

/* Every process below us that /proc shows, whoever its parent is. */
static void signal_below(int signal)
{
	_cleanup_closedir_ DIR *proc = opendir("/proc");
	struct { pid_t pid, parent; bool ours; } all[4096];
	size_t count = 0;
	struct dirent *e;
	bool more = true;

	while (proc && (e = readdir(proc)) && count < ARRAY_SIZE(all)) {
		_cleanup_close_ int fd = -1;
		char path[300], text[512];
		const char *end;
		ssize_t bytes;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		snprintf(path, sizeof path, "/proc/%s/stat", e->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		bytes = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
		if (bytes <= 0)
			continue;
		text[bytes] = '\0';
		/* The name, in brackets, may hold anything. */
		end = strrchr(text, ')');
		if (!end || strlen(end) < 5)
			continue;
		all[count].pid = (pid_t)atoi(e->d_name);
		all[count].parent = (pid_t)atoi(end + 4);
		all[count].ours = all[count].parent == getpid();
		count++;
	}
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++)
			for (size_t j = 0; j < count && !all[i].ours; j++)
				if (all[j].ours && all[j].pid == all[i].parent)
					all[i].ours = more = true;
	}
	for (size_t i = 0; i < count; i++)
		if (all[i].ours)
			kill(all[i].pid, signal);
}

static void signal_all(const struct init_plan *plan, int signal)
{
	/* From pid 1, -1 is everything inside but itself. */
	if (plan->namespaces)
		kill(-1, signal);
	else
		signal_below(signal);
}

static void __attribute__((noreturn)) end_all(const struct init_plan *plan)
{
	/* With pid 1 the kernel ends the namespace. Else: first nothing may start anything new. */
	while (!plan->namespaces) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (errno == ECHILD)
			break;
		signal_below(SIGSTOP);
		signal_below(SIGKILL);
		waitpid(-1, NULL, 0);
	}
	_exit(0);
}

/* Reaps; true once the program itself has ended. */
static bool reap(const struct init_plan *plan, pid_t program)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != program)
			continue;
		/* Everything else first: who is told of the end may look at what is left. */
		if (plan->namespaces) {
			kill(-1, SIGKILL);
			while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
				;
		}
		(void)!send(plan->control_fd, &status, sizeof status, MSG_NOSIGNAL);
		return true;
	}
	return false;
}

static void __attribute__((noreturn)) watch(const struct init_plan *plan, pid_t program, int signals)
{
	struct pollfd fds[] = { { .fd = signals, .events = POLLIN }, { .fd = plan->control_fd, .events = POLLIN } };
	struct signalfd_siginfo info;
	int wanted;

	for (;;) {
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			end_all(plan);
		while (read(signals, &info, sizeof info) > 0)
			;
		if (reap(plan, program))
			end_all(plan);
		if (fds[1].revents) {
			/* Its end is the caller's end. */
			if (recv(plan->control_fd, &wanted, sizeof wanted, MSG_DONTWAIT) != sizeof wanted ||
			    wanted == SIGKILL)
				end_all(plan);
			signal_all(plan, wanted);
		}
	}
}

static void keep_only(const int *fds, size_t count)
{
	int next = 0;

	/* Ascending order is the caller's duty. */
	for (size_t i = 0; i < count; i++) {
		for (; next < fds[i]; next++)
			close(next);
		next = fds[i] + 1;
	}
	if (syscall(SYS_close_range, next, ~0U, 0) < 0)
		for (; next < 65536; next++)
			close(next);
}

void init_main(const struct init_plan *plan)
{
	_cleanup_(places_done) struct places places = { 0 };
	struct ccm_diag diag = { 0 };
	int root = -1, ruleset, signals, r;
	sigset_t child;
	pid_t program;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_SETMASK, &child, NULL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	/* A terminal's keys are for the caller; it hands them on. */
	setpgid(0, 0);
	r = places_open(plan->spec, plan->namespaces, &places, &diag);
	if (r < 0)
		fail(plan, r, false, &diag);
	if (plan->namespaces) {
		r = set_up_namespaces(plan, &places, &root, &diag);
		if (r < 0)
			fail(plan, r, r == -EPERM || r == -EACCES || r == -ENOSYS || r == -ENOSPC, &diag);
	} else {
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	}
	if (plan->spec->proxy_port > 0) {
		r = listen_on_loopback(plan->spec->proxy_port, &diag);
		if (r < 0)
			fail(plan, r, false, &diag);
		send_message(plan->setup_fd, &(struct init_message){ .kind = INIT_PROXY }, r);
		close(r);
	}
	ruleset = make_rules(plan, &places, root, &diag);
	if (ruleset < 0)
		fail(plan, ruleset, false, &diag);
	places_done(&places);
	ccm_closep(&root);
	/* Without the dumpable flag nobody of the same user can look into us, or attach. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	program = fork();
	if (program == 0)
		program_main(plan, ruleset);
	if (program < 0 || signals < 0) {
		ccm_diag_set(&diag, -errno, "cannot start a process: %s", strerror(errno));
		fail(plan, -EAGAIN, false, &diag);
	}
	if (plan->namespaces)
		(void)namespaces_drop();
	/* Now, because a change of credentials clears it. Without namespaces our end would not be that of the others: there the
	 * end of control_fd must do. */
	if (plan->namespaces)
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	keep_only((int[]){ signals < plan->control_fd ? signals : plan->control_fd,
			   signals < plan->control_fd ? plan->control_fd : signals }, 2);
	watch(plan, program, signals);
}
