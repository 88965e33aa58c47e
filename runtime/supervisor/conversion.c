/* SPDX-License-Identifier: MIT */
#include "conversion.h"

#include <errno.h>
#include <string.h>

#define TIMEOUT_MS 60000

struct config {
	bool autocrlf_in, autocrlf_out, eol_crlf;
	bool has_attributes;         /* a file outside the working tree may name some */
};

static bool file_exists(const char *dir, const char *name)
{
	_cleanup_free_ char *path = repo_path(dir, name);

	return path && access(path, F_OK) == 0;
}

static bool user_attributes_exist(git_config *config)
{
	const char *home = getenv("HOME"), *xdg = getenv("XDG_CONFIG_HOME"), *name;

	if (git_config_get_string(&name, config, "core.attributesfile") == 0)
		return true;
	if (xdg && xdg[0] && file_exists(xdg, "git/attributes"))
		return true;
	return (home && file_exists(home, ".config/git/attributes")) || file_exists("/etc", "gitattributes");
}

static int read_config(const struct repo *r, struct config *ret)
{
	git_config *config = NULL;
	const char *text;

	*ret = (struct config){ 0 };
	if (git_repository_config_snapshot(&config, r->git) < 0)
		return -EIO;
	if (git_config_get_string(&text, config, "core.autocrlf") == 0) {
		int on = 0;

		ret->autocrlf_in = strcasecmp(text, "input") == 0;
		if (!ret->autocrlf_in && git_config_parse_bool(&on, text) == 0)
			ret->autocrlf_in = ret->autocrlf_out = on;
	}
	if (git_config_get_string(&text, config, "core.eol") == 0)
		ret->eol_crlf = strcasecmp(text, "crlf") == 0;
	ret->has_attributes = user_attributes_exist(config) || file_exists(r->commondir, "info/attributes");
	git_config_free(config);
	return 0;
}

/* True if some .gitattributes lies on the way to one of the paths. */
static bool any_attributes(const struct repo *r, const char *const *paths, size_t count)
{
	const char *last = NULL;
	size_t last_bytes = 0;

	if (count && file_exists(r->worktree, ".gitattributes"))
		return true;
	for (size_t i = 0; i < count; i++) {
		const char *slash = strrchr(paths[i], '/');
		size_t bytes = slash ? (size_t)(slash - paths[i]) : 0;

		if (!bytes || (last && bytes == last_bytes && strncmp(last, paths[i], bytes) == 0))
			continue;
		last = paths[i];
		last_bytes = bytes;
		for (const char *c = strchr(paths[i], '/'); c; c = strchr(c + 1, '/')) {
			_cleanup_sbuf_ struct ccm_sbuf name = { 0 };

			ccm_sbuf_addf(&name, "%.*s/.gitattributes", (int)(c - paths[i]), paths[i]);
			if (ccm_sbuf_error(&name) || file_exists(r->worktree, name.text))
				return true;
		}
	}
	return false;
}

struct attributes {
	bool text, not_text, eol_crlf, eol_lf, both, filter;
};

static void note(struct attributes *a, const char *name, const char *value)
{
	bool set = strcmp(value, "unspecified") != 0 && strcmp(value, "unset") != 0;

	if (strcmp(name, "filter") == 0)
		a->filter = set && strcmp(value, "set") != 0;
	else if (strcmp(name, "ident") == 0 || strcmp(name, "working-tree-encoding") == 0)
		a->both = a->both || set;
	else if (strcmp(name, "eol") == 0) {
		a->eol_crlf = strcmp(value, "crlf") == 0;
		a->eol_lf = strcmp(value, "lf") == 0;
	} else if (set)                      /* text, and crlf, which is its old name */
		a->text = true;
	else if (strcmp(value, "unset") == 0)
		a->not_text = true;
}

static enum conversion judge(const struct attributes *a, const struct config *c)
{
	bool text = a->text || a->eol_crlf || a->eol_lf || (!a->not_text && c->autocrlf_in);

	if (a->filter)
		return CONVERSION_FILTER;
	if (a->both)
		return CONVERSION_BOTH;
	if (!text || (a->not_text && !a->eol_crlf && !a->eol_lf))
		return CONVERSION_NONE;
	if (a->eol_crlf || (!a->eol_lf && (c->autocrlf_out || c->eol_crlf)))
		return CONVERSION_BOTH;
	return CONVERSION_LINES;
}

/* `git check-attr -z` prints PATH NUL NAME NUL VALUE NUL, for each path all names in turn. */
static int ask_git(const struct repo *r, const char *const *paths, size_t count, const struct config *config,
		   enum conversion *ret, struct ccm_diag *diag)
{
	const char *const args[] = { "check-attr", "-z", "--stdin", "filter", "ident", "working-tree-encoding", "eol",
				     "text", "crlf", NULL };
	_cleanup_git_ struct repo_git call = { .args = args };
	_cleanup_sbuf_ struct ccm_sbuf input = { 0 };
	const char *at, *end;
	int e;

	for (size_t i = 0; i < count; i++)
		ccm_sbuf_add(&input, paths[i], strlen(paths[i]) + 1);
	if (ccm_sbuf_error(&input))
		return -ENOMEM;
	call.input = input.text;
	call.input_bytes = input.bytes;
	e = repo_git_run(r, &call, 1, TIMEOUT_MS, false, diag);
	if (e < 0)
		return e;
	at = ccm_sbuf_str(&call.out);
	end = at + call.out.bytes;
	for (size_t i = 0; i < count; i++) {
		struct attributes a = { 0 };

		for (size_t k = 3; args[k]; k++) {
			const char *name = at + strlen(at) + 1, *value;

			if (at >= end || name >= end)
				return ccm_diag_set(diag, -EIO, "git check-attr said too little");
			value = name + strlen(name) + 1;
			note(&a, name, value);
			at = value + strlen(value) + 1;
		}
		ret[i] = judge(&a, config);
	}
	return 0;
}

int conversion_of(const struct repo *r, const char *const *paths, size_t count, enum conversion *ret, struct ccm_diag *diag)
{
	struct config config;
	const struct attributes none = { 0 };
	int e = read_config(r, &config);

	if (e < 0)
		return repo_error(e, diag, "cannot read the configuration");
	if (count && (config.has_attributes || any_attributes(r, paths, count)))
		return ask_git(r, paths, count, &config, ret, diag);
	for (size_t i = 0; i < count; i++)
		ret[i] = judge(&none, &config);
	return 0;
}
