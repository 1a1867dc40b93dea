// SPDX-License-Identifier: GPL-2.0

//! The host's side of a source: one Linux IRQ that an LPI of the host's GIC raises.
//!
//! C header: [`include/linux/irqdesc.h`](srctree/include/linux/irqdesc.h)

use super::{
    flow,
    gic::FIRST_LPI, //
};
use crate::{
    bindings as volley_bindings,
    context::Serialised,
    series::not_supported, //
};
use core::ptr::{
    null,
    NonNull, //
};
use kernel::{
    bindings,
    device::Device,
    prelude::*, //
};

/// States in which genirq's own flow handler must decide what happens to an arrival.
///
/// A suspended interrupt is disabled as well (`suspend_device_irq()` in kernel/irq/pm.c).
const LEFT_TO_GENIRQ: u32 = bindings::IRQD_IRQ_DISABLED | bindings::IRQD_WAKEUP_ARMED;

/// One Linux IRQ of the host whose arrivals Volley can take.
///
/// # Invariants
///
/// `desc` is the descriptor of `irq`, `domain` the innermost domain of its hierarchy. Both remain
/// until the IRQ bypass manager has disconnected the pair that the line was found from.
pub(crate) struct Line {
    irq: u32,
    intid: u32,
    desc: NonNull<bindings::irq_desc>,
    domain: NonNull<bindings::irq_domain>,
}

// SAFETY: The descriptor belongs to no thread; what is read of it is read atomically.
unsafe impl Send for Line {}
// SAFETY: As above.
unsafe impl Sync for Line {}

impl Line {
    /// Finds the line of the Linux IRQ `irq`.
    ///
    /// # Errors
    ///
    /// `ENODEV` if there is no such IRQ; `EOPNOTSUPP` if it is not an LPI that the host handles in
    /// the stock way.
    ///
    /// # Safety
    ///
    /// The IRQ must stay allocated for as long as the line is used.
    pub(crate) unsafe fn find(irq: u32, _: &Serialised) -> Result<Self> {
        // SAFETY: FFI call without requirements.
        let desc = unsafe { volley_bindings::volley_irq_desc(irq) }.cast::<bindings::irq_desc>();
        let desc = NonNull::new(desc).ok_or(ENODEV)?;

        // SAFETY: The descriptor exists by the safety requirements. Its flow handler is changed
        // only by us and by whoever sets the IRQ up, which is over.
        let handler = unsafe { (*desc.as_ptr()).handle_irq };
        let stock: unsafe extern "C" fn(*mut bindings::irq_desc) = bindings::handle_fasteoi_irq;
        if handler.map(|handler| handler as usize) != Some(stock as usize) {
            return Err(not_supported());
        }

        // SAFETY: The hierarchy of an IRQ's data does not change while it is allocated.
        let (intid, domain) = unsafe { Self::root(&raw mut (*desc.as_ptr()).irq_data)? };
        // INVARIANT: `desc` is what genirq has for `irq`; its life is the caller's promise.
        Ok(Self {
            irq,
            intid,
            desc,
            domain,
        })
    }

    /// Returns the innermost domain of the IRQ's hierarchy: the GIC's own. Context: any.
    pub(super) fn root_domain(&self) -> NonNull<bindings::irq_domain> {
        self.domain
    }

    /// Returns the INTID and the domain of an LPI, from the innermost domain of its hierarchy.
    ///
    /// # Safety
    ///
    /// `data` must be the outermost data of an allocated IRQ.
    unsafe fn root(
        mut data: *mut bindings::irq_data,
    ) -> Result<(u32, NonNull<bindings::irq_domain>)> {
        loop {
            // SAFETY: All data of an allocated IRQ, and their chips, are valid.
            let (chip, parent, hwirq, domain) = unsafe {
                (
                    (*data).chip,
                    (*data).parent_data,
                    (*data).hwirq,
                    (*data).domain,
                )
            };
            // A chip on a slow bus would have to be locked by sleeping.
            // SAFETY: As above.
            if chip.is_null() || unsafe { (*chip).irq_bus_lock }.is_some() {
                return Err(not_supported());
            }
            if parent.is_null() {
                return match (u32::try_from(hwirq), NonNull::new(domain)) {
                    (Ok(intid), Some(domain)) if intid >= FIRST_LPI => Ok((intid, domain)),
                    _ => Err(not_supported()),
                };
            }
            data = parent;
        }
    }

    /// Returns the Linux IRQ number.
    pub(crate) fn irq(&self) -> u32 {
        self.irq
    }

    /// Returns the INTID at the host's GIC.
    pub(crate) fn intid(&self) -> u32 {
        self.intid
    }

    /// Returns the device whose MSI it is, to be compared with others. Context: process.
    pub(crate) fn device(&self) -> Option<*const Device> {
        // SAFETY: FFI call without requirements; the IRQ is allocated by the type invariants.
        let device = unsafe { volley_bindings::volley_irq_device(self.irq) };
        NonNull::new(device).map(|device| device.as_ptr().cast::<Device>().cast_const())
    }

    /// Makes Volley the one to be called for the IRQ. Context: process.
    pub(crate) fn take_over(&self, _: &Serialised) {
        self.set_flow_handler(flow::handle);
    }

    /// Makes the stock flow handler the one to be called again. Context: process.
    ///
    /// Volley's may still be running when this returns.
    pub(crate) fn give_back(&self, _: &Serialised) {
        self.set_flow_handler(bindings::handle_fasteoi_irq);
    }

    fn set_flow_handler(&self, handler: unsafe extern "C" fn(*mut bindings::irq_desc)) {
        // SAFETY: The IRQ is allocated by the type invariants. Both handlers fit it: it was found
        // with the stock one, and ours does for such an IRQ what that one does.
        unsafe { bindings::__irq_set_handler(self.irq, Some(handler), 0, null()) };
    }

    /// Returns whether genirq would pass an arrival on, so that it is ours to process.
    ///
    /// Like the stock handler's check this is about arrivals yet to come: one that is being
    /// processed while the IRQ is being disabled may still get through. Context: hard IRQ.
    #[inline(always)]
    pub(super) fn deliverable(&self) -> bool {
        let desc = self.desc.as_ptr();
        // SAFETY: The descriptor is valid by the type invariants; both words change under its
        // lock, and are read in one go each.
        unsafe {
            let state = (&raw const (*desc).irq_common_data.state_use_accessors).read_volatile();
            let action = (&raw const (*desc).action).read_volatile();
            state & LEFT_TO_GENIRQ == 0 && !action.is_null()
        }
    }

    /// Counts an arrival in /proc/interrupts and /proc/stat. Context: hard IRQ.
    #[inline(always)]
    pub(crate) fn account(&self) {
        // SAFETY: The descriptor is valid by the type invariants, and interrupts are off.
        unsafe { volley_bindings::volley_irq_account(self.desc.as_ptr().cast()) };
    }

    /// Lets the stock flow handler have an arrival, for which it counts by itself.
    ///
    /// Context: hard IRQ; no lock of ours or KVM's may be held.
    pub(crate) fn leave_to_host(&self) {
        // SAFETY: The descriptor is valid by the type invariants. The interrupt has been
        // acknowledged and its priority dropped, which is where the stock handler starts.
        unsafe { bindings::handle_fasteoi_irq(self.desc.as_ptr()) };
    }
}
