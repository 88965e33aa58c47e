/* SPDX-License-Identifier: MIT */
/* ccm-guard rules: every rule in force, as the configuration has it, and whatever is wrong with rules and configuration.
 *
 *     deny	filesystem	rm-root	It would delete ...
 */
#include <errno.h>
#include <string.h>

#include "guard.h"
#include "libccm/log.h"
#include "setup.h"

int cmd_rules(const struct ccm_opt_usage *usage, int argc, char **argv)
{
	_cleanup_(guard_setup_done) struct guard_setup s = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf problems = { 0 };
	const char *project = NULL;
	bool check = false;
	int r;
	const struct ccm_opt opts[] = {
		OPT_STR("project", 0, "DIR", &project, "as this project wants them (default: no project)"),
		OPT_FLAG("check", 0, &check, "only say what is wrong; exit 1 if anything is"),
		OPT_END
	};

	argc = ccm_opt_parse(usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = guard_setup(project, &s);
	if (r == 0)
		r = guard_config_check(&s.config, &problems);
	if (r < 0)
		return r;
	for (const char *p = ccm_sbuf_str(&problems); *p; p += strcspn(p, "\n"), p += *p == '\n')
		ccm_warn("%.*s", (int)strcspn(p, "\n"), p);
	for (size_t i = 0; !check; i++) {
		const struct guard_rule *rule = guard_rules_at(s.config.rules, i);

		if (!rule)
			break;
		printf("%s\t%s\t%s\t%s\n", guard_verdict_name(rule->verdict), rule->group, rule->id, rule->reason);
	}
	return problems.bytes && check ? CCM_EXIT_FAILURE : CCM_EXIT_OK;
}
