/* SPDX-License-Identifier: MIT */
/* analyse - what a shell command would run, found out without running it.
 *
 * The text is parsed by a real bash grammar (shfmt; parse.h) and then walked as bash would walk it, with values instead
 * of effects: variables, functions, aliases, descriptors, pipes, the current directory and files written on the way hold
 * what is known of them. The result is the list of the simple commands that could run, each with its words as far as
 * they can be known, whatever they were wrapped in: sudo, env, xargs, find -exec, sh -c, eval, a pipe into a shell, a
 * here-document, a Python one-liner. Both arms of a condition are walked; a loop's body is walked once for each known
 * item. What is only data (an argument of echo, a commit message, a here-document into a file) is no command and is not in the list.
 *
 *     _cleanup_(guard_analysis_freep) struct guard_analysis *a = NULL;
 *     r = guard_analyse(&(struct guard_source){ .text = command, .directory = cwd, ... }, &a);
 *     for (size_t i = 0; i < a->count; i++)
 *             judge(&a->commands[i]);
 *
 * Ownership: everything in an analysis lives in its arena and goes with guard_analysis_free().
 * Bounds:    GUARD_COMMANDS_MAX commands, GUARD_DEPTH_MAX levels of text in text, GUARD_STEPS_MAX steps. Reaching one sets
 *            GUARD_FACT_TOO_COMPLEX: the caller asks.
 * Errors:    -ENOMEM. A text that does not parse is not an error: see problem.
 */
#ifndef CCM_GUARD_ANALYSE_H
#define CCM_GUARD_ANALYSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_COMMANDS_MAX 8192
#define GUARD_DEPTH_MAX    24
#define GUARD_STEPS_MAX    60000

/* In the text of a value stand, beside bytes that are what they are: */
#define GUARD_UNKNOWN '\001'         /* any text, also none: a variable nobody set, output of a command nobody knows */
#define GUARD_STAR    '\002'         /* an active * (also ** and extglobs) */
#define GUARD_ONE     '\003'         /* an active ? or [...] */

/* Where a value came from; a value joined from several has all their marks. */
enum guard_taint {
	GUARD_TAINT_NETWORK = 1 << 0,    /* downloaded: curl, wget, nc, /dev/tcp, a git clone's files, ... */
	GUARD_TAINT_SECRET  = 1 << 1,    /* read from a secret file or a keychain, or an archive, copy or encoding of one */
	GUARD_TAINT_DECODED = 1 << 2,    /* out of base64 -d, xxd -r, gunzip, openssl -d, rev, tr, ...: text that was hidden */
	GUARD_TAINT_ENV     = 1 << 3,    /* the whole environment (env, printenv, export -p), which may hold credentials */
};

struct guard_value {
	const char *text;            /* NUL-terminated, with the marks above */
	size_t bytes;
	unsigned taint;              /* enum guard_taint */
	bool known;                  /* text holds no mark: these are the very bytes */
	bool quoted;                 /* any part of the word was quoted: it cannot be an alias or keyword */
};

struct guard_redirect {
	int fd;                      /* that is redirected; -1: both 1 and 2 */
	enum guard_redirect_kind {
		GUARD_READ, GUARD_WRITE, GUARD_APPEND, GUARD_READ_WRITE, GUARD_DUP, GUARD_HEREDOC,
	} kind;                      /* >| is WRITE */
	struct guard_value target;   /* the file as written, not yet made absolute; the text of a here-document or here-string */
};

struct guard_assignment {
	const char *name;
	struct guard_value value;
};

enum guard_flag {
	GUARD_ROOT       = 1 << 0,       /* through sudo, doas, pkexec, su */
	GUARD_REMOTE     = 1 << 1,       /* on another machine: ssh HOST */
	GUARD_CONTAINER  = 1 << 2,       /* in a container or chroot: its paths are not ours */
	GUARD_BACKGROUND = 1 << 3,
	GUARD_MAYBE      = 1 << 4,       /* in a condition, a function never called from this text, an arm of a case */
	GUARD_FROM_CODE  = 1 << 5,       /* made from a one-liner: os.remove("x") stands here as rm x, os.system(s) as what s runs */
	GUARD_ARGS_OPEN  = 1 << 6,       /* more words follow that nobody knows: xargs, parallel, "$@", find -exec {} + */
	GUARD_DRY_RUN    = 1 << 7,       /* its wrapper only prints it: make -n style wrappers, `xargs -p`, `parallel --dry-run` */
	GUARD_FRESH      = 1 << 9,       /* git in a directory that this text made: by mktemp -d, by git clone */
	GUARD_OF_CCM     = 1 << 8,       /* a word of it is out of a list of ccm's processes: kill $(pgrep ccm-supervisor) */
};

struct guard_command {
	const struct guard_value *words;         /* words[0]: the program as called; count >= 1 unless it only assigns or redirects */
	size_t count;
	const char *name;                        /* words[0] without its directory; NULL: nobody knows. "git", "[", "." */
	const struct guard_assignment *env;      /* FOO=bar in front, and by env(1); also what was exported before */
	size_t env_count;
	const struct guard_redirect *redirects;  /* its own and those of the groups around it */
	size_t redirect_count;
	const char *directory;                   /* absolute, no links resolved; NULL: nobody knows (cd "$X") */
	struct guard_value input;                /* what its stdin holds, as far as known: a pipe's, a here-document's, a file's taint */
	unsigned flags;                          /* enum guard_flag */
	const struct guard_command *runs_in;     /* the command that started it: sudo, xargs, sh -c, find, python -c; NULL: the shell */
	const char *via;                         /* for people: "sudo > sh -c > xargs"; "" */
	size_t offset, bytes;                    /* where in the outermost text; what was made from other text points at the word it came from */
};

/* What the walk itself finds; each with the command it concerns. */
enum guard_fact_kind {
	GUARD_FACT_RUNS_DOWNLOAD,        /* an interpreter runs text with GUARD_TAINT_NETWORK */
	GUARD_FACT_RUNS_DECODED,         /* ... with GUARD_TAINT_DECODED; what could be read of it is in the list, too */
	GUARD_FACT_RUNS_UNKNOWN,         /* ... that nobody knows: eval "$X", sh -c "$(cat f)", xargs sh -c {} */
	GUARD_FACT_UNKNOWN_PROGRAM,      /* nobody knows which program it is: $X -rf $Y; its command has no name */
	GUARD_FACT_SENDS_SECRET,         /* text or a file with GUARD_TAINT_SECRET or _ENV goes to the network */
	GUARD_FACT_SENDS_CREDENTIAL,     /* a variable named after somebody's key goes to an address that is not theirs */
	GUARD_FACT_REVERSE_SHELL,        /* a shell whose input and output are the network */
	GUARD_FACT_FORK_BOMB,            /* a function that starts itself twice, or in the background, without end */
	GUARD_FACT_TOO_COMPLEX,          /* a bound was reached */
	GUARD_FACT_NOT_PARSED,           /* the grammar refused a part; problem says why. What stands before it was walked all the same */
};
struct guard_fact {
	enum guard_fact_kind kind;
	size_t command;              /* index in commands; SIZE_MAX: the text as a whole */
	const char *detail;          /* for people: "curl https://x/y | sh" */
};

struct guard_source {
	const char *text;            /* need not end in NUL */
	size_t bytes;
	const char *directory;       /* absolute: the session's cwd */
	const char *home;            /* $HOME */
	const char *const *wrappers; /* names that run their arguments and are not known here, from [guard] wrappers; NULL-terminated, or NULL */
	/* The text of a script that this session wrote itself, or NULL. path is absolute. *ret_bytes is set. The text is the callee's until the analysis ends. */
	const char *(*script)(void *user, const char *path, size_t *ret_bytes);
	void *user;
	struct guard_parser *parser; /* begun on the text; may be NULL */
	bool without_parser;         /* as if shfmt were missing (tests) */
};

/* A symbolic link that the text itself makes: both absolute and normalised. */
struct guard_link {
	const char *path, *target;
	struct guard_link *next;
};

struct guard_analysis {
	const struct guard_command *commands;
	size_t count;
	const struct guard_fact *facts;
	size_t fact_count;
	const struct guard_link *links;      /* the latest first */
	const char *problem;         /* NULL, or why a part was not understood: "line 2: unclosed quote" / "shfmt is missing: install it (Debian: apt install shfmt)" */
	bool parsed;                 /* shfmt was needed */
	int64_t parse_us;            /* time spent in it */
	struct guard_arena *arena;   /* holds all of it, this struct too */
};

int guard_analyse(const struct guard_source *source, struct guard_analysis **ret);
void guard_analysis_free(struct guard_analysis *a);
void guard_analysis_freep(struct guard_analysis **a);

/* "runs-download", "too-complex", ...: as rules and people write it. */
const char *guard_fact_name(enum guard_fact_kind kind);

#endif
