/* SPDX-License-Identifier: MIT */
#include "review.h"

#include <errno.h>
#include <fnmatch.h>
#include <jansson.h>
#include <string.h>

#include "import.h"
#include "libccm/redact.h"
#include "libccm/settings.h"
#include "libccm/term.h"

#define BLOB_MAX ((size_t)4 << 20)
#define DIFF_MAX ((size_t)48 << 20)
#define LARGE_BYTES ((int64_t)10 << 20)
#define WARNINGS_MAX 500

void review_done(struct review *r)
{
	for (size_t i = 0; i < r->commit_count; i++) {
		free(r->commits[i].id);
		free(r->commits[i].subject);
		free(r->commits[i].author);
	}
	for (size_t i = 0; i < r->file_count; i++)
		free(r->files[i].path);
	for (size_t i = 0; i < r->warning_count; i++)
		free(r->warnings[i].words);
	free(r->commits);
	free(r->files);
	free(r->warnings);
	*r = (struct review){ 0 };
}

/* Room for one more in a list that doubles. */
static void *room(void *list, size_t count, size_t size)
{
	if (count & (count - 1) || !count)
		return count ? list : calloc(1, size);
	return realloc(list, count * 2 * size);
}

struct reviewer {
	struct git git;
	const char *commit, *email, *hooks_path;
	struct ccm_sbuf range;       /* base..commit */
	struct ccm_sbuf ids;         /* of what the files hold, one a line */
	char *base;                  /* where the branches part */
	struct review *review;
	struct ccm_diag *diag;
};

static int warn(struct reviewer *v, const char *kind, const char *path, const char *words)
{
	struct review *r = v->review;
	struct review_warning *list;
	struct ccm_sbuf text = { 0 };

	if (r->warning_count >= WARNINGS_MAX)
		return 0;
	list = room(r->warnings, r->warning_count, sizeof *list);
	if (!list)
		return -ENOMEM;
	r->warnings = list;
	if (path) {
		ccm_term_clean(&text, path, strlen(path), CCM_CLEAN_LINE);
		ccm_sbuf_adds(&text, ": ");
	}
	ccm_term_clean(&text, words, strlen(words), CCM_CLEAN_LINE);
	list[r->warning_count] = (struct review_warning){ kind, ccm_sbuf_take(&text) };
	return list[r->warning_count++].words ? 0 : -ENOMEM;
}

/* ---- commits */

static int add_commit(struct reviewer *v, char *fields[4])
{
	struct review *r = v->review;
	struct review_commit *list = room(r->commits, r->commit_count, sizeof *list), *c;

	if (!list)
		return -ENOMEM;
	r->commits = list;
	c = &list[r->commit_count++];
	*c = (struct review_commit){ strdup(fields[0]), strdup(fields[3]), strdup(fields[2]), strtoll(fields[1], NULL, 10) };
	return c->id && c->subject && c->author ? 0 : -ENOMEM;
}

static int load_commits(struct reviewer *v)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	char *at, *end;
	int r = git_run(&v->git, &out, v->diag, "log", "--reverse", "--topo-order", "-z", "--no-show-signature",
			"--format=%H%x01%at%x01%an <%ae>%x01%s", v->range.text, "--", NULL);

	if (r < 0)
		return r;
	ccm_sbuf_addc(&out, '\0');
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	end = out.text + out.bytes - 1;
	for (at = out.text; at < end && r == 0;) {
		char *fields[4] = { at }, *next = at + strlen(at) + 1;
		int n = 1;

		for (char *c = at; *c && n < 4; c++)
			if (*c == '\1') {
				*c = '\0';
				fields[n++] = c + 1;
			}
		if (n == 4)
			r = add_commit(v, fields);
		at = next;
	}
	return r;
}

static int check_authors(struct reviewer *v)
{
	int r = 0;

	for (size_t i = 0; i < v->review->commit_count && v->email && r == 0; i++) {
		const struct review_commit *c = &v->review->commits[i];
		const char *at = strrchr(c->author, '<');
		size_t bytes = strlen(v->email);

		if (!at || strncmp(at + 1, v->email, bytes) != 0 || at[1 + bytes] != '>') {
			struct ccm_sbuf words = { 0 };

			ccm_sbuf_addf(&words, "commit %.12s names another author: %s", c->id, c->author);
			r = ccm_sbuf_error(&words) ? -ENOMEM : warn(v, "author", NULL, words.text);
			ccm_sbuf_done(&words);
		}
	}
	return r;
}

/* ---- files */

static struct review_file *add_file(struct review *r)
{
	struct review_file *list = room(r->files, r->file_count, sizeof *list);

	if (!list)
		return NULL;
	r->files = list;
	list[r->file_count] = (struct review_file){ .status = '?' };
	return &list[r->file_count++];
}

static void add_new_id(struct reviewer *v, const char *line)
{
	for (int i = 0; i < 3; i++)
		line += strcspn(line, " ") + (line[strcspn(line, " ")] != '\0');
	ccm_sbuf_addf(&v->ids, "%.*s\n", (int)strcspn(line, " "), line);
}

/* ":100644 100755 OLD NEW M\0path\0": the order is that of --numstat "12\t3\tpath\0", which follows. */
static int load_files(struct reviewer *v)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	size_t numbered = 0;
	char *at, *end;
	int r = git_run(&v->git, &out, v->diag, "diff-tree", "-r", "-z", "--raw", "--numstat", "--no-renames", "--no-abbrev",
			"--no-ext-diff", "--no-textconv", v->base, v->commit, "--", NULL);

	if (r < 0)
		return r;
	ccm_sbuf_addc(&out, '\0');
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	end = out.text + out.bytes - 1;
	for (at = out.text; at < end; at += strlen(at) + 1) {
		struct review_file *f;

		if (*at == ':' && strlen(at) > 16) {
			f = add_file(v->review);
			if (!f)
				return -ENOMEM;
			f->mode = (unsigned)strtoul(at + 8, NULL, 8);
			f->status = at[strlen(at) - 1];
			add_new_id(v, at);
			at += strlen(at) + 1;
			f->path = at < end ? strdup(at) : strdup("");
			if (!f->path)
				return -ENOMEM;
		} else if (numbered < v->review->file_count) {
			f = &v->review->files[numbered++];
			f->added = *at == '-' ? -1 : strtoll(at, NULL, 10);
			at += strcspn(at, "\t");
			f->removed = at[0] == '\t' && at[1] != '-' ? strtoll(at + 1, NULL, 10) : f->added < 0 ? -1 : 0;
		}
	}
	return 0;
}

/* ---- what a path says */

static const struct rule {
	const char *kind, *pattern;  /* of the whole path, or of its last part if it has no slash */
	const char *words;
} rules[] = {
	{ "ci", ".github/workflows/*", "runs in CI" },
	{ "ci", ".github/actions/*", "runs in CI" },
	{ "ci", ".gitlab-ci.yml", "runs in CI" },
	{ "ci", ".gitlab/ci/*", "runs in CI" },
	{ "ci", ".circleci/*", "runs in CI" },
	{ "ci", ".buildkite/*", "runs in CI" },
	{ "ci", ".forgejo/workflows/*", "runs in CI" },
	{ "ci", ".gitea/workflows/*", "runs in CI" },
	{ "ci", ".woodpecker*", "runs in CI" },
	{ "ci", ".ci/*", "runs in CI" },
	{ "ci", "Jenkinsfile*", "runs in CI" },
	{ "ci", "azure-pipelines*.yml", "runs in CI" },
	{ "ci", "bitbucket-pipelines.yml", "runs in CI" },
	{ "ci", ".travis.yml", "runs in CI" },
	{ "ci", ".drone.yml", "runs in CI" },
	{ "ci", "appveyor.yml", "runs in CI" },
	{ "hook", ".husky/*", "a git hook of the project" },
	{ "hook", ".githooks/*", "a git hook of the project" },
	{ "hook", "hooks/*", "may be a git hook" },
	{ "hook", ".hooks/*", "may be a git hook" },
	{ "hook", "lefthook.y*ml", "says which git hooks run" },
	{ "hook", ".pre-commit-config.yaml", "says which git hooks run" },
	{ "hook", ".pre-commit-hooks.yaml", "says which git hooks run" },
	{ "attributes", ".gitattributes", "decides which filters and merge drivers run on files" },
	{ "submodule", ".gitmodules", "decides where submodules come from" },
	{ "agent", ".claude/*", "settings, hooks or instructions of an agent" },
	{ "agent", ".ccm/*", "settings of ccm for this project" },
	{ "agent", ".mcp.json", "servers that an agent starts" },
	{ "agent", "CLAUDE.md", "instructions that an agent follows" },
	{ "agent", "AGENTS.md", "instructions that an agent follows" },
	{ "agent", ".codex/*", "settings of an agent" },
	{ "agent", ".cursor/*", "settings of an agent" },
	{ "editor", ".vscode/*", "an editor may run what stands there" },
	{ "editor", ".idea/*", "an editor may run what stands there" },
	{ "editor", ".devcontainer/*", "an editor may run what stands there" },
	{ "editor", ".envrc", "direnv runs it" },
	{ "editor", ".editorconfig-plugin*", "an editor may run what stands there" },
	{ "editor", "*.code-workspace", "an editor may run what stands there" },
	{ "build", "Makefile", "runs at a build" },
	{ "build", "GNUmakefile", "runs at a build" },
	{ "build", "*.mk", "runs at a build" },
	{ "build", "Makefile.am", "runs at a build" },
	{ "build", "configure*", "runs at a build" },
	{ "build", "CMakeLists.txt", "runs at a build" },
	{ "build", "meson.build", "runs at a build" },
	{ "build", "Rakefile", "runs at a build" },
	{ "build", "justfile", "runs at a build" },
	{ "build", "Taskfile.y*ml", "runs at a build" },
	{ "build", "Dockerfile*", "runs at a build" },
	{ "build", "*.gradle", "runs at a build" },
	{ "build", "*.gradle.kts", "runs at a build" },
	{ "build", "pom.xml", "runs at a build" },
	{ "build", "build.rs", "cargo runs it at a build" },
	{ "build", "binding.gyp", "npm runs it when the package is installed" },
	{ "build", "conftest.py", "pytest runs it" },
	{ "build", "setup.py", "pip runs it when the package is installed" },
	{ "build", "setup.cfg", "says what pip installs" },
	{ "build", "pyproject.toml", "says what pip installs and runs" },
	{ "build", "Cargo.toml", "says what cargo builds and runs" },
	{ "build", "go.mod", "says which modules go fetches" },
	{ "build", "Gemfile", "says what bundler installs; it is a program" },
	{ "build", ".npmrc", "decides where packages come from" },
	{ "build", ".cargo/config*", "decides what cargo runs" },
	{ "build", "*.config.js", "a tool runs it" },
	{ "build", "*.config.[cm]js", "a tool runs it" },
	{ "build", "*.config.ts", "a tool runs it" },
	{ "lock", "package-lock.json", "decides which packages are installed" },
	{ "lock", "npm-shrinkwrap.json", "decides which packages are installed" },
	{ "lock", "yarn.lock", "decides which packages are installed" },
	{ "lock", "pnpm-lock.yaml", "decides which packages are installed" },
	{ "lock", "bun.lock*", "decides which packages are installed" },
	{ "lock", "Cargo.lock", "decides which packages are installed" },
	{ "lock", "go.sum", "decides which packages are installed" },
	{ "lock", "poetry.lock", "decides which packages are installed" },
	{ "lock", "uv.lock", "decides which packages are installed" },
	{ "lock", "Pipfile.lock", "decides which packages are installed" },
	{ "lock", "requirements*.txt", "decides which packages are installed" },
	{ "lock", "composer.lock", "decides which packages are installed" },
	{ "lock", "Gemfile.lock", "decides which packages are installed" },
	{ "lock", "flake.lock", "decides which packages are installed" },
	{ "secret", ".env", "such files hold secrets" },
	{ "secret", ".env.*", "such files hold secrets" },
	{ "secret", "id_rsa*", "such files hold secrets" },
	{ "secret", "id_ed25519*", "such files hold secrets" },
	{ "secret", "id_ecdsa*", "such files hold secrets" },
	{ "secret", "*.pem", "such files hold secrets" },
	{ "secret", "*.key", "such files hold secrets" },
	{ "secret", "*.p12", "such files hold secrets" },
	{ "secret", "*.pfx", "such files hold secrets" },
	{ "secret", ".netrc", "such files hold secrets" },
	{ "secret", ".git-credentials", "such files hold secrets" },
	{ "secret", "credentials.json", "such files hold secrets" },
};

/* A pattern with a slash may begin in any folder: what lies deeper may be a project of its own. */
static bool matches(const char *pattern, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!strchr(pattern, '/'))
		return fnmatch(pattern, slash ? slash + 1 : path, FNM_CASEFOLD) == 0;
	for (const char *at = path; at; at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL)
		if (fnmatch(pattern, at, FNM_CASEFOLD) == 0)
			return true;
	return false;
}

static int check_path(struct reviewer *v, const struct review_file *f)
{
	size_t bytes = v->hooks_path ? strlen(v->hooks_path) : 0;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules) && r == 0; i++)
		if (matches(rules[i].pattern, f->path)) {
			r = warn(v, rules[i].kind, f->path, rules[i].words);
			break;
		}
	if (r == 0 && bytes && strncmp(f->path, v->hooks_path, bytes) == 0 &&
	    (f->path[bytes] == '/' || v->hooks_path[bytes - 1] == '/'))
		r = warn(v, "hook", f->path, "your core.hooksPath leads there: it is a git hook of yours");
	return r;
}

/* Characters that a terminal or an editor does not show as what they are. */
static int check_name(struct reviewer *v, const struct review_file *f)
{
	struct ccm_sbuf clean = { 0 };
	bool odd;

	ccm_term_clean(&clean, f->path, strlen(f->path), CCM_CLEAN_LINE);
	odd = strcmp(ccm_sbuf_str(&clean), f->path) != 0;
	ccm_sbuf_done(&clean);
	return odd ? warn(v, "name", f->path, "the name holds characters that cannot be seen, or are not UTF-8") : 0;
}

static int read_blob(struct reviewer *v, const char *commit, const char *path, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	struct git g = v->git;

	g.output_max_bytes = BLOB_MAX;
	ccm_sbuf_addf(&name, "%s:%s", commit, path);
	return ccm_sbuf_error(&name) ? -ENOMEM : git_try(&g, out, NULL, "cat-file", "blob", name.text, NULL);
}

static int check_link(struct reviewer *v, const struct review_file *f)
{
	_cleanup_sbuf_ struct ccm_sbuf to = { 0 }, words = { 0 };
	int depth = 0, r = read_blob(v, v->commit, f->path, &to);

	if (r != 0)
		return r < 0 && r != -EFBIG ? r : 0;
	for (const char *c = f->path; *c; c++)
		depth += *c == '/';
	for (const char *c = ccm_sbuf_str(&to); *c; c += strcspn(c, "/"), c += *c == '/') {
		size_t bytes = strcspn(c, "/");

		if (bytes == 2 && strncmp(c, "..", 2) == 0)
			depth--;
		else if (bytes && !(bytes == 1 && *c == '.'))
			depth++;
		if (depth < 0)
			break;
	}
	if (depth >= 0 && ccm_sbuf_str(&to)[0] != '/' && !strstr(ccm_sbuf_str(&to), ".git/"))
		return 0;
	ccm_sbuf_addf(&words, "a symbolic link that leads out of the tree, to %s", ccm_sbuf_str(&to));
	return ccm_sbuf_error(&words) ? -ENOMEM : warn(v, "link", f->path, words.text);
}

/* Only where the scripts are others: a new version number is no reason to warn. */
static int check_package(struct reviewer *v, const struct review_file *f)
{
	static const char *const parts[] = { "scripts", "dependencies", "devDependencies", "optionalDependencies", "bin",
					     "gypfile", "workspaces", "overrides" };
	_cleanup_sbuf_ struct ccm_sbuf old = { 0 }, new = { 0 };
	json_auto_t *before = NULL, *after = NULL;
	int r = read_blob(v, v->commit, f->path, &new);

	if (r == 0)
		r = read_blob(v, v->base, f->path, &old);
	if (r < 0 && r != -EFBIG)
		return r;
	before = json_loadb(ccm_sbuf_str(&old), old.bytes, 0, NULL);
	after = json_loadb(ccm_sbuf_str(&new), new.bytes, 0, NULL);
	if (!after)
		return warn(v, "scripts", f->path, "cannot be read as JSON");
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		json_t *a = json_object_get(before, parts[i]), *b = json_object_get(after, parts[i]);
		char words[96];

		if (a == b || (a && b && json_equal(a, b)))
			continue;
		snprintf(words, sizeof words, "changes '%s'%s", parts[i], i == 0 ? ", which npm runs" : "");
		r = warn(v, "scripts", f->path, words);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_file(struct reviewer *v, const struct review_file *f)
{
	const char *slash = strrchr(f->path, '/');
	int r = check_name(v, f);

	if (r == 0 && f->mode)
		r = check_path(v, f);
	if (r == 0 && f->mode == 0100755)
		r = warn(v, "executable", f->path, f->status == 'A' ? "a new executable file" : "an executable file is changed, "
									   "or a file becomes one");
	if (r == 0 && f->mode == 0120000)
		r = check_link(v, f);
	if (r == 0 && f->mode && strcmp(slash ? slash + 1 : f->path, "package.json") == 0)
		r = check_package(v, f);
	if (r == 0 && f->mode && f->added < 0)
		r = warn(v, "binary", f->path, "a binary file: a diff does not show what it holds");
	return r;
}

/* Of how much a few bytes in a repository can stand for, a diff says nothing. */
static int check_sizes(struct reviewer *v)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct git g = v->git;
	const char *at;
	int r = ccm_sbuf_error(&v->ids);

	g.input = ccm_sbuf_str(&v->ids);
	g.input_bytes = v->ids.bytes;
	if (r == 0 && v->ids.bytes)
		r = git_run(&g, &out, v->diag, "cat-file", "--batch-check=%(objectsize)", NULL);
	at = ccm_sbuf_str(&out);
	for (size_t i = 0; i < v->review->file_count && r == 0; i++, at += strcspn(at, "\n"), at += *at == '\n') {
		int64_t bytes = v->review->files[i].mode ? strtoll(at, NULL, 10) : 0;
		char size[32], words[64];

		if (bytes < LARGE_BYTES)
			continue;
		snprintf(words, sizeof words, "a large file: %s", ccm_size_format(bytes, size));
		r = warn(v, "large", v->review->files[i].path, words);
	}
	return r;
}

/* HEAD beside config, objects or refs: git would take the folder for a repository, and its config for settings. */
static int check_nested(struct reviewer *v)
{
	int r = 0;

	for (size_t i = 0; i < v->review->file_count && r == 0; i++) {
		const char *path = v->review->files[i].path, *slash = strrchr(path, '/');
		size_t dir = slash ? (size_t)(slash - path) + 1 : 0;
		bool config = false, more = false;

		if (strcmp(path + dir, "HEAD") != 0 || !v->review->files[i].mode)
			continue;
		for (size_t j = 0; j < v->review->file_count; j++) {
			const char *other = v->review->files[j].path;

			if (strncmp(other, path, dir) != 0 || !v->review->files[j].mode)
				continue;
			config |= strcmp(other + dir, "config") == 0;
			more |= strncmp(other + dir, "objects/", 8) == 0 || strncmp(other + dir, "refs/", 5) == 0;
		}
		if (config || more)
			r = warn(v, "repository", path, "its folder looks like a git repository: git run in there would follow its "
							"config");
	}
	return r;
}

/* Added lines that hold a known form of secret, by file. */
static int check_secrets(struct reviewer *v)
{
	_cleanup_sbuf_ struct ccm_sbuf diff = { 0 };
	struct git g = v->git;
	const char *file = "";
	char path[1024] = "";
	int r;

	g.output_max_bytes = DIFF_MAX;
	r = git_run(&g, &diff, v->diag, "diff-tree", "-r", "-p", "-U0", "--no-renames", "--no-ext-diff", "--no-textconv",
		    "--no-color", v->base, v->commit, "--", NULL);
	if (r == -EFBIG)
		return warn(v, "secret", NULL, "the changes are too large to be searched for secrets");
	for (const char *line = ccm_sbuf_str(&diff), *next; r == 0 && *line; line = next) {
		_cleanup_sbuf_ struct ccm_sbuf clean = { 0 };
		size_t bytes = strcspn(line, "\n");

		next = line + bytes + (line[bytes] == '\n');
		if (strncmp(line, "+++ b/", 6) == 0) {
			snprintf(path, sizeof path, "%.*s", (int)(bytes - 6), line + 6);
			file = path;
		} else if (*line == '+' && *file && ccm_redact(&clean, line + 1, bytes - 1)) {
			r = warn(v, "secret", file, "holds what looks like a secret");
			file = "";
		}
	}
	return r;
}

static int load(struct reviewer *v)
{
	int r;

	ccm_sbuf_addf(&v->range, "refs/ccm/base..%s", v->commit);
	if (ccm_sbuf_error(&v->range))
		return -ENOMEM;
	r = git_line(&v->git, &v->base, "merge-base", "refs/ccm/base", v->commit, NULL);
	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(v->diag, -CCM_E_REFUSED, "commit %.12s has no history in common with the base", v->commit);
	if (r == 0)
		r = load_commits(v);
	if (r == 0)
		r = load_files(v);
	for (size_t i = 0; i < v->review->file_count && r == 0; i++)
		r = check_file(v, &v->review->files[i]);
	if (r == 0)
		r = check_sizes(v);
	if (r == 0)
		r = check_nested(v);
	if (r == 0)
		r = check_secrets(v);
	return r < 0 ? r : check_authors(v);
}

int review_load(const struct place *p, const char *commit, const char *email, const char *hooks_path, struct review *ret,
		struct ccm_diag *diag)
{
	struct review review = { 0 };
	struct reviewer v = {
		.git = import_git(p), .commit = commit, .email = email, .hooks_path = hooks_path,
		.review = &review, .diag = diag,
	};
	int r = load(&v);

	ccm_sbuf_done(&v.range);
	ccm_sbuf_done(&v.ids);
	free(v.base);
	if (r < 0) {
		review_done(&review);
		return r;
	}
	*ret = review;
	return 0;
}
