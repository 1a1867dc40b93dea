// SPDX-License-Identifier: GPL-2.0
/*
 * Measures how late interrupts are: the virtual time from the instruction that
 * has the device raise one to the guest's acknowledge. For a machine where time
 * counts instructions, of two CPUs: one raises and takes the interrupts, so that
 * the exception follows at once, the other runs the vCPU.
 *
 *   ./bench_latency [PATH...]
 */
#include "bench.h"

#define FAMILY	"latency"

/* One interrupt each time, of the vectors in turn. */
static const struct {
	const char *name;
	u64 spacing_us;
	int irqs;
} loads[] = {
	/* Further apart than the longest window. */
	{ "low", 300, 1000 },
	{ "middle", 50, 2000 },
	{ "high", 10, 4000 },
};

/* How late the last interrupt of @vector was, in nanoseconds. */
static u64 late_ns(struct rig *rig, int vector)
{
	u64 ticks = READ_ONCE(rig->shared->lpi[GUEST_LPI(0, vector)].late);

	return ticks * 1000 / host_ticks_per_us();
}

static void send(struct rig *rig, int load, struct samples *samples)
{
	u64 at = host_ticks();
	int i, vector;

	for (i = 0; i < loads[load].irqs + BENCH_VECTORS; i++) {
		vector = i % BENCH_VECTORS;
		/* The last of this vector, raised so many others ago, is over. */
		TEST_ASSERT(!rig_wait(rig, 0, 1U << vector), "an interrupt was lost");
		if (i >= BENCH_VECTORS)
			samples_add(samples, late_ns(rig, vector));
		host_until(at);
		rig_raise(rig, 0, 1U << vector);
		/* Late ones do not come in a burst. */
		at = max(at, host_ticks() - loads[load].spacing_us * host_ticks_per_us() / 2) +
		     loads[load].spacing_us * host_ticks_per_us();
	}
	TEST_ASSERT(!rig_wait(rig, 0, ALL(BENCH_VECTORS)), "an interrupt was lost");
}

static void measure(struct rig *rig, const struct bench_path *path)
{
	struct samples samples = {};
	int l;

	bench_use(rig, path);
	for (l = 0; l < ARRAY_SIZE(loads); l++) {
		send(rig, l, &samples);
		bench_figure(FAMILY, path, "load=%s spacing_us=%lu: median_ns=%lu p99_ns=%lu p999_ns=%lu max_ns=%lu",
			     loads[l].name, loads[l].spacing_us, samples_quantile(&samples, 500),
			     samples_quantile(&samples, 990), samples_quantile(&samples, 999),
			     samples_quantile(&samples, 1000));
		samples_clear(&samples);
	}
}

int main(int argc, char **argv)
{
	struct rig *rig = bench_rig(CPU_MAIN, CPU_VCPU);

	TEST_ASSERT(host_is_exact(), "time does not count instructions here");
	bench_each(argc, argv, measure, rig);
	bench_end(rig);
	return KSFT_PASS;
}
