// SPDX-License-Identifier: GPL-2.0
/*
 * What the programs that measure have in common.
 */
#include "bench.h"

#define WARM_UP	20

static const struct bench_path paths[] = {
	{ .name = "stock" },
	{ .name = "volley", .volley = true },
	{ .name = "window10", .volley = true, .max_usecs = 10 },
	{ .name = "window50", .volley = true, .max_usecs = 50 },
	{ .name = "window200", .volley = true, .max_usecs = 200 },
	{ .name = "adaptive", .volley = true, .max_usecs = 200, .adaptive = true },
	{ .name = "disabled", .volley = true, .disabled = true, .unusual = true },
	/* On a machine where the GIC does it, without the module. */
	{ .name = "gicv4", .direct = true, .unusual = true },
};

static const struct bench_path *path_find(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		if (!strcmp(paths[i].name, name))
			return &paths[i];
	fprintf(stderr, "no such path: %s\n", name);
	exit(KSFT_FAIL);
}

void bench_each(int argc, char **argv,
		void (*measure)(struct rig *rig, const struct bench_path *path), struct rig *rig)
{
	int i;

	for (i = 1; i < argc; i++)
		path_find(argv[i]);
	for (i = 1; i < argc; i++)
		measure(rig, path_find(argv[i]));
	for (i = 0; argc == 1 && i < ARRAY_SIZE(paths); i++)
		if (!paths[i].unusual)
			measure(rig, &paths[i]);
}

struct rig *bench_rig(int cpu_irq, int cpu_vcpu)
{
	const struct setup setup = {
		.vectors = BENCH_VECTORS,
		.cpu_irq = cpu_irq,
		.cpu_vcpu = cpu_vcpu,
	};
	struct rig *rig = setup_rig(&setup);

	if (device_count() > 1)
		setup_device(rig, 1, BENCH_VECTORS, cpu_irq);
	return rig;
}

int bench_devices(struct rig *rig)
{
	return rig->dev[1] ? 2 : 1;
}

void bench_send_to(struct rig *rig, int cpu)
{
	int d;

	for (d = 0; d < bench_devices(rig); d++)
		device_affinity(rig->dev[d], cpu);
}

void bench_end(struct rig *rig)
{
	TEST_ASSERT(teardown_rig(rig), "the kernel complains");
}

/* KVM has the GIC inject what the guest has mapped by the time that it is connected. */
void bench_connect_again(struct rig *rig)
{
	int d;

	for (d = 0; d < bench_devices(rig); d++) {
		rig_disconnect(rig, d);
		rig_connect(rig, d, rig->dev[d]);
	}
}

void bench_check_direct(struct rig *rig)
{
	u64 arrived[BENCH_DEVICES];
	int d;

	for (d = 0; d < bench_devices(rig); d++)
		arrived[d] = rig_arrived(rig, d);
	bench_raise(rig, bench_devices(rig) * BENCH_VECTORS);
	bench_wait(rig, bench_devices(rig) * BENCH_VECTORS);
	for (d = 0; d < bench_devices(rig); d++)
		TEST_ASSERT(rig_arrived(rig, d) == arrived[d],
			    "the GIC does not inject them itself");
}

void bench_use(struct rig *rig, const struct bench_path *path)
{
	int i, d;

	if (volley_loaded())
		TEST_ASSERT(!volley_unload(), "cannot unload volley");
	if (path->volley) {
		volley_reload("");
		for (d = 0; d < bench_devices(rig); d++)
			TEST_ASSERT(volley_wait_attached(rig, d), "volley does not attach");
		volley_set(rig, "max_usecs", path->max_usecs);
		volley_set(rig, "adaptive", path->adaptive);
		if (path->disabled)
			volley_set(rig, "enabled", 0);
	}
	if (path->direct)
		bench_connect_again(rig);
	for (i = 0; i < WARM_UP; i++) {
		bench_raise(rig, bench_devices(rig) * BENCH_VECTORS);
		bench_wait(rig, bench_devices(rig) * BENCH_VECTORS);
	}
	if (path->direct)
		bench_check_direct(rig);
}

void bench_load(const char *module)
{
	int ret = host_load_module(module, "");

	TEST_ASSERT(!ret || ret == -EEXIST, "cannot load %s: %s", module, strerror(-ret));
}

/* Those of @irqs that are device @d's. */
static u32 share(int irqs, int d)
{
	int nr = irqs - d * BENCH_VECTORS;

	return nr <= 0 ? 0 : ALL(min(nr, BENCH_VECTORS));
}

void bench_raise(struct rig *rig, int irqs)
{
	int d;

	for (d = 0; d < BENCH_DEVICES; d++)
		if (share(irqs, d))
			rig_raise(rig, d, share(irqs, d));
}

void bench_wait(struct rig *rig, int irqs)
{
	int d;

	for (d = 0; d < BENCH_DEVICES; d++)
		if (share(irqs, d))
			TEST_ASSERT(!rig_wait(rig, d, share(irqs, d)), "an interrupt was lost");
}

void samples_add(struct samples *samples, u64 val)
{
	if (samples->nr == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 256;
		samples->val = realloc(samples->val, samples->room * sizeof(u64));
		TEST_ASSERT(samples->val, "no memory");
	}
	samples->val[samples->nr++] = val;
	samples->sorted = false;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

u64 samples_quantile(struct samples *samples, int permille)
{
	int rank = (samples->nr * (u64)permille + 999) / 1000;

	TEST_ASSERT(samples->nr, "nothing was measured");
	if (!samples->sorted)
		qsort(samples->val, samples->nr, sizeof(u64), by_value);
	samples->sorted = true;
	return samples->val[rank ? rank - 1 : 0];
}

double samples_mean(const struct samples *samples)
{
	double sum = 0;
	int i;

	for (i = 0; i < samples->nr; i++)
		sum += samples->val[i];
	return sum / samples->nr;
}

void samples_clear(struct samples *samples)
{
	free(samples->val);
	*samples = (struct samples) {};
}

void bench_figure(const char *family, const struct bench_path *path, const char *fmt, ...)
{
	va_list ap;

	printf("figure family=%s path=%s ", family, path->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
}
