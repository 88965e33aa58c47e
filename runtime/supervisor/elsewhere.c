/* SPDX-License-Identifier: MIT */
#include "elsewhere.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "libccm/log.h"
#include "libccm/proc.h"

#define OPTIONS_MAX_BYTES ((size_t)1 << 16)
#define OPTIONS_TIMEOUT_MS 10000

extern char **environ;

static int missing(const char *path, int error)
{
	ccm_error("cannot start '%s': %s; install ccm again", path, strerror(error));
	return -CCM_E_SAID;
}

static int become(const struct ctx *ctx, const char *path, int argc, char **argv)
{
	_cleanup_free_ char **words = calloc((size_t)argc + 3, sizeof *words);

	if (!words)
		return -ENOMEM;
	words[0] = (char *)(uintptr_t)ctx->usage.program;
	words[1] = (char *)(uintptr_t)ctx->usage.command;
	for (int i = 0; i < argc; i++)
		words[2 + i] = argv[i];
	execv(path, words);
	return missing(path, errno);
}

/* ---- the options, a line each: name, letter, value, type, choices, help, set apart by tabs */

static void print_options(void *user _unused_, const struct ccm_opt *opts)
{
	for (; opts->name; opts++) {
		const char letter[] = { opts->letter, '\0' };

		printf("%s\t%s\t%s\t%d\t%s\t%s\n", opts->name, letter, opts->value ? opts->value : "", opts->type,
		       opts->choices ? opts->choices : "", opts->help);
	}
}

static const char *or_none(const char *text)
{
	return text && text[0] ? text : NULL;
}

/* Makes a table of them, over the text itself. */
static int read_options(char *text, struct ccm_opt **ret)
{
	struct ccm_opt *opts = calloc(strlen(text) / 6 + 1, sizeof *opts), *o = opts;       /* no line is shorter */
	char *line;

	if (!opts)
		return -ENOMEM;
	while ((line = strsep(&text, "\n")) && line[0]) {
		const char *letter, *type;

		o->name = strsep(&line, "\t");
		letter = strsep(&line, "\t");
		o->letter = letter ? letter[0] : 0;
		o->value = or_none(strsep(&line, "\t"));
		type = strsep(&line, "\t");
		o->type = type ? (enum ccm_opt_type)atoi(type) : CCM_OPT_FLAG;
		o->choices = or_none(strsep(&line, "\t"));
		o->help = line ? line : "";
		o++;
	}
	*ret = opts;
	return 0;
}

static int list_options(const struct ctx *ctx, const char *path)
{
	const struct ccm_proc_spec spec = {
		.path = path, .argv = (const char *const[]){ path, "--options", NULL },
		.envp = (const char *const *)(uintptr_t)environ, .output_max_bytes = OPTIONS_MAX_BYTES,
		.timeout_ms = OPTIONS_TIMEOUT_MS,
	};
	_cleanup_free_ struct ccm_opt *opts = NULL;
	struct ccm_proc_result result = { 0 };
	int r = ccm_proc_run_all(&spec, 1, &result);

	if (r == 0 && result.error)
		r = missing(path, -result.error);
	if (r == 0 && result.exit_status != 0)
		r = missing(path, EINVAL);
	if (r == 0) {
		ccm_sbuf_addc(&result.out, '\0');
		r = ccm_sbuf_error(&result.out) ? -ENOMEM : read_options(result.out.text, &opts);
	}
	if (r == 0)
		ctx->usage.list(ctx->usage.list_user, opts);
	ccm_proc_result_done(&result);
	return r < 0 ? r : -CCM_E_HELP;
}

int cmd_elsewhere(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_free_ char *path = NULL;

	if (asprintf(&path, "%s/ccm-%s", ctx->paths.libexec, ctx->usage.command) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	return ctx->usage.list ? list_options(ctx, path) : become(ctx, path, argc, argv);
}

int elsewhere_main(const struct ccm_program *program, int argc, char **argv)
{
	struct ctx ctx = { .program = program, .usage = ccm_command_usage(program, program->commands) };

	if (argc != 2 || strcmp(argv[1], "--options") != 0)
		return ccm_command_main(program, argc, argv);
	ctx.usage.list = print_options;
	program->commands->run(&ctx, 0, argv + argc);
	return fflush(stdout) == 0 ? CCM_EXIT_OK : CCM_EXIT_FAILURE;
}
