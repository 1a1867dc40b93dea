// SPDX-License-Identifier: GPL-2.0

//! A directory in sysfs, and the files in it.
//!
//! # Who owns what
//!
//! Three lifetimes meet here: that of the data, which is the owner's business; that of the
//! `struct kobject`, which is counted and may end late; and that of the module's code.
//!
//! A kobject of one's own has a release callback, and whoever drops the last reference runs it,
//! from anywhere and at any time (with `CONFIG_DEBUG_KOBJECT_RELEASE`: from a work item, seconds
//! later). In a module that is a trap without a way out: waiting in the exit function until the
//! callback has run still leaves its last instructions, which may be preempted and return into
//! code that is gone (the comment in `drivers/md/dm-builtin.c` walks through it). So there is none
//! here: the kobject comes from `kobject_create_and_add()`, is allocated, released and freed by
//! code that is part of the kernel, and refers to nothing of ours but the files.
//!
//! A file refers to our functions and, through the attribute embedded in [`File`], to the data.
//! They are used only while a reader or a writer holds an active reference to the file. Removing
//! the directory deactivates all its files and waits until the active references are gone
//! (`kernfs_drain()`); an open file descriptor does not hold one, and reads and writes through it
//! fail with `ENODEV` from then on. So once `kobject_del()` has returned, no function of ours runs
//! and none will, and everything can go at once: [`Directory`] keeps data and files in plain boxes
//! and frees them after that call.

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    container_of,
    error::{
        from_result,
        to_result, //
    },
    fmt,
    page::PAGE_SIZE,
    prelude::*,
    str::CString, //
};

use super::Attribute;

/// A directory in sysfs that shows a `T`.
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
/// - `kobj` is a kobject that `kobject_create_and_add()` returned, is in sysfs, and this owns one
///   reference to it.
/// - Every file that was created in `kobj` is the `attr` of an element of `files`, and neither the
///   elements nor `_data` move or go before `kobject_del()` has returned.
pub(crate) struct Directory<T: Send + Sync + 'static> {
    kobj: NonNull<bindings::kobject>,
    files: KVec<File<T>>,
    _data: KBox<T>,
}

/// A file: what sysfs wants to know of it, and what is behind it.
///
/// # Invariants
///
/// `data` is valid for shared access for as long as the file is in sysfs.
struct File<T: 'static> {
    attr: bindings::kobj_attribute,
    attribute: &'static Attribute<T>,
    data: NonNull<T>,
}

// SAFETY: A `Directory` is a reference to a kobject, which is not bound to a thread, and a `T`, of
// which others than the owner see a `&T` at most. The pointers in `files` are used only by the
// callbacks, on any thread, whoever owns the `Directory`; `T: Send + Sync` allows all of it.
unsafe impl<T: Send + Sync> Send for Directory<T> {}

// SAFETY: All that a `&Directory` is good for is creating directories in this one, for which the
// kernel has locks.
unsafe impl<T: Send + Sync> Sync for Directory<T> {}

impl<T: Send + Sync> Directory<T> {
    /// Creates `/sys/kernel/<name>`.
    ///
    /// # Errors
    ///
    /// As [`create_dir`](Self::create_dir).
    pub(crate) fn in_kernel(
        name: fmt::Arguments<'_>,
        attributes: &'static [Attribute<T>],
        data: T,
    ) -> Result<Self> {
        // SAFETY: `kernel_kobj` is set once, early during boot.
        let kernel = NonNull::new(unsafe { bindings::kernel_kobj }).ok_or(ENODEV)?;

        // SAFETY: `/sys/kernel` is never removed.
        unsafe { Self::new(kernel, name, attributes, data) }
    }

    /// Creates the directory `name`, which shows `data`, in this one.
    ///
    /// # Errors
    ///
    /// On an error nothing is left behind.
    ///
    /// - `EEXIST` if there is something of that name already.
    /// - `EINVAL` if the name is empty or has a null byte in it.
    /// - `ENOENT` if a directory above this one is gone.
    /// - `ENOMEM`.
    pub(crate) fn create_dir<U: Send + Sync>(
        &self,
        name: fmt::Arguments<'_>,
        attributes: &'static [Attribute<U>],
        data: U,
    ) -> Result<Directory<U>> {
        // SAFETY: By the type invariants `self.kobj` is in sysfs, and it is until `self` is
        // dropped, which the borrow keeps from happening.
        unsafe { Directory::new(self.kobj, name, attributes, data) }
    }

    /// Creates the directory `name` in `parent`.
    ///
    /// # Safety
    ///
    /// `parent` must be in sysfs throughout this call.
    unsafe fn new(
        parent: NonNull<bindings::kobject>,
        name: fmt::Arguments<'_>,
        attributes: &'static [Attribute<T>],
        data: T,
    ) -> Result<Self> {
        let name = CString::try_from_fmt(name)?;
        if name.is_empty() {
            return Err(EINVAL);
        }

        let data = KBox::new(data, GFP_KERNEL)?;
        let mut files = KVec::with_capacity(attributes.len(), GFP_KERNEL)?;
        for attribute in attributes {
            files.push(File::new(attribute, NonNull::from(&*data)), GFP_KERNEL)?;
        }

        // The kernel has a stack trace for the log in store for a name that is taken already. It
        // is not that bad: the name of a VM is made of numbers that its owner may use again.
        //
        // SAFETY: `parent` is in sysfs by the safety requirements.
        if unsafe { has_entry(parent, &name) } {
            return Err(EEXIST);
        }

        // SAFETY: `parent` is a kobject in sysfs by the safety requirements, and `name` is a string
        // that is copied.
        let kobj = unsafe { bindings::kobject_create_and_add(name.as_char_ptr(), parent.as_ptr()) };

        // INVARIANT: The kobject is new and in sysfs, the reference to it is ours, and there are no
        // files in it yet. The files below are all elements of `files`, which does not grow any
        // more, and is dropped after `Drop::drop` has called `kobject_del()`, as is `_data`.
        let dir = Self {
            kobj: NonNull::new(kobj).ok_or(ENOMEM)?,
            files,
            _data: data,
        };

        for file in &dir.files {
            // SAFETY: `kobj` is in sysfs, there is no namespace, and by the type invariants the
            // attribute remains where it is for as long as the file is there.
            to_result(unsafe {
                bindings::sysfs_create_file_ns(kobj, &file.attr.attr, ptr::null())
            })?;
        }
        Ok(dir)
    }
}

impl<T: Send + Sync> Drop for Directory<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants the kobject is in sysfs and we own a reference. This takes
        // the directory out of sysfs, with all that is in it, and waits until none of the
        // functions in `files` is running any more. `files` and `_data` go after this.
        unsafe { bindings::kobject_del(self.kobj.as_ptr()) };

        // SAFETY: By the type invariants we own a reference, and it is not used after this.
        unsafe { bindings::kobject_put(self.kobj.as_ptr()) };
    }
}

impl<T: Send + Sync> File<T> {
    /// Describes a file.
    ///
    /// `data` must fulfil the invariants of [`File`] once the file is put into sysfs.
    fn new(attribute: &'static Attribute<T>, data: NonNull<T>) -> Self {
        let mut attr = bindings::kobj_attribute::default();

        attr.attr.name = attribute.name().as_char_ptr();
        attr.attr.mode = attribute.mode();
        // Lockdep knows a file that is being removed by its key, which has to be static. Its
        // address is all that matters.
        #[cfg(CONFIG_DEBUG_LOCK_ALLOC)]
        {
            attr.attr.key = ptr::from_ref(attribute).cast_mut().cast();
        }
        attr.__bindgen_anon_1.show = Some(Self::show);
        attr.__bindgen_anon_2.store = Some(Self::store);

        Self {
            attr,
            attribute,
            data,
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
        let file = unsafe { &*container_of!(attr, File<T>, attr) };
        // SAFETY: By the type invariants, as the file is in sysfs.
        let data = unsafe { file.data.as_ref() };
        // SAFETY: `buf` is a page by the safety requirements. Sysfs has cleared it.
        let page = unsafe { core::slice::from_raw_parts_mut(buf.cast::<u8>(), PAGE_SIZE) };

        // CAST: The line is shorter than a page.
        from_result(|| Ok(file.attribute.read(data, page)? as isize))
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
        let file = unsafe { &*container_of!(attr, File<T>, attr) };
        // SAFETY: By the type invariants, as the file is in sysfs.
        let data = unsafe { file.data.as_ref() };
        // SAFETY: By the safety requirements.
        let bytes = unsafe { core::slice::from_raw_parts(buf.cast::<u8>(), count) };

        // CAST: Sysfs passes on a page at most.
        from_result(|| file.attribute.write(data, bytes).map(|()| count as isize))
    }
}

/// Returns whether there is something called `name` in `parent`.
///
/// # Safety
///
/// `parent` must be in sysfs throughout this call.
unsafe fn has_entry(parent: NonNull<bindings::kobject>, name: &CStr) -> bool {
    // SAFETY: A kobject in sysfs has a node there, for as long as it is there.
    let entry = unsafe {
        bindings::kernfs_find_and_get_ns(parent.as_ref().sd, name.as_char_ptr(), ptr::null())
    };

    // SAFETY: `entry` is null, which is ignored, or a reference of ours, which is not used after.
    unsafe { bindings::kernfs_put(entry) };
    !entry.is_null()
}
