/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VM in a process of its own that is sent interrupts until it is killed.
 */
#ifndef VOLLEY_TEST_VICTIM_H
#define VOLLEY_TEST_VICTIM_H

#include <sys/types.h>

#include "device.h"

#define VICTIM_VECTORS	8

struct victim {
	pid_t pid;
	char id[32];			/* of the VM */
	int irq[VICTIM_VECTORS];
};

/*
 * Makes one with the @device-th device. What it is like depends on @round, and
 * also whether it waits until it is attached, if it is to be at all. False if it
 * did not come up.
 */
bool victim_start(struct victim *victim, int device, int round, bool volley);
/* Kills it, and waits until nothing of it is left; says what is. */
bool victim_kill(struct victim *victim);

#endif /* VOLLEY_TEST_VICTIM_H */
