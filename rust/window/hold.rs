// SPDX-License-Identifier: GPL-2.0

//! The hold word in shared memory: the transitions of `word.rs` by compare-exchange.
//!
//! No function here loops without a bound: where others keep changing the word, each falls back
//! to something that is always right, which is to kick.

use super::{
    settings::Settings,
    word::{
        Action,
        Expiry,
        Held,
        Reason,
        Request,
        Requested,
        Word, //
    },
};

/// A 64-bit word that several CPUs share.
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

    /// Returns what is held at this moment.
    pub(crate) fn held(&self) -> Held {
        Word(self.word.load()).held()
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

    /// Adds a request, and says what to do about it and how many others it found served.
    #[inline]
    pub(super) fn request(&self, settings: Settings, request: Request) -> (Action, u32) {
        let requested = self.update(|word| {
            let requested = word.request(settings, request);
            (requested.word, requested)
        });

        match requested {
            Some(Requested { action, served, .. }) => (action, served),
            // The word is as if this request had never been made, and its kick makes up for it.
            None => {
                let held = Held::default().with(1, request.irqs);
                (Action::Kick(Reason::Contention, held), 0)
            }
        }
    }

    /// Takes what is held because a kick, which must follow, will serve it.
    ///
    /// If others interfere, what is held stays held, and its timer deals with it.
    #[inline(always)]
    pub(super) fn take(&self) -> Held {
        self.update(|word| (word.emptied(), word.held()))
            .unwrap_or_default()
    }

    /// Takes what is held for good, whatever others do.
    pub(super) fn take_all(&self) -> Held {
        Word(self.word.swap(Word::IDLE.0)).held()
    }

    /// Says what to do now that the timer has expired.
    ///
    /// What is [`Expiry::Due`] has been taken, and whoever holds a request from now on finds the
    /// word unarmed and queues the timer again.
    pub(super) fn expire(&self, now: u64) -> Expiry {
        self.update(|word| match word.expire(now) {
            early @ Expiry::Early(_) => (word, early),
            other => (Word::IDLE, other),
        })
        .unwrap_or_else(|| Expiry::Due(self.take_all()))
    }

    /// Returns when the timer must be queued instead, if `queued_for` turns out to be too late.
    ///
    /// Two CPUs that queue the timer at the same time may do so in the wrong order. So each looks
    /// here after it has queued it: the last one to queue it sees the word of all others.
    pub(super) fn earlier_than(&self, queued_for: u64) -> Option<u64> {
        Word(self.word.load()).armed_before(queued_for)
    }
}
