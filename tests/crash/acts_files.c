/* The files of the acts, made and looked at without waybill. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/acts_parts.h"

enum { PATH_SIZE = 512, OPEN_FILES = 16, PATTERN_BYTES = 1024 };

static const struct act_letter letters[] = {
    {'a', WB_FILE_REGULAR, 5000},  {'b', WB_FILE_REGULAR, 40000},
    {'c', WB_FILE_REGULAR, 20000}, {'d', WB_FILE_REGULAR, 1},
    {'e', WB_FILE_REGULAR, 0},     {'h', WB_FILE_REGULAR, ACT_BYTES_MAX},
    {'l', WB_FILE_SYMLINK, 12},    {'m', WB_FILE_SYMLINK, 7},
    {'s', WB_FILE_REGULAR, 777},
};

void act_die(const char *what)
{
    (void)fprintf(stderr, "cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

const struct act_letter *act_letter_of(char letter)
{
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if (letters[i].letter == letter)
            return &letters[i];
    abort();
}

int64_t act_mtime_ns(char letter)
{
    return (1700000000 + (int64_t)letter) * 1000000000 + 123456789;
}

/* No byte of a link's text may be NUL; every block differs from its neighbours and from those of
 * other letters. */
void act_bytes(const char *path, char letter, uint8_t *out)
{
    size_t size = act_letter_of(letter)->size;
    size_t made = size < PATTERN_BYTES ? size : PATTERN_BYTES;
    unsigned seed = (unsigned)strlen(path) + (unsigned)(uint8_t)letter;
    for (size_t i = 0; i < made; i++)
        out[i] = (uint8_t)('!' + (i * 31 + seed * 7) % 90);
    for (size_t at = made; at < size; at += PATTERN_BYTES) {
        size_t len = size - at < PATTERN_BYTES ? size - at : PATTERN_BYTES;
        memcpy(out + at, out, len);
        out[at] = (uint8_t)('!' + (at / PATTERN_BYTES + 1) % 90);
    }
}

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(path, 0755) != 0 && errno != EEXIST)
            act_die("make a folder");
        *slash = '/';
    }
}

static void make_file(const char *place, const uint8_t *bytes, size_t size)
{
    int fd = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || fchmod(fd, 0644) != 0)
        act_die("make a file");
    (void)close(fd);
}

void act_file_make(const char *root, const char *path, char letter)
{
    static uint8_t bytes[ACT_BYTES_MAX + 1];
    char place[PATH_SIZE];
    const struct act_letter *what = act_letter_of(letter);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = act_mtime_ns(letter) / 1000000000,
                                 .tv_nsec = act_mtime_ns(letter) % 1000000000}};
    (void)snprintf(place, sizeof(place), "%s/%s", root, path);
    make_folders(place);
    act_bytes(path, letter, bytes);
    bytes[what->size] = 0;
    if (what->kind == WB_FILE_REGULAR)
        make_file(place, bytes, what->size);
    else if (symlink((const char *)bytes, place) != 0)
        act_die("make a link");
    if (utimensat(AT_FDCWD, place, times, AT_SYMLINK_NOFOLLOW) != 0)
        act_die("set a time");
}

void act_stranger_comes(const struct act_world *world)
{
    char beside[ACT_ROOT_MAX + 8];
    char from[PATH_SIZE];
    char to[PATH_SIZE];
    const char *path = world->act->names[0].path;
    (void)snprintf(beside, sizeof(beside), "%s.new", world->root);
    (void)snprintf(from, sizeof(from), "%s/%s", beside, path);
    (void)snprintf(to, sizeof(to), "%s/%s", world->root, path);
    act_file_make(beside, path, 's');
    make_folders(to);
    if (rename(from, to) != 0)
        act_die("put a stranger's file in the place");
    act_remove_tree(beside);
}

static bool has_bytes(const char *place, const struct act_letter *what, const uint8_t *wanted)
{
    static uint8_t have[ACT_BYTES_MAX + 1];
    ssize_t len;
    if (what->kind == WB_FILE_SYMLINK) {
        len = readlink(place, (char *)have, sizeof(have));
    } else {
        int fd = open(place, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        len = fd < 0 ? -1 : read(fd, have, sizeof(have));
        if (fd >= 0)
            (void)close(fd);
    }
    return len == (ssize_t)what->size && memcmp(have, wanted, what->size) == 0;
}

bool act_name_is(const struct act_world *world, const char *path, char letter)
{
    static uint8_t wanted[ACT_BYTES_MAX];
    char place[PATH_SIZE];
    struct stat info;
    (void)snprintf(place, sizeof(place), "%s/%s", world->root, path);
    if (lstat(place, &info) != 0)
        return letter == 0 && (errno == ENOENT || errno == ENOTDIR);
    if (letter == 0)
        return false;
    const struct act_letter *what = act_letter_of(letter);
    bool link = what->kind == WB_FILE_SYMLINK;
    int64_t mtime_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    if (!!S_ISLNK(info.st_mode) != link || (!link && (info.st_mode & 07777) != 0644) ||
        mtime_ns != act_mtime_ns(letter))
        return false;
    act_bytes(path, letter, wanted);
    return has_bytes(place, what, wanted);
}

static int remove_entry(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void act_remove_tree(const char *path)
{
    if (nftw(path, remove_entry, OPEN_FILES, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
        act_die("remove a folder");
}
