// SPDX-License-Identifier: GPL-2.0
/*
 * Loading and unloading, without VMs: again and again, twice, with parameters
 * good and bad.
 */
#include <ctype.h>
#include <sys/syscall.h>

#include "suite.h"

FIXTURE(module)
{
};

FIXTURE_SETUP(module)
{
	host_log_mark();
	if (volley_loaded())
		ASSERT_EQ(0, volley_unload());
}

FIXTURE_TEARDOWN(module)
{
	if (volley_loaded())
		EXPECT_EQ(0, volley_unload());
	EXPECT_FALSE(host_log_bad());
}

TEST_F_TIMEOUT(module, load_unload_100, 600)
{
	int i;

	for (i = 0; i < host_rounds(100); i++) {
		ASSERT_EQ(0, volley_load(""))
			TH_LOG("round %d", i);
		ASSERT_TRUE(host_exists(VOLLEY_SYSFS "/version"));
		ASSERT_EQ(0, volley_unload())
			TH_LOG("round %d", i);
		ASSERT_FALSE(host_exists(VOLLEY_SYSFS));
		ASSERT_FALSE(volley_loaded());
	}
}

TEST_F(module, load_twice)
{
	ASSERT_EQ(0, volley_load(""));
	EXPECT_EQ(-EEXIST, volley_load(""));
	/* The one that is loaded is not harmed. */
	EXPECT_TRUE(host_exists(VOLLEY_SYSFS "/version"));
	EXPECT_EQ(0, volley_unload());
	EXPECT_EQ(-ENOENT, volley_unload());
}

TEST_F(module, defaults)
{
	ASSERT_EQ(0, volley_load(""));
	EXPECT_LT(0, host_read_u64(VOLLEY_SYSFS "/list_registers"));
	EXPECT_EQ(0, host_read_u64(VOLLEY_SYSFS "/max_usecs"));
	EXPECT_EQ(host_read_u64(VOLLEY_SYSFS "/list_registers"),
		  host_read_u64(VOLLEY_SYSFS "/max_irqs"));
}

TEST_F(module, good_parameters)
{
	ASSERT_EQ(0, volley_load("max_usecs=10000 max_irqs=1024 adaptive=1 burst=64 auto_attach=0"));
	EXPECT_EQ(10000, host_read_u64(VOLLEY_SYSFS "/max_usecs"));
	EXPECT_EQ(1024, host_read_u64(VOLLEY_SYSFS "/max_irqs"));
	EXPECT_EQ(1, host_read_u64(VOLLEY_SYSFS "/adaptive"));
	ASSERT_EQ(0, volley_unload());

	ASSERT_EQ(0, volley_load("max_usecs=0 max_irqs=1 adaptive=0 burst=1 auto_attach=1"));
	EXPECT_EQ(0, host_read_u64(VOLLEY_SYSFS "/max_usecs"));
	EXPECT_EQ(1, host_read_u64(VOLLEY_SYSFS "/max_irqs"));
	EXPECT_EQ(0, host_read_u64(VOLLEY_SYSFS "/adaptive"));
	ASSERT_EQ(0, volley_unload());

	ASSERT_EQ(0, volley_load("max_irqs=0"));
	EXPECT_EQ(host_read_u64(VOLLEY_SYSFS "/list_registers"),
		  host_read_u64(VOLLEY_SYSFS "/max_irqs"));
}

TEST_F(module, bad_parameters)
{
	static const char * const values[] = {
		"", "=", "=x", "=-1", "=5x", "=0x", "=1.5", "= ", "=99999999999999999999",
		"=18446744073709551616",
	};
	static const char * const names[] = {
		"max_usecs", "max_irqs", "adaptive", "burst", "auto_attach",
	};
	static const char * const out_of_range[] = {
		"max_usecs=10001", "max_irqs=1025", "burst=0", "burst=65",
		"auto_attach=2", "max_usecs=1 burst=65", "max_usecs=2147483648",
		"max_usecs=4294967297", "max_irqs=4294967297", "burst=4294967297",
		"auto_attach=4294967297", "adaptive=2", "adaptive=4294967297",
	};
	char params[64];
	int i, j;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		for (j = 0; j < ARRAY_SIZE(values); j++) {
			snprintf(params, sizeof(params), "%s%s", names[i], values[j]);
			EXPECT_EQ(-EINVAL, volley_load(params))
				TH_LOG("'%s'", params);
			EXPECT_FALSE(volley_loaded());
		}
	}
	for (i = 0; i < ARRAY_SIZE(out_of_range); i++) {
		EXPECT_EQ(-EINVAL, volley_load(out_of_range[i]))
			TH_LOG("'%s'", out_of_range[i]);
		EXPECT_FALSE(volley_loaded());
	}
	EXPECT_FALSE(host_exists(VOLLEY_SYSFS));
	EXPECT_EQ(0, volley_load(""));
}

/* A copy of the module, in memory, that looks for @name with another last letter. */
static char *module_without(const char *name, size_t *size, char *missing)
{
	size_t len = strlen(name), left;
	char *image = volley_image(size), *p = image;
	int found = 0;

	memcpy(missing, name, len + 1);
	missing[len - 1] = 'X';
	while ((left = image + *size - p) > len && (p = memmem(p, left, name, len + 1))) {
		/* Not the end of a longer name. */
		if (p == image || !(isalnum(p[-1]) || p[-1] == '_')) {
			memcpy(p, missing, len);
			found++;
		}
		p += len;
	}
	TEST_ASSERT(found, "the module does not know of %s", name);
	return image;
}

/* On a kernel that lacks a symbol the module is refused, and the log names it. */
TEST_F(module, missing_symbols)
{
	static const char * const names[] = {
		"kvm_vcpu_wake_up", "arch_smp_send_reschedule", "vgic_msi_to_its",
		"kvm_set_irq", "vm_list", "kvm_lock", "kvm_vgic_global_state",
	};
	char missing[64], text[128], *image;
	size_t size;
	int i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		image = module_without(names[i], &size, missing);
		EXPECT_EQ(-1, syscall(__NR_init_module, image, size, ""));
		EXPECT_EQ(ENOENT, errno)
			TH_LOG("without %s", names[i]);
		snprintf(text, sizeof(text), "volley: this kernel has no symbol %s\n", missing);
		EXPECT_TRUE(host_log_has(text))
			TH_LOG("the log does not say: %s", text);
		EXPECT_FALSE(volley_loaded());
		EXPECT_FALSE(host_exists(VOLLEY_SYSFS));
		free(image);
	}
	EXPECT_EQ(0, volley_load(""));
}

/* How many functions are hooked, and how many of them are no business of ours. */
static void hooked(int *all, int *others)
{
	FILE *fp = fopen("/sys/kernel/tracing/enabled_functions", "r");
	char *line = NULL;
	size_t size = 0;

	TEST_ASSERT(fp, "cannot read enabled_functions (is tracefs mounted?)");
	*all = *others = 0;
	while (getline(&line, &size, fp) > 0) {
		++*all;
		if (strncmp(line, "kvm_arch_irq_bypass_", 20))
			++*others;
	}
	free(line);
	fclose(fp);
}

/*
 * A VM without sources, and a host without VMs, pay nothing: what is hooked is
 * called when a VMM connects an interrupt, and nothing on the way of one.
 */
TEST_F(module, hooks_nothing_hot)
{
	int all[2], others[2];
	char kprobes[256];

	hooked(&all[0], &others[0]);
	ASSERT_EQ(0, volley_load(""));
	hooked(&all[1], &others[1]);
	EXPECT_LT(all[0], all[1]);
	EXPECT_EQ(others[0], others[1]);
	ASSERT_EQ(0, host_read(kprobes, sizeof(kprobes), "/sys/kernel/debug/kprobes/list"));
	EXPECT_STREQ("", kprobes);
	ASSERT_EQ(0, volley_unload());
	hooked(&all[1], &others[1]);
	EXPECT_EQ(all[0], all[1]);
}

TEST_HARNESS_MAIN
