/* SPDX-License-Identifier: MIT */
#include "person.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "libccm/io.h"
#include "libccm/proc.h"

#define ANCESTORS_MAX 128
#define FILE_MAX_BYTES ((size_t)4 << 20)

extern char **environ;

/* Set by the client for its hooks and tools, and by ccm-hook for automations. */
static const char *const agent_variables[] = {
	"CLAUDECODE", "CLAUDE_CODE_SESSION_ID", "CLAUDE_CODE_CHILD_SESSION", "CLAUDE_CODE_ENTRYPOINT", "AI_AGENT", "CCM_EVENT",
	"CCM_EVENT_ID", "CCM_AUTOMATION",
};

static const char *agent_variable(const char *entry)
{
	for (size_t i = 0; i < ARRAY_SIZE(agent_variables); i++) {
		size_t bytes = strlen(agent_variables[i]);

		if (strncmp(entry, agent_variables[i], bytes) == 0 && entry[bytes] == '=')
			return agent_variables[i];
	}
	return NULL;
}

static int check_environment(struct ccm_diag *diag)
{
	for (char **e = environ; *e; e++)
		if (agent_variable(*e))
			return ccm_diag_set(diag, -CCM_E_REFUSED, "%s is set, as an agent sets it for what it starts", agent_variable(*e));
	return 0;
}

static int check_terminal(struct ccm_diag *diag)
{
	_cleanup_close_ int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (tty < 0)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "there is no controlling terminal");
	if (!isatty(STDIN_FILENO))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "standard input is not a terminal");
	if (tcgetpgrp(tty) != getpgrp())
		return ccm_diag_set(diag, -CCM_E_REFUSED, "it runs in the background of its terminal");
	return 0;
}

/* "claude", "/opt/x/claude-code/cli.js", "ccm-hook", ... */
static bool is_agent_program(const char *word)
{
	const char *slash = strrchr(word, '/'), *name = slash ? slash + 1 : word;

	return strcmp(name, "claude") == 0 || strcmp(name, "ccm-hook") == 0 || strcmp(name, "ccm-guard") == 0 ||
	       strstr(word, "/claude-code") || strcmp(name, "claude-code") == 0;
}

static int refuse_ancestor(struct ccm_diag *diag, long pid, const char *what)
{
	return ccm_diag_set(diag, -CCM_E_REFUSED, "it descends from process %ld, which is %s", pid, what);
}

#ifdef __linux__

static int read_proc(long pid, const char *name, struct ccm_sbuf *ret)
{
	char path[64];

	ccm_sbuf_clear(ret);
	snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
	return ccm_read_file(path, FILE_MAX_BYTES, ret);
}

/* The words or variables in a file of /proc, each ended by NUL. */
static const char *next_entry(const struct ccm_sbuf *s, const char *entry)
{
	const char *end = ccm_sbuf_str(s) + s->bytes;

	entry = entry ? entry + strlen(entry) + 1 : ccm_sbuf_str(s);
	return entry < end ? entry : NULL;
}

static int check_ancestor(long pid, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf s = { 0 };
	int words = 0;

	if (read_proc(pid, "cmdline", &s) == 0)
		for (const char *w = NULL; words++ < 2 && (w = next_entry(&s, w));)
			if (is_agent_program(w))
				return refuse_ancestor(diag, pid, w);
	if (read_proc(pid, "comm", &s) == 0) {
		char *line = s.text;

		if (line)
			line[strcspn(line, "\n")] = '\0';
		if (line && is_agent_program(line))
			return refuse_ancestor(diag, pid, line);
	}
	/* As it was when the process began; that of another user cannot be read, and is none of our agent's. */
	if (read_proc(pid, "environ", &s) == 0)
		for (const char *e = NULL; (e = next_entry(&s, e));)
			if (agent_variable(e))
				return ccm_diag_set(diag, -CCM_E_REFUSED, "it descends from process %ld, in which %s is set", pid,
						    agent_variable(e));
	return 0;
}

/* "PID (any name) S PPID ..." */
static long parent_of(long pid)
{
	_cleanup_sbuf_ struct ccm_sbuf s = { 0 };
	const char *p;
	long parent;

	if (read_proc(pid, "stat", &s) < 0 || !(p = strrchr(ccm_sbuf_str(&s), ')')) || sscanf(p + 1, " %*c %ld", &parent) != 1)
		return -1;
	return parent;
}

#else

static int ask_ps(long pid, const char *column, struct ccm_sbuf *ret)
{
	char number[32];
	const char *const argv[] = { "ps", "-o", column, "-p", number, NULL };
	struct ccm_proc_result result = { 0 };
	int r;

	snprintf(number, sizeof number, "%ld", pid);
	r = ccm_proc_run_all(&(struct ccm_proc_spec){ .path = "/bin/ps", .argv = argv, .envp = (const char *const *)environ,
						      .output_max_bytes = 65536, .timeout_ms = 5000 }, 1, &result);
	ccm_sbuf_clear(ret);
	ccm_sbuf_add(ret, ccm_sbuf_str(&result.out), result.out.bytes);
	if (r == 0 && (result.error || result.exit_status != 0))
		r = -ESRCH;
	ccm_proc_result_done(&result);
	return r;
}

static int check_ancestor(long pid, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf s = { 0 };
	char *rest = NULL;
	int words = 0;

	if (ask_ps(pid, "command=", &s) == 0 && s.text)
		for (char *w = strtok_r(s.text, " \n", &rest); w && words++ < 2; w = strtok_r(NULL, " \n", &rest))
			if (is_agent_program(w))
				return refuse_ancestor(diag, pid, w);
	return 0;
}

static long parent_of(long pid)
{
	_cleanup_sbuf_ struct ccm_sbuf s = { 0 };
	long parent;

	return ask_ps(pid, "ppid=", &s) == 0 && sscanf(ccm_sbuf_str(&s), "%ld", &parent) == 1 ? parent : -1;
}

#endif

static int check_ancestors(struct ccm_diag *diag)
{
	long pid = (long)getpid();
	int r = 0;

	for (int i = 0; i < ANCESTORS_MAX && r == 0; i++) {
		pid = parent_of(pid);
		if (pid < 0)
			return ccm_diag_set(diag, -CCM_E_REFUSED, "nobody can tell which processes it descends from");
		/* The parent of a process namespace's first process is 0. */
		if (pid <= 1)
			return 0;
		r = check_ancestor(pid, diag);
	}
	return r;
}

int person_check(struct ccm_diag *diag)
{
	int r = check_environment(diag);

	if (r == 0)
		r = check_ancestors(diag);
	return r == 0 ? check_terminal(diag) : r;
}
