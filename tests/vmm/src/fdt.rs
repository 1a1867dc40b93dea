// SPDX-License-Identifier: GPL-2.0

//! The device tree that tells the guest what there is.

use crate::{
    layout,
    options::Options, //
};
use std::ops::Range;
use vm_fdt::{
    FdtWriter,
    FdtWriterResult, //
};

const GIC: u32 = 1;
const ITS: u32 = 2;
const CLOCK: u32 = 3;

// From the kernel's dt-bindings: arm-gic.h and irq.h.
const SPI: u32 = 0;
const PPI: u32 = 1;
const EDGE: u32 = 1;
const LEVEL_HIGH: u32 = 4;

/// What a bridge's "ranges" calls 32 bit memory.
const PCI_MEMORY: u32 = 0x0200_0000;

/// The tree for a guest with `size` bytes of memory and an initramfs from one address to another.
pub fn make(options: &Options, size: u64, initrd: Option<(u64, u64)>) -> FdtWriterResult<Vec<u8>> {
    let mut fdt = FdtWriter::new()?;

    let root = fdt.begin_node("")?;
    fdt.property_string("compatible", "linux,dummy-virt")?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_u32("interrupt-parent", GIC)?;

    let node = fdt.begin_node("chosen")?;
    fdt.property_string("bootargs", &options.command_line)?;
    if let Some((from, to)) = initrd {
        fdt.property_u64("linux,initrd-start", from)?;
        fdt.property_u64("linux,initrd-end", to)?;
    }
    fdt.end_node(node)?;

    let node = fdt.begin_node(&format!("memory@{:x}", layout::MEMORY))?;
    fdt.property_string("device_type", "memory")?;
    fdt.property_array_u64("reg", &[layout::MEMORY, size])?;
    fdt.end_node(node)?;

    let node = fdt.begin_node("psci")?;
    fdt.property_string("compatible", "arm,psci-0.2")?;
    fdt.property_string("method", "hvc")?;
    fdt.end_node(node)?;

    // Secure, physical, virtual and hypervisor's timer.
    let node = fdt.begin_node("timer")?;
    let timers = [13, 14, 11, 10].map(|number| [PPI, number, LEVEL_HIGH]);
    fdt.property_string("compatible", "arm,armv8-timer")?;
    fdt.property_array_u32("interrupts", timers.as_flattened())?;
    fdt.property_null("always-on")?;
    fdt.end_node(node)?;

    cpus(&mut fdt, options.cpus)?;
    gic(&mut fdt, options.cpus)?;
    uart(&mut fdt)?;
    pci(&mut fdt)?;
    fdt.end_node(root)?;
    fdt.finish()
}

fn reg(fdt: &mut FdtWriter, range: &Range<u64>) -> FdtWriterResult<()> {
    fdt.property_array_u64("reg", &[range.start, range.end - range.start])
}

fn cpus(fdt: &mut FdtWriter, count: u8) -> FdtWriterResult<()> {
    let cpus = fdt.begin_node("cpus")?;
    fdt.property_u32("#address-cells", 1)?;
    fdt.property_u32("#size-cells", 0)?;
    for number in 0..count {
        let node = fdt.begin_node(&format!("cpu@{number:x}"))?;
        fdt.property_string("device_type", "cpu")?;
        fdt.property_string("compatible", "arm,armv8")?;
        fdt.property_string("enable-method", "psci")?;
        // Its MPIDR, as KVM has it for the first 16.
        fdt.property_u32("reg", u32::from(number))?;
        fdt.end_node(node)?;
    }
    fdt.end_node(cpus)
}

fn gic(fdt: &mut FdtWriter, cpus: u8) -> FdtWriterResult<()> {
    let distributor = layout::GIC_DISTRIBUTOR;
    let redistributors = layout::GIC_REDISTRIBUTOR_SIZE * u64::from(cpus);

    let gic = fdt.begin_node(&format!("interrupt-controller@{:x}", distributor.start))?;
    fdt.property_string("compatible", "arm,gic-v3")?;
    fdt.property_null("interrupt-controller")?;
    fdt.property_u32("#interrupt-cells", 3)?;
    fdt.property_u32("#address-cells", 2)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_null("ranges")?;
    fdt.property_array_u64(
        "reg",
        &[
            distributor.start,
            distributor.end - distributor.start,
            layout::GIC_REDISTRIBUTORS,
            redistributors,
        ],
    )?;
    fdt.property_phandle(GIC)?;

    let its = fdt.begin_node(&format!("msi-controller@{:x}", layout::GIC_ITS.start))?;
    fdt.property_string("compatible", "arm,gic-v3-its")?;
    fdt.property_null("msi-controller")?;
    fdt.property_u32("#msi-cells", 1)?;
    reg(fdt, &layout::GIC_ITS)?;
    fdt.property_phandle(ITS)?;
    fdt.end_node(its)?;
    fdt.end_node(gic)
}

fn uart(fdt: &mut FdtWriter) -> FdtWriterResult<()> {
    let node = fdt.begin_node("clock")?;
    fdt.property_string("compatible", "fixed-clock")?;
    fdt.property_u32("#clock-cells", 0)?;
    fdt.property_u32("clock-frequency", 1_843_200)?;
    fdt.property_phandle(CLOCK)?;
    fdt.end_node(node)?;

    let node = fdt.begin_node(&format!("serial@{:x}", layout::UART.start))?;
    fdt.property_string("compatible", "ns16550a")?;
    reg(fdt, &layout::UART)?;
    fdt.property_u32("clocks", CLOCK)?;
    fdt.property_array_u32("interrupts", &[SPI, layout::UART_SPI, EDGE])?;
    fdt.end_node(node)
}

fn pci(fdt: &mut FdtWriter) -> FdtWriterResult<()> {
    // They are below 4 GiB.
    let base = layout::PCI_WINDOW.start as u32;
    let size = layout::PCI_WINDOW.end as u32 - base;

    let node = fdt.begin_node(&format!("pcie@{:x}", layout::PCI_CONFIG.start))?;
    fdt.property_string("compatible", "pci-host-ecam-generic")?;
    fdt.property_string("device_type", "pci")?;
    fdt.property_u32("#address-cells", 3)?;
    fdt.property_u32("#size-cells", 2)?;
    fdt.property_array_u32("bus-range", &[0, 0])?;
    reg(fdt, &layout::PCI_CONFIG)?;
    fdt.property_array_u32("ranges", &[PCI_MEMORY, 0, base, 0, base, 0, size])?;
    fdt.property_array_u32("msi-map", &[0, ITS, 0, 0x1_0000])?;
    fdt.property_null("dma-coherent")?;
    fdt.end_node(node)
}
