/* SPDX-License-Identifier: MIT */
/* explain - the rules that a sandbox comes to, for a person and for programs.
 *
 *     json_auto_t *rules = explain_rules(&what);
 *     explain_text(rules, &out);
 *
 * The rules are an object: "layers": names; "paths": { "path", "access", "at" if it is found elsewhere }; "network":
 * { "hosts", "api": where the agent's API is or null, "own_servers" }; "environment": a value for each name, null where
 * it is the person's own or made anew at each start; "limits": numbers, 0 for no bound; "title".
 * The rules of a task are written to tasks/ID/rules.json when it starts, and are what `sandbox explain ID` shows.
 *
 * Errors: NULL when out of memory.
 */
#ifndef CCM_SUPERVISOR_EXPLAIN_H
#define CCM_SUPERVISOR_EXPLAIN_H

#include <jansson.h>

#include "ctx.h"
#include "sandbox.h"

struct explained {
	const char *title;
	const struct sandbox_spec *spec;
	unsigned layers;
	const char *const *hosts;        /* NULL ends them; NULL: none */
	const char *api_url;             /* NULL: none */
	const char *const *made_env;     /* NAME=value, values that are made anew at each start; NULL: none */
	const struct explained_limit { const char *name, *unit; int64_t value; } *limits;     /* a NULL name ends them */
};

json_t *explain_rules(const struct explained *e);
void explain_text(const json_t *rules, struct ccm_sbuf *out);

/* What a task has, had at its last start, or would get: `sandbox explain`. id NULL: one of the repository in directory.
 * Returns as commands do. */
int explain_task(struct ctx *ctx, const char *id, const char *directory, bool json);

/* Writes tasks/ID/rules.json. */
struct session_spec;
struct network;
struct task_limits;
int explain_save(const struct session_spec *session, const struct sandbox_spec *spec, unsigned layers,
		 const struct network *network, const struct task_limits *limits);

#endif
