// SPDX-License-Identifier: GPL-2.0
/*
 * Measures what delivering an interrupt costs its vCPU, which spins in the guest
 * on a CPU of its own: exits, kicks, and where time counts instructions, those
 * that this CPU executes for the host and for the guest. Interrupts come to another
 * CPU, and then, under some loads, to the vCPU's own.
 *
 *   ./bench_delivery SCALE [PATH...]
 *
 * All times are SCALE times as long: 1 where time counts instructions; on a
 * machine with a thread for each CPU 50, as slow as an emulated CPU.
 */
#include <linux/perf_event.h>
#include <sys/syscall.h>

#include "bench.h"

#define FAMILY	"delivery"

static int scale;

/* One interrupt each time, of the vectors in turn; 0: whatever is not on its way. */
static const struct {
	const char *name;
	u64 spacing_us;
	int irqs;
	bool same;	/* for the vCPU's own CPU as well */
} loads[] = {
	{ "idle", 500, 200 },
	{ "low", 100, 400 },
	{ "middle", 40, 400, true },
	{ "high", 20, 800 },
	{ "saturation", 0, 4000, true },
};

/* Instructions on the vCPU's CPU; -1: they cannot be counted. */
static int count_instructions(bool guest)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_user = 1,
		.exclude_guest = !guest,
		.exclude_host = guest,
		.pinned = 1,
	};

	return syscall(__NR_perf_event_open, &attr, -1, CPU_VCPU, -1, 0);
}

static u64 instructions(int fd)
{
	u64 count = 0;

	if (fd >= 0)
		TEST_ASSERT(read(fd, &count, sizeof(count)) == sizeof(count), "cannot read a counter");
	return count;
}

static void send(struct rig *rig, int load)
{
	u64 spacing = loads[load].spacing_us * scale * host_ticks_per_us();
	u64 at = host_ticks();
	int i, n = 0;
	u32 mask;

	for (i = 0; n < loads[load].irqs; i++) {
		if (spacing) {
			mask = 1U << i % BENCH_VECTORS;
			TEST_ASSERT(!rig_wait(rig, 0, mask), "an interrupt was lost");
			host_until(at);
			at = max(at + spacing, host_ticks() + spacing / 2);
		} else {
			mask = ALL(BENCH_VECTORS) & ~rig_missing(rig, 0, ALL(BENCH_VECTORS));
			if (!mask) {
				host_pause(0);
				continue;
			}
		}
		rig_raise(rig, 0, mask);
		n += __builtin_popcount(mask);
	}
	TEST_ASSERT(!rig_wait(rig, 0, ALL(BENCH_VECTORS)), "an interrupt was lost");
}

static void measure_load(struct rig *rig, const struct bench_path *path, int load, bool same)
{
	struct volley_counts volley_before = {}, volley = {};
	u64 resched, taken, host_before, guest_before, host, guest;
	int host_fd = count_instructions(false), guest_fd = count_instructions(true);
	struct rig_counts before, counts;
	double kicks;

	if (path->volley)
		volley_count(rig, &volley_before);
	resched = host_resched_count(CPU_VCPU);
	rig_count(rig, 0, &before);
	host_before = instructions(host_fd);
	guest_before = instructions(guest_fd);
	send(rig, load);
	guest = instructions(guest_fd) - guest_before;
	host = instructions(host_fd) - host_before;
	rig_count(rig, 0, &counts);
	rig_since(&counts, &before);
	resched = host_resched_count(CPU_VCPU) - resched;
	if (path->volley) {
		volley_count(rig, &volley);
		volley_since(&volley, &volley_before);
	}
	taken = rig_sum(counts.taken);
	kicks = path->volley ? volley.kicks.sent : resched;
	printf("figure family=" FAMILY "%s%s path=%s load=%s: irqs=%lu exits=%.3f kicks=%.3f",
	       same ? "_same" : "", host_fd >= 0 ? "_exact" : "", path->name, loads[load].name,
	       taken, (double)counts.exits / taken, kicks / taken);
	/* Its own CPU's interrupts throw the vCPU out without a kick: not all else are refills. */
	if (!same)
		printf(" refills=%.3f",
		       counts.exits > kicks ? (counts.exits - kicks) / taken : 0);
	if (host_fd >= 0)
		printf(" host_instructions=%.0f guest_share=%.4f", (double)host / taken,
		       (double)guest / (host + guest));
	putchar('\n');
	close(host_fd);
	close(guest_fd);
}

static void measure(struct rig *rig, const struct bench_path *path)
{
	struct bench_path scaled = *path;
	int l;

	scaled.max_usecs = min_t(u32, path->max_usecs * scale, VOLLEY_LONGEST);
	bench_use(rig, &scaled);
	for (l = 0; l < ARRAY_SIZE(loads); l++)
		measure_load(rig, path, l, false);
	if (path->direct)
		return;
	bench_send_to(rig, CPU_VCPU);
	for (l = 0; l < ARRAY_SIZE(loads); l++)
		if (loads[l].same)
			measure_load(rig, path, l, true);
	bench_send_to(rig, CPU_IRQ);
}

int main(int argc, char **argv)
{
	struct rig *rig;

	scale = argc > 1 ? atoi(argv[1]) : 0;
	TEST_ASSERT(scale > 0, "by what shall all times be multiplied?");
	rig = bench_rig(CPU_IRQ, CPU_VCPU);
	setlinebuf(stdout);
	bench_each(argc - 1, argv + 1, measure, rig);
	bench_end(rig);
	return KSFT_PASS;
}
