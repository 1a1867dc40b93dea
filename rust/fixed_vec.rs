// SPDX-License-Identifier: GPL-2.0

//! A vector of fixed capacity that lives where it is declared.

use core::mem::MaybeUninit;

/// At most `N` elements, without an allocation and without clearing the unused rest.
///
/// # Invariants
///
/// The first `len` elements are initialised, and `len` is at most `N`.
pub(crate) struct FixedVec<T: Copy, const N: usize> {
    elements: [MaybeUninit<T>; N],
    len: usize,
}

impl<T: Copy, const N: usize> FixedVec<T, N> {
    /// Creates an empty vector.
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        // INVARIANT: None of the elements needs to be initialised.
        Self {
            elements: [const { MaybeUninit::uninit() }; N],
            len: 0,
        }
    }

    /// Adds `element`; gives it back if there is no room.
    #[inline(always)]
    pub(crate) fn push(&mut self, element: T) -> Result<(), T> {
        match self.elements.get_mut(self.len) {
            Some(slot) => {
                slot.write(element);
                // INVARIANT: The element was just written, and there was room, so this is `N` at
                // most.
                self.len = self.len.wrapping_add(1);
                Ok(())
            }
            None => Err(element),
        }
    }

    /// Forgets all elements.
    #[inline(always)]
    pub(crate) fn clear(&mut self) {
        // INVARIANT: None of the elements needs to be initialised.
        self.len = 0;
    }

    /// Returns the elements.
    #[inline(always)]
    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: By the type invariants these elements are initialised.
        unsafe { core::slice::from_raw_parts(self.elements.as_ptr().cast(), self.len) }
    }

    /// Returns the elements, to be changed.
    #[inline(always)]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: As in `as_slice`.
        unsafe { core::slice::from_raw_parts_mut(self.elements.as_mut_ptr().cast(), self.len) }
    }
}
