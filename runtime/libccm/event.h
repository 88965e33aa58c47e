/* SPDX-License-Identifier: MIT */
/* event - one hook event: read, taken apart, checked.
 *
 * Nothing here refuses an event. What is wrong with it is kept in words (problem), and what could
 * be read of it is there all the same, because the automations still have to judge it.
 *
 * Ownership: ccm_event_done() releases it; raw is owned too.
 */
#ifndef CCM_EVENT_H
#define CCM_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "host.h"
#include "json.h"
#include "uuid.h"

struct ccm_event {
	struct ccm_sbuf raw;         /* the bytes as they came, without the line's end */
	bool truncated;              /* longer than the bound: raw is its beginning */
	struct ccm_sbuf closed;      /* truncated only: raw up to its last whole value, closed to a document */

	char uuid[CCM_UUID_CHARS + 1];
	int64_t received_ms;
	const struct ccm_host_event *spec;   /* NULL: not a known event */
	bool valid;
	struct ccm_sbuf problem;     /* why it is not */

	/* Fields as UTF-8 without NUL (see ccm_json_decode); NULL where the event has none. */
	char *name;                  /* hook_event_name */
	char *session_id, *transcript_path, *cwd, *prompt_id, *permission_mode, *agent_id, *agent_type;
	char *tool_name, *tool_use_id, *prompt, *source, *reason, *model;
	char *tool_command;          /* tool_input.command */
	char *tool_file;             /* tool_input.file_path, or .notebook_path */
	char *match;                 /* the value of the field that matchers look at */
	char *project;               /* CLAUDE_PROJECT_DIR, else cwd */
	struct ccm_json tool_input;  /* a view into raw or closed; type 0: none */
	char *detail;                /* what it is about, in one line of at most 200 characters */
};

/* Reads one event from fd: one line of JSON, or a document of several lines up to the bracket that
 * closes it, or up to the end of file, whichever comes first; never more than max_bytes. The host's
 * stdin is a socket whose end may never come. Returns 0, or negative errno of read(). */
int ccm_event_read(int fd, size_t max_bytes, struct ccm_event *ret);

/* Takes raw apart and checks it against schema/events. project: what the host says in its
 * environment, or NULL. -ENOMEM is the only failure. */
int ccm_event_parse(struct ccm_event *e, const char *project);

/* Gives the event another tool_input, as an automation wanted it: raw is written anew around it. */
int ccm_event_set_tool_input(struct ccm_event *e, const char *json, size_t bytes);

/* What automations read on stdin: raw, or closed. */
const struct ccm_sbuf *ccm_event_input(const struct ccm_event *e);

void ccm_event_done(struct ccm_event *e);

#endif
