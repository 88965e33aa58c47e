/* SPDX-License-Identifier: MIT */
#include "manifest.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "host.h"
#include "ini.h"
#include "matcher.h"
#include "sbuf.h"

#define WORD_MAX 24                  /* longer words are near no known one */

static const char *const key_names[CCM_KEY_COUNT] = {
	[CCM_KEY_SUMMARY]    = "Summary",
	[CCM_KEY_EVENT]      = "Event",
	[CCM_KEY_MATCH]      = "Match",
	[CCM_KEY_TIMEOUT]    = "Timeout",
	[CCM_KEY_ON_FAILURE] = "On-failure",
	[CCM_KEY_EFFECTS]    = "Effects",
	[CCM_KEY_LIBEXEC]    = "Libexec",
};

const char *ccm_manifest_key_name(enum ccm_manifest_key key)
{
	return key_names[key];
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_alpha(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many characters must be added, dropped, changed or swapped with their neighbour to make one
 * word of the other; case does not count. */
static size_t distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1];        /* [i][j]: of the first i of a and the first j of b */

	if (a_bytes > WORD_MAX || b_bytes > WORD_MAX)
		return WORD_MAX;
	for (size_t i = 0; i <= a_bytes; i++) {
		for (size_t j = 0; j <= b_bytes; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(d[i - 1][j], d[i][j - 1]) + 1;
			d[i][j] = least(d[i][j], d[i - 1][j - 1] + (lower(a[i - 1]) != lower(b[j - 1])));
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[a_bytes][b_bytes];
}

/* A slip of the pen: the first letter is right, and one letter in five is not. */
static bool is_near(const char *word, size_t bytes, const char *known)
{
	size_t known_bytes = strlen(known), allowed = known_bytes > 5 ? 2 : 1;

	return lower(word[0]) == lower(known[0]) && bytes + allowed >= known_bytes &&
	       bytes <= known_bytes + allowed && distance(word, bytes, known, known_bytes) <= allowed;
}

static int find_key(const char *word, size_t bytes)
{
	for (int k = 0; k < CCM_KEY_COUNT; k++)
		if (strlen(key_names[k]) == bytes && strncasecmp(key_names[k], word, bytes) == 0)
			return k;
	return -1;
}

/* The key that was probably meant, or -1. */
static int find_near_key(const char *word, size_t bytes)
{
	for (int k = 0; k < CCM_KEY_COUNT; k++) {
		size_t shared = strlen(key_names[k]);

		/* Matches:, Timeout-ms:, On-fail: */
		shared = shared < 7 ? shared : 7;
		if (is_near(word, bytes, key_names[k]) ||
		    (bytes >= shared && strncasecmp(word, key_names[k], shared) == 0))
			return k;
	}
	/* Taken for open, a misspelt On-failure would disarm a guard. */
	if (bytes >= 6 && bytes <= 12 && strncasecmp(word, "on", 2) == 0 &&
	    strncasecmp(word + 2 + !is_alpha(word[2]), "fail", 4) == 0)
		return CCM_KEY_ON_FAILURE;
	return -1;
}

static int copy(char **to, const char *text)
{
	free(*to);
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

static int check_event(const char *name, size_t bytes, struct ccm_diag *diag)
{
	const struct ccm_host_event *events;
	size_t count;

	for (size_t i = 0; i < bytes; i++)
		if (!is_alpha(name[i]) && name[i] != '_' && (name[i] < '0' || name[i] > '9'))
			return ccm_diag_set(diag, -CCM_E_MANIFEST, "'%.*s' is not the name of an event (several are "
					    "separated by blanks)", (int)bytes, name);
	events = ccm_host_events(&count);
	for (size_t i = 0; i < count; i++)
		if (strlen(events[i].name) == bytes && strncmp(events[i].name, name, bytes) == 0)
			return 0;
	for (size_t i = 0; i < count; i++)
		if (is_near(name, bytes, events[i].name))
			return ccm_diag_set(diag, -CCM_E_MANIFEST, "unknown event '%.*s', did you mean '%s'?", (int)bytes,
					    name, events[i].name);
	/* Other names pass: the host adds events with every release. */
	return 0;
}

static int set_events(struct ccm_manifest *m, const char *value, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf names = { 0 };
	bool all = false;
	size_t bytes;
	int r;

	free(TAKE_PTR(m->events));
	for (const char *p = value + strspn(value, " \t,"); *p; p += bytes, p += strspn(p, " \t,")) {
		bytes = strcspn(p, " \t,");
		if ((bytes == 1 && *p == '*') || (bytes == 3 && strncasecmp(p, "all", 3) == 0)) {
			all = true;
			continue;
		}
		r = check_event(p, bytes, diag);
		if (r < 0)
			return r;
		if (names.bytes)
			ccm_sbuf_addc(&names, ' ');
		ccm_sbuf_add(&names, p, bytes);
	}
	if (ccm_sbuf_error(&names))
		return -ENOMEM;
	if (all)
		return 0;
	if (!names.bytes)
		return ccm_diag_set(diag, -CCM_E_MANIFEST, "'Event' names no event (for all, leave it out or write 'all')");
	m->events = ccm_sbuf_take(&names);
	return m->events ? 0 : -ENOMEM;
}

static int set_match(struct ccm_manifest *m, const char *value, struct ccm_diag *diag)
{
	struct ccm_diag words;

	words.text[0] = '\0';
	free(TAKE_PTR(m->match));
	if (ccm_matcher_check(value, &words) < 0)
		return ccm_diag_set(diag, -CCM_E_MANIFEST, "'Match': %s", words.text);
	return copy(&m->match, value);
}

static int set_timeout(struct ccm_manifest *m, const char *value, struct ccm_diag *diag)
{
	int64_t ms;

	if (ccm_duration_parse(value, &ms) < 0 || ms <= 0)
		return ccm_diag_set(diag, -CCM_E_MANIFEST, "'Timeout' must be a duration such as 250ms, 2s or 1m, not '%s'",
				    value);
	m->timeout_ms = ms;
	return 0;
}

static int set_choice(bool *to, const char *key, const char *no, const char *yes, const char *value,
		      struct ccm_diag *diag)
{
	if (strcasecmp(value, no) != 0 && strcasecmp(value, yes) != 0)
		return ccm_diag_set(diag, -CCM_E_MANIFEST, "'%s' must be %s or %s, not '%s'", key, no, yes, value);
	*to = strcasecmp(value, yes) == 0;
	return 0;
}

static int set_libexec(struct ccm_manifest *m, const char *value, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	size_t first = strcspn(value, " \t"), bytes;

	free(TAKE_PTR(m->libexec));
	if (!first || memchr(value, '/', first) || value[0] == '.')
		return ccm_diag_set(diag, -CCM_E_MANIFEST, "'Libexec' must be the name of a program of ccm's, without a folder, and "
				    "what it is given, not '%s'", value);
	for (const char *p = value; *p; p += bytes, p += strspn(p, " \t")) {
		bytes = strcspn(p, " \t");
		if (words.bytes)
			ccm_sbuf_addc(&words, ' ');
		ccm_sbuf_add(&words, p, bytes);
	}
	m->libexec = ccm_sbuf_take(&words);
	return m->libexec ? 0 : -ENOMEM;
}

int ccm_manifest_set(struct ccm_manifest *m, enum ccm_manifest_key key, const char *value, struct ccm_diag *diag)
{
	m->set |= 1U << key;
	switch (key) {
	case CCM_KEY_SUMMARY:
		return copy(&m->summary, value);
	case CCM_KEY_EVENT:
		return set_events(m, value, diag);
	case CCM_KEY_MATCH:
		return set_match(m, value, diag);
	case CCM_KEY_TIMEOUT:
		return set_timeout(m, value, diag);
	case CCM_KEY_ON_FAILURE:
		m->closed = true;    /* also if the value is none */
		return set_choice(&m->closed, key_names[key], "open", "closed", value, diag);
	case CCM_KEY_EFFECTS:
		return set_choice(&m->pure, key_names[key], "writes", "none", value, diag);
	case CCM_KEY_LIBEXEC:
		return set_libexec(m, value, diag);
	case CCM_KEY_COUNT:
		break;
	}
	return -EINVAL;
}

/* One file being read: a mistake is told with its place, and the first one is kept. */
struct reader {
	const char *file;
	struct ccm_manifest *m;
	struct ccm_diag *diag;
	int seen[CCM_KEY_COUNT];     /* the line a key was given in */
	int result;
};

static void mistake(struct reader *reader, int line, int code, const char *words)
{
	if (reader->result == 0)
		reader->result = ccm_diag_set(reader->diag, code, "%s:%d: %s", reader->file, line, words);
}

static void unknown_key(struct reader *reader, int line, const char *word, size_t bytes, int near)
{
	struct ccm_diag words;

	if (near == CCM_KEY_ON_FAILURE)
		reader->m->closed = true;
	if (near >= 0)
		ccm_diag_set(&words, 0, "unknown key '%.*s', did you mean '%s'?", (int)bytes, word, key_names[near]);
	else
		ccm_diag_set(&words, 0, "unknown key '%.*s'", (int)bytes, word);
	mistake(reader, line, -CCM_E_MANIFEST, words.text);
}

static void take_key(struct reader *reader, int line, enum ccm_manifest_key key, const char *value)
{
	struct ccm_diag words;
	bool closed = key == CCM_KEY_ON_FAILURE && reader->seen[key] && reader->m->closed;
	int r;

	words.text[0] = '\0';        /* the rest costs, at each line of each header */
	if (reader->seen[key]) {
		ccm_diag_set(&words, 0, "'%s' is given twice, first in line %d", key_names[key], reader->seen[key]);
		mistake(reader, line, -CCM_E_MANIFEST, words.text);
	}
	reader->seen[key] = line;
	r = ccm_manifest_set(reader->m, key, value, &words);
	if (r < 0)
		mistake(reader, line, r, ccm_diag_text(&words, r));
	reader->m->closed |= closed;
}

/* What a line of the header is. */
enum line {
	LINE_CODE,
	LINE_BLANK,
	LINE_COMMENT,                /* *text, *bytes: what follows the comment sign */
};

static enum line classify(const char **text, size_t *bytes, bool *in_comment)
{
	const char *p = *text, *end = p + *bytes;

	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	if (p == end)
		return LINE_BLANK;
	if (*in_comment || (end - p >= 2 && memcmp(p, "/*", 2) == 0)) {
		p += *in_comment ? 0 : 2;
		*in_comment = !memmem(p, (size_t)(end - p), "*/", 2);
		if (!*in_comment)
			end = memmem(p, (size_t)(end - p), "*/", 2);
		while (p < end && *p == '*')
			p++;
	} else if (*p == '#' || *p == ';' || *p == '%') {
		for (char sign = *p; p < end && *p == sign;)
			p++;
	} else if (end - p >= 2 && (memcmp(p, "//", 2) == 0 || memcmp(p, "--", 2) == 0)) {
		p += 2;
	} else {
		return LINE_CODE;
	}
	while (p < end && is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))         /* before a closing sign */
		end--;
	*text = p;
	*bytes = (size_t)(end - p);
	return LINE_COMMENT;
}

/* `Word:` at the beginning of a comment; *ret_bytes is the word's length. NULL: there is none. */
static const char *find_colon(const char *text, size_t bytes, size_t *ret_bytes)
{
	size_t word = 0, n;

	while (word < bytes && word <= WORD_MAX && (is_alpha(text[word]) || text[word] == '-' || text[word] == '_'))
		word++;
	/* On failure: */
	if (word == 2 && bytes > 3 && text[2] == ' ' && strncasecmp(text, "on", 2) == 0 && is_alpha(text[3]))
		for (word = 3; word < bytes && is_alpha(text[word]); word++)
			;
	for (n = word; n < bytes && is_blank(text[n]); n++)
		;
	*ret_bytes = word;
	return word && n < bytes && text[n] == ':' ? text + n : NULL;
}

static int read_comment(struct reader *reader, int line, const char *text, size_t bytes)
{
	size_t word_bytes, value_bytes;
	const char *colon = find_colon(text, bytes, &word_bytes), *value;
	_cleanup_free_ char *copied = NULL;
	int key;

	if (!colon)
		return 0;
	key = find_key(text, word_bytes);
	if (key < 0) {
		key = find_near_key(text, word_bytes);
		if (key >= 0)
			unknown_key(reader, line, text, word_bytes, key);
		return 0;
	}
	value = colon + 1;
	value_bytes = bytes - (size_t)(value - text);
	while (value_bytes && is_blank(*value)) {
		value++;
		value_bytes--;
	}
	copied = strndup(value, value_bytes);
	if (!copied)
		return -ENOMEM;
	take_key(reader, line, (enum ccm_manifest_key)key, copied);
	return 0;
}

/* Lines before the header that are neither comment nor code. */
static bool is_prologue(int line, const char *text, size_t bytes)
{
	while (bytes && is_blank(text[bytes - 1]))
		bytes--;
	return (line == 1 && bytes >= 2 && memcmp(text, "#!", 2) == 0) || (bytes == 5 && memcmp(text, "<?php", 5) == 0);
}

int ccm_manifest_parse_header(const char *file, const char *text, size_t bytes, struct ccm_manifest *m,
			      struct ccm_diag *diag)
{
	struct reader reader = { .file = file, .m = m, .diag = diag };
	const char *end = text + bytes, *next;
	bool in_comment = false;

	if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		text += 3;
	for (int line = 1; text < end; line++, text = next) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *line_text = text;
		size_t line_bytes = (size_t)((newline ? newline : end) - text);
		enum line kind;

		/* A line that the bound cuts is not read: half a value is a wrong value. */
		if (!newline && bytes >= CCM_MANIFEST_MAX_BYTES)
			break;
		next = newline ? newline + 1 : end;
		if (is_prologue(line, text, line_bytes))
			continue;
		/* A program in machine code has no header. */
		if (memchr(text, '\0', line_bytes))
			break;
		kind = classify(&line_text, &line_bytes, &in_comment);
		if (kind == LINE_CODE)
			break;
		if (kind == LINE_COMMENT && read_comment(&reader, line, line_text, line_bytes) < 0)
			return -ENOMEM;
	}
	return reader.result;
}

static void ini_key(void *user, int line, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;
	int key = find_key(name, strlen(name));

	if (section[0])
		mistake(reader, line, -CCM_E_MANIFEST, "keys stand here without a [section]");
	else if (key >= 0)
		take_key(reader, line, (enum ccm_manifest_key)key, value);
	else
		unknown_key(reader, line, name, strlen(name), find_near_key(name, strlen(name)));
}

static void ini_problem(void *user, int line, const char *words)
{
	mistake(user, line, -CCM_E_MANIFEST, words);
}

int ccm_manifest_parse_ini(const char *file, const char *text, struct ccm_manifest *m, struct ccm_diag *diag)
{
	struct reader reader = { .file = file, .m = m, .diag = diag };
	const struct ccm_ini ini = { ini_key, ini_problem, &reader };

	ccm_ini_parse(&ini, text);
	return reader.result;
}

bool ccm_manifest_wants_event(const struct ccm_manifest *m, const char *event)
{
	size_t bytes = strlen(event), n;

	if (!m->events)
		return true;
	for (const char *p = m->events; *p; p += n, p += *p == ' ') {
		n = strcspn(p, " ");
		if (n == bytes && strncmp(p, event, n) == 0)
			return true;
	}
	return false;
}

void ccm_manifest_done(struct ccm_manifest *m)
{
	free(m->summary);
	free(m->events);
	free(m->match);
	free(m->libexec);
	*m = (struct ccm_manifest){ 0 };
}
