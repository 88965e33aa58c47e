/* SPDX-License-Identifier: MIT */
/* shell - what is known while a text is walked: the state of one (sub)shell, and what all of them share.
 *
 * The parts of the walk and what each of them does:
 *
 *     analyse.c   statements: lists, pipes, conditions, loops, functions; here it begins
 *     expand.c    words become values
 *     state.c     variables, files written on the way, descriptors
 *     run.c       one command with its words known: is it a function, a wrapper, an interpreter, a builtin?
 *     builtin.c   builtins that change the state
 *     output.c    what a program would print, where that can be computed
 *     wrappers.c  programs that run other programs
 *     code.c      one-liners in other languages
 *     network.c   what comes from the network and what goes there
 *
 * A subshell is a copy of struct shell: everything in it that can change is either a value or the head of a list of
 * which older parts are never changed by a younger shell.
 *
 * Ownership: everything is the arena's.
 */
#ifndef CCM_GUARD_SHELL_H
#define CCM_GUARD_SHELL_H

#include "analyse.h"
#include "arena.h"
#include "syntax.h"
#include "value.h"

/* Beside enum guard_taint, for our own use: what a shell prints that takes its commands from who knows where. */
#define GUARD_TAINT_SESSION (1u << 16)
/* A file of a repository that this text cloned: as new as a download, but named and whole, as people get programs. */
#define GUARD_TAINT_CLONED (1u << 18)
/* Out of a variable that is named as a key is: OPENAI_API_KEY. walk.credential says which. */
#define GUARD_TAINT_CREDENTIAL (1u << 19)
/* A list of processes; and what of it is about ccm's. */
#define GUARD_TAINT_PROCESSES (1u << 20)
#define GUARD_TAINT_OF_CCM (1u << 21)

#define FD_COUNT 32                  /* descriptors that are followed; {name}> gets the first free from 10 on */

struct var {
	const char *name;
	struct guard_value *items;           /* one for a plain variable */
	const char **keys;                   /* of an associative array, else NULL */
	size_t count;
	bool array, is_unset, exported, reference;
	unsigned scope;                      /* the branch that made it: only that may change it */
	struct var *other;                   /* another value it may have instead */
	struct var *next;                    /* older */
	struct var *below;                   /* older, of the same bucket */
};

#define VAR_BUCKETS 32

/* All variables at some moment. A copy stays as it is while younger ones are added elsewhere. */
struct vars {
	struct var *newest;
	struct var *buckets[VAR_BUCKETS];
};

struct function {
	const char *name;
	struct stmt *body;
	unsigned depth;                      /* how many calls of it are being walked */
	bool called, mark;
	struct function *next, *defined_before;
};

struct alias {
	const char *name;
	struct guard_value value;
	bool active;                         /* being expanded */
	struct alias *next;
};

/* Text that can be read once: several readers share where they are. */
struct input {
	struct guard_value text;
	size_t at;
};

/* What somebody collects of what is printed. */
struct sink {
	struct text text;
};

enum fd_kind { FD_UNKNOWN, FD_INPUT, FD_SINK, FD_FILE, FD_NETWORK, FD_NULL, FD_CLOSED };

struct fd {
	enum fd_kind kind;
	struct input *input;                 /* FD_INPUT */
	struct sink *sink;                   /* FD_SINK */
	const char *path;                    /* FD_FILE, FD_NETWORK */
};

/* What is known of a file's content because this text wrote it, copied it or linked to it. */
struct file {
	const char *path;                    /* absolute, normalised */
	unsigned hash;
	struct guard_value content;
	bool has_content;                    /* else only the taint counts */
	bool directory;
	const char *program;                 /* it is a copy of, or a link to, that program */
	struct file *next;
};

struct emitted {
	struct guard_command command;
	size_t index;
	struct emitted *next;
};

/* trap TEXT EXIT of one process; of branches, each. */
struct exit_trap {
	const struct guard_value *text;
	const struct emitted *by;
	struct exit_trap *next;
};

/* What the whole analysis shares. */
struct walk {
	struct guard_arena *arena;
	const struct guard_source *source;
	struct guard_analysis *analysis;
	const char *text;                    /* the outermost, without NUL bytes */
	size_t bytes;
	struct emitted *commands, **commands_tail;
	size_t command_count;
	struct guard_fact *facts;
	size_t fact_count, fact_room;
	struct file *files;
	const char *credential;              /* the name of the last variable that held one, as it seems */
	bool secret_copied;                  /* a secret was written into some file under another name */
	struct function *defined;            /* every function, newest first, by defined_before */
	unsigned steps, depth, texts, scopes, process_files, parser_runs;
	bool too_complex;
};

struct shell {
	struct walk *walk;
	struct vars vars;
	struct function *functions;
	struct alias *aliases;
	struct fd fds[FD_COUNT];
	struct guard_value *args;            /* $1... */
	size_t arg_count;
	bool args_open;                      /* more of them than anybody knows */
	struct guard_value name;             /* $0 */
	struct guard_value last_arg;         /* $_ */
	struct guard_redirect *redirects;    /* of the command and of the groups around it, outermost first */
	size_t redirect_count;
	struct guard_assignment *env;        /* in front of the command, and exported */
	size_t env_count;
	unsigned scope;
	unsigned choice, choices;            /* which of its possible values each variable has now, of how many */
	bool no_globs;
	bool no_functions;                   /* the next command is started by a program */
	bool lenient;                        /* the text is not bash: that a part has no place in it is no problem */
	bool took_line;                      /* a read found a line */
	unsigned flags;                      /* enum guard_flag of what runs here */
	const struct emitted *runs_in;
	struct exit_trap **at_exit;          /* NULL: the end of it is not followed */
	const char *via;
	const char *text;                    /* of the statements being walked */
	size_t text_bytes;
	bool outermost;                      /* text is the source's: positions in it count */
	size_t offset, bytes;                /* where the current command stands in the source */
};

/* Changes in it do not reach sh; only files do. */
static inline struct shell subshell_of(struct shell *sh)
{
	struct shell sub = *sh;

	sub.scope = ++sh->walk->scopes;
	sub.at_exit = NULL;
	return sub;
}

/* ---- analyse.c */
void walk_list(struct shell *sh, struct stmt *s);
void walk_stmt(struct shell *sh, struct stmt *s);
bool step(struct shell *sh);                                     /* false: a bound was reached */
void too_complex(struct walk *w, const char *what);
void add_fact(struct shell *sh, enum guard_fact_kind kind, const struct emitted *command, const char *detail);
/* The file that the current command's standard input was redirected from, if nothing is known of its content; else NULL. */
const struct guard_value *unknown_input_file(struct shell *sh);
/* A file of that taint runs: true if that is a fact to be told. */
bool judge_file(struct shell *sh, unsigned taint, const struct emitted *command);
/* Parses and walks text as bash would with eval; what words name is added to via. */
void run_text(struct shell *sh, const struct guard_value *text, const char *via, const struct emitted *by);
/* The same of a shell of its own, up to its end: what it traps on EXIT sees the variables as they are then. */
void run_process(struct shell *sh, const struct guard_value *text, const char *via, const struct emitted *by);
void walk_process(struct shell *sh, struct stmt *list);
/* What is in a text does not have the here-documents of the command that reads it. */
void drop_read_texts(struct shell *sh);
/* A subshell whose standard output is collected. */
struct guard_value output_of(struct shell *sh, struct stmt *list);
struct fd input_of(struct walk *w, const struct guard_value *text);
struct guard_value read_all(struct shell *sh, const struct fd *fd);      /* what is left in it to read */

/* ---- expand.c */
void expand_arithmetic(struct shell *sh, const struct word *w);  /* for what it assigns and starts */
enum expansion { EXPAND_ARGUMENT, EXPAND_ASSIGNMENT, EXPAND_PLAIN, EXPAND_PATTERN };
void expand_words(struct shell *sh, const struct word *w, struct values *out);
void expand_word(struct shell *sh, const struct word *w, struct values *out);            /* as an argument: may be many */
struct guard_value expand_one(struct shell *sh, const struct word *w, enum expansion how); /* exactly one */
bool arith(struct shell *sh, const struct guard_value *text, int64_t *ret);

/* ---- state.c */
struct var *var_find(struct shell *sh, const char *name);        /* with the current choice; NULL: nobody set it */
struct guard_value var_value(struct shell *sh, const char *name);        /* "" if it is unset, unknown if nobody knows */
struct var *var_set(struct shell *sh, const char *name, struct guard_value v);
struct var *var_set_array(struct shell *sh, const char *name, struct guard_value *items, const char **keys, size_t count);
void var_unset(struct shell *sh, const char *name);
void var_export(struct shell *sh, const char *name);
struct var *var_newest(const struct vars *vars, const char *name);
/* Joins what branches that began with the variables `base` made of them; sh->vars becomes what may be the case afterwards. */
void vars_merge(struct shell *sh, const struct vars *base, const struct vars *ends, size_t count);
const char *directory_of(struct shell *sh);                      /* NULL: nobody knows */
void directory_set(struct shell *sh, const struct guard_value *v);
const char *absolute(struct shell *sh, const char *path);        /* NULL: its directory is unknown, or it has marks */
struct file *file_find(struct shell *sh, const char *path);
bool is_fresh(struct shell *sh, const char *directory);          /* nothing was in it before this text: mktemp -d, git clone */
struct file *file_write(struct shell *sh, const char *path, const struct guard_value *content, bool append);
unsigned file_taint(struct shell *sh, const char *path, bool below);     /* of the path itself and what was written there */
struct guard_value file_read(struct shell *sh, const char *path);
/* The text of a script that this text or this session wrote; what it was before something was added to it is left out if
 * nobody knows. False: nobody wrote it, or it cannot be named. */
bool script_text(struct shell *sh, const struct guard_value *path, struct guard_value *ret);
/* Copies what is known of a file (or directory) to another name. */
void file_copy(struct shell *sh, const char *from, const char *to);
void write_fd(struct shell *sh, int fd, const struct guard_value *v);

void open_file(struct shell *sh, int fd, const char *path, enum guard_redirect_kind kind);

/* ---- run.c */
bool call_function(struct shell *sh, const char *name, struct guard_value *words, size_t count);
void run_command(struct shell *sh, struct guard_value *words, size_t count);
struct emitted *emit(struct shell *sh, const struct guard_value *words, size_t count);
/* As run_command, started by another: flags are added, via grows by that name. */
void run_under(struct shell *sh, struct guard_value *words, size_t count, const struct emitted *by, const char *via,
	       unsigned flags);
const char *base_name(struct shell *sh, const struct guard_value *word);         /* NULL: nobody knows */
bool is_shell(const char *name);
const char *joined_words(struct shell *sh, const struct guard_value *words, size_t count);   /* for people */
struct guard_value words_as_code(struct shell *sh, const struct guard_value *words, size_t count);  /* joined by blanks */

/* ---- builtin.c: true if the name is one, and it was done */
bool run_builtin(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self);

/* ---- wrappers.c */
bool run_wrapper(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self);
bool run_shell(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self);

/* ---- output.c: what goes to its standard output */
void print_formatted(struct shell *sh, struct text *out, struct guard_value *words, size_t count);       /* printf's words */
void print_output(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self);

/* ---- code.c: an interpreter of another language; true if the name is one */
bool run_interpreter(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self);

/* ---- network.c */
void follow_files(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self);
bool is_network_path(const char *path);                          /* /dev/tcp/..., /dev/udp/... */

#define TEXT(sh) { .arena = (sh)->walk->arena }
#define VALUES(sh) { .arena = (sh)->walk->arena }

#endif
