// SPDX-License-Identifier: GPL-2.0
/*
 * What the guest does with its ITS, by its first vCPU, and with itself.
 */
#include "storm.h"

static u32 any_event(struct seeded *seeded)
{
	return seeded_below(seeded, SCENE_VECTORS);
}

static u32 any_vcpu(struct seeded *seeded)
{
	return seeded_below(seeded, SCENE_VCPUS);
}

bool storm_movi(struct scene *scene, struct seeded *seeded)
{
	rig_ask(scene->rig, 0, GUEST_OP_MOVI, 0, any_event(seeded), any_vcpu(seeded), 0);
	return true;
}

/* What comes while it is disabled waits, and comes when it is enabled. */
bool storm_inv(struct scene *scene, struct seeded *seeded)
{
	u32 event = any_event(seeded);

	rig_lpi_enable(scene->rig, GUEST_LPI(0, event), false);
	rig_ask(scene->rig, 0, GUEST_OP_INV, 0, event, 0, 0);
	host_sleep_us(seeded_below(seeded, 3000));
	rig_lpi_enable(scene->rig, GUEST_LPI(0, event), true);
	rig_ask(scene->rig, 0, GUEST_OP_INV, 0, event, 0, 0);
	return true;
}

bool storm_invall(struct scene *scene, struct seeded *seeded)
{
	u32 lpi = GUEST_LPI(0, any_event(seeded)), v;
	bool on;

	for (on = false; ; on = true) {
		rig_lpi_enable(scene->rig, lpi, on);
		for (v = 0; v < SCENE_VCPUS; v++)
			rig_ask(scene->rig, 0, GUEST_OP_INVALL, v, 0, 0, 0);
		if (on)
			return true;
	}
}

/* Everything that comes from here on may be dropped. */
static void begin_dropping(struct scene *scene, struct seeded *seeded)
{
	load_drift(&scene->load);
	if (seeded_below(seeded, 2))
		load_wait(&scene->load, 1);
}

/* Nothing is dropped any more. */
static void end_dropping(struct scene *scene)
{
	load_hold(&scene->load, true);
	load_flow(&scene->load);
	load_wait(&scene->load, 1);
}

bool storm_discard(struct scene *scene, struct seeded *seeded)
{
	int i;

	begin_dropping(scene, seeded);
	for (i = 0; i < 4; i++) {
		u32 event = any_event(seeded);

		rig_ask(scene->rig, 0, GUEST_OP_DISCARD, 0, event, 0, 0);
		rig_ask(scene->rig, 0, GUEST_OP_MAPTI, 0, event, any_vcpu(seeded),
			GUEST_LPI(0, event));
	}
	end_dropping(scene);
	return true;
}

bool storm_mapd(struct scene *scene, struct seeded *seeded)
{
	begin_dropping(scene, seeded);
	rig_ask(scene->rig, 0, GUEST_OP_MAPD, 0, false, 0, 0);
	if (seeded_below(seeded, 2))
		load_wait(&scene->load, 1);
	rig_ask(scene->rig, 0, GUEST_OP_MAPD, 0, true, any_vcpu(seeded), 0);
	end_dropping(scene);
	return true;
}

bool storm_its_off(struct scene *scene, struct seeded *seeded)
{
	begin_dropping(scene, seeded);
	rig_ask(scene->rig, 0, GUEST_OP_ITS_ENABLE, false, 0, 0, 0);
	if (seeded_below(seeded, 2))
		load_wait(&scene->load, 1);
	rig_ask(scene->rig, 0, GUEST_OP_ITS_ENABLE, true, 0, 0, 0);
	end_dropping(scene);
	return true;
}

/*
 * Any vCPU disables them. The one whose they are leaves the guest before that and
 * afterwards, so it has none in a list register that is sent to another vCPU meanwhile:
 * see lib/hostile.c.
 */
bool storm_lpis_off(struct scene *scene, struct seeded *seeded)
{
	u32 v = any_vcpu(seeded);

	begin_dropping(scene, seeded);
	rig_ask(scene->rig, v, GUEST_OP_LPIS_ENABLE, true, v, 0, 0);
	rig_ask(scene->rig, any_vcpu(seeded), GUEST_OP_LPIS_ENABLE, false, v, 0, 0);
	if (seeded_below(seeded, 2))
		load_wait(&scene->load, 1);
	rig_ask(scene->rig, v, GUEST_OP_LPIS_ENABLE, true, v, 0, 0);
	end_dropping(scene);
	return true;
}

/* Whichever it is after the last round, others find it so. */
bool storm_sleep(struct scene *scene, struct seeded *seeded)
{
	rig_set_mode(scene->rig, seeded_below(seeded, 2) ? GUEST_WFI : GUEST_SPIN);
	host_sleep_us(seeded_below(seeded, 5000));
	return true;
}
