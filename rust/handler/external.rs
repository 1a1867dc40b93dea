// SPDX-License-Identifier: GPL-2.0

//! A handler of another module's, and how a source finds it.

use super::{
    batch::Taken,
    verdicts::{
        decide,
        Decisions,
        Given,
        MAX_BATCH, //
    },
    Handle,
    Name, //
};
use crate::{
    bindings as volley_bindings,
    context::HardIrq,
    fixed_vec::FixedVec,
    once::Once, //
};
use core::{
    mem::{
        align_of,
        size_of, //
    },
    ptr::null, //
};
use kernel::{
    bindings,
    cpu::CpuId,
    device::Device,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Full,
            Release, //
        },
        rcu, //
    },
};

/// What a handler is registered for.
pub(crate) enum Target {
    /// The source that has this Linux IRQ number, as long as there is this source.
    Irq(u32),
    /// All sources that are interrupts of this device, now and later.
    Device(ARef<Device>),
}

/// `process()` of `struct volley_handler`.
type Process = unsafe extern "C" fn(
    *const volley_bindings::volley_arrival,
    *mut c_void,
) -> volley_bindings::volley_verdict;
/// `process_batch()` of `struct volley_handler`.
type ProcessBatch = unsafe extern "C" fn(
    *const volley_bindings::volley_arrival,
    c_uint,
    *mut volley_bindings::volley_verdict,
    *mut c_void,
) -> c_uint;

#[derive(Clone, Copy)]
enum Call {
    One(Process),
    Batch(ProcessBatch),
}

/// A registered handler of another module's.
///
/// # Invariants
///
/// `call` may be called with `data`, in hard interrupts, for as long as the value exists.
pub(crate) struct External {
    /// Given when it is registered.
    handle: Handle,
    name: Name,
    target: Target,
    owner: *mut bindings::module,
    call: Call,
    data: *mut c_void,
    invalid: Atomic<bool>,
}

// SAFETY: The functions may be called on any CPU by the type invariants; the owner's address is
// only compared.
unsafe impl Send for External {}
// SAFETY: As above, and on several CPUs at once, as `rust/api/volley.h` demands.
unsafe impl Sync for External {}

// A handler writes its verdicts where they are checked.
const _: () = {
    use core::mem::offset_of;
    use volley_bindings::volley_verdict as Written;

    assert!(size_of::<Given>() == size_of::<Written>());
    assert!(align_of::<Given>() == align_of::<Written>());
    assert!(offset_of!(Given, action) == offset_of!(Written, action));
    assert!(offset_of!(Given, gsi) == offset_of!(Written, gsi));
    assert!(offset_of!(Given, arrival) == offset_of!(Written, arrival));
};

impl External {
    /// Reads what a module wants to register.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the name is not one that a handler may have, or if not exactly one function is
    /// given.
    ///
    /// # Safety
    ///
    /// `handler` must be valid, its name be a string, and its functions must be callable with
    /// `data`, in hard interrupts, until the result is dropped.
    pub(crate) unsafe fn new(
        handler: &volley_bindings::volley_handler,
        data: *mut c_void,
        target: Target,
    ) -> Result<Self> {
        if handler.name.is_null() {
            return Err(EINVAL);
        }
        // SAFETY: It is a string by the safety requirements.
        let name = unsafe { CStr::from_char_ptr(handler.name) };
        let call = match (handler.process, handler.process_batch) {
            (Some(process), None) => Call::One(process),
            (None, Some(process)) => Call::Batch(process),
            _ => return Err(EINVAL),
        };
        // INVARIANT: By the safety requirements.
        Ok(Self {
            handle: Handle::NONE,
            name: Name::foreign(name).ok_or(EINVAL)?,
            target,
            owner: handler.owner.cast(),
            call,
            data,
            invalid: Atomic::new(false),
        })
    }

    /// Gives it what its module will have for it.
    pub(super) fn registered_as(self, handle: Handle) -> Self {
        Self { handle, ..self }
    }

    /// Returns what its module has for it.
    pub(crate) fn handle(&self) -> Handle {
        self.handle
    }

    /// Returns the handler's name.
    pub(crate) fn name(&self) -> Name {
        self.name
    }

    /// Returns what it is registered for.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Returns whether it is part of the module `owner`.
    pub(crate) fn is_of(&self, owner: *const bindings::module) -> bool {
        core::ptr::eq(self.owner, owner)
    }

    /// Notes that a verdict was not valid; returns whether it is the first time.
    pub(crate) fn first_invalid(&self) -> bool {
        !self.invalid.read_once() && !self.invalid.xchg(true, Full)
    }

    /// Has the handler decide on `taken`, [`MAX_BATCH`] arrivals at most. Context: hard IRQ.
    pub(super) fn decide(&self, taken: &[Taken<'_>], _: &HardIrq) -> Decisions {
        let cpu = CpuId::current().as_u32();
        let mut arrivals: FixedVec<volley_bindings::volley_arrival, MAX_BATCH> = FixedVec::new();
        let mut given = [Given::default(); MAX_BATCH];

        for Taken { source, time } in taken {
            let _ = arrivals.push(volley_bindings::volley_arrival {
                time: *time,
                hwirq: u64::from(source.line().intid()),
                irq: source.line().irq(),
                cpu,
                gsi: source.route().gsi(),
                reserved: 0,
            });
        }
        let arrivals = arrivals.as_slice();
        // CAST: There are `MAX_BATCH` at most.
        let count = arrivals.len() as u32;
        let returned = match self.call {
            Call::One(process) => {
                for ((arrival, given), at) in arrivals.iter().zip(&mut given).zip(0..) {
                    // SAFETY: By the type invariants.
                    let verdict = unsafe { process(arrival, self.data) };
                    *given = Given {
                        action: verdict.action,
                        gsi: verdict.gsi,
                        arrival: at,
                    };
                }
                count
            }
            // SAFETY: By the type invariants. There is room for as many verdicts as there are
            // arrivals, and both types have the same layout.
            Call::Batch(process) => unsafe {
                process(
                    arrivals.as_ptr(),
                    count,
                    given.as_mut_ptr().cast(),
                    self.data,
                )
            },
        };
        decide(&given, returned, arrivals.len())
    }
}

/// Where a source has the handler of another module's, if it has one.
///
/// # Invariants
///
/// Null, or a handler that is neither dropped nor called for the last time before the slot has
/// been emptied and a grace period has passed ([`Registrations`](super::Registrations)).
pub(crate) struct Slot(Atomic<*const External>);

// SAFETY: An `External` may be used on any CPU.
unsafe impl Send for Slot {}
// SAFETY: As above.
unsafe impl Sync for Slot {}

impl Slot {
    /// Creates an empty slot.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(null()))
    }

    /// Returns the handler. Context: hard IRQ.
    pub(crate) fn get<'irq>(&self, _: &'irq HardIrq) -> Option<&'irq External> {
        // SAFETY: By the type invariants, as a hard interrupt is an RCU read-side section.
        unsafe { self.0.read_once().as_ref() }
    }

    /// Returns the handler. Context: any, within an RCU read-side section.
    pub(crate) fn read<'rcu>(&self, _: &'rcu rcu::Guard) -> Option<&'rcu External> {
        // SAFETY: By the type invariants.
        unsafe { self.0.read_once().as_ref() }
    }

    /// Returns whether there is a handler. Context: any.
    pub(crate) fn is_taken(&self) -> bool {
        !self.0.read_once().is_null()
    }

    /// Returns whether this handler is the one.
    pub(super) fn has(&self, external: *const External) -> bool {
        core::ptr::eq(self.0.read_once(), external)
    }

    /// Puts `external` in.
    ///
    /// # Safety
    ///
    /// It must not be dropped before the slot has been emptied and a grace period has passed.
    pub(super) unsafe fn fill(&self, external: &External) {
        // INVARIANT: By the safety requirements.
        self.0.store(external, Release);
    }

    /// Empties the slot. Context: any.
    pub(crate) fn empty(&self) {
        self.0.store(null(), Release);
    }
}
