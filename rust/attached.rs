// SPDX-License-Identifier: GPL-2.0

//! What is attached: the sources, their VMs, and the handlers of other modules, under one lock.

pub(crate) mod directories;
pub(crate) mod everything;

use self::directories::{
    Closed,
    Files,
    Removals, //
};
use crate::{
    context::Serialised,
    errands::Errands,
    files::{
        SourceDirectory,
        Tree,
        VmDirectory, //
    },
    handler::{
        External,
        Handle,
        Registrations, //
    },
    host::Line,
    kvm::{
        Hooks,
        Pair,
        Route,
        VmRef,
        Watch, //
    },
    loads::{
        Loads,
        ShownLoads, //
    },
    registry::{
        Withdrawn,
        REGISTRY, //
    },
    series::not_supported,
    source::Source,
    trace,
    vm::Vm, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        global_lock,
        Arc, //
    }, //
};

global_lock! {
    // SAFETY: Initialised by `init`, before anything is hooked that takes it.
    unsafe(uninit) static ATTACHED: Mutex<Attached> = Attached {
        tree: None,
        loads: None,
        auto_attach: false,
        sources: KVVec::new(),
        vms: KVVec::new(),
        removals: Removals::new(),
        registrations: Registrations::new(),
    };
}

/// What is attached at this moment.
struct Attached {
    /// While the module is loaded.
    tree: Option<Arc<Tree>>,
    /// As above.
    loads: Option<Arc<Loads>>,
    auto_attach: bool,
    sources: KVVec<AttachedSource>,
    vms: KVVec<AttachedVm>,
    removals: Removals,
    registrations: Registrations,
}

/// A source, and what goes with it.
struct AttachedSource {
    /// Its host IRQ, kept here so that a search does not follow a pointer for each source.
    irq: u32,
    files: Files<Source, SourceDirectory>,
    source: Arc<Source>,
    watch: Watch,
    /// Its line is taken over, and bursts include it.
    taken_over: bool,
}

impl AttachedSource {
    /// Takes over its line if that is wanted and has not been done yet.
    fn take_over_wanted(&mut self, serialised: &Serialised) {
        let source = &self.source;
        if self.taken_over || !source.wanted() {
            return;
        }
        REGISTRY.admit_to_bursts(source.key(), serialised);
        source.line().take_over(serialised);
        self.taken_over = true;
        trace::trace_source_attached(source.key().irq, source.vm().id(), source.route().gsi());
    }
}

/// A VM, and what goes with it.
struct AttachedVm {
    files: Files<Vm, VmDirectory>,
    _shown: Option<ShownLoads>,
    vm: Arc<Vm>,
}

/// Makes the lock.
///
/// # Safety
///
/// To be called once, before anything else here.
pub(crate) unsafe fn init() {
    // SAFETY: This is called once, by the safety requirements.
    unsafe { ATTACHED.init() };
}

/// Has what will be attached shown in `tree` and by `loads`.
///
/// Without `auto_attach`, lines are taken over only as the administrator wants it.
pub(crate) fn begin(tree: Arc<Tree>, loads: Arc<Loads>, auto_attach: bool) {
    let mut attached = ATTACHED.lock();
    attached.tree = Some(tree);
    attached.loads = Some(loads);
    attached.auto_attach = auto_attach;
}

/// Lets go of everything, for good. Nothing must be attached any more, nor will be.
pub(crate) fn end() {
    let (removals, vms, tree, loads) = {
        let mut attached = ATTACHED.lock();
        attached.sources = KVVec::new();
        // Empty, for no other module uses this one any more; but its memory is not.
        attached.registrations = Registrations::new();
        let removals = core::mem::replace(&mut attached.removals, Removals::new());
        let vms = core::mem::replace(&mut attached.vms, KVVec::new());
        (removals, vms, attached.tree.take(), attached.loads.take())
    };
    drop(removals);
    drop(vms);
    drop((tree, loads));
}

/// Attaches those of `pairs` that are not, and takes over the lines that are wanted.
pub(crate) fn attach_connected(pairs: &[Pair], errands: &Arc<Errands>, serialised: &Serialised) {
    let mut attached = ATTACHED.lock();
    attached.attach_connected(pairs, errands, serialised);
    attached.take_over_wanted(serialised);
}

impl Attached {
    /// Attaches those of `pairs` that are not.
    fn attach_connected(
        &mut self,
        pairs: &[Pair],
        errands: &Arc<Errands>,
        serialised: &Serialised,
    ) {
        for pair in pairs {
            if REGISTRY.contains(pair.irq(), serialised) {
                continue;
            }
            if let Err(error) = self.attach(pair, errands, serialised) {
                pr_debug!("irq {} stays on the stock path: {:?}\n", pair.irq(), error);
            }
        }
    }

    /// Attaches one pair.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` if the host IRQ is not an LPI, or the VM has no vGICv3; `EBUSY` if somebody
    /// else watches the producer; `ENOMEM`. Nothing has changed then.
    fn attach(&mut self, pair: &Pair, errands: &Arc<Errands>, serialised: &Serialised) -> Result {
        // SAFETY: `detach` and `detach_all` are done with the line before its pair is parted.
        let line = unsafe { Line::find(pair.irq(), serialised)? };
        // SAFETY: The same goes for the route.
        let route = unsafe { pair.route() };

        let kvm = pair.vm(serialised).ok_or(ENODEV)?;
        self.sources.reserve(1, GFP_KERNEL)?;
        // No more VMs than sources.
        self.removals
            .reserve(self.sources.len().saturating_mul(2))?;
        let vm = self.vm(kvm, errands)?;

        let attached = self.attach_to(&vm, pair, line, route, serialised);
        if attached.is_err() {
            // It may have been its first source.
            self.release_if_idle(&vm);
        }
        attached
    }

    /// Attaches one pair as a source of `vm`, for which there is room; see [`Attached::attach`].
    fn attach_to(
        &mut self,
        vm: &Arc<Vm>,
        pair: &Pair,
        line: Line,
        route: Route,
        serialised: &Serialised,
    ) -> Result {
        let source = Arc::new(Source::new(line, route, vm.clone()), GFP_KERNEL)?;
        let files = Files::of(source.clone())?;
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
        self.registrations.assign(&source);

        let mut attached = AttachedSource {
            irq: source.key().irq,
            files,
            source,
            watch,
            taken_over: false,
        };
        attached.take_over_wanted(serialised);
        // There is room: it was reserved above.
        let _ = self.sources.push_within_capacity(attached);
        Ok(())
    }

    /// Takes over the lines that are wanted and not taken over yet.
    fn take_over_wanted(&mut self, serialised: &Serialised) {
        for attached in &mut self.sources {
            attached.take_over_wanted(serialised);
        }
    }

    /// Returns the state of the VM `kvm`, which is created for its first source.
    ///
    /// If the reference is not needed it is dropped here. It is never the last one, which would
    /// destroy the VM under our locks: a VM keeps its own until its pairs have been disconnected.
    fn vm(&mut self, kvm: VmRef, errands: &Arc<Errands>) -> Result<Arc<Vm>> {
        if let Some(known) = self.vms.iter().find(|known| known.vm.kvm().is(&kvm)) {
            return Ok(known.vm.clone());
        }
        if !kvm.has_gicv3() {
            return Err(not_supported());
        }

        self.vms.reserve(1, GFP_KERNEL)?;
        let vm = Vm::new(kvm, self.auto_attach, errands.clone())?;
        let files = Files::of(vm.clone())?;
        let shown = self
            .loads
            .as_ref()
            .map(|loads| loads.show(&vm))
            .transpose()?;
        let _ = self.vms.push_within_capacity(AttachedVm {
            files,
            _shown: shown,
            vm: vm.clone(),
        });
        Ok(vm)
    }

    /// Returns the registrations, and all sources that they may be for.
    fn registrations(
        &mut self,
    ) -> (
        &mut Registrations,
        impl Iterator<Item = &Source> + Clone + '_,
    ) {
        let sources = self.sources.iter().map(|attached| &*attached.source);
        (&mut self.registrations, sources)
    }

    /// Lets go of `vm` if it has no source.
    ///
    /// Dropping the last reference on a VM destroys it, so this must be called while a pair of it is
    /// connected: KVM has one of its own until all of them have been disconnected.
    fn release_if_idle(&mut self, vm: &Arc<Vm>) {
        if vm.has_sources() {
            return;
        }
        let at = self.vms.iter().position(|known| Arc::ptr_eq(&known.vm, vm));
        if let Some(Ok(gone)) = at.map(|at| self.vms.remove(at)) {
            self.removals.add(gone.files, Closed::Vm);
        }
    }
}

/// Detaches the source of a pair that is being parted.
struct Detach;

impl Hooks for Detach {
    fn disconnected(irq: u32, serialised: &Serialised) {
        let mut attached = ATTACHED.lock();
        let at = attached.sources.iter().position(|known| known.irq == irq);
        let Some(Ok(parted)) = at.map(|at| attached.sources.remove(at)) else {
            return;
        };
        let mut withdrawn = Withdrawn::new();
        withdraw(&parted, &mut withdrawn, serialised);
        withdrawn.quiesce();
        detached(&parted);
        attached.removals.add(parted.files, Closed::Source);
        parted.source.vm().errands().leave_files();
        // The pair is still connected as far as KVM is concerned.
        attached.release_if_idle(parted.source.vm());
    }
}

/// Detaches all sources, whose pairs remain connected.
pub(crate) fn detach_all(serialised: &Serialised) {
    let mut attached = ATTACHED.lock();
    let mut withdrawn = Withdrawn::new();

    for source in &attached.sources {
        withdraw(source, &mut withdrawn, serialised);
    }
    // One grace period for all of them.
    withdrawn.quiesce();
    while let Some(source) = attached.sources.pop() {
        detached(&source);
        attached.removals.add(source.files, Closed::Source);
        // SAFETY: The pair is connected: if it were not, `Detach` would have removed the source.
        unsafe { source.watch.end(serialised) };
    }
}

/// Gives the line of a source back. Once `withdrawn` is quiet, no handler uses the source any more.
fn withdraw(attached: &AttachedSource, withdrawn: &mut Withdrawn, serialised: &Serialised) {
    if attached.taken_over {
        attached.source.line().give_back(serialised);
    }
    REGISTRY.withdraw(attached.source.key(), withdrawn, serialised);
}

/// Ends what is left to do for a source that no handler uses any more.
fn detached(attached: &AttachedSource) {
    let source = &attached.source;

    // Registrations do not know it any more, and hard interrupts may have left it something to do.
    source.external().empty();
    source.vm().remove_source(source);
    if attached.taken_over {
        trace::trace_source_detached(source.key().irq, source.vm().id());
    }
}

/// Registers a handler of another module's.
///
/// # Errors
///
/// As [`Registrations::add`].
pub(crate) fn register(external: External) -> Result<Handle> {
    let mut attached = ATTACHED.lock();
    let (registrations, sources) = attached.registrations();
    registrations.add(external, sources)
}

/// Removes a handler of another module's, and waits until it is not running any more.
///
/// # Errors
///
/// `ENOENT` if there is no such registration.
pub(crate) fn unregister(handle: Handle) -> Result<Arc<External>> {
    let removed = {
        let mut attached = ATTACHED.lock();
        let (registrations, sources) = attached.registrations();
        registrations.remove(handle, sources)
    };
    Ok(removed.ok_or(ENOENT)?.quiesce())
}

/// Removes all handlers that are part of the module `owner`, which is going.
pub(crate) fn unregister_owner(owner: *const bindings::module) {
    loop {
        let Some(handle) = ATTACHED.lock().registrations.of(owner) else {
            return;
        };
        // Unless somebody else has done so meanwhile.
        if let Ok(external) = unregister(handle) {
            pr_err!(
                "the module of handler {} has gone without unregistering it\n",
                external.name()
            );
        }
    }
}
