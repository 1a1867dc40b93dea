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

/* A VM whose even vectors go to one vCPU, and whose odd ones to the other. */
static struct rig *setup_vcpus(enum guest_mode mode)
{
	const struct setup setup = {
		.params = "",
		.vectors = VECTORS,
		.cpu_irq = CPU_OTHER,
		.cpu_vcpu = CPU_VCPU,
		.vcpus = VCPUS,
		.mode = mode,
	};
	struct rig *rig;
	int i;

	TEST_ASSERT(host_is_exact(), "time does not count instructions here");
	rig = setup_rig(&setup);
	for (i = 0; i < VECTORS; i++)
		rig_ask(rig, 0, GUEST_OP_MOVI, 0, i, i % VCPUS, 0);
	/* The commands emptied KVM's cache; the stock path fills it. */
	rig_raise(rig, 0, ALL(VECTORS));
	TEST_ASSERT(!rig_wait(rig, 0, ALL(VECTORS)), "an interrupt was lost");
	return rig;
}

FIXTURE_SETUP(vcpus)
{
	self->rig = setup_vcpus(variant->mode);
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

/* More in one exception than are queued together. */
FIXTURE(long_burst)
{
	struct rig *rig;
	struct volley_counts before, counts;
};

/* All vectors of both devices, at once. */
static bool raise_all(struct rig *rig)
{
	rig_raise(rig, 0, ALL(DEVICE_VECTORS));
	rig_raise(rig, 1, ALL(DEVICE_VECTORS));
	return !rig_wait(rig, 0, ALL(DEVICE_VECTORS)) && !rig_wait(rig, 1, ALL(DEVICE_VECTORS));
}

FIXTURE_VARIANT(long_burst)
{
	const char *params;
	u64 exceptions;		/* that it takes */
};

FIXTURE_VARIANT_ADD(long_burst, one) { "burst=64", 1 };
/* 16 in each. */
FIXTURE_VARIANT_ADD(long_burst, usual) { "", 2 };
FIXTURE_VARIANT_ADD(long_burst, short) { "burst=3", DIV_ROUND_UP(2 * DEVICE_VECTORS, 3) };

FIXTURE_SETUP(long_burst)
{
	const struct setup setup = {
		.params = variant->params,
		.vectors = DEVICE_VECTORS,
		.cpu_irq = CPU_OTHER,
		.cpu_vcpu = CPU_VCPU,
	};

	ASSERT_TRUE(host_is_exact());
	self->rig = setup_rig(&setup);
	setup_device(self->rig, 1, DEVICE_VECTORS, CPU_OTHER);
	ASSERT_TRUE(volley_wait_attached(self->rig, 1));
	ASSERT_TRUE(raise_all(self->rig));
	volley_count(self->rig, &self->before);
}

FIXTURE_TEARDOWN(long_burst)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* One for all that come in an exception, and no more of these than fit into one. */
TEST_F_TIMEOUT(long_burst, one_kick, 300)
{
	struct volley_kicks *kicks = &self->counts.kicks;
	int i;

	for (i = 0; i < BURSTS; i++)
		ASSERT_TRUE(raise_all(self->rig));
	volley_count(self->rig, &self->counts);
	volley_since(&self->counts, &self->before);

	EXPECT_EQ(BURSTS * 2 * DEVICE_VECTORS, self->counts.vm.forwarded);
	EXPECT_LE(BURSTS * variant->exceptions, kicks->requests);
	EXPECT_GE(BURSTS * variant->exceptions * 11 / 10, kicks->requests);
	EXPECT_TRUE(volley_kicks_add_up(kicks));
}

/* An LPI that is moved from vCPU to vCPU while it waits. */
FIXTURE(moved)
{
	struct rig *rig;
	struct volley_counts before, counts;
};

FIXTURE_SETUP(moved)
{
	self->rig = setup_vcpus(GUEST_SPIN);
}

FIXTURE_TEARDOWN(moved)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/*
 * Away from a vCPU that is about to enter, and back once it has: the vCPU runs
 * without knowing of what is on its list until it is kicked again. To map a
 * collection anew is the one way to do this that leaves KVM's translation in its
 * cache.
 */
TEST_F_TIMEOUT(moved, away_and_back, 300)
{
	struct rig *rig = self->rig;
	int i;

	for (i = 0; i < 20; i++) {
		volley_count(rig, &self->before);
		rig_pause(rig, 1);
		rig_raise_to_host(rig, 0, 1U << 1);
		rig_ask(rig, 0, GUEST_OP_MAPC, 1, 0, 0, 0);
		rig_unpause(rig, 1);
		ASSERT_TRUE(rig_alive(rig, 1));
		rig_ask(rig, 0, GUEST_OP_MAPC, 1, 1, 0, 0);
		rig_raise(rig, 0, 1U << 1);
		ASSERT_EQ(0, rig_wait(rig, 0, 1U << 1));
		volley_count(rig, &self->counts);
		volley_since(&self->counts, &self->before);
		/* Unless the vCPU has left the guest for a reason of its own. */
		if (self->counts.vm.merged)
			break;
	}
	ASSERT_EQ(1, self->counts.vm.merged);
	EXPECT_EQ(2, self->counts.kicks.requests);
}

TEST_HARNESS_MAIN
