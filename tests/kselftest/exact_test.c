// SPDX-License-Identifier: GPL-2.0
/*
 * Bounds in virtual time, and what costs one kick. For a machine of two CPUs
 * where time counts instructions: one raises and takes the interrupts, the
 * other runs the vCPU; nothing else does anything.
 */
#include "suite.h"

#define VECTORS	8
#define ROUNDS	50

/*
 * What a delivery may take without any window: the way through the host, the
 * kick, and the guest's own, eight times. It is some 30 microseconds; if the
 * host's tick comes in between, it is more.
 */
#define PATH_US	60

FIXTURE(exact)
{
	struct rig *rig;
};

FIXTURE_VARIANT(exact)
{
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(exact, spin) { GUEST_SPIN };
FIXTURE_VARIANT_ADD(exact, wfi) { GUEST_WFI };

static struct rig *exact_rig(enum guest_mode mode)
{
	const struct setup setup = {
		.params = "max_irqs=1024",
		.vectors = VECTORS,
		.cpu_irq = CPU_MAIN,
		.cpu_vcpu = CPU_VCPU,
		.mode = mode,
	};

	TEST_ASSERT(host_is_exact(), "time does not count instructions here");
	return setup_rig(&setup);
}

FIXTURE_SETUP(exact)
{
	self->rig = exact_rig(variant->mode);
}

FIXTURE_TEARDOWN(exact)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* The longest time from raise to handler among @mask, in microseconds. */
static u64 latest_us(struct rig *rig, u32 mask)
{
	u64 late, latest = 0;
	int i;

	for (i = 0; i < VECTORS; i++) {
		if (!(mask & 1U << i))
			continue;
		late = READ_ONCE(rig->shared->lpi[GUEST_LPI(0, i)].late);
		if (late > latest)
			latest = late;
	}
	return latest / host_ticks_per_us();
}

/* The latest of @rounds bursts; each is left alone for a while. */
static u64 send(struct rig *rig, u32 mask, u64 spacing_us)
{
	u64 us, latest = 0;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		/* Not always at the same distance from the tick. */
		host_sleep_us(500 + 37 * i);
		rig_raise_spaced(rig, 0, mask, spacing_us);
		if (rig_wait(rig, 0, mask))
			return ~0ULL;
		us = latest_us(rig, mask);
		if (us > latest)
			latest = us;
	}
	return latest;
}

/* No interrupt waits longer than its window, and the first of one waits as long. */
TEST_F_TIMEOUT(exact, not_later_than_window, 600)
{
	static const u32 windows[] = { 0, 50, 200, 1000, 5000, VOLLEY_LONGEST };
	u64 path, latest;
	int i;

	volley_set(self->rig, "max_usecs", 0);
	path = send(self->rig, ALL(VECTORS), 0);
	for (i = 0; i < ARRAY_SIZE(windows); i++) {
		volley_set(self->rig, "max_usecs", windows[i]);
		latest = send(self->rig, 1, 0);
		ksft_print_msg("max_usecs %5u: one is %lu us late at most\n", windows[i], latest);
		EXPECT_LE(latest, windows[i] + PATH_US);
		if (variant->mode == GUEST_WFI) {
			EXPECT_LE(latest, PATH_US);
		} else {
			EXPECT_GE(latest, windows[i] / 2);
		}

		latest = send(self->rig, ALL(VECTORS), windows[i] / 5);
		ksft_print_msg("max_usecs %5u: eight are %lu us late at most\n",
			       windows[i], latest);
		EXPECT_LE(latest, windows[i] + PATH_US);
	}
	EXPECT_LE(path, PATH_US);
}

/* However many come at once, the vCPU is kicked once. */
TEST_F_TIMEOUT(exact, burst_costs_one_kick, 300)
{
	struct volley_counts before, counts;
	int vectors;

	volley_set(self->rig, "max_usecs", 0);
	for (vectors = 1; vectors <= VECTORS; vectors++) {
		volley_count(self->rig, &before);
		ASSERT_LE(send(self->rig, ALL(vectors), 0), PATH_US);
		volley_count(self->rig, &counts);
		volley_since(&counts, &before);
		EXPECT_EQ(ROUNDS * vectors, counts.vm.received);
		EXPECT_EQ(ROUNDS * vectors, counts.vm.forwarded);
		/* If the host's tick comes in between, what follows is another. */
		EXPECT_LE(ROUNDS, counts.kicks.requests);
		EXPECT_GE(ROUNDS * 11 / 10, counts.kicks.requests)
			TH_LOG("%d vectors", vectors);
		EXPECT_LE(counts.kicks.sent, counts.kicks.requests);
		/* All but a few, for which the vCPU was outside just then. */
		EXPECT_GE(counts.kicks.sent, ROUNDS * 8 / 10);
		EXPECT_EQ(0, counts.kicks.held);
	}
}

FIXTURE(sleeping)
{
	struct rig *rig;
};

FIXTURE_SETUP(sleeping)
{
	self->rig = exact_rig(GUEST_WFI);
}

FIXTURE_TEARDOWN(sleeping)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* A sleeping guest is woken at once, whatever the window. */
TEST_F_TIMEOUT(sleeping, woken_at_once, 300)
{
	struct volley_counts before, counts;

	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_count(self->rig, &before);
	EXPECT_LE(send(self->rig, 1, 0), PATH_US);
	volley_count(self->rig, &counts);
	volley_since(&counts, &before);
	EXPECT_EQ(0, counts.kicks.held);
	EXPECT_EQ(ROUNDS, counts.kicks.requests);
	EXPECT_EQ(ROUNDS, counts.kicks.sent);
}

FIXTURE(spinning)
{
	struct rig *rig;
};

FIXTURE_SETUP(spinning)
{
	self->rig = exact_rig(GUEST_SPIN);
}

FIXTURE_TEARDOWN(spinning)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* The window ends early when it is full. */
TEST_F_TIMEOUT(spinning, full_ends_window, 300)
{
	int i, filled = 0;
	bool full;
	u64 exits;

	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 4);
	for (i = 0; i < ROUNDS; i++) {
		host_sleep_us(500 + 37 * i);
		exits = rig_exits(self->rig);
		rig_raise_spaced(self->rig, 0, ALL(4), 300);
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(4)));
		/* The first waits for the other three, and none for the window. */
		full = latest_us(self->rig, 1) >= 3 * 300 &&
		       latest_us(self->rig, ALL(4)) <= 3 * 300 + PATH_US;
		/* If the vCPU leaves the guest in between, those that are left do not fill it. */
		EXPECT_TRUE(full || rig_exits(self->rig) > exits + 1);
		filled += full;
	}
	ksft_print_msg("max_irqs 4: four that are 300 us apart filled it %d of %d times\n",
		       filled, ROUNDS);
	EXPECT_LE(ROUNDS * 9 / 10, filled);
	/* Three do not fill it. */
	EXPECT_GE(send(self->rig, ALL(3), 300), VOLLEY_LONGEST / 2);
}

static void set_urgent(struct rig *rig, int vector, const char *urgent)
{
	int irq = rig->dev[0]->irq[vector];

	TEST_ASSERT(!host_write(urgent, VOLLEY_SYSFS "/irqs/%d/urgent", irq),
		    "irq %d cannot be made urgent", irq);
}

/* An urgent interrupt does not wait, and what does goes with it. */
TEST_F_TIMEOUT(spinning, urgent_ends_window, 120)
{
	struct volley_counts before, counts;
	int i;

	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	set_urgent(self->rig, 1, "1");

	/* Alone. */
	volley_count(self->rig, &before);
	EXPECT_LE(send(self->rig, 2, 0), PATH_US);
	volley_count(self->rig, &counts);
	volley_since(&counts, &before);
	EXPECT_EQ(0, counts.kicks.held);
	EXPECT_EQ(ROUNDS, counts.kicks.requests);

	/* 300 us after another one. */
	volley_count(self->rig, &before);
	for (i = 0; i < ROUNDS; i++) {
		host_sleep_us(500 + 37 * i);
		rig_raise_spaced(self->rig, 0, 3, 300);
		ASSERT_EQ(0, rig_wait(self->rig, 0, 3));
		EXPECT_LE(latest_us(self->rig, 2), PATH_US);
		EXPECT_LE(latest_us(self->rig, 1), 300 + PATH_US);
	}
	volley_count(self->rig, &counts);
	volley_since(&counts, &before);
	EXPECT_LT(ROUNDS / 2, counts.kicks.held);
	EXPECT_LE(counts.kicks.held, ROUNDS);

	/* No more: each waits for its window. */
	set_urgent(self->rig, 1, "0");
	EXPECT_GE(send(self->rig, 2, 0), VOLLEY_LONGEST / 2);

	/* Made urgent while it waits: it is released. */
	rig_raise(self->rig, 0, 2);
	set_urgent(self->rig, 1, "1");
	ASSERT_EQ(0, rig_wait(self->rig, 0, 2));
	EXPECT_LE(latest_us(self->rig, 2), VOLLEY_LONGEST / 5);
}

/*
 * Adaptive, at rates too low for the window: what comes alone, or in pairs, or
 * all at once, is not delayed at all.
 */
TEST_F_TIMEOUT(spinning, adaptive_low_rate, 300)
{
	static const u32 windows[] = { 50, 200, 500 };
	struct volley_counts before, counts;
	int w;

	volley_set(self->rig, "adaptive", 1);
	for (w = 0; w < ARRAY_SIZE(windows); w++) {
		volley_set(self->rig, "max_usecs", windows[w]);
		volley_count(self->rig, &before);
		/* Bursts are 500 us and more apart. */
		EXPECT_LE(send(self->rig, 1, 0), PATH_US);
		EXPECT_LE(send(self->rig, ALL(2), windows[w] / 5), PATH_US);
		EXPECT_LE(send(self->rig, ALL(VECTORS), 0), PATH_US);
		volley_count(self->rig, &counts);
		volley_since(&counts, &before);
		EXPECT_EQ(0, counts.kicks.held)
			TH_LOG("window of %u us", windows[w]);
		EXPECT_LE(3 * ROUNDS, counts.kicks.requests);
	}
}

/*
 * Adaptive, at a steady rate: a kick for every four interrupts, each of which
 * waits for those that follow it, and not for the window that is allowed.
 */
TEST_F_TIMEOUT(spinning, adaptive_high_rate, 300)
{
	static const u32 spacings[] = { 20, 50, 200 };
	u32 half[] = { ALL(4), ALL(VECTORS) & ~ALL(4) };
	struct volley_counts before, counts;
	u64 late, latest;
	int i, s;

	volley_set(self->rig, "adaptive", 1);
	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 4);
	for (s = 0; s < ARRAY_SIZE(spacings); s++) {
		volley_count(self->rig, &before);
		latest = 0;
		for (i = 0; i < 2 * ROUNDS; i++) {
			/* The other four are delivered while these are raised. */
			rig_raise_spaced(self->rig, 0, half[i % 2], spacings[s]);
			ASSERT_EQ(0, rig_wait(self->rig, 0, half[(i + 1) % 2]));
			late = latest_us(self->rig, half[(i + 1) % 2]);
			if (late > latest)
				latest = late;
			host_until(host_ticks() + spacings[s] * host_ticks_per_us());
		}
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
		volley_count(self->rig, &counts);
		volley_since(&counts, &before);
		ksft_print_msg("%u us apart: %lu kicks for %lu interrupts, %lu us late at most\n",
			       spacings[s], counts.kicks.sent, counts.vm.received, latest);
		EXPECT_EQ(2 * ROUNDS * 4, counts.vm.received);
		EXPECT_LT(counts.vm.received / 2, counts.kicks.held);
		/* The first few come without a window. */
		EXPECT_LE(counts.kicks.sent, 2 * ROUNDS * 12 / 10);
		/* What the sender takes for its own sleeps is part of the rate. */
		EXPECT_LT(latest, VOLLEY_LONGEST / 4);
	}
}

/* Changed settings end it, too. */
TEST_F_TIMEOUT(spinning, change_ends_window, 300)
{
	char enabled[128], handler[128], usecs[128];
	const struct {
		const char *file, *changed, *back;
	} changes[] = {
		{ usecs, "9999", "10000" },
		{ enabled, "0", "1" },
		{ handler, "host", "auto" },
	};
	struct rig *rig = self->rig;
	u64 arrived;
	int i, c;

	snprintf(usecs, sizeof(usecs), VOLLEY_SYSFS "/vms/%s/max_usecs", rig->id);
	snprintf(enabled, sizeof(enabled), VOLLEY_SYSFS "/vms/%s/enabled", rig->id);
	snprintf(handler, sizeof(handler), VOLLEY_SYSFS "/irqs/%d/handler", rig->dev[0]->irq[0]);
	volley_set(rig, "max_usecs", VOLLEY_LONGEST);
	for (i = 0; i < 10; i++) {
		for (c = 0; c < ARRAY_SIZE(changes); c++) {
			arrived = rig_arrived(rig, 0);
			rig_raise(rig, 0, 1);
			HOST_WAIT_FOR(rig_arrived(rig, 0) > arrived, "it does not arrive");
			ASSERT_EQ(0, host_write(changes[c].changed, "%s", changes[c].file));
			ASSERT_EQ(0, rig_wait(rig, 0, 1));
			EXPECT_LE(latest_us(rig, 1), VOLLEY_LONGEST / 5)
				TH_LOG("%s", changes[c].file);
			ASSERT_EQ(0, host_write(changes[c].back, "%s", changes[c].file));
		}
	}
}

TEST_HARNESS_MAIN
