// SPDX-License-Identifier: GPL-2.0

use super::load::Random;
use crate::window::Rate;

const US: u64 = 1_000;
/// A window.
const WINDOW: u64 = 100 * US;
/// The time wraps after this.
const WRAP: u64 = 1 << 39;
/// What a gap is while no other volley is expected.
const IDLE: u64 = (1 << 25) - 1;

pub fn steps() {
    // The gaps between volleys, and what is expected after each.
    let cases: &[(&str, &[(u64, u64)])] = &[
        (
            "idle, busy with the third, idle at once",
            &[
                (9_000 * US, IDLE),
                (10 * US, WINDOW),
                (10 * US, 10 * US),
                (20 * US, 15 * US),
                (100 * US, IDLE),
                (99 * US, WINDOW),
                (99 * US, 99 * US),
            ],
        ),
        (
            "one short gap proves nothing",
            &[(9_000 * US, IDLE), (US, WINDOW), (9_000 * US, IDLE)],
        ),
        (
            "all at the same time",
            &[(WINDOW, IDLE), (0, WINDOW), (0, 0), (0, 0), (WINDOW, IDLE)],
        ),
        (
            "slower, but not idle",
            &[
                (WINDOW, IDLE),
                (8 * US, WINDOW),
                (8 * US, 8 * US),
                (72 * US, 40 * US),
                (72 * US, 56 * US),
                (72 * US, 64 * US),
                (72 * US, 68 * US),
            ],
        ),
    ];

    for (name, gaps) in cases {
        // The time of the first volley may be any.
        for start in [0, 1, WINDOW, WRAP - 15 * US, WRAP, u64::MAX - 15 * US] {
            let mut rate = Rate::new(start, IDLE);
            let mut now = start;

            for (number, (gap, expected)) in gaps.iter().enumerate() {
                now = now.wrapping_add(*gap);
                rate = rate.volley(now, WINDOW);
                assert_eq!(
                    rate.gap_ns(),
                    *expected,
                    "{name}: volley {number} from {start}"
                );
            }
        }
    }
}

pub fn clocks_of_two_cpus() {
    let mut rate = Rate::new(0, 40 * US).volley(1_000, WINDOW);
    let before = rate;

    // One that was read earlier, and is used later, does not turn the time back.
    rate = rate.volley(900, WINDOW);
    assert_eq!(rate.gap_ns(), before.gap_ns() / 2);
    assert_eq!(
        rate.volley(1_000, WINDOW),
        Rate::new(1_000, rate.gap_ns() / 2)
    );
}

pub fn any_word() {
    let mut random = Random::new(1);

    assert!(Rate::UNKNOWN.volley(random.next(), WINDOW).gap_ns() >= WINDOW);
    for _ in 0..1_000_000 {
        let window = random.within(2, 10_000) * US;
        let gap = random.within(1, window - 1);
        let mut now = random.next();
        let mut rate = Rate(random.next()).volley(now, window);

        // Whatever it was: after a pause it is right with the third volley. Another pause will do
        // if the first one cannot be told from a clock that is ahead.
        for pause in [window, window, gap] {
            now = now.wrapping_add(pause);
            rate = rate.volley(now, window);
        }
        assert_eq!(rate.gap_ns(), window);
        now = now.wrapping_add(gap);
        assert_eq!(rate.volley(now, window).gap_ns(), gap);
    }
}
