/* SPDX-License-Identifier: MIT */
/* user_file: what happens to a file while it is worked on, which a command line cannot time. */
#include "libccm/user_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "check.h"
#include "libccm/io.h"

static char dir[64] = "/tmp/ccm-test-XXXXXX";

static const char *in(const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % ARRAY_SIZE(paths)];

	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	CHECK_OR_DIE(ccm_write_file(in(name), text, strlen(text), 0640, false) == 0);
}

static void check_text(const char *name, const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf now = { 0 };

	CHECK_INT(ccm_read_file(in(name), 1000, &now), 0);
	CHECK_STR(ccm_sbuf_str(&now), text);
}

static unsigned count_files(void)
{
	_cleanup_closedir_ DIR *d = opendir(dir);
	unsigned n = 0;

	CHECK_OR_DIE(d != NULL);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	return n;
}

static void clear(void)
{
	_cleanup_closedir_ DIR *d = opendir(dir);

	CHECK_OR_DIE(d != NULL);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		if (e->d_name[0] != '.')
			unlink(in(e->d_name));
}

static void test_replaces_with_backup(void)
{
	_cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
	_cleanup_free_ char *backup = NULL;
	struct stat st;

	put("a", "old");
	CHECK_INT(ccm_user_file_open(in("a"), true, &f, NULL), 0);
	CHECK(f.exists);
	CHECK_STR(ccm_sbuf_str(&f.text), "old");
	CHECK_INT(ccm_user_file_replace(&f, "new", 3, &backup, NULL), 0);
	check_text("a", "new");
	CHECK_OR_DIE(backup && strncmp(backup, in("a.ccm-backup-"), strlen(in("a.ccm-backup-"))) == 0);
	check_text(backup + strlen(dir) + 1, "old");
	CHECK(stat(backup, &st) == 0 && (st.st_mode & 07777) == 0640);
	CHECK(stat(in("a"), &st) == 0 && (st.st_mode & 07777) == 0640);
	CHECK_INT(count_files(), 2);
}

static void test_makes_new(void)
{
	_cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
	_cleanup_free_ char *backup = NULL;
	struct stat st;

	umask(027);
	CHECK_INT(ccm_user_file_open(in("a"), true, &f, NULL), 0);
	CHECK(!f.exists);
	CHECK_INT(ccm_user_file_replace(&f, "new", 3, &backup, NULL), 0);
	CHECK(backup == NULL);
	check_text("a", "new");
	CHECK(stat(in("a"), &st) == 0 && (st.st_mode & 07777) == 0640);
	CHECK_INT(count_files(), 1);
}

/* Whatever somebody else made of it meanwhile stays, and nothing of ours is left behind. */
static void check_changed_meanwhile(const char *before, const char *meanwhile)
{
	_cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
	_cleanup_free_ char *backup = NULL;
	struct ccm_diag diag = { 0 };

	clear();
	if (before)
		put("a", before);
	CHECK_INT(ccm_user_file_open(in("a"), true, &f, NULL), 0);
	if (meanwhile)
		put("a", meanwhile);
	else
		unlink(in("a"));
	CHECK_INT(ccm_user_file_replace(&f, "new", 3, &backup, &diag), -EAGAIN);
	CHECK_HAS(diag.text, "was changed by another program meanwhile");
	CHECK(backup == NULL);
	CHECK_INT(count_files(), meanwhile ? 1 : 0);
	if (meanwhile)
		check_text("a", meanwhile);
	if (before)
		CHECK_INT(ccm_user_file_remove(&f, NULL), -EAGAIN);
}

static void check_refused(const char *name, int error, const char *words)
{
	_cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
	struct ccm_diag diag = { 0 };

	CHECK_INT(ccm_user_file_open(in(name), true, &f, &diag), error);
	CHECK_HAS(diag.text, words);
}

static void test_links(void)
{
	_cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
	_cleanup_free_ char *backup = NULL;
	struct stat st;

	put("target", "old");
	CHECK_INT(symlink("middle", in("a")), 0);
	CHECK_INT(symlink(in("target"), in("middle")), 0);
	CHECK_INT(ccm_user_file_open(in("a"), true, &f, NULL), 0);
	CHECK_STR(f.target, in("target"));
	CHECK_INT(ccm_user_file_replace(&f, "new", 3, &backup, NULL), 0);
	CHECK(lstat(in("a"), &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(lstat(in("target"), &st) == 0 && S_ISREG(st.st_mode));
	check_text("a", "new");
	/* Where the person looks for it. */
	CHECK_OR_DIE(backup && strncmp(backup, in("a.ccm-backup-"), strlen(in("a.ccm-backup-"))) == 0);
}

static void test_refused(void)
{
	CHECK_INT(symlink("loop", in("loop")), 0);
	check_refused("loop", -ELOOP, "too many links");
	CHECK_INT(mkfifo(in("pipe"), 0600), 0);
	check_refused("pipe", -CCM_E_REFUSED, "is not a regular file");
	put("protected", "old");
	CHECK_INT(chmod(in("protected"), 0444), 0);
	check_refused("protected", -CCM_E_REFUSED, "is write-protected: chmod u+w");
	check_refused("missing/a", -ENOENT, "cannot open the folder");
	check_refused("protected/a", -ENOTDIR, "cannot open the folder");
	check_refused("", -EISDIR, "is a folder");
	if (geteuid() == 0) {
		put("foreign", "old");
		CHECK_INT(chown(in("foreign"), 65534, 65534), 0);
		check_refused("foreign", -CCM_E_REFUSED, "belongs to another user (id 65534)");
		CHECK_INT(symlink("protected", in("link")), 0);
		CHECK_INT(lchown(in("link"), 65534, 65534), 0);
		check_refused("link", -CCM_E_REFUSED, "not following it");
	}
}

static void test_make_folder(void)
{
	struct ccm_diag diag = { 0 };
	struct stat st;

	CHECK_INT(ccm_user_file_make_folder(in("new/deep/a"), 0700, &diag), 0);
	CHECK(stat(in("new/deep"), &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 07777) == 0700);
	rmdir(in("new/deep"));
	rmdir(in("new"));
	put("file", "");
	CHECK_INT(ccm_user_file_make_folder(in("file/deep/a"), 0700, &diag), -ENOTDIR);
	CHECK_HAS(diag.text, "cannot make the folder");
	if (geteuid() == 0) {
		CHECK_INT(mkdir(in("theirs"), 0700), 0);
		CHECK_INT(chown(in("theirs"), 65534, 65534), 0);
		CHECK_INT(ccm_user_file_make_folder(in("theirs/new/a"), 0700, &diag), -CCM_E_REFUSED);
		CHECK_HAS(diag.text, "lies in a folder of another user (id 65534)");
		rmdir(in("theirs"));
	}
}

/* A second one waits until the first is done, and sees what it wrote. */
static void test_lock(void)
{
	_cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
	_cleanup_free_ char *backup = NULL;
	const struct timespec pause = { 0, 200 * 1000 * 1000 };
	int status = -1;
	pid_t child;

	put("a", "old");
	CHECK_INT(ccm_user_file_open(in("a"), true, &f, NULL), 0);
	child = fork();
	CHECK_OR_DIE(child >= 0);
	if (child == 0) {
		struct ccm_user_file second = CCM_USER_FILE_INIT;
		bool right;

		ccm_user_file_done(&f);              /* its copy of the descriptor holds the lock too */
		right = ccm_user_file_open(in("a"), true, &second, NULL) == 0 &&
			strcmp(ccm_sbuf_str(&second.text), "new") == 0;
		ccm_user_file_done(&second);
		_exit(right ? 0 : 1);
	}
	nanosleep(&pause, NULL);
	CHECK_INT(waitpid(child, &status, WNOHANG), 0);
	CHECK_INT(ccm_user_file_replace(&f, "new", 3, &backup, NULL), 0);
	ccm_user_file_done(&f);
	CHECK_INT(waitpid(child, &status, 0), child);
	CHECK_INT(status, 0);
}

static void run(void (*test)(void))
{
	clear();
	test();
}

int main(void)
{
	CHECK_OR_DIE(mkdtemp(dir) != NULL);
	run(test_replaces_with_backup);
	run(test_makes_new);
	check_changed_meanwhile("old", "theirs");
	check_changed_meanwhile("old", NULL);
	check_changed_meanwhile(NULL, "theirs");
	run(test_links);
	run(test_refused);
	run(test_make_folder);
	run(test_lock);
	clear();
	rmdir(dir);
	return 0;
}
