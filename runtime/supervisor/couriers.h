/* SPDX-License-Identifier: MIT */
/* couriers - the ccm-deliver processes, one for each channel that has something to send, side by side.
 *
 * What one says on stderr is handed on line by line. One that failed is not started again at once, and where it cannot be run
 * at all, the channel's row in outlet says so; one whose channel somebody else's ccm-deliver is at (`ccm-supervisor alerts`, or
 * `deliver` beside a daemon) is waited for.
 *
 *     couriers_open(&c, base, ctx, &db);
 *     c.config = ...; c.say = ...;
 *     couriers_start(&c, channels, now_ms, &next_ms);      // again at next_ms, and when one has ended
 *     couriers_reap(&c, pid, status);                      // for each child that ended
 *     couriers_close(&c);
 *
 * Units: _ms are Unix milliseconds.
 */
#ifndef CCM_SUPERVISOR_COURIERS_H
#define CCM_SUPERVISOR_COURIERS_H

#include <event2/event.h>
#include <sys/types.h>

#include "ctx.h"

struct courier {
	struct couriers *all;
	pid_t pid;                   /* 0: none runs */
	int fd;                      /* what it writes to stderr */
	struct event *out;
	struct ccm_sbuf said;        /* the line that has not ended */
	struct ccm_sbuf last;        /* the last that has */
	int64_t not_before_ms;
	int failures;                /* in a row */
};

struct couriers {
	struct ctx *ctx;
	struct event_base *base;
	struct ccm_db *const *db;
	struct courier list[CCM_CHANNELS];
	int (*config)(void *user);   /* a new descriptor with the configuration in force; NULL: they read config.ini */
	void (*say)(void *user, const char *channel, const char *line);
	void *user;
};

/* *db: the one that is open at the time; NULL: none is. */
void couriers_open(struct couriers *c, struct event_base *base, struct ctx *ctx, struct ccm_db *const *db);

/* Starts what is not running. *ret_next_ms: when one that may not start yet may, if that is sooner. 0, or the first error. */
int couriers_start(struct couriers *c, unsigned channels, int64_t now_ms, int64_t *ret_next_ms);

bool couriers_reap(struct couriers *c, pid_t pid, int status);     /* true: it was one of these */
bool couriers_work(const struct couriers *c);                      /* one of them runs */
void couriers_end(const struct couriers *c, int signal);           /* sends it to all */

/* Those that still run are killed. Accepts a zeroed struct. */
void couriers_close(struct couriers *c);

#endif
