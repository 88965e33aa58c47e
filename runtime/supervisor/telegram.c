/* SPDX-License-Identifier: MIT */
#include "telegram.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "libccm/alert.h"
#include "libccm/json.h"
#include "libccm/sha256.h"
#include "libccm/term.h"
#include "libccm/utf8.h"

#define DESCRIPTION_BYTES 200

/* It becomes part of a URL. */
static bool is_token(const struct secret *s)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:_-";

	return s->bytes && strspn(s->text, allowed) == s->bytes;
}

static bool is_number(const char *text)
{
	const char *digits = text + (*text == '-');
	size_t count = strspn(digits, "0123456789");

	return count > 0 && count < 19 && !digits[count];
}

static bool is_name(const char *text)
{
	return text[0] == '@' && text[1] &&
	       text[1 + strspn(text + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static void fingerprint(struct telegram *t)
{
	struct ccm_sha256 h;
	char hex[CCM_SHA256_HEX + 1];

	ccm_sha256_begin(&h);
	ccm_sha256_add(&h, t->token.text, t->token.bytes);
	ccm_sha256_end(&h, hex);
	memcpy(t->bot, hex, TELEGRAM_BOT_CHARS);
}

int telegram_open(struct http *http, const struct ccm_settings *settings, struct telegram *ret, struct ccm_diag *diag)
{
	_cleanup_telegram_ struct telegram t = { .http = http };
	const char *api = ccm_settings_text(&settings->telegram_api);
	int r;

	if (!ccm_channel_is_set_up(settings, CCM_TELEGRAM))
		return ccm_diag_set(diag, -CCM_E_CONFIG, "%s", TELEGRAM_MISSING);
	t.api = api ? api : CCM_TELEGRAM_API;
	t.api_bytes = strlen(t.api);
	while (t.api_bytes && t.api[t.api_bytes - 1] == '/')
		t.api_bytes--;
	t.chat = ccm_settings_text(&settings->telegram_chat);
	if (!is_number(t.chat) && !is_name(t.chat))
		return ccm_diag_set(diag, -CCM_E_CONFIG, "chat_id must be a number such as 123456789, or a @name");
	r = secret_get(ccm_settings_text(&settings->telegram_token), &t.token, diag);
	if (r < 0)
		return r;
	if (!is_token(&t.token))
		return ccm_diag_set(diag, -CCM_E_CONFIG, "what token refers to is no token of a bot: those are digits, a "
				    "colon, and letters, digits, - and _");
	fingerprint(&t);
	*ret = t;
	t = (struct telegram){ 0 };
	return 0;
}

void telegram_done(struct telegram *t)
{
	secret_done(&t->token);
	ccm_sbuf_done(&t->problem);
	*t = (struct telegram){ 0 };
}

static int set_problem(struct telegram *t, int r, const char *words)
{
	_cleanup_sbuf_ struct ccm_sbuf safe = { 0 };

	ccm_sbuf_clear(&t->problem);
	secret_redact(&safe, words, strlen(words), &t->token, 1);
	ccm_term_clean(&t->problem, ccm_sbuf_str(&safe), safe.bytes, CCM_CLEAN_LINE);
	return ccm_sbuf_error(&safe) || ccm_sbuf_error(&t->problem) ? -ENOMEM : r;
}

static bool may_pass(long status)
{
	return status == 408 || status == 409 || status == 425 || status == 429 || status >= 500 || status / 100 == 3;
}

/* Its own words, where it has any. */
static int judge(struct telegram *t, const struct http_answer *a, const json_t *root)
{
	const char *description = json_string_value(json_object_get(root, "description"));
	json_int_t wait_s = json_integer_value(json_object_get(json_object_get(root, "parameters"), "retry_after"));
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };

	ccm_sbuf_addf(&words, "Telegram answered %ld", a->status);
	if (description) {
		ccm_sbuf_adds(&words, ": ");
		ccm_sbuf_add(&words, description, ccm_utf8_cut(description, strlen(description), DESCRIPTION_BYTES));
	} else if (a->status == 200) {
		ccm_sbuf_adds(&words, a->cut ? " with more than is taken" : " with what is no JSON");
	}
	if (a->status == 401 || a->status == 404)
		ccm_sbuf_adds(&words, " (is [telegram] token the token of your bot?)");
	else if (a->status == 403)
		ccm_sbuf_adds(&words, " (write to your bot once: it may not begin)");
	else if (a->status == 400 && description && strstr(description, "chat not found"))
		ccm_sbuf_adds(&words, " (is [telegram] chat_id right, and did you write to your bot once?)");
	if (ccm_sbuf_error(&words))
		return -ENOMEM;
	t->retry_after_ms = a->retry_after_ms > 0 ? a->retry_after_ms : 0;
	if (!t->retry_after_ms && wait_s > 0)
		t->retry_after_ms = wait_s < HTTP_RETRY_AFTER_MAX_MS / 1000 ? wait_s * 1000 : HTTP_RETRY_AFTER_MAX_MS;
	return set_problem(t, a->status == 200 || may_pass(a->status) ? -EIO : -CCM_E_REFUSED, words.text);
}

static int call(struct telegram *t, const char *method, const char *body, int64_t timeout_ms, struct http_answer *answer)
{
	struct ccm_sbuf url = { 0 };
	int r;

	ccm_sbuf_addf(&url, "%.*s/bot%s/%s", (int)t->api_bytes, t->api, t->token.text, method);
	if (ccm_sbuf_error(&url))
		return -ENOMEM;
	r = http_post(t->http, &(struct http_request){ .url = url.text, .content_type = "application/json", .body = body,
		      .body_bytes = strlen(body), .timeout_ms = timeout_ms, .secrets = &t->token, .secret_count = 1,
		      .wake = t->wake }, answer);
	explicit_bzero(url.text, url.bytes);
	ccm_sbuf_done(&url);
	return r;
}

/* NULL: it is no JSON. What is odd in a text, in which others had a say, does not make the whole unreadable. */
static json_t *parse(const struct ccm_sbuf *body)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json value;

	if (ccm_json_parse(ccm_sbuf_str(body), body->bytes, &value, NULL) < 0)
		return NULL;
	ccm_json_repair(&text, value.text, value.bytes);
	return ccm_sbuf_error(&text) ? NULL : json_loadb(ccm_sbuf_str(&text), text.bytes, 0, NULL);
}

int telegram_call(struct telegram *t, const char *method, json_t *parameters, int64_t timeout_ms, json_t **ret_result)
{
	_cleanup_free_ char *body = parameters ? json_dumps(parameters, JSON_COMPACT) : NULL;
	_cleanup_http_answer_ struct http_answer answer = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	json_auto_t *root = NULL;
	int r;

	json_decref(parameters);
	t->retry_after_ms = 0;
	if (!body)
		return -ENOMEM;
	r = call(t, method, body, timeout_ms, &answer);
	if (r == -ENOMEM || r == -ECANCELED)
		return r;
	if (r < 0) {
		ccm_sbuf_addf(&words, "Telegram cannot be reached: %s", answer.problem.bytes ? answer.problem.text : ccm_strerror(r));
		return ccm_sbuf_error(&words) ? -ENOMEM : set_problem(t, r, words.text);
	}
	root = parse(&answer.body);
	if (answer.status != 200 || !json_is_true(json_object_get(root, "ok")))
		return judge(t, &answer, root);
	if (ret_result)
		*ret_result = json_incref(json_object_get(root, "result"));
	return 0;
}

bool telegram_pause(const struct telegram *t, int64_t ms)
{
	struct pollfd fd = { .fd = t->wake ? t->wake : -1, .events = POLLIN };

	return poll(&fd, 1, (int)(ms > 0 ? ms : 0)) > 0;
}

json_t *telegram_message(const struct telegram *t, const char *text)
{
	json_t *m = json_pack("{s:s, s:{s:b}}", "text", text, "link_preview_options", "is_disabled", 1);
	json_t *chat = is_number(t->chat) ? json_integer(strtoll(t->chat, NULL, 10)) : json_string(t->chat);

	if (m && json_object_set_new(m, "chat_id", chat) == 0)
		return m;
	json_decref(m);
	return NULL;
}

bool telegram_is_chat(const struct telegram *t, int64_t id, const char *name)
{
	if (is_number(t->chat))
		return id == strtoll(t->chat, NULL, 10);
	return name && strcasecmp(t->chat + 1, name) == 0;
}

void telegram_cut(struct ccm_sbuf *out, const char *text, size_t max)
{
	size_t bytes = strlen(text), units = 0, fits = 0, step;

	for (size_t i = 0; i < bytes; i += step) {
		units += ccm_utf8_next(text + i, bytes - i, &step) > 0xffff ? 2 : 1;
		if (units < max)
			fits = i + step;
	}
	if (units <= max) {
		ccm_sbuf_add(out, text, bytes);
		return;
	}
	ccm_sbuf_add(out, text, fits);
	ccm_sbuf_adds(out, "…");
}
