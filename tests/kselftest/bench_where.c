// SPDX-License-Identifier: GPL-2.0
/*
 * Has QEMU write down every instruction of the host's kernel while a few bursts
 * are received. scripts/bench-where, at the other end of a port of this machine,
 * switches that on and off.
 *
 *   ./bench_where [PATH...]
 */
#include <dirent.h>

#include "bench.h"
#include "meter.h"

#define BURSTS	3
#define PORTS	"/sys/class/virtio-ports"
#define NAME	"volley.control"

static const int sizes[] = { 1, 8 };
static int control = -1;

static void control_open(void)
{
	DIR *dir = opendir(PORTS);
	struct dirent *entry;
	char name[32], path[64];

	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' ||
		    host_read(name, sizeof(name), PORTS "/%s/name", entry->d_name) ||
		    strcmp(name, NAME))
			continue;
		snprintf(path, sizeof(path), "/dev/%.32s", entry->d_name);
		control = open(path, O_RDWR);
	}
	TEST_ASSERT(control >= 0, "there is no port " NAME);
	closedir(dir);
}

/* Asks the other end for something and waits until it is done. */
__printf(1, 2)
static void control_ask(const char *fmt, ...)
{
	char answer = 0;
	va_list ap;

	va_start(ap, fmt);
	vdprintf(control, fmt, ap);
	va_end(ap);
	TEST_ASSERT(read(control, &answer, 1) == 1 && answer == '.', "no answer from " NAME);
}

static void measure(struct rig *rig, const struct bench_path *path)
{
	int i, s;

	bench_use(rig, path);
	for (s = 0; s < ARRAY_SIZE(sizes); s++) {
		/* Nothing but these bursts: each begins with the guest at work. */
		TEST_ASSERT(rig_alive(rig, 0), "the guest does not get on");
		control_ask("on %s %d %d\n", path->name, sizes[s], BURSTS);
		for (i = 0; i < BURSTS; i++) {
			bench_raise(rig, sizes[s]);
			bench_wait(rig, sizes[s]);
			TEST_ASSERT(rig_alive(rig, 0), "the guest does not get on");
		}
		control_ask("off\n");
	}
	/* Where functions are, while the module is there. */
	TEST_ASSERT(!path->volley ||
		    !system("grep -i ' t ' /proc/kallsyms | grep -v __kvm_nvhe_"),
		    "cannot read the kernel's symbols");
}

int main(int argc, char **argv)
{
	struct rig *rig = bench_rig(CPU_IRQ, CPU_VCPU);
	struct meter meter;

	setlinebuf(stdout);
	control_open();
	/* For what is in its way: the CPU is busy in user space, as in bench_receive. */
	TEST_ASSERT(meter_start(&meter, CPU_IRQ), "time does not count instructions here");
	bench_each(argc, argv, measure, rig);
	meter_stop(&meter);
	bench_end(rig);
	return KSFT_PASS;
}
