// SPDX-License-Identifier: GPL-2.0

//! Loads for the window policy, and what becomes of them: traces of volleys for one vCPU that is
//! always in the guest, run through the protocol as it ships, with time simulated.

use crate::window::{
    expired,
    volley_queued,
    volley_queued_adaptive,
    AtomicWord,
    Hold,
    Rate,
    RateWord,
    Settings,
    Vcpu, //
};
use std::cell::Cell;

/// Random numbers, the same in every run (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn within(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// Exponentially distributed: the gaps of a Poisson process.
    pub fn gap(&mut self, mean: u64) -> u64 {
        let uniform = ((self.next() >> 11) as f64 + 1.0) / (1u64 << 53) as f64;
        (-uniform.ln() * mean as f64) as u64
    }
}

/// Volleys: when each is queued, in nanoseconds, and how many interrupts it has.
#[derive(Clone, Default)]
pub struct Trace(pub Vec<(u64, u32)>);

impl Trace {
    /// One interrupt after each of `gaps`.
    pub fn from_gaps(gaps: impl IntoIterator<Item = u64>) -> Self {
        // Not at the start of time, as no host's clock is.
        let mut at = 1_000_000_000;

        Self(
            gaps.into_iter()
                .map(|gap| {
                    at += gap;
                    (at, 1)
                })
                .collect(),
        )
    }

    pub fn steady(gap: u64, count: usize) -> Self {
        Self::from_gaps(std::iter::repeat_n(gap, count))
    }

    pub fn poisson(random: &mut Random, mean: u64, count: usize) -> Self {
        Self::from_gaps((0..count).map(|_| random.gap(mean)))
    }

    /// `count` bursts of `size` interrupts, `gap` apart, and `pause` from one's last to the next.
    pub fn bursts(size: usize, gap: u64, pause: u64, count: usize) -> Self {
        Self::from_gaps((0..size * count).map(|i| if i % size == 0 { pause } else { gap }))
    }

    /// All volleys of both.
    pub fn with(mut self, other: &Self) -> Self {
        self.0.extend(&other.0);
        self.0.sort_unstable();
        self
    }

    /// This, as if it had begun at `start`.
    pub fn after(mut self, start: u64) -> Self {
        let first = self.0.first().map_or(0, |volley| volley.0);

        self.0
            .iter_mut()
            .for_each(|volley| volley.0 = volley.0 - first + start);
        self
    }

    /// This, with `irqs` interrupts in each volley.
    pub fn of(mut self, irqs: u32) -> Self {
        self.0.iter_mut().for_each(|volley| volley.1 = irqs);
        self
    }
}

/// What became of a trace.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub irqs: u64,
    pub kicks: u64,
    pub held: u64,
    /// How long each volley waited for its kick, in nanoseconds.
    pub late: Vec<u64>,
    /// The time from a volley to the next, as estimated with each.
    pub gaps: Vec<u64>,
}

impl Run {
    pub fn kicks_per_irq(&self) -> f64 {
        self.kicks as f64 / self.irqs as f64
    }

    pub fn mean_late(&self) -> f64 {
        self.late.iter().sum::<u64>() as f64 / self.late.len() as f64
    }

    pub fn most_late(&self) -> u64 {
        self.late.iter().copied().max().unwrap_or(0)
    }
}

/// A vCPU that never leaves the guest by itself, and the time.
struct Sim {
    now: Cell<u64>,
    timer: Cell<Option<u64>>,
    request: Cell<bool>,
    kicks: Cell<u64>,
    word: Cell<u64>,
    rate: Cell<Rate>,
    /// One in this many updates of the rate is lost; 0 means none.
    lost: u64,
    updates: Cell<u64>,
}

impl AtomicWord for &Sim {
    fn load(&self) -> u64 {
        self.word.get()
    }

    fn compare_exchange(&self, old: u64, new: u64) -> Result<u64, u64> {
        assert_eq!(self.word.get(), old);
        self.word.set(new);
        Ok(old)
    }

    fn swap(&self, new: u64) -> u64 {
        self.word.replace(new)
    }
}

impl RateWord for Sim {
    fn load(&self) -> Rate {
        self.rate.get()
    }

    fn store(&self, rate: Rate) {
        self.updates.set(self.updates.get() + 1);
        if self.lost == 0 || self.updates.get() % self.lost != 0 {
            self.rate.set(rate);
        }
    }
}

impl Vcpu for Sim {
    fn set_request(&self) -> bool {
        self.request.replace(true)
    }

    fn request_pending(&self) -> bool {
        self.request.get()
    }

    fn in_guest(&self) -> bool {
        true
    }

    fn kick(&self) -> bool {
        // It comes at once, and takes all there is.
        self.request.set(false);
        self.kicks.set(self.kicks.get() + 1);
        true
    }

    fn now(&self) -> u64 {
        self.now.get()
    }

    fn start_timer(&self, deadline: u64) {
        self.timer.set(Some(deadline));
    }
}

/// Runs `trace` with `settings`, adaptively or not.
pub fn run(trace: &Trace, settings: Settings, adaptive: bool) -> Run {
    run_on(Sim::new(0), trace, settings, adaptive)
}

/// Runs `trace` adaptively, with one in `lost` updates of the rate lost.
pub fn run_forgetful(trace: &Trace, settings: Settings, lost: u64) -> Run {
    run_on(Sim::new(lost), trace, settings, true)
}

impl Sim {
    fn new(lost: u64) -> Self {
        Self {
            now: Cell::new(0),
            timer: Cell::new(None),
            request: Cell::new(false),
            kicks: Cell::new(0),
            word: Cell::new(0),
            rate: Cell::new(Rate::UNKNOWN),
            lost,
            updates: Cell::new(0),
        }
    }
}

fn run_on(sim: Sim, trace: &Trace, settings: Settings, adaptive: bool) -> Run {
    let hold = Hold::new(&sim);
    let mut run = Run::default();
    let mut waiting: Vec<u64> = Vec::new();
    let mut volleys = trace.0.iter().copied().peekable();

    loop {
        match (volleys.peek().copied(), sim.timer.get()) {
            (volley, Some(timer)) if volley.is_none_or(|(at, _)| timer <= at) => {
                sim.now.set(timer);
                sim.timer.set(None);
                expired(&hold, &sim);
            }
            (Some((at, irqs)), _) => {
                volleys.next();
                sim.now.set(at);
                waiting.push(at);
                run.irqs += u64::from(irqs);
                let outcome = if adaptive && settings.may_hold() {
                    volley_queued_adaptive(&hold, &sim, &sim, settings, irqs).0
                } else {
                    volley_queued(&hold, &sim, settings, irqs)
                };
                run.held += u64::from(outcome.tally.held);
                run.gaps.push(sim.rate.get().gap_ns());
            }
            (None, _) => break,
        }
        if !sim.request.get() {
            run.late
                .extend(waiting.drain(..).map(|at| sim.now.get() - at));
        }
    }
    assert!(waiting.is_empty(), "{} volleys forgotten", waiting.len());
    run.kicks = sim.kicks.get();
    run
}
