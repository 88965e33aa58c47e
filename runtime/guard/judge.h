/* SPDX-License-Identifier: MIT */
/* judge - one tool call against the rules: what it would run or touch, the verdict, and the words for it.
 *
 *     struct guard_judgement j = { 0 };
 *     r = guard_judge(&(struct guard_case){ .tool = "Bash", .command = text, ... }, config, paths, &j);
 *     if (r == 0 && j.verdict > GUARD_OFF)
 *             guard_judgement_words(&j, &out);
 *     guard_judgement_done(&j);
 *
 * A call has parts: a shell command is one; each file that a file tool names is one; an MCP tool has one for each argument
 * that is a command or a path by its name. Each part is an analysis; the worst verdict of all counts.
 *
 * Ownership: guard_judgement_done() releases it. What the case points to, config and paths must outlive it.
 * Errors:    -ENOMEM.
 */
#ifndef CCM_GUARD_JUDGE_H
#define CCM_GUARD_JUDGE_H

#include "config.h"
#include "libccm/json.h"
#include "match.h"

struct guard_case {
	const char *tool;            /* tool_name; "Bash" for a command that a person asks about */
	struct ccm_json input;       /* tool_input; type 0: there is none, and command is what counts */
	const char *command;         /* what a shell would run; NULL: taken from input */
	size_t command_bytes;
	const char *directory;       /* absolute: the session's */
	const char *project;         /* absolute, or NULL: that of the repository around directory, or directory itself */
	const char *session_id;      /* NULL: none */
	bool explain;                /* collect matches and near misses */
	struct guard_parser *parser; /* begun on the command; may be NULL (parse.h) */
	bool without_parser;         /* as if shfmt were missing (tests) */
};

struct guard_part {
	const char *what;            /* "command", or what is done to the file: Write, Edit, Read, Delete, Settings */
	const char *text;            /* the command or the path */
	struct guard_analysis *analysis;     /* NULL: of a file */
};

/* What the rules said; collected for explain only. */
struct guard_remark {
	size_t part;
	struct guard_match match;
	bool allowed;                /* would count, but for allow_paths or allow_commands */
};

struct guard_judgement {
	enum guard_verdict verdict;
	struct guard_match worst;            /* where verdict is not GUARD_OFF */
	size_t worst_part;
	struct guard_part *parts;
	size_t part_count;
	struct guard_remark *remarks;
	size_t remark_count;
	struct guard_context *context;
	struct guard_arena *arena;
	char *project;                       /* as it was taken */
	int64_t took_us, parse_us, match_us, context_us;
	bool failed;                         /* out of memory in a callback */
};

int guard_judge(const struct guard_case *c, struct guard_config *config, const struct ccm_paths *paths,
		struct guard_judgement *ret);
void guard_judgement_done(struct guard_judgement *j);

/* Appends why, and what to do instead: for the agent. No line end. */
void guard_judgement_words(const struct guard_judgement *j, struct ccm_sbuf *out);

/* The command that the worst match is about; NULL: the text as a whole. */
const struct guard_command *guard_judgement_command(const struct guard_judgement *j);

#endif
