// SPDX-License-Identifier: GPL-2.0

//! What became of each request for a kick.

/// Changes to a VM's four kick counters by one step of the protocol.
///
/// Every request ends as exactly one of *sent* or *saved*, so once nothing is held any more,
/// the sums over all steps satisfy `requests = sent + saved` and `held <= requests`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Requests made.
    pub(crate) requests: u32,
    /// Requests put off into a window.
    pub(crate) held: u32,
    /// Kicks sent: reschedule interrupts and wake-ups.
    pub(crate) sent: u32,
    /// Requests that needed no kick of their own.
    pub(crate) saved: u32,
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

    /// One kick that served `requests` requests; it was sent only if `needed`.
    #[inline(always)]
    pub(crate) fn kicked(requests: u32, needed: bool) -> Self {
        let sent = u32::from(needed && requests > 0);

        Self {
            sent,
            saved: requests.saturating_sub(sent),
            ..Self::default()
        }
    }

    /// `requests` requests that no kick was needed for.
    pub(crate) fn saved(requests: u32) -> Self {
        Self {
            saved: requests,
            ..Self::default()
        }
    }

    /// One request put off into a window.
    pub(crate) fn held() -> Self {
        Self {
            held: 1,
            ..Self::default()
        }
    }

    /// Returns the sum of both; each counter stops at its largest value.
    #[inline(always)]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            requests: self.requests.saturating_add(other.requests),
            held: self.held.saturating_add(other.held),
            sent: self.sent.saturating_add(other.sent),
            saved: self.saved.saturating_add(other.saved),
        }
    }
}
