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
	struct rig *rig, *other;
};

FIXTURE_SETUP(hostile_exact)
{
	ASSERT_TRUE(host_is_exact());
	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	if (volley_loaded())
		ASSERT_EQ(0, volley_unload());
	self->rig = setup_vm(0, VECTORS, CPU_VCPU, GUEST_SPIN);
	/* Its guest, too, is in the way of the interrupts. */
	self->other = setup_vm(1, VECTORS, CPU_IRQ, GUEST_SPIN);
}

FIXTURE_TEARDOWN(hostile_exact)
{
	tell(&self->other->shared->peace, 1);
	rig_free(self->other);
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

/* What the other VM does. */
enum { ALONE, STORM, HOSTILE, CONDITIONS };
/* What is loaded. */
enum { STOCK, VOLLEY, WINDOW, LOADED };

/* Its guest as well, until there is peace. */
static void be_hostile(struct rig *other, bool on)
{
	tell(&other->shared->peace, !on);
	if (on)
		rig_ask(other, 0, GUEST_OP_HOSTILE, HOSTILE_STORM, 1, 0, 0);
}

static void measure_all(struct rig *rig, struct rig *other, const char *name, struct late *late)
{
	static const char * const conditions[] = {
		"alone", "behind a storm", "and its guest storms, too",
	};
	int c;

	for (c = 0; c < CONDITIONS; c++) {
		be_hostile(other, c == HOSTILE);
		late[c] = measure(rig, other, c != ALONE);
		ksft_print_msg("%s, %s: half are up to %lu us late, all but %d up to %lu us\n", name,
			       conditions[c], late[c].median, SPARED, late[c].most);
	}
	be_hostile(other, false);
}

TEST_F_TIMEOUT(hostile_exact, late, 900)
{
	struct late late[LOADED][CONDITIONS];
	int c;

	measure_all(self->rig, self->other, "without the module", late[STOCK]);
	volley_reload("");
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	ASSERT_TRUE(volley_wait_attached(self->other, 0));
	measure_all(self->rig, self->other, "with it", late[VOLLEY]);
	volley_set(self->rig, "max_usecs", WINDOW_US);
	volley_set(self->rig, "max_irqs", 1024);
	measure_all(self->rig, self->other, "with a window of 200 us", late[WINDOW]);

	for (c = 0; c < CONDITIONS; c++) {
		EXPECT_LE(late[VOLLEY][c].most, late[STOCK][c].most + BOUND_US);
		EXPECT_LE(late[WINDOW][c].most, WINDOW_US + late[STOCK][c].most + BOUND_US);
		EXPECT_LE(WINDOW_US / 2, late[WINDOW][c].most);
	}
}

TEST_HARNESS_MAIN
