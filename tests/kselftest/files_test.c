// SPDX-License-Identifier: GPL-2.0
/*
 * All files at once: several write whatever there is, good and bad, and read
 * it, while VMs come and go and interrupts flow.
 *
 *   VOLLEY_SEED	what the input is made from (default 1)
 *   VOLLEY_SECONDS	for how long (default 20)
 */
#include <stdarg.h>
#include <sys/wait.h>

#include "files.h"
#include "load.h"
#include "suite.h"

#define VECTORS		4
#define WRITERS		2
#define READERS		2
#define OPEN_FILES	800

FIXTURE(files)
{
	struct rig *rig[2];
	u64 seed, seconds;
	struct seeded seeded;
};

/* A VM with the @i-th device. */
static struct rig *make_vm(int i)
{
	return setup_vm(i, VECTORS, i ? CPU_IRQ : CPU_VCPU, i ? GUEST_WFI : GUEST_SPIN);
}

FIXTURE_SETUP(files)
{
	int i;

	ASSERT_LE(2, device_count());
	self->seed = host_setting("VOLLEY_SEED", 1);
	self->seconds = host_setting("VOLLEY_SECONDS", 20);
	seeded_start(&self->seeded, self->seed, 0);
	host_log_mark();
	pin_self_to_cpu(CPU_MAIN);
	volley_reload("");
	for (i = 0; i < 2; i++) {
		self->rig[i] = make_vm(i);
		ASSERT_TRUE(volley_wait_attached(self->rig[i], 0));
	}
}

FIXTURE_TEARDOWN(files)
{
	if (self->rig[1])
		rig_free(self->rig[1]);
	EXPECT_TRUE(teardown_rig(self->rig[0]));
}

/* One of the threads that are at the files. */
struct worker {
	pthread_t thread;
	int number, cpu;
	struct seeded seeded;
	struct input input;
	u64 good, bad, gone, reads, checked, others;
	struct open_file {
		char path[160], last[FILE_VALUE];
		int fd;
	} *files;
	int nr_files;
};

static bool stop;
/* Everybody writes to all files, which the same thread writes to in the first half. */
static bool shared;
static int complaints;

__printf(1, 2)
static void complain(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (__atomic_fetch_add(&complaints, 1, __ATOMIC_SEQ_CST) < 10)
		ksft_print_msg("%s\n", text);
}

/* The first bytes of it. */
static const char *shown(const struct input *input)
{
	static __thread char text[80];
	int i, len;

	len = sprintf(text, "%zu bytes:", input->len);
	for (i = 0; i < min_t(size_t, input->len, 16); i++)
		len += sprintf(text + len, " %02x", (unsigned char)input->bytes[i]);
	return text;
}

static bool is_gone(int error)
{
	return error == -ENODEV || error == -ENOENT;
}

/* One thread, or with the highest number none, is the only one to write the file at first. */
static int owner(const char *path)
{
	u32 hash = 0;

	while (*path)
		hash = hash * 31 + *path++;
	return hash % (WRITERS + 1);
}

/*
 * Writes once, reads before and after, and looks whether that is as it has to be. False if the file
 * is gone.
 */
static bool write_once(struct worker *worker, const char *path, int fd)
{
	const struct setting *setting = setting_find(file_name(path));
	char before[FILE_VALUE], after[FILE_VALUE], value[FILE_VALUE] = "";
	struct input *input = &worker->input;
	int error, due;

	setting_input(setting, &worker->seeded, input);
	due = setting_judge(setting, input, value);
	error = file_read(fd, before) ?: file_write(fd, input);
	if (error == -ENODEV)
		return false;
	/* Nothing at all does not get as far as Volley. */
	if (!input->len && !error)
		error = due;
	if (error != due)
		complain("%s: %s, not %s: %s", path, strerror(-error), strerror(-due),
			 shown(input));
	if (due)
		worker->bad++;
	else
		worker->good++;

	/* Who is alone with it finds what it wrote, or what was there before. */
	if (owner(path) == worker->number && !file_read(fd, after) && !told(&shared)) {
		worker->checked++;
		if (strcmp(after, due ? before : value))
			complain("%s: %s became %s: %s", path, before, after, shown(input));
	}
	worker->others += owner(path) != worker->number && owner(path) != WRITERS;
	return true;
}

static void write_one(void *data, const char *path, mode_t mode)
{
	const struct setting *setting;
	struct worker *worker = data;
	int fd, i;

	if (!(mode & 0222))
		return;
	if (owner(path) != worker->number && owner(path) != WRITERS && !told(&shared))
		return;
	fd = open(path, O_RDWR);
	if (fd < 0) {
		if (!is_gone(-errno))
			complain("%s: open: %s", path, strerror(errno));
		return;
	}
	/* A handler that nobody has chosen depends on what others write to the VM's enabled. */
	setting = setting_find(file_name(path));
	if (!setting->number && write(fd, setting->good[0], strlen(setting->good[0])) < 0)
		worker->gone++;
	for (i = 0; i < 5 && !told(&stop); i++) {
		if (!write_once(worker, path, fd)) {
			worker->gone++;
			break;
		}
	}
	close(fd);
}

static void *write_all(void *data)
{
	struct worker *worker = data;

	pin_self_to_cpu(worker->cpu);
	while (!told(&stop))
		files_walk(write_one, worker);
	return NULL;
}

/* Numbers that may become smaller. */
static bool is_counter(const char *path, mode_t mode)
{
	static const char * const others[] = { "vcpu", "intid", "list_registers" };
	int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(file_name(path), others[i]))
			return false;
	return !(mode & 0222);
}

/* The file as it was opened when it was first seen; a file of that name may be another later. */
static struct open_file *find_open(struct worker *worker, const char *path)
{
	struct open_file *file = worker->files;

	for (; file < worker->files + worker->nr_files; file++)
		if (!strcmp(file->path, path))
			return file;
	if (worker->nr_files == OPEN_FILES)
		return NULL;
	file->fd = open(path, O_RDONLY);
	if (file->fd < 0) {
		if (!is_gone(-errno))
			complain("%s: open: %s", path, strerror(errno));
		return NULL;
	}
	snprintf(file->path, sizeof(file->path), "%s", path);
	file->last[0] = '\0';
	worker->nr_files++;
	return file;
}

static void forget(struct worker *worker, struct open_file *file)
{
	close(file->fd);
	*file = worker->files[--worker->nr_files];
}

static void read_one(void *data, const char *path, mode_t mode)
{
	const struct setting *setting = setting_find(file_name(path));
	struct worker *worker = data;
	struct open_file *file;
	char value[FILE_VALUE];
	u64 now, last;
	char *end;
	int error;

	file = find_open(worker, path);
	if (!file)
		return;
	error = file_read(file->fd, value);
	if (error == -ENODEV) {
		worker->gone++;
		forget(worker, file);
		return;
	}
	if (error) {
		complain("%s: read: %s", path, strerror(-error));
		return;
	}
	worker->reads++;
	if (mode & 0222) {
		if (!setting_may_be(setting, value))
			complain("%s: nobody has written %s", path, value);
		return;
	}
	now = strtoull(value, &end, 10);
	last = strtoull(file->last, NULL, 10);
	if (is_counter(path, mode) && !*end && *file->last) {
		worker->checked++;
		if (now < last)
			complain("%s: %lu became %lu", path, last, now);
	}
	snprintf(file->last, sizeof(file->last), "%s", value);
}

static void *read_all(void *data)
{
	struct worker *worker = data;
	int i;

	pin_self_to_cpu(worker->cpu);
	worker->files = calloc(OPEN_FILES, sizeof(*worker->files));
	TEST_ASSERT(worker->files, "no memory");
	while (!told(&stop)) {
		files_walk(read_one, worker);
		/* Those of VMs that are gone. */
		for (i = worker->nr_files - 1; i >= 0; i--)
			if (access(worker->files[i].path, F_OK))
				forget(worker, &worker->files[i]);
	}
	while (worker->nr_files)
		forget(worker, &worker->files[0]);
	free(worker->files);
	return NULL;
}

/* The second VM's device, or all of it, goes and comes. */
static struct rig *come_and_go(struct rig *rig, bool all)
{
	char id[32];

	snprintf(id, sizeof(id), "%s", rig->id);
	if (!all) {
		rig_disconnect(rig, 0);
		rig_connect(rig, 0, rig->dev[0]);
	} else {
		rig_free(rig);
		HOST_WAIT_FOR(!host_exists(KVM_DEBUGFS "/%s", id), "KVM's VM stays behind");
		rig = make_vm(1);
	}
	rig_raise(rig, 0, ALL(VECTORS));
	if (rig_wait(rig, 0, ALL(VECTORS)))
		complain("interrupts lost: %x", rig_missing(rig, 0, ALL(VECTORS)));
	return rig;
}

/*
 * Whether each of them has checked something, and one has met a file that went; on
 * a slow host that is rare.
 */
static bool met_all(const struct worker *workers, int nr)
{
	bool gone = false;

	while (nr--) {
		if (!READ_ONCE(workers[nr].checked))
			return false;
		gone |= READ_ONCE(workers[nr].gone);
	}
	return gone;
}

/* Whether each has written to a file that was another's at first. */
static bool wrote_others(const struct worker *writers)
{
	int i;

	for (i = 0; i < WRITERS; i++)
		if (!READ_ONCE(writers[i].others))
			return false;
	return true;
}

/* By hand it may go on for a day. */
TEST_F_TIMEOUT(files, everything_at_once, 24 * 60 * 60)
{
	struct worker workers[WRITERS + READERS] = {}, sum = {};
	struct load load = {
		.rig = self->rig[0],
		.mask = ALL(VECTORS),
		.cpu = CPU_MAIN,
	};
	struct volley_counts counts;
	u64 half, end;
	int i, rounds;

	ksft_print_msg("VOLLEY_SEED=%lu VOLLEY_SECONDS=%lu\n", self->seed, self->seconds);
	ASSERT_TRUE(settings_learn(&self->seeded));

	load_start(&load);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		workers[i].number = i;
		workers[i].cpu = i % 2 ? CPU_IRQ : CPU_OTHER;
		seeded_start(&workers[i].seeded, self->seed, i + 1);
		kvm_pthread_create(&workers[i].thread, NULL,
				   i < WRITERS ? write_all : read_all, &workers[i]);
	}
	half = host_now_ns() + self->seconds * NSEC_PER_SEC / 2;
	end = host_now_ns() + self->seconds * NSEC_PER_SEC;
	for (rounds = 0; rounds < 4 || host_now_ns() < end ||
	     (rounds < 100 && !wrote_others(workers)); rounds++) {
		self->rig[1] = come_and_go(self->rig[1], rounds % 4 == 3);
		load_wait(&load, 1);
		if (host_now_ns() > half && met_all(workers, ARRAY_SIZE(workers)))
			tell(&shared, true);
	}
	tell(&stop, true);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		kvm_pthread_join(workers[i].thread, NULL);
		sum.good += workers[i].good;
		sum.bad += workers[i].bad;
		sum.gone += workers[i].gone;
		sum.reads += workers[i].reads;
		EXPECT_LT(0, workers[i].checked);
	}
	EXPECT_TRUE(wrote_others(workers));
	EXPECT_TRUE(load_stop(&load));
	ksft_print_msg("%d times gone and come, %lu bursts, %lu good writes and %lu bad, %lu reads, %lu of a file that went\n",
		       rounds, load.bursts, sum.good, sum.bad, sum.reads, sum.gone);
	EXPECT_EQ(0, complaints);
	EXPECT_LT(0, sum.good);
	EXPECT_LT(0, sum.bad);
	EXPECT_LT(0, sum.reads);
	EXPECT_LT(0, sum.gone);

	volley_count(self->rig[0], &counts);
	EXPECT_TRUE(volley_counts_add_up(&counts));
}

/* How many of the files somebody can write who is not root, and how many cannot read. */
struct access_counts {
	int files, writable, unreadable;
};

static void try_access(void *data, const char *path, mode_t mode)
{
	struct access_counts *counts = data;
	int fd;

	counts->files++;
	fd = open(path, O_WRONLY);
	if (fd >= 0 || errno != EACCES) {
		counts->writable++;
		ksft_print_msg("%s: can be written\n", path);
	}
	close(fd);
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		counts->unreadable++;
		ksft_print_msg("%s: cannot be read\n", path);
	}
	close(fd);
}

TEST_F(files, only_root_writes)
{
	struct access_counts counts = {};
	int status;
	pid_t pid;

	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(1);
		files_walk(try_access, &counts);
		_exit(!counts.files ? 2 : counts.writable ? 3 : counts.unreadable ? 4 : 0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
