// SPDX-License-Identifier: GPL-2.0

//! Where things are in the guest's physical address space, and which interrupts they have.

use std::ops::Range;

pub const GIC_DISTRIBUTOR: Range<u64> = 0x0800_0000..0x0801_0000;
pub const GIC_ITS: Range<u64> = 0x0808_0000..0x080a_0000;
/// For each vCPU one, one after the other.
pub const GIC_REDISTRIBUTORS: u64 = 0x080a_0000;
pub const GIC_REDISTRIBUTOR_SIZE: u64 = 0x2_0000;

pub const UART: Range<u64> = 0x0900_0000..0x0900_1000;
/// The UART's shared peripheral interrupt; its INTID is 32 more.
pub const UART_SPI: u32 = 1;

/// Where the guest puts the card's BARs.
pub const PCI_WINDOW: Range<u64> = 0x1000_0000..0x2000_0000;
/// The configuration space of the only bus.
pub const PCI_CONFIG: Range<u64> = 0x3f00_0000..0x3f10_0000;
/// Slot 1 of it: the card's requester ID, which is its ITS DeviceID as well.
pub const CARD: u32 = 1 << 3;

pub const MEMORY: u64 = 0x4000_0000;
/// KVM's number for it. The card's BARs have those from [`BAR_SLOTS`] on.
pub const MEMORY_SLOT: u32 = 0;
pub const BAR_SLOTS: u32 = 1;

/// How far from the beginning of a range an access is, if all of it is in there.
pub fn offset(range: &Range<u64>, address: u64, length: usize) -> Option<u64> {
    let end = address.checked_add(length as u64)?;

    (range.start <= address && end <= range.end).then(|| address - range.start)
}
