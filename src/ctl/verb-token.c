/* SPDX-License-Identifier: MIT */
/* The token that lets browsers on other machines change things: 32 random bytes where ntc.service
 * looks for its credential (LoadCredential=token:ntc.token). */

#include "ctl/ctl.h"

#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#define FOLDER      "/etc/credstore"
#define TOKEN_FILE  FOLDER "/ntc.token"
#define TOKEN_BYTES 32
#define PORT        8086 /* the default of server.port */

/* RFC 4648, section 5, without padding: fit for a header, and for a double click. */
static void encode(const uint8_t *bytes, size_t n, char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6)
            *text++ = digits[bits >> (have - 6) & 63];
    }
    if (have > 0)
        *text++ = digits[bits << (6 - have) & 63];
    *text = '\0';
}

static int make_token(char *text)
{
    uint8_t bytes[TOKEN_BYTES];

    if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
        return -EIO;
    encode(bytes, sizeof(bytes), text);
    explicit_bzero(bytes, sizeof(bytes));
    return 0;
}

/* Whole or not at all: written beside it, then renamed. */
static int write_token(const char *text)
{
    static const char temporary[] = TOKEN_FILE ".new";
    _cleanup_close_ int fd = -EBADF;
    size_t size = strlen(text);

    if (mkdir(FOLDER, 0700) < 0 && errno != EEXIST)
        return -errno;
    if (unlink(temporary) < 0 && errno != ENOENT)
        return -errno;
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    if (write(fd, text, size) != (ssize_t)size || write(fd, "\n", 1) != 1 || fsync(fd) < 0 ||
            rename(temporary, TOKEN_FILE) < 0) {
        int r = errno > 0 ? -errno : -EIO;

        (void)unlink(temporary);
        return r;
    }
    return 0;
}

static void print_token(const Ctl *ctl, const char *token, const char *url)
{
    if (ctl->json) {
        printf("{\"token\":\"%s\",\"url\":\"%s\"}\n", token, url);
        return;
    }
    printf("%s%s%s\n\n", COLOUR_BOLD, token, COLOUR_NONE);
    printf("It is in %s. The service takes it up with\n\n    systemctl restart ntc\n\n",
            TOKEN_FILE);
    printf("(no blacklisted packet gets through meanwhile). Then open %s on another machine;\n"
           "the page asks for it the first time you change something.\n",
            url);
}

/* As the daemon says, if it runs; else it can only be guessed. */
static uint16_t find_port(Ctl *ctl)
{
    _cleanup_json_ json_object *reply = NULL;
    json_object *status;
    uint64_t port;

    if (ctl_try(ctl, MANAGER, "GetStatus", &reply) >= 0) {
        status = json_object_array_get_idx(reply, 0);
        if (json_get_uint64(status, "http_port", &port) > 0 && port > 0 && port <= UINT16_MAX)
            return (uint16_t)port;
    }
    fprintf(stderr,
            "ntcctl: ntc did not say which port it listens on: %d is the default (server.port)\n",
            PORT);
    return PORT;
}

int verb_token(Ctl *ctl)
{
    char token[TOKEN_BYTES * 2], host[256] = "localhost", url[300];
    int r;

    if (access(TOKEN_FILE, F_OK) == 0 && !ctl->renew)
        return ctl_fail(ctl, CTL_FAILED,
                "there is a token already, in %s; --new makes another, and the old one ends",
                TOKEN_FILE);
    r = make_token(token);
    if (r >= 0)
        r = write_token(token);
    if (r == -EACCES || r == -EPERM)
        return ctl_fail(ctl, CTL_DENIED, "only root may write %s; try sudo", TOKEN_FILE);
    if (r < 0)
        return ctl_fail(ctl, CTL_FAILED, "could not write %s: %s", TOKEN_FILE, strerror(-r));
    (void)gethostname(host, sizeof(host) - 1);
    snprintf(url, sizeof(url), "http://%s:%u/", host, find_port(ctl));
    print_token(ctl, token, url);
    return 0;
}
