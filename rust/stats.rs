// SPDX-License-Identifier: GPL-2.0

//! Counters: what became of arrivals, and of requests for a kick.
//!
//! All are 64-bit, only ever grow, and are read without stopping anybody.

use crate::window::Tally;
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// A number that only grows.
pub(crate) struct Counter(Atomic<u64>);

impl Counter {
    /// Creates a counter at 0.
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(0))
    }

    /// Adds `count`; wraps after centuries.
    #[inline(always)]
    pub(crate) fn add(&self, count: u32) {
        self.0.add(u64::from(count), Relaxed);
    }

    /// Returns the present count.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// What became of arrivals: at rest, `received` is the sum of the others.
pub(crate) struct Fates {
    /// All arrivals.
    pub(crate) received: Counter,
    /// Queued to a vGIC anew.
    pub(crate) forwarded: Counter,
    /// Already latched and waiting in the vGIC.
    pub(crate) merged: Counter,
    /// Left to the stock path.
    pub(crate) to_host: Counter,
    /// Dealt with by a handler.
    pub(crate) consumed: Counter,
}

impl Fates {
    /// Creates the counters at 0.
    pub(crate) const fn new() -> Self {
        Self {
            received: Counter::new(),
            forwarded: Counter::new(),
            merged: Counter::new(),
            to_host: Counter::new(),
            consumed: Counter::new(),
        }
    }

    /// Adds all counts of `other`.
    pub(crate) fn absorb(&self, other: &Self) {
        for (counter, other) in [
            (&self.received, &other.received),
            (&self.forwarded, &other.forwarded),
            (&self.merged, &other.merged),
            (&self.to_host, &other.to_host),
            (&self.consumed, &other.consumed),
        ] {
            counter.0.add(other.get(), Relaxed);
        }
    }
}

/// What became of requests for a kick: once none is held, `requests` is `sent` plus `saved`.
pub(crate) struct Kicks {
    /// All requests.
    pub(crate) requests: Counter,
    /// Put off into a window.
    pub(crate) held: Counter,
    /// Kicks sent: reschedule interrupts and wake-ups.
    pub(crate) sent: Counter,
    /// Requests that needed no kick of their own.
    pub(crate) saved: Counter,
}

impl Kicks {
    /// Creates the counters at 0.
    pub(crate) const fn new() -> Self {
        Self {
            requests: Counter::new(),
            held: Counter::new(),
            sent: Counter::new(),
            saved: Counter::new(),
        }
    }

    /// Adds what a step of the protocol came to.
    #[inline(always)]
    pub(crate) fn add(&self, tally: &Tally) {
        for (counter, count) in [
            (&self.requests, tally.requests),
            (&self.held, tally.held),
            (&self.sent, tally.sent),
            (&self.saved, tally.saved),
        ] {
            if count > 0 {
                counter.add(count);
            }
        }
    }
}
