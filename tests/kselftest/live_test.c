// SPDX-License-Identifier: GPL-2.0
/*
 * Volley comes and goes while VMs run and interrupts flow: nothing is lost,
 * and the VMs go on.
 */
#include "load.h"
#include "suite.h"

#define VECTORS	8

FIXTURE(live)
{
	struct rig *rig;
	struct load load;
};

FIXTURE_VARIANT(live)
{
	enum guest_mode mode;
	const char *params;
	u64 spacing_us;
	bool open_loop;
};

FIXTURE_VARIANT_ADD(live, spin) { GUEST_SPIN, "" };
FIXTURE_VARIANT_ADD(live, wfi) { GUEST_WFI, "" };
FIXTURE_VARIANT_ADD(live, window) { GUEST_SPIN, "max_usecs=10000 max_irqs=1024", 200 };
FIXTURE_VARIANT_ADD(live, open_loop) { GUEST_SPIN, "max_usecs=1000", 0, true };

FIXTURE_SETUP(live)
{
	const struct setup setup = {
		.vectors = VECTORS,
		.cpu_irq = CPU_IRQ,
		.cpu_vcpu = CPU_VCPU,
		.mode = variant->mode,
	};

	self->rig = setup_rig(&setup);
	self->load = (struct load) {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_OTHER,
		.spacing_us = variant->spacing_us,
		.open_loop = variant->open_loop,
	};
}

FIXTURE_TEARDOWN(live)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* Taken over as it runs, and given back. */
TEST_F_TIMEOUT(live, attach_running_vm, 600)
{
	struct volley_counts counts;

	load_start(&self->load);
	load_wait(&self->load, 20);

	ASSERT_EQ(0, volley_load(variant->params));
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	load_wait(&self->load, 20);
	EXPECT_TRUE(load_stop(&self->load));

	volley_count(self->rig, &counts);
	EXPECT_LT(0, counts.vm.forwarded);
	EXPECT_TRUE(volley_counts_add_up(&counts));

	/* Without it, on the stock path. */
	load_start(&self->load);
	load_wait(&self->load, 20);
	ASSERT_EQ(0, volley_unload());
	load_wait(&self->load, 20);
	EXPECT_TRUE(load_stop(&self->load));
	EXPECT_TRUE(rig_alive(self->rig, 0));
}

TEST_F_TIMEOUT(live, reload, 600)
{
	struct rig_counts before, counts;
	int i;

	rig_count(self->rig, 0, &before);
	load_start(&self->load);
	for (i = 0; i < host_rounds(20); i++) {
		ASSERT_EQ(0, volley_load(variant->params))
			TH_LOG("round %d", i);
		/* In some rounds it goes while it is still attaching. */
		if (i % 3)
			ASSERT_TRUE(volley_wait_attached(self->rig, 0));
		if (i % 2)
			load_wait(&self->load, 2);
		ASSERT_EQ(0, volley_unload())
			TH_LOG("round %d", i);
		ASSERT_EQ(0, self->load.lost)
			TH_LOG("lost in round %d", i);
	}
	EXPECT_TRUE(load_stop(&self->load));

	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &before);
	if (!variant->open_loop)
		EXPECT_EQ(rig_sum(counts.sent), rig_sum(counts.taken));
	EXPECT_LE(rig_sum(counts.taken), rig_sum(counts.arrived));
	EXPECT_LE(rig_sum(counts.arrived), rig_sum(counts.sent));
	EXPECT_TRUE(rig_alive(self->rig, 0));
}

/* Connected, but the VM does not run yet, and its guest has mapped nothing. */
FIXTURE(early)
{
	struct rig *rig;
};

FIXTURE_SETUP(early)
{
	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	volley_reload("");
}

FIXTURE_TEARDOWN(early)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

TEST_F_TIMEOUT(early, attach_before_start, 300)
{
	struct rig_config config = { .cpu = { CPU_VCPU } };
	struct volley_counts counts;
	struct device *dev;
	int i;

	dev = device_open(0, VECTORS);
	device_affinity(dev, CPU_IRQ);
	self->rig = rig_create(&config);
	rig_connect(self->rig, 0, dev);
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));

	rig_start(self->rig);
	for (i = 0; i < host_rounds(50); i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	volley_count(self->rig, &counts);
	EXPECT_EQ(i * VECTORS, counts.vm.received);
	/* Each vector's translation is cached by the stock path, once. */
	EXPECT_EQ(VECTORS, counts.vm.to_host);
	EXPECT_TRUE(volley_fates_add_up(&counts.vm));
}

static bool taken_over(struct rig *rig, int vector)
{
	u64 before = host_read_u64(VOLLEY_SYSFS "/irqs/%d/received", rig->dev[0]->irq[vector]);

	rig_raise(rig, 0, 1U << vector);
	TEST_ASSERT(!rig_wait(rig, 0, 1U << vector), "vector %d is lost", vector);
	return host_read_u64(VOLLEY_SYSFS "/irqs/%d/received", rig->dev[0]->irq[vector]) > before;
}

/* auto_attach=0: everything stays on the stock path until it is asked for. */
TEST_F_TIMEOUT(early, no_auto_attach, 300)
{
	struct rig_config config = { .cpu = { CPU_VCPU } };
	struct device *dev;
	int i;

	volley_reload("auto_attach=0");
	dev = device_open(0, VECTORS);
	device_affinity(dev, CPU_IRQ);
	self->rig = rig_create(&config);
	rig_connect(self->rig, 0, dev);
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	rig_start(self->rig);
	for (i = 0; i < host_rounds(20); i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	EXPECT_EQ(0, host_read_u64(VOLLEY_SYSFS "/vms/%s/received", self->rig->id));
	EXPECT_EQ(0, host_read_u64(VOLLEY_SYSFS "/vms/%s/enabled", self->rig->id));

	/* One interrupt, while its VM is not enabled. */
	ASSERT_EQ(0, host_write("msi\n", VOLLEY_SYSFS "/irqs/%d/handler", dev->irq[2]));
	ASSERT_TRUE(host_wait_for(taken_over(self->rig, 2)));
	EXPECT_FALSE(taken_over(self->rig, 3));

	/* All of them. */
	volley_set(self->rig, "enabled", 1);
	for (i = 0; i < VECTORS; i++)
		ASSERT_TRUE(host_wait_for(taken_over(self->rig, i)))
			TH_LOG("vector %d", i);
	for (i = 0; i < host_rounds(20); i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	EXPECT_LT(20, host_read_u64(VOLLEY_SYSFS "/vms/%s/forwarded", self->rig->id));
}

TEST_HARNESS_MAIN
