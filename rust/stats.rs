// SPDX-License-Identifier: GPL-2.0

//! Counters: what became of arrivals, and of requests for a kick; and what volleys and windows
//! were like.
//!
//! All are 64-bit, only ever grow, and are read without stopping anybody.

use crate::{
    timer,
    window::{
        histogram::{
            size,
            sizes_in,
            usecs,
            usecs_bucket,
            LARGEST,
            USECS_BUCKETS, //
        },
        Ended,
        Outcome,
        Reason, //
    }, //
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

/// Returns the sum of all of `counts`.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::wrapping_add)
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
        sum(self.0.iter().map(Counter::get))
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
    /// Redirected by a handler to an interrupt that KVM had to find, or to inject by itself.
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

/// How many virtual interrupts volleys had.
struct Sizes {
    counters: [Counter; LARGEST + 1],
    /// What the largest had beyond the last counter's size.
    beyond: Counter,
}

impl Sizes {
    /// Creates the counters at 0.
    const fn new() -> Self {
        Self {
            counters: [const { Counter::new() }; LARGEST + 1],
            beyond: Counter::new(),
        }
    }

    /// Counts a volley of `irqs` interrupts.
    #[inline(always)]
    fn count(&self, irqs: u32) {
        let (number, beyond) = size(irqs);
        if let Some(counter) = self.counters.get(number) {
            counter.add(1);
        }
        if beyond > 0 {
            self.beyond.add(beyond);
        }
    }

    /// Returns the count of one bucket.
    fn bucket(&self, bucket: usize) -> u64 {
        self.counters
            .get(sizes_in(bucket))
            .map_or(0, |counters| sum(counters.iter().map(Counter::get)))
    }

    /// Returns the sum of all sizes.
    fn irqs(&self) -> u64 {
        let counters = self.counters.iter().enumerate();

        // CAST: A size fits a `u64`.
        sum(counters.map(|(size, counter)| counter.get().wrapping_mul(size as u64)))
            .wrapping_add(self.beyond.get())
    }
}

/// For how long windows were open.
struct HeldTimes {
    buckets: [Counter; USECS_BUCKETS],
    /// All together, in nanoseconds.
    ns: Counter,
}

impl HeldTimes {
    /// Creates the counters at 0.
    const fn new() -> Self {
        Self {
            buckets: [const { Counter::new() }; USECS_BUCKETS],
            ns: Counter::new(),
        }
    }

    /// Counts a window that was open for `ns` nanoseconds.
    fn count(&self, ns: u64) {
        if let Some(counter) = self.buckets.get(usecs_bucket(usecs(ns))) {
            counter.add(1);
        }
        self.ns.0.add(ns, Relaxed);
    }
}

/// What became of requests for a kick: once none is held, `requests` is `sent` plus `saved`, and
/// there are as many times as windows.
pub(crate) struct Kicks {
    /// All requests.
    pub(crate) requests: Counter,
    /// Put off into a window.
    pub(crate) held: Counter,
    /// Windows opened.
    pub(crate) windows: Counter,
    /// Kicks sent: reschedule interrupts and wake-ups.
    sent: ByReason<{ Reason::COUNT }>,
    /// Held requests that needed no kick: the vCPU left the guest by itself.
    pub(crate) saved_exit: Counter,
    /// Requests that were served by a kick that counts as another's.
    pub(crate) saved_shared: Counter,
    /// Requests that were not held and needed no kick.
    pub(crate) saved_awake: Counter,
    sizes: Sizes,
    held_times: HeldTimes,
}

impl Kicks {
    /// Creates the counters at 0.
    pub(crate) const fn new() -> Self {
        Self {
            requests: Counter::new(),
            held: Counter::new(),
            windows: Counter::new(),
            sent: ByReason::new(),
            saved_exit: Counter::new(),
            saved_shared: Counter::new(),
            saved_awake: Counter::new(),
            sizes: Sizes::new(),
            held_times: HeldTimes::new(),
        }
    }

    /// Adds what a step of the protocol came to.
    #[inline(always)]
    pub(crate) fn add(&self, outcome: &Outcome) {
        let tally = &outcome.tally;
        for (counter, count) in [
            (&self.requests, tally.requests),
            (&self.held, tally.held),
            (&self.windows, tally.windows),
            (&self.saved_awake, tally.awake),
        ] {
            if count > 0 {
                counter.add(count);
            }
        }
        // A step sends one kick at most.
        if let Some((reason, _)) = outcome.sent() {
            self.sent.count(reason as usize);
        }
        if let Some((_, held)) = outcome.kick {
            self.sizes.count(held.irqs);
        }
        if outcome.released.any() || outcome.exit.any() {
            self.saved_exit.add(tally.exit);
            self.saved_shared.add(tally.shared);
            self.add_ended(outcome.released, outcome.exit);
        }
    }

    /// Counts windows that have ended, one with a kick, one with an exit.
    #[inline(never)]
    fn add_ended(&self, released: Ended, exit: Ended) {
        let now = timer::now();

        for window in [released, exit] {
            if window.any() {
                self.held_times.count(window.held_ns(now));
            }
        }
        // The other one's interrupts went with the kick.
        if exit.any() {
            self.sizes.count(exit.held().irqs);
        }
    }

    /// Returns how many requests needed no kick of their own.
    pub(crate) fn saved(&self) -> u64 {
        sum([&self.saved_exit, &self.saved_shared, &self.saved_awake]
            .into_iter()
            .map(Counter::get))
    }

    /// Returns how many volleys there were.
    pub(crate) fn volleys(&self) -> u64 {
        sum(self.sizes.counters.iter().map(Counter::get))
    }

    /// Returns how many virtual interrupts they had, all together.
    pub(crate) fn volley_irqs(&self) -> u64 {
        self.sizes.irqs()
    }

    /// Returns how many volleys were of the sizes in this bucket.
    pub(crate) fn volleys_of(&self, bucket: usize) -> u64 {
        self.sizes.bucket(bucket)
    }

    /// Returns for how long windows were open, all together, in microseconds.
    pub(crate) fn held_usecs(&self) -> u64 {
        usecs(self.held_times.ns.get())
    }

    /// Returns how many windows were open for as long as this bucket says.
    pub(crate) fn held_for(&self, bucket: usize) -> u64 {
        self.held_times.buckets.get(bucket).map_or(0, Counter::get)
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
