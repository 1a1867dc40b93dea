// SPDX-License-Identifier: GPL-2.0
/*
 * Measures how late the interrupts of a quiet VM are while those of a noisy one
 * come to the same CPU: virtual time from the instruction that raises one to the
 * guest's acknowledge. For a machine where time counts instructions.
 *
 *   ./bench_noisy [PATH...]
 */
#include "bench.h"

#define FAMILY		"noisy"
#define CPU_NOISY	CPU_OTHER
#define ROUNDS		600

static struct rig *noisy;

/* Whatever of the noisy VM's is not on its way. */
static void make_noise(void)
{
	u32 mask = ALL(BENCH_VECTORS) & ~rig_missing(noisy, 0, ALL(BENCH_VECTORS));

	if (mask)
		rig_raise(noisy, 0, mask);
}

static void measure_with(struct rig *rig, const struct bench_path *path, bool noise)
{
	struct samples samples = {};
	u64 ticks;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		/* At different distances from the last noise. */
		host_until(host_ticks() + (100 + i % 17) * host_ticks_per_us());
		if (noise)
			make_noise();
		rig_raise(rig, 0, 1);
		TEST_ASSERT(!rig_wait(rig, 0, 1), "an interrupt was lost");
		ticks = READ_ONCE(rig->shared->lpi[GUEST_LPI(0, 0)].late);
		samples_add(&samples, ticks * 1000 / host_ticks_per_us());
	}
	TEST_ASSERT(!rig_wait(noisy, 0, ALL(BENCH_VECTORS)), "an interrupt was lost");
	bench_figure(FAMILY, path, "neighbour=%s: median_ns=%lu p99_ns=%lu max_ns=%lu",
		     noise ? "noisy" : "quiet", samples_quantile(&samples, 500),
		     samples_quantile(&samples, 990), samples_quantile(&samples, 1000));
	samples_clear(&samples);
}

/* Only the noisy VM has the path's settings: it is the one to be held. */
static void measure(struct rig *rig, const struct bench_path *path)
{
	int i;

	if (volley_loaded())
		TEST_ASSERT(!volley_unload(), "cannot unload volley");
	if (path->volley) {
		volley_reload("");
		TEST_ASSERT(volley_wait_attached(rig, 0) && volley_wait_attached(noisy, 0),
			    "volley does not attach");
		volley_set(noisy, "max_usecs", path->max_usecs);
		volley_set(noisy, "adaptive", path->adaptive);
	}
	if (path->direct) {
		bench_connect_again(rig);
		bench_connect_again(noisy);
	}
	for (i = 0; i < 20; i++) {
		make_noise();
		rig_raise(rig, 0, 1);
		TEST_ASSERT(!rig_wait(rig, 0, 1) && !rig_wait(noisy, 0, ALL(BENCH_VECTORS)),
			    "an interrupt was lost");
	}
	if (path->direct) {
		bench_check_direct(rig);
		bench_check_direct(noisy);
	}
	measure_with(rig, path, false);
	measure_with(rig, path, true);
}

int main(int argc, char **argv)
{
	const struct rig_config config = { .cpu = { CPU_NOISY } };
	struct device *dev;
	struct rig *rig;

	TEST_ASSERT(host_is_exact(), "time does not count instructions here");
	TEST_ASSERT(device_count() > 1, "two devices are needed");
	rig = setup_usual_rig(NULL, BENCH_VECTORS);
	dev = device_open(1, BENCH_VECTORS);
	device_affinity(dev, CPU_IRQ);
	noisy = rig_create(&config);
	rig_connect(noisy, 0, dev);
	rig_start(noisy);
	bench_each(argc, argv, measure, rig);
	rig_free(noisy);
	bench_end(rig);
	return KSFT_PASS;
}
