// SPDX-License-Identifier: GPL-2.0

//! Errands: what hard interrupts, probes and files leave to be done in process context.

use kernel::{
    bindings, impl_has_work, new_work,
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
        Queue,
        Work,
        WorkItem, //
    },
};

/// What there may be to do.
#[derive(Clone, Copy)]
pub(crate) enum Errand {
    /// Pairs may have been connected, or lines be wanted that were not.
    Connections,
    /// Sources have something that a hard interrupt could not do.
    Sources,
}

/// Does what was left to be done. Context: process, in a work item.
pub(crate) trait Run {
    /// Does all errands of this kind.
    fn run(errands: &Arc<Errands>, errand: Errand);
}

/// A work item that runs once more whenever there is something to do.
#[pin_data]
pub(crate) struct Errands {
    #[pin]
    work: Work<Errands>,
    connections: Atomic<bool>,
    sources: Atomic<bool>,
    stopped: Atomic<bool>,
    run: fn(&Arc<Errands>, Errand),
}

impl_has_work! {
    impl HasWork<Self> for Errands { self.work }
}

impl WorkItem for Errands {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        for errand in [Errand::Connections, Errand::Sources] {
            let due = this.flag(errand).xchg(false, Full);
            if due && !this.stopped.load(Acquire) {
                (this.run)(&this, errand);
            }
        }
    }
}

impl Errands {
    /// Creates the work item, which leaves everything to `R`.
    pub(crate) fn new<R: Run>() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("volley_errands"),
                connections: Atomic::new(false),
                sources: Atomic::new(false),
                stopped: Atomic::new(false),
                run: R::run,
            }),
            GFP_KERNEL,
        )
    }

    fn flag(&self, errand: Errand) -> &Atomic<bool> {
        match errand {
            Errand::Connections => &self.connections,
            Errand::Sources => &self.sources,
        }
    }

    /// Has `errand` done soon. Context: any.
    pub(crate) fn leave(self: &Arc<Self>, errand: Errand) {
        // A full barrier: if the work item is queued already, it sees this when it runs.
        let _ = self.flag(errand).xchg(true, Full);
        // SAFETY: The kernel's own workqueue is set up during boot and never goes. The abstraction
        // has no name for this one yet, only for one that is deprecated.
        let queue = unsafe { Queue::from_raw(bindings::system_dfl_wq) };
        // If it is queued already, that will do. The reference given back then is not the last.
        let _ = queue.enqueue(self.clone());
    }

    /// Waits until what was left has been done. Context: process.
    pub(crate) fn finish(&self) {
        // SAFETY: The work item is part of `self`.
        unsafe { bindings::flush_work(Work::raw_get(&raw const self.work)) };
    }

    /// Has nothing done any more, and waits for what is being done. Context: process.
    pub(crate) fn stop(&self) {
        let _ = self.stopped.xchg(true, Full);
        self.finish();
    }
}
