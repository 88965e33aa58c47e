/* SPDX-License-Identifier: MIT */
#include "reader.h"

#include <string.h>

#include "libccm/macros.h"

#define DEPTH_MAX 100

struct pending {
	struct redirect *redirect;
	const char *delimiter;
	size_t bytes;
	bool quoted, strip_tabs;
	struct pending *next;
};

struct reader {
	struct guard_arena *arena;
	const char *text, *at, *end;
	int depth;
	struct pending *pending;
	struct guard_reading *reading;
};

static struct stmt *read_list(struct reader *r);
static struct stmt *read_command(struct reader *r);
static struct part *read_dollar(struct reader *r, bool in_double);
static void read_double_parts(struct reader *r, struct part **tail, char stop);

static void problem(struct reader *r, const char *what)
{
	if (!r->reading->problem) {
		r->reading->problem = what;
		r->reading->problem_offset = (size_t)(r->at - r->text);
	}
}

static bool enter(struct reader *r)
{
	if (r->depth >= DEPTH_MAX) {
		problem(r, "nested too deeply");
		r->at = r->end;
		return false;
	}
	r->depth++;
	return true;
}

static char peek(const struct reader *r, size_t ahead)
{
	return (size_t)(r->end - r->at) > ahead ? r->at[ahead] : '\0';
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
	return is_name_start(c) || is_digit(c);
}

bool guard_is_name(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!(i ? is_name_char(text[i]) : is_name_start(text[i])))
			return false;
	return bytes > 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool ends_word(const struct reader *r)
{
	return r->at >= r->end || is_blank(*r->at) || strchr("\n;&|<>()", *r->at) ||
	       (*r->at == '\r' && (r->at + 1 == r->end || r->at[1] == '\n'));
}

/* ------------------------------------------------------------------------------------------------ parts of words */

static struct part *add_part(struct reader *r, struct part ***tail, enum part_kind kind)
{
	struct part *p = GUARD_NEW(r->arena, struct part);

	p->kind = kind;
	**tail = p;
	*tail = &p->next;
	return p;
}

static void add_text(struct reader *r, struct part ***tail, enum part_kind kind, const char *text, size_t bytes)
{
	struct part *p;

	if (bytes == 0 && kind == PART_LITERAL)
		return;
	p = add_part(r, tail, kind);
	p->text = text;
	p->bytes = bytes;
}

static void append_part(struct part ***tail, struct part *p)
{
	if (p) {
		**tail = p;
		*tail = &p->next;
	}
}

/* A reader on another text, or on a part of this one, that shares nothing but the arena and the place for problems. */
static struct reader inner_reader(const struct reader *r, const char *text, size_t bytes, struct guard_reading *reading)
{
	return (struct reader){ .arena = r->arena, .text = text, .at = text, .end = text + bytes, .depth = r->depth,
				.reading = reading };
}

/* `..`: the commands between backquotes; \` \$ and \\ lose their backslash first. */
static struct part *read_backquotes(struct reader *r, bool in_double)
{
	const char *start = ++r->at;
	struct part *p = GUARD_NEW(r->arena, struct part);
	struct guard_reading reading = { 0 };
	struct reader inner;
	char *text;
	size_t n = 0;

	while (r->at < r->end && *r->at != '`')
		r->at += *r->at == '\\' && r->at + 1 < r->end ? 2 : 1;
	text = guard_arena_alloc(r->arena, (size_t)(r->at - start) + 1);
	for (const char *c = start; c < r->at; c++) {
		if (*c == '\\' && c + 1 < r->at && (strchr("`$\\", c[1]) || (in_double && c[1] == '"')))
			c++;
		text[n++] = *c;
	}
	if (r->at < r->end)
		r->at++;
	else
		problem(r, "a backquote is not closed");
	p->kind = PART_COMMAND;
	if (!enter(r))
		return p;
	inner = inner_reader(r, text, n, &reading);
	p->stmts = read_list(&inner);
	if (reading.problem || inner.at < inner.end)
		problem(r, reading.problem ? reading.problem : "unexpected ')'");
	r->depth--;
	return p;
}

/* Where the )) is that closes an arithmetic expression, or NULL if it is none. at: behind the "((". */
static const char *find_arith_end(const struct reader *r, const char *at)
{
	int depth = 0;

	for (; at < r->end; at++) {
		if (*at == '\\')
			at++;
		else if (*at == '(')
			depth++;
		else if (*at == ')' && depth > 0)
			depth--;
		else if (*at == ')')
			return at + 1 < r->end && at[1] == ')' ? at : NULL;
		else if (*at == '\n' && at + 1 < r->end && at[1] == '\n')
			return NULL;
	}
	return NULL;
}

static struct part *read_quoted_parts(struct reader *r, const char *text, size_t bytes)
{
	struct reader inner = inner_reader(r, text, bytes, r->reading);
	struct part *parts = NULL, **tail = &parts;

	if (!enter(&inner))
		return NULL;
	read_double_parts(&inner, tail, '\0');
	return parts;
}

static struct word *word_of_parts(struct reader *r, struct part *parts)
{
	struct word *w = GUARD_NEW(r->arena, struct word);

	w->parts = parts;
	return w;
}

static struct part *read_single(struct reader *r, bool dollar)
{
	struct part *p = GUARD_NEW(r->arena, struct part);
	const char *start = ++r->at;

	while (r->at < r->end && *r->at != '\'')
		r->at += dollar && *r->at == '\\' && r->at + 1 < r->end ? 2 : 1;
	p->kind = PART_SINGLE;
	p->dollar = dollar;
	p->text = start;
	p->bytes = (size_t)(r->at - start);
	if (r->at < r->end)
		r->at++;
	else
		problem(r, "a single quote is not closed");
	return p;
}

static struct part *read_double(struct reader *r, bool dollar)
{
	struct part *p = GUARD_NEW(r->arena, struct part);

	r->at++;
	p->kind = PART_DOUBLE;
	p->dollar = dollar;
	if (!enter(r))
		return p;
	read_double_parts(r, &p->parts, '"');
	r->depth--;
	if (r->at < r->end)
		r->at++;
	else
		problem(r, "a double quote is not closed");
	return p;
}

/* Up to stop, which is not consumed; '\0': to the end. */
static void read_double_parts(struct reader *r, struct part **tail, char stop)
{
	const char *start = r->at;

	while (r->at < r->end && (stop == '\0' || *r->at != stop)) {
		if (*r->at == '\\' && r->at + 1 < r->end) {
			r->at += 2;
		} else if (*r->at == '$' || *r->at == '`') {
			const char *here = r->at;
			struct part *p;

			add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
			p = *r->at == '`' ? read_backquotes(r, true) : read_dollar(r, true);
			append_part(&tail, p);
			start = r->at;
			if (!p) {
				start = here;
				r->at = here + 1;
			}
		} else {
			r->at++;
		}
	}
	add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
}

/* The argument of an operator in ${..}, up to an unquoted '}', or also up to stop. */
static struct word *read_param_word(struct reader *r, bool in_double, char stop)
{
	struct part *parts = NULL, **tail = &parts;
	const char *start = r->at;
	int braces = 0;

	while (r->at < r->end && !(braces == 0 && (*r->at == '}' || (stop && *r->at == stop)))) {
		struct part *p = NULL;
		const char *here = r->at;

		if (*r->at == '\\' && r->at + 1 < r->end) {
			r->at += 2;
			continue;
		}
		if (!(strchr("$`\"", *r->at) || (*r->at == '\'' && !in_double))) {
			braces += *r->at == '{' ? 1 : *r->at == '}' ? -1 : 0;
			r->at++;
			continue;
		}
		add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
		if (*r->at == '\'')
			p = read_single(r, false);
		else if (*r->at == '"')
			p = read_double(r, false);
		else
			p = *r->at == '`' ? read_backquotes(r, in_double) : read_dollar(r, in_double);
		append_part(&tail, p);
		start = r->at;
		if (!p) {
			start = here;
			r->at = here + 1;
		}
	}
	add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
	return word_of_parts(r, parts);
}

static const char *param_operator(struct reader *r)
{
	static const char *const operators[] = {
		":-", ":=", ":?", ":+", "-", "=", "?", "+", "##", "#", "%%", "%", "//", "/#", "/%", "/", "^^", "^", ",,", ",",
		"@", ":",
	};

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		size_t n = strlen(operators[i]);

		if ((size_t)(r->end - r->at) >= n && memcmp(r->at, operators[i], n) == 0) {
			r->at += n;
			return operators[i];
		}
	}
	return "";
}

static const char *read_param_name(struct reader *r)
{
	const char *start = r->at;

	if (r->at < r->end && is_name_start(*r->at))
		while (r->at < r->end && is_name_char(*r->at))
			r->at++;
	else if (r->at < r->end && is_digit(*r->at))
		while (r->at < r->end && is_digit(*r->at))
			r->at++;
	else if (r->at < r->end && strchr("@*#?$!-", *r->at))
		r->at++;
	return guard_arena_copy(r->arena, start, (size_t)(r->at - start));
}

static void read_param_index(struct reader *r, struct param *p)
{
	const char *start = ++r->at;
	int depth = 0;

	while (r->at < r->end && !(*r->at == ']' && depth == 0)) {
		depth += *r->at == '[' ? 1 : *r->at == ']' ? -1 : 0;
		r->at++;
	}
	if (r->at - start == 1 && (*start == '@' || *start == '*'))
		p->all = true;
	else
		p->index = word_of_parts(r, read_quoted_parts(r, start, (size_t)(r->at - start)));
	if (r->at < r->end)
		r->at++;
}

static void read_param_operator(struct reader *r, struct param *p, bool in_double)
{
	p->op = param_operator(r);
	if (!p->op[0])
		return;
	if (strcmp(p->op, ":") == 0) {
		p->arg = read_param_word(r, in_double, ':');
		if (peek(r, 0) == ':') {
			r->at++;
			p->arg2 = read_param_word(r, in_double, '\0');
		}
	} else if (p->op[0] == '/') {
		p->arg = read_param_word(r, false, '/');
		if (peek(r, 0) == '/') {
			r->at++;
			p->arg2 = read_param_word(r, false, '\0');
		}
	} else {
		p->arg = read_param_word(r, in_double && strchr(":-=?+", p->op[0]), '\0');
	}
}

/* ${..}; at stands on the '$'. */
static struct part *read_braced(struct reader *r, bool in_double)
{
	struct part *part = GUARD_NEW(r->arena, struct part);
	struct param *p = part->param = GUARD_NEW(r->arena, struct param);

	r->at += 2;
	part->kind = PART_PARAM;
	p->op = p->name = "";
	if (!enter(r))
		return part;
	if (peek(r, 0) == '#' && peek(r, 1) != '}' && !strchr("-+=?:%/", peek(r, 1))) {
		p->length = true;
		r->at++;
	} else if (peek(r, 0) == '!' && (is_name_char(peek(r, 1)) || strchr("@*#?$!", peek(r, 1))) && peek(r, 1)) {
		p->indirect = true;
		r->at++;
	}
	p->name = read_param_name(r);
	if (peek(r, 0) == '[')
		read_param_index(r, p);
	if (p->indirect && (peek(r, 0) == '*' || peek(r, 0) == '@') && peek(r, 1) == '}') {
		p->names = true;
		r->at++;
	}
	read_param_operator(r, p, in_double);
	while (r->at < r->end && *r->at != '}')
		r->at++;
	if (r->at < r->end)
		r->at++;
	else
		problem(r, "${ is not closed");
	r->depth--;
	return part;
}

static struct part *read_arith(struct reader *r, const char *end)
{
	struct part *p = GUARD_NEW(r->arena, struct part);

	p->kind = PART_ARITH;
	p->parts = read_quoted_parts(r, r->at, (size_t)(end - r->at));
	return p;
}

/* $(..), <(..), >(..); at stands behind the bracket. */
static void read_substitution(struct reader *r, struct part *p)
{
	if (!enter(r))
		return;
	p->stmts = read_list(r);
	r->depth--;
	if (peek(r, 0) == ')' && r->at < r->end)
		r->at++;
	else
		problem(r, "a substitution is not closed");
}

/* What begins with '$'; NULL, and nothing read, if it is only a dollar. */
static struct part *read_dollar(struct reader *r, bool in_double)
{
	char next = peek(r, 1);
	const char *end;
	struct part *p;

	if (next == '(') {
		end = peek(r, 2) == '(' ? find_arith_end(r, r->at + 3) : NULL;
		if (end) {
			r->at += 3;
			p = read_arith(r, end);
			r->at = end + 2;
			return p;
		}
		r->at += 2;
		p = GUARD_NEW(r->arena, struct part);
		p->kind = PART_COMMAND;
		read_substitution(r, p);
		return p;
	}
	if (next == '[') {
		end = memchr(r->at, ']', (size_t)(r->end - r->at));
		if (!end)
			return NULL;
		r->at += 2;
		p = read_arith(r, end);
		r->at = end + 1;
		return p;
	}
	if (next == '{')
		return read_braced(r, in_double);
	if (!in_double && (next == '\'' || next == '"')) {
		r->at++;
		return next == '"' ? read_double(r, true) : read_single(r, true);
	}
	if (next && (is_name_char(next) || strchr("@*#?$!-", next))) {
		p = GUARD_NEW(r->arena, struct part);
		p->kind = PART_PARAM;
		p->param = GUARD_NEW(r->arena, struct param);
		p->param->op = "";
		r->at++;
		if (is_digit(next))
			p->param->name = guard_arena_copy(r->arena, r->at++, 1);
		else
			p->param->name = read_param_name(r);
		return p;
	}
	return NULL;
}

/* Balanced brackets of an extended glob; at stands on its first character. */
static void skip_glob(struct reader *r)
{
	int depth = 0;

	for (; r->at < r->end; r->at++) {
		if (*r->at == '\\' && r->at + 1 < r->end)
			r->at++;
		else if (*r->at == '(')
			depth++;
		else if (*r->at == ')' && --depth == 0) {
			r->at++;
			return;
		}
	}
	problem(r, "an extended glob is not closed");
}

/* regex: the right side of =~, in which ( ) | < > mean nothing to the shell. */
static struct word *read_word(struct reader *r, bool regex)
{
	struct word *w = GUARD_NEW(r->arena, struct word);
	struct part **tail = &w->parts;
	const char *start = r->at;

	w->text = r->at;
	while (r->at < r->end) {
		struct part *p = NULL;
		const char *here = r->at;
		char c = *r->at;

		if (c == '\\') {
			r->at += r->at + 1 < r->end ? 2 : 1;
			continue;
		}
		if ((c == '<' || c == '>') && peek(r, 1) == '(') {
			add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
			p = add_part(r, &tail, PART_PROCESS);
			p->output = c == '>';
			r->at += 2;
			read_substitution(r, p);
			start = r->at;
			continue;
		}
		if (strchr("?*+@!", c) && peek(r, 1) == '(') {
			add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
			skip_glob(r);
			add_text(r, &tail, PART_GLOB, here, (size_t)(r->at - here));
			start = r->at;
			continue;
		}
		if (ends_word(r) && !(regex && strchr("()|<>&;", c)))
			break;
		if (!strchr("$`\"'", c)) {
			r->at++;
			continue;
		}
		add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
		if (c == '\'')
			p = read_single(r, false);
		else if (c == '"')
			p = read_double(r, false);
		else
			p = c == '`' ? read_backquotes(r, false) : read_dollar(r, false);
		append_part(&tail, p);
		start = r->at;
		if (!p) {
			start = here;
			r->at = here + 1;
		}
	}
	add_text(r, &tail, PART_LITERAL, start, (size_t)(r->at - start));
	w->bytes = (size_t)(r->at - w->text);
	return w;
}

/* ------------------------------------------------------------------------------------------------ blanks, lines, words */

static void read_heredocs(struct reader *r);

static void skip_blanks(struct reader *r)
{
	while (r->at < r->end) {
		if (is_blank(*r->at) || *r->at == '\r')
			r->at++;
		else if (*r->at == '\\' && peek(r, 1) == '\n')
			r->at += 2;
		else if (*r->at == '#')
			while (r->at < r->end && *r->at != '\n')
				r->at++;
		else
			return;
	}
}

static void skip_lines(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (peek(r, 0) != '\n' || r->at >= r->end)
			return;
		r->at++;
		read_heredocs(r);
	}
}

static bool at_text(const struct reader *r, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

/* A reserved word must stand alone. */
static bool at_keyword(const struct reader *r, const char *keyword)
{
	size_t n = strlen(keyword);
	const char *behind = r->at + n;

	if (!at_text(r, keyword))
		return false;
	return behind >= r->end || is_blank(*behind) || strchr("\n\r;&|<>()", *behind);
}

static bool take_keyword(struct reader *r, const char *keyword)
{
	skip_lines(r);
	if (!at_keyword(r, keyword))
		return false;
	r->at += strlen(keyword);
	return true;
}

static void expect_keyword(struct reader *r, const char *keyword)
{
	if (!take_keyword(r, keyword))
		problem(r, strcmp(keyword, "}") == 0 ? "'}' is missing"
						     : "a keyword is missing (then, do, done, fi, esac)");
}

static bool at_closing_keyword(const struct reader *r)
{
	static const char *const closing[] = { "then", "else", "elif", "fi", "do", "done", "esac", "}" };

	for (size_t i = 0; i < ARRAY_SIZE(closing); i++)
		if (at_keyword(r, closing[i]))
			return true;
	return false;
}

/* ------------------------------------------------------------------------------------------------ redirections */

/* What a here-document's delimiter is once its quotes are gone. */
static const char *unquoted(struct reader *r, const struct word *w, size_t *ret_bytes, bool *ret_quoted)
{
	char *text = guard_arena_alloc(r->arena, w->bytes + 1);
	size_t n = 0;

	*ret_quoted = false;
	for (size_t i = 0; i < w->bytes; i++) {
		char c = w->text[i];

		if (c == '\'' || c == '"' || c == '\\' ||
		    (c == '$' && i + 1 < w->bytes && strchr("'\"", w->text[i + 1]))) {
			*ret_quoted = true;
			if (c != '\\' || ++i >= w->bytes)
				continue;
			c = w->text[i];
		}
		text[n++] = c;
	}
	*ret_bytes = n;
	return text;
}

static struct word *heredoc_word(struct reader *r, const char *text, size_t bytes, bool quoted)
{
	struct word *w = GUARD_NEW(r->arena, struct word);
	struct part *p = w->parts = GUARD_NEW(r->arena, struct part);

	p->kind = quoted ? PART_SINGLE : PART_DOUBLE;
	p->text = text;
	p->bytes = bytes;
	if (!quoted)
		p->parts = read_quoted_parts(r, text, bytes);
	return w;
}

static void read_heredoc(struct reader *r, const struct pending *p)
{
	const char *start = r->at, *end = r->end;
	char *stripped = p->strip_tabs ? guard_arena_alloc(r->arena, (size_t)(r->end - r->at) + 1) : NULL;
	size_t n = 0;

	while (r->at < r->end) {
		const char *line = r->at, *stop = memchr(line, '\n', (size_t)(r->end - line));
		size_t bytes;

		if (p->strip_tabs)
			while (line < r->end && *line == '\t')
				line++;
		bytes = (size_t)((stop ? stop : r->end) - line);
		end = r->at;
		r->at = stop ? stop + 1 : r->end;
		if (bytes == p->bytes && memcmp(line, p->delimiter, bytes) == 0)
			break;
		/* shfmt and bash differ here; bash ends a command substitution's here-document at DELIMITER) too. */
		if (stripped) {
			size_t whole = (size_t)(r->at - line);

			memcpy(stripped + n, line, whole);
			n += whole;
		}
		end = r->at;
	}
	p->redirect->heredoc =
		heredoc_word(r, stripped ? stripped : start, stripped ? n : (size_t)(end - start), p->quoted);
}

/* The texts of the here-documents that began on the line before. */
static void read_heredocs(struct reader *r)
{
	while (r->pending) {
		struct pending *p = r->pending;

		r->pending = p->next;
		read_heredoc(r, p);
	}
}

static void await_heredoc(struct reader *r, struct redirect *redirect, bool strip_tabs)
{
	struct pending *p = GUARD_NEW(r->arena, struct pending), **tail = &r->pending;

	p->redirect = redirect;
	p->strip_tabs = strip_tabs;
	p->delimiter = unquoted(r, redirect->word, &p->bytes, &p->quoted);
	while (*tail)
		tail = &(*tail)->next;
	*tail = p;
}

/* How many bytes before the operator belong to a redirection at this place: "2" or "{fd}"; -1 if it is none. */
static int redirect_prefix(const struct reader *r)
{
	size_t n = 0;

	if (peek(r, 0) == '{') {
		for (n = 1; is_name_char(peek(r, n)); n++)
			;
		if (n == 1 || peek(r, n) != '}')
			return -1;
		n++;
	} else {
		while (n < 9 && is_digit(peek(r, n)))
			n++;
	}
	if (peek(r, n) == '<' || peek(r, n) == '>')
		return (peek(r, n + 1) == '(' && n == 0) ? -1 : (int)n;
	return n == 0 && peek(r, 0) == '&' && peek(r, 1) == '>' ? 0 : -1;
}

static enum redirect_op read_redirect_op(struct reader *r, bool *ret_strip)
{
	static const struct {
		const char *text;
		enum redirect_op op;
		bool strip;
	} ops[] = {
		{ "<<<", REDIRECT_HERESTRING, false }, { "<<-", REDIRECT_HEREDOC, true }, { "<<", REDIRECT_HEREDOC, false },
		{ "&>>", REDIRECT_BOTH_APPEND, false }, { "&>", REDIRECT_BOTH, false }, { ">>", REDIRECT_APPEND, false },
		{ ">|", REDIRECT_WRITE, false }, { "<>", REDIRECT_READ_WRITE, false }, { "<&", REDIRECT_DUP_IN, false },
		{ ">&", REDIRECT_DUP_OUT, false }, { "<", REDIRECT_READ, false }, { ">", REDIRECT_WRITE, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (at_text(r, ops[i].text)) {
			r->at += strlen(ops[i].text);
			*ret_strip = ops[i].strip;
			return ops[i].op;
		}
	return REDIRECT_READ;
}

static bool read_redirect(struct reader *r, struct redirect ***tail)
{
	int prefix = redirect_prefix(r);
	struct redirect *redirect;
	bool strip = false;

	if (prefix < 0)
		return false;
	redirect = GUARD_NEW(r->arena, struct redirect);
	redirect->fd = -1;
	if (prefix > 0 && *r->at == '{') {
		redirect->variable = guard_arena_copy(r->arena, r->at + 1, (size_t)prefix - 2);
	} else if (prefix > 0) {
		redirect->fd = 0;
		for (int i = 0; i < prefix; i++)
			redirect->fd = redirect->fd * 10 + (r->at[i] - '0');
	}
	r->at += prefix;
	redirect->op = read_redirect_op(r, &strip);
	skip_blanks(r);
	redirect->word = read_word(r, false);
	if (redirect->word->bytes == 0)
		problem(r, "a redirection has no target");
	if (redirect->op == REDIRECT_HEREDOC)
		await_heredoc(r, redirect, strip);
	**tail = redirect;
	*tail = &redirect->next;
	return true;
}

static void read_redirects(struct reader *r, struct stmt *s)
{
	struct redirect **tail = &s->redirects;

	while (*tail)
		tail = &(*tail)->next;
	do
		skip_blanks(r);
	while (read_redirect(r, &tail));
}

/* ------------------------------------------------------------------------------------------------ simple commands */

/* How long NAME=, NAME+= or NAME[..]= is at this place; 0: it is no assignment. */
static size_t assignment_prefix(const struct reader *r, size_t *ret_name)
{
	size_t n = 0;

	if (!is_name_start(peek(r, 0)))
		return 0;
	while (is_name_char(peek(r, n)))
		n++;
	*ret_name = n;
	if (peek(r, n) == '[') {
		int depth = 0;

		for (; r->at + n < r->end && r->at[n] != '\n'; n++) {
			depth += r->at[n] == '[' ? 1 : r->at[n] == ']' ? -1 : 0;
			if (depth == 0)
				break;
		}
		if (peek(r, n) != ']')
			return 0;
		n++;
	}
	if (peek(r, n) == '+' && peek(r, n + 1) == '=')
		return n + 2;
	return peek(r, n) == '=' ? n + 1 : 0;
}

static void read_elements(struct reader *r, struct assign *a)
{
	struct element **tail = &a->elements;

	r->at++;
	a->array = true;
	for (;;) {
		struct element *e;

		skip_lines(r);
		if (r->at >= r->end) {
			problem(r, "an array is not closed");
			return;
		}
		if (*r->at == ')') {
			r->at++;
			return;
		}
		e = GUARD_NEW(r->arena, struct element);
		if (*r->at == '[') {
			const char *start = r->at + 1, *stop = start;

			while (stop < r->end && *stop != ']' && *stop != '\n')
				stop++;
			if (stop + 1 < r->end && stop[1] == '=') {
				e->index = word_of_parts(r, read_quoted_parts(r, start, (size_t)(stop - start)));
				r->at = stop + 2;
			}
		}
		e->value = read_word(r, false);
		if (e->value->bytes == 0 && !e->index) {
			problem(r, "unexpected character in an array");
			r->at++;
		}
		*tail = e;
		tail = &e->next;
	}
}

static bool read_assignment(struct reader *r, struct assign ***tail)
{
	size_t name = 0, n = assignment_prefix(r, &name);
	struct assign *a;

	if (n == 0)
		return false;
	a = GUARD_NEW(r->arena, struct assign);
	a->name = guard_arena_copy(r->arena, r->at, name);
	a->append = r->at[n - 2] == '+';
	if (r->at[name] == '[')
		a->index = word_of_parts(
			r, read_quoted_parts(r, r->at + name + 1, n - name - 3 - (a->append ? 1 : 0) + 0));
	r->at += n;
	if (peek(r, 0) == '(')
		read_elements(r, a);
	else
		a->value = read_word(r, false);
	**tail = a;
	*tail = &a->next;
	return true;
}

static bool is_declaration(const struct word *w)
{
	static const char *const names[] = { "declare", "export", "local", "readonly", "typeset" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (w->bytes == strlen(names[i]) && memcmp(w->text, names[i], w->bytes) == 0)
			return true;
	return false;
}

static void add_naked(struct reader *r, struct assign ***tail, struct word *w)
{
	struct assign *a = GUARD_NEW(r->arena, struct assign);

	a->naked = true;
	if (guard_is_name(w->text, w->bytes))
		a->name = guard_arena_copy(r->arena, w->text, w->bytes);
	else
		a->value = w;
	**tail = a;
	*tail = &a->next;
}

static struct stmt *read_function_body(struct reader *r, struct stmt *s)
{
	s->kind = STMT_FUNCTION;
	skip_lines(r);
	s->body = read_command(r);
	if (!s->body)
		problem(r, "a function has no body");
	return s;
}

static struct stmt *read_simple(struct reader *r, struct stmt *s)
{
	struct assign **assigns = &s->assigns;
	struct redirect **redirects = &s->redirects;
	struct word **words = &s->words;

	s->kind = STMT_SIMPLE;
	for (;;) {
		struct word *w;

		skip_blanks(r);
		if (read_redirect(r, &redirects))
			continue;
		if (r->at >= r->end || (ends_word(r) && !((*r->at == '<' || *r->at == '>') && peek(r, 1) == '(')))
			break;
		if ((!s->words || s->kind == STMT_DECLARE) && read_assignment(r, &assigns))
			continue;
		w = read_word(r, false);
		if (w->bytes == 0)
			break;
		if (s->kind == STMT_DECLARE) {
			add_naked(r, &assigns, w);
			continue;
		}
		*words = w;
		words = &w->next;
		if (w == s->words && !s->assigns && is_declaration(w)) {
			s->kind = STMT_DECLARE;
			continue;
		}
		if (w == s->words && !s->assigns && !s->redirects) {
			skip_blanks(r);
			if (peek(r, 0) == '(') {
				const char *here = r->at++;

				skip_blanks(r);
				if (peek(r, 0) == ')') {
					r->at++;
					s->name = guard_arena_copy(r->arena, w->text, w->bytes);
					s->words = NULL;
					return read_function_body(r, s);
				}
				r->at = here;
			}
		}
	}
	return s->words || s->assigns || s->redirects ? s : NULL;
}

/* ------------------------------------------------------------------------------------------------ compound commands */

static struct stmt *read_if(struct reader *r, struct stmt *s)
{
	s->kind = STMT_IF;
	s->cond = read_list(r);
	expect_keyword(r, "then");
	s->body = read_list(r);
	if (take_keyword(r, "elif")) {
		if (!enter(r))
			return s;
		s->orelse = read_if(r, GUARD_NEW(r->arena, struct stmt));
		r->depth--;
		return s;
	}
	if (take_keyword(r, "else"))
		s->orelse = read_list(r);
	expect_keyword(r, "fi");
	return s;
}

static void read_do(struct reader *r, struct stmt *s)
{
	skip_lines(r);
	if (peek(r, 0) == ';')
		r->at++;
	if (take_keyword(r, "{")) {
		s->body = read_list(r);
		expect_keyword(r, "}");
		return;
	}
	expect_keyword(r, "do");
	s->body = read_list(r);
	expect_keyword(r, "done");
}

/* for ((a; b; c)); at stands on the brackets. */
static bool read_for_arith(struct reader *r, struct stmt *s)
{
	const char *end = find_arith_end(r, r->at + 2);
	struct word **tail = &s->words;

	if (!end)
		return false;
	s->kind = STMT_FOR_ARITH;
	for (const char *start = r->at + 2; start <= end;) {
		const char *stop = memchr(start, ';', (size_t)(end - start));

		if (!stop)
			stop = end;
		*tail = word_of_parts(r, read_quoted_parts(r, start, (size_t)(stop - start)));
		tail = &(*tail)->next;
		start = stop + 1;
	}
	r->at = end + 2;
	read_do(r, s);
	return true;
}

static struct stmt *read_for(struct reader *r, struct stmt *s)
{
	struct word **tail = &s->words, *w;

	s->kind = STMT_FOR;
	skip_blanks(r);
	if (at_text(r, "((") && read_for_arith(r, s))
		return s;
	w = read_word(r, false);
	s->name = guard_arena_copy(r->arena, w->text, w->bytes);
	if (w->bytes == 0)
		problem(r, "'for' has no variable");
	if (take_keyword(r, "in")) {
		s->has_words = true;
		for (;;) {
			skip_blanks(r);
			if (ends_word(r) && !(peek(r, 0) == '<' && peek(r, 1) == '('))
				break;
			w = read_word(r, false);
			*tail = w;
			tail = &w->next;
		}
	}
	read_do(r, s);
	return s;
}

static struct arm *read_arm(struct reader *r)
{
	struct arm *arm = GUARD_NEW(r->arena, struct arm);
	struct word **tail = &arm->patterns;

	if (peek(r, 0) == '(')
		r->at++;
	for (;;) {
		struct word *w;

		skip_lines(r);
		w = read_word(r, false);
		*tail = w;
		tail = &w->next;
		skip_blanks(r);
		if (peek(r, 0) != '|' || w->bytes == 0)
			break;
		r->at++;
	}
	if (peek(r, 0) != ')' || r->at >= r->end) {
		problem(r, "')' is missing in a case");
		return NULL;
	}
	r->at++;
	arm->body = read_list(r);
	skip_lines(r);
	if (at_text(r, ";;&"))
		r->at += 3;
	else if (at_text(r, ";;") || at_text(r, ";&"))
		r->at += 2;
	return arm;
}

static struct stmt *read_case(struct reader *r, struct stmt *s)
{
	struct arm **tail = &s->arms;

	s->kind = STMT_CASE;
	skip_blanks(r);
	s->words = read_word(r, false);
	expect_keyword(r, "in");
	for (;;) {
		struct arm *arm;

		skip_lines(r);
		if (r->at >= r->end || at_keyword(r, "esac"))
			break;
		arm = read_arm(r);
		if (!arm)
			break;
		*tail = arm;
		tail = &arm->next;
	}
	expect_keyword(r, "esac");
	return s;
}

/* [[ .. ]]: nothing in it runs but substitutions, so the words are enough. */
static struct stmt *read_test(struct reader *r, struct stmt *s)
{
	struct word **tail = &s->words;
	bool regex = false;

	s->kind = STMT_TEST;
	for (;;) {
		struct word *w;

		skip_lines(r);
		if (r->at >= r->end) {
			problem(r, "[[ is not closed");
			break;
		}
		if (at_keyword(r, "]]")) {
			r->at += 2;
			break;
		}
		if (ends_word(r) && !regex) {
			r->at++;
			continue;
		}
		w = read_word(r, regex);
		if (w->bytes == 0)
			r->at++;
		regex = w->bytes == 2 && memcmp(w->text, "=~", 2) == 0;
		*tail = w;
		tail = &w->next;
	}
	return s;
}

static struct stmt *read_arith_command(struct reader *r, struct stmt *s, const char *end)
{
	s->kind = STMT_ARITH;
	r->at += 2;
	s->words = word_of_parts(r, read_quoted_parts(r, r->at, (size_t)(end - r->at)));
	r->at = end + 2;
	return s;
}

static struct stmt *read_subshell(struct reader *r, struct stmt *s)
{
	s->kind = STMT_SUBSHELL;
	r->at++;
	s->body = read_list(r);
	skip_lines(r);
	if (peek(r, 0) == ')' && r->at < r->end)
		r->at++;
	else
		problem(r, "')' is missing");
	return s;
}

static struct stmt *read_pipeline(struct reader *r);

static struct stmt *read_keyword_command(struct reader *r, struct stmt *s)
{
	if (take_keyword(r, "if"))
		return read_if(r, s);
	if (take_keyword(r, "while") || take_keyword(r, "until")) {
		s->kind = STMT_LOOP;
		s->cond = read_list(r);
		read_do(r, s);
		return s;
	}
	if (take_keyword(r, "for") || take_keyword(r, "select"))
		return read_for(r, s);
	if (take_keyword(r, "case"))
		return read_case(r, s);
	if (take_keyword(r, "[["))
		return read_test(r, s);
	if (take_keyword(r, "{")) {
		s->kind = STMT_BLOCK;
		s->body = read_list(r);
		expect_keyword(r, "}");
		return s;
	}
	if (take_keyword(r, "function")) {
		struct word *w;

		skip_blanks(r);
		w = read_word(r, false);
		s->name = guard_arena_copy(r->arena, w->text, w->bytes);
		skip_blanks(r);
		if (peek(r, 0) == '(') {
			r->at++;
			skip_blanks(r);
			if (peek(r, 0) == ')')
				r->at++;
		}
		return read_function_body(r, s);
	}
	if (take_keyword(r, "coproc")) {
		const char *here;
		struct word *w;

		s->kind = STMT_COPROC;
		skip_blanks(r);
		here = r->at;
		w = read_word(r, false);
		skip_blanks(r);
		if (guard_is_name(w->text, w->bytes) && (peek(r, 0) == '(' || at_keyword(r, "{")))
			s->name = guard_arena_copy(r->arena, w->text, w->bytes);
		else
			r->at = here;
		s->body = read_command(r);
		return s;
	}
	return NULL;
}

/* One command with its redirections; NULL if there is none at this place. */
static struct stmt *read_command(struct reader *r)
{
	struct stmt *s = GUARD_NEW(r->arena, struct stmt), *done = NULL;
	const char *end;

	skip_blanks(r);
	if (r->at >= r->end || !enter(r))
		return NULL;
	s->text = r->at;
	if (at_text(r, "((") && (end = find_arith_end(r, r->at + 2)))
		done = read_arith_command(r, s, end);
	else if (*r->at == '(')
		done = read_subshell(r, s);
	else if (!at_closing_keyword(r))
		done = read_keyword_command(r, s);
	if (done && done->kind != STMT_FUNCTION)
		read_redirects(r, done);
	if (!done && !at_closing_keyword(r))
		done = read_simple(r, s);
	r->depth--;
	if (done)
		done->bytes = (size_t)(r->at - done->text);
	return done;
}

/* ------------------------------------------------------------------------------------------------ lists */

static void skip_time_options(struct reader *r)
{
	skip_blanks(r);
	while (at_keyword(r, "-p") || at_keyword(r, "--")) {
		r->at += 2;
		skip_blanks(r);
	}
}

static struct stmt *joined(struct reader *r, struct stmt *first, enum stmt_kind kind)
{
	struct stmt *s = GUARD_NEW(r->arena, struct stmt);

	s->kind = kind;
	s->text = first->text;
	s->body = first;
	return s;
}

static enum stmt_join take_pipe(struct reader *r)
{
	skip_blanks(r);
	if (at_text(r, "|&")) {
		r->at += 2;
		return JOIN_PIPE_ALL;
	}
	if (peek(r, 0) == '|' && peek(r, 1) != '|') {
		r->at++;
		return JOIN_PIPE;
	}
	return JOIN_NONE;
}

static enum stmt_join take_and_or(struct reader *r)
{
	enum stmt_join join;

	skip_blanks(r);
	join = at_text(r, "&&") ? JOIN_AND : at_text(r, "||") ? JOIN_OR : JOIN_NONE;
	if (join != JOIN_NONE)
		r->at += 2;
	return join;
}

/* One of them alone, or all of them in one statement of that kind. */
static struct stmt *read_joined(struct reader *r, enum stmt_kind kind, struct stmt *(*read_one)(struct reader *r),
				enum stmt_join (*take_join)(struct reader *r))
{
	struct stmt *first = read_one(r), *last = first, *whole = first;
	enum stmt_join join;

	if (!first)
		return NULL;
	while ((join = take_join(r)) != JOIN_NONE) {
		struct stmt *next;

		skip_lines(r);
		next = read_one(r);
		if (!next) {
			problem(r, "nothing follows '|', '&&' or '||'");
			break;
		}
		if (whole == first)
			whole = joined(r, first, kind);
		next->join = join;
		last->next = next;
		last = next;
	}
	whole->bytes = (size_t)(r->at - whole->text);
	return whole;
}

static struct stmt *read_pipeline(struct reader *r)
{
	struct stmt *whole;
	bool negated = false, timed = false;

	skip_blanks(r);
	while (at_keyword(r, "!") || at_keyword(r, "time")) {
		if (*r->at == '!') {
			r->at++;
			negated = !negated;
			skip_blanks(r);
		} else {
			r->at += 4;
			timed = true;
			skip_time_options(r);
		}
	}
	whole = read_joined(r, STMT_PIPE, read_command, take_pipe);
	if (!whole)
		return NULL;
	if (timed) {
		size_t bytes = whole->bytes;

		whole = joined(r, whole, STMT_TIME);
		whole->bytes = bytes;
	}
	whole->negated = negated;
	return whole;
}

static struct stmt *read_and_or(struct reader *r)
{
	return read_joined(r, STMT_AND_OR, read_pipeline, take_and_or);
}

/* Commands up to a closing bracket or keyword, which is left for the caller; at the outermost level there is none that
 * could be meant, so it is passed over. */
static struct stmt *read_list(struct reader *r)
{
	struct stmt *first = NULL, **tail = &first;
	bool outermost = r->depth == 0;

	for (;;) {
		struct stmt *s;

		skip_lines(r);
		if (r->at >= r->end)
			return first;
		s = read_and_or(r);
		if (s) {
			*tail = s;
			tail = &s->next;
			skip_blanks(r);
			if (peek(r, 0) == '&' && peek(r, 1) != '&' && r->at < r->end) {
				s->background = true;
				r->at++;
				continue;
			}
			if (peek(r, 0) == ';' && peek(r, 1) != ';' && peek(r, 1) != '&') {
				r->at++;
				continue;
			}
			if (r->at >= r->end || *r->at == '\n')
				continue;
			if (*r->at == '(' ) {
				problem(r, "unexpected '('");
				r->at++;
				continue;
			}
		}
		if (!outermost)
			return first;
		if (r->at < r->end) {
			problem(r, "unexpected word or operator");
			if (at_closing_keyword(r))
				while (!ends_word(r))
					r->at++;
			else
				r->at++;
		}
	}
}

struct stmt *guard_read(struct guard_arena *arena, const char *text, size_t bytes, struct guard_reading *ret)
{
	struct reader r = { .arena = arena, .text = text, .at = text, .end = text + bytes, .reading = ret };

	*ret = (struct guard_reading){ 0 };
	return read_list(&r);
}

struct word *guard_read_quoted(struct guard_arena *arena, const char *text, size_t bytes)
{
	struct guard_reading reading = { 0 };
	struct reader r = { .arena = arena, .reading = &reading };

	return word_of_parts(&r, read_quoted_parts(&r, text, bytes));
}

struct part *guard_read_dollar(struct guard_arena *arena, const char *text, size_t bytes, bool in_double)
{
	struct guard_reading reading = { 0 };
	struct reader r = { .arena = arena, .text = text, .at = text, .end = text + bytes, .reading = &reading };

	if (bytes > 0 && *text == '`')
		return read_backquotes(&r, in_double);
	return bytes > 0 ? read_dollar(&r, in_double) : NULL;
}
