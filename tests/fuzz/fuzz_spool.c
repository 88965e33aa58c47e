/* SPDX-License-Identifier: MIT */
/* Files of the spool: whole, cut short where a writer may have died, and written again. */
#include "fuzz.h"

#include <stdbool.h>

#include "libccm/error.h"
#include "libccm/spool.h"

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void check_record(const struct ccm_record *r, const char *text, size_t size)
{
	MUST(r->uuid && r->host);
	MUST(r->payload >= text && r->payload + r->payload_kept_bytes < text + size);
	MUST(r->payload[r->payload_kept_bytes] == '\n');
	if (!r->finished)
		return;
	MUST(r->finish.verdict);
	for (size_t i = 0; i < r->run_count; i++)
		MUST(r->runs[i].automation && r->runs[i].verdict);
}

static void must_be_same(const struct ccm_record *a, const struct ccm_record *b)
{
	MUST(same(a->uuid, b->uuid) && same(a->host, b->host) && same(a->event, b->event) && same(a->detail, b->detail));
	MUST(same(a->payload_form, b->payload_form) && a->received_ms == b->received_ms && a->valid == b->valid);
	MUST(a->payload_bytes == b->payload_bytes && a->payload_kept_bytes == b->payload_kept_bytes);
	MUST(memcmp(a->payload, b->payload, a->payload_kept_bytes) == 0);
}

/* What was read comes out as it was when it is written and read again. */
static void check_again(const struct ccm_record *r)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	_cleanup_record_ struct ccm_record again = { 0 };
	_cleanup_free_ char *copy = NULL;

	MUST(ccm_record_write(r, &text) == 0);
	ccm_sbuf_add(&text, r->payload, r->payload_kept_bytes);
	ccm_sbuf_addc(&text, '\n');
	if (r->finished)
		MUST(ccm_record_write_finish(r, &text) == 0);
	copy = fuzz_copy(text.text, text.bytes);
	MUST(ccm_spool_parse(copy, text.bytes, &again) == 0);
	check_record(&again, copy, text.bytes);
	must_be_same(r, &again);
	MUST(r->finished == again.finished && r->run_count == again.run_count);
	MUST(same(r->finish.verdict, again.finish.verdict) && same(r->finish.answer, again.finish.answer));
	for (size_t i = 0; i < r->run_count; i++) {
		MUST(same(r->runs[i].automation, again.runs[i].automation));
		MUST(same(r->runs[i].out, again.runs[i].out) && r->runs[i].exit_status == again.runs[i].exit_status);
	}
}

/* The writer died: either nothing can be made of it, or what is there is what was written. */
static void check_cut(const struct ccm_record *r, const char *text, size_t size)
{
	_cleanup_record_ struct ccm_record cut = { 0 };
	_cleanup_free_ char *copy = fuzz_copy(text, size);

	if (ccm_spool_parse(copy, size, &cut) < 0)
		return;
	check_record(&cut, copy, size);
	must_be_same(r, &cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size);
	_cleanup_record_ struct ccm_record r = { 0 };
	int error = ccm_spool_parse(text, size, &r);

	MUST(error == 0 || error == -CCM_E_JSON);
	if (error)
		return 0;
	check_record(&r, text, size);
	check_again(&r);
	check_cut(&r, text, fuzz_hash(data, size) % size);
	return 0;
}
