/* SPDX-License-Identifier: MIT */
/* usage: floor-http PORT
 *
 * The least that an answer of libmicrohttpd costs: one daemon in epoll mode without threads, turned
 * whenever its descriptor is readable, that answers anything with the same few bytes. */

#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>

static struct MHD_Response *response;

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
        const char *method, const char *version, const char *data, size_t *size, void **state)
{
    static int seen;

    if (!*state) { /* the head; the answer is due when the request is complete */
        *state = &seen;
        return MHD_YES;
    }
    *state = NULL;
    return MHD_queue_response(connection, 200, response);
}

int main(int argc, char **argv)
{
    static char body[] = "{\"ok\":true}";
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_EPOLL,
            argc == 2 ? (uint16_t)atoi(argv[1]) : 0, NULL, NULL, answer, NULL, MHD_OPTION_END);
    const union MHD_DaemonInfo *info =
            daemon ? MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    MHD_UNSIGNED_LONG_LONG timeout;

    response = MHD_create_response_from_buffer(sizeof(body) - 1, body, MHD_RESPMEM_PERSISTENT);
    if (!info || !response)
        return 1;
    for (;;) {
        struct pollfd waits = {.fd = info->epoll_fd, .events = POLLIN};

        poll(&waits, 1, MHD_get_timeout(daemon, &timeout) == MHD_YES ? (int)timeout : -1);
        MHD_run(daemon);
    }
}
