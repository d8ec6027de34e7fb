# SPDX-License-Identifier: MIT
"""Just enough of bpf(2) to play another user of the same hooks, and to generate packets."""
import ctypes
import os
import struct

MAP_CREATE, MAP_LOOKUP, PROG_LOAD, PROG_TEST_RUN = 0, 1, 5, 10
PROG_GET_FD_BY_ID, OBJ_GET_INFO, PROG_QUERY, LINK_CREATE = 13, 15, 16, 28
MAP_TYPE_ARRAY = 2
PROG_TYPE_SCHED_CLS, PROG_TYPE_XDP = 3, 6
TCX_INGRESS, TCX_EGRESS = 46, 47
TCX_NEXT, TCX_PASS, TCX_DROP = -1, 0, 2
TEST_XDP_LIVE_FRAMES = 2
F_BEFORE = 1 << 3
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
    """A TCX program that counts what it sees and returns a fixed verdict; attached last in the chain.
    It stays until close()."""

    def __init__(self, namespace, interface, hook, verdict):
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
        with namespace.inside():
            index = interface_index(interface)
            self.link, _ = bpf(LINK_CREATE, struct.pack("<IIII", self.program, index, hook, 0))

    def count(self):
        key = ctypes.create_string_buffer(4)
        value = ctypes.create_string_buffer(8)
        bpf(MAP_LOOKUP, struct.pack("<IIQQQ", self.map, 0, address_of(key), address_of(value), 0))
        return struct.unpack("<Q", value.raw)[0]

    def close(self):
        for fd in (self.link, self.program, self.map):
            os.close(fd)


def interface_index(interface):
    import socket
    return socket.if_nametoindex(interface)


def tcx_programs(namespace, interface, hook):
    """The names of the programs on a TCX hook, in the order in which they run."""
    room = 64
    ids = (ctypes.c_uint32 * room)()
    with namespace.inside():
        attributes = struct.pack("<IIIIQI", interface_index(interface), hook, 0, 0, ctypes.addressof(ids), room)
        _, answer = bpf(PROG_QUERY, attributes)
    count = struct.unpack_from("<I", answer, 24)[0]
    return [program_name(ids[i]) for i in range(count)]


def program_name(number):
    fd, _ = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", number))
    try:
        info = ctypes.create_string_buffer(256)
        bpf(OBJ_GET_INFO, struct.pack("<IIQ", fd, len(info), address_of(info)))
        # struct bpf_prog_info: the name is at offset 64.
        return info.raw[64:80].split(b"\0")[0].decode()
    finally:
        os.close(fd)


class Generator:
    """Sends one frame over and over at the fastest rate there is: an XDP program that redirects live
    frames of BPF_PROG_TEST_RUN into an interface. It writes a random number below 2^bits into the
    frame's UDP source port, so that they belong to many flows."""

    def __init__(self, namespace, interface, frame, bits):
        assert frame[12:14] == b"\x08\0" and frame[23] == 17, "UDP over plain IPv4"
        self.namespace = namespace
        self.frame = frame
        with namespace.inside():
            index = interface_index(interface)
        self.program = load_program(
            PROG_TYPE_XDP,
            instruction(0xBF, 6, 1)                             # r6 = ctx
            + instruction(0x85, 0, 0, 0, 7)                     # bpf_get_prandom_u32
            + instruction(0x57, 0, 0, 0, (1 << bits) - 1)       # r0 &= mask
            + instruction(0x61, 1, 6, 0)                        # r1 = ctx->data
            + instruction(0x61, 2, 6, 4)                        # r2 = ctx->data_end
            + instruction(0xBF, 3, 1)                           # r3 = r1
            + instruction(0x07, 3, 0, 0, 42)                    # r3 += 42
            + instruction(0x2D, 3, 2, 1, 0)                     # if r3 > r2 goto +1
            + instruction(0x6B, 1, 0, 34)                       # *(u16 *)(r1 + 34) = r0
            + instruction(0xB7, 1, 0, 0, index)                 # r1 = ifindex
            + instruction(0xB7, 2)                              # r2 = 0
            + instruction(0x85, 0, 0, 0, 23)                    # bpf_redirect
            + instruction(0x95), "generator")

    def send(self, count, batch=64):
        frame = ctypes.create_string_buffer(self.frame, len(self.frame))
        attributes = struct.pack("<IIIIQQIIIIQQIII", self.program, 0, len(self.frame), 0,
                                 address_of(frame), 0, count, 0, 0, 0, 0, 0,
                                 TEST_XDP_LIVE_FRAMES, 0, batch)
        with self.namespace.inside():
            bpf(PROG_TEST_RUN, attributes)

    def close(self):
        os.close(self.program)
