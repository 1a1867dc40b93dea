// SPDX-License-Identifier: GPL-2.0

//! What a directory shows, and what its owner can take back at once.
//!
//! A directory is made and removed only when the kernel's lock around all of sysfs can be had, which
//! may take as long as somebody in user space likes, and removed when all readers and writers of its
//! files are done. What is only lent to it does not have to wait for that.

use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        Arc,
        SpinLock, //
    },
};

/// What a [`Directory`](super::Directory) shows.
pub(crate) trait Shown: Send + Sync + 'static {
    /// What the functions of its files get to see.
    type Data;

    /// Has `look` look at it, unless it has been taken back. Context: process.
    fn with<R>(&self, look: impl FnOnce(&Self::Data) -> R) -> Option<R>;
}

/// A directory without files.
impl Shown for () {
    type Data = ();

    fn with<R>(&self, look: impl FnOnce(&()) -> R) -> Option<R> {
        Some(look(self))
    }
}

/// An object that is lent to directories, until it is taken back.
#[pin_data]
pub(crate) struct Lent<T> {
    #[pin]
    object: SpinLock<Option<Arc<T>>>,
}

impl<T> Lent<T> {
    /// Lends `object`.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(object: Arc<T>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                object <- new_spinlock!(Some(object)),
            }),
            GFP_KERNEL,
        )
    }

    /// Takes it back: who looks from now on sees nothing. Who is looking has a reference of his own
    /// until he is done.
    pub(crate) fn take_back(&self) {
        let object = self.object.lock().take();
        drop(object);
    }

    /// Returns a reference to it, unless it has been taken back.
    pub(crate) fn get(&self) -> Option<Arc<T>> {
        self.object.lock().clone()
    }
}

impl<T: Send + Sync + 'static> Shown for Arc<Lent<T>> {
    type Data = Arc<T>;

    fn with<R>(&self, look: impl FnOnce(&Arc<T>) -> R) -> Option<R> {
        self.get().map(|object| look(&object))
    }
}
