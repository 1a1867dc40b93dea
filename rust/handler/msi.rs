// SPDX-License-Identifier: GPL-2.0

//! The `msi` handler: the guest's LPI behind its ITS translation.

use super::{
    Arrival,
    Handler,
    Name,
    Verdict, //
};
use crate::stats::Left;

/// Forwards an arrival to the LPI that the guest's ITS makes of the irqfd's MSI.
///
/// An MSI whose translation KVM has not cached goes to the host: the stock path translates it in
/// process context, and caches it.
pub(crate) static MSI: Msi = Msi;

/// See [`MSI`].
pub(crate) struct Msi;

impl Handler for Msi {
    const NAME: Name = Name::new(b"msi");

    #[inline(always)]
    fn process<'irq>(&self, arrival: &Arrival<'_, 'irq>) -> Verdict<'irq> {
        match arrival
            .source
            .route()
            .translate(arrival.routing, arrival.context)
        {
            Some(interrupt) => Verdict::Forward(interrupt),
            None => Verdict::Host(Left::Untranslated),
        }
    }
}
