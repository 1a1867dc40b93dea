// SPDX-License-Identifier: GPL-2.0
/*
 * A thread that sends interrupts while the test does something else.
 */
#include "load.h"

/* Sends a burst, unless it is held. What the state was then is returned. */
static enum load_state load_send(struct load *load, u32 *mask, u32 *breaks)
{
	enum load_state state;

	pthread_mutex_lock(&load->raising);
	state = load->state;
	*breaks = load->breaks;
	*mask = load->mask;
	if (state != LOAD_HELD) {
		tell(&load->idle, false);
		if (load->spacing_us)
			rig_raise_spaced(load->rig, load->device, *mask, load->spacing_us);
		else
			rig_raise(load->rig, load->device, *mask);
	}
	pthread_mutex_unlock(&load->raising);
	return state;
}

/* Waits for the burst just sent, unless it is given up. */
static void load_await(struct load *load, u32 mask, u32 breaks)
{
	bool over;

	over = host_wait_for(told(&load->breaks) != breaks ||
			     !rig_missing(load->rig, load->device, mask));
	if (told(&load->breaks) != breaks)
		load->given_up += __builtin_popcount(mask);
	else if (!over)
		load->lost = rig_missing(load->rig, load->device, mask);
}

static void *load_thread(void *data)
{
	struct load *load = data;
	u32 mask, breaks;

	pin_self_to_cpu(host_cpu(load->cpu));
	while (!told(&load->stop) && !load->lost) {
		switch (load_send(load, &mask, &breaks)) {
		case LOAD_HELD:
			tell(&load->idle, true);
			host_sleep_us(50);
			continue;
		case LOAD_DRIFTS:
			load->given_up += __builtin_popcount(mask);
			host_sleep_us(load->pause_us ?: 20);
			break;
		case LOAD_FLOWS:
			if (load->open_loop || load->lossy) {
				host_sleep_us(load->pause_us ?: 20);
				break;
			}
			load_await(load, mask, breaks);
			if (load->rest_us)
				host_sleep_us(load->rest_us);
			break;
		}
		tell(&load->bursts, load->bursts + 1);
	}
	if (!load->lost && !load->lossy)
		load->lost = rig_wait(load->rig, load->device, load->mask);
	return NULL;
}

void load_start(struct load *load)
{
	pthread_mutex_init(&load->raising, NULL);
	load->state = LOAD_FLOWS;
	load->idle = false;
	load->stop = false;
	load->bursts = 0;
	load->given_up = 0;
	load->lost = 0;
	kvm_pthread_create(&load->thread, NULL, load_thread, load);
}

static void load_change(struct load *load, enum load_state state, bool give_up)
{
	pthread_mutex_lock(&load->raising);
	load->state = state;
	if (give_up)
		tell(&load->breaks, load->breaks + 1);
	pthread_mutex_unlock(&load->raising);
}

void load_hold(struct load *load, bool give_up)
{
	load_change(load, LOAD_HELD, give_up);
	HOST_WAIT_FOR(told(&load->idle) || READ_ONCE(load->lost),
		      "the sender does not stop: %lu bursts", load->bursts);
}

void load_drift(struct load *load)
{
	load_change(load, LOAD_DRIFTS, true);
}

void load_flow(struct load *load)
{
	load_change(load, LOAD_FLOWS, false);
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
