/* SPDX-License-Identifier: MIT */
/* syntax - the tree of a piece of bash, as the walk reads it, whoever built it: parse.c (shfmt) or reader.c (ourselves).
 *
 * Ownership: everything is in the arena; texts may also point into the source text, which must outlive the tree.
 * Lists are linked by next, in the order of the text.
 */
#ifndef CCM_GUARD_SYNTAX_H
#define CCM_GUARD_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>

enum part_kind {
	PART_LITERAL,        /* text as written, backslashes and all */
	PART_SINGLE,         /* '..': text between the quotes; dollar: $'..' */
	PART_DOUBLE,         /* "..": parts */
	PART_PARAM,          /* $x, ${x...} */
	PART_COMMAND,        /* $(..), `..` */
	PART_ARITH,          /* $((..)): parts, as in double quotes */
	PART_PROCESS,        /* <(..), >(..) */
	PART_GLOB,           /* an extended glob: @(a|b) */
};

struct part {
	enum part_kind kind;
	bool dollar;
	bool output;                 /* PART_PROCESS: >(..) */
	const char *text;
	size_t bytes;
	struct part *parts;
	struct stmt *stmts;
	struct param *param;
	struct part *next;
};

struct word {
	struct part *parts;
	const char *text;            /* the word in its text; NULL where it stands in none */
	size_t bytes;
	struct word *next;
};

struct param {
	const char *name;            /* "x", "1", "@" */
	bool indirect;               /* ${!x} */
	bool length;                 /* ${#x} */
	bool names;                  /* ${!x*}: names that begin so */
	bool all;                    /* ${x[@]}, ${x[*]} */
	struct word *index;          /* ${x[index]} */
	const char *op;              /* "", ":-", "-", "##", "//", ":" (part of it), "@", "^^", ... */
	struct word *arg;            /* what stands behind the operator */
	struct word *arg2;           /* the replacement; the length of a part */
};

enum redirect_op {
	REDIRECT_READ, REDIRECT_WRITE, REDIRECT_APPEND, REDIRECT_READ_WRITE, REDIRECT_DUP_IN, REDIRECT_DUP_OUT,
	REDIRECT_BOTH, REDIRECT_BOTH_APPEND, REDIRECT_HEREDOC, REDIRECT_HERESTRING,
};

struct redirect {
	enum redirect_op op;
	int fd;                      /* -1: the usual one of the operator */
	const char *variable;        /* {name}> */
	struct word *word;
	struct word *heredoc;        /* its text: one PART_SINGLE, or PART_DOUBLE */
	struct redirect *next;
};

struct element {
	struct word *index;          /* may be NULL */
	struct word *value;
	struct element *next;
};

struct assign {
	const char *name;            /* NULL: a word of declare that is no name: -x, "$x" */
	bool append, array, naked;   /* naked: no = behind the name */
	struct word *index;
	struct word *value;          /* may be NULL: empty */
	struct element *elements;
	struct assign *next;
};

struct arm {
	struct word *patterns;
	struct stmt *body;
	struct arm *next;
};

enum stmt_kind {
	STMT_SIMPLE,         /* assigns, words */
	STMT_DECLARE,        /* words: declare, export, local, readonly, typeset; assigns: what follows */
	STMT_AND_OR,         /* body: joined by && and || (join of each) */
	STMT_PIPE,           /* body: joined by | (join JOIN_PIPE_ALL: |&) */
	STMT_BLOCK,          /* body */
	STMT_SUBSHELL,       /* body */
	STMT_IF,             /* cond, body, orelse */
	STMT_LOOP,           /* while, until: cond, body */
	STMT_FOR,            /* name, words (with has_words), body; also select */
	STMT_FOR_ARITH,      /* words: the three expressions; body */
	STMT_CASE,           /* words: one; arms */
	STMT_FUNCTION,       /* name, body: one */
	STMT_TEST,           /* [[ ]]: words in it */
	STMT_ARITH,          /* (( )), let: words */
	STMT_COPROC,         /* name or NULL, body: one */
	STMT_TIME,           /* body: one, or NULL */
};

enum stmt_join { JOIN_NONE, JOIN_AND, JOIN_OR, JOIN_PIPE, JOIN_PIPE_ALL };

struct stmt {
	enum stmt_kind kind;
	enum stmt_join join;         /* how it is joined to the one before it */
	bool background, negated, has_words;
	struct assign *assigns;
	struct word *words;
	struct redirect *redirects;
	struct stmt *cond, *body, *orelse;
	struct arm *arms;
	const char *name;
	const char *text;            /* in its text; NULL: in none */
	size_t bytes;
	struct stmt *next;
};

#endif
