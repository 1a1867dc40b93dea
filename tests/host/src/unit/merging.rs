// SPDX-License-Identifier: GPL-2.0

use super::protocol::{
    Fake,
    Local, //
};
use crate::window::{
    merged,
    release_all,
    volley_merged,
    volley_queued,
    Hold,
    Merged::{
        self,
        Ask,
        Asked,
        Nothing, //
    },
    Settings, //
};
use std::cell::Cell;

pub fn what_to_do() {
    // Urgent, overflowed, request pending: what is to be done, and how much it has looked at.
    let cases: [(bool, bool, bool, Merged, i32); 8] = [
        (false, false, false, Ask, 2),
        (false, false, true, Asked, 2),
        (false, true, false, Nothing, 1),
        (false, true, true, Nothing, 1),
        (true, false, false, Ask, 0),
        (true, false, true, Ask, 0),
        (true, true, false, Ask, 0),
        (true, true, true, Ask, 0),
    ];

    for (urgent, overflowed, pending, what, looks) in cases {
        let looked = Cell::new(0);
        let look = |number, answer| {
            assert_eq!(looked.get(), number, "not in this order");
            looked.set(number + 1);
            answer
        };

        let found = merged(urgent, || look(0, overflowed), || look(1, pending));
        assert_eq!(
            (found, looked.get()),
            (what, looks),
            "urgent {urgent}, overflowed {overflowed}, request pending {pending}"
        );
    }
}

pub fn kicks() {
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();

    // Whoever has asked may not have kicked.
    volley_merged(&hold, &vcpu);
    assert_eq!(vcpu.log(), "kick", "nothing held");

    // A kick that is held comes, but not for one that sleeps.
    volley_queued(&hold, &vcpu, Settings::new(100, 8), 1);
    vcpu.log();
    volley_merged(&hold, &vcpu);
    assert_eq!(vcpu.log(), "in_guest", "held");
    vcpu.in_guest.set(false);
    volley_merged(&hold, &vcpu);
    assert_eq!(
        vcpu.log(),
        "in_guest kick",
        "held, and it has left the guest"
    );

    // What is held stays held.
    assert_eq!(hold.held().requests, 1);
    release_all(&hold, &vcpu);
    vcpu.log();
    volley_merged(&hold, &vcpu);
    assert_eq!(vcpu.log(), "kick", "not held any more");
}
