/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What memory the kernel has given out, to see that it does not become more.
 *
 * On a stock kernel nobody can ask for the memory of one module. But what Volley
 * has comes from kmalloc(), or from vmalloc() if it is large, or is in kernfs or
 * a tree, and each of these caches counts its objects exactly once it has been
 * shrunk: then no CPU keeps free ones, and no sanitizer. Work that is done again
 * and again, and leaves one object behind each time, makes one of these numbers
 * grow by as many; whatever else goes on in the kernel does not, or not twice in a
 * row.
 */
#ifndef VOLLEY_TEST_MEMORY_H
#define VOLLEY_TEST_MEMORY_H

#include <kvm_util.h>

#define MEMORY_CACHES	512

struct memory {
	int nr_caches;
	struct {
		char name[40];
		u64 objects;
	} cache[MEMORY_CACHES];
	/* Bytes, by /proc/meminfo. */
	u64 percpu, vmalloc;
};

/* Waits until what was given back after a grace period of RCU is back, and looks. */
void memory_look(struct memory *memory);
/*
 * Whether there is more than there was, by an object, 16 bytes per CPU or a page
 * for every other of @rounds, and by more than noise: 24 objects or 256 kB; says of
 * what. So an object for each round shows from 24 rounds on. If there is more @now
 * it is looked again for some seconds, for it may go.
 */
bool memory_grew(const struct memory *before, struct memory *now, u64 rounds);

#endif /* VOLLEY_TEST_MEMORY_H */
