/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counts the instructions the kernel executes on one host CPU. Exact under
 * -icount; without it QEMU's machine has no such counter.
 */
#ifndef VOLLEY_TEST_METER_H
#define VOLLEY_TEST_METER_H

#include <pthread.h>

#include <kvm_util.h>

struct meter {
	int cpu;
	int fd;
	bool stop;
	bool up;
	pthread_t spinner;
};

/* False if this machine cannot count instructions. */
bool meter_open(struct meter *meter, int cpu);
void meter_close(struct meter *meter);

/*
 * Occupies @cpu with a thread that spins in user space, so that every
 * instruction of the kernel there is part of an exception, and starts to
 * count. False if this machine cannot count instructions.
 */
bool meter_start(struct meter *meter, int cpu);
u64 meter_read(struct meter *meter);
void meter_stop(struct meter *meter);

#endif /* VOLLEY_TEST_METER_H */
