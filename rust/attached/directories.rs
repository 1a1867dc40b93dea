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
    sysfs::Lent,
    trace::VmId,
    vm::Vm, //
};
use kernel::{
    fmt,
    prelude::*,
    sync::Arc, //
};

/// What is lent to the directory `D` of something that is attached, a `T`.
pub(super) struct Files<T, D> {
    lent: Arc<Lent<T>>,
    place: Place<D>,
}

/// The directory itself.
enum Place<D> {
    /// It is to be made.
    Wanted,
    /// In memory of its own, so that lists of these can be long.
    There(KBox<D>),
    /// It cannot be made.
    Missing,
}

impl<T, D> Files<T, D> {
    /// Has a directory made for `object`, once that is attached.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(super) fn of(object: Arc<T>) -> Result<Self> {
        Ok(Self {
            lent: Lent::new(object)?,
            place: Place::Wanted,
        })
    }

    fn are_wanted(&self) -> bool {
        matches!(self.place, Place::Wanted)
    }
}

/// A directory that shows nothing any more.
pub(super) enum Closed {
    Source(KBox<SourceDirectory>),
    Vm(KBox<VmDirectory>),
}

/// Directories that are to be removed.
///
/// # Invariants
///
/// There is room for those of all sources and VMs that are attached.
pub(super) struct Removals(KVVec<Closed>);

impl Removals {
    /// None so far.
    pub(super) const fn new() -> Self {
        Self(KVVec::new())
    }

    /// Makes room for one more source, and one more VM, beside `attached` others.
    pub(super) fn reserve(&mut self, attached: usize) -> Result {
        Ok(self.0.reserve(attached.saturating_add(2), GFP_KERNEL)?)
    }

    /// Closes the directory of what is not attached any more: from here on reads and writes fail
    /// with `ENODEV`.
    pub(super) fn add<T, D>(&mut self, files: Files<T, D>, closed: fn(KBox<D>) -> Closed) {
        files.lent.take_back();
        if let Place::There(directory) = files.place {
            // There is room by the invariants.
            let _ = self.0.push_within_capacity(closed(directory));
        }
    }
}

/// Something that is to be done.
enum Change {
    Remove(Closed),
    ShowVm(Arc<Tree>, Arc<Lent<Vm>>, VmId, u32),
    ShowSource(Arc<Tree>, Arc<Lent<Source>>, u32),
}

impl Attached {
    /// Returns what is to be done next.
    ///
    /// What is removed may have the name of what is to be shown, so it goes first. A VM's directory
    /// is there before its sources' are.
    fn next_change(&mut self) -> Option<Change> {
        if let Some(closed) = self.removals.0.pop() {
            return Some(Change::Remove(closed));
        }
        let tree = self.tree.clone()?;
        if let Some(known) = self.vms.iter().find(|known| known.files.are_wanted()) {
            let (id, vcpus) = (known.vm.id(), known.vm.vcpus());
            return Some(Change::ShowVm(tree, known.files.lent.clone(), id, vcpus));
        }
        self.sources
            .iter()
            .find(|attached| attached.files.are_wanted())
            .map(|attached| {
                let irq = attached.source.key().irq;
                Change::ShowSource(tree, attached.files.lent.clone(), irq)
            })
    }
}

impl Change {
    /// Does it. What has no place any more when it has been made goes with no lock held.
    fn make(self) {
        match self {
            Self::Remove(Closed::Source(directory)) => drop(directory),
            Self::Remove(Closed::Vm(directory)) => drop(directory),
            Self::ShowVm(tree, lent, id, vcpus) => {
                let made = tree.add_vm(&lent, id, vcpus);
                let mut place = come_of(made, fmt!("vm {}", id));
                let mut attached = ATTACHED.lock();
                put(
                    attached.vms.iter_mut().map(|known| &mut known.files),
                    &lent,
                    &mut place,
                );
            }
            Self::ShowSource(tree, lent, irq) => {
                let made = tree.add_source(&lent, irq);
                let mut place = come_of(made, fmt!("irq {}", irq));
                let mut attached = ATTACHED.lock();
                put(
                    attached.sources.iter_mut().map(|known| &mut known.files),
                    &lent,
                    &mut place,
                );
            }
        }
    }
}

/// Returns what has come of making a directory. Without one, which the log tells, things work too.
fn come_of<D>(made: Result<D>, name: fmt::Arguments<'_>) -> Place<D> {
    match made.and_then(|directory| Ok(KBox::new(directory, GFP_KERNEL)?)) {
        Ok(directory) => Place::There(directory),
        Err(error) => {
            pr_warn!("{}: no directory: {:?}\n", name, error);
            Place::Missing
        }
    }
}

/// Puts the directory that `lent` was lent to where it belongs, unless that has gone meanwhile.
fn put<'a, T: 'a, D: 'a>(
    mut all: impl Iterator<Item = &'a mut Files<T, D>>,
    lent: &Arc<Lent<T>>,
    place: &mut Place<D>,
) {
    if let Some(files) = all.find(|files| Arc::ptr_eq(&files.lent, lent)) {
        core::mem::swap(&mut files.place, place);
    }
}

/// Removes the directories of what has gone, and makes those of what has come.
///
/// Context: process, with no lock held that others wait for; in one work item only, so that no two
/// directories meet that have the same name.
pub(crate) fn update() {
    loop {
        let change = ATTACHED.lock().next_change();
        match change {
            Some(change) => change.make(),
            None => return,
        }
    }
}
