// SPDX-License-Identifier: GPL-2.0

//! Sources: host IRQs that are attached to a VM.

use crate::{
    handler::{
        Arrival,
        Handler,
        Verdict,
        HOST,
        MSI, //
    },
    host::Line,
    kvm::Route,
    once::Once,
    registry::{
        Key,
        Link, //
    },
    stats::Fates,
    vm::Vm, //
};
use kernel::{
    str::CStr,
    sync::{
        atomic::Atomic,
        Arc, //
    },
};

/// No arrival has been forwarded yet.
const NO_TARGET: u64 = u64::MAX;

/// One host IRQ attached to a VM.
pub(crate) struct Source {
    line: Line,
    route: Route,
    vm: Arc<Vm>,
    /// What became of this source's arrivals.
    pub(crate) fates: Fates,
    /// Index of the vCPU, and INTID, of the virtual interrupt forwarded last.
    last_target: Atomic<u64>,
    /// Its arrivals are never held, and release what is held.
    urgent: Atomic<bool>,
    link: Link,
}

impl Source {
    /// Creates the source of the host's `line` and its `route` into `vm`.
    pub(crate) fn new(line: Line, route: Route, vm: Arc<Vm>) -> Self {
        Self {
            line,
            route,
            vm,
            fates: Fates::new(),
            last_target: Atomic::new(NO_TARGET),
            urgent: Atomic::new(false),
            link: Link::new(),
        }
    }

    /// Returns whether arrivals are never held, and release what is held.
    #[inline(always)]
    pub(crate) fn urgent(&self) -> bool {
        self.urgent.read_once()
    }

    /// Has arrivals never held, or held as those of others.
    ///
    /// Context: process, sleeps.
    pub(crate) fn set_urgent(&self, urgent: bool) {
        self.urgent.write_once(urgent);
        // One that is held by now would be merged with, and so hold, the next one.
        self.vm.release_after_change();
    }

    /// Returns the numbers that the registry finds this source by.
    pub(crate) fn key(&self) -> Key {
        Key {
            irq: self.line.irq(),
            intid: self.line.intid(),
        }
    }

    /// Returns what the registry needs while it gives the source up.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Returns the host's side of the source.
    #[inline(always)]
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Returns the guest's side of the source.
    #[inline(always)]
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }

    /// Returns the VM that the source belongs to.
    #[inline(always)]
    pub(crate) fn vm(&self) -> &Arc<Vm> {
        &self.vm
    }

    /// Returns the name of the handler that decides on the next arrival.
    pub(crate) fn handler_name(&self) -> &'static CStr {
        if self.vm.enabled() {
            MSI.name()
        } else {
            HOST.name()
        }
    }

    /// Has the handler decide on `arrival`, which is this source's. Context: hard IRQ.
    #[inline(always)]
    pub(crate) fn process<'irq>(&self, arrival: &Arrival<'_, 'irq>) -> Verdict<'irq> {
        // Known at build time, both are inlined: a call by reference costs as much as they do.
        if self.vm.enabled() {
            MSI.process(arrival)
        } else {
            HOST.process(arrival)
        }
    }

    /// Notes where an arrival was forwarded to.
    #[inline(always)]
    pub(crate) fn note_target(&self, vcpu: u32, intid: u32) {
        self.last_target
            .write_once((u64::from(vcpu) << 32) | u64::from(intid));
    }

    /// Returns the vCPU and the INTID that an arrival was forwarded to last, -1 each if none was.
    pub(crate) fn last_target(&self) -> (i32, i32) {
        let target = self.last_target.read_once();
        // CAST: KVM has at most 512 vCPUs, INTIDs have 24 bits at most, and both halves of
        // `NO_TARGET` are -1.
        ((target >> 32) as i32, target as i32)
    }
}
