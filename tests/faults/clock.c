// Lets the wall clock of a process step, and leaves the monotonic one alone: for LD_PRELOAD.
// The file that CLOCK_STEP names holds how many seconds the wall clock is ahead.
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    const char *path = getenv("CLOCK_STEP");
    if (failed == 0 && clock == CLOCK_REALTIME && path != NULL) {
        FILE *file = fopen(path, "r");
        long ahead = 0;
        if (file != NULL) {
            if (fscanf(file, "%ld", &ahead) == 1) now->tv_sec += ahead;
            fclose(file);
        }
    }
    return failed;
}
