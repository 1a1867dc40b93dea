// SPDX-License-Identifier: GPL-2.0

//! Control: attaching sources as pairs are connected, detaching them as they part.
//!
//! ```text
//! KVM connects a pair ---> probe ---> work item: attach what is connected
//! a pair is parted ------> del_consumer: detach; once it returns, nothing of the pair is in use,
//!                          nor of its VM if this was its last source
//! ```
//!
//! A source that cannot be attached stays on the stock path; the next connection tries again.

use crate::{
    context::Serialised,
    files::{
        SourceDirectory,
        Tree,
        VmDirectory, //
    },
    host::Line,
    kvm::{
        with_manager_locked,
        ConnectProbe,
        Connected,
        Hooks,
        Pair,
        VmRef,
        Watch, //
    },
    registry::{
        Withdrawn,
        REGISTRY, //
    },
    source::Source,
    trace,
    vm::Vm, //
};
use kernel::{
    bindings, impl_has_work, new_work,
    prelude::*,
    sync::{
        global_lock,
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
    workqueue::{
        Queue,
        Work,
        WorkItem, //
    },
};

global_lock! {
    // SAFETY: Initialised by `Control::start`, before anything is hooked that takes it.
    unsafe(uninit) static ATTACHED: Mutex<Attached> = Attached {
        sources: KVec::new(),
        vms: KVec::new(),
    };
}

/// What is attached at this moment.
struct Attached {
    sources: KVec<AttachedSource>,
    vms: KVec<AttachedVm>,
}

/// A source, and what goes with it.
struct AttachedSource {
    _directory: Option<SourceDirectory>,
    source: Arc<Source>,
    watch: Watch,
}

/// A VM, and what goes with it.
struct AttachedVm {
    _directory: Option<VmDirectory>,
    vm: Arc<Vm>,
}

/// Everything that goes on while the module is loaded; dropping it gives everything back.
pub(crate) struct Control {
    /// Dropped first: no more news of connections.
    probe: Option<Pin<KBox<ConnectProbe<Arc<Worker>>>>>,
    worker: Arc<Worker>,
}

impl Control {
    /// Attaches what is connected, and has what will be connected attached if `auto_attach`.
    ///
    /// # Safety
    ///
    /// To be called once.
    pub(crate) unsafe fn start(tree: Tree, auto_attach: bool) -> Result<Self> {
        // SAFETY: This is called once, by the safety requirements.
        unsafe { ATTACHED.init() };

        let worker = Worker::new(tree)?;
        let mut control = Self {
            probe: None,
            worker: worker.clone(),
        };
        if auto_attach {
            // From here on new connections are told of; the others are found by looking once.
            control.probe = Some(ConnectProbe::new(worker.clone())?);
            worker.schedule();
            worker.flush();
        }
        Ok(control)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.probe = None;
        // Nobody schedules the work item any more, so nothing is attached after this.
        self.worker.flush();

        // The manager may be out of memory for our pair, but not for long: it is a few bytes.
        while with_manager_locked(&mut |serialised| {
            detach_all(serialised);
            Ok(())
        })
        .is_err()
        {
            fsleep(Delta::from_millis(1));
        }

        let vms = {
            let mut attached = ATTACHED.lock();
            attached.sources = KVec::new();
            core::mem::replace(&mut attached.vms, KVec::new())
        };
        drop(vms);

        // SAFETY: All sources were withdrawn and quiesced above, and their flow handlers given back
        // before that; the probe and the watches are gone, so there will be no others.
        unsafe { REGISTRY.clear() };
    }
}

/// The work item that follows connections.
#[pin_data]
struct Worker {
    #[pin]
    work: Work<Worker>,
    tree: Tree,
}

impl_has_work! {
    impl HasWork<Self> for Worker { self.work }
}

impl WorkItem for Worker {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let result = with_manager_locked(&mut |serialised| this.attach_connected(serialised));
        if let Err(error) = result {
            pr_warn!("cannot look for connected interrupts: {:?}\n", error);
        }
    }
}

impl Connected for Arc<Worker> {
    fn connected(&self) {
        self.schedule();
    }
}

impl Worker {
    fn new(tree: Tree) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("volley_control"),
                tree,
            }),
            GFP_KERNEL,
        )
    }

    /// Has the work item run, once more if it is running. Context: any.
    fn schedule(self: &Arc<Self>) {
        // SAFETY: The kernel's own workqueue is set up during boot and never goes. The abstraction
        // has no name for this one yet, only for one that is deprecated.
        let queue = unsafe { Queue::from_raw(bindings::system_dfl_wq) };
        // If it is queued already, that will do.
        let _ = queue.enqueue(self.clone());
    }

    /// Waits until the work item has run if it was scheduled. Context: process.
    fn flush(&self) {
        // SAFETY: The work item is part of `self`.
        unsafe { bindings::flush_work(Work::raw_get(&raw const self.work)) };
    }

    /// Attaches all pairs that are not.
    fn attach_connected(&self, serialised: &Serialised) -> Result {
        for pair in Pair::collect(serialised)? {
            if REGISTRY.contains(pair.irq(), serialised) {
                continue;
            }
            if let Err(error) = self.attach(&pair, serialised) {
                pr_debug!("irq {} stays on the stock path: {:?}\n", pair.irq(), error);
                // It may have been the first source of its VM.
                ATTACHED.lock().release_idle_vms();
            }
        }
        Ok(())
    }

    /// Attaches one pair.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the host IRQ is not an LPI, or the VM has no vGICv3; `EBUSY` if somebody
    /// else watches the producer; `ENOMEM`. Nothing has changed then.
    fn attach(&self, pair: &Pair, serialised: &Serialised) -> Result {
        // SAFETY: `detach` and `detach_all` are done with the line before its pair is parted.
        let line = unsafe { Line::find(pair.irq(), serialised)? };
        // SAFETY: The same goes for the route.
        let route = unsafe { pair.route() };
        let gsi = route.gsi();

        let kvm = pair.vm(serialised).ok_or(ENODEV)?;
        let mut attached = ATTACHED.lock();
        attached.sources.reserve(1, GFP_KERNEL)?;
        let vm = self.vm(&mut attached, kvm)?;

        let source = Arc::new(Source::new(line, route, vm.clone()), GFP_KERNEL)?;
        vm.add_source(source.clone())?;
        let watch = match pair.watch::<Detach>(serialised) {
            Ok(watch) => watch,
            Err(error) => {
                vm.remove_source(&source);
                return Err(error);
            }
        };
        if let Err(error) = REGISTRY.publish(source.key(), source.clone(), serialised) {
            // SAFETY: The pair is connected.
            unsafe { watch.end(serialised) };
            vm.remove_source(&source);
            return Err(error);
        }
        source.line().take_over(serialised);
        trace::trace_source_attached(source.key().irq, vm.id(), gsi);

        let directory = self.tree.add_source(&source).inspect_err(|error| {
            pr_warn!("irq {}: no directory: {:?}\n", source.key().irq, error);
        });
        // There is room: it was reserved above.
        let _ = attached.sources.push_within_capacity(AttachedSource {
            _directory: directory.ok(),
            source,
            watch,
        });
        Ok(())
    }

    /// Returns the state of the VM `kvm`, which is created for its first source.
    ///
    /// If the reference is not needed it is dropped here. It is never the last one, which would
    /// destroy the VM under our locks: a VM keeps its own until its pairs have been disconnected.
    fn vm(&self, attached: &mut Attached, kvm: VmRef) -> Result<Arc<Vm>> {
        if let Some(known) = attached.vms.iter().find(|known| known.vm.kvm().is(&kvm)) {
            return Ok(known.vm.clone());
        }
        if !kvm.has_gicv3() {
            return Err(EOPNOTSUPP);
        }

        attached.vms.reserve(1, GFP_KERNEL)?;
        let vm = Vm::new(kvm)?;
        let directory = self.tree.add_vm(&vm).inspect_err(|error| {
            pr_warn!("vm {}: no directory: {:?}\n", vm.id(), error);
        });
        let _ = attached.vms.push_within_capacity(AttachedVm {
            _directory: directory.ok(),
            vm: vm.clone(),
        });
        Ok(vm)
    }
}

/// Detaches the source of a pair that is being parted.
struct Detach;

impl Hooks for Detach {
    fn disconnected(irq: u32, serialised: &Serialised) {
        let mut attached = ATTACHED.lock();
        let Some(at) = attached
            .sources
            .iter()
            .position(|attached| attached.source.key().irq == irq)
        else {
            return;
        };
        if let Ok(parted) = attached.sources.remove(at) {
            let mut withdrawn = Withdrawn::new();
            withdraw(&parted.source, &mut withdrawn, serialised);
            withdrawn.quiesce();
            detached(&parted.source);
        }
        // The pair is still connected as far as KVM is concerned.
        attached.release_idle_vms();
    }
}

/// Detaches all sources, whose pairs remain connected.
fn detach_all(serialised: &Serialised) {
    let mut attached = ATTACHED.lock();
    let mut withdrawn = Withdrawn::new();

    for AttachedSource { source, .. } in &attached.sources {
        withdraw(source, &mut withdrawn, serialised);
    }
    // One grace period for all of them.
    withdrawn.quiesce();
    while let Some(AttachedSource { source, watch, .. }) = attached.sources.pop() {
        // SAFETY: The pair is connected: if it were not, `Detach` would have removed the source.
        unsafe { watch.end(serialised) };
        detached(&source);
    }
}

/// Gives the line of `source` back. Once `withdrawn` is quiet, no handler uses the source any more.
fn withdraw(source: &Source, withdrawn: &mut Withdrawn, serialised: &Serialised) {
    source.line().give_back(serialised);
    REGISTRY.withdraw(source.key(), withdrawn, serialised);
}

/// Notes that `source`, which no handler uses any more, is detached.
fn detached(source: &Arc<Source>) {
    source.vm().remove_source(source);
    trace::trace_source_detached(source.key().irq, source.vm().id());
}

impl Attached {
    /// Lets go of VMs that have no source.
    ///
    /// Dropping the last reference on a VM destroys it, so this must be called while a pair of such
    /// a VM is connected: KVM has one of its own until all of them have been disconnected.
    fn release_idle_vms(&mut self) {
        while let Some(idle) = self.vms.iter().position(|known| !known.vm.has_sources()) {
            let _ = self.vms.remove(idle);
        }
    }
}
