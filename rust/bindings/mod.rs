// SPDX-License-Identifier: GPL-2.0

//! Kernel types and functions that `kernel::bindings` lacks.
//!
//! Generated from the headers of the kernel that is built for; see `helper.h` for the headers and
//! `bindgen_parameters` for what is taken from them. Only the files that own `unsafe` code import
//! this module.

#![allow(
    clippy::all,
    clippy::cast_lossless,
    clippy::ptr_as_ptr,
    clippy::ref_as_ptr,
    clippy::undocumented_unsafe_blocks,
    // The functions of `api.rs` are declared for modules in Rust as well, with types of their own.
    clashing_extern_declarations,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_op_in_unsafe_fn
)]

use kernel::ffi;

// What bindgen leaves to be mapped by hand, as the kernel's own bindings do.
type __kernel_size_t = usize;
type __kernel_ssize_t = isize;
type __kernel_ptrdiff_t = isize;

include!(concat!(
    env!("VOLLEY_OBJ"),
    "/rust/bindings/bindings_generated.rs"
));
