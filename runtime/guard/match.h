/* SPDX-License-Identifier: MIT */
/* match - hold the commands of an analysis against the rules.
 *
 *     struct guard_judge j = { .rules = rules, .places = &places, .ask = ask, .ask_user = context, .found = found, .user = x };
 *     r = guard_match(&j, analysis);
 *     if (r > 0) j.worst is the match that counts
 *
 * The worst verdict of all matches counts; of equal ones the first, in the order of the rules' files and sections. A match
 * that rests on what is not known (a path that may be the root) is never worse than ask, and maybe is set.
 *
 * Ownership: what a match points to belongs to the rules and the analysis.
 * Errors:    -ENOMEM; else 1: j->worst is set, 0: no rule matches.
 */
#ifndef CCM_GUARD_MATCH_H
#define CCM_GUARD_MATCH_H

#include "rule.h"

struct guard_match {
	const struct guard_rule *rule;
	enum guard_verdict verdict;
	size_t command;              /* index in the analysis; SIZE_MAX: the text as a whole */
	const struct guard_fact *fact;       /* NULL: not by a fact */
	const char *word;            /* the operand, option or file that decided, with marks; NULL: none */
	bool maybe;
	const struct guard_need *missed;     /* NULL: it matches; else the need that was not met, of a rule whose command and sub were */
};

struct guard_judge {
	struct guard_rules *rules;
	const struct guard_places *places;
	enum guard_answer (*ask)(void *user, enum guard_condition condition, const struct guard_command *command,
				 const struct guard_value *const *operands, size_t count);      /* NULL: nobody knows */
	void *ask_user;
	void (*found)(void *user, const struct guard_match *match);      /* each match and near miss; may be NULL */
	void *user;
	struct guard_match worst;    /* is written */
};

int guard_match(struct guard_judge *j, const struct guard_analysis *a);

/* The same for a tool that works on a file: Write, Edit, Read, ... */
int guard_match_file(struct guard_judge *j, const char *tool, const char *path, const char *directory);

#endif
