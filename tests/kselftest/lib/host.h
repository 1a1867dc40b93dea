/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests read from, and do to, the host: small files, counts of
 * /proc/interrupts, the kernel's log, time.
 */
#ifndef VOLLEY_TEST_HOST_H
#define VOLLEY_TEST_HOST_H

#include <time.h>

#include <kvm_util.h>

/* A directory for each VM, as long as anybody has a reference to it. */
#define KVM_DEBUGFS	"/sys/kernel/debug/kvm"

/*
 * How long anything may take that should happen by itself, in seconds: 60, or
 * VOLLEY_TIMEOUT. It is there for what never happens, and so is long.
 */
u64 host_timeout_s(void);
/* The number in the environment variable @name, or else @otherwise. */
u64 host_setting(const char *name, u64 otherwise);

/*
 * How often something is to be done that is done so many @rounds on the stock
 * kernel: a part of that, in percent, by VOLLEY_SHARE, but at least 4 times.
 */
int host_rounds(int rounds);

/* The whole of a small file, without the newline at its end; 0 or -errno. */
__printf(3, 4)
int host_read(char *buf, size_t size, const char *fmt, ...);
/* One number from a file; the test ends if there is none. */
__printf(1, 2)
u64 host_read_u64(const char *fmt, ...);
/* One write() of @text; 0 or -errno. */
__printf(2, 3)
int host_write(const char *text, const char *fmt, ...);
__printf(1, 2)
bool host_exists(const char *fmt, ...);

/*
 * Loads a module from a file, or one of the tests' own by its name, and unloads one
 * unless it is in use; 0 or -errno.
 */
int host_load_file(const char *path, const char *params);
int host_load_module(const char *name, const char *params);
int host_unload_module(const char *name);

/* How often host IRQ @irq has fired, by /proc/interrupts, all CPUs. */
u64 host_irq_count(int irq);
/* Reschedule IPIs that @cpu has received, by /proc/interrupts. */
u64 host_resched_count(int cpu);
int host_nr_cpus(void);
/* The CPU that stands for @cpu: another one only on a host with fewer. */
int host_cpu(int cpu);

/* The counter guests and the host's user space share. */
static inline u64 host_ticks(void)
{
	u64 ticks;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r" (ticks) :: "memory");
	return ticks;
}

u64 host_ticks_per_us(void);

u64 host_now_ns(void);
void host_sleep_us(u64 us);
/*
 * Runs on each CPU in turn: when this returns, each has taken the interrupts
 * that were pending there when this was called.
 */
void host_visit_cpus(void);
/* Sleeps or, for short times, spins until the counter is at @ticks. */
void host_until(u64 ticks);

/*
 * The kernel's log from the mark on, or since it was last looked at: whether
 * the kernel complains (the lines are printed), or says @text.
 */
void host_log_mark(void);
bool host_log_bad(void);
bool host_log_has(const char *text);

/*
 * True under -icount: time counts instructions, and CPUs run in turn, each
 * until it yields or the next timer is due.
 */
bool host_is_exact(void);
/* One round of waiting, the @n-th: soon ready at first, then less often. */
void host_pause(unsigned int n);

/*
 * Waits until @cond holds: true if it came to hold before the time was over.
 */
#define host_wait_for(cond) ({						\
	u64 __end = host_now_ns() + host_timeout_s() * NSEC_PER_SEC;	\
	unsigned int __n = 0;						\
	bool __ok;							\
									\
	while (!(__ok = (cond)) && host_now_ns() < __end)		\
		host_pause(__n++);					\
	__ok || (cond);							\
})

#define HOST_WAIT_FOR(cond, fmt, ...)					\
	TEST_ASSERT(host_wait_for(cond), "timed out: " fmt, ##__VA_ARGS__)

#endif /* VOLLEY_TEST_HOST_H */
