// SPDX-License-Identifier: GPL-2.0

//! A small VMM for arm64: Linux with a console and one assigned PCI device, and nothing besides.
//!
//! It is made of rust-vmm's crates, as crosvm, Firecracker and Cloud Hypervisor partly are, and
//! shares no code with QEMU. Volley's tests run the same guest under both.

mod boot;
mod card;
mod config;
mod console;
mod fdt;
mod gic;
mod layout;
mod msix;
mod options;
mod vcpu;

use card::Card;
use console::Console;
use kvm_bindings::kvm_userspace_memory_region;
use kvm_ioctls::{
    Kvm,
    VmFd, //
};
use options::Options;
use std::{
    fmt::Display,
    process::ExitCode,
    sync::{
        mpsc,
        Arc,
        Mutex, //
    },
};
use vm_memory::{
    GuestAddress,
    GuestMemoryBackend,
    GuestMemoryMmap, //
};

/// A result whose error is a sentence for whoever runs this.
type Result<T> = std::result::Result<T, String>;

/// Says what it was that went wrong.
trait Context<T> {
    /// The error, with `what` before it.
    fn context(self, what: impl Display) -> Result<T>;
}

impl<T, E: Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl Display) -> Result<T> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}

/// What vCPUs find outside of the guest's memory.
struct Devices {
    console: Console,
    card: Mutex<Card>,
}

impl Devices {
    /// Reads what is at a guest physical address; ones where nothing is.
    fn read(&self, address: u64, data: &mut [u8]) {
        if let Some(offset) = layout::offset(&layout::UART, address, data.len()) {
            self.console.read(offset, data);
        } else {
            self.card
                .lock()
                .expect("no thread panics")
                .read(address, data);
        }
    }

    /// Writes to what is at a guest physical address, if anything is.
    fn write(&self, address: u64, data: &[u8]) -> Result<()> {
        if let Some(offset) = layout::offset(&layout::UART, address, data.len()) {
            self.console.write(offset, data)
        } else {
            self.card
                .lock()
                .expect("no thread panics")
                .write(address, data)
        }
    }
}

/// Gives the VM its memory.
fn add_memory(vm: &VmFd, memory: &'static GuestMemoryMmap, size: u64) -> Result<()> {
    let host = memory
        .get_host_address(GuestAddress(layout::MEMORY))
        .context("the guest's memory")?;
    let region = kvm_userspace_memory_region {
        slot: layout::MEMORY_SLOT,
        guest_phys_addr: layout::MEMORY,
        memory_size: size,
        userspace_addr: host as u64,
        flags: 0,
    };

    // SAFETY: `host` is mapped for `size` bytes until the process ends, and no reference to what
    // is in it is ever made.
    unsafe { vm.set_user_memory_region(region) }.context("the guest's memory")
}

/// Makes the VM and runs it until the guest turns it off.
fn run(options: &Options) -> Result<()> {
    let size = options.memory << 20;
    let kvm = Kvm::new().context("/dev/kvm")?;
    let vm = Arc::new(kvm.create_vm().context("cannot make a VM")?);
    let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(layout::MEMORY), size as usize)])
        .context("the guest's memory")?;
    // The VM and the device use it for as long as there is a vCPU's thread.
    let memory = Box::leak(Box::new(memory));
    add_memory(&vm, memory, size)?;

    let boot = boot::load(options, memory, size)?;
    let vcpus = vcpu::make(&vm, options.cpus, &boot)?;
    // They are what the guest's interrupts go through, until the end.
    let _gic = gic::make(&vm)?;
    let devices = Arc::new(Devices {
        console: Console::new(vm.clone()),
        card: Mutex::new(Card::assign(&vm, &options.device, memory)?),
    });

    let (end, ended) = mpsc::channel();
    console::read_input(devices.clone()).context("the console's thread")?;
    for vcpu in vcpus {
        vcpu::start(vcpu, devices.clone(), end.clone()).context("a vCPU's thread")?;
    }
    // The first vCPU that has come to an end ends the VM.
    ended.recv().context("vCPUs")?
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("volley-test-vmm: {error} (see --help)");
            return ExitCode::from(2);
        }
    };

    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("volley-test-vmm: {error}");
            ExitCode::FAILURE
        }
    }
}
