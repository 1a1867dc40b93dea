// SPDX-License-Identifier: GPL-2.0

//! Errands: what hard interrupts, probes and files leave to be done in process context.
//!
//! They have workqueues of their own, so that all that was left can be waited for. What is left to
//! look for is one work item. What is to be done about files is another, for it may have to wait for
//! all of sysfs. What is left for a VM is one of that VM's, for it may have to wait for the VM
//! (`vm.rs`); those have a workqueue of their own, for one runs only so many items at a time, and these
//! may block.

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
    #[pin]
    files_work: Work<Errands, 1>,
    update_files: fn(),
    queue: OwnQueue,
    of_vms: OwnQueue,
}

impl_has_work! {
    impl HasWork<Self> for Errands { self.work }
    impl HasWork<Self, 1> for Errands { self.files_work }
}

impl WorkItem for Errands {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if !this.stopped.load(Acquire) {
            (this.look)(&this);
        }
    }
}

impl WorkItem<1> for Errands {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        if !this.stopped.load(Acquire) {
            (this.update_files)();
        }
    }
}

impl Errands {
    /// Creates the workqueues; `look` looks for what may have changed, and `update_files`
    /// has the files follow.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(look: fn(&Arc<Self>), update_files: fn()) -> Result<Arc<Self>> {
        let queue = OwnQueue::new(c"volley")?;
        let of_vms = OwnQueue::new(c"volley_vms")?;

        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("volley_errands"),
                stopped: Atomic::new(false),
                look,
                files_work <- new_work!("volley_files"),
                update_files,
                queue,
                of_vms,
            }),
            GFP_KERNEL,
        )
    }

    /// Has it looked soon for what has changed. Context: any.
    pub(crate) fn leave_look(self: &Arc<Self>) {
        // If it is queued already, that will do: it has not begun, and sees what was done before.
        let _ = self.queue.enqueue::<_, 0>(self.clone());
    }

    /// Has the files brought up to date soon. Context: any.
    pub(crate) fn leave_files(self: &Arc<Self>) {
        // As above.
        let _ = self.queue.enqueue::<_, 1>(self.clone());
    }

    /// Has a VM's work item run soon, once more if it is running. Context: any; nothing is dropped
    /// here if the caller has another reference.
    pub(crate) fn leave_for_vm<W>(&self, item: W)
    where
        W: RawWorkItem<0> + Send + 'static,
    {
        // As above.
        let _ = self.of_vms.enqueue(item);
    }

    /// Waits until what was left to look for has been looked for, and the files have followed.
    /// Context: process.
    pub(crate) fn finish(&self) {
        workqueue::wait_for(&self.work);
        workqueue::wait_for(&self.files_work);
    }

    /// Has nothing looked for or shown any more, and waits for what is being done. Context: process.
    pub(crate) fn stop(&self) {
        let _ = self.stopped.xchg(true, Full);
        self.finish();
    }

    /// Waits until all that was left by now has been done. Context: process.
    pub(crate) fn finish_all(&self) {
        self.queue.wait();
        self.of_vms.wait();
    }
}
