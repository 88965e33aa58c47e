/* SPDX-License-Identifier: MIT */
#include "parse.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libccm/macros.h"
#include "libccm/proc.h"
#include "reader.h"

#define DEPTH_MAX 1500           /* of the JSON; each level is a frame of ours */
#define TIMEOUT_MS 1000
#define OUTPUT_MAX ((size_t)8 << 20)

/* ------------------------------------------------------------------------------------------------ JSON */

/* A value of the tree that shfmt prints. Its positions are two thirds of the text, so this keeps little of each. */
struct json {
	enum { JSON_OBJECT, JSON_ARRAY, JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_OTHER } type;
	const char *key;             /* in an object; not terminated */
	size_t key_bytes;
	const char *text;            /* a string's bytes between the quotes, a number's digits */
	size_t bytes;
	struct json *child, *next;
};

struct scanner {
	struct guard_arena *arena;
	const char *at, *end;
	int depth;
	bool failed;
};

static void skip_space(struct scanner *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r'))
		s->at++;
}

static bool take(struct scanner *s, char c)
{
	skip_space(s);
	if (s->at >= s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static void scan_string(struct scanner *s, const char **ret, size_t *ret_bytes)
{
	const char *start = s->at;

	while (s->at < s->end && *s->at != '"')
		s->at += *s->at == '\\' ? 2 : 1;
	if (s->at >= s->end) {
		s->failed = true;
		s->at = s->end;
		*ret_bytes = 0;
		return;
	}
	*ret = start;
	*ret_bytes = (size_t)(s->at - start);
	s->at++;
}

static struct json *scan(struct scanner *s);

static void scan_members(struct scanner *s, struct json *j, char close)
{
	struct json **tail = &j->child;

	if (take(s, close))
		return;
	do {
		const char *key = NULL;
		size_t key_bytes = 0;
		struct json *value;

		if (close == '}') {
			if (!take(s, '"')) {
				s->failed = true;
				return;
			}
			scan_string(s, &key, &key_bytes);
			if (!take(s, ':'))
				s->failed = true;
		}
		value = s->failed ? NULL : scan(s);
		if (!value)
			return;
		value->key = key;
		value->key_bytes = key_bytes;
		*tail = value;
		tail = &value->next;
	} while (take(s, ','));
	if (!take(s, close))
		s->failed = true;
}

static struct json *scan(struct scanner *s)
{
	struct json *j = GUARD_NEW(s->arena, struct json);

	skip_space(s);
	if (s->at >= s->end || s->depth >= DEPTH_MAX) {
		s->failed = true;
		return NULL;
	}
	s->depth++;
	switch (*s->at) {
	case '{':
	case '[':
		j->type = *s->at++ == '{' ? JSON_OBJECT : JSON_ARRAY;
		scan_members(s, j, j->type == JSON_OBJECT ? '}' : ']');
		break;
	case '"':
		s->at++;
		j->type = JSON_STRING;
		scan_string(s, &j->text, &j->bytes);
		break;
	default:
		j->text = s->at;
		while (s->at < s->end && !strchr(",]} \n\t\r", *s->at))
			s->at++;
		j->bytes = (size_t)(s->at - j->text);
		j->type = j->bytes == 4 && memcmp(j->text, "true", 4) == 0 ? JSON_TRUE :
			  j->bytes > 0 && *j->text >= '0' && *j->text <= '9' ? JSON_NUMBER : JSON_OTHER;
		if (j->bytes == 0)
			s->failed = true;
	}
	s->depth--;
	return s->failed ? NULL : j;
}

static const struct json *member(const struct json *j, const char *name)
{
	size_t n = strlen(name);

	for (const struct json *m = j && j->type == JSON_OBJECT ? j->child : NULL; m; m = m->next)
		if (m->key_bytes == n && memcmp(m->key, name, n) == 0)
			return m;
	return NULL;
}

static bool is_true(const struct json *j, const char *name)
{
	const struct json *m = member(j, name);

	return m && m->type == JSON_TRUE;
}

static bool has_type(const struct json *j, const char *type)
{
	const struct json *m = member(j, "Type");

	return m && m->type == JSON_STRING && m->text && m->bytes == strlen(type) &&
	       memcmp(m->text, type, m->bytes) == 0;
}

static const struct json *items(const struct json *j, const char *name)
{
	const struct json *m = member(j, name);

	return m && m->type == JSON_ARRAY ? m->child : NULL;
}

/* ------------------------------------------------------------------------------------------------ the tree */

struct builder {
	struct guard_arena *arena;
	const char *text;
	size_t bytes;
	bool failed;                 /* it holds what we do not know: the whole is of no use */
};

static struct stmt *build_list(struct builder *b, const struct json *list);
static struct word *build_word(struct builder *b, const struct json *j);
static struct part *build_parts(struct builder *b, const struct json *list, bool strip_tabs);

/* The offset of a position; SIZE_MAX: it has none, or one outside of the text. */
static size_t position(const struct builder *b, const struct json *j, const char *name)
{
	const struct json *p = member(j, name), *offset = member(p, "Offset"), *line = member(p, "Line");
	size_t n = 0;

	if (!offset || offset->type != JSON_NUMBER || !line || (line->bytes == 1 && *line->text == '0'))
		return SIZE_MAX;
	for (size_t i = 0; i < offset->bytes && n <= b->bytes; i++)
		n = n * 10 + (size_t)(offset->text[i] - '0');
	return n <= b->bytes ? n : SIZE_MAX;
}

/* The stretch of the text that a node covers. */
static const char *source_of(struct builder *b, const struct json *j, size_t *ret_bytes)
{
	size_t start = position(b, j, "Pos"), end = position(b, j, "End");

	*ret_bytes = 0;
	if (start == SIZE_MAX || end == SIZE_MAX || end < start)
		return NULL;
	*ret_bytes = end - start;
	return b->text + start;
}

static size_t add_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	to[0] = (char)(0xe0 | c >> 12);
	to[1] = (char)(0x80 | (c >> 6 & 0x3f));
	to[2] = (char)(0x80 | (c & 0x3f));
	return 3;
}

static char *decoded(struct builder *b, const struct json *j, size_t *ret_bytes)
{
	static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
	char *text;
	size_t n = 0;

	*ret_bytes = 0;
	if (!j || j->type != JSON_STRING)
		return guard_arena_copy(b->arena, "", 0);
	text = guard_arena_alloc(b->arena, j->bytes + 1);
	for (size_t i = 0; i < j->bytes; i++) {
		const char *letter;

		if (j->text[i] != '\\' || i + 1 >= j->bytes) {
			text[n++] = j->text[i];
			continue;
		}
		letter = strchr(letters, j->text[++i]);
		if (j->text[i] == 'u' && i + 4 < j->bytes) {
			char hex[5] = { j->text[i + 1], j->text[i + 2], j->text[i + 3], j->text[i + 4], 0 };

			n += add_utf8(text + n, (unsigned)strtoul(hex, NULL, 16));
			i += 4;
		} else {
			text[n++] = letter && *letter ? meant[letter - letters] : j->text[i];
		}
	}
	text[n] = '\0';
	*ret_bytes = n;
	return text;
}

static const char *string_of(struct builder *b, const struct json *j, const char *name)
{
	size_t n;
	const struct json *m = member(j, name);

	return m ? decoded(b, m, &n) : NULL;
}

/* The name in {"Name": {"Value": ...}} */
static const char *name_of(struct builder *b, const struct json *j, const char *key)
{
	return string_of(b, member(j, key), "Value");
}

static struct word *quoted_source(struct builder *b, size_t start, size_t end)
{
	if (start == SIZE_MAX || end == SIZE_MAX || end < start)
		return guard_read_quoted(b->arena, "", 0);
	return guard_read_quoted(b->arena, b->text + start, end - start);
}

static void build_param(struct builder *b, const struct json *j, struct part *p, bool in_double)
{
	size_t n;
	const char *source = source_of(b, j, &n), *name = name_of(b, j, "Param");
	struct part *read =
		source && n > 1 && *source == '$' ? guard_read_dollar(b->arena, source, n, in_double) : NULL;

	p->kind = PART_PARAM;
	if (read && read->kind == PART_PARAM && (!name || strcmp(read->param->name, name) == 0)) {
		p->param = read->param;
		return;
	}
	/* Inside backquotes positions may be those of an escaped text. */
	p->param = GUARD_NEW(b->arena, struct param);
	p->param->name = name ? name : "";
	p->param->op = "";
	if (!is_true(j, "Short") && (member(j, "Exp") || member(j, "Repl") || member(j, "Slice") || is_true(j, "Excl")))
		p->param->name = "$";        /* nobody knows */
}

static void build_arith(struct builder *b, const struct json *j, struct part *p)
{
	size_t n;
	const char *source = source_of(b, j, &n);

	p->kind = PART_ARITH;
	if (source && n > 5 && source[1] == '(')
		p->parts = guard_read_quoted(b->arena, source + 3, n - 5)->parts;
	else if (source && n > 3)
		p->parts = guard_read_quoted(b->arena, source + 2, n - 3)->parts;
}

/* <<-: tabs at the start of lines go. */
static const char *without_tabs(struct builder *b, const char *text, size_t *bytes, bool at_start)
{
	char *stripped = guard_arena_alloc(b->arena, *bytes + 1);
	size_t n = 0;

	for (size_t i = 0; i < *bytes; i++) {
		if (at_start && text[i] == '\t')
			continue;
		at_start = text[i] == '\n';
		stripped[n++] = text[i];
	}
	*bytes = n;
	return stripped;
}

static struct part *build_part(struct builder *b, const struct json *j, bool in_double)
{
	struct part *p = GUARD_NEW(b->arena, struct part);
	size_t at;

	p->text = "";
	p->dollar = is_true(j, "Dollar");
	if (has_type(j, "Lit")) {
		p->kind = PART_LITERAL;
		p->text = decoded(b, member(j, "Value"), &p->bytes);
	} else if (has_type(j, "SglQuoted")) {
		p->kind = PART_SINGLE;
		p->text = decoded(b, member(j, "Value"), &p->bytes);
	} else if (has_type(j, "DblQuoted")) {
		p->kind = PART_DOUBLE;
		p->parts = build_parts(b, items(j, "Parts"), false);
	} else if (has_type(j, "ParamExp")) {
		build_param(b, j, p, in_double);
	} else if (has_type(j, "CmdSubst")) {
		p->kind = PART_COMMAND;
		p->stmts = build_list(b, items(j, "Stmts"));
	} else if (has_type(j, "ArithmExp")) {
		build_arith(b, j, p);
	} else if (has_type(j, "ProcSubst")) {
		p->kind = PART_PROCESS;
		at = position(b, j, "OpPos");
		p->output = at != SIZE_MAX && at < b->bytes && b->text[at] == '>';
		p->stmts = build_list(b, items(j, "Stmts"));
	} else if (has_type(j, "ExtGlob")) {
		p->kind = PART_GLOB;
		p->text = source_of(b, j, &p->bytes);
		p->text = p->text ? p->text : "";
	} else {
		b->failed = true;
	}
	return p;
}

static struct part *build_parts(struct builder *b, const struct json *list, bool strip_tabs)
{
	struct part *first = NULL, **tail = &first;
	bool at_start = true;

	for (const struct json *j = list; j; j = j->next) {
		struct part *p = build_part(b, j, true);

		if (strip_tabs && p->kind == PART_LITERAL)
			p->text = without_tabs(b, p->text, &p->bytes, at_start);
		at_start = p->kind == PART_LITERAL && p->bytes > 0 && p->text[p->bytes - 1] == '\n';
		*tail = p;
		tail = &p->next;
	}
	return first;
}

static struct word *build_word(struct builder *b, const struct json *j)
{
	struct word *w = GUARD_NEW(b->arena, struct word);
	struct part **tail = &w->parts;

	for (const struct json *p = items(j, "Parts"); p; p = p->next) {
		*tail = build_part(b, p, false);
		tail = &(*tail)->next;
	}
	w->text = source_of(b, j, &w->bytes);
	return w;
}

static struct word *build_words(struct builder *b, const struct json *list)
{
	struct word *first = NULL, **tail = &first;

	for (const struct json *j = list; j; j = j->next) {
		*tail = build_word(b, j);
		tail = &(*tail)->next;
	}
	return first;
}

static bool is_op(const struct builder *b, size_t at, const char *op)
{
	size_t n = strlen(op);

	return at != SIZE_MAX && b->text && b->bytes - at >= n && memcmp(b->text + at, op, n) == 0;
}

/* The numbers of operators differ between versions; the text does not. */
static enum redirect_op redirect_op(struct builder *b, const struct json *j, bool *ret_strip)
{
	static const struct {
		const char *text;
		enum redirect_op op;
	} ops[] = {
		{ "<<<", REDIRECT_HERESTRING }, { "<<", REDIRECT_HEREDOC }, { "&>>", REDIRECT_BOTH_APPEND }, { "&>", REDIRECT_BOTH },
		{ ">>", REDIRECT_APPEND }, { ">|", REDIRECT_WRITE }, { "<>", REDIRECT_READ_WRITE }, { "<&", REDIRECT_DUP_IN },
		{ ">&", REDIRECT_DUP_OUT }, { "<", REDIRECT_READ }, { ">", REDIRECT_WRITE },
	};
	size_t at = position(b, j, "OpPos");

	*ret_strip = is_op(b, at, "<<-");
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (is_op(b, at, ops[i].text))
			return ops[i].op;
	b->failed = true;
	return REDIRECT_READ;
}

static bool is_quoted(const struct word *w)
{
	for (const struct part *p = w->parts; p; p = p->next)
		if (p->kind != PART_LITERAL || (p->bytes > 0 && memchr(p->text, '\\', p->bytes)))
			return true;
	return false;
}

static struct word *build_heredoc(struct builder *b, const struct json *j, bool quoted, bool strip_tabs)
{
	struct word *w = GUARD_NEW(b->arena, struct word);
	struct part *p = w->parts = GUARD_NEW(b->arena, struct part);
	const struct json *first = items(j, "Parts");

	p->kind = quoted ? PART_SINGLE : PART_DOUBLE;
	p->text = "";
	if (!quoted) {
		p->parts = build_parts(b, first, strip_tabs);
		return w;
	}
	if (first && has_type(first, "Lit")) {
		p->text = decoded(b, member(first, "Value"), &p->bytes);
		if (strip_tabs)
			p->text = without_tabs(b, p->text, &p->bytes, true);
	}
	return w;
}

static struct redirect *build_redirects(struct builder *b, const struct json *list)
{
	struct redirect *first = NULL, **tail = &first;

	for (const struct json *j = list; j; j = j->next) {
		struct redirect *r = GUARD_NEW(b->arena, struct redirect);
		const char *n = name_of(b, j, "N");
		bool strip;

		r->fd = -1;
		r->op = redirect_op(b, j, &strip);
		if (n && n[0] == '{')
			r->variable = guard_arena_copy(b->arena, n + 1, strcspn(n + 1, "}"));
		else if (n && n[0])
			r->fd = atoi(n);
		r->word = build_word(b, member(j, "Word"));
		if (r->op == REDIRECT_HEREDOC)
			r->heredoc = build_heredoc(b, member(j, "Hdoc"), is_quoted(r->word), strip);
		*tail = r;
		tail = &r->next;
	}
	return first;
}

static struct word *source_word(struct builder *b, const struct json *j)
{
	return j ? quoted_source(b, position(b, j, "Pos"), position(b, j, "End")) : guard_read_quoted(b->arena, "", 0);
}

static struct element *build_elements(struct builder *b, const struct json *list)
{
	struct element *first = NULL, **tail = &first;

	for (const struct json *j = list; j; j = j->next) {
		struct element *e = GUARD_NEW(b->arena, struct element);

		if (member(j, "Index") && member(j, "Index")->type == JSON_OBJECT)
			e->index = source_word(b, member(j, "Index"));
		e->value = build_word(b, member(j, "Value"));
		*tail = e;
		tail = &e->next;
	}
	return first;
}

static struct assign *build_assigns(struct builder *b, const struct json *list)
{
	struct assign *first = NULL, **tail = &first;

	for (const struct json *j = list; j; j = j->next) {
		struct assign *a = GUARD_NEW(b->arena, struct assign);
		const struct json *index = member(j, "Index"), *array = member(j, "Array"), *value = member(j, "Value");

		a->name = name_of(b, j, "Name");
		a->append = is_true(j, "Append");
		a->naked = is_true(j, "Naked");
		if (index && index->type == JSON_OBJECT)
			a->index = source_word(b, index);
		if (array && array->type == JSON_OBJECT) {
			a->array = true;
			a->elements = build_elements(b, items(array, "Elems"));
		}
		if (value && value->type == JSON_OBJECT)
			a->value = build_word(b, value);
		if (!a->name && !a->value)
			a->value = build_word(b, NULL);
		*tail = a;
		tail = &a->next;
	}
	return first;
}

/* ------------------------------------------------------------------------------------------------ commands */

/* All words anywhere in an expression: of a test only the substitutions in them matter. */
static void collect_words(struct builder *b, const struct json *j, struct word ***tail)
{
	if (!j || j->type != JSON_OBJECT)
		return;
	if (has_type(j, "Word")) {
		**tail = build_word(b, j);
		*tail = &(**tail)->next;
		return;
	}
	collect_words(b, member(j, "X"), tail);
	collect_words(b, member(j, "Y"), tail);
}

static struct stmt *build_stmt(struct builder *b, const struct json *j);

static enum stmt_join join_of(struct builder *b, const struct json *j)
{
	size_t at = position(b, j, "OpPos");

	if (is_op(b, at, "&&"))
		return JOIN_AND;
	if (is_op(b, at, "||"))
		return JOIN_OR;
	if (is_op(b, at, "|&"))
		return JOIN_PIPE_ALL;
	if (!is_op(b, at, "|"))
		b->failed = true;
	return JOIN_PIPE;
}

/* The left side of a chain becomes the beginning of one list. */
static void build_binary(struct builder *b, const struct json *j, struct stmt *s)
{
	struct stmt *left = build_stmt(b, member(j, "X")), *right = build_stmt(b, member(j, "Y")), *last;
	enum stmt_join join = join_of(b, j);

	s->kind = join == JOIN_PIPE || join == JOIN_PIPE_ALL ? STMT_PIPE : STMT_AND_OR;
	if (left->kind == s->kind && !left->negated && !left->redirects && !left->background)
		s->body = left->body;
	else
		s->body = left;
	for (last = s->body; last->next; last = last->next)
		;
	right->join = join;
	last->next = right;
}

static void build_if(struct builder *b, const struct json *j, struct stmt *s)
{
	const struct json *orelse = member(j, "Else");

	s->kind = STMT_IF;
	s->cond = build_list(b, items(j, "Cond"));
	s->body = build_list(b, items(j, "Then"));
	if (!orelse || orelse->type != JSON_OBJECT)
		return;
	if (items(orelse, "Cond")) {
		s->orelse = GUARD_NEW(b->arena, struct stmt);
		build_if(b, orelse, s->orelse);
	} else {
		s->orelse = build_list(b, items(orelse, "Then"));
	}
}

static void build_for(struct builder *b, const struct json *j, struct stmt *s)
{
	const struct json *loop = member(j, "Loop");

	s->body = build_list(b, items(j, "Do"));
	if (has_type(loop, "CStyleLoop")) {
		s->kind = STMT_FOR_ARITH;
		s->words = source_word(b, member(loop, "Init"));
		s->words->next = source_word(b, member(loop, "Cond"));
		s->words->next->next = source_word(b, member(loop, "Post"));
		return;
	}
	s->kind = STMT_FOR;
	s->name = name_of(b, loop, "Name");
	s->name = s->name ? s->name : "";
	s->words = build_words(b, items(loop, "Items"));
	s->has_words = s->words || position(b, loop, "InPos") != SIZE_MAX;
}

static void build_case(struct builder *b, const struct json *j, struct stmt *s)
{
	struct arm **tail = &s->arms;

	s->kind = STMT_CASE;
	s->words = build_word(b, member(j, "Word"));
	for (const struct json *item = items(j, "Items"); item; item = item->next) {
		struct arm *arm = GUARD_NEW(b->arena, struct arm);

		arm->patterns = build_words(b, items(item, "Patterns"));
		arm->body = build_list(b, items(item, "Stmts"));
		*tail = arm;
		tail = &arm->next;
	}
}

static void build_let(struct builder *b, const struct json *j, struct stmt *s)
{
	struct word **tail = &s->words;

	s->kind = STMT_ARITH;
	for (const struct json *e = items(j, "Exprs"); e; e = e->next) {
		*tail = source_word(b, e);
		tail = &(*tail)->next;
	}
}

static void build_arith_command(struct builder *b, const struct json *j, struct stmt *s)
{
	size_t start = position(b, j, "Left"), end = position(b, j, "Right");

	s->kind = STMT_ARITH;
	s->words = quoted_source(b, start == SIZE_MAX ? start : start + 2, end);
}

static void build_declare(struct builder *b, const struct json *j, struct stmt *s)
{
	const char *variant = name_of(b, j, "Variant");
	struct part *p = GUARD_NEW(b->arena, struct part);

	s->kind = STMT_DECLARE;
	p->kind = PART_LITERAL;
	p->text = variant ? variant : "declare";
	p->bytes = strlen(p->text);
	s->words = GUARD_NEW(b->arena, struct word);
	s->words->parts = p;
	s->assigns = build_assigns(b, items(j, "Args"));
}

static void build_command(struct builder *b, const struct json *j, struct stmt *s)
{
	if (has_type(j, "CallExpr")) {
		s->kind = STMT_SIMPLE;
		s->assigns = build_assigns(b, items(j, "Assigns"));
		s->words = build_words(b, items(j, "Args"));
	} else if (has_type(j, "BinaryCmd")) {
		build_binary(b, j, s);
	} else if (has_type(j, "Block") || has_type(j, "Subshell")) {
		s->kind = has_type(j, "Block") ? STMT_BLOCK : STMT_SUBSHELL;
		s->body = build_list(b, items(j, "Stmts"));
	} else if (has_type(j, "IfClause")) {
		build_if(b, j, s);
	} else if (has_type(j, "WhileClause")) {
		s->kind = STMT_LOOP;
		s->cond = build_list(b, items(j, "Cond"));
		s->body = build_list(b, items(j, "Do"));
	} else if (has_type(j, "ForClause")) {
		build_for(b, j, s);
	} else if (has_type(j, "CaseClause")) {
		build_case(b, j, s);
	} else if (has_type(j, "FuncDecl")) {
		s->kind = STMT_FUNCTION;
		s->name = name_of(b, j, "Name");
		s->name = s->name ? s->name : "";
		s->body = build_stmt(b, member(j, "Body"));
	} else if (has_type(j, "TestClause")) {
		struct word **tail = &s->words;

		s->kind = STMT_TEST;
		collect_words(b, member(j, "X"), &tail);
	} else if (has_type(j, "ArithmCmd")) {
		build_arith_command(b, j, s);
	} else if (has_type(j, "LetClause")) {
		build_let(b, j, s);
	} else if (has_type(j, "TimeClause")) {
		s->kind = STMT_TIME;
		if (member(j, "Stmt") && member(j, "Stmt")->type == JSON_OBJECT)
			s->body = build_stmt(b, member(j, "Stmt"));
	} else if (has_type(j, "CoprocClause")) {
		size_t n;
		const struct json *name = member(j, "Name");

		s->kind = STMT_COPROC;
		s->body = build_stmt(b, member(j, "Stmt"));
		if (name && name->type == JSON_OBJECT && items(name, "Parts"))
			s->name = decoded(b, member(items(name, "Parts"), "Value"), &n);
	} else if (has_type(j, "DeclClause")) {
		build_declare(b, j, s);
	} else {
		b->failed = true;
	}
}

static struct stmt *build_stmt(struct builder *b, const struct json *j)
{
	struct stmt *s = GUARD_NEW(b->arena, struct stmt);
	const struct json *command = member(j, "Cmd");

	if (!j || j->type != JSON_OBJECT) {
		b->failed = true;
		return s;
	}
	if (command && command->type == JSON_OBJECT)
		build_command(b, command, s);
	s->negated = is_true(j, "Negated");
	s->background = is_true(j, "Background");
	s->redirects = build_redirects(b, items(j, "Redirs"));
	s->text = source_of(b, j, &s->bytes);
	return s;
}

static struct stmt *build_list(struct builder *b, const struct json *list)
{
	struct stmt *first = NULL, **tail = &first;

	for (const struct json *j = list; j; j = j->next) {
		*tail = build_stmt(b, j);
		tail = &(*tail)->next;
	}
	return first;
}

struct stmt *guard_parse_json(struct guard_arena *arena, const char *json, size_t json_bytes, const char *text,
			      size_t bytes)
{
	struct scanner scanner = { .arena = arena, .at = json, .end = json + json_bytes };
	struct builder b = { .arena = arena, .text = text, .bytes = bytes };
	struct json *root = scan(&scanner);
	struct stmt *s;

	if (!root || !member(root, "Stmts"))
		return NULL;
	s = build_list(&b, items(root, "Stmts"));
	return b.failed ? NULL : s;
}

/* ------------------------------------------------------------------------------------------------ shfmt */

/* Nobody but root can put another program there. */
static bool is_roots(const char *path, mode_t kind)
{
	struct stat st;

	return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* The system's own first: what comes first in PATH may be a program that the agent made. */
static bool find_program(char *path, size_t size, bool *ret_trusted)
{
	static const char *const system[] = { "/usr/bin", "/usr/local/bin", "/bin", "/opt/homebrew/bin" };
	const char *dirs = getenv("PATH"), *home = getenv("HOME");
	char more[512];

	*ret_trusted = true;
	for (size_t i = 0; i < ARRAY_SIZE(system); i++)
		if (snprintf(path, size, "%s/shfmt", system[i]) < (int)size && access(path, X_OK) == 0 &&
		    is_roots(path, S_IFREG) && is_roots(system[i], S_IFDIR))
			return true;
	*ret_trusted = false;
	snprintf(more, sizeof more, "/usr/local/bin:/opt/homebrew/bin:%s/.local/bin:%s/go/bin", home ? home : "", home ? home : "");
	for (int round = 0; round < 2; round++) {
		const char *at = round == 0 ? more : (dirs ? dirs : "");

		while (*at) {
			int n = (int)strcspn(at, ":");

			/* A relative directory is one that the agent could put something into. */
			if (*at == '/' && snprintf(path, size, "%.*s/shfmt", n, at) < (int)size &&
			    access(path, X_OK) == 0)
				return true;
			at += n + (at[n] == ':');
		}
	}
	return false;
}

/* What somebody else's shfmt says is not all that counts: the text as we read it ourselves is walked first, aside. */
static struct stmt *with_own_reading(struct guard_arena *arena, const char *text, size_t bytes, struct stmt *theirs)
{
	struct guard_reading reading;
	struct stmt *own = guard_read(arena, text, bytes, &reading), *aside;

	if (!own)
		return theirs;
	aside = GUARD_NEW(arena, struct stmt);
	aside->kind = STMT_SUBSHELL;
	aside->body = own;
	aside->text = text;
	aside->bytes = bytes;
	aside->next = theirs;
	return aside;
}

/* "<standard input>:2:5: words" becomes "line 2: words". */
static const char *words_of(struct guard_arena *arena, const struct ccm_sbuf *err)
{
	const char *text = ccm_sbuf_str(err), *at = strstr(text, "input>:");
	size_t n;
	char *words;
	int line;

	at = at ? at + 7 : text;
	line = atoi(at);
	at += strspn(at, "0123456789:");
	at += *at == ' ';
	n = strcspn(at, "\n");
	words = guard_arena_alloc(arena, n + 64);
	if (line > 0)
		snprintf(words, n + 64, "line %d: %.*s", line, (int)n, at);
	else
		snprintf(words, n + 64, "shfmt: %.*s", (int)n, at);
	return words;
}

struct guard_parser {
	const char *text;
	size_t bytes;
	char path[PATH_MAX];
	bool trusted;                /* see find_program() */
	struct ccm_proc_spec spec;
	struct ccm_proc_result result;
	struct ccm_proc_runs *runs;  /* NULL: it has ended, or could not be started */
};

void guard_parser_end(struct guard_parser *p)
{
	if (!p)
		return;
	ccm_proc_end_all(p->runs);
	ccm_proc_result_done(&p->result);
	free(p);
}

static void guard_parser_endp(struct guard_parser **p)
{
	guard_parser_end(*p);
}

/* NULL: there is no shfmt, or no memory. */
static struct guard_parser *start_shfmt(const char *text, size_t bytes)
{
	static const char *const argv[] = { "shfmt", "--to-json", "-ln", "bash", NULL };
	/* A second thread takes longer to start than it could help. */
	static const char *const envp[] = { "LC_ALL=C", "GOMAXPROCS=1", NULL };
	_cleanup_(guard_parser_endp) struct guard_parser *p = calloc(1, sizeof *p);

	if (!p || !find_program(p->path, sizeof p->path, &p->trusted))
		return NULL;
	p->text = text;
	p->bytes = bytes;
	p->spec = (struct ccm_proc_spec){ .path = p->path, .argv = argv, .envp = envp, .input = text, .input_bytes = bytes,
					  .output_max_bytes = OUTPUT_MAX, .timeout_ms = TIMEOUT_MS };
	return ccm_proc_begin_all(&p->spec, 1, &p->result, &p->runs) < 0 ? NULL : TAKE_PTR(p);
}

/* What it prints, or NULL with words in *ret_problem. */
static const char *take_json(struct guard_arena *arena, struct guard_parser *p, const char **ret_problem)
{
	int r = ccm_proc_end_all(TAKE_PTR(p->runs));

	if (r < 0 || p->result.error)
		*ret_problem = "shfmt cannot be started";
	else if (p->result.timed_out)
		*ret_problem = "shfmt took too long";
	else if (p->result.exit_status != 0)
		*ret_problem = words_of(arena, &p->result.err);
	else
		return guard_arena_copy(arena, ccm_sbuf_str(&p->result.out), p->result.out.bytes);
	return NULL;
}

/* The tree, or NULL with words in *ret_problem. */
static struct stmt *read_tree(struct guard_arena *arena, const char *json, const char *text, size_t bytes, const char **ret_problem)
{
	struct stmt *s = guard_parse_json(arena, json, strlen(json), text, bytes);

	if (!s && strchr(json, '{') && !strstr(json, "\"Stmts\": []"))
		*ret_problem = "shfmt's answer has a form that is not known here";
	return s;
}

/* ------------------------------------------------------------------------------------------------ the choice */

/* Words without anything that bash would do something with. */
static bool is_plain(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!text[i] ||
		    !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+, \t=", text[i]))
			return false;
	return true;
}

/* Plain words, quotes without anything in them, and lists: no two readers differ about those. */
static bool is_simple(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (strchr("$`\\{}()[]#!", text[i]) || (text[i] == '<' && i + 1 < bytes && text[i + 1] == '<'))
			return false;
	return true;
}

static const char *with_line(struct guard_arena *arena, const char *text, const struct guard_reading *reading)
{
	char *words = guard_arena_alloc(arena, strlen(reading->problem) + 32);
	int line = 1;

	for (size_t i = 0; i < reading->problem_offset; i++)
		line += text[i] == '\n';
	sprintf(words, "line %d: %s", line, reading->problem);
	return words;
}

static bool is_for_shfmt(const char *text, size_t bytes)
{
	return bytes <= GUARD_PARSE_MAX && !is_plain(text, bytes);
}

struct guard_parser *guard_parser_begin(const char *text, size_t bytes)
{
	return is_for_shfmt(text, bytes) ? start_shfmt(text, bytes) : NULL;
}

/* By shfmt. *ret_problem: why it is NULL, if it should not be. */
static struct stmt *ask_shfmt(struct guard_arena *arena, struct guard_parser *p, const char *text, size_t bytes,
			      struct guard_parsing *parsing, const char **ret_problem)
{
	const char *json = take_json(arena, p, ret_problem);
	bool trusted = p->trusted;
	struct stmt *s;

	++*parsing->runs;
	parsing->parsed = true;
	parsing->took_us += p->result.took_us;
	/* Building the tree may jump out of here when memory ends. */
	if (p != parsing->parser)
		guard_parser_end(p);
	if (!json)
		return NULL;
	s = read_tree(arena, json, text, bytes, ret_problem);
	return *ret_problem || trusted ? s : with_own_reading(arena, text, bytes, s);
}

struct stmt *guard_parse(struct guard_arena *arena, const char *text, size_t bytes, struct guard_parsing *p)
{
	struct guard_reading reading;
	const char *problem = NULL;
	struct guard_parser *parser = p->parser;
	bool simple = is_simple(text, bytes);
	struct stmt *s;

	if (is_for_shfmt(text, bytes) && !(p->nested && simple) && *p->runs < GUARD_PARSE_RUNS) {
		if (p->without_parser)
			parser = NULL;
		else if (!parser || !parser->runs || parser->bytes != bytes || memcmp(parser->text, text, bytes))
			parser = start_shfmt(text, bytes);
		if (!parser) {
			p->problem = simple ? NULL : "shfmt is missing: install it (Debian: apt install shfmt)";
		} else {
			s = ask_shfmt(arena, parser, text, bytes, p, &problem);
			if (!problem)
				return s;
		}
	}
	s = guard_read(arena, text, bytes, &reading);
	if (reading.problem)
		p->problem = problem ? problem : with_line(arena, text, &reading);
	return s;
}
