// SPDX-License-Identifier: GPL-2.0

//! A timer that is queued from hard interrupts, and expires in one.
//!
//! The kernel's own abstraction has a handle for every start, which must not be dropped in hard
//! interrupt; here the timer is started any number of times and cancelled once, at its end.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use crate::series::HRTIMER_NORESTART;
use core::{
    ops::Deref,
    ptr::from_ref, //
};
use kernel::{
    bindings,
    prelude::*,
    types::Opaque, //
};

/// What a timer is attached to.
pub(crate) trait Expire: Send + Sync + Sized {
    /// The timer has expired. It may be started again from here.
    ///
    /// Context: hard IRQ, interrupts off.
    fn expired(timed: &Timed<Self>);
}

/// A `T` with a timer.
///
/// # Invariants
///
/// It lives in a pinned box, and `timer` has been set up.
#[repr(C)]
pub(crate) struct Timed<T: Expire> {
    timer: Opaque<bindings::hrtimer>,
    inner: T,
}

// SAFETY: A timer may be started and cancelled from any thread.
unsafe impl<T: Expire> Send for Timed<T> {}
// SAFETY: As above; the kernel has a lock for it.
unsafe impl<T: Expire> Sync for Timed<T> {}

/// Monotonic, absolute, in hard interrupt on PREEMPT_RT as well; on the CPU that starts it, or on
/// that where its callback is just running.
const MODE: bindings::hrtimer_mode = bindings::hrtimer_mode_HRTIMER_MODE_ABS_PINNED_HARD;

impl<T: Expire> Timed<T> {
    /// Creates `inner` with a timer that is not started.
    pub(crate) fn new(inner: T) -> Result<Pin<KBox<Self>>> {
        // The memory first: if there is none, there must be no timer yet that is dropped.
        let timed = KBox::<Self>::new_uninit(GFP_KERNEL)?.write(Self {
            timer: Opaque::zeroed(),
            inner,
        });
        // SAFETY: The memory is ours, and does not move before it is dropped.
        unsafe {
            bindings::hrtimer_setup(
                timed.timer.get(),
                Some(Self::callback),
                bindings::CLOCK_MONOTONIC as bindings::clockid_t,
                MODE,
            );
        }
        // INVARIANT: The timer was just set up, and the box is pinned.
        Ok(KBox::into_pin(timed))
    }

    /// Starts the timer, or moves it, to expire at `deadline`, in monotonic nanoseconds.
    ///
    /// Context: any, also from [`Expire::expired`].
    pub(crate) fn start(&self, deadline: u64) {
        let deadline = i64::try_from(deadline).unwrap_or(i64::MAX);
        // SAFETY: By the type invariants.
        unsafe { bindings::hrtimer_start_range_ns(self.timer.get(), deadline, 0, MODE) };
    }

    /// # Safety
    ///
    /// To be called by the kernel's timer code for the timer of a `Self` only.
    unsafe extern "C" fn callback(timer: *mut bindings::hrtimer) -> bindings::hrtimer_restart {
        // SAFETY: The timer is the first field of a `Self`, which waits for this in `drop`.
        T::expired(unsafe { &*timer.cast::<Self>() });
        // If it was started again meanwhile, that stands.
        HRTIMER_NORESTART
    }

    /// Returns whether both are the same object.
    pub(crate) fn is(&self, other: &Self) -> bool {
        core::ptr::eq(from_ref(self), from_ref(other))
    }
}

impl<T: Expire> Deref for Timed<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: Expire> Drop for Timed<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. This waits for a running callback; nobody else is left
        // who could start the timer again.
        unsafe { bindings::hrtimer_cancel(self.timer.get()) };
    }
}

/// Returns the monotonic time in nanoseconds. Context: any.
#[inline]
pub(crate) fn now() -> u64 {
    // SAFETY: FFI call without requirements.
    let now = unsafe { bindings::ktime_get() };
    // CAST: Monotonic time is not negative.
    now as u64
}
