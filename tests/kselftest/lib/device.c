// SPDX-License-Identifier: GPL-2.0
/*
 * The assigned device: an 82576 (igb) network function behind VFIO.
 */
#include <dirent.h>

#include <linux/pci_regs.h>

#include <kvm_util.h>
#include <proc_util.h>
#include <libvfio.h>

#include "device.h"
#include "host.h"

#define PCI_DEVICES	"/sys/bus/pci/devices"
#define DEVICE_ID	"0x8086 0x10c9"

/* Registers (82576 datasheet, 8.8). */
#define E1000_EICS	0x1520	/* set causes: raises the vectors written */
#define E1000_EIMS	0x1524	/* unmask */
#define E1000_EIMC	0x1528	/* mask */
#define E1000_EIAC	0x152c	/* clear the cause as its message is sent */
#define E1000_GPIE	0x1514
#define E1000_GPIE_MSIX	0x10	/* one cause per vector */
#define E1000_EITR(n)	(0x1680 + 4 * (n))	/* the least time between two interrupts */
#define E1000_EITR_US	4	/* a microsecond */

/* The table of its MSI-X vectors is a BAR of its own (6.2, MSI-X Table Offset). */
#define MSIX_BAR	3

static void device_write(struct device *dev, u32 reg, u32 val)
{
	WRITE_ONCE(*(u32 *)(dev->vfio->bars[0].vaddr + reg), val);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The addresses of all such devices, sorted; the number is returned. */
static int device_find(char bdf[][16], int max)
{
	char vendor[16], device[16], id[40];
	struct dirent *entry;
	int nr = 0;
	DIR *dir;

	dir = opendir(PCI_DEVICES);
	TEST_ASSERT(dir, "cannot read " PCI_DEVICES);
	while (nr < max && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    host_read(vendor, sizeof(vendor), PCI_DEVICES "/%s/vendor", entry->d_name) ||
		    host_read(device, sizeof(device), PCI_DEVICES "/%s/device", entry->d_name))
			continue;
		snprintf(id, sizeof(id), "%s %s", vendor, device);
		if (!strcmp(id, DEVICE_ID))
			snprintf(bdf[nr++], 16, "%.15s", entry->d_name);
	}
	closedir(dir);
	qsort(bdf, nr, sizeof(bdf[0]), by_name);
	return nr;
}

int device_count(void)
{
	char bdf[8][16];

	return device_find(bdf, ARRAY_SIZE(bdf));
}

/* Makes vfio-pci the driver of the device. */
static void device_bind(const char *bdf)
{
	char *driver = sysfs_driver_get(bdf);
	int ret;

	if (driver && !strcmp(driver, "vfio-pci")) {
		free(driver);
		return;
	}
	ret = host_write("vfio-pci", PCI_DEVICES "/%s/driver_override", bdf);
	TEST_ASSERT(!ret, "cannot set driver_override of %s: %s", bdf, strerror(-ret));
	if (driver) {
		ret = host_write(bdf, PCI_DEVICES "/%s/driver/unbind", bdf);
		TEST_ASSERT(!ret, "cannot unbind %s: %s", bdf, strerror(-ret));
	}
	free(driver);
	ret = host_write(bdf, "/sys/bus/pci/drivers_probe");
	TEST_ASSERT(!ret, "cannot bind %s to vfio-pci (module loaded?): %s",
		    bdf, strerror(-ret));
}

void device_rebind(const char *bdf)
{
	int ret;

	ret = host_write(bdf, "/sys/bus/pci/drivers/vfio-pci/unbind");
	TEST_ASSERT(!ret, "cannot unbind %s: %s", bdf, strerror(-ret));
	ret = host_write(bdf, "/sys/bus/pci/drivers/vfio-pci/bind");
	TEST_ASSERT(!ret, "cannot bind %s: %s", bdf, strerror(-ret));
}

/* A process that was killed may still be letting go of the device. */
static void device_wait_free(const char *bdf)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", sysfs_iommu_group_get(bdf));
	HOST_WAIT_FOR((fd = open(path, O_RDWR)) >= 0 || errno != EBUSY,
		      "%s is still in use", path);
	TEST_ASSERT(fd >= 0, "cannot open %s", path);
	close(fd);
}

/* Lets it raise its vectors. */
static void device_init(struct device *dev)
{
	u32 mask = (1U << dev->vectors) - 1;

	device_write(dev, E1000_EIMC, ~0);
	device_write(dev, E1000_GPIE, E1000_GPIE_MSIX);
	device_write(dev, E1000_EIAC, mask);
	device_write(dev, E1000_EIMS, mask);
}

void device_setup(struct device *dev, int vectors)
{
	int i;

	vfio_pci_cmd_set(dev->vfio, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	vfio_pci_msix_enable(dev->vfio, 0, vectors);
	dev->vectors = vectors;
	for (i = 0; i < vectors; i++)
		dev->irq[i] = vfio_msix_to_host_irq(dev->bdf, i);
	device_init(dev);
}

void device_reset(struct device *dev)
{
	vfio_pci_device_reset(dev->vfio);
	device_init(dev);
}

void device_teardown(struct device *dev)
{
	device_write(dev, E1000_EIMC, ~0);
	/*
	 * The kernel warns of an interrupt that is freed between a CPU's acknowledging it and
	 * looking for who it belongs to, where an emulated CPU may stand still for long.
	 */
	host_visit_cpus();
	vfio_pci_msix_disable(dev->vfio);
	dev->vectors = 0;
}

struct device *device_open(int index, int vectors)
{
	struct device *dev;
	char bdf[8][16];
	int nr;

	TEST_ASSERT(vectors > 0 && vectors <= DEVICE_VECTORS,
		    "%d vectors asked for", vectors);
	nr = device_find(bdf, ARRAY_SIZE(bdf));
	TEST_ASSERT(index < nr, "device %d wanted, the host has %d", index, nr);

	dev = calloc(1, sizeof(*dev));
	TEST_ASSERT(dev, "no memory");
	memcpy(dev->bdf, bdf[index], sizeof(dev->bdf));
	device_bind(dev->bdf);
	device_wait_free(dev->bdf);
	dev->vfio = vfio_pci_device_init(dev->bdf, iommu_init(MODE_VFIO_TYPE1V2_IOMMU));
	TEST_ASSERT(dev->vfio->msix_info.count >= vectors, "%s has %u vectors",
		    dev->bdf, dev->vfio->msix_info.count);
	device_setup(dev, vectors);
	return dev;
}

void device_close(struct device *dev)
{
	struct iommu *iommu = dev->vfio->iommu;

	device_teardown(dev);
	vfio_pci_device_cleanup(dev->vfio);
	iommu_cleanup(iommu);
	free(dev);
}

void device_raise(struct device *dev, u32 mask)
{
	device_write(dev, E1000_EICS, mask);
}

void device_interval(struct device *dev, int vector, u32 usecs)
{
	device_write(dev, E1000_EITR(vector), usecs * E1000_EITR_US);
}

void device_mask(struct device *dev, int vector, bool on)
{
	void *entry = dev->vfio->bars[MSIX_BAR].vaddr + vector * PCI_MSIX_ENTRY_SIZE;

	WRITE_ONCE(*(u32 *)(entry + PCI_MSIX_ENTRY_VECTOR_CTRL),
		   on ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

void device_affinity(struct device *dev, int cpu)
{
	int i;

	for (i = 0; i < dev->vectors; i++)
		proc_irq_set_smp_affinity(dev->irq[i], host_cpu(cpu));
}

void device_spread(struct device *dev)
{
	int i;

	for (i = 0; i < dev->vectors; i++)
		proc_irq_set_smp_affinity(dev->irq[i], host_cpu(i));
}
