// SPDX-License-Identifier: GPL-2.0
/*
 * Inline functions and macros of the kernel, made callable from Rust.
 */

#include <linux/dcache.h>
#include <linux/err.h>
#include <linux/ftrace.h>
#include <linux/irq.h>
#include <linux/irqchip/arm-gic-v3.h>
#include <linux/irqdesc.h>
#include <linux/irqflags.h>
#include <linux/kernel_stat.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>
#include <linux/list.h>
#include <linux/msi.h>
#include <linux/preempt.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/workqueue.h>

#include <asm/cpufeature.h>
#include <asm/sysreg.h>

#include <kvm/arm_vgic.h>

#include "shim.h"

unsigned long volley_local_irq_save(void)
{
	unsigned long flags;

	local_irq_save(flags);
	return flags;
}

void volley_local_irq_restore(unsigned long flags)
{
	local_irq_restore(flags);
}

/* NULL if there is no memory for it. */
struct workqueue_struct *volley_alloc_workqueue(const char *name)
{
	return alloc_workqueue("%s", WQ_UNBOUND, 0, name);
}

bool volley_refcount_inc_not_zero(refcount_t *refcount)
{
	return refcount_inc_not_zero(refcount);
}

/*
 * The name KVM gave the VM's debugfs directory, "<pid>-<fd>". False if the VM
 * has none (debugfs is off, or the name was taken when it was created).
 */
bool volley_kvm_parse_id(struct kvm *kvm, int *pid, int *fd)
{
	struct name_snapshot name;
	bool ok;

	if (IS_ERR_OR_NULL(kvm->debugfs_dentry))
		return false;

	take_dentry_name_snapshot(&name, kvm->debugfs_dentry);
	ok = sscanf(name.name.name, "%d-%d", pid, fd) == 2;
	release_dentry_name_snapshot(&name);
	return ok;
}

void volley_kvm_lock_irqfds(struct kvm *kvm)
{
	spin_lock_irq(&kvm->irqfds.lock);
}

void volley_kvm_unlock_irqfds(struct kvm *kvm)
{
	spin_unlock_irq(&kvm->irqfds.lock);
}

int volley_kvm_irq_srcu_read_lock(struct kvm *kvm)
{
	return srcu_read_lock(&kvm->irq_srcu);
}

void volley_kvm_irq_srcu_read_unlock(struct kvm *kvm, int idx)
{
	srcu_read_unlock(&kvm->irq_srcu, idx);
}

struct kvm_vcpu *volley_kvm_get_vcpu(struct kvm *kvm, unsigned int idx)
{
	return kvm_get_vcpu(kvm, idx);
}

/* An initialised vGICv3: the only model that has LPIs. */
bool volley_kvm_has_gicv3(struct kvm *kvm)
{
	return irqchip_in_kernel(kvm) && vgic_initialized(kvm) &&
	       kvm->arch.vgic.vgic_model == KVM_DEV_TYPE_ARM_VGIC_V3;
}

/*
 * kvm_make_request(KVM_REQ_IRQ_PENDING), which also tells whether the request
 * was pending already. Fully ordered, on both sides.
 */
bool volley_vcpu_test_and_set_irq_pending(struct kvm_vcpu *vcpu)
{
	return test_and_set_bit(KVM_REQ_IRQ_PENDING & KVM_REQUEST_MASK,
				(void *)&vcpu->requests);
}

/* kvm_test_request(KVM_REQ_IRQ_PENDING), with a full barrier after it. */
bool volley_vcpu_irq_pending(struct kvm_vcpu *vcpu)
{
	bool pending = kvm_test_request(KVM_REQ_IRQ_PENDING, vcpu);

	/* Before the hold word is read, and the mode; see P8 in protocol.rst. */
	smp_mb();
	return pending;
}

/* May the vCPU have guests of its own? */
bool volley_vcpu_can_nest(struct kvm_vcpu *vcpu)
{
	return vcpu_has_feature(vcpu, KVM_ARM_VCPU_HAS_EL2);
}

/*
 * What is left of kvm_vcpu_kick() for a vCPU that is in the guest: makes it
 * leave, by sending a reschedule interrupt to its CPU. False if it has left by
 * itself. Any context.
 */
bool volley_vcpu_kick_guest(struct kvm_vcpu *vcpu, void (*send)(int cpu))
{
	int cpu;

	if (kvm_vcpu_exiting_guest_mode(vcpu) != IN_GUEST_MODE)
		return false;

	cpu = READ_ONCE(vcpu->cpu);
	if ((unsigned int)cpu < nr_cpu_ids && cpu_online(cpu))
		send(cpu);
	return true;
}

/*
 * What the irqfd is routed to at this moment; false if that is not an MSI, if it
 * is being changed, or if the irqfd is being deassigned. Read as irqfd_wakeup()
 * of virt/kvm/eventfd.c reads it, within irq_srcu, but without waiting for the
 * writer: with PREEMPT_RT that would be to sleep on its lock.
 */
bool volley_irqfd_msi(struct kvm_kernel_irqfd *irqfd, struct kvm_msi *msi)
{
	const struct kvm_kernel_irq_routing_entry *e = &irqfd->irq_entry;
	const seqcount_t *sc = &irqfd->irq_entry_sc.seqcount;
	unsigned int seq;
	u32 type;

	if (!raw_seqcount_try_begin(sc, seq))
		return false;
	type = e->type;
	msi->address_lo = e->msi.address_lo;
	msi->address_hi = e->msi.address_hi;
	msi->data = e->msi.data;
	msi->flags = e->msi.flags;
	msi->devid = e->msi.devid;
	if (read_seqcount_retry(sc, seq))
		return false;

	return type == KVM_IRQ_ROUTING_MSI && !list_empty(&irqfd->list);
}

/*
 * What the VM's number @gsi is routed to at this moment; false if that is not an
 * MSI. Read as kvm_irq_map_gsi() of virt/kvm/irqchip.c reads it, within irq_srcu.
 */
bool volley_kvm_gsi_msi(struct kvm *kvm, unsigned int gsi, struct kvm_msi *msi)
{
	const struct kvm_irq_routing_table *table;
	const struct kvm_kernel_irq_routing_entry *e;

	table = srcu_dereference(kvm->irq_routing, &kvm->irq_srcu);
	if (!table || gsi >= table->nr_rt_entries)
		return false;
	hlist_for_each_entry(e, &table->map[gsi], link) {
		if (e->type != KVM_IRQ_ROUTING_MSI)
			continue;
		msi->address_lo = e->msi.address_lo;
		msi->address_hi = e->msi.address_hi;
		msi->data = e->msi.data;
		msi->flags = e->msi.flags;
		msi->devid = e->msi.devid;
		return true;
	}
	return false;
}

/* The first argument of a function that a probe is called for. */
void *volley_first_argument(struct ftrace_regs *fregs)
{
	return (void *)ftrace_regs_get_argument(fregs, 0);
}

struct irq_desc *volley_irq_desc(unsigned int irq)
{
	struct irq_data *data = irq_get_irq_data(irq);

	return data ? irq_data_to_desc(data) : NULL;
}

/* The device that the MSI behind @irq belongs to, or NULL. */
struct device *volley_irq_device(unsigned int irq)
{
	struct msi_desc *desc = irq_get_msi_desc(irq);

	return desc ? msi_desc_to_dev(desc) : NULL;
}

/* May the caller sleep? Where nothing counts what disables preemption, as far as can be told. */
bool volley_may_sleep(void)
{
	if (IS_ENABLED(CONFIG_PREEMPT_COUNT))
		return preemptible();
	return !in_interrupt() && !irqs_disabled();
}

/*
 * kstat_incr_irqs_this_cpu() of kernel/irq/internals.h. The total is not under
 * desc->lock here: an LPI has one target CPU. When that changes two may count at
 * once, and the total (/proc/stat) lack one; /proc/interrupts has them all.
 */
void volley_irq_account(struct irq_desc *desc)
{
	__this_cpu_inc(desc->kstat_irqs->cnt);
	__this_cpu_inc(kstat.irqs_sum);
	WRITE_ONCE(desc->tot_count, desc->tot_count + 1);
}

/*
 * Does the host's GIC end interrupts the way our flow handler relies on: by the
 * system registers, with the priority dropped before a handler runs, so that an
 * LPI needs nothing after it (supports_deactivate_key of irq-gic-v3.c)?
 */
bool volley_gic_has_split_eoi(const struct vgic_global *gic)
{
	return static_key_enabled(&gic->gicv3_cpuif) &&
	       read_sysreg_s(SYS_ICC_CTLR_EL1) & ICC_CTLR_EL1_EOImode_MASK;
}

/*
 * May a handler acknowledge further pending interrupts of its CPU? Not with
 * pseudo-NMI priorities, nor where the acknowledge register needs a workaround.
 */
bool volley_gic_can_take_bursts(void)
{
	return !system_uses_irq_prio_masking() &&
	       !cpus_have_final_cap(ARM64_WORKAROUND_CAVIUM_23154);
}
