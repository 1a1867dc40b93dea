/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What most tests begin and end with.
 */
#ifndef VOLLEY_TEST_SETUP_H
#define VOLLEY_TEST_SETUP_H

#include "rig.h"
#include "volley.h"

struct setup {
	const char *params;	/* the module's; NULL: it is not loaded */
	int vectors;
	int cpu_irq;		/* host CPU that takes the interrupts */
	int cpu_vcpu;		/* host CPU of the first vCPU; the others follow */
	int vcpus;		/* default 1 */
	enum guest_mode mode;
	u32 max_usecs;		/* of the VM; 0: left as it is */
	bool disabled;		/* the VM's enabled is 0 */
};

/*
 * The host CPUs, as the tests use them. The tests themselves run on the first. On
 * a host with fewer several of these are the same one (host_cpu()).
 */
#define CPU_MAIN	0
#define CPU_VCPU	1
#define CPU_IRQ		2
#define CPU_OTHER	3

#define ALL(vectors)	((1U << (vectors)) - 1)

/* Loads or unloads the module and starts a VM with the first device. */
struct rig *setup_rig(const struct setup *setup);
/* The same with what most tests take: one spinning vCPU, interrupts on CPU_IRQ. */
struct rig *setup_usual_rig(const char *params, int vectors);
/*
 * Only a VM with the @nr-th device, whose interrupts CPU_IRQ takes, and with one
 * vCPU on @cpu.
 */
struct rig *setup_vm(int nr, int vectors, int cpu, enum guest_mode mode);
/* Loads the module, and makes two of these, with a CPU each: all are attached. */
void setup_two_vms(struct rig *rig[2], const char *params, int vectors, enum guest_mode mode);
/*
 * Opens the @d-th device, whose interrupts @cpu takes, and connects it as the VM's
 * device of that number.
 */
void setup_device(struct rig *rig, int d, int vectors, int cpu);
/*
 * Gives the VM's first device, whose MSI-X is off, so many vectors again, which CPU_IRQ
 * takes, and connects them.
 */
void setup_vectors(struct rig *rig, int vectors);
/* Ends the VM, unloads the module; false if the kernel has complained. */
bool teardown_rig(struct rig *rig);

#endif /* VOLLEY_TEST_SETUP_H */
