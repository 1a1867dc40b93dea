/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inline functions and macros of the kernel, made callable from Rust.
 *
 * Nothing here decides anything: each function is one kernel inline, or the
 * few lines that a macro of the kernel's needs around it.
 */
#ifndef VOLLEY_SHIM_H
#define VOLLEY_SHIM_H

#include <linux/ftrace.h>
#include <linux/irqdesc.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>

/* The caller's context. */
bool volley_may_sleep(void);
unsigned long volley_local_irq_save(void);
void volley_local_irq_restore(unsigned long flags);

/* Memory and work. */
struct workqueue_struct *volley_alloc_workqueue(const char *name);

/* References. */
bool volley_refcount_inc_not_zero(refcount_t *refcount);

/* KVM: the virtual machine. */
bool volley_kvm_parse_id(struct kvm *kvm, int *pid, int *fd);
void volley_kvm_lock_irqfds(struct kvm *kvm);
void volley_kvm_unlock_irqfds(struct kvm *kvm);
int volley_kvm_irq_srcu_read_lock(struct kvm *kvm);
void volley_kvm_irq_srcu_read_unlock(struct kvm *kvm, int idx);
struct kvm_vcpu *volley_kvm_get_vcpu(struct kvm *kvm, unsigned int idx);
bool volley_kvm_has_gicv3(struct kvm *kvm);

/* KVM: a virtual CPU's requests. */
bool volley_vcpu_test_and_set_irq_pending(struct kvm_vcpu *vcpu);
bool volley_vcpu_irq_pending(struct kvm_vcpu *vcpu);
bool volley_vcpu_kick_guest(struct kvm_vcpu *vcpu, void (*send)(int cpu));

/* KVM: a virtual CPU's features. */
bool volley_vcpu_can_nest(struct kvm_vcpu *vcpu);

/* KVM: an irqfd and its route. */
bool volley_irqfd_msi(struct kvm_kernel_irqfd *irqfd, struct kvm_msi *msi);
bool volley_kvm_gsi_msi(struct kvm *kvm, unsigned int gsi, struct kvm_msi *msi);

/* Probes. */
void *volley_first_argument(struct ftrace_regs *fregs);

/* The host's interrupts. */
struct irq_desc *volley_irq_desc(unsigned int irq);
struct device *volley_irq_device(unsigned int irq);
void volley_irq_account(struct irq_desc *desc);

/* The host's GIC CPU interface. */
bool volley_gic_has_split_eoi(const struct vgic_global *gic);
bool volley_gic_can_take_bursts(void);

#endif /* VOLLEY_SHIM_H */
