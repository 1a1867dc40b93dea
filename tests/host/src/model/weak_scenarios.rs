// SPDX-License-Identifier: GPL-2.0

//! What loom goes through.

use super::weak::{
    World,
    OUTSIDE,
    WINDOW, //
};
use crate::Test;
use loom::{
    model::Builder,
    sync::{
        atomic::Ordering::Relaxed,
        Arc, //
    },
    thread, //
};

/// All checks.
pub const TESTS: &[Test] = &[
    ("memory_entry", entry),
    ("memory_exit_and_entry", exit_and_entry),
    ("memory_wait_for_interrupt", wait_for_interrupt),
    ("memory_two_arrivals", two_arrivals),
    ("memory_timer", timer),
    ("memory_timer_and_entry", timer_and_entry),
    ("memory_timer_and_arrivals", timer_and_arrivals),
    ("memory_detach", detach),
];

/// Goes through everything that `main` and the threads it starts may do.
///
/// With more than two threads, only up to four times in a run is a thread made to wait where it
/// could have gone on: all of them would take hours.
fn model(main: fn(&Arc<World>), more_than_two: bool) {
    let mut builder = Builder::new();

    builder.preemption_bound = more_than_two.then_some(4);
    builder.max_branches = 10_000;
    builder.check(move || main(&World::new()));
}

/// Starts a thread.
fn spawn(world: &Arc<World>, run: fn(&World)) -> thread::JoinHandle<()> {
    let world = world.clone();

    thread::spawn(move || run(&world))
}

fn entry() {
    let main = |world: &Arc<World>| {
        world.mode.store(OUTSIDE, Relaxed);
        let vcpu = spawn(world, World::enter);
        world.arrive(0);
        vcpu.join().unwrap();
        world.check(WINDOW);
    };

    model(main, false);
}

fn exit_and_entry() {
    let main = |world: &Arc<World>| {
        world.arrive(0);
        let vcpu = spawn(world, |world| {
            world.leave();
            world.enter();
        });
        world.arrive(1_000);
        vcpu.join().unwrap();
        world.check(1_000 + WINDOW);
    };

    model(main, false);
}

fn wait_for_interrupt() {
    let main = |world: &Arc<World>| {
        let vcpu = spawn(world, World::leave_and_block);
        world.arrive(0);
        vcpu.join().unwrap();
        world.check(WINDOW);
    };

    model(main, false);
}

fn two_arrivals() {
    let main = |world: &Arc<World>| {
        let other = spawn(world, |world| world.arrive(0));
        world.arrive(1_000);
        other.join().unwrap();
        // The one that reads its clock first may be the last to make its request.
        world.check(1_000 + WINDOW);
    };

    model(main, false);
}

fn timer() {
    let main = |world: &Arc<World>| {
        world.arrive(0);
        let timer = spawn(world, World::expire);
        world.arrive(1_000);
        timer.join().unwrap();
        world.check(1_000 + WINDOW);
    };

    model(main, false);
}

fn timer_and_entry() {
    let main = |world: &Arc<World>| {
        world.arrive(0);
        let timer = spawn(world, World::expire);
        let vcpu = spawn(world, |world| {
            world.leave();
            world.enter();
        });
        world.arrive(0);
        timer.join().unwrap();
        vcpu.join().unwrap();
        world.check(WINDOW);
    };

    model(main, true);
}

fn timer_and_arrivals() {
    let main = |world: &Arc<World>| {
        world.arrive(0);
        let timer = spawn(world, World::expire);
        let other = spawn(world, |world| world.arrive(500));
        world.arrive(1_000);
        timer.join().unwrap();
        other.join().unwrap();
        world.check(500 + WINDOW);
    };

    model(main, true);
}

fn detach() {
    let main = |world: &Arc<World>| {
        world.arrive(0);
        let timer = spawn(world, World::expire);
        let other = spawn(world, |world| world.arrive_if_attached(1_000));
        world.detach();
        timer.join().unwrap();
        other.join().unwrap();
        world.check(0);
    };

    model(main, true);
}
