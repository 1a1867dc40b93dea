// SPDX-License-Identifier: GPL-2.0
/*
 * What the VMM does to the device.
 */
#include "storm.h"
#include "volley.h"

/* What a masked vector raises waits in the device. */
bool storm_mask(struct scene *scene, struct seeded *seeded)
{
	struct device *dev = scene->rig->dev[0];
	int vector = seeded_below(seeded, dev->vectors);

	device_mask(dev, vector, true);
	host_sleep_us(seeded_below(seeded, 1000));
	device_mask(dev, vector, false);
	return true;
}

bool storm_msix(struct scene *scene, struct seeded *seeded)
{
	int irq[SCENE_VECTORS], had = scene->rig->dev[0]->vectors;
	int vectors = 1 + seeded_below(seeded, SCENE_VECTORS);
	struct rig *rig = scene->rig;

	load_hold(&scene->load, true);
	memcpy(irq, rig->dev[0]->irq, sizeof(irq));
	if (seeded_below(seeded, 2))
		rig_disconnect(rig, 0);
	device_teardown(rig->dev[0]);
	if (!SAY_UNLESS(volley_wait_irqs_gone(irq, had), "sources stay behind"))
		return false;
	device_setup(rig->dev[0], vectors);
	device_affinity(rig->dev[0], CPU_IRQ);
	rig_connect(rig, 0, rig->dev[0]);
	scene->load.mask = ALL(vectors);
	load_flow(&scene->load);
	load_wait(&scene->load, 2);
	return true;
}

bool storm_reset(struct scene *scene, struct seeded *seeded)
{
	load_drift(&scene->load);
	if (seeded_below(seeded, 2))
		load_wait(&scene->load, 1);
	device_reset(scene->rig->dev[0]);
	load_hold(&scene->load, true);
	load_flow(&scene->load);
	load_wait(&scene->load, 1);
	return true;
}
