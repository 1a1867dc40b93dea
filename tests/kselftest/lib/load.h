/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that sends interrupts while the test does something else.
 */
#ifndef VOLLEY_TEST_LOAD_H
#define VOLLEY_TEST_LOAD_H

#include <pthread.h>

#include "rig.h"

struct load {
	struct rig *rig;
	int device;
	u32 mask;		/* the vectors of a burst */
	int cpu;		/* where the thread runs */
	u64 spacing_us;		/* between the vectors of a burst */
	u64 pause_us;		/* after a burst that is not waited for (default 20) */
	bool open_loop;		/* does not wait for one burst before the next */
	bool lossy;		/* nor for the last: some are dropped on purpose */

	pthread_t thread;
	bool stop;
	u64 bursts;
	u32 lost;		/* vectors that were not delivered */
};

void load_start(struct load *load);
/* Waits until @bursts more have been sent, and unless @open_loop delivered. */
void load_wait(struct load *load, u64 bursts);
/* Ends it; true if every interrupt was delivered. */
bool load_stop(struct load *load);

#endif /* VOLLEY_TEST_LOAD_H */
