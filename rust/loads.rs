// SPDX-License-Identifier: GPL-2.0

//! The last step, shown: what KVM loads into the list registers, and what of it came from Volley.
//!
//! ```text
//! somebody turns the event on, or off ---> work item: register the probes, or end them
//! Volley queues an interrupt ------------> mark it
//! KVM has loaded the list registers -----> probe: find the VM, read the marks, fire the event
//! ```
//!
//! While nobody listens there is no probe, and no mark is set.

use crate::{
    kvm::{
        ListRegisters,
        ListRegistersProbe,
        Observe,
        VmKey, //
    },
    rcu_index::RcuIndex,
    trace::{
        self,
        Listened, //
    },
    vm::Vm,
    workqueue, //
};
use kernel::{
    impl_has_work, new_mutex, new_work,
    prelude::*,
    sync::{
        rcu,
        Arc,
        Mutex, //
    },
    workqueue::{
        Work,
        WorkItem, //
    },
};

/// What is needed to show loads.
#[pin_data]
pub(crate) struct Loads {
    #[pin]
    work: Work<Loads>,
    /// There while somebody listens. It refers back to this, so it must be ended by `Listening`.
    #[pin]
    probe: Mutex<Option<ListRegistersProbe<Arc<Loads>>>>,
    /// The VMs that have sources.
    #[pin]
    vms: RcuIndex<Vm>,
}

/// The time during which somebody can listen; dropping it ends that.
pub(crate) struct Listening {
    loads: Arc<Loads>,
    listened: Option<Listened>,
}

/// A VM whose loads are shown; dropping it ends that.
pub(crate) struct ShownLoads {
    loads: Arc<Loads>,
    vm: VmKey,
}

impl_has_work! {
    impl HasWork<Self> for Loads { self.work }
}

impl WorkItem for Loads {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        this.follow();
    }
}

impl Loads {
    /// Creates what is needed; nothing is shown yet.
    pub(crate) fn new() -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                work <- new_work!("volley_loads"),
                probe <- new_mutex!(None),
                vms <- RcuIndex::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Shows loads whenever somebody listens, from here on.
    pub(crate) fn listen(self: &Arc<Self>) -> Listening {
        Listening {
            loads: self.clone(),
            listened: Some(Listened::new(self.clone())),
        }
    }

    /// Shows the loads of `vm`, a VM that is not shown yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn show(self: &Arc<Self>, vm: &Arc<Vm>) -> Result<ShownLoads> {
        let key = vm.kvm().key();
        self.vms.insert(key.number(), vm.clone())?;
        Ok(ShownLoads {
            loads: self.clone(),
            vm: key,
        })
    }

    /// Somebody has begun to listen, or the last one has ceased to.
    ///
    /// It is not from here that the probes can be registered: the caller holds the lock of the
    /// tracepoints, which the function graph tracer takes with that of ftrace held. Context: any.
    pub(crate) fn listeners_changed(self: &Arc<Self>) {
        // If it is queued already, that will do.
        let _ = workqueue::system().enqueue(self.clone());
    }

    /// Registers the probes if somebody listens, or ends them.
    fn follow(self: &Arc<Self>) {
        let mut probe = self.probe.lock();
        match (trace::somebody_listens(), probe.is_some()) {
            (true, false) => match ListRegistersProbe::new(self.clone()) {
                Ok(new) => *probe = Some(new),
                Err(error) => pr_warn!("cannot show list registers: {:?}\n", error),
            },
            (false, true) => self.end(&mut probe),
            _ => {}
        }
    }

    /// Ends the probes, and forgets all marks.
    fn end(&self, probe: &mut Option<ListRegistersProbe<Arc<Self>>>) {
        // This waits for a grace period, and so for whoever was setting a mark.
        *probe = None;
        self.vms.for_each(|vm| vm.marks().clear());
    }
}

impl Observe for Arc<Loads> {
    fn loaded(&self, vm: VmKey, vcpu: u32, registers: &ListRegisters) {
        let guard = rcu::read_lock();
        let Some(vm) = self.vms.find(vm.number(), &guard) else {
            return;
        };
        // CAST: At most 16.
        let loaded = registers.intids.iter().take(registers.count as usize);
        let ours = loaded.filter(|intid| vm.marks().loaded(**intid)).count();
        // CAST: As above.
        trace::trace_list_registers_loaded(vm.id(), vcpu, registers, ours as u32);
    }

    fn returned(&self, vm: VmKey, registers: &ListRegisters) {
        let guard = rcu::read_lock();
        let Some(vm) = self.vms.find(vm.number(), &guard) else {
            return;
        };
        // CAST: As above.
        let loaded = registers.intids.iter().take(registers.count as usize);
        for (number, intid) in (0u32..).zip(loaded) {
            if registers.pending & 1u32.wrapping_shl(number) == 0 {
                vm.marks().taken(*intid);
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // From here on nobody queues the work item.
        self.listened = None;
        workqueue::wait_for(&self.loads.work);
        self.loads.end(&mut self.loads.probe.lock());
    }
}

impl Drop for ShownLoads {
    fn drop(&mut self) {
        self.loads.vms.remove(self.vm.number());
    }
}
