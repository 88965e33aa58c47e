/* SPDX-License-Identifier: MIT */
/* telegram - calls of the Bot API: alerts go out by it, and answers come in.
 *
 *     _cleanup_telegram_ struct telegram t = { 0 };
 *     json_auto_t *result = NULL;
 *     r = telegram_open(http, settings, &t, &diag);
 *     r = telegram_call(&t, "sendMessage", json_pack(...), timeout_ms, &result);
 *     if (r < 0)
 *             t.problem says why, in one line without a secret in it
 *
 * All text that is sent is plain: no parse_mode, so that nothing an agent writes is markup; no previews of links, so that
 * nobody fetches what an agent names.
 *
 * Ownership: http and settings stay the caller's, and must outlive it. parameters are taken over. *ret_result is the caller's.
 * Errors:    -CCM_E_CONFIG: token or chat_id is missing or unusable. -EIO: no answer, or one that may pass; retry_after_ms is
 *            what the server asked for, or 0. -CCM_E_REFUSED: it says no, and would again. -ECANCELED: wake was readable.
 *            -ENOMEM. What it says is hostile like everything from outside: whoever uses the result looks at each type.
 * Source:    core.telegram.org/bots/api, "Making requests", sendMessage, getUpdates.
 */
#ifndef CCM_SUPERVISOR_TELEGRAM_H
#define CCM_SUPERVISOR_TELEGRAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "libccm/settings.h"

#define TELEGRAM_TEXT_MAX 4096           /* characters of a message, in UTF-16 */
#define TELEGRAM_BOT_CHARS 16

struct telegram {
	struct http *http;
	const char *api, *chat;              /* without a slash at its end; a number, or @name */
	size_t api_bytes;
	struct secret token;
	char bot[TELEGRAM_BOT_CHARS + 1];    /* which bot it is: the beginning of a fingerprint of the token */
	int wake;                            /* a call ends when this descriptor becomes readable; 0: none */
	struct ccm_sbuf problem;
	int64_t retry_after_ms;
};

/* What is to be done where it is not set up. */
#define TELEGRAM_MISSING "[telegram] needs token, a reference to your bot's (make one with @BotFather), and chat_id, the number of your chat " \
			 "with it; ccm-alerts(7) shows how"

int telegram_open(struct http *http, const struct ccm_settings *settings, struct telegram *ret, struct ccm_diag *diag);
void telegram_done(struct telegram *t);
#define _cleanup_telegram_ _cleanup_(telegram_done)

int telegram_call(struct telegram *t, const char *method, json_t *parameters, int64_t timeout_ms, json_t **ret_result);

/* Waits. True: wake is readable. */
bool telegram_pause(const struct telegram *t, int64_t ms);

/* What sendMessage and editMessageText take: the chat and the text. NULL: no memory. */
json_t *telegram_message(const struct telegram *t, const char *text);

/* True if this is the configured chat. name: its @name without the @, or NULL. */
bool telegram_is_chat(const struct telegram *t, int64_t id, const char *name);

/* Appends as much of the text as max of the units that Telegram counts in, an ellipsis included. */
void telegram_cut(struct ccm_sbuf *out, const char *text, size_t max);

#endif
