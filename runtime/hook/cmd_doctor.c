/* SPDX-License-Identifier: MIT */
/* Looks at everything that has to be right for an event to be recorded and judged. Changes nothing.
 * Each finding comes with what to do about it. */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "approval.h"
#include "ctx.h"
#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/daemon_lock.h"
#include "libccm/host.h"
#include "libccm/proc.h"
#include "libccm/spool.h"
#include "libccm/term.h"
#include "print.h"
#include "registration.h"
#include "scripts.h"

#define DAY_MS (24LL * 60 * 60 * 1000)
#define UNFINISHED_WITHIN_MS (7 * DAY_MS)
#define UNFINISHED_AFTER_MS (15 * 60 * 1000)         /* no event takes so long */
#define SPOOLED_AFTER_MS (10 * 60 * 1000)
#define WAL_MAX_BYTES ((int64_t)64 << 20)
#define GUARD_TIMEOUT_MS 10000
#define DELIVER_TIMEOUT_MS (10LL * 1000)
#define DEAD_DAYS 7                      /* that alerts were not delivered */
#define FAILURES_MANY 3                  /* of a channel, in a row */
#define FREE_MIN_BYTES ((int64_t)200 << 20)

extern char **environ;

struct doctor {
	struct ctx *ctx;
	bool json, colour;
	const char *area;            /* what is being looked at */
	const char *shown_area;      /* whose headline was printed last */
	int findings;
	struct ccm_sbuf out;
	struct registration registration;
	struct scripts scripts;
};

static void doctor_done(struct doctor *d)
{
	registration_done(&d->registration);
	scripts_done(&d->scripts);
	ccm_sbuf_done(&d->out);
}

/* ---- telling */

static void add_line(struct doctor *d, bool ok, const char *words, const char *remedy)
{
	struct ccm_sbuf *out = &d->out;

	if (d->json) {
		_cleanup_sbuf_ struct ccm_sbuf object = { 0 };

		ccm_sbuf_addc(&object, '{');
		print_json_text(&object, "area", d->area);
		print_json_bool(&object, "ok", ok);
		print_json_text(&object, "text", words);
		print_json_text(&object, "remedy", remedy);
		ccm_sbuf_adds(&object, "}\n");
		out->failed |= object.failed;
		ccm_sbuf_add(out, ccm_sbuf_str(&object), object.bytes);
		return;
	}
	if (d->shown_area != d->area) {
		print_colour(out, d->colour, PRINT_BOLD);
		ccm_sbuf_addf(out, "%s%s", d->shown_area ? "\n" : "", d->area);
		print_plain(out, d->colour);
		ccm_sbuf_addc(out, '\n');
	}
	d->shown_area = d->area;
	print_colour(out, d->colour, ok ? PRINT_GREEN : PRINT_RED);
	ccm_sbuf_adds(out, ok ? "  ok   " : "  FIX  ");
	print_plain(out, d->colour);
	ccm_term_clean(out, words, strlen(words), CCM_CLEAN_LINE);
	if (remedy) {
		ccm_sbuf_adds(out, "\n       -> ");
		ccm_term_clean(out, remedy, strlen(remedy), CCM_CLEAN_LINE);
	}
	ccm_sbuf_addc(out, '\n');
}

static void fine(struct doctor *d, const char *format, ...) _printf_(2, 3);

static void fine(struct doctor *d, const char *format, ...)
{
	char words[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	add_line(d, true, words, NULL);
}

/* words and remedy are formats that share the arguments only where a finding needs none of its own. */
static void finding(struct doctor *d, const char *remedy, const char *format, ...) _printf_(3, 4);

static void finding(struct doctor *d, const char *remedy, const char *format, ...)
{
	char words[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	add_line(d, false, words, remedy);
	d->findings++;
}

/* A remedy that names something. buf holds it until the next one. */
static const char *remedy(char *buf, size_t bytes, const char *format, ...) _printf_(3, 4);

static const char *remedy(char *buf, size_t bytes, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(buf, bytes, format, ap);
	va_end(ap);
	return buf;
}
#define REMEDY(...) remedy((char[1024]){ 0 }, 1024, __VA_ARGS__)

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

/* "3s ago", "5m ago", "2h ago", "4d ago". */
static const char *ago_text(int64_t ms, char buf[32])
{
	int64_t s = (ccm_now_ms() - ms) / 1000;

	if (s < 120)
		snprintf(buf, 32, "%llds ago", (long long)(s < 0 ? 0 : s));
	else if (s < 2 * 3600)
		snprintf(buf, 32, "%lldm ago", (long long)s / 60);
	else if (s < 48 * 3600)
		snprintf(buf, 32, "%lldh ago", (long long)s / 3600);
	else
		snprintf(buf, 32, "%lldd ago", (long long)s / 86400);
	return buf;
}

/* ---- is the client told to call us? */

static void check_settings_file(struct doctor *d, const struct registration_file *f)
{
	if (f->problem)
		finding(d, "correct it: hooks, permissions and all else in it do not count until then",
			"the client ignores '%s' as a whole: %s", f->path ? f->path : "settings", f->problem);
	if (f->switches.disabled)
		finding(d, "remove that line, or no hook of any kind is called",
			"'%s' says \"disableAllHooks\": true", f->path);
	if (f == &d->registration.files[CCM_HOST_MANAGED] && f->switches.managed_only)
		finding(d, "ask the administrator to register ccm-hook there",
			"'%s' says \"allowManagedHooksOnly\": true", f->path);
}

/* The registered program must be there, and be this one. */
static void check_program(struct doctor *d, const struct registration_entry *e)
{
	_cleanup_free_ char *program = registration_program(e);

	if (!program)
		finding(d, "run 'ccm-hook install': until then every hook call fails",
			"'%s' registers '%s', which is no program that can be run", e->file->path, e->command);
	else if (!scripts_same_file(program, d->ctx->self))
		finding(d, "run 'ccm-hook install' with the one that you want",
			"'%s' registers '%s', and this is '%s'", e->file->path, program, d->ctx->self);
}

/* True if an earlier entry of the same file says the same command. */
static bool is_told(const struct registration *r, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (r->entries[i].file == r->entries[index].file &&
		    r->entries[i].exec_form == r->entries[index].exec_form &&
		    strcmp(r->entries[i].command, r->entries[index].command) == 0)
			return true;
	return false;
}

/* The client runs one command once per event, however often it is registered; different ones each. */
static bool is_doubled(const struct registration *r, size_t index)
{
	const struct registration_entry *e = &r->entries[index];

	for (size_t i = 0; i < index; i++)
		if (strcmp(r->entries[i].event, e->event) == 0 &&
		    (strcmp(r->entries[i].command, e->command) != 0 || r->entries[i].exec_form != e->exec_form))
			return true;
	return false;
}

static void check_entries(struct doctor *d)
{
	const struct registration *r = &d->registration;

	for (size_t i = 0; i < r->count; i++) {
		const struct registration_entry *e = &r->entries[i];

		if (e->limited && !registration_has(r, e->event, false))
			finding(d, "remove the matcher and 'if' of our entry, or the rest is neither recorded nor judged",
				"'%s': %s reaches us for some tools only", e->file->path, e->event);
		if (is_doubled(r, i))
			finding(d, "keep one of them: such events are recorded and judged twice",
				"'%s': %s is registered a second time, as '%s'", e->file->path, e->event, e->command);
		if (e->exec_form && !(e->timeout_s > 0))
			finding(d, "run 'ccm-hook install'",
				"'%s': %s has no timeout, so that the client's own cuts ours short or never comes", e->file->path,
				e->event);
		if (is_told(r, i))
			continue;
		if (e->exec_form)
			check_program(d, e);
		else
			finding(d, "remove it and run 'ccm-hook install'",
				"'%s': '%s' is run through a shell, which install does not make", e->file->path,
				e->command);
	}
}

static void check_events(struct doctor *d)
{
	_cleanup_sbuf_ struct ccm_sbuf missing = { 0 };
	size_t count, registered = 0;
	const struct ccm_host_event *events = ccm_host_events(&count);

	for (size_t i = 0; i < count; i++) {
		if (registration_has(&d->registration, events[i].name, true))
			registered++;
		else if (events[i].registered)
			ccm_sbuf_addf(&missing, "%s%s", missing.bytes ? ", " : "", events[i].name);
	}
	d->out.failed |= missing.failed;
	if (!registered)
		finding(d, "run 'ccm-hook install'", "no settings file that counts here registers ccm-hook: no event reaches it");
	else if (missing.bytes)
		finding(d, "run 'ccm-hook install'", "not registered for: %s", missing.text);
	else
		fine(d, "registered for %zu of the %zu known events", registered, count);
}

/* Who stands there by a name is nobody, and cannot answer. */
static void check_users(struct doctor *d)
{
	const struct ccm_setting_list *users = &d->ctx->settings.telegram_users;

	for (size_t i = 0; i < users->count; i++)
		if (users->items[i].text[strspn(users->items[i].text, "0123456789 \t")])
			finding(d, "write the numbers of people, with blanks between; ccm-hook db 'SELECT user_name, user_id FROM press' "
				"shows those of whoever pressed a button", "'%s', line %d: 'user_ids' is no list of numbers: '%s'",
				d->ctx->paths.config, users->items[i].line, users->items[i].text);
}

/* A hook that the client ends first asks in vain. */
static void check_approvals(struct doctor *d)
{
	static const char *const names[] = { "PreToolUse", "PermissionRequest" };
	const struct registration *r = &d->registration;
	int person_s = approval_registered_s(&d->ctx->settings), before = d->findings;
	char time[32];

	if (!person_s)
		return;
	check_users(d);
	if (!ccm_channel_is_set_up(&d->ctx->settings, CCM_TELEGRAM))
		finding(d, "set both, see ccm-alerts(7), and try 'ccm-supervisor alerts test telegram'",
			"[telegram] approvals = on, but token or chat_id is missing: nobody can be asked");
	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		int wanted_s = ccm_host_timeout_s(ccm_host_event(names[n]), person_s);

		if (r->count && !registration_has(r, names[n], false))
			finding(d, "run 'ccm-hook install': until then such questions are not sent to you",
				"[telegram] approvals = on, but %s is not registered", names[n]);
		for (size_t i = 0; i < r->count; i++)
			if (strcmp(r->entries[i].event, names[n]) == 0 && r->entries[i].timeout_s < wanted_s)
				finding(d, "run 'ccm-hook install'",
					"'%s': %s has a timeout of %g s, too short for [telegram] approval_time = %s (it takes %d s)",
					r->entries[i].file->path, names[n], r->entries[i].timeout_s,
					ccm_duration_format(d->ctx->settings.approval_ms, time, sizeof time), wanted_s);
	}
	if (d->findings == before)
		fine(d, "answers from afar: the client waits long enough for [telegram] approval_time");
}

/* Of a turn that ends with an error nothing else tells. */
static void check_alerts(struct doctor *d)
{
	const struct ccm_settings *s = &d->ctx->settings;

	if (!d->registration.count || !ccm_channels_set_up(s))
		return;
	if (!approval_registered_s(s) && ccm_alert_kind_level(s, CCM_KIND_NEEDS_INPUT) != CCM_ALERT_OFF &&
	    !registration_has(&d->registration, "PermissionRequest", false))
		finding(d, "run 'ccm-hook install'",
			"alerts are set up, but PermissionRequest is not registered: a permission prompt is told six seconds late");
	if (ccm_alert_kind_level(s, CCM_KIND_FAILED) != CCM_ALERT_OFF && !registration_has(&d->registration, "StopFailure", false))
		finding(d, "run 'ccm-hook install': until then you are not told",
			"alerts are set up, but StopFailure, by which an agent's failure is heard of, is not registered");
}

static int check_registration(struct doctor *d)
{
	int r = registration_load(&d->registration);

	if (r < 0)
		return r;
	for (size_t i = 0; i < REGISTRATION_FILES; i++)
		check_settings_file(d, &d->registration.files[i]);
	check_events(d);
	check_entries(d);
	check_approvals(d);
	check_alerts(d);
	return 0;
}

/* ---- is what we installed there? */

static int check_program_files(struct doctor *d)
{
	_cleanup_free_ char *lib = scripts_path(d->ctx->paths.lib_sh, "ccm.sh", "");

	if (!lib)
		return -ENOMEM;
	fine(d, "ccm-hook %s, '%s'", PACKAGE_VERSION, d->ctx->self);
	if (access(lib, R_OK) == 0)
		fine(d, "the shell library is '%s'", lib);
	else
		finding(d, "install ccm again, or set CCM_DATA_DIR to where its data is: automations that use it fail",
			"the shell library '%s' cannot be read: %s", lib, strerror(errno));
	return 0;
}

/* ---- is ~/.ccm ours, whole and private? */

struct kept {
	const char *path;
	mode_t must_not;             /* bits that others must not have */
	const char *chmod;
	bool dir, required;
};

static bool check_kept(struct doctor *d, const struct kept *k)
{
	struct stat st;

	if (stat(k->path, &st) < 0) {
		if (errno == ENOENT && !k->required)
			return true;
		finding(d, "run 'ccm-hook init'", "'%s': %s", k->path, strerror(errno));
		return false;
	}
	if (k->dir && !S_ISDIR(st.st_mode)) {
		finding(d, "move it away and run 'ccm-hook init'", "'%s' is not a directory", k->path);
		return false;
	}
	if (st.st_uid != geteuid()) {
		finding(d, REMEDY("chown it, or set CCM_HOME to a directory of your own"),
			"'%s' belongs to another user (uid %u)", k->path, (unsigned)st.st_uid);
		return false;
	}
	if (st.st_mode & k->must_not) {
		finding(d, REMEDY("run: chmod %s '%s'", k->chmod, k->path), "others have access to '%s' (mode %04o)", k->path,
			(unsigned)st.st_mode & 07777);
		return false;
	}
	if (access(k->path, k->dir ? R_OK | W_OK | X_OK : R_OK | W_OK) < 0) {
		finding(d, REMEDY("run: chmod u+rw%s '%s'", k->dir ? "x" : "", k->path), "'%s' cannot be written: %s",
			k->path, strerror(errno));
		return false;
	}
	return true;
}

static void check_config(struct doctor *d)
{
	const char *p = ccm_sbuf_str(&d->ctx->settings.problems);

	for (; *p; p += strcspn(p, "\n"), p += *p == '\n')
		finding(d, "correct the line ('ccm-hook config --sample' explains every key)", "%.*s", (int)strcspn(p, "\n"), p);
}

static void check_space(struct doctor *d)
{
	struct statvfs fs;
	char size[32];
	int64_t left;

	if (statvfs(d->ctx->paths.home, &fs) < 0)
		return;
	left = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	if (left < FREE_MIN_BYTES)
		finding(d, "make room: without it, events are lost", "only %s are free in '%s'", ccm_size_format(left, size),
			d->ctx->paths.home);
	else
		fine(d, "%s are free", ccm_size_format(left, size));
}

static int check_home(struct doctor *d)
{
	const struct ccm_paths *p = &d->ctx->paths;
	const struct kept things[] = {
		{ p->home, 077, "700", true, true },
		{ p->enabled, 022, "go-w", true, true },
		{ p->available, 022, "go-w", true, true },
		{ p->spool, 022, "go-w", true, true },
		{ p->config, 022, "go-w", false, false },
		{ p->db, 077, "600", false, false },
		{ p->state, 077, "600", false, false },
	};
	bool whole = !p->problem;

	if (p->problem)
		finding(d, "until then no automation runs, and events wait in the spool", "%s", p->problem);
	for (size_t i = 0; i < ARRAY_SIZE(things); i++) {
		whole = check_kept(d, &things[i]) && whole;
		/* Without it there is nothing to say of the rest. */
		if (i == 0 && access(p->home, F_OK) < 0)
			return 0;
	}
	if (whole)
		fine(d, "'%s' is yours and private", p->home);
	check_config(d);
	check_space(d);
	return 0;
}

/* ---- the database */

static const char *db_remedy(const struct doctor *d, int error)
{
	switch (error) {
	case -CCM_E_NEWER:
		return "install the newer ccm again; until then events go to the spool and nothing is lost";
	case -CCM_E_BUSY:
		return "find out what holds it (fuser on the file); until then events go to the spool";
	case -CCM_E_SQL:
		return "run 'ccm-hook init'";
	}
	return ccm_db_is_damage(error) ? "nothing: the next event sets it aside under a dated name and begins a new one"
				       : d->ctx->paths.db;
}

static int64_t file_bytes(const char *path, const char *suffix)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	struct stat st;

	ccm_sbuf_addf(&name, "%s%s", path, suffix);
	return stat(ccm_sbuf_str(&name), &st) == 0 ? (int64_t)st.st_size : 0;
}

static int tell_events(struct doctor *d)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t events, sessions, bytes = file_bytes(d->ctx->paths.db, "") + file_bytes(d->ctx->paths.db, "-wal");
	char size[32], ago[32];
	int r;

	r = ccm_db_query(d->ctx->db, Q_DOCTOR_EVENTS, NULL, &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	events = ccm_rows_int(&rows, "events");
	sessions = ccm_rows_int(&rows, "sessions");
	fine(d, "%lld event%s of %lld session%s in %s, schema %d", (long long)events, plural(events), (long long)sessions,
	     plural(sessions), ccm_size_format(bytes, size), ccm_db_version(CCM_DB_MAIN));
	if (events)
		fine(d, "the last event came %s", ago_text(ccm_rows_int(&rows, "last_ms"), ago));
	else
		fine(d, "no event was recorded yet");
	return 0;
}

static int check_unfinished(struct doctor *d)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t now_ms = ccm_now_ms(), count;
	int r;

	r = ccm_db_query(d->ctx->db, Q_DOCTOR_UNFINISHED,
			 DB_ARGS(DB_INT("since_ms", now_ms - UNFINISHED_WITHIN_MS),
				 DB_INT("until_ms", now_ms - UNFINISHED_AFTER_MS - approval_registered_s(&d->ctx->settings) * 1000LL)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	count = ccm_rows_int(&rows, "count");
	if (count)
		finding(d, REMEDY("'ccm-hook show %lld' tells what is known of the last one; ccm-hook was killed, or crashed",
				  (long long)ccm_rows_int(&rows, "id")),
			"%lld event%s of the last 7 days never finished", (long long)count, plural(count));
	return 0;
}

#define SAVE_STATE "save what can be read (sqlite3 '%s' .recover | sqlite3 saved.db), then move it and its -wal away"

static int check_state(struct doctor *d)
{
	const char *path = d->ctx->paths.state;
	int64_t bytes = file_bytes(path, "") + file_bytes(path, "-wal");
	char found[512], size[32];
	int r = ccm_db_check(d->ctx->db, CCM_DB_STATE, found, sizeof found);

	if (r == 0 && strcmp(found, "ok") == 0) {
		if (bytes)
			fine(d, "%s in '%s', schema %d", ccm_size_format(bytes, size), path, ccm_db_version(CCM_DB_STATE));
		return 0;
	}
	if (r == 0)
		finding(d, REMEDY(SAVE_STATE, path), "'%s' is damaged: %s", path, found);
	else if (ccm_db_is_damage(r))
		finding(d, REMEDY(SAVE_STATE, path), "%s", found);
	else
		finding(d, r == -CCM_E_NEWER ? "install the newer ccm again" : r == -CCM_E_SQL ? "run 'ccm-hook init'" :
			"events are recorded all the same; what automations remember, alerts and quotas are not", "%s", found);
	return r == -ENOMEM ? r : 0;
}

static int check_contents(struct doctor *d)
{
	char found[512];
	int r = ccm_db_check(d->ctx->db, CCM_DB_MAIN, found, sizeof found);

	if (r < 0 || strcmp(found, "ok") != 0) {
		finding(d, REMEDY("save what can be read: sqlite3 '%s' .recover | sqlite3 saved.db", d->ctx->paths.db),
			"the database is damaged: %s", found);
		return 0;
	}
	r = tell_events(d);
	if (r == 0)
		r = check_state(d);
	return r < 0 ? r : check_unfinished(d);
}

static int check_db(struct doctor *d)
{
	struct ctx *ctx = d->ctx;
	int64_t wal = file_bytes(ctx->paths.db, "-wal");
	struct ccm_diag diag = { 0 };
	char size[32];
	int r;

	if (ctx->paths.problem)
		return 0;
	r = ccm_db_open(ctx->paths.db, CCM_DB_READ, (int)ctx->settings.busy_timeout_ms, &ctx->db, &diag);
	if (r == -ENOMEM)
		return r;
	if (r == -ENOENT) {
		finding(d, "run 'ccm-hook init'", "there is no database yet ('%s')", ctx->paths.db);
		return 0;
	}
	if (r < 0) {
		finding(d, db_remedy(d, r), "%s", ccm_diag_text(&diag, r));
		return 0;
	}
	r = check_contents(d);
	if (r < 0 && r != -ENOMEM) {
		finding(d, db_remedy(d, r), "the database cannot be read: %s", ccm_db_words(ctx->db));
		r = 0;
	}
	if (file_bytes(ctx->paths.state, "-wal") > wal)
		wal = file_bytes(ctx->paths.state, "-wal");
	if (wal > WAL_MAX_BYTES)
		finding(d, "run 'ccm-hook tidy'; if it stays so, another program holds the database open",
			"the write-ahead log has grown to %s", ccm_size_format(wal, size));
	return r;
}

/* What lies beside the database: damaged ones that were set aside, and copies from before a change of schema. */
static int check_leftovers(struct doctor *d)
{
	const struct ccm_paths *p = &d->ctx->paths;
	const char *const names[] = { strrchr(p->db, '/') + 1, strrchr(p->state, '/') + 1 };
	_cleanup_closedir_ DIR *dir = opendir(p->home);
	struct dirent *e;
	char size[32];

	while (dir && (e = readdir(dir))) {
		bool first = strncmp(e->d_name, names[0], strlen(names[0])) == 0;
		const char *name = names[!first], *rest = e->d_name + strlen(name);
		_cleanup_free_ char *path = NULL;

		if (strncmp(e->d_name, name, strlen(name)) != 0)
			continue;
		path = scripts_path(p->home, e->d_name, "");
		if (!path)
			return -ENOMEM;
		if (strncmp(rest, ".damaged-", 9) == 0 && !strstr(rest, "-wal") && !strstr(rest, "-shm"))
			finding(d, REMEDY("save what can be read (sqlite3 '%s' .recover | sqlite3 saved.db), then delete it", path),
				"a damaged database was set aside: '%s', %s", path, ccm_size_format(file_bytes(path, ""), size));
		else if (rest[0] == '.' && rest[1] == 'v' && rest[2] >= '0' && rest[2] <= '9')
			fine(d, "a copy from before the schema changed: '%s', %s; delete it when you like", path,
			     ccm_size_format(file_bytes(path, ""), size));
	}
	return 0;
}

static int check_spool(struct doctor *d)
{
	const char *spool = d->ctx->paths.spool;
	int64_t oldest_ms;
	char ago[32];
	int bad, count = ccm_spool_count(&d->ctx->paths, &oldest_ms, &bad);

	if (count < 0)
		return 0;            /* said already: the folder is not as it must be */
	if (count && ccm_now_ms() - oldest_ms > SPOOLED_AFTER_MS)
		finding(d, "run 'ccm-hook tidy', which takes them in or says why it cannot",
			"%d event%s in the spool, the oldest from %s", count, count == 1 ? " waits" : "s wait",
			ago_text(oldest_ms, ago));
	else if (count)
		fine(d, "%d event%s in the spool for the next one to take in", count, count == 1 ? " waits" : "s wait");
	else
		fine(d, "the spool is empty");
	if (bad)
		finding(d, "look at them, then delete them", "%d file%s in '%s' could not be taken in (*.bad)", bad,
			plural(bad), spool);
	return 0;
}

static int check_storage(struct doctor *d)
{
	int r = check_db(d);

	if (r == 0)
		r = check_leftovers(d);
	return r == 0 ? check_spool(d) : r;
}

/* ---- the automations */

static void check_names(struct doctor *d)
{
	const struct ccm_automations *list = &d->scripts.enabled;

	for (size_t i = 0; i < list->count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(list->items[i].name, list->items[k].name) == 0)
				finding(d, REMEDY("run 'ccm-hook disable %s' or 'ccm-hook disable %s'", list->items[k].entry,
						  list->items[i].entry),
					"two enabled automations are named '%s'; what they remember is mixed", list->items[i].name);
}

/* An event that does not reach us makes an automation silent. */
static void check_awaited(struct doctor *d, const struct ccm_automation *a)
{
	const char *at = a->manifest.events;
	char event[REGISTRATION_EVENT_MAX];

	while (registration_next_missing(&d->registration, &at, event))
		finding(d, REMEDY("run 'ccm-hook install --events=%s'", event), "%s waits for %s, which is not registered",
			a->entry, event);
}

/* Settings whose script is gone, or was given another number, do nothing. */
static int check_orphans(struct doctor *d)
{
	const char *enabled = d->ctx->paths.enabled;
	_cleanup_closedir_ DIR *dir = opendir(enabled);
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		_cleanup_free_ char *script = NULL;
		size_t bytes = strlen(e->d_name);
		struct stat st;

		if (e->d_name[0] == '.' || bytes <= 4 || strcmp(e->d_name + bytes - 4, ".ini") != 0)
			continue;
		script = scripts_path(enabled, e->d_name, "");
		if (!script)
			return -ENOMEM;
		script[strlen(script) - 4] = '\0';
		if (lstat(script, &st) < 0)
			finding(d, "rename it to its script's name, or delete it", "'%s/%s' belongs to no automation", enabled,
				e->d_name);
	}
	return 0;
}

/* ---- security-guard, if it is enabled */

static bool in_path(const char *name)
{
	const char *p = getenv("PATH");
	char file[PATH_MAX];

	for (; p && *p; p += strcspn(p, ":"), p += *p == ':')
		if (snprintf(file, sizeof file, "%.*s/%s", (int)strcspn(p, ":"), p, name) < (int)sizeof file && access(file, X_OK) == 0)
			return true;
	return false;
}

/* Its program says what is wrong with rules and settings, a line each on stderr. */
static int check_rules(struct doctor *d, const char *guard)
{
	const char *const argv[] = { "ccm-guard", "rules", "--check", NULL };
	struct ccm_proc_result result = { 0 };
	int r = ccm_proc_run_all(&(struct ccm_proc_spec){ .path = guard, .argv = argv, .envp = (const char *const *)environ,
							  .output_max_bytes = 65536, .timeout_ms = GUARD_TIMEOUT_MS }, 1, &result);

	if (r < 0)
		return r;
	for (const char *p = ccm_sbuf_str(&result.err); *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *words = strncmp(p, "ccm-guard: warning: ", 20) == 0 ? p + 20 : p;

		finding(d, "correct the line: until then it is left out, the rest holds ('man 7 ccm-guard')", "%.*s",
			(int)strcspn(words, "\n"), words);
	}
	if (result.error || (result.exit_status != 0 && !result.err.bytes))
		finding(d, "install ccm again: until then security-guard refuses every call", "'%s' cannot be run", guard);
	else if (result.exit_status == 0)
		fine(d, "security-guard has rules without a mistake");
	ccm_proc_result_done(&result);
	return 0;
}

static int check_guard(struct doctor *d)
{
	const struct ccm_automations *list = &d->scripts.enabled;
	_cleanup_free_ char *guard = scripts_path(d->ctx->paths.libexec, "ccm-guard", "");

	if (!guard)
		return -ENOMEM;
	if (!scripts_find(list, "security-guard", NULL))
		return 0;
	if (!in_path("shfmt"))
		finding(d, "install it (Debian: apt install shfmt)",
			"shfmt is missing: security-guard asks about every command that is more than plain words");
	if (access(guard, X_OK) == 0)
		return check_rules(d, guard);
	finding(d, "install ccm again: until then security-guard refuses every call", "'%s' is missing", guard);
	return 0;
}

static int check_automations(struct doctor *d)
{
	const struct ccm_automations *list;
	size_t broken = 0;
	int r = scripts_load(&d->ctx->paths, &d->scripts);

	if (r < 0)
		return r;
	list = &d->scripts.enabled;
	if (list->problem)
		finding(d, "make it a directory that only you can write", "%s", list->problem);
	for (size_t i = 0; i < list->count; i++) {
		const struct ccm_automation *a = &list->items[i];

		if (a->problem) {
			broken++;
			finding(d, REMEDY("then 'ccm-hook test %s' tries it", a->entry), "%s does not run%s: %s", a->name,
				a->manifest.closed ? ", and so refuses what it guards" : "", a->problem);
		} else {
			check_awaited(d, a);
		}
	}
	check_names(d);
	if (!list->count)
		fine(d, "none is enabled ('ccm-hook list' shows what there is)");
	else if (!broken)
		fine(d, "%zu enabled, and every one can run", list->count);
	r = check_guard(d);
	return r < 0 ? r : check_orphans(d);
}

/* ---- alerts ---- */

/* A rule that sends what it matches nowhere, because nobody has set the channel up. */
static int check_alert_rules(struct doctor *d, unsigned set_up)
{
	const struct ccm_setting_list *list = &d->ctx->settings.alert_rules;

	for (size_t i = 0; i < list->count; i++) {
		struct ccm_alert_rule rule;
		int r = ccm_alert_rule_parse(list->items[i].text, &rule, NULL);

		if (r < 0)
			return r == -ENOMEM ? r : 0;
		for (unsigned c = 0; c < CCM_CHANNELS; c++) {
			unsigned bit = 1U << c, named = (rule.now | rule.digest) & bit;

			/* All of them means all that there are; a desktop may be there at other times. */
			if (named && !(set_up & bit) && (rule.now | rule.digest) != CCM_ALERT_ALL_CHANNELS && c != CCM_DESKTOP)
				finding(d, "set it up, see ccm-alerts(7), or take it out of the rule",
					"'%s', line %d: 'rule' names %s, which is not set up", d->ctx->paths.config, list->items[i].line,
					ccm_channel_name((enum ccm_channel)c));
		}
		ccm_alert_rule_done(&rule);
	}
	return 0;
}

static int check_outlets(struct doctor *d)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	/* What is wrong with the database has been told. */
	if (!d->ctx->db || ccm_db_open_state(d->ctx->db) < 0)
		return 0;
	r = ccm_db_query(d->ctx->db, Q_OUTLET_TROUBLE, DB_ARGS(
		DB_INT("since_ms", ccm_now_ms() - DEAD_DAYS * DAY_MS), DB_INT("unseen", 1)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		const char *channel = ccm_rows_text(&rows, "channel"), *problem = ccm_rows_text(&rows, "problem");
		int64_t dead = ccm_rows_int(&rows, "dead"), failures = ccm_rows_int(&rows, "failures");
		int number = ccm_channel_find(channel);
		_cleanup_sbuf_ struct ccm_sbuf remedy = { 0 };

		ccm_sbuf_addf(&remedy, "correct it, 'ccm-supervisor alerts test %s' shows whether it works, and 'ccm-supervisor alerts retry "
			      "--all' sends them again", channel);
		if (dead)
			finding(d, ccm_sbuf_str(&remedy), "%lld alert%s could not be delivered by %s%s%s", (long long)dead, plural((int)dead),
				channel, problem ? ": " : "", problem ? problem : "");
		else if (failures >= FAILURES_MANY && number >= 0 && ccm_channel_is_set_up(&d->ctx->settings, (enum ccm_channel)number))
			finding(d, "it is tried again and again; 'ccm-supervisor alerts test' shows whether it works",
				"%s takes no alerts: %s", channel, problem ? problem : "it is not known why");
	}
	return r == -ENOMEM ? r : 0;
}

/* It alone needs the libraries of desktops: where one of them is gone, nothing is sent anywhere. */
static int check_deliver(struct doctor *d)
{
	_cleanup_free_ char *deliver = scripts_path(d->ctx->paths.libexec, "ccm-deliver", "");
	const char *const argv[] = { "ccm-deliver", "--version", NULL };
	struct ccm_proc_result result = { 0 };
	const char *words;
	int r;

	if (!deliver)
		return -ENOMEM;
	r = ccm_proc_run_all(&(struct ccm_proc_spec){ .path = deliver, .argv = argv, .envp = (const char *const *)environ,
						      .output_max_bytes = 4096, .timeout_ms = DELIVER_TIMEOUT_MS }, 1, &result);
	if (r < 0)
		return r;
	words = result.error ? ccm_strerror(result.error) : result.timed_out ? "it did not end" : ccm_sbuf_str(&result.err);
	if (result.error || result.exit_status != 0)
		finding(d, "install ccm again, or what it says is missing: until then no alert reaches you",
			"'%s' cannot be run: %.*s", deliver, (int)strcspn(words, "\n"), words);
	ccm_proc_result_done(&result);
	return 0;
}

static int check_channels(struct doctor *d)
{
	unsigned set_up = ccm_channels_set_up(&d->ctx->settings);
	_cleanup_sbuf_ struct ccm_sbuf names = { 0 };
	int r;

	for (unsigned c = 0; c < CCM_CHANNELS; c++)
		if (set_up >> c & 1)
			ccm_sbuf_addf(&names, "%s%s", names.bytes ? ", " : "", ccm_channel_name((enum ccm_channel)c));
	if (names.bytes)
		fine(d, "alerts go to: %s", names.text);
	else
		fine(d, "no channel is set up for alerts; ccm-alerts(7) tells how");
	if (ccm_daemon_config_is_old(&d->ctx->paths))
		finding(d, "run 'ccm-supervisor reload'", "the daemon, which sends alerts, goes by an older config.ini");
	r = set_up ? check_deliver(d) : 0;
	if (r == 0)
		r = check_alert_rules(d, set_up);
	return r < 0 ? r : check_outlets(d);
}

static const struct area {
	const char *name;
	int (*check)(struct doctor *d);
} areas[] = {
	{ "Program", check_program_files },
	{ "Registration", check_registration },
	{ "Home", check_home },
	{ "Storage", check_storage },
	{ "Automations", check_automations },
	{ "Alerts", check_channels },
};

int cmd_doctor(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_(doctor_done) struct doctor d = { .ctx = ctx, .colour = ccm_term_colour(STDOUT_FILENO) };
	const struct ccm_opt opts[] = {
		OPT_FLAG("json", 0, &d.json, "print one JSON object per line"),
		OPT_END
	};
	int r = 0;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	for (size_t i = 0; i < ARRAY_SIZE(areas) && r == 0; i++) {
		d.area = areas[i].name;
		r = areas[i].check(&d);
	}
	if (r < 0)
		return r;
	if (!d.json && d.findings)
		ccm_sbuf_addf(&d.out, "\n%d finding%s.\n", d.findings, plural(d.findings));
	else if (!d.json)
		ccm_sbuf_adds(&d.out, "\nAll is well.\n");
	r = print_out(&d.out);
	return r < 0 ? r : d.findings ? CCM_EXIT_FAILURE : CCM_EXIT_OK;
}
