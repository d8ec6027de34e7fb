/* SPDX-License-Identifier: MIT */
#include "http/members.h"

#include "base/log.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#define MEMBERS_MAX      1024
#define NSS_BUFFER_BYTES (256U * 1024U)

struct Members {
    bool group_exists;
    gid_t gid;
    size_t count;
    uint32_t uids[MEMBERS_MAX]; /* sorted */
};

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static void add(Members *members, uid_t uid)
{
    if (members->count < MEMBERS_MAX)
        members->uids[members->count++] = uid;
}

/* Those the group names. */
static void add_named(Members *members, char *const *names, char *buffer)
{
    struct passwd entry, *found;

    for (; *names; names++)
        if (getpwnam_r(*names, &entry, buffer, NSS_BUFFER_BYTES, &found) == 0 && found)
            add(members, found->pw_uid);
}

/* Those whose primary group it is: the group does not name them. */
static void add_primary(Members *members, char *buffer)
{
    struct passwd entry, *found;

    setpwent();
    while (getpwent_r(&entry, buffer, NSS_BUFFER_BYTES, &found) == 0 && found)
        if (found->pw_gid == members->gid)
            add(members, found->pw_uid);
    endpwent();
}

int members_new(const char *group, Members **ret)
{
    _cleanup_(members_freep) Members *members = calloc(1, sizeof(*members));
    _cleanup_free_ char *group_buffer = malloc(NSS_BUFFER_BYTES);
    _cleanup_free_ char *user_buffer = malloc(NSS_BUFFER_BYTES);
    struct group entry, *found = NULL;

    if (!members || !group_buffer || !user_buffer)
        return -ENOMEM;
    add(members, 0);
    add(members, geteuid());
    if (getgrnam_r(group, &entry, group_buffer, NSS_BUFFER_BYTES, &found) == 0 && found) {
        members->group_exists = true;
        members->gid = found->gr_gid;
        add_named(members, found->gr_mem, user_buffer);
        add_primary(members, user_buffer);
    }
    if (members->count == MEMBERS_MAX)
        log_warning("The group %s has too many members: only %d users may write without the token",
                group, MEMBERS_MAX);
    qsort(members->uids, members->count, sizeof(members->uids[0]), compare);
    *ret = TAKE_PTR(members);
    return 0;
}

Members *members_free(Members *members)
{
    free(members);
    return NULL;
}

bool members_contain(const Members *members, uint32_t uid)
{
    return bsearch(&uid, members->uids, members->count, sizeof(uid), compare) != NULL;
}

bool members_have_group(const Members *members, gid_t gid)
{
    return members->group_exists && members->gid == gid;
}

size_t members_count(const Members *members)
{
    return members->count;
}
