// SPDX-License-Identifier: GPL-2.0
/*
 * Directories in sysfs that go while somebody is in them.
 */
#include <dirent.h>

#include "load.h"
#include "suite.h"

#define VECTORS	4

FIXTURE(open)
{
	struct rig *rig;
	char vm[96], irq[96], setting[96];
};

FIXTURE_SETUP(open)
{
	self->rig = setup_usual_rig("", VECTORS);
	sprintf(self->vm, VOLLEY_SYSFS "/vms/%s/received", self->rig->id);
	sprintf(self->setting, VOLLEY_SYSFS "/vms/%s/max_usecs", self->rig->id);
	sprintf(self->irq, VOLLEY_SYSFS "/irqs/%d/received", self->rig->dev[0]->irq[0]);
}

FIXTURE_TEARDOWN(open)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

static void expect_gone(struct __test_metadata *_metadata, int fd, bool write_too)
{
	char text[16];

	EXPECT_EQ(-1, pread(fd, text, sizeof(text), 0));
	EXPECT_EQ(ENODEV, errno);
	if (write_too) {
		EXPECT_EQ(-1, pwrite(fd, "1\n", 2, 0));
		EXPECT_EQ(ENODEV, errno);
	}
	close(fd);
}

#define OPEN_ALL()							\
	int vm = open(self->vm, O_RDONLY);				\
	int irq = open(self->irq, O_RDONLY);				\
	int setting = open(self->setting, O_RDWR);			\
	char text[16];							\
									\
	ASSERT_LE(0, vm);						\
	ASSERT_LE(0, irq);						\
	ASSERT_LE(0, setting);						\
	ASSERT_LT(0, pread(vm, text, sizeof(text), 0));			\
	ASSERT_LT(0, pread(irq, text, sizeof(text), 0))

#define EXPECT_ALL_GONE() do {						\
	expect_gone(_metadata, vm, false);				\
	expect_gone(_metadata, irq, false);				\
	expect_gone(_metadata, setting, true);				\
} while (0)

TEST_F_TIMEOUT(open, while_vm_goes, 300)
{
	OPEN_ALL();

	rig_free(self->rig);
	self->rig = NULL;
	ASSERT_TRUE(host_wait_for(!host_exists("%s", self->vm)));
	EXPECT_ALL_GONE();
}

TEST_F_TIMEOUT(open, while_source_goes, 300)
{
	OPEN_ALL();

	rig_disconnect(self->rig, 0);
	ASSERT_TRUE(volley_wait_detached(self->rig, 0));
	ASSERT_TRUE(host_wait_for(!host_exists("%s", self->vm)));
	EXPECT_ALL_GONE();
}

TEST_F_TIMEOUT(open, while_module_goes, 300)
{
	OPEN_ALL();

	ASSERT_EQ(0, volley_unload());
	EXPECT_ALL_GONE();
}

/* Opens, reads and writes whatever is there, as fast as it can. */
static void *rummage(void *data)
{
	static const char * const places[] = { "vms", "irqs" };
	bool *stop = data;
	struct dirent *entry;
	char path[512], text[64];
	DIR *dir;
	int i = 0;

	pin_self_to_cpu(CPU_OTHER);
	while (!told(stop)) {
		i = !i;
		snprintf(path, sizeof(path), VOLLEY_SYSFS "/%s", places[i]);
		dir = opendir(path);
		if (!dir)
			continue;
		while ((entry = readdir(dir))) {
			if (entry->d_name[0] == '.')
				continue;
			host_read(text, sizeof(text), "%s/%s/received", path, entry->d_name);
			host_read(text, sizeof(text), "%s/%s/vm", path, entry->d_name);
			host_read(text, sizeof(text), "%s/%s/kicks_sent", path, entry->d_name);
			host_write("100\n", "%s/%s/max_usecs", path, entry->d_name);
			host_write("1\n", "%s/%s/enabled", path, entry->d_name);
		}
		closedir(dir);
	}
	return NULL;
}

TEST_F_TIMEOUT(open, rummaging_while_all_comes_and_goes, 600)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
	};
	bool stop = false;
	pthread_t thread;
	int i;

	kvm_pthread_create(&thread, NULL, rummage, &stop);
	load_start(&load);
	for (i = 0; i < host_rounds(30); i++) {
		if (i % 3) {
			rig_disconnect(self->rig, 0);
			rig_connect(self->rig, 0, self->rig->dev[0]);
		} else {
			ASSERT_EQ(0, volley_unload());
			ASSERT_EQ(0, volley_load(""));
		}
		if (i % 2)
			ASSERT_TRUE(volley_wait_attached(self->rig, 0));
		load_wait(&load, 1);
	}
	EXPECT_TRUE(load_stop(&load));
	tell(&stop, true);
	kvm_pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
