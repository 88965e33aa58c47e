/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

#include "libccm/macros.h"
#include "reader.h"

#define BRACES_MAX 2048           /* words of one word; more than that only of numbers and letters in a row is no matter */
#define DEPTH_MAX 110             /* of names that stand for names, with all that is around them */
#define PATTERN_MAX 1024         /* bytes of a text whose beginning or end may match a pattern */
#define REPLACED_MAX 256         /* of one in which anything may */

/* The word being put together, and the fields that are done. */
struct expander {
	struct shell *sh;
	struct values *out;
	struct text field;
	bool begun;                  /* there is a field, even if nothing is in it */
	bool split, globs, tilde_everywhere;
	const char *ifs;
};

static void expand_parts(struct expander *x, const struct part *p, bool in_double);

static void end_field(struct expander *x)
{
	if (x->begun)
		values_add(x->out, text_take(&x->field));
	x->begun = false;
}

static void add(struct expander *x, const char *bytes, size_t n)
{
	text_add(&x->field, bytes, n);
	x->begun = true;
}

/* What an expansion gave, outside double quotes: blanks split it, globs wake up. */
static void add_unquoted(struct expander *x, const struct guard_value *v)
{
	x->field.taint |= v->taint;
	for (size_t i = 0; i < v->bytes; i++) {
		char c = v->text[i];
		size_t plain = 0;

		while (i + plain < v->bytes && !(x->split && strchr(x->ifs, v->text[i + plain])) &&
		       !(x->globs && (v->text[i + plain] == '*' || v->text[i + plain] == '?')))
			plain++;
		if (plain > 0) {
			add(x, v->text + i, plain);
			i += plain - 1;
			continue;
		}

		if (x->split && strchr(x->ifs, c)) {
			unsigned taint = v->taint;

			end_field(x);
			x->field.taint |= taint;
			continue;
		}
		if (x->globs && c == '*')
			c = GUARD_STAR;
		else if (x->globs && c == '?')
			c = GUARD_ONE;
		add(x, &c, 1);
	}
}

static void add_value(struct expander *x, const struct guard_value *v, bool quoted)
{
	if (!quoted) {
		add_unquoted(x, v);
		return;
	}
	text_add_value(&x->field, v);
	x->field.quoted = x->begun = true;
}

/* ------------------------------------------------------------------------------------------------ text as written */

static const char *user_home(struct shell *sh, const char *user, size_t bytes)
{
	const char *home = sh->walk->source->home, *slash = strrchr(home, '/');
	struct text t = TEXT(sh);

	if (slash && strlen(slash + 1) == bytes && memcmp(slash + 1, user, bytes) == 0)
		return home;
	if (bytes == 4 && memcmp(user, "root", 4) == 0)
		return "/root";
	text_adds(&t, "/home/");
	text_add(&t, user, bytes);
	return text_take(&t).text;
}

/* ~, ~+, ~-, ~user at the start of text; returns how many bytes it took, 0 if it is none. */
static size_t add_tilde(struct expander *x, const char *text, size_t bytes)
{
	struct guard_value v;
	size_t n = 1;

	if (bytes == 0 || text[0] != '~')
		return 0;
	while (n < bytes && !strchr("/:", text[n]))
		n++;
	for (size_t i = 1; i < n; i++)
		if (strchr("\\*?[{$'\"", text[i]))
			return 0;
	if (n == 1)
		v = var_value(x->sh, "HOME");
	else if (n == 2 && text[1] == '+')
		v = var_value(x->sh, "PWD");
	else if (n == 2 && text[1] == '-')
		v = var_value(x->sh, "OLDPWD");
	else if (guard_is_name(text + 1, 1))
		v = value_of(user_home(x->sh, text + 1, n - 1));
	else
		return 0;
	text_add_value(&x->field, &v);
	x->begun = true;
	return n;
}

/* The end of [..] at the start of text; 0: it is none. */
static size_t bracket_end(const char *text, size_t bytes)
{
	for (size_t i = 2; i < bytes; i++) {
		if (text[i] == ']')
			return i + 1;
		if (text[i] == '/' || text[i] == ' ' || text[i] == '\n')
			return 0;
	}
	return 0;
}

/* [r] can only be r; more than one possible character is GUARD_ONE. */
static void add_bracket(struct expander *x, const char *text, size_t bytes)
{
	char c = bytes == 3 ? text[1] : GUARD_ONE;

	add(x, &c, 1);
}

static void add_literal(struct expander *x, const char *text, size_t bytes, bool first)
{
	size_t i = 0;

	if (first)
		i = add_tilde(x, text, bytes);
	while (i < bytes) {
		char c = text[i];
		size_t n;

		if (c == '\\' && i + 1 < bytes) {
			if (text[i + 1] != '\n')
				add(x, text + i + 1, 1);
			x->field.quoted = true;
			i += 2;
		} else if (x->globs && c == '[' && (n = bracket_end(text + i, bytes - i)) > 0) {
			add_bracket(x, text + i, n);
			i += n;
		} else {
			c = x->globs && c == '*' ? GUARD_STAR : x->globs && c == '?' ? GUARD_ONE : c;
			add(x, &c, 1);
			i++;
			if ((c == '=' && guard_is_name(text, i - 1)) || (c == ':' && x->tilde_everywhere))
				i += add_tilde(x, text + i, bytes - i);
		}
	}
}

static void add_double_literal(struct expander *x, const char *text, size_t bytes)
{
	x->begun = x->field.quoted = true;
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '\\' && i + 1 < bytes && strchr("$`\"\\\n", text[i + 1])) {
			if (text[++i] != '\n')
				add(x, text + i, 1);
			continue;
		}
		add(x, text + i, 1);
	}
}

/* ------------------------------------------------------------------------------------------------ patterns in ${..} */

static struct guard_value part_of(struct shell *sh, const struct guard_value *v, size_t start, size_t end)
{
	struct guard_value part = value_copy(sh->walk->arena, v->text + start, end - start);

	part.taint = v->taint;
	return part;
}

/* With each star the time grows with the text's length once more. */
static bool is_too_long(const struct guard_value *v, const struct guard_value *pattern, size_t most)
{
	return v->bytes > most && !pattern->known;
}

static struct guard_value without_prefix(struct shell *sh, const struct guard_value *v,
					 const struct guard_value *pattern, bool longest)
{
	if (is_too_long(v, pattern, PATTERN_MAX))
		return value_unknown(v->taint);
	if (pattern->known)
		return v->bytes >= pattern->bytes && memcmp(v->text, pattern->text, pattern->bytes) == 0 ?
			       part_of(sh, v, pattern->bytes, v->bytes) : *v;
	for (size_t n = 0; n <= v->bytes; n++) {
		size_t at = longest ? v->bytes - n : n;

		if (value_matches(v->text, at, pattern->text, pattern->bytes))
			return part_of(sh, v, at, v->bytes);
	}
	return *v;
}

static struct guard_value without_suffix(struct shell *sh, const struct guard_value *v,
					 const struct guard_value *pattern, bool longest)
{
	if (is_too_long(v, pattern, PATTERN_MAX))
		return value_unknown(v->taint);
	if (pattern->known)
		return v->bytes >= pattern->bytes &&
				       memcmp(v->text + v->bytes - pattern->bytes, pattern->text, pattern->bytes) == 0 ?
			       part_of(sh, v, 0, v->bytes - pattern->bytes) : *v;
	for (size_t n = 0; n <= v->bytes; n++) {
		size_t at = longest ? n : v->bytes - n;

		if (value_matches(v->text + at, v->bytes - at, pattern->text, pattern->bytes))
			return part_of(sh, v, 0, at);
	}
	return *v;
}

static struct guard_value replaced(struct shell *sh, const struct guard_value *v, const char *op,
				   const struct guard_value *pattern, const struct guard_value *with)
{
	struct text t = TEXT(sh);
	bool again = true;

	if (is_too_long(v, pattern, REPLACED_MAX))
		return value_unknown(v->taint);
	t.taint = v->taint;
	for (size_t i = 0; i <= v->bytes;) {
		size_t found = SIZE_MAX;

		if (again && (i == 0 || op[1] != '#') && pattern->known) {
			if (v->bytes - i >= pattern->bytes && memcmp(v->text + i, pattern->text, pattern->bytes) == 0 &&
			    (op[1] != '%' || i + pattern->bytes == v->bytes))
				found = i + pattern->bytes;
		} else if (again && (i == 0 || op[1] != '#'))
			for (size_t end = v->bytes; end > i && found == SIZE_MAX; end--)
				if ((op[1] != '%' || end == v->bytes) &&
				    value_matches(v->text + i, end - i, pattern->text, pattern->bytes))
					found = end;
		if (found != SIZE_MAX) {
			text_add_value(&t, with);
			i = found;
			again = op[1] == '/';
			continue;
		}
		if (i < v->bytes)
			text_add(&t, v->text + i, 1);
		i++;
	}
	return text_take(&t);
}

static char changed_case(char c, char op)
{
	if (op == '^')
		return c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static struct guard_value with_case(struct shell *sh, const struct guard_value *v, const char *op)
{
	char *text = guard_arena_copy(sh->walk->arena, v->text, v->bytes);
	struct guard_value changed = *v;

	for (size_t i = 0; i < v->bytes && (i == 0 || op[1]); i++)
		text[i] = changed_case(text[i], op[0]);
	changed.text = text;
	return changed;
}

static struct guard_value transformed(struct shell *sh, const struct guard_value *v, const struct word *how)
{
	struct text t = TEXT(sh);
	char letter = how && how->parts && how->parts->bytes > 0 ? how->parts->text[0] : 'Q';

	t.taint = v->taint;
	switch (letter) {
	case 'E':
		text_add_unescaped(&t, v->text, v->bytes, true);
		return text_take(&t);
	case 'U':
		return with_case(sh, v, "^^");
	case 'u':
		return with_case(sh, v, "^");
	case 'L':
		return with_case(sh, v, ",,");
	case 'Q':
		text_addc(&t, '\'');
		for (size_t i = 0; i < v->bytes; i++)
			text_adds(&t, v->text[i] == '\'' ? "'\\''" : (char[]){ v->text[i], 0 });
		text_addc(&t, '\'');
		return text_take(&t);
	case 'P':
		return *v;
	}
	return value_unknown(v->taint);
}

/* ${v:offset:length} in bytes; false: a number is unknown. */
static bool slice_bounds(struct shell *sh, const struct param *p, size_t whole, size_t *ret_start, size_t *ret_end)
{
	struct guard_value text = expand_one(sh, p->arg, EXPAND_PLAIN);
	int64_t start, length = (int64_t)whole, all = (int64_t)whole;

	if (!arith(sh, &text, &start))
		return false;
	if (start < 0)
		start += all;
	if (start < 0 || start > all)
		start = all;
	if (p->arg2) {
		text = expand_one(sh, p->arg2, EXPAND_PLAIN);
		if (!arith(sh, &text, &length))
			return false;
	} else {
		length = all - start;
	}
	if (length < 0)
		length = all + length - start < 0 ? 0 : all + length - start;
	if (length > all - start)
		length = all - start;
	*ret_start = (size_t)start;
	*ret_end = (size_t)(start + length);
	return true;
}

static struct guard_value changed(struct shell *sh, const struct param *p, const struct guard_value *v)
{
	struct guard_value arg, with = value_of("");
	size_t start, end;

	switch (p->op[0]) {
	case '#':
	case '%':
		if (!v->known)
			return value_unknown(v->taint);
		arg = expand_one(sh, p->arg, EXPAND_PATTERN);
		return p->op[0] == '#' ? without_prefix(sh, v, &arg, p->op[1]) : without_suffix(sh, v, &arg, p->op[1]);
	case '/':
		if (!v->known)
			return value_unknown(v->taint);
		arg = expand_one(sh, p->arg, EXPAND_PATTERN);
		if (p->arg2)
			with = expand_one(sh, p->arg2, EXPAND_PLAIN);
		return arg.bytes == 0 ? *v : replaced(sh, v, p->op, &arg, &with);
	case '^':
	case ',':
		return with_case(sh, v, p->op);
	case '@':
		return transformed(sh, v, p->arg);
	case ':':
		if (p->op[1])                /* :- := :? of what is set: itself */
			return *v;
		if (!v->known)
			return value_unknown(v->taint);
		if (!slice_bounds(sh, p, v->bytes, &start, &end))
			return value_unknown(v->taint);
		return part_of(sh, v, start, end);
	}
	return *v;
}

/* ------------------------------------------------------------------------------------------------ $x and ${x..} */

static struct guard_value number(struct shell *sh, int64_t n)
{
	char digits[32];

	return value_copy(sh->walk->arena, digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)n));
}

/* The values of $@ or of an array, from the first. */
static struct guard_value *list_of(struct shell *sh, const struct param *p, size_t *ret_count, bool *ret_open)
{
	struct var *v;

	*ret_open = false;
	if (strcmp(p->name, "@") == 0 || strcmp(p->name, "*") == 0) {
		*ret_count = sh->arg_count;
		*ret_open = sh->args_open;
		return sh->args;
	}
	v = var_find(sh, p->name);
	*ret_count = v && !v->is_unset ? v->count : 0;
	*ret_open = !v;
	return v ? v->items : NULL;
}

static size_t index_of(struct shell *sh, const struct var *v, const struct param *p, bool *ret_known)
{
	struct guard_value text = expand_one(sh, p->index, EXPAND_PLAIN);
	int64_t n;

	*ret_known = true;
	if (v->keys) {
		for (size_t i = 0; i < v->count; i++)
			if (v->keys[i] && strcmp(v->keys[i], text.text) == 0)
				return i;
		*ret_known = text.known;
		return SIZE_MAX;
	}
	if (!arith(sh, &text, &n)) {
		*ret_known = false;
		return SIZE_MAX;
	}
	if (n < 0)
		n += (int64_t)v->count;
	return n >= 0 && (size_t)n < v->count ? (size_t)n : SIZE_MAX;
}

enum presence { SET, UNSET, PERHAPS };

static struct guard_value special(struct shell *sh, const char *name, enum presence *ret)
{
	*ret = SET;
	switch (name[0]) {
	case '#':
		return sh->args_open ? value_unknown(0) : number(sh, (int64_t)sh->arg_count);
	case '0':
		if (!name[1])
			return sh->name;
		break;
	case '?':
		return value_of("0");
	case '-':
		return value_of("hBc");
	case '$':
	case '!':
		return value_unknown(0);
	}
	if (name[0] >= '0' && name[0] <= '9') {
		unsigned long n = strtoul(name, NULL, 10);

		if (n <= sh->arg_count && n > 0)
			return sh->args[n - 1];
		*ret = sh->args_open ? PERHAPS : UNSET;
		return sh->args_open ? value_unknown(0) : value_of("");
	}
	*ret = PERHAPS;
	return value_unknown(0);
}

/* OPENAI_API_KEY, AWS_SECRET_ACCESS_KEY: somebody's, by the first word. */
static bool names_credential(const char *name)
{
	static const char *const ends[] = { "_API_KEY", "_TOKEN", "_SECRET", "_SECRET_KEY", "_ACCESS_KEY", "_PASSWORD", "_PRIVATE_KEY" };
	size_t bytes = strlen(name);

	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t n = strlen(ends[i]);

		if (bytes > n && strcmp(name + bytes - n, ends[i]) == 0)
			return true;
	}
	return false;
}

static struct guard_value plain_param(struct shell *sh, const struct param *p, enum presence *ret)
{
	struct var *v;

	if (!guard_is_name(p->name, strlen(p->name)))
		return special(sh, p->name, ret);
	if (strcmp(p->name, "_") == 0) {
		*ret = SET;
		return sh->last_arg;
	}
	v = var_find(sh, p->name);
	if (v && v->reference && v->count > 0 && v->items[0].known) {
		const struct param target = { .name = v->items[0].text, .op = "", .index = p->index };

		if (strcmp(target.name, p->name) != 0 && sh->walk->depth < DEPTH_MAX) {
			struct guard_value referred;

			sh->walk->depth++;
			referred = plain_param(sh, &target, ret);
			sh->walk->depth--;
			return referred;
		}
	}
	if (!v) {
		struct guard_value unknown = var_value(sh, p->name);

		*ret = unknown.known ? SET : PERHAPS;
		if (names_credential(p->name)) {
			unknown.taint |= GUARD_TAINT_CREDENTIAL;
			sh->walk->credential = p->name;
		}
		return unknown;
	}
	if (v->is_unset || v->count == 0) {
		*ret = UNSET;
		return value_of("");
	}
	*ret = SET;
	if (p->index) {
		bool known;
		size_t i = index_of(sh, v, p, &known);

		if (i != SIZE_MAX)
			return v->items[i];
		*ret = known ? UNSET : PERHAPS;
		return known ? value_of("") : value_unknown(0);
	}
	return v->items[0];
}

static struct guard_value joined_list(struct shell *sh, const struct guard_value *items, size_t count, bool open)
{
	struct text t = TEXT(sh);

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_addc(&t, ' ');
		text_add_value(&t, &items[i]);
	}
	if (open)
		text_addc(&t, GUARD_UNKNOWN);
	return text_take(&t);
}

static void expand_list(struct expander *x, const struct param *p, bool in_double)
{
	bool open, separate = !(p->name[0] == '*' && in_double);
	size_t count, start = 0, end;
	struct guard_value *items = list_of(x->sh, p, &count, &open), joined;

	if (p->length) {
		joined = open ? value_unknown(0) : number(x->sh, (int64_t)count);
		add_value(x, &joined, in_double);
		return;
	}
	end = count;
	if (strcmp(p->op, ":") == 0 && p->arg) {
		bool args = !guard_is_name(p->name, strlen(p->name));

		/* ${@:1} is $1 and what follows. */
		if (slice_bounds(x->sh, p, count + args, &start, &end) && args) {
			start = start > 0 ? start - 1 : 0;
			end = end > 0 ? end - 1 : 0;
		}
	}
	if (start > count || end > count)
		start = end = count;
	if ((p->op[0] == ':' ? p->op[1] == '-' || p->op[1] == '=' : p->op[0] == '-' || p->op[0] == '=') && count == 0 &&
	    p->arg) {
		expand_parts(x, p->arg->parts, in_double);
		return;
	}
	if (p->op[0] == '+' || (p->op[0] == ':' && p->op[1] == '+')) {
		if (count > 0 && p->arg)
			expand_parts(x, p->arg->parts, in_double);
		return;
	}
	if (!separate || !x->split) {
		joined = joined_list(x->sh, items ? items + start : NULL, end - start, open);
		add_value(x, &joined, in_double);
		return;
	}
	for (size_t i = start; i < end; i++) {
		struct guard_value v = changed(x->sh, p, &items[i]);

		if (i > start)
			end_field(x);
		add_value(x, strcmp(p->op, ":") == 0 ? &items[i] : &v, in_double);
	}
	if (open) {
		joined = value_unknown(0);
		if (end > start)
			end_field(x);
		add_value(x, &joined, false);
	}
}

/* ${x:-word} and its kin; true if that was all. */
static bool expand_default(struct expander *x, const struct param *p, const struct guard_value *v,
			   enum presence presence, bool in_double)
{
	bool colon = p->op[0] == ':';
	char op = colon ? p->op[1] : p->op[0];
	bool empty = presence == UNSET || (colon && v->bytes == 0);

	if (!op || !strchr("-=+?", op))
		return false;
	if (op == '+') {
		if (!empty && p->arg)
			expand_parts(x, p->arg->parts, in_double);
		return true;
	}
	if (op == '?' || !(empty || presence == PERHAPS))
		return false;
	if (op == '=') {
		struct guard_value word = expand_one(x->sh, p->arg, EXPAND_ASSIGNMENT);

		var_set(x->sh, p->name, word);
		add_value(x, &word, in_double);
	} else {
		expand_parts(x, p->arg->parts, in_double);
	}
	return true;
}

static void expand_param(struct expander *x, const struct param *p, bool in_double)
{
	enum presence presence;
	struct guard_value v;

	if (p->names) {
		v = value_unknown(0);
		add_value(x, &v, in_double);
		return;
	}
	if (p->all || strcmp(p->name, "@") == 0 || (strcmp(p->name, "*") == 0)) {
		if (p->indirect) {
			v = value_unknown(0);
			add_value(x, &v, in_double);
		} else {
			expand_list(x, p, in_double);
		}
		return;
	}
	v = plain_param(x->sh, p, &presence);
	if (p->indirect) {
		struct param target = *p;

		target.indirect = false;
		target.name = v.text;
		if (v.known && v.bytes > 0 && x->sh->walk->depth < DEPTH_MAX) {
			size_t n = strcspn(v.text, "[");

			if (v.text[n] == '[' && v.bytes > n + 2 && v.text[v.bytes - 1] == ']') {
				target.name = guard_arena_copy(x->sh->walk->arena, v.text, n);
				target.index = guard_read_quoted(x->sh->walk->arena, v.text + n + 1, v.bytes - n - 2);
			}
			x->sh->walk->depth++;
			expand_param(x, &target, in_double);
			x->sh->walk->depth--;
			return;
		}
		v = value_unknown(v.taint);
	}
	if (p->length) {
		v = v.known ? number(x->sh, (int64_t)v.bytes) : value_unknown(0);
	} else {
		if (expand_default(x, p, &v, presence, in_double))
			return;
		if (p->op[0])
			v = changed(x->sh, p, &v);
	}
	add_value(x, &v, in_double);
}

/* ------------------------------------------------------------------------------------------------ arithmetic */

struct calculator {
	struct shell *sh;
	const char *at, *end;
	bool failed;
	int depth;
};

static int64_t calculate(struct calculator *c, int level);

static void skip_space(struct calculator *c)
{
	while (c->at < c->end && strchr(" \t\n", *c->at))
		c->at++;
}

static int64_t operand(struct calculator *c)
{
	int64_t n;
	char *stop;

	skip_space(c);
	if (c->at >= c->end || ++c->depth > 64) {
		c->failed = true;
		return 0;
	}
	if (*c->at == '(') {
		c->at++;
		n = calculate(c, 0);
		skip_space(c);
		if (c->at < c->end && *c->at == ')')
			c->at++;
		else
			c->failed = true;
	} else if (strchr("+-!~", *c->at)) {
		char op = *c->at++;

		n = operand(c);
		n = op == '-' ? (int64_t)(0 - (uint64_t)n) : op == '!' ? !n : op == '~' ? ~n : n;
	} else if (*c->at >= '0' && *c->at <= '9') {
		const char *hash = c->at;

		while (hash < c->end && *hash >= '0' && *hash <= '9')
			hash++;
		if (hash < c->end && *hash == '#') {
			int base = atoi(c->at);

			n = base >= 2 && base <= 36 ? strtoll(hash + 1, &stop, base) : 0;
			c->failed |= base < 2 || base > 36;
			c->at = base < 2 || base > 36 ? c->end : stop;
		} else {
			n = strtoll(c->at, &stop, 0);
			c->at = stop;
		}
	} else if (guard_is_name(c->at, 1)) {
		const char *start = c->at;
		struct guard_value v;

		while (c->at < c->end && guard_is_name(start, (size_t)(c->at - start) + 1))
			c->at++;
		v = var_value(c->sh, guard_arena_copy(c->sh->walk->arena, start, (size_t)(c->at - start)));
		if (v.bytes == 0)
			n = 0;
		else if (!v.known || !step(c->sh) || c->depth > 32 || !arith(c->sh, &v, &n))
			c->failed = true, n = 0;
	} else {
		c->failed = true;
		n = 0;
	}
	c->depth--;
	return n;
}

static const char *take_operator(struct calculator *c, int level)
{
	static const char *const levels[][6] = {
		{ "||" }, { "&&" }, { "|" }, { "^" }, { "&" }, { "==", "!=" }, { "<=", ">=", "<", ">" }, { "<<", ">>" },
		{ "+", "-" }, { "*", "/", "%" },
	};

	skip_space(c);
	for (size_t i = 0; i < 6 && levels[level][i]; i++) {
		size_t n = strlen(levels[level][i]);
		const char *op = levels[level][i];

		if ((size_t)(c->end - c->at) < n || memcmp(c->at, op, n) != 0)
			continue;
		if (n == 1 && (size_t)(c->end - c->at) > 1 && (c->at[1] == op[0] || c->at[1] == '=') &&
		    strchr("|&<>*", op[0]))
			continue;
		c->at += n;
		return op;
	}
	return NULL;
}

static int64_t applied(struct calculator *c, const char *op, int64_t a, int64_t b)
{
	uint64_t x = (uint64_t)a, y = (uint64_t)b;

	switch (op[0]) {
	case '+':
		return (int64_t)(x + y);
	case '-':
		return (int64_t)(x - y);
	case '*':
		return (int64_t)(x * y);
	case '/':
	case '%':
		if (b == 0 || (a == INT64_MIN && b == -1)) {
			c->failed = true;
			return 0;
		}
		return op[0] == '/' ? a / b : a % b;
	case '|':
		return op[1] ? a || b : (int64_t)(x | y);
	case '&':
		return op[1] ? a && b : (int64_t)(x & y);
	case '^':
		return (int64_t)(x ^ y);
	case '=':
		return a == b;
	case '!':
		return a != b;
	case '<':
		return op[1] == '<' ? (int64_t)(x << (y & 63)) : op[1] == '=' ? a <= b : a < b;
	case '>':
		return op[1] == '>' ? a >> (y & 63) : op[1] == '=' ? a >= b : a > b;
	}
	return 0;
}

static int64_t calculate(struct calculator *c, int level)
{
	const char *op;
	int64_t n;

	if (level == 10)
		return operand(c);
	n = calculate(c, level + 1);
	while (!c->failed && (op = take_operator(c, level)))
		n = applied(c, op, n, calculate(c, level + 1));
	return n;
}

bool arith(struct shell *sh, const struct guard_value *text, int64_t *ret)
{
	struct calculator c = { .sh = sh, .at = text->text, .end = text->text + text->bytes };

	*ret = 0;
	if (!text->known)
		return false;
	skip_space(&c);
	if (c.at == c.end)
		return true;
	if (!step(sh) || ++sh->walk->depth > GUARD_DEPTH_MAX * 4) {
		sh->walk->depth--;
		return false;
	}
	*ret = calculate(&c, 0);
	sh->walk->depth--;
	skip_space(&c);
	return !c.failed && c.at == c.end;
}

/* i=1, i++, i+=2 leave the variable with a value that need not be computed here: it is not known any more. */
static void assign_in_arith(struct shell *sh, const struct guard_value *text)
{
	for (size_t i = 0; i < text->bytes; i++) {
		size_t start = i, n;
		const char *rest;

		if (!guard_is_name(text->text + i, 1))
			continue;
		while (i < text->bytes && guard_is_name(text->text + start, i - start + 1))
			i++;
		n = i;
		while (n < text->bytes && text->text[n] == ' ')
			n++;
		rest = text->text + n;
		if (rest[0] == '=' && rest[1] != '=') {
			struct guard_value value = value_copy(sh->walk->arena, rest + 1, strcspn(rest + 1, ",)"));
			int64_t result;

			var_set(sh, guard_arena_copy(sh->walk->arena, text->text + start, i - start),
				arith(sh, &value, &result) ? number(sh, result) : value_unknown(0));
		} else if ((rest[0] && rest[0] == rest[1] && strchr("+-", rest[0])) ||
			   (rest[0] && strchr("+-*/%|&^", rest[0]) && rest[1] == '=')) {
			const char *name = guard_arena_copy(sh->walk->arena, text->text + start, i - start);
			struct guard_value old = var_value(sh, name), by = value_of("1");
			int64_t a, b;

			if (rest[1] == '=')
				by = value_copy(sh->walk->arena, rest + 2, strcspn(rest + 2, ",)"));
			var_set(sh, name, arith(sh, &old, &a) && arith(sh, &by, &b) && strchr("+-", rest[0]) ?
						  number(sh, rest[0] == '+' ? a + b : a - b) : value_unknown(0));
		}
	}
}

void expand_arithmetic(struct shell *sh, const struct word *w)
{
	struct guard_value text = expand_one(sh, w, EXPAND_PLAIN);

	assign_in_arith(sh, &text);
}

static void expand_arith(struct expander *x, const struct part *parts, bool in_double)
{
	struct word w = { .parts = (struct part *)parts };
	struct guard_value text = expand_one(x->sh, &w, EXPAND_PLAIN), v;
	int64_t n;

	if (arith(x->sh, &text, &n)) {
		v = number(x->sh, n);
	} else {
		assign_in_arith(x->sh, &text);
		v = value_unknown(0);
	}
	add_value(x, &v, in_double);
}

/* ------------------------------------------------------------------------------------------------ words */

static struct guard_value substituted(struct shell *sh, struct stmt *list)
{
	struct guard_value v = output_of(sh, list);
	size_t n = v.bytes;

	while (n > 0 && v.text[n - 1] == '\n')
		n--;
	if (n < v.bytes) {
		unsigned taint = v.taint;

		v = value_copy(sh->walk->arena, v.text, n);
		v.taint = taint;
	}
	return v;
}

/* <(..): a file that holds what is printed; >(..): one whose content is read when the command has ended. */
static struct guard_value process_file(struct shell *sh, const struct part *p)
{
	char path[64];
	struct guard_value v;

	snprintf(path, sizeof path, "/dev/fd/%u", 1000 + sh->walk->process_files++);
	v = value_copy(sh->walk->arena, path, strlen(path));
	if (p->output) {
		struct shell sub = subshell_of(sh);
		struct guard_value nothing = value_unknown(0);

		sub.fds[0] = input_of(sh->walk, &nothing);
		walk_process(&sub, p->stmts);
	} else {
		struct guard_value text = output_of(sh, p->stmts);

		file_write(sh, v.text, &text, false);
	}
	return v;
}

static void expand_parts(struct expander *x, const struct part *first, bool in_double)
{
	for (const struct part *p = first; p; p = p->next) {
		struct guard_value v;

		switch (p->kind) {
		case PART_LITERAL:
			if (in_double)
				add_double_literal(x, p->text, p->bytes);
			else
				add_literal(x, p->text, p->bytes, p == first && !x->begun);
			break;
		case PART_SINGLE:
			x->begun = x->field.quoted = true;
			if (p->dollar)
				text_add_unescaped(&x->field, p->text, p->bytes, true);
			else
				add(x, p->text, p->bytes);
			break;
		case PART_DOUBLE:
			if (!(p->parts && !p->parts->next && p->parts->kind == PART_PARAM &&
			      (p->parts->param->all || strcmp(p->parts->param->name, "@") == 0)))
				x->begun = x->field.quoted = true;
			expand_parts(x, p->parts, true);
			break;
		case PART_PARAM:
			expand_param(x, p->param, in_double);
			break;
		case PART_COMMAND:
			v = substituted(x->sh, p->stmts);
			add_value(x, &v, in_double);
			break;
		case PART_ARITH:
			expand_arith(x, p->parts, in_double);
			break;
		case PART_PROCESS:
			v = process_file(x->sh, p);
			add_value(x, &v, true);
			break;
		case PART_GLOB:
			if (x->globs)
				add(x, &(char){ GUARD_STAR }, 1);
			else
				add(x, p->text, p->bytes);
			break;
		}
	}
}

/* ------------------------------------------------------------------------------------------------ braces */

/* A word taken apart: one unquoted character, an escaped one, or a part that braces do not look into. */
struct token {
	const char *text;
	size_t bytes;
	const struct part *part;
};

struct braces {
	struct shell *sh;
	struct values *out;
	const struct word *word;
	unsigned made;
};

static bool is_char(const struct token *t, char c)
{
	return !t->part && t->bytes == 1 && t->text[0] == c;
}

static bool may_have_braces(const struct word *w)
{
	for (const struct part *p = w->parts; p; p = p->next)
		if (p->kind == PART_LITERAL && memchr(p->text, '{', p->bytes))
			return true;
	return false;
}

static struct token *tokens_of(struct shell *sh, const struct word *w, size_t *ret_count)
{
	size_t count = 0, n = 0;
	struct token *tokens;

	for (const struct part *p = w->parts; p; p = p->next)
		count += p->kind == PART_LITERAL ? p->bytes : 1;
	tokens = GUARD_NEWN(sh->walk->arena, struct token, count + 1);
	for (const struct part *p = w->parts; p; p = p->next) {
		if (p->kind != PART_LITERAL) {
			tokens[n++] = (struct token){ .part = p };
			continue;
		}
		for (size_t i = 0; i < p->bytes;) {
			size_t used = p->text[i] == '\\' && i + 1 < p->bytes ? 2 : 1;

			tokens[n++] = (struct token){ .text = p->text + i, .bytes = used };
			i += used;
		}
	}
	*ret_count = n;
	return tokens;
}

static void expand_tokens(struct braces *b, const struct token *t, size_t count)
{
	struct word w = { 0 };
	struct part **tail = &w.parts;
	struct expander x = {
		.sh = b->sh, .out = b->out, .field = TEXT(b->sh), .split = true, .globs = !b->sh->no_globs
	};

	for (size_t i = 0; i < count; i++) {
		struct part *p = GUARD_NEW(b->sh->walk->arena, struct part);

		if (t[i].part) {
			*p = *t[i].part;
			p->next = NULL;
		} else {
			struct text text = TEXT(b->sh);
			struct guard_value v;

			for (; i < count && !t[i].part; i++)
				text_add(&text, t[i].text, t[i].bytes);
			i--;
			v = text_take(&text);
			p->kind = PART_LITERAL;
			p->text = v.text;
			p->bytes = v.bytes;
		}
		*tail = p;
		tail = &p->next;
	}
	x.ifs = var_value(b->sh, "IFS").text;
	expand_parts(&x, w.parts, false);
	end_field(&x);
	b->made++;
}

static bool sequence_end(const char *text, size_t bytes, int64_t *ret, bool *ret_letter)
{
	char *stop;
	char copy[24];

	if (bytes == 0 || bytes >= sizeof copy)
		return false;
	memcpy(copy, text, bytes);
	copy[bytes] = '\0';
	*ret_letter = bytes == 1 && guard_is_name(text, 1) && *text != '_';
	*ret = *ret_letter ? copy[0] : strtoll(copy, &stop, 10);
	return *ret_letter || *stop == '\0';
}

static void brace(struct braces *b, const struct token *t, size_t count);

static void brace_with(struct braces *b, const struct token *t, size_t open, const struct token *middle,
		       size_t middle_count, size_t close, size_t count)
{
	size_t total = open + middle_count + (count - close - 1);
	struct token *joined = GUARD_NEWN(b->sh->walk->arena, struct token, total + 1);

	memcpy(joined, t, open * sizeof *t);
	if (middle_count > 0)
		memcpy(joined + open, middle, middle_count * sizeof *t);
	memcpy(joined + open + middle_count, t + close + 1, (count - close - 1) * sizeof *t);
	brace(b, joined, total);
}

/* {1..5}, {a..e}, {1..9..2} */
static bool brace_sequence(struct braces *b, const struct token *t, size_t open, size_t close, size_t count)
{
	char text[64];
	size_t n = 0;
	const char *dots, *more;
	int64_t from, to, by = 1;
	bool letter, letter_too, zeros;

	for (size_t i = open + 1; i < close; i++) {
		if (t[i].part || t[i].bytes != 1 || n + 1 >= sizeof text)
			return false;
		text[n++] = t[i].text[0];
	}
	text[n] = '\0';
	dots = strstr(text, "..");
	if (!dots)
		return false;
	more = strstr(dots + 2, "..");
	if (!sequence_end(text, (size_t)(dots - text), &from, &letter) ||
	    !sequence_end(dots + 2, more ? (size_t)(more - dots - 2) : strlen(dots + 2), &to, &letter_too) ||
	    letter != letter_too)
		return false;
	if (more)
		by = strtoll(more + 2, NULL, 10);
	by = by < 0 ? -by : by == 0 ? 1 : by;
	zeros = text[0] == '0' && dots - text > 1;
	for (int64_t i = from; from <= to ? i <= to : i >= to; i += from <= to ? by : -by) {
		struct token *one = GUARD_NEW(b->sh->walk->arena, struct token);
		char item[32];

		if (b->made >= BRACES_MAX)
			break;
		if (letter)
			snprintf(item, sizeof item, "%c", (char)i);
		else
			snprintf(item, sizeof item, "%0*lld", zeros ? (int)(dots - text) : 1, (long long)i);
		one->bytes = strlen(item);
		one->text = guard_arena_copy(b->sh->walk->arena, item, one->bytes);
		brace_with(b, t, open, one, 1, close, count);
	}
	return true;
}

static size_t closing_brace(const struct token *t, size_t open, size_t count, bool *ret_comma)
{
	int depth = 0;

	*ret_comma = false;
	for (size_t i = open; i < count; i++) {
		if (is_char(&t[i], '{'))
			depth++;
		else if (is_char(&t[i], '}') && --depth == 0)
			return i;
		else if (depth == 1 && is_char(&t[i], ','))
			*ret_comma = true;
	}
	return SIZE_MAX;
}

/* The first pair of braces that means something is replaced by each of its items, and then the next. */
static void brace(struct braces *b, const struct token *t, size_t count)
{
	if (b->made >= BRACES_MAX || !step(b->sh)) {
		too_complex(b->sh->walk, "braces that stand for too many words");
		return;
	}
	for (size_t open = 0; open < count; open++) {
		bool comma;
		size_t close, start, depth = 0;

		if (!is_char(&t[open], '{'))
			continue;
		close = closing_brace(t, open, count, &comma);
		if (close == SIZE_MAX)
			continue;
		if (!comma) {
			if (brace_sequence(b, t, open, close, count))
				return;
			continue;
		}
		start = open + 1;
		for (size_t i = start; i <= close; i++) {
			if (is_char(&t[i], '{')) {
				depth++;
			} else if (is_char(&t[i], '}') && i < close) {
				depth--;
			} else if (i == close || (depth == 0 && is_char(&t[i], ','))) {
				brace_with(b, t, open, t + start, i - start, close, count);
				start = i + 1;
			}
		}
		return;
	}
	expand_tokens(b, t, count);
}

/* ------------------------------------------------------------------------------------------------ entries */

void expand_word(struct shell *sh, const struct word *w, struct values *out)
{
	struct expander x = { .sh = sh, .out = out, .field = TEXT(sh), .split = true, .globs = !sh->no_globs };

	if (may_have_braces(w)) {
		struct braces b = { .sh = sh, .out = out, .word = w };
		size_t count;
		struct token *tokens = tokens_of(sh, w, &count);

		brace(&b, tokens, count);
		return;
	}
	x.ifs = var_value(sh, "IFS").text;
	expand_parts(&x, w->parts, false);
	end_field(&x);
}

void expand_words(struct shell *sh, const struct word *w, struct values *out)
{
	for (; w; w = w->next)
		expand_word(sh, w, out);
}

struct guard_value expand_one(struct shell *sh, const struct word *w, enum expansion how)
{
	struct expander x = { .sh = sh, .field = TEXT(sh), .tilde_everywhere = how == EXPAND_ASSIGNMENT, .ifs = "" };

	if (!w)
		return value_of("");
	x.globs = how == EXPAND_PATTERN || how == EXPAND_ARGUMENT;
	expand_parts(&x, w->parts, false);
	return text_take(&x.field);
}
