// SPDX-License-Identifier: GPL-2.0

//! The vCPU's thread, as KVM runs it.
//!
//! Modelled from `kvm_arch_vcpu_ioctl_run()` in arch/arm64/kvm/arm.c and `kvm_vcpu_halt()` in
//! virt/kvm/kvm_main.c, kernels 7.2 and 7.3. One step is one access that another CPU can see, or
//! several of which only one matters to others.

use super::{
    program::SHARED,
    world::{
        Mode,
        World, //
    },
    wrong::{
        self,
        Problem, //
    },
};

/// In which order KVM enters the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// 7.2: list registers, mode, last check of requests.
    ListFirst,
    /// 7.3: mode, last check of requests, list registers.
    ListLast,
}

/// Where the vCPU's thread is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// Before `check_vcpu_requests()`, interrupts on; also anywhere in user space.
    Top,
    /// Before `smp_store_mb(vcpu->mode, IN_GUEST_MODE)`; interrupts are off.
    Enter,
    /// Before `kvm_vcpu_exit_request()`.
    LastCheck,
    /// Before `kvm_vgic_flush_hwstate()`; with [`Order::ListLast`] committed to entering.
    Flush,
    /// In the guest.
    Guest,
    /// In `kvm_vcpu_block()`, before `prepare_to_rcuwait()` and `set_current_state()`.
    Block,
    /// Before `kvm_vcpu_check_block()`.
    CheckBlock,
    /// In `schedule()`.
    Sleep,
}

/// Which way the thread goes where it has a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// On, as long as nothing makes it do otherwise. In the guest: it spins there.
    On,
    /// Natural exit from the guest: a trap, or a host interrupt.
    Trap,
    /// The guest waits for an interrupt.
    Wfi,
    /// The entry is given up for a reason that is not in this model: a signal, another request.
    Abort,
    /// The interrupt that arrivals share does not fit into the list registers.
    Overflow,
    /// The guest has moved it away before the list registers are loaded, and moves it back at once.
    Miss,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::On,
        Self::Trap,
        Self::Wfi,
        Self::Abort,
        Self::Overflow,
        Self::Miss,
    ];
}

/// Makes the thread's next step, or returns `Ok(None)` if it cannot go this way.
///
/// # Errors
///
/// It enters the guest without an interrupt that it should have seen.
pub fn step(world: &World, way: Way) -> Result<Option<World>, Problem> {
    let mut next = *world;

    if way != Way::On && world.detours == 0 {
        return Ok(None);
    }
    match (world.at, way) {
        // Interrupts are on: a reschedule interrupt that comes late is taken here, in vain.
        (At::Top, Way::On) => {
            next.ipi = false;
            // `kvm_check_request(KVM_REQ_IRQ_PENDING)`: clear, then `smp_mb__after_atomic()`.
            next.request = false;
            next.at = match world.order {
                Order::ListFirst => At::Flush,
                Order::ListLast => At::Enter,
            };
        }
        (At::Enter, Way::On) => {
            next.mode = Mode::InGuest;
            next.at = At::LastCheck;
        }
        (At::LastCheck, Way::On) => {
            if world.request {
                next.give_up();
            } else if world.order == Order::ListFirst {
                next.take()?;
            } else {
                next.at = At::Flush;
            }
        }
        (At::LastCheck, Way::Abort) => {
            next.give_up();
            next.detours -= 1;
        }
        (At::Flush, Way::On | Way::Overflow | Way::Miss) => {
            if way != Way::On {
                if world.waiting & SHARED == 0 {
                    return Ok(None);
                }
                next.detours -= 1;
            }
            next.load(way);
            if world.order == Order::ListFirst {
                next.at = At::Enter;
            } else {
                next.take()?;
            }
        }
        // When the guest is done with what is in list registers, it comes out for the rest.
        (At::Guest, Way::On) if world.ipi || world.overflowed => next.leave(At::Top),
        (At::Guest, Way::Trap) => {
            next.leave(At::Top);
            next.detours -= 1;
        }
        (At::Guest, Way::Wfi) => {
            next.leave(At::Block);
            next.detours -= 1;
        }
        (At::Block, Way::On) => {
            next.blocking = true;
            next.at = At::CheckBlock;
        }
        // `kvm_arch_vcpu_runnable()` looks at the list under `ap_list_lock`.
        (At::CheckBlock, Way::On) if world.waiting == 0 => next.at = At::Sleep,
        (At::CheckBlock, Way::On) => {
            next.blocking = false;
            next.at = At::Top;
        }
        (At::Sleep, Way::On) if !world.blocking => next.at = At::Block,
        _ => return Ok(None),
    }
    Ok(Some(next))
}

impl World {
    /// The vCPU does not enter: what is in list registers goes back to the list.
    fn give_up(&mut self) {
        self.mode = Mode::Outside;
        self.loaded = 0;
        self.at = At::Top;
    }

    /// List registers are loaded: `vgic_flush_lr_state()`, arch/arm64/kvm/vgic/vgic.c.
    fn load(&mut self, way: Way) {
        self.overflowed = way == Way::Overflow;
        self.missed = way == Way::Miss;
        self.loaded = self.waiting;
        if way != Way::On {
            self.loaded &= !SHARED;
            // Whoever has asked for it has got what there is for this.
            self.requested &= !SHARED;
        }
    }

    /// The vCPU enters the guest, which gets what is in list registers. Who has asked for more
    /// since has made it give up; who has not will find it in the guest.
    fn take(&mut self) -> Result<(), Problem> {
        self.waiting &= !self.loaded;
        self.requested &= !self.loaded;
        self.loaded = 0;
        self.limit = u64::MAX;
        self.at = At::Guest;
        if self.requested != 0 {
            return Err(wrong::Order::LeftBehind.into());
        }
        Ok(())
    }

    /// The vCPU leaves the guest: `smp_store_release(&vcpu->mode, OUTSIDE_GUEST_MODE)`, then
    /// interrupts on.
    fn leave(&mut self, at: At) {
        self.mode = Mode::Outside;
        self.ipi = false;
        self.at = at;
    }
}
