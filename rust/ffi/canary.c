// SPDX-License-Identifier: GPL-2.0
/*
 * What the Rust side takes for granted and no compiler checks for it. Nothing
 * here ends up in the module: it compiles, or it names what has changed.
 */

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/irqchip/arm-gic-v3.h>
#include <linux/kallsyms.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/smp.h>
#include <linux/xarray.h>

#include <asm/kvm_arm.h>
#include <asm/sysreg.h>

#include <kvm/arm_vgic.h>

#define check_type(object, type) \
	static_assert(__same_type(object, type), #object " is not: " #type)
#define check_value(constant, value) \
	static_assert((constant) == (value), #constant " is not " #value)

/* rust/kvm/symbols.rs: found by name at load, and called or read as this. */
check_type(&kallsyms_lookup_name, unsigned long (*)(const char *));
check_type(&kvm_vcpu_wake_up, bool (*)(struct kvm_vcpu *));
check_type(&arch_smp_send_reschedule, void (*)(int));
check_type(&kvm_set_irq, int (*)(struct kvm *, int, u32, int, bool));
check_type(vm_list, struct list_head);
check_type(kvm_lock, struct mutex);
check_type(kvm_vgic_global_state, struct vgic_global);

/*
 * These are declared in a header of KVM's own, which a full kernel source has
 * and a distribution's header package has not. Built against the latter the
 * module compiles all the same, and these prototypes are taken on trust: build
 * against the source once for each kernel version.
 */
#if __has_include("vgic/vgic.h")
#include "vgic/vgic.h"

check_type(&vgic_msi_to_its,
	   struct vgic_its * (*)(struct kvm *, struct kvm_msi *));
check_type(&vgic_v3_fold_lr_state, void (*)(struct kvm_vcpu *));
#endif

/*
 * rust/kvm/route.rs. The key of the translation cache, vgic_its_cache_key(),
 * and VITS_TYPER_DEVBITS and VITS_TYPER_IDBITS, both 16, are private to
 * arch/arm64/kvm/vgic/vgic-its.c: compare them by hand.
 */
check_type(((struct vgic_its *)0)->translation_cache, struct xarray);
check_type(((struct vgic_its *)0)->vgic_its_base, u64);
check_value(KVM_VGIC_V3_ITS_SIZE, 0x20000);
check_value(KVM_MSI_VALID_DEVID, 1);

/* rust/kvm/vcpu.rs: the mode is read atomically and compared as an integer. */
check_type(((struct kvm_vcpu *)0)->mode, int);
check_value(IN_GUEST_MODE, 1);
check_type(((struct kvm_vcpu *)0)->arch.hcr_el2, u64);
check_value(HCR_TWI, 1ULL << 13);

/* rust/kvm/list_registers.rs: the functions that are probed, what is read. */
check_type(&kvm_arch_vcpu_ctxflush_fp, void (*)(struct kvm_vcpu *));
check_type(((struct vgic_v3_cpu_if *)0)->vgic_lr, u64[16]);
check_value(ICH_LR_PENDING_BIT, 1ULL << 62);
check_value(ICH_LR_VIRTUAL_ID_MASK, (1ULL << 32) - 1);
check_value(ICH_HCR_EL2_UIE, 1 << 1);
check_value(ICH_HCR_EL2_NPIE, 1 << 3);

/* rust/host/line.rs: the architecture has one first LPI, for host and guest. */
check_value(VGIC_MIN_LPI, 8192);

/* rust/host/gic.rs: registers in the form that an assembler takes. */
check_value(ICC_IAR1_EL1_SPURIOUS, 1023);
check_value(SYS_ICC_IAR1_EL1, sys_reg(3, 0, 12, 12, 0));
check_value(SYS_ICC_EOIR1_EL1, sys_reg(3, 0, 12, 12, 1));
check_value(SYS_ICC_HPPIR1_EL1, sys_reg(3, 0, 12, 12, 2));
