/* SPDX-License-Identifier: MIT */
/* fuzz - what the fuzz targets share.
 *
 * A target is a function that takes any bytes and aborts when something that must hold does not.
 * With --enable-fuzzing libFuzzer calls it; else replay.c does, with the files of a corpus.
 */
#ifndef CCM_TEST_FUZZ_H
#define CCM_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
			abort(); \
		} \
	} while (0)

/* A number that depends on all of the input, for choices that no byte of it stands for. */
static inline uint32_t fuzz_hash(const uint8_t *data, size_t size)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ data[i]) * 16777619u;
	return h;
}

/* A copy of exactly that size with no room behind it, so that ASan sees one read too many. */
static inline char *fuzz_copy(const void *data, size_t size)
{
	char *copy = malloc(size ? size : 1);

	MUST(copy);
	copy[0] = '\0';
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* The same as a C string; ends at the first NUL of the input. */
static inline char *fuzz_string(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);

	MUST(copy);
	if (size)
		memcpy(copy, data, size);
	copy[size] = '\0';
	return copy;
}

#endif
