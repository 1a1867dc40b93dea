// SPDX-License-Identifier: GPL-2.0
/*
 * The samples do what they say.
 */
#include <signal.h>
#include <sys/wait.h>

#include "suite.h"

#define VECTORS		8
#define VECTOR		2	/* what the samples are for */
#define TARGET		5	/* and where it is redirected to */

FIXTURE(samples)
{
	struct rig *rig;
	int irq;		/* of VECTOR */
	u32 lpi, target;	/* of VECTOR and TARGET */
	struct volley_counts before;
};

FIXTURE_SETUP(samples)
{
	self->rig = setup_usual_rig("", VECTORS);
	self->irq = self->rig->dev[0]->irq[VECTOR];
	self->lpi = self->rig->lpi[0][VECTOR];
	self->target = self->rig->lpi[0][TARGET];
	volley_count(self->rig, &self->before);
}

FIXTURE_TEARDOWN(samples)
{
	host_unload_module("volley_filter");
	host_unload_module("volley_redirect");
	EXPECT_TRUE(teardown_rig(self->rig));
}

TEST_F(samples, filter)
{
	u64 taken = rig_taken(self->rig, self->lpi);
	struct volley_counts now;
	char params[40];

	snprintf(params, sizeof(params), "irq=%d every=0", self->irq);
	EXPECT_EQ(-EINVAL, host_load_module("volley_filter", params));
	snprintf(params, sizeof(params), "irq=%d every=4", self->irq);
	ASSERT_EQ(0, host_load_module("volley_filter", params));
	rig_raise_each(self->rig, 0, VECTOR, VECTORS - 1, 40);
	EXPECT_EQ(taken + 10, rig_taken(self->rig, self->lpi));
	volley_count(self->rig, &now);
	volley_since(&now, &self->before);
	EXPECT_EQ(30, now.irq[VECTOR].consumed);
	EXPECT_EQ(0, host_unload_module("volley_filter"));
	rig_raise_each(self->rig, 0, VECTOR, VECTORS - 1, 1);
	EXPECT_EQ(taken + 11, rig_taken(self->rig, self->lpi));
}

TEST_F(samples, redirect)
{
	u64 taken = rig_taken(self->rig, self->lpi), target = rig_taken(self->rig, self->target);
	char params[40];

	EXPECT_EQ(-ENOENT, host_load_module("volley_redirect", "irq=0"));
	snprintf(params, sizeof(params), "irq=%d gsi=%d", self->irq, GUEST_LPI(0, TARGET));
	ASSERT_EQ(0, host_load_module("volley_redirect", params));
	rig_raise_each(self->rig, 0, VECTOR, VECTORS - 1, 10);
	EXPECT_EQ(taken, rig_taken(self->rig, self->lpi));
	EXPECT_EQ(target + 10, rig_taken(self->rig, self->target));
	EXPECT_EQ(0, host_unload_module("volley_redirect"));
	rig_raise_each(self->rig, 0, VECTOR, VECTORS - 1, 1);
	EXPECT_EQ(taken + 1, rig_taken(self->rig, self->lpi));
}

/* Starts ./volley_sizes with its output going to @out; it has begun when this returns. */
static pid_t start_sizes(const char *out, const char *err)
{
	char text[80];
	pid_t pid = fork();

	TEST_ASSERT(pid >= 0, "cannot fork");
	if (!pid) {
		if (freopen(out, "w", stdout) && freopen(err, "w", stderr))
			execl("./volley_sizes", "volley_sizes", NULL);
		_exit(1);
	}
	HOST_WAIT_FOR(!host_read(text, sizeof(text), "%s", err) && strstr(text, "following"),
		      "volley_sizes does not begin");
	return pid;
}

TEST_F(samples, sizes)
{
	static const char out[] = "/tmp/volley_sizes.out", err[] = "/tmp/volley_sizes.err";
	unsigned long long kicks, irqs, bucket, sum = 0;
	struct volley_counts now;
	char text[1024], id[32], *line;
	int status, i;
	pid_t pid;

	pid = start_sizes(out, err);
	volley_count(self->rig, &self->before);
	for (i = 0; i < host_rounds(30); i++) {
		rig_raise(self->rig, 0, ALL(VECTORS));
		ASSERT_EQ(0, rig_wait(self->rig, 0, ALL(VECTORS)));
	}
	volley_count(self->rig, &now);
	volley_since(&now, &self->before);
	kill(pid, SIGTERM);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);

	ASSERT_EQ(0, host_read(text, sizeof(text), "%s", out));
	ASSERT_EQ(3, sscanf(text, "vm %31[0-9-]: %llu kicks for %llu interrupts", id, &kicks, &irqs))
		TH_LOG("%s", text);
	EXPECT_STREQ(self->rig->id, id);
	EXPECT_EQ(now.kicks.sent, kicks);
	EXPECT_LT(kicks, irqs);
	for (line = strchr(text, '\n'); line; line = strchr(line + 1, '\n'))
		if (sscanf(line, " %*[0-9+] %llu", &bucket) == 1)
			sum += bucket;
	EXPECT_EQ(kicks, sum);
	EXPECT_FALSE(host_exists("/sys/kernel/tracing/instances/volley_sizes"));
}

TEST_HARNESS_MAIN
