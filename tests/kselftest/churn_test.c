// SPDX-License-Identifier: GPL-2.0
/*
 * The host changes things under a VM that is sent interrupts: where they are
 * taken, where the vCPU runs, what they mean, whether they exist at all.
 */
#include <kvm_util.h>
#include <gic.h>
#include <gic_v3.h>
#include <proc_util.h>

#include "load.h"
#include "suite.h"

#define VECTORS	8

FIXTURE(churn)
{
	struct rig *rig;
	struct rig_counts before;
	struct load load;
};

FIXTURE_VARIANT(churn)
{
	const char *params;
};

FIXTURE_VARIANT_ADD(churn, stock) { NULL };
FIXTURE_VARIANT_ADD(churn, volley) { "" };
FIXTURE_VARIANT_ADD(churn, window) { "max_usecs=10000 max_irqs=1024" };

FIXTURE_SETUP(churn)
{
	/* A test that failed half way may have left one off. */
	host_write("1", "/sys/devices/system/cpu/cpu%d/online", CPU_VCPU);
	host_write("1", "/sys/devices/system/cpu/cpu%d/online", CPU_IRQ);
	self->rig = setup_usual_rig(variant->params, VECTORS);
	self->load = (struct load) {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
		.spacing_us = 20,
	};
	rig_count(self->rig, 0, &self->before);
}

FIXTURE_TEARDOWN(churn)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* All that was sent was taken, and once; and what there is adds up. */
static bool all_taken(struct rig *rig, const struct rig_counts *before, bool volley)
{
	struct volley_counts volley_counts;
	struct rig_counts counts;

	rig_settle(rig, 0);
	rig_count(rig, 0, &counts);
	rig_since(&counts, before);
	if (rig_sum(counts.sent) != rig_sum(counts.taken)) {
		ksft_print_msg("%lu sent, %lu taken\n", rig_sum(counts.sent),
			       rig_sum(counts.taken));
		return false;
	}
	if (!volley)
		return true;
	volley_count(rig, &volley_counts);
	return volley_counts_add_up(&volley_counts);
}

TEST_F_TIMEOUT(churn, affinity_under_load, 300)
{
	int i;

	load_start(&self->load);
	for (i = 0; i < host_rounds(200); i++) {
		proc_irq_set_smp_affinity(self->rig->dev[0]->irq[random() % VECTORS],
					  random() % host_nr_cpus());
		if (i % 10 == 0)
			load_wait(&self->load, 1);
	}
	EXPECT_TRUE(load_stop(&self->load));
	EXPECT_TRUE(all_taken(self->rig, &self->before, variant->params));
}

TEST_F_TIMEOUT(churn, vcpu_migrates_under_load, 300)
{
	int i;

	load_start(&self->load);
	for (i = 0; i < host_rounds(100); i++) {
		pin_task_to_cpu(self->rig->thread[0], random() % host_nr_cpus());
		load_wait(&self->load, 1);
	}
	EXPECT_TRUE(load_stop(&self->load));
	EXPECT_TRUE(all_taken(self->rig, &self->before, variant->params));
}

/* The CPU that takes the interrupts, or the vCPU's, goes away and comes back. */
TEST_F_TIMEOUT(churn, cpu_offline_under_load, 600)
{
	cpu_set_t most;
	int i, cpu;

	CPU_ZERO(&most);
	CPU_SET(CPU_VCPU, &most);
	CPU_SET(CPU_IRQ, &most);
	CPU_SET(CPU_OTHER, &most);
	kvm_pthread_setaffinity(self->rig->thread[0], &most);

	load_start(&self->load);
	for (i = 0; i < host_rounds(20); i++) {
		cpu = i % 2 ? CPU_VCPU : CPU_IRQ;
		device_affinity(self->rig->dev[0], CPU_IRQ);
		ASSERT_EQ(0, host_write("0", "/sys/devices/system/cpu/cpu%d/online", cpu));
		load_wait(&self->load, 2);
		ASSERT_EQ(0, host_write("1", "/sys/devices/system/cpu/cpu%d/online", cpu));
		load_wait(&self->load, 2);
	}
	EXPECT_TRUE(load_stop(&self->load));
	EXPECT_TRUE(all_taken(self->rig, &self->before, variant->params));
}

/*
 * Without its irqfd an interrupt stops at the eventfd, and comes when there is
 * an irqfd again. Counts of the same vector may be one by then.
 */
TEST_F_TIMEOUT(churn, irqfds_come_and_go_under_load, 600)
{
	struct rig *rig = self->rig;
	int i;

	load_start(&self->load);
	for (i = 0; i < host_rounds(30); i++) {
		rig_disconnect(rig, 0);
		if (variant->params && i % 2)
			ASSERT_TRUE(volley_wait_detached(rig, 0));
		rig_connect(rig, 0, rig->dev[0]);
		if (variant->params && i % 3)
			ASSERT_TRUE(volley_wait_attached(rig, 0));
		load_wait(&self->load, 1);
	}
	EXPECT_TRUE(load_stop(&self->load));
	EXPECT_TRUE(all_taken(rig, &self->before, false));
}

/* The VMM sets the whole table again, as it was, and as it was not. */
TEST_F_TIMEOUT(churn, routes_change_under_load, 600)
{
	struct rig *rig = self->rig;
	int i;

	load_start(&self->load);
	for (i = 0; i < host_rounds(100); i++) {
		rig_route(rig, 0, VECTORS + 1, i % 5);
		load_wait(&self->load, 1);
	}
	EXPECT_TRUE(load_stop(&self->load));
	EXPECT_TRUE(all_taken(rig, &self->before, variant->params));
}

/* A vector's message becomes that of another event: it arrives as that one. */
TEST_F_TIMEOUT(churn, route_to_another_event, 300)
{
	const int vector = 2, event = VECTORS + 2;
	struct rig *rig = self->rig;
	u64 old = rig_taken(rig, GUEST_LPI(0, vector));
	u64 new = rig_taken(rig, GUEST_LPI(0, event));
	int i;

	rig_route(rig, 0, vector, event);
	for (i = 0; i < 3; i++) {
		rig_raise(rig, 0, 1U << vector);
		ASSERT_EQ(0, rig_wait(rig, 0, 1U << vector));
	}
	EXPECT_EQ(old, rig_taken(rig, GUEST_LPI(0, vector)));
	EXPECT_EQ(new + 3, rig_taken(rig, GUEST_LPI(0, event)));

	rig_route(rig, 0, vector, vector);
	rig_raise(rig, 0, 1U << vector);
	ASSERT_EQ(0, rig_wait(rig, 0, 1U << vector));
	EXPECT_EQ(old + 1, rig_taken(rig, GUEST_LPI(0, vector)));
	EXPECT_EQ(new + 3, rig_taken(rig, GUEST_LPI(0, event)));
}

/* Messages that stand for no interrupt of the VM are taken by nobody. */
TEST_F_TIMEOUT(churn, route_to_nowhere, 300)
{
	const int vector = 2;
	const u64 doorbell = GITS_BASE_GPA + GITS_TRANSLATER;
	const struct {
		u64 address;
		u32 device, event;
	} messages[] = {
		{ doorbell + SZ_1M, 0, vector },
		/* One bit more than there are. */
		{ doorbell, 0, 1 << 16 | vector },
		{ doorbell, 1 << 16, vector },
	};
	struct kvm_irq_routing_entry odd = {
		.gsi = GUEST_LPI(0, vector),
		.type = KVM_IRQ_ROUTING_MSI,
		.flags = KVM_MSI_VALID_DEVID,
	};
	struct rig *rig = self->rig;
	u64 taken;
	int i;

	for (i = 0; i < ARRAY_SIZE(messages); i++) {
		odd.u.msi.address_lo = messages[i].address;
		odd.u.msi.address_hi = messages[i].address >> 32;
		odd.u.msi.devid = messages[i].device;
		odd.u.msi.data = messages[i].event;
		taken = rig_taken(rig, GUEST_LPI(0, vector));
		rig_route_oddly(rig, &odd);
		rig_raise_to_host(rig, 0, 1U << vector);
		rig_settle(rig, 0);
		EXPECT_EQ(taken, rig_taken(rig, GUEST_LPI(0, vector)))
			TH_LOG("message %d", i);
		EXPECT_EQ(1U << vector, rig_missing(rig, 0, ALL(VECTORS)));

		rig_route_oddly(rig, NULL);
		rig_raise(rig, 0, 1U << vector);
		ASSERT_EQ(0, rig_wait(rig, 0, 1U << vector));
		EXPECT_EQ(taken + 1, rig_taken(rig, GUEST_LPI(0, vector)));
	}
}

/* MSI-X is turned off under the irqfds: the host's interrupts go and come. */
TEST_F_TIMEOUT(churn, interrupts_come_and_go, 600)
{
	struct rig *rig = self->rig;
	int i, irq[VECTORS];

	for (i = 0; i < host_rounds(20); i++) {
		load_start(&self->load);
		load_wait(&self->load, 2);
		/* Every other time the last few are still on their way. */
		self->load.lossy = i % 2;
		EXPECT_TRUE(load_stop(&self->load));
		memcpy(irq, rig->dev[0]->irq, sizeof(irq));
		if (i % 4 < 2)
			rig_disconnect(rig, 0);
		device_teardown(rig->dev[0]);
		if (variant->params)
			ASSERT_TRUE(volley_wait_irqs_gone(rig->id, irq, VECTORS));
		setup_vectors(rig, VECTORS);
		self->load.lossy = false;
	}
	rig_raise(rig, 0, ALL(VECTORS));
	EXPECT_EQ(0, rig_wait(rig, 0, ALL(VECTORS)));
}

/* A vector that is masked in the device waits there, and comes once: later. */
TEST_F_TIMEOUT(churn, masked_in_the_device, 300)
{
	struct rig *rig = self->rig;
	int i, irq = rig->dev[0]->irq[0];
	u64 arrived = host_irq_count(irq), taken = rig_taken(rig, GUEST_LPI(0, 0));

	device_mask(rig->dev[0], 0, true);
	for (i = 0; i < 2; i++) {
		rig_raise(rig, 0, 1);
		/* Another one, behind it. */
		rig_raise(rig, 0, 2);
		ASSERT_EQ(0, rig_wait(rig, 0, 2));
	}
	EXPECT_EQ(arrived, host_irq_count(irq));
	EXPECT_EQ(taken, rig_taken(rig, GUEST_LPI(0, 0)));
	device_mask(rig->dev[0], 0, false);
	ASSERT_EQ(0, rig_wait(rig, 0, 1));
	rig_settle(rig, 0);
	EXPECT_EQ(arrived + 1, host_irq_count(irq));
	EXPECT_EQ(taken + 1, rig_taken(rig, GUEST_LPI(0, 0)));

	rig_count(rig, 0, &self->before);
	load_start(&self->load);
	for (i = 0; i < host_rounds(200); i++) {
		device_mask(rig->dev[0], i % VECTORS, true);
		device_mask(rig->dev[0], i % VECTORS, false);
		if (i % 10 == 0)
			load_wait(&self->load, 1);
	}
	EXPECT_TRUE(load_stop(&self->load));
	EXPECT_TRUE(all_taken(rig, &self->before, variant->params));
}

TEST_HARNESS_MAIN
