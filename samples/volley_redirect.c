// SPDX-License-Identifier: GPL-2.0
/*
 * Turns the arrivals of one assigned interrupt into another interrupt of its VM:
 *
 *   insmod volley_redirect.ko irq=47 gsi=25
 *
 * The GSI is the number that the VMM has given the other interrupt; for one that
 * is assigned as well, /sys/kernel/volley/irqs/<irq>/gsi has it.
 */
#include <linux/err.h>
#include <linux/module.h>

#include <volley.h>

static unsigned int irq;
module_param(irq, uint, 0444);
MODULE_PARM_DESC(irq, "The Linux IRQ number, as in /sys/kernel/volley/irqs");

static unsigned int gsi;
module_param(gsi, uint, 0444);
MODULE_PARM_DESC(gsi, "The number, in the VM, of the interrupt that it becomes");

static struct volley_registration *registration;

/* Hard interrupt context. */
static struct volley_verdict redirect(const struct volley_arrival *arrival, void *data)
{
	return (struct volley_verdict) {
		.action = VOLLEY_REDIRECT,
		.gsi = gsi,
	};
}

static const struct volley_handler handler = {
	.owner = THIS_MODULE,
	.name = "redirect",
	.process = redirect,
};

static int __init volley_redirect_init(void)
{
	registration = volley_register_irq(irq, &handler, NULL);
	if (IS_ERR(registration)) {
		pr_err("irq %u: %pe\n", irq, registration);
		return PTR_ERR(registration);
	}
	return 0;
}
module_init(volley_redirect_init);

static void __exit volley_redirect_exit(void)
{
	/* Once this has returned, redirect() does not run any more. */
	volley_unregister(registration);
}
module_exit(volley_redirect_exit);

MODULE_DESCRIPTION("Turns one assigned interrupt of a VM into another");
MODULE_LICENSE("GPL");
