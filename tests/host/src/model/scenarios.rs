// SPDX-License-Identifier: GPL-2.0

//! What the search for wrong orders of steps goes through.

use super::{
    program::Program::{
        self,
        Arrival,
        Detach,
        Kvm,
        Late,
        Merging,
        Set,
        Shorter,
        Urgent, //
    },
    search::{
        search,
        Scenario, //
    },
    vcpu::Order,
    wrong::{
        self,
        Problem, //
    }, //
};
use crate::{
    window::Reason::{
        self,
        Contention,
        Count,
        Off,
        Outside,
        Release,
        Time,
        Urgent as AtOnce, //
    },
    Test, //
};

/// All searches.
pub const TESTS: &[Test] = &[
    ("order_one_arrival", one_arrival),
    ("order_two_arrivals", two_arrivals),
    ("order_two_arrivals_full", two_arrivals_full),
    ("order_three_arrivals", three_arrivals),
    ("order_three_arrivals_in_time", three_arrivals_in_time),
    ("order_windows_of_all_lengths", windows_of_all_lengths),
    ("order_kvm_kicks_too", kvm_kicks_too),
    ("order_settings_lowered", settings_lowered),
    ("order_settings_off", settings_off),
    ("order_detach", detach),
    ("order_merging", merging),
    ("order_merging_beside_others", merging_beside_others),
    ("order_merging_urgent", merging_urgent),
    ("order_merging_overflow", merging_overflow),
    ("order_merging_late", merging_late),
    ("order_merging_detach", merging_detach),
];

/// A scenario's settings and programs, how often the vCPU goes its own ways, how often the clock
/// advances, and which kicks there must be among its outcomes.
fn check(
    (max_usecs, max_irqs): (u32, u32),
    programs: &[Program],
    detours: u8,
    ticks: u8,
    reasons: &[Reason],
) {
    for order in [Order::ListLast, Order::ListFirst] {
        let scenario = Scenario {
            max_usecs,
            max_irqs,
            order,
            programs,
            detours,
            ticks,
        };
        if let Err(problem) = check_one(&scenario, reasons) {
            panic!("{order:?}: {problem}");
        }
    }
}

fn check_one(scenario: &Scenario<'_>, reasons: &[Reason]) -> Result<(), Problem> {
    let order = scenario.order;
    let seen = search(scenario)?;

    println!(
        "# {order:?}: {} states, {} with no handler running, {} of these with a kick held",
        seen.states, seen.quiet, seen.waits
    );
    // A search that does not get anywhere finds nothing.
    if seen.waits == 0 {
        return Err(wrong::Order::NeverHeld.into());
    }
    match reasons.iter().find(|reason| !seen.reasons.contains(reason)) {
        Some(reason) => Err(wrong::Order::NoKick.with(format_args!("{reason:?}"))),
        None => Ok(()),
    }
}

fn one_arrival() {
    check((2, 4), &[Arrival], 4, 4, &[Time, Outside]);
}

fn two_arrivals() {
    check((2, 4), &[Arrival; 2], 2, 2, &[Time, Outside]);
}

fn two_arrivals_full() {
    check((2, 2), &[Arrival; 2], 2, 2, &[Time, Outside, Count]);
}

fn three_arrivals() {
    check(
        (2, 3),
        &[Arrival; 3],
        1,
        0,
        &[Time, Outside, Count, Contention],
    );
}

fn three_arrivals_in_time() {
    check((1, 4), &[Arrival; 3], 0, 1, &[Time, Outside, Contention]);
}

fn windows_of_all_lengths() {
    const SHORT: Program = Shorter { max_usecs: 1 };

    // With detours as well it is 35 million states.
    check(
        (2, 4),
        &[Arrival, SHORT, Urgent],
        0,
        1,
        &[Time, Outside, AtOnce],
    );
    check((2, 4), &[Arrival, SHORT], 2, 2, &[Time, Outside]);
}

fn kvm_kicks_too() {
    check((2, 4), &[Arrival, Arrival, Kvm], 1, 1, &[Time, Outside]);
}

fn settings_lowered() {
    const LOWER: Program = Set {
        max_usecs: 1,
        max_irqs: 4,
        // It would be 33 million states.
        release_before: false,
    };

    check(
        (3, 4),
        &[Arrival, Arrival, LOWER],
        1,
        1,
        &[Time, Outside, Release],
    );
}

fn settings_off() {
    const OFF: Program = Set {
        max_usecs: 0,
        max_irqs: 4,
        release_before: true,
    };

    check(
        (3, 4),
        &[Arrival, Arrival, OFF],
        1,
        1,
        &[Time, Outside, Release, Off],
    );
}

fn detach() {
    for release_first in [true, false] {
        let programs = [Arrival, Arrival, Detach { release_first }];

        check((2, 4), &programs, 1, 1, &[Time, Outside, Release]);
    }
}

const MERGING: Program = Merging { urgent: false };

fn merging() {
    // An exit, and an entry without the interrupt that both are for.
    check((2, 4), &[MERGING; 2], 2, 1, &[Time, Outside]);
}

fn merging_beside_others() {
    // KVM's kick, and an entry without it.
    check((2, 4), &[MERGING, MERGING, Kvm], 1, 0, &[Time, Outside]);
    check((2, 4), &[MERGING, MERGING, Arrival], 0, 0, &[Time, Outside]);
}

fn merging_urgent() {
    const URGENT: Program = Merging { urgent: true };

    check((2, 4), &[MERGING, URGENT], 2, 1, &[Time, Outside, AtOnce]);
    check((2, 4), &[Arrival, MERGING, URGENT], 0, 0, &[Time, AtOnce]);
}

fn merging_overflow() {
    // An exit, an entry with too many, and one without it.
    check((2, 4), &[MERGING; 2], 3, 0, &[Time, Outside]);
}

fn merging_late() {
    // An exit, and an entry without it; a kick that was held for another one, and sleep.
    check((2, 4), &[MERGING, Late], 2, 1, &[Time, Outside]);
    check((2, 4), &[MERGING, Late, Arrival], 2, 0, &[Time, Outside]);
}

fn merging_detach() {
    let detach = Detach {
        release_first: true,
    };

    check((2, 4), &[MERGING, MERGING, detach], 1, 0, &[Time, Outside]);
}
