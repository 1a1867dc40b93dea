// SPDX-License-Identifier: GPL-2.0

//! Arrivals that a handler of another module's decides on, several at once where they are at hand.

use super::{
    verdicts::{
        Decision,
        MAX_BATCH, //
    },
    Arrival,
    External,
    Handler,
    Verdict,
    MSI, //
};
use crate::{
    context::HardIrq,
    fixed_vec::FixedVec,
    kvm::Redirected,
    source::Source,
    stats::Left,
    timer,
    volley::Volley, //
};

/// An arrival that was taken and is yet to be decided on.
#[derive(Clone, Copy)]
pub(super) struct Taken<'irq> {
    pub(super) source: &'irq Source,
    /// When it was taken, in monotonic nanoseconds.
    pub(super) time: u64,
}

/// Arrivals of one exception that the same handler is to be asked about.
pub(crate) struct Batch<'irq> {
    handler: Option<&'irq External>,
    taken: FixedVec<Taken<'irq>, MAX_BATCH>,
}

impl<'irq> Batch<'irq> {
    /// Creates an empty batch.
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self {
            handler: None,
            taken: FixedVec::new(),
        }
    }

    /// Adds an arrival of `source`, which `handler` is to decide on.
    ///
    /// What it is asked about goes into `volley` at once if there is no room for more, or if those
    /// before are another handler's.
    #[cold]
    #[inline(never)]
    pub(crate) fn add(
        &mut self,
        handler: &'irq External,
        source: &'irq Source,
        volley: &mut Volley<'irq>,
        context: &'irq HardIrq,
    ) {
        if !matches!(self.handler, Some(other) if core::ptr::eq(other, handler))
            || self.taken.as_slice().len() >= MAX_BATCH
        {
            self.finish(volley, context);
        }
        self.handler = Some(handler);
        let time = timer::now();
        // There is room: it was just seen to.
        let _ = self.taken.push(Taken { source, time });
    }

    /// Asks about those that were added, if any. Context: hard IRQ; no lock may be held.
    #[inline(always)]
    pub(crate) fn finish(&mut self, volley: &mut Volley<'irq>, context: &'irq HardIrq) {
        if let Some(handler) = self.handler.take() {
            self.ask(handler, volley, context);
        }
    }

    /// Asks `handler`, and does as it says.
    #[cold]
    #[inline(never)]
    fn ask(&mut self, handler: &External, volley: &mut Volley<'irq>, context: &'irq HardIrq) {
        let taken = self.taken.as_slice();
        let decisions = handler.decide(taken, context);

        for (Taken { source, .. }, decision) in taken.iter().zip(decisions) {
            let verdict = verdict(source, decision, volley, context);
            if matches!(verdict, Verdict::Host(Left::Invalid)) && handler.first_invalid() {
                source.complain(handler);
            }
            volley.conclude(source, verdict);
        }
        self.taken.clear();
    }
}

/// Returns the verdict that a handler's decision about an arrival of `source` comes to.
fn verdict<'irq>(
    source: &'irq Source,
    decision: Decision,
    volley: &mut Volley<'irq>,
    context: &'irq HardIrq,
) -> Verdict<'irq> {
    let routing = volley.enter(source.vm());

    match decision {
        Decision::Host => Verdict::Host(Left::Handler),
        Decision::Consumed => Verdict::Consumed,
        Decision::Invalid => Verdict::Host(Left::Invalid),
        Decision::Forward => MSI.process(&Arrival {
            source,
            context,
            routing,
        }),
        Decision::Redirect(gsi) => match source.route().redirect(gsi, routing, context) {
            Redirected::To(interrupt) => Verdict::Redirect(interrupt, gsi),
            Redirected::Untranslated => Verdict::Defer(gsi),
            Redirected::Unrouted => Verdict::Host(Left::Invalid),
        },
    }
}
