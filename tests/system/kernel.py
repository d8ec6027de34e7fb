# SPDX-License-Identifier: MIT
"""Just enough of bpf(2) to play another user of the same hooks."""
import ctypes
import os
import socket
import struct

MAP_CREATE, MAP_LOOKUP, MAP_GET_NEXT_KEY, PROG_LOAD, OBJ_PIN = 0, 1, 4, 5, 6
PROG_GET_FD_BY_ID, MAP_GET_FD_BY_ID, OBJ_GET_INFO, PROG_QUERY, LINK_CREATE = 13, 14, 15, 16, 28
LINK_UPDATE, LINK_GET_FD_BY_ID, LINK_DETACH = 29, 30, 34
MAP_TYPE_ARRAY, MAP_TYPE_LPM_TRIE = 2, 11
PROG_TYPE_SCHED_CLS = 3
TCX_INGRESS, TCX_EGRESS = 46, 47
TCX_NEXT, TCX_PASS, TCX_DROP = -1, 0, 2
SYS_BPF = 321 if os.uname().machine == "x86_64" else 280
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes, size=160):
    """Returns what the call returns, and the attributes as the kernel left them."""
    buffer = ctypes.create_string_buffer(attributes.ljust(size, b"\0"), size)
    result = libc.syscall(SYS_BPF, command, buffer, size)
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf({command}): {os.strerror(number)}")
    return result, buffer.raw


def address_of(buffer):
    return ctypes.addressof(buffer)


def instruction(code, target=0, source=0, offset=0, immediate=0):
    return struct.pack("<BBhi", code, source << 4 | target, offset, immediate)


def load_map_fd(register, fd):
    return instruction(0x18, register, 1, 0, fd) + instruction(0)


def load_program(kind, code, name):
    log = ctypes.create_string_buffer(65536)
    text = ctypes.create_string_buffer(code, len(code))
    license_text = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack("<IIQQIIQII16s", kind, len(code) // 8, address_of(text),
                             address_of(license_text), 1, len(log), address_of(log), 0, 0, name.encode())
    try:
        return bpf(PROG_LOAD, attributes)[0]
    except OSError as error:
        raise OSError(error.errno, f"{error}: {log.value.decode()}") from None


class CountingProgram:
    """A program for the TC hook that counts what it sees and returns a fixed verdict."""

    def __init__(self, verdict):
        self.map, _ = bpf(MAP_CREATE, struct.pack("<IIII", MAP_TYPE_ARRAY, 4, 8, 1))
        code = (instruction(0x7A, 10, 0, -8, 0)         # *(u64 *)(r10 - 8) = 0
                + load_map_fd(1, self.map)
                + instruction(0xBF, 2, 10)              # r2 = r10
                + instruction(0x07, 2, 0, 0, -8)        # r2 += -8
                + instruction(0x85, 0, 0, 0, 1)         # bpf_map_lookup_elem
                + instruction(0x15, 0, 0, 2, 0)         # if r0 == 0 goto +2
                + instruction(0xB7, 1, 0, 0, 1)         # r1 = 1
                + instruction(0xDB, 0, 1, 0, 0)         # lock *(u64 *)(r0) += r1
                + instruction(0xB7, 0, 0, 0, verdict)   # r0 = verdict
                + instruction(0x95))
        self.program = load_program(PROG_TYPE_SCHED_CLS, code, "foreign")
        self.link = -1

    def attach(self, namespace, interface, hook):
        """By TCX, last in the chain, until close()."""
        with namespace.inside():
            index = socket.if_nametoindex(interface)
            self.link, _ = bpf(LINK_CREATE, struct.pack("<IIII", self.program, index, hook, 0))
        return self

    def pin(self, path):
        """For tc(8): path must be in a bpffs."""
        name = ctypes.create_string_buffer(str(path).encode())
        bpf(OBJ_PIN, struct.pack("<QII", address_of(name), self.program, 0))
        return self

    def add_filter(self, namespace, interface, direction, path, *options):
        """By a tc filter, pinned at `path`; the clsact qdisc must be there."""
        self.pin(path)
        namespace.run("tc", "filter", "add", "dev", interface, direction, *options, "bpf", "direct-action",
                      "object-pinned", str(path))
        return self

    def count(self):
        key = ctypes.create_string_buffer(4)
        value = ctypes.create_string_buffer(8)
        bpf(MAP_LOOKUP, struct.pack("<IIQQQ", self.map, 0, address_of(key), address_of(value), 0))
        return struct.unpack("<Q", value.raw)[0]

    def close(self):
        for fd in (self.link, self.program, self.map):
            if fd >= 0:
                os.close(fd)


def tcx_programs(namespace, interface, hook):
    """The names of the programs on a TCX hook, in the order in which they run."""
    room = 64
    ids = (ctypes.c_uint32 * room)()
    with namespace.inside():
        attributes = struct.pack("<IIIIQI", socket.if_nametoindex(interface), hook, 0, 0, ctypes.addressof(ids), room)
        _, answer = bpf(PROG_QUERY, attributes)
    count = struct.unpack_from("<I", answer, 24)[0]
    return [program_name(ids[i]) for i in range(count)]


def for_each_link(namespace, interface, hook, call):
    """call(fd) for each link that is attached to a TCX hook, whoever owns it. Returns how many."""
    room = 64
    programs, links = (ctypes.c_uint32 * room)(), (ctypes.c_uint32 * room)()
    with namespace.inside():
        attributes = struct.pack("<IIIIQIIQQ", socket.if_nametoindex(interface), hook, 0, 0,
                                 ctypes.addressof(programs), room, 0, 0, ctypes.addressof(links))
        _, answer = bpf(PROG_QUERY, attributes)
        count = struct.unpack_from("<I", answer, 24)[0]
        for number in links[:count]:
            fd, _ = bpf(LINK_GET_FD_BY_ID, struct.pack("<I", number))
            call(fd)
            os.close(fd)
    return count


def detach_links(namespace, interface, hook):
    return for_each_link(namespace, interface, hook, lambda fd: bpf(LINK_DETACH, struct.pack("<I", fd)))


def replace_programs(namespace, interface, hook, program):
    """Puts a program behind the links of others."""
    return for_each_link(namespace, interface, hook,
                         lambda fd: bpf(LINK_UPDATE, struct.pack("<III", fd, program.program, 0)))


def program_name(number):
    fd, _ = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", number))
    try:
        info = ctypes.create_string_buffer(256)
        bpf(OBJ_GET_INFO, struct.pack("<IIQ", fd, len(info), address_of(info)))
        # struct bpf_prog_info: the name is at offset 64.
        return info.raw[64:80].split(b"\0")[0].decode()
    finally:
        os.close(fd)


def keys_of(fd, key_size):
    count = 0
    key, following = ctypes.create_string_buffer(key_size), ctypes.create_string_buffer(key_size)
    at = 0  # NULL: from the first
    while True:
        try:
            bpf(MAP_GET_NEXT_KEY, struct.pack("<IIQQ", fd, 0, at, address_of(following)), 32)
        except FileNotFoundError:
            return count
        count += 1
        key, following = following, key
        at = address_of(key)


def list_entries_in_kernel(pid):
    """How many prefixes the tries that a process holds have in all."""
    total, seen = 0, set()
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}", encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:  # closed meanwhile: no map
            continue
        info = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if int(info.get("map_type", 0)) != MAP_TYPE_LPM_TRIE or info["map_id"] in seen:
            continue
        seen.add(info["map_id"])
        fd, _ = bpf(MAP_GET_FD_BY_ID, struct.pack("<I", int(info["map_id"])))
        total += keys_of(fd, int(info["key_size"]))
        os.close(fd)
    return total
