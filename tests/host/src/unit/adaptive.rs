// SPDX-License-Identifier: GPL-2.0

//! Adaptive windows: the rule, and what it makes of loads.
//!
//! The margins below are those that `Documentation/adaptive.rst` promises.

use super::load::{
    run,
    run_forgetful,
    Random,
    Run,
    Trace, //
};
use crate::window::{
    adaptive::bound,
    Rate,
    Settings, //
};

const US: u64 = 1_000;
/// `max_usecs` that loads are tried with.
const USECS: [u32; 4] = [5, 100, 1_000, 10_000];
/// Volleys in a trace.
const COUNT: usize = 10_000;

pub fn rule() {
    let cases = [
        (
            "as many as are missing, and patience",
            100,
            4,
            1,
            10 * US,
            Some(60),
        ),
        ("two at a time", 100, 4, 2, 10 * US, Some(20)),
        ("three, then three", 100, 4, 3, 10 * US, Some(20)),
        ("full", 100, 4, 4, 10 * US, Some(1)),
        ("more than full", 100, 4, 9, 10 * US, Some(1)),
        ("none counts as one", 100, 4, 0, 10 * US, Some(60)),
        ("no longer than the settings", 100, 4, 1, 20 * US, Some(100)),
        ("many, no longer either", 100, 1_024, 1, US, Some(100)),
        ("rounded up", 100, 2, 1, 1, Some(1)),
        ("rounded up", 100, 2, 1, 501, Some(2)),
        ("no time at all", 100, 4, 1, 0, Some(1)),
        ("just in time", 100, 4, 1, 100 * US - 1, Some(100)),
        ("just too late", 100, 4, 1, 100 * US, None),
        ("far too late", 10_000, 1_024, 1, u64::MAX, None),
    ];

    for (name, max_usecs, max_irqs, irqs, gap, expected) in cases {
        let settings = Settings::new(max_usecs, max_irqs);
        let expected = expected.map_or(Settings::OFF, |usecs| Settings::new(usecs, max_irqs));

        assert_eq!(bound(settings, Rate::new(0, gap), irqs), expected, "{name}");
    }
}

pub fn within_settings() {
    let mut random = Random::new(2);

    for _ in 0..1_000_000 {
        let settings = Settings::new(
            random.within(1, 10_000) as u32,
            random.within(2, 1_024) as u32,
        );
        let rate = Rate(random.next());
        let irqs = random.within(0, u64::from(u32::MAX)) as u32 >> random.within(0, 31);
        let bound = bound(settings, rate, irqs);

        assert_eq!(bound.may_hold(), rate.gap_ns() < settings.window_ns());
        assert!(bound.max_usecs() <= settings.max_usecs());
        assert!(!bound.may_hold() || bound.max_irqs() == settings.max_irqs());
    }
}

/// Runs `trace` without a window, with the longest, and adaptively.
fn compare(trace: &Trace, settings: Settings) -> [Run; 3] {
    [
        run(trace, Settings::OFF, false),
        run(trace, settings, false),
        run(trace, settings, true),
    ]
}

/// What a setting costs: kicks per interrupt, and delay in windows.
fn cost(run: &Run, settings: Settings) -> f64 {
    run.kicks_per_irq() + run.mean_late() / settings.window_ns() as f64
}

pub fn low_rates() {
    let mut random = Random::new(3);

    for usecs in USECS {
        let settings = Settings::new(usecs, 4);
        let window = settings.window_ns();

        for most in [window, window + 1, 2 * window, 50 * window, 1 << 38] {
            let gaps: Vec<u64> = (0..COUNT).map(|_| random.within(window, most)).collect();
            let run = run(&Trace::from_gaps(gaps), settings, true);

            assert_eq!(run.held, 0, "{usecs} us, gaps to {most}");
            assert_eq!(run.most_late(), 0, "{usecs} us, gaps to {most}");
            assert_eq!(run.kicks, run.irqs);
        }
        // Two that come together after that, and then another two, are not held either.
        let run = run(&Trace::bursts(2, 1, window, COUNT), settings, true);
        assert_eq!((run.held, run.most_late()), (0, 0), "{usecs} us, in pairs");
        // Chance brings three together now and then.
        for (windows, held) in [(10, 2.0), (100, 0.03)] {
            let trace = Trace::poisson(&mut random, windows * window, 10 * COUNT);
            let run = super::load::run(&trace, settings, true);
            let percent = run.held as f64 * 100.0 / run.irqs as f64;
            assert!(percent < held, "{usecs} us, {windows}: {percent} % held");
        }
    }
}

pub fn high_rates() {
    let mut random = Random::new(4);

    for usecs in [100, 1_000, 10_000] {
        for (max_irqs, irqs) in [(4, 1), (16, 1), (4, 2), (16, 3)] {
            let settings = Settings::new(usecs, max_irqs);
            let volleys = u64::from(max_irqs.div_ceil(irqs));
            let full = 1.0 / (volleys * u64::from(irqs)) as f64;
            let name = format!("{usecs} us, {irqs} of {max_irqs}");

            for part in [8, 64, 512] {
                let gap = settings.window_ns() / (volleys * part);
                let steady = run(&Trace::steady(gap, COUNT).of(irqs), settings, true);
                let kicks = steady.kicks_per_irq();
                assert!(
                    kicks < full * 1.01,
                    "{name}: {kicks} kicks at a gap of {gap}"
                );
                // It waits for those that fill it, and no longer.
                let late = steady.most_late();
                assert!(
                    late <= gap * (volleys + 1) * 2 + US,
                    "{name}: {late} ns late"
                );

                let trace = Trace::poisson(&mut random, gap, COUNT).of(irqs);
                let kicks = run(&trace, settings, true).kicks_per_irq();
                assert!(kicks < full * 1.15, "{name}: {kicks} kicks by chance");
            }
        }
    }
}

pub fn in_between() {
    let mut random = Random::new(5);

    for usecs in USECS {
        let settings = Settings::new(usecs, 4);
        let window = settings.window_ns();

        for percent in (2..=400).step_by(2).chain([500, 1_000, 3_000]) {
            let gap = window * percent / 100;
            for (name, trace) in [
                ("steady", Trace::steady(gap, COUNT)),
                ("poisson", Trace::poisson(&mut random, gap, COUNT)),
            ] {
                let [none, longest, adaptive] = compare(&trace, settings);
                let name = format!("{usecs} us, {name}, a gap of {percent} %");

                let kicks = adaptive.kicks_per_irq() - longest.kicks_per_irq();
                assert!(kicks < 0.35, "{name}: {kicks} more kicks");
                let late = (adaptive.mean_late() - longest.mean_late()) / window as f64;
                assert!(late < 0.02, "{name}: {late} of a window later");
                let better = cost(&none, settings).min(cost(&longest, settings));
                let more = cost(&adaptive, settings) - better;
                assert!(more < 0.27, "{name}: costs {more} more");
            }
        }
    }
}

pub fn bursts() {
    let settings = Settings::new(100, 4);
    let window = settings.window_ns();

    for size in 1..=32 {
        for gap in [0, 1, US, 5 * US, 20 * US] {
            for pause in [window, 3 * window, 1_000 * window] {
                let name = format!("{size}, {gap} ns apart, every {pause} ns");
                let trace = Trace::bursts(size, gap, pause, 100);
                let [none, longest, adaptive] = compare(&trace, settings);

                // The first two of each are not held.
                for burst in adaptive.late.chunks(size) {
                    let most = burst.iter().take(2).max();
                    assert_eq!(most, Some(&0), "{name}");
                }
                assert!(adaptive.kicks <= longest.kicks + 2 * 100, "{name}");
                assert!(adaptive.kicks <= none.kicks, "{name}");
                // The last ones wait for others that do not come, but not for a whole window.
                let late = adaptive.most_late();
                assert!(
                    late <= (6 * gap).max(US).min(window),
                    "{name}: {late} ns late"
                );
            }
        }
    }
}

pub fn load_changes() {
    let settings = Settings::new(1_000, 4);
    let window = settings.window_ns();
    let slow = 2 * window;

    for fast in [US, 10 * US, 100 * US, 600 * US] {
        let gaps = [slow; 10].into_iter().chain([fast; 40]).chain([slow; 10]);
        let run = run(&Trace::from_gaps(gaps), settings, true);

        // The estimate is exact from the third volley that is fast, the first slow one included.
        assert!(run.gaps[..11].iter().all(|gap| *gap >= window), "{fast}");
        assert!(run.gaps[11..50].iter().all(|gap| *gap == fast), "{fast}");
        assert!(run.gaps[50..].iter().all(|gap| *gap >= window), "{fast}");
        assert!(run.late[..11].iter().all(|late| *late == 0), "{fast}");
        assert!(run.late[50..].iter().all(|late| *late == 0), "{fast}");
        assert!(run.late[11..50].iter().any(|late| *late > 0), "{fast}");
    }
    // Between two rates at which kicks are held, it is within an eighth after four volleys.
    for (from, to) in [(10 * US, 20 * US), (10 * US, 900 * US), (900 * US, 10 * US)] {
        let gaps = [from; 20].into_iter().chain([to; 20]);
        let run = run(&Trace::from_gaps(gaps), settings, true);
        let off = run.gaps[23].abs_diff(to);

        assert_eq!(run.gaps[19], from);
        assert!(
            off <= from.abs_diff(to) / 16 + 1,
            "{from} to {to}: off by {off}"
        );
    }
}

pub fn source_gone_mad() {
    let mut random = Random::new(6);
    let settings = Settings::new(1_000, 4);
    let window = settings.window_ns();

    for gap in [500, 2 * US, 10 * US] {
        let others = Trace::poisson(&mut random, 5 * window, 500);
        // It begins after a while, and ends when the others still have some way to go.
        let mad = Trace::steady(gap, 100_000).after(others.0[50].0);
        let end = mad.0[mad.0.len() - 1].0;
        let trace = others.clone().with(&mad);
        let run = run(&trace, settings, true);

        let kicks = run.kicks_per_irq();
        assert!(kicks < 0.26, "{gap}: {kicks} kicks");
        // Those of the other sources do not wait longer for it than it takes to fill a window.
        for ((at, _), late) in trace.0.iter().zip(&run.late) {
            if (mad.0[3].0..end).contains(at) {
                assert!(*late <= 6 * gap + US, "{gap}: {late} ns late");
            }
        }
        // Once it is over they are as they would have been without it.
        let alone = super::load::run(&others, settings, true);
        let after = |run: &Run, trace: &Trace| -> Vec<u64> {
            let volleys = trace.0.iter().zip(&run.late);
            let later = volleys.filter(|((at, _), _)| *at > end + 5 * window);
            later.map(|(_, late)| *late).collect()
        };
        assert_eq!(after(&run, &trace), after(&alone, &others), "{gap}");
    }
}

pub fn lost_updates() {
    let mut random = Random::new(7);
    let settings = Settings::new(1_000, 4);
    let window = settings.window_ns();

    for gap in [US, 10 * US, 50 * US] {
        let trace = Trace::poisson(&mut random, gap, COUNT);
        let exact = run(&trace, settings, true);
        // Every fourth is lost: far more than CPUs that race can do.
        let lossy = run_forgetful(&trace, settings, 4);
        let more = lossy.kicks_per_irq() - exact.kicks_per_irq();

        assert!(more.abs() < 0.02, "{gap}: {more} more kicks");
        assert!(lossy.most_late() <= window, "{gap}");
    }
    // What is lost cannot make a slow load look like a fast one.
    let trace = Trace::from_gaps((0..COUNT).map(|_| random.within(window, 3 * window)));
    assert_eq!(run_forgetful(&trace, settings, 4).held, 0);
}
