// SPDX-License-Identifier: GPL-2.0
/*
 * All storms, and what they happen to.
 */
#include "faults.h"
#include "storm.h"

const struct storm storms[] = {
	/* The host's administrator */
	{ "module", "unloads and loads the module", storm_module,
		THE_MODULE | THE_SOURCES, 0, 5 },
	{ "settings", "changes windows, between none and the longest", storm_settings,
		THE_SETTINGS, 0, 1 },
	{ "affinity", "sends an interrupt to another CPU", storm_affinity,
		0, THE_CPUS | THE_VECTORS, 1 },
	{ "vcpu_moves", "has a vCPU run on another CPU", storm_vcpu_moves,
		0, THE_CPUS, 1 },
	{ "cpu_offline", "takes a CPU offline and online", storm_cpu_offline,
		THE_CPUS, THE_VECTORS, 5 },
	{ "rebind", "unbinds the device from vfio-pci, and binds it again", storm_rebind,
		THE_VECTORS | THE_SENDER | THE_SOURCES, THE_CPUS, 5 },
	/* The VMM */
	{ "irqfds", "deassigns and assigns irqfds", storm_irqfds,
		THE_VECTORS | THE_SOURCES, 0, 2 },
	{ "no_memory", "has an allocation fail while irqfds come and go", storm_no_memory,
		THE_VECTORS | THE_MEMORY | THE_SOURCES, 0, 5, faults_possible },
	{ "routes", "sets all routes, and leads vectors to other events", storm_routes,
		THE_VECTORS | THE_SENDER, 0, 1 },
	{ "pause", "pauses a vCPU and lets it go on", storm_pause,
		THE_VCPUS, 0, 1 },
	{ "signals", "ends KVM_RUN by signals", storm_signals,
		0, 0, 1 },
	{ "vm_killed", "makes another VM, and kills it under load", storm_vm_killed,
		SECOND_DEVICE, THE_CPUS | THE_MODULE | THE_MEMORY, 20 },
	{ "save", "saves the vGIC's state with interrupts pending", storm_save,
		THE_VCPUS | THE_ITS | THE_SENDER,
		THE_CPUS | THE_VECTORS | THE_MODULE | THE_SETTINGS, 2 },
	{ "restore", "the same, and goes on in a new VM", storm_restore,
		THE_VCPUS | THE_ITS | THE_SENDER | THE_VECTORS | THE_SOURCES,
		THE_CPUS | THE_MODULE | THE_SETTINGS, 5 },
	/* The guest */
	{ "movi", "moves LPIs between vCPUs", storm_movi,
		THE_ITS, 0, 1 },
	{ "inv", "disables and enables LPIs", storm_inv,
		THE_ITS, 0, 1 },
	{ "invall", "has the configuration of all LPIs read again", storm_invall,
		THE_ITS, 0, 1 },
	{ "discard", "discards events and maps them again", storm_discard,
		THE_ITS | THE_SENDER, 0, 1 },
	{ "mapd", "unmaps the device and maps it again", storm_mapd,
		THE_ITS | THE_SENDER, 0, 1 },
	{ "its_off", "disables the ITS and enables it", storm_its_off,
		THE_ITS | THE_SENDER, 0, 1 },
	{ "lpis_off", "disables a vCPU's LPIs and enables them", storm_lpis_off,
		THE_ITS | THE_SENDER, 0, 1 },
	{ "sleep", "has the vCPUs sleep in WFI, or spin", storm_sleep,
		0, THE_VCPUS, 1 },
	/* The device, as its VMM uses it */
	{ "mask", "masks and unmasks a vector in the device", storm_mask,
		0, THE_VECTORS, 1 },
	{ "msix", "disables MSI-X, and enables fewer or more vectors", storm_msix,
		THE_VECTORS | THE_SENDER | THE_SOURCES, THE_CPUS, 5 },
	{ "reset", "resets the device", storm_reset,
		THE_VECTORS | THE_SENDER, 0, 5 },
	/* Who reads the files */
	{ "read", "reads all files in sysfs and debugfs", storm_read,
		0, 0, 5 },
};

const int nr_storms = ARRAY_SIZE(storms);

const struct storm *storm_find(const char *name)
{
	int i;

	for (i = 0; i < nr_storms; i++)
		if (!strcmp(storms[i].name, name))
			return &storms[i];
	return NULL;
}

bool storm_possible(const struct storm *storm)
{
	return !storm->possible || storm->possible();
}

u64 storm_rounds(const struct storm *storm, u64 rounds)
{
	return max_t(u64, rounds / storm->slow, 2);
}

bool storms_agree(const struct storm *a, const struct storm *b)
{
	return !(a->changes & (b->changes | b->relies_on)) && !(b->changes & a->relies_on);
}

/* All that the guest has taken, of whatever vector. */
static u64 all_taken(struct rig *rig)
{
	u64 taken = 0;
	u32 lpi;

	for (lpi = 0; lpi < GUEST_LPIS; lpi++)
		taken += rig_taken(rig, lpi);
	return taken;
}

void scene_start(struct scene *scene, const char *params, enum guest_mode mode)
{
	const struct setup setup = {
		.params = params,
		.vectors = SCENE_VECTORS,
		.cpu_irq = CPU_IRQ,
		.cpu_vcpu = CPU_VCPU,
		.vcpus = SCENE_VCPUS,
		.mode = mode,
	};

	/* A storm that failed half way may have left one off. */
	host_write("1", "/sys/devices/system/cpu/cpu%d/online", CPU_VCPU);
	host_write("1", "/sys/devices/system/cpu/cpu%d/online", CPU_IRQ);
	host_write("1", "/sys/devices/system/cpu/cpu%d/online", CPU_OTHER);
	*scene = (struct scene) {
		.params = params,
		.mode = mode,
		.rig = setup_rig(&setup),
	};
	scene->load = (struct load) {
		.rig = scene->rig,
		.mask = ALL(SCENE_VECTORS),
		.cpu = CPU_MAIN,
		.spacing_us = 20,
	};
	scene_go_on(scene);
}

void scene_go_on(struct scene *scene)
{
	scene->sent = rig_sum(scene->rig->sent[0]);
	scene->taken = all_taken(scene->rig);
	load_start(&scene->load);
	scene->flows = true;
}

void scene_reckon(struct scene *scene, const struct storm *storm)
{
	if (!scene->params || storm->changes & THE_SOURCES)
		return;
	load_hold(&scene->load, false);
	volley_count(scene->rig, &scene->reckoning.volley);
	rig_count(scene->rig, 0, &scene->reckoning.rig);
	scene->reckoning.taken = all_taken(scene->rig);
	scene->reckoning.begun = true;
	load_flow(&scene->load);
}

/*
 * Whether Volley has counted each arrival of each vector, and the guest has taken what
 * was forwarded. What was not waited for may merge in KVM: what is left to the host, and
 * what is forwarded while it is in a list register.
 */
static bool reckons(struct scene *scene, const struct volley_counts *counts)
{
	u64 taken = all_taken(scene->rig) - scene->reckoning.taken, least, most;
	struct volley_counts volley = *counts;
	struct rig_counts rig;
	bool good = true;
	int i;

	volley_since(&volley, &scene->reckoning.volley);
	rig_count(scene->rig, 0, &rig);
	rig_since(&rig, &scene->reckoning.rig);
	for (i = 0; i < scene->rig->dev[0]->vectors; i++)
		good &= SAY_UNLESS(volley.irq[i].received == rig.arrived[i],
				   "vector %d: %lu arrived, %lu counted", i, rig.arrived[i],
				   volley.irq[i].received);
	most = volley.vm.forwarded + volley.vm.to_host;
	least = most - min(scene->load.given_up, most);
	return good & SAY_UNLESS(least <= taken && taken <= most,
				 "%lu forwarded, %lu left to the host, %lu taken",
				 volley.vm.forwarded, volley.vm.to_host, taken);
}

bool scene_holds(const struct scene *scene)
{
	return scene->mode == GUEST_SPIN && scene->params && strstr(scene->params, "max_usecs") &&
	       !strstr(scene->params, "adaptive");
}

/*
 * Whether Volley takes all vectors, after the stock path has taken the first of
 * each; what it counts as it does is in @counts.
 */
static bool forwards(struct scene *scene, struct volley_counts *counts)
{
	struct rig *rig = scene->rig;
	struct volley_counts before;
	int i;

	for (i = 0; i < 2; i++) {
		volley_count(rig, &before);
		rig_raise(rig, 0, scene->load.mask);
		if (rig_wait(rig, 0, scene->load.mask))
			return false;
		volley_count(rig, counts);
	}
	volley_since(counts, &before);
	return counts->vm.forwarded + counts->vm.merged == __builtin_popcount(scene->load.mask);
}

/*
 * Whether a kick is held: not if the vCPU is on its way into the guest, nor if it
 * is taken out of it by the interrupt itself, so another CPU takes it every time.
 */
static bool holds(struct scene *scene, int tries)
{
	struct volley_counts counts;

	device_affinity(scene->rig->dev[0], tries % 2 ? CPU_IRQ : CPU_OTHER);
	return forwards(scene, &counts) && counts.kicks.held;
}

bool scene_check(struct scene *scene)
{
	struct rig *rig = scene->rig;
	struct volley_counts counts;
	u64 sent, taken;
	int tries = 0;
	bool good;

	scene->flows = false;
	good = load_stop(&scene->load);
	if (!good)
		return false;
	rig_settle(rig, 0);
	rig_set_mode(rig, scene->mode);
	sent = rig_sum(rig->sent[0]) - scene->sent;
	taken = all_taken(rig) - scene->taken;
	good &= SAY_UNLESS(taken <= sent && taken + scene->load.given_up >= sent,
			   "%lu sent, %lu taken, at most %lu of them dropped", sent, taken,
			   scene->load.given_up);
	/* Whatever has happened, each vector works. */
	rig_raise(rig, 0, scene->load.mask);
	good &= SAY_UNLESS(!rig_wait(rig, 0, scene->load.mask), "lost in the end: vectors %x",
			   rig_missing(rig, 0, scene->load.mask));
	if (!volley_loaded())
		return good;
	good &= SAY_UNLESS(volley_wait_attached(rig, 0), "not attached in the end");
	volley_count(rig, &counts);
	good &= SAY_UNLESS(volley_counts_add_up(&counts), "the counters do not add up");
	if (scene->reckoning.begun)
		good &= reckons(scene, &counts);
	good &= SAY_UNLESS(forwards(scene, &counts), "not by Volley in the end");
	if (scene_holds(scene)) {
		/* The last storm may have changed it. */
		volley_set(rig, "adaptive", 0);
		good &= SAY_UNLESS(host_wait_for(holds(scene, tries++)), "no kick is held in the end");
		device_affinity(rig->dev[0], CPU_IRQ);
	}
	return good;
}

bool scene_end(struct scene *scene)
{
	char id[32];
	bool good;

	/* After a storm that failed. */
	if (scene->flows)
		load_stop(&scene->load);
	memcpy(id, scene->rig->id, sizeof(id));
	rig_free(scene->rig);
	good = SAY_UNLESS(host_wait_for(!host_exists(KVM_DEBUGFS "/%s", id)),
			  "KVM's VM %s stays behind", id);
	return good & teardown_rig(NULL);
}
