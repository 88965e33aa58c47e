/* SPDX-License-Identifier: MIT */
#include "json.h"

#include <errno.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "error.h"
#include "utf8.h"

static bool is_open_object(const struct ccm_json_iter *it, size_t depth)
{
	return it->open[depth / 8] >> (depth % 8) & 1;
}

static int fail(struct ccm_json_iter *it, const char *at, const char *what)
{
	it->error.offset = (size_t)(at - it->text);
	it->error.at_end = at >= it->end;
	it->error.what = at >= it->end ? "the text ends too early" : what;
	it->at = at;
	it->finished = true;
	return -CCM_E_JSON;
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* Passes over bytes that mean nothing inside a string: no quote, no backslash, no control character,
 * no byte of a longer UTF-8 sequence. Payloads are mostly such bytes, and may be megabytes long. */
static const char *skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16) {
		__m128i v = _mm_loadu_si128((const void *)p);
		/* The comparison is signed: it finds control characters and bytes above 0x7f alike. */
		__m128i odd = _mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
					   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
							_mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
		int mask = _mm_movemask_epi8(odd);

		if (mask)
			return p + __builtin_ctz((unsigned int)mask);
		p += 16;
	}
#else
	const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;

	while (end - p >= 8) {
		uint64_t w, quote, slash, control;

		memcpy(&w, p, sizeof w);
		quote = w ^ ones * '"';
		slash = w ^ ones * '\\';
		control = w - ones * 0x20;
		if ((w | control | ((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & high)
			break;
		p += 8;
	}
#endif
	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/* What may follow a backslash, other than u. */
static bool is_escape(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		return true;
	default:
		return false;
	}
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* p is on the opening quote; on success *ret is behind the closing one. */
static int skip_string(struct ccm_json_iter *it, const char *p, const char **ret, bool *ret_plain)
{
	const char *end = it->end;
	bool plain = true;

	p++;
	for (;;) {
		p = skip_plain(p, end);
		if (p >= end)
			return fail(it, end, "");
		if (*p == '"')
			break;
		plain = false;
		if ((unsigned char)*p < 0x20)
			return fail(it, p, "control character in a string");
		if (*p != '\\') {
			p++;
			continue;
		}
		if (p + 1 >= end)
			return fail(it, end, "");
		if (p[1] == 'u') {
			for (int i = 2; i < 6; i++) {
				if (p + i >= end)
					return fail(it, end, "");
				if (!is_hex(p[i]))
					return fail(it, p, "\\u without four hexadecimal digits");
			}
			p += 6;
		} else if (is_escape(p[1])) {
			p += 2;
		} else {
			return fail(it, p, "unknown escape in a string");
		}
	}
	*ret = p + 1;
	*ret_plain = plain;
	return 0;
}

static int skip_number(struct ccm_json_iter *it, const char *p, const char **ret)
{
	const char *end = it->end;

#define DIGITS() \
	do { \
		if (p >= end) \
			return fail(it, end, ""); \
		if (*p < '0' || *p > '9') \
			return fail(it, p, "expected a digit"); \
		while (p < end && *p >= '0' && *p <= '9') \
			p++; \
	} while (0)

	if (*p == '-')
		p++;
	if (p < end && *p == '0') {
		p++;
		if (p < end && *p >= '0' && *p <= '9')
			return fail(it, p, "number with a leading zero");
	} else {
		DIGITS();
	}
	if (p < end && *p == '.') {
		p++;
		DIGITS();
	}
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		DIGITS();
	}
#undef DIGITS
	*ret = p;
	return 0;
}

static int skip_word(struct ccm_json_iter *it, const char *p, const char *word, const char **ret)
{
	for (const char *start = p; *word; word++, p++) {
		if (p >= it->end)
			return fail(it, it->end, "");
		if (*p != *word)
			return fail(it, start, "expected a value");
	}
	*ret = p;
	return 0;
}

static enum ccm_json_type type_at(char c)
{
	switch (c) {
	case '{':
		return CCM_JSON_OBJECT;
	case '[':
		return CCM_JSON_ARRAY;
	case '"':
		return CCM_JSON_STRING;
	case 't':
	case 'f':
		return CCM_JSON_BOOLEAN;
	case 'n':
		return CCM_JSON_NULL;
	default:
		return c == '-' || (c >= '0' && c <= '9') ? CCM_JSON_NUMBER : CCM_JSON_NONE;
	}
}

/* The value that begins at p, which is not a bracket. */
static int skip_scalar(struct ccm_json_iter *it, const char *p, struct ccm_json *ret)
{
	const char *after = p;
	bool plain = false;
	int r;

	ret->text = p;
	ret->bytes = (size_t)(it->end - p);
	ret->type = type_at(*p);
	switch (*p) {
	case '"':
		r = skip_string(it, p, &after, &plain);
		break;
	case 't':
		r = skip_word(it, p, "true", &after);
		break;
	case 'f':
		r = skip_word(it, p, "false", &after);
		break;
	case 'n':
		r = skip_word(it, p, "null", &after);
		break;
	default:
		r = ret->type ? skip_number(it, p, &after) : fail(it, p, "expected a value");
	}
	if (r < 0)
		return r;
	ret->bytes = (size_t)(after - p);
	ret->plain = plain;
	return 0;
}

static int skip_key(struct ccm_json_iter *it, const char *p, const char **ret, struct ccm_json *ret_key)
{
	int r;

	p = skip_space(p, it->end);
	if (p >= it->end || *p != '"')
		return fail(it, p, "expected a member name in quotes");
	r = skip_scalar(it, p, ret_key);
	if (r < 0)
		return r;
	p = skip_space(p + ret_key->bytes, it->end);
	if (p >= it->end || *p != ':')
		return fail(it, p, "expected ':'");
	*ret = skip_space(p + 1, it->end);
	return 0;
}

/* The value at p, whatever it is. Depth 0 of it->open is the container being iterated. */
static int skip_value(struct ccm_json_iter *it, const char *p, struct ccm_json *ret)
{
	struct ccm_json part;
	size_t depth = 0;
	int r;

	if (p >= it->end)
		return fail(it, p, "");
	ret->text = p;
	ret->bytes = (size_t)(it->end - p);
	ret->type = type_at(*p);
	ret->plain = false;
	for (;;) {
		if (p >= it->end)
			return fail(it, p, "");
		if (*p == '{' || *p == '[') {
			bool object = *p == '{';

			if (++depth >= CCM_JSON_DEPTH_MAX)
				return fail(it, p, "nested too deeply");
			if (object)
				it->open[depth / 8] |= (unsigned char)(1u << (depth % 8));
			else
				it->open[depth / 8] &= (unsigned char)~(1u << (depth % 8));
			p = skip_space(p + 1, it->end);
			it->safe = p;
			it->safe_depth = depth;
			if (p < it->end && *p == (object ? '}' : ']')) {
				/* empty: falls through to the closing below */
			} else {
				if (object) {
					r = skip_key(it, p, &p, &part);
					if (r < 0)
						return r;
				}
				continue;
			}
		} else {
			r = skip_scalar(it, p, depth ? &part : ret);
			if (r < 0)
				return r;
			p += depth ? part.bytes : ret->bytes;
			/* A number at the very end may go on in what was cut off. */
			if (p < it->end || p[-1] == '"') {
				it->safe = p;
				it->safe_depth = depth;
			}
			if (depth == 0)
				return 0;
			p = skip_space(p, it->end);
		}
		/* Behind a value inside a container, or on the bracket that closes it. */
		while (depth && p < it->end && *p == (is_open_object(it, depth) ? '}' : ']')) {
			p++;
			depth--;
			it->safe = p;
			it->safe_depth = depth;
			if (depth == 0) {
				ret->bytes = (size_t)(p - ret->text);
				return 0;
			}
			p = skip_space(p, it->end);
		}
		if (p >= it->end || *p != ',')
			return fail(it, p, is_open_object(it, depth) ? "expected ',' or '}'" : "expected ',' or ']'");
		p = skip_space(p + 1, it->end);
		if (is_open_object(it, depth)) {
			r = skip_key(it, p, &p, &part);
			if (r < 0)
				return r;
		}
	}
}

static void iter_init(struct ccm_json_iter *it, const char *text, size_t bytes)
{
	it->text = it->at = it->safe = text;
	it->end = text + bytes;
	it->object = it->started = it->finished = false;
	it->safe_depth = 0;
	it->open[0] = 0;
	it->error = (struct ccm_json_error){ 0 };
}

void ccm_json_iter_text(struct ccm_json_iter *it, const char *text, size_t bytes)
{
	iter_init(it, text, bytes);
}

void ccm_json_iter_value(struct ccm_json_iter *it, const struct ccm_json *value)
{
	iter_init(it, value->text, value->bytes);
}

static int iter_start(struct ccm_json_iter *it)
{
	const char *p = skip_space(it->at, it->end);

	if (p >= it->end || (*p != '{' && *p != '['))
		return fail(it, p, "expected '{' or '['");
	it->object = *p == '{';
	it->open[0] = it->object;
	it->started = true;
	it->at = p + 1;
	it->safe = p + 1;
	return 0;
}

int ccm_json_next(struct ccm_json_iter *it, struct ccm_json *ret_key, struct ccm_json *ret_value)
{
	bool first = !it->started;
	const char *p;
	int r;

	*ret_key = *ret_value = (struct ccm_json){ 0 };
	if (it->finished)
		return it->error.what ? -CCM_E_JSON : 0;
	if (first) {
		r = iter_start(it);
		if (r < 0)
			return r;
	}
	p = skip_space(it->at, it->end);
	if (p < it->end && *p == (it->object ? '}' : ']')) {
		it->at = p + 1;
		it->finished = true;
		return 0;
	}
	if (!first) {
		if (p >= it->end || *p != ',')
			return fail(it, p, it->object ? "expected ',' or '}'" : "expected ',' or ']'");
		p = skip_space(p + 1, it->end);
	}
	if (it->object) {
		r = skip_key(it, p, &p, ret_key);
		if (r < 0) {
			/* It may be half a string, which nobody can decode. */
			*ret_key = (struct ccm_json){ 0 };
			return r;
		}
	}
	r = skip_value(it, p, ret_value);
	if (r < 0)
		return r;
	it->at = p + ret_value->bytes;
	return 1;
}

int ccm_json_parse(const char *text, size_t bytes, struct ccm_json *ret, struct ccm_json_error *error)
{
	struct ccm_json_iter it;
	const char *p;
	int r;

	iter_init(&it, text, bytes);
	*ret = (struct ccm_json){ 0 };
	p = skip_space(it.at, it.end);
	r = skip_value(&it, p, ret);
	if (r == 0) {
		p = skip_space(p + ret->bytes, it.end);
		if (p < it.end)
			r = fail(&it, p, "unexpected text after the value");
	}
	if (r < 0 && error)
		*error = it.error;
	return r;
}

static unsigned hex4(const char *p)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v = v << 4 | (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return v;
}

/* The code point of the \u escape at p, and how many bytes of text it takes; U+FFFD for half of a pair. */
static uint32_t decode_u(const char *p, const char *end, size_t *ret_bytes)
{
	uint32_t high = hex4(p + 2), low;

	*ret_bytes = 6;
	if (high == 0 || (high >= 0xdc00 && high < 0xe000))
		return CCM_UTF8_BAD;
	if (high < 0xd800 || high >= 0xe000)
		return high;
	if (end - p < 12 || p[6] != '\\' || p[7] != 'u')
		return CCM_UTF8_BAD;
	low = hex4(p + 8);
	if (low < 0xdc00 || low >= 0xe000)
		return CCM_UTF8_BAD;
	*ret_bytes = 12;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

void ccm_json_decode(const struct ccm_json *string, struct ccm_sbuf *out)
{
	const char *p, *end;

	if (string->type != CCM_JSON_STRING || string->bytes < 2)
		return;
	p = string->text + 1;
	end = string->text + string->bytes - 1;
	if (string->plain) {
		ccm_sbuf_add(out, p, (size_t)(end - p));
		return;
	}
	while (p < end) {
		const char *run = p;
		size_t bytes;
		uint32_t c;

		p = skip_plain(p, end);
		ccm_sbuf_add(out, run, (size_t)(p - run));
		if (p >= end)
			break;
		if (*p != '\\') {
			c = ccm_utf8_next(p, (size_t)(end - p), &bytes);
			ccm_utf8_add(out, c);
			p += bytes;
			continue;
		}
		if (p[1] == 'u') {
			ccm_utf8_add(out, decode_u(p, end, &bytes));
			p += bytes;
			continue;
		}
		switch (p[1]) {
		case 'b':
			ccm_sbuf_addc(out, '\b');
			break;
		case 'f':
			ccm_sbuf_addc(out, '\f');
			break;
		case 'n':
			ccm_sbuf_addc(out, '\n');
			break;
		case 'r':
			ccm_sbuf_addc(out, '\r');
			break;
		case 't':
			ccm_sbuf_addc(out, '\t');
			break;
		default:
			ccm_sbuf_addc(out, p[1]);
		}
		p += 2;
	}
}

char *ccm_json_string(const struct ccm_json *string)
{
	struct ccm_sbuf s = { 0 };

	ccm_json_decode(string, &s);
	return ccm_sbuf_take(&s);
}

bool ccm_json_is(const struct ccm_json *string, const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf s = { 0 };
	size_t bytes = strlen(text);

	if (string->type != CCM_JSON_STRING)
		return false;
	if (string->plain)
		return string->bytes == bytes + 2 && memcmp(string->text + 1, text, bytes) == 0;
	ccm_json_decode(string, &s);
	return s.bytes == bytes && memcmp(ccm_sbuf_str(&s), text, bytes) == 0;
}

bool ccm_json_member(const struct ccm_json *object, const char *name, struct ccm_json *ret)
{
	struct ccm_json_iter it;
	struct ccm_json key, value;
	bool found = false;

	if (object->type != CCM_JSON_OBJECT)
		return false;
	ccm_json_iter_value(&it, object);
	while (ccm_json_next(&it, &key, &value) > 0) {
		if (ccm_json_is(&key, name)) {
			*ret = value;
			found = true;
		}
	}
	return found;
}

static bool element(const struct ccm_json *array, const char *index, struct ccm_json *ret)
{
	struct ccm_json_iter it;
	struct ccm_json key, value;
	char *rest;
	unsigned long want;

	if (*index < '0' || *index > '9')
		return false;
	errno = 0;
	want = strtoul(index, &rest, 10);
	if (*rest || errno)
		return false;
	ccm_json_iter_value(&it, array);
	while (ccm_json_next(&it, &key, &value) > 0) {
		if (want-- == 0) {
			*ret = value;
			return true;
		}
	}
	return false;
}

bool ccm_json_path(const struct ccm_json *value, const char *path, struct ccm_json *ret)
{
	struct ccm_json at = *value;

	while (*path) {
		_cleanup_free_ char *name = NULL;
		size_t bytes = strcspn(path, ".");

		name = strndup(path, bytes);
		if (!name)
			return false;
		if (at.type == CCM_JSON_ARRAY ? !element(&at, name, &at) : !ccm_json_member(&at, name, &at))
			return false;
		path += bytes;
		if (*path == '.')
			path++;
	}
	*ret = at;
	return true;
}

void ccm_json_quote(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	const char *p = text, *end = text + bytes;

	ccm_sbuf_addc(out, '"');
	while (p < end) {
		const char *run = p;
		size_t step;
		uint32_t c;

		p = skip_plain(p, end);
		ccm_sbuf_add(out, run, (size_t)(p - run));
		if (p >= end)
			break;
		c = ccm_utf8_next(p, (size_t)(end - p), &step);
		p += step;
		switch (c) {
		case '"':
		case '\\':
			ccm_sbuf_addc(out, '\\');
			ccm_sbuf_addc(out, (char)c);
			break;
		case '\n':
			ccm_sbuf_adds(out, "\\n");
			break;
		case '\t':
			ccm_sbuf_adds(out, "\\t");
			break;
		case '\r':
			ccm_sbuf_adds(out, "\\r");
			break;
		default:
			if (c < 0x20)
				ccm_sbuf_addf(out, "\\u%04x", c);
			else
				ccm_utf8_add(out, c);
		}
	}
	ccm_sbuf_addc(out, '"');
}

void ccm_json_repair(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	const char *p = text, *end = text + bytes;

	while (p < end) {
		const char *run = p;
		size_t step;
		uint32_t c;

		while (p < end && *p != '\\' && (unsigned char)*p < 0x80)
			p++;
		ccm_sbuf_add(out, run, (size_t)(p - run));
		if (p >= end)
			break;
		if (*p != '\\') {
			ccm_utf8_add(out, ccm_utf8_next(p, (size_t)(end - p), &step));
			p += step;
		} else if (end - p >= 6 && p[1] == 'u') {
			c = decode_u(p, end, &step);
			if (c == CCM_UTF8_BAD)
				ccm_utf8_add(out, c);
			else
				ccm_sbuf_add(out, p, step);
			p += step;
		} else {
			step = end - p >= 2 ? 2 : 1;
			ccm_sbuf_add(out, p, step);
			p += step;
		}
	}
}

/* Levels deeper than this stand where it stands: indenting them all would take more room than the text. */
#define INDENT_MAX 64

static void break_line(struct ccm_sbuf *out, size_t depth)
{
	ccm_sbuf_addc(out, '\n');
	for (size_t i = 0; i < depth && i < INDENT_MAX; i++)
		ccm_sbuf_adds(out, "  ");
}

/* Where the string whose inside begins at p ends: on its closing quote, or at end. */
static const char *string_end(const char *p, const char *end)
{
	while ((p = skip_plain(p, end)) < end && *p != '"')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	return p;
}

void ccm_json_pretty(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	const char *end = text + bytes;
	size_t depth = 0;

	for (const char *p = skip_space(text, end), *next; p < end; p = skip_space(next, end)) {
		next = *p == '"' ? string_end(p + 1, end) : p;
		next += next < end;
		if (*p == '}' || *p == ']')
			break_line(out, depth ? --depth : 0);
		ccm_sbuf_add(out, p, (size_t)(next - p));
		if (*p == ',') {
			break_line(out, depth);
		} else if (*p == ':') {
			ccm_sbuf_addc(out, ' ');
		} else if (*p == '{' || *p == '[') {
			const char *inside = skip_space(next, end);

			if (inside < end && (*inside == '}' || *inside == ']')) {
				ccm_sbuf_addc(out, *inside);
				next = inside + 1;
			} else {
				break_line(out, ++depth);
			}
		}
	}
}

/* How much of a string's inside fits into max bytes without halving an escape or a character. */
static size_t whole_prefix(const char *text, size_t bytes, size_t max)
{
	size_t at = 0, step;

	while (at < bytes) {
		if (text[at] == '\\') {
			step = text[at + 1] == 'u' ? 6 : 2;
			if (step == 6 && bytes - at >= 12)
				decode_u(text + at, text + bytes, &step);
		} else {
			ccm_utf8_next(text + at, bytes - at, &step);
		}
		if (at + step > max)
			break;
		at += step;
	}
	return at;
}

/* Lists deeper than this are only cut as part of one that is not. */
#define TRIM_DEPTH_MAX 32

struct trim {
	struct ccm_sbuf *out;
	const char *from;            /* what is copied next */
	const char *end;
	size_t max, cut, depth;
	size_t started[TRIM_DEPTH_MAX];      /* where a list begins in out; SIZE_MAX: it is an object */
};

static void copy_to(struct trim *t, const char *p)
{
	ccm_sbuf_add(t->out, t->from, (size_t)(p - t->from));
	t->from = p;
}

/* From the opening quote to behind the closing one. */
static const char *trim_string(struct trim *t, const char *quote)
{
	const char *close = string_end(quote + 1, t->end);
	size_t inside = (size_t)(close - quote) - 1;

	if (inside > t->max) {
		copy_to(t, quote + 1 + whole_prefix(quote + 1, inside, t->max));
		ccm_sbuf_addf(t->out, "…[%zu bytes in all]", inside);
		t->from = close;
		t->cut++;
	}
	return close + (close < t->end);
}

/* From the comma behind an element to the bracket that closes the list, or its end. */
static const char *skip_rest(const char *p, const char *end, size_t *ret_count)
{
	size_t depth = 0;

	for (*ret_count = 0; p < end; p++) {
		if (*p == '"')
			p = string_end(p + 1, end);
		else if (*p == '[' || *p == '{')
			depth++;
		else if ((*p == ']' || *p == '}') && depth-- == 0)
			return p;
		else if (*p == ',' && depth == 0)
			++*ret_count;
	}
	return end;
}

static void trim_list(struct trim *t, const char **p)
{
	size_t count, start = t->depth && t->depth <= TRIM_DEPTH_MAX ? t->started[t->depth - 1] : SIZE_MAX;
	const char *rest = *p;

	if (start == SIZE_MAX || t->out->bytes + (size_t)(rest - t->from) - start <= CCM_JSON_TRIM_LIST * t->max)
		return;
	copy_to(t, rest);
	*p = skip_rest(rest, t->end, &count);
	ccm_sbuf_addf(t->out, ",\"…[%zu more, %zu bytes]\"", count, (size_t)(*p - rest));
	t->from = *p;
	t->cut++;
}

size_t ccm_json_trim(struct ccm_sbuf *out, const char *text, size_t bytes, size_t max)
{
	struct trim t = { .out = out, .from = text, .end = text + bytes, .max = max };

	for (const char *p = text; p < t.end;) {
		if (*p == '"') {
			p = trim_string(&t, p);
			continue;
		}
		if (*p == ',')
			trim_list(&t, &p);
		if (p >= t.end)
			break;
		if (*p == '[' || *p == '{') {
			if (t.depth < TRIM_DEPTH_MAX)
				t.started[t.depth] = *p == '[' ? out->bytes + (size_t)(p - t.from) : SIZE_MAX;
			t.depth++;
		} else if ((*p == ']' || *p == '}') && t.depth) {
			t.depth--;
		}
		p++;
	}
	copy_to(&t, t.end);
	return t.cut;
}

void ccm_json_close(const struct ccm_json_iter *it, struct ccm_sbuf *out)
{
	if (!it->started) {
		ccm_sbuf_adds(out, "{}");
		return;
	}
	ccm_sbuf_add(out, it->text, (size_t)(it->safe - it->text));
	for (size_t depth = it->safe_depth + 1; depth-- > 0;)
		ccm_sbuf_addc(out, is_open_object(it, depth) ? '}' : ']');
}

void ccm_json_position(const char *text, size_t offset, unsigned *ret_line, unsigned *ret_column)
{
	unsigned line = 1, column = 1;

	for (size_t i = 0; i < offset; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	*ret_line = line;
	*ret_column = column;
}

const char *ccm_json_type_name(enum ccm_json_type type)
{
	switch (type) {
	case CCM_JSON_OBJECT:
		return "object";
	case CCM_JSON_ARRAY:
		return "array";
	case CCM_JSON_STRING:
		return "string";
	case CCM_JSON_NUMBER:
		return "number";
	case CCM_JSON_BOOLEAN:
		return "boolean";
	case CCM_JSON_NULL:
		return "null";
	case CCM_JSON_NONE:
		break;
	}
	return "nothing";
}
