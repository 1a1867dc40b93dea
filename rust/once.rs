// SPDX-License-Identifier: GPL-2.0

//! `READ_ONCE()` and `WRITE_ONCE()` in the path of an interrupt.
//!
//! `Atomic::load` and `Atomic::store` with relaxed order are these, but a function call each on a
//! kernel without `CONFIG_RUST_INLINE_HELPERS`: a dozen instructions instead of one, many times
//! for each interrupt.

use kernel::sync::atomic::{
    Atomic,
    AtomicType, //
};

/// Relaxed accesses that are one instruction.
pub(crate) trait Once<T> {
    /// `READ_ONCE()`. What is read through a pointer that this returns is ordered after it, as
    /// after `rcu_dereference()`, by the address dependency.
    fn read_once(&self) -> T;

    /// `WRITE_ONCE()`.
    fn write_once(&self, value: T);
}

impl<T: AtomicType> Once<T> for Atomic<T> {
    #[inline(always)]
    fn read_once(&self) -> T {
        // SAFETY: The pointer is valid; a volatile access of a machine word is an atomic access in
        // the kernel's memory model.
        unsafe { self.as_ptr().read_volatile() }
    }

    #[inline(always)]
    fn write_once(&self, value: T) {
        // SAFETY: As above.
        unsafe { self.as_ptr().write_volatile(value) };
    }
}
