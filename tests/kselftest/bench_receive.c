// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what an interrupt costs the CPU that receives it, in instructions of
 * the host's kernel, from the exception to the return from it. For a machine
 * where time counts instructions.
 *
 *   ./bench_receive [PATH...]
 *
 * The figure is the median of many bursts, each measured by itself: what else
 * the host does now and then (its tick) is not in it. On the vCPU's own CPU
 * leaving the guest and entering it again are.
 */
#include "cost.h"

#define FAMILY	"receive"
#define BURSTS	100
#define FLOOR	"/sys/module/volley_bench/parameters"

static const int sizes[] = { 1, 2, 4, 8, 16 };

/* Fills the samples of @cost with what @bursts bursts of @irqs interrupts cost. */
typedef void bursts_fn(struct cost *cost, int irqs, int bursts);

static void report(const struct bench_path *path, struct cost *cost, int irqs)
{
	bench_figure(FAMILY, path,
		     "cpu=%s burst=%d: instructions=%.1f least=%.1f p90=%.1f mean=%.1f",
		     cost->meter.cpu == CPU_VCPU ? "same" : "other", irqs,
		     cost_quantile(cost, irqs, 500), cost_quantile(cost, irqs, 0),
		     cost_quantile(cost, irqs, 900), cost_mean(cost, irqs));
}

static void measure_on(struct rig *rig, const struct bench_path *path, int cpu,
		       bursts_fn *bursts)
{
	struct cost cost;
	int s;

	cost_begin(&cost, rig, cpu);
	for (s = 0; s < ARRAY_SIZE(sizes); s++) {
		if (sizes[s] > bench_devices(rig) * BENCH_VECTORS)
			continue;
		bursts(&cost, sizes[s], BURSTS);
		report(path, &cost, sizes[s]);
	}
	cost_end(&cost);
}

static void measure_both(struct rig *rig, const struct bench_path *path, bursts_fn *bursts)
{
	measure_on(rig, path, CPU_IRQ, bursts);
	if (path->direct)
		return;
	bench_send_to(rig, CPU_VCPU);
	measure_on(rig, path, CPU_VCPU, bursts);
	bench_send_to(rig, CPU_IRQ);
}

static void measure(struct rig *rig, const struct bench_path *path)
{
	bench_use(rig, path);
	measure_both(rig, path, cost_measure);
}

static void set_handlers(struct rig *rig, const char *which)
{
	char irq[16];
	int d, i;

	for (d = 0; d < bench_devices(rig); d++) {
		for (i = 0; i < BENCH_VECTORS; i++) {
			snprintf(irq, sizeof(irq), "%d", rig->dev[d]->irq[i]);
			TEST_ASSERT(!host_write(irq, FLOOR "/%s", which), "cannot set a handler");
		}
	}
}

/* As cost_measure(), but nothing reaches the guest, so the module says what was taken. */
static void floor_bursts(struct cost *cost, int irqs, int bursts)
{
	u64 before, until;

	samples_clear(&cost->samples);
	while (bursts--) {
		until = host_read_u64(FLOOR "/taken") + irqs;
		before = cost_read(cost);
		bench_raise(cost->rig, irqs);
		HOST_WAIT_FOR(host_read_u64(FLOOR "/taken") >= until, "an interrupt was lost");
		samples_add(&cost->samples, cost_read(cost) - before);
	}
}

/* The interrupts are taken and ended, and that is all. */
static void measure_floor(struct rig *rig)
{
	const struct bench_path path = { .name = "floor" };

	bench_load("volley_bench");
	set_handlers(rig, "floor");
	measure_both(rig, &path, floor_bursts);
	set_handlers(rig, "stock");
}

int main(int argc, char **argv)
{
	struct rig *rig = bench_rig(CPU_IRQ, CPU_VCPU);

	TEST_ASSERT(host_is_exact(), "time does not count instructions here");
	bench_each(argc, argv, measure, rig);
	if (argc == 1) {
		if (volley_loaded())
			TEST_ASSERT(!volley_unload(), "cannot unload volley");
		measure_floor(rig);
	}
	bench_end(rig);
	return KSFT_PASS;
}
