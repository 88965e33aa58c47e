/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/term.h"
#include "print.h"
#include "scripts.h"

/* A person reads the beginning of a long list of events; a program wants all of it. */
#define WIDEST_CELL 32

enum column { COL_STAGE, COL_NAME, COL_EVENT, COL_MATCH, COL_TIMEOUT, COL_FAILURE, COL_SUMMARY, COL_COUNT };

static const char *const headings[COL_COUNT] = {
	[COL_STAGE] = "NN", [COL_NAME] = "NAME", [COL_EVENT] = "EVENT", [COL_MATCH] = "MATCH",
	[COL_TIMEOUT] = "TIMEOUT", [COL_FAILURE] = "ON-FAILURE", [COL_SUMMARY] = "SUMMARY",
};

struct table {
	size_t columns;              /* of the terminal; 0: lines may be as long as they get */
	bool colour;
	size_t width[COL_COUNT];
};

struct cells {
	struct ccm_sbuf cell[COL_COUNT];
};

static void cells_done(struct cells *c)
{
	for (size_t i = 0; i < COL_COUNT; i++)
		ccm_sbuf_done(&c->cell[i]);
}

/* "stock" where it came with ccm, else "own". */
static const char *origin(const struct ctx *ctx, const struct ccm_automation *a)
{
	_cleanup_free_ char *dir = realpath(ctx->paths.stock, NULL), *file = realpath(a->path, NULL);
	size_t bytes = dir ? strlen(dir) : 0;

	return file && dir && strncmp(file, dir, bytes) == 0 && file[bytes] == '/' ? "stock" : "own";
}

static void fill(struct cells *c, const struct ctx *ctx, const struct ccm_automation *a, bool enabled)
{
	const struct ccm_manifest *m = &a->manifest;
	char timeout[32];
	const char *words[COL_COUNT] = {
		[COL_NAME]    = a->name,
		[COL_EVENT]   = m->events ? m->events : "all",
		[COL_MATCH]   = m->match && m->match[0] ? m->match : "*",
		[COL_TIMEOUT] = ccm_duration_format(scripts_timeout_ms(a, &ctx->settings), timeout, sizeof timeout),
		[COL_FAILURE] = m->closed ? "closed" : "open",
		[COL_SUMMARY] = m->summary ? m->summary : "-",
	};

	if (enabled)
		ccm_sbuf_addf(&c->cell[COL_STAGE], "%02d", a->stage);
	else
		ccm_sbuf_adds(&c->cell[COL_STAGE], strcmp(origin(ctx, a), "stock") == 0 ? "stock" : "own");
	for (size_t i = COL_NAME; i < COL_COUNT; i++)
		ccm_term_clean(&c->cell[i], words[i], strlen(words[i]), CCM_CLEAN_LINE);
}

static void widen(struct table *t, const struct cells *c, bool broken)
{
	for (size_t i = 0; i < (broken ? COL_EVENT : COL_SUMMARY); i++) {
		size_t width = ccm_term_width(ccm_sbuf_str(&c->cell[i]), c->cell[i].bytes);

		if (t->columns && width > WIDEST_CELL)
			width = WIDEST_CELL;
		if (width > t->width[i])
			t->width[i] = width;
	}
}

/* What is left of a line of the terminal behind used columns. */
static size_t rest(const struct table *t, size_t used)
{
	if (!t->columns)
		return SIZE_MAX;
	return t->columns > used + 20 ? t->columns - used : 20;
}

static void add_row(struct ccm_sbuf *out, const struct table *t, const struct cells *c, const char *problem)
{
	size_t used = 0;

	for (size_t i = 0; i < (problem ? COL_EVENT : COL_SUMMARY); i++) {
		ccm_term_fit(out, ccm_sbuf_str(&c->cell[i]), c->cell[i].bytes, t->width[i], true);
		ccm_sbuf_adds(out, "  ");
		used += t->width[i] + 2;
	}
	if (problem) {
		/* Never cut: it ends in what to do. */
		print_colour(out, t->colour, PRINT_RED);
		ccm_sbuf_adds(out, "BROKEN: ");
		ccm_term_clean(out, problem, strlen(problem), CCM_CLEAN_LINE);
		print_plain(out, t->colour);
	} else {
		ccm_term_fit(out, ccm_sbuf_str(&c->cell[COL_SUMMARY]), c->cell[COL_SUMMARY].bytes, rest(t, used), false);
	}
	ccm_sbuf_addc(out, '\n');
}

static void add_headings(struct ccm_sbuf *out, const struct table *t, const char *first)
{
	print_colour(out, t->colour, PRINT_DIM);
	for (size_t i = 0; i < COL_COUNT; i++) {
		const char *word = i == COL_STAGE ? first : headings[i];

		if (i == COL_SUMMARY)
			ccm_sbuf_adds(out, word);
		else
			ccm_sbuf_addf(out, "%-*s  ", (int)t->width[i], word);
	}
	print_plain(out, t->colour);
	ccm_sbuf_addc(out, '\n');
}

struct selection {
	const struct ccm_automation **items;
	size_t count;
};

static int add_table(struct ccm_sbuf *out, const struct ctx *ctx, const struct selection *s, bool enabled)
{
	bool terminal = isatty(STDOUT_FILENO);
	struct table t = { .columns = terminal ? ccm_term_columns(STDOUT_FILENO) : 0,
			   .colour = ccm_term_colour(STDOUT_FILENO) };
	_cleanup_free_ struct cells *rows = calloc(s->count + 1, sizeof *rows);
	const char *first = enabled ? headings[COL_STAGE] : "FROM";

	if (!rows)
		return -ENOMEM;
	for (size_t i = 0; i < COL_COUNT; i++)
		t.width[i] = strlen(i == COL_STAGE ? first : headings[i]);
	for (size_t i = 0; i < s->count; i++) {
		fill(&rows[i], ctx, s->items[i], enabled);
		widen(&t, &rows[i], s->items[i]->problem);
	}
	add_headings(out, &t, first);
	for (size_t i = 0; i < s->count; i++) {
		for (size_t k = 0; k < COL_COUNT; k++)
			out->failed |= rows[i].cell[k].failed;
		add_row(out, &t, &rows[i], s->items[i]->problem);
		cells_done(&rows[i]);
	}
	return 0;
}

static void add_json_events(struct ccm_sbuf *out, const char *events)
{
	size_t bytes;

	print_json_name(out, "event");
	ccm_sbuf_addc(out, '[');
	for (const char *p = events ? events : ""; *p; p += bytes, p += *p == ' ') {
		bytes = strcspn(p, " ");
		ccm_sbuf_addf(out, "%s\"%.*s\"", p == events ? "" : ",", (int)bytes, p);
	}
	ccm_sbuf_addc(out, ']');
}

static void add_json(struct ccm_sbuf *out, const struct ctx *ctx, const struct ccm_automation *a, bool enabled)
{
	const struct ccm_manifest *m = &a->manifest;
	_cleanup_free_ char *file = realpath(a->path, NULL);
	_cleanup_sbuf_ struct ccm_sbuf object = { 0 };

	ccm_sbuf_addc(&object, '{');
	print_json_text(&object, "name", a->name);
	print_json_bool(&object, "enabled", enabled);
	print_json_text(&object, "origin", origin(ctx, a));
	print_json_text(&object, "path", a->path);
	print_json_text(&object, "file", file);
	print_json_int(&object, "stage", a->stage);
	print_json_text(&object, "summary", m->summary);
	add_json_events(&object, m->events);
	print_json_text(&object, "match", m->match);
	print_json_int(&object, "timeout_ms", scripts_timeout_ms(a, &ctx->settings));
	print_json_text(&object, "on_failure", m->closed ? "closed" : "open");
	print_json_text(&object, "effects", m->pure ? "none" : "writes");
	print_json_text(&object, "problem", a->problem);
	ccm_sbuf_adds(&object, "}\n");
	out->failed |= object.failed;
	ccm_sbuf_add(out, ccm_sbuf_str(&object), object.bytes);
}

static void add_names(struct ccm_sbuf *out, const struct selection *s)
{
	for (size_t i = 0; i < s->count; i++) {
		ccm_term_clean(out, s->items[i]->name, strlen(s->items[i]->name), CCM_CLEAN_LINE);
		ccm_sbuf_addc(out, '\n');
	}
}

/* The user's own come first and hide stock ones of the same name, as they do for `enable`. */
static int select_available(const struct scripts *scripts, struct selection *ret)
{
	const struct ccm_automations *lists[] = { &scripts->own, &scripts->stock };

	ret->items = calloc(scripts->own.count + scripts->stock.count + 1, sizeof *ret->items);
	if (!ret->items)
		return -ENOMEM;
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		for (size_t i = 0; i < lists[l]->count; i++) {
			const struct ccm_automation *a = &lists[l]->items[i];

			if (scripts_enabled_as(scripts, a->path))
				continue;
			if (l && scripts_find(&scripts->own, a->name, NULL))
				continue;
			ret->items[ret->count++] = a;
		}
	}
	return 0;
}

static int select_enabled(const struct scripts *scripts, struct selection *ret)
{
	ret->items = calloc(scripts->enabled.count + 1, sizeof *ret->items);
	if (!ret->items)
		return -ENOMEM;
	for (size_t i = 0; i < scripts->enabled.count; i++)
		ret->items[ret->count++] = &scripts->enabled.items[i];
	return 0;
}

static int print_tables(struct ccm_sbuf *out, const struct ctx *ctx, const struct scripts *scripts,
			const struct selection *enabled, const struct selection *available)
{
	bool colour = ccm_term_colour(STDOUT_FILENO);
	int r = 0;

	if (scripts->enabled.problem) {
		print_colour(out, colour, PRINT_RED);
		ccm_term_clean(out, scripts->enabled.problem, strlen(scripts->enabled.problem), CCM_CLEAN_LINE);
		print_plain(out, colour);
		ccm_sbuf_adds(out, "\n\n");
	}
	ccm_sbuf_adds(out, enabled->count ? "Enabled, in the order in which they run:\n" : "No automation is enabled.\n");
	if (enabled->count)
		r = add_table(out, ctx, enabled, true);
	if (r == 0 && available->count) {
		ccm_sbuf_adds(out, "\nNot enabled (ccm-hook enable NAME):\n");
		r = add_table(out, ctx, available, false);
	}
	return r;
}

int cmd_list(struct ctx *ctx, int argc, char **argv)
{
	bool json = false;
	const char *names = NULL;
	const struct ccm_opt opts[] = {
		OPT_FLAG  ("json", 0, &json, "print one JSON object per line"),
		OPT_CHOICE("names", 0, &names, "enabled|available|all", "print names only"),
		OPT_END
	};
	_cleanup_scripts_ struct scripts scripts = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct selection enabled = { 0 }, available = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = scripts_load(&ctx->paths, &scripts);
	if (r == 0)
		r = select_enabled(&scripts, &enabled);
	if (r == 0)
		r = select_available(&scripts, &available);
	if (r < 0)
		goto out;
	if (names) {
		if (strcmp(names, "available") != 0)
			add_names(&out, &enabled);
		if (strcmp(names, "enabled") != 0)
			add_names(&out, &available);
	} else if (json) {
		for (size_t i = 0; i < enabled.count; i++)
			add_json(&out, ctx, enabled.items[i], true);
		for (size_t i = 0; i < available.count; i++)
			add_json(&out, ctx, available.items[i], false);
	} else {
		r = print_tables(&out, ctx, &scripts, &enabled, &available);
	}
	if (r == 0)
		r = print_out(&out);
out:
	free(enabled.items);
	free(available.items);
	return r;
}
