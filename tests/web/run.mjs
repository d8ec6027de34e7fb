#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// The web page in a real browser against a real ntc (NTC_BINARY, built with -Dweb=enabled):
//
//     tests/web/run.mjs [--bpf] [--seconds N] [WORD...]
//
// A line a test: PASS or FAIL, its name, how long it took. Without --bpf against `ntc --mock`; with it
// (as root) against eBPF on a veth pair between namespaces of its own. --seconds: how long the flood
// lasts (20). Only tests whose name contains a WORD are run.

import { execFileSync, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { World } from "./world.mjs";

const TEST_MS = 120_000;
const options = { seconds: 20, words: [] };
const given = process.argv.slice(2);
for (let i = 0; i < given.length; i++) {
    if (given[i] === "--bpf") options.bpf = true;
    else if (given[i] === "--inside") options.inside = true;
    else if (given[i] === "--seconds") options.seconds = Number(given[++i]);
    else options.words.push(given[i]);
}
process.env.FLOOD_SECONDS = String(options.seconds);
if (!process.env.NTC_BINARY)
    throw new Error("NTC_BINARY must name the daemon's program");

const mockFiles = ["live", "lists", "page", "budget", "flood", "dev"];
const bpfFiles = ["bpf"];

function late(ms) {
    return new Promise((_, reject) => {
        setTimeout(
            () => reject(new Error(`not done after ${ms} ms`)),
            ms,
        ).unref();
    });
}

async function runAll(prefix, files) {
    const world = await World.open();
    let failed = 0;
    for (const file of files) {
        const tests = await import(`./${file}.mjs`);
        for (const [name, test] of Object.entries(tests)) {
            const title = `${prefix}/${file}/${name}`;
            if (
                options.words.length > 0 &&
                !options.words.some((word) => title.includes(word))
            )
                continue;
            const begin = Date.now();
            try {
                await Promise.race([test(world), late(TEST_MS)]);
                await world.settle();
                console.log(
                    `PASS ${title} ${((Date.now() - begin) / 1000).toFixed(1)} s`,
                );
            } catch (error) {
                failed++;
                console.log(
                    `FAIL ${title} ${((Date.now() - begin) / 1000).toFixed(1)} s`,
                );
                console.log(
                    `    ${String(error.stack).replaceAll("\n", "\n    ")}`,
                );
                await world.abandon();
            }
        }
    }
    await world.close();
    return failed;
}

/** Runs this program anew inside a namespace that has a cable to another one. */
function runInNamespaces() {
    const [host, peer] = [
        `ntc-web-${process.pid}-host`,
        `ntc-web-${process.pid}-peer`,
    ];
    const ip = (...words) =>
        execFileSync("ip", words, { stdio: ["ignore", "inherit", "inherit"] });
    try {
        for (const name of [host, peer]) {
            ip("netns", "add", name);
            ip("-n", name, "link", "set", "lo", "up");
        }
        // A name that would be a tag, if anything took it for HTML.
        ip(
            "-n",
            host,
            "link",
            "add",
            "<img_onerror=1>",
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            peer,
        );
        for (const [name, device, address] of [
            [host, "<img_onerror=1>", "10.78.0.1/24"],
            [peer, "eth0", "10.78.0.2/24"],
            [peer, "eth0", "10.78.0.3/24"],
        ]) {
            ip("-n", name, "address", "add", address, "dev", device);
            ip("-n", name, "link", "set", device, "up");
        }
        const self = fileURLToPath(import.meta.url);
        const words = [
            "netns",
            "exec",
            host,
            process.execPath,
            self,
            "--bpf",
            "--inside",
            ...options.words,
        ];
        const child = spawnSync("ip", words, {
            stdio: "inherit",
            env: { ...process.env, NTC_WEB_PEER: peer },
        });
        return child.status ?? 1;
    } finally {
        for (const name of [host, peer])
            spawnSync("ip", ["netns", "delete", name]);
    }
}

let failed;
if (options.bpf && !options.inside) failed = runInNamespaces();
else
    failed = await runAll(
        options.bpf ? "web-bpf" : "web",
        options.bpf ? bpfFiles : mockFiles,
    );
process.exit(failed ? 1 : 0);
