// SPDX-License-Identifier: GPL-2.0
/*
 * Every file in sysfs: that it is there, and no other; who may do what; what
 * it takes and what it refuses; and that it can be held open while it goes.
 */
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "load.h"
#include "suite.h"

#define VECTORS	2

struct file {
	const char *name;
	u32 min, max;		/* both 0: read-only */
	bool text;		/* not a number */
	bool writable;		/* although it is text */
};

static const struct file top_files[] = {
	{ "version", .text = true },
	{ "list_registers" },
	{ "max_usecs", 0, 10000 },
	{ "max_irqs", 1, 1024 },
	{ "adaptive", 0, 1 },
	{ "vms", .text = true },
	{ "irqs", .text = true },
	{}
};

static const struct file vm_files[] = {
	{ "enabled", 0, 1 },
	{ "max_usecs", 0, 10000 },
	{ "max_irqs", 1, 1024 },
	{ "adaptive", 0, 1 },
	{ "received" }, { "forwarded" }, { "merged" }, { "to_host" }, { "consumed" },
	{ "deferred" }, { "to_host_disabled" }, { "to_host_handler" }, { "to_host_invalid" },
	{ "to_host_untranslated" }, { "to_host_refused" },
	{ "kick_requests" }, { "kicks_sent" }, { "kicks_held" }, { "kicks_saved" },
	{ "kicks_sent_off" }, { "kicks_sent_outside" }, { "kicks_sent_count" },
	{ "kicks_sent_time" }, { "kicks_sent_contention" }, { "kicks_sent_release" },
	{ "kicks_sent_rate" }, { "kicks_sent_urgent" },
	{ "kicks_saved_exit" }, { "kicks_saved_shared" }, { "kicks_saved_awake" },
	{ "volleys" }, { "volley_irqs" }, { "windows" }, { "held_usecs_total" },
	{ "volley_sizes", .text = true },
	{ "held_usecs", .text = true },
	{ "vcpus", .text = true },
	{}
};

static const struct file vcpu_files[] = {
	{ "kick_requests" }, { "kicks_sent" }, { "kicks_held" }, { "kicks_saved" },
	{ "kicks_saved_exit" }, { "kicks_saved_shared" }, { "kicks_saved_awake" },
	{ "volleys" }, { "volley_irqs" }, { "windows" }, { "held_usecs_total" },
	{ "volley_sizes", .text = true },
	{ "held_usecs", .text = true },
	{}
};

static const struct file size_files[] = {
	{ "1" }, { "2" }, { "4" }, { "8" }, { "16" }, { "32" }, { "64" },
	{}
};

static const struct file usecs_files[] = {
	{ "0" }, { "1" }, { "2" }, { "4" }, { "8" }, { "16" }, { "32" }, { "64" },
	{ "128" }, { "256" }, { "512" }, { "1024" }, { "2048" }, { "4096" }, { "8192" },
	{}
};

static const struct file irq_files[] = {
	{ "vm", .text = true }, { "handler", .text = true, .writable = true },
	{ "vcpu" }, { "intid" }, { "gsi" },
	{ "urgent", 0, 1 },
	{ "received" }, { "forwarded" }, { "merged" }, { "to_host" }, { "consumed" },
	{ "deferred" }, { "to_host_disabled" }, { "to_host_handler" }, { "to_host_invalid" },
	{ "to_host_untranslated" }, { "to_host_refused" },
	{}
};

FIXTURE(sysfs)
{
	struct rig *rig;
	char dir[96];
	const struct file *files;
};

FIXTURE_VARIANT(sysfs)
{
	const struct file *files;
	/* In the VM's directory, or NULL; those that have histograms within. */
	const char *dir;
};

FIXTURE_VARIANT_ADD(sysfs, top) { top_files };
FIXTURE_VARIANT_ADD(sysfs, vm) { vm_files, "." };
FIXTURE_VARIANT_ADD(sysfs, vcpu) { vcpu_files, "vcpus/0" };
FIXTURE_VARIANT_ADD(sysfs, irq) { irq_files };

FIXTURE_SETUP(sysfs)
{
	self->rig = setup_usual_rig("", VECTORS);
	self->files = variant->files;
	if (variant->files == top_files)
		sprintf(self->dir, VOLLEY_SYSFS);
	else if (variant->dir)
		sprintf(self->dir, VOLLEY_SYSFS "/vms/%s/%s", self->rig->id, variant->dir);
	else
		sprintf(self->dir, VOLLEY_SYSFS "/irqs/%d", self->rig->dev[0]->irq[1]);
}

FIXTURE_TEARDOWN(sysfs)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

static const struct file *find(const struct file *files, const char *name)
{
	for (; files->name; files++)
		if (!strcmp(files->name, name))
			return files;
	return NULL;
}

static void expect_files(struct __test_metadata *_metadata, const char *path_of,
			 const struct file *files)
{
	const struct file *file;
	struct dirent *entry;
	struct stat st;
	char path[512];
	DIR *dir;

	dir = opendir(path_of);
	ASSERT_NE(NULL, dir)
		TH_LOG("%s", path_of);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			EXPECT_NE(NULL, find(files, entry->d_name))
				TH_LOG("unexpected: %s/%s", path_of, entry->d_name);
	}
	closedir(dir);

	for (file = files; file->name; file++) {
		snprintf(path, sizeof(path), "%s/%s", path_of, file->name);
		ASSERT_EQ(0, stat(path, &st))
			TH_LOG("%s", path);
		if (S_ISREG(st.st_mode))
			EXPECT_EQ(file->max || file->writable ? 0644 : 0444, st.st_mode & 07777)
				TH_LOG("%s", path);
	}
}

static void expect_values(struct __test_metadata *_metadata, const char *path_of,
			  const struct file *files)
{
	const struct file *file;
	char text[4096], *end;
	struct stat st;
	int fd;

	for (file = files; file->name; file++) {
		snprintf(text, sizeof(text), "%s/%s", path_of, file->name);
		fd = open(text, O_RDONLY);
		ASSERT_LE(0, fd);
		fstat(fd, &st);
		if (S_ISREG(st.st_mode)) {
			ssize_t len = read(fd, text, sizeof(text) - 1);

			ASSERT_LT(1, len);
			text[len] = '\0';
			EXPECT_EQ(text + len - 1, strchr(text, '\n'))
				TH_LOG("%s: '%s'", file->name, text);
			strtoull(text, &end, 10);
			if (!file->text)
				EXPECT_EQ('\n', *end)
					TH_LOG("%s: '%s'", file->name, text);
		}
		close(fd);
	}
}

/* The folder and those of histograms within, each with what there is in it. */
#define EXPECT_ALL(expect) do {							\
	char __path[128];							\
										\
	expect(_metadata, self->dir, self->files);				\
	if (variant->dir) {							\
		snprintf(__path, sizeof(__path), "%s/volley_sizes", self->dir);	\
		expect(_metadata, __path, size_files);				\
		snprintf(__path, sizeof(__path), "%s/held_usecs", self->dir);	\
		expect(_metadata, __path, usecs_files);				\
	}									\
} while (0)

/* What is there is what is documented, with the permissions that it should have. */
TEST_F(sysfs, files)
{
	EXPECT_ALL(expect_files);
}

/* One value on one line. */
TEST_F(sysfs, values)
{
	char text[64];

	rig_raise(self->rig, 0, ALL(VECTORS));
	ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	EXPECT_ALL(expect_values);
	if (self->files != irq_files)
		return;
	ASSERT_EQ(0, host_read(text, sizeof(text), "%s/vm", self->dir));
	EXPECT_STREQ(self->rig->id, text);
	ASSERT_EQ(0, host_read(text, sizeof(text), "%s/handler", self->dir));
	EXPECT_STREQ("msi", text);
	EXPECT_EQ(0, host_read_u64("%s/vcpu", self->dir));
	EXPECT_EQ(GUEST_LPI_BASE + 1, host_read_u64("%s/intid", self->dir));
	EXPECT_EQ(GUEST_LPI(0, 1), host_read_u64("%s/gsi", self->dir));
	volley_set(self->rig, "enabled", 0);
	ASSERT_EQ(0, host_read(text, sizeof(text), "%s/handler", self->dir));
	EXPECT_STREQ("host", text);
}

/* 0 or -errno of one write of @len bytes. */
static int write_bytes(const char *dir, const char *name, const char *bytes, size_t len)
{
	char path[256];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, bytes, len) != (ssize_t)len)
		ret = -errno;
	close(fd);
	return ret;
}

static int write_number(const char *dir, const char *name, u64 val, const char *end)
{
	char text[40];

	return write_bytes(dir, name, text, sprintf(text, "%lu%s", val, end));
}

TEST_F(sysfs, good_values)
{
	const struct file *file;

	for (file = self->files; file->name; file++) {
		u32 vals[] = { file->min, file->max, (file->min + file->max) / 2 };
		int i;

		if (!file->max)
			continue;
		for (i = 0; i < ARRAY_SIZE(vals); i++) {
			/* With a newline and without. */
			EXPECT_EQ(0, write_number(self->dir, file->name, vals[i],
						  i % 2 ? "" : "\n"))
				TH_LOG("%s: %u", file->name, vals[i]);
			EXPECT_EQ(vals[i], host_read_u64("%s/%s", self->dir, file->name));
		}
	}
}

/* True if the write fails with @error and the file still says @old. */
static bool refused(const char *dir, const char *name, u64 old, int error,
		    const char *bytes, size_t len)
{
	int ret = write_bytes(dir, name, bytes, len);
	u64 now = host_read_u64("%s/%s", dir, name);
	size_t i;

	if (ret == -error && now == old)
		return true;
	printf("# %s: %s, %lu becomes %lu, after a write of:", name,
	       ret ? strerror(-ret) : "accepted", old, now);
	for (i = 0; i < len && i < 24; i++)
		printf(" %02x", (unsigned char)bytes[i]);
	printf("\n");
	write_number(dir, name, old, "");
	return false;
}

#define REFUSED(error, bytes, len)						\
	EXPECT_TRUE(refused(self->dir, file->name, old, error, bytes, len))

TEST_F(sysfs, bad_values)
{
	static const char * const text[] = {
		"\n", "abc", "abc\n", "-1", "-0", "+5", "5x", "5 ", " 5", "5 6", "5\n6",
		"5\n\n", "0x5", "5.0", "1e2", "\t5", "five", "\xff\xfe", "5\r\n", "''", ",",
	};
	static const char * const huge[] = {
		"4294967296", "4294967297", "18446744073709551616", "18446744073709551617",
		"99999999999999999999999999999999", "340282366920938463463374607431768211457",
	};
	const struct file *file;
	char page[4096];
	u64 old;
	int i;

	for (file = self->files; file->name; file++) {
		if (!file->max)
			continue;
		old = file->max - file->max / 3;
		ASSERT_EQ(0, write_number(self->dir, file->name, old, ""));

		for (i = 0; i < ARRAY_SIZE(text); i++)
			REFUSED(EINVAL, text[i], strlen(text[i]));
		REFUSED(EINVAL, "5\0", 2);
		REFUSED(EINVAL, "\0", 1);
		for (i = 0; i < ARRAY_SIZE(huge); i++)
			REFUSED(ERANGE, huge[i], strlen(huge[i]));
		memset(page, 'a', sizeof(page));
		REFUSED(EINVAL, page, sizeof(page));
		memset(page, ' ', sizeof(page));
		REFUSED(EINVAL, page, sizeof(page));
		memset(page, '9', sizeof(page));
		REFUSED(ERANGE, page, sizeof(page));

		EXPECT_EQ(-ERANGE, write_number(self->dir, file->name, file->max + 1, "\n"));
		if (file->min)
			EXPECT_EQ(-ERANGE, write_number(self->dir, file->name,
							file->min - 1, "\n"));
		EXPECT_EQ(old, host_read_u64("%s/%s", self->dir, file->name));

		/* Nothing at all does not get as far as Volley. */
		write_bytes(self->dir, file->name, "", 0);
		EXPECT_EQ(old, host_read_u64("%s/%s", self->dir, file->name));
	}
}

static bool is_directory(const char *name)
{
	return !strcmp(name, "vms") || !strcmp(name, "irqs") || !strcmp(name, "vcpus") ||
	       !strcmp(name, "volley_sizes") || !strcmp(name, "held_usecs");
}

/* Read-only is read-only for root too, and everything is for others. */
TEST_F(sysfs, permissions)
{
	const struct file *file;
	int status;
	pid_t pid;

	for (file = self->files; file->name; file++)
		if (!file->max && !file->writable && !is_directory(file->name))
			EXPECT_EQ(-EACCES, write_number(self->dir, file->name, 1, "\n"))
				TH_LOG("%s", file->name);

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		char text[64];

		if (setuid(65534))
			_exit(1);
		/* It is the file's own permissions that are in the way. */
		if (host_read(text, sizeof(text), "%s/%s", self->dir, self->files[0].name))
			_exit(3);
		for (file = self->files; file->name; file++)
			if ((file->max || file->writable) &&
			    write_number(self->dir, file->name, file->max, "\n") != -EACCES)
				_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

FIXTURE(choice)
{
	struct rig *rig;
	char dir[64];
};

FIXTURE_SETUP(choice)
{
	self->rig = setup_usual_rig("", VECTORS);
	sprintf(self->dir, VOLLEY_SYSFS "/irqs/%d", self->rig->dev[0]->irq[1]);
}

FIXTURE_TEARDOWN(choice)
{
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* What is written to an interrupt's handler counts for more than the VM's enabled. */
TEST_F(choice, of_handler)
{
	static const char * const bad[] = {
		"\n", "MSI", "msi ", " msi", "msi\n\n", "hos", "hostx", "1", "auto,host", "foreign",
	};
	static const struct {
		const char *text, *enabled, *disabled;
	} good[] = {
		{ "host", "host", "host" }, { "msi\n", "msi", "msi" }, { "auto\n", "msi", "host" },
	};
	char text[40];
	int i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_EQ(0, host_write(good[i].text, "%s/handler", self->dir));
		ASSERT_EQ(0, host_read(text, sizeof(text), "%s/handler", self->dir));
		EXPECT_STREQ(good[i].enabled, text);
		volley_set(self->rig, "enabled", 0);
		ASSERT_EQ(0, host_read(text, sizeof(text), "%s/handler", self->dir));
		EXPECT_STREQ(good[i].disabled, text);
		volley_set(self->rig, "enabled", 1);
	}
	ASSERT_EQ(0, host_write("host", "%s/handler", self->dir));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, host_write(bad[i], "%s/handler", self->dir))
			TH_LOG("text %d", i);
	ASSERT_EQ(0, host_read(text, sizeof(text), "%s/handler", self->dir));
	EXPECT_STREQ("host", text);
}

TEST_HARNESS_MAIN
