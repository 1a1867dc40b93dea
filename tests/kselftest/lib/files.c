// SPDX-License-Identifier: GPL-2.0
/*
 * Volley's files in sysfs, whichever there are.
 */
#include <dirent.h>
#include <sys/stat.h>

#include <kvm_util.h>

#include "files.h"
#include "volley.h"

#define PAGE		4096
#define MAX_DIGITS	10	/* more are out of range, whatever they are */

static struct setting settings[32];
static int nr_settings;

const char *file_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

void files_walk_below(const char *path, file_visit visit, void *data)
{
	struct dirent *entry;
	char below[512];
	struct stat st;
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
		if (stat(below, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			files_walk_below(below, visit, data);
		else
			visit(data, below, st.st_mode);
	}
	closedir(dir);
}

void files_walk(file_visit visit, void *data)
{
	files_walk_below(VOLLEY_SYSFS, visit, data);
}

int file_read(int fd, char value[FILE_VALUE])
{
	char text[PAGE];
	ssize_t len = pread(fd, text, sizeof(text), 0);

	if (len < 0)
		return -errno;
	if (len < 2 || len > FILE_VALUE || memchr(text, '\n', len) != text + len - 1)
		return -EBADMSG;
	text[len - 1] = '\0';
	memcpy(value, text, len);
	return 0;
}

int file_write(int fd, const struct input *input)
{
	ssize_t len = pwrite(fd, input->bytes, input->len, 0);

	if (len < 0)
		return -errno;
	return len == min_t(size_t, input->len, PAGE) ? 0 : -EIO;
}

const struct setting *setting_find(const char *name)
{
	int i;

	for (i = 0; i < nr_settings; i++)
		if (!strcmp(settings[i].name, name))
			return &settings[i];
	return NULL;
}

bool setting_may_be(const struct setting *setting, const char *value)
{
	int i;

	for (i = 0; i < setting->nr_good; i++)
		if (!strcmp(setting->good[i], value))
			return true;
	return false;
}

static void add_good(struct setting *setting, const char *value)
{
	if (!setting_may_be(setting, value) && setting->nr_good < ARRAY_SIZE(setting->good))
		snprintf(setting->good[setting->nr_good++], FILE_VALUE, "%s", value);
}

static bool is_number(const char *text, size_t len)
{
	return len && strspn(text, "0123456789") >= len;
}

int setting_judge(const struct setting *setting, const struct input *input,
		  char value[FILE_VALUE])
{
	size_t len = min_t(size_t, input->len, PAGE);
	char text[PAGE + 1];
	u64 number;

	memcpy(text, input->bytes, len);
	if (len && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
	if (setting->number) {
		if (!is_number(text, len))
			return -EINVAL;
		number = strtoull(text, NULL, 10);
		if (len > MAX_DIGITS || number < setting->min || number > setting->max)
			return -ERANGE;
		sprintf(value, "%lu", number);
		return 0;
	}
	if (len >= FILE_VALUE || strlen(text) != len || !setting_may_be(setting, text))
		return -EINVAL;
	memcpy(value, text, len + 1);
	return 0;
}

static size_t fill(struct seeded *seeded, char *to, size_t len, const char *from)
{
	size_t i, nr = strlen(from);

	for (i = 0; i < len; i++)
		to[i] = nr ? from[seeded_below(seeded, nr)] : seeded_below(seeded, 256);
	return len;
}

static void any_input(const struct setting *setting, struct seeded *seeded, struct input *input)
{
	static const char * const formats[] = {
		"-%u", "+%u", " %u", "%u ", "%u\n\n", "\n%u", "0x%x", "%u.0", "%ue1", "%u,%u",
		"%u %u", "%u\n%u", "%u\r\n", "abc%u", "%uabc", "'%u'", "%c", "\xff%u", "",
	};
	static const char * const sets[] = { "9", "0", "a", " ", "\n", "0123456789", "01\n ", "" };
	const char *set = sets[seeded_below(seeded, ARRAY_SIZE(sets))];
	u32 number = seeded_below(seeded, 12000);

	/* Bad ones are refused at once; good ones may have to wait for what they change. */
	switch (seeded_below(seeded, 8)) {
	case 0: case 1: case 2:
		input->len = sprintf(input->bytes, "%s%s",
				     setting->good[seeded_below(seeded, setting->nr_good)],
				     seeded_below(seeded, 2) ? "\n" : "");
		break;
	case 3:
		input->len = sprintf(input->bytes, "%lu", setting->max + 1 + number);
		break;
	case 4:
		input->len = sprintf(input->bytes,
				     formats[seeded_below(seeded, ARRAY_SIZE(formats))],
				     number, number);
		break;
	case 5:
		input->len = fill(seeded, input->bytes, PAGE, set);
		break;
	case 6:
		input->len = fill(seeded, input->bytes, seeded_below(seeded, 64), "");
		break;
	default:
		input->len = fill(seeded, input->bytes,
				  seeded_below(seeded, sizeof(input->bytes)), set);
	}
}

void setting_input(const struct setting *setting, struct seeded *seeded, struct input *input)
{
	char value[FILE_VALUE];

	/* What is good by chance is none of the values that are looked out for. */
	do {
		any_input(setting, seeded, input);
	} while (!setting_judge(setting, input, value) && !setting_may_be(setting, value));
}

static int try(int fd, const char *text)
{
	struct input input;

	input.len = snprintf(input.bytes, sizeof(input.bytes), "%s", text);
	return file_write(fd, &input);
}

static int try_number(int fd, u64 number)
{
	char text[24];

	sprintf(text, "%lu", number);
	return try(fd, text);
}

/* The border between what is taken, at @in, and what is out of range. */
static u64 border(int fd, u64 in, u64 out)
{
	u64 middle;

	while (max(in, out) - min(in, out) > 1) {
		middle = in + (s64)(out - in) / 2;
		if (try_number(fd, middle))
			out = middle;
		else
			in = middle;
	}
	return in;
}

static void learn_number(struct setting *setting, int fd, u64 now, struct seeded *seeded)
{
	char text[24];
	int i;

	setting->min = try_number(fd, 0) ? border(fd, now, 0) : 0;
	setting->max = border(fd, now, 1ULL << 33);
	sprintf(text, "%lu", setting->min);
	add_good(setting, text);
	sprintf(text, "%lu", setting->max);
	add_good(setting, text);
	for (i = 0; i < FILE_GOOD - 3; i++) {
		sprintf(text, "%lu", setting->min +
			seeded_below(seeded, setting->max - setting->min + 1));
		add_good(setting, text);
	}
}

struct learning {
	struct seeded *seeded;
	int fd;
	bool failed;
};

/* What other files say may be something that this one takes. */
static void learn_text(void *data, const char *path, mode_t mode)
{
	struct setting *setting = &settings[nr_settings - 1];
	struct learning *learning = data;
	char value[FILE_VALUE] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return;
	if (!file_read(fd, value) && !try(learning->fd, value) &&
	    setting->nr_good < FILE_GOOD)
		add_good(setting, value);
	close(fd);
}

static void learn(void *data, const char *path, mode_t mode)
{
	struct learning *learning = data;
	struct setting *setting;
	char now[FILE_VALUE];

	if (!(mode & 0222))
		return;
	learning->fd = open(path, O_RDWR);
	if (learning->fd < 0 || file_read(learning->fd, now)) {
		ksft_print_msg("%s is not a setting that can be read and written\n", path);
		learning->failed = true;
		close(learning->fd);
		return;
	}
	setting = (struct setting *)setting_find(file_name(path));
	if (!setting) {
		TEST_ASSERT(nr_settings < ARRAY_SIZE(settings), "too many settings");
		setting = &settings[nr_settings++];
		snprintf(setting->name, sizeof(setting->name), "%s", file_name(path));
		setting->number = is_number(now, strlen(now));
		if (setting->number) {
			learn_number(setting, learning->fd, atoll(now), learning->seeded);
		} else {
			files_walk(learn_text, learning);
			/* What a handler says while its VM is not enabled. */
			if (!try(learning->fd, "host"))
				add_good(setting, "host");
		}
	}
	add_good(setting, now);
	/* What it says can be written to it, and so it is again as it was. */
	if (try(learning->fd, now)) {
		ksft_print_msg("%s does not take what it says: %s\n", path, now);
		learning->failed = true;
	}
	close(learning->fd);
}

bool settings_learn(struct seeded *seeded)
{
	struct learning learning = { .seeded = seeded };
	int i;

	nr_settings = 0;
	memset(settings, 0, sizeof(settings));
	files_walk(learn, &learning);
	for (i = 0; i < nr_settings; i++)
		if (settings[i].number)
			ksft_print_msg("%s takes %lu to %lu\n", settings[i].name,
				       settings[i].min, settings[i].max);
		else
			ksft_print_msg("%s takes %s and %d others\n", settings[i].name,
				       settings[i].good[0], settings[i].nr_good - 1);
	return nr_settings && !learning.failed;
}
