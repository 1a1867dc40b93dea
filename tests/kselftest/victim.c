// SPDX-License-Identifier: GPL-2.0
/*
 * A VM that is sent interrupts until somebody kills this program, which tests
 * start by lib/victim.h.
 *
 *   ./victim DEVICE ROUND VOLLEY [REST]
 *
 * DEVICE is the number of the device; what the VM is like depends on ROUND, and
 * VOLLEY is 1 if the module is loaded. File descriptor 3 gets a struct victim.
 *
 * With REST the VM is company for something else: each burst is waited for, and
 * so many microseconds pass before the next. All host CPUs take the interrupts, it is
 * attached, and its settings are the module's.
 *
 * SIGTERM ends it, too. Then it says how many interrupts the guest has taken since
 * the struct was written, and fails if one was lost.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "load.h"
#include "setup.h"
#include "victim.h"

int main(int argc, char **argv)
{
	int device, round, volley, sig;
	struct victim self = { .pid = getpid() };
	struct rig_config config = { .cpu = { CPU_VCPU } };
	struct rig_counts before, counts;
	struct load load = {
		.mask = ALL(VICTIM_VECTORS),
		.cpu = CPU_MAIN,
	};
	bool company = argc == 5, whole;
	struct device *dev;
	sigset_t end;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* All threads leave it to the sigwait() below. */
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	TEST_ASSERT(argc == 4 || company, "usage: %s DEVICE ROUND VOLLEY [REST]", argv[0]);
	device = atoi(argv[1]);
	round = atoi(argv[2]);
	volley = atoi(argv[3]);
	config.mode = round % 2 ? GUEST_WFI : GUEST_SPIN;
	load.spacing_us = round % 3 * 50;
	load.open_loop = round % 5 == 4 && !company;
	load.rest_us = company ? atoi(argv[4]) : 0;

	dev = device_open(device, VICTIM_VECTORS);
	if (company)
		device_spread(dev);
	else
		device_affinity(dev, round % 4);
	load.rig = rig_create(&config);
	rig_connect(load.rig, 0, dev);
	rig_start(load.rig);
	/* Some are killed before they are attached. */
	if (volley && (company || round % 7)) {
		TEST_ASSERT(volley_wait_attached(load.rig, 0), "not attached");
		if (!company)
			volley_set(load.rig, "max_usecs", round % 3 * 5000);
	}
	load_start(&load);
	load_wait(&load, 3);
	rig_count(load.rig, 0, &before);

	memcpy(self.id, load.rig->id, sizeof(self.id));
	memcpy(self.irq, dev->irq, sizeof(self.irq));
	TEST_ASSERT(write(3, &self, sizeof(self)) == sizeof(self), "cannot write");
	sigwait(&end, &sig);

	whole = load_stop(&load);
	rig_count(load.rig, 0, &counts);
	rig_since(&counts, &before);
	printf("taken=%lu\n", rig_sum(counts.taken));
	return whole ? KSFT_PASS : KSFT_FAIL;
}
