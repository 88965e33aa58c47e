/* SPDX-License-Identifier: MIT */
/* Lets what security-guard refused run all the same. A person's command: an agent is refused. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "halt.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/term.h"
#include "person.h"
#include "print.h"

#define CODE_CHARS 9

/* As it was printed: people type small letters and leave the dash out. */
static bool read_code(const char *text, char code[CODE_CHARS + 1])
{
	size_t n = 0;

	for (; *text; text++) {
		if (*text == '-' || *text == ' ')
			continue;
		if (n == 4)
			code[n++] = '-';
		if (n == CODE_CHARS || !isalnum((unsigned char)*text))
			return false;
		code[n++] = (char)toupper((unsigned char)*text);
	}
	code[n] = '\0';
	return n == CODE_CHARS;
}

static int allow(struct ctx *ctx, const char *code, bool session)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	int64_t now = ccm_now_ms(), until = now + ctx->settings.guard_overrule_ms;
	_cleanup_free_ char *session_id = NULL;
	const char *what, *project;
	char when[32];
	int64_t id;
	int r = ccm_db_query(ctx->db, Q_REFUSAL_BY_CODE, DB_ARGS(DB_TEXT("code", code)), &rows);

	if (r == 0)
		r = ccm_rows_next(&rows);
	if (r < 0)
		return r;
	if (r == 0) {
		ccm_error("nothing was refused with the code %s; the agent was told the right one", code);
		return -CCM_E_SAID;
	}
	what = ccm_rows_text(&rows, "what");
	project = ccm_rows_text(&rows, "project");
	ccm_sbuf_addf(&out, "Allowed %s%s, in this session only (%.8s), from rule %s:\n",
		      session ? "until the session ends" : "until ", session ? "" : ccm_time_format(until, false, when, sizeof when),
		      ccm_rows_text(&rows, "session_id"), ccm_rows_text(&rows, "rule"));
	for (const char *p = what ? what : "(its text is not on record)"; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		ccm_sbuf_adds(&out, "    ");
		ccm_term_clean(&out, p, strcspn(p, "\n"), CCM_CLEAN_LINE);
		ccm_sbuf_addc(&out, '\n');
	}
	if (project && *project) {
		ccm_sbuf_adds(&out, "in the project ");
		ccm_term_clean(&out, project, strlen(project), CCM_CLEAN_LINE);
		ccm_sbuf_adds(&out, ". ");
	}
	ccm_sbuf_adds(&out, "Tell the agent to try again.\n");
	id = ccm_rows_int(&rows, "id");
	session_id = strdup(ccm_rows_text(&rows, "session_id"));
	if (!session_id)
		return -ENOMEM;
	/* What still reads cannot write once another process has written. */
	ccm_rows_done(&rows);
	r = ccm_db_exec(ctx->db, Q_REFUSAL_ALLOW, DB_ARGS(DB_INT("id", id), DB_INT("now_ms", now),
							  DB_INT_IF("until_ms", !session, until)));
	if (r >= 0)
		r = halt_end(ctx->db, session_id);
	return r < 0 ? r : print_out(&out);
}

int cmd_allow_once(struct ctx *ctx, int argc, char **argv)
{
	bool session = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("session", 0, &session, "until the session ends, not for [guard] overrule (10m)"),
		OPT_END
	};
	struct ccm_diag diag = { 0 };
	char code[CODE_CHARS + 1];
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = person_check(&diag);
	if (r < 0) {
		ccm_error("only a person can overrule security-guard, on a terminal of their own: %s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	if (!read_code(argv[0], code))
		return ccm_opt_error(&ctx->usage, "a code has eight letters and digits, as in K7QX-3M9P, not '%s'", argv[0]);
	return allow(ctx, code, session);
}
