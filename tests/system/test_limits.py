# SPDX-License-Identifier: MIT
"""Each limit of the HTTP server: what happens at it, to whom, and that it is counted."""
import contextlib
import json
import socket
import threading
import time

from marks import alone, once
from viewer import Viewer
from waiting import expect
from world import World

HOST, PORT = "10.77.0.1", 8086
LAN = [f"10.77.0.{n}" for n in range(2, 6)]
ASK = b"GET /healthz HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n"


def start(world, server, extra=""):
    text = world.config().replace("server:\n", f"server:\n{server}", 1) + extra
    return world.launch(text, ["--mock"]).wait_ready()


def dial(world, source=LAN[0]):
    stream = world.peer.socket(socket.AF_INET)
    stream.settimeout(5)
    stream.bind((source, 0))
    stream.connect((HOST, PORT))
    return stream


def status(stream, data=ASK):
    """Of what comes back; 0: cut off."""
    try:
        stream.sendall(data)
        answer = stream.recv(4096)
    except (BrokenPipeError, ConnectionResetError):
        return 0
    return int(answer.split()[1]) if answer else 0


def watch(world, stack, source):
    """A viewer, once there is room: the server may not have seen yet that the last scrape hung up."""
    until = time.monotonic() + 5
    while True:
        viewer = Viewer(world.peer, PORT, True, "", HOST, source)
        if viewer.socket.recv(4096).startswith(b"HTTP/1.1 200 "):
            stack.callback(viewer.socket.close)
            return
        viewer.socket.close()
        assert time.monotonic() < until, "no room for a viewer"
        time.sleep(0.02)


def counted(ntc, name, **labels):
    return ntc.metrics().sum(name, **labels)


def test_at_the_limit_of_an_address_its_own_eldest_makes_room():
    with World() as world, contextlib.ExitStack() as stack:
        ntc = start(world, "  connections_per_address_max: 8\n")
        mine = [stack.enter_context(dial(world)) for _ in range(8)]
        other = stack.enter_context(dial(world, LAN[1]))
        expect(lambda: counted(ntc, "ntc_http_connections"), 8 + 1 + 1)
        newcomer = stack.enter_context(dial(world))
        assert status(newcomer) == 200
        assert status(mine[0]) == 0 and status(mine[1]) == 200 and status(other) == 200
        assert counted(ntc, "ntc_http_connections_cut_total", reason="room") == 1
        # A /64 is one address.
        for n in range(9):
            stream = stack.enter_context(world.peer.socket(socket.AF_INET6))
            stream.settimeout(5)
            stream.bind((f"fd77:0::{2 + n % 4}", 0))
            stream.connect(("fd77:0::1", PORT))
        assert status(stream) == 200
        assert counted(ntc, "ntc_http_connections_cut_total", reason="room") == 2


def test_where_nobody_is_waited_for_the_newcomer_is_told():
    with World() as world, contextlib.ExitStack() as stack:
        ntc = start(world, "  connections_per_address_max: 4\n  sse_clients_per_address_max: 4\n")
        for _ in range(4):
            viewer = Viewer(world.peer, PORT, True, "", HOST, LAN[0])
            stack.callback(viewer.socket.close)
        expect(lambda: counted(ntc, "ntc_sse_clients"), 4)
        with dial(world) as stream:
            answer = stream.recv(4096)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"connections_max" in answer, answer
        problem = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert problem["ok"] is False and problem["error"] == "busy"
        assert counted(ntc, "ntc_http_connections_refused_total", reason="address") == 1
        with dial(world, LAN[1]) as stream:
            assert status(stream) == 200


def test_viewers_of_one_address_are_limited():
    with World() as world, contextlib.ExitStack() as stack:
        start(world, "  sse_clients_per_address_max: 2\n")
        watch = b"GET /events HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n"
        answers = []
        for source in (LAN[0], LAN[0], LAN[0], LAN[1]):
            stream = stack.enter_context(dial(world, source))
            answers.append(status(stream, watch))
        assert answers == [200, 200, 503, 200], answers


def test_the_reserve_is_for_members_of_this_machine():
    with World() as world, contextlib.ExitStack() as stack:
        ntc = start(world, "  connections_max: 8\n  connections_reserve: 4\n")
        for n in range(8):
            watch(world, stack, LAN[n % 4])
            expect(lambda: counted(ntc, "ntc_sse_clients"), n + 1)
        time.sleep(0.3)  # until the last scrape's connection is gone
        with dial(world) as stream:
            assert stream.recv(4096).startswith(b"HTTP/1.1 503 ")
        ntc.add("blacklist", "203.0.113.7")
        metrics = ntc.metrics()
        assert metrics.sum("ntc_http_connections_refused_total", reason="full") >= 1
        assert metrics.sum("ntc_http_limit", limit="connections") == 8
        assert metrics.sum("ntc_http_limit", limit="connections_reserve") == 4


def test_a_request_has_a_deadline_as_a_whole():
    with World() as world:
        ntc = start(world, "  request_timeout_sec: 2\n")

        def dawdle(text):
            """How long until the connection is cut, though a byte comes every 0.2 s."""
            begin = time.monotonic()
            with dial(world) as stream:
                for byte in text:
                    time.sleep(0.2)
                    try:
                        stream.send(bytes([byte]))
                        stream.settimeout(0.01)
                        if stream.recv(100) == b"":
                            break
                    except TimeoutError:
                        continue
                    except OSError:
                        break
            return time.monotonic() - begin

        head = b"GET /healthz HTTP/1.1\r\nX: " + b"a" * 1000
        took = {}
        threads = [threading.Thread(target=lambda name=name, text=text: took.update({name: dawdle(text)}))
                   for name, text in (("head", head), ("again", b"\r\n" * 500))]
        for thread in threads:
            thread.start()
        with dial(world) as stream:
            stream.sendall(b"POST /blacklist HTTP/1.1\r\nHost: 10.77.0.1\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 100\r\n\r\n{")
            begin = time.monotonic()
            assert stream.recv(100) == b""
            took["body"] = time.monotonic() - begin
        for thread in threads:
            thread.join()
        for name, seconds in took.items():
            assert 1.5 < seconds < 8, f"{name}: {seconds}"
        assert counted(ntc, "ntc_http_connections_cut_total", reason="time") == 3


@once
def test_answers_that_nobody_reads_fill_no_memory():
    with World() as world, contextlib.ExitStack() as stack:
        (world.folder / "feeds").mkdir()
        (world.folder / "feeds/all.list").write_text(
            "".join(f"20.0.{n // 250}.{n % 250} ; {'x' * 200}\n" for n in range(10000)))
        ntc = start(world, "  connections_max: 256\n",
                    f"feeds:\n  blacklist_folder: {world.folder}/feeds\nlists:\n  capacity: 20000\n")
        before = ntc.metrics().sum("process_resident_memory_bytes")
        for n in range(160):
            stream = stack.enter_context(dial(world, LAN[n % 4]))
            stream.sendall(b"GET /blacklist?limit=10000 HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n")
        expect(lambda: counted(ntc, "ntc_http_requests_total", path="/blacklist"), 160, 30)
        held, limit = counted(ntc, "ntc_http_answer_bytes"), counted(ntc, "ntc_http_limit", limit="answer_bytes")
        assert limit / 4 < held <= limit, held
        assert counted(ntc, "ntc_http_answers_refused_total") > 140
        grown = ntc.metrics().sum("process_resident_memory_bytes") - before
        assert grown < limit + (24 << 20), f"{grown >> 20} MiB more"
        with dial(world) as stream:
            assert status(stream) == 200, "a small answer"
        stack.close()
        expect(lambda: counted(ntc, "ntc_http_answer_bytes"), 0)


@once
@alone
def test_dear_requests_get_half_of_the_processor_and_hold_up_no_edit():
    with World() as world:
        ntc = start(world, "")
        for n in range(400):
            ntc.add("blacklist", f"198.18.{n % 250}.{n // 250 + 1}", comment="x" * 200)
        stopping = threading.Event()
        asked = []

        def ask_for_ever(source):
            with contextlib.suppress(OSError), dial(world, source) as stream:
                while not stopping.is_set():
                    stream.sendall(b"GET /blacklist?limit=10000 HTTP/1.1\r\nHost: 10.77.0.1\r\n\r\n" * 4)
                    taken = 0
                    while taken < 4 * 100_000 and not stopping.is_set():
                        taken += len(stream.recv(1 << 20))
                    asked.append(4)

        threads = [threading.Thread(target=ask_for_ever, args=(LAN[n % 4],)) for n in range(24)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        before, begin = ntc.metrics(), time.monotonic()
        edits = []
        while time.monotonic() - begin < 5:
            at = time.monotonic()
            ntc.add("whitelist", f"203.0.113.{len(edits) % 250 + 1}")
            edits.append(time.monotonic() - at)
            time.sleep(0.05)
        after, seconds = ntc.metrics(), time.monotonic() - begin
        stopping.set()
        for thread in threads:
            thread.join()
        used = (after.sum("process_cpu_seconds_total") - before.sum("process_cpu_seconds_total")) / seconds
        rests = after.sum("ntc_http_rests_total") - before.sum("ntc_http_rests_total")
        edits.sort()
        print("edits", edits[len(edits) // 2], edits[-1], "processor", used, "rests", rests, "asked", len(asked))
        assert used < 0.75, f"{used} of a processor, {rests} rests"
        assert rests > 0
        assert edits[len(edits) // 2] < 0.1, edits
