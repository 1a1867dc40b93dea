/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints of Volley: what becomes of an interrupt, and of a kick.
 *
 * Described for users in Documentation/tracing.rst, called from rust/trace/mod.rs only. A VM is
 * named by the two numbers of its identifier, so that a hard interrupt copies no string.
 */

#undef TRACE_SYSTEM
#define TRACE_SYSTEM volley

#if !defined(_VOLLEY_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VOLLEY_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(source_attached,
	TP_PROTO(unsigned int irq, int vm_pid, int vm_fd, unsigned int gsi),
	TP_ARGS(irq, vm_pid, vm_fd, gsi),

	TP_STRUCT__entry(
		__field(unsigned int, irq)
		__field(int, vm_pid)
		__field(int, vm_fd)
		__field(unsigned int, gsi)
	),
	TP_fast_assign(
		__entry->irq = irq;
		__entry->vm_pid = vm_pid;
		__entry->vm_fd = vm_fd;
		__entry->gsi = gsi;
	),
	TP_printk("irq=%u vm=%d-%d gsi=%u",
		  __entry->irq, __entry->vm_pid, __entry->vm_fd, __entry->gsi)
);

TRACE_EVENT(source_detached,
	TP_PROTO(unsigned int irq, int vm_pid, int vm_fd),
	TP_ARGS(irq, vm_pid, vm_fd),

	TP_STRUCT__entry(
		__field(unsigned int, irq)
		__field(int, vm_pid)
		__field(int, vm_fd)
	),
	TP_fast_assign(
		__entry->irq = irq;
		__entry->vm_pid = vm_pid;
		__entry->vm_fd = vm_fd;
	),
	TP_printk("irq=%u vm=%d-%d",
		  __entry->irq, __entry->vm_pid, __entry->vm_fd)
);

TRACE_EVENT(irq_received,
	TP_PROTO(unsigned int irq, unsigned long hwirq, unsigned int position),
	TP_ARGS(irq, hwirq, position),

	TP_STRUCT__entry(
		__field(unsigned long, hwirq)
		__field(unsigned int, irq)
		__field(unsigned int, position)
	),
	TP_fast_assign(
		__entry->hwirq = hwirq;
		__entry->irq = irq;
		__entry->position = position;
	),
	TP_printk("irq=%u hwirq=%lu position=%u",
		  __entry->irq, __entry->hwirq, __entry->position)
);

TRACE_EVENT(irq_forwarded,
	TP_PROTO(unsigned int irq, int vm_pid, int vm_fd, unsigned int vcpu,
		 unsigned int intid, bool merged),
	TP_ARGS(irq, vm_pid, vm_fd, vcpu, intid, merged),

	TP_STRUCT__entry(
		__field(unsigned int, irq)
		__field(int, vm_pid)
		__field(int, vm_fd)
		__field(unsigned int, vcpu)
		__field(unsigned int, intid)
		__field(bool, merged)
	),
	TP_fast_assign(
		__entry->irq = irq;
		__entry->vm_pid = vm_pid;
		__entry->vm_fd = vm_fd;
		__entry->vcpu = vcpu;
		__entry->intid = intid;
		__entry->merged = merged;
	),
	TP_printk("irq=%u vm=%d-%d vcpu=%u intid=%u merged=%d",
		  __entry->irq, __entry->vm_pid, __entry->vm_fd, __entry->vcpu,
		  __entry->intid, __entry->merged)
);

TRACE_EVENT(kick_held,
	TP_PROTO(int vm_pid, int vm_fd, unsigned int vcpu, unsigned int usecs,
		 unsigned int count),
	TP_ARGS(vm_pid, vm_fd, vcpu, usecs, count),

	TP_STRUCT__entry(
		__field(int, vm_pid)
		__field(int, vm_fd)
		__field(unsigned int, vcpu)
		__field(unsigned int, usecs)
		__field(unsigned int, count)
	),
	TP_fast_assign(
		__entry->vm_pid = vm_pid;
		__entry->vm_fd = vm_fd;
		__entry->vcpu = vcpu;
		__entry->usecs = usecs;
		__entry->count = count;
	),
	TP_printk("vm=%d-%d vcpu=%u usecs=%u count=%u",
		  __entry->vm_pid, __entry->vm_fd, __entry->vcpu,
		  __entry->usecs, __entry->count)
);

TRACE_EVENT(kick_sent,
	TP_PROTO(int vm_pid, int vm_fd, unsigned int vcpu, unsigned int reason,
		 unsigned int count),
	TP_ARGS(vm_pid, vm_fd, vcpu, reason, count),

	TP_STRUCT__entry(
		__field(int, vm_pid)
		__field(int, vm_fd)
		__field(unsigned int, vcpu)
		__field(unsigned int, reason)
		__field(unsigned int, count)
	),
	TP_fast_assign(
		__entry->vm_pid = vm_pid;
		__entry->vm_fd = vm_fd;
		__entry->vcpu = vcpu;
		__entry->reason = reason;
		__entry->count = count;
	),
	TP_printk("vm=%d-%d vcpu=%u reason=%s count=%u",
		  __entry->vm_pid, __entry->vm_fd, __entry->vcpu,
		  /* The numbers are those of Reason in window/word.rs. */
		  __print_symbolic(__entry->reason,
				   { 0, "off" },
				   { 1, "outside" },
				   { 2, "count" },
				   { 3, "time" },
				   { 4, "contention" },
				   { 5, "release" },
				   { 6, "rate" },
				   { 7, "urgent" }),
		  __entry->count)
);

TRACE_EVENT(kick_saved,
	TP_PROTO(int vm_pid, int vm_fd, unsigned int vcpu, unsigned int count),
	TP_ARGS(vm_pid, vm_fd, vcpu, count),

	TP_STRUCT__entry(
		__field(int, vm_pid)
		__field(int, vm_fd)
		__field(unsigned int, vcpu)
		__field(unsigned int, count)
	),
	TP_fast_assign(
		__entry->vm_pid = vm_pid;
		__entry->vm_fd = vm_fd;
		__entry->vcpu = vcpu;
		__entry->count = count;
	),
	TP_printk("vm=%d-%d vcpu=%u count=%u",
		  __entry->vm_pid, __entry->vm_fd, __entry->vcpu,
		  __entry->count)
);

/* In listen.rs: there is a probe in KVM only while this event is on. */
int volley_listeners_came(void);
void volley_listeners_left(void);

TRACE_EVENT_FN(list_registers_loaded,
	TP_PROTO(int vm_pid, int vm_fd, unsigned int vcpu, unsigned int count,
		 unsigned int forwarded, bool waiting, const u32 *intids),
	TP_ARGS(vm_pid, vm_fd, vcpu, count, forwarded, waiting, intids),

	TP_STRUCT__entry(
		__field(int, vm_pid)
		__field(int, vm_fd)
		__field(unsigned int, vcpu)
		__field(unsigned int, count)
		__field(unsigned int, forwarded)
		__field(bool, waiting)
		__array(u32, intids, 16)
	),
	TP_fast_assign(
		__entry->vm_pid = vm_pid;
		__entry->vm_fd = vm_fd;
		__entry->vcpu = vcpu;
		__entry->count = count;
		__entry->forwarded = forwarded;
		__entry->waiting = waiting;
		memcpy(__entry->intids, intids, sizeof(__entry->intids));
	),
	TP_printk("vm=%d-%d vcpu=%u count=%u forwarded=%u waiting=%d intids=%s",
		  __entry->vm_pid, __entry->vm_fd, __entry->vcpu,
		  __entry->count, __entry->forwarded, __entry->waiting,
		  __print_array(__entry->intids, __entry->count, sizeof(u32))),

	volley_listeners_came, volley_listeners_left
);

#endif /* _VOLLEY_TRACE_H */

/* Out of tree, the path is relative to what Kbuild adds with -I for trace.o. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

/* This part must be outside protection */
#include <trace/define_trace.h>
