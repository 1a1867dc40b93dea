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

#define FAULTS		"/sys/kernel/debug/"
#define MAX_THREADS	512

/* Modules lie close to each other, but not always in the same place. */
#define AROUND		SZ_64M

/* This thread and the kernel's workers, as far as they were armed. */
static char thread[MAX_THREADS][32];
static int threads;

bool faults_possible(void)
{
	bool possible = host_exists("/proc/thread-self/fail-nth") &&
			host_exists(FAULTS "failslab/require-start") &&
			host_exists(FAULTS "fail_page_alloc/require-start");

	/* The kernel that looks for leaks is the one for this as well. */
	TEST_ASSERT(possible || !host_exists(FAULTS "kmemleak"), "this kernel lacks fault injection");
	return possible;
}

/* What can fail: objects, and pages (CONFIG_FAIL_PAGE_ALLOC). */
static const char * const kinds[] = { "failslab", "fail_page_alloc" };

static void set(const char *kind, const char *name, const char *value)
{
	int ret = host_write(value, FAULTS "%s/%s", kind, name);

	TEST_ASSERT(!ret, "%s/%s does not take %s: %s", kind, name, value,
		    strerror(-ret));
}

static void configure(const char *name, const char *value)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		set(kinds[i], name, value);
}

bool faults_find(void)
{
	char text[32];
	u64 at;

	if (host_read(text, sizeof(text), "/sys/module/volley/sections/.text"))
		return false;
	at = strtoull(text, NULL, 16);
	TEST_ASSERT(at > AROUND, "the module is at %s", text);
	snprintf(text, sizeof(text), "0x%lx", at - AROUND);
	configure("require-start", text);
	snprintf(text, sizeof(text), "0x%lx", at + AROUND);
	configure("require-end", text);
	configure("stacktrace-depth", "32");
	/* Those that may wait for memory fail as well. */
	configure("ignore-gfp-wait", "N");
	/* Only those that are armed, even if the last test failed. */
	configure("probability", "0");
	/* Nothing is wrong: the log is not told of each. */
	configure("verbose", "0");
	/* Single pages, and wherever they are. */
	set("fail_page_alloc", "min-order", "0");
	set("fail_page_alloc", "ignore-gfp-highmem", "N");
	return true;
}

void faults_begin(void)
{
	volley_reload("");
	TEST_ASSERT(faults_find(), "where is the module?");
	TEST_ASSERT(!volley_unload(), "cannot unload volley");
}

static void arm(const char *path, const char *text)
{
	if (threads == MAX_THREADS)
		return;
	/* A worker may end at any time. */
	if (!host_write(text, "%s", path))
		snprintf(thread[threads++], sizeof(thread[0]), "%s", path);
}

static void arm_workers(const char *file, const char *text)
{
	int others = threads;
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
		snprintf(path, sizeof(path), "/proc/%.8s/%s", entry->d_name, file);
		arm(path, text);
	}
	closedir(proc);
	TEST_ASSERT(threads > others, "no workers");
}

/* What is left until one fails; less than 0 if the thread has ended. */
static int left(int i)
{
	char text[16];
	int ret = host_read(text, sizeof(text), "%s", thread[i]);

	return ret ?: atoi(text);
}

/* A thread that was just counting has written what was left: it is told again. */
static void disarm(void)
{
	bool any;
	int i;

	do {
		for (i = 0; i < threads; i++)
			host_write("0", "%s", thread[i]);
		host_sleep_us(10000);
		any = false;
		for (i = 0; i < threads; i++)
			any |= left(i) > 0;
	} while (any);
	threads = 0;
}

void faults_arm(int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", nth);
	arm("/proc/thread-self/fail-nth", text);
	arm_workers("fail-nth", text);
}

bool faults_hit(void)
{
	int i;

	for (i = 0; i < threads; i++)
		if (!left(i))
			return true;
	return false;
}

bool faults_disarm(void)
{
	bool hit = faults_hit();

	disarm();
	return hit;
}

void faults_begin_workers(int times)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", times);
	set("failslab", "times", text);
	set("failslab", "task-filter", "Y");
	arm_workers("make-it-fail", "1");
	set("failslab", "probability", "100");
}

bool faults_end_workers(void)
{
	char left[16];
	int ret;

	set("failslab", "probability", "0");
	disarm();
	ret = host_read(left, sizeof(left), FAULTS "failslab/times");
	TEST_ASSERT(!ret, "cannot read failslab's times: %s", strerror(-ret));
	return !strcmp(left, "0");
}
