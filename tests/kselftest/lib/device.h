/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The assigned device: an 82576 network function, used only as something that
 * raises the MSI-X vectors it is told to.
 */
#ifndef VOLLEY_TEST_DEVICE_H
#define VOLLEY_TEST_DEVICE_H

#include <kvm_util.h>
#include <libvfio.h>

#define DEVICE_VECTORS	10

struct device {
	struct vfio_pci_device *vfio;
	char bdf[16];
	int vectors;
	int irq[DEVICE_VECTORS];	/* the host's numbers */
};

/* How many such devices this host has. */
int device_count(void);

/*
 * Opens the @index-th device through VFIO with @vectors MSI-X vectors, each
 * with an eventfd. Waits for a previous user of the device to be gone.
 */
struct device *device_open(int index, int vectors);
void device_close(struct device *dev);

/* MSI-X off and on again: the host's interrupts go and come. */
void device_teardown(struct device *dev);
void device_setup(struct device *dev, int vectors);

/* Resets the function; its vectors and their eventfds stay. */
void device_reset(struct device *dev);
/*
 * What an administrator does to a device: no driver, and vfio-pci again. Waits until
 * nobody has it open.
 */
void device_rebind(const char *bdf);

/* Raises the vectors in @mask at once: each is one physical LPI. */
void device_raise(struct device *dev, u32 mask);

/*
 * Has the device send a vector's interrupts no sooner than @usecs after each other:
 * what it is told to raise meanwhile is one interrupt then. 0: at once.
 */
void device_interval(struct device *dev, int vector, u32 usecs);

/* Masks a vector in the device's own table: what it raises waits in the device. */
void device_mask(struct device *dev, int vector, bool on);

/* Sends the device's interrupts to host CPU @cpu. */
void device_affinity(struct device *dev, int cpu);
/* Sends those of its vectors to all host CPUs in turn. */
void device_spread(struct device *dev);

static inline int device_eventfd(struct device *dev, int vector)
{
	return dev->vfio->msi_eventfds[vector];
}

#endif /* VOLLEY_TEST_DEVICE_H */
