// SPDX-License-Identifier: GPL-2.0

//! Tests of Volley's pure logic on a workstation, and the model check of its hold/kick protocol.
//!
//! The code under test is included from `rust/window/` and `rust/handler/verdicts.rs` as it is, not
//! copied. `tests/host/run`
//! builds and runs this; it also runs it on deliberately broken copies of the code (`bugs/`).

mod ktap;
mod model;
mod unit;
#[path = "../../../rust/handler/verdicts.rs"]
mod verdicts;
#[allow(
    dead_code,
    unused_imports,
    reason = "the module uses more of it than the tests do"
)]
#[path = "../../../rust/window/mod.rs"]
mod window;

use std::process::ExitCode;

/// A test's name, and what it does.
type Test = (&'static str, fn());

fn main() -> ExitCode {
    let tests: Vec<Test> = [&[unit::TESTS], &model::TESTS[..]].concat().concat();

    ktap::main(&tests, &model::FINDINGS)
}
