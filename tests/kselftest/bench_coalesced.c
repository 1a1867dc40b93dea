// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what is left to do for Volley where the device puts its interrupts
 * together itself: one vector has an event every 10 microseconds, and the device
 * sends no interrupt of it sooner than so long after the last. For a machine
 * where time counts instructions.
 *
 *   ./bench_coalesced [PATH...]
 */
#include "bench.h"

#define FAMILY		"coalesced"
#define VECTOR		0
#define EVENTS		1000
#define SPACING_US	10

/* Microseconds between the device's interrupts. */
static const u32 intervals[] = { 0, 50, 200 };

static void send(struct rig *rig)
{
	u64 at = host_ticks();
	int i;

	for (i = 0; i < EVENTS; i++) {
		host_until(at);
		rig_raise(rig, 0, 1U << VECTOR);
		at += SPACING_US * host_ticks_per_us();
	}
	TEST_ASSERT(!rig_wait(rig, 0, 1U << VECTOR), "an interrupt was lost");
}

static void measure_interval(struct rig *rig, const struct bench_path *path, u32 interval)
{
	struct rig_counts before, counts;
	u64 resched;

	device_interval(rig->dev[0], VECTOR, interval);
	resched = host_resched_count(CPU_VCPU);
	rig_count(rig, 0, &before);
	send(rig);
	rig_count(rig, 0, &counts);
	rig_since(&counts, &before);
	resched = host_resched_count(CPU_VCPU) - resched;
	bench_figure(FAMILY, path,
		     "device_us=%u: irqs=%.3f taken=%.3f exits=%.3f kicks=%.3f", interval,
		     counts.arrived[VECTOR] / (double)EVENTS, counts.taken[VECTOR] / (double)EVENTS,
		     counts.exits / (double)EVENTS, resched / (double)EVENTS);
	device_interval(rig->dev[0], VECTOR, 0);
}

static void measure(struct rig *rig, const struct bench_path *path)
{
	int i;

	bench_use(rig, path);
	for (i = 0; i < ARRAY_SIZE(intervals); i++)
		measure_interval(rig, path, intervals[i]);
}

int main(int argc, char **argv)
{
	struct rig *rig = bench_rig(CPU_IRQ, CPU_VCPU);

	bench_each(argc, argv, measure, rig);
	bench_end(rig);
	return KSFT_PASS;
}
