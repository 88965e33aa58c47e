/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "ctx.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/log.h"

/* A file on stdin is read from its beginning and left where it stands: the event of an automation
 * comes as one, and a script asks for several of its fields. */
static int read_stdin(size_t max_bytes, struct ccm_sbuf *text)
{
	struct stat st;

	if (fstat(STDIN_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		return ccm_read_fd(STDIN_FILENO, max_bytes, text);
	for (;;) {
		ssize_t n;

		if (ccm_sbuf_reserve(text, 65536) < 0)
			return -ENOMEM;
		n = pread(STDIN_FILENO, text->text + text->bytes, 65536, (off_t)text->bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text->bytes += (size_t)n;
		text->text[text->bytes] = '\0';
		if (text->bytes > max_bytes)
			return -EFBIG;
		if (n == 0)
			return 0;
	}
}

static int read_input(const char *file, size_t max_bytes, struct ccm_sbuf *text)
{
	bool is_stdin = !file || strcmp(file, "-") == 0;
	int r = is_stdin ? read_stdin(max_bytes, text) : ccm_read_file(file, max_bytes, text);

	if (r < 0) {
		ccm_error("field: cannot read %s: %s", is_stdin ? "standard input" : file, ccm_strerror(r));
		return -CCM_E_SAID;
	}
	if (!text->bytes) {
		ccm_error("field: nothing %s%s", is_stdin ? "on standard input" : "in ", is_stdin ? "" : file);
		return -CCM_E_SAID;
	}
	return 0;
}

/* The object in text with that member as it says: in its place, or last where there was none. */
static int set_member(struct ccm_sbuf *text, const char *setting)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	_cleanup_free_ char *name = strndup(setting, strcspn(setting, "="));
	const char *value = strchr(setting, '=') + 1, *comma = "";
	struct ccm_json_iter it;
	struct ccm_json key, old;
	bool found = false;

	if (!name)
		return -ENOMEM;
	ccm_json_iter_text(&it, text->text, text->bytes);
	while (ccm_json_next(&it, &key, &old) > 0) {
		bool is_it = ccm_json_is(&key, name);

		ccm_sbuf_addf(&out, "%s%.*s:", *comma ? comma : "{", (int)key.bytes, key.text);
		if (is_it)
			ccm_json_quote(&out, value, strlen(value));
		else
			ccm_sbuf_add(&out, old.text, old.bytes);
		found |= is_it;
		comma = ",";
	}
	if (!found) {
		ccm_sbuf_adds(&out, *comma ? comma : "{");
		ccm_json_quote(&out, name, strlen(name));
		ccm_sbuf_addc(&out, ':');
		ccm_json_quote(&out, value, strlen(value));
	}
	ccm_sbuf_addc(&out, '}');
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	ccm_sbuf_done(text);
	*text = out;
	out = (struct ccm_sbuf){ 0 };
	return 0;
}

static int check_settings(const struct ctx *ctx, const struct ccm_opt_list *set)
{
	for (int i = 0; i < set->count; i++)
		if (!strchr(set->items[i], '=') || set->items[i][0] == '=')
			return ccm_opt_error(&ctx->usage, "--set takes NAME=TEXT, not '%s'", set->items[i]);
	return 0;
}

static int print_value(const struct ccm_json *value, const struct ccm_opt_list *set)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r;

	if (set->count && value->type != CCM_JSON_OBJECT) {
		ccm_error("field: --set needs an object, and this is %s", ccm_json_type_name(value->type));
		return -CCM_E_SAID;
	}
	if (value->type == CCM_JSON_STRING)
		ccm_json_decode(value, &text);
	else
		ccm_sbuf_add(&text, value->text, value->bytes);
	for (int i = 0; i < set->count; i++) {
		r = set_member(&text, set->items[i]);
		if (r < 0)
			return r;
	}
	ccm_sbuf_addc(&text, '\n');
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	fwrite(text.text, 1, text.bytes, stdout);
	return 0;
}

int cmd_field(struct ctx *ctx, int argc, char **argv)
{
	_cleanup_opt_list_ struct ccm_opt_list set = { 0 };
	const char *preset = NULL;
	const struct ccm_opt opts[] = {
		OPT_STR ("default", 0, "TEXT", &preset, "print TEXT where the field is absent or null"),
		OPT_LIST("set", 0, "NAME=TEXT", &set, "print the object with that member set (repeatable)"),
		OPT_END
	};
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json_error error = { 0 };
	struct ccm_json root, value;
	unsigned line, column;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = check_settings(ctx, &set);
	if (r < 0)
		return r;
	r = read_input(argc > 1 ? argv[1] : NULL, (size_t)ctx->settings.max_event_bytes, &text);
	if (r < 0)
		return r;
	if (ccm_json_parse(text.text, text.bytes, &root, &error) < 0) {
		ccm_json_position(text.text, error.offset, &line, &column);
		ccm_error("field: not valid JSON: %s (line %u, column %u)", error.what, line, column);
		return -CCM_E_SAID;
	}
	if (ccm_json_path(&root, argv[0], &value) && !(preset && value.type == CCM_JSON_NULL))
		return print_value(&value, &set);
	if (!preset)
		return CCM_EXIT_FAILURE;
	printf("%s\n", preset);
	return 0;
}
