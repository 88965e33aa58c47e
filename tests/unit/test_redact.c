/* SPDX-License-Identifier: MIT */
/* redact: what is a secret and what is not, and JSON that stays JSON.
 *
 * Each made-up secret is written in two pieces, so that no scanner takes this file for a leak. */
#include "libccm/redact.h"

#include <stdint.h>
#include <time.h>

#include "check.h"
#include "libccm/clock.h"
#include "libccm/json.h"

#define A20 "Zq3vT8nLx0Rb5Wd2Kf7H"
#define A40 A20 "pM4cJ9sYg1Eu6Qo8Aa0X"
#define B64 "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"

static const struct {
	const char *text, *want;     /* want NULL: the text itself */
} cases[] = {
	/* Tokens with a known beginning. */
	{ "key sk-" "ant-api03-" A40 "-AA.", "key [redacted:anthropic-key]." },
	{ "sk-" "proj-" A40, "[redacted:openai-key]" },
	{ "\"sk-" A40 "\"", "\"[redacted:openai-key]\"" },
	{ "gh" "p_" A20 "0123456789abcdef", "[redacted:github-token]" },
	{ "(gh" "o_" A20 "0123456789abcdef)", "([redacted:github-token])" },
	{ "gh" "u_" A40 " gh" "s_" A40 " gh" "r_" A40,
	  "[redacted:github-token] [redacted:github-token] [redacted:github-token]" },
	{ "github_" "pat_11ABCDEFG0abcdefghijkl_" A40, "[redacted:github-token]" },
	{ "glp" "at-" A20, "[redacted:gitlab-token]" },
	{ "AK" "IAIOSFODNN7EXAMPLE, AS" "IAIOSFODNN7EXAMPLE", "[redacted:aws-access-key], [redacted:aws-access-key]" },
	{ "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY" "EXAMPLEKEY\n",
	  "aws_secret_access_key = [redacted:aws-secret-key]\n" },
	{ "AI" "zaSyD-" A20 "0123456789ab", "[redacted:google-key]" },
	{ "xox" "b-123456789012-" A20, "[redacted:slack-token]" },
	{ "xox" "p-123456789012-" A20 ";xap" "p-1-A0123-456-" A20, "[redacted:slack-token];[redacted:slack-token]" },
	{ "//registry.npmjs.org/:_authToken=np" "m_" A20 "0123456789abcdef",
	  "//registry.npmjs.org/:_authToken=[redacted:npm-token]" },
	{ "pyp" "i-AgEIcHlwaS5vcmcC" A40, "[redacted:pypi-token]" },
	{ "sk_" "live_" A20 " rk_" "live_" A20, "[redacted:stripe-key] [redacted:stripe-key]" },
	{ "S" "G.abcdefghijklmnopqrstuv." A40, "[redacted:sendgrid-key]" },
	{ "hf" "_abcdefghijklmnopqrstuvwxyzABCDEFGH", "[redacted:huggingface-token]" },
	{ "dop" "_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	  "[redacted:digitalocean-token]" },
	{ "ey" "JhbGciOiJIUzI1NiJ9.ey" "JzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
	  "[redacted:jwt]" },

	/* Cut off in the middle. */
	{ "see gh" "p_Zq3vT8nL", "see [redacted:github-token]" },
	{ "see sk-" "ant-api03-Zq3v\342\200\246", "see [redacted:anthropic-key]\342\200\246" },
	{ "AK" "IAIOSFODN7", "[redacted:aws-access-key]" },
	{ "run npm_package", NULL },
	{ "gh" "p_Zq3vT8nL more", NULL },

	/* Private keys. */
	{ "a\n-----BEGIN " "PRIVATE KEY-----\n" B64 "\nabc=\n-----END PRIVATE KEY-----\nb", "a\n[redacted:private-key]\nb" },
	{ "-----BEGIN RSA " "PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" B64 "\n-----END RSA PRIVATE KEY-----",
	  "[redacted:private-key]" },
	{ "{\"k\":\"-----BEGIN OPENSSH " "PRIVATE KEY-----\\n" B64 "\\n-----END OPENSSH PRIVATE KEY-----\\n\"}",
	  "{\"k\":\"[redacted:private-key]\\n\"}" },
	{ "{\"k\":\"{\\\"k\\\":\\\"-----BEGIN " "PRIVATE KEY-----\\\\n" B64 "\\\\n-----END PRIVATE KEY-----\\\"}\"}",
	  "{\"k\":\"{\\\"k\\\":\\\"[redacted:private-key]\\\"}\"}" },
	{ "-----BEGIN PGP " "PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n" B64 "\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----",
	  "[redacted:private-key]" },
	{ "-----BEGIN " "PRIVATE KEY-----\n" B64 "\n" B64, "[redacted:private-key]" },
	{ "{\"k\":\"-----BEGIN " "PRIVATE KEY-----\\n" B64 "\\nMII\",\"b\":\"-----END PRIVATE KEY-----\"}",
	  "{\"k\":\"[redacted:private-key]\",\"b\":\"-----END PRIVATE KEY-----\"}" },
	{ "-----BEGIN " "PRIVATE KEY-----" B64 "-----END PRIVATE KEY-----", "[redacted:private-key]" },

	/* Headers. */
	{ "curl -H 'Authorization: Bearer " A20 "' x", "curl -H 'Authorization: Bearer [redacted:authorization]' x" },
	{ "authorization: basic dXNlcjpwYXNz\r\n", "authorization: basic [redacted:authorization]\r\n" },
	{ "{\"Authorization\": \"Bearer " A20 "\"}", "{\"Authorization\": \"Bearer [redacted:authorization]\"}" },
	{ "{\"c\":\"curl -H \\\"Authorization: token " A20 "\\\"\"}",
	  "{\"c\":\"curl -H \\\"Authorization: token [redacted:authorization]\\\"\"}" },
	{ "x-api-key: a1b2c3d4e5f6", "x-api-key: [redacted:api-key]" },
	{ "-H \"X-Api-Key: a1b2c3d4e5f6\"", "-H \"X-Api-Key: [redacted:api-key]\"" },

	/* URLs. */
	{ "postgres://app:hunter2@db:5432/x", "postgres://app:[redacted:url-password]@db:5432/x" },
	{ "https://x-access-token:p%40ss@github.com/a/b.git", "https://x-access-token:[redacted:url-password]@github.com/a/b.git" },
	{ "redis://:p@ss:word@host", "redis://:[redacted:url-password]@host" },
	{ "{\"u\":\"https:\\/\\/me:hunter2@host\\/p\"}", "{\"u\":\"https:\\/\\/me:[redacted:url-password]@host\\/p\"}" },

	/* Assignments. */
	{ "export DB_PASSWORD=swordfish && x", "export DB_PASSWORD=[redacted:password] && x" },
	{ "DB_PASSWORD=\"correct horse battery\" x", "DB_PASSWORD=\"[redacted:password]\" x" },
	{ "DB_PASSWORD='a\"b;c d9'", "DB_PASSWORD='[redacted:password]'" },
	{ "SECRET=ab\\$cd!9 x", "SECRET=[redacted:secret] x" },
	{ "MYSQL_PASS=hunter22\nX=1", "MYSQL_PASS=[redacted:password]\nX=1" },
	{ "{\"password\":\"swordfish\"}", "{\"password\":\"[redacted:password]\"}" },
	{ "{\"password\" : \"sword\\\"fish\\\\\", \"a\":1}", "{\"password\" : \"[redacted:password]\", \"a\":1}" },
	{ "{\"client_secret\": \"" A20 "\"}", "{\"client_secret\": \"[redacted:secret]\"}" },
	{ "{\"apiKey\":\"" A20 "\"}", "{\"apiKey\":\"[redacted:api-key]\"}" },
	{ "{\"c\":\"echo '{\\\"password\\\": \\\"swordfish\\\"}'\"}", "{\"c\":\"echo '{\\\"password\\\": \\\"[redacted:password]\\\"}'\"}" },
	{ "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"swordfish\\\\\\\"}\\\"}\"}",
	  "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"password\\\\\\\":\\\\\\\"[redacted:password]\\\\\\\"}\\\"}\"}" },
	{ "{\"c\":\"export TOKEN=\\\"" A20 "\\\"\\nls\"}", "{\"c\":\"export TOKEN=\\\"[redacted:token]\\\"\\nls\"}" },
	{ "{\"c\":\"A=1\\nAPI_TOKEN=" A20 "\\nls\"}", "{\"c\":\"A=1\\nAPI_TOKEN=[redacted:token]\\nls\"}" },
	{ "db:\n  password: correcthorsebattery\n  port: 1\n", "db:\n  password: [redacted:password]\n  port: 1\n" },
	{ "{\"c\":\"db:\\n  password: correcthorsebattery\\n\"}", "{\"c\":\"db:\\n  password: [redacted:password]\\n\"}" },
	{ "password: hunter2", "password: [redacted:password]" },
	{ "config['api_key'] = 'a1b2c3d4e5'", "config['api_key'] = '[redacted:api-key]'" },
	{ "'password' => 'swordfish',", "'password' => '[redacted:password]'," },
	{ "passwd := \"swordfish\"", "passwd := \"[redacted:password]\"" },
	{ "--token=a1b2c3d4e5 --x", "--token=[redacted:token] --x" },
	{ "POST token=a1b2c3d4e5&user=me", "POST token=[redacted:token]&user=me" },
	{ "ANTHROPIC_API_KEY=sk-" "ant-api03-" A20 " claude", "ANTHROPIC_API_KEY=[redacted:anthropic-key] claude" },
	{ "SECRET_KEY=\"cut off he", "SECRET_KEY=\"[redacted:secret]" },
	{ "{\"a\":\"x\\nsk-" "ant-api03-" A20 "\"}", "{\"a\":\"x\\n[redacted:anthropic-key]\"}" },
	{ "{\"a\":\"{\\\"b\\\":\\\"x\\\\nsk-" "ant-api03-" A20 "\\\"}\"}", "{\"a\":\"{\\\"b\\\":\\\"x\\\\n[redacted:anthropic-key]\\\"}\"}" },
	{ "{\"a\":\"\\u003dsk-" "ant-api03-" A20 "\"}", "{\"a\":\"\\u003d[redacted:anthropic-key]\"}" },
	{ "p\303\244ssword PASSWORD=p\303\244\303\237w\303\266rt \303\244", "p\303\244ssword PASSWORD=[redacted:password] \303\244" },

	/* What is none. */
	{ "The password must be at least 12 characters long; never commit a password.", NULL },
	{ "password: required, token: expires soon, secret: keep", NULL },
	{ "Use the token in the next call. Unexpected token: identifier", NULL },
	{ "curl -H \"Authorization: Bearer $TOKEN\" -H 'Authorization: Bearer ${TOKEN}'", NULL },
	{ "Authorization: Bearer authentication is required", NULL },
	{ "PASSWORD=$PW PASSWORD=\"$PW\" PASSWORD=\"${DB_PW}\" PASSWORD=$(cat file) PASSWORD=`cat file`", NULL },
	{ "password: ${{ secrets.DB_PASSWORD }}", NULL },
	{ "PASSWORD=<password> PASSWORD=*** PASSWORD=xxxxxxxx PASSWORD={{password}} PASSWORD=[redacted:password]", NULL },
	{ "PASSWORD=abc TOKEN=x password='' password=\"\" SECRET=", NULL },
	{ "if password == \"swordfish\":", NULL },
	{ "token = next_token(); const token = await getToken2(user1)", NULL },
	{ "self.password = password; api_key=os.environ[\"API_KEY\"], token: string, secret?: SecretString2Type", NULL },
	{ "password: str = None\npassword: process.env.DB_PASSWORD1,", NULL },
	{ "{\"max_tokens\": 4096, \"input_token\": 123456789, \"password\": 12345678, \"token\": null, \"secret\": true}", NULL },
	{ "{\"next_page_token\":\"a1b2c3d4e5f6\",\"nextPageToken\":\"a1b2c3d4e5f6\"}", NULL },
	{ "{\"password\":{\"type\":\"string\"},\"token_type\":\"bearer12\",\"tokenizer\":\"abc12345\"}", NULL },
	{ "{\"password\":\"The password is too short.\"}", NULL },
	{ "commit 620d4a1f0c2be52f2667250f50205e7c70cb68aa by 123e4567-e89b-12d3-a456-426614174000", NULL },
	{ "a task-list in risk-assessment-2024-01-01-report1, sk-learn-contrib-with-a-long-name, sk-1", NULL },
	{ "npm_config_registry_url_setting_of_something npm_package_json", NULL },
	{ "![](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)",
	  NULL },
	{ "AKIASHORT AKIAIOSFODNN7EXAMPLEANDMORE eyJhbGciOiJIUzI1NiJ9 eyJh.eyJi.c SG.short.x", NULL },
	{ "-----BEGIN CERTIFICATE-----\n" B64 "\n-----END CERTIFICATE-----", NULL },
	{ "-----BEGIN " "PUBLIC KEY-----\n" B64 "\n-----END PUBLIC KEY-----", NULL },
	{ "a file that begins with -----BEGIN " "PRIVATE KEY----- and ends with -----END PRIVATE KEY----- is one", NULL },
	{ "https://host:8080/a@b http://user@host mailto:me@host http://[::1]:80/", NULL },
	{ "https://user:$PASS@host https://user:${PASS}@host https://user:<pass>@host", NULL },
	{ "PASS: test_redact_12 FAIL: x, bypass=abc12345, compass: north1", NULL },
	{ "PRIVATE_KEY=/run/secrets/key1 private_key: ./key1.pem SECRET_KEY=~/.ssh/id_rsa1", NULL },
	{ "Token::new(abc123), ${TOKEN:-}, secret=~/x1/y", NULL },
	{ "{\"x\":\"password: \",\"y\":\"abcdefgh1\"}", NULL },
	{ "[\"password: \",12345678901,\"x\"]", NULL },
	{ "[\"password='\",\"abcdefgh'\"]", NULL },
	{ "", NULL },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
		const char *want = cases[i].want ? cases[i].want : cases[i].text;
		size_t marks = 0;

		check_case = cases[i].text;
		for (const char *p = want; cases[i].want && (p = strstr(p, "[redacted:")); p++)
			marks++;
		CHECK_INT(ccm_redact(&out, cases[i].text, strlen(cases[i].text)), marks);
		CHECK_STR(ccm_sbuf_str(&out), want);
	}
	check_case = NULL;
}

/* What it leaves is nothing that it would take. */
static void test_twice(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

		check_case = cases[i].want;
		if (cases[i].want)
			CHECK_INT(ccm_redact(&out, cases[i].want, strlen(cases[i].want)), 0);
	}
	check_case = NULL;
}

static void test_nul_bytes(void)
{
	static const char text[] = "a\0PASSWORD=sword\0fish12\0:\0=\0";
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

	CHECK_INT(ccm_redact(&out, text, sizeof text - 1), 0);
	CHECK(out.bytes == sizeof text - 1 && memcmp(out.text, text, out.bytes) == 0);
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* A document of strings made of pieces that mean something here, with strings in strings. */
static void random_string(struct ccm_sbuf *out, uint32_t *state, int depth)
{
	static const char *const pieces[] = {
		"password", "PASSWORD", "token", "\"", "'", "\\", "\n", ":", "=", " ", ",", "}", "[", "\"password\": \"", "PASSWORD=\"",
		"secret='", "swordfish", "a1b2c3d4", "Authorization: Bearer ", "https://u:p1@h", "sk-" "ant-api03-" A20, "n", "pm_" A40,
		"-----BEGIN " "PRIVATE KEY-----", "-----END " "PRIVATE KEY-----", B64, "\303\244", "\t", "=> ", "np" "m_" A40, "/",
		"x-api-key: ", "u003d", "$", "`", "eyJ" A20 ".eyJ" A20 "." A20,
	};
	_cleanup_sbuf_ struct ccm_sbuf inner = { 0 };

	for (uint32_t n = next_random(state) % 8; n > 0; n--) {
		uint32_t pick = next_random(state) % (ARRAY_SIZE(pieces) + 3);

		if (pick >= ARRAY_SIZE(pieces) && depth > 0)
			random_string(&inner, state, depth - 1);
		else
			ccm_sbuf_adds(&inner, pieces[pick % ARRAY_SIZE(pieces)]);
	}
	ccm_json_quote(out, ccm_sbuf_str(&inner), inner.bytes);
}

static void test_json_stays_json(void)
{
	uint32_t state = 1;

	for (int i = 0; i < 20000; i++) {
		_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, out = { 0 };
		struct ccm_json value;
		uint32_t n = next_random(&state) % 4;

		ccm_sbuf_addc(&text, '{');
		for (uint32_t k = 0; k <= n; k++) {
			ccm_sbuf_adds(&text, k ? "," : "");
			random_string(&text, &state, 3);
			ccm_sbuf_adds(&text, next_random(&state) % 4 ? ":" : " : ");
			if (next_random(&state) % 4)
				random_string(&text, &state, 3);
			else
				ccm_sbuf_adds(&text, "12345678901");
		}
		ccm_sbuf_addc(&text, '}');
		CHECK_OR_DIE(ccm_json_parse(text.text, text.bytes, &value, NULL) == 0);
		ccm_redact(&out, text.text, text.bytes);
		if (!CHECK(ccm_json_parse(out.text, out.bytes, &value, NULL) == 0)) {
			fprintf(stderr, "%s\nbecame\n%s\n", ccm_sbuf_str(&text), ccm_sbuf_str(&out));
			return;
		}
	}
}

/* Texts that would make a search start over and over again. None may take longer than its length explains. */
static void test_hostile_texts(void)
{
	static const char *const patterns[] = {
		"a", "\\", "\"", "'", "=", ":", " ", "-", "password=", "password: ", "secret=[", "secret:a(", "secret=$", "password=\"",
		"password='", "password=\\\"", "password=\\\\\\\"\\\"", "password =                ", "-----BEGIN PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----AAAAAAAAA", "-----END A", "sk-", "sk-a", "sk-ant-", "eyJ",
		"eyJa.", "-eyJa", ".eyJaaaaaaaaaaaa", "SG.", "://", "://a:", "://a:b@", "Authorization: Bearer ", "\\u0041", "\\n",
		"token_", "_token=", "\\\\\":",
	};

	for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
		_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, out = { 0 };
		int64_t start;

		check_case = patterns[i];
		for (size_t n = 2000000 / strlen(patterns[i]); n > 0; n--)
			ccm_sbuf_adds(&text, patterns[i]);
		start = ccm_mono_us();
		ccm_redact(&out, text.text, text.bytes);
		/* It takes some 10 ms; a search that starts over takes minutes. */
		CHECK(ccm_mono_us() - start < 4000000LL * CCM_SLOWNESS);
		if (getenv("CCM_TEST_TIMES"))
			fprintf(stderr, "%6lld us  %s\n", (long long)(ccm_mono_us() - start), patterns[i]);
	}
	check_case = NULL;
}

int main(void)
{
	test_cases();
	test_twice();
	test_nul_bytes();
	test_json_stays_json();
	test_hostile_texts();
	return 0;
}
