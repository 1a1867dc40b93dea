// SPDX-License-Identifier: GPL-2.0

//! The card's MSI-X vectors, each an eventfd that VFIO signals and KVM injects (an irqfd).
//!
//! The guest's table is in memory; what it says is compared with what KVM and VFIO were told, and
//! the difference is told. A vector that is masked has an eventfd but no irqfd, so what arrives
//! meanwhile stays in the eventfd until KVM looks at it again.

use crate::{
    layout,
    Context,
    Result, //
};
use kvm_bindings::{
    kvm_irq_routing_entry,
    KvmIrqRouting,
    KVM_IRQ_ROUTING_MSI,
    KVM_MSI_VALID_DEVID, //
};
use kvm_ioctls::VmFd;
use std::sync::Arc;
use vfio_ioctls::VfioDevice;
use vmm_sys_util::eventfd::{
    EventFd,
    EFD_NONBLOCK, //
};

/// Of the control register.
const ENABLE: u16 = 1 << 15;
const MASK_ALL: u16 = 1 << 14;
/// An entry: address, data, and whether it is masked.
pub const ENTRY: usize = 16;
const ENTRY_MASKED: u32 = 1 << 0;

/// What the device writes where, to interrupt.
#[derive(Clone, Copy, PartialEq)]
struct Message {
    address: u64,
    data: u32,
}

pub struct Msix {
    vm: Arc<VmFd>,
    device: Arc<VfioDevice>,
    /// The guest's.
    pub control: u16,
    table: Vec<u8>,
    events: Vec<EventFd>,
    /// How many vectors VFIO was given an eventfd for.
    opened: usize,
    /// Where KVM sends each vector; one that it does not send has no irqfd.
    routes: Vec<Option<Message>>,
}

impl Msix {
    pub fn new(vm: Arc<VmFd>, device: Arc<VfioDevice>, vectors: usize) -> Result<Self> {
        let events: std::io::Result<_> = (0..vectors).map(|_| EventFd::new(EFD_NONBLOCK)).collect();
        let masked = u128::from(ENTRY_MASKED) << 96;

        Ok(Msix {
            vm,
            device,
            control: (vectors - 1) as u16,
            table: masked.to_le_bytes().repeat(vectors),
            events: events.context("eventfd")?,
            opened: 0,
            routes: vec![None; vectors],
        })
    }

    /// What the table has for a vector: its message, and whether it is masked.
    fn entry(&self, vector: usize) -> (Message, bool) {
        let word = |at: usize| {
            let at = vector * ENTRY + at;
            u32::from_le_bytes([0, 1, 2, 3].map(|byte| self.table[at + byte]))
        };
        let message = Message {
            address: (u64::from(word(4)) << 32) | u64::from(word(0)),
            data: word(8),
        };

        (message, word(12) & ENTRY_MASKED != 0)
    }

    /// Reads from the table; the caller has looked at its bounds.
    pub fn read_table(&self, offset: usize, data: &mut [u8]) {
        data.copy_from_slice(&self.table[offset..offset + data.len()]);
    }

    /// Writes to the table; the caller has looked at its bounds.
    pub fn write_table(&mut self, offset: usize, data: &[u8]) -> Result<()> {
        self.table[offset..offset + data.len()].copy_from_slice(data);
        self.update()
    }

    /// Writes the control register, of which only two bits can be written.
    pub fn write_control(&mut self, value: u16) -> Result<()> {
        self.control = (self.control & !(ENABLE | MASK_ALL)) | (value & (ENABLE | MASK_ALL));
        self.update()
    }

    /// Tells KVM and VFIO what has changed.
    fn update(&mut self) -> Result<()> {
        let live = self.control & (ENABLE | MASK_ALL) == ENABLE;
        let wanted: Vec<_> = (0..self.events.len())
            .map(|vector| self.entry(vector))
            .map(|(message, masked)| (live && !masked).then_some(message))
            .collect();

        if wanted != self.routes {
            self.route(wanted)?;
        }
        if self.control & ENABLE == 0 && self.opened > 0 {
            self.close()?;
        }
        Ok(())
    }

    /// Has KVM send vectors where `wanted` says.
    fn route(&mut self, wanted: Vec<Option<Message>>) -> Result<()> {
        let before = std::mem::replace(&mut self.routes, wanted);

        for (vector, event) in self.events.iter().enumerate() {
            if before[vector].is_some() && self.routes[vector].is_none() {
                self.vm
                    .unregister_irqfd(event, vector as u32)
                    .context("taking an irqfd away")?;
            }
        }

        let entries: Vec<_> = (0..)
            .zip(&self.routes)
            .filter_map(|(vector, message)| message.map(|message| routing_entry(vector, message)))
            .collect();
        let routing = KvmIrqRouting::from_entries(&entries).context("routing")?;
        self.vm
            .set_gsi_routing(&routing)
            .context("routing the device's interrupts")?;

        self.open()?;
        for (vector, event) in self.events.iter().enumerate() {
            if before[vector].is_none() && self.routes[vector].is_some() {
                self.vm
                    .register_irqfd(event, vector as u32)
                    .context("assigning an irqfd")?;
            }
        }
        Ok(())
    }

    /// Gives VFIO the eventfds of the vectors that are sent, and of those that the guest has
    /// only set up yet: each time it is given more, it takes all of them away for a moment.
    fn open(&mut self) -> Result<()> {
        let needed = self
            .routes
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last + 1);
        if needed <= self.opened {
            return Ok(());
        }

        let set = (0..self.events.len()).rposition(|vector| self.entry(vector).0.address != 0);
        let count = set.map_or(needed, |last| needed.max(last + 1));
        self.device
            .enable_msix(self.events[..count].iter().collect())
            .context("the device's MSI-X")?;
        self.opened = count;
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.device.disable_msix().context("the device's MSI-X")?;
        self.opened = 0;
        // What arrived last is not for whoever enables it next. There may be nothing.
        for event in &self.events {
            let _ = event.read();
        }
        Ok(())
    }
}

/// KVM's entry for a vector, whose number is its gsi as well.
fn routing_entry(vector: u32, message: Message) -> kvm_irq_routing_entry {
    let mut entry = kvm_irq_routing_entry {
        gsi: vector,
        type_: KVM_IRQ_ROUTING_MSI,
        flags: KVM_MSI_VALID_DEVID,
        ..Default::default()
    };

    entry.u.msi.address_lo = message.address as u32;
    entry.u.msi.address_hi = (message.address >> 32) as u32;
    entry.u.msi.data = message.data;
    entry.u.msi.__bindgen_anon_1.devid = layout::CARD;
    entry
}
