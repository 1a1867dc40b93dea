// SPDX-License-Identifier: GPL-2.0

//! Probes: being told when KVM enters one of its functions.
//!
//! An fprobe without an exit handler: such a probe is called by ftrace from the function's entry. An
//! exit handler would need the function graph tracer, which gives every task of the host a second
//! stack.
//!
//! C header: [`include/linux/fprobe.h`](srctree/include/linux/fprobe.h)

use crate::bindings as volley_bindings;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// Who is told of a function, and of which.
pub(super) trait Probed: Send + Sync + 'static {
    /// The function. It is one that ftrace can trace, or no probe can be made.
    const FUNCTION: &'static CStr;

    /// The function has been entered with this first argument.
    ///
    /// Context: that of the function, and preemption is off; so it is a section that a grace period
    /// of RCU waits for.
    ///
    /// # Safety
    ///
    /// To be called when the function is entered, with its first argument.
    unsafe fn entered(&self, first: *mut c_void);
}

/// A probe on a function; dropping it ends it.
///
/// # Invariants
///
/// `fprobe` is registered if `registered` says so, and then lives in a pinned box.
#[repr(C)]
pub(super) struct Probe<P: Probed> {
    fprobe: volley_bindings::fprobe,
    probed: P,
    registered: bool,
}

// SAFETY: The fprobe is only touched by the kernel, from any thread, and `P` is `Send` and `Sync`.
unsafe impl<P: Probed> Send for Probe<P> {}
// SAFETY: As above.
unsafe impl<P: Probed> Sync for Probe<P> {}

impl<P: Probed> Probe<P> {
    /// Has `probed` told from here on. Context: process, sleeps, with no lock of ftrace's held.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no such function, or ftrace cannot trace it; the log names it. `ENOMEM`.
    pub(super) fn new(probed: P) -> Result<Pin<KBox<Self>>> {
        let mut probe = KBox::new(
            Self {
                fprobe: volley_bindings::fprobe {
                    entry_handler: Some(Self::entered),
                    ..Default::default()
                },
                probed,
                registered: false,
            },
            GFP_KERNEL,
        )?;
        let mut names = [P::FUNCTION.as_char_ptr()];
        // SAFETY: The probe is in a box that does not move any more, and is unregistered when the
        // box is dropped.
        to_result(unsafe {
            volley_bindings::register_fprobe_syms(&raw mut probe.fprobe, names.as_mut_ptr(), 1)
        })
        .inspect_err(|_| pr_err!("cannot probe {}\n", P::FUNCTION))?;
        // INVARIANT: It has just been registered, and the box is pinned.
        probe.registered = true;
        Ok(KBox::into_pin(probe))
    }

    /// The function has been entered.
    ///
    /// # Safety
    ///
    /// To be called by the kernel for the probe of a `Self` only.
    unsafe extern "C" fn entered(
        fprobe: *mut volley_bindings::fprobe,
        _: c_ulong,
        _: c_ulong,
        arguments: *mut volley_bindings::ftrace_regs,
        _: *mut c_void,
    ) -> c_int {
        // SAFETY: `fprobe` is the first field of a `Self`, which is valid while it is registered;
        // the kernel passes the registers that the function was entered with.
        unsafe {
            let first = volley_bindings::volley_first_argument(arguments);
            (*fprobe.cast::<Self>()).probed.entered(first);
        }
        // Not zero: there is no exit handler to be called.
        1
    }
}

impl<P: Probed> Drop for Probe<P> {
    fn drop(&mut self) {
        if self.registered {
            // SAFETY: By the type invariants. This waits until no handler runs.
            unsafe { volley_bindings::unregister_fprobe(&raw mut self.fprobe) };
        }
    }
}
