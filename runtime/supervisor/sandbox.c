/* SPDX-License-Identifier: MIT */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "init.h"
#include "landlock.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/macros.h"
#include "libccm/settings.h"
#include "namespaces.h"
#include "notify.h"
#include "pty.h"
#include "seccomp.h"

#define RO SANDBOX_READ | SANDBOX_OPTIONAL
#define RX SANDBOX_READ | SANDBOX_EXECUTE | SANDBOX_OPTIONAL
#define DEV SANDBOX_READ | SANDBOX_WRITE | SANDBOX_DEVICE

const struct sandbox_path *sandbox_system_paths(size_t *ret_count)
{
	static const struct sandbox_path paths[] = {
		{ "/usr", SANDBOX_READ | SANDBOX_EXECUTE, NULL },
		{ "/bin", RX, NULL }, { "/sbin", RX, NULL }, { "/lib", RX, NULL }, { "/lib32", RX, NULL },
		{ "/lib64", RX, NULL }, { "/libx32", RX, NULL },
		{ "/etc/alternatives", RX, NULL }, { "/etc/ca-certificates", RO, NULL }, { "/etc/crypto-policies", RO, NULL },
		{ "/etc/debian_version", RO, NULL }, { "/etc/fonts", RO, NULL }, { "/etc/group", RO, NULL },
		{ "/etc/host.conf", RO, NULL }, { "/etc/hosts", RO, NULL }, { "/etc/inputrc", RO, NULL },
		{ "/etc/java", RO, NULL }, { "/etc/ld.so.cache", RO, NULL }, { "/etc/ld.so.conf", RO, NULL },
		{ "/etc/ld.so.conf.d", RO, NULL }, { "/etc/ld-musl-x86_64.path", RO, NULL }, { "/etc/locale.alias", RO, NULL },
		{ "/etc/locale.conf", RO, NULL }, { "/etc/localtime", RO, NULL }, { "/etc/magic", RO, NULL },
		{ "/etc/mime.types", RO, NULL }, { "/etc/nsswitch.conf", RO, NULL }, { "/etc/os-release", RO, NULL },
		{ "/etc/passwd", RO, NULL }, { "/etc/pki/tls", RO, NULL }, { "/etc/pki/ca-trust", RO, NULL },
		{ "/etc/protocols", RO, NULL }, { "/etc/python3", RO, NULL }, { "/etc/resolv.conf", RO, NULL },
		{ "/etc/services", RO, NULL }, { "/etc/shells", RO, NULL }, { "/etc/ssl/certs", RO, NULL },
		{ "/etc/ssl/openssl.cnf", RO, NULL }, { "/etc/terminfo", RO, NULL }, { "/etc/timezone", RO, NULL },
		{ "/etc/xdg", RO, NULL },
		{ "/proc", SANDBOX_READ, NULL },
		{ "/dev/null", DEV, NULL }, { "/dev/zero", DEV, NULL }, { "/dev/full", DEV, NULL },
		{ "/dev/random", DEV, NULL }, { "/dev/urandom", DEV, NULL }, { "/dev/tty", DEV | SANDBOX_OPTIONAL, NULL },
		{ "/dev/pts", DEV, NULL }, { "/dev/shm", SANDBOX_EMPTY, NULL },
	};

	*ret_count = ARRAY_SIZE(paths);
	return paths;
}

/* ------------------------------------------------------------------------------------------------ starting */

struct start {
	const struct sandbox_spec *spec;
	const char *const *argv;
	struct sandbox_child *child;
	int abi;
	int slave_fd;
	bool refused_namespaces;
};

/* What init and the program say until the program runs. */
static int receive(int fd, struct init_message *m, int *ret_fd)
{
	union { char space[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control = { 0 };
	struct iovec part = { .iov_base = m, .iov_len = sizeof *m };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
				  .msg_controllen = sizeof control.space };
	struct cmsghdr *c;
	ssize_t bytes;

	*ret_fd = -1;
	do
		bytes = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (bytes < 0 && errno == EINTR);
	if (bytes <= 0)
		return (int)bytes;
	c = CMSG_FIRSTHDR(&message);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
	return 1;
}

static int listen_to_setup(struct start *s, int fd, struct ccm_diag *diag)
{
	struct init_message m = { 0 };
	bool ready = false;
	int passed;

	while (receive(fd, &m, &passed) > 0) {
		switch (m.kind) {
		case INIT_FAILED:
			ccm_closep(&passed);
			s->refused_namespaces = m.refused_namespaces;
			return ccm_diag_set(diag, m.error < 0 ? m.error : -EIO, "%.*s", (int)sizeof m.text - 1, m.text);
		case INIT_PROXY:
			ccm_closep(&s->child->proxy_fd);
			s->child->proxy_fd = passed;
			break;
		case INIT_NOTIFY:
			ccm_closep(&s->child->notify_fd);
			s->child->notify_fd = passed;
			break;
		case INIT_READY:
			ready = true;
			break;
		}
	}
	return ready ? 0 : ccm_diag_set(diag, -EIO, "the sandbox ended before the program was started");
}

/* What the kernel's number means here. */
static const char *namespaces_words(int error)
{
	return error == -ENOSPC ? "no more of them may be made (user.max_user_namespaces and its like)" : strerror(-error);
}

static int start_once(struct start *s, bool namespaces, struct ccm_diag *diag)
{
	_cleanup_close_ int setup = -1, setup_inside = -1, control = -1, control_inside = -1;
	int pair[2], r;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	setup = pair[0];
	setup_inside = pair[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	control = pair[0];
	control_inside = pair[1];
	const struct init_plan plan = {
		.spec = s->spec, .argv = s->argv, .namespaces = namespaces, .abi = s->abi, .uid = geteuid(), .gid = getegid(),
		.setup_fd = setup_inside, .control_fd = control_inside, .slave_fd = s->slave_fd,
	};
	fflush(NULL);
	pid = namespaces ? namespaces_fork() : fork();
	if (pid == 0)
		init_main(&plan);
	if (pid < 0) {
		r = namespaces ? pid : -errno;
		s->refused_namespaces = namespaces;
		return ccm_diag_set(diag, r, "cannot make %s: %s", namespaces ? "namespaces" : "a process",
				    namespaces ? namespaces_words(r) : strerror(-r));
	}
	ccm_closep(&setup_inside);
	ccm_closep(&control_inside);
	setup_inside = control_inside = -1;
	r = listen_to_setup(s, setup, diag);
	if (r == 0 && s->child->notify_fd >= 0)
		r = notify_new(s->child->notify_fd, s->spec, namespaces, &s->child->notify);
	s->child->control_fd = TAKE_FD(control);
	s->child->pid = pid;
	if (r < 0) {
		sandbox_child_done(s->child);
		return r;
	}
	s->child->layers = SANDBOX_LANDLOCK | SANDBOX_SECCOMP | (namespaces ? SANDBOX_NAMESPACES : 0);
	return 0;
}

/* Without descriptors 0, 1 and 2, others would get these numbers, and the program would find them there. */
static int fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			return -errno;
	return 0;
}

static int refuse(struct ccm_diag *diag, int abi, const char *why)
{
	return ccm_diag_set(diag, -CCM_E_REFUSED,
			    "no sandbox here: namespaces are refused (%s), and without them Landlock ABI %d is needed (Linux 6.12; "
			    "here: %d). 'ccm-supervisor sandbox check' says what to enable", why, LANDLOCK_ABI_ALONE, abi);
}

static int check_landlock(int abi, struct ccm_diag *diag)
{
	if (abi >= LANDLOCK_ABI_LEAST)
		return 0;
	return ccm_diag_set(diag, -CCM_E_REFUSED, "no sandbox here: Landlock ABI %d is needed (Linux 5.19), this kernel has %s. "
			    "'ccm-supervisor sandbox check' says what to enable", LANDLOCK_ABI_LEAST,
			    abi == 1 ? "1" : abi == -EOPNOTSUPP ? "it, but not enabled" : "none");
}

static int start_layers(struct start *s, struct ccm_diag *diag)
{
	struct ccm_diag why = { 0 };
	int r;

	if (!(s->spec->without & SANDBOX_NAMESPACES)) {
		r = start_once(s, true, &why);
		if (r == 0 || !s->refused_namespaces)
			return r < 0 ? ccm_diag_set(diag, r, "%s", ccm_diag_text(&why, r)) : 0;
	} else {
		ccm_diag_set(&why, 0, "they were not to be used");
	}
	if (s->abi < LANDLOCK_ABI_ALONE)
		return refuse(diag, s->abi, why.text);
	r = start_once(s, false, diag);
	if (r == 0)
		snprintf(s->child->why_not, sizeof s->child->why_not, "%s", why.text);
	return r;
}

int sandbox_start(const struct sandbox_spec *spec, const char *const *argv, struct sandbox_child *ret, struct ccm_diag *diag)
{
	struct sandbox_child child = SANDBOX_CHILD_INIT;
	struct start s = { .spec = spec, .argv = argv, .child = &child, .abi = landlock_abi(), .slave_fd = -1 };
	_cleanup_close_ int master = -1;
	int r;

	r = check_landlock(s.abi, diag);
	if (r < 0)
		return r;
	r = fill_standard_fds();
	if (r < 0)
		return r;
	if (spec->terminal) {
		r = pty_open(isatty(STDIN_FILENO) ? STDIN_FILENO : STDOUT_FILENO, &master, &s.slave_fd);
		if (r < 0)
			return ccm_diag_set(diag, r, "cannot make a terminal for the sandbox: %s", strerror(-r));
	}
	r = start_layers(&s, diag);
	ccm_closep(&s.slave_fd);
	if (r < 0)
		return r;
	child.terminal_fd = TAKE_FD(master);
	*ret = child;
	return 0;
}

/* ------------------------------------------------------------------------------------------------ probing */

/* In the child: everything that a start does with namespaces, with the paths that every program gets. */
static void try_namespaces(const struct sandbox_spec *spec, uid_t uid, gid_t gid, struct ccm_diag *diag, int *ret_error)
{
	struct places places = { 0 };
	int root;

	*ret_error = places_open(spec, true, &places, diag);
	if (*ret_error == 0)
		*ret_error = namespaces_map_user(uid, gid, diag);
	if (*ret_error == 0)
		*ret_error = namespaces_loopback(diag);
	if (*ret_error == 0)
		*ret_error = namespaces_root(&places, &root, diag);
}

static int probe_namespaces(struct sandbox_report *report)
{
	struct { int error; struct ccm_diag diag; } answer = { .error = -EIO };
	struct sandbox_spec spec = { 0 };
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int pipe_fds[2];
	pid_t pid;

	spec.paths = sandbox_system_paths(&spec.path_count);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	fflush(NULL);
	pid = namespaces_fork();
	if (pid == 0) {
		try_namespaces(&spec, uid, gid, &answer.diag, &answer.error);
		(void)!write(pipe_fds[1], &answer, sizeof answer);
		_exit(0);
	}
	close(pipe_fds[1]);
	if (pid < 0)
		ccm_diag_set(&answer.diag, answer.error = pid, "cannot make namespaces: %s", namespaces_words(pid));
	else if (read(pipe_fds[0], &answer, sizeof answer) != sizeof answer)
		answer.error = -EIO;
	close(pipe_fds[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	report->namespaces_error = answer.error;
	report->namespaces_words = answer.diag;
	return 0;
}

static void add_missing(struct sandbox_report *r, const char *words)
{
	size_t used = strlen(r->missing);

	snprintf(r->missing + used, sizeof r->missing - used, "%s\n", words);
}

/* The switches of the distributions that are known to refuse user namespaces. */
static void advise_namespaces(struct sandbox_report *r)
{
	static const struct { const char *file, *bad, *words; } switches[] = {
		{ "/proc/sys/kernel/unprivileged_userns_clone", "0",
		  "User namespaces are for root only: sysctl kernel.unprivileged_userns_clone=1 (Debian)." },
		{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
		  "AppArmor refuses user namespaces: an AppArmor profile for ccm-supervisor with 'userns,', or sysctl "
		  "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu)." },
		{ "/proc/sys/user/max_user_namespaces", "0", "No user namespace may be made: sysctl user.max_user_namespaces=10000." },
	};
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(switches); i++) {
		_cleanup_sbuf_ struct ccm_sbuf text = { 0 };

		if (ccm_read_file(switches[i].file, 64, &text) == 0 && text.bytes > 0 &&
		    strncmp(text.text, switches[i].bad, strlen(switches[i].bad)) == 0 && text.text[strlen(switches[i].bad)] <= ' ') {
			add_missing(r, switches[i].words);
			known = true;
		}
	}
	if (!known)
		add_missing(r, "Namespaces are refused. In a container: let it make user namespaces and mount /proc.");
}

int sandbox_probe(struct sandbox_report *ret)
{
	struct sandbox_report r = { .landlock_abi = landlock_abi(), .seccomp_error = seccomp_available() };
	int error = probe_namespaces(&r);

	if (error < 0)
		return error;
	if (r.namespaces_error < 0)
		advise_namespaces(&r);
	if (r.landlock_abi == -EOPNOTSUPP)
		add_missing(&r, "Landlock is in this kernel, but not enabled: add 'landlock' to the boot parameter lsm=.");
	else if (r.landlock_abi < 0)
		add_missing(&r, "This kernel has no Landlock: use Linux 5.19 or later, built with CONFIG_SECURITY_LANDLOCK.");
	else if (r.landlock_abi < LANDLOCK_ABI_LEAST)
		add_missing(&r, "This kernel's Landlock is too old: use Linux 5.19 or later.");
	else if (r.namespaces_error < 0 && r.landlock_abi < LANDLOCK_ABI_ALONE)
		add_missing(&r, "Without namespaces, this kernel's Landlock is too old: use Linux 6.12 or later.");
	if (r.seccomp_error < 0)
		add_missing(&r, "This kernel has no seccomp filters that can ask: use one built with CONFIG_SECCOMP_FILTER.");
	if (r.seccomp_error == 0 && r.landlock_abi >= (r.namespaces_error == 0 ? LANDLOCK_ABI_LEAST : LANDLOCK_ABI_ALONE))
		r.layers = SANDBOX_LANDLOCK | SANDBOX_SECCOMP | (r.namespaces_error == 0 ? SANDBOX_NAMESPACES : 0);
	*ret = r;
	return 0;
}

/* ------------------------------------------------------------------------------------------------ afterwards */

int sandbox_signal(struct sandbox_child *child, int signal)
{
	return send(child->control_fd, &signal, sizeof signal, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void wait_for_pid(struct sandbox_child *child)
{
	while (child->pid > 0 && waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}

void sandbox_child_done(struct sandbox_child *child)
{
	if (child->pid > 0) {
		/* The end of control_fd alone ends it, too; a stopped pid 1 would not see it. */
		if (child->layers & SANDBOX_NAMESPACES)
			kill(child->pid, SIGKILL);
		ccm_closep(&child->control_fd);
		child->control_fd = -1;
		wait_for_pid(child);
	}
	if (child->notify)
		notify_free(child->notify);
	else
		ccm_closep(&child->notify_fd);
	ccm_closep(&child->control_fd);
	ccm_closep(&child->proxy_fd);
	ccm_closep(&child->terminal_fd);
	*child = (struct sandbox_child)SANDBOX_CHILD_INIT;
}

struct waiting {
	struct sandbox_child *child;
	const struct sandbox_watch *watch;
	struct pty_relay *relay;
	int signals;
	unsigned interrupts;
	bool ended, told;            /* told: by the process above the program, and not by its end */
	int status;
};

static void on_signal(struct waiting *w)
{
	struct signalfd_siginfo info;

	while (read(w->signals, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGWINCH || info.ssi_signo == SIGCONT) {
			if (w->relay)
				pty_relay_resize(w->relay);
			continue;
		}
		(void)sandbox_signal(w->child, w->interrupts++ == 0 ? (int)info.ssi_signo : SIGKILL);
		/* What is stopped cannot take it. */
		(void)sandbox_signal(w->child, SIGCONT);
	}
}

static void on_control(struct waiting *w)
{
	int status;

	w->told = recv(w->child->control_fd, &status, sizeof status, MSG_DONTWAIT) == sizeof status;
	if (w->told)
		w->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	else if (errno == EAGAIN || errno == EINTR)
		return;
	w->ended = true;
}

static int remaining_ms(int64_t next_us)
{
	int64_t us = next_us - ccm_mono_us();

	return us <= 0 ? 0 : us > 3600000000 ? 3600000 : (int)((us + 999) / 1000);
}

static void loop(struct waiting *w)
{
	const struct sandbox_watch *watch = w->watch;
	bool ticks = watch && watch->tick;
	int64_t next = ticks ? ccm_mono_us() + watch->tick_ms * 1000 : 0;

	while (!w->ended) {
		struct pollfd fds[4 + PTY_POLL_FDS] = {
			{ .fd = w->child->control_fd, .events = POLLIN },
			{ .fd = w->signals, .events = POLLIN },
			{ .fd = w->child->notify_fd, .events = POLLIN },
			{ .fd = ticks ? watch->fd : -1, .events = POLLIN },
		};
		nfds_t count = 4;

		if (w->relay)
			count += (nfds_t)pty_relay_poll(w->relay, fds + 4);
		if (poll(fds, count, ticks && watch->tick_ms > 0 ? remaining_ms(next) : -1) < 0)
			continue;
		if (fds[1].revents)
			on_signal(w);
		if (fds[2].revents & POLLIN)
			notify_answer(w->child->notify);
		else if (fds[2].revents)
			w->child->notify_fd = -1;    /* nobody is left to ask; notify_free() closes it */
		if (w->relay)
			pty_relay_move(w->relay, fds + 4);
		if (ticks && (fds[3].revents || ccm_mono_us() >= next)) {
			watch->tick(watch->user);
			next = ccm_mono_us() + watch->tick_ms * 1000;
		}
		if (fds[0].revents)
			on_control(w);
	}
}

int sandbox_wait(struct sandbox_child *child, const struct sandbox_watch *watch, int *ret_status)
{
	struct waiting w = { .child = child, .watch = watch, .status = 128 + SIGKILL };
	struct pty_relay relay;
	sigset_t set, before;
	int r = 0;

	sigemptyset(&set);
	for (size_t i = 0; i < 5; i++)
		sigaddset(&set, (int[]){ SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT }[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	w.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w.signals < 0)
		r = -errno;
	if (r == 0 && watch && watch->relay && child->terminal_fd >= 0) {
		/* What is no terminal, the program has itself. */
		r = pty_relay_begin(&relay, child->terminal_fd, isatty(STDIN_FILENO) ? STDIN_FILENO : -1,
				    isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO) ? STDOUT_FILENO : STDERR_FILENO);
		w.relay = &relay;
	}
	if (r == 0) {
		loop(&w);
		/* In a namespace all inside was reaped before we were told; what is left then is the end of the namespace itself,
		 * and sandbox_child_done() waits for that. */
		if (!w.told || !(child->layers & SANDBOX_NAMESPACES))
			wait_for_pid(child);
		*ret_status = w.status;
	}
	if (w.relay)
		pty_relay_end(w.relay);
	ccm_closep(&w.signals);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
