/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Volley's files in sysfs, whichever there are: found by walking the tree, and
 * what they take by trying.
 */
#ifndef VOLLEY_TEST_FILES_H
#define VOLLEY_TEST_FILES_H

#include <kvm_util.h>

#include "seeded.h"

#define FILE_VALUE	64	/* longer than any value */
#define FILE_GOOD	8	/* values that are tried for a setting */

/* Every regular file in the tree; one that goes meanwhile may be left out. */
typedef void (*file_visit)(void *data, const char *path, mode_t mode);
void files_walk(file_visit visit, void *data);
/* The same in another directory. */
void files_walk_below(const char *path, file_visit visit, void *data);
/* The last part of @path. */
const char *file_name(const char *path);

/* A name that files have which can be written. It means the same wherever it is. */
struct setting {
	char name[32];
	bool number;
	u64 min, max;		/* of a number */
	int nr_good;		/* all the values that it ever gets, or has had before */
	char good[FILE_GOOD + 4][FILE_VALUE];
};

/*
 * Finds out which settings there are and what they take, while nobody else
 * writes them. Afterwards all are as they were. False, and said why, if one
 * behaves in a way that none should.
 */
bool settings_learn(struct seeded *seeded);
const struct setting *setting_find(const char *name);
/* Whether @value, without a newline, may be read from it. */
bool setting_may_be(const struct setting *setting, const char *value);

struct input {
	size_t len;
	char bytes[2 * 4096];
};

/* Something to write to it: good in a third of all cases. */
void setting_input(const struct setting *setting, struct seeded *seeded, struct input *input);
/* What has to come of that: 0 or -errno, and where it is 0 the value. */
int setting_judge(const struct setting *setting, const struct input *input,
		  char value[FILE_VALUE]);

/* One read() of the whole, without the newline; 0 or -errno. -EBADMSG: no line. */
int file_read(int fd, char value[FILE_VALUE]);
/* One write(), of a page at most, as sysfs has it; 0 or -errno. -EIO: half of it. */
int file_write(int fd, const struct input *input);

#endif /* VOLLEY_TEST_FILES_H */
