/* SPDX-License-Identifier: MIT */
#include "value.h"

#include <string.h>

#include "libccm/macros.h"

static bool has_mark(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (text[i] >= GUARD_UNKNOWN && text[i] <= GUARD_ONE)
			return true;
	return false;
}

void text_add(struct text *t, const char *bytes, size_t n)
{
	if (t->cut)
		return;
	if (n > GUARD_TEXT_MAX - t->bytes) {
		t->cut = true;
		bytes = "\001";
		n = 1;
	}
	if (t->room - t->bytes < n + 1) {
		size_t room = t->room ? t->room * 2 : 64;

		while (room - t->bytes < n + 1)
			room *= 2;
		t->text = guard_arena_grow(t->arena, t->text, t->room, room);
		t->room = room;
	}
	memcpy(t->text + t->bytes, bytes, n);
	t->bytes += n;
}

void text_adds(struct text *t, const char *s)
{
	text_add(t, s, strlen(s));
}

void text_addc(struct text *t, char c)
{
	text_add(t, &c, 1);
}

void text_add_value(struct text *t, const struct guard_value *v)
{
	text_add(t, v->text, v->bytes);
	t->taint |= v->taint;
	t->quoted |= v->quoted;
}

struct guard_value text_take(struct text *t)
{
	struct guard_value v = { .text = "", .bytes = t->bytes, .taint = t->taint, .quoted = t->quoted, .known = true };

	if (t->text) {
		t->text[t->bytes] = '\0';
		v.text = t->text;
		v.known = !has_mark(t->text, t->bytes);
	}
	*t = (struct text){ .arena = t->arena };
	return v;
}

void text_clear(struct text *t)
{
	*t = (struct text){ .arena = t->arena };
}

void values_add(struct values *l, struct guard_value v)
{
	if (l->count == l->room) {
		size_t room = l->room ? l->room * 2 : 8;

		l->items = guard_arena_grow(l->arena, l->items, l->room * sizeof *l->items, room * sizeof *l->items);
		l->room = room;
	}
	l->items[l->count++] = v;
}

struct guard_value value_of(const char *text)
{
	size_t bytes = strlen(text);

	return (struct guard_value){ .text = text, .bytes = bytes, .known = !has_mark(text, bytes) };
}

struct guard_value value_copy(struct guard_arena *a, const char *text, size_t bytes)
{
	return (struct guard_value){ .text = guard_arena_copy(a, text, bytes),
				     .bytes = bytes,
				     .known = !has_mark(text, bytes) };
}

struct guard_value value_unknown(unsigned taint)
{
	return (struct guard_value){ .text = "\001", .bytes = 1, .taint = taint };
}

bool value_is(const struct guard_value *v, const char *text)
{
	return v->known && strcmp(v->text, text) == 0;
}

bool value_begins(const struct guard_value *v, const char *text)
{
	return strncmp(v->text, text, strlen(text)) == 0;
}

bool value_is_unknown(const struct guard_value *v)
{
	bool any = false;

	for (size_t i = 0; i < v->bytes; i++) {
		if (v->text[i] != GUARD_UNKNOWN && !strchr(" \t\n", v->text[i]))
			return false;
		any |= v->text[i] == GUARD_UNKNOWN;
	}
	return any;
}

bool value_equal(const struct guard_value *a, const struct guard_value *b)
{
	return a->bytes == b->bytes && a->taint == b->taint && memcmp(a->text, b->text, a->bytes) == 0;
}

struct guard_value value_from(const struct guard_value *v, size_t offset)
{
	struct guard_value part = *v;

	part.text += offset;
	part.bytes -= offset;
	part.known = v->known || !has_mark(part.text, part.bytes);
	return part;
}

struct guard_value value_as_code(struct guard_arena *a, const struct guard_value *v)
{
	struct guard_value code = *v;
	char *text;

	if (v->known)
		return code;
	text = guard_arena_copy(a, v->text, v->bytes);
	for (size_t i = 0; i < v->bytes; i++)
		text[i] = text[i] == GUARD_STAR ? '*' : text[i] == GUARD_ONE ? '?' : text[i];
	code.text = text;
	code.known = !has_mark(text, v->bytes);
	return code;
}

bool value_matches(const char *text, size_t bytes, const char *pattern, size_t pattern_bytes)
{
	size_t t = 0, p = 0, star = SIZE_MAX, mark = 0;

	while (t < bytes) {
		if (p < pattern_bytes && pattern[p] == GUARD_STAR) {
			star = p++;
			mark = t;
		} else if (p < pattern_bytes && (pattern[p] == GUARD_ONE || pattern[p] == text[t])) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++mark;
		} else {
			return false;
		}
	}
	while (p < pattern_bytes && pattern[p] == GUARD_STAR)
		p++;
	return p == pattern_bytes;
}

static int digit_of(char c, int base)
{
	int d = c >= '0' && c <= '9'   ? c - '0'
		: c >= 'a' && c <= 'f' ? c - 'a' + 10
		: c >= 'A' && c <= 'F' ? c - 'A' + 10
				       : 99;

	return d < base ? d : -1;
}

static size_t take_number(const char *bytes, size_t n, size_t most, int base, unsigned *ret)
{
	size_t i = 0;

	*ret = 0;
	while (i < n && i < most && digit_of(bytes[i], base) >= 0)
		*ret = *ret * (unsigned)base + (unsigned)digit_of(bytes[i++], base);
	return i;
}

static void add_utf8(struct text *t, unsigned c)
{
	if (c < 0x80) {
		text_addc(t, (char)c);
	} else if (c < 0x800) {
		text_addc(t, (char)(0xc0 | c >> 6));
		text_addc(t, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		text_addc(t, (char)(0xe0 | c >> 12));
		text_addc(t, (char)(0x80 | (c >> 6 & 0x3f)));
		text_addc(t, (char)(0x80 | (c & 0x3f)));
	} else {
		text_addc(t, (char)(0xf0 | (c >> 18 & 0x07)));
		text_addc(t, (char)(0x80 | (c >> 12 & 0x3f)));
		text_addc(t, (char)(0x80 | (c >> 6 & 0x3f)));
		text_addc(t, (char)(0x80 | (c & 0x3f)));
	}
}

void text_add_byte(struct text *t, unsigned c)
{
	c &= 0xff;
	if (c > GUARD_ONE)
		text_addc(t, (char)c);
}

void text_add_base64(struct text *t, const char *bytes, size_t n)
{
	/* The last two are another alphabet's. */
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
	unsigned bits = 0, held = 0;

	for (size_t i = 0; i < n && bytes[i] != '='; i++) {
		const char *at = memchr(letters, bytes[i], sizeof letters - 1);

		if (!at)
			continue;
		bits = bits << 6 |
		       ((unsigned)(at - letters) > 63 ? (unsigned)(at - letters) - 2 : (unsigned)(at - letters));
		held += 6;
		if (held >= 8) {
			held -= 8;
			text_add_byte(t, bits >> held);
		}
	}
}

void text_add_hex(struct text *t, const char *bytes, size_t n)
{
	int high = -1;

	for (size_t i = 0; i < n; i++) {
		int d = digit_of(bytes[i], 16);

		if (d < 0)
			continue;
		if (high >= 0)
			text_add_byte(t, (unsigned)(high * 16 + d));
		high = high >= 0 ? -1 : d;
	}
}

const char *text_last_slash(const char *text, size_t bytes)
{
	while (bytes > 0 && text[bytes - 1] != '/')
		bytes--;
	return bytes > 0 ? text + bytes - 1 : NULL;
}

bool text_in(const char *word, const char *list)
{
	size_t n = strlen(word);

	if (n == 0 || strchr(word, ' '))
		return false;
	for (const char *at = list; (at = strstr(at, word)); at++)
		if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

void text_add_unescaped(struct text *t, const char *bytes, size_t n, bool ansi)
{
	static const char letters[] = "abefnrtvE", meant[] = "\a\b\033\f\n\r\t\v\033";

	for (size_t i = 0; i < n;) {
		const char *known;
		unsigned c;
		size_t used;

		if (bytes[i] != '\\' || i + 1 >= n) {
			text_addc(t, bytes[i++]);
			continue;
		}
		i++;
		known = strchr(letters, bytes[i]);
		if (known && *known) {
			text_addc(t, meant[known - letters]);
			i++;
		} else if (bytes[i] == 'x' && (used = take_number(bytes + i + 1, n - i - 1, 2, 16, &c)) > 0) {
			text_add_byte(t, c);
			i += used + 1;
		} else if (bytes[i] == 'u' && (used = take_number(bytes + i + 1, n - i - 1, 4, 16, &c)) > 0) {
			if (c > GUARD_ONE)
				add_utf8(t, c);
			i += used + 1;
		} else if (bytes[i] == 'U' && (used = take_number(bytes + i + 1, n - i - 1, 8, 16, &c)) > 0) {
			if (c > GUARD_ONE)
				add_utf8(t, c);
			i += used + 1;
		} else if (digit_of(bytes[i], 8) >= 0) {
			bool zero = !ansi && bytes[i] == '0';

			used = take_number(bytes + i + zero, n - i - zero, 3, 8, &c);
			text_add_byte(t, c);
			i += used + zero;
		} else if (bytes[i] == 'c') {
			if (!ansi)
				return;
			if (i + 1 < n)
				text_add_byte(t, (unsigned char)bytes[i + 1] & 0x1f);
			i += 2;
		} else if (bytes[i] == '\\' || (ansi && strchr("'\"?", bytes[i]))) {
			text_addc(t, bytes[i++]);
		} else {
			text_addc(t, '\\');
			text_addc(t, bytes[i++]);
		}
	}
}
