/* SPDX-License-Identifier: MIT */
/* install and uninstall: our entries in the client's settings file, and nothing else of it. */
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "approval.h"
#include "ctx.h"
#include "libccm/alert.h"
#include "libccm/diff.h"
#include "libccm/host_settings.h"
#include "libccm/log.h"
#include "libccm/term.h"
#include "libccm/user_file.h"

#define MAX_EVENTS 128
/* How often another program may change the file under our hands. */
#define MAX_TRIES 10

/* Which file, and how. */
struct job {
	struct ctx *ctx;
	bool project, local, dry_run, plugin;
	const char *settings;
	enum ccm_host_scope scope;
	char *path;
	struct ccm_host_registration want;       /* install */
};

#define JOB_OPTS(job) \
	OPT_FLAG("project", 0, &(job)->project, "in .claude/settings.json here, which is committed"), \
	OPT_FLAG("local", 0, &(job)->local, "in .claude/settings.local.json here, which is not"), \
	OPT_STR("settings", 0, "FILE", &(job)->settings, "in FILE (default: your own settings.json)"), \
	OPT_FLAG("dry-run", 'n', &(job)->dry_run, "change nothing, show what would change as a diff")

static void job_done(struct job *job)
{
	free(job->path);
}
#define _cleanup_job_ _cleanup_(job_done)

static int job_path(struct job *job)
{
	struct ccm_diag diag = { 0 };
	int r;

	if (job->project + job->local + (job->settings != NULL) > 1)
		return ccm_opt_error(&job->ctx->usage, "--project, --local and --settings exclude each other");
	job->scope = job->project ? CCM_HOST_PROJECT : job->local ? CCM_HOST_LOCAL : CCM_HOST_USER;
	if (job->settings) {
		if (!job->settings[0])
			return ccm_opt_error(&job->ctx->usage, "--settings needs the name of a file");
		job->path = strdup(job->settings);
		return job->path ? 0 : -ENOMEM;
	}
	r = ccm_host_settings_path(job->scope, &job->path, &diag);
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	return 0;
}

/* Says what went wrong with the file; -EAGAIN goes up for another try. */
static int say(int r, const struct ccm_diag *diag)
{
	if (r >= 0 || r == -EAGAIN || r == -CCM_E_SAID)
		return r;
	ccm_error("%s", ccm_diag_text(diag, r));
	return -CCM_E_SAID;
}

/* Warns of what the person should know, a line each. */
static void show_notes(const char *path, const struct ccm_host_report *report)
{
	const char *p = ccm_sbuf_str(&report->notes);

	for (; *p; p += strcspn(p, "\n") + 1)
		ccm_warn("'%s': %.*s", path, (int)strcspn(p, "\n"), p);
}

static void print_clean(const char *before, const char *text, const char *behind)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

	ccm_term_clean(&clean, text, strlen(text), CCM_CLEAN_LINE);
	printf("%s%s%s", before, ccm_sbuf_str(&clean), behind);
}

/* As it is for `patch`; clean and coloured for a terminal. */
static void print_diff(const struct ccm_sbuf *diff)
{
	bool terminal = isatty(STDOUT_FILENO), colour = ccm_term_colour(STDOUT_FILENO);
	const char *p = ccm_sbuf_str(diff), *end = p + diff->bytes;

	if (!terminal) {
		fwrite(p, 1, diff->bytes, stdout);
		return;
	}
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t bytes = newline ? (size_t)(newline - p) : (size_t)(end - p);
		const char *paint = !colour ? "" : *p == '+' ? "\033[32m" : *p == '-' ? "\033[31m" :
				    *p == '@' ? "\033[36m" : "";
		_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };

		ccm_term_clean(&clean, p, bytes && p[bytes - 1] == '\r' ? bytes - 1 : bytes, CCM_CLEAN_LINES);
		printf("%s%s%s\n", paint, ccm_sbuf_str(&clean), *paint ? "\033[0m" : "");
		p += bytes + 1;
	}
}

static int show_diff(const struct ccm_user_file *f, const struct ccm_sbuf *text, bool gone)
{
	_cleanup_sbuf_ struct ccm_sbuf diff = { 0 };
	int r;

	r = ccm_diff_unified(f->exists ? f->target : NULL, ccm_sbuf_str(&f->text), f->text.bytes,
			     gone ? NULL : f->target, ccm_sbuf_str(text), text->bytes, &diff);
	if (r == 0)
		print_diff(&diff);
	return r;
}

static int write_file(struct ccm_user_file *f, const struct ccm_sbuf *text)
{
	_cleanup_free_ char *backup = NULL;
	struct ccm_diag diag = { 0 };
	int r;

	r = ccm_user_file_replace(f, ccm_sbuf_str(text), text->bytes, &backup, &diag);
	if (r < 0)
		return say(r, &diag);
	if (f->exists && f->stat.st_nlink > 1)
		ccm_warn("'%s' had further names (hard links), which keep the old text", f->target);
	print_clean("File:     ", f->target, "\n");
	if (backup)
		print_clean("Backup:   ", backup, "\n");
	return 0;
}

static bool is_changed(const struct ccm_user_file *f, const struct ccm_sbuf *text)
{
	return f->text.bytes != text->bytes ||
	       (text->bytes && memcmp(f->text.text, text->text, text->bytes) != 0);
}

/* Whatever step is does, it is done again if another program changed the file meanwhile. */
static int with_file(struct job *job, int (*step)(struct job *job, struct ccm_user_file *f))
{
	int r = -EAGAIN;

	for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++) {
		_cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
		struct ccm_diag diag = { 0 };

		r = say(ccm_user_file_open(job->path, !job->dry_run, &f, &diag), &diag);
		if (r == 0)
			r = step(job, &f);
	}
	if (r == -EAGAIN) {
		ccm_error("'%s' keeps changing while it is worked on; nothing was changed", job->path);
		return -CCM_E_SAID;
	}
	return r;
}

/* ---- install ---- */

static int add_event(struct job *job, const struct ccm_host_event **list, const struct ccm_host_event *event)
{
	for (size_t i = 0; i < job->want.event_count; i++)
		if (list[i] == event)
			return 0;
	if (job->want.event_count == MAX_EVENTS)
		return -E2BIG;
	list[job->want.event_count++] = event;
	return 0;
}

static int unknown_event(struct job *job, const char *name)
{
	size_t count;
	const struct ccm_host_event *events = ccm_host_events(&count);
	_cleanup_sbuf_ struct ccm_sbuf names = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (strcasecmp(events[i].name, name) == 0)
			return ccm_opt_error(&job->ctx->usage, "unknown event '%s': did you mean '%s'?", name,
					     events[i].name);
		ccm_sbuf_addf(&names, " %s", events[i].name);
	}
	return ccm_opt_error(&job->ctx->usage, "unknown event '%s'; there are:%s", name, ccm_sbuf_str(&names));
}

/* "all", or names with commas between. */
static int pick_named(struct job *job, const char *names, const struct ccm_host_event **list)
{
	static const char between[] = ", ";

	for (const char *p = names + strspn(names, between); *p; p += strspn(p, between)) {
		size_t bytes = strcspn(p, between);
		_cleanup_free_ char *name = strndup(p, bytes);
		const struct ccm_host_event *event;
		int r;

		if (!name)
			return -ENOMEM;
		event = ccm_host_event(name);
		r = event ? add_event(job, list, event) : unknown_event(job, name);
		if (r < 0)
			return r;
		p += bytes;
	}
	return job->want.event_count ? 0 : ccm_opt_error(&job->ctx->usage, "--events needs the name of an event");
}

/* A hook on this event replaces the client's own making of worktrees, and must then print a path. */
static bool replaces_client(const struct ccm_host_event *event)
{
	return event->plain == CCM_PLAIN_path;
}

/* Some are of use to what config.ini switches on. A plugin goes to others, who have settings of their own. */
static bool is_default(const struct job *job, const struct ccm_host_event *event)
{
	const struct ccm_settings *s = &job->ctx->settings;

	if (event->registered || job->plugin)
		return event->registered;
	/* The client notifies of its question six seconds after it is put; of a turn that ends with an error nothing else tells. */
	return (strcmp(event->name, "PermissionRequest") == 0 && (approval_registered_s(s) || ccm_channels_set_up(s))) ||
	       (strcmp(event->name, "StopFailure") == 0 && ccm_channels_set_up(s));
}

static int pick_events(struct job *job, const char *names, const struct ccm_host_event **list)
{
	bool all = names && strcmp(names, "all") == 0;
	size_t count;
	const struct ccm_host_event *events = ccm_host_events(&count);
	int r = 0;

	job->want.events = list;
	if (names && !all) {
		r = pick_named(job, names, list);
		for (size_t i = 0; r == 0 && i < job->want.event_count; i++)
			if (replaces_client(list[i]))
				ccm_warn("%s: from now on an automation of yours must make the worktree and print its "
					 "path; without one the client cannot make any", list[i]->name);
		return r;
	}
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (all && replaces_client(&events[i]))
			ccm_warn("%s is left out: a hook there replaces the client's own making of worktrees "
				 "(--events=%s adds it)", events[i].name, events[i].name);
		else if (all && events[i].since)
			ccm_warn("%s is left out: a client older than %s complains of it at each start "
				 "(--events=%s adds it)", events[i].name, events[i].since, events[i].name);
		else if (all || is_default(job, &events[i]))
			r = add_event(job, list, &events[i]);
	}
	return r;
}

/* Our entries are found again by the program's name; a relative path would mean another file in each folder. */
static int check_self(const struct ctx *ctx)
{
	const char *slash = strrchr(ctx->self, '/');

	if (ctx->self[0] == '/' && strcmp(slash + 1, CCM_HOST_COMMAND) == 0)
		return 0;
	ccm_error("this program is '%s': it can be registered only where it is installed, under the name " CCM_HOST_COMMAND,
		  ctx->self);
	return -CCM_E_SAID;
}

/* The client makes them when it first runs, and its own private: it may hold secrets. The folder of a
 * project belongs to whoever works on it, perhaps as root in a container. */
static int make_folder(const struct job *job)
{
	struct ccm_diag diag = { 0 };
	int r = 0;

	if (job->settings)
		return 0;
	if (job->scope == CCM_HOST_USER)
		r = ccm_user_file_make_folder(job->path, 0700, &diag);
	else if (mkdir(".claude", 0777) < 0 && errno != EEXIST)
		r = ccm_diag_set(&diag, -errno, "cannot make the folder '.claude' here: %s", strerror(errno));
	return say(r, &diag);
}

static void print_undo(const struct job *job)
{
	printf("Undo:     ccm-hook uninstall%s", job->project ? " --project" : job->local ? " --local" : "");
	if (job->settings)
		print_clean(" --settings='", job->settings, "'");
	printf("\n");
}

static void print_list(const char *label, const struct ccm_sbuf *names)
{
	if (names->bytes)
		print_clean(label, names->text, "\n");
}

static void print_installed(const struct job *job, const struct ccm_host_report *report)
{
	print_list("Added:    ", &report->added);
	print_list("Updated:  ", &report->updated);
	print_list("Doubled:  ", &report->removed);
	print_undo(job);
	if (job->project)
		printf("Note:     this file is shared: whoever works on the project needs ccm too, at the same path "
		       "(--local keeps it to yourself).\n");
}

/* What install cannot do for the person, and must not hide. */
static int show_obstacles(const struct ccm_user_file *f, const struct ccm_host_report *report)
{
	show_notes(f->target, report);
	if (report->disabled)
		ccm_warn("NOTHING WILL RUN: '%s' says \"disableAllHooks\": true; remove that line, or no hook of any kind "
			 "is called", f->target);
	if (report->status_line_taken) {
		ccm_error("'%s' has a status line of another program, which was left as it is; --wrap-statusline "
			  "shows it together with ours, or remove its \"statusLine\" first", f->target);
		return -CCM_E_SAID;
	}
	return 0;
}

static int install_step(struct job *job, struct ccm_user_file *f)
{
	_cleanup_host_report_ struct ccm_host_report report = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_diag diag = { 0 };
	int r;

	ccm_sbuf_add(&text, ccm_sbuf_str(&f->text), f->text.bytes);
	r = ccm_host_register(&text, !f->exists, &job->want, &report, &diag);
	if (r == -CCM_E_REFUSED) {
		ccm_error("'%s': %s. The client would ignore the whole file; correct it first. Nothing was changed.",
			  f->target, ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	if (r < 0)
		return r;
	if (!is_changed(f, &text)) {
		if (!job->dry_run)
			print_clean("Already registered in ", f->target, "; nothing to change.\n");
		return show_obstacles(f, &report);
	}
	if (job->dry_run) {
		r = show_diff(f, &text, false);
	} else {
		r = write_file(f, &text);
		if (r == 0)
			print_installed(job, &report);
	}
	return r < 0 ? r : show_obstacles(f, &report);
}

static int print_plugin(const struct job *job)
{
	struct ccm_host_registration want = job->want;
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r;

	/* A plugin goes to machines where this path does not exist. */
	want.command = CCM_HOST_COMMAND;
	r = ccm_host_plugin(&want, &text);
	if (r == 0)
		fwrite(text.text, 1, text.bytes, stdout);
	return r;
}

int cmd_install(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_job_ struct job job = { .ctx = ctx };
	const struct ccm_host_event *events[MAX_EVENTS];
	const char *names = NULL;
	const struct ccm_opt opts[] = {
		JOB_OPTS(&job),
		OPT_STR("events", 0, "all|A,B", &names, "register these events (default: the nine classic ones)"),
		OPT_FLAG("statusline", 0, &job.want.status_line, "be the client's status line too"),
		OPT_FLAG("wrap-statusline", 0, &job.want.wrap_status_line, "the same around the one that is there"),
		OPT_FLAG("print-plugin", 0, &job.plugin, "print the registration as a plugin's hooks.json"),
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	job.want.status_line = job.want.status_line || job.want.wrap_status_line;
	job.want.person_s = job.plugin ? 0 : approval_registered_s(&ctx->settings);
	r = job_path(&job);
	if (r == 0)
		r = pick_events(&job, names, events);
	if (r < 0)
		return r;
	if (job.plugin)
		return print_plugin(&job);
	job.want.command = ctx->self;
	r = check_self(ctx);
	if (r == 0 && !job.dry_run)
		r = make_folder(&job);
	return r < 0 ? r : with_file(&job, install_step);
}

/* ---- uninstall ---- */

static int uninstall_step(struct job *job, struct ccm_user_file *f)
{
	_cleanup_host_report_ struct ccm_host_report report = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_diag diag = { 0 };
	int r;

	ccm_sbuf_add(&text, ccm_sbuf_str(&f->text), f->text.bytes);
	r = ccm_host_unregister(&text, &report, &diag);
	if (r == -CCM_E_REFUSED) {
		ccm_error("'%s': %s. Nothing was changed.", f->target, ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	if (r < 0)
		return r;
	if (!is_changed(f, &text)) {
		if (!job->dry_run)
			print_clean("Not registered in ", f->target, "; nothing to change.\n");
		return 0;
	}
	if (job->dry_run)
		return show_diff(f, &text, report.empty);
	if (report.empty) {
		r = say(ccm_user_file_remove(f, &diag), &diag);
		if (r == 0)
			print_clean("File:     ", f->target, " (gone: it held nothing else)\n");
	} else {
		r = write_file(f, &text);
	}
	if (r == 0)
		print_list("Removed:  ", &report.removed);
	return r;
}

/* Without the folder there is nothing registered in it. */
static bool is_nowhere(const struct job *job)
{
	return access(job->path, F_OK) < 0 && errno == ENOENT;
}

int cmd_uninstall(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_job_ struct job job = { .ctx = ctx };
	const struct ccm_opt opts[] = { JOB_OPTS(&job), OPT_END };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = job_path(&job);
	if (r < 0)
		return r;
	if (is_nowhere(&job)) {
		if (!job.dry_run)
			print_clean("Not registered in ", job.path, "; there is no such file.\n");
		return 0;
	}
	return with_file(&job, uninstall_step);
}
