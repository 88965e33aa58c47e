/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

#include "background.h"
#include "confine.h"
#include "ctx.h"
#include "json_out.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/term.h"
#include "merge.h"
#include "ops.h"
#include "review.h"
#include "session.h"
#include "terminal.h"

static int say(const struct ccm_diag *diag, int r)
{
	if (r == -CCM_E_USAGE || r == -CCM_E_HELP || r == -CCM_E_SAID || r >= 0)
		return r;
	ccm_error("%s", ccm_diag_text(diag, r));
	return -CCM_E_SAID;
}

/* ---- JSON, whatever the texts hold */

static json_t *limits_json(const struct task_limits *l)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "worktree_bytes", (json_int_t)l->worktree_bytes, "file_bytes",
			 (json_int_t)l->file_bytes, "commits", (json_int_t)l->commits, "processes", (json_int_t)l->processes,
			 "memory_bytes", (json_int_t)l->memory_bytes, "time_ms", (json_int_t)l->time_ms);
}

static json_t *task_json(const struct task *t)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:I, s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I}",
			 "id", t->id, "title", text_json(t->title), "state", task_state_name(t->state), "state_means",
			 task_state_sentence(t->state), "why", text_json(t->why), "created_ms", (json_int_t)t->created_ms,
			 "changed_ms", (json_int_t)t->changed_ms, "repository", text_json(t->repository), "base", t->base,
			 "branch", text_json(t->branch), "command", json_loads(t->command, 0, NULL), "layers",
			 text_json(t->layers), "exit_status", t->exit_status < 0 ? json_null() : json_integer(t->exit_status),
			 "head", text_json(t->head), "commits", (json_int_t)t->commits, "bytes", (json_int_t)t->bytes, "spent_ms",
			 (json_int_t)t->spent_ms, "saved", text_json(t->saved), "merged", text_json(t->merged), "limits",
			 limits_json(&t->limits), "held_ms", t->held_ms ? json_integer(t->held_ms) : json_null(), "resumes",
			 (json_int_t)t->resumes);
}

/* ---- list */

static const char *age_of(int64_t ms, char buf[32])
{
	int64_t s = (ccm_now_ms() - ms) / 1000;

	if (s < 60)
		snprintf(buf, 32, "%llds", (long long)(s < 0 ? 0 : s));
	else if (s < 3600)
		snprintf(buf, 32, "%lldm", (long long)(s / 60));
	else if (s < 86400)
		snprintf(buf, 32, "%lldh", (long long)(s / 3600));
	else
		snprintf(buf, 32, "%lldd", (long long)(s / 86400));
	return buf;
}

/* The bound that is nearest, in percent of it. */
static int nearest(const struct task *t)
{
	const int64_t pairs[][2] = { { t->bytes, t->limits.worktree_bytes }, { t->commits, t->limits.commits },
				     { t->spent_ms, t->limits.time_ms } };
	int most = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (pairs[i][1] > 0) {
			int percent = (int)(pairs[i][0] * 100 / pairs[i][1]);

			most = percent > most ? percent : most;
		}
	return most;
}

static void print_row(const struct task *t, size_t columns)
{
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 }, title = { 0 };
	char age[32], size[32], percent[16];

	ccm_term_clean(&title, t->title, strlen(t->title), CCM_CLEAN_LINE);
	snprintf(percent, sizeof percent, "%d%%", nearest(t));
	ccm_sbuf_addf(&line, "%-8s  %-9s  %4s  %7lld  %9s  %6s  ", t->id, task_state_name(t->state), age_of(t->created_ms, age),
		      (long long)t->commits, ccm_size_format(t->bytes, size), percent);
	ccm_term_fit(&line, ccm_sbuf_str(&title), title.bytes, columns > line.bytes + 10 ? columns - line.bytes : 10, false);
	puts(ccm_sbuf_str(&line));
	if (t->state == TASK_STOPPED && t->why) {
		ccm_sbuf_clear(&line);
		ccm_term_clean(&line, t->why, strlen(t->why), CCM_CLEAN_LINE);
		printf("          %s\n", ccm_sbuf_str(&line));
	}
}

struct task_list {
	struct task *items;
	size_t count;
};

static void task_list_done(struct task_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		task_done(&l->items[i]);
	free(l->items);
}

/* All of them, newest first; those whose supervisor is gone are lost. */
static int load_list(struct ctx *ctx, const char *states, struct task_list *l)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(ctx->db, Q_TASK_LIST, DB_ARGS(DB_TEXT("states", states)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		struct task *items = realloc(l->items, (l->count + 1) * sizeof *items);

		if (!items)
			return -ENOMEM;
		l->items = items;
		items[l->count] = (struct task){ .id = "" };
		r = task_read(&rows, &items[l->count]);
		if (r == 0)
			l->count++;
	}
	ccm_rows_done(&rows);
	for (size_t i = 0; i < l->count && r >= 0; i++)
		r = task_refresh(ctx->db, &ctx->paths, &l->items[i]);
	return r;
}

static int task_cmd_list(struct ctx *ctx, int argc, char **argv)
{
	bool json = false, all = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("all", 'a', &all, "also those that are discarded or saved"),
		OPT_FLAG("json", 0, &json, "print one JSON object per line"),
		OPT_END
	};
	_cleanup_(task_list_done) struct task_list list = { NULL, 0 };
	size_t columns = ccm_term_columns(STDOUT_FILENO), shown = 0;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = load_list(ctx, NULL, &list);
	for (size_t i = 0; i < list.count && r >= 0; i++) {
		const struct task *t = &list.items[i];

		if (!all && (t->state == TASK_DISCARDED || t->state == TASK_SAVED))
			continue;
		if (json) {
			json_auto_t *o = task_json(t);

			r = print_json(o);
			continue;
		}
		if (!shown++)
			printf("%-8s  %-9s  %4s  %7s  %9s  %6s  %s\n", "ID", "STATE", "AGE", "COMMITS", "SIZE", "LIMITS", "TITLE");
		print_row(t, columns);
	}
	if (r >= 0 && !json && !shown)
		puts(list.count ? "no tasks but discarded and saved ones (--all)" : "no tasks");
	return r;
}

/* ---- show and log */

static void print_line(const char *name, const char *value)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	if (!value)
		return;
	ccm_term_clean(&clean, value, strlen(value), CCM_CLEAN_LINE);
	printf("  %-11s %s\n", name, ccm_sbuf_str(&clean));
}

static int print_snapshots(struct ctx *ctx, const struct task *t, json_t *list)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	bool first = true;
	int r = ccm_db_query(ctx->db, Q_TASK_SNAPSHOT_LIST, DB_ARGS(DB_TEXT("task_id", t->id)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		char when[32];

		if (list) {
			json_array_append_new(list, json_pack("{s:I, s:s, s:I, s:I, s:s}", "number",
							      (json_int_t)ccm_rows_int(&rows, "number"), "commit",
							      ccm_rows_text(&rows, "commit_id"), "commits",
							      (json_int_t)ccm_rows_int(&rows, "commits"), "made_ms",
							      (json_int_t)ccm_rows_int(&rows, "made_ms"), "why",
							      ccm_rows_text(&rows, "why")));
			continue;
		}
		if (first)
			puts("\nSnapshots ('task rollback ID NUMBER' goes back to one)");
		first = false;
		printf("  %-3lld %s  %.12s  %lld commits: %s\n", (long long)ccm_rows_int(&rows, "number"),
		       ccm_time_format(ccm_rows_int(&rows, "made_ms"), false, when, sizeof when),
		       ccm_rows_text(&rows, "commit_id"), (long long)ccm_rows_int(&rows, "commits"), ccm_rows_text(&rows, "why"));
	}
	return r;
}

static void print_limits(const struct task *t)
{
	const struct { const char *name; int64_t bound, used; bool size; } all[] = {
		{ "disk", t->limits.worktree_bytes, t->bytes, true }, { "one file", t->limits.file_bytes, -1, true },
		{ "commits", t->limits.commits, t->commits, false }, { "processes", t->limits.processes, -1, false },
		{ "memory", t->limits.memory_bytes, -1, true },
	};
	char used[32], bound[32];
	int64_t unit;

	puts("\nLimits");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		if (all[i].size) {
			ccm_size_format(all[i].used, used);
			ccm_size_format(all[i].bound, bound);
		} else {
			snprintf(used, sizeof used, "%lld", (long long)all[i].used);
			snprintf(bound, sizeof bound, "%lld", (long long)all[i].bound);
		}
		printf("  %-11s %s%s%s\n", all[i].name, all[i].used >= 0 ? used : "", all[i].used >= 0 ? " of " : "at most ",
		       all[i].bound > 0 ? bound : "any");
	}
	unit = t->spent_ms < 600000 ? 1000 : 60000;
	ccm_duration_format(t->spent_ms / unit * unit, used, sizeof used);
	ccm_duration_format(t->limits.time_ms, bound, sizeof bound);
	printf("  %-11s %s of %s\n", "time", t->spent_ms < 1000 ? "0s" : used, t->limits.time_ms > 0 ? bound : "any");
}

static bool has_terminal(const struct task *t, const struct place *p)
{
	return (t->state == TASK_RUNNING || t->state == TASK_STOPPED) && terminal_is_there(p);
}

static void print_task(const struct task *t, const struct place *p)
{
	_cleanup_sbuf_ struct ccm_sbuf command = { 0 }, state = { 0 };
	char when[32], status[16];

	task_command_text(t, &command);
	ccm_sbuf_addf(&state, "%s: %s", task_state_name(t->state), task_state_sentence(t->state));
	printf("Task %s\n", t->id);
	print_line("title", t->title);
	print_line("state", ccm_sbuf_str(&state));
	print_line("why", t->why);
	print_line("command", ccm_sbuf_str(&command));
	snprintf(status, sizeof status, "%lld", (long long)t->exit_status);
	print_line("exit status", t->exit_status >= 0 ? status : NULL);
	print_line("begun", ccm_time_format(t->created_ms, false, when, sizeof when));
	print_line("repository", t->repository);
	print_line("base", t->base);
	print_line("branch", t->branch);
	print_line("head", t->head);
	print_line("layers", t->layers);
	print_line("terminal", has_terminal(t, p) ? "in the background; 'task attach' joins it" : NULL);
	print_line("folder", access(p->dir, F_OK) == 0 ? p->dir : NULL);
	print_line("saved as", t->saved);
	print_line("merged as", t->merged);
}

static int task_cmd_show(struct ctx *ctx, int argc, char **argv)
{
	bool json = false;
	const struct ccm_opt opts[] = { OPT_FLAG("json", 0, &json, "print all of it as one JSON object"), OPT_END };
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r < 0)
		return say(&diag, r);
	if (json) {
		json_auto_t *object = task_json(&o.task);
		json_t *snapshots = json_array();

		r = print_snapshots(ctx, &o.task, snapshots);
		json_object_set_new(object, "snapshots", snapshots);
		return r < 0 ? r : print_json(object);
	}
	print_task(&o.task, &o.place);
	print_limits(&o.task);
	return print_snapshots(ctx, &o.task, NULL);
}

static void print_log_row(int64_t at_ms, const char *kind, const char *words, bool json)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };
	char when[32];

	if (json) {
		json_auto_t *o = json_pack("{s:I, s:s, s:o}", "at_ms", (json_int_t)at_ms, "kind", kind, "words", text_json(words));

		print_json(o);
		return;
	}
	ccm_term_clean(&clean, words, strlen(words), CCM_CLEAN_LINE);
	printf("%s  %-8s  %s\n", ccm_time_format(at_ms, false, when, sizeof when), kind, ccm_sbuf_str(&clean));
}

static int print_output(const struct opened *o, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r = ops_need_folder(o, diag);

	if (r == 0)
		r = terminal_output(&o->place, &text);
	if (r < 0)
		return say(diag, r);
	fputs(ccm_sbuf_str(&text), stdout);
	return 0;
}

static int task_cmd_log(struct ctx *ctx, int argc, char **argv)
{
	int64_t limit = 200;
	bool json = false, events = false, output = false;
	const struct ccm_opt opts[] = {
		OPT_INT("limit", 'n', "N", &limit, 1, 1000000, "show the last N lines (default 200)"),
		OPT_FLAG("events", 0, &events, "the events of its hooks instead"),
		OPT_FLAG("output", 0, &output, "what it wrote in the background instead"),
		OPT_FLAG("json", 0, &json, "print one JSON object per line"),
		OPT_END
	};
	_cleanup_opened_ struct opened o = OPENED_INIT;
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r < 0)
		return say(&diag, r);
	if (output)
		return print_output(&o, &diag);
	if (events)
		r = ccm_db_query(ctx->db, Q_TASK_EVENT_LIST, DB_ARGS(DB_TEXT("task_id", o.task.id)), &rows);
	else
		r = ccm_db_query(ctx->db, Q_TASK_LOG_LIST, DB_ARGS(DB_TEXT("task_id", o.task.id), DB_INT("limit", limit)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		_cleanup_sbuf_ struct ccm_sbuf words = { 0 };

		if (!events) {
			print_log_row(ccm_rows_int(&rows, "at_ms"), ccm_rows_text(&rows, "kind"), ccm_rows_text(&rows, "words"), json);
			continue;
		}
		for (size_t i = 0; i < 5; i++) {
			const char *text = ccm_rows_text(&rows, (const char *[]){ "event", "tool", "verdict", "detail", "reason" }[i]);

			if (text)
				ccm_sbuf_addf(&words, "%s%s", words.bytes ? " " : "", text);
		}
		print_log_row(ccm_rows_int(&rows, "received_ms"), "event", ccm_sbuf_str(&words), json);
	}
	return r;
}

/* ---- review and diff */

/* Brings refs/ccm/head up to date, if there is a folder to take from; a full id in commit. */
static int choose_commit(struct ctx *ctx, struct opened *o, const char *wanted, char commit[GIT_ID_MAX + 1],
			 struct ccm_diag *diag)
{
	const struct git g = import_git(&o->place);
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	_cleanup_free_ char *id = NULL;
	struct import import;
	int r = ops_need_source(o, diag);

	if (r == 0)
		r = ops_need_folder(o, diag);
	if (r == 0)
		r = ops_import(ctx, o, &import, diag);
	if (r < 0)
		return r;
	if (!wanted) {
		memcpy(commit, import.head, sizeof import.head);
		return 0;
	}
	ccm_sbuf_addf(&name, "%s^{commit}", wanted);
	if (ccm_sbuf_error(&name))
		return -ENOMEM;
	if (strspn(wanted, "0123456789abcdef") != strlen(wanted) || strlen(wanted) < 7)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is no commit id: give at least 7 of its digits, as review shows "
				    "them", wanted);
	r = git_line(&g, &id, "rev-parse", "--verify", "--quiet", "--end-of-options", name.text, NULL);
	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "task %s has no commit '%s'", o->task.id, wanted);
	if (r < 0)
		return r;
	memcpy(commit, id, strlen(id) + 1);
	return 0;
}

/* Only what the task made, as it was taken over: not any other object of the repository. */
static int check_belongs(const struct opened *o, const char *commit, struct ccm_diag *diag)
{
	const struct git g = import_git(&o->place);
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	int r = git_run(&g, &out, diag, "for-each-ref", "--contains", commit, "--format=%(refname)", "refs/ccm/head",
			"refs/ccm/snapshots", NULL);

	if (r == 0 && !out.bytes)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "commit %.12s is none that was taken over from task %s", commit,
				    o->task.id);
	if (r == 0 && git_try(&g, NULL, NULL, "merge-base", "--is-ancestor", commit, "refs/ccm/base", NULL) == 0)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "commit %.12s is part of the base: there is nothing to merge", commit);
	return r;
}

static const char *mode_words(unsigned mode)
{
	return mode == 0100755 ? " executable" : mode == 0120000 ? " link" : "";
}

/* What the agent left open is no part of what is merged. While the task runs, that changes. -1: not known. */
static int64_t count_dirty(struct opened *o)
{
	struct ccm_diag diag = { 0 };
	int64_t dirty;

	if (access(o->place.work, F_OK) < 0 || ops_need_rest(o, &diag) < 0 || ops_dirty(o, &dirty, &diag) < 0)
		return -1;
	return dirty;
}

static void print_review(const struct opened *o, const struct review *v, const char *commit, int64_t dirty, bool colour)
{
	const char *const bold = colour ? "\033[1m" : "", *const yellow = colour ? "\033[33m" : "",
		   *const plain = colour ? "\033[0m" : "";
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 };

	printf("%sTask %s%s: ", bold, o->task.id, plain);
	ccm_term_clean(&title, o->task.title, strlen(o->task.title), CCM_CLEAN_LINE);
	puts(ccm_sbuf_str(&title));
	printf("\n%s%zu commit%s%s\n", bold, v->commit_count, v->commit_count == 1 ? "" : "s", plain);
	for (size_t i = 0; i < v->commit_count; i++) {
		_cleanup_sbuf_ struct ccm_sbuf line = { 0 };

		ccm_term_clean(&line, v->commits[i].subject, strlen(v->commits[i].subject), CCM_CLEAN_LINE);
		printf("  %.12s  %s\n", v->commits[i].id, ccm_sbuf_str(&line));
	}
	printf("\n%s%zu file%s%s\n", bold, v->file_count, v->file_count == 1 ? "" : "s", plain);
	for (size_t i = 0; i < v->file_count; i++) {
		const struct review_file *f = &v->files[i];
		_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

		ccm_term_clean(&path, f->path, strlen(f->path), CCM_CLEAN_LINE);
		if (f->added < 0)
			printf("  %c     binary       %s%s\n", f->status, ccm_sbuf_str(&path), mode_words(f->mode));
		else
			printf("  %c  +%-6lld -%-6lld %s%s\n", f->status, (long long)f->added, (long long)f->removed,
			       ccm_sbuf_str(&path), mode_words(f->mode));
	}
	printf("\n%s%zu warning%s%s\n", bold, v->warning_count, v->warning_count == 1 ? "" : "s", plain);
	for (size_t i = 0; i < v->warning_count; i++)
		printf("  %s%-10s%s  %s\n", yellow, v->warnings[i].kind, plain, v->warnings[i].words);
	if (dirty > 0)
		printf("\n%lld file%s in its folder %s not committed, and no part of this: %s\n", (long long)dirty, dirty == 1 ? "" : "s",
		       dirty == 1 ? "is" : "are", o->place.work);
	printf("\nThe changes: ccm-supervisor task diff %s\n", o->task.id);
	if (v->commit_count)
		printf("To merge exactly this: ccm-supervisor task merge %s --approve %s\n", o->task.id, commit);
}

static int print_review_json(const struct opened *o, const struct review *v, const char *commit, int64_t dirty)
{
	json_auto_t *object = json_object();
	json_t *commits = json_array(), *files = json_array(), *warnings = json_array();

	for (size_t i = 0; i < v->commit_count; i++)
		json_array_append_new(commits, json_pack("{s:s, s:o, s:o, s:I}", "id", v->commits[i].id, "subject",
							 text_json(v->commits[i].subject), "author",
							 text_json(v->commits[i].author), "time_s",
							 (json_int_t)v->commits[i].time_s));
	for (size_t i = 0; i < v->file_count; i++) {
		const struct review_file *f = &v->files[i];
		char mode[16];

		snprintf(mode, sizeof mode, "%06o", f->mode);
		json_array_append_new(files, json_pack("{s:s#, s:o, s:s, s:o, s:o}", "status", &f->status, 1, "path",
						       text_json(f->path), "mode", mode, "added",
						       f->added < 0 ? json_null() : json_integer(f->added), "removed",
						       f->added < 0 ? json_null() : json_integer(f->removed)));
	}
	for (size_t i = 0; i < v->warning_count; i++)
		json_array_append_new(warnings, json_pack("{s:s, s:o}", "kind", v->warnings[i].kind, "words",
							  text_json(v->warnings[i].words)));
	json_object_set_new(object, "task", json_string(o->task.id));
	json_object_set_new(object, "commit", json_string(commit));
	json_object_set_new(object, "commits", commits);
	json_object_set_new(object, "files", files);
	json_object_set_new(object, "warnings", warnings);
	json_object_set_new(object, "not_committed", dirty < 0 ? json_null() : json_integer(dirty));
	return print_json(object);
}

static int load_review(struct opened *o, const char *commit, struct review *v, struct ccm_diag *diag)
{
	_cleanup_free_ char *email = NULL, *hooks = NULL;
	int r = git_line(&o->source.git, &email, "config", "--get", "user.email", NULL);

	if (r == 0 || r == -CCM_E_NOT_FOUND) {
		/* Our own calls set it; what counts is what the person's files say. */
		const struct git g = { .directory = o->source.git_dir };
		_cleanup_sbuf_ struct ccm_sbuf all = { 0 };

		r = git_try(&g, &all, NULL, "config", "--show-scope", "--get-all", "core.hooksPath", NULL);
		for (const char *line = ccm_sbuf_str(&all); r >= 0 && *line; line += strcspn(line, "\n"), line += *line == '\n')
			if (strncmp(line, "command\t", 8) != 0 && strchr(line, '\t')) {
				const char *value = strchr(line, '\t') + 1;

				free(hooks);
				hooks = strndup(value, strcspn(value, "\n"));
			}
	}
	if (r < 0)
		return r;
	return review_load(&o->place, commit, email, hooks && hooks[0] != '/' ? hooks : NULL, v, diag);
}

static int task_cmd_review(struct ctx *ctx, int argc, char **argv)
{
	const char *wanted = NULL;
	bool json = false;
	const struct ccm_opt opts[] = {
		OPT_STR("commit", 0, "SHA", &wanted, "up to this commit (default: the newest)"),
		OPT_FLAG("json", 0, &json, "print one JSON object"),
		OPT_END
	};
	_cleanup_opened_ struct opened o = OPENED_INIT;
	_cleanup_review_ struct review review = { .commits = NULL };
	struct ccm_diag diag = { 0 };
	char commit[GIT_ID_MAX + 1];
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0)
		r = choose_commit(ctx, &o, wanted, commit, &diag);
	if (r == 0)
		r = load_review(&o, commit, &review, &diag);
	if (r < 0)
		return say(&diag, r);
	if (json)
		return print_review_json(&o, &review, commit, count_dirty(&o));
	print_review(&o, &review, commit, count_dirty(&o), ccm_term_colour(STDOUT_FILENO));
	return 0;
}

static int task_cmd_diff(struct ctx *ctx, int argc, char **argv)
{
	const char *wanted = NULL;
	bool stat = false;
	const struct ccm_opt opts[] = {
		OPT_STR("commit", 0, "SHA", &wanted, "up to this commit (default: the newest)"),
		OPT_FLAG("stat", 0, &stat, "only how much of which file"),
		OPT_END
	};
	_cleanup_opened_ struct opened o = OPENED_INIT;
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 }, clean = { 0 };
	_cleanup_free_ char *base = NULL;
	struct ccm_diag diag = { 0 };
	char commit[GIT_ID_MAX + 1];
	struct git g;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0)
		r = choose_commit(ctx, &o, wanted, commit, &diag);
	g = import_git(&o.place);
	if (r == 0)
		r = git_line(&g, &base, "merge-base", "refs/ccm/base", commit, NULL);
	if (r == -CCM_E_NOT_FOUND)
		ccm_diag_set(&diag, r, "commit %.12s has no history in common with the base", commit);
	if (r == 0)
		r = git_run(&g, &out, &diag, "diff", stat ? "--stat" : "--patch", "--no-ext-diff", "--no-textconv", "--no-color",
			    "--find-renames", base, commit, "--", NULL);
	if (r < 0)
		return say(&diag, r);
	/* A program that reads it gets the bytes: it may be a patch. */
	if (!isatty(STDOUT_FILENO))
		return fwrite(ccm_sbuf_str(&out), 1, out.bytes, stdout) == out.bytes ? 0 : -EIO;
	ccm_term_clean(&clean, ccm_sbuf_str(&out), out.bytes, CCM_CLEAN_LINES);
	fputs(ccm_sbuf_str(&clean), stdout);
	return ccm_sbuf_error(&clean);
}

/* ---- merge */

static int note_merge(struct ctx *ctx, struct opened *o, const struct merge_result *m, const char *commit, const char *how,
		      const char *branch)
{
	_cleanup_sbuf_ struct ccm_sbuf why = { 0 };
	int r = ccm_db_exec(ctx->db, Q_TASK_KEEP, DB_ARGS(DB_TEXT("id", o->task.id), DB_NULL("saved"), DB_TEXT("merged", m->after),
							  DB_INT("now_ms", ccm_now_ms())));

	ccm_sbuf_addf(&why, "%.12s into %s as %.12s (%s)", commit, branch, m->after, how);
	if (r >= 0)
		r = ccm_sbuf_error(&why);
	if (r >= 0 && task_can(&o->task, TASK_EV_MERGE))
		r = task_move(ctx->db, &o->task, TASK_EV_MERGE, &(struct task_moved){ .why = why.text }, NULL);
	return r < 0 ? r : task_log(ctx->db, o->task.id, "merge", "%s", why.text);
}

static void print_conflicts(const struct merge_result *m)
{
	const char *at = ccm_sbuf_str(&m->conflicts);

	for (; *at; at += strcspn(at, "\n") + 1)
		fprintf(stderr, "  %.*s\n", (int)strcspn(at, "\n"), at);
}

static int task_cmd_merge(struct ctx *ctx, int argc, char **argv)
{
	const char *approve = NULL, *how = "squash", *into = NULL, *message = NULL;
	bool run_filters = false;
	const struct ccm_opt opts[] = {
		OPT_STR("approve", 0, "SHA", &approve, "the commit that you reviewed; only it is merged"),
		OPT_CHOICE("method", 0, &how, "squash|merge|rebase", "one commit, a merge commit or each (default squash)"),
		OPT_STR("into", 0, "BRANCH", &into, "the branch (default: the one it began from)"),
		OPT_STR("message", 'm', "TEXT", &message, "the message of a squash or merge"),
		OPT_FLAG("run-filters", 0, &run_filters, "let your filters run on what is checked out"),
		OPT_END
	};
	_cleanup_opened_ struct opened o = OPENED_INIT;
	_cleanup_(merge_result_done) struct merge_result result = { .before = NULL };
	_cleanup_sbuf_ struct ccm_sbuf branch = { 0 };
	struct ccm_diag diag = { 0 };
	char commit[GIT_ID_MAX + 1];
	struct merge_spec spec;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (!approve)
		return ccm_opt_error(&ctx->usage, "needs --approve=SHA: the commit that 'task review' showed you");
	if (message && !message[strspn(message, " \t\r\n")])
		return ccm_opt_error(&ctx->usage, "--message is empty: a commit says what it does");
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0 && !into && !o.task.branch)
		r = ccm_diag_set(&diag, -CCM_E_REFUSED, "task %s did not begin from a branch: --into names the one to merge into",
				 o.task.id);
	if (r == 0)
		r = choose_commit(ctx, &o, approve, commit, &diag);
	if (r == 0)
		r = check_belongs(&o, commit, &diag);
	if (into && strncmp(into, "refs/heads/", 11) != 0)
		ccm_sbuf_adds(&branch, "refs/heads/");
	ccm_sbuf_adds(&branch, into ? into : r == 0 ? o.task.branch : "");
	if (r == 0)
		r = ccm_sbuf_error(&branch);
	if (r < 0)
		return say(&diag, r);
	spec = (struct merge_spec){
		.place = &o.place, .source = &o.source, .commit = commit, .branch = branch.text, .title = o.task.title,
		.message = message, .project = o.task.project, .run_filters = run_filters,
		.how = strcmp(how, "merge") == 0 ? MERGE_MERGE : strcmp(how, "rebase") == 0 ? MERGE_REBASE : MERGE_SQUASH,
	};
	r = merge_task(&spec, &result, &diag);
	if (r < 0) {
		r = say(&diag, r);
		print_conflicts(&result);
		return r;
	}
	printf("%s: %.12s -> %.12s (%s of %.12s%s%s)\n", branch.text + 11, result.before, result.after, how, commit,
	       result.worktree ? "; its files are up to date in " : "", result.worktree ? result.worktree : "");
	return note_merge(ctx, &o, &result, commit, how, branch.text + 11);
}

/* ---- stop, resume, rollback, import */

static int task_cmd_stop(struct ctx *ctx, int argc, char **argv)
{
	bool end = false;
	const struct ccm_opt opts[] = { OPT_FLAG("end", 0, &end, "end it instead of holding it"), OPT_END };
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0) {
		r = session_ask(&o.place, end ? "end" : "stop", &diag);
		if (r == -ESRCH)
			ccm_diag_set(&diag, r, "task %s is not running: it is %s", o.task.id, task_state_name(o.task.state));
	}
	return say(&diag, r);
}

static int start_again(struct ctx *ctx, struct opened *o, int argc, char **argv, struct ccm_diag *diag)
{
	_cleanup_profile_ struct profile profile = { .share_caches = false };
	_cleanup_free_ const char **words = NULL;
	_cleanup_free_ char *project = NULL;
	json_auto_t *command = json_loads(o->task.command, 0, NULL);
	struct session_spec spec = { .ctx = ctx, .task = &o->task, .place = &o->place, .source = &o->source };
	size_t count = argc > 0 ? (size_t)argc : json_array_size(command);
	int status = 0, r;

	words = calloc(count + 1, sizeof *words);
	if (!words || !count)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		words[i] = argc > 0 ? argv[i] : json_string_value(json_array_get(command, i));
	r = ops_need_source(o, diag);
	if (r == 0)
		r = ops_need_folder(o, diag);
	if (r == 0)
		r = ops_need_rest(o, diag);
	if (r == 0)
		r = source_project(&o->source, o->task.project, &project);
	if (r == 0)
		r = profile_load(&ctx->settings, project, &profile);
	if (r == 0)
		r = task_limit(ctx->db, &o->task, &profile.limits);
	if (r < 0)
		return r;
	spec.profile = &profile;
	spec.argv = words;
	spec.lock_fd = o->lock_fd;
	r = session_run(&spec, &status, diag);
	if (r < 0)
		return r;
	ops_tell_end(ctx, o, status);
	return status;
}

static int start_in_background(struct ctx *ctx, struct opened *o, char **argv, struct ccm_diag *diag)
{
	int r = ops_need_rest(o, diag);

	if (r < 0)
		return r;
	ccm_closep(&o->lock_fd);
	o->lock_fd = -1;
	return background_start(ctx, o, (const char *const *)argv, diag);
}

/* What it was asked for is done: its command would do it a second time. */
static bool is_done(const struct task *t)
{
	return t->state == TASK_MERGED || (t->state == TASK_FINISHED && (t->merged || t->exit_status == 0));
}

static int need_word(const struct task *t, struct ccm_diag *diag)
{
	return ccm_diag_set(diag, -CCM_E_REFUSED, "task %s %s: its command would do the same a second time ('ccm-supervisor task "
			    "resume --again %s' starts it all the same, 'task resume %s -- COMMAND' another one)", t->id,
			    t->merged ? "is merged" : "has finished", t->id, t->id);
}

static int task_cmd_resume(struct ctx *ctx, int argc, char **argv)
{
	bool background = false, again = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("again", 'a', &again, "run its command again though it is done"),
		OPT_FLAG("background", 'b', &background, "start it again in the background"),
		OPT_END
	};
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r < 0)
		return say(&diag, r);
	if (o.task.state == TASK_STOPPED && argc == 1)
		return say(&diag, session_ask(&o.place, "resume", &diag));
	if (!task_can(&o.task, TASK_EV_START))
		return say(&diag, ccm_diag_set(&diag, -CCM_E_REFUSED, "task %s cannot be started again: it is %s (%s)", o.task.id,
					       task_state_name(o.task.state), task_state_sentence(o.task.state)));
	if (argc == 1 && !again && is_done(&o.task))
		return say(&diag, need_word(&o.task, &diag));
	argv[argc] = NULL;
	if (background)
		return say(&diag, start_in_background(ctx, &o, argv + 1, &diag));
	return say(&diag, start_again(ctx, &o, argc - 1, argv + 1, &diag));
}

/* ---- a terminal in the background */

/* ^X, ^\ */
static int read_key(struct ctx *ctx, const char *text, char *ret)
{
	char c = text[0] == '^' && text[1] && !text[2] ? text[1] : '\0';

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c < 'A' || c > '_')
		return ccm_opt_error(&ctx->usage, "'%s' is no key to leave with: it is written ^X, X from A to _", text);
	*ret = (char)(c - '@');
	return 0;
}

static int task_cmd_attach(struct ctx *ctx, int argc, char **argv)
{
	const char *key_text = "^\\";
	const struct ccm_opt opts[] = {
		OPT_STR("leave", 'k', "KEY", &key_text, "the key that leaves it, written ^X (default ^\\)"),
		OPT_END
	};
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	bool left = false;
	char key = 0;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = read_key(ctx, key_text, &key);
	if (r == 0)
		r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0 && (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)))
		r = ccm_diag_set(&diag, -CCM_E_REFUSED, "attach needs a terminal ('ccm-supervisor task log %s --output' prints what "
				 "the task wrote)", o.task.id);
	if (r < 0)
		return say(&diag, r);
	fprintf(stderr, "ccm-supervisor: task %s; %s leaves it, and it goes on\n", o.task.id, key_text);
	r = terminal_attach(&o.place, key, &left, &diag);
	if (r == -ESRCH && task_is_live(&ctx->paths, &o.task))
		ccm_diag_set(&diag, r, "task %s runs where it was started, in the foreground or by the daemon; only one of 'run "
			     "--background' can be attached to", o.task.id);
	else if (r == -ESRCH)
		ccm_diag_set(&diag, r, "task %s is not running: it is %s ('ccm-supervisor task resume --background%s %s' starts "
			     "it again)", o.task.id, task_state_name(o.task.state), is_done(&o.task) ? " --again" : "", o.task.id);
	if (r < 0)
		return say(&diag, r);
	fprintf(stderr, "\nccm-supervisor: %s task %s\n", left ? "left" : "the end of", o.task.id);
	return r;
}

/* What keeps the terminal of a task in the background: see background.h. */
static int task_cmd_terminal(struct ctx *ctx, int argc, char **argv)
{
	const char *size = "40x120";
	const struct ccm_opt opts[] = { OPT_STR("size", 0, "ROWSxCOLUMNS", &size, "how large it is at first"), OPT_END };
	_cleanup_place_ struct place place = { .id = "" };
	_cleanup_free_ const char **words = NULL;
	unsigned rows = 0, columns = 0;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (sscanf(size, "%4ux%4u", &rows, &columns) != 2 || !rows || !columns)
		return ccm_opt_error(&ctx->usage, "'%s' is no size: it is written ROWSxCOLUMNS", size);
	if (!place_is_id(argv[0]))
		return ccm_opt_error(&ctx->usage, "'%s' is no task id", argv[0]);
	words = calloc((size_t)argc + 6, sizeof *words);
	if (!words)
		return -ENOMEM;
	/* Who started us has asked whether it is to be. */
	const char *const first[] = { ctx->self, "task", "resume", "--again", argv[0], "--" };

	for (size_t i = 0; i < ARRAY_SIZE(first); i++)
		words[i] = first[i];
	for (int i = 1; i < argc; i++)
		words[ARRAY_SIZE(first) + (size_t)i - 1] = argv[i];
	r = place_init(&place, &ctx->paths, argv[0]);
	if (r == 0)
		r = terminal_serve(&place, words, (unsigned short)rows, (unsigned short)columns, &diag);
	return say(&diag, r);
}

static int task_cmd_rollback(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	char *rest;
	long long number;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	number = strtoll(argv[1], &rest, 10);
	if (*rest || number < 1)
		return ccm_opt_error(&ctx->usage, "SNAPSHOT is a number, as 'task show' lists them, not '%s'", argv[1]);
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0)
		r = ops_need_source(&o, &diag);
	if (r == 0)
		r = ops_need_folder(&o, &diag);
	if (r == 0)
		r = ops_need_rest(&o, &diag);
	if (r == 0)
		r = ops_rollback(ctx, &o, number, &diag);
	return say(&diag, r);
}

static int task_cmd_import(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	struct import import;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0)
		r = ops_need_source(&o, &diag);
	if (r == 0)
		r = ops_need_folder(&o, &diag);
	if (r == 0)
		r = ops_import(ctx, &o, &import, &diag);
	if (r < 0)
		return say(&diag, r);
	printf("%lld commit%s, up to %s\n", (long long)import.commits, import.commits == 1 ? "" : "s", import.head);
	return 0;
}

/* The other side of git fetch: see import.h. git gives the repository's path as a last word, which is not looked at. */
static int task_cmd_upload_pack(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_opened_ struct opened o = OPENED_INIT;
	_cleanup_confinement_ struct confinement c = { .count = 0 };
	struct confine_input in = { .why = CONFINE_UPLOAD };
	struct sandbox_child child = SANDBOX_CHILD_INIT;
	struct sandbox_watch watch = { .fd = -1 };
	struct ccm_diag diag = { 0 };
	int status = 0, r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0)
		r = ops_need_source(&o, &diag);
	if (r == 0)
		r = ops_need_folder(&o, &diag);
	in.place = &o.place;
	in.source = &o.source;
	if (r == 0)
		r = confine(&in, &c, &diag);
	if (r == 0) {
		const char *const words[] = { "git", "-c", "safe.directory=*", "upload-pack", "--strict", "--timeout=120",
					      o.place.repo, NULL };

		ccm_db_close(ctx->db);
		ctx->db = NULL;
		r = sandbox_start(&c.spec, words, &child, &diag);
	}
	if (r == 0)
		r = sandbox_wait(&child, &watch, &status);
	sandbox_child_done(&child);
	return r < 0 ? say(&diag, r) : status;
}

/* ---- discard, restore, gc */

static int forget_refs(struct opened *o, struct ccm_diag *diag)
{
	static const char *const names[] = { "saved", "head", "base", "merged" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
		r = worktree_unpin(&o->source, o->task.id, names[i], diag);
	return r;
}

static int discard(struct ctx *ctx, struct opened *o, bool forget, struct ccm_diag *diag)
{
	char saved[GIT_ID_MAX + 1];
	bool folder = access(o->place.dir, F_OK) == 0;
	int r = ops_need_rest(o, diag);

	if (r == 0 && !task_can(&o->task, TASK_EV_DISCARD) && !(forget && o->task.state == TASK_DISCARDED))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "task %s cannot be discarded: it is %s", o->task.id,
				    task_state_name(o->task.state));
	if (r == 0 && !forget && folder) {
		r = ops_need_source(o, diag);
		if (r == 0)
			r = ops_save(ctx, o, true, saved, diag);
		if (r < 0) {
			struct ccm_diag why = *diag;

			return ccm_diag_set(diag, r, "%.300s; nothing was removed (--forget discards without keeping anything)",
					    ccm_diag_text(&why, r));
		}
	}
	if (r == 0 && folder)
		r = ops_remove(ctx, o, diag);
	if (r == 0 && forget && o->source.git_dir) {
		r = forget_refs(o, diag);
		if (r == 0)
			r = ccm_db_exec(ctx->db, Q_TASK_UNSAVE, DB_ARGS(DB_TEXT("id", o->task.id)));
	}
	if (r >= 0 && task_can(&o->task, TASK_EV_DISCARD))
		r = task_move(ctx->db, &o->task, TASK_EV_DISCARD,
			      &(struct task_moved){ .why = forget ? "nothing of it is kept" : "by you" }, diag);
	return r;
}

static int task_cmd_discard(struct ctx *ctx, int argc, char **argv)
{
	bool forget = false;
	const struct ccm_opt opts[] = { OPT_FLAG("forget", 0, &forget, "keep nothing of it: it cannot be restored"), OPT_END };
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0)
		r = discard(ctx, &o, forget, &diag);
	if (r >= 0 && !forget)
		printf("kept in a ref: 'ccm-supervisor task restore %s' brings it back\n", o.task.id);
	return say(&diag, r < 0 ? r : 0);
}

static int task_cmd_restore(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ops_open(ctx, argv[0], &o, &diag);
	if (r == 0 && !task_can(&o.task, TASK_EV_RESTORE))
		r = ccm_diag_set(&diag, -CCM_E_REFUSED, "task %s cannot be restored: it is %s (%s)", o.task.id,
				 task_state_name(o.task.state), task_state_sentence(o.task.state));
	if (r == 0)
		r = ops_need_source(&o, &diag);
	if (r == 0)
		r = ops_restore(ctx, &o, &diag);
	if (r < 0)
		return say(&diag, r);
	printf("%s\n", o.place.work);
	return 0;
}

/* When anything in it was last touched, as far as we know: its row, its worktree, its index. */
static int64_t last_touched(const struct opened *o)
{
	_cleanup_free_ char *index = NULL;
	const char *paths[2] = { o->place.work, NULL };
	int64_t last = o->task.changed_ms;
	struct stat st;

	if (asprintf(&index, "%s/worktrees/work/index", o->place.repo) < 0)
		index = NULL;
	paths[1] = index;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i] && lstat(paths[i], &st) == 0 && (int64_t)st.st_mtime * 1000 > last)
			last = (int64_t)st.st_mtime * 1000;
	return last;
}

struct cleaning {
	int64_t idle_ms;
	bool dry_run;
	int cleaned, kept;
};

static int clean(struct ctx *ctx, const struct task *t, struct cleaning *c)
{
	_cleanup_opened_ struct opened o = OPENED_INIT;
	struct ccm_diag diag = { 0 };
	char saved[GIT_ID_MAX + 1] = "";
	int r = ops_open(ctx, t->id, &o, &diag);

	if (r < 0 || !task_can(&o.task, TASK_EV_CLEAN) || ccm_now_ms() - last_touched(&o) < c->idle_ms)
		return r < 0 ? say(&diag, r) : 0;
	r = ops_need_rest(&o, &diag);
	if (r < 0)
		return 0;                    /* live after all */
	if (c->dry_run) {
		printf("%s would be saved and removed\n", o.task.id);
		c->cleaned++;
		return 0;
	}
	r = ops_need_source(&o, &diag);
	if (r == 0 && access(o.place.dir, F_OK) == 0)
		r = ops_save(ctx, &o, true, saved, &diag);
	if (r == 0)
		r = ops_remove(ctx, &o, &diag);
	if (r == 0)
		r = task_move(ctx->db, &o.task, TASK_EV_CLEAN, &(struct task_moved){ .why = "nothing happened for a time" }, &diag);
	if (r < 0) {
		/* What cannot be saved stays. */
		ccm_warn("task %s is kept: %s", o.task.id, ccm_diag_text(&diag, r));
		c->kept++;
		return 0;
	}
	printf("%s saved as refs/ccm/tasks/%s/saved (%.12s) and removed\n", o.task.id, o.task.id, saved);
	c->cleaned++;
	return 0;
}

/* Folders without a row: the database may have been lost, the work in them not. */
static void name_strays(struct ctx *ctx, const struct task_list *list)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *d;

	ccm_sbuf_addf(&path, "%s/tasks", ctx->paths.home);
	dir = opendir(ccm_sbuf_str(&path));
	while (dir && (d = readdir(dir))) {
		bool known = false;

		if (!place_is_id(d->d_name))
			continue;
		for (size_t i = 0; i < list->count && !known; i++)
			known = strcmp(list->items[i].id, d->d_name) == 0;
		if (!known)
			ccm_warn("'%s/%s' belongs to no task of this database and was left as it is", path.text, d->d_name);
	}
}

static int task_cmd_gc(struct ctx *ctx, int argc, char **argv)
{
	struct cleaning c = { .idle_ms = ctx->settings.idle_ms };
	const struct ccm_opt opts[] = {
		OPT_DURATION("idle", 0, &c.idle_ms, "those at rest for so long (default: [sandbox] idle)"),
		OPT_FLAG("dry-run", 0, &c.dry_run, "only say what would be done"),
		OPT_END
	};
	_cleanup_(task_list_done) struct task_list list = { NULL, 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = load_list(ctx, NULL, &list);
	for (size_t i = 0; i < list.count && r >= 0; i++)
		r = clean(ctx, &list.items[i], &c);
	if (r < 0)
		return r;
	name_strays(ctx, &list);
	printf("%d cleaned\n", c.cleaned);
	return c.kept ? CCM_EXIT_FAILURE : 0;
}

int cmd_task(struct ctx *ctx, int argc, char **argv)
{
	static const struct command commands[] = {
		{ "list", "", "show tasks: state, age, commits, size, how near a limit", 0, 0, DB_WRITE, task_cmd_list, false },
		{ "show", "ID", "show one task whole: state, limits, snapshots", 1, 1, DB_WRITE, task_cmd_show, false },
		{ "log", "ID", "show what happened to it: states, refusals, limits, imports", 1, 1, DB_WRITE, task_cmd_log, false },
		{ "review", "ID", "show its commits and files, and what to be wary of", 1, 1, DB_WRITE, task_cmd_review, false },
		{ "diff", "ID", "show what it changed", 1, 1, DB_WRITE, task_cmd_diff, false },
		{ "merge", "ID", "merge exactly the commit that was reviewed", 1, 1, DB_WRITE, task_cmd_merge, false },
		{ "stop", "ID", "hold its processes, or end them", 1, 1, DB_WRITE, task_cmd_stop, false },
		{ "resume", "ID [-- COMMAND...]", "let it go on, or start its command (or another) again", 1, -1, DB_WRITE,
		  task_cmd_resume, false },
		{ "attach", "ID", "join the terminal of a task that runs in the background", 1, 1, DB_WRITE, task_cmd_attach, false },
		{ "terminal", "ID [COMMAND...]", "keep the terminal of one (run --background runs it)", 1, -1, DB_NONE,
		  task_cmd_terminal, false },
		{ "rollback", "ID SNAPSHOT", "put its branch and files back to a snapshot", 2, 2, DB_WRITE, task_cmd_rollback,
		  false },
		{ "discard", "ID", "remove its folder; what it did is kept in a ref", 1, 1, DB_WRITE, task_cmd_discard, false },
		{ "restore", "ID", "bring back what discard or gc removed", 1, 1, DB_WRITE, task_cmd_restore, false },
		{ "gc", "", "save and remove tasks that have been at rest for long", 0, 0, DB_WRITE, task_cmd_gc, false },
		{ "import", "ID", "take over what it has committed (done by itself, too)", 1, 1, DB_WRITE, task_cmd_import, false },
		{ "upload", "ID", "the other side of an import (import runs it)", 1, -1, DB_WRITE, task_cmd_upload_pack, false },
		{ 0 }
	};

	return ccm_command_group(ctx, commands, argc, argv);
}
