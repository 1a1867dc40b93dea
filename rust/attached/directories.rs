// SPDX-License-Identifier: GPL-2.0

//! When the directories of what is attached are made and removed: later, and with no lock held.
//!
//! While a pair is parted its guest stands still, and all of KVM's connections wait. Whoever makes
//! or removes a directory waits for all of sysfs, and so perhaps for somebody in user space.

use super::{
    Attached,
    ATTACHED, //
};
use crate::{
    files::{
        SourceDirectory,
        Tree,
        VmDirectory, //
    },
    source::Source,
    vm::Vm, //
};
use kernel::{
    fmt,
    prelude::*,
    sync::Arc, //
};

/// The directory of something that is attached.
pub(super) enum Place<D> {
    /// It is to be made.
    Wanted,
    There(D),
    /// It cannot be made.
    Missing,
}

impl<D> Place<D> {
    /// Returns what has come of making it. Without one, which the log tells, things work as well.
    fn of(made: Result<D>, name: fmt::Arguments<'_>) -> Self {
        match made {
            Ok(directory) => Self::There(directory),
            Err(error) => {
                pr_warn!("{}: no directory: {:?}\n", name, error);
                Self::Missing
            }
        }
    }
}

/// Directories that show nothing any more, and are to be removed.
///
/// # Invariants
///
/// There is room for those of all sources and VMs that are attached.
pub(super) struct Closed {
    sources: KVec<SourceDirectory>,
    vms: KVec<VmDirectory>,
}

impl Closed {
    /// None so far.
    pub(super) const fn new() -> Self {
        Self {
            sources: KVec::new(),
            vms: KVec::new(),
        }
    }

    /// Makes room for one more source beside `attached` others.
    pub(super) fn reserve_source(&mut self, attached: usize) -> Result {
        Ok(self
            .sources
            .reserve(attached.saturating_add(1), GFP_KERNEL)?)
    }

    /// Makes room for one more VM beside `attached` others.
    pub(super) fn reserve_vm(&mut self, attached: usize) -> Result {
        Ok(self.vms.reserve(attached.saturating_add(1), GFP_KERNEL)?)
    }

    /// Closes the directory of a source that is not attached any more.
    pub(super) fn close_source(&mut self, place: Place<SourceDirectory>) {
        if let Place::There(directory) = place {
            directory.close();
            // There is room by the invariants.
            let _ = self.sources.push_within_capacity(directory);
        }
    }

    /// Closes the directory of a VM that has no source any more.
    pub(super) fn close_vm(&mut self, place: Place<VmDirectory>) {
        if let Place::There(directory) = place {
            directory.close();
            // As above.
            let _ = self.vms.push_within_capacity(directory);
        }
    }
}

/// Something that is to be done.
enum Change {
    RemoveSource(SourceDirectory),
    RemoveVm(VmDirectory),
    ShowVm(Arc<Tree>, Arc<Vm>),
    ShowSource(Arc<Tree>, Arc<Source>),
}

impl Attached {
    /// Returns what is to be done next.
    ///
    /// What is removed may have the name of what is to be shown, so it goes first. A VM's directory
    /// is there before its sources' are.
    fn next_change(&mut self) -> Option<Change> {
        if let Some(directory) = self.closed.sources.pop() {
            return Some(Change::RemoveSource(directory));
        }
        if let Some(directory) = self.closed.vms.pop() {
            return Some(Change::RemoveVm(directory));
        }
        let tree = self.tree.clone()?;
        if let Some(known) = self
            .vms
            .iter()
            .find(|known| matches!(known.place, Place::Wanted))
        {
            return Some(Change::ShowVm(tree, known.vm.clone()));
        }
        self.sources
            .iter()
            .find(|attached| matches!(attached.place, Place::Wanted))
            .map(|attached| Change::ShowSource(tree, attached.source.clone()))
    }
}

impl Change {
    /// Does it.
    fn make(self) {
        match self {
            Self::RemoveSource(directory) => drop(directory),
            Self::RemoveVm(directory) => drop(directory),
            Self::ShowVm(tree, vm) => {
                let mut place = Place::of(tree.add_vm(&vm), fmt!("vm {}", vm.id()));
                // If it has gone meanwhile, the directory goes once the lock has been given back.
                let mut attached = ATTACHED.lock();
                if let Some(known) = attached
                    .vms
                    .iter_mut()
                    .find(|known| Arc::ptr_eq(&known.vm, &vm))
                {
                    core::mem::swap(&mut known.place, &mut place);
                }
            }
            Self::ShowSource(tree, source) => {
                let irq = source.key().irq;
                let mut place = Place::of(tree.add_source(&source), fmt!("irq {}", irq));
                // As above.
                let mut attached = ATTACHED.lock();
                if let Some(known) = attached
                    .sources
                    .iter_mut()
                    .find(|known| Arc::ptr_eq(&known.source, &source))
                {
                    core::mem::swap(&mut known.place, &mut place);
                }
            }
        }
    }
}

/// Removes the directories of what has gone, and makes those of what has come.
///
/// Context: process, with no lock held that others wait for. To be called in one work item only:
/// nothing is attached meanwhile.
pub(crate) fn update() {
    loop {
        let change = ATTACHED.lock().next_change();
        match change {
            Some(change) => change.make(),
            None => return,
        }
    }
}
