// SPDX-License-Identifier: GPL-2.0
/*
 * Counters add up: those of interrupts to the VM's, those of vCPUs to the VM's,
 * those of reasons and of buckets to what they are of; and what the module has
 * counted is what the host has counted.
 */
#include <proc_util.h>

#include "load.h"
#include "suite.h"

#define VECTORS	8
#define DEVICES	2
#define VCPUS	2

FIXTURE(counters)
{
	struct rig *rig;
	struct load load[DEVICES];
	struct rig_counts arrived_before[DEVICES], arrived[DEVICES];
	struct volley_counts before, counts;
};

FIXTURE_VARIANT(counters)
{
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(counters, spin) { GUEST_SPIN };
FIXTURE_VARIANT_ADD(counters, wfi) { GUEST_WFI };

/* Two vCPUs and two devices, whose vectors come in on all CPUs, and go to both. */
FIXTURE_SETUP(counters)
{
	const struct setup setup = {
		.params = "",
		.vectors = VECTORS,
		.cpu_irq = CPU_IRQ,
		.cpu_vcpu = CPU_VCPU,
		.vcpus = VCPUS,
		.mode = variant->mode,
	};
	struct device *dev;
	int d, i;

	self->rig = setup_rig(&setup);
	dev = device_open(1, VECTORS);
	rig_connect(self->rig, 1, dev);
	ASSERT_TRUE(volley_wait_attached(self->rig, 1));
	for (d = 0; d < DEVICES; d++) {
		for (i = 0; i < VECTORS; i++) {
			proc_irq_set_smp_affinity(self->rig->dev[d]->irq[i],
						  (d + i) % host_nr_cpus());
			rig_ask(self->rig, 0, GUEST_OP_MOVI, d, i, i / 2 % VCPUS, 0);
		}
		self->load[d] = (struct load) {
			.rig = self->rig,
			.device = d,
			.mask = ALL(VECTORS),
			.cpu = d ? CPU_OTHER : CPU_MAIN,
			.spacing_us = d ? 50 : 0,
		};
	}
	/* The commands emptied KVM's cache; the stock path fills it. */
	for (d = 0; d < DEVICES; d++) {
		rig_raise(self->rig, d, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, d, ALL(VECTORS)));
	}
}

FIXTURE_TEARDOWN(counters)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

#define COUNT_FROM_HERE() do {							\
	int __d;								\
										\
	volley_count(self->rig, &self->before);					\
	for (__d = 0; __d < DEVICES; __d++)					\
		rig_count(self->rig, __d, &self->arrived_before[__d]);		\
} while (0)

#define COUNT_TO_HERE() do {							\
	int __d;								\
										\
	for (__d = 0; __d < DEVICES; __d++) {					\
		rig_settle(self->rig, __d);					\
		rig_count(self->rig, __d, &self->arrived[__d]);			\
		rig_since(&self->arrived[__d], &self->arrived_before[__d]);	\
	}									\
	volley_count(self->rig, &self->counts);					\
	volley_since(&self->counts, &self->before);				\
} while (0)

/* Settings, urgency, and whether the VM is Volley's at all, change under load. */
TEST_F_TIMEOUT(counters, add_up_under_load, 600)
{
	static const u32 usecs[] = { 0, 50, 1000, VOLLEY_LONGEST };
	static const u32 irqs[] = { 1, 3, 4, 1024 };
	struct volley_counts *counts = &self->counts;
	struct volley_kicks *kicks = &counts->kicks;
	u64 in_volleys = 0;
	int d, i, v;

	COUNT_FROM_HERE();
	for (d = 0; d < DEVICES; d++)
		load_start(&self->load[d]);
	for (i = 0; i < host_rounds(60); i++) {
		volley_set(self->rig, "max_usecs", usecs[random() % ARRAY_SIZE(usecs)]);
		volley_set(self->rig, "max_irqs", irqs[random() % ARRAY_SIZE(irqs)]);
		volley_set(self->rig, "adaptive", i % 4 == 3);
		volley_set(self->rig, "enabled", i % 5 != 4);
		ASSERT_EQ(0, host_write(i % 3 ? "0" : "1", VOLLEY_SYSFS "/irqs/%d/urgent",
					self->rig->dev[0]->irq[i % VECTORS]));
		for (d = 0; d < DEVICES; d++)
			load_wait(&self->load[d], 1);
	}
	for (d = 0; d < DEVICES; d++)
		EXPECT_TRUE(load_stop(&self->load[d]));
	COUNT_TO_HERE();

	/* Each sum, and that of the vCPUs, is the VM's; this includes the buckets. */
	EXPECT_TRUE(volley_counts_add_up(counts));
	EXPECT_EQ(0, memcmp(&counts->vm, &counts->irqs, sizeof(counts->vm)));
	EXPECT_TRUE(volley_fates_add_up(&counts->irqs));
	for (v = 0; v < VCPUS; v++) {
		EXPECT_TRUE(volley_kicks_add_up(&counts->vcpu[v]));
		EXPECT_LT(0, counts->vcpu[v].requests);
		in_volleys += counts->vcpu[v].volley_irqs;
	}
	/* Whatever is forwarded is part of one volley. */
	EXPECT_EQ(counts->vm.forwarded, in_volleys);

	/* The host has counted the same. */
	for (i = 0; i < VECTORS; i++)
		EXPECT_EQ(self->arrived[0].arrived[i], counts->irq[i].received);
	EXPECT_EQ(rig_sum(self->arrived[0].arrived) + rig_sum(self->arrived[1].arrived),
		  counts->vm.received);

	/* All of it has happened. */
	EXPECT_LT(0, counts->vm.to_host);
	EXPECT_LT(0, counts->vm.forwarded);
	EXPECT_LT(0, kicks->sent);
	EXPECT_LT(0, kicks->saved);
	if (variant->mode == GUEST_SPIN) {
		EXPECT_LT(0, kicks->windows);
		EXPECT_LT(0, kicks->held_usecs_total);
	}
	ksft_print_msg("%lu interrupts in %lu volleys, %lu windows of %lu us in all\n",
		       kicks->volley_irqs, kicks->volleys, kicks->windows,
		       kicks->held_usecs_total);
	ksft_print_msg("kicks sent %lu; saved by exits %lu, shared %lu, awake %lu\n",
		       kicks->sent, kicks->kept[0], kicks->kept[1], kicks->kept[2]);
}

/* One interrupt in each volley if they come one by one, and no window. */
TEST_F_TIMEOUT(counters, volleys_of_one, 300)
{
	struct volley_kicks *kicks = &self->counts.kicks;
	int i;

	volley_set(self->rig, "max_usecs", 0);
	COUNT_FROM_HERE();
	for (i = 0; i < 5 * VECTORS; i++) {
		rig_raise(self->rig, 0, 1U << i % VECTORS);
		ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << i % VECTORS));
	}
	COUNT_TO_HERE();
	EXPECT_EQ(5 * VECTORS, kicks->volleys);
	EXPECT_EQ(5 * VECTORS, kicks->volley_irqs);
	EXPECT_EQ(5 * VECTORS, kicks->sizes[0]);
	EXPECT_EQ(5 * VECTORS, kicks->sent + kicks->kept[2]);
	EXPECT_EQ(0, kicks->windows);
	EXPECT_TRUE(volley_counts_add_up(&self->counts));
}

/* What a vCPU is outside of the guest for is neither held nor kicked for. */
TEST_F_TIMEOUT(counters, saved_awake, 300)
{
	struct volley_kicks *kicks = &self->counts.kicks;

	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	COUNT_FROM_HERE();
	rig_park(self->rig, 0);
	/* The vectors of the first vCPU. */
	rig_raise_to_host(self->rig, 0, 0x33);
	rig_resume(self->rig, 0);
	ASSERT_EQ(0, rig_wait(self->rig, 0, 0x33));
	COUNT_TO_HERE();
	EXPECT_EQ(4, kicks->volley_irqs);
	EXPECT_EQ(kicks->requests, kicks->kept[2]);
	EXPECT_EQ(kicks->requests, kicks->volleys);
	EXPECT_EQ(0, kicks->sent);
	EXPECT_EQ(0, kicks->windows);
	EXPECT_EQ(0, self->counts.vcpu[1].requests);
}

TEST_HARNESS_MAIN
