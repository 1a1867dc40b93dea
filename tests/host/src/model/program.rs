// SPDX-License-Identifier: GPL-2.0

//! The code under test, cut into steps.
//!
//! A program is what one CPU executes: a call into `rust/window/`, as it ships, and what its caller
//! does around it. All that it can see of the world goes through [`Port`], which stops it at each
//! question that has not been answered yet (`tree.rs`).

use crate::window::{
    expired,
    merged,
    release_all,
    urgent_volley_queued,
    volley_merged,
    volley_queued,
    AtomicWord,
    Hold,
    Merged,
    Outcome,
    Reason,
    Settings,
    Vcpu, //
};
use std::{
    cell::Cell,
    panic::resume_unwind, //
};

/// What one CPU executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// An interrupt of an attached source arrives: each CPU has its own.
    Arrival,
    /// The same, but its own window is only this long, as an adaptive one may be.
    Shorter { max_usecs: u32 },
    /// The same, of an urgent source.
    Urgent,
    /// The same, but all of this kind are for one virtual interrupt: if it still waits, they merge.
    Merging { urgent: bool },
    /// KVM injects an interrupt of its own: `vgic_queue_irq_unlock()`, without Volley.
    Kvm,
    /// The same, but it is the one that arrivals share, and whoever does so loses its CPU before it
    /// kicks, for longer than the model knows time.
    Late,
    /// The administrator changes the settings. The module releases what is held before it waits,
    /// too; that need not be.
    Set {
        max_usecs: u32,
        max_irqs: u32,
        release_before: bool,
    },
    /// The source is detached, and its hold word freed. The module releases what is held first, and
    /// then cancels the timer; the other order must do as well.
    Detach { release_first: bool },
    /// The timer's callback.
    Timer,
}

impl Program {
    /// Returns whether this is an interrupt of a source.
    pub fn is_arrival(self) -> bool {
        matches!(
            self,
            Program::Arrival | Program::Shorter { .. } | Program::Urgent | Program::Merging { .. }
        )
    }

    /// Returns whether this is an interrupt of an urgent source.
    pub fn is_urgent(self) -> bool {
        matches!(self, Program::Urgent | Program::Merging { urgent: true })
    }

    /// Returns the bit of this one's virtual interrupt in [`World::waiting`], if `cpu` runs it.
    ///
    /// [`World::waiting`]: super::world::World::waiting
    pub fn bit(self, cpu: usize) -> u8 {
        match self {
            Program::Merging { .. } => SHARED,
            _ => 1 << cpu,
        }
    }

    /// Returns how long a kick for this may be held, by the answer to [`Op::Queue`] or [`Op::Merge`].
    pub fn window_ns(self, entered: Option<u64>) -> u64 {
        match entered {
            Some(bits) if self.is_arrival() && bits != DETACHED => {
                let settings = self.bound(Settings::from_bits(bits as u32));
                if settings.may_hold() {
                    settings.window_ns()
                } else {
                    0
                }
            }
            _ => 0,
        }
    }

    /// Returns the settings that this goes by where the VM's are `settings`.
    fn bound(self, settings: Settings) -> Settings {
        match self {
            Program::Shorter { max_usecs } => {
                settings.with_max_usecs(max_usecs.min(settings.max_usecs()))
            }
            _ if self.is_urgent() => Settings::OFF,
            _ => settings,
        }
    }
}

/// One access to the world, which no other CPU can see half of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Enter the RCU read-side section, and put the interrupt on the vCPU's list, under
    /// `ap_list_lock`: answers the settings, or [`DETACHED`].
    Queue,
    /// The same for the virtual interrupt that arrivals share, unless it waits there: answers in
    /// [`MERGED`] and the bits above it what else is true while the list is locked.
    Merge,
    /// KVM does so, outside of any read-side section.
    Put,
    /// Ask for no kick: one must come within this one's own window.
    Rely,
    /// `test_and_set_bit(KVM_REQ_IRQ_PENDING)`, for this interrupt.
    SetRequest,
    /// `test_bit(KVM_REQ_IRQ_PENDING)`.
    RequestPending,
    /// `READ_ONCE(vcpu->mode) == IN_GUEST_MODE`.
    InGuest,
    /// `rcuwait_wake_up()`, from `kvm_vcpu_wake_up()`: answers whether it woke the vCPU.
    Wake,
    /// `kvm_vcpu_exiting_guest_mode()`: answers whether the mode was `IN_GUEST_MODE`.
    ExitMode,
    /// `smp_send_reschedule()`.
    Ipi,
    /// `ktime_get()`.
    Now,
    /// `hrtimer_start()`.
    StartTimer { at: u64 },
    /// Read the hold word.
    Load,
    /// Compare and exchange the hold word: answers what was there.
    Exchange { old: u64, new: u64 },
    /// Exchange the hold word.
    Swap { new: u64 },
    /// Store new settings.
    Store { settings: u32 },
    /// Let no more arrivals in.
    Unhook,
    /// `synchronize_rcu()`.
    Synchronize,
    /// `hrtimer_cancel()`.
    Cancel,
    /// Free the hold word and the timer.
    Free,
    /// Leave the read-side section, if in it, and add to the counters.
    Finish { open: Open },
}

/// What has been counted at its beginning, less what has been counted at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Open {
    /// Requests made, less those sent or saved.
    pub requests: i64,
    /// Windows opened, less those that have ended.
    pub windows: i64,
    /// Interrupts that a kick was asked for, less those of volleys.
    pub irqs: i64,
}

impl Open {
    /// Returns what `outcome` comes to, of a program that asks for one interrupt at most.
    pub fn of(outcome: &Outcome) -> Self {
        let Outcome {
            kick,
            released,
            exit,
            tally,
        } = outcome;
        let [requests, sent, saved, windows] =
            [tally.requests, tally.sent, tally.saved(), tally.windows].map(i64::from);
        let ended = [released, exit].map(|window| i64::from(window.any()));
        let served = [kick.map_or(0, |kick| kick.1.irqs), exit.held().irqs].map(i64::from);

        Self {
            requests: requests - sent - saved,
            windows: windows - ended[0] - ended[1],
            irqs: requests - served[0] - served[1],
        }
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.windows += other.windows;
        self.irqs += other.irqs;
    }
}

/// The answer to [`Op::Queue`] and [`Op::Merge`] once the source is detached.
pub const DETACHED: u64 = u64::MAX;
/// In the answer to [`Op::Merge`]: the virtual interrupt was waiting already.
pub const MERGED: u64 = 1 << 32;
/// In the answer to [`Op::Merge`]: `KVM_REQ_IRQ_PENDING` is set.
pub const REQUESTED: u64 = 1 << 33;
/// In the answer to [`Op::Merge`]: the vCPU had more interrupts than list registers.
pub const OVERFLOWED: u64 = 1 << 34;

/// The bit of the virtual interrupt that arrivals share. The first CPU has no interrupt of its own.
pub const SHARED: u8 = 1;

/// Everything that a program sees.
pub struct Port<'a> {
    answers: &'a [u64],
    asked: Cell<usize>,
    /// The answer to [`Op::Queue`] or [`Op::Merge`], once it has had it.
    entered: Cell<Option<u64>>,
    /// Why the program kicked, once it has.
    reason: Cell<Option<Reason>>,
    /// What it has to add to the counters at its end.
    open: Cell<Open>,
}

impl<'a> Port<'a> {
    /// Creates the port of a program that has had `answers`.
    pub fn new(answers: &'a [u64]) -> Self {
        Self {
            answers,
            asked: Cell::new(0),
            entered: Cell::new(None),
            reason: Cell::new(None),
            open: Cell::new(Open::default()),
        }
    }

    /// Returns what the program was told when it put its interrupt on the list.
    pub fn entered(&self) -> Option<u64> {
        self.entered.get()
    }

    /// Returns why the program has kicked, if it has.
    pub fn reason(&self) -> Option<Reason> {
        self.reason.get()
    }

    /// Returns the answer to `op`, or stops the program if there is none yet.
    fn ask(&self, op: Op) -> u64 {
        let index = self.asked.get();

        self.asked.set(index + 1);
        match self.answers.get(index) {
            Some(answer) => {
                if matches!(op, Op::Queue | Op::Merge) {
                    self.entered.set(Some(*answer));
                }
                *answer
            }
            None => resume_unwind(Box::new(op)),
        }
    }

    /// Notes what a step of the protocol came to.
    fn count(&self, outcome: &Outcome) {
        let mut open = self.open.get();

        open.add(Open::of(outcome));
        self.open.set(open);
        if let Some((reason, _)) = outcome.kick {
            self.reason.set(Some(reason));
        }
    }
}

impl AtomicWord for &Port<'_> {
    const TRIES: u32 = 2;

    fn load(&self) -> u64 {
        self.ask(Op::Load)
    }

    fn compare_exchange(&self, old: u64, new: u64) -> Result<u64, u64> {
        let found = self.ask(Op::Exchange { old, new });

        if found == old {
            Ok(found)
        } else {
            Err(found)
        }
    }

    fn swap(&self, new: u64) -> u64 {
        self.ask(Op::Swap { new })
    }
}

impl Vcpu for Port<'_> {
    fn set_request(&self) -> bool {
        self.ask(Op::SetRequest) != 0
    }

    fn request_pending(&self) -> bool {
        self.ask(Op::RequestPending) != 0
    }

    fn in_guest(&self) -> bool {
        self.ask(Op::InGuest) != 0
    }

    // `VcpuRef::kick()`, rust/kvm/vcpu.rs.
    fn kick(&self) -> bool {
        if self.ask(Op::InGuest) == 0 {
            return self.ask(Op::Wake) != 0;
        }
        let exiting = self.ask(Op::ExitMode) != 0;
        if exiting {
            self.ask(Op::Ipi);
        }
        exiting
    }

    fn now(&self) -> u64 {
        self.ask(Op::Now)
    }

    fn start_timer(&self, deadline: u64) {
        self.ask(Op::StartTimer { at: deadline });
    }
}

/// Asks for a kick: the interrupt is on the vCPU's list since `entered` was answered.
fn queued(program: Program, hold: &Hold<&Port<'_>>, port: &Port<'_>, entered: u64) {
    if entered == DETACHED {
        // `vgic_queue_irq_unlock()`, arch/arm64/kvm/vgic/vgic.c.
        port.set_request();
        port.kick();
    } else if program.is_urgent() {
        port.count(&urgent_volley_queued(hold, port, 1));
    } else {
        let settings = program.bound(Settings::from_bits(entered as u32));
        port.count(&volley_queued(hold, port, settings, 1));
    }
}

/// Runs `program` on `port` to its end.
pub fn run(program: Program, port: &Port<'_>) {
    let hold = Hold::new(port);

    match program {
        Program::Arrival | Program::Shorter { .. } | Program::Urgent => {
            let entered = port.ask(Op::Queue);
            queued(program, &hold, port, entered);
        }
        // `LockedIrq::queue()` and `kick_again()`, rust/kvm/vgic.rs.
        Program::Merging { urgent } => {
            let entered = port.ask(Op::Merge);
            let overflowed = || entered & OVERFLOWED != 0;
            let requested = || entered & REQUESTED != 0;
            // KVM asks in any case.
            let found = if entered == DETACHED || entered & MERGED == 0 {
                Merged::Ask
            } else {
                merged(urgent, overflowed, requested)
            };

            match found {
                Merged::Nothing => (),
                Merged::Asked => {
                    volley_merged(&hold, port);
                    port.ask(Op::Rely);
                }
                Merged::Ask => queued(program, &hold, port, entered),
            }
        }
        Program::Late => {
            port.ask(Op::Put);
            port.set_request();
        }
        Program::Kvm => {
            port.set_request();
            port.kick();
        }
        // `Vm::change_settings()`, rust/vm.rs.
        Program::Set {
            max_usecs,
            max_irqs,
            release_before,
        } => {
            let settings = Settings::new(max_usecs, max_irqs).to_bits();

            port.ask(Op::Store { settings });
            if release_before {
                port.count(&release_all(&hold, port));
            }
            port.ask(Op::Synchronize);
            port.count(&release_all(&hold, port));
        }
        Program::Detach { release_first } => {
            port.ask(Op::Unhook);
            port.ask(Op::Synchronize);
            // The module's order: `drop()` of the `Vm`, rust/vm.rs, and then of its timers,
            // rust/timer.rs.
            if release_first {
                port.count(&release_all(&hold, port));
                port.ask(Op::Cancel);
            } else {
                port.ask(Op::Cancel);
                port.count(&release_all(&hold, port));
            }
            port.ask(Op::Free);
        }
        Program::Timer => port.count(&expired(&hold, port)),
    }
    port.ask(Op::Finish {
        open: port.open.get(),
    });
}

impl Op {
    /// Returns the answers that the step can have, if they are few.
    pub fn answers(self) -> Option<&'static [u64]> {
        match self {
            Op::RequestPending | Op::InGuest | Op::Wake | Op::ExitMode => Some(&[0, 1]),
            Op::Ipi => Some(&[0]),
            Op::Finish { .. } => Some(&[]),
            _ => None,
        }
    }
}
