/* SPDX-License-Identifier: MIT */
/* What programs do with files, as far as it matters later in the same text: copies, archives and downloads carry what is
 * known of their origin; whatever is known to be secret must not reach a program that sends. */
#include "shell.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/macros.h"
#include "path.h"

#define SECRET (GUARD_TAINT_SECRET | GUARD_TAINT_ENV)

struct files {
	struct shell *sh;
	const char *name;
	struct guard_value *words;
	size_t count;
	struct emitted *self;
	bool told;
};

static void sends(struct files *f, const char *what)
{
	if (!f->told)
		add_fact(f->sh, GUARD_FACT_SENDS_SECRET, f->self, what);
	f->told = true;
}

/* A file that goes out. Once a secret was copied to some other name, a file of which nothing is known may be it. */
static void sends_file(struct files *f, const char *path)
{
	struct file *known = file_find(f->sh, path);

	if (strcmp(path, "-") == 0) {
		if (read_all(f->sh, &f->sh->fds[0]).taint & SECRET)
			sends(f, joined_words(f->sh, f->words, f->count));
		return;
	}
	if ((file_taint(f->sh, path, true) & SECRET) || (!known && f->sh->walk->secret_copied && !strstr(path, "://")))
		sends(f, path);
}

static void sends_words(struct files *f)
{
	for (size_t i = 1; i < f->count; i++)
		if (f->words[i].taint & SECRET)
			sends(f, joined_words(f->sh, f->words, f->count));
}

static void sends_input(struct files *f)
{
	unsigned taint = read_all(f->sh, &f->sh->fds[0]).taint;

	if (taint & SECRET)
		sends(f, joined_words(f->sh, f->words, f->count));
	if (taint & GUARD_TAINT_SESSION)
		add_fact(f->sh, GUARD_FACT_REVERSE_SHELL, f->self, joined_words(f->sh, f->words, f->count));
}

static void downloaded(struct files *f, const char *path)
{
	struct guard_value v = value_unknown(GUARD_TAINT_NETWORK);

	if (strcmp(path, "-") != 0)
		file_write(f->sh, path, &v, false);
}

static void downloaded_in(struct files *f, const char *directory, const char *name)
{
	struct text t = TEXT(f->sh);

	if (directory) {
		text_adds(&t, directory);
		text_addc(&t, '/');
	}
	text_adds(&t, name);
	downloaded(f, text_take(&t).text);
}

/* The name that a download gets: the last part of the address's path. */
static void downloaded_as_named(struct files *f, const char *directory)
{
	for (size_t i = 1; i < f->count; i++) {
		const char *w = f->words[i].text, *start = strstr(w, "://"), *slash;
		size_t n;

		if (w[0] == '-' || (!start && !strchr(w, '/') && !strchr(w, '.')))
			continue;
		start = start ? start + 3 : w;
		n = strcspn(start, "?#");
		slash = text_last_slash(start, n);
		if (!slash || slash + 1 == start + n)
			downloaded_in(f, directory, "index.html");
		else
			downloaded_in(f, directory, guard_arena_copy(f->sh->walk->arena, slash + 1, n - (size_t)(slash + 1 - start)));
	}
}

/* --name at least as long as its shortest form, and its value: behind '=' or the next word. NULL: another option. */
static const char *long_value(const struct files *f, size_t i, const char *name, size_t shortest)
{
	const char *w = f->words[i].text;
	size_t n;

	if (w[0] != '-' || w[1] != '-')
		return NULL;
	n = strcspn(w + 2, "=");
	if (n < shortest || strncmp(w + 2, name, n) != 0)
		return NULL;
	if (w[2 + n] == '=')
		return w + 3 + n;
	return i + 1 < f->count ? f->words[i + 1].text : "";
}

/* The value of a short option in a bundle: -sXPOST, -so FILE. NULL: it is not there. */
static const char *short_value(const struct files *f, size_t i, char letter, const char *valued)
{
	const char *w = f->words[i].text;

	if (w[0] != '-' || w[1] == '-')
		return NULL;
	for (size_t k = 1; w[k]; k++) {
		if (w[k] == letter)
			return w[k + 1] ? w + k + 1 : i + 1 < f->count ? f->words[i + 1].text : "";
		if (strchr(valued, w[k]))
			return NULL;
	}
	return NULL;
}

static void curl_data(struct files *f, const char *value, bool form)
{
	const char *at = value;

	if (!value)
		return;
	if (form)
		at = strchr(value, '=') ? strchr(value, '=') + 1 : value;
	else if (value[0] != '@' && strchr(value, '@') && strchr(value, '=') && strchr(value, '=') < strchr(value, '@'))
		at = strchr(value, '@');
	if (*at == '@' || (form && *at == '<')) {
		at++;
		sends_file(f, guard_arena_copy(f->sh->walk->arena, at, strcspn(at, ";")));
	}
}

/* Is this address of the one whom the variable is named after? Ours, unknown ones and variables of nobody's count as theirs. */
static bool is_theirs(const char *variable, const char *address)
{
	static const struct { const char *name, *host; } others[] = {
		{ "aws", "amazonaws" }, { "gh", "github" }, { "gemini", "google" }, { "hf", "huggingface" }, { "cf", "cloudflare" },
		{ "claude", "anthropic" }, { "do", "digitalocean" }, { "pypi", "pypi" }, { "gcp", "google" },
	};
	char vendor[32], host[256];
	size_t n = strcspn(variable, "_"), bytes;
	const char *at = strstr(address, "://");

	if (n == 0 || n >= sizeof vendor)
		return true;
	for (size_t i = 0; i <= n; i++)
		vendor[i] = i < n ? (char)tolower((unsigned char)variable[i]) : '\0';
	if (text_in(vendor, "api access auth my app secret bearer service admin client user jwt refresh id bot ci deploy webhook test dev "
			    "prod staging local db the private public session csrf db root access registry"))
		return true;
	at = at ? at + 3 : address;
	bytes = strcspn(at, "/?#");
	if (bytes >= sizeof host || memchr(at, GUARD_UNKNOWN, bytes))
		return true;
	for (size_t i = 0; i <= bytes; i++)
		host[i] = i < bytes ? (char)tolower((unsigned char)at[i]) : '\0';
	if (strncmp(host, "localhost", 9) == 0 || strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
	    strncmp(host, "10.", 3) == 0 || strncmp(host, "192.168.", 8) == 0 || !strchr(host, '.'))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strcmp(vendor, others[i].name) == 0 && strstr(host, others[i].host))
			return true;
	return strstr(host, vendor) != NULL;
}

/* curl -d "k=$OPENAI_API_KEY" https://elsewhere: a header is how keys are handed to where they belong. */
static void sends_credential(struct files *f)
{
	bool sent = false, header = false;
	const char *elsewhere = NULL;

	for (size_t i = 1; i < f->count; i++) {
		const struct guard_value *w = &f->words[i];

		if (!header && w->taint & GUARD_TAINT_CREDENTIAL && w->text[0] != '-')
			sent = true;
		if (strstr(w->text, "://") && w->text[0] != '-' && !header &&
		    !is_theirs(f->sh->walk->credential ? f->sh->walk->credential : "", w->text))
			elsewhere = w->text;
		header = text_in(w->text, "-H --header -u --user --oauth2-bearer -b --cookie --proxy-user -x --proxy");
	}
	if (sent && elsewhere)
		add_fact(f->sh, GUARD_FACT_SENDS_CREDENTIAL, f->self, joined_words(f->sh, f->words, f->count));
}

static void do_curl(struct files *f)
{
	static const char valued[] = "AbcCdDeEFHhKmoPQrTtuUwxXyYz";
	static const char *const data[] = { "data",	      "data-binary", "data-raw", "data-ascii",
					    "data-urlencode", "json",	     "url-query" };

	const char *directory = NULL;
	bool named = false;

	sends_words(f);
	sends_credential(f);
	for (size_t i = 1; i < f->count; i++) {
		const char *v;

		if (!f->words[i].bytes || f->words[i].text[0] != '-')
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(data); k++)
			curl_data(f, long_value(f, i, data[k], strlen(data[k]) > 6 ? 6 : 3), false);
		curl_data(f, short_value(f, i, 'd', valued), false);
		curl_data(f, short_value(f, i, 'F', valued), true);
		curl_data(f, long_value(f, i, "form", 3), true);
		curl_data(f, short_value(f, i, 'H', valued), false);
		v = short_value(f, i, 'T', valued);
		v = v ? v : long_value(f, i, "upload-file", 3);
		if (v)
			sends_file(f, v);
		v = short_value(f, i, 'o', valued);
		v = v ? v : long_value(f, i, "output", 4);
		if (v && strcmp(f->words[i].text, "--output-dir") != 0)
			downloaded(f, v);
		if (short_value(f, i, 'O', valued) || long_value(f, i, "remote-name", 8))
			named = true;
		v = long_value(f, i, "output-dir", 8);
		directory = v ? v : directory;
		v = short_value(f, i, 'b', valued);
		v = v ? v : long_value(f, i, "cookie", 3);
		if (v && !strchr(v, '='))
			sends_file(f, v);
	}
	if (named)
		downloaded_as_named(f, directory);
}

static void do_wget(struct files *f)
{
	static const char valued[] = "oaeiBtOTwQPUlARDIX";
	const char *directory = NULL;
	bool named = false, wget = strncmp(f->name, "wget", 4) == 0;

	sends_words(f);
	sends_credential(f);
	for (size_t i = 1; i < f->count; i++) {
		const char *v = long_value(f, i, "post-file", 6);

		v = v ? v : long_value(f, i, "body-file", 6);
		if (v)
			sends_file(f, v);
		v = short_value(f, i, wget ? 'P' : 'd', valued);
		v = v ? v : long_value(f, i, wget ? "directory-prefix" : "dir", 3);
		directory = v ? v : directory;
		v = short_value(f, i, wget ? 'O' : 'o', valued);
		v = v ? v : long_value(f, i, wget ? "output-document" : "out", wget ? 8 : 3);
		if (v) {
			downloaded(f, v);
			named = true;
		}
	}
	if (!named)
		downloaded_as_named(f, directory);
}

static void do_nc(struct files *f)
{
	sends_words(f);
	sends_input(f);
	for (size_t i = 1; i < f->count; i++) {
		const char *w = f->words[i].text;
		const char *program = NULL;

		if (strcmp(w, "-e") == 0 || strcmp(w, "-c") == 0 || strcmp(w, "--exec") == 0 ||
		    strcmp(w, "--sh-exec") == 0)
			program = i + 1 < f->count ? f->words[i + 1].text : "";
		else if (strncmp(w, "--exec=", 7) == 0 || strncmp(w, "--sh-exec=", 10) == 0)
			program = strchr(w, '=') + 1;
		else if (w[0] == '-' && w[1] != '-' && strlen(w) > 2 && w[strlen(w) - 1] == 'e')
			program = i + 1 < f->count ? f->words[i + 1].text : "";
		if (program)
			add_fact(f->sh, GUARD_FACT_REVERSE_SHELL, f->self, joined_words(f->sh, f->words, f->count));
	}
}

/* ------------------------------------------------------------------------------------------------ copies */

static bool is_remote(const char *path)
{
	const char *colon = strchr(path, ':'), *slash = strchr(path, '/');

	return (colon && colon > path + 1 && (!slash || colon < slash)) || strstr(path, "://");
}

static void copy_program(struct files *f, const char *from, const char *to)
{
	const char *abs = absolute(f->sh, from), *slash = abs ? strrchr(abs, '/') : NULL;
	struct guard_value nothing = value_unknown(0);
	struct file *file;

	if (!slash || !(strstr(abs, "/bin/") || strstr(abs, "/sbin/")))
		return;
	file = file_write(f->sh, to, &nothing, false);
	if (!file)
		return;
	file->has_content = false;
	file->program = slash + 1;
}

/* What goes by the name of the link is meant for its target, which counts from the link's own directory. */
static void link_to(struct files *f, const char *target, const char *path)
{
	struct guard_analysis *a = f->sh->walk->analysis;
	char buf[PATH_MAX], *slash = buf;
	struct guard_link *link;

	snprintf(buf, sizeof buf, "%s", path);
	slash = strrchr(buf, '/');
	if (!slash || strpbrk(target, "\001\002\003"))
		return;
	slash[slash == buf] = '\0';
	link = GUARD_NEW(f->sh->walk->arena, struct guard_link);
	link->path = path;
	if (!guard_path_normalise(target, guard_arena_strdup(f->sh->walk->arena, buf), buf, sizeof buf) || buf[0] != '/')
		return;
	link->target = guard_arena_strdup(f->sh->walk->arena, buf);
	link->next = (struct guard_link *)a->links;
	a->links = link;
}

/* ln -s: a new name, or one in the directory that the last operand names. */
static void make_link(struct files *f, const char *from, const char *to)
{
	const char *abs = absolute(f->sh, to), *slash = strrchr(from, '/');
	struct stat st;
	char inside[PATH_MAX];

	if (!abs)
		return;
	if ((stat(abs, &st) == 0 && S_ISDIR(st.st_mode)) || to[strlen(to) - 1] == '/') {
		if ((size_t)snprintf(inside, sizeof inside, "%s/%s", abs, slash && slash[1] ? slash + 1 : from) >= sizeof inside)
			return;
		link_to(f, from, guard_arena_strdup(f->sh->walk->arena, inside));
	}
	link_to(f, from, abs);
}

static bool is_symbolic(const struct files *f)
{
	for (size_t i = 1; i < f->count; i++) {
		const char *w = f->words[i].text;

		if (!strncmp(w, "--sym", 5) || (w[0] == '-' && w[1] != '-' && strchr(w, 's')))
			return true;
	}
	return false;
}

/* cp, mv, ln, scp, rsync, install: all operands but the last go to the last, or all to -t DIR. */
static void do_copy(struct files *f)
{
	const char *operands[64], *target = NULL;
	size_t n = 0;
	bool remote, symbolic;

	for (size_t i = 1; i < f->count && n < ARRAY_SIZE(operands); i++) {
		const char *w = f->words[i].text;

		if (strcmp(w, "-t") == 0 || strcmp(w, "--target-directory") == 0)
			target = i + 1 < f->count ? f->words[++i].text : NULL;
		else if (strncmp(w, "--target-directory=", 19) == 0)
			target = w + 19;
		else if (text_in(f->name, "scp rsync sftp") && w[0] == '-' && w[1] != '-' && w[1] && !w[2] &&
			 strchr("PiFoScleT", w[1]))
			i++;
		else if (w[0] != '-' || !w[1])
			operands[n++] = w;
	}
	symbolic = text_in(f->name, "ln gln") && is_symbolic(f);
	if (!target && n > 1)
		target = operands[--n];
	else if (!target && n == 1 && symbolic)
		target = ".";
	if (!target || !*target)
		return;
	remote = is_remote(target) && text_in(f->name, "scp rsync sftp rcp");

	for (size_t i = 0; i < n; i++) {
		if (remote) {
			sends_file(f, operands[i]);
		} else if (is_remote(operands[i]) && text_in(f->name, "scp rsync sftp rcp")) {
			const char *slash = strrchr(operands[i], '/'), *colon = strchr(operands[i], ':');

			downloaded(f, target);
			downloaded_in(f, target, slash ? slash + 1 : colon + 1);
		} else {
			file_copy(f->sh, operands[i], target);
			copy_program(f, operands[i], target);
			if (symbolic && *operands[i])
				make_link(f, operands[i], target);
		}
	}
}

static void do_dd(struct files *f)
{
	const char *from = NULL, *to = NULL;

	for (size_t i = 1; i < f->count; i++) {
		if (strncmp(f->words[i].text, "if=", 3) == 0)
			from = f->words[i].text + 3;
		else if (strncmp(f->words[i].text, "of=", 3) == 0)
			to = f->words[i].text + 3;
	}
	if (from && to) {
		file_copy(f->sh, from, to);
	} else if (to) {
		struct guard_value v = read_all(f->sh, &f->sh->fds[0]);

		file_write(f->sh, to, &v, false);
	}
}

/* An archive, encrypted copy or dump holds what its sources held. */
static void do_archive(struct files *f)
{
	const char *archive = NULL, *options = NULL;
	unsigned taint = read_all(f->sh, &f->sh->fds[0]).taint & SECRET;
	bool creates = !text_in(f->name, "tar bsdtar gtar");
	struct guard_value v;

	for (size_t i = 0; i < f->sh->env_count; i++)
		if (strcmp(f->sh->env[i].name, "TAR_OPTIONS") == 0)
			options = f->sh->env[i].value.text;
	if (options && creates)
		options = NULL;
	if (options) {
		const char *file = strstr(options, "--file=");

		creates = strstr(options, "--create") || strstr(options, "-c");
		if (file)
			archive = guard_arena_copy(f->sh->walk->arena, file + 7, strcspn(file + 7, " "));
	}
	for (size_t i = 1; i < f->count; i++) {
		const char *w = f->words[i].text;

		if (text_in(f->name, "tar bsdtar gtar") && (i == 1 || w[0] == '-') && w[0] && w[1] != '-') {
			creates |= strpbrk(w, "cru") != NULL;
			if (w[strlen(w) - 1] == 'f' && i + 1 < f->count) {
				archive = f->words[++i].text;
				continue;
			}
		}
		creates |= strcmp(w, "--create") == 0 || strcmp(w, "--append") == 0 || strcmp(w, "--update") == 0;
		if (strncmp(w, "--file=", 7) == 0) {
			archive = w + 7;
		} else if (strcmp(w, "-o") == 0 || strcmp(w, "--output") == 0 || strcmp(w, "-out") == 0 ||
			   strcmp(w, "--file") == 0) {
			archive = i + 1 < f->count ? f->words[++i].text : NULL;
		} else if (text_in(f->name, "zip 7z 7za 7zr rar") && !archive && w[0] != '-' &&
			   !(text_in(f->name, "7z 7za 7zr rar") && i == 1)) {
			archive = w;
		} else {
			taint |= file_taint(f->sh, w, true) & SECRET;
		}
	}
	if (!creates || !archive || !taint)
		return;
	if (is_remote(archive)) {
		sends(f, archive);
		return;
	}
	if (strcmp(archive, "-") == 0 || strcmp(archive, "/dev/stdout") == 0)
		return;
	v = value_unknown(taint);
	file_write(f->sh, archive, &v, false);
}

static void do_git(struct files *f)
{
	const char *address = NULL, *directory = NULL, *slash;
	struct guard_value v = value_unknown(GUARD_TAINT_NETWORK);
	struct file *file;
	size_t i = 1;

	while (i < f->count && !value_is(&f->words[i], "clone"))
		i++;
	for (i++; i < f->count; i++) {
		if (f->words[i].text[0] == '-') {
			i += text_in(f->words[i].text,
				     "-b -o -c -u -j --branch --origin --config --depth --reference --template --jobs "
				     "--upload-pack --filter --shallow-since");
			continue;
		}
		if (!address)
			address = f->words[i].text;
		else
			directory = f->words[i].text;
	}
	if (!address)
		return;
	if (!directory) {
		size_t n = strlen(address);

		if (n > 4 && strcmp(address + n - 4, ".git") == 0)
			n -= 4;
		slash = text_last_slash(address, n);
		directory = slash ? guard_arena_copy(f->sh->walk->arena, slash + 1, n - (size_t)(slash + 1 - address))
				  : address;
	}
	file = file_write(f->sh, directory, &v, false);
	if (!file)
		return;
	file->has_content = false;
	file->directory = true;
}

/* psql -f FILE: statements that this text has written. */
static void do_sql(struct files *f)
{
	for (size_t i = 1; i < f->count; i++) {
		const char *w = f->words[i].text, *path = NULL;
		struct file *file;

		if (!strcmp(w, "-f") || !strcmp(w, "--file") || !strcmp(w, "-init") || !strcmp(w, "-i"))
			path = i + 1 < f->count ? f->words[i + 1].text : NULL;
		else if (!strncmp(w, "--file=", 7))
			path = w + 7;
		else if (!strncmp(w, "-f", 2))
			path = w + 2;
		file = path ? file_find(f->sh, path) : NULL;
		if (file && file->has_content)
			f->self->command.input = file->content;
	}
}

/* Lines for an ftp client: put FILE */
static void sends_put(struct files *f)
{
	struct guard_value text = read_all(f->sh, &f->sh->fds[0]);

	for (const char *at = text.text; *at;) {
		const char *file = strncmp(at, "put ", 4) == 0	  ? at + 4
				   : strncmp(at, "mput ", 5) == 0 ? at + 5
				   : strncmp(at, "send ", 5) == 0 ? at + 5
								  : NULL;

		if (file)
			sends_file(f, guard_arena_copy(f->sh->walk->arena, file, strcspn(file, " \n")));
		at += strcspn(at, "\n;");
		at += strspn(at, "\n; ");
	}
}

/* Programs that take files, or their input, somewhere else. */
static void do_sender(struct files *f)
{
	sends_words(f);
	sends_input(f);
	sends_put(f);
	for (size_t i = 1; i < f->count; i++) {
		const char *w = f->words[i].text, *equals = strchr(w, '=');

		if (w[0] != '-' && (file_taint(f->sh, w, true) & SECRET))
			sends(f, w);
		else if (equals && (file_taint(f->sh, equals + 1 + (equals[1] == '@'), true) & SECRET))
			sends(f, equals + 1);
		else if (strchr(w, '@') && (file_taint(f->sh, strchr(w, '@') + 1, true) & SECRET))
			sends(f, w);
	}
}

/* What it reads and says goes to the other machine; the words are for there. */
static void do_ssh(struct files *f)
{
	sends_words(f);
	if (read_all(f->sh, &f->sh->fds[0]).taint & SECRET)
		sends(f, joined_words(f->sh, f->words, f->count));
}

/* A secret as a part of a name that is looked up. */
static void do_lookup(struct files *f)
{
	sends_words(f);
}

/* Only some verbs of these send. */
/* gh and glab take texts, which are no files, whatever they mention. */
static void leave_texts_out(struct files *f)
{
	struct guard_value *words = GUARD_NEWN(f->sh->walk->arena, struct guard_value, f->count + 1);
	size_t n = 0;

	for (size_t i = 0; i < f->count; i++) {
		const char *w = f->words[i].text;
		bool text = text_in(w, "--body -b --title -t --notes -n --message -m --description -d --comment -c "
				       "--subject --label -l");

		if (text || !strncmp(w, "--body=", 7) || !strncmp(w, "--title=", 8) || !strncmp(w, "--notes=", 8))
			i += text;
		else
			words[n++] = f->words[i];
	}
	f->words = words;
	f->count = n;
}

static void do_cloud(struct files *f)
{
	bool sending = false;

	if (text_in(f->name, "gh glab"))
		leave_texts_out(f);

	for (size_t i = 1; i < f->count; i++)
		sending |= f->words[i].text[0] != '-' &&
			   text_in(f->words[i].text, "cp sync mv put upload upload-batch copy copyto rcat moveto "
						     "create edit publish send "
						     "put-object put-item put-parameter");
	if (sending)
		do_sender(f);
}

void follow_files(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	static const struct {
		const char *names;
		void (*run)(struct files *f);
	} programs[] = {
		{ "curl curlie", do_curl },
		{ "wget wget2 aria2c axel", do_wget },
		{ "nc ncat netcat nc.openbsd nc.traditional socat telnet rlogin", do_nc },
		{ "cp mv ln install scp rsync rcp gcp gmv gln ditto link", do_copy },
		{ "ssh", do_ssh },
		{ "psql pgcli cockroach usql sqlcmd snowsql duckdb clickhouse-client cqlsh beeline", do_sql },
		{ "dd", do_dd },
		{ "tar bsdtar gtar zip 7z 7za 7zr rar gpg gpg2 openssl age ar cpio", do_archive },
		{ "git hub", do_git },
		{ "sftp ftp lftp ncftpput tftp mail mailx mutt sendmail msmtp swaks pastebinit wormhole croc ffsend transfer http https httpie xh "
		  "wscat websocat mosquitto_pub nats kcat kafkacat smbclient telegram-send slackcat ntfy s3cmd mc ipfs",
		  do_sender },
		{ "dig nslookup host ping drill kdig dog getent traceroute lynx links w3m", do_lookup },
		{ "aws gsutil gcloud az rclone gh glab b2 doctl oci kubectl docker vercel netlify", do_cloud },
	};
	struct files f = { .sh = sh, .name = name, .words = words, .count = count, .self = self };

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (text_in(name, programs[i].names)) {
			programs[i].run(&f);
			if (programs[i].run == do_archive && strcmp(name, "openssl") == 0)
				sends_input(&f);
			return;
		}
}
