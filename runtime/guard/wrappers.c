/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libccm/macros.h"
#include "reader.h"

#define ITEMS_MAX 4096           /* that xargs is given */

/* A program that runs the words behind its own options. */
struct wrapper {
	const char *names;           /* " sudo doas " */
	const char *letters;         /* short options that take a value */
	const char *longs;           /* long ones that take it in the next word: " user group " */
	unsigned operands;           /* words of its own before the command: timeout's duration */
	unsigned flags;              /* enum guard_flag of what it runs */
	enum {
		ASSIGNS = 1,         /* FOO=bar in front of the command is its environment */
		AS_TEXT = 2,         /* the words are joined and given to a shell */
		NEEDS_DASHES = 4,    /* the command stands behind "--" only */
		NUMBERS = 8,         /* -10 is an option without value */
	} how;
};

static const struct wrapper wrappers[] = {
	{ " sudo ", "ugpCrtTUDRh", " user group prompt close-from role type chroot chdir host other-user command-timeout ", 0, GUARD_ROOT,
	  ASSIGNS },
	{ " doas ", "uC", "", 0, GUARD_ROOT, 0 },
	{ " pkexec ", "", " user ", 0, GUARD_ROOT, 0 },
	{ " gosu su-exec setuidgid s6-setuidgid chpst-user ", "", "", 1, GUARD_ROOT, 0 },
	{ " run0 ", "uDgp", " user group chdir property nice setenv background machine unit slice ", 0, GUARD_ROOT, 0 },
	{ " chpst ", "ubedomnUrcpf/", "", 0, 0, 0 },
	{ " setsid ", "", "", 0, 0, 0 },
	{ " setpriv ", "", " reuid regid groups inh-caps ambient-caps bounding-set securebits pdeathsig selinux-label apparmor-profile ",
	  0, 0, 0 },
	{ " nohup chronic unbuffer eatmydata fakeroot ccache distcc sccache gtime catchsegv caffeinate nocache torsocks torify "
	  "proxychains proxychains4 tsocks rlwrap winpty dbus-launch dbus-run-session disown nosleep systemd-inhibit setarch linux32 linux64 "
	  "i386 x86_64 xvfb-run stdoutisatty script-exec zrun primusrun optirun prime-run gamemoderun mangohud wine ", "tpfls",
	  " who what why mode server-num error-file server-args auth-file fake-root ", 0, 0, 0 },
	{ " nice ", "n", " adjustment ", 0, 0, NUMBERS },
	{ " ionice ", "cnpPu", " class classdata ", 0, 0, 0 },
	{ " chrt ", "TPD", " sched-runtime sched-period sched-deadline ", 1, 0, 0 },
	{ " taskset ", "", "", 1, 0, 0 },
	{ " numactl ", "ipmNCl", " interleave preferred membind cpunodebind physcpubind ", 0, 0, 0 },
	{ " timeout gtimeout ", "ks", " kill-after signal ", 1, 0, 0 },
	{ " stdbuf gstdbuf ", "ioe", " input output error ", 0, 0, 0 },
	{ " time ", "fo", " format output ", 0, 0, 0 },
	{ " command builtin noglob nocorrect - ", "", "", 0, 0, 0 },
	{ " busybox toybox ", "", "", 0, 0, 0 },
	{ " chroot ", "", " userspec groups ", 1, GUARD_CONTAINER | GUARD_ROOT, 0 },
	{ " proot ", "rbwqk", " rootfs bind cwd qemu ", 0, GUARD_CONTAINER, 0 },
	{ " firejail ", "", "", 0, GUARD_CONTAINER, 0 },
	{ " fakechroot termux-chroot arch cross-env ", "e", " lib elib use-system-libs ", 0, 0, ASSIGNS },
	{ " gksudo gksu kdesu kdesudo lxsudo cross-env-shell ", "ucn", " user ", 0, 0, ASSIGNS | AS_TEXT },
	{ " watchexec ", "weifdsn", " watch exts ignore filter debounce signal shell workdir delay-run project-origin ", 0, 0, AS_TEXT },
	{ " systemd-nspawn ", "DMiubpUESN", " directory image machine user bind bind-ro property capability setenv ", 0,
	  GUARD_CONTAINER, 0 },
	{ " watch ", "nq", " interval equexit ", 0, 0, AS_TEXT },
	{ " hyperfine ", "wmMrpcnsSLuDPNi", " warmup min-runs max-runs runs prepare cleanup setup conclude parameter-scan parameter-list "
	  "shell command-name export-json export-csv export-markdown output input style sort time-unit ", 0, 0, AS_TEXT },
	{ " strace ltrace ", "eopsuEaPSIObX", " trace output attach user env string-limit columns ", 0, 0, 0 },
	{ " valgrind callgrind memcheck rr heaptrack ", "", "", 0, 0, 0 },
	{ " unshare ", "SGRw", " setuid setgid root wd map-user map-group ", 0, 0, 0 },
	{ " nsenter ", "tSGrwW", " target setuid setgid ", 0, GUARD_ROOT, 0 },
	{ " systemd-run ", "pEHMu", " property setenv host machine unit slice description service-type uid gid nice working-directory "
	  "on-active on-boot on-startup on-unit-active on-calendar timer-property path-property socket-property ", 0, 0, 0 },
	{ " prlimit ", "p", " pid ", 0, 0, 0 },
	{ " cgexec ", "g", "", 0, 0, 0 },
	{ " uvx pipx-run bunx pnpx ", "pc", " package with from python index-url ", 0, 0, 0 },
	{ " npx ", "pcw", " package call workspace ", 0, 0, 0 },
	{ " dotenv envdir with-contenv ", "fe", " env-file ", 0, 0, 0 },
	{ " doppler infisical op aws-vault chamber teller summon envchain ", "pce", " project config env ", 0, 0, NEEDS_DASHES },
	{ " mise asdf rtx direnv ", "C", "", 0, 0, NEEDS_DASHES },
	{ " entr ", "", "", 0, 0, 0 },
	{ " sshpass ", "pfeP", "", 0, 0, 0 },
	{ " lxc incus ", "n", " name ", 0, GUARD_CONTAINER, NEEDS_DASHES },
	{ " faketime ", "", "", 1, 0, 0 },
	{ " trickle ", "dutlswL", "", 0, 0, 0 },
	{ " cpulimit ", "lpe", " limit pid exe ", 0, 0, 0 },
	{ " pdsh dsh clush pssh parallel-ssh ", "wgxRltuhHopmM", " hosts host user timeout ", 0, GUARD_REMOTE, AS_TEXT },
	{ " rtk ", "", "", 0, 0, 0 },
	{ " coproc ", "", "", 0, GUARD_BACKGROUND, 0 },
	{ " if then else elif while until do ! { ", "", "", 0, GUARD_MAYBE, 0 },
};

struct run {
	struct shell *sh;
	const char *name;
	struct guard_value *words;
	size_t count;
	struct emitted *self;
};

/* An option of this name, or one that this is the beginning of. */
static bool is_option(const char *list, const char *word)
{
	size_t bytes = strlen(word);

	for (const char *at = list; *at;) {
		size_t n = strcspn(at, " ");

		if (n > 0 && n >= bytes && strncmp(at, word, bytes) == 0)
			return true;
		at += n + (at[n] == ' ');
	}
	return false;
}

static bool is_assignment(const struct guard_value *w)
{
	const char *equals = strchr(w->text, '=');

	return equals && guard_is_name(w->text, (size_t)(equals - w->text));
}

static void add_assignment(struct shell *sh, const struct guard_value *w)
{
	const char *equals = strchr(w->text, '=');
	struct guard_assignment *env = GUARD_NEWN(sh->walk->arena, struct guard_assignment, sh->env_count + 1);

	if (sh->env_count > 0)
		memcpy(env, sh->env, sh->env_count * sizeof *env);
	env[sh->env_count].name = guard_arena_copy(sh->walk->arena, w->text, (size_t)(equals - w->text));
	env[sh->env_count].value = value_from(w, (size_t)(equals + 1 - w->text));
	sh->env = env;
	sh->env_count++;
}

/* Where the options end that begin at word i. */
static size_t skip_options(const struct run *r, size_t i, const char *letters, const char *longs, unsigned how)
{
	while (i < r->count) {
		const struct guard_value *w = &r->words[i];

		if (value_is(w, "--"))
			return i + 1;
		if ((how & NUMBERS) && w->text[0] == '-' && w->text[1] >= '0' && w->text[1] <= '9') {
			i++;
			continue;
		}
		if (w->text[0] != '-' || w->bytes < 2)
			return i;
		i++;
		if (w->text[1] == '-') {
			const char *name = w->text + 2;

			if (!strchr(name, '=') && *name && is_option(longs, name))
				i++;
			continue;
		}
		for (size_t k = 1; k < w->bytes; k++)
			if (strchr(letters, w->text[k])) {
				i += k + 1 == w->bytes;
				break;
			}
	}
	return r->count;
}

static bool has_option(const struct run *r, size_t end, char letter, const char *name)
{
	for (size_t i = 1; i < end && i < r->count; i++) {
		const char *w = r->words[i].text;

		if (w[0] != '-')
			continue;
		if (w[1] == '-' ? name && strncmp(w + 2, name, strlen(name)) == 0 : letter && strchr(w + 1, letter))
			return true;
	}
	return false;
}

/* The value of -x VALUE, -xVALUE, --name VALUE, --name=VALUE; NULL: none. */
static const struct guard_value *option(const struct run *r, char letter, const char *name, struct guard_value *room)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	const char *at;

	for (size_t i = 1; i < r->count; i++) {
		const struct guard_value *w = &r->words[i];
		size_t n = name ? strlen(name) : 0;

		if (value_is(w, "--"))
			return NULL;
		/* Also at the end of a bundle: script -qc TEXT */
		if (letter && w->text[0] == '-' && (at = strchr(w->text + 1, letter)) &&
		    strspn(w->text + 1, letters) >= (size_t)(at - w->text - 1)) {
			if (!at[1])
				return i + 1 < r->count ? &r->words[i + 1] : NULL;
			*room = value_from(w, (size_t)(at + 1 - w->text));
			return room;
		}
		if (name && w->text[0] == '-' && w->text[1] == '-' && strncmp(w->text + 2, name, n) == 0) {
			if (w->text[2 + n] == '\0')
				return i + 1 < r->count ? &r->words[i + 1] : NULL;
			if (w->text[2 + n] == '=') {
				*room = value_from(w, n + 3);
				return room;
			}
		}
	}
	return NULL;
}

/* Text for a shell of its own; what it reads and prints is ours. */
static void run_in_shell(struct run *r, const struct guard_value *code, const char *via, unsigned flags)
{
	struct shell sub = subshell_of(r->sh);

	sub.flags |= flags;
	for (size_t i = 0; i < sub.env_count; i++)
		var_set(&sub, sub.env[i].name, sub.env[i].value);
	run_process(&sub, code, via, r->self);
}

/* The same, of a line of what it read from its own input. */
static void run_line(struct run *r, const struct guard_value *code, const char *via, unsigned flags)
{
	struct fd before = r->sh->fds[0];

	r->sh->fds[0] = (struct fd){ .kind = FD_NULL };
	run_in_shell(r, code, via, flags);
	r->sh->fds[0] = before;
}

static void run_rest(struct run *r, size_t first, unsigned flags)
{
	if (first < r->count)
		run_under(r->sh, r->words + first, r->count - first, r->self, r->name, flags);
}

static void run_table(struct run *r, const struct wrapper *w)
{
	size_t i = skip_options(r, 1, w->letters, w->longs, w->how);
	struct guard_assignment *env = r->sh->env;
	size_t env_count = r->sh->env_count;

	if (w->how & NEEDS_DASHES) {
		for (i = 1; i < r->count && !value_is(&r->words[i], "--"); i++)
			;
		i++;
	}
	while ((w->how & ASSIGNS) && i < r->count && is_assignment(&r->words[i]))
		add_assignment(r->sh, &r->words[i++]);
	for (unsigned k = 0; k < w->operands; k++)
		i++;
	if (i < r->count && !r->words[i].known && !r->words[i].quoted && value_is_unknown(&r->words[i]))
		run_rest(r, i + 1, w->flags | GUARD_MAYBE);
	if (i < r->count && (w->how & AS_TEXT)) {
		struct guard_value code = words_as_code(r->sh, r->words + i, r->count - i);

		run_in_shell(r, &code, r->name, w->flags);
	} else {
		run_rest(r, i, w->flags);
	}
	r->sh->env = env;
	r->sh->env_count = env_count;
}

/* ------------------------------------------------------------------------------------------------ shells */

static void run_script_file(struct run *r, const struct guard_value *path, size_t args)
{
	struct shell sub = subshell_of(r->sh);
	struct guard_value text, output = value_unknown(0);

	sub.args = r->words + args;
	sub.arg_count = r->count > args ? r->count - args : 0;
	sub.name = *path;
	if (script_text(r->sh, path, &text)) {
		run_process(&sub, &text, r->name, r->self);
		return;
	}
	if (value_begins(path, "/dev/stdin") || value_begins(path, "/dev/fd/") || value_begins(path, "/proc/self/fd/")) {
		struct fd before = r->sh->fds[FD_COUNT - 1];

		open_file(r->sh, FD_COUNT - 1, path->text, GUARD_READ);
		text = read_all(r->sh, &r->sh->fds[FD_COUNT - 1]);
		r->sh->fds[FD_COUNT - 1] = before;
		run_text(&sub, &text, r->name, r->self);
	} else if (!judge_file(r->sh, file_taint(r->sh, path->text, false) | path->taint, r->self) && !path->known &&
		   (r->sh->flags & GUARD_ARGS_OPEN)) {
		add_fact(r->sh, GUARD_FACT_RUNS_UNKNOWN, r->self, joined_words(r->sh, r->words, r->count));
	}
	write_fd(r->sh, 1, &output);
}

/* What it reads from its standard input are commands. */
static void run_stdin(struct run *r)
{
	const struct fd *in = &r->sh->fds[0], *out = &r->sh->fds[1];
	const struct guard_value *file = unknown_input_file(r->sh);
	struct guard_value text = read_all(r->sh, in), session;

	if (in->kind == FD_NETWORK || out->kind == FD_NETWORK ||
	    (in->kind == FD_INPUT && in->path && is_network_path(in->path))) {
		add_fact(r->sh,
			 out->kind == FD_NETWORK || in->path ? GUARD_FACT_REVERSE_SHELL : GUARD_FACT_RUNS_DOWNLOAD,
			 r->self, joined_words(r->sh, r->words, r->count));
		return;
	}
	if (file) {
		run_script_file(r, file, r->count);
		/* A pipe by name: whoever writes to it reads what the shell says. */
		session = value_unknown(GUARD_TAINT_SESSION);
		write_fd(r->sh, 1, &session);
		return;
	}
	if (in->kind == FD_INPUT) {
		struct fd before = *in;

		/* Nothing of it is left for what it runs. */
		r->sh->fds[0] = (struct fd){ .kind = FD_NULL };
		run_in_shell(r, &text, r->name, 0);
		r->sh->fds[0] = before;
	} else if (r->sh->flags & GUARD_ARGS_OPEN)
		add_fact(r->sh, GUARD_FACT_RUNS_UNKNOWN, r->self, joined_words(r->sh, r->words, r->count));
	session = value_unknown(text.known && in->kind == FD_INPUT ? 0 : GUARD_TAINT_SESSION);
	write_fd(r->sh, 1, &session);
}

bool run_shell(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	struct run r = { .sh = sh, .name = name, .words = words, .count = count, .self = self };
	bool command = false, from_stdin = false;
	size_t i = 1;
	struct text via = TEXT(sh);
	struct shell sub;

	for (; i < count && words[i].bytes > 1 && strchr("-+", words[i].text[0]); i++) {
		const char *w = words[i].text;

		if (value_is(&words[i], "--")) {
			i++;
			break;
		}
		if (strncmp(w, "--command=", 10) == 0) {
			words[i] = value_from(&words[i], 10);
			command = true;
			break;
		}
		if (w[1] == '-') {
			command |= strcmp(w, "--command") == 0;
			i += strcmp(w, "--rcfile") == 0 || strcmp(w, "--init-file") == 0;
			continue;
		}
		/* -n: it only looks whether there is a mistake. */
		if (w[0] == '-' && strchr(w, 'n'))
			return true;
		command |= strchr(w, 'c') != NULL && w[0] == '-';
		from_stdin |= strchr(w, 's') != NULL && w[0] == '-';
		if (w[words[i].bytes - 1] == 'o' || w[words[i].bytes - 1] == 'O')
			i++;
	}
	for (size_t k = 0; k < sh->env_count; k++)
		if (text_in(sh->env[k].name, "BASH_ENV ENV") && sh->env[k].value.bytes > 0)
			run_script_file(&r, &sh->env[k].value, count);
	if (sh->fds[1].kind == FD_NETWORK && !command) {
		add_fact(sh, GUARD_FACT_REVERSE_SHELL, self, joined_words(sh, words, count));
		return true;
	}
	if (command) {
		if (i >= count) {
			if (sh->flags & GUARD_ARGS_OPEN)
				add_fact(sh, GUARD_FACT_RUNS_UNKNOWN, self, joined_words(sh, words, count));
			return true;
		}
		text_adds(&via, name);
		text_adds(&via, " -c");
		sub = subshell_of(sh);
		for (size_t k = 0; k < sub.env_count; k++)
			var_set(&sub, sub.env[k].name, sub.env[k].value);
		sub.name = i + 1 < count ? words[i + 1] : value_of(name);
		sub.args = words + i + 2;
		sub.arg_count = i + 2 < count ? count - i - 2 : 0;
		sub.args_open = sh->flags & GUARD_ARGS_OPEN;
		sub.flags &= ~(unsigned)GUARD_ARGS_OPEN;
		run_process(&sub, &words[i], text_take(&via).text, self);
	} else if (i < count && !from_stdin && !value_is(&words[i], "-")) {
		run_script_file(&r, &words[i], i + 1);
	} else {
		struct guard_value *args = sh->args;
		size_t arg_count = sh->arg_count;

		/* sh -s -- A B */
		sh->args = words + i;
		sh->arg_count = count > i ? count - i : 0;
		run_stdin(&r);
		sh->args = args;
		sh->arg_count = arg_count;
	}
	return true;
}

/* ------------------------------------------------------------------------------------------------ other users */

/* sudo -s, -i: a shell, which reads its input if there is no command; sudo -e only edits. */
static void run_sudo(struct run *r)
{
	const struct wrapper *w = &wrappers[0];
	size_t i = skip_options(r, 1, w->letters, w->longs, 0);

	if (has_option(r, i, 'e', "edit") || has_option(r, i, 'l', "list") || has_option(r, i, 'v', "validate") ||
	    has_option(r, i, 'V', "version"))
		return;
	if (i >= r->count && (has_option(r, i, 's', "shell") || has_option(r, i, 'i', "login"))) {
		r->sh->flags |= GUARD_ROOT;
		run_stdin(r);
		r->sh->flags &= ~(unsigned)GUARD_ROOT;
		return;
	}
	{
		struct run own = *r;
		struct guard_value room, before = var_value(r->sh, "PWD");
		const struct guard_value *directory;

		own.count = i;               /* the options of the command are none of sudo's */
		directory = option(&own, 'D', "chdir", &room);
		if (directory)
			directory_set(r->sh, directory);
		run_table(r, w);
		if (directory)
			var_set(r->sh, "PWD", before);
	}
}

/* su [-] [USER] -c COMMAND; su USER CMD... */
static void run_su(struct run *r)
{
	struct guard_value room;
	const struct guard_value *code = option(r, 'c', "command", &room);
	size_t i;
	bool root = strcmp(r->name, "sg") != 0;

	if (!code)
		code = option(r, 0, "session-command", &room);
	if (code) {
		run_in_shell(r, code, "su -c", root ? GUARD_ROOT : 0);
		return;
	}
	if (strcmp(r->name, "runuser") == 0 && option(r, 'u', "user", &room)) {
		i = skip_options(r, 1, "ugG", " user group supp-group ", 0);
		run_rest(r, i, GUARD_ROOT);
		return;
	}
	if (strcmp(r->name, "sg") == 0) {
		i = skip_options(r, 1, "", "", 0) + 1;
		if (i < r->count) {
			struct guard_value joined = words_as_code(r->sh, r->words + i, r->count - i);

			run_in_shell(r, &joined, "sg", 0);
		}
		return;
	}
	r->sh->flags |= GUARD_ROOT;
	run_stdin(r);
	r->sh->flags &= ~(unsigned)GUARD_ROOT;
}

/* ------------------------------------------------------------------------------------------------ env */

static void run_env(struct run *r)
{
	struct guard_assignment *env = r->sh->env;
	size_t env_count = r->sh->env_count, i = 1;
	struct guard_value room;
	const struct guard_value *split = option(r, 'S', "split-string", &room),
				 *directory = option(r, 'C', "chdir", &room);
	struct guard_value before = var_value(r->sh, "PWD");

	/* env's -S is a small shell of its own: quotes, and ${NAME}. */
	if (split) {
		struct text t = TEXT(r->sh);
		struct guard_value code;

		text_add_value(&t, split);
		for (size_t k = 1; k < r->count; k++)
			if (split == &r->words[k] ||
			    (r->words[k].text <= split->text && split->text <= r->words[k].text + r->words[k].bytes))
				for (size_t n = k + 1; n < r->count; n++) {
					text_addc(&t, ' ');
					text_add_value(&t, &r->words[n]);
				}
		code = text_take(&t);
		/* \_ is a blank. */
		for (char *c = (char *)code.text; (c = strstr(c, "\\_")); c += 2)
			memcpy(c, "  ", 2);
		run_in_shell(r, &code, "env -S", 0);
		return;
	}
	while (i < r->count) {
		if (value_is(&r->words[i], "-")) {
			i++;
		} else if (r->words[i].text[0] == '-' && !value_is(&r->words[i], "--")) {
			size_t next = skip_options(r, i, "uCa", " unset chdir argv0 ", 0);

			i = next > i ? next : i + 1;
		} else if (value_is(&r->words[i], "--")) {
			i++;
		} else if (strchr(r->words[i].text, '=') && r->words[i].text[0] != '=') {
			add_assignment(r->sh, &r->words[i++]);
		} else {
			break;
		}
	}
	if (directory)
		directory_set(r->sh, directory);
	if (i < r->count) {
		run_rest(r, i, 0);
	} else {
		struct guard_value all = value_unknown(GUARD_TAINT_ENV);

		write_fd(r->sh, 1, &all);
	}
	if (directory)
		var_set(r->sh, "PWD", before);
	r->sh->env = env;
	r->sh->env_count = env_count;
}

/* ------------------------------------------------------------------------------------------------ xargs and parallel */

/* The words of a text as xargs reads them: blanks divide, quotes and backslashes protect. */
static void split_items(struct shell *sh, const struct guard_value *text, char delimiter, bool lines,
			struct values *out)
{
	struct text t = TEXT(sh);
	bool begun = false;
	char quote = 0;

	for (size_t i = 0; i <= text->bytes; i++) {
		char c = i < text->bytes ? text->text[i] : '\n';
		bool ends = delimiter ? c == delimiter || i == text->bytes
			    : lines   ? c == '\n'
				      : strchr(" \t\n", c) != NULL;

		if (!delimiter && !lines && quote == 0 && (c == '\'' || c == '"') && i < text->bytes) {
			quote = c;
			begun = true;
		} else if (quote && c == quote) {
			quote = 0;
		} else if (!delimiter && c == '\\' && !quote && i + 1 < text->bytes) {
			text_addc(&t, text->text[++i]);
			begun = true;
		} else if (ends && (!quote || i == text->bytes)) {
			if (begun && out->count < ITEMS_MAX) {
				t.taint = text->taint;
				values_add(out, text_take(&t));
			}
			text_clear(&t);
			begun = false;
		} else {
			text_addc(&t, c);
			begun = true;
		}
	}
}

static struct guard_value replaced_in(struct shell *sh, const struct guard_value *word, const char *mark,
				      const struct guard_value *with)
{
	struct text t = TEXT(sh);
	size_t n = strlen(mark);
	const char *at = word->text, *found;

	while (n > 0 && (found = strstr(at, mark))) {
		text_add(&t, at, (size_t)(found - at));
		text_add_value(&t, with);
		at = found + n;
	}
	text_adds(&t, at);
	t.taint |= word->taint;
	t.quoted = word->quoted;
	return text_take(&t);
}

/* {} stands where a shell would read a command: what is replaced becomes code. */
static bool is_code_place(struct shell *sh, const struct guard_value *words, size_t count, const char *mark)
{
	const char *name = base_name(sh, &words[0]);

	if (!name || !is_shell(name))
		return false;
	for (size_t i = 1; i + 1 < count; i++)
		if (words[i].text[0] == '-' && strchr(words[i].text, 'c'))
			return strncmp(words[i + 1].text + strspn(words[i + 1].text, " \t\"'"), mark, strlen(mark)) ==
			       0;
	return false;
}

static void run_for_item(struct run *r, size_t first, const char *mark, const struct guard_value *item, unsigned flags)
{
	struct guard_value *words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, r->count - first);

	for (size_t i = first; i < r->count; i++)
		words[i - first] = replaced_in(r->sh, &r->words[i], mark, item);
	run_under(r->sh, words, r->count - first, r->self, r->name, flags);
}

static struct guard_value standard_input(struct run *r)
{
	return r->sh->fds[0].kind == FD_UNKNOWN ? value_unknown(0) : read_all(r->sh, &r->sh->fds[0]);
}

static void run_xargs(struct run *r)
{
	static const char longs[] = " arg-file delimiter eof max-lines max-args max-chars max-procs process-slot-var ";
	size_t first = skip_options(r, 1, "IanLPdEsRSJ", longs, 0), total;
	struct guard_value room, text = standard_input(r), *words, echo = value_of("echo");
	const struct guard_value *mark = option(r, 'I', NULL, &room), *file = option(r, 'a', "arg-file", &room);
	const struct guard_value *delimiter = option(r, 'd', "delimiter", &room);
	struct values items = VALUES(r->sh);
	bool zero = has_option(r, first, '0', "null"), known;
	unsigned flags = has_option(r, first, 'p', "interactive") ? GUARD_DRY_RUN : 0;
	struct fd input = r->sh->fds[0];
	char divider = delimiter && delimiter->bytes > 0
			       ? (delimiter->text[0] == '\\' && delimiter->text[1] == 'n' ? '\n' : delimiter->text[0])
			       : '\0';

	if (!mark && (has_option(r, first, 'i', "replace") || has_option(r, first, 'J', NULL))) {
		static const struct guard_value usual = { .text = "{}", .bytes = 2, .known = true };

		mark = option(r, 'J', "replace", &room);
		mark = mark && mark->text[0] != '-' && mark == &room ? mark : &usual;
	}
	if (file)
		text = file_read(r->sh, file->text);
	known = !memchr(text.text, GUARD_UNKNOWN, text.bytes);
	split_items(r->sh, &text, zero ? '\n' : divider, mark != NULL, &items);
	r->sh->fds[0] = (struct fd){ .kind = FD_NULL };
	if (mark) {
		if (first < r->count && is_code_place(r->sh, r->words + first, r->count - first, mark->text))
			add_fact(r->sh, GUARD_FACT_RUNS_UNKNOWN, r->self, joined_words(r->sh, r->words, r->count));
		for (size_t i = 0; i < items.count && first < r->count; i++)
			run_for_item(r, first, mark->text, &items.items[i], flags);
	} else {
		total = first < r->count ? r->count - first : 1;
		words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, total + items.count + 1);
		memcpy(words, first < r->count ? r->words + first : &echo, total * sizeof *words);
		for (size_t i = 0; i < items.count; i++) {
			words[total + i] = items.items[i];
			words[total + i].quoted = true;
		}
		if (items.count > 0 || known)
			run_under(r->sh, words, total + items.count, r->self, r->name,
				  flags | (known ? 0 : GUARD_ARGS_OPEN));
	}
	r->sh->fds[0] = input;
}

static const char *const parallel_marks[] = { "{}", "{.}", "{/}", "{//}", "{/.}", "{1}", "{2}" };

static bool has_operator(const struct run *r, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (r->words[i].bytes > 0 && strspn(r->words[i].text, ";&|<>") > 0)
			return true;
	return false;
}

/* Several words without an operator are what they are, although parallel gives them to a shell. */
static void run_parallel_words(struct run *r, size_t first, size_t end, const struct guard_value *item, unsigned flags)
{
	struct guard_value *words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, end - first + 1);
	bool placed = false;

	for (size_t i = first; i < end; i++) {
		words[i - first] = r->words[i];
		for (size_t k = 0; k < ARRAY_SIZE(parallel_marks); k++)
			if (strstr(words[i - first].text, parallel_marks[k])) {
				words[i - first] = replaced_in(r->sh, &words[i - first], parallel_marks[k], item);
				placed = true;
			}
	}
	if (!placed)
		words[end - first] = *item;
	run_under(r->sh, words, end - first + !placed, r->self, r->name, flags);
}

/* parallel's words become a line for a shell; {} and its kin in it, or the end of it, take the argument. */
static void run_parallel_line(struct run *r, size_t first, size_t end, const struct guard_value *item, unsigned flags)
{
	struct guard_value code = words_as_code(r->sh, r->words + first, end - first), quoted;
	struct text t = TEXT(r->sh);
	bool placed = false;

	if (first == end) {
		run_in_shell(r, item, "parallel", flags);
		return;
	}
	if (end - first > 1 && !has_operator(r, first, end)) {
		run_parallel_words(r, first, end, item, flags | (item->known ? 0 : GUARD_ARGS_OPEN));
		return;
	}
	text_addc(&t, '\'');
	for (size_t i = 0; i < item->bytes; i++)
		text_adds(&t, item->text[i] == '\'' ? "'\\''" : (char[]){ item->text[i], 0 });
	text_addc(&t, '\'');
	t.taint = item->taint;
	quoted = text_take(&t);
	for (size_t i = 0; i < ARRAY_SIZE(parallel_marks); i++)
		if (strstr(code.text, parallel_marks[i])) {
			code = replaced_in(r->sh, &code, parallel_marks[i], &quoted);
			placed = true;
		}
	if (!placed) {
		text_add_value(&t, &code);
		text_addc(&t, ' ');
		text_add_value(&t, &quoted);
		code = text_take(&t);
	}
	run_in_shell(r, &code, "parallel", flags | (item->known ? 0 : GUARD_ARGS_OPEN));
}

static void run_parallel(struct run *r)
{
	static const char longs[] =
		" jobs max-args max-replace-args arg-file colsep delay joblog results retries sshlogin slf tagstring "
		"timeout "
		"workdir basefile return env halt load memfree nice block recstart recend arg-sep tmpdir shuf-seed ";
	size_t first = skip_options(r, 1, "jNnIaSCPLEdUisW", longs, 0), end = first;
	struct values items = VALUES(r->sh);
	struct guard_value text = standard_input(r), room, unknown = value_unknown(0);
	const struct guard_value *file = option(r, 'a', "arg-file", &room);
	unsigned flags = has_option(r, first, 0, "dry-run") || has_option(r, first, 0, "dryrun") ? GUARD_DRY_RUN : 0;
	bool listed = false;

	while (end < r->count && strncmp(r->words[end].text, ":::", 3) != 0)
		end++;
	for (size_t i = end; i < r->count; i++) {
		if (value_is(&r->words[i], "::::") || value_is(&r->words[i], "::::+"))
			values_add(&items, unknown);
		else if (strncmp(r->words[i].text, ":::", 3) != 0)
			values_add(&items, r->words[i]);
		listed = true;
	}
	if (file)
		text = file_read(r->sh, file->text);
	if (!listed)
		split_items(r->sh, &text, '\n', true, &items);
	for (size_t i = 0; i < items.count && i < ITEMS_MAX; i++)
		run_parallel_line(r, first, end, &items.items[i], flags);
}

/* ------------------------------------------------------------------------------------------------ find */

/* What {} stands for: something below the place where the search begins, of the name that was asked for. */
static struct guard_value found_path(struct run *r, const struct guard_value *start, const struct guard_value *name)
{
	struct text t = TEXT(r->sh);
	struct guard_value v;

	text_add_value(&t, start);
	if (start->bytes == 0 || start->text[start->bytes - 1] != '/')
		text_addc(&t, '/');
	if (!name)
		text_addc(&t, GUARD_ONE);    /* not the place itself */
	text_addc(&t, GUARD_UNKNOWN);
	if (name) {
		text_addc(&t, '/');
		for (size_t i = 0; i < name->bytes; i++)
			text_addc(&t, name->text[i] == '*'   ? GUARD_STAR
				      : name->text[i] == '?' ? GUARD_ONE
							     : name->text[i]);
	}
	v = text_take(&t);
	v.quoted = true;
	return v;
}

static size_t exec_end(const struct run *r, size_t i)
{
	while (i < r->count && !value_is(&r->words[i], ";") &&
	       !(value_is(&r->words[i], "+") && i > 0 && strcmp(r->words[i - 1].text, "{}") == 0))
		i++;
	return i;
}

static void run_find_command(struct run *r, size_t first, size_t end, const struct guard_value *found, unsigned flags)
{
	struct run part = *r;

	part.count = end;
	if (first < end && is_code_place(r->sh, r->words + first, end - first, "{}"))
		add_fact(r->sh, GUARD_FACT_RUNS_UNKNOWN, r->self, joined_words(r->sh, r->words, r->count));
	if (first < end)
		run_for_item(&part, first, "{}", found, flags);
}

static void run_find(struct run *r)
{
	static const struct guard_value here = { .text = ".", .bytes = 1, .known = true };
	const struct guard_value *starts[4] = { &here }, *name = NULL;
	size_t n = 0, i = 1;
	struct guard_value found;

	for (; i < r->count; i++) {
		const char *w = r->words[i].text;

		if (strcmp(w, "-H") == 0 || strcmp(w, "-L") == 0 || strcmp(w, "-P") == 0 || strncmp(w, "-O", 2) == 0)
			continue;
		if (strcmp(w, "-D") == 0) {
			i++;
			continue;
		}
		if (w[0] == '-' || w[0] == '(' || w[0] == '!')
			break;
		if (n < ARRAY_SIZE(starts))
			starts[n++] = &r->words[i];
	}
	for (size_t k = i; k + 1 < r->count; k++)
		if (!name && (value_is(&r->words[k], "-name") || value_is(&r->words[k], "-iname")))
			name = &r->words[k + 1];
	for (; i < r->count; i++) {
		size_t end;

		if (!value_is(&r->words[i], "-exec") && !value_is(&r->words[i], "-execdir") &&
		    !value_is(&r->words[i], "-ok") && !value_is(&r->words[i], "-okdir"))
			continue;
		/* find . -name -exec ... looks for files of that name. */
		if (value_is(&r->words[i - 1], "-name") || value_is(&r->words[i - 1], "-iname"))
			continue;
		end = exec_end(r, i + 1);
		for (size_t k = 0; k < (n ? n : 1); k++) {
			found = found_path(r, starts[k], name);
			run_find_command(r, i + 1, end, &found,
					 end < r->count && value_is(&r->words[end], "+") ? GUARD_ARGS_OPEN : 0);
		}
		i = end;
	}
	for (size_t k = 0; k < (n ? n : 1); k++) {
		struct text t = TEXT(r->sh);

		found = found_path(r, starts[k], name);
		text_add_value(&t, &found);
		text_addc(&t, '\n');
		found = text_take(&t);
		write_fd(r->sh, 1, &found);
	}
}

/* fd PATTERN [DIR] -x CMD, -X CMD */
static void run_fd(struct run *r)
{
	static const struct guard_value here = { .text = ".", .bytes = 1, .known = true };
	struct guard_value found = value_unknown(0), room, name;
	const struct guard_value *extension = option(r, 'e', "extension", &room);

	if (extension && extension->known) {
		struct text t = TEXT(r->sh);

		text_adds(&t, "*.");
		text_add_value(&t, extension);
		name = text_take(&t);
		/* With a word that may be where it looks, nobody knows. */
		for (size_t i = 1; i < r->count && !value_begins(&r->words[i], "-x") && !value_begins(&r->words[i], "-X") &&
			    !value_begins(&r->words[i], "--exec"); i++)
			if (strchr(r->words[i].text, '/') || strchr(r->words[i].text, GUARD_UNKNOWN) || value_is(&r->words[i], ".."))
				extension = NULL;
		if (extension)
			found = found_path(r, &here, &name);
	}
	for (size_t i = 1; i < r->count; i++)
		if (value_is(&r->words[i], "-x") || value_is(&r->words[i], "-X") || value_is(&r->words[i], "--exec") ||
		    value_is(&r->words[i], "--exec-batch")) {
			struct guard_value *words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, r->count - i);
			size_t n = 0;
			bool placed = false;

			for (size_t k = i + 1; k < r->count && !value_is(&r->words[k], ";"); k++) {
				placed |= strstr(r->words[k].text, "{}") != NULL;
				words[n++] = replaced_in(r->sh, &r->words[k], "{}", &found);
			}
			if (!placed && n > 0)
				words[n++] = found;
			run_under(r->sh, words, n, r->self, r->name, GUARD_ARGS_OPEN);
			break;
		}
	write_fd(r->sh, 1, &found);
}

/* ------------------------------------------------------------------------------------------------ other machines, containers */

static void run_ssh(struct run *r)
{
	size_t i = skip_options(r, 1, "BbcDEeFIiJLlmOopQRSWw", "", 0);
	struct guard_value code, text, room, output = value_unknown(GUARD_TAINT_NETWORK);

	for (size_t k = 1; k < i; k++) {
		const struct guard_value *o = &r->words[k];
		size_t n;

		if (value_is(o, "-o") && k + 1 < i)
			o = &r->words[k + 1];
		else if (!value_begins(o, "-o"))
			continue;
		if (value_begins(o, "-o")) {
			room = value_from(o, 2);
			o = &room;
		}
		n = strcspn(o->text, "= ");
		if (!o->text[n] || (strncasecmp(o->text, "proxycommand", n) != 0 && strncasecmp(o->text, "localcommand", n) != 0 &&
				    strncasecmp(o->text, "knownhostscommand", n) != 0))
			continue;
		code = value_from(o, n + 1);
		run_in_shell(r, &code, "ssh -o", 0);
	}
	follow_files(r->sh, "ssh", r->words, r->count, r->self);
	i++;                         /* the host */
	if (strcmp(r->name, "mosh") == 0 && i < r->count && value_is(&r->words[i], "--"))
		i++;
	if (i < r->count) {
		struct fd out = r->sh->fds[1];

		/* It may have options behind the host, too. */
		i = skip_options(r, i, "BbcDEeFIiJLlmOopQRSWw", "", 0);
		code = words_as_code(r->sh, r->words + i, r->count > i ? r->count - i : 0);
		r->sh->fds[1] = (struct fd){ .kind = FD_NULL };
		run_in_shell(r, &code, "ssh", GUARD_REMOTE);
		r->sh->fds[1] = out;
	} else if (r->sh->fds[0].kind == FD_INPUT) {
		text = read_all(r->sh, &r->sh->fds[0]);
		run_in_shell(r, &text, "ssh", GUARD_REMOTE);
	}
	write_fd(r->sh, 1, &output);
}

/* The text with the path, where it stands as one, replaced. */
static struct guard_value path_replaced(struct shell *sh, const struct guard_value *w, const char *path, size_t bytes, const char *with)
{
	struct text t = TEXT(sh);

	for (size_t i = 0; i < w->bytes;) {
		const char *at = w->text + i;
		bool before = i == 0 || strchr(" \t\n'\"=:;&|(<>{,", at[-1]), after;

		after = strncmp(at, path, bytes) == 0 && (!at[bytes] || strchr("/ \t\n'\"=:;&|)<>},*", at[bytes]));
		if (before && after) {
			text_adds(&t, with);
			i += bytes;
		} else {
			text_addc(&t, w->text[i++]);
		}
	}
	t.taint = w->taint;
	t.quoted = w->quoted;
	return text_take(&t);
}

/* Paths of the host that the container sees under another name: what is done to them is done to ours. */
static bool run_mapped(struct run *r, size_t first, const char *host, const char *inside)
{
	struct guard_value *words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, r->count - first);
	size_t n = strlen(inside);
	bool any = false;

	while (n > 1 && inside[n - 1] == '/')
		n--;
	for (size_t i = first; i < r->count; i++) {
		const struct guard_value *w = &r->words[i];

		words[i - first] = *w;
		if (n > 0 && strncmp(w->text, inside, n) == 0 && (w->text[n] == '/' || w->text[n] == '\0' || n == 1)) {
			struct text t = TEXT(r->sh);

			text_adds(&t, host);
			if (w->text[n == 1 ? 0 : n] != '/' || host[strlen(host) - 1] != '/')
				text_adds(&t, w->text + (n == 1 ? 0 : n));
			else
				text_adds(&t, w->text + (n == 1 ? 0 : n) + 1);
			words[i - first] = text_take(&t);
			any = true;
		} else if (n > 0 && strstr(w->text, inside)) {
			words[i - first] = path_replaced(r->sh, w, inside, n, host);
			any |= n > 1 && !value_equal(&words[i - first], w);
		}
	}
	if (any)
		run_under(r->sh, words, r->count - first, r->self, r->name, 0);
	return any;
}

/* True: a path in the command is the host's, and it was judged as that. */
static bool run_mounts(struct run *r, size_t command, size_t end)
{
	bool any = false;

	for (size_t i = 1; i < end; i++) {
		const char *v = NULL, *colon;

		if ((value_is(&r->words[i], "-v") || value_is(&r->words[i], "--volume")) && i + 1 < end)
			v = r->words[i + 1].text;
		else if (value_begins(&r->words[i], "--volume="))
			v = r->words[i].text + 9;
		else if (value_begins(&r->words[i], "-v") && r->words[i].bytes > 2)
			v = r->words[i].text + 2;
		else if (value_begins(&r->words[i], "--mount") && strstr(r->words[i].text, "source=") == NULL)
			continue;
		if (!v || !(colon = strchr(v, ':')) || !strchr("/.~", v[0]))
			continue;
		any |= run_mapped(r, command, guard_arena_copy(r->sh->walk->arena, v, (size_t)(colon - v)),
				  guard_arena_copy(r->sh->walk->arena, colon + 1, strcspn(colon + 1, ":")));
	}
	return any;
}

static const char container_letters[] = "aeuwvpmhlc";
static const char container_longs[] =
	" add-host attach blkio-weight cap-add cap-drop cgroup-parent cidfile cpu-period cpu-quota cpu-shares cpus cpuset-cpus cpuset-mems "
	"detach-keys device dns entrypoint env env-file expose gpus group-add health-cmd hostname ip ipc isolation label label-file link "
	"log-driver log-opt mac-address memory memory-swap mount name net network network-alias pid pids-limit platform publish pull restart "
	"runtime security-opt shm-size stop-signal stop-timeout storage-opt sysctl tmpfs ulimit user userns uts volume volume-driver "
	"volumes-from workdir index file profile project-name project-directory context host config log-level tlscacert container ";

/* docker exec|run, docker compose exec|run, and the same of podman and nerdctl */
static void run_docker(struct run *r)
{
	size_t i = skip_options(r, 1, "cHlf", container_longs, 0), end;
	bool compose = strcmp(r->name, "docker-compose") == 0 || strcmp(r->name, "podman-compose") == 0;
	struct guard_value room, output = value_unknown(0);
	const struct guard_value *entry;

	if (i < r->count && value_is(&r->words[i], "compose")) {
		compose = true;
		i = skip_options(r, i + 1, "fpH", container_longs, 0);
	} else if (i < r->count && value_is(&r->words[i], "container")) {
		i++;
	}
	if (i < r->count && (value_is(&r->words[i], "exec") || value_is(&r->words[i], "run"))) {
		end = skip_options(r, i + 1, compose ? "euwvp" : container_letters, container_longs, 0);
		entry = option(r, 0, "entrypoint", &room);
		if (entry && entry->bytes > 0) {
			struct guard_value *words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, r->count + 1);
			size_t n = 0;

			words[n++] = *entry;
			for (size_t k = end + 1; k < r->count; k++)
				words[n++] = r->words[k];
			run_under(r->sh, words, n, r->self, r->name, GUARD_CONTAINER);
			return;
		}
		if (end + 1 < r->count) {
			if (!run_mounts(r, end + 1, end))
				run_rest(r, end + 1, GUARD_CONTAINER);
			return;
		}
	}
	write_fd(r->sh, 1, &output);
}

/* kubectl exec POD -- CMD, kubectl run, debug; oc rsh */
static void run_kubectl(struct run *r)
{
	bool runs = false;
	size_t i;

	for (i = 1; i < r->count && !value_is(&r->words[i], "--"); i++)
		runs |= value_is(&r->words[i], "exec") || value_is(&r->words[i], "run") ||
			value_is(&r->words[i], "debug") || value_is(&r->words[i], "rsh");
	if (runs && i + 1 < r->count) {
		run_rest(r, i + 1, GUARD_CONTAINER);
		return;
	}
	/* The old form: kubectl exec POD CMD */
	for (i = 1; runs && i < r->count; i++)
		if (value_is(&r->words[i], "exec") || value_is(&r->words[i], "rsh")) {
			i = skip_options(r, i + 1, "cnf",
					 " container namespace context kubeconfig cluster user filename ", 0);
			run_rest(r, skip_options(r, i + 1, "cnf", " container namespace context ", 0), GUARD_CONTAINER);
			return;
		}
	print_output(r->sh, r->name, r->words, r->count, r->self);
}

/* ------------------------------------------------------------------------------------------------ git */

static const struct guard_value *git_alias(const struct run *r, size_t verb, struct guard_value *room)
{
	struct text t = TEXT(r->sh);
	const char *prefix;
	struct var *v;

	text_adds(&t, "alias.");
	text_adds(&t, r->words[verb].text);
	text_addc(&t, '=');
	prefix = text_take(&t).text;
	for (size_t i = 1; i + 1 < verb; i++)
		if (value_is(&r->words[i], "-c") && strncasecmp(r->words[i + 1].text, prefix, strlen(prefix)) == 0) {
			*room = value_from(&r->words[i + 1], strlen(prefix));
			return room;
		}
	v = var_find(r->sh, guard_arena_copy(r->sh->walk->arena, prefix, strlen(prefix) - 1));
	return v && v->count > 0 ? &v->items[0] : NULL;
}

/* git config alias.x '...': git x is that from now on. */
static void remember_alias(struct run *r, size_t verb)
{
	size_t i = skip_options(r, verb + 1, "f", " file blob type ", 0);

	if (i < r->count && (value_is(&r->words[i], "set") || value_is(&r->words[i], "add")))
		i = skip_options(r, i + 1, "f", " file ", 0);
	if (i + 1 >= r->count || !value_begins(&r->words[i], "alias."))
		return;
	var_set(r->sh, r->words[i].text, r->words[i + 1]);
	/* It outlives this text, and may first be used where nobody looks. */
	if (r->words[i + 1].text[0] == '!') {
		struct guard_value code = value_from(&r->words[i + 1], 1);

		run_in_shell(r, &code, "git alias", GUARD_MAYBE);
	}
}

/* Settings of git's that hold a command, in lower case; * is any name. */
static bool holds_command(const char *key, size_t bytes)
{
	static const char *const keys[] = {
		"core.sshcommand", "core.pager", "core.editor", "core.fsmonitor", "core.askpass", "core.gitproxy",
		"core.alternaterefscommand", "sequence.editor", "diff.external", "interactive.difffilter", "gpg.program", "gpg.*.program",
		"credential.helper", "credential.*.helper", "filter.*.clean", "filter.*.smudge", "filter.*.process", "merge.*.driver",
		"diff.*.command", "diff.*.textconv", "difftool.*.cmd", "mergetool.*.cmd", "pager.*", "browser.*.cmd", "trailer.*.command",
		"trailer.*.cmd", "remote.*.uploadpack", "remote.*.receivepack", "uploadpack.packobjectshook", "submodule.*.update",
		"sendemail.*cmd",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *star = strchr(keys[i], '*');
		size_t before = star ? (size_t)(star - keys[i]) : 0, after = star ? strlen(star + 1) : 0;

		if (star ? bytes > before + after && !strncasecmp(key, keys[i], before) && !strncasecmp(key + bytes - after, star + 1, after)
			 : bytes == strlen(keys[i]) && !strncasecmp(key, keys[i], bytes))
			return true;
	}
	return false;
}

static void run_git_setting(struct run *r, const struct guard_value *value, const char *via)
{
	struct guard_value code = *value;

	if (code.text[0] == '!')             /* credential.helper, submodule.NAME.update */
		code = value_from(value, 1);
	if (code.known && strchr(code.text, ' '))
		run_in_shell(r, &code, via, GUARD_MAYBE);
}

/* As the plain git config core.hooksPath DIR, which a rule is about. */
static void emit_hooks_path(struct run *r, const struct guard_value *directory)
{
	struct guard_value *words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, 4);

	words[0] = value_of("git");
	words[1] = value_of("config");
	words[2] = value_of("core.hooksPath");
	words[3] = *directory;
	emit(r->sh, words, 4);
}

/* git -c KEY=COMMAND, git clone --config KEY=COMMAND */
static void run_git_settings(struct run *r)
{
	for (size_t i = 1; i + 1 < r->count; i++) {
		const struct guard_value *w = &r->words[i + 1];
		size_t n = strcspn(w->text, "=");
		struct guard_value value;

		if (!value_is(&r->words[i], "-c") && !value_is(&r->words[i], "--config"))
			continue;
		if (!w->text[n])
			continue;
		value = value_from(w, n + 1);
		if (holds_command(w->text, n))
			run_git_setting(r, &value, "git -c");
		/* Hooks from elsewhere are what they are for one command, too; none at all is --no-verify. */
		if (n == 14 && !strncasecmp(w->text, "core.hookspath", n) && !value_is(&value, "/dev/null"))
			emit_hooks_path(r, &value);
	}
}

/* What the other side of a transfer is started by, and transports that are commands: ext::sh -c% .. */
static void run_git_transport(struct run *r, size_t verb)
{
	static const char *const options[] = { "upload-pack", "receive-pack", "exec" };
	struct guard_value room;

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct guard_value *v = option(r, options[i][0] == 'u' && value_is(&r->words[verb], "clone") ? 'u' : 0, options[i], &room);

		if (v && strchr(v->text, ' '))
			run_in_shell(r, v, "git", 0);
	}
	for (size_t i = verb + 1; i < r->count; i++) {
		struct values words = VALUES(r->sh);
		struct text t = TEXT(r->sh);

		if (!value_begins(&r->words[i], "ext::"))
			continue;
		/* Blanks divide, "% " is one in a word, %S and %G what git puts there. */
		for (const char *c = r->words[i].text + 5;; c++) {
			if (*c == '%' && c[1])
				text_addc(&t, strchr("SsGV", *++c) ? GUARD_UNKNOWN : *c);
			else if (*c && *c != ' ')
				text_addc(&t, *c);
			else if (t.bytes > 0)
				values_add(&words, text_take(&t));
			if (!*c)
				break;
		}
		if (words.count > 0)
			run_under(r->sh, words.items, words.count, r->self, "git ext::", 0);
	}
}

static void run_git_alias(struct run *r, size_t verb, const struct guard_value *alias)
{
	struct values items = VALUES(r->sh), words = VALUES(r->sh);
	struct guard_value rest = value_of("");

	if (alias->text[0] == '!') {
		struct text t = TEXT(r->sh);
		struct guard_value code;

		code = value_from(alias, 1);
		text_add_value(&t, &code);
		if (verb + 1 < r->count) {
			rest = words_as_code(r->sh, r->words + verb + 1, r->count - verb - 1);
			text_addc(&t, ' ');
			text_add_value(&t, &rest);
		}
		code = text_take(&t);
		run_in_shell(r, &code, "git alias", 0);
		return;
	}
	split_items(r->sh, alias, '\0', false, &items);
	for (size_t i = 0; i < verb; i++) {
		/* Without the setting, so that the alias cannot name itself. */
		if (value_is(&r->words[i], "-c") && i + 1 < verb &&
		    strncasecmp(r->words[i + 1].text, "alias.", 6) == 0) {
			i++;
			continue;
		}
		values_add(&words, r->words[i]);
	}
	for (size_t i = 0; i < items.count; i++)
		values_add(&words, items.items[i]);
	for (size_t i = verb + 1; i < r->count; i++)
		values_add(&words, r->words[i]);
	if (words.count > verb || items.count > 0)
		run_under(r->sh, words.items, words.count, r->self, "git alias", 0);
}

/* git log --output=FILE */
static void run_git_output(struct run *r, const struct guard_value *word)
{
	struct shell sub = subshell_of(r->sh);
	struct guard_redirect *redirect = GUARD_NEW(r->sh->walk->arena, struct guard_redirect);

	*redirect = (struct guard_redirect){ .fd = 1, .kind = GUARD_WRITE, .target = value_from(word, 9) };
	sub.redirects = redirect;
	sub.redirect_count = 1;
	emit(&sub, NULL, 0);
}

static void run_git(struct run *r)
{
	size_t verb = skip_options(r, 1, "cC",
				   " git-dir work-tree namespace super-prefix config-env exec-path attr-source ", 0),
	       i;
	struct guard_value room, code;
	const struct guard_value *alias = verb < r->count ? git_alias(r, verb, &room) : NULL;
	const char *name = verb < r->count ? r->words[verb].text : "";

	run_git_settings(r);
	if (alias) {
		if (step(r->sh) && r->sh->walk->depth < 100)
			run_git_alias(r, verb, alias);
		return;
	}
	if (strcmp(name, "config") == 0) {
		remember_alias(r, verb);
		for (i = verb + 1; i + 1 < r->count && verb > 1; i++)
			if (strcasecmp(r->words[i].text, "core.hookspath") == 0)
				emit_hooks_path(r, &r->words[i + 1]);
		for (i = verb + 1; i + 1 < r->count; i++)
			if (holds_command(r->words[i].text, r->words[i].bytes))
				run_git_setting(r, &r->words[i + 1], "git config");
	}
	if (text_in(name, "clone fetch pull push ls-remote archive remote submodule fetch-pack send-pack"))
		run_git_transport(r, verb);
	if (strcmp(name, "submodule") == 0) {
		for (i = verb + 1; i < r->count && !value_is(&r->words[i], "foreach"); i++)
			;
		i = skip_options(r, i + 1, "", "", 0);
		if (i < r->count) {
			code = words_as_code(r->sh, r->words + i, r->count - i);
			run_in_shell(r, &code, "git submodule foreach", 0);
		}
	} else if (strcmp(name, "bisect") == 0 && verb + 2 < r->count && value_is(&r->words[verb + 1], "run")) {
		run_under(r->sh, r->words + verb + 2, r->count - verb - 2, r->self, "git bisect run", 0);
	} else if (strcmp(name, "rebase") == 0 || strcmp(name, "filter-branch") == 0 || strcmp(name, "difftool") == 0) {
		static const char *const options[] = { "exec",		"tree-filter",	   "index-filter",
						       "msg-filter",	"env-filter",	   "commit-filter",
						       "parent-filter", "tag-name-filter", "setup",
						       "extcmd" };

		for (i = 0; i < ARRAY_SIZE(options); i++) {
			char letter = (i == 0 && name[0] == 'r') || (i == ARRAY_SIZE(options) - 1 && name[0] == 'd') ? 'x' : 0;
			const struct guard_value *v = option(r, letter, options[i], &room);

			if (v)
				run_in_shell(r, v, "git", 0);
		}
	}
	for (i = verb + 1; i < r->count; i++)
		if (value_begins(&r->words[i], "--output=") && r->words[i].bytes > 9)
			run_git_output(r, &r->words[i]);
	for (i = verb + 1; i < r->count && strcmp(name, "grep") == 0; i++)
		if (value_begins(&r->words[i], "-O") || value_begins(&r->words[i], "--open-files-in-pager=")) {
			code = value_from(&r->words[i], r->words[i].text[1] == 'O' ? 2 : 22);
			run_in_shell(r, &code, "git grep", 0);
		}
	follow_files(r->sh, r->name, r->words, r->count, r->self);
	print_output(r->sh, r->name, r->words, r->count, r->self);
}

/* ------------------------------------------------------------------------------------------------ later, elsewhere, on a terminal */

/* at, batch: what is read from stdin runs later. crontab -, crontab FILE likewise, behind five fields of time. */
static void run_later(struct run *r)
{
	struct guard_value text = read_all(r->sh, &r->sh->fds[0]), room;
	const struct guard_value *file = option(r, 'f', NULL, &room);

	if (file)
		run_script_file(r, file, r->count);
	else if (r->sh->fds[0].kind == FD_INPUT)
		run_line(r, &text, r->name, GUARD_BACKGROUND);
}

static void run_crontab(struct run *r)
{
	struct guard_value text = value_of("");
	bool from_stdin = r->sh->fds[0].kind == FD_INPUT;

	for (size_t i = 1; i < r->count; i++)
		if (r->words[i].text[0] == '-' && r->words[i].bytes > 1)
			from_stdin = false;
	if (r->count > 1 && r->words[r->count - 1].text[0] != '-')
		text = file_read(r->sh, r->words[r->count - 1].text);
	else if (from_stdin)
		text = read_all(r->sh, &r->sh->fds[0]);
	for (size_t i = 0; i < text.bytes && step(r->sh);) {
		const char *line = text.text + i, *end = memchr(line, '\n', text.bytes - i), *at = line;
		size_t n = end ? (size_t)(end - line) : text.bytes - i;
		int fields = *line == '@' ? 1 : 5;
		struct guard_value code;

		i += n + 1;
		if (*line == '#' || memchr(line, '=', strcspn(line, " \t\n")))
			continue;
		while (fields-- > 0) {
			at += strspn(at, " \t");
			at += strcspn(at, " \t\n");
		}
		if (at >= line + n)
			continue;
		code = value_copy(r->sh->walk->arena, at, (size_t)(line + n - at));
		code.taint = text.taint;
		if (!value_is_unknown(&code))
			run_line(r, &code, "crontab", GUARD_BACKGROUND);
	}
}

/* tmux new-session CMD, send-keys TEXT Enter; screen -dm CMD, -X stuff TEXT */
static void run_tmux(struct run *r)
{
	static const char *const starts[] = { "new",	       "new-session",	"new-window",	"neww",
					      "split-window",  "splitw",	"respawn-pane", "respawnp",
					      "run-shell",     "run",		"if-shell",	"if",
					      "popup",	       "display-popup", "pipe-pane",	"pipep",
					      "respawn-window" };
	size_t i = skip_options(r, 1, "fLSTc", "", 0), end;

	for (; i < r->count; i = end + 1) {
		struct guard_value code;
		size_t first;
		bool keys = value_is(&r->words[i], "send-keys") || value_is(&r->words[i], "send"),
		     starts_something = false;

		for (end = i; end < r->count && !value_is(&r->words[end], ";"); end++)
			;
		for (size_t k = 0; k < ARRAY_SIZE(starts); k++)
			starts_something |= value_is(&r->words[i], starts[k]);
		first = skip_options(r, i + 1,
				     keys ? "tNc"
				     : value_is(&r->words[i], "popup") || value_is(&r->words[i], "display-popup")
					     ? "bcdehsStTwxy"
					     : "ceFfnstxy",
				     "", 0);
		if (first >= end)
			continue;
		if (keys) {
			struct text t = TEXT(r->sh);

			for (size_t k = first; k < end; k++)
				if (value_is(&r->words[k], "Enter") || value_is(&r->words[k], "C-m") ||
				    value_is(&r->words[k], "KPEnter"))
					text_addc(&t, '\n');
				else if (value_is(&r->words[k], "Space"))
					text_addc(&t, ' ');
				else
					text_add_value(&t, &r->words[k]);
			code = text_take(&t);
		} else {
			code = words_as_code(r->sh, r->words + first, end - first);
		}
		if (keys || starts_something)
			run_in_shell(r, &code, keys ? "tmux send-keys" : "tmux", 0);
	}
}

static void run_screen(struct run *r)
{
	size_t i = skip_options(r, 1, "cehLpsStTX", "", 0);
	struct guard_value code;

	for (size_t k = 1; k + 1 < r->count; k++)
		if (value_is(&r->words[k], "stuff") || value_is(&r->words[k], "exec") ||
		    value_is(&r->words[k], "eval")) {
			struct text t = TEXT(r->sh);

			text_add_unescaped(&t, r->words[k + 1].text, r->words[k + 1].bytes, true);
			code = text_take(&t);
			for (size_t n = 0; n + 1 < code.bytes; n++)
				if (code.text[n] == '^' && code.text[n + 1] == 'M') {
					((char *)code.text)[n] = '\n';
					((char *)code.text)[n + 1] = ' ';
				}
			run_in_shell(r, &code, "screen", 0);
			return;
		}
	run_rest(r, i, 0);
}

/* script -c CMD */
static void run_script_program(struct run *r)
{
	struct guard_value room;
	const struct guard_value *code = option(r, 'c', "command", &room);

	if (code)
		run_in_shell(r, code, "script -c", 0);
	else if (skip_options(r, 1, "EIBOoTtm", "", 0) + 1 < r->count)
		run_rest(r, skip_options(r, 1, "EIBOoTtm", "", 0) + 1, 0);
}

/* flock FILE CMD, flock FILE -c CMD; any other -c is the command's */
static void run_flock(struct run *r)
{
	size_t i = skip_options(r, 1, "wE", " wait timeout conflict-exit-code ", 0) + 1;

	if (i + 1 < r->count && (value_is(&r->words[i], "-c") || value_is(&r->words[i], "--command")))
		run_in_shell(r, &r->words[i + 1], "flock -c", 0);
	else if (i < r->count)
		run_rest(r, i, 0);
}

/* expect -c 'spawn rm -rf /' */
static void run_expect(struct run *r)
{
	struct guard_value room, text = read_all(r->sh, &r->sh->fds[0]);
	const struct guard_value *code = option(r, 'c', NULL, &room);

	if (!code && r->sh->fds[0].kind == FD_INPUT)
		code = &text;
	for (const char *at = code ? code->text : ""; *at && step(r->sh);) {
		size_t n = strcspn(at, ";\n");
		const char *verb = at + strspn(at, " \t{");
		static const char *const verbs[] = { "spawn ", "exec ", "system ", "send " };

		for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
			if (strncmp(verb, verbs[i], strlen(verbs[i])) == 0 && verb + strlen(verbs[i]) < at + n) {
				struct guard_value line = value_copy(r->sh->walk->arena, verb + strlen(verbs[i]),
								     (size_t)(at + n - verb) - strlen(verbs[i]));

				line.taint = code->taint;
				if (verbs[i][1] == 'e' && i == 3) {
					size_t start = strspn(line.text, " \"-"),
					       length = strcspn(line.text + start, "\"\\");

					line = value_copy(r->sh->walk->arena, line.text + start, length);
				}
				run_in_shell(r, &line, "expect", GUARD_FROM_CODE);
			}
		at += n + (at[n] != '\0');
	}
}

/* ------------------------------------------------------------------------------------------------ tool runners */

static void run_option_commands(struct run *r);

/* X run CMD, X exec CMD: which verb of which tool runs its words. */
static void run_runner(struct run *r)
{
	static const struct {
		const char *tools, *verbs, *letters, *longs;
	} runners[] = {
		{ " uv ", " run ", "pCn", " python with with-editable with-requirements project directory index-url package extra group env-file "
					  "no-extra only-group " },
		{ " uv ", " tool ", "", "" },
		{ " pnpm ", " exec dlx ", "CFp", " dir filter package workspace-concurrency " },
		{ " yarn ", " exec dlx ", "p", " package cwd " },
		{ " npm ", " exec x ", "pcw", " package call workspace prefix " },
		{ " bun ", " x ", "", " cwd " },
		{ " poetry pipenv pdm rye hatch pixi conda mamba micromamba devbox flox ", " run ", "nCpeP", " name prefix directory project "
		  "env cwd manifest-path environment " },
		{ " bundle ", " exec ", "", " gemfile " },
		{ " rbenv pyenv nodenv goenv jenv volta mise rtx asdf rustup ", " exec run x ", "", " node npm yarn tool " },
		{ " opam pipx deno ", " exec run ", "", " spec python pip-args index-url " },
		{ " nix ", " develop shell run ", "c", "" },
		{ " direnv ", " exec ", "", "" },
		{ " aws-vault chamber envchain ", " exec ", "dtnp", " duration region prompt backend " },
		{ " doppler infisical op ", " run ", "pce", " project config env env-file " },
		{ " multipass machinectl lxc incus ", " exec shell ", "", " working-directory uid " },
		{ " flatpak ", " run ", "", " command branch " },
		{ " adb ", " shell ", "s", "" },
		{ " perf ", " stat record trace ", "eopCFcgjkaBr", " event output pid tid cpu call-graph freq count delay repeat " },
		{ " gdb ", " --args ", "", "" },
		{ " yarn bun ", " run ", "", " cwd " },
		{ " dotenvx ", " run ", "fe", " env-file env " },
		{ " toolbox ", " run ", "cdr", " container distro release " },
		{ " distrobox ", " enter ", "na", " name additional-flags " },
		{ " railway ", " run ", "se", " service environment " },
		{ " launchctl ", " asuser ", "", "" },
		{ " cargo ", " watch ", "xswid", " exec shell watch ignore delay " },
	};
	struct guard_value room;

	for (size_t i = 0; i < ARRAY_SIZE(runners); i++) {
		size_t verb, first;

		if (!text_in(r->name, runners[i].tools))
			continue;
		verb = strcmp(r->name, "gdb") == 0 ? 1 : skip_options(r, 1, runners[i].letters, runners[i].longs, 0);
		if (verb >= r->count || !text_in(r->words[verb].text, runners[i].verbs))
			continue;
		first = skip_options(r, verb + 1, runners[i].letters, runners[i].longs, 0);
		if (strcmp(r->name, "nix") == 0) {
			const struct guard_value *c = option(r, 'c', "command", &room);

			for (first = r->count; c && first > 0 && &r->words[first - 1] != c; first--)
				;
			first = first > 0 ? first - 1 : r->count;
		} else if (strcmp(r->name, "npm") == 0 && option(r, 'c', "call", &room)) {
			run_in_shell(r, option(r, 'c', "call", &room), "npm exec", 0);
			return;
		} else if (strcmp(r->name, "uv") == 0 && value_is(&r->words[verb], "tool")) {
			first = skip_options(r, verb + 2, "p", " from with python ", 0);
		} else if (strcmp(r->name, "launchctl") == 0) {
			first = verb + 2;
		} else if (text_in(r->name, " distrobox direnv aws-vault chamber envchain multipass machinectl lxc incus "
					    "rustup ")) {
			for (first = verb + 1; first < r->count && !value_is(&r->words[first], "--"); first++)
				;
			first = first < r->count
					? first + 1
					: skip_options(r, verb + 1, runners[i].letters, runners[i].longs, 0) + 1;
		}
		if (strcmp(r->name, "adb") == 0 && first < r->count) {
			struct guard_value code = words_as_code(r->sh, r->words + first, r->count - first);

			run_in_shell(r, &code, "adb shell", GUARD_REMOTE);
			return;
		}
		run_rest(r, first, 0);
		return;
	}
	run_option_commands(r);
	if (run_interpreter(r->sh, r->name, r->words, r->count, r->self))
		return;
	print_output(r->sh, r->name, r->words, r->count, r->self);
}

/* Tools with a command for a machine of theirs: in an option, behind "--", or as all words that follow. */
static void run_remote_tool(struct run *r)
{
	static const struct {
		const char *tool, *verb, *option;
		char letter;
		bool dashes, words;
	} tools[] = {
		{ "vagrant", "ssh", "command", 'c', true, false },
		{ "gcloud", "ssh", "command", 0, true, false },
		{ "fly", "ssh", "command", 'C', false, false },
		{ "flyctl", "ssh", "command", 'C', false, false },
		{ "doctl", "ssh", "ssh-command", 0, false, false },
		{ "eb", "ssh", "command", 'c', false, false },
		{ "az", "run-command", "scripts", 0, false, false },
		{ "heroku", "run", NULL, 0, true, true },
		{ "salt", "cmd.run", NULL, 0, false, true },
		{ "salt-call", "cmd.run", NULL, 0, false, true },
		{ "fab", NULL, NULL, 0, true, false },
		{ "lxc-attach", NULL, NULL, 0, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		struct guard_value room, code = value_of("");
		const struct guard_value *v = NULL;
		size_t verb = 1, dashes = 1;

		if (strcmp(tools[i].tool, r->name) != 0)
			continue;
		while (tools[i].verb && verb < r->count && !value_is(&r->words[verb], tools[i].verb))
			verb++;
		if (verb >= r->count)
			continue;
		while (dashes < r->count && !value_is(&r->words[dashes], "--"))
			dashes++;
		if (tools[i].option)
			v = option(r, tools[i].letter, tools[i].option, &room);
		if (v)
			code = *v;
		else if (tools[i].dashes && dashes + 1 < r->count)
			code = words_as_code(r->sh, r->words + dashes + 1, r->count - dashes - 1);
		else if (tools[i].words && verb + 1 < r->count)
			code = words_as_code(r->sh, r->words + verb + 1, r->count - verb - 1);
		if (code.bytes > 0)
			run_in_shell(r, &code, r->name, GUARD_REMOTE);
	}
	follow_files(r->sh, r->name, r->words, r->count, r->self);
	print_output(r->sh, r->name, r->words, r->count, r->self);
}

/* bwrap's mounts take two words. */
static void run_bwrap(struct run *r)
{
	static const char two[] = "--bind --dev-bind --ro-bind --bind-try --dev-bind-try --ro-bind-try --symlink --setenv --file --bind-data "
				  "--ro-bind-data --chmod --overlay";
	static const char none[] = "--unshare-all --unshare-user --unshare-ipc --unshare-pid --unshare-net --unshare-uts --unshare-cgroup "
				   "--share-net --new-session --die-with-parent --as-pid-1 --clearenv --disable-userns --help --version";
	size_t i = 1;

	while (i < r->count && r->words[i].text[0] == '-' && !value_is(&r->words[i], "--"))
		i += text_in(r->words[i].text, two) ? 3 : text_in(r->words[i].text, none) ? 1 : 2;
	run_rest(r, i < r->count && value_is(&r->words[i], "--") ? i + 1 : i, GUARD_CONTAINER);
}

/* capsh .. -- -c TEXT: what follows is for a shell. */
static void run_capsh(struct run *r)
{
	for (size_t i = 1; i < r->count; i++)
		if (value_is(&r->words[i], "--")) {
			struct guard_value *words = GUARD_NEWN(r->sh->walk->arena, struct guard_value, r->count - i);

			words[0] = value_of("bash");
			for (size_t k = i + 1; k < r->count; k++)
				words[k - i] = r->words[k];
			run_under(r->sh, words, r->count - i, r->self, r->name, 0);
			return;
		}
}

/* concurrently 'CMD' 'CMD': each word is for a shell. */
static void run_each(struct run *r)
{
	for (size_t i = skip_options(r, 1, "nsckl", " names success prefix prefix-colors kill-others-on max-processes ", 0); i < r->count; i++)
		if (r->words[i].text[0] != '-')
			run_in_shell(r, &r->words[i], r->name, 0);
}

/* npx -c 'CMD', else a program by name */
static void run_npx(struct run *r)
{
	struct guard_value room;
	const struct guard_value *code = option(r, 'c', "call", &room);

	if (code)
		run_in_shell(r, code, "npx -c", 0);
	else
		run_rest(r, skip_options(r, 1, "pcw", " package call workspace ", 0), 0);
}

/* A command of vi's that runs one of the shell's: :!CMD, :silent !CMD, :r !CMD, :call system('CMD'), :call delete('PATH', 'rf') */
static void run_vi_command(struct run *r, const char *text)
{
	static const char *const calls[] = { "system(", "systemlist(", "job_start(", "jobstart(", "termopen(", "os.execute(" };
	const char *at = text + strspn(text, ": \t%0123456789,");
	struct guard_value code;

	for (const char *word = at; isalpha((unsigned char)*word); word = at) {
		size_t n = strcspn(word, " !");

		if (word[n] == '!' && n > 0 && strncmp(word, "sil", 3) && word[n + 1] != ' ')
			break;
		at = word + n + (word[n] == '!' && !strncmp(word, "sil", 3));
		at += strspn(at, " \t\"':");
	}
	if (*at == '!') {
		code = value_copy(r->sh->walk->arena, at + 1, strlen(at + 1));
		run_in_shell(r, &code, r->name, 0);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		const char *found = strstr(text, calls[i]), *quote, *end;

		if (!found)
			continue;
		quote = found + strlen(calls[i]) + strspn(found + strlen(calls[i]), "[ ");
		end = *quote == '"' || *quote == '\'' ? strchr(quote + 1, *quote) : NULL;
		if (!end)
			continue;
		code = value_copy(r->sh->walk->arena, quote + 1, (size_t)(end - quote - 1));
		run_in_shell(r, &code, r->name, GUARD_FROM_CODE);
	}
}

static void run_vi(struct run *r)
{
	for (size_t i = 1; i < r->count; i++) {
		const char *w = r->words[i].text;

		if (w[0] == '+' && w[1])
			run_vi_command(r, w + 1);
		else if ((!strcmp(w, "-c") || !strcmp(w, "--cmd")) && i + 1 < r->count)
			run_vi_command(r, r->words[++i].text);
		else if (w[0] == '-' && w[1] != '-' && w[strlen(w) - 1] == 'c' && i + 1 < r->count)
			run_vi_command(r, r->words[++i].text);
		else if (!strncmp(w, "-c", 2))
			run_vi_command(r, w + 2);
	}
}

/* nix-shell --run CMD, tar --to-command, rsync -e, zip -TT, ...: an option whose value is a command. */
static void run_option_commands(struct run *r)
{
	static const struct {
		const char *names, *option;
		char letter;
		const char *prefix;          /* what stands before the command in the value */
	} options[] = {
		{ " nix-shell ", "run", 0, "" },
		{ " nodemon ", "exec", 'x', "" },
		{ " chokidar onchange ", "command", 'c', "" },
		{ " nix-shell ", "command", 0, "" },
		{ " tar bsdtar gtar ", "to-command", 0, "" },
		{ " tar bsdtar gtar ", "use-compress-program", 'I', "" },
		{ " tar bsdtar gtar ", "checkpoint-action", 0, "exec=" },
		{ " tar bsdtar gtar ", "rsh-command", 0, "" },
		{ " tar bsdtar gtar ", "info-script", 'F', "" },
		{ " rsync ", "rsh", 'e', "" },
		{ " rsync ", "rsync-path", 0, "" },
		{ " zip ", "unzip-command", 0, "" },
		{ " man ", "pager", 'P', "" },
		{ " less more ", NULL, '+', "!" },
		{ " sort ", "compress-program", 0, "" },
		{ " split ", "filter", 0, "" },
		{ " rg ", "pre", 0, "" },
		{ " wget ", "use-askpass", 0, "" },
		{ " scp sftp ", NULL, 'S', "" },
		{ " psql ", "command", 'c', "\\!" },
		{ " mysql mariadb ", "execute", 'e', "\\!" },
		{ " mysql mariadb ", "execute", 'e', "system " },
		{ " sqlite3 ", NULL, 0, ".shell" },
		{ " sqlite3 ", NULL, 0, ".system" },
		{ " gdb lldb ", "ex", 0, "!" },
		{ " gdb lldb ", "ex", 0, "shell" },
		{ " nmap ", "script", 0, "exec=" },
		{ " socat ", NULL, 0, "EXEC:" },
	};

	if (text_in(r->name, "vi vim nvim view ex gvim")) {
		run_vi(r);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		struct guard_value room, code;
		const struct guard_value *v;
		size_t n = strlen(options[i].prefix);

		if (!text_in(r->name, options[i].names))
			continue;
		v = option(r, options[i].letter, options[i].option, &room);
		if (!v && strcmp(r->name, "gdb") == 0)
			for (size_t k = 1; k + 1 < r->count; k++)
				if (value_is(&r->words[k], "-ex"))
					v = &r->words[k + 1];
		if (!v && strcmp(r->name, "sqlite3") == 0)
			for (size_t k = 1; k < r->count; k++)
				if (value_begins(&r->words[k], options[i].prefix))
					v = &r->words[k];
		if (!v || strncmp(v->text, options[i].prefix, n) != 0)
			continue;
		code = value_from(v, n);
		run_in_shell(r, &code, r->name, 0);
	}
	/* vi '+!CMD', less '+!CMD', zip -TT CMD */
	for (size_t i = 1; i < r->count; i++) {
		struct guard_value code;

		if (text_in(r->name, "less more") && (value_begins(&r->words[i], "+!") || value_begins(&r->words[i], "+:!")))
			code = value_from(&r->words[i], r->words[i].text[1] == ':' ? 3 : 2);
		else if (strcmp(r->name, "zip") == 0 && value_is(&r->words[i], "-TT") && i + 1 < r->count)
			code = r->words[i + 1];
		else
			continue;
		run_in_shell(r, &code, r->name, 0);
	}
}

/* socat EXEC:"rm -rf /" TCP:...; a shell with the network at both ends */
static void run_socat(struct run *r)
{
	bool network = false, shell = false;

	for (size_t i = 1; i < r->count; i++) {
		const char *w = r->words[i].text, *code = NULL;
		struct guard_value text;

		if (strncasecmp(w, "exec:", 5) == 0)
			code = w + 5;
		else if (strncasecmp(w, "system:", 7) == 0)
			code = w + 7;
		network |= strncasecmp(w, "tcp", 3) == 0 || strncasecmp(w, "udp", 3) == 0 ||
			   strncasecmp(w, "openssl", 7) == 0;
		if (!code)
			continue;
		code += strspn(code, "'\"");
		text = value_copy(r->sh->walk->arena, code, strcspn(code, ",'\""));
		shell |= strstr(text.text, "sh") != NULL;
		run_in_shell(r, &text, "socat", 0);
	}
	if (network && shell)
		add_fact(r->sh, GUARD_FACT_REVERSE_SHELL, r->self, joined_words(r->sh, r->words, r->count));
	follow_files(r->sh, r->name, r->words, r->count, r->self);
	print_output(r->sh, r->name, r->words, r->count, r->self);
}

/* sed's commands e and s///e run what stands there, or what they made. */
static void run_sed(struct run *r)
{
	for (size_t i = 1; i < r->count; i++) {
		struct guard_value script = r->words[i], code;
		const char *w, *at;
		size_t n;

		if (value_begins(&script, "--expression="))
			script = value_from(&script, 13);
		else if (value_begins(&script, "-e"))
			script = value_from(&script, 2);
		w = script.text;
		n = script.bytes;
		at = w + strspn(w, "0123456789,$! ");
		if (w[0] == '-' || !*at)
			continue;
		/* 1!d;e CMD */
		for (const char *part = strpbrk(at, ";\n{"); part; part = strpbrk(part + 1, ";\n{")) {
			const char *verb = part + 1 + strspn(part + 1, " \t0123456789,$!");

			if (verb[0] == 'e' && verb[1] == ' ' && *at != 's' && *at != 'y') {
				size_t line = strcspn(verb + 2, "\n");

				code = value_copy(r->sh->walk->arena, verb + 2, line);
				run_in_shell(r, &code, "sed e", 0);
				part = verb + 1 + line;
			}
		}
		if (*at == '/' && strchr(at + 1, '/'))       /* /pattern/e CMD */
			at = strchr(at + 1, '/') + 1;
		at += strspn(at, "0123456789,$! ");
		if (at[0] == 'e' && at[1] == ' ') {
			code = value_from(&script, (size_t)(at + 2 - w));
			run_in_shell(r, &code, "sed e", 0);
		} else if (at[0] == 's' && at[1] && !strchr("\\\n", at[1]) && n > 3 &&
			   (w[n - 1] == 'e' || (w[n - 2] == 'e' && w[n - 1] == 'g'))) {
			const char *to = strchr(at + 2, at[1]), *end = to ? strrchr(w, at[1]) : NULL;
			struct text t = TEXT(r->sh);

			if (!end || end <= to || strspn(end + 1, "egpiI0123456789") != strlen(end + 1))
				continue;
			for (const char *c = to + 1; c < end; c++)
				if (*c != '\\' || c[1] != at[1])
					text_addc(&t, *c);
			code = text_take(&t);
			run_in_shell(r, &code, "sed s///e", GUARD_MAYBE);
		}
	}
	follow_files(r->sh, r->name, r->words, r->count, r->self);
	print_output(r->sh, r->name, r->words, r->count, r->self);
}

/* ed and ex: lines that begin with '!' are for the shell. */
static void run_ed(struct run *r)
{
	struct guard_value text = r->sh->fds[0].kind == FD_INPUT ? read_all(r->sh, &r->sh->fds[0]) : value_of("");

	run_option_commands(r);
	for (size_t i = 0; i < text.bytes;) {
		size_t n = strcspn(text.text + i, "\n");

		if (text.text[i] == '!' || (text.text[i] == ':' && text.text[i + 1] == '!')) {
			size_t skip = text.text[i] == ':' ? 2 : 1;
			struct guard_value code = value_copy(r->sh->walk->arena, text.text + i + skip, n - skip);

			run_line(r, &code, r->name, 0);
		}
		i += n + 1;
	}
}

/* $(shell CMD) in a makefile runs when it is read. */
static void run_make_functions(struct run *r, const struct guard_value *text, unsigned flags)
{
	for (const char *at = text->text; (at = strstr(at, "$(shell ")) && step(r->sh);) {
		const char *start = at += 8;
		struct guard_value code;

		for (int depth = 1; *at; at++) {
			depth += *at == '(' ? 1 : *at == ')' ? -1 : 0;
			if (!depth)
				break;
		}
		code = value_copy(r->sh->walk->arena, start, (size_t)(at - start));
		r->sh->lenient = true;
		run_line(r, &code, "make", flags);
		r->sh->lenient = false;
	}
}

/* The recipes of a makefile, or of a part of one. */
static void run_makefile(struct run *r, const struct guard_value *makefile, unsigned flags)
{
	struct guard_value text = *makefile;

	run_make_functions(r, &text, flags);
	for (size_t i = 0; i < text.bytes && step(r->sh);) {
		size_t n = strcspn(text.text + i, "\n"), skip = 1 + strspn(text.text + i + (n > 0), "@-+ \t");

		if (text.text[i] != '\t' && text.text[i] != '#') {
			size_t colon = strcspn(text.text + i, ":\n"), semicolon = strcspn(text.text + i, ";\n");

			skip = colon < semicolon && semicolon < n && text.text[i + colon + 1] != '=' ? semicolon + 1 : n;
			skip += skip < n ? strspn(text.text + i + skip, "@-+ \t") : 0;
		}
		if (n > skip) {
			struct text t = TEXT(r->sh);
			struct guard_value code;

			/* $$ is the shell's dollar; $(..) is make's own and nobody's here. */
			for (size_t k = i + skip; k < i + n; k++) {
				if (text.text[k] == '$' && text.text[k + 1] == '$') {
					text_addc(&t, '$');
					k++;
				} else if (text.text[k] == '$' && text.text[k + 1] == '(') {
					while (k < i + n && text.text[k] != ')')
						k++;
					text_addc(&t, GUARD_UNKNOWN);
				} else {
					text_addc(&t, text.text[k]);
				}
			}
			code = text_take(&t);
			run_line(r, &code, "make", flags);
		}
		i += n + 1;
	}
}

/* A makefile that is known, --eval TEXT, and a shell that is a command: SHELL='rm -rf x' */
static void run_make(struct run *r)
{
	struct guard_value room, text = value_of("");
	const struct guard_value *file = option(r, 'f', "file", &room);
	bool dry = has_option(r, r->count, 'n', "dry-run") || has_option(r, r->count, 0, "just-print");
	static const char *const usual[] = { "GNUmakefile", "makefile", "Makefile" };
	unsigned flags = dry ? GUARD_DRY_RUN : 0;

	if (file && (value_is(file, "-") || value_is(file, "/dev/stdin")))
		text = read_all(r->sh, &r->sh->fds[0]);
	for (size_t i = 0; i < ARRAY_SIZE(usual) + 1 && text.bytes == 0; i++) {
		struct file *f = file			 ? file_find(r->sh, file->text)
				 : i < ARRAY_SIZE(usual) ? file_find(r->sh, usual[i])
							 : NULL;

		if (f && f->has_content)
			text = f->content;
	}
	run_makefile(r, &text, flags);
	for (size_t i = 1; i < r->count; i++) {
		const struct guard_value *w = &r->words[i];
		bool shell = value_begins(w, "SHELL=") && w->known && strchr(w->text, ' ');

		if (value_begins(w, "--eval=") || (value_is(w, "--eval") && i + 1 < r->count) || shell) {
			text = w->text[0] == 'S' ? value_from(w, 6) : w->text[6] ? value_from(w, 7) : r->words[i + 1];
			if (shell)
				run_line(r, &text, "make", flags);
			else
				run_makefile(r, &text, flags);
		}
	}
	print_output(r->sh, r->name, r->words, r->count, r->self);
}

/* cmd /c TEXT, powershell -Command TEXT, wsl CMD */
static void run_windows(struct run *r)
{
	for (size_t i = 1; i < r->count; i++) {
		const char *w = r->words[i].text;

		if (strcasecmp(w, "/c") == 0 || strcasecmp(w, "/k") == 0 || strcasecmp(w, "-c") == 0 ||
		    strcasecmp(w, "-command") == 0 || strcasecmp(w, "//c") == 0) {
			struct guard_value code = words_as_code(r->sh, r->words + i + 1, r->count - i - 1);

			if (i + 1 < r->count) {
				r->sh->lenient = true;
				run_in_shell(r, &code, r->name, 0);
				r->sh->lenient = false;
			}
			return;
		}
	}
	if (strncmp(r->name, "wsl", 3) == 0)
		run_rest(r, skip_options(r, 1, "du", " distribution user cd ", 0), 0);
}

/* PowerShell's eval; the same name as Elixir's prompt. */
static void run_expression(struct run *r)
{
	unsigned taint = r->sh->fds[0].kind == FD_INPUT ? read_all(r->sh, &r->sh->fds[0]).taint : 0;

	for (size_t i = 1; i < r->count; i++)
		taint |= r->words[i].taint;
	if (taint & GUARD_TAINT_NETWORK)
		add_fact(r->sh, GUARD_FACT_RUNS_DOWNLOAD, r->self, joined_words(r->sh, r->words, r->count));
}

static void run_command_builtin(struct run *r)
{
	size_t i = skip_options(r, 1, "", "", 0);

	if (has_option(r, i, 'v', NULL) || has_option(r, i, 'V', NULL))
		print_output(r->sh, "which", r->words, r->count, r->self);
	else
		run_rest(r, i, 0);
}

/* time is most often a keyword; here it is the program, or a word that quoting kept from being one. */
bool run_wrapper(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	static const struct {
		const char *names;
		void (*run)(struct run *r);
	} special[] = {
		{ " sudo ", run_sudo },
		{ " su runuser sg ", run_su },
		{ " env genv ", run_env },
		{ " xargs gxargs ", run_xargs },
		{ " parallel sem rush ", run_parallel },
		{ " find gfind bfs ", run_find },
		{ " fd fdfind ", run_fd },
		{ " ssh slogin autossh mosh dbclient ", run_ssh },
		{ " docker podman nerdctl docker-compose podman-compose finch ", run_docker },
		{ " kubectl oc k k3s microk8s ", run_kubectl },
		{ " git hub ", run_git },
		{ " at batch ", run_later },
		{ " crontab ", run_crontab },
		{ " tmux ", run_tmux },
		{ " screen ", run_screen },
		{ " script ", run_script_program },
		{ " flock ", run_flock },
		{ " expect tclsh wish ", run_expect },
		{ " npx ", run_npx },
		{ " uv pnpm yarn npm bun poetry pipenv pdm rye hatch pixi conda mamba micromamba devbox flox bundle rbenv pyenv nodenv goenv jenv "
		  "volta mise rtx asdf rustup opam pipx nix direnv aws-vault chamber envchain doppler infisical op multipass machinectl lxc incus "
		  "flatpak adb perf cargo gdb dotenvx toolbox distrobox railway launchctl ", run_runner },
		{ " socat ", run_socat },
		{ " vagrant gcloud fly flyctl doctl eb az heroku salt salt-call fab lxc-attach ", run_remote_tool },
		{ " bwrap ", run_bwrap },
		{ " capsh ", run_capsh },
		{ " concurrently ", run_each },
		{ " sed gsed ", run_sed },
		{ " ed ex red ", run_ed },
		{ " make gmake bmake ", run_make },
		{ " cmd cmd.exe powershell powershell.exe pwsh pwsh.exe wsl wsl.exe ", run_windows },
		{ " command ", run_command_builtin },
		{ " iex invoke-expression ", run_expression },
	};
	struct run r = { .sh = sh, .name = name, .words = words, .count = count, .self = self };

	for (size_t i = 0; i < ARRAY_SIZE(special); i++)
		if (text_in(name, special[i].names)) {
			special[i].run(&r);
			return true;
		}
	for (size_t i = 0; i < ARRAY_SIZE(wrappers); i++)
		if (text_in(name, wrappers[i].names)) {
			run_table(&r, &wrappers[i]);
			return true;
		}
	/* The loader of programs, given one: /lib64/ld-linux-x86-64.so.2 /bin/rm */
	if (strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld-musl", 7) == 0 || strncmp(name, "ld.so", 5) == 0) {
		run_rest(&r,
			 skip_options(&r, 1, "",
				      " library-path preload audit argv0 inhibit-rpath glibc-hwcaps-prepend ", 0),
			 0);
		return true;
	}
	for (const char *const *own = sh->walk->source->wrappers; own && *own; own++)
		if (strcmp(*own, name) == 0) {
			run_rest(&r, skip_options(&r, 1, "", "", 0), 0);
			return true;
		}
	run_option_commands(&r);
	return false;
}
