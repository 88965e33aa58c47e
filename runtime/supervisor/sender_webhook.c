/* SPDX-License-Identifier: MIT */
/* webhook - one POST of JSON for each alert, to n8n, make.com, or a program of the person's own.
 *
 *     X-CCM-Id: the delivery's id, as in the body: whoever sees it twice has the alert already
 *     X-CCM-Timestamp: Unix time, seconds, of this request
 *     X-CCM-Signature: sha256=HEX, HMAC-SHA256 by [webhook] secret of the timestamp, a dot and the body; only with a secret
 *
 * The timestamp is signed so that an old request cannot be played back for ever.
 */
#include <errno.h>
#include <string.h>

#include "http.h"
#include "libccm/clock.h"
#include "libccm/sha256.h"
#include "secret.h"
#include "sender.h"

struct keys {
	struct secret list[2];               /* the URL, the secret */
};

static void keys_done(struct keys *k)
{
	secret_done(&k->list[0]);
	secret_done(&k->list[1]);
}

/* A URL may be written as such. */
static int get_keys(const struct ccm_settings *settings, struct keys *ret, struct ccm_diag *diag)
{
	const char *url = ccm_settings_text(&settings->webhook_url), *secret = ccm_settings_text(&settings->webhook_secret);
	int r;

	if (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0)
		r = secret_of(url, &ret->list[0]);
	else
		r = secret_get(url, &ret->list[0], diag);
	if (r == 0 && secret)
		r = secret_get(secret, &ret->list[1], diag);
	return r;
}

static void sign(const struct secret *secret, const char *time, const struct ccm_sbuf *body, struct ccm_sbuf *header)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char hex[CCM_SHA256_HEX + 1];

	ccm_sbuf_addf(&text, "%s.", time);
	ccm_sbuf_add(&text, body->text, body->bytes);
	if (ccm_sbuf_error(&text))
		header->failed = true;
	else
		ccm_hmac_sha256(secret->text, secret->bytes, text.text, text.bytes, hex);
	ccm_sbuf_addf(header, "X-CCM-Signature: sha256=%s", hex);
}

static int send(struct sender_ctx *s, const struct alert_message *m, struct send_result *ret)
{
	__attribute__((cleanup(keys_done))) struct keys keys = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf body = { 0 }, id = { 0 }, stamp = { 0 }, signature = { 0 };
	_cleanup_http_answer_ struct http_answer answer = { 0 };
	struct ccm_diag diag = { 0 };
	char time[24];
	int r;

	r = get_keys(&s->ctx->settings, &keys, &diag);
	if (r < 0)
		return sender_no_secret(ret, "webhook", &diag, r);
	r = sender_json(m, &body);
	if (r < 0)
		return r;
	snprintf(time, sizeof time, "%lld", (long long)(ccm_now_ms() / 1000));
	ccm_sbuf_addf(&id, "X-CCM-Id: %s", m->uuid);
	ccm_sbuf_addf(&stamp, "X-CCM-Timestamp: %s", time);
	if (keys.list[1].text)
		sign(&keys.list[1], time, &body, &signature);
	if (ccm_sbuf_error(&id) || ccm_sbuf_error(&stamp) || ccm_sbuf_error(&signature))
		return -ENOMEM;
	r = http_post(s->http, &(struct http_request){
		.url = keys.list[0].text, .content_type = "application/json",
		.headers = (const char *const[]){ id.text, stamp.text, signature.text, NULL }, .body = body.text,
		.body_bytes = body.bytes, .timeout_ms = s->ctx->settings.alert_timeout_ms, .secrets = &keys.list[1],
		.secret_count = keys.list[1].text != NULL }, &answer);
	http_judge(&answer, r, "the webhook", ret);
	return r == -ENOMEM ? r : 0;
}

const struct sender sender_webhook = {
	.name = "webhook", .channel = CCM_WEBHOOK, .needs_http = true, .send = send,
	.missing = "[webhook] url is not set: give the address that alerts are to be posted to, or where it is to be found",
};
