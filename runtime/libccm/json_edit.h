/* SPDX-License-Identifier: MIT */
/* json_edit - change one place of a JSON text that a person owns, and no byte besides.
 *
 * What is put in follows the text around it: its line ends, its indentation, whether the container
 * stands on one line, the space behind colons and commas. Taking it out again gives back the bytes
 * that were there before, whatever they were:
 *
 *     behind other items    ',' and white space come and go with the item
 *     into an empty pair    the white space between the brackets stays, behind the item
 *
 * Whether a pair of brackets was there before is told by its layout: a new container opens and
 * closes the same way (both brackets on lines of their own, or both on the item's line), while an
 * item put into an empty pair is always laid out unevenly. See ccm_json_is_made().
 *
 * A document is a struct ccm_sbuf that holds checked JSON, perhaps behind a byte order mark.
 *
 * Ownership: views point into the document and are void after each change to it.
 * Errors:    -CCM_E_JSON, -ENOMEM.
 */
#ifndef CCM_JSON_EDIT_H
#define CCM_JSON_EDIT_H

#include "json.h"

/* Bytes of the byte order mark at the start of text: 3 or 0. */
size_t ccm_json_bom(const char *text, size_t bytes);

/* Checks the document and finds its value. error.offset counts behind the byte order mark. */
int ccm_json_document(const struct ccm_sbuf *doc, struct ccm_json *ret_root, struct ccm_json_error *error);

/* True if the document is nothing but white space. */
bool ccm_json_is_blank(const struct ccm_sbuf *doc);

/* Writes value, which is JSON text, behind the white space of a blank document, laid out on lines. */
int ccm_json_start(struct ccm_sbuf *doc, const char *value);

/* Adds a member (an element, where key is NULL) behind the last one of the container. value is JSON text,
 * and is laid out anew. */
int ccm_json_insert(struct ccm_sbuf *doc, const struct ccm_json *container, const char *key, const char *value);

/* Takes out the item of the container that has this value. */
int ccm_json_remove(struct ccm_sbuf *doc, const struct ccm_json *container, const struct ccm_json *value);

/* Puts other JSON text in the place of a value, on one line. */
int ccm_json_replace(struct ccm_sbuf *doc, const struct ccm_json *value, const char *text);

/* How many items the container has. */
size_t ccm_json_count(const struct ccm_json *container);

/* True if the container holds one item and is laid out as a new one would be. */
bool ccm_json_is_made(const struct ccm_json *container);

#endif
