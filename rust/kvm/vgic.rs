// SPDX-License-Identifier: GPL-2.0

//! Queueing virtual interrupts to a vCPU, under KVM's locks and in KVM's order.
//!
//! This is `vgic_queue_irq_unlock()` of arch/arm64/kvm/vgic/vgic.c, with three differences: the
//! vCPU's list is locked once for a whole volley; the kick is left to the caller; and no reference
//! is taken but the one that the list owns, so there is none to drop, which might free the
//! interrupt in hard IRQ.

use super::{
    list_registers,
    route::VirtualInterrupt,
    vcpu::{
        in_guest,
        VcpuRef, //
    },
};
use crate::{
    bindings as volley_bindings,
    window::{
        merged,
        Merged, //
    },
};
use core::ptr::null_mut;

/// What came of queueing a virtual interrupt.
#[derive(Clone, Copy)]
pub(crate) enum Queued {
    /// It is pending now.
    Done {
        /// It was pending already: the guest sees one interrupt for both.
        merged: bool,
        /// Which vCPU has to notice.
        kick: Kick,
    },
    /// It is to be sent to another vCPU: nothing was done.
    Moved,
    /// It cannot be queued by us: nothing was done.
    Refused,
}

/// Which vCPU has to notice a virtual interrupt.
#[derive(Clone, Copy)]
pub(crate) enum Kick {
    /// None: it waits in the list, and whoever made it do so has seen to that, or the guest has it
    /// disabled.
    None,
    /// The vCPU whose list is locked.
    Here,
    /// The vCPU with this index.
    At(u32),
    /// The vCPU with this index, which somebody has asked to look at its interrupts already.
    Asked(u32),
}

/// A vCPU's list of active and pending interrupts, locked.
///
/// # Invariants
///
/// The list's lock is held.
pub(crate) struct ApList<'a> {
    vcpu: &'a VcpuRef,
}

impl<'a> ApList<'a> {
    /// Locks the list of `vcpu`. Context: interrupts off.
    #[inline]
    pub(super) fn lock(vcpu: &'a VcpuRef) -> Self {
        // SAFETY: The vCPU is valid.
        unsafe { raw_lock::acquire(&raw mut (*vcpu.as_ptr()).arch.vgic_cpu.ap_list_lock) };
        // INVARIANT: The lock was just taken.
        Self { vcpu }
    }

    /// Makes `interrupt` pending and puts it on the list, if it is to be sent to this vCPU.
    ///
    /// If it is `urgent` its vCPU has to notice even if it was pending already.
    #[inline]
    pub(crate) fn queue(&mut self, interrupt: VirtualInterrupt<'_>, urgent: bool) -> Queued {
        let irq = LockedIrq::lock(interrupt);
        // SAFETY: The interrupt's lock is held, and the list's by the type invariants.
        unsafe { irq.queue(self.vcpu.as_ptr(), urgent) }
    }
}

impl Drop for ApList<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariants the lock is held, and nobody else gives it back.
        unsafe { raw_lock::release(&raw mut (*self.vcpu.as_ptr()).arch.vgic_cpu.ap_list_lock) };
    }
}

/// A virtual interrupt, locked.
///
/// # Invariants
///
/// `irq` is valid, and its lock is held.
struct LockedIrq {
    irq: *mut volley_bindings::vgic_irq,
}

impl LockedIrq {
    #[inline(always)]
    fn lock(interrupt: VirtualInterrupt<'_>) -> Self {
        let irq = interrupt.as_ptr();
        // SAFETY: A virtual interrupt is valid. `irq_lock` comes last in KVM's order.
        unsafe { raw_lock::acquire(&raw mut (*irq).irq_lock) };
        // INVARIANT: The lock was just taken.
        Self { irq }
    }

    /// `vgic_target_oracle()`: the vCPU that should get the interrupt as it stands.
    ///
    /// # Safety
    ///
    /// The type invariants suffice; it is unsafe for the raw pointers it reads.
    #[inline(always)]
    unsafe fn target(&self) -> *mut volley_bindings::kvm_vcpu {
        let irq = self.irq;
        // SAFETY: By the type invariants; vCPUs live as long as their VM.
        unsafe {
            let target = (*irq).target_vcpu;
            if volley_bindings::vgic_irq::active_raw(irq) {
                return if (*irq).vcpu.is_null() {
                    target
                } else {
                    (*irq).vcpu
                };
            }
            if !volley_bindings::vgic_irq::enabled_raw(irq)
                || !volley_bindings::vgic_irq::pending_latch_raw(irq)
            {
                return null_mut();
            }
            if !target.is_null() && !(*(*target).kvm).arch.vgic.enabled {
                return null_mut();
            }
            target
        }
    }

    /// The kick for one that waits in a list already, latched, seen from `vcpu`.
    ///
    /// Whoever latched it asks for a kick, and the request is there until the vCPU begins to enter
    /// the guest; or the vCPU had more interrupts than list registers, and comes back for it by
    /// itself. If neither is so, KVM has not got as far as asking; or a guest has moved it away and
    /// back between KVM's pruning of the list and its loading, and the vCPU is in the guest without
    /// it.
    ///
    /// # Safety
    ///
    /// The list of `vcpu`, a valid vCPU of a VM with a vGICv3, must be locked.
    #[cold]
    unsafe fn kick_again(&self, vcpu: *mut volley_bindings::kvm_vcpu, urgent: bool) -> Kick {
        // SAFETY: By the type invariants and the safety requirements; a target is a vCPU of the VM.
        unsafe {
            let target = self.target();
            let Some(index) = target.as_ref().map(|target| target.vcpu_idx) else {
                return Kick::None;
            };
            let overflowed = || {
                target == vcpu
                    && (*self.irq).vcpu == vcpu
                    && in_guest(vcpu)
                    && list_registers::overflowed(vcpu)
            };
            let request_pending = || volley_bindings::volley_vcpu_irq_pending(target);

            match merged(urgent, overflowed, request_pending) {
                Merged::Nothing => Kick::None,
                // CAST: An index is not negative.
                Merged::Asked => Kick::Asked(index as u32),
                Merged::Ask => Kick::of(target, vcpu),
            }
        }
    }

    /// See [`ApList::queue`].
    ///
    /// # Safety
    ///
    /// The list of `vcpu`, a valid vCPU of a VM with a vGICv3, must be locked.
    #[inline(always)]
    unsafe fn queue(&self, vcpu: *mut volley_bindings::kvm_vcpu, urgent: bool) -> Queued {
        use volley_bindings::vgic_irq;

        let irq = self.irq;
        // SAFETY: `irq` is valid and locked by the type invariants, `vcpu` valid and its list
        // locked by the safety requirements.
        unsafe {
            // Directly injected, or with a queue of its own: not an LPI that software injects.
            if vgic_irq::hw_raw(irq)
                || !(*irq).ops.is_null()
                || vgic_irq::config_raw(irq) != volley_bindings::vgic_irq_config_VGIC_CONFIG_EDGE
            {
                return Queued::Refused;
            }

            let merged = vgic_irq::pending_latch_raw(irq);
            if !(*irq).vcpu.is_null() {
                if merged {
                    return Queued::Done {
                        merged,
                        kick: self.kick_again(vcpu, urgent),
                    };
                }
                // It is, or was, in a list register. The guest may be done with it there, and
                // would not see the latch until the vCPU exits for another reason.
                vgic_irq::set_pending_latch_raw(irq, true);
                let target = self.target();
                return Queued::Done {
                    merged,
                    kick: Kick::of(target, vcpu),
                };
            }

            vgic_irq::set_pending_latch_raw(irq, true);
            let target = self.target();
            if target.is_null() {
                // The guest has it disabled. It stays latched, and KVM queues it once enabled.
                return Queued::Done {
                    merged,
                    kick: Kick::None,
                };
            }
            if target != vcpu {
                vgic_irq::set_pending_latch_raw(irq, merged);
                return Queued::Moved;
            }
            // The reference that the list owns. The guest may be discarding the LPI.
            if !volley_bindings::volley_refcount_inc_not_zero(&raw mut (*irq).refcount) {
                vgic_irq::set_pending_latch_raw(irq, merged);
                return Queued::Refused;
            }
            list_add_tail(
                &raw mut (*irq).ap_list,
                &raw mut (*vcpu).arch.vgic_cpu.ap_list_head,
            );
            (*irq).vcpu = vcpu;
            Queued::Done {
                merged,
                kick: Kick::Here,
            }
        }
    }
}

impl Drop for LockedIrq {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { raw_lock::release(&raw mut (*self.irq).irq_lock) };
    }
}

impl Kick {
    /// The kick for `target`, if any, seen from `vcpu`, whose list is locked.
    ///
    /// # Safety
    ///
    /// `target` must be null or a valid vCPU.
    #[inline(always)]
    unsafe fn of(
        target: *mut volley_bindings::kvm_vcpu,
        vcpu: *mut volley_bindings::kvm_vcpu,
    ) -> Self {
        if target == vcpu {
            return Self::Here;
        }
        // SAFETY: By the safety requirements.
        match unsafe { target.as_ref() } {
            // CAST: An index is not negative.
            Some(target) => Self::At(target.vcpu_idx as u32),
            None => Self::None,
        }
    }
}

/// KVM's raw spinlocks. Interrupts are off wherever they are taken here.
mod raw_lock {
    use crate::bindings::raw_spinlock_t;
    use kernel::bindings;

    /// `raw_spin_lock()`.
    ///
    /// # Safety
    ///
    /// `lock` must be valid, and interrupts be off.
    #[inline(always)]
    pub(super) unsafe fn acquire(lock: *mut raw_spinlock_t) {
        // SAFETY: By the safety requirements.
        unsafe { bindings::_raw_spin_lock(lock.cast()) };
    }

    /// `raw_spin_unlock()`.
    ///
    /// # Safety
    ///
    /// `lock` must be held by the caller.
    #[inline(always)]
    pub(super) unsafe fn release(lock: *mut raw_spinlock_t) {
        // SAFETY: By the safety requirements.
        unsafe { bindings::_raw_spin_unlock(lock.cast()) };
    }
}

/// `list_add_tail()`.
///
/// # Safety
///
/// `new` must be valid and on no list, `head` the head of a list that nobody else accesses.
#[inline(always)]
unsafe fn list_add_tail(
    new: *mut volley_bindings::list_head,
    head: *mut volley_bindings::list_head,
) {
    // SAFETY: By the safety requirements; the entries of a list are valid.
    unsafe {
        let last = (*head).prev;
        (*new).next = head;
        (*new).prev = last;
        (*last).next = new;
        (*head).prev = new;
    }
}
