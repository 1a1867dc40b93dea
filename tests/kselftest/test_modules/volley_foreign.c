// SPDX-License-Identifier: GPL-2.0
/*
 * Registers a handler with Volley and does with it what a test says:
 *
 *   echo "irq 47" > /sys/module/volley_foreign/parameters/register
 *   echo "device 0000:00:01.0" > .../register
 *   echo > .../unregister
 *
 * A write returns what Volley returned. "behave" chooses what the handler does;
 * the other parameters show what it was asked.
 */
#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <volley.h>

/* What the handler does, as a test writes it to "behave". */
enum behave {
	HOST,
	FORWARD,
	REDIRECT,
	CONSUME,
	LAST_ONLY,		/* a batch: forwards the last, and consumes the others */
	UNKNOWN_ACTION,
	TOO_MANY,		/* a batch: claims to have given more than there is room for */
	TWICE,			/* a batch: two verdicts about the first */
	NO_SUCH_ARRIVAL,	/* a batch: a verdict about one there is not */
	STALL,			/* forwards, but not before "stall_ms" have passed */
};

static unsigned int behave = FORWARD;
module_param(behave, uint, 0644);
static unsigned int gsi;
module_param(gsi, uint, 0644);
static bool batch;
module_param(batch, bool, 0644);
static char *name = "foreign";
module_param(name, charp, 0644);
static bool both;		/* a handler with both functions: not a valid one */
module_param(both, bool, 0644);
static unsigned int stall_ms;
module_param(stall_ms, uint, 0644);
static bool leak;		/* leaves a registration behind when it is unloaded */
module_param(leak, bool, 0644);

/* What was asked: how often, about how many, at most about how many at once. */
static atomic_t calls, arrivals, largest, running;
static struct volley_arrival last;
/* When the handler last returned from a stall, CLOCK_MONOTONIC, in nanoseconds. */
static unsigned long long stalled_until;
module_param(stalled_until, ullong, 0444);

static int get_atomic(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", atomic_read(kp->arg));
}

static const struct kernel_param_ops atomic_ops = { .get = get_atomic };
module_param_cb(calls, &atomic_ops, &calls, 0444);
module_param_cb(arrivals, &atomic_ops, &arrivals, 0444);
module_param_cb(largest, &atomic_ops, &largest, 0444);
module_param_cb(running, &atomic_ops, &running, 0444);

static int get_last(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%llu %llu %u %u %u %u\n", last.time, last.hwirq, last.irq,
			  last.cpu, last.gsi, last.reserved);
}

static const struct kernel_param_ops last_ops = { .get = get_last };
module_param_cb(last, &last_ops, NULL, 0444);

static struct volley_registration *registration;

static void asked(const struct volley_arrival *arrival, unsigned int nr)
{
	int old = atomic_read(&largest);

	atomic_inc(&calls);
	atomic_add(nr, &arrivals);
	while (old < nr && !atomic_try_cmpxchg(&largest, &old, nr))
		;
	last = arrival[nr - 1];
}

static struct volley_verdict verdict(unsigned int at)
{
	struct volley_verdict v = { .arrival = at };
	u64 until;

	switch (READ_ONCE(behave)) {
	case HOST:
		v.action = VOLLEY_HOST;
		break;
	case REDIRECT:
		v.action = VOLLEY_REDIRECT;
		v.gsi = READ_ONCE(gsi);
		break;
	case CONSUME:
		v.action = VOLLEY_CONSUMED;
		break;
	case UNKNOWN_ACTION:
		v.action = 99;
		break;
	case STALL:
		until = ktime_get_ns() + stall_ms * (u64)NSEC_PER_MSEC;
		while (ktime_get_ns() < until)
			cpu_relax();
		stalled_until = ktime_get_ns();
		fallthrough;
	default:
		v.action = VOLLEY_FORWARD;
	}
	return v;
}

static struct volley_verdict process(const struct volley_arrival *arrival, void *data)
{
	struct volley_verdict v;

	atomic_inc(&running);
	asked(arrival, 1);
	v = verdict(7);		/* not to be looked at */
	atomic_dec(&running);
	return v;
}

static unsigned int process_batch(const struct volley_arrival *arrival, unsigned int nr,
				  struct volley_verdict *verdicts, void *data)
{
	unsigned int i, given = 0;

	atomic_inc(&running);
	asked(arrival, nr);
	switch (READ_ONCE(behave)) {
	case LAST_ONLY:
		verdicts[given++] = verdict(nr - 1);
		break;
	case TOO_MANY:
		given = nr + 1;
		break;
	case TWICE:
		verdicts[given++] = verdict(0);
		if (nr > 1)
			verdicts[given++] = verdict(0);
		else
			verdicts[0].action = 99;
		break;
	case NO_SUCH_ARRIVAL:
		verdicts[given++] = verdict(nr);
		break;
	default:
		/* In another order than they came. */
		for (i = nr; i-- > 0;)
			verdicts[given++] = verdict(i);
	}
	atomic_dec(&running);
	return given;
}

static int set_register(const char *val, const struct kernel_param *kp)
{
	struct volley_handler handler = {
		.owner = THIS_MODULE,
		.name = name,
		.process = batch && !both ? NULL : process,
		.process_batch = batch || both ? process_batch : NULL,
	};
	struct volley_registration *new;
	unsigned int irq, bus, slot, func;
	unsigned long flags;
	struct pci_dev *pci;

	if (sscanf(val, "irq %u", &irq) == 1) {
		new = volley_register_irq(irq, &handler, NULL);
	} else if (sscanf(val, "atomic %u", &irq) == 1) {
		local_irq_save(flags);
		new = volley_register_irq(irq, &handler, NULL);
		local_irq_restore(flags);
	} else if (sscanf(val, "device 0000:%x:%x.%x", &bus, &slot, &func) == 3) {
		pci = pci_get_domain_bus_and_slot(0, bus, PCI_DEVFN(slot, func));
		if (!pci)
			return -ENXIO;
		new = volley_register_device(&pci->dev, &handler, NULL);
		pci_dev_put(pci);
	} else {
		return -ENOMSG;
	}
	if (IS_ERR(new))
		return PTR_ERR(new);
	registration = new;
	return 0;
}

static const struct kernel_param_ops register_ops = { .set = set_register };
module_param_cb(register, &register_ops, NULL, 0200);

static int set_unregister(const char *val, const struct kernel_param *kp)
{
	unsigned long flags;
	int ret;

	if (sysfs_streq(val, "atomic")) {
		local_irq_save(flags);
		ret = volley_unregister(registration);
		local_irq_restore(flags);
		return ret;
	}
	if (sysfs_streq(val, "stray"))
		return volley_unregister((void *)&last);
	ret = volley_unregister(registration);
	if (!ret)
		registration = NULL;
	return ret;
}

static const struct kernel_param_ops unregister_ops = { .set = set_unregister };
module_param_cb(unregister, &unregister_ops, NULL, 0200);

static int __init volley_foreign_init(void)
{
	return 0;
}
module_init(volley_foreign_init);

static void __exit volley_foreign_exit(void)
{
	if (registration && !leak)
		volley_unregister(registration);
}
module_exit(volley_foreign_exit);

MODULE_DESCRIPTION("A handler for Volley's tests");
MODULE_LICENSE("GPL");
