// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts for several vCPUs in one burst: each gets its own, and each is
 * kicked once. For a machine where time counts instructions, so that a burst
 * is one.
 */
#include "suite.h"

#define VECTORS	8
#define VCPUS	2
#define BURSTS	50

FIXTURE(vcpus)
{
	struct rig *rig;
	struct volley_counts before, counts;
};

FIXTURE_VARIANT(vcpus)
{
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(vcpus, spin) { GUEST_SPIN };
FIXTURE_VARIANT_ADD(vcpus, wfi) { GUEST_WFI };

FIXTURE_SETUP(vcpus)
{
	const struct setup setup = {
		.params = "",
		.vectors = VECTORS,
		.cpu_irq = CPU_OTHER,
		.cpu_vcpu = CPU_VCPU,
		.vcpus = VCPUS,
		.mode = variant->mode,
	};
	int i;

	ASSERT_TRUE(host_is_exact());
	self->rig = setup_rig(&setup);
	/* Odd vectors for one, even ones for the other. */
	for (i = 0; i < VECTORS; i++)
		rig_ask(self->rig, 0, GUEST_OP_MOVI, 0, i, i % VCPUS, 0);
	/* The commands emptied KVM's cache; the stock path fills it. */
	rig_raise(self->rig, 0, ALL(VECTORS));
	ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	volley_count(self->rig, &self->before);
}

FIXTURE_TEARDOWN(vcpus)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

TEST_F_TIMEOUT(vcpus, one_kick_each, 300)
{
	struct volley_kicks *kicks = &self->counts.kicks;
	u32 taken[VCPUS][VECTORS];
	int i, v;

	for (v = 0; v < VCPUS; v++)
		for (i = 0; i < VECTORS; i++)
			taken[v][i] = self->rig->shared->vcpu[v].taken[GUEST_LPI(0, i)];

	for (i = 0; i < BURSTS; i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
		/*
		 * Back to sleep, if that is what they do: KVM polls for half a
		 * millisecond first, and whoever polls needs no kick.
		 */
		host_sleep_us(1000);
	}
	volley_count(self->rig, &self->counts);
	volley_since(&self->counts, &self->before);

	EXPECT_EQ(BURSTS * VECTORS, self->counts.vm.forwarded);
	/* If the host's tick comes in between, what follows is another burst. */
	EXPECT_LE(BURSTS * VCPUS, kicks->requests);
	EXPECT_GE(BURSTS * VCPUS * 11 / 10, kicks->requests);
	EXPECT_LE(kicks->sent, kicks->requests);
	EXPECT_GE(kicks->sent, BURSTS * VCPUS * 8 / 10);
	EXPECT_TRUE(volley_kicks_add_up(kicks));
	for (v = 0; v < VCPUS; v++)
		for (i = 0; i < VECTORS; i++)
			EXPECT_EQ(taken[v][i] + (i % VCPUS == v ? BURSTS : 0),
				  self->rig->shared->vcpu[v].taken[GUEST_LPI(0, i)]);
}

TEST_HARNESS_MAIN
