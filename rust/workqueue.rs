// SPDX-License-Identifier: GPL-2.0

//! A workqueue of the module's own, the system's, and waiting for work items.
//!
//! The kernel's own abstraction has the system's workqueues only, not by the name of today's default
//! one, and nothing to wait with.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*,
    workqueue::{
        Queue,
        RawWorkItem,
        Work, //
    },
};

/// A workqueue of our own; dropping it waits for what is queued, so not in one of its work items.
///
/// # Invariants
///
/// The workqueue is valid, and only this destroys it.
pub(crate) struct OwnQueue(NonNull<bindings::workqueue_struct>);

// SAFETY: A workqueue may be used, and destroyed, by any thread.
unsafe impl Send for OwnQueue {}
// SAFETY: As above.
unsafe impl Sync for OwnQueue {}

impl OwnQueue {
    /// Creates it, called `name`. Context: process.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(name: &CStr) -> Result<Self> {
        // SAFETY: The name is a string, which is copied.
        let queue = unsafe { crate::bindings::volley_alloc_workqueue(name.as_char_ptr()) };
        // INVARIANT: It was just made.
        NonNull::new(queue.cast()).map(Self).ok_or(ENOMEM)
    }

    /// Has a work item run, once more if it is running; an error if it is queued already. Context:
    /// any.
    pub(crate) fn enqueue<W, const ID: u64>(&self, item: W) -> W::EnqueueOutput
    where
        W: RawWorkItem<ID> + Send + 'static,
    {
        // SAFETY: By the type invariants it is valid for as long as it is borrowed here.
        unsafe { Queue::from_raw(self.0.as_ptr()) }.enqueue(item)
    }

    /// Waits until all that was queued by now has been done. Context: process.
    pub(crate) fn wait(&self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::__flush_workqueue(self.0.as_ptr()) };
    }
}

impl Drop for OwnQueue {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}

/// Returns the system's default workqueue. Context: any.
pub(crate) fn system() -> &'static Queue {
    // SAFETY: The kernel has made it before there are modules, and never destroys it.
    unsafe { Queue::from_raw(bindings::system_dfl_wq) }
}

/// Waits until a work item neither is queued nor runs, as it was queued by now. Context: process.
pub(crate) fn wait_for<T, const ID: u64>(work: &Work<T, ID>) {
    // SAFETY: A work item that can be borrowed is set up, and stays valid for as long as it is.
    unsafe { bindings::flush_work(Work::raw_get(work)) };
}
