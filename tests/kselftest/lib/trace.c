// SPDX-License-Identifier: GPL-2.0
/*
 * Volley's trace events, recorded in an instance of tracefs of their own.
 */
#include <sys/stat.h>

#include <kvm_util.h>

#include "host.h"
#include "trace.h"

#define INSTANCE	"/sys/kernel/tracing/instances/volley"

static void must_write(const char *text, const char *file)
{
	int ret = host_write(text, INSTANCE "/%s", file);

	TEST_ASSERT(!ret, "cannot write %s: %s", file, strerror(-ret));
}

/* Opening it to write is what empties it. */
static void trace_clear(void)
{
	int fd = open(INSTANCE "/trace", O_WRONLY | O_TRUNC);

	TEST_ASSERT(fd >= 0, "cannot clear the trace");
	close(fd);
}

void trace_start(void)
{
	TEST_ASSERT(!mkdir(INSTANCE, 0700) || errno == EEXIST,
		    "cannot make " INSTANCE " (is tracefs mounted?)");
	must_write("8192", "buffer_size_kb");
	trace_clear();
	must_write("1", "events/volley/enable");
	must_write("1", "tracing_on");
}

void trace_stop(void)
{
	host_write("0", INSTANCE "/events/volley/enable");
	rmdir(INSTANCE);
}

void trace_enable(const char *event, bool on)
{
	char file[64];

	snprintf(file, sizeof(file), "events/volley/%s/enable", event);
	must_write(on ? "1" : "0", file);
}

/* "{0x2000,0x2001}" */
static void parse_intids(struct trace_event *event, const char *val)
{
	const char *at = val;
	char *end;

	TEST_ASSERT(*at == '{', "%s: no array: '%s'", event->name, val);
	while (*at != '}' && at[1] != '}') {
		TEST_ASSERT(event->nr_intids < TRACE_INTIDS, "too many: '%s'", val);
		event->intids[event->nr_intids++] = strtoul(++at, &end, 16);
		TEST_ASSERT(end != at && (*end == ',' || *end == '}'),
			    "%s: no array: '%s'", event->name, val);
		at = end;
	}
}

static void parse_field(struct trace_event *event, char *field)
{
	static const struct {
		const char *name;
		size_t offset;
	} numbers[] = {
#define NUMBER(name)	{ #name, offsetof(struct trace_event, name) }
		NUMBER(irq), NUMBER(hwirq), NUMBER(position), NUMBER(gsi), NUMBER(vcpu),
		NUMBER(intid), NUMBER(merged), NUMBER(usecs), NUMBER(count),
		NUMBER(forwarded), NUMBER(waiting),
	};
	char *val = strchr(field, '='), *end;
	int i;

	TEST_ASSERT(val, "%s: not a field: '%s'", event->name, field);
	*val++ = '\0';
	if (!strcmp(field, "vm")) {
		snprintf(event->vm, sizeof(event->vm), "%s", val);
		return;
	}
	if (!strcmp(field, "reason")) {
		snprintf(event->reason, sizeof(event->reason), "%s", val);
		return;
	}
	if (!strcmp(field, "intids")) {
		parse_intids(event, val);
		return;
	}
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (strcmp(field, numbers[i].name))
			continue;
		*(s64 *)((char *)event + numbers[i].offset) = strtoll(val, &end, 10);
		TEST_ASSERT(end != val && !*end, "%s: %s is no number: '%s'",
			    event->name, field, val);
		return;
	}
	TEST_FAIL("%s: unknown field '%s'", event->name, field);
}

/* A line is "task-pid [cpu] flags time: event: field=value field=value". */
static void parse_line(struct trace *trace, char *line)
{
	struct trace_event event = {
		.irq = -1, .hwirq = -1, .position = -1, .gsi = -1, .vcpu = -1,
		.intid = -1, .merged = -1, .usecs = -1, .count = -1,
		.forwarded = -1, .waiting = -1,
	};
	char *cpu = strstr(line, " ["), *at, *field, *save;

	if (line[0] == '#' || !cpu)
		return;
	event.cpu = atoi(cpu + 2);
	at = strstr(cpu, ": ");
	TEST_ASSERT(at, "unexpected line in the trace: %s", line);
	field = strtok_r(at + 2, ": \n", &save);
	TEST_ASSERT(field, "unexpected line in the trace: %s", line);
	snprintf(event.name, sizeof(event.name), "%s", field);
	while ((field = strtok_r(NULL, ": \n", &save)))
		parse_field(&event, field);

	trace->events = realloc(trace->events, (trace->nr + 1) * sizeof(event));
	TEST_ASSERT(trace->events, "no memory");
	trace->events[trace->nr++] = event;
}

void trace_read(struct trace *trace)
{
	FILE *fp = fopen(INSTANCE "/trace", "r");
	char *line = NULL;
	size_t size = 0;

	TEST_ASSERT(fp, "cannot read the trace");
	memset(trace, 0, sizeof(*trace));
	while (getline(&line, &size, fp) > 0) {
		TEST_ASSERT(!strstr(line, "LOST"), "events were lost: %s", line);
		parse_line(trace, line);
	}
	free(line);
	fclose(fp);
	trace_clear();
}

void trace_free(struct trace *trace)
{
	free(trace->events);
	memset(trace, 0, sizeof(*trace));
}

const struct trace_event *trace_next(const struct trace *trace, const char *name,
				     const struct trace_event *from)
{
	const struct trace_event *e = from ? from + 1 : trace->events;

	for (; e < trace->events + trace->nr; e++)
		if (!strcmp(e->name, name))
			return e;
	return NULL;
}

int trace_count(const struct trace *trace, const char *name)
{
	const struct trace_event *e;
	int count = 0;

	trace_for_each(e, trace, name)
		count++;
	return count;
}
