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
        Batch,
        Handler,
        Verdict,
        HOST,
        MSI, //
    },
    once::Once,
    source::{
        Decider,
        Source, //
    },
    stats::Left,
    trace,
    volley::Volley, //
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// Arrivals to take in one exception at most; 1 where the hardware allows no more.
static LIMIT: Atomic<u32> = Atomic::new(1);

/// Sets how many arrivals are taken in one exception at most, at least 1.
pub(crate) fn set_limit(limit: u32) {
    LIMIT.store(limit, Relaxed);
}

/// Processes an arrival of `first`, and all further ones of ours that are pending by then.
///
/// Those that are for VMs are queued together and followed by one kick per vCPU, VM by VM. Those of
/// others stay pending, and are taken when this exception has ended, but for the one that may have
/// been acknowledged. That one is returned: the host handles it when this is done with its stack.
///
/// Context: hard IRQ, called from `first`'s flow handler.
#[inline(never)]
pub(super) fn receive(first: &Source, context: &HardIrq) -> Option<u32> {
    let limit = LIMIT.read_once();
    let mut volley = Volley::new(context);
    let mut batch = Batch::new();
    let mut source = first;
    let mut position = 0;

    let foreign = loop {
        process(source, position, &mut volley, &mut batch, context);
        position = position.wrapping_add(1);
        if position >= limit {
            break None;
        }
        match take_pending(context) {
            Pending::Source(next) => source = next,
            Pending::Foreign(intid) => break Some(intid),
            Pending::Nothing => break None,
        }
    };
    batch.finish(&mut volley, context);
    volley.launch();
    foreign
}

/// Processes one arrival, the `position`th of its exception.
#[inline(always)]
fn process<'irq>(
    source: &'irq Source,
    position: u32,
    volley: &mut Volley<'irq>,
    batch: &mut Batch<'irq>,
    context: &'irq HardIrq,
) {
    // CAST: An INTID fits a `usize`.
    trace::trace_irq_received(
        source.line().irq(),
        source.line().intid() as usize,
        position,
    );
    source.fates.received.add(1);

    let arrival = Arrival {
        source,
        context,
        routing: volley.enter(source.vm()),
    };
    let verdict = if source.line().deliverable() {
        // Known at build time, both are inlined: a call by reference costs as much as they do.
        match source.decider(context) {
            Decider::Msi => MSI.process(&arrival),
            Decider::Host => HOST.process(&arrival),
            Decider::External(handler) => return batch.add(handler, source, volley, context),
        }
    } else {
        Verdict::Host(Left::Disabled)
    };
    volley.conclude(source, verdict);
}

impl Source {
    /// Lets the stock path have an arrival.
    ///
    /// Context: hard IRQ; no lock of ours or KVM's may be held.
    pub(crate) fn leave_to_host(&self, why: Left) {
        self.fates.leave(why);
        self.line().leave_to_host();
    }
}
