// SPDX-License-Identifier: GPL-2.0
/*
 * A VM that is killed under load, again and again: nothing of it stays behind, and
 * the next one has the device.
 */
#include "suite.h"
#include "victim.h"

FIXTURE(killed)
{
};

FIXTURE_SETUP(killed)
{
	host_log_mark();
}

FIXTURE_TEARDOWN(killed)
{
	EXPECT_EQ(0, volley_unload());
	EXPECT_FALSE(host_log_bad());
}

TEST_F_TIMEOUT(killed, under_load, 3600)
{
	struct victim victim;
	int round;

	volley_reload("");
	for (round = 0; round < host_rounds(8); round++) {
		ASSERT_TRUE(victim_start(&victim, 0, round, true));
		ASSERT_TRUE(victim_kill(&victim))
			TH_LOG("round %d", round);
	}
}

TEST_HARNESS_MAIN
