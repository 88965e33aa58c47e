/* SPDX-License-Identifier: MIT */
#include "merge.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "import.h"
#include "libccm/io.h"
#include "libccm/term.h"

#define COMMITS_MAX 10000

void merge_result_done(struct merge_result *r)
{
	free(r->before);
	free(r->after);
	free(r->worktree);
	ccm_sbuf_done(&r->conflicts);
}

struct merger {
	const struct merge_spec *spec;
	struct git import;           /* sealed */
	struct git user;
	struct merge_result *result;
	struct ccm_diag *diag;
	char *name, *email;          /* the person's */
};

static const char *short_name(const char *branch)
{
	return strncmp(branch, "refs/heads/", 11) == 0 ? branch + 11 : branch;
}

/* ---- the result, in import.git ---- */

/* "TREE\n" when all went well; else what stands in the way follows: "TREE\0file\0...\0\0messages". */
static int merge_trees(struct merger *m, const char *ours, const char *theirs, char **tree)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	int r = git_try(&m->import, &out, m->diag, "-c", "merge.renames=true", "-c", "merge.directoryRenames=false", "merge-tree",
			"--write-tree", "-z", "--name-only", "--no-messages", ours, theirs, NULL);
	const char *at, *end;

	if (r < 0)
		return r;
	if (r > 1)
		return -CCM_E_REFUSED;
	ccm_sbuf_addc(&out, '\0');
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	end = out.text + out.bytes - 1;
	at = out.text;
	*tree = strndup(at, strcspn(at, "\n"));
	if (!*tree)
		return -ENOMEM;
	if (r == 0)
		return git_is_id(*tree) ? 0 : ccm_diag_set(m->diag, -CCM_E_REFUSED, "git merge-tree said what cannot be understood");
	for (at += strlen(at) + 1; at < end && *at; at += strlen(at) + 1) {
		ccm_term_clean(&m->result->conflicts, at, strlen(at), CCM_CLEAN_LINE);
		ccm_sbuf_addc(&m->result->conflicts, '\n');
	}
	return ccm_diag_set(m->diag, -CCM_E_REFUSED, "conflicts with %s: nothing was merged", short_name(m->spec->branch));
}

static int variable(struct ccm_sbuf *s, const char *name, const char *value)
{
	ccm_sbuf_addf(s, "%s=%s", name, value);
	return ccm_sbuf_error(s);
}

/* author: name, email, date; NULL: the person, now. */
static int commit_tree(struct merger *m, const char *tree, const char *parent, const char *second, const char *message,
		       size_t message_bytes, const char *const author[3], char **ret)
{
	struct ccm_sbuf names[5] = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	const char *env[6] = { NULL };
	struct git g = m->import;
	int r;

	r = variable(&names[0], "GIT_COMMITTER_NAME", m->name);
	if (r == 0)
		r = variable(&names[1], "GIT_COMMITTER_EMAIL", m->email);
	if (r == 0)
		r = variable(&names[2], "GIT_AUTHOR_NAME", author ? author[0] : m->name);
	if (r == 0)
		r = variable(&names[3], "GIT_AUTHOR_EMAIL", author ? author[1] : m->email);
	if (r == 0 && author)
		r = variable(&names[4], "GIT_AUTHOR_DATE", author[2]);
	for (int i = 0; i < (author ? 5 : 4); i++)
		env[i] = ccm_sbuf_str(&names[i]);
	g.env = env;
	g.input = message;
	g.input_bytes = message_bytes;
	if (r == 0)
		r = second ? git_run(&g, &out, m->diag, "commit-tree", tree, "-p", parent, "-p", second, "-F", "-", NULL) :
			     git_run(&g, &out, m->diag, "commit-tree", tree, "-p", parent, "-F", "-", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ccm_sbuf_done(&names[i]);
	if (r < 0)
		return r;
	*ret = strndup(ccm_sbuf_str(&out), strcspn(ccm_sbuf_str(&out), "\n"));
	return *ret ? 0 : -ENOMEM;
}

/* What the commits said, one line each: for the message of a squash. */
static int make_message(struct merger *m, struct ccm_sbuf *out)
{
	const struct merge_spec *s = m->spec;
	_cleanup_sbuf_ struct ccm_sbuf range = { 0 }, subjects = { 0 };
	int r;

	if (s->message) {
		ccm_sbuf_adds(out, s->message);
		ccm_sbuf_addc(out, '\n');
		return ccm_sbuf_error(out);
	}
	if (s->how == MERGE_MERGE)
		ccm_sbuf_addf(out, "Merge task %s: ", s->place->id);
	ccm_term_clean(out, s->title, strlen(s->title), CCM_CLEAN_LINE);
	ccm_sbuf_adds(out, "\n\n");
	ccm_sbuf_addf(&range, "%s..%s", m->result->before, s->commit);
	if (ccm_sbuf_error(&range))
		return -ENOMEM;
	r = git_run(&m->import, &subjects, m->diag, "log", "--reverse", "--no-merges", "--format=* %s", range.text, "--", NULL);
	if (r < 0)
		return r;
	ccm_term_clean(out, ccm_sbuf_str(&subjects), subjects.bytes, CCM_CLEAN_LINES);
	ccm_sbuf_addf(out, "\nCcm-Task: %s\nCcm-Commit: %s\n", s->place->id, s->commit);
	return ccm_sbuf_error(out);
}

static int merge_once(struct merger *m)
{
	const struct merge_spec *s = m->spec;
	_cleanup_free_ char *tree = NULL, *old_tree = NULL;
	_cleanup_sbuf_ struct ccm_sbuf message = { 0 }, name = { 0 };
	int r = merge_trees(m, m->result->before, s->commit, &tree);

	if (r == 0) {
		ccm_sbuf_addf(&name, "%s^{tree}", m->result->before);
		r = ccm_sbuf_error(&name);
	}
	if (r == 0)
		r = git_line(&m->import, &old_tree, "rev-parse", "--verify", name.text, NULL);
	if (r == 0 && s->how == MERGE_SQUASH && strcmp(tree, old_tree) == 0)
		return ccm_diag_set(m->diag, -CCM_E_REFUSED, "commit %.12s changes nothing that %s does not have already", s->commit,
				    short_name(s->branch));
	if (r == 0)
		r = make_message(m, &message);
	if (r == 0)
		r = commit_tree(m, tree, m->result->before, s->how == MERGE_MERGE ? s->commit : NULL, message.text,
				message.bytes, NULL, &m->result->after);
	m->result->commits = 1;
	return r;
}

/* One commit on top of another: a three-way merge whose base is the commit's parent. merge-tree of this git takes no
 * base, but finds it: a commit that has onto's tree and that parent. */
static int pick(struct merger *m, const char *commit, char **onto)
{
	_cleanup_free_ char *parent = NULL, *bridge = NULL, *tree = NULL, *onto_tree = NULL, *next = NULL;
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 }, info = { 0 };
	const char *fields[4];
	char *at;
	int r;

	ccm_sbuf_addf(&name, "%s^", commit);
	if (ccm_sbuf_error(&name))
		return -ENOMEM;
	r = git_line(&m->import, &parent, "rev-parse", "--verify", "--quiet", name.text, NULL);
	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(m->diag, -CCM_E_REFUSED, "commit %.12s has no parent: it cannot be put on another", commit);
	ccm_sbuf_clear(&name);
	ccm_sbuf_addf(&name, "%s^{tree}", *onto);
	if (r == 0)
		r = git_line(&m->import, &onto_tree, "rev-parse", "--verify", ccm_sbuf_str(&name), NULL);
	if (r == 0)
		r = commit_tree(m, onto_tree, parent, NULL, "bridge\n", 7, NULL, &bridge);
	if (r == 0)
		r = merge_trees(m, bridge, commit, &tree);
	if (r < 0)
		return r;
	if (strcmp(tree, onto_tree) == 0)
		return 0;                    /* it is there already */
	r = git_run(&m->import, &info, m->diag, "log", "-1", "--no-show-signature", "--date=raw", "--format=%an%n%ae%n@%ad%n%B",
		    commit, "--", NULL);
	if (r == 0) {
		ccm_sbuf_addc(&info, '\0');
		r = ccm_sbuf_error(&info);
	}
	if (r < 0)
		return r;
	at = info.text;
	for (int i = 0; i < 3; i++) {
		fields[i] = at;
		at += strcspn(at, "\n");
		if (*at)
			*at++ = '\0';
	}
	r = commit_tree(m, tree, *onto, NULL, at, strlen(at), fields, &next);
	if (r < 0)
		return r;
	free(*onto);
	*onto = TAKE_PTR(next);
	m->result->commits++;
	return 0;
}

static int rebase(struct merger *m)
{
	_cleanup_sbuf_ struct ccm_sbuf range = { 0 }, list = { 0 };
	_cleanup_free_ char *onto = strdup(m->result->before), *merge = NULL;
	char *at;
	int r;

	ccm_sbuf_addf(&range, "%s..%s", m->result->before, m->spec->commit);
	if (ccm_sbuf_error(&range) || !onto)
		return -ENOMEM;
	/* What a merge commit resolved stands in none of the others, and would be missing. */
	r = git_line(&m->import, &merge, "rev-list", "--merges", "--max-count=1", range.text, "--", NULL);
	if (r == 0 && merge[0])
		return ccm_diag_set(m->diag, -CCM_E_REFUSED, "commit %.12s is a merge, which cannot be put on top of another commit; "
				    "--method squash or merge takes it as it is", merge);
	if (r == 0)
		r = git_run(&m->import, &list, m->diag, "rev-list", "--reverse", "--topo-order", range.text, "--", NULL);
	ccm_sbuf_addc(&list, '\0');
	if (r == 0)
		r = ccm_sbuf_error(&list);
	for (at = list.text; r == 0 && *at;) {
		char *commit = at;

		at += strcspn(at, "\n");
		if (*at)
			*at++ = '\0';
		r = pick(m, commit, &onto);
	}
	if (r < 0)
		return r;
	if (!m->result->commits)
		return ccm_diag_set(m->diag, -CCM_E_REFUSED, "there is nothing in commit %.12s that %s does not have already",
				    m->spec->commit, short_name(m->spec->branch));
	m->result->after = TAKE_PTR(onto);
	return 0;
}

/* ---- the person's repository ---- */

static int read_branch(struct merger *m)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	int r;

	ccm_sbuf_addf(&name, "%s^{commit}", m->spec->branch);
	if (ccm_sbuf_error(&name))
		return -ENOMEM;
	r = git_line(&m->user, &m->result->before, "rev-parse", "--verify", "--quiet", "--end-of-options", name.text, NULL);
	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(m->diag, -CCM_E_REFUSED, "there is no branch '%s' in '%s' (--into names another)",
				    short_name(m->spec->branch), m->user.git_dir);
	return r;
}

static int read_person(struct merger *m)
{
	int r = git_line(&m->user, &m->name, "config", "--get", "user.name", NULL);

	if (r == 0)
		r = git_line(&m->user, &m->email, "config", "--get", "user.email", NULL);
	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(m->diag, -CCM_E_REFUSED, "git does not know who you are: git config --global user.name NAME, and "
				    "user.email");
	return r;
}

/* Where its files are. git lists a git directory where that is all that it knows of, a folder that is gone, and one that
 * belongs to another repository by now; the task may have begun in the right one. */
static int see_worktree(struct merger *m, const char *path)
{
	const char *const folders[] = { path, m->spec->project };
	_cleanup_sbuf_ struct ccm_sbuf wanted = { 0 };
	struct ccm_diag words = { 0 };
	int r;

	ccm_sbuf_addf(&wanted, "\n%s\n%s\n", m->user.git_dir, m->spec->branch);
	if (ccm_sbuf_error(&wanted))
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(folders) && folders[i]; i++) {
		const struct git g = { .directory = folders[i] };
		_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
		size_t top;

		r = git_try(&g, &out, i ? NULL : &words, "rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir",
			    "--symbolic-full-name", "HEAD", NULL);
		if (r < 0)
			return r;
		top = strcspn(ccm_sbuf_str(&out), "\n");
		if (r > 0 || strcmp(ccm_sbuf_str(&out) + top, wanted.text) != 0)
			continue;
		m->result->worktree = strndup(out.text, top);
		return m->result->worktree ? 0 : -ENOMEM;
	}
	return ccm_diag_set(m->diag, -CCM_E_REFUSED, "%s is checked out in '%s', whose files cannot be brought along%s%s; --into names "
			    "another branch, 'git worktree prune' forgets a folder that is gone for good", short_name(m->spec->branch),
			    path, words.text[0] ? ": " : "", words.text);
}

/* "worktree PATH\0HEAD ID\0branch REF\0\0" of each. */
static int find_worktree(struct merger *m)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	const char *path = NULL, *end;
	int r = git_run(&m->user, &out, m->diag, "worktree", "list", "--porcelain", "-z", NULL);

	if (r < 0)
		return r;
	ccm_sbuf_addc(&out, '\0');
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	end = out.text + out.bytes - 1;
	for (const char *at = out.text; at < end; at += strlen(at) + 1) {
		if (strncmp(at, "worktree ", 9) == 0)
			path = at + 9;
		else if (strcmp(at, "bare") == 0)
			path = NULL;
		else if (path && strncmp(at, "branch ", 7) == 0 && strcmp(at + 7, m->spec->branch) == 0)
			return see_worktree(m, path);
	}
	return 0;
}

static bool exists(const char *dir, const char *name, const char *suffix, struct ccm_sbuf *path)
{
	ccm_sbuf_clear(path);
	ccm_sbuf_addf(path, "%s/%s%s", dir, name, suffix);
	return !ccm_sbuf_error(path) && access(path->text, F_OK) == 0;
}

/* Its last step moves its branches, if they are still where it found them. */
static bool is_rebased(const char *git_dir, const char *branch)
{
	static const char *const files[] = { "rebase-merge/head-name", "rebase-apply/head-name", "rebase-merge/update-refs" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, text = { 0 };

		if (!exists(git_dir, files[i], "", &path) || ccm_read_regular(path.text, (size_t)1 << 20, &text) < 0)
			continue;
		for (const char *line = ccm_sbuf_str(&text); *line; line += strcspn(line, "\n"), line += *line == '\n')
			if (strcspn(line, "\n") == strlen(branch) && strncmp(line, branch, strlen(branch)) == 0)
				return true;
	}
	return false;
}

/* In any working tree: the branch is checked out nowhere then, and must not move under the rebase. */
static int check_rebases(struct merger *m)
{
	const char *main_dir = m->user.git_dir, *branch = m->spec->branch;
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, found = { 0 };
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;

	if (is_rebased(main_dir, branch))
		ccm_sbuf_adds(&found, main_dir);
	ccm_sbuf_addf(&path, "%s/worktrees", main_dir);
	d = ccm_sbuf_error(&path) ? NULL : opendir(path.text);
	while (d && !found.bytes && (e = readdir(d))) {
		_cleanup_sbuf_ struct ccm_sbuf dir = { 0 };

		ccm_sbuf_addf(&dir, "%s/%s", path.text, e->d_name);
		if (e->d_name[0] != '.' && !ccm_sbuf_error(&dir) && is_rebased(dir.text, branch))
			ccm_sbuf_adds(&found, dir.text);
	}
	if (!found.bytes)
		return 0;
	return ccm_diag_set(m->diag, -CCM_E_REFUSED, "%s is being rebased ('%s'): end that first", short_name(branch), found.text);
}

/* What could not be locked at the end is better known before anything is written. */
static int check_lock(struct merger *m, const char *dir, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

	if (!exists(dir, name, ".lock", &path))
		return 0;
	return ccm_diag_set(m->diag, -CCM_E_REFUSED, "'%s' is there: another git is at work, or was killed; nothing was merged",
			    path.text);
}

static int check_progress(struct merger *m)
{
	static const char *const marks[] = { "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply" };
	_cleanup_free_ char *dir = NULL;
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	const struct git g = { .directory = m->result->worktree };
	int r = check_rebases(m);

	if (r == 0)
		r = check_lock(m, m->user.git_dir, m->spec->branch);
	if (r < 0 || !m->result->worktree)
		return r;
	r = git_line(&g, &dir, "rev-parse", "--absolute-git-dir", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(marks) && r == 0; i++)
		if (exists(dir, marks[i], "", &path))
			r = ccm_diag_set(m->diag, -CCM_E_REFUSED, "a merge or rebase is in progress in '%s': end it first",
					 m->result->worktree);
	if (r == 0)
		r = check_lock(m, dir, "index");
	return r < 0 ? r : check_lock(m, dir, "HEAD");
}

static int copy_index(struct merger *m, const char *to)
{
	const struct git g = { .directory = m->result->worktree };
	_cleanup_free_ char *index = NULL;
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r = git_line(&g, &index, "rev-parse", "--path-format=absolute", "--git-path", "index", NULL);

	if (r == 0)
		r = ccm_read_regular(index, (size_t)1 << 30, &text);
	if (r < 0)
		return ccm_diag_set(m->diag, r, "cannot read the index of '%s': %s", m->result->worktree, ccm_strerror(r));
	return ccm_write_file(to, text.text, text.bytes, 0600, false);
}

/* Would its files be in the way? Asked of git with a copy of the index, and with the new objects only lent. */
static int try_checkout(struct merger *m)
{
	_cleanup_sbuf_ struct ccm_sbuf index = { 0 }, path = { 0 }, objects = { 0 };
	struct git g = { .directory = m->result->worktree };
	struct ccm_diag words = { 0 };
	const char *env[3] = { NULL };
	int r;

	ccm_sbuf_addf(&path, "%s/index.try", m->spec->place->dir);
	ccm_sbuf_addf(&index, "GIT_INDEX_FILE=%s", ccm_sbuf_str(&path));
	if (ccm_sbuf_error(&path) || ccm_sbuf_error(&index) || git_lend_objects(&objects, m->spec->place->import) < 0)
		return -ENOMEM;
	env[0] = index.text;
	env[1] = objects.text;
	g.env = env;
	r = copy_index(m, path.text);
	if (r == 0)
		r = git_try(&g, NULL, m->diag, "update-index", "-q", "--refresh", NULL);
	if (r >= 0)
		r = git_run(&g, NULL, &words, "read-tree", "-m", "-u", "-n", m->result->before, m->result->after, NULL);
	unlink(path.text);
	if (r == -CCM_E_REFUSED)
		return ccm_diag_set(m->diag, r, "%s is checked out in '%s', and what is not committed there is in the way: %s; "
				    "commit it or put it aside, then merge again", short_name(m->spec->branch),
				    m->result->worktree, ccm_diag_text(&words, r));
	return r;
}

/* ---- files that git ignores ---- */

struct change {
	const char *path;
	char kind;                   /* A, D or another letter of git's */
};

struct changes {
	struct ccm_sbuf text;        /* what the paths lie in */
	struct change *items;
	size_t count;
};

static void changes_done(struct changes *c)
{
	ccm_sbuf_done(&c->text);
	free(c->items);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

/* "A\0path\0" of each file; sorted by path. */
static int list_changes(struct merger *m, struct changes *c)
{
	int r = git_run(&m->import, &c->text, m->diag, "diff-tree", "-r", "-z", "--name-status", "--no-renames", m->result->before,
			m->result->after, NULL);
	size_t zeros = 0;

	if (r < 0)
		return r;
	for (size_t i = 0; i < c->text.bytes; i++)
		zeros += c->text.text[i] == '\0';
	c->items = calloc(zeros / 2 + 1, sizeof *c->items);
	if (!c->items)
		return -ENOMEM;
	for (const char *at = ccm_sbuf_str(&c->text); c->count < zeros / 2; at = c->items[c->count++].path, at += strlen(at) + 1)
		c->items[c->count] = (struct change){ .path = at + strlen(at) + 1, .kind = at[0] };
	qsort(c->items, c->count, sizeof *c->items, by_path);
	return 0;
}

static bool is_deleted(const struct changes *c, const char *path)
{
	const struct change key = { .path = path }, *found = bsearch(&key, c->items, c->count, sizeof *c->items, by_path);

	return found && found->kind == 'D';
}

/* What lies at path, which the merge wants for a file; path grows and shrinks. 1: it would be lost, and path names it. */
static int is_in_way(const struct changes *c, int top, struct ccm_sbuf *path, int depth)
{
	_cleanup_closedir_ DIR *d = NULL;
	struct dirent *e;
	struct stat st;
	size_t bytes = path->bytes;
	int fd, r = 0;

	if (fstatat(top, ccm_sbuf_str(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return !is_deleted(c, path->text);
	fd = depth < PLACE_DEPTH_MAX ? openat(top, path->text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		if (fd >= 0)
			close(fd);
		return 1;
	}
	while (r == 0 && (e = readdir(d))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		ccm_sbuf_addf(path, "/%s", e->d_name);
		r = ccm_sbuf_error(path) ? -ENOMEM : is_in_way(c, top, path, depth + 1);
		if (r == 0) {
			path->bytes = bytes;
			path->text[bytes] = '\0';
		}
	}
	return r;
}

/* A new file in the place of one that git does not follow, or below one. 1: path names it. */
static int is_taken(const struct changes *c, int top, const char *file, struct ccm_sbuf *path)
{
	for (const char *slash = strchr(file, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct stat st;

		ccm_sbuf_clear(path);
		ccm_sbuf_add(path, file, (size_t)(slash - file));
		if (ccm_sbuf_error(path))
			return -ENOMEM;
		if (fstatat(top, path->text, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return 0;
		if (!S_ISDIR(st.st_mode))
			return !is_deleted(c, path->text);
	}
	ccm_sbuf_clear(path);
	ccm_sbuf_adds(path, file);
	return ccm_sbuf_error(path) ? -ENOMEM : is_in_way(c, top, path, 0);
}

/* git takes a file that is ignored for one that does not matter, and overwrites it: it may be the person's .env. */
static int check_ignored(struct merger *m)
{
	_cleanup_(changes_done) struct changes c = { .count = 0 };
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, clean = { 0 };
	_cleanup_close_ int top = open(m->result->worktree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = top < 0 ? -errno : list_changes(m, &c);

	for (size_t i = 0; i < c.count && r == 0; i++)
		if (c.items[i].kind == 'A')
			r = is_taken(&c, top, c.items[i].path, &path);
	if (r <= 0)
		return r;
	ccm_term_clean(&clean, ccm_sbuf_str(&path), path.bytes, CCM_CLEAN_LINE);
	return ccm_diag_set(m->diag, -CCM_E_REFUSED, "%s is checked out in '%s', and what is not committed there is in the way: '%s', which "
			    "git ignores, would be overwritten; move it away, then merge again", short_name(m->spec->branch),
			    m->result->worktree, ccm_sbuf_str(&clean));
}

/* ---- filters ---- */

/* Names of the filters that the person's configuration runs, each with a newline before and behind. */
static int list_filters(struct merger *m, struct ccm_sbuf *names)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	const struct git g = { .directory = m->result->worktree };
	int r = git_try(&g, &out, m->diag, "config", "--name-only", "--get-regexp",
			"^filter\\..*\\.(smudge|clean|process)$", NULL);

	if (r < 0)
		return r;
	for (const char *line = ccm_sbuf_str(&out); *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t bytes = strcspn(line, "\n");

		while (bytes && line[bytes - 1] != '.')
			bytes--;
		if (bytes > 8)
			ccm_sbuf_addf(names, "\n%.*s\n", (int)(bytes - 8), line + 7);
	}
	return ccm_sbuf_error(names);
}

/* Whether a changed file would go through one, by the attributes that it would have then. */
static int check_filters(struct merger *m)
{
	_cleanup_sbuf_ struct ccm_sbuf filters = { 0 }, files = { 0 }, out = { 0 }, path = { 0 }, index = { 0 };
	struct git g = m->import;
	const char *env[2] = { NULL };
	const char *at, *end;
	int r = list_filters(m, &filters);

	if (r < 0 || !filters.bytes || m->spec->run_filters)
		return r;
	ccm_sbuf_addf(&path, "%s/index.attributes", m->spec->place->dir);
	ccm_sbuf_addf(&index, "GIT_INDEX_FILE=%s", ccm_sbuf_str(&path));
	if (ccm_sbuf_error(&index))
		return -ENOMEM;
	env[0] = index.text;
	g.env = env;
	r = git_run(&g, NULL, m->diag, "read-tree", m->result->after, NULL);
	if (r == 0)
		r = git_run(&g, &files, m->diag, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--diff-filter=d",
			    m->result->before, m->result->after, NULL);
	g.input = ccm_sbuf_str(&files);
	g.input_bytes = files.bytes;
	if (r == 0)
		r = git_run(&g, &out, m->diag, "check-attr", "--cached", "-z", "--stdin", "filter", NULL);
	unlink(path.text);
	ccm_sbuf_addc(&out, '\0');
	if (r < 0 || ccm_sbuf_error(&out))
		return r < 0 ? r : -ENOMEM;
	/* path\0filter\0value\0 */
	end = out.text + out.bytes - 1;
	for (at = out.text; at < end;) {
		const char *file = at, *attribute = file + strlen(file) + 1;
		const char *value = attribute < end ? attribute + strlen(attribute) + 1 : end;
		_cleanup_sbuf_ struct ccm_sbuf name = { 0 }, clean = { 0 };

		if (value >= end)
			break;
		at = value + strlen(value) + 1;
		ccm_sbuf_addf(&name, "\n%s\n", value);
		if (ccm_sbuf_error(&name) || !strstr(filters.text, name.text))
			continue;
		ccm_term_clean(&clean, file, strlen(file), CCM_CLEAN_LINE);
		ccm_term_clean(&name, value, strlen(value), CCM_CLEAN_LINE);
		return ccm_diag_set(m->diag, -CCM_E_REFUSED, "'%s' would go through your filter '%.*s' when it is checked out, which "
				    "may run what is in the tree: --run-filters allows it", ccm_sbuf_str(&clean),
				    (int)strcspn(name.text + 1, "\n"), name.text + 1);
	}
	return 0;
}

int merge_keep(const struct place *p, const struct source *s, const char *commit, const char *name,
	       struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf spec = { 0 };
	int r = import_set_ref(p, "refs/ccm/out", commit, diag);

	ccm_sbuf_addf(&spec, "+refs/ccm/out:refs/ccm/tasks/%s/%s", p->id, name);
	if (ccm_sbuf_error(&spec))
		return -ENOMEM;
	if (r == 0)
		r = git_run(&s->git, NULL, diag, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head",
			    "--no-auto-maintenance", "--no-prune", "--no-recurse-submodules", "--no-show-forced-updates",
			    p->import, spec.text, NULL);
	return r;
}

static int move_branch(struct merger *m)
{
	const struct merge_spec *s = m->spec;
	struct git g = { .directory = m->result->worktree };
	_cleanup_sbuf_ struct ccm_sbuf why = { 0 };
	struct ccm_diag words = { 0 };
	int r;

	ccm_sbuf_addf(&why, "ccm: task %s", s->place->id);
	if (ccm_sbuf_error(&why))
		return -ENOMEM;
	if (!m->result->worktree) {
		r = git_run(&m->user, NULL, &words, "update-ref", "-m", why.text, s->branch, m->result->after, m->result->before,
			    NULL);
		if (r == -CCM_E_REFUSED)
			ccm_diag_set(m->diag, r, "%s has moved meanwhile, or cannot be written; nothing was merged (%s)",
				     short_name(s->branch), ccm_diag_text(&words, r));
		return r;
	}
	/* It moves HEAD's branch only if that is still where it was. */
	r = git_run(&g, NULL, &words, "-c", "merge.autoStash=false", "-c", "merge.verifySignatures=false", "merge", "--ff-only",
		    "--no-autostash", "--no-overwrite-ignore", "--no-verify-signatures", "--quiet", "--no-stat", m->result->after, NULL);
	if (r == -CCM_E_REFUSED)
		ccm_diag_set(m->diag, r, "the files in '%s' could not be brought along; nothing was merged (%s)",
			     m->result->worktree, ccm_diag_text(&words, r));
	return r;
}

/* A fast-forward goes to where HEAD is: it must be the branch, still at the commit that was merged with. */
static int check_unmoved(struct merger *m)
{
	_cleanup_free_ char *now = NULL;
	int r = git_line(&m->user, &now, "rev-parse", "--verify", "--quiet", m->spec->branch, NULL);

	if (r == 0 && strcmp(now, m->result->before) != 0)
		r = ccm_diag_set(m->diag, -CCM_E_REFUSED, "%s has moved meanwhile; nothing was merged, merge again",
				 short_name(m->spec->branch));
	return r;
}

static int deliver(struct merger *m)
{
	const struct merge_spec *s = m->spec;
	int r = find_worktree(m);

	if (r == 0)
		r = check_progress(m);
	if (r == 0 && m->result->worktree)
		r = try_checkout(m);
	if (r == 0 && m->result->worktree)
		r = check_ignored(m);
	if (r == 0 && m->result->worktree)
		r = check_filters(m);
	if (r < 0)
		return r;
	r = merge_keep(s->place, s->source, m->result->after, "merged", m->diag);
	if (r == 0)
		r = check_unmoved(m);
	if (r == 0)
		r = move_branch(m);
	worktree_unpin(s->source, s->place->id, "merged", NULL);
	return r;
}

int merge_task(const struct merge_spec *spec, struct merge_result *ret, struct ccm_diag *diag)
{
	struct merger m = {
		.spec = spec, .import = import_git(spec->place), .user = spec->source->git, .result = ret, .diag = diag,
	};
	int r = read_branch(&m);

	if (r == 0)
		r = read_person(&m);
	if (r == 0)
		r = import_check(spec->place, spec->commit, diag);
	if (r == 0)
		r = spec->how == MERGE_REBASE ? rebase(&m) : merge_once(&m);
	if (r == 0)
		r = deliver(&m);
	free(m.name);
	free(m.email);
	return r;
}
