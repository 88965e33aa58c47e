/* SPDX-License-Identifier: MIT */
/* git - run git's plumbing so that nothing which an agent wrote decides what runs.
 *
 *     struct git g = { .git_dir = place->import, .sealed = true };
 *     r = git_run(&g, &out, &diag, "rev-parse", "--verify", "--quiet", name, NULL);
 *
 * Every call: no hooks, no fsmonitor, no pager, no prompts, no garbage collection, no lazy fetching, the C locale; no
 * GIT_ variable of ours is passed on. sealed: the configuration of the person and the system is not read either; for
 * repositories of our own making. Without it the person's own configuration counts, for their repository.
 *
 * Never run outside a sandbox on metadata that an agent could write: a task's repo.git and work.
 *
 * Units:  _ms milliseconds.
 * Errors: git_run(): 0; -CCM_E_REFUSED with git's words in diag; -ETIMEDOUT, -EFBIG, -ENOMEM, -errno.
 *         git_try(): git's exit status, or negative as above (but for -CCM_E_REFUSED).
 */
#ifndef CCM_SUPERVISOR_GIT_H
#define CCM_SUPERVISOR_GIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libccm/error.h"
#include "libccm/sbuf.h"

#define GIT_OUTPUT_MAX ((size_t)64 << 20)
#define GIT_MEMORY_MAX ((int64_t)4 << 30)    /* of a git that reads what an agent committed: a few objects can stand for very much */
#define GIT_ID_MAX 64                        /* hexadecimal digits of a SHA-256 */

struct git {
	const char *git_dir;                 /* NULL: found from directory */
	const char *directory;               /* where it runs; NULL: git_dir */
	const char *work_tree;               /* NULL: as the repository says */
	bool sealed;
	const char *const *env;              /* more variables, "NAME=value"; NULL ends; may be NULL */
	const char *input; size_t input_bytes;
	int64_t timeout_ms;                  /* 0: two minutes */
	size_t output_max_bytes;             /* 0: GIT_OUTPUT_MAX */
	int64_t memory_max_bytes;            /* 0: no bound */
	uint64_t file_max_bytes;             /* no file that it writes gets longer; 0: no bound */
};

/* "NAME=value" that lends git the objects of one more repository, whatever its path holds; colons part such paths. */
int git_lend_objects(struct ccm_sbuf *out, const char *git_dir);

/* out and diag may be NULL; out is appended to. The words are a list that NULL ends. */
int git_run(const struct git *g, struct ccm_sbuf *out, struct ccm_diag *diag, const char *word, ...)
	__attribute__((sentinel));
int git_try(const struct git *g, struct ccm_sbuf *out, struct ccm_diag *diag, const char *word, ...)
	__attribute__((sentinel));
int git_runv(const struct git *g, struct ccm_sbuf *out, struct ccm_diag *diag, const char *const *words);

/* The one line of output, without its end; -CCM_E_NOT_FOUND if git fails. free() *ret. */
int git_line(const struct git *g, char **ret, const char *word, ...) __attribute__((sentinel));

/* 40 or 64 lower-case hexadecimal digits. */
bool git_is_id(const char *text);

/* The absolute path of git; NULL: there is none in PATH. */
const char *git_program(void);

#endif
