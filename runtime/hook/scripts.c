/* SPDX-License-Identifier: MIT */
#include "scripts.h"

#include <errno.h>
#include <libgen.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/log.h"
#include "libccm/term.h"

#define NAME_MAX_BYTES 200           /* leaves room for the order, .ini and a temporary file's suffix */

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & S_IXUSR;
}

/* Beside the stock automations lie files that are none. */
static void keep_programs(struct ccm_automations *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (is_program(list->items[i].path))
			list->items[kept++] = list->items[i];
		else
			ccm_automation_done(&list->items[i]);
	}
	list->count = kept;
}

int scripts_load(const struct ccm_paths *paths, struct scripts *ret)
{
	_cleanup_scripts_ struct scripts s = { 0 };
	int r = ccm_automations_load(paths->enabled, &s.enabled);

	if (r == 0)
		r = ccm_automations_load(paths->available, &s.own);
	if (r == 0)
		r = ccm_automations_load(paths->stock, &s.stock);
	if (r < 0)
		return r;
	for (size_t i = 0; i < s.enabled.count; i++)
		ccm_automation_check_place(&s.enabled.items[i]);
	keep_programs(&s.stock);
	*ret = s;
	s = (struct scripts){ 0 };
	return 0;
}

void scripts_done(struct scripts *s)
{
	ccm_automations_done(&s->enabled);
	ccm_automations_done(&s->own);
	ccm_automations_done(&s->stock);
}

const struct ccm_automation *scripts_find(const struct ccm_automations *list, const char *name, size_t *ret_count)
{
	const struct ccm_automation *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++) {
		const struct ccm_automation *a = &list->items[i];

		if (strcmp(a->entry, name) == 0 && a->entry != a->name) {
			found = a;
			count = 1;
			break;
		}
		if (strcmp(a->name, name) == 0) {
			found = a;
			count++;
		}
	}
	if (ret_count)
		*ret_count = count;
	return count == 1 ? found : NULL;
}

bool scripts_same_file(const char *path, const char *other_path)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(other_path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

const struct ccm_automation *scripts_enabled_as(const struct scripts *s, const char *path)
{
	for (size_t i = 0; i < s->enabled.count; i++)
		if (scripts_same_file(s->enabled.items[i].path, path))
			return &s->enabled.items[i];
	return NULL;
}

bool scripts_name_ok(const char *command, const char *name)
{
	size_t bytes = strlen(name);
	const char *why = NULL;

	if (!bytes)
		why = "it is empty";
	else if (bytes > NAME_MAX_BYTES)
		why = "it is too long";
	else if (name[0] == '.' || name[0] == '-')
		why = name[0] == '.' ? "it begins with a dot" : "it begins with a minus";
	else if (strchr(name, '/'))
		why = "it holds a slash";
	else if (name[bytes - 1] == '~' || (bytes > 4 && strcmp(name + bytes - 4, ".ini") == 0))
		why = "files that end so are not automations";
	for (const char *p = name; *p && !why; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			why = "it holds a control character";
	if (why)
		ccm_error("%s: '%s' cannot be the name of an automation: %s", command, name, why);
	return !why;
}

int scripts_absolute(const char *command, const char *path, char **ret)
{
	_cleanup_free_ char *head = strdup(path), *tail = strdup(path), *dir = NULL, *whole = NULL;

	if (!head || !tail)
		return -ENOMEM;
	dir = realpath(dirname(head), NULL);
	if (!dir || access(path, F_OK) < 0) {
		ccm_error("%s: cannot find '%s': %s", command, path, strerror(errno));
		return -CCM_E_SAID;
	}
	whole = scripts_path(strcmp(dir, "/") == 0 ? "" : dir, basename(tail), "");
	if (!whole)
		return -ENOMEM;
	*ret = TAKE_PTR(whole);
	return 0;
}

char *scripts_path(const char *dir, const char *name, const char *suffix)
{
	struct ccm_sbuf path = { 0 };

	ccm_sbuf_addf(&path, "%s/%s%s", dir, name, suffix);
	return ccm_sbuf_take(&path);
}

void scripts_say(const char *format, ...)
{
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 };
	char words[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	ccm_term_clean(&line, words, strlen(words), CCM_CLEAN_LINE);
	puts(ccm_sbuf_str(&line));
}

int64_t scripts_timeout_ms(const struct ccm_automation *a, const struct ccm_settings *s)
{
	return a->manifest.timeout_ms ? a->manifest.timeout_ms : s->timeout_ms;
}
