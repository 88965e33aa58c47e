/* SPDX-License-Identifier: MIT */
#include "alert.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "macros.h"
#include "utf8.h"

#define FOLDER_MAX_BYTES 64

static const struct {
	const char *name;
	enum ccm_alert_level level;
} kinds[] = {
#define X(name, text, level) { text, level },
	CCM_ALERT_KINDS(X)
#undef X
};
static const char *const levels[] = { "info", "warning", "urgent", "off" };
static const char *const channels[] = { "desktop", "telegram", "slack", "webhook", "command" };
static const char *const fields[] = { "kind", "source", "event", "rule", "project" };

static int find(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -ENOENT;
}

const char *ccm_alert_kind_name(enum ccm_alert_kind kind)
{
	return kinds[kind].name;
}

int ccm_alert_kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

/* Of several lines the last counts. */
static const struct ccm_setting_item *find_kind(const struct ccm_settings *s, enum ccm_alert_kind kind)
{
	const struct ccm_setting_item *found = NULL;

	for (size_t i = 0; i < s->alert_kinds.count; i++)
		if (strcmp(s->alert_kinds.items[i].name + strlen("kind."), kinds[kind].name) == 0)
			found = &s->alert_kinds.items[i];
	return found;
}

bool ccm_alert_kind_is_set(const struct ccm_settings *s, enum ccm_alert_kind kind)
{
	return find_kind(s, kind) != NULL;
}

enum ccm_alert_level ccm_alert_kind_level(const struct ccm_settings *s, enum ccm_alert_kind kind)
{
	const struct ccm_setting_item *item = find_kind(s, kind);

	return item ? (enum ccm_alert_level)item->number : kinds[kind].level;
}

const char *ccm_alert_level_name(enum ccm_alert_level level)
{
	return levels[level];
}

int ccm_alert_level_find(const char *name)
{
	return find(levels, CCM_ALERT_OFF, name);
}

void ccm_alert_begin_title(struct ccm_sbuf *out, const char *project)
{
	size_t bytes = project ? strlen(project) : 0, from;

	while (bytes > 1 && project[bytes - 1] == '/')
		bytes--;
	for (from = bytes; from > 0 && project[from - 1] != '/'; from--)
		;
	if (from == bytes)
		return;
	bytes = from + ccm_utf8_cut(project + from, bytes - from, FOLDER_MAX_BYTES);
	ccm_sbuf_add(out, project + from, bytes - from);
	ccm_sbuf_adds(out, ": ");
}

const char *ccm_channel_name(enum ccm_channel channel)
{
	return channels[channel];
}

int ccm_channel_find(const char *name)
{
	return find(channels, ARRAY_SIZE(channels), name);
}

bool ccm_alert_waits(const char *notification_type)
{
	static const char *const types[] = { "permission_prompt", "idle_prompt", "elicitation_dialog", "elicitation_url_dialog",
					     "agent_needs_input" };

	return find(types, ARRAY_SIZE(types), notification_type) >= 0;
}

/* ---- channels ---- */

bool ccm_session_bus_is_there(void)
{
	const char *address = getenv("DBUS_SESSION_BUS_ADDRESS"), *runtime = getenv("XDG_RUNTIME_DIR");
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

	if (address && *address)
		return true;
	if (!runtime || !*runtime)
		return false;
	ccm_sbuf_addf(&path, "%s/bus", runtime);
	return access(ccm_sbuf_str(&path), F_OK) == 0;
}

bool ccm_channel_is_set_up(const struct ccm_settings *s, enum ccm_channel channel)
{
	switch (channel) {
	case CCM_DESKTOP:
		return s->desktop == CCM_DESKTOP_ON || (s->desktop == CCM_DESKTOP_AUTO && ccm_session_bus_is_there());
	case CCM_TELEGRAM:
		return s->telegram_token.count && s->telegram_chat.count;
	case CCM_SLACK:
		return s->slack_url.count;
	case CCM_WEBHOOK:
		return s->webhook_url.count;
	case CCM_COMMAND:
		return s->alert_command.count;
	case CCM_CHANNELS:
		break;
	}
	return false;
}

unsigned ccm_channels_set_up(const struct ccm_settings *s)
{
	unsigned bits = 0;

	for (unsigned c = 0; c < CCM_CHANNELS; c++)
		bits |= (unsigned)ccm_channel_is_set_up(s, (enum ccm_channel)c) << c;
	return bits;
}

/* ---- rules ---- */

static int take_level(struct ccm_alert_rule *rule, const char *word, struct ccm_diag *diag)
{
	bool least = word[0] == '>' && word[1] == '=';
	const char *name = word + (least ? 2 : 1);
	int level = least || word[0] == '=' ? ccm_alert_level_find(name) : -EINVAL;

	if (level < 0)
		return ccm_diag_set(diag, -EINVAL, "'level%s' is not level= or level>= and one of info, warning, urgent", word);
	if (rule->least != CCM_ALERT_INFO || rule->most != CCM_ALERT_URGENT)
		return ccm_diag_set(diag, -EINVAL, "level stands twice: all conditions must hold, and what else is to match is another rule");
	rule->least = (enum ccm_alert_level)level;
	if (!least)
		rule->most = (enum ccm_alert_level)level;
	return 0;
}

static int take_condition(struct ccm_alert_rule *rule, char *word, struct ccm_diag *diag)
{
	char *equals = strchr(word, '=');
	int field;

	if (strncmp(word, "level", 5) == 0 && (word[5] == '=' || word[5] == '>'))
		return take_level(rule, word + 5, diag);
	if (!equals || equals == word || !equals[1])
		return ccm_diag_set(diag, -EINVAL, "'%s' is no condition such as kind=guard-*", word);
	*equals = '\0';
	field = find(fields, ARRAY_SIZE(fields), word);
	if (field < 0)
		return ccm_diag_set(diag, -EINVAL, "'%s' is not one of level, kind, source, event, rule, project", word);
	if (field == CCM_ALERT_KIND && !equals[1 + strcspn(equals + 1, "*?[")] && ccm_alert_kind_find(equals + 1) < 0)
		return ccm_diag_set(diag, -EINVAL, "there is no kind '%s'", equals + 1);
	if (rule->patterns[field])
		return ccm_diag_set(diag, -EINVAL, "%s stands twice: all conditions must hold, and what else is to match is another rule",
				    word);
	rule->patterns[field] = equals + 1;
	return 0;
}

static int take_targets(struct ccm_alert_rule *rule, char *words, struct ccm_diag *diag)
{
	bool digest = false, none = false;
	size_t count = 0, named = 0;
	char *rest = NULL;

	for (char *w = strtok_r(words, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest), count++) {
		int channel = ccm_channel_find(w);

		if (strcmp(w, "digest") == 0) {
			if (digest)
				return ccm_diag_set(diag, -EINVAL, "digest stands twice");
			digest = true;
			named = 0;
		} else if (strcmp(w, "none") == 0) {
			none = true;
		} else if (strcmp(w, "all") == 0 || channel >= 0) {
			*(digest ? &rule->digest : &rule->now) |= channel >= 0 ? 1U << channel : CCM_ALERT_ALL_CHANNELS;
			named++;
		} else {
			return ccm_diag_set(diag, -EINVAL,
					    "'%s' is not one of desktop, telegram, slack, webhook, command, all, digest, none", w);
		}
	}
	if (count == 0)
		return ccm_diag_set(diag, -EINVAL, "nothing stands behind '->', such as desktop");
	if (none && count > 1)
		return ccm_diag_set(diag, -EINVAL, "none goes with nothing else");
	if (digest && !named)
		rule->digest = CCM_ALERT_ALL_CHANNELS & ~rule->now;
	return 0;
}

int ccm_alert_rule_parse(const char *text, struct ccm_alert_rule *ret, struct ccm_diag *diag)
{
	struct ccm_alert_rule rule = { .text = strdup(text), .least = CCM_ALERT_INFO, .most = CCM_ALERT_URGENT };
	char *arrow, *rest = NULL;
	int r = 0;

	if (!rule.text)
		return -ENOMEM;
	arrow = strstr(rule.text, "->");
	if (!arrow)
		r = ccm_diag_set(diag, -EINVAL, "'->' is missing, as in level>=warning -> desktop");
	else
		*arrow = '\0';
	for (char *w = r ? NULL : strtok_r(rule.text, " \t", &rest); r == 0 && w; w = strtok_r(NULL, " \t", &rest))
		r = take_condition(&rule, w, diag);
	if (r == 0)
		r = take_targets(&rule, arrow + 2, diag);
	if (r < 0) {
		ccm_alert_rule_done(&rule);
		return r;
	}
	*ret = rule;
	return 0;
}

void ccm_alert_rule_done(struct ccm_alert_rule *rule)
{
	free(rule->text);
	*rule = (struct ccm_alert_rule){ 0 };
}

bool ccm_alert_rule_match(const struct ccm_alert_rule *rule, enum ccm_alert_level level, const char *const values[CCM_ALERT_FIELDS])
{
	if (level < rule->least || level > rule->most)
		return false;
	for (size_t i = 0; i < CCM_ALERT_FIELDS; i++)
		if (rule->patterns[i] && fnmatch(rule->patterns[i], values[i] ? values[i] : "", 0) != 0)
			return false;
	return true;
}

/* ---- secrets ---- */

int ccm_reference_check(const char *text)
{
	const char *rest = strchr(text, ':'), *slash;

	if (!rest || !*++rest)
		return -EINVAL;
	if (strncmp(text, "env:", 4) == 0)
		return rest[strspn(rest, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] ? -EINVAL : 0;
	if (strncmp(text, "file:", 5) == 0)
		return (rest[0] == '/' || (rest[0] == '~' && rest[1] == '/')) && rest[1] ? 0 : -EINVAL;
	slash = strchr(rest, '/');
	return strncmp(text, "keyring:", 8) == 0 && slash && slash > rest && slash[1] ? 0 : -EINVAL;
}
