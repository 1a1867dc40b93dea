// SPDX-License-Identifier: GPL-2.0

//! Every order of steps.

use super::{
    fingerprint::{
        fingerprint,
        Identity, //
    },
    program::{
        Op,
        Open,
        Program, //
    },
    tree::Tree,
    vcpu::{
        self,
        At,
        Order,
        Way, //
    },
    world::{
        Cpu,
        Mode,
        World,
        CPUS, //
    },
    wrong::{
        self,
        Problem, //
    },
};
use crate::window::{
    Reason,
    Settings, //
};
use std::{
    collections::HashSet,
    hash::BuildHasherDefault, //
};

/// What happens, in any order that is possible.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    /// Settings at the start.
    pub max_usecs: u32,
    pub max_irqs: u32,
    /// How KVM enters the guest.
    pub order: Order,
    /// What the CPUs other than the vCPU's execute.
    pub programs: &'a [Program],
    /// How often the vCPU leaves the guest or gives up an entry without being kicked.
    pub detours: u8,
    /// How often the clock advances by [`TICK`].
    pub ticks: u8,
}

/// How much a search has seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Different states.
    pub states: usize,
    /// Those in which no handler was running.
    pub quiet: usize,
    /// Those of these in which an interrupt waited for its window to close.
    pub waits: usize,
    /// Why kicks were sent.
    pub reasons: Vec<Reason>,
}

/// Makes every step that can be made in `scenario`, in every order.
///
/// # Errors
///
/// What is wrong, and the steps that led there.
pub fn search(scenario: &Scenario<'_>) -> Result<Seen, Problem> {
    let mut search = Search {
        tree: Tree::default(),
        visited: HashSet::default(),
        path: Vec::new(),
        seen: Seen::default(),
    };
    let start = World::new(scenario);

    match search.explore(&start) {
        Ok(()) => {
            search.seen.states = search.visited.len();
            search.seen.reasons = search.tree.reasons().to_vec();
            Ok(search.seen)
        }
        Err(problem) => Err(problem.after(&search.retrace(&start))),
    }
}

/// One step of somebody.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The program on this CPU; if it reads the clock, after so many ticks.
    Cpu(usize, u8),
    /// The vCPU's thread.
    Vcpu(Way),
    /// The timer expires.
    Timer,
}

struct Search {
    tree: Tree,
    visited: HashSet<u128, BuildHasherDefault<Identity>>,
    path: Vec<Step>,
    seen: Seen,
}

impl Search {
    /// Goes on from `world`, unless it has been there.
    fn explore(&mut self, world: &World) -> Result<(), Problem> {
        if !self.visited.insert(fingerprint(world)) {
            return Ok(());
        }
        if world.is_quiet() {
            self.seen.quiet += 1;
            self.seen.waits += usize::from(world.is_waiting());
            world.check_limits()?;
            world.check_count()?;
            world.check_settings()?;
            self.run_out(world)?;
        }

        let mut stuck = true;
        for cpu in 0..CPUS {
            // Time that passes is only seen by who reads the clock, and by the timer.
            let most = match world.op(&mut self.tree, cpu) {
                None => continue,
                Some(Op::Now) => world.ticks,
                Some(_) => 0,
            };
            for ticks in 0..=most {
                stuck &= !self.make(world, Step::Cpu(cpu, ticks))?;
            }
        }
        for way in Way::ALL {
            stuck &= !self.make(world, Step::Vcpu(way))?;
        }
        stuck &= !self.make(world, Step::Timer)?;

        if stuck && !world.is_quiet() {
            return Err(wrong::Order::Stuck.into());
        }
        Ok(())
    }

    /// Makes `step`, if it can be made, and goes on from there.
    fn make(&mut self, world: &World, step: Step) -> Result<bool, Problem> {
        self.path.push(step);
        let next = self.after(world, step)?;
        if let Some(next) = &next {
            self.explore(next)?;
        }
        self.path.pop();
        Ok(next.is_some())
    }

    /// Returns the state after `step`.
    fn after(&mut self, world: &World, step: Step) -> Result<Option<World>, Problem> {
        match step {
            Step::Cpu(cpu, ticks) => world.step(&mut self.tree, cpu, ticks),
            Step::Vcpu(way) => vcpu::step(world, way),
            Step::Timer => Ok(world.timer_expires()),
        }
    }

    /// Tells the story of the path from `start`.
    fn retrace(&mut self, start: &World) -> String {
        let mut story = String::new();
        let mut world = *start;

        for step in self.path.clone() {
            let what = match step {
                Step::Cpu(cpu, _) => format!(
                    "CPU {cpu}: {:?}: {:?}",
                    world.cpus[cpu],
                    world.op(&mut self.tree, cpu)
                ),
                Step::Vcpu(way) => format!("vCPU: {:?}: {way:?}", world.at),
                Step::Timer => "timer expires".into(),
            };
            if let Ok(Some(next)) = self.after(&world, step) {
                world = next;
            }
            story.push_str(&format!(
                "{what}\n    now {} word {:#x} request {} mode {:?} waiting {:#b} timer {:?} ipi {}\n",
                world.now,
                world.word,
                world.request,
                world.mode,
                world.waiting,
                world.timer,
                world.ipi
            ));
        }
        story
    }

    /// Lets the clock run on from `world` with nothing else happening: everything must come to rest.
    fn run_out(&mut self, world: &World) -> Result<(), Problem> {
        let mut world = *world;

        // Without new requests, the timer may come early once, then in time, then in vain.
        for _ in 0..4 {
            world.settle(&mut self.tree)?;
            world.check_limits()?;
            match world.timer_expires() {
                Some(next) => world = next,
                None => return world.check_rest(),
            }
        }
        Err(wrong::Order::ArmedForEver.into())
    }
}

impl World {
    /// The vCPU runs in the guest, and nothing has happened yet.
    fn new(scenario: &Scenario<'_>) -> Self {
        let mut cpus = [Cpu::Idle; CPUS];

        assert!(scenario.programs.len() < CPUS, "too many programs");
        // The first CPU runs the timer's callback.
        for (cpu, program) in cpus.iter_mut().skip(1).zip(scenario.programs) {
            *cpu = Cpu::Ready(*program);
        }
        Self {
            now: 0,
            ticks: scenario.ticks,
            word: 0,
            settings: Settings::new(scenario.max_usecs, scenario.max_irqs).to_bits(),
            request: false,
            mode: Mode::InGuest,
            blocking: false,
            ipi: false,
            order: scenario.order,
            at: At::Guest,
            detours: scenario.detours,
            waiting: 0,
            requested: 0,
            loaded: 0,
            overflowed: false,
            missed: false,
            limit: u64::MAX,
            timer: None,
            callback: false,
            detached: false,
            freed: false,
            readers: 0,
            open: Open::default(),
            cpus,
        }
    }

    /// The timer expires, if it is queued for now and its callback is not still running.
    ///
    /// `__run_hrtimer()`, kernel/time/hrtimer.c: dequeues, then calls the callback.
    fn timer_expires(&self) -> Option<World> {
        let mut next = *self;

        if self.callback {
            return None;
        }
        next.now = self.now.max(self.timer?);
        next.timer = None;
        next.callback = true;
        next.cpus[0] = Cpu::Ready(Program::Timer);
        Some(next)
    }

    /// Finishes the timer's callback, and lets the vCPU get as far as it will get.
    fn settle(&mut self, tree: &mut Tree) -> Result<(), Problem> {
        while let Some(next) = self.step(tree, 0, 0)? {
            *self = next;
        }
        // Spinning in the guest and sleeping are where the thread stays.
        while let Some(next) = vcpu::step(self, Way::On)? {
            *self = next;
        }
        Ok(())
    }
}
