// SPDX-License-Identifier: GPL-2.0

//! Directories and files in sysfs.
//!
//! A [`Directory`] shows some data as files with one value each. A static table of [`Attribute`]s
//! names the files and says how each is read and, where it may be set, how it is written. What is
//! [`Lent`] to it can be taken back at any time:
//!
//! ```ignore
//! type File = Attribute<Arc<Vm>>;
//!
//! static FILES: [File; 2] = [
//!     File::ro(c"received", |vm| vm.received()),
//!     File::rw(c"enabled", |vm| vm.enabled(), |vm, text| vm.enable(text)),
//! ];
//!
//! let root = Directory::in_kernel(fmt!("volley"), &[], ())?;
//! let lent = Lent::new(vm)?;
//! let dir = root.create_dir(fmt!("{id}"), &FILES, lent.clone())?;
//! lent.take_back();
//! ```
//!
//! The directory is there until its [`Directory`] is dropped. Nothing here may be used from atomic
//! context, and nothing here is on the path of an interrupt.
//!
//! C headers: [`include/linux/kobject.h`](srctree/include/linux/kobject.h),
//! [`include/linux/sysfs.h`](srctree/include/linux/sysfs.h)

mod attribute;
mod directory;
mod kobject;
mod lent;

pub(crate) use self::{
    attribute::Attribute,
    directory::Directory,
    lent::{
        Lent,
        Shown, //
    }, //
};
