/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The module under test: loading it, its files in sysfs, its counters.
 */
#ifndef VOLLEY_TEST_VOLLEY_H
#define VOLLEY_TEST_VOLLEY_H

#include <kvm_util.h>

#include "rig.h"

#define VOLLEY_SYSFS	"/sys/kernel/volley"
#define VOLLEY_LONGEST	10000	/* the largest max_usecs */

/* Both return 0 or -errno; @params as on insmod's command line. */
int volley_load(const char *params);
int volley_unload(void);
/* The module's file, in memory that is to be freed. */
char *volley_image(size_t *size);
bool volley_loaded(void);
/* Loads it afresh, whatever the state before; the test ends if that fails. */
void volley_reload(const char *params);
/* True if there is a module to load at all. */
bool volley_present(void);

/*
 * Waits until all vectors of device @d are sources of the rig's VM, or none
 * is. False if that does not happen.
 */
bool volley_wait_attached(struct rig *rig, int d);
bool volley_wait_detached(struct rig *rig, int d);
/* The same of numbers that were those of vectors of the VM @id. */
bool volley_wait_irqs_gone(const char *id, const int *irq, int nr);
/* Whether all vectors of device @d are sources of the rig's VM now. */
bool volley_is_attached(struct rig *rig, int d);

/* One setting of the rig's VM. */
void volley_set(struct rig *rig, const char *name, u32 value);

/* Reasons for to_host. */
enum {
	LEFT_DISABLED,
	LEFT_HANDLER,
	LEFT_INVALID,
	LEFT_UNTRANSLATED,
	LEFT_REFUSED,
	VOLLEY_LEFT
};

/* Reasons for kicks_sent. */
enum {
	SENT_OFF,
	SENT_OUTSIDE,
	SENT_COUNT,
	SENT_TIME,
	SENT_CONTENTION,
	SENT_RELEASE,
	SENT_RATE,
	SENT_URGENT,
	VOLLEY_SENT
};
#define VOLLEY_SAVED	3	/* reasons for kicks_saved */
#define VOLLEY_SIZES	7	/* buckets of volley_sizes: 1, 2, 4, ... 64 */
#define VOLLEY_USECS	15	/* buckets of held_usecs: 0, 1, 2, 4, ... 8192 */

/* What became of arrivals. */
struct volley_fates {
	u64 received, forwarded, merged, to_host, consumed, deferred;
	u64 left[VOLLEY_LEFT];
};

/* What became of requests for a kick, and what volleys and windows were like. */
struct volley_kicks {
	u64 requests, sent, held, saved;
	u64 kept[VOLLEY_SAVED];		/* saved: exit, shared, awake */
	u64 volleys, volley_irqs;
	u64 sizes[VOLLEY_SIZES];
	u64 windows, held_usecs_total;
	u64 usecs[VOLLEY_USECS];
};

struct volley_counts {
	struct volley_fates vm;
	struct volley_fates irq[DEVICE_VECTORS];	/* of device 0 */
	struct volley_fates irqs;			/* sums, of all devices */
	struct volley_kicks kicks;
	struct volley_kicks vcpu[GUEST_VCPUS];
	struct volley_kicks vcpus;			/* sums */
	u64 sent[VOLLEY_SENT];
};

/* Reads them once nothing is on its way any more. */
void volley_count(struct rig *rig, struct volley_counts *counts);
/* @sum becomes the sum of both. */
void volley_kicks_add(struct volley_kicks *sum, const struct volley_kicks *more);
/* @now becomes the difference from @before. */
void volley_since(struct volley_counts *now, const struct volley_counts *before);

/* Whether each arrival is accounted for once, and each request for a kick. */
bool volley_fates_add_up(const struct volley_fates *fates);
bool volley_kicks_add_up(const struct volley_kicks *kicks);
/*
 * Both, and whether the reasons and the vCPUs come to the VM's figures. Its
 * sources need not: those that are gone count as well.
 */
bool volley_counts_add_up(const struct volley_counts *counts);

#endif /* VOLLEY_TEST_VOLLEY_H */
