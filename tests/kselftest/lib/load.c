// SPDX-License-Identifier: GPL-2.0
/*
 * A thread that sends interrupts while the test does something else.
 */
#include "load.h"

static void *load_thread(void *data)
{
	struct load *load = data;

	pin_self_to_cpu(load->cpu);
	while (!told(&load->stop) && !load->lost) {
		if (load->spacing_us)
			rig_raise_spaced(load->rig, load->device, load->mask,
					 load->spacing_us);
		else
			rig_raise(load->rig, load->device, load->mask);

		if (load->open_loop || load->lossy)
			host_sleep_us(load->pause_us ?: 20);
		else
			load->lost = rig_wait(load->rig, load->device, load->mask);
		tell(&load->bursts, load->bursts + 1);
	}
	if (!load->lost && !load->lossy)
		load->lost = rig_wait(load->rig, load->device, load->mask);
	return NULL;
}

void load_start(struct load *load)
{
	load->stop = false;
	load->bursts = 0;
	load->lost = 0;
	kvm_pthread_create(&load->thread, NULL, load_thread, load);
}

void load_wait(struct load *load, u64 bursts)
{
	u64 until = told(&load->bursts) + bursts;

	/* A loss ends the thread; load_stop() reports it. */
	HOST_WAIT_FOR(told(&load->bursts) >= until || READ_ONCE(load->lost),
		      "the sender does not get on: %lu bursts", load->bursts);
}

bool load_stop(struct load *load)
{
	tell(&load->stop, true);
	kvm_pthread_join(load->thread, NULL);
	if (load->lost)
		ksft_print_msg("lost: vectors %x in burst %lu\n", load->lost, load->bursts);
	return !load->lost;
}
