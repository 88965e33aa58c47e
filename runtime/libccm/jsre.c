/* SPDX-License-Identifier: MIT */
#include "jsre.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "utf8.h"

#define NESTING_MAX 32               /* groups in groups */
#define LOOK_NESTING_MAX 4           /* look-around in look-around: each needs its own lists on the stack */
#define PATTERN_MAX 1024             /* units */
#define REPEAT_MAX CCM_JSRE_MAX      /* more would not fit anyway */
#define UNIT_MAX 0xffff

/* A program is a row of steps that refer to each other by distance, so that a piece of it can be
 * copied (a{3}) or moved (a|b puts a SPLIT before a) as it is. */
enum op {
	OP_MATCH,
	OP_CHAR,                     /* the unit a */
	OP_ANY,                      /* any unit that ends no line */
	OP_CLASS,                    /* one of the a ranges that follow */
	OP_NOT_CLASS,
	OP_RANGE,                    /* units a to b; only behind a CLASS */
	OP_SPLIT,                    /* go on at +a and at +b */
	OP_JUMP,                     /* go on at +a */
	OP_BEGIN, OP_END,
	OP_WORD, OP_NOT_WORD,        /* \b \B */
	OP_AHEAD, OP_NOT_AHEAD, OP_BEHIND, OP_NOT_BEHIND,    /* the body follows up to its MATCH; then +a */
};

struct range {
	uint16_t from, to;
};

/* Sorted and apart, so that their complements can be made by walking. */
static const struct range digits[] = { { '0', '9' } };
static const struct range words[]  = { { '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' } };
static const struct range spaces[] = {
	{ '\t', '\r' }, { ' ', ' ' }, { 0xa0, 0xa0 }, { 0x1680, 0x1680 }, { 0x2000, 0x200a }, { 0x2028, 0x2029 },
	{ 0x202f, 0x202f }, { 0x205f, 0x205f }, { 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};

static const struct class {
	char letter;
	const struct range *ranges;
	size_t count;
} classes[] = {
	{ 'd', digits, ARRAY_SIZE(digits) },
	{ 'w', words, ARRAY_SIZE(words) },
	{ 's', spaces, ARRAY_SIZE(spaces) },
};

struct parser {
	struct ccm_jsre *re;
	const uint16_t *at, *end;
	const char *error;           /* the first one; parsing runs out soon after */
	int nesting, look_nesting;
};

/* Writes text as UTF-16 into units, which holds at least as many units as text has bytes. */
static size_t to_utf16(const char *text, size_t bytes, uint16_t *units)
{
	size_t count = 0, step;

	for (size_t i = 0; i < bytes; i += step) {
		uint32_t c = ccm_utf8_next(text + i, bytes - i, &step);

		if (c > UNIT_MAX) {
			units[count++] = (uint16_t)(0xd7c0 + (c >> 10));
			c = 0xdc00 | (c & 0x3ff);
		}
		units[count++] = (uint16_t)c;
	}
	return count;
}

static void fail(struct parser *p, const char *words_)
{
	if (!p->error)
		p->error = words_;
	p->at = p->end;
}

static void emit(struct parser *p, enum op op, int a, int b)
{
	if (p->re->count >= CCM_JSRE_MAX)
		fail(p, "it is too large");
	else
		p->re->steps[p->re->count++] = (struct ccm_jsre_step){ op, a, b };
}

/* Puts a step before the piece that begins at start. */
static void emit_before(struct parser *p, int start, enum op op, int a, int b)
{
	int count = p->re->count;

	emit(p, op, a, b);
	if (p->error)
		return;
	memmove(p->re->steps + start + 1, p->re->steps + start, (size_t)(count - start) * sizeof *p->re->steps);
	p->re->steps[start] = (struct ccm_jsre_step){ op, a, b };
}

static void emit_copy(struct parser *p, int start, int length)
{
	for (int i = 0; i < length && !p->error; i++)
		emit(p, p->re->steps[start + i].op, p->re->steps[start + i].a, p->re->steps[start + i].b);
}

static bool looking_at(const struct parser *p, const char *text)
{
	const uint16_t *at = p->at;

	for (; *text; text++, at++)
		if (at >= p->end || *at != (unsigned char)*text)
			return false;
	return true;
}

static bool looking_at_any(const struct parser *p, const char *characters)
{
	return p->at < p->end && *p->at && *p->at < 0x80 && strchr(characters, (char)*p->at);
}

static bool eat(struct parser *p, const char *text)
{
	if (!looking_at(p, text))
		return false;
	p->at += strlen(text);
	return true;
}

static int hex_value(uint16_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f' && c < 0x80)
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* Exactly that many hexadecimal digits, or nothing is taken. */
static bool eat_hex(struct parser *p, int count, int *ret)
{
	int n = 0;

	if (p->end - p->at < count)
		return false;
	for (int i = 0; i < count; i++) {
		if (hex_value(p->at[i]) < 0)
			return false;
		n = n * 16 + hex_value(p->at[i]);
	}
	p->at += count;
	*ret = n;
	return true;
}

static bool is_digit(uint16_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint16_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What follows the backslash, if it means one character. */
static int parse_char_escape(struct parser *p)
{
	uint16_t c;
	int n;

	if (p->at >= p->end) {
		fail(p, "it ends in a backslash");
		return 0;
	}
	c = *p->at++;
	switch (c) {
	case 't': return '\t';
	case 'n': return '\n';
	case 'v': return '\v';
	case 'f': return '\f';
	case 'r': return '\r';
	case 'c':
		if (p->at < p->end && is_letter(*p->at))
			return *p->at++ & 0x1f;
		p->at--;             /* a backslash that stands for itself */
		return '\\';
	case 'x':
		return eat_hex(p, 2, &n) ? n : 'x';
	case 'u':
		if (looking_at(p, "{"))
			fail(p, "\\u{...} means something else without the u flag: use \\uXXXX or the character itself");
		return eat_hex(p, 4, &n) ? n : 'u';
	case 'p':
	case 'P':
		if (looking_at(p, "{"))
			fail(p, "\\p{...} means something else without the u flag");
		return c;
	case '0':
		if (p->at >= p->end || !is_digit(*p->at))
			return 0;
		_fallthrough_;
	case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
		fail(p, "back-references and octal escapes are not supported");
		return 0;
	}
	return c;
}

/* \d \D \w \W \s \S, with at on the letter. */
static const struct class *eat_class_letter(struct parser *p, bool *ret_negated)
{
	if (p->at >= p->end)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if ((*p->at | 0x20) == classes[i].letter && is_letter(*p->at)) {
			*ret_negated = *p->at < 'a';
			p->at++;
			return &classes[i];
		}
	}
	return NULL;
}

static void emit_ranges(struct parser *p, const struct class *class, bool negated)
{
	int from = 0;

	for (size_t i = 0; i < class->count; i++) {
		const struct range *r = &class->ranges[i];

		if (!negated)
			emit(p, OP_RANGE, r->from, r->to);
		else if (from < r->from)
			emit(p, OP_RANGE, from, r->from - 1);
		from = r->to + 1;
	}
	if (negated && from <= UNIT_MAX)
		emit(p, OP_RANGE, from, UNIT_MAX);
}

/* One end of a range inside [...]: a character, or -1 after the ranges of a class such as \w. */
static int parse_class_atom(struct parser *p)
{
	const struct class *class;
	bool negated;

	if (*p->at != '\\')
		return *p->at++;
	p->at++;
	class = eat_class_letter(p, &negated);
	if (class) {
		emit_ranges(p, class, negated);
		return -1;
	}
	if (eat(p, "b"))
		return '\b';
	return parse_char_escape(p);
}

/* Behind the opening bracket. */
static void parse_class(struct parser *p)
{
	int start = p->re->count;

	emit(p, eat(p, "^") ? OP_NOT_CLASS : OP_CLASS, 0, 0);
	while (p->at < p->end && *p->at != ']') {
		int from = parse_class_atom(p), to = from;

		/* A minus that stands last is itself; so is one beside a class. */
		if (looking_at(p, "-") && p->end - p->at > 1 && p->at[1] != ']') {
			p->at++;
			to = parse_class_atom(p);
			if (from >= 0 && to >= 0 && from > to)
				fail(p, "a range in [...] runs backwards");
			if (from < 0 || to < 0) {
				emit(p, OP_RANGE, '-', '-');
				if (from >= 0)
					emit(p, OP_RANGE, from, from);
				from = to;
			}
		}
		if (from >= 0)
			emit(p, OP_RANGE, from, to);
	}
	if (!eat(p, "]"))
		fail(p, "a [ is not closed");
	if (!p->error)
		p->re->steps[start].a = p->re->count - start - 1;
}

static void parse_alternatives(struct parser *p);

/* Behind the opening parenthesis. Returns false if it must not be repeated. */
static bool parse_group(struct parser *p)
{
	bool repeatable = true;
	int start = p->re->count;
	enum op look = OP_MATCH;

	if (eat(p, "?:")) {
		;
	} else if (eat(p, "?=")) {
		look = OP_AHEAD;
	} else if (eat(p, "?!")) {
		look = OP_NOT_AHEAD;
	} else if (eat(p, "?<=")) {
		look = OP_BEHIND;
	} else if (eat(p, "?<!")) {
		look = OP_NOT_BEHIND;
	} else if (looking_at(p, "?<")) {
		fail(p, "named groups are not supported: use (...)");
	} else if (looking_at(p, "?")) {
		fail(p, "a group begins with an unknown (?");
	}
	if (look != OP_MATCH) {
		repeatable = look == OP_AHEAD || look == OP_NOT_AHEAD;
		emit(p, look, 0, 0);
		if (++p->look_nesting > LOOK_NESTING_MAX)
			fail(p, "look-around is nested too deeply");
	}
	if (++p->nesting > NESTING_MAX)
		fail(p, "groups are nested too deeply");
	parse_alternatives(p);
	p->nesting--;
	if (!eat(p, ")"))
		fail(p, "a ( is not closed");
	if (look != OP_MATCH) {
		p->look_nesting--;
		emit(p, OP_MATCH, 0, 0);
		if (!p->error)
			p->re->steps[start].a = p->re->count - start;
	}
	return repeatable;
}

/* Behind a backslash. Returns false if it must not be repeated. */
static bool parse_escape(struct parser *p)
{
	const struct class *class;
	bool negated;
	int start = p->re->count;

	if (eat(p, "b")) {
		emit(p, OP_WORD, 0, 0);
		return false;
	}
	if (eat(p, "B")) {
		emit(p, OP_NOT_WORD, 0, 0);
		return false;
	}
	class = eat_class_letter(p, &negated);
	if (!class) {
		emit(p, OP_CHAR, parse_char_escape(p), 0);
		return true;
	}
	emit(p, negated ? OP_NOT_CLASS : OP_CLASS, 0, 0);
	emit_ranges(p, class, false);
	if (!p->error)
		p->re->steps[start].a = p->re->count - start - 1;
	return true;
}

/* {2} {2,} {2,5}; anything else that begins with a brace is itself. max -1: no end. */
static bool eat_braces(struct parser *p, int *ret_min, int *ret_max)
{
	const uint16_t *at = p->at + 1;
	int n[2] = { 0, 0 }, i = 0;
	bool comma = false, given[2] = { false, false };

	for (; at < p->end && *at != '}'; at++) {
		if (*at == ',' && !comma) {
			comma = true;
			i = 1;
		} else if (is_digit(*at)) {
			given[i] = true;
			n[i] = n[i] < REPEAT_MAX ? n[i] * 10 + *at - '0' : n[i];
		} else {
			return false;
		}
	}
	if (at >= p->end || !given[0])
		return false;
	p->at = at + 1;
	*ret_min = n[0];
	*ret_max = !comma ? n[0] : given[1] ? n[1] : -1;
	return true;
}

static bool eat_quantifier(struct parser *p, int *ret_min, int *ret_max)
{
	*ret_min = 0;
	*ret_max = -1;
	if (!looking_at_any(p, "+?*{"))
		return false;
	if (eat(p, "+"))
		*ret_min = 1;
	else if (eat(p, "?"))
		*ret_max = 1;
	else if (!eat(p, "*") && !(looking_at(p, "{") && eat_braces(p, ret_min, ret_max)))
		return false;
	eat(p, "?");                 /* lazy: the same texts match */
	return true;
}

/* Repeats the piece that begins at start. */
static void repeat(struct parser *p, int start, int min, int max)
{
	int length = p->re->count - start;

	if (max == 0) {
		p->re->count = start;
		return;
	}
	if (min == 0 && max < 0) {
		emit_before(p, start, OP_SPLIT, 1, length + 2);
		emit(p, OP_JUMP, -length - 1, 0);
		return;
	}
	for (int i = 1; i < min && !p->error; i++)
		emit_copy(p, start, length);
	if (max < 0) {
		emit(p, OP_SPLIT, -length, 1);
		return;
	}
	if (min == 0) {
		emit_before(p, start, OP_SPLIT, 1, length + 1);
		start++;
		min = 1;
	}
	for (int i = min; i < max && !p->error; i++) {
		emit(p, OP_SPLIT, 1, length + 1);
		emit_copy(p, start, length);
	}
}

static void parse_term(struct parser *p)
{
	int start = p->re->count, min, max;
	bool repeatable = true;

	/* Most characters of a pattern stand for themselves: they are told apart at once. */
	if (!looking_at_any(p, "^$\\.*+?()[]{}|")) {
		emit(p, OP_CHAR, *p->at++, 0);
	} else if (eat_quantifier(p, &min, &max)) {
		fail(p, "there is nothing to repeat before a *, +, ? or {...}");
	} else if (eat(p, "^")) {
		emit(p, OP_BEGIN, 0, 0);
		repeatable = false;
	} else if (eat(p, "$")) {
		emit(p, OP_END, 0, 0);
		repeatable = false;
	} else if (eat(p, "(")) {
		repeatable = parse_group(p);
	} else if (eat(p, "[")) {
		parse_class(p);
	} else if (eat(p, "\\")) {
		repeatable = parse_escape(p);
	} else if (eat(p, ".")) {
		emit(p, OP_ANY, 0, 0);
	} else {
		emit(p, OP_CHAR, *p->at++, 0);
	}
	if (!eat_quantifier(p, &min, &max))
		return;
	if (!repeatable)
		fail(p, "there is nothing to repeat before a *, +, ? or {...}");
	else if (max >= 0 && min > max)
		fail(p, "the numbers in {...} run backwards");
	else if (!p->error)
		repeat(p, start, min, max);
}

static void parse_alternatives(struct parser *p)
{
	int start = p->re->count, jump;

	for (;;) {
		while (p->at < p->end && *p->at != '|' && *p->at != ')')
			parse_term(p);
		if (!looking_at(p, "|"))
			return;
		p->at++;
		emit_before(p, start, OP_SPLIT, 1, p->re->count - start + 2);
		jump = p->re->count;
		emit(p, OP_JUMP, 0, 0);
		while (p->at < p->end && *p->at != '|' && *p->at != ')')
			parse_term(p);
		if (p->error)
			return;
		p->re->steps[jump].a = p->re->count - jump;
	}
}

int ccm_jsre_compile(struct ccm_jsre *re, const char *pattern, struct ccm_diag *diag)
{
	uint16_t units[PATTERN_MAX];
	struct parser p = { .re = re, .at = units };
	size_t bytes = strlen(pattern);

	re->count = 0;
	if (bytes > PATTERN_MAX)
		return ccm_diag_set(diag, -EINVAL, "it is longer than %d bytes", PATTERN_MAX);
	p.end = units + to_utf16(pattern, bytes, units);
	parse_alternatives(&p);
	if (p.at < p.end)
		fail(&p, "a ) was not opened");
	emit(&p, OP_MATCH, 0, 0);
	return p.error ? ccm_diag_set(diag, -EINVAL, "%s", p.error) : 0;
}

/* One simulation: the steps that wait for the unit at pos, each once. */
struct run {
	const struct ccm_jsre *re;
	const uint16_t *text;
	size_t count;                /* units in text */
	size_t stop;                 /* must match up to exactly there; SIZE_MAX: anywhere */
	bool matched;
	uint16_t waiting[CCM_JSRE_MAX];
	int waiting_count;
	unsigned char seen[CCM_JSRE_MAX / 8];
};

static bool run_from(const struct ccm_jsre *re, int start, const uint16_t *text, size_t count, size_t from,
		     size_t stop, bool search);

static bool is_word(const struct run *run, size_t pos)
{
	return pos < run->count && (is_letter(run->text[pos]) || is_digit(run->text[pos]) || run->text[pos] == '_');
}

static bool look(const struct run *run, int step, size_t pos)
{
	enum op op = (enum op)run->re->steps[step].op;

	if (op == OP_AHEAD || op == OP_NOT_AHEAD)
		return run_from(run->re, step + 1, run->text, run->count, pos, SIZE_MAX, false) == (op == OP_AHEAD);
	for (size_t from = pos + 1; from-- > 0;)
		if (run_from(run->re, step + 1, run->text, run->count, from, pos, false))
			return op == OP_BEHIND;
	return op == OP_NOT_BEHIND;
}

/* Follows everything from step on that takes no unit. */
static void add(struct run *run, int step, size_t pos)
{
	const struct ccm_jsre_step *s = &run->re->steps[step];
	bool pass = false;

	if (run->matched || run->seen[step / 8] & (1 << step % 8))
		return;
	run->seen[step / 8] |= (unsigned char)(1 << step % 8);
	switch ((enum op)s->op) {
	case OP_MATCH:
		run->matched = run->stop == SIZE_MAX || pos == run->stop;
		return;
	case OP_SPLIT:
		add(run, step + s->a, pos);
		add(run, step + s->b, pos);
		return;
	case OP_JUMP:
		add(run, step + s->a, pos);
		return;
	case OP_BEGIN:
		pass = pos == 0;
		break;
	case OP_END:
		pass = pos == run->count;
		break;
	case OP_WORD:
	case OP_NOT_WORD:
		pass = ((pos > 0 && is_word(run, pos - 1)) != is_word(run, pos)) == (s->op == OP_WORD);
		break;
	case OP_AHEAD: case OP_NOT_AHEAD: case OP_BEHIND: case OP_NOT_BEHIND:
		if (look(run, step, pos))
			add(run, step + s->a, pos);
		return;
	case OP_CHAR: case OP_ANY: case OP_CLASS: case OP_NOT_CLASS: case OP_RANGE:
		run->waiting[run->waiting_count++] = (uint16_t)step;
		return;
	}
	if (pass)
		add(run, step + 1, pos);
}

/* Where to go on if the step takes this unit; -1: it does not. */
static int take(const struct ccm_jsre *re, int step, uint16_t c)
{
	const struct ccm_jsre_step *s = &re->steps[step];
	bool in = false;

	switch ((enum op)s->op) {
	case OP_CHAR:
		return c == s->a ? step + 1 : -1;
	case OP_ANY:
		return c == '\n' || c == '\r' || c == 0x2028 || c == 0x2029 ? -1 : step + 1;
	default:
		for (int i = 1; i <= s->a && !in; i++)
			in = c >= s[i].a && c <= s[i].b;
		return in == (s->op == OP_CLASS) ? step + 1 + s->a : -1;
	}
}

/* The simulation from the unit at from on; search: it may begin later, too. */
static bool run_from(const struct ccm_jsre *re, int start, const uint16_t *text, size_t count, size_t from,
		     size_t stop, bool search)
{
	struct run run;
	uint16_t waited[CCM_JSRE_MAX];
	int waited_count;

	run.re = re;
	run.text = text;
	run.count = count;
	run.stop = stop;
	run.matched = false;
	run.waiting_count = 0;
	memset(run.seen, 0, sizeof run.seen);
	add(&run, start, from);
	for (size_t pos = from; pos < count && !run.matched && (run.waiting_count || search); pos++) {
		waited_count = run.waiting_count;
		memcpy(waited, run.waiting, (size_t)waited_count * sizeof *waited);
		run.waiting_count = 0;
		memset(run.seen, 0, sizeof run.seen);
		for (int i = 0; i < waited_count; i++) {
			int next = take(re, waited[i], text[pos]);

			if (next >= 0)
				add(&run, next, pos + 1);
		}
		if (search)
			add(&run, start, pos + 1);
	}
	return run.matched;
}

bool ccm_jsre_test(const struct ccm_jsre *re, const char *text)
{
	size_t bytes = strlen(text);
	_cleanup_free_ uint16_t *large = NULL;
	uint16_t small[1024], *units = small;

	if (bytes > ARRAY_SIZE(small)) {
		units = large = calloc(bytes, sizeof *large);
		if (!large)
			return false;
	}
	return run_from(re, 0, units, to_utf16(text, bytes, units), 0, SIZE_MAX, true);
}
