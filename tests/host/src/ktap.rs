// SPDX-License-Identifier: GPL-2.0

//! Runs tests one after the other and reports in KTAP.

use crate::Test;
use std::{
    env,
    panic::{
        catch_unwind,
        set_hook, //
    },
    process::ExitCode,
    sync::Mutex, //
};

const USAGE: &str = "\
usage: volley-host-tests [--list | --findings] [--total N] [NAME...]

  --list     print the names of all tests
  --findings print what the models may find, after the first word of their tests' names
  --total N  announce N tests, because others follow after these
  NAME       run only the tests with these names

Exits with 0 if all tests pass, 1 if any fails, 2 if called wrongly.";

/// Where and why the last panic happened.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// Runs what the command line asks for.
pub fn main(tests: &[Test], findings: &[(&str, &[&str])]) -> ExitCode {
    let mut total = None;
    let mut names = Vec::new();
    let mut arguments = env::args().skip(1);

    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => {
                for (name, _) in tests {
                    println!("{name}");
                }
                return ExitCode::SUCCESS;
            }
            "--findings" => {
                for (model, texts) in findings {
                    for text in *texts {
                        println!("{model} {text}");
                    }
                }
                return ExitCode::SUCCESS;
            }
            "--help" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            "--total" => match arguments.next().map(|number| number.parse::<usize>()) {
                Some(Ok(number)) => total = Some(number),
                _ => return wrong("--total needs a number"),
            },
            option if option.starts_with('-') => return wrong(&format!("no option {option}")),
            name if tests.iter().all(|test| test.0 != name) => {
                return wrong(&format!("no test {name}"));
            }
            _ => names.push(argument),
        }
    }

    let chosen: Vec<&Test> = tests
        .iter()
        .filter(|test| names.is_empty() || names.iter().any(|name| name == test.0))
        .collect();
    run(&chosen, total.unwrap_or(chosen.len()))
}

fn wrong(problem: &str) -> ExitCode {
    eprintln!("{problem}\n{USAGE}");
    ExitCode::from(2)
}

fn run(tests: &[&Test], total: usize) -> ExitCode {
    let mut failed = false;

    set_hook(Box::new(|info| {
        if let Ok(mut text) = PANIC.lock() {
            *text = info.to_string();
        }
    }));
    println!("KTAP version 1\n1..{total}");
    for (number, (name, test)) in tests.iter().enumerate() {
        let passed = catch_unwind(test).is_ok();

        if !passed {
            failed = true;
            if let Ok(text) = PANIC.lock() {
                for line in text.lines() {
                    println!("# {line}");
                }
            }
        }
        println!(
            "{} {} {name}",
            if passed { "ok" } else { "not ok" },
            number + 1
        );
    }
    ExitCode::from(u8::from(failed))
}
