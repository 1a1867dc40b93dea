// SPDX-License-Identifier: GPL-2.0

use crate::window::merged_needs_kick;
use std::cell::Cell;

pub fn needs_kick() {
    // Urgent, request pending, overflowed: needs a kick, and how much it has looked at.
    let cases = [
        (false, false, false, true, 2),
        (false, false, true, false, 2),
        (false, true, false, false, 1),
        (false, true, true, false, 1),
        (true, false, false, true, 0),
        (true, false, true, true, 0),
        (true, true, false, true, 0),
        (true, true, true, true, 0),
    ];

    for (urgent, pending, overflowed, needs, looks) in cases {
        let looked = Cell::new(0);
        let look = |number, answer| {
            assert_eq!(looked.get(), number, "not in this order");
            looked.set(number + 1);
            answer
        };

        let found = merged_needs_kick(urgent, || look(0, pending), || look(1, overflowed));
        assert_eq!(
            (found, looked.get()),
            (needs, looks),
            "urgent {urgent}, request pending {pending}, overflowed {overflowed}"
        );
    }
}
