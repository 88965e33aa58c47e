/* SPDX-License-Identifier: MIT */
/* path - what a path is, before anything happens to it: the root, somebody's home, a disk, a key, ccm's own, ...
 *
 *     char abs[PATH_MAX];
 *     struct guard_path_class c = guard_path_classify(&places, word, command->directory);
 *     if (c.is & GUARD_PATH_ROOT)           it is
 *     else if (c.may & GUARD_PATH_ROOT)     its pattern or its unknown part may reach it
 *
 * A path is text with the marks of analyse.h in it. It is judged as written, without looking at the file system;
 * guard_path_resolve() looks, where a link would make a difference. "All that is in a directory" (DIR followed by an active *)
 * is the directory. A path whose start is unknown is GUARD_PATH_UNKNOWN, and beside that what its known end says
 * (the name of a secret, of what builds make).
 *
 * Ownership: nothing is allocated; what a struct guard_places points to stays the caller's.
 * Errors:    a path longer than PATH_MAX is GUARD_PATH_UNKNOWN.
 */
#ifndef CCM_GUARD_PATH_H
#define CCM_GUARD_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Name in the rules (@name), and what it says of a path. A path usually has several. */
#define GUARD_PATHS(X) \
	X(ROOT,       "root",       "the root directory, or all that is in it") \
	X(HOME,       "home",       "a home directory, all that is in it, or a directory of homes") \
	X(HOME_PART,  "home-part",  "a directory of the own home in which people and programs keep what cannot be made again") \
	X(IN_HOME,    "in-home",    "below the own home") \
	X(OTHER_HOME, "other-home", "below the home of another user") \
	X(SYSTEM,     "system",     "a directory of the operating system, or a file without which it does not start") \
	X(IN_SYSTEM,  "in-system",  "below a directory of the operating system") \
	X(DRIVE,      "drive",      "where another drive is mounted, also the drives of Windows") \
	X(DISK,       "disk",       "a disk, a partition or the machine's memory as a device") \
	X(DEVICE,     "device",     "another device") \
	X(NULL_,      "null",       "a device that swallows or just shows: /dev/null, /dev/stdout, /dev/tty") \
	X(KERNEL,     "kernel",     "a switch of the kernel: below /proc or /sys") \
	X(PROJECT,    "project",    "the project's directory, or all that is in it") \
	X(CWD,        "cwd",        "the working directory, or all that is in it") \
	X(ABOVE,      "above",      "a directory in which the project or the working directory lies") \
	X(INSIDE,     "inside",     "below the project's directory") \
	X(OUTSIDE,    "outside",    "neither in the project nor in a temporary directory") \
	X(TMP,        "tmp",        "below a directory for temporary files") \
	X(TMP_DIR,    "tmp-dir",    "a directory for temporary files itself, or all that is in it") \
	X(BUILD,      "build",      "what a build or an installation makes again: in the project node_modules, build, target, ..., in the home caches") \
	X(GIT,        "git",        "a .git directory or in it") \
	X(SECRET,     "secret",     "a key, a password store, credentials, the history of a shell") \
	X(STARTUP,    "startup",    "what runs by itself later: shell start files, cron, units, git hooks, authorized_keys") \
	X(CCM,        "ccm",        "ccm's own files, or what registers it with the client") \
	X(ALL,        "all",        "all that is in a directory: its pattern is a bare *") \
	X(PATTERN,    "pattern",    "a pattern that may name several files") \
	X(UNKNOWN,    "unknown",    "a path of which nobody knows where it begins")

enum guard_path_bit {
#define X(id, name, words) GUARD_PATH_BIT_##id,
	GUARD_PATHS(X)
#undef X
	GUARD_PATH_BITS
};

enum guard_path {
#define X(id, name, words) GUARD_PATH_##id = 1u << GUARD_PATH_BIT_##id,
	GUARD_PATHS(X)
#undef X
};

/* What surrounds a command. All absolute and normalised; NULL where there is none. */
struct guard_places {
	const char *home;
	const char *directory;       /* the session's */
	const char *project;         /* NULL: the session's directory counts as the project */
	const char *ccm_home;
	const char *client_home;     /* the client's settings: ~/.claude */
	const char *installed;       /* where ccm's programs lie: .../libexec/ccm */
	const char *tmp;             /* $TMPDIR; /tmp and its like are known */
};

struct guard_path_class {
	uint32_t is;                 /* enum guard_path: for certain */
	uint32_t may;                /* could be, because of marks; is not part of it */
};

/* Writes path as an absolute one without ".", "..", "//" and trailing slashes, as seen from directory (NULL: nobody knows).
 * /proc/self/cwd and the like, /private/tmp and other second names become the first ones. False: longer than size. */
bool guard_path_normalise(const char *path, const char *directory, char *ret, size_t size);

struct guard_path_class guard_path_classify(const struct guard_places *places, const char *path, const char *directory);

/* True if reading that file shows a secret: the marks for @secret alone, without places. Takes file names and URLs' paths, too. */
bool guard_path_is_secret(const char *path);

/* Follows the links in a normalised path without marks as far as files exist; opens nothing. False: too many links, or too long. */
bool guard_path_resolve(const char *path, char *ret, size_t size);

/* The bit of "root", "home", ...; 0: there is none of that name. */
uint32_t guard_path_bit(const char *name, size_t bytes);
const char *guard_path_words(enum guard_path_bit bit);
const char *guard_path_name(enum guard_path_bit bit);

/* For the unit test: what lets names be passed over quickly says the same as the tables that it is about. */
bool guard_path_tables_agree(void);

/* True if text could be what the pattern (marks of analyse.h) stands for. GUARD_UNKNOWN may hold slashes. */
bool guard_path_pattern(const char *pattern, const char *text);

#endif
