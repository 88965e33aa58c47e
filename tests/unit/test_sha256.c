/* SPDX-License-Identifier: MIT */
/* The values are those of the examples of FIPS 180-4's publisher, and of sha256sum(1). */
#include "libccm/sha256.h"

#include "check.h"

static void hash(const char *text, size_t bytes, size_t step, char hex[CCM_SHA256_HEX + 1])
{
	struct ccm_sha256 h;

	ccm_sha256_begin(&h);
	for (size_t i = 0; i < bytes; i += step)
		ccm_sha256_add(&h, text + i, step < bytes - i ? step : bytes - i);
	ccm_sha256_end(&h, hex);
}

int main(void)
{
	static const struct { const char *text, *hex; } rows[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};
	static char million[1000000];
	char hex[CCM_SHA256_HEX + 1];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		check_case = rows[i].text;
		hash(rows[i].text, strlen(rows[i].text), 100, hex);
		CHECK_STR(hex, rows[i].hex);
	}
	check_case = "a million times a, in pieces of any length";
	memset(million, 'a', sizeof million);
	for (size_t step = 1; step < 200; step += 33) {
		hash(million, sizeof million, step, hex);
		CHECK_STR(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	}
	return 0;
}
