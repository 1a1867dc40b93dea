// SPDX-License-Identifier: GPL-2.0
/*
 * Every trace event fires when it should, with the right fields, and as often
 * as the counters say.
 */
#include "trace.h"
#include "suite.h"

#define VECTORS	8
#define TRIES	200	/* for what depends on when the host's tick comes */

FIXTURE(trace)
{
	struct rig *rig;
	struct trace trace;
};

FIXTURE_SETUP(trace)
{
	self->rig = setup_usual_rig("", VECTORS);
	trace_start();
}

FIXTURE_TEARDOWN(trace)
{
	trace_free(&self->trace);
	trace_stop();
	EXPECT_TRUE(teardown_rig(self->rig));
}

static bool send(struct rig *rig, u32 mask)
{
	rig_raise(rig, 0, mask);
	return !rig_wait(rig, 0, mask);
}

/* The only event of its name, or the test ends. */
static const struct trace_event *only(const struct trace *trace, const char *name)
{
	TEST_ASSERT(trace_count(trace, name) == 1, "%d events %s, expected one",
		    trace_count(trace, name), name);
	return trace_next(trace, name, NULL);
}

TEST_F_TIMEOUT(trace, sources, 300)
{
	struct device *dev = self->rig->dev[0];
	const struct trace_event *e;
	u32 attached = 0, detached = 0;
	int i;

	rig_disconnect(self->rig, 0);
	ASSERT_TRUE(volley_wait_detached(self->rig, 0));
	rig_connect(self->rig, 0, dev);
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));

	trace_read(&self->trace);
	EXPECT_EQ(VECTORS, trace_count(&self->trace, "source_detached"));
	EXPECT_EQ(VECTORS, trace_count(&self->trace, "source_attached"));
	for (i = 0; i < VECTORS; i++) {
		trace_for_each(e, &self->trace, "source_detached") {
			EXPECT_STREQ(self->rig->id, e->vm);
			if (e->irq == dev->irq[i])
				detached |= 1U << i;
		}
		trace_for_each(e, &self->trace, "source_attached") {
			EXPECT_STREQ(self->rig->id, e->vm);
			if (e->irq == dev->irq[i] && e->gsi == GUEST_LPI(0, i))
				attached |= 1U << i;
		}
	}
	EXPECT_EQ(ALL(VECTORS), detached);
	EXPECT_EQ(ALL(VECTORS), attached);
}

TEST_F_TIMEOUT(trace, arrivals, 300)
{
	const struct trace_event *e;
	s64 hwirq[VECTORS];
	int i, j;

	for (i = 0; i < VECTORS; i++) {
		ASSERT_TRUE(send(self->rig, 1U << i));
		rig_settle(self->rig, 0);
		trace_read(&self->trace);
		e = only(&self->trace, "irq_received");
		EXPECT_EQ(self->rig->dev[0]->irq[i], e->irq);
		EXPECT_EQ(CPU_IRQ, e->cpu);
		EXPECT_EQ(0, e->position);
		/* An LPI of the host's, each its own. */
		EXPECT_LE(8192, e->hwirq);
		hwirq[i] = e->hwirq;
		for (j = 0; j < i; j++)
			EXPECT_NE(hwirq[j], hwirq[i]);

		e = only(&self->trace, "irq_forwarded");
		EXPECT_EQ(self->rig->dev[0]->irq[i], e->irq);
		EXPECT_STREQ(self->rig->id, e->vm);
		EXPECT_EQ(0, e->vcpu);
		EXPECT_EQ(GUEST_LPI_BASE + i, e->intid);
		EXPECT_EQ(0, e->merged);
		trace_free(&self->trace);
	}
}

/* In a burst the positions count up from 0, exception by exception. */
TEST_F_TIMEOUT(trace, positions, 300)
{
	const struct trace_event *e;
	s64 next = 0, highest = 0;
	int i;

	for (i = 0; i < 50; i++)
		ASSERT_TRUE(send(self->rig, ALL(VECTORS)));
	rig_settle(self->rig, 0);
	trace_read(&self->trace);
	EXPECT_EQ(50 * VECTORS, trace_count(&self->trace, "irq_received"));
	EXPECT_EQ(50 * VECTORS, trace_count(&self->trace, "irq_forwarded"));
	trace_for_each(e, &self->trace, "irq_received") {
		if (e->position)
			EXPECT_EQ(next, e->position);
		next = e->position + 1;
		if (e->position > highest)
			highest = e->position;
	}
	EXPECT_LT(0, highest);
}

TEST_F_TIMEOUT(trace, merged, 300)
{
	u64 arrived = host_irq_count(self->rig->dev[0]->irq[0]);
	const struct trace_event *e;
	int i;

	rig_park(self->rig, 0);
	for (i = 0; i < 2; i++) {
		rig_raise(self->rig, 0, 1);
		arrived++;
		HOST_WAIT_FOR(host_irq_count(self->rig->dev[0]->irq[0]) == arrived,
			      "the host does not take it");
	}
	rig_resume(self->rig, 0);
	ASSERT_EQ(0, rig_wait(self->rig, 0, 1));
	rig_settle(self->rig, 0);

	trace_read(&self->trace);
	ASSERT_EQ(2, trace_count(&self->trace, "irq_forwarded"));
	e = trace_next(&self->trace, "irq_forwarded", NULL);
	EXPECT_EQ(0, e->merged);
	e = trace_next(&self->trace, "irq_forwarded", e);
	EXPECT_EQ(1, e->merged);
	/* One asked for a kick, and there was nobody in the guest to kick. */
	e = only(&self->trace, "kick_saved");
	EXPECT_STREQ(self->rig->id, e->vm);
	EXPECT_EQ(0, e->vcpu);
	EXPECT_EQ(1, e->count);
	EXPECT_EQ(0, trace_count(&self->trace, "kick_sent"));
}

/* Sends @mask until there is a kick for @reason; returns it, for @count. */
static bool kicked_for(struct rig *rig, struct trace *trace, u32 mask,
		       const char *reason, s64 count)
{
	const struct trace_event *e;
	int i;

	for (i = 0; i < TRIES; i++) {
		if (!send(rig, mask))
			return false;
		rig_settle(rig, 0);
		trace_read(trace);
		trace_for_each(e, trace, "kick_sent") {
			if (!strcmp(e->reason, reason) && e->count == count &&
			    !strcmp(e->vm, rig->id) && e->vcpu == 0)
				return true;
		}
		trace_free(trace);
	}
	return false;
}

TEST_F_TIMEOUT(trace, kick_off, 300)
{
	volley_set(self->rig, "max_usecs", 0);
	EXPECT_TRUE(kicked_for(self->rig, &self->trace, 1, "off", 1));
	EXPECT_EQ(0, trace_count(&self->trace, "kick_held"));
}

TEST_F_TIMEOUT(trace, kick_outside, 300)
{
	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	rig_set_mode(self->rig, GUEST_WFI);
	rig_ask(self->rig, 0, GUEST_OP_NONE, 0, 0, 0, 0);
	EXPECT_TRUE(kicked_for(self->rig, &self->trace, 1, "outside", 1));
	EXPECT_EQ(0, trace_count(&self->trace, "kick_held"));
}

TEST_F_TIMEOUT(trace, kick_time, 300)
{
	const struct trace_event *e;

	volley_set(self->rig, "max_usecs", 500);
	volley_set(self->rig, "max_irqs", 1024);
	EXPECT_TRUE(kicked_for(self->rig, &self->trace, 1, "time", 1));
	e = only(&self->trace, "kick_held");
	EXPECT_STREQ(self->rig->id, e->vm);
	EXPECT_EQ(0, e->vcpu);
	EXPECT_EQ(500, e->usecs);
	EXPECT_EQ(1, e->count);
}

TEST_F_TIMEOUT(trace, kick_count, 300)
{
	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 2);
	/* Two at once may be one volley or two: of two in all it is full. */
	EXPECT_TRUE(kicked_for(self->rig, &self->trace, 3, "count", 2));
}

TEST_F_TIMEOUT(trace, kick_release, 300)
{
	bool found = false;
	const struct trace_event *e;
	int i;

	for (i = 0; i < TRIES && !found; i++) {
		volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
		volley_set(self->rig, "max_irqs", 1024);
		rig_raise(self->rig, 0, 1);
		volley_set(self->rig, "max_usecs", 0);
		ASSERT_EQ(0, rig_wait(self->rig, 0, 1));
		rig_settle(self->rig, 0);
		trace_read(&self->trace);
		trace_for_each(e, &self->trace, "kick_sent") {
			if (!strcmp(e->reason, "release")) {
				EXPECT_EQ(1, e->count);
				EXPECT_STREQ(self->rig->id, e->vm);
				found = true;
			}
		}
		trace_free(&self->trace);
	}
	EXPECT_TRUE(found);
}

/* As many events as the counters say, whatever happens. */
TEST_F_TIMEOUT(trace, as_counted, 300)
{
	struct volley_counts before, counts;
	const struct trace_event *e;
	const int rounds = host_rounds(60), third = rounds / 3;
	u64 saved = 0, merged = 0;
	int i;

	volley_count(self->rig, &before);
	for (i = 0; i < rounds; i++) {
		if (i % third == 0) {
			volley_set(self->rig, "max_usecs", i / third * 800);
			volley_set(self->rig, "max_irqs", 4 + i / third * 20);
		}
		rig_raise_spaced(self->rig, 0, ALL(VECTORS), i % 2 * 100);
		/* Once in a while without waiting, so that some merge. */
		if (i % 3)
			ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	rig_settle(self->rig, 0);
	volley_count(self->rig, &counts);
	volley_since(&counts, &before);

	trace_read(&self->trace);
	trace_for_each(e, &self->trace, "irq_forwarded")
		merged += e->merged;
	trace_for_each(e, &self->trace, "kick_saved")
		saved += e->count;
	EXPECT_EQ(counts.vm.received, trace_count(&self->trace, "irq_received"));
	EXPECT_EQ(counts.vm.forwarded + counts.vm.merged,
		  trace_count(&self->trace, "irq_forwarded"));
	EXPECT_EQ(counts.vm.merged, merged);
	EXPECT_EQ(counts.kicks.sent, trace_count(&self->trace, "kick_sent"));
	EXPECT_EQ(counts.kicks.held, trace_count(&self->trace, "kick_held"));
	EXPECT_EQ(counts.kicks.saved, saved);
	EXPECT_LT(0, counts.kicks.held);
	EXPECT_LT(0, counts.kicks.saved);
}

/* Two VMs whose interrupts the same CPU takes. */
FIXTURE(two_vms)
{
	struct rig *rig[2];
	struct trace trace;
};

FIXTURE_SETUP(two_vms)
{
	int i;

	setup_two_vms(self->rig, "", VECTORS, GUEST_WFI);
	for (i = 0; i < 2; i++)
		ASSERT_TRUE(send(self->rig[i], ALL(VECTORS)));
	trace_start();
}

FIXTURE_TEARDOWN(two_vms)
{
	trace_free(&self->trace);
	trace_stop();
	if (self->rig[1])
		rig_free(self->rig[1]);
	EXPECT_TRUE(teardown_rig(self->rig[0]));
}

/*
 * How often a VM's interrupts followed another's in an exception; -1 if that one's
 * vCPU had not been kicked by then.
 */
static int follow(const struct trace *trace)
{
	const struct trace_event *e, *queued = NULL;
	bool kicked = false;
	int nr = 0;

	for (e = trace->events; e < trace->events + trace->nr; e++) {
		if (e->cpu != CPU_IRQ)
			continue;
		if (!strcmp(e->name, "irq_received") && !e->position)
			queued = NULL;
		if (!strncmp(e->name, "kick_", 5) && queued && !strcmp(e->vm, queued->vm))
			kicked = true;
		/* What merges may need no kick. */
		if (strcmp(e->name, "irq_forwarded") || e->merged)
			continue;
		if (queued && strcmp(e->vm, queued->vm)) {
			if (!kicked)
				return -1;
			nr++;
		}
		if (!queued || strcmp(e->vm, queued->vm))
			kicked = false;
		queued = e;
	}
	return nr;
}

/* It does not wait for the other's locks, nor for what of it goes the kernel's own way. */
TEST_F_TIMEOUT(two_vms, kicked_before_another, 300)
{
	int i, j, nr, met = 0;

	for (i = 0; i < TRIES && met < 3; i++) {
		for (j = 0; j < 2; j++)
			rig_raise(self->rig[j], 0, ALL(VECTORS));
		for (j = 0; j < 2; j++)
			ASSERT_EQ(0, rig_wait(self->rig[j], 0, ALL(VECTORS)));
		for (j = 0; j < 2; j++)
			rig_settle(self->rig[j], 0);
		trace_read(&self->trace);
		nr = follow(&self->trace);
		trace_free(&self->trace);
		ASSERT_LE(0, nr);
		met += nr;
	}
	EXPECT_LE(3, met);
}

TEST_HARNESS_MAIN
