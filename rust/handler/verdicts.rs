// SPDX-License-Identifier: GPL-2.0

//! What a foreign handler's verdicts come to: checked before anything is done about them.
//!
//! This file is pure: no `unsafe`, no call into the kernel, `core` only.

/// Most arrivals that a foreign handler is asked about at once.
pub(crate) const MAX_BATCH: usize = 16;

/// A verdict as a handler gave it: `struct volley_verdict` of `rust/api/volley.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Given {
    /// One of [`action`], if the handler is sound.
    pub(crate) action: u32,
    /// The interrupt of the VM that it is redirected to.
    pub(crate) gsi: u32,
    /// Which of the arrivals it is about.
    pub(crate) arrival: u32,
}

/// The numbers of `enum volley_action` in `rust/api/volley.h`.
pub(crate) mod action {
    pub(crate) const HOST: u32 = 0;
    pub(crate) const FORWARD: u32 = 1;
    pub(crate) const REDIRECT: u32 = 2;
    pub(crate) const CONSUMED: u32 = 3;
}

/// What is to be done about an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Leave it to the host.
    Host,
    /// Forward it as it stands.
    Forward,
    /// Forward it as the VM's interrupt with this number.
    Redirect(u32),
    /// Nothing: it has been dealt with.
    Consumed,
    /// The handler gave no valid verdict: leave it to the host.
    Invalid,
}

impl Decision {
    /// Returns what one verdict comes to.
    fn of(given: &Given) -> Self {
        match given.action {
            action::HOST => Self::Host,
            action::FORWARD => Self::Forward,
            action::REDIRECT => Self::Redirect(given.gsi),
            action::CONSUMED => Self::Consumed,
            _ => Self::Invalid,
        }
    }
}

/// The decisions about the arrivals of one batch, by their places in it.
pub(crate) type Decisions = [Decision; MAX_BATCH];

/// Returns what a handler's verdicts about `arrivals` arrivals come to.
///
/// `returned` is how many verdicts of `given` the handler claims to have filled in. An arrival
/// without a verdict has been consumed, but only if all verdicts are sound: a handler that gives
/// one about an arrival there is not, two about the same, or more than there is room for, has no
/// say in what is consumed.
pub(crate) fn decide(given: &[Given; MAX_BATCH], returned: u32, arrivals: usize) -> Decisions {
    let mut decisions = [Decision::Consumed; MAX_BATCH];
    let mut decided = [false; MAX_BATCH];
    let mut sound = true;
    let arrivals = arrivals.min(MAX_BATCH);

    // CAST: A `u32` fits a `usize`.
    let returned = match returned as usize {
        returned if returned <= arrivals => returned,
        _ => return [Decision::Invalid; MAX_BATCH],
    };
    for verdict in given.iter().take(returned) {
        // CAST: As above.
        let at = verdict.arrival as usize;
        match (decisions.get_mut(at), decided.get_mut(at)) {
            (Some(decision), Some(decided)) if at < arrivals => {
                *decision = if *decided {
                    Decision::Invalid
                } else {
                    Decision::of(verdict)
                };
                *decided = true;
                sound &= *decision != Decision::Invalid;
            }
            _ => sound = false,
        }
    }
    if !sound {
        for (decision, decided) in decisions.iter_mut().zip(&decided) {
            if !decided {
                *decision = Decision::Invalid;
            }
        }
    }
    decisions
}
