// SPDX-License-Identifier: MIT
// npm run dev: the page from Vite, everything else from ntc by Vite's proxy.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { freePort, rows, until } from "./world.mjs";

const folder = fileURLToPath(new URL("../../web", import.meta.url));

export async function the_development_server_shows_live_packets_and_takes_edits(
    world,
) {
    const ntc = await world.daemon({ extra: "mock:\n  rate: 200\n" });
    const port = await freePort();
    const words = [
        "node_modules/vite/bin/vite.js",
        "--port",
        String(port),
        "--host",
        "127.0.0.1",
    ];
    const vite = spawn(process.execPath, words, {
        cwd: folder,
        env: { ...process.env, NTC_URL: ntc.base },
        stdio: "ignore",
    });
    try {
        const base = `http://127.0.0.1:${port}`;
        await until(
            async () => (await fetch(base).catch(() => null))?.ok,
            "vite answers",
            40_000,
        );
        const page = await world.page(`${base}/#live`);
        await until(
            async () => (await rows(page)).length > 20,
            "packets through the proxy",
            40_000,
        );
        const before = (await rows(page))[0].seq;
        await until(
            async () => (await rows(page))[0].seq > before + 50,
            "as they come",
        );
        await page.goto(`${base}/#lists`);
        await page.getByLabel("Address or prefix").fill("203.0.113.7");
        await page.getByRole("button", { name: "Block", exact: true }).click();
        await page
            .getByRole("button", { name: "Remove 203.0.113.7" })
            .waitFor();
        assert.equal((await ntc.entries("blacklist"))[0].ip, "203.0.113.7");
        page.complaints.length = 0; // Vite's own
        await page.context().close();
        world.pages = [];
    } finally {
        vite.kill();
    }
}
