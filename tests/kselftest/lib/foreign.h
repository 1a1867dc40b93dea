/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_modules/volley_foreign.c, which registers handlers as another module would.
 */
#ifndef VOLLEY_TEST_FOREIGN_H
#define VOLLEY_TEST_FOREIGN_H

#include "rig.h"

#define FOREIGN		"volley_foreign"
#define FOREIGN_PARAM	"/sys/module/" FOREIGN "/parameters/"

/* What its handler does; as there. */
enum foreign_behave {
	HOST, FORWARD, REDIRECT, CONSUME, LAST_ONLY, UNKNOWN_ACTION, TOO_MANY, TWICE,
	NO_SUCH_ARRIVAL, STALL,
};

/* One of its parameters. */
void foreign_set(const char *name, u32 value);
/*
 * Registers its handler: for a host IRQ, with IRQs off if @what is "atomic" and not
 * "irq"; or for the rig's first device. And takes it back. 0 or -errno.
 */
int foreign_register(const char *what, int irq);
int foreign_register_device(struct rig *rig);
int foreign_unregister(void);

#endif /* VOLLEY_TEST_FOREIGN_H */
