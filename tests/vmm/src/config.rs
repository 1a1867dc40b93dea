// SPDX-License-Identifier: GPL-2.0

//! The card's configuration space, as the guest sees it.
//!
//! VFIO gives the guest a command register and BARs of its own; what is different here is that
//! there is no way to interrupt but MSI-X, whose control register belongs to [`crate::msix`],
//! and that there are no I/O ports.

use crate::Result;
use std::{
    ops::Range,
    sync::Arc, //
};
use vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;
use vfio_ioctls::VfioDevice;

// From the kernel's include/uapi/linux/pci_regs.h.
pub const COMMAND: Range<u64> = 0x04..0x06;
const COMMAND_MEMORY: u16 = 1 << 1;
const CAPABILITIES: u64 = 0x34;
pub const BARS: Range<u64> = 0x10..0x28;
const BAR_IO: u32 = 1 << 0;
const BAR_64: u32 = 1 << 2;
const BAR_MASK: u32 = !0xf;
const INTERRUPT_PIN: u64 = 0x3d;
const ID_MSI: u8 = 0x05;
const ID_MSIX: u8 = 0x11;
/// The first extended capability.
const EXTENDED: u64 = 0x100;
const ID_SRIOV: u16 = 0x10;
/// In the capability: the control register, after which comes where the table is.
const MSIX_CONTROL: u64 = 2;
const MSIX_VECTORS: u16 = 0x7ff;
const MSIX_BAR: u32 = 7;

pub struct Config {
    device: Arc<VfioDevice>,
    /// Bytes that read as 0 and cannot be written.
    hidden: Vec<Range<u64>>,
    /// Where MSI-X's control register is.
    pub control: Range<u64>,
}

impl Config {
    pub fn new(device: Arc<VfioDevice>) -> Result<Self> {
        let mut config = Config {
            device,
            hidden: Vec::new(),
            control: 0..0,
        };

        config.hidden.push(INTERRUPT_PIN..INTERRUPT_PIN + 1);
        for index in 0..6 {
            let bar = BARS.start + u64::from(index) * 4;
            if config.device.get_region_size(index) > 0 && config.u32(bar) & BAR_IO != 0 {
                config.hidden.push(bar..bar + 4);
            }
        }
        let mut at = u64::from(config.u8(CAPABILITIES));
        // There are no more than fit in.
        for _ in 0..48 {
            match config.u8(at) {
                _ if at < 0x40 => break,
                // What has the ID 0 is no capability.
                ID_MSI => config.hidden.push(at..at + 1),
                ID_MSIX => config.control = at + MSIX_CONTROL..at + MSIX_CONTROL + 2,
                _ => {}
            }
            at = u64::from(config.u8(at + 1));
        }
        config.hide_virtual_functions();
        match config.control.start {
            0 => Err(String::from("the device has no MSI-X")),
            _ => Ok(config),
        }
    }

    /// Hides that it can have virtual functions, whose BARs VFIO does not let the guest size.
    fn hide_virtual_functions(&mut self) {
        let mut at = EXTENDED;

        while at >= EXTENDED {
            if self.u16(at) == ID_SRIOV {
                self.hidden.push(at..at + 2);
            }
            // Each is further on, or this would never end.
            let next = u64::from(self.u16(at + 2) >> 4);
            at = if next > at { next } else { 0 };
        }
    }

    fn array<const N: usize>(&self, offset: u64) -> [u8; N] {
        let mut bytes = [0; N];
        self.device
            .region_read(VFIO_PCI_CONFIG_REGION_INDEX, &mut bytes, offset);
        bytes
    }

    fn u8(&self, offset: u64) -> u8 {
        u8::from_le_bytes(self.array(offset))
    }

    fn u16(&self, offset: u64) -> u16 {
        u16::from_le_bytes(self.array(offset))
    }

    fn u32(&self, offset: u64) -> u32 {
        u32::from_le_bytes(self.array(offset))
    }

    /// How many vectors there are, and in which BAR, and where there, their table is.
    pub fn table(&self) -> (usize, u32, u64) {
        let vectors = (self.u16(self.control.start) & MSIX_VECTORS) + 1;
        let table = self.u32(self.control.end);

        (
            usize::from(vectors),
            table & MSIX_BAR,
            u64::from(table & !MSIX_BAR),
        )
    }

    /// Whether the guest has its BARs enabled.
    pub fn memory_enabled(&self) -> bool {
        self.u16(COMMAND.start) & COMMAND_MEMORY != 0
    }

    /// Whether there is such a BAR, and it is memory.
    pub fn has_bar(&self, index: u32) -> bool {
        let bar = BARS.start + u64::from(index) * 4;

        self.device.get_region_size(index) > 0 && !self.is_hidden(bar)
    }

    fn is_hidden(&self, offset: u64) -> bool {
        self.hidden.iter().any(|hidden| hidden.contains(&offset))
    }

    /// The address in a memory BAR, as the guest has set it.
    pub fn bar(&self, index: u32) -> u64 {
        let at = BARS.start + u64::from(index) * 4;
        let low = self.u32(at);
        let high = match low & BAR_64 {
            0 => 0,
            _ => self.u32(at + 4),
        };

        (u64::from(high) << 32) | u64::from(low & BAR_MASK)
    }

    /// Reads what is at `offset`; `control` is MSI-X's control register.
    pub fn read(&self, offset: u64, data: &mut [u8], control: u16) {
        self.device
            .region_read(VFIO_PCI_CONFIG_REGION_INDEX, data, offset);
        for (at, byte) in (offset..).zip(data) {
            if self.is_hidden(at) {
                *byte = 0;
            } else if self.control.contains(&at) {
                *byte = control.to_le_bytes()[(at - self.control.start) as usize];
            }
        }
    }

    /// Writes to it, but for what is not the guest's.
    pub fn write(&self, offset: u64, data: &[u8]) {
        if !self.is_hidden(offset) {
            self.device
                .region_write(VFIO_PCI_CONFIG_REGION_INDEX, data, offset);
        }
    }
}
