/* SPDX-License-Identifier: MIT */
/* config.ini: whatever stands in it, every value ends up in its range, and printed again reads the same. */
#include "fuzz.h"

#include "libccm/macros.h"
#include "libccm/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_string(data, size);
	_cleanup_sbuf_ struct ccm_sbuf printed = { 0 };
	struct ccm_settings s, again;

	ccm_settings_parse("config.ini", text, &s);
	MUST(s.payload >= CCM_PAYLOAD_FULL && s.payload <= CCM_PAYLOAD_NONE);
	MUST(s.max_event_bytes >= 1024 && s.max_output_bytes >= 1024 && s.timeout_ms > 0 && s.busy_timeout_ms >= 0);
	MUST(!s.problems.bytes || s.problems.text[s.problems.bytes - 1] == '\n');
	ccm_settings_print(&printed, &s);
	ccm_settings_parse("config.ini", printed.text, &again);
	MUST(again.problems.bytes == 0);
	MUST(s.payload == again.payload && s.max_event_bytes == again.max_event_bytes &&
	     s.busy_timeout_ms == again.busy_timeout_ms && s.timeout_ms == again.timeout_ms &&
	     s.max_output_bytes == again.max_output_bytes && s.stored_output_bytes == again.stored_output_bytes);
	ccm_settings_done(&s);
	ccm_settings_done(&again);
	return 0;
}
