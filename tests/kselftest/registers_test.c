// SPDX-License-Identifier: GPL-2.0
/*
 * What KVM loads into the list registers, as the event list_registers_loaded
 * shows it: that a volley enters with one guest entry, and what of it is
 * Volley's. And the probes behind the event: there only while it is on.
 */
#include <sys/stat.h>

#include <kvm_util.h>

#include "load.h"
#include "suite.h"
#include "trace.h"

#define EVENT	"list_registers_loaded"
#define VECTORS	8
#define WANTED	5	/* rounds that went as they should */
#define TRIES	200	/* rounds until there were as many */

/* Whether both functions, or with @all false one of them, are hooked. */
static bool probed(bool all)
{
	static const char * const names[] = {
		"kvm_arch_vcpu_ctxflush_fp ", "vgic_v3_fold_lr_state ",
	};
	FILE *fp = fopen("/sys/kernel/tracing/enabled_functions", "r");
	char *line = NULL;
	size_t size = 0;
	int i, found = 0;

	TEST_ASSERT(fp, "cannot read enabled_functions (is tracefs mounted?)");
	while (getline(&line, &size, fp) > 0)
		for (i = 0; i < ARRAY_SIZE(names); i++)
			found += !strncmp(line, names[i], strlen(names[i]));
	free(line);
	fclose(fp);
	return all ? found == ARRAY_SIZE(names) : found;
}

/* The probes come and go a moment after the event is turned on and off. */
static bool wait_probed(void)
{
	return host_wait_for(probed(true));
}

static bool wait_not_probed(void)
{
	return host_wait_for(!probed(false));
}

FIXTURE(registers)
{
	struct rig *rig;
	struct trace trace;
};

FIXTURE_SETUP(registers)
{
	self->rig = setup_usual_rig("", VECTORS);
	ASSERT_FALSE(probed(false));
	trace_start();
	ASSERT_TRUE(wait_probed());
	trace_read(&self->trace);
	trace_free(&self->trace);
}

FIXTURE_TEARDOWN(registers)
{
	trace_free(&self->trace);
	trace_stop();
	EXPECT_TRUE(teardown_rig(self->rig));
	EXPECT_FALSE(probed(false));
}

/* Raises @mask once, and returns the trace of all that followed. */
static bool send(struct rig *rig, u32 mask, struct trace *trace)
{
	trace_free(trace);
	rig_raise(rig, 0, mask);
	if (rig_wait(rig, 0, mask))
		return false;
	rig_settle(rig, 0);
	trace_read(trace);
	return true;
}

/* The vectors whose LPIs are in the list registers; -1 if anything else is. */
static s64 vectors_in(const struct trace_event *e)
{
	u32 vectors = 0;
	int i;

	for (i = 0; i < e->nr_intids; i++) {
		if (e->intids[i] < GUEST_LPI_BASE || e->intids[i] >= GUEST_LPI_BASE + VECTORS)
			return -1;
		vectors |= 1U << (e->intids[i] - GUEST_LPI_BASE);
	}
	return vectors;
}

/* Whether @nr arrivals were taken in one exception, and so queued as one volley. */
static bool one_volley(const struct trace *trace, int nr)
{
	const struct trace_event *e;

	trace_for_each(e, trace, "irq_received")
		if (e->position == nr - 1)
			return true;
	return false;
}

/* Four that arrive together are in the list registers together, at one entry. */
TEST_F_TIMEOUT(registers, one_entry, 600)
{
	const struct trace_event *e;
	int i, seen = 0;

	volley_set(self->rig, "max_usecs", 0);
	for (i = 0; i < TRIES && seen < WANTED; i++) {
		ASSERT_TRUE(send(self->rig, ALL(4), &self->trace));
		e = trace_next(&self->trace, EVENT, NULL);
		ASSERT_NE(NULL, e);
		EXPECT_STREQ(self->rig->id, e->vm);
		EXPECT_EQ(0, e->vcpu);
		EXPECT_EQ(CPU_VCPU, e->cpu);
		if (one_volley(&self->trace, 4)) {
			EXPECT_EQ(4, e->count);
			EXPECT_EQ(4, e->nr_intids);
			EXPECT_EQ(ALL(4), vectors_in(e));
			seen++;
		}
		/* Others are of what the guest had not taken when it left. */
		trace_for_each(e, &self->trace, EVENT) {
			EXPECT_EQ(e->nr_intids, e->count);
			EXPECT_EQ(e->count, e->forwarded);
			EXPECT_EQ(0, e->waiting);
			EXPECT_EQ(0, vectors_in(e) & ~(s64)ALL(4));
		}
	}
	EXPECT_EQ(WANTED, seen);
}

/* Of eight, half have to wait where there are four list registers. */
TEST_F_TIMEOUT(registers, some_wait, 600)
{
	u64 registers = host_read_u64(VOLLEY_SYSFS "/list_registers");
	const struct trace_event *e;
	s64 all, vectors;
	int i, seen = 0;

	if (registers >= VECTORS)
		SKIP(return, "%lu list registers", registers);
	volley_set(self->rig, "max_usecs", 0);
	for (i = 0; i < TRIES && seen < WANTED; i++) {
		ASSERT_TRUE(send(self->rig, ALL(VECTORS), &self->trace));
		if (!one_volley(&self->trace, VECTORS))
			continue;
		seen++;
		e = trace_next(&self->trace, EVENT, NULL);
		ASSERT_NE(NULL, e);
		EXPECT_EQ(registers, e->count);
		EXPECT_EQ(1, e->waiting);
		all = 0;
		trace_for_each(e, &self->trace, EVENT) {
			vectors = vectors_in(e);
			ASSERT_NE(-1, vectors);
			EXPECT_EQ(e->count, e->forwarded);
			/* The last to be loaded are those that waited. */
			if ((all | vectors) == ALL(VECTORS))
				EXPECT_EQ(0, e->waiting);
			all |= vectors;
		}
		EXPECT_EQ(ALL(VECTORS), all);
	}
	EXPECT_EQ(WANTED, seen);
}

/* What goes the stock path is in the list registers as well, and not Volley's. */
TEST_F_TIMEOUT(registers, not_ours, 300)
{
	const struct trace_event *e;
	int enabled, i;

	for (i = 0; i < 6; i++) {
		enabled = i % 2 == 0;
		volley_set(self->rig, "enabled", enabled);
		ASSERT_TRUE(send(self->rig, ALL(4), &self->trace));
		ASSERT_LT(0, trace_count(&self->trace, EVENT));
		trace_for_each(e, &self->trace, EVENT)
			EXPECT_EQ(enabled ? e->count : 0, e->forwarded)
				TH_LOG("enabled %d", enabled);
	}
}

/* What remains in its register is shown at each entry, for what it is. */
TEST_F_TIMEOUT(registers, still_there, 300)
{
	const struct trace_event *e;
	int i;

	rig_ask(self->rig, 0, GUEST_OP_IRQ_ENABLE, false, 0, 0, 0);
	trace_read(&self->trace);
	trace_free(&self->trace);
	rig_raise_to_host(self->rig, 0, 3);
	for (i = 0; i < 3; i++) {
		rig_park(self->rig, 0);
		rig_resume(self->rig, 0);
	}
	rig_ask(self->rig, 0, GUEST_OP_IRQ_ENABLE, true, 0, 0, 0);
	ASSERT_EQ(0, rig_wait(self->rig, 0, 3));
	rig_settle(self->rig, 0);
	trace_read(&self->trace);
	EXPECT_LE(3, trace_count(&self->trace, EVENT));
	trace_for_each(e, &self->trace, EVENT)
		EXPECT_EQ(e->count, e->forwarded);

	/* It was taken, so the next one can be somebody else's. */
	volley_set(self->rig, "enabled", 0);
	ASSERT_TRUE(send(self->rig, 3, &self->trace));
	ASSERT_LT(0, trace_count(&self->trace, EVENT));
	trace_for_each(e, &self->trace, EVENT)
		EXPECT_EQ(0, e->forwarded);
}

/* An entry with nothing is no event, nor is one of a VM without sources. */
TEST_F_TIMEOUT(registers, nothing, 300)
{
	u64 exits = rig_exits(self->rig), taken;
	int i;

	for (i = 0; i < 20; i++) {
		rig_park(self->rig, 0);
		rig_resume(self->rig, 0);
	}
	EXPECT_LE(exits + 20, rig_exits(self->rig));
	trace_read(&self->trace);
	EXPECT_EQ(0, trace_count(&self->trace, EVENT));

	rig_disconnect(self->rig, 0);
	ASSERT_TRUE(volley_wait_detached(self->rig, 0));
	ASSERT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", self->rig->id)));
	trace_read(&self->trace);
	trace_free(&self->trace);
	taken = rig_taken(self->rig, self->rig->lpi[0][0]);
	for (i = 1; i <= 5; i++) {
		rig_inject(self->rig, 0);
		ASSERT_TRUE(host_wait_for(rig_taken(self->rig, self->rig->lpi[0][0]) == taken + i));
	}
	trace_read(&self->trace);
	EXPECT_EQ(0, trace_count(&self->trace, EVENT));
}

/* The probes are there for as long as anybody listens, and no longer. */
TEST_F_TIMEOUT(registers, probes_come_and_go, 300)
{
	static const char other[] = "/sys/kernel/tracing/instances/volley-other";

	ASSERT_TRUE(!mkdir(other, 0700) || errno == EEXIST);
	ASSERT_EQ(0, host_write("1", "%s/events/volley/" EVENT "/enable", other));
	trace_enable(EVENT, false);
	/* One listener is left. */
	host_visit_cpus();
	EXPECT_TRUE(probed(true));
	ASSERT_TRUE(send(self->rig, ALL(4), &self->trace));
	EXPECT_EQ(0, trace_count(&self->trace, EVENT));
	ASSERT_EQ(0, host_write("0", "%s/events/volley/" EVENT "/enable", other));
	ASSERT_EQ(0, rmdir(other));

	EXPECT_TRUE(wait_not_probed());
	for (int i = 0; i < 10; i++)
		ASSERT_TRUE(send(self->rig, ALL(VECTORS), &self->trace));
	EXPECT_EQ(0, trace_count(&self->trace, EVENT));

	trace_enable(EVENT, true);
	EXPECT_TRUE(wait_probed());
	ASSERT_TRUE(send(self->rig, ALL(4), &self->trace));
	EXPECT_LT(0, trace_count(&self->trace, EVENT));
}

/* On and off, and unloaded with it on, while interrupts flow. */
TEST_F_TIMEOUT(registers, under_load, 600)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
	};
	int i;

	load_start(&load);
	for (i = 0; i < 20; i++) {
		trace_enable(EVENT, i % 2);
		/* In some rounds it is turned off while the probes are on their way. */
		if (i % 4 == 3)
			EXPECT_TRUE(wait_probed());
		load_wait(&load, 1);
	}
	for (i = 0; i < 10; i++) {
		trace_enable(EVENT, true);
		if (i % 2)
			ASSERT_TRUE(wait_probed());
		ASSERT_EQ(0, volley_unload());
		EXPECT_FALSE(probed(false));
		load_wait(&load, 1);
		ASSERT_EQ(0, volley_load(""));
		if (i % 3)
			ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	}
	EXPECT_TRUE(load_stop(&load));
}

/* Turned on before the module is initialised, as ":mod:" does. */
TEST_F_TIMEOUT(registers, on_from_the_start, 300)
{
	static const char other[] = "/sys/kernel/tracing/instances/volley-early";

	trace_stop();
	ASSERT_EQ(0, volley_unload());
	ASSERT_TRUE(!mkdir(other, 0700) || errno == EEXIST);
	ASSERT_EQ(0, host_write(":mod:volley", "%s/set_event", other));
	ASSERT_EQ(0, volley_load(""));
	EXPECT_TRUE(wait_probed());
	ASSERT_EQ(0, volley_unload());
	EXPECT_FALSE(probed(false));
	/* A load that fails, with the event on until then. */
	EXPECT_EQ(-EINVAL, volley_load("burst=0"));
	EXPECT_FALSE(probed(false));
	ASSERT_EQ(0, rmdir(other));
	ASSERT_EQ(0, volley_load(""));
	trace_start();
}

TEST_HARNESS_MAIN
