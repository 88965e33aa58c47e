/* SPDX-License-Identifier: MIT */
/* What a program in the background writes to its terminal: what is text of it, and which modes are to be set back. */
#include "fuzz.h"

#include "supervisor/modes.h"

static struct modes scanned(const struct modes *before, const struct ccm_sbuf *text)
{
	struct modes m = before ? *before : (struct modes){ .bytes = 0 };

	modes_scan(&m, ccm_sbuf_str(text), text->bytes, NULL);
	return m;
}

static void must_be_equal(const struct modes *a, const struct modes *b)
{
	MUST(memcmp(a->changed, b->changed, sizeof a->changed) == 0);
	MUST(a->keypad == b->keypad && a->other_keys == b->other_keys);
	MUST(!a->keys_pushed == !b->keys_pushed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct modes fresh;
	_cleanup_sbuf_ struct ccm_sbuf plain = { 0 }, pieces = { 0 }, on = { 0 }, off = { 0 };
	struct modes whole = fresh, parts = fresh, after;
	char *copy = fuzz_copy(data, size);

	modes_scan(&whole, copy, size, &plain);
	for (size_t i = 0; i < size; i++)
		modes_scan(&parts, copy + i, 1, &pieces);
	free(copy);
	/* In whatever portions it comes. */
	must_be_equal(&whole, &parts);
	MUST(plain.bytes == pieces.bytes && memcmp(ccm_sbuf_str(&plain), ccm_sbuf_str(&pieces), plain.bytes) == 0);
	for (size_t i = 0; i < plain.bytes; i++)
		MUST((unsigned char)plain.text[i] >= ' ' || plain.text[i] == '\n' || plain.text[i] == '\t');
	/* A new terminal comes to the same modes, and the old one back to none. */
	modes_print_on(&whole, &on);
	after = scanned(NULL, &on);
	must_be_equal(&whole, &after);
	modes_print_off(&whole, &off);
	after = scanned(&whole, &off);
	must_be_equal(&after, &fresh);
	MUST(!after.margins && !after.shape);
	return 0;
}
