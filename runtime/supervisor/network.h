/* SPDX-License-Identifier: MIT */
/* network - a task's way out: the proxy, with the hosts of its profile and the agent's API.
 *
 *     r = network_plan(&net, paths, profile, kind, &diag);   // a port, a token, what the environment must say
 *     r = sandbox_start(...);                                // -EADDRINUSE: network_plan() again
 *     r = network_serve(&net, child.proxy_fd, denied_fd, &diag);
 *
 * Claude Code's API is reached below ANTHROPIC_BASE_URL, which inside names the proxy; the credential (ANTHROPIC_API_KEY,
 * ANTHROPIC_AUTH_TOKEN or CLAUDE_CODE_OAUTH_TOKEN of the person's environment) is added by the proxy, outside. Inside,
 * the variable holds a word that is worth nothing. Other agents get api.openai.com (codex) or nothing besides
 * [sandbox] allow_hosts.
 *
 * Ownership: network_done() ends the proxy and releases all.
 * Errors:    negative, with words.
 */
#ifndef CCM_SUPERVISOR_NETWORK_H
#define CCM_SUPERVISOR_NETWORK_H

#include "libccm/paths.h"
#include "profile.h"
#include "proxy.h"

/* What an agent holds in place of a key. */
#define NETWORK_NO_KEY "sk-ant-ccm-task-the-proxy-adds-the-real-one"

struct network {
	struct proxy proxy;
	struct words hosts, env;     /* env: NAME=value */
	char *program, *api_header;
	const char *api_url;
	char token[33];
	int port;                    /* 0: no network at all */
};
#define NETWORK_INIT { .proxy = PROXY_INIT }

int network_plan(struct network *n, const struct ccm_paths *paths, const struct profile *profile, enum ccm_agent kind,
		 struct ccm_diag *diag);
int network_serve(struct network *n, int listen_fd, int denied_fd, struct ccm_diag *diag);
void network_done(struct network *n);

#endif
