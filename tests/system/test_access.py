# SPDX-License-Identifier: MIT
"""Who may do what over HTTP: callers by endpoints, and what a vanished caller may not."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import struct
import sys
import traceback

from marks import once
from namespace import CLONE_NEWNET
from process import libc, run
from waiting import expect
from world import World

HOST, PEER, OTHER = "10.77.0.1", "10.77.0.2", "10.77.0.3"
HOST6, PEER6 = "fd77:0::1", "fd77:0::2"
PORT = 8086
TOKEN = "Zm9yIHRlc3RzIG9ubHk.-_~+/="
WRONG = TOKEN[:-2] + "x="
JSON = {"Content-Type": "application/json"}
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
GROUP, LISTED, PRIMARY, STRAY, OWN = 64100, 64101, 64102, 64103, 64104
NOBODY = 65534

# Plays the service manager: a dual-stack socket and a unix socket for everybody, then ntc.
LISTEN = """
import os, socket, sys
inet = socket.socket(socket.AF_INET6)
inet.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
inet.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
inet.bind(("::", 8086))
local = socket.socket(socket.AF_UNIX)
local.bind("http.sock")
os.chmod("http.sock", 0o666)
for n, listener in enumerate((inet, local)):
    listener.listen(4096)
    os.dup2(listener.fileno(), 100 + n)
for n in range(2):
    os.dup2(100 + n, 3 + n)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))
if "NTC_TEST_UID" in os.environ:
    os.setgroups([])
    os.setgid(int(os.environ["NTC_TEST_UID"]))
    os.setuid(int(os.environ["NTC_TEST_UID"]))
os.execv(sys.argv[1], sys.argv[1:])
"""


def own_users(world):
    """A group ntc and its members, for this process and its children only."""
    assert libc.unshare(CLONE_NEWNS) == 0
    assert libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) == 0
    for name, lines in (("group", f"ntc:x:{GROUP}:listed,gone\nstray:x:{STRAY}:\n"),
                        ("passwd", f"listed:x:{LISTED}:{LISTED}::/:/bin/sh\n"
                                   f"primary:x:{PRIMARY}:{GROUP}::/:/bin/sh\n"
                                   f"stray:x:{STRAY}:{STRAY}::/:/bin/sh\n")):
        old = pathlib.Path(f"/etc/{name}")
        keep = [line for line in old.read_text().splitlines(True) if not line.startswith("ntc:")]
        own = world.folder / name
        own.write_text("".join(keep) + lines)
        own.chmod(0o644)
        run("mount", "--bind", str(own), str(old))


class Caller:
    """Somebody, somewhere: uid, groups, and how to reach ntc."""

    def __init__(self, namespace, target, uid=0, groups=(), source=None, headers=None):
        self.namespace, self.target, self.uid, self.groups = namespace, target, uid, list(groups)
        self.source, self.headers = source, headers or {}

    def connect(self):
        if isinstance(self.target, pathlib.Path):
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(10)
            stream.connect(str(self.target))
            return stream
        family = socket.AF_INET6 if ":" in self.target else socket.AF_INET
        stream = self.namespace.socket(family)
        stream.settimeout(10)
        if self.source:
            stream.bind((self.source, 0))
        stream.connect((self.target, PORT))
        return stream

    def one(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("localhost", PORT)
        with contextlib.closing(connection):
            connection.sock = self.connect()
            connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = connection.getresponse()
            return [answer.status, answer.read().decode(), dict(answer.getheaders())]

    def all(self, requests):
        """[status, body, headers] of each, asked as that user from a process of his own."""
        out, into = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                os.close(out)
                # The sockets are made here: who owns them is what counts.
                assert libc.setns(self.namespace.fd, CLONE_NEWNET) == 0
                os.setgroups(self.groups)
                os.setgid(self.uid)
                os.setuid(self.uid)
                self.namespace = Here()
                with open(into, "w") as pipe:
                    json.dump([self.one(*request) for request in requests], pipe)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        os.close(into)
        with open(out) as pipe:
            text = pipe.read()
        assert os.waitpid(pid, 0)[1] == 0, "the caller failed"
        return json.loads(text)


class Here:
    @staticmethod
    def socket(family):
        return socket.socket(family)


class Access(World):
    def __enter__(self):
        super().__enter__()
        own_users(self)
        self.folder.chmod(0o755)
        self.token = self.folder / "token"
        self.token.write_text(TOKEN + "\n")
        self.token.chmod(0o600)
        return self

    def text(self, server=""):
        return self.config().replace("server:\n", f"server:\n{server}", 1)

    def begin(self, server="", arguments=()):
        program = ("/usr/bin/python3", "-c", LISTEN, os.environ["NTC_BINARY"])
        return self.launch(self.text(server), arguments, program).wait_ready()

    def with_token(self, more=""):
        return self.begin(f"  token_file: {self.token}\n{more}")

    def callers(self):
        sock, host = self.folder / "http.sock", self.host
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        proxied = {"X-Forwarded-For": "192.0.2.1"}
        return {
            # name: (caller, reads while they are open, reads behind the token, writes)
            "root, IPv4": (Caller(host, "127.0.0.1"), 200, 200, 200),
            "root, 127.0.0.2": (Caller(host, "127.0.0.2"), 200, 200, 200),
            "root, IPv6": (Caller(host, "::1"), 200, 200, 200),
            "root, mapped": (Caller(host, "::ffff:127.0.0.1"), 200, 200, 200),
            "root, unix": (Caller(host, sock), 200, 200, 200),
            "listed member": (Caller(host, "127.0.0.1", LISTED), 200, 200, 200),
            "listed member, IPv6": (Caller(host, "::1", LISTED), 200, 200, 200),
            "listed member, mapped": (Caller(host, "::ffff:127.0.0.1", LISTED), 200, 200, 200),
            "listed member, unix": (Caller(host, sock, LISTED), 200, 200, 200),
            "primary member": (Caller(host, "127.0.0.1", PRIMARY), 200, 200, 200),
            "by newgrp, unix": (Caller(host, sock, STRAY, [GROUP]), 200, 200, 200),
            "stray": (Caller(host, "127.0.0.1", STRAY), 200, 403, 403),
            "stray, IPv6": (Caller(host, "::1", STRAY), 200, 403, 403),
            "stray, mapped": (Caller(host, "::ffff:127.0.0.1", STRAY), 200, 403, 403),
            "stray, unix": (Caller(host, sock, STRAY), 200, 403, 403),
            "stray with the token": (Caller(host, "127.0.0.1", STRAY, headers=bearer), 200, 200, 200),
            "stray with the token, unix": (Caller(host, sock, STRAY, headers=bearer), 200, 200, 200),
            "nobody": (Caller(host, "127.0.0.1", NOBODY), 200, 403, 403),
            "this machine by its LAN address": (Caller(host, HOST), 200, 401, 401),
            "LAN": (Caller(self.peer, HOST), 200, 401, 401),
            "LAN, IPv6": (Caller(self.peer, HOST6), 200, 401, 401),
            "LAN with the token": (Caller(self.peer, HOST, headers=bearer), 200, 200, 200),
            "LAN with the token, IPv6": (Caller(self.peer, HOST6, headers=bearer), 200, 200, 200),
            "LAN with the token, another Host":
                (Caller(self.peer, HOST, headers={**bearer, "Host": "x.example.com"}), 200, 200, 200),
            "LAN, scheme in capitals":
                (Caller(self.peer, HOST, headers={"Authorization": f"BEARER  {TOKEN}"}), 200, 200, 200),
            "LAN, Basic": (Caller(self.peer, HOST, headers={"Authorization": f"Basic {TOKEN}"}), 200, 401, 401),
            "proxy run by root": (Caller(host, "127.0.0.1", headers=proxied), 200, 401, 401),
            "proxy run by root, unix": (Caller(host, sock, headers=proxied), 200, 401, 401),
            "proxy with Forwarded": (Caller(host, "127.0.0.1", headers={"forwarded": "for=::1"}), 200, 401, 401),
            "proxy with Via": (Caller(host, "127.0.0.1", headers={"Via": "1.1 x"}), 200, 401, 401),
            "proxy with the token": (Caller(host, "127.0.0.1", headers={**proxied, **bearer}), 200, 200, 200),
        }


READS = ["/metrics", "/blacklist", "/whitelist", "/flows", "/talkers", "/status"]
OPEN = ["/", "/healthz"]
WRITES = [("POST", "/blacklist", '{"ip":"203.0.113.7"}', JSON), ("DELETE", "/blacklist?ip=203.0.113.7"),
          ("POST", "/whitelist", '{"ip":"203.0.113.7"}', JSON), ("DELETE", "/whitelist?ip=203.0.113.7"),
          ("POST", "/flows/flush", "{}", JSON)]


def check_callers(world, read_column):
    wrong = []
    for name, (caller, *expected) in world.callers().items():
        read, write = expected[read_column], expected[2]
        requests = ([("GET", path) for path in READS + OPEN] + [("HEAD", "/events")] + WRITES +
                    [("GET", "/nothing"), ("PUT", "/status"), ("POST", "/events", "{}", JSON)])
        wanted = [read] * len(READS) + [200] * len(OPEN) + [read] + [write] * len(WRITES) + [404, 405, 405]
        for request, status, answer in zip(requests, wanted, caller.all(requests), strict=True):
            if answer[0] != status:
                wrong.append(f"{name}: {request[0]} {request[1]}: {answer[0]} instead of {status}: {answer[1]}")
            elif status in (401, 403) and request[0] != "HEAD":
                check_refusal(answer, status)
            assert not any(key.lower().startswith("access-control") for key in answer[2]), answer
    assert not wrong, "\n".join(wrong)


def check_refusal(answer, status):
    _, body, headers = answer
    problem = json.loads(body)
    assert problem["ok"] is False and problem["error"] == ("unauthorized" if status == 401 else "forbidden"), body
    assert "ntcctl" in problem["message"], body
    assert ("send the token" if status == 401 else "group ntc") in problem["message"], body
    assert headers["WWW-Authenticate"].startswith("Bearer"), headers


def test_callers_by_endpoints():
    with Access() as world:
        ntc = world.with_token()
        check_callers(world, 0)
        assert ntc.entries("blacklist") == {} and ntc.entries("whitelist") == {}
        log = ntc.log_path.read_text()
        assert "access-denied" in log or "Refused POST /blacklist" in log, log
        assert TOKEN not in log and WRONG not in log


def test_callers_by_endpoints_with_reads_behind_the_token():
    with Access() as world:
        world.with_token("  read_token: true\n")
        check_callers(world, 1)
        for path in ("/blacklist", "/events"):
            answer = Caller(world.peer, HOST).one("GET", path)
            assert answer[0] == 401, answer


def curl(world, uid):
    """What the documented line prints, without the sudo, for that user."""
    line = ("curl -X POST http://localhost:8086/blacklist -H 'Content-Type: application/json' "
            """-d '{"ip":"1.2.3.4"}'""")
    return world.host.run("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "sh", "-c", line)


def test_the_documented_line_works_for_root():
    with Access() as world:
        ntc = world.begin()
        assert json.loads(curl(world, 0)) == {"ok": True, "ip": "1.2.3.4", "changed": True}
        assert ntc.entries("blacklist")["1.2.3.4"]["by"] == "uid 0 over http"


def test_the_daemons_own_user_may_write():
    """Under --mock without sudo, as the README says."""
    with Access() as world:
        os.chown(world.folder, OWN, OWN)
        os.environ["NTC_TEST_UID"] = str(OWN)
        ntc = world.begin(arguments=["--mock"])
        assert '"ok":true' in curl(world, OWN)
        refusal = curl(world, STRAY)
        assert '"forbidden"' in refusal and "ntcctl" in refusal, refusal
        entry = ntc.entries("blacklist")["1.2.3.4"]
        assert entry["by"] == f"uid {OWN} over http", entry


def test_without_a_token_nobody_from_elsewhere_writes():
    with Access() as world:
        world.begin("  read_token: true\n")
        for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
            for request in (("GET", "/status"), ("POST", "/blacklist", '{"ip":"203.0.113.7"}', JSON)):
                status, body, answered = Caller(world.peer, HOST, headers=headers).one(*request)
                assert status == 403 and "token_file" in body, body
                assert "WWW-Authenticate" not in answered


def test_wrong_tokens_are_few():
    with Access() as world:
        ntc = world.with_token()

        def ask(source, token, path="/status"):
            headers = {"Authorization": f"Bearer {token}"}
            return Caller(world.peer, HOST6 if ":" in source else HOST, source=source, headers=headers).one("GET", path)

        for guess in (WRONG, "", "x", TOKEN + "x", TOKEN[:-1], TOKEN.lower(), "x" * 5000):
            status, body, headers = ask(PEER, guess)
            assert status == 401 and json.loads(body)["error"] == "bad-token", (guess, body)
            assert "invalid_token" in headers["WWW-Authenticate"]
        answers = [ask(PEER, WRONG)[0] for _ in range(20)]
        assert answers[0] == 401 and answers[-1] == 429, answers
        status, body, headers = ask(PEER, TOKEN)
        assert status == 429 and int(headers["Retry-After"]) >= 1, "a right one is not looked at either"
        assert ask(OTHER, TOKEN)[0] == 200, "one address does not speak for another"
        expect(lambda: ask(PEER, TOKEN)[0], 200)
        # All of an IPv6 /64 is one machine for all we know.
        answers = [ask(f"fd77:0::{2 + n % 4}", WRONG)[0] for n in range(20)]
        assert answers[-1] == 429, answers
        log = ntc.log_path.read_text()
        assert "wrong token" in log and PEER in log, log
        assert log.count("wrong token") < 20, "the journal is not flooded"
        assert TOKEN not in log and WRONG not in log


def test_a_new_token_and_a_new_member_by_reload():
    with Access() as world:
        ntc = world.with_token()
        stray = Caller(world.host, "127.0.0.1", STRAY)
        assert stray.all([WRITES[0]])[0][0] == 403
        group = pathlib.Path("/etc/group")
        group.write_text(group.read_text().replace("ntc:x:64100:", "ntc:x:64100:stray,"))
        world.token.write_text("another-token-0123456789")
        ntc.signal(signal.SIGHUP)
        expect(lambda: stray.all([WRITES[0]])[0][0], 200)

        def write(token):
            return Caller(world.peer, HOST, headers={"Authorization": f"Bearer {token}"}).one(*WRITES[0])[0]

        assert write(TOKEN) == 401
        assert write("another-token-0123456789") == 200
        # A bad file leaves the token in force.
        for bad in (lambda: world.token.chmod(0o640), lambda: world.token.write_text("short"),
                    lambda: world.token.write_text("a token with spaces"), lambda: os.chown(world.token, STRAY, STRAY)):
            world.token.chmod(0o600)
            world.token.write_text("yet-another-token-0123456789")
            bad()
            before = ntc.log_path.read_text().count("Configuration refused")
            ntc.signal(signal.SIGHUP)
            expect(lambda: ntc.log_path.read_text().count("Configuration refused"), before + 1)
            assert write("another-token-0123456789") == 200
            assert write("yet-another-token-0123456789") == 401


def test_a_bad_token_file_is_an_error_that_names_it():
    with Access() as world:
        world.token.chmod(0o644)
        ntc = world.launch(world.text(f"  token_file: {world.token}\n"))
        assert ntc.wait() != 0
        log = ntc.log_path.read_text()
        assert str(world.token) in log and "chmod 600" in log and TOKEN not in log, log


def test_the_managers_credential_is_the_token():
    with Access() as world:
        credentials = world.folder / "credentials"
        credentials.mkdir()
        (credentials / "token").write_text(TOKEN)
        os.environ["CREDENTIALS_DIRECTORY"] = str(credentials)
        try:
            world.begin()
        finally:
            del os.environ["CREDENTIALS_DIRECTORY"]
        caller = Caller(world.peer, HOST, headers={"Authorization": f"Bearer {TOKEN}"})
        assert caller.one(*WRITES[0])[0] == 200


# --- callers that do not wait for the answer ---------------------------------------------------------

VANISH = 10_000


def vanish(address, how, count):
    """As nobody: sends a whole POST and goes, `count` times."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    body = b'{"ip":"203.0.113.66"}'
    request = (b"POST /blacklist HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
               b"Content-Length: %d\r\n\r\n" % len(body)) + body
    for n in range(count):
        stream = socket.socket(family)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            stream.connect((address, PORT))
            stream.send(request)
            if how == "half":
                stream.shutdown(socket.SHUT_WR)
                if n % 100 == 0:
                    assert stream.recv(100).startswith(b"HTTP/1.1 403")
            elif how == "reset":
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass  # refused or reset: as good as gone
        stream.close()


@once
def test_who_vanishes_changes_nothing():
    with Access() as world:
        ntc = world.begin()

        def go(address, how, count):
            def run_as_nobody():
                assert libc.setns(world.host.fd, CLONE_NEWNET) == 0
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                vanish(address, how, count)

            return world.fork(run_as_nobody)

        def finish(pid):
            assert os.waitpid(pid, 0)[1] == 0
            world.children.remove(pid)

        for pids in ([go(address, how, VANISH // 3 + 1) for address in ("127.0.0.1", "::1")]
                     for how in ("close", "half", "reset")):
            for pid in pids:
                finish(pid)
            assert ntc.entries("blacklist") == {}
        refused = ntc.metrics().sum("ntc_http_requests_total", path="/blacklist", code="403")
        assert refused > 1000, refused
        assert ntc.metrics().sum("ntc_http_requests_total", path="/blacklist", code="200") == 3
        expect(lambda: ntc.metrics().sum("ntc_http_connections") < 10, True)
        ntc.add("blacklist", "203.0.113.66")
        assert len(ntc.log_path.read_text().splitlines()) < 1000, "the journal is not flooded"
