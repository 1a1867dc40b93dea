// SPDX-License-Identifier: GPL-2.0

//! Proofs of the context that code runs in.

use core::marker::PhantomData;

/// Proof that this CPU handles a hard interrupt, with interrupts off.
///
/// A hard interrupt is an RCU read-side critical section, so what is freed only after a grace
/// period may be used for as long as this is borrowed; but not after another interrupt's handler has
/// been called from within, for RCU does not see that it is nested. It cannot leave the CPU it was
/// made on.
///
/// # Invariants
///
/// While a value exists, this CPU runs a hard interrupt handler and does not leave it.
pub(crate) struct HardIrq(PhantomData<*mut ()>);

impl HardIrq {
    /// States that the caller runs in a hard interrupt.
    ///
    /// # Safety
    ///
    /// The caller must run in hard interrupt context with interrupts off, and must not let the
    /// value outlive the handler's invocation.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Self {
        // INVARIANT: by the safety requirements of this function.
        Self(PhantomData)
    }
}

/// Proof that attaching and detaching is serialised.
///
/// Whoever holds one is the only context that changes the registry and the flow handlers of host
/// IRQs. It is made inside the IRQ bypass manager's lock, which connects and disconnects the pairs
/// that sources are made from.
///
/// Context: process, may sleep.
///
/// # Invariants
///
/// While a value exists, the thread that has it holds that lock.
pub(crate) struct Serialised(PhantomData<*mut ()>);

impl Serialised {
    /// States that the caller holds the IRQ bypass manager's lock.
    ///
    /// # Safety
    ///
    /// The caller must hold that lock for as long as the value exists.
    pub(crate) unsafe fn new() -> Self {
        // INVARIANT: By the safety requirements of this function.
        Self(PhantomData)
    }
}
