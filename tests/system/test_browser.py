# SPDX-License-Identifier: MIT
"""What pages of other web sites can do to ntc from a real browser, run by root: nothing."""
import contextlib
import http.server
import json
import os
import queue
import signal
import subprocess
import threading

from marks import once
from waiting import expect
from world import World

PORT, SITE_PORT = 8086, 9090
SITE, REBOUND = "site.example.com", "rebound.example.com"
PATHS = ["/", "/events", "/metrics", "/blacklist", "/whitelist", "/flows", "/talkers", "/status", "/healthz", "/alerts",
         "/history", "/assets/none.js", "/nothing"]

# Tries whatever a page can, and reports how each ended. What the browser itself stops (a preflight that is refused)
# rejects; what it sends without asking resolves opaquely.
ATTACK = """<!DOCTYPE html><title>a site</title><body><script>
const ntc = 'http://localhost:8086', results = {};
const entry = n => JSON.stringify({ip: '203.0.113.' + n});
async function tried(name, promise) {
    try { const answer = await promise; results[name] = answer.type + ' ' + answer.status; }
    catch (error) { results[name] = 'rejected'; }
}
function form(path, enctype, fields, sandbox) {
    return new Promise(done => {
        const frame = document.createElement('iframe');
        if (sandbox) frame.sandbox = 'allow-forms allow-scripts';
        const inputs = Object.entries(fields).map(([key, value]) =>
            `<input name='${key}' value='${value}'>`).join('');
        frame.srcdoc = `<form method=post action='${ntc}${path}' enctype='${enctype}'>${inputs}</form>` +
            '<script>document.forms[0].submit()</' + 'script>';
        document.body.append(frame);
        setTimeout(done, 2000); // what became of it a page can't see
    });
}
(async () => {
    const json = {'Content-Type': 'application/json'}, text = {'Content-Type': 'text/plain'};
    const forms = [form('/flows/flush', 'text/plain', {})];
    for (const list of ['/blacklist', '/whitelist']) {
        forms.push(form(list, 'text/plain', {'{"ip":"203.0.113.1","comment":"': '"}'}));
        forms.push(form(list, 'application/x-www-form-urlencoded', {ip: '203.0.113.2'}));
        forms.push(form(list, 'multipart/form-data', {ip: '203.0.113.3'}));
        forms.push(form(list, 'text/plain', {'{"ip":"203.0.113.4","comment":"': '"}'}, true)); // Origin: null
        await tried('text' + list, fetch(ntc + list, {method: 'POST', headers: text, body: entry(5)}));
        await tried('no-cors' + list, fetch(ntc + list, {method: 'POST', mode: 'no-cors', headers: json, body: entry(6)}));
        await tried('json' + list, fetch(ntc + list, {method: 'POST', headers: json, body: entry(7)}));
        await tried('DELETE' + list, fetch(ntc + list + '?ip=192.0.2.1', {method: 'DELETE'}));
        await tried('DELETE no-cors' + list, fetch(ntc + list + '?ip=192.0.2.1', {method: 'DELETE', mode: 'no-cors'}));
        navigator.sendBeacon(ntc + list, new Blob([entry(8)], {type: 'text/plain'}));
    }
    await Promise.all(forms);
    await tried('nothing', fetch(ntc + '/flows/flush', {method: 'POST', mode: 'no-cors'}));
    await tried('confirm', fetch(ntc + '/blacklist/confirm', {method: 'POST', mode: 'no-cors', body: entry(9)}));
    for (const path of PATHS)
        await tried('read ' + path, fetch(ntc + path));
    results.EventSource = await new Promise(done => {
        const stream = new EventSource(ntc + '/events');
        stream.onmessage = () => done('read');
        stream.onerror = () => done('rejected');
        stream.onopen = () => done('opened');
    });
    navigator.sendBeacon('/report', JSON.stringify(results));
})();
</script>"""

# Lives on while its name is bound anew: waits until ntc answers under it, and tries everything as its own site.
REBIND = """<!DOCTYPE html><title>a site</title><script>
const collector = 'http://COLLECTOR/report';
async function status(method, path) {
    const options = {method, cache: 'no-store'};
    if (method === 'POST') { options.headers = {'Content-Type': 'application/json'}; options.body = '{"ip":"203.0.113.9"}'; }
    const cut = new AbortController();
    setTimeout(() => cut.abort(), 2000);
    try { const answer = await fetch(path, {...options, signal: cut.signal}); cut.abort(); return answer.status; }
    catch (error) { return 'rejected'; }
}
const pause = () => new Promise(done => setTimeout(done, 50));
async function round(wanted) {
    while (await status('GET', '/healthz') !== wanted) await pause();
    const results = {};
    for (const path of PATHS) results['GET ' + path] = await status('GET', path);
    for (const path of ['/blacklist', '/whitelist', '/flows/flush', '/blacklist/confirm'])
        results['POST ' + path] = await status('POST', path);
    for (const path of ['/blacklist', '/whitelist'])
        results['DELETE ' + path] = await status('DELETE', path + '?ip=192.0.2.1');
    await fetch(collector, {method: 'POST', mode: 'no-cors', body: JSON.stringify(results)});
}
(async () => { await round(421); await round(200); })();
</script>"""


class Site:
    """Serves one page, and collects what it reports."""

    def __init__(self, namespace, port, page=""):
        self.reports = queue.Queue()
        self.served = threading.Event()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(page.encode())
                site.served.set()

            def do_POST(self):
                site.reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        with namespace.inside():
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __exit__(self, *_):
        self.close()


@contextlib.contextmanager
def browser(world, url):
    """Chromium on the host, as root: the kernel says that its connections are root's."""
    rules = ",".join(f"MAP {name} 127.0.0.1" for name in (SITE, REBOUND))
    with open(world.folder / "chromium.log", "wb") as log:
        child = world.host.popen(
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
            f"--user-data-dir={world.folder}/chromium", f"--host-resolver-rules={rules}", "--remote-debugging-port=0",
            url, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, "HOME": str(world.folder)},
            start_new_session=True)
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def start(world, server=""):
    return world.launch(world.config().replace("server:\n", f"server:\n{server}", 1), ["--mock"]).wait_ready()


def check_lists(ntc):
    assert set(ntc.entries("blacklist")) == {"192.0.2.1"} and set(ntc.entries("whitelist")) == {"192.0.2.1"}


@once
def test_another_site_can_change_nothing_and_read_nothing():
    with World() as world:
        ntc = start(world)
        for which in ("blacklist", "whitelist"):
            ntc.add(which, "192.0.2.1")
        page = ATTACK.replace("PATHS", json.dumps(PATHS))
        with Site(world.host, SITE_PORT, page) as site, browser(world, f"http://{SITE}:{SITE_PORT}/"):
            results = site.reports.get(timeout=60)
            refused = lambda path: ntc.metrics().sum("ntc_http_requests_total", path=path, code="403")
            # What the browser sent got there and was refused: four forms, two fetches, the beacon.
            for path in ("/blacklist", "/whitelist"):
                expect(lambda: refused(path), 7)
                assert ntc.metrics().sum("ntc_http_requests_total", path=path, code="405") >= 2, "preflights"
            expect(lambda: refused("/flows/flush"), 2)
            assert refused("/blacklist/confirm") == 1
            for name, result in results.items():
                assert result in ("rejected", "opaque 0"), f"{name}: {result}"
                assert not name.startswith("read") or result == "rejected", f"{name}: {result}"
            assert results["EventSource"] == "rejected"
            assert len([name for name in results if name.startswith("read")]) == len(PATHS)
            check_lists(ntc)


@once
def test_a_name_bound_anew_reaches_nothing():
    with World() as world:
        page = REBIND.replace("PATHS", json.dumps(PATHS)).replace("COLLECTOR", f"127.0.0.1:{SITE_PORT}")
        with Site(world.host, SITE_PORT) as collector:
            with Site(world.host, PORT, page) as site, browser(world, f"http://{REBOUND}:{PORT}/"):
                assert site.served.wait(60)
                site.close()
                ntc = start(world)  # what now answers under that name
                for which in ("blacklist", "whitelist"):
                    ntc.add(which, "192.0.2.1")
                results = collector.reports.get(timeout=60)
                assert len(results) == len(PATHS) + 6
                wrong = {name: status for name, status in results.items() if status != 421}
                assert not wrong, wrong
                check_lists(ntc)
                # The same page once the name is allowed: this test can tell the difference.
                ntc.config_path.write_text(ntc.config_path.read_text().replace(
                    "server:\n", f"server:\n  allowed_hosts: [{REBOUND}]\n", 1))
                ntc.signal(signal.SIGHUP)
                results = collector.reports.get(timeout=60)
                assert results["GET /metrics"] == 200 and results["GET /events"] == 200, results
                assert results["POST /blacklist"] == 200, results
