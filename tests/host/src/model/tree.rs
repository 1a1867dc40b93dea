// SPDX-License-Identifier: GPL-2.0

//! Where programs are: every run of one that was ever made, in a tree.
//!
//! A program is fully determined by the answers it has had so far. To find its next step, it is run
//! from the start with these answers; where they end, it is stopped, and the question it was about
//! to ask is the step. Every such run is kept, so each is made only once.

use super::program::{
    run,
    Op,
    Port,
    Program, //
};
use crate::window::Reason;
use std::{
    collections::HashMap,
    panic::{
        catch_unwind,
        resume_unwind,
        AssertUnwindSafe, //
    },
};

/// A point in the run of a program, from where it can go on in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Point(u32);

/// How a program got to a point.
struct Node {
    program: Program,
    answers: Vec<u64>,
    entered: Option<u64>,
    next: Op,
}

/// All points of all programs that have been reached so far.
#[derive(Default)]
pub struct Tree {
    nodes: Vec<Node>,
    starts: HashMap<Program, Point>,
    edges: HashMap<(Point, u64), Point>,
    /// Why any program has kicked.
    reasons: Vec<Reason>,
    /// Points with the same next step, and from where all continue alike, are one.
    merged: HashMap<(Program, Option<u64>, Op, Vec<Point>), Point>,
}

impl Tree {
    /// Returns where `program` starts.
    pub fn start(&mut self, program: Program) -> Point {
        match self.starts.get(&program) {
            Some(point) => *point,
            None => {
                let point = self.add(program, Vec::new());
                self.starts.insert(program, point);
                point
            }
        }
    }

    /// Returns the step that is made at `point`.
    pub fn op(&self, point: Point) -> Op {
        self.node(point).next
    }

    /// Returns where the program is once the step at `point` has been answered.
    pub fn after(&mut self, point: Point, answer: u64) -> Point {
        if let Some(next) = self.edges.get(&(point, answer)) {
            return *next;
        }
        let node = self.node(point);
        let program = node.program;
        let mut answers = node.answers.clone();
        answers.push(answer);
        let next = self.add(program, answers);
        self.edges.insert((point, answer), next);
        next
    }

    /// Returns what the program was told when it put its interrupt on the list: its settings.
    pub fn entered(&self, point: Point) -> Option<u64> {
        self.node(point).entered
    }

    /// Returns why any program has kicked.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    fn node(&self, point: Point) -> &Node {
        &self.nodes[point.0 as usize]
    }

    /// Finds the step that follows `answers`.
    fn add(&mut self, program: Program, answers: Vec<u64>) -> Point {
        let port = Port::new(&answers);
        let next = match catch_unwind(AssertUnwindSafe(|| run(program, &port))) {
            Ok(()) => unreachable!("a program ends with a step that is never answered"),
            Err(stop) => match stop.downcast::<Op>() {
                Ok(op) => *op,
                Err(panic) => resume_unwind(panic),
            },
        };
        if let Some(reason) = port.reason() {
            if !self.reasons.contains(&reason) {
                self.reasons.push(reason);
            }
        }
        let entered = port.entered();
        let point = Point(u32::try_from(self.nodes.len()).expect("too many points"));
        self.nodes.push(Node {
            program,
            answers,
            entered,
            next,
        });

        match next.answers() {
            Some(all) => {
                let after = all
                    .iter()
                    .map(|answer| self.after(point, *answer))
                    .collect();
                let alike = (program, entered, next, after);
                *self.merged.entry(alike).or_insert(point)
            }
            _ => point,
        }
    }
}
