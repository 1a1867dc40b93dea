// SPDX-License-Identifier: GPL-2.0

//! VMs that have sources.

mod sources;

use self::sources::Sources;
use crate::{
    errands::Errands,
    kvm::VmRef,
    marks::Marks,
    once::Once,
    params,
    series::synchronize_rcu,
    source::Source,
    stats::{
        Fates,
        Kicks, //
    },
    timer::Timed,
    trace::VmId,
    vcpu::Vcpu,
    window::Settings, //
};
use core::pin::Pin;
use kernel::{
    alloc::KVVec,
    impl_has_work, new_work,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// A VM that has, or had a moment ago, at least one source.
#[pin_data(PinnedDrop)]
pub(crate) struct Vm {
    id: VmId,
    enabled: Atomic<bool>,
    /// Lines of sources are to be taken over.
    wanted: Atomic<bool>,
    /// A [`Settings`] in one word, so that a reader never sees half of a change.
    settings: Atomic<u32>,
    #[pin]
    sources: Sources,
    errands: Arc<Errands>,
    #[pin]
    work: Work<Vm>,
    /// By index; all there will ever be: KVM refuses to create more once there is a vGIC, and
    /// without one, to connect a pair.
    vcpus: KVVec<Pin<KBox<Timed<Vcpu>>>>,
    marks: Marks,
    /// Dropped last: the vCPUs live as long as this.
    kvm: VmRef,
}

impl_has_work! {
    impl HasWork<Self> for Vm { self.work }
}

impl WorkItem for Vm {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        while let Some(source) = this.sources.next_with_errands() {
            source.run_errands();
        }
    }
}

impl Vm {
    /// Creates the state of `kvm`, with the settings that new VMs get.
    ///
    /// Without `auto_attach` its lines are not taken over before the administrator wants it. What
    /// cannot be done at once is left to `errands`.
    pub(crate) fn new(kvm: VmRef, auto_attach: bool, errands: Arc<Errands>) -> Result<Arc<Self>> {
        let id = kvm.id();
        let mut vcpus = KVVec::new();
        // SAFETY: The vCPU is used by elements of `vcpus` only, which go before `kvm`.
        while let Some(vcpu) = unsafe { kvm.vcpu(vcpus.len() as u32) } {
            vcpus.push(Timed::new(Vcpu::new(vcpu, id))?, GFP_KERNEL)?;
        }
        let marks = Marks::new()?;
        Arc::pin_init(
            pin_init!(Self {
                id,
                enabled: Atomic::new(auto_attach),
                wanted: Atomic::new(auto_attach),
                settings: Atomic::new(params::defaults().to_bits()),
                sources <- Sources::new(),
                errands,
                work <- new_work!("volley_vm"),
                vcpus,
                marks,
                kvm,
            }),
            GFP_KERNEL,
        )
    }

    /// Adds a source of this VM, whose arrivals are counted from here on.
    pub(crate) fn add_source(&self, source: Arc<Source>) -> Result {
        self.sources
            .add(source, |source| source.update_way(self.enabled()))
    }

    /// Removes a source that no handler uses any more; what became of its arrivals is still counted.
    pub(crate) fn remove_source(&self, source: &Arc<Source>) {
        self.sources.remove(source);
    }

    /// Has done soon what hard interrupts have left for its sources. Context: any.
    pub(crate) fn leave_errands(self: &Arc<Self>) {
        self.errands.leave_for_vm(self.clone());
    }

    /// Returns whether the VM has a source.
    pub(crate) fn has_sources(&self) -> bool {
        self.sources.any()
    }

    /// Returns the sum of one count of all sources that the VM has, or had.
    pub(crate) fn fates(&self, count: impl Fn(&Fates) -> u64) -> u64 {
        self.sources.sum(count)
    }

    /// Returns KVM's name for the VM.
    pub(crate) fn id(&self) -> VmId {
        self.id
    }

    /// Returns KVM's side of the VM.
    #[inline(always)]
    pub(crate) fn kvm(&self) -> &VmRef {
        &self.kvm
    }

    /// Returns the vCPU with the index `index`.
    #[inline(always)]
    pub(crate) fn vcpu(&self, index: u32) -> Option<&Timed<Vcpu>> {
        // CAST: An index fits a `usize`.
        self.vcpus.get(index as usize).map(|vcpu| &**vcpu)
    }

    /// Returns the marks of interrupts that came from Volley.
    #[inline(always)]
    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    /// Returns how many vCPUs the VM has.
    pub(crate) fn vcpus(&self) -> u32 {
        // CAST: KVM has at most 512 vCPUs.
        self.vcpus.len() as u32
    }

    /// Returns the sum of one count of all vCPUs.
    pub(crate) fn kicks(&self, count: impl Fn(&Kicks) -> u64) -> u64 {
        self.vcpus
            .iter()
            .fold(0, |sum, vcpu| count(&vcpu.kicks).wrapping_add(sum))
    }

    /// Returns whether the VM's arrivals are processed by Volley.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled.read_once()
    }

    /// Has the VM's arrivals processed by Volley, or left to the host.
    pub(crate) fn set_enabled(&self, enabled: bool) {
        self.sources.change(|present| {
            self.enabled.store(enabled, Relaxed);
            self.wanted.store(true, Relaxed);
            for source in present {
                source.update_way(enabled);
            }
        });
        // Lines that were not wanted before are taken over soon.
        self.errands.leave_look();
        self.release_after_change();
    }

    /// Returns what is left to process context.
    pub(crate) fn errands(&self) -> &Arc<Errands> {
        &self.errands
    }

    /// Returns whether the lines of the VM's sources are to be taken over.
    pub(crate) fn wanted(&self) -> bool {
        self.wanted.read_once()
    }

    /// Makes a change that has a say in who decides on the arrivals of `source`, one of this VM's.
    pub(crate) fn decide_anew(&self, source: &Source, change: impl FnOnce()) {
        self.sources.change(|_| {
            change();
            source.update_way(self.enabled());
        });
    }

    /// Returns the bounds of the VM's windows.
    #[inline(always)]
    pub(crate) fn settings(&self) -> Settings {
        Settings::from_bits(self.settings.read_once())
    }

    /// Changes the bounds of the VM's windows, and closes those that are open.
    pub(crate) fn change_settings(&self, change: impl Fn(Settings) -> Settings) {
        params::change(&self.settings, change);
        self.release_after_change();
    }

    /// Releases all kicks, those included that handlers still hold by the old settings.
    ///
    /// Context: process, sleeps.
    pub(crate) fn release_after_change(&self) {
        // What is held need not wait for the grace period.
        self.release();
        // Handlers that saw the old settings are done after this, and hold nothing new by them.
        synchronize_rcu();
        self.release();
    }

    /// Releases all kicks that are held at this moment.
    fn release(&self) {
        for vcpu in &self.vcpus {
            vcpu.release();
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Vm {
    fn drop(self: Pin<&mut Self>) {
        // No source is left, so nothing is held after this.
        self.release();
    }
}
