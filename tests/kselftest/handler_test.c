// SPDX-License-Identifier: GPL-2.0
/*
 * Handlers of other modules: what they are asked, that their verdicts are done,
 * and that nothing they do or leave undone harms anybody.
 */
#include "foreign.h"
#include "load.h"
#include "suite.h"

#define VECTORS		8
#define VECTOR		2	/* the one that is registered for alone */
#define TARGET		5	/* and where it is redirected to */

FIXTURE(handler)
{
	struct rig *rig;
	int irq;		/* of VECTOR */
	u32 lpi, target;	/* of VECTOR and TARGET */
	struct volley_counts before;
};

FIXTURE_SETUP(handler)
{
	host_unload_module(FOREIGN);
	self->rig = setup_usual_rig("", VECTORS);
	ASSERT_EQ(0, host_load_module(FOREIGN, ""));
	self->irq = self->rig->dev[0]->irq[VECTOR];
	self->lpi = self->rig->lpi[0][VECTOR];
	self->target = self->rig->lpi[0][TARGET];
	volley_count(self->rig, &self->before);
}

FIXTURE_TEARDOWN(handler)
{
	host_unload_module(FOREIGN);
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* What became of arrivals of @vector since the test began. */
static struct volley_fates fates(struct rig *rig, const struct volley_counts *before, int vector)
{
	struct volley_counts now;

	volley_count(rig, &now);
	volley_since(&now, before);
	TEST_ASSERT(volley_fates_add_up(&now.vm), "arrivals do not add up");
	return now.irq[vector];
}

#define FATES(vector)	fates(self->rig, &self->before, vector)

static void raise_each(struct rig *rig, int nr)
{
	rig_raise_each(rig, 0, VECTOR, VECTORS - 1, nr);
}

TEST_F(handler, asked_and_forwarded)
{
	u64 from = host_now_ns(), taken = rig_taken(self->rig, self->lpi);
	unsigned long long time, hwirq;
	unsigned int irq, cpu, gsi, reserved;
	char text[80];

	ASSERT_EQ(0, foreign_register("irq", self->irq));
	ASSERT_EQ(0, host_read(text, sizeof(text), VOLLEY_SYSFS "/irqs/%d/handler", self->irq));
	EXPECT_STREQ("foreign", text);
	ASSERT_EQ(0, host_read(text, sizeof(text), VOLLEY_SYSFS "/irqs/%d/handler",
			       self->rig->dev[0]->irq[VECTOR + 1]));
	EXPECT_STREQ("msi", text);

	raise_each(self->rig, 10);
	EXPECT_EQ(taken + 10, rig_taken(self->rig, self->lpi));
	EXPECT_EQ(10, host_read_u64(FOREIGN_PARAM "calls"));
	EXPECT_EQ(10, FATES(VECTOR).forwarded);

	ASSERT_EQ(0, host_read(text, sizeof(text), FOREIGN_PARAM "last"));
	ASSERT_EQ(6, sscanf(text, "%llu %llu %u %u %u %u", &time, &hwirq, &irq, &cpu, &gsi,
			    &reserved));
	EXPECT_LT(from, time);
	EXPECT_GT(host_now_ns(), time);
	EXPECT_LE(8192, hwirq);
	EXPECT_EQ(self->irq, irq);
	EXPECT_EQ(CPU_IRQ, cpu);
	EXPECT_EQ(GUEST_LPI(0, VECTOR), gsi);
	EXPECT_EQ(0, reserved);

	ASSERT_EQ(0, foreign_unregister());
	ASSERT_EQ(0, host_read(text, sizeof(text), VOLLEY_SYSFS "/irqs/%d/handler", self->irq));
	EXPECT_STREQ("msi", text);
	raise_each(self->rig, 1);
	EXPECT_EQ(10, host_read_u64(FOREIGN_PARAM "calls"));
}

TEST_F(handler, consumed_and_left_to_host)
{
	u64 arrived = host_irq_count(self->irq), taken = rig_taken(self->rig, self->lpi);

	foreign_set("behave", CONSUME);
	ASSERT_EQ(0, foreign_register("irq", self->irq));
	raise_each(self->rig, 10);
	EXPECT_EQ(taken, rig_taken(self->rig, self->lpi));
	EXPECT_EQ(arrived + 10, host_irq_count(self->irq));
	EXPECT_EQ(10, FATES(VECTOR).consumed);

	foreign_set("behave", HOST);
	rig_raise(self->rig, 0, 1U << VECTOR);
	EXPECT_EQ(0, rig_wait(self->rig, 0, 1U << VECTOR));
	EXPECT_EQ(taken + 1, rig_taken(self->rig, self->lpi));
	EXPECT_EQ(arrived + 11, host_irq_count(self->irq));
	EXPECT_EQ(1, FATES(VECTOR).left[LEFT_HANDLER]);

	/* The administrator has the last word. */
	foreign_set("behave", CONSUME);
	ASSERT_EQ(0, host_write("msi", VOLLEY_SYSFS "/irqs/%d/handler", self->irq));
	rig_raise(self->rig, 0, 1U << VECTOR);
	EXPECT_EQ(0, rig_wait(self->rig, 0, 1U << VECTOR));
	EXPECT_EQ(11, host_read_u64(FOREIGN_PARAM "calls"));
	ASSERT_EQ(0, host_write("auto", VOLLEY_SYSFS "/irqs/%d/handler", self->irq));
	raise_each(self->rig, 1);
	EXPECT_EQ(12, host_read_u64(FOREIGN_PARAM "calls"));
	EXPECT_EQ(11, FATES(VECTOR).consumed);
}

TEST_F(handler, redirected)
{
	u64 taken = rig_taken(self->rig, self->lpi), target = rig_taken(self->rig, self->target);
	char name[64];
	int i;

	foreign_set("behave", REDIRECT);
	foreign_set("gsi", GUEST_LPI(0, TARGET));
	ASSERT_EQ(0, foreign_register("irq", self->irq));
	raise_each(self->rig, 10);
	EXPECT_EQ(taken, rig_taken(self->rig, self->lpi));
	EXPECT_EQ(target + 10, rig_taken(self->rig, self->target));
	EXPECT_EQ(10, FATES(VECTOR).forwarded);
	snprintf(name, sizeof(name), VOLLEY_SYSFS "/irqs/%d/intid", self->irq);
	EXPECT_EQ(GUEST_LPI_BASE + self->target, host_read_u64("%s", name));

	/* The guest maps it anew, and KVM forgets the translation: KVM has to find it. */
	for (i = 1; i <= 5; i++) {
		rig_ask(self->rig, 0, GUEST_OP_DISCARD, 0, TARGET, 0, 0);
		rig_ask(self->rig, 0, GUEST_OP_MAPTI, 0, TARGET, 0, self->target);
		rig_raise(self->rig, 0, 1U << VECTOR);
		ASSERT_TRUE(host_wait_for(rig_taken(self->rig, self->target) == target + 10 + i))
			TH_LOG("round %d", i);
		EXPECT_EQ(i, FATES(VECTOR).deferred);
	}
	raise_each(self->rig, 1);
	EXPECT_EQ(target + 16, rig_taken(self->rig, self->target));
	EXPECT_EQ(5, FATES(VECTOR).deferred);

	/* To a number that the VMM has not routed: as it stands, by the host. */
	foreign_set("gsi", GUEST_DEVICES * GUEST_EVENTS + 5);
	rig_raise(self->rig, 0, 1U << VECTOR);
	EXPECT_EQ(0, rig_wait(self->rig, 0, 1U << VECTOR));
	foreign_set("gsi", 0xffffffff);
	rig_raise(self->rig, 0, 1U << VECTOR);
	EXPECT_EQ(0, rig_wait(self->rig, 0, 1U << VECTOR));
	EXPECT_EQ(taken + 2, rig_taken(self->rig, self->lpi));
	EXPECT_EQ(2, FATES(VECTOR).left[LEFT_INVALID]);
}

/* Whether the kernel's log complains of a verdict, since the mark or the last look. */
static bool complained(void)
{
	return host_log_has("gave a verdict that is not valid");
}

/* What is no verdict is contained: the arrival goes the stock way. */
TEST_F(handler, nonsense)
{
	static const struct { bool batch; enum foreign_behave behave; } nonsense[] = {
		{ false, UNKNOWN_ACTION }, { true, UNKNOWN_ACTION }, { true, TOO_MANY },
		{ true, TWICE }, { true, NO_SUCH_ARRIVAL },
	};
	u64 taken = rig_taken(self->rig, self->lpi);
	int i, sent = 0;

	for (i = 0; i < ARRAY_SIZE(nonsense); i++) {
		host_log_mark();
		foreign_set("batch", nonsense[i].batch);
		foreign_set("behave", nonsense[i].behave);
		ASSERT_EQ(0, foreign_register("irq", self->irq));
		rig_raise(self->rig, 0, 1U << VECTOR);
		ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << VECTOR))
			TH_LOG("round %d", i);
		EXPECT_TRUE(host_wait_for(complained()))
			TH_LOG("round %d", i);

		/* Once is enough. */
		host_log_mark();
		rig_raise(self->rig, 0, 1U << VECTOR);
		ASSERT_EQ(0, rig_wait(self->rig, 0, 1U << VECTOR));
		sent += 2;
		EXPECT_EQ(taken + sent, rig_taken(self->rig, self->lpi));
		EXPECT_EQ(sent, FATES(VECTOR).left[LEFT_INVALID]);
		EXPECT_FALSE(complained());
		ASSERT_EQ(0, foreign_unregister());
	}
}

/* Several at once where they are at hand, and what is forwarded may be fewer. */
TEST_F(handler, batches)
{
	struct volley_counts now;
	u64 sent = 0, calls;
	int i;

	foreign_set("batch", 1);
	ASSERT_EQ(0, foreign_register_device(self->rig));
	for (i = 0; i < 50; i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
		sent += VECTORS;
	}
	EXPECT_EQ(sent, host_read_u64(FOREIGN_PARAM "arrivals"));
	EXPECT_LT(1, host_read_u64(FOREIGN_PARAM "largest"));
	EXPECT_GE(VECTORS, host_read_u64(FOREIGN_PARAM "largest"));
	EXPECT_GT(sent, host_read_u64(FOREIGN_PARAM "calls"));
	volley_count(self->rig, &now);
	volley_since(&now, &self->before);
	EXPECT_EQ(sent, now.vm.forwarded);

	foreign_set("behave", LAST_ONLY);
	calls = host_read_u64(FOREIGN_PARAM "calls");
	volley_count(self->rig, &self->before);
	for (i = 0; i < 50; i++) {
		u64 arrived = host_read_u64(FOREIGN_PARAM "arrivals");

		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_TRUE(host_wait_for(host_read_u64(FOREIGN_PARAM "arrivals") == arrived + VECTORS));
	}
	calls = host_read_u64(FOREIGN_PARAM "calls") - calls;
	volley_count(self->rig, &now);
	volley_since(&now, &self->before);
	EXPECT_EQ(sent, now.vm.received);
	/* One for each call. */
	EXPECT_EQ(calls, now.vm.forwarded + now.vm.merged);
	EXPECT_EQ(sent - calls, now.vm.consumed);
	EXPECT_GT(sent, calls);
}

/* What cannot be registered is refused with the error that is documented. */
TEST_F(handler, errors)
{
	static const char * const names[] = {
		"msi", "host", "auto", "a/b", "a b", "\xc3\xa4", "a2345678901234567890123456789012",
	};
	int i;

	EXPECT_EQ(-ENOENT, foreign_register("irq", 0));
	EXPECT_EQ(-ENOENT, foreign_register("irq", 999999));
	EXPECT_EQ(-ENOENT, foreign_unregister());
	EXPECT_EQ(-ENOENT, host_write("stray", FOREIGN_PARAM "unregister"));
	EXPECT_EQ(-EAGAIN, foreign_register("atomic", self->irq));
	foreign_set("both", 1);
	EXPECT_EQ(-EINVAL, foreign_register("irq", self->irq));
	foreign_set("both", 0);
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		ASSERT_EQ(0, host_write(names[i], FOREIGN_PARAM "name"));
		EXPECT_EQ(-EINVAL, foreign_register("irq", self->irq))
			TH_LOG("name '%s'", names[i]);
	}
	ASSERT_EQ(0, host_write("a234567890123456789012345678901", FOREIGN_PARAM "name"));

	ASSERT_EQ(0, foreign_register("irq", self->irq));
	EXPECT_EQ(-EEXIST, foreign_register("irq", self->irq));
	EXPECT_EQ(-EEXIST, foreign_register_device(self->rig));
	EXPECT_EQ(-EAGAIN, host_write("atomic", FOREIGN_PARAM "unregister"));
	/* None of that has changed anything. */
	raise_each(self->rig, 1);
	EXPECT_EQ(1, host_read_u64(FOREIGN_PARAM "calls"));
	ASSERT_EQ(0, foreign_unregister());

	ASSERT_EQ(0, foreign_register_device(self->rig));
	EXPECT_EQ(-EEXIST, foreign_register_device(self->rig));
	EXPECT_EQ(-EEXIST, foreign_register("irq", self->irq));
	EXPECT_EQ(0, foreign_unregister());
}

/* Registered and unregistered while interrupts flow: nothing is lost. */
TEST_F_TIMEOUT(handler, under_load, 600)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_OTHER,
	};
	struct rig_counts before, counts;
	int i;

	rig_count(self->rig, 0, &before);
	load_start(&load);
	for (i = 0; i < 60; i++) {
		foreign_set("batch", i & 1);
		foreign_set("behave", i & 2 ? FORWARD : HOST);
		ASSERT_EQ(0, i & 4 ? foreign_register_device(self->rig) : foreign_register("irq", self->irq));
		if (i % 3)
			load_wait(&load, 2);
		/* It goes with its registration, or without. */
		if (i % 5) {
			ASSERT_EQ(0, foreign_unregister());
		} else {
			ASSERT_EQ(0, host_unload_module(FOREIGN));
			ASSERT_EQ(0, host_load_module(FOREIGN, ""));
		}
		ASSERT_EQ(0, load.lost)
			TH_LOG("lost in round %d", i);
	}
	EXPECT_TRUE(load_stop(&load));
	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &before);
	EXPECT_EQ(rig_sum(counts.sent), rig_sum(counts.taken));
	EXPECT_EQ(rig_sum(counts.sent), rig_sum(counts.arrived));
}

/* Modules go in order, and one that forgets to unregister does no harm. */
TEST_F(handler, module_goes)
{
	EXPECT_EQ(-EWOULDBLOCK, volley_unload());
	foreign_set("leak", 1);
	ASSERT_EQ(0, foreign_register("irq", self->irq));
	raise_each(self->rig, 1);
	ASSERT_EQ(0, host_unload_module(FOREIGN));
	EXPECT_TRUE(host_log_has("handler foreign has gone without unregistering it"));
	rig_raise(self->rig, 0, ALL(VECTORS));
	EXPECT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	ASSERT_EQ(0, host_load_module(FOREIGN, ""));
	EXPECT_EQ(0, foreign_register("irq", self->irq));
}

/* A device's handler is there before its interrupts are, an interrupt's goes with it. */
TEST_F(handler, comes_and_goes)
{
	char text[40];

	ASSERT_EQ(0, foreign_register("irq", self->irq));
	rig_disconnect(self->rig, 0);
	ASSERT_TRUE(volley_wait_detached(self->rig, 0));
	rig_connect(self->rig, 0, self->rig->dev[0]);
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	ASSERT_EQ(0, host_read(text, sizeof(text), VOLLEY_SYSFS "/irqs/%d/handler", self->irq));
	EXPECT_STREQ("msi", text);
	EXPECT_EQ(0, foreign_unregister());

	rig_disconnect(self->rig, 0);
	ASSERT_TRUE(volley_wait_detached(self->rig, 0));
	EXPECT_EQ(-ENOENT, foreign_register("irq", self->irq));
	ASSERT_EQ(0, foreign_register_device(self->rig));
	rig_connect(self->rig, 0, self->rig->dev[0]);
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	rig_raise(self->rig, 0, ALL(VECTORS));
	EXPECT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	EXPECT_EQ(VECTORS, host_read_u64(FOREIGN_PARAM "calls"));
}

TEST_HARNESS_MAIN
