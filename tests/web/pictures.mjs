#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Makes the pictures of docs/ anew, from a page that shows synthetic traffic:
//
//     NTC_BINARY=build-web/src/ntc tests/web/pictures.mjs [SECONDS]
//
// SECONDS (600) is how long ntc runs before, so that the charts have something to show.

import { fileURLToPath } from "node:url";
import { World, sleep } from "./world.mjs";

const docs = fileURLToPath(new URL("../../docs/", import.meta.url));
const world = await World.open();
const ntc = await world.daemon({ extra: "mock:\n  rate: 150\n  seed: 3\n" });

/** The name of the machine that makes the pictures is nobody's business. */
const named = [
    "**/status",
    async (route) => {
        const response = await route.fetch();
        const status = await response.json();
        await route.fulfill({
            response,
            json: { ...status, hostname: "pi" },
        });
    },
];

async function picture(name, view, { width, height, theme, act }) {
    const page = await world.page(`${ntc.base}/#${view}`, {
        theme,
        phone: width < 720,
        route: named,
    });
    await page.setViewportSize({ width, height });
    await sleep(6000); // two readings, for rates; some rows of packets
    if (act) await act(page);
    await page.screenshot({ path: `${docs}web-${name}.png` });
    await page.context().close();
}

for (const entry of [
    { ip: "203.0.113.0/24", comment: "scanners seen at night", ttl: 86_400 },
    { ip: "198.51.100.66", comment: "knocks at one port after the other" },
    { ip: "2001:db8:2::1b", comment: "the television's telemetry" },
])
    await ntc.add("blacklist", entry);
await ntc.add("whitelist", { ip: "192.168.1.20", comment: "backup" });
await sleep(1000 * Number(process.argv[2] ?? 600));

await picture("overview", "overview", {
    width: 1200,
    height: 760,
    theme: "light",
});
await picture("live", "live?ip=203.0.113.20", {
    width: 1200,
    height: 700,
    theme: "dark",
});
await picture("lists", "lists", {
    width: 1200,
    height: 420,
    theme: "light",
    act: async (page) => {
        await page.getByLabel("Address or prefix").fill("198.18.7.0/24");
        await page.getByLabel("Comment").fill("is it this one?");
        await page.getByLabel("unless I keep it").check();
        await page.getByRole("button", { name: "Block", exact: true }).click();
        await page.getByText("keep?").waitFor();
        await page.mouse.move(0, 0);
        await sleep(1500);
    },
});
await picture("phone", "live", { width: 390, height: 760, theme: "dark" });
world.pages = [];
await world.settle();
await world.close();
