/* SPDX-License-Identifier: MIT */
/* ccm-guard explain: what a call would run or touch, what each word is, which rules came near, and how long it took.
 *
 * For people: `ccm-hook explain` calls it. Nothing is recorded, and no code is given. */
#include <errno.h>
#include <string.h>

#include "guard.h"
#include "judge.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/term.h"
#include "print.h"
#include "setup.h"

#define EVENT_MAX_BYTES ((size_t)256 << 20)

struct explain {
	struct guard_setup setup;
	struct guard_judgement j;
	struct ccm_sbuf text;        /* the command, or the event */
	char *tool, *session_id, *cwd, *command;
	struct ccm_json input;
	const char *directory, *project;
	bool without_parser;
	struct ccm_sbuf out;
};

static void explain_done(struct explain *e)
{
	guard_judgement_done(&e->j);
	guard_setup_done(&e->setup);
	ccm_sbuf_done(&e->text);
	ccm_sbuf_done(&e->out);
	free(e->tool);
	free(e->session_id);
	free(e->cwd);
	free(e->command);
}

/* Text of an agent must not drive the terminal. */
static void add_clean(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	ccm_term_clean(out, text, bytes, CCM_CLEAN_LINE);
}

static void line(struct explain *e, const char *label, const char *text)
{
	ccm_sbuf_addf(&e->out, "%-10s ", label);
	add_clean(&e->out, text, strlen(text));
	ccm_sbuf_addc(&e->out, '\n');
}

static void value_line(struct explain *e, const char *label, const struct guard_value *v)
{
	_cleanup_sbuf_ struct ccm_sbuf shown = { 0 };

	guard_print_value(&shown, v);
	if (v->taint) {
		ccm_sbuf_adds(&shown, "   from ");
		guard_print_taint(&shown, v->taint);
	}
	ccm_sbuf_addf(&e->out, "     %-9s ", label);
	add_clean(&e->out, ccm_sbuf_str(&shown), shown.bytes);
	ccm_sbuf_addc(&e->out, '\n');
	e->out.failed |= shown.failed;
}

/* ---- what would run */

static void tell_source(struct explain *e, const struct guard_part *part, const struct guard_command *c, const char *shown)
{
	size_t bytes = strlen(part->text);

	if (c->offset >= bytes || c->bytes > bytes - c->offset || !c->bytes)
		return;
	if (strlen(shown) == c->bytes && strncmp(part->text + c->offset, shown, c->bytes) == 0)
		return;
	ccm_sbuf_addf(&e->out, "     %-9s ", "from");
	add_clean(&e->out, part->text + c->offset, c->bytes);
	ccm_sbuf_addc(&e->out, '\n');
}

static void tell_command(struct explain *e, const struct guard_part *part, size_t index)
{
	const struct guard_command *c = &part->analysis->commands[index];
	_cleanup_sbuf_ struct ccm_sbuf shown = { 0 };
	char label[32];

	guard_print_command(&shown, c);
	ccm_sbuf_addf(&e->out, "%3zu  ", index + 1);
	add_clean(&e->out, ccm_sbuf_str(&shown), shown.bytes);
	ccm_sbuf_addc(&e->out, '\n');
	tell_source(e, part, c, ccm_sbuf_str(&shown));
	for (size_t i = 0; i < c->count; i++) {
		snprintf(label, sizeof label, "word %zu", i + 1);
		value_line(e, label, &c->words[i]);
	}
	if (c->input.bytes)
		value_line(e, "stdin", &c->input);
	if (c->via[0])
		ccm_sbuf_addf(&e->out, "     %-9s %s\n", "by", c->via);
	if (!c->directory || strcmp(c->directory, e->directory) != 0)
		ccm_sbuf_addf(&e->out, "     %-9s %s\n", "in", c->directory ? c->directory : "a directory that nobody knows");
	if (c->flags) {
		ccm_sbuf_addf(&e->out, "     %-9s ", "is");
		guard_print_flags(&e->out, c->flags);
		ccm_sbuf_addc(&e->out, '\n');
	}
	e->out.failed |= shown.failed;
}

static void tell_part(struct explain *e, const struct guard_part *part)
{
	const struct guard_analysis *a = part->analysis;

	ccm_sbuf_addc(&e->out, '\n');
	if (!a) {
		ccm_sbuf_addf(&e->out, "%s of ", part->what);
		add_clean(&e->out, part->text, strlen(part->text));
		ccm_sbuf_addc(&e->out, '\n');
		return;
	}
	ccm_sbuf_addf(&e->out, "Would run  %zu command%s (%s)\n", a->count, a->count == 1 ? "" : "s",
		      a->parsed ? "read with shfmt" : "plain words");
	for (size_t i = 0; i < a->count; i++)
		tell_command(e, part, i);
	for (size_t i = 0; i < a->fact_count; i++) {
		ccm_sbuf_addf(&e->out, "  !  %s: ", guard_fact_name(a->facts[i].kind));
		add_clean(&e->out, a->facts[i].detail, strlen(a->facts[i].detail));
		ccm_sbuf_addc(&e->out, '\n');
	}
	if (a->problem)
		line(e, "Not read", a->problem);
}

/* ---- what the rules say */

static void tell_remark(struct explain *e, const struct guard_remark *m)
{
	const struct guard_part *part = &e->j.parts[m->part];

	ccm_sbuf_addf(&e->out, "  %-5s %-28s ", m->match.missed ? "near" : m->allowed ? "pass" : guard_verdict_name(m->match.verdict),
		      m->match.rule->id);
	if (part->analysis && m->match.command < part->analysis->count)
		ccm_sbuf_addf(&e->out, "command %zu", m->match.command + 1);
	else if (!part->analysis)
		ccm_sbuf_adds(&e->out, part->what);
	else
		ccm_sbuf_adds(&e->out, "the whole");
	if (m->match.missed) {
		ccm_sbuf_addf(&e->out, ", but not '%s = %s'", guard_key_name(m->match.missed->key), m->match.missed->words);
	} else if (m->match.word) {
		ccm_sbuf_adds(&e->out, ": ");
		guard_print_value(&e->out, &(struct guard_value){ .text = m->match.word, .bytes = strlen(m->match.word) });
	}
	if (m->allowed)
		ccm_sbuf_adds(&e->out, " (in allow_commands or allow_paths)");
	else if (m->match.maybe && !m->match.missed)
		ccm_sbuf_adds(&e->out, " (perhaps: part of it is not known)");
	ccm_sbuf_addc(&e->out, '\n');
}

static void tell_rules(struct explain *e)
{
	ccm_sbuf_adds(&e->out, "\nRules\n");
	for (size_t i = 0; i < e->j.remark_count; i++)
		if (!e->j.remarks[i].match.missed)
			tell_remark(e, &e->j.remarks[i]);
	for (size_t i = 0; i < e->j.remark_count; i++)
		if (e->j.remarks[i].match.missed)
			tell_remark(e, &e->j.remarks[i]);
	if (!e->j.remark_count)
		ccm_sbuf_adds(&e->out, "  none came near\n");
}

static int tell(struct explain *e)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	const struct guard_judgement *j = &e->j;

	line(e, e->command ? "Command" : e->tool, e->command ? e->command : j->part_count ? j->parts[0].text : "");
	ccm_sbuf_addf(&e->out, "In         %s, project %s\n", e->directory, j->project ? j->project : "not known");
	if (j->verdict == GUARD_OFF) {
		ccm_sbuf_adds(&e->out, "Verdict    no opinion\n");
	} else {
		ccm_sbuf_addf(&e->out, "Verdict    %s, by rule %s of the group %s\n", guard_verdict_name(j->verdict), j->worst.rule->id,
			      j->worst.rule->group);
		guard_judgement_words(j, &words);
		line(e, "Why", ccm_sbuf_str(&words));
	}
	for (size_t i = 0; i < j->part_count; i++)
		tell_part(e, &j->parts[i]);
	tell_rules(e);
	ccm_sbuf_addf(&e->out, "\nTime       %.2f ms: %.2f shfmt, %.2f rules, %.2f conditions\n", (double)j->took_us / 1000,
		      (double)j->parse_us / 1000, (double)(j->match_us - j->context_us) / 1000, (double)j->context_us / 1000);
	if (ccm_sbuf_error(&words) || ccm_sbuf_error(&e->out))
		return -ENOMEM;
	return ccm_write_all(STDOUT_FILENO, e->out.text, e->out.bytes);
}

/* ---- */

static int take(const struct ccm_json *root, const char *name, char **to)
{
	struct ccm_json v;

	if (!ccm_json_path(root, name, &v) || v.type != CCM_JSON_STRING)
		return 0;
	*to = ccm_json_string(&v);
	return *to ? 0 : -ENOMEM;
}

static int read_event(struct explain *e)
{
	struct ccm_json root;
	int r = ccm_read_fd(STDIN_FILENO, EVENT_MAX_BYTES, &e->text);

	if (r < 0)
		return r;
	if (ccm_json_parse(ccm_sbuf_str(&e->text), e->text.bytes, &root, &(struct ccm_json_error){ 0 }) < 0 ||
	    root.type != CCM_JSON_OBJECT) {
		ccm_error("standard input holds no event");
		return -CCM_E_SAID;
	}
	r = take(&root, "tool_name", &e->tool);
	if (r == 0)
		r = take(&root, "session_id", &e->session_id);
	if (r == 0)
		r = take(&root, "cwd", &e->cwd);
	if (r == 0 && e->tool && (strcmp(e->tool, "Bash") == 0 || strcmp(e->tool, "Monitor") == 0))
		r = take(&root, "tool_input.command", &e->command);
	if (r == 0 && !e->tool) {
		ccm_error("the event is about no tool, so there is nothing to judge");
		return -CCM_E_SAID;
	}
	if (!e->directory && e->cwd && e->cwd[0] == '/')
		e->directory = e->cwd;
	ccm_json_member(&root, "tool_input", &e->input);
	return r;
}

int cmd_explain(const struct ccm_opt_usage *usage, int argc, char **argv)
{
	_cleanup_(explain_done) struct explain e = { 0 };
	bool event = false;
	int r;
	const struct ccm_opt opts[] = {
		OPT_STR("cwd", 0, "DIR", &e.directory, "where it would run (default: here)"),
		OPT_STR("project", 0, "DIR", &e.project, "the project (default: the repository around it)"),
		OPT_FLAG("event", 0, &event, "read a hook event from standard input instead"),
		OPT_FLAG("no-parser", 0, &e.without_parser, "as if shfmt were missing"),
		OPT_END
	};

	argc = ccm_opt_parse(usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (event != (argc == 0))
		return ccm_opt_error(usage, event ? "--event reads from standard input" : "no command given");
	if (event) {
		r = read_event(&e);
	} else {
		r = guard_take_text(&e.text, argc, argv);
		e.tool = strdup("Bash");
		e.command = strdup(ccm_sbuf_str(&e.text));
		if (!e.tool || !e.command)
			r = -ENOMEM;
	}
	if (r == 0)
		r = guard_setup(e.project, &e.setup);
	if (r < 0)
		return r;
	if (!e.directory)
		e.directory = e.setup.here;
	if (e.directory[0] != '/')
		return ccm_opt_error(usage, "--cwd needs an absolute path");
	r = guard_judge(&(struct guard_case){ .tool = e.tool, .input = e.input, .command = e.command,
					      .command_bytes = e.command ? strlen(e.command) : 0, .directory = e.directory,
					      .project = e.project, .session_id = e.session_id, .explain = true,
					      .without_parser = e.without_parser },
			&e.setup.config, &e.setup.paths, &e.j);
	if (r == 0)
		r = tell(&e);
	if (r == 0)
		r = guard_setup_warn(&e.setup, true);
	return r;
}
