// SPDX-License-Identifier: GPL-2.0
/*
 * A VM that is killed under load, 50 times: nothing of it stays behind, and
 * the next one has the device. KVM has a directory in debugfs for each VM: it
 * goes when the last reference on the VM is dropped.
 */
#include <sys/wait.h>

#include "load.h"
#include "suite.h"

#define VECTORS		8
#define KVM_DEBUGFS	"/sys/kernel/debug/kvm"

FIXTURE(killed)
{
};

FIXTURE_SETUP(killed)
{
	host_log_mark();
}

FIXTURE_TEARDOWN(killed)
{
	EXPECT_EQ(0, volley_unload());
	EXPECT_FALSE(host_log_bad());
}

/* A VM that is sent interrupts for ever; says so through @out once it is. */
static void victim(int round, int out)
{
	struct rig_config config = {
		.cpu = { CPU_VCPU },
		.mode = round % 2 ? GUEST_WFI : GUEST_SPIN,
	};
	struct load load = {
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
		.spacing_us = round % 3 * 50,
		.open_loop = round % 5 == 4,
	};
	struct device *dev = device_open(0, VECTORS);
	char line[160];
	int i, len = 0;

	device_affinity(dev, round % 4);
	load.rig = rig_create(&config);
	rig_connect(load.rig, 0, dev);
	rig_start(load.rig);
	/* Some are killed before they are attached. */
	if (round % 7) {
		TEST_ASSERT(volley_wait_attached(load.rig, 0), "not attached");
		volley_set(load.rig, "max_usecs", round % 3 * 5000);
	}
	load_start(&load);
	load_wait(&load, 3);

	len = sprintf(line, "%s", load.rig->id);
	for (i = 0; i < VECTORS; i++)
		len += sprintf(line + len, " %d", dev->irq[i]);
	TEST_ASSERT(write(out, line, len + 1) == len + 1, "cannot write");
	for (;;)
		pause();
}

TEST_F_TIMEOUT(killed, under_load_50, 900)
{
	int pipes[2], status, round, n, irq[VECTORS];
	char line[160], id[32], *p;
	pid_t pid;

	volley_reload("");
	for (round = 0; round < 50; round++) {
		ASSERT_EQ(0, pipe(pipes));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			close(pipes[0]);
			victim(round, pipes[1]);
		}
		close(pipes[1]);
		ASSERT_LT(0, read(pipes[0], line, sizeof(line)))
			TH_LOG("round %d: the VM did not come up", round);
		ASSERT_EQ(1, sscanf(line, "%31s%n", id, &n));
		p = line + n;
		for (n = 0; n < VECTORS; n++)
			irq[n] = strtol(p, &p, 10);

		ASSERT_TRUE(host_exists(KVM_DEBUGFS "/%s", id));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		close(pipes[0]);
		ASSERT_TRUE(volley_wait_irqs_gone(irq, VECTORS))
			TH_LOG("round %d: sources stay behind", round);
		ASSERT_TRUE(host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", id)))
			TH_LOG("round %d: the VM stays behind", round);
		ASSERT_TRUE(host_wait_for(!host_exists(KVM_DEBUGFS "/%s", id)))
			TH_LOG("round %d: KVM's VM stays behind", round);
	}
}

TEST_HARNESS_MAIN
