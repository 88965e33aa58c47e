/* SPDX-License-Identifier: MIT */
/* What the guard makes of a path: a row is a path as a command has it (with ? for what is unknown, a bare * for an active
 * one) and classes that it must have (root), must not have (-root),
 * has not for certain (!root), may have (~root). */
#include <limits.h>
#include <sys/stat.h>

#include "guard/path.h"
#include "libccm/macros.h"
#include "check.h"

static const struct guard_places places = {
	.home = "/home/dev", .directory = "/home/dev/shop/web", .project = "/home/dev/shop",
	.ccm_home = "/home/dev/.ccm", .client_home = "/home/dev/.claude", .installed = "/opt/x/libexec/ccm", .tmp = "/scratch/t",
};

static const struct { const char *path, *classes; } rows[] = {
	{ "/",                            "root outside above" },
	{ "//",                           "root" },
	{ "/../..",                       "root" },
	{ "/.",                           "root" },
	{ "/*",                           "root all" },
	{ "/.*",                          "root" },
	{ "/*/*",                         "root" },
	{ "?/",                           "unknown ~root" },
	{ "?/*",                          "unknown ~root" },
	{ "/?",                           "~root ~system ~home !root" },
	{ "?/etc",                        "unknown ~system" },
	{ "?",                            "unknown -root" },
	{ "/home/dev",                    "home above" },
	{ "/home/dev/",                   "home" },
	{ "/home/dev/*",                  "home all" },
	{ "/home",                        "home above" },
	{ "/Users",                       "home" },
	{ "/users/jim",                   "-inside" },
	{ "/home/other",                  "home" },
	{ "/home/other/x",                "other-home outside -home" },
	{ "/home/dev/?",                  "in-home ~home !home" },
	{ "~",                            "~home inside" },
	{ "~/.ssh",                       "~home-part secret" },
	{ "/home/dev/.ssh",               "home-part in-home secret outside" },
	{ "/home/dev/x/y",                "in-home outside -home-part -system" },
	{ "/mnt/c",                       "drive outside" },
	{ "/mnt/c/Users",                 "home drive" },
	{ "/mnt/data",                    "drive" },
	{ "/mnt/data/x",                  "outside -drive -system" },
	{ "/Volumes/Backup",              "drive" },
	{ "C:\\Users",                    "drive" },
	{ "/etc",                         "system" },
	{ "/etc/passwd",                  "system" },
	{ "/etc/nginx/sites/x",           "in-system -system" },
	{ "/e*",                          "~system" },
	{ "/u*r/bin",                     "~system" },
	{ "/usr/bin",                     "system" },
	{ "/usr/local/bin/x",             "in-system -system" },
	{ "/var/log",                     "system" },
	{ "/var/log/app/x.log",           "in-system" },
	{ "/System/Library",              "system" },
	{ "/system/library",              "system" },
	{ "/private/etc",                 "system" },
	{ "/private/tmp/x",               "tmp -system" },
	{ "/System/Volumes/Data/Users",   "home" },
	{ "/proc/self/root/etc",          "system" },
	{ "/proc/self/cwd/..",            "project" },
	{ "/proc/123/root",               "root" },
	{ "/proc/sysrq-trigger",          "kernel" },
	{ "/dev/sda",                     "disk -null -system" },
	{ "/dev/sd*",                     "disk" },
	{ "/dev/nvme0n1p2",               "disk" },
	{ "/dev/mapper/vg-root",          "disk" },
	{ "/dev/mem",                     "disk" },
	{ "/dev/loop0",                   "device" },
	{ "/dev/null",                    "null -outside -disk" },
	{ "/dev/tty",                     "null" },
	{ "/dev/shm/x",                   "tmp" },
	{ "/dev",                         "system" },
	{ ".",                            "cwd inside -project" },
	{ "*",                            "cwd all inside" },
	{ "./*",                          "cwd all" },
	{ "..",                           "project above" },
	{ "../..",                        "home above" },
	{ "../*",                         "project" },
	{ "?/..",                         "unknown" },
	{ "src",                          "inside -cwd -build" },
	{ "*.log",                        "inside pattern -all -cwd" },
	{ "node_modules",                 "inside build" },
	{ "a/node_modules/b",             "build" },
	{ "../target",                    "build inside" },
	{ "../../target",                 "outside -build" },
	{ "?/node_modules",               "unknown build" },
	{ "/tmp",                         "tmp-dir -tmp -system -outside" },
	{ "/tmp/*",                       "tmp-dir all" },
	{ "/tmp/x",                       "tmp -outside" },
	{ "/tmp/?",                       "tmp ~tmp-dir" },
	{ "/tmp/../etc",                  "system" },
	{ "/scratch/t/x",                 "tmp" },
	{ "/var/tmp/x",                   "tmp -system" },
	{ "/var/folders/ab/cd/T/x",       "tmp" },
	{ ".env",                         "secret inside" },
	{ ".env.local",                   "secret" },
	{ ".env.example",                 "-secret" },
	{ ".e*",                          "~secret" },
	{ "*",                            "-secret" },
	{ "c*",                           "-secret" },
	{ "id_*",                         "~secret" },
	{ "x/id_rsa",                     "secret" },
	{ "x/id_rsa.pub",                 "-secret" },
	{ "server.pem",                   "secret" },
	{ "certs/server.key",             "secret" },
	{ "cert.pem",                     "-secret" },
	{ "/home/dev/.ssh/*",             "secret" },
	{ "/home/dev/.ssh/known_hosts",   "-secret" },
	{ "/home/dev/.aws/credentials",   "secret" },
	{ "/home/dev/.AWS/Credentials",   "secret" },
	{ "/home/dev/.config/gcloud/credentials.db", "secret" },
	{ "/home/dev/.bash_history",      "secret" },
	{ "/etc/shadow",                  "secret" },
	{ "/proc/1/environ",              "secret" },
	{ "?/.ssh/id_rsa",                "unknown secret" },
	{ "docs/env.md",                  "-secret" },
	{ "src/environ",                  "-secret" },
	{ ".git",                         "git inside" },
	{ ".git/hooks/pre-commit",        "git startup" },
	{ "/home/dev/.bashrc",            "startup" },
	{ "/home/dev/.ssh/authorized_keys", "startup -secret" },
	{ "/etc/cron.d/x",                "startup" },
	{ "/home/dev/.config/systemd/user/x.service", "startup" },
	{ "dotfiles/.bashrc",             "-startup" },
	{ "/home/dev/.ccm",               "ccm" },
	{ "/home/dev/.ccm/ccm.db",        "ccm" },
	{ "/home/dev/.ccm/state.db",      "ccm" },
	{ "/home/dev/.claude/settings.json", "ccm" },
	{ "/home/dev/.claude/CLAUDE.md",  "-ccm" },
	{ "../.claude/settings.local.json", "ccm" },
	{ "/opt/x/libexec/ccm/ccm-guard", "ccm" },
	{ "/home/dev/.local/bin/ccm-hook", "ccm" },
	{ "build/ccm-hook",               "-ccm" },
};

static void check_row(const char *path, const char *classes)
{
	char text[PATH_MAX], name[32];
	struct guard_path_class c;
	size_t bytes = 0;

	check_case = path;
	for (const char *p = path; *p; p++)
		text[bytes++] = *p == '?' ? '\001' : *p == '*' ? '\002' : *p;
	text[bytes] = '\0';
	c = guard_path_classify(&places, text, places.directory);
	for (int used; sscanf(classes, "%31s%n", name, &used) == 1; classes += used) {
		const char *word = name + (*name == '-' || *name == '~' || *name == '!');
		uint32_t bit = guard_path_bit(word, strlen(word));
		bool right = *name == '-' ? !((c.is | c.may) & bit) : *name == '!' ? !(c.is & bit) : *name == '~' ? c.may & bit : c.is & bit;

		if (!bit || !right)
			check_failed(__FILE__, __LINE__, name), fputs(" does not hold\n", stderr);
	}
}

static void check_relative_without_directory(void)
{
	struct guard_path_class c = guard_path_classify(&places, "x/id_rsa", NULL);

	check_case = "directory unknown";
	CHECK_INT(c.is, GUARD_PATH_UNKNOWN | GUARD_PATH_SECRET);
}

static void check_project_in_tmp(void)
{
	const struct guard_places in_tmp = { .home = "/home/dev", .directory = "/tmp/work", .tmp = "/tmp" };
	const struct guard_places is_tmp = { .home = "/home/dev", .directory = "/tmp" };

	check_case = "a project in /tmp";
	CHECK_INT(guard_path_classify(&in_tmp, "src", "/tmp/work").is, GUARD_PATH_INSIDE);
	CHECK_INT(guard_path_classify(&in_tmp, "../x", "/tmp/work").is, GUARD_PATH_OUTSIDE);
	CHECK_INT(guard_path_classify(&in_tmp, "x", "/tmp").is, GUARD_PATH_OUTSIDE);
	CHECK_INT(guard_path_classify(&in_tmp, "/tmp/x", "/tmp/work").is, GUARD_PATH_TMP);
	CHECK_INT(guard_path_classify(&in_tmp, "x", "/tmp/other").is, GUARD_PATH_TMP);
	check_case = "/tmp is no project";
	CHECK_INT(guard_path_classify(&is_tmp, "x", "/tmp").is, GUARD_PATH_TMP);
}

static void check_links(void)
{
	char dir[] = "/tmp/guard-path-XXXXXX", path[PATH_MAX], is[PATH_MAX];

	check_case = "links";
	CHECK_OR_DIE(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/etc", dir);
	CHECK(symlink("../../etc", path) == 0);
	snprintf(path, sizeof path, "%s/loop", dir);
	CHECK(symlink("loop", path) == 0);
	snprintf(path, sizeof path, "%s/etc/no-such-file/x", dir);
	CHECK(guard_path_resolve(path, is, sizeof is));
	CHECK_STR(is, "/etc/no-such-file/x");
	snprintf(path, sizeof path, "%s/loop", dir);
	CHECK(!guard_path_resolve(path, is, sizeof is));
	unlink(path);
	snprintf(path, sizeof path, "%s/etc", dir);
	unlink(path);
	rmdir(dir);
}

static void check_hard_pattern(void)
{
	char text[PATH_MAX + 64];

	check_case = "a pattern of many marks";
	text[0] = '/';
	for (size_t i = 1; i < 3000; i++)
		text[i] = "\001a\002"[i % 3];
	text[3000] = '\0';
	guard_path_classify(&places, text, places.directory);
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	CHECK_INT(guard_path_classify(&places, text, places.directory).is, GUARD_PATH_UNKNOWN);
}

int main(void)
{
	CHECK(guard_path_tables_agree());
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(rows[i].path, rows[i].classes);
	check_relative_without_directory();
	check_project_in_tmp();
	check_links();
	check_hard_pattern();
	return 0;
}
