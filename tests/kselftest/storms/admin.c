// SPDX-License-Identifier: GPL-2.0
/*
 * What the host's administrator does.
 */
#include <proc_util.h>

#include "storm.h"

bool storm_module(struct scene *scene, struct seeded *seeded)
{
	int ret;

	/* Somebody may be reading a file that is part of the module. */
	host_wait_for((ret = volley_unload()) != -EAGAIN);
	if (!SAY_UNLESS(!ret, "cannot unload the module: %s", strerror(-ret)))
		return false;
	/* In some rounds something arrives while there is none. */
	if (seeded_below(seeded, 2))
		load_wait(&scene->load, 1);
	ret = volley_load(scene->params);
	if (!SAY_UNLESS(!ret, "cannot load the module: %s", strerror(-ret)))
		return false;
	/* In others it goes while it is still attaching. */
	if (seeded_below(seeded, 3))
		load_wait(&scene->load, 2);
	return true;
}

bool storm_settings(struct scene *scene, struct seeded *seeded)
{
	static const struct {
		const char *name, *values[2];
	} flips[] = {
		{ "max_usecs", { "0", "10000" } },
		{ "max_usecs", { "0", "10000" } },
		{ "max_irqs", { "1", "1024" } },
		{ "adaptive", { "1", "0" } },
		{ "enabled", { "0", "1" } },
	};
	int ret, flip = seeded_below(seeded, ARRAY_SIZE(flips)), i;

	for (i = 0; i < 2; i++) {
		ret = host_write(flips[flip].values[i], VOLLEY_SYSFS "/vms/%s/%s",
				 scene->rig->id, flips[flip].name);
		/* Another storm may have the module unloaded, or the VM not attached yet. */
		if (!SAY_UNLESS(!ret || (!scene->alone && (ret == -ENOENT || ret == -ENODEV)),
				"%s = %s: %s", flips[flip].name, flips[flip].values[i],
				strerror(-ret)))
			return false;
		host_sleep_us(seeded_below(seeded, 2000));
	}
	return true;
}

bool storm_affinity(struct scene *scene, struct seeded *seeded)
{
	struct device *dev = scene->rig->dev[0];

	proc_irq_set_smp_affinity(dev->irq[seeded_below(seeded, dev->vectors)],
				  seeded_below(seeded, host_nr_cpus()));
	return true;
}

bool storm_vcpu_moves(struct scene *scene, struct seeded *seeded)
{
	pin_task_to_cpu(scene->rig->thread[seeded_below(seeded, SCENE_VCPUS)],
			seeded_below(seeded, host_nr_cpus()));
	host_sleep_us(seeded_below(seeded, 5000));
	return true;
}

bool storm_cpu_offline(struct scene *scene, struct seeded *seeded)
{
	int v, ret, cpu = CPU_VCPU + seeded_below(seeded, 3);
	cpu_set_t most;

	CPU_ZERO(&most);
	CPU_SET(CPU_VCPU, &most);
	CPU_SET(CPU_IRQ, &most);
	CPU_SET(CPU_OTHER, &most);
	for (v = 0; v < SCENE_VCPUS; v++)
		kvm_pthread_setaffinity(scene->rig->thread[v], &most);
	ret = host_write("0", "/sys/devices/system/cpu/cpu%d/online", cpu);
	if (!SAY_UNLESS(!ret, "CPU %d does not go offline: %s", cpu, strerror(-ret)))
		return false;
	load_wait(&scene->load, 1);
	ret = host_write("1", "/sys/devices/system/cpu/cpu%d/online", cpu);
	if (!SAY_UNLESS(!ret, "CPU %d does not come online: %s", cpu, strerror(-ret)))
		return false;
	device_affinity(scene->rig->dev[0], CPU_IRQ);
	load_wait(&scene->load, 1);
	return true;
}

static void *rebind(void *bdf)
{
	device_rebind(bdf);
	return NULL;
}

/*
 * Unbinding waits until the VMM has let go of the device, and asks for that again and
 * again: it has begun to, or not, and meanwhile interrupts come.
 */
bool storm_rebind(struct scene *scene, struct seeded *seeded)
{
	int vectors = scene->rig->dev[0]->vectors;
	char bdf[sizeof(scene->rig->dev[0]->bdf)];
	pthread_t admin;

	memcpy(bdf, scene->rig->dev[0]->bdf, sizeof(bdf));
	load_drift(&scene->load);
	kvm_pthread_create(&admin, NULL, rebind, bdf);
	host_sleep_us(seeded_below(seeded, 5000));
	if (seeded_below(seeded, 2))
		rig_disconnect(scene->rig, 0);
	/* What it is told to raise by is going. */
	load_hold(&scene->load, true);
	device_close(scene->rig->dev[0]);
	kvm_pthread_join(admin, NULL);
	setup_device(scene->rig, 0, vectors, CPU_IRQ);
	load_flow(&scene->load);
	load_wait(&scene->load, 2);
	return true;
}
