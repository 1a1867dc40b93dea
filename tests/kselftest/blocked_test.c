// SPDX-License-Identifier: GPL-2.0
/*
 * A VM that KVM has to wait for: its VMM does not provide the memory in which the
 * properties of its LPIs are, so its vCPU stays in an ITS command, with the ITS
 * locked. An interrupt that a handler has redirected, and that KVM has to
 * translate, waits for that as well. Nobody else may.
 *
 * And a user whom all of sysfs has to wait for: no VM may.
 */
#include <dirent.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <userfaultfd_util.h>

#include "foreign.h"
#include "suite.h"

#define VECTORS		4
#define VECTOR		1	/* the one that a handler has */
#define TARGET		2	/* and where it is redirected to */
#define MOST		64	/* that may wait, says Documentation/handlers.rst */

/*
 * For how long it is not provided, unless that is waited for: nobody may have to.
 * 20 seconds, and on a debug kernel less than what it takes for a hung task.
 */
#define LATE_NS		(host_timeout_s() / 3 * NSEC_PER_SEC)

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED	24
#endif

static char page[SZ_64K] __aligned(SZ_64K);
static bool missed, wanted, provided;

static struct uffd_desc *memory;
/* How often the guest had taken the target's LPI before. */
static u64 taken;

/* Provides the page that somebody waits for, when it is wanted or late. */
static int provide(int mode, int uffd, struct uffd_msg *msg)
{
	u64 end = host_now_ns() + LATE_NS, size = getpagesize();
	struct uffdio_copy copy = {
		.dst = msg->arg.pagefault.address & ~(size - 1),
		.src = (u64)page,
		.len = size,
	};

	tell(&missed, true);
	while (!told(&wanted) && host_now_ns() < end)
		host_sleep_us(1000);
	tell(&provided, true);
	return ioctl(uffd, UFFDIO_COPY, &copy);
}

FIXTURE(blocked)
{
	struct rig *rig, *other;
};

FIXTURE_SETUP(blocked)
{
	ASSERT_LE(2, device_count());
	host_unload_module(FOREIGN);
	self->rig = setup_usual_rig("", VECTORS);
	self->other = setup_vm(1, VECTORS, CPU_OTHER, GUEST_WFI);
	ASSERT_TRUE(volley_wait_attached(self->other, 0));
	ASSERT_EQ(0, host_load_module(FOREIGN, ""));
	foreign_set("behave", REDIRECT);
	foreign_set("gsi", GUEST_LPI(0, TARGET));
	ASSERT_EQ(0, foreign_register("irq", self->rig->dev[0]->irq[VECTOR]));
}

FIXTURE_TEARDOWN(blocked)
{
	tell(&wanted, true);
	host_unload_module(FOREIGN);
	rig_free(self->other);
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* What its file of that name says. */
static u64 of_vector(struct rig *rig, const char *name)
{
	return host_read_u64(VOLLEY_SYSFS "/irqs/%d/%s", rig->dev[0]->irq[VECTOR], name);
}

/* KVM has no translations any more once the guest has mapped one anew. */
static void forget(struct rig *rig)
{
	rig_ask(rig, 0, GUEST_OP_DISCARD, 0, TARGET, 0, 0);
	rig_ask(rig, 0, GUEST_OP_MAPTI, 0, TARGET, 0, rig->lpi[0][TARGET]);
}

/* Has the VM's vCPU wait for its memory, and an interrupt for the vCPU. */
static void block(struct rig *rig)
{
	void *table = addr_gpa2hva(rig->vm, rig->shared->prop_table);

	taken = rig_taken(rig, rig->lpi[0][TARGET]);

	memcpy(page, table, getpagesize());
	missed = wanted = provided = false;
	memory = uffd_setup_demand_paging(UFFDIO_REGISTER_MODE_MISSING, 0, table,
					  getpagesize(), 1, provide);
	TEST_ASSERT(!madvise(table, getpagesize(), MADV_DONTNEED_LOCKED), "madvise");
	rig_post(rig, 0, GUEST_OP_INV, (u32[4]) { 0, VECTOR });
	HOST_WAIT_FOR(told(&missed), "the ITS does not look at its table");

	rig_raise(rig, 0, 1U << VECTOR);
	HOST_WAIT_FOR(of_vector(rig, "deferred") == 1, "the interrupt is not deferred");
	/* Time for a work item to get as far as it gets. */
	host_sleep_us(100000);
}

/* Lets the VM's vCPU go on. */
static void provide_memory(struct rig *rig)
{
	tell(&wanted, true);
	HOST_WAIT_FOR(rig_answered(rig, 0), "the vCPU does not go on");
}

/* Lets both go on; the interrupt must come. */
static bool unblock(struct rig *rig)
{
	bool came;

	provide_memory(rig);
	came = host_wait_for(rig_taken(rig, rig->lpi[0][TARGET]) == taken + 1);
	uffd_stop_demand_paging(memory);
	return came;
}

/* Another VM's sources go and come. */
TEST_F_TIMEOUT(blocked, others_go_on, 300)
{
	struct rig *other = self->other;

	forget(self->rig);
	block(self->rig);
	rig_disconnect(other, 0);
	EXPECT_FALSE(told(&provided));
	EXPECT_TRUE(volley_wait_detached(other, 0));
	rig_connect(other, 0, other->dev[0]);
	EXPECT_TRUE(volley_wait_attached(other, 0));
	rig_raise(other, 0, ALL(VECTORS));
	EXPECT_EQ(0, rig_wait(other, 0, ALL(VECTORS)));
	EXPECT_FALSE(told(&provided));
	EXPECT_TRUE(unblock(self->rig));
}

/* Its own sources go, and what was redirected comes nevertheless. */
TEST_F_TIMEOUT(blocked, detached, 300)
{
	struct rig *rig = self->rig;

	forget(rig);
	block(rig);
	rig_disconnect(rig, 0);
	EXPECT_TRUE(volley_wait_detached(rig, 0));
	EXPECT_FALSE(told(&provided));
	EXPECT_TRUE(unblock(rig));
	rig_connect(rig, 0, rig->dev[0]);
	EXPECT_TRUE(volley_wait_attached(rig, 0));
	rig_raise(rig, 0, ALL(VECTORS) & ~(1U << VECTOR));
	EXPECT_EQ(0, rig_wait(rig, 0, ALL(VECTORS) & ~(1U << VECTOR)));
}

/*
 * The log is told of a verdict that is not valid by what waits as well. By then
 * neither the source nor the handler is there any more.
 */
TEST_F_TIMEOUT(blocked, handler_gone, 300)
{
	struct rig *rig = self->rig;
	u64 by_host;

	forget(rig);
	/* But of this one, which is not to wait for KVM. */
	foreign_set("behave", FORWARD);
	rig_raise(rig, 0, 1U << VECTOR);
	ASSERT_EQ(0, rig_wait(rig, 0, 1U << VECTOR));
	foreign_set("behave", REDIRECT);
	block(rig);
	by_host = of_vector(rig, "to_host");
	foreign_set("behave", UNKNOWN_ACTION);
	rig_raise(rig, 0, 1U << VECTOR);
	ASSERT_TRUE(host_wait_for(of_vector(rig, "to_host") == by_host + 1));
	rig_disconnect(rig, 0);
	EXPECT_TRUE(volley_wait_detached(rig, 0));
	EXPECT_EQ(0, host_unload_module(FOREIGN));
	host_log_mark();
	EXPECT_FALSE(told(&provided));
	EXPECT_TRUE(unblock(rig));
	EXPECT_EQ(0, volley_unload());
	EXPECT_TRUE(host_log_has("its handler (gone) gave a verdict that is not valid"));
}

/* Lets go of the vector of which an interrupt waits, and takes it again. */
static void take_again(struct rig *rig)
{
	int irq = rig->dev[0]->irq[VECTOR], fd = device_eventfd(rig->dev[0], VECTOR);

	kvm_deassign_irqfd(rig->vm, GUEST_LPI(0, VECTOR), fd);
	HOST_WAIT_FOR(!host_exists(VOLLEY_SYSFS "/irqs/%d", irq), "irq %d stays", irq);
	kvm_assign_irqfd(rig->vm, GUEST_LPI(0, VECTOR), fd);
	/* The last of its files. */
	HOST_WAIT_FOR(host_exists(VOLLEY_SYSFS "/irqs/%d/deferred", irq),
		      "irq %d is not attached again", irq);
}

/* Whether an interrupt of the vector is deferred, or left to the host. */
static bool is_deferred(struct rig *rig)
{
	rig_raise(rig, 0, 1U << VECTOR);
	HOST_WAIT_FOR(of_vector(rig, "deferred") + of_vector(rig, "to_host_untranslated") == 1,
		      "it is neither deferred nor left to the host");
	return of_vector(rig, "deferred");
}

/*
 * Its source goes and comes, again and again, and each time an interrupt waits: no
 * more than so many, and afterwards there is room again.
 */
TEST_F_TIMEOUT(blocked, no_more_than_so_many, 300)
{
	struct rig *rig = self->rig;
	int i;

	/* This is still there when the source is again. */
	ASSERT_EQ(0, foreign_unregister());
	ASSERT_EQ(0, foreign_register_device(rig));
	forget(rig);
	block(rig);
	for (i = 1; i <= MOST; i++) {
		take_again(rig);
		if (!is_deferred(rig))
			break;
	}
	ksft_print_msg("%d wait\n", i);
	EXPECT_EQ(MOST, i);
	EXPECT_FALSE(told(&provided));
	provide_memory(rig);
	EXPECT_TRUE(host_wait_for(rig_taken(rig, rig->lpi[0][TARGET]) > taken));
	uffd_stop_demand_paging(memory);

	forget(rig);
	take_again(rig);
	EXPECT_TRUE(is_deferred(rig));
}

/* The module waits for it when it is unloaded: it loses nothing. */
TEST_F_TIMEOUT(blocked, unloaded, 300)
{
	forget(self->rig);
	block(self->rig);
	ASSERT_EQ(0, host_unload_module(FOREIGN));
	EXPECT_EQ(0, volley_unload());
	EXPECT_TRUE(told(&provided));
	EXPECT_TRUE(unblock(self->rig));
}

FIXTURE(sysfs)
{
	struct rig *rig;
	FILE *state;	/* open from the start: its path goes through sysfs */
	char *buffer;	/* a page, and one that is missing */
	pthread_t reader, other;
};

FIXTURE_VARIANT(sysfs)
{
	bool attached;	/* when it begins */
};

/* A directory is to be removed first; or to be made. */
FIXTURE_VARIANT_ADD(sysfs, detach) { true };
FIXTURE_VARIANT_ADD(sysfs, attach) { false };

FIXTURE_SETUP(sysfs)
{
	if (!access("/proc/lockdep", F_OK))
		SKIP(return, "what this does, lockdep does not like (see host.c)");
	self->rig = setup_usual_rig("", VECTORS);
	self->buffer = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->buffer);
	memset(self->buffer, 0, getpagesize());
	self->state = fopen("/sys/kernel/debug/volley/state", "r");
	ASSERT_NE(NULL, self->state);
}

FIXTURE_TEARDOWN(sysfs)
{
	fclose(self->state);
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* "." and ".." are in memory that is there; for what follows sysfs is locked. */
static void *read_folder(void *data)
{
	int fd = open("/sys/kernel", O_RDONLY | O_DIRECTORY);
	ssize_t len;

	len = getdents64(fd, (char *)data + getpagesize() - 64, 4096);
	close(fd);
	return (void *)len;
}

/* Comes back when somebody who is to change sysfs has been let in, and not before. */
static void *look_for_none(void *data)
{
	access(VOLLEY_SYSFS "/irqs/none", F_OK);
	tell((bool *)data, true);
	return NULL;
}

/* Whether a source is attached, in sysfs or not. */
static bool is_attached(FILE *state, int irq)
{
	bool found = false;
	char *line = NULL;
	size_t size = 0;
	int number;

	rewind(state);
	while (getline(&line, &size, state) > 0)
		found |= sscanf(line, " irq=%d ", &number) == 1 && number == irq;
	free(line);
	return found;
}

/* Directories can be neither made nor removed; sources come and go, and their VM goes on. */
TEST_F_TIMEOUT(sysfs, vms_go_on, 300)
{
	static bool looked;
	struct rig *rig = self->rig;
	int i, irq = rig->dev[0]->irq[0];
	void *len;

	if (!variant->attached) {
		rig_disconnect(rig, 0);
		ASSERT_TRUE(volley_wait_detached(rig, 0));
	}
	missed = wanted = provided = looked = false;
	memory = uffd_setup_demand_paging(UFFDIO_REGISTER_MODE_MISSING, 0,
					  self->buffer + getpagesize(), getpagesize(), 1,
					  provide);
	kvm_pthread_create(&self->reader, NULL, read_folder, self->buffer);
	HOST_WAIT_FOR(told(&missed), "the folder is not read");
	for (i = 0; i < 3; i++) {
		if (i || variant->attached) {
			rig_disconnect(rig, 0);
			EXPECT_FALSE(is_attached(self->state, irq));
		}
		rig_connect(rig, 0, rig->dev[0]);
		EXPECT_TRUE(host_wait_for(is_attached(self->state, irq)));
		rig_raise(rig, 0, ALL(VECTORS));
		EXPECT_EQ(0, rig_wait(rig, 0, ALL(VECTORS)));
		/* By now somebody waits to change sysfs, and so everybody does. */
		if (!i) {
			host_sleep_us(100000);
			kvm_pthread_create(&self->other, NULL, look_for_none, &looked);
		}
	}
	EXPECT_FALSE(told(&looked));
	EXPECT_FALSE(told(&provided));
	tell(&wanted, true);
	kvm_pthread_join(self->reader, &len);
	kvm_pthread_join(self->other, NULL);
	EXPECT_LT(64, (ssize_t)len);
	uffd_stop_demand_paging(memory);
	EXPECT_TRUE(volley_wait_attached(rig, 0));
	rig_raise(rig, 0, ALL(VECTORS));
	EXPECT_EQ(0, rig_wait(rig, 0, ALL(VECTORS)));
}

TEST_HARNESS_MAIN
