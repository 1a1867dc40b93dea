// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests read from, and do to, the host.
 */
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <kvm_util.h>

#include "host.h"
#include "meter.h"

#define PATH_FROM(path, fmt) do {					\
	va_list ap;							\
									\
	va_start(ap, fmt);						\
	vsnprintf(path, sizeof(path), fmt, ap);				\
	va_end(ap);							\
} while (0)

/*
 * On a debug kernel all memory is there from the start: lockdep, with right, does
 * not like a directory of sysfs being read into memory that is not, for then a page
 * fault waits for kernfs, as VFIO does for the lock of its own page faults.
 */
static void have_memory(void)
{
	TEST_ASSERT(!mlockall(MCL_CURRENT | MCL_FUTURE), "mlockall: %s", strerror(errno));
}

/* A test's process does not inherit it, and each test is one. */
static void __attribute__((constructor)) have_all_memory(void)
{
	if (access("/proc/lockdep", F_OK))
		return;
	have_memory();
	TEST_ASSERT(!pthread_atfork(NULL, NULL, have_memory), "no memory");
}

int host_read(char *buf, size_t size, const char *fmt, ...)
{
	char path[256];
	ssize_t len;
	int fd;

	PATH_FROM(path, fmt);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0)
		len = -errno;
	close(fd);
	if (len < 0)
		return len;
	if (len && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return 0;
}

u64 host_read_u64(const char *fmt, ...)
{
	char path[256], text[64], *end;
	u64 val;
	int ret;

	PATH_FROM(path, fmt);
	ret = host_read(text, sizeof(text), "%s", path);
	TEST_ASSERT(!ret, "cannot read %s: %s", path, strerror(-ret));
	val = strtoull(text, &end, 10);
	TEST_ASSERT(end != text && !*end, "%s: not a number: '%s'", path, text);
	return val;
}

int host_write(const char *text, const char *fmt, ...)
{
	char path[256];
	int fd, ret = 0;

	PATH_FROM(path, fmt);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

bool host_exists(const char *fmt, ...)
{
	char path[256];

	PATH_FROM(path, fmt);
	return !access(path, F_OK);
}

int host_load_file(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY), ret = 0;

	if (fd < 0)
		return -errno;
	if (syscall(__NR_finit_module, fd, params, 0))
		ret = -errno;
	close(fd);
	return ret;
}

int host_load_module(const char *name, const char *params)
{
	char path[64];

	snprintf(path, sizeof(path), "./%s.ko", name);
	return host_load_file(path, params);
}

int host_unload_module(const char *name)
{
	return syscall(__NR_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

/* The counts of the line of /proc/interrupts that starts with @name. */
static u64 interrupts_line(const char *name, int only_cpu)
{
	FILE *fp = fopen("/proc/interrupts", "r");
	u64 count, sum = 0;
	char *line = NULL, *p, *end;
	size_t size = 0;
	int cpu;

	TEST_ASSERT(fp, "cannot read /proc/interrupts");
	while (getline(&line, &size, fp) > 0) {
		p = line + strspn(line, " ");
		if (strncmp(p, name, strlen(name)))
			continue;
		p += strlen(name);
		for (cpu = 0; ; cpu++) {
			count = strtoull(p, &end, 10);
			if (end == p)
				break;
			p = end;
			if (only_cpu < 0 || cpu == only_cpu)
				sum += count;
		}
		break;
	}
	free(line);
	fclose(fp);
	return sum;
}

u64 host_irq_count(int irq)
{
	char name[16];

	snprintf(name, sizeof(name), "%d:", irq);
	return interrupts_line(name, -1);
}

u64 host_resched_count(int cpu)
{
	return interrupts_line("IPI0:", cpu);
}

int host_nr_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

int host_cpu(int cpu)
{
	return cpu % sysconf(_SC_NPROCESSORS_CONF);
}

u64 host_ticks_per_us(void)
{
	u64 hz;

	asm volatile("mrs %0, cntfrq_el0" : "=r" (hz));
	return hz / 1000000;
}

u64 host_setting(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

int host_rounds(int rounds)
{
	return max(rounds * (int)host_setting("VOLLEY_SHARE", 100) / 100, 4);
}

u64 host_timeout_s(void)
{
	return host_setting("VOLLEY_TIMEOUT", 60);
}

u64 host_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void host_sleep_us(u64 us)
{
	struct timespec ts = {
		.tv_sec = us / 1000000,
		.tv_nsec = us % 1000000 * 1000,
	};

	prctl(PR_SET_TIMERSLACK, 1);
	nanosleep(&ts, NULL);
}

void host_visit_cpus(void)
{
	cpu_set_t before, one;
	int cpu;

	TEST_ASSERT(!sched_getaffinity(0, sizeof(before), &before), "sched_getaffinity");
	for (cpu = 0; cpu < host_nr_cpus(); cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		TEST_ASSERT(!sched_setaffinity(0, sizeof(one), &one), "cannot run on CPU %d", cpu);
	}
	sched_setaffinity(0, sizeof(before), &before);
}

bool host_is_exact(void)
{
	static int exact = -1;
	struct meter meter;

	if (exact < 0) {
		exact = meter_open(&meter, 0);
		if (exact)
			meter_close(&meter);
	}
	return exact;
}

void host_pause(unsigned int n)
{
	/*
	 * With a CPU per thread a sleep leaves room for the others. When the
	 * CPUs run in turn, yield to them: a timer would cut their turns short,
	 * in the middle of what is being measured.
	 */
	if (host_is_exact() && n < 5000)
		asm volatile("yield");
	else
		host_sleep_us(50);
}

void host_until(u64 ticks)
{
	u64 per_us = host_ticks_per_us();
	s64 left;

	while ((left = ticks - host_ticks()) > 0) {
		/* A sleep of less than this takes longer than it should. */
		if (left > 200 * per_us)
			host_sleep_us(left / per_us - 100);
		else if (host_is_exact())
			asm volatile("yield");
	}
}
