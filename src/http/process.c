/* SPDX-License-Identifier: MIT */
#include "http/process.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

typedef struct ProcessStat {
    uint64_t user_ticks, system_ticks, start_ticks, virtual_bytes, resident_pages;
} ProcessStat;

/* proc(5), /proc/pid/stat: the name in parentheses may hold anything, so the fields are counted
 * from behind the last one: 3 is the state, 14 and 15 the times, 22 the start, 23 and 24 the sizes.
 */
static bool read_stat(ProcessStat *ret)
{
    _cleanup_fclose_ FILE *file = fopen("/proc/self/stat", "re");
    char line[2048], *at;

    if (!file || !fgets(line, sizeof(line), file))
        return false;
    at = strrchr(line, ')');
    return at && sscanf(at + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                         " %*d %*d %*d %*d %*d %*d %" SCNu64 " %" SCNu64 " %" SCNu64,
                         &ret->user_ticks, &ret->system_ticks, &ret->start_ticks,
                         &ret->virtual_bytes, &ret->resident_pages) == 5;
}

static uint64_t count_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t n = 0;

    if (!folder)
        return 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        n += entry->d_name[0] != '.';
    closedir(folder);
    return n - 1; /* the folder's own */
}

static void out_stat(MetricText *out, const ProcessStat *stat)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    double now = (double)clock_wall_ns() / NSEC_PER_SEC,
           up = (double)clock_boottime_ns() / NSEC_PER_SEC;

    metric_counter(out, "process_cpu_seconds_total", "User and system CPU time spent, in seconds.");
    text_appendf(out->text, "%s %.2f\n", out->name,
            (double)(stat->user_ticks + stat->system_ticks) / ticks);
    metric_gauge(out, "process_start_time_seconds",
            "Start time of the process since the epoch, in seconds.");
    text_appendf(out->text, "%s %.2f\n", out->name, now - up + (double)stat->start_ticks / ticks);
    metric_gauge_value(out, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
            stat->virtual_bytes);
    metric_gauge_value(out, "process_resident_memory_bytes", "Resident memory size in bytes.",
            stat->resident_pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

void metrics_process(MetricText *out)
{
    ProcessStat stat;
    struct rlimit limit;
    uint64_t fds = count_fds();

    if (read_stat(&stat))
        out_stat(out, &stat);
    if (fds > 0)
        metric_gauge_value(out, "process_open_fds", "Number of open file descriptors.", fds);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        metric_gauge_value(
                out, "process_max_fds", "Maximum number of open file descriptors.", limit.rlim_cur);
}
