/* SPDX-License-Identifier: MIT */
/* ccm-guard commands: what guard_analyse() found, one command a line, then the facts and what was not understood.
 *
 *     rm -rf /	flags=root	via=sudo
 *     ! runs-download: curl -s x | sh
 *     # line 1: reached end of text without closing quote
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "analyse.h"
#include "guard.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "print.h"

#define INPUT_MAX 200            /* bytes of a command's input that are shown */

static void add_input(struct ccm_sbuf *out, const struct guard_value *v)
{
	struct guard_value beginning = *v;

	if (v->bytes > INPUT_MAX)
		beginning.bytes = INPUT_MAX;
	ccm_sbuf_adds(out, "\tinput=");
	guard_print_value(out, &beginning);
	if (v->bytes > INPUT_MAX)
		ccm_sbuf_addf(out, "... (%zu bytes)", v->bytes);
}

static void print_one(struct ccm_sbuf *out, const struct guard_command *c, const char *directory)
{
	unsigned taint = 0;

	guard_print_command(out, c);
	for (size_t i = 0; i < c->env_count; i++) {
		ccm_sbuf_addf(out, "\tenv=%s=", c->env[i].name);
		guard_print_value(out, &c->env[i].value);
	}
	if (c->input.bytes > 0)
		add_input(out, &c->input);
	for (size_t i = 0; i < c->count; i++)
		taint |= c->words[i].taint;
	if (taint) {
		ccm_sbuf_adds(out, "\twords-from=");
		guard_print_taint(out, taint);
	}
	if (c->input.taint) {
		ccm_sbuf_adds(out, "\tinput-from=");
		guard_print_taint(out, c->input.taint);
	}
	if (!c->directory || strcmp(c->directory, directory) != 0)
		ccm_sbuf_addf(out, "\tin=%s", c->directory ? c->directory : "?");
	if (c->flags) {
		ccm_sbuf_adds(out, "\tflags=");
		guard_print_flags(out, c->flags);
	}
	if (c->via[0])
		ccm_sbuf_addf(out, "\tvia=%s", c->via);
	ccm_sbuf_addc(out, '\n');
}

static void print_all(struct ccm_sbuf *out, const struct guard_analysis *a, const char *directory)
{
	for (size_t i = 0; i < a->count; i++)
		print_one(out, &a->commands[i], directory);
	for (size_t i = 0; i < a->fact_count; i++)
		ccm_sbuf_addf(out, "! %s: %s\n", guard_fact_name(a->facts[i].kind), a->facts[i].detail);
	if (a->problem)
		ccm_sbuf_addf(out, "# %s\n", a->problem);
}

int guard_take_text(struct ccm_sbuf *text, int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "-") == 0)
		return ccm_read_fd(STDIN_FILENO, 16 << 20, text);
	for (int i = 0; i < argc; i++) {
		if (i > 0)
			ccm_sbuf_addc(text, ' ');
		ccm_sbuf_adds(text, argv[i]);
	}
	return ccm_sbuf_error(text);
}

int cmd_commands(const struct ccm_opt_usage *usage, int argc, char **argv)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, out = { 0 };
	_cleanup_(guard_analysis_freep) struct guard_analysis *a = NULL;
	const char *directory = NULL, *home = getenv("HOME");
	bool without_parser = false;
	char here[PATH_MAX];
	int r;
	const struct ccm_opt opts[] = {
		OPT_STR("cwd", 0, "DIR", &directory, "where it would run (default: here)"),
		OPT_FLAG("no-parser", 0, &without_parser, "as if shfmt were missing"),
		OPT_END
	};

	argc = ccm_opt_parse(usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (!directory)
		directory = getcwd(here, sizeof here) ? here : "/";
	r = guard_take_text(&text, argc, argv);
	if (r < 0)
		return r;
	r = guard_analyse(&(struct guard_source){ .text = ccm_sbuf_str(&text), .bytes = text.bytes, .directory = directory,
						  .home = home ? home : "/", .without_parser = without_parser }, &a);
	if (r < 0)
		return r;
	print_all(&out, a, directory);
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	fputs(ccm_sbuf_str(&out), stdout);
	return CCM_EXIT_OK;
}
