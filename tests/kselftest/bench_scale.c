// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what many sources and many VMs cost: to attach and to detach them,
 * the memory they take, and receiving an interrupt beside them. For a machine
 * where time counts instructions.
 *
 *   ./bench_scale ADDRESS
 *
 * ADDRESS is that of a PCI device, bound to vfio-pci, with many vectors. They are
 * assigned to VMs, but never raised: interrupts come from the usual device.
 */
#include <dirent.h>
#include <sys/resource.h>

#include <linux/pci_regs.h>

#include "cost.h"

#include <gic.h>
#include <gic_v3.h>

#define FAMILY		"scale"
#define BURSTS		60
#define BULK_GSI	1024	/* the first of a VM's */
#define MAX_VMS		64
#define MAX_BULK	2040	/* with the usual device's 8 there are 2048 */

static const struct bench_path stock = { .name = "stock" };
static const struct bench_path volley = { .name = "volley", .volley = true };
static const struct bench_path * const paths[] = { &stock, &volley };

static struct vfio_pci_device *bulk;

static void bulk_open(const char *bdf, int vectors)
{
	bulk = vfio_pci_device_init(bdf, iommu_init(MODE_VFIO_TYPE1V2_IOMMU));
	TEST_ASSERT(bulk->msix_info.count >= vectors, "%s has %u vectors", bdf,
		    bulk->msix_info.count);
	vfio_pci_cmd_set(bulk, PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
	vfio_pci_msix_enable(bulk, 0, vectors);
}

/* Adds routes for @nr vectors to those of the rig's own devices. */
static void bulk_routes(struct rig *rig, int nr)
{
	const u64 doorbell = GITS_BASE_GPA + GITS_TRANSLATER;
	const int own = GUEST_DEVICES * GUEST_EVENTS;
	struct kvm_irq_routing *table;
	int i;

	table = calloc(1, sizeof(*table) + (own + nr) * sizeof(table->entries[0]));
	TEST_ASSERT(table, "no memory");
	for (i = 0; i < own + nr; i++)
		table->entries[i] = (struct kvm_irq_routing_entry) {
			.gsi = i < own ? i : BULK_GSI + i - own,
			.type = KVM_IRQ_ROUTING_MSI,
			.flags = KVM_MSI_VALID_DEVID,
			.u.msi.address_lo = doorbell,
			.u.msi.address_hi = doorbell >> 32,
			.u.msi.data = i < own ? i % GUEST_EVENTS : i - own,
			.u.msi.devid = i < own ? i / GUEST_EVENTS : GUEST_DEVICES,
		};
	table->nr = own + nr;
	kvm_gsi_routing_write(rig->vm, table);
}

/* How many interrupts the module has; 0 without it. */
static int attached(void)
{
	DIR *dir = opendir(VOLLEY_SYSFS "/irqs");
	struct dirent *entry;
	int nr = 0;

	while (dir && (entry = readdir(dir)))
		nr += entry->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return nr;
}

static u64 memory_kb(void)
{
	static const char * const what[] = { "Slab:", "Percpu:", "VmallocUsed:" };
	FILE *fp = fopen("/proc/meminfo", "r");
	char name[32];
	u64 kb, sum = 0;
	int i;

	TEST_ASSERT(fp, "cannot read /proc/meminfo");
	while (fscanf(fp, "%31s %lu%*[^\n]", name, &kb) == 2)
		for (i = 0; i < ARRAY_SIZE(what); i++)
			if (!strcmp(name, what[i]))
				sum += kb;
	fclose(fp);
	return sum;
}

static double us_since(u64 ticks)
{
	return (double)(host_ticks() - ticks) / host_ticks_per_us();
}

static void use(const struct bench_path *path)
{
	if (path->volley)
		volley_reload("");
	else if (volley_loaded())
		TEST_ASSERT(!volley_unload(), "cannot unload volley");
}

/* What the usual device's interrupts cost while there is so much else. */
static void report_cost(struct rig *rig, const struct bench_path *path, int vms, int sources,
			int vcpus)
{
	int irqs, own = rig->dev[0]->vectors;
	struct cost cost;

	if (path->volley)
		HOST_WAIT_FOR(attached() == sources, "%d of %d are attached", attached(), sources);
	bench_raise(rig, own);
	bench_wait(rig, own);
	cost_begin(&cost, rig, CPU_IRQ);
	for (irqs = 1; irqs <= own; irqs *= BENCH_VECTORS) {
		cost_measure(&cost, irqs, BURSTS);
		bench_figure(FAMILY, path, "vms=%d vcpus=%d sources=%d burst=%d: instructions=%.1f",
			     vms, vcpus, sources, irqs, cost_quantile(&cost, irqs, 500));
	}
	cost_end(&cost);
}

/* Spreads @nr vectors over the VMs, and times their coming and going. */
static void many(struct rig **rigs, int vms, int nr, const struct bench_path *path)
{
	int vcpus = rigs[vms - 1]->nr_vcpus, i;
	u64 start;
	double on, off;

	for (i = 0; i < vms; i++)
		bulk_routes(rigs[i], DIV_ROUND_UP(nr, vms));
	start = host_ticks();
	for (i = 0; i < nr; i++)
		kvm_assign_irqfd(rigs[i % vms]->vm, BULK_GSI + i / vms, bulk->msi_eventfds[i]);
	if (path->volley)
		HOST_WAIT_FOR(attached() == nr + BENCH_VECTORS, "not all are attached");
	on = us_since(start);
	report_cost(rigs[0], path, vms, nr + BENCH_VECTORS, vcpus);
	start = host_ticks();
	for (i = 0; i < nr; i++)
		kvm_deassign_irqfd(rigs[i % vms]->vm, BULK_GSI + i / vms, bulk->msi_eventfds[i]);
	off = us_since(start);
	bench_figure("attach", path, "vms=%d vcpus=%d sources=%d: attach_us=%.2f detach_us=%.2f",
		     vms, vcpus, nr + BENCH_VECTORS, on / nr, off / nr);
}

/* The memory that loading the module takes while so much is there to be attached. */
static void memory(struct rig **rigs, int vms, int nr)
{
	u64 before, with;
	int i;

	for (i = 0; i < vms; i++)
		bulk_routes(rigs[i], DIV_ROUND_UP(nr, vms));
	for (i = 0; i < nr; i++)
		kvm_assign_irqfd(rigs[i % vms]->vm, BULK_GSI + i / vms, bulk->msi_eventfds[i]);
	use(&stock);
	before = memory_kb();
	use(&volley);
	HOST_WAIT_FOR(attached() == nr + BENCH_VECTORS, "not all are attached");
	with = memory_kb();
	bench_figure("memory", &volley, "vms=%d vcpus=%d sources=%d: kb=%ld", vms,
		     rigs[vms - 1]->nr_vcpus, nr + BENCH_VECTORS, (long)(with - before));
	use(&stock);
	for (i = 0; i < nr; i++)
		kvm_deassign_irqfd(rigs[i % vms]->vm, BULK_GSI + i / vms, bulk->msi_eventfds[i]);
}

/* What a source costs that is the only one. */
static void alone(void)
{
	struct rig *rig = setup_usual_rig(NULL, 1);
	int p;

	for (p = 0; p < ARRAY_SIZE(paths); p++) {
		use(paths[p]);
		report_cost(rig, paths[p], 1, 1, 1);
	}
	bench_end(rig);
}

/* One VM, that with the usual device. */
static void sources(struct rig **rigs)
{
	static const int sizes[] = { 1, 56, 504, MAX_BULK };
	int i, p;

	for (p = 0; p < ARRAY_SIZE(paths); p++) {
		use(paths[p]);
		report_cost(rigs[0], paths[p], 1, BENCH_VECTORS, 1);
		for (i = 0; i < ARRAY_SIZE(sizes); i++)
			many(rigs, 1, sizes[i], paths[p]);
	}
	memory(rigs, 1, MAX_VMS);
	memory(rigs, 1, MAX_BULK);
}

/* The same, and others beside it whose vCPUs do not run. */
static void more_vms(struct rig **rigs, int vms, int vcpus)
{
	const struct rig_config config = { .vcpus = vcpus };
	int i, p;

	for (i = 1; i < vms; i++)
		rigs[i] = rig_create(&config);
	for (p = 0; p < ARRAY_SIZE(paths); p++) {
		use(paths[p]);
		many(rigs, vms, MAX_VMS, paths[p]);
		many(rigs, vms, MAX_BULK, paths[p]);
	}
	memory(rigs, vms, MAX_VMS);
	memory(rigs, vms, MAX_BULK);
	for (i = 1; i < vms; i++)
		rig_free(rigs[i]);
}

int main(int argc, char **argv)
{
	struct rlimit files = { 8192, 8192 };
	struct rig *rigs[MAX_VMS];
	int vcpus;

	TEST_ASSERT(argc == 2, "which device has many vectors?");
	TEST_ASSERT(!setrlimit(RLIMIT_NOFILE, &files), "setrlimit");
	alone();
	rigs[0] = setup_usual_rig(NULL, BENCH_VECTORS);
	bulk_open(argv[1], MAX_BULK);
	sources(rigs);
	more_vms(rigs, 8, 8);
	for (vcpus = 1; vcpus <= 8; vcpus *= 2)
		more_vms(rigs, MAX_VMS, vcpus);
	vfio_pci_msix_disable(bulk);
	bench_end(rigs[0]);
	return KSFT_PASS;
}
