// SPDX-License-Identifier: GPL-2.0

//! Module parameters, and the settings that new VMs get.

use crate::{
    module_parameters,
    window::{
        Knob,
        Settings, //
    },
};
use core::borrow::Borrow;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Full,
        Relaxed, //
    },
};

/// The settings that new VMs get, in one word.
static DEFAULTS: Atomic<u32> = Atomic::new(0);

/// The module's parameters, checked.
pub(crate) struct Params {
    /// The settings that VMs get.
    pub(crate) settings: Settings,
    /// Attach sources by themselves.
    pub(crate) auto_attach: bool,
    /// Most arrivals to take in one exception.
    pub(crate) burst: u32,
}

impl Params {
    /// Reads the parameters the module is being loaded with.
    ///
    /// # Errors
    ///
    /// `EINVAL` if one is out of range; the log names it.
    pub(crate) fn read(list_registers: u32) -> Result<Self> {
        let max_usecs = check(
            "max_usecs",
            module_parameters::max_usecs.value(),
            Knob::MAX_USECS,
        )?;
        let max_irqs = match check(
            "max_irqs",
            module_parameters::max_irqs.value(),
            Knob::MAX_IRQS_PARAM,
        )? {
            0 => list_registers,
            max_irqs => max_irqs,
        };
        let adaptive = check(
            "adaptive",
            module_parameters::adaptive.value(),
            Knob::SWITCH,
        )?;
        let auto_attach = check(
            "auto_attach",
            module_parameters::auto_attach.value(),
            Knob::SWITCH,
        )?;
        let burst = check("burst", module_parameters::burst.value(), Knob::BURST)?;

        Ok(Self {
            settings: Settings::new(max_usecs, max_irqs).with_adaptive(adaptive == 1),
            auto_attach: auto_attach == 1,
            burst,
        })
    }
}

/// Checks a parameter's value, which kernels before 7.3 give as a reference.
fn check(name: &str, value: impl Borrow<i64>, knob: Knob) -> Result<u32> {
    let value = *value.borrow();
    knob.check(value).map_err(|_| {
        pr_err!("parameter {} is out of range: {}\n", name, value);
        EINVAL
    })
}

/// Returns the settings that new VMs get.
pub(crate) fn defaults() -> Settings {
    Settings::from_bits(DEFAULTS.load(Relaxed))
}

/// Changes the settings that new VMs get.
pub(crate) fn change_defaults(to: impl Fn(Settings) -> Settings) {
    change(&DEFAULTS, to);
}

/// Changes settings in a word that others may be changing as well. Context: process.
pub(crate) fn change(word: &Atomic<u32>, to: impl Fn(Settings) -> Settings) {
    let mut old = word.load(Relaxed);
    loop {
        let new = to(Settings::from_bits(old)).to_bits();
        match word.cmpxchg(old, new, Full) {
            Ok(_) => return,
            Err(current) => old = current,
        }
    }
}
