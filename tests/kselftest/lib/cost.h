/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What bursts of interrupts cost the CPU that receives them, in instructions of
 * the host's kernel; each burst is measured by itself.
 */
#ifndef VOLLEY_TEST_COST_H
#define VOLLEY_TEST_COST_H

#include "bench.h"
#include "meter.h"

struct cost {
	struct rig *rig;
	struct meter meter;
	u64 own;		/* what two readings themselves add */
	struct samples samples;	/* of bursts, own cost included */
};

/* Interrupts come to @cpu; its instructions are counted from now on. */
void cost_begin(struct cost *cost, struct rig *rig, int cpu);
void cost_end(struct cost *cost);
/* One reading, with the guest back at work after the last. */
u64 cost_read(struct cost *cost);
/* Fills @samples with what @bursts bursts of @irqs interrupts cost. */
void cost_measure(struct cost *cost, int irqs, int bursts);
/* Of one interrupt: a quantile of the samples, as samples_quantile() has it. */
double cost_quantile(struct cost *cost, int irqs, int permille);
double cost_mean(struct cost *cost, int irqs);

#endif /* VOLLEY_TEST_COST_H */
