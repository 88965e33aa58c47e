/* SPDX-License-Identifier: MIT */
/* json - a view of JSON text that stays text.
 *
 * The hook reads a few fields of payloads of up to megabytes, and the installer must give back
 * every byte that it did not mean to change. Both want positions in the text, not a tree, and
 * the host sends what jansson refuses (\u0000, lone surrogates). So this scanner checks the
 * grammar in one pass without recursion and hands out spans; strings are decoded on request.
 * Documents of our own making are built with jansson.
 *
 *     struct ccm_json_iter it;
 *     struct ccm_json key, value;
 *     ccm_json_iter_text(&it, text, bytes);
 *     while ((r = ccm_json_next(&it, &key, &value)) > 0)
 *             if (ccm_json_is(&key, "session_id"))
 *                     ...
 *     if (r < 0)
 *             it.error says what is wrong and where; the members before it were handed out
 *
 * Ownership: a view borrows the text, which must outlive it. Nothing is allocated but by ccm_json_string().
 * Errors:    -CCM_E_JSON.
 * Source:    the grammar is RFC 8259. Taken in addition: any bytes >= 0x80 inside strings.
 *            Refused: nesting deeper than CCM_JSON_DEPTH_MAX.
 */
#ifndef CCM_JSON_H
#define CCM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sbuf.h"

#define CCM_JSON_DEPTH_MAX 8192

enum ccm_json_type {
	CCM_JSON_NONE    = 0,
	CCM_JSON_OBJECT  = 1 << 0,
	CCM_JSON_ARRAY   = 1 << 1,
	CCM_JSON_STRING  = 1 << 2,
	CCM_JSON_NUMBER  = 1 << 3,
	CCM_JSON_BOOLEAN = 1 << 4,
	CCM_JSON_NULL    = 1 << 5,
};

/* One value in the text: from its first byte to its last, quotes and brackets included. */
struct ccm_json {
	const char *text;
	size_t bytes;
	enum ccm_json_type type;
	bool plain;          /* a string whose bytes between the quotes are its value: no escapes, all ASCII */
};

struct ccm_json_error {
	const char *what;    /* static words: "expected ':'" */
	size_t offset;       /* in bytes from the start of the text */
	bool at_end;         /* the text ended too early: more of it might make it whole */
};

struct ccm_json_iter {
	const char *text, *end, *at;
	bool object, started, finished;
	struct ccm_json_error error;
	/* Where the text could be cut and closed again: after the last whole value, with the open
	 * brackets at that point. See ccm_json_close(). */
	const char *safe;
	size_t safe_depth;
	unsigned char open[CCM_JSON_DEPTH_MAX / 8];      /* bit set: object */
};

/* Begins on the object or array at the start of text (after white space). The members are checked
 * as they are reached; what follows the closing bracket is not looked at: it.at points there. */
void ccm_json_iter_text(struct ccm_json_iter *it, const char *text, size_t bytes);
void ccm_json_iter_value(struct ccm_json_iter *it, const struct ccm_json *value);

/* 1: *ret_key (in an object; else zeroed) and *ret_value are set. 0: no more. Negative: see it->error;
 * if the value had begun, *ret_value is its beginning (type and text; bytes to the end of the text). */
int ccm_json_next(struct ccm_json_iter *it, struct ccm_json *ret_key, struct ccm_json *ret_value);

/* Checks the one value in text, white space around it allowed. */
int ccm_json_parse(const char *text, size_t bytes, struct ccm_json *ret, struct ccm_json_error *error);

/* True if the string's value is these characters. */
bool ccm_json_is(const struct ccm_json *string, const char *text);

/* The member of that name (the last one if it stands twice, as JavaScript does it); false if none. */
bool ccm_json_member(const struct ccm_json *object, const char *name, struct ccm_json *ret);

/* Follows names and array indexes joined by dots: tool_input.command, tool_calls.0.tool_name. */
bool ccm_json_path(const struct ccm_json *value, const char *path, struct ccm_json *ret);

/* Appends the string's value as UTF-8 without NUL: \u0000, lone surrogates and bytes that are not
 * UTF-8 become U+FFFD. */
void ccm_json_decode(const struct ccm_json *string, struct ccm_sbuf *out);

/* The same as a new C string; NULL when out of memory. */
char *ccm_json_string(const struct ccm_json *string);

/* Appends text as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void ccm_json_quote(struct ccm_sbuf *out, const char *text, size_t bytes);

/* Appends a copy of a checked text that strict parsers take: U+FFFD instead of \u0000, lone surrogates and bad UTF-8. */
void ccm_json_repair(struct ccm_sbuf *out, const char *text, size_t bytes);

/* Appends a checked text laid out for people: one member or element a line, two blanks a level. The
 * values stay byte for byte what they are. */
void ccm_json_pretty(struct ccm_sbuf *out, const char *text, size_t bytes);

/* Appends a copy of a checked text in which each string longer than max bytes (as written, quotes not
 * counted) is cut to them and ends in "…[N bytes in all]". A list that is longer than CCM_JSON_TRIM_LIST times that, even
 * so, is cut behind the element that went beyond it and ends in the element "…[N more, M bytes]". Returns how
 * many were cut. */
#define CCM_JSON_TRIM_LIST 4
size_t ccm_json_trim(struct ccm_sbuf *out, const char *text, size_t bytes, size_t max);

/* After ccm_json_next() failed with error.at_end: appends the text up to the last whole value, and
 * the closing brackets that make it a document again; {} where not even the first bracket was there. */
void ccm_json_close(const struct ccm_json_iter *it, struct ccm_sbuf *out);

/* Line and column, from 1, of an offset; a column is a character. */
void ccm_json_position(const char *text, size_t offset, unsigned *ret_line, unsigned *ret_column);

/* "string", "object", ... */
const char *ccm_json_type_name(enum ccm_json_type type);

#endif
