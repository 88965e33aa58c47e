/* SPDX-License-Identifier: MIT */
#include "deliver.h"

#include <errno.h>
#include <string.h>

#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/redact.h"
#include "libccm/term.h"
#include "libccm/uuid.h"

#define BACKOFF_MAX_MS (15LL * 60 * 1000)
#define BLOCKED_MAX_MS (2LL * 3600 * 1000)       /* longer than any block: the clock was set back */
#define RECORD_TRIES 10                          /* times the database's busy timeout */
#define DIGEST_LINES 50
#define LINE_BYTES 4096                  /* of one text of a message; a path may be that long */
#define LINES_BYTES 65536
#define FATAL_MAX 10                     /* attempts that nobody lived to tell of: what crashes us must not do so for ever */

/* ---- messages */

/* A message with the texts that it points to. */
struct letter {
	struct alert_message m;
	int64_t id, created_ms, alert_id;        /* of the delivery; alert_id 0: a digest */
	bool is_fatal;                           /* FATAL_MAX */
	char **texts;
	size_t text_count;
	struct alert_item *items;
};

static void letter_done(struct letter *l)
{
	for (size_t i = 0; i < l->text_count; i++)
		free(l->texts[i]);
	free(l->texts);
	free(l->items);
	*l = (struct letter){ 0 };
}

static const char *keep(struct letter *l, char *text)
{
	char **texts = text ? realloc(l->texts, (l->text_count + 1) * sizeof *texts) : NULL;

	if (!texts) {
		free(text);
		return NULL;
	}
	l->texts = texts;
	return texts[l->text_count++] = text;
}

/* What came from agents: without control bytes, and without what looks like a secret. */
static int take_text(struct letter *l, const struct ccm_rows *rows, const char *column, enum ccm_clean how, const char **ret)
{
	const char *text = ccm_rows_text(rows, column);
	_cleanup_sbuf_ struct ccm_sbuf safe = { 0 }, clean = { 0 }, cut = { 0 };

	*ret = NULL;
	if (!text)
		return 0;
	ccm_redact(&safe, text, strlen(text));
	ccm_term_clean(&clean, ccm_sbuf_str(&safe), safe.bytes, how);
	sender_cut(&cut, ccm_sbuf_str(&clean), how == CCM_CLEAN_LINE ? LINE_BYTES : LINES_BYTES);
	if (ccm_sbuf_error(&safe) || ccm_sbuf_error(&clean) || ccm_sbuf_error(&cut))
		return -ENOMEM;
	*ret = keep(l, strdup(ccm_sbuf_str(&cut)));
	return *ret ? 0 : -ENOMEM;
}

static enum ccm_alert_level level_of(const struct ccm_rows *rows)
{
	const char *name = ccm_rows_text(rows, "level");
	int level = name ? ccm_alert_level_find(name) : -ENOENT;

	return level < 0 ? CCM_ALERT_INFO : (enum ccm_alert_level)level;
}

static int read_letter(const struct ccm_rows *rows, struct letter *l)
{
	struct alert_message *m = &l->m;
	int r;

	l->id = ccm_rows_int(rows, "id");
	l->alert_id = ccm_rows_int(rows, "alert_id");
	l->created_ms = ccm_rows_int(rows, "created_ms");
	l->is_fatal = ccm_rows_int(rows, "attempts") >= FATAL_MAX && ccm_rows_is_null(rows, "problem");
	*m = (struct alert_message){
		.level = level_of(rows), .created_ms = ccm_rows_int(rows, "alert_ms"), .times = ccm_rows_int(rows, "times"),
		.attempt = ccm_rows_int(rows, "attempts") + 1,
	};
	r = take_text(l, rows, "uuid", CCM_CLEAN_LINE, &m->uuid);
	if (r == 0)
		r = take_text(l, rows, "alert_uuid", CCM_CLEAN_LINE, &m->alert_uuid);
	if (r == 0)
		r = take_text(l, rows, "kind", CCM_CLEAN_LINE, &m->kind);
	if (r == 0)
		r = take_text(l, rows, "source", CCM_CLEAN_LINE, &m->source);
	if (r == 0)
		r = take_text(l, rows, "title", CCM_CLEAN_LINE, &m->title);
	if (r == 0)
		r = take_text(l, rows, "body", CCM_CLEAN_LINES, &m->body);
	if (r == 0)
		r = take_text(l, rows, "project", CCM_CLEAN_LINE, &m->project);
	if (r == 0)
		r = take_text(l, rows, "session_id", CCM_CLEAN_LINE, &m->session_id);
	if (r == 0)
		r = take_text(l, rows, "event_uuid", CCM_CLEAN_LINE, &m->event_uuid);
	if (!m->source)
		m->source = "ccm";
	if (!m->title)
		m->title = "an alert that is no longer on record";
	if (!m->body)
		m->body = "";
	return r;
}

static int read_item(struct letter *l, const struct ccm_rows *rows)
{
	struct alert_item *items = realloc(l->items, (l->m.item_count + 1) * sizeof *items), *item;
	int r;

	if (!items)
		return -ENOMEM;
	l->m.items = l->items = items;
	item = &items[l->m.item_count++];
	*item = (struct alert_item){ .level = level_of(rows), .created_ms = ccm_rows_int(rows, "created_ms"),
				     .times = ccm_rows_int(rows, "times"), .again = ccm_rows_int(rows, "again") };
	r = take_text(l, rows, "uuid", CCM_CLEAN_LINE, &item->uuid);
	if (r == 0)
		r = take_text(l, rows, "kind", CCM_CLEAN_LINE, &item->kind);
	if (r == 0)
		r = take_text(l, rows, "source", CCM_CLEAN_LINE, &item->source);
	return r == 0 ? take_text(l, rows, "title", CCM_CLEAN_LINE, &item->title) : r;
}

static void add_item(struct ccm_sbuf *out, const struct alert_item *item)
{
	if (out->bytes)
		ccm_sbuf_addc(out, '\n');
	if (item->level != CCM_ALERT_INFO)
		ccm_sbuf_addf(out, "%s: ", ccm_alert_level_name(item->level));
	ccm_sbuf_adds(out, item->title);
	if (item->again)
		ccm_sbuf_addf(out, " (told before; %lld times by now)", (long long)item->times);
	else if (item->times > 1)
		ccm_sbuf_addf(out, " (%lld times)", (long long)item->times);
}

/* A digest's own words: a line for each of its alerts. */
static int read_digest(struct ccm_db *db, struct letter *l)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t count = 0;
	int r;

	r = ccm_db_query(db, Q_DELIVERY_ITEMS, DB_ARGS(DB_INT("id", l->id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		r = read_item(l, &rows);
	if (r < 0)
		return r;
	for (size_t i = 0; i < l->m.item_count; i++) {
		if (i < DIGEST_LINES)
			add_item(&body, &l->items[i]);
		count += l->items[i].again ? 0 : l->items[i].times;
	}
	if (l->m.item_count > DIGEST_LINES)
		ccm_sbuf_addf(&body, "\n… and %zu more", l->m.item_count - DIGEST_LINES);
	ccm_sbuf_addf(&title, "%zu alert%s", l->m.item_count, l->m.item_count == 1 ? "" : "s");
	if (ccm_sbuf_error(&title) || ccm_sbuf_error(&body))
		return -ENOMEM;
	l->m.kind = "digest";
	l->m.created_ms = l->created_ms;
	l->m.times = count;
	l->m.title = keep(l, ccm_sbuf_take(&title));
	l->m.body = keep(l, strdup(ccm_sbuf_str(&body)));
	return l->m.title && l->m.body ? 0 : -ENOMEM;
}

static int find_earlier(struct ccm_db *db, const struct sender *sender, struct letter *l)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(db, Q_DELIVERY_EARLIER, DB_ARGS(DB_TEXT("channel", sender->name), DB_INT("alert_id", l->alert_id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	return r > 0 ? take_text(l, &rows, "remote_id", CCM_CLEAN_LINE, &l->m.replaces) : r;
}

/* 1: *ret is the next message; 0: nothing is due. */
static int next_letter(struct ccm_db *db, const struct sender *sender, int64_t now_ms, struct letter *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	r = ccm_db_query(db, Q_DELIVERY_NEXT, DB_ARGS(DB_TEXT("channel", sender->name), DB_INT("now_ms", now_ms)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	r = read_letter(&rows, ret);
	ccm_rows_done(&rows);
	if (r == 0 && !ret->alert_id)
		r = read_digest(db, ret);
	else if (r == 0 && sender->replaces)
		r = find_earlier(db, sender, ret);
	return r < 0 ? r : 1;
}

/* ---- recording */

/* 1: the attempt is counted; 0: somebody else made an end of it. */
static int begin(struct ccm_db *db, const struct letter *l)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int r, begun;

	r = ccm_txn_begin(db, &txn);
	if (r < 0)
		return r;
	begun = ccm_db_exec(db, Q_DELIVERY_BEGIN, DB_ARGS(DB_INT("id", l->id), DB_INT("attempts", l->m.attempt - 1)));
	r = begun;
	if (r > 0)
		r = ccm_db_exec(db, Q_DELIVERY_TOLD, DB_ARGS(DB_INT("id", l->id)));
	if (r >= 0)
		r = ccm_txn_commit(&txn);
	return r < 0 ? r : begun;
}

static int64_t random_below(int64_t n)
{
	uint64_t bits;

	ccm_random_bytes(&bits, sizeof bits);
	return n > 0 ? (int64_t)(bits % (uint64_t)n) : 0;
}

/* Full jitter: anything up to twice as long as last time, so that many who failed together do not come back together. */
static int64_t backoff_ms(int64_t base_ms, int64_t failures)
{
	int64_t most = base_ms;

	for (int64_t i = 0; i < failures && most < BACKOFF_MAX_MS; i++)
		most *= 2;
	return 1 + random_below(most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS);
}

static int outlet_state(struct ccm_db *db, const char *channel, int64_t *ret_blocked_ms, int64_t *ret_failures)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	*ret_blocked_ms = *ret_failures = 0;
	r = ccm_db_query(db, Q_OUTLET_GET, DB_ARGS(DB_TEXT("channel", channel)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0) {
		*ret_blocked_ms = ccm_rows_int(&rows, "blocked_until_ms");
		*ret_failures = ccm_rows_int(&rows, "failures");
	}
	return r < 0 ? r : 0;
}

static int is_blocked(struct ccm_db *db, const char *channel, int64_t now_ms)
{
	int64_t until_ms, failures;
	int r = outlet_state(db, channel, &until_ms, &failures);

	return r < 0 ? r : until_ms > now_ms && until_ms <= now_ms + BLOCKED_MAX_MS;
}

static int end_delivery(struct ccm_db *db, const struct letter *l, const char *state, const struct send_result *result,
			int64_t now_ms)
{
	return ccm_db_exec(db, Q_DELIVERY_END, DB_ARGS(
		DB_INT("id", l->id), DB_TEXT("state", state), DB_TEXT("problem", result->problem.text),
		DB_INT_IF("sent_ms", result->outcome == SEND_SENT, now_ms),
		DB_TEXT("remote_id", result->remote_id.text)));
}

static int record_later(struct ctx *ctx, const struct sender *sender, const struct letter *l, const struct send_result *result,
			int64_t now_ms)
{
	int64_t blocked_ms, failures, until_ms;
	int r = outlet_state(ctx->db, sender->name, &blocked_ms, &failures);

	until_ms = now_ms + (result->retry_after_ms > 0 ? result->retry_after_ms : backoff_ms(ctx->settings.alert_retry_ms, failures));
	if (r == 0)
		r = ccm_db_exec(ctx->db, Q_DELIVERY_LATER, DB_ARGS(
			DB_INT("id", l->id), DB_INT("due_ms", until_ms), DB_TEXT("problem", result->problem.text)));
	if (r >= 0)
		r = ccm_db_exec(ctx->db, Q_OUTLET_BLOCK, DB_ARGS(
			DB_TEXT("channel", sender->name), DB_INT("until_ms", until_ms), DB_TEXT("problem", result->problem.text)));
	return r;
}

static int record_outcome(struct ctx *ctx, const struct sender *sender, const struct letter *l, const struct send_result *result)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int64_t now_ms = ccm_now_ms();
	int r;

	r = ccm_txn_begin(ctx->db, &txn);
	if (r < 0)
		return r;
	switch (result->outcome) {
	case SEND_LATER:
		r = record_later(ctx, sender, l, result, now_ms);
		break;
	case SEND_SENT:
		r = end_delivery(ctx->db, l, "sent", result, now_ms);
		if (r >= 0)
			r = ccm_db_exec(ctx->db, Q_OUTLET_WELL, DB_ARGS(DB_TEXT("channel", sender->name)));
		break;
	case SEND_NEVER:
		r = end_delivery(ctx->db, l, "dead", result, now_ms);
		if (r >= 0)
			r = ccm_db_exec(ctx->db, Q_OUTLET_DEATH, DB_ARGS(
				DB_TEXT("channel", sender->name), DB_TEXT("problem", result->problem.text)));
		break;
	case SEND_DROPPED:
		r = end_delivery(ctx->db, l, "dropped", result, now_ms);
		break;
	}
	return r < 0 ? r : ccm_txn_commit(&txn);
}

/* What was sent and is not recorded is sent again: a busy database is waited for. */
static int record(struct ctx *ctx, const struct sender *sender, const struct letter *l, const struct send_result *result)
{
	int r = -CCM_E_BUSY;

	for (int i = 0; i < RECORD_TRIES && r == -CCM_E_BUSY; i++)
		r = record_outcome(ctx, sender, l, result);
	return r;
}

/* ---- sending */

static void give_up(const struct ctx *ctx, const struct letter *l, struct send_result *result)
{
	char time[32];

	if (result->outcome != SEND_LATER || ccm_now_ms() - l->created_ms < ctx->settings.alert_give_up_ms)
		return;
	result->outcome = SEND_NEVER;
	ccm_sbuf_addf(&result->problem, "; given up after %s", ccm_duration_format(ctx->settings.alert_give_up_ms, time, sizeof time));
}

static void tell(const struct sender *sender, const struct letter *l, const struct send_result *result)
{
	const char *problem = ccm_sbuf_str(&result->problem);

	if (result->outcome == SEND_LATER)
		ccm_warn("%s: %s; delivery %lld is tried again", sender->name, problem, (long long)l->id);
	else if (result->outcome == SEND_NEVER)
		ccm_error("%s: %s; delivery %lld is dead: 'ccm-supervisor alerts retry %lld' tries it again", sender->name, problem,
			  (long long)l->id, (long long)l->id);
}

static int send_letter(struct ctx *ctx, const struct sender *sender, struct sender_ctx *s, const struct letter *l,
		       struct send_result *result)
{
	int r;

	if (!ccm_channel_is_set_up(&ctx->settings, sender->channel)) {
		send_result_set(result, SEND_DROPPED, "%s", sender->missing);
		return 0;
	}
	if (l->is_fatal) {
		send_result_set(result, SEND_NEVER, "ccm-deliver was ended %lld times while it was at it", (long long)l->m.attempt - 1);
		return 0;
	}
	r = sender->send(s, &l->m, result);
	if (r == 0)
		give_up(ctx, l, result);
	return r;
}

/* 1: go on; 0: the channel is blocked now, or there is nothing more. */
static int deliver_next(struct ctx *ctx, const struct sender *sender, struct sender_ctx *s)
{
	__attribute__((cleanup(letter_done))) struct letter l = { 0 };
	_cleanup_send_result_ struct send_result result = { 0 };
	int64_t now_ms = ccm_now_ms();
	int r;

	r = is_blocked(ctx->db, sender->name, now_ms);
	if (r != 0)
		return r < 0 ? r : 0;
	r = next_letter(ctx->db, sender, now_ms, &l);
	if (r <= 0)
		return r;
	r = begin(ctx->db, &l);
	if (r <= 0)
		return r < 0 ? r : 1;
	r = send_letter(ctx, sender, s, &l, &result);
	if (r < 0)
		return r;
	tell(sender, &l, &result);
	r = record(ctx, sender, &l, &result);
	return r < 0 ? r : result.outcome != SEND_LATER;
}

int deliver_due(struct ctx *ctx, const struct sender *sender, struct sender_ctx *s)
{
	int r;

	do
		r = deliver_next(ctx, sender, s);
	while (r > 0);
	return r < 0 ? r : 1;
}

int deliver_is_due(struct ctx *ctx, const struct sender *sender)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t now_ms = ccm_now_ms();
	int r = is_blocked(ctx->db, sender->name, now_ms);

	if (r != 0)
		return r < 0 ? r : 0;
	r = ccm_db_query(ctx->db, Q_DELIVERY_NEXT, DB_ARGS(DB_TEXT("channel", sender->name), DB_INT("now_ms", now_ms)), &rows);
	return r < 0 ? r : ccm_rows_next(&rows);
}

/* ---- what the person did */

void deliver_seen(struct ctx *ctx, const char *uuid)
{
	bool was_open = ctx->db != NULL;
	int r = was_open ? 0 : ccm_command_open_db(ctx, DB_WRITE);

	if (r == 0)
		r = ccm_db_exec(ctx->db, Q_ALERT_SEEN_THERE, DB_ARGS(DB_TEXT("uuid", uuid), DB_INT("now_ms", ccm_now_ms())));
	if (r < 0 && r != -CCM_E_SAID)
		ccm_warn("it is not noted that an alert was seen: %s", ccm_strerror(r));
	if (!was_open && ctx->db) {
		ccm_db_close(ctx->db);
		ctx->db = NULL;
	}
}
