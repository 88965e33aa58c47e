/* SPDX-License-Identifier: MIT */
/* The guard's rules: whatever stands in a file of them, what is wrong is said and what is right can be held against any
 * command. The first line is the command's words with tabs between, the rest the file. */
#include <limits.h>
#include <string.h>

#include "fuzz.h"

#include "guard/match.h"
#include "libccm/macros.h"

#define WORDS_MAX 64

static const struct guard_places places = {
	.home = "/home/dev", .directory = "/home/dev/shop", .ccm_home = "/home/dev/.ccm", .client_home = "/home/dev/.claude",
};

/* Sides with what the input says, so that both ways are gone. */
static enum guard_answer ask(void *user, enum guard_condition condition, const struct guard_command *command _unused_,
			     const struct guard_value *const *operands, size_t count)
{
	for (size_t i = 0; i < count; i++)
		MUST(operands[i] && operands[i]->text);
	return (enum guard_answer)((*(size_t *)user + condition) % 3);
}

static void check_path(const char *path)
{
	char abs[PATH_MAX], again[PATH_MAX];
	struct guard_path_class c = guard_path_classify(&places, path, places.directory);

	MUST(!(c.is & c.may));
	if (!guard_path_normalise(path, places.directory, abs, sizeof abs))
		return;
	MUST(abs[0] == '/' || abs[0] == GUARD_UNKNOWN);
	MUST(!strstr(abs, "//") && !strstr(abs, "/./") && !strstr(abs, "/../"));
	MUST(abs[0] != '/' || (guard_path_normalise(abs, NULL, again, sizeof again) && !strcmp(abs, again)));
}

static void found(void *user, const struct guard_match *match)
{
	(void)user;
	MUST(match->rule && match->rule->id && match->rule->reason);
	MUST(!match->maybe || match->verdict <= GUARD_ASK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(guard_rules_freep) struct guard_rules *rules = guard_rules_new();
	_cleanup_free_ char *text = fuzz_string(data, size);
	struct guard_value words[WORDS_MAX] = { 0 };
	struct guard_command command = { .words = words, .directory = places.directory, .via = "" };
	struct guard_analysis a = { .commands = &command, .count = 1 };
	char *rest = text + strcspn(text, "\n");
	const char *problems;

	MUST(rules);
	if (*rest)
		*rest++ = '\0';
	for (char *word = text, *next; word && command.count < WORDS_MAX; word = next) {
		next = strchr(word, '\t');
		if (next)
			*next++ = '\0';
		words[command.count++] = (struct guard_value){ .text = word, .bytes = strlen(word) };
		check_path(word);
	}
	command.name = words[0].text;
	MUST(guard_rules_read_text(rules, "fuzz.ini", rest, strlen(rest)) == 0);
	MUST(guard_match(&(struct guard_judge){ .rules = rules, .places = &places, .ask = ask, .ask_user = &size, .found = found },
			 &a) >= 0);
	MUST(guard_match_file(&(struct guard_judge){ .rules = rules, .places = &places, .found = found }, "Write", words[0].text,
			      places.directory) >= 0);
	MUST(guard_rules_check(rules) == 0);
	problems = guard_rules_problems(rules);
	MUST(!*problems || problems[strlen(problems) - 1] == '\n');
	for (size_t i = 0; guard_rules_at(rules, i); i++)
		MUST(guard_rules_at(rules, i)->reason && guard_rules_at(rules, i)->verdict > GUARD_OFF);
	return 0;
}
