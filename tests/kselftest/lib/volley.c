// SPDX-License-Identifier: GPL-2.0
/*
 * The module under test: loading it, its files in sysfs, its counters.
 */
#include <sys/stat.h>
#include <sys/utsname.h>

#include <kvm_util.h>

#include "host.h"
#include "volley.h"

/* VOLLEY_KO, or where the module is installed. */
static const char *volley_path(void)
{
	static char path[256];
	struct utsname name;

	if (getenv("VOLLEY_KO"))
		return getenv("VOLLEY_KO");
	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/updates/volley.ko", name.release);
	return host_exists("%s", path) ? path : "/lib/modules/volley.ko";
}

bool volley_present(void)
{
	return host_exists("%s", volley_path());
}

int volley_load(const char *params)
{
	TEST_ASSERT(volley_present(), "no %s (set VOLLEY_KO)", volley_path());
	return host_load_file(volley_path(), params);
}

char *volley_image(size_t *size)
{
	int fd = open(volley_path(), O_RDONLY);
	struct stat st;
	char *image;

	TEST_ASSERT(fd >= 0 && !fstat(fd, &st), "cannot open %s", volley_path());
	*size = st.st_size;
	image = malloc(*size);
	TEST_ASSERT(image && read(fd, image, *size) == (ssize_t)*size, "cannot read %s",
		    volley_path());
	close(fd);
	return image;
}

int volley_unload(void)
{
	return host_unload_module("volley");
}

bool volley_loaded(void)
{
	return host_exists("/sys/module/volley");
}

void volley_reload(const char *params)
{
	int ret;

	if (volley_loaded()) {
		ret = volley_unload();
		TEST_ASSERT(!ret, "cannot unload volley: %s", strerror(-ret));
	}
	ret = volley_load(params);
	TEST_ASSERT(!ret, "cannot load volley %s: %s", params, strerror(-ret));
}

bool volley_is_attached(struct rig *rig, int d)
{
	char vm[32];
	int i;

	for (i = 0; i < rig->dev[d]->vectors; i++)
		if (host_read(vm, sizeof(vm), VOLLEY_SYSFS "/irqs/%d/vm", rig->dev[d]->irq[i]) ||
		    strcmp(vm, rig->id))
			return false;
	return host_exists(VOLLEY_SYSFS "/vms/%s/received", rig->id);
}

bool volley_wait_attached(struct rig *rig, int d)
{
	return host_wait_for(volley_is_attached(rig, d));
}

/* The numbers may be those of another VM's sources by now. */
static bool irqs_gone(const char *id, const int *irq, int nr)
{
	char vm[32];
	int i;

	for (i = 0; i < nr; i++)
		if (host_exists(VOLLEY_SYSFS "/irqs/%d", irq[i]) &&
		    (host_read(vm, sizeof(vm), VOLLEY_SYSFS "/irqs/%d/vm", irq[i]) ||
		     !strcmp(vm, id)))
			return false;
	return true;
}

bool volley_wait_irqs_gone(const char *id, const int *irq, int nr)
{
	return host_wait_for(irqs_gone(id, irq, nr));
}

bool volley_wait_detached(struct rig *rig, int d)
{
	return volley_wait_irqs_gone(rig->id, rig->dev[d]->irq, rig->dev[d]->vectors);
}

void volley_set(struct rig *rig, const char *name, u32 value)
{
	char text[16];
	int ret;

	snprintf(text, sizeof(text), "%u\n", value);
	ret = host_write(text, VOLLEY_SYSFS "/vms/%s/%s", rig->id, name);
	TEST_ASSERT(!ret, "cannot set %s to %u: %s", name, value, strerror(-ret));
}

static const char * const left_files[VOLLEY_LEFT] = {
	"to_host_disabled", "to_host_handler", "to_host_invalid", "to_host_untranslated",
	"to_host_refused",
};

static const char * const sent_files[VOLLEY_SENT] = {
	"kicks_sent_off", "kicks_sent_outside", "kicks_sent_count", "kicks_sent_time",
	"kicks_sent_contention", "kicks_sent_release", "kicks_sent_rate",
	"kicks_sent_urgent",
};

static const char * const saved_files[VOLLEY_SAVED] = {
	"kicks_saved_exit", "kicks_saved_shared", "kicks_saved_awake",
};

/* The least value in a bucket of sizes, and of times. */
static u64 size_of(int bucket)
{
	return 1ULL << bucket;
}

static u64 usecs_of(int bucket)
{
	return bucket ? 1ULL << (bucket - 1) : 0;
}

static void kicks_read(struct volley_kicks *k, const char *directory)
{
	int i;

	k->requests = host_read_u64(VOLLEY_SYSFS "/%s/kick_requests", directory);
	k->sent = host_read_u64(VOLLEY_SYSFS "/%s/kicks_sent", directory);
	k->held = host_read_u64(VOLLEY_SYSFS "/%s/kicks_held", directory);
	k->saved = host_read_u64(VOLLEY_SYSFS "/%s/kicks_saved", directory);
	for (i = 0; i < VOLLEY_SAVED; i++)
		k->kept[i] = host_read_u64(VOLLEY_SYSFS "/%s/%s", directory, saved_files[i]);
	k->volleys = host_read_u64(VOLLEY_SYSFS "/%s/volleys", directory);
	k->volley_irqs = host_read_u64(VOLLEY_SYSFS "/%s/volley_irqs", directory);
	for (i = 0; i < VOLLEY_SIZES; i++)
		k->sizes[i] = host_read_u64(VOLLEY_SYSFS "/%s/volley_sizes/%lu", directory,
					    size_of(i));
	k->windows = host_read_u64(VOLLEY_SYSFS "/%s/windows", directory);
	k->held_usecs_total = host_read_u64(VOLLEY_SYSFS "/%s/held_usecs_total", directory);
	for (i = 0; i < VOLLEY_USECS; i++)
		k->usecs[i] = host_read_u64(VOLLEY_SYSFS "/%s/held_usecs/%lu", directory,
					    usecs_of(i));
}

/* All of these structures are made of counters only. */
static void add(void *to, const void *from, size_t size)
{
	const u64 *f = from;
	u64 *t = to;
	size_t i;

	for (i = 0; i < size / sizeof(u64); i++)
		t[i] += f[i];
}

static void fates_read(struct volley_fates *fates, const char *directory)
{
	int i;

	fates->received = host_read_u64(VOLLEY_SYSFS "/%s/received", directory);
	fates->forwarded = host_read_u64(VOLLEY_SYSFS "/%s/forwarded", directory);
	fates->merged = host_read_u64(VOLLEY_SYSFS "/%s/merged", directory);
	fates->to_host = host_read_u64(VOLLEY_SYSFS "/%s/to_host", directory);
	fates->consumed = host_read_u64(VOLLEY_SYSFS "/%s/consumed", directory);
	fates->deferred = host_read_u64(VOLLEY_SYSFS "/%s/deferred", directory);
	for (i = 0; i < VOLLEY_LEFT; i++)
		fates->left[i] = host_read_u64(VOLLEY_SYSFS "/%s/%s", directory, left_files[i]);
}

static void counts_read(struct rig *rig, struct volley_counts *counts)
{
	struct volley_fates fates;
	char directory[64];
	int i, d;

	memset(counts, 0, sizeof(*counts));
	snprintf(directory, sizeof(directory), "vms/%s", rig->id);
	fates_read(&counts->vm, directory);
	kicks_read(&counts->kicks, directory);
	for (i = 0; i < VOLLEY_SENT; i++)
		counts->sent[i] = host_read_u64(VOLLEY_SYSFS "/%s/%s", directory, sent_files[i]);
	for (i = 0; i < rig->nr_vcpus; i++) {
		snprintf(directory, sizeof(directory), "vms/%s/vcpus/%d", rig->id, i);
		kicks_read(&counts->vcpu[i], directory);
		add(&counts->vcpus, &counts->vcpu[i], sizeof(counts->vcpus));
	}

	for (d = 0; d < GUEST_DEVICES; d++) {
		for (i = 0; rig->dev[d] && i < rig->dev[d]->vectors; i++) {
			snprintf(directory, sizeof(directory), "irqs/%d", rig->dev[d]->irq[i]);
			fates_read(&fates, directory);
			add(&counts->irqs, &fates, sizeof(fates));
			if (d == 0)
				counts->irq[i] = fates;
		}
	}
}

void volley_count(struct rig *rig, struct volley_counts *counts)
{
	u64 end = host_now_ns() + host_timeout_s() * NSEC_PER_SEC;
	struct volley_counts last;

	/*
	 * A held kick settles when its window closes: two readings further
	 * apart than the longest window that agree are final. Unless the CPU
	 * that closes it is late: what it has still to settle does not add up.
	 */
	counts_read(rig, counts);
	do {
		last = *counts;
		host_visit_cpus();
		host_sleep_us(VOLLEY_LONGEST + 2000);
		counts_read(rig, counts);
	} while ((memcmp(&last, counts, sizeof(last)) || !volley_counts_add_up(counts)) &&
		 host_now_ns() < end);
}

void volley_kicks_add(struct volley_kicks *sum, const struct volley_kicks *more)
{
	add(sum, more, sizeof(*sum));
}

void volley_since(struct volley_counts *now, const struct volley_counts *before)
{
	const u64 *b = (const u64 *)before;
	u64 *n = (u64 *)now;
	size_t i;

	for (i = 0; i < sizeof(*now) / sizeof(u64); i++)
		n[i] -= b[i];
}

static u64 sum(const u64 *counts, int nr)
{
	u64 sum = 0;

	while (nr--)
		sum += counts[nr];
	return sum;
}

bool volley_fates_add_up(const struct volley_fates *f)
{
	return f->received == f->forwarded + f->merged + f->to_host + f->consumed + f->deferred &&
	       f->to_host == sum(f->left, VOLLEY_LEFT);
}

/* Whether what is counted by buckets can come to @total, or up to @more beyond that. */
static bool buckets_match(const u64 *buckets, int nr, u64 (*least_of)(int bucket),
			  u64 total, u64 more)
{
	u64 least = 0, most = 0;
	int i;

	for (i = 0; i < nr; i++) {
		least += buckets[i] * least_of(i);
		most += buckets[i] * (least_of(i + 1) - 1);
	}
	/* The last one has no end. */
	return total >= least && (buckets[nr - 1] || total <= most + more);
}

bool volley_kicks_add_up(const struct volley_kicks *k)
{
	return k->requests == k->sent + k->saved && k->held <= k->requests &&
	       k->windows <= k->held &&
	       k->saved == sum(k->kept, VOLLEY_SAVED) &&
	       /* What is not held is kicked for at once; each window may end by an exit. */
	       k->volleys >= k->requests - k->held &&
	       k->volleys <= k->requests - k->held + k->windows &&
	       k->volleys == sum(k->sizes, VOLLEY_SIZES) &&
	       buckets_match(k->sizes, VOLLEY_SIZES, size_of, k->volley_irqs, 0) &&
	       k->windows == sum(k->usecs, VOLLEY_USECS) &&
	       /* A time is rounded down for its bucket, but not before it is added. */
	       buckets_match(k->usecs, VOLLEY_USECS, usecs_of, k->held_usecs_total, k->windows);
}

bool volley_counts_add_up(const struct volley_counts *c)
{
	return volley_fates_add_up(&c->vm) && volley_kicks_add_up(&c->kicks) &&
	       c->kicks.sent == sum(c->sent, VOLLEY_SENT) &&
	       !memcmp(&c->kicks, &c->vcpus, sizeof(c->kicks));
}
