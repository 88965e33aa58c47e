/* SPDX-License-Identifier: MIT */
/* Manifests: the bytes as the beginning of a script, and as the NAME.ini beside it. */
#include "fuzz.h"

#include "libccm/macros.h"
#include "libccm/manifest.h"
#include "libccm/matcher.h"

static void check(int r, struct ccm_manifest *m, const struct ccm_diag *diag)
{
	MUST(r == 0 || r == -CCM_E_MANIFEST);
	MUST((r == 0) == !diag->text[0]);
	MUST(m->timeout_ms >= 0);
	MUST(!m->events || (m->events[0] && m->events[0] != ' ' && !strstr(m->events, "  ")));
	MUST(m->events || ccm_manifest_wants_event(m, "PreToolUse"));
	if (r == 0)
		MUST(ccm_matcher_check(m->match, NULL) == 0);
	ccm_manifest_done(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size), *exact = fuzz_copy(data, size);
	struct ccm_manifest m = { 0 };
	struct ccm_diag diag = { 0 };

	check(ccm_manifest_parse_header("guard", exact, size, &m, &diag), &m, &diag);
	m = (struct ccm_manifest){ 0 };
	diag = (struct ccm_diag){ 0 };
	check(ccm_manifest_parse_ini("guard.ini", text, &m, &diag), &m, &diag);
	return 0;
}
