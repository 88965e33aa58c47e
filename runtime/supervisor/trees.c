/* SPDX-License-Identifier: MIT */
#include "trees.h"

#include <errno.h>
#include <string.h>

struct walk {
	const struct repo *repo;
	int (*found)(void *user, const struct tree_difference *d);
	void *user;
	struct ccm_diag *diag;
	struct ccm_sbuf path;
};

static bool is_tree(const git_tree_entry *e)
{
	return git_tree_entry_type(e) == GIT_OBJECT_TREE;
}

/* As git sorts them: a folder as if its name ended in a slash. A folder and a file of one name are two names. */
static int order(const git_tree_entry *a, const git_tree_entry *b)
{
	const char *x, *y;
	size_t n, m;
	int c;

	if (!a || !b)
		return a ? -1 : b ? 1 : 0;
	x = git_tree_entry_name(a);
	y = git_tree_entry_name(b);
	n = strlen(x);
	m = strlen(y);
	c = memcmp(x, y, n < m ? n : m);
	if (c)
		return c;
	if (n == m)
		return is_tree(a) - is_tree(b);
	c = n < m ? (is_tree(a) ? '/' : 0) - (unsigned char)y[n] : (unsigned char)x[m] - (is_tree(b) ? '/' : 0);
	return c ? c : n < m ? -1 : 1;
}

static int compare(struct walk *w, const git_oid *from, const git_oid *to);

static int compare_entries(struct walk *w, const git_tree_entry *a, const git_tree_entry *b)
{
	size_t bytes = w->path.bytes;
	struct tree_difference d = { 0 };
	int r;

	if (a && b && git_oid_equal(git_tree_entry_id(a), git_tree_entry_id(b)) &&
	    git_tree_entry_filemode(a) == git_tree_entry_filemode(b))
		return 0;
	ccm_sbuf_adds(&w->path, git_tree_entry_name(a ? a : b));
	if (is_tree(a ? a : b)) {
		ccm_sbuf_addc(&w->path, '/');
		r = compare(w, a ? git_tree_entry_id(a) : NULL, b ? git_tree_entry_id(b) : NULL);
	} else {
		d.path = ccm_sbuf_str(&w->path);
		if (a) {
			d.from_mode = git_tree_entry_filemode(a);
			d.from = *git_tree_entry_id(a);
		}
		if (b) {
			d.to_mode = git_tree_entry_filemode(b);
			d.to = *git_tree_entry_id(b);
		}
		r = w->path.failed ? -ENOMEM : w->found(w->user, &d);
	}
	if (w->path.text && !w->path.failed)
		w->path.text[w->path.bytes = bytes] = '\0';
	return r;
}

static int compare(struct walk *w, const git_oid *from, const git_oid *to)
{
	_cleanup_gittree_ git_tree *a = NULL, *b = NULL;
	size_t i = 0, k = 0, n, m;
	int r = 0;

	if (from && git_tree_lookup(&a, w->repo->git, from) < 0)
		return repo_error(-1, w->diag, "cannot read a tree");
	if (to && git_tree_lookup(&b, w->repo->git, to) < 0)
		return repo_error(-1, w->diag, "cannot read a tree");
	n = a ? git_tree_entrycount(a) : 0;
	m = b ? git_tree_entrycount(b) : 0;
	while ((i < n || k < m) && r == 0) {
		const git_tree_entry *x = i < n ? git_tree_entry_byindex(a, i) : NULL;
		const git_tree_entry *y = k < m ? git_tree_entry_byindex(b, k) : NULL;
		int c = order(x, y);

		r = compare_entries(w, c <= 0 ? x : NULL, c >= 0 ? y : NULL);
		i += c <= 0;
		k += c >= 0;
	}
	return r;
}

int trees_compare(const struct repo *r, const git_oid *from, const git_oid *to,
		  int (*found)(void *user, const struct tree_difference *d), void *user, struct ccm_diag *diag)
{
	struct walk w = { .repo = r, .found = found, .user = user, .diag = diag };
	int e = from && to && git_oid_equal(from, to) ? 0 : compare(&w, from, to);

	ccm_sbuf_done(&w.path);
	return e;
}
