/* Faults at file-system events: loaded before the C library, so that Python, Rust and C++ all
 * pass through here. An event is a call that changes something below the folder of arm(): an
 * opening for writing, a write, a rename, link, deletion, new folder, truncation or sync.
 *
 * A process is armed by arm(), or by IE_MODEL_FAULT="MODE NUMBER ERRNO FOLDER" when it starts.
 * Where events are counted, each writes a line to a descriptor: the call, a blank, the path.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE, COUNT, KILL, AFTER, TORN, FAIL };

static int mode = NONE, code, told = -1;
static _Thread_local char where[8300];
static long number;
static char folder[4096];
static atomic_long seen;

void arm(int m, long n, int e, const char *under, int descriptor) {
    told = descriptor;
    snprintf(folder, sizeof folder, "%s", under);
    number = n;
    code = e;
    seen = 0;
    mode = m;
}

__attribute__((constructor)) static void armed_from_outside(void) {
    const char *said = getenv("IE_MODEL_FAULT");
    int m, e, at = 0;
    long n;
    if (said && sscanf(said, "%d %ld %d %n", &m, &n, &e, &at) == 3 && at) arm(m, n, e, said + at, -1);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int below(const char *path) {
    size_t n = strlen(folder);
    snprintf(where, sizeof where, "%s", path);
    return !strncmp(path, folder, n) && (path[n] == '/' || !path[n]);
}

static int named(int at, const char *path) {
    char base[4096], whole[8300], link[64];
    if (mode == NONE || !path) return 0;
    if (path[0] == '/') return below(path);
    if (at == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) return 0;
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t n = readlink(link, base, sizeof base - 1);
        if (n < 0) return 0;
        base[n] = 0;
    }
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return below(whole);
}

static int opened(int fd) {
    char link[64], path[4096];
    if (mode == NONE) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path);
}

/* What becomes of an event: 0 happens, 1 happens and is the last, 2 happens by half, -1 fails. */
static int fate(int concerned, int frees, const char *call) {
    if (!concerned) return 0;
    long n = ++seen;
    if (told >= 0) dprintf(told, "%s %s\n", call, where + strlen(folder));
    if (mode == FAIL && number && n >= number && !(frees && code == ENOSPC)) {
        errno = code;
        return -1;
    }
    if (n != number) return 0;
    if (mode == KILL) die();
    return mode == AFTER ? 1 : mode == TORN ? 2 : 0;
}

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define EVENT(type, name, parameters, concerned, frees, call) \
    type name parameters { \
        REAL(name); \
        int f = fate(concerned, frees, #name); \
        if (f < 0) return -1; \
        type answer = call; \
        if (f) die(); \
        return answer; \
    }

EVENT(int, rename, (const char *a, const char *b), named(AT_FDCWD, a) | named(AT_FDCWD, b), 0, real(a, b))
EVENT(int, renameat, (int d, const char *a, int e, const char *b), named(d, a) | named(e, b), 0, real(d, a, e, b))
EVENT(int, renameat2, (int d, const char *a, int e, const char *b, unsigned f_), named(d, a) | named(e, b), 0, real(d, a, e, b, f_))
EVENT(int, link, (const char *a, const char *b), named(AT_FDCWD, b), 0, real(a, b))
EVENT(int, linkat, (int d, const char *a, int e, const char *b, int f_), named(e, b), 0, real(d, a, e, b, f_))
EVENT(int, symlink, (const char *a, const char *b), named(AT_FDCWD, b), 0, real(a, b))
EVENT(int, unlink, (const char *a), named(AT_FDCWD, a), 1, real(a))
EVENT(int, unlinkat, (int d, const char *a, int f_), named(d, a), 1, real(d, a, f_))
EVENT(int, remove, (const char *a), named(AT_FDCWD, a), 1, real(a))
EVENT(int, rmdir, (const char *a), named(AT_FDCWD, a), 1, real(a))
EVENT(int, mkdir, (const char *a, mode_t m), named(AT_FDCWD, a), 0, real(a, m))
EVENT(int, mkdirat, (int d, const char *a, mode_t m), named(d, a), 0, real(d, a, m))
EVENT(int, truncate64, (const char *a, off64_t n), named(AT_FDCWD, a), 1, real(a, n))
EVENT(int, ftruncate64, (int fd, off64_t n), opened(fd), 1, real(fd, n))
EVENT(int, fsync, (int fd), opened(fd), 0, real(fd))
EVENT(int, fdatasync, (int fd), opened(fd), 0, real(fd))

/* Of what is written, half may get there. */
#define WRITE(name, parameters, fd, n, all, half) \
    ssize_t name parameters { \
        REAL(name); \
        int f = fate(opened(fd), 0, #name); \
        if (f < 0) return -1; \
        ssize_t answer = f == 2 && (n) > 1 ? half : all; \
        if (f) die(); \
        return answer; \
    }

WRITE(write, (int fd, const void *p, size_t n), fd, n, real(fd, p, n), real(fd, p, n / 2))
WRITE(pwrite64, (int fd, const void *p, size_t n, off64_t o), fd, n, real(fd, p, n, o), real(fd, p, n / 2, o))
WRITE(writev, (int fd, const struct iovec *v, int n), fd, n, real(fd, v, n), real(fd, v, n / 2))
WRITE(sendfile64, (int out, int in, off64_t *o, size_t n), out, n, real(out, in, o, n), real(out, in, o, n / 2))
WRITE(copy_file_range, (int in, off64_t *i, int out, off64_t *o, size_t n, unsigned f_), out, n, real(in, i, out, o, n, f_), real(in, i, out, o, n / 2, f_))

#define WRITES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))

#define OPEN(name, parameters, concerned, call) \
    int name parameters { \
        REAL(name); \
        mode_t m = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { \
            va_list rest; \
            va_start(rest, flags); \
            m = va_arg(rest, mode_t); \
            va_end(rest); \
        } \
        int f = fate(WRITES(flags) && concerned, 0, #name); \
        if (f < 0) return -1; \
        int answer = call; \
        if (f) die(); \
        return answer; \
    }

OPEN(open, (const char *a, int flags, ...), named(AT_FDCWD, a), real(a, flags, m))
OPEN(open64, (const char *a, int flags, ...), named(AT_FDCWD, a), real(a, flags, m))
OPEN(openat, (int d, const char *a, int flags, ...), named(d, a), real(d, a, flags, m))
OPEN(openat64, (int d, const char *a, int flags, ...), named(d, a), real(d, a, flags, m))

#define FOPEN(name) \
    FILE *name(const char *a, const char *how) { \
        REAL(name); \
        int f = fate(strpbrk(how, "wa+") && named(AT_FDCWD, a), 0, #name); \
        if (f < 0) return NULL; \
        FILE *answer = real(a, how); \
        if (f) die(); \
        return answer; \
    }

FOPEN(fopen)
FOPEN(fopen64)
