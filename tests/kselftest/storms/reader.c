// SPDX-License-Identifier: GPL-2.0
/*
 * Who reads the files.
 */
#include "files.h"
#include "storm.h"
#include "volley.h"

#define STATE	"/sys/kernel/debug/volley/state"

static void read_one(void *data, const char *path, mode_t mode)
{
	char value[FILE_VALUE];
	bool *good = data;
	int ret, fd;

	fd = open(path, O_RDONLY);
	ret = fd < 0 ? -errno : file_read(fd, value);
	close(fd);
	/* What it belongs to may have gone in this moment. */
	*good &= SAY_UNLESS(!ret || ret == -ENOENT || ret == -ENODEV, "%s: %s", path,
			    strerror(-ret));
}

bool storm_read(struct scene *scene, struct seeded *seeded)
{
	char text[65536];
	bool good = true;
	ssize_t len;
	int fd;

	files_walk(read_one, &good);
	fd = open(STATE, O_RDONLY);
	if (fd < 0)
		/* ENXIO: the module is going in this moment. */
		return good & SAY_UNLESS(errno == ENOENT || errno == ENXIO, STATE ": %s",
					 strerror(errno));
	while ((len = read(fd, text, sizeof(text))) > 0)
		;
	good &= SAY_UNLESS(!len, STATE ": %s", strerror(errno));
	close(fd);
	return good;
}
