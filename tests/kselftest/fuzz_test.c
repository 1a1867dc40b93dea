// SPDX-License-Identifier: GPL-2.0
/*
 * What other modules can call, called with nonsense, in every order, by several
 * at once, while interrupts flow, sources come and go, and modules as well. The
 * calls are made by volley_fuzz.ko, which knows what has to come of them.
 *
 *   VOLLEY_SEED	what the calls are made from (default 1)
 *   VOLLEY_SECONDS	for how long (default 10)
 */
#include "files.h"
#include "load.h"
#include "suite.h"

#define VECTORS		8
#define CALLERS		3
#define STEPS		16	/* that are taken while the file is open */
#define MODULE		"volley_fuzz"
#define PARAM		"/sys/module/" MODULE "/parameters/"
#define STEP		"/sys/kernel/debug/volley_fuzz/step"

/* What the module has counted, over all its lives. */
struct tally {
	u64 steps, registered, refused, asked, wrong;
};

FIXTURE(fuzz)
{
	struct rig *rig;
	u64 seed, seconds;
	struct tally tally;
};

FIXTURE_VARIANT(fuzz)
{
	/* Nothing that a handler says makes an interrupt go amiss. */
	bool lossless;
};

FIXTURE_VARIANT_ADD(fuzz, lossless) { true };
FIXTURE_VARIANT_ADD(fuzz, lossy) { false };

static int load_fuzz(struct rig *rig, bool lossless)
{
	struct device *dev = rig->dev[0];
	char params[256];
	int i, len;

	len = sprintf(params, "lossless=%d first_gsi=%d device=%s irq=", lossless,
		      GUEST_LPI(0, 0), dev->bdf);
	for (i = 0; i < dev->vectors; i++)
		len += sprintf(params + len, "%s%d", i ? "," : "", dev->irq[i]);
	return host_load_module(MODULE, params);
}

static void add_up(struct tally *tally)
{
	tally->steps += host_read_u64(PARAM "steps");
	tally->registered += host_read_u64(PARAM "registered");
	tally->refused += host_read_u64(PARAM "refused");
	tally->asked += host_read_u64(PARAM "asked");
	tally->wrong += host_read_u64(PARAM "wrong");
}

FIXTURE_SETUP(fuzz)
{
	host_unload_module(MODULE);
	self->seed = host_setting("VOLLEY_SEED", 1);
	self->seconds = host_setting("VOLLEY_SECONDS", 10);
	self->rig = setup_usual_rig("", VECTORS);
	ASSERT_EQ(0, load_fuzz(self->rig, variant->lossless));
}

FIXTURE_TEARDOWN(fuzz)
{
	host_unload_module(MODULE);
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* A thread that calls. */
struct caller {
	pthread_t thread;
	struct seeded seeded;
	int cpu;
	u64 written;
};

static bool stop, pausing;
static int inside;	/* how many of them are at it */

static void call_for_a_while(struct caller *caller)
{
	int fd = open(STEP, O_WRONLY), i, len;
	char text[24];

	TEST_ASSERT(fd >= 0, STEP ": %s", strerror(errno));
	for (i = 0; i < STEPS && !told(&stop); i++) {
		len = sprintf(text, "%u", seeded_below(&caller->seeded, ~0U));
		TEST_ASSERT(pwrite(fd, text, len, 0) == len, STEP ": %s", strerror(errno));
		caller->written++;
	}
	close(fd);
}

static void *call(void *data)
{
	struct caller *caller = data;

	pin_self_to_cpu(caller->cpu);
	while (!told(&stop)) {
		__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST);
		if (!__atomic_load_n(&pausing, __ATOMIC_SEQ_CST))
			call_for_a_while(caller);
		__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
		if (told(&pausing))
			host_sleep_us(200);
	}
	return NULL;
}

static void start_callers(struct caller *callers, u64 seed)
{
	static const int cpus[CALLERS] = { CPU_MAIN, CPU_IRQ, CPU_OTHER };
	int i;

	for (i = 0; i < CALLERS; i++) {
		callers[i].cpu = cpus[i];
		seeded_start(&callers[i].seeded, seed, i + 1);
		kvm_pthread_create(&callers[i].thread, NULL, call, &callers[i]);
	}
}

static u64 stop_callers(struct caller *callers)
{
	u64 written = 0;
	int i;

	tell(&stop, true);
	for (i = 0; i < CALLERS; i++) {
		kvm_pthread_join(callers[i].thread, NULL);
		written += callers[i].written;
	}
	return written;
}

/* Both modules go and come back; what is registered at this moment goes with them. */
static void come_and_go(struct rig *rig, bool lossless, struct tally *tally)
{
	int ret;

	/* An open file keeps the module. */
	__atomic_store_n(&pausing, true, __ATOMIC_SEQ_CST);
	HOST_WAIT_FOR(!__atomic_load_n(&inside, __ATOMIC_SEQ_CST), "a caller does not come back");
	add_up(tally);
	ret = host_unload_module(MODULE);
	TEST_ASSERT(!ret, "cannot unload " MODULE ": %s", strerror(-ret));
	volley_reload("");
	TEST_ASSERT(volley_wait_attached(rig, 0), "volley does not attach");
	ret = load_fuzz(rig, lossless);
	TEST_ASSERT(!ret, "cannot load " MODULE ": %s", strerror(-ret));
	tell(&pausing, false);
}

/* Whoever was registered is so no more. */
static bool all_are_msi(struct rig *rig)
{
	char text[40];
	int i;

	for (i = 0; i < VECTORS; i++)
		if (host_read(text, sizeof(text), VOLLEY_SYSFS "/irqs/%d/handler",
			      rig->dev[0]->irq[i]) || strcmp(text, "msi"))
			return false;
	return true;
}

/* By hand it may go on for a day. */
TEST_F_TIMEOUT(fuzz, everything_at_once, 24 * 60 * 60)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_OTHER,
		.lossy = !variant->lossless,
		.pause_us = 500,
	};
	struct caller callers[CALLERS] = {};
	struct rig_counts before, counts;
	struct volley_counts volley;
	u64 end, written;
	int rounds, i;

	ksft_print_msg("VOLLEY_SEED=%lu VOLLEY_SECONDS=%lu\n", self->seed, self->seconds);
	rig_count(self->rig, 0, &before);
	load_start(&load);
	start_callers(callers, self->seed);
	end = host_now_ns() + self->seconds * NSEC_PER_SEC;
	for (rounds = 0; rounds < 8 || host_now_ns() < end ||
	     (rounds < 100 && !self->tally.asked); rounds++) {
		if (rounds % 4 == 3) {
			come_and_go(self->rig, variant->lossless, &self->tally);
		} else {
			rig_disconnect(self->rig, 0);
			rig_connect(self->rig, 0, self->rig->dev[0]);
		}
		load_wait(&load, 10);
	}
	written = stop_callers(callers);
	EXPECT_TRUE(load_stop(&load));
	add_up(&self->tally);
	ASSERT_EQ(0, host_unload_module(MODULE));
	ksft_print_msg("%d rounds, %lu bursts, %lu calls: %lu registered, %lu refused; asked %lu times\n",
		       rounds, load.bursts, self->tally.steps, self->tally.registered,
		       self->tally.refused, self->tally.asked);
	EXPECT_EQ(0, self->tally.wrong);
	EXPECT_EQ(written, self->tally.steps);
	EXPECT_LT(0, self->tally.registered);
	EXPECT_LT(0, self->tally.refused);
	EXPECT_LT(0, self->tally.asked);

	/* Nothing is left of it, and all that was sent has arrived. */
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	EXPECT_TRUE(all_are_msi(self->rig));
	for (i = 0; i < 10; i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &before);
	EXPECT_LE(rig_sum(counts.arrived), rig_sum(counts.sent));
	EXPECT_LE(rig_sum(counts.taken), rig_sum(counts.arrived));
	if (variant->lossless)
		EXPECT_EQ(rig_sum(counts.sent), rig_sum(counts.taken));
	volley_count(self->rig, &volley);
	EXPECT_TRUE(volley_counts_add_up(&volley));
}

TEST_HARNESS_MAIN
