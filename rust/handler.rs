// SPDX-License-Identifier: GPL-2.0

//! Handlers: the processing functions that the registry holds, and their verdicts.

use crate::{
    context::HardIrq,
    kvm::{
        RoutingGuard,
        VirtualInterrupt, //
    },
    source::Source,
    stats::Left, //
};
use kernel::str::CStr;

mod host;
mod msi;

pub(crate) use self::{
    host::HOST,
    msi::MSI, //
};

/// One firing of a source: first interrupt information.
pub(crate) struct Arrival<'a, 'irq> {
    /// The source that fired.
    pub(crate) source: &'irq Source,
    /// Proof that this is a hard interrupt, with interrupts off.
    pub(crate) context: &'irq HardIrq,
    /// Proof that the VMM's changes to the VM's routing wait.
    pub(crate) routing: &'a RoutingGuard<'irq>,
}

/// What becomes of an arrival.
pub(crate) enum Verdict<'irq> {
    /// It is for a VM: queue this virtual interrupt.
    Forward(VirtualInterrupt<'irq>),
    /// It goes the way it would without Volley.
    Host(Left),
    /// It has been dealt with; nobody else is to see it.
    #[expect(dead_code, reason = "no handler of Volley's own consumes an arrival")]
    Consumed,
}

/// A processing function for the arrivals of a source.
pub(crate) trait Handler: Sync {
    /// Returns the handler's name, as `irqs/<irq>/handler` shows it.
    fn name(&self) -> &'static CStr;

    /// Decides what becomes of `arrival`.
    ///
    /// Context: hard IRQ, interrupts off. Must not block, and take no lock but raw ones.
    fn process<'irq>(&self, arrival: &Arrival<'_, 'irq>) -> Verdict<'irq>;
}
