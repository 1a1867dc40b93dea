/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel headers whose types Volley needs and kernel::bindings lacks.
 * bindgen reads this file; nothing else includes it.
 */

#include <linux/fprobe.h>
#include <linux/irqbypass.h>
#include <linux/irqdesc.h>
#include <linux/kvm_host.h>
#include <linux/kvm_irqfd.h>

#include <kvm/arm_vgic.h>

#include "../api/volley.h"
#include "../ffi/shim.h"
