/* SPDX-License-Identifier: MIT */
/* The analysis of a command, with our own reader: it must come back from any text, within its bounds, and what it says
 * must hold together. */
#include "fuzz.h"

#include "guard/analyse.h"
#include "guard/print.h"
#include "libccm/macros.h"

static const char *script(void *user, const char *path, size_t *ret_bytes)
{
	(void)user;
	MUST(path[0] == '/');
	*ret_bytes = 12;
	return "rm -rf \"$1\"\n";
}

static void check_value(const struct guard_value *v)
{
	bool mark = false;

	MUST(v->text && v->text[v->bytes] == '\0');
	for (size_t i = 0; i < v->bytes; i++)
		mark |= v->text[i] >= GUARD_UNKNOWN && v->text[i] <= GUARD_ONE;
	MUST(v->known == !mark);
}

static void check_command(const struct guard_analysis *a, const struct guard_command *c, size_t size)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

	MUST(c->count > 0 || c->redirect_count > 0);
	MUST(c->via && c->offset <= size && c->bytes <= size);
	MUST(!c->directory || c->directory[0] == '/');
	MUST(!c->runs_in || (c->runs_in >= a->commands && c->runs_in < a->commands + a->count));
	for (size_t i = 0; i < c->count; i++)
		check_value(&c->words[i]);
	for (size_t i = 0; i < c->redirect_count; i++)
		check_value(&c->redirects[i].target);
	for (size_t i = 0; i < c->env_count; i++)
		check_value(&c->env[i].value);
	check_value(&c->input);
	guard_print_command(&out, c);
	MUST(ccm_sbuf_error(&out) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size);
	_cleanup_(guard_analysis_freep) struct guard_analysis *a = NULL;
	const struct guard_source source = { .text = text, .bytes = size, .directory = "/home/dev/project", .home = "/home/dev",
					     .script = script, .without_parser = true };

	MUST(guard_analyse(&source, &a) == 0);
	MUST(a->count <= GUARD_COMMANDS_MAX && !a->parsed);
	for (size_t i = 0; i < a->count; i++)
		check_command(a, &a->commands[i], size);
	for (size_t i = 0; i < a->fact_count; i++) {
		MUST(a->facts[i].detail && guard_fact_name(a->facts[i].kind));
		MUST(a->facts[i].command == SIZE_MAX || a->facts[i].command < a->count);
	}
	return 0;
}
