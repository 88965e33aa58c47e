/* SPDX-License-Identifier: MIT */
/* rule - the guard's rules: what is in the *.ini files.
 *
 * A file is of one group: that of its first line `group = NAME`, else its own name. A section is a rule; its name is the id.
 *
 *     [rm-root]
 *     command  = rm|unlink              ; names of programs or of tools (below); globs; "npx foo" for two words
 *     sub      = volume rm|remove, system prune    ; words that must follow, options skipped; a comma between whole paths
 *     option   = -r|-R|--recursive      ; each such line must be met: bundled, in any order, abbreviated, --name=VALUE
 *     without  = -n|--dry-run|ENV=test  ; none of these; without a dash: a variable set for it, or a word NAME=VALUE
 *     operand  = @root|@home&!@tmp      ; a word that is neither option nor sub: see patterns
 *     first, last, after, before        ; the same for the first, the last, all after the first, all before the last
 *     redirect = @disk                  ; a file it writes by > or >>
 *     writes   = @system                ; a file it writes: by >, or as its tool says; likewise reads, removes, sends
 *     env      = LD_PRELOAD|GIT_*=*sh*  ; a variable set for it
 *     text     = *dropDatabase(*        ; any of its words, or what is known of its standard input
 *     sql      = DROP TABLE*            ; the same as SQL: a statement in capitals, without comments and strings
 *     except   = cat|ls               ; programs that the rule is not about, where it names none
 *     flag     = root|remote            ; how it runs: root, remote, container, background, maybe, from-code, open, ccm-process
 *     fact     = runs-download          ; instead of a command: what the walk found
 *     tool     = Write|Edit             ; instead of a command: tools of the client that work on a file (globs),
 *     path     = @ccm                   ; ... and the file
 *     when     = dirty-tree             ; conditions of context.h, asked last; each line must hold
 *     unless   = made-here              ; ... and none of these
 *     verdict  = deny                   ; deny | ask | warn
 *     profile  = strict                 ; the mildest profile in which the rule holds: relaxed (default), standard, strict
 *     reason   = It would delete ...    ; for the agent: what was refused
 *     instead  = Name the ...           ; ... and what to do
 *
 * Patterns: alternatives with | between; an alternative is terms with & between; a term is @class of path.h (TEXT@class: what
 * follows TEXT), @open (a word that nobody knows will follow, as from xargs) or a glob with * and ?; ! in front turns it round.
 * "-name=PATTERN" asks for an option with such a value.
 *
 * A section [tool NAME] says how a program reads its words, for all rules that name it:
 *     names    = kubectl|oc|k3s kubectl ; other names of the same tool
 *     valued   = -n|--namespace         ; options whose next word is their value; `valued SUB` those of one sub-command
 *     whole    = --force                ; long options that are complete as they are, though they begin other ones
 *     writes   = last|-o|of=            ; which of its words are files that it writes: all, first, last, after, before (see above),
 *                                       ; the value of an option (-d=@: what follows the @ in it), what follows such a beginning;
 *                                       ; likewise reads, removes, sends (over the network)
 *     writes-if = -i|--in-place         ; ... only with one of these options; likewise reads-if, removes-if, sends-if
 *     style    = single                 ; single: -word is one option (terraform, find); fold: words in any case; tar: the first word
 *                                       ; may be options without a dash; find: skip what -exec runs; plain: no option is abbreviated
 *
 * Loading only finds where the rules are and what commands they are for: a rule is read when a command of its comes up, so an
 * error in it is found then, or by guard_rules_check(). A rule with an error is left out; the others stay in force.
 *
 * Ownership: all is in the rules' arena, and goes with guard_rules_free().
 * Errors:    -ENOMEM, -errno of a file. What is wrong in a file goes to problems, one line each: "git.ini:12: ...".
 */
#ifndef CCM_GUARD_RULE_H
#define CCM_GUARD_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyse.h"
#include "context.h"
#include "path.h"

enum guard_verdict { GUARD_OFF, GUARD_WARN, GUARD_ASK, GUARD_DENY };    /* in rising order; as in [guard] */
enum guard_profile { GUARD_RELAXED, GUARD_STANDARD, GUARD_STRICT };

/* One | alternative: all terms must be met. */
struct guard_term {
	bool not, open;
	uint32_t bits;               /* of a class; 0: a glob */
	const char *prefix;          /* in front of a class; "" */
	const char *glob;
};
struct guard_alternative {
	const char *option;          /* "-r", "--force", "-delete"; NULL: not about an option */
	const struct guard_term *terms;
	size_t count;                /* 0: any value */
};

enum guard_key {
	GUARD_KEY_EXCEPT, GUARD_KEY_SUB, GUARD_KEY_OPTION, GUARD_KEY_WITHOUT, GUARD_KEY_OPERAND, GUARD_KEY_FIRST, GUARD_KEY_LAST, GUARD_KEY_AFTER,
	GUARD_KEY_BEFORE, GUARD_KEY_REDIRECT, GUARD_KEY_WRITES, GUARD_KEY_READS, GUARD_KEY_REMOVES, GUARD_KEY_SENDS, GUARD_KEY_ENV, GUARD_KEY_TEXT, GUARD_KEY_SQL, GUARD_KEY_FLAG,
	GUARD_KEY_PATH, GUARD_KEY_WHEN, GUARD_KEY_UNLESS,
};
struct guard_need {
	enum guard_key key;
	const char *words;           /* as written */
	const struct guard_alternative *alternatives;
	size_t count;
	uint32_t bits;               /* flag: enum guard_flag; when, unless: 1 << enum guard_condition */
};

struct guard_rule {
	const char *id, *group, *file;
	int line;
	enum guard_verdict verdict;  /* as it is in force */
	enum guard_verdict written;  /* as the file has it */
	enum guard_profile profile;
	const char *reason, *instead;        /* instead: NULL where there is none */
	const char *command;         /* as written; NULL: any, or a fact */
	int fact;                    /* enum guard_fact_kind, or -1; -2: one, but not yet read */
	const char *tool;            /* as written; NULL: for commands */
	const struct guard_need *needs;      /* in the order in which they are asked */
	size_t need_count;
	/* private */
	unsigned hints;              /* 1 << enum guard_key of some keys that it has, known before it is read */
	uint32_t hash, index;
	const char *text;
	size_t bytes;
	enum { GUARD_RULE_UNREAD, GUARD_RULE_READ, GUARD_RULE_BROKEN } state;
};

struct guard_tool {
	const char *name, *names, *valued, *whole;
	const char *does[4], *does_if[4];    /* writes, reads, removes, sends */
	bool single, fold, tar, find, plain;
	struct guard_sub_valued { const char *sub, *options; struct guard_sub_valued *next; } *subs;
	/* private */
	const char *text, *file;
	size_t bytes;
	int line;
	uint64_t beginnings;
	bool read;
};

struct guard_rules *guard_rules_new(void);
void guard_rules_free(struct guard_rules *r);
void guard_rules_freep(struct guard_rules **r);

/* A file, or all NAME.ini of a folder in the order of their names. */
int guard_rules_read(struct guard_rules *r, const char *path);

/* The same of a folder, before anything else was read, from what guard_rules_remember() wrote to the file remembered: faster, where that
 * is ours, whole, and of these very files (size, time) and this program. 1: it was; else it is as if guard_rules_read() was called. */
int guard_rules_recall(struct guard_rules *r, const char *folder, const char *remembered);

/* Writes where the rules are in the folder's files, if all of them can be found. */
int guard_rules_remember(const char *folder, const char *remembered);

int guard_rules_read_text(struct guard_rules *r, const char *file, const char *text, size_t bytes);

/* Reads what has not been read yet, so that problems has all of them. */
int guard_rules_check(struct guard_rules *r);
const char *guard_rules_problems(const struct guard_rules *r);       /* "", or lines */

/* name: "rule.ID" or "group.NAME". tighten: a milder verdict than the one in force changes nothing.
 * -ENOENT: there is no such rule or group. */
int guard_rules_say(struct guard_rules *r, const char *name, enum guard_verdict verdict, bool tighten);
void guard_rules_profile(struct guard_rules *r, enum guard_profile profile);

/* All that are without error, read; NULL behind the last. */
const struct guard_rule *guard_rules_at(struct guard_rules *r, size_t index);

const char *guard_verdict_name(enum guard_verdict v);
const char *guard_key_name(enum guard_key key);

/* For match.c. */
size_t guard_rules_count(const struct guard_rules *r);
struct guard_rule *guard_rules_get(struct guard_rules *r, size_t index);    /* perhaps unread */

/* What can be said of a rule without looking at it: most are not about the command at hand. In the order of the rules;
 * reading more of them moves it. */
struct guard_outline {
	uint64_t beginnings;         /* of what its command names, see guard_beginnings() */
	bool command, fact, tool;
};
const struct guard_outline *guard_rules_outlines(const struct guard_rules *r);

/* A bit for what each of the names begins with; those of a name are among those of all patterns that it meets. */
uint64_t guard_beginnings(const char *names);
bool guard_rule_load(struct guard_rules *r, struct guard_rule *rule);       /* false: broken */
size_t guard_rules_tool_count(const struct guard_rules *r);
struct guard_tool *guard_rules_tool_at(const struct guard_rules *r, size_t index);
void guard_tool_load(struct guard_rules *r, struct guard_tool *tool);
/* A list of names, | between; a name may be several words. Does the first word of one meet name? ... */
bool guard_names_begin(const char *names, const char *name);
size_t guard_names_meet(const char *names, const struct guard_command *c);       /* how many words; 0: none of the names */
struct guard_arena *guard_rules_arena(struct guard_rules *r);
enum guard_profile guard_rules_in_profile(const struct guard_rules *r);

/* * and ? in pattern; text may hold marks, which are like any other byte. */
bool guard_glob(const char *pattern, size_t bytes, const char *text, bool fold);

#endif
