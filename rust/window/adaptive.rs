// SPDX-License-Identifier: GPL-2.0

//! Adaptive windows: no longer than it takes to fill the list registers, and none at low rates.
//!
//! What is decided here is which [`Settings`] the protocol gets for one request, within those of
//! the administrator. The protocol is the same, and so is what it promises.

use super::{
    hold::{
        AtomicWord,
        Hold, //
    },
    protocol::{
        volley_queued,
        Outcome,
        Vcpu, //
    },
    rate::Rate,
    settings::{
        Settings,
        NSEC_PER_USEC, //
    },
    word::Reason, //
};

/// A window is this many times as long as it should take to fill it.
///
/// Half of the volleys come later than expected. If the last one does, the kick would be sent
/// just before it, and one more just after. A window that is full ends at once, so the time is
/// spent only where no more come.
const PATIENCE: u64 = 2;

/// Where the rate of volleys for a vCPU is kept.
///
/// Relaxed accesses will do, and no update needs to be atomic: see [`Rate`].
pub(crate) trait RateWord {
    /// Reads the word.
    fn load(&self) -> Rate;

    /// Writes the word.
    fn store(&self, rate: Rate);
}

/// Returns the settings for one volley of `irqs` interrupts at `rate`, within `settings`.
///
/// The kick may be held only if another volley is expected before `settings` would end the window.
/// It ends once `max_irqs` would be together if all of them were like this one.
pub(crate) fn bound(settings: Settings, rate: Rate, irqs: u32) -> Settings {
    let gap = rate.gap_ns();

    if gap >= settings.window_ns() {
        return Settings::OFF;
    }
    let irqs = irqs.max(1);
    let missing = settings.max_irqs().saturating_sub(irqs);
    let volleys = missing.div_ceil(irqs);
    let usecs = gap
        .saturating_mul(u64::from(volleys))
        .saturating_mul(PATIENCE)
        .div_ceil(NSEC_PER_USEC)
        .clamp(1, u64::from(settings.max_usecs()));

    // CAST: It is no more than `max_usecs()`.
    settings.with_max_usecs(usecs as u32)
}

/// A vCPU whose clock has been read.
///
/// That it was read before the request bit is set is all that the protocol asks of it.
struct ClockRead<'a, V> {
    vcpu: &'a V,
    at: u64,
}

impl<V: Vcpu> Vcpu for ClockRead<'_, V> {
    fn set_request(&self) -> bool {
        self.vcpu.set_request()
    }

    fn request_pending(&self) -> bool {
        self.vcpu.request_pending()
    }

    fn in_guest(&self) -> bool {
        self.vcpu.in_guest()
    }

    fn kick(&self) -> bool {
        self.vcpu.kick()
    }

    fn now(&self) -> u64 {
        self.at
    }

    fn start_timer(&self, deadline: u64) {
        self.vcpu.start_timer(deadline);
    }
}

/// As [`volley_queued`], within what `settings`, which must allow holding, come to at this rate.
///
/// Also returns what they came to.
///
/// Context: as for [`volley_queued`].
pub(crate) fn volley_queued_adaptive<A: AtomicWord, V: Vcpu, R: RateWord>(
    hold: &Hold<A>,
    vcpu: &V,
    rate: &R,
    settings: Settings,
    irqs: u32,
) -> (Outcome, Settings) {
    let at = vcpu.now();
    let now = rate.load().volley(at, settings.window_ns());
    rate.store(now);

    let bound = bound(settings, now, irqs);
    let outcome = volley_queued(hold, &ClockRead { vcpu, at }, bound, irqs);
    (outcome.not_held_because(Reason::Rate), bound)
}
