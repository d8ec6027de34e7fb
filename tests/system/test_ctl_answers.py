# SPDX-License-Identifier: MIT
"""ntcctl and what a server answers that need not be ntc: told in plain words, and nothing of it steers the terminal."""
import contextlib
import http.server
import json
import subprocess
import threading

from test_ctl import NTCCTL, Done


@contextlib.contextmanager
def answering(status, body):
    """The URL of a server that says only this."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(OSError):  # it may have been enough
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_others_answer_is_no_harm():
    def message(text):
        return json.dumps({"ok": False, "message": text}).encode()

    for status, body, wanted in (
            (503, message("too many viewers"), "too many viewers"),
            (400, message("\x1b[2Jover\u009b1mthere\x7f\r\n"), "?[2Jover??1mthere???"),
            (400, message("\u00e9t\u00e9"), "\u00e9t\u00e9"),
            (400, message("x" * 2000), "x" * 511),
            (400, message("x" * 5000), "ntc answered with HTTP status 400"),
            (400, message("x" * 5000000), "ntc answered with HTTP status 400"),
            (502, b"<html>Bad Gateway</html>", "ntc answered with HTTP status 502"),
            (400, b"", "ntc answered with HTTP status 400"),
            (400, b"[1]", "ntc answered with HTTP status 400"),
            (400, b'{"message":1}', "ntc answered with HTTP status 400"),
            (400, b'{"message":""}', "ntc answered with HTTP status 400")):
        with answering(status, body) as url:
            for verb in ("alerts", "events"):
                done = Done(subprocess.run([str(NTCCTL), verb, "--url", url], capture_output=True, text=True, timeout=60))
                assert (done.status, done.out, done.err) == (1, "", f"ntcctl: {wanted}\n"), (status, body[:50], done.err)


def test_what_others_answer_does_not_steer_the_terminal():
    text = 'a\x7fb\u009b1m\u2028\u202e\u00e9\U0001f600\\u001b\\\\\\"'
    packet = f'{{"src":"{text}",\r"seq":1}}'
    events = "".join(f"data: {line}\n\n" for line in (
        '{"src":"\x1b[2J","seq":0}', '{"src":NaN}', "null", '{"src":1,"src":2}', packet, f"[{packet}", packet)).encode()
    alerts = f'{{"alerts":[],"source":"{text}"}}'.encode()
    for verb, body, wanted in (
            ("events", events + b'data: {"src":"\x9b2J"}\n\n', [json.loads(packet)] * 2),
            ("alerts", alerts, [json.loads(alerts)])):
        with answering(200, body) as url:
            done = subprocess.run([str(NTCCTL), verb, "--json", "--url", url], capture_output=True, timeout=60)
        assert [json.loads(line) for line in done.stdout.splitlines()] == wanted, done
        assert all(c == 10 or 32 <= c < 127 for c in done.stdout.replace("\u00e9\U0001f600".encode(), b"")), done
    for body in (b'{"alerts":[],"source":"\x9b2J"}', b'{"alerts":[],"source":"\x1b[2J"}'):
        with answering(200, body) as url:
            done = subprocess.run([str(NTCCTL), "alerts", "--json", "--url", url], capture_output=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, b""), done
        assert done.stderr == b"ntcctl: ntc's answer can't be read\n", done
