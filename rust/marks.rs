// SPDX-License-Identifier: GPL-2.0

//! Marks: which of a VM's interrupts came from Volley, for as long as somebody wants to know.
//!
//! KVM does not record who made an interrupt pending. So an LPI is marked when Volley queues it,
//! and the mark follows it into the list register and out of there:
//!
//! ```text
//!  queued by Volley      loaded               taken by the guest
//!       | mark: queued      | mark: loaded       | no mark
//!       v                   v                    v
//!  ---- vCPU's list ------- list register -------- exit: no longer pending
//!                           ^                    |
//!                           `-- exit: still pending
//! ```
//!
//! There are two marks because Volley may queue an LPI anew while it is in a list register.
//!
//! INTIDs share marks modulo 4096: a VM with more LPIs than that may see an interrupt of somebody
//! else's taken for Volley's, and so may one whose LPI is queued by Volley at the very moment that
//! it is loaded. Nothing but what is shown depends on it.

use crate::host::FIRST_LPI;
use kernel::{
    bitmap::BitmapVec,
    prelude::*, //
};

/// Number of marks of each kind.
const MARKS: usize = 4096;

/// The marks of a VM. All methods may be called in any context.
pub(crate) struct Marks {
    queued: BitmapVec,
    loaded: BitmapVec,
}

impl Marks {
    /// Creates marks, none of which is set.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            queued: BitmapVec::new(MARKS, GFP_KERNEL)?,
            loaded: BitmapVec::new(MARKS, GFP_KERNEL)?,
        })
    }

    /// Volley has queued `intid`, and its vCPU's list is still locked.
    pub(crate) fn queued(&self, intid: u32) {
        if let Some(at) = place(intid) {
            self.queued.set_bit_atomic(at);
        }
    }

    /// `intid` is in a list register. Returns whether it came from Volley.
    pub(crate) fn loaded(&self, intid: u32) -> bool {
        let Some(at) = place(intid) else {
            return false;
        };
        if is_set(&self.queued, at) {
            self.queued.clear_bit_atomic(at);
            self.loaded.set_bit_atomic(at);
            return true;
        }
        is_set(&self.loaded, at)
    }

    /// The guest has taken `intid`.
    pub(crate) fn taken(&self, intid: u32) {
        if let Some(at) = place(intid) {
            self.loaded.clear_bit_atomic(at);
        }
    }

    /// Forgets all marks.
    pub(crate) fn clear(&self) {
        for marks in [&self.queued, &self.loaded] {
            for at in 0..MARKS {
                marks.clear_bit_atomic(at);
            }
        }
    }
}

/// Returns the place of an LPI's marks; Volley queues nothing else.
fn place(intid: u32) -> Option<usize> {
    // CAST: An INTID fits a `usize`.
    (intid >= FIRST_LPI).then_some(intid as usize % MARKS)
}

/// Returns whether the mark is set.
fn is_set(marks: &BitmapVec, at: usize) -> bool {
    marks.next_bit(at) == Some(at)
}
