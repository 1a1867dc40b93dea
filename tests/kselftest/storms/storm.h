/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Storms: what others do to a VM and its devices while it is sent interrupts,
 * again and again.
 */
#ifndef VOLLEY_TEST_STORM_H
#define VOLLEY_TEST_STORM_H

#include "load.h"
#include "seeded.h"
#include "setup.h"
#include "volley.h"

struct storm;

/* What the storms happen to: a VM with the first device, and a sender. */
struct scene {
	const char *params;	/* the module's; NULL: it is not loaded */
	enum guest_mode mode;	/* in the beginning, and while it is looked at */
	struct rig *rig;
	struct load load;
	bool flows;		/* the sender is running */
	bool alone;		/* one storm at a time: nothing goes while it is looked at */
	u64 sent, taken;	/* when it began */
	struct {
		struct rig_counts rig;
		struct volley_counts volley;
		u64 taken;
		bool begun;
	} reckoning;		/* see scene_reckon() */
	u64 saves;		/* how often the vGIC's state was saved */
	u64 saved_at_once;	/* of these, how often all that had come was Volley's */
	u64 saved_pending;	/* interrupts that were pending in what was saved */
	u64 saved_held;		/* kicks held for them */
	u64 armed;		/* how often an allocation was to fail */
	u64 faults;		/* how often one has */
};

#define SCENE_VECTORS	8
#define SCENE_VCPUS	2

void scene_start(struct scene *scene, const char *params, enum guest_mode mode);
/* Whether kicks are held, and for as long as a fixed window says. */
bool scene_holds(const struct scene *scene);
/*
 * From here on @storm goes, alone: if the sources stay attached then, scene_check()
 * looks what has become of every arrival from now on. Only at a time when all that
 * is sent is delivered.
 */
void scene_reckon(struct scene *scene, const struct storm *storm);
/*
 * Ends the sender and looks whether all is well: what was sent was taken, and
 * once, except for what was given up; counters add up; what comes now is taken by
 * Volley, and its kick held if it should be. Says what is not.
 */
bool scene_check(struct scene *scene);
/* Ends the VM and unloads the module; false if something is left, or was bad. */
bool scene_end(struct scene *scene);
/* After a check: the device has all of its vectors, as in the beginning. */
bool scene_all_vectors(struct scene *scene);
/* Starts the sender again after a check. */
void scene_go_on(struct scene *scene);

/* What storms change, or rely on as it is. */
enum {
	THE_MODULE	= 1 << 0,	/* loaded or not */
	THE_SETTINGS	= 1 << 1,	/* of the VM */
	THE_CPUS	= 1 << 2,	/* online or not */
	THE_VCPUS	= 1 << 3,	/* paused or not */
	THE_ITS		= 1 << 4,	/* the guest's, and its being asked for commands */
	THE_VECTORS	= 1 << 5,	/* of the device, and where they lead to */
	THE_SENDER	= 1 << 6,	/* whether everything that is sent comes */
	SECOND_DEVICE	= 1 << 7,
	THE_MEMORY	= 1 << 8,	/* whether there is enough */
	THE_SOURCES	= 1 << 9,	/* attached or not */
};

struct storm {
	const char *name, *does;
	/* One round. False, and said why, if something is wrong. */
	bool (*round)(struct scene *scene, struct seeded *seeded);
	unsigned int changes, relies_on;
	unsigned int slow;	/* how many rounds of others one of this takes as long as */
	bool (*possible)(void);	/* on this kernel; NULL: on each */
};

extern const struct storm storms[];
extern const int nr_storms;

/* NULL if there is none of that name. */
const struct storm *storm_find(const char *name);
/* Whether it can be had on this kernel. */
bool storm_possible(const struct storm *storm);
/* How many rounds of this one make sense where others go through @rounds. */
u64 storm_rounds(const struct storm *storm, u64 rounds);

/* Whether both can go on at the same time. */
bool storms_agree(const struct storm *a, const struct storm *b);

/* By whose doing it is; see storms.c. */
typedef bool storm_round(struct scene *scene, struct seeded *seeded);
storm_round storm_module, storm_settings, storm_affinity, storm_vcpu_moves, storm_cpu_offline,
	    storm_rebind;				/* admin.c */
storm_round storm_irqfds, storm_routes, storm_pause, storm_signals, storm_vm_killed,
	    storm_no_memory, storm_save, storm_restore;	/* vmm.c */
storm_round storm_movi, storm_inv, storm_invall, storm_discard, storm_mapd, storm_its_off,
	    storm_lpis_off, storm_sleep;		/* guest.c */
storm_round storm_mask, storm_msix, storm_reset;	/* device.c */
storm_round storm_read;					/* reader.c */

#define SAY_UNLESS(ok, fmt, ...) ({						\
	bool __good = (ok);						\
									\
	if (!__good)							\
		ksft_print_msg(fmt "\n", ##__VA_ARGS__);		\
	__good;								\
})

#endif /* VOLLEY_TEST_STORM_H */
