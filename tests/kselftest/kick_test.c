// SPDX-License-Identifier: GPL-2.0
/*
 * Kicks: when they are held and when never, what they add up to, and that a
 * held one is sent in the end.
 */
#include <proc_util.h>

#include "load.h"
#include "suite.h"

#define VECTORS	8

FIXTURE(kick)
{
	struct rig *rig;
	struct volley_counts before, counts;
};

FIXTURE_VARIANT(kick)
{
	enum guest_mode mode;
	int cpu_irq;
};

FIXTURE_VARIANT_ADD(kick, spin_other) { GUEST_SPIN, CPU_IRQ };
FIXTURE_VARIANT_ADD(kick, spin_same) { GUEST_SPIN, CPU_VCPU };
FIXTURE_VARIANT_ADD(kick, wfi_other) { GUEST_WFI, CPU_IRQ };
FIXTURE_VARIANT_ADD(kick, wfi_same) { GUEST_WFI, CPU_VCPU };

FIXTURE_SETUP(kick)
{
	const struct setup setup = {
		.params = "",
		.vectors = VECTORS,
		.cpu_irq = variant->cpu_irq,
		.cpu_vcpu = CPU_VCPU,
		.mode = variant->mode,
	};

	self->rig = setup_rig(&setup);
}

FIXTURE_TEARDOWN(kick)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* Bursts that are raised at once and bursts that are spread; all are delivered. */
static u32 send(struct rig *rig, int bursts, u64 spacing_us)
{
	u32 lost = 0;
	int i;

	for (i = 0; i < bursts && !lost; i++) {
		if (i % 2)
			rig_raise(rig, 0, ALL(VECTORS));
		else
			rig_raise_spaced(rig, 0, ALL(VECTORS), spacing_us);
		lost = rig_wait(rig, 0, ALL(VECTORS));
	}
	return lost;
}

#define COUNT_FROM_HERE()	volley_count(self->rig, &self->before)
#define COUNT_TO_HERE() do {						\
	volley_count(self->rig, &self->counts);				\
	volley_since(&self->counts, &self->before);			\
	EXPECT_TRUE(volley_counts_add_up(&self->counts));		\
} while (0)

TEST_F_TIMEOUT(kick, never_held_without_window, 300)
{
	volley_set(self->rig, "max_usecs", 0);
	volley_set(self->rig, "max_irqs", 1024);
	COUNT_FROM_HERE();
	ASSERT_EQ(0, send(self->rig, 50, 300));
	COUNT_TO_HERE();
	EXPECT_EQ(0, self->counts.kicks.held);
	EXPECT_LT(0, self->counts.kicks.requests);
}

TEST_F_TIMEOUT(kick, never_held_for_one, 300)
{
	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 1);
	COUNT_FROM_HERE();
	ASSERT_EQ(0, send(self->rig, 50, 300));
	COUNT_TO_HERE();
	EXPECT_EQ(0, self->counts.kicks.held);
	EXPECT_LT(0, self->counts.kicks.requests);
}

/*
 * Held is a kick only if the vCPU runs guest code on another CPU: never one
 * for a vCPU that sleeps or whose CPU takes the interrupt.
 */
TEST_F_TIMEOUT(kick, held_only_in_guest_elsewhere, 300)
{
	struct volley_kicks *kicks = &self->counts.kicks;

	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 1024);
	COUNT_FROM_HERE();
	ASSERT_EQ(0, send(self->rig, 20, 300));
	COUNT_TO_HERE();

	if (variant->mode == GUEST_SPIN && variant->cpu_irq != CPU_VCPU) {
		/* All but those for which the host's tick had it outside just then. */
		EXPECT_LT(kicks->requests / 2, kicks->held);
	} else if (variant->cpu_irq == CPU_VCPU) {
		EXPECT_EQ(0, kicks->held);
	} else {
		/* A sleeping guest is in the guest while it handles one. */
		EXPECT_LT(kicks->held, kicks->requests);
	}
}

/*
 * Adaptive: an interrupt that comes later than max_usecs after the last one is
 * not held, nor is one that comes shortly after that.
 */
TEST_F_TIMEOUT(kick, adaptive_never_held_at_low_rate, 120)
{
	static const u32 windows[] = { 1, 500, 2000 };
	int i, w;

	volley_set(self->rig, "adaptive", 1);
	volley_set(self->rig, "max_irqs", 1024);
	for (w = 0; w < ARRAY_SIZE(windows); w++) {
		volley_set(self->rig, "max_usecs", windows[w]);
		COUNT_FROM_HERE();
		for (i = 0; i < 50; i++) {
			host_sleep_us(2 * windows[w]);
			rig_raise(self->rig, 0, 1);
			ASSERT_EQ(0, rig_wait(self->rig, 0, 1));
			if (i % 2)
				rig_raise(self->rig, 0, 2);
			ASSERT_EQ(0, rig_wait(self->rig, 0, 2));
		}
		COUNT_TO_HERE();
		EXPECT_EQ(0, self->counts.kicks.held)
			TH_LOG("window of %u us", windows[w]);
		EXPECT_LT(0, self->counts.kicks.requests);
	}
}

/* At a high rate they are held, and one kick serves several. */
TEST_F_TIMEOUT(kick, adaptive_held_at_high_rate, 300)
{
	const bool apart = variant->mode == GUEST_SPIN && variant->cpu_irq != CPU_VCPU;
	struct volley_kicks *kicks = &self->counts.kicks;
	int i;

	volley_set(self->rig, "adaptive", 1);
	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 4);
	COUNT_FROM_HERE();
	/* What else this computer does may have them come at no high rate for a while. */
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, send(self->rig, 50, 300));
		COUNT_TO_HERE();
		if (!apart || (kicks->held && kicks->sent < kicks->requests))
			break;
	}
	if (apart) {
		EXPECT_LT(0, kicks->held);
		EXPECT_LT(kicks->sent, kicks->requests);
	} else if (variant->cpu_irq == CPU_VCPU) {
		EXPECT_EQ(0, kicks->held);
	}
}

/* It goes to the CPU where the vCPU is now, whether it was held or not. */
TEST_F_TIMEOUT(kick, follows_vcpu, 300)
{
	static const int usecs[] = { 0, VOLLEY_LONGEST }, cpus[] = { CPU_OTHER, CPU_VCPU };
	int w, c;

	volley_set(self->rig, "max_irqs", 1024);
	COUNT_FROM_HERE();
	for (w = 0; w < ARRAY_SIZE(usecs); w++) {
		volley_set(self->rig, "max_usecs", usecs[w]);
		for (c = 0; c < ARRAY_SIZE(cpus); c++) {
			pin_task_to_cpu(self->rig->thread[0], host_cpu(cpus[c]));
			ASSERT_EQ(0, send(self->rig, 10, 300))
				TH_LOG("max_usecs %d, CPU %d", usecs[w], cpus[c]);
		}
	}
	COUNT_TO_HERE();
	if (variant->mode == GUEST_SPIN)
		EXPECT_LT(0, self->counts.kicks.held);
}

/* max_irqs sends it long before max_usecs would. */
TEST_F_TIMEOUT(kick, full, 300)
{
	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 2);
	COUNT_FROM_HERE();
	ASSERT_EQ(0, send(self->rig, 50, 300));
	COUNT_TO_HERE();
	if (variant->mode == GUEST_SPIN && variant->cpu_irq != CPU_VCPU) {
		EXPECT_LT(0, self->counts.kicks.held);
		EXPECT_LT(0, self->counts.kicks.sent);
		/* And not only because they were over. */
		EXPECT_LT(0, self->counts.sent[SENT_COUNT]);
	}
}

/* New settings release what is held under the old ones. */
TEST_F_TIMEOUT(kick, settings_change_under_load, 300)
{
	static const u32 usecs[] = { 0, 100, 1000, VOLLEY_LONGEST };
	static const u32 irqs[] = { 1, 2, 4, 1024 };
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_OTHER,
		.spacing_us = 100,
	};
	int i;

	COUNT_FROM_HERE();
	load_start(&load);
	for (i = 0; i < host_rounds(200); i++) {
		volley_set(self->rig, "max_usecs", usecs[random() % ARRAY_SIZE(usecs)]);
		volley_set(self->rig, "max_irqs", irqs[random() % ARRAY_SIZE(irqs)]);
		if (i % 16 == 0)
			volley_set(self->rig, "enabled", i / 16 % 2);
		if (i % 8 == 0)
			load_wait(&load, 1);
	}
	EXPECT_TRUE(load_stop(&load));
	COUNT_TO_HERE();
	/* Both the handlers' paths were taken. */
	EXPECT_LT(0, self->counts.vm.to_host);
	EXPECT_LT(0, self->counts.vm.forwarded);
}

/*
 * Arrivals around the moment at which a window closes, from two CPUs: each is
 * either in the window or begins the next, and is never forgotten.
 */
TEST_F_TIMEOUT(kick, window_edges, 600)
{
	const u64 per_us = host_ticks_per_us();
	u64 window, at;
	int i, v;

	for (v = VECTORS / 2; v < VECTORS; v++)
		proc_irq_set_smp_affinity(self->rig->dev[0]->irq[v], CPU_OTHER);

	for (i = 0; i < host_rounds(300); i++) {
		window = 50 << i % 6;
		if (i % 10 == 0)
			volley_set(self->rig, "max_usecs", window);
		at = host_ticks();
		rig_raise(self->rig, 0, 1);
		for (v = 1; v < 4; v++) {
			/* Some time before or after the end. */
			at += (window - 25 + random() % 50) * per_us;
			host_until(at);
			rig_raise(self->rig, 0, 0x11 << v);
		}
		ASSERT_EQ(0, rig_wait(self->rig, 0, 0xef))
			TH_LOG("lost in round %d, window %lu us", i, window);
	}
}

/* Two vectors that the VMM makes the same message. */
FIXTURE(merging)
{
	struct rig *rig;
	struct volley_counts before, counts;
};

FIXTURE_SETUP(merging)
{
	self->rig = setup_usual_rig("", 2);
}

FIXTURE_TEARDOWN(merging)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* What is urgent releases what it merges with. */
TEST_F_TIMEOUT(merging, urgent, 300)
{
	const int tries = 50;
	struct rig *rig = self->rig;
	int i;

	volley_set(rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(rig, "max_irqs", 1024);
	ASSERT_EQ(0, host_write("1", VOLLEY_SYSFS "/irqs/%d/urgent", rig->dev[0]->irq[1]));
	rig_route(rig, 0, 1, 0);
	COUNT_FROM_HERE();
	for (i = 0; i < tries; i++) {
		rig_raise(rig, 0, 1);
		rig_raise(rig, 0, 2);
		ASSERT_EQ(0, rig_wait(rig, 0, 1));
	}
	COUNT_TO_HERE();
	EXPECT_LT(tries / 2, self->counts.irq[1].merged);
	/* All but those for which the second came late. */
	EXPECT_LT(self->counts.sent[SENT_TIME], self->counts.irq[1].merged / 2);
}

TEST_HARNESS_MAIN
