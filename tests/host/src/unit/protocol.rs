// SPDX-License-Identifier: GPL-2.0

use crate::window::{
    expired,
    release_all,
    tally::Tally,
    urgent_volley_queued,
    volley_queued,
    volley_queued_adaptive,
    word::Held,
    AtomicWord,
    Hold,
    Outcome,
    Rate,
    RateWord,
    Reason,
    Settings,
    Vcpu, //
};
use std::cell::{
    Cell,
    RefCell, //
};

const US: u64 = 1_000;

/// A word that nobody else changes, unless it is `busy`: then every exchange fails.
#[derive(Default)]
pub(super) struct Local {
    value: Cell<u64>,
    busy: Cell<bool>,
    opened: Cell<u64>,
}

impl AtomicWord for &Local {
    fn load(&self) -> u64 {
        self.value.get()
    }

    fn compare_exchange(&self, old: u64, new: u64) -> Result<u64, u64> {
        if self.busy.get() || self.value.get() != old {
            return Err(self.value.get());
        }
        self.value.set(new);
        Ok(old)
    }

    fn swap(&self, new: u64) -> u64 {
        self.value.replace(new)
    }

    fn note_opened(&self, at: u64) {
        self.opened.set(at);
    }

    fn opened(&self) -> u64 {
        self.opened.get()
    }
}

/// A vCPU that does what it is told, and writes down what is done to it.
#[derive(Default)]
pub(super) struct Fake {
    request: Cell<bool>,
    pub(super) in_guest: Cell<bool>,
    now: Cell<u64>,
    timer: Cell<Option<u64>>,
    /// Whenever the timer is queued, another CPU asks for an earlier time through this word.
    rival: Option<(Hold<&'static Local>, Settings)>,
    log: RefCell<Vec<&'static str>>,
}

impl Fake {
    pub(super) fn spinning() -> Self {
        let fake = Self::default();

        fake.in_guest.set(true);
        fake
    }

    fn note(&self, what: &'static str) {
        self.log.borrow_mut().push(what);
    }

    pub(super) fn log(&self) -> String {
        self.log.take().join(" ")
    }
}

impl RateWord for Cell<Rate> {
    fn load(&self) -> Rate {
        self.get()
    }

    fn store(&self, rate: Rate) {
        self.set(rate);
    }
}

impl Vcpu for Fake {
    fn set_request(&self) -> bool {
        self.note("set_request");
        self.request.replace(true)
    }

    fn request_pending(&self) -> bool {
        self.note("request_pending");
        self.request.get()
    }

    fn in_guest(&self) -> bool {
        self.note("in_guest");
        self.in_guest.get()
    }

    fn kick(&self) -> bool {
        self.note("kick");
        self.in_guest.get()
    }

    fn now(&self) -> u64 {
        self.note("now");
        self.now.get()
    }

    fn start_timer(&self, deadline: u64) {
        self.note("start_timer");
        self.timer.set(Some(deadline));
        if let Some((hold, settings)) = &self.rival {
            // Half the clock's way to the deadline, with nothing else happening.
            let other = Fake::spinning();
            other.request.set(true);
            other.now.set(deadline - settings.window_ns() - 1);
            volley_queued(hold, &other, *settings, 1);
        }
    }
}

/// What a step comes to that saves nothing.
fn tally(requests: u32, held: u32, windows: u32, sent: u32) -> Tally {
    Tally {
        requests,
        held,
        windows,
        sent,
        ..Tally::default()
    }
}

/// The same, and these are saved: by an exit, shared, awake.
fn saved(tally: Tally, exit: u32, shared: u32, awake: u32) -> Tally {
    Tally {
        exit,
        shared,
        awake,
        ..tally
    }
}

fn kick(reason: Reason, requests: u32, irqs: u32) -> Option<(Reason, Held)> {
    Some((reason, Held { requests, irqs }))
}

pub fn order_of_steps() {
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();
    let settings = Settings::new(100, 4);

    volley_queued(&hold, &vcpu, settings, 1);
    assert_eq!(vcpu.log(), "now set_request in_guest start_timer");
    volley_queued(&hold, &vcpu, settings, 1);
    assert_eq!(vcpu.log(), "now set_request in_guest");
    vcpu.in_guest.set(false);
    volley_queued(&hold, &vcpu, settings, 1);
    assert_eq!(vcpu.log(), "now set_request in_guest kick");
    assert_eq!(hold.held(), Held::default());
}

pub fn settings_off() {
    for settings in [Settings::OFF, Settings::new(0, 9), Settings::new(9, 1)] {
        let word = Local::default();
        let hold = Hold::new(&word);
        let vcpu = Fake::spinning();

        let outcome = volley_queued(&hold, &vcpu, settings, 3);
        assert_eq!(outcome.kick, kick(Reason::Off, 1, 3));
        assert_eq!(outcome.tally, tally(1, 0, 0, 1));
        // No clock, no word, no timer.
        assert_eq!(vcpu.log(), "set_request in_guest kick");
        assert_eq!(word.value.get(), 0);
    }
}

pub fn life_of_a_window() {
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();
    let settings = Settings::new(100, 8);
    let ask = || volley_queued(&hold, &vcpu, settings, 1);
    let tick = |now: u64| {
        vcpu.now.set(now);
        assert!(
            vcpu.timer.take().is_some_and(|at| at <= now),
            "no timer at {now}"
        );
        expired(&hold, &vcpu)
    };
    let mut total = Tally::default();
    let mut expect = |outcome: Outcome, kick, tally| {
        assert_eq!((outcome.kick, outcome.tally), (kick, tally));
        total = total.and(outcome.tally);
    };

    // Three requests, one kick when the window closes.
    expect(ask(), None, tally(1, 1, 1, 0));
    for _ in 0..2 {
        expect(ask(), None, tally(1, 1, 0, 0));
    }
    let three = saved(tally(0, 0, 0, 1), 0, 2, 0);
    expect(tick(100 * US), kick(Reason::Time, 3, 3), three);
    assert_eq!((word.value.get(), vcpu.timer.get()), (0, None));

    // The vCPU comes by itself: nothing to do when the window closes.
    vcpu.request.set(false);
    expect(ask(), None, tally(1, 1, 1, 0));
    vcpu.request.set(false);
    expect(tick(200 * US), None, saved(tally(0, 0, 0, 0), 1, 0, 0));

    // It comes by itself, and another window opens: the timer comes early, then in time.
    expect(ask(), None, tally(1, 1, 1, 0));
    vcpu.request.set(false);
    vcpu.now.set(250 * US);
    expect(ask(), None, saved(tally(1, 1, 1, 0), 1, 0, 0));
    expect(tick(300 * US), None, tally(0, 0, 0, 0));
    assert_eq!(vcpu.timer.get(), Some(350 * US));
    expect(tick(350 * US), kick(Reason::Time, 1, 1), tally(0, 0, 0, 1));

    // It is not in the guest: what is held goes with the kick, which is not needed.
    vcpu.request.set(false);
    expect(ask(), None, tally(1, 1, 1, 0));
    vcpu.in_guest.set(false);
    let both = saved(tally(1, 0, 0, 0), 1, 0, 1);
    expect(ask(), kick(Reason::Outside, 2, 2), both);
    vcpu.in_guest.set(true);

    // The timer finds nothing, and is not queued any more.
    expect(tick(450 * US), None, tally(0, 0, 0, 0));
    assert_eq!((word.value.get(), vcpu.timer.get()), (0, None));
    assert_eq!(total.requests, total.sent + total.saved());
    assert_eq!(total, saved(tally(8, 7, 5, 2), 3, 2, 1));
}

pub fn releases() {
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();
    let settings = Settings::new(100, 4);

    assert_eq!(release_all(&hold, &vcpu), Outcome::default());
    assert_eq!(vcpu.log(), "", "nothing held, nothing done");

    volley_queued(&hold, &vcpu, settings, 2);
    let outcome = release_all(&hold, &vcpu);
    assert_eq!(outcome.kick, kick(Reason::Release, 1, 2));
    assert_eq!(outcome.tally, tally(0, 0, 0, 1));
    assert_eq!(word.value.get(), 0);

    // The timer is queued again, although it may still be queued.
    vcpu.timer.set(None);
    vcpu.request.set(false);
    volley_queued(&hold, &vcpu, settings, 2);
    assert!(vcpu.timer.get().is_some());
    vcpu.request.set(false);
    let outcome = release_all(&hold, &vcpu);
    let exit = saved(Tally::default(), 1, 0, 0);
    assert_eq!((outcome.kick, outcome.tally), (None, exit));
}

/// Each way for a window to end says which one it was, and only windows do.
pub fn windows_that_end() {
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();
    let settings = Settings::new(100, 8);
    let held = |requests, irqs| Held { requests, irqs };
    // What it held, and for how long, if a window has ended with a kick, or by an exit.
    let windows = |outcome: Outcome| {
        [outcome.released, outcome.exit].map(|window| {
            let ns = window.held_ns(vcpu.now.get());
            window.any().then_some((window.held(), ns / US))
        })
    };
    // A window that was opened 40 us ago, and has two requests for three interrupts each.
    let open = |fresh: bool| {
        word.value.set(0);
        vcpu.request.set(false);
        vcpu.in_guest.set(true);
        vcpu.now.set(vcpu.now.get() + 1_000 * US);
        for _ in 0..2 {
            let outcome = volley_queued(&hold, &vcpu, settings, 3);
            assert_eq!(windows(outcome), [None, None]);
            vcpu.now.set(vcpu.now.get() + 20 * US);
        }
        vcpu.request.set(!fresh);
    };
    let two = Some((held(2, 6), 40));

    // With nothing held there is no window to end.
    vcpu.now.set(1_000 * US);
    for settings in [Settings::OFF, Settings::new(100, 3)] {
        assert_eq!(
            windows(volley_queued(&hold, &vcpu, settings, 3)),
            [None, None]
        );
    }
    assert_eq!(word.opened.get(), 0);

    open(false);
    assert_eq!(word.opened.get(), vcpu.now.get() - 40 * US);
    assert_eq!(
        windows(volley_queued(&hold, &vcpu, settings, 2)),
        [two, None]
    );
    open(false);
    assert_eq!(
        windows(volley_queued(&hold, &vcpu, Settings::OFF, 1)),
        [two, None]
    );
    open(false);
    assert_eq!(windows(urgent_volley_queued(&hold, &vcpu, 1)), [two, None]);
    open(false);
    assert_eq!(windows(release_all(&hold, &vcpu)), [two, None]);
    open(false);
    vcpu.in_guest.set(false);
    assert_eq!(
        windows(volley_queued(&hold, &vcpu, settings, 1)),
        [two, None]
    );
    open(false);
    vcpu.now.set(vcpu.now.get() + 60 * US);
    let late = Some((held(2, 6), 100));
    assert_eq!(windows(expired(&hold, &vcpu)), [late, None]);

    // Found by the next request, which opens another window, or needs none.
    open(true);
    let outcome = volley_queued(&hold, &vcpu, settings, 1);
    assert_eq!(windows(outcome), [None, two]);
    assert_eq!(outcome.tally, saved(tally(1, 1, 1, 0), 2, 0, 0));
    assert_eq!(word.opened.get(), vcpu.now.get());
    open(true);
    let outcome = volley_queued(&hold, &vcpu, settings, 8);
    assert_eq!(windows(outcome), [None, two]);
    assert_eq!(outcome.tally, saved(tally(1, 0, 0, 1), 2, 0, 0));
    assert_eq!(outcome.kick, kick(Reason::Count, 1, 8));
    // By a release, and by the timer.
    open(true);
    assert_eq!(windows(release_all(&hold, &vcpu)), [None, two]);
    open(true);
    vcpu.now.set(vcpu.now.get() + 60 * US);
    assert_eq!(windows(expired(&hold, &vcpu)), [None, late]);
    assert_eq!(windows(expired(&hold, &vcpu)), [None, None]);
}

pub fn gives_up_and_kicks() {
    let settings = Settings::new(100, 4);

    // Others change the word all the time: the request is kicked, the word left alone.
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();
    volley_queued(&hold, &vcpu, settings, 1);
    let before = word.value.get();
    word.busy.set(true);
    let outcome = volley_queued(&hold, &vcpu, settings, 2);
    assert_eq!(outcome.kick, kick(Reason::Contention, 1, 2));
    assert_eq!(outcome.tally, tally(1, 0, 0, 1));
    assert!(!outcome.released.any(), "what is held stays held");
    assert_eq!(word.value.get(), before);

    // A kick that finds the word busy leaves what is held to the timer.
    vcpu.in_guest.set(false);
    let outcome = volley_queued(&hold, &vcpu, settings, 2);
    assert_eq!(outcome.kick, kick(Reason::Outside, 1, 2));
    assert_eq!(word.value.get(), before);
    vcpu.in_guest.set(true);

    // The timer takes all there is, even if it cannot tell whether it is due.
    let outcome = expired(&hold, &vcpu);
    assert_eq!(outcome.kick, None, "early, so the word need not be written");
    vcpu.now.set(100 * US);
    let outcome = expired(&hold, &vcpu);
    assert_eq!(outcome.kick, kick(Reason::Time, 1, 1));
    assert_eq!(word.value.get(), 0);

    // Each time the timer is queued, another CPU wants it earlier.
    let word: &'static Local = Box::leak(Box::default());
    let hold = Hold::new(word);
    let mut vcpu = Fake::spinning();
    vcpu.now.set(100 * US);
    vcpu.rival = Some((Hold::new(word), Settings::new(100, 1_024)));
    let outcome = volley_queued(&hold, &vcpu, Settings::new(100, 1_024), 1);
    assert_eq!(outcome.kick, kick(Reason::Contention, 5, 5));
    assert_eq!(outcome.tally, saved(tally(1, 1, 1, 1), 0, 4, 0));
    assert_eq!(outcome.released.held(), outcome.kick.unwrap().1);
    assert_eq!(word.value.get(), 0);
}

pub fn urgent() {
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();

    // It takes along what is held, without a look at the clock.
    volley_queued(&hold, &vcpu, Settings::new(100, 8), 2);
    vcpu.log();
    let outcome = urgent_volley_queued(&hold, &vcpu, 1);
    assert_eq!(outcome.kick, kick(Reason::Urgent, 2, 3));
    assert_eq!(outcome.tally, saved(tally(1, 0, 0, 1), 0, 1, 0));
    assert_eq!(vcpu.log(), "set_request in_guest kick");
    assert_eq!(hold.held(), Held::default());

    // With nothing held, and with the vCPU outside.
    vcpu.request.set(false);
    let outcome = urgent_volley_queued(&hold, &vcpu, 1);
    assert_eq!(outcome.kick, kick(Reason::Urgent, 1, 1));
    vcpu.in_guest.set(false);
    let outcome = urgent_volley_queued(&hold, &vcpu, 1);
    assert_eq!(outcome.kick, kick(Reason::Outside, 1, 1));
}

pub fn adaptive() {
    let word = Local::default();
    let hold = Hold::new(&word);
    let vcpu = Fake::spinning();
    let rate = Cell::new(Rate::UNKNOWN);
    let settings = Settings::new(100, 4);
    let ask = |now: u64| {
        vcpu.now.set(now);
        volley_queued_adaptive(&hold, &vcpu, &rate, settings, 1)
    };

    // Nothing is known: kicked at once, as if the settings were off. But the clock is read, once.
    for now in [500 * US, 510 * US] {
        let (outcome, bound) = ask(now);
        assert_eq!(bound, Settings::OFF);
        assert_eq!(outcome.kick, kick(Reason::Rate, 1, 1));
        assert_eq!(outcome.tally, tally(1, 0, 0, 1));
        assert_eq!(vcpu.log(), "now set_request in_guest kick");
        assert_eq!(word.value.get(), 0);
    }

    // Held for as long as three more should take, and as long again.
    let (outcome, bound) = ask(520 * US);
    assert_eq!(bound, Settings::new(60, 4));
    assert_eq!((outcome.kick, outcome.tally), (None, tally(1, 1, 1, 0)));
    assert_eq!(vcpu.log(), "now set_request in_guest start_timer");
    assert_eq!(vcpu.timer.get(), Some(580 * US));

    // The deadline stays.
    let (outcome, _) = ask(530 * US);
    assert_eq!((outcome.kick, outcome.tally), (None, tally(1, 1, 0, 0)));
    assert_eq!(vcpu.log(), "now set_request in_guest");

    // Full: the reason is that one.
    ask(540 * US);
    assert_eq!(ask(550 * US).0.kick, kick(Reason::Count, 4, 4));

    // Not in the guest: the reason is that one, and the rate goes on.
    vcpu.in_guest.set(false);
    let before = rate.get();
    assert_eq!(ask(560 * US).0.kick, kick(Reason::Outside, 1, 1));
    assert_ne!(rate.get(), before);

    // A pause: what comes then releases what is left of the last window.
    vcpu.in_guest.set(true);
    vcpu.request.set(false);
    ask(570 * US);
    let (outcome, bound) = ask(670 * US);
    assert_eq!(bound, Settings::OFF);
    assert_eq!(outcome.kick, kick(Reason::Rate, 2, 2));
    assert_eq!(hold.held(), Held::default());
}
