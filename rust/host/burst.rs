// SPDX-License-Identifier: GPL-2.0

//! Receiving a burst: Q arrivals in one exception.

use super::gic::{
    take_pending,
    Pending, //
};
use crate::{
    context::HardIrq,
    handler::{
        Arrival,
        Verdict, //
    },
    once::Once,
    source::Source,
    trace,
    volley::Volley, //
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Most arrivals that can be taken in one exception.
pub(crate) const MAX_BURST: usize = 64;

/// Arrivals to take in one exception at most; 1 where the hardware allows no more.
static LIMIT: Atomic<u32> = Atomic::new(1);

/// Sets how many arrivals are taken in one exception at most, from 1 to [`MAX_BURST`].
pub(crate) fn set_limit(limit: u32) {
    LIMIT.store(limit, Relaxed);
}

/// Processes an arrival of `first`, and all further ones of ours that are pending by then.
///
/// Those that are for VMs are queued together and followed by one kick per vCPU. Interrupts of
/// others stay pending, and are taken when this exception has ended.
///
/// Context: hard IRQ, called from `first`'s flow handler.
#[inline]
pub(super) fn receive(first: &Source, context: &HardIrq) {
    let mut volley = Volley::new(context);

    process(first, 0, &mut volley, context);
    for position in 1..LIMIT.read_once() {
        match take_pending(context) {
            Pending::Source(source) => process(source, position, &mut volley, context),
            Pending::Foreign(intid) => {
                // What has been collected does not wait for it.
                volley.launch();
                first.line().handle_at_root(intid);
                return;
            }
            Pending::Nothing => break,
        }
    }
    volley.launch();
}

/// Processes one arrival, the `position`th of its exception.
#[inline]
fn process<'irq>(
    source: &'irq Source,
    position: u32,
    volley: &mut Volley<'irq>,
    context: &'irq HardIrq,
) {
    let vm = source.vm();

    // CAST: An INTID fits a `usize`.
    trace::trace_irq_received(
        source.line().irq(),
        source.line().intid() as usize,
        position,
    );
    source.fates.received.add(1);

    volley.enter(vm);
    let verdict = if source.line().deliverable() {
        source.handler().process(&Arrival { source, context })
    } else {
        Verdict::Host
    };
    match verdict {
        Verdict::Forward(interrupt) => volley.add(source, interrupt),
        Verdict::Consumed => {
            source.line().account();
            source.fates.consumed.add(1);
        }
        Verdict::Host => source.leave_to_host(),
    }
}

impl Source {
    /// Lets the stock path have an arrival.
    ///
    /// Context: hard IRQ; no lock of ours or KVM's may be held.
    pub(crate) fn leave_to_host(&self) {
        self.fates.to_host.add(1);
        self.line().leave_to_host();
    }
}
