// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what those pay for the module who do not use it: an interrupt of a
 * device that no VM has, and the way out of a guest and in again for a VM
 * without assigned devices. For a machine where time counts instructions.
 */
#include "bench.h"
#include "meter.h"

#define FAMILY	"unused"
#define ROUNDS	300

static const struct bench_path absent = { .name = "stock" };
static const struct bench_path loaded = { .name = "volley", .volley = true };

static void use(const struct bench_path *path)
{
	if (volley_loaded())
		TEST_ASSERT(!volley_unload(), "cannot unload volley");
	if (path->volley)
		volley_reload("");
}

static void report(const struct bench_path *path, const char *what, struct samples *samples)
{
	bench_figure(FAMILY, path, "what=%s: instructions=%lu least=%lu p90=%lu", what,
		     samples_quantile(samples, 500), samples_quantile(samples, 0),
		     samples_quantile(samples, 900));
	samples_clear(samples);
}

/* Takes what has been signalled; true once @fd was. */
static bool signalled(int fd)
{
	u64 count;

	return read(fd, &count, sizeof(count)) == sizeof(count);
}

/* With two readings of the meter, which are the same each time. */
static void interrupt_without_vm(const struct bench_path *path)
{
	struct samples samples = {};
	struct device *dev;
	struct meter meter;
	u64 before;
	int i, fd;

	use(path);
	dev = device_open(0, 1);
	device_affinity(dev, CPU_IRQ);
	fd = device_eventfd(dev, 0);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	TEST_ASSERT(meter_start(&meter, CPU_IRQ), "this machine does not count instructions");
	for (i = 0; i < ROUNDS; i++) {
		before = meter_read(&meter);
		device_raise(dev, 1);
		HOST_WAIT_FOR(signalled(fd), "an interrupt was lost");
		samples_add(&samples, meter_read(&meter) - before);
	}
	report(path, "interrupt_without_vm", &samples);
	meter_stop(&meter);
	device_close(dev);
}

/* Each reading makes the vCPU leave the guest, and enter it again. */
static void exit_and_entry(const struct bench_path *path, struct rig *rig, const char *what)
{
	struct samples samples = {};
	struct meter meter;
	u64 before;
	int i;

	TEST_ASSERT(meter_open(&meter, CPU_VCPU), "this machine does not count instructions");
	for (i = 0; i < ROUNDS; i++) {
		before = meter_read(&meter);
		TEST_ASSERT(rig_alive(rig, 0), "the guest does not get on");
		samples_add(&samples, meter_read(&meter) - before);
	}
	report(path, what, &samples);
	meter_close(&meter);
}

static void vm_without_sources(const struct bench_path *path)
{
	const struct rig_config config = { .cpu = { CPU_VCPU } };
	struct rig *rig;

	use(path);
	rig = rig_create(&config);
	rig_start(rig);
	exit_and_entry(path, rig, "exit_and_entry");
	rig_free(rig);
}

static void vm_with_sources(const struct bench_path *path)
{
	struct rig *rig = bench_rig(CPU_IRQ, CPU_VCPU);

	bench_use(rig, path);
	exit_and_entry(path, rig, "exit_and_entry_with_sources");
	bench_end(rig);
}

int main(void)
{
	const struct bench_path *paths[] = { &absent, &loaded };
	int i;

	TEST_ASSERT(host_is_exact(), "time does not count instructions here");
	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		interrupt_without_vm(paths[i]);
		vm_without_sources(paths[i]);
		vm_with_sources(paths[i]);
	}
	use(&absent);
	return KSFT_PASS;
}
