// SPDX-License-Identifier: GPL-2.0
/*
 * What memory the kernel has given out.
 */
#include <dirent.h>
#include <sys/syscall.h>

#include <linux/membarrier.h>

#include "host.h"
#include "memory.h"

#define SLAB	"/sys/kernel/slab"

/* Less than this is noise, however few rounds there were; of vmalloc's, threads' stacks. */
#define SOME_OBJECTS	24
#define SOME_BYTES	(256 * 1024)
#define SOME_VMALLOC	(1024 * 1024)

/* Workers of the kernel's give things back as well, in some seconds. */
#define LOOKS		20

/* Those that the module's memory comes from: its own, its files' and its trees'. */
static bool is_counted(const char *name)
{
	return !strncmp(name, "kmalloc-", 8) || !strcmp(name, "kernfs_node_cache") ||
	       !strcmp(name, "radix_tree_node");
}

/* Has every cache give back what it keeps for the next time, or in quarantine. */
static void shrink(void)
{
	struct dirent *entry;
	DIR *dir;

	dir = opendir(SLAB);
	TEST_ASSERT(dir, "cannot read " SLAB);
	while ((entry = readdir(dir)))
		if (is_counted(entry->d_name))
			host_write("1\n", SLAB "/%s/shrink", entry->d_name);
	closedir(dir);
}

static void read_slabinfo(struct memory *memory)
{
	FILE *fp = fopen("/proc/slabinfo", "r");
	char line[512], name[40];
	unsigned long objects;

	memory->nr_caches = 0;
	/* The kernel that looks for races has none, and is not for leaks. */
	if (!fp && host_exists("/sys/kernel/debug/kcsan"))
		return;
	TEST_ASSERT(fp, "cannot read /proc/slabinfo");
	while (fgets(line, sizeof(line), fp)) {
		if (sscanf(line, "%39s %lu", name, &objects) != 2 || !is_counted(name))
			continue;
		TEST_ASSERT(memory->nr_caches < MEMORY_CACHES, "too many caches");
		memcpy(memory->cache[memory->nr_caches].name, name, sizeof(name));
		memory->cache[memory->nr_caches++].objects = objects;
	}
	fclose(fp);
	TEST_ASSERT(memory->nr_caches, "/proc/slabinfo does not have kmalloc()'s caches");
}

static void read_meminfo(struct memory *memory)
{
	FILE *fp = fopen("/proc/meminfo", "r");
	char line[128];
	unsigned long kb;

	TEST_ASSERT(fp, "cannot read /proc/meminfo");
	while (fgets(line, sizeof(line), fp)) {
		if (sscanf(line, "Percpu: %lu", &kb) == 1)
			memory->percpu = kb * 1024;
		else if (sscanf(line, "VmallocUsed: %lu", &kb) == 1)
			memory->vmalloc = kb * 1024;
	}
	fclose(fp);
}

/* Waits for one. With nohz_full there is no system call for it: for a while, then. */
static void grace_period(void)
{
	if (!syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return;
	TEST_ASSERT(errno == EINVAL, "membarrier: %s", strerror(errno));
	host_sleep_us(500000);
}

void memory_look(struct memory *memory)
{
	int i;

	/* What waits for a grace period may leave something for the next one. */
	for (i = 0; i < 2; i++) {
		shrink();
		grace_period();
		/* Callbacks come in interrupts, after the grace period. */
		host_visit_cpus();
	}
	shrink();
	read_slabinfo(memory);
	read_meminfo(memory);
}

static u64 objects_of(const struct memory *memory, const char *name)
{
	int i;

	for (i = 0; i < memory->nr_caches; i++)
		if (!strcmp(memory->cache[i].name, name))
			return memory->cache[i].objects;
	return 0;
}

static bool more(const char *name, const char *unit, u64 before, u64 now, u64 allowed,
		 bool say)
{
	if (now < before + allowed)
		return false;
	if (say)
		ksft_print_msg("%s: %lu %s became %lu\n", name, before, unit, now);
	return true;
}

static bool is_more(const struct memory *before, const struct memory *now, u64 rounds, bool say)
{
	u64 half = rounds / 2;
	bool grew = false;
	int i;

	for (i = 0; i < now->nr_caches; i++)
		grew |= more(now->cache[i].name, "objects",
			     objects_of(before, now->cache[i].name), now->cache[i].objects,
			     max_t(u64, half, SOME_OBJECTS), say);
	grew |= more("Percpu", "bytes", before->percpu, now->percpu,
		     max_t(u64, half * 16 * host_nr_cpus(), SOME_BYTES), say);
	grew |= more("VmallocUsed", "bytes", before->vmalloc, now->vmalloc,
		     max_t(u64, half * getpagesize(), SOME_VMALLOC), say);
	return grew;
}

bool memory_grew(const struct memory *before, struct memory *now, u64 rounds)
{
	int i;

	for (i = 0; is_more(before, now, rounds, i == LOOKS); i++) {
		if (i == LOOKS)
			return true;
		host_sleep_us(1000000);
		memory_look(now);
	}
	return false;
}
