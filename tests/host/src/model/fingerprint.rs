// SPDX-License-Identifier: GPL-2.0

//! Which states are the same.

use super::world::{
    World,
    CPUS, //
};
use std::hash::{
    Hash,
    Hasher, //
};

/// Returns what tells `world` from all others, but for which CPU is which.
///
/// Two that differ agree by chance once in 2^128, so a search misses nothing.
pub fn fingerprint(world: &World) -> u128 {
    let mut hasher = Mixer::default();
    let mut sorted = *world;
    let mut cpus: [_; CPUS] = std::array::from_fn(|cpu| {
        (
            world.cpus[cpu],
            (world.waiting >> cpu) & 1,
            (world.requested >> cpu) & 1,
            (world.loaded >> cpu) & 1,
        )
    });

    // The first is the timer's, and its bits are those of the interrupt that arrivals share.
    cpus[1..].sort_unstable();
    sorted.waiting = 0;
    sorted.requested = 0;
    sorted.loaded = 0;
    for (index, (cpu, waiting, requested, loaded)) in cpus.into_iter().enumerate() {
        sorted.cpus[index] = cpu;
        sorted.waiting |= waiting << index;
        sorted.requested |= requested << index;
        sorted.loaded |= loaded << index;
    }
    sorted.hash(&mut hasher);
    (u128::from(hasher.low) << 64) | u128::from(hasher.high)
}

/// Two independent multiplicative hashes.
#[derive(Default)]
struct Mixer {
    low: u64,
    high: u64,
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.low = (self.low.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.high = (self.high ^ value)
            .wrapping_mul(0xd6e8_feb8_6659_fd93)
            .rotate_left(32)
            .wrapping_mul(0xd6e8_feb8_6659_fd93);
    }

    fn finish(&self) -> u64 {
        self.low
    }
}

/// The hash of a fingerprint is part of it.
#[derive(Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are hashed");
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
