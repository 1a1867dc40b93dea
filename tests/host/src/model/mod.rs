// SPDX-License-Identifier: GPL-2.0

//! Model check of the hold/kick protocol.
//!
//! Two checkers run the code of `rust/window/` as it ships, each with what it is good at:
//!
//! - `search.rs` goes through *every* order of steps of several CPUs, the vCPU's thread, the timer
//!   and the clock, as long as memory is sequentially consistent.
//! - `weak.rs` lets loom go through what a weakly ordered memory may do, in smaller scenarios.
//!
//! `Documentation/protocol.rst` says what is checked, and what is not.

mod fingerprint;
mod program;
mod properties;
mod scenarios;
mod search;
mod tree;
mod vcpu;
mod weak;
mod weak_scenarios;
mod world;
mod wrong;

use crate::Test;

/// All model checks, in two parts.
pub const TESTS: [&[Test]; 2] = [scenarios::TESTS, weak_scenarios::TESTS];

/// Which checker says what if something is wrong.
pub const FINDINGS: [(&str, &[&str]); 2] = [
    ("order", wrong::Order::TEXTS),
    ("memory", wrong::Memory::TEXTS),
];
