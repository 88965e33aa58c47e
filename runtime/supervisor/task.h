/* SPDX-License-Identifier: MIT */
/* task - tasks in the database: their states, how they move from one to the next, and what is noted of them.
 *
 *     r = task_load(db, "3fa2", &t, &diag);
 *     r = task_move(db, &t, TASK_EV_MERGE, &(struct task_moved){ .why = "merged into main" }, &diag);
 *
 * A move is only made from the state that the caller saw, by one of the rows of the table in task.c; every move is
 * written to the task's log. A supervisor holds its task's lock while it lives (place_lock); task_refresh()
 * notices one that is gone.
 *
 * Ownership: task_done() releases a task.
 * Errors:    negative errno or -CCM_E_*; -CCM_E_REFUSED with words where a move is not to be made.
 */
#ifndef CCM_SUPERVISOR_TASK_H
#define CCM_SUPERVISOR_TASK_H

#include <stdbool.h>
#include <stdint.h>

#include "libccm/db.h"
#include "libccm/paths.h"
#include "place.h"

#define TASK_STATES(X) \
	X(CREATED,   created,   "its folders are being made") \
	X(RUNNING,   running,   "its command runs") \
	X(STOPPED,   stopped,   "its processes are held: resume it or end it") \
	X(FINISHED,  finished,  "its command ended with status 0") \
	X(FAILED,    failed,    "its command ended with another status, or could not be started") \
	X(LOST,      lost,      "its supervisor is gone and its processes with it; its work is there") \
	X(MERGED,    merged,    "what was approved of it is merged") \
	X(DISCARDED, discarded, "given up; its folder is gone, its work is kept in a ref until it is forgotten") \
	X(SAVED,     saved,     "cleaned after a time of rest; its folder is gone, its work is kept in a ref")
enum task_state {
#define X(name, word, sentence) TASK_##name,
	TASK_STATES(X)
#undef X
	TASK_STATE_COUNT
};

enum task_event {
	TASK_EV_START,               /* its command is started */
	TASK_EV_STOP,                /* held, by a limit or a person */
	TASK_EV_GO_ON,               /* let go on */
	TASK_EV_SUCCEED,             /* the command ended with 0 */
	TASK_EV_FAIL,                /* it did not */
	TASK_EV_VANISH,              /* its supervisor is gone */
	TASK_EV_MERGE,
	TASK_EV_DISCARD,
	TASK_EV_CLEAN,               /* by gc */
	TASK_EV_RESTORE,
};

struct task_limits {
	int64_t worktree_bytes, file_bytes, commits, processes, memory_bytes, time_ms;       /* 0: no bound */
};

struct task {
	char id[TASK_ID_CHARS + 1];
	enum task_state state;
	char *title, *why, *repository, *project, *base, *branch, *command, *layers, *head, *saved, *merged;
	int64_t held_ms, resumes;    /* held for want of quota since then, 0: it is not; how often it went on by itself */
	int64_t created_ms, changed_ms, started_ms, spent_ms, pid, exit_status, commits, bytes;      /* exit_status -1: none */
	struct task_limits limits;
};

void task_done(struct task *t);
#define _cleanup_task_ _cleanup_(task_done)

const char *task_state_name(enum task_state s);
const char *task_state_sentence(enum task_state s);

struct task_new {
	const char *title, *repository, *project, *base, *branch;      /* project, branch: may be NULL */
	const char *const *command;
	struct task_limits limits;
};
/* What it may use from its next start on. */
int task_limit(struct ccm_db *db, struct task *t, const struct task_limits *limits);

/* Writes the row, state created. id gets a new id. */
int task_create(struct ccm_db *db, const struct task_new *n, char id[TASK_ID_CHARS + 1]);

/* Takes back a row that came to nothing. */
int task_forget(struct ccm_db *db, const char *id);

/* name: an id, the beginning of one, or "last". */
int task_load(struct ccm_db *db, const char *name, struct task *ret, struct ccm_diag *diag);

/* The row on which rows stands. */
struct ccm_rows;
int task_read(const struct ccm_rows *rows, struct task *ret);

struct task_moved {
	const char *why, *layers;
	int64_t pid, exit_status, started_ms, spent_ms;
	bool has_status;
};
int task_move(struct ccm_db *db, struct task *t, enum task_event on, const struct task_moved *m, struct ccm_diag *diag);
bool task_can(const struct task *t, enum task_event on);

int task_log(struct ccm_db *db, const char *id, const char *kind, const char *format, ...) _printf_(4, 5);

/* Tells the person: a row in alert. own: of what ccm saw itself, not what came out of the task. */
int task_alert(struct ccm_db *db, const struct task *t, bool own, const char *level, const char *title, const char *body);

/* If its supervisor is gone, it is lost. */
int task_refresh(struct ccm_db *db, const struct ccm_paths *paths, struct task *t);

/* True while a supervisor holds it. */
bool task_is_live(const struct ccm_paths *paths, const struct task *t);

/* The command as words to print. */
struct ccm_sbuf;
void task_command_text(const struct task *t, struct ccm_sbuf *out);

#endif
