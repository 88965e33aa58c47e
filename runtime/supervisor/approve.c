/* SPDX-License-Identifier: MIT */
#include "approve.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>

#include "http.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "libccm/sha256.h"
#include "libccm/term.h"
#include "libccm/utf8.h"
#include "libccm/uuid.h"
#include "press.h"
#include "secret.h"
#include "telegram.h"

#define QUESTION_MAX_BYTES ((size_t)512 << 10)
#define HEAD_BYTES 1000                  /* of what would be done: how much is shown */
#define TAIL_BYTES 400
#define REASON_BYTES 700
#define SEND_MAX_MS 5000                 /* for the question to be out */
#define BACKOFF_MS 500
#define CALL_WITHIN_MS (60LL * 60 * 1000)        /* before the client's question its PreToolUse came */
#define LAPSE_MS (60LL * 1000)           /* so long after its time nobody waits for an answer */

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
	char nonce[PRESS_NONCE_CHARS + 1];
	struct ccm_sbuf summary, reason;     /* as they are shown and kept */
	char *tool_use_id;                   /* of the call that a PermissionRequest is about; NULL: not known */
	struct presses presses;
};

static void asking_done(struct asking *a)
{
	json_decref(a->q.root);
	telegram_done(&a->t);
	http_close(a->http);
	ccm_sbuf_done(&a->summary);
	ccm_sbuf_done(&a->reason);
	presses_done(&a->presses);
	free(a->tool_use_id);
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

static int insert(struct asking *a)
{
	char hash[CCM_SHA256_HEX + 1];
	int r;

	press_nonce(a->nonce, hash);
	ccm_uuid_make(a->start_ms, a->uuid);
	r = ccm_db_exec(a->ctx->db, Q_APPROVAL_INSERT, DB_ARGS(
		DB_TEXT("uuid", a->uuid), DB_TEXT("nonce_hash", hash), DB_TEXT("event_uuid", a->q.event_uuid),
		DB_TEXT("event", a->q.event), DB_TEXT("session_id", a->q.session_id), DB_TEXT("project", a->q.project),
		DB_TEXT("tool", a->q.tool), DB_TEXT("summary", ccm_sbuf_str(&a->summary)),
		DB_TEXT("reason", a->reason.bytes ? a->reason.text : NULL), DB_INT("now_ms", a->start_ms),
		DB_INT("until_ms", a->start_ms + a->q.wait_ms)));
	return r < 0 ? r : presses_claim(&a->presses, ccm_db_last_id(a->ctx->db));
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
		if ((r = find_call(a, ret_reason)) == -EAGAIN && telegram_pause(&a->t, 50))
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

/* ---- a question from its beginning to its end */

static int send_question(struct asking *a)
{
	const struct shown shown = { a->q.event, a->q.session_id, a->q.project, a->q.tool, ccm_sbuf_str(&a->summary),
				     a->reason.bytes ? a->reason.text : NULL };
	int64_t send_until_us = ccm_mono_us() + SEND_MAX_MS * 1000, left, pause = BACKOFF_MS;
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	json_auto_t *result = NULL;
	char last[96], time[32], yes[PRESS_NONCE_CHARS + 2], no[PRESS_NONCE_CHARS + 2];
	int64_t message_id;
	int r;

	snprintf(last, sizeof last, "No answer within %s is a no.", ccm_duration_format(a->q.wait_ms / 1000 * 1000, time, sizeof time));
	snprintf(yes, sizeof yes, "%c%s", PRESS_APPROVE, a->nonce);
	snprintf(no, sizeof no, "%c%s", PRESS_DENY, a->nonce);
	r = question_text(&shown, last, &text);
	while (r == 0) {
		json_t *m = telegram_message(&a->t, text.text);
		json_t *keys = json_pack("{s:[[{s:s, s:s}, {s:s, s:s}]]}", "inline_keyboard", "text", "Approve", "callback_data", yes,
					 "text", "Deny", "callback_data", no);

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
		r = telegram_pause(&a->t, pause) ? -ECANCELED : 0;
	}
	if (r < 0)
		return r;
	a->until_us = ccm_mono_us() + a->q.wait_ms * 1000;
	message_id = json_integer_value(json_object_get(result, "message_id"));
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
			return a->presses.fetched ? end(a, "expired", NULL) : end(a, "failed", ccm_sbuf_str(&a->presses.problem));
		r = is_overtaken(a);
		if (r > 0)
			return end(a, "cancelled", "it was answered at the terminal");
		if (r == 0)
			r = presses_wait(&a->presses, left);
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
	a->presses.ctx = a->ctx;
	a->presses.t = &a->t;
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
	_cleanup_(asking_done) struct asking a = { .ctx = ctx, .start_ms = ccm_now_ms(), .presses = PRESSES_INIT };
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
