/* SPDX-License-Identifier: MIT */
/* opt - command-line options, said once.
 *
 * The table stands beside the variables that it fills. From it come the parser, `--help`, and
 * the words that shell completion offers.
 *
 *     const struct ccm_opt opts[] = {
 *             OPT_INT ("limit", 'n', "N", &limit, 1, 10000, "show at most N events (default 50)"),
 *             OPT_FLAG("json", 0, &as_json, "print one JSON object per line"),
 *             OPT_END
 *     };
 *     argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
 *     if (argc < 0)
 *             return argc;
 *     // argv[0] .. argv[argc - 1] are what is not an option
 *
 * Taken: --name=value, --name value, --name, -n value, -nvalue, -n; `--` ends the options. A value
 *        that may be left out stands behind an equals sign. -1 is a word, not an option.
 * Errors: -CCM_E_USAGE after printing what is wrong; -CCM_E_HELP after `--help`.
 */
#ifndef CCM_OPT_H
#define CCM_OPT_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

struct ccm_opt {
	const char *name;            /* long name; NULL ends the table */
	char letter;                 /* short name or 0 */
	const char *value;           /* what the value is called in the help; NULL: takes none */
	const char *help;
	enum ccm_opt_type {
		CCM_OPT_FLAG, CCM_OPT_INT, CCM_OPT_STR, CCM_OPT_STR_IF, CCM_OPT_CHOICE, CCM_OPT_DURATION,
		CCM_OPT_LIST,
	} type;
	void *to;                    /* bool, int64_t, const char *, the same ("" without value), const char *,
	                                int64_t (ms), struct ccm_opt_list */
	int64_t min, max;
	const char *choices;         /* "short|full|json": of CCM_OPT_CHOICE, and of a CCM_OPT_LIST that has any */
};

/* Values of an option that may be given several times; points into argv. */
struct ccm_opt_list {
	const char **items;          /* room for as many as argc; the parser makes it, ccm_opt_list_done() frees it */
	int count;
};
void ccm_opt_list_done(struct ccm_opt_list *l);
#define _cleanup_opt_list_ _cleanup_(ccm_opt_list_done)

#define OPT_FLAG(name, letter, to, help) { name, letter, NULL, help, CCM_OPT_FLAG, to, 0, 0, NULL }
#define OPT_INT(name, letter, value, to, min, max, help) \
	{ name, letter, value, help, CCM_OPT_INT, to, min, max, NULL }
#define OPT_STR(name, letter, value, to, help) { name, letter, value, help, CCM_OPT_STR, to, 0, 0, NULL }
#define OPT_STR_IF(name, letter, value, to, help) { name, letter, value, help, CCM_OPT_STR_IF, to, 0, 0, NULL }
#define OPT_CHOICE(name, letter, to, choices, help) \
	{ name, letter, choices, help, CCM_OPT_CHOICE, to, 0, 0, choices }
#define OPT_DURATION(name, letter, to, help) { name, letter, "TIME", help, CCM_OPT_DURATION, to, 0, 0, NULL }
#define OPT_LIST(name, letter, value, to, help) { name, letter, value, help, CCM_OPT_LIST, to, 0, 0, NULL }
#define OPT_LIST_OF(name, letter, value, to, choices, help) \
	{ name, letter, value, help, CCM_OPT_LIST, to, 0, 0, choices }
#define OPT_END { NULL, 0, NULL, NULL, CCM_OPT_FLAG, NULL, 0, 0, NULL }

/* What the help says above the options. */
struct ccm_opt_usage {
	const char *program;         /* ccm-hook */
	const char *command;         /* log */
	const char *args;            /* what follows the options: "NAME [FILE]" */
	const char *summary;         /* one line */
	int min_args, max_args;      /* how many words that are not options; max -1: any number */
	/* Set, the parser only hands out the command's table and returns -CCM_E_HELP: for completion. */
	void (*list)(void *user, const struct ccm_opt *opts);
	void *list_user;
};

/* Puts the words that are not options to the front of argv (which starts behind the command's
 * name) and returns how many there are. */
int ccm_opt_parse(const struct ccm_opt_usage *usage, const struct ccm_opt *opts, int argc, char **argv);

/* True if the option takes the next word as its value. */
bool ccm_opt_needs_value(const struct ccm_opt *o);

/* For what only the command can judge: says it as the parser would and returns -CCM_E_USAGE. */
int ccm_opt_error(const struct ccm_opt_usage *usage, const char *format, ...) _printf_(2, 3);

#endif
