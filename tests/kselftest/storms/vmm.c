// SPDX-License-Identifier: GPL-2.0
/*
 * What the VMM does to its VM.
 */
#include "faults.h"
#include "migrate.h"
#include "storm.h"
#include "victim.h"

/* Without its irqfd an interrupt stops at the eventfd, and comes when there is one again. */
bool storm_irqfds(struct scene *scene, struct seeded *seeded)
{
	rig_disconnect(scene->rig, 0);
	if (seeded_below(seeded, 2))
		host_sleep_us(seeded_below(seeded, 3000));
	rig_connect(scene->rig, 0, scene->rig->dev[0]);
	if (seeded_below(seeded, 2))
		load_wait(&scene->load, 1);
	return true;
}

/* Among so many allocations is each that attaching asks for, or nearly so. */
#define ALLOCATIONS	1000
/* Among these are most that it cannot do without. */
#define FIRST		32

/*
 * In this thread, or in a worker. What could not be attached stays on the stock path;
 * with the next irqfds all is as it should be.
 */
bool storm_no_memory(struct scene *scene, struct seeded *seeded)
{
	struct rig *rig = scene->rig;

	/* Another storm may be loading it. */
	HOST_WAIT_FOR(faults_find(), "where is the module?");
	faults_arm(1 + seeded_below(seeded, scene->armed++ % 4 < 3 ? FIRST : ALLOCATIONS));
	rig_disconnect(rig, 0);
	rig_connect(rig, 0, rig->dev[0]);
	/* It is attached in a while, if it is and nobody unloads the module. */
	if (scene->alone)
		host_wait_for(faults_hit() || volley_is_attached(rig, 0));
	load_wait(&scene->load, 1 + seeded_below(seeded, 10));
	scene->faults += faults_disarm();
	/* Its VM may not be in sysfs: it comes anew. */
	rig_disconnect(rig, 0);
	rig_connect(rig, 0, rig->dev[0]);
	return SAY_UNLESS(!scene->alone || volley_wait_attached(rig, 0),
			  "not attached, though there is memory");
}

/*
 * As they were for all that is sent; or a vector becomes the message of another
 * event for a while, when nothing of it is on its way.
 */
bool storm_routes(struct scene *scene, struct seeded *seeded)
{
	struct rig *rig = scene->rig;
	int vector = seeded_below(seeded, rig->dev[0]->vectors);

	if (seeded_below(seeded, 2)) {
		rig_route(rig, 0, SCENE_VECTORS + 1, seeded_below(seeded, GUEST_EVENTS));
		return true;
	}
	load_hold(&scene->load, false);
	rig_route(rig, 0, vector, SCENE_VECTORS + vector);
	load_flow(&scene->load);
	load_wait(&scene->load, 2);
	load_hold(&scene->load, false);
	rig_route(rig, 0, vector, vector);
	load_flow(&scene->load);
	return true;
}

bool storm_pause(struct scene *scene, struct seeded *seeded)
{
	int v = seeded_below(seeded, SCENE_VCPUS);

	rig_pause(scene->rig, v);
	host_sleep_us(seeded_below(seeded, 5000));
	rig_unpause(scene->rig, v);
	host_sleep_us(seeded_below(seeded, 5000));
	return true;
}

bool storm_signals(struct scene *scene, struct seeded *seeded)
{
	int i;

	for (i = 0; i < 20; i++) {
		rig_interrupt(scene->rig, seeded_below(seeded, SCENE_VCPUS));
		host_sleep_us(seeded_below(seeded, 200));
	}
	return true;
}

bool storm_vm_killed(struct scene *scene, struct seeded *seeded)
{
	struct victim victim;

	return victim_start(&victim, 1, seeded_below(seeded, 210), scene->params) &&
	       victim_kill(&victim);
}

/* The vectors whose last interrupt is pending in the saved tables. */
static u32 saved_pending(struct rig *rig)
{
	u32 pending = 0;
	int i;

	migrate_save_tables(rig);
	for (i = 0; i < rig->dev[0]->vectors; i++)
		if (migrate_is_pending(rig, rig->lpi[0][i]))
			pending |= 1U << i;
	return pending;
}

/* How many vCPUs are between taking an interrupt and saying so. */
static int handling(struct rig *rig)
{
	int v, nr = 0;

	for (v = 0; v < rig->nr_vcpus; v++)
		nr += told(&rig->shared->vcpu[v].handling);
	return nr;
}

/* Whether @pending are those of @missing that no vCPU has in its hands. */
static bool complete(struct rig *rig, u32 pending, u32 missing)
{
	return !(pending & ~missing) &&
	       __builtin_popcount(missing & ~pending) <= handling(rig);
}

static u64 count(struct scene *scene, const char *name)
{
	return scene->params ? host_read_u64(VOLLEY_SYSFS "/vms/%s/%s", scene->rig->id, name) : 0;
}

/*
 * Has interrupts pending in a VM whose vCPUs are paused, and its state saved:
 * what the guest has not taken must be in there, and nothing else.
 *
 * What goes through Volley is queued at once: the kick alone is held. So it must
 * be there as soon as the host has taken it. The stock path may have a thread do
 * it.
 */
static bool save_pending(struct scene *scene, struct seeded *seeded)
{
	u32 all = scene->load.mask, missing, pending, v;
	struct rig *rig = scene->rig;
	/* The first is, so that one is. */
	bool masked = seeded_below(seeded, 2) | !scene->saves++;
	u64 arrived, forwarded, held;

	/* What had to be translated anew is, and all that was sent has been taken. */
	load_wait(&scene->load, 2);
	load_hold(&scene->load, false);
	if (!SAY_UNLESS(!rig_missing(rig, 0, all), "lost before it was saved"))
		return false;

	/* A guest that takes none for a moment has them all pending for sure. */
	for (v = 0; masked && v < rig->nr_vcpus; v++)
		rig_ask(rig, v, GUEST_OP_IRQ_ENABLE, false, 0, 0, 0);
	arrived = rig_arrived(rig, 0);
	forwarded = count(scene, "forwarded");
	held = count(scene, "kicks_held");
	rig_raise(rig, 0, all);
	if (seeded_below(seeded, 2)) {
		/* Queued while the vCPUs are in the guest. */
		HOST_WAIT_FOR(rig_arrived(rig, 0) >= arrived + __builtin_popcount(all),
			      "the host does not take them");
	}
	for (v = 0; v < rig->nr_vcpus; v++)
		rig_pause(rig, v);
	HOST_WAIT_FOR(rig_arrived(rig, 0) >= arrived + __builtin_popcount(all),
		      "the host does not take them");
	/* The handlers that counted them are done. */
	host_visit_cpus();

	missing = rig_missing(rig, 0, all);
	pending = saved_pending(rig);
	if (count(scene, "forwarded") - forwarded < __builtin_popcount(all))
		host_wait_for(complete(rig, pending = saved_pending(rig), missing));
	else
		scene->saved_at_once++;
	scene->saved_pending += __builtin_popcount(pending);
	scene->saved_held += count(scene, "kicks_held") - held;
	return SAY_UNLESS(complete(rig, pending, missing), "not taken: %x, saved: %x",
			  missing, pending) &
	       SAY_UNLESS(!masked || missing == all, "taken although masked: %x", all & ~missing);
}

/* The vCPUs go on: what was pending comes, and once. */
static bool go_on(struct scene *scene)
{
	struct rig *rig = scene->rig;
	int v;

	migrate_forget(rig);
	for (v = 0; v < rig->nr_vcpus; v++)
		rig_unpause(rig, v);
	for (v = 0; v < rig->nr_vcpus; v++)
		rig_ask(rig, v, GUEST_OP_IRQ_ENABLE, true, 0, 0, 0);
	if (!SAY_UNLESS(!rig_wait(rig, 0, scene->load.mask), "lost after it was saved: %x",
			rig_missing(rig, 0, scene->load.mask)))
		return false;
	load_flow(&scene->load);
	return true;
}

/* A snapshot: the same VM goes on. */
bool storm_save(struct scene *scene, struct seeded *seeded)
{
	return save_pending(scene, seeded) && go_on(scene);
}

/* A migration, but for another host: a new VM goes on. */
bool storm_restore(struct scene *scene, struct seeded *seeded)
{
	struct rig *rig = scene->rig;
	char old[32];

	if (!save_pending(scene, seeded))
		return false;
	memcpy(old, rig->id, sizeof(old));
	rig_disconnect(rig, 0);
	migrate_to_new_vm(rig);
	rig_connect(rig, 0, rig->dev[0]);
	if (!go_on(scene))
		return false;
	if (scene->params &&
	    !SAY_UNLESS(volley_wait_attached(rig, 0), "the new VM is not attached"))
		return false;
	return SAY_UNLESS(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", old) &&
					!host_exists(KVM_DEBUGFS "/%s", old)),
			  "the old VM stays behind");
}
