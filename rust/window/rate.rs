// SPDX-License-Identifier: GPL-2.0

//! How soon the next volley comes: the time from one to the next, smoothed, in one word.
//!
//! ```text
//!  63                                25 24              0
//! +------------------------------------+-----------------+
//! | last volley, ns modulo 2^39        | gap, in ns      |
//! +------------------------------------+-----------------+
//! ```
//!
//! Several CPUs may read and write the word at the same time without knowing of each other. Then
//! one of their volleys is as if it had not been, and the next gap is too long by it, or the gap
//! before it counts twice. Both are forgotten a few volleys later, and no value that the word can
//! have does harm: a gap decides only how far a window stays below the administrator's bounds.

/// Bits of the gap, which is less than the longest window there can be (10 ms), or [`IDLE`].
const GAP_BITS: u32 = 25;
/// The gap's bits.
const GAP_MASK: u64 = (1 << GAP_BITS) - 1;
/// The gap when no window would have spanned it, however long it was.
const IDLE: u64 = GAP_MASK;
/// The time's bits, before they are shifted.
///
/// It wraps after nine minutes: a pause of that length, give or take a window, is not noticed.
const LAST_MASK: u64 = u64::MAX >> GAP_BITS;

/// When the last volley for a vCPU was queued, and how far apart they have been of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate(pub(crate) u64);

impl Rate {
    /// There has been no volley yet.
    pub(crate) const UNKNOWN: Self = Self(IDLE);

    /// Packs a word.
    pub(crate) fn new(last: u64, gap: u64) -> Self {
        Self(((last & LAST_MASK) << GAP_BITS) | gap.min(GAP_MASK))
    }

    /// Returns how long after the last volley the next one is expected, in nanoseconds.
    ///
    /// It is a window or longer while there is no reason to expect one at all.
    pub(crate) fn gap_ns(self) -> u64 {
        self.0 & GAP_MASK
    }

    /// A volley is queued at `now`, and its kick would be held for `window` nanoseconds at most.
    ///
    /// A gap of a window or more says that the vCPU was idle, whatever went before. After that one
    /// gap that is shorter proves nothing, two do; from then on each new gap weighs a half. So the
    /// third volley knows of a step up, and what a step between two rates leaves of the old one is
    /// a sixteenth with the fourth.
    pub(crate) fn volley(self, now: u64, window: u64) -> Self {
        let last = self.0 >> GAP_BITS;
        let since = now.wrapping_sub(last) & LAST_MASK;
        let ahead = last.wrapping_sub(now) & LAST_MASK;
        let (last, since) = if ahead < window {
            // Another CPU, whose clock was read a little later, was faster.
            (last, 0)
        } else {
            (now, since)
        };
        let gap = match self.gap_ns() {
            _ if since >= window => IDLE,
            IDLE => window,
            undecided if undecided >= window => since,
            gap => gap.saturating_add(since) / 2,
        };

        Self::new(last, gap)
    }
}
