/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "libccm/macros.h"

struct program {
	struct shell *sh;
	const char *name;
	struct guard_value *words;
	size_t count;
	struct guard_value input;    /* all of its stdin */
	struct emitted *self;
};

static bool has_letter(const struct program *p, char letter)
{
	for (size_t i = 1; i < p->count; i++)
		if (p->words[i].text[0] == '-' && p->words[i].text[1] != '-' && strchr(p->words[i].text, letter))
			return true;
	return false;
}

static bool has_word(const struct program *p, const char *word)
{
	for (size_t i = 1; i < p->count; i++)
		if (value_is(&p->words[i], word))
			return true;
	return false;
}

static void print(struct program *p, struct guard_value v)
{
	v.quoted = false;
	write_fd(p->sh, 1, &v);
}

static void print_line(struct program *p, struct guard_value v)
{
	struct text t = TEXT(p->sh);

	text_add_value(&t, &v);
	text_addc(&t, '\n');
	print(p, text_take(&t));
}

/* ------------------------------------------------------------------------------------------------ echo and printf */

static void do_echo(struct program *p)
{
	struct text t = TEXT(p->sh), all = TEXT(p->sh);
	bool newline = true, escapes = false;
	size_t i = 1;
	struct guard_value v;

	for (; i < p->count && p->words[i].text[0] == '-' && p->words[i].bytes > 1; i++) {
		if (p->words[i].bytes != 1 + strspn(p->words[i].text + 1, "neE"))
			break;
		newline &= !strchr(p->words[i].text, 'n');
		escapes |= strchr(p->words[i].text, 'e') != NULL;
	}
	v = words_as_code(p->sh, p->words + i, p->count - i);
	if (escapes)
		text_add_unescaped(&t, v.text, v.bytes, false);
	else
		text_add(&t, v.text, v.bytes);
	t.taint = v.taint;
	v = text_take(&t);
	text_add_value(&all, &v);
	if (newline)
		text_addc(&all, '\n');
	print(p, text_take(&all));
}

struct format {
	struct text *out;
	struct guard_value *args;
	size_t count, at;
};

static struct guard_value next_arg(struct format *f)
{
	return f->at < f->count ? f->args[f->at++] : (f->at++, value_of(""));
}

static void add_padded(struct text *out, const struct guard_value *v, long width, long precision, bool left)
{
	size_t n = precision >= 0 && (size_t)precision < v->bytes ? (size_t)precision : v->bytes;
	size_t pad = width > 0 && (size_t)width > n && width < 4096 ? (size_t)width - n : 0;

	for (size_t i = 0; i < pad && !left; i++)
		text_addc(out, ' ');
	text_add(out, v->text, n);
	for (size_t i = 0; i < pad && left; i++)
		text_addc(out, ' ');
	out->taint |= v->taint;
}

static void add_number(struct text *out, const struct guard_value *v, char conversion)
{
	char digits[32];
	long long n;

	out->taint |= v->taint;
	if (!v->known) {
		text_addc(out, GUARD_UNKNOWN);
		return;
	}
	n = v->text[0] == '\'' || v->text[0] == '"' ? (unsigned char)v->text[1] : strtoll(v->text, NULL, 0);
	snprintf(digits, sizeof digits,
		 conversion == 'x'   ? "%llx"
		 : conversion == 'X' ? "%llX"
		 : conversion == 'o' ? "%llo"
				     : "%lld",
		 n);
	text_adds(out, digits);
}

/* One directive behind '%'; returns how many bytes it took. */
static size_t add_directive(struct shell *sh, struct format *f, const char *at, size_t left)
{
	size_t n = 0;
	bool left_aligned = false;
	long width = 0, precision = -1;
	struct guard_value v;

	while (n < left && strchr("-+ 0#'", at[n]))
		left_aligned |= at[n++] == '-';
	if (n < left && at[n] == '*') {
		v = next_arg(f);
		width = strtol(v.text, NULL, 10);
		n++;
	}
	while (n < left && isdigit((unsigned char)at[n]))
		width = width * 10 + (at[n++] - '0');
	if (n < left && at[n] == '.') {
		precision = 0;
		n++;
		if (n < left && at[n] == '*') {
			v = next_arg(f);
			precision = strtol(v.text, NULL, 10);
			n++;
		}
		while (n < left && isdigit((unsigned char)at[n]))
			precision = precision * 10 + (at[n++] - '0');
	}
	if (n >= left)
		return n;
	switch (at[n]) {
	case '%':
		text_addc(f->out, '%');
		break;
	case 's':
	case 'q':
		v = next_arg(f);
		add_padded(f->out, &v, width, precision, left_aligned);
		break;
	case 'c':
		v = next_arg(f);
		add_padded(f->out, &v, width, 1, left_aligned);
		break;
	case 'b': {
		struct text t = TEXT(sh);

		v = next_arg(f);
		t.taint = v.taint;
		text_add_unescaped(&t, v.text, v.bytes, false);
		v = text_take(&t);
		add_padded(f->out, &v, width, precision, left_aligned);
		break;
	}
	case 'd': case 'i': case 'u': case 'x': case 'X': case 'o':
		v = next_arg(f);
		add_number(f->out, &v, at[n]);
		break;
	default:
		next_arg(f);
		text_addc(f->out, GUARD_UNKNOWN);
	}
	return n + 1;
}

void print_formatted(struct shell *sh, struct text *out, struct guard_value *words, size_t count)
{
	struct format f = { .out = out, .args = words + 1, .count = count > 0 ? count - 1 : 0 };
	const struct guard_value *format = &words[0];

	if (count == 0)
		return;
	out->taint |= format->taint;
	do {
		size_t before = f.at;

		for (size_t i = 0; i < format->bytes;) {
			size_t n = strcspn(format->text + i, "%");

			text_add_unescaped(out, format->text + i, n, true);
			i += n;
			if (i < format->bytes)
				i += 1 + add_directive(sh, &f, format->text + i + 1, format->bytes - i - 1);
		}
		if (f.at == before || !step(sh))
			break;
	} while (f.at < f.count && f.at < 4096);
}

/* ------------------------------------------------------------------------------------------------ what passes through */

/* What its files hold, or its stdin if it names none. first: the first word that may be a file. */
static struct guard_value contents(struct program *p, size_t first, const char *valued)
{
	struct text t = TEXT(p->sh);
	bool any = false;

	for (size_t i = first; i < p->count; i++) {
		const struct guard_value *w = &p->words[i];
		struct guard_value v;

		if (w->text[0] == '-' && w->bytes > 1) {
			if (w->text[1] != '-' && strchr(valued, w->text[w->bytes - 1]))
				i++;
			continue;
		}
		any = true;
		if (value_is(w, "-")) {
			v = p->input;
		} else if (value_begins(w, "/dev/stdin") || value_begins(w, "/dev/fd/") ||
			   value_begins(w, "/proc/self/fd/") || is_network_path(w->text)) {
			struct fd before = p->sh->fds[FD_COUNT - 1];
			struct file *f = file_find(p->sh, w->text);

			if (f) {
				v = f->content;
			} else {
				open_file(p->sh, FD_COUNT - 1, w->text, GUARD_READ);
				v = read_all(p->sh, &p->sh->fds[FD_COUNT - 1]);
				p->sh->fds[FD_COUNT - 1] = before;
			}
		} else {
			v = file_read(p->sh, w->text);
		}
		text_add_value(&t, &v);
	}
	return any ? text_take(&t) : p->input;
}

static void do_cat(struct program *p)
{
	print(p, contents(p, 1, text_in(p->name, "head tail") ? "nc" : text_in(p->name, "sort") ? "kotST" : ""));
}

static void do_tee(struct program *p)
{
	for (size_t i = 1; i < p->count; i++) {
		if (p->words[i].text[0] == '-')
			continue;
		if (is_network_path(p->words[i].text) && (p->input.taint & (GUARD_TAINT_SECRET | GUARD_TAINT_ENV)))
			add_fact(p->sh, GUARD_FACT_SENDS_SECRET, p->self, p->words[i].text);
		file_write(p->sh, p->words[i].text, &p->input, has_letter(p, 'a'));
	}
	print(p, p->input);
}

/* A text that some program made something else of: known only where we could do the same. */
static struct guard_value changed_text(struct program *p, const struct guard_value *v, unsigned taint,
				       void (*change)(struct text *t, const char *text, size_t bytes))
{
	struct text t = TEXT(p->sh);

	if (!v->known)
		return value_unknown(v->taint | taint);
	change(&t, v->text, v->bytes);
	t.taint |= v->taint | taint;
	return text_take(&t);
}

static void reverse_lines(struct text *t, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes;) {
		const char *end = memchr(text + i, '\n', bytes - i);
		size_t n = end ? (size_t)(end - text) - i : bytes - i;

		for (size_t k = n; k > 0; k--)
			text_addc(t, text[i + k - 1]);
		if (end)
			text_addc(t, '\n');
		i += n + 1;
	}
}

static void reverse_order(struct text *t, const char *text, size_t bytes)
{
	size_t end = bytes;

	while (end > 0) {
		size_t start = end - (text[end - 1] == '\n');

		while (start > 0 && text[start - 1] != '\n')
			start--;
		text_add(t, text + start, end - start);
		if (text[end - 1] != '\n')
			text_addc(t, '\n');
		end = start;
	}
}

static void do_rev(struct program *p)
{
	struct guard_value v = contents(p, 1, "");
	bool lines = strcmp(p->name, "tac") == 0;

	print(p, changed_text(p, &v, v.known ? 0 : GUARD_TAINT_DECODED, lines ? reverse_order : reverse_lines));
}

/* ------------------------------------------------------------------------------------------------ encodings */

static void decode_base32(struct text *t, const char *text, size_t bytes)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	unsigned bits = 0, held = 0;

	for (size_t i = 0; i < bytes && text[i] != '='; i++) {
		const char *at = memchr(letters, text[i], sizeof letters - 1);

		if (!at)
			continue;
		bits = bits << 5 | (unsigned)(at - letters);
		held += 5;
		if (held >= 8) {
			held -= 8;
			text_add_byte(t, bits >> held & 0xff);
		}
	}
}

static void encode_base64(struct text *t, const char *text, size_t bytes)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < bytes; i += 3) {
		unsigned n = (unsigned)(unsigned char)text[i] << 16;

		if (i + 1 < bytes)
			n |= (unsigned)(unsigned char)text[i + 1] << 8;
		if (i + 2 < bytes)
			n |= (unsigned char)text[i + 2];
		text_addc(t, letters[n >> 18 & 63]);
		text_addc(t, letters[n >> 12 & 63]);
		text_addc(t, i + 1 < bytes ? letters[n >> 6 & 63] : '=');
		text_addc(t, i + 2 < bytes ? letters[n & 63] : '=');
	}
	text_addc(t, '\n');
}

static void encode_hex(struct text *t, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		char digits[4];

		snprintf(digits, sizeof digits, "%02x", (unsigned char)text[i]);
		text_adds(t, digits);
	}
	text_addc(t, '\n');
}

static bool decodes(const struct program *p)
{
	return has_letter(p, 'd') || has_letter(p, 'D') || has_word(p, "--decode") || has_word(p, "--de") ||
	       has_word(p, "--dec") || has_word(p, "--decompress") || has_word(p, "--uncompress");
}

static void do_base64(struct program *p)
{
	struct guard_value v = contents(p, 1, "woi");
	bool base32 = strcmp(p->name, "base32") == 0;

	if (decodes(p))
		print(p, changed_text(p, &v, GUARD_TAINT_DECODED, base32 ? decode_base32 : text_add_base64));
	else if (base32)
		print(p, value_unknown(v.taint));
	else
		print(p, changed_text(p, &v, 0, encode_base64));
}

static void do_xxd(struct program *p)
{
	struct guard_value v = contents(p, 1, "clgos");

	if (!has_letter(p, 'r') && !has_word(p, "-revert"))
		print(p, has_letter(p, 'p') ? changed_text(p, &v, 0, encode_hex) : value_unknown(v.taint));
	else if (has_letter(p, 'p') || has_word(p, "-ps") || has_word(p, "-plain"))
		print(p, changed_text(p, &v, GUARD_TAINT_DECODED, text_add_hex));
	else
		print(p, value_unknown(v.taint | GUARD_TAINT_DECODED));
}

static void do_openssl(struct program *p)
{
	struct guard_value v = p->input;
	bool decode = has_word(p, "-d"), base64 = has_word(p, "base64") || has_word(p, "-base64") || has_word(p, "-a");

	for (size_t i = 1; i + 1 < p->count; i++)
		if (value_is(&p->words[i], "-in"))
			v = file_read(p->sh, p->words[i + 1].text);
	if (has_word(p, "s_client")) {
		print(p, value_unknown(GUARD_TAINT_NETWORK));
		return;
	}
	if (base64 && decode && (p->count < 2 || !has_word(p, "-k")))
		print(p, changed_text(p, &v, GUARD_TAINT_DECODED, text_add_base64));
	else
		print(p, value_unknown(v.taint | (decode ? GUARD_TAINT_DECODED : 0)));
}

/* gunzip, zcat, gpg -d, ...: text that was hidden and that we cannot read. */
static void do_unpack(struct program *p)
{
	struct guard_value v = contents(p, 1, "");
	bool always = text_in(p->name, "gunzip zcat bunzip2 bzcat unxz xzcat zstdcat unzstd uudecode lzcat gzcat "
		       "unlz4 lz4cat uncompress funzip");

	print(p, value_unknown(v.taint | (always || decodes(p) ? GUARD_TAINT_DECODED : 0)));
}

/* ------------------------------------------------------------------------------------------------ tr, sed, cut */

/* The characters of a set of tr's, ranges and classes written out. */
static size_t tr_set(const struct guard_value *v, unsigned char set[512])
{
	static const struct {
		const char *name;
		int (*is)(int c);
	} classes[] = {
		{ "[:alnum:]", isalnum }, { "[:alpha:]", isalpha }, { "[:blank:]", isblank }, { "[:cntrl:]", iscntrl },
		{ "[:digit:]", isdigit }, { "[:lower:]", islower }, { "[:punct:]", ispunct }, { "[:space:]", isspace },
		{ "[:upper:]", isupper }, { "[:xdigit:]", isxdigit },
	};
	unsigned char plain[1024];
	size_t count = 0, n = 0;

	for (size_t i = 0; i < v->bytes && count < sizeof plain; i++) {
		unsigned char c = (unsigned char)v->text[i];

		if (c == '\\' && i + 1 < v->bytes) {
			static const char letters[] = "abfnrtv", meant[] = "\a\b\f\n\r\t\v";
			const char *at = strchr(letters, v->text[++i]);
			unsigned octal = 0, digits = 0;

			while (digits < 3 && i < v->bytes && v->text[i] >= '0' && v->text[i] <= '7') {
				octal = octal * 8 + (unsigned)(v->text[i++] - '0');
				digits++;
			}
			i -= digits > 0;
			c = digits > 0	? (unsigned char)octal
			    : at && *at ? (unsigned char)meant[at - letters]
					: (unsigned char)v->text[i];
		}
		plain[count++] = c;
	}
	for (size_t i = 0; i < count && n < 256; i++) {
		bool found = false;

		for (size_t k = 0; k < ARRAY_SIZE(classes) && !found; k++)
			if (count - i >= strlen(classes[k].name) &&
			    memcmp(plain + i, classes[k].name, strlen(classes[k].name)) == 0) {
				for (int c = 1; c < 256 && n < 511; c++)
					if (classes[k].is(c))
						set[n++] = (unsigned char)c;
				i += strlen(classes[k].name) - 1;
				found = true;
			}
		if (found)
			continue;
		if (i + 2 < count && plain[i + 1] == '-' && plain[i + 2] >= plain[i]) {
			for (unsigned c = plain[i]; c <= plain[i + 2] && n < 511; c++)
				set[n++] = (unsigned char)c;
			i += 2;
		} else {
			set[n++] = plain[i];
		}
	}
	return n;
}

static void do_tr(struct program *p)
{
	bool deletes = has_letter(p, 'd') || has_word(p, "--delete"), squeezes = has_letter(p, 's');
	bool complement = has_letter(p, 'c') || has_letter(p, 'C');
	unsigned char from[512], to[512];
	size_t first = 1, from_count, to_count = 0;
	struct text t = TEXT(p->sh);

	while (first < p->count && p->words[first].text[0] == '-' && p->words[first].bytes > 1)
		first++;
	if (first >= p->count || !p->input.known || complement || !p->words[first].known) {
		print(p, value_unknown(p->input.taint | (squeezes || complement ? 0 : GUARD_TAINT_DECODED)));
		return;
	}
	from_count = tr_set(&p->words[first], from);
	if (first + 1 < p->count)
		to_count = tr_set(&p->words[first + 1], to);
	t.taint = p->input.taint;
	for (size_t i = 0; i < p->input.bytes; i++) {
		unsigned char c = (unsigned char)p->input.text[i];
		const unsigned char *at = NULL;

		for (size_t k = 0; k < from_count; k++)
			if (from[k] == c)
				at = from + k;
		if (at && deletes)
			continue;
		if (at && to_count > 0)
			c = (size_t)(at - from) < to_count ? to[at - from] : to[to_count - 1];
		if (c <= GUARD_ONE || (at && squeezes && t.bytes > 0 && t.text[t.bytes - 1] == (char)c))
			continue;
		text_addc(&t, (char)c);
	}
	print(p, text_take(&t));
}

/* s/from/to/g without anything special in it; false: more than that. */
static bool apply_substitution(struct program *p, const char *script, struct guard_value *v)
{
	char delimiter = script[1];
	const char *from = script + 2, *to, *flags;
	struct text t = TEXT(p->sh);
	size_t n, to_bytes;
	bool all;

	if (script[0] != 's' || !delimiter || strchr("\n\\", delimiter))
		return false;
	to = strchr(from, delimiter);
	flags = to ? strchr(to + 1, delimiter) : NULL;
	if (!flags)
		return false;
	n = (size_t)(to - from);
	to++;
	to_bytes = (size_t)(flags - to);
	flags++;
	all = strchr(flags, 'g') != NULL;
	if (n == 0 || strcspn(from, "\\.*[]^$+?(){}|") < n || strcspn(to, "\\&\n") < to_bytes ||
	    strspn(flags, "g") != strlen(flags))
		return false;
	t.taint = v->taint;
	for (size_t i = 0, done = 0; i < v->bytes;) {
		if (v->text[i] == '\n')
			done = 0;
		if ((all || !done) && v->bytes - i >= n && memcmp(v->text + i, from, n) == 0) {
			text_add(&t, to, to_bytes);
			i += n;
			done = 1;
		} else {
			text_add(&t, v->text + i++, 1);
		}
	}
	*v = text_take(&t);
	return true;
}

static void do_sed(struct program *p)
{
	struct guard_value v;
	size_t script = 1;

	while (script < p->count && p->words[script].text[0] == '-' && !value_is(&p->words[script], "-e"))
		script++;
	if (script < p->count && value_is(&p->words[script], "-e"))
		script++;
	v = contents(p, script + 1, "");
	if (script >= p->count || !v.known) {
		print(p, value_unknown(v.taint));
		return;
	}
	/* A script that only chooses lines keeps what runs in them. */
	if (!apply_substitution(p, p->words[script].text, &v) && strchr(p->words[script].text, 's'))
		v = value_unknown(v.taint);
	print(p, v);
}

static void cut_line(struct text *t, const char *line, size_t bytes, const char *list, char delimiter, bool characters)
{
	long field = 1, from = strtol(list, NULL, 10), until;
	const char *dash = strchr(list, '-');

	from = list[0] == '-' ? 1 : from;
	until = !dash ? from : dash[1] ? strtol(dash + 1, NULL, 10) : 1 << 30;
	if (characters) {
		for (size_t i = 0; i < bytes; i++)
			if ((long)i + 1 >= from && (long)i + 1 <= until)
				text_addc(t, line[i]);
		return;
	}
	if (!memchr(line, delimiter, bytes)) {
		text_add(t, line, bytes);
		return;
	}
	for (size_t i = 0; i < bytes; i++) {
		if (line[i] == delimiter) {
			field++;
			if (field > from && field <= until)
				text_addc(t, delimiter);
		} else if (field >= from && field <= until) {
			text_addc(t, line[i]);
		}
	}
}

static const char *short_value(const struct program *p, char letter)
{
	for (size_t i = 1; i < p->count; i++)
		if (p->words[i].text[0] == '-' && p->words[i].text[1] == letter)
			return p->words[i].text[2] ? p->words[i].text + 2
			       : i + 1 < p->count  ? p->words[i + 1].text
						   : NULL;
	return NULL;
}

static void do_cut(struct program *p)
{
	struct guard_value v = contents(p, 1, "dfcb");
	const char *fields = short_value(p, 'f'), *characters = short_value(p, 'c'), *delimiter = short_value(p, 'd');
	const char *list = characters ? characters : fields;
	struct text t = TEXT(p->sh);

	if (!v.known || !list || strchr(list, ',')) {
		print(p, value_unknown(v.taint));
		return;
	}
	t.taint = v.taint;
	for (size_t i = 0; i < v.bytes;) {
		const char *end = memchr(v.text + i, '\n', v.bytes - i);
		size_t n = end ? (size_t)(end - v.text) - i : v.bytes - i;

		cut_line(&t, v.text + i, n, list, delimiter ? delimiter[0] : '\t', characters != NULL);
		text_addc(&t, '\n');
		i += n + 1;
	}
	print(p, text_take(&t));
}

/* ------------------------------------------------------------------------------------------------ small programs */

static const struct guard_value *last_operand(const struct program *p)
{
	for (size_t i = p->count; i > 1; i--)
		if (p->words[i - 1].text[0] != '-' || p->words[i - 1].bytes == 1)
			return &p->words[i - 1];
	return NULL;
}

static void do_dirname(struct program *p)
{
	const struct guard_value *v = last_operand(p);
	size_t n;
	const char *slash;

	if (!v)
		return;
	if (v->text[0] == GUARD_UNKNOWN && !strchr(v->text, '/')) {
		print_line(p, value_unknown(v->taint));
		return;
	}
	n = v->bytes;
	while (n > 1 && v->text[n - 1] == '/')
		n--;
	slash = text_last_slash(v->text, n);
	if (!slash)
		print_line(p, value_of("."));
	else
		print_line(p,
			   value_copy(p->sh->walk->arena, v->text, slash == v->text ? 1 : (size_t)(slash - v->text)));
}

static void do_basename(struct program *p)
{
	const struct guard_value *v = p->count > 1 ? &p->words[1] : NULL;
	struct guard_value name;
	size_t n;
	const char *slash;

	if (!v)
		return;
	n = v->bytes;
	while (n > 1 && v->text[n - 1] == '/')
		n--;
	slash = n > 1 ? text_last_slash(v->text, n) : NULL;
	name = slash ? value_copy(p->sh->walk->arena, slash + 1, n - (size_t)(slash + 1 - v->text))
		     : value_copy(p->sh->walk->arena, v->text, n);
	if (p->count > 2 && name.bytes > p->words[2].bytes &&
	    strcmp(name.text + name.bytes - p->words[2].bytes, p->words[2].text) == 0)
		name = value_copy(p->sh->walk->arena, name.text, name.bytes - p->words[2].bytes);
	print_line(p, name);
}

static void do_realpath(struct program *p)
{
	const struct guard_value *v = last_operand(p);
	const char *abs = v ? absolute(p->sh, v->text) : NULL;

	print_line(p, abs ? value_of(abs) : value_unknown(v ? v->taint : 0));
}

static void do_pwd(struct program *p)
{
	print_line(p, var_value(p->sh, "PWD"));
}

/* which NAME, command -v NAME, type -p NAME: a program of that name. */
static void do_which(struct program *p)
{
	for (size_t i = 1; i < p->count; i++) {
		struct text t = TEXT(p->sh);

		if (p->words[i].text[0] == '-')
			continue;
		if (p->words[i].text[0] != '/')
			text_adds(&t, "/usr/bin/");
		text_add_value(&t, &p->words[i]);
		print_line(p, text_take(&t));
	}
}

/* ls *.o: the names that the patterns meet. What is in a directory, nobody knows. */
static void do_ls(struct program *p)
{
	struct text t = TEXT(p->sh);
	bool any = false;

	for (size_t i = 1; i < p->count; i++) {
		const struct guard_value *w = &p->words[i];
		const char *slash = text_last_slash(w->text, w->bytes), *name = slash ? slash + 1 : w->text;

		if (w->text[0] == '-' && w->bytes > 1 && w->bytes == strspn(w->text, "-1aAdtrSvUcfu"))
			continue;
		if (w->text[0] == '-' || strchr(w->text, GUARD_UNKNOWN) || !strpbrk(name, "\002\003") || !strchr(name, '.')) {
			print(p, value_unknown(p->input.taint));
			return;
		}
		text_add_value(&t, w);
		text_addc(&t, '\n');
		any = true;
	}
	print(p, any ? text_take(&t) : value_unknown(0));
}

/* date's format, with the digits of now. False: there is more in it than these. */
static bool add_date(struct text *t, const char *format)
{
	time_t seconds = time(NULL);
	char part[32];
	struct tm now;

	if (!localtime_r(&seconds, &now))
		return false;
	for (const char *at = format; *at; at++) {
		if (*at != '%') {
			text_addc(t, *at);
			continue;
		}
		switch (*++at) {
		case 'F': strftime(part, sizeof part, "%F", &now); break;
		case 'T': strftime(part, sizeof part, "%T", &now); break;
		case 'Y': strftime(part, sizeof part, "%Y", &now); break;
		case 'm': strftime(part, sizeof part, "%m", &now); break;
		case 'd': strftime(part, sizeof part, "%d", &now); break;
		case 'H': strftime(part, sizeof part, "%H", &now); break;
		case 'M': strftime(part, sizeof part, "%M", &now); break;
		case 'S': strftime(part, sizeof part, "%S", &now); break;
		case 's': snprintf(part, sizeof part, "%lld", (long long)seconds); break;
		case 'n': strcpy(part, "\n"); break;
		case 't': strcpy(part, "\t"); break;
		case '%': strcpy(part, "%"); break;
		default: return false;
		}
		text_adds(t, part);
	}
	return true;
}

/* uname -m, hostname, date +%F: as this machine says it. */
static void do_machine(struct program *p)
{
	const char *w = p->count == 2 ? p->words[1].text : "", *said = NULL;
	struct utsname machine;

	if (strcmp(p->name, "date") == 0) {
		struct text t = TEXT(p->sh);

		if (w[0] == '+' && p->words[1].known && add_date(&t, w + 1))
			said = text_take(&t).text;
	} else if (uname(&machine) == 0) {
		if (strcmp(p->name, "hostname") == 0 && p->count == 1)
			said = machine.nodename;
		else if (strcmp(p->name, "uname") == 0 && (p->count == 1 || !strcmp(w, "-s")))
			said = machine.sysname;
		else if (strcmp(p->name, "uname") == 0)
			said = !strcmp(w, "-m") || !strcmp(w, "-p") ? machine.machine
			       : !strcmp(w, "-r")		    ? machine.release
			       : !strcmp(w, "-n")		    ? machine.nodename
								    : NULL;
	}
	print_line(p, said && *said ? value_copy(p->sh->walk->arena, said, strlen(said)) : value_unknown(p->input.taint));
}

static void do_seq(struct program *p)
{
	struct text t = TEXT(p->sh);
	long long from = 1, by = 1, to;
	size_t n = p->count - 1;

	for (size_t i = 1; i < p->count; i++)
		if (!p->words[i].known || p->words[i].text[strspn(p->words[i].text, "-0123456789")])
			n = 0;
	if (n < 1 || n > 3) {
		print(p, value_unknown(0));
		return;
	}
	to = strtoll(p->words[n].text, NULL, 10);
	if (n > 1)
		from = strtoll(p->words[1].text, NULL, 10);
	if (n > 2)
		by = strtoll(p->words[2].text, NULL, 10);
	for (int count = 0; by && count < 300 && (by > 0 ? from <= to : from >= to); from += by, count++) {
		char digits[32];

		snprintf(digits, sizeof digits, "%lld\n", from);
		text_adds(&t, digits);
	}
	print(p, text_take(&t));
}

static void do_mktemp(struct program *p)
{
	char unique[16];
	struct text t = TEXT(p->sh);
	const struct guard_value *template = p->count > 1 ? &p->words[p->count - 1] : NULL;
	bool own = template && template->text[0] != '-' && strstr(template->text, "XXX");

	if (own && !strchr(template->text, '/') && (has_letter(p, 't') || has_letter(p, 'p')))
		text_adds(&t, "/tmp/");
	if (own)
		text_add(&t, template->text, strcspn(template->text, "X"));
	else
		text_adds(&t, "/tmp/tmp.");
	snprintf(unique, sizeof unique, "%u", p->sh->walk->process_files++);
	text_adds(&t, unique);
	text_addc(&t, GUARD_UNKNOWN);
	print_line(p, text_take(&t));
}

static bool names_secret(const char *name)
{
	static const char *const parts[] = { "TOKEN",	"SECRET", "PASSWORD",	 "PASSWD",
					     "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIAL" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

static void do_printenv(struct program *p)
{
	const struct guard_value *name = last_operand(p);
	struct guard_value v;

	if (!name) {
		print(p, value_unknown(GUARD_TAINT_ENV));
		return;
	}
	v = var_value(p->sh, name->text);
	if (names_secret(name->text))
		v.taint |= GUARD_TAINT_SECRET;
	print_line(p, v);
}

static void do_whoami(struct program *p)
{
	print_line(p, var_value(p->sh, "USER"));
}

static void do_yes(struct program *p)
{
	print_line(p, p->count > 1 ? words_as_code(p->sh, p->words + 1, p->count - 1) : value_of("y"));
}

/* ------------------------------------------------------------------------------------------------ all others */

static bool prints_nothing(const char *name)
{
	return text_in(name, "true false cd mkdir rm rmdir touch cp mv ln chmod chown chgrp sleep kill killall pkill "
		       "wait umask ulimit logger mkfifo mknod install truncate sync clear tput stty chsh bg fg disown enable complete compgen caller break continue logout");
}

/* eval "$(X)" is how these are meant to be used: what they print sets variables. */
static bool prints_settings(const struct program *p)
{
	const char *verb = p->count > 1 ? p->words[1].text : "";

	if (text_in(p->name, "ssh-agent gpg-agent keychain dircolors lesspipe tset resize "
		       "register-python-argcomplete gnome-keyring-daemon thefuck locale getopt stty envman guix opam luarocks fnm jabba"))
		return true;
	if (text_in(verb, "completion completions shellenv init activate hook shell-hook docker-env env setup "
		       "shell.bash shell.zsh generate-shell-completion shell export hook-env virtualenv-init"))
		return !text_in(p->name, "curl wget env");
	return false;
}

/* Programs that name files without showing what is in them. */
static bool only_names_files(const char *name)
{
	return text_in(name, "ls stat file du df wc sha256sum sha1sum md5sum cksum git ssh-keygen test [ tree find "
		       "fd lsattr getfacl readlink basename dirname id ps type ssh-add ssh");
}

static bool reads_secrets(const struct program *p)
{
	const char *verb = p->count > 1 ? p->words[1].text : "", *second = p->count > 2 ? p->words[2].text : "";

	if (strcmp(p->name, "history") == 0)
		return true;
	if (strcmp(p->name, "security") == 0)
		return text_in(verb, "find-generic-password find-internet-password dump-keychain export");
	if (text_in(p->name, "secret-tool keyring pass gopass lpass op bw vault doppler chamber"))
		return text_in(verb, "lookup search get show read item kv secrets export list");
	if (strcmp(p->name, "aws") == 0)
		return strcmp(verb, "secretsmanager") == 0 ||
		       (strcmp(verb, "ssm") == 0 && strncmp(second, "get-", 4) == 0) ||
		       (strcmp(verb, "configure") == 0 && strcmp(second, "get") == 0) ||
		       (strcmp(verb, "configure") == 0 && strcmp(second, "export-credentials") == 0);
	if (strcmp(p->name, "gh") == 0 || strcmp(p->name, "glab") == 0)
		return strcmp(verb, "auth") == 0 && strcmp(second, "token") == 0;
	if (strcmp(p->name, "gcloud") == 0)
		return (strcmp(verb, "auth") == 0 && strncmp(second, "print-", 6) == 0) || strcmp(verb, "secrets") == 0;
	if (strcmp(p->name, "kubectl") == 0)
		return strcmp(verb, "get") == 0 && (strncmp(second, "secret", 6) == 0);
	if (strcmp(p->name, "az") == 0)
		return strcmp(verb, "keyvault") == 0 ||
		       (strcmp(verb, "account") == 0 && strcmp(second, "get-access-token") == 0);
	if (strcmp(p->name, "gpg") == 0 || strcmp(p->name, "gpg2") == 0)
		return has_word(p, "--export-secret-keys") || has_word(p, "--export-secret-key") ||
		       has_word(p, "--export-secret-subkeys");
	return false;
}

/* ps | grep ccm | awk ..., pgrep ccm, systemctl show ccm-supervisor. */
static unsigned processes(const struct program *p, unsigned taint)
{
	if (text_in(p->name, "ps pgrep pidof pstree lsof systemctl launchctl"))
		taint |= GUARD_TAINT_PROCESSES;
	for (size_t i = 1; taint & GUARD_TAINT_PROCESSES && i < p->count; i++)
		if (strstr(p->words[i].text, "ccm"))
			taint |= GUARD_TAINT_OF_CCM;
	return taint;
}

static void do_other(struct program *p)
{
	unsigned taint = p->input.taint;

	if (prints_nothing(p->name))
		return;
	if (prints_settings(p)) {
		print(p, value_of("\n"));
		return;
	}
	if (reads_secrets(p))
		taint |= GUARD_TAINT_SECRET;
	if (text_in(p->name, "curl curlie wget wget2 aria2c nc ncat netcat telnet socat ftp lftp lynx links w3m http "
		       "https httpie xh fetch GET iwr irm Invoke-WebRequest Invoke-RestMethod invoke-webrequest invoke-restmethod"))
		taint = GUARD_TAINT_NETWORK;
	for (size_t i = 1; i < p->count; i++) {
		const char *equals = strchr(p->words[i].text, '=');

		taint |= p->words[i].taint;
		if (only_names_files(p->name))
			continue;
		taint |= file_taint(p->sh, p->words[i].text, true);
		if (equals)
			taint |= file_taint(p->sh, equals + 1, true);
	}
	/* git show HEAD:.env and the like print what is in a file. */
	if (strcmp(p->name, "git") == 0)
		for (size_t i = 1; i < p->count; i++) {
			const char *colon = strchr(p->words[i].text, ':');

			if (colon && (has_word(p, "show") || has_word(p, "cat-file")))
				taint |= file_taint(p->sh, colon + 1, false);
		}
	print(p, value_unknown(processes(p, taint)));
}

void print_output(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	static const struct {
		const char *names;
		void (*run)(struct program *p);
	} programs[] = {
		{ " echo ", do_echo },
		{ " cat bat batcat head tail sort uniq less more nl column expand unexpand fmt fold pv sponge ts unbuffer dos2unix "
		  "grep egrep fgrep rg ag ack zgrep ugrep ", do_cat },
		{ " tee ", do_tee },
		{ " rev tac ", do_rev },
		{ " base64 base32 gbase64 ", do_base64 },
		{ " xxd ", do_xxd },
		{ " openssl ", do_openssl },
		{ " gunzip zcat gzip bunzip2 bzcat bzip2 unxz xzcat xz zstd zstdcat unzstd lz4 lz4cat unlz4 uudecode lzcat gzcat uncompress "
		  "gpg gpg2 age funzip base58 basenc brotli ", do_unpack },
		{ " tr ", do_tr },
		{ " sed gsed ", do_sed },
		{ " cut ", do_cut },
		{ " dirname ", do_dirname },
		{ " basename ", do_basename },
		{ " realpath readlink ", do_realpath },
		{ " pwd ", do_pwd },
		{ " which type whereis ", do_which },
		{ " ls gls ", do_ls },
		{ " uname hostname date ", do_machine },
		{ " seq ", do_seq },
		{ " mktemp ", do_mktemp },
		{ " printenv ", do_printenv },
		{ " whoami logname ", do_whoami },
		{ " yes ", do_yes },
	};
	struct program p = { .sh = sh, .name = name, .words = words, .count = count, .self = self,
			     .input = sh->fds[0].kind == FD_UNKNOWN ? value_unknown(0) : read_all(sh, &sh->fds[0]) };
	struct text key = TEXT(sh);
	struct guard_value found;
	const char *wanted;

	text_addc(&key, ' ');
	text_adds(&key, name);
	text_addc(&key, ' ');
	wanted = text_take(&key).text;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (strstr(programs[i].names, wanted)) {
			/* grep's first word is what it looks for, not where. */
			if (programs[i].run == do_cat && (strstr(name, "grep") || text_in(name, "rg ag ack"))) {
				found = contents(&p, 2, "eABCmf");
				if (!has_word(&p, "-v"))
					found.taint = processes(&p, found.taint);
				print(&p, found);
				return;
			}
			programs[i].run(&p);
			return;
		}
	do_other(&p);
}
