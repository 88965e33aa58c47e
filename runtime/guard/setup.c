/* SPDX-License-Identifier: MIT */
#include "setup.h"

#include <errno.h>
#include <string.h>

#include "libccm/log.h"

int guard_setup(const char *project, struct guard_setup *ret)
{
	struct ccm_diag diag = { 0 };
	int r;

	*ret = (struct guard_setup){ 0 };
	if (!getcwd(ret->here, sizeof ret->here) || ret->here[0] != '/')
		strcpy(ret->here, "/");
	r = ccm_paths_init(&ret->paths, &diag);
	if (r == 0)
		r = guard_config_load(&ret->paths, project, &ret->config, &diag);
	if (r == 0 || r == -ENOMEM)
		return r;
	ccm_error("%s", ccm_diag_text(&diag, r));
	return -CCM_E_SAID;
}

void guard_setup_done(struct guard_setup *s)
{
	guard_config_done(&s->config);
	ccm_paths_done(&s->paths);
}

int guard_setup_warn(struct guard_setup *s, bool all)
{
	_cleanup_sbuf_ struct ccm_sbuf problems = { 0 };
	int r = 0;

	if (all)
		r = guard_config_check(&s->config, &problems);
	else
		guard_config_problems(&s->config, &problems);
	for (const char *p = ccm_sbuf_str(&problems); *p; p += strcspn(p, "\n"), p += *p == '\n')
		ccm_warn("%.*s", (int)strcspn(p, "\n"), p);
	return r < 0 ? r : ccm_sbuf_error(&problems);
}
