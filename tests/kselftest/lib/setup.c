// SPDX-License-Identifier: GPL-2.0
/*
 * What most tests begin and end with.
 */
#include "setup.h"

struct rig *setup_rig(const struct setup *setup)
{
	struct rig_config config = {
		.vcpus = setup->vcpus ?: 1,
		.mode = setup->mode,
	};
	struct device *dev;
	struct rig *rig;
	int v;

	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	if (setup->params)
		volley_reload(setup->params);
	else if (volley_loaded())
		TEST_ASSERT(!volley_unload(), "cannot unload volley");

	dev = device_open(0, setup->vectors);
	device_affinity(dev, setup->cpu_irq);
	for (v = 0; v < config.vcpus; v++)
		config.cpu[v] = setup->cpu_vcpu + v;
	rig = rig_create(&config);
	rig_connect(rig, 0, dev);
	rig_start(rig);
	if (setup->params) {
		TEST_ASSERT(volley_wait_attached(rig, 0), "volley does not attach");
		if (setup->max_usecs)
			volley_set(rig, "max_usecs", setup->max_usecs);
		if (setup->disabled)
			volley_set(rig, "enabled", 0);
	}
	/* The first interrupt of each takes the stock path, which caches it. */
	rig_raise(rig, 0, ALL(setup->vectors));
	TEST_ASSERT(!rig_wait(rig, 0, ALL(setup->vectors)),
		    "the first interrupts were lost: %x",
		    rig_missing(rig, 0, ALL(setup->vectors)));
	return rig;
}

struct rig *setup_usual_rig(const char *params, int vectors)
{
	const struct setup setup = {
		.params = params,
		.vectors = vectors,
		.cpu_irq = CPU_IRQ,
		.cpu_vcpu = CPU_VCPU,
	};

	return setup_rig(&setup);
}

struct rig *setup_vm(int nr, int vectors, int cpu, enum guest_mode mode)
{
	struct rig_config config = { .cpu = { cpu }, .mode = mode };
	struct device *dev = device_open(nr, vectors);
	struct rig *rig;

	device_affinity(dev, CPU_IRQ);
	rig = rig_create(&config);
	rig_connect(rig, 0, dev);
	rig_start(rig);
	return rig;
}

void setup_two_vms(struct rig *rig[2], const char *params, int vectors, enum guest_mode mode)
{
	int i;

	TEST_ASSERT(device_count() >= 2, "two devices wanted");
	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	volley_reload(params);
	for (i = 0; i < 2; i++) {
		rig[i] = setup_vm(i, vectors, i ? CPU_OTHER : CPU_VCPU, mode);
		TEST_ASSERT(volley_wait_attached(rig[i], 0), "volley does not attach");
	}
}

void setup_device(struct rig *rig, int d, int vectors, int cpu)
{
	struct device *dev = device_open(d, vectors);

	device_affinity(dev, cpu);
	rig_connect(rig, d, dev);
}

void setup_vectors(struct rig *rig, int vectors)
{
	device_setup(rig->dev[0], vectors);
	device_affinity(rig->dev[0], CPU_IRQ);
	rig_connect(rig, 0, rig->dev[0]);
}

bool teardown_rig(struct rig *rig)
{
	if (rig)
		rig_free(rig);
	if (volley_loaded())
		TEST_ASSERT(!volley_unload(), "cannot unload volley");
	return !host_log_bad();
}
