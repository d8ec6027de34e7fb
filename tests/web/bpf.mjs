// SPDX-License-Identifier: MIT
// Real packets: this runs in a namespace whose interface is a cable to NTC_WEB_PEER.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { Listener, allSeqs, rows, sleep, until } from "./world.mjs";

const CABLE = "<img_onerror=1>";
const [HOST, PEER, OTHER] = ["10.78.0.1", "10.78.0.2", "10.78.0.3"];
const TOKEN = "correct-horse-battery-staple";
const filter = (page) => page.getByLabel("Filter", { exact: true });

/** 40 datagrams a second from the peer, a minute at most. */
function talk(from) {
    const program = `import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("${from}", 4000))
for i in range(2400):
    s.sendto(b"hello", ("${HOST}", 9000))
    time.sleep(0.025)`;
    const words = [
        "netns",
        "exec",
        process.env.NTC_WEB_PEER,
        "python3",
        "-c",
        program,
    ];
    return spawn("ip", words, { stdio: "ignore" });
}

async function watching(world, test, options = {}) {
    const ntc = await world.daemon({
        interfaces: [CABLE],
        extra: "flows:\n  scan_interval_ms: 200\n",
        ...options,
    });
    const talkers = [talk(PEER), talk(OTHER)];
    try {
        const page = await world.page(`${ntc.base}/#live`);
        await until(
            async () =>
                (await rows(page)).some((row) => row.src === `${PEER}:4000`),
            "packets",
        );
        await test(ntc, page);
    } finally {
        for (const talker of talkers) talker.kill();
    }
}

export const real_packets_appear_and_filters_select = (world) =>
    watching(world, async (ntc, page) => {
        await filter(page).fill(`src:${OTHER} proto:UDP dport:9000`);
        await until(async () => {
            const shown = await rows(page);
            return (
                shown.length > 5 &&
                shown.every((row) => row.src === `${OTHER}:4000`)
            );
        }, "only the other one");
        await page.getByText(CABLE).first().waitFor();
        assert.equal(await page.locator("img").count(), 0);
        await page.goto(`${ntc.base}/#overview`);
        await page.getByRole("rowheader", { name: CABLE }).waitFor();
        await page.getByText("both directions").waitFor();
        assert.equal(await page.locator("img").count(), 0);
    });

export const a_pause_loses_nothing = (world) =>
    watching(world, async (ntc, page) => {
        const listener = new Listener(ntc.base);
        await until(() => listener.seqs.length > 0, "a second viewer");
        await page.getByRole("button", { name: "Pause" }).click();
        const frozen = (await rows(page))[0].seq;
        await sleep(3000);
        assert.equal((await rows(page))[0].seq, frozen);
        await page.getByRole("button", { name: "Resume" }).click();
        await until(
            async () => (await rows(page))[0].seq > frozen + 250,
            "it goes on",
        );
        await page.getByRole("button", { name: "Pause" }).click();
        const held = await allSeqs(page);
        listener.stop.abort();
        const [low, high] = [
            Math.max(held[0], listener.seqs[0]),
            Math.min(held.at(-1), listener.seqs.at(-1)),
        ];
        const within = (seqs) =>
            seqs.filter((seq) => seq >= low && seq <= high);
        assert.ok(high - low > 200);
        assert.deepEqual(within(held), within(listener.seqs));
    });

export const blocking_turns_rows_to_drop_and_outlives_a_restart = (world) =>
    watching(world, async (ntc, page) => {
        const top = async (ip) =>
            (await rows(page)).find((row) => row.src === `${ip}:4000`)?.action;
        await page.getByRole("button", { name: "Pause" }).click(); // what moves is hard to hit
        await page
            .locator("[data-seq]")
            .getByText(PEER, { exact: true })
            .first()
            .click();
        await page.getByRole("button", { name: "Resume" }).click();
        const panel = page.getByLabel(`Address ${PEER}`);
        await panel.getByRole("button", { name: "Block …" }).click();
        await panel.getByRole("button", { name: "Block", exact: true }).click();
        await until(
            async () => (await top(PEER)) === "DROP",
            "its packets are dropped",
        );
        assert.equal(await top(OTHER), "PASS");
        await ntc.stop();
        await page.getByText("trying again").waitFor();
        await ntc.start();
        await page.getByText(/live · [1-9]/).waitFor();
        await page.getByRole("button", { name: "Clear" }).click();
        await until(
            async () => (await top(PEER)) === "DROP",
            "still dropped after the restart",
        );
        const seqs = (await rows(page)).map((row) => row.seq);
        assert.equal(new Set(seqs).size, seqs.length);
        await panel.getByRole("button", { name: "Unblock" }).click();
        await until(
            async () => (await top(PEER)) === "PASS",
            "they pass again",
        );
    });

/** From another address of this machine one is a stranger, and needs the token. */
export async function a_stranger_is_asked_for_the_token(world) {
    const file = `${world.folder}/token`;
    writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
    const ntc = await world.daemon({
        interfaces: [CABLE],
        server: `  token_file: ${file}\n  read_token: true\n`,
    });
    const page = await world.page(`http://${HOST}:${ntc.port}/#lists`);
    const dialog = page.getByRole("dialog", { name: "This needs the token" });
    await dialog.waitFor();
    await dialog.getByLabel("Token").fill("wrong-wrong-wrong-wrong");
    await dialog.getByRole("button", { name: "Send" }).click();
    await dialog.getByText("not the right one").waitFor();
    // A wrong one is not sent again and again: the right one would be kept out.
    await dialog.getByRole("button", { name: "Not now" }).click();
    await page.getByText("The list can't be read").waitFor();
    await sleep(5000);
    await page.getByRole("button", { name: "Give it" }).click();
    await dialog.getByLabel("Token").fill(TOKEN);
    await dialog.getByRole("button", { name: "Send" }).click();
    await page.getByText("Nobody is blocked").waitFor();
    await page.getByLabel("Address or prefix").fill("203.0.113.7");
    await page.getByRole("button", { name: "Block", exact: true }).click();
    await page.getByRole("button", { name: "Remove 203.0.113.7" }).waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Remove 203.0.113.7" }).waitFor();
    assert.ok(!page.url().includes(TOKEN));
    assert.deepEqual(await page.context().cookies(), []);
    await page.goto(`http://${HOST}:${ntc.port}/#live`);
    await page.getByText(/^\s*live ·/).waitFor();
}
