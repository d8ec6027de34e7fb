// SPDX-License-Identifier: MIT
// A daemon, a browser, and what tests do with both.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const require = createRequire(
    new URL("../../web/package.json", import.meta.url),
);
const { chromium } = require("playwright-core");
export const axeSource = readFileSync(
    require.resolve("axe-core/axe.min.js"),
    "utf8",
);

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits until what() is true; says what it was at last if it never is. */
export async function until(what, why, withinMs = 15_000) {
    const end = Date.now() + withinMs;
    let value;
    while (!(value = await what())) {
        assert.ok(Date.now() < end, `${why}: not within ${withinMs} ms`);
        await sleep(50);
    }
    return value;
}

export function freePort() {
    return new Promise((resolve, reject) => {
        const server = net.createServer();
        server.on("error", reject);
        server.listen(0, "127.0.0.1", () => {
            const { port } = server.address();
            server.close(() => resolve(port));
        });
    });
}

/** ntc, with a state file of its own. */
export class Daemon {
    constructor(folder, port, options = {}) {
        this.port = port;
        this.folder = folder;
        this.options = options;
        this.base = `http://127.0.0.1:${port}`;
    }

    config() {
        const { interfaces = [], extra = "" } = this.options;
        return `server:\n  port: ${this.port}\n  timezone: Europe/Berlin\n${this.options.server ?? ""}${
            interfaces.length > 0
                ? `network:\n  interfaces: ${JSON.stringify(interfaces)}\n`
                : ""
        }persistence:\n  path: ${this.folder}/lists.json\n${extra}`;
    }

    async start() {
        const file = path.join(this.folder, "ntc.yaml");
        writeFileSync(file, this.config());
        const mode = this.options.interfaces ? [] : ["--mock"];
        const ntc = path.resolve(process.env.NTC_BINARY);
        this.process = spawn(ntc, ["--config", file, ...mode], {
            stdio: ["ignore", "pipe", "pipe"],
        });
        this.log = "";
        for (const out of [this.process.stdout, this.process.stderr])
            out.on("data", (data) => (this.log += data));
        this.ended = new Promise((resolve) => this.process.on("exit", resolve));
        await until(
            async () => {
                assert.equal(this.process.exitCode, null, this.log);
                return (await fetch(`${this.base}/healthz`).catch(() => null))
                    ?.ok;
            },
            "ntc answers",
            30_000,
        );
        return this;
    }

    async stop(signal = "SIGTERM") {
        this.process.kill(signal);
        const code = await this.ended;
        if (signal === "SIGTERM") assert.equal(code, 0, this.log);
    }

    async request(method, target, body) {
        const response = await fetch(this.base + target, {
            method,
            headers: body ? { "Content-Type": "application/json" } : {},
            body: body && JSON.stringify(body),
        });
        return { status: response.status, json: await response.json() };
    }

    async add(list, entry) {
        const { status, json } = await this.request("POST", `/${list}`, entry);
        assert.equal(status, 200, JSON.stringify(json));
    }

    async entries(list) {
        const { json } = await this.request("GET", `/${list}?limit=10000`);
        return json.entries;
    }
}

export class World {
    daemons = [];
    pages = [];

    static async open() {
        const world = new World();
        world.folder = mkdtempSync(path.join(os.tmpdir(), "ntc-web-"));
        world.browser = await chromium.launch({
            executablePath: CHROMIUM,
            args: FLAGS,
        });
        return world;
    }

    async daemon(options) {
        const folder = mkdtempSync(path.join(this.folder, "ntc-"));
        const daemon = new Daemon(folder, await freePort(), options);
        this.daemons.push(daemon);
        return daemon.start();
    }

    /** A page that remembers whatever the browser complains about. */
    async page(url, { phone = false, theme = "light", route } = {}) {
        const context = await this.browser.newContext({
            viewport: phone
                ? { width: 390, height: 844 }
                : { width: 1440, height: 900 },
            colorScheme: theme,
            acceptDownloads: true,
        });
        const page = await context.newPage();
        page.complaints = [];
        page.on("pageerror", (error) => page.complaints.push(`${error}`));
        page.on("dialog", (dialog) => {
            page.complaints.push(`a dialog: ${dialog.message()}`);
            void dialog.dismiss();
        });
        await page.addInitScript(() => {
            window.violations = [];
            addEventListener("securitypolicyviolation", (event) =>
                window.violations.push(
                    `${event.violatedDirective} ${event.blockedURI}`,
                ),
            );
        });
        if (route) await page.route(...route);
        await page.goto(url);
        this.pages.push(page);
        return page;
    }

    /** Ends a test: nothing may have been complained about. */
    async settle() {
        const complaints = [];
        for (const page of this.pages) {
            complaints.push(...page.complaints);
            complaints.push(
                ...(await page
                    .evaluate(() => window.violations)
                    .catch(() => [])),
            );
            await page.context().close();
        }
        this.pages = [];
        for (const daemon of this.daemons)
            if (
                daemon.process.exitCode === null &&
                daemon.process.signalCode === null
            )
                await daemon.stop();
        this.daemons = [];
        assert.deepEqual(complaints, []);
    }

    async abandon() {
        for (const page of this.pages)
            await page
                .context()
                .close()
                .catch(() => undefined);
        this.pages = [];
        for (const daemon of this.daemons) daemon.process.kill("SIGKILL");
        for (const daemon of this.daemons)
            console.log(`    ntc: ${daemon.log.slice(-1500)}`);
        this.daemons = [];
    }

    async close() {
        await this.browser.close();
        rmSync(this.folder, { recursive: true, force: true });
    }
}

/** The packets on the screen, from the top: what each cell says. */
export function rows(page) {
    return page.evaluate(() =>
        [...document.querySelectorAll("[role=row][data-seq]")].map((row) => {
            const cells = [...row.querySelectorAll("[role=gridcell]")].map(
                (cell) => cell.textContent.trim(),
            );
            return {
                seq: Number(row.dataset.seq),
                action: cells[2],
                src: cells[4],
                dst: cells[5],
                proto: cells[6],
            };
        }),
    );
}

/** All that the live view holds, by scrolling through it. Pause it first. */
export function allSeqs(page) {
    return page.evaluate(async () => {
        const grid = document.querySelector("[role=grid]");
        const seqs = new Set();
        const frame = () =>
            new Promise((resolve) => requestAnimationFrame(() => resolve()));
        for (let top = 0; ; top += grid.clientHeight / 2) {
            grid.scrollTop = top;
            await frame();
            await frame();
            for (const row of document.querySelectorAll("[data-seq]"))
                seqs.add(Number(row.dataset.seq));
            if (top > grid.scrollHeight) break;
        }
        grid.scrollTop = 0;
        await frame();
        return [...seqs].sort((a, b) => a - b);
    });
}

/** Reads /events beside the page: what the server really sent. */
export class Listener {
    seqs = [];

    constructor(base) {
        this.stop = new AbortController();
        this.done = this.#read(base).catch(() => undefined);
    }

    async #read(base) {
        const response = await fetch(`${base}/events`, {
            signal: this.stop.signal,
        });
        const decoder = new TextDecoder();
        let rest = "";
        for await (const chunk of response.body) {
            const lines = (
                rest + decoder.decode(chunk, { stream: true })
            ).split("\n");
            rest = lines.pop();
            for (const line of lines)
                if (line.startsWith("id: "))
                    this.seqs.push(Number(line.slice(4)));
        }
    }
}
