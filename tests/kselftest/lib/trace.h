/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Volley's trace events, recorded in an instance of tracefs of their own.
 */
#ifndef VOLLEY_TEST_TRACE_H
#define VOLLEY_TEST_TRACE_H

#include <kvm_util.h>

#define TRACE_INTIDS	16	/* in one event */

/* Fields that an event does not have are -1, or empty. */
struct trace_event {
	char name[24];
	int cpu;
	s64 irq, hwirq, position, gsi, vcpu, intid, merged, usecs, count;
	s64 forwarded, waiting;
	char vm[24], reason[16];
	u32 intids[TRACE_INTIDS];
	int nr_intids;
};

struct trace {
	struct trace_event *events;
	int nr;
};

/* The module must be loaded; what was recorded before is forgotten. */
void trace_start(void);
/* Turns one event on or off while the others remain as they are. */
void trace_enable(const char *event, bool on);
/* Ends the recording; to be called before the module is unloaded. */
void trace_stop(void);
/* Reads what has been recorded since trace_start() or the last trace_read(). */
void trace_read(struct trace *trace);
void trace_free(struct trace *trace);
/* The next event of this name after @from, or NULL; from the start if NULL. */
const struct trace_event *trace_next(const struct trace *trace, const char *name,
				     const struct trace_event *from);
int trace_count(const struct trace *trace, const char *name);

#define trace_for_each(e, trace, name)					\
	for ((e) = trace_next(trace, name, NULL); (e);			\
	     (e) = trace_next(trace, name, e))

#endif /* VOLLEY_TEST_TRACE_H */
