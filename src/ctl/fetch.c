/* SPDX-License-Identifier: MIT */
/* HTTP, for what is a stream or a history: over the daemon's unix socket where there is one and we
 * may, else over the loopback address, or wherever --url says. */

#include "ctl/ctl.h"

#include "base/text.h"

#include <curl/curl.h>
#include <string.h>

#define SOCKET     "/run/ntc/http.sock"
#define LOOPBACK   "http://localhost:8086"
#define LINE_BYTES (1 << 20) /* the longest that is taken */

typedef struct Fetch {
    CURL *curl;
    TextBuffer pending; /* a line that isn't complete */
    FetchLine on_line;
    void *userdata;
    int result;
    long status;
} Fetch;

static void easy_cleanup(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void take_line(Fetch *fetch)
{
    char *line = fetch->pending.data ? fetch->pending.data : (char *)"";
    size_t size = strlen(line);

    if (size > 0 && line[size - 1] == '\r')
        line[size - 1] = '\0';
    fetch->result = fetch->on_line(line, fetch->userdata);
    text_clear(&fetch->pending);
}

static size_t on_data(char *data, size_t one, size_t size, void *userdata)
{
    Fetch *fetch = userdata;
    const char *end = data + size;

    (void)one;
    while (data < end && fetch->result == 0) {
        const char *line_end = memchr(data, '\n', (size_t)(end - data));

        text_append_bytes(&fetch->pending, data, (size_t)((line_end ? line_end : end) - data));
        if (fetch->pending.failed || fetch->pending.size > LINE_BYTES)
            return 0;
        if (!line_end)
            break;
        take_line(fetch);
        data = (char *)line_end + 1;
    }
    return fetch->result == 0 ? size : 0;
}

static bool may_use_socket(const Ctl *ctl)
{
    return !ctl->url && access(SOCKET, R_OK | W_OK) == 0;
}

static void set_options(const Ctl *ctl, Fetch *fetch, const char *url)
{
    CURL *curl = fetch->curl;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch);
    if (may_use_socket(ctl))
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, SOCKET);
}

/* What went wrong, if anything did. */
static int judge(Ctl *ctl, Fetch *fetch, CURLcode code)
{
    long status = 0;

    curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 401 || status == 403)
        return ctl_fail(ctl, CTL_DENIED,
                "reading needs the token (server.read_token); become root or join the group ntc");
    if (status >= 400)
        return ctl_fail(ctl, CTL_FAILED, "ntc answered with HTTP status %ld", status);
    if (code == CURLE_OK || fetch->result != 0)
        return 0;
    if (code == CURLE_COULDNT_CONNECT)
        return ctl_fail(ctl, CTL_NOT_RUNNING,
                "ntc does not answer at %s; is it running? --url says where it is",
                ctl->url ? ctl->url : LOOPBACK);
    return ctl_fail(ctl, CTL_FAILED, "%s", curl_easy_strerror(code));
}

int fetch_lines(Ctl *ctl, const char *path, FetchLine on_line, void *userdata)
{
    _cleanup_(easy_cleanup) CURL *curl = curl_easy_init();
    _cleanup_free_ char *url = NULL;
    Fetch fetch = {.curl = curl, .on_line = on_line, .userdata = userdata};
    CURLcode code;

    if (!curl || asprintf(&url, "%s%s", ctl->url ? ctl->url : LOOPBACK, path) < 0)
        return ctl_fail(ctl, CTL_FAILED, "out of memory");
    set_options(ctl, &fetch, url);
    code = curl_easy_perform(curl);
    if (code == CURLE_OK && fetch.pending.size > 0 && fetch.result == 0)
        take_line(&fetch);
    text_done(&fetch.pending);
    return judge(ctl, &fetch, code);
}
