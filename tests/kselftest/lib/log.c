// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's log, read from /dev/kmsg.
 */
#include <kvm_util.h>

#include "host.h"

/* Enough to fail the test that caused it; whoever boots the machine looks at all. */
static const char * const complaints[] = {
	"WARNING:", "BUG:", "Oops", "Unable to handle kernel", "Call trace:",
	"rcu: INFO:", "INFO: task ", "lockup", "nobody cared",
};

static int kmsg = -1;

void host_log_mark(void)
{
	if (kmsg >= 0)
		close(kmsg);
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	TEST_ASSERT(kmsg >= 0, "cannot open /dev/kmsg");
	lseek(kmsg, 0, SEEK_END);
}

/* Reads what has come since the last look. */
static bool log_scan(const char * const *texts, int nr, bool print)
{
	bool found = false;
	char record[8192];
	ssize_t len;
	int i;

	TEST_ASSERT(kmsg >= 0, "host_log_mark() was not called");
	for (;;) {
		len = read(kmsg, record, sizeof(record) - 1);
		if (len < 0 && errno == EPIPE)	/* overwritten: go on */
			continue;
		if (len <= 0)
			break;
		record[len] = '\0';
		for (i = 0; i < nr; i++) {
			if (!strstr(record, texts[i]))
				continue;
			found = true;
			if (print)
				ksft_print_msg("kernel log: %s\n", record);
			break;
		}
	}
	return found;
}

bool host_log_bad(void)
{
	return log_scan(complaints, ARRAY_SIZE(complaints), true);
}

bool host_log_has(const char *text)
{
	return log_scan(&text, 1, false);
}
