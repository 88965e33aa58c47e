/* SPDX-License-Identifier: MIT */
#include "rule.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "arena.h"
#include "libccm/error.h"
#include "libccm/ini.h"
#include "libccm/io.h"
#include "libccm/macros.h"
#include "libccm/sbuf.h"

#define FILE_MAX_BYTES (4 << 20)

struct kept;
static struct guard_rule *rule_at(struct guard_rules *r, size_t index);

struct said { const char *name; enum guard_verdict verdict; bool tighten; struct said *next; };

struct guard_rules {
	struct guard_arena *arena;
	struct guard_rule **rules;   /* NULL: is still to be taken from what was remembered */
	struct guard_outline *outlines;
	size_t count, allocated, outline_count, outlines_allocated;
	uint32_t *by_id;             /* indexes + 1, by the hash of the id; size is a power of two */
	size_t by_id_size;
	struct guard_tool *tools;
	size_t tool_count, tool_allocated;
	struct said *said, **said_end;
	enum guard_profile profile;
	struct ccm_sbuf problems;
	struct ccm_sbuf *texts;      /* of the files; the rules point into them */
	size_t text_count;
	void *map;                   /* of what was remembered; likewise */
	size_t map_bytes;
	const struct kept *kept;     /* the same */
};

static const char *const verdicts[] = { "off", "warn", "ask", "deny" };
static const char *const profiles[] = { "relaxed", "standard", "strict" };
static const char *const needs[] = {
	[GUARD_KEY_SUB] = "sub", [GUARD_KEY_OPTION] = "option", [GUARD_KEY_WITHOUT] = "without", [GUARD_KEY_OPERAND] = "operand",
	[GUARD_KEY_FIRST] = "first", [GUARD_KEY_LAST] = "last", [GUARD_KEY_AFTER] = "after", [GUARD_KEY_BEFORE] = "before",
	[GUARD_KEY_REDIRECT] = "redirect", [GUARD_KEY_WRITES] = "writes", [GUARD_KEY_READS] = "reads",
	[GUARD_KEY_REMOVES] = "removes", [GUARD_KEY_SENDS] = "sends", [GUARD_KEY_ENV] = "env", [GUARD_KEY_TEXT] = "text",
	[GUARD_KEY_SQL] = "sql", [GUARD_KEY_EXCEPT] = "except",
	 [GUARD_KEY_FLAG] = "flag", [GUARD_KEY_PATH] = "path", [GUARD_KEY_WHEN] = "when",
	[GUARD_KEY_UNLESS] = "unless",
};
static const struct { const char *name; uint32_t bit; } flags[] = {
	{ "root", GUARD_ROOT }, { "remote", GUARD_REMOTE }, { "container", GUARD_CONTAINER }, { "background", GUARD_BACKGROUND },
	{ "maybe", GUARD_MAYBE }, { "from-code", GUARD_FROM_CODE }, { "open", GUARD_ARGS_OPEN },
	{ "ccm-process", GUARD_OF_CCM },
};

static int find_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (names[i] && !strcmp(names[i], name))
			return (int)i;
	return -1;
}

const char *guard_verdict_name(enum guard_verdict v)
{
	return verdicts[v];
}

const char *guard_key_name(enum guard_key key)
{
	return needs[key];
}

/* ---- Problems ---- */

static void problem(struct guard_rules *r, const char *file, int line, const char *format, ...) _printf_(4, 5);
static void problem(struct guard_rules *r, const char *file, int line, const char *format, ...)
{
	struct ccm_diag diag = { "" };
	va_list args;

	va_start(args, format);
	vsnprintf(diag.text, sizeof diag.text, format, args);
	va_end(args);
	if (line)
		ccm_sbuf_addf(&r->problems, "%s:%d: %s\n", file, line, diag.text);
	else
		ccm_sbuf_addf(&r->problems, "%s: %s\n", file, diag.text);
}

/* ---- Globs ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same(char a, char b, bool fold)
{
	if (a == b)
		return true;
	if (!fold)
		return false;
	a |= a >= 'A' && a <= 'Z' ? 32 : 0;
	b |= b >= 'A' && b <= 'Z' ? 32 : 0;
	return a == b;
}

bool guard_glob(const char *pattern, size_t bytes, const char *text, bool fold)
{
	const char *end = pattern + bytes, *star = NULL, *star_text = NULL;

	for (;;) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			star_text = text;
		} else if (*text && pattern < end && (*pattern == '?' || same(*pattern, *text, fold))) {
			pattern++;
			text++;
		} else if (!*text && pattern == end) {
			return true;
		} else if (star && *star_text) {
			text = ++star_text;
			pattern = star;
		} else {
			return false;
		}
	}
}

/* ---- Patterns ---- */

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t\n");
}

/* The part of text up to one of the bytes in ends, without blanks around it; *text goes behind it. */
static const char *take_part(struct guard_rules *r, const char **text, const char *ends)
{
	const char *start = skip_blanks(*text);
	size_t bytes = strcspn(start, ends), used = bytes;

	*text = start + bytes + (start[bytes] != '\0');
	while (used > 0 && strchr(" \t\n", start[used - 1]))
		used--;
	return guard_arena_copy(r->arena, start, used);
}

static size_t count_parts(const char *text, char end)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == end;
	return n;
}

static bool read_term(struct guard_rules *r, const struct guard_rule *rule, int line, const char *text, struct guard_term *ret)
{
	const char *at;

	ret->prefix = "";
	if (*text == '!') {
		ret->not = true;
		text++;
	}
	if (!*text) {
		problem(r, rule->file, line, "[%s]: an empty pattern: something must stand between the | and the &", rule->id);
		return false;
	}
	at = strrchr(text, '@');
	if (at && !strcmp(at, "@open")) {
		ret->open = true;
	} else if (at && at[1] >= 'a' && at[1] <= 'z' && !strpbrk(at, "*?./")) {
		ret->bits = guard_path_bit(at + 1, strlen(at + 1));
		if (!ret->bits) {
			problem(r, rule->file, line, "[%s]: there is no class '%s' of paths (ccm-guard(7) lists them)", rule->id, at);
			return false;
		}
		ret->prefix = guard_arena_copy(r->arena, text, (size_t)(at - text));
		return true;
	}
	ret->glob = text;
	return true;
}

static bool read_terms(struct guard_rules *r, const struct guard_rule *rule, int line, const char *text,
		       struct guard_alternative *ret)
{
	size_t count = count_parts(text, '&');
	struct guard_term *terms = GUARD_NEWN(r->arena, struct guard_term, count);

	for (size_t i = 0; i < count; i++)
		if (!read_term(r, rule, line, take_part(r, &text, "&"), &terms[i]))
			return false;
	ret->terms = terms;
	ret->count = count;
	return true;
}

static bool read_alternative(struct guard_rules *r, const struct guard_rule *rule, int line, enum guard_key key,
			     const char *text, struct guard_alternative *ret)
{
	const char *equals;

	if (key == GUARD_KEY_SUB) {
		ret->option = text;
		return true;
	}
	if (key != GUARD_KEY_OPTION && key != GUARD_KEY_WITHOUT && key != GUARD_KEY_ENV)
		return read_terms(r, rule, line, text, ret);
	if (key != GUARD_KEY_ENV && *text != '-' && *text != '+' && !(key == GUARD_KEY_WITHOUT && strchr(text, '='))) {
		problem(r, rule->file, line, "[%s]: '%s' is no option: write it with its dash", rule->id, text);
		return false;
	}
	equals = strchr(text, '=');
	if (!equals) {
		ret->option = text;
		return true;
	}
	ret->option = guard_arena_copy(r->arena, text, (size_t)(equals - text));
	return read_terms(r, rule, line, equals + 1, ret);
}

static bool read_bits(struct guard_rules *r, const struct guard_rule *rule, int line, struct guard_need *n)
{
	const char *text = n->words;

	for (size_t i = count_parts(n->words, '|'); i > 0; i--) {
		const char *name = take_part(r, &text, "|");
		int found = -1;

		if (n->key == GUARD_KEY_FLAG) {
			for (size_t f = 0; f < ARRAY_SIZE(flags); f++)
				if (!strcmp(flags[f].name, name))
					n->bits |= flags[f].bit, found = 0;
		} else {
			found = guard_condition_find(name, strlen(name));
			if (found >= 0)
				n->bits |= 1u << found;
		}
		if (found < 0) {
			problem(r, rule->file, line, "[%s]: there is no %s '%s' (ccm-guard(7) lists them)", rule->id,
				n->key == GUARD_KEY_FLAG ? "flag" : "condition", name);
			return false;
		}
	}
	return true;
}

static bool read_need(struct guard_rules *r, const struct guard_rule *rule, int line, enum guard_key key, const char *value,
		      struct guard_need *n)
{
	struct guard_alternative *alternatives;
	char end = key == GUARD_KEY_SUB ? ',' : '|', ends[] = { end, '\0' };
	const char *text = guard_arena_strdup(r->arena, value);

	n->key = key;
	n->words = text;
	if (key >= GUARD_KEY_WHEN || key == GUARD_KEY_FLAG)
		return read_bits(r, rule, line, n);
	if (key == GUARD_KEY_EXCEPT)         /* names, compared as they are written */
		return true;
	n->count = count_parts(text, end);
	alternatives = GUARD_NEWN(r->arena, struct guard_alternative, n->count);
	n->alternatives = alternatives;
	for (size_t i = 0; i < n->count; i++)
		if (!read_alternative(r, rule, line, key, take_part(r, &text, ends), &alternatives[i]))
			return false;
	return true;
}

/* ---- One section ---- */

struct section {
	struct guard_rules *r;
	struct guard_rule *rule;     /* one of the two */
	struct guard_tool *tool;
	struct guard_need *needs;
	size_t need_count, need_allocated;
	bool broken, has_verdict;
};

static int line_of(const struct section *s, int line)
{
	return (s->rule ? s->rule->line : s->tool->line) + line - 1;
}

static void broken(struct section *s, int line, const char *format, ...) _printf_(3, 4);
static void broken(struct section *s, int line, const char *format, ...)
{
	struct ccm_diag diag = { "" };
	va_list args;

	va_start(args, format);
	vsnprintf(diag.text, sizeof diag.text, format, args);
	va_end(args);
	problem(s->r, s->rule ? s->rule->file : s->tool->file, line_of(s, line), "[%s]: %s", s->rule ? s->rule->id : s->tool->name,
		diag.text);
	s->broken = true;
}

static const char *joined(struct guard_rules *r, const char *old, const char *more)
{
	size_t bytes = old ? strlen(old) : 0;
	char *text;

	if (!old)
		return guard_arena_strdup(r->arena, more);
	text = guard_arena_alloc(r->arena, bytes + 1 + strlen(more) + 1);
	memcpy(text, old, bytes);
	text[bytes] = '|';
	memcpy(text + bytes + 1, more, strlen(more));
	return text;
}

static void tool_key(struct section *s, int line, const char *name, const char *value)
{
	static const char *const does[] = { "writes", "reads", "removes", "sends" };
	struct guard_tool *t = s->tool;

	for (size_t i = 0; i < ARRAY_SIZE(does); i++) {
		size_t bytes = strlen(does[i]);

		if (strncmp(name, does[i], bytes) || (name[bytes] && strcmp(name + bytes, "-if")))
			continue;
		if (name[bytes])
			t->does_if[i] = joined(s->r, t->does_if[i], value);
		else
			t->does[i] = joined(s->r, t->does[i], value);
		return;
	}
	if (!strcmp(name, "names")) {
		;                    /* was found while loading */
	} else if (!strcmp(name, "valued")) {
		t->valued = joined(s->r, t->valued, value);
	} else if (!strncmp(name, "valued ", 7)) {
		struct guard_sub_valued *v = GUARD_NEW(s->r->arena, struct guard_sub_valued);

		v->sub = guard_arena_strdup(s->r->arena, skip_blanks(name + 7));
		v->options = guard_arena_strdup(s->r->arena, value);
		v->next = t->subs;
		t->subs = v;
	} else if (!strcmp(name, "whole")) {
		t->whole = joined(s->r, t->whole, value);
	} else if (!strcmp(name, "style")) {
		t->single |= strstr(value, "single") || strstr(value, "find");
		t->fold |= strstr(value, "fold") != NULL;
		t->tar |= strstr(value, "tar") != NULL;
		t->find |= strstr(value, "find") != NULL;
		t->plain |= strstr(value, "plain") != NULL;
		if (!t->single && !t->fold && !t->tar && !t->plain)
			broken(s, line, "there is no style '%s': single, fold, tar, find and plain are known", value);
	} else {
		broken(s, line, "a tool has no '%s' (ccm-guard(7) lists the keys)", name);
	}
}

static void rule_key(void *user, int line, const char *section _unused_, const char *name, const char *value)
{
	struct section *s = user;
	struct guard_rule *rule = s->rule;
	struct guard_rules *r = s->r;
	int i;

	if (s->broken)
		return;
	if (s->tool) {
		tool_key(s, line, name, value);
		return;
	}
	if (!*value) {
		broken(s, line, "'%s' has no value: leave the line out, or give it one", name);
		return;
	}
	if (!strcmp(name, "command") || !strcmp(name, "group") || !strcmp(name, "tool"))
		return;              /* was found while loading */
	if (!strcmp(name, "reason")) {
		rule->reason = guard_arena_strdup(r->arena, value);
	} else if (!strcmp(name, "instead")) {
		rule->instead = guard_arena_strdup(r->arena, value);
	} else if (!strcmp(name, "verdict")) {
		i = find_name(verdicts, ARRAY_SIZE(verdicts), value);
		if (i < GUARD_WARN) {
			broken(s, line, "'%s' is no verdict: deny, ask and warn are", value);
			return;
		}
		rule->written = rule->verdict = (enum guard_verdict)i;
		s->has_verdict = true;
	} else if (!strcmp(name, "profile")) {
		i = find_name(profiles, ARRAY_SIZE(profiles), value);
		if (i < 0) {
			broken(s, line, "'%s' is no profile: relaxed, standard and strict are", value);
			return;
		}
		rule->profile = (enum guard_profile)i;
	} else if (!strcmp(name, "fact")) {
		for (i = GUARD_FACT_NOT_PARSED; i >= 0 && strcmp(guard_fact_name((enum guard_fact_kind)i), value); i--)
			;
		if (i < 0) {
			broken(s, line, "there is no fact '%s' (ccm-guard(7) lists them)", value);
			return;
		}
		rule->fact = i;
	} else {
		i = find_name(needs, ARRAY_SIZE(needs), name);
		if (i < 0) {
			broken(s, line, "unknown key '%s' (ccm-guard(7) lists them)", name);
			return;
		}
		if (s->need_count == s->need_allocated) {
			size_t more = s->need_allocated + 8;

			s->needs = guard_arena_grow(r->arena, s->needs, s->need_allocated * sizeof *s->needs,
						    more * sizeof *s->needs);
			s->need_allocated = more;
		}
		memset(&s->needs[s->need_count], 0, sizeof *s->needs);
		if (read_need(r, rule, line_of(s, line), (enum guard_key)i, value, &s->needs[s->need_count]))
			s->need_count++;
		else
			s->broken = true;
	}
}

static void section_problem(void *user, int line, const char *words)
{
	broken(user, line, "%s", words);
}

static enum guard_verdict said_verdict(const struct guard_rules *r, const struct guard_rule *rule)
{
	enum guard_verdict v = rule->written;

	for (const struct said *s = r->said; s; s = s->next) {
		bool meant = !strncmp(s->name, "rule.", 5) ? !strcmp(s->name + 5, rule->id) : !strcmp(s->name + 6, rule->group);

		if (meant && (!s->tighten || s->verdict > v))
			v = s->verdict;
	}
	return v;
}

/* Conditions cost something: they are asked last. */
static void sort_needs(struct guard_need *n, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct guard_need need = n[i];
		size_t at = i;

		for (; at > 0 && n[at - 1].key > need.key; at--)
			n[at] = n[at - 1];
		n[at] = need;
	}
}

static const char *trimmed_end(const char *value, const char *end);

#define PLAIN_LINE_MAX 190               /* inih may cut what is longer */

/* Where the = of a plain line is; the line's end: it is an empty one, a comment, or the section's name; NULL: it is not plain. */
static const char *find_equals(const char *line, const char *end)
{
	const char *at = line;

	if (end - line > PLAIN_LINE_MAX || (*end && (end[1] == ' ' || end[1] == '\t')))
		return NULL;
	if (line == end || *line == ';' || *line == '#' || *line == '[')
		return end;
	while ((*at >= 'a' && *at <= 'z') || *at == '-' || (*at == ' ' && at > line))
		at++;
	return *at == '=' && at > line ? at : NULL;
}

/* Reads a section all of whose lines are plain: "name = value", from the first column. To inih, which looks at each character
 * several times, they mean the same. False: inih must read it. */
static bool read_plainly(struct section *s, char *text)
{
	char *end;
	int number = 0;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (!find_equals(line, line + strcspn(line, "\n")))
			return false;
	for (char *line = text; *line; line = end) {
		char *stop = line + strcspn(line, "\n"), *equals = (char *)find_equals(line, stop), *value = equals + 1;

		end = stop + (*stop == '\n');
		number++;
		if (equals == stop)
			continue;
		while (equals > line && equals[-1] == ' ')
			equals--;
		while (value < stop && (*value == ' ' || *value == '\t'))
			value++;
		*equals = '\0';
		value[trimmed_end(value, stop) - value] = '\0';
		rule_key(s, number, "", line, value);
	}
	return true;
}

static void read_section(struct guard_rules *r, struct guard_rule *rule, struct guard_tool *tool)
{
	struct section s = { .r = r, .rule = rule, .tool = tool };
	struct ccm_ini ini = { .key = rule_key, .problem = section_problem, .user = &s };
	char *text = rule ? guard_arena_copy(r->arena, rule->text, rule->bytes) : guard_arena_copy(r->arena, tool->text, tool->bytes);

	if (!read_plainly(&s, text))
		ccm_ini_parse(&ini, text);
	if (tool) {
		tool->read = true;
		return;
	}
	if (!s.broken && (!rule->reason || !s.has_verdict))
		broken(&s, 1, "has no %s: each rule must have one", rule->reason ? "verdict" : "reason");
	if (!s.broken && !rule->command && rule->fact == -1 && !rule->tool && !s.need_count)
		broken(&s, 1, "never says when it holds: give it a command, a fact or a tool");
	sort_needs(s.needs, s.need_count);
	rule->needs = s.needs;
	rule->need_count = s.need_count;
	rule->verdict = said_verdict(r, rule);
	rule->state = s.broken ? GUARD_RULE_BROKEN : GUARD_RULE_READ;
}

bool guard_rule_load(struct guard_rules *r, struct guard_rule *rule)
{
	if (rule->state == GUARD_RULE_UNREAD)
		read_section(r, rule, NULL);
	return rule->state == GUARD_RULE_READ;
}

/* ---- Finding the sections ---- */

static void *one_more(struct guard_rules *r, void *list, size_t *count, size_t *allocated, size_t size)
{
	if (*count == *allocated) {
		size_t more = *allocated ? *allocated * 2 : 512;

		list = guard_arena_grow(r->arena, list, *allocated * size, more * size);
		*allocated = more;
	}
	memset((char *)list + *count * size, 0, size);
	++*count;
	return list;
}

/* Where a value ends: before a comment, and before the blanks at its end, as inih does it. */
static const char *trimmed_end(const char *value, const char *end)
{
	for (const char *c = value; (c = memchr(c, ';', (size_t)(end - c))); c++)
		if (c > value && (c[-1] == ' ' || c[-1] == '\t')) {
			end = c;
			break;
		}
	while (end > value && strchr(" \t\r", end[-1]))
		end--;
	return end;
}

/* If the line is "name = value", its value; *ret_bytes without blanks at the end. */
static const char *line_value(const char *line, const char *end, const char *name, size_t *ret_bytes)
{
	size_t bytes = strlen(name);

	if ((size_t)(end - line) <= bytes || memcmp(line, name, bytes))
		return NULL;
	line += bytes;
	while (line < end && (*line == ' ' || *line == '\t'))
		line++;
	if (line == end || *line != '=')
		return NULL;
	for (line++; line < end && (*line == ' ' || *line == '\t'); line++)
		;
	*ret_bytes = (size_t)(trimmed_end(line, end) - line);
	return line;
}

struct scan {
	struct guard_rules *r;
	const char *file, *group;
	struct guard_rule *rule;     /* the section that is open */
	struct guard_tool *tool;
	const char *start;
	size_t group_first;          /* the first rule of this file */
};

static void close_section(struct scan *s, const char *end)
{
	struct guard_rules *r = s->r;

	if (s->rule) {
		s->rule->text = s->start;
		s->rule->bytes = (size_t)(end - s->start);
		r->outlines = one_more(r, r->outlines, &r->outline_count, &r->outlines_allocated, sizeof *r->outlines);
		r->outlines[r->outline_count - 1] = (struct guard_outline){
			s->rule->command ? guard_beginnings(s->rule->command) : 0, s->rule->command, s->rule->fact != -1, s->rule->tool };
	} else if (s->tool) {
		s->tool->text = s->start;
		s->tool->bytes = (size_t)(end - s->start);
		s->tool->beginnings = guard_beginnings(s->tool->names);
	}
	s->rule = NULL;
	s->tool = NULL;
}

/* FNV-1a */
static uint32_t hash_of(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h;
}

static void put_by_id(struct guard_rules *r, uint32_t hash, uint32_t index)
{
	size_t at = hash & (r->by_id_size - 1);

	while (r->by_id[at])
		at = (at + 1) & (r->by_id_size - 1);
	r->by_id[at] = index + 1;
}

/* The rule of that id; SIZE_MAX: none. */
static size_t find_by_id(struct guard_rules *r, const char *id, uint32_t hash)
{
	for (size_t at = hash; r->by_id_size; at++) {
		uint32_t index = r->by_id[at & (r->by_id_size - 1)];

		if (!index)
			break;
		if (rule_at(r, index - 1)->hash == hash && !strcmp(rule_at(r, index - 1)->id, id))
			return index - 1;
	}
	return SIZE_MAX;
}

static void add_by_id(struct guard_rules *r, uint32_t hash)
{
	if (r->count * 2 > r->by_id_size) {
		r->by_id_size = r->by_id_size ? r->by_id_size * 2 : 1024;
		r->by_id = guard_arena_alloc(r->arena, r->by_id_size * sizeof *r->by_id);
		for (size_t i = 0; i + 1 < r->count; i++)
			put_by_id(r, rule_at(r, i)->hash, (uint32_t)i);
	}
	put_by_id(r, hash, (uint32_t)(r->count - 1));
}

static void open_section(struct scan *s, int line, const char *text, const char *end)
{
	const char *close = memchr(text, ']', (size_t)(end - text));
	struct guard_rules *r = s->r;
	const char *id, *at;
	uint32_t hash;
	size_t twin;

	if (!close || close == text + 1) {
		problem(r, s->file, line, "a section is written [id]");
		return;
	}
	id = guard_arena_copy(r->arena, text + 1, (size_t)(close - text - 1));
	s->start = text;
	if (!strncmp(id, "tool ", 5)) {
		r->tools = one_more(r, r->tools, &r->tool_count, &r->tool_allocated, sizeof *r->tools);
		s->tool = &r->tools[r->tool_count - 1];
		s->tool->name = s->tool->names = skip_blanks(id + 5);
		s->tool->file = s->file;
		s->tool->line = line;
		return;
	}
	for (at = id; (*at >= 'a' && *at <= 'z') || (*at >= '0' && *at <= '9') || *at == '-'; at++)
		;
	if (*at) {
		problem(r, s->file, line, "'%s' is no id: small letters, digits and - make one", id);
		return;
	}
	hash = hash_of(id);
	twin = find_by_id(r, id, hash);
	if (twin != SIZE_MAX) {
		problem(r, s->file, line, "there is a rule '%s' already, at %s:%d: give this one another id", id,
			r->rules[twin]->file, r->rules[twin]->line);
		return;
	}
	r->rules = one_more(r, r->rules, &r->count, &r->allocated, sizeof *r->rules);
	r->rules[r->count - 1] = s->rule = GUARD_NEW(r->arena, struct guard_rule);
	s->rule->index = (uint32_t)r->count - 1;
	s->rule->id = id;
	s->rule->group = s->group;
	s->rule->file = s->file;
	s->rule->line = line;
	s->rule->fact = -1;
	s->rule->hash = hash;
	add_by_id(r, hash);
}

static uint64_t beginning(char first, char second)
{
	return (uint64_t)1 << (((unsigned char)lower(first) * 7 + (unsigned char)lower(second)) & 63);
}

/* Of the first two letters. A name in .exe may be of one letter and meets what is without. */
uint64_t guard_beginnings(const char *names)
{
	uint64_t bits = 0;

	for (const char *at = names; *(at += strspn(at, "| \t")); at += strcspn(at, "| \t")) {
		bool alone = at[1] == '|' || at[1] == ' ' || at[1] == '\t';

		if (*at == '*' || *at == '?' || at[1] == '*' || at[1] == '?')
			return ~(uint64_t)0;
		bits |= beginning(*at, alone ? '\0' : at[1]);
		if (at[1] == '.')
			bits |= beginning(*at, '\0');
	}
	return bits;
}

static const char *more_names(struct guard_rules *r, const char *old, const char *value, size_t bytes)
{
	const char *more = guard_arena_copy(r->arena, value, bytes);

	return old ? joined(r, old, more) : more;
}

static void scan_line(struct scan *s, int line, const char *text, const char *end)
{
	struct guard_rules *r = s->r;
	const char *value;
	size_t bytes;

	switch (*text) {
	case '[':
		close_section(s, text);
		open_section(s, line, text, end);
		return;
	case 'c':
		if (s->rule && (value = line_value(text, end, "command", &bytes)))
			s->rule->command = more_names(r, s->rule->command, value, bytes);
		break;
	case 't':
		if (s->rule && (value = line_value(text, end, "tool", &bytes)))
			s->rule->tool = more_names(r, s->rule->tool, value, bytes);
		break;
	case 'n':
		if (s->tool && (value = line_value(text, end, "names", &bytes)))
			s->tool->names = more_names(r, s->tool->names, value, bytes);
		break;
	case 'w':
		if (s->rule && line_value(text, end, "writes", &bytes))
			s->rule->hints |= 1u << GUARD_KEY_WRITES;
		break;
	case 'r':
		if (s->rule && line_value(text, end, "reads", &bytes))
			s->rule->hints |= 1u << GUARD_KEY_READS;
		else if (s->rule && line_value(text, end, "removes", &bytes))
			s->rule->hints |= 1u << GUARD_KEY_REMOVES;
		break;
	case 's':
		if (s->rule && line_value(text, end, "sends", &bytes))
			s->rule->hints |= 1u << GUARD_KEY_SENDS;
		break;
	case 'e':
		if (s->rule && line_value(text, end, "env", &bytes))
			s->rule->hints |= 1u << GUARD_KEY_ENV;
		break;
	case 'f':
		if (s->rule && line_value(text, end, "fact", &bytes))
			s->rule->fact = -2;          /* which, the reading says */
		break;
	case 'g':
		value = line_value(text, end, "group", &bytes);
		if (value && s->rule)
			s->rule->group = guard_arena_copy(r->arena, value, bytes);
		else if (value && !s->tool)
			s->group = guard_arena_copy(r->arena, value, bytes);
		break;
	}
	if (!s->rule && !s->tool && *text != ';' && *text != '#' && *text != '\r' && end > text &&
	    !(*text == 'g' && line_value(text, end, "group", &bytes)) && !s->start)
		problem(r, s->file, line, "only 'group = NAME' may stand before the first [id]");
}

/* The file's name without its folder and .ini. */
static const char *group_of(struct guard_rules *r, const char *file)
{
	const char *name = strrchr(file, '/'), *dot;

	name = name ? name + 1 : file;
	dot = strrchr(name, '.');
	return guard_arena_copy(r->arena, name, dot ? (size_t)(dot - name) : strlen(name));
}

static void scan_text(struct guard_rules *r, const char *file, const char *text, size_t bytes)
{
	struct scan s = { .r = r };
	const char *end = text + bytes;
	int line = 0;

	s.file = guard_arena_strdup(r->arena, file);
	s.group = group_of(r, file);
	if (memchr(text, '\0', bytes)) {
		problem(r, file, 0, "has a NUL byte in it: it is not read");
		return;
	}
	for (const char *at = text; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));

		if (!stop)
			stop = end;
		scan_line(&s, ++line, at, stop);
		at = stop + (stop < end);
	}
	close_section(&s, end);
}

/* ---- The outside ---- */

struct guard_rules *guard_rules_new(void)
{
	struct guard_rules *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->arena = guard_arena_new();
	if (!r->arena) {
		free(r);
		return NULL;
	}
	r->said_end = &r->said;
	r->profile = GUARD_STANDARD;
	return r;
}

void guard_rules_free(struct guard_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->text_count; i++)
		ccm_sbuf_done(&r->texts[i]);
	free(r->texts);
	if (r->map)
		munmap(r->map, r->map_bytes);
	guard_arena_free(r->arena);
	ccm_sbuf_done(&r->problems);
	free(r);
}

void guard_rules_freep(struct guard_rules **r)
{
	guard_rules_free(*r);
}

int guard_rules_read_text(struct guard_rules *r, const char *file, const char *text, size_t bytes)
{
	if (setjmp(r->arena->out_of_memory))
		return -ENOMEM;
	scan_text(r, file, guard_arena_copy(r->arena, text, bytes), bytes);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Room for the text of one more file, or of a folder. */
static struct ccm_sbuf *new_text(struct guard_rules *r)
{
	struct ccm_sbuf *more = realloc(r->texts, (r->text_count + 1) * sizeof *more);

	if (!more)
		return NULL;
	r->texts = more;
	more[r->text_count] = (struct ccm_sbuf){ 0 };
	return &more[r->text_count++];
}

static int read_file(struct guard_rules *r, const char *path, struct ccm_sbuf *text)
{
	int error = ccm_read_regular(path, FILE_MAX_BYTES, text);

	if (error < 0)
		problem(r, path, 0, "cannot read it: %s", ccm_strerror(error));
	return error;
}

static int read_folder(struct guard_rules *r, const char *path, DIR *dir)
{
	struct ccm_sbuf *text = new_text(r);
	char **names = NULL;
	size_t count = 0, allocated = 0, *ends;
	int first = 0;

	/* One piece of memory for all, of which only what is written to costs anything. */
	if (!text || ccm_sbuf_reserve(text, 512 * 1024) < 0)
		return -ENOMEM;

	for (struct dirent *e; (e = readdir(dir));) {
		size_t bytes = strlen(e->d_name);
		char *name;

		if (e->d_name[0] == '.' || bytes < 5 || strcmp(e->d_name + bytes - 4, ".ini"))
			continue;
		if (count == allocated) {
			names = guard_arena_grow(r->arena, names, allocated * sizeof *names, (allocated + 32) * sizeof *names);
			allocated += 32;
		}
		name = guard_arena_alloc(r->arena, strlen(path) + 1 + bytes + 1);
		sprintf(name, "%s/%s", path, e->d_name);
		names[count++] = name;
	}
	if (count)
		qsort(names, count, sizeof *names, by_name);
	ends = GUARD_NEWN(r->arena, size_t, count + 1);
	for (size_t i = 0; i < count; i++) {
		int error = read_file(r, names[i], text);

		first = first ? first : error;
		ends[i] = text->bytes;
	}
	/* Only now it stays where it is. */
	for (size_t i = 0; i < count; i++) {
		size_t start = i ? ends[i - 1] : 0;

		scan_text(r, names[i], ccm_sbuf_str(text) + start, ends[i] - start);
	}
	return first;
}

int guard_rules_read(struct guard_rules *r, const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);

	if (!dir && errno == ENOENT)
		return -ENOENT;
	if (setjmp(r->arena->out_of_memory))
		return -ENOMEM;
	if (!dir && errno == ENOTDIR) {
		struct ccm_sbuf *text = new_text(r);
		int error = text ? read_file(r, path, text) : -ENOMEM;

		if (error == 0)
			scan_text(r, path, ccm_sbuf_str(text), text->bytes);
		return error;
	}
	if (!dir) {
		int error = -errno;

		problem(r, path, 0, "cannot read it: %s", ccm_strerror(error));
		return error;
	}
	return read_folder(r, path, dir);
}

int guard_rules_check(struct guard_rules *r)
{
	if (setjmp(r->arena->out_of_memory))
		return -ENOMEM;
	for (size_t i = 0; i < r->count; i++)
		guard_rule_load(r, rule_at(r, i));
	for (size_t i = 0; i < r->tool_count; i++)
		if (!r->tools[i].read)
			read_section(r, NULL, &r->tools[i]);
	return ccm_sbuf_error(&r->problems);
}

const char *guard_rules_problems(const struct guard_rules *r)
{
	return ccm_sbuf_str(&r->problems);
}

int guard_rules_say(struct guard_rules *r, const char *name, enum guard_verdict verdict, bool tighten)
{
	struct said *s;
	bool group = !strncmp(name, "group.", 6), known = false;

	if (!group && strncmp(name, "rule.", 5))
		return -ENOENT;
	for (size_t i = 0; i < r->count && !known; i++)
		known = group ? !strcmp(rule_at(r, i)->group, name + 6) : !strcmp(rule_at(r, i)->id, name + 5);
	if (!known)
		return -ENOENT;
	if (setjmp(r->arena->out_of_memory))
		return -ENOMEM;
	s = GUARD_NEW(r->arena, struct said);
	s->name = guard_arena_strdup(r->arena, name);
	s->verdict = verdict;
	s->tighten = tighten;
	*r->said_end = s;
	r->said_end = &s->next;
	for (size_t i = 0; i < r->count; i++)
		if (r->rules[i] && r->rules[i]->state == GUARD_RULE_READ)
			r->rules[i]->verdict = said_verdict(r, r->rules[i]);
	return 0;
}

void guard_rules_profile(struct guard_rules *r, enum guard_profile profile)
{
	r->profile = profile;
}

enum guard_profile guard_rules_in_profile(const struct guard_rules *r)
{
	return r->profile;
}

size_t guard_rules_count(const struct guard_rules *r)
{
	return r->count;
}

struct guard_arena *guard_rules_arena(struct guard_rules *r)
{
	return r->arena;
}

const struct guard_rule *guard_rules_at(struct guard_rules *r, size_t index)
{
	if (setjmp(r->arena->out_of_memory))
		return NULL;
	for (size_t i = 0, whole = 0; i < r->count; i++)
		if (guard_rule_load(r, rule_at(r, i)) && whole++ == index)
			return rule_at(r, i);
	return NULL;
}

/* ---- Remembering where the rules are ---- */

/* Finding the rules in a hundred kilobytes of text takes longer than judging a command by them. What was found is kept as one
 * file: this head, the outlines, the files, rules and tools with offsets for pointers (0: NULL), the table of ids, then all texts, the last
 * byte of them NUL. It is as this machine and this program have it; any other makes it anew. */
#define REMEMBERED_MAGIC "ccmgrd2"

struct stamp { int64_t size, s, ns; };
struct kept_file { struct stamp stamp; uint32_t name, unused; };
struct kept_rule { uint32_t id, group, file, command, tool, text, bytes, hints, hash; int32_t line, fact; };
struct kept_tool { uint32_t name, names, text, file, bytes, beginnings[2]; int32_t line; };
struct kept {
	char magic[8];
	struct stamp program;
	uint32_t folder, files, rules, tools, by_id_size, strings, bytes, unused;
};

static bool stamp_of(int at, const char *path, struct stamp *ret)
{
	struct stat st;

	if (fstatat(at, path, &st, 0) < 0)
		return false;
	*ret = (struct stamp){ st.st_size, st.st_mtime, 0 };
#ifdef __linux__
	ret->ns = st.st_mtim.tv_nsec;
#endif
	return true;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->size == b->size && a->s == b->s && a->ns == b->ns;
}

static bool is_rule_file(const char *name)
{
	size_t bytes = strlen(name);

	return name[0] != '.' && bytes >= 5 && !strcmp(name + bytes - 4, ".ini");
}

/* The parts behind the head. */
static struct guard_outline *kept_outlines(const struct kept *k) { return (struct guard_outline *)(k + 1); }
static struct kept_file *kept_files(const struct kept *k) { return (struct kept_file *)(kept_outlines(k) + k->rules); }
static struct kept_rule *kept_rules(const struct kept *k) { return (struct kept_rule *)(kept_files(k) + k->files); }
static struct kept_tool *kept_tools(const struct kept *k) { return (struct kept_tool *)(kept_rules(k) + k->rules); }
static uint32_t *kept_ids(const struct kept *k) { return (uint32_t *)(kept_tools(k) + k->tools); }

static const char *kept_text(const struct kept *k, uint32_t offset)
{
	return offset ? (const char *)k + offset : NULL;
}

/* Every offset leads into the texts, which end with a NUL. */
static bool is_whole(const struct kept *k, size_t bytes)
{
	const uint64_t most = 1 << 20;

	if (bytes < sizeof *k || memcmp(k->magic, REMEMBERED_MAGIC, sizeof k->magic) || k->bytes != bytes || k->files > most ||
	    k->rules > most || k->tools > most || k->by_id_size > most || k->strings >= bytes || ((const char *)k)[bytes - 1] ||
	    (const char *)(kept_ids(k) + k->by_id_size) != (const char *)k + k->strings ||
	    k->folder < k->strings || k->folder >= bytes)
		return false;
#define IN_TEXTS(offset) ((offset) >= k->strings && (offset) < bytes)
	for (uint32_t i = 0; i < k->files; i++)
		if (!IN_TEXTS(kept_files(k)[i].name))
			return false;
	for (uint32_t i = 0; i < k->rules; i++) {
		const struct kept_rule *p = &kept_rules(k)[i];

		if (!IN_TEXTS(p->id) || !IN_TEXTS(p->group) || !IN_TEXTS(p->file) || (p->command && !IN_TEXTS(p->command)) ||
		    (p->tool && !IN_TEXTS(p->tool)) || !IN_TEXTS(p->text) || p->bytes > bytes - p->text)
			return false;
	}
	for (uint32_t i = 0; i < k->tools; i++) {
		const struct kept_tool *p = &kept_tools(k)[i];

		if (!IN_TEXTS(p->name) || !IN_TEXTS(p->names) || !IN_TEXTS(p->file) || !IN_TEXTS(p->text) || p->bytes > bytes - p->text)
			return false;
	}
#undef IN_TEXTS
	for (uint32_t i = 0; i < k->by_id_size; i++)
		if (kept_ids(k)[i] > k->rules)
			return false;
	return true;
}

/* The same files as when it was written, no more and no fewer. */
static bool is_fresh(const struct kept *k, const char *folder)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct stamp stamp;
	uint32_t seen = 0;

	if (strcmp(kept_text(k, k->folder), folder) || !stamp_of(AT_FDCWD, "/proc/self/exe", &stamp) ||
	    !same_stamp(&stamp, &k->program))
		return false;
	dir = opendir(folder);
	for (struct dirent *e; dir && (e = readdir(dir));) {
		uint32_t i = 0;

		if (!is_rule_file(e->d_name))
			continue;
		while (i < k->files && strcmp(kept_text(k, kept_files(k)[i].name), e->d_name))
			i++;
		if (i == k->files || !stamp_of(dirfd(dir), e->d_name, &stamp) || !same_stamp(&stamp, &kept_files(k)[i].stamp))
			return false;
		seen++;
	}
	return dir && seen == k->files;
}

static const struct kept *map_kept(const char *path, size_t *ret_bytes)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	void *map;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH) ||
	    st.st_size < (off_t)sizeof(struct kept) || st.st_size > FILE_MAX_BYTES * 4)
		return NULL;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	*ret_bytes = (size_t)st.st_size;
	return map == MAP_FAILED ? NULL : map;
}

/* The rules themselves are taken when they are asked for. */
static void take_kept(struct guard_rules *r, const struct kept *k)
{
	r->kept = k;
	r->rules = GUARD_NEWN(r->arena, struct guard_rule *, k->rules + 1);
	/* Written to only in this process, as is the table of ids. */
	r->outlines = kept_outlines(k);
	r->count = r->allocated = r->outline_count = r->outlines_allocated = k->rules;
	r->tools = GUARD_NEWN(r->arena, struct guard_tool, k->tools + 1);
	for (uint32_t i = 0; i < k->tools; i++) {
		const struct kept_tool *p = &kept_tools(k)[i];

		r->tools[i].name = kept_text(k, p->name);
		r->tools[i].names = kept_text(k, p->names);
		r->tools[i].text = kept_text(k, p->text);
		r->tools[i].file = kept_text(k, p->file);
		r->tools[i].bytes = p->bytes;
		r->tools[i].line = p->line;
		memcpy(&r->tools[i].beginnings, p->beginnings, sizeof p->beginnings);
	}
	r->tool_count = r->tool_allocated = k->tools;
	r->by_id = kept_ids(k);
	r->by_id_size = k->by_id_size;
}

static struct guard_rule *rule_at(struct guard_rules *r, size_t index)
{
	const struct kept *k = r->kept;
	const struct kept_rule *p;

	if (r->rules[index])
		return r->rules[index];
	p = &kept_rules(k)[index];
	r->rules[index] = GUARD_NEW(r->arena, struct guard_rule);
	*r->rules[index] = (struct guard_rule){
		.id = kept_text(k, p->id), .group = kept_text(k, p->group), .file = kept_text(k, p->file), .line = p->line,
		.command = kept_text(k, p->command), .tool = kept_text(k, p->tool), .fact = p->fact, .hints = p->hints,
		.hash = p->hash, .index = (uint32_t)index, .text = kept_text(k, p->text), .bytes = p->bytes };
	return r->rules[index];
}

struct guard_rule *guard_rules_get(struct guard_rules *r, size_t index)
{
	return rule_at(r, index);
}

const struct guard_outline *guard_rules_outlines(const struct guard_rules *r)
{
	return r->outlines;
}

int guard_rules_recall(struct guard_rules *r, const char *folder, const char *remembered)
{
	size_t bytes = 0;
	const struct kept *k = map_kept(remembered, &bytes);

	if (k && is_whole(k, bytes) && is_fresh(k, folder)) {
		r->map = (void *)k;
		r->map_bytes = bytes;
		if (setjmp(r->arena->out_of_memory))
			return -ENOMEM;
		take_kept(r, k);
		return 1;
	}
	if (k)
		munmap((void *)k, bytes);
	return guard_rules_read(r, folder);
}

/* Texts to be written, and where they will stand. */
struct keeper {
	struct guard_rules *r;
	struct ccm_sbuf texts;
	uint32_t strings;            /* where the texts begin */
	uint32_t sections;           /* and those of the files in them */
};

static uint32_t keep(struct keeper *k, const char *text)
{
	uint32_t at = k->strings + (uint32_t)k->texts.bytes;

	if (!text)
		return 0;
	ccm_sbuf_add(&k->texts, text, strlen(text) + 1);
	return at;
}

static uint32_t keep_section(const struct keeper *k, const char *text)
{
	return k->sections + (uint32_t)(text - k->r->texts[0].text);
}

static int keep_files(struct keeper *k, const char *folder, struct kept_file **ret, uint32_t *ret_count)
{
	_cleanup_closedir_ DIR *dir = opendir(folder);

	if (!dir)
		return -errno;
	for (struct dirent *e; (e = readdir(dir));) {
		struct kept_file *more;

		if (!is_rule_file(e->d_name))
			continue;
		more = realloc(*ret, (*ret_count + 1) * sizeof *more);
		if (!more)
			return -ENOMEM;
		*ret = more;
		more[*ret_count] = (struct kept_file){ .name = (uint32_t)k->texts.bytes };
		ccm_sbuf_add(&k->texts, e->d_name, strlen(e->d_name) + 1);
		if (!stamp_of(dirfd(dir), e->d_name, &more[(*ret_count)++].stamp))
			return -errno;
	}
	return 0;
}

static void keep_rules(struct keeper *k, struct ccm_sbuf *out)
{
	for (size_t i = 0; i < k->r->count; i++) {
		const struct guard_rule *p = k->r->rules[i];
		const struct kept_rule one = {
			.id = keep(k, p->id), .group = keep(k, p->group), .file = keep(k, p->file), .command = keep(k, p->command),
			.tool = keep(k, p->tool), .text = keep_section(k, p->text), .bytes = (uint32_t)p->bytes, .hints = p->hints,
			.hash = p->hash, .line = p->line, .fact = p->fact };

		ccm_sbuf_add(out, &one, sizeof one);
	}
	for (size_t i = 0; i < k->r->tool_count; i++) {
		const struct guard_tool *p = &k->r->tools[i];
		struct kept_tool one = {
			.name = keep(k, p->name), .names = keep(k, p->names), .text = keep_section(k, p->text), .file = keep(k, p->file),
			.bytes = (uint32_t)p->bytes, .line = p->line };

		memcpy(one.beginnings, &p->beginnings, sizeof one.beginnings);
		ccm_sbuf_add(out, &one, sizeof one);
	}
	ccm_sbuf_add(out, k->r->by_id, k->r->by_id_size * sizeof *k->r->by_id);
}

static int write_kept(struct keeper *k, const char *folder, const char *remembered)
{
	_cleanup_free_ struct kept_file *files = NULL;
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct guard_rules *r = k->r;
	struct kept head = { .magic = REMEMBERED_MAGIC, .rules = (uint32_t)r->count, .tools = (uint32_t)r->tool_count,
			     .by_id_size = (uint32_t)r->by_id_size };
	int error = stamp_of(AT_FDCWD, "/proc/self/exe", &head.program) ? keep_files(k, folder, &files, &head.files) : -ENOENT;

	if (error == 0)
		error = guard_rules_read(r, folder);
	if (error < 0)
		return error;
	/* What is wrong must be told each time. */
	if (r->problems.bytes || r->text_count != 1)
		return -CCM_E_CONFIG;
	head.rules = (uint32_t)r->count;
	head.tools = (uint32_t)r->tool_count;
	head.by_id_size = (uint32_t)r->by_id_size;
	k->strings = (uint32_t)(sizeof head + r->count * sizeof *r->outlines + head.files * sizeof *files + r->count * sizeof(struct kept_rule) +
				r->tool_count * sizeof(struct kept_tool) + r->by_id_size * sizeof *r->by_id);
	for (uint32_t i = 0; i < head.files; i++)
		files[i].name += k->strings;
	head.strings = k->strings;
	head.folder = keep(k, folder);
	k->sections = k->strings + (uint32_t)k->texts.bytes;
	ccm_sbuf_add(&k->texts, r->texts[0].text, r->texts[0].bytes + 1);
	ccm_sbuf_add(&out, &head, sizeof head);
	ccm_sbuf_add(&out, r->outlines, r->count * sizeof *r->outlines);
	ccm_sbuf_add(&out, files, head.files * sizeof *files);
	keep_rules(k, &out);
	ccm_sbuf_add(&out, ccm_sbuf_str(&k->texts), k->texts.bytes);
	if (ccm_sbuf_error(&out) || ccm_sbuf_error(&k->texts))
		return -ENOMEM;
	((struct kept *)(void *)out.text)->bytes = (uint32_t)out.bytes;
	return ccm_write_file(remembered, out.text, out.bytes, 0600, false);
}

int guard_rules_remember(const char *folder, const char *remembered)
{
	_cleanup_(guard_rules_freep) struct guard_rules *r = guard_rules_new();
	struct keeper k = { .r = r };
	int error = r ? write_kept(&k, folder, remembered) : -ENOMEM;

	ccm_sbuf_done(&k.texts);
	return error;
}

/* ---- Tools ---- */

bool guard_names_begin(const char *names, const char *name)
{
	size_t name_bytes = 0;
	char plain[256];

	for (const char *at = names; *at;) {
		/* Most names differ in their first letter. */
		if (lower(*at) == lower(*name) || *at == '*' || *at == '?') {
			if (!name_bytes) {
				name_bytes = strlen(name);
				if (name_bytes >= sizeof plain || !name_bytes)
					return false;
				memcpy(plain, name, name_bytes + 1);
				if (name_bytes > 4 && !strcasecmp(name + name_bytes - 4, ".exe"))
					plain[name_bytes - 4] = '\0';
			}
			if (guard_glob(at, strcspn(at, "| \t"), plain, true))
				return true;
		}
		at = strchr(at, '|');
		if (!at)
			return false;
		at += strspn(at, "| \t");
	}
	return false;
}

size_t guard_names_meet(const char *names, const struct guard_command *c)
{
	size_t best = 0;

	for (const char *at = names; *at; at += strspn(at, "| \t")) {
		size_t bytes, word = 0;
		const char *bar;
		char one[256];

		if (lower(*at) != lower(*c->name) && *at != '*' && *at != '?') {
			bar = strchr(at, '|');
			if (!bar)
				break;
			at = bar;
			continue;
		}
		bytes = strcspn(at, "|");
		if (bytes < sizeof one) {
			memcpy(one, at, bytes);
			one[bytes] = '\0';
			if (guard_names_begin(one, c->name))
				word = 1;
			for (const char *w = one + strcspn(one, " \t"); word && *(w += strspn(w, " \t"));) {
				size_t length = strcspn(w, " \t");

				word = word < c->count && guard_glob(w, length, c->words[word].text, false) ? word + 1 : 0;
				w += length;
			}
			best = word > best ? word : best;
		}
		at += bytes;
	}
	return best;
}

size_t guard_rules_tool_count(const struct guard_rules *r)
{
	return r->tool_count;
}

struct guard_tool *guard_rules_tool_at(const struct guard_rules *r, size_t index)
{
	return &r->tools[index];
}

void guard_tool_load(struct guard_rules *r, struct guard_tool *tool)
{
	if (!tool->read)
		read_section(r, NULL, tool);
}
