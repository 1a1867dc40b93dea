// SPDX-License-Identifier: GPL-2.0
/*
 * The state of everything as one text, in debugfs.
 */
#include <sys/stat.h>
#include <sys/wait.h>

#include "load.h"
#include "suite.h"

#define DIRECTORY	"/sys/kernel/debug/volley"
#define STATE		DIRECTORY "/state"
#define VECTORS		8
#define SIZE		65536
#define TRIES		500	/* for what depends on how soon this CPU gets on */

/* All of an open file from its beginning, which is where a new picture is made. */
static ssize_t read_all(int fd, char *text)
{
	ssize_t len, all = 0;

	if (lseek(fd, 0, SEEK_SET))
		return -1;
	while ((len = read(fd, text + all, SIZE - 1 - all)) > 0)
		all += len;
	text[all] = '\0';
	return len < 0 ? -1 : all;
}

/* The value of a word "name=value" in a line; false if there is none. */
static bool word(const char *line, const char *name, char *val, size_t size)
{
	char find[64];
	const char *at;
	size_t len;

	snprintf(find, sizeof(find), "%s=", name);
	for (at = line; (at = strstr(at, find)); at++) {
		if (at != line && at[-1] != ' ' && at[-1] != '\n')
			continue;
		at += strlen(find);
		len = strcspn(at, " \n");
		TEST_ASSERT(len < size, "%s is too long", name);
		memcpy(val, at, len);
		val[len] = '\0';
		return true;
	}
	return false;
}

static u64 value_of(const char *line, const char *name)
{
	char val[32], *end;
	u64 num;

	TEST_ASSERT(word(line, name, val, sizeof(val)), "no %s in: %s", name, line);
	num = strtoull(val, &end, 10);
	TEST_ASSERT(end != val && !*end, "%s=%s is no number", name, val);
	return num;
}

/* Splits the text into lines, which end with 0 then. */
static int split(char *text, char **lines, int max)
{
	char *line, *save;
	int nr = 0;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		TEST_ASSERT(nr < max, "too many lines");
		lines[nr++] = line;
	}
	return nr;
}

/* How many files of a directory in sysfs the line has, with the same value each. */
static int same_as_files(char *line, const char *directory)
{
	char value[64], file[64], *at, *save;
	int same = 0;

	for (at = strtok_r(line, " ", &save); at; at = strtok_r(NULL, " ", &save)) {
		char *is = strchr(at, '=');

		if (!is)
			continue;
		*is = '\0';
		snprintf(value, sizeof(value), "%s", is + 1);
		if (host_read(file, sizeof(file), "%s/%s", directory, at))
			continue;
		TEST_ASSERT(!strcmp(file, value), "%s is %s, in %s %s", at, value, directory, file);
		same++;
	}
	return same;
}

FIXTURE(state)
{
	struct rig *rig;
	char text[SIZE];
	int fd;
};

FIXTURE_SETUP(state)
{
	self->fd = -1;
	self->rig = setup_usual_rig("", VECTORS);
}

FIXTURE_TEARDOWN(state)
{
	if (self->fd >= 0)
		close(self->fd);
	EXPECT_TRUE(teardown_rig(self->rig));
	EXPECT_FALSE(host_exists(DIRECTORY));
}

static int open_state(void)
{
	int fd = open(STATE, O_RDONLY);

	TEST_ASSERT(fd >= 0, "cannot open " STATE ": %s", strerror(errno));
	return fd;
}

/* What has a file in sysfs has the value that the file has. */
TEST_F_TIMEOUT(state, as_in_sysfs, 300)
{
	char directory[128], value[64], *lines[64];
	int i, nr, vms = 0, vcpus = 0, irqs = 0;
	struct volley_counts counts;

	volley_set(self->rig, "max_usecs", 123);
	host_write("456", VOLLEY_SYSFS "/max_usecs");
	for (i = 0; i < 10; i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	rig_settle(self->rig, 0);
	volley_count(self->rig, &counts);

	self->fd = open_state();
	ASSERT_LT(0, read_all(self->fd, self->text));
	nr = split(self->text, lines, ARRAY_SIZE(lines));
	ASSERT_LT(2, nr);
	EXPECT_EQ(0, strncmp(lines[0], "volley ", 7));
	EXPECT_EQ(2, same_as_files(lines[0], VOLLEY_SYSFS));
	EXPECT_EQ(456, value_of(lines[1], "max_usecs"));
	EXPECT_EQ(3, same_as_files(lines[1], VOLLEY_SYSFS));

	for (i = 2; i < nr; i++) {
		if (!strncmp(lines[i], "vm=", 3)) {
			ASSERT_TRUE(word(lines[i], "vm", value, sizeof(value)));
			EXPECT_STREQ(self->rig->id, value);
			EXPECT_EQ(counts.vm.received, value_of(lines[i], "received"));
			snprintf(directory, sizeof(directory), VOLLEY_SYSFS "/vms/%s", value);
			EXPECT_LE(20, same_as_files(lines[i], directory));
			vms++;
		} else if (!strncmp(lines[i], "  vcpu=", 7)) {
			EXPECT_EQ(0, value_of(lines[i], "held_requests"));
			EXPECT_EQ(0, value_of(lines[i], "held_irqs"));
			EXPECT_EQ(0, value_of(lines[i], "left_ns"));
			EXPECT_GE(1, value_of(lines[i], "in_guest"));
			snprintf(directory, sizeof(directory), VOLLEY_SYSFS "/vms/%s/vcpus/%lu",
				 self->rig->id, value_of(lines[i], "vcpu"));
			EXPECT_LE(4, same_as_files(lines[i], directory));
			vcpus++;
		} else {
			int irq = self->rig->dev[0]->irq[irqs];

			EXPECT_EQ(0, strncmp(lines[i], "  irq=", 6));
			EXPECT_EQ(irq, value_of(lines[i], "irq"));
			EXPECT_LE(8192, value_of(lines[i], "hwirq"));
			snprintf(directory, sizeof(directory), VOLLEY_SYSFS "/irqs/%d", irq);
			EXPECT_LE(14, same_as_files(lines[i], directory));
			irqs++;
		}
	}
	EXPECT_EQ(1, vms);
	EXPECT_EQ(1, vcpus);
	EXPECT_EQ(VECTORS, irqs);
}

/* A kick that is held is there, with the time that is left. */
TEST_F_TIMEOUT(state, held, 300)
{
	u64 left = 0;
	char *vcpu;
	int i;

	volley_set(self->rig, "max_usecs", VOLLEY_LONGEST);
	volley_set(self->rig, "max_irqs", 1024);
	self->fd = open_state();
	for (i = 0; i < TRIES && !left; i++) {
		rig_raise(self->rig, 0, 1);
		ASSERT_LT(0, read_all(self->fd, self->text));
		vcpu = strstr(self->text, "\n  vcpu=0 ");
		ASSERT_NE(NULL, vcpu);
		if (value_of(vcpu, "held_requests")) {
			EXPECT_EQ(1, value_of(vcpu, "held_requests"));
			EXPECT_EQ(1, value_of(vcpu, "held_irqs"));
			left = value_of(vcpu, "left_ns");
			EXPECT_GE(VOLLEY_LONGEST * 1000ULL, left);
		}
		ASSERT_EQ(0, rig_wait(self->rig, 0, 1));
	}
	EXPECT_LT(0, left);
}

/* Nobody but root may look, and nobody may write. */
TEST_F(state, permissions)
{
	struct stat st;

	ASSERT_EQ(0, stat(STATE, &st));
	EXPECT_EQ(0400, st.st_mode & 07777);
	EXPECT_EQ(0, st.st_uid);
}

/* No word is an address. */
TEST_F(state, no_addresses)
{
	self->fd = open_state();
	ASSERT_LT(0, read_all(self->fd, self->text));
	EXPECT_EQ(NULL, strstr(self->text, "0x"));
	EXPECT_EQ(NULL, strstr(self->text, "ffff"));
}

struct reader {
	bool stop;
	int bad;	/* pictures that cannot be */
	u64 read;
	char text[SIZE];
};

/* In each picture there is a source for each VM, for both come and go under one lock. */
static void *reader_thread(void *data)
{
	struct reader *reader = data;
	char *lines[64];
	int fd, i, nr, irqs;

	pin_self_to_cpu(CPU_OTHER);
	while (!told(&reader->stop)) {
		fd = open(STATE, O_RDONLY);
		if (fd < 0)
			continue;
		if (read_all(fd, reader->text) > 0) {
			nr = split(reader->text, lines, ARRAY_SIZE(lines));
			for (i = irqs = 0; i < nr; i++) {
				irqs += !strncmp(lines[i], "  irq=", 6);
				if (i + 1 == nr && strstr(lines[i], "vm=") == lines[i])
					reader->bad++;
			}
			if (irqs > VECTORS || (nr > 2 && !irqs))
				reader->bad++;
			tell(&reader->read, reader->read + 1);
		}
		close(fd);
	}
	return NULL;
}

/* An open file keeps the module, for as short a time as a reader takes. */
static int unload(void)
{
	int ret = -EAGAIN;

	host_wait_for((ret = volley_unload()) != -EAGAIN);
	return ret;
}

TEST_F_TIMEOUT(state, while_all_comes_and_goes, 600)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
	};
	struct reader reader = {};
	pthread_t thread;
	u64 pictures;
	int i;

	kvm_pthread_create(&thread, NULL, reader_thread, &reader);
	load_start(&load);
	for (i = 0; i < host_rounds(30); i++) {
		pictures = told(&reader.read);
		if (i % 3) {
			rig_disconnect(self->rig, 0);
			rig_connect(self->rig, 0, self->rig->dev[0]);
		} else {
			ASSERT_EQ(0, unload());
			EXPECT_FALSE(host_exists(DIRECTORY));
			ASSERT_EQ(0, volley_load(""));
		}
		if (i % 2)
			ASSERT_TRUE(volley_wait_attached(self->rig, 0));
		load_wait(&load, 1);
		ASSERT_TRUE(host_wait_for(told(&reader.read) > pictures));
	}
	EXPECT_TRUE(load_stop(&load));
	tell(&reader.stop, true);
	kvm_pthread_join(thread, NULL);
	EXPECT_EQ(0, reader.bad);
}

/* An open file keeps the module, and is of no harm when it is closed. */
TEST_F(state, open)
{
	char first[8];

	self->fd = open_state();
	EXPECT_EQ(-EAGAIN, volley_unload());
	ASSERT_EQ(sizeof(first), read(self->fd, first, sizeof(first)));
	EXPECT_EQ(-EAGAIN, volley_unload());
	close(self->fd);
	self->fd = -1;
	EXPECT_EQ(0, volley_unload());
	EXPECT_FALSE(host_exists(DIRECTORY));
}

TEST_HARNESS_MAIN
