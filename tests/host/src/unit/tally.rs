// SPDX-License-Identifier: GPL-2.0

use crate::window::tally::Tally;

const fn tally(requests: u32, held: u32, sent: u32, saved: u32) -> Tally {
    Tally {
        requests,
        held,
        sent,
        saved,
    }
}

pub fn sums() {
    let cases = [
        ("request", Tally::request(), tally(1, 0, 0, 0)),
        ("held", Tally::held(), tally(0, 1, 0, 0)),
        ("saved", Tally::saved(3), tally(0, 0, 0, 3)),
        ("kick for one", Tally::kicked(1, true), tally(0, 0, 1, 0)),
        ("kick for three", Tally::kicked(3, true), tally(0, 0, 1, 2)),
        ("kick in vain", Tally::kicked(3, false), tally(0, 0, 0, 3)),
        ("kick for none", Tally::kicked(0, true), tally(0, 0, 0, 0)),
        (
            "all together",
            tally(1, 2, 3, 4).and(tally(10, 20, 30, 40)),
            tally(11, 22, 33, 44),
        ),
    ];

    for (name, found, expected) in cases {
        assert_eq!(found, expected, "{name}");
    }
}

pub fn saturates() {
    let full = tally(u32::MAX, u32::MAX, u32::MAX, u32::MAX);

    assert_eq!(full.and(full), full);
    assert_eq!(full.and(tally(1, 0, 1, 0)), full);
}
