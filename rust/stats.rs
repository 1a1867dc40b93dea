// SPDX-License-Identifier: GPL-2.0

//! Counters: what became of arrivals, and of requests for a kick.
//!
//! All are 64-bit, only ever grow, and are read without stopping anybody.

use crate::window::{
    Outcome,
    Reason, //
};
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

/// Counters for the reasons of one thing; that it happened is counted nowhere else.
pub(crate) struct ByReason<const N: usize>([Counter; N]);

impl<const N: usize> ByReason<N> {
    /// Creates the counters at 0.
    pub(crate) const fn new() -> Self {
        Self([const { Counter::new() }; N])
    }

    /// Counts one for the reason with this number.
    #[inline(always)]
    fn count(&self, number: usize) {
        if let Some(counter) = self.0.get(number) {
            counter.add(1);
        }
    }

    /// Returns the count of the reason with this number.
    fn get(&self, number: usize) -> u64 {
        self.0.get(number).map_or(0, Counter::get)
    }

    /// Returns the count of all reasons.
    fn sum(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, counter| sum.wrapping_add(counter.get()))
    }

    /// Adds all counts of `other`.
    fn absorb(&self, other: &Self) {
        for (counter, other) in self.0.iter().zip(&other.0) {
            counter.0.add(other.get(), Relaxed);
        }
    }
}

/// Why an arrival was left to the stock path.
#[derive(Clone, Copy)]
pub(crate) enum Left {
    /// Its IRQ is disabled or suspended, or nobody has requested it.
    Disabled,
    /// Its handler says so.
    Handler,
    /// Its handler, another module's, gave no valid verdict.
    Invalid,
    /// KVM has not cached the translation of its MSI.
    Untranslated,
    /// KVM must queue it, or the guest is changing or discarding it at this moment.
    Refused,
}

impl Left {
    const COUNT: usize = Self::Refused as usize + 1;
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
    to_host: ByReason<{ Left::COUNT }>,
    /// Dealt with by a handler.
    pub(crate) consumed: Counter,
    /// Redirected by a handler to an interrupt that KVM had to find first.
    pub(crate) deferred: Counter,
}

impl Fates {
    /// Creates the counters at 0.
    pub(crate) const fn new() -> Self {
        Self {
            received: Counter::new(),
            forwarded: Counter::new(),
            merged: Counter::new(),
            to_host: ByReason::new(),
            consumed: Counter::new(),
            deferred: Counter::new(),
        }
    }

    /// Adds all counts of `other`.
    pub(crate) fn absorb(&self, other: &Self) {
        for (counter, other) in [
            (&self.received, &other.received),
            (&self.forwarded, &other.forwarded),
            (&self.merged, &other.merged),
            (&self.consumed, &other.consumed),
            (&self.deferred, &other.deferred),
        ] {
            counter.0.add(other.get(), Relaxed);
        }
        self.to_host.absorb(&other.to_host);
    }

    /// Counts an arrival that is left to the stock path.
    #[inline]
    pub(crate) fn leave(&self, why: Left) {
        self.to_host.count(why as usize);
    }

    /// Returns how many arrivals were left to the stock path.
    pub(crate) fn to_host(&self) -> u64 {
        self.to_host.sum()
    }

    /// Returns how many arrivals were left to the stock path for this reason.
    pub(crate) fn left(&self, why: Left) -> u64 {
        self.to_host.get(why as usize)
    }
}

/// What became of requests for a kick: once none is held, `requests` is `sent` plus `saved`.
pub(crate) struct Kicks {
    /// All requests.
    pub(crate) requests: Counter,
    /// Put off into a window.
    pub(crate) held: Counter,
    /// Kicks sent: reschedule interrupts and wake-ups.
    sent: ByReason<{ Reason::COUNT }>,
    /// Requests that needed no kick of their own.
    pub(crate) saved: Counter,
}

impl Kicks {
    /// Creates the counters at 0.
    pub(crate) const fn new() -> Self {
        Self {
            requests: Counter::new(),
            held: Counter::new(),
            sent: ByReason::new(),
            saved: Counter::new(),
        }
    }

    /// Adds what a step of the protocol came to.
    #[inline(always)]
    pub(crate) fn add(&self, outcome: &Outcome) {
        let tally = &outcome.tally;
        for (counter, count) in [
            (&self.requests, tally.requests),
            (&self.held, tally.held),
            (&self.saved, tally.saved),
        ] {
            if count > 0 {
                counter.add(count);
            }
        }
        // A step sends one kick at most.
        if let Some((reason, _)) = outcome.sent() {
            self.sent.count(reason as usize);
        }
    }

    /// Returns how many kicks were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.sum()
    }

    /// Returns how many kicks were sent for this reason.
    pub(crate) fn sent_for(&self, reason: Reason) -> u64 {
        self.sent.get(reason as usize)
    }
}
