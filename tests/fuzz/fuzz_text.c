/* SPDX-License-Identifier: MIT */
/* Text for a terminal: whatever it was, what comes out moves no cursor; and times and durations as people write them. */
#include "fuzz.h"

#include "libccm/clock.h"
#include "libccm/json.h"
#include "libccm/macros.h"
#include "libccm/term.h"
#include "libccm/utf8.h"

static void check_clean(const char *text, size_t size, enum ccm_clean how)
{
	_cleanup_sbuf_ struct ccm_sbuf clean = { 0 }, again = { 0 }, cell = { 0 };
	size_t columns = 1 + size % 37;

	ccm_term_clean(&clean, text, size, how);
	MUST(ccm_utf8_valid(ccm_sbuf_str(&clean), clean.bytes));
	for (size_t i = 0, step; i < clean.bytes; i += step) {
		uint32_t c = ccm_utf8_next(clean.text + i, clean.bytes - i, &step);
		bool pass = how == CCM_CLEAN_LINES && (c == '\n' || c == '\t');

		MUST(pass || (c >= 0x20 && !(c >= 0x7f && c < 0xa0)));
		MUST(!(c >= 0x202a && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069));
	}
	if (how != CCM_CLEAN_LINE)
		return;
	ccm_term_clean(&again, ccm_sbuf_str(&clean), clean.bytes, how);
	MUST(again.bytes == clean.bytes && memcmp(ccm_sbuf_str(&again), ccm_sbuf_str(&clean), clean.bytes) == 0);
	ccm_term_fit(&cell, ccm_sbuf_str(&clean), clean.bytes, columns, true);
	MUST(ccm_utf8_valid(ccm_sbuf_str(&cell), cell.bytes));
	MUST(ccm_term_width(ccm_sbuf_str(&cell), cell.bytes) == columns);
}

/* The same document, with nothing in it that a terminal acts on. */
static void check_json(const char *text, size_t size)
{
	_cleanup_sbuf_ struct ccm_sbuf shown = { 0 };
	struct ccm_json value;

	if (ccm_json_parse(text, size, &value, NULL) < 0)
		return;
	ccm_term_json(&shown, text, size);
	MUST(ccm_json_parse(shown.text, shown.bytes, &value, NULL) == 0);
	for (size_t i = 0, step; i < shown.bytes; i += step) {
		uint32_t c = ccm_utf8_next(shown.text + i, shown.bytes - i, &step);

		MUST(c != 0x7f && !(c >= 0x80 && c < 0xa0) && !(c >= 0x202a && c <= 0x202e));
	}
	MUST(ccm_utf8_valid(shown.text, shown.bytes));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size), *string = fuzz_string(data, size);
	struct ccm_diag diag = { 0 };
	int64_t ms;
	char buf[64];

	check_clean(text, size, CCM_CLEAN_LINE);
	check_clean(text, size, CCM_CLEAN_LINES);
	check_json(text, size);
	if (ccm_duration_parse(string, &ms) == 0)
		MUST(ms >= 0 && ms <= 366LL * 86400000);
	if (ccm_time_parse(string, 1782000000000, &ms, &diag) == 0)
		ccm_time_format(ms, true, buf, sizeof buf);
	else
		MUST(diag.text[0]);
	return 0;
}
