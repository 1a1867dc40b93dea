// SPDX-License-Identifier: GPL-2.0

//! The handlers that other modules have registered.

use super::external::{
    External,
    Target, //
};
use crate::source::Source;
use kernel::{
    bindings,
    prelude::*,
    sync::Arc, //
};

/// What a module is given for a registration: a number, which is only compared.
///
/// No two registrations have the same: one that has ended is never taken for another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle(usize);

impl Handle {
    /// No registration has this one.
    pub(crate) const NONE: Self = Self(0);

    /// Returns what a module is given.
    pub(crate) const fn to_number(self) -> usize {
        self.0
    }

    /// Returns what a module gave back, which may be anything.
    pub(crate) fn from_number(number: usize) -> Self {
        Self(number)
    }
}

/// The registered handlers.
///
/// Whoever attaches and detaches sources also has this, under the same lock. What the methods get
/// as `sources` are all sources that are attached.
///
/// # Invariants
///
/// The slot of every source that is attached, and so can be found by a hard interrupt or a reader
/// of its files, is empty or has one of these. A reader may still have one that is not attached any
/// more; its slot is empty.
pub(crate) struct Registrations {
    all: KVec<Arc<External>>,
    /// The number that was given out last. 64 bits are not used up.
    last: usize,
}

/// A handler that is registered no longer, but may still be running.
#[must_use = "the handler may be running until `quiesce` returns"]
pub(crate) struct Removed(Arc<External>);

impl Registrations {
    pub(crate) const fn new() -> Self {
        Self {
            all: KVec::new(),
            last: 0,
        }
    }

    /// Registers `external`, which is called from now on.
    ///
    /// # Errors
    ///
    /// `ENOENT` if there is no source with the IRQ it is for; `EEXIST` if the device it is for, or
    /// a source, has a handler already; `ENOMEM`. Nothing has changed then.
    pub(crate) fn add<'a>(
        &mut self,
        external: External,
        sources: impl Iterator<Item = &'a Source> + Clone,
    ) -> Result<Handle> {
        let handle = Handle(self.last.wrapping_add(1));
        let external = Arc::new(external.registered_as(handle), GFP_KERNEL)?;
        let target = external.target();
        let concerned = sources.filter(|source| source.is_for(target));
        match target {
            Target::Irq(_) if concerned.clone().next().is_none() => return Err(ENOENT),
            Target::Device(_)
                if self
                    .all
                    .iter()
                    .any(|other| same_device(target, other.target())) =>
            {
                return Err(EEXIST)
            }
            _ => {}
        }
        if concerned.clone().any(|source| source.external().is_taken()) {
            return Err(EEXIST);
        }
        self.all.push(external.clone(), GFP_KERNEL)?;
        self.last = handle.0;
        for source in concerned {
            Self::fill(source, &external);
        }
        Ok(handle)
    }

    /// Gives `source`, which is about to be attached, the handler of its device, if there is one.
    pub(crate) fn assign(&self, source: &Source) {
        let of_device = |external: &&Arc<External>| matches!(external.target(), target @ Target::Device(_) if source.is_for(target));
        if let Some(external) = self.all.iter().find(of_device) {
            Self::fill(source, external);
        }
    }

    /// Removes a handler, which is called for no further arrivals.
    ///
    /// `None` if there is no such handler.
    pub(crate) fn remove<'a>(
        &mut self,
        handle: Handle,
        sources: impl Iterator<Item = &'a Source>,
    ) -> Option<Removed> {
        let at = self
            .all
            .iter()
            .position(|external| external.handle() == handle)?;
        let external = self.all.remove(at).ok()?;

        for source in sources.filter(|source| source.external().has(&*external)) {
            source
                .vm()
                .decide_anew(source, || source.external().empty());
        }
        Some(Removed(external))
    }

    /// Returns a handler that is part of the module `owner`, if there is one.
    pub(crate) fn of(&self, owner: *const bindings::module) -> Option<Handle> {
        let of_owner = |external: &&Arc<External>| external.is_of(owner);
        self.all.iter().find(of_owner).map(|found| found.handle())
    }

    /// Has `external`, which is registered, decide on what comes from `source`.
    fn fill(source: &Source, external: &Arc<External>) {
        source.vm().decide_anew(source, || {
            // SAFETY: By the type invariants nobody drops it before `remove` has emptied the slot,
            // and `Removed` waits for a grace period before it does. If the source is detached
            // before that, its slot is emptied then.
            unsafe { source.external().fill(external) };
        });
    }
}

impl Removed {
    /// Waits until the handler is not running any more.
    ///
    /// Context: process, sleeps for an expedited RCU grace period.
    pub(crate) fn quiesce(self) -> Arc<External> {
        // SAFETY: FFI call without requirements but that the context may sleep.
        unsafe { bindings::synchronize_rcu_expedited() };
        self.0
    }
}

/// Returns whether both are for the same device.
fn same_device(one: &Target, other: &Target) -> bool {
    match (one, other) {
        (Target::Device(one), Target::Device(other)) => core::ptr::eq(&**one, &**other),
        _ => false,
    }
}
