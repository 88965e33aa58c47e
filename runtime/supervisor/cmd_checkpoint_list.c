/* SPDX-License-Identifier: MIT */
#include "cmd_checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/term.h"

#define SHOWN_DEFAULT 50

/* ---- text and JSON */

static int print_out(struct ccm_sbuf *s)
{
	int r = ccm_sbuf_error(s);

	if (r == 0 && s->bytes && fwrite(s->text, 1, s->bytes, stdout) != s->bytes)
		r = -errno;
	ccm_sbuf_clear(s);
	return r;
}

static void add_clean(struct ccm_sbuf *out, const char *text)
{
	if (text)
		ccm_term_clean(out, text, strlen(text), CCM_CLEAN_LINE);
}

static void add_json_text(struct ccm_sbuf *out, const char *name, const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf quoted = { 0 };

	ccm_sbuf_addf(out, "%s\"%s\":", out->bytes && out->text[out->bytes - 1] != '{' ? "," : "", name);
	if (!text) {
		ccm_sbuf_adds(out, "null");
		return;
	}
	ccm_json_quote(&quoted, text, strlen(text));
	ccm_term_json(out, ccm_sbuf_str(&quoted), quoted.bytes);
	out->failed |= quoted.failed;
}

static void add_json_int(struct ccm_sbuf *out, const char *name, bool known, int64_t n)
{
	ccm_sbuf_addf(out, ",\"%s\":", name);
	if (known)
		ccm_sbuf_addf(out, "%" PRId64, n);
	else
		ccm_sbuf_adds(out, "null");
}

static void add_json_paths(struct ccm_sbuf *out, const char *name, const struct paths *paths)
{
	ccm_sbuf_addf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < paths->count; i++) {
		_cleanup_sbuf_ struct ccm_sbuf quoted = { 0 };

		ccm_json_quote(&quoted, paths->items[i], strlen(paths->items[i]));
		ccm_sbuf_adds(out, i ? "," : "");
		ccm_term_json(out, ccm_sbuf_str(&quoted), quoted.bytes);
		out->failed |= quoted.failed;
	}
	ccm_sbuf_addc(out, ']');
}

/* Without the closing brace. */
static void add_json(struct ccm_sbuf *out, const struct checkpoint *c, const char *repository)
{
	char hex[GIT_OID_HEXSZ + 1], time[32];
	bool counted = c->lines_added >= 0;

	ccm_sbuf_addf(out, "{\"n\":%" PRId64, c->n);
	add_json_int(out, "created_ms", true, c->created_ms);
	add_json_text(out, "time", ccm_time_format(c->created_ms, true, time, sizeof time));
	add_json_text(out, "session_id", c->session ? c->session : "");
	add_json_text(out, "reason", c->reason);
	add_json_text(out, "prompt", c->prompt);
	add_json_int(out, "event_id", c->event_id != 0, c->event_id);
	add_json_text(out, "event_uuid", c->event_uuid);
	add_json_int(out, "files", true, c->added + c->changed + c->deleted);
	add_json_int(out, "lines_added", counted, c->lines_added);
	add_json_int(out, "lines_removed", counted, c->lines_removed);
	add_json_text(out, "repository", repository);
	add_json_text(out, "worktree", c->worktree);
	add_json_text(out, "commit", git_oid_tostr(hex, sizeof hex, &c->commit));
	add_json_text(out, "tree", git_oid_tostr(hex, sizeof hex, &c->tree));
	add_json_text(out, "ref", c->ref);
	add_json_paths(out, "left_out", &c->left_out);
}

static void add_cell(struct ccm_sbuf *out, const char *text, size_t columns)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	add_clean(&clean, text);
	ccm_term_fit(out, ccm_sbuf_str(&clean), clean.bytes, columns, true);
	ccm_sbuf_addc(out, ' ');
	out->failed |= clean.failed;
}

static void add_row(struct ccm_sbuf *out, const struct checkpoint *c, const char *place)
{
	char time[32], cell[48];
	size_t end;

	ccm_sbuf_addf(out, "%5" PRId64 " ", c->n);
	add_cell(out, ccm_time_format(c->created_ms, false, time, sizeof time), 19);
	snprintf(cell, sizeof cell, "%.8s", c->session && c->session[0] ? c->session : "-");
	add_cell(out, cell, 8);
	snprintf(cell, sizeof cell, "%" PRId64, c->added + c->changed + c->deleted);
	ccm_sbuf_addf(out, "%5s ", cell);
	cell[0] = '\0';
	if (c->lines_added >= 0)
		snprintf(cell, sizeof cell, "+%" PRId64 " -%" PRId64, c->lines_added, c->lines_removed);
	add_cell(out, cell, 13);
	if (place)
		add_cell(out, place, 24);
	add_clean(out, c->reason);
	if (c->left_out.count)
		ccm_sbuf_addf(out, " (%zu left out)", c->left_out.count);
	for (end = out->bytes; end && out->text && out->text[end - 1] == ' '; end--)
		;
	out->bytes = end;
	ccm_sbuf_addc(out, '\n');
}

static void add_header(struct ccm_sbuf *out, bool place)
{
	ccm_sbuf_addf(out, "%5s %-19s %-8s %5s %-13s %s%s\n", "n", "time", "session", "files", "lines",
		      place ? "working tree             " : "", "reason");
}

/* ---- list */

struct list {
	struct ctx *ctx;
	const char *dir, *session;
	int64_t limit;
	bool json, all, rescan;
	struct ccm_sbuf out;
};

/* A row of the table, as far as a table goes. */
static int read_row(const struct ccm_rows *rows, struct checkpoint *c)
{
	const char *text;

	*c = (struct checkpoint){ .n = ccm_rows_int(rows, "n"), .created_ms = ccm_rows_int(rows, "created_ms"),
				  .changed = ccm_rows_int(rows, "files"), .lines_added = ccm_rows_int(rows, "lines_added"),
				  .lines_removed = ccm_rows_int(rows, "lines_removed") };
	if (ccm_rows_is_null(rows, "lines_added"))
		c->lines_added = c->lines_removed = -1;
	c->session = strdup(ccm_rows_text(rows, "session_id"));
	c->reason = strdup(ccm_rows_text(rows, "reason"));
	text = ccm_rows_text(rows, "prompt");
	c->prompt = text ? strdup(text) : NULL;
	text = ccm_rows_text(rows, "event_uuid");
	c->event_uuid = text ? strdup(text) : NULL;
	text = ccm_rows_text(rows, "worktree");
	c->worktree = text ? strdup(text) : NULL;
	git_oid_fromstr(&c->commit, ccm_rows_text(rows, "commit_id"));
	git_oid_fromstr(&c->tree, ccm_rows_text(rows, "tree_id"));
	return c->session && c->reason ? 0 : -ENOMEM;
}

static int list_all(struct list *l)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(l->ctx->db, Q_CHECKPOINT_LIST, DB_ARGS(DB_TEXT("session", l->session), DB_INT("limit", l->limit)), &rows);
	if (r == 0 && !l->json)
		add_header(&l->out, true);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		_cleanup_checkpoint_ struct checkpoint c = { 0 };

		r = read_row(&rows, &c);
		if (r < 0)
			return r;
		if (l->json) {
			add_json(&l->out, &c, ccm_rows_text(&rows, "repository"));
			ccm_sbuf_adds(&l->out, "}\n");
		} else {
			add_row(&l->out, &c, c.worktree ? c.worktree : "");
		}
	}
	return r < 0 ? r : print_out(&l->out);
}

static int list_here(struct list *l, struct repo *r)
{
	_cleanup_checkpoints_ struct checkpoint_list list = { 0 };
	struct ccm_diag diag = { 0 };
	int64_t left = l->limit;
	int e = checkpoint_list_read(r, l->session, &list, &diag);

	if (e < 0)
		return checkpoint_failed(l->ctx, e, &diag);
	if (diag.text[0])
		ccm_warn("a checkpoint is broken: %s", diag.text);
	if (!list.count && !l->json)
		ccm_warn("there is no checkpoint in this repository%s", l->session ? " of such a session" : "");
	else if (!l->json)
		add_header(&l->out, false);
	for (size_t i = list.count; i-- > 0 && left-- > 0;) {
		if (l->json) {
			add_json(&l->out, &list.items[i], r->commondir);
			ccm_sbuf_adds(&l->out, "}\n");
		} else {
			add_row(&l->out, &list.items[i], NULL);
		}
	}
	return print_out(&l->out);
}

static int rescan_one(struct list *l, const char *dir)
{
	_cleanup_repo_ struct repo r = { 0 };
	struct ccm_diag diag = { 0 };
	int e = repo_open(dir, &r, &diag);

	if (e == -ENOENT && dir)
		return ccm_db_exec(l->ctx->db, Q_CHECKPOINT_FORGET, DB_ARGS(DB_TEXT("repository", dir)));
	if (e == 0)
		e = checkpoint_rescan(&r, l->ctx->db, &diag);
	return e < 0 ? checkpoint_failed(l->ctx, e, &diag) : 0;
}

/* Every repository that the table knows; one that is gone is forgotten. */
static int rescan_all(struct list *l)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	struct paths repositories = { 0 };
	int r = ccm_db_query(l->ctx->db, Q_CHECKPOINT_REPOSITORIES, NULL, &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *text = ccm_rows_text(&rows, "repository");

		r = paths_add(&repositories, text, strlen(text));
	}
	ccm_rows_done(&rows);
	for (size_t i = 0; i < repositories.count && r >= 0; i++)
		r = rescan_one(l, repositories.items[i]);
	paths_done(&repositories);
	return r;
}

static int list(struct list *l)
{
	_cleanup_repo_ struct repo r = { 0 };
	int e = 0;

	if (!l->all) {
		e = checkpoint_open(l->dir, &r);
		if (e < 0)
			return e;
	}
	if (l->rescan || l->all) {
		e = ccm_command_open_db(l->ctx, l->rescan ? DB_WRITE : DB_READ);
		if (e < 0)
			return e;
		if (!l->ctx->db) {
			ccm_warn("nothing is recorded yet: there is no database '%s'", l->ctx->paths.db);
			return 0;
		}
	}
	if (l->rescan)
		e = l->all ? rescan_all(l) : rescan_one(l, l->dir ? l->dir : ".");
	if (e < 0)
		return e;
	return l->all ? list_all(l) : list_here(l, &r);
}

int cmd_checkpoint_list(struct ctx *ctx, int argc, char **argv)
{
	struct list l = { .ctx = ctx, .limit = SHOWN_DEFAULT };
	const struct ccm_opt opts[] = {
		OPT_INT ("limit", 'n', "N", &l.limit, 1, 1000000, "show at most N (default 50)"),
		OPT_STR ("session", 's', "ID", &l.session, "of one session: the beginning of its id"),
		OPT_FLAG("all", 'a', &l.all, "of all repositories that the database knows"),
		OPT_FLAG("rescan", 0, &l.rescan, "first make the database say what the repository does"),
		OPT_FLAG("json", 0, &l.json, "print one JSON object per line"),
		OPT_DIR (&l.dir),
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = list(&l);
	ccm_sbuf_done(&l.out);
	return r;
}

/* ---- show */

static void add_field(struct ccm_sbuf *out, const char *name, const char *text)
{
	if (!text || !text[0])
		return;
	ccm_sbuf_addf(out, "  %-10s ", name);
	add_clean(out, text);
	ccm_sbuf_addc(out, '\n');
}

static void add_notes(struct ccm_sbuf *out, const char *notes)
{
	for (const char *line = notes; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		ccm_sbuf_addf(out, "  %-10s ", "note");
		ccm_term_clean(out, line, strcspn(line, "\n"), CCM_CLEAN_LINE);
		ccm_sbuf_addc(out, '\n');
	}
}

static void add_about(struct ccm_sbuf *out, const struct checkpoint *c)
{
	char hex[GIT_OID_HEXSZ + 1], text[128];

	ccm_sbuf_addf(out, "checkpoint %" PRId64 "\n", c->n);
	add_field(out, "time", ccm_time_format(c->created_ms, true, text, sizeof text));
	add_field(out, "reason", c->reason);
	add_field(out, "session", c->session);
	if (c->event_id) {
		snprintf(text, sizeof text, "%" PRId64 " %s", c->event_id, c->event_uuid ? c->event_uuid : "");
		add_field(out, "event", text);
	} else {
		add_field(out, "event", c->event_uuid);
	}
	add_field(out, "prompt", c->prompt);
	add_field(out, "worktree", c->worktree);
	add_field(out, "ref", c->ref);
	add_field(out, "commit", git_oid_tostr(hex, sizeof hex, &c->commit));
	if (c->has_parent)
		add_field(out, "parent", git_oid_tostr(hex, sizeof hex, &c->parent));
	snprintf(text, sizeof text, "%" PRId64 " added, %" PRId64 " changed, %" PRId64 " deleted", c->added, c->changed, c->deleted);
	add_field(out, "files", text);
	if (c->lines_added >= 0) {
		snprintf(text, sizeof text, "+%" PRId64 " -%" PRId64, c->lines_added, c->lines_removed);
		add_field(out, "lines", text);
	}
	add_notes(out, c->notes);
}

static bool parent_tree(struct repo *r, const struct checkpoint *c, git_oid *ret)
{
	_cleanup_gitcommit_ git_commit *parent = NULL;

	if (!c->has_parent || git_commit_lookup(&parent, r->git, &c->parent) < 0)
		return false;
	git_oid_cpy(ret, git_commit_tree_id(parent));
	return true;
}

static void add_files(struct ccm_sbuf *out, git_diff *diff, bool json)
{
	if (json)
		ccm_sbuf_adds(out, ",\"changes\":[");
	else if (git_diff_num_deltas(diff))
		ccm_sbuf_addc(out, '\n');
	for (size_t i = 0; i < git_diff_num_deltas(diff); i++) {
		const git_diff_delta *d = git_diff_get_delta(diff, i);
		char status[2] = { git_diff_status_char(d->status), '\0' };

		if (json) {
			ccm_sbuf_adds(out, i ? ",{" : "{");
			add_json_text(out, "status", status);
			add_json_text(out, "path", d->new_file.path);
			ccm_sbuf_addc(out, '}');
		} else {
			ccm_sbuf_addf(out, "  %s ", status);
			add_clean(out, d->new_file.path);
			ccm_sbuf_addc(out, '\n');
		}
	}
	if (json)
		ccm_sbuf_addc(out, ']');
}

static int show(struct ctx *ctx, const char *dir, const char *name, bool json)
{
	_cleanup_repo_ struct repo r = { 0 };
	_cleanup_checkpoint_ struct checkpoint c = { 0 };
	_cleanup_gitdiff_ git_diff *diff = NULL;
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct ccm_diag diag = { 0 };
	git_oid before;
	int e;

	e = checkpoint_open(dir, &r);
	if (e < 0)
		return e;
	e = checkpoint_find(&r, name, &c, &diag);
	if (e == 0)
		e = checkpoint_diff(&r, parent_tree(&r, &c, &before) ? &before : NULL, &c.tree, NULL, &diff, &diag);
	if (e < 0)
		return checkpoint_failed(ctx, e, &diag);
	if (json)
		add_json(&out, &c, r.commondir);
	else
		add_about(&out, &c);
	add_files(&out, diff, json);
	if (json)
		ccm_sbuf_adds(&out, "}\n");
	return print_out(&out);
}

int cmd_checkpoint_show(struct ctx *ctx, int argc, char **argv)
{
	const char *dir = NULL;
	bool json = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("json", 0, &json, "print it as a JSON object"),
		OPT_DIR (&dir),
		OPT_END
	};

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	return argc < 0 ? argc : show(ctx, dir, argv[0], json);
}

/* ---- diff */

struct patch {
	bool terminal, colour;
	struct ccm_sbuf out;
};

static const char *line_colour(char origin)
{
	switch (origin) {
	case GIT_DIFF_LINE_ADDITION:
		return "\033[32m";
	case GIT_DIFF_LINE_DELETION:
		return "\033[31m";
	case GIT_DIFF_LINE_HUNK_HDR:
		return "\033[36m";
	case GIT_DIFF_LINE_FILE_HDR:
		return "\033[1m";
	default:
		return NULL;
	}
}

/* A file can use its lines to drive the terminal; into a pipe they go as they are, so that git apply takes them. */
static int add_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line, void *user)
{
	struct patch *p = user;
	const char *colour = p->colour ? line_colour(line->origin) : NULL;

	(void)delta;
	(void)hunk;
	if (colour)
		ccm_sbuf_adds(&p->out, colour);
	if (line->origin == GIT_DIFF_LINE_CONTEXT || line->origin == GIT_DIFF_LINE_ADDITION ||
	    line->origin == GIT_DIFF_LINE_DELETION)
		ccm_sbuf_addc(&p->out, line->origin);
	if (p->terminal)
		ccm_term_clean(&p->out, line->content, line->content_len, CCM_CLEAN_LINES);
	else
		ccm_sbuf_add(&p->out, line->content, line->content_len);
	if (colour)
		ccm_sbuf_adds(&p->out, "\033[0m");
	return print_out(&p->out) < 0 ? -1 : 0;
}

static int diff(struct ctx *ctx, struct repo *r, char **names, int count, bool now, const struct paths *only)
{
	_cleanup_checkpoint_ struct checkpoint a = { 0 }, b = { 0 };
	_cleanup_gitdiff_ git_diff *difference = NULL;
	struct patch p = { .terminal = isatty(STDOUT_FILENO), .colour = ccm_term_colour(STDOUT_FILENO) };
	struct ccm_diag diag = { 0 };
	git_oid before;
	bool any = true;
	int e, code;

	e = checkpoint_find(r, names[0], &a, &diag);
	before = a.tree;
	if (e == 0 && now)
		e = checkpoint_look_now(ctx, r, a.session ? a.session : "", &b, &diag);
	else if (e == 0 && count > 1)
		e = checkpoint_find(r, names[1], &b, &diag);
	else if (e == 0) {
		any = parent_tree(r, &a, &before);
		b = a;
		a = (struct checkpoint){ 0 };
	}
	if (e == 0)
		e = checkpoint_diff(r, any ? &before : NULL, &b.tree, only, &difference, &diag);
	if (e < 0)
		return checkpoint_failed(ctx, e, &diag);
	code = git_diff_print(difference, GIT_DIFF_FORMAT_PATCH, add_line, &p);
	ccm_sbuf_done(&p.out);
	return code < 0 ? checkpoint_failed(ctx, repo_error(code, &diag, "cannot print the difference"), &diag) : 0;
}

int cmd_checkpoint_diff(struct ctx *ctx, int argc, char **argv)
{
	const char *dir = NULL;
	bool now = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("now", 0, &now, "from N to what is in the working tree now"),
		OPT_DIR (&dir),
		OPT_END
	};
	_cleanup_repo_ struct repo r = { 0 };
	struct paths only = { 0 };
	int words = 0, e;

	while (words < argc && strcmp(argv[words], "--") != 0)
		words++;
	e = ccm_opt_parse(&ctx->usage, opts, words, argv);
	if (e < 0)
		return e;
	if (now && e > 1)
		return ccm_opt_error(&ctx->usage, "--now goes with one checkpoint");
	words = e;
	e = checkpoint_open(dir, &r);
	if (e == 0)
		e = checkpoint_paths(ctx, &r, &argc, argv, &only);
	if (e == 0)
		e = diff(ctx, &r, argv, words, now, &only);
	paths_done(&only);
	return e;
}
