// SPDX-License-Identifier: GPL-2.0
/*
 * Merging, exactly: a vCPU that is kept out of the guest takes what is sent to
 * it as one, and every arrival beyond the first is counted as merged. And merging
 * with what somebody else has queued, who has not kicked the vCPU yet.
 */
#include "suite.h"

#define VECTORS	4
#define TIMES	5
#define TRIES	10
#define LATE	"volley_late"

FIXTURE(parked)
{
	struct rig *rig;
	struct rig_counts before;
	struct volley_counts volley_before;
};

FIXTURE_VARIANT(parked)
{
	const char *params;
};

FIXTURE_VARIANT_ADD(parked, stock) { NULL };
FIXTURE_VARIANT_ADD(parked, volley) { "" };
FIXTURE_VARIANT_ADD(parked, window) { "max_usecs=10000 max_irqs=1024" };

FIXTURE_SETUP(parked)
{
	const struct setup setup = {
		.params = variant->params,
		.vectors = VECTORS,
		.cpu_irq = CPU_IRQ,
		.cpu_vcpu = CPU_VCPU,
	};

	self->rig = setup_rig(&setup);
	if (variant->params)
		volley_count(self->rig, &self->volley_before);
	rig_count(self->rig, 0, &self->before);
}

FIXTURE_TEARDOWN(parked)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* Raises all vectors @times times, each when the host has taken the last. */
static void raise_times(struct rig *rig, int times)
{
	while (times--)
		rig_raise_to_host(rig, 0, ALL(VECTORS));
}

TEST_F_TIMEOUT(parked, merges, 300)
{
	struct volley_counts volley;
	struct rig_counts counts;
	int i;

	rig_park(self->rig, 0);
	raise_times(self->rig, TIMES);
	rig_count(self->rig, 0, &counts);
	EXPECT_EQ(rig_sum(self->before.taken), rig_sum(counts.taken));
	rig_resume(self->rig, 0);
	ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	rig_settle(self->rig, 0);

	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &self->before);
	for (i = 0; i < VECTORS; i++) {
		EXPECT_EQ(TIMES, counts.sent[i]);
		EXPECT_EQ(TIMES, counts.arrived[i]);
		EXPECT_EQ(1, counts.taken[i]);
	}
	if (!variant->params)
		return;

	volley_count(self->rig, &volley);
	volley_since(&volley, &self->volley_before);
	for (i = 0; i < VECTORS; i++) {
		/* sent = delivered + merged */
		EXPECT_EQ(TIMES, volley.irq[i].received);
		EXPECT_EQ(1, volley.irq[i].forwarded);
		EXPECT_EQ(TIMES - 1, volley.irq[i].merged);
	}
	EXPECT_EQ(0, volley.kicks.held);
	EXPECT_TRUE(volley_kicks_add_up(&volley.kicks));
	/* What merges asks for no kick. */
	EXPECT_LE(volley.kicks.requests, VECTORS);
}

/*
 * A guest that has interrupts masked gets each vector into a list register
 * first; one more arrival is latched again, and KVM makes one of both.
 */
TEST_F_TIMEOUT(parked, masked, 300)
{
	struct volley_counts volley;
	struct rig_counts counts;
	int i;

	rig_ask(self->rig, 0, GUEST_OP_IRQ_ENABLE, false, 0, 0, 0);
	raise_times(self->rig, TIMES);
	rig_count(self->rig, 0, &counts);
	EXPECT_EQ(rig_sum(self->before.taken), rig_sum(counts.taken));
	rig_ask(self->rig, 0, GUEST_OP_IRQ_ENABLE, true, 0, 0, 0);
	ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	rig_settle(self->rig, 0);

	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &self->before);
	for (i = 0; i < VECTORS; i++) {
		EXPECT_EQ(TIMES, counts.arrived[i]);
		EXPECT_LE(1, counts.taken[i]);
		/* One in a list register, one latched behind it: no more. */
		EXPECT_GE(2, counts.taken[i]);
	}
	if (!variant->params)
		return;

	volley_count(self->rig, &volley);
	volley_since(&volley, &self->volley_before);
	for (i = 0; i < VECTORS; i++) {
		EXPECT_EQ(TIMES, volley.irq[i].received);
		EXPECT_TRUE(volley_fates_add_up(&volley.irq[i]));
	}
	EXPECT_TRUE(volley_kicks_add_up(&volley.kicks));
}

/*
 * A thread that injects an interrupt, and stands still when it is about to kick. With a
 * tick on its CPU a vCPU that spins has the interrupt soon all the same.
 */
FIXTURE(late)
{
	struct rig *rig;
	pthread_t injector;
};

FIXTURE_VARIANT(late)
{
	const char *params;
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(late, stock_wfi) { NULL, GUEST_WFI };
FIXTURE_VARIANT_ADD(late, stock_spin) { NULL, GUEST_SPIN };
FIXTURE_VARIANT_ADD(late, volley_wfi) { "", GUEST_WFI };
FIXTURE_VARIANT_ADD(late, volley_spin) { "", GUEST_SPIN };
FIXTURE_VARIANT_ADD(late, window_wfi) { "max_usecs=10000 max_irqs=1024", GUEST_WFI };
FIXTURE_VARIANT_ADD(late, window_spin) { "max_usecs=10000 max_irqs=1024", GUEST_SPIN };

static void set_late(int thread)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", thread);
	TEST_ASSERT(!host_write(text, "/sys/module/" LATE "/parameters/thread"),
		    "no thread can be told");
}

static bool is_late(void)
{
	char text[8] = "";

	host_read(text, sizeof(text), "/sys/module/" LATE "/parameters/stopped");
	return text[0] == 'Y';
}

static void *inject(void *data)
{
	pin_self_to_cpu(CPU_OTHER);
	set_late(gettid());
	rig_inject(data, 0);
	return NULL;
}

FIXTURE_SETUP(late)
{
	const struct setup setup = {
		.params = variant->params,
		.vectors = 1,
		.cpu_irq = CPU_IRQ,
		.cpu_vcpu = CPU_VCPU,
		.mode = variant->mode,
	};

	/* The CPU that stands still is nobody else's. */
	ASSERT_LT(CPU_OTHER, host_nr_cpus());
	/* After one that failed. */
	host_unload_module(LATE);
	ASSERT_EQ(0, host_load_module(LATE, ""));
	self->rig = setup_rig(&setup);
}

FIXTURE_TEARDOWN(late)
{
	EXPECT_TRUE(teardown_rig(self->rig));
	EXPECT_EQ(0, host_unload_module(LATE));
}

TEST_F_TIMEOUT(late, does_not_wait_for_others, 300)
{
	struct volley_counts before, counts = {};
	struct rig *rig = self->rig;
	int i;

	/* Something else may have made the vCPU leave just then: once more. */
	for (i = 0; i < TRIES && !counts.irq[0].merged; i++) {
		if (variant->params)
			volley_count(rig, &before);
		/* Asleep for good: it may poll first, and would see what is queued. */
		if (variant->mode == GUEST_WFI)
			HOST_WAIT_FOR(vcpu_get_stat(rig->vcpu[0], blocking),
				      "the vCPU does not sleep");
		kvm_pthread_create(&self->injector, NULL, inject, rig);
		HOST_WAIT_FOR(is_late(), "nobody is about to kick");
		rig_raise(rig, 0, 1);
		EXPECT_EQ(0, rig_wait(rig, 0, 1));
		/* It was not this one's kick that the guest has it by. */
		ASSERT_TRUE(is_late());
		set_late(0);
		kvm_pthread_join(self->injector, NULL);
		if (!variant->params)
			return;
		volley_count(rig, &counts);
		volley_since(&counts, &before);
	}
	EXPECT_EQ(1, counts.irq[0].merged);
}

TEST_HARNESS_MAIN
