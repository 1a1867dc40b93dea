/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs that measure have in common: the ways for an interrupt that
 * are compared, a VM that takes them one after the other, and how figures are
 * printed.
 */
#ifndef VOLLEY_TEST_BENCH_H
#define VOLLEY_TEST_BENCH_H

#include "setup.h"

#define BENCH_VECTORS	8	/* of each device */
#define BENCH_DEVICES	2
#define BENCH_IRQS	(BENCH_VECTORS * BENCH_DEVICES)

/* A way for an interrupt from the device to the guest. */
struct bench_path {
	const char *name;
	bool volley;		/* the module is loaded */
	u32 max_usecs;
	bool adaptive;
	bool disabled;		/* the VM's enabled is 0 */
	bool direct;		/* the GIC injects: nothing to move to another CPU */
	bool unusual;		/* measured only if asked for by name */
};

/*
 * The paths whose names are in @argv, or all usual ones: calls @measure for each,
 * and ends the program if a name is not known.
 */
void bench_each(int argc, char **argv,
		void (*measure)(struct rig *rig, const struct bench_path *path), struct rig *rig);

/* A VM with as many devices as there are, up to BENCH_DEVICES; no module. */
struct rig *bench_rig(int cpu_irq, int cpu_vcpu);
void bench_end(struct rig *rig);
int bench_devices(struct rig *rig);
/* From now on the interrupts of its devices come to @cpu. */
void bench_send_to(struct rig *rig, int cpu);
/* Connects its devices anew, so that the GIC can inject their interrupts itself. */
void bench_connect_again(struct rig *rig);
/* The host takes none of a burst. */
void bench_check_direct(struct rig *rig);
/* Loads the module, if the path has it, and sets the VM so. Interrupts come through. */
void bench_use(struct rig *rig, const struct bench_path *path);
/* Loads one of the tests' own kernel modules. */
void bench_load(const char *module);

/* Raises @irqs interrupts at once: device 0's first, then device 1's. */
void bench_raise(struct rig *rig, int irqs);
/* Waits for them; a lost one ends the program. */
void bench_wait(struct rig *rig, int irqs);

/* Numbers of which the quantiles are wanted. */
struct samples {
	u64 *val;
	int nr, room;
	bool sorted;
};

void samples_add(struct samples *samples, u64 val);
/* The least number that @permille of 1000 are not above; 1000: the largest. */
u64 samples_quantile(struct samples *samples, int permille);
double samples_mean(const struct samples *samples);
void samples_clear(struct samples *samples);

/*
 * One line: what the figure is of, and after the colon what was measured.
 *
 *   figure family=receive path=stock cpu=other burst=8: instructions=2112.0
 */
__printf(3, 4)
void bench_figure(const char *family, const struct bench_path *path, const char *fmt, ...);

#endif /* VOLLEY_TEST_BENCH_H */
