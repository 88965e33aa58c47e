/* SPDX-License-Identifier: MIT */
/* Enabling is a link in automations/enabled, and a file of settings beside it where options were
 * given. Everything is checked before anything is changed, and the steps are ordered so that at no
 * moment an automation runs without the settings that belong to it. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "ctx.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "registration.h"
#include "scripts.h"

#define INI_MAX_BYTES 65536
#define SETTING_COUNT 4

/* An option that becomes a line of NAME.ini. */
struct setting {
	enum ccm_manifest_key key;
	const char *value;           /* NULL: not given */
};

struct request {
	struct ctx *ctx;
	const char *what;            /* NAME or PATH */
	int64_t order;               /* -1: not given */
	struct setting settings[SETTING_COUNT];
};

/* Where the settings in force now were found. */
enum found {
	FOUND_NONE,
	FOUND_ENABLED,               /* in enabled/ */
	FOUND_BESIDE,                /* beside the script that the link leads to */
	FOUND_KEPT,                  /* in available/, where `disable` had put them */
};

struct plan {
	char *source;                /* what the link leads to */
	const struct ccm_automation *old;    /* enabled already; NULL: not yet */
	char *name, *entry, *path, *ini_path;
	enum found found;
	struct ccm_sbuf ini;         /* what is to be in NAME.ini */
	bool write_ini;
};

static void plan_done(struct plan *p)
{
	free(p->source);
	free(p->name);
	free(p->entry);
	free(p->path);
	free(p->ini_path);
	ccm_sbuf_done(&p->ini);
}

static int refuse(const char *format, ...) _printf_(1, 2);

static int refuse(const char *format, ...)
{
	char words[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	ccm_error("enable: %s", words);
	return -CCM_E_SAID;
}

static int find_path(const struct request *q, const struct scripts *s, struct plan *p)
{
	const char *file;
	int r = scripts_absolute("enable", q->what, &p->source), stage;
	size_t count;

	if (r < 0)
		return r;
	file = strrchr(p->source, '/') + 1;
	if (!scripts_name_ok("enable", file))
		return -CCM_E_SAID;
	p->old = scripts_enabled_as(s, p->source);
	p->name = strdup(p->old ? p->old->name : ccm_automation_name(file, &stage));
	if (p->name && !p->old && (scripts_find(&s->enabled, p->name, &count) || count))
		return refuse("another automation named '%s' is enabled: run 'ccm-hook disable %s' first", p->name,
			      p->name);
	return p->name ? 0 : -ENOMEM;
}

static int find_name(const struct request *q, const struct scripts *s, struct plan *p)
{
	const struct ccm_automation *found;
	size_t count;

	if (!scripts_name_ok("enable", q->what))
		return -CCM_E_SAID;
	p->old = scripts_find(&s->enabled, q->what, &count);
	if (count > 1)
		return refuse("%zu enabled automations are named '%s': disable one of them by its whole name (NN-%s)",
			      count, q->what, q->what);
	found = scripts_find(&s->own, q->what, &count);
	if (!found && !count)
		found = scripts_find(&s->stock, q->what, &count);
	if (!found && count)
		return refuse("%zu available automations are named '%s': give the path of one of them", count, q->what);
	if (!found && !p->old && access(q->what, F_OK) == 0)
		return refuse("no automation is named '%s'; for the file in this directory write './%s'", q->what, q->what);
	if (!found && !p->old)
		return refuse("no automation is named '%s' (see 'ccm-hook list', or give the path of a file)", q->what);
	if (found && p->old && !scripts_same_file(found->path, p->old->path)) {
		struct stat st;

		/* A file of its own in enabled/ hides what has its name elsewhere; a link must not be taken for it. */
		if (lstat(p->old->path, &st) == 0 && S_ISLNK(st.st_mode))
			return refuse("'%s' is enabled from another file than '%s': run 'ccm-hook disable %s' first",
				      q->what, found->path, q->what);
	}
	p->source = strdup(found && !p->old ? found->path : p->old->path);
	p->name = strdup(found && !p->old ? found->name : p->old->name);
	return p->source && p->name ? 0 : -ENOMEM;
}

/* The stage that the plan's entry will have. */
static int64_t choose_order(const struct request *q, const struct plan *p)
{
	int stage;

	if (q->order >= 0)
		return q->order;
	if (p->old)
		return p->old->stage;
	ccm_automation_name(strrchr(p->source, '/') + 1, &stage);
	return stage;
}

static int name_entry(const struct request *q, struct plan *p)
{
	struct ccm_sbuf entry = { 0 };

	if (p->old && q->order < 0)
		ccm_sbuf_adds(&entry, p->old->entry);
	else
		ccm_sbuf_addf(&entry, "%02d-%s", (int)choose_order(q, p), p->name);
	p->entry = ccm_sbuf_take(&entry);
	if (!p->entry)
		return -ENOMEM;
	p->path = scripts_path(q->ctx->paths.enabled, p->entry, "");
	p->ini_path = scripts_path(q->ctx->paths.enabled, p->entry, ".ini");
	return p->path && p->ini_path ? 0 : -ENOMEM;
}

static bool is_moved(const struct plan *p)
{
	return p->old && strcmp(p->old->entry, p->entry) != 0;
}

/* Appends the file at path; false if there is none. */
static int read_ini(const char *path, struct ccm_sbuf *text)
{
	int r = ccm_read_regular(path, INI_MAX_BYTES, text);

	return r < 0 && r != -ENOENT ? refuse("cannot read '%s': %s", path, ccm_strerror(r)) : r;
}

/* As the loader does it: those beside the script count only while enabled/ has none. */
static int read_settings(const struct request *q, struct plan *p, struct ccm_sbuf *text)
{
	_cleanup_free_ char *file = realpath(p->source, NULL);
	_cleanup_free_ char *beside = scripts_path("", file ? file + 1 : p->source + 1, ".ini");
	_cleanup_free_ char *own = scripts_path(q->ctx->paths.available, p->name, "");
	_cleanup_free_ char *kept = scripts_path(q->ctx->paths.available, p->name, ".ini");
	_cleanup_free_ char *enabled = scripts_path(q->ctx->paths.enabled, p->old ? p->old->entry : p->entry, ".ini");
	int r;

	if (!beside || !own || !kept || !enabled)
		return -ENOMEM;
	p->found = FOUND_ENABLED;
	r = read_ini(enabled, text);
	if (r == -ENOENT) {
		p->found = FOUND_BESIDE;
		r = read_ini(beside, text);
	}
	/* With a script of that name beside it, the file is that script's. */
	if (r == -ENOENT && !p->old && access(own, F_OK) < 0) {
		p->found = FOUND_KEPT;
		r = read_ini(kept, text);
	}
	if (r == -ENOENT)
		p->found = FOUND_NONE;
	return r == -ENOENT ? 0 : r;
}

/* The setting that this line of an ini file sets; NULL: none of those given. */
static struct setting *line_sets(struct request *q, const char *line, size_t bytes)
{
	size_t word;

	while (bytes && (*line == ' ' || *line == '\t')) {
		line++;
		bytes--;
	}
	for (word = 0; word < bytes && line[word] != '=' && line[word] != ':'; word++)
		;
	if (word == bytes)
		return NULL;
	while (word && (line[word - 1] == ' ' || line[word - 1] == '\t'))
		word--;
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const char *name = ccm_manifest_key_name(q->settings[i].key);

		if (q->settings[i].value && strlen(name) == word && strncasecmp(name, line, word) == 0)
			return &q->settings[i];
	}
	return NULL;
}

static void add_setting(struct ccm_sbuf *out, const struct setting *s)
{
	ccm_sbuf_addf(out, "%s = %s\n", ccm_manifest_key_name(s->key), s->value);
}

/* The old text with the given settings in it; other lines and comments stay. */
static void merge_settings(struct request *q, const char *old, struct ccm_sbuf *out)
{
	bool done[SETTING_COUNT] = { false };
	size_t bytes;

	for (const char *line = old; *line; line += bytes) {
		struct setting *s;

		bytes = strcspn(line, "\n");
		s = line_sets(q, line, bytes);
		if (!s) {
			ccm_sbuf_add(out, line, bytes);
			ccm_sbuf_addc(out, '\n');
		} else if (!done[s - q->settings]) {
			done[s - q->settings] = true;
			add_setting(out, s);
		}
		bytes += line[bytes] == '\n';
	}
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (q->settings[i].value && !done[i])
			add_setting(out, &q->settings[i]);
}

static const char *text_of(const struct ccm_manifest *m, enum ccm_manifest_key key)
{
	return key == CCM_KEY_MATCH ? m->match : key == CCM_KEY_EVENT ? m->events : NULL;
}

/* What an ini file cannot carry (a ; behind a blank, a long line) must not arrive as something else. */
static int check_settings(const struct request *q, const struct plan *p, struct ccm_manifest *ret)
{
	_cleanup_(ccm_manifest_done) struct ccm_manifest m = { 0 };
	struct ccm_diag diag = { 0 };

	if (ccm_manifest_parse_ini(p->ini_path, ccm_sbuf_str(&p->ini), &m, &diag) < 0)
		return refuse("%s", diag.text);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *s = &q->settings[i];
		const char *is = text_of(&m, s->key), *should = text_of(ret, s->key);

		if (s->value && should && (!is || strcmp(is, should) != 0))
			return refuse("'%s' cannot stand in an ini file; write it into the header of the script", s->value);
	}
	return 0;
}

static int plan_settings(struct request *q, struct plan *p, struct ccm_manifest *given)
{
	_cleanup_sbuf_ struct ccm_sbuf old = { 0 };
	bool any = false;
	int r = read_settings(q, p, &old);

	if (r < 0)
		return r;
	for (size_t i = 0; i < SETTING_COUNT; i++)
		any = any || q->settings[i].value;
	if (!any && p->found != FOUND_KEPT && !(p->found == FOUND_ENABLED && is_moved(p)))
		return 0;
	merge_settings(q, ccm_sbuf_str(&old), &p->ini);
	if (ccm_sbuf_error(&p->ini))
		return -ENOMEM;
	p->write_ini = p->ini.bytes;
	return check_settings(q, p, given);
}

/* Everything that would keep it from being run is said now, not at the next event. */
static int check_source(const struct plan *p, struct ccm_automation *loaded)
{
	int r = ccm_automation_load(p->source, loaded);

	if (r < 0)
		return r;
	return loaded->problem ? refuse("%s", loaded->problem) : 0;
}

static int check_free(const struct plan *p)
{
	struct stat st;

	if (p->old && !is_moved(p))
		return 0;
	if (lstat(p->path, &st) == 0)
		return refuse("'%s' is in the way: disable it first", p->path);
	return errno == ENOENT ? 0 : refuse("cannot look at '%s': %s", p->path, strerror(errno));
}

static int move_entry(const struct request *q, const struct plan *p)
{
	_cleanup_free_ char *old_ini = scripts_path(q->ctx->paths.enabled, p->old->entry, ".ini");

	if (!old_ini)
		return -ENOMEM;
	if (rename(p->old->path, p->path) < 0)
		return refuse("cannot move '%s' to '%s': %s", p->old->path, p->path, strerror(errno));
	unlink(old_ini);
	return 0;
}

/* Settings that were written for a link which could not be made. */
static int undo_settings(const struct plan *p, int r)
{
	if (p->write_ini && p->found != FOUND_ENABLED)
		unlink(p->ini_path);
	return r;
}

static int carry_out(const struct request *q, const struct plan *p)
{
	_cleanup_free_ char *kept = scripts_path(q->ctx->paths.available, p->name, ".ini");
	struct ccm_diag diag = { 0 };
	int r = ccm_paths_create(&q->ctx->paths, &diag);

	if (r < 0)
		return refuse("%s", ccm_diag_text(&diag, r));
	if (!kept)
		return -ENOMEM;
	if (p->write_ini) {
		r = ccm_write_file(p->ini_path, p->ini.text, p->ini.bytes, 0600, false);
		if (r < 0)
			return refuse("cannot write '%s': %s", p->ini_path, ccm_strerror(r));
	}
	if (is_moved(p))
		return move_entry(q, p);
	if (p->old)
		return 0;
	if (symlink(p->source, p->path) < 0) {
		if (errno != EEXIST || !scripts_same_file(p->source, p->path))
			return undo_settings(p, refuse("cannot make the link '%s': %s", p->path, strerror(errno)));
	}
	if (p->found == FOUND_KEPT)
		unlink(kept);
	return 0;
}

/* An event that the client does not tell us of would make it silent. */
static int warn_of_events(const struct ccm_automation *a)
{
	_cleanup_registration_ struct registration registration = { 0 };
	const char *at = a->manifest.events;
	char event[REGISTRATION_EVENT_MAX];
	int r = registration_load(&registration);

	while (r == 0 && registration_next_missing(&registration, &at, event))
		ccm_warn("%s waits for %s, which is not registered: run 'ccm-hook install --events=%s'", a->name, event, event);
	return r;
}

/* What will happen from now on, in one line. */
static int report(const struct plan *p)
{
	_cleanup_(ccm_automation_done) struct ccm_automation now = { 0 };
	const char *match;
	int r = ccm_automation_load(p->path, &now);

	if (r < 0)
		return r;
	if (now.problem)
		return refuse("%s", now.problem);
	match = now.manifest.match && now.manifest.match[0] ? now.manifest.match : NULL;
	scripts_say("%s %s (order %02d), at %s%s%s",
		    p->old && !is_moved(p) && !p->write_ini ? "enabled already:" : "enabled", now.name, now.stage,
		    now.manifest.events ? now.manifest.events : "all events", match ? " for " : "", match ? match : "");
	if (p->found == FOUND_KEPT)
		scripts_say("with the settings that were kept when it was disabled: %s", p->ini_path);
	else if (p->found == FOUND_ENABLED && !p->old)
		scripts_say("with the settings that were there already: %s", p->ini_path);
	return warn_of_events(&now);
}

static int enable(struct request *q, struct ccm_manifest *given)
{
	_cleanup_scripts_ struct scripts scripts = { 0 };
	_cleanup_(plan_done) struct plan plan = { 0 };
	_cleanup_(ccm_automation_done) struct ccm_automation source = { 0 };
	int r = scripts_load(&q->ctx->paths, &scripts);

	if (r == 0)
		r = strchr(q->what, '/') ? find_path(q, &scripts, &plan) : find_name(q, &scripts, &plan);
	if (r == 0)
		r = check_source(&plan, &source);
	if (r == 0)
		r = name_entry(q, &plan);
	if (r == 0)
		r = check_free(&plan);
	if (r == 0)
		r = plan_settings(q, &plan, given);
	if (r == 0)
		r = carry_out(q, &plan);
	return r == 0 ? report(&plan) : r;
}

/* Several --event options, each with one or more names, as one value. */
static int join_events(const struct ccm_opt_list *events, struct ccm_sbuf *out)
{
	for (int i = 0; i < events->count; i++)
		ccm_sbuf_addf(out, "%s%s", i ? " " : "", events->items[i]);
	return ccm_sbuf_error(out);
}

static int check_options(const struct request *q, struct ccm_manifest *given)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *s = &q->settings[i];
		struct ccm_diag diag = { 0 };

		if (!s->value)
			continue;
		if (s->value[strcspn(s->value, "\n\r")])
			return ccm_opt_error(&q->ctx->usage, "'%s' must be one line", ccm_manifest_key_name(s->key));
		if (ccm_manifest_set(given, s->key, s->value, &diag) < 0)
			return ccm_opt_error(&q->ctx->usage, "%s", diag.text);
	}
	return 0;
}

int cmd_enable(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_opt_list_ struct ccm_opt_list events = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf event = { 0 };
	_cleanup_(ccm_manifest_done) struct ccm_manifest given = { 0 };
	struct request q = { .ctx = ctx, .order = -1, .settings = {
		{ CCM_KEY_EVENT, NULL }, { CCM_KEY_MATCH, NULL }, { CCM_KEY_TIMEOUT, NULL }, { CCM_KEY_ON_FAILURE, NULL },
	} };
	const struct ccm_opt opts[] = {
		OPT_INT   ("order", 'o', "NN", &q.order, 0, 99, "its place, from 00 to 99; equal numbers run together"),
		OPT_LIST  ("event", 'e', "EVENT", &events, "run at this event (may be given again), or at 'all'"),
		OPT_STR   ("match", 'm', "PATTERN", &q.settings[1].value, "run for these tools only, as the agent's matchers do"),
		OPT_STR   ("timeout", 't', "TIME", &q.settings[2].value, "end it after this time"),
		OPT_CHOICE("on-failure", 0, &q.settings[3].value, "open|closed", "closed: if it fails, the tool call is refused"),
		OPT_END
	};
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	q.what = argv[0];
	r = join_events(&events, &event);
	if (r < 0)
		return r;
	if (events.count)
		q.settings[0].value = ccm_sbuf_str(&event);
	r = check_options(&q, &given);
	return r < 0 ? r : enable(&q, &given);
}
