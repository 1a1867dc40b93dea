// SPDX-License-Identifier: GPL-2.0
/*
 * Each storm alone, with interrupts flowing all the while. Afterwards all that
 * was sent has been delivered, the counters add up, the module's memory is what
 * it was, and the module unloads.
 *
 *   VOLLEY_ROUNDS	how many rounds of each (default 12; less of what is slow)
 *   VOLLEY_SEED	what is done in them (default 1)
 */
#include "memory.h"
#include "storms/storm.h"
#include "suite.h"

/* Work that leaves something behind makes memory grow in each of as many parts. */
#define PARTS	3

/* At most so often the state is saved, until a kick was held for what is in it. */
#define SAVES	20

static int tested;

FIXTURE(alone)
{
	struct scene scene;
};

FIXTURE_VARIANT(alone)
{
	const char *params;
	enum guest_mode mode;
};

FIXTURE_VARIANT_ADD(alone, at_once) { "" };
FIXTURE_VARIANT_ADD(alone, window) { "max_usecs=10000 max_irqs=1024" };
FIXTURE_VARIANT_ADD(alone, asleep) { "max_usecs=10000 max_irqs=1024", GUEST_WFI };
FIXTURE_VARIANT_ADD(alone, adaptive) { "max_usecs=10000 max_irqs=1024 adaptive=1" };

FIXTURE_SETUP(alone)
{
	ASSERT_LE(2, device_count());
	scene_start(&self->scene, variant->params, variant->mode);
	self->scene.alone = true;
}

FIXTURE_TEARDOWN(alone)
{
	EXPECT_TRUE(scene_end(&self->scene));
}

/* Each vector has its files, and so memory. */
static bool look(struct scene *scene, struct memory *memory)
{
	bool good = true;

	if (scene->rig->dev[0]->vectors != SCENE_VECTORS) {
		load_hold(&scene->load, false);
		good = scene_all_vectors(scene);
		load_flow(&scene->load);
	}
	memory_look(memory);
	return good;
}

static void run(struct __test_metadata *_metadata, struct scene *scene, const char *name)
{
	const struct storm *storm = storm_find(name);
	static struct memory before, now;
	struct seeded seeded;
	u64 rounds, i;
	int part;

	ASSERT_NE(NULL, storm);
	if (!storm_possible(storm))
		SKIP(return, "this kernel cannot do that");
	rounds = storm_rounds(storm, host_setting("VOLLEY_ROUNDS", host_rounds(12)));
	seeded_start(&seeded, host_setting("VOLLEY_SEED", 1), 0);
	scene_reckon(scene, storm);
	for (part = 0; part < PARTS; part++) {
		ASSERT_TRUE(look(scene, &before));
		for (i = 0; i < rounds; i++)
			ASSERT_TRUE(storm->round(scene, &seeded))
				TH_LOG("round %lu of part %d", i, part);
		ASSERT_TRUE(look(scene, &now));
		if (!memory_grew(&before, &now, rounds))
			break;
	}
	EXPECT_GT(PARTS, part);
	/* Each time a vCPU may just be on its way, and none is held for it. */
	while (scene->saves && scene_holds(scene) && !scene->saved_held && scene->saves < SAVES)
		ASSERT_TRUE(storm->round(scene, &seeded));
	EXPECT_TRUE(scene_check(scene));
	EXPECT_TRUE(!scene->armed || scene->faults);
	if (!scene->saves)
		return;
	/* Something was there to be saved, at once and behind a kick that was held. */
	EXPECT_LT(0, scene->saved_pending);
	EXPECT_LT(0, scene->saved_at_once);
	if (scene_holds(scene))
		EXPECT_LT(0, scene->saved_held);
}

#define STORM(name)							\
	static void __attribute__((constructor)) count_##name(void)	\
	{								\
		tested++;						\
	}								\
									\
	TEST_F_TIMEOUT(alone, name, 24 * 60 * 60)			\
	{								\
		run(_metadata, &self->scene, #name);			\
	}

STORM(module)
STORM(settings)
STORM(affinity)
STORM(vcpu_moves)
STORM(cpu_offline)
STORM(rebind)
STORM(irqfds)
STORM(no_memory)
STORM(routes)
STORM(pause)
STORM(signals)
STORM(vm_killed)
STORM(save)
STORM(restore)
STORM(movi)
STORM(inv)
STORM(invall)
STORM(discard)
STORM(mapd)
STORM(its_off)
STORM(lpis_off)
STORM(sleep)
STORM(mask)
STORM(msix)
STORM(reset)
STORM(read)

TEST(each_storm_has_a_test)
{
	EXPECT_EQ(nr_storms, tested);
}

TEST_HARNESS_MAIN
