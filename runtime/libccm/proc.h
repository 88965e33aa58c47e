/* SPDX-License-Identifier: MIT */
/* proc - run programs side by side: feed their stdin, keep their output, end them in time.
 *
 * Each program gets a process group of its own, default signals, a pipe each for stdout and stderr,
 * and no other descriptor. Its stdin is a file in memory: a shell script that starts one
 * helper after the other to look at its input finds it whole each time. Where the system has no such
 * file it is a pipe. At its deadline the group gets SIGTERM, CCM_PROC_GRACE_MS later SIGKILL.
 * A program that has ended while something it left behind still holds its pipes is waited for
 * CCM_PROC_LINGER_MS more and then let go: what it left behind lives on, but nobody listens.
 *
 * Should we be killed meanwhile, or crash, the groups of the programs that we still wait for get SIGKILL at once, from
 * the kernel (on Linux; elsewhere they live on until they end or write to us). Only what has left its
 * group, as a daemon does, is not reached.
 *
 * Ownership: what a spec points to stays the caller's. ccm_proc_result_done() empties a result.
 * Units:     _ms are milliseconds, _us microseconds, _bytes bytes.
 * Errors:    a program that cannot be started or fails is not an error: see the result.
 * Source:    exit_status is what sh puts in $? for a program that exited (POSIX XCU 2.8.2).
 */
#ifndef CCM_PROC_H
#define CCM_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sbuf.h"

#define CCM_PROC_GRACE_MS 500
#define CCM_PROC_LINGER_MS 200

struct ccm_proc_spec {
	const char *path;                    /* executed as it is: no PATH, no shell */
	const char *const *argv;             /* NULL-terminated */
	const char *const *envp;             /* NULL-terminated */
	const char *input;                   /* may hold NUL bytes; NULL and 0: empty */
	size_t input_bytes;
	size_t output_max_bytes;             /* per stream; the rest is read, dropped and counted */
	int64_t timeout_ms;                  /* from start to exit; at least 1 */
	int64_t memory_max_bytes;            /* writable memory of each process of it; 0: no bound. Linux only */
};

struct ccm_proc_result {
	int error;                           /* negative errno: it could not be started; else 0 */
	int64_t started_ms;                  /* Unix time */
	int64_t took_us;
	int exit_status;                     /* -1: did not exit by itself */
	int signal;                          /* 0, or the signal that ended it */
	bool timed_out;                      /* ended by us at its deadline */
	bool interrupted;                    /* ended by us because ccm_proc_interrupt() was called */
	bool lingered;                       /* it left something behind that held its pipes */
	struct ccm_sbuf out, err;            /* at most output_max_bytes each */
	size_t out_bytes, err_bytes;         /* how much was written in all, as far as it was read */
};

/* Runs all of them at once and returns when the last is done. -ENOMEM, or 0. */
int ccm_proc_run_all(const struct ccm_proc_spec *specs, size_t count, struct ccm_proc_result *results);

/* The same in two steps, for who has something to do meanwhile. Deadlines count from the start, but are looked after only in
 * the second step, which there must be; both arrays must stay until then. In between SIGPIPE is ignored. */
struct ccm_proc_runs;
int ccm_proc_begin_all(const struct ccm_proc_spec *specs, size_t count, struct ccm_proc_result *results,
		       struct ccm_proc_runs **ret);
int ccm_proc_end_all(struct ccm_proc_runs *runs);        /* NULL: does nothing */
void ccm_proc_result_done(struct ccm_proc_result *r);

/* Starts a program and does not wait for it: session of its own, /dev/null on all three. */
int ccm_proc_detach(const char *path, const char *const *argv);
int ccm_proc_detach_with(const char *path, const char *const *argv, const char *const *envp);

/* The same with a descriptor of ours as its stderr; its end comes as SIGCHLD. */
int ccm_proc_detach_said(const char *path, const char *const *argv, int err, pid_t *ret);

/* Starts a program in a process group of its own and does not wait for it: its end comes as SIGCHLD. Its stdin and stderr
 * are the given descriptors, its stdout is /dev/null. */
int ccm_proc_start(const char *path, const char *const *argv, int in, int err, pid_t *ret);

/* Makes a running ccm_proc_run_all() end its programs as if their deadlines had come. May be called from a signal handler. */
void ccm_proc_interrupt(void);

/* From now on SIGTERM, SIGINT and SIGHUP do that, so that what was started never outlives us unseen. */
void ccm_proc_catch_signals(void);

#endif
