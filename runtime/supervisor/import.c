/* SPDX-License-Identifier: MIT */
#include "import.h"

#include <errno.h>
#include <string.h>

#include "libccm/term.h"

#define FETCH_MS 300000
#define PACK_MAX ((uint64_t)4 << 30)

struct git import_git(const struct place *p)
{
	return (struct git){ .git_dir = p->import, .sealed = true, .memory_max_bytes = GIT_MEMORY_MAX };
}

/* In single quotes, for the shell that git starts its other side by. */
static void add_quoted(struct ccm_sbuf *out, const char *text)
{
	ccm_sbuf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			ccm_sbuf_adds(out, "'\\''");
		else
			ccm_sbuf_addc(out, *text);
	}
	ccm_sbuf_addc(out, '\'');
}

static int get_id(const struct git *g, const char *name, char ret[GIT_ID_MAX + 1])
{
	_cleanup_free_ char *id = NULL;
	int r = git_line(g, &id, "rev-parse", "--verify", "--quiet", "--end-of-options", name, NULL);

	if (r < 0)
		return r;
	if (!git_is_id(id))
		return -CCM_E_NOT_FOUND;
	memcpy(ret, id, strlen(id) + 1);
	return 0;
}

static int count_commits(const struct git *g, const char *head, int64_t *ret)
{
	_cleanup_sbuf_ struct ccm_sbuf range = { 0 };
	_cleanup_free_ char *count = NULL;
	int r;

	ccm_sbuf_addf(&range, "refs/ccm/base..%s", head);
	if (ccm_sbuf_error(&range))
		return -ENOMEM;
	r = git_line(g, &count, "rev-list", "--count", range.text, NULL);
	if (r == 0)
		*ret = strtoll(count, NULL, 10);
	return r;
}

int import_last(const struct place *p, struct import *ret)
{
	const struct git g = import_git(p);
	struct import i = { .commits = 0 };
	int r = get_id(&g, "refs/ccm/head", i.head);

	if (r == 0)
		r = count_commits(&g, i.head, &i.commits);
	if (r == 0)
		*ret = i;
	return r;
}

int import_set_ref(const struct place *p, const char *ref, const char *commit, struct ccm_diag *diag)
{
	const struct git g = import_git(p);

	return commit ? git_run(&g, NULL, diag, "update-ref", "--no-deref", ref, commit, NULL) :
			git_run(&g, NULL, diag, "update-ref", "--no-deref", "-d", ref, NULL);
}

/* ":100644 160000 OLD NEW M\0path\0" of each change of each commit. */
int import_check(const struct place *p, const char *commit, struct ccm_diag *diag)
{
	const struct git g = import_git(p);
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 }, range = { 0 }, name = { 0 };
	const char *end;
	int r;

	ccm_sbuf_addf(&range, "refs/ccm/base..%s", commit);
	if (ccm_sbuf_error(&range))
		return -ENOMEM;
	r = git_run(&g, &out, diag, "log", "--format=", "--raw", "-z", "--root", "--diff-merges=separate", "--no-renames",
		    "--no-abbrev", "--no-ext-diff", "--no-textconv", range.text, "--", NULL);
	if (r < 0)
		return r;
	end = ccm_sbuf_str(&out) + out.bytes;
	for (const char *at = ccm_sbuf_str(&out); at < end;) {
		const char *path = memchr(at, '\0', (size_t)(end - at)), *next;

		if (*at != ':' || !path || path + 1 >= end)
			return ccm_diag_set(diag, -CCM_E_REFUSED, "git log said what cannot be understood");
		next = memchr(path + 1, '\0', (size_t)(end - path - 1));
		if (strncmp(at + 8, "160000", 6) == 0) {
			ccm_term_clean(&name, path + 1, strlen(path + 1), CCM_CLEAN_LINE);
			return ccm_diag_set(diag, -CCM_E_REFUSED, "it commits a submodule (a gitlink) at '%s', which is never taken "
					    "over", ccm_sbuf_str(&name));
		}
		at = next ? next + 1 : end;
	}
	return 0;
}

static int fetch(const struct place *p, const char *self, bool saved, struct ccm_diag *diag)
{
	struct git g = import_git(p);
	_cleanup_sbuf_ struct ccm_sbuf upload = { 0 }, head = { 0 }, more = { 0 };

	g.timeout_ms = FETCH_MS;
	g.memory_max_bytes = 0;              /* it starts one of us, which bounds the git that it starts */
	g.file_max_bytes = PACK_MAX;
	ccm_sbuf_adds(&upload, "--upload-pack=");
	add_quoted(&upload, self);
	ccm_sbuf_addf(&upload, " task upload %s", p->id);
	ccm_sbuf_addf(&head, "+%s:refs/ccm/new", p->branch);
	ccm_sbuf_addf(&more, "+refs/heads/ccm/saved-%s:refs/ccm/new-saved", p->id);
	if (ccm_sbuf_error(&upload) || ccm_sbuf_error(&head) || ccm_sbuf_error(&more))
		return -ENOMEM;
	/* The path names nothing: there is nothing of the agent's that this side could look at. */
	return git_run(&g, NULL, diag, "-c", "fetch.fsckObjects=true", "-c", "fetch.fsck.hasDotgit=error",
		       "-c", "protocol.version=2", "-c", "fetch.unpackLimit=100",
		       "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--no-prune",
		       "--no-recurse-submodules", "--no-show-forced-updates", upload.text, "/nonexistent/task", head.text,
		       saved ? more.text : NULL, NULL);
}

/* Only what was looked through becomes the head. */
static int accept(const struct place *p, const char *from, const char *to, struct import *i, struct ccm_diag *diag)
{
	const struct git g = import_git(p);
	char before[GIT_ID_MAX + 1] = "";
	int r = get_id(&g, from, i->head);

	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "the task sent no commit");
	if (r < 0)
		return r;
	r = get_id(&g, to, before);
	if (r < 0 && r != -CCM_E_NOT_FOUND)
		return r;
	i->changed = strcmp(before, i->head) != 0;
	r = i->changed ? import_check(p, i->head, diag) : 0;
	if (r == 0)
		r = count_commits(&g, i->head, &i->commits);
	if (r == 0 && i->changed)
		r = import_set_ref(p, to, i->head, diag);
	return r;
}

int import_fetch(const struct place *p, const char *self, bool saved, struct import *ret, struct ccm_diag *diag)
{
	struct import head = { .commits = 0 }, with = { .commits = 0 };
	int r = fetch(p, self, saved, diag);

	if (r == 0)
		r = accept(p, "refs/ccm/new", "refs/ccm/head", &head, diag);
	if (r == 0 && saved)
		r = accept(p, "refs/ccm/new-saved", "refs/ccm/saved", &with, diag);
	if (r == 0)
		*ret = head;
	return r;
}
