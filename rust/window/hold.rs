// SPDX-License-Identifier: GPL-2.0

//! The hold word in shared memory: the transitions of `word.rs` by compare-exchange.
//!
//! No function here loops without a bound: where others keep changing the word, each falls back
//! to something that is always right, which is to kick.

use super::{
    settings::Settings,
    word::{
        Action,
        Ended,
        Expiry,
        Held,
        Reason,
        Request,
        Word, //
    },
};

/// A 64-bit word that several CPUs share, and a note beside it.
///
/// In the kernel this is `Atomic<u64>`; on the host, a plain or a model checker's atomic.
pub(crate) trait AtomicWord {
    /// Attempts at a transition before falling back.
    const TRIES: u32 = 8;

    /// Reads the word, relaxed.
    fn load(&self) -> u64;

    /// Replaces `old` by `new`, fully ordered, or returns what was there instead.
    fn compare_exchange(&self, old: u64, new: u64) -> Result<u64, u64>;

    /// Replaces whatever is there by `new`, fully ordered, and returns it.
    fn swap(&self, new: u64) -> u64;

    /// Notes that a window was opened at `at`, relaxed. See [`Ended`]: it serves statistics only.
    fn note_opened(&self, _at: u64) {}

    /// Returns what was noted last, relaxed.
    fn opened(&self) -> u64 {
        0
    }
}

/// What becomes of a request.
pub(super) struct Answer {
    /// What to do about it.
    pub(super) action: Action,
    /// The window that it found served, because the vCPU came by itself.
    pub(super) exit: Ended,
    /// The window that ends with the kick, if that is what to do.
    pub(super) released: Ended,
    /// Whether it has opened a window.
    pub(super) opened: bool,
}

/// One vCPU's hold word.
///
/// All methods may be called at any time, on any CPU, in any context.
pub(crate) struct Hold<A> {
    word: A,
}

impl<A: AtomicWord> Hold<A> {
    /// Creates a hold word on `word`, which must be 0.
    pub(crate) const fn new(word: A) -> Self {
        Self { word }
    }

    /// Returns the word at this moment.
    #[inline(always)]
    pub(super) fn word(&self) -> Word {
        Word(self.word.load())
    }

    /// Returns what is held at this moment.
    #[inline(always)]
    pub(crate) fn held(&self) -> Held {
        self.word().held()
    }

    /// Returns how long it is held yet, in nanoseconds, at the time `now`; 0 if nothing is.
    pub(crate) fn left_ns(&self, now: u64) -> u64 {
        self.word().left_ns(now)
    }

    /// Tries `change` on the word until nobody interferes, or too often.
    ///
    /// `change` returns the new word and a result. A word that stays as it is is not written.
    #[inline(always)]
    fn update<T>(&self, change: impl Fn(Word) -> (Word, T)) -> Option<T> {
        let mut old = self.word.load();

        for _ in 0..A::TRIES {
            let (new, result) = change(Word(old));
            if new.0 == old {
                return Some(result);
            }
            match self.word.compare_exchange(old, new.0) {
                Ok(_) => return Some(result),
                Err(current) => old = current,
            }
        }
        None
    }

    /// Returns the window in `word`, which is about to end.
    #[inline(always)]
    fn ended(&self, word: Word) -> Ended {
        if word.held().requests == 0 {
            return Ended::default();
        }
        word.ended(self.word.opened())
    }

    /// Adds a request, and says what to do about it.
    #[inline]
    pub(super) fn request(&self, settings: Settings, request: Request) -> Answer {
        let requested = self.update(|word| {
            let requested = word.request(settings, request);
            (requested.word, (requested, self.ended(word)))
        });
        let mut answer = Answer {
            action: Action::Hold,
            exit: Ended::default(),
            released: Ended::default(),
            opened: false,
        };
        let Some((requested, mut window)) = requested else {
            // The word is as if this request had never been made, and its kick makes up for it.
            let held = Held::default().with(1, request.irqs);
            answer.action = Action::Kick(Reason::Contention, held);
            return answer;
        };

        answer.action = requested.action;
        if requested.served > 0 {
            answer.exit = core::mem::take(&mut window);
        }
        if matches!(requested.action, Action::Kick(..)) {
            answer.released = window;
        } else if !window.any() {
            answer.opened = true;
            self.word.note_opened(request.at);
        }
        answer
    }

    /// Takes what is held because a kick, which must follow, will serve it.
    ///
    /// If others interfere, what is held stays held, and its timer deals with it.
    #[inline(always)]
    pub(super) fn take(&self) -> Ended {
        // Mostly there is nothing.
        if self.held().requests == 0 {
            return Ended::default();
        }
        self.take_held()
    }

    /// Does what [`Self::take`] does when something is held.
    #[inline(never)]
    fn take_held(&self) -> Ended {
        self.update(|word| (word.emptied(), self.ended(word)))
            .unwrap_or_default()
    }

    /// Takes what is held for good, whatever others do.
    pub(super) fn take_all(&self) -> Ended {
        let opened = self.word.opened();
        Word(self.word.swap(Word::IDLE.0)).ended(opened)
    }

    /// Says what to do now that the timer has expired.
    ///
    /// What is [`Expiry::Due`] has been taken, and is returned. Whoever holds a request from now on
    /// finds the word unarmed and queues the timer again.
    pub(super) fn expire(&self, now: u64) -> (Expiry, Ended) {
        self.update(|word| match word.expire(now) {
            early @ Expiry::Early(_) => (word, (early, Ended::default())),
            other => (Word::IDLE, (other, self.ended(word))),
        })
        .unwrap_or_else(|| (Expiry::Due, self.take_all()))
    }

    /// Returns when the timer must be queued instead, if `queued_for` turns out to be too late.
    ///
    /// Two CPUs that queue the timer at the same time may do so in the wrong order. So each looks
    /// here after it has queued it: the last one to queue it sees the word of all others.
    pub(super) fn earlier_than(&self, queued_for: u64) -> Option<u64> {
        self.word().armed_before(queued_for)
    }
}
