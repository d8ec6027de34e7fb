/* SPDX-License-Identifier: MIT */
#include "http/token.h"

#include "base/text.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_BYTES_MAX (TOKEN_BYTES_MAX + 16) /* a few line ends are fine */

static int complain(ConfigError *error, const char *path, int r, const char *what)
{
    snprintf(error->message, sizeof(error->message), "the token file %.*s %s", text_fit(path, 200),
            path, what);
    return r;
}

/* The service manager answers for its own; it may use an ACL, which shows as a group's right. */
static int check_file(int fd, const char *path, bool credential, ConfigError *error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return complain(error, path, -errno, "can't be looked at");
    if (!S_ISREG(st.st_mode))
        return complain(error, path, -EINVAL, "is not a regular file");
    if (credential)
        return 0;
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return complain(error, path, -EPERM, "must belong to root or to ntc's own user");
    if (st.st_mode & 077)
        return complain(error, path, -EPERM, "can be read by others; chmod 600 it");
    return 0;
}

/* RFC 6750, 2.1: b64token. */
static bool valid(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && !memchr("-._~+/=", text[i], 7))
            return false;
    return true;
}

static int take(const char *path, const char *text, size_t size, Token *ret, ConfigError *error)
{
    while (size > 0 && memchr("\r\n", text[size - 1], 2))
        size--;
    if (size < TOKEN_BYTES_MIN || size > TOKEN_BYTES_MAX)
        return complain(error, path, -EINVAL, "must hold 16 to 256 characters");
    if (!valid(text, size))
        return complain(error, path, -EINVAL,
                "must hold one line of letters, digits and -._~+/= and nothing else");
    memcpy(ret->text, text, size);
    ret->size = size;
    return 1;
}

static int load(const char *path, bool credential, Token *ret, ConfigError *error)
{
    /* A FIFO must not hold us up. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char text[FILE_BYTES_MAX];
    ssize_t n;
    int r;

    if (fd < 0 && errno == ENOENT)
        return complain(error, path, 0, "is not there (yet)");
    if (fd < 0)
        return complain(error, path, -errno, "can't be opened");
    r = check_file(fd, path, credential, error);
    if (r < 0)
        return r;
    n = read(fd, text, sizeof(text));
    if (n < 0)
        return complain(error, path, -errno, "can't be read");
    r = take(path, text, (size_t)n, ret, error);
    explicit_bzero(text, sizeof(text));
    return r;
}

int token_load(const Config *config, Token *ret, ConfigError *error)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    _cleanup_free_ char *path = NULL;
    Token token = {};
    int r = 0;

    error->message[0] = '\0';
    if (config->server.token_file[0])
        r = load(config->server.token_file, false, &token, error);
    else if (folder && folder[0] == '/') {
        if (asprintf(&path, "%s/token", folder) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        r = load(path, true, &token, error);
        if (r == 0)
            error->message[0] = '\0'; /* nobody asked for it */
    }
    if (r >= 0)
        *ret = token;
    token_forget(&token);
    return r;
}

void token_forget(Token *token)
{
    explicit_bzero(token, sizeof(*token));
}

bool token_equal(const Token *token, const char *text, size_t size)
{
    volatile unsigned char difference = 0;

    if (token->size == 0 || token->size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        difference = (unsigned char)(difference | (token->text[i] ^ text[i]));
    return difference == 0;
}
