// SPDX-License-Identifier: GPL-2.0
/*
 * Sending interrupts, and seeing what became of each.
 */
#include <kvm_util.h>

#include "rig.h"

#define for_each_vector(i, mask)				\
	for (i = 0; i < DEVICE_VECTORS; i++)			\
		if ((mask) & (1U << (i)))

/* Where the guest writes down what it takes of a vector. */
static struct guest_lpi *vector_lpi(struct rig *rig, int d, int vector)
{
	return &rig->shared->lpi[rig->lpi[d][rig->event[d][vector]]];
}

/* Writes down that the vectors of @mask are raised now. */
static void rig_note(struct rig *rig, int d, u32 mask)
{
	struct guest_lpi *lpi;
	u64 now = host_ticks();
	int i;

	rig->round++;
	for_each_vector(i, mask) {
		lpi = vector_lpi(rig, d, i);
		WRITE_ONCE(lpi->raised_at, now);
		WRITE_ONCE(lpi->round, rig->round);
		rig->sent[d][i]++;
	}
	/* The guest must find the above when the interrupt comes. */
	asm volatile("dsb sy" ::: "memory");
}

void rig_raise(struct rig *rig, int d, u32 mask)
{
	rig_note(rig, d, mask);
	device_raise(rig->dev[d], mask);
}

void rig_raise_spaced(struct rig *rig, int d, u32 mask, u64 spacing_us)
{
	u64 at = host_ticks();
	int i;

	if (!spacing_us) {
		rig_raise(rig, d, mask);
		return;
	}
	for_each_vector(i, mask) {
		host_until(at);
		rig_raise(rig, d, 1U << i);
		at += spacing_us * host_ticks_per_us();
	}
}

void rig_raise_to_host(struct rig *rig, int d, u32 mask)
{
	u64 all = rig_arrived(rig, d) + __builtin_popcount(mask);

	rig_raise(rig, d, mask);
	HOST_WAIT_FOR(rig_arrived(rig, d) == all, "the host does not take them: %lu of %lu",
		      rig_arrived(rig, d), all);
	/* The handler that has counted them is done. */
	host_visit_cpus();
}

void rig_raise_each(struct rig *rig, int d, int vector, int behind, int nr)
{
	int irq = rig->dev[d]->irq[vector];
	u64 arrived;

	while (nr--) {
		arrived = host_irq_count(irq);
		rig_raise(rig, d, 1U << vector);
		HOST_WAIT_FOR(host_irq_count(irq) > arrived, "the host does not take it");
		rig_raise(rig, d, 1U << behind);
		TEST_ASSERT(!rig_wait(rig, d, 1U << behind), "the vector behind it is lost");
	}
}

u32 rig_missing(struct rig *rig, int d, u32 mask)
{
	struct guest_lpi *lpi;
	u32 missing = 0;
	int i;

	for_each_vector(i, mask) {
		lpi = vector_lpi(rig, d, i);
		if (told(&lpi->seen) != READ_ONCE(lpi->round))
			missing |= 1U << i;
	}
	return missing;
}

u32 rig_wait(struct rig *rig, int d, u32 mask)
{
	if (host_wait_for(!rig_missing(rig, d, mask)))
		return 0;
	return rig_missing(rig, d, mask);
}

u64 rig_taken(struct rig *rig, u32 lpi)
{
	u64 taken = 0;
	int v;

	for (v = 0; v < rig->nr_vcpus; v++)
		taken += READ_ONCE(rig->shared->vcpu[v].taken[lpi]);
	return taken;
}

u64 rig_exits(struct rig *rig)
{
	u64 exits = 0;
	int v;

	for (v = 0; v < rig->nr_vcpus; v++)
		exits += vcpu_get_stat(rig->vcpu[v], exits);
	return exits;
}

u64 rig_arrived(struct rig *rig, int d)
{
	u64 arrived = 0;
	int i;

	for (i = 0; i < rig->dev[d]->vectors; i++)
		arrived += host_irq_count(rig->dev[d]->irq[i]);
	return arrived;
}

void rig_count(struct rig *rig, int d, struct rig_counts *counts)
{
	int i;

	memset(counts, 0, sizeof(*counts));
	for (i = 0; i < rig->dev[d]->vectors; i++) {
		counts->sent[i] = rig->sent[d][i];
		counts->arrived[i] = host_irq_count(rig->dev[d]->irq[i]);
		counts->taken[i] = rig_taken(rig, rig->lpi[d][rig->event[d][i]]);
	}
	counts->exits = rig_exits(rig);
}

void rig_settle(struct rig *rig, int d)
{
	struct rig_counts last, counts;
	int v;

	rig_count(rig, d, &counts);
	do {
		last = counts;
		/*
		 * The host's CPUs take what is pending, and the vCPUs what was
		 * queued by that. The sleep is for the host's threads, through
		 * which some interrupts go on the stock path.
		 */
		host_visit_cpus();
		host_sleep_us(20000);
		for (v = 0; v < rig->nr_vcpus; v++)
			TEST_ASSERT(rig_alive(rig, v), "vCPU %d does not get on", v);
		rig_count(rig, d, &counts);
		/* A guest that spins may have exits all the time. */
		last.exits = counts.exits;
	} while (memcmp(&last, &counts, sizeof(last)));
}

void rig_since(struct rig_counts *now, const struct rig_counts *before)
{
	int i;

	for (i = 0; i < DEVICE_VECTORS; i++) {
		now->sent[i] -= before->sent[i];
		now->arrived[i] -= before->arrived[i];
		now->taken[i] -= before->taken[i];
	}
	now->exits -= before->exits;
}

u64 rig_sum(const u64 *per_vector)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < DEVICE_VECTORS; i++)
		sum += per_vector[i];
	return sum;
}
