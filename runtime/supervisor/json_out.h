/* SPDX-License-Identifier: MIT */
/* json_out - JSON of our own making for --json, whatever the texts hold.
 *
 * Ownership: text_json() gives a new reference; print_json() takes none.
 */
#ifndef CCM_SUPERVISOR_JSON_OUT_H
#define CCM_SUPERVISOR_JSON_OUT_H

#include <jansson.h>

/* Bytes that are not UTF-8 become U+FFFD; NULL: null. NULL when out of memory. */
json_t *text_json(const char *text);

/* One line on stdout, in which no control byte stands as such. -ENOMEM, also for a value that is NULL. */
int print_json(json_t *value);

#endif
