/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Makes allocations of the module fail, one at a time, on a kernel that can.
 */
#ifndef VOLLEY_TEST_FAULTS_H
#define VOLLEY_TEST_FAULTS_H

#include <linux/types.h>
#include <stdbool.h>

/* Whether this kernel can (CONFIG_FAILSLAB, CONFIG_FAIL_PAGE_ALLOC, by the stack). */
bool faults_possible(void);

/*
 * From here on only allocations that the module asks for can fail: those with
 * one of its functions on the stack. It is loaded and unloaded once to see where.
 */
void faults_begin(void);
/* The same where it is loaded now; false if it is not. */
bool faults_find(void);

/*
 * Has the @nth such allocation from now on fail, in this thread or in a worker
 * of the kernel, counted in each thread by itself.
 */
void faults_arm(int nth);
/* Ends that; true if an allocation has failed. */
bool faults_disarm(void);
/* Whether one has failed by now. */
bool faults_hit(void);

/* Has the first @times such allocations in workers fail, of those that there are now. */
void faults_begin_workers(int times);
/* Ends that; true if so many have failed. */
bool faults_end_workers(void);

#endif /* VOLLEY_TEST_FAULTS_H */
