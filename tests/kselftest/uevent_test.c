// SPDX-License-Identifier: GPL-2.0
/*
 * The events that tell user space of VMs: which come, when, and what they say.
 */
#include <ftw.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "suite.h"

#define VECTORS	4
#define ROUNDS	20

struct event {
	char text[4096];	/* "ACTION@DEVPATH", then each KEY=VALUE, NUL after each */
	char action[16], devpath[64], subsystem[16], vm[32], pid[16];
	u64 seqnum;
	int keys;
};

FIXTURE(uevent)
{
	int fd;
	u64 seqnum;
	struct rig *rig;
};

/* Hears what the kernel sends, from here on. */
static int listen_to_kernel(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	TEST_ASSERT(fd >= 0, "no netlink socket");
	TEST_ASSERT(!bind(fd, (struct sockaddr *)&address, sizeof(address)),
		    "cannot listen to the kernel's events");
	return fd;
}

FIXTURE_SETUP(uevent)
{
	/* So that there is much to be made in its directory; they need not run. */
	struct rig_config config = { .vcpus = GUEST_VCPUS };

	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	self->fd = listen_to_kernel();
	volley_reload("");
	self->rig = rig_create(&config);
}

FIXTURE_TEARDOWN(uevent)
{
	close(self->fd);
	EXPECT_TRUE(teardown_rig(self->rig));
}

static void take_value(char *to, size_t size, const char *line, const char *key)
{
	size_t len = strlen(key);

	if (!strncmp(line, key, len) && line[len] == '=')
		snprintf(to, size, "%s", line + len + 1);
}

/* True if there is one more event of Volley's; those of others are passed over. */
static bool next_event(int fd, struct event *event)
{
	char *line, seqnum[24] = "";
	ssize_t len;

	for (;;) {
		memset(event, 0, sizeof(*event));
		len = recv(fd, event->text, sizeof(event->text) - 1, 0);
		if (len <= 0)
			return false;
		for (line = event->text; line < event->text + len; line += strlen(line) + 1) {
			event->keys++;
#define TAKE(to, key)	take_value(to, sizeof(to), line, key)
			TAKE(event->action, "ACTION");
			TAKE(event->devpath, "DEVPATH");
			TAKE(event->subsystem, "SUBSYSTEM");
			TAKE(event->vm, "VOLLEY_VM");
			TAKE(event->pid, "VOLLEY_PID");
			TAKE(seqnum, "SEQNUM");
#undef TAKE
		}
		event->seqnum = strtoull(seqnum, NULL, 10);
		if (strstr(event->devpath, "/kernel/volley") || !strcmp(event->subsystem, "volley"))
			return true;
	}
}

/* What nftw() finds. */
static int entries;
static ino_t newest_ino;
static char newest[128];

static int look_at_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	entries++;
	/* Numbers in sysfs go up. */
	if (st->st_ino > newest_ino) {
		newest_ino = st->st_ino;
		snprintf(newest, sizeof(newest), "%s", path);
	}
	return 0;
}

/* How many files and directories there are for the VM; which was made last is in @newest. */
static int count_entries(struct rig *rig)
{
	char path[64];

	entries = 0;
	newest_ino = 0;
	snprintf(path, sizeof(path), VOLLEY_SYSFS "/vms/%s", rig->id);
	nftw(path, look_at_entry, 16, FTW_PHYS);
	return entries;
}

#define EXPECT_EVENT(event, what) do {						\
	char __head[128], __path[64], __pid[16];				\
										\
	sprintf(__path, "/kernel/volley/vms/%s", self->rig->id);		\
	sprintf(__head, "%s@%s", what, __path);					\
	sprintf(__pid, "%d", getpid());						\
	EXPECT_STREQ(__head, (event)->text);					\
	EXPECT_STREQ(what, (event)->action);					\
	EXPECT_STREQ(__path, (event)->devpath);					\
	EXPECT_STREQ("volley", (event)->subsystem);				\
	EXPECT_STREQ(self->rig->id, (event)->vm);				\
	EXPECT_STREQ(__pid, (event)->pid);					\
	/* The head, the kernel's four and Volley's two. */			\
	EXPECT_EQ(7, (event)->keys);						\
	EXPECT_LT(self->seqnum, (event)->seqnum);				\
	self->seqnum = (event)->seqnum;						\
} while (0)

/*
 * One event when a VM gets its first source, and by then all of its files are
 * there; one when it loses its last, and that is sent before they go.
 */
TEST_F_TIMEOUT(uevent, with_the_files, 300)
{
	struct device *dev = device_open(0, VECTORS);
	struct event event;
	bool complete;
	int round;

	for (round = 0; round < host_rounds(ROUNDS); round++) {
		EXPECT_FALSE(next_event(self->fd, &event));
		rig_connect(self->rig, 0, dev);
		/* No pause: who looks late sees everything, whenever it came. */
		while (!next_event(self->fd, &event))
			;
		/* There is one to look for from the second round on. */
		complete = !access(newest, F_OK);
		EXPECT_EVENT(&event, "add");
		ASSERT_TRUE(volley_wait_attached(self->rig, 0));
		EXPECT_LT(GUEST_VCPUS, count_entries(self->rig));
		if (round)
			EXPECT_TRUE(complete)
				TH_LOG("%s came after the event", newest);
		EXPECT_FALSE(next_event(self->fd, &event));

		rig_disconnect(self->rig, 0);
		ASSERT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", self->rig->id)));
		ASSERT_TRUE(next_event(self->fd, &event));
		EXPECT_EVENT(&event, "remove");
	}
}

/* The module's end is that of its directories; loaded again it finds the VM. */
TEST_F_TIMEOUT(uevent, with_the_module, 300)
{
	struct event event;
	int round;

	rig_connect(self->rig, 0, device_open(0, VECTORS));
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	for (round = 0; round < 3; round++) {
		ASSERT_TRUE(next_event(self->fd, &event));
		EXPECT_EVENT(&event, "add");
		EXPECT_FALSE(next_event(self->fd, &event));
		ASSERT_EQ(0, volley_unload());
		ASSERT_TRUE(next_event(self->fd, &event));
		EXPECT_EVENT(&event, "remove");
		EXPECT_FALSE(next_event(self->fd, &event));
		ASSERT_EQ(0, volley_load(""));
	}
}

/* The end of a VM that has its sources still, and so of its process, is one too. */
TEST_F_TIMEOUT(uevent, with_the_vm, 300)
{
	struct event event;
	char id[32];

	rig_connect(self->rig, 0, device_open(0, VECTORS));
	ASSERT_TRUE(volley_wait_attached(self->rig, 0));
	ASSERT_TRUE(next_event(self->fd, &event));
	EXPECT_EVENT(&event, "add");

	snprintf(id, sizeof(id), "%s", self->rig->id);
	rig_free(self->rig);
	self->rig = NULL;
	ASSERT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", id)));
	ASSERT_TRUE(next_event(self->fd, &event));
	EXPECT_STREQ("remove", event.action);
	EXPECT_STREQ(id, event.vm);
	EXPECT_FALSE(next_event(self->fd, &event));
}

TEST_HARNESS_MAIN
