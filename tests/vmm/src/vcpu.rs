// SPDX-License-Identifier: GPL-2.0

//! vCPUs, a thread each.

use crate::{
    boot::Boot,
    Context,
    Devices,
    Result, //
};
use kvm_bindings::{
    kvm_regs,
    kvm_vcpu_init,
    KVM_ARM_VCPU_POWER_OFF,
    KVM_ARM_VCPU_PSCI_0_2,
    KVM_REG_ARM64,
    KVM_REG_ARM_CORE,
    KVM_REG_SIZE_U64,
    KVM_SYSTEM_EVENT_RESET,
    KVM_SYSTEM_EVENT_SHUTDOWN, //
};
use kvm_ioctls::{
    VcpuExit,
    VcpuFd,
    VmFd, //
};
use std::{
    io,
    mem::offset_of,
    sync::{
        mpsc::Sender,
        Arc, //
    },
    thread, //
};

/// EL1 with its own stack pointer, and debug exceptions, SErrors, IRQs and FIQs masked.
const PSTATE: u64 = 0x3c5;

/// Sets the register that is at `offset` in `struct kvm_regs`.
fn set_register(vcpu: &VcpuFd, offset: usize, value: u64) -> Result<()> {
    let id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | u64::from(KVM_REG_ARM_CORE) | (offset as u64 / 4);

    vcpu.set_one_reg(id, &value.to_ne_bytes())
        .context("a vCPU's register")?;
    Ok(())
}

/// Makes all vCPUs; but for the first they are off, until the guest turns them on by PSCI.
pub fn make(vm: &VmFd, count: u8, boot: &Boot) -> Result<Vec<VcpuFd>> {
    let mut preferred = kvm_vcpu_init::default();
    vm.get_preferred_target(&mut preferred).context("vCPUs")?;

    (0..count)
        .map(|number| {
            let vcpu = vm.create_vcpu(u64::from(number)).context("a vCPU")?;
            let mut init = preferred;
            init.features[0] |= 1 << KVM_ARM_VCPU_PSCI_0_2;
            if number > 0 {
                init.features[0] |= 1 << KVM_ARM_VCPU_POWER_OFF;
            }
            vcpu.vcpu_init(&init).context("a vCPU")?;
            if number == 0 {
                set_register(&vcpu, offset_of!(kvm_regs, regs.pstate), PSTATE)?;
                set_register(&vcpu, offset_of!(kvm_regs, regs.pc), boot.entry)?;
                set_register(&vcpu, offset_of!(kvm_regs, regs.regs), boot.fdt)?;
            }
            Ok(vcpu)
        })
        .collect()
}

/// Runs it until the guest turns the VM off.
fn run(mut vcpu: VcpuFd, devices: &Devices) -> Result<()> {
    loop {
        match vcpu.run() {
            Ok(VcpuExit::MmioRead(address, data)) => devices.read(address, data),
            Ok(VcpuExit::MmioWrite(address, data)) => devices.write(address, data)?,
            Ok(VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_SHUTDOWN, _)) => return Ok(()),
            // With panic=-1 on its command line that is what a guest does then.
            Ok(VcpuExit::SystemEvent(KVM_SYSTEM_EVENT_RESET, _)) => {
                return Err(String::from("the guest wants to begin anew"));
            }
            Ok(exit) => return Err(format!("a vCPU stopped: {exit:?}")),
            // A signal came, for a debugger's sake.
            Err(error) if io::Error::from(error).kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("a vCPU does not run: {error}")),
        }
    }
}

/// Starts it, and has it say how it ended.
pub fn start(vcpu: VcpuFd, devices: Arc<Devices>, end: Sender<Result<()>>) -> io::Result<()> {
    thread::Builder::new()
        .name(String::from("vcpu"))
        .spawn(move || end.send(run(vcpu, &devices)))?;
    Ok(())
}
