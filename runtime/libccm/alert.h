/* SPDX-License-Identifier: MIT */
/* alert - what the person should hear of, and where: the words that ccm has for it.
 *
 * A rule of [alerts] is CONDITION... -> TARGET...; it matches where all conditions do. Conditions: level=LEVEL, level>=LEVEL,
 * and NAME=PATTERN for kind, source, event, rule, project, with * and ? as in a shell (* stands for slashes, too). What an alert
 * does not have is the empty text. Targets: channels; all, for every channel that is set up; digest, after which what follows
 * gets it with the next digest (nothing follows: every channel); none.
 *
 * Ownership: a parsed rule holds its own text; release it with ccm_alert_rule_done(), which accepts a zeroed struct.
 * Errors:    negative errno; -EINVAL with words for the person in diag.
 */
#ifndef CCM_ALERT_H
#define CCM_ALERT_H

#include "settings.h"

#define CCM_ALERT_ALL_CHANNELS ((1U << CCM_CHANNELS) - 1)

/* What ccm tells of by itself. */
#define CCM_ALERT_KINDS(X) \
	X(NEEDS_INPUT,      "agent-needs-input", CCM_ALERT_URGENT) \
	X(FINISHED,         "agent-finished",    CCM_ALERT_INFO) \
	X(FAILED,           "agent-failed",      CCM_ALERT_WARNING) \
	X(GUARD_DENY,       "guard-deny",        CCM_ALERT_WARNING) \
	X(HALT,             "halt",              CCM_ALERT_URGENT) \
	X(QUOTA,            "quota",             CCM_ALERT_WARNING) \
	X(TASK,             "task",              CCM_ALERT_WARNING) \
	X(AUTOMATION_FAILS, "automation-fails",  CCM_ALERT_WARNING) \
	X(HOOK_GAP,         "hook-gap",          CCM_ALERT_WARNING) \
	X(STORAGE,          "storage",           CCM_ALERT_URGENT)
enum ccm_alert_kind {
#define X(name, text, level) CCM_KIND_##name,
	CCM_ALERT_KINDS(X)
#undef X
	CCM_KINDS
};

const char *ccm_alert_kind_name(enum ccm_alert_kind kind);
int ccm_alert_kind_find(const char *name);       /* an enum ccm_alert_kind, or -ENOENT */

/* As [alerts] kind.NAME has it; and whether it is there. */
bool ccm_alert_kind_is_set(const struct ccm_settings *s, enum ccm_alert_kind kind);
enum ccm_alert_level ccm_alert_kind_level(const struct ccm_settings *s, enum ccm_alert_kind kind);

const char *ccm_alert_level_name(enum ccm_alert_level level);
int ccm_alert_level_find(const char *name);      /* info, warning, urgent; -ENOENT */

/* Titles begin with the folder that the session is of: who has several open wants to know which. */
void ccm_alert_begin_title(struct ccm_sbuf *out, const char *project);

const char *ccm_channel_name(enum ccm_channel channel);
int ccm_channel_find(const char *name);          /* an enum ccm_channel, or -ENOENT */

/* Whether D-Bus can be asked: $DBUS_SESSION_BUS_ADDRESS or $XDG_RUNTIME_DIR/bus. Libraries would also start a bus of their own
 * where X11 is: nobody listens on that one. */
bool ccm_session_bus_is_there(void);

/* Whether it has what it needs in config.ini. A desktop that is auto is set up where there is a session bus; whether a notification
 * server answers there is not asked. */
bool ccm_channel_is_set_up(const struct ccm_settings *s, enum ccm_channel channel);
unsigned ccm_channels_set_up(const struct ccm_settings *s);      /* bit 1 << channel for each */

/* Whether a Notification of that type says that the agent waits for the person. Source: the host's published hook reference. */
bool ccm_alert_waits(const char *notification_type);

enum ccm_alert_field { CCM_ALERT_KIND, CCM_ALERT_SOURCE, CCM_ALERT_EVENT, CCM_ALERT_RULE, CCM_ALERT_PROJECT, CCM_ALERT_FIELDS };

struct ccm_alert_rule {
	char *text;                          /* the words of the patterns */
	enum ccm_alert_level least, most;
	const char *patterns[CCM_ALERT_FIELDS];      /* NULL: any */
	unsigned now, digest;                /* channels, as bits */
};

int ccm_alert_rule_parse(const char *text, struct ccm_alert_rule *ret, struct ccm_diag *diag);
void ccm_alert_rule_done(struct ccm_alert_rule *rule);

/* values may be NULL. */
bool ccm_alert_rule_match(const struct ccm_alert_rule *rule, enum ccm_alert_level level, const char *const values[CCM_ALERT_FIELDS]);

/* -EINVAL: it is no reference to a secret. */
int ccm_reference_check(const char *text);

#endif
