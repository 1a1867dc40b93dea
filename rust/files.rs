// SPDX-License-Identifier: GPL-2.0

//! The files in `/sys/kernel/volley`: what each shows, and what may be written to it.
//!
//! `Documentation/ABI/testing/sysfs-kernel-volley` describes them for users.

use crate::{
    errands::{
        Errand,
        Errands, //
    },
    handler::Choice,
    params,
    source::Source,
    stats::{
        Fates,
        Kicks,
        Left, //
    },
    sysfs::{
        Attribute,
        Directory, //
    },
    vm::Vm,
    window::{
        Knob,
        ParseError,
        Reason, //
    },
};
use core::ops::Deref;
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What the top directory shows that does not change.
pub(crate) struct Host {
    /// Number of list registers of the host's CPUs.
    pub(crate) list_registers: u32,
}

/// The top directory and the two within.
pub(crate) struct Tree {
    vms: Directory<()>,
    irqs: Directory<()>,
    /// Dropped last, so that the others are taken out of it first.
    _top: Directory<Host>,
}

/// A VM's directory, and those of its vCPUs within.
pub(crate) struct VmDirectory {
    _vcpus: KVec<Directory<VcpuOfVm>>,
    _all_vcpus: Directory<()>,
    _vm: Directory<VmOfHost>,
}
/// A source's directory.
pub(crate) type SourceDirectory = Directory<Arc<Source>>;

impl Tree {
    /// Creates `/sys/kernel/volley`.
    pub(crate) fn new(host: Host) -> Result<Self> {
        let top = Directory::in_kernel(fmt!("volley"), &HOST_FILES, host)?;

        Ok(Self {
            vms: top.create_dir(fmt!("vms"), &[], ())?,
            irqs: top.create_dir(fmt!("irqs"), &[], ())?,
            _top: top,
        })
    }

    /// Creates the directory of `vm`, and announces it. What is written there may take `errands`.
    pub(crate) fn add_vm(&self, vm: &Arc<Vm>, errands: &Arc<Errands>) -> Result<VmDirectory> {
        let id = vm.id();
        let shown = VmOfHost {
            vm: vm.clone(),
            errands: errands.clone(),
        };
        let mut directory = self.vms.create_dir(fmt!("{}", id), &VM_FILES, shown)?;
        let all_vcpus = directory.create_dir(fmt!("vcpus"), &[], ())?;
        let mut vcpus = KVec::new();
        for index in 0..vm.vcpus() {
            let vcpu = VcpuOfVm {
                vm: vm.clone(),
                index,
            };
            let vcpu = all_vcpus.create_dir(fmt!("{}", index), &VCPU_FILES, vcpu)?;
            vcpus.push(vcpu, GFP_KERNEL)?;
        }
        // Whoever is told finds all of it, and may set what is to be set.
        if let Err(error) =
            directory.announce([fmt!("VOLLEY_VM={}", id), fmt!("VOLLEY_PID={}", id.pid)])
        {
            pr_warn!("vm {}: not announced: {:?}\n", id, error);
        }
        Ok(VmDirectory {
            _vcpus: vcpus,
            _all_vcpus: all_vcpus,
            _vm: directory,
        })
    }

    /// Creates the directory of `source`.
    pub(crate) fn add_source(&self, source: &Arc<Source>) -> Result<SourceDirectory> {
        self.irqs
            .create_dir(fmt!("{}", source.key().irq), &SOURCE_FILES, source.clone())
    }
}

type HostFile = Attribute<Host>;
type VmFile = Attribute<VmOfHost>;
type VcpuFile = Attribute<VcpuOfVm>;
type SourceFile = Attribute<Arc<Source>>;

/// What a VM's directory shows.
struct VmOfHost {
    vm: Arc<Vm>,
    errands: Arc<Errands>,
}

impl Deref for VmOfHost {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        &self.vm
    }
}

/// What a vCPU's directory shows.
struct VcpuOfVm {
    vm: Arc<Vm>,
    index: u32,
}

impl VcpuOfVm {
    /// Returns one count of the vCPU.
    fn count(&self, count: impl Fn(&Kicks) -> u64) -> u64 {
        self.vm
            .vcpu(self.index)
            .map_or(0, |vcpu| count(&vcpu.kicks))
    }
}

/// Reads what was written to a file.
fn parse(knob: Knob, text: &str) -> Result<u32> {
    knob.parse(text.as_bytes()).map_err(|error| match error {
        ParseError::Invalid => EINVAL,
        ParseError::Range => ERANGE,
    })
}

static HOST_FILES: [HostFile; 5] = [
    HostFile::ro(c"version", |_| env!("VOLLEY_VERSION")),
    HostFile::ro(c"list_registers", |host| host.list_registers),
    HostFile::rw(
        c"max_usecs",
        |_| params::defaults().max_usecs(),
        |_, text| {
            let value = parse(Knob::MAX_USECS, text)?;
            params::change_defaults(|settings| settings.with_max_usecs(value));
            Ok(())
        },
    ),
    HostFile::rw(
        c"max_irqs",
        |_| params::defaults().max_irqs(),
        |_, text| {
            let value = parse(Knob::MAX_IRQS, text)?;
            params::change_defaults(|settings| settings.with_max_irqs(value));
            Ok(())
        },
    ),
    HostFile::rw(
        c"adaptive",
        |_| u32::from(params::defaults().adaptive()),
        |_, text| {
            let value = parse(Knob::SWITCH, text)? == 1;
            params::change_defaults(|settings| settings.with_adaptive(value));
            Ok(())
        },
    ),
];

/// Arrivals of a VM that were left to the host for one reason.
macro_rules! vm_left {
    ($name:literal, $why:expr) => {
        VmFile::ro($name, |vm| vm.fates(|fates| fates.left($why)))
    };
}

/// Kicks of a VM that were sent for one reason.
macro_rules! vm_sent {
    ($name:literal, $reason:expr) => {
        VmFile::ro($name, |vm| vm.kicks(|kicks| kicks.sent_for($reason)))
    };
}

/// Arrivals of a source that were left to the host for one reason.
macro_rules! source_left {
    ($name:literal, $why:expr) => {
        SourceFile::ro($name, |source| source.fates.left($why))
    };
}

static VM_FILES: [VmFile; 27] = [
    VmFile::rw(
        c"enabled",
        |vm| u32::from(vm.enabled()),
        |vm, text| {
            vm.set_enabled(parse(Knob::SWITCH, text)? == 1);
            // Lines that were not wanted before are taken over soon.
            vm.errands.leave(Errand::Connections);
            Ok(())
        },
    ),
    VmFile::rw(
        c"max_usecs",
        |vm| vm.settings().max_usecs(),
        |vm, text| {
            let value = parse(Knob::MAX_USECS, text)?;
            vm.change_settings(|settings| settings.with_max_usecs(value));
            Ok(())
        },
    ),
    VmFile::rw(
        c"max_irqs",
        |vm| vm.settings().max_irqs(),
        |vm, text| {
            let value = parse(Knob::MAX_IRQS, text)?;
            vm.change_settings(|settings| settings.with_max_irqs(value));
            Ok(())
        },
    ),
    VmFile::rw(
        c"adaptive",
        |vm| u32::from(vm.settings().adaptive()),
        |vm, text| {
            let value = parse(Knob::SWITCH, text)? == 1;
            vm.change_settings(|settings| settings.with_adaptive(value));
            Ok(())
        },
    ),
    VmFile::ro(c"received", |vm| vm.fates(|fates| fates.received.get())),
    VmFile::ro(c"forwarded", |vm| vm.fates(|fates| fates.forwarded.get())),
    VmFile::ro(c"merged", |vm| vm.fates(|fates| fates.merged.get())),
    VmFile::ro(c"to_host", |vm| vm.fates(Fates::to_host)),
    vm_left!(c"to_host_disabled", Left::Disabled),
    vm_left!(c"to_host_handler", Left::Handler),
    vm_left!(c"to_host_invalid", Left::Invalid),
    vm_left!(c"to_host_untranslated", Left::Untranslated),
    vm_left!(c"to_host_refused", Left::Refused),
    VmFile::ro(c"consumed", |vm| vm.fates(|fates| fates.consumed.get())),
    VmFile::ro(c"deferred", |vm| vm.fates(|fates| fates.deferred.get())),
    VmFile::ro(c"kick_requests", |vm| {
        vm.kicks(|kicks| kicks.requests.get())
    }),
    VmFile::ro(c"kicks_sent", |vm| vm.kicks(Kicks::sent)),
    vm_sent!(c"kicks_sent_off", Reason::Off),
    vm_sent!(c"kicks_sent_outside", Reason::Outside),
    vm_sent!(c"kicks_sent_count", Reason::Count),
    vm_sent!(c"kicks_sent_time", Reason::Time),
    vm_sent!(c"kicks_sent_contention", Reason::Contention),
    vm_sent!(c"kicks_sent_release", Reason::Release),
    vm_sent!(c"kicks_sent_rate", Reason::Rate),
    vm_sent!(c"kicks_sent_urgent", Reason::Urgent),
    VmFile::ro(c"kicks_held", |vm| vm.kicks(|kicks| kicks.held.get())),
    VmFile::ro(c"kicks_saved", |vm| vm.kicks(|kicks| kicks.saved.get())),
];

static VCPU_FILES: [VcpuFile; 4] = [
    VcpuFile::ro(c"kick_requests", |vcpu| {
        vcpu.count(|kicks| kicks.requests.get())
    }),
    VcpuFile::ro(c"kicks_sent", |vcpu| vcpu.count(Kicks::sent)),
    VcpuFile::ro(c"kicks_held", |vcpu| vcpu.count(|kicks| kicks.held.get())),
    VcpuFile::ro(c"kicks_saved", |vcpu| vcpu.count(|kicks| kicks.saved.get())),
];

static SOURCE_FILES: [SourceFile; 17] = [
    SourceFile::ro(c"vm", |source| source.vm().id()),
    SourceFile::ro(c"vcpu", |source| source.last_target().0),
    SourceFile::ro(c"intid", |source| source.last_target().1),
    SourceFile::ro(c"gsi", |source| source.route().gsi()),
    SourceFile::rw(
        c"handler",
        |source| source.handler_name(),
        |source, text| {
            source.choose(Choice::parse(text).ok_or(EINVAL)?);
            Ok(())
        },
    ),
    SourceFile::rw(
        c"urgent",
        |source| u32::from(source.urgent()),
        |source, text| {
            source.set_urgent(parse(Knob::SWITCH, text)? == 1);
            Ok(())
        },
    ),
    SourceFile::ro(c"received", |source| source.fates.received.get()),
    SourceFile::ro(c"forwarded", |source| source.fates.forwarded.get()),
    SourceFile::ro(c"merged", |source| source.fates.merged.get()),
    SourceFile::ro(c"to_host", |source| source.fates.to_host()),
    source_left!(c"to_host_disabled", Left::Disabled),
    source_left!(c"to_host_handler", Left::Handler),
    source_left!(c"to_host_invalid", Left::Invalid),
    source_left!(c"to_host_untranslated", Left::Untranslated),
    source_left!(c"to_host_refused", Left::Refused),
    SourceFile::ro(c"consumed", |source| source.fates.consumed.get()),
    SourceFile::ro(c"deferred", |source| source.fates.deferred.get()),
];
