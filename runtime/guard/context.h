/* SPDX-License-Identifier: MIT */
/* context - what surrounds a command and decides whether it hurts: the state of the repository, the branch, what this
 * session made itself.
 *
 * Rules name conditions (`when = dirty-tree`). They are asked last, only where all else matched, because an answer may
 * take a process or the database. Each answer is kept: a second rule that asks the same costs nothing.
 *
 *     struct guard_context *c = ...;
 *     switch (guard_context_ask(c, GUARD_CONDITION_DIRTY_TREE, command, &operands, count)) ...
 *
 * GUARD_MAYBE_SO is the answer where nobody knows (no repository there, git is missing or took too long, the directory is
 * unknown, the branch is in a variable). A rule takes it for the dangerous side: `when` holds, `unless` does not.
 *
 * Ownership: guard_context_free() releases it; the database and the texts it was given stay the caller's.
 * Errors:    there are none: what fails is GUARD_MAYBE_SO.
 */
#ifndef CCM_GUARD_CONTEXT_H
#define CCM_GUARD_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyse.h"

/* Name in the rules, and what it says of the command. */
#define GUARD_CONDITIONS(X) \
	X(IN_GIT,        "in-git",        "it runs in a git repository") \
	X(DIRTY_TREE,    "dirty-tree",    "tracked files have changes that are not committed") \
	X(UNTRACKED,     "untracked",     "there are files that git neither tracks nor ignores") \
	X(IGNORED,       "ignored",       "there are files that git ignores, other than what builds make again") \
	X(STASHED,       "stashed",       "the repository has stashes") \
	X(SHARED_BRANCH, "shared-branch", "it pushes to, changes or deletes a branch that others work on: main, master, develop, release/*, ...") \
	X(MADE_HERE,     "made-here",     "all it names was made by this session, or lies in a directory that was") \
	X(CCM_PROCESS,   "ccm-process",   "one of the process numbers it names is of a program of ccm's (asked of /proc)") \
	X(EXISTS,        "exists",        "one of the files it names exists") \
	X(SAVED,         "saved",         "all that it names is in the repository's last commit as it is, or made by builds")

enum guard_condition {
#define X(id, name, words) GUARD_CONDITION_##id,
	GUARD_CONDITIONS(X)
#undef X
	GUARD_CONDITION_COUNT
};

enum guard_answer { GUARD_NO, GUARD_MAYBE_SO, GUARD_YES };

struct ccm_db;

struct guard_context_source {
	const char *session_id;      /* NULL: no session, so nothing was made by it */
	const char *db;              /* path of ccm.db; NULL: none */
	int64_t busy_timeout_ms;
	int64_t git_timeout_ms;      /* for all that is asked of git */
	const char *const *shared_branches;  /* beside those that everybody knows; * is any text; NULL-terminated, or NULL */
};

struct guard_context *guard_context_new(const struct guard_context_source *source);      /* NULL: out of memory */
void guard_context_free(struct guard_context *c);
void guard_context_freep(struct guard_context **c);

/* operands: the words of the command that the rule is about (paths, refs), as the matcher has found them. */
enum guard_answer guard_context_ask(struct guard_context *c, enum guard_condition condition,
				    const struct guard_command *command, const struct guard_value *const *operands,
				    size_t count);

/* For guard_source.script: the text of a script that this session has written, as it is on disk now: a Write or an edit of it
 * is on record, or a command with a redirection to it, or tee; NULL: it did not, or it cannot be read. The text lives as long as the context. */
const char *guard_context_script(void *context, const char *path, size_t *ret_bytes);

/* -1: there is none of that name. */
int guard_condition_find(const char *name, size_t bytes);
const char *guard_condition_name(enum guard_condition condition);
const char *guard_condition_words(enum guard_condition condition);

/* How long the conditions asked so far took. */
int64_t guard_context_took_us(const struct guard_context *c);

/* True for the names of branches that others are taken to work on. */
bool guard_is_shared_branch(const char *name);

/* Writes the directory in which the repository of dir begins: the nearest at or above that holds .git. False: none. */
bool guard_find_repository(const char *dir, char *ret, size_t size);

#endif
