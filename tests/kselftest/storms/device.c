// SPDX-License-Identifier: GPL-2.0
/*
 * What the VMM does to the device.
 */
#include "storm.h"

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

/* Nothing is waited for meanwhile. With @disconnect the VMM takes its irqfds first. */
static bool set_vectors(struct scene *scene, int vectors, bool disconnect)
{
	int irq[SCENE_VECTORS], had = scene->rig->dev[0]->vectors;
	struct rig *rig = scene->rig;

	memcpy(irq, rig->dev[0]->irq, sizeof(irq));
	if (disconnect)
		rig_disconnect(rig, 0);
	device_teardown(rig->dev[0]);
	if (!SAY_UNLESS(volley_wait_irqs_gone(rig->id, irq, had), "sources stay behind"))
		return false;
	setup_vectors(rig, vectors);
	return true;
}

bool scene_all_vectors(struct scene *scene)
{
	scene->load.mask = ALL(SCENE_VECTORS);
	return scene->rig->dev[0]->vectors == SCENE_VECTORS ||
	       (set_vectors(scene, SCENE_VECTORS, true) &&
		SAY_UNLESS(volley_wait_attached(scene->rig, 0), "not attached"));
}

bool storm_msix(struct scene *scene, struct seeded *seeded)
{
	int vectors = 1 + seeded_below(seeded, SCENE_VECTORS);

	/* In half of the rounds the device is told to raise them all the while. */
	if (seeded_below(seeded, 2))
		load_drift(&scene->load);
	else
		load_hold(&scene->load, true);
	if (!set_vectors(scene, vectors, seeded_below(seeded, 2)))
		return false;
	load_hold(&scene->load, true);
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
