// SPDX-License-Identifier: GPL-2.0

//! What other modules can call: registering handlers of their own.
//!
//! The interface is `api/volley.h`, for modules in C; `api/client.rs` is the same for modules in
//! Rust. `ffi/export.c` exports the functions.

use crate::{
    attached,
    bindings as volley_bindings,
    handler::{
        External,
        Handle,
        Target, //
    }, //
};
use core::{
    mem::{
        offset_of,
        size_of, //
    },
    ptr::without_provenance_mut, //
};
use kernel::{
    bindings,
    device::Device,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

// For other modules; here it is only compiled, and compared with the header.
mod client;

/// Makes sure that an exported function is what the header says.
macro_rules! as_declared {
    ($($name:ident),*) => { $(
        // Both branches of a condition have the same type.
        const _: () = {
            let _ = if true { volley_bindings::$name } else { $name };
        };
    )* };
}
// What modules in Rust pass has the layout that the header gives it.
const _: () = {
    let in_c = [
        size_of::<volley_bindings::volley_arrival>(),
        offset_of!(volley_bindings::volley_arrival, time),
        offset_of!(volley_bindings::volley_arrival, hwirq),
        offset_of!(volley_bindings::volley_arrival, irq),
        offset_of!(volley_bindings::volley_arrival, cpu),
        offset_of!(volley_bindings::volley_arrival, gsi),
        size_of::<volley_bindings::volley_verdict>(),
        offset_of!(volley_bindings::volley_verdict, action),
        offset_of!(volley_bindings::volley_verdict, gsi),
        offset_of!(volley_bindings::volley_verdict, arrival),
        size_of::<volley_bindings::volley_handler>(),
        offset_of!(volley_bindings::volley_handler, owner),
        offset_of!(volley_bindings::volley_handler, name),
        offset_of!(volley_bindings::volley_handler, process),
        offset_of!(volley_bindings::volley_handler, process_batch),
    ];
    let mut at = 0;
    while at < in_c.len() {
        assert!(in_c[at] == client::LAYOUT[at]);
        at += 1;
    }
};

as_declared!(
    volley_register_irq,
    volley_register_device,
    volley_unregister
);

/// Registers `handler` for the source with the IRQ number `irq`, until that is detached.
///
/// Returns an error pointer: `EINVAL` if the handler is not a valid one; `ENOENT` if there is no
/// such source; `EEXIST` if it has a handler already; `EAGAIN` if the context may not sleep;
/// `ENOMEM`.
///
/// Context: process.
///
/// # Safety
///
/// `handler` must be null or valid, and its functions be callable with `data` until
/// [`volley_unregister`] has returned.
#[no_mangle]
pub(crate) unsafe extern "C" fn volley_register_irq(
    irq: c_uint,
    handler: *const volley_bindings::volley_handler,
    data: *mut c_void,
) -> *mut volley_bindings::volley_registration {
    // SAFETY: By the safety requirements.
    unsafe { register(handler, data, || Ok(Target::Irq(irq))) }
}

/// Registers `handler` for all sources that are interrupts of `dev`, now and later.
///
/// Errors and context as for [`volley_register_irq`], but there need not be a source yet.
///
/// # Safety
///
/// As for [`volley_register_irq`]; `dev` must be null or a device that the caller has a reference
/// to.
#[no_mangle]
pub(crate) unsafe extern "C" fn volley_register_device(
    dev: *mut volley_bindings::device,
    handler: *const volley_bindings::volley_handler,
    data: *mut c_void,
) -> *mut volley_bindings::volley_registration {
    let target = || {
        if dev.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: It is a device by the safety requirements.
        Ok(Target::Device(unsafe { Device::get_device(dev.cast()) }))
    };
    // SAFETY: By the safety requirements.
    unsafe { register(handler, data, target) }
}

/// Ends a registration: once this has returned 0, the handler is not running, and is not called any
/// more.
///
/// Returns `-ENOENT` if there is no such registration, `-EAGAIN` if the context may not sleep.
/// The handler remains registered then.
///
/// Context: process.
///
/// # Safety
///
/// None: a registration is only compared. It is called from C.
#[no_mangle]
pub(crate) unsafe extern "C" fn volley_unregister(
    registration: *mut volley_bindings::volley_registration,
) -> c_int {
    let result = may_sleep().and_then(|()| {
        let handle = Handle::from_number(registration.addr());
        attached::unregister(handle).map(drop)
    });
    result.map_or_else(Error::to_errno, |()| 0)
}

/// See [`volley_register_irq`].
///
/// # Safety
///
/// As there.
unsafe fn register(
    handler: *const volley_bindings::volley_handler,
    data: *mut c_void,
    target: impl FnOnce() -> Result<Target>,
) -> *mut volley_bindings::volley_registration {
    let result = may_sleep().and_then(|()| {
        // SAFETY: By the safety requirements.
        let handler = unsafe { handler.as_ref() }.ok_or(EINVAL)?;
        // SAFETY: By the safety requirements.
        let external = unsafe { External::new(handler, data, target()?)? };
        attached::register(external)
    });
    match result {
        Ok(handle) => without_provenance_mut(handle.to_number()),
        Err(error) => error.to_ptr(),
    }
}

/// # Errors
///
/// `EAGAIN` if the caller may not sleep.
fn may_sleep() -> Result {
    // SAFETY: FFI call without requirements.
    if unsafe { volley_bindings::volley_may_sleep() } {
        Ok(())
    } else {
        Err(EAGAIN)
    }
}

/// Removes the handlers of modules that go without having done so.
///
/// # Invariants
///
/// It lives in a pinned box, and the notifier is registered.
pub(crate) struct Owners {
    notifier: Opaque<bindings::notifier_block>,
}

// SAFETY: A notifier belongs to no thread.
unsafe impl Send for Owners {}
// SAFETY: There is nothing that can be done with a reference.
unsafe impl Sync for Owners {}

impl Owners {
    /// Begins to watch modules go. Context: process.
    pub(crate) fn watch() -> Result<Pin<KBox<Self>>> {
        let owners = KBox::new(
            Self {
                notifier: Opaque::new(bindings::notifier_block {
                    notifier_call: Some(Self::changed),
                    ..Default::default()
                }),
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The box does not move any more, and the notifier is unregistered before it goes:
        // if this fails, it was not registered, and unregistering it does nothing.
        to_result(unsafe { bindings::register_module_notifier(owners.notifier.get()) })?;
        // INVARIANT: It was just registered, and the box is pinned.
        Ok(KBox::into_pin(owners))
    }

    /// A module comes or goes. Once this returns, a module that goes is freed.
    ///
    /// # Safety
    ///
    /// To be called by the kernel's module code only.
    unsafe extern "C" fn changed(
        _: *mut bindings::notifier_block,
        state: c_ulong,
        module: *mut c_void,
    ) -> c_int {
        // CAST: A small number.
        if state == bindings::module_state_MODULE_STATE_GOING as c_ulong {
            attached::unregister_owner(module.cast());
        }
        // CAST: A small number.
        bindings::NOTIFY_DONE as c_int
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. This waits until it is not being called.
        unsafe { bindings::unregister_module_notifier(self.notifier.get()) };
    }
}
