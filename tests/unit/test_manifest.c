/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "libccm/host.h"
#include "libccm/macros.h"
#include "libccm/manifest.h"

#define SET(key) (1U << CCM_KEY_##key)

static int header(const char *text, struct ccm_manifest *m, struct ccm_diag *diag)
{
	*m = (struct ccm_manifest){ 0 };
	diag->text[0] = '\0';
	return ccm_manifest_parse_header("guard", text, strlen(text), m, diag);
}

/* Everything that a header may say, in each comment style. */
static void test_reads_every_comment_style(void)
{
	static const char *const headers[] = {
		"#!/bin/sh\n# Summary: no pushes\n# Event:   PreToolUse, PostToolUse\n# Match:   Bash|mcp__.*\n"
		"# Timeout: 1.5s\n# On-failure: closed\n# Effects: none\n",
		"#!/usr/bin/env node\r\n\r\n// summary: no pushes\r\n//EVENT:PreToolUse PostToolUse\r\n// Match : Bash|mcp__.*\r\n"
		"//\ttimeout: 1500ms\r\n// on-failure: Closed\r\n// effects: none\r\n",
		"-- Summary: no pushes\n-- Event: PreToolUse ,PostToolUse\n-- Match: Bash|mcp__.*\n-- Timeout: 1.5\n"
		"-- On-failure: closed\n\n-- Effects: none",
		";;; Summary: no pushes\n;;; Event: PreToolUse PostToolUse\n;;; Match: Bash|mcp__.*\n;;; Timeout: 1.5s\n"
		";;; On-failure: closed\n;;; Effects: none\n",
		"%% Summary: no pushes\n% Event: PreToolUse PostToolUse\n% Match: Bash|mcp__.*\n% Timeout: 1.5s\n"
		"% On-failure: closed\n% Effects: none\n",
		"/* Summary: no pushes\n * Event: PreToolUse PostToolUse\n * Match: Bash|mcp__.*\n   Timeout: 1.5s\n"
		" * On-failure: closed\n * Effects: none */\n",
		"#!/usr/bin/php\n<?php\n/**\n * Summary: no pushes\n * Event: PreToolUse PostToolUse\n * Match: Bash|mcp__.*\n"
		" * Timeout: 1.5s\n * On-failure: closed\n */\n# Effects: none\n",
		"\xef\xbb\xbf# Summary: no pushes\n# Event: PreToolUse PostToolUse\n# Match: Bash|mcp__.*\n# Timeout: 1.5s\n"
		"# On-failure: closed\n# Effects: none\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		struct ccm_manifest m;
		struct ccm_diag diag;

		header(headers[i], &m, &diag);
		CHECK_STR(diag.text, "");
		CHECK_STR(m.summary, "no pushes");
		CHECK_STR(m.events, "PreToolUse PostToolUse");
		CHECK_STR(m.match, "Bash|mcp__.*");
		CHECK(m.timeout_ms == 1500);
		CHECK(m.closed && m.pure);
		CHECK(m.set == (1U << CCM_KEY_LIBEXEC) - 1);
		ccm_manifest_done(&m);
	}
}

/* Other lines of the block are comments, and what follows the block is not read. */
static void test_reads_the_first_comment_block_only(void)
{
	static const char *const headers[] = {
		"",
		"#!/bin/sh\nset -eu\n# Event: Stop\n",
		"# Patch: by somebody. Watch: out\n# Usage: nothing\n# shellcheck shell=dash\n# TODO list:\n# A match: or not\n",
		"# see: Event: Stop\n# the Event: Stop\n",
		"\177ELF\002\001\001\n# Event: Stop\n",
		"/* a comment */\nint main(void);\n/* Event: Stop */\n",
		"'use strict';\n// Event: Stop\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		struct ccm_manifest m;
		struct ccm_diag diag;

		header(headers[i], &m, &diag);
		CHECK_STR(diag.text, "");
		CHECK(m.set == 0);
		CHECK(ccm_manifest_wants_event(&m, "Stop"));
		ccm_manifest_done(&m);
	}
}

static const struct mistake {
	const char *header, *words;
	bool closed;
} mistakes[] = {
	{ "# Evnet: Stop", "guard:1: unknown key 'Evnet', did you mean 'Event'?", false },
	{ "#!/bin/sh\n#\n# Events: Stop", "guard:3: unknown key 'Events', did you mean 'Event'?", false },
	{ "# Matches: Bash", "guard:1: unknown key 'Matches', did you mean 'Match'?", false },
	{ "# Macth: Bash", "guard:1: unknown key 'Macth', did you mean 'Match'?", false },
	{ "# Timeout-ms: 3", "guard:1: unknown key 'Timeout-ms', did you mean 'Timeout'?", false },
	{ "# Sumary: x", "guard:1: unknown key 'Sumary', did you mean 'Summary'?", false },
	{ "# Effect: none", "guard:1: unknown key 'Effect', did you mean 'Effects'?", false },
	{ "# On-fail: closed", "guard:1: unknown key 'On-fail', did you mean 'On-failure'?", true },
	{ "# OnFailure: closed", "guard:1: unknown key 'OnFailure', did you mean 'On-failure'?", true },
	{ "# On failure: closed", "guard:1: unknown key 'On failure', did you mean 'On-failure'?", true },
	{ "# on_failure: open", "guard:1: unknown key 'on_failure', did you mean 'On-failure'?", true },
	{ "# Event: Stop\n# Event: Stop", "guard:2: 'Event' is given twice, first in line 1", false },
	{ "# On-failure: closed\n# On-failure: open", "guard:2: 'On-failure' is given twice, first in line 1", true },
	{ "# On-failure: ask", "guard:1: 'On-failure' must be open or closed, not 'ask'", true },
	{ "# Effects: some", "guard:1: 'Effects' must be writes or none, not 'some'", false },
	{ "# Libexec: ../ccm-guard", "guard:1: 'Libexec' must be the name of a program of ccm's, without a folder, and what it is "
	  "given, not '../ccm-guard'", false },
	{ "# Timeout: soon", "guard:1: 'Timeout' must be a duration such as 250ms, 2s or 1m, not 'soon'", false },
	{ "# Timeout: 0", "guard:1: 'Timeout' must be a duration such as 250ms, 2s or 1m, not '0'", false },
	{ "# Event:", "guard:1: 'Event' names no event (for all, leave it out or write 'all')", false },
	{ "# Event: pretooluse", "guard:1: unknown event 'pretooluse', did you mean 'PreToolUse'?", false },
	{ "# Event: Stop PreToolUes", "guard:1: unknown event 'PreToolUes', did you mean 'PreToolUse'?", false },
	{ "# Event: Stop|PreToolUse",
	  "guard:1: 'Stop|PreToolUse' is not the name of an event (several are separated by blanks)", false },
	{ "# Match: [", "guard:1: 'Match': '[' is not a usable regular expression: a [ is not closed", false },
	{ "# Match: [\n# Timeout: soon\n# On-failure: closed\n",
	  "guard:1: 'Match': '[' is not a usable regular expression: a [ is not closed", true },
};

static void test_names_the_first_mistake(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		struct ccm_manifest m;
		struct ccm_diag diag;

		CHECK(header(mistakes[i].header, &m, &diag) == -CCM_E_MANIFEST);
		CHECK_STR(diag.text, mistakes[i].words);
		CHECK(m.closed == mistakes[i].closed);
		ccm_manifest_done(&m);
	}
}

/* What could not be read must not keep a guard from its event. */
static void test_a_mistake_narrows_nothing(void)
{
	struct ccm_manifest m;
	struct ccm_diag diag;

	header("# Event: PreTooluse\n# Match: (\n# On-failure: closed", &m, &diag);
	CHECK(!m.events && !m.match && m.closed);
	ccm_manifest_done(&m);
}

static void test_takes_events_of_later_releases(void)
{
	struct ccm_manifest m;
	struct ccm_diag diag;

	header("# Event: PreCoffeeBreak", &m, &diag);
	CHECK_STR(diag.text, "");
	CHECK(ccm_manifest_wants_event(&m, "PreCoffeeBreak"));
	CHECK(!ccm_manifest_wants_event(&m, "PreCoffee"));
	CHECK(!ccm_manifest_wants_event(&m, "Stop"));
	ccm_manifest_done(&m);
	header("# Event: all", &m, &diag);
	CHECK_STR(diag.text, "");
	CHECK(!m.events && m.set == SET(EVENT));
	ccm_manifest_done(&m);
}

/* Every known event must be near to no other, or its own name would be corrected. */
static void test_takes_every_known_event(void)
{
	size_t count;
	const struct ccm_host_event *events = ccm_host_events(&count);

	for (size_t i = 0; i < count; i++) {
		struct ccm_manifest m = { 0 };
		struct ccm_diag diag = { 0 };

		CHECK(ccm_manifest_set(&m, CCM_KEY_EVENT, events[i].name, &diag) == 0);
		CHECK_STR(m.events, events[i].name);
		ccm_manifest_done(&m);
	}
}

static void test_a_cut_line_is_not_read(void)
{
	char text[CCM_MANIFEST_MAX_BYTES + 1];
	struct ccm_manifest m;
	struct ccm_diag diag;

	memset(text, '#', sizeof text);
	memcpy(text + sizeof text - 16, "\n# Timeout: 2500", 16);
	text[CCM_MANIFEST_MAX_BYTES] = '\0';         /* "250" is what a reader of 8 KiB would see */
	header(text, &m, &diag);
	CHECK_STR(diag.text, "");
	CHECK(m.timeout_ms == 0);
	ccm_manifest_done(&m);
}

static void test_an_ini_file_wins(void)
{
	struct ccm_manifest m;
	struct ccm_diag diag;

	header("# Summary: from the header\n# Event: Stop\n# On-failure: closed\n", &m, &diag);
	CHECK(ccm_manifest_parse_ini("guard.ini", "; ours\nEvent = PreToolUse\nmatch = ^Ba\non-failure = open\n", &m,
				     &diag) == 0);
	CHECK_STR(m.summary, "from the header");
	CHECK_STR(m.events, "PreToolUse");
	CHECK_STR(m.match, "^Ba");
	CHECK(!m.closed);
	ccm_manifest_done(&m);
}

static void test_an_ini_file_with_a_mistake(void)
{
	static const struct { const char *text, *words; } inis[] = {
		{ "\nEvnet = Stop\n", "guard.ini:2: unknown key 'Evnet', did you mean 'Event'?" },
		{ "colour = red\n", "guard.ini:1: unknown key 'colour'" },
		{ "[main]\nEvent = Stop\n", "guard.ini:2: keys stand here without a [section]" },
		{ "Event\n", "guard.ini:1: neither a [section] nor 'key = value'" },
		{ "Match = Bash\nMatch = Edit\n", "guard.ini:2: 'Match' is given twice, first in line 1" },
		{ "Timeout = x\n", "guard.ini:1: 'Timeout' must be a duration such as 250ms, 2s or 1m, not 'x'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(inis); i++) {
		struct ccm_manifest m = { 0 };
		struct ccm_diag diag = { 0 };

		CHECK(ccm_manifest_parse_ini("guard.ini", inis[i].text, &m, &diag) == -CCM_E_MANIFEST);
		CHECK_STR(diag.text, inis[i].words);
		ccm_manifest_done(&m);
	}
}

int main(void)
{
	test_reads_every_comment_style();
	test_reads_the_first_comment_block_only();
	test_names_the_first_mistake();
	test_a_mistake_narrows_nothing();
	test_takes_events_of_later_releases();
	test_takes_every_known_event();
	test_a_cut_line_is_not_read();
	test_an_ini_file_wins();
	test_an_ini_file_with_a_mistake();
	return 0;
}
