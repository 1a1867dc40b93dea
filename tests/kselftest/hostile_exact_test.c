// SPDX-License-Identifier: GPL-2.0
/*
 * How late a VM's interrupts come while another VM, whose interrupts the same CPU
 * takes, does what it can against that. For a machine where time counts
 * instructions; what the stock path does under the same is the measure.
 */
#include "hostile.h"
#include "load.h"
#include "suite.h"

#define VECTORS		8
#define ROUNDS		150
/* Not looked at: what the host does once in a while, with or without Volley. */
#define SPARED		3
#define WINDOW_US	200

/*
 * What others' interrupts in the same exception may add to what the stock path
 * takes: the default budget of 16, each at less than a microsecond (a thousand
 * instructions); and twice, for the largest varies by as much from run to run.
 */
#define BOUND_US	(2 * 16)

/* In microseconds. */
struct late {
	u64 median, most;
};

FIXTURE(hostile_exact)
{
	struct rig *rig;
};

FIXTURE_SETUP(hostile_exact)
{
	ASSERT_TRUE(host_is_exact());
	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	if (volley_loaded())
		ASSERT_EQ(0, volley_unload());
	self->rig = setup_vm(0, VECTORS, CPU_VCPU, GUEST_SPIN);
}

FIXTURE_TEARDOWN(hostile_exact)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

static int by_size(const void *a, const void *b)
{
	return *(u64 *)a < *(u64 *)b ? -1 : *(u64 *)a > *(u64 *)b;
}

/* One interrupt after the other; with @storm, behind eight of the other VM's. */
static struct late measure(struct rig *rig, struct rig *other, bool storm)
{
	u64 late[ROUNDS];
	int i;

	for (i = -5; i < ROUNDS; i++) {
		/* Not always at the same distance from the tick. */
		host_sleep_us(300 + 37 * (i % 20));
		if (storm)
			rig_raise(other, 0, ALL(VECTORS));
		rig_raise(rig, 0, 1);
		TEST_ASSERT(!rig_wait(rig, 0, 1), "lost in round %d", i);
		if (i >= 0)
			late[i] = READ_ONCE(rig->shared->lpi[GUEST_LPI(0, 0)].late) /
				  host_ticks_per_us();
	}
	qsort(late, ROUNDS, sizeof(late[0]), by_size);
	return (struct late) { late[ROUNDS / 2], late[ROUNDS - 1 - SPARED] };
}

/* What the other VM does: nothing, its device's interrupts, and what its guest may do as well. */
enum { ALONE, STORM, HOSTILE, CONDITIONS = HOSTILE + HOSTILE_MUTE };
/* What is loaded. */
enum { STOCK, VOLLEY, WINDOW, LOADED };

/* Its guest as well, until there is peace. */
static void be_hostile(struct rig *other, enum hostile_role role)
{
	tell(&other->shared->peace, false);
	rig_ask(other, 0, GUEST_OP_HOSTILE, role, 1, 0, 0);
}

static void measure_all(struct rig *rig, const char *name, struct late *late)
{
	static const char * const conditions[] = {
		[ALONE] = "alone",
		[STORM] = "behind a storm",
		[HOSTILE + HOSTILE_STORM] = "and its guest storms, too",
		[HOSTILE + HOSTILE_COMMANDS] = "and its guest gives commands without sense",
		[HOSTILE + HOSTILE_REGISTERS] = "and its guest writes anything to the GIC",
	};
	/* Its guest, too, is in the way of the interrupts; and is left in no good state. */
	struct rig *other = setup_vm(1, VECTORS, CPU_IRQ, GUEST_SPIN);
	int c;

	TEST_ASSERT(!volley_loaded() || volley_wait_attached(other, 0), "not attached");
	for (c = 0; c < CONDITIONS; c++) {
		if (c >= HOSTILE)
			be_hostile(other, c - HOSTILE);
		late[c] = measure(rig, other, c != ALONE);
		ksft_print_msg("%s, %s: half are up to %lu us late, all but %d up to %lu us\n", name,
			       conditions[c], late[c].median, SPARED, late[c].most);
		tell(&other->shared->peace, true);
		TEST_ASSERT(rig_alive(other, 0), "the hostile guest does not come to an end");
	}
	rig_free(other);
}

TEST_F_TIMEOUT(hostile_exact, late, 900)
{
	struct late late[LOADED][CONDITIONS];
	int c;

	measure_all(self->rig, "without the module", late[STOCK]);
	volley_reload("");
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	measure_all(self->rig, "with it", late[VOLLEY]);
	volley_set(self->rig, "max_usecs", WINDOW_US);
	volley_set(self->rig, "max_irqs", 1024);
	measure_all(self->rig, "with a window of 200 us", late[WINDOW]);

	for (c = 0; c < CONDITIONS; c++) {
		EXPECT_LE(late[VOLLEY][c].most, late[STOCK][c].most + BOUND_US);
		EXPECT_LE(late[WINDOW][c].most, WINDOW_US + late[STOCK][c].most + BOUND_US);
		EXPECT_LE(WINDOW_US / 2, late[WINDOW][c].most);
	}
}

TEST_HARNESS_MAIN
