/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Volley for other kernel modules: handlers of their own.
 *
 * A handler decides what becomes of the arrivals of one interrupt, or of all
 * interrupts of a device, that is assigned to a VM. See handlers.rst in Volley's
 * documentation for an introduction, and samples/ for complete modules.
 */
#ifndef _VOLLEY_H
#define _VOLLEY_H

#include <linux/types.h>

struct device;
struct module;

/**
 * struct volley_arrival - one firing of an interrupt
 * @time: when it was taken, CLOCK_MONOTONIC, in nanoseconds
 * @hwirq: its number at the host's interrupt controller
 * @irq: its Linux IRQ number
 * @cpu: the CPU that has taken it
 * @gsi: its number in the VM, as the VMM gave it to KVM_IRQFD
 * @reserved: 0
 */
struct volley_arrival {
	u64 time;
	u64 hwirq;
	u32 irq;
	u32 cpu;
	u32 gsi;
	u32 reserved;
};

/**
 * enum volley_action - what becomes of an arrival
 * @VOLLEY_HOST: it goes the way it would without Volley
 * @VOLLEY_FORWARD: it is for the VM, as it stands
 * @VOLLEY_REDIRECT: it is for the VM, as another of the VM's interrupts
 * @VOLLEY_CONSUMED: the handler has dealt with it, and nobody else is to see it
 */
enum volley_action {
	VOLLEY_HOST,
	VOLLEY_FORWARD,
	VOLLEY_REDIRECT,
	VOLLEY_CONSUMED,
};

/**
 * struct volley_verdict - a handler's decision about an arrival
 * @action: one of &enum volley_action
 * @gsi: for %VOLLEY_REDIRECT, the number in the VM of the interrupt that it
 *	becomes: one that the VMM has routed to an MSI. Otherwise not looked at.
 * @arrival: for process_batch(), which arrival this is about: its place in the
 *	array. Otherwise not looked at.
 *
 * Anything else is no valid verdict: the arrival goes the way it would without
 * Volley, is counted as to_host_invalid, and the log says so once.
 */
struct volley_verdict {
	u32 action;
	u32 gsi;
	u32 arrival;
};

/**
 * struct volley_handler - a processing function
 * @owner: the module that it is part of, THIS_MODULE
 * @name: what the file "handler" of an interrupt shows: letters, digits, '-' and
 *	'_', at most 31; not "auto", "host" or "msi"
 * @process: decides about one arrival
 * @process_batch: decides about arrivals that were taken in the same exception,
 *	at least 1 and at most 16, in the order in which they were taken. They
 *	belong to interrupts that this registration is for. Fills in a verdict
 *	for each arrival that somebody is to see, in any order, and returns how
 *	many; all others have been consumed.
 *
 * Exactly one of the functions is given. Both are called in hard interrupt
 * context, with interrupts off, possibly on several CPUs at once: they must not
 * sleep, take no lock but a raw_spinlock_t, allocate nothing, and be short.
 *
 * The structure is copied when it is registered.
 */
struct volley_handler {
	struct module *owner;
	const char *name;
	struct volley_verdict (*process)(const struct volley_arrival *arrival, void *data);
	unsigned int (*process_batch)(const struct volley_arrival *arrivals, unsigned int nr,
				      struct volley_verdict *verdicts, void *data);
};

struct volley_registration;

struct volley_registration *volley_register_irq(unsigned int irq,
						const struct volley_handler *handler,
						void *data);
struct volley_registration *volley_register_device(struct device *dev,
						   const struct volley_handler *handler,
						   void *data);
int volley_unregister(struct volley_registration *registration);

#endif /* _VOLLEY_H */
