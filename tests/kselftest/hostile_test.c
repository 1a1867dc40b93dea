// SPDX-License-Identifier: GPL-2.0
/*
 * A VM that means no good, beside one that does nothing but take interrupts:
 * none of the latter's are lost, the host gets on with its work, nothing grows,
 * and the hostile one can be killed at any moment.
 *
 *   VOLLEY_SEED	what it does is made from this (default 1)
 *   VOLLEY_SECONDS	for how long (default 10)
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "hostile.h"
#include "load.h"
#include "memory.h"
#include "suite.h"

#define VECTORS		8
#define VCPUS		HOSTILE_ROLES
#define CPUS		4

/*
 * What the kernel's memory may grow by, however long it goes on, in kB: some ten
 * times what it was seen to, as the hostile guest maps some more LPIs at times.
 */
#define GROWTH_KB	4096

/*
 * What the hostile VM's process and the test tell each other. The process is
 * one of its own, so that it can be killed.
 */
struct post {
	/* Written by the test. */
	bool go, calm, end;
	/* Written by the process: once @ready, the VM is hostile. */
	bool ready, calmed;
	char id[32];
	int irq[VECTORS];
	u64 bursts;		/* that its device has raised */
	u64 loops[VCPUS];	/* rounds of what each vCPU does */
};

/* The hostile VM, with the second device, which raises what it can. */
static void be_hostile(struct post *post, u64 seed)
{
	/* The last one shares a CPU with the interrupts of both VMs. */
	struct rig_config config = {
		.vcpus = VCPUS,
		.cpu = { CPU_OTHER, CPU_OTHER, CPU_OTHER, CPU_IRQ },
	};
	struct load load = { .mask = ALL(VECTORS), .cpu = CPU_MAIN, .lossy = true };
	struct device *dev;
	int i;

	while (!told(&post->go))
		host_sleep_us(1000);
	pin_self_to_cpu(CPU_OTHER);
	dev = device_open(1, VECTORS);
	device_affinity(dev, CPU_IRQ);
	load.rig = rig_create(&config);
	rig_connect(load.rig, 0, dev);
	rig_start(load.rig);
	TEST_ASSERT(volley_wait_attached(load.rig, 0), "not attached");
	for (i = 0; i < VCPUS; i++)
		rig_ask(load.rig, i, GUEST_OP_HOSTILE, i, seed + i, 0, 0);
	load_start(&load);
	load_wait(&load, 3);

	memcpy(post->id, load.rig->id, sizeof(post->id));
	memcpy(post->irq, dev->irq, sizeof(post->irq));
	tell(&post->ready, true);
	while (!told(&post->end)) {
		host_sleep_us(5000);
		for (i = 0; i < VCPUS; i++)
			post->loops[i] = READ_ONCE(load.rig->shared->vcpu[i].loops);
		tell(&post->bursts, told(&load.bursts));
		if (told(&post->calm) && !post->calmed) {
			load_stop(&load);
			tell(&post->calmed, true);
		}
	}
	tell(&load.rig->shared->peace, 1);
	rig_free(load.rig);
}

FIXTURE(hostile)
{
	struct rig *rig;	/* the one that is not */
	struct post *post;
	pid_t pid;
	u64 seed, seconds;
};

FIXTURE_VARIANT(hostile)
{
	const char *params;
	bool killed;
};

FIXTURE_VARIANT_ADD(hostile, killed) { "", true };
FIXTURE_VARIANT_ADD(hostile, window) { "max_usecs=5000 max_irqs=1024", false };

FIXTURE_SETUP(hostile)
{
	ASSERT_LE(2, device_count());
	ASSERT_LE(CPUS, host_nr_cpus());
	self->seed = host_setting("VOLLEY_SEED", 1);
	self->seconds = host_setting("VOLLEY_SECONDS", 10);
	self->post = mmap(NULL, sizeof(*self->post), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->post);
	/* Before there is a VM whose files it would keep open. */
	self->pid = fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		/* If this test fails it does not wait for its end. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_hostile(self->post, self->seed);
		_exit(0);
	}
	self->rig = setup_usual_rig(variant->params, VECTORS);
}

FIXTURE_TEARDOWN(hostile)
{
	if (self->pid > 0) {
		kill(self->pid, SIGKILL);
		waitpid(self->pid, NULL, 0);
	}
	EXPECT_TRUE(teardown_rig(self->rig));
}

/* Something that wants to run on a CPU now and then. */
struct worker {
	pthread_t thread;
	int cpu;
	bool stop;
	u64 rounds;
	u64 longest_ns;		/* from one to the next, for which it slept for 1 ms */
};

static void *work(void *data)
{
	struct worker *worker = data;
	u64 last, now;

	pin_self_to_cpu(worker->cpu);
	last = host_now_ns();
	while (!told(&worker->stop)) {
		host_sleep_us(1000);
		now = host_now_ns();
		worker->longest_ns = max(worker->longest_ns, now - last);
		last = now;
		tell(&worker->rounds, worker->rounds + 1);
	}
	return NULL;
}

/* What the kernel has allocated for itself and for modules, in kB. */
static u64 kernel_memory(void)
{
	static const char * const names[] = { "Slab:", "Percpu:", "VmallocUsed:", "KernelStack:" };
	char line[128], name[32];
	u64 kb, sum = 0;
	FILE *fp;
	int i;

	fp = fopen("/proc/meminfo", "r");
	TEST_ASSERT(fp, "cannot read /proc/meminfo");
	while (fgets(line, sizeof(line), fp)) {
		if (sscanf(line, "%31s %lu", name, &kb) != 2)
			continue;
		for (i = 0; i < ARRAY_SIZE(names); i++)
			if (!strcmp(name, names[i]))
				sum += kb;
	}
	fclose(fp);
	return sum;
}

/* Each CPU gets on, and so does each vCPU of the hostile VM. */
static bool all_get_on(struct worker *workers, struct post *post)
{
	u64 rounds[CPUS], loops[VCPUS];
	int i;

	for (i = 0; i < CPUS; i++)
		rounds[i] = told(&workers[i].rounds);
	memcpy(loops, post->loops, sizeof(loops));
	for (i = 0; i < CPUS; i++)
		if (!host_wait_for(told(&workers[i].rounds) > rounds[i])) {
			ksft_print_msg("CPU %d does not get on\n", i);
			return false;
		}
	for (i = 0; i < VCPUS; i++)
		if (!host_wait_for(READ_ONCE(post->loops[i]) > loops[i])) {
			ksft_print_msg("the hostile vCPU %d does not get on\n", i);
			return false;
		}
	return true;
}

/* The hostile VM as far as its counters go. */
static void count_hostile(struct post *post, struct volley_counts *counts)
{
	struct device dev = { .vectors = VECTORS };
	struct rig rig = { .nr_vcpus = VCPUS, .dev[0] = &dev };

	memcpy(rig.id, post->id, sizeof(rig.id));
	memcpy(dev.irq, post->irq, sizeof(dev.irq));
	volley_count(&rig, counts);
}

TEST_F_TIMEOUT(hostile, beside_another, 24 * 60 * 60)
{
	struct load load = {
		.rig = self->rig,
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
	};
	struct worker workers[CPUS] = {};
	struct rig_counts before, counts;
	struct post *post = self->post;
	static struct memory memory_before, memory_after;
	struct volley_counts volley;
	u64 end, memory, begun, ended, after, arrivals;
	int i, status;

	memory_look(&memory_before);
	memory = kernel_memory();
	rig_count(self->rig, 0, &before);
	load_start(&load);
	for (i = 0; i < CPUS; i++) {
		workers[i].cpu = i;
		kvm_pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	tell(&post->go, true);
	HOST_WAIT_FOR(told(&post->ready) || waitpid(self->pid, &status, WNOHANG) == self->pid,
		      "the hostile VM does not come up");
	ASSERT_TRUE(told(&post->ready));

	begun = kernel_memory();
	end = host_now_ns() + self->seconds * NSEC_PER_SEC;
	for (i = 0; i < 5 || host_now_ns() < end; i++) {
		load_wait(&load, 2);
		ASSERT_EQ(0, load.lost);
		ASSERT_TRUE(all_get_on(workers, post));
	}
	ksft_print_msg("%lu hostile bursts, vCPUs' rounds %lu %lu %lu %lu; %lu bursts beside them\n",
		       told(&post->bursts), post->loops[0], post->loops[1], post->loops[2],
		       post->loops[3], told(&load.bursts));
	ended = kernel_memory();

	/* Each of its arrivals is accounted for, too. */
	tell(&post->calm, true);
	ASSERT_TRUE(host_wait_for(told(&post->calmed)));
	count_hostile(post, &volley);
	ksft_print_msg("hostile: received %lu, forwarded %lu, merged %lu, to host %lu\n",
		       volley.vm.received, volley.vm.forwarded, volley.vm.merged,
		       volley.vm.to_host);
	EXPECT_TRUE(volley_counts_add_up(&volley));
	arrivals = volley.vm.received;
	/* There was something that it could do harm to. */
	EXPECT_LT(0, volley.vm.forwarded);
	EXPECT_LT(0, volley.vm.to_host);

	if (variant->killed)
		kill(self->pid, SIGKILL);
	else
		tell(&post->end, true);
	ASSERT_EQ(self->pid, waitpid(self->pid, &status, 0));
	self->pid = 0;
	EXPECT_EQ(variant->killed, WIFSIGNALED(status));
	if (!variant->killed)
		EXPECT_EQ(0, WEXITSTATUS(status));
	EXPECT_TRUE(volley_wait_irqs_gone(post->id, post->irq, VECTORS));
	EXPECT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", post->id)));
	EXPECT_TRUE(host_wait_for(!host_exists(KVM_DEBUGFS "/%s", post->id)));

	load_wait(&load, 20);
	EXPECT_TRUE(load_stop(&load));
	for (i = 0; i < CPUS; i++) {
		tell(&workers[i].stop, true);
		kvm_pthread_join(workers[i].thread, NULL);
		ksft_print_msg("CPU %d: %lu ms without a turn at most\n", i,
			       workers[i].longest_ns / 1000000);
	}
	rig_settle(self->rig, 0);
	rig_count(self->rig, 0, &counts);
	rig_since(&counts, &before);
	EXPECT_EQ(rig_sum(counts.sent), rig_sum(counts.arrived));
	EXPECT_EQ(rig_sum(counts.sent), rig_sum(counts.taken));
	volley_count(self->rig, &volley);
	EXPECT_TRUE(volley_counts_add_up(&volley));
	after = kernel_memory();
	/* An object for each other arrival would show, of whatever size. */
	memory_look(&memory_after);
	EXPECT_FALSE(memory_grew(&memory_before, &memory_after, arrivals));
	ksft_print_msg("kernel memory: %lu kB, with the hostile VM %lu kB, at its end %lu kB, afterwards %lu kB\n",
		       memory, begun, ended, after);
	/* KASAN keeps what is freed for a while; kmemleak says there what has leaked. */
	if (!host_exists("/sys/kernel/debug/kmemleak")) {
		EXPECT_LE(ended, begun + GROWTH_KB);
		EXPECT_LE(after, memory + GROWTH_KB);
	}
}

TEST_HARNESS_MAIN
