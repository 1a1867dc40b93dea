// SPDX-License-Identifier: GPL-2.0
/*
 * A VM in a process of its own that is sent interrupts until it is killed.
 * KVM has a directory in debugfs for each VM: it goes when the last reference on
 * the VM is dropped.
 */
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <kvm_util.h>

#include "host.h"
#include "victim.h"
#include "volley.h"

/* The program beside this one, with nothing but @out of what is open here. */
static pid_t spawn(int device, int round, bool volley, int out)
{
	char path[PATH_MAX + 16], self[PATH_MAX] = {}, number[3][12];
	char *const argv[] = { path, number[0], number[1], number[2], NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;

	TEST_ASSERT(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0, "readlink");
	snprintf(path, sizeof(path), "%s/victim", dirname(self));
	sprintf(number[0], "%d", device);
	sprintf(number[1], "%d", round);
	sprintf(number[2], "%d", volley);
	posix_spawn_file_actions_init(&actions);
	/* What libkvm says at the start is not for the results. */
	posix_spawn_file_actions_adddup2(&actions, 2, 1);
	posix_spawn_file_actions_adddup2(&actions, out, 3);
	posix_spawn_file_actions_addclosefrom_np(&actions, 4);
	TEST_ASSERT(!posix_spawn(&pid, path, &actions, NULL, argv, environ), "cannot run %s", path);
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

bool victim_start(struct victim *victim, int device, int round, bool volley)
{
	int pipes[2];
	ssize_t len;
	pid_t pid;

	TEST_ASSERT(!pipe2(pipes, O_CLOEXEC), "pipe");
	pid = spawn(device, round, volley, pipes[1]);
	close(pipes[1]);
	len = read(pipes[0], victim, sizeof(*victim));
	close(pipes[0]);
	if (len == sizeof(*victim))
		return true;
	ksft_print_msg("round %d: the VM did not come up\n", round);
	waitpid(pid, NULL, 0);
	return false;
}

bool victim_kill(struct victim *victim)
{
	bool was_there = host_exists(KVM_DEBUGFS "/%s", victim->id);
	int status;

	kill(victim->pid, SIGKILL);
	if (waitpid(victim->pid, &status, 0) != victim->pid || !WIFSIGNALED(status) || !was_there) {
		ksft_print_msg("the VM %s was no more\n", victim->id);
		return false;
	}
	if (!volley_wait_irqs_gone(victim->id, victim->irq, VICTIM_VECTORS)) {
		ksft_print_msg("sources of %s stay behind\n", victim->id);
		return false;
	}
	if (!host_wait_for(!host_exists(VOLLEY_SYSFS "/vms/%s", victim->id))) {
		ksft_print_msg("the VM %s stays behind\n", victim->id);
		return false;
	}
	if (!host_wait_for(!host_exists(KVM_DEBUGFS "/%s", victim->id))) {
		ksft_print_msg("KVM's VM %s stays behind\n", victim->id);
		return false;
	}
	return true;
}
