/* A test double of a disk: preloaded into the service, it fails, delays or holds calls on files as its control file
 * says, and passes all others on. tests/disk/faulty.rs builds it and writes that file: a line is a call, the end of a
 * file's name, and an errno, "hang" (until the line is gone) or "slow" (a tenth of a second). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* By system calls, which are not doubled here. */
static int control(char *text, size_t room) {
    const char *path = getenv("DISK_FAULTS");
    int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0)
        return 0;
    long length = syscall(SYS_read, file, text, room - 1);
    syscall(SYS_close, file);
    text[length > 0 ? length : 0] = 0;
    return length > 0;
}

/* What the control file says of this call on this file; 0 is nothing. */
static int rule(const char *call, int fd, char what[16]) {
    char text[1024], link[64], name[1024], *line, *next = text;
    if (!control(text, sizeof text))
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length <= 0)
        return 0;
    name[length] = 0;
    /* Of a file without a name: a word of a line has no spaces. */
    char *deleted = strstr(name, " (deleted)");
    if (deleted)
        length = stpcpy(deleted, "(deleted)") - name;
    while ((line = strsep(&next, "\n"))) {
        char of[16], end[64];
        if (sscanf(line, "%15s %63s %15s", of, end, what) != 3 || strcmp(of, call))
            continue;
        size_t tail = strlen(end);
        if (tail <= (size_t)length && !strcmp(name + length - tail, end))
            return 1;
    }
    return 0;
}

/* Whether the call fails, with errno set. */
static int fails(const char *call, int fd) {
    char what[16];
    int before = errno, number = 0;
    while (rule(call, fd, what)) {
        if (!strcmp(what, "slow")) {
            usleep(100 * 1000);
            break;
        }
        if (strcmp(what, "hang")) {
            number = atoi(what);
            break;
        }
        usleep(10 * 1000);
    }
    errno = number ? number : before;
    return number != 0;
}

#define PASS_ON(call) __typeof__(&call) real = (__typeof__(&call))dlsym(RTLD_NEXT, #call)

ssize_t read(int fd, void *to, size_t count) {
    PASS_ON(read);
    return fails("read", fd) ? -1 : real(fd, to, count);
}

ssize_t pread64(int fd, void *to, size_t count, off64_t at) {
    PASS_ON(pread64);
    return fails("read", fd) ? -1 : real(fd, to, count, at);
}

ssize_t pwrite64(int fd, const void *from, size_t count, off64_t at) {
    PASS_ON(pwrite64);
    return fails("write", fd) ? -1 : real(fd, from, count, at);
}

int fsync(int fd) {
    PASS_ON(fsync);
    return fails("fsync", fd) ? -1 : real(fd);
}

int ftruncate64(int fd, off64_t length) {
    PASS_ON(ftruncate64);
    return fails("ftruncate", fd) ? -1 : real(fd, length);
}
