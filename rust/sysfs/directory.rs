// SPDX-License-Identifier: GPL-2.0

//! A directory in sysfs, and the files in it.
//!
//! # Who owns what
//!
//! Three lifetimes meet here: that of the data, which is the owner's business; that of the
//! `struct kobject`, which is counted and may end late; and that of the module's code.
//!
//! The kobject is the kernel's alone, as [`kobject.rs`](super::kobject) tells, and refers to nothing
//! of ours but the files.
//!
//! A file refers to our functions and, through the attribute embedded in [`File`], to the data.
//! They are used only while a reader or a writer holds an active reference to the file. Removing
//! the directory deactivates all its files and waits until the active references are gone
//! (`kernfs_drain()`); an open file descriptor does not hold one, and reads and writes through it
//! fail with `ENODEV` from then on. So once `kobject_del()` has returned, no function of ours runs
//! and none will, and everything can go at once: [`Directory`] keeps what is shown and files in plain
//! boxes and frees them after that call.

#[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
use core::ptr;
use core::ptr::NonNull;

use crate::series::set_operations;
use kernel::{
    bindings,
    container_of,
    error::from_result,
    fmt,
    page::PAGE_SIZE,
    prelude::*,
    str::CString, //
};

use super::{
    kobject::Kobject,
    Attribute,
    Shown, //
};

/// A directory in sysfs that shows what `S` has to show.
///
/// It is there until this is dropped. Directories within it that are still there then lose their
/// place in sysfs with it, so any order of dropping is right.
///
/// # Deadlocks
///
/// Dropping waits for every function of the directory's table that is running, and for those of
/// the directories within. So it must not be done from such a function, nor with a lock held that
/// such a function takes.
///
/// # Invariants
///
/// Every file that was created in `kobj` is the `attr` of an element of `files`, and neither the
/// elements nor `_shown` move or go before `kobj`, which is the first field to be dropped.
pub(crate) struct Directory<S: Shown> {
    kobj: Kobject,
    files: KVec<File<S>>,
    _shown: KBox<S>,
}

/// A file: what sysfs wants to know of it, and what is behind it.
///
/// # Invariants
///
/// `shown` is valid for shared access for as long as the file is in sysfs.
struct File<S: Shown> {
    attr: bindings::kobj_attribute,
    attribute: &'static Attribute<S::Data>,
    shown: NonNull<S>,
}

// SAFETY: A `Directory` is a `Kobject`, which is `Send`, and an `S`, of which others than the owner
// see a `&S` at most. The pointers in `files` are used only by the callbacks, on any thread, whoever
// owns the `Directory`; `Shown` is `Send` and `Sync`, which allows all of it.
unsafe impl<S: Shown> Send for Directory<S> {}

// SAFETY: All that a `&Directory` is good for is creating directories in this one, which is what a
// `&Kobject`, which is `Sync`, is good for.
unsafe impl<S: Shown> Sync for Directory<S> {}

impl<S: Shown> Directory<S> {
    /// Creates `/sys/kernel/<name>`; `name` is the subsystem of the events of all that is in it.
    ///
    /// # Errors
    ///
    /// As [`create_dir`](Self::create_dir).
    pub(crate) fn in_kernel(
        name: fmt::Arguments<'_>,
        attributes: &'static [Attribute<S::Data>],
        shown: S,
    ) -> Result<Self> {
        let name = CString::try_from_fmt(name)?;
        Self::new(|| Kobject::in_kernel(&name), attributes, shown)
    }

    /// Creates the directory `name`, which shows `shown`, in this one.
    ///
    /// # Errors
    ///
    /// On an error nothing is left behind.
    ///
    /// - `EEXIST` if there is something of that name already.
    /// - `EINVAL` if the name is empty or has a null byte in it.
    /// - `ENOENT` if a directory above this one is gone.
    /// - `ENOMEM`.
    pub(crate) fn create_dir<U: Shown>(
        &self,
        name: fmt::Arguments<'_>,
        attributes: &'static [Attribute<U::Data>],
        shown: U,
    ) -> Result<Directory<U>> {
        let name = CString::try_from_fmt(name)?;
        Directory::new(|| self.kobj.create_dir(&name), attributes, shown)
    }

    /// Tells user space that the directory is there, and when it goes that it does.
    ///
    /// The events are `add` and `remove`, of the subsystem that [`in_kernel`](Self::in_kernel)
    /// named, and have `environment`, `KEY=VALUE` each, beside the kernel's own keys. To be called
    /// once, for a directory two levels below that or deeper, when all that belongs in it is there.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn announce(&mut self, environment: [fmt::Arguments<'_>; 2]) -> Result {
        self.kobj.announce(environment)
    }

    /// Creates a directory, and the files in it.
    fn new(
        create: impl FnOnce() -> Result<Kobject>,
        attributes: &'static [Attribute<S::Data>],
        shown: S,
    ) -> Result<Self> {
        let shown = KBox::new(shown, GFP_KERNEL)?;
        let mut files = KVec::with_capacity(attributes.len(), GFP_KERNEL)?;
        for attribute in attributes {
            files.push(File::new(attribute, NonNull::from(&*shown)), GFP_KERNEL)?;
        }

        // INVARIANT: There are no files in it yet. Those below are all elements of `files`, which
        // does not grow any more.
        let dir = Self {
            kobj: create()?,
            files,
            _shown: shown,
        };

        for file in &dir.files {
            // SAFETY: By the type invariants the file and what it shows are there, where
            // they are now, until `kobj` has been dropped.
            unsafe { dir.kobj.create_file(&file.attr.attr)? };
        }
        Ok(dir)
    }
}

impl<S: Shown> File<S> {
    /// Describes a file.
    ///
    /// `shown` must fulfil the invariants of [`File`] once the file is put into sysfs.
    fn new(attribute: &'static Attribute<S::Data>, shown: NonNull<S>) -> Self {
        let mut attr = bindings::kobj_attribute::default();

        attr.attr.name = attribute.name().as_char_ptr();
        attr.attr.mode = attribute.mode();
        // Lockdep knows a file that is being removed by its key, which has to be static. Its
        // address is all that matters.
        #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
        {
            attr.attr.key = ptr::from_ref(attribute).cast_mut().cast();
        }
        set_operations(&mut attr, Self::show, Self::store);

        Self {
            attr,
            attribute,
            shown,
        }
    }

    /// Answers a read.
    ///
    /// # Safety
    ///
    /// `attr` must be embedded in a [`File`] that is in sysfs until this returns, and `buf` must
    /// be good for writing a page.
    unsafe extern "C" fn show(
        _kobj: *mut bindings::kobject,
        attr: *mut bindings::kobj_attribute,
        buf: *mut c_char,
    ) -> isize {
        // SAFETY: By the safety requirements `attr` is embedded in a file that remains.
        let file = unsafe { &*container_of!(attr, Self, attr) };
        // SAFETY: By the type invariants, as the file is in sysfs.
        let shown = unsafe { file.shown.as_ref() };
        // SAFETY: `buf` is a page by the safety requirements. Sysfs has cleared it.
        let page = unsafe { core::slice::from_raw_parts_mut(buf.cast::<u8>(), PAGE_SIZE) };

        // As for a file that has been removed, if what it shows is gone.
        let line = shown.with(|data| file.attribute.read(data, page));
        // CAST: The line is shorter than a page.
        from_result(|| Ok(line.ok_or(ENODEV)?? as isize))
    }

    /// Answers a write.
    ///
    /// # Safety
    ///
    /// `attr` must be embedded in a [`File`] that is in sysfs until this returns, and `buf` must
    /// be good for reading `count` bytes.
    unsafe extern "C" fn store(
        _kobj: *mut bindings::kobject,
        attr: *mut bindings::kobj_attribute,
        buf: *const c_char,
        count: usize,
    ) -> isize {
        // SAFETY: By the safety requirements `attr` is embedded in a file that remains.
        let file = unsafe { &*container_of!(attr, Self, attr) };
        // SAFETY: By the type invariants, as the file is in sysfs.
        let shown = unsafe { file.shown.as_ref() };
        // SAFETY: By the safety requirements.
        let bytes = unsafe { core::slice::from_raw_parts(buf.cast::<u8>(), count) };

        let taken = shown.with(|data| file.attribute.write(data, bytes));
        // CAST: Sysfs passes on a page at most.
        from_result(|| taken.ok_or(ENODEV)?.map(|()| count as isize))
    }
}
