/* SPDX-License-Identifier: MIT */
/* redact - take well-known forms of secrets out of text before it is written anywhere.
 *
 * Forms: provider keys and tokens with a known prefix (Anthropic, OpenAI, GitHub, GitLab, AWS,
 * Google, Slack, npm, Stripe, ...), JSON web tokens, PEM private key blocks, the value behind
 * `Authorization:` headers, user:password in URLs, and values assigned to names such as PASSWORD
 * or SECRET. The text may be plain or the inside of JSON strings (where a newline is \n); what
 * stands around a secret stays, and JSON stays JSON.
 *
 * It is a net for known forms, not a proof that no secret is left.
 */
#ifndef CCM_REDACT_H
#define CCM_REDACT_H

#include <stddef.h>

#include "sbuf.h"

/* Appends text with each secret replaced by [redacted:KIND]; returns how many there were. */
size_t ccm_redact(struct ccm_sbuf *out, const char *text, size_t bytes);

#endif
