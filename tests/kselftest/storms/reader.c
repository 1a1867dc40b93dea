// SPDX-License-Identifier: GPL-2.0
/*
 * Who reads the files.
 */
#include "files.h"
#include "storm.h"

#define STATE	"/sys/kernel/debug/volley/state"

struct reader {
	bool alone, good;
};

static void read_one(void *data, const char *path, mode_t mode)
{
	struct reader *reader = data;
	char value[FILE_VALUE];
	int ret, fd;

	fd = open(path, O_RDONLY);
	ret = fd < 0 ? -errno : file_read(fd, value);
	close(fd);
	/* What it belongs to may have gone in this moment. */
	reader->good &= SAY_UNLESS(!ret || (!reader->alone && (ret == -ENOENT || ret == -ENODEV)),
				   "%s: %s", path, strerror(-ret));
}

bool storm_read(struct scene *scene, struct seeded *seeded)
{
	struct reader reader = { .alone = scene->alone, .good = true };
	char text[65536];
	ssize_t len;
	int fd;

	files_walk(read_one, &reader);
	fd = open(STATE, O_RDONLY);
	if (fd < 0)
		/* ENXIO: the module is going in this moment. */
		return reader.good & SAY_UNLESS(!scene->alone &&
						(errno == ENOENT || errno == ENXIO),
						STATE ": %s", strerror(errno));
	while ((len = read(fd, text, sizeof(text))) > 0)
		;
	reader.good &= SAY_UNLESS(!len, STATE ": %s", strerror(errno));
	close(fd);
	return reader.good;
}
