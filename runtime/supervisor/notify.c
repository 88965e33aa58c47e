/* SPDX-License-Identifier: MIT */
#include "notify.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/macros.h"

struct notify {
	int fd, denied_fd;
	struct seccomp_notif *request;
	struct seccomp_notif_resp *response;
	char **writable;             /* canonical paths; NULL ends them. Empty with namespaces */
	uint64_t told[NOTIFY_TOLD_MAX];
	unsigned told_count;
};

int notify_new(int fd, const struct sandbox_spec *spec, bool namespaces, struct notify **ret)
{
	struct notify *n = calloc(1, sizeof *n);
	size_t count = 0;

	if (!n)
		return -ENOMEM;
	n->fd = -1;
	n->denied_fd = spec->denied_fd;
	n->writable = calloc(spec->path_count + 1, sizeof *n->writable);
	if (!n->writable || seccomp_notify_alloc(&n->request, &n->response) < 0)
		goto no_memory;
	for (size_t i = 0; i < spec->path_count && !namespaces; i++) {
		if (!(spec->paths[i].access & SANDBOX_WRITE) || spec->paths[i].access & (SANDBOX_DEVICE | SANDBOX_EMPTY))
			continue;
		n->writable[count] = strdup(spec->paths[i].path);
		if (!n->writable[count++])
			goto no_memory;
	}
	n->fd = fd;
	*ret = n;
	return 0;
no_memory:
	notify_free(n);
	return -ENOMEM;
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	ccm_closep(&n->fd);
	for (char **p = n->writable; p && *p; p++)
		free(*p);
	free(n->writable);
	if (n->request)
		seccomp_notify_free(n->request, n->response);
	free(n);
}

/* ------------------------------------------------------------------------------------------------ telling */

static void add_name(struct ccm_sbuf *s, int value, const char *const *names, size_t count, const char *prefix)
{
	if (value >= 0 && (size_t)value < count && names[value])
		ccm_sbuf_addf(s, "%s%s", prefix, names[value]);
	else
		ccm_sbuf_addf(s, "%s%d", prefix, value);
}

static void describe_socket(struct ccm_sbuf *s, const struct seccomp_data *d)
{
	static const char *const families[] = { [AF_UNIX] = "UNIX", [AF_INET] = "INET", [AF_INET6] = "INET6",
						[AF_NETLINK] = "NETLINK", [AF_PACKET] = "PACKET", [AF_KEY] = "KEY",
						[AF_ALG] = "ALG", [AF_VSOCK] = "VSOCK", [AF_BLUETOOTH] = "BLUETOOTH" };
	static const char *const types[] = { [SOCK_STREAM] = "STREAM", [SOCK_DGRAM] = "DGRAM", [SOCK_RAW] = "RAW",
					     [SOCK_SEQPACKET] = "SEQPACKET" };

	add_name(s, (int)d->args[0], families, ARRAY_SIZE(families), "AF_");
	ccm_sbuf_adds(s, ", ");
	add_name(s, (int)d->args[1] & 0xf, types, ARRAY_SIZE(types), "SOCK_");
	if ((int)d->args[2])
		ccm_sbuf_addf(s, ", protocol %d", (int)d->args[2]);
}

/* What tells one refusal of a call from another. */
static void describe(struct ccm_sbuf *s, const struct seccomp_data *d)
{
	int call = d->nr;

	if (call == SCMP_SYS(socket) || call == SCMP_SYS(socketpair))
		describe_socket(s, d);
	else if (call == SCMP_SYS(clone) || call == SCMP_SYS(unshare))
		ccm_sbuf_addf(s, "flags %#x", (unsigned)d->args[0]);
	else if (call == SCMP_SYS(ioctl))
		ccm_sbuf_addf(s, "request %#x", (unsigned)d->args[1]);
	else if (call == SCMP_SYS(ptrace))
		ccm_sbuf_addf(s, "request %d", (int)d->args[0]);
}

static uint64_t hash(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

static bool told_already(struct notify *n, uint64_t what)
{
	for (unsigned i = 0; i < n->told_count; i++)
		if (n->told[i] == what)
			return true;
	return false;
}

static void read_program(unsigned pid, char name[64])
{
	_cleanup_close_ int fd = -1;
	char path[64];
	ssize_t bytes;

	snprintf(path, sizeof path, "/proc/%u/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	bytes = fd < 0 ? 0 : read(fd, name, 63);
	name[bytes > 0 ? bytes : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

static void tell(struct notify *n, const char *note)
{
	const struct seccomp_data *d = &n->request->data;
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 }, detail = { 0 };
	char program[64], *call;
	uint64_t what;

	if (n->denied_fd < 0 || n->told_count == NOTIFY_TOLD_MAX)
		return;
	describe(&detail, d);
	if (note)
		ccm_sbuf_addf(&detail, "%s%s", detail.bytes ? ", " : "", note);
	read_program(n->request->pid, program);
	what = hash(hash(hash(0xcbf29ce484222325, program) + (uint32_t)d->nr, ccm_sbuf_str(&detail)), "");
	if (told_already(n, what))
		return;
	n->told[n->told_count++] = what;
	call = seccomp_syscall_resolve_num_arch(d->arch, d->nr);
	ccm_sbuf_addf(&line, "{\"time_ms\":%lld,\"layer\":\"seccomp\",\"call\":", (long long)ccm_now_ms());
	if (call)
		ccm_json_quote(&line, call, strlen(call));
	else
		ccm_sbuf_addf(&line, "\"%d\"", d->nr);
	free(call);
	ccm_sbuf_adds(&line, ",\"detail\":");
	ccm_json_quote(&line, ccm_sbuf_str(&detail), detail.bytes);
	ccm_sbuf_adds(&line, ",\"program\":");
	ccm_json_quote(&line, program, strlen(program));
	ccm_sbuf_addf(&line, ",\"pid\":%u}\n", n->request->pid);
	if (n->told_count == NOTIFY_TOLD_MAX)
		ccm_sbuf_addf(&line, "{\"time_ms\":%lld,\"layer\":\"seccomp\",\"more\":true}\n", (long long)ccm_now_ms());
	if (ccm_sbuf_error(&line) == 0)
		(void)ccm_write_all(n->denied_fd, line.text, line.bytes);
}

/* ------------------------------------------------------------------------------------------------ the broker */

/* -EFAULT: not all of it can be read. */
static int read_memory(const struct notify *n, uint64_t address, void *to, size_t bytes)
{
	_cleanup_close_ int fd = -1;
	char path[64];

	snprintf(path, sizeof path, "/proc/%u/mem", n->request->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -EPERM;
	return pread(fd, to, bytes, (off_t)address) == (ssize_t)bytes ? 0 : -EFAULT;
}

static int read_string(const struct notify *n, uint64_t address, char to[PATH_MAX])
{
	_cleanup_close_ int fd = -1;
	char path[64];
	size_t have = 0;

	snprintf(path, sizeof path, "/proc/%u/mem", n->request->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -EPERM;
	/* Never past the end of a page in one go: the next one may not be there. */
	while (have < PATH_MAX) {
		size_t bytes = 4096 - (address + have) % 4096;
		ssize_t got;

		if (bytes > PATH_MAX - have)
			bytes = PATH_MAX - have;
		got = pread(fd, to + have, bytes, (off_t)(address + have));
		if (got <= 0)
			return -EFAULT;
		if (memchr(to + have, '\0', (size_t)got))
			return 0;
		have += (size_t)got;
	}
	return -ENAMETOOLONG;
}

/* What the caller's descriptor, or working directory, stands for. */
static int open_theirs(const struct notify *n, int fd)
{
	char path[64];
	int r;

	if (fd == AT_FDCWD)
		snprintf(path, sizeof path, "/proc/%u/cwd", n->request->pid);
	else
		snprintf(path, sizeof path, "/proc/%u/fd/%d", n->request->pid, fd);
	r = open(path, O_PATH | O_CLOEXEC);
	return r < 0 ? (errno == ENOENT && fd != AT_FDCWD ? -EBADF : -errno) : r;
}

/* Opens what the caller names, as O_PATH. address 0: dir itself. */
static int open_named(const struct notify *n, int dir, uint64_t address, bool follow)
{
	static const char own[] = "/proc/self/", own_thread[] = "/proc/thread-self/";
	_cleanup_close_ int base = -1;
	char path[PATH_MAX], theirs[PATH_MAX + 32];
	const char *use = path;
	int r;

	if (!address)
		return open_theirs(n, dir);
	r = read_string(n, address, path);
	if (r < 0)
		return r;
	if (!path[0])
		return -ENOENT;
	/* "self" would be us. */
	if (strncmp(path, own, strlen(own)) == 0 || strncmp(path, own_thread, strlen(own_thread)) == 0) {
		snprintf(theirs, sizeof theirs, "/proc/%u/%s", n->request->pid,
			 path + (path[6] == 's' ? strlen(own) : strlen(own_thread)));
		use = theirs;
	}
	base = use[0] == '/' ? open("/", O_PATH | O_CLOEXEC) : open_theirs(n, dir);
	if (base < 0)
		return use[0] == '/' ? -errno : base;
	r = openat(base, use, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	return r < 0 ? -errno : r;
}

static bool may_write(const struct notify *n, int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t bytes;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	bytes = readlink(link, path, sizeof path - 1);
	if (bytes <= 0 || bytes == sizeof path - 1)
		return false;
	path[bytes] = '\0';
	for (char **w = n->writable; *w; w++) {
		size_t prefix = strlen(*w);

		if (strncmp(path, *w, prefix) == 0 && (path[prefix] == '\0' || path[prefix] == '/'))
			return true;
	}
	return false;
}

/* An attribute call, in one form. */
struct attribute {
	enum { NOT_ATTRIBUTE, SET_MODE, SET_OWNER, SET_TIMES, SET_OTHER } what;
	int dir;
	uint64_t path;               /* 0: dir itself */
	bool follow;
	mode_t mode;
	int uid, gid;
	uint64_t times;              /* 0: now */
	enum { TIMESPEC, TIMEVAL, SECONDS } unit;
};

static struct attribute attribute_of(const struct seccomp_data *d)
{
	const __u64 *a = d->args;
	struct attribute t = { .dir = AT_FDCWD, .follow = true };
	int nr = d->nr;

	if (nr == SCMP_SYS(chmod) || nr == SCMP_SYS(fchmod)) {
		t.what = SET_MODE;
		t.mode = (mode_t)a[1];
	} else if (nr == SCMP_SYS(fchmodat) || nr == K_FCHMODAT2) {
		t.what = SET_MODE;
		t.mode = (mode_t)a[2];
	} else if (nr == SCMP_SYS(chown) || nr == SCMP_SYS(lchown) || nr == SCMP_SYS(fchown)) {
		t.what = SET_OWNER;
		t.uid = (int)a[1];
		t.gid = (int)a[2];
	} else if (nr == SCMP_SYS(fchownat)) {
		t.what = SET_OWNER;
		t.uid = (int)a[2];
		t.gid = (int)a[3];
	} else if (nr == SCMP_SYS(utimensat) || nr == SCMP_SYS(futimesat)) {
		t.what = SET_TIMES;
		t.times = a[2];
		t.unit = nr == SCMP_SYS(utimensat) ? TIMESPEC : TIMEVAL;
	} else if (nr == SCMP_SYS(utime) || nr == SCMP_SYS(utimes)) {
		t.what = SET_TIMES;
		t.times = a[1];
		t.unit = nr == SCMP_SYS(utime) ? SECONDS : TIMEVAL;
	} else if (nr == SCMP_SYS(setxattr) || nr == SCMP_SYS(lsetxattr) || nr == SCMP_SYS(fsetxattr) ||
		   nr == SCMP_SYS(removexattr) || nr == SCMP_SYS(lremovexattr) || nr == SCMP_SYS(fremovexattr) ||
		   nr == K_SETXATTRAT || nr == K_REMOVEXATTRAT) {
		t.what = SET_OTHER;
		return t;
	} else {
		return t;
	}
	/* Where the file is named: by descriptor, by directory and path, or by path. */
	if (nr == SCMP_SYS(fchmod) || nr == SCMP_SYS(fchown)) {
		t.dir = (int)a[0];
	} else if (nr == SCMP_SYS(fchmodat) || nr == K_FCHMODAT2 || nr == SCMP_SYS(fchownat) ||
		   nr == SCMP_SYS(utimensat) || nr == SCMP_SYS(futimesat)) {
		t.dir = (int)a[0];
		t.path = a[1];
	} else {
		t.path = a[0];
		t.follow = nr != SCMP_SYS(lchown);
	}
	if ((nr == K_FCHMODAT2 || nr == SCMP_SYS(utimensat)) && a[3] & AT_SYMLINK_NOFOLLOW)
		t.follow = false;
	return t;
}

static int read_times(const struct notify *n, const struct attribute *t, struct timespec times[2])
{
	int64_t raw[4] = { 0 };
	int r = read_memory(n, t->times, raw, t->unit == SECONDS ? 16 : 32);

	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++)
		times[i] = t->unit == SECONDS ? (struct timespec){ .tv_sec = raw[i] }
			 : (struct timespec){ .tv_sec = raw[2 * i],
					      .tv_nsec = raw[2 * i + 1] * (t->unit == TIMEVAL ? 1000 : 1) };
	return 0;
}

/* Does the call for them: 0 or a negative errno. */
static int broker(const struct notify *n, const struct attribute *t)
{
	_cleanup_close_ int fd = -1;
	struct timespec times[2];
	struct stat st;
	char path[64];
	int r;

	if (t->what == SET_OTHER)
		return -EOPNOTSUPP;
	if (t->what == SET_OWNER && ((t->uid != -1 && t->uid != (int)getuid()) || (t->gid != -1 && t->gid != (int)getgid())))
		return -EPERM;
	if (t->what == SET_TIMES && t->times) {
		r = read_times(n, t, times);
		if (r < 0)
			return r;
	}
	fd = open_named(n, t->dir, t->path, t->follow);
	if (fd < 0)
		return fd;
	/* Whoever asked may be gone, and its number another's. */
	if (seccomp_notify_id_valid(n->fd, n->request->id) < 0)
		return -ESRCH;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* We may be root; the program has none of root's powers. */
	if (!may_write(n, fd) || st.st_uid != geteuid())
		return -EPERM;
	/* tar, cp and the like set the owner that a file has anyway: there is nothing to do. */
	if (t->what == SET_OWNER)
		return 0;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (t->what == SET_MODE) {
		if (t->mode & (S_ISUID | S_ISGID))
			return -EPERM;
		if (S_ISLNK(st.st_mode))
			return -EOPNOTSUPP;
		return chmod(path, t->mode & 01777) < 0 ? -errno : 0;
	}
	return utimensat(AT_FDCWD, path, t->times ? times : NULL, 0) < 0 ? -errno : 0;
}

void notify_answer(struct notify *n)
{
	const struct seccomp_data *d = &n->request->data;
	struct attribute attribute;
	int r;

	memset(n->request, 0, sizeof *n->request);
	memset(n->response, 0, sizeof *n->response);
	if (seccomp_notify_receive(n->fd, n->request) < 0)
		return;
	attribute = attribute_of(d);
	if (attribute.what != NOT_ATTRIBUTE && n->writable[0]) {
		r = broker(n, &attribute);
		if (r == -EPERM)
			tell(n, "not in a writable directory, or more than mode and times");
	} else {
		r = d->nr == SCMP_SYS(socket) || d->nr == SCMP_SYS(socketpair) ? -EACCES : -EPERM;
		tell(n, NULL);
	}
	n->response->id = n->request->id;
	n->response->error = r;
	(void)seccomp_notify_respond(n->fd, n->response);
}
