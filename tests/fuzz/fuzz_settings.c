/* SPDX-License-Identifier: MIT */
/* A settings file of anybody's making: what install puts in, install takes as it is the second time, and
 * uninstall takes out to the byte. The first byte says which events are registered, and how. */
#include "fuzz.h"

#include "libccm/diff.h"
#include "libccm/host_settings.h"
#include "libccm/json_edit.h"

static bool is_same(const struct ccm_sbuf *a, const struct ccm_sbuf *b)
{
	return a->bytes == b->bytes && (!a->bytes || memcmp(a->text, b->text, a->bytes) == 0);
}

static int edit(const struct ccm_sbuf *from, const struct ccm_host_registration *want, struct ccm_sbuf *to)
{
	_cleanup_host_report_ struct ccm_host_report report = { 0 };
	struct ccm_diag diag = { 0 };

	ccm_sbuf_add(to, ccm_sbuf_str(from), from->bytes);
	return want ? ccm_host_register(to, false, want, &report, &diag) : ccm_host_unregister(to, &report, &diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_sbuf_ struct ccm_sbuf given = { 0 }, before = { 0 }, once = { 0 }, twice = { 0 }, after = { 0 },
				       diff = { 0 };
	const struct ccm_host_event *events[64];
	struct ccm_host_registration want = { .command = "/opt/ccm/bin/ccm-hook", .events = events };
	size_t count;
	const struct ccm_host_event *all = ccm_host_events(&count);

	if (size < 1 || size > 20000)
		return 0;
	want.status_line = data[0] & 1;
	for (size_t i = 0; i < count; i++)
		if (i % 8 == (data[0] >> 1) % 8u || (data[0] & 0x80))
			events[want.event_count++] = &all[i];
	ccm_sbuf_add(&given, data + 1, size - 1);
	/* What is ours in it already would not come back. */
	if (edit(&given, NULL, &before) < 0)
		return 0;
	if (edit(&before, &want, &once) < 0)
		return 0;
	MUST(edit(&once, &want, &twice) == 0);
	MUST(is_same(&once, &twice));
	MUST(edit(&once, NULL, &after) == 0);
	MUST(is_same(&before, &after));
	MUST(ccm_diff_unified("a", ccm_sbuf_str(&before), before.bytes, "b", once.text, once.bytes, &diff) == 0);
	return 0;
}
