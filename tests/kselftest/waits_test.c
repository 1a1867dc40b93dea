// SPDX-License-Identifier: GPL-2.0
/*
 * Whoever changes what handlers go by, or takes it away, waits for one that is
 * running: it holds nothing by the old settings, and uses nothing, afterwards.
 */
#include "foreign.h"
#include "suite.h"

#define VECTORS		4
#define VECTOR		2	/* of which the handler does not return for a while */

FIXTURE(waits)
{
	struct rig *rig;
};

FIXTURE_SETUP(waits)
{
	host_unload_module(FOREIGN);
	self->rig = setup_usual_rig("", VECTORS);
	ASSERT_EQ(0, host_load_module(FOREIGN, ""));
}

FIXTURE_TEARDOWN(waits)
{
	host_unload_module(FOREIGN);
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* What somebody does, and what undoes it: what is written to a file of that name, or NULL. */
struct change {
	const char *what, *text, *back;
	void (*make)(struct rig *rig, const char *what, const char *text);
};

/* Whether @change was made while the handler of VECTOR ran, and waited for it. */
static bool waited_for(struct rig *rig, const struct change *change)
{
	u64 begun, returned, until;
	int i;

	foreign_set("behave", STALL);
	/* At some length the handler is still running by then. */
	for (i = 0; i < 5; i++) {
		foreign_set("stall_ms", 200 << i);
		rig_raise(rig, 0, 1U << VECTOR);
		HOST_WAIT_FOR(host_read_u64(FOREIGN_PARAM "running") == 1 ||
			      !rig_missing(rig, 0, 1U << VECTOR), "it is not called");
		begun = host_now_ns();
		change->make(rig, change->what, change->text);
		returned = host_now_ns();
		until = host_read_u64(FOREIGN_PARAM "stalled_until");
		TEST_ASSERT(!host_read_u64(FOREIGN_PARAM "running") && until < returned,
			    "%s: the handler runs on", change->what);
		TEST_ASSERT(!rig_wait(rig, 0, 1U << VECTOR), "%s: lost", change->what);
		change->make(rig, change->what, change->back);
		if (begun < until)
			return true;
	}
	ksft_print_msg("%s: the handler was never running at that moment\n", change->what);
	return false;
}

static void write_irq(struct rig *rig, const char *name, const char *text)
{
	int ret = host_write(text, VOLLEY_SYSFS "/irqs/%d/%s", rig->dev[0]->irq[VECTOR], name);

	TEST_ASSERT(!ret, "%s = %s: %s", name, text, strerror(-ret));
}

static void write_vm(struct rig *rig, const char *name, const char *text)
{
	volley_set(rig, name, atoi(text));
}

/*
 * The irqfds go as well, but in a worker of KVM's: to take an irqfd away would be to
 * wait for KVM, which waits for what is entered in its VM's routes.
 */
static void set_vectors(struct rig *rig, const char *what, const char *text)
{
	if (!text) {
		vfio_pci_msix_disable(rig->dev[0]->vfio);
		return;
	}
	TEST_ASSERT(volley_wait_irqs_gone(rig->id, rig->dev[0]->irq, VECTORS), "not detached");
	setup_vectors(rig, VECTORS);
	TEST_ASSERT(volley_wait_attached(rig, 0), "not attached");
}

static void set_handler(struct rig *rig, const char *what, const char *text)
{
	int ret = text ? foreign_register(text, rig->dev[0]->irq[VECTOR]) : foreign_unregister();

	TEST_ASSERT(!ret, "%s: %s", what, strerror(-ret));
}

/*
 * Whoever changes what handlers go by, or takes it away, waits for one that is
 * running: it holds nothing by the old settings, and uses nothing, afterwards.
 */
TEST_F_TIMEOUT(waits, changes, 600)
{
	static const struct change changes[] = {
		{ "max_usecs", "0", "10000", write_vm },
		{ "enabled", "0", "1", write_vm },
		{ "urgent", "1", "0", write_irq },
		{ "handler", "host", "auto", write_irq },
		{ "vectors", NULL, "all", set_vectors },
	};
	int i;

	/* This is still there when the vectors are again. */
	ASSERT_EQ(0, foreign_register_device(self->rig));
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		EXPECT_TRUE(waited_for(self->rig, &changes[i]));
}

/* Unregistering waits as well. */
TEST_F_TIMEOUT(waits, unregister, 300)
{
	static const struct change change = { "unregister", NULL, "irq", set_handler };

	ASSERT_EQ(0, foreign_register("irq", self->rig->dev[0]->irq[VECTOR]));
	EXPECT_TRUE(waited_for(self->rig, &change));
}

TEST_HARNESS_MAIN
