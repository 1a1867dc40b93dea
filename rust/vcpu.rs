// SPDX-License-Identifier: GPL-2.0

//! A vCPU's kicks: held for a window, or sent at once.
//!
//! What is decided, and in which order, is in `window/`; this is what it is decided on.

use crate::{
    kvm::VcpuRef,
    once::Once,
    series::local_interrupt_disable,
    stats::Kicks,
    timer::{
        self,
        Expire,
        Timed, //
    },
    trace::{
        self,
        VmId, //
    },
    window::{
        self,
        AtomicWord,
        Held,
        Hold,
        Outcome,
        Rate,
        RateWord,
        Settings, //
    },
};
use kernel::sync::atomic::{
    Atomic,
    Full, //
};

/// A vCPU of a VM that has sources.
pub(crate) struct Vcpu {
    kvm: VcpuRef,
    index: u32,
    vm: VmId,
    hold: Hold<HoldWord>,
    rate: RateOfVolleys,
    /// What became of requests for a kick.
    pub(crate) kicks: Kicks,
}

/// What is held for a vCPU at one moment.
pub(crate) struct Moment {
    pub(crate) held: Held,
    /// Until the window closes.
    pub(crate) left_ns: u64,
    /// From one volley to the next, as [`Rate::gap_ns`].
    pub(crate) gap_ns: u64,
}

/// The memory behind a hold word.
struct HoldWord {
    word: Atomic<u64>,
    /// When the last window was opened, in monotonic nanoseconds; for statistics only.
    opened: Atomic<u64>,
}

impl AtomicWord for HoldWord {
    #[inline(always)]
    fn load(&self) -> u64 {
        self.word.read_once()
    }

    #[inline(always)]
    fn compare_exchange(&self, old: u64, new: u64) -> Result<u64, u64> {
        self.word.cmpxchg(old, new, Full)
    }

    #[inline(always)]
    fn swap(&self, new: u64) -> u64 {
        self.word.xchg(new, Full)
    }

    #[inline(always)]
    fn note_opened(&self, at: u64) {
        self.opened.write_once(at);
    }

    #[inline(always)]
    fn opened(&self) -> u64 {
        self.opened.read_once()
    }
}

/// The memory behind a rate.
struct RateOfVolleys(Atomic<u64>);

impl RateWord for RateOfVolleys {
    #[inline(always)]
    fn load(&self) -> Rate {
        Rate(self.0.read_once())
    }

    #[inline(always)]
    fn store(&self, rate: Rate) {
        self.0.write_once(rate.0);
    }
}

impl Vcpu {
    /// Creates the state of `kvm`, a vCPU of the VM called `vm`.
    pub(crate) fn new(kvm: VcpuRef, vm: VmId) -> Self {
        Self {
            kvm,
            index: kvm.index(),
            vm,
            hold: Hold::new(HoldWord {
                word: Atomic::new(0),
                opened: Atomic::new(0),
            }),
            rate: RateOfVolleys(Atomic::new(Rate::UNKNOWN.0)),
            kicks: Kicks::new(),
        }
    }

    /// Returns KVM's side of the vCPU.
    #[inline(always)]
    pub(crate) fn kvm(&self) -> &VcpuRef {
        &self.kvm
    }

    /// Returns the vCPU's index in its VM.
    #[inline(always)]
    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Returns what is held; each value by itself is of this moment.
    pub(crate) fn at_this_moment(&self) -> Moment {
        Moment {
            held: self.hold.held(),
            left_ns: self.hold.left_ns(timer::now()),
            gap_ns: self.rate.load().gap_ns(),
        }
    }

    /// Counts and traces what a step of the protocol came to.
    #[inline(always)]
    fn record(&self, outcome: &Outcome, settings: Settings) {
        self.kicks.add(outcome);
        if outcome.tally.held > 0 {
            let irqs = self.hold.held().irqs;
            trace::trace_kick_held(self.vm, self.index, settings.max_usecs(), irqs);
        }
        if let Some((reason, held)) = outcome.sent() {
            trace::trace_kick_sent(self.vm, self.index, reason, held.irqs);
        }
        let saved = outcome.tally.saved();
        if saved > 0 {
            trace::trace_kick_saved(self.vm, self.index, saved);
        }
    }
}

impl Timed<Vcpu> {
    /// Makes sure that the vCPU gets `irqs` virtual interrupts that were queued for it.
    ///
    /// Context: hard IRQ, no lock held.
    #[inline(always)]
    pub(crate) fn volley_queued(&self, settings: Settings, irqs: u32) {
        // One that sleeps in the guest does not wait for a window.
        if settings.may_hold() && self.kvm.waits_outside() {
            return self.volley_queued_may_hold(settings, irqs);
        }
        // As a constant these leave nothing of windows here but to end one.
        let outcome = window::volley_queued(&self.hold, self, Settings::OFF, irqs);
        self.record(&outcome, Settings::OFF);
    }

    /// Does what [`Self::volley_queued`] does when a kick may be held.
    ///
    /// The rate of volleys is kept up to date only if windows are to suit it.
    #[inline(never)]
    fn volley_queued_may_hold(&self, settings: Settings, irqs: u32) {
        let (outcome, bound) = if settings.adaptive() {
            window::volley_queued_adaptive(&self.hold, self, &self.rate, settings, irqs)
        } else {
            let outcome = window::volley_queued(&self.hold, self, settings, irqs);
            (outcome, settings)
        };
        self.record(&outcome, bound);
    }

    /// As [`Self::volley_queued`], but at once, and with it whatever is held.
    ///
    /// Context: hard IRQ, no lock held.
    #[inline(never)]
    pub(crate) fn urgent_volley_queued(&self, irqs: u32) {
        let outcome = window::urgent_volley_queued(&self.hold, self, irqs);
        self.record(&outcome, Settings::OFF);
    }

    /// Makes sure that the vCPU gets a virtual interrupt that others have asked it to look at.
    ///
    /// Context: hard IRQ, no lock held.
    #[cold]
    pub(crate) fn volley_merged(&self) {
        // One that may sleep in the guest does not wait for a window.
        if self.kvm.waits_outside() {
            window::volley_merged(&self.hold, self);
        } else {
            self.kvm.kick();
        }
    }

    /// Releases whatever is held. Context: any.
    pub(crate) fn release(&self) {
        // What has been taken out of the word must not wait for us to be scheduled again.
        let _interrupts_off = local_interrupt_disable();
        let outcome = window::release_all(&self.hold, self);
        self.record(&outcome, Settings::OFF);
    }
}

impl Expire for Vcpu {
    fn expired(timed: &Timed<Self>) {
        let outcome = window::expired(&timed.hold, timed);
        timed.record(&outcome, Settings::OFF);
    }
}

impl window::Vcpu for Timed<Vcpu> {
    #[inline(always)]
    fn set_request(&self) -> bool {
        self.kvm.set_irq_pending()
    }

    #[inline(always)]
    fn request_pending(&self) -> bool {
        self.kvm.irq_pending()
    }

    #[inline(always)]
    fn in_guest(&self) -> bool {
        self.kvm.in_guest()
    }

    #[inline(always)]
    fn kick(&self) -> bool {
        self.kvm.kick()
    }

    fn now(&self) -> u64 {
        timer::now()
    }

    fn start_timer(&self, deadline: u64) {
        self.start(deadline);
    }
}
