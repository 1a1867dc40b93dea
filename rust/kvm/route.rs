// SPDX-License-Identifier: GPL-2.0

//! Where an irqfd leads: to an MSI, the guest's ITS, and the LPI behind its translation.

use super::{
    symbols::Symbols,
    vcpu::VcpuRef,
    vm::{
        RoutingGuard,
        VmRef, //
    },
};
use crate::{
    bindings as volley_bindings,
    context::HardIrq,
    once::Once, //
};
use core::{
    marker::PhantomData,
    ptr::{
        null_mut,
        NonNull, //
    },
};
use kernel::{
    bindings,
    error::from_err_ptr,
    sync::atomic::{
        Atomic,
        Release, //
    },
};

/// Size of an ITS in guest memory (`KVM_VGIC_V3_ITS_SIZE`).
const ITS_SIZE: u64 = 0x20000;
/// Bits of a device and of an event identifier (`VITS_TYPER_{DEV,ID}BITS`, vgic-its.c).
const IDENTIFIER_BITS: u32 = 16;
const IDENTIFIER_MAX: u32 = (1 << IDENTIFIER_BITS) - 1;
/// The device identifier of an MSI is valid (`KVM_MSI_VALID_DEVID`, include/uapi/linux/kvm.h).
const MSI_VALID_DEVID: u32 = 1;

/// The guest's side of a source: the irqfd of a connected pair.
///
/// # Invariants
///
/// - `irqfd` is valid until the IRQ bypass manager has disconnected its pair, which it does not do
///   before every hard interrupt that found the source has ended.
/// - `its` is null or an ITS of the irqfd's VM. KVM frees an ITS with its VM only.
pub(crate) struct Route {
    irqfd: NonNull<volley_bindings::kvm_kernel_irqfd>,
    /// The irqfd's number: whoever reads it from a file may do so when there is no irqfd any more.
    gsi: u32,
    its: Atomic<*mut volley_bindings::vgic_its>,
}

// SAFETY: The irqfd belongs to no thread, and is read as KVM's own injection reads it.
unsafe impl Send for Route {}
// SAFETY: As above.
unsafe impl Sync for Route {}

/// A virtual interrupt: second interrupt information.
///
/// # Invariants
///
/// `irq` is valid for `'irq`, which is within an RCU read-side section: KVM frees an LPI after a
/// grace period.
#[derive(Clone, Copy)]
pub(crate) struct VirtualInterrupt<'irq> {
    irq: NonNull<volley_bindings::vgic_irq>,
    context: PhantomData<&'irq HardIrq>,
}

/// What becomes of an arrival that is redirected to another interrupt of its VM.
pub(crate) enum Redirected<'irq> {
    /// It is this one.
    To(VirtualInterrupt<'irq>),
    /// KVM has not cached the translation: it has to be found in process context.
    Untranslated,
    /// The VMM has routed nothing, or not an MSI, to this number.
    Unrouted,
}

impl Route {
    /// Creates the route through `irqfd`.
    ///
    /// # Safety
    ///
    /// `irqfd` must be the consumer's end of a connected pair, and every user of the route be gone
    /// before that pair is disconnected.
    pub(super) unsafe fn new(irqfd: NonNull<volley_bindings::kvm_kernel_irqfd>) -> Self {
        // SAFETY: By the safety requirements the irqfd is valid; its number never changes.
        let gsi = u32::try_from(unsafe { (*irqfd.as_ptr()).gsi }).unwrap_or(0);
        // INVARIANT: By the safety requirements, and `its` is null.
        Self {
            irqfd,
            gsi,
            its: Atomic::new(null_mut()),
        }
    }

    /// Returns the VM's number for the interrupt (`KVM_IRQFD`'s gsi).
    pub(crate) fn gsi(&self) -> u32 {
        self.gsi
    }

    /// Finds the virtual interrupt that the irqfd's MSI stands for at this moment.
    ///
    /// `None` if it is being deassigned, is not routed to an MSI, or if KVM has not cached the
    /// translation: the stock path knows what to do then.
    ///
    /// Context: hard IRQ.
    #[inline(always)]
    pub(crate) fn translate<'irq>(
        &self,
        _: &RoutingGuard<'_>,
        _: &'irq HardIrq,
    ) -> Option<VirtualInterrupt<'irq>> {
        let mut msi = volley_bindings::kvm_msi::default();
        // SAFETY: By the type invariants the irqfd is valid.
        let routed =
            unsafe { volley_bindings::volley_irqfd_msi(self.irqfd.as_ptr(), &raw mut msi) };
        if !routed {
            return None;
        }
        self.translate_msi(&mut msi)
    }

    /// Finds the virtual interrupt that the VM's number `gsi` stands for at this moment.
    ///
    /// Context: hard IRQ.
    pub(crate) fn redirect<'irq>(
        &self,
        gsi: u32,
        _: &RoutingGuard<'_>,
        _: &'irq HardIrq,
    ) -> Redirected<'irq> {
        let mut msi = volley_bindings::kvm_msi::default();
        // SAFETY: By the type invariants the irqfd, and with it its VM, is valid. The guard is a
        // read-side section of this VM's `irq_srcu`: a source belongs to the VM of its irqfd.
        let routed = unsafe {
            volley_bindings::volley_kvm_gsi_msi((*self.irqfd.as_ptr()).kvm, gsi, &raw mut msi)
        };
        if !routed {
            return Redirected::Unrouted;
        }
        match self.translate_msi(&mut msi) {
            Some(interrupt) => Redirected::To(interrupt),
            None => Redirected::Untranslated,
        }
    }

    /// Finds the virtual interrupt behind a message, if KVM has cached its translation.
    #[inline(always)]
    fn translate_msi<'irq>(
        &self,
        msi: &mut volley_bindings::kvm_msi,
    ) -> Option<VirtualInterrupt<'irq>> {
        if msi.flags & MSI_VALID_DEVID == 0
            || msi.devid > IDENTIFIER_MAX
            || msi.data > IDENTIFIER_MAX
        {
            return None;
        }

        let its = self.its(msi)?;
        // The key of `vgic_its_cache_key()`, arch/arm64/kvm/vgic/vgic-its.c.
        let key = (u64::from(msi.devid) << IDENTIFIER_BITS) | u64::from(msi.data);
        // SAFETY: The ITS is valid by the type invariants; hard IRQ is an RCU read-side section.
        let irq = unsafe {
            bindings::xa_load(
                (&raw mut (*its.as_ptr()).translation_cache).cast(),
                key as usize,
            )
        };
        // INVARIANT: The cache contains LPIs, each valid until a grace period has passed.
        NonNull::new(irq.cast()).map(|irq| VirtualInterrupt {
            irq,
            context: PhantomData,
        })
    }

    /// Returns the ITS whose doorbell `msi` is written to.
    #[inline]
    fn its(
        &self,
        msi: &mut volley_bindings::kvm_msi,
    ) -> Option<NonNull<volley_bindings::vgic_its>> {
        let doorbell = (u64::from(msi.address_hi) << 32) | u64::from(msi.address_lo);

        if let Some(its) = NonNull::new(self.its.read_once()) {
            // SAFETY: By the type invariants. The base is set once, before the ITS can be found.
            let base = unsafe { (*its.as_ptr()).vgic_its_base };
            if doorbell.wrapping_sub(base) < ITS_SIZE {
                return Some(its);
            }
        }
        self.find_its(msi)
    }

    /// Asks KVM for the ITS, the first time or after the guest has moved the MSI to another one.
    #[cold]
    fn find_its(
        &self,
        msi: &mut volley_bindings::kvm_msi,
    ) -> Option<NonNull<volley_bindings::vgic_its>> {
        let symbols = Symbols::get().ok()?;
        // SAFETY: By the type invariants the irqfd, and with it its VM, is valid. KVM's own
        // injection looks for the ITS in this context, in an SRCU read-side section of its own.
        let its = unsafe { (symbols.msi_to_its)((*self.irqfd.as_ptr()).kvm, msi) };
        let its = from_err_ptr(its).ok()?;
        // INVARIANT: KVM says so.
        self.its.store(its, Release);
        NonNull::new(its)
    }

    /// Returns a reference on the VM that the irqfd belongs to.
    pub(super) fn vm(&self) -> Option<VmRef> {
        // SAFETY: By the type invariants the irqfd is valid, and KVM destroys a VM only after its
        // irqfds are gone.
        unsafe { VmRef::get(NonNull::new((*self.irqfd.as_ptr()).kvm)?) }
    }
}

impl VirtualInterrupt<'_> {
    /// Returns the `struct vgic_irq`.
    #[inline(always)]
    pub(super) fn as_ptr(self) -> *mut volley_bindings::vgic_irq {
        self.irq.as_ptr()
    }

    /// Returns the interrupt's number in the guest.
    #[inline(always)]
    pub(crate) fn intid(self) -> u32 {
        // SAFETY: By the type invariants; it never changes.
        unsafe { (*self.as_ptr()).intid }
    }

    /// Returns the vCPU that the interrupt is to be sent to at this moment, or null.
    #[inline(always)]
    fn target_vcpu(self) -> *mut volley_bindings::kvm_vcpu {
        // SAFETY: By the type invariants. The target changes under a lock, and is read in one go.
        unsafe { Atomic::from_ptr(&raw mut (*self.as_ptr()).target_vcpu) }.read_once()
    }

    /// Returns the index of the vCPU that the interrupt is to be sent to at this moment.
    #[inline(always)]
    pub(crate) fn target(self) -> Option<u32> {
        // SAFETY: A vCPU lives as long as its VM, which the source has a reference to.
        let target = unsafe { self.target_vcpu().as_ref() }?;
        // CAST: An index is not negative.
        Some(target.vcpu_idx as u32)
    }

    /// Returns whether the interrupt is to be sent to `vcpu` at this moment.
    #[inline(always)]
    pub(crate) fn targets(self, vcpu: &VcpuRef) -> bool {
        self.target_vcpu() == vcpu.as_ptr()
    }
}
