/* SPDX-License-Identifier: MIT */
#include "ops.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "confine.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "merge.h"

#define INSIDE_MS 300000
#define INSIDE_BYTES ((size_t)4 << 20)

void opened_done(struct opened *o)
{
	task_done(&o->task);
	place_done(&o->place);
	source_done(&o->source);
	if (o->lock_fd >= 0)
		close(o->lock_fd);
	o->lock_fd = -1;
}

int ops_open(struct ctx *ctx, const char *name, struct opened *ret, struct ccm_diag *diag)
{
	struct opened o = OPENED_INIT;
	int r = task_load(ctx->db, name, &o.task, diag);

	if (r == 0)
		r = task_refresh(ctx->db, &ctx->paths, &o.task);
	if (r == 0)
		r = place_init(&o.place, &ctx->paths, o.task.id);
	if (r == 0 && source_reopen(&o.source, o.task.repository, o.task.base, o.task.branch, &o.source_problem) < 0)
		o.source.git_dir = NULL;
	if (r < 0) {
		opened_done(&o);
		return r;
	}
	*ret = o;
	if (ret->source.git_dir)
		ret->source.git.git_dir = ret->source.git_dir;
	return 0;
}

int ops_need_source(const struct opened *o, struct ccm_diag *diag)
{
	if (o->source.git_dir)
		return 0;
	return ccm_diag_set(diag, -CCM_E_REFUSED, "the repository of task %s is not there any more; move it back to where it was (%s)",
			    o->task.id, o->source_problem.text);
}

int ops_need_folder(const struct opened *o, struct ccm_diag *diag)
{
	if (access(o->place.import, F_OK) == 0)
		return 0;
	return ccm_diag_set(diag, -CCM_E_REFUSED, "task %s is %s and has no folder%s", o->task.id, task_state_name(o->task.state),
			    o->task.saved ? ": 'ccm-supervisor task restore' brings it back" : "");
}

int ops_need_rest(struct opened *o, struct ccm_diag *diag)
{
	int fd = place_lock(&o->place);

	if (fd == -EBUSY)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "task %s is at work: end it first ('ccm-supervisor task stop --end %s')",
				    o->task.id, o->task.id);
	if (fd < 0 && fd != -ENOENT)
		return ccm_diag_set(diag, fd, "cannot lock '%s': %s", o->place.lock, ccm_strerror(fd));
	o->lock_fd = fd < 0 ? -1 : fd;
	return 0;
}

/* ---- taking over */

int ops_snapshot(struct ctx *ctx, struct opened *o, const char *commit, int64_t commits, const char *why,
		 int64_t *ret_number, struct ccm_diag *diag)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char ref[64];
	int64_t number = 0;
	int r;

	r = ccm_db_exec(ctx->db, Q_TASK_SNAPSHOT_INSERT, DB_ARGS(
		DB_TEXT("task_id", o->task.id), DB_TEXT("commit_id", commit), DB_INT("commits", commits),
		DB_INT("made_ms", ccm_now_ms()), DB_TEXT("why", why)));
	if (r >= 0)
		r = ccm_db_query(ctx->db, Q_TASK_SNAPSHOT_LIST, DB_ARGS(DB_TEXT("task_id", o->task.id)), &rows);
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		number = ccm_rows_int(&rows, "number");
	if (r < 0)
		return r;
	snprintf(ref, sizeof ref, "refs/ccm/snapshots/%lld", (long long)number);
	r = import_set_ref(&o->place, ref, commit, diag);
	if (r == 0)
		r = task_log(ctx->db, o->task.id, "snapshot", "snapshot %lld at %.12s, %lld commit%s: %s", (long long)number,
			     commit, (long long)commits, commits == 1 ? "" : "s", why);
	if (r == 0 && ret_number)
		*ret_number = number;
	return r;
}

static int last_snapshot(struct ctx *ctx, const struct opened *o, int64_t *ret_commits)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int r = ccm_db_query(ctx->db, Q_TASK_SNAPSHOT_LIST, DB_ARGS(DB_TEXT("task_id", o->task.id)), &rows);

	*ret_commits = 0;
	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		*ret_commits = ccm_rows_int(&rows, "commits");
	return r;
}

/* One at a time: of those who wait, the last sees what the others took. */
static int lock_import(const struct opened *o)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	_cleanup_close_ int fd = -1;

	ccm_sbuf_addf(&path, "%s/import.lock", o->place.dir);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int note_progress(struct ctx *ctx, struct opened *o, const struct import *i)
{
	int64_t before = 0;
	char *head;
	int r;

	r = ccm_db_exec(ctx->db, Q_TASK_PROGRESS, DB_ARGS(
		DB_TEXT("id", o->task.id), DB_TEXT("head", i->head), DB_INT("commits", i->commits), DB_NULL("bytes"),
		DB_INT("spent_ms", 0), DB_INT("now_ms", ccm_now_ms())));
	if (r >= 0 && i->changed)
		r = task_log(ctx->db, o->task.id, "import", "%lld commit%s up to %.12s", (long long)i->commits,
			     i->commits == 1 ? "" : "s", i->head);
	if (r >= 0)
		r = last_snapshot(ctx, o, &before);
	if (r >= 0 && (i->commits / OPS_SNAPSHOT_COMMITS > before / OPS_SNAPSHOT_COMMITS))
		r = ops_snapshot(ctx, o, i->head, i->commits, "ten commits more", NULL, NULL);
	head = strdup(i->head);
	if (r < 0 || !head) {
		free(head);
		return r < 0 ? r : -ENOMEM;
	}
	free(o->task.head);
	o->task.head = head;
	o->task.commits = i->commits;
	return 0;
}

/* Read as bytes: whether it is a commit is git's to say, inside. */
static bool branch_is_sound(const struct opened *o)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };

	if (place_read(o->place.repo, o->place.branch, GIT_ID_MAX + 2, &text) < 0 || !text.bytes)
		return false;
	text.text[strcspn(text.text, "\n")] = '\0';
	return git_is_id(text.text);
}

int ops_import(struct ctx *ctx, struct opened *o, struct import *ret, struct ccm_diag *diag)
{
	_cleanup_close_ int lock = lock_import(o);
	struct ccm_diag words = { 0 };
	int r;

	if (lock < 0)
		return ccm_diag_set(diag, lock, "cannot lock the import of task %s: %s", o->task.id, ccm_strerror(lock));
	r = import_fetch(&o->place, ctx->self, false, ret, &words);
	if (r == 0)
		return note_progress(ctx, o, ret);
	if (!branch_is_sound(o))
		ccm_diag_set(&words, r, "its branch names no commit; 'ccm-supervisor task discard %s' and 'task restore %s' keep its files, "
			     "and put the branch back to what was taken over last", o->task.id, o->task.id);
	task_log(ctx->db, o->task.id, "import", "not taken over: %s", ccm_diag_text(&words, r));
	return ccm_diag_set(diag, r, "what task %s committed cannot be taken over: %s", o->task.id, ccm_diag_text(&words, r));
}

/* ---- inside the sandbox */

static int run_inside(const struct opened *o, const char *script, const char *const *env, struct ccm_sbuf *out,
		      struct ccm_diag *diag)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	struct confine_input in = { .why = CONFINE_GIT, .place = &o->place, .source = &o->source, .more_env = env };
	_cleanup_confinement_ struct confinement c = { .count = 0 };
	int r = confine(&in, &c, diag);

	return r < 0 ? r : confine_run(&c, argv, INSIDE_MS, INSIDE_BYTES, out, diag);
}

/* git takes the folder of a submodule for that one's business, and says nothing of the files in it. */
static const char dirty_script[] =
	"{ git -c core.fsmonitor=false status --porcelain --no-renames -uall\n"
	"git ls-files -s -z | tr '\\n\\0' '\\001\\n' | grep -a '^160000 ' | cut -f 2- | while IFS= read -r at; do\n"
	"	find \"$(printf '%s' \"$at\" | tr '\\001' '\\n')\" -name .git -prune -o \\( -type f -o -type l \\) -printf '\\n' 2>/dev/null\n"
	"done; } | wc -l";

int ops_dirty(const struct opened *o, int64_t *ret, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	int r = run_inside(o, dirty_script, NULL, &out, diag);

	if (r == 0)
		*ret = strtoll(ccm_sbuf_str(&out), NULL, 10);
	return r;
}

void ops_tell_end(struct ctx *ctx, struct opened *o, int status)
{
	struct ccm_diag diag = { 0 };
	struct import import = { .commits = 0 };
	int64_t dirty = 0;
	int r = ops_import(ctx, o, &import, &diag);

	if (r < 0) {
		ccm_warn("%s", ccm_diag_text(&diag, r));
		return;
	}
	if (ops_dirty(o, &dirty, NULL) < 0)
		dirty = 0;
	fprintf(stderr, "ccm-supervisor: task %s %s (status %d): %lld commit%s", o->task.id, status ? "failed" : "finished",
		status, (long long)import.commits, import.commits == 1 ? "" : "s");
	if (dirty)
		fprintf(stderr, ", %lld file%s not committed", (long long)dirty, dirty == 1 ? "" : "s");
	if (import.commits)
		fprintf(stderr, "; 'ccm-supervisor task review %s' shows them", o->task.id);
	fputc('\n', stderr);
}

/* An index of its own, so that what the agent has staged stays staged. A repository inside of the worktree would become
 * a gitlink, and its files would be lost: they are added one by one instead. So are files in the folder of a submodule,
 * in place of the gitlink. tr makes lines of what NUL separates. */
static const char save_script[] =
	"set -eu\n"
	"export GIT_INDEX_FILE=\"$TMPDIR/.ccm-save-$$\"\n"
	"trap 'rm -f \"$GIT_INDEX_FILE\" \"$GIT_INDEX_FILE.lock\"' EXIT\n"
	"g() { git -c core.fsmonitor=false -c core.hooksPath=/dev/null -c core.safecrlf=false \"$@\"; }\n"
	"others() { g ls-files --others --exclude-standard -z | tr '\\n\\0' '\\001\\n'; }\n"
	"put() { tr '\\001\\n' '\\n\\0' | g update-index --add -z --stdin; }\n"
	"find . -type d ! -perm -700 -exec chmod u+rwx {} + 2>/dev/null || :\n"
	"find . -name .git -prune -o -type f ! -perm -400 -exec chmod u+r {} + 2>/dev/null || :\n"
	/* Folders whose path is too long are only warned of: they would be missing. */
	"missed=$(g ls-files --others --exclude-standard 2>&1 >/dev/null)\n"
	"[ -z \"$missed\" ] || { echo \"git cannot look at all files: $missed\" | cut -c 1-200 | head -n 1; exit 1; }\n"
	/* A branch that names no commit, after a power cut for one, must not keep the files from being saved. */
	"if ! g rev-parse --quiet --verify 'HEAD^{commit}' >/dev/null 2>&1; then\n"
	"	rm -rf \"$(g rev-parse --git-common-dir)/refs/heads/ccm/task-$CCM_TASK_ID\"\n"
	"	g update-ref --no-deref \"refs/heads/ccm/task-$CCM_TASK_ID\" \"$CCM_HEAD\"\n"
	"	echo mended\n"
	"fi\n"
	"head=$(g rev-parse --verify 'HEAD^{commit}')\n"
	"g read-tree \"$head\"\n"
	"g ls-files -s -z | tr '\\n\\0' '\\001\\n' | grep -a '^160000 ' | while read -r mode id stage at; do\n"
	"	at=$(printf '%s' \"$at\" | tr '\\001' '\\n')\n"
	"	g update-index --force-remove -- \"$at\"\n"
	"	[ -n \"$(g ls-files --others --exclude-standard -- \"$at\")\" ] || g update-index --add --cacheinfo \"$mode,$id,$at\"\n"
	"done\n"
	"g add -u -- .\n"
	"others | grep -av '/$' | put\n"
	"others | grep -a '/$' | while IFS= read -r at; do\n"
	"	at=$(printf '%s' \"$at\" | tr '\\001' '\\n')\n"
	"	find \"$at\" -name .git -prune -o \\( -type f -o -type l \\) -print0 | tr '\\n\\0' '\\001\\n' | put\n"
	"done\n"
	"tree=$(g write-tree)\n"
	"commit=$head\n"
	"if [ \"$tree\" != \"$(g rev-parse \"$head^{tree}\")\" ]; then\n"
	"	commit=$(g commit-tree \"$tree\" -p \"$head\" -m 'what was not committed')\n"
	"fi\n"
	"g update-ref --no-deref \"refs/heads/ccm/saved-$CCM_TASK_ID\" \"$commit\"\n";

static int get_saved(const struct opened *o, char commit[GIT_ID_MAX + 1])
{
	const struct git g = import_git(&o->place);
	_cleanup_free_ char *id = NULL;
	int r = git_line(&g, &id, "rev-parse", "--verify", "--quiet", "refs/ccm/saved", NULL);

	if (r == 0 && !git_is_id(id))
		r = -CCM_E_NOT_FOUND;
	if (r == 0)
		memcpy(commit, id, strlen(id) + 1);
	return r;
}

int ops_save(struct ctx *ctx, struct opened *o, bool keep, char commit[GIT_ID_MAX + 1], struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf id = { 0 }, head = { 0 }, out = { 0 };
	_cleanup_close_ int lock = lock_import(o);
	struct import import;
	const char *env[3] = { NULL };
	int r;

	if (lock < 0)
		return lock;
	ccm_sbuf_addf(&id, "CCM_TASK_ID=%s", o->task.id);
	ccm_sbuf_addf(&head, "CCM_HEAD=%s", import_last(&o->place, &import) == 0 ? import.head : o->task.base);
	r = ccm_sbuf_error(&id) < 0 ? -ENOMEM : ccm_sbuf_error(&head);
	env[0] = id.text;
	env[1] = head.text;
	if (r == 0)
		r = run_inside(o, save_script, env, &out, diag);
	if (r == 0 && strstr(ccm_sbuf_str(&out), "mended\n")) {
		ccm_warn("the branch of task %s named no commit: it is back at %.12s, which was taken over last", o->task.id,
			 head.text + strlen("CCM_HEAD="));
		r = task_log(ctx->db, o->task.id, "note", "its branch named no commit: put back to %.12s",
			     head.text + strlen("CCM_HEAD="));
	}
	if (r == 0)
		r = import_fetch(&o->place, ctx->self, true, &import, diag);
	if (r == 0)
		r = note_progress(ctx, o, &import);
	if (r == 0)
		r = get_saved(o, commit);
	if (r < 0 || !keep)
		return r;
	r = merge_keep(&o->place, &o->source, commit, "saved", diag);
	if (r == 0)
		r = merge_keep(&o->place, &o->source, import.head, "head", diag);
	if (r == 0) {
		free(o->task.saved);
		o->task.saved = strdup(commit);
		r = ccm_db_exec(ctx->db, Q_TASK_KEEP, DB_ARGS(DB_TEXT("id", o->task.id), DB_TEXT("saved", commit),
							      DB_NULL("merged"), DB_INT("now_ms", ccm_now_ms())));
	}
	if (r >= 0)
		r = task_log(ctx->db, o->task.id, "note", "its work is kept as refs/ccm/tasks/%s/saved (%.12s)", o->task.id, commit);
	return r < 0 ? r : 0;
}

/* ---- folders */

int ops_remove(struct ctx *ctx, struct opened *o, struct ccm_diag *diag)
{
	int r = place_remove_tree(o->place.dir, diag);

	if (r < 0)
		task_log(ctx->db, o->task.id, "note", "%s", ccm_diag_text(diag, r));
	return r;
}

static int keep_head(struct opened *o, const char *head, struct ccm_diag *diag)
{
	return import_set_ref(&o->place, "refs/ccm/head", head, diag);
}

int ops_restore(struct ctx *ctx, struct opened *o, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	_cleanup_free_ char *saved = NULL, *head = NULL;
	int r;

	if (access(o->place.dir, F_OK) == 0)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "the folder of task %s is there: '%s'", o->task.id, o->place.dir);
	ccm_sbuf_addf(&name, "refs/ccm/tasks/%s/saved", o->task.id);
	if (ccm_sbuf_error(&name))
		return -ENOMEM;
	r = git_line(&o->source.git, &saved, "rev-parse", "--verify", "--quiet", name.text, NULL);
	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "nothing is kept of task %s: '%s' has no %s", o->task.id,
				    o->source.git_dir, name.text);
	ccm_sbuf_clear(&name);
	ccm_sbuf_addf(&name, "refs/ccm/tasks/%s/head", o->task.id);
	if (r == 0)
		r = git_line(&o->source.git, &head, "rev-parse", "--verify", "--quiet", ccm_sbuf_str(&name), NULL);
	if (r == 0)
		r = worktree_prepare(&o->place, &o->source, head, saved, diag);
	if (r == 0)
		r = keep_head(o, head, diag);
	if (r == 0)
		r = task_move(ctx->db, &o->task, TASK_EV_RESTORE, &(struct task_moved){ .why = "restored by you" }, diag);
	return r;
}

/* What was saved leaves, and nothing else but what clean finds: git would not enter a submodule's folder by itself. */
static const char rollback_script[] =
	"set -eu\n"
	"g() { git -c core.fsmonitor=false -c core.hooksPath=/dev/null \"$@\"; }\n"
	"rm -f .git/index.lock\n"
	"g read-tree \"$CCM_NOW\"\n"
	"g reset -q --hard \"$CCM_COMMIT\"\n"
	"g clean -q -f -d\n";

int ops_rollback(struct ctx *ctx, struct opened *o, int64_t number, struct ccm_diag *diag)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf to = { 0 }, from = { 0 };
	char commit[GIT_ID_MAX + 1] = "", now[GIT_ID_MAX + 1] = "";
	const char *env[3] = { NULL };
	struct import import;
	int64_t before;
	int r = ccm_db_query(ctx->db, Q_TASK_SNAPSHOT_LIST, DB_ARGS(DB_TEXT("task_id", o->task.id)), &rows);

	while (r >= 0 && (r = ccm_rows_next(&rows)) > 0)
		if (ccm_rows_int(&rows, "number") == number)
			snprintf(commit, sizeof commit, "%s", ccm_rows_text(&rows, "commit_id"));
	if (r < 0)
		return r;
	ccm_rows_done(&rows);
	if (!commit[0])
		return ccm_diag_set(diag, -CCM_E_NOT_FOUND, "task %s has no snapshot %lld ('ccm-supervisor task show %s' lists "
				    "them)", o->task.id, (long long)number, o->task.id);
	r = ops_save(ctx, o, false, now, diag);
	if (r == 0)
		r = ops_snapshot(ctx, o, now, o->task.commits, "before a rollback", &before, diag);
	ccm_sbuf_addf(&to, "CCM_COMMIT=%s", commit);
	ccm_sbuf_addf(&from, "CCM_NOW=%s", now);
	if (r == 0)
		r = ccm_sbuf_error(&to) < 0 ? -ENOMEM : ccm_sbuf_error(&from);
	env[0] = to.text;
	env[1] = from.text;
	if (r == 0)
		r = run_inside(o, rollback_script, env, NULL, diag);
	if (r == 0)
		r = ops_import(ctx, o, &import, diag);
	if (r == 0)
		r = task_log(ctx->db, o->task.id, "note", "rolled back to snapshot %lld; what was there is snapshot %lld",
			     (long long)number, (long long)before);
	return r;
}
