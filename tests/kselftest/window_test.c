// SPDX-License-Identifier: GPL-2.0
/*
 * What a window is for: interrupts that come one after the other, from another
 * CPU than the vCPU's, cost it fewer exits. For a machine with a thread for
 * each CPU and no tick on the vCPU's; times are scaled to its speed.
 */
#include "suite.h"

#define BURSTS		60
#define SPACING_US	1200	/* all eight come within the longest window */

FIXTURE(window)
{
	struct rig *rig;
};

FIXTURE_VARIANT(window)
{
	int vectors;
};

FIXTURE_VARIANT_ADD(window, v8) { 8 };
FIXTURE_VARIANT_ADD(window, v4) { 4 };

FIXTURE_SETUP(window)
{
	const struct setup setup = {
		.params = "max_irqs=1024",
		.vectors = variant->vectors,
		.cpu_irq = CPU_IRQ,
		.cpu_vcpu = CPU_VCPU,
	};

	self->rig = setup_rig(&setup);
}

FIXTURE_TEARDOWN(window)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* Exits that the bursts cost; 0 if an interrupt was lost. */
static u64 send(struct rig *rig, int vectors, u32 max_usecs, struct volley_kicks *kicks)
{
	struct volley_counts before, counts;
	u64 exits;
	int i;

	volley_set(rig, "max_usecs", max_usecs);
	volley_count(rig, &before);
	exits = rig_exits(rig);
	for (i = 0; i < BURSTS; i++) {
		rig_raise_spaced(rig, 0, ALL(vectors), SPACING_US);
		if (rig_wait(rig, 0, ALL(vectors)))
			return 0;
	}
	exits = rig_exits(rig) - exits;
	volley_count(rig, &counts);
	volley_since(&counts, &before);
	*kicks = counts.kicks;
	ksft_print_msg("max_usecs %5u: %.2f exits, %.2f kicks an interrupt\n", max_usecs,
		       (double)exits / (BURSTS * vectors),
		       (double)kicks->sent / (BURSTS * vectors));
	return exits;
}

TEST_F_TIMEOUT(window, fewer_exits, 300)
{
	struct volley_kicks without, with;
	u64 exits, exits_with;

	exits = send(self->rig, variant->vectors, 0, &without);
	exits_with = send(self->rig, variant->vectors, VOLLEY_LONGEST, &with);
	ASSERT_LT(0, exits);
	ASSERT_LT(0, exits_with);

	EXPECT_EQ(0, without.held);
	EXPECT_LT(0, with.held);
	EXPECT_TRUE(volley_kicks_add_up(&without));
	EXPECT_TRUE(volley_kicks_add_up(&with));
	/* Clearly fewer: the limit is half of it, with four list registers. */
	EXPECT_LT(exits_with, exits * 4 / 5);
	EXPECT_LT(with.sent, without.sent / 2);
	/* A window is as good as its end: there is a kick for each, no more. */
	EXPECT_LE(with.sent, 2 * BURSTS);
}

/*
 * A guest that spins, on a CPU without a tick, never exits by itself. What is
 * held for it must be sent, or it waits for ever.
 */
TEST_F_TIMEOUT(window, guest_without_exits, 300)
{
	static const u32 windows[] = { 0, 1, 100, 2000 };
	u64 exits = rig_exits(self->rig);
	int i, w;

	host_sleep_us(200000);
	/* A tick would be some 50. */
	ASSERT_GE(exits + 5, rig_exits(self->rig))
		TH_LOG("the guest has exits: %lu", rig_exits(self->rig) - exits);

	for (w = 0; w < ARRAY_SIZE(windows); w++) {
		volley_set(self->rig, "max_usecs", windows[w]);
		for (i = 0; i < 100; i++) {
			rig_raise(self->rig, 0, 1 + random() % ALL(variant->vectors));
			ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(variant->vectors)))
				TH_LOG("window of %u us, round %d", windows[w], i);
		}
	}
}

TEST_HARNESS_MAIN
