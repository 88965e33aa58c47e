/* SPDX-License-Identifier: MIT */
/* ini - inih, with the line of each thing.
 *
 * inih tells its handler the line only if it was compiled so, and cuts a long line in two without
 * a word; the reader here counts lines, and says which are too long.
 */
#ifndef CCM_INI_H
#define CCM_INI_H

struct ccm_ini {
	/* section: "" before the first one. */
	void (*key)(void *user, int line, const char *section, const char *name, const char *value);
	/* A line that cannot be read. line 0: the text as a whole. */
	void (*problem)(void *user, int line, const char *words);
	void *user;
};

void ccm_ini_parse(const struct ccm_ini *ini, const char *text);

#endif
