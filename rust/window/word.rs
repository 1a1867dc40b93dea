// SPDX-License-Identifier: GPL-2.0

//! The hold word: one vCPU's window as a 64-bit value, and its transitions.
//!
//! ```text
//!  63     62       53 52     43 42                                   0
//! +-------+----------+---------+--------------------------------------+
//! | armed | requests |  irqs   | deadline, monotonic ns modulo 2^43   |
//! +-------+----------+---------+--------------------------------------+
//! ```
//!
//! - *requests*: requests for a kick that are held; 0 means that no window is open.
//! - *irqs*: virtual interrupts that these requests stand for.
//! - *deadline*: when the window closes. It outlives the window while *armed* is set.
//! - *armed*: the timer is queued for the deadline or an earlier time, or somebody who has set
//!   this bit is about to queue it. So if a new deadline is not earlier, there is nothing to do:
//!   the timer comes early, looks here, and queues itself again. A timer that is queued while
//!   the bit is clear does no harm either: it comes, finds nothing held, and that is all.
//!
//! All functions here take a value and return a value; `hold.rs` applies them to shared memory.

use super::settings::Settings;

/// Bits of the deadline: it wraps after two hours and 26 minutes.
const DEADLINE_BITS: u32 = 43;
/// Bits of each of the two numbers.
const NUMBER_BITS: u32 = 10;
/// Lowest bit of the number of interrupts.
const IRQS_SHIFT: u32 = DEADLINE_BITS;
/// Lowest bit of the number of requests.
const REQUESTS_SHIFT: u32 = IRQS_SHIFT + NUMBER_BITS;

/// The deadline's bits.
const DEADLINE_MASK: u64 = (1 << DEADLINE_BITS) - 1;
/// Either number's bits, and its largest value: a kick is sent once 1024 interrupts are held.
const NUMBER_MASK: u64 = (1 << NUMBER_BITS) - 1;
/// The armed bit.
const ARMED: u64 = 1 << (REQUESTS_SHIFT + NUMBER_BITS);

/// Farthest that an honest deadline can lie ahead of a clock, in nanoseconds.
///
/// Twice the longest window leaves room for a clock that was read a little earlier. Whatever
/// seems to lie farther ahead lies in the past: the host was stopped for hours.
const HORIZON_NS: u64 = 2 * Settings::LONGEST_NS;

/// Why a kick was asked for without waiting (any longer).
///
/// Their numbers are those of the event `kick_sent` in `rust/trace/trace.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The settings allow no holding.
    Off,
    /// The vCPU is blocked, or not in the guest: it is woken, or needs nothing.
    Outside,
    /// As many interrupts wait as the settings allow.
    Count,
    /// The window has closed.
    Time,
    /// Too many CPUs change the word at the same time.
    Contention,
    /// Nothing may be held any longer: a source is detached, or the settings have changed.
    Release,
    /// Interrupts come so seldom that no other is expected in time.
    Rate,
    /// An interrupt of an urgent source waits.
    Urgent,
}

impl Reason {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Urgent as usize + 1;
}

/// What a kick stands for, or a window contains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Requests for a kick.
    pub(crate) requests: u32,
    /// Virtual interrupts of these requests.
    pub(crate) irqs: u32,
}

impl Held {
    /// Returns this with more requests and interrupts.
    pub(crate) fn with(self, requests: u32, irqs: u32) -> Self {
        Self {
            requests: self.requests.saturating_add(requests),
            irqs: self.irqs.saturating_add(irqs),
        }
    }
}

/// A window that has ended; or none, if it held nothing.
///
/// When it was opened is noted beside the word, by whoever opens one, after it has done so. So
/// whoever is faster to end it finds what was noted for an earlier one. This serves statistics
/// only, and nothing else may depend on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The word before it ended.
    word: Word,
    /// When a window was opened, in monotonic nanoseconds.
    opened: u64,
}

impl Ended {
    /// Returns whether there was a window.
    #[inline(always)]
    pub(crate) fn any(self) -> bool {
        self.held().requests > 0
    }

    /// Returns what it held.
    #[inline(always)]
    pub(crate) fn held(self) -> Held {
        self.word.held()
    }

    /// Returns for how long it was open if it has ended at `now`, in nanoseconds.
    ///
    /// It is never more than its end is after the longest window before its deadline.
    pub(crate) fn held_ns(self, now: u64) -> u64 {
        let most = match self.word.past_deadline(now) {
            Some(past) => Settings::LONGEST_NS.saturating_add(past),
            None => {
                let ahead = self.word.deadline().wrapping_sub(now) & DEADLINE_MASK;
                Settings::LONGEST_NS.saturating_sub(ahead)
            }
        };

        now.saturating_sub(self.opened).min(most)
    }
}

/// A request for a kick: virtual interrupts have been queued for a vCPU that runs guest code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Monotonic time in nanoseconds, read *before* the vCPU's request bit was set.
    pub(crate) at: u64,
    /// Virtual interrupts that it stands for.
    pub(crate) irqs: u32,
    /// The word, read *before* the bit was set, if the bit was clear: KVM has taken what it held.
    pub(crate) served: Option<Word>,
}

/// What to do about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing: the timer that is queued comes in time.
    Hold,
    /// Queue the timer for this monotonic time in nanoseconds.
    HoldAndArm(u64),
    /// Kick, for everything that was held and this request.
    Kick(Reason, Held),
}

/// What a transition makes of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requested {
    /// The new word.
    pub(crate) word: Word,
    /// What to do.
    pub(crate) action: Action,
    /// Earlier requests that turned out to be served: the vCPU came by itself.
    pub(crate) served: u32,
}

/// What to do when the timer has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expiry {
    /// Nothing is held.
    Idle,
    /// Queue the timer for this monotonic time in nanoseconds; the word stays as it is.
    Early(u64),
    /// The window has closed on what is held.
    Due,
}

/// One vCPU's window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    /// No window, no timer.
    pub(crate) const IDLE: Self = Self(0);

    /// Packs a word; numbers that do not fit become the largest that do.
    pub(crate) fn new(armed: bool, held: Held, deadline: u64) -> Self {
        let requests = u64::from(held.requests).min(NUMBER_MASK);
        let irqs = u64::from(held.irqs).min(NUMBER_MASK);
        let armed = if armed { ARMED } else { 0 };

        Self(
            armed
                | (requests << REQUESTS_SHIFT)
                | (irqs << IRQS_SHIFT)
                | (deadline & DEADLINE_MASK),
        )
    }

    /// Returns whether a timer will come and look.
    pub(crate) fn armed(self) -> bool {
        self.0 & ARMED != 0
    }

    /// Returns what the window contains.
    pub(crate) fn held(self) -> Held {
        // CAST: Both numbers are masked to ten bits.
        Held {
            requests: ((self.0 >> REQUESTS_SHIFT) & NUMBER_MASK) as u32,
            irqs: ((self.0 >> IRQS_SHIFT) & NUMBER_MASK) as u32,
        }
    }

    /// Returns when the window closes, in monotonic nanoseconds modulo 2^43.
    pub(crate) fn deadline(self) -> u64 {
        self.0 & DEADLINE_MASK
    }

    /// Returns how far `time` is after the deadline, by the shorter way round.
    ///
    /// `None` if it is not after it.
    fn past_deadline(self, time: u64) -> Option<u64> {
        let past = time.wrapping_sub(self.deadline()) & DEADLINE_MASK;

        (past != 0 && past <= DEADLINE_MASK / 2).then_some(past)
    }

    /// Returns whether the window closes after `time`.
    fn closes_after(self, time: u64) -> bool {
        self.past_deadline(time).is_none() && self.deadline() != time & DEADLINE_MASK
    }

    /// Returns the deadline as a full time if it still lies ahead of `now`.
    fn due_after(self, now: u64) -> Option<u64> {
        let ahead = self.deadline().wrapping_sub(now) & DEADLINE_MASK;

        (ahead != 0 && ahead <= HORIZON_NS).then(|| now.wrapping_add(ahead))
    }

    /// Returns the deadline as a full time if the timer must come for it, and before `time`.
    pub(crate) fn armed_before(self, time: u64) -> Option<u64> {
        let past = self.past_deadline(time)?;

        self.armed().then(|| time.wrapping_sub(past))
    }

    /// Returns the window as one that ends now, and that was opened at `opened` for all we know.
    #[inline(always)]
    pub(crate) fn ended(self, opened: u64) -> Ended {
        Ended { word: self, opened }
    }

    /// Returns this word with nothing held; the timer, if any, keeps its deadline.
    pub(crate) fn emptied(self) -> Self {
        Self::new(self.armed(), Held::default(), self.deadline())
    }

    /// A request is made for a vCPU that was seen in the guest after its request bit was set.
    pub(crate) fn request(self, settings: Settings, request: Request) -> Requested {
        let latest = request.at.wrapping_add(settings.window_ns());
        // If KVM has taken all that was held before, that window is moot. If the word is another
        // one by now, somebody got here first, and what it holds may not have been taken.
        let (open, served) = if request.served == Some(self) {
            (Held::default(), self.held().requests)
        } else {
            (self.held(), 0)
        };
        let held = open.with(1, request.irqs.max(1));
        let kick = |reason| Requested {
            word: self.emptied(),
            action: Action::Kick(reason, held),
            served,
        };

        if !settings.may_hold() {
            return kick(Reason::Off);
        }
        if held.irqs >= settings.max_irqs() {
            return kick(Reason::Count);
        }

        let deadline = if open.requests == 0 {
            latest
        } else {
            match self.due_after(request.at) {
                // An open window never closes later for a newcomer, nor too late for it.
                Some(deadline) => deadline.min(latest),
                None => return kick(Reason::Time),
            }
        };
        let in_time = self.armed() && !self.closes_after(deadline);

        Requested {
            word: Self::new(true, held, deadline),
            action: if in_time {
                Action::Hold
            } else {
                Action::HoldAndArm(deadline)
            },
            served,
        }
    }

    /// The timer has expired, or seems to have.
    ///
    /// Unless it is [`Expiry::Early`], the new word is [`Word::IDLE`].
    pub(crate) fn expire(self, now: u64) -> Expiry {
        if self.held().requests == 0 {
            return Expiry::Idle;
        }
        match self.due_after(now) {
            Some(deadline) => Expiry::Early(deadline),
            None => Expiry::Due,
        }
    }

    /// Returns how long the window is open yet, in nanoseconds, at the time `now`; 0 if none is.
    pub(crate) fn left_ns(self, now: u64) -> u64 {
        match self.due_after(now) {
            Some(deadline) if self.held().requests > 0 => deadline.wrapping_sub(now),
            _ => 0,
        }
    }
}
