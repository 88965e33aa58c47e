/* SPDX-License-Identifier: MIT */
#include "approve.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>

#include "http.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/redact.h"
#include "libccm/sha256.h"
#include "libccm/term.h"
#include "libccm/utf8.h"
#include "libccm/uuid.h"
#include "secret.h"
#include "telegram.h"

#define QUESTION_MAX_BYTES ((size_t)512 << 10)
#define HEAD_BYTES 1000                  /* of what would be done: how much is shown */
#define TAIL_BYTES 400
#define REASON_BYTES 700
#define NONCE_BYTES 16
#define SEND_MAX_MS 5000                 /* for the question to be out */
#define POLL_S 2                         /* how long Telegram holds a call open: as long until we look around */
#define UPDATES 5                        /* of one call: all of them fit into what is read of an answer */
#define OVERTIME_MS 3000                 /* for a call that is on its way when the time is over */
#define LOOK_MS 200
#define PAUSE_MS 300                     /* after a call that came back at once with nothing */
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 5000
#define PRESS_MAX_MS 3000                /* to tell the phone that its press came */
#define CALL_WITHIN_MS (60LL * 60 * 1000)
#define LAPSE_MS (60LL * 1000)
#define COUNTS_ANEW_MS (6LL * 24 * 3600 * 1000)  /* Telegram does after a week without updates */

static int signal_pipe[2] = { -1, -1 };

struct question {
	json_t *root;
	const char *event_uuid, *event, *session_id, *agent_id, *project, *tool, *detail, *input, *reason;
	int64_t input_bytes, wait_ms;
};

struct asking {
	struct ctx *ctx;
	struct question q;
	struct http *http;
	struct telegram t;
	int64_t start_ms, until_us;          /* the time runs from when the question is out */
	char uuid[CCM_UUID_CHARS + 1];
	char nonce[2 * NONCE_BYTES + 1];
	struct ccm_sbuf summary, reason;     /* as they are shown and kept */
	char *tool_use_id;                   /* of the call that a PermissionRequest is about; NULL: not known */
	int lock;
	bool fetched;                        /* presses could be fetched at least once, by whomever */
	int64_t backoff_ms;
	bool limit_one;
	struct ccm_sbuf problem;
};

static void asking_done(struct asking *a)
{
	json_decref(a->q.root);
	telegram_done(&a->t);
	http_close(a->http);
	ccm_sbuf_done(&a->summary);
	ccm_sbuf_done(&a->reason);
	ccm_sbuf_done(&a->problem);
	free(a->tool_use_id);
	if (a->lock >= 0)
		close(a->lock);
	explicit_bzero(a->nonce, sizeof a->nonce);
}

/* ---- signals end every wait */

static void on_signal(int number)
{
	int saved = errno;
	ssize_t n = write(signal_pipe[1], "", 1);

	(void)number;
	(void)n;
	errno = saved;
}

static int catch_signals(void)
{
	static const int all[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal };

	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		sigaction(all[i], &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* True if we are to end. */
static bool pause_ms(int64_t ms)
{
	struct pollfd fd = { .fd = signal_pipe[0], .events = POLLIN };

	return poll(&fd, 1, (int)(ms > 0 ? ms : 0)) != 0;
}

static int64_t left_ms(const struct asking *a)
{
	return (a->until_us - ccm_mono_us()) / 1000;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* ---- what is shown */

static const char *text_of(const json_t *root, const char *name)
{
	return json_string_value(json_object_get(root, name));
}

static int read_question(struct question *q)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	json_error_t error;
	int r = ccm_read_fd(STDIN_FILENO, QUESTION_MAX_BYTES, &text);

	if (r < 0)
		return r;
	q->root = json_loadb(ccm_sbuf_str(&text), text.bytes, 0, &error);
	q->event = text_of(q->root, "event");
	q->tool = text_of(q->root, "tool");
	q->input = text_of(q->root, "input");
	q->wait_ms = json_integer_value(json_object_get(q->root, "wait_ms"));
	if (!q->event || !q->tool || !q->input || q->wait_ms <= 0) {
		ccm_error("approve: ccm-hook runs it, with the question as JSON on standard input%s%s", q->root ? "" : ": ",
			  q->root ? "" : error.text);
		return -CCM_E_SAID;
	}
	q->event_uuid = text_of(q->root, "event_uuid");
	q->session_id = text_of(q->root, "session_id");
	q->agent_id = text_of(q->root, "agent_id");
	q->project = text_of(q->root, "project");
	q->detail = text_of(q->root, "detail");
	q->reason = text_of(q->root, "reason");
	q->input_bytes = json_integer_value(json_object_get(q->root, "input_bytes"));
	return 0;
}

/* Without secrets and control bytes. */
static void clean(struct ccm_sbuf *out, const char *text, const struct secret *token)
{
	_cleanup_sbuf_ struct ccm_sbuf safe = { 0 };

	secret_redact(&safe, text, strlen(text), token, 1);
	ccm_term_clean(out, ccm_sbuf_str(&safe), safe.bytes, CCM_CLEAN_LINES);
	out->failed |= safe.failed;
}

/* Beginning and end; that something is missing between must be seen. more: bytes that did not even come here. */
static void add_cut(struct ccm_sbuf *out, const char *text, size_t bytes, size_t head, size_t tail, size_t more)
{
	size_t from = bytes;

	if (bytes <= head + tail && !more) {
		ccm_sbuf_add(out, text, bytes);
		return;
	}
	head = ccm_utf8_cut(text, bytes, head);
	if (!more && tail)
		for (from = bytes - tail; from < bytes && ((unsigned char)text[from] & 0xc0) == 0x80; from++)
			;
	ccm_sbuf_add(out, text, head);
	ccm_sbuf_addf(out, "\n[%zu bytes are NOT shown here]\n", from - head + more);
	ccm_sbuf_add(out, text + from, bytes - from);
}

static int prepare(struct asking *a, const char *reason)
{
	_cleanup_sbuf_ struct ccm_sbuf input = { 0 }, why = { 0 };
	size_t given = strlen(a->q.input);

	clean(&input, a->q.input, &a->t.token);
	add_cut(&a->summary, ccm_sbuf_str(&input), input.bytes, HEAD_BYTES, TAIL_BYTES,
		(size_t)a->q.input_bytes > given ? (size_t)a->q.input_bytes - given : 0);
	if (reason) {
		clean(&why, reason, &a->t.token);
		add_cut(&a->reason, ccm_sbuf_str(&why), why.bytes, REASON_BYTES, 0, 0);
	}
	if (ccm_sbuf_error(&input) || ccm_sbuf_error(&why) || ccm_sbuf_error(&a->summary) || ccm_sbuf_error(&a->reason))
		return -ENOMEM;
	return 0;
}

/* What an agent wrote stands behind a mark on each line, and cannot be taken for ours. */
static void add_marked(struct ccm_sbuf *out, const char *text)
{
	for (const char *p = text; ; p++) {
		size_t bytes = strcspn(p, "\n");

		ccm_sbuf_adds(out, "> ");
		ccm_sbuf_add(out, p, bytes);
		ccm_sbuf_addc(out, '\n');
		p += bytes;
		if (!*p)
			break;
	}
}

struct shown {
	const char *event, *session_id, *project, *tool, *summary, *reason;
};

static int question_text(const struct shown *s, const char *last, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf tool = { 0 }, project = { 0 };

	ccm_term_clean(&tool, s->tool, ccm_utf8_cut(s->tool, strlen(s->tool), 80), CCM_CLEAN_LINE);
	ccm_sbuf_addf(out, "Claude Code wants to use %s:\n", ccm_sbuf_str(&tool));
	add_marked(out, s->summary);
	if (s->project) {
		ccm_term_clean(&project, s->project, ccm_utf8_cut(s->project, strlen(s->project), 200), CCM_CLEAN_LINE);
		ccm_sbuf_addf(out, "Project %s", ccm_sbuf_str(&project));
	}
	if (s->session_id) {
		ccm_sbuf_adds(out, s->project ? ", session " : "Session ");
		ccm_term_clean(out, s->session_id, ccm_utf8_cut(s->session_id, strlen(s->session_id), 8), CCM_CLEAN_LINE);
	}
	if (s->reason) {
		ccm_sbuf_adds(out, "\nWhy you are asked:\n");
		add_marked(out, s->reason);
	} else {
		ccm_sbuf_addc(out, '\n');
	}
	ccm_sbuf_addf(out, "\n%s", last);
	return ccm_sbuf_error(&tool) || ccm_sbuf_error(&project) || ccm_sbuf_error(out) ? -ENOMEM : 0;
}

/* ---- the row */

static void hash_nonce(const char *nonce, char hex[CCM_SHA256_HEX + 1])
{
	struct ccm_sha256 h;

	ccm_sha256_begin(&h);
	ccm_sha256_add(&h, nonce, strlen(nonce));
	ccm_sha256_end(&h, hex);
}

static int insert(struct asking *a)
{
	unsigned char bits[NONCE_BYTES];
	char hash[CCM_SHA256_HEX + 1];
	int r;

	ccm_random_bytes(bits, sizeof bits);
	for (size_t i = 0; i < sizeof bits; i++)
		snprintf(a->nonce + 2 * i, 3, "%02x", bits[i]);
	hash_nonce(a->nonce, hash);
	ccm_uuid_make(a->start_ms, a->uuid);
	r = ccm_db_exec(a->ctx->db, Q_APPROVAL_INSERT, DB_ARGS(
		DB_TEXT("uuid", a->uuid), DB_TEXT("nonce_hash", hash), DB_TEXT("event_uuid", a->q.event_uuid),
		DB_TEXT("event", a->q.event), DB_TEXT("session_id", a->q.session_id), DB_TEXT("project", a->q.project),
		DB_TEXT("tool", a->q.tool), DB_TEXT("summary", ccm_sbuf_str(&a->summary)),
		DB_TEXT("reason", a->reason.bytes ? a->reason.text : NULL), DB_INT("now_ms", a->start_ms),
		DB_INT("until_ms", a->start_ms + a->q.wait_ms)));
	return r < 0 ? r : 0;
}

/* Has an effect only while the question waits: an answer that came first stays. */
static int end(struct asking *a, const char *state, const char *problem)
{
	int r = ccm_db_exec(a->ctx->db, Q_APPROVAL_END, DB_ARGS(
		DB_TEXT("uuid", a->uuid), DB_TEXT("state", state), DB_INT("now_ms", ccm_now_ms()), DB_NULL("by"),
		DB_TEXT("problem", problem)));

	return r < 0 ? r : 0;
}

/* 1: it waits; 0: it is over. */
static int still_waits(struct asking *a)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(a->ctx->db, Q_APPROVAL_GET, DB_ARGS(DB_TEXT("uuid", a->uuid)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	return r <= 0 ? r : strcmp(ccm_rows_text(&rows, "state"), "waiting") == 0;
}

/* For the hook. */
static int print_outcome(const char *state, const char *by, const char *problem)
{
	json_auto_t *root = json_pack("{s:s, s:s?, s:s?}", "state", state, "by", by, "problem", problem);
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	if (!text)
		return -ENOMEM;
	puts(text);
	return fflush(stdout) == 0 ? 0 : -errno;
}

static int print_end(struct asking *a)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(a->ctx->db, Q_APPROVAL_GET, DB_ARGS(DB_TEXT("uuid", a->uuid)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r < 0 ? r : -CCM_E_NOT_FOUND;
	return print_outcome(ccm_rows_text(&rows, "state"), ccm_rows_text(&rows, "answered_by"), ccm_rows_text(&rows, "problem"));
}

/* ---- the session at the terminal */

static bool is_dialog(const struct asking *a)
{
	return strcmp(a->q.event, "PermissionRequest") == 0;
}

/* What the automations said of the call that the client asks about. *ret_reason is the caller's. -EAGAIN: its hook has not
 * recorded it yet. */
static int find_call(struct asking *a, char **ret_reason)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *verdict, *reason;
	int r = ccm_db_query(a->ctx->db, Q_APPROVAL_CALL, DB_ARGS(
		DB_TEXT("session_id", a->q.session_id), DB_INT("since_ms", a->start_ms - CALL_WITHIN_MS), DB_TEXT("tool", a->q.tool),
		DB_TEXT("detail", a->q.detail), DB_TEXT("agent_id", a->q.agent_id)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	verdict = ccm_rows_text(&rows, "verdict");
	if (!verdict)
		return -EAGAIN;
	reason = strcmp(verdict, "ask") == 0 ? ccm_rows_text(&rows, "reason") : NULL;
	if (ccm_rows_text(&rows, "tool_use_id") && !(a->tool_use_id = strdup(ccm_rows_text(&rows, "tool_use_id"))))
		return -ENOMEM;
	if (reason && !(*ret_reason = strdup(reason)))
		return -ENOMEM;
	return 0;
}

static int look_up_call(struct asking *a, char **ret_reason)
{
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < 10; i++)
		if ((r = find_call(a, ret_reason)) == -EAGAIN && pause_ms(50))
			break;
	return r == -EAGAIN ? 0 : r;
}

/* 1: the client's own dialog was answered. */
static int is_overtaken(struct asking *a)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	if (!is_dialog(a) || !a->q.session_id)
		return 0;
	r = ccm_db_query(a->ctx->db, Q_APPROVAL_OVERTAKEN, DB_ARGS(
		DB_TEXT("session_id", a->q.session_id), DB_INT("since_ms", a->start_ms), DB_TEXT("tool_use_id", a->tool_use_id),
		DB_TEXT("agent_id", a->q.agent_id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	return r < 0 ? r : ccm_rows_int(&rows, "overtaken") != 0;
}

/* ---- presses */

enum result { ACCEPTED, LATE, AGAIN, UNKNOWN, STRANGER };
static const struct { const char *name, *words; } results[] = {
	[ACCEPTED] = { "accepted", NULL },
	[LATE] = { "late", "Too late: this question is over. Nothing was changed." },
	[AGAIN] = { "again", "It was answered before. Nothing was changed." },
	[UNKNOWN] = { "unknown", "ccm knows no such question." },
	[STRANGER] = { "stranger", "It is not yours to answer." },
};

/* As the update has it: every field may be missing or of another type. */
struct press {
	int64_t update_id, chat_id, user_id;
	bool has_chat, has_user;
	const char *callback_id, *chat_name, *user_name, *wish, *nonce;
	int64_t approval_id;                 /* 0: none that is known */
	char approval_uuid[CCM_UUID_CHARS + 1];
	enum result result;
};

static bool get_int(const json_t *object, const char *name, int64_t *ret)
{
	const json_t *v = json_object_get(object, name);

	*ret = json_integer_value(v);
	return json_is_integer(v);
}

static void read_press(const json_t *query, struct press *p)
{
	const json_t *from = json_object_get(query, "from"), *chat = json_object_get(json_object_get(query, "message"), "chat");
	const char *data = text_of(query, "data"), *name = text_of(from, "username");
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

	p->callback_id = text_of(query, "id");
	p->has_user = get_int(from, "id", &p->user_id);
	p->has_chat = get_int(chat, "id", &p->chat_id);
	p->chat_name = text_of(chat, "username");
	if (name && name[0] && strlen(name) <= 64 && strspn(name, allowed) == strlen(name))
		p->user_name = name;
	if (data && (data[0] == 'a' || data[0] == 'd') && strlen(data) == 1 + 2 * NONCE_BYTES) {
		p->wish = data[0] == 'a' ? "approve" : "deny";
		p->nonce = data + 1;
	}
}

static bool is_listed(const struct ccm_setting_list *list, int64_t id)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *p = list->items[i].text;

		while (*p) {
			char *rest;
			long long n = strtoll(p, &rest, 10);

			if (rest != p && n == id && (!*rest || *rest == ' ' || *rest == '\t'))
				return true;
			p += strcspn(p, " \t");
			p += strspn(p, " \t");
		}
	}
	return false;
}

static bool is_person(const struct asking *a, const struct press *p)
{
	const struct ccm_setting_list *users = &a->ctx->settings.telegram_users;

	return p->has_chat && p->has_user && telegram_is_chat(&a->t, p->chat_id, p->chat_name) &&
	       (!users->count || is_listed(users, p->user_id));
}

/* Who is asked, what was answered, and when: within the caller's transaction. */
static int judge(struct asking *a, struct press *p, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char hash[CCM_SHA256_HEX + 1];
	const char *state;
	int r;

	p->result = is_person(a, p) ? UNKNOWN : STRANGER;
	if (!p->nonce)
		return 0;
	hash_nonce(p->nonce, hash);
	r = ccm_db_query(a->ctx->db, Q_APPROVAL_BY_NONCE, DB_ARGS(DB_TEXT("nonce_hash", hash)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	p->approval_id = ccm_rows_int(&rows, "id");
	snprintf(p->approval_uuid, sizeof p->approval_uuid, "%s", ccm_rows_text(&rows, "uuid"));
	state = ccm_rows_text(&rows, "state");
	if (p->result == STRANGER)
		return 0;
	if (strcmp(state, "waiting") == 0)
		p->result = now_ms < ccm_rows_int(&rows, "until_ms") ? ACCEPTED : LATE;
	else
		p->result = strcmp(state, "approved") == 0 || strcmp(state, "denied") == 0 ? AGAIN : LATE;
	return 0;
}

static int accept(struct asking *a, const struct press *p, int64_t now_ms)
{
	char by[80];
	int r;

	if (p->user_name)
		snprintf(by, sizeof by, "@%s", p->user_name);
	else
		snprintf(by, sizeof by, "user %lld", (long long)p->user_id);
	r = ccm_db_exec(a->ctx->db, Q_APPROVAL_END, DB_ARGS(
		DB_TEXT("uuid", p->approval_uuid), DB_TEXT("state", p->wish[0] == 'a' ? "approved" : "denied"),
		DB_INT("now_ms", now_ms), DB_TEXT("by", by), DB_NULL("problem")));
	return r < 0 ? r : 0;
}

static int insert_press(struct asking *a, const struct press *p, int64_t now_ms)
{
	return ccm_db_exec(a->ctx->db, Q_PRESS_INSERT, DB_ARGS(
		DB_INT("now_ms", now_ms), DB_INT("update_id", p->update_id), DB_TEXT("callback_id", p->callback_id),
		DB_INT_IF("chat_id", p->has_chat, p->chat_id), DB_INT_IF("user_id", p->has_user, p->user_id),
		DB_TEXT("user_name", p->user_name), DB_INT_IF("approval_id", p->approval_id != 0, p->approval_id),
		DB_TEXT("wish", p->wish), DB_TEXT("result", results[p->result].name)));
}

static int put_offset(struct asking *a, int64_t update_id, int64_t now_ms)
{
	int r = ccm_db_exec(a->ctx->db, Q_TELEGRAM_OFFSET_PUT, DB_ARGS(
		DB_TEXT("bot", a->t.bot), DB_INT("next_update", update_id + 1), DB_INT("now_ms", now_ms)));

	return r < 0 ? r : 0;
}

/* The update and all that follows from it, or nothing of it. 1: the press is new. */
static int record(struct asking *a, struct press *p)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int64_t now_ms = ccm_now_ms();
	int new = 0, r;

	r = ccm_txn_begin(a->ctx->db, &txn);
	if (r == 0 && p->callback_id) {
		r = judge(a, p, now_ms);
		if (r == 0)
			r = new = insert_press(a, p, now_ms);
		if (r > 0 && p->result == ACCEPTED)
			r = accept(a, p, now_ms);
	}
	if (r >= 0)
		r = put_offset(a, p->update_id, now_ms);
	if (r == 0)
		r = ccm_txn_commit(&txn);
	return r < 0 ? r : new;
}

/* So that the button stops turning; whether it works is of no consequence. */
static void confirm(struct asking *a, const struct press *p)
{
	const char *words = results[p->result].words;
	json_t *parameters;

	if (!words)
		words = p->wish[0] == 'a' ? "Approved." : "Denied.";
	parameters = json_pack("{s:s, s:s}", "callback_query_id", p->callback_id, "text", words);
	telegram_call(&a->t, "answerCallbackQuery", parameters, PRESS_MAX_MS, NULL);
}

static int take_update(struct asking *a, const json_t *update)
{
	struct press p = { 0 };
	int r;

	if (!get_int(update, "update_id", &p.update_id) || p.update_id < 0 || p.update_id == INT64_MAX)
		return 0;
	read_press(json_object_get(update, "callback_query"), &p);
	r = record(a, &p);
	if (r > 0)
		confirm(a, &p);
	return r < 0 ? r : 0;
}

/* ---- asking for them */

static int add_offset(struct asking *a, json_t *parameters)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(a->ctx->db, Q_TELEGRAM_OFFSET_GET, DB_ARGS(DB_TEXT("bot", a->t.bot)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0 || ccm_now_ms() - ccm_rows_int(&rows, "seen_ms") > COUNTS_ANEW_MS)
		return r < 0 ? r : 0;
	return json_object_set_new(parameters, "offset", json_integer(ccm_rows_int(&rows, "next_update")));
}

/* Waits at Telegram for at most wait_s. 0, even where it did not work: then after a pause; -ECANCELED: we are to end. */
static int fetch(struct asking *a, int64_t wait_s)
{
	json_t *parameters = json_pack("{s:I, s:i, s:[s]}", "timeout", (json_int_t)wait_s, "limit", a->limit_one ? 1 : UPDATES,
				       "allowed_updates", "callback_query");
	int64_t start_us = ccm_mono_us();
	json_auto_t *list = NULL;
	size_t i, count;
	json_t *update;
	int r;

	if (!parameters)
		return -ENOMEM;
	r = add_offset(a, parameters);
	if (r < 0) {
		json_decref(parameters);
		return r;
	}
	/* The hook does not wait for much longer than for the time that is left. */
	r = telegram_call(&a->t, "getUpdates", parameters,
			  smaller(wait_s * 1000 + a->ctx->settings.alert_timeout_ms, left_ms(a) + OVERTIME_MS), &list);
	if (r == -ENOMEM || r == -ECANCELED)
		return r;
	if (r < 0) {
		ccm_sbuf_clear(&a->problem);
		ccm_sbuf_adds(&a->problem, ccm_sbuf_str(&a->t.problem));
		/* Should they not fit all the same, they do one by one. */
		a->limit_one = true;
		a->backoff_ms = a->backoff_ms ? smaller(a->backoff_ms * 2, BACKOFF_MAX_MS) : BACKOFF_MS;
		return pause_ms(smaller(left_ms(a), a->t.retry_after_ms ? a->t.retry_after_ms : a->backoff_ms)) ? -ECANCELED : 0;
	}
	a->fetched = true;
	a->backoff_ms = 0;
	count = json_array_size(list);
	json_array_foreach(list, i, update)
		if (r >= 0)
			r = take_update(a, update);
	if (r == 0 && !count && ccm_mono_us() - start_us < wait_s * 1000000 / 2 && pause_ms(smaller(left_ms(a), PAUSE_MS)))
		r = -ECANCELED;
	return r;
}

/* True if we are the one who fetches for all. */
static bool take_lock(struct asking *a)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

	if (a->lock < 0) {
		ccm_sbuf_addf(&path, "%s/telegram.lock", a->ctx->paths.home);
		if (ccm_sbuf_error(&path))
			return false;
		a->lock = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	return a->lock >= 0 && flock(a->lock, LOCK_EX | LOCK_NB) == 0;
}

/* ---- a question from its beginning to its end */

static int send_question(struct asking *a)
{
	const struct shown shown = { a->q.event, a->q.session_id, a->q.project, a->q.tool, ccm_sbuf_str(&a->summary),
				     a->reason.bytes ? a->reason.text : NULL };
	int64_t send_until_us = ccm_mono_us() + SEND_MAX_MS * 1000, left, pause = BACKOFF_MS;
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	json_auto_t *result = NULL;
	char last[96], time[32], data[2][2 * NONCE_BYTES + 2];
	int64_t message_id = 0;
	int r;

	snprintf(last, sizeof last, "No answer within %s is a no.", ccm_duration_format(a->q.wait_ms / 1000 * 1000, time, sizeof time));
	snprintf(data[0], sizeof data[0], "a%s", a->nonce);
	snprintf(data[1], sizeof data[1], "d%s", a->nonce);
	r = question_text(&shown, last, &text);
	while (r == 0) {
		json_t *m = telegram_message(&a->t, text.text);
		json_t *keys = json_pack("{s:[[{s:s, s:s}, {s:s, s:s}]]}", "inline_keyboard", "text", "Approve", "callback_data", data[0],
					 "text", "Deny", "callback_data", data[1]);

		if (!m || json_object_set_new(m, "reply_markup", keys) < 0) {
			json_decref(m);
			return -ENOMEM;
		}
		left = (send_until_us - ccm_mono_us()) / 1000;
		r = telegram_call(&a->t, "sendMessage", m, smaller(a->ctx->settings.alert_timeout_ms, left > 1 ? left : 1), &result);
		if (r != -EIO)
			break;
		if (a->t.retry_after_ms)
			pause = a->t.retry_after_ms;
		if (ccm_mono_us() + pause * 1000 >= send_until_us)
			break;
		r = pause_ms(pause) ? -ECANCELED : 0;
	}
	if (r < 0)
		return r;
	a->until_us = ccm_mono_us() + a->q.wait_ms * 1000;
	get_int(result, "message_id", &message_id);
	r = ccm_db_exec(a->ctx->db, Q_APPROVAL_SENT, DB_ARGS(
		DB_TEXT("uuid", a->uuid), DB_INT_IF("message_id", message_id > 0, message_id),
		DB_INT("until_ms", ccm_now_ms() + a->q.wait_ms)));
	return r < 0 ? r : 0;
}

/* Until it is answered, overtaken or too late. */
static int wait_for_answer(struct asking *a)
{
	int r;

	while ((r = still_waits(a)) > 0) {
		int64_t left = left_ms(a);

		if (left <= 0)
			return a->fetched ? end(a, "expired", NULL) : end(a, "failed", ccm_sbuf_str(&a->problem));
		r = is_overtaken(a);
		if (r > 0)
			return end(a, "cancelled", "it was answered at the terminal");
		if (r == 0 && take_lock(a)) {
			r = fetch(a, smaller(POLL_S, left / 1000));
		} else if (r == 0) {
			a->fetched = true;
			r = pause_ms(smaller(left, LOOK_MS)) ? -ECANCELED : 0;
		}
		if (r < 0)
			return r;
	}
	return r;
}

/* By a program of its own, so that the hook need not wait for the network once more. */
static void start_close(const struct ctx *ctx)
{
	const char *const argv[] = { ctx->self, "approve", "--close", NULL };

	ccm_proc_detach(ctx->self, argv);
}

static int ask(struct asking *a)
{
	struct ccm_diag diag = { 0 };
	_cleanup_free_ char *reason = NULL;
	int r = telegram_open(a->http, &a->ctx->settings, &a->t, &diag), opened = r;

	if (r == -ENOMEM)
		return r;
	a->t.wake = signal_pipe[0];
	if (is_dialog(a) && a->q.session_id)
		r = look_up_call(a, &reason);
	else
		r = 0;
	if (r == 0)
		r = prepare(a, reason ? reason : a->q.reason);
	if (r == 0)
		r = insert(a);
	if (r < 0)
		return r;
	if (opened < 0) {
		r = end(a, "failed", ccm_diag_text(&diag, opened));
		return r < 0 ? r : print_end(a);
	}
	r = send_question(a);
	if (r == 0)
		r = wait_for_answer(a);
	else if (r == -EIO || r == -CCM_E_REFUSED)
		r = end(a, "failed", ccm_sbuf_str(&a->t.problem));
	if (r == -ECANCELED)
		r = end(a, "cancelled", "the client let go of it: it was answered at the terminal, or the session is over");
	if (r == 0)
		r = print_end(a);
	start_close(a->ctx);
	return r;
}

static int run_ask(struct ctx *ctx)
{
	_cleanup_(asking_done) struct asking a = { .ctx = ctx, .lock = -1, .start_ms = ccm_now_ms() };
	int r;

	r = catch_signals();
	if (r == 0)
		r = read_question(&a.q);
	if (r < 0)
		return r;
	r = ccm_command_open_db(ctx, DB_WRITE);
	if (r == 0)
		r = http_open(&a.http);
	if (r == 0)
		r = ask(&a);
	return r;
}

/* ---- what became of it */

static int outcome_line(const struct ccm_rows *row, char *buf, size_t bytes)
{
	const char *state = ccm_rows_text(row, "state"), *by = ccm_rows_text(row, "answered_by"), *problem = ccm_rows_text(row, "problem");
	char time[32];

	ccm_time_format(ccm_rows_int(row, "answered_ms"), false, time, sizeof time);
	if (strcmp(state, "approved") == 0)
		return snprintf(buf, bytes, "Approved by %s, %s.", by ? by : "you", time);
	if (strcmp(state, "denied") == 0)
		return snprintf(buf, bytes, "Denied by %s, %s.", by ? by : "you", time);
	if (strcmp(state, "cancelled") == 0)
		return snprintf(buf, bytes, "Withdrawn, %s: %s.", time, problem ? problem : "it is no longer needed");
	if (strcmp(state, "failed") == 0)
		return snprintf(buf, bytes, "Given up, %s: no answer could be fetched; the client asks, or refuses.", time);
	return snprintf(buf, bytes, "Nobody answered in time: denied, %s.", time);
}

struct message {
	int64_t id, message_id;
	struct ccm_sbuf text;
};

/* Copied, so that no row is held open while the network is waited for. */
static int read_messages(struct ccm_db *db, struct message *list, size_t max, size_t *ret_count)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char last[256];
	int r = ccm_db_query(db, Q_APPROVAL_TO_CLOSE, NULL, &rows);

	while (r >= 0 && *ret_count < max && (r = ccm_rows_next(&rows)) > 0) {
		struct message *m = &list[(*ret_count)++];
		const struct shown shown = {
			ccm_rows_text(&rows, "event"), ccm_rows_text(&rows, "session_id"), ccm_rows_text(&rows, "project"),
			ccm_rows_text(&rows, "tool"), ccm_rows_text(&rows, "summary"), ccm_rows_text(&rows, "reason"),
		};

		*m = (struct message){ .id = ccm_rows_int(&rows, "id"), .message_id = ccm_rows_int(&rows, "message_id") };
		outcome_line(&rows, last, sizeof last);
		r = question_text(&shown, last, &m->text);
	}
	return r < 0 ? r : 0;
}

/* 1: it is done, or never will be. */
static int close_message(struct ctx *ctx, struct telegram *t, const struct message *m)
{
	json_t *parameters = telegram_message(t, m->text.text);
	int r;

	if (!parameters || json_object_set_new(parameters, "message_id", json_integer(m->message_id)) < 0) {
		json_decref(parameters);
		return -ENOMEM;
	}
	r = telegram_call(t, "editMessageText", parameters, ctx->settings.alert_timeout_ms, NULL);
	return r == 0 || r == -CCM_E_REFUSED ? 1 : r;
}

static int run_close(struct ctx *ctx)
{
	struct message list[20] = { 0 };
	size_t count = 0;
	struct http *http = NULL;
	_cleanup_telegram_ struct telegram t = { 0 };
	struct ccm_diag diag = { 0 };
	int64_t now_ms = ccm_now_ms();
	int r;

	r = ccm_command_open_db(ctx, DB_WRITE);
	if (r == 0)
		r = ccm_db_exec(ctx->db, Q_APPROVAL_LAPSE, DB_ARGS(DB_INT("now_ms", now_ms), DB_INT("before_ms", now_ms - LAPSE_MS)));
	if (r >= 0)
		r = read_messages(ctx->db, list, ARRAY_SIZE(list), &count);
	if (r == 0 && count)
		r = http_open(&http);
	if (r == 0 && count)
		r = telegram_open(http, &ctx->settings, &t, &diag);
	for (size_t i = 0; i < count; i++) {
		if (r >= 0)
			r = close_message(ctx, &t, &list[i]);
		if (r > 0)
			r = ccm_db_exec(ctx->db, Q_APPROVAL_CLOSED, DB_ARGS(DB_INT("id", list[i].id), DB_INT("now_ms", ccm_now_ms())));
		ccm_sbuf_done(&list[i].text);
	}
	http_close(http);
	if (r == -EIO || r == -CCM_E_CONFIG || diag.text[0]) {
		ccm_error("%s", t.problem.bytes ? t.problem.text : ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	return r < 0 ? r : 0;
}

int cmd_approve(struct ctx *ctx, int argc, char **argv)
{
	bool close_only = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("close", 0, &close_only, "ask nothing: let the messages of questions that are over say so"),
		OPT_END
	};

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	return close_only ? run_close(ctx) : run_ask(ctx);
}
