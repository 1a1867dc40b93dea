// SPDX-License-Identifier: GPL-2.0

//! What verdicts of foreign handlers come to.

use super::load::Random;
use crate::verdicts::{
    action,
    decide,
    Decision::{
        self,
        Consumed,
        Forward,
        Host,
        Invalid,
        Redirect, //
    },
    Given,
    MAX_BATCH, //
};

fn given(action: u32, arrival: u32) -> Given {
    Given {
        action,
        gsi: arrival.wrapping_add(100),
        arrival,
    }
}

/// What `verdicts`, of which the handler claims `returned`, come to for `arrivals` arrivals.
fn decisions(verdicts: &[Given], returned: u32, arrivals: usize) -> Vec<Decision> {
    let mut room = [Given::default(); MAX_BATCH];
    room[..verdicts.len()].copy_from_slice(verdicts);
    decide(&room, returned, arrivals)[..arrivals].to_vec()
}

pub fn sound() {
    let all = [
        given(action::HOST, 0),
        given(action::FORWARD, 1),
        given(action::REDIRECT, 2),
        given(action::CONSUMED, 3),
    ];
    let expected = [Host, Forward, Redirect(102), Consumed];

    assert_eq!(decisions(&all, 4, 4), expected);
    let mut backwards = all;
    backwards.reverse();
    assert_eq!(decisions(&backwards, 4, 4), expected, "in any order");
    assert_eq!(decisions(&all, 2, 4), [Host, Forward, Consumed, Consumed]);
    assert_eq!(decisions(&all[1..2], 1, 2), [Consumed, Forward]);
    assert_eq!(decisions(&[], 0, 3), [Consumed; 3], "none is to be seen");
    let full: Vec<Given> = (0..MAX_BATCH as u32)
        .map(|at| given(action::FORWARD, at))
        .collect();
    assert_eq!(
        decisions(&full, MAX_BATCH as u32, MAX_BATCH),
        [Forward; MAX_BATCH]
    );
}

pub fn unsound() {
    let forward = |arrival| given(action::FORWARD, arrival);

    // The arrival in question, and none is consumed that nobody has decided on.
    assert_eq!(
        decisions(&[given(4, 0), forward(1)], 2, 3),
        [Invalid, Forward, Invalid]
    );
    assert_eq!(decisions(&[given(u32::MAX, 0)], 1, 1), [Invalid]);
    assert_eq!(
        decisions(&[forward(0), forward(0)], 2, 2),
        [Invalid, Invalid],
        "twice"
    );
    assert_eq!(
        decisions(&[forward(0), forward(2)], 2, 2),
        [Forward, Invalid],
        "no such arrival"
    );
    assert_eq!(
        decisions(&[forward(u32::MAX), forward(0)], 2, 2),
        [Forward, Invalid]
    );
    for returned in [3, 16, 17, u32::MAX] {
        let verdicts = [forward(0), forward(1)];
        assert_eq!(
            decisions(&verdicts, returned, 2),
            [Invalid, Invalid],
            "{returned}"
        );
    }
}

/// Whatever a handler gives, an arrival is consumed only if it said so, or gave nothing but sound
/// verdicts.
pub fn anything() {
    let mut random = Random::new(42);

    for _ in 0..200_000 {
        let arrivals = random.within(1, MAX_BATCH as u64) as usize;
        let returned = match random.within(0, 9) {
            0 => random.next() as u32,
            1 => random.within(0, MAX_BATCH as u64 + 4) as u32,
            _ => random.within(0, arrivals as u64) as u32,
        };
        let mut room = [Given::default(); MAX_BATCH];
        for verdict in &mut room {
            *verdict = Given {
                action: random.within(0, 5) as u32,
                gsi: random.next() as u32,
                arrival: random.within(0, arrivals as u64) as u32,
            };
        }
        let decisions = decide(&room, returned, arrivals);
        let counted = room.get(..returned as usize).unwrap_or_default();
        let too_many = returned as usize > arrivals;
        let sound = !too_many
            && counted.iter().enumerate().all(|(at, verdict)| {
                verdict.action <= action::CONSUMED
                    && (verdict.arrival as usize) < arrivals
                    && counted[..at]
                        .iter()
                        .all(|other| other.arrival != verdict.arrival)
            });
        for (at, decision) in decisions.iter().enumerate().take(arrivals) {
            let about: Vec<&Given> = counted
                .iter()
                .filter(|verdict| verdict.arrival as usize == at)
                .collect();
            let expected = match about[..] {
                _ if too_many => Invalid,
                [] if sound => Consumed,
                [one] if one.action == action::HOST => Host,
                [one] if one.action == action::FORWARD => Forward,
                [one] if one.action == action::REDIRECT => Redirect(one.gsi),
                [one] if one.action == action::CONSUMED => Consumed,
                _ => Invalid,
            };
            assert_eq!(*decision, expected, "{at} of {arrivals}: {counted:?}");
        }
    }
}
