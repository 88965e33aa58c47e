/* SPDX-License-Identifier: MIT */
/* One-liners in other languages, read conservatively: a text is taken apart into names, strings and signs of that
 * language, and only calls that are known to start programs or to change files count. A string that is printed, compared
 * or stored is data. os.remove("x") becomes `rm x`, os.system(s) what s runs. */
#include "shell.h"

#include <ctype.h>
#include <string.h>

#include "libccm/macros.h"
#include "path.h"
#include "reader.h"

#define DEPTH_MAX 40
#define MODULE (1u << 17)        /* beside enum guard_taint: what require() or import gave */

enum language { PYTHON, PERL, RUBY, JAVASCRIPT, PHP, LUA, AWK, OTHER };

enum token { END, NAME, STRING, COMMAND, NUMBER, SIGN };

struct variable {
	const char *name;
	struct guard_value value;
	struct values items;         /* of a list */
	bool is_list;
	struct variable *next;
};

/* import subprocess as s */
struct renamed {
	const char *name, *real;
	struct renamed *next;
};

struct reading {
	struct shell *sh;
	struct emitted *self;
	const char *program;
	enum language language;
	const char *at, *end;
	enum token token;            /* the current one, and what it holds */
	struct guard_value value;
	char sign;
	bool after_value;            /* the token before could end an expression: a slash divides */
	bool line_before;            /* a line end stands before the current token */
	struct variable *variables;
	struct renamed *renamed;
	const char *name_before;     /* the name before the current one */
	struct text printed;
	bool prints_known, prints;
	bool recursive, sends, secret, environment, socket, shell_word, forks, loops;
	bool passes_eval;             /* .then(eval) */
	bool bare_subprocess;         /* from subprocess import ... */
	unsigned depth;
};

struct term {
	struct guard_value value;
	struct values items;         /* of a list */
	bool is_list;
};

static struct term read_expression(struct reading *r);
static struct variable *set_variable(struct reading *r, const char *name, const struct guard_value *v);
static void do_eval(struct reading *r, const struct guard_value *text);

/* ------------------------------------------------------------------------------------------------ tokens */

static char ahead(const struct reading *r, size_t n)
{
	return (size_t)(r->end - r->at) > n ? r->at[n] : '\0';
}

static bool is_name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

static bool begins(const struct reading *r, const char *text)
{
	size_t n = strlen(text);

	return (size_t)(r->end - r->at) >= n && memcmp(r->at, text, n) == 0;
}

static void skip_to(struct reading *r, const char *text)
{
	while (r->at < r->end && !begins(r, text))
		r->at++;
	if (r->at < r->end)
		r->at += strlen(text);
}

static void skip_blanks(struct reading *r)
{
	for (;;) {
		while (r->at < r->end && isspace((unsigned char)*r->at)) {
			r->line_before |= *r->at == '\n';
			r->at++;
		}
		if (r->language == LUA && begins(r, "--"))
			skip_to(r, "\n");
		else if ((r->language == JAVASCRIPT || r->language == PHP || r->language == OTHER) && begins(r, "/*"))
			skip_to(r, "*/");
		else if ((r->language == JAVASCRIPT || r->language == PHP) && begins(r, "//"))
			skip_to(r, "\n");
		else if (r->language != JAVASCRIPT && r->language != LUA && ahead(r, 0) == '#' && r->at < r->end)
			skip_to(r, "\n");
		else
			return;
		r->line_before = true;
	}
}

static const struct variable *variable_named(const struct reading *r, const char *name, size_t bytes)
{
	for (const struct variable *v = r->variables; v; v = v->next)
		if (strlen(v->name) == bytes && memcmp(v->name, name, bytes) == 0)
			return v;
	return NULL;
}

static const struct guard_value *variable(const struct reading *r, const char *name, size_t bytes)
{
	const struct variable *v = variable_named(r, name, bytes);

	return v ? &v->value : NULL;
}

/* $x and the like within a string; returns how many bytes it takes, 0 if there is none. */
static size_t add_interpolated(struct reading *r, struct text *t, const char *at, const char *end, bool formatted)
{
	bool sigil = r->language == PERL || r->language == PHP, braces = false;
	const struct guard_value *v;
	const char *start = at, *stop;

	if (sigil && (*at == '$' || (*at == '@' && r->language == PERL)) && at + 1 < end &&
	    (is_name_char(at[1]) || at[1] == '{'))
		at++;
	else if (r->language == RUBY && *at == '#' && at + 1 < end && at[1] == '{')
		at++;
	else if (r->language == JAVASCRIPT && formatted && *at == '$' && at + 1 < end && at[1] == '{')
		at++;
	else if (!(r->language == PYTHON && formatted && *at == '{' && at + 1 < end && at[1] != '{'))
		return 0;
	if (at < end && *at == '{') {
		braces = true;
		at++;
	}
	for (stop = at; stop < end && is_name_char(*stop); stop++)
		;
	v = variable(r, at, (size_t)(stop - at));
	if (v)
		text_add_value(t, v);
	else
		text_addc(t, GUARD_UNKNOWN);
	if (braces) {
		while (stop < end && *stop != '}')
			stop++;
		stop += stop < end;
	}
	return (size_t)(stop - start);
}

/* A string that ends with close (opened by open, which may nest where they differ). */
static void read_string(struct reading *r, char open, char close, bool raw, bool formatted, size_t triple)
{
	struct text t = TEXT(r->sh);
	int depth = 0;
	size_t n;

	while (r->at < r->end) {
		if (open != close && *r->at == open)
			depth++;
		if (*r->at == close && (triple == 1 || (ahead(r, 1) == close && ahead(r, 2) == close)) &&
		    depth-- == 0) {
			r->at += triple;
			break;
		}
		if (*r->at == '\\' && r->at + 1 < r->end && !(raw && close != '\'' && ahead(r, 1) != close)) {
			bool simple =
				close == '\'' && (r->language == PERL || r->language == RUBY || r->language == PHP);

			n = ahead(r, 1) == 'x'			  ? 4
			    : ahead(r, 1) == 'u'		  ? 6
			    : isdigit((unsigned char)ahead(r, 1)) ? 4
								  : 2;
			for (size_t k = 2; k < n; k++)
				if (!isxdigit((unsigned char)ahead(r, k)))
					n = k;
			if (simple || raw) {
				if (raw || !strchr("\\'", ahead(r, 1)))
					text_addc(&t, '\\');
				text_addc(&t, ahead(r, 1));
				n = 2;
			} else if (ahead(r, 1) != '\n') {
				text_add_unescaped(&t, r->at, n, true);
			}
			r->at += n;
		} else if ((close != '\'' || formatted) &&
			   (n = add_interpolated(r, &t, r->at, r->end, formatted)) > 0) {
			r->at += n;
		} else {
			text_addc(&t, *r->at++);
		}
	}
	r->value = text_take(&t);
}

/* q(..), qq{..}, qx/../, %q(..), %x(..), %w(..): the letter says what it is. */
static bool read_quote_operator(struct reading *r)
{
	const char *at = r->at;
	char kind = '\0', open;

	if (r->language == PERL && *at == 'q') {
		at++;
		kind = at < r->end && strchr("qxw", *at) ? *at++ : 'q';
	} else if (r->language == RUBY && *at == '%' && at + 1 < r->end && strchr("qQxwi({[", at[1])) {
		at++;
		kind = strchr("({[", *at) ? 'q' : *at++;
	} else {
		return false;
	}
	while (at < r->end && *at == ' ')
		at++;
	if (at >= r->end || is_name_char(*at) || isspace((unsigned char)*at) || strchr(",;)=", *at))
		return false;
	open = *at;
	r->at = at + 1;
	read_string(r, open,
		    open == '('	  ? ')'
		    : open == '{' ? '}'
		    : open == '[' ? ']'
		    : open == '<' ? '>'
				  : open,
		    false, false, 1);
	r->token = kind == 'x' ? COMMAND : STRING;
	return true;
}

/* Perl's s/x/y/, m/x/, tr/x/y/: patterns, not code, but for the second half of s///e. */
static bool read_perl_pattern(struct reading *r)
{
	size_t name = begins(r, "tr") ? 2 : 1;
	struct guard_value half = value_unknown(0);
	const char *flags;
	char open, close;
	bool two;

	if (r->language != PERL || !(begins(r, "tr") || (*r->at && strchr("smy", *r->at))) || r->after_value)
		return false;
	open = ahead(r, name);
	if (!open || !strchr("/|{!#,~", open) || (open == ',' && *r->at != 's'))
		return false;
	two = *r->at != 'm';
	close = open == '{' ? '}' : open;
	r->at += name + 1;
	read_string(r, open, close, true, false, 1);
	if (two) {
		if (open == '{')
			while (r->at < r->end && *r->at++ != '{')
				;
		read_string(r, open, close, true, false, 1);
		half = r->value;
	}
	for (flags = r->at; r->at < r->end && isalpha((unsigned char)*r->at); r->at++)
		;
	r->value = value_unknown(0);
	r->token = STRING;
	if (two && memchr(flags, 'e', (size_t)(r->at - flags)))
		do_eval(r, &half);
	return true;
}

static bool read_prefixed_string(struct reading *r)
{
	size_t n = 0;
	bool raw = false, formatted = false;

	while (n < 2 && strchr("rbfuRBFU", ahead(r, n)) && ahead(r, n)) {
		raw |= tolower(ahead(r, n)) == 'r';
		formatted |= tolower(ahead(r, n)) == 'f';
		n++;
	}
	if (ahead(r, n) != '"' && ahead(r, n) != '\'')
		return false;
	r->at += n;
	n = ahead(r, 1) == *r->at && ahead(r, 2) == *r->at ? 3 : 1;
	r->at += n;
	read_string(r, r->at[-1], r->at[-1], raw, formatted, n);
	r->token = STRING;
	return true;
}

/* A name with all that is joined to it: os.path.join, File::Path::rmtree, $x->y. */
static void read_name(struct reading *r)
{
	const char *start = r->at;

	if (strchr("$@%", *r->at))
		r->at++;
	for (;;) {
		while (r->at < r->end && (is_name_char(*r->at) || (*r->at == '$' && r->language == JAVASCRIPT)))
			r->at++;
		if (r->language == PHP && ahead(r, 0) == '\\' && is_name_char(ahead(r, 1)))
			r->at++;
		else if (ahead(r, 0) == '.' &&
			 (is_name_char(ahead(r, 1)) || (ahead(r, 1) == '$' && r->language == JAVASCRIPT)) &&
			 r->language != PERL && r->language != PHP && r->language != AWK)
			r->at++;
		else if ((begins(r, "::") || begins(r, "->")) && is_name_char(ahead(r, 2)))
			r->at += 2;
		else if (begins(r, "?.") && is_name_char(ahead(r, 2)))
			r->at += 2;
		else
			break;
	}
	if ((ahead(r, 0) == '!' || ahead(r, 0) == '?') && r->language == RUBY && ahead(r, 1) != '=')
		r->at++;
	r->value = value_copy(r->sh->walk->arena, start, (size_t)(r->at - start));
	r->token = NAME;
}

static void next(struct reading *r)
{
	r->line_before = false;
	skip_blanks(r);
	r->sign = '\0';
	if (r->at >= r->end) {
		r->token = END;
		return;
	}
	if (r->language == PYTHON && read_prefixed_string(r)) {
		r->after_value = true;
		return;
	}
	if (read_quote_operator(r) || read_perl_pattern(r)) {
		r->after_value = true;
		return;
	}
	if (*r->at == '"' || *r->at == '\'' || *r->at == '`') {
		char quote = *r->at++;

		read_string(r, quote, quote, false, quote == '`', 1);
		r->token = quote == '`' && r->language != JAVASCRIPT && r->language != PYTHON ? COMMAND : STRING;
		r->after_value = true;
		return;
	}
	if (isdigit((unsigned char)*r->at)) {
		const char *start = r->at;

		while (r->at < r->end && (is_name_char(*r->at) || *r->at == '.'))
			r->at++;
		r->value = value_copy(r->sh->walk->arena, start, (size_t)(r->at - start));
		r->token = NUMBER;
		r->after_value = true;
		return;
	}
	if (is_name_char(*r->at) || (strchr("$@", *r->at) && is_name_char(ahead(r, 1))) ||
	    (*r->at == '$' && ahead(r, 1) == '`')) {
		read_name(r);
		r->after_value = true;
		return;
	}
	if (*r->at == '/' && !r->after_value && r->language != PYTHON && r->language != LUA) {
		/* A regular expression. */
		for (r->at++; r->at < r->end && *r->at != '/' && *r->at != '\n'; r->at++)
			r->at += *r->at == '\\' && r->at + 1 < r->end;
		r->at += r->at < r->end;
		r->value = value_unknown(0);
		r->token = STRING;
		r->after_value = true;
		return;
	}
	r->token = SIGN;
	r->sign = *r->at++;
	r->after_value = r->sign == ')' || r->sign == ']' || r->sign == '}';
}

static bool at_sign(const struct reading *r, char c)
{
	return r->token == SIGN && r->sign == c;
}

static const char *last_part(const char *name)
{
	const char *last = name;

	for (const char *c = name; *c; c++)
		if (strchr(".:>\\$", *c))
			last = c + 1;
	return last;
}

/* ------------------------------------------------------------------------------------------------ effects */

static void do_words(struct reading *r, struct guard_value *words, size_t count)
{
	struct shell sub = subshell_of(r->sh);

	drop_read_texts(&sub);
	if (count > 0 && step(r->sh))
		run_under(&sub, words, count, r->self, r->program, GUARD_FROM_CODE);
}

static void do_shell(struct reading *r, const struct guard_value *text)
{
	struct shell sub = subshell_of(r->sh);

	sub.flags |= GUARD_FROM_CODE;
	run_process(&sub, text, r->program, r->self);
}

static void do_path(struct reading *r, const char *program, const char *options, const struct term *args, size_t count)
{
	struct values words = VALUES(r->sh);

	values_add(&words, value_of(program));
	if (options)
		values_add(&words, value_of(options));
	for (size_t i = 0; i < count; i++)
		if (args[i].is_list)
			for (size_t k = 0; k < args[i].items.count; k++)
				values_add(&words, args[i].items.items[k]);
		else
			values_add(&words, args[i].value);
	do_words(r, words.items, words.count);
}

/* A command without words: it only opens the file for writing. */
static void do_write(struct reading *r, const struct guard_value *path, const struct guard_value *text, bool append)
{
	struct shell sub = subshell_of(r->sh);
	struct guard_redirect *redirect = GUARD_NEW(r->sh->walk->arena, struct guard_redirect);

	*redirect = (struct guard_redirect){ .fd = 1, .kind = append ? GUARD_APPEND : GUARD_WRITE, .target = *path };
	sub.redirects = redirect;
	sub.redirect_count = 1;
	sub.flags |= GUARD_FROM_CODE;
	sub.runs_in = r->self;
	sub.via = r->program;
	emit(&sub, NULL, 0);
	file_write(r->sh, path->text, text, append);
}

static struct guard_value do_read(struct reading *r, const struct guard_value *path)
{
	struct guard_value v = file_read(r->sh, path->text), words[2] = { value_of("cat"), *path }, *kept;

	if (v.taint & GUARD_TAINT_SECRET) {
		struct shell sub = subshell_of(r->sh);

		r->secret = true;
		kept = GUARD_NEWN(r->sh->walk->arena, struct guard_value, 2);
		memcpy(kept, words, sizeof words);
		sub.fds[1] = (struct fd){ .kind = FD_NULL };
		run_under(&sub, kept, 2, r->self, r->program, GUARD_FROM_CODE);
	}
	r->environment |= (v.taint & GUARD_TAINT_ENV) != 0;
	return v;
}

static void judge_code(struct shell *sh, const struct guard_value *text, struct emitted *self)
{
	const char *what = joined_words(sh, self->command.words, self->command.count);

	if (text->taint & GUARD_TAINT_NETWORK)
		add_fact(sh, GUARD_FACT_RUNS_DOWNLOAD, self, what);
	else if (text->taint & GUARD_TAINT_DECODED)
		add_fact(sh, GUARD_FACT_RUNS_DECODED, self, what);
	else if (value_is_unknown(text))
		add_fact(sh, GUARD_FACT_RUNS_UNKNOWN, self, what);
}

static void read_code(struct shell *sh, enum language language, const char *program, const struct guard_value *text,
		      struct emitted *self, struct guard_value *ret_printed);

static void do_eval(struct reading *r, const struct guard_value *text)
{
	struct guard_value printed;

	/* eval of what the program itself computed is everyday life; of what came from outside or was hidden it is not. */
	if (text->taint & (GUARD_TAINT_NETWORK | GUARD_TAINT_DECODED))
		judge_code(r->sh, text, r->self);
	if (!value_is_unknown(text) && text->bytes > 0 && step(r->sh) && r->sh->walk->texts < GUARD_DEPTH_MAX) {
		r->sh->walk->texts++;
		read_code(r->sh, r->language, r->program, text, r->self, &printed);
		r->sh->walk->texts--;
	}
}

/* ------------------------------------------------------------------------------------------------ calls */

static struct guard_value decoded(struct reading *r, const struct guard_value *text,
				  void (*decode)(struct text *t, const char *bytes, size_t n))
{
	struct text t = TEXT(r->sh);

	if (!text->known)
		return value_unknown(text->taint | GUARD_TAINT_DECODED);
	decode(&t, text->text, text->bytes);
	t.taint = text->taint | GUARD_TAINT_DECODED;
	return text_take(&t);
}

static struct guard_value with_home(struct reading *r, const struct guard_value *path)
{
	struct text t = TEXT(r->sh);
	struct guard_value rest = *path, home = var_value(r->sh, "HOME");

	if (path->text[0] != '~')
		return *path;
	rest = value_from(path, 1);
	text_add_value(&t, &home);
	text_add_value(&t, &rest);
	return text_take(&t);
}

static struct guard_value joined_path(struct reading *r, const struct term *args, size_t count)
{
	struct text t = TEXT(r->sh);

	for (size_t i = 0; i < count; i++) {
		if (args[i].value.text[0] == '/')
			text_clear(&t);
		else if (i > 0 && t.bytes > 0 && t.text[t.bytes - 1] != '/')
			text_addc(&t, '/');
		text_add_value(&t, &args[i].value);
	}
	return text_take(&t);
}

/* "*.pyc", as a shell would expand it. */
static struct guard_value as_pattern(struct reading *r, const struct guard_value *v)
{
	struct text t = TEXT(r->sh);

	for (size_t i = 0; i < v->bytes; i++)
		text_addc(&t, v->text[i] == '*' ? GUARD_STAR : v->text[i] == '?' || v->text[i] == '[' ? GUARD_ONE : v->text[i]);
	t.taint = v->taint;
	return text_take(&t);
}

/* One string is for a shell, several or a list are words. */
static void do_start(struct reading *r, const struct term *args, size_t count)
{
	struct values words = VALUES(r->sh);

	if (count == 0)
		return;
	if (!args[0].is_list &&
	    (count == 1 || !(args[1].is_list || r->language == PERL || r->language == RUBY || r->language == OTHER))) {
		do_shell(r, &args[0].value);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (args[i].is_list)
			for (size_t k = 0; k < args[i].items.count; k++)
				values_add(&words, args[i].items.items[k]);
		else
			values_add(&words, args[i].value);
	do_words(r, words.items, words.count);
}

/* os.execl(path, arg0, args...), os.spawnlp(mode, path, arg0, ...), os.execv(path, [arg0, ...]) */
static void do_exec(struct reading *r, const char *name, const struct term *args, size_t count)
{
	size_t first = strncmp(name, "spawn", 5) == 0 || strncmp(name, "posix_spawn", 11) == 0 ? 1 : 0;
	struct values words = VALUES(r->sh);

	if (strncmp(name, "posix_spawn", 11) == 0)
		first = 0;
	if (first >= count)
		return;
	values_add(&words, args[first].value);
	if (first + 1 < count && args[first + 1].is_list)
		for (size_t k = 1; k < args[first + 1].items.count; k++)
			values_add(&words, args[first + 1].items.items[k]);
	else
		for (size_t k = first + 2; k < count; k++)
			values_add(&words, args[k].value);
	do_words(r, words.items, words.count);
}

static struct guard_value do_open(struct reading *r, const struct term *args, size_t count)
{
	static const struct guard_value nothing = { .text = "", .known = true };
	const char *mode = count > 1 ? args[1].value.text : "r";
	const struct guard_value *path = count > 0 ? &args[0].value : &nothing;
	struct guard_value v;

	if (count == 0)
		return value_unknown(0);
	/* Perl: open(F, ">", path), open(F, "cmd |") */
	if (r->language == PERL) {
		struct guard_value code;
		size_t n = args[count > 1].value.bytes;

		mode = count > 1 ? args[1].value.text : "";
		path = count > 2 ? &args[2].value : &args[count > 1].value;
		if (strcmp(mode, "-|") == 0 || strcmp(mode, "|-") == 0) {
			do_start(r, args + 2, count > 2 ? count - 2 : 0);
			return value_unknown(0);
		}
		if (count == 2 && n > 0 && (mode[0] == '|' || mode[n - 1] == '|')) {
			code = value_copy(r->sh->walk->arena, mode + (mode[0] == '|'), n - 1);
			do_shell(r, &code);
			return value_unknown(0);
		}
		if (mode[0] == '>') {
			struct guard_value target =
				count > 2 ? *path : value_from(path, strspn(path->text, "> "));

			do_write(r, &target, &nothing, mode[1] == '>');
			return value_unknown(0);
		}
		return do_read(r, path);
	}
	if (strpbrk(mode, "wxa+")) {
		do_write(r, path, &nothing, strchr(mode, 'a') != NULL);
		return value_unknown(0);
	}
	v = do_read(r, path);
	return v;
}

/* The name with its first part as it is called where it comes from. */
static const char *real_name(struct reading *r, const char *name)
{
	size_t n = strcspn(name, ".");

	for (const struct renamed *a = r->renamed; a; a = a->next)
		if (strlen(a->name) == n && memcmp(a->name, name, n) == 0) {
			struct text t = TEXT(r->sh);

			text_adds(&t, a->real);
			text_adds(&t, name + n);
			return text_take(&t).text;
		}
	return name;
}

/* Calls by their last name; which of them count in which language, and what they need in front of it. */
static bool is_module(const char *name, const char *modules)
{
	const char *last = last_part(name);
	char module[64];
	size_t n = (size_t)(last - name);

	/* Bare: imported by name. No other module has a rmSync. */
	if (n == 0 || (strlen(last) > 4 && strcmp(last + strlen(last) - 4, "Sync") == 0))
		return true;
	while (n > 0 && strchr(".:>-\\", name[n - 1]))
		n--;
	for (size_t start = n; start > 0; start--)
		if (start == n || strchr(".:>\\", name[start - 1])) {
			if (start == n)
				continue;
			snprintf(module, sizeof module, "%.*s", (int)(n - start), name + start);
			return text_in(module, modules);
		}
	snprintf(module, sizeof module, "%.*s", (int)n, name);
	return text_in(module, modules);
}

static void do_chmod(struct reading *r, const struct term *args, size_t count)
{
	bool mode_first = r->language == PERL || r->language == RUBY;
	struct term swapped[2];

	if (count < 2)
		return;
	swapped[0] = args[mode_first ? 0 : 1];
	swapped[1] = args[mode_first ? 1 : 0];
	if (swapped[0].value.known && swapped[0].value.text[0] == '0' && strchr("ox", swapped[0].value.text[1]) &&
	    swapped[0].value.text[1])
		swapped[0].value = value_from(&swapped[0].value, 2);
	do_path(r, "chmod", NULL, swapped, 2);
}

/* json.load() reads data, pattern.exec() looks for a pattern: it is an eval only by its own name, or in its own module. */
static bool is_eval(const struct reading *r, const char *name, const char *last)
{
	if (text_in(last, "runInNewContext runInThisContext instance_eval class_eval module_eval loadstring Function"))
		return true;
	if (text_in(last, "load dofile"))
		return r->language == LUA && name == last;
	if (!text_in(last, "eval exec compile"))
		return false;
	return name == last || is_module(name, "builtins __builtins__ vm window globalThis global Kernel binding Script");
}

/* A shell that takes its commands from what it reads: "sh", "/bin/bash -i", "sh <&3 >&3" */
static bool is_open_shell(const char *text)
{
	size_t n = strcspn(text, " ");
	const char *name = text, *rest = text + n;
	char word[8];

	for (const char *c = text; c < text + n; c++)
		if (*c == '/')
			name = c + 1;
	if (strstr(text, "/bin/sh") || strstr(text, "/bin/bash"))
		return true;
	if (rest == name || (size_t)(rest - name) >= sizeof word)
		return false;
	memcpy(word, name, (size_t)(rest - name));
	word[rest - name] = '\0';
	return text_in(word, "sh bash zsh dash ksh ash") && (!*rest || !strncmp(rest, " -i", 3) || strpbrk(rest, "&"));
}

/* What the call gives back. */
static struct guard_value call(struct reading *r, const char *name, struct term *args, size_t count)
{
	const char *last;
	unsigned taint = 0;

	name = real_name(r, name);
	last = last_part(name);
	if (text_in(last, "require __import__ import_module createRequire")) {
		r->socket |= count > 0 && text_in(args[0].value.text, "socket net node:net");
		return value_unknown(MODULE);
	}
	for (size_t i = 0; i < count; i++) {
		taint |= args[i].value.taint;
		for (size_t k = 0; k < args[i].items.count; k++)
			taint |= args[i].items.items[k].taint;
	}
	r->forks |= strcmp(last, "fork") == 0 || strcmp(last, "pcntl_fork") == 0;
	r->socket |= strstr(name, "socket") || strstr(name, "Socket") ||
		     text_in(name, "net.connect net.Socket fsockopen TCPSocket.new");
	for (size_t i = 0; i < count; i++)
		r->shell_word |= is_open_shell(args[i].value.text) ||
				 (args[i].is_list && args[i].items.count > 0 && is_open_shell(args[i].items.items[0].text));
	r->shell_word |= text_in(last, "dup2");

	/* Programs. */
	if (r->language == OTHER && text_in(last, "command callCommand") && count > 0) {
		do_start(r, args, 1);
		return value_unknown(taint);
	}
	if (text_in(last, "system popen popen2 popen3 getoutput getstatusoutput check_output check_call Popen execSync "
			  "exec shell_exec "
			  "passthru proc_open execute capture2 capture2e capture3 pipeline script runInShell shell "
			  "cmd") &&
	    is_module(name, "os subprocess commands platform pty popen2 child_process cp Kernel IO Open3 io os.popen "
			    "Process exec sp "
			    "childProcess execa sh shelljs System") &&
	    !(strcmp(last, "exec") == 0 && r->language == PYTHON) && count > 0) {
		do_start(r, args, count);
		return value_unknown(taint);
	}
	if (text_in(last, "run call Popen spawn spawnSync execFile execFileSync execa execaSync Command") &&
	    (is_module(name, "subprocess pty child_process cp Bun Deno Process sp asyncio childProcess pexpect") &&
	     count > 0) &&
	    (strpbrk(name, ".:") || text_in(last, "spawn spawnSync execFile execFileSync execa execaSync Popen") ||
	     (r->language == PYTHON && (args[0].is_list || r->bare_subprocess)))) {
		do_start(r, args, count);
		return value_unknown(taint);
	}
	if (text_in(last, "create_subprocess_shell create_subprocess_exec") && count > 0) {
		do_start(r, args, strstr(last, "shell") ? 1 : count);
		return value_unknown(taint);
	}
	if (text_in(last, "execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe "
			  "spawnv spawnve spawnvp "
			  "spawnvpe posix_spawn posix_spawnp pcntl_exec")) {
		do_exec(r, last, args, count);
		return value_unknown(taint);
	}
	/* Files. */
	if (text_in(last, "remove unlink unlinkSync removeSync rm_f") &&
	    (is_module(name, "os fs fsPromises promises Deno File fs.promises FileUtils node fse") ||
	     r->language == PHP) &&
	    count > 0 && !(strcmp(last, "remove") == 0 && !strpbrk(name, ".:") && r->language != PYTHON)) {
		do_path(r, "rm", r->recursive ? "-rf" : "-f", args,
			r->language == PERL || r->language == RUBY ? count : 1);
		return value_of("");
	}
	if ((text_in(last, "rmtree rm_rf rm_r remove_tree remove_entry remove_entry_secure remove_dir emptyDirSync "
			   "emptyDir rimraf "
			   "rimrafSync delete_tree") ||
	     (text_in(last, "rm rmSync") && is_module(name, "fs fsPromises promises FileUtils fse fs.promises") &&
	      (strpbrk(name, ".:") || strcmp(last, "rmSync") == 0))) &&
	    count > 0) {
		bool all = !text_in(last, "rm rmSync") || r->recursive;

		do_path(r, "rm", all ? "-rf" : "-f", args, r->language == PERL || r->language == RUBY ? count : 1);
		return value_of("");
	}
	if (text_in(last, "rmdir rmdirSync removedirs") && count > 0 &&
	    is_module(name, "os fs fsPromises promises Dir")) {
		do_path(r, r->recursive ? "rm" : "rmdir", r->recursive ? "-rf" : NULL, args, 1);
		return value_of("");
	}
	if (text_in(last, "delete safe_unlink unlink") && r->language == RUBY &&
	    is_module(name, "File Dir FileUtils") && count > 0) {
		do_path(r, "rm", "-f", args, count);
		return value_of("");
	}
	if (text_in(last, "rename renameSync move mv replace moveSync") && count > 1 &&
	    (is_module(name, "os shutil fs fsPromises promises File FileUtils fse Deno") &&
	     (strpbrk(name, ".:") || !text_in(last, "replace move mv")))) {
		do_path(r, "mv", NULL, args, 2);
		return value_of("");
	}
	if (text_in(last, "copy copy2 copyfile copytree copyFile copyFileSync cp cpSync cp_r") && count > 1 &&
	    is_module(name, "shutil fs fsPromises promises FileUtils fse Deno") && strpbrk(name, ".:")) {
		do_path(r, "cp", NULL, args, 2);
		return value_of("");
	}
	if (text_in(last, "chmod chmodSync") && is_module(name, "os fs fsPromises promises File FileUtils Deno")) {
		do_chmod(r, args, count);
		return value_of("");
	}
	if (text_in(last, "symlink link symlinkSync linkSync") && is_module(name, "os fs File") && count > 1) {
		do_path(r, "ln", NULL, args, 2);
		return value_of("");
	}
	if (text_in(name, "os.kill os.killpg process.kill Process.kill") && count > 0) {
		do_path(r, "kill", NULL, args, 1);
		return value_of("");
	}
	if (text_in(last, "truncate truncateSync ftruncate") && is_module(name, "os fs File") && count > 0) {
		do_path(r, "truncate", NULL, args, 1);
		return value_of("");
	}
	if (text_in(last, "writeFile writeFileSync appendFile appendFileSync file_put_contents writeTextFile "
			  "writeTextFileSync "
			  "createWriteStream outputFile outputFileSync") ||
	    text_in(name, "File.write IO.write File.binwrite Bun.write")) {
		if (count > 0)
			do_write(r, &args[0].value,
				 count > 1 ? &args[1].value : &(struct guard_value){ .text = "", .known = true },
				 strstr(last, "append") != NULL);
		return value_of("");
	}
	if (text_in(last, "readFile readFileSync file_get_contents readfile readTextFile readTextFileSync "
			  "createReadStream slurp") ||
	    text_in(name, "File.read IO.read File.readlines File.binread File.open IO.readlines Bun.file")) {
		if (count == 0)
			return value_unknown(0);
		if (strstr(args[0].value.text, "://")) {
			r->sends = true;
			return value_unknown(GUARD_TAINT_NETWORK);
		}
		return do_read(r, &args[0].value);
	}
	if (text_in(name, "open io.open codecs.open os.open fopen fs.openSync File.open File.new"))
		return do_open(r, args, count);
	/* Whoever opens a database may change it. */
	if (text_in(name, "sqlite3.connect apsw.Connection sqlite3.Database SQLite3::Database.new") && count > 0) {
		if (!strstr(args[0].value.text, "mode=ro") && args[0].value.text[0] != ':')
			do_write(r, &args[0].value, &(struct guard_value){ .text = "", .known = true }, true);
		return value_unknown(taint);
	}
	/* The network. */
	if (strstr(name, "requests.") == name || strstr(name, "httpx.") == name || strstr(name, "urllib") == name ||
	    text_in(last, "urlopen urlretrieve fetch get_print curl_exec curl_setopt LWP getstore URI.open OpenURI "
			  "sendto sendall") ||
	    strstr(name, "http.") == name || strstr(name, "https.") == name || strstr(name, "axios") == name ||
	    strstr(name, "got.") == name || strstr(name, "Net::HTTP") == name || strstr(name, "LWP") == name ||
	    strstr(name, "HTTP::Tiny") == name || strstr(name, "dns.") == name || text_in(name, "URI.open URI.parse.open OpenURI.open_uri Net.get") || text_in(last, "post") ||
	    (r->language == PERL && count > 0 && text_in(name, "get getprint") && strstr(args[0].value.text, "://")) ||
	    (text_in(last, "send connect") && r->socket)) {
		r->sends = true;
		if (taint & GUARD_TAINT_SECRET)
			r->secret = true;
		if (taint & GUARD_TAINT_ENV)
			r->environment = true;
		return value_unknown(GUARD_TAINT_NETWORK);
	}
	/* Text. */
	if (is_eval(r, name, last)) {
		if (count > 0)
			do_eval(r, &args[0].value);
		return value_unknown(taint);
	}
	if (text_in(last, "b64decode decodebytes decodestring urlsafe_b64decode atob decode_base64 base64_decode "
			  "strict_decode64 decode64 "
			  "urlsafe_decode64 standard_b64decode"))
		return count > 0 ? decoded(r, &args[0].value, text_add_base64) : value_unknown(GUARD_TAINT_DECODED);
	if (text_in(last, "fromhex unhexlify a2b_hex hex2bin"))
		return count > 0 ? decoded(r, &args[0].value, text_add_hex) : value_unknown(GUARD_TAINT_DECODED);
	if (strcmp(name, "Buffer.from") == 0 && count > 1)
		return strcmp(args[1].value.text, "base64") == 0 ? decoded(r, &args[0].value, text_add_base64)
		       : strcmp(args[1].value.text, "hex") == 0	 ? decoded(r, &args[0].value, text_add_hex)
								 : value_unknown(taint);
	if (text_in(last, "decompress gunzipSync inflateSync gzinflate gzuncompress str_rot13 rot13"))
		return value_unknown(taint | GUARD_TAINT_DECODED);
	if (text_in(last, "expanduser expand_path") && count > 0)
		return with_home(r, &args[0].value);
	if (text_in(name, "Path pathlib.Path PosixPath Pathname.new Pathname str bytes String bytearray") && count > 0)
		return text_in(last, "Path PosixPath new Pathname") ? joined_path(r, args, count) : args[0].value;
	if (text_in(name, "os.path.join path.join path.resolve join File.join os.path.abspath os.path.realpath "
			  "shlex.split shlex.quote "
			  "Path.home os.homedir homedir Dir.home")) {
		if (count > 0)
			return joined_path(r, args, count);
		return strstr(name, "ome") ? var_value(r->sh, "HOME") : value_unknown(0);
	}
	/* A directory that this very program makes: a name nobody else has. */
	if (text_in(last, "mkdtemp mkdtempSync mktmpdir tempdir TemporaryDirectory"))
		return value_of("/tmp/tmp.made");
	if (text_in(last, "gettempdir tmpdir") && count == 0)
		return value_of("/tmp");
	if (text_in(name, "glob.glob glob.iglob glob iglob globSync fs.globSync Dir.glob") && count > 0)
		return as_pattern(r, &args[0].value);
	if (text_in(name, "os.listdir os.scandir fs.readdirSync Dir.children Dir.entries") && count > 0)
		return value_unknown(taint);
	if (text_in(name, "os.getcwd process.cwd Dir.pwd Path.cwd getcwd cwd"))
		return var_value(r->sh, "PWD");
	if (text_in(name, "os.chdir process.chdir Dir.chdir chdir") && count > 0) {
		directory_set(r->sh, &args[0].value);
		return value_of("");
	}
	if (text_in(name, "print puts console.log console.info say echo printf process.stdout.write sys.stdout.write "
			  "io.write write p "
			  "console.error pp")) {
		r->prints = true;
		for (size_t i = 0; i < count; i++) {
			if (i > 0 && (r->language == PYTHON || r->language == JAVASCRIPT))
				text_addc(&r->printed, ' ');
			text_add_value(&r->printed, &args[i].value);
		}
		if (!text_in(name, "printf process.stdout.write sys.stdout.write io.write write") &&
		    r->language != PERL && r->language != PHP)
			text_addc(&r->printed, '\n');
		return value_of("");
	}
	return value_unknown(taint);
}

/* x.read(), Path("x").unlink(), "x".replace("a", "b"): what a method of a value does. */
static struct guard_value method(struct reading *r, const struct guard_value *on, const char *name, struct term *args,
				 size_t count)
{
	struct term self = { .value = *on };

	if (on->taint & MODULE)
		return call(r, name, args, count);
	/* Path("/etc").rglob("*") */
	if (text_in(name, "glob rglob iterdir") && on->known && on->bytes > 0 && r->language == PYTHON) {
		struct term both[2] = { self, { .value = value_of("*") } };
		struct guard_value path;

		if (count > 0 && strcmp(name, "iterdir") != 0)
			both[1] = args[0];
		path = joined_path(r, both, 2);
		return as_pattern(r, &path);
	}
	if (text_in(name, "unlink rmdir rmtree") && count < 2 && r->language != PHP) {
		if (on->bytes > 0 && on->text[0] != GUARD_UNKNOWN)
			do_path(r, strcmp(name, "rmdir") == 0 ? "rmdir" : "rm",
				strcmp(name, "rmtree") == 0 ? "-rf" : NULL, &self, 1);
		return value_of("");
	}
	if (text_in(name, "write_text write_bytes touch") && on->known) {
		do_write(r, on, count > 0 ? &args[0].value : &(struct guard_value){ .text = "", .known = true }, false);
		return value_of("");
	}
	if (text_in(name, "read_text read_bytes") && on->known)
		return do_read(r, on);
	if (strcmp(name, "open") == 0 && on->known) {
		struct term both[2] = { self, count > 0 ? args[0] : (struct term){ .value = value_of("r") } };

		return do_open(r, both, 2);
	}
	if (text_in(name, "decode encode strip rstrip lstrip toString trim chomp expanduser resolve text read "
			  "readlines read_all content json "
			  "to_s freeze absolute body splitlines unpack1"))
		return *on;
	if (strcmp(name, "join") == 0 && count > 0 && args[0].is_list) {
		struct text t = TEXT(r->sh);

		for (size_t i = 0; i < args[0].items.count; i++) {
			if (i > 0)
				text_add_value(&t, on);
			text_add_value(&t, &args[0].items.items[i]);
		}
		return text_take(&t);
	}
	if (text_in(name, "execute") && on->known) {
		do_shell(r, on);
		return value_unknown(0);
	}
	/* Lists have a remove, patterns an exec, strings a replace. */
	if (text_in(name, "execSync execFile execFileSync spawn spawnSync rmSync unlinkSync rmdirSync removeSync "
			  "system "
			  "popen check_call check_output getoutput rmtree rm_rf unlink writeFileSync readFileSync "
			  "sendall sendto connect b64decode decodebytes post urlopen"))
		return call(r, name, args, count);
	return value_unknown(on->taint);
}

/* ------------------------------------------------------------------------------------------------ expressions */

static void add_args(struct reading *r, struct term **args, size_t *count, size_t *room, struct term t)
{
	if (*count == *room) {
		size_t more = *room ? *room * 2 : 8;

		*args = guard_arena_grow(r->sh->walk->arena, *args, *room * sizeof **args, more * sizeof **args);
		*room = more;
	}
	(*args)[(*count)++] = t;
}

/* Arguments up to the closing sign; '\0': to the end of the statement. */
static struct term *read_args(struct reading *r, char close, size_t *ret_count)
{
	struct term *args = NULL;
	size_t count = 0, room = 0;

	while (r->token != END && !(close && at_sign(r, close))) {
		const char *before = r->at;
		const char *keyword = NULL;

		if (!close && (at_sign(r, ';') || at_sign(r, '}') || at_sign(r, ')') || (r->line_before && count > 0)))
			break;
		if (at_sign(r, ',')) {
			next(r);
			continue;
		}
		/* name=value, name: value, name => value */
		if (r->token == NAME) {
			const char *at = r->at;

			while (at < r->end && isspace((unsigned char)*at))
				at++;
			if (at < r->end && ((*at == '=' && at + 1 < r->end && at[1] != '=') ||
					    (*at == ':' && at + 1 < r->end && at[1] != ':' && r->language != PERL))) {
				keyword = r->value.text;
				next(r);
				next(r);
				if (at_sign(r, '>'))
					next(r);
			}
		}
		if (keyword && r->token == NAME && text_in(r->value.text, "true True 1"))
			r->recursive |= text_in(keyword, "recursive force");
		if (r->token != END && !(close && at_sign(r, close))) {
			struct term t = read_expression(r);

			if (!keyword || strcmp(keyword, "args") == 0)
				add_args(r, &args, &count, &room, t);
			else if (t.value.taint)
				add_args(r, &args, &count, &room,
					 (struct term){ .value = value_unknown(t.value.taint) });
		}
		if (r->at == before && r->token != END)
			next(r);
	}
	if (close && at_sign(r, close))
		next(r);
	*ret_count = count;
	return args;
}

static struct term read_list(struct reading *r, char close)
{
	struct term list = { .is_list = true, .items = VALUES(r->sh), .value = value_unknown(0) };
	size_t count;
	struct term *args = read_args(r, close, &count);
	unsigned taint = 0;

	for (size_t i = 0; i < count; i++) {
		taint |= args[i].value.taint;
		if (args[i].is_list)
			for (size_t k = 0; k < args[i].items.count; k++)
				values_add(&list.items, args[i].items.items[k]);
		else
			values_add(&list.items, args[i].value);
	}
	list.value.taint = taint;
	if (close == ')' && count == 1)
		return args[0];
	return list;
}

static bool starts_args(const struct reading *r, const char *name)
{
	/* AppleScript: do shell script "..."; Lisp: (shell-command "..."); Haskell: callCommand "..." */
	if (r->language == OTHER && r->token == STRING &&
	    text_in(last_part(name), "script command system exec cmd callCommand shell"))
		return true;
	if (r->language != PERL && r->language != RUBY && r->language != PHP && r->language != LUA &&
	    r->language != AWK)
		return false;
	/* open F, "x" */
	if (r->language == PERL && r->token == NAME && strcmp(name, "open") == 0)
		return true;
	if (r->token == NAME && text_in(name, "eval instance_eval") && !r->line_before)
		return true;
	return (r->token == STRING || r->token == COMMAND || (r->token == NAME && strchr("$@", r->value.text[0])) ||
		(r->token == NAME && strcmp(r->value.text, "glob") == 0)) &&
	       text_in(last_part(name), "system exec unlink rmtree remove_tree rmdir print puts say echo eval require "
					"rm_rf rm_r rm_f rm chdir "
					"popen remove delete warn die printf execute open glob");
}

static struct term read_name_term(struct reading *r)
{
	const char *name = r->value.text;
	struct term t = { .value = value_unknown(0) };
	const struct variable *held;
	const struct guard_value *v;
	size_t count;
	struct term *args;

	next(r);
	if (strcmp(name, "as") == 0 && r->token == NAME && r->name_before) {
		struct renamed *a = GUARD_NEW(r->sh->walk->arena, struct renamed);

		a->name = r->value.text;
		a->real = r->name_before;
		a->next = r->renamed;
		r->renamed = a;
	}
	r->bare_subprocess |= r->name_before && !strcmp(r->name_before, "from") && !strcmp(name, "subprocess");
	r->name_before = name;
	r->loops |= text_in(name, "while loop forever for");
	if (text_in(name, "os.environ process.env ENV"))
		t.value.taint = at_sign(r, '[') || at_sign(r, '.') ? 0 : GUARD_TAINT_ENV;
	if (strcmp(name, "import") == 0 && at_sign(r, '(')) {
		next(r);
		read_args(r, ')', &count);
		t.value.taint = MODULE;
		return t;
	}
	if (text_in(name, "new await return not and or async yield lambda del throw raise in if else unless then do "
			  "begin end import from"))
		return t;
	if (at_sign(r, '(')) {
		bool recursive = r->recursive;

		r->recursive = false;
		next(r);
		args = read_args(r, ')', &count);
		/* x.read() of a name that holds a value */
		v = variable(r, name, strcspn(name, ".-:"));
		if (v && strpbrk(name, ".-:"))
			t.value = method(r, v, last_part(name), args, count);
		else
			t.value = call(r, name, args, count);
		r->recursive = recursive;
		return t;
	}
	if (starts_args(r, name)) {
		args = read_args(r, '\0', &count);
		if (strcmp(name, "glob") == 0 && count > 0) {
			t.value = as_pattern(r, &args[0].value);
			t.value = with_home(r, &t.value);
		} else {
			t.value = call(r, name, args, count);
		}
		return t;
	}
	/* Of x.y only x is a variable; Bun.$`..` and $`..` are commands. */
	if (r->language == JAVASCRIPT && r->token == STRING && strcmp(last_part(name), "") == 0 && strchr(name, '$')) {
		do_shell(r, &r->value);
		next(r);
		return t;
	}
	r->passes_eval |= r->language == JAVASCRIPT && text_in(name, "eval Function") && at_sign(r, ')');
	held = variable_named(r, name + (*name == '$'), strlen(name + (*name == '$')));
	if (held) {
		t.value = held->value;
		t.is_list = held->is_list;
		t.items = held->items;
	}
	if (text_in(name, "fork"))
		r->forks = true;
	return t;
}

static struct guard_value reversed(struct reading *r, const struct guard_value *v)
{
	struct text t = TEXT(r->sh);

	for (size_t i = v->bytes; i > 0; i--)
		text_addc(&t, v->text[i - 1]);
	t.taint = v->taint;
	return text_take(&t);
}

/* [f(x) for x in LIST]: what stands behind comes first. */
static void bind_comprehension(struct reading *r, char open, char close)
{
	const char *at = r->at;
	int depth = 0;
	struct reading saved = *r;

	for (; at < r->end && at < saved.at + 1000 && depth >= 0; at++) {
		depth += (*at == open) - (*at == close);
		if (depth < 0 || *at == '\'' || *at == '"')
			return;
		if (depth == 0 && strncmp(at, " for ", 5) == 0)
			break;
	}
	if (depth < 0 || at >= r->end || at >= saved.at + 1000 || !step(r->sh))
		return;
	r->at = at;
	next(r);
	if (r->token == NAME && strcmp(r->value.text, "for") == 0) {
		const char *name;

		next(r);
		name = r->value.text;
		if (r->token == NAME) {
			next(r);
			if (r->token == NAME && strcmp(r->value.text, "in") == 0) {
				struct term list;

				next(r);
				list = read_expression(r);
				set_variable(r, name, list.is_list && list.items.count == 1 ? &list.items.items[0] : &list.value);
			}
		}
	}
	r->at = saved.at;
	r->token = saved.token;
	r->value = saved.value;
	r->sign = saved.sign;
	r->after_value = saved.after_value;
	r->line_before = saved.line_before;
}

static struct term read_primary(struct reading *r)
{
	struct term t = { .value = value_unknown(0) };

	switch (r->token) {
	case STRING:
	case NUMBER:
		t.value = r->value;
		next(r);
		break;
	case COMMAND:
		do_shell(r, &r->value);
		next(r);
		break;
	case NAME:
		t = read_name_term(r);
		break;
	case SIGN:
		if (at_sign(r, '(') || at_sign(r, '[') || at_sign(r, '{')) {
			char close = r->sign == '(' ? ')' : r->sign == '[' ? ']' : '}';

			if (r->language == PYTHON)
				bind_comprehension(r, r->sign, close);
			next(r);
			t = read_list(r, close);
		} else if (!strchr(")]};,", r->sign)) {
			next(r);
		}
		break;
	case END:
		break;
	}
	return t;
}

/* .name(..), [..] behind a value */
static struct term read_postfix(struct reading *r, struct term t)
{
	for (;;) {
		if (at_sign(r, '.') && is_name_char(ahead(r, 0)) && r->language != PERL && r->language != PHP) {
			const char *name;
			size_t count = 0;
			struct term *args = NULL;

			next(r);
			if (r->token != NAME)
				return t;
			name = r->value.text;
			next(r);
			if (at_sign(r, '(')) {
				next(r);
				args = read_args(r, ')', &count);
				t.value = method(r, &t.value, last_part(name), args, count);
			}
			t.is_list = false;
		} else if (at_sign(r, '[') && !r->line_before) {
			const char *start = r->at;
			size_t count;

			next(r);
			read_args(r, ']', &count);
			if ((size_t)(r->end - start) >= 5 && memcmp(start, "::-1]", 5) == 0)
				t.value = reversed(r, &t.value);
			else
				t.value = value_unknown(t.value.taint & ~(unsigned)GUARD_TAINT_ENV);
			t.is_list = false;
		} else {
			return t;
		}
	}
}

static struct term read_expression(struct reading *r)
{
	struct term t;

	if (++r->depth > DEPTH_MAX || !step(r->sh)) {
		r->depth--;
		next(r);
		return (struct term){ .value = value_unknown(0) };
	}
	t = read_postfix(r, read_primary(r));
	for (;;) {
		bool joins = at_sign(r, '+') ||
			     (at_sign(r, '.') && (r->language == PERL || r->language == PHP || r->language == LUA));
		bool beside = r->token == STRING && !r->line_before &&
			      (r->language == PYTHON || r->language == RUBY || r->language == AWK);
		struct text text = TEXT(r->sh);
		struct term right;

		if (at_sign(r, '/') && r->language == PYTHON && t.value.known) {
			/* Path("/") / "etc" */
			next(r);
			right = read_postfix(r, read_primary(r));
			t.value = joined_path(r, (struct term[]){ t, right }, 2);
			continue;
		}
		if (!joins && !beside)
			break;
		if (joins)
			next(r);
		if (at_sign(r, '.') && r->language == LUA)
			next(r);
		right = read_postfix(r, read_primary(r));
		if (t.is_list && right.is_list) {
			for (size_t i = 0; i < right.items.count; i++)
				values_add(&t.items, right.items.items[i]);
			continue;
		}
		text_add_value(&text, &t.value);
		text_add_value(&text, &right.value);
		t.value = text_take(&text);
		t.is_list = false;
	}
	r->depth--;
	return t;
}

static struct variable *set_variable(struct reading *r, const char *name, const struct guard_value *v)
{
	struct variable *new = GUARD_NEW(r->sh->walk->arena, struct variable);

	new->name = name + (*name == '$' || *name == '@');
	new->value = *v;
	new->next = r->variables;
	r->variables = new;
	return new;
}

/* Where the block of Python ends whose first line begins at line: before the next line that is indented no more than it. */
static const char *block_end(const struct reading *r, const char *line)
{
	size_t indent = strspn(line, " \t");
	const char *at = line;

	for (;;) {
		const char *newline = memchr(at, '\n', (size_t)(r->end - at));
		size_t n;

		if (!newline)
			return r->end;
		at = newline + 1;
		n = strspn(at, " \t");
		if (at + n >= r->end)
			return r->end;
		if (n <= indent && at[n] != '\n' && at[n] != '#' && at[n] != ')' && at[n] != ']')
			return at;
	}
}

static void read_statements(struct reading *r);

/* for NAME in LIST: the block is read once for each thing that is known to be in the list. False: it is no such thing. */
static bool read_for(struct reading *r, const char *start)
{
	const char *line = r->at, *after, *end = r->end, *body, *name;
	struct term list;

	while (line > start && line[-1] != '\n')
		line--;
	next(r);
	name = r->value.text;
	if (r->token != NAME)
		return false;
	next(r);
	if (r->token != NAME || strcmp(r->value.text, "in") != 0)
		return false;
	next(r);
	list = read_expression(r);
	if (!at_sign(r, ':'))
		return false;
	body = r->at;
	after = block_end(r, line);
	r->loops = true;
	for (size_t i = 0; i < list.items.count || i == 0; i++) {
		set_variable(r, name, i < list.items.count && list.is_list ? &list.items.items[i] : &list.value);
		r->at = body;
		r->end = after;
		next(r);
		read_statements(r);
		if (!list.is_list || !step(r->sh))
			break;
	}
	r->end = end;
	r->at = after;
	next(r);
	return true;
}

/* Everything is an expression but `name = expression`. */
static void read_statements(struct reading *r)
{
	const char *start = r->at;

	while (r->token != END && step(r->sh)) {
		const char *before = r->at;
		enum token token = r->token;

		if (r->language == PYTHON && r->token == NAME && strcmp(r->value.text, "for") == 0) {
			read_for(r, start);
			continue;
		}

		if (r->token == NAME) {
			const char *name = r->value.text, *at = r->at;

			while (at < r->end && (*at == ' ' || *at == '\t'))
				at++;
			if (at + 1 < r->end && *at == '=' && at[1] != '=' && at[1] != '~' && at[1] != '>') {
				struct term t;

				next(r);
				next(r);
				t = read_expression(r);
				{
					struct variable *held = set_variable(r, name, &t.value);

					held->is_list = t.is_list;
					held->items = t.items;
				}
				continue;
			}
		}
		read_expression(r);
		if (r->at == before && r->token == token)
			next(r);
	}
}

static void read_code(struct shell *sh, enum language language, const char *program, const struct guard_value *text,
		      struct emitted *self, struct guard_value *ret_printed)
{
	struct guard_value code = value_as_code(sh->walk->arena, text);
	struct reading r = { .sh = sh, .self = self, .program = program, .language = language, .at = code.text,
			     .end = code.text + code.bytes, .printed = TEXT(sh) };
	struct shell sub = subshell_of(sh);
	const char *what = joined_words(sh, self->command.words, self->command.count);

	r.sh = &sub;
	next(&r);
	read_statements(&r);
	if (r.sends && (r.secret || r.environment))
		add_fact(sh, GUARD_FACT_SENDS_SECRET, self, what);
	if (r.socket && r.shell_word)
		add_fact(sh, GUARD_FACT_REVERSE_SHELL, self, what);
	if (r.sends && r.passes_eval)
		add_fact(sh, GUARD_FACT_RUNS_DOWNLOAD, self, what);
	if (r.forks && r.loops)
		add_fact(sh, GUARD_FACT_FORK_BOMB, self, what);
	*ret_printed = r.prints ? text_take(&r.printed) : value_of("");
}

/* ------------------------------------------------------------------------------------------------ awk */

/* The strings beside each other from here on, as one; other things among them are unknown. */
static struct guard_value awk_string(struct reading *r)
{
	struct text t = TEXT(r->sh);

	while (r->token == STRING || r->token == NAME || r->token == NUMBER) {
		const struct guard_value *v = r->token == NAME ? variable(r, r->value.text, r->value.bytes) : &r->value;

		if (r->token == NAME && text_in(r->value.text, "getline print printf"))
			break;
		if (v)
			text_add_value(&t, v);
		else
			text_addc(&t, GUARD_UNKNOWN);
		next(r);
	}
	return text_take(&t);
}

static void awk_run(struct reading *r, const struct guard_value *code, const struct guard_value *input)
{
	struct shell sub = subshell_of(r->sh);

	if (input)
		sub.fds[0] = input_of(r->sh->walk, input);
	sub.flags |= GUARD_FROM_CODE;
	run_process(&sub, code, r->program, r->self);
}

static struct guard_value read_awk(struct shell *sh, const char *program, const struct guard_value *text,
				   struct variable *variables, struct emitted *self)
{
	struct reading r = { .sh = sh, .self = self, .program = program, .language = AWK, .at = text->text,
			     .end = text->text + text->bytes, .variables = variables };
	struct guard_value last = value_of(""), v;
	struct text printed = TEXT(sh);
	bool printing = false, known = true;

	/* gawk's own sockets, read and written to */
	if (strstr(text->text, "/inet/") && strstr(text->text, "|&") && strstr(text->text, "getline"))
		add_fact(sh, GUARD_FACT_REVERSE_SHELL, self, "/inet/ in awk");
	next(&r);
	while (r.token != END && step(sh)) {
		if (r.token == NAME && strcmp(r.value.text, "system") == 0) {
			next(&r);
			if (at_sign(&r, '('))
				next(&r);
			v = awk_string(&r);
			awk_run(&r, &v, NULL);
		} else if (r.token == NAME && text_in(r.value.text, "print printf")) {
			printing = true;
			last = value_of("");
			next(&r);
			if (at_sign(&r, '(')) /* print("x") */
				next(&r);
			known &= r.token == STRING;
		} else if (r.token == NAME && strcmp(r.value.text, "getline") == 0) {
			next(&r);
			if (r.token == NAME)
				next(&r);
			if (at_sign(&r, '<')) {
				next(&r);
				v = awk_string(&r);
				do_read(&r, &v);
			}
		} else if (r.token == STRING || (r.token == NAME && variable(&r, r.value.text, r.value.bytes))) {
			last = awk_string(&r);
			if (at_sign(&r, '|')) {
				const char *at = r.at;

				while (at < r.end && isspace((unsigned char)*at))
					at++;
				if (strncmp(at, "getline", 7) == 0)
					awk_run(&r, &last, NULL);
			} else if (printing) {
				text_add_value(&printed, &last);
				text_addc(&printed, '\n');
			}
		} else if (at_sign(&r, '|') && printing) {
			next(&r);
			if (at_sign(&r, '&'))
				next(&r);
			if (r.token == NAME && strcmp(r.value.text, "getline") == 0)
				continue;
			v = awk_string(&r);
			{
				struct text line = TEXT(sh);

				text_add_value(&line, &last);
				text_addc(&line, '\n');
				last = text_take(&line);
			}
			if (v.bytes > 0)
				awk_run(&r, &v, &last);
			known = false;
		} else if (at_sign(&r, '>') && printing) {
			next(&r);
			if (at_sign(&r, '>'))
				next(&r);
			if (r.token == STRING) {
				v = awk_string(&r);
				do_write(&r, &v, &last, false);
			}
			known = false;
		} else if (r.token == NAME) {
			const char *name = r.value.text;

			next(&r);
			if (at_sign(&r, '=') && ahead(&r, 0) != '=') {
				next(&r);
				if (r.token == STRING) {
					v = awk_string(&r);
					set_variable(&r, name, &v);
				}
			}
			known &= !printing;
		} else {
			if (at_sign(&r, ';') || at_sign(&r, '}') || r.line_before)
				printing = false;
			next(&r);
		}
	}
	return known && printed.bytes > 0 ? text_take(&printed) : value_unknown(0);
}

/* { print $2 } of a text that is known */
static bool awk_fields(struct shell *sh, const char *code, const struct guard_value *input, struct guard_value *ret)
{
	struct text t = TEXT(sh);
	int field = -1, used = 0;

	if (!input->known)
		return false;
	if (sscanf(code, " { print $%d } %n", &field, &used) < 1 &&
	    sscanf(code, " { print $%d ; } %n", &field, &used) < 1) {
		if (sscanf(code, " { print } %n", &used) == EOF && used == 0)
			return false;
		if (used == 0)
			return false;
		field = 0;
	}
	if (used == 0 || code[used])
		return false;
	t.taint = input->taint;
	for (size_t i = 0; i < input->bytes;) {
		const char *line = input->text + i, *end = memchr(line, '\n', input->bytes - i);
		size_t n = end ? (size_t)(end - line) : input->bytes - i;

		if (field == 0) {
			text_add(&t, line, n);
		} else {
			size_t at = 0;

			for (int k = 1; k <= field; k++) {
				size_t start;

				while (at < n && strchr(" \t", line[at]))
					at++;
				start = at;
				while (at < n && !strchr(" \t", line[at]))
					at++;
				if (k == field)
					text_add(&t, line + start, at - start);
			}
		}
		text_addc(&t, '\n');
		i += n + 1;
	}
	*ret = text_take(&t);
	return true;
}

static void run_awk(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	struct variable *variables = NULL;
	struct guard_value code = value_of(""), input, out;
	bool found = false;
	unsigned taint;

	for (size_t i = 1; i < count; i++) {
		const char *w = words[i].text;

		if (w[0] == '-' && w[1] && strchr("vFfi", w[1]) && !found) {
			const char *v = w[2] ? w + 2 : i + 1 < count ? words[++i].text : "";
			const char *equals = strchr(v, '=');

			if (w[1] == 'f') {
				code = file_read(sh, v);
				found = true;
			} else if (w[1] == 'v' && equals) {
				struct variable *new = GUARD_NEW(sh->walk->arena, struct variable);

				new->name = guard_arena_copy(sh->walk->arena, v, (size_t)(equals - v));
				new->value = value_copy(sh->walk->arena, equals + 1, strlen(equals + 1));
				new->next = variables;
				variables = new;
			}
		} else if (w[0] == '-' && w[1] && !found) {
			continue;
		} else if (!found) {
			code = words[i];
			found = true;
		}
	}
	input = sh->fds[0].kind == FD_UNKNOWN ? value_unknown(0) : read_all(sh, &sh->fds[0]);
	taint = input.taint;
	if (taint & GUARD_TAINT_PROCESSES && strstr(code.text, "ccm"))
		taint |= GUARD_TAINT_OF_CCM;
	for (size_t i = 2; i < count; i++)
		taint |= file_taint(sh, words[i].text, false);
	if (awk_fields(sh, code.text, &input, &out)) {
		write_fd(sh, 1, &out);
		return;
	}
	out = read_awk(sh, name, &code, variables, self);
	out.taint |= taint;
	write_fd(sh, 1, &out);
}

/* ------------------------------------------------------------------------------------------------ interpreters */

struct interpreter {
	const char *names;
	enum language language;
	const char *code;            /* options whose value is code, as letters */
	const char *longs;           /* the same, long */
	const char *valued;          /* other options that take a value */
};

static const struct interpreter interpreters[] = {
	{ "python pypy ipython jython micropython sage", PYTHON, "c", "", "WXm" },
	{ "perl", PERL, "eE", "", "IMmx0FCD" },
	{ "ruby jruby irb rails-runner macruby", RUBY, "e", "", "IrKEFx" },
	{ "node nodejs iojs", JAVASCRIPT, "ep", "eval print", "rC" },
	{ "bun", JAVASCRIPT, "ep", "eval print", "r" },
	{ "deno qjs", JAVASCRIPT, "e", "eval", "" },
	{ "php", PHP, "rBRE", "run", "dcFfSt" },
	{ "lua luajit texlua", LUA, "e", "", "l" },
	{ "osascript Rscript R julia groovy scala elixir erl tclsh ghc swift nim crystal raku guile racket sbcl clisp emacs", OTHER, "eE",
	  "eval exec", "l" },
};

static const struct interpreter *interpreter_named(const char *name)
{
	char plain[32];
	size_t n = strlen(name);

	/* python3.11, perl5.36.0, php8.2, node18 */
	while (n > 0 && (isdigit((unsigned char)name[n - 1]) || name[n - 1] == '.' || name[n - 1] == '-'))
		n--;
	if (n == 0 || n >= sizeof plain)
		return NULL;
	memcpy(plain, name, n);
	plain[n] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(interpreters); i++)
		if (text_in(plain, interpreters[i].names))
			return &interpreters[i];
	return NULL;
}

struct program {
	struct shell *sh;
	const struct interpreter *interpreter;
	const char *name;
	struct guard_value *words;
	size_t count;
	struct emitted *self;
	struct guard_value printed;
	bool known;                  /* all that it prints */
};

static void run_code(struct program *p, const struct guard_value *code, bool judged)
{
	struct guard_value printed;
	struct text via = TEXT(p->sh), all = TEXT(p->sh);

	if (judged)
		judge_code(p->sh, code, p->self);
	if (value_is_unknown(code) || p->sh->walk->texts >= GUARD_DEPTH_MAX)
		return;
	text_adds(&via, p->name);
	p->sh->walk->texts++;
	read_code(p->sh, p->interpreter->language, text_take(&via).text, code, p->self, &printed);
	p->sh->walk->texts--;
	text_add_value(&all, &p->printed);
	text_add_value(&all, &printed);
	p->printed = text_take(&all);
	p->known |= printed.bytes > 0;
}

/* -e CODE in a bundle (-lane CODE, -eCODE); returns the code's word or NULL, and moves *i behind what it took. */
static const struct guard_value *code_option(struct program *p, size_t *i, struct guard_value *room)
{
	const struct guard_value *w = &p->words[*i];
	const char *equals = strchr(w->text, '=');

	if (w->text[1] == '-') {
		size_t n = equals ? (size_t)(equals - w->text) - 2 : w->bytes - 2;
		char name[16];

		if (n == 0 || n >= sizeof name)
			return NULL;
		memcpy(name, w->text + 2, n);
		name[n] = '\0';
		if (!text_in(name, p->interpreter->longs))
			return NULL;
		if (equals) {
			*room = value_from(w, n + 3);
			return room;
		}
		return *i + 1 < p->count ? &p->words[++*i] : NULL;
	}
	if (p->interpreter->language == OTHER && text_in(w->text, "-eval -exec") && *i + 1 < p->count)
		return &p->words[++*i];
	for (size_t k = 1; k < w->bytes; k++) {
		if (p->interpreter->language == OTHER && k > 1)
			return NULL;
		if (strchr(p->interpreter->code, w->text[k])) {
			if (k + 1 < w->bytes && p->interpreter->language != JAVASCRIPT) {
				*room = value_from(w, k + 1);
				return room;
			}
			return *i + 1 < p->count ? &p->words[++*i] : NULL;
		}
		if (strchr(p->interpreter->valued, w->text[k])) {
			*i += k + 1 == w->bytes;
			return NULL;
		}
	}
	return NULL;
}

static void run_file(struct program *p, const struct guard_value *path)
{
	struct guard_value text;

	if (script_text(p->sh, path, &text)) {
		run_code(p, &text, true);
	} else if (value_begins(path, "/dev/fd/") || value_begins(path, "/dev/stdin") ||
		   value_begins(path, "/proc/self/fd/")) {
		struct fd before = p->sh->fds[FD_COUNT - 1];

		open_file(p->sh, FD_COUNT - 1, path->text, GUARD_READ);
		text = read_all(p->sh, &p->sh->fds[FD_COUNT - 1]);
		p->sh->fds[FD_COUNT - 1] = before;
		run_code(p, &text, true);
	} else if (!judge_file(p->sh, strstr(path->text, "://") ? GUARD_TAINT_NETWORK : file_taint(p->sh, path->text, false),
			       p->self) && !path->known && (p->sh->flags & GUARD_ARGS_OPEN)) {
		add_fact(p->sh, GUARD_FACT_RUNS_UNKNOWN, p->self, joined_words(p->sh, p->words, p->count));
	}
}

static void run_words(struct program *p)
{
	struct guard_value room, text;
	size_t i = 1;
	bool any = false;

	if (text_in(p->name, "deno bun") && p->count > 1 && text_in(p->words[1].text, "eval run repl")) {
		i = 2;
		while (i < p->count && p->words[i].text[0] == '-')
			i++;
		if (i < p->count && value_is(&p->words[1], "eval"))
			run_code(p, &p->words[i], true);
		else if (i < p->count)
			run_file(p, &p->words[i]);
		return;
	}
	for (; i < p->count && p->words[i].text[0] == '-' && p->words[i].bytes > 1; i++) {
		const struct guard_value *code;

		if (value_is(&p->words[i], "--")) {
			i++;
			break;
		}
		if (p->words[i].text[1] == 'm' && p->interpreter->language == PYTHON)
			return;              /* a module: for the rules */
		code = code_option(p, &i, &room);
		if (!code)
			continue;
		any = true;
		run_code(p, code, true);
		if (p->interpreter->language == PYTHON)
			return;
	}
	if (any)
		return;
	if (i < p->count && !value_is(&p->words[i], "-")) {
		run_file(p, &p->words[i]);
		return;
	}
	if (p->sh->fds[0].kind == FD_INPUT || p->sh->fds[0].kind == FD_NETWORK) {
		struct fd before = p->sh->fds[0];

		if (unknown_input_file(p->sh)) {
			run_file(p, unknown_input_file(p->sh));
			return;
		}
		text = read_all(p->sh, &before);
		p->sh->fds[0] = (struct fd){ .kind = FD_NULL };
		if (text.bytes > 0)
			run_code(p, &text, true);
		p->sh->fds[0] = before;
	} else if (p->sh->flags & GUARD_ARGS_OPEN) {
		add_fact(p->sh, GUARD_FACT_RUNS_UNKNOWN, p->self, joined_words(p->sh, p->words, p->count));
	}
}

bool run_interpreter(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	struct program p = { .sh = sh,
			     .interpreter = interpreter_named(name),
			     .name = name,
			     .words = words,
			     .count = count,
			     .self = self,
			     .printed = value_of("") };

	if (text_in(name, "awk gawk mawk nawk original-awk goawk")) {
		run_awk(sh, name, words, count, self);
		return true;
	}
	if (!p.interpreter)
		return false;
	run_words(&p);
	if (!p.known)
		p.printed = value_unknown(p.printed.taint | read_all(sh, &sh->fds[0]).taint);
	write_fd(sh, 1, &p.printed);
	return true;
}
