/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VM with an interrupt controller and assigned devices, and the means to
 * send it interrupts and to see what became of each.
 */
#ifndef VOLLEY_TEST_RIG_H
#define VOLLEY_TEST_RIG_H

#include <pthread.h>

#include <kvm_util.h>

#include "device.h"
#include "guest.h"
#include "host.h"

struct rig_config {
	int vcpus;			/* default 1 */
	int cpu[GUEST_VCPUS];		/* host CPU of each vCPU */
	enum guest_mode mode;
};

struct rig {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[GUEST_VCPUS];
	pthread_t thread[GUEST_VCPUS];
	int cpu[GUEST_VCPUS];
	int nr_vcpus;
	bool running;
	bool may_sleep;			/* its vCPUs do, or did */
	bool parked[GUEST_VCPUS];
	bool pause[GUEST_VCPUS];
	bool paused[GUEST_VCPUS];
	int its_fd;
	struct guest_shared *shared;
	gva_t shared_gva;

	struct device *dev[GUEST_DEVICES];
	/* The event that each vector (by its GSI) is a message for. */
	u32 event[GUEST_DEVICES][GUEST_EVENTS];
	/* What the guest's ITS maps each event to now, as far as the host knows. */
	u32 lpi[GUEST_DEVICES][GUEST_EVENTS];
	/* The route of one of its numbers that is no message for an event; or NULL. */
	const struct kvm_irq_routing_entry *odd;
	u32 round;
	u64 sent[GUEST_DEVICES][DEVICE_VECTORS];
	char id[32];			/* <pid>-<fd>, as KVM names it */
};

/* What has happened to one device's vectors so far; see rig_count(). */
struct rig_counts {
	u64 sent[DEVICE_VECTORS];	/* raised by rig_raise() */
	u64 arrived[DEVICE_VECTORS];	/* taken by the host: /proc/interrupts */
	u64 taken[DEVICE_VECTORS];	/* taken by the guest */
	u64 exits;			/* of all vCPUs */
};

/* Builds the VM; its vCPUs do not run yet. */
struct rig *rig_create(const struct rig_config *config);
/* Connects a device's vectors to the VM's events of device number @d. */
void rig_connect(struct rig *rig, int d, struct device *dev);
void rig_disconnect(struct rig *rig, int d);
/* Makes @vector the message of another @event, and sets the VM's routes anew. */
void rig_route(struct rig *rig, int d, int vector, u32 event);
/* Has the number of @odd mean what that says, until it is called with NULL. */
void rig_route_oddly(struct rig *rig, const struct kvm_irq_routing_entry *odd);
/* Starts the vCPUs and waits until the guest's ITS is set up. */
void rig_start(struct rig *rig);
/*
 * Makes the same VM once more, with empty memory: the vCPUs, the interrupt
 * controller and the routes of @rig are those of the new one when this returns,
 * and the old one is the caller's to free with rig_vm_free(). The vCPUs must be
 * paused, and the devices disconnected.
 */
struct rig_vm {
	struct kvm_vm *vm;
	struct kvm_vcpu *vcpu[GUEST_VCPUS];
	int its_fd;
};
void rig_renew(struct rig *rig, struct rig_vm *old);
void rig_vm_free(struct rig_vm *old);
/* Has the vCPUs sleep or spin, from when each next comes round to look. */
void rig_set_mode(struct rig *rig, enum guest_mode mode);
/* Ends the guest and waits for its vCPUs. */
void rig_stop(struct rig *rig);
/* Also closes the devices. */
void rig_free(struct rig *rig);

/*
 * Raises the vectors in @mask of device @d at once. The next time a vector is
 * raised its last interrupt must have been waited for, or the two may merge.
 */
void rig_raise(struct rig *rig, int d, u32 mask);
/* Raises them one after the other, @spacing_us apart; at once if that is 0. */
void rig_raise_spaced(struct rig *rig, int d, u32 mask, u64 spacing_us);
/*
 * Raises those in @mask, and returns when the host's handlers are done with all.
 * Nothing else of the device may be on its way.
 */
void rig_raise_to_host(struct rig *rig, int d, u32 mask);
/*
 * Raises @vector @nr times, each once the host has taken the one before, and another
 * vector @behind it, which is waited for: what of them was forwarded has been taken.
 */
void rig_raise_each(struct rig *rig, int d, int vector, int behind, int nr);
/* Those of @mask whose last interrupt the guest has not taken. */
u32 rig_missing(struct rig *rig, int d, u32 mask);
/* Waits for all of @mask; what is returned is lost. */
u32 rig_wait(struct rig *rig, int d, u32 mask);

/*
 * Waits until no interrupt is on its way any more: after sending without
 * waiting, a round may have been seen with an interrupt of the round before.
 */
void rig_settle(struct rig *rig, int d);
void rig_count(struct rig *rig, int d, struct rig_counts *counts);
/* @now becomes the difference from @before. */
void rig_since(struct rig_counts *now, const struct rig_counts *before);
u64 rig_exits(struct rig *rig);
/* How many interrupts of device @d the host has taken, of whatever vector. */
u64 rig_arrived(struct rig *rig, int d);
u64 rig_sum(const u64 *per_vector);
/* How often the guest has taken LPI number @lpi. */
u64 rig_taken(struct rig *rig, u32 lpi);

/* Leaves vCPU @v a request of four @arg; and whether it has done it, before which it has no other. */
void rig_post(struct rig *rig, int v, u32 op, const u32 *arg);
bool rig_answered(struct rig *rig, int v);
/* Asks vCPU @v for something and waits until it is done. */
void rig_ask(struct rig *rig, int v, u32 op, u32 a0, u32 a1, u32 a2, u32 a3);
/* Takes vCPU @v out of the guest, to user space, and lets it back in. */
void rig_park(struct rig *rig, int v);
void rig_resume(struct rig *rig, int v);
/* Keeps vCPU @v out of KVM_RUN, wherever the guest is, and lets it back in. */
void rig_pause(struct rig *rig, int v);
void rig_unpause(struct rig *rig, int v);
/* Has a signal end the KVM_RUN of vCPU @v, which is called again. */
void rig_interrupt(struct rig *rig, int v);
/* Enables or disables an LPI in the guest's table; INV makes it known. */
void rig_lpi_enable(struct rig *rig, u32 lpi, bool on);
/* Injects the message of @vector of device 0 by KVM_SIGNAL_MSI, as a VMM may. */
void rig_inject(struct rig *rig, int vector);

/* Waits until the guest has been through its main loop again. */
bool rig_alive(struct rig *rig, int v);

#endif /* VOLLEY_TEST_RIG_H */
