/* SPDX-License-Identifier: MIT */
#include "control/state-path.h"

#include "base/cleanup.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel: path_resolution(7) */

static char *join_path(const Config *config)
{
    const char *path = config->persistence.path, *folder = getenv("STATE_DIRECTORY");
    char *joined;

    if (path[0] == '/' || !folder || !folder[0])
        return strdup(path);
    return asprintf(&joined, "%s/%s", folder, path) < 0 ? NULL : joined;
}

/* `path` as seen from the folder of `base`; NULL: out of memory. */
static char *beside(const char *base, const char *path)
{
    const char *slash = strrchr(base, '/');
    char *joined;

    if (path[0] == '/' || !slash)
        return strdup(path);
    return asprintf(&joined, "%.*s/%s", (int)(slash - base), base, path) < 0 ? NULL : joined;
}

/* Replaces *path by where it points to, as long as it is a link. */
static int follow_links(char **path)
{
    for (int i = 0; i < LINKS_MAX; i++) {
        char target[PATH_MAX];
        ssize_t n = readlink(*path, target, sizeof(target) - 1);
        char *next;

        if (n < 0)
            return 0;
        target[n] = '\0';
        next = beside(*path, target);
        if (!next)
            return -ENOMEM;
        free(*path);
        *path = next;
    }
    return -ELOOP;
}

/* By the folder's real name, as realpath(3) gives it once the file exists. */
static int name_in_real_folder(const char *path, char **ret)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    _cleanup_free_ char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    _cleanup_free_ char *real = folder ? realpath(folder, NULL) : NULL;

    if (!folder)
        return -ENOMEM;
    if (!real)
        return -errno;
    return asprintf(ret, "%s/%s", strcmp(real, "/") == 0 ? "" : real, name) < 0 ? -ENOMEM : 0;
}

static int find_target(const char *link, char **ret, ConfigError *error)
{
    _cleanup_free_ char *path = strdup(link);
    int r = path ? follow_links(&path) : -ENOMEM;

    if (r >= 0)
        r = name_in_real_folder(path, ret);
    if (r < 0 && path)
        snprintf(error->message, sizeof(error->message),
                "the state file %s is a link to %s, whose folder can't be reached: %s; mount or make "
                "it, or remove the link",
                link, path, strerror(-r));
    return r;
}

int state_path_find(const Config *config, char **ret, ConfigError *error)
{
    _cleanup_free_ char *path = join_path(config);
    char nothing;

    if (!path)
        return -ENOMEM;
    if (readlink(path, &nothing, 1) >= 0)
        return find_target(path, ret, error);
    *ret = TAKE_PTR(path);
    return 0;
}
