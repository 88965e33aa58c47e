/* SPDX-License-Identifier: MIT */
/* replay - the main() of a fuzz target in an ordinary build: feeds it files instead of a fuzzer's guesses.
 *
 *     fuzz_event FILE...      these files
 *     fuzz_event              each file of $CCM_SOURCE/tests/fuzz/corpus/event
 *
 * Passes when the target comes back from each of them: it aborts by itself when it finds something wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libccm/macros.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ uint8_t *data = NULL;
	size_t size = 0, room = 0, n;

	if (!f) {
		fprintf(stderr, "replay: cannot open '%s': %s\n", path, strerror(errno));
		return -1;
	}
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
	return 0;
}

static int replay_corpus(const char *source, const char *target)
{
	struct dirent **names = NULL;
	char dir[4096], path[8192];
	int n, failed = 0, replayed = 0;

	snprintf(dir, sizeof dir, "%s/tests/fuzz/corpus/%s", source, target);
	n = scandir(dir, &names, NULL, alphasort);
	if (n < 0) {
		fprintf(stderr, "replay: cannot open '%s': %s\n", dir, strerror(errno));
		return -1;
	}
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
			failed |= replay_file(path);
			replayed++;
		}
		free(names[i]);
	}
	free(names);
	if (replayed == 0)
		fprintf(stderr, "replay: '%s' is empty\n", dir);
	return replayed > 0 ? failed : -1;
}

int main(int argc, char **argv)
{
	const char *source = getenv("CCM_SOURCE");
	const char *name = strrchr(argv[0], '/');
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay_file(argv[i]);
	if (argc < 2) {
		name = name ? name + 1 : argv[0];
		if (!source || strncmp(name, "fuzz_", 5) != 0) {
			fprintf(stderr, "Usage: CCM_SOURCE=DIR fuzz_NAME, or fuzz_NAME FILE...\n");
			return 64;
		}
		failed = replay_corpus(source, name + 5);
	}
	return failed ? 1 : 0;
}
