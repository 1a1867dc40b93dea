// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest does to its interrupts means the same with Volley as without:
 * each test runs on the stock path as well, and expects the same of both.
 */
#include "load.h"
#include "suite.h"

#define VECTORS	8
#define VCPUS	2
#define EVENT	3	/* the vector whose mapping changes */
#define FENCE	7	/* a vector that is left alone */

FIXTURE(its)
{
	struct rig *rig;
	u32 lpi;	/* what EVENT is mapped to at first */
};

FIXTURE_VARIANT(its)
{
	const char *params;
};

FIXTURE_VARIANT_ADD(its, stock) { NULL };
FIXTURE_VARIANT_ADD(its, volley) { "" };
FIXTURE_VARIANT_ADD(its, window) { "max_usecs=5000 max_irqs=1024" };

FIXTURE_SETUP(its)
{
	const struct setup setup = {
		.params = variant->params,
		.vectors = VECTORS,
		.cpu_irq = CPU_OTHER,
		.cpu_vcpu = CPU_VCPU,
		.vcpus = VCPUS,
	};

	self->rig = setup_rig(&setup);
	self->lpi = self->rig->lpi[0][EVENT];
	/* Once more, the way they go from now on: whatever is remembered of it, is. */
	rig_raise(self->rig, 0, ALL(VECTORS));
	ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
}

FIXTURE_TEARDOWN(its)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* Asks the first vCPU for an ITS command about EVENT. */
static void command(struct rig *rig, u32 op, u32 collection, u32 lpi)
{
	rig_ask(rig, 0, op, 0, EVENT, collection, lpi);
}

static void its_enable(struct rig *rig, bool on)
{
	rig_ask(rig, 0, GUEST_OP_ITS_ENABLE, on, 0, 0, 0);
}

/* Raises EVENT and waits until it would have been delivered. */
static void raise_in_vain(struct rig *rig)
{
	u64 arrived = host_irq_count(rig->dev[0]->irq[EVENT]);

	rig_raise(rig, 0, 1U << EVENT);
	HOST_WAIT_FOR(host_irq_count(rig->dev[0]->irq[EVENT]) > arrived,
		      "the host does not take it");
	/* Another one that goes the same way, behind it. */
	rig_raise(rig, 0, 1U << FENCE);
	TEST_ASSERT(!rig_wait(rig, 0, 1U << FENCE), "the other vector is lost");
}

static bool delivered(struct rig *rig)
{
	rig_raise(rig, 0, 1U << EVENT);
	return !rig_wait(rig, 0, 1U << EVENT);
}

TEST_F_TIMEOUT(its, mapped_to_another_lpi, 300)
{
	u64 old = rig_taken(self->rig, self->lpi), new;
	u32 lpi = GUEST_LPIS - 1;

	command(self->rig, GUEST_OP_DISCARD, 0, 0);
	command(self->rig, GUEST_OP_MAPTI, 0, lpi);
	new = rig_taken(self->rig, lpi);
	ASSERT_TRUE(delivered(self->rig));
	ASSERT_TRUE(delivered(self->rig));
	EXPECT_EQ(new + 2, rig_taken(self->rig, lpi));
	EXPECT_EQ(old, rig_taken(self->rig, self->lpi));

	command(self->rig, GUEST_OP_DISCARD, 0, 0);
	command(self->rig, GUEST_OP_MAPTI, 0, self->lpi);
	ASSERT_TRUE(delivered(self->rig));
	EXPECT_EQ(old + 1, rig_taken(self->rig, self->lpi));
	EXPECT_EQ(new + 2, rig_taken(self->rig, lpi));
}

/* A disabled LPI stays pending, and comes when it is enabled: once. */
TEST_F_TIMEOUT(its, disabled_and_enabled, 300)
{
	u64 taken = rig_taken(self->rig, self->lpi);

	rig_lpi_enable(self->rig, self->lpi, false);
	command(self->rig, GUEST_OP_INV, 0, 0);
	raise_in_vain(self->rig);
	raise_in_vain(self->rig);
	EXPECT_EQ(taken, rig_taken(self->rig, self->lpi));

	rig_lpi_enable(self->rig, self->lpi, true);
	command(self->rig, GUEST_OP_INV, 0, 0);
	ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << EVENT));
	rig_settle(self->rig, 0);
	EXPECT_EQ(taken + 1, rig_taken(self->rig, self->lpi));
	ASSERT_TRUE(delivered(self->rig));
	EXPECT_EQ(taken + 2, rig_taken(self->rig, self->lpi));
}

TEST_F_TIMEOUT(its, moved_to_another_vcpu, 300)
{
	struct guest_lpi *lpi = &self->rig->shared->lpi[self->lpi];
	int i;

	for (i = 0; i < 10; i++) {
		command(self->rig, GUEST_OP_MOVI, (i + 1) % VCPUS, 0);
		ASSERT_TRUE(delivered(self->rig));
		EXPECT_EQ((i + 1) % VCPUS, lpi->vcpu);
		/* The command emptied KVM's cache; the stock path has filled it. */
		ASSERT_TRUE(delivered(self->rig));
		EXPECT_EQ((i + 1) % VCPUS, lpi->vcpu);
		if (variant->params)
			EXPECT_EQ((i + 1) % VCPUS,
				  host_read_u64(VOLLEY_SYSFS "/irqs/%d/vcpu",
						self->rig->dev[0]->irq[EVENT]));
	}
}

/* Pending while disabled, then moved: it comes where it was moved to. */
TEST_F_TIMEOUT(its, moved_while_pending, 300)
{
	struct guest_lpi *lpi = &self->rig->shared->lpi[self->lpi];
	u64 taken = rig_taken(self->rig, self->lpi);

	rig_lpi_enable(self->rig, self->lpi, false);
	command(self->rig, GUEST_OP_INV, 0, 0);
	raise_in_vain(self->rig);
	command(self->rig, GUEST_OP_MOVI, 1, 0);
	rig_lpi_enable(self->rig, self->lpi, true);
	command(self->rig, GUEST_OP_INV, 0, 0);
	ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << EVENT));
	EXPECT_EQ(1, lpi->vcpu);
	EXPECT_EQ(taken + 1, rig_taken(self->rig, self->lpi));
}

/* An event without a mapping is nowhere: it does not come later either. */
TEST_F_TIMEOUT(its, discarded, 300)
{
	u64 taken = rig_taken(self->rig, self->lpi);

	command(self->rig, GUEST_OP_DISCARD, 0, 0);
	raise_in_vain(self->rig);
	EXPECT_EQ(taken, rig_taken(self->rig, self->lpi));

	command(self->rig, GUEST_OP_MAPTI, 0, self->lpi);
	raise_in_vain(self->rig);
	ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << EVENT));
	rig_settle(self->rig, 0);
	EXPECT_EQ(taken + 1, rig_taken(self->rig, self->lpi));
}

TEST_F_TIMEOUT(its, its_disabled_and_enabled, 300)
{
	u64 taken = rig_taken(self->rig, self->lpi);
	u64 arrived = host_irq_count(self->rig->dev[0]->irq[EVENT]);

	its_enable(self->rig, false);
	rig_raise(self->rig, 0, 1U << EVENT);
	HOST_WAIT_FOR(host_irq_count(self->rig->dev[0]->irq[EVENT]) > arrived,
		      "the host does not take it");
	ASSERT_TRUE(rig_alive(self->rig, 0));
	rig_settle(self->rig, 0);
	EXPECT_EQ(taken, rig_taken(self->rig, self->lpi));

	its_enable(self->rig, true);
	ASSERT_TRUE(delivered(self->rig));
	rig_settle(self->rig, 0);
	EXPECT_EQ(taken + 1, rig_taken(self->rig, self->lpi));
}

/* Moved back and forth all the time, while it is sent: none is lost. */
TEST_F_TIMEOUT(its, moved_under_load, 600)
{
	struct guest_lpi *lpi = &self->rig->shared->lpi[self->lpi];
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
	};
	struct rig_counts before, counts;
	u32 taken[VCPUS];
	int i, v;

	for (v = 0; v < VCPUS; v++)
		taken[v] = self->rig->shared->vcpu[v].taken[self->lpi];
	rig_count(self->rig, 0, &before);
	load_start(&load);
	for (i = 0; i < host_rounds(200); i++) {
		command(self->rig, GUEST_OP_MOVI, (i + 1) % VCPUS, 0);
		if (i % 4 == 0)
			load_wait(&load, 1);
	}
	EXPECT_TRUE(load_stop(&load));
	ASSERT_TRUE(delivered(self->rig));
	EXPECT_EQ(i % VCPUS, lpi->vcpu);

	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &before);
	EXPECT_EQ(counts.sent[EVENT], counts.taken[EVENT]);
	for (v = 0; v < VCPUS; v++)
		EXPECT_LT(taken[v], self->rig->shared->vcpu[v].taken[self->lpi]);
}

/* Enabled and disabled all the time: what came while disabled comes later. */
TEST_F_TIMEOUT(its, toggled_under_load, 600)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
	};
	struct rig_counts before, counts;
	int i;

	rig_count(self->rig, 0, &before);
	load_start(&load);
	for (i = 0; i < host_rounds(200); i++) {
		rig_lpi_enable(self->rig, self->lpi, i % 2);
		command(self->rig, GUEST_OP_INV, 0, 0);
		if (i % 8 == 1)
			load_wait(&load, 1);
	}
	EXPECT_TRUE(load_stop(&load));
	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &before);
	EXPECT_EQ(counts.sent[EVENT], counts.taken[EVENT]);
}

/*
 * Mappings come and go, and the ITS is turned off and on, while interrupts are
 * sent at random. Those without a mapping are dropped; afterwards all is well.
 */
TEST_F_TIMEOUT(its, chaos_under_load, 600)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS) & ~(1U << EVENT),
		.cpu = CPU_MAIN,
		.lossy = true,
	};
	struct volley_counts volley;
	int i;

	load_start(&load);
	for (i = 0; i < host_rounds(200); i++) {
		u32 e = random() % (VECTORS - 1);

		switch (random() % 4) {
		case 0:
			rig_ask(self->rig, 0, GUEST_OP_DISCARD, 0, e, 0, 0);
			rig_ask(self->rig, 0, GUEST_OP_MAPTI, 0, e, random() % VCPUS,
				GUEST_LPI(0, e));
			break;
		case 1:
			rig_ask(self->rig, 0, GUEST_OP_MOVI, 0, e, random() % VCPUS, 0);
			break;
		case 2:
			rig_lpi_enable(self->rig, GUEST_LPI(0, e), random() % 2);
			rig_ask(self->rig, 0, GUEST_OP_INV, 0, e, 0, 0);
			break;
		case 3:
			its_enable(self->rig, false);
			its_enable(self->rig, true);
			break;
		}
	}
	EXPECT_TRUE(load_stop(&load));
	for (i = 0; i < VECTORS; i++) {
		rig_lpi_enable(self->rig, GUEST_LPI(0, i), true);
		rig_ask(self->rig, 0, GUEST_OP_INV, 0, i, 0, 0);
	}
	rig_settle(self->rig, 0);
	for (i = 0; i < host_rounds(20); i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	if (!variant->params)
		return;
	volley_count(self->rig, &volley);
	EXPECT_TRUE(volley_counts_add_up(&volley));
	EXPECT_LT(0, volley.vm.to_host);
}

TEST_HARNESS_MAIN
