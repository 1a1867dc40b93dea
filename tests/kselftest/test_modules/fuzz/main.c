// SPDX-License-Identifier: GPL-2.0
/*
 * Calls what Volley exports with whatever can be thought of, and checks that it
 * does as volley.h and handlers.rst say:
 *
 *   echo 4711 > /sys/kernel/debug/volley_fuzz/step
 *
 * takes one step, which is made from that number. Any number of threads may do
 * so at once. What was wrong goes to the log, and is counted in "wrong".
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include "fuzz.h"

struct fuzz fuzz = { .lossless = true };
struct slot slots[SLOTS];

module_param_array_named(irq, fuzz.irq, uint, &fuzz.nr_irqs, 0444);
static char *device[DEVICES];
module_param_array(device, charp, &fuzz.nr_devices, 0444);
module_param_named(first_gsi, fuzz.first_gsi, uint, 0444);
module_param_named(lossless, fuzz.lossless, bool, 0444);

static int get_atomic(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", atomic_read(kp->arg));
}

static const struct kernel_param_ops atomic_ops = { .get = get_atomic };
module_param_cb(steps, &atomic_ops, &fuzz.steps, 0444);
module_param_cb(registered, &atomic_ops, &fuzz.registered, 0444);
module_param_cb(refused, &atomic_ops, &fuzz.refused, 0444);
module_param_cb(asked, &atomic_ops, &fuzz.asked, 0444);
module_param_cb(wrong, &atomic_ops, &fuzz.wrong, 0444);

struct slot *take(struct chance *chance, int state)
{
	unsigned int at = below(chance, SLOTS), i;
	struct slot *slot;

	for (i = 0; i < SLOTS; i++) {
		slot = &slots[(at + i) % SLOTS];
		if (atomic_cmpxchg(&slot->state, state, BUSY) == state)
			return slot;
	}
	return NULL;
}

void put(struct slot *slot, int state)
{
	atomic_set_release(&slot->state, state);
}

/* Interrupts that are no source, whatever becomes of the devices. */
static unsigned int bad_irq(struct chance *chance)
{
	static const unsigned int bad[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff };
	unsigned int at = below(chance, ARRAY_SIZE(bad) + 2);

	return at < ARRAY_SIZE(bad) ? bad[at] : any(chance) | BIT(20);
}

static const char *good_name(struct chance *chance, char *name)
{
	static const char letters[] = "abcxyzABCXYZ0189-_";
	int i, len = 1 + below(chance, 30);

	name[0] = '_';
	for (i = 1; i < len; i++)
		name[i] = letters[below(chance, sizeof(letters) - 1)];
	name[len] = '\0';
	return name;
}

static void do_register(struct chance *chance)
{
	struct slot *slot = take(chance, FREE);
	struct volley_handler handler = {};
	struct volley_registration *new;
	bool bad = false;
	char name[32];

	if (!slot)
		return;
	/* Nobody's, or ours. Those of nobody are ended when this module goes. */
	slot->owner = below(chance, 4) ? THIS_MODULE : NULL;
	handler.owner = slot->owner;
	handler.name = good_name(chance, name);
	if (below(chance, 2))
		handler.process = process;
	else
		handler.process_batch = process_batch;

	slot->temper = below(chance, TEMPERS);
	atomic64_set(&slot->chance, (u64)any(chance) << 32 | any(chance));
	atomic_set(&slot->stolen, 0);
	slot->irq = 0;
	slot->dev = NULL;
	slot->registration = NULL;
	WRITE_ONCE(slot->alive, true);
	switch (below(chance, 4)) {
	case 0:
		slot->dev = fuzz.device[below(chance, fuzz.nr_devices + 1)];
		new = volley_register_device(slot->dev, &handler, data_of(slot));
		WRONG(new == ERR_PTR(-ENOENT), "a device is not found");
		break;
	case 1:
		bad = true;
		slot->irq = bad_irq(chance);
		new = volley_register_irq(slot->irq, &handler, data_of(slot));
		WRONG(new != ERR_PTR(-ENOENT), "irq %u: %pe", slot->irq, new);
		break;
	default:
		slot->irq = fuzz.irq[below(chance, fuzz.nr_irqs)];
		new = volley_register_irq(slot->irq, &handler, data_of(slot));
	}
	/* All of it has been copied. */
	memset(&handler, 0x6b, sizeof(handler));
	memset(name, 0x6b, sizeof(name));

	if (IS_ERR_OR_NULL(new)) {
		WRONG(new != ERR_PTR(-ENOENT) && new != ERR_PTR(-EEXIST), "register: %pe", new);
		WRITE_ONCE(slot->alive, false);
		WRONG(atomic_read(&slot->running), "refused, but called");
		atomic_inc(&fuzz.refused);
		put(slot, FREE);
		return;
	}
	if (bad)
		volley_unregister(new);
	atomic_inc(&fuzz.registered);
	slot->registration = new;
	put(slot, LIVE);
}

/* A slot that is ours, and whose registration may be somebody else's to end. */
static void end(struct slot *slot)
{
	int ret = volley_unregister(slot->registration);

	while (atomic_read(&slot->thieves))
		usleep_range(50, 100);
	WRONG(ret && ret != -ENOENT, "unregister: %d", ret);
	WRONG(!ret + atomic_read(&slot->stolen) != 1, "unregistered %d times",
	      !ret + atomic_read(&slot->stolen));
	/* From here on it is not called any more. */
	WRITE_ONCE(slot->alive, false);
	WRONG(atomic_read(&slot->running), "unregistered, but running");
	slot->stale = slot->registration;
}

static void do_unregister(struct chance *chance)
{
	struct slot *slot = take(chance, LIVE);

	if (!slot)
		return;
	end(slot);
	put(slot, FREE);
}

/* Two at once: it works for one of them. */
static void do_steal(struct chance *chance)
{
	struct slot *slot = &slots[below(chance, SLOTS)];
	struct volley_registration *registration;
	int ret;

	atomic_inc(&slot->thieves);
	smp_mb__after_atomic();		/* pairs with end(), which looks at it when it has ended */
	registration = READ_ONCE(slot->registration);
	if (atomic_read_acquire(&slot->state) == LIVE) {
		ret = volley_unregister(registration);
		WRONG(ret && ret != -ENOENT, "unregister: %d", ret);
		if (!ret)
			atomic_inc(&slot->stolen);
	}
	atomic_dec(&slot->thieves);
}

static void (* const what[])(struct chance *chance) = {
	do_register, do_register, do_register, do_register, do_register, do_register,
	do_unregister, do_unregister, do_unregister, do_steal, do_bad_handler,
	do_bad_unregister, do_atomic,
};

static ssize_t step(struct file *file, const char __user *buf, size_t len, loff_t *at)
{
	struct chance chance;
	u64 number;
	int ret;

	ret = kstrtou64_from_user(buf, len, 0, &number);
	if (ret)
		return ret;
	chance.state = (number + 1) * 0x9e3779b97f4a7c15;
	below(&chance, 2);
	what[below(&chance, ARRAY_SIZE(what))](&chance);
	atomic_inc(&fuzz.steps);
	return len;
}

static const struct file_operations step_ops = {
	.owner = THIS_MODULE,
	.write = step,
};

static struct dentry *directory;

static void put_devices(void)
{
	unsigned int i;

	for (i = 0; i < fuzz.nr_devices; i++)
		put_device(fuzz.device[i]);
}

static int __init volley_fuzz_init(void)
{
	unsigned int i, domain, bus, at, func;
	struct pci_dev *pci;

	if (!fuzz.nr_irqs || !fuzz.nr_devices)
		return -EINVAL;
	for (i = 0; i < fuzz.nr_devices; i++) {
		pci = NULL;
		if (sscanf(device[i], "%x:%x:%x.%x", &domain, &bus, &at, &func) == 4)
			pci = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(at, func));
		if (!pci) {
			fuzz.nr_devices = i;
			put_devices();
			return -ENODEV;
		}
		fuzz.device[i] = &pci->dev;
	}
	fuzz.device[fuzz.nr_devices] = &platform_bus;
	directory = debugfs_create_dir("volley_fuzz", NULL);
	debugfs_create_file("step", 0200, directory, NULL, &step_ops);
	return 0;
}
module_init(volley_fuzz_init);

static void __exit volley_fuzz_exit(void)
{
	bool forgotten = false;
	unsigned int i;

	debugfs_remove(directory);
	for (i = 0; i < SLOTS; i++) {
		if (atomic_read(&slots[i].state) != LIVE)
			continue;
		/* Volley ends one by itself, as this module is its owner. */
		if (slots[i].owner && !forgotten)
			forgotten = true;
		else
			end(&slots[i]);
	}
	put_devices();
}
module_exit(volley_fuzz_exit);

MODULE_DESCRIPTION("Calls Volley with nonsense");
MODULE_LICENSE("GPL");
