/* SPDX-License-Identifier: MIT */
#include "settings.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "alert.h"
#include "clock.h"
#include "hours.h"
#include "ini.h"
#include "io.h"

#define FILE_MAX_BYTES (1024 * 1024)

enum type {
	TYPE_SIZE, TYPE_DURATION, TYPE_COUNT, TYPE_CHOICE,
	TYPE_USD,                    /* dollars and cents; kept in millionths */
	TYPE_LIST,                   /* each line an item of text */
	TYPE_NAMED,                  /* NAME.*: each line a choice for what stands behind the dot */
	TYPE_KIND,                   /* likewise, where only a kind of alerts may stand there */
	TYPE_RULE,                   /* a list: rules of alert.h */
	TYPE_HOURS,                  /* a list: times of the day */
	TYPE_TEXT,                   /* a list of which the last counts */
	TYPE_SECRET,                 /* likewise: a reference */
	TYPE_URL,                    /* likewise: an address or a reference, as it may hold a secret */
};

static const struct key {
	const char *section, *name;
	enum type type;
	size_t offset;               /* in struct ccm_settings: of an int64_t, or of a list */
	const char *preset;          /* of a list: an example */
	const char *choices;         /* in the order of the enum */
	int64_t min, max;
	const char *help;
} keys[] = {
#define FIELD(f) offsetof(struct ccm_settings, f)
	{ "storage", "payload", TYPE_CHOICE, FIELD(payload), "full", "full|redacted|none", 0, 0,
	  "What is kept of each event's JSON: all of it, all but well-known forms of secrets, or nothing." },
	{ "storage", "max_text", TYPE_SIZE, FIELD(max_text_bytes), "4K", NULL, 0, 1LL << 30,
	  "Longest single text in an event's JSON that is kept whole, a longer one is cut, as are lists four times as long; "
	  "0 keeps all." },
	{ "storage", "max_event", TYPE_SIZE, FIELD(max_event_bytes), "32M", NULL, 1024, 1LL << 30,
	  "Longest event that is read whole; a longer one is cut there, marked, and still judged." },
	{ "storage", "busy_timeout", TYPE_DURATION, FIELD(busy_timeout_ms), "2s", NULL, 0, 30000,
	  "How long to wait for a locked database before the event goes to the spool." },
	{ "storage", "keep_open", TYPE_DURATION, FIELD(keep_open_ms), "1m", NULL, 0, 10 * 60 * 1000,
	  "How long after the last event 'ccm-hook tidy --stay', which hooks start when there is need, keeps the database open: that "
	  "makes hooks faster; 0: not at all." },
	{ "automations", "timeout", TYPE_DURATION, FIELD(timeout_ms), "10s", NULL, 1, 3600000,
	  "Deadline of an automation that sets none itself." },
	{ "automations", "max_output", TYPE_SIZE, FIELD(max_output_bytes), "1M", NULL, 1024, 1LL << 30,
	  "Longest output of an automation, per stream; what is longer is cut and, on stdout, counts as a failure." },
	{ "automations", "stored_output", TYPE_SIZE, FIELD(stored_output_bytes), "4K", NULL, 0, 1LL << 30,
	  "How much of an automation's output is kept in the log, per stream." },
	{ "retention", "max_age", TYPE_DURATION, FIELD(max_age_ms), "0", NULL, 0, 3653LL * 24 * 3600 * 1000,
	  "Events older than this are forgotten, as in 90d; 0 keeps them for ever." },
	{ "retention", "max_bytes", TYPE_SIZE, FIELD(max_bytes), "0", NULL, 0, 1LL << 50,
	  "The oldest events are forgotten while the database is larger, as in 2G; 0 sets no bound." },
	{ "checkpoint", "every", TYPE_COUNT, FIELD(checkpoint_every), "5", NULL, 1, 1000000,
	  "After so many tool calls that changed files git-checkpoint takes a checkpoint." },
	{ "checkpoint", "max_file", TYPE_SIZE, FIELD(checkpoint_max_file), "10M", NULL, 1, 1LL << 30,
	  "A longer file that has changed is left out of checkpoints." },
	{ "checkpoint", "max_files", TYPE_COUNT, FIELD(checkpoint_max_files), "20000", NULL, 1, 10000000,
	  "A folder with more files that git neither tracks nor ignores is left out of checkpoints." },
	{ "checkpoint", "keep_days", TYPE_COUNT, FIELD(checkpoint_keep_days), "30", NULL, 0, 36500,
	  "Checkpoints older than this are forgotten; 0 keeps them for ever." },
	{ "checkpoint", "keep_per_session", TYPE_COUNT, FIELD(checkpoint_keep_per_session), "200", NULL, 0, 1000000,
	  "How many of a session's newest checkpoints are kept; 0 keeps all." },
	{ "guard", "profile", TYPE_CHOICE, FIELD(guard_profile), "standard", "relaxed|standard|strict", 0, 0,
	  "Which rules of security-guard hold: relaxed only those against what cannot be undone, strict all." },
	{ "guard", "detour_limit", TYPE_COUNT, FIELD(guard_detours), "3", NULL, 0, 1000,
	  "So many refusals of differently spelled commands by one group of rules halt the session; 0 never does." },
	{ "guard", "overrule", TYPE_DURATION, FIELD(guard_overrule_ms), "10m", NULL, 1000, 24LL * 3600 * 1000,
	  "How long 'ccm-hook allow-once' lets a refused command run." },
	{ "guard", "wrappers", TYPE_LIST, FIELD(guard_wrappers), "rtk", NULL, 0, 0,
	  "Programs that run the command behind their own name; names with blanks between, on one line or several." },
	{ "guard", "shared_branches", TYPE_LIST, FIELD(guard_shared_branches), "qa/*", NULL, 0, 0,
	  "Branches that others work on, beside main, master, develop, release/* and the like; names with blanks between." },
	{ "guard", "allow_paths", TYPE_LIST, FIELD(guard_allow_paths), "~/scratch", NULL, 0, 0,
	  "A file or directory in which security-guard has no opinion; one a line, * and ? as in a shell." },
	{ "guard", "allow_commands", TYPE_LIST, FIELD(guard_allow_commands), "git push --force origin gh-pages", NULL, 0, 0,
	  "A command on which security-guard has no opinion, word by word; one a line, * and ? as in a shell." },
	{ "guard", "group.*", TYPE_NAMED, FIELD(guard_says), "deny", "off|warn|ask|deny", 0, 0,
	  "What security-guard says where a rule of that group matches, as in group.git; ccm-guard(7) names the groups." },
	{ "guard", "rule.*", TYPE_NAMED, FIELD(guard_says), "ask", "off|warn|ask|deny", 0, 0,
	  "The same for one rule, as in rule.git-reset-hard." },
	{ "statusline", "template", TYPE_LIST, FIELD(statusline_template), CCM_STATUSLINE_TEMPLATE, NULL, 0, 0,
	  "What 'ccm-hook statusline' prints: parts with | between; a part all of whose {names} are empty is left out." },
	{ "quota", "warning", TYPE_COUNT, FIELD(quota_warning), "50", NULL, 1, 1000,
	  "From this percentage of a rate limit on, its state is warning." },
	{ "quota", "critical", TYPE_COUNT, FIELD(quota_critical), "90", NULL, 1, 1000,
	  "From this percentage of a rate limit on, quota-pause holds work back until the limit starts anew." },
	{ "quota", "max_session_cost_usd", TYPE_USD, FIELD(max_session_cost_micros), "0", NULL, 0, 1000000LL * 1000000,
	  "quota-pause stops a session that has cost so many dollars; 0 never does." },
	{ "quota", "max_session_tokens", TYPE_COUNT, FIELD(max_session_tokens), "0", NULL, 0, 1LL << 53,
	  "The same for tokens of every kind, as the session's transcripts count them; 0 never does." },
	{ "quota", "token_limit", TYPE_COUNT, FIELD(token_limit), "0", NULL, 0, 1LL << 53,
	  "How many tokens your plan allows in five hours, for where the client does not tell how much is used; 0: not known." },
	{ "quota", "ccusage_command", TYPE_LIST, FIELD(ccusage_command), "npx ccusage@20", NULL, 0, 0,
	  "How ccusage is called, words with blanks between; not set, it is looked for in PATH and where npm installs." },
	{ "quota", "ccusage_timeout", TYPE_DURATION, FIELD(ccusage_timeout_ms), "20s", NULL, 100, 300000,
	  "How long ccusage may take." },
	{ "resume", "sessions", TYPE_CHOICE, FIELD(resume), "off", "off|on", 0, 0,
	  "Whether ccm-supervisor resumes sessions that quota-pause held back, by 'claude --resume ID -p', once the limit allows; "
	  "only those that are over: one that is open in a terminal is left to you." },
	{ "resume", "tasks", TYPE_CHOICE, FIELD(resume_tasks), "on", "off|on", 0, 0,
	  "Whether a task that is held for want of quota, as quota-pause has it, goes on by itself once the limit allows." },
	{ "resume", "max_resumes", TYPE_COUNT, FIELD(max_resumes), "3", NULL, 1, 100,
	  "How often one session is tried, and how often one task goes on by itself until you resume or stop it yourself." },
	{ "resume", "gap", TYPE_DURATION, FIELD(resume_gap_ms), "5m", NULL, 0, 24LL * 3600 * 1000,
	  "How long it waits between two of them, sessions or tasks." },
	{ "resume", "timeout", TYPE_DURATION, FIELD(resume_timeout_ms), "1h", NULL, 1000, 24LL * 3600 * 1000,
	  "How long a session that is resumed, or a task that is started again, may take." },
	{ "resume", "daily_budget_usd", TYPE_USD, FIELD(resume_budget_micros), "5", NULL, 0, 1000000LL * 1000000,
	  "No more sessions or tasks go on by themselves on a day on which resumed sessions have cost so many dollars; 0 sets no bound." },
	{ "resume", "quiet_hours", TYPE_LIST, FIELD(quiet_hours), "22:00-07:00", NULL, 0, 0,
	  "No session is resumed, and no task goes on by itself, between these times of the day; several on several lines." },
	{ "resume", "claude_command", TYPE_LIST, FIELD(claude_command), "/usr/local/bin/claude", NULL, 0, 0,
	  "How the client is called, words with blanks between; not set, claude is looked for in PATH and ~/.local/bin." },
	{ "sandbox", "agent", TYPE_CHOICE, FIELD(agent), "claude", "claude|codex|custom", 0, 0,
	  "What 'ccm-supervisor run' starts when no command is given; custom: a command must be given." },
	{ "sandbox", "read_only", TYPE_LIST, FIELD(read_only), "~/toolchain", NULL, 0, 0,
	  "A folder or file more that tasks may read and run programs from; one a line." },
	{ "sandbox", "read_write", TYPE_LIST, FIELD(read_write), "~/scratch", NULL, 0, 0,
	  "A folder more that tasks may change; what they put there is not reviewed; one a line." },
	{ "sandbox", "caches", TYPE_CHOICE, FIELD(share_caches), "own", "own|shared", 0, 0,
	  "Where npm, pip, cargo and go keep what they fetched: in each task, or in one place for all tasks." },
	{ "sandbox", "environment", TYPE_LIST, FIELD(environment), "MY_REGION", NULL, 0, 0,
	  "Variables more that tasks get from your environment; names with blanks between, on one line or several." },
	{ "sandbox", "allow_hosts", TYPE_LIST, FIELD(allow_hosts), "registry.npmjs.org", NULL, 0, 0,
	  "Hosts more that tasks may connect to; names with blanks between, on one line or several." },
	{ "sandbox", "skills", TYPE_LIST, FIELD(skills), "my-skill", NULL, 0, 0,
	  "Your skills that an agent gets in a task; names with blanks between; * stands for all." },
	{ "sandbox", "max_worktree_size", TYPE_SIZE, FIELD(max_worktree_bytes), "2G", NULL, 0, 1LL << 50,
	  "What a task may take on disk; beyond it is stopped, as with the other bounds; 0 sets none." },
	{ "sandbox", "max_file_size", TYPE_SIZE, FIELD(max_file_bytes), "100M", NULL, 0, 1LL << 50,
	  "Longest file that a task can write; 0 sets no bound." },
	{ "sandbox", "max_commits", TYPE_COUNT, FIELD(max_commits), "100", NULL, 0, 1000000,
	  "Commits that a task may make; 0 sets no bound." },
	{ "sandbox", "max_processes", TYPE_COUNT, FIELD(max_processes), "512", NULL, 0, 1000000,
	  "Processes and threads that a task may have at once; 0 sets no bound." },
	{ "sandbox", "max_memory", TYPE_SIZE, FIELD(max_memory_bytes), "8G", NULL, 0, 1LL << 50,
	  "Memory of all processes of a task together; 0 sets no bound." },
	{ "sandbox", "max_time", TYPE_DURATION, FIELD(max_time_ms), "12h", NULL, 0, 365LL * 24 * 3600 * 1000,
	  "How long a task may run in all; 0 sets no bound." },
	{ "sandbox", "idle", TYPE_DURATION, FIELD(idle_ms), "7d", NULL, 60000, 3653LL * 24 * 3600 * 1000,
	  "How long a task that does not run is kept whole before gc saves its work to a ref and removes its folder." },
	{ "alerts", "rule", TYPE_RULE, FIELD(alert_rules), "level>=warning project=*/clients/* -> desktop digest slack", NULL, 0, 0,
	  "Which alerts go where; the first that matches decides, and without one urgent and warning go to every channel, info into "
	  "its digest; ccm-alerts(7) tells more." },
	{ "alerts", "kind.*", TYPE_KIND, FIELD(alert_kinds), "info", "info|warning|urgent|off", 0, 0,
	  "The level of what ccm tells of by itself, as in kind.agent-finished; ccm-alerts(7) names the kinds." },
	{ "alerts", "fold", TYPE_DURATION, FIELD(alert_fold_ms), "10m", NULL, 0, 7LL * 24 * 3600 * 1000,
	  "An alert like one of so long before is not sent again but counted; 0 sends each." },
	{ "alerts", "quiet_hours", TYPE_HOURS, FIELD(alert_quiet_hours), "22:00-07:00", NULL, 0, 0,
	  "Between these times of the day alerts wait; several on several lines." },
	{ "alerts", "quiet_level", TYPE_CHOICE, FIELD(alert_quiet_level), "urgent", "info|warning|urgent|off", 0, 0,
	  "What is sent in the quiet hours all the same: alerts of this level and above; off: none." },
	{ "alerts", "digest", TYPE_DURATION, FIELD(alert_digest_ms), "1h", NULL, 0, 7LL * 24 * 3600 * 1000,
	  "How long alerts for the digest are gathered before they are sent together; 0 sends each by itself at once." },
	{ "alerts", "give_up", TYPE_DURATION, FIELD(alert_give_up_ms), "24h", NULL, 1000, 30LL * 24 * 3600 * 1000,
	  "How long a failing delivery is tried again." },
	{ "alerts", "retry", TYPE_DURATION, FIELD(alert_retry_ms), "1s", NULL, 1, 900000,
	  "How long it waits at most before a failed delivery is tried again; at every failure more twice as long, up to 15 minutes." },
	{ "alerts", "timeout", TYPE_DURATION, FIELD(alert_timeout_ms), "10s", NULL, 100, 300000,
	  "How long one attempt may take." },
#define CHANNEL(name, c) \
	{ name, "level", TYPE_CHOICE, FIELD(channels[c].level), "info", "info|warning|urgent", 0, 0, \
	  "Where no rule says otherwise: the least level of what goes there." }, \
	{ name, "max_per_hour", TYPE_COUNT, FIELD(channels[c].max_per_hour), "60", NULL, 0, 1000000, \
	  "What is more waits for the digest; 0 sets no bound." }
	{ "desktop", "enabled", TYPE_CHOICE, FIELD(desktop), "auto", "auto|on|off", 0, 0,
	  "Whether alerts are shown on the desktop; auto: where there is a session bus and a notification server on it." },
	{ "desktop", "show_command", TYPE_TEXT, FIELD(show_command), "xterm -e ccm-hook log", NULL, 0, 0,
	  "What is started when you choose \"show\", words with blanks between." },
	CHANNEL("desktop", CCM_DESKTOP),
	{ "telegram", "token", TYPE_SECRET, FIELD(telegram_token), "file:~/.config/telegram-token", NULL, 0, 0,
	  "Where your bot's token is to be found." },
	{ "telegram", "chat_id", TYPE_TEXT, FIELD(telegram_chat), "123456789", NULL, 0, 0,
	  "The chat that gets the alerts, and from which alone answers count." },
	{ "telegram", "approvals", TYPE_CHOICE, FIELD(approvals), "off", "off|on", 0, 0,
	  "Whether questions of permission are sent there, too, and wait for an answer." },
	{ "telegram", "approval_time", TYPE_DURATION, FIELD(approval_ms), "5m", NULL, 1000, 3600000,
	  "How long they wait; no answer is a no." },
	{ "telegram", "user_ids", TYPE_LIST, FIELD(telegram_users), "123456789", NULL, 0, 0,
	  "Whose answers count in a chat of several people: their numbers with blanks between; not set, everybody's there." },
	{ "telegram", "api", TYPE_TEXT, FIELD(telegram_api), CCM_TELEGRAM_API, NULL, 0, 0,
	  "A Bot API server of your own." },
	CHANNEL("telegram", CCM_TELEGRAM),
	{ "slack", "url", TYPE_SECRET, FIELD(slack_url), "env:SLACK_WEBHOOK", NULL, 0, 0,
	  "Where the address of the incoming webhook is to be found." },
	CHANNEL("slack", CCM_SLACK),
	{ "webhook", "url", TYPE_URL, FIELD(webhook_url), "https://n8n.example/webhook/ccm", NULL, 0, 0,
	  "Where alerts are posted as JSON: an address, or where it is to be found." },
	{ "webhook", "secret", TYPE_SECRET, FIELD(webhook_secret), "keyring:ccm/webhook", NULL, 0, 0,
	  "Where the secret is to be found with which they are signed." },
	CHANNEL("webhook", CCM_WEBHOOK),
	{ "command", "run", TYPE_TEXT, FIELD(alert_command), "/usr/local/bin/tell-me", NULL, 0, 0,
	  "A program that gets each alert as JSON on its stdin, words with blanks between." },
	CHANNEL("command", CCM_COMMAND),
#undef CHANNEL
#undef FIELD
};
_Static_assert(ARRAY_SIZE(keys) <= 64 * ARRAY_SIZE(((struct ccm_settings *)0)->given), "a bit of given[] for each key");

int ccm_size_parse(const char *text, int64_t *ret_bytes)
{
	int64_t factor = 1;
	long long n;
	char *rest;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	n = strtoll(text, &rest, 10);
	if (errno)
		return -EINVAL;
	switch (*rest) {
	case 'G': case 'g':
		factor <<= 10;
		_fallthrough_;
	case 'M': case 'm':
		factor <<= 10;
		_fallthrough_;
	case 'K': case 'k':
		factor <<= 10;
		rest++;
	}
	if (strcmp(rest, "iB") == 0)
		rest += 2;
	if (*rest || __builtin_mul_overflow(n, factor, &n))
		return -EINVAL;
	*ret_bytes = n;
	return 0;
}

const char *ccm_size_format(int64_t bytes, char buf[32])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double n = (double)bytes;
	size_t i = 0;

	for (; n >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		n /= 1024;
	snprintf(buf, 32, i && n < 10 ? "%.1f %s" : "%.0f %s", n, units[i]);
	return buf;
}

static int choice_parse(const char *choices, const char *value, int64_t *ret)
{
	size_t bytes = strlen(value);
	int64_t i = 0;

	for (const char *c = choices; *c; c += strcspn(c, "|"), c += *c == '|', i++) {
		if (strcspn(c, "|") == bytes && strncmp(c, value, bytes) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

static int count_parse(const char *text, int64_t *ret)
{
	char *rest;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	*ret = strtoll(text, &rest, 10);
	return *rest ? -EINVAL : errno ? -ERANGE : 0;
}

/* "12", "12.5", "12.50": at most six digits behind the point. */
static int usd_parse(const char *text, int64_t *ret)
{
	int64_t micros = 0, unit = 1000000;
	bool behind = false;
	size_t digits = 0;

	for (const char *p = text; *p; p++) {
		if (*p == '.' && !behind && digits) {
			behind = true;
			continue;
		}
		if (*p < '0' || *p > '9' || (behind && unit == 1) || micros > INT64_MAX / 100)
			return -EINVAL;
		if (behind)
			unit /= 10;
		micros = behind ? micros + (*p - '0') * unit : micros * 10 + (*p - '0') * unit;
		digits++;
	}
	*ret = micros;
	return digits ? 0 : -EINVAL;
}

static bool is_list(const struct key *k)
{
	switch (k->type) {
	case TYPE_LIST: case TYPE_NAMED: case TYPE_KIND: case TYPE_RULE: case TYPE_HOURS: case TYPE_TEXT: case TYPE_SECRET:
	case TYPE_URL:
		return true;
	case TYPE_SIZE: case TYPE_DURATION: case TYPE_COUNT: case TYPE_CHOICE: case TYPE_USD:
		break;
	}
	return false;
}

static bool is_named(const struct key *k)
{
	return k->type == TYPE_NAMED || k->type == TYPE_KIND;
}

/* NAME.* stands for every NAME. and something. */
static bool key_is(const struct key *k, const char *name)
{
	size_t bytes = strlen(k->name) - 1;

	if (!is_named(k))
		return strcmp(k->name, name) == 0;
	return strncmp(k->name, name, bytes) == 0 && name[bytes];
}

static int url_check(const char *text)
{
	if (strncmp(text, "https://", 8) == 0 || strncmp(text, "http://", 7) == 0)
		return strpbrk(text, " \t") ? -EINVAL : 0;
	return ccm_reference_check(text);
}

static int rule_check(const char *text, struct ccm_diag *diag)
{
	struct ccm_alert_rule rule = { 0 };
	int r = ccm_alert_rule_parse(text, &rule, diag);

	ccm_alert_rule_done(&rule);
	return r;
}

static int parse_value(const struct key *k, const char *value, int64_t *ret, struct ccm_diag *diag)
{
	int r = -EINVAL;

	switch (k->type) {
	case TYPE_SIZE:
		r = ccm_size_parse(value, ret);
		break;
	case TYPE_DURATION:
		r = ccm_duration_parse(value, ret);
		break;
	case TYPE_COUNT:
		r = count_parse(value, ret);
		break;
	case TYPE_USD:
		r = usd_parse(value, ret);
		break;
	case TYPE_CHOICE:
	case TYPE_NAMED:
	case TYPE_KIND:
		return choice_parse(k->choices, value, ret);
	case TYPE_LIST:
	case TYPE_TEXT:
		*ret = 0;
		return *value ? 0 : -EINVAL;
	case TYPE_RULE:
		return rule_check(value, diag);
	case TYPE_HOURS:
		return ccm_hours_check(value);
	case TYPE_SECRET:
		return ccm_reference_check(value);
	case TYPE_URL:
		return url_check(value);
	}
	if (r == 0 && (*ret < k->min || *ret > k->max))
		r = -ERANGE;
	return r;
}

static int64_t *field(const struct key *k, struct ccm_settings *s)
{
	return (int64_t *)(void *)((char *)s + k->offset);
}

static int add_item(struct ccm_setting_list *list, const struct ccm_setting_item *item)
{
	struct ccm_setting_item *items = realloc(list->items, (list->count + 1) * sizeof *items), copy = *item;

	if (!items)
		return -ENOMEM;
	list->items = items;
	copy.name = strdup(item->name);
	copy.text = strdup(item->text);
	if (!copy.name || !copy.text) {
		free(copy.name);
		free(copy.text);
		return -ENOMEM;
	}
	items[list->count++] = copy;
	return 0;
}

static void list_done(struct ccm_setting_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].name);
		free(list->items[i].text);
	}
	free(list->items);
	*list = (struct ccm_setting_list){ 0 };
}

static struct ccm_setting_list *list_field(const struct key *k, const struct ccm_settings *s)
{
	return (struct ccm_setting_list *)(void *)((char *)s + k->offset);
}

struct reader {
	struct ccm_settings *settings;
	const char *name;            /* of the file */
};

static const char *type_name(const struct key *k)
{
	return k->type == TYPE_SIZE ? "size" : k->type == TYPE_COUNT ? "whole number" : k->type == TYPE_USD ? "number" : "duration";
}

static void print_value(struct ccm_sbuf *out, const struct key *k, int64_t n)
{
	static const struct { int64_t factor; const char *suffix; } sizes[] = {
		{ 1LL << 30, "G" }, { 1LL << 20, "M" }, { 1LL << 10, "K" }, { 1, "" },
	};
	const char *c = k->choices;
	char duration[32];
	size_t i = 0;

	if (k->type == TYPE_CHOICE) {
		for (; n > 0; n--)
			c += strcspn(c, "|") + 1;
		ccm_sbuf_add(out, c, strcspn(c, "|"));
		return;
	}
	if (n == 0) {
		ccm_sbuf_addc(out, '0');
		return;
	}
	if (k->type == TYPE_COUNT) {
		ccm_sbuf_addf(out, "%lld", (long long)n);
	} else if (k->type == TYPE_USD) {
		ccm_sbuf_addf(out, "%lld.%06lld", (long long)(n / 1000000), (long long)(n % 1000000));
	} else if (k->type == TYPE_SIZE) {
		while (n % sizes[i].factor)
			i++;
		ccm_sbuf_addf(out, "%lld%s", (long long)(n / sizes[i].factor), sizes[i].suffix);
	} else {
		ccm_sbuf_adds(out, ccm_duration_format(n, duration, sizeof duration));
	}
}

static const char reference_words[] = "env:NAME, file:PATH or keyring:SERVICE/ACCOUNT";

static void tell_range(struct ccm_sbuf *problems, const struct key *k, const char *value)
{
	ccm_sbuf_adds(problems, "must be from ");
	print_value(problems, k, k->min);
	ccm_sbuf_adds(problems, " to ");
	print_value(problems, k, k->max);
	ccm_sbuf_addf(problems, ", not '%s'", value);
}

/* The preset, or what a line before said. */
static void tell_kept(struct reader *reader, const struct key *k)
{
	struct ccm_sbuf *problems = &reader->settings->problems;

	ccm_sbuf_adds(problems, "; using ");
	print_value(problems, k, *field(k, reader->settings));
	ccm_sbuf_addc(problems, '\n');
}

/* A wrong value leaves what was in force; of a list, nothing of the line is. What may be a secret is not repeated. */
static void tell_value(struct reader *reader, int line, const struct key *k, const char *name, const char *value, int error,
		       const struct ccm_diag *diag)
{
	struct ccm_sbuf *problems = &reader->settings->problems;

	ccm_sbuf_addf(problems, "%s:%d: '%s' ", reader->name, line, name);
	if (k->type == TYPE_RULE)
		ccm_sbuf_addf(problems, "is no rule: %s; the line is not used\n", ccm_diag_text(diag, error));
	else if (k->type == TYPE_SECRET)
		ccm_sbuf_addf(problems, "must say where the secret is, as %s; the line is not used\n", reference_words);
	else if (k->type == TYPE_URL)
		ccm_sbuf_addf(problems, "must begin with https:// or http://, and have no blanks, or say where the address is, as %s; "
			      "the line is not used\n", reference_words);
	else if (k->type == TYPE_HOURS)
		ccm_sbuf_addf(problems, "is no time of the day such as %s: '%s'; the line is not used\n", k->preset, value);
	else if (k->type == TYPE_LIST || k->type == TYPE_TEXT)
		ccm_sbuf_addf(problems, "has no value, such as %s\n", k->preset);
	else if (is_named(k))
		ccm_sbuf_addf(problems, "must be one of %s, not '%s'; the line is not used\n", k->choices, value);
	else {
		if (k->choices)
			ccm_sbuf_addf(problems, "must be one of %s, not '%s'", k->choices, value);
		else if (error == -ERANGE)
			tell_range(problems, k, value);
		else
			ccm_sbuf_addf(problems, "is not a %s such as %s: '%s'", type_name(k), k->preset, value);
		tell_kept(reader, k);
	}
}

static void tell_kinds(struct reader *reader, int line, const char *name)
{
	struct ccm_sbuf *problems = &reader->settings->problems;

	ccm_sbuf_addf(problems, "%s:%d: '%s' is no kind of alerts; they are", reader->name, line, name);
	for (int i = 0; i < CCM_KINDS; i++)
		ccm_sbuf_addf(problems, "%s %s", i ? "," : "", ccm_alert_kind_name((enum ccm_alert_kind)i));
	ccm_sbuf_adds(problems, "; the line is not used\n");
}

static void take_value(struct reader *reader, int line, const struct key *k, const char *name, const char *value)
{
	struct ccm_setting_item item = { .name = (char *)name, .text = (char *)value, .line = line };
	struct ccm_diag diag = { 0 };
	size_t n = (size_t)(k - keys);
	int r = parse_value(k, value, &item.number, &diag);

	reader->settings->given[n / 64] |= 1ULL << n % 64;
	if (k->type == TYPE_KIND && ccm_alert_kind_find(name + strlen(k->name) - 1) < 0)
		tell_kinds(reader, line, name);
	else if (r < 0)
		tell_value(reader, line, k, name, value, r, &diag);
	else if (!is_list(k))
		*field(k, reader->settings) = item.number;
	else if (add_item(list_field(k, reader->settings), &item) < 0)
		ccm_sbuf_addf(&reader->settings->problems, "%s:%d: out of memory\n", reader->name, line);
}

static void handle_key(void *user, int line, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	struct ccm_sbuf *problems = &reader->settings->problems;
	bool known_section = false;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];

		if (strcmp(k->section, section) != 0)
			continue;
		known_section = true;
		if (!key_is(k, name))
			continue;
		take_value(reader, line, k, name, value);
		return;
	}
	if (known_section)
		ccm_sbuf_addf(problems, "%s:%d: unknown key '%s' in [%s]\n", reader->name, line, name, section);
	else
		ccm_sbuf_addf(problems, "%s:%d: unknown section [%s]\n", reader->name, line, section);
}

static void handle_problem(void *user, int line, const char *words)
{
	struct reader *reader = user;

	ccm_sbuf_addf(&reader->settings->problems, "%s:%d: %s\n", reader->name, line, words);
}

static void set_presets(struct ccm_settings *s)
{
	*s = (struct ccm_settings){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!is_list(&keys[i]))
			parse_value(&keys[i], keys[i].preset, field(&keys[i], s), NULL);
}

static void parse_into(const char *name, const char *text, struct ccm_settings *s)
{
	struct reader reader = { .settings = s, .name = name };
	const struct ccm_ini ini = { handle_key, handle_problem, &reader };

	ccm_ini_parse(&ini, text);
}

void ccm_settings_parse(const char *name, const char *text, struct ccm_settings *ret)
{
	set_presets(ret);
	parse_into(name, text, ret);
}

void ccm_settings_load(const char *path, struct ccm_settings *ret)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r;

	set_presets(ret);
	r = ccm_read_regular(path, FILE_MAX_BYTES, &text);
	if (r == 0)
		parse_into(path, ccm_sbuf_str(&text), ret);
	else if (r != -ENOENT && r != -ENOTDIR)
		ccm_sbuf_addf(&ret->problems, "%s: %s; using the defaults\n", path, ccm_strerror(r));
}

void ccm_settings_done(struct ccm_settings *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (is_list(&keys[i]))
			list_done(list_field(&keys[i], s));
	ccm_sbuf_done(&s->problems);
}

const char *ccm_settings_text(const struct ccm_setting_list *list)
{
	return list->count ? list->items[list->count - 1].text : NULL;
}

bool ccm_settings_has(const struct ccm_settings *s, const char *section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return s->given[i / 64] >> i % 64 & 1;
	return false;
}

static void print_list(struct ccm_sbuf *out, const struct key *k, const struct ccm_setting_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (key_is(k, list->items[i].name))
			ccm_sbuf_addf(out, "%s = %s\n", list->items[i].name, list->items[i].text);
}

void ccm_settings_print(struct ccm_sbuf *out, const struct ccm_settings *s)
{
	const char *section = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];

		if (strcmp(section, k->section) != 0)
			ccm_sbuf_addf(out, "%s[%s]\n", i ? "\n" : "", k->section);
		section = k->section;
		ccm_sbuf_addf(out, "; %s\n", k->help);
		if (k->choices)
			ccm_sbuf_addf(out, "; One of %s.\n", k->choices);
		if (s && is_list(k)) {
			print_list(out, k, list_field(k, s));
			continue;
		}
		if (!s) {
			ccm_sbuf_addf(out, ";%s = %s\n", k->name, k->preset);
			continue;
		}
		ccm_sbuf_addf(out, "%s = ", k->name);
		print_value(out, k, *(const int64_t *)(const void *)((const char *)s + k->offset));
		ccm_sbuf_addc(out, '\n');
	}
}

/* Text of ours in mdoc: no line may begin with a dot or a quote, and a backslash begins an escape. */
static void add_mdoc(struct ccm_sbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\\')
			ccm_sbuf_adds(out, "\\e");
		else if (*p == '\'' || *p == '-')
			ccm_sbuf_adds(out, *p == '-' ? "\\-" : "\\(aq");
		else if (*p == ' ' && p > text && (p[-1] == ';' || p[-1] == ':'))
			ccm_sbuf_addc(out, '\n');
		else
			ccm_sbuf_addc(out, *p);
	}
}

static const char *type_words(const struct key *k)
{
	switch (k->type) {
	case TYPE_SIZE:
		return "a size";
	case TYPE_DURATION:
		return "a duration";
	case TYPE_COUNT:
		return "a whole number";
	case TYPE_USD:
		return "dollars";
	case TYPE_LIST:
	case TYPE_HOURS:
	case TYPE_RULE:
		return "a list";
	case TYPE_TEXT:
		return "a text";
	case TYPE_SECRET:
		return "env:NAME, file:PATH or keyring:SERVICE/ACCOUNT";
	case TYPE_URL:
		return "an address, or env:NAME, file:PATH or keyring:SERVICE/ACCOUNT";
	case TYPE_CHOICE:
	case TYPE_NAMED:
	case TYPE_KIND:
		break;
	}
	return NULL;
}

void ccm_settings_manual(struct ccm_sbuf *out)
{
	const char *section = "";

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const struct key *k = &keys[i];

		if (strcmp(section, k->section) != 0)
			ccm_sbuf_addf(out, "%s.Ss [%s]\n.Bl -tag -width Ds\n", i ? ".El\n" : "", k->section);
		section = k->section;
		ccm_sbuf_addf(out, ".It Ic %s\n", k->name);
		add_mdoc(out, k->help);
		ccm_sbuf_adds(out, "\n.br\n");
		if (k->choices) {
			ccm_sbuf_adds(out, "One of ");
			for (const char *c = k->choices; *c; c++) {
				if (*c == '|')
					ccm_sbuf_adds(out, ", ");
				else
					ccm_sbuf_addc(out, *c);
			}
		} else {
			ccm_sbuf_addf(out, "%c%s", k->type == TYPE_SECRET ? 'e' : type_words(k)[0] - 'a' + 'A', type_words(k) + 1);
		}
		ccm_sbuf_adds(out, is_list(k) ? "; an example: " : "; the default is ");
		ccm_sbuf_adds(out, "\\(lq");
		add_mdoc(out, k->preset);
		ccm_sbuf_adds(out, "\\(rq.\n");
	}
	ccm_sbuf_adds(out, ".El\n");
}
