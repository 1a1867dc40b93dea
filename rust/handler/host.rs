// SPDX-License-Identifier: GPL-2.0

//! The `host` handler: every arrival goes the stock path.

use super::{
    Arrival,
    Handler,
    Name,
    Verdict, //
};
use crate::stats::Left;

/// Leaves every arrival to the host.
pub(crate) static HOST: Host = Host;

/// See [`HOST`].
pub(crate) struct Host;

impl Handler for Host {
    const NAME: Name = Name::new(b"host");

    #[inline(always)]
    fn process<'irq>(&self, _: &Arrival<'_, 'irq>) -> Verdict<'irq> {
        Verdict::Host(Left::Handler)
    }
}
