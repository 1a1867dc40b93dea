// SPDX-License-Identifier: GPL-2.0
/*
 * Counts the instructions the kernel executes on one host CPU.
 */
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <kvm_util.h>

#include "host.h"
#include "meter.h"

static void *meter_spin(void *data)
{
	struct meter *meter = data;

	pin_self_to_cpu(meter->cpu);
	WRITE_ONCE(meter->up, true);
	/* To yield matters only where CPUs run in turn. */
	while (!READ_ONCE(meter->stop))
		asm volatile("yield");
	return NULL;
}

bool meter_open(struct meter *meter, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_user = 1,
		.exclude_guest = 1,
		.pinned = 1,
	};

	*meter = (struct meter) { .cpu = cpu };
	meter->fd = syscall(__NR_perf_event_open, &attr, -1, cpu, -1, 0);
	return meter->fd >= 0;
}

void meter_close(struct meter *meter)
{
	close(meter->fd);
}

bool meter_start(struct meter *meter, int cpu)
{
	if (!meter_open(meter, cpu))
		return false;
	kvm_pthread_create(&meter->spinner, NULL, meter_spin, meter);
	HOST_WAIT_FOR(READ_ONCE(meter->up), "CPU %d is not spinning", cpu);
	return true;
}

u64 meter_read(struct meter *meter)
{
	u64 count;

	TEST_ASSERT(read(meter->fd, &count, sizeof(count)) == sizeof(count),
		    "CPU %d: cannot read the instruction counter", meter->cpu);
	return count;
}

void meter_stop(struct meter *meter)
{
	WRITE_ONCE(meter->stop, true);
	kvm_pthread_join(meter->spinner, NULL);
	meter_close(meter);
}
