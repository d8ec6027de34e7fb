# SPDX-License-Identifier: MIT
"""Requests that are no requests, ambiguous ones, and too much of everything: one answer each, and the next unharmed."""
import re
import socket

from world import World

PORT = 8086
TOKEN = b"bm90IGEgc2VjcmV0IGF0IGFsbA=="
HOST = b"Host: localhost\r\n"
TYPE = b"Content-Type: application/json\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /blacklist HTTP/1.1\r\n" + HOST + TYPE
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r]*\r\n(.*?)\r\n\r\n", re.DOTALL)
LENGTH = re.compile(rb"^Content-Length: (\d+)\r?$", re.MULTILINE)
MEBIBYTE = 1 << 20


def get(target, more=b""):
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + more + b"\r\n"


def post(body, more=b""):
    return POST + b"Content-Length: %d\r\n" % len(body) + more + b"\r\n" + body


# name: (request, status, is the connection closed?)
AMBIGUOUS = {
    "two Hosts": (GET + b"Host: 127.0.0.1\r\n\r\n", 400),
    "the same Host twice": (GET + HOST + b"\r\n", 400),
    "no Host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "no Host, HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", 400),
    "an empty Host": (b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n", 400),
    "a Host that is none": (b"GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    "a foreign Host": (b"GET /healthz HTTP/1.1\r\nHost: ntc.example.com\r\n\r\n", 421),
    "a foreign Host, with a body": (post(b"{}").replace(b"localhost", b"ntc.example.com"), 421),
    "a folded Host": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n .example.com\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "two different lengths": (POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}", 400),
    "a list of lengths": (POST + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a length with a sign": (POST + b"Content-Length: +2\r\n\r\n{}", 400),
    "a negative length": (POST + b"Content-Length: -2\r\n\r\n{}", 400),
    "a length without end": (POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n{}", 413),
    "length and chunks": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, 400),
    "chunks and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n" + CHUNKS, 400),
    "another coding": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS, 400),
    "two codings": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + CHUNKS, 400),
    "chunks that are none": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400),
    "two types": (post(b"{}", TYPE), 400),
    "two tokens": (GET + b"Authorization: Bearer " + TOKEN + b"\r\nAuthorization: Bearer x\r\n\r\n", 400),
    "absolute form": (get(b"http://localhost/healthz"), 400),
    "asterisk form": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "authority form": (b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "a blank before the colon": (b"GET /healthz HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
    "a header without a colon": (GET + b"nothing\r\n\r\n", 400),
    "NUL in a header's name": (GET + b"X-\0Forwarded-For: 192.0.2.1\r\n\r\n", 400),
    "a head of 64 kB": (GET + b"X: " + b"a" * 65536 + b"\r\n\r\n", 431),
    "a head of 17 kB": (GET + b"X: " + b"a" * 17000 + b"\r\n\r\n", 431),
    "2,000 headers": (GET + b"a: b\r\n" * 2000 + b"\r\n", 431),
    "a path of 64 kB": (get(b"/" + b"a" * 65536), 414),
}

# libmicrohttpd reads these as it pleases: see docs/security.md. One request makes one answer.
DECODED = {
    "bare LF": (b"GET /healthz HTTP/1.1\nHost: localhost\nConnection: close\n\n", 200),
    "a bare LF in between": (b"GET /healthz HTTP/1.1\r\nHost: localhost\nConnection: close\r\n\r\n", 200),
    "a folded header": (GET + b"X-A: b\r\n c\r\n\r\n", 200),
    "NUL in a path": (get(b"/nothing\0/healthz"), 404),
    "NUL in a type": (post(b"{}").replace(b"application/json", b"text/plain\0application/json"), 415),
    "NUL in a Host":
        (GET.replace(b"localhost", b"example.com\0localhost") + b"Connection: close\r\n\r\n", 421),
    "NUL behind half a token": (get(b"/status", b"Authorization: Bearer " + TOKEN[:20] + b"\0" + TOKEN[20:] + b"\r\n"), 401),
    "NUL before a token": (get(b"/status", b"Authorization: Bearer \0" + TOKEN + b"\r\n"), 401),
    "an Origin that goes on behind NUL": (post(b"{}", b"Origin: http://example.com\0\r\n"), 403),
}

TOO_MUCH = {
    "10,000 arrays deep": (post(b"[" * 10000), 400),
    "10,000 objects deep": (post(b'{"ip":' * 10000), 400),
    "a key twice": (post(b'{"ip":"192.0.2.1","ip":"192.0.2.2"}'), 400),
    "an unknown key": (post(b'{"ip":"192.0.2.1","jp":"192.0.2.2"}'), 400),
    "NUL behind the JSON": (post(b'{"ip":"192.0.2.1"}\0x'), 400),
    "NUL in the JSON": (post(b'{"ip":"192.0.2.1\0"}'), 400),
    "a long address": (post(b'{"ip":"' + b"1" * 60000 + b'"}'), 400),
    "1 MB": (post(b" " * (MEBIBYTE - 1)), 413),
    "1 MB in a chunk": (POST + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n" + b" " * (MEBIBYTE - 1) +
                        b"\r\n0\r\n\r\n", 413),
    "1 MB to where no body belongs": (get(b"/status", b"Content-Length: 1048575\r\n") + b" " * (MEBIBYTE - 1), 400),
    **{f"traversal by {target.decode(errors='replace')}": (get(target), 404) for target in (
        b"/../../etc/passwd", b"/assets/../../etc/passwd", b"/assets/..%2f..%2fetc/passwd", b"/%2e%2e/%2e%2e/etc/passwd",
        b"/assets/%2e%2e%2fconfig.yaml", b"/assets/%252e%252e%252fconfig.yaml", b"/assets/..\\..\\etc\\passwd",
        b"/assets/..%5c..%5cetc%5cpasswd", b"/assets/..%c0%af..%c0%afetc/passwd", b"/assets/..%ef%bc%8fetc/passwd",
        b"/assets/....//etc/passwd", b"//etc/passwd", b"/./metrics", b"/metrics/.", b"/assets/%00", b"/metrics%00.html")},
}


def exchange(world, data, closed):
    """Sends it and, unless the connection must be closed, asks for /healthz behind it. What came back."""
    with world.host.socket(socket.AF_INET) as stream:
        stream.settimeout(10)
        stream.connect(("127.0.0.1", PORT))
        try:
            stream.sendall(data)
            if not closed:
                stream.sendall(GET + b"Connection: close\r\n\r\n")
        except OSError:
            assert closed, "cut off"
        answer = bytearray()
        try:
            while more := stream.recv(1 << 16):
                answer += more
        except ConnectionResetError:  # some of what was sent was not read any more
            assert closed, bytes(answer[:300])
        return bytes(answer)


def statuses(answer):
    """Of the answers in it. After one that says close there is none (RFC 9112, 9.6): the bare answers of libmicrohttpd
    0.9.75 to a bad length come with their head twice."""
    found, at = [], 0
    while at < len(answer):
        head = HEAD.match(answer, at)
        assert head, answer[at:at + 300]
        found.append(int(head[1]))
        at = head.end() + int(LENGTH.search(head[2])[1])
        if b"Connection: close" in head[2]:
            break
    return found


def check(world, table, closed):
    ntc = world.daemons[0]
    for name, (data, status) in table.items():
        answer = exchange(world, data, closed or b"close" in data)
        found = statuses(answer)
        behind = [] if closed or b"close" in data else [200]
        assert found == [status, *behind], f"{name}: {found}, not {[status, *behind]}: {answer[:400]}"
        assert ntc.request("GET", "/healthz").status == 200, name
    assert ntc.entries("blacklist") == {}


def begin(world):
    token = world.folder / "token"
    token.write_bytes(TOKEN)
    token.chmod(0o600)
    return world.launch(world.config().replace("server:\n", f"server:\n  token_file: {token}\n", 1), ["--mock"]).wait_ready()


def test_ambiguous_requests_are_refused_and_the_connection_closed():
    with World() as world:
        begin(world)
        check(world, AMBIGUOUS, True)


def test_what_the_library_decodes_itself_is_one_request():
    with World() as world:
        begin(world)
        check(world, DECODED, False)


def test_too_much_is_refused_and_the_next_request_answered():
    with World() as world:
        begin(world)
        check(world, TOO_MUCH, False)
