/* SPDX-License-Identifier: MIT */
/* ccm-guard check: the verdict on a command, without a client, a session or any record of it.
 *
 *     $ ccm-guard check -- 'sudo rm -rf /'
 *     deny	rm-root	It would delete ...
 *     $ ccm-guard check --batch <commands.jsonl      one such line for each line read
 */
#include <errno.h>
#include <string.h>

#include "guard.h"
#include "judge.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "setup.h"

#define BATCH_MAX_BYTES ((size_t)256 << 20)

struct check {
	struct guard_setup setup;
	const char *directory, *project;
	bool without_parser;
	struct ccm_sbuf out;
};

static void check_done(struct check *k)
{
	guard_setup_done(&k->setup);
	ccm_sbuf_done(&k->out);
}

static void add_line(struct ccm_sbuf *out, const char *text)
{
	for (; *text; text++)
		ccm_sbuf_addc(out, *text == '\n' || *text == '\t' || *text == '\r' ? ' ' : *text);
}

static int check(struct check *k, const char *text, size_t bytes, const char *directory)
{
	_cleanup_(guard_judgement_done) struct guard_judgement j = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	int r = guard_judge(&(struct guard_case){ .tool = "Bash", .command = text, .command_bytes = bytes, .directory = directory,
						  .project = k->project, .without_parser = k->without_parser },
			    &k->setup.config, &k->setup.paths, &j);

	if (r < 0)
		return r;
	if (j.verdict == GUARD_OFF) {
		ccm_sbuf_adds(&k->out, "none\t-\t\n");
		return 0;
	}
	guard_judgement_words(&j, &words);
	ccm_sbuf_addf(&k->out, "%s\t%s\t", guard_verdict_name(j.verdict), j.worst.rule->id);
	add_line(&k->out, ccm_sbuf_str(&words));
	ccm_sbuf_addc(&k->out, '\n');
	return ccm_sbuf_error(&words);
}

/* A JSON string, or an object with "cmd" and perhaps "cwd". */
static int check_line(struct check *k, const char *line, size_t bytes, int number)
{
	_cleanup_free_ char *cwd = NULL;
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json v, cmd, dir;

	if (ccm_json_parse(line, bytes, &v, &(struct ccm_json_error){ 0 }) < 0 ||
	    (v.type == CCM_JSON_OBJECT ? !ccm_json_member(&v, "cmd", &cmd) : (cmd = v, false)) || cmd.type != CCM_JSON_STRING) {
		ccm_error("line %d is neither a JSON string nor an object with a string \"cmd\"", number);
		return -CCM_E_SAID;
	}
	ccm_json_decode(&cmd, &text);
	if (v.type == CCM_JSON_OBJECT && ccm_json_member(&v, "cwd", &dir) && dir.type == CCM_JSON_STRING)
		cwd = ccm_json_string(&dir);
	return check(k, ccm_sbuf_str(&text), text.bytes, cwd && cwd[0] == '/' ? cwd : k->directory);
}

static int check_batch(struct check *k)
{
	_cleanup_sbuf_ struct ccm_sbuf in = { 0 };
	int r = ccm_read_fd(STDIN_FILENO, BATCH_MAX_BYTES, &in), number = 0;

	for (const char *p = ccm_sbuf_str(&in), *end = p + in.bytes; r == 0 && p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t bytes = (size_t)((stop ? stop : end) - p);

		r = check_line(k, p, bytes, ++number);
		p += bytes + 1;
		if (r == 0 && k->out.bytes) {
			r = ccm_write_all(STDOUT_FILENO, k->out.text, k->out.bytes);
			ccm_sbuf_clear(&k->out);
		}
	}
	return r;
}

int cmd_check(const struct ccm_opt_usage *usage, int argc, char **argv)
{
	_cleanup_(check_done) struct check k = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	bool batch = false;
	int r;
	const struct ccm_opt opts[] = {
		OPT_STR("cwd", 0, "DIR", &k.directory, "where it would run (default: here)"),
		OPT_STR("project", 0, "DIR", &k.project, "the project (default: the repository around it)"),
		OPT_FLAG("batch", 0, &batch, "read JSON, one a line: \"COMMAND\" or {\"cmd\": ...}"),
		OPT_FLAG("no-parser", 0, &k.without_parser, "as if shfmt were missing"),
		OPT_END
	};

	argc = ccm_opt_parse(usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (batch != (argc == 0))
		return ccm_opt_error(usage, batch ? "--batch reads the commands from standard input" : "no command given");
	r = guard_setup(k.project, &k.setup);
	if (r < 0)
		return r;
	if (!k.directory)
		k.directory = k.setup.here;
	if (k.directory[0] != '/')
		return ccm_opt_error(usage, "--cwd needs an absolute path");
	if (batch) {
		r = check_batch(&k);
	} else {
		r = guard_take_text(&text, argc, argv);
		if (r == 0)
			r = check(&k, ccm_sbuf_str(&text), text.bytes, k.directory);
	}
	if (r == 0 && ccm_sbuf_error(&k.out))
		r = -ENOMEM;
	if (r == 0 && k.out.bytes)
		r = ccm_write_all(STDOUT_FILENO, k.out.text, k.out.bytes);
	if (r == 0)
		r = guard_setup_warn(&k.setup, false);
	return r;
}
