// SPDX-License-Identifier: GPL-2.0
/*
 * What a window is for: interrupts that come one after the other, from another
 * CPU than the vCPU's, cost it fewer exits. For a machine with a thread for
 * each CPU and no tick on the vCPU's.
 */
#include "suite.h"

#define BURSTS		50
#define SPACING_US	200	/* at least, for a vCPU that is kicked to come and go */

FIXTURE(window)
{
	struct rig *rig;
};

FIXTURE_VARIANT(window)
{
	int vectors;
};

FIXTURE_VARIANT_ADD(window, v8) { 8 };
FIXTURE_VARIANT_ADD(window, v4) { 4 };

FIXTURE_SETUP(window)
{
	self->rig = setup_usual_rig("max_irqs=1024", variant->vectors);
}

FIXTURE_TEARDOWN(window)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* How many arrivals of a source there were; its file is open, to be quick. */
static u64 received(int fd)
{
	char text[24] = {};

	TEST_ASSERT(pread(fd, text, sizeof(text) - 1, 0) > 0, "cannot read a counter");
	return strtoull(text, NULL, 10);
}

/*
 * Raises the vectors one after the other: each when the host has taken the last,
 * and if nothing holds its kick, the guest as well. False if one is lost.
 */
static bool raise_in_turn(struct rig *rig, int vectors, bool held, const int *fd,
			  const struct volley_counts *before)
{
	u64 at = host_ticks();
	int i;

	for (i = 0; i < vectors; i++) {
		host_until(at + i * SPACING_US * host_ticks_per_us());
		rig_raise(rig, 0, 1U << i);
		if (!(held ? host_wait_for(received(fd[i]) > before->irq[i].received)
			   : !rig_wait(rig, 0, 1U << i)))
			return false;
	}
	return true;
}

/*
 * Exits and kicks that BURSTS bursts cost; no exits if an interrupt was lost.
 *
 * The machine at hand may take a CPU away in the middle of a burst for longer
 * than any window: such a burst does not count, however many there are.
 */
static u64 send(struct rig *rig, int vectors, u32 max_usecs, struct volley_kicks *kicks)
{
	struct volley_counts before, counts;
	u64 exits = 0, exits_before, start, us;
	int i, n = 0, tries, fd[DEVICE_VECTORS];
	char path[64];

	for (i = 0; i < vectors; i++) {
		snprintf(path, sizeof(path), VOLLEY_SYSFS "/irqs/%d/received",
			 rig->dev[0]->irq[i]);
		fd[i] = open(path, O_RDONLY);
		TEST_ASSERT(fd[i] >= 0, "cannot open %s", path);
	}
	memset(kicks, 0, sizeof(*kicks));
	volley_set(rig, "max_usecs", max_usecs);
	for (tries = 0; n < BURSTS; tries++) {
		volley_count(rig, &before);
		exits_before = rig_exits(rig);
		start = host_ticks();
		if (!raise_in_turn(rig, vectors, max_usecs, fd, &before))
			return 0;
		us = (host_ticks() - start) / host_ticks_per_us();
		if (rig_wait(rig, 0, ALL(vectors)))
			return 0;
		exits_before = rig_exits(rig) - exits_before;
		if (max_usecs && us > max_usecs)
			continue;
		volley_count(rig, &counts);
		n++;
		exits += exits_before;
		volley_since(&counts, &before);
		volley_kicks_add(kicks, &counts.kicks);
	}
	for (i = 0; i < vectors; i++)
		close(fd[i]);
	ksft_print_msg("max_usecs %5u: %.2f exits, %.2f kicks an interrupt; %d bursts did not count\n",
		       max_usecs, (double)exits / (BURSTS * vectors),
		       (double)kicks->sent / (BURSTS * vectors), tries - n);
	return exits;
}

TEST_F_TIMEOUT(window, fewer_exits, 2400)
{
	struct volley_kicks without, with;
	u64 exits, exits_with;

	exits = send(self->rig, variant->vectors, 0, &without);
	exits_with = send(self->rig, variant->vectors, VOLLEY_LONGEST, &with);
	ASSERT_LT(0, exits);
	ASSERT_LT(0, exits_with);

	EXPECT_EQ(0, without.held);
	EXPECT_LT(0, with.held);
	EXPECT_TRUE(volley_kicks_add_up(&without));
	EXPECT_TRUE(volley_kicks_add_up(&with));
	/* Clearly fewer: with four list registers eight of them cost three. */
	EXPECT_LT(exits_with, exits * 2 / 3);
	EXPECT_LT(with.sent, without.sent / 2);
	/* A window is as good as its end: there is a kick for each, no more. */
	EXPECT_LE(with.sent, BURSTS * 3 / 2);
}

/*
 * A guest that spins, on a CPU without a tick, never exits by itself. What is
 * held for it must be sent, or it waits for ever.
 */
TEST_F_TIMEOUT(window, guest_without_exits, 2400)
{
	static const u32 windows[] = { 0, 1, 100, 2000 };
	u64 exits = rig_exits(self->rig);
	int i, w;

	host_sleep_us(200000);
	/* A tick would be some 50. */
	ASSERT_GE(exits + 5, rig_exits(self->rig))
		TH_LOG("the guest has exits: %lu", rig_exits(self->rig) - exits);

	for (w = 0; w < ARRAY_SIZE(windows); w++) {
		volley_set(self->rig, "max_usecs", windows[w]);
		for (i = 0; i < 100; i++) {
			rig_raise(self->rig, 0, 1 + random() % ALL(variant->vectors));
			ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(variant->vectors)))
				TH_LOG("window of %u us, round %d", windows[w], i);
		}
	}
}

TEST_HARNESS_MAIN
