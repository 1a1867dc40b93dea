// SPDX-License-Identifier: GPL-2.0
/*
 * An interrupt that the host has disabled goes to the kernel's own handler,
 * which keeps it until it is enabled: with Volley as without.
 */
#include "load.h"
#include "suite.h"

#define VECTORS		8
#define MODULE		"volley_irq_off"
#define VECTOR		2	/* the one that is disabled */
#define FENCE		5	/* and one that is not */

FIXTURE(irq_off)
{
	struct rig *rig;
	struct rig_counts before;
	struct volley_counts volley_before;
};

FIXTURE_VARIANT(irq_off)
{
	const char *params;
};

FIXTURE_VARIANT_ADD(irq_off, stock) { NULL };
FIXTURE_VARIANT_ADD(irq_off, volley) { "" };
FIXTURE_VARIANT_ADD(irq_off, one_at_a_time) { "burst=1" };

FIXTURE_SETUP(irq_off)
{
	/* After one that failed. */
	host_unload_module(MODULE);
	ASSERT_EQ(0, host_load_module(MODULE, ""));
	self->rig = setup_usual_rig(variant->params, VECTORS);
	if (variant->params)
		volley_count(self->rig, &self->volley_before);
	rig_count(self->rig, 0, &self->before);
}

FIXTURE_TEARDOWN(irq_off)
{
	EXPECT_TRUE(teardown_rig(self->rig));
	EXPECT_EQ(0, host_unload_module(MODULE));
}

static void set_enabled(struct rig *rig, int vector, bool on)
{
	char text[16];
	int ret;

	snprintf(text, sizeof(text), "%d", rig->dev[0]->irq[vector]);
	ret = host_write(text, "/sys/module/" MODULE "/parameters/%s", on ? "enable" : "disable");
	TEST_ASSERT(!ret, "cannot disable or enable irq %s: %s", text, strerror(-ret));
}

/* What comes while it is disabled comes once, when it is enabled. */
TEST_F_TIMEOUT(irq_off, comes_when_enabled, 300)
{
	struct volley_counts volley;
	struct rig_counts counts;
	int i;

	set_enabled(self->rig, VECTOR, false);
	for (i = 0; i < 3; i++) {
		/* The second is raised together with others: in a burst. */
		rig_raise(self->rig, 0, i == 1 ? ALL(VECTORS) : 1U << VECTOR);
		rig_raise(self->rig, 0, 1U << FENCE);
		ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << FENCE));
		host_sleep_us(20000);
	}
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &self->before);
	EXPECT_EQ(0, counts.taken[VECTOR]);
	EXPECT_EQ(0, counts.arrived[VECTOR]);

	set_enabled(self->rig, VECTOR, true);
	ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << VECTOR));
	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &self->before);
	/* The first is sent again by the host; the others waited in the device, as one. */
	EXPECT_LE(1, counts.arrived[VECTOR]);
	EXPECT_GE(2, counts.arrived[VECTOR]);
	EXPECT_LE(1, counts.taken[VECTOR]);
	EXPECT_LE(counts.taken[VECTOR], counts.arrived[VECTOR]);

	if (variant->params) {
		volley_count(self->rig, &volley);
		volley_since(&volley, &self->volley_before);
		/* At least one was left to the kernel's handler, and the last was not. */
		EXPECT_LT(0, volley.irq[VECTOR].to_host);
		EXPECT_EQ(counts.arrived[VECTOR],
			  volley.irq[VECTOR].forwarded + volley.irq[VECTOR].merged);
		EXPECT_TRUE(volley_fates_add_up(&volley.irq[VECTOR]));
	}
	rig_raise(self->rig, 0, ALL(VECTORS));
	EXPECT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
}

/* Disabled and enabled all the time: nothing is lost. */
TEST_F_TIMEOUT(irq_off, under_load, 300)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_OTHER,
	};
	struct rig_counts counts;
	int i;

	load_start(&load);
	for (i = 0; i < host_rounds(200); i++) {
		set_enabled(self->rig, i % VECTORS, false);
		if (i % 4 == 0)
			host_sleep_us(500);
		set_enabled(self->rig, i % VECTORS, true);
		if (i % 8 == 0)
			load_wait(&load, 1);
	}
	EXPECT_TRUE(load_stop(&load));
	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &self->before);
	EXPECT_EQ(rig_sum(counts.sent), rig_sum(counts.taken));
}

TEST_HARNESS_MAIN
