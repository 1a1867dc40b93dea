// SPDX-License-Identifier: GPL-2.0
/*
 * Failing allocations, by the kernel's fault injection: see
 * Documentation/fault-injection/fault-injection.rst there.
 */
#include <dirent.h>

#include <kvm_util.h>

#include "faults.h"
#include "host.h"
#include "volley.h"

#define FAILSLAB	"/sys/kernel/debug/failslab/"
#define MAX_THREADS	512

/* Modules lie close to each other, but not always in the same place. */
#define AROUND		SZ_64M

/* This thread and the kernel's workers, as far as they were armed. */
static char thread[MAX_THREADS][32];
static int threads;

bool faults_possible(void)
{
	return host_exists("/proc/thread-self/fail-nth") &&
	       host_exists(FAILSLAB "require-start");
}

static void configure(const char *name, const char *value)
{
	int ret = host_write(value, FAILSLAB "%s", name);

	TEST_ASSERT(!ret, "cannot set failslab's %s: %s", name, strerror(-ret));
}

void faults_begin(void)
{
	char text[32];
	u64 at;

	volley_reload("");
	TEST_ASSERT(!host_read(text, sizeof(text), "/sys/module/volley/sections/.text"),
		    "where is the module?");
	at = strtoull(text, NULL, 16);
	TEST_ASSERT(at > AROUND, "the module is at %s", text);
	snprintf(text, sizeof(text), "0x%lx", at - AROUND);
	configure("require-start", text);
	snprintf(text, sizeof(text), "0x%lx", at + AROUND);
	configure("require-end", text);
	configure("stacktrace-depth", "32");
	/* Those that may wait for memory fail as well. */
	configure("ignore-gfp-wait", "N");
	/* Nothing is wrong: the log is not told of each. */
	configure("verbose", "0");
	TEST_ASSERT(!volley_unload(), "cannot unload volley");
}

static void arm(const char *path, int nth)
{
	char text[16];

	if (threads == MAX_THREADS)
		return;
	snprintf(text, sizeof(text), "%d", nth);
	/* A worker may end at any time. */
	if (!host_write(text, "%s", path))
		snprintf(thread[threads++], sizeof(thread[0]), "%s", path);
}

void faults_arm_workers(int nth)
{
	struct dirent *entry;
	char name[32], path[32];
	DIR *proc;

	proc = opendir("/proc");
	TEST_ASSERT(proc, "cannot read /proc");
	while ((entry = readdir(proc))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    host_read(name, sizeof(name), "/proc/%.8s/comm", entry->d_name) ||
		    strncmp(name, "kworker/", 8))
			continue;
		snprintf(path, sizeof(path), "/proc/%.8s/fail-nth", entry->d_name);
		arm(path, nth);
	}
	closedir(proc);
	TEST_ASSERT(threads > 1, "no workers");
}

void faults_arm(int nth)
{
	arm("/proc/thread-self/fail-nth", nth);
	faults_arm_workers(nth);
}

bool faults_hit(void)
{
	char text[16];
	int i;

	for (i = 0; i < threads; i++)
		if (!host_read(text, sizeof(text), "%s", thread[i]) && !strcmp(text, "0"))
			return true;
	return false;
}

bool faults_disarm(void)
{
	bool hit = faults_hit();

	while (threads)
		host_write("0", "%s", thread[--threads]);
	return hit;
}
