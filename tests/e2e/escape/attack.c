/* SPDX-License-Identifier: MIT */
/* attack - what a sandboxed program might try that a shell cannot, one name each: exit 0, it went through; 1, it was
 * refused. What it is aimed at is in the environment, see lib.bash. Outside of a sandbox each one goes through.
 *
 *     attack NAME
 *     attack victim       waits to be attacked: a secret in memory, a file and shared memory that are open
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fanotify.h>
#include <linux/io_uring.h>
#include <linux/kcmp.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <unistd.h>

#define SECRET "the-secret-of-the-victim"
#define IPC_KEY_OF(uid) (0x63636d00 ^ (int)(uid))

static const char *at(const char *variable, const char *rest)
{
	static char text[4][4096];
	static int turn;
	const char *value = getenv(variable);

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof text[turn], "%s%s", value ? value : "/missing", rest);
	return text[turn];
}

static int number(const char *variable)
{
	const char *value = getenv(variable);

	return value ? atoi(value) : 0;
}

static pid_t victim(void)
{
	return number("VICTIM");
}

/* ---- files ---- */

static int file_xattr(void) { return setxattr(at("REPO", "/a.txt"), "user.attack", "x", 1, 0) == 0; }
static int file_xattr_at(void)
{
	struct { uint64_t value; uint32_t size, flags; } args = { (uint64_t)(uintptr_t)"x", 1, 0 };

	return syscall(463, AT_FDCWD, at("REPO", "/a.txt"), 0, "user.attack2", &args, sizeof args) == 0;
}
static int file_chmod_fd(void)
{
	int fd = open(at("REPO", "/a.txt"), O_RDONLY);

	return fd >= 0 && fchmod(fd, 0777) == 0;
}
static int file_chmod2(void) { return syscall(452, AT_FDCWD, at("REPO", "/a.txt"), 0777, 0) == 0; }
static int file_chown(void) { return chown(at("REPO", "/a.txt"), getuid(), getgid()) == 0; }
static int file_utimes(void)
{
	struct timespec t[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	return utimensat(AT_FDCWD, at("REPO", "/a.txt"), t, 0) == 0;
}
static int file_truncate(void) { return truncate(at("REPO", "/a.txt"), 0) == 0; }
static int file_tmpfile_link(void)
{
	char path[64];
	int fd = open(at("REPO", ""), O_TMPFILE | O_WRONLY, 0600);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return fd >= 0 && linkat(AT_FDCWD, path, AT_FDCWD, at("REPO", "/planted"), AT_SYMLINK_FOLLOW) == 0;
}
static int file_link_out(void)
{
	char path[64];
	int fd = open("mine", O_CREAT | O_RDWR, 0600);

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return fd >= 0 && linkat(AT_FDCWD, path, AT_FDCWD, at("VHOME", "/planted"), AT_SYMLINK_FOLLOW) == 0;
}
static int file_exchange(void)
{
	int fd = open("mine", O_CREAT | O_RDWR, 0600);

	return fd >= 0 && renameat2(AT_FDCWD, "mine", AT_FDCWD, at("REPO", "/a.txt"), RENAME_EXCHANGE) == 0;
}
static int file_punch(void)
{
	int fd = open(at("REPO", "/a.txt"), O_RDWR);

	return fd >= 0 && fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 1) == 0;
}
static int file_map(void)
{
	int fd = open(at("REPO", "/a.txt"), O_RDWR);
	char *p = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return 0;
	*p = 'X';
	return 1;
}
static int file_lease(void)
{
	int fd = open(at("REPO", "/a.txt"), O_RDONLY);

	return fd >= 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}
static int file_lock(void)
{
	int fd = open(at("REPO", "/.git/config"), O_RDONLY);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}
static int file_watch(void)
{
	int fd = inotify_init1(0);

	return fd >= 0 && inotify_add_watch(fd, at("VHOME", ""), IN_ALL_EVENTS) >= 0;
}
static int file_dnotify(void)
{
	int fd = open(at("VHOME", ""), O_RDONLY | O_DIRECTORY);

	return fd >= 0 && fcntl(fd, F_NOTIFY, DN_CREATE) == 0;
}
static int file_flags(void)
{
	int fd = open(at("REPO", "/a.txt"), O_RDONLY), flags = 0x40;      /* nodump */

	return fd >= 0 && ioctl(fd, 0x40086602, &flags) == 0;
}
static int own_file(mode_t mode)
{
	return open("mine", O_CREAT | O_RDWR | O_TRUNC, mode);
}
static int is_setuid(void)
{
	struct stat st;

	return stat("mine", &st) == 0 && st.st_mode & (S_ISUID | S_ISGID);
}
static int suid_chmod(void) { close(own_file(0755)); return chmod("mine", 04755) == 0 && is_setuid(); }
static int suid_fchmod(void) { int fd = own_file(0755); return fchmod(fd, 02755) == 0 && is_setuid(); }
static int suid_fchmodat2(void) { close(own_file(0755)); return syscall(452, AT_FDCWD, "mine", 04755, 0) == 0 && is_setuid(); }
static int suid_open(void) { unlink("mine"); umask(0); close(own_file(06755)); return is_setuid(); }
static int suid_mknod(void) { unlink("mine"); umask(0); return mknod("mine", S_IFREG | 04755, 0) == 0 && is_setuid(); }
static int suid_openat2(void)
{
	struct { uint64_t flags, mode, resolve; } how = { O_CREAT | O_WRONLY, 04755, 0 };

	unlink("mine");
	umask(0);
	return syscall(437, AT_FDCWD, "mine", &how, sizeof how) >= 0 && is_setuid();
}
static int suid_high_bits(void)
{
	close(own_file(0755));
	return syscall(SYS_fchmodat, AT_FDCWD, "mine", 0x100000000ULL | 04755, 0) == 0 && is_setuid();
}
/* A name that is now a directory of ours, now a link to theirs. */
static int race_symlink(void)
{
	pid_t other;
	int through = 0;

	unlink("swap");
	mkdir("real", 0700);
	if (symlink(at("REPO", ""), "swap") < 0)
		return 0;
	other = fork();
	if (other == 0)
		for (;;)
			renameat2(AT_FDCWD, "swap", AT_FDCWD, "real", RENAME_EXCHANGE);
	for (int i = 0; i < 20000 && !through; i++) {
		close(open("swap/raced", O_CREAT | O_WRONLY, 0600));
		through = access(at("REPO", "/raced"), F_OK) == 0;
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return through;
}
static int race_rename(void)
{
	pid_t other;
	int through = 0;

	mkdir("inner", 0700);
	mkdir("inner/deep", 0700);
	other = fork();
	if (other == 0)
		for (;;) {
			renameat2(AT_FDCWD, "inner/deep", AT_FDCWD, "deep", RENAME_NOREPLACE);
			renameat2(AT_FDCWD, "deep", AT_FDCWD, "inner/deep", RENAME_NOREPLACE);
		}
	for (int i = 0; i < 5000 && !through; i++) {
		char path[4200];
		int fd;

		snprintf(path, sizeof path, "inner/deep/../../../../../../../../../../../..%s", at("VHOME", "/.ssh/id_rsa"));
		fd = open(path, O_RDONLY);
		through = fd >= 0;
		close(fd);
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return through;
}

/* ---- processes ---- */

static int proc_tgkill(void) { return syscall(SYS_tgkill, victim(), victim(), SIGWINCH) == 0; }
static int proc_sigqueue(void) { return sigqueue(victim(), SIGWINCH, (union sigval){ 0 }) == 0; }
static int proc_group(void) { return kill(-victim(), SIGWINCH) == 0; }
static int proc_pidfd_signal(void)
{
	int fd = (int)syscall(SYS_pidfd_open, victim(), 0);

	return fd >= 0 && syscall(SYS_pidfd_send_signal, fd, SIGWINCH, NULL, 0) == 0;
}
static int proc_pidfd_getfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, victim(), 0);

	return fd >= 0 && syscall(SYS_pidfd_getfd, fd, 3, 0) >= 0;
}
static int proc_ptrace(void)
{
	if (ptrace(PTRACE_SEIZE, victim(), 0, 0) < 0)
		return 0;
	return 1;
}
static int proc_traceme(void) { return ptrace(PTRACE_TRACEME, 0, 0, 0) == 0; }
static void *secret_address(void)
{
	void *p = NULL;
	FILE *f = fopen(at("SERVICES", "/address"), "r");

	if (f) {
		if (fscanf(f, "%p", &p) != 1)
			p = NULL;
		fclose(f);
	}
	/* Inside, the file is not to be seen; the attack has been told. */
	if (!p && getenv("SECRET_ADDRESS"))
		p = (void *)(uintptr_t)strtoull(getenv("SECRET_ADDRESS"), NULL, 16);
	return p;
}
static int proc_vm_read(void)
{
	char text[sizeof SECRET] = "";
	struct iovec to = { text, sizeof text }, from = { secret_address(), sizeof text };

	return process_vm_readv(victim(), &to, 1, &from, 1, 0) > 0 && strcmp(text, SECRET) == 0;
}
static int proc_vm_write(void)
{
	char text[] = SECRET;
	struct iovec from = { text, sizeof text }, to = { secret_address(), sizeof text };

	return process_vm_writev(victim(), &from, 1, &to, 1, 0) > 0;
}
static int proc_mem(void)
{
	char path[64], text[sizeof SECRET] = "";
	int fd;

	snprintf(path, sizeof path, "/proc/%d/mem", victim());
	fd = open(path, O_RDWR);
	return fd >= 0 && pread(fd, text, sizeof text, (off_t)(uintptr_t)secret_address()) > 0 && strcmp(text, SECRET) == 0;
}
static int proc_prlimit(void)
{
	struct rlimit old;

	return prlimit(victim(), RLIMIT_CORE, NULL, &old) == 0 && prlimit(victim(), RLIMIT_CORE, &old, NULL) == 0;
}
static int proc_priority(void) { return setpriority(PRIO_PROCESS, (id_t)victim(), 1) == 0; }
static int proc_affinity(void)
{
	cpu_set_t set;

	return sched_getaffinity(victim(), sizeof set, &set) == 0 && sched_setaffinity(victim(), sizeof set, &set) == 0;
}
static int proc_scheduler(void)
{
	struct sched_param p = { 0 };

	return sched_setscheduler(victim(), SCHED_BATCH, &p) == 0;
}
static int proc_ioprio(void) { return syscall(SYS_ioprio_set, 1, victim(), 2 << 13 | 7) == 0; }
static int proc_kcmp(void) { return syscall(SYS_kcmp, getpid(), victim(), KCMP_VM, 0, 0) >= 0; }
static int proc_sigio(void)
{
	int fds[2];

	if (pipe(fds) < 0 || fcntl(fds[0], F_SETSIG, SIGWINCH) < 0 || fcntl(fds[0], F_SETOWN, victim()) < 0)
		return 0;
	return fcntl(fds[0], F_SETFL, O_ASYNC) == 0 && fcntl(fds[0], F_GETOWN) == victim();
}
static int proc_perf(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof attr, .config = PERF_COUNT_SW_TASK_CLOCK,
					.exclude_kernel = 1, .exclude_hv = 1 };

	return syscall(SYS_perf_event_open, &attr, victim(), -1, -1, 0) >= 0;
}
static int proc_oom(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/oom_score_adj", victim());
	fd = open(path, O_WRONLY);
	return fd >= 0 && write(fd, "500", 3) == 3;
}
/* Our parent is what keeps us. */
static int proc_parent_mem(void)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/%d/mem", number("KEEPER"));
	fd = open(path, O_RDWR);
	return fd >= 0;
}

/* ---- IPC ---- */

static int connect_unix(int fd, const char *path, int abstract)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t bytes;

	snprintf(a.sun_path + abstract, sizeof a.sun_path - 1, "%s", path);
	bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)abstract + strlen(path));
	return fd >= 0 && connect(fd, (struct sockaddr *)&a, bytes) == 0;
}
static int ipc_stream(void) { return connect_unix(socket(AF_UNIX, SOCK_STREAM, 0), at("SERVICES", "/stream"), 0); }
static int ipc_datagram(void) { return connect_unix(socket(AF_UNIX, SOCK_DGRAM, 0), at("SERVICES", "/datagram"), 0); }
static int ipc_abstract(void) { return connect_unix(socket(AF_UNIX, SOCK_STREAM, 0), at("ABSTRACT", ""), 1); }
static int ipc_pair(int type)
{
	int fds[2];

	return socketpair(AF_UNIX, type, 0, fds) == 0 && connect_unix(fds[0], at("SERVICES", "/datagram"), 0);
}
static int ipc_pair_datagram(void) { return ipc_pair(SOCK_DGRAM); }
static int ipc_pair_raw(void) { return ipc_pair(SOCK_RAW); }       /* the kernel makes it a datagram one */
static int ipc_high_bits(void)
{
	return connect_unix((int)syscall(SYS_socket, 0x100000000ULL | AF_UNIX, 0x100000000ULL | SOCK_STREAM, 0),
			    at("SERVICES", "/stream"), 0);
}
static int ipc_shm(void)
{
	int id = shmget(IPC_KEY_OF(getuid()), 0, 0);
	char *p = id < 0 ? (char *)-1 : shmat(id, NULL, 0);

	return p != (char *)-1 && strcmp(p, SECRET) == 0;
}
static int ipc_sem(void)
{
	struct sembuf op = { 0, 1, 0 };
	int id = semget(IPC_KEY_OF(getuid()), 1, 0);

	return id >= 0 && semop(id, &op, 1) == 0;
}
static int ipc_msg(void)
{
	struct { long type; char text[4]; } m = { 1, "hey" };
	int id = msgget(IPC_KEY_OF(getuid()), 0);

	return id >= 0 && msgsnd(id, &m, 4, IPC_NOWAIT) == 0;
}
static int ipc_mq(void)
{
	mqd_t q = mq_open(at("MQ", ""), O_WRONLY | O_NONBLOCK);

	return q != (mqd_t)-1;
}
static int ipc_posix_shm(void)
{
	int fd = shm_open(at("MQ", ""), O_RDWR, 0);

	return fd >= 0 && write(fd, "x", 1) == 1;
}
static int ipc_fifo(void)
{
	int fd = open(at("SERVICES", "/fifo"), O_WRONLY | O_NONBLOCK);

	return fd >= 0;
}
static int ipc_key_add(void)
{
	return syscall(SYS_add_key, "user", "ccm-planted", "x", 1, KEY_SPEC_USER_KEYRING) > 0;
}
static int ipc_key_read(void)
{
	char text[64];

	return syscall(SYS_keyctl, KEYCTL_READ, number("KEY"), text, sizeof text) > 0;
}

/* ---- network ---- */

static int connect4(int fd, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
}
static int net_tcp(void) { return connect4(socket(AF_INET, SOCK_STREAM, 0), number("PORT")); }
static int net_tcp6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number("PORT6")),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
}
static int net_mapped(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)number("PORT")) };
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	inet_pton(AF_INET6, "::ffff:127.0.0.1", &a.sin6_addr);
	return fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0;
}
static int net_udp(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	char reply[4];
	struct timeval wait = { .tv_sec = 1 };

	if (!connect4(fd, number("UDP")) || send(fd, "ping", 4, 0) != 4)
		return 0;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return recv(fd, reply, 4, 0) == 4;
}
static int net_fastopen(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number("PORT")),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof a) == 1;
}
static int net_fastopen_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	return fd >= 0 && setsockopt(fd, IPPROTO_TCP, 30, &one, sizeof one) == 0 && connect4(fd, number("PORT")) &&
	       send(fd, "x", 1, MSG_NOSIGNAL) == 1;
}
static int net_multipath(void) { return connect4(socket(AF_INET, SOCK_STREAM, 262), number("PORT")); }
static int net_high_bits(void)
{
	return connect4((int)syscall(SYS_socket, 0x700000000ULL | AF_INET, SOCK_DGRAM, 0), number("UDP"));
}
static int net_uevents(void) { return socket(AF_NETLINK, SOCK_RAW, 15) >= 0; }
static int net_crypto(void) { return socket(38 /* AF_ALG */, SOCK_SEQPACKET, 0) >= 0; }
static int net_vsock(void) { return socket(40 /* AF_VSOCK */, SOCK_STREAM, 0) >= 0; }
static int net_raw_udp(void) { return socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE) >= 0; }
/* A server for the person's own programs to fall for: one of them comes by while we wait. */
static int net_listen(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)number("FREE_PORT")),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct timeval wait = { .tv_sec = 3 };

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	return fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0 && accept(fd, NULL, NULL) >= 0;
}

/* ---- the kernel ---- */

static int kernel_unshare(void) { return unshare(CLONE_NEWUSER) == 0; }
static int kernel_unshare_mount(void) { return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0; }
static int kernel_clone(void)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}
static int kernel_clone3(void)
{
	uint64_t args[8] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0 };
	long pid = syscall(SYS_clone3, args, sizeof args);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}
static int kernel_uring(void)
{
	struct io_uring_params p = { 0 };

	return syscall(SYS_io_uring_setup, 4, &p) >= 0;
}
static int kernel_userfault(void) { return syscall(SYS_userfaultfd, O_CLOEXEC | 1 /* user mode only */) >= 0; }
static int kernel_fanotify(void) { return syscall(SYS_fanotify_init, 0x200 | FAN_CLASS_NOTIF, O_RDONLY) >= 0; }
static int kernel_handle(void)
{
	struct { struct file_handle h; char room[128]; } handle = { .h.handle_bytes = 128 };
	int mount;

	return name_to_handle_at(AT_FDCWD, "/usr", &handle.h, &mount, 0) == 0;
}
static int kernel_personality(void) { return personality(PER_LINUX32) >= 0; }
static int kernel_setns(void)
{
	int fd = open("/proc/self/ns/user", O_RDONLY), own;

	/* EINVAL: it was looked at, and is our own. */
	own = fd >= 0 && setns(fd, CLONE_NEWUSER) < 0 && errno == EINVAL;
	return own;
}
#if defined __x86_64__
static int kernel_ldt(void)
{
	char buf[16];

	return syscall(SYS_modify_ldt, 0, buf, sizeof buf) >= 0;
}
static int kernel_i386(void)
{
	long r;

	__asm__ volatile("int $0x80" : "=a"(r) : "a"(20 /* getpid */) : "memory", "r8", "r9", "r10", "r11");
	return r == getpid();
}
#endif

/* ---- terminals ---- */

static int tty_write(void)
{
	int fd = open(at("PTS", ""), O_WRONLY | O_NOCTTY);

	return fd >= 0 && write(fd, "x", 1) == 1;
}
static int tty_modes(void)
{
	int fd = open(at("PTS", ""), O_RDWR | O_NOCTTY);
	struct termios t;

	return fd >= 0 && tcgetattr(fd, &t) == 0 && tcsetattr(fd, TCSANOW, &t) == 0;
}
static int tty_size(void)
{
	int fd = open(at("PTS", ""), O_RDWR | O_NOCTTY);
	struct winsize w = { 10, 10, 0, 0 };

	return fd >= 0 && ioctl(fd, TIOCSWINSZ, &w) == 0;
}
static int tty_discipline(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), d = 0;

	return master >= 0 && ioctl(master, TIOCSETD, &d) == 0;
}

/* ---- resources ---- */

static int many_processes(void)
{
	int count = 0, most = 1500;
	pid_t pid = 0;

	setpgid(0, 0);
	while (count < most && (pid = fork()) > 0)
		count++;
	if (pid == 0)
		for (;;)
			pause();
	signal(SIGTERM, SIG_IGN);
	kill(0, SIGTERM);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return count == most;
}
static int large_file(void)
{
	int fd = own_file(0600);
	int through = fd >= 0 && ftruncate(fd, (off_t)200 << 20) == 0;

	unlink("mine");
	return through;
}
static int much_memory(void)
{
	size_t bytes = (size_t)number("TOO_MUCH_MIB") << 20;
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return bytes > 0 && p != MAP_FAILED;
}

/* ---- who waits to be attacked ---- */

static int be_victim(void)
{
	static char secret[] = SECRET;
	int key = IPC_KEY_OF(getuid()), id, fd;
	char name[64];
	FILE *f;

	if (setpgid(0, 0) < 0 && errno != EPERM)
		return 0;
	signal(SIGWINCH, SIG_IGN);
	fd = open(at("SERVICES", "/open-secret"), O_RDWR | O_CREAT, 0600);
	if (fd != 3 && dup2(fd, 3) < 0)
		return 0;
	id = shmget(key, 4096, IPC_CREAT | 0600);
	if (id >= 0)
		strcpy(shmat(id, NULL, 0), SECRET);
	semget(key, 1, IPC_CREAT | 0600);
	msgget(key, IPC_CREAT | 0600);
	snprintf(name, sizeof name, "%s", at("MQ", ""));
	mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	shm_open(name, O_CREAT | O_RDWR, 0600);
	f = fopen(at("SERVICES", "/address"), "w");
	if (!f)
		return 0;
	fprintf(f, "%p\n", (void *)secret);
	fclose(f);
	fd = posix_openpt(O_RDWR | O_NOCTTY);
	grantpt(fd);
	unlockpt(fd);
	f = fopen(at("SERVICES", "/pts"), "w");
	fprintf(f, "%s\n", ptsname(fd));
	fclose(f);
	f = fopen(at("SERVICES", "/key"), "w");
	fprintf(f, "%ld\n", syscall(SYS_add_key, "user", "ccm-secret", SECRET, sizeof SECRET, KEY_SPEC_USER_KEYRING));
	fclose(f);
	f = fopen(at("SERVICES", "/ready"), "w");
	fclose(f);
	for (;;)
		pause();
}

static const struct { const char *name; int (*run)(void); } attacks[] = {
#define A(name) { #name, name },
	A(file_xattr) A(file_xattr_at) A(file_chmod_fd) A(file_chmod2) A(file_chown) A(file_utimes) A(file_truncate)
	A(file_tmpfile_link) A(file_link_out) A(file_exchange) A(file_punch) A(file_map) A(file_lease) A(file_lock)
	A(file_watch) A(file_dnotify) A(file_flags) A(suid_chmod) A(suid_fchmod) A(suid_fchmodat2) A(suid_open)
	A(suid_mknod) A(suid_openat2) A(suid_high_bits) A(race_symlink) A(race_rename) A(proc_tgkill) A(proc_sigqueue)
	A(proc_group) A(proc_pidfd_signal) A(proc_pidfd_getfd) A(proc_ptrace) A(proc_traceme) A(proc_vm_read)
	A(proc_vm_write) A(proc_mem) A(proc_prlimit) A(proc_priority) A(proc_affinity) A(proc_scheduler) A(proc_ioprio)
	A(proc_kcmp) A(proc_sigio) A(proc_perf) A(proc_oom) A(proc_parent_mem) A(ipc_stream)
	A(ipc_datagram) A(ipc_abstract) A(ipc_pair_datagram) A(ipc_pair_raw) A(ipc_high_bits) A(ipc_shm) A(ipc_sem)
	A(ipc_msg) A(ipc_mq) A(ipc_posix_shm) A(ipc_fifo) A(ipc_key_add) A(ipc_key_read) A(net_tcp) A(net_tcp6)
	A(net_mapped) A(net_udp) A(net_fastopen) A(net_fastopen_connect) A(net_multipath) A(net_high_bits) A(net_uevents)
	A(net_crypto) A(net_vsock) A(net_raw_udp) A(net_listen) A(kernel_unshare) A(kernel_unshare_mount) A(kernel_clone)
	A(kernel_clone3) A(kernel_uring) A(kernel_userfault) A(kernel_fanotify) A(kernel_handle) A(kernel_personality)
	A(kernel_setns)
#if defined __x86_64__
	A(kernel_ldt) A(kernel_i386)
#endif
	A(tty_write) A(tty_modes) A(tty_size) A(tty_discipline) A(many_processes) A(large_file) A(much_memory)
	{ "victim", be_victim },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof attacks / sizeof attacks[0]; i++)
		if (strcmp(argv[1], attacks[i].name) == 0)
			return !attacks[i].run();
	fprintf(stderr, "attack: no attack of that name\n");
	return 64;
}
