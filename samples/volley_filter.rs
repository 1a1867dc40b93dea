// SPDX-License-Identifier: GPL-2.0

//! Lets every Nth arrival of one assigned interrupt through to its VM, and consumes the others.
//!
//! ```sh
//! insmod volley_filter.ko irq=47 every=8
//! ```
//!
//! A sample: a guest whose driver counts on each interrupt will not be happy with it.

use core::borrow::Borrow;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

// An installed Volley has it as /usr/src/volley/volley.rs.
#[path = "../rust/api/client.rs"]
mod volley;

module! {
    type: Filter,
    name: "volley_filter",
    authors: ["The Volley developers"],
    description: "Lets every Nth arrival of an interrupt through to its VM",
    license: "GPL",
    params: {
        irq: u32 {
            default: 0,
            description: "The Linux IRQ number, as in /sys/kernel/volley/irqs",
        },
        every: u32 {
            default: 2,
            description: "Which arrivals are let through: every how manyth; at least 1",
        },
    },
}

/// The handler: how many arrivals there were, and which are let through.
struct EveryNth {
    arrivals: Atomic<u32>,
    every: u32,
}

impl volley::Handler for EveryNth {
    const NAME: &'static CStr = c"filter";

    fn process(&self, _: &volley::Arrival) -> volley::Verdict {
        let before = self.arrivals.fetch_add(1, Relaxed);

        // `every` is not 0: it was checked when the module was loaded.
        match before.wrapping_add(1).checked_rem(self.every) {
            Some(0) => volley::Verdict::Forward,
            _ => volley::Verdict::Consumed,
        }
    }
}

/// A parameter's value, which kernels before 7.3 give as a reference.
fn number(value: impl Borrow<u32>) -> u32 {
    *value.borrow()
}

/// The module; dropping it ends the registration, and waits until the handler is not running.
struct Filter {
    _registration: volley::Registration<EveryNth>,
}

impl kernel::Module for Filter {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let irq = number(module_parameters::irq.value());
        let every = number(module_parameters::every.value());
        if every == 0 {
            pr_err!("every must be at least 1\n");
            return Err(EINVAL);
        }

        let handler = EveryNth {
            arrivals: Atomic::new(0),
            every,
        };
        let registration = volley::Registration::for_irq(module, irq, handler)
            .inspect_err(|error| pr_err!("irq {}: {:?}\n", irq, error))?;
        Ok(Self {
            _registration: registration,
        })
    }
}
