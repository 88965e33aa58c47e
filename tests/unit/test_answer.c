/* SPDX-License-Identifier: MIT */
/* answer: the host's rules for what a hook says, and ours for what several say together.
 *
 * Every rendered answer is also held against host_rules.h, which was written from the host's side. */
#include "libccm/answer.h"

#include <errno.h>

#include "check.h"
#include "libccm/json.h"
#include "libccm/macros.h"
#include "tests/host_rules.h"

/* ---- one automation ---- */

struct said {
	int status;                  /* exit status; -1: see signal or how */
	const char *out, *err;
	char how;                    /* 'T' timed out, 'I' interrupted, 'E' not started, 'S' by a signal, 'C' cut */
};

static int read_said(const char *event, const struct said *s, struct ccm_answer *ret)
{
	struct ccm_proc_result p = { .exit_status = s->status };
	int r;

	ccm_sbuf_adds(&p.out, s->out ? s->out : "");
	ccm_sbuf_adds(&p.err, s->err ? s->err : "");
	p.out_bytes = p.out.bytes + (s->how == 'C');
	p.err_bytes = p.err.bytes;
	p.timed_out = s->how == 'T';
	p.interrupted = s->how == 'I';
	p.error = s->how == 'E' ? -ENOENT : 0;
	p.signal = s->how == 'S' ? 11 : 0;
	if (s->how && s->how != 'C')
		p.exit_status = -1;
	p.took_us = 1234567;
	r = ccm_answer_read(event, ccm_host_event(event), &p, ret);
	ccm_proc_result_done(&p);
	return r;
}

#define SPECIFIC(event, members) "{\"hookSpecificOutput\":{\"hookEventName\":\"" event "\"" members "}}"
#define PRE(members) SPECIFIC("PreToolUse", members)
#define DENY PRE(",\"permissionDecision\":\"deny\",\"permissionDecisionReason\":\"no\"")
#define ALLOW PRE(",\"permissionDecision\":\"allow\"")

static const struct {
	const char *event;
	struct said said;
	enum ccm_verdict verdict;
	const char *reason, *context;
	bool failed;
	const char *problem;         /* a part of it */
} readings[] = {
	/* Nothing to say. */
	{ "PreToolUse", { 0, "", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },
	{ "PreToolUse", { 0, " \n\t\n", "chatter", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },
	{ "PreToolUse", { 0, "{}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },

	/* Verdicts. */
	{ "PreToolUse", { 0, DENY, "", 0 }, CCM_VERDICT_DENY, "no", NULL, false, NULL },
	{ "PreToolUse", { 0, ALLOW, "", 0 }, CCM_VERDICT_ALLOW, NULL, NULL, false, NULL },
	{ "PreToolUse", { 0, PRE(",\"permissionDecision\":\"ask\""), "", 0 }, CCM_VERDICT_ASK, NULL, NULL, false, NULL },
	{ "PreToolUse", { 0, PRE(",\"permissionDecision\":\"defer\""), "", 0 }, CCM_VERDICT_DEFER, NULL, NULL, false, NULL },
	{ "PreToolUse", { 0, "{\"decision\":\"block\",\"reason\":\"r\"}", "", 0 }, CCM_VERDICT_DENY, "r", NULL, false, NULL },
	{ "PreToolUse", { 0, "{\"decision\":\"approve\"}", "", 0 }, CCM_VERDICT_ALLOW, NULL, NULL, false, NULL },
	{ "PostToolUse", { 0, "{\"decision\":\"block\",\"reason\":\"r\"}", "", 0 }, CCM_VERDICT_DENY, "r", NULL, false, NULL },
	{ "PreToolUse", { 0, "{\"permissionDecision\":\"deny\"}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },
	{ "PermissionRequest", { 0, SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"deny\",\"message\":\"m\"}"), "", 0 },
	  CCM_VERDICT_DENY, "m", NULL, false, NULL },
	{ "PermissionRequest", { 0, SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"allow\"}"), "", 0 },
	  CCM_VERDICT_ALLOW, NULL, NULL, false, NULL },
	{ "Elicitation", { 0, SPECIFIC("Elicitation", ",\"action\":\"decline\""), "", 0 }, CCM_VERDICT_DENY, NULL, NULL, false, NULL },
	{ "Elicitation", { 0, SPECIFIC("Elicitation", ",\"action\":\"accept\",\"content\":{}"), "", 0 },
	  CCM_VERDICT_NONE, NULL, NULL, false, NULL },

	/* The exit status. */
	{ "PreToolUse", { 2, "", " why \n", 0 }, CCM_VERDICT_DENY, "why", NULL, false, NULL },
	{ "PreToolUse", { 2, "text", "", 0 }, CCM_VERDICT_DENY, "blocked with exit status 2 and no message", NULL, false, NULL },
	{ "PreToolUse", { 2, ALLOW, "why", 0 }, CCM_VERDICT_DENY, "why", NULL, false, NULL },
	{ "PreToolUse", { 2, DENY, "why", 0 }, CCM_VERDICT_DENY, "no", NULL, false, NULL },
	{ "PreToolUse", { 2, PRE(",\"additionalContext\":\"c\""), "why", 0 }, CCM_VERDICT_DENY, "why", "c", false, NULL },
	{ "PreToolUse", { 2, "{\"decision\":null}", "why", 0 }, CCM_VERDICT_DENY, "why", NULL, false, "must be approve or block" },
	{ "PreToolUse", { 2, "out", "why", 'C' }, CCM_VERDICT_DENY, "why", NULL, false, "printed" },
	{ "NewEvent", { 2, "", "why", 0 }, CCM_VERDICT_DENY, "why", NULL, false, NULL },
	{ "PreToolUse", { 1, DENY, "", 0 }, CCM_VERDICT_DENY, "no", NULL, false, NULL },
	{ "PreToolUse", { 127, DENY, "", 0 }, CCM_VERDICT_DENY, "no", NULL, false, NULL },
	{ "PreToolUse", { 0, DENY, "", 'S' }, CCM_VERDICT_DENY, "no", NULL, false, NULL },
	{ "PreToolUse", { 1, "", "boom", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "exit status 1" },
	{ "PreToolUse", { 3, "text", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "exit status 3" },
	{ "UserPromptSubmit", { 1, "text", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "exit status 1" },
	{ "PreToolUse", { 0, "", "", 'S' }, CCM_VERDICT_NONE, NULL, NULL, true, "signal 11" },

	/* What was printed before the end that we had to make does not count. */
	{ "PreToolUse", { 0, DENY, "", 'T' }, CCM_VERDICT_NONE, NULL, NULL, true, "deadline after 1234 ms" },
	{ "PreToolUse", { 0, DENY, "", 'I' }, CCM_VERDICT_NONE, NULL, NULL, true, "asked to end" },
	{ "PreToolUse", { 0, "", "", 'E' }, CCM_VERDICT_NONE, NULL, NULL, true, "interpreter" },
	{ "PreToolUse", { 0, DENY, "", 'C' }, CCM_VERDICT_NONE, NULL, NULL, true, "more than" },

	/* Plain text. */
	{ "SessionStart", { 0, "\n a fact\nand one more \n", "", 0 }, CCM_VERDICT_NONE, NULL, "a fact\nand one more", false, NULL },
	{ "UserPromptSubmit", { 0, "[1]", "", 0 }, CCM_VERDICT_NONE, NULL, "[1]", false, NULL },
	{ "UserPromptExpansion", { 0, "x", "", 0 }, CCM_VERDICT_NONE, NULL, "x", false, NULL },
	{ "UserPromptSubmit", { 0, "\xff", "", 0 }, CCM_VERDICT_NONE, NULL, "\357\277\275", false, NULL },
	{ "PostToolUse", { 0, "text", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },
	{ "PreCompact", { 0, "text", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },
	{ "NewEvent", { 0, "text", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },

	/* A document is the whole of stdout, a BOM aside. */
	{ "PreToolUse", { 0, "\xef\xbb\xbf\n " DENY "\n", "", 0 }, CCM_VERDICT_DENY, "no", NULL, false, NULL },
	{ "PreToolUse", { 0, DENY "\nbye", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "not one JSON document" },
	{ "PreToolUse", { 0, DENY DENY, "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "not one JSON document" },
	{ "PreToolUse", { 0, "{\"hookSpecificOutput\":{", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "ends too early" },
	{ "UserPromptSubmit", { 0, "{half", "", 0 }, CCM_VERDICT_NONE, NULL, "{half", true, "not one JSON document" },
	{ "PreToolUse", { 0, "note\n" DENY, "", 0 }, CCM_VERDICT_NONE, NULL, NULL, false, NULL },
	{ "SessionStart", { 0, SPECIFIC("SessionStart", ",\"additionalContext\":\"a\\u0000\\ud83d\xff\""), "", 0 },
	  CCM_VERDICT_NONE, NULL, "a\357\277\275\357\277\275\357\277\275", false, NULL },

	/* One thing wrong voids all of it. */
	{ "PreToolUse", { 0, "{\"reason\":null,\"decision\":\"block\"}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'reason'" },
	{ "PreToolUse", { 0, "{\"decision\":null}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'decision'" },
	{ "PreToolUse", { 0, "{\"decision\":\"deny\"}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "approve or block" },
	{ "PreToolUse", { 0, "{\"continue\":\"false\",\"decision\":\"block\"}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true,
	  "'continue' must be boolean, not string" },
	{ "PreToolUse", { 0, "{\"continue\":null}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'continue'" },
	{ "PreToolUse", { 0, "{\"systemMessage\":null}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'systemMessage'" },
	{ "PreToolUse", { 0, "{\"systemMessage\":[\"a\"]}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "not array" },
	{ "PreToolUse", { 0, "{\"stopReason\":1}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'stopReason'" },
	{ "PreToolUse", { 0, "{\"suppressOutput\":null}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'suppressOutput'" },
	{ "PreToolUse", { 0, "{\"hookSpecificOutput\":null}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'hookSpecificOutput'" },
	{ "PreToolUse", { 0, "{\"hookSpecificOutput\":{\"permissionDecision\":\"deny\"}}", "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true,
	  "needs \"hookEventName\": \"PreToolUse\"" },
	{ "PreToolUse", { 0, SPECIFIC("PostToolUse", ",\"permissionDecision\":\"deny\""), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true,
	  "'hookEventName' must be PreToolUse" },
	{ "PreToolUse", { 0, PRE(",\"permissionDecision\":\"Deny\""), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'permissionDecision'" },
	{ "PreToolUse", { 0, PRE(",\"permissionDecision\":null"), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'permissionDecision'" },
	{ "PreToolUse", { 0, PRE(",\"permissionDecision\":\"deny\",\"permissionDecisionReason\":null"), "", 0 }, CCM_VERDICT_NONE,
	  NULL, NULL, true, "'permissionDecisionReason'" },
	{ "PreToolUse", { 0, PRE(",\"additionalContext\":null"), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'additionalContext'" },
	{ "PreToolUse", { 0, PRE(",\"updatedInput\":null"), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'updatedInput'" },
	{ "PreToolUse", { 0, PRE(",\"updatedInput\":\"ls\""), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "must be object, not string" },
	{ "SessionStart", { 0, SPECIFIC("SessionStart", ",\"watchPaths\":\"/a\""), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true,
	  "'watchPaths' must be array" },
	{ "PostToolUse", { 0, SPECIFIC("PostToolUse", ",\"updatedToolOutput\":null"), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true,
	  "'updatedToolOutput' must not be null" },
	{ "Elicitation", { 0, SPECIFIC("Elicitation", ",\"action\":\"maybe\""), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'action'" },
	{ "PermissionRequest", { 0, SPECIFIC("PermissionRequest", ""), "", 0 }, CCM_VERDICT_NONE, NULL, NULL, true, "'decision'" },
	{ "PermissionRequest", { 0, SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"ask\"}"), "", 0 }, CCM_VERDICT_NONE,
	  NULL, NULL, true, "'behavior'" },
	{ "PermissionRequest", { 0, SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"allow\",\"updatedInput\":null}"), "", 0 },
	  CCM_VERDICT_NONE, NULL, NULL, true, "'updatedInput'" },
	{ "TaskCreated", { 0, "{\"decision\":\"block\",\"reason\":\"r\",\"hookSpecificOutput\":{\"hookEventName\":\"TaskCreated\"}}", "", 0 },
	  CCM_VERDICT_NONE, NULL, NULL, true, "TaskCreated has no 'hookSpecificOutput'" },

	/* What nobody knows is ignored. */
	{ "PreToolUse", { 0, "{\"decision\":\"block\",\"new\":null,\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"x\":null}}", "", 0 },
	  CCM_VERDICT_DENY, NULL, NULL, false, NULL },
};

static void test_reading(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		struct ccm_answer a;
		char label[400];

		snprintf(label, sizeof label, "%s, exit %d, %s", readings[i].event, readings[i].said.status, readings[i].said.out);
		check_case = label;
		CHECK_OR_DIE(read_said(readings[i].event, &readings[i].said, &a) == 0);
		CHECK_STR(ccm_verdict_name(a.verdict), ccm_verdict_name(readings[i].verdict));
		CHECK_STR(a.reason, readings[i].reason);
		CHECK_STR(a.context, readings[i].context);
		CHECK_INT(a.failed, readings[i].failed);
		if (readings[i].problem)
			CHECK_HAS(a.problem, readings[i].problem);
		else
			CHECK_STR(a.problem, NULL);
		ccm_answer_done(&a);
	}
	check_case = NULL;
}

static void test_all_members_are_read(void)
{
	static const struct said said = { 0, "{\"continue\":false,\"stopReason\":\"sr\",\"systemMessage\":\"sm\",\"terminalSequence\":\"\\u0007\","
		"\"suppressOutput\":true,\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"additionalContext\":\"c\","
		"\"updatedInput\":{\"command\": \"ls\"}}}", "", 0 };
	struct ccm_answer a;

	CHECK_OR_DIE(read_said("PreToolUse", &said, &a) == 0);
	CHECK(a.stop && !a.failed);
	CHECK_STR(a.stop_reason, "sr");
	CHECK_STR(a.message, "sm");
	CHECK_STR(a.sequence, "\a");
	CHECK_STR(a.context, "c");
	CHECK_STR(a.updated_input, "{\"command\": \"ls\"}");
	ccm_answer_done(&a);
}

/* ---- several ---- */

#define ANSWERS_MAX 6

static const struct {
	const char *what, *event;
	struct { int stage; struct said said; } said[ANSWERS_MAX];       /* by automations a, b, c, ...; stage 0 ends the list */
	const char *out, *err;
	int status;
	const char *verdict;
} merges[] = {
	{ "nobody has an opinion", "PreToolUse", { { 1, { 0, "", "", 0 } }, { 1, { 1, "", "x", 0 } } }, "", "", 0, "none" },
	{ "deny > ask > allow, each reason of the winners named", "PreToolUse",
	  { { 1, { 0, ALLOW, "", 0 } }, { 1, { 2, "", "one", 0 } }, { 1, { 0, PRE(",\"permissionDecision\":\"ask\""), "", 0 } },
	    { 1, { 2, "", "two", 0 } } },
	  PRE(",\"permissionDecision\":\"deny\",\"permissionDecisionReason\":\"b: one\\nd: two\"") "\n", "", 0, "deny" },
	{ "defer > ask", "PreToolUse",
	  { { 1, { 0, PRE(",\"permissionDecision\":\"defer\""), "", 0 } },
	    { 1, { 0, PRE(",\"permissionDecision\":\"ask\",\"permissionDecisionReason\":\"r\""), "", 0 } } },
	  PRE(",\"permissionDecision\":\"defer\"") "\n", "", 0, "defer" },
	{ "contexts and messages are joined in order, also with a deny", "PreToolUse",
	  { { 1, { 0, PRE(",\"additionalContext\":\"1\""), "", 0 } }, { 2, { 2, "{\"systemMessage\":\"m\"}", "no", 0 } },
	    { 2, { 0, "{\"systemMessage\":\"n\",\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"additionalContext\":\"2\"}}", "", 0 } } },
	  "{\"systemMessage\":\"m\\nn\",\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"permissionDecision\":\"deny\","
	  "\"permissionDecisionReason\":\"b: no\",\"additionalContext\":\"1\\n\\n2\"}}\n", "", 0, "deny" },
	{ "a rewrite needs no verdict", "PreToolUse", { { 1, { 0, PRE(",\"updatedInput\":{\"command\":\"ls\"}"), "", 0 } } },
	  PRE(",\"updatedInput\":{\"command\":\"ls\"}") "\n", "", 0, "none" },
	{ "a later stage rewrites what an earlier one wrote", "PreToolUse",
	  { { 1, { 0, PRE(",\"updatedInput\":{\"command\":\"a\"}"), "", 0 } }, { 2, { 0, PRE(",\"updatedInput\":{\"command\":\"b\"}"), "", 0 } } },
	  PRE(",\"updatedInput\":{\"command\":\"b\"}") "\n", "", 0, "none" },
	{ "two rewrites in one stage that say the same are one", "PreToolUse",
	  { { 1, { 0, PRE(",\"updatedInput\":{\"a\":1,\"b\":2}"), "", 0 } }, { 1, { 0, PRE(",\"updatedInput\":{\"b\":2, \"a\":1}"), "", 0 } } },
	  PRE(",\"updatedInput\":{\"b\":2, \"a\":1}") "\n", "", 0, "none" },
	{ "two rewrites in one stage that differ ask", "PreToolUse",
	  { { 1, { 0, PRE(",\"updatedInput\":{\"a\":1}"), "", 0 } }, { 1, { 0, PRE(",\"updatedInput\":{\"a\":2}"), "", 0 } } },
	  PRE(",\"permissionDecision\":\"ask\",\"permissionDecisionReason\":\"b: a and this automation change the tool's input in "
	      "different ways; give them different order numbers\"") "\n", "", 0, "ask" },
	{ "a denied call is not rewritten", "PreToolUse",
	  { { 1, { 0, PRE(",\"updatedInput\":{\"a\":1}"), "", 0 } }, { 2, { 2, "", "no", 0 } } },
	  PRE(",\"permissionDecision\":\"deny\",\"permissionDecisionReason\":\"b: no\"") "\n", "", 0, "deny" },
	{ "continue:false wins with the first reason", "PostToolUse",
	  { { 1, { 0, "{\"continue\":false,\"stopReason\":\"first\"}", "", 0 } }, { 1, { 0, "{\"continue\":false,\"stopReason\":\"second\"}", "", 0 } } },
	  "{\"continue\":false,\"stopReason\":\"first\"}\n", "", 0, "none" },
	{ "on Stop, to stop for good beats to go on", "Stop",
	  { { 1, { 0, "{\"decision\":\"block\",\"reason\":\"tests fail\"}", "", 0 } }, { 1, { 0, "{\"continue\":false}", "", 0 } } },
	  "{\"continue\":false}\n", "", 0, NULL },
	{ "a block is a document with exit status 0", "UserPromptSubmit", { { 1, { 2, "", "no", 0 } } },
	  "{\"decision\":\"block\",\"reason\":\"a: no\"}\n", "", 0, "deny" },
	{ "an allow says nothing where there is nothing to allow", "UserPromptSubmit", { { 1, { 0, "{\"decision\":\"approve\"}", "", 0 } } },
	  "", "", 0, "none" },
	{ "PreCompact hears nothing but a block", "PreCompact",
	  { { 1, { 0, "{\"systemMessage\":\"hi\",\"continue\":false}", "", 0 } }, { 1, { 0, "text", "", 0 } } }, "", "", 0, "none" },
	{ "PreCompact hears a block", "PreCompact", { { 1, { 2, "", "later", 0 } }, { 1, { 0, "{\"systemMessage\":\"hi\"}", "", 0 } } },
	  "{\"decision\":\"block\",\"reason\":\"a: later\"}\n", "", 0, "deny" },
	{ "SessionStart cannot be blocked", "SessionStart", { { 1, { 2, "", "no", 0 } }, { 1, { 0, "fact", "", 0 } } },
	  SPECIFIC("SessionStart", ",\"additionalContext\":\"fact\"") "\n", "", 0, "none" },
	{ "SessionEnd has no answer", "SessionEnd", { { 1, { 2, "{\"systemMessage\":\"m\"}", "no", 0 } } }, "", "", 0, "none" },
	{ "Notification has no answer", "Notification", { { 1, { 0, "{\"systemMessage\":\"m\",\"continue\":false}", "", 0 } } }, "", "", 0, "none" },
	{ "TaskCreated has no hookSpecificOutput", "TaskCreated", { { 1, { 2, "", "no", 0 } } },
	  "{\"decision\":\"block\",\"reason\":\"a: no\"}\n", "", 0, "deny" },
	{ "TeammateIdle is stopped by exit status", "TeammateIdle", { { 1, { 2, "", "go on", 0 } } }, "", "a: go on\n", 2, "deny" },
	{ "an event that nobody knows is blocked by exit status", "NewEvent", { { 1, { 2, "", "no", 0 } }, { 1, { 0, "text", "", 0 } } },
	  "", "a: no\n", 2, "deny" },
	{ "an event that nobody knows is given no document", "NewEvent", { { 1, { 0, "{\"systemMessage\":\"m\"}", "", 0 } } }, "", "", 0, "none" },
	{ "PermissionRequest: deny beats an earlier allow", "PermissionRequest",
	  { { 1, { 0, SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"allow\",\"updatedInput\":{\"a\":1}}"), "", 0 } },
	    { 1, { 0, SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"deny\",\"message\":\"m\",\"interrupt\":true}"), "", 0 } } },
	  SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"deny\",\"message\":\"b: m\",\"interrupt\":true}") "\n", "", 0, "deny" },
	{ "PermissionRequest: exit status 2 denies, whatever was allowed on stdout", "PermissionRequest",
	  { { 1, { 2, SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"allow\",\"updatedInput\":{\"a\":1}}"), "no", 0 } } },
	  SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"deny\",\"message\":\"a: no\"}") "\n", "", 0, "deny" },
	{ "PermissionRequest: an allow keeps what belongs to it", "PermissionRequest",
	  { { 1, { 0, SPECIFIC("PermissionRequest", ",\"decision\":{\"updatedPermissions\":[],\"behavior\":\"allow\"}"), "", 0 } } },
	  SPECIFIC("PermissionRequest", ",\"decision\":{\"behavior\":\"allow\",\"updatedPermissions\":[]}") "\n", "", 0, "allow" },
	{ "Elicitation: exit status 2 declines", "Elicitation",
	  { { 1, { 0, SPECIFIC("Elicitation", ",\"action\":\"accept\",\"content\":{\"a\":1}"), "", 0 } }, { 1, { 2, "", "no", 0 } } },
	  SPECIFIC("Elicitation", ",\"action\":\"decline\"") "\n", "", 0, "deny" },
	{ "Elicitation: an answer for the person", "Elicitation",
	  { { 1, { 0, SPECIFIC("Elicitation", ",\"content\":{\"a\":1},\"action\":\"accept\""), "", 0 } } },
	  SPECIFIC("Elicitation", ",\"action\":\"accept\",\"content\":{\"a\":1}") "\n", "", 0, "none" },
	{ "fields of the event's own: the last one wins", "SessionStart",
	  { { 1, { 0, SPECIFIC("SessionStart", ",\"sessionTitle\":\"a\",\"watchPaths\":[\"/a\"]"), "", 0 } },
	    { 2, { 0, SPECIFIC("SessionStart", ",\"sessionTitle\":\"b\",\"updatedInput\":{}"), "", 0 } } },
	  SPECIFIC("SessionStart", ",\"sessionTitle\":\"b\",\"watchPaths\":[\"/a\"]") "\n", "", 0, "none" },
	{ "PostToolUse: another output", "PostToolUse",
	  { { 1, { 0, SPECIFIC("PostToolUse", ",\"updatedToolOutput\":{\"stdout\":\"\",\"n\":null}"), "", 0 } } },
	  SPECIFIC("PostToolUse", ",\"updatedToolOutput\":{\"stdout\":\"\",\"n\":null}") "\n", "", 0, "none" },
	{ "context goes nowhere where the event takes none", "FileChanged",
	  { { 1, { 0, SPECIFIC("FileChanged", ",\"additionalContext\":\"c\",\"watchPaths\":[]"), "", 0 } } },
	  SPECIFIC("FileChanged", ",\"watchPaths\":[]") "\n", "", 0, "none" },
	{ "WorktreeCreate: the last line is the path", "WorktreeCreate", { { 1, { 0, "making it\n/tmp/tree\n", "", 0 } } }, "/tmp/tree\n", "", 0, NULL },
	{ "WorktreeCreate: a refusal beats another's path", "WorktreeCreate",
	  { { 1, { 0, "/tmp/tree\n", "", 0 } }, { 2, { 2, "", "disk full", 0 } } }, "", "b: disk full\n", 2, "deny" },
	{ "quotes, control characters and bad bytes come out as JSON", "Stop", { { 1, { 2, "", "say \"a\\b\"\001\xff\x7f\303\244", 0 } } },
	  "{\"decision\":\"block\",\"reason\":\"a: say \\\"a\\\\b\\\"\\u0001\357\277\275\x7f\303\244\"}\n", "", 0, "deny" },
};

static void render(struct ccm_outcome *o, struct ccm_sbuf *out, struct ccm_sbuf *err, int *ret_status)
{
	*ret_status = ccm_outcome_render(o, "42", out, err);
	CHECK_STR(host_check(o->event, ccm_sbuf_str(out), out->bytes, *ret_status), NULL);
}

static void test_merging(void)
{
	static const char *const names[ANSWERS_MAX] = { "a", "b", "c", "d", "e", "f" };

	for (size_t i = 0; i < ARRAY_SIZE(merges); i++) {
		struct ccm_outcome o = { .event = merges[i].event, .spec = ccm_host_event(merges[i].event) };
		struct ccm_answer answers[ANSWERS_MAX] = { 0 };
		_cleanup_sbuf_ struct ccm_sbuf out = { 0 }, err = { 0 };
		size_t first = 0, n = 0;
		int status;

		check_case = merges[i].what;
		for (; n < ANSWERS_MAX && merges[i].said[n].stage; n++) {
			CHECK_OR_DIE(read_said(merges[i].event, &merges[i].said[n].said, &answers[n]) == 0);
			if (n > first && merges[i].said[n].stage != merges[i].said[first].stage) {
				CHECK_OR_DIE(ccm_outcome_add_stage(&o, names + first, answers + first, n - first) == 0);
				first = n;
			}
		}
		CHECK_OR_DIE(ccm_outcome_add_stage(&o, names + first, answers + first, n - first) == 0);
		render(&o, &out, &err, &status);
		CHECK_STR(ccm_sbuf_str(&out), merges[i].out);
		CHECK_STR(ccm_sbuf_str(&err), merges[i].err);
		CHECK_INT(status, merges[i].status);
		if (merges[i].verdict)
			CHECK_STR(ccm_verdict_name(ccm_outcome_verdict(&o)), merges[i].verdict);
		for (size_t k = 0; k < n; k++)
			ccm_answer_done(&answers[k]);
		ccm_outcome_done(&o);
	}
	check_case = NULL;
}

/* Texts over the host's cap: cut at a line, with a pointer to the whole; counted in UTF-16 units. */
static void test_long_texts(void)
{
	static const struct { const char *line; int lines; bool cut; } cases[] = {
		{ "123456789\n", 1000, false },
		{ "123456789\n", 1001, true },
		{ "\360\237\230\200\360\237\230\200\360\237\230\200\360\237\230\200\n", 1111, false },
		{ "\360\237\230\200\360\237\230\200\360\237\230\200\360\237\230\200\n", 1200, true },
		{ "no line end ", 2000, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ccm_outcome o = { .event = "SessionStart", .spec = ccm_host_event("SessionStart") };
		struct ccm_answer a = { 0 };
		_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, out = { 0 }, err = { 0 };
		const char *name = "a";
		int status;

		check_case = cases[i].line;
		for (int n = 0; n < cases[i].lines; n++)
			ccm_sbuf_adds(&text, cases[i].line);
		a.context = strdup(ccm_sbuf_str(&text));
		CHECK_OR_DIE(ccm_outcome_add_stage(&o, &name, &a, 1) == 0);
		render(&o, &out, &err, &status);
		CHECK_INT(o.context_cut, cases[i].cut);
		if (cases[i].cut)
			CHECK_HAS(out.text, "ccm-hook show 42");
		else
			CHECK(!strstr(out.text, "ccm-hook show"));
		if (cases[i].cut && strchr(cases[i].line, '\n'))
			CHECK_HAS(out.text, i == 1 ? "123456789\\n[" : "\360\237\230\200\\n[");
		ccm_answer_done(&a);
		ccm_outcome_done(&o);
	}
	check_case = NULL;
}

/* The host caps no reason; none is lost. */
static void test_long_reason(void)
{
	struct ccm_outcome o = { .event = "PreToolUse", .spec = ccm_host_event("PreToolUse") };
	struct ccm_answer a = { .verdict = CCM_VERDICT_DENY, .reason = malloc(100001) };
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 }, err = { 0 };
	const char *name = "a";
	int status;

	memset(a.reason, 'x', 100000);
	a.reason[100000] = '\0';
	CHECK_OR_DIE(ccm_outcome_add_stage(&o, &name, &a, 1) == 0);
	render(&o, &out, &err, &status);
	CHECK(out.bytes > 100000);
	ccm_answer_done(&a);
	ccm_outcome_done(&o);
}

int main(void)
{
	test_reading();
	test_all_members_are_read();
	test_merging();
	test_long_texts();
	test_long_reason();
	return 0;
}
