/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of volley_fuzz share.
 */
#ifndef VOLLEY_FUZZ_H
#define VOLLEY_FUZZ_H

#include <linux/atomic.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>

#include <volley.h>

#define SLOTS		24
#define IRQS		16
#define DEVICES		4

/* What it was loaded for. */
struct fuzz {
	/* The devices' interrupts, which may or may not be sources. */
	unsigned int irq[IRQS], nr_irqs;
	/* The devices, and one that is no PCI device, and has no interrupts. */
	struct device *device[DEVICES + 1];
	unsigned int nr_devices;
	/* The VM's numbers that an arrival may be redirected to without getting lost: its own. */
	unsigned int first_gsi;
	/* No verdict loses an interrupt: what is not forwarded is left to the host. */
	bool lossless;

	/* What has been done. */
	atomic_t steps, registered, refused, asked, wrong;
};

extern struct fuzz fuzz;

/* Counts what is wrong, and says it, three times at most. */
#define WRONG(cond, fmt, ...) ({					\
	static atomic_t __said;						\
	bool __wrong = (cond);						\
									\
	if (__wrong) {							\
		atomic_inc(&fuzz.wrong);				\
		if (atomic_inc_return(&__said) <= 3)			\
			pr_err(KBUILD_MODNAME ": " fmt "\n", ##__VA_ARGS__);	\
	}								\
	__wrong;							\
})

/* What is random in a step, or in what a handler says. */
struct chance {
	u64 state;
};

/* Marsaglia's xorshift64, multiplied. */
static inline u32 below(struct chance *chance, u32 limit)
{
	u64 x = chance->state ?: 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	chance->state = x;
	return ((x * 0x2545f4914f6cdd1d) >> 32) % limit;
}

static inline u32 any(struct chance *chance)
{
	return below(chance, ~0U);
}

/* How a handler behaves. */
enum temper {
	SOUND,		/* gives verdicts that are valid */
	ODD,		/* and some that are not */
	SLOW,		/* takes its time */
	RECURSIVE,	/* calls what it must not call */
	TEMPERS
};

/* A registration. Whoever has made its state BUSY has it for himself. */
struct slot {
	atomic_t state;
	struct volley_registration *registration;
	/* One that there is no more. */
	struct volley_registration *stale;
	/* Those who unregister it although it is not theirs, and how often that worked. */
	atomic_t thieves, stolen;
	struct module *owner;
	/* What it is for; an IRQ of 0 means the device. */
	unsigned int irq;
	struct device *dev;
	enum temper temper;
	/* Whether it may be called, and where it is being called. */
	bool alive;
	atomic_t running;
	atomic64_t chance;
};

enum { FREE, BUSY, LIVE };

extern struct slot slots[SLOTS];

/* handler.c: what a handler is called with; no pointer at all. */
void *data_of(struct slot *slot);
struct volley_verdict process(const struct volley_arrival *arrival, void *data);
unsigned int process_batch(const struct volley_arrival *arrivals, unsigned int nr,
			   struct volley_verdict *verdicts, void *data);

/* refused.c: what must be refused, wherever it is asked for. */
void refused_here(struct slot *slot, const char *where);
void do_bad_handler(struct chance *chance);
void do_bad_unregister(struct chance *chance);
void do_atomic(struct chance *chance);

/* main.c: a slot in this state, which then is BUSY; and back. */
struct slot *take(struct chance *chance, int state);
void put(struct slot *slot, int state);

#endif
