// SPDX-License-Identifier: GPL-2.0
/*
 * The module whose handler does what it is told.
 */
#include "foreign.h"

void foreign_set(const char *name, u32 value)
{
	char text[16];
	int ret;

	snprintf(text, sizeof(text), "%u", value);
	ret = host_write(text, FOREIGN_PARAM "%s", name);
	TEST_ASSERT(!ret, "%s does not take it: %s", name, strerror(-ret));
}

int foreign_register(const char *what, int irq)
{
	char text[40];

	snprintf(text, sizeof(text), "%s %d", what, irq);
	return host_write(text, FOREIGN_PARAM "register");
}

int foreign_register_device(struct rig *rig)
{
	char text[40];

	snprintf(text, sizeof(text), "device %s", rig->dev[0]->bdf);
	return host_write(text, FOREIGN_PARAM "register");
}

int foreign_unregister(void)
{
	return host_write("\n", FOREIGN_PARAM "unregister");
}
