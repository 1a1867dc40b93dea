// SPDX-License-Identifier: GPL-2.0

//! The `host` handler: every arrival goes the stock path.

use super::{
    Arrival,
    Handler,
    Verdict, //
};
use crate::stats::Left;
use kernel::prelude::*;

/// Leaves every arrival to the host, as for a VM whose `enabled` is 0.
pub(crate) static HOST: Host = Host;

/// See [`HOST`].
pub(crate) struct Host;

impl Handler for Host {
    fn name(&self) -> &'static CStr {
        c"host"
    }

    #[inline(always)]
    fn process<'irq>(&self, _: &Arrival<'_, 'irq>) -> Verdict<'irq> {
        Verdict::Host(Left::Handler)
    }
}
