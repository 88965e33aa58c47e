/* SPDX-License-Identifier: MIT */
/* http - one POST after the other, to whom a person configured.
 *
 *     struct http *http;
 *     r = http_open(&http);
 *     ...
 *     struct http_answer answer = { 0 };
 *     r = http_post(http, &(struct http_request){ .url = url, .content_type = "application/json", .body = text, .body_bytes = n,
 *                                                 .timeout_ms = 10000, .secrets = &token, .secret_count = 1 }, &answer);
 *     http_judge(&answer, r, "Slack", result);         // SENT, LATER or NEVER, and why, without a secret
 *     http_answer_done(&answer);
 *
 * Connections are kept from one request to the next. No redirect is followed: what is sent, and the secret in its URL, is
 * for this receiver. Certificates are checked; SSL_CERT_FILE, CURL_CA_BUNDLE and SSL_CERT_DIR are honoured, as are the
 * variables for proxies that libcurl knows. Of an answer, HTTP_BODY_BYTES are read, and no more than as much of headers.
 *
 * Every text that comes from here is free of the given secrets, of what is secret in the URL (user, password, path, query), and
 * of control bytes.
 *
 * Ownership: http_close() accepts NULL. http_answer_done() empties an answer, also after a failure.
 * Units:     _ms milliseconds; a timeout is for the whole of a request, and 0 is -EINVAL.
 * Errors:    0: there is an answer, whatever its status. -EIO: there is none, answer->problem says why, and it may pass.
 *            -CCM_E_CONFIG: there can be none (not a URL, no such protocol). -ECANCELED: wake became readable. -ENOMEM.
 */
#ifndef CCM_SUPERVISOR_HTTP_H
#define CCM_SUPERVISOR_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secret.h"
#include "sender.h"

#define HTTP_BODY_BYTES 65536
#define HTTP_RETRY_AFTER_MAX_MS (3600LL * 1000)

struct http;
int http_open(struct http **ret);
void http_close(struct http *http);

struct http_request {
	const char *url;
	const char *content_type;            /* of the body */
	const char *const *headers;          /* "Name: value", NULL-terminated; NULL: none */
	const void *body;
	size_t body_bytes;
	int64_t timeout_ms;
	int wake;                            /* the request is given up when this descriptor becomes readable; 0: none */
	const struct secret *secrets;        /* what no text must hold; the URL's own are known */
	size_t secret_count;
};

struct http_answer {
	long status;                         /* 0: none */
	int64_t retry_after_ms;              /* as the receiver wished, HTTP_RETRY_AFTER_MAX_MS at most; -1: it did not say */
	struct ccm_sbuf body;                /* as it came; may hold anything */
	bool cut;                            /* there was more */
	struct ccm_sbuf problem;             /* why there is no answer */
	struct ccm_sbuf words;               /* the beginning of the body as one line that can be shown */
};

int http_post(struct http *http, const struct http_request *request, struct http_answer *ret);
void http_answer_done(struct http_answer *answer);
#define _cleanup_http_answer_ _cleanup_(http_answer_done)

/* What an answer, or the lack of one (r of http_post), means for a delivery: 2xx SENT; none, 408, 425, 429, 5xx and a redirect that
 * says it is for now LATER; all else NEVER. The problem names the receiver in words: "Slack answered 404: no_team". */
void http_judge(const struct http_answer *answer, int r, const char *receiver, struct send_result *ret);

#endif
