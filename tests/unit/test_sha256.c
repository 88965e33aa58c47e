/* SPDX-License-Identifier: MIT */
/* The values are those of the examples of FIPS 180-4's publisher, of sha256sum(1) and, of HMAC, of RFC 4231. */
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

struct bytes {
	unsigned char text[160];
	size_t bytes;
};

static struct bytes repeated(int byte, size_t count)
{
	struct bytes b = { .bytes = count };

	memset(b.text, byte, count);
	return b;
}

static struct bytes written(const char *text)
{
	struct bytes b = { .bytes = strlen(text) };

	memcpy(b.text, text, b.bytes);
	return b;
}

static struct bytes counted(size_t count)
{
	struct bytes b = { .bytes = count };

	for (size_t i = 0; i < count; i++)
		b.text[i] = (unsigned char)(i + 1);
	return b;
}

static void check_hmac(void)
{
	const struct { const char *name; struct bytes key, data; const char *hex; } rows[] = {
		{ "RFC 4231, 1", repeated(0x0b, 20), written("Hi There"),
		  "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
		{ "RFC 4231, 2", written("Jefe"), written("what do ya want for nothing?"),
		  "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
		{ "RFC 4231, 3", repeated(0xaa, 20), repeated(0xdd, 50),
		  "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
		{ "RFC 4231, 4", counted(25), repeated(0xcd, 50),
		  "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
		{ "RFC 4231, 6", repeated(0xaa, 131), written("Test Using Larger Than Block-Size Key - Hash Key First"),
		  "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
		{ "RFC 4231, 7", repeated(0xaa, 131), written("This is a test using a larger than block-size key and a larger "
		  "than block-size data. The key needs to be hashed before being used by the HMAC algorithm."),
		  "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
	};
	char hex[CCM_SHA256_HEX + 1];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		check_case = rows[i].name;
		ccm_hmac_sha256(rows[i].key.text, rows[i].key.bytes, rows[i].data.text, rows[i].data.bytes, hex);
		CHECK_STR(hex, rows[i].hex);
	}
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
	check_hmac();
	return 0;
}
