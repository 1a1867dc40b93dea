// SPDX-License-Identifier: GPL-2.0
/*
 * Follows Volley's events and prints how large volleys are: how many virtual
 * interrupts each kick was for, as a histogram by VM.
 *
 *   cc -o volley_sizes volley_sizes.c $(pkg-config --cflags --libs libtracefs)
 *   sudo ./volley_sizes 10      # for ten seconds, or until it is interrupted
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tracefs.h>

#define MAX_VMS		64
#define BUCKETS		7	/* 1, 2-3, 4-7, 8-15, 16-31, 32-63, 64 and more */
#define PERIOD_MS	100

struct vm {
	long long pid, fd;
	unsigned long long kicks, irqs, bucket[BUCKETS];
};

static struct vm vms[MAX_VMS];
static int nr_vms;

static struct vm *find_vm(long long pid, long long fd)
{
	int i;

	for (i = 0; i < nr_vms; i++)
		if (vms[i].pid == pid && vms[i].fd == fd)
			return &vms[i];
	if (nr_vms == MAX_VMS)
		return NULL;
	vms[nr_vms] = (struct vm) { .pid = pid, .fd = fd };
	return &vms[nr_vms++];
}

/* Called for each kick_sent event. */
static int kick_sent(struct tep_event *event, struct tep_record *record, int cpu, void *context)
{
	unsigned long long pid, fd, count;
	struct vm *vm;
	int at = 0;

	if (tep_get_field_val(NULL, event, "vm_pid", record, &pid, 0) ||
	    tep_get_field_val(NULL, event, "vm_fd", record, &fd, 0) ||
	    tep_get_field_val(NULL, event, "count", record, &count, 0))
		return 0;
	vm = find_vm((int)pid, (int)fd);
	if (!vm)
		return 0;
	vm->kicks++;
	vm->irqs += count;
	while (at < BUCKETS - 1 && count >> (at + 1))
		at++;
	vm->bucket[at]++;
	return 0;
}

static void print_vm(const struct vm *vm)
{
	int i;

	printf("vm %lld-%lld: %llu kicks for %llu interrupts, %.2f each\n",
	       vm->pid, vm->fd, vm->kicks, vm->irqs, (double)vm->irqs / vm->kicks);
	for (i = 0; i < BUCKETS; i++)
		printf("  %3d%s %llu\n", 1 << i, i ? "+" : " ", vm->bucket[i]);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	static const char * const systems[] = { "volley", NULL };
	const struct timespec period = { .tv_nsec = PERIOD_MS * 1000000L };
	long long end = argc > 1 ? now_ms() + atoll(argv[1]) * 1000 : 0;
	struct tracefs_instance *instance;
	struct tep_handle *tep;
	sigset_t interrupted;
	int i, ret = 1;

	/* An instance of our own: what others record is not touched. */
	instance = tracefs_instance_create("volley_sizes");
	if (!instance) {
		fprintf(stderr, "volley_sizes: no tracing instance: %s (are you root?)\n",
			strerror(errno));
		return 1;
	}
	tep = tracefs_local_events_system(NULL, systems);
	if (!tep || tracefs_event_enable(instance, "volley", "kick_sent")) {
		fprintf(stderr, "volley_sizes: no events of Volley's here: is it loaded?\n");
		goto out;
	}
	tracefs_follow_event(tep, instance, "volley", "kick_sent", kick_sent, NULL);

	sigemptyset(&interrupted);
	sigaddset(&interrupted, SIGINT);
	sigaddset(&interrupted, SIGTERM);
	sigprocmask(SIG_BLOCK, &interrupted, NULL);
	fprintf(stderr, "volley_sizes: following\n");
	do {
		tracefs_iterate_raw_events(tep, instance, NULL, 0, NULL, NULL);
	} while ((!end || now_ms() < end) && sigtimedwait(&interrupted, NULL, &period) < 0);
	tracefs_event_disable(instance, "volley", "kick_sent");
	/* What was recorded since. */
	tracefs_iterate_raw_events(tep, instance, NULL, 0, NULL, NULL);

	for (i = 0; i < nr_vms; i++)
		print_vm(&vms[i]);
	if (!nr_vms)
		printf("no kicks\n");
	ret = 0;
out:
	tep_free(tep);
	tracefs_instance_destroy(instance);
	tracefs_instance_free(instance);
	return ret;
}
