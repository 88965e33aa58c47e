/* SPDX-License-Identifier: MIT */
/* gen-seccomp - the rules of the sandbox's system call filters, and the program that turns them into tables for seccomp.c.
 *
 * Usage: gen-seccomp >seccomp.inc
 *
 * libseccomp makes the kernel's filter programs of the rules. It does so when ccm is built: the rules depend on nothing
 * that is known only later, and to make them anew took 0.6 ms of each start of a sandbox.
 *
 * What is dangerous and has no use in a build is refused; most of it by asking us (notify.h), so that the refusal can be
 * told to the person. Calls of another architecture (i386, x32 on x86-64) kill the process. Arguments that the kernel
 * takes as int are compared in their lower 32 bits only, as the kernel does: the upper half is the caller's to choose.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel.h"
#include "libccm/macros.h"

/* Calls that are refused whatever their arguments. */
static const struct call {
	int number;
	enum { ALWAYS_ASK, ALWAYS_QUIET, NO_SUCH_CALL, ATTRIBUTE, ALONE } how;
} calls[] = {
	/* Mounts, namespaces, other roots. */
	{ SCMP_SYS(mount), ALWAYS_ASK }, { SCMP_SYS(umount2), ALWAYS_ASK }, { SCMP_SYS(umount), ALWAYS_ASK },
	{ SCMP_SYS(pivot_root), ALWAYS_ASK }, { SCMP_SYS(chroot), ALWAYS_ASK }, { SCMP_SYS(unshare), ALWAYS_ASK },
	{ SCMP_SYS(setns), ALWAYS_ASK }, { K_OPEN_TREE, ALWAYS_ASK }, { K_MOVE_MOUNT, ALWAYS_ASK },
	{ K_FSOPEN, ALWAYS_ASK }, { K_FSCONFIG, ALWAYS_ASK }, { K_FSMOUNT, ALWAYS_ASK }, { K_FSPICK, ALWAYS_ASK },
	{ K_MOUNT_SETATTR, ALWAYS_ASK }, { K_OPEN_TREE_ATTR, ALWAYS_ASK }, { SCMP_SYS(swapon), ALWAYS_ASK },
	{ SCMP_SYS(swapoff), ALWAYS_ASK }, { SCMP_SYS(quotactl), ALWAYS_ASK }, { K_QUOTACTL_FD, ALWAYS_ASK },
	{ SCMP_SYS(acct), ALWAYS_ASK }, { SCMP_SYS(open_by_handle_at), ALWAYS_ASK },
	{ SCMP_SYS(name_to_handle_at), ALWAYS_QUIET },
	/* Other processes. */
	{ SCMP_SYS(ptrace), ALWAYS_ASK }, { SCMP_SYS(process_vm_readv), ALWAYS_ASK },
	{ SCMP_SYS(process_vm_writev), ALWAYS_ASK }, { SCMP_SYS(process_madvise), ALWAYS_ASK },
	{ SCMP_SYS(kcmp), ALWAYS_ASK }, { K_PIDFD_GETFD, ALWAYS_ASK }, { SCMP_SYS(migrate_pages), ALWAYS_ASK },
	{ SCMP_SYS(move_pages), ALWAYS_ASK }, { SCMP_SYS(perf_event_open), ALWAYS_ASK },
	{ SCMP_SYS(lookup_dcookie), ALWAYS_ASK },
	/* The kernel itself. */
	{ SCMP_SYS(bpf), ALWAYS_ASK }, { SCMP_SYS(userfaultfd), ALWAYS_ASK }, { SCMP_SYS(keyctl), ALWAYS_ASK },
	{ SCMP_SYS(add_key), ALWAYS_ASK }, { SCMP_SYS(request_key), ALWAYS_ASK }, { SCMP_SYS(kexec_load), ALWAYS_ASK },
	{ SCMP_SYS(kexec_file_load), ALWAYS_ASK }, { SCMP_SYS(init_module), ALWAYS_ASK },
	{ SCMP_SYS(finit_module), ALWAYS_ASK }, { SCMP_SYS(delete_module), ALWAYS_ASK },
	{ SCMP_SYS(create_module), ALWAYS_ASK }, { SCMP_SYS(get_kernel_syms), ALWAYS_ASK },
	{ SCMP_SYS(query_module), ALWAYS_ASK }, { SCMP_SYS(nfsservctl), ALWAYS_ASK },
	{ SCMP_SYS(_sysctl), ALWAYS_ASK }, { SCMP_SYS(uselib), ALWAYS_ASK }, { SCMP_SYS(ustat), ALWAYS_QUIET },
	{ SCMP_SYS(sysfs), ALWAYS_QUIET },
	{ SCMP_SYS(reboot), ALWAYS_ASK }, { SCMP_SYS(syslog), ALWAYS_ASK }, { SCMP_SYS(iopl), ALWAYS_ASK },
	{ SCMP_SYS(ioperm), ALWAYS_ASK }, { SCMP_SYS(modify_ldt), ALWAYS_ASK }, { SCMP_SYS(vm86), ALWAYS_ASK },
	{ SCMP_SYS(vm86old), ALWAYS_ASK }, { SCMP_SYS(vhangup), ALWAYS_ASK }, { SCMP_SYS(fanotify_init), ALWAYS_ASK },
	{ SCMP_SYS(fanotify_mark), ALWAYS_ASK }, { SCMP_SYS(settimeofday), ALWAYS_ASK }, { SCMP_SYS(stime), ALWAYS_ASK },
	{ SCMP_SYS(clock_settime), ALWAYS_ASK }, { SCMP_SYS(adjtimex), ALWAYS_ASK },
	{ SCMP_SYS(clock_adjtime), ALWAYS_ASK }, { SCMP_SYS(sethostname), ALWAYS_ASK },
	{ SCMP_SYS(setdomainname), ALWAYS_ASK }, { K_LSM_SET_SELF_ATTR, ALWAYS_ASK }, { K_LISTNS, ALWAYS_QUIET },
	/* Programs that would use these have another way, and take it when there is none of that name. clone3's flags are
	 * in memory, where a filter cannot look. */
	{ SCMP_SYS(io_uring_setup), NO_SUCH_CALL }, { SCMP_SYS(io_uring_enter), NO_SUCH_CALL },
	{ SCMP_SYS(io_uring_register), NO_SUCH_CALL }, { K_CLONE3, NO_SUCH_CALL },
	/* What changes a file beside its content. In a mount namespace, mounts rule it. */
	{ SCMP_SYS(chmod), ATTRIBUTE }, { SCMP_SYS(fchmod), ATTRIBUTE }, { SCMP_SYS(fchmodat), ATTRIBUTE },
	{ K_FCHMODAT2, ATTRIBUTE }, { SCMP_SYS(chown), ATTRIBUTE }, { SCMP_SYS(fchown), ATTRIBUTE },
	{ SCMP_SYS(lchown), ATTRIBUTE }, { SCMP_SYS(fchownat), ATTRIBUTE }, { SCMP_SYS(utime), ATTRIBUTE },
	{ SCMP_SYS(utimes), ATTRIBUTE }, { SCMP_SYS(futimesat), ATTRIBUTE }, { SCMP_SYS(utimensat), ATTRIBUTE },
	{ SCMP_SYS(setxattr), ATTRIBUTE }, { SCMP_SYS(lsetxattr), ATTRIBUTE }, { SCMP_SYS(fsetxattr), ATTRIBUTE },
	{ SCMP_SYS(removexattr), ATTRIBUTE }, { SCMP_SYS(lremovexattr), ATTRIBUTE },
	{ SCMP_SYS(fremovexattr), ATTRIBUTE }, { K_SETXATTRAT, ATTRIBUTE }, { K_REMOVEXATTRAT, ATTRIBUTE },
	{ K_FILE_SETATTR, ALWAYS_QUIET },
	/* Memory and queues that all processes of the user share. In an IPC namespace they are the sandbox's own. */
	{ SCMP_SYS(shmget), ALONE }, { SCMP_SYS(shmat), ALONE }, { SCMP_SYS(shmctl), ALONE }, { SCMP_SYS(semget), ALONE },
	{ SCMP_SYS(semop), ALONE }, { SCMP_SYS(semtimedop), ALONE }, { SCMP_SYS(semctl), ALONE },
	{ SCMP_SYS(msgget), ALONE }, { SCMP_SYS(msgsnd), ALONE }, { SCMP_SYS(msgrcv), ALONE }, { SCMP_SYS(msgctl), ALONE },
	{ SCMP_SYS(ipc), ALONE }, { SCMP_SYS(mq_open), ALONE }, { SCMP_SYS(mq_unlink), ALONE },
};

/* Numbers that no kernel had when this was written: what they will do is not known. */
#define FIRST_UNKNOWN_CALL (K_LISTNS + 1)
#define LAST_UNKNOWN_CALL 511

struct filter {
	scmp_filter_ctx ctx;
	uint32_t ask;                /* the action that refuses and tells, or only refuses */
	int error;                   /* the first that came up; sticks */
};

#define INT32_IS(n, value) { (n), SCMP_CMP_MASKED_EQ, 0xffffffff, (uint32_t)(value) }
#define HAS_BITS(n, mask, bits) { (n), SCMP_CMP_MASKED_EQ, (mask), (bits) }

static void add(struct filter *f, uint32_t action, int call, unsigned count, const struct scmp_arg_cmp *args)
{
	int r;

	if (f->error < 0)
		return;
	r = seccomp_rule_add_array(f->ctx, action, call, count, args);
	/* A call that this architecture does not have cannot be made. */
	if (r < 0 && r != -EDOM)
		f->error = r;
}

#define ADD(f, action, call, ...) do { \
		const struct scmp_arg_cmp args_[] = { __VA_ARGS__ }; \
		add(f, action, SCMP_SYS(call), ARRAY_SIZE(args_), args_); \
	} while (0)

/* Only TCP, and reading the network's configuration. A filter's rules say what is refused, so what is allowed is told by
 * what each other number has: families 2, 10 and 16 have no bit 0 and no bit 2, and so on. */
static void refuse_sockets(struct filter *f)
{
	static const int inet[] = { AF_INET, AF_INET6 };
	static const unsigned family_bits[] = { 0x1, 0x4, 0x20 }, other_families[] = { 0, 8, 18, 24, 26 };

	for (unsigned i = 0; i < ARRAY_SIZE(family_bits); i++)
		ADD(f, f->ask, socket, HAS_BITS(0, family_bits[i], family_bits[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(other_families); i++)
		ADD(f, f->ask, socket, INT32_IS(0, other_families[i]));
	ADD(f, f->ask, socket, { 0, SCMP_CMP_GE, 64, 0 });
	for (unsigned i = 0; i < ARRAY_SIZE(inet); i++) {
		/* SOCK_STREAM is 1; the type's upper bits are flags (SOCK_CLOEXEC). */
		ADD(f, f->ask, socket, INT32_IS(0, inet[i]), HAS_BITS(1, 0x1, 0));
		for (unsigned bit = 0x2; bit <= 0x8; bit <<= 1)
			ADD(f, f->ask, socket, INT32_IS(0, inet[i]), HAS_BITS(1, bit, bit));
		/* 0 and IPPROTO_TCP, 6. Multipath TCP and SCTP are not ruled by Landlock's TCP rules. */
		ADD(f, f->ask, socket, INT32_IS(0, inet[i]), HAS_BITS(2, 0x1, 0x1));
		ADD(f, f->ask, socket, INT32_IS(0, inet[i]), INT32_IS(2, 2));
		ADD(f, f->ask, socket, INT32_IS(0, inet[i]), INT32_IS(2, 4));
		ADD(f, f->ask, socket, INT32_IS(0, inet[i]), { 2, SCMP_CMP_GT, 6, 0 });
	}
	ADD(f, f->ask, socket, INT32_IS(0, AF_NETLINK), { 2, SCMP_CMP_NE, NETLINK_ROUTE, 0 });
	/* One of a pair of datagram sockets can be pointed at any socket that has a name; one of a pair of streams (1) or of
	 * packets in order (5) cannot. */
	ADD(f, f->ask, socketpair, HAS_BITS(1, 0x1, 0));
	ADD(f, f->ask, socketpair, HAS_BITS(1, 0x2, 0x2));
	ADD(f, f->ask, socketpair, HAS_BITS(1, 0x8, 0x8));
	/* connect() in disguise; Landlock does not see it before ABI 8. */
	ADD(f, SCMP_ACT_ERRNO(EOPNOTSUPP), sendto, HAS_BITS(3, MSG_FASTOPEN, MSG_FASTOPEN));
	ADD(f, SCMP_ACT_ERRNO(EOPNOTSUPP), sendmsg, HAS_BITS(2, MSG_FASTOPEN, MSG_FASTOPEN));
	ADD(f, SCMP_ACT_ERRNO(EOPNOTSUPP), sendmmsg, HAS_BITS(3, MSG_FASTOPEN, MSG_FASTOPEN));
	ADD(f, SCMP_ACT_ERRNO(EPERM), setsockopt, INT32_IS(1, 6), INT32_IS(2, 30));     /* TCP_FASTOPEN_CONNECT */
	ADD(f, SCMP_ACT_ERRNO(EPERM), setsockopt, INT32_IS(1, 6), INT32_IS(2, 31));     /* TCP_ULP */
	ADD(f, SCMP_ACT_ERRNO(EPERM), setsockopt, INT32_IS(1, 6), INT32_IS(2, 23));     /* TCP_FASTOPEN */
}

static void refuse_arguments(struct filter *f, bool namespaces)
{
	static const unsigned namespace_flags[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWNET,
						    CLONE_NEWUTS, CLONE_NEWCGROUP };
	/* Typing into a terminal; its console; its line discipline; what a file's owner may change with chattr(1). */
	static const unsigned ioctls[] = { 0x5412 /* TIOCSTI */, 0x541c /* TIOCLINUX */, 0x541d /* TIOCCONS */,
					   0x5423 /* TIOCSETD */, 0x40086602 /* FS_IOC_SETFLAGS */,
					   0x40046602, 0x401c5820 /* FS_IOC_FSSETXATTR */ };
	static const unsigned fcntls[] = { F_SETLEASE, F_NOTIFY };

	for (unsigned i = 0; i < ARRAY_SIZE(namespace_flags); i++)
		ADD(f, f->ask, clone, HAS_BITS(0, namespace_flags[i], namespace_flags[i]));
	for (unsigned i = 0; i < ARRAY_SIZE(ioctls); i++)
		ADD(f, f->ask, ioctl, INT32_IS(1, ioctls[i]));
	/* A lease on a file that the user's other programs open holds them up. */
	for (unsigned i = 0; i < ARRAY_SIZE(fcntls); i++)
		ADD(f, SCMP_ACT_ERRNO(EPERM), fcntl, INT32_IS(1, fcntls[i]));
	/* An executable with these bits, made inside, would be one for everybody outside. */
	for (unsigned bit = S_ISGID; bit <= S_ISUID; bit <<= 1) {
		ADD(f, SCMP_ACT_ERRNO(EPERM), chmod, HAS_BITS(1, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), fchmod, HAS_BITS(1, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), fchmodat, HAS_BITS(2, bit, bit));
		add(f, SCMP_ACT_ERRNO(EPERM), K_FCHMODAT2, 1, (struct scmp_arg_cmp[]){ HAS_BITS(2, bit, bit) });
		ADD(f, SCMP_ACT_ERRNO(EPERM), creat, HAS_BITS(1, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), mknod, HAS_BITS(1, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), mknodat, HAS_BITS(2, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), open, HAS_BITS(1, O_CREAT, O_CREAT), HAS_BITS(2, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), openat, HAS_BITS(2, O_CREAT, O_CREAT), HAS_BITS(3, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), open, HAS_BITS(1, __O_TMPFILE, __O_TMPFILE), HAS_BITS(2, bit, bit));
		ADD(f, SCMP_ACT_ERRNO(EPERM), openat, HAS_BITS(2, __O_TMPFILE, __O_TMPFILE), HAS_BITS(3, bit, bit));
	}
	/* Its mode is in memory; C libraries take openat() when there is none. */
	add(f, SCMP_ACT_ERRNO(ENOSYS), K_OPENAT2, 0, NULL);
	/* Executable stacks and the like are the program's own matter; another machine's is not. */
	ADD(f, f->ask, personality, { 0, SCMP_CMP_MASKED_EQ, 0xff, 0x08 });     /* PER_LINUX32 */
	/* Other processes' limits; one's own is 0. */
	ADD(f, f->ask, prlimit64, { 0, SCMP_CMP_NE, 0, 0 });
	if (namespaces)
		return;
	/* Of all processes of the user, and of any one of them. Landlock does not rule these. */
	ADD(f, f->ask, setpriority, { 0, SCMP_CMP_NE, 0, 0 });
	ADD(f, f->ask, setpriority, { 1, SCMP_CMP_NE, 0, 0 });
	ADD(f, f->ask, ioprio_set, { 0, SCMP_CMP_NE, 1, 0 });
	ADD(f, f->ask, ioprio_set, { 1, SCMP_CMP_NE, 0, 0 });
	ADD(f, f->ask, sched_setaffinity, { 0, SCMP_CMP_NE, 0, 0 });
	ADD(f, f->ask, sched_setscheduler, { 0, SCMP_CMP_NE, 0, 0 });
	ADD(f, f->ask, sched_setparam, { 0, SCMP_CMP_NE, 0, 0 });
	ADD(f, f->ask, sched_setattr, { 0, SCMP_CMP_NE, 0, 0 });
}

static uint32_t action_of(const struct filter *f, const struct call *c, bool namespaces)
{
	switch (c->how) {
	case ALWAYS_ASK:
		return f->ask;
	case ALWAYS_QUIET:
		return SCMP_ACT_ERRNO(EPERM);
	case NO_SUCH_CALL:
		return SCMP_ACT_ERRNO(ENOSYS);
	case ATTRIBUTE:
	case ALONE:
		break;
	}
	return namespaces ? SCMP_ACT_ALLOW : f->ask;
}

static void add_rules(struct filter *f, bool namespaces)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		uint32_t action = action_of(f, &calls[i], namespaces);

		if (action != SCMP_ACT_ALLOW)
			add(f, action, calls[i].number, 0, NULL);
	}
	for (int number = FIRST_UNKNOWN_CALL; number <= LAST_UNKNOWN_CALL; number++)
		add(f, SCMP_ACT_ERRNO(ENOSYS), number, 0, NULL);
	refuse_sockets(f);
	refuse_arguments(f, namespaces);
}

/* The kernel that we are built under may be older than the one that runs the result: all that libseccomp knows is used. */
static int make(struct filter *f, bool namespaces)
{
	f->ctx = seccomp_init(SCMP_ACT_ALLOW);
	if (!f->ctx)
		return -ENOMEM;
	f->error = seccomp_attr_set(f->ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	/* By number, in a tree: a call that is not refused passes after some seven comparisons, not a hundred. */
	if (f->error == 0)
		f->error = seccomp_attr_set(f->ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	add_rules(f, namespaces);
	return f->error;
}

static int print(const struct filter *f, const char *name)
{
	FILE *file = tmpfile();
	struct sock_filter line;
	int r;

	if (!file)
		return -errno;
	r = seccomp_export_bpf(f->ctx, fileno(file));
	rewind(file);
	printf("static const struct sock_filter %s[] = {\n", name);
	while (r == 0 && fread(&line, sizeof line, 1, file) == 1)
		printf("\t{ 0x%02x, %u, %u, 0x%08x },\n", line.code, line.jt, line.jf, line.k);
	printf("};\n");
	fclose(file);
	return r;
}

int main(void)
{
	static const struct { const char *name; bool namespaces; uint32_t ask; } filters[] = {
		{ "quiet", true, SCMP_ACT_ERRNO(EPERM) },
		{ "asking", true, SCMP_ACT_NOTIFY },
		{ "alone", false, SCMP_ACT_NOTIFY },
	};

	seccomp_api_set(5);
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++) {
		struct filter f = { .ask = filters[i].ask };
		int r = make(&f, filters[i].namespaces);

		if (r == 0)
			r = print(&f, filters[i].name);
		seccomp_release(f.ctx);
		if (r < 0) {
			fprintf(stderr, "gen-seccomp: cannot make the filter '%s': %s\n", filters[i].name, strerror(-r));
			return 1;
		}
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
