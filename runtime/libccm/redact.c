/* SPDX-License-Identifier: MIT */
#include "redact.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* How it works: one pass. Most bytes cannot begin a secret and are passed over by table. At those
 * that can, the forms that begin so are compared; at `=` and `:` the name in front is looked at.
 * Every look back or ahead that can fail is bounded, or stops where the next one would begin, so
 * that the time stays linear in the length of whatever text.
 *
 * JSON stays JSON because what is replaced never begins behind a backslash, never ends between one
 * and what it escapes, and never holds a quote that ends the string it stands in. */

struct scan {
	const char *text, *end;
	bool json;                   /* it looks like a document: bare quotes end strings */
	/* Behind these a word begins although a letter stands before it: \nsk-..., \\nsk-... */
	const char *after_escape, *after_nested;
	/* What next_marker(), next_quote() and next_stop() found last: each byte is searched once. */
	const char *marker, *quote, *stop, *stop_colon;
};

struct secret {
	const char *start, *end;
	const char *kind;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_letter(char c)
{
	return is_lower(c) || is_upper(c);
}

static bool is_alnum(char c)
{
	return is_letter(c) || is_digit(c);
}

static bool is_word(char c)
{
	return is_alnum(c) || c == '_' || c == '-';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Unlike strchr(), NUL is none of them. */
static bool is_one_of(char c, const char *set)
{
	return c && strchr(set, c);
}

static bool is_newline(char c)
{
	return c == '\n' || c == '\r';
}

static bool starts(const char *p, const char *end, const char *prefix)
{
	size_t bytes = strlen(prefix);

	return (size_t)(end - p) >= bytes && memcmp(p, prefix, bytes) == 0;
}

/* ---- tokens with a known beginning ---- */

enum charset { ALNUM, WORD, NAME, UPPER, HEX };
enum {
	DIGIT = 1 << 0,      /* a digit stands near its beginning: sk-learn-some-long-name has none */
	DENSE = 1 << 1,      /* 16 letters and digits in a row stand near its beginning */
	EXACT = 1 << 2,      /* neither longer nor shorter */
};
#define NEAR 64

struct form {
	const char *prefix;
	const char *kind;
	enum charset charset;
	uint8_t min;         /* characters behind the prefix */
	uint8_t flags;
};

static const struct form forms_A[] = {
	{ "AGE-SECRET-KEY-1", "age-key", UPPER, 50, 0 },
	{ "AIza", "google-key", NAME, 35, 0 },
	{ "AKIA", "aws-access-key", UPPER, 16, EXACT },
	{ "ASIA", "aws-access-key", UPPER, 16, EXACT },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_G[] = {
	{ "GOCSPX-", "google-secret", NAME, 20, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_d[] = {
	{ "dckr_pat_", "docker-token", NAME, 20, 0 },
	{ "doo_v1_", "digitalocean-token", HEX, 40, 0 },
	{ "dop_v1_", "digitalocean-token", HEX, 40, 0 },
	{ "dor_v1_", "digitalocean-token", HEX, 40, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_g[] = {
	{ "gho_", "github-token", ALNUM, 30, 0 },
	{ "ghp_", "github-token", ALNUM, 30, 0 },
	{ "ghr_", "github-token", ALNUM, 30, 0 },
	{ "ghs_", "github-token", ALNUM, 30, 0 },
	{ "ghu_", "github-token", ALNUM, 30, 0 },
	{ "github_pat_", "github-token", WORD, 22, 0 },
	{ "gldt-", "gitlab-token", NAME, 20, 0 },
	{ "glpat-", "gitlab-token", NAME, 20, 0 },
	{ "glptt-", "gitlab-token", NAME, 20, 0 },
	{ "glrt-", "gitlab-token", NAME, 20, 0 },
	{ "gsk_", "groq-key", ALNUM, 40, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_h[] = {
	{ "hf_", "huggingface-token", ALNUM, 30, 0 },
	{ "hvs.", "vault-token", NAME, 24, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_l[] = {
	{ "lin_api_", "linear-key", ALNUM, 32, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_n[] = {
	{ "npm_", "npm-token", ALNUM, 30, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_p[] = {
	{ "pypi-AgE", "pypi-token", NAME, 24, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_r[] = {
	{ "rk_live_", "stripe-key", ALNUM, 16, 0 },
	{ "rk_test_", "stripe-key", ALNUM, 16, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_s[] = {
	{ "sk-ant-", "anthropic-key", NAME, 12, 0 },
	{ "sk-admin-", "openai-key", NAME, 20, DIGIT },
	{ "sk-or-", "openrouter-key", NAME, 20, DIGIT },
	{ "sk-proj-", "openai-key", NAME, 20, DIGIT },
	{ "sk-svcacct-", "openai-key", NAME, 20, DIGIT },
	{ "sk-", "openai-key", NAME, 20, DIGIT | DENSE },
	{ "sk_live_", "stripe-key", ALNUM, 16, 0 },
	{ "sk_test_", "stripe-key", ALNUM, 16, 0 },
	{ "shpat_", "shopify-token", HEX, 32, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_w[] = {
	{ "whsec_", "stripe-key", ALNUM, 24, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_x[] = {
	{ "xai-", "xai-key", ALNUM, 40, 0 },
	{ "xapp-", "slack-token", NAME, 10, DIGIT },
	{ "xoxa-", "slack-token", NAME, 10, DIGIT },
	{ "xoxb-", "slack-token", NAME, 10, DIGIT },
	{ "xoxe-", "slack-token", NAME, 10, DIGIT },
	{ "xoxo-", "slack-token", NAME, 10, DIGIT },
	{ "xoxp-", "slack-token", NAME, 10, DIGIT },
	{ "xoxr-", "slack-token", NAME, 10, DIGIT },
	{ "xoxs-", "slack-token", NAME, 10, DIGIT },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_y[] = {
	{ "ya29.", "google-token", NAME, 20, 0 },
	{ NULL, NULL, ALNUM, 0, 0 },
}, forms_none[] = {
	{ NULL, NULL, ALNUM, 0, 0 },
};

/* NULL: the byte begins nothing. */
static const struct form *const forms[256] = {
	['A'] = forms_A, ['G'] = forms_G, ['d'] = forms_d, ['g'] = forms_g, ['h'] = forms_h, ['l'] = forms_l,
	['n'] = forms_n, ['p'] = forms_p, ['r'] = forms_r, ['s'] = forms_s, ['w'] = forms_w, ['x'] = forms_x,
	['y'] = forms_y,
	['S'] = forms_none, ['e'] = forms_none,      /* SG.x.y, eyJ...: see match_parts() */
	['-'] = forms_none, ['='] = forms_none, [':'] = forms_none, ['\\'] = forms_none,
};

static bool in_charset(char c, enum charset charset)
{
	switch (charset) {
	case ALNUM:
		return is_alnum(c);
	case WORD:
		return is_alnum(c) || c == '_';
	case NAME:
		return is_word(c);
	case UPPER:
		return is_upper(c) || is_digit(c);
	case HEX:
		return is_digit(c) || (c >= 'a' && c <= 'f');
	}
	return false;
}

static const char *skip_charset(const char *p, const char *end, enum charset charset)
{
	while (p < end && in_charset(*p, charset))
		p++;
	return p;
}

struct look {
	bool digit, upper, lower;
	size_t run;                  /* longest row of letters and digits */
};

static struct look look_at(const char *p, const char *end, enum charset charset)
{
	size_t near = (size_t)(end - p) < NEAR ? (size_t)(end - p) : NEAR, run = 0;
	struct look l = { 0 };

	for (size_t i = 0; i < near && in_charset(p[i], charset); i++) {
		l.digit |= is_digit(p[i]);
		l.upper |= is_upper(p[i]);
		l.lower |= is_lower(p[i]);
		run = is_alnum(p[i]) ? run + 1 : 0;
		l.run = run > l.run ? run : l.run;
	}
	return l;
}

/* Texts are cut before they come here, too: what begins like a token and ends where the text does
 * is the half of one, unless it reads like a word (npm_package). */
static bool is_half(const struct scan *s, const char *from, const char *to, const struct look *l)
{
	return to - from >= 8 && (l->digit || (l->upper && l->lower)) && (to == s->end || starts(to, s->end, "…"));
}

static bool match_form(const struct scan *s, const char *p, struct secret *ret)
{
	if (s->end - p < 2)
		return false;
	for (const struct form *f = forms[(unsigned char)*p]; f && f->prefix; f++) {
		const char *from, *to;
		struct look l;

		if (f->prefix[1] != p[1] || !starts(p, s->end, f->prefix))
			continue;
		from = p + strlen(f->prefix);
		to = skip_charset(from, s->end - from < f->min ? s->end : from + f->min, f->charset);
		l = look_at(from, s->end, f->charset);
		if (to - from < f->min) {
			if (!is_half(s, from, to, &l))
				continue;
		} else if (f->flags & EXACT) {
			if (to < s->end && is_word(*to))
				continue;
		} else if (((f->flags & DIGIT) && !l.digit) || ((f->flags & DENSE) && l.run < 16)) {
			continue;
		} else {
			to = skip_charset(to, s->end, f->charset);
		}
		*ret = (struct secret){ p, to, f->kind };
		return true;
	}
	return false;
}

/* The tokens that are several parts with dots between them. */
static bool match_parts(const struct scan *s, const char *p, struct secret *ret)
{
	const char *second, *third, *after;

	if (starts(p, s->end, "SG.")) {
		second = p + 3;
		third = skip_charset(second, s->end, NAME);
		if (third - second < 16 || third >= s->end || *third != '.')
			return false;
		after = skip_charset(++third, s->end, NAME);
		if (after - third < 16)
			return false;
		*ret = (struct secret){ p, after, "sendgrid-key" };
		return true;
	}
	if (!starts(p, s->end, "eyJ"))
		return false;
	second = skip_charset(p, s->end, NAME);
	if (!starts(second, s->end, ".eyJ"))
		return false;
	third = skip_charset(++second, s->end, NAME);
	if (second - p < 12 || third - second < 8 || third >= s->end || *third != '.')
		return false;
	*ret = (struct secret){ p, skip_charset(third + 1, s->end, NAME), "jwt" };
	return true;
}

/* ---- private key blocks ---- */

/* The next line that begins or ends such a block, at or behind from; the end of the text if none. */
static const char *next_marker(struct scan *s, const char *from)
{
	const char *p = from;

	if (s->marker && s->marker >= from)
		return s->marker;
	while ((p = memmem(p, (size_t)(s->end - p), "-----", 5))) {
		if (starts(p + 5, s->end, "BEGIN ") || starts(p + 5, s->end, "END "))
			break;
		p++;
	}
	s->marker = p ? p : s->end;
	return s->marker;
}

/* The next quote that no backslash escapes; from is not behind a backslash. */
static const char *next_quote(struct scan *s, const char *from)
{
	const char *p = from;

	if (s->quote && s->quote >= from)
		return s->quote;
	while (p < s->end && *p != '"')
		p += *p == '\\' && s->end - p > 1 ? 2 : 1;
	s->quote = p;
	return p;
}

static bool is_base64(char c)
{
	return is_alnum(c) || c == '+' || c == '/' || c == '=';
}

/* Passes over white space, be it written as such or as an escape (of whatever depth). */
static const char *skip_space(const char *p, const char *end, bool *ret_newline)
{
	*ret_newline = false;
	for (;;) {
		const char *q = p;

		while (q < end && *q == '\\')
			q++;
		if (q > p && q < end && (*q == 'n' || *q == 'r' || *q == 't')) {
			*ret_newline |= *q == 'n';
			p = q + 1;
		} else if (p < end && (is_blank(*p) || is_newline(*p))) {
			*ret_newline |= *p == '\n';
			p++;
		} else {
			return p;
		}
	}
}

/* Lines of base64 from p on: where they end. p itself if there are none. */
static const char *skip_key_lines(const char *p, const char *end)
{
	const char *last = p;

	for (;;) {
		const char *from, *to, *next;
		bool before, after, line;

		from = skip_space(last, end, &before);
		for (to = from; to < end && is_base64(*to); to++)
			;
		next = skip_space(to, end, &after);
		/* A short line is the last one of a key, or a word of whatever follows. */
		line = before && last > p && to > from && (next == end || after || *next == '"');
		if (to - from < 16 && !line)
			return last;
		last = to;
	}
}

static bool match_block(struct scan *s, const char *p, struct secret *ret)
{
	const char *label, *label_end, *body, *marker, *to;
	size_t label_bytes;
	bool newline;

	if (!starts(p, s->end, "-----BEGIN "))
		return false;
	label = p + strlen("-----BEGIN ");
	for (label_end = label; label_end < s->end && label_end - label < 40; label_end++)
		if (!is_upper(*label_end) && !is_digit(*label_end) && *label_end != ' ')
			break;
	label_bytes = (size_t)(label_end - label);
	if (!starts(label_end, s->end, "-----") || !memmem(label, label_bytes, "PRIVATE KEY", 11))
		return false;
	body = label_end + 5;
	*ret = (struct secret){ p, NULL, "private-key" };

	marker = next_marker(s, body);
	to = marker + strlen("-----END ") + label_bytes + 5;
	if (starts(marker, s->end, "-----END ") && s->end >= to &&
	    memcmp(to - label_bytes - 5, label, label_bytes) == 0 && memcmp(to - 5, "-----", 5) == 0 &&
	    !(s->json && next_quote(s, body) < marker)) {
		/* On one line it may be a sentence about such blocks. */
		skip_space(body, marker, &newline);
		if (newline || skip_key_lines(body, marker) > body) {
			ret->end = to;
			return true;
		}
		return false;
	}
	/* Its end was cut off. */
	ret->end = skip_key_lines(body, s->end);
	return ret->end > body;
}

/* ---- values with a telling name in front ---- */

enum class { CLASS_PASSWORD, CLASS_TOKEN, CLASS_AUTHORIZATION };

static const struct name {
	const char *word;            /* in lower case, without _ and - */
	enum class class;
	const char *kind;
} names[] = {
	{ "password", CLASS_PASSWORD, "password" },
	{ "passwd", CLASS_PASSWORD, "password" },
	{ "passphrase", CLASS_PASSWORD, "password" },
	{ "pass", CLASS_PASSWORD, "password" },
	{ "secretaccesskey", CLASS_TOKEN, "aws-secret-key" },
	{ "secret", CLASS_PASSWORD, "secret" },
	{ "token", CLASS_TOKEN, "token" },
	{ "apikey", CLASS_TOKEN, "api-key" },
	{ "privatekey", CLASS_TOKEN, "private-key" },
	{ "secretkey", CLASS_TOKEN, "secret" },
	{ "accesskey", CLASS_TOKEN, "secret" },
	{ "signingkey", CLASS_TOKEN, "secret" },
	{ "encryptionkey", CLASS_TOKEN, "secret" },
	{ "authkey", CLASS_TOKEN, "secret" },
	{ "credential", CLASS_TOKEN, "secret" },
	{ "credentials", CLASS_TOKEN, "secret" },
	{ "authorization", CLASS_AUTHORIZATION, "authorization" },
};

/* One `NAME = value` as it stands in the text. */
struct assignment {
	const struct name *name;
	bool capitals;               /* NAME=, as in the environment */
	bool spaced;                 /* white space around the sign */
	char sign;
	char key_quote, value_quote; /* 0: none */
	unsigned key_slashes, value_slashes;     /* in front of the closing and the opening quote */
	const char *line;            /* where the name begins */
	const char *value, *end;
};

#define NAME_MAX_CHARS 32

static bool ends_with(const char *text, size_t bytes, const char *word)
{
	size_t word_bytes = strlen(word);

	return bytes >= word_bytes && memcmp(text + bytes - word_bytes, word, word_bytes) == 0;
}

/* The telling name that ends at p. */
static bool read_name(const struct scan *s, const char *p, struct assignment *a)
{
	char word[NAME_MAX_CHARS];
	const char *at = p;
	size_t n = sizeof word, letters;
	bool capitals = true;

	/* The last letters of all names. */
	if (p <= s->text || !is_one_of(p[-1], "dtnyseDTNYSE"))
		return false;
	while (at > s->text && n > 0 && is_word(at[-1])) {
		at--;
		if (*at != '_' && *at != '-')
			word[--n] = *at;
	}
	letters = sizeof word - n;
	for (size_t i = n; i < sizeof word; i++) {
		if (is_upper(word[i]))
			word[i] = (char)(word[i] | 0x20);
	}
	if (ends_with(word + n, letters, "pagetoken") || ends_with(word + n, letters, "nexttoken") ||
	    ends_with(word + n, letters, "continuationtoken"))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct name *name = &names[i];
		size_t want;

		if (!ends_with(word + n, letters, name->word))
			continue;
		/* DB_PASS, but neither bypass nor `PASS: test 12`. */
		want = strlen(name->word);
		if (want == 4 && (letters == 4 || (p[-5] != '_' && p[-5] != '-')))
			continue;
		for (size_t k = 1; want > 0; k++) {
			capitals &= !is_lower(p[-(ptrdiff_t)k]);
			want -= p[-(ptrdiff_t)k] != '_' && p[-(ptrdiff_t)k] != '-';
		}
		a->name = name;
		a->capitals = capitals;
		a->line = at;
		return true;
	}
	return false;
}

/* Depth of a quote from the backslashes in front of it: 0, 1, 3, 7 for a string in a string in ... */
static bool is_depth(unsigned slashes)
{
	return slashes <= 7 && (slashes & (slashes + 1)) == 0;
}

static bool read_key(const struct scan *s, const char *sign, struct assignment *a)
{
	const char *p = sign;
	int blanks = 0;

	if (*sign == '=' && p > s->text && p[-1] == ':')
		p--;
	for (; p > s->text && is_blank(p[-1]) && blanks < 8; blanks++)
		p--;
	a->spaced = blanks > 0;
	/* config["password"] = ... */
	if (*sign == '=' && p > s->text && p[-1] == ']')
		p--;
	if (p > s->text && (p[-1] == '"' || p[-1] == '\'')) {
		a->key_quote = *--p;
		while (p > s->text && p[-1] == '\\' && a->key_slashes < 16) {
			a->key_slashes++;
			p--;
		}
		if (!is_depth(a->key_slashes))
			return false;
	}
	return read_name(s, p, a);
}

/* Finds the quote that closes the value. One that closes something further out ends it too. */
static void find_closing(const struct scan *s, struct assignment *a)
{
	unsigned slashes = 0;
	const char *p = a->value;

	for (; p < s->end && *p != '\n'; p++) {
		/* n ones at the end of the count in binary: the quote is n strings deep. */
		unsigned before = slashes, depth = (slashes ^ (slashes + 1)) >> 1;

		slashes = *p == '\\' ? slashes + 1 : 0;
		if (*p == a->value_quote && a->value_quote == '\'')
			break;
		if (*p != '"')
			continue;
		if (a->value_quote == '\'') {
			if (s->json && before % 2 == 0)
				break;
		} else if (depth <= a->value_slashes) {
			p -= depth;
			break;
		}
	}
	a->end = p;
}

/* Where a word without quotes that holds p can end at the latest. */
static const char *next_stop(struct scan *s, const char *p, char sign)
{
	const char **cached = sign == ':' ? &s->stop_colon : &s->stop;
	const char *stops = sign == ':' ? "\"'`" : "\"'`;&|<>()";

	if (*cached && *cached >= p)
		return *cached;
	while (p < s->end && (unsigned char)*p > ' ' && !is_one_of(*p, stops)) {
		const char *q = p;

		if (*p != '\\') {
			p++;
			continue;
		}
		while (q < s->end && *q == '\\')
			q++;
		if (q == s->end || is_one_of(*q, "\"nrtu") || is_newline(*q))
			break;
		/* A single one escapes what follows it. */
		p = (q - p) % 2 ? q + 1 : q;
	}
	*cached = p;
	return p;
}

static void find_end(struct scan *s, struct assignment *a)
{
	const char *p = next_stop(s, a->value, a->sign);

	while (p > a->value && is_one_of(p[-1], ",.:;)]}") && (p - 1 == a->value || p[-2] != '\\'))
		p--;
	a->end = p;
}

static bool read_value(struct scan *s, const char *p, struct assignment *a)
{
	const char *first = p;
	unsigned slashes = 0;

	while (p < s->end && is_blank(*p) && p - first < NEAR)
		p++;
	a->spaced |= p > first;
	for (first = p; p < s->end && *p == '\\' && slashes < 16; p++)
		slashes++;
	if (p < s->end && (*p == '"' || (*p == '\'' && slashes == 0))) {
		a->value_quote = *p++;
		a->value_slashes = slashes;
		if (p == s->end)
			return false;
		if (a->value_quote == '"') {
			if (!is_depth(slashes) || (a->key_quote == '"' && a->key_slashes != slashes))
				return false;
			/* It may be the quote that closes the string in which all this stands. */
			if (a->key_quote != '"' && ((unsigned char)*p <= ' ' || is_one_of(*p, ",:]}")))
				return false;
		}
		a->value = p;
		find_closing(s, a);
	} else {
		p = first;
		/* "pin_token": 123456 is a number, which no text may replace. */
		if (p == s->end || (a->key_quote == '"' && (is_digit(*p) || is_one_of(*p, "-{[") || starts(p, s->end, "true") ||
							    starts(p, s->end, "false") || starts(p, s->end, "null"))))
			return false;
		a->value = p;
		find_end(s, a);
	}
	return true;
}

/* /run/secrets/x, ~/.ssh/id, ./key.pem; base64 may begin with a slash, too. */
static bool is_path(const char *p, const char *end)
{
	if (starts(p, end, "./") || starts(p, end, "../"))
		return true;
	if (*p != '/' && *p != '~')
		return false;
	for (p++; p < end && (is_lower(*p) || is_digit(*p) || is_one_of(*p, "._-")); p++)
		;
	return p < end && *p == '/';
}

/* $VALUE, ${VALUE}, $(command), <your key>, {{ value }}, %s, ***, a path, and what we have put there. */
static bool is_reference(const char *p, const char *end)
{
	if (p == end || is_one_of(*p, "<{[(`"))
		return true;
	if (*p == '$')
		return end - p > 1 && !is_digit(p[1]);
	if (*p == '%')
		return end[-1] == '%' || starts(p, end, "%s") || starts(p, end, "%(");
	return is_path(p, end) || starts(p, end, "***") || starts(p, end, "...") || starts(p, end, "xxx") ||
	       starts(p, end, "XXX") || starts(p, end, "-----BEGIN ");
}

static bool is_common_word(const char *p, size_t bytes)
{
	static const char *const words[] = {
		"boolean", "bearer", "default", "disabled", "enabled", "example", "hidden", "invalid", "missing", "number",
		"object", "optional", "passphrase", "passwd", "password", "redacted", "required", "secret", "string",
		"undefined", "unknown",
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strlen(words[i]) == bytes && strncasecmp(words[i], p, bytes) == 0)
			return true;
	return false;
}

struct traits {
	size_t digits, symbols, blanks, dots, cases;     /* cases: capitals behind small letters */
	bool number;
};

/* Of the beginning of the value. */
static struct traits traits_of(const char *p, const char *end)
{
	struct traits t = { .number = true };

	for (const char *q = p; q < end && q - p < 2 * NEAR; q++) {
		t.digits += is_digit(*q);
		t.dots += *q == '.';
		t.blanks += (unsigned char)*q <= ' ';
		t.symbols += !is_word(*q) && *q != '.' && (unsigned char)*q > ' ' && (unsigned char)*q < 0x80;
		t.cases += q > p && is_upper(*q) && is_lower(q[-1]);
		t.number &= is_digit(*q) || *q == '.';
	}
	return t;
}

/* NAME=value, as in the environment. */
static bool is_variable(const struct assignment *a)
{
	return a->capitals && a->sign == '=' && !a->spaced;
}

/* `key: value` alone on its line, as in YAML. */
static bool is_line(const struct scan *s, const struct assignment *a)
{
	const char *p = a->line;

	if (a->sign != ':' || (a->end < s->end && !is_newline(*a->end) && *a->end != '\\'))
		return false;
	while (p > s->text && a->line - p < NEAR && (is_blank(p[-1]) || p[-1] == '-'))
		p--;
	/* The n of an escaped newline may have been taken for a part of the name. */
	return p == s->text || is_newline(p[-1]) || is_one_of(p[-1], "\\\"") || (p - s->text > 1 && p[-2] == '\\');
}

/* Whether a value without quotes is the value, not a word of code or of a sentence. */
static bool is_bare_secret(const struct scan *s, const struct assignment *a, const struct traits *t)
{
	size_t near = a->end - a->value < 2 * NEAR ? (size_t)(a->end - a->value) : 2 * NEAR;

	/* A call, or an element. */
	if ((a->end < s->end && is_one_of(*a->end, "([`")) || memchr(a->value, '(', near) || memchr(a->value, '[', near))
		return false;
	/* os.environ, settings.TOKEN_2 */
	if (t->dots && !t->symbols && !is_digit(*a->value) && t->digits < 3)
		return false;
	if (is_variable(a) || t->digits || t->symbols)
		return true;
	return a->name->class == CLASS_PASSWORD && a->end - a->value >= 12 && !t->dots && !t->cases && is_line(s, a);
}

static bool is_secret(const struct scan *s, const struct assignment *a)
{
	size_t bytes = (size_t)(a->end - a->value);
	struct traits t;

	if (bytes < 6 || is_reference(a->value, a->end) || is_common_word(a->value, bytes))
		return false;
	t = traits_of(a->value, a->end);
	if (a->name->class == CLASS_TOKEN) {
		/* A count of tokens, or what a token is called. */
		if (t.number || (!is_variable(a) && !t.digits && !t.symbols && !t.cases && bytes < 16))
			return false;
	}
	if (!a->value_quote)
		return is_bare_secret(s, a, &t);
	/* A sentence in a table of messages is none. */
	return t.blanks == 0 || a->capitals || strcmp(a->name->word, "passphrase") == 0;
}

/* `Bearer x`: what follows the scheme, or p. */
static const char *skip_scheme(const char *p, const char *end)
{
	static const char *const schemes[] = { "Bearer ", "Basic ", "Token ", "ApiKey ", "Negotiate ", "DPoP " };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t bytes = strlen(schemes[i]);

		if ((size_t)(end - p) > bytes && strncasecmp(p, schemes[i], bytes) == 0)
			return p + bytes;
	}
	return p;
}

static bool match_authorization(const struct scan *s, const struct assignment *a, struct secret *ret)
{
	const char *from = skip_scheme(a->value, s->end), *p = from;
	struct traits t;

	while (p < s->end && (is_word(*p) || is_one_of(*p, "+/=.~") || starts(p, s->end, "\\/")))
		p += *p == '\\' ? 2 : 1;
	t = traits_of(from, p);
	if (p - from < 6 || is_reference(from, p) || (!t.digits && !t.symbols && !t.cases && p - from < 20))
		return false;
	*ret = (struct secret){ from, p, "authorization" };
	return true;
}

static bool match_assignment(struct scan *s, const char *sign, struct secret *ret)
{
	struct assignment a = { .sign = *sign };
	const char *p = sign + 1;

	if (p == s->end)
		return false;
	if (*sign == '=') {
		if (*p == '=' || *p == '~')
			return false;
		p += *p == '>';
	} else if (is_one_of(*p, ":=-?+")) {
		return false;        /* `:=` is seen at its second half; ${NAME:-value}; Token::new */
	}
	if (!read_key(s, sign, &a) || !read_value(s, p, &a))
		return false;
	if (a.name->class == CLASS_AUTHORIZATION)
		return match_authorization(s, &a, ret);
	if (a.value_quote || a.sign == ':') {
		const char *behind = skip_scheme(a.value, a.end);

		if (behind > a.value)
			a.value = behind;
	}
	/* A known form says better what it is, and where it ends. */
	if (match_form(s, a.value, ret) || match_parts(s, a.value, ret))
		return true;
	if (!is_secret(s, &a))
		return false;
	*ret = (struct secret){ a.value, a.end, a.name->kind };
	return true;
}

/* scheme://user:password@host */
static bool match_url(const struct scan *s, const char *colon, struct secret *ret)
{
	const char *p = colon + 1, *password = NULL, *at = NULL;

	if (starts(p, s->end, "//"))
		p += 2;
	else if (starts(p, s->end, "\\/\\/"))
		p += 4;
	else
		return false;
	for (const char *first = p; p < s->end && p - first < 512; p++) {
		if ((unsigned char)*p <= ' ' || is_one_of(*p, "/\\\"'`<>?#"))
			break;
		if (*p == ':' && !password)
			password = p + 1;
		if (*p == '@')
			at = p;
	}
	if (!password || !at || at <= password || is_reference(password, at))
		return false;
	*ret = (struct secret){ password, at, "url-password" };
	return true;
}

/* ---- the pass ---- */

/* How much the letter behind a backslash takes. */
static size_t escape_bytes(const char *p, const char *end)
{
	if (*p != 'u')
		return is_one_of(*p, "\"\\/bfnrt");
	for (int i = 1; i < 5; i++)
		if (i >= end - p || !(is_digit(p[i]) || is_one_of(p[i], "abcdefABCDEF")))
			return 0;
	return 5;
}

/* p is on a backslash; what it escapes cannot begin a secret. */
static const char *skip_escape(struct scan *s, const char *p)
{
	const char *q = p;

	while (q < s->end && *q == '\\')
		q++;
	if (q == s->end)
		return q;
	/* Behind an even number it may be an escape in a string within a string: \\n. */
	s->after_nested = q + escape_bytes(q, s->end);
	if ((q - p) % 2)
		q = s->after_nested;
	s->after_escape = q;
	return q;
}

static inline bool match(struct scan *s, const char *p, struct secret *ret)
{
	switch (*p) {
	case ':':
		return match_url(s, p, ret) || match_assignment(s, p, ret);
	case '=':
		return match_assignment(s, p, ret);
	case '-':
		return match_block(s, p, ret);
	}
	if (p > s->text && is_word(p[-1]) && p != s->after_escape && p != s->after_nested)
		return false;
	return match_form(s, p, ret) || match_parts(s, p, ret);
}

size_t ccm_redact(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	struct scan s = { .text = text, .end = text + bytes };
	const char *p = text, *copied = text;
	size_t count = 0;

	while (p < s.end && (unsigned char)*p <= ' ')
		p++;
	s.json = p < s.end && is_one_of(*p, "{[\"");
	p = text;
	while (p < s.end) {
		struct secret secret;

		if (!forms[(unsigned char)*p]) {
			p++;
		} else if (*p == '\\') {
			p = skip_escape(&s, p);
		} else if (match(&s, p, &secret)) {
			ccm_sbuf_add(out, copied, (size_t)(secret.start - copied));
			ccm_sbuf_addf(out, "[redacted:%s]", secret.kind);
			p = copied = secret.end;
			count++;
		} else {
			p++;
		}
	}
	ccm_sbuf_add(out, copied, (size_t)(s.end - copied));
	return count;
}
