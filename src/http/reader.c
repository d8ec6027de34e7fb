/* SPDX-License-Identifier: MIT */
#include "http/reader.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

bool reader_is_slow(Reader *reader, int fd, uint64_t now_ns, uint64_t limit_ns)
{
    int waiting = 0;
    int64_t taken;

    if (ioctl(fd, SIOCOUTQ, &waiting) < 0)
        return false;
    taken = (int64_t)reader->given_bytes - waiting;
    if (reader->since_ns == 0 || waiting == 0 ||
            taken - reader->taken_bytes > reader->waiting_bytes / READER_SHARE) {
        reader->taken_bytes = taken;
        reader->waiting_bytes = waiting;
        reader->since_ns = now_ns;
    }
    return now_ns - reader->since_ns > limit_ns;
}
