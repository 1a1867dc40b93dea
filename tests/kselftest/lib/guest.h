/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest of the tests: takes LPIs, counts them in memory it shares with the
 * host, and carries out what the host asks of it.
 */
#ifndef VOLLEY_TEST_GUEST_H
#define VOLLEY_TEST_GUEST_H

#include <asm/barrier.h>
#include <linux/sizes.h>

#include <kvm_util.h>

#define GUEST_VCPUS	16
#define GUEST_DEVICES	2
#define GUEST_EVENTS	16	/* per device */
#define GUEST_LPI_BASE	8192
/* Twice as many LPIs as there are events: the rest is free for remapping. */
#define GUEST_LPIS	(2 * GUEST_DEVICES * GUEST_EVENTS)

/* The LPI, counted from GUEST_LPI_BASE, an event is mapped to at first. */
#define GUEST_LPI(device, event)	((device) * GUEST_EVENTS + (event))

struct ex_regs;

/*
 * How the host's threads and the guest's vCPUs pass each other something: who
 * sees the value that tell() wrote sees all that was written before.
 */
#define tell(to, val)	smp_store_release(to, val)	/* pairs with told() */
#define told(from)	smp_load_acquire(from)		/* pairs with tell() */

enum guest_mode {
	GUEST_SPIN,	/* loops without an exit of its own */
	GUEST_WFI,	/* sleeps until an interrupt comes */
};

/* What the host can ask a vCPU for. */
enum guest_op {
	GUEST_OP_NONE,		/* nothing: it has come round to look */
	GUEST_OP_MAPTI,		/* device, event, collection, lpi */
	GUEST_OP_MOVI,		/* device, event, collection */
	GUEST_OP_MAPC,		/* collection, vCPU */
	GUEST_OP_DISCARD,	/* device, event */
	GUEST_OP_INV,		/* device, event */
	GUEST_OP_INVALL,	/* collection */
	GUEST_OP_MAPD,		/* device, on, collection: with all of its events */
	GUEST_OP_LPIS_ENABLE,	/* on, vCPU: whose */
	GUEST_OP_ITS_ENABLE,	/* on */
	GUEST_OP_IRQ_ENABLE,	/* on: whether this vCPU takes interrupts */
	GUEST_OP_PARK,		/* leave the guest until told to go on */
	GUEST_OP_HOSTILE,	/* enum hostile_role, seed: until there is peace */
	GUEST_OP_STOP,
};

struct guest_vcpu {
	/* Written by the host: @op and @arg, then @asked. */
	u32 op;
	u32 arg[4];
	u32 asked;
	/* Written by the guest. */
	u32 answered;
	u32 ready;
	u32 spurious;
	u32 handling;		/* it is in guest_irq() */
	u64 loops;		/* rounds of the main loop: the guest is alive */
	u32 taken[GUEST_LPIS];
} __aligned(64);

struct guest_lpi {
	/*
	 * Written by the host before it raises the interrupt: the number of
	 * the round, and the time.
	 */
	u32 round;
	u64 raised_at;
	/* Written by the guest when it takes it. */
	u32 seen;		/* the highest round it can be for */
	u32 vcpu;		/* where it was last taken */
	u64 late;		/* counter ticks since @raised_at */
} __aligned(64);

struct guest_shared {
	u32 nr_vcpus;
	u32 nr_devices;
	u32 mode;
	u32 peace;		/* hostile vCPUs become ordinary ones, that take no interrupts */
	/* Guest physical addresses; the guest maps the command queue 1:1. */
	u64 device_table, collection_table, cmdq, itt, prop_table, pend_tables;
	struct guest_vcpu vcpu[GUEST_VCPUS];
	struct guest_lpi lpi[GUEST_LPIS];
};

/* Every vCPU starts here; the argument is where the guest sees the shared memory. */
void guest_main(struct guest_shared *shared);
void guest_irq(struct ex_regs *regs);

/* Sets the ITS up for all events of all devices. */
void guest_its_init(struct guest_shared *shared);
/* Carries out an enum guest_op that concerns the ITS. */
void guest_its_op(struct guest_shared *shared, u32 op, const u32 *arg);

#endif /* VOLLEY_TEST_GUEST_H */
