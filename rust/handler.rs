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
use kernel::{
    fmt,
    str::CStr, //
};

mod batch;
mod external;
mod host;
mod msi;
mod registrations;
mod verdicts;

pub(crate) use self::{
    batch::Batch,
    external::{
        External,
        Slot,
        Target, //
    },
    host::{
        Host,
        HOST, //
    },
    msi::{
        Msi,
        MSI, //
    },
    registrations::{
        Handle,
        Registrations, //
    },
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
    /// The same, but it is the VM's interrupt with this number, and not the source's own.
    Redirect(VirtualInterrupt<'irq>, u32),
    /// It goes the way it would without Volley.
    Host(Left),
    /// It is for a VM, as its interrupt with this number, which KVM has to find first.
    Defer(u32),
    /// It has been dealt with; nobody else is to see it.
    Consumed,
}

/// A processing function of Volley's own for the arrivals of a source.
pub(crate) trait Handler: Sync {
    /// The handler's name, as `irqs/<irq>/handler` shows it.
    const NAME: Name;

    /// Decides what becomes of `arrival`.
    ///
    /// Context: hard IRQ, interrupts off. Must not block, and take no lock but raw ones.
    fn process<'irq>(&self, arrival: &Arrival<'_, 'irq>) -> Verdict<'irq>;
}

/// What the administrator has said about who decides on a source's arrivals.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Nothing: the handler that another module has registered, or else `msi`, as long as the VM
    /// is enabled.
    Auto,
    /// The handler `msi`, whatever else there is.
    Msi,
    /// The handler `host`, whatever else there is.
    Host,
}

impl Choice {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Auto, "auto"),
        (Self::Msi, "msi"),
        (Self::Host, "host"),
    ];

    /// Reads a choice as it is written to `irqs/<irq>/handler`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let word = text.strip_suffix('\n').unwrap_or(text);
        let (choice, _) = Self::ALL.iter().find(|(_, name)| *name == word)?;
        Some(*choice)
    }

    /// Returns the choice with this number, as a cast makes it.
    pub(crate) fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Msi,
            2 => Self::Host,
            _ => Self::Auto,
        }
    }
}

/// Longest name of a handler.
const MAX_NAME: usize = 31;

/// A handler's name.
///
/// # Invariants
///
/// The first `len` bytes are ASCII, and `len` is at most [`MAX_NAME`].
#[derive(Clone, Copy)]
pub(crate) struct Name {
    bytes: [u8; MAX_NAME],
    len: usize,
}

impl Name {
    /// What the log has in place of the name of a handler that has gone.
    pub(crate) const GONE: Self = Self::new(b"(gone)");

    /// Makes a name of letters.
    const fn new(text: &[u8]) -> Self {
        let mut name = Self {
            bytes: [0; MAX_NAME],
            len: 0,
        };
        while name.len < text.len() {
            name.bytes[name.len] = text[name.len];
            name.len += 1;
        }
        name
    }

    /// Reads the name of a handler of another module's; `None` if it may not be called so.
    fn foreign(text: &CStr) -> Option<Self> {
        let bytes = text.to_bytes();
        let sound = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let ours = Choice::ALL.iter().any(|(_, name)| name.as_bytes() == bytes);

        (!ours && (1..=MAX_NAME).contains(&bytes.len()) && bytes.iter().all(sound))
            .then(|| Self::new(bytes))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.bytes.get(..self.len).unwrap_or_default();
        f.write_str(core::str::from_utf8(text).unwrap_or_default())
    }
}
