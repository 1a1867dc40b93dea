// SPDX-License-Identifier: GPL-2.0

//! Windows: when the kick of a running vCPU is held, for how long, and who ends it.
//!
//! A *kick* makes a vCPU leave the guest so that KVM can load newly queued virtual interrupts into
//! its list registers. While the vCPU runs guest code on another CPU, its kick may be held for a
//! *window* that the administrator bounds in time and in number of interrupts.
//!
//! This folder is pure: no `unsafe`, no call into the kernel, `core` only. What it needs from
//! outside comes through two traits, [`AtomicWord`] for the memory it works on and [`Vcpu`] for
//! KVM and the timer. So the very code that runs in the kernel is also built for a workstation,
//! unit tested, and checked over all interleavings (`tests/host/`).
//!
//! | file          | content                                                                   |
//! |---------------|---------------------------------------------------------------------------|
//! | `settings.rs` | the administrator's bounds: ranges, text, one-word form                   |
//! | `word.rs`     | one vCPU's window as a 64-bit value, and its transitions as pure functions |
//! | `hold.rs`     | the same transitions on shared memory, by compare-exchange                |
//! | `protocol.rs` | the order of steps: request, look at the vCPU, hold or kick, timer         |
//! | `tally.rs`    | what became of each request: sent or saved                                |
//! | `histogram.rs` | how large volleys are, and how long kicks were held                       |
//! | `rate.rs`     | how soon the next volley comes                                            |
//! | `adaptive.rs` | windows within the administrator's bounds that suit the present rate      |
//!
//! The protocol, with its memory ordering and its races, is described in
//! `Documentation/protocol.rst`.

#![forbid(unsafe_code)]

pub(crate) mod adaptive;
pub(crate) mod histogram;
mod hold;
mod protocol;
mod rate;
mod settings;
pub(crate) mod tally;
pub(crate) mod word;

pub(crate) use adaptive::{
    volley_queued_adaptive,
    RateWord, //
};
pub(crate) use hold::{
    AtomicWord,
    Hold, //
};
pub(crate) use protocol::{
    expired,
    merged,
    release_all,
    urgent_volley_queued,
    volley_merged,
    volley_queued,
    Merged,
    Outcome,
    Vcpu, //
};
pub(crate) use rate::Rate;
pub(crate) use settings::{
    Knob,
    ParseError,
    Settings, //
};
pub(crate) use word::{
    Ended,
    Held,
    Reason, //
};
