// SPDX-License-Identifier: GPL-2.0

//! Errands: what hard interrupts, probes and files leave to be done in process context.
//!
//! They have a workqueue of their own, so that all that was left can be waited for. What is left to
//! look for is one work item; what is left for a VM is one of that VM's, for it may have to wait for
//! the VM (`vm.rs`).

use crate::workqueue::{
    self,
    OwnQueue, //
};
use kernel::{
    impl_has_work, new_work,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        Arc, //
    },
    workqueue::{
        RawWorkItem,
        Work,
        WorkItem, //
    },
};

/// Where errands are left.
#[pin_data]
pub(crate) struct Errands {
    #[pin]
    work: Work<Errands>,
    stopped: Atomic<bool>,
    look: fn(&Arc<Errands>),
    queue: OwnQueue,
}

impl_has_work! {
    impl HasWork<Self> for Errands { self.work }
}

impl WorkItem for Errands {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if !this.stopped.load(Acquire) {
            (this.look)(&this);
        }
    }
}

impl Errands {
    /// Creates the workqueue, on which `look` looks for what may have changed.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(look: fn(&Arc<Self>)) -> Result<Arc<Self>> {
        let queue = OwnQueue::new()?;

        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("volley_errands"),
                stopped: Atomic::new(false),
                look,
                queue,
            }),
            GFP_KERNEL,
        )
    }

    /// Has it looked soon for what has changed. Context: any.
    pub(crate) fn leave_look(self: &Arc<Self>) {
        self.leave(self.clone());
    }

    /// Has a work item run soon, once more if it is running. Context: any; nothing is dropped here
    /// if the caller has another reference.
    pub(crate) fn leave<W>(&self, item: W)
    where
        W: RawWorkItem<0> + Send + 'static,
    {
        // If it is queued already, that will do: it has not begun, and sees what was done before.
        let _ = self.queue.enqueue(item);
    }

    /// Waits until what was left to look for has been looked for. Context: process.
    pub(crate) fn finish(&self) {
        workqueue::wait_for(&self.work);
    }

    /// Has nothing looked for any more, and waits for what is being done. Context: process.
    pub(crate) fn stop(&self) {
        let _ = self.stopped.xchg(true, Full);
        self.finish();
    }

    /// Waits until all that was left by now has been done. Context: process.
    pub(crate) fn finish_all(&self) {
        self.queue.wait();
    }
}
