// SPDX-License-Identifier: GPL-2.0

//! Volleys: the virtual interrupts of one exception, queued per vCPU, which is kicked once for what
//! comes of a VM in a row.

use crate::{
    context::HardIrq,
    fixed_vec::FixedVec,
    handler::Verdict,
    kvm::{
        Kick,
        Queued,
        RoutingGuard,
        VirtualInterrupt, //
    },
    source::Source,
    stats::Left,
    timer::Timed,
    trace,
    vcpu::Vcpu,
    vm::Vm,
    window::Settings, //
};

/// Rounds without progress, because the guest moves its interrupts to other vCPUs all the time.
const MOVE_TRIES: u32 = 4;

/// Most virtual interrupts that are queued together. They are collected on the stack of a hard
/// interrupt, which others use as well.
const MAX_QUEUED: usize = 16;

/// Most vCPUs that are kicked together: some, and as many as can be concerned by what is queued
/// next.
const MAX_DUE: usize = 8 + MAX_QUEUED;

/// A virtual interrupt that is to be queued, and the source it came from.
#[derive(Clone, Copy)]
struct Entry<'irq> {
    source: &'irq Source,
    interrupt: VirtualInterrupt<'irq>,
}

/// An entry that a handler has redirected: it is not the source's own interrupt.
#[derive(Clone, Copy)]
struct Redirect {
    entry: u32,
    /// The number of the VM's interrupt that it is.
    gsi: u32,
}

/// A vCPU that has to notice virtual interrupts.
#[derive(Clone, Copy)]
struct Due<'irq> {
    vcpu: &'irq Timed<Vcpu>,
    settings: Settings,
    /// 0: others have asked it to look at all that there is.
    irqs: u32,
    /// One of them is urgent.
    urgent: bool,
}

/// The virtual interrupts of one exception.
///
/// They are collected as long as they belong to the same VM and there is room, and then queued; vCPUs
/// are kicked when all of them have been queued, another VM's come, or there are many.
pub(crate) struct Volley<'irq> {
    vm: Option<(&'irq Vm, RoutingGuard<'irq>)>,
    entries: FixedVec<Entry<'irq>, MAX_QUEUED>,
    redirects: FixedVec<Redirect, MAX_QUEUED>,
    due: FixedVec<Due<'irq>, MAX_DUE>,
}

impl<'irq> Volley<'irq> {
    /// Begins a volley. Context: hard IRQ.
    #[inline(always)]
    pub(crate) fn new(_: &'irq HardIrq) -> Self {
        Self {
            vm: None,
            entries: FixedVec::new(),
            redirects: FixedVec::new(),
            due: FixedVec::new(),
        }
    }

    /// Prepares for an arrival of a source of `vm`.
    ///
    /// From here until it is queued, the VMM's changes to the routing wait, and there is room for
    /// it.
    #[inline(always)]
    pub(crate) fn enter(&mut self, vm: &'irq Vm) -> &RoutingGuard<'irq> {
        let full = self.entries.as_slice().len() >= MAX_QUEUED;
        let other = matches!(&self.vm, Some((current, _)) if !core::ptr::eq(*current, vm));
        if full || other {
            // This leaves none.
            self.queue_in_between(other);
        }
        let (_, routing) = self.vm.get_or_insert_with(|| (vm, vm.kvm().routing()));
        routing
    }

    /// Queues what there is for the present VM, before more of it or of an `other` one.
    ///
    /// A VM does not wait for another one's locks, nor for what of it is left to the host; but what
    /// a handler of another module's decides about comes after all that is not.
    #[cold]
    fn queue_in_between(&mut self, other: bool) {
        self.queue();
        if other || self.due.as_slice().len() > MAX_DUE - MAX_QUEUED {
            self.kick();
        }
    }

    /// Does what `verdict` says with an arrival of `source`, whose VM has been entered.
    #[inline(always)]
    pub(crate) fn conclude(&mut self, source: &'irq Source, verdict: Verdict<'irq>) {
        match verdict {
            Verdict::Forward(interrupt) => self.add(source, interrupt),
            Verdict::Host(why) => source.leave_to_host(why),
            Verdict::Redirect(interrupt, gsi) => self.redirect(source, interrupt, gsi),
            Verdict::Defer(gsi) => source.defer(gsi),
            Verdict::Consumed => {
                source.line().account();
                source.fates.consumed.add(1);
            }
        }
    }

    /// Adds the virtual interrupt of an arrival of `source`.
    #[inline(always)]
    fn add(&mut self, source: &'irq Source, interrupt: VirtualInterrupt<'irq>) {
        // There is room since the VM was entered; if not, the host has a way.
        if self.entries.push(Entry { source, interrupt }).is_err() {
            source.leave_to_host(Left::Refused);
        }
    }

    /// Adds the virtual interrupt `gsi` of the VM, for an arrival of `source`.
    #[cold]
    fn redirect(&mut self, source: &'irq Source, interrupt: VirtualInterrupt<'irq>, gsi: u32) {
        // CAST: At most `MAX_QUEUED`.
        let entry = self.entries.as_slice().len() as u32;
        // There is room for as many as there are entries.
        let _ = self.redirects.push(Redirect { entry, gsi });
        self.add(source, interrupt);
    }

    /// Has KVM try what it has just refused to be given: by the stock path, or what that would do
    /// with the interrupt that a handler has redirected to.
    #[cold]
    fn refused(&self, at: u32, source: &Source) {
        let redirects = self.redirects.as_slice();
        match redirects.iter().find(|redirect| redirect.entry == at) {
            Some(redirect) => source.defer(redirect.gsi),
            None => source.leave_to_host(Left::Refused),
        }
    }

    /// Queues what is left, and has every vCPU concerned notice.
    #[inline(always)]
    pub(crate) fn launch(&mut self) {
        self.queue();
        self.kick();
    }

    /// Has the vCPUs notice what has been queued. No lock may be held.
    #[inline(always)]
    fn kick(&mut self) {
        for due in self.due.as_slice() {
            if due.urgent {
                due.vcpu.urgent_volley_queued(due.irqs);
            } else if due.irqs > 0 {
                due.vcpu.volley_queued(due.settings, due.irqs);
            } else {
                due.vcpu.volley_merged();
            }
        }
        self.due.clear();
    }

    /// Queues the interrupts of the present VM, vCPU by vCPU.
    #[inline(always)]
    fn queue(&mut self) {
        let Some((vm, routing)) = self.vm.take() else {
            return;
        };
        let settings = vm.settings();
        let entries = self.entries.as_slice();
        let mut waiting = Bits::first(entries.len());
        let mut refused = Bits::NONE;
        let mut moves: u32 = 0;

        while let Some((first, entry)) = waiting.first_of(entries) {
            let Some(vcpu) = entry.interrupt.target().and_then(|index| vm.vcpu(index)) else {
                // Not mapped to a vCPU, or to one that was created a moment ago.
                waiting.remove(first);
                refused.insert(first);
                continue;
            };
            let mut irqs: u32 = 0;
            let mut urgent = false;
            let mut list = vcpu.kvm().lock_ap_list();
            let mut round = waiting;
            let before = waiting;

            while let Some((at, entry)) = round.first_of(entries) {
                round.remove(at);
                if !entry.interrupt.targets(vcpu.kvm()) {
                    continue;
                }
                let hurry = entry.source.urgent();
                match list.queue(entry.interrupt, hurry) {
                    Queued::Done { merged, kick } => {
                        waiting.remove(at);
                        entry.queued(vcpu.index(), merged);
                        match kick {
                            Kick::None => {}
                            Kick::Here => {
                                // What it merges with may have been counted just now.
                                irqs = irqs.wrapping_add(u32::from(!merged)).max(1);
                                urgent |= hurry;
                            }
                            Kick::At(index) => match vm.vcpu(index) {
                                Some(other) => add_due(&mut self.due, other, settings, 1, hurry),
                                None => irqs = irqs.wrapping_add(1),
                            },
                            Kick::Asked(index) => match vm.vcpu(index) {
                                Some(other) => add_due(&mut self.due, other, settings, 0, false),
                                None => irqs = irqs.wrapping_add(1),
                            },
                        }
                    }
                    Queued::Moved => {}
                    Queued::Refused => {
                        waiting.remove(at);
                        refused.insert(at);
                    }
                }
            }
            drop(list);
            if irqs > 0 {
                add_due(&mut self.due, vcpu, settings, irqs, urgent);
            }
            if waiting == before {
                // All of them were moved to other vCPUs in the meantime.
                moves = moves.wrapping_add(1);
                if moves > MOVE_TRIES {
                    waiting.remove(first);
                    refused.insert(first);
                }
            }
        }
        drop(routing);

        while let Some((at, entry)) = refused.first_of(entries) {
            refused.remove(at);
            self.refused(at, entry.source);
        }
        self.entries.clear();
        self.redirects.clear();
    }
}

impl Entry<'_> {
    /// Counts the interrupt as queued to `vcpu`.
    #[inline]
    fn queued(&self, vcpu: u32, merged: bool) {
        let Self { source, interrupt } = self;

        source.line().account();
        if merged {
            source.fates.merged.add(1);
        } else {
            source.fates.forwarded.add(1);
            if trace::list_registers_shown() {
                source.vm().marks().queued(interrupt.intid());
            }
        }
        source.note_target(vcpu, interrupt.intid());
        trace::trace_irq_forwarded(
            source.line().irq(),
            source.vm().id(),
            vcpu,
            interrupt.intid(),
            merged,
        );
    }
}

/// Notes that `vcpu` has to notice `irqs` more interrupts, at once if one of them is `urgent`.
#[inline(always)]
fn add_due<'irq>(
    due: &mut FixedVec<Due<'irq>, MAX_DUE>,
    vcpu: &'irq Timed<Vcpu>,
    settings: Settings,
    irqs: u32,
    urgent: bool,
) {
    match due.as_mut_slice().iter_mut().find(|due| due.vcpu.is(vcpu)) {
        Some(due) => {
            due.irqs = due.irqs.wrapping_add(irqs);
            due.urgent |= urgent;
        }
        None => {
            let new = Due {
                vcpu,
                settings,
                irqs,
                urgent,
            };
            // There is room, see `MAX_DUE`; if there were none, this one would not wait.
            if due.push(new).is_err() {
                kick_now(vcpu, irqs);
            }
        }
    }
}

/// Has `vcpu` notice `irqs` interrupts at once.
#[cold]
fn kick_now(vcpu: &Timed<Vcpu>, irqs: u32) {
    vcpu.volley_queued(Settings::OFF, irqs);
}

/// A set of positions in a slice of at most 64 elements.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Bits(u64);

impl Bits {
    /// The empty set.
    const NONE: Self = Self(0);

    /// The first `count` positions.
    #[inline(always)]
    fn first(count: usize) -> Self {
        // CAST: At most 64.
        Self(
            u64::MAX
                .checked_shr(64u32.wrapping_sub(count as u32))
                .unwrap_or(0),
        )
    }

    /// Returns the lowest position in the set and the element there.
    #[inline(always)]
    fn first_of<'a, T>(self, elements: &'a [T]) -> Option<(u32, &'a T)> {
        let at = self.0.trailing_zeros();
        // CAST: At most 64, which is no position.
        elements.get(at as usize).map(|element| (at, element))
    }

    #[inline(always)]
    fn insert(&mut self, at: u32) {
        self.0 |= 1u64.wrapping_shl(at);
    }

    #[inline(always)]
    fn remove(&mut self, at: u32) {
        self.0 &= !1u64.wrapping_shl(at);
    }
}

const _: () = assert!(MAX_QUEUED <= 64);
