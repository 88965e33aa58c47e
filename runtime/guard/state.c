/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#include "libccm/macros.h"
#include "path.h"

#define CHOICES_MAX 4

/* ------------------------------------------------------------------------------------------------ variables */

static unsigned hash_of(const char *text)
{
	unsigned h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 16777619u;
	return h ^ h >> 15;
}

struct var *var_newest(const struct vars *vars, const char *name)
{
	struct var *v = vars->buckets[hash_of(name) % VAR_BUCKETS];

	while (v && strcmp(v->name, name) != 0)
		v = v->below;
	return v;
}

static void push(struct vars *vars, struct var *v)
{
	struct var **bucket = &vars->buckets[hash_of(v->name) % VAR_BUCKETS];

	v->next = vars->newest;
	v->below = *bucket;
	vars->newest = *bucket = v;
}

struct var *var_find(struct shell *sh, const char *name)
{
	struct var *v = var_newest(&sh->vars, name);
	unsigned count = 1;

	if (!v || !v->other)
		return v;
	for (const struct var *o = v->other; o; o = o->other)
		count++;
	if (count > sh->choices)
		sh->choices = count < CHOICES_MAX ? count : CHOICES_MAX;
	for (unsigned n = sh->choice % count; n > 0; n--)
		v = v->other;
	return v;
}

/* What the environment of an agent's shell surely holds. */
static struct guard_value environment(struct shell *sh, const char *name)
{
	static const struct {
		const char *name, *value;
	} usual[] = {
		{ "IFS", " \t\n" }, { "SHELL", "/bin/bash" }, { "BASH", "/bin/bash" }, { "TMPDIR", "/tmp" }, { "OPTIND", "1" },
		{ "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" }, { "OSTYPE", "linux-gnu" },
	};
	const char *home = sh->walk->source->home, *slash = strrchr(home, '/');

	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (strcmp(name, usual[i].name) == 0)
			return value_of(usual[i].value);
	if (strcmp(name, "HOME") == 0)
		return value_of(home);
	if ((strcmp(name, "USER") == 0 || strcmp(name, "LOGNAME") == 0) && slash && slash[1])
		return value_of(slash + 1);
	return value_unknown(0);
}

struct guard_value var_value(struct shell *sh, const char *name)
{
	struct var *v = var_find(sh, name);

	if (!v)
		return environment(sh, name);
	return v->is_unset || v->count == 0 ? value_of("") : v->items[0];
}

static struct var *var_for_writing(struct shell *sh, const char *name)
{
	struct var *old = var_newest(&sh->vars, name), *v;

	if (old && old->scope == sh->scope) {
		old->other = NULL;
		old->is_unset = false;
		return old;
	}
	v = GUARD_NEW(sh->walk->arena, struct var);
	v->name = guard_arena_strdup(sh->walk->arena, name);
	v->scope = sh->scope;
	v->exported = old && old->exported;
	v->reference = old && old->reference;
	push(&sh->vars, v);
	return v;
}

static void add_env(struct shell *sh, const char *name, const struct guard_value *v)
{
	struct guard_assignment *env;

	if (sh->env_count >= 64)
		return;
	env = GUARD_NEWN(sh->walk->arena, struct guard_assignment, sh->env_count + 1);
	if (sh->env_count > 0)
		memcpy(env, sh->env, sh->env_count * sizeof *env);
	env[sh->env_count] =
		(struct guard_assignment){ .name = guard_arena_strdup(sh->walk->arena, name), .value = *v };
	sh->env = env;
	sh->env_count++;
}

struct var *var_set(struct shell *sh, const char *name, struct guard_value v)
{
	struct var *var = var_for_writing(sh, name);

	v.quoted = false;
	var->items = GUARD_NEW(sh->walk->arena, struct guard_value);
	var->items[0] = v;
	var->keys = NULL;
	var->count = 1;
	var->array = false;
	if (var->exported)
		add_env(sh, name, &v);
	return var;
}

struct var *var_set_array(struct shell *sh, const char *name, struct guard_value *items, const char **keys,
			  size_t count)
{
	struct var *var = var_for_writing(sh, name);

	var->items = items;
	var->keys = keys;
	var->count = count;
	var->array = true;
	return var;
}

void var_unset(struct shell *sh, const char *name)
{
	struct var *var = var_for_writing(sh, name);

	var->is_unset = true;
	var->exported = false;
	var->count = 0;
}

void var_export(struct shell *sh, const char *name)
{
	struct guard_value v = var_value(sh, name);
	struct var *old = var_newest(&sh->vars, name);

	if (old) {
		struct var copy = *old, *var = var_for_writing(sh, name);

		var->items = copy.items;
		var->keys = copy.keys;
		var->count = copy.count;
		var->array = copy.array;
		var->is_unset = copy.is_unset;
		var->exported = true;
		if (var != old)
			var->other = copy.other;
	}
	add_env(sh, name, &v);
}

static bool same_value(const struct var *a, const struct var *b)
{
	if (!a || !b)
		return a == b;
	if (a == b)
		return true;
	if (a->is_unset != b->is_unset || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!value_equal(&a->items[i], &b->items[i]))
			return false;
	return true;
}

/* Adds v, and what it may be instead, to the values that name may have. */
static void add_possible(struct shell *sh, struct var **list, const struct var *v)
{
	for (; v; v = v->other) {
		struct var **tail = list;
		unsigned count = 0;

		while (*tail && !same_value(*tail, v)) {
			tail = &(*tail)->other;
			count++;
		}
		if (*tail || count >= CHOICES_MAX)
			continue;
		*tail = GUARD_NEW(sh->walk->arena, struct var);
		**tail = *v;
		(*tail)->other = NULL;
	}
}

void vars_merge(struct shell *sh, const struct vars *base, const struct vars *ends, size_t count)
{
	sh->vars = *base;
	for (size_t i = 0; i < count; i++)
		for (const struct var *v = ends[i].newest; v && v != base->newest; v = v->next) {
			struct var *possible = NULL;

			/* One that an earlier branch had, too, is merged already. */
			if (var_newest(&sh->vars, v->name) != var_newest(base, v->name) || !step(sh))
				continue;
			for (size_t k = 0; k < count; k++)
				add_possible(sh, &possible, var_newest(&ends[k], v->name));
			possible->scope = sh->scope;
			push(&sh->vars, possible);
		}
}

/* ------------------------------------------------------------------------------------------------ paths and files */

const char *directory_of(struct shell *sh)
{
	struct guard_value v = var_value(sh, "PWD");

	return v.bytes > 0 && v.text[0] == '/' ? v.text : NULL;
}

void directory_set(struct shell *sh, const struct guard_value *v)
{
	char path[PATH_MAX];
	struct guard_value old = var_value(sh, "PWD"), new = *v;

	if (v->text[0] != GUARD_UNKNOWN && (directory_of(sh) || v->text[0] == '/') &&
	    guard_path_normalise(v->text, directory_of(sh), path, sizeof path))
		new = value_copy(sh->walk->arena, path, strlen(path));
	else
		new = value_unknown(0);
	var_set(sh, "OLDPWD", old);
	var_set(sh, "PWD", new);
}

const char *absolute(struct shell *sh, const char *path)
{
	char normal[PATH_MAX];

	if (!path[0] || path[0] == GUARD_UNKNOWN)
		return NULL;
	if (!guard_path_normalise(path, directory_of(sh), normal, sizeof normal))
		return NULL;
	return guard_arena_strdup(sh->walk->arena, normal);
}

static struct file *file_at(struct walk *w, const char *absolute_path);

bool is_fresh(struct shell *sh, const char *directory)
{
	const char *mark = strchr(directory, GUARD_UNKNOWN);
	char path[PATH_MAX];

	/* As mktemp is taken to print it: a number, and what nobody knows. */
	if (mark)
		return mark - directory > 5 && isdigit((unsigned char)mark[-1]) && (!mark[1] || mark[1] == '/') &&
		       (!strncmp(directory, "/tmp/", 5) || !strncmp(directory, "/var/tmp/", 9));
	if (directory[0] != '/' || strlen(directory) >= sizeof path)
		return false;
	strcpy(path, directory);
	for (size_t n = strlen(path); n > 0; n = (size_t)(strrchr(path, '/') - path)) {
		const struct file *f;

		path[n] = '\0';
		f = file_at(sh->walk, path);
		if (f)
			return f->directory && f->content.taint & GUARD_TAINT_NETWORK;
	}
	return false;
}

static struct file *file_at(struct walk *w, const char *absolute_path)
{
	unsigned hash = hash_of(absolute_path);

	for (struct file *f = w->files; f; f = f->next)
		if (f->hash == hash && strcmp(f->path, absolute_path) == 0)
			return f;
	return NULL;
}

struct file *file_find(struct shell *sh, const char *path)
{
	const char *abs = absolute(sh, path);

	return abs ? file_at(sh->walk, abs) : NULL;
}

static bool is_below(const char *path, const char *directory)
{
	size_t n = strlen(directory);

	return strncmp(path, directory, n) == 0 && path[n] == '/';
}

static struct file *file_new(struct walk *w, const char *absolute_path)
{
	struct file *f = file_at(w, absolute_path);

	if (f)
		return f;
	f = GUARD_NEW(w->arena, struct file);
	f->path = absolute_path;
	f->hash = hash_of(absolute_path);
	f->content = value_of("");
	f->next = w->files;
	w->files = f;
	return f;
}

struct file *file_write(struct shell *sh, const char *path, const struct guard_value *content, bool append)
{
	const char *abs = absolute(sh, path);
	struct text t = TEXT(sh);
	struct file *f;

	if (!abs || !step(sh))
		return NULL;
	f = file_at(sh->walk, abs);
	if (append && f && f->has_content) {
		text_add_value(&t, &f->content);
	} else if (append && !f) {
		text_addc(&t, GUARD_UNKNOWN);
	}
	f = file_new(sh->walk, abs);
	text_add_value(&t, content);
	f->content = text_take(&t);
	f->content.quoted = false;
	f->has_content = true;
	if ((content->taint & GUARD_TAINT_SECRET) && !guard_path_is_secret(abs))
		sh->walk->secret_copied = true;
	return f;
}

/* Directories that are archived or sent as a whole, with the secrets in them. */
static bool holds_secrets(struct shell *sh, const char *path)
{
	static const char *const names[] = { "/.aws",		"/.ssh",       "/.gnupg",
					     "/.kube",		"/.docker",    "/.azure",
					     "/.config/gcloud", "/.config/gh", "/.password-store",
					     "/.config",	"/.mozilla",   "/.config/google-chrome" };
	const char *home = sh->walk->source->home;
	size_t n = strlen(path);

	if (strcmp(path, home) == 0 || strcmp(path, "/home") == 0 || strcmp(path, "/root") == 0 ||
	    strcmp(path, "/") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (n >= strlen(names[i]) && strcmp(path + n - strlen(names[i]), names[i]) == 0)
			return true;
	return false;
}

unsigned file_taint(struct shell *sh, const char *path, bool below)
{
	const char *abs = absolute(sh, path);
	unsigned taint = guard_path_is_secret(path) ? GUARD_TAINT_SECRET : 0;

	if (strncmp(path, "/proc/", 6) == 0 && strstr(path, "/environ"))
		taint |= GUARD_TAINT_ENV;
	if (is_network_path(path))
		taint |= GUARD_TAINT_NETWORK;
	if (!abs)
		return taint;
	if (guard_path_is_secret(abs) || (below && holds_secrets(sh, abs)))
		taint |= GUARD_TAINT_SECRET;
	for (const struct file *f = sh->walk->files; f; f = f->next) {
		if (strcmp(f->path, abs) == 0)
			taint |= f->content.taint;
		else if (f->directory && is_below(abs, f->path))
			taint |= GUARD_TAINT_CLONED;
		else if (below && is_below(f->path, abs))
			taint |= f->content.taint | (guard_path_is_secret(f->path) ? GUARD_TAINT_SECRET : 0);
	}
	return taint;
}

static bool is_script_name(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot && text_in(dot + 1, "sh bash zsh py js mjs ts rb pl php lua");
}

static bool session_wrote(struct shell *sh, const char *path, struct guard_value *ret)
{
	const struct guard_source *source = sh->walk->source;
	const char *abs = absolute(sh, path), *text;
	size_t bytes = 0;

	if (!abs || !source->script || strpbrk(abs, "\001\002\003"))
		return false;
	text = source->script(source->user, abs, &bytes);
	if (text)
		*ret = value_copy(sh->walk->arena, text, bytes);
	return text != NULL;
}

bool script_text(struct shell *sh, const struct guard_value *path, struct guard_value *ret)
{
	const struct file *f = file_find(sh, path->text);
	size_t unknown = 0;

	if (!f || !f->has_content)
		return path->known && session_wrote(sh, path->text, ret);
	if (f->content.text[0] == GUARD_UNKNOWN && f->content.bytes > 1)
		unknown = 1;
	*ret = value_from(&f->content, unknown);
	return true;
}

struct guard_value file_read(struct shell *sh, const char *path)
{
	struct file *f = file_find(sh, path);
	struct guard_value v = f && f->has_content ? f->content : value_unknown(0);

	/* Asking costs: only for what is named as a script and goes somewhere. */
	if (!(f && f->has_content) && sh->fds[1].kind == FD_SINK && is_script_name(path))
		session_wrote(sh, path, &v);
	v.taint |= file_taint(sh, path, false);
	return v;
}

static void copy_one(struct shell *sh, const struct file *from, const char *abs)
{
	struct file copy = *from, *f = file_new(sh->walk, abs);

	copy.path = f->path;
	copy.hash = f->hash;
	copy.next = f->next;
	*f = copy;
}

void file_copy(struct shell *sh, const char *from, const char *to)
{
	const char *abs_from = absolute(sh, from), *abs_to = absolute(sh, to), *slash = strrchr(from, '/');
	struct file source = { .content = value_unknown(0) };
	struct file *known = abs_from ? file_at(sh->walk, abs_from) : NULL, *last = sh->walk->files;
	struct text inside = TEXT(sh);

	if (!abs_to || !step(sh))
		return;
	if (known)
		source = *known;
	source.content.taint |= file_taint(sh, from, false);
	if (!known && !source.content.taint && !(abs_from && file_taint(sh, from, true)))
		return;
	text_adds(&inside, abs_to);
	text_addc(&inside, '/');
	text_adds(&inside, slash ? slash + 1 : from);
	copy_one(sh, &source, abs_to);
	copy_one(sh, &source, text_take(&inside).text);
	if ((source.content.taint & GUARD_TAINT_SECRET) && !guard_path_is_secret(abs_to))
		sh->walk->secret_copied = true;
	if (!abs_from)
		return;
	for (struct file *f = last; f; f = f->next)
		if (is_below(f->path, abs_from) && step(sh)) {
			struct text t = TEXT(sh);
			struct file below = *f;

			below.content.taint |= file_taint(sh, f->path, false);
			text_adds(&t, abs_to);
			text_adds(&t, f->path + strlen(abs_from));
			copy_one(sh, &below, text_take(&t).text);
		}
}

/* ------------------------------------------------------------------------------------------------ descriptors */

bool is_network_path(const char *path)
{
	return strncmp(path, "/dev/tcp/", 9) == 0 || strncmp(path, "/dev/udp/", 9) == 0;
}

struct fd input_of(struct walk *w, const struct guard_value *text)
{
	struct fd fd = { .kind = FD_INPUT, .input = GUARD_NEW(w->arena, struct input) };

	fd.input->text = *text;
	return fd;
}

struct guard_value read_all(struct shell *sh, const struct fd *fd)
{
	switch (fd->kind) {
	case FD_INPUT:
		return value_from(&fd->input->text, fd->input->at);
	case FD_NETWORK:
		return value_unknown(GUARD_TAINT_NETWORK);
	case FD_FILE:
		return file_read(sh, fd->path);
	default:
		return value_of("");
	}
}

void write_fd(struct shell *sh, int fd, const struct guard_value *v)
{
	struct fd *to = &sh->fds[fd];

	if (v->bytes == 0 && !v->taint)
		return;
	switch (to->kind) {
	case FD_SINK:
		text_add_value(&to->sink->text, v);
		break;
	case FD_FILE:
		file_write(sh, to->path, v, true);
		break;
	case FD_NETWORK:
		if (v->taint & (GUARD_TAINT_SECRET | GUARD_TAINT_ENV))
			add_fact(sh, GUARD_FACT_SENDS_SECRET, NULL, to->path);
		break;
	default:
		break;
	}
}
