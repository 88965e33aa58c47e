/* SPDX-License-Identifier: MIT */
#include "paths.h"

#include <errno.h>
#include <string.h>

#include "db.h"
#include "io.h"
#include "sbuf.h"
#include "trust.h"

static int join(const char *dir, const char *name, char **ret)
{
	struct ccm_sbuf s = { 0 };

	ccm_sbuf_adds(&s, dir);
	ccm_sbuf_addc(&s, '/');
	ccm_sbuf_adds(&s, name);
	*ret = ccm_sbuf_take(&s);
	return *ret ? 0 : -ENOMEM;
}

/* A relative CCM_HOME would name another folder in each directory the session visits. */
static int home_dir(char **ret, struct ccm_diag *diag)
{
	const char *home = getenv("CCM_HOME");
	size_t bytes;

	if (home && home[0]) {
		if (home[0] != '/')
			return ccm_diag_set(diag, -EINVAL, "CCM_HOME must be an absolute path, not '%s'", home);
		*ret = strdup(home);
		if (!*ret)
			return -ENOMEM;
		for (bytes = strlen(*ret); bytes > 1 && (*ret)[bytes - 1] == '/'; bytes--)
			(*ret)[bytes - 1] = '\0';
		return 0;
	}
	home = getenv("HOME");
	if (!home || home[0] != '/')
		return ccm_diag_set(diag, -ENOENT, "neither CCM_HOME nor HOME is set to an absolute path");
	return join(home, ".ccm", ret);
}

int ccm_paths_init(struct ccm_paths *ret, struct ccm_diag *diag)
{
	const char *data = getenv("CCM_DATA_DIR"), *libexec = getenv("CCM_LIBEXEC_DIR");
	const char *task = getenv("CCM_TASK_DIR"), *kept;
	struct ccm_paths p = { 0 };
	int r;

	if (!data || data[0] != '/')
		data = CCM_PKGDATADIR;
	if (!libexec || libexec[0] != '/')
		libexec = CCM_PKGLIBEXECDIR;
	r = home_dir(&p.home, diag);
	if (r < 0)
		return r;
	p.task = task && task[0] == '/';
	kept = p.task ? task : p.home;
	if (join(p.home, "config.ini", &p.config) < 0 || join(kept, "ccm.db", &p.db) < 0 ||
	    join(kept, CCM_DB_STATE_FILE, &p.state) < 0 ||
	    join(p.home, "automations/enabled", &p.enabled) < 0 ||
	    join(p.home, "automations/available", &p.available) < 0 ||
	    join(kept, "spool", &p.spool) < 0 || join(data, "automations", &p.stock) < 0 ||
	    join(data, "lib-sh", &p.lib_sh) < 0 || !(p.libexec = strdup(libexec))) {
		ccm_paths_done(&p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

int ccm_paths_check(struct ccm_paths *p)
{
	struct ccm_diag diag = { 0 };
	int r = ccm_trust_place(p->home, &diag);

	if (r == 0)
		r = ccm_trust_folder(p->home, &diag);
	/* Nobody else gets to what is in a closed folder. */
	if (r == 0) {
		_cleanup_free_ char *automations = NULL;

		r = join(p->home, "automations", &automations);
		if (r == 0)
			r = ccm_trust_folder(automations, &diag);
		if (r >= 0)
			r = ccm_trust_folder(p->enabled, &diag);
	}
	if (r != -CCM_E_REFUSED)
		return r < 0 ? r : 0;
	p->problem = strdup(ccm_diag_text(&diag, r));
	return p->problem ? 0 : -ENOMEM;
}

int ccm_paths_create(const struct ccm_paths *p, struct ccm_diag *diag)
{
	const char *const dirs[] = { p->home, p->enabled, p->available, p->spool };

	if (p->problem)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "%s", p->problem);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		int r = ccm_mkdir_p(dirs[i], 0700);

		if (r < 0)
			return ccm_diag_set(diag, r, "cannot create '%s': %s", dirs[i], ccm_strerror(r));
	}
	return 0;
}

void ccm_paths_done(struct ccm_paths *p)
{
	free(p->home);
	free(p->config);
	free(p->db);
	free(p->state);
	free(p->enabled);
	free(p->available);
	free(p->spool);
	free(p->stock);
	free(p->lib_sh);
	free(p->libexec);
	free(p->problem);
	*p = (struct ccm_paths){ 0 };
}
