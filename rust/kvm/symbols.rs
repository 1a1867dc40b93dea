// SPDX-License-Identifier: GPL-2.0

//! What Volley needs of KVM and KVM does not export.
//!
//! All of it is looked up once, at load, before anything is hooked. `Documentation/symbols.rst`
//! says for each why it is needed; `canary.c` fails to compile when a prototype has changed.

use crate::bindings as volley_bindings;
use core::{
    mem::transmute_copy,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::SetOnce, //
};

/// `kvm_vcpu_wake_up()`, virt/kvm/kvm_main.c.
type WakeUp = unsafe extern "C" fn(*mut volley_bindings::kvm_vcpu) -> bool;
/// `arch_smp_send_reschedule()`, arch/arm64/kernel/smp.c.
type SendReschedule = unsafe extern "C" fn(c_int);
/// `vgic_msi_to_its()`, arch/arm64/kvm/vgic/vgic-its.c. The result may be an error pointer.
type MsiToIts = unsafe extern "C" fn(
    *mut volley_bindings::kvm,
    *mut volley_bindings::kvm_msi,
) -> *mut volley_bindings::vgic_its;
/// `kvm_set_irq()`, virt/kvm/irqchip.c.
type SetIrq = unsafe extern "C" fn(*mut volley_bindings::kvm, c_int, u32, c_int, bool) -> c_int;
/// `kallsyms_lookup_name()`, kernel/kallsyms.c.
type LookupName = unsafe extern "C" fn(*const c_char) -> c_ulong;

/// The symbols, resolved.
///
/// # Invariants
///
/// Every field is what its type says, in the running kernel.
#[derive(Clone, Copy)]
pub(crate) struct Symbols {
    pub(super) wake_up: WakeUp,
    pub(super) send_reschedule: SendReschedule,
    pub(super) msi_to_its: MsiToIts,
    pub(super) set_irq: SetIrq,
    /// The head of the list of VMs, under `kvm_lock`.
    pub(super) vm_list: NonNull<bindings::list_head>,
    pub(super) kvm_lock: NonNull<bindings::mutex>,
    pub(super) gic: NonNull<volley_bindings::vgic_global>,
}

// SAFETY: Addresses of code and of data that has its own locks, or does not change after boot.
unsafe impl Send for Symbols {}
// SAFETY: As above.
unsafe impl Sync for Symbols {}

static SYMBOLS: SetOnce<Symbols> = SetOnce::new();

impl Symbols {
    /// Looks all symbols up. To be called once, before anything else of this folder.
    ///
    /// # Errors
    ///
    /// `ENOENT` if one is missing; the log names it.
    pub(crate) fn resolve() -> Result<&'static Self> {
        let lookup = Lookup::new()?;
        // SAFETY: Each symbol is what the type of its field says: `canary.c` checks prototypes when
        // the module is built, and a module loads only into a kernel of the release that it was
        // built for (and is to be built anew for another revision: Documentation/symbols.rst).
        // INVARIANT: As above.
        let symbols = unsafe {
            Self {
                wake_up: lookup.function(c"kvm_vcpu_wake_up")?,
                send_reschedule: lookup.function(c"arch_smp_send_reschedule")?,
                msi_to_its: lookup.function(c"vgic_msi_to_its")?,
                set_irq: lookup.function(c"kvm_set_irq")?,
                vm_list: lookup.address(c"vm_list")?.cast(),
                kvm_lock: lookup.address(c"kvm_lock")?.cast(),
                gic: lookup.address(c"kvm_vgic_global_state")?.cast(),
            }
        };
        SYMBOLS.populate(symbols);
        Self::get()
    }

    /// Returns the symbols.
    ///
    /// # Errors
    ///
    /// `ENOENT` before [`Symbols::resolve`] has succeeded.
    pub(crate) fn get() -> Result<&'static Self> {
        SYMBOLS.as_ref().ok_or(ENOENT)
    }

    /// Returns KVM's description of the host's GIC.
    fn gic(&self) -> &volley_bindings::vgic_global {
        // SAFETY: By the type invariants; it does not change after KVM has been initialised, which
        // is before any module is loaded.
        unsafe { self.gic.as_ref() }
    }

    /// Returns whether KVM runs on a GICv3 or GICv4, which has the list registers and LPIs that
    /// Volley is about.
    pub(crate) fn has_gicv3(&self) -> bool {
        self.gic().type_ == volley_bindings::vgic_type_VGIC_V3
    }

    /// Returns the number of list registers of the host's CPUs; 0 if KVM is not available.
    pub(crate) fn list_registers(&self) -> u32 {
        u32::try_from(self.gic().nr_lr).unwrap_or(0)
    }

    /// Returns whether the host's GIC ends interrupts as the flow handler relies on.
    pub(crate) fn has_split_eoi(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { volley_bindings::volley_gic_has_split_eoi(self.gic.as_ptr()) }
    }

    /// Returns whether the host's GIC lets a handler take further pending interrupts.
    pub(crate) fn can_take_bursts(&self) -> bool {
        // SAFETY: FFI call without requirements.
        unsafe { volley_bindings::volley_gic_can_take_bursts() }
    }
}

/// The kernel's own lookup by name, found with the help of a kprobe.
struct Lookup(LookupName);

impl Lookup {
    fn new() -> Result<Self> {
        let mut probe = bindings::kprobe {
            symbol_name: c"kallsyms_lookup_name".as_char_ptr(),
            ..Default::default()
        };
        // SAFETY: `probe` names a function and has no handlers. It is unregistered right away, so
        // it does not outlive this function.
        let address = unsafe {
            kernel::error::to_result(bindings::register_kprobe(&raw mut probe)).inspect_err(
                |_| pr_err!("cannot find kallsyms_lookup_name: are kprobes available?\n"),
            )?;
            bindings::unregister_kprobe(&raw mut probe);
            probe.addr
        };
        // SAFETY: The probe was registered, so its address is that of the function of this name.
        Ok(Self(unsafe {
            transmute_copy::<*mut bindings::kprobe_opcode_t, LookupName>(&address)
        }))
    }

    /// Returns the address of the symbol `name`.
    fn address(&self, name: &CStr) -> Result<NonNull<c_void>> {
        // SAFETY: `name` is a string; the function may be called in process context.
        let address = unsafe { (self.0)(name.as_char_ptr()) };

        NonNull::new(address as *mut c_void).ok_or_else(|| {
            pr_err!("this kernel has no symbol {}\n", name);
            ENOENT
        })
    }

    /// Returns the function `name`.
    ///
    /// # Safety
    ///
    /// `F` must be the type of a pointer to that function.
    unsafe fn function<F: Copy>(&self, name: &CStr) -> Result<F> {
        const {
            assert!(size_of::<F>() == size_of::<*mut c_void>());
        }
        let address = self.address(name)?.as_ptr();
        // SAFETY: `F` is a pointer to the function, by the safety requirements.
        Ok(unsafe { transmute_copy(&address) })
    }
}
