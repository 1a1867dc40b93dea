// SPDX-License-Identifier: GPL-2.0

//! The registry: from an interrupt number to the source that processes it.
//!
//! Two numbers name the same interrupt on the host: the Linux IRQ number, which a flow handler is
//! called with, and the INTID, which the GIC's CPU interface gives when a burst is received. Both
//! are looked up in a radix table of fixed depth: three dependent loads for any 32-bit number, no
//! lock and no write. The kernel's XArray would do the same with more instructions and, from Rust,
//! only under its lock.
//!
//! Writers are serialised by [`Serialised`]; readers are hard interrupt handlers, so a withdrawn
//! source is out of use once an RCU grace period has passed.

use crate::{
    context::{
        HardIrq,
        Serialised, //
    },
    once::Once,
    source::Source, //
};
use core::ptr::null_mut;
use kernel::{
    alloc::KVVec,
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed,
            Release, //
        },
        Arc, //
    },
};

/// Index bits resolved by the root, which lives in the module's data.
const ROOT_BITS: u32 = 10;
/// Index bits resolved by each of the two lower levels, which are allocated when first needed.
const NODE_BITS: u32 = 11;

const ROOT_SLOTS: usize = 1 << ROOT_BITS;
const NODE_SLOTS: usize = 1 << NODE_BITS;

/// One allocated level of a [`Table`].
struct Node<T> {
    slots: KVVec<Atomic<*mut T>>,
}

impl<T> Node<T> {
    fn new() -> Result<KBox<Self>> {
        let mut slots = KVVec::with_capacity(NODE_SLOTS, GFP_KERNEL)?;
        for _ in 0..NODE_SLOTS {
            slots.push(Atomic::new(null_mut()), GFP_KERNEL)?;
        }
        Ok(KBox::new(Self { slots }, GFP_KERNEL)?)
    }
}

/// A map from any 32-bit number to a pointer, read without a lock.
///
/// # Invariants
///
/// Every non-null node pointer is from `KBox::into_raw` and is freed only by [`Table::clear`].
struct Table<T> {
    root: [Atomic<*mut Node<Node<T>>>; ROOT_SLOTS],
}

impl<T> Table<T> {
    const fn new() -> Self {
        Self {
            root: [const { Atomic::new(null_mut()) }; ROOT_SLOTS],
        }
    }

    /// Splits `index` into the slots of the three levels.
    #[inline(always)]
    const fn split(index: u32) -> (usize, usize, usize) {
        let mask = NODE_SLOTS - 1;
        let index = index as usize;
        (
            index >> (2 * NODE_BITS),
            (index >> NODE_BITS) & mask,
            index & mask,
        )
    }

    /// Returns the slot of `index`, if all levels above it exist.
    #[inline(always)]
    fn slot(&self, index: u32) -> Option<&Atomic<*mut T>> {
        let (top, middle, bottom) = Self::split(index);
        let node = self.root.get(top)?.read_once();
        // SAFETY: By the type invariants a non-null node lives until `clear`, which excludes us.
        let node = unsafe { node.as_ref() }?.slots.get(middle)?.read_once();
        // SAFETY: As above.
        unsafe { node.as_ref() }?.slots.get(bottom)
    }

    /// Makes sure that the slot of `index` exists.
    fn reserve(&self, index: u32, _: &Serialised) -> Result {
        let (top, middle, _) = Self::split(index);
        let root = self.root.get(top).ok_or(EINVAL)?;
        if root.load(Relaxed).is_null() {
            // INVARIANT: The pointer is from `KBox::into_raw`.
            root.store(KBox::into_raw(Node::new()?), Release);
        }
        // SAFETY: The node is not null, and lives by the type invariants.
        let node = unsafe { &*root.load(Relaxed) };
        let slot = node.slots.get(middle).ok_or(EINVAL)?;
        if slot.load(Relaxed).is_null() {
            // INVARIANT: The pointer is from `KBox::into_raw`.
            slot.store(KBox::into_raw(Node::new()?), Release);
        }
        Ok(())
    }

    /// Frees all nodes.
    ///
    /// # Safety
    ///
    /// There must be no reader and no writer, now or later.
    unsafe fn clear(&self) {
        for root in &self.root {
            let node = root.xchg(null_mut(), Relaxed);
            if node.is_null() {
                continue;
            }
            // SAFETY: By the type invariants the node is from `KBox::into_raw`; the exchange made
            // us its only owner.
            let node = unsafe { KBox::from_raw(node) };
            for slot in &node.slots {
                let leaf = slot.load(Relaxed);
                if !leaf.is_null() {
                    // SAFETY: As above; the node that pointed here is ours.
                    drop(unsafe { KBox::from_raw(leaf) });
                }
            }
        }
    }
}

/// What a source needs to be among the [`Withdrawn`].
pub(crate) struct Link(Atomic<*mut Source>);

impl Link {
    pub(crate) const fn new() -> Self {
        Self(Atomic::new(null_mut()))
    }
}

/// Sources that the registry no longer finds, but which handlers may still be using.
///
/// # Invariants
///
/// `first`, and each source linked from there, is from `Arc::into_raw`, and was in the registry
/// before it came here.
#[must_use = "the registry's references on the sources are given back by `quiesce`"]
pub(crate) struct Withdrawn {
    first: *mut Source,
}

/// The numbers a source is found by.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    /// The Linux IRQ number.
    pub(crate) irq: u32,
    /// The INTID at the host's GIC.
    pub(crate) intid: u32,
}

/// The sources of this host, by interrupt number.
///
/// # Invariants
///
/// A non-null entry of `by_irq` is from `Arc::into_raw`, and the entry of `by_intid` for the same
/// source, if any, is the same pointer. Both are nulled before the `Arc` is taken back, and that
/// happens only after a grace period.
pub(crate) struct Registry {
    by_irq: Table<Source>,
    by_intid: Table<Source>,
}

/// The registry that the flow handler consults; it is called with nothing but an IRQ number.
pub(crate) static REGISTRY: Registry = Registry {
    by_irq: Table::new(),
    by_intid: Table::new(),
};

impl Registry {
    /// Finds the source of the Linux IRQ `irq`.
    ///
    /// Context: hard IRQ.
    #[inline(always)]
    pub(crate) fn by_irq<'irq>(&self, irq: u32, _: &'irq HardIrq) -> Option<&'irq Source> {
        // SAFETY: By the type invariants the source outlives this hard interrupt, which `'irq` does
        // not exceed.
        unsafe { self.by_irq.slot(irq)?.read_once().as_ref() }
    }

    /// Finds the source of the host's INTID `intid`.
    ///
    /// Context: hard IRQ.
    #[inline(always)]
    pub(crate) fn by_intid<'irq>(&self, intid: u32, _: &'irq HardIrq) -> Option<&'irq Source> {
        // SAFETY: As in `by_irq`.
        unsafe { self.by_intid.slot(intid)?.read_once().as_ref() }
    }

    /// Is there a source for the Linux IRQ `irq`?
    pub(crate) fn contains(&self, irq: u32, _: &Serialised) -> bool {
        self.by_irq
            .slot(irq)
            .is_some_and(|slot| !slot.load(Relaxed).is_null())
    }

    /// Makes `source` known by its IRQ number, and its INTID reserved.
    ///
    /// # Errors
    ///
    /// `EEXIST` if one of the numbers is taken, `ENOMEM`. Nothing has changed then.
    pub(crate) fn publish(&self, key: Key, source: Arc<Source>, serialised: &Serialised) -> Result {
        self.by_irq.reserve(key.irq, serialised)?;
        self.by_intid.reserve(key.intid, serialised)?;
        let by_irq = self.by_irq.slot(key.irq).ok_or(EINVAL)?;
        let by_intid = self.by_intid.slot(key.intid).ok_or(EINVAL)?;
        if !by_irq.load(Relaxed).is_null() || !by_intid.load(Relaxed).is_null() {
            return Err(EEXIST);
        }
        // INVARIANT: The pointer is from `Arc::into_raw`.
        let source = Arc::into_raw(source).cast_mut();
        by_irq.store(source, Release);
        Ok(())
    }

    /// Makes the source of `key`, which was published, known by its INTID, so that bursts find it.
    pub(crate) fn admit_to_bursts(&self, key: Key, _: &Serialised) {
        if let (Some(by_irq), Some(by_intid)) =
            (self.by_irq.slot(key.irq), self.by_intid.slot(key.intid))
        {
            // INVARIANT: Both entries are the same.
            by_intid.store(by_irq.load(Relaxed), Release);
        }
    }

    /// Makes the source of `key` unknown, and adds it to `withdrawn`.
    pub(crate) fn withdraw(&self, key: Key, withdrawn: &mut Withdrawn, _: &Serialised) {
        let (Some(by_irq), Some(by_intid)) =
            (self.by_irq.slot(key.irq), self.by_intid.slot(key.intid))
        else {
            return;
        };
        by_intid.store(null_mut(), Relaxed);
        let source = by_irq.xchg(null_mut(), Relaxed);
        // SAFETY: By the type invariants it is null or valid: the registry's reference is now ours.
        if let Some(found) = unsafe { source.as_ref() } {
            found.link().0.store(withdrawn.first, Relaxed);
            // INVARIANT: The source is from `Arc::into_raw`, and was in the registry.
            withdrawn.first = source;
        }
    }

    /// Frees the registry's own memory, at unload.
    ///
    /// # Safety
    ///
    /// All sources must have been withdrawn and quiesced, and no flow handler of ours be installed.
    pub(crate) unsafe fn clear(&self) {
        // SAFETY: Without sources and flow handlers there is neither reader nor writer.
        unsafe {
            self.by_irq.clear();
            self.by_intid.clear();
        }
    }
}

impl Withdrawn {
    /// Creates an empty set.
    pub(crate) const fn new() -> Self {
        Self { first: null_mut() }
    }

    /// Waits until no handler uses any of the sources, and gives the registry's references back.
    ///
    /// Context: process, sleeps for an expedited RCU grace period.
    pub(crate) fn quiesce(self) {
        // SAFETY: FFI call without requirements but that the context may sleep.
        unsafe { bindings::synchronize_rcu_expedited() };
        let mut next = self.first;
        while !next.is_null() {
            // SAFETY: By the type invariants the pointer is from `Arc::into_raw`. It was taken out
            // of both tables before the grace period, so no hard interrupt uses it any more.
            let source = unsafe { Arc::from_raw(next.cast_const()) };
            next = source.link().0.load(Relaxed);
        }
    }
}
