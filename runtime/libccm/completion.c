/* SPDX-License-Identifier: MIT */
/* Completion scripts are made from what the program itself goes by: the table of commands, and the
 * table of options that each command hands out (ccm_opt_usage.list). What may stand for a value is
 * read from its name in the help: lower-case words are offered as they are, FILE and DIR are files
 * and directories, EVENT is an event's name, NAME an automation's. The scripts are written here as for ccm-hook;
 * add_renamed() makes them another program's. */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "host.h"

struct script {
	struct ctx *ctx;
	const struct command *command;       /* whose options come next */
	struct ccm_sbuf out;
};

/* What may stand in one place. */
struct offer {
	bool files, dirs, events;
	const char *automations;     /* what `list --names` is asked for; NULL: none */
	struct ccm_sbuf words;       /* set apart by blanks */
};

static bool is_word(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if ((text[i] < 'a' || text[i] > 'z') && text[i] != '-')
			return false;
	return bytes;
}

static bool token_is(const char *token, size_t bytes, const char *word)
{
	return strlen(word) == bytes && strncmp(token, word, bytes) == 0;
}

static const char *automations_for(const char *command)
{
	if (strcmp(command, "enable") == 0)
		return "available";
	return strcmp(command, "disable") == 0 ? "enabled" : "all";
}

/* spec: "NAME|PATH", "short|full", "FILE". option: NULL for a word that is none's value. */
static void offer_read(struct offer *offer, const struct script *s, const char *option, const char *spec, size_t bytes)
{
	bool named = s->ctx->program->has_automations && (!option || strcmp(option, "automation") == 0);
	size_t n;

	for (size_t at = 0; at < bytes; at += n + 1) {
		const char *token = spec + at;

		n = strcspn(token, "|");
		n = n < bytes - at ? n : bytes - at;
		if (is_word(token, n))
			ccm_sbuf_addf(&offer->words, "%s%.*s", offer->words.bytes ? " " : "", (int)n, token);
		else if (token_is(token, n, "NAME") && named)
			offer->automations = automations_for(s->command->name);
		else if (token_is(token, n, "FILE") || (token_is(token, n, "PATH") && offer->automations))
			offer->files = true;
		else if (token_is(token, n, "DIR"))
			offer->dirs = true;
		else if (token_is(token, n, "EVENT"))
			offer->events = true;
	}
	if (option && strcmp(option, "event") == 0)
		offer->events = true;
}

static void offer_option(struct offer *offer, const struct script *s, const struct ccm_opt *o)
{
	const char *spec = o->choices ? o->choices : o->value;

	offer_read(offer, s, o->name, spec, strlen(spec));
}

/* The next word of "NAME [FILE]", without brackets and dots; NULL: no more. */
static const char *next_argument(const char **at, size_t *ret_bytes)
{
	const char *word = *at + strspn(*at, " [");
	size_t bytes = strcspn(word, " ]");

	*at = word + bytes + strspn(word + bytes, "]");
	while (bytes && word[bytes - 1] == '.')
		bytes--;
	*ret_bytes = bytes;
	return bytes ? word : NULL;
}

static bool offer_any(const struct offer *o)
{
	return o->files || o->dirs || o->events || o->automations || o->words.bytes;
}

static void offer_done(struct offer *o)
{
	ccm_sbuf_done(&o->words);
}

static void add_events(struct ccm_sbuf *out)
{
	size_t count;
	const struct ccm_host_event *events = ccm_host_events(&count);

	for (size_t i = 0; i < count; i++)
		ccm_sbuf_addf(out, "%s%s", i ? " " : "", events[i].name);
}

/* Appends text with a backslash before each of these characters. */
static void add_escaped(struct ccm_sbuf *out, const char *text, const char *special)
{
	for (; *text; text++) {
		/* Inside '...', which nothing but its end can escape. */
		if (*text == '\'') {
			ccm_sbuf_adds(out, "'\\''");
			continue;
		}
		if (strchr(special, *text))
			ccm_sbuf_addc(out, '\\');
		ccm_sbuf_addc(out, *text);
	}
}

/* ---- bash: 3.2 on, which macOS still has; bash-completion is not needed */

static void bash_begin(struct script *s)
{
	ccm_sbuf_adds(&s->out,
		"# bash completion for ccm-hook, printed by 'ccm-hook completion bash'. Load it from ~/.bashrc:\n"
		"#     source <(ccm-hook completion bash)\n"
		"_ccm_hook() {\n"
		"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]-}\n"
		"\tlocal options='' valued=' ' value='' want='' n=0 i word quoting=1 program=${COMP_WORDS[0]/#\\~/$HOME}\n"
		"\tlocal -a words=()\n"
		"\tCOMPREPLY=()\n"
		"\tif [ \"$COMP_CWORD\" -le 1 ]; then\n"
		"\t\tcommand=''\n"
		"\tfi\n"
		"\t# --name=value arrives as three words.\n"
		"\tif [ \"$cur\" = '=' ]; then\n"
		"\t\tcur=''\n"
		"\telif [ \"$prev\" = '=' ]; then\n"
		"\t\tprev=${COMP_WORDS[COMP_CWORD-2]}\n"
		"\tfi\n"
		"\tcase $command in\n");
}

static void bash_offer(struct ccm_sbuf *out, const struct offer *o)
{
	ccm_sbuf_adds(out, "'");
	ccm_sbuf_adds(out, ccm_sbuf_str(&o->words));
	ccm_sbuf_adds(out, o->files ? " @file" : "");
	ccm_sbuf_adds(out, o->dirs ? " @dir" : "");
	ccm_sbuf_adds(out, o->events ? " @event" : "");
	if (o->automations)
		ccm_sbuf_addf(out, " @%s", o->automations);
	ccm_sbuf_adds(out, "'");
}

static void add_spellings(struct ccm_sbuf *out, const struct ccm_opt *o, const char *between)
{
	ccm_sbuf_addf(out, "--%s", o->name);
	if (o->letter)
		ccm_sbuf_addf(out, "%s-%c", between, o->letter);
}

static void bash_value(struct script *s, const struct ccm_opt *o)
{
	_cleanup_(offer_done) struct offer offer = { 0 };

	offer_option(&offer, s, o);
	if (!offer_any(&offer))
		return;
	ccm_sbuf_adds(&s->out, "\t\t");
	add_spellings(&s->out, o, " | ");
	ccm_sbuf_adds(&s->out, ") value=");
	bash_offer(&s->out, &offer);
	ccm_sbuf_adds(&s->out, " ;;\n");
	s->out.failed |= offer.words.failed;
}

static void bash_words(struct script *s)
{
	const char *at = s->command->args, *word;
	size_t bytes;

	ccm_sbuf_adds(&s->out, "\t\twords=(");
	for (bool first = true; (word = next_argument(&at, &bytes)); first = false) {
		_cleanup_(offer_done) struct offer offer = { 0 };

		offer_read(&offer, s, NULL, word, bytes);
		ccm_sbuf_adds(&s->out, first ? "" : " ");
		bash_offer(&s->out, &offer);
		s->out.failed |= offer.words.failed;
	}
	ccm_sbuf_adds(&s->out, ")\n");
}

static void bash_command(struct script *s, const struct ccm_opt *opts)
{
	struct ccm_sbuf *out = &s->out;
	bool any = false;

	ccm_sbuf_addf(out, "\t%s)\n\t\toptions='", s->command->name);
	for (const struct ccm_opt *o = opts; o->name; o++) {
		add_spellings(out, o, " ");
		ccm_sbuf_addc(out, ' ');
	}
	ccm_sbuf_adds(out, "--help'\n\t\tvalued=' ");
	for (const struct ccm_opt *o = opts; o->name; o++) {
		if (!ccm_opt_needs_value(o))
			continue;
		add_spellings(out, o, " ");
		ccm_sbuf_addc(out, ' ');
	}
	ccm_sbuf_adds(out, "'\n");
	for (const struct ccm_opt *o = opts; o->name; o++)
		any = any || o->value;
	if (any)
		ccm_sbuf_adds(out, "\t\tcase $prev in\n");
	for (const struct ccm_opt *o = opts; o->name; o++)
		if (o->value)
			bash_value(s, o);
	if (any)
		ccm_sbuf_adds(out, "\t\tesac\n");
	bash_words(s);
	ccm_sbuf_adds(out, "\t\t;;\n");
}

static void bash_end(struct script *s)
{
	struct ccm_sbuf *out = &s->out;

	ccm_sbuf_adds(out, "\t*) options='--help --version' words=(");
	ccm_sbuf_addc(out, '\'');
	for (const struct command *c = s->ctx->program->commands; c->name; c++)
		ccm_sbuf_addf(out, "%s%s", c == s->ctx->program->commands ? "" : " ", c->name);
	ccm_sbuf_adds(out, "') ;;\n\tesac\n"
		"\tif [ \"$command\" ] && { [ \"${COMP_WORDS[COMP_CWORD-1]}\" = '=' ] || [ \"${COMP_WORDS[COMP_CWORD]}\" = '=' ] ||\n"
		"\t\t[[ $valued == *\" $prev \"* ]]; }; then\n"
		"\t\twant=$value\n"
		"\telif [[ $cur == -* ]]; then\n"
		"\t\twant=$options\n"
		"\telse\n"
		"\t\tfor ((i = 2; i < COMP_CWORD; i++)); do\n"
		"\t\t\tword=${COMP_WORDS[i]}\n"
		"\t\t\tif [ \"${COMP_WORDS[i+1]-}\" = '=' ]; then\n"
		"\t\t\t\ti=$((i + 2))\n"
		"\t\t\telif [[ $valued == *\" $word \"* ]]; then\n"
		"\t\t\t\ti=$((i + 1))\n"
		"\t\t\telif [[ $word != -* ]]; then\n"
		"\t\t\t\tn=$((n + 1))\n"
		"\t\t\tfi\n"
		"\t\tdone\n"
		"\t\twant=${words[n]-}\n"
		"\t\tif [ -z \"$want${words[0]-}\" ]; then\n"
		"\t\t\twant=$options\n"
		"\t\tfi\n"
		"\tfi\n"
		"\t# With it the shell quotes what it inserts, and takes everything for a file.\n"
		"\tcase $want in *@file* | *@dir*) compopt -o filenames 2>/dev/null; quoting='' ;; esac\n"
		"\tfor word in $want; do\n"
		"\t\tcase $word in\n"
		"\t\t@file | @dir)\n"
		"\t\t\twhile IFS= read -r word; do\n"
		"\t\t\t\tCOMPREPLY+=(\"$word\")\n"
		"\t\t\tdone < <(if [ \"$word\" = @dir ]; then compgen -d -- \"$cur\"; else compgen -f -- \"$cur\"; fi)\n"
		"\t\t\t;;\n"
		"\t\t@event)\n"
		"\t\t\twhile IFS= read -r word; do\n"
		"\t\t\t\tCOMPREPLY+=(\"$word\")\n"
		"\t\t\tdone < <(compgen -W '");
	add_events(out);
	ccm_sbuf_adds(out, "' -- \"$cur\")\n"
		"\t\t\t;;\n"
		"\t\t@*)\n"
		"\t\t\twhile IFS= read -r word; do\n"
		"\t\t\t\tif [[ $word == \"$cur\"* ]]; then\n"
		"\t\t\t\t\tif [ \"$quoting\" ]; then printf -v word %q \"$word\"; fi\n"
		"\t\t\t\t\tCOMPREPLY+=(\"$word\")\n"
		"\t\t\t\tfi\n"
		"\t\t\tdone < <(\"$program\" list --names \"${word#@}\" 2>/dev/null)\n"
		"\t\t\t;;\n"
		"\t\t\"$cur\"*) COMPREPLY+=(\"$word\") ;;\n"
		"\t\tesac\n"
		"\tdone\n"
		"}\n"
		"complete -F _ccm_hook ccm-hook\n");
}

/* ---- zsh */

static void zsh_begin(struct script *s)
{
	ccm_sbuf_adds(&s->out,
		"#compdef ccm-hook\n"
		"# zsh completion for ccm-hook, printed by 'ccm-hook completion zsh'. Either put it into a file\n"
		"# _ccm-hook in a directory of $fpath, or load it from ~/.zshrc after compinit:\n"
		"#     source <(ccm-hook completion zsh)\n"
		"_ccm_hook_names() {\n"
		"\tlocal -a names=(${(f)\"$($ccm_hook_program list --names ${@[-1]} 2>/dev/null)\"})\n"
		"\tcompadd \"${@[1,-2]}\" -a names\n"
		"}\n"
		"_ccm_hook_events() {\n"
		"\tlocal -a names=(");
	add_events(&s->out);
	ccm_sbuf_adds(&s->out, ")\n"
		"\tcompadd \"$@\" -a names\n"
		"}\n"
		"_ccm_hook() {\n"
		"\tlocal context state line ccm_hook_program=${~words[1]} ret=1\n"
		"\ttypeset -A opt_args\n"
		"\tlocal -a commands=(\n");
	for (const struct command *c = s->ctx->program->commands; c->name; c++) {
		ccm_sbuf_addf(&s->out, "\t\t'%s:", c->name);
		add_escaped(&s->out, c->summary, ":");
		ccm_sbuf_adds(&s->out, "'\n");
	}
	ccm_sbuf_adds(&s->out,
		"\t)\n"
		"\t_arguments -C '(- *)--help[show help]' '(- *)--version[show the version]' '1:command:->command' \\\n"
		"\t\t'*::argument:->argument' && return\n"
		"\tcase $state in\n"
		"\tcommand) _describe command commands && ret=0 ;;\n"
		"\targument)\n"
		"\t\tcase $words[1] in\n");
}

/* One kind of what is offered: the action itself, or an argument for _alternative. */
static void zsh_kind(struct ccm_sbuf *out, bool alone, const char *colon, const char *kind, const char *action)
{
	if (alone)
		ccm_sbuf_adds(out, action);
	else
		ccm_sbuf_addf(out, " \"%s%s%s%s%s\"", kind, colon, kind, colon, action);
}

/* :message:action of one place; colon: how one is written inside the action. */
static void zsh_offer(struct ccm_sbuf *out, const char *message, const char *colon, const struct offer *o)
{
	bool alone = o->files + o->dirs + o->events + !!o->automations + !!o->words.bytes <= 1;
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 }, names = { 0 };

	ccm_sbuf_addf(&words, "(%s)", ccm_sbuf_str(&o->words));
	ccm_sbuf_addf(&names, "_ccm_hook_names %s", o->automations ? o->automations : "");
	out->failed |= words.failed || names.failed;
	ccm_sbuf_addf(out, ":%s:", message);
	if (!alone)
		ccm_sbuf_adds(out, " _alternative");        /* the blank: without arguments of zsh's own */
	if (o->words.bytes)
		zsh_kind(out, alone, colon, "word", ccm_sbuf_str(&words));
	if (o->files)
		zsh_kind(out, alone, colon, "file", "_files");
	if (o->dirs)
		zsh_kind(out, alone, colon, "directory", "_files -/");
	if (o->events)
		zsh_kind(out, alone, colon, "event", "_ccm_hook_events");
	if (o->automations)
		zsh_kind(out, alone, colon, "automation", ccm_sbuf_str(&names));
}

static void zsh_option(struct script *s, const struct ccm_opt *o)
{
	struct ccm_sbuf *out = &s->out;
	_cleanup_(offer_done) struct offer offer = { 0 };
	const char *equals = !o->value ? "" : ccm_opt_needs_value(o) ? "=" : "=-";

	ccm_sbuf_adds(out, " \\\n\t\t\t\t");
	if (o->letter)
		ccm_sbuf_addf(out, "%s{-%c%s,--%s%s}", o->type == CCM_OPT_LIST ? "\\*" : "", o->letter, o->value ? "+" : "", o->name,
			      equals);
	else
		ccm_sbuf_addf(out, "'%s--%s%s'", o->type == CCM_OPT_LIST ? "*" : "", o->name, equals);
	ccm_sbuf_adds(out, "'[");
	add_escaped(out, o->help, "[]:\\");
	ccm_sbuf_adds(out, "]");
	if (o->value) {
		offer_option(&offer, s, o);
		/* A value that may be left out. */
		if (!ccm_opt_needs_value(o))
			ccm_sbuf_addc(out, ':');
		zsh_offer(out, o->name, "\\:", &offer);
		out->failed |= offer.words.failed;
	}
	ccm_sbuf_addc(out, '\'');
}

static void zsh_command(struct script *s, const struct ccm_opt *opts)
{
	struct ccm_sbuf *out = &s->out;
	const char *at = s->command->args, *word;
	size_t bytes;

	ccm_sbuf_addf(out, "\t\t%s)\n\t\t\t_arguments -s '(- *)--help[show this help]'", s->command->name);
	for (const struct ccm_opt *o = opts; o->name; o++)
		zsh_option(s, o);
	while ((word = next_argument(&at, &bytes))) {
		_cleanup_(offer_done) struct offer offer = { 0 };

		offer_read(&offer, s, NULL, word, bytes);
		ccm_sbuf_adds(out, " \\\n\t\t\t\t'");
		zsh_offer(out, "argument", ":", &offer);
		ccm_sbuf_addc(out, '\'');
		out->failed |= offer.words.failed;
	}
	ccm_sbuf_adds(out, " && ret=0\n\t\t\t;;\n");
}

static void zsh_end(struct script *s)
{
	ccm_sbuf_adds(&s->out,
		"\t\tesac\n"
		"\t\t;;\n"
		"\tesac\n"
		"\treturn ret\n"
		"}\n"
		"if [ \"$funcstack[1]\" = _ccm-hook ]; then\n"
		"\t_ccm_hook \"$@\"\n"
		"else\n"
		"\tcompdef _ccm_hook ccm-hook\n"
		"fi\n");
}

/* ---- fish: 3.0 on */

static void fish_text(struct ccm_sbuf *out, const char *text)
{
	ccm_sbuf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			ccm_sbuf_addc(out, '\\');
		ccm_sbuf_addc(out, *text);
	}
	ccm_sbuf_addc(out, '\'');
}

static void fish_begin(struct script *s)
{
	struct ccm_sbuf *out = &s->out;

	ccm_sbuf_adds(out,
		"# fish completion for ccm-hook, printed by 'ccm-hook completion fish'. Keep it with:\n"
		"#     ccm-hook completion fish >~/.config/fish/completions/ccm-hook.fish\n"
		"complete -c ccm-hook -e\n"
		"complete -c ccm-hook -f\n"
		"complete -c ccm-hook -n __fish_use_subcommand -l help -d 'show help'\n"
		"complete -c ccm-hook -n __fish_use_subcommand -l version -d 'show the version'\n");
	for (const struct command *c = s->ctx->program->commands; c->name; c++) {
		ccm_sbuf_addf(out, "complete -c ccm-hook -n __fish_use_subcommand -a %s -d ", c->name);
		fish_text(out, c->summary);
		ccm_sbuf_addc(out, '\n');
	}
}

static void fish_offer(struct ccm_sbuf *out, const struct offer *o)
{
	if (o->files || o->dirs)
		ccm_sbuf_adds(out, o->files ? " -F" : " -a '(__fish_complete_directories)'");
	if (o->words.bytes)
		ccm_sbuf_addf(out, " -a '%s'", o->words.text);
	if (o->events) {
		ccm_sbuf_adds(out, " -a '");
		add_events(out);
		ccm_sbuf_addc(out, '\'');
	}
	if (o->automations)
		ccm_sbuf_addf(out, " -a '(ccm-hook list --names %s 2>/dev/null)'", o->automations);
}

static void fish_command(struct script *s, const struct ccm_opt *opts)
{
	struct ccm_sbuf *out = &s->out;
	const char *name = s->command->name, *at = s->command->args, *word;
	size_t bytes;

	for (const struct ccm_opt *o = opts; o->name; o++) {
		_cleanup_(offer_done) struct offer offer = { 0 };

		ccm_sbuf_addf(out, "complete -c ccm-hook -n '__fish_seen_subcommand_from %s' -l %s", name, o->name);
		if (o->letter)
			ccm_sbuf_addf(out, " -s %c", o->letter);
		if (o->value)
			offer_option(&offer, s, o);
		if (o->value && ccm_opt_needs_value(o))
			ccm_sbuf_adds(out, offer.files ? " -r" : " -x");
		fish_offer(out, &offer);
		ccm_sbuf_adds(out, " -d ");
		fish_text(out, o->help);
		ccm_sbuf_addc(out, '\n');
		out->failed |= offer.words.failed;
	}
	ccm_sbuf_addf(out, "complete -c ccm-hook -n '__fish_seen_subcommand_from %s' -l help -d 'show this help'\n", name);
	while ((word = next_argument(&at, &bytes))) {
		_cleanup_(offer_done) struct offer offer = { 0 };

		offer_read(&offer, s, NULL, word, bytes);
		if (!offer_any(&offer))
			continue;
		ccm_sbuf_addf(out, "complete -c ccm-hook -n '__fish_seen_subcommand_from %s'", name);
		fish_offer(out, &offer);
		ccm_sbuf_addc(out, '\n');
		out->failed |= offer.words.failed;
	}
}

static void fish_end(struct script *s)
{
	(void)s;
}

/* ---- */

static const struct shell {
	const char *name;
	void (*begin)(struct script *s);
	void (*command)(struct script *s, const struct ccm_opt *opts);
	void (*end)(struct script *s);
} shells[] = {
	{ "bash", bash_begin, bash_command, bash_end },
	{ "zsh", zsh_begin, zsh_command, zsh_end },
	{ "fish", fish_begin, fish_command, fish_end },
};

/* One command's turn: its own code hands its table to the shell's function. */
struct turn {
	const struct shell *shell;
	struct script *script;
};

static void take_options(void *user, const struct ccm_opt *opts)
{
	struct turn *turn = user;

	turn->shell->command(turn->script, opts);
}

static int add_command(struct script *s, const struct shell *shell, const struct command *c)
{
	struct turn turn = { shell, s };
	struct ctx ctx = *s->ctx;
	char *argv[] = { NULL };
	int r;

	s->command = c;
	ctx.usage = ccm_command_usage(ctx.program, c);
	ctx.usage.list = take_options;
	ctx.usage.list_user = &turn;
	r = c->run(&ctx, 0, argv);
	return r == -CCM_E_HELP ? 0 : r < 0 ? r : -EINVAL;
}

/* Appends text with the program's name in place of ccm-hook, and of ccm_hook in the names of functions. */
static void add_renamed(struct ccm_sbuf *out, const struct ccm_sbuf *text, const char *program)
{
	static const char model[] = "ccm-hook";
	const size_t bytes = sizeof model - 1;
	const char *at = ccm_sbuf_str(text), *end = at + text->bytes;

	out->failed |= text->failed;
	while (at < end) {
		bool dash = strncmp(at, model, bytes) == 0;

		if (!dash && strncmp(at, "ccm_hook", bytes) != 0) {
			ccm_sbuf_addc(out, *at++);
			continue;
		}
		for (const char *c = program; *c; c++)
			ccm_sbuf_addc(out, *c == '-' && !dash ? '_' : *c);
		at += bytes;
	}
}

int cmd_completion(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct script s = { .ctx = ctx };
	const struct shell *shell = NULL;
	int r = 0;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	for (size_t i = 0; i < ARRAY_SIZE(shells); i++)
		if (strcmp(shells[i].name, argv[0]) == 0)
			shell = &shells[i];
	if (!shell)
		return ccm_opt_error(&ctx->usage, "takes bash, zsh or fish, not '%s'", argv[0]);
	shell->begin(&s);
	for (const struct command *c = ctx->program->commands; c->name && r == 0; c++)
		r = add_command(&s, shell, c);
	shell->end(&s);
	add_renamed(&text, &s.out, ctx->program->name);
	ccm_sbuf_done(&s.out);
	if (r == 0)
		r = ccm_sbuf_error(&text);
	if (r == 0)
		fputs(ccm_sbuf_str(&text), stdout);
	return r;
}
