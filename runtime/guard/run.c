/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <string.h>

#include "libccm/macros.h"
#include "reader.h"

/* What a pattern or a fragment in the place of a program may stand for. */
static const char *const known_programs[] = {
	"rm", "rmdir", "unlink", "shred", "dd", "mkfs", "mkfs.ext4", "mv", "cp", "chmod", "chown", "cat", "find", "xargs", "sh", "bash",
	"dash", "zsh", "ksh", "python", "python3", "perl", "ruby", "node", "php", "curl", "wget", "nc", "ncat", "sudo", "env", "git",
	"kill", "killall", "pkill", "shutdown", "reboot", "halt", "poweroff", "truncate", "tee", "base64", "eval", "docker", "kubectl",
};

const char *joined_words(struct shell *sh, const struct guard_value *words, size_t count)
{
	struct text t = TEXT(sh);

	for (size_t i = 0; i < count && t.bytes < 160; i++) {
		if (i > 0)
			text_addc(&t, ' ');
		for (size_t k = 0; k < words[i].bytes && t.bytes < 200; k++) {
			char c = words[i].text[k];

			if (c == GUARD_UNKNOWN)
				text_adds(&t, "${?}");
			else
				text_addc(&t, c == GUARD_STAR ? '*' : c == GUARD_ONE ? '?' : c == '\n' ? ' ' : c);
		}
	}
	return text_take(&t).text;
}

struct guard_value words_as_code(struct shell *sh, const struct guard_value *words, size_t count)
{
	struct text t = TEXT(sh);

	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_addc(&t, ' ');
		text_add_value(&t, &words[i]);
	}
	return text_take(&t);
}

/* ------------------------------------------------------------------------------------------------ names */

static const char *matching_program(const char *pattern, size_t bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_programs); i++)
		if (value_matches(known_programs[i], strlen(known_programs[i]), pattern, bytes))
			return known_programs[i];
	return NULL;
}

static bool holds(const struct guard_value *v, char c)
{
	return memchr(v->text, c, v->bytes) != NULL;
}

const char *base_name(struct shell *sh, const struct guard_value *word)
{
	const char *text = word->text, *slash;

	if (!word->known) {
		struct text t = TEXT(sh);

		/* What is unknown in it is most often empty. */
		for (size_t i = 0; i < word->bytes; i++)
			if (text[i] != GUARD_UNKNOWN)
				text_addc(&t, text[i]);
		text = text_take(&t).text;
	}
	slash = strrchr(text, '/');
	if (slash && slash[1])
		text = slash + 1;
	if (!text[0])
		return NULL;
	if (holds(word, GUARD_STAR) || holds(word, GUARD_ONE))
		return matching_program(text, strlen(text));
	return text;
}

bool is_shell(const char *name)
{
	static const char names[] = "sh bash dash zsh ksh ksh93 mksh ash rbash rzsh rksh fish csh tcsh yash posh hush lksh oksh loksh "
				    "elvish xonsh nu oil osh ysh bash4 bash5";

	return text_in(name, names);
}

/* A copy of a program, or a link to it, under another name. */
static const char *program_behind(struct shell *sh, const struct guard_value *word)
{
	const struct file *f = word->known && strchr(word->text, '/') ? file_find(sh, word->text) : NULL;

	return f ? f->program : NULL;
}

/* ------------------------------------------------------------------------------------------------ commands */

/* git in, or with -C for, a directory that was made just now. */
static bool git_is_fresh(struct shell *sh, const struct guard_value *words, size_t count)
{
	const char *directory = directory_of(sh);

	for (size_t i = 1; i + 1 < count && words[i].text[0] == '-'; i++) {
		if (value_begins(&words[i], "--git-dir") || value_begins(&words[i], "--work-tree"))
			return false;
		if (value_is(&words[i], "-C"))
			directory = absolute(sh, words[i + 1].text);
		i += value_is(&words[i], "-C") || value_is(&words[i], "-c");
	}
	return directory && is_fresh(sh, directory);
}

struct emitted *emit(struct shell *sh, const struct guard_value *words, size_t count)
{
	struct walk *w = sh->walk;
	struct emitted *e = GUARD_NEW(w->arena, struct emitted);
	struct guard_command *c = &e->command;
	const char *name = count > 0 ? base_name(sh, &words[0]) : NULL,
		   *program = count > 0 ? program_behind(sh, &words[0]) : NULL;

	c->words = words;
	c->count = count;
	c->name = program ? program : name;
	c->env = sh->env;
	c->env_count = sh->env_count;
	c->redirects = sh->redirects;
	c->redirect_count = sh->redirect_count;
	c->directory = directory_of(sh);
	c->input = read_all(sh, &sh->fds[0]);
	c->flags = sh->flags;
	for (size_t i = 1; i < count; i++)
		if (words[i].taint & GUARD_TAINT_OF_CCM)
			c->flags |= GUARD_OF_CCM;
	if (c->name && strcmp(c->name, "git") == 0 && git_is_fresh(sh, words, count))
		c->flags |= GUARD_FRESH;
	c->runs_in = sh->runs_in ? &sh->runs_in->command : NULL;
	c->via = sh->via;
	c->offset = sh->offset;
	c->bytes = sh->bytes;
	if (w->command_count >= GUARD_COMMANDS_MAX) {
		too_complex(w, "it runs too many commands");
		e->index = SIZE_MAX;
		return e;
	}
	e->index = w->command_count++;
	*w->commands_tail = e;
	w->commands_tail = &e->next;
	return e;
}

static const char *via_with(struct shell *sh, const char *name)
{
	struct text t = TEXT(sh);

	if (!name[0])
		return sh->via;
	text_adds(&t, sh->via);
	if (sh->via[0])
		text_adds(&t, " > ");
	text_adds(&t, name);
	return text_take(&t).text;
}

void run_under(struct shell *sh, struct guard_value *words, size_t count, const struct emitted *by, const char *via,
	       unsigned flags)
{
	const char *old_via = sh->via;
	const struct emitted *old_by = sh->runs_in;
	unsigned old_flags = sh->flags;
	bool old_no_functions = sh->no_functions;

	if (count == 0)
		return;
	if (sh->walk->depth >= 110) {
		too_complex(sh->walk, "programs that run programs, too deep");
		return;
	}
	sh->walk->depth++;
	sh->via = via_with(sh, via);
	sh->runs_in = by;
	sh->flags |= flags;
	/* Functions and aliases are the shell's own: sudo, command and the rest know programs only. */
	sh->no_functions = via[0] != '\0';
	run_command(sh, words, count);
	sh->no_functions = old_no_functions;
	sh->via = old_via;
	sh->runs_in = old_by;
	sh->flags = old_flags;
	sh->walk->depth--;
}

/* Variables whose value other programs run as a command. */
static void run_environment(struct shell *sh, const struct emitted *by)
{
	static const char names[] = "PROMPT_COMMAND GIT_SSH_COMMAND GIT_EDITOR EDITOR VISUAL PAGER GIT_PAGER MANPAGER "
				    "GIT_EXTERNAL_DIFF GIT_ASKPASS LESSOPEN BROWSER";

	for (size_t i = 0; i < sh->env_count; i++) {
		const struct guard_assignment *a = &sh->env[i];
		struct shell sub;

		if (!text_in(a->name, names) || !a->value.known || !strchr(a->value.text, ' '))
			continue;
		sub = subshell_of(sh);
		sub.flags |= GUARD_MAYBE;
		sub.env = NULL;
		sub.env_count = 0;
		run_text(&sub, &a->value, a->name, by);
	}
}

/* A word as bash would have to read it to get it back. */
static void add_quoted(struct text *t, const struct guard_value *v)
{
	text_addc(t, '\'');
	for (size_t i = 0; i < v->bytes; i++)
		if (v->text[i] == '\'')
			text_adds(t, "'\\''");
		else if (v->text[i] == GUARD_STAR)
			text_adds(t, "'*'");
		else
			text_addc(t, v->text[i]);
	text_addc(t, '\'');
	t->taint |= v->taint;
}

static bool run_alias(struct shell *sh, struct guard_value *words, size_t count)
{
	struct text t = TEXT(sh);
	struct guard_value code;
	struct alias *a = sh->aliases;

	if (words[0].quoted || !words[0].known)
		return false;
	while (a && strcmp(a->name, words[0].text) != 0)
		a = a->next;
	if (!a || a->active)
		return false;
	text_add_value(&t, &a->value);
	for (size_t i = 1; i < count; i++) {
		text_addc(&t, ' ');
		add_quoted(&t, &words[i]);
	}
	code = text_take(&t);
	a->active = true;
	run_text(sh, &code, "alias", NULL);
	a->active = false;
	return true;
}

/* A script that this text, or this session, wrote: it is judged as if typed. True if its text is known. */
static bool run_script(struct shell *sh, struct guard_value *words, size_t count, struct emitted *self)
{
	const struct file *f = words[0].known && strchr(words[0].text, '/') ? file_find(sh, words[0].text) : NULL;
	struct guard_value content, *interpreter;
	const char *line_end;
	struct shell sub;
	size_t n = 0;

	if (!words[0].known || !strchr(words[0].text, '/'))
		return false;
	if (f && (f->content.taint & (GUARD_TAINT_NETWORK | GUARD_TAINT_DECODED)))
		add_fact(sh,
			 f->content.taint & GUARD_TAINT_NETWORK ? GUARD_FACT_RUNS_DOWNLOAD : GUARD_FACT_RUNS_DECODED,
			 self, joined_words(sh, words, count));
	if (!script_text(sh, &words[0], &content))
		return false;
	content.taint = 0;
	sub = subshell_of(sh);
	if (content.bytes > 2 && value_begins(&content, "#!")) {
		struct text t = TEXT(sh);

		/* The interpreter named there is run with the script, as the kernel does it. */
		line_end = memchr(content.text, '\n', content.bytes);
		text_add(&t, content.text + 2, (line_end ? (size_t)(line_end - content.text) : content.bytes) - 2);
		interpreter = GUARD_NEWN(sh->walk->arena, struct guard_value, count + 8);
		content = text_take(&t);
		for (const char *at = content.text; n < 7;) {
			size_t length;

			at += strspn(at, " \t\r");
			length = strcspn(at, " \t\r");
			if (length == 0)
				break;
			interpreter[n++] = value_copy(sh->walk->arena, at, length);
			at += length;
		}
		for (size_t i = 0; i < count; i++)
			interpreter[n++] = words[i];
		if (n > count)
			run_under(&sub, interpreter, n, self, "", 0);
		return true;
	}
	sub.args = words + 1;
	sub.arg_count = count - 1;
	sub.name = words[0];
	run_process(&sub, &content, words[0].text, self);
	return true;
}

/* 1A=2 CMD: bash would look for a program of that name; other shells, and people, mean an assignment. */
static bool is_odd_assignment(const struct guard_value *word)
{
	const char *equals = strchr(word->text, '=');

	if (!equals || equals == word->text || !(word->text[0] >= '0' && word->text[0] <= '9'))
		return false;
	for (const char *c = word->text; c < equals; c++)
		if (!guard_is_name(c, 1) && !(*c >= '0' && *c <= '9'))
			return false;
	return true;
}

static void run_named(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	if (run_builtin(sh, name, words, count, self))
		return;
	if (run_wrapper(sh, name, words, count, self))
		return;
	if (is_shell(name)) {
		run_shell(sh, name, words, count, self);
		return;
	}
	if (run_interpreter(sh, name, words, count, self))
		return;
	follow_files(sh, name, words, count, self);
	print_output(sh, name, words, count, self);
}

void run_command(struct shell *sh, struct guard_value *words, size_t count)
{
	struct guard_value nothing_known;
	struct emitted *self;
	const char *name;

	if (!step(sh))
		return;
	if (count == 0) {
		emit(sh, words, 0);
		return;
	}
	if (!sh->no_functions && run_alias(sh, words, count))
		return;
	if (!sh->no_functions && words[0].known && call_function(sh, words[0].text, words, count)) {
		sh->last_arg = words[count - 1];
		return;
	}
	self = emit(sh, words, count);
	name = self->command.name;
	run_environment(sh, self);
	sh->last_arg = words[count - 1];
	if (name && is_odd_assignment(&words[0]) && count > 1) {
		run_under(sh, words + 1, count - 1, self, "", GUARD_MAYBE);
		return;
	}
	if (!name || (words[0].taint & (GUARD_TAINT_NETWORK | GUARD_TAINT_DECODED))) {
		enum guard_fact_kind kind = words[0].taint & GUARD_TAINT_NETWORK ? GUARD_FACT_RUNS_DOWNLOAD :
					    words[0].taint & GUARD_TAINT_DECODED ? GUARD_FACT_RUNS_DECODED :
										   GUARD_FACT_UNKNOWN_PROGRAM;

		add_fact(sh, kind, self, joined_words(sh, words, count));
	}
	if (!name) {
		nothing_known = value_unknown(words[0].taint);
		write_fd(sh, 1, &nothing_known);
		/* It may be empty, and then the next word is the program. */
		if (!words[0].quoted && count > 1)
			run_under(sh, words + 1, count - 1, self, "", GUARD_MAYBE);
		return;
	}
	if (run_script(sh, words, count, self))
		return;
	run_named(sh, name, words, count, self);
}
