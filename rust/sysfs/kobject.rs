// SPDX-License-Identifier: GPL-2.0

//! Kobjects in sysfs, and their events, with nothing in them that is the module's.
//!
//! A kobject of one's own has a release callback, and whoever drops the last reference runs it,
//! from anywhere and at any time (with `CONFIG_DEBUG_KOBJECT_RELEASE`: from a work item, seconds
//! later). In a module that is a trap without a way out: waiting in the exit function until the
//! callback has run still leaves its last instructions, which may be preempted and return into
//! code that is gone (the comment in `drivers/md/dm-builtin.c` walks through it). So there is none
//! here: the kobjects come from `kobject_create_and_add()` and `kset_create_and_add()`, and are
//! allocated, released and freed by code that is part of the kernel.
//!
//! The same goes for events. The kernel sends one for a kobject only if that is, or is below, a
//! member of a kset, and asks the kset's `uevent_ops` for the name of the subsystem, which would
//! be functions of ours. A kset without them gives its own name. So the directory on top is that
//! of a kset, those in it are its members, and what an event says is put together here.

use core::ptr::{
    self,
    NonNull, //
};

use kernel::{
    bindings,
    error::to_result,
    fmt,
    prelude::*,
    str::CString, //
};

/// A directory in sysfs, until this is dropped.
///
/// # Invariants
///
/// - `kobj` is a kobject that `kobject_create_and_add()` returned, or that of a kset that
///   `kset_create_and_add()` did; it is in sysfs, and this owns one reference to it.
/// - `kset`, if it is there, is the kset that `kobj` is part of.
pub(super) struct Kobject {
    kobj: NonNull<bindings::kobject>,
    kset: Option<NonNull<bindings::kset>>,
    /// What the events say beside the kernel's own keys, `KEY=VALUE` each; none are sent without.
    environment: Option<[CString; 2]>,
}

// SAFETY: This is a reference to a kobject, which is not bound to a thread.
unsafe impl Send for Kobject {}

// SAFETY: All that a `&Kobject` is good for is creating directories and files in it, for which the
// kernel has locks. `kset` does not change.
unsafe impl Sync for Kobject {}

impl Kobject {
    /// Creates `/sys/kernel/<name>`; `name` is the subsystem of the events of all that is in it.
    ///
    /// # Errors
    ///
    /// As [`create_dir`](Self::create_dir).
    pub(super) fn in_kernel(name: &CStr) -> Result<Self> {
        // SAFETY: `kernel_kobj` is set once, early during boot.
        let kernel = NonNull::new(unsafe { bindings::kernel_kobj }).ok_or(ENODEV)?;
        // SAFETY: `/sys/kernel` is never removed.
        unsafe { check_name(kernel, name)? };

        // SAFETY: `kernel` is a kobject in sysfs, `name` is a string that is copied, and a kset
        // need not have operations.
        let kset = unsafe {
            bindings::kset_create_and_add(name.as_char_ptr(), ptr::null(), kernel.as_ptr())
        };
        let kset = NonNull::new(kset).ok_or(ENOMEM)?;
        // SAFETY: The kset is valid, so this is a place in it.
        let kobj = unsafe { NonNull::new_unchecked(&raw mut (*kset.as_ptr()).kobj) };

        // INVARIANT: The kset is new and in sysfs, and the reference to its kobject is ours.
        Ok(Self {
            kobj,
            kset: Some(kset),
            environment: None,
        })
    }

    /// Creates the directory `name` in this one.
    ///
    /// # Errors
    ///
    /// - `EEXIST` if there is something of that name already.
    /// - `EINVAL` if the name is empty.
    /// - `ENOENT` if a directory above this one is gone.
    /// - `ENOMEM`.
    pub(super) fn create_dir(&self, name: &CStr) -> Result<Self> {
        // SAFETY: By the type invariants `self.kobj` is in sysfs, and it is until `self` is
        // dropped, which the borrow keeps from happening.
        unsafe { check_name(self.kobj, name)? };

        // SAFETY: `self.kobj` is a kobject in sysfs, and `name` is a string that is copied.
        let kobj =
            unsafe { bindings::kobject_create_and_add(name.as_char_ptr(), self.kobj.as_ptr()) };
        let kobj = NonNull::new(kobj).ok_or(ENOMEM)?;

        if let Some(kset) = self.kset {
            // A kobject joins its kset when it is added, which is over. So this does what
            // `kobj_kset_join()` would have done, but for the kset's list, which nobody reads.
            //
            // SAFETY: By the type invariants the kset is valid. `kobj` is new, and nobody looks at
            // its `kset` before there is an event. The reference to the kset is `kobj`'s from here
            // on, and dropped by `kobject_del()`; that function takes `kobj` out of a list, too,
            // for which being in none, as it was initialised, will do.
            unsafe {
                bindings::kobject_get(&raw mut (*kset.as_ptr()).kobj);
                (*kobj.as_ptr()).kset = kset.as_ptr();
            }
        }

        // INVARIANT: The kobject is new and in sysfs, and the reference to it is ours.
        Ok(Self {
            kobj,
            kset: None,
            environment: None,
        })
    }

    /// Creates a file.
    ///
    /// # Errors
    ///
    /// - `EEXIST` if there is something of that name already.
    /// - `ENOMEM`.
    ///
    /// # Safety
    ///
    /// `attr` must be embedded in a `kobj_attribute` that is valid, and remains where it is, until
    /// `self` has been dropped, as must be all that its functions use.
    pub(super) unsafe fn create_file(&self, attr: &bindings::attribute) -> Result {
        // SAFETY: By the type invariants `self.kobj` is in sysfs; its type has the `sysfs_ops` of
        // `kobj_attribute`. There is no namespace, and the rest is as the caller promises.
        to_result(unsafe { bindings::sysfs_create_file_ns(self.kobj.as_ptr(), attr, ptr::null()) })
    }

    /// Sends the event `add`, and `remove` when this is dropped, with `environment`.
    ///
    /// # Errors
    ///
    /// - `EINVAL` if nothing above this is a member of a kset, or the environment has a null byte.
    /// - `ENOMEM`.
    pub(super) fn announce(&mut self, environment: [fmt::Arguments<'_>; 2]) -> Result {
        let [first, second] = environment;

        // Also if it fails, which may be after somebody has got the event.
        self.environment = Some([
            CString::try_from_fmt(first)?,
            CString::try_from_fmt(second)?,
        ]);
        self.send(bindings::kobject_action_KOBJ_ADD)
    }

    /// Sends an event if this has been announced.
    fn send(&self, action: bindings::kobject_action) -> Result {
        let Some([first, second]) = &self.environment else {
            return Ok(());
        };
        // They are only read, whatever the type says.
        let mut keys = [
            first.as_char_ptr().cast_mut(),
            second.as_char_ptr().cast_mut(),
            ptr::null_mut(),
        ];

        // SAFETY: By the type invariants `self.kobj` is in sysfs. `keys` are strings, which are
        // copied, and a null pointer after the last.
        to_result(unsafe {
            bindings::kobject_uevent_env(self.kobj.as_ptr(), action, keys.as_mut_ptr())
        })
    }
}

impl Drop for Kobject {
    fn drop(&mut self) {
        // There is nobody to tell that it failed.
        let _ = self.send(bindings::kobject_action_KOBJ_REMOVE);

        // SAFETY: By the type invariants the kobject is in sysfs and we own a reference. This takes
        // the directory out of sysfs, with all that is in it, and waits until none of the
        // functions of its files is running any more.
        unsafe { bindings::kobject_del(self.kobj.as_ptr()) };

        // SAFETY: By the type invariants we own a reference, and it is not used after this.
        unsafe { bindings::kobject_put(self.kobj.as_ptr()) };
    }
}

/// Returns an error if there cannot be a directory `name` in `parent`: `EINVAL` or `EEXIST`.
///
/// The kernel has a stack trace for the log in store for a name that is taken already. It is not
/// that bad: the name of a VM is made of numbers that its owner may use again.
///
/// # Safety
///
/// `parent` must be in sysfs throughout this call.
unsafe fn check_name(parent: NonNull<bindings::kobject>, name: &CStr) -> Result {
    if name.is_empty() {
        return Err(EINVAL);
    }
    // SAFETY: A kobject in sysfs has a node there, for as long as it is there.
    let entry = unsafe {
        bindings::kernfs_find_and_get_ns(parent.as_ref().sd, name.as_char_ptr(), ptr::null())
    };
    // SAFETY: `entry` is null, which is ignored, or a reference of ours, which is not used after.
    unsafe { bindings::kernfs_put(entry) };
    if entry.is_null() {
        Ok(())
    } else {
        Err(EEXIST)
    }
}
