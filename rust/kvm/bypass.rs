// SPDX-License-Identifier: GPL-2.0

//! Connected pairs of the IRQ bypass manager: where sources are found, and how their end is seen.
//!
//! The manager connects a producer (a VFIO vector, which knows its host IRQ) with a consumer (an
//! irqfd, which knows its VM). Three things of it are used:
//!
//! - its lock, by connecting a pair of our own: the consumer's callback runs under it. Within,
//!   nothing is connected or disconnected, so pairs can be looked at, and attached;
//! - the producer's optional `del_consumer` callback, which VFIO leaves empty, to be called when a
//!   pair that is attached is disconnected: always, in process context, under the lock;
//! - a probe on the function that KVM has called when a pair is connected, which only tells that
//!   it is time to look. If it were missed, a source would stay on the stock path.
//!
//! C header: [`include/linux/irqbypass.h`](srctree/include/linux/irqbypass.h)

use super::{
    probe::{
        Probe,
        Probed, //
    },
    route::Route,
    symbols::Symbols,
    vm::VmRef, //
};
use crate::{
    bindings as volley_bindings,
    context::Serialised, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    container_of,
    error::to_result,
    prelude::*, //
};

/// A connected pair: a host IRQ, and the irqfd of a VM that it leads to.
///
/// # Invariants
///
/// While the manager's lock is held that the pair was found under, producer and irqfd are valid and
/// connected with each other.
pub(crate) struct Pair {
    producer: NonNull<volley_bindings::irq_bypass_producer>,
    irqfd: NonNull<volley_bindings::kvm_kernel_irqfd>,
}

impl Pair {
    /// Finds all pairs of this host, by way of every VM's irqfds.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn collect(serialised: &Serialised) -> Result<KVVec<Pair>> {
        let symbols = Symbols::get()?;
        let mut pairs = KVVec::new();

        // SAFETY: By the invariants of `Symbols` this is a mutex.
        unsafe { bindings::mutex_lock(symbols.kvm_lock.as_ptr()) };
        // SAFETY: The lock of the list of VMs was just taken.
        let result = unsafe { Self::collect_locked(symbols, &mut pairs, serialised) };
        // SAFETY: It was taken above.
        unsafe { bindings::mutex_unlock(symbols.kvm_lock.as_ptr()) };
        result.map(|()| pairs)
    }

    /// See [`Pair::collect`].
    ///
    /// # Safety
    ///
    /// `kvm_lock` must be held.
    unsafe fn collect_locked(
        symbols: &Symbols,
        pairs: &mut KVVec<Pair>,
        serialised: &Serialised,
    ) -> Result {
        let head = symbols.vm_list.as_ptr();
        // SAFETY: By the safety requirements neither the list nor its VMs change.
        let mut entry = unsafe { (*head).next };
        while entry != head {
            let kvm: *mut volley_bindings::kvm = {
                let entry = entry.cast::<volley_bindings::list_head>();
                // SAFETY: Every entry of this list is embedded in a VM.
                unsafe { container_of!(entry, volley_bindings::kvm, vm_list) }
            };
            // SAFETY: The VM is valid while it is on the list, whose lock is held.
            unsafe { Self::collect_vm(kvm, pairs, serialised)? };
            // SAFETY: As above.
            entry = unsafe { (*entry).next };
        }
        Ok(())
    }

    /// Adds the pairs of one VM.
    ///
    /// # Safety
    ///
    /// `kvm` must be valid.
    unsafe fn collect_vm(
        kvm: *mut volley_bindings::kvm,
        pairs: &mut KVVec<Pair>,
        _: &Serialised,
    ) -> Result {
        // Memory is reserved outside of the spinlock, so the irqfds are counted first, and again if
        // there are more by then.
        loop {
            let room = pairs.capacity() - pairs.len();
            let mut found = 0;

            // SAFETY: `kvm` is valid.
            unsafe { volley_bindings::volley_kvm_lock_irqfds(kvm) };
            // SAFETY: As above; the list is under the lock just taken.
            let head = unsafe { &raw mut (*kvm).irqfds.items };
            // SAFETY: As above.
            let mut entry = unsafe { (*head).next };
            while entry != head {
                // SAFETY: Every entry of this list is embedded in an irqfd.
                let irqfd: *mut volley_bindings::kvm_kernel_irqfd =
                    unsafe { container_of!(entry, volley_bindings::kvm_kernel_irqfd, list) };
                // SAFETY: The irqfd is on the list. Who its producer is changes under the manager's
                // lock only, which `Serialised` stands for.
                let producer = unsafe { (*irqfd).consumer.producer };
                if let (Some(producer), Some(irqfd)) = (NonNull::new(producer), NonNull::new(irqfd))
                {
                    found += 1;
                    if found <= room {
                        // INVARIANT: They are connected, and remain so under the manager's lock.
                        // There is room for it, so this allocates nothing.
                        let _ = pairs.push_within_capacity(Pair { producer, irqfd });
                    }
                }
                // SAFETY: As above.
                entry = unsafe { (*entry).next };
            }
            // SAFETY: The lock was taken above.
            unsafe { volley_bindings::volley_kvm_unlock_irqfds(kvm) };

            if found <= room {
                return Ok(());
            }
            pairs.truncate(pairs.len() - room);
            pairs.reserve(found, GFP_KERNEL)?;
        }
    }

    /// Returns the host IRQ.
    pub(crate) fn irq(&self) -> u32 {
        // SAFETY: By the type invariants.
        u32::try_from(unsafe { (*self.producer.as_ptr()).irq }).unwrap_or(u32::MAX)
    }

    /// Returns the route through the irqfd.
    ///
    /// # Safety
    ///
    /// Every user of the route must be gone before the pair is disconnected.
    pub(crate) unsafe fn route(&self) -> Route {
        // SAFETY: The pair is connected; the rest is the caller's promise.
        unsafe { Route::new(self.irqfd) }
    }

    /// Returns a reference on the VM, unless it is being destroyed.
    pub(crate) fn vm(&self, _: &Serialised) -> Option<VmRef> {
        // SAFETY: The route is used here only, where the pair is connected.
        unsafe { self.route() }.vm()
    }

    /// Has `H` told when the pair is disconnected.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the producer has a callback of its own in the place that is needed.
    pub(crate) fn watch<H: Hooks>(&self, _: &Serialised) -> Result<Watch> {
        let producer = self.producer.as_ptr();
        // SAFETY: The producer is valid by the type invariants, and only looked at and changed with
        // the manager's lock held.
        unsafe {
            if (*producer).del_consumer.is_some() {
                return Err(EBUSY);
            }
            (*producer).del_consumer = Some(disconnected::<H>);
        }
        // INVARIANT: The callback has just been set.
        Ok(Watch {
            producer: self.producer,
        })
    }
}

/// What is told about connections.
pub(crate) trait Hooks {
    /// The pair of the host IRQ `irq` is being disconnected.
    ///
    /// Once this returns its irqfd may go. Context: process, may sleep.
    fn disconnected(irq: u32, serialised: &Serialised);
}

/// A pair whose disconnection is told.
///
/// # Invariants
///
/// Until the pair is disconnected, the producer is valid, and its `del_consumer` is ours.
pub(crate) struct Watch {
    producer: NonNull<volley_bindings::irq_bypass_producer>,
}

// SAFETY: A producer belongs to no thread.
unsafe impl Send for Watch {}

impl Watch {
    /// Ends the watch of a pair that is still connected.
    ///
    /// # Safety
    ///
    /// `Hooks::disconnected` must not have been called for the pair.
    pub(crate) unsafe fn end(self, _: &Serialised) {
        // SAFETY: By the type invariants, as the pair is connected by the safety requirements.
        unsafe { (*self.producer.as_ptr()).del_consumer = None };
    }
}

/// The producer's `del_consumer` callback, once KVM's own has run.
///
/// # Safety
///
/// To be called by the IRQ bypass manager only.
unsafe extern "C" fn disconnected<H: Hooks>(
    producer: *mut volley_bindings::irq_bypass_producer,
    _: *mut volley_bindings::irq_bypass_consumer,
) {
    // SAFETY: The manager holds its lock.
    let serialised = unsafe { Serialised::new() };
    // SAFETY: The producer is valid, and the lock is held. It may be connected again, which is no
    // business of ours unless it is attached again.
    let irq = unsafe {
        (*producer).del_consumer = None;
        (*producer).irq
    };
    if let Ok(irq) = u32::try_from(irq) {
        H::disconnected(irq, &serialised);
    }
}

/// A closure, and what came of it.
struct Locked<'a> {
    run: &'a mut dyn FnMut(&Serialised) -> Result,
    result: Result,
    consumer: volley_bindings::irq_bypass_consumer,
}

/// Runs `run` with the lock of the IRQ bypass manager held. Context: process.
pub(crate) fn with_manager_locked(run: &mut dyn FnMut(&Serialised) -> Result) -> Result {
    /// Our consumer's `add_producer` callback: called with the lock held.
    ///
    /// # Safety
    ///
    /// To be called by the IRQ bypass manager only, for the consumer of a [`Locked`].
    unsafe extern "C" fn locked(
        consumer: *mut volley_bindings::irq_bypass_consumer,
        _: *mut volley_bindings::irq_bypass_producer,
    ) -> c_int {
        // SAFETY: Ours is the only consumer with this callback, and nobody else has a reference to
        // what it is embedded in.
        let locked = unsafe { &mut *container_of!(consumer, Locked<'_>, consumer) };
        // SAFETY: The manager calls this with its lock held.
        let serialised = unsafe { Serialised::new() };
        locked.result = (locked.run)(&serialised);
        0
    }

    /// Our consumer's `del_producer` callback, which the manager insists on.
    ///
    /// # Safety
    ///
    /// None; it is called from C.
    unsafe extern "C" fn unlocked(
        _: *mut volley_bindings::irq_bypass_consumer,
        _: *mut volley_bindings::irq_bypass_producer,
    ) {
    }

    let mut locked = Locked {
        run,
        result: Ok(()),
        consumer: volley_bindings::irq_bypass_consumer {
            add_producer: Some(locked),
            del_producer: Some(unlocked),
            ..Default::default()
        },
    };
    let locked = &raw mut locked;
    let mut producer = volley_bindings::irq_bypass_producer::default();
    let producer = &raw mut producer;
    // What pairs are matched by: an eventfd, of which only the address counts, so that of our
    // consumer does as well, and nobody else can have it.
    let token = locked.cast::<volley_bindings::eventfd_ctx>();

    // SAFETY: Both are unregistered before they go; a failed registration needs no undoing.
    // `locked` is reached through this pointer only from here on.
    unsafe {
        let consumer = &raw mut (*locked).consumer;
        to_result(volley_bindings::irq_bypass_register_consumer(
            consumer, token,
        ))?;
        let registered = to_result(volley_bindings::irq_bypass_register_producer(
            producer, token, -1,
        ));
        volley_bindings::irq_bypass_unregister_producer(producer);
        volley_bindings::irq_bypass_unregister_consumer(consumer);
        registered.and((*locked).result)
    }
}

/// Who is told that a pair is being connected.
pub(crate) trait Connected: Send + Sync + 'static {
    /// A pair is being connected, and will be once the manager's lock can be had.
    ///
    /// Context: process, preemption off.
    fn connected(&self);
}

/// A probe that tells when KVM connects a pair.
pub(crate) struct ConnectProbe<T: Connected> {
    _probe: Pin<KBox<Probe<Connecting<T>>>>,
}

impl<T: Connected> ConnectProbe<T> {
    /// Has `told` told whenever a pair is being connected.
    pub(crate) fn new(told: T) -> Result<Self> {
        Ok(Self {
            _probe: Probe::new(Connecting(told))?,
        })
    }
}

/// What KVM calls to connect a pair.
struct Connecting<T>(T);

impl<T: Connected> Probed for Connecting<T> {
    const FUNCTION: &'static CStr = c"kvm_arch_irq_bypass_add_producer";

    unsafe fn entered(&self, _: *mut c_void) {
        self.0.connected();
    }
}
