// SPDX-License-Identifier: GPL-2.0

//! Volley: interrupts of assigned devices, delivered to their VMs in batches.
//!
//! The stages of an interrupt's way, and where they are:
//!
//! | stage                                                     | room                     |
//! |-----------------------------------------------------------|--------------------------|
//! | arrivals are received, as many as are pending              | `host/flow.rs`, `host/burst.rs` |
//! | each is looked up in the registry                          | `registry.rs`            |
//! | its handler gives a verdict                                | `handler.rs`             |
//! | the virtual interrupts of a VM are queued, vCPU by vCPU     | `volley.rs`, `kvm/vgic.rs` |
//! | each vCPU is kicked once, at once or at the end of a window | `vcpu.rs`, `window/`     |
//! | KVM loads them into the list registers                     | KVM; shown by `loads.rs` |
//!
//! Around it: `control.rs` has sources attached and detached, which `attached.rs` keeps; `files.rs`
//! and `params.rs` are the administrator's interface, `api.rs` that of other modules, `trace/` and `state.rs` show what
//! happens. `kvm.rs` has the lock order. The whole
//! is described in `Documentation/design.rst`.

mod api;
mod attached;
mod bindings;
mod context;
mod control;
mod debugfs;
mod errands;
mod files;
mod fixed_vec;
mod handler;
mod host;
mod kvm;
mod loads;
mod marks;
mod once;
mod params;
mod rcu_index;
mod registry;
mod series;
mod source;
mod state;
mod stats;
mod sysfs;
mod timer;
mod trace;
mod vcpu;
mod vm;
mod volley;
mod window;
mod workqueue;

use api::Owners;
use control::Control;
use debugfs::File;
use files::{
    Host,
    Tree, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};
use kvm::Symbols;
use loads::{
    Listening,
    Loads, //
};
use params::Params;
use state::State;

module! {
    type: VolleyModule,
    name: "volley",
    authors: ["The Volley developers"],
    description: "Interrupts of assigned devices, delivered to their VMs in batches",
    license: "GPL",
    params: {
        max_usecs: i64 {
            default: 0,
            description: "Longest time to hold a vCPU's kick, in microseconds, 0 to 10000; 0 never holds one",
        },
        max_irqs: i64 {
            default: 0,
            description: "Interrupts held at which the kick is sent, 1 to 1024; 0 means as many as there are list registers",
        },
        adaptive: i64 {
            default: 0,
            description: "Hold a kick only while interrupts come fast enough, and no longer than they take to fill the list registers, 0 or 1",
        },
        auto_attach: i64 {
            default: 1,
            description: "Attach interrupts as VFIO and KVM connect them, 0 or 1",
        },
        burst: i64 {
            default: 16,
            description: "Most interrupts to take in one exception, 1 to 64; 1 takes one at a time",
        },
    },
}

/// The module while it is loaded.
struct VolleyModule {
    _state: File<State>,
    _listening: Listening,
    _owners: Pin<KBox<Owners>>,
    _control: Control,
}

impl kernel::Module for VolleyModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let symbols = Symbols::resolve()?;
        let list_registers = symbols.list_registers();
        if list_registers == 0 {
            pr_err!("KVM is not available: it takes a CPU that boots the kernel at EL2\n");
            return Err(ENODEV);
        }
        if !symbols.has_gicv3() {
            pr_err!("the host's interrupt controller is not a GICv3 or GICv4\n");
            return Err(ENODEV);
        }

        if !symbols.has_split_eoi() {
            pr_err!("the host's GIC does not drop priority and deactivate apart\n");
            return Err(ENODEV);
        }

        let params = Params::read(list_registers)?;
        params::change_defaults(|_| params.settings);
        let burst = if symbols.can_take_bursts() {
            params.burst
        } else {
            1
        };
        host::set_limit(burst);

        let tree = Arc::new(Tree::new(Host { list_registers })?, GFP_KERNEL)?;
        let loads = Loads::new()?;
        let listening = loads.listen();
        // SAFETY: A module is initialised once.
        let control = unsafe { Control::start(tree, loads, params.auto_attach)? };
        let owners = Owners::watch()?;
        pr_info!(
            "{} list registers, up to {} interrupts an exception\n",
            list_registers,
            burst
        );
        Ok(Self {
            _state: File::new(c"volley", c"state"),
            _listening: listening,
            _owners: owners,
            _control: control,
        })
    }
}
