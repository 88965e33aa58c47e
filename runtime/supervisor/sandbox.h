/* SPDX-License-Identifier: MIT */
/* sandbox - run a program where the kernel lets it do only what a spec says.
 *
 *     struct sandbox_spec spec = { .paths = paths, .path_count = n, .directory = dir, .envp = envp, .denied_fd = -1 };
 *     struct sandbox_child child;
 *
 *     r = sandbox_start(&spec, argv, &child, &diag);
 *     if (r < 0)
 *             return r;
 *     r = sandbox_wait(&child, NULL, &status);
 *     sandbox_child_done(&child);
 *
 * Layers: namespaces (user, mount, pid, ipc, net, uts, cgroup) with a root that holds nothing but the paths of the spec;
 *         Landlock rules for the same paths; a seccomp filter and no_new_privs. What holds which attack off is told in
 *         ccm-sandbox(7). All that are asked for are in force before the program's first instruction, or it is not run.
 *         Where the kernel refuses namespaces, Landlock and seccomp alone are enough from Landlock ABI 6 on, with a
 *         broker for what Landlock does not rule (chmod and the like); child.layers then says so, and so must the
 *         caller. Below that nothing runs: -CCM_E_REFUSED, and diag says what is missing.
 *
 * Processes: between the caller and the program stands one of ours, pid 1 of the namespace (without namespaces: a
 *         subreaper). It reaps, and ends everything inside when the program has ended or the caller is gone, also
 *         by SIGKILL.
 *
 * Ownership: all that a spec points to stays the caller's, and may go after sandbox_start(). sandbox_child_done() ends
 *         what is left inside and closes the descriptors; it accepts a zeroed struct whose fds are -1.
 * Threads: the thread that starts a child must outlive it (PR_SET_PDEATHSIG).
 * Errors: negative errno or -CCM_E_REFUSED, with words in diag.
 */
#ifndef CCM_SUPERVISOR_SANDBOX_H
#define CCM_SUPERVISOR_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "libccm/error.h"
#include "libccm/sbuf.h"

enum sandbox_access {
	SANDBOX_READ      = 1 << 0,
	SANDBOX_EXECUTE   = 1 << 1,
	SANDBOX_WRITE     = 1 << 2,      /* write, truncate; for a directory: also create, rename, unlink in it */
	SANDBOX_PIN       = 1 << 3,      /* a read-only mount over something in a writable place: it stays what and where it
					    is. Needs namespaces; without them it does nothing */
	SANDBOX_OPTIONAL  = 1 << 4,      /* missing is fine */
	SANDBOX_SHELF     = 1 << 5,      /* a directory that cannot be written, but holds paths of this spec that can: one
					    writable mount for all of them, Landlock tells them apart. It must not lie below a
					    path with WRITE, and makes an EMPTY one that it lies below one that stays empty */
	SANDBOX_DEVICE    = 1 << 6,      /* a device file that is opened as one */
	SANDBOX_EMPTY     = 1 << 7,      /* an empty directory of its own, in memory and gone at the end. Needs namespaces;
					    without them it does nothing */
};

/* A path with WRITE, PIN or SHELF, or below one that has WRITE, is used only if no part of it is a symbolic link. */
struct sandbox_path {
	const char *path;            /* absolute; not / itself */
	unsigned access;
	const char *at;              /* where the program finds it; NULL: at path. Another place needs namespaces; without
					them the path is there only under its own name */
};

enum sandbox_layer {
	SANDBOX_LANDLOCK   = 1 << 0,
	SANDBOX_SECCOMP    = 1 << 1,
	SANDBOX_NAMESPACES = 1 << 2,
};

struct sandbox_spec {
	const struct sandbox_path *paths;
	size_t path_count;
	const char *directory;           /* where the program starts; NULL: / */
	const char *const *envp;         /* the whole environment; its PATH finds argv[0] */
	int proxy_port;                  /* the program reaches this port of 127.0.0.1 and no other host; 0: no network. With
					    namespaces any port will do; without them it is one of the host's, so take
					    another if sandbox_start() fails with -EADDRINUSE */
	bool local_servers;              /* what runs inside may also listen on, and connect to, ports of its own loopback.
					    Needs namespaces; without them it does nothing */
	struct {
		int64_t max_file_bytes;      /* a write past it fails with EFBIG; 0: no bound */
		int64_t max_memory_bytes;    /* writable memory of one process; 0: no bound */
		int64_t max_processes;       /* inside; without namespaces the kernel counts the user's others, too; 0: no
						bound */
	} limits;
	int denied_fd;                   /* where refusals that the kernel tells of are written, one JSON line each; -1:
					    nowhere. See notify.h */
	bool terminal;                   /* a pty of its own in place of those of descriptors 0, 1, 2 that are terminals;
					    child.terminal_fd is our side */
	unsigned without;                /* SANDBOX_NAMESPACES: do not try them */
};

struct sandbox_child {
	pid_t pid;               /* our process above the program; sandbox_child_done() reaps it */
	unsigned layers;         /* which are in force */
	char why_not[512];       /* why namespaces are not; "" when they are */
	int control_fd;          /* to that process */
	int notify_fd;           /* what seccomp asks us; -1: nothing */
	int proxy_fd;            /* listens on proxy_port, for the caller to accept on; -1: no network */
	int terminal_fd;         /* -1: no terminal */
	int denied_fd;           /* a copy of the spec's */
	struct notify *notify;   /* what answers notify_fd */
};

#define SANDBOX_CHILD_INIT { .control_fd = -1, .notify_fd = -1, .proxy_fd = -1, .terminal_fd = -1, .denied_fd = -1 }

/* Starts argv. Returns once the program runs, or could not be run. */
int sandbox_start(const struct sandbox_spec *spec, const char *const *argv, struct sandbox_child *ret,
		  struct ccm_diag *diag);

/* What sandbox_wait() does besides. */
struct sandbox_watch {
	void (*tick)(void *user);        /* called every tick_ms, for limits and the like; NULL: never */
	void *user;
	int64_t tick_ms;
	int fd;                          /* when it can be read, tick is called early; -1: none */
	bool relay;                      /* join child.terminal_fd with our own terminal until the end */
};

/* Answers, relays and waits until the program has ended and nothing of it is left. *ret_status is what sh puts in $?.
 * SIGINT, SIGTERM and SIGHUP meanwhile are handed on to everything inside; the second one kills. watch may be NULL. */
int sandbox_wait(struct sandbox_child *child, const struct sandbox_watch *watch, int *ret_status);

/* Sends a signal (SIGSTOP, SIGCONT, SIGTERM, SIGKILL ...) to every process inside; SIGKILL ends the sandbox. */
int sandbox_signal(struct sandbox_child *child, int signal);

void sandbox_child_done(struct sandbox_child *child);

/* The paths that programs need to run at all, as pointers to constants: /usr, /lib, some files of /etc, /dev/null ... */
const struct sandbox_path *sandbox_system_paths(size_t *ret_count);

struct sandbox_report {
	int landlock_abi;        /* negative errno: none */
	int seccomp_error;       /* 0, or why there are no filters that ask: negative errno */
	int namespaces_error;    /* 0: all of them and the mounts in them work; else what failed first, a negative errno */
	struct ccm_diag namespaces_words;
	unsigned layers;         /* that would be in force; 0: nothing would be run */
	char missing[1024];      /* what is missing and how to enable it, a sentence a line; "" when all is there */
};

/* Tries each thing for real, in processes of its own. Fails only with -ENOMEM and the like. */
int sandbox_probe(struct sandbox_report *ret);

#endif
