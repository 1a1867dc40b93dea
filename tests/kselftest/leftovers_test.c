// SPDX-License-Identifier: GPL-2.0
/*
 * What the module shows, and to whom, and what is left of it when it has gone:
 * no file that anybody but root can change, no address of the kernel's, nothing.
 */
#include <ctype.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "files.h"
#include "load.h"
#include "suite.h"
#include "trace.h"

#define VECTORS		8
#define DEBUGFS		"/sys/kernel/debug/volley"
#define EVENTS		"/sys/kernel/tracing/events/volley"
#define MODULE		"/sys/module/volley"
#define INSTANCE	"/sys/kernel/tracing/instances/volley"

/* Lines of text. */
struct lines {
	char **line;
	int nr;
};

__printf(2, 3)
static void lines_add(struct lines *lines, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!(lines->nr & (lines->nr - 1)))
		lines->line = realloc(lines->line,
				      2 * (lines->nr ?: 1) * sizeof(*lines->line));
	TEST_ASSERT(lines->line, "no memory");
	lines->line[lines->nr++] = strdup(text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char **)a, *(char **)b);
}

static void lines_sort(struct lines *lines)
{
	qsort(lines->line, lines->nr, sizeof(*lines->line), by_text);
}

static void lines_free(struct lines *lines)
{
	while (lines->nr)
		free(lines->line[--lines->nr]);
	free(lines->line);
	lines->line = NULL;
}

/* How much one has that the other has not, which is printed; both are sorted. */
static int lines_differ(const struct lines *before, const struct lines *after, bool print)
{
	int b = 0, a = 0, order, differ = 0;

	while (b < before->nr || a < after->nr) {
		order = b == before->nr ? 1 : a == after->nr ? -1 :
			strcmp(before->line[b], after->line[a]);
		if (order && differ++ < 20 && print)
			ksft_print_msg("%s: %s\n", order < 0 ? "has gone" : "is left",
				       order < 0 ? before->line[b] : after->line[a]);
		b += order <= 0;
		a += order >= 0;
	}
	return differ;
}

/* All names below @path, which may have gone when they are come to. */
static void add_names(struct lines *lines, const char *path)
{
	struct dirent *entry;
	char below[512];
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		lines_add(lines, "%s", below);
		if (entry->d_type == DT_DIR)
			add_names(lines, below);
	}
	closedir(dir);
}

/* The lines of a file, or those with @what in them. A debug kernel lacks some files. */
static void add_lines(struct lines *lines, const char *path, const char *what)
{
	char *line = NULL;
	size_t size = 0;
	FILE *fp;

	fp = fopen(path, "r");
	if (!fp)
		return;
	while (getline(&line, &size, fp) > 0)
		if (!what || strstr(line, what))
			lines_add(lines, "%s: %.500s", path, line);
	free(line);
	fclose(fp);
}

/* /proc/interrupts without the counts. */
static void add_interrupts(struct lines *lines)
{
	char *line = NULL, *name;
	size_t size = 0;
	FILE *fp;

	fp = fopen("/proc/interrupts", "r");
	TEST_ASSERT(fp, "cannot read /proc/interrupts");
	while (getline(&line, &size, fp) > 0) {
		name = strpbrk(line, "GIh");	/* GICv3, ITS, IPI, hyp: what is behind them */
		lines_add(lines, "/proc/interrupts: %.20s %s", strtok(line, ":"), name ?: "");
	}
	free(line);
	fclose(fp);
}

/* All the places where something of the module might stay. */
static void look(struct lines *lines)
{
	add_names(lines, "/sys/kernel/volley");
	add_names(lines, "/sys/kernel/debug");
	add_names(lines, "/sys/kernel/tracing/events");
	add_names(lines, "/sys/kernel/tracing/instances");
	add_names(lines, "/sys/kernel/slab");
	add_names(lines, "/sys/kernel/irq");
	add_names(lines, "/sys/module");
	add_lines(lines, "/proc/modules", "volley");
	add_lines(lines, "/proc/kallsyms", "volley");
	add_lines(lines, "/proc/timer_list", "volley");
	add_lines(lines, "/proc/vmallocinfo", "volley");
	add_lines(lines, "/sys/kernel/debug/kprobes/list", NULL);
	add_lines(lines, "/sys/kernel/debug/dynamic_debug/control", "volley");
	add_lines(lines, "/sys/kernel/tracing/enabled_functions", NULL);
	add_lines(lines, "/sys/kernel/tracing/available_events", NULL);
	add_lines(lines, "/sys/kernel/tracing/printk_formats", "volley");
	add_lines(lines, "/sys/kernel/tracing/set_event", NULL);
	add_interrupts(lines);
	lines_sort(lines);
}

/* A VM, and everything of ours that can be turned on. */
static void use(bool volley)
{
	struct rig *rig = setup_usual_rig(volley ? "max_usecs=500" : NULL, VECTORS);
	char text[4096];
	int i;

	if (volley)
		trace_start();
	for (i = 0; i < host_rounds(20); i++) {
		rig_raise(rig, 0, ALL(VECTORS));
		TEST_ASSERT(!rig_wait(rig, 0, ALL(VECTORS)), "lost");
	}
	if (volley) {
		TEST_ASSERT(!host_read(text, sizeof(text), DEBUGFS "/state"), "no state");
		trace_stop();
	}
	TEST_ASSERT(teardown_rig(rig), "the kernel has complained");
}

FIXTURE(leftovers)
{
};

FIXTURE_SETUP(leftovers)
{
	host_log_mark();
	if (volley_loaded())
		ASSERT_EQ(0, volley_unload());
}

FIXTURE_TEARDOWN(leftovers)
{
	if (volley_loaded())
		EXPECT_EQ(0, volley_unload());
	EXPECT_FALSE(host_log_bad());
}

TEST_F_TIMEOUT(leftovers, none_when_it_has_gone, 600)
{
	struct lines before = {}, after = {};

	/* What a VM brings with it, and what the first user of a file in tracefs does. */
	use(false);
	look(&before);
	EXPECT_LT(500, before.nr);

	/* What is looked for is there while the module is. */
	ASSERT_EQ(0, volley_load(""));
	look(&after);
	EXPECT_LT(100, lines_differ(&before, &after, false));
	lines_free(&after);
	ASSERT_EQ(0, volley_unload());
	look(&after);
	EXPECT_EQ(0, lines_differ(&before, &after, true));
	lines_free(&after);

	use(true);
	look(&after);
	EXPECT_EQ(0, lines_differ(&before, &after, true));
	lines_free(&before);
	lines_free(&after);
}

/*
 * Whether a text has what may be an address: as a number, or as the kernel prints
 * what it hides, which is of no use to anybody.
 */
static bool has_address(const char *text)
{
	const char *at, *end;
	bool letters;

	for (at = text; *at; at = end + !!*end) {
		letters = false;
		for (end = at; isxdigit(*end); end++)
			letters |= isalpha(*end);
		if (end - at >= 20 || (end - at >= 12 && letters) ||
		    (end - at >= 16 && at[-1] == 'x') || (end - at >= 8 && !strncmp(at, "ffff", 4)))
			return true;
	}
	return strstr(text, "(ptrval)") || strstr(text, "(____ptrval____)");
}

static int addresses(const char *path)
{
	char *line = NULL;
	size_t size = 0;
	int found = 0;
	FILE *fp;

	fp = fopen(path, "r");
	TEST_ASSERT(fp, "cannot read %s: %s", path, strerror(errno));
	while (getline(&line, &size, fp) > 0) {
		if (!has_address(line))
			continue;
		ksft_print_msg("%s: %s", path, line);
		found++;
	}
	free(line);
	fclose(fp);
	return found;
}

/* What is known of files that are ours. */
struct seen {
	int files, addresses, others;
	uid_t nobody;
};

static void look_for_addresses(void *data, const char *path, mode_t mode)
{
	struct seen *seen = data;

	seen->files++;
	if (mode & 0444)
		seen->addresses += addresses(path);
}

/* Calls @visit for all files that are ours, and below /sys/module those that are as well. */
static void our_files(file_visit visit, void *data)
{
	files_walk(visit, data);
	files_walk_below(DEBUGFS, visit, data);
	files_walk_below(EVENTS, visit, data);
	files_walk_below(MODULE "/parameters", visit, data);
	files_walk_below(MODULE "/holders", visit, data);
}

TEST_F_TIMEOUT(leftovers, no_addresses, 600)
{
	struct rig *rig = setup_usual_rig("max_usecs=500 max_irqs=4", VECTORS);
	struct seen seen = {};
	char text[8192];
	ssize_t len;
	int kmsg, i;

	/* Whatever the kernel hides from others it shows to root. */
	host_write("0", "/proc/sys/kernel/kptr_restrict");
	EXPECT_TRUE(has_address("at ffff800081234567 there"));
	EXPECT_TRUE(has_address("0x0000000012345678"));
	EXPECT_TRUE(has_address("=18446603336221196288\n"));
	EXPECT_FALSE(has_address("vm=133-9 enabled=1 left_ns=3565514 1785123456789"));

	trace_start();
	for (i = 0; i < host_rounds(20); i++) {
		rig_raise_spaced(rig, 0, ALL(VECTORS), i % 2 * 50);
		ASSERT_EQ(0, rig_wait(rig, 0, ALL(VECTORS)));
	}
	rig_disconnect(rig, 0);
	ASSERT_TRUE(volley_wait_detached(rig, 0));
	rig_connect(rig, 0, rig->dev[0]);
	ASSERT_TRUE(volley_wait_attached(rig, 0));
	EXPECT_EQ(0, addresses(INSTANCE "/trace"));
	our_files(look_for_addresses, &seen);
	EXPECT_EQ(0, seen.addresses);
	EXPECT_LT(200, seen.files);
	trace_stop();
	ASSERT_TRUE(teardown_rig(rig));
	EXPECT_NE(0, volley_load("max_usecs=10001"));

	/* All that the module has said since the machine was booted. */
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	ASSERT_LE(0, kmsg);
	i = 0;
	while ((len = read(kmsg, text, sizeof(text) - 1)) > 0 || errno == EPIPE) {
		text[len > 0 ? len : 0] = '\0';
		/* What the kernel says of a parameter has what was given. */
		if (!strstr(text, ";volley: ") || strstr(text, " invalid for parameter "))
			continue;
		i++;
		EXPECT_FALSE(has_address(strchr(text, ';')))
			TH_LOG("%s", text);
	}
	close(kmsg);
	EXPECT_LT(0, i);
}

/* No field of an event is a pointer, for what is not printed can be read as well. */
static void look_at_fields(void *data, const char *path, mode_t mode)
{
	struct seen *seen = data;
	char *line = NULL;
	size_t size = 0;
	FILE *fp;

	if (strcmp(file_name(path), "format"))
		return;
	fp = fopen(path, "r");
	TEST_ASSERT(fp, "cannot read %s", path);
	while (getline(&line, &size, fp) > 0) {
		if (!strstr(line, "\tfield:"))
			continue;
		seen->files++;
		if (!strchr(line, '*') && !strstr(line, "ptr"))
			continue;
		ksft_print_msg("%s: %s", path, line);
		seen->addresses++;
	}
	free(line);
	fclose(fp);
}

TEST_F(leftovers, no_pointers_in_events)
{
	struct seen seen = {};

	ASSERT_EQ(0, volley_load(""));
	files_walk_below(EVENTS, look_at_fields, &seen);
	EXPECT_LT(50, seen.files);
	EXPECT_EQ(0, seen.addresses);
}

/* Whether anybody but root may change it, by what it says and by trying. */
static void try_to_change(void *data, const char *path, mode_t mode)
{
	struct seen *seen = data;
	struct stat st;
	int fd;

	seen->files++;
	if (mode & 022) {
		seen->others++;
		ksft_print_msg("%s: mode %o\n", path, mode & 07777);
	}
	fd = open(path, O_WRONLY);
	if (fd >= 0 || errno != EACCES) {
		seen->others++;
		ksft_print_msg("%s: can be written\n", path);
		close(fd);
	}
	if (!stat(path, &st) && (st.st_uid || st.st_gid)) {
		seen->others++;
		ksft_print_msg("%s: is not root's\n", path);
	}
}

TEST_F_TIMEOUT(leftovers, only_root_changes, 300)
{
	struct rig *rig = setup_usual_rig("", VECTORS);
	struct seen seen = {};
	int status;
	pid_t pid;

	/* So that they can be got at, were it not for themselves. */
	ASSERT_EQ(0, chmod("/sys/kernel/debug", 0755));
	ASSERT_EQ(0, chmod("/sys/kernel/tracing", 0755));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		our_files(try_to_change, &seen);
		files_walk_below(MODULE, try_to_change, &seen);
		_exit(seen.files < 300 ? 2 : seen.others ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	/* Nor can anybody else load it, or take it away. */
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		_exit(volley_unload() != -EPERM ? 2 : volley_load("") != -EPERM ? 3 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	chmod("/sys/kernel/debug", 0700);
	chmod("/sys/kernel/tracing", 0700);
	EXPECT_TRUE(teardown_rig(rig));
}

TEST_HARNESS_MAIN
