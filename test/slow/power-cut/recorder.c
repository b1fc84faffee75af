/*
 * Loaded into a program with LD_PRELOAD, writes down in order what the program does to the files below
 * RECORDER_DIRECTORY, into RECORDER_LOG; what it writes to RECORDER_MARKS goes in between as marks. recording.ts reads
 * it. SQLite's -shm files are left out: they never outlive their process.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 65536
enum { FOREIGN, BELOW, MARKS };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_descriptor = -1;
static const char *directory, *marks;
static size_t directory_length;
static unsigned char kinds[MAX_DESCRIPTORS];
static unsigned long syncs;

__attribute__((constructor)) static void start(void) {
  directory = getenv("RECORDER_DIRECTORY");
  marks = getenv("RECORDER_MARKS");
  const char *log = getenv("RECORDER_LOG");
  if (directory == NULL || marks == NULL || log == NULL) return;
  directory_length = strlen(directory);
  log_descriptor = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

#define REAL(name) ({ static __typeof__(&name) real; if (real == NULL) real = dlsym(RTLD_NEXT, #name); real; })

static int below(const char *path) {
  if (log_descriptor < 0 || path == NULL || strncmp(path, directory, directory_length) != 0) return 0;
  size_t length = strlen(path);
  return length < 4 || strcmp(path + length - 4, "-shm") != 0;
}

static int kind_of(int descriptor) {
  return descriptor >= 0 && descriptor < MAX_DESCRIPTORS ? kinds[descriptor] : FOREIGN;
}

static void put(const void *octets, size_t length) {
  for (size_t done = 0; done < length;) {
    long written = syscall(SYS_write, log_descriptor, (const char *)octets + done, length - done);
    if (written <= 0) abort();
    done += written;
  }
}

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...) {
  char line[2 * PATH_MAX + 64];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  put(line, length);
}

static unsigned long inode(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

static void wrote(int descriptor, const void *octets, off_t offset, ssize_t length) {
  if (length <= 0) return;
  if (kinds[descriptor] == MARKS) note("M %zd\n", length);
  else note("W %lu %lld %zd\n", inode(descriptor), (long long)offset, length);
  put(octets, length);
}

static int opened(int (*real)(int, const char *, int, ...), int at, const char *path, int flags, mode_t mode) {
  int is_marks = marks != NULL && path != NULL && strcmp(path, marks) == 0;
  if (!is_marks && !below(path)) {
    int descriptor = real(at, path, flags, mode);
    if (descriptor >= 0 && descriptor < MAX_DESCRIPTORS) kinds[descriptor] = FOREIGN;
    return descriptor;
  }
  pthread_mutex_lock(&lock);
  struct stat status;
  int is_new = (flags & O_CREAT) != 0 && lstat(path, &status) != 0;
  int descriptor = real(at, path, flags, mode);
  int error = errno;
  if (descriptor >= MAX_DESCRIPTORS) abort();
  if (descriptor >= 0) {
    kinds[descriptor] = is_marks ? MARKS : BELOW;
    if (!is_marks && is_new) note("C %lu %s\n", inode(descriptor), path);
    if (!is_marks && !is_new && (flags & O_TRUNC) != 0) note("T %lu 0\n", inode(descriptor));
  }
  pthread_mutex_unlock(&lock);
  errno = error;
  return descriptor;
}

#define MODE_OF(flags) ({ mode_t mode = 0; if ((flags) & O_CREAT) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } mode; })

int open(const char *path, int flags, ...) { return opened(REAL(openat), AT_FDCWD, path, flags, MODE_OF(flags)); }
int open64(const char *path, int flags, ...) { return opened(REAL(openat), AT_FDCWD, path, flags, MODE_OF(flags)); }
int openat(int at, const char *path, int flags, ...) { return opened(REAL(openat), at, path, flags, MODE_OF(flags)); }
int openat64(int at, const char *path, int flags, ...) { return opened(REAL(openat), at, path, flags, MODE_OF(flags)); }

int close(int descriptor) {
  if (kind_of(descriptor) != FOREIGN) kinds[descriptor] = FOREIGN;
  return REAL(close)(descriptor);
}

#define RECORDED(call, record) ({ \
  pthread_mutex_lock(&lock); \
  __typeof__(call) result = (call); \
  int error = errno; \
  record; \
  pthread_mutex_unlock(&lock); \
  errno = error; \
  result; })

ssize_t write(int descriptor, const void *octets, size_t length) {
  if (kind_of(descriptor) == FOREIGN) return REAL(write)(descriptor, octets, length);
  return RECORDED(REAL(write)(descriptor, octets, length),
                  wrote(descriptor, octets, lseek(descriptor, 0, SEEK_CUR) - result, result));
}

ssize_t pwrite(int descriptor, const void *octets, size_t length, off_t offset) {
  if (kind_of(descriptor) == FOREIGN) return REAL(pwrite)(descriptor, octets, length, offset);
  return RECORDED(REAL(pwrite)(descriptor, octets, length, offset), wrote(descriptor, octets, offset, result));
}

ssize_t pwrite64(int descriptor, const void *octets, size_t length, off64_t offset) {
  return pwrite(descriptor, octets, length, offset);
}

/* One piece at a time, which the caller cannot tell from a short write. */
ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
  if (kind_of(descriptor) == FOREIGN) return REAL(writev)(descriptor, pieces, count);
  return write(descriptor, pieces[0].iov_base, pieces[0].iov_len);
}

ssize_t pwritev(int descriptor, const struct iovec *pieces, int count, off_t offset) {
  if (kind_of(descriptor) == FOREIGN) return REAL(pwritev)(descriptor, pieces, count, offset);
  return pwrite(descriptor, pieces[0].iov_base, pieces[0].iov_len, offset);
}

ssize_t pwritev64(int descriptor, const struct iovec *pieces, int count, off64_t offset) {
  return pwritev(descriptor, pieces, count, offset);
}

int ftruncate(int descriptor, off_t size) {
  if (kind_of(descriptor) == FOREIGN) return REAL(ftruncate)(descriptor, size);
  return RECORDED(REAL(ftruncate)(descriptor, size),
                  if (result == 0) note("T %lu %lld\n", inode(descriptor), (long long)size));
}

int ftruncate64(int descriptor, off64_t size) { return ftruncate(descriptor, size); }

static int synced(int (*real)(int), int descriptor) {
  if (kind_of(descriptor) != BELOW) return real(descriptor);
  pthread_mutex_lock(&lock);
  unsigned long sync = ++syncs;
  note("S %lu %lu\n", sync, inode(descriptor));
  pthread_mutex_unlock(&lock);
  int result = real(descriptor);
  int error = errno;
  pthread_mutex_lock(&lock);
  if (result == 0) note("E %lu\n", sync);
  pthread_mutex_unlock(&lock);
  errno = error;
  return result;
}

int fsync(int descriptor) { return synced(REAL(fsync), descriptor); }
int fdatasync(int descriptor) { return synced(REAL(fdatasync), descriptor); }

int mkdir(const char *path, mode_t mode) {
  if (!below(path)) return REAL(mkdir)(path, mode);
  struct stat status;
  return RECORDED(REAL(mkdir)(path, mode),
                  if (result == 0 && lstat(path, &status) == 0) note("D %lu %s\n", (unsigned long)status.st_ino, path));
}

int rename(const char *from, const char *to) {
  if (!below(from)) return REAL(rename)(from, to);
  return RECORDED(REAL(rename)(from, to), if (result == 0) note("R %s\t%s\n", from, to));
}

int link(const char *from, const char *to) {
  if (!below(from)) return REAL(link)(from, to);
  return RECORDED(REAL(link)(from, to), if (result == 0) note("L %s\t%s\n", from, to));
}

int unlink(const char *path) {
  if (!below(path)) return REAL(unlink)(path);
  return RECORDED(REAL(unlink)(path), if (result == 0) note("U %s\n", path));
}

int rmdir(const char *path) {
  if (!below(path)) return REAL(rmdir)(path);
  return RECORDED(REAL(rmdir)(path), if (result == 0) note("U %s\n", path));
}
