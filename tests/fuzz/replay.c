/* SPDX-License-Identifier: MIT */
/* replay - the main() of a fuzz target in an ordinary build: feeds it files instead of a fuzzer's guesses.
 *
 *     fuzz_event FILE|DIRECTORY...    these files (- is standard input), all files in these directories
 *     fuzz_event                      what lies in $CCM_SOURCE/tests/fuzz/corpus/event, and in the
 *                                     directories that corpus/event.seeds names, one a line
 *
 * Passes when the target comes back from each of them: it aborts by itself when it finds something wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

static int replay_stream(FILE *f, const char *path)
{
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0, room = 0, n;

	/* The bytes lie in memory of exactly their size, so that ASan sees one read too many. */
	do {
		uint8_t *grown = realloc(data, room += 65536);

		if (!grown)
			return -1;
		data = grown;
		n = fread(data + size, 1, room - size, f);
		size += n;
	} while (n > 0);
	if (ferror(f)) {
		fprintf(stderr, "replay: cannot read '%s'\n", path);
		return -1;
	}
	if (size > 0) {
		uint8_t *exact = realloc(data, size);

		if (exact)
			data = exact;
	}
	fprintf(stderr, "%s (%zu bytes)\n", path, size);
	LLVMFuzzerTestOneInput(data, size);
	replayed++;
	return 0;
}

static int replay(const char *path);

static int replay_directory(const char *dir)
{
	struct dirent **names = NULL;
	char path[8192];
	int failed = 0, n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
			failed |= replay(path);
		}
		free(names[i]);
	}
	free(names);
	return failed;
}

static int replay(const char *path)
{
	_cleanup_fclose_ FILE *f = NULL;
	struct stat st;

	if (strcmp(path, "-") == 0)
		return replay_stream(stdin, path);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return replay_directory(path);
	f = fopen(path, "re");
	if (f)
		return replay_stream(f, path);
	fprintf(stderr, "replay: cannot open '%s': %s\n", path, strerror(errno));
	return -1;
}

static int replay_corpus(const char *source, const char *target)
{
	_cleanup_fclose_ FILE *seeds = NULL;
	char path[4096], line[1024];
	int failed;

	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", source, target);
	failed = replay(path);
	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s.seeds", source, target);
	seeds = fopen(path, "re");
	while (seeds && fgets(line, sizeof line, seeds)) {
		line[strcspn(line, "\n")] = '\0';
		snprintf(path, sizeof path, "%s/%s", source, line);
		failed |= replay(path);
	}
	if (replayed == 0)
		fprintf(stderr, "replay: there is nothing in '%s'\n", path);
	return replayed > 0 ? failed : -1;
}

int main(int argc, char **argv)
{
	const char *source = getenv("CCM_SOURCE");
	const char *name = strrchr(argv[0], '/');
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	if (argc < 2) {
		name = name ? name + 1 : argv[0];
		if (!source || strncmp(name, "fuzz_", 5) != 0) {
			fprintf(stderr, "Usage: CCM_SOURCE=DIR fuzz_NAME, or fuzz_NAME FILE|DIRECTORY...\n");
			return 64;
		}
		failed = replay_corpus(source, name + 5);
	}
	return failed ? 1 : 0;
}
