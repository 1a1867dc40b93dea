// SPDX-License-Identifier: GPL-2.0

//! The sources of a VM, and what became of the arrivals of those that it had.

use crate::{
    source::Source,
    stats::Fates, //
};
use core::mem::swap;
use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{
        Arc,
        Mutex,
        SpinLock, //
    },
};

/// What the lock protects.
struct Lists {
    present: KVVec<Arc<Source>>,
    /// Gone, but for what hard interrupts have left to be done. There is room for all that are
    /// present as well.
    leaving: KVVec<Arc<Source>>,
    /// What became of the arrivals of those that are gone.
    gone: Fates,
}

/// The sources of a VM.
///
/// The VM stands still while one is added or removed, and everybody may read its counters. Under a
/// spinlock no reader can be made to wait for its turn on a CPU, however low its priority is; but on
/// PREEMPT_RT it can, unless whoever waits for it has a real-time priority, which it then gets.
#[pin_data]
pub(super) struct Sources {
    #[pin]
    lists: SpinLock<Lists>,
    /// Who reads counters comes one by one: whoever adds or removes a source waits for one of them
    /// at most, however many there are.
    #[pin]
    readers: Mutex<()>,
}

impl Sources {
    /// Creates lists without sources.
    pub(super) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            lists <- new_spinlock!(Lists {
                present: KVVec::new(),
                leaving: KVVec::new(),
                gone: Fates::new(),
            }),
            readers <- new_mutex!(()),
        })
    }

    /// Adds `source`, once it has been made `ready` with the lists locked.
    ///
    /// Context: process, sleeps; one source is added or removed at a time.
    pub(super) fn add(&self, source: Arc<Source>, ready: impl FnOnce(&Source)) -> Result {
        self.reserve()?;
        let mut lists = self.lists.lock();
        ready(&source);
        // There is room.
        Ok(lists.present.push_within_capacity(source)?)
    }

    /// Makes room for one more source in both lists.
    fn reserve(&self) -> Result {
        let (room, room_leaving) = {
            let lists = self.lists.lock();
            let room = lists.present.len().saturating_add(1);
            let room_leaving = lists.leaving.len().saturating_add(room);

            if room <= lists.present.capacity() && room_leaving <= lists.leaving.capacity() {
                return Ok(());
            }
            (room, room_leaving)
        };
        // Twice that, so that a thousand sources are not moved a thousand times. The lists do not
        // grow meanwhile: only who calls this adds to them, or removes.
        let mut present = KVVec::with_capacity(room.saturating_mul(2), GFP_KERNEL)?;
        let mut leaving = KVVec::with_capacity(room_leaving.saturating_mul(2), GFP_KERNEL)?;

        // What there was is freed once the lock is not held any more.
        let mut lists = self.lists.lock();
        move_all(&mut lists.present, &mut present);
        move_all(&mut lists.leaving, &mut leaving);
        Ok(())
    }

    /// Removes `source`; what became of its arrivals is still counted.
    pub(super) fn remove(&self, source: &Arc<Source>) {
        let mut lists = self.lists.lock();
        let Lists {
            present,
            leaving,
            gone,
        } = &mut *lists;

        if let Some(at) = present.iter().position(|other| Arc::ptr_eq(other, source)) {
            gone.absorb(&source.fates);
            if let Ok(source) = present.remove(at) {
                if source.has_errands() {
                    // There is room. The work item has not come to it yet, so it will.
                    let _ = leaving.push_within_capacity(source);
                }
            }
        }
    }

    /// Returns a source for which hard interrupts have left something to be done.
    pub(super) fn next_with_errands(&self) -> Option<Arc<Source>> {
        let mut lists = self.lists.lock();

        if let Some(leaving) = lists.leaving.pop() {
            return Some(leaving);
        }
        let at = lists
            .present
            .iter()
            .position(|source| source.has_errands())?;
        // The others come before it is looked at again.
        let source = lists.present.remove(at).ok()?;
        // There is room: it was there.
        let _ = lists.present.push_within_capacity(source.clone());
        Some(source)
    }

    /// Returns whether there is one.
    pub(super) fn any(&self) -> bool {
        !self.lists.lock().present.is_empty()
    }

    /// Calls `change` with all that are present, and the lists locked.
    pub(super) fn change(&self, change: impl FnOnce(&[Arc<Source>])) {
        change(&self.lists.lock().present);
    }

    /// Returns the sum of one count of all sources that are present or gone. Context: process,
    /// sleeps.
    pub(super) fn sum(&self, count: impl Fn(&Fates) -> u64) -> u64 {
        let _one_by_one = self.readers.lock();
        let lists = self.lists.lock();

        lists
            .present
            .iter()
            .fold(count(&lists.gone), |sum, source| {
                count(&source.fates).wrapping_add(sum)
            })
    }
}

/// Moves all of `list` into `empty`, which has room for it, and makes that the list.
fn move_all(list: &mut KVVec<Arc<Source>>, empty: &mut KVVec<Arc<Source>>) {
    for source in list.drain_all() {
        // There is room.
        let _ = empty.push_within_capacity(source);
    }
    swap(list, empty);
}
