// SPDX-License-Identifier: GPL-2.0

//! The CPU interface of the host's GIC: taking a pending interrupt from within a handler.
//!
//! The register accesses and their order are those of drivers/irqchip/irq-gic-v3.c. With split EOI
//! an interrupt is acknowledged, and its priority dropped, before its handler runs; an LPI needs
//! nothing after that.

use super::Line;
use crate::{
    context::HardIrq,
    registry::REGISTRY,
    source::Source, //
};
use kernel::{
    bindings,
    sync::rcu, //
};

/// Lowest INTID of an LPI (GICv3 architecture specification, section 2.2.1).
pub(crate) const FIRST_LPI: u32 = 8192;

/// INTIDs that stand for no interrupt (GICv3 architecture specification, section 2.2.1).
const SPECIAL: core::ops::RangeInclusive<u32> = 1020..=1023;

/// The registers of the CPU interface that a handler needs.
mod register {
    use kernel::asm;

    /// `ICC_HPPIR1_EL1`: the INTID of the highest pending interrupt.
    ///
    /// # Safety
    ///
    /// The conditions for bursts must hold (`Symbols::can_take_bursts`).
    #[inline(always)]
    pub(super) unsafe fn highest_pending() -> u32 {
        let intid: u64;
        // SAFETY: Reading this register changes nothing; it exists by the safety requirements.
        unsafe { asm!("mrs {}, S3_0_C12_C12_2"; out(reg) intid) };
        // CAST: INTIDs have 24 bits at most.
        intid as u32
    }

    /// `ICC_IAR1_EL1`: acknowledges the highest pending interrupt and returns its INTID.
    ///
    /// As `gic_read_iar_common()`, arch/arm64/include/asm/arch_gicv3.h.
    ///
    /// # Safety
    ///
    /// The conditions for bursts must hold (`Symbols::can_take_bursts`), and the caller must
    /// handle the interrupt.
    #[inline(always)]
    pub(super) unsafe fn acknowledge() -> u32 {
        let intid: u64;
        // SAFETY: The caller handles the interrupt.
        unsafe { asm!("mrs {}, S3_0_C12_C12_0\ndsb sy"; out(reg) intid) };
        // CAST: As above.
        intid as u32
    }

    /// `ICC_EOIR1_EL1`: drops the priority of the interrupt that was acknowledged.
    ///
    /// As `gic_complete_ack()`, drivers/irqchip/irq-gic-v3.c.
    ///
    /// # Safety
    ///
    /// The conditions for bursts must hold (`Symbols::can_take_bursts`), and the interrupt have
    /// been acknowledged.
    #[inline(always)]
    pub(super) unsafe fn drop_priority(intid: u32) {
        // SAFETY: The caller has acknowledged the interrupt.
        unsafe { asm!("msr S3_0_C12_C12_1, {}\nisb"; in(reg) u64::from(intid)) };
    }

    /// `ICC_DIR_EL1`: deactivates an interrupt that nobody handles.
    ///
    /// As `gic_deactivate_unhandled()`, drivers/irqchip/irq-gic-v3.c.
    ///
    /// # Safety
    ///
    /// The conditions for bursts must hold (`Symbols::can_take_bursts`), and the interrupt have
    /// been acknowledged, its priority been dropped, and it not be an LPI.
    #[inline(always)]
    pub(super) unsafe fn deactivate(intid: u32) {
        // SAFETY: By the safety requirements.
        unsafe { asm!("msr S3_0_C12_C11_1, {}\nisb"; in(reg) u64::from(intid)) };
    }
}

/// What a look at the CPU interface found.
pub(super) enum Pending<'irq> {
    /// An arrival of this source. It has been acknowledged, and is the caller's to process.
    Source(&'irq Source),
    /// An interrupt of somebody else's, which came in between. It has been acknowledged, and the
    /// caller must have it handled by [`Line::handle_at_root`].
    Foreign(u32),
    /// Nothing of ours.
    Nothing,
}

/// Takes the highest pending interrupt of this CPU if it belongs to a source.
///
/// Context: hard IRQ, called from a flow handler; no lock may be held.
#[inline]
pub(super) fn take_pending(context: &HardIrq) -> Pending<'_> {
    // SAFETY: The conditions were checked at load: without them there is no burst.
    let promised = unsafe { register::highest_pending() };
    let Some(source) = REGISTRY.by_intid(promised, context) else {
        return Pending::Nothing;
    };

    // SAFETY: As above. What is acknowledged here is handled by the caller, in this exception.
    let intid = unsafe { register::acknowledge() };
    if intid != promised && SPECIAL.contains(&intid) {
        return Pending::Nothing;
    }
    // SAFETY: As above; the interrupt was acknowledged and its priority not yet dropped.
    unsafe { register::drop_priority(intid) };
    if intid == promised {
        return Pending::Source(source);
    }
    match REGISTRY.by_intid(intid, context) {
        Some(source) => Pending::Source(source),
        None => Pending::Foreign(intid),
    }
}

impl Line {
    /// Lets the host handle `intid`, another interrupt of the same GIC, as its driver would.
    ///
    /// Context: hard IRQ, called from a flow handler; no lock may be held.
    #[cold]
    pub(super) fn handle_at_root(&self, intid: u32) {
        // An expedited grace period that asks this CPU from within that handler does not see that
        // it interrupts ours; only where RCU can be preempted does this have it wait. So nothing
        // that ours has borrowed may be used any more: the caller returns after this.
        let _reading = rcu::read_lock();
        // SAFETY: The line's IRQ is allocated, so its innermost domain, the GIC's, exists. This is
        // hard IRQ context with registers set, as a flow handler is called by that domain.
        // CAST: An INTID fits a `usize`.
        let handled = unsafe {
            bindings::generic_handle_domain_irq(self.root_domain().as_ptr(), intid as usize)
        };
        if handled != 0 && intid < FIRST_LPI {
            // SAFETY: It was acknowledged, its priority was dropped, and nobody else ends it.
            unsafe { register::deactivate(intid) };
        }
    }
}
