// SPDX-License-Identifier: GPL-2.0

//! A file in debugfs that shows a text.
//!
//! The kernel's own abstraction does not say which module its file operations are part of. If a
//! file is open when the module is unloaded, debugfs reads them once more when it is closed. Here
//! they name the module, so an open file keeps it loaded; and as a reader gets the text from
//! `seq_file`, it is put together once, at the first read.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use crate::series::THIS_MODULE;
use core::{
    marker::PhantomData,
    ptr::{
        null,
        null_mut, //
    },
};
use kernel::{
    bindings,
    prelude::*,
    seq_file::SeqFile, //
};

/// A text to be shown.
pub(crate) trait Text: 'static {
    /// Prints the text.
    ///
    /// It may be called again for the same reader, with more room. Context: process, may sleep.
    ///
    /// # Errors
    ///
    /// What the reader gets in place of the text.
    fn print(out: &SeqFile) -> Result;
}

/// A file that only root may read, in a directory of its own; dropping it takes both away, and
/// waits for those who read it at that moment.
///
/// # Invariants
///
/// `directory` is what `debugfs_create_dir()` has returned; an error, if there is no debugfs.
pub(crate) struct File<T: Text> {
    directory: *mut bindings::dentry,
    _text: PhantomData<T>,
}

// SAFETY: An entry in debugfs belongs to no thread.
unsafe impl<T: Text> Send for File<T> {}
// SAFETY: There is nothing to be done with a `&File`.
unsafe impl<T: Text> Sync for File<T> {}

impl<T: Text> File<T> {
    const OPERATIONS: bindings::file_operations = bindings::file_operations {
        owner: THIS_MODULE,
        open: Some(Self::open),
        read: Some(bindings::seq_read),
        llseek: Some(bindings::seq_lseek),
        release: Some(bindings::single_release),
        ..pin_init::zeroed()
    };

    /// Creates the file `name` in the directory `directory`. Without debugfs nothing happens.
    ///
    /// To be called when the module can no longer fail to load.
    pub(crate) fn new(directory: &CStr, name: &CStr) -> Self {
        // SAFETY: Both names are strings. The operations are constant, and there for as long as the
        // module is. debugfs takes an error in place of a directory.
        let directory = unsafe {
            let directory = bindings::debugfs_create_dir(directory.as_char_ptr(), null_mut());
            bindings::debugfs_create_file_full(
                name.as_char_ptr(),
                0o400,
                directory,
                null_mut(),
                null(),
                &Self::OPERATIONS,
            );
            directory
        };
        // INVARIANT: As it was returned.
        Self {
            directory,
            _text: PhantomData,
        }
    }

    /// # Safety
    ///
    /// To be called by debugfs only, for a file with [`Self::OPERATIONS`].
    unsafe extern "C" fn open(_: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `file` is being opened; `show` takes nothing of its own.
        unsafe { bindings::single_open(file, Some(Self::show), null_mut()) }
    }

    /// # Safety
    ///
    /// To be called by `seq_file` only.
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: `seq_file` calls this with its lock held.
        let printed = T::print(unsafe { SeqFile::from_raw(seq) });
        printed.map_or_else(Error::to_errno, |()| 0)
    }
}

impl<T: Text> Drop for File<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants; debugfs ignores an error.
        unsafe { bindings::debugfs_remove(self.directory) };
    }
}
