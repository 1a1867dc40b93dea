// SPDX-License-Identifier: GPL-2.0
/*
 * The handlers, which check what they are called with, and answer what they like.
 */
#include <linux/delay.h>
#include <linux/irq.h>
#include <linux/msi.h>
#include <linux/preempt.h>

#include "fuzz.h"

void *data_of(struct slot *slot)
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

	atomic_inc(&fuzz.asked);
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
	v.action = below(chance, fuzz.lossless ? VOLLEY_REDIRECT + 1 : VOLLEY_CONSUMED + 1);
	/* Not looked at, or its own; or to nowhere, which is no valid verdict. */
	v.gsi = any(chance);
	if (v.action == VOLLEY_REDIRECT && below(chance, 8))
		v.gsi = fuzz.lossless ? arrival->gsi : fuzz.first_gsi + below(chance, 16);
	if (v.action == VOLLEY_REDIRECT && v.gsi != arrival->gsi && fuzz.lossless)
		v.gsi |= BIT(31);
	return v;
}

struct volley_verdict process(const struct volley_arrival *arrival, void *data)
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

unsigned int process_batch(const struct volley_arrival *arrivals, unsigned int nr,
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
		if (fuzz.lossless || below(&chance, 8))
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
