// SPDX-License-Identifier: GPL-2.0

//! Handlers for Volley, for modules in Rust: the safe side of `volley.h`.
//!
//! A module of its own takes this file in as one of its own; `samples/volley_filter.rs` shows how:
//!
//! ```ignore
//! #[path = "/usr/src/volley/volley.rs"]
//! mod volley;
//!
//! struct Every(Atomic<u32>);
//!
//! impl volley::Handler for Every {
//!     const NAME: &'static CStr = c"every";
//!
//!     fn process(&self, arrival: &volley::Arrival) -> volley::Verdict {
//!         volley::Verdict::Forward
//!     }
//! }
//!
//! let registration = volley::Registration::for_irq(module, irq, Every(Atomic::new(0)))?;
//! ```

#![allow(dead_code, reason = "a module uses what it needs")]

use core::{
    marker::PhantomData,
    mem::{
        offset_of,
        size_of,
        ManuallyDrop, //
    },
    ptr::{
        from_ref,
        NonNull, //
    }, //
};
use kernel::{
    bindings,
    device::Device,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

/// One firing of an interrupt.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// When it was taken, in monotonic nanoseconds.
    pub(crate) time: u64,
    /// Its number at the host's interrupt controller.
    pub(crate) hwirq: u64,
    /// Its Linux IRQ number.
    pub(crate) irq: u32,
    /// The CPU that has taken it.
    pub(crate) cpu: u32,
    /// Its number in the VM, as the VMM gave it to `KVM_IRQFD`.
    pub(crate) gsi: u32,
    reserved: u32,
}

/// What becomes of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It goes the way it would without Volley.
    Host,
    /// It is for the VM, as it stands.
    Forward,
    /// It is for the VM, as its interrupt with this number.
    Redirect(u32),
    /// The handler has dealt with it, and nobody else is to see it.
    Consumed,
}

/// A handler that decides about one arrival at a time.
pub(crate) trait Handler: Send + Sync + 'static {
    /// What the file `handler` of an interrupt shows: letters, digits, `-` and `_`, at most 31.
    const NAME: &'static CStr;

    /// Decides about `arrival`.
    ///
    /// Context: hard IRQ, interrupts off, possibly on several CPUs at once. Must not sleep, take no
    /// lock but a raw one, and allocate nothing.
    fn process(&self, arrival: &Arrival) -> Verdict;
}

/// A handler that decides about all arrivals at once that were taken in the same exception.
pub(crate) trait BatchHandler: Send + Sync + 'static {
    /// As [`Handler::NAME`].
    const NAME: &'static CStr;

    /// Decides about `arrivals`, 1 to 16 in the order in which they were taken.
    ///
    /// Those that `verdicts` has nothing about have been consumed. Context as for
    /// [`Handler::process`].
    fn process(&self, arrivals: &[Arrival], verdicts: &mut Verdicts<'_>);
}

/// The verdicts about a batch of arrivals.
pub(crate) struct Verdicts<'a> {
    room: &'a mut [RawVerdict],
    given: usize,
}

impl Verdicts<'_> {
    /// Says what becomes of the arrival at the place `at`; to be said once of each.
    pub(crate) fn give(&mut self, at: usize, verdict: Verdict) {
        if let Some(slot) = self.room.get_mut(self.given) {
            *slot = RawVerdict::of(verdict, u32::try_from(at).unwrap_or(u32::MAX));
            self.given = self.given.wrapping_add(1);
        }
    }
}

/// `struct volley_verdict`.
#[repr(C)]
#[derive(Clone, Copy)]
struct RawVerdict {
    action: u32,
    gsi: u32,
    arrival: u32,
}

impl RawVerdict {
    fn of(verdict: Verdict, arrival: u32) -> Self {
        // The numbers of `enum volley_action`.
        let (action, gsi) = match verdict {
            Verdict::Host => (0, 0),
            Verdict::Forward => (1, 0),
            Verdict::Redirect(gsi) => (2, gsi),
            Verdict::Consumed => (3, 0),
        };
        Self {
            action,
            gsi,
            arrival,
        }
    }
}

/// `struct volley_handler`.
#[repr(C)]
struct RawHandler {
    owner: *mut bindings::module,
    name: *const c_char,
    process: Option<unsafe extern "C" fn(*const Arrival, *mut c_void) -> RawVerdict>,
    process_batch: Option<
        unsafe extern "C" fn(*const Arrival, c_uint, *mut RawVerdict, *mut c_void) -> c_uint,
    >,
}

/// `struct volley_registration`.
#[repr(C)]
struct RawRegistration {
    _opaque: [u8; 0],
}

/// Sizes and places of what is passed, in the order in which Volley compares them with the header.
pub(super) const LAYOUT: [usize; 15] = [
    size_of::<Arrival>(),
    offset_of!(Arrival, time),
    offset_of!(Arrival, hwirq),
    offset_of!(Arrival, irq),
    offset_of!(Arrival, cpu),
    offset_of!(Arrival, gsi),
    size_of::<RawVerdict>(),
    offset_of!(RawVerdict, action),
    offset_of!(RawVerdict, gsi),
    offset_of!(RawVerdict, arrival),
    size_of::<RawHandler>(),
    offset_of!(RawHandler, owner),
    offset_of!(RawHandler, name),
    offset_of!(RawHandler, process),
    offset_of!(RawHandler, process_batch),
];

#[allow(
    improper_ctypes,
    reason = "a kernel device is passed on, and never looked into"
)]
extern "C" {
    fn volley_register_irq(
        irq: c_uint,
        handler: *const RawHandler,
        data: *mut c_void,
    ) -> *mut RawRegistration;
    fn volley_register_device(
        dev: *mut bindings::device,
        handler: *const RawHandler,
        data: *mut c_void,
    ) -> *mut RawRegistration;
    fn volley_unregister(registration: *mut RawRegistration) -> c_int;
}

/// A registered handler; dropping it ends the registration.
///
/// # Invariants
///
/// `raw` is a registration whose functions are called with `handler`.
pub(crate) struct Registration<T: Send + Sync + 'static> {
    raw: NonNull<RawRegistration>,
    handler: ManuallyDrop<KBox<T>>,
}

// SAFETY: A registration belongs to no thread, and `T` is `Send` and `Sync`.
unsafe impl<T: Send + Sync> Send for Registration<T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for Registration<T> {}

impl<T: Send + Sync> Registration<T> {
    /// Returns the handler.
    pub(crate) fn handler(&self) -> &T {
        &self.handler
    }

    /// Registers `handler`, whose functions `register` gets, with a pointer to it.
    fn new(handler: T, register: impl FnOnce(*mut c_void) -> *mut RawRegistration) -> Result<Self> {
        let handler = KBox::new(handler, GFP_KERNEL)?;
        let raw = from_err_ptr(register(from_ref(&*handler).cast_mut().cast()))?;
        // INVARIANT: It was just registered, with the handler in the box.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(EINVAL)?,
            handler: ManuallyDrop::new(handler),
        })
    }
}

impl<T: Handler> Registration<T> {
    /// Registers `handler` for the assigned interrupt with the Linux IRQ number `irq`.
    ///
    /// `module` is the caller's own. Context: process.
    ///
    /// # Errors
    ///
    /// `ENOENT` if no VM has this interrupt; `EEXIST` if it has a handler already; `EINVAL` if the
    /// name may not be used; `EAGAIN` if the context may not sleep; `ENOMEM`.
    pub(crate) fn for_irq(module: &'static ThisModule, irq: u32, handler: T) -> Result<Self> {
        let raw = One::<T>::raw(module);
        // SAFETY: The function is right for a `T`, to which `data` points until it is unregistered.
        Self::new(handler, |data| unsafe {
            volley_register_irq(irq, &raw, data)
        })
    }

    /// Registers `handler` for all interrupts of `device` that are assigned, now or later.
    ///
    /// # Errors
    ///
    /// As [`Registration::for_irq`], but there need not be an interrupt yet.
    pub(crate) fn for_device(
        module: &'static ThisModule,
        device: &Device,
        handler: T,
    ) -> Result<Self> {
        let raw = One::<T>::raw(module);
        // SAFETY: As in `for_irq`; the caller's reference keeps the device.
        Self::new(handler, |data| unsafe {
            volley_register_device(from_ref(device).cast_mut().cast(), &raw, data)
        })
    }
}

impl<T: BatchHandler> Registration<T> {
    /// As [`Registration::for_irq`], for a handler that decides about several at once.
    pub(crate) fn batches_for_irq(
        module: &'static ThisModule,
        irq: u32,
        handler: T,
    ) -> Result<Self> {
        let raw = Several::<T>::raw(module);
        // SAFETY: As in `for_irq`.
        Self::new(handler, |data| unsafe {
            volley_register_irq(irq, &raw, data)
        })
    }

    /// As [`Registration::for_device`], for a handler that decides about several at once.
    pub(crate) fn batches_for_device(
        module: &'static ThisModule,
        device: &Device,
        handler: T,
    ) -> Result<Self> {
        let raw = Several::<T>::raw(module);
        // SAFETY: As in `for_device`.
        Self::new(handler, |data| unsafe {
            volley_register_device(from_ref(device).cast_mut().cast(), &raw, data)
        })
    }
}

impl<T: Send + Sync> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        match to_result(unsafe { volley_unregister(self.raw.as_ptr()) }) {
            // SAFETY: It is not called any more, and not used after this.
            Ok(()) => unsafe { ManuallyDrop::drop(&mut self.handler) },
            // It may still be called, so it stays.
            Err(error) => pr_err!("a handler cannot be unregistered here: {:?}\n", error),
        }
    }
}

/// The C side of a [`Handler`].
struct One<T>(PhantomData<T>);

impl<T: Handler> One<T> {
    fn raw(module: &'static ThisModule) -> RawHandler {
        RawHandler {
            owner: module.as_ptr(),
            name: T::NAME.as_char_ptr(),
            process: Some(Self::process),
            process_batch: None,
        }
    }

    /// # Safety
    ///
    /// `arrival` must be valid, and `data` a pointer to a `T`.
    unsafe extern "C" fn process(arrival: *const Arrival, data: *mut c_void) -> RawVerdict {
        // SAFETY: By the safety requirements.
        let (handler, arrival) = unsafe { (&*data.cast::<T>(), &*arrival) };
        RawVerdict::of(handler.process(arrival), 0)
    }
}

/// The C side of a [`BatchHandler`].
struct Several<T>(PhantomData<T>);

impl<T: BatchHandler> Several<T> {
    fn raw(module: &'static ThisModule) -> RawHandler {
        RawHandler {
            owner: module.as_ptr(),
            name: T::NAME.as_char_ptr(),
            process: None,
            process_batch: Some(Self::process),
        }
    }

    /// # Safety
    ///
    /// `arrivals` and `verdicts` must be valid for `count` elements, and `data` be a pointer to a
    /// `T`.
    unsafe extern "C" fn process(
        arrivals: *const Arrival,
        count: c_uint,
        verdicts: *mut RawVerdict,
        data: *mut c_void,
    ) -> c_uint {
        // CAST: A `u32` fits a `usize`.
        let count = count as usize;
        // SAFETY: By the safety requirements.
        let (handler, arrivals, room) = unsafe {
            (
                &*data.cast::<T>(),
                core::slice::from_raw_parts(arrivals, count),
                core::slice::from_raw_parts_mut(verdicts, count),
            )
        };
        let mut verdicts = Verdicts { room, given: 0 };
        handler.process(arrivals, &mut verdicts);
        // CAST: It is `count` at most.
        verdicts.given as c_uint
    }
}
