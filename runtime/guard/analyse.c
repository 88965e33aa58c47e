/* SPDX-License-Identifier: MIT */
#include "analyse.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "libccm/macros.h"
#include "parse.h"
#include "shell.h"

#define NESTING_MAX 120 /* statements within statements, functions in functions, texts in texts: our own stack */
#define EXIT_ROUNDS 4            /* traps on EXIT that trap EXIT */
#define REDIRECTS_MAX 256        /* of one command and those around it */
#define ROUNDS_MAX 256           /* of a loop whose end is computed */
#define ITEMS_MAX 256            /* of a loop, before only those count that are more than plain names */
#define LINES_MAX 4096           /* that a loop reads */

static const char *const fact_names[] = {
	[GUARD_FACT_RUNS_DOWNLOAD] = "runs-download",
	[GUARD_FACT_RUNS_DECODED] = "runs-decoded",
	[GUARD_FACT_RUNS_UNKNOWN] = "runs-unknown",
	[GUARD_FACT_UNKNOWN_PROGRAM] = "unknown-program",
	[GUARD_FACT_SENDS_SECRET] = "sends-secret",
	[GUARD_FACT_SENDS_CREDENTIAL] = "sends-credential",
	[GUARD_FACT_REVERSE_SHELL] = "reverse-shell",
	[GUARD_FACT_FORK_BOMB] = "fork-bomb",
	[GUARD_FACT_TOO_COMPLEX] = "too-complex",
	[GUARD_FACT_NOT_PARSED] = "not-parsed",
};

const char *guard_fact_name(enum guard_fact_kind kind)
{
	return fact_names[kind];
}

/* ------------------------------------------------------------------------------------------------ facts and bounds */

static void add_fact_at(struct walk *w, enum guard_fact_kind kind, size_t command, const char *detail)
{
	for (size_t i = 0; i < w->fact_count; i++)
		if (w->facts[i].kind == kind && w->facts[i].command == command &&
		    strcmp(w->facts[i].detail, detail) == 0)
			return;
	if (w->fact_count == w->fact_room) {
		size_t room = w->fact_room ? w->fact_room * 2 : 8;

		if (room > 4096)
			return;
		w->facts =
			guard_arena_grow(w->arena, w->facts, w->fact_room * sizeof *w->facts, room * sizeof *w->facts);
		w->fact_room = room;
	}
	w->facts[w->fact_count++] = (struct guard_fact){ .kind = kind, .command = command, .detail = detail };
}

void add_fact(struct shell *sh, enum guard_fact_kind kind, const struct emitted *command, const char *detail)
{
	size_t index = command ? command->index : sh->walk->command_count > 0 ? sh->walk->command_count - 1 : SIZE_MAX;

	add_fact_at(sh->walk, kind, index, guard_arena_strdup(sh->walk->arena, detail));
}

void too_complex(struct walk *w, const char *what)
{
	if (!w->too_complex)
		add_fact_at(w, GUARD_FACT_TOO_COMPLEX, SIZE_MAX, what);
	w->too_complex = true;
}

bool step(struct shell *sh)
{
	if (sh->walk->steps >= GUARD_STEPS_MAX || sh->walk->arena->bytes > ((size_t)128 << 20)) {
		too_complex(sh->walk, "it does too many things");
		return false;
	}
	sh->walk->steps++;
	return true;
}

/* ------------------------------------------------------------------------------------------------ texts */

static void add_problem(struct walk *w, const char *problem)
{
	if (!w->analysis->problem)
		w->analysis->problem = guard_arena_strdup(w->arena, problem);
	add_fact_at(w, GUARD_FACT_NOT_PARSED, SIZE_MAX, w->analysis->problem);
}

static struct stmt *parse(struct shell *sh, const char *text, size_t bytes)
{
	struct guard_parsing p = { .parser = sh->walk->source->parser,
				   .without_parser = sh->walk->source->without_parser, .nested = sh->walk->texts > 0,
				   .runs = &sh->walk->parser_runs, .spent_us = sh->walk->analysis->parse_us };
	struct stmt *s = guard_parse(sh->walk->arena, text, bytes, &p);

	sh->walk->analysis->parsed |= p.parsed;
	sh->walk->analysis->parse_us += p.took_us;
	if (p.problem && !sh->lenient)
		add_problem(sh->walk, p.problem);
	return s;
}

/* What is known of a text that is about to run. */
static void judge_text(struct shell *sh, const struct guard_value *text, const struct emitted *by)
{
	const char *what = by ? joined_words(sh, by->command.words, by->command.count) : "eval";
	size_t i = strspn(text->text, " \t\n");

	if (text->taint & GUARD_TAINT_NETWORK)
		add_fact(sh, GUARD_FACT_RUNS_DOWNLOAD, by, what);
	else if (text->taint & GUARD_TAINT_DECODED)
		add_fact(sh, GUARD_FACT_RUNS_DECODED, by, what);
	else if (text->text[i] == GUARD_UNKNOWN)
		add_fact(sh, GUARD_FACT_RUNS_UNKNOWN, by, what);
}

bool judge_file(struct shell *sh, unsigned taint, const struct emitted *command)
{
	if (!(taint & (GUARD_TAINT_NETWORK | GUARD_TAINT_CLONED)))
		return false;
	add_fact(sh, taint & GUARD_TAINT_NETWORK ? GUARD_FACT_RUNS_DOWNLOAD : GUARD_FACT_RUNS_UNKNOWN, command,
		 joined_words(sh, command->command.words, command->command.count));
	return true;
}

const struct guard_value *unknown_input_file(struct shell *sh)
{
	const struct fd *in = &sh->fds[0];

	if (in->kind != FD_INPUT || !value_is_unknown(&in->input->text) || in->input->text.taint)
		return NULL;
	for (size_t i = sh->redirect_count; i > 0; i--)
		if (sh->redirects[i - 1].fd == 0)
			return sh->redirects[i - 1].kind == GUARD_READ && sh->redirects[i - 1].target.known ?
				       &sh->redirects[i - 1].target : NULL;
	return NULL;
}

void drop_read_texts(struct shell *sh)
{
	struct guard_redirect *kept;
	size_t n = 0;

	if (sh->redirect_count == 0)
		return;
	kept = GUARD_NEWN(sh->walk->arena, struct guard_redirect, sh->redirect_count);
	for (size_t i = 0; i < sh->redirect_count; i++)
		if (sh->redirects[i].kind != GUARD_HEREDOC)
			kept[n++] = sh->redirects[i];
	sh->redirects = kept;
	sh->redirect_count = n;
}

void run_text(struct shell *sh, const struct guard_value *text, const char *via, const struct emitted *by)
{
	struct guard_redirect *redirects = sh->redirects;
	size_t redirect_count = sh->redirect_count;
	const char *old_via = sh->via, *old_text = sh->text;
	const struct emitted *old_by = sh->runs_in;
	size_t old_bytes = sh->text_bytes;
	bool outermost = sh->outermost, no_functions = sh->no_functions;
	struct guard_value code = value_as_code(sh->walk->arena, text);
	struct text path = TEXT(sh);

	if (text->bytes == 0 || !step(sh))
		return;
	judge_text(sh, text, by);
	if (value_is_unknown(text))
		return;
	if (sh->walk->texts >= GUARD_DEPTH_MAX || sh->walk->depth >= NESTING_MAX) {
		too_complex(sh->walk, "texts that run texts, too deep");
		return;
	}
	text_adds(&path, sh->via);
	if (via[0]) {
		text_adds(&path, sh->via[0] ? " > " : "");
		text_adds(&path, via);
	}
	sh->via = text_take(&path).text;
	sh->runs_in = by ? by : sh->runs_in;
	sh->text = code.text;
	sh->text_bytes = code.bytes;
	sh->outermost = false;
	sh->no_functions = false;
	drop_read_texts(sh);
	sh->walk->texts++;
	walk_list(sh, parse(sh, code.text, code.bytes));
	sh->walk->texts--;
	sh->redirects = redirects;
	sh->redirect_count = redirect_count;
	sh->via = old_via;
	sh->runs_in = old_by;
	sh->text = old_text;
	sh->text_bytes = old_bytes;
	sh->outermost = outermost;
	sh->no_functions = no_functions;
}

/* What was trapped on EXIT, and what that traps. */
static void run_at_exit(struct shell *sh)
{
	struct exit_trap *trap;

	for (int rounds = 0; (trap = *sh->at_exit) && rounds < EXIT_ROUNDS && step(sh); rounds++) {
		*sh->at_exit = NULL;
		for (; trap; trap = trap->next) {
			sh->offset = trap->by->command.offset;
			sh->bytes = trap->by->command.bytes;
			run_text(sh, trap->text, "trap", trap->by);
		}
	}
	sh->at_exit = NULL;
}

void walk_process(struct shell *sh, struct stmt *list)
{
	struct exit_trap *traps = NULL;

	sh->at_exit = &traps;
	walk_list(sh, list);
	run_at_exit(sh);
}

void run_process(struct shell *sh, const struct guard_value *text, const char *via, const struct emitted *by)
{
	struct exit_trap *traps = NULL;

	sh->at_exit = &traps;
	run_text(sh, text, via, by);
	run_at_exit(sh);
}

struct guard_value output_of(struct shell *sh, struct stmt *list)
{
	struct shell sub = subshell_of(sh);
	struct sink sink = { .text = TEXT(sh) };

	sub.fds[1] = (struct fd){ .kind = FD_SINK, .sink = &sink };
	sub.redirects = NULL;
	sub.redirect_count = 0;
	walk_process(&sub, list);
	return text_take(&sink.text);
}

/* ------------------------------------------------------------------------------------------------ redirections */

static void record_redirect(struct shell *sh, int fd, enum guard_redirect_kind kind, const struct guard_value *target)
{
	struct guard_redirect *list;

	if (sh->redirect_count >= REDIRECTS_MAX) {
		too_complex(sh->walk, "too many redirections");
		return;
	}
	list = GUARD_NEWN(sh->walk->arena, struct guard_redirect, sh->redirect_count + 1);
	if (sh->redirect_count > 0)
		memcpy(list, sh->redirects, sh->redirect_count * sizeof *list);
	list[sh->redirect_count] = (struct guard_redirect){ .fd = fd, .kind = kind, .target = *target };
	sh->redirects = list;
	sh->redirect_count++;
}

/* N of /dev/fd/N, /proc/self/fd/N, /dev/stdin, ...; -1: it is no descriptor of ours. */
static int descriptor_of(const char *path)
{
	static const char *const prefixes[] = { "/dev/fd/", "/proc/self/fd/" };
	static const char *const names[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };

	for (int i = 0; i < 3; i++)
		if (strcmp(path, names[i]) == 0)
			return i;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(path, prefixes[i], n) == 0 && path[n] &&
		    strspn(path + n, "0123456789") == strlen(path + n)) {
			unsigned long fd = strtoul(path + n, NULL, 10);

			return fd < FD_COUNT ? (int)fd : -1;
		}
	}
	return -1;
}

void open_file(struct shell *sh, int fd, const char *path, enum guard_redirect_kind kind)
{
	struct fd *to = &sh->fds[fd];
	int other = descriptor_of(path);
	struct guard_value nothing = value_of(""), text;

	if (other >= 0) {
		*to = sh->fds[other];
	} else if (is_network_path(path)) {
		*to = (struct fd){ .kind = FD_NETWORK, .path = path };
	} else if (strcmp(path, "/dev/null") == 0) {
		*to = (struct fd){ .kind = FD_NULL };
	} else if (kind == GUARD_READ || kind == GUARD_READ_WRITE) {
		text = file_read(sh, path);
		*to = input_of(sh->walk, &text);
		if (kind == GUARD_READ_WRITE)
			to->path = path;
	} else {
		if (kind == GUARD_WRITE)
			file_write(sh, path, &nothing, false);
		*to = (struct fd){ .kind = FD_FILE, .path = path };
	}
}

static int free_descriptor(const struct shell *sh)
{
	for (int i = 10; i < FD_COUNT; i++)
		if (sh->fds[i].kind == FD_UNKNOWN || sh->fds[i].kind == FD_CLOSED)
			return i;
	return FD_COUNT - 1;
}

static int descriptor_for(struct shell *sh, const struct redirect *r, int usual)
{
	char digits[16];
	int fd = r->fd < 0 ? usual : r->fd;

	if (r->variable) {
		fd = free_descriptor(sh);
		snprintf(digits, sizeof digits, "%d", fd);
		var_set(sh, r->variable, value_copy(sh->walk->arena, digits, strlen(digits)));
	}
	return fd < FD_COUNT ? fd : FD_COUNT - 1;
}

/* >&2, <&$fd, >&-, and >&file */
static void redirect_dup(struct shell *sh, const struct redirect *r, int fd)
{
	struct guard_value target = expand_one(sh, r->word, EXPAND_ARGUMENT);

	if (target.known && target.bytes > 0 && strspn(target.text, "0123456789") == strcspn(target.text, "-") &&
	    strspn(target.text, "0123456789-") == target.bytes) {
		unsigned long from = strtoul(target.text, NULL, 10);

		if (target.text[0] == '-')
			sh->fds[fd] = (struct fd){ .kind = FD_CLOSED };
		else
			sh->fds[fd] = sh->fds[from < FD_COUNT ? from : FD_COUNT - 1];
		record_redirect(sh, fd, GUARD_DUP, &target);
		return;
	}
	if (!target.known && value_is_unknown(&target)) {
		sh->fds[fd] = (struct fd){ 0 };
		return;
	}
	open_file(sh, fd, target.text, r->op == REDIRECT_DUP_IN ? GUARD_READ : GUARD_WRITE);
	if (r->op == REDIRECT_DUP_OUT && r->fd < 0)
		sh->fds[2] = sh->fds[1];
	record_redirect(sh, r->fd < 0 && r->op == REDIRECT_DUP_OUT ? -1 : fd,
			r->op == REDIRECT_DUP_IN ? GUARD_READ : GUARD_WRITE, &target);
}

static void redirect_text(struct shell *sh, const struct redirect *r, int fd)
{
	struct guard_value text;

	if (r->op == REDIRECT_HEREDOC) {
		text = r->heredoc ? expand_one(sh, r->heredoc, EXPAND_PLAIN) : value_of("");
	} else {
		struct text t = TEXT(sh);

		text = expand_one(sh, r->word, EXPAND_PLAIN);
		text_add_value(&t, &text);
		text_addc(&t, '\n');
		text = text_take(&t);
	}
	text.quoted = false;
	sh->fds[fd] = input_of(sh->walk, &text);
	record_redirect(sh, fd, GUARD_HEREDOC, &text);
}

static void apply_redirects(struct shell *sh, const struct redirect *list)
{
	static const enum guard_redirect_kind kinds[] = {
		[REDIRECT_READ] = GUARD_READ, [REDIRECT_WRITE] = GUARD_WRITE, [REDIRECT_APPEND] = GUARD_APPEND,
		[REDIRECT_READ_WRITE] = GUARD_READ_WRITE, [REDIRECT_BOTH] = GUARD_WRITE,
		[REDIRECT_BOTH_APPEND] = GUARD_APPEND,
	};

	for (const struct redirect *r = list; r; r = r->next) {
		bool reads = r->op == REDIRECT_READ || r->op == REDIRECT_READ_WRITE || r->op == REDIRECT_DUP_IN ||
			     r->op == REDIRECT_HEREDOC || r->op == REDIRECT_HERESTRING;
		int fd = descriptor_for(sh, r, reads ? 0 : 1);
		struct guard_value target;

		switch (r->op) {
		case REDIRECT_DUP_IN:
		case REDIRECT_DUP_OUT:
			redirect_dup(sh, r, fd);
			break;
		case REDIRECT_HEREDOC:
		case REDIRECT_HERESTRING:
			redirect_text(sh, r, fd);
			break;
		default:
			target = expand_one(sh, r->word, EXPAND_ARGUMENT);
			open_file(sh, fd, target.text, kinds[r->op]);
			if (r->op == REDIRECT_BOTH || r->op == REDIRECT_BOTH_APPEND) {
				sh->fds[2] = sh->fds[1];
				fd = -1;
			}
			record_redirect(sh, fd, kinds[r->op], &target);
		}
	}
}

/* ------------------------------------------------------------------------------------------------ assignments */

static struct guard_value appended(struct shell *sh, const char *name, const struct guard_value *more)
{
	struct guard_value old = var_find(sh, name) ? var_value(sh, name) : value_of("");
	struct text t = TEXT(sh);

	text_add_value(&t, &old);
	text_add_value(&t, more);
	return text_take(&t);
}

static void assign_array(struct shell *sh, const struct assign *a)
{
	struct values items = VALUES(sh);
	struct var *old = var_find(sh, a->name);
	const char **keys = NULL;
	size_t n = 0;

	if (a->append && old)
		for (size_t i = 0; i < old->count; i++)
			values_add(&items, old->items[i]);
	for (const struct element *e = a->elements; e; e = e->next)
		n++;
	for (const struct element *e = a->elements; e; e = e->next) {
		struct guard_value key;
		int64_t index;

		if (!e->index) {
			expand_word(sh, e->value, &items);
			continue;
		}
		key = expand_one(sh, e->index, EXPAND_PLAIN);
		if (arith(sh, &key, &index) && index >= 0 && index < 1024 && key.bytes > 0 && key.text[0] >= '0' &&
		    key.text[0] <= '9') {
			while (items.count <= (size_t)index)
				values_add(&items, value_of(""));
			items.items[index] = expand_one(sh, e->value, EXPAND_PLAIN);
			continue;
		}
		if (!keys)
			keys = GUARD_NEWN(sh->walk->arena, const char *, n + items.count + 1024);
		keys[items.count] = key.text;
		values_add(&items, expand_one(sh, e->value, EXPAND_PLAIN));
	}
	var_set_array(sh, a->name, items.items, keys, items.count);
}

static void assign_element(struct shell *sh, const struct assign *a)
{
	struct guard_value key = expand_one(sh, a->index, EXPAND_PLAIN),
			   v = expand_one(sh, a->value, EXPAND_ASSIGNMENT);
	struct var *old = var_find(sh, a->name);
	struct values items = VALUES(sh);
	size_t count = old ? old->count : 0, at;
	const char **keys = GUARD_NEWN(sh->walk->arena, const char *, count + 1026);
	bool keyed = (old && old->keys) || !(key.bytes > 0 && key.text[0] >= '0' && key.text[0] <= '9');
	int64_t index = -1;

	for (size_t i = 0; i < count; i++) {
		values_add(&items, old->items[i]);
		keys[i] = old->keys ? old->keys[i] : NULL;
	}
	if (!keyed && (!arith(sh, &key, &index) || index < 0 || index >= 1024))
		return;
	at = keyed ? items.count : (size_t)index;
	for (size_t i = 0; keyed && i < items.count; i++)
		if (keys[i] && strcmp(keys[i], key.text) == 0)
			at = i;
	while (items.count <= at)
		values_add(&items, value_of(""));
	items.items[at] = v;
	keys[at] = key.text;
	var_set_array(sh, a->name, items.items, keyed ? keys : NULL, items.count);
}

static void assign_one(struct shell *sh, const struct assign *a)
{
	struct guard_value v;

	if (a->array) {
		assign_array(sh, a);
	} else if (a->index) {
		assign_element(sh, a);
	} else {
		v = expand_one(sh, a->value, EXPAND_ASSIGNMENT);
		if (a->append)
			v = appended(sh, a->name, &v);
		var_set(sh, a->name, v);
	}
}

/* For a further value of what the right side may be: the variable may have this one or those it already has. */
static void assign_also(struct shell *sh, const struct assign *a)
{
	struct var *before, *now;

	before = var_newest(&sh->vars, a->name);
	if (before) {
		struct var *copy = GUARD_NEW(sh->walk->arena, struct var);

		*copy = *before;
		before = copy;
	}
	assign_one(sh, a);
	now = var_newest(&sh->vars, a->name);
	if (now && before)
		now->other = before;
}

static void assign_all(struct shell *sh, const struct assign *a)
{
	for (; a; a = a->next)
		if (sh->choice > 0)
			assign_also(sh, a);
		else
			assign_one(sh, a);
}

/* FOO=bar in front of a command: in its environment only. */
static void assign_for_command(struct shell *sh, const struct assign *list)
{
	struct guard_assignment *env;
	size_t n = sh->env_count;

	for (const struct assign *a = list; a; a = a->next)
		n++;
	env = GUARD_NEWN(sh->walk->arena, struct guard_assignment, n + 1);
	if (sh->env_count > 0)
		memcpy(env, sh->env, sh->env_count * sizeof *env);
	n = sh->env_count;
	for (const struct assign *a = list; a; a = a->next) {
		struct guard_value v = expand_one(sh, a->value, EXPAND_ASSIGNMENT);

		if (a->append)
			v = appended(sh, a->name, &v);
		env[n++] = (struct guard_assignment){ .name = a->name, .value = v };
	}
	sh->env = env;
	sh->env_count = n;
}

/* ------------------------------------------------------------------------------------------------ simple commands */

static bool is_plain_exec(const struct values *words)
{
	return words->count == 1 && value_is(&words->items[0], "exec");
}

static void simple_once(struct shell *sh, const struct stmt *s)
{
	struct values words = VALUES(sh);
	struct fd fds[FD_COUNT];
	struct guard_redirect *redirects = sh->redirects;
	struct guard_assignment *env = sh->env;
	size_t redirect_count = sh->redirect_count, env_count = sh->env_count;

	expand_words(sh, s->words, &words);
	if (words.count == 0)
		assign_all(sh, s->assigns);
	memcpy(fds, sh->fds, sizeof fds);
	apply_redirects(sh, s->redirects);
	if (words.count > 0 && s->assigns)
		assign_for_command(sh, s->assigns);
	if (words.count > 0 || sh->redirect_count > redirect_count)
		run_command(sh, words.items, words.count);
	if (words.count == 0 && s->redirects && sh->fds[1].kind == FD_SINK && sh->fds[0].kind == FD_INPUT) {
		struct guard_value text = read_all(sh, &sh->fds[0]);

		write_fd(sh, 1, &text);      /* $(<file) */
	}
	if (!is_plain_exec(&words))
		memcpy(sh->fds, fds, sizeof fds);
	sh->redirects = redirects;
	sh->redirect_count = redirect_count;
	if (words.count > 0 && s->assigns) {
		sh->env = env;
		sh->env_count = env_count;
	}
}

/* Once for each value that a variable in it may have. */
static void for_each_choice(struct shell *sh, const struct stmt *s,
			    void (*once)(struct shell *sh, const struct stmt *s))
{
	unsigned choice = sh->choice, choices = sh->choices, most = 1;

	for (unsigned i = 0; i < most; i++) {
		sh->choice = i;
		sh->choices = 1;
		once(sh, s);
		if (sh->choices > most)
			most = sh->choices;
	}
	sh->choice = choice;
	sh->choices = choices;
}

static void declare_options(const struct guard_value *v, bool *exports, bool *references, bool *prints)
{
	for (size_t i = 1; i < v->bytes && v->text[0] == '-'; i++) {
		*exports |= v->text[i] == 'x';
		*references |= v->text[i] == 'n';
		*prints |= v->text[i] == 'p';
	}
}

/* declare, export, local, readonly, typeset: assignments that may mark; also a command, for the rules to see. */
static void declare_once(struct shell *sh, const struct stmt *s)
{
	struct values words = VALUES(sh);
	bool exports, references = false, prints = false;

	expand_words(sh, s->words, &words);
	if (words.count == 0)
		return;
	exports = value_is(&words.items[0], "export");
	for (const struct assign *a = s->assigns; a; a = a->next) {
		struct text t = TEXT(sh);
		struct guard_value v;

		if (!a->name) {
			struct values more = VALUES(sh);

			expand_word(sh, a->value, &more);
			for (size_t i = 0; i < more.count; i++) {
				const char *equals = strchr(more.items[i].text, '=');

				declare_options(&more.items[i], &exports, &references, &prints);
				values_add(&words, more.items[i]);
				if (equals && more.items[i].text[0] != '-') {
					const char *name = guard_arena_copy(sh->walk->arena, more.items[i].text,
									    (size_t)(equals - more.items[i].text));

					var_set(sh, name, value_from(&more.items[i],
								     (size_t)(equals + 1 - more.items[i].text)));
					if (exports)
						var_export(sh, name);
				}
			}
			continue;
		}
		text_adds(&t, a->name);
		if (!a->naked) {
			if (sh->choice > 0)
				assign_also(sh, a);
			else
				assign_one(sh, a);
			v = var_value(sh, a->name);
			text_addc(&t, '=');
			text_add_value(&t, &v);
			if (references)
				var_find(sh, a->name)->reference = true;
		}
		if (exports)
			var_export(sh, a->name);
		values_add(&words, text_take(&t));
	}
	if (prints || !s->assigns) {
		struct guard_value all = value_unknown(GUARD_TAINT_ENV);

		write_fd(sh, 1, &all);
	}
	emit(sh, words.items, words.count);
}

/* ------------------------------------------------------------------------------------------------ functions */

/* Fork bombs. What a function is certain to start is followed through other functions; it is a bomb if it comes back to
 * itself and something was left running on the way: a pipe, or a command in the background. */
struct chase {
	struct shell *sh;
	const char *target;
	unsigned depth, steps;
};

static bool chase_list(struct chase *c, const struct stmt *s, bool parallel);

static struct function *function_find(const struct shell *sh, const char *name)
{
	for (struct function *f = sh->functions; f; f = f->next)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static bool chase_call(struct chase *c, const struct stmt *s, bool parallel)
{
	const struct part *p = s->words ? s->words->parts : NULL;
	const char *name;
	struct function *f;
	bool found = false;

	if (!p || p->next || p->kind != PART_LITERAL)
		return false;
	name = guard_arena_copy(c->sh->walk->arena, p->text, p->bytes);
	if (strcmp(name, c->target) == 0)
		return parallel;
	f = function_find(c->sh, name);
	if (!f || f->mark)
		return false;
	f->mark = true;
	found = chase_list(c, f->body, parallel);
	f->mark = false;
	return found;
}

static bool chase_stmt(struct chase *c, const struct stmt *s, bool parallel)
{
	parallel |= s->background;
	if (++c->steps > 2000)
		return false;
	switch (s->kind) {
	case STMT_SIMPLE:
		return chase_call(c, s, parallel);
	case STMT_PIPE:
		return chase_list(c, s->body, true);
	case STMT_AND_OR:
		return chase_stmt(c, s->body, parallel);
	case STMT_BLOCK:
	case STMT_SUBSHELL:
	case STMT_TIME:
	case STMT_COPROC:
		return chase_list(c, s->body, parallel || s->kind == STMT_COPROC);
	default:
		return false;
	}
}

static bool chase_list(struct chase *c, const struct stmt *s, bool parallel)
{
	for (; s; s = s->next)
		if (chase_stmt(c, s, parallel))
			return true;
	return false;
}

static bool is_bomb(struct shell *sh, struct function *f)
{
	struct chase c = { .sh = sh, .target = f->name };
	bool found;

	f->mark = true;
	found = chase_list(&c, f->body, false);
	f->mark = false;
	return found;
}

bool call_function(struct shell *sh, const char *name, struct guard_value *words, size_t count)
{
	struct function *f = function_find(sh, name);
	struct guard_value *args = sh->args;
	size_t arg_count = sh->arg_count;
	bool open = sh->args_open;

	if (!f)
		return false;
	if (!f->called && is_bomb(sh, f))
		add_fact(sh, GUARD_FACT_FORK_BOMB, NULL, f->name);
	f->called = true;
	if (f->depth >= 2 || sh->walk->depth >= NESTING_MAX)
		return true;
	f->depth++;
	sh->args = words + 1;
	sh->arg_count = count - 1;
	sh->args_open = sh->flags & GUARD_ARGS_OPEN;
	walk_list(sh, f->body);
	f->depth--;
	sh->args = args;
	sh->arg_count = arg_count;
	sh->args_open = open;
	return true;
}

static void define_function(struct shell *sh, const struct stmt *s)
{
	struct function *f = GUARD_NEW(sh->walk->arena, struct function);

	f->name = s->name;
	f->body = s->body;
	f->next = sh->functions;
	f->defined_before = sh->walk->defined;
	sh->functions = sh->walk->defined = f;
}

/* ------------------------------------------------------------------------------------------------ statements */

static void walk_pipe(struct shell *sh, const struct stmt *s)
{
	struct guard_value carried = value_of("");

	for (struct stmt *stage = s->body; stage; stage = stage->next) {
		struct shell sub = subshell_of(sh);
		struct sink sink = { .text = TEXT(sh) };
		struct exit_trap *traps = NULL;

		sub.at_exit = &traps;
		if (stage != s->body)
			sub.fds[0] = input_of(sh->walk, &carried);
		if (stage->next) {
			sub.fds[1] = (struct fd){ .kind = FD_SINK, .sink = &sink };
			if (stage->next->join == JOIN_PIPE_ALL)
				sub.fds[2] = sub.fds[1];
		}
		walk_stmt(&sub, stage);
		run_at_exit(&sub);
		carried = text_take(&sink.text);
	}
}

/* A command that only says yes or no, so that what follows && may as well not run. */
static bool is_question(const struct stmt *s)
{
	static const char *const names[] = { "[", "test", "grep", "command", "which", "type", "false" };
	const struct part *p = s->kind == STMT_SIMPLE && s->words ? s->words->parts : NULL;

	if (s->kind == STMT_TEST || s->kind == STMT_ARITH)
		return true;
	for (size_t i = 0; p && i < ARRAY_SIZE(names); i++)
		if (p->kind == PART_LITERAL && p->bytes == strlen(names[i]) && memcmp(p->text, names[i], p->bytes) == 0)
			return true;
	return false;
}

static void walk_perhaps(struct shell *sh, struct stmt *s, unsigned flags)
{
	struct vars base = sh->vars, ends[2] = { sh->vars };
	unsigned scope = sh->scope, before = sh->flags;

	sh->scope = ++sh->walk->scopes;
	sh->flags |= flags;
	walk_stmt(sh, s);
	sh->flags = before;
	sh->scope = scope;
	ends[1] = sh->vars;
	vars_merge(sh, &base, ends, 2);
}

static void walk_and_or(struct shell *sh, const struct stmt *s)
{
	bool perhaps = false;

	for (struct stmt *item = s->body; item; item = item->next) {
		perhaps = item->join == JOIN_OR || (item->join == JOIN_AND && perhaps);
		if (perhaps)
			walk_perhaps(sh, item, 0);
		else
			walk_stmt(sh, item);
		perhaps = is_question(item) || (perhaps && item->join == JOIN_AND);
	}
}

/* Each list from the same beginning; afterwards any of them may have been the one. A NULL list changes nothing. */
static void walk_branches(struct shell *sh, struct stmt *const *lists, size_t count)
{
	struct vars base = sh->vars, *ends = GUARD_NEWN(sh->walk->arena, struct vars, count);
	unsigned scope = sh->scope, flags = sh->flags;

	sh->flags |= GUARD_MAYBE;
	for (size_t i = 0; i < count; i++) {
		sh->vars = base;
		sh->scope = ++sh->walk->scopes;
		walk_list(sh, lists[i]);
		ends[i] = sh->vars;
	}
	sh->flags = flags;
	sh->scope = scope;
	vars_merge(sh, &base, ends, count);
}

static bool is_word(const struct stmt *s, const char *list)
{
	const struct part *p = s->kind == STMT_SIMPLE && s->words ? s->words->parts : NULL;

	if (!p || p->next || p->kind != PART_LITERAL)
		return false;
	for (const char *at = list; *at;) {
		size_t n = strcspn(at, " ");

		if (n == p->bytes && memcmp(at, p->text, n) == 0)
			return true;
		at += n + (at[n] == ' ');
	}
	return false;
}

/* while true; do x & done */
static void judge_loop(struct shell *sh, const struct stmt *s)
{
	bool parallel = false;

	if (!s->cond || s->cond->next || !is_word(s->cond, "true :"))
		return;
	for (const struct stmt *b = s->body; b; b = b->next) {
		parallel |= b->background;
		/* Something in it takes time, or ends it. */
		if (!b->background && !is_word(b, "echo : true"))
			return;
	}
	if (parallel)
		add_fact(sh, GUARD_FACT_FORK_BOMB, NULL, "a loop without end that starts one after the other");
}

static void walk_loop(struct shell *sh, const struct stmt *s)
{
	struct vars base = sh->vars, ends[2] = { base };
	unsigned scope = sh->scope;

	judge_loop(sh, s);
	sh->scope = ++sh->walk->scopes;
	for (int i = 0; i < LINES_MAX; i++) {
		bool took = sh->took_line, again;

		sh->took_line = false;
		walk_list(sh, s->cond);
		again = sh->took_line;
		sh->took_line = took;
		if (i > 0 && !again)
			break;
		walk_list(sh, s->body);
		if (!again || !step(sh))
			break;
	}
	sh->scope = scope;
	ends[1] = sh->vars;
	vars_merge(sh, &base, ends, 2);
}

static struct values items_of(struct shell *sh, const struct stmt *s)
{
	struct values items = VALUES(sh);
	unsigned choice = sh->choice, choices = sh->choices, most = 1;

	if (!s->has_words) {
		for (size_t i = 0; i < sh->arg_count; i++)
			values_add(&items, sh->args[i]);
		if (sh->args_open)
			values_add(&items, value_unknown(0));
		return items;
	}
	for (unsigned i = 0; i < most; i++) {
		sh->choice = i;
		sh->choices = 1;
		expand_words(sh, s->words, &items);
		most = sh->choices > most ? sh->choices : most;
	}
	sh->choice = choice;
	sh->choices = choices;
	return items;
}

static bool is_plain_name(const struct guard_value *v)
{
	for (size_t i = 0; i < v->bytes; i++)
		if (v->text[i] != '_' && v->text[i] != '-' && !(v->text[i] >= '0' && v->text[i] <= '9') &&
		    !((v->text[i] | 32) >= 'a' && (v->text[i] | 32) <= 'z'))
			return false;
	return true;
}

static void walk_for(struct shell *sh, const struct stmt *s)
{
	struct values items = items_of(sh, s);

	for (size_t i = 0; i < items.count && step(sh); i++) {
		/* The thousandth number does nothing that the first two hundred did not. */
		if (i >= ITEMS_MAX && is_plain_name(&items.items[i]))
			continue;
		var_set(sh, s->name, items.items[i]);
		walk_list(sh, s->body);
	}
}

static void walk_for_arith(struct shell *sh, const struct stmt *s)
{
	struct word *condition = s->words ? s->words->next : NULL, *last = condition ? condition->next : NULL;

	if (s->words)
		expand_arithmetic(sh, s->words);
	for (int i = 0; i < ROUNDS_MAX && step(sh); i++) {
		struct guard_value text = expand_one(sh, condition, EXPAND_PLAIN);
		int64_t result;
		bool known = arith(sh, &text, &result) && text.bytes > 0;

		if (known && !result)
			break;
		walk_list(sh, s->body);
		if (last)
			expand_arithmetic(sh, last);
		if (!known)
			break;
	}
}

static bool arm_matches(struct shell *sh, const struct arm *arm, const struct guard_value *word)
{
	for (const struct word *p = arm->patterns; p; p = p->next) {
		struct guard_value pattern = expand_one(sh, p, EXPAND_PATTERN);

		if (value_matches(word->text, word->bytes, pattern.text, pattern.bytes))
			return true;
	}
	return false;
}

static void walk_case(struct shell *sh, const struct stmt *s)
{
	struct guard_value word = expand_one(sh, s->words, EXPAND_PLAIN);
	size_t count = 0, n = 0;
	struct stmt **lists;

	for (const struct arm *arm = s->arms; arm; arm = arm->next) {
		count++;
		if (word.known && arm_matches(sh, arm, &word)) {
			walk_list(sh, arm->body);
			return;
		}
	}
	if (word.known)
		return;
	lists = GUARD_NEWN(sh->walk->arena, struct stmt *, count + 1);
	for (const struct arm *arm = s->arms; arm; arm = arm->next)
		lists[n++] = arm->body;
	walk_branches(sh, lists, count + 1);
}

static void walk_coproc(struct shell *sh, const struct stmt *s)
{
	struct shell sub = subshell_of(sh);
	struct sink sink = { .text = TEXT(sh) };
	struct guard_value *ends = GUARD_NEWN(sh->walk->arena, struct guard_value, 2), text;
	int fd = free_descriptor(sh);
	char digits[16];

	sub.fds[1] = (struct fd){ .kind = FD_SINK, .sink = &sink };
	sub.flags |= GUARD_BACKGROUND;
	walk_process(&sub, s->body);
	text = text_take(&sink.text);
	sh->fds[fd] = input_of(sh->walk, &text);
	snprintf(digits, sizeof digits, "%d", fd);
	ends[0] = value_copy(sh->walk->arena, digits, strlen(digits));
	ends[1] = value_unknown(0);
	var_set_array(sh, s->name ? s->name : "COPROC", ends, NULL, 2);
}

static void walk_if(struct shell *sh, const struct stmt *s)
{
	struct stmt *lists[2] = { s->body, s->orelse };

	walk_list(sh, s->cond);
	walk_branches(sh, lists, 2);
}

static void walk_words(struct shell *sh, const struct word *w)
{
	for (; w; w = w->next)
		expand_one(sh, w, EXPAND_PLAIN);
}

static void walk_kind(struct shell *sh, struct stmt *s)
{
	struct shell sub;

	switch (s->kind) {
	case STMT_SIMPLE:
		for_each_choice(sh, s, simple_once);
		break;
	case STMT_DECLARE:
		for_each_choice(sh, s, declare_once);
		break;
	case STMT_AND_OR:
		walk_and_or(sh, s);
		break;
	case STMT_PIPE:
		walk_pipe(sh, s);
		break;
	case STMT_SUBSHELL:
		sub = subshell_of(sh);
		walk_process(&sub, s->body);
		break;
	case STMT_BLOCK:
	case STMT_TIME:
		walk_list(sh, s->body);
		break;
	case STMT_IF:
		walk_if(sh, s);
		break;
	case STMT_LOOP:
		walk_loop(sh, s);
		break;
	case STMT_FOR:
		walk_for(sh, s);
		break;
	case STMT_FOR_ARITH:
		walk_for_arith(sh, s);
		break;
	case STMT_CASE:
		walk_case(sh, s);
		break;
	case STMT_FUNCTION:
		define_function(sh, s);
		break;
	case STMT_TEST:
		walk_words(sh, s->words);
		break;
	case STMT_ARITH:
		for (struct word *w = s->words; w; w = w->next)
			expand_arithmetic(sh, w);
		break;
	case STMT_COPROC:
		walk_coproc(sh, s);
		break;
	}
}

static void walk_redirected(struct shell *sh, struct stmt *s)
{
	struct fd fds[FD_COUNT];
	struct guard_redirect *redirects = sh->redirects;
	size_t redirect_count = sh->redirect_count;

	memcpy(fds, sh->fds, sizeof fds);
	apply_redirects(sh, s->redirects);
	walk_kind(sh, s);
	memcpy(sh->fds, fds, sizeof fds);
	sh->redirects = redirects;
	sh->redirect_count = redirect_count;
}

void walk_stmt(struct shell *sh, struct stmt *s)
{
	struct walk *w = sh->walk;

	if (!step(sh))
		return;
	if (w->depth >= NESTING_MAX) {
		too_complex(w, "nested too deeply");
		return;
	}
	w->depth++;
	if (sh->outermost && s->text && s->text >= w->text && s->text <= w->text + w->bytes) {
		sh->offset = (size_t)(s->text - w->text);
		sh->bytes = s->bytes;
	}
	if (s->background) {
		struct shell sub = subshell_of(sh);
		struct stmt copy = *s;

		copy.background = false;
		sub.flags |= GUARD_BACKGROUND;
		walk_stmt(&sub, &copy);
	} else if (s->redirects && s->kind != STMT_SIMPLE && s->kind != STMT_FUNCTION) {
		walk_redirected(sh, s);
	} else {
		walk_kind(sh, s);
	}
	w->depth--;
}

void walk_list(struct shell *sh, struct stmt *s)
{
	for (; s; s = s->next)
		walk_stmt(sh, s);
}

/* ------------------------------------------------------------------------------------------------ the whole */

static void start_shell(struct shell *sh, struct walk *w)
{
	sh->walk = w;
	sh->name = value_of("bash");
	sh->last_arg = value_of("");
	sh->via = "";
	sh->text = w->text;
	sh->text_bytes = w->bytes;
	sh->outermost = true;
	sh->bytes = w->bytes;
	sh->scope = ++w->scopes;
	var_set(sh, "PWD", value_of(guard_arena_strdup(w->arena, w->source->directory)));
}

/* What was defined and never called may be called later, from a shell that stays. */
static void walk_uncalled(struct shell *sh)
{
	sh->flags |= GUARD_MAYBE;
	for (struct function *f = sh->walk->defined; f; f = f->defined_before)
		if (!f->called) {
			f->called = true;
			sh->args_open = true;
			walk_list(sh, f->body);
		}
}

static void hand_over(struct walk *w)
{
	struct guard_command *list = GUARD_NEWN(w->arena, struct guard_command, w->command_count + 1);
	size_t n = 0;

	for (const struct emitted *e = w->commands; e; e = e->next) {
		list[n] = e->command;
		if (e->command.runs_in) {
			size_t by = ((const struct emitted *)(const void *)e->command.runs_in)->index;

			list[n].runs_in = by == SIZE_MAX ? NULL : &list[by];
		}
		n++;
	}
	w->analysis->commands = list;
	w->analysis->count = n;
	w->analysis->facts = w->facts;
	w->analysis->fact_count = w->fact_count;
}

/* NUL bytes are what no shell is given. */
static void take_text(struct walk *w)
{
	char *text = guard_arena_alloc(w->arena, w->source->bytes + 1);

	for (size_t i = 0; i < w->source->bytes; i++)
		if (w->source->text[i] < '\0' || w->source->text[i] > GUARD_ONE)
			text[w->bytes++] = w->source->text[i];
	w->text = text;
}

int guard_analyse(const struct guard_source *source, struct guard_analysis **ret)
{
	struct guard_arena *arena = guard_arena_new();
	struct guard_analysis *a;
	struct walk *w;
	struct shell *sh;

	if (!arena)
		return -ENOMEM;
	if (setjmp(arena->out_of_memory)) {
		guard_arena_free(arena);
		return -ENOMEM;
	}
	a = GUARD_NEW(arena, struct guard_analysis);
	a->arena = arena;
	w = GUARD_NEW(arena, struct walk);
	w->arena = arena;
	w->source = source;
	w->analysis = a;
	w->commands_tail = &w->commands;
	take_text(w);
	sh = GUARD_NEW(arena, struct shell);
	start_shell(sh, w);
	walk_process(sh, parse(sh, w->text, w->bytes));
	walk_uncalled(sh);
	hand_over(w);
	*ret = a;
	return 0;
}

void guard_analysis_free(struct guard_analysis *a)
{
	if (a)
		guard_arena_free(a->arena);
}

void guard_analysis_freep(struct guard_analysis **a)
{
	guard_analysis_free(*a);
}
