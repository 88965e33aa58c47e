/* SPDX-License-Identifier: MIT */
#include "http.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "libccm/term.h"
#include "libccm/utf8.h"

#define WORDS_BYTES 200                  /* of an answer that are told */
#define URL_SECRETS 4

struct http {
	CURL *easy;
	CURLM *multi;                        /* of requests that can be given up; NULL: there was none yet */
	struct http_answer *answer;          /* of the request that is being made */
	size_t header_bytes;
};

int http_open(struct http **ret)
{
	struct http *h = calloc(1, sizeof *h);

	if (!h)
		return -ENOMEM;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	h->easy = curl_easy_init();
	if (!h->easy) {
		free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->easy);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	free(h);
}

void http_answer_done(struct http_answer *a)
{
	ccm_sbuf_done(&a->body);
	ccm_sbuf_done(&a->problem);
	ccm_sbuf_done(&a->words);
	*a = (struct http_answer){ 0 };
}

/* Fewer bytes taken than there are end the transfer. */
static size_t take_body(char *data, size_t size, size_t count, void *user)
{
	struct http *h = user;
	size_t bytes = size * count, room = HTTP_BODY_BYTES - h->answer->body.bytes;

	if (bytes > room)
		h->answer->cut = true;
	ccm_sbuf_add(&h->answer->body, data, bytes < room ? bytes : room);
	return bytes > room ? 0 : bytes;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
	struct http *h = user;

	(void)data;
	h->header_bytes += size * count;
	return h->header_bytes > HTTP_BODY_BYTES ? 0 : size * count;
}

/* ---- what is secret in a URL */

struct url_secrets {
	struct secret list[URL_SECRETS];
	size_t count;
};

static void url_secrets_done(struct url_secrets *u)
{
	for (size_t i = 0; i < u->count; i++)
		secret_done(&u->list[i]);
}

/* The host may be told: who reads the message must know where to look. */
static int split_url(const char *url, struct url_secrets *ret)
{
	static const CURLUPart parts[URL_SECRETS] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_PATH, CURLUPART_QUERY };
	CURLU *u = curl_url();
	int r = 0;

	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK)
		r = -CCM_E_CONFIG;
	for (size_t i = 0; i < URL_SECRETS && r == 0; i++) {
		char *text = NULL;

		if (curl_url_get(u, parts[i], &text, 0) == CURLUE_OK && text[0] && strcmp(text, "/") != 0) {
			r = secret_of(text, &ret->list[ret->count]);
			if (r == 0)
				ret->count++;
			explicit_bzero(text, strlen(text));
		}
		curl_free(text);
	}
	curl_url_cleanup(u);
	return r;
}

/* Appends text as one line for people. */
static void add_words(struct ccm_sbuf *out, const char *text, size_t bytes, const struct http_request *q,
		      const struct url_secrets *url)
{
	_cleanup_sbuf_ struct ccm_sbuf once = { 0 }, twice = { 0 };

	secret_redact(&once, text, bytes, q->secrets, q->secret_count);
	secret_redact(&twice, ccm_sbuf_str(&once), once.bytes, url->list, url->count);
	ccm_term_clean(out, ccm_sbuf_str(&twice), ccm_utf8_cut(ccm_sbuf_str(&twice), twice.bytes, WORDS_BYTES), CCM_CLEAN_LINE);
	if (twice.bytes > WORDS_BYTES)
		ccm_sbuf_adds(out, "…");
}

/* ---- the request */

static struct curl_slist *header_list(const struct http_request *q)
{
	_cleanup_sbuf_ struct ccm_sbuf type = { 0 };
	struct curl_slist *list, *more;

	ccm_sbuf_addf(&type, "Content-Type: %s", q->content_type);
	list = curl_slist_append(NULL, ccm_sbuf_str(&type));
	/* Without it, libcurl would wait for a second before it sends a longer body. */
	more = list ? curl_slist_append(list, "Expect:") : NULL;
	for (size_t i = 0; more && q->headers && q->headers[i]; i++)
		more = curl_slist_append(list, q->headers[i]);
	if (more)
		return list;
	curl_slist_free_all(list);
	return NULL;
}

static const char *setting(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static void set_options(struct http *h, const struct http_request *q, struct curl_slist *headers, char *error)
{
	const char *authorities = setting("CURL_CA_BUNDLE"), *folder = setting("SSL_CERT_DIR");
	CURL *e = h->easy;

	if (!authorities)
		authorities = setting("SSL_CERT_FILE");
	curl_easy_reset(e);                  /* keeps the connections */
	curl_easy_setopt(e, CURLOPT_URL, q->url);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body_bytes ? q->body : "");
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_bytes);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(e, CURLOPT_USERAGENT, "ccm/" PACKAGE_VERSION);
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, error);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
	if (authorities)
		curl_easy_setopt(e, CURLOPT_CAINFO, authorities);
	if (folder)
		curl_easy_setopt(e, CURLOPT_CAPATH, folder);
}

static int64_t retry_after_ms(CURL *e)
{
	curl_off_t seconds = 0;

	if (curl_easy_getinfo(e, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
		return -1;
	return seconds > HTTP_RETRY_AFTER_MAX_MS / 1000 ? HTTP_RETRY_AFTER_MAX_MS : (int64_t)seconds * 1000;
}

static bool is_hopeless(CURLcode code)
{
	return code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_URL_MALFORMAT || code == CURLE_SSL_CACERT_BADFILE;
}

/* As curl_easy_perform(), but it ends when wake is readable: then *ret_given_up is true. */
static CURLcode perform_until(struct http *h, int wake, bool *ret_given_up)
{
	struct curl_waitfd fd = { .fd = wake, .events = CURL_WAIT_POLLIN };
	CURLcode code = CURLE_OUT_OF_MEMORY;
	int running = 1, left;
	CURLMsg *message;

	if (!h->multi)
		h->multi = curl_multi_init();
	if (!h->multi || curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		return code;
	while (curl_multi_perform(h->multi, &running) == CURLM_OK && running) {
		fd.revents = 0;
		curl_multi_poll(h->multi, &fd, 1, 1000, NULL);
		*ret_given_up = fd.revents != 0;
		if (*ret_given_up)
			break;
	}
	while ((message = curl_multi_info_read(h->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			code = message->data.result;
	curl_multi_remove_handle(h->multi, h->easy);
	return code;
}

static int perform(struct http *h, const struct http_request *q, const struct url_secrets *url, struct http_answer *a)
{
	struct curl_slist *headers = header_list(q);
	char error[CURL_ERROR_SIZE] = "";
	bool given_up = false;
	const char *words;
	CURLcode code;

	if (!headers)
		return -ENOMEM;
	h->answer = a;
	h->header_bytes = 0;
	set_options(h, q, headers, error);
	code = q->wake ? perform_until(h, q->wake, &given_up) : curl_easy_perform(h->easy);
	curl_slist_free_all(headers);
	curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &a->status);
	/* Who has said yes has it, though the rest of the answer never came. */
	if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && a->cut) || a->status / 100 == 2) {
		a->retry_after_ms = retry_after_ms(h->easy);
		add_words(&a->words, ccm_sbuf_str(&a->body), strcspn(ccm_sbuf_str(&a->body), "\r\n"), q, url);
		return 0;
	}
	a->status = 0;
	words = h->header_bytes > HTTP_BODY_BYTES ? "the headers of its answer do not end" : error[0] ? error : curl_easy_strerror(code);
	add_words(&a->problem, words, strlen(words), q, url);
	return is_hopeless(code) ? -CCM_E_CONFIG : -EIO;
}

int http_post(struct http *h, const struct http_request *q, struct http_answer *a)
{
	__attribute__((cleanup(url_secrets_done))) struct url_secrets url = { 0 };
	int r;

	*a = (struct http_answer){ .retry_after_ms = -1 };
	if (q->timeout_ms <= 0)
		return -EINVAL;
	r = split_url(q->url, &url);
	if (r == -CCM_E_CONFIG)
		ccm_sbuf_adds(&a->problem, "what is configured is not a URL");
	if (r == 0)
		r = perform(h, q, &url, a);
	if (ccm_sbuf_error(&a->body) || ccm_sbuf_error(&a->problem) || ccm_sbuf_error(&a->words))
		r = -ENOMEM;
	return r;
}

static bool may_pass(long status)
{
	switch (status) {
	case 302: case 303: case 307:        /* what a network that wants a login first says, too */
	case 408: case 425: case 429:
		return true;
	}
	return status >= 500 || status < 200;
}

void http_judge(const struct http_answer *a, int r, const char *receiver, struct send_result *ret)
{
	if (r == 0 && a->status / 100 == 2) {
		ret->outcome = SEND_SENT;
		return;
	}
	ccm_sbuf_clear(&ret->problem);
	if (r < 0) {
		ret->outcome = r == -CCM_E_CONFIG ? SEND_NEVER : SEND_LATER;
		ccm_sbuf_addf(&ret->problem, "%s cannot be reached: %s", receiver, a->problem.bytes ? a->problem.text : ccm_strerror(r));
		return;
	}
	ret->outcome = may_pass(a->status) ? SEND_LATER : SEND_NEVER;
	ret->retry_after_ms = a->retry_after_ms;
	ccm_sbuf_addf(&ret->problem, "%s answered %ld%s%s", receiver, a->status, a->words.bytes ? ": " : "", ccm_sbuf_str(&a->words));
	if (a->status / 100 == 3)
		ccm_sbuf_adds(&ret->problem, " (a redirect, which is not followed: configure where it leads to)");
}
