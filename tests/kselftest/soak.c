// SPDX-License-Identifier: GPL-2.0
/*
 * A long run: all storms, several at once where they do not get in each other's
 * way, with interrupts flowing all the while.
 *
 * It goes in laps. In each, threads pick storms at random and go through a few
 * rounds of them. Then all stop, and it is looked whether everything that was
 * sent has been delivered, the counters add up, and memory has not grown. Each
 * lap prints a line. The seed decides what each thread does, and in which order;
 * which thread comes first is not in it.
 *
 *   VOLLEY_SEED	default 1
 *   VOLLEY_SECONDS	for how long (default 30), but for five laps at least
 *   VOLLEY_LAP		seconds in a lap (default 5)
 *   VOLLEY_STORMS	only these, separated by blanks
 */
#include "kselftest.h"

#include "memory.h"
#include "storms/storm.h"
#include "volley.h"

#define THREADS		4
#define PARAMS		"max_usecs=10000 max_irqs=1024"
#define MAX_STORMS	64
/* Rounds of one go, of a storm that is not slow. */
#define ROUNDS		20
/* As many storms that were gone through last are told if it ends badly. */
#define LAST		16
/* As many laps have to pass before memory is compared with: caches fill up. */
#define WARM_LAPS	2
/* So often it may have grown by an object for every other round. */
#define MAY_GROW	3

struct worker {
	pthread_t thread;
	int number;
	u64 goes;		/* how many storms it has gone through */
	struct seeded seeded;
};

struct total {
	u64 rounds[MAX_STORMS], sum;
};

static struct scene scene;
static u64 seed;
static struct worker workers[THREADS];
static bool stop, failed, well;
static u64 lap_end;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
/* Under the lock. */
static const struct storm *going_on[THREADS];
static struct total total;
static struct {
	const struct storm *storm;
	int thread;
	u64 rounds;
} gone_through[LAST];
static u64 nr_gone_through;

/* Whether it is among those that were asked for. */
static bool is_chosen(const struct storm *storm)
{
	const char *names = getenv("VOLLEY_STORMS"), *at = names;
	size_t len = strlen(storm->name);

	if (!storm_possible(storm))
		return false;
	if (!names || !*names)
		return true;
	while ((at = strstr(at, storm->name))) {
		if ((at == names || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}

/* Whether there are any, that is. */
static bool check_names(void)
{
	int i;

	for (i = 0; i < nr_storms; i++)
		if (is_chosen(&storms[i]))
			return true;
	ksft_print_msg("VOLLEY_STORMS names none\n");
	return false;
}

/* Under the lock. */
static bool may_begin(const struct storm *storm)
{
	int i;

	for (i = 0; i < THREADS; i++)
		if (going_on[i] && !storms_agree(going_on[i], storm))
			return false;
	return true;
}

static bool time_is_over(void)
{
	return told(&stop) || host_now_ns() > lap_end;
}

/* Picks a storm, waits until none is in its way, and goes through it. */
static void go_through_one(struct worker *worker)
{
	const struct storm *storm;
	struct seeded seeded;
	u64 i, nr;

	do {
		storm = &storms[seeded_below(&worker->seeded, nr_storms)];
	} while (!is_chosen(storm));
	/* What is done does not depend on when others were cut short. */
	seeded_start(&seeded, seed, THREADS + worker->number + THREADS * worker->goes++);

	pthread_mutex_lock(&lock);
	while (!may_begin(storm))
		pthread_cond_wait(&ended, &lock);
	going_on[worker->number] = storm;
	pthread_mutex_unlock(&lock);

	nr = storm_rounds(storm, ROUNDS);
	for (i = 0; i < nr && !(i && time_is_over()); i++) {
		if (!storm->round(&scene, &seeded)) {
			ksft_print_msg("in storm %s, the %lu. of thread %d\n", storm->name,
				       worker->goes, worker->number);
			tell(&failed, true);
			tell(&stop, true);
		}
	}

	pthread_mutex_lock(&lock);
	total.rounds[storm - storms] += i;
	total.sum += i;
	gone_through[nr_gone_through++ % LAST] = (typeof(*gone_through)) {
		.storm = storm, .thread = worker->number, .rounds = i
	};
	going_on[worker->number] = NULL;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

static void *work(void *data)
{
	struct worker *worker = data;
	cpu_set_t all;
	int cpu;

	/* Wherever there is room: a CPU that is offline does not count. */
	CPU_ZERO(&all);
	for (cpu = 0; cpu <= CPU_OTHER; cpu++)
		CPU_SET(cpu, &all);
	kvm_pthread_setaffinity(pthread_self(), &all);
	while (!time_is_over())
		go_through_one(worker);
	return NULL;
}

/* All threads for some time; false if something was wrong. */
static bool lap(u64 seconds)
{
	bool good;
	int i;

	lap_end = host_now_ns() + seconds * NSEC_PER_SEC;
	scene_go_on(&scene);
	for (i = 0; i < THREADS; i++)
		kvm_pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	for (i = 0; i < THREADS; i++)
		kvm_pthread_join(workers[i].thread, NULL);
	good = scene_check(&scene);
	/* Each has its files, and so memory. */
	return good && !failed && scene_all_vectors(&scene);
}

/* The least rounds that any storm has gone through since @before. */
static u64 least_rounds(const struct total *before)
{
	u64 least = ~0ULL;
	int i;

	for (i = 0; i < nr_storms; i++)
		if (is_chosen(&storms[i]))
			least = min(least, total.rounds[i] - before->rounds[i]);
	return least;
}

static void print_lap(u64 begun, const struct memory *memory)
{
	u64 objects = 0;
	int i;

	for (i = 0; i < memory->nr_caches; i++)
		objects += memory->cache[i].objects;
	ksft_print_msg("%5lu s: %7lu rounds; %9lu interrupts sent; %lu objects, vmalloc %lu kB, percpu %lu kB\n",
		       (host_now_ns() - begun) / NSEC_PER_SEC, total.sum,
		       rig_sum(scene.rig->sent[0]), objects, memory->vmalloc / 1024,
		       memory->percpu / 1024);
}

static void print_table(void)
{
	int i;

	ksft_print_msg("%-12s %8s  %s\n", "storm", "rounds", "what it does");
	for (i = 0; i < nr_storms; i++)
		if (is_chosen(&storms[i]))
			ksft_print_msg("%-12s %8lu  %s\n", storms[i].name, total.rounds[i],
				       storms[i].does);
}

/* However it ends badly: what may have been it, to be tried with STORMS. */
static void print_last(void)
{
	u64 i = nr_gone_through > LAST ? nr_gone_through - LAST : 0;
	int t;

	if (well)
		return;
	for (; i < nr_gone_through; i++)
		ksft_print_msg("gone through by thread %d: %s, %lu rounds\n",
			       gone_through[i % LAST].thread, gone_through[i % LAST].storm->name,
			       gone_through[i % LAST].rounds);
	for (t = 0; t < THREADS; t++)
		if (going_on[t])
			ksft_print_msg("and going on in thread %d: %s\n", t, going_on[t]->name);
}

/* Lap after lap. */
static bool soak(u64 seconds, u64 lap_seconds)
{
	static struct memory warm, now;
	static struct total then;
	u64 begun = host_now_ns();
	int laps, grown = 0;
	bool good = true;

	/* So many that memory can be seen to grow. */
	for (laps = 1; good && (laps <= WARM_LAPS + MAY_GROW ||
				host_now_ns() < begun + seconds * NSEC_PER_SEC); laps++) {
		good = lap(lap_seconds);
		memory_look(&now);
		print_lap(begun, &now);
		if (laps <= WARM_LAPS || memory_grew(&warm, &now, least_rounds(&then))) {
			grown += laps > WARM_LAPS;
			warm = now;
			then = total;
		}
		/* What is kept for the next time grows once; what is forgotten, for ever. */
		if (grown == MAY_GROW) {
			ksft_print_msg("memory grows\n");
			good = false;
		}
	}
	return good;
}

int main(void)
{
	u64 seconds = host_setting("VOLLEY_SECONDS", 30);
	u64 lap_seconds = host_setting("VOLLEY_LAP", 5);
	bool good;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = host_setting("VOLLEY_SEED", 1);
	ksft_print_header();
	ksft_set_plan(1);
	ksft_print_msg("VOLLEY_SEED=%lu VOLLEY_SECONDS=%lu\n", seed, seconds);
	for (i = 0; i < THREADS; i++) {
		workers[i].number = i;
		seeded_start(&workers[i].seeded, seed, i);
	}
	atexit(print_last);
	scene_start(&scene, PARAMS, GUEST_SPIN);
	good = check_names() && scene_check(&scene) && soak(seconds, lap_seconds);
	print_table();
	good &= SAY_UNLESS(scene.armed < 10 || scene.faults, "no allocation has failed");
	good &= SAY_UNLESS(scene.saves < 20 || scene.saved_held, "no save found a kick held");
	good &= scene_end(&scene);
	well = good;
	ksft_test_result(good, "soak\n");
	ksft_finished();
}
