// SPDX-License-Identifier: GPL-2.0
/*
 * Disables and enables interrupts, as the driver that has requested one may:
 *
 *   echo 50 > /sys/module/volley_irq_off/parameters/disable
 *   echo 50 > /sys/module/volley_irq_off/parameters/enable
 *
 * For tests only: nothing stops it from doing so to an interrupt that is needed.
 */
#include <linux/interrupt.h>
#include <linux/module.h>

static int change(const char *val, const struct kernel_param *kp)
{
	void (*do_it)(unsigned int irq) = kp->arg;
	unsigned int irq;
	int ret = kstrtouint(val, 10, &irq);

	if (!ret)
		do_it(irq);
	return ret;
}

static const struct kernel_param_ops ops = { .set = change };

module_param_cb(disable, &ops, disable_irq, 0200);
module_param_cb(enable, &ops, enable_irq, 0200);

MODULE_DESCRIPTION("Disables and enables interrupts for tests");
MODULE_LICENSE("GPL");
