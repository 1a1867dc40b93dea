// SPDX-License-Identifier: GPL-2.0

//! The directories in `/sys/kernel/volley`, and what is lent to each.

use super::{
    Histograms,
    Vcpu,
    HOST_FILES,
    SOURCE_FILES,
    VCPU_FILES,
    VCPU_HISTOGRAMS,
    VM_FILES,
    VM_HISTOGRAMS, //
};
use crate::{
    source::Source,
    sysfs::{
        Directory,
        Lent,
        Shown, //
    },
    trace::VmId,
    vm::Vm, //
};
use kernel::{
    prelude::*,
    sync::Arc, //
};

/// What the top directory shows that does not change.
pub(crate) struct Host {
    /// Number of list registers of the host's CPUs.
    pub(crate) list_registers: u32,
}

impl Shown for Host {
    type Data = Self;

    fn with<R>(&self, look: impl FnOnce(&Self) -> R) -> Option<R> {
        Some(look(self))
    }
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
    _vcpus: KVec<Folders<VcpuOfVm>>,
    _all_vcpus: Directory<()>,
    _vm: Folders<Arc<Lent<Vm>>>,
}

/// The directory of a VM or of a vCPU, and within it those of its histograms.
struct Folders<S: Shown> {
    _volley_sizes: Directory<S>,
    _held_usecs: Directory<S>,
    all: Directory<S>,
}

impl<S: Shown + Clone> Folders<S> {
    /// Creates the directories within `all`, which shows `shown`.
    fn new(all: Directory<S>, histograms: &'static Histograms<S::Data>, shown: &S) -> Result<Self> {
        let Histograms { sizes, usecs } = histograms;

        Ok(Self {
            _volley_sizes: all.create_dir(fmt!("volley_sizes"), sizes, shown.clone())?,
            _held_usecs: all.create_dir(fmt!("held_usecs"), usecs, shown.clone())?,
            all,
        })
    }
}

/// A source's directory.
pub(crate) type SourceDirectory = Directory<Arc<Lent<Source>>>;

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

    /// Creates the directory of the VM `id`, which has so many vCPUs, and announces it.
    pub(crate) fn add_vm(&self, vm: &Arc<Lent<Vm>>, id: VmId, vcpus: u32) -> Result<VmDirectory> {
        let directory = self.vms.create_dir(fmt!("{}", id), &VM_FILES, vm.clone())?;
        let mut folders = Folders::new(directory, &VM_HISTOGRAMS, vm)?;
        let all_vcpus = folders.all.create_dir(fmt!("vcpus"), &[], ())?;
        let mut of_vcpus = KVec::new();
        for index in 0..vcpus {
            let vcpu = VcpuOfVm {
                vm: vm.clone(),
                index,
            };
            let directory = all_vcpus.create_dir(fmt!("{}", index), &VCPU_FILES, vcpu.clone())?;
            let folders = Folders::new(directory, &VCPU_HISTOGRAMS, &vcpu)?;
            of_vcpus.push(folders, GFP_KERNEL)?;
        }
        // Whoever is told finds all of it, and may set what is to be set.
        if let Err(error) = folders
            .all
            .announce([fmt!("VOLLEY_VM={}", id), fmt!("VOLLEY_PID={}", id.pid)])
        {
            pr_warn!("vm {}: not announced: {:?}\n", id, error);
        }
        Ok(VmDirectory {
            _vcpus: of_vcpus,
            _all_vcpus: all_vcpus,
            _vm: folders,
        })
    }

    /// Creates the directory of the source with this IRQ.
    pub(crate) fn add_source(
        &self,
        source: &Arc<Lent<Source>>,
        irq: u32,
    ) -> Result<SourceDirectory> {
        self.irqs
            .create_dir(fmt!("{}", irq), &SOURCE_FILES, source.clone())
    }
}

/// What a vCPU's directory shows.
#[derive(Clone)]
struct VcpuOfVm {
    vm: Arc<Lent<Vm>>,
    index: u32,
}

impl Shown for VcpuOfVm {
    type Data = Vcpu;

    fn with<R>(&self, look: impl FnOnce(&Vcpu) -> R) -> Option<R> {
        let vm = self.vm.get()?;
        Some(look(&Vcpu {
            vm,
            index: self.index,
        }))
    }
}
