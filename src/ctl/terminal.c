/* SPDX-License-Identifier: MIT */
/* The two programs that share the terminal with ntcctl: a pager for long output, and polkit's agent
 * that asks for a password, as in systemctl(1). */

#include "ctl/ctl.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define AGENT            "/usr/bin/pkttyagent"
#define AGENT_READY_MSEC 3000

/* --- the pager */

static const char *pager_command(void)
{
    static const char *const variables[] = {"NTC_PAGER", "SYSTEMD_PAGER", "PAGER"};

    for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
        const char *command = getenv(variables[i]);

        if (command)
            return command;
    }
    return "less";
}

static void run_pager(const char *command, int input)
{
    dup2(input, STDIN_FILENO);
    close(input);
    signal(SIGINT, SIG_IGN); /* it is for what feeds the pager */
    setenv("LESS", "FRSXMK", 0);
    setenv("LESSSECURE", "1", 1);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

void pager_open(Ctl *ctl)
{
    const char *command = pager_command();
    int fds[2];

    if (ctl->pager > 0 || ctl->no_pager || !on_terminal() || !command[0] ||
            strcmp(command, "cat") == 0 || pipe2(fds, O_CLOEXEC) < 0)
        return;
    fflush(stdout);
    ctl->pager = fork();
    if (ctl->pager == 0)
        run_pager(command, fds[0]);
    if (ctl->pager > 0)
        dup2(fds[1], STDOUT_FILENO);
    close(fds[0]);
    close(fds[1]);
}

void pager_close(Ctl *ctl)
{
    if (ctl->pager <= 0)
        return;
    fflush(stdout);
    close(STDOUT_FILENO);
    while (waitpid(ctl->pager, NULL, 0) < 0 && errno == EINTR)
        ;
    ctl->pager = 0;
}

/* --- the agent */

static void run_agent(int ready)
{
    char fd[16];

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    fcntl(ready, F_SETFD, 0);
    snprintf(fd, sizeof(fd), "%d", ready);
    execl(AGENT, AGENT, "--notify-fd", fd, "--fallback", (char *)NULL);
    _exit(127);
}

/* Root needs none, and nobody can be asked without a terminal. */
void agent_open(Ctl *ctl)
{
    int fds[2];

    if (ctl->agent > 0 || geteuid() == 0 || !isatty(STDIN_FILENO) || access(AGENT, X_OK) < 0 ||
            pipe2(fds, O_CLOEXEC) < 0)
        return;
    fflush(NULL);
    ctl->agent = fork();
    if (ctl->agent == 0)
        run_agent(fds[1]);
    close(fds[1]);
    if (ctl->agent > 0) /* it closes the descriptor when it is registered */
        (void)poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, AGENT_READY_MSEC);
    close(fds[0]);
}

void agent_close(Ctl *ctl)
{
    if (ctl->agent <= 0)
        return;
    kill(ctl->agent, SIGTERM);
    while (waitpid(ctl->agent, NULL, 0) < 0 && errno == EINTR)
        ;
    ctl->agent = 0;
}
