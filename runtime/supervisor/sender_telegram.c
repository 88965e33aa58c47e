/* SPDX-License-Identifier: MIT */
/* Telegram: a message of the bot in the configured chat. Low ones come without a sound. */
#include <errno.h>
#include <string.h>

#include "libccm/alert.h"
#include "sender.h"
#include "telegram.h"

#define TITLE_MAX 300
#define BODY_MAX 3300                    /* together less than TELEGRAM_TEXT_MAX */

/* The end is kept free for where it comes from. */
static int write_text(const struct alert_message *m, struct ccm_sbuf *out)
{
	static const char *const marks[] = { [CCM_ALERT_INFO] = "", [CCM_ALERT_WARNING] = "\U0001F7E1 ", [CCM_ALERT_URGENT] = "\U0001F534 ",
					     [CCM_ALERT_OFF] = "" };

	ccm_sbuf_adds(out, marks[m->level]);
	telegram_cut(out, m->title, TITLE_MAX);
	if (m->body[0]) {
		ccm_sbuf_adds(out, "\n\n");
		telegram_cut(out, m->body, BODY_MAX);
	}
	sender_add_about(out, m);
	return ccm_sbuf_error(out);
}

static json_t *message(const struct telegram *t, const struct alert_message *m)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	json_t *ret;

	if (write_text(m, &text) < 0)
		return NULL;
	ret = telegram_message(t, text.text);
	if (ret && m->level == CCM_ALERT_INFO && json_object_set_new(ret, "disable_notification", json_true()) < 0) {
		json_decref(ret);
		return NULL;
	}
	return ret;
}

static int send_telegram(struct sender_ctx *s, const struct alert_message *m, struct send_result *ret)
{
	_cleanup_telegram_ struct telegram t = { 0 };
	struct ccm_diag diag = { 0 };
	json_auto_t *result = NULL;
	const json_t *id;
	int r;

	r = telegram_open(s->http, &s->ctx->settings, &t, &diag);
	if (r < 0)
		return sender_no_secret(ret, "telegram", &diag, r);
	r = telegram_call(&t, "sendMessage", message(&t, m), s->ctx->settings.alert_timeout_ms, &result);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		send_result_set(ret, r == -EIO ? SEND_LATER : SEND_NEVER, "%s", ccm_sbuf_str(&t.problem));
		ret->retry_after_ms = t.retry_after_ms;
		return 0;
	}
	ret->outcome = SEND_SENT;
	id = json_object_get(result, "message_id");
	if (json_is_integer(id))
		ccm_sbuf_addf(&ret->remote_id, "%lld", (long long)json_integer_value(id));
	return 0;
}

const struct sender sender_telegram = {
	.name = "telegram", .channel = CCM_TELEGRAM, .needs_http = true, .missing = TELEGRAM_MISSING, .send = send_telegram,
};
