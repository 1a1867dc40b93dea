// SPDX-License-Identifier: GPL-2.0

//! The code under test, cut into steps.
//!
//! A program is what one CPU executes: a call into `rust/window/`, as it ships, and what its caller
//! does around it. All that it can see of the world goes through [`Port`], so a program is fully
//! determined by the answers it has had so far. To find its next step, it is run from the start
//! with these answers; where they end, it is stopped, and the question it was about to ask is the
//! step. Every such run is kept in a tree, so each is made only once.

use crate::window::{
    expired,
    release_all,
    volley_queued,
    AtomicWord,
    Hold,
    Outcome,
    Reason,
    Settings,
    Vcpu, //
};
use std::{
    cell::Cell,
    collections::HashMap,
    panic::{
        catch_unwind,
        resume_unwind,
        AssertUnwindSafe, //
    },
};

/// What one CPU executes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Program {
    /// An interrupt of an attached source arrives: each CPU has its own.
    Arrival,
    /// The same, but its own window is only this long; 0 means that it is not to be held. It is
    /// what an adaptive window comes to, and an urgent source.
    Shorter { max_usecs: u32 },
    /// KVM injects an interrupt of its own: `vgic_queue_irq_unlock()`, without Volley.
    Kvm,
    /// The administrator changes the settings.
    Set { max_usecs: u32, max_irqs: u32 },
    /// The source is detached, and its hold word freed.
    Detach,
    /// The timer's callback.
    Timer,
}

impl Program {
    /// Returns whether this is an interrupt of a source.
    pub fn is_arrival(self) -> bool {
        matches!(self, Program::Arrival | Program::Shorter { .. })
    }
}

/// One access to the world, which no other CPU can see half of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Enter the RCU read-side section, and put the interrupt on the vCPU's list, under
    /// `ap_list_lock`: answers the settings, or [`DETACHED`].
    Queue,
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

/// The answer to [`Op::Enter`] once the source is detached.
pub const DETACHED: u64 = u64::MAX;

/// Everything that a program sees.
struct Port<'a> {
    answers: &'a [u64],
    asked: Cell<usize>,
    /// Why the program kicked, once it is at its end.
    reason: Cell<Option<Reason>>,
}

impl Port<'_> {
    /// Returns the answer to `op`, or stops the program if there is none yet.
    fn ask(&self, op: Op) -> u64 {
        let index = self.asked.get();

        self.asked.set(index + 1);
        match self.answers.get(index) {
            Some(answer) => *answer,
            None => resume_unwind(Box::new(op)),
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

/// Runs `program` on `port` to its end.
fn run(program: Program, port: &Port<'_>) {
    let hold = Hold::new(port);

    let outcome = match program {
        Program::Arrival | Program::Shorter { .. } => {
            let entered = port.ask(Op::Queue);

            if entered == DETACHED {
                // `vgic_queue_irq_unlock()`, arch/arm64/kvm/vgic/vgic.c.
                port.set_request();
                port.kick();
                Outcome::default()
            } else {
                let mut settings = Settings::from_bits(entered as u32);
                if let Program::Shorter { max_usecs } = program {
                    settings = settings.with_max_usecs(max_usecs.min(settings.max_usecs()));
                }
                volley_queued(&hold, port, settings, 1)
            }
        }
        Program::Kvm => {
            port.set_request();
            port.kick();
            Outcome::default()
        }
        Program::Set {
            max_usecs,
            max_irqs,
        } => {
            let settings = Settings::new(max_usecs, max_irqs).to_bits();

            port.ask(Op::Store { settings });
            port.ask(Op::Synchronize);
            release_all(&hold, port)
        }
        Program::Detach => {
            port.ask(Op::Unhook);
            port.ask(Op::Synchronize);
            port.ask(Op::Cancel);
            let outcome = release_all(&hold, port);
            port.ask(Op::Free);
            outcome
        }
        Program::Timer => expired(&hold, port),
    };
    port.reason.set(outcome.kick.map(|kick| kick.0));
    port.ask(Op::Finish {
        open: Open::of(&outcome),
    });
}

impl Op {
    /// Returns the answers that the step can have, if they are few.
    fn answers(self) -> Option<&'static [u64]> {
        match self {
            Op::RequestPending | Op::InGuest | Op::Wake | Op::ExitMode => Some(&[0, 1]),
            Op::Ipi => Some(&[0]),
            Op::Finish { .. } => Some(&[]),
            _ => None,
        }
    }
}

/// A point in the run of a program, from where it can go on in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(u32);

/// How a program got to a point.
struct Node {
    program: Program,
    answers: Vec<u64>,
    next: Op,
}

/// All points of all programs that have been reached so far.
#[derive(Default)]
pub struct Tree {
    nodes: Vec<Node>,
    starts: HashMap<Program, Point>,
    edges: HashMap<(Point, u64), Point>,
    /// Why any program has kicked.
    reasons: Vec<Reason>,
    /// Points with the same next step, and from where all continue alike, are one.
    merged: HashMap<(Program, Option<u64>, Op, Vec<Point>), Point>,
}

impl Tree {
    /// Returns where `program` starts.
    pub fn start(&mut self, program: Program) -> Point {
        match self.starts.get(&program) {
            Some(point) => *point,
            None => {
                let point = self.add(program, Vec::new());
                self.starts.insert(program, point);
                point
            }
        }
    }

    /// Returns the step that is made at `point`.
    pub fn op(&self, point: Point) -> Op {
        self.node(point).next
    }

    /// Returns where the program is once the step at `point` has been answered.
    pub fn after(&mut self, point: Point, answer: u64) -> Point {
        if let Some(next) = self.edges.get(&(point, answer)) {
            return *next;
        }
        let node = self.node(point);
        let program = node.program;
        let mut answers = node.answers.clone();
        answers.push(answer);
        let next = self.add(program, answers);
        self.edges.insert((point, answer), next);
        next
    }

    /// Returns the first answer that the program has had, which is its settings.
    pub fn first_answer(&self, point: Point) -> Option<u64> {
        self.node(point).answers.first().copied()
    }

    /// Returns why any program has kicked.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    fn node(&self, point: Point) -> &Node {
        &self.nodes[point.0 as usize]
    }

    /// Finds the step that follows `answers`.
    fn add(&mut self, program: Program, answers: Vec<u64>) -> Point {
        let port = Port {
            answers: &answers,
            asked: Cell::new(0),
            reason: Cell::new(None),
        };
        let next = match catch_unwind(AssertUnwindSafe(|| run(program, &port))) {
            Ok(()) => unreachable!("a program ends with a step that is never answered"),
            Err(stop) => match stop.downcast::<Op>() {
                Ok(op) => *op,
                Err(panic) => resume_unwind(panic),
            },
        };
        if let Some(reason) = port.reason.get() {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
        let point = Point(u32::try_from(self.nodes.len()).expect("too many points"));
        self.nodes.push(Node {
            program,
            answers,
            next,
        });

        match next.answers() {
            Some(all) => {
                let first = self.first_answer(point);
                let after = all
                    .iter()
                    .map(|answer| self.after(point, *answer))
                    .collect();
                let alike = (program, first, next, after);
                *self.merged.entry(alike).or_insert(point)
            }
            _ => point,
        }
    }
}
