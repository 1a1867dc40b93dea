// SPDX-License-Identifier: GPL-2.0
/*
 * Every interrupt that is sent is delivered, once, and accounted for: for one
 * to eight vectors, on the vCPU's CPU and on another, to a guest that spins
 * and to one that sleeps, with windows and without, and without Volley.
 */
#include "suite.h"

FIXTURE(deliver)
{
	struct rig *rig;
	struct rig_counts before;
	struct volley_counts volley_before;
};

FIXTURE_VARIANT(deliver)
{
	struct setup setup;
};

#define VARIANT(name, ...)						\
	FIXTURE_VARIANT_ADD(deliver, name) { .setup = { __VA_ARGS__ } }
#define SAME	.cpu_vcpu = CPU_VCPU, .cpu_irq = CPU_VCPU
#define OTHER	.cpu_vcpu = CPU_VCPU, .cpu_irq = CPU_IRQ

VARIANT(stock, NULL, 8, OTHER);
VARIANT(v1_other_spin, "", 1, OTHER);
VARIANT(v4_other_spin, "", 4, OTHER);
VARIANT(v8_other_spin, "", 8, OTHER);
VARIANT(v1_other_wfi, "", 1, OTHER, .mode = GUEST_WFI);
VARIANT(v4_other_wfi, "", 4, OTHER, .mode = GUEST_WFI);
VARIANT(v8_other_wfi, "", 8, OTHER, .mode = GUEST_WFI);
VARIANT(v1_same_spin, "", 1, SAME);
VARIANT(v4_same_spin, "", 4, SAME);
VARIANT(v8_same_spin, "", 8, SAME);
VARIANT(v1_same_wfi, "", 1, SAME, .mode = GUEST_WFI);
VARIANT(v4_same_wfi, "", 4, SAME, .mode = GUEST_WFI);
VARIANT(v8_same_wfi, "", 8, SAME, .mode = GUEST_WFI);
VARIANT(v1_window, "", 1, OTHER, .max_usecs = 2000);
VARIANT(v8_window, "", 8, OTHER, .max_usecs = 2000);
VARIANT(v8_window_wfi, "", 8, OTHER, .mode = GUEST_WFI, .max_usecs = 2000);
VARIANT(v8_window_same, "", 8, SAME, .max_usecs = 2000);
VARIANT(v8_window_full, "max_irqs=3", 8, OTHER, .max_usecs = 10000);
VARIANT(v8_adaptive, "adaptive=1", 8, OTHER, .max_usecs = 10000);
VARIANT(v8_adaptive_wfi, "adaptive=1", 8, OTHER, .mode = GUEST_WFI, .max_usecs = 10000);
VARIANT(v8_one_at_a_time, "burst=1", 8, OTHER);
VARIANT(v8_small_burst, "burst=3", 8, OTHER);
VARIANT(v8_disabled, "max_usecs=1000", 8, OTHER, .disabled = true);

FIXTURE_SETUP(deliver)
{
	self->rig = setup_rig(&variant->setup);
	if (variant->setup.params)
		volley_count(self->rig, &self->volley_before);
	rig_count(self->rig, 0, &self->before);
}

FIXTURE_TEARDOWN(deliver)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/*
 * Each vector is raised when its last interrupt has been taken, so nothing can
 * merge on the way: what was sent has arrived, and was delivered, exactly.
 */
TEST_F_TIMEOUT(deliver, one_by_one, 600)
{
	struct volley_counts volley;
	struct rig_counts counts;
	int i, vectors = variant->setup.vectors;

	for (i = 0; i < host_rounds(200); i++) {
		rig_raise(self->rig, 0, ALL(vectors));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(vectors)))
			TH_LOG("lost in burst %d", i);
	}

	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &self->before);
	for (i = 0; i < vectors; i++) {
		EXPECT_EQ(counts.sent[i], counts.arrived[i]);
		EXPECT_EQ(counts.sent[i], counts.taken[i]);
	}
	if (!variant->setup.params)
		return;

	volley_count(self->rig, &volley);
	volley_since(&volley, &self->volley_before);
	for (i = 0; i < vectors; i++) {
		EXPECT_EQ(counts.sent[i], volley.irq[i].received);
		EXPECT_EQ(counts.sent[i], variant->setup.disabled ?
			  volley.irq[i].to_host : volley.irq[i].forwarded);
		EXPECT_TRUE(volley_fates_add_up(&volley.irq[i]));
	}
	EXPECT_EQ(rig_sum(counts.sent), volley.vm.received);
	EXPECT_TRUE(volley_counts_add_up(&volley));
}

/*
 * Vectors are raised whenever it pleases, waiting interrupts or not. Some
 * merge; the last of each vector is delivered, and the sums are right.
 */
TEST_F_TIMEOUT(deliver, storm, 600)
{
	struct volley_counts volley;
	struct rig_counts counts;
	int i, vectors = variant->setup.vectors;

	for (i = 0; i < host_rounds(1000); i++) {
		rig_raise(self->rig, 0, 1 + random() % ALL(vectors));
		host_until(host_ticks() + random() % 200 * host_ticks_per_us());
		if (i % 100 == 99)
			ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(vectors)))
				TH_LOG("lost before interrupt %d", i);
	}

	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &self->before);
	for (i = 0; i < vectors; i++) {
		EXPECT_LE(counts.arrived[i], counts.sent[i]);
		EXPECT_LE(counts.taken[i], counts.arrived[i]);
		EXPECT_LT(0, counts.taken[i]);
	}
	if (!variant->setup.params)
		return;

	volley_count(self->rig, &volley);
	volley_since(&volley, &self->volley_before);
	for (i = 0; i < vectors; i++) {
		EXPECT_EQ(counts.arrived[i], volley.irq[i].received);
		EXPECT_TRUE(volley_fates_add_up(&volley.irq[i]));
		/* KVM merges as well, what it finds in a list register. */
		EXPECT_LE(counts.taken[i] + volley.irq[i].merged, counts.arrived[i]);
	}
	EXPECT_TRUE(volley_counts_add_up(&volley));
}

TEST_HARNESS_MAIN
