// SPDX-License-Identifier: GPL-2.0
/*
 * What bursts of interrupts cost the CPU that receives them.
 */
#include "cost.h"

#define READINGS	100

u64 cost_read(struct cost *cost)
{
	TEST_ASSERT(rig_alive(cost->rig, 0), "the guest does not get on");
	return meter_read(&cost->meter);
}

/* The median of what there is between two readings with nothing in between. */
static u64 own_cost(struct cost *cost)
{
	struct samples samples = {};
	u64 last, now, median;
	int i;

	last = cost_read(cost);
	for (i = 0; i < READINGS; i++) {
		now = cost_read(cost);
		samples_add(&samples, now - last);
		last = now;
	}
	median = samples_quantile(&samples, 500);
	samples_clear(&samples);
	return median;
}

/* The vCPU's CPU is busy with it already: each reading makes it leave the guest. */
static bool has_vcpu(struct cost *cost)
{
	return cost->meter.cpu == cost->rig->cpu[0];
}

void cost_begin(struct cost *cost, struct rig *rig, int cpu)
{
	bool counts;

	*cost = (struct cost) { .rig = rig };
	counts = cpu == rig->cpu[0] ? meter_open(&cost->meter, cpu) :
				      meter_start(&cost->meter, cpu);
	TEST_ASSERT(counts, "this machine does not count instructions");
	cost->own = own_cost(cost);
}

void cost_end(struct cost *cost)
{
	samples_clear(&cost->samples);
	if (has_vcpu(cost))
		meter_close(&cost->meter);
	else
		meter_stop(&cost->meter);
}

void cost_measure(struct cost *cost, int irqs, int bursts)
{
	u64 before;

	samples_clear(&cost->samples);
	while (bursts--) {
		before = cost_read(cost);
		bench_raise(cost->rig, irqs);
		bench_wait(cost->rig, irqs);
		samples_add(&cost->samples, cost_read(cost) - before);
	}
}

/* Where there are none to receive, nothing is left. */
static double per_irq(struct cost *cost, double burst, int irqs)
{
	return burst > cost->own ? (burst - cost->own) / irqs : 0;
}

double cost_quantile(struct cost *cost, int irqs, int permille)
{
	return per_irq(cost, samples_quantile(&cost->samples, permille), irqs);
}

double cost_mean(struct cost *cost, int irqs)
{
	return per_irq(cost, samples_mean(&cost->samples), irqs);
}
