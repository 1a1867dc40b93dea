// SPDX-License-Identifier: GPL-2.0

//! Objects by number, looked up under RCU: in any context, without a lock.
//!
//! The kernel's own abstraction of the XArray has a lock around every look-up, which must not be
//! taken with interrupts off.
//!
//! C header: [`include/linux/xarray.h`](srctree/include/linux/xarray.h)

use core::marker::PhantomData;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::{
        rcu,
        Arc, //
    },
    types::Opaque, //
};

/// Objects by number.
///
/// # Invariants
///
/// Each entry is from `Arc::into_raw`. It is taken out before the `Arc` is taken back, and that
/// happens only after a grace period.
#[pin_data(PinnedDrop)]
pub(crate) struct RcuIndex<T> {
    #[pin]
    array: Opaque<bindings::xarray>,
    _objects: PhantomData<Arc<T>>,
}

// SAFETY: It owns `Arc`s, which can be sent if `T` can be sent and shared.
unsafe impl<T: Send + Sync> Send for RcuIndex<T> {}
// SAFETY: As above; an XArray has a lock of its own for changes.
unsafe impl<T: Send + Sync> Sync for RcuIndex<T> {}

impl<T> RcuIndex<T> {
    /// Creates an empty index.
    pub(crate) fn new() -> impl PinInit<Self> {
        // The two lowest bits of an entry are the XArray's.
        const { assert!(align_of::<T>() >= 4) };
        pin_init!(Self {
            // SAFETY: The array does not move once it has been initialised.
            // INVARIANT: There are no entries.
            array <- Opaque::ffi_init(|array| unsafe { bindings::xa_init_flags(array, 0) }),
            _objects: PhantomData,
        })
    }

    /// Enters `object` as number `at`, in place of any other. Context: process, sleeps.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn insert(&self, at: usize, object: Arc<T>) -> Result {
        let new = Arc::into_raw(object).cast_mut().cast();
        // SAFETY: The array is initialised, and `new` aligned as an entry must be.
        // INVARIANT: The pointer is from `Arc::into_raw`.
        let old = unsafe { bindings::xa_store(self.array.get(), at, new, bindings::GFP_KERNEL) };
        // SAFETY: `old` is what `xa_store()` has returned.
        if let Err(error) = to_result(unsafe { bindings::xa_err(old) }) {
            // SAFETY: It was not entered, so it is still ours.
            drop(unsafe { Arc::from_raw(new.cast_const().cast::<T>()) });
            return Err(error);
        }
        // SAFETY: By the type invariants; it has just been taken out.
        unsafe { Self::release(old) };
        Ok(())
    }

    /// Returns the object with number `at`. Context: any.
    #[inline]
    pub(crate) fn find<'a>(&self, at: usize, _: &'a rcu::Guard) -> Option<&'a T> {
        // SAFETY: The array is initialised.
        let entry = unsafe { bindings::xa_load(self.array.get(), at) };
        // SAFETY: By the type invariants it is null or from `Arc::into_raw`, and the `Arc` is taken
        // back only after the RCU section that `'a` does not exceed.
        unsafe { entry.cast::<T>().as_ref() }
    }

    /// Takes the object with number `at` out, and lets go of it once nobody uses it any more.
    ///
    /// Context: process, sleeps for an expedited RCU grace period.
    pub(crate) fn remove(&self, at: usize) {
        // SAFETY: The array is initialised, and by the type invariants of what `release` takes.
        unsafe { Self::release(bindings::xa_erase(self.array.get(), at)) };
    }

    /// Calls `visit` for each object.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&T)) {
        let mut at = 0;
        let guard = rcu::read_lock();
        // SAFETY: The array is initialised.
        let mut entry = unsafe {
            bindings::xa_find(
                self.array.get(),
                &raw mut at,
                usize::MAX,
                bindings::XA_PRESENT,
            )
        };
        // SAFETY: As in `find`.
        while let Some(object) = unsafe { entry.cast::<T>().as_ref() } {
            visit(object);
            // SAFETY: As above.
            entry = unsafe {
                bindings::xa_find_after(
                    self.array.get(),
                    &raw mut at,
                    usize::MAX,
                    bindings::XA_PRESENT,
                )
            };
        }
        drop(guard);
    }

    /// Lets go of `entry`, after a grace period.
    ///
    /// # Safety
    ///
    /// It must be null, or from `Arc::into_raw` and no entry any more.
    unsafe fn release(entry: *mut c_void) {
        if entry.is_null() {
            return;
        }
        // SAFETY: FFI call without requirements but that the context may sleep.
        unsafe { bindings::synchronize_rcu_expedited() };
        // SAFETY: By the safety requirements; whoever found it is done with it.
        drop(unsafe { Arc::from_raw(entry.cast_const().cast::<T>()) });
    }
}

#[pinned_drop]
impl<T> PinnedDrop for RcuIndex<T> {
    fn drop(self: Pin<&mut Self>) {
        let mut at = 0;
        loop {
            // SAFETY: The array is initialised, and nobody else has a reference to it any more.
            let entry = unsafe {
                bindings::xa_find(
                    self.array.get(),
                    &raw mut at,
                    usize::MAX,
                    bindings::XA_PRESENT,
                )
            };
            if entry.is_null() {
                break;
            }
            self.remove(at);
        }
        // SAFETY: As above.
        unsafe { bindings::xa_destroy(self.array.get()) };
    }
}
