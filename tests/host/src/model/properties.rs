// SPDX-License-Identifier: GPL-2.0

//! What must hold whenever no handler is under way.

use super::{
    program::{
        Open,
        Program,
        SHARED, //
    },
    vcpu::At,
    world::{
        Cpu,
        World, //
    },
    wrong::{
        Order,
        Problem, //
    },
};
use crate::window::{
    AtomicWord,
    Hold,
    Settings, //
};

impl World {
    /// Returns whether no handler is under way on any CPU.
    pub fn is_quiet(&self) -> bool {
        !self
            .cpus
            .iter()
            .any(|cpu| matches!(cpu, Cpu::Busy(..) | Cpu::Ready(Program::Timer)))
    }

    /// Returns which interrupts wait that something has been asked for.
    fn asked(&self) -> u8 {
        if self.missed {
            self.waiting & !SHARED
        } else {
            self.waiting
        }
    }

    /// Returns whether an interrupt waits and the vCPU will not come by itself.
    pub fn is_waiting(&self) -> bool {
        self.asked() != 0 && self.at == At::Guest && !self.ipi && !self.overflowed
    }

    /// No interrupt may wait for something that does not come in time.
    pub fn check_limits(&self) -> Result<(), Problem> {
        if self.asked() != 0 && self.at == At::Sleep && self.blocking {
            return Err(Order::Asleep.into());
        }
        if !self.is_waiting() {
            return Ok(());
        }
        match self.timer {
            None => Err(Order::Forgotten.into()),
            Some(comes) if comes > self.limit => {
                Err(Order::Late.with(format_args!("{comes} instead of {}", self.limit)))
            }
            Some(_) => Ok(()),
        }
    }

    /// No window of older settings may outlast the call that changes them.
    pub fn check_settings(&self) -> Result<(), Problem> {
        let changing = self
            .cpus
            .iter()
            .any(|cpu| matches!(cpu, Cpu::Ready(Program::Set { .. })));
        let settings = Settings::from_bits(self.settings);

        match self.timer {
            Some(comes) if self.is_waiting() && !changing => {
                if comes > self.now + settings.window_ns() {
                    return Err(Order::OldSettings.with(format_args!("{comes} with {settings:?}")));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Every request, window and interrupt must be accounted for once, and no more may wait than
    /// the settings allow.
    pub fn check_count(&self) -> Result<(), Problem> {
        let held = Hold::new(Still(self.word)).held();
        let settings = Settings::from_bits(self.settings);
        let waiting = self.asked().count_ones();

        let Open {
            requests,
            windows,
            irqs,
        } = self.open;

        if requests != i64::from(held.requests) {
            return Err(Order::Requests.with(format_args!("({requests}), but {held:?}")));
        }
        if windows != i64::from(held.requests > 0) {
            return Err(Order::Windows.with(format_args!("({windows}), but {held:?}")));
        }
        if irqs != i64::from(held.irqs) {
            return Err(Order::Irqs.with(format_args!("({irqs}), but {held:?}")));
        }
        if self.is_waiting() && waiting >= settings.max_irqs() {
            return Err(Order::TooMany.with(format_args!("{settings:?}: {waiting}")));
        }
        Ok(())
    }

    /// Nothing may be left over once there is no timer.
    pub fn check_rest(&self) -> Result<(), Problem> {
        if self.word != 0 {
            return Err(Order::LeftOver.with(format_args!("{:#x} with no timer", self.word)));
        }
        Ok(())
    }
}

/// A hold word that nobody changes.
struct Still(u64);

impl AtomicWord for Still {
    fn load(&self) -> u64 {
        self.0
    }

    fn compare_exchange(&self, _: u64, _: u64) -> Result<u64, u64> {
        Err(self.0)
    }

    fn swap(&self, _: u64) -> u64 {
        self.0
    }
}
