// SPDX-License-Identifier: GPL-2.0
/*
 * Random numbers that are the same for the same seed.
 */
#include "seeded.h"

void seeded_start(struct seeded *seeded, u64 seed, int thread)
{
	seeded->state = (seed + 1) * 0x9e3779b97f4a7c15 + thread * 0xbf58476d1ce4e5b9;
}

/* Marsaglia's xorshift64, multiplied. */
u32 seeded_below(struct seeded *seeded, u32 limit)
{
	u64 x = seeded->state ?: 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	seeded->state = x;
	return ((x * 0x2545f4914f6cdd1d) >> 32) % limit;
}
