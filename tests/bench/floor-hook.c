/* SPDX-License-Identifier: MIT */
/* usage: floor-hook INTERFACE
 *
 * The least that a program on the hook costs: an empty one on INTERFACE, ingress and egress, as ntc
 * attaches (TCX, Linux 6.6). Says `ready`, and goes when its standard input ends. */

#include "empty.skel.h"

#include <bpf/bpf.h>
#include <net/if.h>
#include <stdio.h>

enum { TCX_INGRESS = 46, TCX_EGRESS = 47 };

static int attach(int program, unsigned ifindex, int where)
{
    return bpf_link_create(program, (int)ifindex, (enum bpf_attach_type)where, NULL);
}

int main(int argc, char **argv)
{
    struct empty_bpf *skeleton = empty_bpf__open_and_load();
    unsigned ifindex = argc == 2 ? if_nametoindex(argv[1]) : 0;
    int program = skeleton ? bpf_program__fd(skeleton->progs.empty) : -1;

    if (ifindex == 0 || attach(program, ifindex, TCX_INGRESS) < 0 ||
            attach(program, ifindex, TCX_EGRESS) < 0) {
        perror("floor-hook");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
