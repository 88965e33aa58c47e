/* SPDX-License-Identifier: MIT */
#include "host.h"

#include <string.h>

#include "events.inc"

const struct ccm_host_event *ccm_host_events(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(host_events);
	return host_events;
}

const struct ccm_host_event *ccm_host_event(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(host_events); i++)
		if (strcmp(host_events[i].name, name) == 0)
			return &host_events[i];
	return NULL;
}
