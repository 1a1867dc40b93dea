// SPDX-License-Identifier: GPL-2.0
/*
 * Sends bursts of interrupts from an assigned device to a VM, and prints what
 * became of them and what they cost, one key=value a line. Works with Volley
 * loaded and without.
 */
#include <getopt.h>

#include "meter.h"
#include "rig.h"
#include "volley.h"

#define WARM_UP	20	/* bursts that are not counted */

enum knob {
	VECTORS, BURSTS, SPACING_US, PAUSE_US, CPU_IRQ, CPU_VCPU, MAX_USECS, MAX_IRQS, NR_KNOBS
};

static struct {
	const char *name;
	s64 val, min, max;
} knobs[NR_KNOBS] = {
	[VECTORS]	= { "vectors", 8, 1, DEVICE_VECTORS },
	[BURSTS]	= { "bursts", 200, 1, 10000000 },
	[SPACING_US]	= { "spacing-us", 0, 0, 1000000 },
	/* -1: a burst is waited for */
	[PAUSE_US]	= { "pause-us", -1, 0, 1000000 },
	[CPU_IRQ]	= { "cpu-irq", 2, 0, CPU_SETSIZE - 1 },
	[CPU_VCPU]	= { "cpu-vcpu", 1, 0, CPU_SETSIZE - 1 },
	/* -1: left as they are */
	[MAX_USECS]	= { "max-usecs", -1, 0, VOLLEY_LONGEST },
	[MAX_IRQS]	= { "max-irqs", -1, 1, 1024 },
};

static enum guest_mode mode = GUEST_SPIN;

struct result {
	struct rig_counts counts;
	struct volley_counts volley;
	u64 lost, resched, instructions, idle_instructions;
	bool exact;
};

static void usage(FILE *to, const char *name)
{
	fprintf(to,
		"Usage: %s [OPTION...]\n"
		"Sends bursts of interrupts from an assigned device to a VM.\n\n"
		"  --vectors N      interrupts in a burst, 1 to 10 (default 8)\n"
		"  --bursts N       bursts (default 200)\n"
		"  --spacing-us N   time between the interrupts of a burst (default 0: at once)\n"
		"  --pause-us N     pause after each burst, instead of waiting until the guest\n"
		"                   has taken it: for those that are dropped on purpose\n"
		"  --cpu-irq N      host CPU that takes the interrupts (default 2)\n"
		"  --cpu-vcpu N     host CPU that runs the vCPU (default 1)\n"
		"  --guest spin|wfi what the guest does meanwhile (default spin)\n"
		"  --max-usecs N    the VM's max_usecs; Volley must be loaded\n"
		"  --max-irqs N     the VM's max_irqs; Volley must be loaded\n", name);
}

__printf(1, 2)
static void refuse(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("volley_burst: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(KSFT_FAIL);
}

static void set_knob(int k, const char *text)
{
	char *end;

	errno = 0;
	knobs[k].val = strtoll(text, &end, 10);
	if (errno || end == text || *end || knobs[k].val < knobs[k].min ||
	    knobs[k].val > knobs[k].max)
		refuse("--%s takes a number from %ld to %ld, not '%s'", knobs[k].name,
		       knobs[k].min, knobs[k].max, text);
}

static void set_guest(const char *text)
{
	if (!strcmp(text, "wfi"))
		mode = GUEST_WFI;
	else if (strcmp(text, "spin"))
		refuse("--guest is spin or wfi, not '%s'", text);
}

static void parse(int argc, char **argv)
{
	struct option names[NR_KNOBS + 3] = {};
	int c, k;

	for (k = 0; k < NR_KNOBS; k++)
		names[k] = (struct option) { knobs[k].name, required_argument, NULL, k };
	names[k++] = (struct option) { "guest", required_argument, NULL, 'g' };
	names[k] = (struct option) { "help", no_argument, NULL, 'h' };

	while ((c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
		if (c < NR_KNOBS) {
			set_knob(c, optarg);
		} else if (c == 'g') {
			set_guest(optarg);
		} else {
			usage(c == 'h' ? stdout : stderr, argv[0]);
			exit(c == 'h' ? KSFT_PASS : KSFT_FAIL);
		}
	}
	if (optind < argc)
		refuse("unknown argument: %s (see --help)", argv[optind]);
	if (knobs[CPU_IRQ].val >= host_nr_cpus() || knobs[CPU_VCPU].val >= host_nr_cpus())
		refuse("this host has %d CPUs", host_nr_cpus());
	if ((knobs[MAX_USECS].val >= 0 || knobs[MAX_IRQS].val >= 0) && !volley_loaded())
		refuse("Volley is not loaded, so nothing can be set");
}

/* Returns how many interrupts were lost. */
static u64 send(struct rig *rig, u32 bursts)
{
	u32 mask = (1U << knobs[VECTORS].val) - 1;
	u64 lost = 0;

	while (bursts--) {
		if (knobs[SPACING_US].val)
			rig_raise_spaced(rig, 0, mask, knobs[SPACING_US].val);
		else
			rig_raise(rig, 0, mask);
		if (knobs[PAUSE_US].val >= 0)
			host_sleep_us(knobs[PAUSE_US].val);
		else
			lost += __builtin_popcount(rig_wait(rig, 0, mask));
	}
	return lost;
}

static void measure(struct rig *rig, struct result *result)
{
	struct volley_counts volley_before = {};
	struct rig_counts before;
	struct meter meter;
	u64 start, length;

	if (volley_loaded())
		volley_count(rig, &volley_before);
	rig_count(rig, 0, &before);
	result->resched = host_resched_count(knobs[CPU_VCPU].val);
	/* The vCPU's own CPU is not idle, and its kernel does more than this. */
	result->exact = knobs[CPU_IRQ].val != knobs[CPU_VCPU].val &&
			meter_start(&meter, knobs[CPU_IRQ].val);

	start = host_ticks();
	if (result->exact)
		result->instructions = meter_read(&meter);
	result->lost = send(rig, knobs[BURSTS].val);
	if (result->exact)
		result->instructions = meter_read(&meter) - result->instructions;
	length = host_ticks() - start;

	result->resched = host_resched_count(knobs[CPU_VCPU].val) - result->resched;
	rig_count(rig, 0, &result->counts);
	rig_since(&result->counts, &before);

	if (result->exact) {
		/* What the same time costs when nothing is sent. */
		result->idle_instructions = meter_read(&meter);
		host_until(host_ticks() + length);
		result->idle_instructions = meter_read(&meter) - result->idle_instructions;
		meter_stop(&meter);
	}
	if (volley_loaded()) {
		volley_count(rig, &result->volley);
		volley_since(&result->volley, &volley_before);
	}
}

static void print(const struct result *r)
{
	u64 arrived = rig_sum(r->counts.arrived), taken = rig_sum(r->counts.taken);
	bool volley = volley_loaded();
	u64 merged = volley ? r->volley.vm.merged : arrived - taken - r->lost;

	printf("volley=%d\n", volley);
	printf("sent=%lu\n", rig_sum(r->counts.sent));
	printf("arrivals=%lu\n", arrived);
	printf("delivered=%lu\n", taken);
	printf("merged=%lu\n", merged);
	printf("lost=%lu\n", r->lost);
	printf("exits=%lu\n", r->counts.exits);
	printf("kicks=%lu\n", volley ? r->volley.kicks.sent : r->resched);
	printf("reschedule_ipis=%lu\n", r->resched);
	if (volley) {
		printf("kick_requests=%lu\n", r->volley.kicks.requests);
		printf("kicks_held=%lu\n", r->volley.kicks.held);
		printf("kicks_saved=%lu\n", r->volley.kicks.saved);
		printf("to_host=%lu\n", r->volley.vm.to_host);
	}
	printf("exits_per_irq=%.2f\n", (double)r->counts.exits / taken);
	if (r->exact)
		printf("instructions_per_irq=%.0f\n",
		       ((double)r->instructions - r->idle_instructions) / arrived);
}

int main(int argc, char **argv)
{
	struct rig_config config = {};
	struct result result = {};
	struct device *dev;
	struct rig *rig;
	u64 lost;

	parse(argc, argv);
	pin_self_to_cpu(0);
	config.cpu[0] = knobs[CPU_VCPU].val;
	config.mode = mode;

	dev = device_open(0, knobs[VECTORS].val);
	device_affinity(dev, knobs[CPU_IRQ].val);
	rig = rig_create(&config);
	rig_connect(rig, 0, dev);
	rig_start(rig);
	if (volley_loaded()) {
		TEST_ASSERT(volley_wait_attached(rig, 0), "Volley does not attach");
		if (knobs[MAX_USECS].val >= 0)
			volley_set(rig, "max_usecs", knobs[MAX_USECS].val);
		if (knobs[MAX_IRQS].val >= 0)
			volley_set(rig, "max_irqs", knobs[MAX_IRQS].val);
	}

	lost = send(rig, WARM_UP);
	measure(rig, &result);
	result.lost += lost;
	print(&result);
	rig_free(rig);
	return result.lost ? KSFT_FAIL : KSFT_PASS;
}
