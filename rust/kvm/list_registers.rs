// SPDX-License-Identifier: GPL-2.0

//! The list registers: what KVM puts into them, and what the guest leaves there.
//!
//! Looked at only, in KVM's own record of them, and only while somebody wants to know. There are
//! two moments at which the record is complete and KVM does not write to it, both with interrupts
//! off, on the vCPU's thread (arch/arm64/kvm/arm.c and vgic/ there):
//!
//! ```text
//! kvm_vgic_flush_hwstate()         loads the vCPU's list of interrupts into the registers
//!   kvm_arch_vcpu_ctxflush_fp()    <- loaded: the next function that KVM calls
//!     the guest runs
//! kvm_vgic_sync_hwstate()          reads the registers back into the record
//!   vgic_v3_fold_lr_state()        <- returned: about to take from it what the guest has done
//! ```
//!
//! A nested guest runs on registers of its own hypervisor's making, and the record is of its
//! hypervisor's. What is read of VMs that may have such guests is empty.

use super::{
    probe::{
        Probe,
        Probed, //
    },
    vm::VmKey, //
};
use crate::bindings as volley_bindings;
use kernel::prelude::*;

/// List registers that the architecture has room for.
pub(crate) const MAX_LIST_REGISTERS: usize = 16;

/// The interrupt is pending (`ICH_LR_PENDING_BIT`).
const PENDING: u64 = 1 << 62;
/// The guest's INTID (`ICH_LR_VIRTUAL_ID_MASK`).
const VIRTUAL_ID: u64 = (1 << 32) - 1;
/// KVM wants to be told when the registers run empty (`ICH_HCR_EL2_UIE`): it has more interrupts
/// for this vCPU.
const UNDERFLOW: u32 = 1 << 1;
/// KVM wants to be told when none in them is pending any more (`ICH_HCR_EL2_NPIE`): it has more
/// that are.
const NONE_PENDING: u32 = 1 << 3;

/// Returns whether KVM had more pending interrupts for `vcpu` than list registers when it loaded
/// them last.
///
/// If the vCPU is still in the guest it comes out for the rest by itself, as soon as it has taken
/// what is in the registers. KVM loads them with the vCPU's list locked (`vgic_flush_lr_state()`),
/// so it is not doing so now. Never of one that may have guests of its own: while such a guest runs
/// the record is of an earlier time. Context: any.
///
/// # Safety
///
/// `vcpu` must be valid, its VM have a vGICv3, and its list be locked.
#[inline]
pub(super) unsafe fn overflowed(vcpu: *mut volley_bindings::kvm_vcpu) -> bool {
    // SAFETY: By the safety requirements; of what KVM may be writing to one bit is looked at.
    unsafe {
        let control =
            (&raw const (*vcpu).arch.vgic_cpu.__bindgen_anon_1.vgic_v3.vgic_hcr).read_volatile();
        control & NONE_PENDING != 0 && !volley_bindings::volley_vcpu_can_nest(vcpu)
    }
}

/// What a vCPU's list registers contain.
pub(crate) struct ListRegisters {
    /// By number; 0 beyond `count`.
    pub(crate) intids: [u32; MAX_LIST_REGISTERS],
    /// How many are in use.
    pub(crate) count: u32,
    /// Which of them are pending, as a bit each.
    pub(crate) pending: u32,
    /// There were more interrupts for this vCPU than list registers.
    pub(crate) waiting: bool,
}

impl ListRegisters {
    /// Reads KVM's record. It has a meaning only if the VM has a vGICv3.
    ///
    /// # Safety
    ///
    /// `vcpu` must be valid, and KVM be at one of the two moments.
    unsafe fn read(vcpu: *mut volley_bindings::kvm_vcpu) -> Self {
        // SAFETY: By the safety requirements. The records of other vGICs share the memory, of which
        // any content is a record of this kind.
        let interface = unsafe { &raw const (*vcpu).arch.vgic_cpu.__bindgen_anon_1.vgic_v3 };
        // SAFETY: As above. Only the vCPU's thread writes to these, and this is it.
        let (used, registers, control) = unsafe {
            (
                (*interface).used_lrs,
                (*interface).vgic_lr,
                (*interface).vgic_hcr,
            )
        };
        // SAFETY: By the safety requirements.
        let used = if unsafe { volley_bindings::volley_vcpu_can_nest(vcpu) } {
            0
        } else {
            used
        };
        let mut read = Self {
            intids: [0; MAX_LIST_REGISTERS],
            count: 0,
            pending: 0,
            waiting: control & UNDERFLOW != 0,
        };
        // CAST: There are 16 at most.
        for (intid, register) in read.intids.iter_mut().zip(registers).take(used as usize) {
            // CAST: Masked to 32 bits.
            *intid = (register & VIRTUAL_ID) as u32;
            if register & PENDING != 0 {
                read.pending |= 1u32.wrapping_shl(read.count);
            }
            read.count = read.count.wrapping_add(1);
        }
        read
    }
}

/// Who looks at list registers.
///
/// Context of both: the vCPU's thread, interrupts off; a section that a grace period of RCU waits
/// for. They are called for all VMs of the host; what they are given means something only for one
/// with a vGICv3, as every VM that has sources is.
pub(crate) trait Observe: Send + Sync + Clone + 'static {
    /// The vCPU with index `vcpu` enters the guest, with these interrupts.
    fn loaded(&self, vm: VmKey, vcpu: u32, registers: &ListRegisters);

    /// It has left the guest, and this is what remains in the registers.
    fn returned(&self, vm: VmKey, registers: &ListRegisters);
}

/// An observer of all entries into guests, and exits.
pub(crate) struct ListRegistersProbe<T: Observe> {
    _returned: Pin<KBox<Probe<Returned<T>>>>,
    _loaded: Pin<KBox<Probe<Loaded<T>>>>,
}

impl<T: Observe> ListRegistersProbe<T> {
    /// Has `observer` called from here on, until this is dropped, which waits for calls.
    ///
    /// Context: process, sleeps, with no lock of ftrace's or the tracepoints' held.
    pub(crate) fn new(observer: T) -> Result<Self> {
        Ok(Self {
            _returned: Probe::new(Returned(observer.clone()))?,
            _loaded: Probe::new(Loaded(observer))?,
        })
    }
}

/// The first moment.
struct Loaded<T>(T);

impl<T: Observe> Probed for Loaded<T> {
    const FUNCTION: &'static CStr = c"kvm_arch_vcpu_ctxflush_fp";

    unsafe fn entered(&self, first: *mut c_void) {
        let vcpu = first.cast::<volley_bindings::kvm_vcpu>();
        // SAFETY: The function's argument is the vCPU.
        let (vm, index, registers) = unsafe {
            (
                VmKey::of_vcpu(vcpu),
                (*vcpu).vcpu_idx,
                ListRegisters::read(vcpu),
            )
        };
        if registers.count > 0 {
            // CAST: An index is not negative.
            self.0.loaded(vm, index as u32, &registers);
        }
    }
}

/// The second.
struct Returned<T>(T);

impl<T: Observe> Probed for Returned<T> {
    const FUNCTION: &'static CStr = c"vgic_v3_fold_lr_state";

    unsafe fn entered(&self, first: *mut c_void) {
        let vcpu = first.cast::<volley_bindings::kvm_vcpu>();
        // SAFETY: As above.
        let (vm, registers) = unsafe { (VmKey::of_vcpu(vcpu), ListRegisters::read(vcpu)) };
        if registers.count > 0 {
            self.0.returned(vm, &registers);
        }
    }
}
