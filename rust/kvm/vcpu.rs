// SPDX-License-Identifier: GPL-2.0

//! A virtual CPU of KVM's: its request bit, its mode, its kick.

use super::{
    symbols::Symbols,
    vgic::ApList, //
};
use crate::{
    bindings as volley_bindings,
    once::Once, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::atomic::Atomic, //
};

/// `HCR_EL2.TWI` (`HCR_TWI`).
const TRAP_WFI: u64 = 1 << 13;

/// A vCPU.
///
/// # Invariants
///
/// `vcpu` is valid for as long as the value is used.
#[derive(Clone, Copy)]
pub(crate) struct VcpuRef {
    vcpu: NonNull<volley_bindings::kvm_vcpu>,
    symbols: &'static Symbols,
}

// SAFETY: What can be done with a vCPU here may be done from any thread.
unsafe impl Send for VcpuRef {}
// SAFETY: As above.
unsafe impl Sync for VcpuRef {}

/// See [`VcpuRef::in_guest`].
///
/// # Safety
///
/// `vcpu` must be valid.
#[inline(always)]
pub(super) unsafe fn in_guest(vcpu: *mut volley_bindings::kvm_vcpu) -> bool {
    // SAFETY: By the safety requirements. KVM accesses the mode atomically.
    let mode = unsafe { Atomic::from_ptr(&raw mut (*vcpu).mode) };
    // CAST: The modes are small non-negative numbers.
    mode.read_once() as c_uint == volley_bindings::IN_GUEST_MODE
}

impl VcpuRef {
    /// Names the vCPU `vcpu`.
    ///
    /// # Safety
    ///
    /// `vcpu` must be valid for as long as the value is used.
    pub(super) unsafe fn new(
        vcpu: NonNull<volley_bindings::kvm_vcpu>,
        symbols: &'static Symbols,
    ) -> Self {
        // INVARIANT: By the safety requirements.
        Self { vcpu, symbols }
    }

    /// Returns the `struct kvm_vcpu`.
    #[inline(always)]
    pub(super) fn as_ptr(self) -> *mut volley_bindings::kvm_vcpu {
        self.vcpu.as_ptr()
    }

    /// Returns the vCPU's index in its VM.
    pub(crate) fn index(self) -> u32 {
        // SAFETY: By the type invariants; it never changes.
        u32::try_from(unsafe { (*self.as_ptr()).vcpu_idx }).unwrap_or(0)
    }

    /// Sets `KVM_REQ_IRQ_PENDING` and returns whether it was set before. Fully ordered.
    #[inline(always)]
    pub(crate) fn set_irq_pending(self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { volley_bindings::volley_vcpu_test_and_set_irq_pending(self.as_ptr()) }
    }

    /// Returns whether `KVM_REQ_IRQ_PENDING` is set. A full barrier follows.
    #[inline(always)]
    pub(crate) fn irq_pending(self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { volley_bindings::volley_vcpu_irq_pending(self.as_ptr()) }
    }

    /// Returns whether the vCPU is in `IN_GUEST_MODE`.
    ///
    /// In hard IRQ that means on another CPU: KVM is in this mode with interrupts off only, and
    /// an interrupt makes the guest exit, which ends the mode, before the host takes it.
    #[inline(always)]
    pub(crate) fn in_guest(self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { in_guest(self.as_ptr()) }
    }

    /// Returns whether a guest that waits for an interrupt leaves the guest, so that a vCPU that is
    /// in the guest is awake.
    ///
    /// It does not with `kvm-arm.wfi_trap_policy=notrap`, nor if interrupts are injected directly as
    /// well and nothing else wants its CPU (`kvm_vcpu_should_clear_twi()`). KVM decides when the
    /// vCPU is scheduled: what was on its list before that it loads after that. Context: any.
    #[inline]
    pub(crate) fn waits_outside(self) -> bool {
        // SAFETY: By the type invariants. One bit is looked at of what KVM may be changing.
        let control = unsafe { (&raw const (*self.as_ptr()).arch.hcr_el2).read_volatile() };
        control & TRAP_WFI != 0
    }

    /// Wakes the vCPU if it is blocked; makes it leave the guest if it is there.
    ///
    /// Does what `kvm_vcpu_kick()` does, without looking for a sleeper in the guest. Returns
    /// whether there was anything to do.
    #[inline(always)]
    pub(crate) fn kick(self) -> bool {
        // SAFETY: By the type invariants and those of `Symbols`; all may be called in any context.
        unsafe {
            if self.in_guest() {
                volley_bindings::volley_vcpu_kick_guest(
                    self.as_ptr(),
                    Some(self.symbols.send_reschedule),
                )
            } else {
                // On its way into the guest the vCPU looks at its requests once more after it has
                // set its mode: there is nobody to be sent an interrupt.
                (self.symbols.wake_up)(self.as_ptr())
            }
        }
    }

    /// Locks the list of interrupts that KVM considers at the vCPU's next entry.
    ///
    /// Context: interrupts off.
    #[inline]
    pub(crate) fn lock_ap_list(&self) -> ApList<'_> {
        ApList::lock(self)
    }
}
