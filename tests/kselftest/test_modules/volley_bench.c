// SPDX-License-Identifier: GPL-2.0
/*
 * The least that an interrupt can cost: it is taken and ended, and nothing else
 * is done.
 *
 *   echo 50 > /sys/module/volley_bench/parameters/floor
 *   echo 50 > /sys/module/volley_bench/parameters/stock
 *
 * The second gives the interrupt its own handler back. "taken" counts.
 */
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/module.h>

/* Written by the one CPU that takes the interrupts. */
static unsigned long taken;
module_param(taken, ulong, 0444);

static void take_and_end(struct irq_desc *desc)
{
	struct irq_data *data = irq_desc_get_irq_data(desc);

	taken++;
	irq_data_get_irq_chip(data)->irq_eoi(data);
}

static int set_handler(const char *val, const struct kernel_param *kp)
{
	unsigned int irq;
	int ret = kstrtouint(val, 10, &irq);

	if (!ret)
		irq_set_handler(irq, kp->arg);
	return ret;
}

static const struct kernel_param_ops ops = { .set = set_handler };

module_param_cb(floor, &ops, take_and_end, 0200);
module_param_cb(stock, &ops, handle_fasteoi_irq, 0200);

MODULE_DESCRIPTION("Takes and ends interrupts for measurements");
MODULE_LICENSE("GPL");
