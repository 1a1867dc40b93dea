// SPDX-License-Identifier: GPL-2.0

//! Sources: host IRQs that are attached to a VM.

use crate::{
    context::HardIrq,
    handler::{
        Choice,
        External,
        Handle,
        Handler,
        Host,
        Msi,
        Name,
        Slot,
        Target, //
    },
    host::Line,
    kvm::Route,
    once::Once,
    registry::{
        Key,
        Link, //
    },
    stats::{
        Fates,
        Left, //
    },
    vm::Vm, //
};
use core::ptr::from_ref;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        rcu,
        Arc, //
    },
};

/// No arrival has been forwarded yet.
const NO_TARGET: u64 = u64::MAX;

/// No arrival waits for KVM to find the interrupt that it was redirected to.
const NOT_DEFERRED: u64 = u64::MAX;
/// Most arrivals, of all VMs, that wait for that. Each may have to wait for a VMM, and keeps its
/// source and the VM's state until then, whatever else the VMM does meanwhile.
const MAX_DEFERRED: i32 = 64;
/// How many do, each counted a moment after it has begun to.
static DEFERRED: Atomic<i32> = Atomic::new(0);

/// No handler's verdict is to be complained of.
const NO_COMPLAINT: usize = Handle::NONE.to_number();

/// Who decides on a source's arrivals, worked out whenever something changes that has a say in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Msi,
    Host,
    External,
}

/// Who decides on an arrival.
pub(crate) enum Decider<'irq> {
    /// The handler `msi`.
    Msi,
    /// The handler `host`.
    Host,
    /// A handler of another module's.
    External(&'irq External),
}

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
    /// A [`Way`]; changed with the VM's sources locked.
    way: Atomic<u32>,
    /// A [`Choice`]; changed as above.
    choice: Atomic<u32>,
    /// The handler of another module's; changed as above.
    external: Slot,
    /// The administrator wants its line to be taken over, if `auto_attach` does not.
    wanted: Atomic<bool>,
    /// The number of the VM's interrupt that KVM has yet to inject.
    deferred: Atomic<u64>,
    /// The number of the handler whose first verdict that was not valid is yet to be logged, or
    /// [`NO_COMPLAINT`].
    complaint: Atomic<usize>,
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
            way: Atomic::new(Way::Host as u32),
            choice: Atomic::new(Choice::Auto as u32),
            external: Slot::new(),
            wanted: Atomic::new(false),
            deferred: Atomic::new(NOT_DEFERRED),
            complaint: Atomic::new(NO_COMPLAINT),
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
    pub(crate) fn handler_name(&self) -> Name {
        match self.way() {
            Way::Msi => Msi::NAME,
            Way::Host => Host::NAME,
            Way::External => self.external_name(|_| true).unwrap_or(Msi::NAME),
        }
    }

    /// Returns the name of the handler of another module's, if there is one and it is `meant`.
    /// Context: any.
    fn external_name(&self, meant: impl FnOnce(&External) -> bool) -> Option<Name> {
        let rcu = rcu::read_lock();
        let external = self.external.read(&rcu)?;
        meant(external).then(|| external.name())
    }

    /// Takes the administrator's choice of a handler. Context: process.
    pub(crate) fn choose(&self, choice: Choice) {
        self.vm
            .decide_anew(self, || self.choice.write_once(choice as u32));
        self.wanted.write_once(true);
        self.vm.errands().leave_look();
        // What `msi` holds is not to wait for arrivals that go elsewhere now.
        self.vm.release_after_change();
    }

    /// Returns whether the line is to be taken over.
    pub(crate) fn wanted(&self) -> bool {
        self.wanted.read_once() || self.vm.wanted()
    }

    /// Returns where the handler of another module's is.
    pub(crate) fn external(&self) -> &Slot {
        &self.external
    }

    /// Returns whether a handler that is registered for `target` is one for this source.
    pub(crate) fn is_for(&self, target: &Target) -> bool {
        match target {
            Target::Irq(irq) => self.line.irq() == *irq,
            Target::Device(device) => self.line.device() == Some(from_ref(&**device)),
        }
    }

    /// Works out who decides on arrivals. To be called with the VM's sources locked.
    pub(crate) fn update_way(&self, vm_enabled: bool) {
        let way = match Choice::from_number(self.choice.read_once()) {
            Choice::Msi => Way::Msi,
            Choice::Host => Way::Host,
            Choice::Auto if !vm_enabled => Way::Host,
            Choice::Auto if self.external.is_taken() => Way::External,
            Choice::Auto => Way::Msi,
        };
        self.way.write_once(way as u32);
    }

    #[inline(always)]
    fn way(&self) -> Way {
        match self.way.read_once() {
            way if way == Way::Msi as u32 => Way::Msi,
            way if way == Way::Host as u32 => Way::Host,
            _ => Way::External,
        }
    }

    /// Returns who decides on the next arrival. Context: hard IRQ.
    #[inline(always)]
    pub(crate) fn decider<'irq>(&'irq self, context: &'irq HardIrq) -> Decider<'irq> {
        match self.way() {
            Way::Msi => Decider::Msi,
            Way::Host => Decider::Host,
            // One that is being removed at this moment leaves things as they were before it.
            Way::External => self
                .external
                .get(context)
                .map_or(Decider::Msi, Decider::External),
        }
    }

    /// Leaves it to KVM to find and inject the VM's interrupt `gsi`.
    ///
    /// Two of the same number merge, as they would in the guest. If too many wait it becomes what it
    /// would be without the handler. Context: hard IRQ; no lock of ours or KVM's may be held.
    #[cold]
    pub(crate) fn defer(&self, gsi: u32) {
        let gsi = u64::from(gsi);
        if self.deferred.read_once() != gsi {
            // CPUs that look at the same time may exceed it by as many. A source has room for one.
            if DEFERRED.read_once() >= MAX_DEFERRED
                || self.deferred.cmpxchg(NOT_DEFERRED, gsi, Full).is_err()
            {
                return self.leave_to_host(Left::Untranslated);
            }
            DEFERRED.fetch_add(1, Relaxed);
            self.vm.leave_errands();
        }
        self.line.account();
        self.fates.deferred.add(1);
    }

    /// Has the log say, soon, that `handler` gave a verdict that is not valid. Context: hard IRQ.
    #[cold]
    pub(crate) fn complain(&self, handler: &External) {
        self.complaint.write_once(handler.handle().to_number());
        self.vm.leave_errands();
    }

    /// Returns whether hard interrupts have left something to be done.
    pub(crate) fn has_errands(&self) -> bool {
        self.deferred.read_once() != NOT_DEFERRED || self.complaint.read_once() != NO_COMPLAINT
    }

    /// Does what hard interrupts have left.
    ///
    /// Context: process, with no lock held that anybody but this VM waits for: KVM may have to wait
    /// for the VM, and the VM's memory for its VMM.
    pub(crate) fn run_errands(&self) {
        let deferred = self.deferred.xchg(NOT_DEFERRED, Full);
        if let Ok(gsi) = u32::try_from(deferred) {
            self.vm.kvm().inject(gsi);
            DEFERRED.fetch_sub(1, Relaxed);
        }
        let complaint = self.complaint.xchg(NO_COMPLAINT, Full);
        if complaint != NO_COMPLAINT {
            pr_warn!(
                "irq {}: its handler {} gave a verdict that is not valid; such arrivals are left to the host\n",
                self.line.irq(),
                // It may have gone meanwhile, and another have come.
                self.external_name(|external| external.handle().to_number() == complaint)
                    .unwrap_or(Name::GONE)
            );
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
