/* SPDX-License-Identifier: MIT */
#include "ctx.h"

static const struct command commands[] = {
	{ "run", "", "answer one hook event read from standard input", 0, 0, DB_NONE, cmd_run, false },
	{ "init", "", "make ~/.ccm: its folders, database and a sample config.ini", 0, 0, DB_WRITE, cmd_init, true },
	{ "install", "", "register with the client: its settings call us at every event", 0, 0, DB_NONE, cmd_install,
	  false },
	{ "uninstall", "", "take our entries out of the client's settings", 0, 0, DB_NONE, cmd_uninstall, false },
	{ "statusline", "", "be the client's status line: one line of what it sends on stdin", 0, 0, DB_NONE,
	  cmd_statusline, false },
	{ "log", "", "show recorded events, newest first", 0, 0, DB_READ, cmd_log, true },
	{ "show", "ID|UUID|last", "show one event whole: payload, runs, answer, and why", 1, 1, DB_READ, cmd_show, true },
	{ "stats", "", "count what was recorded: events, tools, automations, days", 0, 0, DB_READ, cmd_stats, true },
	{ "db", "SQL [NAME=VALUE...]", "ask the database a read-only question", 1, -1, DB_READ, cmd_db, false },
	{ "list", "", "show the automations: what runs when, and what is broken", 0, 0, DB_NONE, cmd_list, true },
	{ "enable", "NAME|PATH", "let an automation run from now on", 1, 1, DB_NONE, cmd_enable, true },
	{ "disable", "NAME", "let an automation run no more", 1, 1, DB_NONE, cmd_disable, true },
	{ "test", "NAME|PATH", "run one automation on one event and show all; records nothing", 1, 1, DB_NONE, cmd_test,
	  true },
	{ "explain", "[--] COMMAND|EVENT", "show what a command would run, and what security-guard says of it", 1, -1, DB_READ,
	  cmd_explain, true },
	{ "allow-once", "CODE", "let what security-guard refused run all the same (a person only)", 1, 1, DB_WRITE,
	  cmd_allow_once, true },
	{ "doctor", "", "check that events are recorded and judged, or say what to do", 0, 0, DB_NONE, cmd_doctor,
	  false },
	{ "field", "PATH [FILE]", "print one field of the JSON on stdin or in FILE", 1, 2, DB_NONE, cmd_field, false },
	{ "quote", "[TEXT]", "print TEXT, or what is on stdin, as a JSON string", 0, 1, DB_NONE, cmd_quote, false },
	{ "state", "get|set|incr|del|list [KEY [VALUE]]", "what an automation remembers between its runs", 1, 3,
	  DB_WRITE, cmd_state, false },
	{ "alert", "info|warning|urgent TITLE [BODY]", "tell the person something", 2, 3, DB_WRITE,
	  cmd_alert, false },
	{ "quota", "", "say why work must wait for quota; nothing, if it need not", 0, 0, DB_NONE, cmd_quota,
	  false },
	{ "prune", "", "forget the oldest events", 0, 0, DB_WRITE, cmd_prune, true },
	{ "tidy", "", "take in the spool, shorten the write-ahead log (run starts it)", 0, 0, DB_WRITE,
	  cmd_tidy, false },
	COMMAND_COMPLETION,
	{ "config", "", "show the configuration in force", 0, 0, DB_NONE, cmd_config, true },
	{ 0 }
};

static const struct ccm_program program = {
	.name = "ccm-hook",
	.about = "Records every hook event of a coding agent, runs your automations, and answers\nthe agent.",
	.commands = commands,
	.has_automations = true,
};

int main(int argc, char **argv)
{
	return ccm_command_main(&program, argc, argv);
}
