// SPDX-License-Identifier: GPL-2.0

//! Tracepoints: what becomes of an interrupt, and of a kick.
//!
//! The events are defined in `trace.h` and described for users in `Documentation/tracing.rst`. All
//! functions here are safe in any context. While an event is off its function is one instruction
//! that does nothing, which is patched into a jump when it is turned on; the arguments are worked
//! out in either case, so they should be at hand.

mod listen;

pub(crate) use self::listen::{
    somebody_listens,
    Listened, //
};

use crate::{
    kvm::{
        ListRegisters,
        MAX_LIST_REGISTERS, //
    },
    window::Reason, //
};
use kernel::{
    bindings,
    jump_label::static_branch_unlikely,
    macros::paste,
    prelude::*, //
};

/// The identifier of a VM: the name KVM itself gives it in debugfs, as two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VmId {
    /// The process that created the VM.
    pub(crate) pid: c_int,
    /// The file descriptor that process got for it.
    pub(crate) fd: c_int,
}

impl kernel::fmt::Display for VmId {
    fn fmt(&self, f: &mut kernel::fmt::Formatter<'_>) -> kernel::fmt::Result {
        write!(f, "{}-{}", self.pid, self.fd)
    }
}

/// Declares events of `trace.h`, each with a safe function that calls it.
///
/// The kernel's `declare_trace!` looks for events in `kernel::bindings`, where those of a module
/// are not. All that is declared here takes numbers, or references to a known number of them, so
/// that no call can be wrong.
///
/// # Safety
///
/// The arguments have to be those of `TP_PROTO()` in `trace.h`.
macro_rules! declare_events {
    ($(
        $(#[$attr:meta])*
        fn $name:ident($($arg:ident: $type:ty),* $(,)?);
    )*) => { paste! {
        extern "C" {
            $(
                static mut [<__tracepoint_ $name>]: bindings::tracepoint;
                fn [<rust_do_trace_ $name>]($($arg: $type),*);
            )*
        }

        /// Whether each event is on.
        mod on {
            use super::*;

            $(
                #[inline(always)]
                pub(super) fn $name() -> bool {
                    // SAFETY: The key is that of a tracepoint defined by C.
                    unsafe {
                        static_branch_unlikely!([<__tracepoint_ $name>], bindings::tracepoint, key)
                    }
                }
            )*
        }

        $(
            $(#[$attr])*
            #[inline(always)]
            fn $name($($arg: $type),*) {
                if on::$name() {
                    // SAFETY: The declaration agrees with that in C, and what it takes are numbers,
                    // and references to as many as it reads.
                    unsafe { [<rust_do_trace_ $name>]($($arg),*) };
                }
            }
        )*
    } };
}

declare_events! {
    fn source_attached(irq: c_uint, vm_pid: c_int, vm_fd: c_int, gsi: c_uint);
    fn source_detached(irq: c_uint, vm_pid: c_int, vm_fd: c_int);
    fn irq_received(irq: c_uint, hwirq: c_ulong, position: c_uint);
    fn irq_forwarded(
        irq: c_uint,
        vm_pid: c_int,
        vm_fd: c_int,
        vcpu: c_uint,
        intid: c_uint,
        merged: bool,
    );
    fn kick_held(vm_pid: c_int, vm_fd: c_int, vcpu: c_uint, usecs: c_uint, count: c_uint);
    fn kick_sent(vm_pid: c_int, vm_fd: c_int, vcpu: c_uint, reason: c_uint, count: c_uint);
    fn kick_saved(vm_pid: c_int, vm_fd: c_int, vcpu: c_uint, count: c_uint);
    fn list_registers_loaded(
        vm_pid: c_int,
        vm_fd: c_int,
        vcpu: c_uint,
        count: c_uint,
        forwarded: c_uint,
        waiting: bool,
        intids: &[u32; MAX_LIST_REGISTERS],
    );
}

/// Host IRQ `irq` became a source of `vm`, as its interrupt `gsi`.
#[inline(always)]
pub(crate) fn trace_source_attached(irq: u32, vm: VmId, gsi: u32) {
    source_attached(irq, vm.pid, vm.fd, gsi);
}

/// Host IRQ `irq` is no longer a source of `vm`.
#[inline(always)]
pub(crate) fn trace_source_detached(irq: u32, vm: VmId) {
    source_detached(irq, vm.pid, vm.fd);
}

/// A source fired: the `position`th arrival, from 0, that was taken in this exception.
#[inline(always)]
pub(crate) fn trace_irq_received(irq: u32, hwirq: usize, position: u32) {
    irq_received(irq, hwirq, position);
}

/// An arrival was queued as `intid` to `vcpu`, or `merged` with one that waits there already.
#[inline(always)]
pub(crate) fn trace_irq_forwarded(irq: u32, vm: VmId, vcpu: u32, intid: u32, merged: bool) {
    irq_forwarded(irq, vm.pid, vm.fd, vcpu, intid, merged);
}

/// A kick of `vcpu` was put off, for `usecs` at most; `count` virtual interrupts wait for it now.
#[inline(always)]
pub(crate) fn trace_kick_held(vm: VmId, vcpu: u32, usecs: u32, count: u32) {
    kick_held(vm.pid, vm.fd, vcpu, usecs, count);
}

/// `vcpu` was kicked for `count` virtual interrupts.
#[inline(always)]
pub(crate) fn trace_kick_sent(vm: VmId, vcpu: u32, reason: Reason, count: u32) {
    kick_sent(vm.pid, vm.fd, vcpu, reason as c_uint, count);
}

/// `count` requests for a kick of `vcpu` needed none of their own.
#[inline(always)]
pub(crate) fn trace_kick_saved(vm: VmId, vcpu: u32, count: u32) {
    kick_saved(vm.pid, vm.fd, vcpu, count);
}

/// `vcpu` enters the guest with these list registers, `forwarded` of which are from Volley.
#[inline(always)]
pub(crate) fn trace_list_registers_loaded(
    vm: VmId,
    vcpu: u32,
    registers: &ListRegisters,
    forwarded: u32,
) {
    list_registers_loaded(
        vm.pid,
        vm.fd,
        vcpu,
        registers.count,
        forwarded,
        registers.waiting,
        &registers.intids,
    );
}

/// Returns whether what Volley queues must be marked, for [`trace_list_registers_loaded`].
#[inline(always)]
pub(crate) fn list_registers_shown() -> bool {
    on::list_registers_loaded()
}
