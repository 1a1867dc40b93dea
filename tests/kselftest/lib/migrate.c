// SPDX-License-Identifier: GPL-2.0
/*
 * A VM's state, saved and restored as a VMM does for a live migration: in the
 * order that Documentation/virt/kvm/devices/arm-vgic-its.rst of the kernel asks
 * for, and with the registers that QEMU takes along.
 */
#include <kvm_util.h>
#include <processor.h>
#include <gic.h>
#include <gic_v3.h>
#include <gic_v3_its.h>

#include "migrate.h"

#define SPIS		32	/* libkvm's vGIC has 64 interrupts */
#define SGI_BASE	SZ_64K
#define BASERS		8
#define MAX_WORDS	256
#define MAX_REGS	1024

/* @nr words of 32 bits, from @offset on; where registers set bits, the others are zero. */
struct words {
	u32 offset, nr;
};

/* The LPIs' tables come before they are enabled, and what enables anything comes last. */
static const struct words distributor[] = {
	{ GICD_IGROUPR + 4, SPIS / 32 },
	{ GICD_ICFGR + 8, SPIS / 16 },
	{ GICD_IPRIORITYR + 32, SPIS / 4 },
	{ GICD_IROUTER + 8 * 32, SPIS * 2 },
	{ GICD_ISENABLER + 4, SPIS / 32 },
	{ GICD_ISPENDR + 4, SPIS / 32 },
	{ GICD_ISACTIVER + 4, SPIS / 32 },
	{ GICD_CTLR, 1 },
};

static const struct words redistributor[] = {
	{ GICR_PROPBASER, 2 },
	{ GICR_PENDBASER, 2 },
	{ SGI_BASE + GICR_IGROUPR0, 1 },
	{ SGI_BASE + GICR_ICFGR0, 2 },
	{ SGI_BASE + GICR_IPRIORITYR0, 8 },
	{ SGI_BASE + GICR_ISENABLER0, 1 },
	{ SGI_BASE + GICR_ISPENDR0, 1 },
	{ SGI_BASE + GICR_ISACTIVER0, 1 },
	{ GICR_CTLR, 1 },
};

/* The order of the architecture's own restoring: what others depend on first. */
static const u32 cpu_interface[] = {
	SYS_ICC_SRE_EL1, SYS_ICC_CTLR_EL1, SYS_ICC_PMR_EL1, SYS_ICC_BPR0_EL1, SYS_ICC_BPR1_EL1,
	SYS_ICC_AP0R0_EL1, SYS_ICC_AP1R0_EL1, SYS_ICC_IGRPEN0_EL1, SYS_ICC_IGRPEN1_EL1,
};

static const u32 its_before_tables[] = {
	GITS_IIDR, GITS_CBASER, GITS_CREADR, GITS_CWRITER,
};

struct its_state {
	u64 before[ARRAY_SIZE(its_before_tables)], baser[BASERS], ctlr;
};

struct vcpu_state {
	int nr_regs;
	struct {
		u64 id;
		u8 value[2048 / 8];
	} reg[MAX_REGS];
	u64 cpu_interface[ARRAY_SIZE(cpu_interface)];
	u32 redistributor[MAX_WORDS];
};

struct vm_state {
	u32 distributor[MAX_WORDS];
	struct its_state its;
	struct vcpu_state vcpu[GUEST_VCPUS];
};

static void ctrl(int fd, u64 attr, const char *what)
{
	TEST_ASSERT(!__kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_CTRL, attr, NULL),
		    "cannot %s: %s", what, strerror(errno));
}

/* Gets or sets all words of a table, for the vCPU with the affinity @mpidr. */
static void words(int fd, int group, u64 mpidr, const struct words *table, int nr, u32 *value,
		  bool set)
{
	int i, w, n = 0;
	u64 attr;

	for (i = 0; i < nr; i++) {
		for (w = 0; w < table[i].nr; w++, n++) {
			TEST_ASSERT(n < MAX_WORDS, "too many registers");
			attr = mpidr << 32 | (table[i].offset + 4 * w);
			if (set)
				kvm_device_attr_set(fd, group, attr, &value[n]);
			else
				kvm_device_attr_get(fd, group, attr, &value[n]);
		}
	}
}

/* As the device's attributes have it: Aff3 to Aff0, without gaps. */
static u64 affinity(struct kvm_vcpu *vcpu)
{
	u64 mpidr = vcpu_get_reg(vcpu, KVM_ARM64_SYS_REG(SYS_MPIDR_EL1));

	return (mpidr >> 32 & 0xff) << 24 | (mpidr & 0xffffff);
}

static void interrupt_controller(struct rig *rig, struct vm_state *state, bool set)
{
	int fd = rig->vm->arch.gic_fd;
	int i, v;

	words(fd, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0, distributor, ARRAY_SIZE(distributor),
	      state->distributor, set);
	for (v = 0; v < rig->nr_vcpus; v++) {
		struct vcpu_state *vcpu = &state->vcpu[v];
		u64 mpidr = affinity(rig->vcpu[v]);

		words(fd, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, mpidr, redistributor,
		      ARRAY_SIZE(redistributor), vcpu->redistributor, set);
		for (i = 0; i < ARRAY_SIZE(cpu_interface); i++) {
			u64 attr = mpidr << 32 | (cpu_interface[i] >> 5);

			if (set)
				kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attr,
						    &vcpu->cpu_interface[i]);
			else
				kvm_device_attr_get(fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, attr,
						    &vcpu->cpu_interface[i]);
		}
	}
}

static void its_register(int fd, u64 offset, u64 *value, bool set)
{
	if (set)
		kvm_device_attr_set(fd, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, offset, value);
	else
		kvm_device_attr_get(fd, KVM_DEV_ARM_VGIC_GRP_ITS_REGS, offset, value);
}

static void its(struct rig *rig, struct its_state *state, bool set)
{
	int i, fd = rig->its_fd;

	for (i = 0; i < ARRAY_SIZE(its_before_tables); i++)
		its_register(fd, its_before_tables[i], &state->before[i], set);
	for (i = 0; i < BASERS; i++)
		its_register(fd, GITS_BASER + 8 * i, &state->baser[i], set);
	if (set)
		ctrl(fd, KVM_DEV_ARM_ITS_RESTORE_TABLES, "restore the ITS' tables");
	its_register(fd, GITS_CTLR, &state->ctlr, set);
}

static void save_vcpu(struct kvm_vcpu *vcpu, struct vcpu_state *state)
{
	struct kvm_reg_list *list = vcpu_get_reg_list(vcpu);
	int i;

	TEST_ASSERT(list->n <= MAX_REGS, "%llu registers", list->n);
	state->nr_regs = list->n;
	for (i = 0; i < list->n; i++) {
		struct kvm_one_reg reg = {
			.id = list->reg[i],
			.addr = (unsigned long)state->reg[i].value,
		};

		state->reg[i].id = reg.id;
		vcpu_ioctl(vcpu, KVM_GET_ONE_REG, &reg);
	}
	free(list);
}

static void restore_vcpu(struct kvm_vcpu *vcpu, const struct vcpu_state *state)
{
	int i;

	for (i = 0; i < state->nr_regs; i++) {
		struct kvm_one_reg reg = {
			.id = state->reg[i].id,
			.addr = (unsigned long)state->reg[i].value,
		};

		TEST_ASSERT(!__vcpu_ioctl(vcpu, KVM_SET_ONE_REG, &reg),
			    "cannot restore register %llx: %s", reg.id, strerror(errno));
	}
}

/*
 * Both VMs have the same regions. What libkvm's guests tell the host by, they
 * know by its address in the host: that is another now.
 */
static void copy_memory(struct kvm_vm *to, struct kvm_vm *from)
{
	struct userspace_mem_region *region, *copy;
	u64 *word, *end, here, there;
	int bucket;

	hash_for_each(from->regions.slot_hash, bucket, region, slot_node) {
		copy = memslot2region(to, region->region.slot);
		TEST_ASSERT(copy->region.guest_phys_addr == region->region.guest_phys_addr &&
			    copy->region.memory_size == region->region.memory_size,
			    "memory slot %u is another", region->region.slot);
		memcpy(copy->host_mem, region->host_mem, region->region.memory_size);
		here = (u64)copy->host_mem;
		there = (u64)region->host_mem;
		end = copy->host_mem + region->region.memory_size;
		for (word = copy->host_mem; word < end; word++)
			if (*word - there < region->region.memory_size)
				*word += here - there;
	}
}

void migrate_save_tables(struct rig *rig)
{
	ctrl(rig->its_fd, KVM_DEV_ARM_ITS_SAVE_TABLES, "save the ITS' tables");
	ctrl(rig->vm->arch.gic_fd, KVM_DEV_ARM_VGIC_SAVE_PENDING_TABLES,
	     "save the pending tables");
}

static u8 *pending_table(struct rig *rig, int v)
{
	return addr_gpa2hva(rig->vm, rig->shared->pend_tables + v * SZ_64K);
}

bool migrate_is_pending(struct rig *rig, u32 lpi)
{
	u32 intid = GUEST_LPI_BASE + lpi;
	int v;

	for (v = 0; v < rig->nr_vcpus; v++)
		if (READ_ONCE(pending_table(rig, v)[intid / 8]) & 1 << intid % 8)
			return true;
	return false;
}

void migrate_forget(struct rig *rig)
{
	int v;

	for (v = 0; v < rig->nr_vcpus; v++)
		memset(pending_table(rig, v), 0, SZ_64K);
}

void migrate_to_new_vm(struct rig *rig)
{
	struct vm_state *state = calloc(1, sizeof(*state));
	struct rig_vm old;
	int v;

	TEST_ASSERT(state, "no memory");
	interrupt_controller(rig, state, false);
	its(rig, &state->its, false);
	for (v = 0; v < rig->nr_vcpus; v++)
		save_vcpu(rig->vcpu[v], &state->vcpu[v]);

	rig_renew(rig, &old);
	copy_memory(rig->vm, old.vm);
	for (v = 0; v < rig->nr_vcpus; v++)
		restore_vcpu(rig->vcpu[v], &state->vcpu[v]);
	interrupt_controller(rig, state, true);
	its(rig, &state->its, true);
	rig_vm_free(&old);
	free(state);
}
