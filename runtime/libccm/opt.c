/* SPDX-License-Identifier: MIT */
#include "opt.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "clock.h"
#include "log.h"

#define HELP_COLUMN 26

void ccm_opt_list_done(struct ccm_opt_list *l)
{
	free(l->items);
	*l = (struct ccm_opt_list){ 0 };
}

bool ccm_opt_needs_value(const struct ccm_opt *o)
{
	return o->value && o->type != CCM_OPT_STR_IF;
}

static void print_help(const struct ccm_opt_usage *u, const struct ccm_opt *opts)
{
	printf("Usage: %s %s%s%s%s\n\n%s\n", u->program, u->command, opts->name ? " [OPTION...]" : "",
	       u->args[0] ? " " : "", u->args, u->summary);
	printf("\nOptions:\n");
	for (const struct ccm_opt *o = opts; o->name; o++) {
		char left[128];
		const char *open = !o->value ? "" : o->type == CCM_OPT_STR_IF ? "[=" : "=";
		int n = snprintf(left, sizeof left, "  %c%c%s --%s%s%s%s", o->letter ? '-' : ' ',
				 o->letter ? o->letter : ' ', o->letter ? "," : " ", o->name, open,
				 o->value ? o->value : "", o->type == CCM_OPT_STR_IF ? "]" : "");

		if (n >= HELP_COLUMN)
			printf("%s\n%*s%s\n", left, HELP_COLUMN, "", o->help);
		else
			printf("%-*s%s\n", HELP_COLUMN, left, o->help);
	}
	printf("%-*s%s\n", HELP_COLUMN, "      --help", "show this help");
}

int ccm_opt_error(const struct ccm_opt_usage *u, const char *format, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	ccm_error("%s: %s (see '%s %s --help')", u->command, words, u->program, u->command);
	return -CCM_E_USAGE;
}

static bool is_choice(const char *choices, const char *value)
{
	size_t bytes = strlen(value);

	for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|')
		if (strcspn(c, "|") == bytes && strncmp(c, value, bytes) == 0)
			return true;
	return false;
}

static int set_value(const struct ccm_opt_usage *u, const struct ccm_opt *o, const char *value, int argc)
{
	struct ccm_opt_list *list;
	long long n;
	char *rest;

	switch (o->type) {
	case CCM_OPT_FLAG:
		*(bool *)o->to = true;
		return 0;
	case CCM_OPT_STR:
	case CCM_OPT_STR_IF:
		*(const char **)o->to = value ? value : "";
		return 0;
	case CCM_OPT_CHOICE:
		if (!is_choice(o->choices, value))
			return ccm_opt_error(u, "--%s takes %s, not '%s'", o->name, o->choices, value);
		*(const char **)o->to = value;
		return 0;
	case CCM_OPT_INT:
		errno = 0;
		n = strtoll(value, &rest, 10);
		if (!*value || *rest || errno || n < o->min || n > o->max)
			return ccm_opt_error(u, "--%s takes a whole number from %lld to %lld, not '%s'", o->name,
					     (long long)o->min, (long long)o->max, value);
		*(int64_t *)o->to = n;
		return 0;
	case CCM_OPT_DURATION:
		if (ccm_duration_parse(value, o->to) < 0)
			return ccm_opt_error(u, "--%s takes a duration such as 250ms, 2s or 5m, not '%s'", o->name,
					     value);
		return 0;
	case CCM_OPT_LIST:
		if (o->choices && !is_choice(o->choices, value))
			return ccm_opt_error(u, "--%s takes %s, not '%s'", o->name, o->choices, value);
		list = o->to;
		if (!list->items)
			list->items = calloc((size_t)argc, sizeof *list->items);
		if (!list->items)
			return -ENOMEM;
		list->items[list->count++] = value;
		return 0;
	}
	return -EINVAL;
}

static const struct ccm_opt *find_long(const struct ccm_opt *opts, const char *name, size_t bytes)
{
	for (const struct ccm_opt *o = opts; o->name; o++)
		if (strlen(o->name) == bytes && strncmp(o->name, name, bytes) == 0)
			return o;
	return NULL;
}

static const struct ccm_opt *find_letter(const struct ccm_opt *opts, char letter)
{
	for (const struct ccm_opt *o = opts; o->name; o++)
		if (o->letter && o->letter == letter)
			return o;
	return NULL;
}

/* --name, --name=value, --name value; returns how many further words were taken. */
static int parse_long(const struct ccm_opt_usage *u, const struct ccm_opt *opts, int argc, char **argv, int i)
{
	const char *name = argv[i] + 2, *equals = strchr(name, '=');
	size_t bytes = equals ? (size_t)(equals - name) : strlen(name);
	const struct ccm_opt *o = find_long(opts, name, bytes);
	int r;

	if (!o)
		return ccm_opt_error(u, "unknown option '--%.*s'", (int)bytes, name);
	if (!o->value) {
		if (equals)
			return ccm_opt_error(u, "--%s takes no value", o->name);
		return set_value(u, o, NULL, argc);
	}
	if (equals)
		return set_value(u, o, equals + 1, argc);
	if (!ccm_opt_needs_value(o))
		return set_value(u, o, NULL, argc);
	if (i + 1 >= argc)
		return ccm_opt_error(u, "--%s needs a value: --%s=%s", o->name, o->name, o->value);
	r = set_value(u, o, argv[i + 1], argc);
	return r < 0 ? r : 1;
}

static int parse_short(const struct ccm_opt_usage *u, const struct ccm_opt *opts, int argc, char **argv, int i)
{
	for (const char *c = argv[i] + 1; *c; c++) {
		const struct ccm_opt *o = find_letter(opts, *c);
		int r;

		if (!o)
			return ccm_opt_error(u, "unknown option '-%c'", *c);
		if (!ccm_opt_needs_value(o)) {
			r = set_value(u, o, NULL, argc);
			if (r < 0)
				return r;
			continue;
		}
		if (c[1])
			return set_value(u, o, c + 1, argc);
		if (i + 1 >= argc)
			return ccm_opt_error(u, "-%c needs a value: -%c %s", *c, *c, o->value);
		r = set_value(u, o, argv[i + 1], argc);
		return r < 0 ? r : 1;
	}
	return 0;
}

static bool is_option(const struct ccm_opt *opts, const char *word)
{
	if (word[0] != '-' || !word[1])
		return false;
	return word[1] < '0' || word[1] > '9' || find_letter(opts, word[1]);
}

int ccm_opt_parse(const struct ccm_opt_usage *u, const struct ccm_opt *opts, int argc, char **argv)
{
	int count = 0;
	bool ended = false;

	if (u->list) {
		u->list(u->list_user, opts);
		return -CCM_E_HELP;
	}
	for (int i = 0; i < argc; i++) {
		int r = 0;

		if (ended || !is_option(opts, argv[i])) {
			argv[count++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--") == 0) {
			ended = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0) {
			print_help(u, opts);
			return -CCM_E_HELP;
		}
		r = argv[i][1] == '-' ? parse_long(u, opts, argc, argv, i) : parse_short(u, opts, argc, argv, i);
		if (r < 0)
			return r;
		i += r;
	}
	if (count < u->min_args)
		return ccm_opt_error(u, "needs %s", u->args);
	if (u->max_args >= 0 && count > u->max_args)
		return ccm_opt_error(u, "unexpected '%s'", argv[u->max_args]);
	return count;
}
