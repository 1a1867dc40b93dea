// SPDX-License-Identifier: GPL-2.0

//! The hold/kick protocol: in which order its steps are taken.
//!
//! The order within each function is the protocol: `Documentation/protocol.rst` says for each
//! step what it is ordered against, and what is lost without it.

use super::{
    hold::{
        AtomicWord,
        Hold, //
    },
    settings::Settings,
    tally::Tally,
    word::{
        Action,
        Ended,
        Expiry,
        Held,
        Reason,
        Request,
        Word, //
    },
};

/// Attempts to put the timer's time right before kicking instead.
const ARM_TRIES: u32 = 4;

/// What the protocol needs of a vCPU: KVM's side of it, a clock and a timer.
pub(crate) trait Vcpu {
    /// Sets `KVM_REQ_IRQ_PENDING` and returns whether it was set before.
    ///
    /// Must be fully ordered, as `test_and_set_bit()` is.
    fn set_request(&self) -> bool;

    /// Returns whether `KVM_REQ_IRQ_PENDING` is set. Must have a full barrier after it.
    fn request_pending(&self) -> bool;

    /// Returns whether the vCPU is in `IN_GUEST_MODE`, on another CPU.
    fn in_guest(&self) -> bool;

    /// Makes the vCPU leave the guest if it is there, or wakes it if it is blocked.
    ///
    /// Must look at the vCPU's mode anew, and have a full barrier before it looks for a sleeper,
    /// as `kvm_vcpu_wake_up()` has. Every interrupt that it is called for was on the vCPU's list,
    /// and its request bit set, or seen to be, before the last full barrier of the caller. Returns
    /// whether there was anything to do; this serves statistics only.
    fn kick(&self) -> bool;

    /// Returns the monotonic time in nanoseconds.
    fn now(&self) -> u64;

    /// Queues the timer for `deadline`, in monotonic nanoseconds, or moves it there.
    ///
    /// May be called while the timer's callback runs, and in it: must do what `hrtimer_start()`
    /// with `HRTIMER_MODE_ABS` does.
    fn start_timer(&self, deadline: u64);
}

/// What a step of the protocol came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The kick that was made and what it served; it was needed if `tally.sent` is 1.
    pub(crate) kick: Option<(Reason, Held)>,
    /// The window that this kick has ended.
    pub(crate) released: Ended,
    /// The window that the vCPU's own exit has ended before any kick was made.
    pub(crate) exit: Ended,
    /// What to add to the counters.
    pub(crate) tally: Tally,
}

/// Kicks for `held`: what `window` held, which has been taken out of the hold word, and `own`
/// requests that have not been held.
#[inline(always)]
fn kick<V: Vcpu>(vcpu: &V, reason: Reason, held: Held, window: Ended, own: u32) -> Outcome {
    let needed = vcpu.kick();

    Outcome {
        kick: Some((reason, held)),
        released: window,
        exit: Ended::default(),
        tally: Tally::kicked(window.held().requests, own, needed),
    }
}

/// Kicks for `window`, which has been taken out of the hold word, if what it held still waits.
fn settle<V: Vcpu>(vcpu: &V, reason: Reason, window: Ended) -> Outcome {
    if !window.any() {
        Outcome::default()
    } else if vcpu.request_pending() {
        kick(vcpu, reason, window.held(), window, 0)
    } else {
        Outcome::exited(window)
    }
}

/// Queues the timer for `deadline`, or for the earlier one that another CPU has set meanwhile.
fn arm<A: AtomicWord, V: Vcpu>(hold: &Hold<A>, vcpu: &V, mut deadline: u64) -> Outcome {
    for _ in 0..ARM_TRIES {
        vcpu.start_timer(deadline);
        match hold.earlier_than(deadline) {
            Some(earlier) => deadline = earlier,
            None => return Outcome::default(),
        }
    }
    // Without a look at the bit: it is rare, and whoever calls this may have an exit to report.
    let window = hold.take_all();
    if !window.any() {
        return Outcome::default();
    }
    kick(vcpu, Reason::Contention, window.held(), window, 0)
}

/// A volley of `irqs` virtual interrupts has been queued for the vCPU: makes sure it gets them.
///
/// They must be on the vCPU's list before this is called. Makes one request for a kick, which is
/// sent at once or held, within `settings`.
///
/// Context: any, with preemption off; meant for hard interrupts.
#[inline(always)]
pub(crate) fn volley_queued<A: AtomicWord, V: Vcpu>(
    hold: &Hold<A>,
    vcpu: &V,
    settings: Settings,
    irqs: u32,
) -> Outcome {
    let may_hold = settings.may_hold();
    // The clock before the bit: a window counts from no later than when the kick is asked for.
    let at = if may_hold { vcpu.now() } else { 0 };
    // The word before the bit: what is in it has set the bit, so KVM has taken it if it is clear.
    let before = if may_hold { hold.word() } else { Word::IDLE };
    // The bit before the mode: the vCPU sets its mode before it looks at the bit.
    let served = (!vcpu.set_request()).then_some(before);
    let in_guest = vcpu.in_guest();

    if in_guest && may_hold {
        return request(hold, vcpu, settings, Request { at, irqs, served });
    }
    let reason = if in_guest {
        Reason::Off
    } else {
        Reason::Outside
    };
    // Out of the word before the kick: what is held after that may have missed the kick.
    let window = hold.take();
    kick(vcpu, reason, window.held().with(1, irqs), window, 1).and(Tally::request())
}

/// Makes a request for a kick of a vCPU that is in the guest, and that may be held.
fn request<A: AtomicWord, V: Vcpu>(
    hold: &Hold<A>,
    vcpu: &V,
    settings: Settings,
    request: Request,
) -> Outcome {
    let answer = hold.request(settings, request);
    let outcome = match answer.action {
        Action::Hold => Outcome::default().and(Tally::held(answer.opened)),
        Action::HoldAndArm(deadline) => arm(hold, vcpu, deadline).and(Tally::held(answer.opened)),
        Action::Kick(reason, held) => kick(vcpu, reason, held, answer.released, 1),
    };
    // None of these has found an exit.
    let Outcome { exit, tally, .. } = Outcome::exited(answer.exit);
    Outcome { exit, ..outcome }.and(tally).and(Tally::request())
}

/// As [`volley_queued`], for a volley with an urgent interrupt: it is not held, and what is held
/// is released with it.
///
/// Context: as for [`volley_queued`].
pub(crate) fn urgent_volley_queued<A: AtomicWord, V: Vcpu>(
    hold: &Hold<A>,
    vcpu: &V,
    irqs: u32,
) -> Outcome {
    volley_queued(hold, vcpu, Settings::OFF, irqs).not_held_because(Reason::Urgent)
}

/// What an arrival has to do for a virtual interrupt that waits in its vCPU's list already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merged {
    /// Nothing: the vCPU comes for it by itself.
    Nothing,
    /// Call [`volley_merged`]: somebody has asked for a kick.
    Asked,
    /// Ask for a kick, as if it had not been there: nobody has.
    Ask,
}

/// Returns what is to be done for a virtual interrupt that waits in its vCPU's list already.
///
/// The vCPU comes by itself if it is in the guest and had more interrupts than list registers when
/// it entered (`overflowed`). If its request bit is set (`request_pending`) it has not begun an
/// entry since. But one that is `urgent` does not wait for what may be held.
///
/// Both must be looked at with the list locked, once the interrupt has been found in it: what was
/// true before that may be of an earlier entry. Each is asked for only if it matters.
#[inline(always)]
pub(crate) fn merged(
    urgent: bool,
    overflowed: impl FnOnce() -> bool,
    request_pending: impl FnOnce() -> bool,
) -> Merged {
    if urgent {
        Merged::Ask
    } else if overflowed() {
        Merged::Nothing
    } else if request_pending() {
        Merged::Asked
    } else {
        Merged::Ask
    }
}

/// An arrival has merged with a virtual interrupt that the vCPU has been asked to look at.
///
/// Whoever sets the request bit kicks, or holds the kick. But KVM does so in two steps, and a
/// thread of its own may be interrupted or lose its CPU between them. So only a kick that is held
/// is relied on, and only by a vCPU in the guest: one that sleeps was not asleep when it was held.
/// Whatever else there is, the vCPU is kicked once more, which is no request and is not counted.
///
/// The bit must have been seen, as [`Vcpu::request_pending`] does, before this is called.
///
/// Context: as for [`volley_queued`].
pub(crate) fn volley_merged<A: AtomicWord, V: Vcpu>(hold: &Hold<A>, vcpu: &V) {
    if hold.held().requests == 0 || !vcpu.in_guest() {
        vcpu.kick();
    }
}

/// The timer has expired.
///
/// The timer's callback must not restart the timer by its return value, because another CPU may
/// have queued it in the meantime; this function does it with [`Vcpu::start_timer`].
///
/// Context: the timer's callback, in hard interrupt.
pub(crate) fn expired<A: AtomicWord, V: Vcpu>(hold: &Hold<A>, vcpu: &V) -> Outcome {
    match hold.expire(vcpu.now()) {
        (Expiry::Idle, _) => Outcome::default(),
        (Expiry::Early(deadline), _) => arm(hold, vcpu, deadline),
        // The word is taken before the bit is read: a request made after that is in the new word.
        (Expiry::Due, window) => settle(vcpu, Reason::Time, window),
    }
}

/// Releases whatever is held.
///
/// After a change of settings this may be called at any time. Before the vCPU's hold word goes
/// away, there must first be no more calls of [`volley_queued`], and then the timer must be
/// cancelled.
///
/// Context: any, with preemption off.
pub(crate) fn release_all<A: AtomicWord, V: Vcpu>(hold: &Hold<A>, vcpu: &V) -> Outcome {
    settle(vcpu, Reason::Release, hold.take_all())
}

impl Outcome {
    /// The vCPU has left the guest while `window` was open, if it was.
    fn exited(window: Ended) -> Self {
        Self {
            exit: window,
            tally: Tally::exited(window.held().requests),
            ..Self::default()
        }
    }

    /// Returns why a kick was sent, and what it served; `None` if none was, or it was not needed.
    #[inline(always)]
    pub(crate) fn sent(&self) -> Option<(Reason, Held)> {
        self.kick.filter(|_| self.tally.sent > 0)
    }

    /// Returns this outcome with `reason` in the place of [`Reason::Off`], which it stands for.
    pub(crate) fn not_held_because(self, reason: Reason) -> Self {
        Self {
            kick: self.kick.map(|(given, held)| match given {
                Reason::Off => (reason, held),
                _ => (given, held),
            }),
            ..self
        }
    }

    /// Returns this outcome with more to add to the counters.
    #[inline(always)]
    fn and(self, tally: Tally) -> Self {
        Self {
            tally: self.tally.and(tally),
            ..self
        }
    }
}
