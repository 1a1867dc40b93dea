// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation of the module fails in turn: what was asked for is refused or
 * done with less, interrupts go on by one way or the other, and nothing is left.
 *
 * Only on a kernel with fault injection: a debug kernel. With VOLLEY_SHARE=10 it
 * is every tenth, beginning with one of the first ten; with which, VOLLEY_SEED
 * decides, and otherwise the clock. There are some 700 at load with a VM that
 * runs, and as many when its first sources are attached: of one source's each of
 * the first fails, or every fourth if the share is less than 10.
 */
#include "faults.h"
#include "foreign.h"
#include "load.h"
#include "seeded.h"
#include "suite.h"

#define VECTORS	2
#define EVENT	"/sys/kernel/tracing/events/volley/list_registers_loaded/enable"

/* Among so many are those of the VM's own state; most others are of files, alike. */
#define OWN	128

/* So few that it is looked for once more than they last. */
#define LOOKS	4

/* More than there are anywhere: a loop that gets here does not end by itself. */
#define MOST	2000

/*
 * Fewer than there are at load, when a VM is attached, when probes are registered, and
 * at unload.
 */
#define SOME_LOAD	400
#define SOME		300
#define SOME_PROBES	30
#define SOME_UNLOAD	10

/* So often the same one may not be met: a worker that is new is not armed. */
#define MISSES	3

static struct seeded seeded;

/* Which allocation fails, how many have, and how often that one was not met. */
struct turn {
	int nth, hits, misses;
};

static bool go_on(const struct turn *turn)
{
	return turn->nth < MOST && turn->misses < MISSES;
}

/* To the next one, if this one was met. */
static void next(struct turn *turn, bool hit, int step)
{
	turn->misses = hit ? 0 : turn->misses + 1;
	turn->hits += hit;
	turn->nth += hit ? step : 0;
}

FIXTURE(faults)
{
	struct rig *rig;
};

/* A VM without the module. */
static struct rig *begin(int vectors)
{
	u64 seed = host_setting("VOLLEY_SEED", host_now_ns() % 1000);

	ksft_print_msg("VOLLEY_SEED=%lu\n", seed);
	seeded_start(&seeded, seed, 0);
	TEST_ASSERT(!volley_loaded() || !volley_unload(), "cannot unload volley");
	faults_begin();
	return setup_usual_rig(NULL, vectors);
}

static bool end(struct rig *rig)
{
	faults_disarm();
	host_write("0", EVENT);
	host_unload_module(FOREIGN);
	return teardown_rig(rig);
}

FIXTURE_SETUP(faults)
{
	if (!faults_possible())
		SKIP(return, "this kernel cannot let allocations fail");
	self->rig = begin(VECTORS);
}

FIXTURE_TEARDOWN(faults)
{
	EXPECT_TRUE(end(self->rig));
}

/* The first allocation that is to fail, and how far it is to the next. */
static int step(void)
{
	return max(100 / (int)host_setting("VOLLEY_SHARE", 100), 1);
}

static int first(void)
{
	return 1 + seeded_below(&seeded, step());
}

/* Of the VM's own. */
static int own_step(void)
{
	return step() > 10 ? 4 : 1;
}

/* Whichever way they go. */
static bool delivered(struct rig *rig)
{
	u32 all = ALL(rig->dev[0]->vectors);

	rig_raise(rig, 0, all);
	return !rig_wait(rig, 0, all);
}

static bool attached(struct rig *rig)
{
	char vm[32];
	int i;

	for (i = 0; i < rig->dev[0]->vectors; i++)
		if (host_read(vm, sizeof(vm), VOLLEY_SYSFS "/irqs/%d/vm", rig->dev[0]->irq[i]))
			return false;
	return true;
}

/* The module is refused for lack of memory, and nothing of it stays. */
TEST_F_TIMEOUT(faults, load, 1200)
{
	struct turn turn = {};
	int ret, refused = 0;
	bool hit;

	for (turn.nth = first(); go_on(&turn); next(&turn, hit, step())) {
		faults_arm(turn.nth);
		ret = volley_load("");
		hit = faults_disarm();
		if (ret) {
			ASSERT_EQ(-ENOMEM, ret)
				TH_LOG("allocation %d", turn.nth);
			ASSERT_TRUE(hit);
			ASSERT_FALSE(volley_loaded());
			ASSERT_FALSE(host_exists(VOLLEY_SYSFS));
			refused++;
		} else {
			ASSERT_EQ(0, volley_unload());
		}
		ASSERT_TRUE(delivered(self->rig))
			TH_LOG("allocation %d", turn.nth);
	}
	TH_LOG("%d allocations; of %d that failed it does not load without %d", turn.nth - 1,
	       turn.hits, refused);
	if (step() == 1)
		EXPECT_LT(10, refused);
	EXPECT_LE(SOME_LOAD / step(), turn.hits);
	EXPECT_GT(MOST, turn.nth);
}

/* A handler that cannot be registered leaves arrivals as they were. */
TEST_F_TIMEOUT(faults, handler, 600)
{
	struct rig *rig = self->rig;
	int nth, ret;
	bool hit;

	ASSERT_EQ(0, volley_load(""));
	ASSERT_TRUE(volley_wait_attached(rig, 0));
	ASSERT_EQ(0, host_load_module(FOREIGN, ""));
	for (nth = 1; nth < MOST; nth++) {
		faults_arm((nth + 1) / 2);
		ret = nth % 2 ? foreign_register("irq", rig->dev[0]->irq[0]) :
				foreign_register_device(rig);
		hit = faults_disarm();
		ASSERT_TRUE(delivered(rig));
		if (!hit && nth % 2 == 0)
			break;
		if (ret) {
			ASSERT_EQ(-ENOMEM, ret);
			ASSERT_TRUE(hit);
		} else {
			ASSERT_EQ(0, foreign_unregister());
		}
	}
	TH_LOG("%d allocations", nth / 2 - 1);
	EXPECT_LT(2, nth);
}

/* It goes, and a module with a handler before it, whatever there is no memory for. */
TEST_F_TIMEOUT(faults, unload, 1200)
{
	struct rig *rig = self->rig;
	struct load load = { .rig = rig, .mask = ALL(VECTORS), .cpu = CPU_MAIN };
	int step_here = min(step(), SOME_UNLOAD);
	struct turn turn = {};
	bool hit;

	load_start(&load);
	for (turn.nth = 1 + seeded_below(&seeded, step_here); go_on(&turn);
	     next(&turn, hit, step_here)) {
		ASSERT_EQ(0, volley_load("max_usecs=1000"));
		ASSERT_TRUE(volley_wait_attached(rig, 0));
		ASSERT_EQ(0, host_load_module(FOREIGN, ""));
		ASSERT_EQ(0, foreign_register("irq", rig->dev[0]->irq[0]));
		load_wait(&load, 2);
		faults_arm(turn.nth);
		ASSERT_EQ(0, host_unload_module(FOREIGN))
			TH_LOG("allocation %d", turn.nth);
		ASSERT_EQ(0, volley_unload())
			TH_LOG("allocation %d", turn.nth);
		hit = faults_disarm();
		ASSERT_FALSE(host_log_has("has gone without unregistering it"));
		ASSERT_FALSE(host_exists(VOLLEY_SYSFS));
		ASSERT_FALSE(host_exists("/sys/kernel/debug/volley"));
		load_wait(&load, 2);
	}
	EXPECT_TRUE(load_stop(&load));
	TH_LOG("%d allocations, %d of them failed", turn.nth - 1, turn.hits);
	EXPECT_LT(0, turn.hits);
	EXPECT_GT(MOST, turn.nth);
}

/* Files are read and written, and the probes come and go, with less memory. */
TEST_F_TIMEOUT(faults, files, 1200)
{
	static const char * const files[] = {
		VOLLEY_SYSFS "/max_usecs", "/sys/kernel/debug/volley/state",
	};
	struct rig *rig = self->rig;
	char text[8192];
	struct turn turn = {};
	int nth, i, ret;
	bool hit;

	ASSERT_EQ(0, volley_load(""));
	ASSERT_TRUE(volley_wait_attached(rig, 0));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		hit = true;
		for (nth = 1; hit && nth < MOST; nth++) {
			faults_arm(nth);
			ret = host_read(text, sizeof(text), "%s", files[i]);
			hit = faults_disarm();
			ASSERT_EQ(ret ? -ENOMEM : 0, ret);
			ASSERT_TRUE(hit || !ret);
		}
		/* None, where the kernel alone makes the buffers; lists may be had elsewhere. */
		TH_LOG("%s: %d allocations", files[i], nth - 2);
	}
	/* However few are tried, the first is one that there is. */
	for (turn.nth = 1 + seeded_below(&seeded, min(step(), SOME_PROBES)); go_on(&turn);
	     next(&turn, hit, step())) {
		faults_arm(turn.nth);
		ASSERT_EQ(0, host_write("1", EVENT));
		/* The probes are registered in a worker. */
		host_sleep_us(100000);
		ASSERT_TRUE(delivered(rig));
		hit = faults_disarm();
		ASSERT_EQ(0, host_write("0", EVENT));
	}
	TH_LOG("probes: %d allocations, %d of them failed", turn.nth - 1, turn.hits);
	EXPECT_LT(0, turn.hits);
}

FIXTURE(look)
{
	struct rig *rig;
};

FIXTURE_SETUP(look)
{
	if (!faults_possible())
		SKIP(return, "this kernel cannot let allocations fail");
	/* The connection of another would have them looked for again. */
	self->rig = begin(1);
}

FIXTURE_TEARDOWN(look)
{
	EXPECT_TRUE(end(self->rig));
}

/* What is connected is found, though there was no memory to look for it at first. */
TEST_F_TIMEOUT(look, again, 300)
{
	struct rig *rig = self->rig;
	bool hit = false;
	int i;

	rig_disconnect(rig, 0);
	ASSERT_EQ(0, volley_load(""));
	/* Another worker may have taken it on, one that was not there yet. */
	for (i = 0; i < 20 && !hit; i++) {
		faults_begin_workers(LOOKS);
		rig_connect(rig, 0, rig->dev[0]);
		ASSERT_TRUE(volley_wait_attached(rig, 0));
		hit = faults_end_workers();
		rig_disconnect(rig, 0);
		ASSERT_TRUE(volley_wait_detached(rig, 0));
	}
	EXPECT_TRUE(hit);
	rig_connect(rig, 0, rig->dev[0]);
	ASSERT_TRUE(volley_wait_attached(rig, 0));
	EXPECT_TRUE(delivered(rig));
}

FIXTURE(attach)
{
	struct rig *rig;
};

FIXTURE_VARIANT(attach)
{
	int vectors;
};

/* What a source leaves behind, another that is attached later may clear away. */
FIXTURE_VARIANT_ADD(attach, one) { 1 };
FIXTURE_VARIANT_ADD(attach, several) { VECTORS };

FIXTURE_SETUP(attach)
{
	if (!faults_possible())
		SKIP(return, "this kernel cannot let allocations fail");
	self->rig = begin(variant->vectors);
}

FIXTURE_TEARDOWN(attach)
{
	EXPECT_TRUE(end(self->rig));
}

/* What came of it when allocation @nth failed; false if that did not happen. */
static bool attach_without(struct rig *rig, int nth, int *whole, int *less)
{
	bool hit;

	faults_arm(nth);
	rig_connect(rig, 0, rig->dev[0]);
	/* It is attached in a while, if it is. */
	host_wait_for(faults_hit() || attached(rig));
	TEST_ASSERT(delivered(rig), "allocation %d: an interrupt is lost", nth);
	hit = faults_disarm();
	/* Time for a work item to do what is left to be done. */
	host_sleep_us(100000);
	if (hit && attached(rig))
		++*whole;
	else if (hit)
		++*less;
	rig_disconnect(rig, 0);
	TEST_ASSERT(volley_wait_detached(rig, 0), "allocation %d: a source stays", nth);
	HOST_WAIT_FOR(!host_exists(VOLLEY_SYSFS "/vms/%s", rig->id),
		      "allocation %d: the VM stays", nth);
	return hit;
}

/*
 * A source that cannot be attached stays on the stock path; its VM is not left
 * behind. What is only shown may be missing.
 */
TEST_F_TIMEOUT(attach, fails, 2400)
{
	const int own = variant->vectors == 1 ? OWN : 0;
	struct rig *rig = self->rig;
	int whole = 0, less = 0;
	struct turn turn = {};
	bool hit;

	rig_disconnect(rig, 0);
	ASSERT_EQ(0, volley_load("max_usecs=1000"));
	turn.nth = own ? 1 + seeded_below(&seeded, own_step()) : first();
	while (go_on(&turn)) {
		/* The registry keeps what it has allocated, and would not ask again. */
		if (turn.nth < own && (own_step() > 1 || turn.hits % 4 == 0))
			volley_reload("max_usecs=1000");
		hit = attach_without(rig, turn.nth, &whole, &less);
		next(&turn, hit, turn.nth < own ? own_step() : step());
	}
	TH_LOG("%d allocations; of %d that failed %d were not missed, %d were", turn.nth - 1,
	       turn.hits, whole, less);
	EXPECT_GT(MOST, turn.nth);
	EXPECT_LE(SOME / step(), turn.hits);
	EXPECT_LT(0, whole);
	/* Where not all of the VM's own are tried, perhaps none of those matters. */
	if (own && own_step() == 1)
		EXPECT_LT(0, less);
	rig_connect(rig, 0, rig->dev[0]);
	ASSERT_TRUE(volley_wait_attached(rig, 0));
	EXPECT_TRUE(delivered(rig));
}

TEST_HARNESS_MAIN
