// SPDX-License-Identifier: GPL-2.0
/*
 * A VM that is sent interrupts until somebody kills this program, which tests
 * start by lib/victim.h.
 *
 *   ./victim DEVICE ROUND VOLLEY
 *
 * DEVICE is the number of the device; what the VM is like depends on ROUND, and
 * VOLLEY is 1 if the module is loaded. File descriptor 3 gets a struct victim.
 */
#include <signal.h>
#include <sys/prctl.h>

#include "load.h"
#include "setup.h"
#include "victim.h"

int main(int argc, char **argv)
{
	int device, round, volley;
	struct victim self = { .pid = getpid() };
	struct rig_config config = { .cpu = { CPU_VCPU } };
	struct load load = {
		.mask = ALL(VICTIM_VECTORS),
		.cpu = CPU_MAIN,
	};
	struct device *dev;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	TEST_ASSERT(argc == 4, "usage: %s DEVICE ROUND VOLLEY", argv[0]);
	device = atoi(argv[1]);
	round = atoi(argv[2]);
	volley = atoi(argv[3]);
	config.mode = round % 2 ? GUEST_WFI : GUEST_SPIN;
	load.spacing_us = round % 3 * 50;
	load.open_loop = round % 5 == 4;

	dev = device_open(device, VICTIM_VECTORS);
	device_affinity(dev, round % 4);
	load.rig = rig_create(&config);
	rig_connect(load.rig, 0, dev);
	rig_start(load.rig);
	/* Some are killed before they are attached. */
	if (volley && round % 7) {
		TEST_ASSERT(volley_wait_attached(load.rig, 0), "not attached");
		volley_set(load.rig, "max_usecs", round % 3 * 5000);
	}
	load_start(&load);
	load_wait(&load, 3);

	memcpy(self.id, load.rig->id, sizeof(self.id));
	memcpy(self.irq, dev->irq, sizeof(self.irq));
	TEST_ASSERT(write(3, &self, sizeof(self)) == sizeof(self), "cannot write");
	for (;;)
		pause();
}
