// SPDX-License-Identifier: GPL-2.0
/*
 * The guest of the tests. This runs inside the VM: no libc, no host calls.
 */
#include <stdatomic.h>

#include <kvm_util.h>
#include <processor.h>
#include <gic.h>
#include <gic_v3.h>
#include <ucall.h>

#include "guest.h"
#include "hostile.h"

static struct guest_shared *shared;
static atomic_uint vcpus_ready;

/*
 * Takes one interrupt. The round is read after the acknowledge, which is what
 * makes room for the next edge: an interrupt raised later comes again.
 */
void guest_irq(struct ex_regs *regs)
{
	struct guest_vcpu *me = &shared->vcpu[guest_get_vcpuid()];
	u64 now = read_sysreg(cntvct_el0);
	struct guest_lpi *lpi;
	unsigned int intid, i;
	u32 round;

	WRITE_ONCE(me->handling, 1);
	intid = gic_get_and_ack_irq();
	if (intid == IAR_SPURIOUS) {
		WRITE_ONCE(me->spurious, me->spurious + 1);
		WRITE_ONCE(me->handling, 0);
		return;
	}

	i = intid - GUEST_LPI_BASE;
	__GUEST_ASSERT(i < GUEST_LPIS, "unexpected interrupt %u", intid);
	lpi = &shared->lpi[i];
	round = READ_ONCE(lpi->round);

	WRITE_ONCE(lpi->late, now - READ_ONCE(lpi->raised_at));
	WRITE_ONCE(lpi->vcpu, guest_get_vcpuid());
	WRITE_ONCE(me->taken[i], me->taken[i] + 1);
	gic_set_eoi(intid);
	/* The host goes on once it sees this: everything above comes first. */
	tell(&lpi->seen, round);
	tell(&me->handling, 0);
}

static void guest_irq_enable(bool on)
{
	if (on)
		local_irq_enable();
	else
		local_irq_disable();
}

/* True if the vCPU is to stop. */
static bool guest_answer(struct guest_vcpu *me)
{
	static bool irqs_off[GUEST_VCPUS];
	u32 asked = told(&me->asked);
	bool stop = false;

	if (asked == me->answered)
		return false;

	switch (me->op) {
	case GUEST_OP_IRQ_ENABLE:
		irqs_off[guest_get_vcpuid()] = !me->arg[0];
		break;
	case GUEST_OP_NONE:
		break;
	case GUEST_OP_PARK:
		GUEST_SYNC1(GUEST_OP_PARK);
		break;
	case GUEST_OP_HOSTILE:
		/* Whatever is pending afterwards is none of the interrupts that are counted. */
		irqs_off[guest_get_vcpuid()] = true;
		guest_irq_enable(false);
		tell(&me->answered, asked);
		guest_hostile(shared, me->arg[0], me->arg[1]);
		break;
	case GUEST_OP_STOP:
		stop = true;
		break;
	default:
		/* An ITS command must not be cut in two by its own interrupt. */
		guest_irq_enable(false);
		guest_its_op(shared, me->op, me->arg);
		break;
	}
	guest_irq_enable(!irqs_off[guest_get_vcpuid()]);

	tell(&me->answered, asked);
	return stop;
}

static void guest_cpu_init(void)
{
	u32 id = guest_get_vcpuid();

	gic_init(GIC_V3, shared->nr_vcpus);
	gic_rdist_enable_lpis(shared->prop_table, SZ_64K,
			      shared->pend_tables + id * SZ_64K);

	atomic_fetch_add(&vcpus_ready, 1);
	if (id)
		return;

	while (atomic_load(&vcpus_ready) < shared->nr_vcpus)
		cpu_relax();
	guest_its_init(shared);
}

void guest_main(struct guest_shared *s)
{
	struct guest_vcpu *me = &s->vcpu[guest_get_vcpuid()];

	WRITE_ONCE(shared, s);
	guest_cpu_init();
	local_irq_enable();
	tell(&me->ready, 1);

	while (!guest_answer(me)) {
		WRITE_ONCE(me->loops, me->loops + 1);
		if (READ_ONCE(s->mode) == GUEST_WFI)
			wfi();
		else
			cpu_relax();
	}
	GUEST_DONE();
}
