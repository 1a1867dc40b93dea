// SPDX-License-Identifier: GPL-2.0

//! What became of each request for a kick.

/// Changes to a vCPU's counters by one step of the protocol.
///
/// Every request ends as exactly one of *sent* or *saved*, so once nothing is held any more,
/// the sums over all steps satisfy `requests = sent + saved()` and `windows <= held <= requests`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Requests made.
    pub(crate) requests: u32,
    /// Requests put off into a window.
    pub(crate) held: u32,
    /// Windows opened: requests put off while no other was.
    pub(crate) windows: u32,
    /// Kicks sent: reschedule interrupts and wake-ups.
    pub(crate) sent: u32,
    /// Held requests that needed no kick: the vCPU left the guest by itself.
    pub(crate) exit: u32,
    /// Requests that needed no kick of their own: one that was sent served others as well.
    pub(crate) shared: u32,
    /// Requests that needed no kick although none was held: the vCPU was outside, and awake.
    pub(crate) awake: u32,
}

impl Tally {
    /// One request made.
    #[inline(always)]
    pub(crate) fn request() -> Self {
        Self {
            requests: 1,
            ..Self::default()
        }
    }

    /// One kick that served `held` requests of a window, and `own` of those who kick.
    ///
    /// It was sent only if `needed`.
    #[inline(always)]
    pub(crate) fn kicked(held: u32, own: u32, needed: bool) -> Self {
        if needed {
            let requests = held.saturating_add(own);
            let sent = requests.min(1);

            Self {
                sent,
                shared: requests.saturating_sub(sent),
                ..Self::default()
            }
        } else {
            Self {
                exit: held,
                awake: own,
                ..Self::default()
            }
        }
    }

    /// `held` requests that the vCPU has made needless by leaving the guest.
    pub(crate) fn exited(held: u32) -> Self {
        Self {
            exit: held,
            ..Self::default()
        }
    }

    /// One request put off into a window, which it has opened if there was none.
    pub(crate) fn held(opened: bool) -> Self {
        Self {
            held: 1,
            windows: u32::from(opened),
            ..Self::default()
        }
    }

    /// Returns how many requests needed no kick of their own.
    #[inline(always)]
    pub(crate) fn saved(&self) -> u32 {
        // A word holds 1023 requests.
        self.exit.wrapping_add(self.shared).wrapping_add(self.awake)
    }

    /// Returns the sum of both; each counter stops at its largest value.
    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            held: self.held.saturating_add(other.held),
            windows: self.windows.saturating_add(other.windows),
            sent: self.sent.saturating_add(other.sent),
            exit: self.exit.saturating_add(other.exit),
            shared: self.shared.saturating_add(other.shared),
            awake: self.awake.saturating_add(other.awake),
        }
    }
}
