// SPDX-License-Identifier: GPL-2.0
/*
 * What must be refused: what is no handler and no registration, and all of it
 * where nobody may sleep.
 */
#include <linux/irq_work.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "fuzz.h"

/* What must be refused here, with the error for it. */
void refused_here(struct slot *slot, const char *where)
{
	static const struct volley_handler nothing;
	void *ret;

	ret = volley_register_irq(slot->irq ?: fuzz.irq[0], &nothing, NULL);
	WRONG(ret != ERR_PTR(-EAGAIN), "%s: register_irq: %pe", where, ret);
	ret = volley_register_device(fuzz.device[0], &nothing, NULL);
	WRONG(ret != ERR_PTR(-EAGAIN), "%s: register_device: %pe", where, ret);
	ret = ERR_PTR(volley_unregister(READ_ONCE(slot->registration)));
	WRONG(ret != ERR_PTR(-EAGAIN), "%s: unregister: %pe", where, ret);
	atomic_add(3, &fuzz.refused);
}

/* What is no handler. */
void do_bad_handler(struct chance *chance)
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
	struct device *dev = fuzz.device[below(chance, fuzz.nr_devices + 1)];
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
	ret = for_irq ? volley_register_irq(fuzz.irq[0], which, NULL) :
			volley_register_device(dev, which, NULL);
	WRONG(ret != ERR_PTR(-EINVAL), "no handler: %pe", ret);
	if (!dev) {
		handler = (struct volley_handler) { NULL, "_good", process, NULL };
		ret = volley_register_device(NULL, &handler, NULL);
		WRONG(ret != ERR_PTR(-EINVAL), "no device: %pe", ret);
	}
	kfree(longer);
	atomic_inc(&fuzz.refused);
}

/* What is no registration. */
void do_bad_unregister(struct chance *chance)
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
	atomic_inc(&fuzz.refused);
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
void do_atomic(struct chance *chance)
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
