/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A thread that sends interrupts while the test does something else.
 */
#ifndef VOLLEY_TEST_LOAD_H
#define VOLLEY_TEST_LOAD_H

#include <pthread.h>

#include "rig.h"

enum load_state {
	LOAD_FLOWS,		/* each burst is waited for before the next */
	LOAD_DRIFTS,		/* none is waited for: some may be dropped */
	LOAD_HELD,		/* nothing is sent */
};

struct load {
	struct rig *rig;
	int device;
	u32 mask;		/* the vectors of a burst */
	int cpu;		/* where the thread runs */
	u64 spacing_us;		/* between the vectors of a burst */
	u64 pause_us;		/* after a burst that is not waited for (default 20) */
	u64 rest_us;		/* after one that is (default 0) */
	bool open_loop;		/* does not wait for one burst before the next */
	bool lossy;		/* nor for the last: some are dropped on purpose */

	pthread_t thread;
	pthread_mutex_t raising;	/* for the two below, and held while it sends */
	enum load_state state;
	u32 breaks;		/* how often something was given up for lost */
	bool idle;		/* it is held, and waits for nothing */
	bool stop;
	u64 bursts;
	u64 given_up;		/* vectors that may never have been delivered */
	u32 lost;		/* vectors that were not delivered */
};

void load_start(struct load *load);
/* Waits until @bursts more have been sent, and unless @open_loop delivered. */
void load_wait(struct load *load, u64 bursts);
/*
 * Sends nothing from here on. With @give_up what is on its way may be dropped;
 * otherwise it is waited for.
 */
void load_hold(struct load *load, bool give_up);
/* Goes on, but waits for nothing: what is sent from here on may be dropped. */
void load_drift(struct load *load);
/* Goes on: all that is sent from here on must be delivered. */
void load_flow(struct load *load);
/* Ends it; true if every interrupt was delivered. */
bool load_stop(struct load *load);

#endif /* VOLLEY_TEST_LOAD_H */
