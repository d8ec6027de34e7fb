// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { until } from "./world.mjs";

const EVIL = `<img src=x onerror="alert(1)"><script>alert(2)</script>`;

async function lists(world) {
    const ntc = await world.daemon();
    const page = await world.page(`${ntc.base}/#lists`);
    await page.getByText("Nobody is blocked").waitFor();
    return { ntc, page };
}

async function block(page, ip, comment = "") {
    await page.getByLabel("Address or prefix").fill(ip);
    await page.getByLabel("Comment").fill(comment);
    await page.getByRole("button", { name: "Block", exact: true }).click();
}

const row = (page, ip) => page.getByRole("row").filter({ hasText: ip });
const cell = (page, ip, text) =>
    row(page, ip).getByRole("cell", { name: text, exact: true });

export async function an_entry_is_added_removed_and_put_back(world) {
    const { ntc, page } = await lists(world);
    await page.getByLabel("For how long").selectOption("3600");
    await block(page, "203.0.113.0/24", "scanner");
    await row(page, "203.0.113.0/24").getByText("59 min").waitFor();
    await page.getByRole("button", { name: "Remove 203.0.113.0/24" }).click();
    await page.getByText("Nobody is blocked").waitFor();
    assert.deepEqual(await ntc.entries("blacklist"), []);
    await page.getByRole("button", { name: "Undo" }).click();
    await cell(page, "203.0.113.0/24", "scanner").waitFor();
    const [entry] = await ntc.entries("blacklist");
    assert.equal(entry.comment, "scanner");
    assert.ok(Date.parse(entry.expires) - Date.now() > 3500_000);
}

export async function what_may_cut_one_off_goes_unless_it_is_kept(world) {
    const { ntc, page } = await lists(world);
    await page.getByLabel("unless I keep it").check();
    await block(page, "203.0.113.7");
    await row(page, "203.0.113.7").getByText("keep?").waitFor();
    const [trial] = await ntc.entries("blacklist");
    assert.ok(Date.parse(trial.confirm_by) - Date.now() <= 60_000);
    await page.getByRole("button", { name: "Keep", exact: true }).click();
    await row(page, "203.0.113.7").getByText("for ever").waitFor();
    const [kept] = await ntc.entries("blacklist");
    assert.equal(kept.confirm_by, null);
    await block(page, "203.0.113.8");
    await row(page, "203.0.113.8").getByText("for ever").waitFor();
}

export async function a_trial_is_kept_from_its_address_and_undone_as_a_trial(
    world,
) {
    const { ntc, page } = await lists(world);
    await page.getByLabel("unless I keep it").check();
    await block(page, "203.0.113.7");
    await page.getByRole("button", { name: "Remove 203.0.113.7" }).click();
    await page.getByRole("button", { name: "Undo" }).click();
    await row(page, "203.0.113.7").getByText("keep?").waitFor();
    await page
        .getByRole("button", { name: "203.0.113.7", exact: true })
        .click();
    const panel = page.getByLabel("Address 203.0.113.7");
    await panel.getByText(/gone in \d+ s unless you keep it/).waitFor();
    await panel.getByRole("button", { name: "Keep" }).click();
    await panel.getByText(/unless you keep it/).waitFor({ state: "detached" });
    const [kept] = await ntc.entries("blacklist");
    assert.equal(kept.confirm_by, null);
}

export async function arrows_lead_from_tab_to_tab(world) {
    const { page } = await lists(world);
    await page.getByRole("tab", { name: "Blocked" }).focus();
    await page.keyboard.press("ArrowRight");
    await page.getByText("Nobody is on the whitelist").waitFor();
    const focused = () =>
        page.evaluate(() => document.activeElement.textContent);
    assert.match(await focused(), /Always allowed/);
    await page.keyboard.press("ArrowLeft");
    await page.getByText("Nobody is blocked").waitFor();
}

export async function bad_input_is_explained_in_the_servers_words(world) {
    const { ntc, page } = await lists(world);
    for (const bad of ["10.0.0.1/8", "300.1.1.1", "example.net"]) {
        const { json } = await ntc.request("POST", "/blacklist", { ip: bad });
        await block(page, bad);
        await page
            .getByRole("alert")
            .filter({ hasText: json.message })
            .waitFor();
        assert.equal(
            await page
                .getByLabel("Address or prefix")
                .getAttribute("aria-invalid"),
            "true",
        );
    }
    await block(page, "127.0.0.1");
    await page.getByRole("button", { name: "All the same" }).click();
    await row(page, "127.0.0.1").waitFor();
}

export async function what_people_write_is_text(world) {
    const { page } = await lists(world);
    await block(page, "203.0.113.9", EVIL);
    await cell(page, "203.0.113.9", EVIL).waitFor();
    assert.equal(await page.locator("img, main script").count(), 0);
    await page
        .getByRole("row")
        .getByRole("button", { name: "203.0.113.9", exact: true })
        .click();
    await page.getByLabel("Address 203.0.113.9").getByText(EVIL).waitFor();
    await page.getByLabel("Search this list").fill(EVIL);
    await row(page, "203.0.113.9").waitFor();
    assert.equal(await page.locator("img, main script").count(), 0);
}

export async function lists_survive_a_restart(world) {
    const { ntc, page } = await lists(world);
    await block(page, "203.0.113.7", "stays");
    await row(page, "203.0.113.7").waitFor();
    await ntc.stop();
    await page.getByText("ntc does not answer").first().waitFor();
    await ntc.start();
    await until(
        async () => (await page.getByText("ntc does not answer").count()) === 0,
        "it is back",
    );
    await page.reload();
    await cell(page, "203.0.113.7", "stays").waitFor();
}

export async function a_file_goes_out_and_comes_in(world) {
    const { ntc, page } = await lists(world);
    await ntc.add("blacklist", { ip: "203.0.113.7", comment: "one # two" });
    await ntc.add("blacklist", { ip: "2001:db8::/32", ttl: 3600 });
    for (const [button, find] of [
        ["Text", "203.0.113.7 # one # two"],
        ["JSON", '"ip": "2001:db8::/32"'],
    ]) {
        await page.getByRole("button", { name: "Export" }).click();
        const waiting = page.waitForEvent("download");
        await page.getByRole("button", { name: button, exact: true }).click();
        const file = readFileSync(await (await waiting).path(), "utf8");
        assert.ok(file.includes(find), file);
        if (button === "JSON") {
            for (const { ip } of await ntc.entries("blacklist"))
                await ntc.request(
                    "DELETE",
                    `/blacklist?ip=${encodeURIComponent(ip)}`,
                );
            await importText(
                page,
                file,
                "2 added, 0 were there already, 0 refused.",
            );
        }
    }
    await importText(
        page,
        "203.0.113.7\n198.51.100.1 # new\n127.0.0.1\nnonsense\n",
        "1 added, 1 were there already, 1 refused.",
        ["line 4: nonsense"],
    );
    const entries = await ntc.entries("blacklist");
    assert.deepEqual(entries.map((one) => one.ip).sort(), [
        "198.51.100.1",
        "2001:db8::/32",
        "203.0.113.7",
    ]);
    assert.ok(entries.find((one) => one.ip === "2001:db8::/32").expires);
}

async function importText(page, text, outcome, warnings = []) {
    await page.getByRole("button", { name: "Import" }).click();
    await page.getByLabel("Or paste it here").fill(text);
    for (const warning of warnings) await page.getByText(warning).waitFor();
    await page.getByRole("button", { name: /^Add \d/ }).click();
    await page.getByText(outcome).waitFor();
    await page.getByRole("button", { name: "Done" }).click();
}

export async function sixty_five_thousand_entries_stay_quick(world) {
    const { ntc, page } = await lists(world);
    await ntc.add("blacklist", { ip: "203.0.113.7", comment: "needle" });
    await ntc.stop();
    const file = `${ntc.folder}/lists.json`;
    const state = JSON.parse(readFileSync(file, "utf8"));
    const list = state.blacklist;
    for (let i = 0; list.length < 65_536; i++)
        list.push({
            ...list[0],
            ip: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
            comment: `no. ${i}`,
        });
    writeFileSync(file, JSON.stringify(state));
    await ntc.start();
    await page.reload();
    await page.getByText("1 – 100 of 65,536").waitFor();
    assert.equal(await page.getByRole("row").count(), 101);
    const search = page.getByLabel("Search this list");
    const begin = Date.now();
    await search.fill("needle");
    await row(page, "203.0.113.7").waitFor();
    await page.getByText("1 – 100").waitFor({ state: "detached" });
    const took = Date.now() - begin;
    await search.fill("");
    await page.getByRole("button", { name: "Older" }).click();
    await page.getByText("101 – 200 of 65,536").waitFor();
    console.log(`    a search among 65,536 entries: ${took} ms until shown`);
    assert.ok(took < 2000, `${took} ms`);
    await page.getByText("Room for 0 more").waitFor();
    await block(page, "198.51.100.1");
    await page.getByRole("alert").filter({ hasText: "full" }).waitFor();
}
