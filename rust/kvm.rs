// SPDX-License-Identifier: GPL-2.0

//! The KVM port: the only folder that knows a type or a symbol of KVM.
//!
//! | file         | content                                                              |
//! |--------------|----------------------------------------------------------------------|
//! | `symbols.rs` | the functions and variables of KVM that are not exported               |
//! | `vm.rs`      | a reference on a virtual machine                                       |
//! | `vcpu.rs`    | a virtual CPU: its request bit, its mode, its kick                     |
//! | `route.rs`   | where an irqfd leads: MSI, ITS, LPI                                    |
//! | `vgic.rs`    | queueing to a vCPU, under KVM's locks and in KVM's order               |
//! | `bypass.rs`  | connected pairs of the IRQ bypass manager: found, watched              |
//! | `list_registers.rs` | what KVM loads into them, and what the guest leaves there       |
//! | `probe.rs`   | being told when KVM enters a function                                  |
//!
//! # Lock order
//!
//! The one place where it is written down. Locks of KVM and of the kernel are marked `*`.
//!
//! ```text
//! Sources::readers                          mutex, `vm/sources.rs`; who reads counters, one by one
//!   Sources::lists
//!
//! irqbypass lock *                          mutex; made visible as `Serialised`
//!   kvm_lock *                              mutex; walking the list of VMs
//!     kvm->irqfds.lock *                    spinlock_t, IRQs off; walking a VM's irqfds
//!   ATTACHED                                mutex, `attached.rs`; sources, VMs, foreign handlers;
//!                                           also taken by itself, to look at them
//!     Sources::lists                        spinlock, `vm/sources.rs`
//!     Lent::object                          spinlock, `sysfs/lent.rs`
//!     irq_desc->lock *                      raw; exchanging a flow handler
//!
//! kernfs: all that it has *                 making and removing directories, in a work item
//!   kernfs: active references *             waited for when a directory is removed
//!     Sources::readers, Lent::object        taken when a file is read
//!     KVM's, to destroy a VM *              whoever reads a file as a VM ends may have the last
//!                                           reference
//!
//! seq_file's lock *                         mutex; a reader of debugfs' state
//!   ATTACHED                                to get references
//!   Sources::readers                        to print counters
//!   KVM's, to destroy a VM *                as above
//!
//! its->its_lock *                           mutex; injecting what hard interrupts have deferred
//!
//! tracepoints_mutex *                       mutex; nothing but a work item is scheduled with it held
//! Loads::probe                              mutex, `loads.rs`; in that work item
//!   fprobe_mutex, ftrace_lock *             mutexes; registering and ending probes
//!
//! hard IRQ, and the probes in KVM's entry path, which take none of these:
//! kvm->srcu *                               read side; finding the ITS that a message is for
//! kvm->irq_srcu *                           read side; from translation to queueing
//!   vgic_cpu->ap_list_lock *                raw; one vCPU's list
//!     vgic_irq->irq_lock *                  raw; one virtual interrupt
//!   irq_desc->lock *                        raw; in the stock handler, with no vGIC lock held
//! hrtimer_cpu_base->lock *                  raw; arming a window, with none of the above held
//! ```
//!
//! No lock of Volley's is held across one of KVM's in hard IRQ: there, Volley has none.

mod bypass;
mod list_registers;
mod probe;
mod route;
mod symbols;
mod vcpu;
mod vgic;
mod vm;

pub(crate) use self::{
    bypass::{
        with_manager_locked,
        ConnectProbe,
        Connected,
        Hooks,
        Pair,
        Watch, //
    },
    list_registers::{
        ListRegisters,
        ListRegistersProbe,
        Observe,
        MAX_LIST_REGISTERS, //
    },
    route::{
        Redirected,
        Route,
        VirtualInterrupt, //
    },
    symbols::Symbols,
    vcpu::VcpuRef,
    vgic::{
        Kick,
        Queued, //
    },
    vm::{
        RoutingGuard,
        VmKey,
        VmRef, //
    },
};
