/* SPDX-License-Identifier: MIT */
#include "transcript.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "json.h"
#include "sbuf.h"

#define PIECE_BYTES (256 * 1024)
#define HOUR_MS (3600LL * 1000)
#define MOST_HOURS 64            /* of one reading; what is more is added to the last */

struct hour {
	int64_t start_ms, tokens;
};

/* One reading of one file. */
struct reader {
	const char *path;
	int64_t from_bytes, done_bytes;      /* whole lines */
	int64_t inode, now_ms;
	bool anew;                           /* what was counted of this path before is of another file */
	bool skipping;                       /* inside a line that is too long */
	char last[128];                      /* the id of the last message */
	struct ccm_sbuf line;
	struct hour hours[MOST_HOURS];
	size_t hour_count;
};

static void add_tokens(struct reader *r, int64_t at_ms, int64_t tokens)
{
	int64_t start_ms = at_ms - at_ms % HOUR_MS;
	size_t i = 0;

	while (i < r->hour_count && r->hours[i].start_ms != start_ms)
		i++;
	if (i == r->hour_count && i == MOST_HOURS)
		i--;
	if (i == r->hour_count)
		r->hours[r->hour_count++] = (struct hour){ .start_ms = start_ms };
	r->hours[i].tokens += tokens;
}

static int64_t count_at(const struct ccm_json *usage, const char *name)
{
	struct ccm_json v;
	char digits[32];
	double n;

	if (!ccm_json_member(usage, name, &v) || v.type != CCM_JSON_NUMBER || v.bytes >= sizeof digits)
		return 0;
	memcpy(digits, v.text, v.bytes);
	digits[v.bytes] = '\0';
	n = strtod(digits, NULL);
	return n > 0 && n <= (double)CCM_TRANSCRIPT_TOKENS_MAX ? (int64_t)n : 0;
}

/* When the line was written; now, if it does not say. */
static int64_t time_of(const struct reader *r, const struct ccm_json *line)
{
	_cleanup_free_ char *text = NULL;
	struct ccm_json v;
	int64_t ms;

	if (!ccm_json_member(line, "timestamp", &v) || v.type != CCM_JSON_STRING)
		return r->now_ms;
	text = ccm_json_string(&v);
	return text && ccm_time_parse(text, r->now_ms, &ms, NULL) == 0 && ms > 0 && ms <= r->now_ms ? ms : r->now_ms;
}

static bool is_counted(struct reader *r, const struct ccm_json *message)
{
	_cleanup_sbuf_ struct ccm_sbuf id = { 0 };
	struct ccm_json v;

	if (!ccm_json_member(message, "id", &v) || v.type != CCM_JSON_STRING)
		return false;
	ccm_json_decode(&v, &id);
	if (!id.bytes || strncmp(r->last, ccm_sbuf_str(&id), sizeof r->last - 1) == 0)
		return id.bytes > 0;
	snprintf(r->last, sizeof r->last, "%s", id.text);
	return false;
}

static void take_line(struct reader *r, const char *text, size_t bytes)
{
	static const char *const kinds[] = {
		"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens",
	};
	struct ccm_json line, type, message, usage;
	int64_t tokens = 0;

	/* Most lines of a transcript are tool results. */
	if (!memmem(text, bytes, "\"usage\"", 7) || ccm_json_parse(text, bytes, &line, NULL) < 0 ||
	    line.type != CCM_JSON_OBJECT || !ccm_json_member(&line, "type", &type) || !ccm_json_is(&type, "assistant") ||
	    !ccm_json_member(&line, "message", &message) || message.type != CCM_JSON_OBJECT ||
	    !ccm_json_member(&message, "usage", &usage) || usage.type != CCM_JSON_OBJECT || is_counted(r, &message))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		tokens += count_at(&usage, kinds[i]);
	if (tokens)
		add_tokens(r, time_of(r, &line), tokens);
}

/* Splits a piece into lines; the rest of it waits in r->line. */
static void take_piece(struct reader *r, const char *text, size_t bytes)
{
	while (bytes) {
		const char *end = memchr(text, '\n', bytes);
		size_t n = end ? (size_t)(end - text) : bytes;

		if (!end) {
			r->skipping = r->skipping || r->line.bytes + n > CCM_TRANSCRIPT_LINE_MAX;
			if (r->skipping)
				ccm_sbuf_done(&r->line);
			else
				ccm_sbuf_add(&r->line, text, n);
			return;
		}
		if (r->line.bytes) {
			ccm_sbuf_add(&r->line, text, n);
			take_line(r, r->line.text, r->line.bytes);
			ccm_sbuf_clear(&r->line);
		} else if (!r->skipping) {
			take_line(r, text, n);
		}
		r->skipping = false;
		text += n + 1;
		bytes -= n + 1;
	}
}

static int read_on(struct reader *r, int fd, int64_t max_bytes, bool *ret_more)
{
	_cleanup_free_ char *piece = malloc(PIECE_BYTES);
	int64_t at = r->from_bytes;

	if (!piece)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(fd, piece, PIECE_BYTES, at);
		const char *last;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		take_piece(r, piece, (size_t)n);
		last = memrchr(piece, '\n', (size_t)n);
		if (last)
			r->done_bytes = at + (last - piece) + 1;
		at += n;
		/* Not in the middle of a line: it would have to be read again. */
		if (at - r->from_bytes >= max_bytes && last) {
			*ret_more = true;
			break;
		}
	}
	return ccm_sbuf_error(&r->line);
}

static int get(struct ccm_db *db, struct reader *r, const struct stat *st)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *last;
	int e;

	e = ccm_db_query(db, Q_TRANSCRIPT_GET, DB_ARGS(DB_TEXT("path", r->path)), &rows);
	if (e == 0)
		e = ccm_rows_next(&rows);
	if (e <= 0)
		return e;
	if (ccm_rows_int(&rows, "inode") != r->inode || ccm_rows_int(&rows, "read_bytes") > (int64_t)st->st_size) {
		r->anew = true;
		return 0;
	}
	r->from_bytes = r->done_bytes = ccm_rows_int(&rows, "read_bytes");
	last = ccm_rows_text(&rows, "last_message");
	snprintf(r->last, sizeof r->last, "%s", last ? last : "");
	return 0;
}

static int put(struct ccm_db *db, const struct reader *r, const char *session_id)
{
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int e;

	e = ccm_txn_begin(db, &txn);
	if (e >= 0)
		e = ccm_db_exec(db, Q_TRANSCRIPT_PUT, DB_ARGS(
			DB_TEXT("path", r->path), DB_TEXT("session_id", session_id), DB_INT("inode", r->inode),
			DB_INT("read_bytes", r->done_bytes), DB_TEXT("last_message", r->last[0] ? r->last : NULL),
			DB_INT("read_ms", r->now_ms), DB_INT("from_bytes", r->from_bytes), DB_INT("anew", r->anew)));
	if (e <= 0)
		return e;            /* somebody else was faster: the same tokens must not count twice */
	if (r->anew)
		e = ccm_db_exec(db, Q_SPENT_FORGET, DB_ARGS(DB_TEXT("path", r->path)));
	for (size_t i = 0; e >= 0 && i < r->hour_count; i++)
		e = ccm_db_exec(db, Q_SPENT_ADD, DB_ARGS(DB_TEXT("path", r->path), DB_INT("hour_ms", r->hours[i].start_ms),
							 DB_INT("tokens", r->hours[i].tokens)));
	return e < 0 ? e : ccm_txn_commit(&txn);
}

/* *left is what may still be read; it becomes less. */
static int follow_file(struct ccm_db *db, const char *session_id, const char *path, int64_t *left, int64_t now_ms,
		       bool *ret_more)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct reader r = { .path = path, .now_ms = now_ms };
	struct stat st;
	int e;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -CCM_E_NOT_FILE;
	r.inode = (int64_t)st.st_ino;
	e = get(db, &r, &st);
	if (e == 0 && *left <= 0)
		*ret_more = *ret_more || r.from_bytes < (int64_t)st.st_size;
	if (e < 0 || *left <= 0 || (r.from_bytes == (int64_t)st.st_size && !r.anew))
		return e;
	e = read_on(&r, fd, *left, ret_more);
	ccm_sbuf_done(&r.line);
	*left -= r.done_bytes - r.from_bytes;
	if (e < 0 || (r.done_bytes == r.from_bytes && !r.anew))
		return e;
	return put(db, &r, session_id);
}

int ccm_transcript_follow(struct ccm_db *db, const char *session_id, const char *path, int64_t max_bytes, int64_t now_ms)
{
	_cleanup_sbuf_ struct ccm_sbuf dir = { 0 };
	_cleanup_closedir_ DIR *d = NULL;
	size_t bytes = strlen(path);
	bool more = false;
	int r;

	r = follow_file(db, session_id, path, &max_bytes, now_ms, &more);
	if (r < 0)
		return r;
	if (bytes > 6 && strcmp(path + bytes - 6, ".jsonl") == 0) {
		ccm_sbuf_add(&dir, path, bytes - 6);
		ccm_sbuf_adds(&dir, "/subagents");
		d = opendir(ccm_sbuf_str(&dir));
	}
	for (struct dirent *e; d && (e = readdir(d));) {
		_cleanup_sbuf_ struct ccm_sbuf file = { 0 };
		size_t n = strlen(e->d_name);

		if (n <= 6 || strcmp(e->d_name + n - 6, ".jsonl") != 0)
			continue;
		ccm_sbuf_addf(&file, "%s/%s", ccm_sbuf_str(&dir), e->d_name);
		if (ccm_sbuf_error(&file))
			return -ENOMEM;
		r = follow_file(db, session_id, file.text, &max_bytes, now_ms, &more);
		if (r < 0)
			return r;
	}
	return more;
}

int ccm_transcript_tokens(struct ccm_db *db, const char *session_id, int64_t *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r;

	*ret = 0;
	r = ccm_db_query(db, Q_SPENT_BY_SESSION, DB_ARGS(DB_TEXT("session_id", session_id)), &rows);
	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r > 0)
		*ret = ccm_rows_int(&rows, "tokens");
	return r < 0 ? r : 0;
}
