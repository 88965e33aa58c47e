/* SPDX-License-Identifier: MIT */
#include "press.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "libccm/clock.h"
#include "libccm/uuid.h"

#define POLL_S 2                         /* how long Telegram holds a call open: as long until we look around */
#define UPDATES 5                        /* of one call: all of them fit into what is read of an answer */
#define OVERTIME_MS 3000                 /* for a call that is on its way when the time is over */
#define LOOK_MS 200                      /* between two looks of who leaves the fetching to another */
#define PAUSE_MS 300                     /* after a call that came back at once with nothing */
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 5000
#define PRESS_MAX_MS 1500                /* to tell the phone that its press came */
#define COUNTS_ANEW_MS (6LL * 24 * 3600 * 1000)  /* Telegram does after a week without updates */

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static const char *text_of(const json_t *root, const char *name)
{
	return json_string_value(json_object_get(root, name));
}

static void hash_nonce(const char *nonce, char hex[CCM_SHA256_HEX + 1])
{
	struct ccm_sha256 h;

	ccm_sha256_begin(&h);
	ccm_sha256_add(&h, nonce, strlen(nonce));
	ccm_sha256_end(&h, hex);
}

void press_nonce(char nonce[PRESS_NONCE_CHARS + 1], char hash[CCM_SHA256_HEX + 1])
{
	unsigned char bits[PRESS_NONCE_CHARS / 2];

	ccm_random_bytes(bits, sizeof bits);
	for (size_t i = 0; i < sizeof bits; i++)
		snprintf(nonce + 2 * i, 3, "%02x", bits[i]);
	hash_nonce(nonce, hash);
}

void presses_done(struct presses *p)
{
	ccm_sbuf_done(&p->problem);
	if (p->lock >= 0)
		close(p->lock);
	if (p->claims >= 0)
		close(p->claims);
	p->lock = p->claims = -1;
}

/* ---- locks */

static int open_lock(const struct presses *s, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	int fd;

	ccm_sbuf_addf(&path, "%s/%s", s->ctx->paths.home, name);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

int presses_claim(struct presses *s, int64_t approval_id)
{
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)approval_id, .l_len = 1 };
	int r = open_lock(s, "approvals.lock");

	if (r < 0)
		return r;
	s->claims = r;
	s->own_id = approval_id;
	return fcntl(s->claims, F_SETLK, &byte) < 0 ? -errno : 0;
}

/* Our own lock is in nobody's way, and so not to be seen. */
static bool is_waited_for(const struct presses *s, int64_t approval_id)
{
	struct flock byte = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)approval_id, .l_len = 1 };

	return approval_id == s->own_id || s->claims < 0 || fcntl(s->claims, F_GETLK, &byte) < 0 || byte.l_type != F_UNLCK;
}

/* True if we are the one who fetches for all. */
static bool take_lock(struct presses *s)
{
	if (s->lock < 0)
		s->lock = open_lock(s, "telegram.lock");
	return s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) == 0;
}

/* ---- what counts */

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
	bool is_abandoned;                   /* nobody waits for its answer any more */
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
	if (data && (data[0] == PRESS_APPROVE || data[0] == PRESS_DENY) && strlen(data) == 1 + PRESS_NONCE_CHARS) {
		p->wish = data[0] == PRESS_APPROVE ? "approve" : "deny";
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

static bool is_person(const struct presses *s, const struct press *p)
{
	const struct ccm_settings *settings = &s->ctx->settings;

	/* A key without a usable value lets nobody in. */
	return p->has_chat && p->has_user && telegram_is_chat(s->t, p->chat_id, p->chat_name) &&
	       (!ccm_settings_has(settings, "telegram", "user_ids") || is_listed(&settings->telegram_users, p->user_id));
}

/* Who is asked, what was answered, and when: within the caller's transaction. */
static int judge(struct presses *s, struct press *p, int64_t now_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char hash[CCM_SHA256_HEX + 1];
	const char *state;
	int r;

	p->result = is_person(s, p) ? UNKNOWN : STRANGER;
	if (!p->nonce)
		return 0;
	hash_nonce(p->nonce, hash);
	r = ccm_db_query(s->ctx->db, Q_APPROVAL_BY_NONCE, DB_ARGS(DB_TEXT("nonce_hash", hash)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0)
		return r;
	p->approval_id = ccm_rows_int(&rows, "id");
	snprintf(p->approval_uuid, sizeof p->approval_uuid, "%s", ccm_rows_text(&rows, "uuid"));
	state = ccm_rows_text(&rows, "state");
	if (p->result == STRANGER)
		return 0;
	p->is_abandoned = strcmp(state, "waiting") == 0 && !is_waited_for(s, p->approval_id);
	if (strcmp(state, "waiting") == 0)
		p->result = now_ms < ccm_rows_int(&rows, "until_ms") && !p->is_abandoned ? ACCEPTED : LATE;
	else
		p->result = strcmp(state, "approved") == 0 || strcmp(state, "denied") == 0 ? AGAIN : LATE;
	return 0;
}

static int accept(struct presses *s, const struct press *p, int64_t now_ms)
{
	char by[80];
	int r;

	if (p->user_name)
		snprintf(by, sizeof by, "@%s", p->user_name);
	else
		snprintf(by, sizeof by, "user %lld", (long long)p->user_id);
	r = ccm_db_exec(s->ctx->db, Q_APPROVAL_END, DB_ARGS(
		DB_TEXT("uuid", p->approval_uuid), DB_TEXT("state", strcmp(p->wish, "approve") == 0 ? "approved" : "denied"),
		DB_INT("now_ms", now_ms), DB_TEXT("by", by), DB_NULL("problem")));
	/* Whoever answers has seen it. */
	if (r >= 0)
		r = ccm_db_exec(s->ctx->db, Q_ALERT_SEEN_ANSWERED, DB_ARGS(DB_TEXT("uuid", p->approval_uuid), DB_INT("now_ms", now_ms)));
	return r < 0 ? r : 0;
}

static int abandon(struct presses *s, const struct press *p, int64_t now_ms)
{
	int r = ccm_db_exec(s->ctx->db, Q_APPROVAL_END, DB_ARGS(
		DB_TEXT("uuid", p->approval_uuid), DB_TEXT("state", "cancelled"), DB_INT("now_ms", now_ms), DB_NULL("by"),
		DB_TEXT("problem", "what waited for the answer was ended")));

	return r < 0 ? r : 0;
}

static int insert_press(struct presses *s, const struct press *p, int64_t now_ms)
{
	return ccm_db_exec(s->ctx->db, Q_PRESS_INSERT, DB_ARGS(
		DB_INT("now_ms", now_ms), DB_INT("update_id", p->update_id), DB_TEXT("callback_id", p->callback_id),
		DB_INT_IF("chat_id", p->has_chat, p->chat_id), DB_INT_IF("user_id", p->has_user, p->user_id),
		DB_TEXT("user_name", p->user_name), DB_INT_IF("approval_id", p->approval_id != 0, p->approval_id),
		DB_TEXT("wish", p->wish), DB_TEXT("result", results[p->result].name)));
}

static int put_offset(struct presses *s, int64_t update_id, int64_t now_ms)
{
	int r = ccm_db_exec(s->ctx->db, Q_TELEGRAM_OFFSET_PUT, DB_ARGS(
		DB_TEXT("bot", s->t->bot), DB_INT("next_update", update_id + 1), DB_INT("now_ms", now_ms)));

	return r < 0 ? r : 0;
}

/* The update and all that follows from it, or nothing of it. 1: the press is new. */
static int record(struct presses *s, struct press *p)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int64_t now_ms = ccm_now_ms();
	int new = 0, r;

	r = ccm_txn_begin(s->ctx->db, &txn);
	if (r == 0 && p->callback_id) {
		r = judge(s, p, now_ms);
		if (r == 0)
			r = new = insert_press(s, p, now_ms);
		if (r > 0 && p->result == ACCEPTED)
			r = accept(s, p, now_ms);
		else if (r > 0 && p->is_abandoned)
			r = abandon(s, p, now_ms);
	}
	if (r >= 0)
		r = put_offset(s, p->update_id, now_ms);
	if (r == 0)
		r = ccm_txn_commit(&txn);
	return r < 0 ? r : new;
}

/* So that the button stops turning; whether it works is of no consequence. */
static void confirm(struct presses *s, const struct press *p)
{
	const char *words = results[p->result].words;
	json_t *parameters;

	if (!words)
		words = strcmp(p->wish, "approve") == 0 ? "Approved." : "Denied.";
	parameters = json_pack("{s:s, s:s}", "callback_query_id", p->callback_id, "text", words);
	telegram_call(s->t, "answerCallbackQuery", parameters, PRESS_MAX_MS, NULL);
}

static int take_update(struct presses *s, const json_t *update)
{
	struct press p = { 0 };
	int r;

	if (!get_int(update, "update_id", &p.update_id) || p.update_id < 0 || p.update_id == INT64_MAX)
		return 0;
	read_press(json_object_get(update, "callback_query"), &p);
	r = record(s, &p);
	if (r > 0)
		confirm(s, &p);
	return r < 0 ? r : 0;
}

/* ---- asking for them */

static int add_offset(struct presses *s, json_t *parameters)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(s->ctx->db, Q_TELEGRAM_OFFSET_GET, DB_ARGS(DB_TEXT("bot", s->t->bot)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r <= 0 || ccm_now_ms() - ccm_rows_int(&rows, "seen_ms") > COUNTS_ANEW_MS)
		return r < 0 ? r : 0;
	return json_object_set_new(parameters, "offset", json_integer(ccm_rows_int(&rows, "next_update")));
}

/* Waits at Telegram for at most wait_s. 0, even where it did not work: then after a pause; -ECANCELED: we are to end. */
static int fetch(struct presses *s, int64_t wait_s, int64_t left_ms)
{
	json_t *parameters = json_pack("{s:I, s:i, s:[s]}", "timeout", (json_int_t)wait_s, "limit", s->one_by_one ? 1 : UPDATES,
				       "allowed_updates", "callback_query");
	int64_t start_us = ccm_mono_us();
	json_auto_t *list = NULL;
	size_t i, count;
	json_t *update;
	bool early;
	int r;

	if (!parameters)
		return -ENOMEM;
	r = add_offset(s, parameters);
	if (r < 0) {
		json_decref(parameters);
		return r;
	}
	/* The hook does not wait for much longer than for the time that is left. */
	r = telegram_call(s->t, "getUpdates", parameters,
			  smaller(wait_s * 1000 + s->ctx->settings.alert_timeout_ms, left_ms + OVERTIME_MS), &list);
	if (r == -ENOMEM || r == -ECANCELED)
		return r;
	if (r < 0) {
		ccm_sbuf_clear(&s->problem);
		ccm_sbuf_adds(&s->problem, ccm_sbuf_str(&s->t->problem));
		/* Should they not fit all the same, they do one by one. */
		s->one_by_one = true;
		s->backoff_ms = s->backoff_ms ? smaller(s->backoff_ms * 2, BACKOFF_MAX_MS) : BACKOFF_MS;
		return telegram_pause(s->t, smaller(left_ms, s->t->retry_after_ms ? s->t->retry_after_ms : s->backoff_ms)) ? -ECANCELED : 0;
	}
	s->fetched = true;
	s->backoff_ms = 0;
	count = json_array_size(list);
	json_array_foreach(list, i, update)
		if (r >= 0)
			r = take_update(s, update);
	early = !wait_s || ccm_mono_us() - start_us < wait_s * 1000000 / 2;
	if (r == 0 && !count && early && telegram_pause(s->t, smaller(left_ms, PAUSE_MS)))
		r = -ECANCELED;
	return r;
}

int presses_wait(struct presses *s, int64_t left_ms)
{
	if (take_lock(s))
		return fetch(s, smaller(POLL_S, left_ms / 1000), left_ms);
	s->fetched = true;
	return telegram_pause(s->t, smaller(left_ms, LOOK_MS)) ? -ECANCELED : 0;
}
