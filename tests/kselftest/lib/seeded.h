/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random numbers that are the same for the same seed.
 */
#ifndef VOLLEY_TEST_SEEDED_H
#define VOLLEY_TEST_SEEDED_H

#include <kvm_util.h>

struct seeded {
	u64 state;
};

/* Each @thread has numbers of its own. */
void seeded_start(struct seeded *seeded, u64 seed, int thread);
/* From 0 to @limit - 1. */
u32 seeded_below(struct seeded *seeded, u32 limit);

#endif /* VOLLEY_TEST_SEEDED_H */
