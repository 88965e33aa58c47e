/* SPDX-License-Identifier: MIT */
#include "path.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "guard/analyse.h"
#include "libccm/macros.h"

#define MARKS "\001\002\003"         /* GUARD_UNKNOWN, GUARD_STAR, GUARD_ONE */
#define LINKS_MAX 40

#define BIT(name) GUARD_PATH_##name

static const struct { const char *name, *words; } bits[GUARD_PATH_BITS] = {
#define X(id, name, words) { name, words },
	GUARD_PATHS(X)
#undef X
};

uint32_t guard_path_bit(const char *name, size_t bytes)
{
	for (size_t i = 0; i < GUARD_PATH_BITS; i++)
		if (strlen(bits[i].name) == bytes && !memcmp(bits[i].name, name, bytes))
			return 1u << i;
	return 0;
}

const char *guard_path_words(enum guard_path_bit bit)
{
	return bits[bit].words;
}

const char *guard_path_name(enum guard_path_bit bit)
{
	return bits[bit].name;
}

static bool has_marks(const char *text)
{
	return text[strcspn(text, MARKS)] != '\0';
}

/* ---- Patterns ---- */

enum { EXACT = 1, BELOW = 2 };

/* Can pattern be text (EXACT), or something below it (BELOW)? Two places to come back to are enough: what a later mark cannot
 * reach, an earlier one of the same kind cannot either. */
static bool pattern_meets(const char *pattern, const char *text, int how, bool fold)
{
	const char *star = NULL, *star_text = NULL, *any = NULL, *any_text = NULL;

	for (;;) {
		if (*pattern == GUARD_UNKNOWN) {
			any = ++pattern;
			any_text = text;
			star = NULL;
			continue;
		}
		if (*pattern == GUARD_STAR) {
			star = ++pattern;
			star_text = text;
			continue;
		}
		if (!*text) {
			if (how == EXACT ? !*pattern : *pattern == '/' || (any && any == pattern))
				return true;
			/* What is left of the pattern is too much: only a longer text could help. */
			return how == BELOW && any != NULL;
		}
		if (*pattern == *text || (*pattern == GUARD_ONE && *text != '/') ||
		    (fold && tolower((unsigned char)*pattern) == tolower((unsigned char)*text))) {
			pattern++;
			text++;
			continue;
		}
		if (star && *star_text && *star_text != '/') {
			text = ++star_text;
			pattern = star;
			continue;
		}
		if (any && *any_text) {
			text = ++any_text;
			pattern = any;
			star = NULL;
			continue;
		}
		return false;
	}
}

bool guard_path_pattern(const char *pattern, const char *text)
{
	return pattern_meets(pattern, text, EXACT, false);
}

/* "*", ".*", "*.*", "?*": a component that all, or all hidden, names match. */
static bool takes_all(const char *component, size_t bytes)
{
	bool star = false;

	for (size_t i = 0; i < bytes; i++) {
		if (component[i] == GUARD_STAR)
			star = true;
		else if (component[i] != GUARD_ONE && component[i] != '.')
			return false;
	}
	return star;
}

/* ---- Normalising ---- */

struct out { char *text; size_t bytes, size; const char *directory; bool full; };

static bool other_name(char *path, size_t size, const char *directory);

static void out_component(struct out *o, const char *component, size_t bytes)
{
	if (o->bytes + 1 + bytes + 1 > o->size) {
		o->full = true;
		return;
	}
	o->text[o->bytes++] = '/';
	memcpy(o->text + o->bytes, component, bytes);
	o->bytes += bytes;
	o->text[o->bytes] = '\0';
}

static void out_parent(struct out *o, size_t floor)
{
	while (o->bytes > floor && o->text[o->bytes - 1] != '/')
		o->bytes--;
	if (o->bytes > floor)
		o->bytes--;
	o->text[o->bytes] = '\0';
}

static void out_path(struct out *o, const char *path, size_t floor)
{
	while (*path) {
		size_t bytes = strcspn(path, "/");

		if (bytes == 2 && path[0] == '.' && path[1] == '.') {
			if (!floor && other_name(o->text, o->size, o->directory))        /* the parent of where it leads */
				o->bytes = o->text[1] ? strlen(o->text) : 0;
			out_parent(o, floor);
		} else if (bytes > 0 && !(bytes == 1 && path[0] == '.')) {
			out_component(o, path, bytes);
		}
		path += bytes;
		path += *path == '/';
	}
}

/* "/proc/self/cwd/x": what follows the name of a process's file, or NULL. */
static const char *behind_proc(const char *path, const char *file)
{
	size_t bytes = strlen(file);

	if (strncmp(path, "/proc/", 6))
		return NULL;
	path = strchr(path + 6, '/');
	if (path && !strncmp(path, "/task/", 6) && (path = strchr(path + 6, '/')) == NULL)
		return NULL;
	if (!path || strncmp(path + 1, file, bytes) || (path[bytes + 1] && path[bytes + 1] != '/'))
		return NULL;
	return path + 1 + bytes;
}

/* Second names of the same places: the firmlinks of macOS, and the /proc of Linux. */
static bool other_name(char *path, size_t size, const char *directory)
{
	static const char *const firm[] = { "/private/tmp", "/private/etc", "/private/var", "/System/Volumes/Data" };
	const char *rest;
	char copy[PATH_MAX];
	struct out o = { .text = path, .size = size };

	for (size_t i = 0; i < ARRAY_SIZE(firm); i++) {
		size_t bytes = strlen(firm[i]), cut = i < 3 ? strlen("/private") : bytes;

		if (!strncasecmp(path, firm[i], bytes) && (path[bytes] == '/' || (i < 3 && !path[bytes]))) {
			memmove(path, path + cut, strlen(path + cut) + 1);
			return true;
		}
	}
	rest = behind_proc(path, "root");
	if (rest) {
		memmove(path, rest, strlen(rest) + 1);
		if (!*path)
			memcpy(path, "/", 2);
		return true;
	}
	rest = behind_proc(path, "cwd");
	if (rest && directory) {
		memcpy(copy, rest, strlen(rest) + 1);
		*path = '\0';
		out_path(&o, directory, 0);
		out_path(&o, copy, 0);
		if (!o.bytes)
			memcpy(path, "/", 2);
		return !o.full;
	}
	return false;
}

bool guard_path_normalise(const char *path, const char *directory, char *ret, size_t size)
{
	struct out o = { .text = ret, .size = size, .directory = directory };
	size_t floor = 0;

	if (size < 8 || size > PATH_MAX)
		return false;
	*ret = '\0';
	if (*path == GUARD_UNKNOWN || (*path != '/' && !directory)) {
		/* Where it begins is not known: that stays in front, and ".." cannot leave it. */
		ret[0] = GUARD_UNKNOWN;
		ret[1] = '\0';
		o.bytes = floor = 1;
		while (*path == GUARD_UNKNOWN)
			path++;
		if (*path && *path != '/' && directory) {
			size_t bytes = strcspn(path, "/");       /* "$X" and text: one name */

			if (bytes + 2 > size)
				return false;
			memcpy(ret + 1, path, bytes);
			o.bytes += bytes;
			ret[o.bytes] = '\0';
			path += bytes;
		}
	} else if (*path != '/') {
		out_path(&o, directory, 0);
	}
	out_path(&o, path, floor);
	if (!o.bytes) {
		ret[0] = '/';
		ret[1] = '\0';
	}
	for (int i = 0; i < 4 && other_name(ret, size, directory); i++)
		;
	return !o.full;
}

/* ---- What lies where ---- */

/* True if path is base or below it; *ret_depth: how many levels. */
static bool lies_in(const char *path, const char *base, unsigned *ret_depth)
{
	size_t bytes = strlen(base);

	if (bytes == 1 && *base == '/')
		bytes = 0;
	if (isupper((unsigned char)base[1]) ? strncasecmp(path, base, bytes) : strncmp(path, base, bytes))
		return false;
	if (path[bytes] && path[bytes] != '/')
		return false;
	*ret_depth = 0;
	for (path += bytes; *path; path++)
		*ret_depth += *path == '/' && path[1];
	return true;
}

/* depth: how many levels below it are as precious as itself. */
static const struct { const char *path; unsigned depth; uint32_t self, below; } systems[] = {
	{ "/bin",               9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/boot",              9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/dev",               0, BIT(SYSTEM), 0 },
	{ "/efi",               9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/etc",               1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/lib",               9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/lib32",             9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/lib64",             9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/libx32",            9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/lost+found",        0, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/media",             0, BIT(SYSTEM), 0 },
	{ "/mnt",               0, BIT(SYSTEM), 0 },
	{ "/nix",               1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/opt",               0, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/proc",              9, BIT(SYSTEM), BIT(KERNEL) },
	{ "/run",               0, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/sbin",              9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/snap",              1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/srv",               0, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/sys",               9, BIT(SYSTEM), BIT(KERNEL) },
	{ "/usr",               2, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/var",               1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/var/lib",           1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/var/backups",       1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/Applications",      1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/Library",           1, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/System",            9, BIT(SYSTEM), BIT(SYSTEM) },
	{ "/Volumes",           0, BIT(SYSTEM), 0 },
	{ "/cores",             0, BIT(SYSTEM), BIT(IN_SYSTEM) },
	{ "/private",           0, BIT(SYSTEM), BIT(IN_SYSTEM) },
};

static const char *const temporary[] = { "/tmp", "/var/tmp", "/dev/shm", "/var/folders", "/run/user", "/data/local/tmp" };
static const char *const homes[] = { "/home", "/Users", "/export/home", "/usr/home", "/mnt/c/Users", "/c/Users", "/var/home" };

static const char *const home_parts[] = {
	"Applications", "Desktop", "Documents", "Downloads", "Dropbox", "Library", "Movies", "Music", "OneDrive", "Pictures",
	"Public", "Templates", "Videos", "bin", "code", "dev", "git", "projects", "repos", "src", "work", "workspace",
	".aws", ".azure", ".bashrc", ".bash_profile", ".claude", ".config", ".docker", ".gnupg", ".kube", ".local", ".local/bin",
	".local/share", ".mozilla", ".password-store", ".profile", ".ssh", ".thunderbird", ".zshrc", "Library/Keychains",
	"Library/Application Support", ".gitconfig",
};

static const char *const made_by_builds[] = {
	"node_modules", "build", "target", "dist", "out", ".venv", "venv", "__pycache__", ".pytest_cache", ".mypy_cache",
	".ruff_cache", ".tox", ".nox", ".cache", ".next", ".nuxt", ".svelte-kit", ".turbo", ".parcel-cache", ".vite", "coverage",
	".nyc_output", "htmlcov", ".gradle", ".eggs", "_build", "obj", "Pods", "DerivedData", ".terraform", ".dart_tool",
	".angular", "storybook-static", "tmp", "temp", ".tmp", ".output", ".serverless", ".aws-sam", "elm-stuff",
	"bower_components", "jspm_packages", ".stack-work", "dist-newstyle", "zig-out", "zig-cache", ".zig-cache",
	"autom4te.cache", "_site", ".direnv", ".ipynb_checkpoints", ".hypothesis", "test-results", "playwright-report",
	".expo", ".docusaurus", ".sass-cache", ".bundle", ".coverage", ".build", ".swiftpm", "buck-out", ".mvn-cache",
	".webpack", ".rollup.cache", ".eslintcache", ".stylelintcache", "Debug", "Release", ".cargo-target", ".pnpm-store",
	".yarn-cache", ".npm-cache", "cmake-build-debug", "cmake-build-release",
};

static bool made_by_build(const char *name, size_t bytes)
{
	static const char *const ends[] = { ".egg-info", ".pyc", ".pyo", ".o", ".class", ".tsbuildinfo" };

	for (size_t i = 0; i < ARRAY_SIZE(made_by_builds); i++)
		if (strlen(made_by_builds[i]) == bytes && !memcmp(made_by_builds[i], name, bytes))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		size_t end = strlen(ends[i]);

		if (bytes > end && !memcmp(name + bytes - end, ends[i], end))
			return true;
	}
	return (bytes > 12 && !memcmp(name, "cmake-build-", 12)) || (bytes > 6 && !memcmp(name, "bazel-", 6));
}

/* Below a home: what tools keep only to be faster next time. */
static bool below_cache(const char *path)
{
	static const char *const caches[] = {
		"/.cache/", "/Library/Caches/", "/.npm/", "/.gradle/caches/", "/.cargo/registry/", "/.m2/repository/", "/go/pkg/mod/",
		"/.pnpm-store/", "/.yarn/cache/", "/.bun/install/cache/", "/.nuget/packages/", "/.ivy2/cache/", "/.ccache/",
		"/Library/Developer/Xcode/DerivedData/",
	};

	for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
		size_t bytes = strlen(caches[i]);

		/* Of ~/.npm and what follows it in the list, the directory itself, too. */
		if (!strncmp(path, caches[i], bytes) || (i >= 2 && !strncmp(path, caches[i], bytes - 1) && !path[bytes - 1]))
			return true;
	}
	return false;
}

/* Is any component of path, from at on, what builds make? */
static bool holds_build(const char *path)
{
	while (*path) {
		size_t bytes;

		path += *path == '/';
		bytes = strcspn(path, "/");
		if (made_by_build(path, bytes))
			return true;
		path += bytes;
	}
	return false;
}

static bool has_component(const char *path, const char *name)
{
	size_t bytes = strlen(name);

	for (const char *at = path; (at = strcasestr(at, name)); at += bytes)
		if ((at == path || at[-1] == '/') && (!at[bytes] || at[bytes] == '/'))
			return true;
	return false;
}

/* True if path ends in these components. */
static bool ends_in(const char *path, const char *end)
{
	size_t all = strlen(path), bytes = strlen(end);

	return all >= bytes && !strcasecmp(path + all - bytes, end) && (all == bytes || path[all - bytes - 1] == '/');
}

/* The name of a directory below which, or a file at which, something is: with a slash at the end a directory. Asked of every
 * word of a command, so most names must be passed over by their first letter. */
static bool lists(const char *firsts, const char *const *list, size_t count, const char *path)
{
	const char *end = path + strlen(path);

	for (const char *at = path; at; at = strchr(at, '/'), at = at ? at + 1 : NULL) {
		size_t left = (size_t)(end - at);
		char first = (char)tolower((unsigned char)*at);

		/* Most names begin with a letter that no entry begins with. */
		if (!*at || !strchr(firsts, *at == '/' ? '/' : first))
			continue;
		for (size_t i = 0; i < count; i++) {
			size_t bytes;

			if (*list[i] != first && tolower((unsigned char)*list[i]) != first)
				continue;
			bytes = strlen(list[i]);
			if (list[i][bytes - 1] != '/' ? left == bytes && !strcasecmp(at, list[i])
						      : left >= bytes - 1 && !strncasecmp(at, list[i], left < bytes ? left : bytes))
				return true;
		}
	}
	return false;
}

/* ---- Secrets ---- */

/* Files, and directories (slash at the end) all of whose files are. */
static const char *const secrets[] = {
	"id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk", "identity.key",
	".env", ".envrc", ".netrc", "_netrc", ".pgpass", ".my.cnf", ".mylogin.cnf", ".npmrc", ".yarnrc.yml", ".pypirc",
	".git-credentials", ".config/git/credentials", ".htpasswd", ".vault-token", ".dockercfg", ".s3cfg", ".boto", ".passwd-s3fs",
	".aws/credentials", ".aws/config", ".aws/sso/", ".aws/cli/", ".azure/", ".config/gcloud/", ".kube/config", ".docker/config.json",
	".config/gh/hosts.yml", ".config/hub", ".config/glab-cli/config.yml", ".config/rclone/rclone.conf", ".config/op/",
	".config/doctl/config.yaml", ".config/hcloud/cli.toml", ".oci/", ".fly/config.yml", ".config/netlify/config.json",
	".terraform.d/credentials.tfrc.json", ".terraformrc", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials",
	".m2/settings.xml", ".m2/settings-security.xml", ".gradle/gradle.properties", ".composer/auth.json", ".nuget/nuget.config",
	".claude/.credentials.json", ".codex/auth.json", ".gemini/oauth_creds.json", ".config/github-copilot/",
	"application_default_credentials.json", "service-account.json", "service_account.json", "serviceaccountkey.json",
	"client_secret.json", "credentials.json", "credentials.db", "access_tokens.db", "master.key", "wallet.dat",
	"secrets.yml", "secrets.yaml", "secrets.json", "secrets.toml", "secrets.env", ".secrets", "terraform.tfstate",
	".ssh/", ".gnupg/", ".password-store/", "library/keychains/", ".local/share/keyrings/", ".config/solana/", ".electrum/",
	".bitcoin/", ".ethereum/keystore/", "/run/secrets/", "/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/master.passwd",
	"/etc/ssl/private/", "/etc/krb5.keytab", "/etc/security/opasswd", "/etc/ppp/chap-secrets", "/etc/sudoers",
	".bash_history", ".zsh_history", ".histfile", ".sh_history", ".history", ".mysql_history", ".psql_history", ".sqlite_history",
	".python_history", ".node_repl_history", ".rediscli_history", ".mongo/mongosh_repl_history", ".local/share/fish/fish_history",
	"login data", "login data for account", "key3.db", "key4.db", "logins.json", "cookies.sqlite", "signons.sqlite",
	".mozilla/firefox/", "cookies.binarycookies", ".config/google-chrome/", ".config/chromium/", ".config/bravesoftware/",
	"library/application support/google/chrome/", "library/application support/firefox/", ".1password/",
	"environ",
};
static const char secrets_firsts[] = "./_aceiklmstw";

static const char *const secret_ends[] = {
	".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".kdb", ".ppk", ".env", ".ovpn", ".keytab", "-credentials.json",
	"_credentials.json", "_rsa", "_ed25519", "_ecdsa", "_dsa", ".p8", ".tfstate.backup",
};

/* What looks alike and is meant to be read. */
static const char *const no_secrets[] = {
	".ssh/known_hosts", ".ssh/known_hosts.old", ".ssh/config", ".ssh/authorized_keys", ".ssh/config.d/", ".ssh/environment",
	".gnupg/pubring.kbx", ".gnupg/gpg.conf", ".azure/config",
};
static const char no_secrets_firsts[] = ".";
static const char *const no_secret_ends[] = {
	".pub", ".example", ".sample", ".template", ".tmpl", ".dist", ".defaults", ".default", ".schema", ".md", ".crt", ".cer",
	"cert.pem", "certs.pem", "chain.pem", "bundle.pem", "public.pem", "pub.pem", "ca.pem", "cacert.pem", "public.key",
	"pub.key", "crt.pem", "example.env", "sample.env", "template.env", "csr.pem", "dhparam.pem", "dhparams.pem",
};

static bool ends_with(const char *text, const char *end)
{
	size_t all = strlen(text), bytes = strlen(end);

	return all >= bytes && !strcasecmp(text + all - bytes, end);
}

static bool is_secret(const char *path)
{
	const char *name = strrchr(path, '/'), *at;
	bool endings;

	name = name ? name + 1 : path;
	endings = strpbrk(name, "._-") != NULL;          /* there is one of these in each of them */
	for (size_t i = 0; endings && i < ARRAY_SIZE(no_secret_ends); i++)
		if (ends_with(name, no_secret_ends[i]))
			return false;
	if (lists(no_secrets_firsts, no_secrets, ARRAY_SIZE(no_secrets), path))
		return false;
	if (!strcmp(name, "environ"))
		return !strncmp(path, "/proc/", 6);
	if (lists(secrets_firsts, secrets, ARRAY_SIZE(secrets), path))
		return true;
	for (size_t i = 0; endings && i < ARRAY_SIZE(secret_ends); i++)
		if (ends_with(name, secret_ends[i]) && strcasecmp(name, secret_ends[i]))
			return true;
	/* .env.local, .env.production, id_rsa.bak, credentials.json.old */
	if (!strncasecmp(name, ".env.", 5) || !strncasecmp(name, "id_rsa", 6) || !strncasecmp(name, "id_ed25519", 10))
		return true;
	at = strcasestr(name, ".json");
	if (at && (!strncasecmp(name, "service-account", 15) || !strncasecmp(name, "service_account", 15) ||
		   !strncasecmp(name, "client_secret", 13) || !strncasecmp(name, "gcp-key", 7)))
		return true;
	return ends_in(path, "local state") && strcasestr(path, "chrome");
}

/* A pattern, too, may name one: those that are met most. Two letters of it must be known, or each `cat *` would. */
static bool may_be_secret(const char *path)
{
	static const char *const names[] = {
		"id_rsa", "id_ed25519", "id_ecdsa", "id_dsa", ".env", ".env.local", ".env.production", ".netrc", ".pgpass", ".npmrc",
		".pypirc", ".git-credentials", "credentials", "shadow", "server.key", "server.pem", ".bash_history", ".zsh_history",
	};
	const char *name = strrchr(path, '/');
	size_t known = 0;

	name = name ? name + 1 : path;
	for (const char *c = name; *c; c++)
		known += !strchr(MARKS, *c);
	if (known < 2 || strchr(name, GUARD_UNKNOWN))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool dot = *names[i] == '.';

		if (dot && *name != '.')
			continue;
		if (!strcmp(names[i], "shadow") && strncmp(path, "/etc/", 5))
			continue;
		if (!strcmp(names[i], "credentials") && !strstr(path, ".aws"))
			continue;
		if (pattern_meets(name, names[i], EXACT, true))
			return true;
	}
	return false;
}

bool guard_path_is_secret(const char *path)
{
	size_t all = strlen(path);

	if (all >= 2 && path[all - 2] == '/' && path[all - 1] == GUARD_STAR) {
		char parent[PATH_MAX];

		if (all - 1 >= sizeof parent)
			return false;
		memcpy(parent, path, all - 2);
		parent[all - 2] = '\0';
		return is_secret(parent);
	}
	return is_secret(path);
}

/* ---- What runs later, and what is ours ---- */

static const char *const startups[] = {
	".bashrc", ".bash_profile", ".bash_login", ".bash_logout", ".bash_aliases", ".profile", ".zshrc", ".zshenv", ".zprofile",
	".zlogin", ".zlogout", ".kshrc", ".cshrc", ".tcshrc", ".login", ".config/fish/config.fish", ".config/fish/conf.d/",
	".config/autostart/", ".config/systemd/user/", ".local/share/systemd/user/", "library/launchagents/", ".pam_environment",
	".xinitrc", ".xprofile", ".xsession", ".xsessionrc", ".ssh/authorized_keys", ".ssh/authorized_keys2", ".ssh/rc",
	".ssh/config", ".ssh/environment", ".gitconfig", ".config/git/config", ".git/hooks/", ".git/config", ".config/environment.d/",
	"/etc/profile", "/etc/profile.d/", "/etc/crontab", "/etc/cron.d/", "/etc/cron.daily/", "/etc/cron.hourly/",
	"/etc/cron.weekly/", "/etc/cron.monthly/", "/var/spool/cron/", "/etc/anacrontab", "/etc/systemd/system/",
	"/usr/lib/systemd/system/", "/lib/systemd/system/", "/etc/rc.local", "/etc/init.d/", "/etc/ld.so.preload", "/etc/environment",
	"/etc/sudoers", "/etc/sudoers.d/", "/etc/pam.d/", "/etc/bash.bashrc", "/etc/zsh/", "/etc/udev/rules.d/", "/etc/modules-load.d/",
	"/library/launchdaemons/", "/library/launchagents/", "/etc/xdg/autostart/", "/etc/inittab", "/etc/gitconfig",
};
static const char startups_firsts[] = "./l";

static bool in_or_at(const char *path, const char *base, bool *ret_self)
{
	size_t bytes = base ? strlen(base) : 0;

	while (bytes > 1 && base[bytes - 1] == '/')
		bytes--;
	if (bytes < 2 || strncasecmp(path, base, bytes) || (path[bytes] && path[bytes] != '/'))
		return false;
	if (ret_self)
		*ret_self = !path[bytes];
	return true;
}

/* Is path one of the directories on the way down to base? */
static bool is_above(const char *path, const char *base)
{
	size_t bytes = strlen(path);

	return base && (bytes == 1 || (!strncmp(base, path, bytes) && base[bytes] == '/'));
}

static bool is_ccm(const struct guard_places *p, const char *path, bool inside)
{
	static const char *const programs[] = { "ccm-hook", "ccm-guard", "ccm-supervisor" };
	const char *name = strrchr(path, '/');
	bool self;

	name = name ? name + 1 : path;
	if (in_or_at(path, p->ccm_home, NULL) || in_or_at(path, p->installed, NULL))
		return true;
	if (in_or_at(path, p->client_home, &self) &&
	    (self || !strcasecmp(name, "settings.json") || !strcasecmp(name, "settings.local.json")))
		return true;
	if (ends_in(path, ".claude/settings.json") || ends_in(path, ".claude/settings.local.json") ||
	    in_or_at(path, "/etc/claude-code", NULL) || in_or_at(path, "/Library/Application Support/ClaudeCode", NULL))
		return true;
	if (inside)
		return false;
	if (ends_in(path, ".ccm") || (has_component(path, ".ccm") && !inside))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(programs); i++)
		if (!strcasecmp(name, programs[i]))
			return true;
	return has_component(path, "libexec/ccm") || has_component(path, "share/ccm");
}

/* ---- Devices ---- */

static uint32_t device_class(const char *path)
{
	static const char *const swallow[] = {
		"null", "zero", "full", "stdin", "stdout", "stderr", "tty", "random", "urandom", "fd", "ptmx", "console", "tcp", "udp",
	};
	static const char *const disk[] = {
		"sd", "hd", "vd", "xvd", "nvme", "mmcblk", "disk", "rdisk", "mapper/", "dm-", "md", "nbd", "pmem", "mem", "kmem", "port",
		"sr", "cciss/", "ida/", "dasd", "zvol/", "bcache", "drbd", "rbd", "fd0", "ada", "da", "nvd", "mtd", "sg", "block/",
		"raw/", "root", "cdrom", "ubd", "vg",
	};
	const char *name = path + 5;

	for (size_t i = 0; i < ARRAY_SIZE(swallow); i++) {
		size_t bytes = strlen(swallow[i]);

		if (!strncmp(name, swallow[i], bytes) && (!name[bytes] || name[bytes] == '/'))
			return BIT(NULL_);
	}
	if (!strncmp(name, "pts/", 4) || !strncmp(name, "tty", 3))
		return BIT(NULL_);
	for (size_t i = 0; i < ARRAY_SIZE(disk); i++) {
		size_t bytes = strlen(disk[i]);

		if (strncmp(name, disk[i], bytes) && !(strchr(MARKS, *name)))
			continue;
		/* Whole words (mem), or a kind and what follows it (sda1). */
		if (strcmp(disk[i], "mem") && strcmp(disk[i], "port") && strcmp(disk[i], "kmem") && strcmp(disk[i], "root"))
			return BIT(DISK);
		if (!name[bytes])
			return BIT(DISK);
	}
	return BIT(DEVICE);
}

/* ---- Together ---- */

/* A project that is everything, or nobody's in particular, is none. */
static bool can_be_project(const struct guard_places *p, const char *project)
{
	unsigned depth;

	if (!project[1] || (p->home && (is_above(project, p->home) || !strcmp(project, p->home))))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(temporary); i++)
		if (lies_in(project, temporary[i], &depth) && depth == 0)
			return false;
	return true;
}

/* What an absolute, normalised path without marks is. */
static uint32_t class_of(const struct guard_places *p, const char *path, const char *directory)
{
	const char *project = p->project ? p->project : p->directory;
	uint32_t c = 0;
	unsigned depth;
	bool self, inside = false;

	if (path[0] == '/' && !path[1])
		c |= BIT(ROOT);

	if (project && !can_be_project(p, project))
		project = NULL;
	if (in_or_at(path, project, &self)) {
		c |= self ? BIT(PROJECT) : BIT(INSIDE);
		inside = !self;
	}
	if (directory && !strcmp(path, directory))
		c |= BIT(CWD);
	if (is_above(path, project) || is_above(path, directory) || is_above(path, p->directory))
		c |= BIT(ABOVE);
	if (inside && holds_build(path + strlen(project)))
		c |= BIT(BUILD);

	/* A project or a home in a temporary directory is what it is. */
	for (size_t i = 0; i < ARRAY_SIZE(temporary) && !(c & (BIT(PROJECT) | BIT(INSIDE))) && !in_or_at(path, p->home, NULL); i++)
		if (lies_in(path, temporary[i], &depth))
			c |= depth == 0 || (i >= 3 && depth == 1) ? BIT(TMP_DIR) : BIT(TMP);
	if (p->tmp && p->tmp[0] == '/' && p->tmp[1] && in_or_at(path, p->tmp, &self) &&
	    !(c & (BIT(PROJECT) | BIT(INSIDE) | BIT(ABOVE))))
		c |= self ? BIT(TMP_DIR) : BIT(TMP);

	for (size_t i = 0; i < ARRAY_SIZE(homes); i++) {
		if (!lies_in(path, homes[i], &depth))
			continue;
		if (depth < 2)
			c |= BIT(HOME);
		else if (!in_or_at(path, p->home, NULL))
			c |= BIT(OTHER_HOME);
	}
	if (!strcmp(path, "/root"))
		c |= BIT(HOME);
	else if (!strncmp(path, "/root/", 6) && !in_or_at(path, p->home, NULL))
		c |= BIT(OTHER_HOME);
	if (in_or_at(path, p->home, &self)) {
		const char *rest = path + strlen(p->home);

		c |= self ? BIT(HOME) : BIT(IN_HOME);
		for (size_t i = 0; !self && i < ARRAY_SIZE(home_parts); i++)
			if (!strcmp(rest + 1, home_parts[i]))
				c |= BIT(HOME_PART);
	}
	if (c & BIT(IN_HOME) && below_cache(path + strlen(p->home)))
		c |= BIT(BUILD);
	if (c & (BIT(OTHER_HOME) | BIT(HOME))) {
		for (size_t i = 0; i < ARRAY_SIZE(home_parts); i++)
			if (ends_in(path, home_parts[i]))
				c |= BIT(HOME_PART);
	}

	if (!(c & (BIT(TMP) | BIT(TMP_DIR) | BIT(HOME) | BIT(IN_HOME) | BIT(OTHER_HOME)))) {
		for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
			if (!lies_in(path, systems[i].path, &depth))
				continue;
			c |= depth <= systems[i].depth && systems[i].below != BIT(KERNEL) ? systems[i].self :
				depth == 0 ? systems[i].self : systems[i].below;
		}
		if (!strncmp(path, "/dev/", 5))
			c |= device_class(path);
	}
	if ((!strncmp(path, "/mnt/", 5) || !strncmp(path, "/media/", 7) || !strncasecmp(path, "/volumes/", 9))) {
		const char *rest = strchr(path + 1, '/') + 1;

		if (!strchr(rest, '/') || (path[2] == 'e' && !strchr(strchr(rest, '/') + 1, '/')))
			c |= BIT(DRIVE);
	}
	if (isalpha((unsigned char)path[1]) && (!path[2] || path[2] == '/') && path[0] == '/') {
		const char *rest = path[2] ? path + 3 : path + 2;        /* /c/Windows, as msys writes it */

		c |= !strchr(rest, '/') ? BIT(DRIVE) : 0;
	}
	if (!strncmp(path, "/mnt/", 5) && isalpha((unsigned char)path[5]) && path[6] == '/' && !strchr(path + 7, '/'))
		c |= BIT(DRIVE);
	if (c & (BIT(INSIDE) | BIT(TMP)))
		c &= ~(uint32_t)BIT(IN_SYSTEM);
	if (!(c & (BIT(INSIDE) | BIT(PROJECT) | BIT(TMP) | BIT(NULL_) | BIT(TMP_DIR))))
		c |= BIT(OUTSIDE);

	if (has_component(path, ".git"))
		c |= BIT(GIT);
	if (is_secret(path))
		c |= BIT(SECRET);
	if (lists(startups_firsts, startups, ARRAY_SIZE(startups), path) && !(inside && !(c & BIT(GIT))) && !(c & BIT(TMP)))
		c |= BIT(STARTUP);
	if (is_ccm(p, path, inside))
		c |= BIT(CCM);
	return c;
}

/* A pattern or something found may be the database or the settings that register ccm: find ~ -name settings.json. */
static bool may_be_ccm(const struct guard_places *p, const char *path)
{
	static const char *const clients[] = { "settings.json", "settings.local.json" }, *const own[] = { "ccm.db", "config.ini", "state.db" };
	char file[PATH_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		if (p->client_home && snprintf(file, sizeof file, "%s/%s", p->client_home, clients[i]) < (int)sizeof file &&
		    pattern_meets(path, file, EXACT, true))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (p->ccm_home && snprintf(file, sizeof file, "%s/%s", p->ccm_home, own[i]) < (int)sizeof file &&
		    pattern_meets(path, file, EXACT, true))
			return true;
	return p->ccm_home && !strchr(path, GUARD_UNKNOWN) && pattern_meets(path, p->ccm_home, BELOW, true);
}

/* What a path with marks may be beyond what its known part says. */
static uint32_t may_be(const struct guard_places *p, const char *path, const char *directory)
{
	const char *fixed[] = { p->home, p->project ? p->project : p->directory, directory, p->ccm_home };
	uint32_t c = 0;

	if (pattern_meets(path, "/", EXACT, false))
		c |= BIT(ROOT);
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		if (pattern_meets(path, systems[i].path, EXACT, true))
			c |= systems[i].self;
		else if (*path != GUARD_UNKNOWN && pattern_meets(path, systems[i].path, BELOW, true))
			c |= systems[i].depth ? systems[i].self : systems[i].below ? systems[i].below : BIT(DISK);
	}
	for (size_t i = 0; i < ARRAY_SIZE(homes); i++)
		if (pattern_meets(path, homes[i], EXACT, true))
			c |= BIT(HOME);
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
		if (fixed[i] && pattern_meets(path, fixed[i], EXACT, false))
			c |= class_of(p, fixed[i], directory);
	if (may_be_secret(path))
		c |= BIT(SECRET);
	if (may_be_ccm(p, path))
		c |= BIT(CCM);
	return c;
}

static struct guard_path_class classify_known_start(const struct guard_places *p, char *path, const char *directory)
{
	struct guard_path_class c = { 0, 0 };
	char prefix[PATH_MAX];
	size_t mark, slash;
	bool all = false;

	/* DIR followed by an active * stands for DIR. */
	for (;;) {
		char *last = strrchr(path, '/');

		if (!last || !takes_all(last + 1, strlen(last + 1)))
			break;
		all = true;
		if (last == path) {
			path[1] = '\0';
			break;
		}
		*last = '\0';
	}
	if (!has_marks(path)) {
		c.is = class_of(p, path, directory) | (all ? BIT(ALL) : 0);
		return c;
	}

	/* The directory before the first mark is certain, and what lies below it. */
	mark = strcspn(path, MARKS);
	for (slash = mark; slash > 0 && path[slash] != '/'; slash--)
		;
	memcpy(prefix, path, slash);
	prefix[slash] = '\0';
	if (!slash)
		memcpy(prefix, "/", 2);

	/* "?" is no name that any table knows: what is below prefix, whatever its name. */
	if (strlen(path) + 1 < sizeof prefix) {
		char stand[PATH_MAX];

		memcpy(stand, path, strlen(path) + 1);
		for (char *s = stand; *s; s++)
			if (strchr(MARKS, *s))
				*s = '?';
		c.is = class_of(p, stand, directory);
		c.is &= ~(uint32_t)(BIT(SYSTEM) | BIT(HOME) | BIT(HOME_PART) | BIT(DRIVE));
		if (class_of(p, stand, directory) & BIT(SYSTEM))
			c.is |= slash ? BIT(SYSTEM) : 0;
		if (class_of(p, stand, directory) & BIT(HOME))
			c.is |= slash ? BIT(HOME) : 0;
	}
	c.is |= BIT(PATTERN) | (all ? BIT(ALL) : 0);
	c.may = may_be(p, path, directory);
	if (path[mark] == GUARD_UNKNOWN && path[mark - 1] == '/' && !path[mark + 1])
		c.may |= class_of(p, prefix, directory);         /* it may be empty */
	c.may &= ~c.is;
	return c;
}

/* A project in a temporary directory has neighbours there: who goes up from it to one of them does not just clean up. */
static bool leaves_project(const struct guard_places *p, const char *path, const char *directory)
{
	const char *project = p->project ? p->project : p->directory;

	return project && (is_above(directory ? directory : "/", project) || has_component(path, ".."));
}

struct guard_path_class guard_path_classify(const struct guard_places *p, const char *path, const char *directory)
{
	struct guard_path_class c = { 0, 0 }, other;
	char abs[PATH_MAX];
	const char *rest = path;

	while (*rest == GUARD_UNKNOWN)
		rest++;
	if (!guard_path_normalise(path, directory, abs, sizeof abs)) {
		c.is = BIT(UNKNOWN);
		return c;
	}
	if (isalpha((unsigned char)path[0]) && path[1] == ':' && (path[2] == '\\' || path[2] == '/')) {
		c.is = BIT(DRIVE) | BIT(OUTSIDE);
		return c;
	}
	if (abs[0] == '/') {
		c = classify_known_start(p, abs, directory);
		if (c.is & BIT(TMP) && path[0] != '/' && leaves_project(p, path, directory))
			c.is = (c.is & ~(uint32_t)BIT(TMP)) | BIT(OUTSIDE);
		if (path[0] == '~' && p->home && (!path[1] || path[1] == '/') && strlen(p->home) + strlen(path) < sizeof abs) {
			/* A quoted ~ is a name; whoever writes it means their home. */
			size_t bytes = strlen(p->home);

			memcpy(abs, p->home, bytes);
			memcpy(abs + bytes, path + 1, strlen(path));
			other = guard_path_classify(p, abs, directory);
			c.may |= (other.is | other.may) & ~c.is;
		}
		return c;
	}

	/* Nobody knows where it begins. Its end may tell, and what it is should the unknown part be empty. */
	c.is = BIT(UNKNOWN);
	if (!has_marks(abs + 1)) {
		c.is |= is_secret(abs + 1) ? BIT(SECRET) : 0;
		c.is |= has_component(abs + 1, ".git") ? BIT(GIT) : 0;
		c.is |= abs[1] == '/' && holds_build(abs + 1) ? BIT(BUILD) : 0;
		c.is |= lists(startups_firsts, startups, ARRAY_SIZE(startups), abs + 1) ? BIT(STARTUP) : 0;
		c.is |= abs[1] == '/' && is_ccm(p, abs + 1, false) ? BIT(CCM) : 0;
	}
	if (rest != path && *rest == '/') {
		other = guard_path_classify(p, rest, directory);
		c.may = (other.is | other.may) & ~c.is;
	}
	return c;
}

/* ---- Links ---- */

bool guard_path_resolve(const char *path, char *ret, size_t size)
{
	char todo[PATH_MAX], link[PATH_MAX];
	struct out o = { .text = ret, .size = size };
	size_t bytes = strlen(path);
	int links = 0;

	if (size < 8 || bytes >= sizeof todo || path[0] != '/')
		return false;
	memcpy(todo, path, bytes + 1);
	*ret = '\0';
	for (char *at = todo; *at;) {
		size_t name = strcspn(at, "/");
		ssize_t got;

		if (name == 2 && at[0] == '.' && at[1] == '.') {
			out_parent(&o, 0);
		} else if (name > 0 && !(name == 1 && at[0] == '.')) {
			size_t before = o.bytes;

			out_component(&o, at, name);
			if (o.full)
				return false;
			got = readlink(ret, link, sizeof link);
			if (got == (ssize_t)sizeof link || (got > 0 && ++links > LINKS_MAX))
				return false;
			if (got > 0) {
				/* What the link says, then the rest of the way. */
				const char *rest = at + name;
				size_t left = strlen(rest);

				if ((size_t)got + left >= sizeof todo)
					return false;
				memmove(todo + got, rest, left + 1);
				memcpy(todo, link, (size_t)got);
				o.bytes = link[0] == '/' ? 0 : before;
				ret[o.bytes] = '\0';
				at = todo;
				continue;
			}
		}
		at += name;
		at += *at == '/';
	}
	if (!o.bytes)
		memcpy(ret, "/", 2);
	return true;
}

static bool begins_as_said(const char *firsts, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strchr(firsts, tolower((unsigned char)*list[i])))
			return false;
	return true;
}

bool guard_path_tables_agree(void)
{
	bool endings = true;

	for (size_t i = 0; i < ARRAY_SIZE(secret_ends); i++)
		endings = endings && strpbrk(secret_ends[i], "._-");
	for (size_t i = 0; i < ARRAY_SIZE(no_secret_ends); i++)
		endings = endings && strpbrk(no_secret_ends[i], "._-");
	return endings && begins_as_said(secrets_firsts, secrets, ARRAY_SIZE(secrets)) &&
	       begins_as_said(no_secrets_firsts, no_secrets, ARRAY_SIZE(no_secrets)) &&
	       begins_as_said(startups_firsts, startups, ARRAY_SIZE(startups));
}
