/* SPDX-License-Identifier: MIT */
/* Matchers: the first line is the pattern, the rest the name. */
#include "fuzz.h"

#include "libccm/macros.h"
#include "libccm/matcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *pattern = fuzz_string(data, size);
	char *value = strchr(pattern, '\n');
	struct ccm_diag diag = { 0 };
	int r;

	if (value)
		*value++ = '\0';
	r = ccm_matcher_check(pattern, &diag);
	MUST(r == 0 || diag.text[0]);
	/* A list may be refused for one of its names. */
	if (r < 0 && value && strpbrk(pattern, "^$.*+?()[]{}\\"))
		MUST(!ccm_matcher_match(pattern, value));
	if (value)
		ccm_matcher_match(pattern, value);
	MUST(ccm_matcher_match(pattern, NULL));
	return 0;
}
