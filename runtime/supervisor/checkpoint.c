/* SPDX-License-Identifier: MIT */
#include "checkpoint.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "libccm/clock.h"
#include "libccm/io.h"
#include "refs.h"
#include "trees.h"

#define COUNTED_FILES_MAX 5000           /* lines are counted in no more */
#define ANCESTORS_MAX 100
#define COMMITTER_NAME "ccm"
#define COMMITTER_EMAIL "ccm@localhost"

void checkpoint_done(struct checkpoint *c)
{
	free(c->ref);
	free(c->reason);
	free(c->session);
	free(c->event_uuid);
	free(c->prompt);
	free(c->worktree);
	free(c->notes);
	paths_done(&c->left_out);
	paths_done(&c->raw);
	*c = (struct checkpoint){ 0 };
}

void checkpoint_list_done(struct checkpoint_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		checkpoint_done(&l->items[i]);
	free(l->items);
	*l = (struct checkpoint_list){ 0 };
}

/* ---- the message */

static void add_path(struct ccm_sbuf *out, const char *key, const char *path)
{
	ccm_sbuf_addf(out, "%s: ", key);
	for (; *path; path++) {
		if ((unsigned char)*path < 0x20 || *path == 0x7f || *path == '%')
			ccm_sbuf_addf(out, "%%%02X", (unsigned char)*path);
		else
			ccm_sbuf_addc(out, *path);
	}
	ccm_sbuf_addc(out, '\n');
}

static char *read_path(const char *text, size_t bytes)
{
	char *path = malloc(bytes + 1), *to = path;

	for (size_t i = 0; path && i < bytes; i++) {
		unsigned value;

		if (text[i] == '%' && i + 2 < bytes && sscanf(text + i + 1, "%2X", &value) == 1) {
			*to++ = (char)value;
			i += 2;
		} else {
			*to++ = text[i];
		}
	}
	if (path)
		*to = '\0';
	return path;
}

/* The first line, without control bytes, of at most 200 bytes. */
static void add_line(struct ccm_sbuf *out, const char *key, const char *text)
{
	size_t n = 0;

	if (!text || !text[0])
		return;
	ccm_sbuf_addf(out, "%s: ", key);
	for (; *text && *text != '\n' && *text != '\r' && n < 200; text++, n++)
		ccm_sbuf_addc(out, (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
	/* No character is cut in two. */
	while (n == 200 && out->bytes && ((unsigned char)*text & 0xc0) == 0x80) {
		out->bytes--;
		text--;
	}
	ccm_sbuf_addc(out, '\n');
}

static void add_message(struct ccm_sbuf *out, const struct checkpoint *c)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 };

	ccm_sbuf_addf(&title, "checkpoint %" PRId64, c->n);
	add_line(out, ccm_sbuf_str(&title), c->reason);
	ccm_sbuf_addc(out, '\n');
	add_line(out, "Reason", c->reason);
	if (c->session && c->session[0])
		add_path(out, "Session", c->session);
	if (c->event_uuid)
		ccm_sbuf_addf(out, "Event: %s", c->event_uuid);
	if (c->event_uuid && c->event_id)
		ccm_sbuf_addf(out, " %" PRId64, c->event_id);
	if (c->event_uuid)
		ccm_sbuf_addc(out, '\n');
	add_line(out, "Prompt", c->prompt);
	if (c->worktree)
		add_path(out, "Worktree", c->worktree);
	ccm_sbuf_addf(out, "Files: %" PRId64 " added, %" PRId64 " changed, %" PRId64 " deleted\n", c->added, c->changed,
		      c->deleted);
	if (c->lines_added >= 0)
		ccm_sbuf_addf(out, "Lines: +%" PRId64 " -%" PRId64 "\n", c->lines_added, c->lines_removed);
	for (size_t i = 0; i < c->left_out.count; i++)
		add_path(out, "Left-out", c->left_out.items[i]);
	for (size_t i = 0; i < c->raw.count; i++)
		add_path(out, "Raw", c->raw.items[i]);
	for (const char *line = c->notes; line && *line; line += strcspn(line, "\n"), line += *line == '\n')
		ccm_sbuf_addf(out, "Note: %.*s\n", (int)strcspn(line, "\n"), line);
	out->failed |= title.failed;
}

static int read_field(struct checkpoint *c, const char *key, size_t key_bytes, const char *value, size_t bytes)
{
	const struct { const char *key; char **to; } texts[] = {
		{ "Reason", &c->reason }, { "Session", &c->session }, { "Prompt", &c->prompt }, { "Worktree", &c->worktree },
	};
	const struct { const char *key; struct paths *to; } lists[] = { { "Left-out", &c->left_out }, { "Raw", &c->raw } };
	char uuid[64] = "", *notes;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (strlen(texts[i].key) != key_bytes || strncmp(texts[i].key, key, key_bytes) != 0 || *texts[i].to)
			continue;
		*texts[i].to = i == 1 || i == 3 ? read_path(value, bytes) : strndup(value, bytes);
		return *texts[i].to ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		_cleanup_free_ char *path = NULL;

		if (strlen(lists[i].key) != key_bytes || strncmp(lists[i].key, key, key_bytes) != 0)
			continue;
		path = read_path(value, bytes);
		r = path ? paths_add(lists[i].to, path, strlen(path)) : -ENOMEM;
		return r;
	}
	if (strncmp(key, "Event: ", 7) == 0 && sscanf(value, "%63[0-9a-f-] %" SCNd64, uuid, &c->event_id) >= 1 &&
	    strlen(uuid) == 36 && !c->event_uuid)
		c->event_uuid = strdup(uuid);
	else if (strncmp(key, "Files: ", 7) == 0)
		sscanf(value, "%" SCNd64 " added, %" SCNd64 " changed, %" SCNd64 " deleted", &c->added, &c->changed, &c->deleted);
	else if (strncmp(key, "Lines: ", 7) == 0)
		sscanf(value, "+%" SCNd64 " -%" SCNd64, &c->lines_added, &c->lines_removed);
	else if (strncmp(key, "Note: ", 6) == 0) {
		if (asprintf(&notes, "%s%.*s\n", c->notes ? c->notes : "", (int)bytes, value) < 0)
			return -ENOMEM;
		free(c->notes);
		c->notes = notes;
	}
	return 0;
}

static int read_message(struct checkpoint *c, const char *text)
{
	int r = 0;

	c->lines_added = c->lines_removed = -1;
	for (const char *line = text; *line && r == 0; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t bytes = strcspn(line, "\n"), key = strcspn(line, ":");

		if (key + 2 <= bytes && line[key + 1] == ' ' && isupper((unsigned char)line[0]))
			r = read_field(c, line, key, line + key + 2, bytes - key - 2);
	}
	return r;
}

/* ---- the refs */

/* The number of refs/ccm/checkpoints/SESSION/N; -1: it is none of ours. */
static int64_t number_of(const char *ref)
{
	const char *slash = strrchr(ref, '/');
	long long n;
	char *rest;

	if (strncmp(ref, CHECKPOINT_REFS, strlen(CHECKPOINT_REFS)) != 0 || !slash || !isdigit((unsigned char)slash[1]))
		return -1;
	errno = 0;
	n = strtoll(slash + 1, &rest, 10);
	return *rest || errno ? -1 : n;
}

static int read_checkpoint(struct repo *r, const char *ref, struct checkpoint *ret, struct ccm_diag *diag)
{
	_cleanup_gitcommit_ git_commit *commit = NULL;
	struct checkpoint c = { .n = number_of(ref) };
	git_oid oid;
	int code, e;

	if (c.n < 0)
		return -CCM_E_NOT_FOUND;
	code = git_reference_name_to_id(&oid, r->git, ref);
	if (code == 0)
		code = git_commit_lookup(&commit, r->git, &oid);
	if (code < 0)
		return repo_error(code, diag, ref);
	c.ref = strdup(ref);
	c.commit = oid;
	git_oid_cpy(&c.tree, git_commit_tree_id(commit));
	c.has_parent = git_commit_parentcount(commit) > 0;
	if (c.has_parent)
		git_oid_cpy(&c.parent, git_commit_parent_id(commit, 0));
	c.created_ms = git_commit_time(commit) * 1000;
	e = c.ref ? read_message(&c, git_commit_message(commit)) : -ENOMEM;
	if (e < 0) {
		checkpoint_done(&c);
		return e;
	}
	*ret = c;
	return 0;
}

struct walk {
	struct repo *repo;
	const char *session;
	struct checkpoint_list *list;
	struct ccm_diag *diag;
	int error;
};

static int add_checkpoint(const char *ref, void *user)
{
	struct walk *w = user;
	const char *session = ref + strlen(CHECKPOINT_REFS);
	struct checkpoint *items;
	int r;

	if (w->session && strncmp(session, w->session, strlen(w->session)) != 0)
		return 0;
	items = reallocarray(w->list->items, w->list->count + 1, sizeof *items);
	if (!items)
		return w->error = -ENOMEM;
	w->list->items = items;
	r = read_checkpoint(w->repo, ref, &items[w->list->count], w->diag);
	if (r == -ENOMEM)
		return w->error = r;
	w->list->count += r == 0;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const struct checkpoint *x = a, *y = b;

	return x->n < y->n ? -1 : x->n > y->n ? 1 : strcmp(x->ref, y->ref);
}

int checkpoint_list_read(struct repo *r, const char *session, struct checkpoint_list *ret, struct ccm_diag *diag)
{
	struct walk w = { .repo = r, .session = session, .list = ret, .diag = diag };
	int code = git_reference_foreach_glob(r->git, CHECKPOINT_REFS "*", add_checkpoint, &w);

	if (w.error)
		return w.error;
	if (code < 0)
		return repo_error(code, diag, "cannot read the refs");
	if (ret->count)
		qsort(ret->items, ret->count, sizeof *ret->items, by_number);
	return 0;
}

/* Looks only at names, which are many, and not at commits. */
struct search {
	const char *session;         /* with a slash behind it; NULL: any */
	int64_t wanted, best;        /* wanted -1: the greatest number */
	char *ref;
};

static void consider(struct search *s, const char *ref)
{
	int64_t n = number_of(ref);

	if (n < 0 || (s->wanted < 0 ? n <= s->best : n != s->wanted))
		return;
	free(s->ref);
	s->ref = strdup(ref);
	s->best = n;
}

static int search(struct repo *r, struct search *s)
{
	git_reference_iterator *iterator = NULL;
	char glob[160];
	const char *ref;

	snprintf(glob, sizeof glob, CHECKPOINT_REFS "%s*", s->session ? s->session : "");
	if (git_reference_iterator_glob_new(&iterator, r->git, glob) < 0)
		return -EIO;
	while (git_reference_next_name(&ref, iterator) == 0)
		consider(s, ref);
	git_reference_iterator_free(iterator);
	return s->ref ? 0 : -CCM_E_NOT_FOUND;
}

int checkpoint_find(struct repo *r, const char *name, struct checkpoint *ret, struct ccm_diag *diag)
{
	struct search s = { .wanted = -1, .best = -1 };
	const char *digits = name + (name[0] == '#');
	char *rest;
	int e;

	if (strcmp(name, "last") != 0) {
		errno = 0;
		s.wanted = strtoll(digits, &rest, 10);
		if (!isdigit((unsigned char)digits[0]) || *rest || errno)
			return ccm_diag_set(diag, -EINVAL, "'%s' is no checkpoint: give its number, or last", name);
	}
	e = search(r, &s);
	if (e == 0)
		e = read_checkpoint(r, s.ref, ret, diag);
	else
		ccm_diag_set(diag, e, s.wanted < 0 ? "there is no checkpoint in this repository" :
			     "there is no checkpoint %s in this repository", digits);
	free(s.ref);
	return e;
}

bool checkpoint_newest(struct repo *r, const char *session, struct checkpoint *ret)
{
	char name[96], folder[100];
	struct search s = { .session = folder, .wanted = -1, .best = -1 };
	bool found;

	snprintf(folder, sizeof folder, "%s/", snapshot_session_name(session, name));
	found = search(r, &s) == 0 && read_checkpoint(r, s.ref, ret, NULL) == 0;
	free(s.ref);
	return found;
}

static int make_common(const struct repo *r, struct ccm_diag *diag)
{
	_cleanup_free_ char *folder = repo_path(r->commondir, "ccm");
	int e = folder ? ccm_mkdir_p(folder, 0700) : -ENOMEM;

	return e < 0 ? ccm_diag_set(diag, e, "cannot make '%s': %s", folder, ccm_strerror(e)) : 0;
}

/* A number that no checkpoint has had: they count through the repository. The last one stands in the file that is locked. */
static int next_number(struct repo *r, int64_t *ret, struct ccm_diag *diag)
{
	_cleanup_free_ char *path = repo_path(r->commondir, "ccm/number");
	_cleanup_close_ int fd = -1;
	struct search s = { .wanted = -1, .best = 0 };
	char text[32] = "";
	int n, e;

	e = path ? make_common(r, diag) : -ENOMEM;
	if (e < 0)
		return e;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0 || pread(fd, text, sizeof text - 1, 0) < 0)
		return ccm_diag_set(diag, -errno, "cannot lock '%s': %s", path, strerror(errno));
	*ret = strtoll(text, NULL, 10);
	if (*ret <= 0) {
		search(r, &s);
		free(s.ref);
		*ret = s.best;
	}
	n = snprintf(text, sizeof text, "%" PRId64 "\n", ++*ret);
	return pwrite(fd, text, (size_t)n, 0) == n ? 0 :
		ccm_diag_set(diag, -errno, "cannot write '%s': %s", path, strerror(errno));
}

/* ---- taking one */

static bool commit_tree(struct repo *r, const git_oid *commit, git_oid *ret)
{
	_cleanup_gitcommit_ git_commit *c = NULL;

	if (git_commit_lookup(&c, r->git, commit) < 0)
		return false;
	git_oid_cpy(ret, git_commit_tree_id(c));
	return true;
}

static int count_line(const git_diff_delta *delta, const git_diff_hunk *hunk, const git_diff_line *line, void *user)
{
	struct checkpoint *c = user;

	(void)delta;
	(void)hunk;
	c->lines_added += line->origin == GIT_DIFF_LINE_ADDITION;
	c->lines_removed += line->origin == GIT_DIFF_LINE_DELETION;
	return 0;
}

struct counter {
	struct repo *repo;
	struct checkpoint *c;
	int64_t files;
};

/* What cannot be read counts as nothing: a repository within, a partial clone. */
static int count_difference(void *user, const struct tree_difference *d)
{
	struct counter *n = user;
	_cleanup_gitblob_ git_blob *before = NULL, *after = NULL;
	git_diff_options options;

	n->c->added += !d->from_mode;
	n->c->deleted += !d->to_mode;
	n->c->changed += d->from_mode && d->to_mode;
	if (n->files++ >= COUNTED_FILES_MAX)
		return 0;
	git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);
	options.context_lines = 0;
	if (d->from_mode)
		git_blob_lookup(&before, n->repo->git, &d->from);
	if (d->to_mode)
		git_blob_lookup(&after, n->repo->git, &d->to);
	if (before || after)
		git_diff_blobs(before, NULL, after, NULL, &options, NULL, NULL, NULL, count_line, n->c);
	return 0;
}

static int count_changes(struct repo *r, const git_oid *parent, struct checkpoint *c, struct ccm_diag *diag)
{
	struct counter n = { .repo = r, .c = c };
	git_oid before;
	int e;

	if (parent && !commit_tree(r, parent, &before))
		return repo_error(-1, diag, "cannot read the checkpoint before");
	c->lines_added = c->lines_removed = 0;
	e = trees_compare(r, parent ? &before : NULL, &c->tree, count_difference, &n, diag);
	if (n.files > COUNTED_FILES_MAX)
		c->lines_added = c->lines_removed = -1;
	return e;
}

static int make_commit(struct objects *o, const struct checkpoint *c, const git_oid *parent, git_oid *ret,
		       struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char hex[GIT_OID_HEXSZ + 1];
	long long seconds = c->created_ms / 1000;

	git_oid_tostr(hex, sizeof hex, &c->tree);
	ccm_sbuf_addf(&text, "tree %s\n", hex);
	if (parent) {
		git_oid_tostr(hex, sizeof hex, parent);
		ccm_sbuf_addf(&text, "parent %s\n", hex);
	}
	ccm_sbuf_addf(&text, "author " COMMITTER_NAME " <" COMMITTER_EMAIL "> %lld +0000\n", seconds);
	ccm_sbuf_addf(&text, "committer " COMMITTER_NAME " <" COMMITTER_EMAIL "> %lld +0000\n\n", seconds);
	add_message(&text, c);
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	return objects_commit(o, text.text, text.bytes, ret, diag);
}

static int head_commit(struct repo *r, git_oid *ret)
{
	_cleanup_gitref_ git_reference *head = NULL;
	git_object *commit = NULL;

	if (git_repository_head(&head, r->git) < 0 || git_reference_peel(&commit, head, GIT_OBJECT_COMMIT) < 0)
		return 0;
	git_oid_cpy(ret, git_object_id(commit));
	git_object_free(commit);
	return 1;
}

/* How many checkpoints ago the tree was the session's, 0 for HEAD's; -1: nothing that gc looks at names it, so that it must
 * not be built on. */
static int age_of(struct repo *r, const git_oid *base, const struct checkpoint *last)
{
	git_oid tree, at;

	if (head_commit(r, &at) && commit_tree(r, &at, &tree) && git_oid_equal(&tree, base))
		return 0;
	at = last->commit;
	for (int i = 0; last->n && i < ANCESTORS_MAX; i++) {
		_cleanup_gitcommit_ git_commit *c = NULL;

		if (git_commit_lookup(&c, r->git, &at) < 0)
			return -1;
		if (git_oid_equal(git_commit_tree_id(c), base))
			return i;
		if (git_commit_parentcount(c) == 0)
			return -1;
		git_oid_cpy(&at, git_commit_parent_id(c, 0));
	}
	return -1;
}

/* What was kept as it is stays so while it does not change, though git has nothing to say of it. */
static int carry_raw(struct snapshot *s, const struct checkpoint *last)
{
	int r = 0;

	if (!last->n || !git_oid_equal(&last->tree, &s->base))
		return 0;
	for (size_t i = 0; i < last->raw.count && r == 0; i++) {
		const char *path = last->raw.items[i];
		bool changed = paths_have(&s->raw, path);

		for (size_t k = 0; k < s->count && !changed; k++)
			changed = strcmp(s->changes[k].path, path) == 0;
		if (!changed)
			r = paths_add(&s->raw, path, strlen(path));
	}
	return r;
}

static int fill(struct repo *r, const struct checkpoint_request *q, struct snapshot *s, struct checkpoint *c)
{
	char name[96];

	git_oid_cpy(&c->tree, &s->tree);
	c->created_ms = ccm_now_ms() / 1000 * 1000;
	c->event_id = q->event_id;
	c->reason = strdup(q->reason);
	c->session = strdup(q->session);
	c->worktree = strdup(r->worktree);
	c->event_uuid = q->event_uuid ? strdup(q->event_uuid) : NULL;
	c->prompt = q->prompt ? strdup(q->prompt) : NULL;
	c->notes = s->why.bytes ? strdup(s->why.text) : NULL;
	c->left_out = s->left_out;
	c->raw = s->raw;
	s->left_out = s->raw = (struct paths){ 0 };
	if (asprintf(&c->ref, CHECKPOINT_REFS "%s/%" PRId64, snapshot_session_name(q->session, name), c->n) < 0)
		return -ENOMEM;
	return c->reason && c->session && c->worktree ? 0 : -ENOMEM;
}

static int store(struct repo *r, const struct checkpoint_request *q, struct snapshot *s, struct objects *o,
		 const struct checkpoint *last, struct checkpoint *c, struct ccm_diag *diag)
{
	struct checkpoint_request request = *q;
	int e;

	e = carry_raw(s, last);
	if (e == 0)
		e = next_number(r, &c->n, diag);
	if (e == 0 && q->before_storing)
		q->before_storing(q->user, &request);
	if (e == 0)
		e = fill(r, &request, s, c);
	if (e < 0)
		return e;
	if (last->n)
		c->parent = last->commit;
	c->has_parent = last->n || head_commit(r, &c->parent);
	e = count_changes(r, c->has_parent ? &c->parent : NULL, c, diag);
	if (e == 0)
		e = make_commit(o, c, c->has_parent ? &c->parent : NULL, &c->commit, diag);
	if (e == 0)
		e = objects_store(o, diag);
	if (e == 0)
		e = refs_write(r, c->ref, &c->commit, false, diag);
	return e;
}

/* ---- counting changes between checkpoints */

/* The session's file `count` holds how many changes there were since its last checkpoint, and the tree last seen. */
static void read_count(const struct snapshot *s, int64_t *ret_count, git_oid *ret_seen)
{
	_cleanup_free_ char *path = repo_path(s->folder, "count");
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char *rest;

	if (!path || ccm_read_regular(path, 128, &text) < 0 || !text.bytes)
		return;
	*ret_count = strtoll(text.text, &rest, 10);
	if (*rest == ' ')
		git_oid_fromstrn(ret_seen, rest + 1, GIT_OID_HEXSZ);
}

static void reset_count(const struct snapshot *s)
{
	_cleanup_free_ char *path = repo_path(s->folder, "count");

	if (path)
		unlink(path);
}

static void write_count(const struct snapshot *s, int64_t count)
{
	_cleanup_free_ char *path = repo_path(s->folder, "count");
	char text[128], hex[GIT_OID_HEXSZ + 1];

	git_oid_tostr(hex, sizeof hex, &s->tree);
	snprintf(text, sizeof text, "%" PRId64 " %s\n", count, hex);
	/* Failing, a checkpoint comes later than it should. */
	if (path)
		ccm_write_file(path, text, strlen(text), 0600, false);
}

/* True if the change that is there now is the one to take a checkpoint for. */
static bool counts(const struct snapshot *s, int64_t every, const struct checkpoint *last)
{
	git_oid seen = last->n ? last->tree : s->base;
	int64_t count = 0;

	read_count(s, &count, &seen);
	if (git_oid_equal(&seen, &s->tree))
		return false;
	if (count + 1 >= every)
		return true;
	write_count(s, count + 1);
	return false;
}

/* Another temporary folder would do as well; this one is removed by whoever comes next. */
static char *tmp_folder(const struct snapshot *s)
{
	return repo_path(s->folder, "tmp");
}

static int take(struct repo *r, const struct checkpoint_request *q, struct snapshot *s, struct checkpoint *ret,
		struct ccm_diag *diag)
{
	_cleanup_checkpoint_ struct checkpoint last = { 0 };
	_cleanup_objects_ struct objects objects = { 0 };
	_cleanup_free_ char *tmp = tmp_folder(s);
	git_oid head;
	bool any = checkpoint_newest(r, q->session, &last);
	int e, age;

	if (!tmp)
		return -ENOMEM;
	age = s->index && !s->base_empty ? age_of(r, &s->base, &last) : 0;
	if (age < 0)
		snapshot_forget(s);
	e = objects_begin(&objects, r, tmp, diag);
	if (e == 0)
		e = snapshot_look(s, &q->limits, any ? &last.tree : NULL, &objects, diag);
	if (e < 0)
		return e;
	s->must_move = s->must_move || age > ANCESTORS_MAX / 2;
	if (q->count > 0 && !counts(s, q->count, &last))
		return CHECKPOINT_COUNTED;
	if (any && git_oid_equal(&last.tree, &s->tree)) {
		reset_count(s);
		*ret = last;
		last = (struct checkpoint){ 0 };
		return CHECKPOINT_SAME;
	}
	if (!any && q->only_dirty && head_commit(r, &head) && commit_tree(r, &head, &head) && git_oid_equal(&head, &s->tree))
		return CHECKPOINT_CLEAN;
	e = store(r, q, s, &objects, &last, ret, diag);
	if (e == 0)
		reset_count(s);
	return e < 0 ? e : CHECKPOINT_TAKEN;
}

int checkpoint_take(struct repo *r, const struct checkpoint_request *q, struct checkpoint *ret, struct ccm_diag *diag)
{
	_cleanup_snapshot_ struct snapshot s = { .lock = -1 };
	int e;

	e = snapshot_open(&s, r, q->session, diag);
	if (e < 0)
		return e;
	e = take(r, q, &s, ret, diag);
	if (e < 0) {
		checkpoint_done(ret);
		return e;
	}
	if (q->outcome)
		q->outcome(q->user, e, ret);
	/* Failing, the next one has more to read. */
	snapshot_move_on(&s, e != CHECKPOINT_COUNTED, NULL);
	return e;
}

/* ---- pruning */

static bool is_ours(struct repo *r, const git_oid *oid, git_oid *ret_parent, bool *ret_has_parent)
{
	_cleanup_gitcommit_ git_commit *c = NULL;

	if (git_commit_lookup(&c, r->git, oid) < 0 || strcmp(git_commit_committer(c)->email, COMMITTER_EMAIL) != 0 ||
	    strncmp(git_commit_message(c), "checkpoint ", 11) != 0)
		return false;
	*ret_has_parent = git_commit_parentcount(c) > 0;
	if (*ret_has_parent)
		git_oid_cpy(ret_parent, git_commit_parent_id(c, 0));
	return true;
}

/* Where the session began: the first ancestor that is no checkpoint. False: there is none. */
static bool find_root(struct repo *r, const struct checkpoint *first, git_oid *ret)
{
	bool has = first->has_parent;

	*ret = first->parent;
	while (has && is_ours(r, ret, ret, &has))
		;
	return has;
}

struct session {
	struct checkpoint **items;
	size_t count, kept_from;
};

/* What is kept, with parents that are kept; all of it in one pack, then the refs one by one. A process that is killed in
 * between leaves refs to old commits, which the next prune finds. */
static int rewrite(struct repo *r, struct session *session, struct objects *o, struct ccm_diag *diag)
{
	git_oid parent, first_new;
	bool has_parent = find_root(r, session->items[session->kept_from], &parent);
	size_t changed = 0;
	int e = 0;

	for (size_t i = session->kept_from; i < session->count && e == 0; i++) {
		struct checkpoint *c = session->items[i];

		if (c->has_parent == has_parent && (!has_parent || git_oid_equal(&c->parent, &parent))) {
			parent = c->commit;
			has_parent = true;
			continue;
		}
		e = make_commit(o, c, has_parent ? &parent : NULL, &first_new, diag);
		if (e < 0)
			break;
		c->commit = parent = first_new;
		has_parent = true;
		c->has_parent = true;
		changed++;
	}
	if (e == 0 && changed)
		e = objects_store(o, diag);
	for (size_t i = session->kept_from; i < session->count && e == 0 && changed; i++)
		e = refs_write(r, session->items[i]->ref, &session->items[i]->commit, true, diag);
	return e;
}

static int remove_refs(struct repo *r, const struct session *session, struct checkpoint_prune *p, struct ccm_diag *diag)
{
	struct paths names = { 0 };
	int e = 0;

	for (size_t i = 0; i < session->kept_from && e == 0; i++)
		e = paths_add(&names, session->items[i]->ref, strlen(session->items[i]->ref));
	if (e == 0 && !p->dry_run)
		e = refs_delete(r, &names, diag);
	if (e == 0)
		p->removed += (int64_t)names.count;
	paths_done(&names);
	return e;
}

static int prune_session(struct repo *r, struct session *session, struct checkpoint_prune *p, struct ccm_diag *diag)
{
	_cleanup_snapshot_ struct snapshot s = { .lock = -1 };
	_cleanup_objects_ struct objects o = { 0 };
	_cleanup_free_ char *tmp = NULL;
	const char *id = session->items[0]->session ? session->items[0]->session : "";
	size_t from = 0;
	int e;

	while (from < session->count && ((p->keep && session->count - from > (size_t)p->keep) ||
					 session->items[from]->created_ms < p->before_ms))
		from++;
	if (from == session->count && p->is_live(p->user, id))
		from--;
	session->kept_from = from;
	if (!from)
		return 0;
	if (p->dry_run)
		return remove_refs(r, session, p, diag);
	e = snapshot_open(&s, r, id, diag);
	tmp = e == 0 ? tmp_folder(&s) : NULL;
	if (e == 0 && from < session->count) {
		e = tmp ? objects_begin(&o, r, tmp, diag) : -ENOMEM;
		if (e == 0)
			e = rewrite(r, session, &o, diag);
	}
	if (e == 0)
		e = remove_refs(r, session, p, diag);
	/* Nothing of the session is left: its index has nothing to stand for. */
	if (e == 0 && from == session->count)
		snapshot_forget(&s);
	return e;
}

static int by_session(const void *a, const void *b)
{
	const struct checkpoint *x = *(struct checkpoint *const *)a, *y = *(struct checkpoint *const *)b;
	int order = strncmp(x->ref, y->ref, (size_t)(strrchr(x->ref, '/') - x->ref) + 1);

	return order ? order : x->n < y->n ? -1 : 1;
}

static size_t session_bytes(const struct checkpoint *c)
{
	return (size_t)(strrchr(c->ref, '/') - c->ref) + 1;
}

int checkpoint_prune(struct repo *r, struct checkpoint_prune *p, struct ccm_diag *diag)
{
	_cleanup_checkpoints_ struct checkpoint_list list = { 0 };
	_cleanup_free_ struct checkpoint **items = NULL;
	int e = checkpoint_list_read(r, NULL, &list, diag);

	items = calloc(list.count + 1, sizeof *items);
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < list.count; i++)
		items[i] = &list.items[i];
	if (list.count)
		qsort(items, list.count, sizeof *items, by_session);
	for (size_t i = 0, end; i < list.count && e == 0; i = end) {
		struct session session = { .items = items + i };

		for (end = i + 1; end < list.count && session_bytes(items[i]) == session_bytes(items[end]) &&
		     strncmp(items[i]->ref, items[end]->ref, session_bytes(items[i])) == 0;)
			end++;
		session.count = end - i;
		e = prune_session(r, &session, p, diag);
	}
	return e;
}

/* ---- the table */

int checkpoint_insert(struct repo *r, struct ccm_db *db, const struct checkpoint *c)
{
	char commit[GIT_OID_HEXSZ + 1], tree[GIT_OID_HEXSZ + 1];
	int e;

	git_oid_tostr(commit, sizeof commit, &c->commit);
	git_oid_tostr(tree, sizeof tree, &c->tree);
	e = ccm_db_exec(db, Q_CHECKPOINT_INSERT, DB_ARGS(
		DB_TEXT("repository", r->commondir), DB_INT("n", c->n), DB_TEXT("session_id", c->session ? c->session : ""),
		DB_TEXT("commit_id", commit), DB_TEXT("tree_id", tree), DB_TEXT("worktree", c->worktree),
		DB_INT("created_ms", c->created_ms), DB_TEXT("reason", c->reason ? c->reason : ""), DB_TEXT("prompt", c->prompt),
		DB_TEXT("event_uuid", c->event_uuid), DB_INT("files", c->added + c->changed + c->deleted),
		DB_INT_IF("lines_added", c->lines_added >= 0, c->lines_added),
		DB_INT_IF("lines_removed", c->lines_added >= 0, c->lines_removed),
		DB_INT("left_out", (int64_t)c->left_out.count)));
	return e < 0 ? e : 0;
}

int checkpoint_rescan(struct repo *r, struct ccm_db *db, struct ccm_diag *diag)
{
	_cleanup_checkpoints_ struct checkpoint_list list = { 0 };
	_cleanup_txn_ struct ccm_txn txn = { 0 };
	int e;

	e = checkpoint_list_read(r, NULL, &list, diag);
	if (e == 0)
		e = ccm_txn_begin(db, &txn);
	if (e == 0)
		e = ccm_db_exec(db, Q_CHECKPOINT_FORGET, DB_ARGS(DB_TEXT("repository", r->commondir)));
	for (size_t i = 0; i < list.count && e >= 0; i++)
		e = checkpoint_insert(r, db, &list.items[i]);
	if (e >= 0)
		e = ccm_txn_commit(&txn);
	return e < 0 ? e : 0;
}
