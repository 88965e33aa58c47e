/* SPDX-License-Identifier: MIT */
#include "gaps.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libccm/alert.h"
#include "libccm/clock.h"
#include "libccm/json.h"
#include "libccm/spool.h"
#include "libccm/uuid.h"

#define MINUTE_MS (60 * 1000LL)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define TAIL_BYTES (1 << 20)             /* of a transcript */
#define CALLS_MAX 4096
#define RECENT_MS (2 * HOUR_MS)          /* when a session did something last */
#define SETTLE_MS MINUTE_MS              /* an event may still be on its way */
#define HEARD_MS (30 * DAY_MS)           /* of which tools ccm hears */
#define SPOOL_OLD_MS (10 * MINUTE_MS)
#define SESSION_CHARS 36

struct call {
	char *id, *tool;
	int64_t at_ms;
	bool good;                           /* it has a result that is no error */
};

struct calls {
	struct call *list;
	size_t count;
};

static void calls_done(struct calls *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->list[i].id);
		free(c->list[i].tool);
	}
	free(c->list);
}

/* ---- reading a transcript ---- */

static char *text_member(const struct ccm_json *object, const char *name)
{
	struct ccm_json v;

	return ccm_json_member(object, name, &v) && v.type == CCM_JSON_STRING ? ccm_json_string(&v) : NULL;
}

static int add_call(struct calls *c, const struct ccm_json *part, int64_t at_ms)
{
	struct call *list;

	if (c->count == CALLS_MAX)
		return 0;
	list = realloc(c->list, (c->count + 1) * sizeof *list);
	if (!list)
		return -ENOMEM;
	c->list = list;
	list[c->count] = (struct call){ text_member(part, "id"), text_member(part, "name"), at_ms, false };
	c->count++;
	return 0;
}

static void add_result(struct calls *c, const struct ccm_json *part)
{
	_cleanup_free_ char *id = text_member(part, "tool_use_id");
	struct ccm_json v;
	bool error = ccm_json_member(part, "is_error", &v) && v.type == CCM_JSON_BOOLEAN && v.text[0] == 't';

	for (size_t i = c->count; id && !error && i-- > 0;)
		if (c->list[i].id && strcmp(c->list[i].id, id) == 0) {
			c->list[i].good = true;
			break;
		}
}

/* A line holds a message, whose content is a text or a list of parts. */
static int take_line(struct calls *c, struct ccm_json_iter *it, const char *text, size_t bytes)
{
	struct ccm_json line, message, content, key, part, type;
	_cleanup_free_ char *time = NULL;
	int64_t at_ms;
	int r = 0;

	if (!memmem(text, bytes, "\"tool_", 6) || ccm_json_parse(text, bytes, &line, NULL) < 0 || line.type != CCM_JSON_OBJECT ||
	    !ccm_json_member(&line, "message", &message) || message.type != CCM_JSON_OBJECT ||
	    !ccm_json_member(&message, "content", &content) || content.type != CCM_JSON_ARRAY)
		return 0;
	time = text_member(&line, "timestamp");
	if (!time || ccm_time_parse(time, 0, &at_ms, NULL) < 0)
		return 0;
	ccm_json_iter_value(it, &content);
	while (r == 0 && ccm_json_next(it, &key, &part) > 0) {
		if (part.type != CCM_JSON_OBJECT || !ccm_json_member(&part, "type", &type))
			continue;
		if (ccm_json_is(&type, "tool_use"))
			r = add_call(c, &part, at_ms);
		else if (ccm_json_is(&type, "tool_result"))
			add_result(c, &part);
	}
	return r;
}

/* The calls at its end. A file that cannot be read has none. */
static int read_calls(const char *path, struct calls *c)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ struct ccm_json_iter *it = malloc(sizeof *it);
	_cleanup_free_ char *text = malloc(TAIL_BYTES);
	const char *at, *end, *next;
	struct stat st;
	int64_t from;
	ssize_t n;
	int r = 0;

	if (!it || !text)
		return -ENOMEM;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	from = st.st_size > TAIL_BYTES ? (int64_t)st.st_size - TAIL_BYTES : 0;
	n = pread(fd, text, TAIL_BYTES, from);
	if (n <= 0)
		return 0;
	at = text;
	end = text + n;
	/* The first line is cut, and what has no end is still being written. */
	if (from > 0)
		at = memchr(at, '\n', (size_t)n) ? (char *)memchr(at, '\n', (size_t)n) + 1 : end;
	for (; r == 0 && (next = memchr(at, '\n', (size_t)(end - at))); at = next + 1)
		r = take_line(c, it, at, (size_t)(next - at));
	return r;
}

/* ---- which there are ---- */

/* Taken down before anything is written: a query that is still open would have to see what was written since by others. */
struct pairs {
	struct { char *name, *path; } *list;
	size_t count;
};

static void pairs_done(struct pairs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].name);
		free(p->list[i].path);
	}
	free(p->list);
}

/* Of rows with a path, those columns. */
static int load_pairs(struct ccm_db *db, enum ccm_query q, const char *name, int64_t since_ms, struct pairs *p)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, q, DB_ARGS(DB_INT("since_ms", since_ms)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		void *list;

		if (ccm_rows_is_null(&rows, "path"))
			continue;
		list = realloc(p->list, (p->count + 1) * sizeof *p->list);
		if (!list)
			return -ENOMEM;
		p->list = list;
		p->list[p->count].name = strdup(ccm_rows_text(&rows, name));
		p->list[p->count].path = strdup(ccm_rows_text(&rows, "path"));
		p->count++;
		if (!p->list[p->count - 1].name || !p->list[p->count - 1].path)
			return -ENOMEM;
	}
	return r;
}

/* ---- telling ---- */

static int tell(struct ccm_db *db, enum ccm_alert_kind kind, const char *session_id, const struct ccm_sbuf *title,
		const struct ccm_sbuf *body, int64_t now_ms)
{
	char uuid[CCM_UUID_CHARS + 1];
	int r;

	if (ccm_sbuf_error(title) < 0 || ccm_sbuf_error(body) < 0)
		return -ENOMEM;
	ccm_uuid_make(now_ms, uuid);
	/* At its own level, if config.ini says nothing else when it is routed. */
	r = ccm_db_exec(db, Q_ALERT_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", now_ms), DB_TEXT("level", kind == CCM_KIND_STORAGE ? "urgent" : "warning"),
		DB_TEXT("source", "ccm"), DB_TEXT("session_id", session_id), DB_TEXT("title", ccm_sbuf_str(title)),
		DB_TEXT("body", ccm_sbuf_str(body)), DB_TEXT("kind", ccm_alert_kind_name(kind))));
	return r < 0 ? r : 0;
}

/* When something of the kind was told last; 0: never. session_id NULL: whatever it is of. */
static int last_told(struct ccm_db *db, enum ccm_alert_kind kind, const char *session_id, int64_t *ret_ms)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(db, Q_ALERT_LAST, DB_ARGS(DB_TEXT("kind", ccm_alert_kind_name(kind)),
						       DB_TEXT("session_id", session_id)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	*ret_ms = r > 0 ? ccm_rows_int(&rows, "created_ms") : 0;
	return r < 0 ? r : 0;
}

/* ---- sessions that ccm knows ---- */

static void list_calls(const struct calls *c, int64_t since_ms, int64_t until_ms, struct ccm_sbuf *out)
{
	ccm_sbuf_addc(out, '[');
	for (size_t i = 0; i < c->count; i++) {
		const struct call *call = &c->list[i];

		if (!call->good || !call->id || !call->tool || call->at_ms <= since_ms || call->at_ms >= until_ms)
			continue;
		ccm_sbuf_adds(out, out->bytes > 1 ? ",[" : "[");
		ccm_json_quote(out, call->id, strlen(call->id));
		ccm_sbuf_addc(out, ',');
		ccm_json_quote(out, call->tool, strlen(call->tool));
		ccm_sbuf_addc(out, ']');
	}
	ccm_sbuf_addc(out, ']');
}

/* Appends "2 of Bash, 1 of Edit"; how many in all. */
static int count_gaps(struct ccm_db *db, const char *session_id, const char *calls, bool after, int64_t now_ms, struct ccm_sbuf *out)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r, sum = 0;

	r = ccm_db_query(db, Q_GAP_CALLS, DB_ARGS(DB_TEXT("session_id", session_id), DB_TEXT("calls", calls), DB_INT("after", after),
						  DB_INT("heard_ms", now_ms - HEARD_MS)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0) {
		ccm_sbuf_addf(out, "%s%lld of %s", sum ? ", " : "", (long long)ccm_rows_int(&rows, "count"), ccm_rows_text(&rows, "tool"));
		sum += (int)ccm_rows_int(&rows, "count");
	}
	return r < 0 ? r : sum;
}

static int look_at_session(struct ccm_db *db, const char *session_id, const char *path, int64_t since_ms, int64_t now_ms)
{
	_cleanup_sbuf_ struct ccm_sbuf list = { 0 }, before = { 0 }, after = { 0 }, title = { 0 }, body = { 0 };
	__attribute__((cleanup(calls_done))) struct calls calls = { 0 };
	int64_t told_ms;
	int r, missed, open;

	r = last_told(db, CCM_KIND_HOOK_GAP, session_id, &told_ms);
	if (r == 0)
		r = read_calls(path, &calls);
	if (r < 0)
		return r;
	list_calls(&calls, told_ms > since_ms ? told_ms : since_ms, now_ms - SETTLE_MS, &list);
	if (ccm_sbuf_error(&list))
		return -ENOMEM;
	missed = count_gaps(db, session_id, list.text, false, now_ms, &before);
	open = missed < 0 ? missed : count_gaps(db, session_id, list.text, true, now_ms, &after);
	if (open < 0 || (!missed && !open))
		return open;
	ccm_sbuf_addf(&title, "session %.8s: ccm did not see every tool call", session_id);
	if (missed)
		ccm_sbuf_addf(&body, "Before they ran: %s.\n", before.text);
	if (open)
		ccm_sbuf_addf(&body, "How they ended: %s.\n", after.text);
	ccm_sbuf_adds(&body, "The client ended a hook, or hooks were off for a while. 'ccm-hook doctor' tells how it is now.");
	return tell(db, CCM_KIND_HOOK_GAP, session_id, &title, &body, now_ms);
}

static int look_at_sessions(struct ccm_db *db, int64_t now_ms)
{
	__attribute__((cleanup(pairs_done))) struct pairs list = { 0 };
	int r = load_pairs(db, Q_TRANSCRIPTS_RECENT, "session_id", now_ms - RECENT_MS, &list);

	for (size_t i = 0; r >= 0 && i < list.count; i++) {
		_cleanup_rows_ struct ccm_rows first = { 0 };
		int64_t first_ms;

		r = ccm_db_query(db, Q_SESSION_FIRST, DB_ARGS(DB_TEXT("session_id", list.list[i].name)), &first);
		if (r == 0)
			r = ccm_rows_next(&first);
		if (r <= 0)
			continue;
		/* What lies before its first event may be of a time without ccm. */
		first_ms = ccm_rows_int(&first, "first_ms");
		ccm_rows_done(&first);
		r = look_at_session(db, list.list[i].name, list.list[i].path, first_ms, now_ms);
	}
	return r;
}

/* ---- sessions that it does not know ---- */

static int is_known(struct ccm_db *db, const char *session_id)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int64_t told_ms;
	int r = ccm_db_query(db, Q_SESSION_GET, DB_ARGS(DB_TEXT("session_id", session_id)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r != 0)
		return r;
	r = last_told(db, CCM_KIND_HOOK_GAP, session_id, &told_ms);
	return r < 0 ? r : told_ms > 0;
}

static int look_at_stranger(struct ccm_db *db, const char *folder, const char *session_id, int64_t now_ms)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, title = { 0 }, body = { 0 };
	__attribute__((cleanup(calls_done))) struct calls calls = { 0 };
	int r = is_known(db, session_id);
	struct stat st;
	size_t count = 0;

	if (r != 0)
		return r < 0 ? r : 0;
	ccm_sbuf_addf(&path, "%s/%s.jsonl", folder, session_id);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	if (stat(path.text, &st) < 0 || (int64_t)st.st_mtime * 1000 < now_ms - RECENT_MS)
		return 0;
	r = read_calls(path.text, &calls);
	for (size_t i = 0; i < calls.count; i++)
		count += calls.list[i].good && calls.list[i].at_ms > now_ms - RECENT_MS && calls.list[i].at_ms < now_ms - SETTLE_MS;
	if (r < 0 || !count)
		return r;
	ccm_sbuf_addf(&title, "session %.8s runs without ccm", session_id);
	ccm_sbuf_addf(&body, "%zu tool calls, and no event of it. Its hooks do not run: 'ccm-hook doctor' tells why.\n%s", count, path.text);
	return tell(db, CCM_KIND_HOOK_GAP, session_id, &title, &body, now_ms);
}

static int look_at_folder(struct ccm_db *db, const char *folder, int64_t now_ms)
{
	DIR *dir = opendir(folder);
	struct dirent *e;
	int r = 0;

	while (dir && r == 0 && (e = readdir(dir))) {
		char session_id[SESSION_CHARS + 1];

		if (strlen(e->d_name) != SESSION_CHARS + strlen(".jsonl") || strcmp(e->d_name + SESSION_CHARS, ".jsonl") != 0)
			continue;
		memcpy(session_id, e->d_name, SESSION_CHARS);
		session_id[SESSION_CHARS] = '\0';
		r = look_at_stranger(db, folder, session_id, now_ms);
	}
	if (dir)
		closedir(dir);
	return r;
}

/* In the folders in which sessions that it knows have theirs. */
static int look_for_strangers(struct ccm_db *db, int64_t now_ms)
{
	__attribute__((cleanup(pairs_done))) struct pairs list = { 0 };
	_cleanup_free_ char *last = NULL;
	int r = load_pairs(db, Q_TRANSCRIPT_PATHS, "path", now_ms - 7 * DAY_MS, &list);

	for (size_t i = 0; r >= 0 && i < list.count; i++) {
		const char *path = list.list[i].path, *slash = strrchr(path, '/');
		_cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path)) : NULL;

		if (!folder || (last && strcmp(last, folder) == 0))
			continue;
		r = look_at_folder(db, folder, now_ms);
		free(last);
		last = TAKE_PTR(folder);
	}
	return r;
}

/* ---- all ---- */

static int look_at_spool(struct ctx *ctx, int count, int64_t oldest_ms, int64_t now_ms)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	int64_t told_ms;
	char time[32];
	int r;

	if (now_ms - oldest_ms < SPOOL_OLD_MS)
		return 0;
	r = last_told(ctx->db, CCM_KIND_STORAGE, NULL, &told_ms);
	if (r < 0 || told_ms > now_ms - DAY_MS)
		return r;
	ccm_sbuf_adds(&title, "storage: events wait in the spool");
	ccm_sbuf_addf(&body, "%d of them, the oldest since %s. 'ccm-hook doctor' tells why.", count,
		      ccm_time_format(oldest_ms, false, time, sizeof time));
	return tell(ctx->db, CCM_KIND_STORAGE, NULL, &title, &body, now_ms);
}

int gaps_look(struct ctx *ctx, int64_t now_ms)
{
	int64_t oldest_ms = 0;
	int bad, count = ccm_spool_count(&ctx->paths, &oldest_ms, &bad), r;

	if (count > 0)
		return look_at_spool(ctx, count, oldest_ms, now_ms);
	r = look_at_sessions(ctx->db, now_ms);
	return r < 0 ? r : look_for_strangers(ctx->db, now_ms);
}
