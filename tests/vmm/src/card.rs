// SPDX-License-Identifier: GPL-2.0

//! The assigned device: the only one on the guest's PCI bus.

use crate::{
    config::{
        self,
        Config, //
    },
    layout,
    msix::{
        self,
        Msix, //
    },
    Context,
    Result, //
};
use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::VmFd;
use std::{
    fs::File,
    ops::Range,
    os::fd::{
        AsRawFd,
        BorrowedFd, //
    },
    path::Path,
    sync::Arc, //
};
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_MMAP;
use vfio_ioctls::{
    VfioContainer,
    VfioDevice, //
};
use vm_memory::{
    FileOffset,
    GuestMemoryMmap,
    MmapRegion, //
};

/// One of the device's BARs, all of which are memory.
struct Bar {
    index: u32,
    size: u64,
    /// What becomes the guest's memory. The one with the MSI-X table does not.
    mapping: Option<MmapRegion>,
    /// Where it is, while the guest has it enabled.
    at: Option<Range<u64>>,
}

/// What an access is to, and where in there.
enum Place {
    Config(u64),
    Table(usize),
    Bar(u32, u64),
    Nowhere,
}

pub struct Card {
    vm: Arc<VmFd>,
    device: Arc<VfioDevice>,
    config: Config,
    bars: Vec<Bar>,
    msix: Msix,
    /// The BAR with the MSI-X table, and where in it that is.
    table_bar: u32,
    table: Range<u64>,
}

impl Card {
    /// Assigns the device with this address to the VM, all of whose memory it may use.
    pub fn assign(vm: &Arc<VmFd>, address: &str, memory: &'static GuestMemoryMmap) -> Result<Self> {
        let path = Path::new("/sys/bus/pci/devices").join(address);
        let container = Arc::new(VfioContainer::new(None).context("/dev/vfio/vfio")?);
        let device = VfioDevice::new(&path, container.clone(), false).context(path.display())?;
        let device = Arc::new(device);

        // SAFETY: It is mapped until the process ends, and no reference to what is in it is ever
        // made.
        unsafe { container.vfio_map_guest_memory(memory) }.context("the device's memory")?;

        let config = Config::new(device.clone())?;
        let (vectors, table_bar, table) = config.table();
        let bars = (0..6).filter(|&index| config.has_bar(index)).map(|index| {
            Ok(Bar {
                index,
                size: device.get_region_size(index),
                mapping: if index == table_bar {
                    None
                } else {
                    map(&device, index)?
                },
                at: None,
            })
        });

        Ok(Card {
            vm: vm.clone(),
            bars: bars.collect::<Result<_>>()?,
            msix: Msix::new(vm.clone(), device.clone(), vectors)?,
            device,
            config,
            table_bar,
            table: table..table + (vectors * msix::ENTRY) as u64,
        })
    }

    /// What `length` bytes at an address are.
    fn place(&self, address: u64, length: usize) -> Place {
        let config = layout::PCI_CONFIG.start + (u64::from(layout::CARD) << 12);

        if let Some(offset) = layout::offset(&(config..config + 0x1000), address, length) {
            return Place::Config(offset);
        }
        for bar in &self.bars {
            let at = bar.at.as_ref();
            if let Some(offset) = at.and_then(|at| layout::offset(at, address, length)) {
                return match layout::offset(&self.table, offset, length) {
                    Some(offset) if bar.index == self.table_bar => Place::Table(offset as usize),
                    _ => Place::Bar(bar.index, offset),
                };
            }
        }
        Place::Nowhere
    }

    /// Reads what is at an address; ones where nothing is.
    pub fn read(&self, address: u64, data: &mut [u8]) {
        match self.place(address, data.len()) {
            Place::Config(offset) => self.config.read(offset, data, self.msix.control),
            Place::Table(offset) => self.msix.read_table(offset, data),
            Place::Bar(index, offset) => self.device.region_read(index, data, offset),
            Place::Nowhere => data.fill(!0),
        }
    }

    /// Writes to what is at an address, if anything is.
    pub fn write(&mut self, address: u64, data: &[u8]) -> Result<()> {
        match self.place(address, data.len()) {
            Place::Config(offset) => self.write_config(offset, data)?,
            Place::Table(offset) => self.msix.write_table(offset, data)?,
            Place::Bar(index, offset) => self.device.region_write(index, data, offset),
            Place::Nowhere => {}
        }
        Ok(())
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let end = offset + data.len() as u64;
        let touches = |range: &Range<u64>| offset < range.end && range.start < end;

        if touches(&self.config.control) {
            let mut control = self.msix.control.to_le_bytes();
            for (at, byte) in (offset..).zip(data) {
                if self.config.control.contains(&at) {
                    control[(at - self.config.control.start) as usize] = *byte;
                }
            }
            return self.msix.write_control(u16::from_le_bytes(control));
        }

        self.config.write(offset, data);
        if touches(&config::COMMAND) || touches(&config::BARS) {
            self.place_bars()?;
        }
        Ok(())
    }

    /// Puts the BARs where the guest has them now. None is outside of the window, whatever the
    /// guest writes.
    fn place_bars(&mut self) -> Result<()> {
        let enabled = self.config.memory_enabled();
        let place = |bar: &Bar| {
            let address = self.config.bar(bar.index);
            layout::offset(&layout::PCI_WINDOW, address, bar.size as usize)
                .filter(|_| enabled)
                .map(|_| address..address + bar.size)
        };
        let places: Vec<_> = self.bars.iter().map(place).collect();

        // First those that go, for others may come where they were.
        for (bar, place) in self.bars.iter_mut().zip(&places) {
            if bar.at != *place && bar.at.take().is_some() {
                bar.set_slot(&self.vm, &(0..0))?;
            }
        }
        for (bar, place) in self.bars.iter_mut().zip(places) {
            if let (None, Some(range)) = (&bar.at, place) {
                bar.set_slot(&self.vm, &range)?;
                bar.at = Some(range);
            }
        }
        Ok(())
    }
}

impl Bar {
    /// Makes it memory of the guest's, or if the range is empty takes that away.
    fn set_slot(&self, vm: &VmFd, at: &Range<u64>) -> Result<()> {
        let Some(mapping) = &self.mapping else {
            return Ok(());
        };
        let region = kvm_userspace_memory_region {
            slot: layout::BAR_SLOTS + self.index,
            guest_phys_addr: at.start,
            memory_size: at.end - at.start,
            userspace_addr: mapping.as_ptr() as u64,
            flags: 0,
        };

        // SAFETY: It is mapped, with this size, as long as `self` is there, which each vCPU's
        // thread sees to while the vCPU may run; and nothing else in here uses what is mapped.
        unsafe { vm.set_user_memory_region(region) }.context(format_args!(
            "placing BAR {} at {:#x}",
            self.index, at.start
        ))
    }
}

/// Maps a BAR, if the host allows that.
fn map(device: &VfioDevice, index: u32) -> Result<Option<MmapRegion>> {
    if device.get_region_flags(index) & VFIO_REGION_INFO_FLAG_MMAP == 0 {
        return Ok(None);
    }
    // SAFETY: It is open as long as `device` is there.
    let file = unsafe { BorrowedFd::borrow_raw(device.as_raw_fd()) };
    let file = File::from(file.try_clone_to_owned().context("the device")?);
    let offset = FileOffset::new(file, device.get_region_offset(index));

    MmapRegion::from_file(offset, device.get_region_size(index) as usize)
        .map(Some)
        .context(format_args!("mapping BAR {index}"))
}
