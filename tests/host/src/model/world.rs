// SPDX-License-Identifier: GPL-2.0

//! The state that programs and the vCPU's thread share, and what each access does to it.
//!
//! Accesses are sequentially consistent here; `weak.rs` checks what memory ordering is needed.

use super::{
    program::{
        Op,
        Open,
        Program,
        DETACHED,
        MERGED,
        OVERFLOWED,
        REQUESTED,
        SHARED, //
    },
    tree::{
        Point,
        Tree, //
    },
    vcpu::{
        At,
        Order, //
    },
    wrong::{
        self,
        Problem, //
    },
};

/// One step of the clock, in nanoseconds.
pub const TICK: u64 = 1_000;
/// Most programs in one scenario, the timer's callback included.
pub const CPUS: usize = 5;

/// `vcpu->mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    Outside,
    InGuest,
    Exiting,
}

/// Progress of the program on one CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cpu {
    /// Will run this program at some time.
    Ready(Program),
    /// Runs it, and is here.
    Busy(Program, Point),
    /// Has finished, or has nothing to do.
    Idle,
}

/// The whole state of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    /// Monotonic time, in nanoseconds.
    pub now: u64,
    /// Steps that the clock may still make.
    pub ticks: u8,
    /// The hold word.
    pub word: u64,
    /// The VM's settings.
    pub settings: u32,
    /// `KVM_REQ_IRQ_PENDING` in `vcpu->requests`.
    pub request: bool,
    /// `vcpu->mode`.
    pub mode: Mode,
    /// `vcpu->wait.task` is set, and the vCPU's thread is in `TASK_INTERRUPTIBLE`.
    pub blocking: bool,
    /// A reschedule interrupt is on its way to the vCPU's CPU.
    pub ipi: bool,
    /// How KVM enters the guest.
    pub order: Order,
    /// Where the vCPU's thread is.
    pub at: At,
    /// How often it may still do something out of the ordinary.
    pub detours: u8,
    /// CPUs whose interrupts are on the vCPU's list, and have not been taken: one bit each, and
    /// [`SHARED`] for the one that arrivals share.
    pub waiting: u8,
    /// Those of them for which a kick has been asked for since they were put there.
    pub requested: u8,
    /// When these must have made the vCPU leave the guest, by the earliest request for them.
    pub limit: u64,
    /// Those of them that are in list registers, of a vCPU that has not entered yet.
    pub loaded: u8,
    /// There were more interrupts than list registers when these were loaded last.
    pub overflowed: bool,
    /// Nothing has been asked for the interrupt that arrivals share: it was elsewhere when list
    /// registers were loaded last, and KVM would not look for it either; or who has put it there
    /// has not come to that.
    pub missed: bool,
    /// When the timer is queued for.
    pub timer: Option<u64>,
    /// The timer's callback is running.
    pub callback: bool,
    /// The source is not attached any more.
    pub detached: bool,
    /// The hold word and the timer are gone.
    pub freed: bool,
    /// CPUs in an RCU read-side section.
    pub readers: u8,
    /// What has been counted at its beginning, but not at its end.
    pub open: Open,
    /// The other CPUs; the first runs the timer's callback.
    pub cpus: [Cpu; CPUS],
}

impl World {
    /// Makes the next step of the program on `cpu`, and those after it that no other CPU can
    /// interfere with. If the program reads the clock, `ticks` is what has passed.
    ///
    /// Returns `Ok(None)` if it has to wait, and an error if the step touches what is freed.
    pub fn step(&self, tree: &mut Tree, cpu: usize, ticks: u8) -> Result<Option<World>, Problem> {
        let mut next = self.step_once(tree, cpu, ticks)?;

        while let Some(world) = next {
            match world.op(tree, cpu) {
                // Leaving is no step of its own, nor is queueing before the clock is read.
                Some(Op::Finish { .. } | Op::Rely) => next = world.step_once(tree, cpu, 0)?,
                _ => break,
            }
        }
        Ok(next)
    }

    /// Returns the next step of the program on `cpu`.
    pub fn op(&self, tree: &mut Tree, cpu: usize) -> Option<Op> {
        match self.cpus[cpu] {
            Cpu::Ready(program) => {
                let start = tree.start(program);
                Some(tree.op(start))
            }
            Cpu::Busy(_, point) => Some(tree.op(point)),
            Cpu::Idle => None,
        }
    }

    /// Puts the interrupt that arrivals share on the list, and returns whether it was waiting there.
    fn put_shared(&mut self) -> bool {
        let waited = self.waiting & !self.loaded & SHARED != 0;

        self.waiting |= SHARED;
        if !waited {
            // In a list register it stays what it was, and is pending on the list anew.
            self.loaded &= !SHARED;
            self.requested &= !SHARED;
        }
        waited
    }

    fn step_once(&self, tree: &mut Tree, cpu: usize, ticks: u8) -> Result<Option<World>, Problem> {
        let mut next = *self;
        let (program, point) = match self.cpus[cpu] {
            Cpu::Ready(program) => (program, tree.start(program)),
            Cpu::Busy(program, point) => (program, point),
            Cpu::Idle => return Ok(None),
        };
        let op = tree.op(point);

        if self.freed
            && matches!(
                op,
                Op::Load | Op::Exchange { .. } | Op::Swap { .. } | Op::StartTimer { .. }
            )
        {
            return Err(wrong::Order::UseAfterFree.with(format_args!("by {op:?}")));
        }

        let answer = match op {
            Op::Queue => {
                next.readers += 1;
                next.waiting |= 1 << cpu;
                if self.detached {
                    DETACHED
                } else {
                    u64::from(self.settings)
                }
            }
            Op::Put => {
                if !next.put_shared() {
                    next.missed = true;
                }
                0
            }
            Op::Merge => {
                let merged = next.put_shared();
                let overflowed = self.overflowed && self.mode == Mode::InGuest;

                next.readers += 1;
                next.missed = false;
                if program.is_urgent() {
                    next.limit = self.limit.min(self.now);
                }
                if self.detached {
                    DETACHED
                } else {
                    let also = [
                        (merged, MERGED),
                        (self.request, REQUESTED),
                        (overflowed, OVERFLOWED),
                    ];
                    also.iter()
                        .filter(|(is_so, _)| merged && *is_so)
                        .fold(u64::from(self.settings), |answer, (_, bit)| answer | bit)
                }
            }
            Op::Rely => {
                if self.waiting & SHARED != 0 {
                    let window = program.window_ns(tree.entered(point));
                    next.limit = self.limit.min(self.now + window);
                }
                0
            }
            Op::SetRequest => {
                let own = self.waiting & program.bit(cpu);

                next.request = true;
                if program.is_arrival() && own != 0 {
                    next.requested |= own;
                    next.missed &= own != SHARED;
                    next.limit = self
                        .limit
                        .min(self.now + program.window_ns(tree.entered(point)));
                }
                u64::from(self.request)
            }
            Op::RequestPending => u64::from(self.request),
            Op::InGuest => u64::from(self.mode == Mode::InGuest),
            Op::Wake => {
                next.blocking = false;
                u64::from(self.blocking)
            }
            Op::ExitMode => {
                let exiting = self.mode == Mode::InGuest;
                if exiting {
                    next.mode = Mode::Exiting;
                }
                u64::from(exiting)
            }
            Op::Ipi => {
                next.ipi = true;
                0
            }
            Op::Now => {
                next.ticks = self.ticks - ticks;
                next.now += u64::from(ticks) * TICK;
                next.now
            }
            Op::StartTimer { at } => {
                next.timer = Some(at);
                0
            }
            Op::Load => self.word,
            Op::Exchange { old, new } => {
                if self.word == old {
                    next.word = new;
                }
                self.word
            }
            Op::Swap { new } => {
                next.word = new;
                self.word
            }
            Op::Store { settings } => {
                next.settings = settings;
                0
            }
            Op::Unhook => {
                next.detached = true;
                0
            }
            Op::Synchronize if self.readers > 0 => return Ok(None),
            Op::Synchronize => 0,
            Op::Cancel if self.callback => return Ok(None),
            Op::Cancel => {
                next.timer = None;
                0
            }
            Op::Free if self.callback || self.timer.is_some() => {
                return Err(wrong::Order::FreedInUse.into());
            }
            Op::Free => {
                next.freed = true;
                0
            }
            Op::Finish { open } => {
                next.open.add(open);
                match program {
                    Program::Timer => next.callback = false,
                    _ if program.is_arrival() => next.readers -= 1,
                    _ => (),
                }
                next.cpus[cpu] = Cpu::Idle;
                return Ok(Some(next));
            }
        };
        next.cpus[cpu] = Cpu::Busy(program, tree.after(point, answer));
        Ok(Some(next))
    }
}
