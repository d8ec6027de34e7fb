/* SPDX-License-Identifier: MIT */
/* Plays the service manager's part of sd_notify(3) and sd_listen_fds(3) for one service: keeps the
 * file descriptors it is given, and passes them on at the next start.
 *
 *     manager serve                 in the namespace the service is to run in
 *     manager start PROGRAM [ARGUMENT...]
 *                                   starts it with all that is kept, waits until it is ready
 *     manager end SIGNAL            sends the signal, waits for the end, prints the exit status
 *     manager names                 prints the names of what is kept
 *     manager drop                  lets go of it, as after `systemctl stop`
 *
 * The verbs but the first ask the one that serves, and fail if it says so. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ASK_PATH    "/run/manager"
#define NOTIFY_PATH "/run/notify"
#define LOG_PATH    "/run/ntc.log"

enum {
    KEPT_MAX = 128,
    NAME_SIZE = 256,
    TEXT_SIZE = 16384,
    ARGUMENTS_MAX = 16,
    FIRST_FD = 3,  /* SD_LISTEN_FDS_START */
    HIGH_FD = 500, /* out of the way of what is passed on */
    READY_MS = 180000,
    END_MS = 20000,
};

static struct {
    char name[NAME_SIZE];
    int fd;
} kept[KEPT_MAX];
static size_t n_kept;
static int notify_fd;
static pid_t service;
static int ready;

_Noreturn static void die(const char *what)
{
    fprintf(stderr, "manager: %s: %s\n", what, strerror(errno));
    exit(EXIT_FAILURE);
}

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int unix_socket(int type, const char *path, int serve)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), r;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (serve)
        unlink(path);
    r = (serve ? bind : connect)(fd, (struct sockaddr *)&address, sizeof(address));
    if (fd < 0 || r < 0)
        die(path);
    return fd;
}

/* --- what the service tells */

static void forget(const char *name)
{
    size_t left = 0;

    for (size_t i = 0; i < n_kept; i++) {
        if (strcmp(kept[i].name, name) == 0)
            close(kept[i].fd);
        else
            kept[left++] = kept[i];
    }
    n_kept = left;
}

static void keep(const char *name, int fd)
{
    if (n_kept == KEPT_MAX)
        die("too much to keep");
    snprintf(kept[n_kept].name, NAME_SIZE, "%s", name);
    kept[n_kept++].fd = fd;
}

static void take_notice(char *text, int fd)
{
    const char *name = "stored";
    int store = 0, drop = 0, poll_off = 0;

    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        ready = ready || strcmp(line, "READY=1") == 0;
        store = store || strcmp(line, "FDSTORE=1") == 0;
        drop = drop || strcmp(line, "FDSTOREREMOVE=1") == 0;
        poll_off = poll_off || strcmp(line, "FDPOLL=0") == 0;
        if (strncmp(line, "FDNAME=", 7) == 0)
            name = line + 7;
    }
    if (drop)
        forget(name);
    /* Without FDPOLL=0 the real one throws out maps at once, for they report EPOLLERR. */
    if (store && fd >= 0 && poll_off)
        keep(name, fd);
    else if (fd >= 0)
        close(fd);
}

static void on_notice(void)
{
    char text[4096] = "", control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {text, sizeof(text) - 1};
    struct msghdr message = {.msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = control,
            .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(notify_fd, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
    int fd = -1;

    if (n < 0)
        return;
    text[n] = '\0';
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    take_notice(text, fd);
}

/* --- what it is asked */

/* In the child. Last stored, first passed: as systemd 252 does, and none may rely on any order. */
static void become_service(char **arguments)
{
    static char names[KEPT_MAX * NAME_SIZE];
    int log = open(LOG_PATH, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    char number[16];

    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    for (size_t i = 0; i < n_kept; i++) {
        size_t from = n_kept - 1 - i;

        if (dup3(kept[from].fd, HIGH_FD + (int)i, O_CLOEXEC) < 0)
            die("dup");
        strcat(names, i > 0 ? ":" : "");
        strcat(names, kept[from].name);
    }
    for (size_t i = 0; i < n_kept; i++)
        if (dup2(HIGH_FD + (int)i, FIRST_FD + (int)i) < 0)
            die("dup");
    snprintf(number, sizeof(number), "%zu", n_kept);
    setenv("LISTEN_FDS", number, 1);
    setenv("LISTEN_FDNAMES", names, 1);
    snprintf(number, sizeof(number), "%d", getpid());
    setenv("LISTEN_PID", number, 1);
    setenv("NOTIFY_SOCKET", NOTIFY_PATH, 1);
    setenv("NTC_HANDOVER", "1", 1);
    execv(arguments[0], arguments);
    die(arguments[0]);
}

/* Serves notices until the service is ready or has ended, or the time is over. */
static int wait_for(int until_ready, int limit_ms, int *status)
{
    long end_ms = now_ms() + limit_ms;

    while (now_ms() < end_ms) {
        struct pollfd fds = {.fd = notify_fd, .events = POLLIN};

        if (poll(&fds, 1, 10) > 0)
            on_notice();
        else if (waitpid(service, status, WNOHANG) == service)
            return 0;
        if (until_ready && ready)
            return 1;
    }
    return -1;
}

static int start(char **arguments, char *answer)
{
    int status = 0, r;

    ready = 0;
    service = fork();
    if (service == 0)
        become_service(arguments);
    r = wait_for(1, READY_MS, &status);
    if (r > 0)
        return 0;
    sprintf(answer, r == 0 ? "ended with status 0x%x\n" : "not ready in time\n", (unsigned)status);
    return 1;
}

static int end(char **arguments, char *answer)
{
    int status = 0;

    kill(service, atoi(arguments[0]));
    if (wait_for(0, END_MS, &status) < 0) {
        sprintf(answer, "does not end\n");
        return 1;
    }
    sprintf(answer, "%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

static int names(char **arguments, char *answer)
{
    (void)arguments;
    for (size_t i = 0; i < n_kept; i++)
        answer += snprintf(answer, NAME_SIZE, "%.100s\n", kept[i].name);
    return 0;
}

static int drop(char **arguments, char *answer)
{
    (void)arguments;
    *answer = '\0';
    while (n_kept > 0)
        close(kept[--n_kept].fd);
    return 0;
}

/* A question is words that end with NUL; the answer is the exit status, a byte, and text. */
static void on_question(int listener)
{
    static const struct {
        const char *name;
        int (*run)(char **arguments, char *answer);
    } verbs[] = {{"start", start}, {"end", end}, {"names", names}, {"drop", drop}};
    static char text[TEXT_SIZE], answer[TEXT_SIZE];
    char *arguments[ARGUMENTS_MAX + 1] = {};
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), n = 0, r = 2;
    ssize_t size = read(fd, text, sizeof(text) - 1);

    text[size < 0 ? 0 : size] = '\0';
    for (char *word = text; word < text + size && n < ARGUMENTS_MAX; word += strlen(word) + 1)
        arguments[n++] = word;
    answer[1] = '\0';
    for (size_t i = 0; n > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(arguments[0], verbs[i].name) == 0)
            r = verbs[i].run(arguments + 1, answer + 1);
    answer[0] = (char)r;
    if (write(fd, answer, 1 + strlen(answer + 1)) < 0)
        fprintf(stderr, "manager: %s\n", strerror(errno));
    close(fd);
}

static int serve(void)
{
    int listener = unix_socket(SOCK_STREAM, ASK_PATH, 1);
    struct pollfd fds[] = {{.events = POLLIN}, {.fd = listener, .events = POLLIN}};

    fds[0].fd = notify_fd = unix_socket(SOCK_DGRAM, NOTIFY_PATH, 1);
    if (listen(listener, 8) < 0)
        die("listen");
    while (poll(fds, 2, -1) > 0) {
        /* First what was told, then what is asked about it. */
        if (fds[0].revents)
            on_notice();
        else if (fds[1].revents)
            on_question(listener);
    }
    die("poll");
}

static int ask(int argc, char **argv)
{
    static char text[TEXT_SIZE];
    int fd = unix_socket(SOCK_STREAM, ASK_PATH, 0);
    size_t used = 0;
    ssize_t n = 0;

    for (int i = 1; i < argc; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", argv[i]) + 1;
    if (write(fd, text, used) < 0 || (n = read(fd, text, sizeof(text) - 1)) < 1)
        die("ask");
    text[n] = '\0';
    fputs(text + 1, stdout);
    return text[0];
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "manager: bad command line; its source says how\n");
        return 2;
    }
    return strcmp(argv[1], "serve") == 0 ? serve() : ask(argc, argv);
}
