/* SPDX-License-Identifier: MIT */
#include "overrule.h"

#include <errno.h>
#include <string.h>

#include "libccm/clock.h"
#include "libccm/sha256.h"
#include "libccm/uuid.h"

/* Each part with its length in front, so that none can be taken for another. */
static void subject(const struct guard_refusal *r, char hex[CCM_SHA256_HEX + 1])
{
	const struct { const char *text; size_t bytes; } parts[] = {
		{ r->tool, strlen(r->tool) }, { r->directory, strlen(r->directory) }, { r->input, r->input_bytes },
	};
	struct ccm_sha256 h;

	ccm_sha256_begin(&h);
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t bytes = parts[i].bytes;

		ccm_sha256_add(&h, &bytes, sizeof bytes);
		ccm_sha256_add(&h, parts[i].text, parts[i].bytes);
	}
	ccm_sha256_end(&h, hex);
}

/* Without the letters and digits that people mistake for each other. */
static void make_code(char code[GUARD_CODE_CHARS + 1])
{
	static const char letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
	unsigned char random[GUARD_CODE_CHARS];

	ccm_random_bytes(random, sizeof random);
	for (size_t i = 0; i < GUARD_CODE_CHARS; i++)
		code[i] = i == 4 ? '-' : letters[random[i] % 32];
	code[GUARD_CODE_CHARS] = '\0';
}

int guard_overrule_passes(struct ccm_db *db, const struct guard_refusal *r)
{
	char hex[CCM_SHA256_HEX + 1];
	int n;

	subject(r, hex);
	n = ccm_db_exec(db, Q_REFUSAL_PASS, DB_ARGS(
		DB_INT("now_ms", ccm_now_ms()), DB_TEXT("session_id", r->session_id), DB_TEXT("project", r->project),
		DB_TEXT("subject", hex)));
	return n > 0 ? 1 : n;
}

int guard_overrule_refuse(struct ccm_db *db, const struct guard_refusal *r, char code[GUARD_CODE_CHARS + 1])
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	char hex[CCM_SHA256_HEX + 1], fresh[GUARD_CODE_CHARS + 1];
	const char *kept;
	int n;

	subject(r, hex);
	make_code(fresh);
	n = ccm_db_query(db, Q_REFUSAL_PUT, DB_ARGS(
		DB_TEXT("code", fresh), DB_TEXT("session_id", r->session_id), DB_TEXT("project", r->project),
		DB_TEXT("subject", hex), DB_TEXT("tool", r->tool), DB_TEXT("rule", r->rule), DB_TEXT("rule_group", r->group),
		DB_TEXT("event_uuid", r->event_uuid), DB_INT("now_ms", ccm_now_ms())), &rows);
	if (n == 0)
		n = ccm_rows_next(&rows);
	if (n < 0)
		return n;
	kept = n ? ccm_rows_text(&rows, "code") : NULL;
	if (!kept || strlen(kept) != GUARD_CODE_CHARS)
		return -CCM_E_SQL;
	strcpy(code, kept);
	/* The row is written when the statement ends. */
	n = ccm_rows_next(&rows);
	return n < 0 ? n : 0;
}

int guard_overrule_detours(struct ccm_db *db, const struct guard_refusal *r, int64_t *ret)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	int n = ccm_db_query(db, Q_REFUSAL_DETOURS, DB_ARGS(DB_TEXT("session_id", r->session_id),
							    DB_TEXT("rule_group", r->group)), &rows);

	if (n == 0)
		n = ccm_rows_next(&rows);
	if (n < 0)
		return n;
	*ret = n ? ccm_rows_int(&rows, "count") : 0;
	return 0;
}
