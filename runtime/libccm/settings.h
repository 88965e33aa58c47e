/* SPDX-License-Identifier: MIT */
/* settings - what config.ini says.
 *
 * Every key stands in one table in settings.c, with its section, type, default and one sentence;
 * the reader and the sample file are made from it. A value that is wrong leaves the default in
 * force and becomes a problem, named with its line, which is shown and never stops an event.
 *
 * A key that ends in .* stands for any name behind the dot. A key that is a list may stand on several lines, an item each.
 *
 * A secret never stands in the file, only where it is to be found, which is a reference: env:NAME, file:PATH (absolute, or ~/),
 * keyring:SERVICE/ACCOUNT. What stands there instead of one is not kept, and no problem repeats it.
 *
 * Units: _ms milliseconds, _bytes bytes. In the file: 10s, 5m, 250ms; 64K, 32M, 1G.
 */
#ifndef CCM_SETTINGS_H
#define CCM_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "sbuf.h"

/* One line of a list, or of a key that ends in .* */
struct ccm_setting_item {
	char *name;                    /* of group.git: group.git; of a list: the key */
	char *text;                    /* the value as written */
	int64_t number;                /* of a choice: which */
	int line;
};

struct ccm_setting_list {
	struct ccm_setting_item *items;
	size_t count;
};

enum ccm_guard_profile { CCM_GUARD_RELAXED, CCM_GUARD_STANDARD, CCM_GUARD_STRICT };
enum ccm_guard_say { CCM_GUARD_OFF, CCM_GUARD_WARN, CCM_GUARD_ASK, CCM_GUARD_DENY };       /* in rising order of rank */

#define CCM_STATUSLINE_TEMPLATE "{model} | {project} {branch} | context {context} | 5h {5h} | 7d {7d} | {cost} | {alerts}"

enum ccm_alert_level { CCM_ALERT_INFO, CCM_ALERT_WARNING, CCM_ALERT_URGENT, CCM_ALERT_OFF };       /* off: of a kind only */
enum ccm_channel { CCM_DESKTOP, CCM_TELEGRAM, CCM_SLACK, CCM_WEBHOOK, CCM_COMMAND, CCM_CHANNELS };
enum ccm_desktop { CCM_DESKTOP_AUTO, CCM_DESKTOP_ON, CCM_DESKTOP_OFF };

/* What every channel has. */
struct ccm_channel_settings {
	int64_t level;                 /* level, an enum ccm_alert_level: the least that goes there */
	int64_t max_per_hour;          /* max_per_hour; 0: no bound */
};

#define CCM_TELEGRAM_API "https://api.telegram.org"
enum ccm_agent { CCM_AGENT_CLAUDE, CCM_AGENT_CODEX, CCM_AGENT_CUSTOM };

enum ccm_payload_form { CCM_PAYLOAD_FULL, CCM_PAYLOAD_REDACTED, CCM_PAYLOAD_NONE };

struct ccm_settings {
	int64_t payload;               /* [storage] payload, an enum ccm_payload_form */
	int64_t max_text_bytes;        /* [storage] max_text; 0: no bound */
	int64_t max_event_bytes;       /* [storage] max_event */
	int64_t busy_timeout_ms;       /* [storage] busy_timeout */
	int64_t keep_open_ms;          /* [storage] keep_open; 0: not at all */
	int64_t timeout_ms;            /* [automations] timeout */
	int64_t max_output_bytes;      /* [automations] max_output */
	int64_t stored_output_bytes;   /* [automations] stored_output */
	int64_t max_age_ms;            /* [retention] max_age; 0: for ever */
	int64_t max_bytes;             /* [retention] max_bytes; 0: no bound */
	int64_t checkpoint_every;      /* [checkpoint] every: tool calls */
	int64_t checkpoint_max_file;   /* [checkpoint] max_file, bytes */
	int64_t checkpoint_max_files;  /* [checkpoint] max_files */
	int64_t checkpoint_keep_days;  /* [checkpoint] keep_days; 0: for ever */
	int64_t checkpoint_keep_per_session;   /* [checkpoint] keep_per_session; 0: all */
	int64_t guard_profile;         /* [guard] profile, an enum ccm_guard_profile */
	int64_t guard_detours;         /* [guard] detour_limit; 0: no limit */
	int64_t guard_overrule_ms;     /* [guard] overrule */
	struct ccm_setting_list guard_wrappers;        /* [guard] wrappers: a name, or several with blanks between */
	struct ccm_setting_list guard_shared_branches; /* [guard] shared_branches: likewise */
	struct ccm_setting_list guard_allow_paths;     /* [guard] allow_paths */
	struct ccm_setting_list guard_allow_commands;  /* [guard] allow_commands */
	struct ccm_setting_list guard_says;            /* [guard] group.NAME and rule.ID; number: an enum ccm_guard_say */
	struct ccm_setting_list statusline_template;   /* [statusline] template: the last one counts */
	int64_t quota_warning;         /* [quota] warning, percent */
	int64_t quota_critical;        /* [quota] critical, percent */
	int64_t max_session_cost_micros;   /* [quota] max_session_cost_usd, in millionths; 0: no bound */
	int64_t max_session_tokens;    /* [quota] max_session_tokens; 0: no bound */
	int64_t token_limit;           /* [quota] token_limit; 0: not known */
	struct ccm_setting_list ccusage_command;       /* [quota] ccusage_command: the last one counts */
	int64_t ccusage_timeout_ms;    /* [quota] ccusage_timeout */
	int64_t resume;                /* [resume] sessions: 1 on */
	int64_t resume_tasks;          /* [resume] tasks: 1 on */
	int64_t max_resumes;           /* [resume] max_resumes */
	int64_t resume_gap_ms;         /* [resume] gap */
	int64_t resume_timeout_ms;     /* [resume] timeout */
	int64_t resume_budget_micros;  /* [resume] daily_budget_usd, in millionths; 0: no bound */
	struct ccm_setting_list quiet_hours;           /* [resume] quiet_hours: 22:00-07:00 */
	struct ccm_setting_list claude_command;        /* [resume] claude_command: the last one counts */
	int64_t agent;                 /* [sandbox] agent, an enum ccm_agent */
	int64_t share_caches;          /* [sandbox] caches: 1: of all tasks together */
	struct ccm_setting_list read_only, read_write;         /* [sandbox]; a path each */
	struct ccm_setting_list environment, allow_hosts, skills;      /* [sandbox]; several with blanks between */
	int64_t max_worktree_bytes;    /* [sandbox] max_worktree_size; 0: no bound, as with all of these */
	int64_t max_file_bytes;        /* [sandbox] max_file_size */
	int64_t max_commits;           /* [sandbox] max_commits */
	int64_t max_processes;         /* [sandbox] max_processes */
	int64_t max_memory_bytes;      /* [sandbox] max_memory */
	int64_t max_time_ms;           /* [sandbox] max_time */
	int64_t idle_ms;               /* [sandbox] idle */
	struct ccm_setting_list alert_rules;           /* [alerts] rule, in order; each can be parsed, see alert.h */
	struct ccm_setting_list alert_kinds;           /* [alerts] kind.NAME; number: an enum ccm_alert_level */
	int64_t alert_fold_ms;         /* [alerts] fold; 0: none is folded */
	struct ccm_setting_list alert_quiet_hours;     /* [alerts] quiet_hours */
	int64_t alert_quiet_level;     /* [alerts] quiet_level, an enum ccm_alert_level */
	int64_t alert_digest_ms;       /* [alerts] digest; 0: none is kept back */
	int64_t alert_give_up_ms;      /* [alerts] give_up */
	int64_t alert_retry_ms;        /* [alerts] retry: before the second attempt */
	int64_t alert_timeout_ms;      /* [alerts] timeout */
	struct ccm_channel_settings channels[CCM_CHANNELS];
	int64_t desktop;               /* [desktop] enabled, an enum ccm_desktop */
	struct ccm_setting_list show_command;          /* [desktop] show_command; the last one counts, as in what follows */
	struct ccm_setting_list telegram_token;        /* [telegram] token, a reference: see below */
	struct ccm_setting_list telegram_chat;         /* [telegram] chat_id */
	struct ccm_setting_list telegram_api;          /* [telegram] api; none: CCM_TELEGRAM_API */
	int64_t approvals;             /* [telegram] approvals: 1 on */
	struct ccm_setting_list telegram_users;        /* [telegram] user_ids; several with blanks between; none: whoever is in the chat */
	int64_t approval_ms;           /* [telegram] approval_time */
	struct ccm_setting_list slack_url;             /* [slack] url, a reference */
	struct ccm_setting_list webhook_url;           /* [webhook] url: http:// or https://, or a reference */
	struct ccm_setting_list webhook_secret;        /* [webhook] secret, a reference */
	struct ccm_setting_list alert_command;         /* [command] run */
	uint64_t given[2];             /* which keys the file has; see ccm_settings_has() */
	struct ccm_sbuf problems;      /* one line each: "config.ini:3: unknown key 'payloda' ..." */
};

/* Fills *ret with defaults, then with what the file at path says. A missing file is fine.
 * Never fails: what cannot be read is in ret->problems. */
void ccm_settings_load(const char *path, struct ccm_settings *ret);
void ccm_settings_done(struct ccm_settings *s);

/* Reads the text as if it were the file of that name. */
void ccm_settings_parse(const char *name, const char *text, struct ccm_settings *ret);

/* The last of a list's texts, or NULL: of a key that is one text. */
const char *ccm_settings_text(const struct ccm_setting_list *list);

/* True if the file has this key, whatever its value. */
bool ccm_settings_has(const struct ccm_settings *s, const char *section, const char *name);

/* Appends a config.ini in which every key stands as a comment with its default and its sentence;
 * with s, the keys are live and show the values in force. */
void ccm_settings_print(struct ccm_sbuf *out, const struct ccm_settings *s);

/* Appends the keys as the body of a manual page, in mdoc(7). */
void ccm_settings_manual(struct ccm_sbuf *out);

/* "64K", "32M", "1G", "4096": -EINVAL. */
int ccm_size_parse(const char *text, int64_t *ret_bytes);

/* "812 bytes", "4.0 KiB", "96 MiB"; returns buf. */
const char *ccm_size_format(int64_t bytes, char buf[32]);

#endif
