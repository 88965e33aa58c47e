/* SPDX-License-Identifier: MIT */
#include "match.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "arena.h"
#include "libccm/macros.h"
#include "value.h"

#define STATEMENTS_MAX 10000         /* SQL, of one command */
#define TOOLS_MAX 16                 /* that may be called by the same name */
#define MATCHED_MAX 64               /* operands that conditions are asked about */

enum so { NO, MAYBE, YES };

struct operand {
	const char *text;
	const struct guard_value *value;
	bool open, classified, followed;
	struct guard_path_class class, linked;
};

struct option {
	const char *name;            /* "-r", "--force", "-delete", "--" */
	size_t bytes;
	const char *value;           /* NULL: none */
	bool abbreviable;
};

/* A command as its tool reads it. */
struct args {
	const struct guard_command *command;
	struct guard_tool *tool;     /* NULL: nobody said anything of it */
	struct option *options;
	size_t option_count, option_allocated;
	struct operand *operands;
	size_t operand_count, operand_allocated;
	struct operand *targets;     /* of the redirects */
	struct operand *files[4];    /* that it writes, reads, removes, sends */
	size_t file_count[4], file_allocated[4];
	bool has_files[4];
	bool maybe_options;          /* a word that nobody knows may hold some */
	char **statements;           /* SQL */
	size_t statement_count, statement_allocated;
	bool has_statements;
};

/* Which rules are for commands of that name. */
struct bucket {
	const char *name;
	uint32_t *rules;
	size_t count, allocated;
	struct guard_tool *tools[TOOLS_MAX]; /* that may be called so */
	size_t tool_count;
	struct bucket *next;
};

struct matcher {
	struct guard_judge *j;
	const struct guard_analysis *a;
	struct guard_arena *arena;
	struct bucket *buckets;
	uint32_t *anywhere;          /* rules that are for all commands */
	size_t anywhere_count, anywhere_allocated;
	size_t worst_rule;
	char parent[PATH_MAX], real_parent[PATH_MAX];        /* the directory that was resolved last */
	char real_home[PATH_MAX];    /* where the project really is; "": not asked yet */
};

/* What a rule has met so far. */
struct meeting {
	const struct guard_value *operands[MATCHED_MAX];
	size_t operand_count;
	bool more_operands;          /* than there is room for */
	size_t skipped;              /* operands that are the sub-command */
	const char *word;
	bool maybe;
	bool unread_option, unread_sub;      /* rests on a word that may hold an option, or the sub-command */
	bool sure_option, sure_operand;      /* ... and on one that is dangerous as it stands */
};

/* ---- Reading the words ---- */

static void *grown(struct matcher *m, void *list, size_t count, size_t *allocated, size_t size)
{
	size_t more = *allocated ? *allocated * 2 : 16;

	if (count < *allocated)
		return list;
	list = guard_arena_grow(m->arena, list, *allocated * size, more * size);
	*allocated = more;
	return list;
}

static struct option *add_option(struct matcher *m, struct args *a, const char *name, size_t bytes)
{
	struct option *o;

	a->options = grown(m, a->options, a->option_count, &a->option_allocated, sizeof *a->options);
	o = &a->options[a->option_count++];
	*o = (struct option){ .name = name, .bytes = bytes };
	return o;
}

static void add_operand(struct matcher *m, struct args *a, const struct guard_value *value)
{
	a->operands = grown(m, a->operands, a->operand_count, &a->operand_allocated, sizeof *a->operands);
	a->operands[a->operand_count++] = (struct operand){ .text = value->text, .value = value };
}

static bool in_list(const char *list, const char *word, size_t bytes)
{
	for (const char *at = list; at && *at;) {
		size_t n = 0;

		while (n < bytes && at[n] == word[n])
			n++;
		if (n == bytes && n > 0 && (!at[n] || at[n] == '|' || at[n] == ' ' || at[n] == '\t'))
			return true;
		for (at += n; *at && *at != '|' && *at != ' ' && *at != '\t'; at++)
			;
		while (*at == '|' || *at == ' ' || *at == '\t')
			at++;
	}
	return false;
}

/* Does the option take the next word as its value? */
static bool is_valued(const struct args *a, const char *option, size_t bytes)
{
	if (!a->tool)
		return false;
	if (in_list(a->tool->valued, option, bytes))
		return true;
	for (const struct guard_sub_valued *v = a->tool->subs; v; v = v->next) {
		const char *at = v->sub;
		bool meant = true;

		for (size_t i = 0; *at && meant; i++) {
			size_t n = strcspn(at, " ");

			meant = i < a->operand_count && guard_glob(at, n, a->operands[i].text, false);
			at += n;
			at += strspn(at, " ");
		}
		if (meant && in_list(v->options, option, bytes))
			return true;
	}
	return false;
}

/* Options behind one dash: each letter one, until one takes the rest as its value. Returns how many more words were used. */
static size_t read_bundle(struct matcher *m, struct args *a, size_t i, const char *letters)
{
	const struct guard_command *c = a->command;
	size_t first = a->option_count;

	for (const char *at = letters; *at; at++) {
		char *name = guard_arena_alloc(m->arena, 3);
		struct option *o;

		name[0] = '-';
		name[1] = *at;
		o = add_option(m, a, name, 2);
		if (*at == GUARD_UNKNOWN) {
			a->maybe_options = true;
			break;
		}
		if (is_valued(a, name, 2)) {
			if (at[1]) {
				o->value = at + 1 + (at[1] == '=');
				return 0;
			}
			if (i + 1 < c->count)
				o->value = c->words[i + 1].text;
			return 1;
		}
		/* Not known to take one: what follows may be it all the same. */
		if (at[1])
			o->value = at + 1 + (at[1] == '=');
		else if (i + 1 < c->count && a->option_count - first == 1)
			o->value = c->words[i + 1].text;
	}
	return 0;
}

/* pkill -USR1: the name of a signal is one option, not letters. */
static bool is_signal(const char *program, const char *word)
{
	static const char names[] = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU "
				    "URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

	return program && strstr(program, "kill") && isupper((unsigned char)word[0]) && word[1] &&
	       text_in(strncmp(word, "SIG", 3) ? word : word + 3, names);
}

static size_t read_option(struct matcher *m, struct args *a, size_t i)
{
	const struct guard_command *c = a->command;
	const char *word = c->words[i].text, *equals = strchr(word, '=');
	bool single = a->tool && a->tool->single, longer = word[1] == '-';
	size_t bytes = equals ? (size_t)(equals - word) : strlen(word);
	struct option *o;

	if (strchr(word, GUARD_UNKNOWN) && (!equals || strchr(word, GUARD_UNKNOWN) < equals))
		a->maybe_options = true;
	if (is_signal(c->name, word + 1)) {
		add_option(m, a, word, bytes);
		return 0;
	}
	if (!longer && !single) {
		size_t used = read_bundle(m, a, i, word + 1);

		add_option(m, a, word, bytes)->value = equals ? equals + 1 : i + 1 < c->count ? c->words[i + 1].text : NULL;
		return used;
	}
	if (single && longer) {              /* --name is -name */
		word++;
		bytes--;
	}
	o = add_option(m, a, word, bytes);
	o->abbreviable = longer && !single && !(a->tool && (a->tool->plain || in_list(a->tool->whole, word, bytes)));
	if (equals) {
		o->value = equals + 1;
		return 0;
	}
	if (i + 1 < c->count)
		o->value = c->words[i + 1].text;
	return is_valued(a, word, bytes);
}

/* The words that find -exec runs are another command's. */
static size_t skip_exec(const struct guard_command *c, size_t i)
{
	const char *word = c->words[i].text;
	size_t at = i + 1;

	if (strcmp(word, "-exec") && strcmp(word, "-execdir") && strcmp(word, "-ok") && strcmp(word, "-okdir"))
		return 0;
	for (; at < c->count; at++) {
		if (!strcmp(c->words[at].text, ";"))
			break;
		if (!strcmp(c->words[at].text, "+") && at > i + 1 && strstr(c->words[at - 1].text, "{}"))
			break;
	}
	return at - i;
}

/* The tool that the command is, and how many of its words that takes: the one of most words. */
static struct guard_tool *tool_of(struct matcher *m, const struct bucket *b, const struct guard_command *c, size_t *ret_words)
{
	struct guard_tool *best = NULL;

	*ret_words = 1;
	for (size_t i = 0; b && i < b->tool_count; i++) {
		size_t words = guard_names_meet(b->tools[i]->names, c);

		if (words > (best ? *ret_words : 0)) {
			best = b->tools[i];
			*ret_words = words;
		}
	}
	if (best)
		guard_tool_load(m->j->rules, best);
	return best;
}

static struct args *read_args(struct matcher *m, const struct bucket *b, const struct guard_command *c)
{
	struct args *a = GUARD_NEW(m->arena, struct args);
	size_t first = 1, skip;
	bool ended = false;

	a->command = c;
	a->tool = tool_of(m, b, c, &first);
	for (size_t i = first; i < c->count; i++) {
		const char *word = c->words[i].text;

		if (a->tool && a->tool->find && (skip = skip_exec(c, i))) {
			add_option(m, a, word, strlen(word))->value = i + 1 < c->count ? c->words[i + 1].text : NULL;
			i += skip;
		} else if (!ended && !strcmp(word, "--")) {
			add_option(m, a, word, 2);
			ended = true;
		} else if (!ended && word[0] == '-' && word[1]) {
			i += read_option(m, a, i);
		} else if (a->tool && a->tool->tar && i == first && isalpha((unsigned char)word[0])) {
			i += read_bundle(m, a, i, word);
		} else {
			if (*word == GUARD_UNKNOWN && !c->words[i].quoted && !ended)
				a->maybe_options = true;
			add_operand(m, a, &c->words[i]);
		}
	}
	if (a->tool && a->tool->find && !a->operand_count) {
		static const struct guard_value here = { .text = ".", .bytes = 1, .known = true };

		add_operand(m, a, &here);
	}
	/* What find puts in place of {} + is all of the kind of the one that stands there. */
	if (c->flags & GUARD_ARGS_OPEN && !(a->operand_count && c->runs_in && c->runs_in->name && !strcmp(c->runs_in->name, "find"))) {
		static const struct guard_value any = { .text = "\001", .bytes = 1 };
		bool named = false;

		/* What is known of the words to come may stand there already: find . -name '*.o' | xargs rm */
		for (size_t i = 0; i < a->operand_count; i++)
			named |= a->operands[i].open = !a->operands[i].value->known;
		if (!named) {
			add_operand(m, a, &any);
			a->operands[a->operand_count - 1].open = true;
		}
	}
	if (c->redirect_count)
		a->targets = GUARD_NEWN(m->arena, struct operand, c->redirect_count);
	for (size_t i = 0; i < c->redirect_count; i++)
		a->targets[i] = (struct operand){ .text = c->redirects[i].target.text, .value = &c->redirects[i].target };
	return a;
}

/* ---- SQL ---- */

/* Writes one statement: capitals, one blank between words, no comments, no quotes; what stands in '' is left out. Returns where
 * the next one begins. */
static const char *read_statement(const char *text, char *ret)
{
	char *out = ret;
	bool blank = false;

	while (*text && *text != ';') {
		unsigned char c = (unsigned char)*text;

		if (c == '-' && text[1] == '-') {
			text += strcspn(text, "\n");
			blank = true;
			continue;
		}
		if (c == '/' && text[1] == '*') {
			const char *end = strstr(text + 2, "*/");

			text = end ? end + 2 : text + strlen(text);
			blank = true;
			continue;
		}
		if (c == '\'') {
			for (text++; *text && *text != '\''; text++)
				;
			text += *text != '\0';
			c = '\'';
			text--;
		} else if (isspace(c) || c == '"' || c == '`') {
			blank |= isspace(c);
			text++;
			continue;
		}
		if (blank && out > ret)
			*out++ = ' ';
		blank = false;
		*out++ = (char)toupper(c);
		text++;
	}
	*out = '\0';
	return text + (*text == ';');
}

static void read_sql(struct matcher *m, struct args *a, const char *text)
{
	char *room = guard_arena_alloc(m->arena, strlen(text) * 2 + 2);

	while (*text && a->statement_count < STATEMENTS_MAX) {
		text = read_statement(text, room);
		if (!isalpha((unsigned char)*room))
			continue;
		a->statements = grown(m, a->statements, a->statement_count, &a->statement_allocated, sizeof *a->statements);
		a->statements[a->statement_count++] = guard_arena_strdup(m->arena, room);
	}
}

static void read_statements(struct matcher *m, struct args *a)
{
	const struct guard_command *c = a->command;

	if (a->has_statements)
		return;
	a->has_statements = true;
	for (size_t i = 1; i < c->count; i++) {
		const char *text = c->words[i].text, *equals = strchr(text, '=');

		if (strchr(text, ' ') || c->words[i].bytes > 3)
			read_sql(m, a, text);
		if (*text == '-' && equals)
			read_sql(m, a, equals + 1);
		else if (*text == '-' && text[1] && text[1] != '-')
			read_sql(m, a, text + 2);
	}
	if (c->input.text)
		read_sql(m, a, c->input.text);
	for (size_t i = 0; i < c->redirect_count; i++)
		if (c->redirects[i].kind == GUARD_HEREDOC)
			read_sql(m, a, c->redirects[i].target.text);
}

/* ---- One term ---- */

/* Keys, ccm's files and the like are what they are through a link, too. */
#define THROUGH_LINKS (GUARD_PATH_SECRET | GUARD_PATH_CCM | GUARD_PATH_STARTUP | GUARD_PATH_DISK | GUARD_PATH_GIT)
/* And these where a link in the project leads out of it. */
#define THROUGH_WAYS_OUT (GUARD_PATH_ROOT | GUARD_PATH_HOME | GUARD_PATH_OTHER_HOME | GUARD_PATH_SYSTEM | GUARD_PATH_IN_SYSTEM | \
			  GUARD_PATH_ABOVE)

/* The files of one command mostly lie in one directory: that is resolved once. */
static bool resolve(struct matcher *m, char *path, char ret[PATH_MAX])
{
	char *name = strrchr(path, '/');
	char link[2];
	size_t bytes;

	if (name == path)
		return guard_path_resolve(path, ret, PATH_MAX);
	*name = '\0';
	if (strcmp(path, m->parent)) {
		if (!guard_path_resolve(path, m->real_parent, sizeof m->real_parent)) {
			m->parent[0] = '\0';
			*name = '/';
			return false;
		}
		strcpy(m->parent, path);
	}
	*name = '/';
	bytes = strlen(m->real_parent);
	if (bytes + strlen(name) >= PATH_MAX)
		return false;
	memcpy(ret, m->real_parent, bytes);
	strcpy(ret + bytes, name);
	if (readlink(ret, link, sizeof link) < 0)
		return true;
	return guard_path_resolve(path, ret, PATH_MAX);
}

static bool lies_in(const char *path, const char *dir)
{
	size_t bytes = dir ? strlen(dir) : 0;

	return bytes > 1 && !strncmp(path, dir, bytes) && (path[bytes] == '/' || !path[bytes]);
}

/* Replaces what is a link's path in path by where it leads; of the link itself, too, if it is followed. */
static bool follow_made(const struct guard_analysis *a, char path[PATH_MAX], bool follows)
{
	const struct guard_link *link = a ? a->links : NULL;
	char rest[PATH_MAX];
	bool any = false;

	for (int rounds = 0; link && rounds < 40; rounds++) {
		size_t bytes = strlen(link->path);

		if (!lies_in(path, link->path) || (!path[bytes] && !follows)) {
			link = link->next;
			continue;
		}
		strcpy(rest, path + bytes);
		if (snprintf(path, PATH_MAX, "%s%s", strcmp(link->target, "/") || !*rest ? link->target : "", rest) >= PATH_MAX)
			return any;
		any = true;
		link = a->links;
	}
	return any;
}

/* What is removed or renamed is a link itself, not where it leads, unless more follows. */
static bool takes_links(const struct guard_command *c)
{
	static const char *const names[] = { "rm", "unlink", "mv", "ln", "rmdir", "trash", "git" };

	for (size_t i = 0; c->name && i < ARRAY_SIZE(names); i++)
		if (!strcmp(c->name, names[i]))
			return true;
	return false;
}

/* What a path is by the links in it: those of the text, and those on the disk. */
static uint32_t linked_bits(struct matcher *m, const char *text, const struct guard_command *c)
{
	const struct guard_places *p = m->j->places;
	const char *home = p->project ? p->project : p->directory, *marks;
	char abs[PATH_MAX], real[PATH_MAX], rest[PATH_MAX] = "";
	size_t bytes = strlen(text);
	bool follows = !takes_links(c) || (bytes > 0 && text[bytes - 1] == '/'), made;
	uint32_t is;

	if (!guard_path_normalise(text, c->directory, abs, sizeof abs) || abs[0] != '/')
		return 0;
	made = follow_made(m->a, abs, follows);
	is = made ? guard_path_classify(p, abs, NULL).is & (THROUGH_LINKS | THROUGH_WAYS_OUT) : 0;
	/* Of a pattern, the directory that it is in. */
	marks = strpbrk(abs, "\001\002\003");
	if (marks) {
		while (marks > abs && *marks != '/')
			marks--;
		strcpy(rest, marks);
		abs[marks - abs] = '\0';
		follows = true;
	}
	if (!abs[0] || !resolve(m, abs, real) || !strcmp(abs, real))
		return is;
	if (!marks)
		is |= guard_path_classify(p, real, NULL).is & THROUGH_LINKS;
	if (!lies_in(abs, home))
		return is;
	if (!m->real_home[0] && !guard_path_resolve(home, m->real_home, sizeof m->real_home))
		return is;
	if (lies_in(real, m->real_home))
		return is;
	if (!follows) {
		char *name = strrchr(abs, '/');

		*name = '\0';
		if (!guard_path_resolve(abs, real, sizeof real) || lies_in(real, m->real_home))
			return is;
		*name = '/';
		strcpy(rest, name);
	}
	if (strlen(real) + strlen(rest) >= sizeof real)
		return is;
	strcat(strcmp(real, "/") || !*rest ? real : strcpy(real, ""), rest);
	return is | (guard_path_classify(p, real, NULL).is & THROUGH_WAYS_OUT);
}

static enum so class_term(struct matcher *m, const struct guard_command *c, struct operand *o, const struct guard_term *t)
{
	size_t bytes = strlen(t->prefix);
	const char *text = o->text;
	struct guard_path_class class;
	bool ours = !(c->flags & (GUARD_REMOTE | GUARD_CONTAINER));

	if (bytes) {
		if (strncmp(text, t->prefix, bytes))
			return NO;
		text += bytes;
		class = guard_path_classify(m->j->places, text, c->directory);
	} else {
		if (!o->classified) {
			o->class = guard_path_classify(m->j->places, text, c->directory);
			o->classified = true;
		}
		class = o->class;
	}
	if (c->flags & GUARD_CONTAINER && class.is & GUARD_PATH_TMP_DIR)     /* nobody else's files are in there */
		class.is = (class.is & ~(uint32_t)GUARD_PATH_TMP_DIR) | GUARD_PATH_TMP;
	if (!(class.is & t->bits) && ours && t->bits & (THROUGH_LINKS | THROUGH_WAYS_OUT)) {
		if (bytes || !o->followed) {
			o->linked.is = linked_bits(m, text, c);
			o->followed = !bytes;
		}
		class.is |= o->linked.is;
	}
	if (!(class.is & t->bits) && t->bits & GUARD_PATH_SECRET) {
		const char *colon = strrchr(text, ':');          /* HEAD:.env, host:.ssh/id_rsa */

		if (colon && guard_path_is_secret(colon + 1))
			class.is |= GUARD_PATH_SECRET;
	}
	return class.is & t->bits ? YES : class.may & t->bits ? MAYBE : NO;
}

static enum so meets_terms(struct matcher *m, const struct guard_command *c, struct operand *o,
			   const struct guard_alternative *alternative, bool fold)
{
	enum so all = YES;

	for (size_t i = 0; i < alternative->count && all != NO; i++) {
		const struct guard_term *t = &alternative->terms[i];
		enum so one;

		if (t->open)
			one = o->open ? YES : NO;
		else if (t->bits)
			one = class_term(m, c, o, t);
		else
			one = guard_glob(t->glob, strlen(t->glob), o->text, fold) ? YES : NO;
		if (t->not)
			one = one == YES ? NO : one == NO ? YES : MAYBE;
		all = one < all ? one : all;
	}
	return all;
}

static enum so meets_any(struct matcher *m, const struct guard_command *c, struct operand *o, const struct guard_need *n, bool fold)
{
	enum so best = NO;

	for (size_t i = 0; i < n->count && best != YES; i++) {
		enum so one = meets_terms(m, c, o, &n->alternatives[i], fold);

		best = one > best ? one : best;
	}
	return best;
}

/* ---- Needs ---- */

static bool option_is(const struct option *o, const char *wanted)
{
	size_t bytes = strlen(wanted);

	if (bytes == o->bytes)
		return !memcmp(o->name, wanted, bytes);
	return o->abbreviable && bytes > o->bytes && o->bytes >= 4 && wanted[1] == '-' && !memcmp(o->name, wanted, o->bytes);
}

static enum so meets_option(struct matcher *m, const struct args *a, const struct guard_need *n, struct meeting *at)
{
	enum so best = NO;

	for (size_t i = 0; i < n->count; i++) {
		const struct guard_alternative *want = &n->alternatives[i];

		for (size_t k = 0; k < a->option_count; k++) {
			const struct option *o = &a->options[k];
			struct operand value = { .text = o->value ? o->value : "" };
			enum so one;

			if (!option_is(o, want->option) && !(strchr(want->option, '*') &&
			    o->name[1] == want->option[1] && guard_glob(want->option, strlen(want->option), o->name, false)))
				continue;
			one = want->count ? meets_terms(m, a->command, &value, want, false) : YES;
			if (one > best) {
				best = one;
				at->word = want->count && o->value ? o->value : o->name;
			}
		}
	}
	return best;
}

/* For the conditions: what the rule is about. */
static void add_matched(struct meeting *at, const struct guard_value *value)
{
	if (value && at->operand_count < MATCHED_MAX)
		at->operands[at->operand_count++] = value;
	else
		at->more_operands = true;
}

static enum so meets_operand(struct matcher *m, struct args *a, const struct guard_need *n, struct meeting *at)
{
	size_t first = at->skipped, end = a->operand_count;
	bool fold = a->tool && a->tool->fold;
	enum so best = NO;

	switch (n->key) {
	case GUARD_KEY_FIRST:
		end = first + 1 < end ? first + 1 : end;
		break;
	case GUARD_KEY_LAST:
		first = end > first ? end - 1 : first;
		break;
	case GUARD_KEY_AFTER:
		first++;
		break;
	case GUARD_KEY_BEFORE:
		end = end > 0 ? end - 1 : 0;
		break;
	default:
		break;
	}
	for (size_t i = first; i < end; i++) {
		enum so one = meets_any(m, a->command, &a->operands[i], n, fold);

		if (one == NO)
			continue;
		add_matched(at, a->operands[i].value);
		if (one > best) {
			best = one;
			at->word = a->operands[i].text;
		}
	}
	at->sure_operand |= best == YES && strcmp(n->words, "*");
	return best;
}

static enum so meets_redirect(struct matcher *m, struct args *a, const struct guard_need *n, struct meeting *at)
{
	enum so best = NO;

	for (size_t i = 0; i < a->command->redirect_count; i++) {
		const struct guard_redirect *r = &a->command->redirects[i];
		bool writes = r->kind == GUARD_WRITE || r->kind == GUARD_APPEND || r->kind == GUARD_READ_WRITE;
		enum so one;

		if (!writes)
			continue;
		one = meets_any(m, a->command, &a->targets[i], n, false);
		if (one == NO)
			continue;
		add_matched(at, a->targets[i].value);
		if (one > best) {
			best = one;
			at->word = a->targets[i].text;
		}
	}
	return best;
}

static void add_file(struct matcher *m, struct args *a, int what, const char *text, const struct guard_value *value)
{
	a->files[what] = grown(m, a->files[what], a->file_count[what], &a->file_allocated[what], sizeof **a->files);
	a->files[what][a->file_count[what]++] = (struct operand){ .text = text, .value = value };
}

/* One word of what a tool says it writes: "last", "-o", "-d=@", "of=". */
static void add_files(struct matcher *m, struct args *a, int what, const char *word, size_t bytes)
{
	static const char *const places[] = { "all", "first", "last", "after", "before" };
	const char *equals = memchr(word, '=', bytes);
	size_t first = 0, end = a->operand_count, place = 0;

	while (place < ARRAY_SIZE(places) && (strlen(places[place]) != bytes || memcmp(places[place], word, bytes)))
		place++;
	if (*word == '-') {
		size_t name = equals ? (size_t)(equals - word) : bytes, prefix = equals ? bytes - name - 1 : 0;
		char wanted[64];

		if (name >= sizeof wanted)
			return;
		memcpy(wanted, word, name);
		wanted[name] = '\0';
		for (size_t i = 0; i < a->option_count; i++) {
			const struct option *o = &a->options[i];

			if (o->value && option_is(o, wanted) && !strncmp(o->value, equals ? equals + 1 : "", prefix))
				add_file(m, a, what, o->value + prefix, NULL);
		}
		return;
	}
	if (place == ARRAY_SIZE(places)) {
		for (size_t i = 0; i < a->operand_count; i++)
			if (!strncmp(a->operands[i].text, word, bytes))
				add_file(m, a, what, a->operands[i].text + bytes, a->operands[i].value);
		return;
	}
	if (place == 1 && end > 1)
		end = 1;
	else if (place == 2 && end > 0)
		first = end - 1;
	else if (place == 3)
		first = 1;
	else if (place == 4 && end > 0)
		end--;
	/* The only operand of what has a last one is where it comes from. */
	if (place == 2 && a->operand_count < 2)
		return;
	for (size_t i = first; i < end; i++)
		add_file(m, a, what, a->operands[i].text, a->operands[i].value);
}

static bool has_any_option(const struct args *a, const char *list)
{
	for (const char *at = list; *at; at += strspn(at, "| \t")) {
		size_t bytes = strcspn(at, "| \t");
		char wanted[64];

		if (bytes < sizeof wanted) {
			memcpy(wanted, at, bytes);
			wanted[bytes] = '\0';
			for (size_t i = 0; i < a->option_count; i++)
				if (option_is(&a->options[i], wanted))
					return true;
			if (wanted[0] != '-' && a->operand_count && !strcmp(a->operands[0].text, wanted))
				return true;
		}
		at += bytes;
	}
	return false;
}

static enum so meets_files(struct matcher *m, struct args *a, const struct guard_need *n, struct meeting *at)
{
	int what = (int)n->key - GUARD_KEY_WRITES;
	const struct guard_command *c = a->command;
	enum so best = NO;

	if (!a->has_files[what]) {
		const char *list = a->tool ? a->tool->does[what] : NULL;

		a->has_files[what] = true;
		for (size_t i = 0; i < c->redirect_count; i++) {
			const struct guard_redirect *r = &c->redirects[i];
			bool writes = r->kind == GUARD_WRITE || r->kind == GUARD_APPEND || r->kind == GUARD_READ_WRITE;
			bool reads = r->kind == GUARD_READ || r->kind == GUARD_READ_WRITE;

			if ((writes && n->key == GUARD_KEY_WRITES) || (reads && n->key == GUARD_KEY_READS))
				add_file(m, a, what, r->target.text, &r->target);
		}
		if (list && a->tool->does_if[what] && !has_any_option(a, a->tool->does_if[what]))
			list = NULL;
		for (const char *word = list; word && *word; word += strspn(word, "| \t")) {
			size_t bytes = strcspn(word, "| \t");

			add_files(m, a, what, word, bytes);
			word += bytes;
		}
	}
	for (size_t i = 0; i < a->file_count[what]; i++) {
		struct operand *o = &a->files[what][i];
		enum so one = meets_any(m, c, o, n, false);

		if (one == NO)
			continue;
		add_matched(at, o->value);
		if (one > best) {
			best = one;
			at->word = o->text;
		}
	}
	at->sure_operand |= best == YES;
	return best;
}

/* NAME=VALUE among the words, as make, rake and rails take it. */
static enum so meets_assignment(struct matcher *m, const struct guard_command *c, const struct guard_alternative *want)
{
	for (size_t i = 1; i < c->count; i++) {
		const char *word = c->words[i].text, *equals = strchr(word, '=');
		struct operand value = { .text = equals ? equals + 1 : NULL };
		char name[64];

		if (!equals || (size_t)(equals - word) >= sizeof name)
			continue;
		memcpy(name, word, (size_t)(equals - word));
		name[equals - word] = '\0';
		if (guard_glob(want->option, strlen(want->option), name, false) && meets_terms(m, c, &value, want, false) == YES)
			return YES;
	}
	return NO;
}

static enum so meets_env(struct matcher *m, struct args *a, const struct guard_need *n, struct meeting *at)
{
	const struct guard_command *c = a->command;

	for (size_t i = 0; i < n->count; i++) {
		const struct guard_alternative *want = &n->alternatives[i];

		if (n->key == GUARD_KEY_WITHOUT && (want->option[0] == '-' || want->option[0] == '+'))
			continue;
		if (n->key == GUARD_KEY_WITHOUT && meets_assignment(m, c, want) == YES)
			return YES;
		for (size_t k = 0; k < c->env_count; k++) {
			struct operand value = { .text = c->env[k].value.text ? c->env[k].value.text : "" };
			enum so one;

			if (!guard_glob(want->option, strlen(want->option), c->env[k].name, false))
				continue;
			one = want->count ? meets_terms(m, c, &value, want, false) : YES;
			if (one != NO) {
				at->word = c->env[k].name;
				return one;
			}
		}
	}
	return NO;
}

static enum so meets_text(struct matcher *m, struct args *a, const struct guard_need *n, struct meeting *at)
{
	const struct guard_command *c = a->command;

	for (size_t i = 1; i < c->count; i++) {
		struct operand word = { .text = c->words[i].text };

		if (meets_any(m, c, &word, n, false) == YES) {
			at->word = word.text;
			return YES;
		}
	}
	if (c->input.text) {
		struct operand input = { .text = c->input.text };

		if (meets_any(m, c, &input, n, false) == YES)
			return YES;
	}
	for (size_t i = 0; i < c->redirect_count; i++) {
		struct operand input = { .text = c->redirects[i].target.text };

		if (c->redirects[i].kind == GUARD_HEREDOC && meets_any(m, c, &input, n, false) == YES)
			return YES;
	}
	return NO;
}

static enum so meets_sql(struct matcher *m, struct args *a, const struct guard_need *n, struct meeting *at)
{
	read_statements(m, a);
	for (size_t i = 0; i < a->statement_count; i++) {
		struct operand statement = { .text = a->statements[i] };

		if (meets_any(m, a->command, &statement, n, false) == YES) {
			at->word = statement.text;
			return YES;
		}
	}
	return NO;
}

/* One path of words: "volume rm|prune". */
static enum so meets_path(const struct args *a, const char *path, size_t *ret_words)
{
	enum so all = YES;
	size_t word = 0;

	for (const char *at = path + strspn(path, " \t"); *at; word++) {
		size_t bytes = strcspn(at, " \t");
		enum so one = NO;

		if (word >= a->operand_count)
			return NO;
		for (const char *w = at; w < at + bytes && one == NO;) {
			size_t n = strcspn(w, "| \t");

			if (guard_glob(w, n, a->operands[word].text, a->tool && a->tool->fold))
				one = YES;
			w += n + 1;
		}
		if (one == NO && *a->operands[word].text == GUARD_UNKNOWN)
			one = MAYBE;
		if (one == NO)
			return NO;
		all = one < all ? one : all;
		at += bytes;
		at += strspn(at, " \t");
	}
	*ret_words = word;
	return all;
}

static enum so meets_sub(const struct args *a, const struct guard_need *n, struct meeting *at)
{
	enum so best = NO;

	for (size_t i = 0; i < n->count && best != YES; i++) {
		size_t words = 0;
		enum so one = meets_path(a, n->alternatives[i].option, &words);

		if (one > best) {
			best = one;
			at->skipped = words;
		}
	}
	at->unread_sub |= best == MAYBE;
	return best;
}

static bool condition_holds(struct matcher *m, const struct guard_command *c, const struct guard_need *n, const struct meeting *at)
{
	for (int i = 0; i < GUARD_CONDITION_COUNT; i++) {
		enum guard_answer answer = GUARD_MAYBE_SO;

		if (!(n->bits & 1u << i))
			continue;
		if (m->j->ask && !at->more_operands)
			answer = m->j->ask(m->j->ask_user, (enum guard_condition)i, c, at->operands, at->operand_count);
		/* Nobody knows: the dangerous side. */
		if (answer == GUARD_YES || (n->key == GUARD_KEY_WHEN && answer == GUARD_MAYBE_SO))
			return true;
	}
	return false;
}

static enum so meets(struct matcher *m, struct args *a, const struct guard_need *n, struct meeting *at)
{
	enum so is;

	switch (n->key) {
	case GUARD_KEY_SUB:
		return meets_sub(a, n, at);
	case GUARD_KEY_OPTION:
		is = meets_option(m, a, n, at);
		if (is == NO && a->maybe_options) {
			at->unread_option = true;
			return MAYBE;
		}
		at->sure_option |= is == YES;
		return is;
	case GUARD_KEY_WITHOUT:
		return meets_option(m, a, n, &(struct meeting){ 0 }) == YES || meets_env(m, a, n, &(struct meeting){ 0 }) == YES ? NO : YES;
	case GUARD_KEY_OPERAND:
	case GUARD_KEY_FIRST:
	case GUARD_KEY_LAST:
	case GUARD_KEY_AFTER:
	case GUARD_KEY_BEFORE:
		return meets_operand(m, a, n, at);
	case GUARD_KEY_REDIRECT:
		return meets_redirect(m, a, n, at);
	case GUARD_KEY_WRITES:
	case GUARD_KEY_READS:
	case GUARD_KEY_REMOVES:
	case GUARD_KEY_SENDS:
		return meets_files(m, a, n, at);
	case GUARD_KEY_ENV:
		return meets_env(m, a, n, at);
	case GUARD_KEY_TEXT:
		return meets_text(m, a, n, at);
	case GUARD_KEY_SQL:
		return meets_sql(m, a, n, at);
	case GUARD_KEY_EXCEPT:
		return a->command->name && in_list(n->words, a->command->name, strlen(a->command->name)) ? NO : YES;
	case GUARD_KEY_FLAG:
		return a->command->flags & n->bits ? YES : NO;
	case GUARD_KEY_WHEN:
		return condition_holds(m, a->command, n, at) ? YES : NO;
	case GUARD_KEY_UNLESS:
		return condition_holds(m, a->command, n, at) ? NO : YES;
	case GUARD_KEY_PATH:
		break;
	}
	return NO;
}

/* ---- Rules ---- */

static void found(struct matcher *m, size_t rule, struct guard_match *match)
{
	struct guard_match *worst = &m->j->worst;

	if (!match->missed && match->verdict != GUARD_OFF &&
	    (match->verdict > worst->verdict || !worst->rule || (match->verdict == worst->verdict && rule < m->worst_rule))) {
		*worst = *match;
		m->worst_rule = rule;
	}
	if (m->j->found)
		m->j->found(m->j->user, match);
}

static bool in_force(struct matcher *m, struct guard_rule *rule)
{
	return guard_rule_load(m->j->rules, rule) && rule->profile <= guard_rules_in_profile(m->j->rules) &&
	       rule->verdict != GUARD_OFF;
}

/* rails db:drop --help: one word that is a verb, and not what a program of this list works on. */
static bool names_verb(const struct guard_command *c)
{
	static const char acts[] = "rm unlink rmdir mv cp ln kill pkill killall skill chmod chown shred dd umount swapoff history rimraf";
	const char *verb = c->count == 3 ? c->words[1].text : "";

	return *verb && verb[strspn(verb, "abcdefghijklmnopqrstuvwxyz:-_")] == '\0' && *verb != '-' && c->name &&
	       !strcmp(c->words[2].text, "--help") && !text_in(c->name, acts);
}

/* A sub-command that is asked what it does only says so: docker system prune --help. Where it writes, it writes the help. */
static bool only_helps(const struct guard_rule *rule, const struct args *a)
{
	bool sub = false, help = false;

	for (size_t i = 0; i < rule->need_count; i++)
		sub |= rule->needs[i].key == GUARD_KEY_SUB;
	for (size_t i = 0; i < a->option_count; i++)
		help |= a->options[i].bytes == 6 && memcmp(a->options[i].name, "--help", 6) == 0;
	return (sub || names_verb(a->command)) && help && !a->command->redirect_count;
}

static void try_rule(struct matcher *m, size_t index, struct args *a, size_t command, const struct guard_fact *fact)
{
	struct guard_rule *rule = guard_rules_get(m->j->rules, index);
	struct meeting at = { 0 };
	struct guard_match match = { .rule = rule, .command = command, .fact = fact };
	size_t near = 0;

	if (!in_force(m, rule) || (a && only_helps(rule, a)))
		return;
	for (size_t i = 0; i < rule->need_count && !match.missed; i++) {
		enum so is = a ? meets(m, a, &rule->needs[i], &at) : NO;

		if (is == NO)
			match.missed = &rule->needs[i];
		at.maybe |= is == MAYBE;
		near = i;
	}
	/* What an unknown word may hold counts only beside something that is known and dangerous. */
	if (!match.missed && !at.sure_operand && (at.unread_option || (at.unread_sub && !at.sure_option)))
		return;
	if (match.missed && (match.missed->key == GUARD_KEY_SUB || (near == 0 && !rule->command)))
		return;
	match.maybe = at.maybe;
	match.word = at.word;
	match.verdict = rule->verdict;
	if (match.verdict == GUARD_DENY && (match.maybe || (a && a->command->flags & GUARD_CONTAINER)))
		match.verdict = GUARD_ASK;
	else if (match.verdict == GUARD_WARN && match.maybe)
		match.verdict = GUARD_OFF;
	found(m, index, &match);
}

static void add_index(struct matcher *m, uint32_t **list, size_t *count, size_t *allocated, size_t index)
{
	*list = grown(m, *list, *count, allocated, sizeof **list);
	(*list)[(*count)++] = (uint32_t)index;
}

static struct bucket *bucket_of(struct matcher *m, const char *name)
{
	const struct guard_outline *outlines = guard_rules_outlines(m->j->rules);
	uint64_t beginnings = guard_beginnings(name);
	struct bucket *b;

	for (b = m->buckets; b; b = b->next)
		if (!strcmp(b->name, name))
			return b;
	b = GUARD_NEW(m->arena, struct bucket);
	b->name = name;
	b->next = m->buckets;
	m->buckets = b;
	for (size_t i = 0; i < guard_rules_tool_count(m->j->rules) && b->tool_count < TOOLS_MAX; i++) {
		struct guard_tool *t = guard_rules_tool_at(m->j->rules, i);

		if (t->beginnings & beginnings && guard_names_begin(t->names, name))
			b->tools[b->tool_count++] = t;
	}
	for (size_t t = 0; t < b->tool_count; t++)
		beginnings |= guard_beginnings(b->tools[t]->name);
	for (size_t i = 0; i < guard_rules_count(m->j->rules); i++) {
		const struct guard_rule *rule;
		bool meant;

		if (!(outlines[i].beginnings & beginnings))
			continue;
		rule = guard_rules_get(m->j->rules, i);
		meant = guard_names_begin(rule->command, name);
		for (size_t t = 0; t < b->tool_count && !meant; t++)
			meant = in_list(rule->command, b->tools[t]->name, strlen(b->tools[t]->name));
		if (meant)
			add_index(m, &b->rules, &b->count, &b->allocated, i);
	}
	return b;
}

/* The tool is one of the names; "npm exec" is not about all of npm. */
static bool names_tool(const char *names, const char *tool)
{
	size_t bytes = strlen(tool);

	for (const char *at = strstr(names, tool); at; at = strstr(at + 1, tool)) {
		const char *end = at + bytes + strspn(at + bytes, " \t"), *before = at;

		while (before > names && strchr(" \t", before[-1]))
			before--;
		if ((before == names || before[-1] == '|') && (!*end || *end == '|'))
			return true;
	}
	return false;
}

static bool is_for(const struct guard_rule *rule, const struct args *a)
{
	size_t words = guard_names_meet(rule->command, a->command);

	if (words)
		return true;
	return a->tool && names_tool(rule->command, a->tool->name);
}

/* Seen before it is read: a rule on files that are written says nothing of a command that writes none. */
static bool may_apply(const struct guard_rule *rule, const struct args *a)
{
	const struct guard_command *c = a->command;

	for (int what = 0; what < 4; what++)
		if (rule->hints & 1u << (GUARD_KEY_WRITES + what) && !(a->tool && a->tool->does[what]) && (what > 1 || !c->redirect_count))
			return false;
	return !(rule->hints & 1u << GUARD_KEY_ENV) || c->env_count;
}

static void judge_command(struct matcher *m, size_t index)
{
	const struct guard_command *c = &m->a->commands[index];
	const struct bucket *b;
	struct args *a;

	if (c->flags & GUARD_DRY_RUN)
		return;
	b = c->name ? bucket_of(m, c->name) : NULL;
	if ((!b || !b->count) && !c->redirect_count && !c->env_count && !m->anywhere_count)
		return;
	a = read_args(m, b, c);
	for (size_t i = 0; b && i < b->count; i++)
		if (is_for(guard_rules_get(m->j->rules, b->rules[i]), a))
			try_rule(m, b->rules[i], a, index, NULL);
	for (size_t i = 0; i < m->anywhere_count; i++)
		if (may_apply(guard_rules_get(m->j->rules, m->anywhere[i]), a))
			try_rule(m, m->anywhere[i], a, index, NULL);
}

static void judge_fact(struct matcher *m, const struct guard_fact *fact)
{
	const struct guard_command *c = fact->command < m->a->count ? &m->a->commands[fact->command] : NULL;
	struct args *a = c ? read_args(m, c->name ? bucket_of(m, c->name) : NULL, c) : NULL;

	for (size_t i = 0; i < guard_rules_count(m->j->rules); i++) {
		struct guard_rule *rule;

		if (!guard_rules_outlines(m->j->rules)[i].fact)
			continue;
		rule = guard_rules_get(m->j->rules, i);
		if (!guard_rule_load(m->j->rules, rule) || rule->fact != (int)fact->kind)
			continue;
		if (rule->command && !(a && a->command->name && is_for(rule, a)))
			continue;
		try_rule(m, i, a, fact->command, fact);
	}
}

static void find_anywhere(struct matcher *m)
{
	for (size_t i = 0; i < guard_rules_count(m->j->rules); i++) {
		const struct guard_outline *rule = &guard_rules_outlines(m->j->rules)[i];

		if (!rule->command && !rule->fact && !rule->tool)
			add_index(m, &m->anywhere, &m->anywhere_count, &m->anywhere_allocated, i);
	}
}

int guard_match(struct guard_judge *j, const struct guard_analysis *a)
{
	struct matcher m = { .j = j, .a = a, .arena = guard_rules_arena(j->rules) };

	memset(&j->worst, 0, sizeof j->worst);
	if (setjmp(m.arena->out_of_memory))
		return -ENOMEM;
	find_anywhere(&m);
	for (size_t i = 0; i < a->count; i++)
		judge_command(&m, i);
	for (size_t i = 0; i < a->fact_count; i++)
		judge_fact(&m, &a->facts[i]);
	return j->worst.rule != NULL;
}

int guard_match_file(struct guard_judge *j, const char *tool, const char *path, const char *directory)
{
	struct matcher m = { .j = j, .arena = guard_rules_arena(j->rules) };
	const struct guard_value value = { .text = path, .bytes = strlen(path), .known = true };
	const struct guard_value word = { .text = tool, .bytes = strlen(tool), .known = true };
	const struct guard_command command = { .words = &word, .count = 1, .name = tool, .directory = directory, .via = "" };
	struct args args = { .command = &command };
	struct operand operand = { .text = path, .value = &value };

	memset(&j->worst, 0, sizeof j->worst);
	if (setjmp(m.arena->out_of_memory))
		return -ENOMEM;
	for (size_t i = 0; i < guard_rules_count(j->rules); i++) {
		struct guard_rule *rule;
		struct guard_match match = { .command = SIZE_MAX, .word = path };
		struct meeting at = { .operands = { &value }, .operand_count = 1 };

		if (!guard_rules_outlines(j->rules)[i].tool)
			continue;
		match.rule = rule = guard_rules_get(j->rules, i);
		if (!guard_names_begin(rule->tool, tool) || !in_force(&m, rule))
			continue;
		for (size_t n = 0; n < rule->need_count && !match.missed; n++) {
			const struct guard_need *need = &rule->needs[n];
			enum so is = need->key == GUARD_KEY_PATH ? meets_any(&m, &command, &operand, need, false)
								 : meets(&m, &args, need, &at);

			if (is == NO)
				match.missed = need;
			match.maybe |= is == MAYBE;
		}
		match.verdict = match.maybe && rule->verdict == GUARD_DENY ? GUARD_ASK : rule->verdict;
		found(&m, i, &match);
	}
	return j->worst.rule != NULL;
}
