/* SPDX-License-Identifier: MIT */
#include "trust.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static bool is_trusted(uid_t uid)
{
	struct stat root;

	return uid == geteuid() || uid == 0 || (stat("/", &root) == 0 && uid == root.st_uid);
}

/* One folder or link on the way to path. *ret_link: it is a link. */
static int check_step(const char *step, const char *path, bool *ret_link, struct ccm_diag *diag)
{
	struct stat st;

	if (lstat(step, &st) < 0)
		return 0;
	*ret_link = S_ISLNK(st.st_mode);
	if (*ret_link && !is_trusted(st.st_uid))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is a link of another user's (uid %u), who can let '%s' be anything: "
				    "use another path", step, (unsigned)st.st_uid, path);
	if (!*ret_link && S_ISDIR(st.st_mode) && st.st_mode & S_IWOTH && !(st.st_mode & S_ISVTX) && strcmp(step, path) != 0)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "everybody can write '%s' and put another '%s' there: "
				    "run chmod o-w '%s', or use another path", step, path, step);
	return 0;
}

static int check_steps(const char *path, bool *ret_links, struct ccm_diag *diag)
{
	_cleanup_free_ char *step = strdup(path);
	int r = step ? 0 : -ENOMEM;

	for (char *end = step ? step + 1 : NULL; r == 0 && end; end = end ? end + 1 : NULL) {
		bool link = false;

		end = strchr(end, '/');
		if (end)
			*end = '\0';
		r = check_step(step, path, &link, diag);
		*ret_links |= link;
		if (end)
			*end = '/';
	}
	return r;
}

int ccm_trust_place(const char *path, struct ccm_diag *diag)
{
	_cleanup_free_ char *real = NULL;
	bool links = false;
	int r = check_steps(path, &links, diag);

	if (r < 0 || !links)
		return r;
	/* What the links lead through counts as well. */
	real = realpath(path, NULL);
	return real ? check_steps(real, &links, diag) : 0;
}

int ccm_trust_folder(const char *path, struct ccm_diag *diag)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	if (!is_trusted(st.st_uid))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' belongs to another user (uid %u), who can change what is in it: "
				    "use a folder of your own", path, (unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "others can write '%s' and change what is in it: run chmod go-w '%s'", path,
				    path);
	return !(st.st_mode & (S_IXGRP | S_IXOTH));
}
