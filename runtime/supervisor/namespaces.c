/* SPDX-License-Identifier: MIT */
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/mount.h>

#include "kernel.h"
#include "libccm/macros.h"

/* Where the new root is mounted for the moment. Any directory that is always there will do. */
#define STAGE "/usr"

#define COPY_MAX 65536

/* ------------------------------------------------------------------------------------------------ the paths */

/* True if path is dir or below it. */
static bool below(const char *path, const char *dir)
{
	size_t bytes = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, bytes) == 0 && (path[bytes] == '\0' || path[bytes] == '/');
}

/* A directory stands right before all that is below it: '/' comes before every other byte. */
static int compare_paths(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (*a == '/' ? 1 : (unsigned char)*a) - (*b == '/' ? 1 : (unsigned char)*b);
}

static int compare_places(const void *a, const void *b)
{
	return compare_paths(((const struct place *)a)->at, ((const struct place *)b)->at);
}

/* These are new inside, not the ones of the caller. */
static bool is_made(const struct sandbox_path *p)
{
	return p->access & SANDBOX_EMPTY || strcmp(p->path, "/proc") == 0 || strcmp(p->path, "/dev/pts") == 0;
}

/* A symbolic link on the way to something that a program may change would be the program's to set. */
static bool must_be_straight(const struct sandbox_spec *spec, const struct sandbox_path *p)
{
	if (p->access & SANDBOX_DEVICE)
		return false;
	if (p->access & (SANDBOX_WRITE | SANDBOX_PIN | SANDBOX_SHELF))
		return true;
	for (size_t i = 0; i < spec->path_count; i++)
		if (spec->paths[i].access & SANDBOX_WRITE && below(p->path, spec->paths[i].path))
			return true;
	return false;
}

/* /bin and the like: "usr/bin". */
static bool read_link(const char *path, char link[64])
{
	ssize_t bytes = strchr(path + 1, '/') ? 0 : readlink(path, link, 64);

	if (bytes <= 0 || bytes == 64 || link[0] == '/') {
		link[0] = '\0';
		return false;
	}
	link[bytes] = '\0';
	return !strstr(link, "..");
}

/* A file of which the root gets a copy, if it is small: that takes a third of the time of two mounts, there and away. */
static bool may_be_copied(const struct place *p)
{
	return strncmp(p->at, "/etc/", 5) == 0 && strcmp(p->at, p->spec->path) == 0 &&
	       (p->spec->access & ~(unsigned)SANDBOX_OPTIONAL) == SANDBOX_READ;
}

/* What is copied is opened for that at once; what the person cannot read either has an empty copy. */
static int open_path(const struct place *p, bool copied, uint64_t resolve)
{
	int fd = copied ? k_openat2(AT_FDCWD, p->spec->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, resolve) : -1;

	if (fd < 0 && (!copied || errno == EACCES))
		fd = k_openat2(AT_FDCWD, p->spec->path, O_PATH | O_CLOEXEC, resolve);
	return fd;
}

static int open_place(const struct sandbox_spec *spec, const struct sandbox_path *p, bool namespaces, struct place *place,
		      struct ccm_diag *diag)
{
	bool straight = must_be_straight(spec, p);
	struct stat st;

	*place = (struct place){ .spec = p, .at = p->at && namespaces ? p->at : p->path, .fd = -1, .tree = -1 };
	if (p->path[0] != '/' || place->at[0] != '/')
		return ccm_diag_set(diag, -EINVAL, "the path '%s' for a sandbox is not absolute", p->path);
	if (!p->path[strspn(p->path, "/")] || !place->at[strspn(place->at, "/")])
		return ccm_diag_set(diag, -CCM_E_REFUSED, "the root directory cannot be in a sandbox as a whole: name what is in it");
	if (is_made(p)) {
		place->made = place->directory = true;
		if (namespaces)
			return 0;
		/* What is made inside does not exist without namespaces; /proc does. */
		if (strcmp(p->path, "/proc") != 0)
			return 0;
		place->made = false;
	}
	if (!straight && namespaces && read_link(p->path, place->link))
		straight = false;
	place->fd = open_path(place, namespaces && may_be_copied(place), straight ? K_RESOLVE_NO_SYMLINKS : 0);
	if (place->fd < 0 && p->access & SANDBOX_OPTIONAL && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
		return 0;
	if (place->fd < 0 && errno == ELOOP)
		return ccm_diag_set(diag, -CCM_E_REFUSED,
				    "'%s' cannot be used in a sandbox: part of it is a symbolic link, which could be changed from "
				    "inside; name the place that it leads to", p->path);
	if (place->fd < 0 || fstat(place->fd, &st) < 0)
		return ccm_diag_set(diag, -errno, "cannot open '%s' for the sandbox: %s", p->path, strerror(errno));
	place->directory = S_ISDIR(st.st_mode);
	place->small = S_ISREG(st.st_mode) && st.st_size <= COPY_MAX;
	if (p->access & SANDBOX_WRITE && !(p->access & SANDBOX_DEVICE) && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return ccm_diag_set(diag, -CCM_E_REFUSED,
				    "'%s' cannot be written in a sandbox: it is neither a file nor a directory", p->path);
	return 0;
}

/* Landlock's rules hold for all that is below: a shelf below what may be written would be no shelf. An empty directory is
 * not for writing then; anything else is a spec that must not be. */
static int guard_shelves(const struct places *places, struct ccm_diag *diag)
{
	for (size_t i = 0; i < places->count; i++) {
		const struct place *shelf = &places->items[i];

		/* What it is below comes before it. */
		for (size_t j = 0; shelf->spec->access & SANDBOX_SHELF && j < i; j++) {
			struct place *p = &places->items[j];

			if (!below(shelf->at, p->at))
				continue;
			if (p->spec->access & SANDBOX_EMPTY)
				p->read_only = true;
			else if (p->spec->access & SANDBOX_WRITE)
				return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' may be written, but holds '%s', which must not be",
						    p->at, shelf->at);
		}
	}
	return 0;
}

int places_open(const struct sandbox_spec *spec, bool namespaces, struct places *ret, struct ccm_diag *diag)
{
	struct places places = { .items = calloc(spec->path_count + 1, sizeof *places.items) };
	int r;

	if (!places.items)
		return -ENOMEM;
	for (size_t i = 0; i < spec->path_count; i++) {
		r = open_place(spec, &spec->paths[i], namespaces, &places.items[places.count++], diag);
		if (r < 0) {
			places_done(&places);
			return r;
		}
	}
	qsort(places.items, places.count, sizeof *places.items, compare_places);
	r = guard_shelves(&places, diag);
	if (r < 0) {
		places_done(&places);
		return r;
	}
	*ret = places;
	return 0;
}

void places_done(struct places *p)
{
	for (size_t i = 0; i < p->count; i++) {
		ccm_closep(&p->items[i].fd);
		ccm_closep(&p->items[i].tree);
	}
	free(p->items);
	*p = (struct places){ 0 };
}

/* ------------------------------------------------------------------------------------------------ namespaces */

int namespaces_fork(void)
{
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUTS |
			      CLONE_NEWCGROUP | SIGCHLD;
	long pid;

#ifdef __s390__
	pid = syscall(SYS_clone, NULL, flags, NULL, NULL, NULL);
#else
	pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
#endif
	return pid < 0 ? -errno : (int)pid;
}

static int write_proc(const char *path, const char *text)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

int namespaces_map_user(uid_t uid, gid_t gid, struct ccm_diag *diag)
{
	char map[64];
	int r;

	r = write_proc("/proc/self/setgroups", "deny");
	if (r == 0 || r == -ENOENT) {
		snprintf(map, sizeof map, "%u %u 1\n", uid, uid);
		r = write_proc("/proc/self/uid_map", map);
	}
	if (r == 0) {
		snprintf(map, sizeof map, "%u %u 1\n", gid, gid);
		r = write_proc("/proc/self/gid_map", map);
	}
	return r < 0 ? ccm_diag_set(diag, r, "cannot map the user into a user namespace: %s", strerror(-r)) : 0;
}

int namespaces_loopback(struct ccm_diag *diag)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return ccm_diag_set(diag, -errno, "cannot bring up the loopback of a network namespace: %s", strerror(errno));
	return 0;
}

int namespaces_drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	/* Even user 0 gets none back by executing a program. Where we have no right to say so, no_new_privs does it. */
	(void)prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |
		    SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
		    SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED, 0, 0, 0);
	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------------------------------------ the root */

struct option { const char *name, *value; };

/* A mount of a new filesystem that has no place yet. */
static int new_filesystem(const char *type, const struct option *options, uint64_t attributes)
{
	_cleanup_close_ int fs = (int)syscall(K_FSOPEN, type, 1 /* close on exec */);
	long r;

	if (fs < 0)
		return -errno;
	for (const struct option *o = options; o && o->name; o++)
		if (syscall(K_FSCONFIG, fs, K_FSCONFIG_SET_STRING, o->name, o->value, 0) < 0)
			return -errno;
	if (syscall(K_FSCONFIG, fs, K_FSCONFIG_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	r = syscall(K_FSMOUNT, fs, 1 /* close on exec */, attributes);
	return r < 0 ? -errno : (int)r;
}

static int new_tmpfs(const char *size, const char *inodes, uint64_t attributes)
{
	const struct option options[] = { { "size", size }, { "nr_inodes", inodes }, { "mode", "0755" }, { NULL, NULL } };

	return new_filesystem("tmpfs", options, attributes | K_MOUNT_NOSUID | K_MOUNT_NODEV);
}

static int made_tree(const struct sandbox_path *p)
{
	static const struct option pts[] = { { "mode", "620" }, { "ptmxmode", "666" }, { NULL, NULL } };
	uint64_t quiet = K_MOUNT_NOSUID | K_MOUNT_NOEXEC;

	if (p->access & SANDBOX_EMPTY)
		return new_tmpfs("25%", "1000000", p->access & SANDBOX_EXECUTE ? 0 : K_MOUNT_NOEXEC);
	if (strcmp(p->path, "/proc") == 0)
		return new_filesystem("proc", NULL, quiet | K_MOUNT_NODEV | K_MOUNT_RDONLY);
	return new_filesystem("devpts", pts, quiet);
}

static uint64_t attributes_of(const struct sandbox_path *p)
{
	return K_MOUNT_NOSUID | (p->access & SANDBOX_DEVICE ? 0 : K_MOUNT_NODEV) |
	       (p->access & (SANDBOX_WRITE | SANDBOX_SHELF) && !(p->access & (SANDBOX_DEVICE | SANDBOX_PIN)) ? 0 : K_MOUNT_RDONLY) |
	       (p->access & SANDBOX_EXECUTE ? 0 : K_MOUNT_NOEXEC);
}

/* True if the mount of the place above shows the same thing in the same way already. */
static bool is_shown(const struct place *above, const struct place *p)
{
	size_t path = strlen(above->spec->path), at = strlen(above->at);

	if (above->made || p->spec->access & SANDBOX_PIN || attributes_of(above->spec) != attributes_of(p->spec))
		return false;
	return below(p->spec->path, above->spec->path) && strcmp(p->spec->path + path, p->at + at) == 0;
}

static int clone_tree(struct place *p, struct ccm_diag *diag)
{
	if (p->made)
		p->tree = made_tree(p->spec);
	else
		p->tree = k_open_tree(p->fd, K_OPEN_TREE_CLONE | K_OPEN_TREE_CLOEXEC | (p->directory ? K_AT_RECURSIVE : 0));
	if (p->tree < 0)
		p->tree = p->made ? p->tree : -errno;
	else if (!p->made && k_mount_setattr(p->tree, p->directory ? K_AT_RECURSIVE : 0, attributes_of(p->spec)) < 0)
		p->tree = -errno;
	if (p->tree < 0) {
		int r = p->tree;

		p->tree = -1;
		return ccm_diag_set(diag, r, "cannot make a mount of '%s' for the sandbox: %s", p->spec->path, strerror(-r));
	}
	return 0;
}

/* A mount for each place that needs one. */
static int clone_trees(struct places *places, struct ccm_diag *diag)
{
	struct place *above[64];     /* the mounts that the place is in, outermost first */
	size_t depth = 0;
	int r;

	for (size_t i = 0; i < places->count; i++) {
		struct place *p = &places->items[i];

		if ((p->fd < 0 && !p->made) || p->link[0])
			continue;
		while (depth > 0 && !below(p->at, above[depth - 1]->at))
			depth--;
		if (depth > 0 && is_shown(above[depth - 1], p))
			continue;
		if (depth == 0 && p->small && may_be_copied(p)) {
			p->copied = true;
			continue;
		}
		r = clone_tree(p, diag);
		if (r < 0)
			return r;
		if (depth == ARRAY_SIZE(above))
			return ccm_diag_set(diag, -EINVAL, "the paths of the sandbox lie too deep in one another: '%s'", p->at);
		above[depth++] = p;
	}
	return 0;
}

/* The folder of the root that something was put into last: it need not be looked for again for each of its files. Nothing
 * is mounted over it later: a place comes before what is below it. */
struct folder {
	const char *path;            /* "/etc", as many bytes of it */
	size_t bytes;
	int fd;                      /* -1: none yet */
	bool ours;                   /* made for this sandbox: there is nothing in it but what we put there */
};

struct root {
	const struct places *places;
	int fd;
	dev_t device;
	struct folder last;
};

static bool is_ours(const struct root *root, int dir)
{
	struct stat st;

	if (fstat(dir, &st) < 0)
		return false;
	if (st.st_dev == root->device)
		return true;
	for (size_t i = 0; i < root->places->count; i++)
		if (root->places->items[i].spec->access & SANDBOX_EMPTY && root->places->items[i].device == st.st_dev)
			return true;
	return false;
}

/* Opens what is of that name in a folder. In the root itself and in empty directories it is made; in what is mounted there
 * otherwise nothing is ever made. */
static int open_part(int dir, bool ours, const char *name, size_t bytes, bool directory)
{
	_cleanup_close_ int fd = -1;
	struct stat st;
	char part[256];
	int r = 0;

	if (bytes >= sizeof part)
		return -ENAMETOOLONG;
	memcpy(part, name, bytes);
	part[bytes] = '\0';
	if (strcmp(part, "..") == 0)
		return -EINVAL;
	if (ours)
		r = directory ? mkdirat(dir, part, 0755) : mknodat(dir, part, S_IFREG | 0644, 0);
	if (r < 0 && errno != EEXIST)
		return -errno;
	fd = openat(dir, part, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	return S_ISLNK(st.st_mode) ? -ELOOP : TAKE_FD(fd);
}

/* Goes down from the root, part by part. */
static int walk(struct root *root, const char *path, size_t bytes)
{
	_cleanup_close_ int dir = openat(root->fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t at = strspn(path, "/"), part;

	for (; dir >= 0 && at < bytes; at += part + strspn(path + at + part, "/")) {
		int fd;

		part = strcspn(path + at, "/");
		fd = open_part(dir, is_ours(root, dir), path + at, part, true);
		if (fd < 0)
			return fd;
		close(dir);
		dir = fd;
	}
	return dir < 0 ? -errno : TAKE_FD(dir);
}

/* Makes root->last the folder of that place, and *ret_name its name in there. */
static int find_folder(struct root *root, const char *at, const char **ret_name, size_t *ret_bytes)
{
	size_t end = strlen(at), bytes;

	while (end > 1 && at[end - 1] == '/')
		end--;
	for (bytes = end; at[bytes - 1] != '/'; bytes--)
		;
	*ret_name = at + bytes;
	*ret_bytes = end - bytes;
	if (root->last.fd >= 0 && bytes == root->last.bytes && strncmp(at, root->last.path, bytes) == 0)
		return 0;
	ccm_closep(&root->last.fd);
	root->last = (struct folder){ .path = at, .bytes = bytes, .fd = walk(root, at, bytes) };
	if (root->last.fd < 0)
		return root->last.fd;
	root->last.ours = is_ours(root, root->last.fd);
	return 0;
}

/* The copy carries the rules. */
static int copy_file(struct place *p, int dir, const char *name)
{
	_cleanup_close_ int out = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	char bytes[COPY_MAX];
	ssize_t n;

	if (out < 0)
		return -errno;
	n = read(p->fd, bytes, sizeof bytes);
	/* Not opened for reading: see open_path(). */
	if (n < 0 && errno == EBADF)
		n = 0;
	if (n < 0 || (n > 0 && write(out, bytes, (size_t)n) != n))
		return -errno;
	close(p->fd);
	/* Not the descriptor that wrote it: the root is made read-only, which nobody may have open for writing then. */
	p->fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return p->fd < 0 ? -errno : 0;
}

static int mount_tree(const struct folder *folder, struct place *p, const char *name, size_t bytes)
{
	_cleanup_close_ int target = open_part(folder->fd, folder->ours, name, bytes, p->directory);
	struct stat st;

	if (target < 0)
		return target;
	if (k_move_mount(p->tree, target) < 0)
		return -errno;
	/* What is new inside carries its rules by its own mount. */
	if (p->made) {
		p->fd = TAKE_FD(p->tree);
		p->device = fstat(p->fd, &st) < 0 ? 0 : st.st_dev;
	} else {
		ccm_closep(&p->tree);
	}
	p->tree = -1;
	return 0;
}

static int attach(struct root *root, struct place *p, struct ccm_diag *diag)
{
	const char *name;
	size_t bytes;
	int r = find_folder(root, p->at, &name, &bytes);

	if (r == 0)
		r = p->copied ? copy_file(p, root->last.fd, name) : mount_tree(&root->last, p, name, bytes);
	return r < 0 ? ccm_diag_set(diag, r, "cannot put '%s' into the sandbox: %s", p->at, strerror(-r)) : 0;
}

static void make_links(const struct places *places, int root)
{
	static const struct { const char *name, *target; } links[] = {
		{ "dev/fd", "/proc/self/fd" }, { "dev/stdin", "/proc/self/fd/0" }, { "dev/stdout", "/proc/self/fd/1" },
		{ "dev/stderr", "/proc/self/fd/2" }, { "dev/ptmx", "pts/ptmx" },
	};

	for (size_t i = 0; i < places->count; i++)
		if (places->items[i].link[0])
			(void)!symlinkat(places->items[i].link, root, places->items[i].at + 1);
	/* Where there is no /dev, this fails, rightly. */
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		(void)!symlinkat(links[i].target, root, links[i].name);
}

static int enter_root(int root)
{
	if (k_mount_setattr(root, 0, K_MOUNT_RDONLY | K_MOUNT_NOSUID | K_MOUNT_NODEV | K_MOUNT_NOEXEC) < 0 ||
	    fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int attach_all(struct places *places, int fd, struct ccm_diag *diag)
{
	struct root root = { .places = places, .fd = fd, .last.fd = -1 };
	struct stat st;
	int r = fstat(fd, &st) < 0 ? -errno : 0;

	root.device = st.st_dev;
	for (size_t i = 0; i < places->count && r == 0; i++)
		if (places->items[i].tree >= 0 || places->items[i].copied)
			r = attach(&root, &places->items[i], diag);
	ccm_closep(&root.last.fd);
	return r;
}

int namespaces_root(struct places *places, int *ret_root, struct ccm_diag *diag)
{
	_cleanup_close_ int root = -1, stage = -1;
	int r;

	r = clone_trees(places, diag);
	if (r < 0)
		return r;
	root = new_tmpfs("4m", "20000", K_MOUNT_NOEXEC);
	stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || stage < 0 || k_move_mount(root, stage) < 0) {
		r = root < 0 ? root : -errno;
		return ccm_diag_set(diag, r, "cannot mount a root for the sandbox: %s", strerror(-r));
	}
	r = attach_all(places, root, diag);
	if (r < 0)
		return r;
	make_links(places, root);
	r = enter_root(root);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot enter the root of the sandbox: %s", strerror(-r));
	*ret_root = TAKE_FD(root);
	return 0;
}
