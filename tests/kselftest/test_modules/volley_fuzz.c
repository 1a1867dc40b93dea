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
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/irq.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/msi.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>

#include <volley.h>

#define SLOTS		24
#define IRQS		16
#define DEVICES		4

/* The devices' interrupts, which may or may not be sources; and the devices. */
static unsigned int irq[IRQS], nr_irqs;
module_param_array(irq, uint, &nr_irqs, 0444);
static char *device[DEVICES];
static unsigned int nr_devices;
module_param_array(device, charp, &nr_devices, 0444);
/* The VM's numbers that an arrival may be redirected to without getting lost: its own. */
static unsigned int first_gsi;
module_param(first_gsi, uint, 0444);
/* No verdict loses an interrupt: what is not forwarded is left to the host. */
static bool lossless = true;
module_param(lossless, bool, 0444);

/* What has been done. */
static atomic_t steps, registered, refused, asked, wrong;

static int get_atomic(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit(buf, "%d\n", atomic_read(kp->arg));
}

static const struct kernel_param_ops atomic_ops = { .get = get_atomic };
module_param_cb(steps, &atomic_ops, &steps, 0444);
module_param_cb(registered, &atomic_ops, &registered, 0444);
module_param_cb(refused, &atomic_ops, &refused, 0444);
module_param_cb(asked, &atomic_ops, &asked, 0444);
module_param_cb(wrong, &atomic_ops, &wrong, 0444);

/* Counts what is wrong, and says it, three times at most. */
#define WRONG(cond, fmt, ...) ({					\
	static atomic_t __said;						\
	bool __wrong = (cond);						\
									\
	if (__wrong) {							\
		atomic_inc(&wrong);					\
		if (atomic_inc_return(&__said) <= 3)			\
			pr_err(fmt "\n", ##__VA_ARGS__);		\
	}								\
	__wrong;							\
})

/* What is random in a step, or in what a handler says. */
struct chance {
	u64 state;
};

/* Marsaglia's xorshift64, multiplied. */
static u32 below(struct chance *chance, u32 limit)
{
	u64 x = chance->state ?: 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	chance->state = x;
	return ((x * 0x2545f4914f6cdd1d) >> 32) % limit;
}

static u32 any(struct chance *chance)
{
	return below(chance, ~0U);
}

/* How a handler behaves. */
enum temper {
	SOUND,		/* gives verdicts that are valid */
	ODD,		/* and some that are not */
	SLOW,		/* takes its time */
	RECURSIVE,	/* calls what it must not call */
	TEMPERS
};

/* A registration. Whoever has made its state BUSY has it for himself. */
struct slot {
	atomic_t state;
	struct volley_registration *registration;
	/* One that there is no more. */
	struct volley_registration *stale;
	/* Those who unregister it although it is not theirs, and how often that worked. */
	atomic_t thieves, stolen;
	struct module *owner;
	/* What it is for; an IRQ of 0 means the device. */
	unsigned int irq;
	struct device *dev;
	enum temper temper;
	/* Whether it may be called, and where it is being called. */
	bool alive;
	atomic_t running;
	atomic64_t chance;
};

enum { FREE, BUSY, LIVE };

static struct slot slots[SLOTS];
static struct device *devices[DEVICES + 1];

/* What a handler is given: no pointer at all. */
static void *data_of(struct slot *slot)
{
	return (void *)(2 * (slot - slots) + 1);
}

static struct slot *slot_of(void *data)
{
	unsigned long number = (unsigned long)data;

	if (WRONG(!(number & 1) || number / 2 >= SLOTS, "a handler gets other data: %lu", number))
		return NULL;
	return &slots[number / 2];
}

static void check_arrival(struct slot *slot, const struct volley_arrival *arrival)
{
	struct msi_desc *desc;

	WRONG(arrival->cpu != smp_processor_id(), "arrival on CPU %u", arrival->cpu);
	WRONG(arrival->reserved, "reserved is %u", arrival->reserved);
	if (slot->irq) {
		WRONG(arrival->irq != slot->irq, "irq %u is asked about irq %u", slot->irq,
		      arrival->irq);
		return;
	}
	desc = irq_get_msi_desc(arrival->irq);
	WRONG(!desc || msi_desc_to_dev(desc) != slot->dev, "irq %u is another device's",
	      arrival->irq);
}

/* Begins a call of the handler; false if there is nothing that can be done. */
static bool enter(struct slot *slot, const struct volley_arrival *arrivals, unsigned int nr,
		  struct chance *chance)
{
	unsigned int i;

	atomic_inc(&asked);
	if (!slot)
		return false;
	atomic_inc(&slot->running);
	WRONG(!READ_ONCE(slot->alive), "called, but not registered");
	WRONG(!in_hardirq(), "called out of an interrupt");
	WRONG(!nr || nr > 16, "%u arrivals at once", nr);
	for (i = 0; i < nr; i++)
		check_arrival(slot, &arrivals[i]);
	chance->state = atomic64_add_return(0x9e3779b97f4a7c15, &slot->chance);
	if (slot->temper == SLOW)
		udelay(below(chance, 50));
	return true;
}

static void leave(struct slot *slot)
{
	if (slot)
		atomic_dec(&slot->running);
}

/* What must be refused here, with the error for it. */
static void refused_here(struct slot *slot, const char *where)
{
	static const struct volley_handler nothing;
	void *ret;

	ret = volley_register_irq(slot->irq ?: irq[0], &nothing, NULL);
	WRONG(ret != ERR_PTR(-EAGAIN), "%s: register_irq: %pe", where, ret);
	ret = volley_register_device(devices[0], &nothing, NULL);
	WRONG(ret != ERR_PTR(-EAGAIN), "%s: register_device: %pe", where, ret);
	ret = ERR_PTR(volley_unregister(READ_ONCE(slot->registration)));
	WRONG(ret != ERR_PTR(-EAGAIN), "%s: unregister: %pe", where, ret);
	atomic_add(3, &refused);
}

static struct volley_verdict decide(struct slot *slot, const struct volley_arrival *arrival,
				    unsigned int at, struct chance *chance)
{
	struct volley_verdict v = { .arrival = at };

	if (slot->temper == RECURSIVE && !below(chance, 8))
		refused_here(slot, "in a handler");

	if (slot->temper == ODD && below(chance, 2)) {
		v.action = VOLLEY_CONSUMED + 1 + below(chance, 3);
		if (!below(chance, 2))
			v.action = any(chance) | BIT(31);
		v.gsi = any(chance);
		return v;
	}
	v.action = below(chance, lossless ? VOLLEY_REDIRECT + 1 : VOLLEY_CONSUMED + 1);
	/* Not looked at, or its own; or to nowhere, which is no valid verdict. */
	v.gsi = any(chance);
	if (v.action == VOLLEY_REDIRECT && below(chance, 8))
		v.gsi = lossless ? arrival->gsi : first_gsi + below(chance, 16);
	if (v.action == VOLLEY_REDIRECT && v.gsi != arrival->gsi && lossless)
		v.gsi |= BIT(31);
	return v;
}

static struct volley_verdict process(const struct volley_arrival *arrival, void *data)
{
	struct volley_verdict v = { .action = VOLLEY_FORWARD };
	struct slot *slot = slot_of(data);
	struct chance chance;

	if (enter(slot, arrival, 1, &chance)) {
		v = decide(slot, arrival, 0, &chance);
		v.arrival = any(&chance);	/* not to be looked at */
	}
	leave(slot);
	return v;
}

static unsigned int process_batch(const struct volley_arrival *arrivals, unsigned int nr,
				  struct volley_verdict *verdicts, void *data)
{
	struct slot *slot = slot_of(data);
	unsigned int i, given = 0;
	struct chance chance;

	if (!enter(slot, arrivals, nr, &chance)) {
		for (; given < nr; given++)
			verdicts[given] = (struct volley_verdict) { VOLLEY_FORWARD, 0, given };
		goto out;
	}
	for (i = nr; i-- > 0;)
		if (lossless || below(&chance, 8))
			verdicts[given++] = decide(slot, &arrivals[i], i, &chance);
	if (slot->temper != ODD)
		goto out;
	switch (below(&chance, 5)) {
	case 0:
		given = nr + 1 + below(&chance, 2) * any(&chance) / 2;
		break;
	case 1:
		/* One that says nothing sound: what has no verdict is not consumed. */
		given = min(given, 1U + below(&chance, nr));
		verdicts[0].action = 99;
		break;
	case 2:
		/* Two about the same; or, with one, about one there is not. */
		verdicts[0].arrival = nr > 1 ? verdicts[nr - 1].arrival : nr;
		break;
	case 3:
		verdicts[below(&chance, nr)].arrival = nr + any(&chance) / 2;
		break;
	}
out:
	leave(slot);
	return given;
}

/* A slot in this state, which then is BUSY. */
static struct slot *take(struct chance *chance, int state)
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

static void put(struct slot *slot, int state)
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
		slot->dev = devices[below(chance, nr_devices + 1)];
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
		slot->irq = irq[below(chance, nr_irqs)];
		new = volley_register_irq(slot->irq, &handler, data_of(slot));
	}
	/* All of it has been copied. */
	memset(&handler, 0x6b, sizeof(handler));
	memset(name, 0x6b, sizeof(name));

	if (IS_ERR_OR_NULL(new)) {
		WRONG(new != ERR_PTR(-ENOENT) && new != ERR_PTR(-EEXIST), "register: %pe", new);
		WRITE_ONCE(slot->alive, false);
		WRONG(atomic_read(&slot->running), "refused, but called");
		atomic_inc(&refused);
		put(slot, FREE);
		return;
	}
	if (bad)
		volley_unregister(new);
	atomic_inc(&registered);
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

/* What is no handler. */
static void do_bad_handler(struct chance *chance)
{
	static const char * const names[] = {
		"", "auto", "host", "msi", "a/b", "a b", "..", "a\n", "\xff", "%p", "a\tb",
		"a2345678901234567890123456789012",
	};
	struct volley_handler handler = {
		.owner = THIS_MODULE,
		.name = "_good",
		.process = process,
	};
	const struct volley_handler *which = &handler;
	struct device *dev = devices[below(chance, nr_devices + 1)];
	bool for_irq = below(chance, 2);
	char *longer = NULL;
	void *ret;

	switch (below(chance, 6)) {
	case 0:
		which = NULL;
		break;
	case 1:
		handler.process_batch = process_batch;
		break;
	case 2:
		handler.process = NULL;
		break;
	case 3:
		handler.name = NULL;
		break;
	case 4:
		longer = kmalloc(PAGE_SIZE, GFP_KERNEL);
		if (longer) {
			memset(longer, 'a', PAGE_SIZE);
			longer[32 + below(chance, PAGE_SIZE - 32)] = '\0';
			handler.name = longer;
			break;
		}
		fallthrough;
	default:
		handler.name = names[below(chance, ARRAY_SIZE(names))];
	}
	if (!for_irq && !below(chance, 4))
		dev = NULL;
	ret = for_irq ? volley_register_irq(irq[0], which, NULL) :
			volley_register_device(dev, which, NULL);
	WRONG(ret != ERR_PTR(-EINVAL), "no handler: %pe", ret);
	if (!dev) {
		handler = (struct volley_handler) { NULL, "_good", process, NULL };
		ret = volley_register_device(NULL, &handler, NULL);
		WRONG(ret != ERR_PTR(-EINVAL), "no device: %pe", ret);
	}
	kfree(longer);
	atomic_inc(&refused);
}

/* What is no registration. */
static void do_bad_unregister(struct chance *chance)
{
	struct volley_registration *what;
	int ret;

	switch (below(chance, 5)) {
	case 0:
		what = NULL;
		break;
	case 1:
		what = ERR_PTR(-(long)below(chance, 4096));
		break;
	case 2:
		what = (void *)&slots[below(chance, SLOTS)];
		break;
	case 3:
		what = (void *)((u64)any(chance) << 32 | any(chance));
		break;
	default:
		/* One that there was. */
		what = READ_ONCE(slots[below(chance, SLOTS)].stale);
	}
	ret = volley_unregister(what);
	WRONG(ret != -ENOENT, "what is no registration was unregistered: %d", ret);
	atomic_inc(&refused);
}

struct from_irq {
	struct irq_work work;
	struct slot *slot;
};

static void refused_in_irq(struct irq_work *work)
{
	refused_here(container_of(work, struct from_irq, work)->slot, "in an interrupt");
}

/* Where nobody may sleep. */
static void do_atomic(struct chance *chance)
{
	static DEFINE_SPINLOCK(lock);
	struct from_irq from = { .work = IRQ_WORK_INIT_HARD(refused_in_irq) };
	struct slot *slot = take(chance, LIVE);
	unsigned long flags;

	if (!slot)
		return;
	switch (below(chance, 5)) {
	case 0:
		local_irq_save(flags);
		refused_here(slot, "interrupts off");
		local_irq_restore(flags);
		break;
	case 1:
		preempt_disable();
		refused_here(slot, "preemption off");
		preempt_enable();
		break;
	case 2:
		spin_lock(&lock);
		refused_here(slot, "spinlock");
		spin_unlock(&lock);
		break;
	case 3:
		local_bh_disable();
		refused_here(slot, "bottom halves off");
		local_bh_enable();
		break;
	default:
		from.slot = slot;
		irq_work_queue(&from.work);
		irq_work_sync(&from.work);
	}
	put(slot, LIVE);
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
	atomic_inc(&steps);
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

	for (i = 0; i < nr_devices; i++)
		put_device(devices[i]);
}

static int __init volley_fuzz_init(void)
{
	unsigned int i, domain, bus, at, func;
	struct pci_dev *pci;

	if (!nr_irqs || !nr_devices)
		return -EINVAL;
	for (i = 0; i < nr_devices; i++) {
		pci = NULL;
		if (sscanf(device[i], "%x:%x:%x.%x", &domain, &bus, &at, &func) == 4)
			pci = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(at, func));
		if (!pci) {
			nr_devices = i;
			put_devices();
			return -ENODEV;
		}
		devices[i] = &pci->dev;
	}
	/* And one that is no PCI device, and has no interrupts. */
	devices[nr_devices] = &platform_bus;
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
