/* SPDX-License-Identifier: MIT */
/* HTTP, for what is a stream or a history: over the daemon's unix socket where there is one and we
 * may, else over the loopback address, or wherever --url says. */

#include "ctl/ctl.h"

#include "base/text.h"

#include <curl/curl.h>
#include <string.h>

#define SOCKET        "/run/ntc/http.sock"
#define LOOPBACK      "http://localhost:8086"
#define LINE_BYTES    (1 << 20) /* the longest that is taken */
#define REFUSAL_BYTES 4096      /* and the longest answer that says why there is none */
#define MESSAGE_MAX   512       /* of what is shown of it */
#define DEPTH_MAX     4

typedef struct Fetch {
    CURL *curl;
    TextBuffer pending; /* a line that isn't complete, or all of a refusal */
    FetchLine on_line;
    void *userdata;
    int result;
} Fetch;

static void easy_cleanup(CURL **curl)
{
    curl_easy_cleanup(*curl);
}

static void fetch_done(Fetch *fetch)
{
    text_done(&fetch->pending);
}

static long status_of(const Fetch *fetch)
{
    long status = 0;

    curl_easy_getinfo(fetch->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
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

/* None of the lines that were asked for. Whoever says too much is not understood. */
static size_t take_refusal(Fetch *fetch, const char *data, size_t size)
{
    if (fetch->pending.size + size > REFUSAL_BYTES)
        return 0;
    text_append_bytes(&fetch->pending, data, size);
    return fetch->pending.failed ? 0 : size;
}

static size_t on_data(char *data, size_t one, size_t size, void *userdata)
{
    Fetch *fetch = userdata;
    const char *end = data + size;

    (void)one;
    if (status_of(fetch) >= 400)
        return take_refusal(fetch, data, size);
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

/* The daemon's own words are sentences for the user; whatever else answers may say anything. */
static int tell_refusal(Ctl *ctl, const Fetch *fetch, long status)
{
    const char *body = fetch->pending.data ? fetch->pending.data : "", *message;
    _cleanup_json_ json_object *answer = NULL;
    char text[MESSAGE_MAX];

    if (json_parse_strict(body, fetch->pending.size, DEPTH_MAX, &answer, NULL) < 0 ||
            json_get_string(answer, "message", &message) <= 0 || !message[0])
        return ctl_fail(ctl, CTL_FAILED, "ntc answered with HTTP status %ld", status);
    format_value(COLUMN_TEXT, json_object_object_get(answer, "message"), text, sizeof(text));
    return ctl_fail(ctl, CTL_FAILED, "%s", text);
}

/* What went wrong, if anything did. */
static int judge(Ctl *ctl, const Fetch *fetch, CURLcode code)
{
    long status = status_of(fetch);

    if (status == 401 || status == 403)
        return ctl_fail(ctl, CTL_DENIED,
                "reading needs the token (server.read_token); become root or join the group ntc");
    if (status >= 400)
        return tell_refusal(ctl, fetch, status);
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
    _cleanup_(fetch_done) Fetch fetch = {.curl = curl, .on_line = on_line, .userdata = userdata};
    CURLcode code;

    if (!curl || asprintf(&url, "%s%s", ctl->url ? ctl->url : LOOPBACK, path) < 0)
        return ctl_fail(ctl, CTL_FAILED, "out of memory");
    set_options(ctl, &fetch, url);
    code = curl_easy_perform(curl);
    if (code == CURLE_OK && status_of(&fetch) < 400 && fetch.pending.size > 0 && fetch.result == 0)
        take_line(&fetch);
    return judge(ctl, &fetch, code);
}
