#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds the web UI and turns it into a C source: embed.py SOURCE_DIR BUILD_DIR OUTPUT.c DEPFILE

npm's packages go to SOURCE_DIR/node_modules (shared by all build folders, so one at a time), the
built files to BUILD_DIR, the C source with their bytes, plain and gzip, to OUTPUT.c."""

import fcntl
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
REVALIDATE = "no-cache"
FOREVER = "public, max-age=31536000, immutable"  # the names contain a hash


def run(command, folder, log):
    with open(log, "w") as out:
        code = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out).returncode
    if code:
        sys.exit(
            pathlib.Path(log).read_text()[-6000:]
            + f"\n{' '.join(command)}: exit status {code}; -Dweb=disabled builds ntc without its web UI"
        )


def installed(source):
    """Is there what the lock file says that building needs? More may be there: what testing needs."""
    try:
        there = json.loads((source / "node_modules/.package-lock.json").read_text())["packages"]
    except (OSError, ValueError, KeyError):
        return False
    wanted = json.loads((source / "package-lock.json").read_text())["packages"]
    return all(
        there.get(path, {}).get("version") == package["version"]
        for path, package in wanted.items()
        if path and not any(package.get(kind) for kind in ("dev", "optional", "devOptional", "peer"))
    )


def install(source, work):
    if installed(source):
        return
    command = [shutil.which("npm"), "ci", "--omit=dev", "--no-audit", "--no-fund"]
    run(command, source, work / "npm-ci.log")


def build(source, work):
    dist = work / "dist"
    with open(source / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        install(source, work)
        run(
            [shutil.which("node"), "node_modules/vite/bin/vite.js", "build", "--outDir", str(dist), "--emptyOutDir"],
            source,
            work / "vite.log",
        )
    return dist


def c_bytes(name, data):
    lines = (data[i : i + 32] for i in range(0, len(data), 32))
    body = "\n".join('"' + "".join(f"\\{byte:03o}" for byte in line) + '"' for line in lines) or '""'
    # One more than `data` has: a string literal ends with a zero.
    return f"static const unsigned char {name}[{len(data) + 1}] =\n{body};\n"


def c_source(dist):
    arrays, rows = [], []
    for i, file in enumerate(sorted(file for file in dist.rglob("*") if file.is_file())):
        data = file.read_bytes()
        packed = gzip.compress(data, 9, mtime=0)
        path = "/" + file.relative_to(dist).as_posix()
        etag = hashlib.sha256(data).hexdigest()[:24]
        cache = FOREVER if path.startswith("/assets/") else REVALIDATE
        arrays += [c_bytes(f"plain_{i}", data), c_bytes(f"gzip_{i}", packed)]
        rows.append(
            f'        {{"{"/" if path == "/index.html" else path}", "{TYPES[file.suffix]}", "{cache}",\n'
            f'                {{"\\"{etag}\\"", plain_{i}, {len(data)}}},\n'
            f'                {{"\\"{etag}-gzip\\"", gzip_{i}, {len(packed)}}}}},\n'
        )
    return (
        '/* Written by web/embed.py. */\n#include "http/assets-data.h"\n\n'
        + "\n".join(arrays)
        + "\nconst Asset assets[] = {\n"
        + "".join(rows)
        + "        {},\n};\n"
    )


def inputs(source):
    """Files and, so that new ones are noticed, folders."""
    for name in ("src", "public"):
        for folder, _, files in os.walk(source / name):
            yield folder
            yield from (os.path.join(folder, file) for file in files)
    for name in ("index.html", "package-lock.json", "vite.config.ts", "svelte.config.js", "embed.py"):
        yield str(source / name)


def main():
    source, work, output, depfile = (pathlib.Path(argument).resolve() for argument in sys.argv[1:])
    work.mkdir(parents=True, exist_ok=True)
    text = c_source(build(source, work))
    output.write_text(text)
    names = " ".join(name.replace(" ", "\\ ") for name in inputs(source))
    depfile.write_text(f"{sys.argv[3]}: {names}\n")


main()
