/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <stdlib.h>
#include <string.h>

#include "libccm/macros.h"
#include "reader.h"

struct call {
	struct shell *sh;
	struct guard_value *words;
	size_t count;
	struct emitted *self;
};

/* The first word that is no option; letters with a value take the next word. "--" ends them. */
static size_t skip_options(const struct call *c, const char *valued)
{
	size_t i = 1;

	while (i < c->count && c->words[i].text[0] == '-' && c->words[i].bytes > 1) {
		const struct guard_value *w = &c->words[i++];

		if (value_is(w, "--"))
			break;
		if (w->known && strchr(valued, w->text[w->bytes - 1]))
			i++;
	}
	return i < c->count ? i : c->count;
}

/* The value of option -x: -x VALUE or -xVALUE; NULL: it is not there. */
static const struct guard_value *option_value(const struct call *c, char letter, const char *valued,
					      struct guard_value *room)
{
	for (size_t i = 1; i < c->count && c->words[i].text[0] == '-' && c->words[i].bytes > 1; i++) {
		const struct guard_value *w = &c->words[i];

		for (size_t k = 1; k < w->bytes; k++) {
			if (!strchr(valued, w->text[k]))
				continue;
			if (w->text[k] == letter && k + 1 < w->bytes) {
				*room = value_from(w, k + 1);
				return room;
			}
			if (w->text[k] == letter)
				return i + 1 < c->count ? &c->words[i + 1] : NULL;
			if (k + 1 == w->bytes)
				i++;
			break;
		}
	}
	return NULL;
}

static bool has_flag(const struct call *c, char letter)
{
	for (size_t i = 1; i < c->count && c->words[i].text[0] == '-' && c->words[i].bytes > 1; i++)
		if (strchr(c->words[i].text + 1, letter))
			return true;
	return false;
}

/* ------------------------------------------------------------------------------------------------ directories */

static void do_cd(struct call *c)
{
	size_t i = skip_options(c, "");
	struct guard_value to;

	if (i < c->count && value_is(&c->words[i], "-"))
		to = var_value(c->sh, "OLDPWD");
	else if (i < c->count)
		to = c->words[i];
	else
		to = var_value(c->sh, "HOME");
	if (to.bytes > 0)
		directory_set(c->sh, &to);
}

static void do_pushd(struct call *c)
{
	if (c->count > 1 && !strchr("+-", c->words[1].text[0]))
		do_cd(c);
	else if (c->count == 1)
		do_cd(&(struct call){
			.sh = c->sh, .words = (struct guard_value[]){ value_of("cd"), value_of("-") }, .count = 2 });
}

static void do_popd(struct call *c)
{
	do_cd(&(struct call){
		.sh = c->sh, .words = (struct guard_value[]){ value_of("cd"), value_of("-") }, .count = 2 });
}

/* ------------------------------------------------------------------------------------------------ reading */

static int descriptor(const struct call *c, const char *valued)
{
	struct guard_value room;
	const struct guard_value *v = option_value(c, 'u', valued, &room);
	unsigned long fd = v ? strtoul(v->text, NULL, 10) : 0;

	return fd < FD_COUNT ? (int)fd : 0;
}

/* One line, without its end; false: there is no more. */
static bool take_line(struct shell *sh, struct input *in, char delimiter, struct guard_value *ret)
{
	const char *start = in->text.text + in->at;
	size_t left = in->text.bytes - in->at;
	const char *end = memchr(start, delimiter, left);
	size_t n = end ? (size_t)(end - start) : left;

	if (left == 0)
		return false;
	*ret = value_copy(sh->walk->arena, start, n);
	ret->taint = in->text.taint;
	in->at += end ? n + 1 : n;
	return true;
}

static char delimiter_of(const struct call *c, const char *valued)
{
	struct guard_value room;
	const struct guard_value *v = option_value(c, 'd', valued, &room);

	return v && v->bytes > 0 ? v->text[0] : '\n';
}

/* IFS, also as it stands in front of the command: IFS=: read a b */
static const char *separators(struct shell *sh)
{
	for (size_t i = sh->env_count; i > 0; i--)
		if (strcmp(sh->env[i - 1].name, "IFS") == 0)
			return sh->env[i - 1].value.text;
	return var_value(sh, "IFS").text;
}

/* The line's words to the names, the rest to the last. */
static void assign_line(struct shell *sh, const struct guard_value *line, const struct guard_value *names, size_t count)
{
	const char *ifs = separators(sh), *at = line->text, *end = line->text + line->bytes;

	for (size_t i = 0; i < count; i++) {
		const char *start, *stop;
		struct guard_value v;

		while (at < end && strchr(ifs, *at) && strchr(" \t\n", *at))
			at++;
		start = at;
		if (i + 1 == count) {
			stop = end;
			while (stop > start && strchr(ifs, stop[-1]) && strchr(" \t\n", stop[-1]))
				stop--;
			at = end;
		} else {
			while (at < end && !strchr(ifs, *at))
				at++;
			stop = at;
			if (at < end)
				at++;
		}
		v = value_copy(sh->walk->arena, start, (size_t)(stop - start));
		/* Of a line that nobody knows every name may hold a part. */
		if (!line->known && value_is_unknown(line))
			v = *line;
		v.taint = line->taint;
		if (names[i].known)
			var_set(sh, names[i].text, v);
	}
}

static void do_read(struct call *c)
{
	static const char valued[] = "adinNptu";
	struct guard_value line = value_unknown(0), room, reply = value_of("REPLY");
	const struct guard_value *array = option_value(c, 'a', valued, &room);
	struct fd *fd = &c->sh->fds[descriptor(c, valued)];
	size_t first = skip_options(c, valued);

	if (fd->kind == FD_INPUT)
		c->sh->took_line |=
			take_line(c->sh, fd->input, delimiter_of(c, valued), &line) || (line = value_of(""), false);
	else if (fd->kind == FD_NETWORK)
		line = value_unknown(GUARD_TAINT_NETWORK);
	if (array) {
		struct values items = VALUES(c->sh);

		for (size_t at = 0; at < line.bytes;) {
			size_t n = strcspn(line.text + at, " \t\n");

			if (n > 0)
				values_add(&items, value_copy(c->sh->walk->arena, line.text + at, n));
			at += n + 1;
		}
		var_set_array(c->sh, array->text, items.items, NULL, items.count);
		return;
	}
	if (first >= c->count)
		assign_line(c->sh, &line, &reply, 1);
	else
		assign_line(c->sh, &line, c->words + first, c->count - first);
}

static void do_mapfile(struct call *c)
{
	static const char valued[] = "dnOsuCc";
	struct fd *fd = &c->sh->fds[descriptor(c, valued)];
	size_t first = skip_options(c, valued);
	struct values items = VALUES(c->sh);
	struct guard_value line;

	if (fd->kind == FD_INPUT)
		while (take_line(c->sh, fd->input, delimiter_of(c, valued), &line) && items.count < 4096)
			values_add(&items, line);
	else
		values_add(&items, value_unknown(fd->kind == FD_NETWORK ? GUARD_TAINT_NETWORK : 0));
	var_set_array(c->sh, first < c->count ? c->words[first].text : "MAPFILE", items.items, NULL, items.count);
}

/* ------------------------------------------------------------------------------------------------ variables */

static void do_set(struct call *c)
{
	size_t i = 1;

	for (; i < c->count && strchr("-+", c->words[i].text[0]) && c->words[i].bytes > 0; i++) {
		const struct guard_value *w = &c->words[i];

		if (value_is(w, "--") || value_is(w, "-")) {
			c->sh->args = c->words + i + 1;
			c->sh->arg_count = c->count - i - 1;
			c->sh->args_open = false;
			return;
		}
		if (strchr(w->text, 'f'))
			c->sh->no_globs = w->text[0] == '-';
		if (w->text[w->bytes - 1] == 'o')
			i++;
	}
	if (c->count == 1) {
		struct guard_value all = value_unknown(GUARD_TAINT_ENV);

		write_fd(c->sh, 1, &all);
	}
	if (i < c->count) {
		c->sh->args = c->words + i;
		c->sh->arg_count = c->count - i;
		c->sh->args_open = false;
	}
}

static void do_shift(struct call *c)
{
	size_t n = c->count > 1 && c->words[1].known ? strtoul(c->words[1].text, NULL, 10) : 1;

	if (n > c->sh->arg_count)
		return;
	c->sh->args += n;
	c->sh->arg_count -= n;
}

static void do_unset(struct call *c)
{
	bool functions = has_flag(c, 'f');

	for (size_t i = skip_options(c, ""); i < c->count; i++)
		if (c->words[i].known && !functions && guard_is_name(c->words[i].text, c->words[i].bytes))
			var_unset(c->sh, c->words[i].text);
}

/* export and its kin where they are not written as such: command export A=1 */
static void do_declare(struct call *c)
{
	for (size_t i = skip_options(c, ""); i < c->count; i++) {
		const char *equals = strchr(c->words[i].text, '=');
		const char *name = c->words[i].text;

		if (equals) {
			name = guard_arena_copy(c->sh->walk->arena, name, (size_t)(equals - name));
			var_set(c->sh, name,
				value_from(&c->words[i], (size_t)(equals + 1 - c->words[i].text)));
		}
		if (value_is(&c->words[0], "export") && guard_is_name(name, strlen(name)))
			var_export(c->sh, name);
	}
}

static void do_alias(struct call *c)
{
	for (size_t i = skip_options(c, ""); i < c->count; i++) {
		const char *equals = strchr(c->words[i].text, '=');
		struct alias *a;

		if (!equals || equals == c->words[i].text)
			continue;
		a = GUARD_NEW(c->sh->walk->arena, struct alias);
		a->name = guard_arena_copy(c->sh->walk->arena, c->words[i].text, (size_t)(equals - c->words[i].text));
		a->value = value_from(&c->words[i], (size_t)(equals + 1 - c->words[i].text));
		a->next = c->sh->aliases;
		c->sh->aliases = a;
	}
}

/* hash -p PATH NAME: NAME is that program from now on. */
static void do_hash(struct call *c)
{
	struct alias *a;

	if (c->count != 4 || !value_is(&c->words[1], "-p"))
		return;
	a = GUARD_NEW(c->sh->walk->arena, struct alias);
	a->name = c->words[3].text;
	a->value = c->words[2];
	a->next = c->sh->aliases;
	c->sh->aliases = a;
}

static void do_let(struct call *c)
{
	for (size_t i = 1; i < c->count; i++) {
		struct part p = { .kind = PART_LITERAL, .text = c->words[i].text, .bytes = c->words[i].bytes };

		expand_arithmetic(c->sh, &(struct word){ .parts = &p });
	}
}

static void do_getopts(struct call *c)
{
	if (c->count > 2 && c->words[2].known) {
		var_set(c->sh, c->words[2].text, value_unknown(0));
		var_set(c->sh, "OPTARG", value_unknown(0));
	}
}

static void do_printf(struct call *c)
{
	struct text t = TEXT(c->sh);
	struct guard_value v, room;
	const struct guard_value *variable =
		c->count > 2 && value_begins(&c->words[1], "-v") ? option_value(c, 'v', "v", &room) : NULL;
	size_t first = variable == &room ? 2 : variable ? 3 : 1;

	if (first < c->count && value_is(&c->words[first], "--"))
		first++;
	print_formatted(c->sh, &t, c->words + first, c->count - first);
	v = text_take(&t);
	if (variable && variable->known)
		var_set(c->sh, variable->text, v);
	else
		write_fd(c->sh, 1, &v);
}

/* ------------------------------------------------------------------------------------------------ running text */

static void do_eval(struct call *c)
{
	size_t i = c->count > 1 && value_is(&c->words[1], "--") ? 2 : 1;
	struct guard_value code = words_as_code(c->sh, c->words + i, c->count - i);

	run_text(c->sh, &code, "eval", c->self);
}

static void do_source(struct call *c)
{
	size_t i = skip_options(c, "p");
	struct fd before = c->sh->fds[FD_COUNT - 1];
	struct guard_value text = value_of("");
	struct guard_value *args = c->sh->args;
	size_t arg_count = c->sh->arg_count;

	/* fish reads its standard input then. */
	if (i >= c->count) {
		text = read_all(c->sh, &c->sh->fds[0]);
		run_text(c->sh, &text, "source", c->self);
		return;
	}
	if (script_text(c->sh, &c->words[i], &text)) {
		;
	} else if (value_begins(&c->words[i], "/dev/") || value_begins(&c->words[i], "/proc/self/fd/")) {
		open_file(c->sh, FD_COUNT - 1, c->words[i].text, GUARD_READ);
		text = read_all(c->sh, &c->sh->fds[FD_COUNT - 1]);
		c->sh->fds[FD_COUNT - 1] = before;
	} else {
		judge_file(c->sh, file_taint(c->sh, c->words[i].text, false), c->self);
		return;
	}
	if (c->count > i + 1) {
		c->sh->args = c->words + i + 1;
		c->sh->arg_count = c->count - i - 1;
	}
	run_text(c->sh, &text, "source", c->self);
	c->sh->args = args;
	c->sh->arg_count = arg_count;
}

static void do_exec(struct call *c)
{
	size_t i = skip_options(c, "a");

	if (i < c->count)
		run_under(c->sh, c->words + i, c->count - i, c->self, "exec", 0);
}

static void do_trap(struct call *c)
{
	struct shell sub = subshell_of(c->sh);
	struct exit_trap **at_exit = c->sh->at_exit, *trap;
	size_t i = skip_options(c, "");
	bool maybe = c->sh->flags & GUARD_MAYBE;

	if (!at_exit || i + 2 != c->count || !text_in(c->words[i + 1].text, "EXIT 0")) {
		if (i + 1 < c->count && !value_is(&c->words[i], "-"))
			run_text(&sub, &c->words[i], "trap", c->self);
		return;
	}
	/* In one branch of several, what was there before may still be. */
	if (!maybe)
		*at_exit = NULL;
	if (value_is(&c->words[i], "-"))
		return;
	trap = GUARD_NEW(c->sh->walk->arena, struct exit_trap);
	*trap = (struct exit_trap){ &c->words[i], c->self, *at_exit };
	*at_exit = trap;
}

static void do_nothing(struct call *c)
{
	(void)c;
}

bool run_builtin(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	static const struct {
		const char *name;
		void (*run)(struct call *c);
	} builtins[] = {
		{ ".", do_source },        { ":", do_nothing },      { "[", do_nothing },       { "alias", do_alias },
		{ "bind", do_nothing },    { "cd", do_cd },          { "chdir", do_cd },        { "declare", do_declare },
		{ "eval", do_eval },       { "exec", do_exec },      { "exit", do_nothing },    { "export", do_declare },
		{ "false", do_nothing },   { "getopts", do_getopts }, { "hash", do_hash },      { "let", do_let },
		{ "local", do_declare },   { "mapfile", do_mapfile }, { "popd", do_popd },      { "printf", do_printf },
		{ "pushd", do_pushd },     { "read", do_read },      { "readarray", do_mapfile }, { "readonly", do_declare },
		{ "return", do_nothing },  { "set", do_set },        { "shift", do_shift },     { "shopt", do_nothing },
		{ "source", do_source },   { "test", do_nothing },   { "trap", do_trap },       { "true", do_nothing },
		{ "typeset", do_declare }, { "unset", do_unset },    { "wait", do_nothing },
	};
	struct call c = { .sh = sh, .words = words, .count = count, .self = self };

	/* A path names a program, not the builtin of that name; for the few that are both it makes no difference. */
	if (strchr(words[0].text, '/') && strcmp(name, "printf") != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(builtins); i++)
		if (strcmp(name, builtins[i].name) == 0) {
			builtins[i].run(&c);
			return true;
		}
	return false;
}
