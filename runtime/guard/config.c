/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/trust.h"

_Static_assert((int)GUARD_OFF == (int)CCM_GUARD_OFF && (int)GUARD_WARN == (int)CCM_GUARD_WARN &&
	       (int)GUARD_ASK == (int)CCM_GUARD_ASK && (int)GUARD_DENY == (int)CCM_GUARD_DENY, "verdicts");
_Static_assert((int)GUARD_RELAXED == (int)CCM_GUARD_RELAXED && (int)GUARD_STANDARD == (int)CCM_GUARD_STANDARD &&
	       (int)GUARD_STRICT == (int)CCM_GUARD_STRICT, "profiles");

static void names_done(struct guard_names *n)
{
	free(n->names);
	ccm_sbuf_done(&n->words);
}

void guard_config_done(struct guard_config *c)
{
	ccm_settings_done(&c->settings);
	guard_rules_free(c->rules);
	names_done(&c->wrappers);
	names_done(&c->shared_branches);
	ccm_sbuf_done(&c->problems);
	*c = (struct guard_config){ 0 };
}

static void add_problems(struct guard_config *c, const struct ccm_settings *s)
{
	ccm_sbuf_add(&c->problems, ccm_sbuf_str(&s->problems), s->problems.bytes);
}

/* Groups first: what is said of a rule counts more than what is said of its group. */
static void say_all(struct guard_config *c, const char *file, const struct ccm_settings *s, bool tighten)
{
	static const char *const kinds[] = { "group.", "rule." };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (size_t i = 0; i < s->guard_says.count; i++) {
			const struct ccm_setting_item *item = &s->guard_says.items[i];

			if (strncmp(item->name, kinds[k], strlen(kinds[k])) != 0)
				continue;
			if (guard_rules_say(c->rules, item->name, (enum guard_verdict)item->number, tighten) == -ENOENT)
				ccm_sbuf_addf(&c->problems, "%s:%d: there is no %.*s '%s' ('ccm-guard rules' lists them)\n", file, item->line,
					      (int)strlen(kinds[k]) - 1, kinds[k], item->name + strlen(kinds[k]));
		}
	}
}

static void add_names(struct guard_names *n, const struct ccm_setting_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		ccm_sbuf_addf(&n->words, "%s ", list->items[i].text);
}

/* The names lie in words, a blank behind each; they become strings of their own. */
static int split_names(struct guard_names *n)
{
	size_t count = 0;

	for (const char *p = ccm_sbuf_str(&n->words); *p; p++)
		count += *p == ' ' || *p == ',' || *p == '\t';
	n->names = calloc(count + 1, sizeof *n->names);
	if (!n->names || ccm_sbuf_error(&n->words))
		return -ENOMEM;
	count = 0;
	for (char *p = n->words.text; p && *p;) {
		size_t bytes = strcspn(p, " \t,");

		if (bytes)
			n->names[count++] = p;
		p += bytes;
		while (*p == ' ' || *p == '\t' || *p == ',')
			*p++ = '\0';
	}
	return 0;
}

/* What a project wants and may not have. */
static void refuse(struct guard_config *c, const char *file, const char *key)
{
	ccm_sbuf_addf(&c->problems, "%s: '%s' in [guard] is not taken from a project, which can only make the guard stricter\n", file,
		      key);
}

static void tighten(struct guard_config *c, const char *file, const struct ccm_settings *p)
{
	struct ccm_settings *s = &c->settings;

	if (ccm_settings_has(p, "guard", "profile")) {
		if (p->guard_profile >= s->guard_profile)
			s->guard_profile = p->guard_profile;
		else
			refuse(c, file, "profile");
	}
	if (ccm_settings_has(p, "guard", "detour_limit")) {
		if (p->guard_detours && (!s->guard_detours || p->guard_detours <= s->guard_detours))
			s->guard_detours = p->guard_detours;
		else
			refuse(c, file, "detour_limit");
	}
	if (p->guard_allow_paths.count)
		refuse(c, file, "allow_paths");
	if (p->guard_allow_commands.count)
		refuse(c, file, "allow_commands");
	if (ccm_settings_has(p, "guard", "overrule"))
		refuse(c, file, "overrule");
}

/* Where it is remembered, and of which folder. False: out of memory. */
static bool remembered_paths(const struct ccm_paths *paths, struct ccm_sbuf *stock, struct ccm_sbuf *remembered)
{
	ccm_sbuf_addf(stock, "%s/security-guard.d", paths->stock);
	ccm_sbuf_addf(remembered, "%s/guard-rules.cache", paths->home);
	return !ccm_sbuf_error(stock) && !ccm_sbuf_error(remembered);
}

void guard_config_remember(const struct guard_config *c, const struct ccm_paths *paths)
{
	_cleanup_sbuf_ struct ccm_sbuf stock = { 0 }, remembered = { 0 };

	if (!c->recalled && !paths->problem && remembered_paths(paths, &stock, &remembered))
		guard_rules_remember(stock.text, remembered.text);
}

static int load_rules(struct guard_config *c, const struct ccm_paths *paths, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf stock = { 0 }, remembered = { 0 }, own = { 0 };
	struct ccm_diag untrusted = { 0 };
	struct stat st;
	int r;

	ccm_sbuf_addf(&own, "%s/guard.d", paths->home);
	c->rules = guard_rules_new();
	if (!c->rules || !remembered_paths(paths, &stock, &remembered) || ccm_sbuf_error(&own))
		return -ENOMEM;
	r = paths->problem ? guard_rules_read(c->rules, stock.text)
			   : guard_rules_recall(c->rules, stock.text, remembered.text);
	c->recalled = r > 0;
	r = r > 0 ? 0 : r;
	if (r == 0 && !guard_rules_count(c->rules))
		r = -ENOENT;
	if (r < 0)
		return ccm_diag_set(diag, r == -ENOMEM ? r : -ENOENT, "the rules in '%s' cannot be read (%s): install ccm again", stock.text,
				    ccm_strerror(r));
	if (paths->problem || (lstat(own.text, &st) < 0 && errno == ENOENT))
		return 0;
	r = ccm_trust_folder(own.text, &untrusted);
	if (r >= 0)
		r = guard_rules_read(c->rules, own.text);
	if (r < 0 && r != -ENOMEM)
		ccm_sbuf_addf(&c->problems, "%s: %s; its rules are left out\n", own.text,
			      r == -CCM_E_REFUSED ? ccm_diag_text(&untrusted, r) : ccm_strerror(r));
	return r == -ENOMEM ? r : 0;
}

int guard_config_load(const struct ccm_paths *paths, const char *project, struct guard_config *ret, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf file = { 0 };
	struct guard_config c = { 0 };
	struct ccm_settings p = { 0 };
	int r;

	r = load_rules(&c, paths, diag);
	if (r < 0) {
		guard_config_done(&c);
		return r;
	}
	if (paths->problem)
		ccm_settings_parse("", "", &c.settings);
	else
		ccm_settings_load(paths->config, &c.settings);
	add_names(&c.wrappers, &c.settings.guard_wrappers);
	add_names(&c.shared_branches, &c.settings.guard_shared_branches);
	say_all(&c, paths->config, &c.settings, false);
	if (project) {
		ccm_sbuf_addf(&file, "%s/.ccm/config.ini", strcmp(project, "/") == 0 ? "" : project);
		/* A session in the home directory has the person's own file there. */
		if (strcmp(ccm_sbuf_str(&file), paths->config) != 0) {
			ccm_settings_load(ccm_sbuf_str(&file), &p);
			add_problems(&c, &p);
			tighten(&c, ccm_sbuf_str(&file), &p);
			add_names(&c.wrappers, &p.guard_wrappers);
			add_names(&c.shared_branches, &p.guard_shared_branches);
		}
	}
	guard_rules_profile(c.rules, (enum guard_profile)c.settings.guard_profile);
	if (p.guard_says.count)
		say_all(&c, ccm_sbuf_str(&file), &p, true);
	ccm_settings_done(&p);
	r = split_names(&c.wrappers);
	if (r == 0)
		r = split_names(&c.shared_branches);
	if (r == 0 && (ccm_sbuf_error(&c.problems) || ccm_sbuf_error(&file)))
		r = -ENOMEM;
	if (r < 0)
		guard_config_done(&c);
	else
		*ret = c;
	return r;
}

void guard_config_problems(const struct guard_config *c, struct ccm_sbuf *out)
{
	ccm_sbuf_add(out, ccm_sbuf_str(&c->problems), c->problems.bytes);
	ccm_sbuf_adds(out, guard_rules_problems(c->rules));
}

int guard_config_check(struct guard_config *c, struct ccm_sbuf *out)
{
	int r = guard_rules_check(c->rules);

	if (r == 0)
		guard_config_problems(c, out);
	return r;
}
