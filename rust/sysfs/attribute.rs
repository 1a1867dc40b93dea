// SPDX-License-Identifier: GPL-2.0

//! What a file is called, and how its value is read and written.

use core::{
    mem::size_of,
    ptr::NonNull, //
};

use kernel::{
    fmt,
    prelude::*, //
};

/// Puts the value of a file, read from a `T`, into a line.
type Show<T> = fn(&T, &mut Line<'_>) -> Result;

/// Takes the text written to a file, as it was written, into a `T`.
type Store<T> = fn(&T, &str) -> Result;

/// One file of a [`Directory`](super::Directory) that shows a `T`.
pub(crate) struct Attribute<T> {
    name: &'static CStr,
    show: Show<T>,
    store: Option<Store<T>>,
}

impl<T> Attribute<T> {
    /// A file that everybody may read: the value that `get` returns, on one line.
    ///
    /// `get` is a function or a closure that captures nothing.
    pub(crate) const fn ro<F, V>(name: &'static CStr, get: F) -> Self
    where
        F: Fn(&T) -> V + Copy,
        V: fmt::Display,
    {
        let _ = get;
        Self {
            name,
            show: show_value::<T, F, V>,
            store: None,
        }
    }

    /// A file like [`ro`](Self::ro) that root may write as well.
    ///
    /// `set` gets the text as it was written, newline and all. Whatever it returns is what the
    /// writer gets; on an error it must leave everything as it was. Text that is not UTF-8 never reaches
    /// it: that is `EINVAL`.
    pub(crate) const fn rw<F, V>(name: &'static CStr, get: F, set: Store<T>) -> Self
    where
        F: Fn(&T) -> V + Copy,
        V: fmt::Display,
    {
        let mut attribute = Self::ro(name, get);
        attribute.store = Some(set);
        attribute
    }

    /// The name of the file.
    pub(crate) const fn name(&self) -> &'static CStr {
        self.name
    }

    /// The permissions of the file.
    pub(super) const fn mode(&self) -> u16 {
        match self.store {
            Some(_) => 0o644,
            None => 0o444,
        }
    }

    /// Writes the line that a reader gets into `page`, and returns its length.
    ///
    /// # Errors
    ///
    /// `EOVERFLOW` if the line, with a byte to spare, is longer than the page.
    pub(crate) fn read(&self, data: &T, page: &mut [u8]) -> Result<usize> {
        let mut line = Line { page, len: 0 };
        (self.show)(data, &mut line)?;
        Ok(line.len)
    }

    /// Takes what was written to the file.
    ///
    /// # Errors
    ///
    /// - `EINVAL` if `bytes` is not UTF-8.
    /// - `EACCES` if the file is read-only.
    /// - Whatever the file's own function returns.
    pub(super) fn write(&self, data: &T, bytes: &[u8]) -> Result {
        let store = self.store.ok_or(EACCES)?;
        let text = core::str::from_utf8(bytes).map_err(|_| EINVAL)?;
        store(data, text)
    }
}

/// Puts what `F` reads from `data` into `line`.
fn show_value<T, F, V>(data: &T, line: &mut Line<'_>) -> Result
where
    F: Fn(&T) -> V + Copy,
    V: fmt::Display,
{
    const {
        assert!(
            size_of::<F>() == 0,
            "a file is read by a function or by a closure that captures nothing"
        )
    };

    // SAFETY:
    // - `F` has no size, as asserted above, so any aligned pointer is good for reading it.
    // - `F` has a value: this function is named only by `Attribute::ro`, which was given one.
    // - `F` is `Copy`, so having one more of it is fine.
    let get: F = unsafe { NonNull::dangling().read() };

    fmt::Write::write_fmt(line, fmt!("{}\n", get(data))).map_err(|_| EOVERFLOW)
}

/// The line a reader gets, written into the page that sysfs provides.
///
/// # Invariants
///
/// `len` is less than the length of `page`, or zero.
struct Line<'a> {
    page: &'a mut [u8],
    len: usize,
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let end = self.len.checked_add(s.len()).ok_or(fmt::Error)?;
        // Sysfs takes a full page for an overflow, so one byte of it has to remain.
        if end >= self.page.len() {
            return Err(fmt::Error);
        }
        self.page
            .get_mut(self.len..end)
            .ok_or(fmt::Error)?
            .copy_from_slice(s.as_bytes());
        // INVARIANT: `end` was found to be less than the length of `page`.
        self.len = end;
        Ok(())
    }
}
