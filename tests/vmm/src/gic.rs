// SPDX-License-Identifier: GPL-2.0

//! The guest's interrupt controller, which KVM emulates: a GICv3 with an ITS.

use crate::{
    layout,
    Context,
    Result, //
};
use kvm_bindings::{
    kvm_create_device,
    kvm_device_attr,
    kvm_device_type_KVM_DEV_TYPE_ARM_VGIC_ITS as ITS,
    kvm_device_type_KVM_DEV_TYPE_ARM_VGIC_V3 as GIC_V3,
    KVM_DEV_ARM_VGIC_CTRL_INIT as INIT,
    KVM_DEV_ARM_VGIC_GRP_ADDR as ADDRESS,
    KVM_DEV_ARM_VGIC_GRP_CTRL as CONTROL,
    KVM_VGIC_ITS_ADDR_TYPE as OF_ITS,
    KVM_VGIC_V3_ADDR_TYPE_DIST as OF_DISTRIBUTOR,
    KVM_VGIC_V3_ADDR_TYPE_REDIST as OF_REDISTRIBUTORS, //
};
use kvm_ioctls::{
    DeviceFd,
    VmFd, //
};

/// Makes one of KVM's devices, at these addresses.
fn device(vm: &VmFd, kind: u32, addresses: &[(u32, u64)]) -> Result<DeviceFd> {
    let mut create = kvm_create_device {
        type_: kind,
        ..Default::default()
    };
    let device = vm.create_device(&mut create).context("KVM's GICv3")?;

    for (of, address) in addresses {
        device
            .set_device_attr(&kvm_device_attr {
                group: ADDRESS,
                attr: u64::from(*of),
                addr: std::ptr::from_ref(address) as u64,
                flags: 0,
            })
            .context("the address of KVM's GICv3")?;
    }
    device
        .set_device_attr(&kvm_device_attr {
            group: CONTROL,
            attr: u64::from(INIT),
            ..Default::default()
        })
        .context("KVM's GICv3")?;
    Ok(device)
}

/// Makes both parts. All vCPUs must be there.
pub fn make(vm: &VmFd) -> Result<[DeviceFd; 2]> {
    Ok([
        device(
            vm,
            GIC_V3,
            &[
                (OF_DISTRIBUTOR, layout::GIC_DISTRIBUTOR.start),
                (OF_REDISTRIBUTORS, layout::GIC_REDISTRIBUTORS),
            ],
        )?,
        device(vm, ITS, &[(OF_ITS, layout::GIC_ITS.start)])?,
    ])
}
