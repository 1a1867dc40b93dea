// SPDX-License-Identifier: GPL-2.0

use crate::window::tally::Tally;

/// Those of `saved` are those of an exit, shared, and awake.
const fn tally(requests: u32, held: u32, windows: u32, sent: u32, saved: [u32; 3]) -> Tally {
    let [exit, shared, awake] = saved;

    Tally {
        requests,
        held,
        windows,
        sent,
        exit,
        shared,
        awake,
    }
}

pub fn sums() {
    const NONE: [u32; 3] = [0; 3];
    let kicked = Tally::kicked;
    let cases = [
        ("request", Tally::request(), tally(1, 0, 0, 0, NONE)),
        ("opens a window", Tally::held(true), tally(0, 1, 1, 0, NONE)),
        ("joins one", Tally::held(false), tally(0, 1, 0, 0, NONE)),
        ("exit", Tally::exited(3), tally(0, 0, 0, 0, [3, 0, 0])),
        ("own kick", kicked(0, 1, true), tally(0, 0, 0, 1, NONE)),
        (
            "own, and two",
            kicked(2, 1, true),
            tally(0, 0, 0, 1, [0, 2, 0]),
        ),
        (
            "for three",
            kicked(3, 0, true),
            tally(0, 0, 0, 1, [0, 2, 0]),
        ),
        ("for none", kicked(0, 0, true), tally(0, 0, 0, 0, NONE)),
        (
            "own, in vain",
            kicked(0, 1, false),
            tally(0, 0, 0, 0, [0, 0, 1]),
        ),
        (
            "three, in vain",
            kicked(2, 1, false),
            tally(0, 0, 0, 0, [2, 0, 1]),
        ),
        (
            "all together",
            tally(1, 2, 3, 4, [5, 6, 7]).and(tally(10, 20, 30, 40, [50, 60, 70])),
            tally(11, 22, 33, 44, [55, 66, 77]),
        ),
    ];

    for (name, found, expected) in cases {
        assert_eq!(found, expected, "{name}");
    }
    assert_eq!(tally(1, 2, 3, 4, [5, 6, 7]).saved(), 18);
}

pub fn saturates() {
    let full = tally(u32::MAX, u32::MAX, u32::MAX, u32::MAX, [u32::MAX; 3]);

    assert_eq!(full.and(full), full);
    assert_eq!(full.and(tally(1, 0, 1, 0, [1, 0, 1])), full);
    assert_eq!(
        Tally::kicked(u32::MAX, u32::MAX, true).saved(),
        u32::MAX - 1
    );
}
