// SPDX-License-Identifier: GPL-2.0

//! The state of everything, as text: `/sys/kernel/debug/volley/state`.
//!
//! `Documentation/debugfs.rst` describes it for users. There is a line for each VM, vCPU and source,
//! of words `name=value`: those of the files in sysfs, and what has no file there. What there is, is
//! found at one moment; each line is of the moment when it is printed.

use crate::{
    attached::everything::Everything,
    debugfs::Text,
    files::{
        print_source,
        print_vcpu,
        print_vm, //
    },
    kvm::Symbols,
    params,
    trace, //
};
use kernel::{
    prelude::*,
    seq_file::SeqFile,
    seq_print,
    sync::Arc, //
};

/// The text.
pub(crate) struct State;

impl Text for State {
    fn print(out: &SeqFile) -> Result {
        let everything = Everything::get()?;
        let defaults = params::defaults();

        seq_print!(
            out,
            "volley version={} list_registers={} list_registers_shown={}\n",
            env!("VOLLEY_VERSION"),
            Symbols::get().map_or(0, Symbols::list_registers),
            u32::from(trace::somebody_listens())
        );
        seq_print!(
            out,
            "defaults max_usecs={} max_irqs={} adaptive={}\n",
            defaults.max_usecs(),
            defaults.max_irqs(),
            u32::from(defaults.adaptive())
        );
        for vm in &everything.vms {
            seq_print!(out, "\nvm={}", vm.id());
            print_vm(out, vm);
            for index in 0..vm.vcpus() {
                if let Some(vcpu) = vm.vcpu(index) {
                    let now = vcpu.at_this_moment();
                    seq_print!(
                        out,
                        "  vcpu={} in_guest={} irq_pending={} held_requests={} held_irqs={} left_ns={} gap_ns={}",
                        index,
                        u32::from(vcpu.kvm().in_guest()),
                        u32::from(vcpu.kvm().irq_pending()),
                        now.held.requests,
                        now.held.irqs,
                        now.left_ns,
                        now.gap_ns
                    );
                    print_vcpu(out, vm, index);
                }
            }
            for source in &everything.sources {
                if Arc::ptr_eq(source.vm(), vm) {
                    let key = source.key();
                    seq_print!(out, "  irq={} hwirq={}", key.irq, key.intid);
                    print_source(out, source);
                }
            }
        }
        Ok(())
    }
}
