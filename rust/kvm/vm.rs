// SPDX-License-Identifier: GPL-2.0

//! A virtual machine of KVM's.

use super::{
    symbols::Symbols,
    vcpu::VcpuRef, //
};
use crate::{
    bindings as volley_bindings,
    trace::VmId, //
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// Stands in for the file descriptor of a VM that KVM has no name for, plus a serial number.
const NO_FD: i32 = 1 << 20;

/// What tells one VM of the host from the others for as long as it lives: a number, no more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct VmKey(usize);

impl VmKey {
    /// Returns the key of the VM that `vcpu` belongs to.
    ///
    /// # Safety
    ///
    /// `vcpu` must be valid.
    #[inline(always)]
    pub(super) unsafe fn of_vcpu(vcpu: *mut volley_bindings::kvm_vcpu) -> Self {
        // SAFETY: By the safety requirements; a vCPU's VM never changes.
        Self(unsafe { (*vcpu).kvm }.addr())
    }

    /// Returns the key as a number. It is an address, and not for users to see.
    pub(crate) fn number(self) -> usize {
        self.0
    }
}

/// A reference on a `struct kvm`.
///
/// Dropping the last one destroys the VM, which sleeps, so it must happen in process context and
/// with no lock held that KVM takes to do so.
///
/// # Invariants
///
/// `kvm` is valid, and this owns a reference to it.
pub(crate) struct VmRef {
    kvm: NonNull<volley_bindings::kvm>,
}

// SAFETY: A reference on a VM belongs to no thread.
unsafe impl Send for VmRef {}
// SAFETY: What can be done with a `&VmRef` may be done from any thread.
unsafe impl Sync for VmRef {}

impl VmRef {
    /// Takes a reference on `kvm`, unless it is being destroyed.
    ///
    /// # Safety
    ///
    /// The memory behind `kvm` must be a `struct kvm` for the duration of the call.
    pub(super) unsafe fn get(kvm: NonNull<volley_bindings::kvm>) -> Option<Self> {
        // SAFETY: By the safety requirements.
        let taken = unsafe { volley_bindings::kvm_get_kvm_safe(kvm.as_ptr()) };
        // INVARIANT: A reference has been taken.
        taken.then_some(Self { kvm })
    }

    /// Returns the `struct kvm`.
    #[inline(always)]
    pub(super) fn as_ptr(&self) -> *mut volley_bindings::kvm {
        self.kvm.as_ptr()
    }

    /// Returns whether both are the same VM.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.kvm == other.kvm
    }

    /// Returns what the VM is found by.
    pub(crate) fn key(&self) -> VmKey {
        VmKey(self.kvm.addr().get())
    }

    /// Returns whether the VM has a vGICv3, set up and ready.
    pub(crate) fn has_gicv3(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { volley_bindings::volley_kvm_has_gicv3(self.as_ptr()) }
    }

    /// Returns KVM's name for the VM, the one of its directory in debugfs.
    ///
    /// If KVM could not make that directory, a number that no file descriptor has stands in for
    /// the one it would have used. Context: process.
    pub(crate) fn id(&self) -> VmId {
        static UNNAMED: Atomic<i32> = Atomic::new(0);

        let (mut pid, mut fd) = (0, 0);
        // SAFETY: By the type invariants; both results are written before they are read.
        if !unsafe {
            volley_bindings::volley_kvm_parse_id(self.as_ptr(), &raw mut pid, &raw mut fd)
        } {
            // SAFETY: By the type invariants.
            pid = unsafe { (*self.as_ptr()).userspace_pid };
            fd = NO_FD.wrapping_add(UNNAMED.fetch_add(1, Relaxed) & (NO_FD - 1));
        }
        VmId { pid, fd }
    }

    /// Returns the vCPU with the index `index`, if it has been created.
    ///
    /// # Safety
    ///
    /// The result must not be used once the last reference on the VM has been dropped.
    pub(crate) unsafe fn vcpu(&self, index: u32) -> Option<VcpuRef> {
        let symbols = Symbols::get().ok()?;
        // SAFETY: By the type invariants. A vCPU lives as long as its VM.
        let vcpu = unsafe { volley_bindings::volley_kvm_get_vcpu(self.as_ptr(), index) };
        // SAFETY: The vCPU is valid for as long as the caller promises not to exceed.
        NonNull::new(vcpu).map(|vcpu| unsafe { VcpuRef::new(vcpu, symbols) })
    }

    /// Has KVM inject the interrupt with the number `gsi`, as if an irqfd had been signalled.
    ///
    /// Context: process, sleeps for the ITS' mutex.
    pub(crate) fn inject(&self, gsi: u32) {
        let Ok(symbols) = Symbols::get() else { return };
        // Lowered as well, as `irqfd_inject()` does: the number may not be an MSI any more.
        for level in [1, 0] {
            // SAFETY: By the type invariants and those of `Symbols`. What comes of it is the
            // guest's doing: it may have the message unmapped, as for any irqfd.
            unsafe {
                (symbols.set_irq)(
                    self.as_ptr(),
                    volley_bindings::KVM_USERSPACE_IRQ_SOURCE_ID as c_int,
                    gsi,
                    level,
                    false,
                )
            };
        }
    }

    /// Enters a section that `KVM_SET_GSI_ROUTING` and `KVM_IRQFD` wait for.
    ///
    /// What is translated within is queued before these return, as for KVM's own injections.
    #[inline]
    pub(crate) fn routing(&self) -> RoutingGuard<'_> {
        // SAFETY: By the type invariants; SRCU read sections may be entered in any context.
        let index = unsafe { volley_bindings::volley_kvm_irq_srcu_read_lock(self.as_ptr()) };
        RoutingGuard { vm: self, index }
    }
}

impl Drop for VmRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariants this owns a reference.
        unsafe { volley_bindings::kvm_put_kvm(self.as_ptr()) };
    }
}

/// A read-side section of `kvm->irq_srcu`.
pub(crate) struct RoutingGuard<'a> {
    vm: &'a VmRef,
    index: c_int,
}

impl Drop for RoutingGuard<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: The section was entered when `self` was made, with this index, on this CPU.
        unsafe { volley_bindings::volley_kvm_irq_srcu_read_unlock(self.vm.as_ptr(), self.index) };
    }
}
