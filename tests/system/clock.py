# SPDX-License-Identifier: MIT
"""A wall clock of its own for the daemon, which the test sets. All other clocks are the machine's."""
import os

from process import run

TEN_YEARS = 10 * 365 * 86400
SOURCE = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *ts)
{
    long seconds = 0;
    FILE *file;
    int r = (int)syscall(SYS_clock_gettime, id, ts);
    if (r == 0 && id == CLOCK_REALTIME && (file = fopen(getenv("WALL_OFFSET"), "r"))) {
        if (fscanf(file, "%ld", &seconds) == 1)
            ts->tv_sec += seconds;
        fclose(file);
    }
    return r;
}
"""


class WallClock:
    """world.launch(config, program=clock.program)"""

    def __init__(self, world, offset=None):
        self.offset = offset or world.folder / "offset"
        self.set(0)
        source, library = world.folder / "clock.c", world.folder / "clock.so"
        source.write_text(SOURCE)
        run("cc", "-shared", "-fPIC", "-o", str(library), str(source))
        self.program = ["env", f"LD_PRELOAD={library}", f"WALL_OFFSET={self.offset}", os.environ["NTC_BINARY"]]

    def set(self, seconds):
        """So far from the true time."""
        self.offset.write_text(str(seconds))
