// SPDX-License-Identifier: GPL-2.0
/*
 * Several VMs at once: each with its own settings and counters, each going its
 * own way; and one VM with two devices.
 */
#include "load.h"
#include "suite.h"

#define VECTORS	4

FIXTURE(vms)
{
	struct rig *rig[2];
	struct load load[2];
};

FIXTURE_SETUP(vms)
{
	int i;

	setup_two_vms(self->rig, "max_usecs=77", VECTORS, GUEST_SPIN);
	for (i = 0; i < 2; i++) {
		self->load[i] = (struct load) {
			.rig = self->rig[i],
			.mask = ALL(VECTORS),
			.cpu = CPU_MAIN,
			.spacing_us = 200,
		};
	}
}

FIXTURE_TEARDOWN(vms)
{
	if (self->rig[1])
		rig_free(self->rig[1]);
	EXPECT_TRUE(teardown_rig(self->rig[0]));
}

TEST_F_TIMEOUT(vms, own_settings_and_counters, 300)
{
	struct volley_counts before[2], counts[2];
	struct rig_counts sent_before[2], sent[2];
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(77, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_usecs", self->rig[i]->id));
	volley_set(self->rig[0], "max_usecs", 0);
	volley_set(self->rig[1], "max_usecs", 5000);
	volley_set(self->rig[1], "max_irqs", 100);
	EXPECT_EQ(0, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_usecs", self->rig[0]->id));
	EXPECT_EQ(5000, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_usecs", self->rig[1]->id));
	EXPECT_NE(100, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_irqs", self->rig[0]->id));

	for (i = 0; i < 2; i++) {
		volley_count(self->rig[i], &before[i]);
		rig_count(self->rig[i], 0, &sent_before[i]);
	}
	for (i = 0; i < 2; i++)
		load_start(&self->load[i]);
	load_wait(&self->load[0], 50);
	load_wait(&self->load[1], 50);
	for (i = 0; i < 2; i++)
		EXPECT_TRUE(load_stop(&self->load[i]));

	for (i = 0; i < 2; i++) {
		volley_count(self->rig[i], &counts[i]);
		volley_since(&counts[i], &before[i]);
		rig_count(self->rig[i], 0, &sent[i]);
		rig_since(&sent[i], &sent_before[i]);
		EXPECT_EQ(rig_sum(sent[i].sent), rig_sum(sent[i].taken));
		EXPECT_EQ(rig_sum(sent[i].sent), counts[i].vm.received);
		EXPECT_TRUE(volley_counts_add_up(&counts[i]));
	}
	EXPECT_EQ(0, counts[0].kicks.held);
	EXPECT_LT(0, counts[1].kicks.held);
}

/* New defaults are for VMs that appear later. */
TEST_F_TIMEOUT(vms, defaults_for_later_vms, 300)
{
	ASSERT_EQ(0, host_write("123\n", VOLLEY_SYSFS "/max_usecs"));
	ASSERT_EQ(0, host_write("45\n", VOLLEY_SYSFS "/max_irqs"));
	EXPECT_EQ(77, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_usecs", self->rig[0]->id));

	/* The second VM loses its sources and gets them back: it is a new one. */
	rig_disconnect(self->rig[1], 0);
	ASSERT_TRUE(volley_wait_detached(self->rig[1], 0));
	ASSERT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", self->rig[1]->id)));
	EXPECT_TRUE(host_exists(VOLLEY_SYSFS "/vms/%s", self->rig[0]->id));
	rig_connect(self->rig[1], 0, self->rig[1]->dev[0]);
	ASSERT_TRUE(volley_wait_attached(self->rig[1], 0));
	EXPECT_EQ(123, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_usecs", self->rig[1]->id));
	EXPECT_EQ(45, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_irqs", self->rig[1]->id));
	EXPECT_EQ(0, host_read_u64(VOLLEY_SYSFS "/vms/%s/received", self->rig[1]->id));
	EXPECT_EQ(77, host_read_u64(VOLLEY_SYSFS "/vms/%s/max_usecs", self->rig[0]->id));
}

/* One VM ends while both are under load; the other does not notice. */
TEST_F_TIMEOUT(vms, one_ends, 300)
{
	char id[32];

	load_start(&self->load[0]);
	load_start(&self->load[1]);
	load_wait(&self->load[0], 10);
	load_wait(&self->load[1], 10);

	EXPECT_TRUE(load_stop(&self->load[1]));
	snprintf(id, sizeof(id), "%s", self->rig[1]->id);
	rig_free(self->rig[1]);
	self->rig[1] = NULL;
	ASSERT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", id)));

	load_wait(&self->load[0], 10);
	EXPECT_TRUE(host_exists(VOLLEY_SYSFS "/vms/%s", self->rig[0]->id));
	EXPECT_TRUE(load_stop(&self->load[0]));
}

/* rmmod with two VMs under load: it succeeds, and they go on. */
TEST_F_TIMEOUT(vms, unload_under_load, 600)
{
	int i, round;

	volley_set(self->rig[1], "max_usecs", 10000);
	volley_set(self->rig[1], "max_irqs", 1024);
	for (i = 0; i < 2; i++)
		load_start(&self->load[i]);
	for (round = 0; round < host_rounds(10); round++) {
		ASSERT_EQ(0, volley_unload());
		EXPECT_FALSE(host_exists(VOLLEY_SYSFS));
		for (i = 0; i < 2; i++)
			load_wait(&self->load[i], 3);
		ASSERT_EQ(0, volley_load("max_usecs=10000 max_irqs=1024"));
		for (i = 0; i < 2; i++)
			ASSERT_TRUE(volley_wait_attached(self->rig[i], 0));
		for (i = 0; i < 2; i++)
			load_wait(&self->load[i], 3);
	}
	for (i = 0; i < 2; i++)
		EXPECT_TRUE(load_stop(&self->load[i]));
}

/* One VM with both devices: one directory, one sum. */
TEST_F_TIMEOUT(vms, two_devices, 300)
{
	struct rig *rig = self->rig[0];
	u64 received;
	int i;

	rig_free(self->rig[1]);
	self->rig[1] = NULL;
	setup_device(rig, 1, VECTORS, CPU_OTHER);
	ASSERT_TRUE(volley_wait_attached(rig, 1));

	received = host_read_u64(VOLLEY_SYSFS "/vms/%s/received", rig->id);
	for (i = 0; i < host_rounds(20); i++) {
		rig_raise(rig, 0, ALL(VECTORS));
		rig_raise(rig, 1, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(rig, 0, ALL(VECTORS)));
		ASSERT_EQ(0, rig_wait(rig, 1, ALL(VECTORS)));
	}
	EXPECT_EQ(received + 2 * i * VECTORS,
		  host_read_u64(VOLLEY_SYSFS "/vms/%s/received", rig->id));

	/* The VM's directory goes with its last source. */
	rig_disconnect(rig, 0);
	ASSERT_TRUE(volley_wait_detached(rig, 0));
	EXPECT_TRUE(host_exists(VOLLEY_SYSFS "/vms/%s", rig->id));
	rig_raise(rig, 1, ALL(VECTORS));
	ASSERT_EQ(0, rig_wait(rig, 1, ALL(VECTORS)));
	rig_disconnect(rig, 1);
	ASSERT_TRUE(volley_wait_detached(rig, 1));
	ASSERT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", rig->id)));
}

TEST_HARNESS_MAIN
