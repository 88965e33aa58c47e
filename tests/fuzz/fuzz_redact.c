/* SPDX-License-Identifier: MIT */
/* Redaction: JSON stays JSON, text stays UTF-8, and nothing is marked that is not counted. */
#include "fuzz.h"

#include "libccm/json.h"
#include "libccm/macros.h"
#include "libccm/redact.h"
#include "libccm/utf8.h"

static void check(const char *text, size_t size)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct ccm_json value;
	size_t count = ccm_redact(&out, text, size);

	if (count == 0)
		MUST(out.bytes == size && memcmp(ccm_sbuf_str(&out), text, size) == 0);
	if (ccm_json_parse(text, size, &value, NULL) == 0)
		MUST(ccm_json_parse(ccm_sbuf_str(&out), out.bytes, &value, NULL) == 0);
	if (ccm_utf8_valid(text, size))
		MUST(ccm_utf8_valid(ccm_sbuf_str(&out), out.bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size);
	_cleanup_sbuf_ struct ccm_sbuf once = { 0 }, twice = { 0 };

	check(text, size);
	/* As a string in a document, and as a document in a string in a document. */
	ccm_sbuf_adds(&once, "{\"a\":");
	ccm_json_quote(&once, text, size);
	ccm_sbuf_adds(&once, "}");
	check(once.text, once.bytes);
	ccm_sbuf_adds(&twice, "[");
	ccm_json_quote(&twice, once.text, once.bytes);
	ccm_sbuf_adds(&twice, "]");
	check(twice.text, twice.bytes);
	return 0;
}
