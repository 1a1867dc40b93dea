// SPDX-License-Identifier: GPL-2.0

//! The host's interrupts: the only folder that knows genirq and the host's GIC.

mod burst;
mod flow;
mod gic;
mod line;

pub(crate) use self::{
    burst::set_limit,
    gic::FIRST_LPI,
    line::Line, //
};
