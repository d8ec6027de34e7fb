/* SPDX-License-Identifier: MIT */
#include "datapath/bpf-internal.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#ifndef CAP_PERFMON
#    define CAP_PERFMON 38 /* linux 5.8 */
#    define CAP_BPF     39
#endif

/* Of the 64 that capget(2) tells of, those in force. */
static uint64_t effective_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

    if (syscall(SYS_capget, &header, data) < 0)
        return 0;
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

static bool may_load(void)
{
    uint64_t have = effective_capabilities();
    uint64_t need = 1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON;

    return have & 1ULL << CAP_SYS_ADMIN || (have & need) == need;
}

static const char *hint_for_refusal(void)
{
    if (!may_load())
        return "loading eBPF needs root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON; try --mock without";
    return "ntc has the capabilities for it, so something else forbids it: a SystemCallFilter= of the unit "
           "(systemctl cat ntc), a container's profile, the kernel's lockdown, or its verifier "
           "(SYSTEMD_LOG_LEVEL=debug shows what that said)";
}

const char *bpf_hint(int error)
{
    switch (-error) {
    case EPERM:
    case EACCES:
        return hint_for_refusal();
    case ENOMEM:
        return "not enough memory for the maps; lower flows.capacity or lists.capacity";
    case ENOSYS:
        return "this kernel has no bpf system call; try --mock";
    default:
        return "the kernel refused the eBPF program; Linux 5.15 or later (arm64: 5.18) is needed; try --mock";
    }
}
