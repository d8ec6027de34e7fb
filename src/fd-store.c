/* SPDX-License-Identifier: MIT */
#include "fd-store.h"

#include "base/log.h"

#include <string.h>
#include <systemd/sd-daemon.h>

struct FdStore {
    char names[HANDOVER_MAX][HANDOVER_NAME_MAX];
    size_t n_names;
};

static void store_remove(const char *name)
{
    (void)sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%s", name);
}

/* FDPOLL=0: a map reports EPOLLERR, and the manager throws out what does. */
static int store_add(const char *name, int fd)
{
    char state[HANDOVER_NAME_MAX + 64];

    snprintf(state, sizeof(state), "FDSTORE=1\nFDPOLL=0\nFDNAME=%.*s", HANDOVER_NAME_MAX - 1, name);
    return sd_pid_notify_with_fds(0, 0, state, &fd, 1);
}

static bool is_kept_name(const char *name)
{
    return strncmp(name, HANDOVER_PREFIX, strlen(HANDOVER_PREFIX)) == 0 &&
           strlen(name) < HANDOVER_NAME_MAX;
}

static void sort_in(PassedFds *passed, int fd, const char *name)
{
    if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) > 0 && passed->n_sockets < PASSED_SOCKETS_MAX) {
        passed->sockets[passed->n_sockets++] = fd;
        return;
    }
    if (is_kept_name(name) && passed->n_kept < HANDOVER_MAX) {
        HandoverFd *kept = &passed->kept[passed->n_kept++];

        snprintf(kept->name, sizeof(kept->name), "%s", name);
        kept->fd = fd;
        return;
    }
    log_warning("Passed a file descriptor that is none of ntc's: %s", name);
    store_remove(name);
    safe_close(fd);
}

void passed_fds_collect(PassedFds *ret)
{
    char **names = NULL;
    int n = sd_listen_fds_with_names(1, &names);

    *ret = (PassedFds){};
    for (int i = 0; i < n; i++) {
        sort_in(ret, SD_LISTEN_FDS_START + i, names[i]);
        free(names[i]);
    }
    free(names);
}

void passed_fds_close(PassedFds *passed)
{
    for (size_t i = 0; i < passed->n_kept; i++)
        passed->kept[i].fd = safe_close(passed->kept[i].fd);
}

int fd_store_new(const PassedFds *passed, FdStore **ret)
{
    FdStore *store = calloc(1, sizeof(*store));

    if (!store)
        return -ENOMEM;
    for (size_t i = 0; i < passed->n_kept; i++) {
        if (passed->kept[i].fd >= 0)
            store_remove(passed->kept[i].name);
        else
            memcpy(store->names[store->n_names++], passed->kept[i].name, HANDOVER_NAME_MAX);
    }
    *ret = store;
    return 0;
}

FdStore *fd_store_free(FdStore *store)
{
    free(store);
    return NULL;
}

static bool has_name(const HandoverFd *items, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(items[i].name, name) == 0)
            return true;
    return false;
}

static bool is_stored(const FdStore *store, const char *name)
{
    for (size_t i = 0; i < store->n_names; i++)
        if (strcmp(store->names[i], name) == 0)
            return true;
    return false;
}

void fd_store_sync(FdStore *store, Datapath *datapath)
{
    HandoverFd items[HANDOVER_MAX];
    size_t n = datapath_handover(datapath, items, HANDOVER_MAX), kept = 0;

    for (size_t i = 0; i < store->n_names; i++) {
        if (!has_name(items, n, store->names[i]))
            store_remove(store->names[i]);
        else
            memmove(store->names[kept++], store->names[i], HANDOVER_NAME_MAX);
    }
    store->n_names = kept;
    for (size_t i = 0; i < n; i++) {
        if (is_stored(store, items[i].name))
            continue;
        if (store_add(items[i].name, items[i].fd) < 0)
            log_warning("The service manager did not take %s into its store", items[i].name);
        memcpy(store->names[store->n_names++], items[i].name, HANDOVER_NAME_MAX);
    }
}
