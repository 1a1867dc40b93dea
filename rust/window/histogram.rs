// SPDX-License-Identifier: GPL-2.0

//! Histograms by powers of two: which counter stands for a value.
//!
//! A bucket is called by the least value in it, and ends where the next one begins; the last has no
//! end.

use super::settings::NSEC_PER_USEC;
use core::ops::Range;

/// Buckets of the sizes of volleys: 1, 2, 4, ... 64 virtual interrupts.
pub(crate) const SIZE_BUCKETS: usize = 7;
/// Buckets of the time for which kicks were held: 0, 1, 2, 4, ... 8192 microseconds.
pub(crate) const USECS_BUCKETS: usize = 15;

/// The largest size of volleys with a counter of its own, which counts the larger ones as well.
///
/// So it takes one counter to count a volley, and the sum of the sizes comes with it.
pub(crate) const LARGEST: usize = 1 << (SIZE_BUCKETS - 1);

/// Returns the number of the counter for a volley of `irqs` interrupts, which is the size it is for.
///
/// Also returns how many there are beyond that.
#[inline(always)]
pub(crate) fn size(irqs: u32) -> (usize, u32) {
    // CAST: It is 64.
    let counted = irqs.min(LARGEST as u32);

    (counted as usize, irqs.wrapping_sub(counted))
}

/// Returns the numbers of the counters that make a bucket of sizes.
///
/// A volley of no interrupts, which there is not, would be in the first.
pub(crate) fn sizes_in(bucket: usize) -> Range<usize> {
    match bucket {
        0 => 0..2,
        1..SIZE_BUCKETS => 1 << bucket..(2 << bucket).min(LARGEST + 1),
        _ => 0..0,
    }
}

/// Returns how many whole microseconds `ns` nanoseconds are.
pub(crate) fn usecs(ns: u64) -> u64 {
    ns / NSEC_PER_USEC
}

/// Returns the number of the bucket for `usecs` microseconds.
pub(crate) fn usecs_bucket(usecs: u64) -> usize {
    let bits = u64::BITS - usecs.leading_zeros();

    // CAST: At most 64.
    (bits as usize).min(USECS_BUCKETS - 1)
}
