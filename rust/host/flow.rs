// SPDX-License-Identifier: GPL-2.0

//! The flow handler: where the host hands an arrival to Volley.

use super::burst;
use crate::{
    context::HardIrq,
    registry::REGISTRY, //
};
use kernel::bindings;

/// Volley's flow handler, in the place of `handle_fasteoi_irq()`.
///
/// An LPI of a host with split EOI has no state left once the GIC driver has dropped its priority:
/// there is nothing to end here, and no reason to mask it while it is processed. A second arrival
/// on another CPU, while the IRQ's affinity changes, is processed at the same time.
///
/// # Safety
///
/// To be called by genirq only: in hard IRQ, interrupts off, with the descriptor of an IRQ.
pub(super) unsafe extern "C" fn handle(desc: *mut bindings::irq_desc) {
    // SAFETY: By the safety requirements; the value is local.
    let context = unsafe { HardIrq::new() };
    // SAFETY: `desc` is valid, and its number never changes.
    let irq = unsafe { (*desc).irq_data.irq };

    match REGISTRY.by_irq(irq, &context) {
        Some(source) => {
            if let Some(intid) = burst::receive(source, &context) {
                source.line().handle_at_root(intid);
            }
        }
        // Being attached or detached at this moment.
        // SAFETY: The stock handler is called as it would have been without us.
        None => unsafe { bindings::handle_fasteoi_irq(desc) },
    }
}
