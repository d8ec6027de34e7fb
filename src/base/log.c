/* SPDX-License-Identifier: MIT */
/* A line may quote what strangers wrote (a comment, a header, a file): control characters are
 * replaced, so that nobody forges a line, a priority or an escape sequence for the terminal. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static atomic_int max_level = LOG_INFO;
static atomic_ullong lost;

static const char *const level_names[] = {
        [LOG_EMERG] = "emerg",
        [LOG_ALERT] = "alert",
        [LOG_CRIT] = "crit",
        [LOG_ERR] = "err",
        [LOG_WARNING] = "warning",
        [LOG_NOTICE] = "notice",
        [LOG_INFO] = "info",
        [LOG_DEBUG] = "debug",
};

int log_level_of(const char *name)
{
    for (size_t i = 0; i < ELEMENTSOF(level_names); i++)
        if (strcmp(name, level_names[i]) == 0)
            return (int)i;
    return -EINVAL;
}

const char *log_level_name(int level)
{
    return level_names[level];
}

void log_set_level(int level)
{
    max_level = level;
}

int log_get_level(void)
{
    return max_level;
}

uint64_t log_lost(void)
{
    return lost;
}

/* systemd.exec(5): $JOURNAL_STREAM names the stream's device and inode, so that a redirected stderr
 * is not taken for the journal's. */
static bool stderr_is_journal(void)
{
    static atomic_int known = -1;
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat st;

    if (known < 0)
        known = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
    return known;
}

static void replace_controls(char *text, int size)
{
    for (int i = 0; i < size; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = text[i] == '\n' || text[i] == '\t' ? ' ' : '?';
}

/* The journal's stream is a socket, which a hung journald leaves full: nobody waits for it. */
static ssize_t put(const char *line, size_t size)
{
    if (stderr_is_journal())
        return send(STDERR_FILENO, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return write(STDERR_FILENO, line, size);
}

/* One write a line, so that lines of several threads don't mix. */
void log_line(int level, const char *format, ...)
{
    int saved = errno;
    char line[2048];
    int used = 0, n;
    va_list args;

    if (level > max_level)
        return;
    if (stderr_is_journal())
        used = snprintf(line, sizeof(line), "<%d>", level);
    va_start(args, format);
    errno = saved;
    n = vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    used = MIN_OF(used + n, (int)sizeof(line) - 2);
    replace_controls(line, used);
    line[used++] = '\n';
    if (put(line, (size_t)used) < 0)
        lost++;
    errno = saved;
}
