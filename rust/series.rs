// SPDX-License-Identifier: GPL-2.0

//! What the kernel's series differ in, by the names that the newest one has for it.
//!
//! `kernel_before_7_3` is set by `Kbuild`. What KVM and genirq differ in is not here: their types
//! come from the headers of the kernel that is built for, and `rust/ffi/canary.c` knows which of
//! their functions it needs.

use kernel::{
    bindings,
    error::Error,
    ffi::c_char, //
};

pub(crate) use this::*;

/// `show()` of a file in sysfs.
pub(crate) type ShowFn = unsafe extern "C" fn(
    *mut bindings::kobject,
    *mut bindings::kobj_attribute,
    *mut c_char,
) -> isize;
/// `store()` of a file in sysfs.
pub(crate) type StoreFn = unsafe extern "C" fn(
    *mut bindings::kobject,
    *mut bindings::kobj_attribute,
    *const c_char,
    usize,
) -> isize;

/// `EOPNOTSUPP`, for which kernels before 7.3 have no name.
pub(crate) fn not_supported() -> Error {
    // CAST: A small number.
    Error::from_errno(-(bindings::EOPNOTSUPP as i32))
}

#[cfg(not(kernel_before_7_3))]
mod this {
    use super::{
        ShowFn,
        StoreFn, //
    };
    use kernel::bindings;
    pub(crate) use kernel::{
        interrupt::local_interrupt_disable,
        sync::rcu::synchronize_rcu, //
    };

    /// What a timer's callback returns that does not start it again.
    pub(crate) const HRTIMER_NORESTART: bindings::hrtimer_restart =
        bindings::hrtimer_restart::HRTIMER_NORESTART;

    /// This module, as the owner of a file.
    pub(crate) const THIS_MODULE: *mut bindings::module =
        kernel::module::this_module::<crate::LocalModule>().as_ptr();

    /// Sets the functions of a file in sysfs.
    pub(crate) fn set_operations(
        attr: &mut bindings::kobj_attribute,
        show: ShowFn,
        store: StoreFn,
    ) {
        attr.__bindgen_anon_1.show = Some(show);
        attr.__bindgen_anon_2.store = Some(store);
    }
}

#[cfg(kernel_before_7_3)]
mod this {
    use super::{
        ShowFn,
        StoreFn, //
    };
    use crate::bindings as volley_bindings;
    use kernel::{
        bindings,
        types::NotThreadSafe, //
    };

    pub(crate) const HRTIMER_NORESTART: bindings::hrtimer_restart =
        bindings::hrtimer_restart_HRTIMER_NORESTART;

    pub(crate) const THIS_MODULE: *mut bindings::module = crate::THIS_MODULE.as_ptr();

    pub(crate) fn set_operations(
        attr: &mut bindings::kobj_attribute,
        show: ShowFn,
        store: StoreFn,
    ) {
        attr.show = Some(show);
        attr.store = Some(store);
    }

    /// Waits for a grace period of RCU. Context: process, may sleep.
    pub(crate) fn synchronize_rcu() {
        // SAFETY: It can be called wherever one may sleep.
        unsafe { bindings::synchronize_rcu() };
    }

    /// Interrupts are off on this CPU while it exists.
    ///
    /// # Invariants
    ///
    /// `flags` is what `local_irq_save()` has returned on this CPU.
    pub(crate) struct InterruptsOff {
        flags: usize,
        _here: NotThreadSafe,
    }

    /// Turns interrupts off on this CPU.
    pub(crate) fn local_interrupt_disable() -> InterruptsOff {
        InterruptsOff {
            // INVARIANT: It has just been returned.
            // SAFETY: It can be called anywhere.
            flags: unsafe { volley_bindings::volley_local_irq_save() },
            _here: NotThreadSafe,
        }
    }

    impl Drop for InterruptsOff {
        fn drop(&mut self) {
            // SAFETY: By the type invariants; it has not left this CPU.
            unsafe { volley_bindings::volley_local_irq_restore(self.flags) };
        }
    }
}
