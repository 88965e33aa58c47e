/* SPDX-License-Identifier: MIT */
/* The daemon as a service of the user's: a unit of systemd's user manager, or a launchd agent. */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/proc.h"
#include "unit.h"

#define MANAGER_MAX_MS 60000
#define OUTPUT_MAX_BYTES 65536

extern char **environ;

#ifdef __APPLE__
#define DEFAULT_KIND "launchd"
#else
#define DEFAULT_KIND "systemd"
#endif

static int find_program(const char *name, struct ccm_sbuf *path)
{
	const char *list = getenv("PATH");

	for (const char *p = list ? list : ""; *p; p += strcspn(p, ":"), p += *p == ':') {
		ccm_sbuf_clear(path);
		ccm_sbuf_addf(path, "%.*s/%s", (int)strcspn(p, ":"), p, name);
		if (*p == '/' && access(ccm_sbuf_str(path), X_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* Runs the service manager's command; its first line of complaint is in words. */
static int manager(const char *const *argv, struct ccm_sbuf *words)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	struct ccm_proc_result result = { 0 };
	int r = find_program(argv[0], &path);

	if (r < 0) {
		ccm_sbuf_addf(words, "'%s' is not there", argv[0]);
		return r;
	}
	r = ccm_proc_run_all(&(struct ccm_proc_spec){ .path = path.text, .argv = argv,
		.envp = (const char *const *)(uintptr_t)environ, .output_max_bytes = OUTPUT_MAX_BYTES,
		.timeout_ms = MANAGER_MAX_MS }, 1, &result);
	if (r == 0 && (result.error || result.exit_status != 0)) {
		const char *err = ccm_sbuf_str(&result.err);

		ccm_sbuf_addf(words, "'%s %s %s' failed: %.*s", argv[0], argv[1], argv[2] ? argv[2] : "",
			      (int)strcspn(err, "\n"), result.error ? ccm_strerror(result.error) : err);
		r = -EIO;
	}
	ccm_proc_result_done(&result);
	return r;
}

static int start_systemd(struct ccm_sbuf *words)
{
	static const char *const reload[] = { "systemctl", "--user", "daemon-reload", NULL };
	static const char *const enable[] = { "systemctl", "--user", "enable", UNIT_NAME, NULL };
	static const char *const restart[] = { "systemctl", "--user", "restart", UNIT_NAME, NULL };
	int r = manager(reload, words);

	if (r == 0)
		r = manager(enable, words);
	return r < 0 ? r : manager(restart, words);
}

static int start_launchd(const char *path, struct ccm_sbuf *words)
{
	const char *const load[] = { "launchctl", "load", "-w", path, NULL };

	return manager(load, words);
}

static int write_unit(const char *path, const struct ccm_sbuf *text)
{
	_cleanup_free_ char *dir = strdup(path);
	int r;

	if (!dir)
		return -ENOMEM;
	*strrchr(dir, '/') = '\0';
	r = ccm_mkdir_p(dir, 0755);
	if (r == 0)
		r = ccm_write_file(path, text->text, text->bytes, 0644, false);
	if (r < 0) {
		ccm_error("install: cannot write '%s': %s", path, ccm_strerror(r));
		return -CCM_E_SAID;
	}
	return 0;
}

int cmd_install(struct ctx *ctx, int argc, char **argv)
{
	const char *print = NULL;
	const struct ccm_opt opts[] = {
		OPT_CHOICE("print", 0, &print, "systemd|launchd", "only print the unit, or the agent, and change nothing"),
		OPT_END
	};
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, path = { 0 }, words = { 0 };
	bool launchd;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	launchd = strcmp(print ? print : DEFAULT_KIND, "launchd") == 0;
	if (launchd)
		unit_launchd(&text, ctx->self);
	else
		unit_systemd(&text, ctx->self);
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	if (print) {
		fputs(text.text, stdout);
		return 0;
	}
	if (launchd)
		unit_launchd_path(&path);
	else
		unit_systemd_path(&path);
	if (!path.bytes) {
		ccm_error("install: HOME is not set");
		return -CCM_E_SAID;
	}
	r = write_unit(path.text, &text);
	if (r < 0)
		return r;
	printf("Written: %s\n", path.text);
	r = launchd ? start_launchd(path.text, &words) : start_systemd(&words);
	if (r < 0) {
		ccm_error("install: it is not started: %s; where no service manager runs, start 'ccm-supervisor daemon' yourself",
			  ccm_sbuf_str(&words));
		return -CCM_E_SAID;
	}
	printf("Started: 'ccm-supervisor status' shows how it is.\n");
	return 0;
}

int cmd_uninstall(struct ctx *ctx, int argc, char **argv)
{
	static const char *const disable[] = { "systemctl", "--user", "disable", "--now", UNIT_NAME, NULL };
	static const char *const reload[] = { "systemctl", "--user", "daemon-reload", NULL };
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, words = { 0 };
	bool launchd = strcmp(DEFAULT_KIND, "launchd") == 0;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (launchd)
		unit_launchd_path(&path);
	else
		unit_systemd_path(&path);
	if (!path.bytes || access(path.text, F_OK) < 0) {
		printf("It is not installed; nothing to change.\n");
		return 0;
	}
	if (launchd)
		r = manager((const char *const[]){ "launchctl", "unload", "-w", path.text, NULL }, &words);
	else
		r = manager(disable, &words);
	if (unlink(path.text) < 0) {
		ccm_error("uninstall: cannot remove '%s': %s", path.text, strerror(errno));
		return -CCM_E_SAID;
	}
	printf("Removed: %s\n", path.text);
	if (r == 0 && !launchd)
		r = manager(reload, &words);
	if (r < 0) {
		ccm_error("uninstall: the service manager could not be told: %s; a daemon that still runs ends by itself at the "
			  "next logout", ccm_sbuf_str(&words));
		return -CCM_E_SAID;
	}
	return 0;
}
