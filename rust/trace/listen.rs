// SPDX-License-Identifier: GPL-2.0

//! Whether somebody listens to `list_registers_loaded`, and being told when that changes.
//!
//! The kernel calls the two functions at the end, which `trace.h` names, when an event is turned on
//! that was off, and the other way round; with locks of its own held, and also while the module is
//! not yet initialised, or not any more.

use crate::{
    loads::Loads,
    series::synchronize_rcu, //
};
use core::ptr::null_mut;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        rcu,
        Arc,
        ArcBorrow, //
    },
};

/// Somebody listens.
static LISTENED: Atomic<bool> = Atomic::new(false);

/// Who is told, or null; from `Arc::into_raw`, and taken back a grace period after it was replaced.
static TOLD: Atomic<*mut Loads> = Atomic::new(null_mut());

/// Returns whether somebody listens at this moment.
pub(crate) fn somebody_listens() -> bool {
    LISTENED.load(Relaxed)
}

/// The time during which changes are told; dropping it ends that.
///
/// # Invariants
///
/// `TOLD` is from `Arc::into_raw`.
pub(crate) struct Listened(());

impl Listened {
    /// Has `told` told of changes, and of the present state. There must be no other.
    pub(crate) fn new(told: Arc<Loads>) -> Self {
        // INVARIANT: The pointer is from `Arc::into_raw`.
        // Fully ordered, against `changed`: either that finds the pointer, or the work item that is
        // queued here finds what it has stored.
        TOLD.xchg(Arc::into_raw(told.clone()).cast_mut(), Full);
        told.listeners_changed();
        Self(())
    }
}

impl Drop for Listened {
    fn drop(&mut self) {
        let told = TOLD.xchg(null_mut(), Full);
        // Whoever found it has queued the work item by then.
        synchronize_rcu();
        // SAFETY: By the type invariants, and nobody uses it any more.
        drop(unsafe { Arc::from_raw(told.cast_const()) });
    }
}

/// Notes the change and tells of it.
fn changed(listened: bool) {
    LISTENED.xchg(listened, Full);
    let _guard = rcu::read_lock();
    let told = TOLD.load(Relaxed);
    if !told.is_null() {
        // SAFETY: It is from `Arc::into_raw`, and taken back after this RCU section only.
        let told: Arc<Loads> = unsafe { ArcBorrow::from_raw(told.cast_const()) }.into();
        told.listeners_changed();
    }
}

/// The event is being turned on.
#[no_mangle]
extern "C" fn volley_listeners_came() -> c_int {
    changed(true);
    0
}

/// The event is being turned off.
#[no_mangle]
extern "C" fn volley_listeners_left() {
    changed(false);
}
