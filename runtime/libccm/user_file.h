/* SPDX-License-Identifier: MIT */
/* user_file - change a file that belongs to a person, and lose nothing.
 *
 *     _cleanup_user_file_ struct ccm_user_file f = CCM_USER_FILE_INIT;
 *     r = ccm_user_file_open(path, &f, &diag);          // follows links, checks the owner, locks, reads
 *     ... make new_text from f.text ...
 *     r = ccm_user_file_replace(&f, new_text, bytes, &backup, &diag);
 *     if (r == -EAGAIN)
 *             someone else has changed it since: open it again
 *
 * What is replaced is the file that a symbolic link leads to; the link stays. The mode stays. A
 * reader sees the old text or the new one. The old text is kept beside path, as
 * NAME.ccm-backup-YYYYMMDD-HHMMSS.
 *
 * Refused (-CCM_E_REFUSED): a file that is not ours or not regular, a link that is neither ours nor
 * root's, and a file that its owner may not write.
 *
 * Two of our own never work on one folder's files at once: from open to done the folder is locked.
 * Others know nothing of the lock; so the text is compared once more right before it is replaced.
 *
 * Ownership: ccm_user_file_done() releases all, on failure too.
 * Errors:    negative errno or -CCM_E_REFUSED, always with words in diag.
 */
#ifndef CCM_USER_FILE_H
#define CCM_USER_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "error.h"
#include "sbuf.h"

struct ccm_user_file {
	char *path;                  /* as named, absolute */
	char *target;                /* where its links lead; path, if it is no link */
	const char *name;            /* last component of target */
	int dir;                     /* target's folder, locked; -1: there is none, or it was not locked */
	bool exists;
	struct stat stat;            /* if it exists */
	struct ccm_sbuf text;
};
#define CCM_USER_FILE_INIT { .dir = -1 }

/* Makes the folder that a file of the person's own is to lie in, and those above it. Refused where root
 * would leave its folders and files in another user's home, as under sudo. */
int ccm_user_file_make_folder(const char *path, mode_t mode, struct ccm_diag *diag);

/* lock: false only looks, and is content with a folder that cannot be read or is not there. */
int ccm_user_file_open(const char *path, bool lock, struct ccm_user_file *ret, struct ccm_diag *diag);

/* Writes the file, or makes it with mode 0666 less the umask. *ret_backup is the path of the copy of the
 * old text (free() it), NULL if there was no file. -EAGAIN: someone else has changed it. */
int ccm_user_file_replace(struct ccm_user_file *f, const void *text, size_t bytes, char **ret_backup,
			  struct ccm_diag *diag);

/* Removes the file, without a copy. -EAGAIN as above. */
int ccm_user_file_remove(struct ccm_user_file *f, struct ccm_diag *diag);

void ccm_user_file_done(struct ccm_user_file *f);
#define _cleanup_user_file_ _cleanup_(ccm_user_file_done)

#endif
