/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a guest does that means no good: it runs inside the VM, on a vCPU whose
 * interrupts are off.
 */
#ifndef VOLLEY_TEST_HOSTILE_H
#define VOLLEY_TEST_HOSTILE_H

#include "guest.h"

enum hostile_role {
	HOSTILE_STORM,		/* sends itself LPIs, as many as it can, and takes what comes */
	HOSTILE_COMMANDS,	/* ITS commands that contradict each other, or make no sense */
	HOSTILE_REGISTERS,	/* writes anything to any register of the GIC */
	HOSTILE_MUTE,		/* spins, and never looks up */
	HOSTILE_ROLES
};

/* Goes on until the host says that there is peace. */
void guest_hostile(struct guest_shared *shared, enum hostile_role role, u32 seed);

#endif /* VOLLEY_TEST_HOSTILE_H */
