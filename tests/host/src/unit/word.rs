// SPDX-License-Identifier: GPL-2.0

use crate::window::{
    word::{
        Action,
        Expiry,
        Held,
        Reason,
        Request,
        Word, //
    },
    Settings, //
};

/// A time at which nothing wraps.
const T: u64 = 1_000_000_000;
/// A microsecond.
const US: u64 = 1_000;

fn held(requests: u32, irqs: u32) -> Held {
    Held { requests, irqs }
}

/// A window that is open, with its timer queued.
fn open(requests: u32, irqs: u32, deadline: u64) -> Word {
    Word::new(true, held(requests, irqs), deadline)
}

pub fn packs() {
    let deadlines = [0, 1, T, (1 << 43) - 1];

    for armed in [false, true] {
        for requests in [0, 1, 511, 1_023] {
            for irqs in [0, 1, 512, 1_023] {
                for deadline in deadlines {
                    let word = Word::new(armed, held(requests, irqs), deadline);

                    assert_eq!(word.armed(), armed);
                    assert_eq!(word.held(), held(requests, irqs));
                    assert_eq!(word.deadline(), deadline);
                    assert_eq!(word.emptied(), Word::new(armed, held(0, 0), deadline));
                }
            }
        }
    }
    assert_eq!(Word::IDLE, Word::new(false, held(0, 0), 0));
    // What does not fit stops at the largest value, and spoils nothing else.
    let word = Word::new(false, held(5_000, u32::MAX), u64::MAX);
    assert!(!word.armed());
    assert_eq!(word.held(), held(1_023, 1_023));
    assert_eq!(word.deadline(), (1 << 43) - 1);
}

pub fn request() {
    // Settings in microseconds and interrupts; then the request's time and interrupts, and whether
    // it found the bit clear.
    type Case = (
        &'static str,
        Word,
        (u32, u32),
        (u64, u32, bool),
        (Word, Action, u32),
    );
    let full = Reason::Count;
    let cases: &[Case] = &[
        (
            "the first opens a window",
            Word::IDLE,
            (100, 4),
            (T, 1, true),
            (
                open(1, 1, T + 100 * US),
                Action::HoldAndArm(T + 100 * US),
                0,
            ),
        ),
        (
            "the first is not always fresh",
            Word::IDLE,
            (100, 4),
            (T, 1, false),
            (
                open(1, 1, T + 100 * US),
                Action::HoldAndArm(T + 100 * US),
                0,
            ),
        ),
        (
            "a volley counts its interrupts",
            Word::IDLE,
            (100, 4),
            (T, 3, true),
            (
                open(1, 3, T + 100 * US),
                Action::HoldAndArm(T + 100 * US),
                0,
            ),
        ),
        (
            "an empty volley counts as one",
            Word::IDLE,
            (100, 4),
            (T, 0, true),
            (
                open(1, 1, T + 100 * US),
                Action::HoldAndArm(T + 100 * US),
                0,
            ),
        ),
        (
            "the second joins, the deadline stays",
            open(1, 1, T + 100 * US),
            (100, 4),
            (T + 30 * US, 2, false),
            (open(2, 3, T + 100 * US), Action::Hold, 0),
        ),
        (
            "the last one makes it full",
            open(2, 3, T + 100 * US),
            (100, 4),
            (T + 30 * US, 1, false),
            (open(0, 0, T + 100 * US), Action::Kick(full, held(3, 4)), 0),
        ),
        (
            "a volley may make it overfull",
            open(2, 3, T + 100 * US),
            (100, 4),
            (T + 30 * US, 60, false),
            (open(0, 0, T + 100 * US), Action::Kick(full, held(3, 63)), 0),
        ),
        (
            "a full volley opens no window",
            Word::IDLE,
            (100, 4),
            (T, 4, true),
            (Word::IDLE, Action::Kick(full, held(1, 4)), 0),
        ),
        (
            "1024 interrupts fit",
            open(1_000, 1_022, T + 100 * US),
            (100, 1_024),
            (T, 1, false),
            (open(1_001, 1_023, T + 100 * US), Action::Hold, 0),
        ),
        (
            "and not one more",
            open(1_000, 1_023, T + 100 * US),
            (100, 1_024),
            (T, 1, false),
            (
                open(0, 0, T + 100 * US),
                Action::Kick(full, held(1_001, 1_024)),
                0,
            ),
        ),
        (
            "the timer is late",
            open(1, 1, T + 100 * US),
            (100, 4),
            (T + 100 * US, 1, false),
            (
                open(0, 0, T + 100 * US),
                Action::Kick(Reason::Time, held(2, 2)),
                0,
            ),
        ),
        (
            "settings were turned off",
            open(2, 2, T + 100 * US),
            (0, 4),
            (T, 1, false),
            (
                open(0, 0, T + 100 * US),
                Action::Kick(Reason::Off, held(3, 3)),
                0,
            ),
        ),
        (
            "KVM has taken all: a new window, the old timer comes early",
            open(3, 3, T + 100 * US),
            (100, 4),
            (T + 60 * US, 1, true),
            (open(1, 1, T + 160 * US), Action::Hold, 3),
        ),
        (
            "KVM has taken all, and the old timer is late",
            open(3, 3, T + 100 * US),
            (100, 4),
            (T + 101 * US, 1, true),
            (open(1, 1, T + 201 * US), Action::Hold, 3),
        ),
        (
            "KVM has taken all, and the new volley is full",
            open(3, 3, T + 100 * US),
            (100, 4),
            (T + 60 * US, 4, true),
            (open(0, 0, T + 100 * US), Action::Kick(full, held(1, 4)), 3),
        ),
        (
            "KVM has taken all, and settings were lowered: the queued timer would be late",
            open(3, 3, T + 10_000 * US),
            (10, 4),
            (T + 30 * US, 1, true),
            (open(1, 1, T + 40 * US), Action::HoldAndArm(T + 40 * US), 3),
        ),
        (
            "a window kicked: the next one uses the timer that is still queued",
            open(0, 0, T + 100 * US),
            (100, 4),
            (T + 30 * US, 1, false),
            (open(1, 1, T + 130 * US), Action::Hold, 0),
        ),
        (
            "a window kicked, settings lowered: the queued timer would be late",
            open(0, 0, T + 10_000 * US),
            (10, 4),
            (T + 30 * US, 1, true),
            (open(1, 1, T + 40 * US), Action::HoldAndArm(T + 40 * US), 0),
        ),
        (
            "settings lowered in an open window",
            open(1, 1, T + 10_000 * US),
            (10, 4),
            (T + 30 * US, 1, false),
            (open(2, 2, T + 40 * US), Action::HoldAndArm(T + 40 * US), 0),
        ),
        (
            "settings raised in an open window",
            open(1, 1, T + 10 * US),
            (10_000, 4),
            (T + 5 * US, 1, false),
            (open(2, 2, T + 10 * US), Action::Hold, 0),
        ),
        (
            "the host stood still for two hours",
            open(1, 1, T),
            (100, 4),
            (T + 7_200_000_000 * US, 1, false),
            (open(0, 0, T), Action::Kick(Reason::Time, held(2, 2)), 0),
        ),
    ];

    for (name, word, (usecs, irqs), (at, volley, clear), (after, action, served)) in cases {
        let request = Request {
            at: *at,
            irqs: *volley,
            served: clear.then_some(*word),
        };
        let requested = word.request(Settings::new(*usecs, *irqs), request);

        assert_eq!(requested.action, *action, "{name}");
        assert_eq!(requested.word, *after, "{name}");
        assert_eq!(requested.served, *served, "{name}");
    }
}

/// Another request has changed the word between the look at it and now: its window goes on.
pub fn request_overtaken() {
    let due = T + 100 * US;
    let before = open(2, 2, T + 50 * US);
    let cases = [
        (
            "its window is shorter, and stays so",
            open(1, 1, T + 60 * US),
            open(2, 2, T + 60 * US),
            Action::Hold,
        ),
        (
            "its window is longer, and ends sooner now",
            open(1, 1, due + 1),
            open(2, 2, due),
            Action::HoldAndArm(due),
        ),
        (
            "it has joined what was served",
            open(3, 3, T + 50 * US),
            open(0, 0, T + 50 * US),
            Action::Kick(Reason::Count, held(4, 4)),
        ),
        (
            "it has had all kicked",
            open(0, 0, T + 50 * US),
            open(1, 1, due),
            Action::Hold,
        ),
    ];

    for (name, word, after, action) in cases {
        let request = Request {
            at: T,
            irqs: 1,
            served: Some(before),
        };
        let requested = word.request(Settings::new(100, 4), request);

        assert_eq!(requested.action, action, "{name}");
        assert_eq!(requested.word, after, "{name}");
        assert_eq!(requested.served, 0, "{name}");
    }
}

pub fn expire() {
    let due = T + 100 * US;
    let cases = [
        ("nothing", Word::IDLE, T, Expiry::Idle),
        ("nothing held", open(0, 0, due), T, Expiry::Idle),
        ("early", open(2, 3, due), T, Expiry::Early(due)),
        ("1 ns early", open(2, 3, due), due - 1, Expiry::Early(due)),
        ("in time", open(2, 3, due), due, Expiry::Due),
        ("late", open(2, 3, due), due + 1, Expiry::Due),
        (
            "very late",
            open(2, 3, due),
            due + (1 << 42) + 1,
            Expiry::Due,
        ),
    ];

    for (name, word, now, expected) in cases {
        assert_eq!(word.expire(now), expected, "{name}");
    }
}

pub fn armed_before() {
    let cases = [
        ("earlier", open(1, 1, T), T + 1, Some(T)),
        ("the same", open(1, 1, T), T, None),
        ("later", open(1, 1, T), T - 1, None),
        ("nothing held, but queued", open(0, 0, T), T + 1, Some(T)),
        ("not queued", Word::new(false, held(0, 0), T), T + 1, None),
    ];

    for (name, word, time, expected) in cases {
        assert_eq!(word.armed_before(time), expected, "{name}");
    }
}

pub fn left() {
    let wrap = 1u64 << 43;
    let cases = [
        ("open", open(1, 1, T), T - US, US),
        ("across the wrap", open(1, 1, wrap + US), wrap - US, 2 * US),
        ("due", open(1, 1, T), T, 0),
        ("overdue", open(1, 1, T), T + US, 0),
        ("nothing held, but queued", open(0, 0, T), T - US, 0),
        ("nothing", Word::IDLE, T, 0),
    ];

    for (name, word, now, expected) in cases {
        assert_eq!(word.left_ns(now), expected, "{name}");
    }
}

pub fn deadline_wraps() {
    let settings = Settings::new(100, 4);

    // Where the 43 bits end.
    for wrap in [1u64 << 43, 5 << 43] {
        for before in [0, 1, 50 * US, 100 * US, 101 * US] {
            let at = wrap - before;
            let due = at + 100 * US;
            let request = |at, served| Request {
                at,
                irqs: 1,
                served,
            };

            let first = Word::IDLE.request(settings, request(at, Some(Word::IDLE)));
            assert_eq!(first.action, Action::HoldAndArm(due));
            let second = first.word.request(settings, request(at + US, None));
            assert_eq!(second.action, Action::Hold);
            assert_eq!(second.word.expire(due - 1), Expiry::Early(due));
            assert_eq!(second.word.expire(due), Expiry::Due);
            let served = Some(second.word);
            let third = second.word.request(settings, request(at + 2 * US, served));
            assert_eq!((third.action, third.served), (Action::Hold, 2));
        }
    }
}

pub fn held_time() {
    const HOUR: u64 = 3_600_000_000 * US;
    /// Later than that.
    const T: u64 = 2 * HOUR;
    let longest = Settings::LONGEST_NS;
    let due = T + 100 * US;
    // When a window was opened, when it has ended, and how long that was.
    let cases = [
        ("in time", due, T, due, 100 * US),
        ("late", due, T, due + 7, 100 * US + 7),
        ("early", due, T, T + 30 * US, 30 * US),
        ("at once", due, T, T, 0),
        ("the clock was read before", due, T, T - 1, 0),
        ("the longest", T + longest, T, T + longest, longest),
        (
            "by a host that stood still",
            due,
            T,
            due + HOUR,
            HOUR + 100 * US,
        ),
        // Somebody else was faster to end it than who opened it to say so.
        ("noted an hour before", due, T - HOUR, due, longest),
        ("the same, early", due, 0, due - 1, longest - 1),
        ("the same, late", due, 0, due + 9, longest + 9),
        ("noted for the next", due, due + 1, due, 0),
    ];

    for wrap in [0, 1u64 << 43, 5 << 43] {
        for (name, due, opened, now, expected) in cases {
            let ended = open(1, 1, due + wrap).ended(opened + wrap);

            assert_eq!(ended.held_ns(now + wrap), expected, "{name}");
        }
        // Where the 43 bits end.
        for before in [1, 50 * US, 100 * US] {
            let ended =
                open(2, 3, wrap + (1 << 43) - before + 100 * US).ended(wrap + (1 << 43) - before);

            assert_eq!(
                ended.held_ns(wrap + (1 << 43) - before + 100 * US),
                100 * US
            );
            assert_eq!(ended.held(), held(2, 3));
        }
    }
    assert!(open(1, 1, due).ended(0).any());
    assert!(!open(0, 0, due).ended(T).any());
}
