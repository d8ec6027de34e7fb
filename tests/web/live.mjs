// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { Listener, allSeqs, rows, sleep, until } from "./world.mjs";

const RATE = "mock:\n  rate: 200\n  seed: 7\n";
const filter = (page) => page.getByLabel("Filter", { exact: true });
const pause = (page) => page.getByRole("button", { name: "Pause" });

async function live(world, options = {}) {
    const ntc = await world.daemon({ extra: RATE, ...options });
    const page = await world.page(`${ntc.base}/#live`);
    await until(async () => (await rows(page)).length > 20, "packets appear");
    return { ntc, page };
}

export async function packets_appear_newest_on_top(world) {
    const { page } = await live(world);
    await pause(page).click();
    const seqs = (await rows(page)).map((row) => row.seq);
    assert.deepEqual(
        seqs,
        [...seqs].sort((a, b) => b - a),
    );
    await page.getByRole("button", { name: "Resume" }).click();
    await until(
        async () => (await rows(page))[0].seq > seqs[0] + 100,
        "newer ones come on top",
    );
    const first = page.locator("[data-seq]").first();
    assert.match(await first.textContent(), /\d\d:\d\d:\d\d\.\d{3}.*mock0/);
}

export async function filters_select(world) {
    const { page } = await live(world);
    await filter(page).fill("proto:UDP");
    await until(async () => (await rows(page)).length > 5, "UDP packets");
    assert.ok((await rows(page)).every((row) => row.proto === "UDP"));
    await filter(page).fill("src:192.168. -proto:UDP");
    await until(async () => {
        const shown = await rows(page);
        return (
            shown.length > 5 &&
            shown.every(
                (row) => row.src.startsWith("192.168.") && row.proto !== "UDP",
            )
        );
    }, "both terms hold");
    await filter(page).fill("ip:203.0.113.250");
    await page.getByText("No packet matches").waitFor();
    await filter(page).fill("colour:red");
    await page.getByText("There is no key").waitFor();
    await filter(page).fill("");
    await page.getByRole("button", { name: "SSH" }).click();
    assert.equal(await filter(page).inputValue(), "action:SSH");
    await until(async () => {
        const shown = await rows(page);
        return shown.length > 0 && shown.every((row) => row.action === "SSH");
    }, "only SSH");
    await page.reload();
    assert.equal(
        await filter(page).inputValue(),
        "action:SSH",
        "the filter is part of the address",
    );
}

/** Whatever the server sent between the first and the last packet that the page holds, it holds. */
export async function a_pause_loses_nothing(world) {
    const { ntc, page } = await live(world);
    const listener = new Listener(ntc.base);
    await until(() => listener.seqs.length > 0, "a second viewer");
    await pause(page).click();
    const frozen = (await rows(page))[0].seq;
    await sleep(3000);
    assert.equal(
        (await rows(page))[0].seq,
        frozen,
        "a paused view stands still",
    );
    const waiting = Number(
        (await page.getByText("wait").locator("strong").textContent()).replace(
            ",",
            "",
        ),
    );
    assert.ok(waiting > 300, `${waiting} wait`);
    await page.getByRole("button", { name: "Resume" }).click();
    await until(
        async () => (await rows(page))[0].seq > frozen + 800,
        "it goes on",
    );
    await pause(page).click();
    const held = await allSeqs(page);
    listener.stop.abort();
    const [low, high] = [
        Math.max(held[0], listener.seqs[0]),
        Math.min(held.at(-1), listener.seqs.at(-1)),
    ];
    assert.ok(high - low > 800);
    const within = (seqs) => seqs.filter((seq) => seq >= low && seq <= high);
    assert.deepEqual(within(held), within(listener.seqs));
}

export async function a_blocked_address_turns_to_drop_and_back(world) {
    const { page, ntc } = await live(world);
    const busy = "203.0.113.7";
    await filter(page).fill(`ip:${busy}`);
    await until(
        async () => (await rows(page)).some((row) => row.action === "PASS"),
        "it passes",
    );
    await pause(page).click(); // what moves is hard to hit
    await page.locator("[data-seq]").first().getByText(busy).click();
    await page.getByRole("button", { name: "Resume" }).click();
    const panel = page.getByLabel(`Address ${busy}`);
    await panel.getByText("On no list").waitFor();
    await panel.getByRole("button", { name: "Block …" }).click();
    await panel.getByLabel("For how long").selectOption("3600");
    await panel.getByRole("button", { name: "Block", exact: true }).click();
    await panel.getByText("Blocked", { exact: true }).waitFor();
    await until(
        async () => (await rows(page))[0].action === "DROP",
        "its packets are dropped",
    );
    const [entry] = await ntc.entries("blacklist");
    assert.equal(entry.ip, busy);
    const left = (Date.parse(entry.expires) - Date.now()) / 1000;
    assert.ok(left > 3500 && left <= 3600, `${left} s left`);
    await panel.getByRole("button", { name: "Unblock" }).click();
    await until(
        async () => (await rows(page))[0].action === "PASS",
        "they pass again",
    );
    assert.deepEqual(await ntc.entries("blacklist"), []);
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
}

export async function a_restart_is_survived_without_duplicates(world) {
    const { ntc, page } = await live(world);
    await ntc.stop();
    await page.getByText("trying again").waitFor();
    await page.getByText("ntc does not answer").first().waitFor();
    await page.getByRole("button", { name: "Clear" }).click();
    await ntc.start();
    await until(
        async () => (await rows(page)).length > 20,
        "the stream is back",
    );
    await sleep(1000);
    await pause(page).click();
    const seqs = (await rows(page)).map((row) => row.seq);
    assert.equal(new Set(seqs).size, seqs.length);
    // What came meanwhile nobody knows, and that is what the oldest line says.
    await page.evaluate(() => {
        const grid = document.querySelector("[role=grid]");
        grid.scrollTop = grid.scrollHeight;
    });
    await page.getByText("an unknown number of packets not shown").waitFor();
}

export async function coming_back_to_the_view_repeats_nothing(world) {
    const { page } = await live(world);
    await page.getByRole("link", { name: "Flows" }).click();
    await page.getByRole("region", { name: "Connections" }).waitFor();
    await page.getByRole("link", { name: "Live" }).click();
    await sleep(1500);
    await pause(page).click();
    const grid = await page.evaluate(async () => {
        const scroller = document.querySelector("[role=grid]");
        const seen = [];
        for (let top = 0; top < scroller.scrollHeight; top += 240) {
            scroller.scrollTop = top;
            await new Promise((resolve) =>
                requestAnimationFrame(() => requestAnimationFrame(resolve)),
            );
            for (const row of document.querySelectorAll("[data-seq]"))
                seen.push([
                    Number(row.getAttribute("aria-rowindex")),
                    Number(row.dataset.seq),
                ]);
        }
        return seen;
    });
    const bySeq = new Map();
    for (const [index, seq] of grid) {
        assert.equal(
            bySeq.get(seq) ?? index,
            index,
            `packet ${seq} is there twice`,
        );
        bySeq.set(seq, index);
    }
    assert.ok(bySeq.size > 100);
}

export async function the_place_is_kept_while_packets_come(world) {
    const { page } = await live(world);
    await until(
        async () =>
            page.evaluate(
                () => document.querySelector("[role=grid]").scrollHeight > 3000,
            ),
        "enough",
    );
    await page.evaluate(
        () => (document.querySelector("[role=grid]").scrollTop = 1200),
    );
    const atTop = () =>
        page.evaluate(() => {
            const box = document
                .querySelector("[role=grid]")
                .getBoundingClientRect();
            const element = document.elementFromPoint(
                box.left + 20,
                box.top + 200,
            );
            return Number(element.closest("[data-seq]").dataset.seq);
        });
    await sleep(300);
    const before = await atTop();
    await sleep(1500);
    const after = await atTop();
    assert.ok(
        Math.abs(after - before) <= 40,
        `${before} was under the eye, then ${after}`,
    );
}

export async function keys_reach_everything(world) {
    const { page } = await live(world);
    await page.keyboard.press("/");
    await page.keyboard.type("proto:TCP p");
    assert.equal(
        await filter(page).inputValue(),
        "proto:TCP p",
        "keys in a field are text",
    );
    await filter(page).fill("proto:TCP");
    await page.getByRole("grid").focus();
    await page.keyboard.press("p");
    await page.getByRole("button", { name: "Resume" }).waitFor();
    const [first, second] = await rows(page);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    assert.equal(
        await page.locator(".selected").getAttribute("data-seq"),
        String(second.seq),
    );
    assert.notEqual(first.seq, second.seq);
    await page.keyboard.press("Enter");
    const source = second.src.replace(/:\d+$/, "");
    await page.getByLabel(`Address ${source}`).waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("c");
    await until(async () => (await rows(page)).length === 0, "cleared");
    for (const [key, view] of [
        "overview",
        "live",
        "flows",
        "lists",
        "alerts",
    ].entries()) {
        await page.keyboard.press(String(key + 1));
        await page.locator(`main[aria-label=${view}]`).waitFor();
    }
    await page.keyboard.press("?");
    const help = page.getByRole("dialog", { name: "Keys and signs" });
    await help.waitFor();
    await page.keyboard.press("Escape");
    await help.waitFor({ state: "detached" });
    const theme = () =>
        page.evaluate(() => document.documentElement.dataset.theme);
    const before = await theme();
    await page.keyboard.press("t");
    await until(async () => (await theme()) !== before, "the other theme");
}
