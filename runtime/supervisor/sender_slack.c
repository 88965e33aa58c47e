/* SPDX-License-Identifier: MIT */
/* slack - an incoming webhook of a Slack workspace.
 *
 * What is said is said as it is: &, < and > are escaped, so no link, no @channel; and no markup is read in it.
 *
 * Source: docs.slack.dev: "Sending messages using incoming webhooks", "Formatting text for app surfaces".
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "http.h"
#include "libccm/alert.h"
#include "secret.h"
#include "sender.h"

#define TITLE_BYTES 300
#define BODY_BYTES 3000                  /* Slack cuts at 40,000 characters, and people long before */

static void add_escaped(struct ccm_sbuf *out, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '&')
			ccm_sbuf_adds(out, "&amp;");
		else if (*p == '<')
			ccm_sbuf_adds(out, "&lt;");
		else if (*p == '>')
			ccm_sbuf_adds(out, "&gt;");
		else
			ccm_sbuf_addc(out, *p);
	}
}

static int make_text(const struct alert_message *m, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf plain = { 0 };

	ccm_sbuf_addf(&plain, "[%s] ", ccm_alert_level_name(m->level));
	sender_cut(&plain, m->title, TITLE_BYTES);
	if (m->body[0]) {
		ccm_sbuf_addc(&plain, '\n');
		sender_cut(&plain, m->body, BODY_BYTES);
	}
	sender_add_about(&plain, m);
	add_escaped(out, ccm_sbuf_str(&plain));
	return ccm_sbuf_error(&plain) < 0 ? -ENOMEM : ccm_sbuf_error(out);
}

static int send(struct sender_ctx *s, const struct alert_message *m, struct send_result *ret)
{
	_cleanup_http_answer_ struct http_answer answer = { 0 };
	_cleanup_secret_ struct secret url = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	_cleanup_free_ char *body = NULL;
	struct ccm_diag diag = { 0 };
	json_auto_t *root = NULL;
	int r;

	r = secret_get(ccm_settings_text(&s->ctx->settings.slack_url), &url, &diag);
	if (r < 0)
		return sender_no_secret(ret, "slack", &diag, r);
	r = make_text(m, &text);
	root = r == 0 ? json_pack("{s:s, s:b, s:b, s:b, s:b}", "text", text.text, "mrkdwn", 0, "link_names", 0, "unfurl_links", 0,
				  "unfurl_media", 0) : NULL;
	body = root ? json_dumps(root, JSON_COMPACT) : NULL;
	if (!body)
		return -ENOMEM;
	r = http_post(s->http, &(struct http_request){
		.url = url.text, .content_type = "application/json", .body = body, .body_bytes = strlen(body),
		.timeout_ms = s->ctx->settings.alert_timeout_ms, .secrets = &url, .secret_count = 1 }, &answer);
	http_judge(&answer, r, "Slack", ret);
	return r == -ENOMEM ? r : 0;
}

const struct sender sender_slack = {
	.name = "slack", .channel = CCM_SLACK, .needs_http = true, .send = send,
	.missing = "[slack] url is not set: say where the address of your incoming webhook is to be found (env:NAME, file:PATH, "
		   "keyring:SERVICE/ACCOUNT)",
};
