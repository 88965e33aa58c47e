/* SPDX-License-Identifier: MIT */
#include "network.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void network_done(struct network *n)
{
	proxy_stop(&n->proxy);
	words_done(&n->hosts);
	words_done(&n->env);
	free(n->program);
	free(n->api_header);
	n->program = n->api_header = NULL;
}

/* The person's credential, by the variable that they set. */
static const struct credential {
	const char *variable, *header;
} credentials[] = {
	{ "ANTHROPIC_API_KEY", "x-api-key: " },
	{ "ANTHROPIC_AUTH_TOKEN", "authorization: Bearer " },
	{ "CLAUDE_CODE_OAUTH_TOKEN", "authorization: Bearer " },
};

static int add(struct words *w, const char *name, const char *value)
{
	_cleanup_free_ char *both = NULL;

	if (asprintf(&both, "%s=%s", name, value) < 0) {
		both = NULL;
		return -ENOMEM;
	}
	return words_add(w, both);
}

static int plan_claude(struct network *n)
{
	const char *url = getenv("ANTHROPIC_BASE_URL");
	_cleanup_free_ char *inside = NULL;
	int r = 0;

	n->api_url = url && url[0] ? url : "https://api.anthropic.com";
	if (asprintf(&inside, "http://127.0.0.1:%d/%s", n->port, n->token) < 0) {
		inside = NULL;
		return -ENOMEM;
	}
	r = add(&n->env, "ANTHROPIC_BASE_URL", inside);
	for (size_t i = 0; i < ARRAY_SIZE(credentials) && r == 0; i++) {
		const char *value = getenv(credentials[i].variable);

		if (!value || !value[0])
			continue;
		if (asprintf(&n->api_header, "%s%s", credentials[i].header, value) < 0) {
			n->api_header = NULL;
			return -ENOMEM;
		}
		return add(&n->env, credentials[i].variable, NETWORK_NO_KEY);
	}
	return r;
}

static int plan_hosts(struct network *n, const struct profile *profile, enum ccm_agent kind, struct ccm_diag *diag)
{
	int r = kind == CCM_AGENT_CODEX ? words_add(&n->hosts, "api.openai.com") : 0;

	for (size_t i = 0; i < profile->hosts.count && r == 0; i++) {
		struct ccm_diag words = { 0 };

		if (proxy_check_host(profile->hosts.list[i], &words) < 0)
			return ccm_diag_set(diag, -CCM_E_CONFIG, "[sandbox] allow_hosts: %s", ccm_diag_text(&words, -EINVAL));
		r = words_add(&n->hosts, profile->hosts.list[i]);
	}
	return r;
}

static int plan_environment(struct network *n)
{
	_cleanup_sbuf_ struct ccm_sbuf env = { 0 };
	int r = 0;

	if (!n->hosts.count)
		return 0;
	proxy_environment(&env, n->port, n->token, (const char *const *)n->hosts.list);
	if (ccm_sbuf_error(&env))
		return -ENOMEM;
	for (const char *at = env.text; at < env.text + env.bytes && r == 0; at += strlen(at) + 1)
		r = words_add(&n->env, at);
	return r;
}

int network_plan(struct network *n, const struct ccm_paths *paths, const struct profile *profile, enum ccm_agent kind,
		 struct ccm_diag *diag)
{
	unsigned char bytes[16];
	int r;

	network_done(n);
	*n = (struct network)NETWORK_INIT;
	if (kind == CCM_AGENT_CUSTOM && !profile->hosts.count)
		return 0;
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return -EIO;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(n->token + 2 * i, 3, "%02x", bytes[i]);
	if (asprintf(&n->program, "%s/ccm-proxy", paths->libexec) < 0) {
		n->program = NULL;
		return -ENOMEM;
	}
	n->port = proxy_random_port();
	r = plan_hosts(n, profile, kind, diag);
	if (r == 0)
		r = plan_environment(n);
	if (r == 0 && kind == CCM_AGENT_CLAUDE)
		r = plan_claude(n);
	return r;
}

int network_serve(struct network *n, int listen_fd, int denied_fd, struct ccm_diag *diag)
{
	static const char *const none[] = { NULL };
	const struct proxy_spec spec = {
		.program = n->program, .hosts = n->hosts.count ? (const char *const *)n->hosts.list : none,
		.api_url = n->api_url, .api_header = n->api_header, .token = n->token, .denied_fd = denied_fd,
	};

	return n->port ? proxy_start(&spec, listen_fd, &n->proxy, diag) : 0;
}
