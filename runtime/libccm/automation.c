/* SPDX-License-Identifier: MIT */
#include "automation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "io.h"
#include "matcher.h"
#include "trust.h"

#define INI_MAX_BYTES 65536

void ccm_automation_done(struct ccm_automation *a)
{
	free(a->entry);
	free(a->path);
	free(a->problem);
	ccm_manifest_done(&a->manifest);
	*a = (struct ccm_automation){ 0 };
}

void ccm_automations_done(struct ccm_automations *list)
{
	for (size_t i = 0; i < list->count; i++)
		ccm_automation_done(&list->items[i]);
	free(list->items);
	free(list->problem);
	*list = (struct ccm_automations){ 0 };
}

const char *ccm_automation_name(const char *entry, int *ret_stage)
{
	*ret_stage = CCM_STAGE_DEFAULT;
	if (entry[0] < '0' || entry[0] > '9' || entry[1] < '0' || entry[1] > '9' || entry[2] != '-' || !entry[3])
		return entry;
	*ret_stage = (entry[0] - '0') * 10 + (entry[1] - '0');
	return entry + 3;
}

static char *format(const char *words, ...) _printf_(1, 2);

static char *format(const char *words, ...)
{
	char buf[1024];
	va_list ap;

	va_start(ap, words);
	vsnprintf(buf, sizeof buf, words, ap);
	va_end(ap);
	return strdup(buf);
}

/* Why the file or folder must not be trusted; NULL: it may. */
static char *distrust(const char *path, const struct stat *st)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return format("'%s' belongs to another user (uid %u): copy it to a file of your own", path,
			      (unsigned)st->st_uid);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return format("'%s' can be written by others: run chmod go-w '%s'", path, path);
	return NULL;
}

/* Reads the header from an open script. */
static char *read_manifest(struct ccm_automation *a, int fd)
{
	struct ccm_diag diag;
	char head[CCM_MANIFEST_MAX_BYTES];
	ssize_t n;

	diag.text[0] = '\0';
	do
		n = read(fd, head, sizeof head);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return format("cannot read '%s': %s", a->path, strerror(errno));
	if (ccm_manifest_parse_header(a->entry, head, (size_t)n, &a->manifest, &diag) < 0)
		return format("%s", diag.text);
	return NULL;
}

/* Who can write the settings decides what the script does as much as who can write the script.
 * False: there are none at that path. */
static bool read_settings(struct ccm_automation *a, const char *path, char **ret_problem)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_diag diag = { 0 };
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return false;
	r = fd < 0 || fstat(fd, &st) < 0 ? -errno : S_ISREG(st.st_mode) ? 0 : -CCM_E_NOT_FILE;
	if (r == 0)
		r = ccm_read_fd(fd, INI_MAX_BYTES, &text);
	if (r < 0)
		*ret_problem = format("cannot read '%s': %s", path, ccm_strerror(r));
	else if (ccm_manifest_parse_ini(path, ccm_sbuf_str(&text), &a->manifest, &diag) < 0)
		*ret_problem = format("%s", diag.text);
	else
		*ret_problem = distrust(path, &st);
	return true;
}

/* The settings beside it: ENTRY.ini, else TARGET.ini where the entry is a link. */
static char *read_ini(struct ccm_automation *a, bool have_ini)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	_cleanup_free_ char *target = NULL;
	char *problem = NULL;

	if (have_ini) {
		ccm_sbuf_addf(&name, "%s.ini", a->path);
		if (ccm_sbuf_error(&name) || read_settings(a, name.text, &problem))
			return problem;
	}
	target = realpath(a->path, NULL);
	if (!target || strcmp(target, a->path) == 0)
		return NULL;
	ccm_sbuf_clear(&name);
	ccm_sbuf_addf(&name, "%s.ini", target);
	if (!ccm_sbuf_error(&name))
		read_settings(a, name.text, &problem);
	return problem;
}

/* Fills in the manifest and the problem, if there is one. name: the file, as seen from the folder. */
static void inspect(struct ccm_automation *a, int folder, const char *name, bool have_ini)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT) {
		a->problem = format("'%s' is a link to nothing: run ccm-hook disable %s", a->path, a->name);
		return;
	}
	if (fd < 0) {
		a->problem = format("cannot open '%s': %s", a->path, strerror(errno));
		return;
	}
	if (fstat(fd, &st) < 0) {
		a->problem = format("cannot look at '%s': %s", a->path, strerror(errno));
		return;
	}
	if (!S_ISREG(st.st_mode)) {
		a->problem = format("'%s' is not a regular file", a->path);
		return;
	}
	/* The manifest is read even if the file is refused: what it says about failing still counts. */
	a->problem = read_manifest(a, fd);
	if (!a->problem && (have_ini || a->is_link))
		a->problem = read_ini(a, have_ini);
	if (!a->problem)
		a->problem = distrust(a->path, &st);
	if (!a->problem && !(st.st_mode & S_IXUSR) && access(a->path, X_OK) < 0)
		a->problem = format("'%s' is not executable: run chmod +x '%s'", a->path, a->path);
}

void ccm_automation_check_place(struct ccm_automation *a)
{
	_cleanup_free_ char *real = a->problem || !a->is_link ? NULL : realpath(a->path, NULL);
	struct ccm_diag diag = { 0 };

	if (real && ccm_trust_place(real, &diag) == -CCM_E_REFUSED)
		a->problem = format("%s", diag.text);
}

int ccm_automation_load(const char *path, struct ccm_automation *ret)
{
	const char *slash = strrchr(path, '/');
	struct ccm_automation a = { .is_link = true };

	a.entry = strdup(slash ? slash + 1 : path);
	a.path = strdup(path);
	if (!a.entry || !a.path) {
		ccm_automation_done(&a);
		return -ENOMEM;
	}
	a.name = ccm_automation_name(a.entry, &a.stage);
	inspect(&a, AT_FDCWD, a.path, true);
	ccm_automation_check_place(&a);
	*ret = a;
	return 0;
}

static int compare(const void *pa, const void *pb)
{
	const struct ccm_automation *a = pa, *b = pb;

	return a->stage != b->stage ? a->stage - b->stage : strcmp(a->entry, b->entry);
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

static char *join(const char *dir, const char *name)
{
	size_t bytes = strlen(dir), name_bytes = strlen(name) + 1;
	char *path = malloc(bytes + 1 + name_bytes);

	if (!path)
		return NULL;
	memcpy(path, dir, bytes);
	path[bytes] = '/';
	memcpy(path + bytes + 1, name, name_bytes);
	return path;
}

/* The entries' names; settings files go to a list of their own, so that none is looked for in vain. */
static int read_names(DIR *dir, const char *dir_name, struct ccm_automations *list, struct ccm_sbuf *inis)
{
	size_t allocated = 0;
	struct dirent *d;

	while ((d = readdir(dir))) {
		struct ccm_automation *a;

		if (d->d_name[0] == '.' || ends_with(d->d_name, "~"))
			continue;
		if (ends_with(d->d_name, ".ini")) {
			ccm_sbuf_addf(inis, "/%s/", d->d_name);
			continue;
		}
		if (list->count == allocated) {
			size_t n = allocated ? allocated * 2 : 16;
			struct ccm_automation *items = realloc(list->items, n * sizeof *items);

			if (!items)
				return -ENOMEM;
			list->items = items;
			allocated = n;
		}
		a = &list->items[list->count++];
		*a = (struct ccm_automation){ .entry = strdup(d->d_name), .path = join(dir_name, d->d_name),
					      .is_link = d->d_type == DT_LNK || d->d_type == DT_UNKNOWN };
		if (!a->entry || !a->path)
			return -ENOMEM;
		a->name = ccm_automation_name(a->entry, &a->stage);
	}
	return ccm_sbuf_error(inis);
}

static bool has_ini(const struct ccm_sbuf *inis, const char *entry)
{
	_cleanup_sbuf_ struct ccm_sbuf want = { 0 };

	if (!inis->bytes)
		return false;
	ccm_sbuf_addf(&want, "/%s.ini/", entry);
	return strstr(inis->text, ccm_sbuf_str(&want)) != NULL;
}

int ccm_automations_load(const char *enabled_dir, struct ccm_automations *ret)
{
	_cleanup_automations_ struct ccm_automations list = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf inis = { 0 };
	_cleanup_closedir_ DIR *dir = opendir(enabled_dir);
	struct stat st;
	int r;

	if (!dir && errno == ENOENT)
		goto done;
	if (!dir) {
		list.problem = format("cannot open '%s': %s", enabled_dir, strerror(errno));
		list.unreadable = true;
		goto done;
	}
	if (fstat(dirfd(dir), &st) < 0) {
		list.problem = format("cannot look at '%s': %s", enabled_dir, strerror(errno));
		goto done;
	}
	/* Said loudly, but what is ours in it still runs: a folder's mode must not disarm a guard. */
	list.problem = distrust(enabled_dir, &st);
	r = read_names(dir, enabled_dir, &list, &inis);
	if (r < 0)
		return r;
	for (size_t i = 0; i < list.count; i++)
		inspect(&list.items[i], dirfd(dir), list.items[i].entry, has_ini(&inis, list.items[i].entry));
	if (list.count)
		qsort(list.items, list.count, sizeof *list.items, compare);
done:
	*ret = list;
	list = (struct ccm_automations){ 0 };
	return 0;
}

bool ccm_automation_wants(const struct ccm_automation *a, const struct ccm_event *e)
{
	if (!e->name || !ccm_manifest_wants_event(&a->manifest, e->name))
		return false;
	/* The host has no matcher on some events: there a Match says nothing. */
	if (e->spec && !e->spec->matcher[0])
		return true;
	if (!e->match)
		return true;
	return ccm_matcher_match(a->manifest.match, e->match);
}
