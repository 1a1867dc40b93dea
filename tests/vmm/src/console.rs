// SPDX-License-Identifier: GPL-2.0

//! The guest's console: a 16550 with stdin and stdout at its other end.

use crate::{
    layout,
    Context,
    Devices,
    Result, //
};
use kvm_bindings::{
    KVM_ARM_IRQ_TYPE_SHIFT,
    KVM_ARM_IRQ_TYPE_SPI, //
};
use kvm_ioctls::VmFd;
use std::{
    io::{
        self,
        Read,
        Stdout, //
    },
    sync::{
        Arc,
        Condvar,
        Mutex, //
    },
    thread, //
};
use vm_superio::{
    serial::NoEvents,
    Serial,
    Trigger, //
};

/// The UART's interrupt: an edge.
struct Line(Arc<VmFd>);

impl Trigger for Line {
    type E = kvm_ioctls::Error;

    fn trigger(&self) -> std::result::Result<(), Self::E> {
        let irq = (KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT) | (32 + layout::UART_SPI);

        self.0.set_irq_line(irq, true)?;
        self.0.set_irq_line(irq, false)
    }
}

pub struct Console {
    uart: Mutex<Serial<Line, NoEvents, Stdout>>,
    /// The guest has used a register, so there may be room for more.
    touched: Condvar,
}

impl Console {
    pub fn new(vm: Arc<VmFd>) -> Self {
        Console {
            uart: Mutex::new(Serial::new(Line(vm), io::stdout())),
            touched: Condvar::new(),
        }
    }

    /// Reads a register. They are bytes; of what is longer, the rest is 0.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        if let (Ok(offset @ 0..8), Some(byte)) = (u8::try_from(offset), data.first_mut()) {
            *byte = self.uart.lock().expect("no thread panics").read(offset);
            self.touched.notify_one();
        }
    }

    /// Writes a register.
    pub fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        if let (Ok(offset @ 0..8), Some(byte)) = (u8::try_from(offset), data.first()) {
            let mut uart = self.uart.lock().expect("no thread panics");
            uart.write(offset, *byte).context("the console")?;
            self.touched.notify_one();
        }
        Ok(())
    }

    /// Has the guest read these, as fast as it does.
    fn send(&self, mut bytes: &[u8]) -> Result<()> {
        let mut uart = self.uart.lock().expect("no thread panics");

        while !bytes.is_empty() {
            // None at all while the guest has it talk to itself.
            let sent = match uart.fifo_capacity() {
                0 => 0,
                _ => uart.enqueue_raw_bytes(bytes).context("the console")?,
            };
            bytes = &bytes[sent..];
            if sent == 0 {
                uart = self.touched.wait(uart).expect("no thread panics");
            }
        }
        Ok(())
    }
}

/// Starts to send stdin to the guest, until its end.
pub fn read_input(devices: Arc<Devices>) -> io::Result<()> {
    thread::Builder::new()
        .name(String::from("console"))
        .spawn(move || {
            let mut bytes = [0; 64];
            let outcome = loop {
                match io::stdin().read(&mut bytes) {
                    Ok(0) => break Ok(()),
                    Ok(count) => {
                        if let Err(error) = devices.console.send(&bytes[..count]) {
                            break Err(error);
                        }
                    }
                    Err(error) => break Err(format!("stdin: {error}")),
                }
            };
            if let Err(error) = outcome {
                eprintln!("volley-test-vmm: {error}");
            }
        })?;
    Ok(())
}
