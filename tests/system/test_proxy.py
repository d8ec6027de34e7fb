# SPDX-License-Identifier: MIT
"""nginx in front, configured as docs/security.md says."""
import os
import pathlib
import re
import shutil
import socket
import ssl

from marks import once
from process import run
from waiting import expect
from world import World

NAME, HOST, PEER, OTHER = "ntc.example.com", "10.77.0.1", "10.77.0.2", "10.77.0.3"
TOKEN = "YSB0b2tlbiBiZWhpbmQgbmdpbng="
DOCS = pathlib.Path(__file__).parents[2] / "docs/security.md"
JSON = "Content-Type: application/json\r\n"
BEARER = f"Authorization: Bearer {TOKEN}\r\n"
# What nginx needs to run from a folder of its own, as its own user.
AROUND = """pid {folder}/nginx.pid;
error_log stderr;
daemon off;
user www-data;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{example}
}}
"""


def example(language):
    return re.search(rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)[1]


def start_nginx(world):
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    assert program, "there is no nginx"
    folder = world.folder / "nginx"
    folder.mkdir()
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
        "-keyout", str(folder / "key"), "-out", str(folder / "certificate"))
    text = example("nginx")
    for documented, own in (("/etc/ssl/ntc.example.com.pem", "certificate"), ("/etc/ssl/private/ntc.example.com.key", "key")):
        assert documented in text
        text = text.replace(documented, str(folder / own))
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, example=text))
    world.folder.chmod(0o755)
    with open(folder / "log", "wb") as log:
        world.spawn(world.host, program, "-e", "stderr", "-c", str(folder / "nginx.conf"), stdout=log, stderr=log)
    listening = lambda: ":443 " in world.host.run("ss", "-ltn")
    try:
        expect(listening, True, 10)
    except AssertionError:
        print((folder / "log").read_text())
        raise


def start_ntc(world):
    token = world.folder / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    server = example("yaml").removeprefix("server:\n") + f"  token_file: {token}\n"
    return world.launch(world.config().replace("server:\n", "server:\n" + server, 1), ["--mock"]).wait_ready()


class Client:
    """Somebody on the LAN who trusts that certificate."""

    def __init__(self, world, source=PEER):
        self.world, self.source = world, source
        self.context = ssl.create_default_context(cafile=str(world.folder / "nginx/certificate"))

    def open(self):
        stream = self.world.peer.socket(socket.AF_INET)
        stream.settimeout(10)
        stream.bind((self.source, 0))
        stream.connect((HOST, 443))
        return self.context.wrap_socket(stream, server_hostname=NAME)

    def ask(self, method, path, headers="", body=""):
        with self.open() as stream:
            stream.sendall(f"{method} {path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n{headers}"
                           f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            answer = b""
            while data := stream.recv(65536):
                answer += data
        return int(answer.split()[1]), answer.decode()

    def add(self, ip, headers=""):
        return self.ask("POST", "/blacklist", JSON + headers, f'{{"ip":"{ip}"}}')[0]


@once
def test_nginx_as_documented():
    with World() as world:
        ntc = start_ntc(world)
        start_nginx(world)
        client = Client(world)
        for path in ("/", "/metrics", "/blacklist", "/status"):
            assert client.ask("GET", path)[0] == 200, path
        assert client.add("203.0.113.1") == 401
        assert client.add("203.0.113.2", BEARER) == 200
        assert client.add("203.0.113.3", f"{BEARER}Origin: https://{NAME}\r\nSec-Fetch-Site: same-origin\r\n") == 200
        assert client.add("203.0.113.4", f"{BEARER}Origin: https://site.example.com\r\n") == 403
        assert client.add("203.0.113.5", f"{BEARER}Sec-Fetch-Site: cross-site\r\n") == 403
        assert client.ask("DELETE", "/blacklist?ip=203.0.113.3")[0] == 401
        assert client.ask("DELETE", "/blacklist?ip=203.0.113.3", BEARER)[0] == 200
        assert set(ntc.entries("blacklist")) == {"203.0.113.2"}
        # As it comes, not when a buffer is full.
        with client.open() as stream:
            stream.sendall(f"GET /events HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
            seen = b""
            while seen.count(b"\ndata: {") < 3:
                seen += stream.recv(65536)
        # Port 8086 is not reachable from the LAN any more.
        with world.peer.socket(socket.AF_INET) as stream:
            assert stream.connect_ex((HOST, 8086)) != 0


@once
def test_what_a_proxy_inherits():
    with World() as world:
        ntc = start_ntc(world)
        start_nginx(world)
        wrong = f"Authorization: Bearer {TOKEN[:-2]}x=\r\n"
        answers = [Client(world).add("203.0.113.1", wrong) for _ in range(20)]
        assert answers[0] == 401 and 429 in answers, answers
        assert Client(world, OTHER).add("203.0.113.1", BEARER) == 429, "for ntc they are one"
        assert ntc.request("POST", "/blacklist", {"ip": "203.0.113.2"}).status == 200, "but not for who is here"
        expect(lambda: Client(world, OTHER).add("203.0.113.1", BEARER), 200, 10)
        log = ntc.log_path.read_text()
        assert "wrong token" in log and "NTC_SRC=127.0.0.1" in log and PEER not in log, log
