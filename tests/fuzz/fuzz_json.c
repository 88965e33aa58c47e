/* SPDX-License-Identifier: MIT */
/* The JSON scanner against jansson: what one accepts, the other reads the same. */
#include "fuzz.h"

#include <jansson.h>

#include "libccm/json.h"
#include "libccm/macros.h"
#include "libccm/utf8.h"

/* Limits of jansson that are none of JSON. */
static bool is_limit(const json_error_t *error)
{
	return json_error_code(error) == json_error_stack_overflow || json_error_code(error) == json_error_numeric_overflow;
}

/* jansson takes only UTF-8, no \u0000 and no lone surrogates; the repaired text has none of those. */
static void check_repaired(const char *text, size_t bytes, const struct ccm_json *value)
{
	_cleanup_sbuf_ struct ccm_sbuf repaired = { 0 };
	struct ccm_json again;
	json_error_t error;
	json_auto_t *tree = NULL;

	ccm_json_repair(&repaired, text, bytes);
	MUST(ccm_json_parse(repaired.text, repaired.bytes, &again, NULL) == 0);
	MUST(again.type == value->type);
	tree = json_loadb(repaired.text, repaired.bytes, JSON_DECODE_ANY, &error);
	if (!tree && is_limit(&error))
		return;
	if (!tree)
		fprintf(stderr, "jansson: %s\n", error.text);
	MUST(tree);
	if (value->type == CCM_JSON_STRING) {
		_cleanup_free_ char *decoded = ccm_json_string(value);

		MUST(strcmp(decoded, json_string_value(tree)) == 0);
	}
	if (value->type == CCM_JSON_OBJECT) {
		const char *name;
		json_t *member;
		int left = 16;

		json_object_foreach(tree, name, member) {
			struct ccm_json found;

			MUST(ccm_json_member(value, name, &found));
			if (json_is_string(member)) {
				_cleanup_free_ char *decoded = ccm_json_string(&found);

				MUST(strcmp(decoded, json_string_value(member)) == 0);
			}
			if (--left == 0)
				break;
		}
	}
}

static void check_refused(const char *text, size_t bytes)
{
	/* jansson takes a NUL for the end of the text. */
	json_auto_t *tree = memchr(text, '\0', bytes) ? NULL : json_loadb(text, bytes, JSON_DECODE_ANY, NULL);

	MUST(!tree);
}

static void check_strings(const struct ccm_json *value)
{
	_cleanup_sbuf_ struct ccm_sbuf once = { 0 }, quoted = { 0 }, twice = { 0 };
	struct ccm_json again;

	if (value->type != CCM_JSON_STRING)
		return;
	ccm_json_decode(value, &once);
	MUST(ccm_utf8_valid(ccm_sbuf_str(&once), once.bytes));
	MUST(!memchr(ccm_sbuf_str(&once), '\0', once.bytes));
	ccm_json_quote(&quoted, ccm_sbuf_str(&once), once.bytes);
	MUST(ccm_json_parse(quoted.text, quoted.bytes, &again, NULL) == 0 && again.type == CCM_JSON_STRING);
	ccm_json_decode(&again, &twice);
	MUST(once.bytes == twice.bytes && memcmp(ccm_sbuf_str(&once), ccm_sbuf_str(&twice), once.bytes) == 0);
	MUST(ccm_json_is(value, ccm_sbuf_str(&once)));
}

/* Members one by one; where it fails although more text might mend it, what came before can be closed. */
static void check_members(const char *text, size_t bytes, bool whole)
{
	_cleanup_sbuf_ struct ccm_sbuf closed = { 0 };
	struct ccm_json_iter it;
	struct ccm_json key, value, again;
	const char *last = text;
	unsigned line, column;
	int r;

	ccm_json_iter_text(&it, text, bytes);
	while ((r = ccm_json_next(&it, &key, &value)) > 0) {
		MUST(value.text >= last && value.bytes > 0 && value.text + value.bytes <= text + bytes);
		MUST(value.type != CCM_JSON_NONE);
		last = value.text + value.bytes;
		check_strings(&key);
		check_strings(&value);
		MUST(ccm_json_parse(value.text, value.bytes, &again, NULL) == 0);
		MUST(again.bytes == value.bytes && again.type == value.type);
	}
	MUST(ccm_json_next(&it, &key, &value) == r);
	if (r == 0) {
		MUST(it.at <= text + bytes);
		return;
	}
	MUST(!whole || it.error.offset == 0 || !it.started);
	MUST(it.error.what && it.error.offset <= bytes);
	ccm_json_position(text, it.error.offset, &line, &column);
	MUST(line >= 1 && column >= 1);
	if (!it.started || !it.error.at_end)
		return;
	ccm_json_close(&it, &closed);
	r = ccm_json_parse(closed.text, closed.bytes, &again, NULL);
	if (r < 0)
		fprintf(stderr, "closed: %s\n", closed.text);
	MUST(r == 0);
}

/* Laid out for people it is the same document; trimmed it is one with shorter texts. */
static void check_copies(const char *text, size_t bytes)
{
	_cleanup_sbuf_ struct ccm_sbuf pretty = { 0 }, again = { 0 }, trimmed = { 0 };
	struct ccm_json value;
	size_t cut;

	ccm_json_pretty(&pretty, text, bytes);
	MUST(ccm_json_parse(pretty.text, pretty.bytes, &value, NULL) == 0);
	ccm_json_pretty(&again, pretty.text, pretty.bytes);
	MUST(again.bytes == pretty.bytes && memcmp(again.text, pretty.text, again.bytes) == 0);
	cut = ccm_json_trim(&trimmed, text, bytes, 8);
	MUST(ccm_json_parse(trimmed.text, trimmed.bytes, &value, NULL) == 0);
	if (cut == 0)
		MUST(trimmed.bytes == bytes && memcmp(trimmed.text, text, bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = fuzz_copy(data, size);
	struct ccm_json value, found;
	struct ccm_json_error error = { 0 };
	int r = ccm_json_parse(text, size, &value, &error);
	size_t cut = size ? fuzz_hash(data, size) % size : 0;
	_cleanup_free_ char *part = fuzz_copy(data, cut);

	if (r == 0) {
		check_repaired(text, size, &value);
		check_strings(&value);
		check_copies(text, size);
		ccm_json_path(&value, "a.0.b", &found);
	} else {
		MUST(error.what && error.offset <= size);
		check_refused(text, size);
	}
	check_members(text, size, r == 0);
	check_members(part, cut, false);
	return 0;
}
