/* SPDX-License-Identifier: MIT */
/* host_settings - our registration in the settings file of the program that calls us: Claude Code.
 *
 * These functions work on the text of the file. Everything outside our entries stays byte for byte
 * as it was, and ccm_host_unregister() gives back what ccm_host_register() was given, unless
 * someone edited our entries or reformatted the file in between; then only our entries go.
 *
 * An entry is ours if it is a handler of type command in exec form whose command's last component
 * is ccm-hook and whose args begin with "run", or a statusLine that runs ccm-hook statusline,
 * be it around the one that stood there before (--wrap).
 *
 * Errors:  -CCM_E_REFUSED with words and a position: the host would reject the file, or we cannot
 *          put our entries where they belong. The document may then be partly changed: drop it.
 * Source:  the host's hook reference; what voids a whole file was tried with its 2.1.197.
 */
#ifndef CCM_HOST_SETTINGS_H
#define CCM_HOST_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "host.h"
#include "sbuf.h"

/* The last component of the command in our entries. */
#define CCM_HOST_COMMAND "ccm-hook"

enum ccm_host_scope {
	CCM_HOST_USER,       /* $CLAUDE_CONFIG_DIR/settings.json or ~/.claude/settings.json */
	CCM_HOST_PROJECT,    /* .claude/settings.json in the working directory */
	CCM_HOST_LOCAL,      /* .claude/settings.local.json in the working directory */
	CCM_HOST_MANAGED,    /* the administrator's; not ours to write */
};

/* The absolute path of the settings file; it need not exist. */
int ccm_host_settings_path(enum ccm_host_scope scope, char **ret, struct ccm_diag *diag);

struct ccm_host_registration {
	const char *command;         /* absolute path, or a name that the host finds in PATH */
	bool status_line;            /* be the status line too */
	bool wrap_status_line;       /* and where there is one of another program, run and show that one, too */
	const struct ccm_host_event *const *events;
	size_t event_count;
	int person_s;                /* seconds more for PreToolUse and PermissionRequest, where a person is waited for */
};

/* The timeout that register gives the event, in seconds; person_s as above. */
int ccm_host_timeout_s(const struct ccm_host_event *event, int person_s);


struct ccm_host_report {
	struct ccm_sbuf added;       /* names with ", " between: events, and "statusLine" */
	struct ccm_sbuf updated;     /* an older path or other timeouts */
	struct ccm_sbuf removed;     /* by register: what stood there twice */
	struct ccm_sbuf notes;       /* what a person should know, one line each */
	bool disabled;               /* the file says disableAllHooks: nothing of this will run */
	bool status_line_taken;      /* another program is the status line, and was left so */
	bool empty;                  /* unregister: nothing is left, and register began without a file */
};
void ccm_host_report_done(struct ccm_host_report *r);
#define _cleanup_host_report_ _cleanup_(ccm_host_report_done)

/* Whether the host would take the file; else words with line and column. */
int ccm_host_settings_check(const struct ccm_sbuf *doc, struct ccm_diag *diag);

/* Checks doc and puts our entries in where they are missing, and right where they are not; entries
 * for other events stay. is_new: there is no file yet, and doc is empty. */
int ccm_host_register(struct ccm_sbuf *doc, bool is_new, const struct ccm_host_registration *want,
		      struct ccm_host_report *report, struct ccm_diag *diag);

/* One of our entries, as a checked file has it. */
struct ccm_host_entry {
	const char *event, *command;
	bool exec_form;              /* false: the command is run by a shell, and not one that register makes */
	bool limited;                /* a matcher or `if` keeps it from running at every such event */
	double timeout_s;            /* 0: none is given */
};
typedef int ccm_host_entry_fn(void *user, const struct ccm_host_entry *e);

/* What else a file says that decides whether our entries run. */
struct ccm_host_switches {
	bool disabled;               /* disableAllHooks */
	bool managed_only;           /* allowManagedHooksOnly; counts in managed settings only */
};

/* Hands out our entries in their order, until each() fails; its error is returned. */
int ccm_host_entries(const struct ccm_sbuf *doc, struct ccm_host_switches *ret, ccm_host_entry_fn *each, void *user);

/* Takes out every entry of ours, and the containers that came with them. doc need only be JSON. */
int ccm_host_unregister(struct ccm_sbuf *doc, struct ccm_host_report *report, struct ccm_diag *diag);

/* Appends the same registration as the hooks.json of a plugin. */
int ccm_host_plugin(const struct ccm_host_registration *want, struct ccm_sbuf *out);

#endif
