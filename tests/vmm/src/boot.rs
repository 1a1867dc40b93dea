// SPDX-License-Identifier: GPL-2.0

//! The guest's memory as a boot loader would leave it: kernel, initramfs, device tree.

use crate::{
    fdt,
    layout,
    options::Options,
    Context,
    Result, //
};
use std::{
    fs::File,
    path::Path, //
};
use vm_memory::{
    Bytes,
    GuestAddress,
    GuestMemoryMmap, //
};

/// The most that a device tree may take, at the end of memory.
const FDT_SIZE: u64 = 0x20_0000;
const PAGE: u64 = 0x1000;
/// At 56 of an Image's header ("ARM\x64"), of which `image_size` is at 16; from the kernel's
/// Documentation/arch/arm64/booting.rst.
const IMAGE_MAGIC: u32 = 0x644d_5241;

/// Where the guest begins.
pub struct Boot {
    /// The first instruction, with the MMU off.
    pub entry: u64,
    /// The device tree, for x0.
    pub fdt: u64,
}

/// Reads a whole file into memory at `address`.
fn read_file(memory: &GuestMemoryMmap, path: &Path, address: u64, room: u64) -> Result<u64> {
    let mut file = File::open(path).context(path.display())?;
    let size = file.metadata().context(path.display())?.len();
    if size > room {
        return Err(format!(
            "{}: too large for the guest's memory",
            path.display()
        ));
    }
    memory
        .read_exact_volatile_from(GuestAddress(address), &mut file, size as usize)
        .context(path.display())?;
    Ok(size)
}

/// Puts the kernel at the beginning of memory, and the rest at its end.
pub fn load(options: &Options, memory: &GuestMemoryMmap, size: u64) -> Result<Boot> {
    let kernel = &options.kernel;
    let fdt = layout::MEMORY + size - FDT_SIZE;

    read_file(memory, kernel, layout::MEMORY, size - FDT_SIZE)?;
    let header = |offset| GuestAddress(layout::MEMORY + offset);
    let magic: u32 = memory.read_obj(header(56)).context(kernel.display())?;
    let text_offset: u64 = memory.read_obj(header(8)).context(kernel.display())?;
    let image_size: u64 = memory.read_obj(header(16)).context(kernel.display())?;
    if magic != IMAGE_MAGIC || text_offset != 0 {
        return Err(format!(
            "{}: not an Image of Linux 5.8 or newer",
            kernel.display()
        ));
    }
    let room = (size - FDT_SIZE)
        .checked_sub(image_size)
        .ok_or_else(|| format!("{}: too large for the guest's memory", kernel.display()))?;

    let initrd = match &options.initrd {
        Some(path) => {
            let size = std::fs::metadata(path).context(path.display())?.len();
            let address = fdt.saturating_sub(size) & !(PAGE - 1);
            read_file(memory, path, address, room.saturating_sub(PAGE))?;
            Some((address, address + size))
        }
        None => None,
    };

    let tree = fdt::make(options, size, initrd).context("the guest's device tree")?;
    memory
        .write_slice(&tree, GuestAddress(fdt))
        .context("the guest's device tree")?;
    Ok(Boot {
        entry: layout::MEMORY,
        fdt,
    })
}
