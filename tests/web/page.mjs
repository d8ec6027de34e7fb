// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { axeSource, rows, sleep, until } from "./world.mjs";

const VIEWS = [
    "overview",
    "live",
    "flows",
    "lists",
    "alerts",
    "live?ip=192.168.1.10",
];
const ALERTS = {
    count: 2,
    source: "memory",
    truncated: false,
    alerts: [
        {
            time: new Date().toISOString(),
            kind: "port-scan",
            ip: "203.0.113.7",
            target: null,
            interface: "eth0",
            message: "203.0.113.7 tried 120 ports of one host",
            ports: 120,
            hosts: 1,
            packets: 120,
            blocked_until: new Date(Date.now() + 600_500).toISOString(),
        },
        {
            time: "2026-01-31T12:00:00.000Z",
            kind: "syn-flood",
            ip: "192.168.1.10",
            target: null,
            interface: "<img src=x onerror=alert(1)>",
            message: "<b>9,000</b> SYNs a second",
            ports: 0,
            hosts: 0,
            packets: 90_000,
            blocked_until: null,
        },
    ],
};

const answering = (body, status = 200) => [
    "**/alerts?*",
    (route) =>
        route.fulfill({
            status,
            contentType: "application/json",
            body: JSON.stringify(body),
        }),
];

async function shown(page, view) {
    const [name] = view.split("?");
    await page.locator(`main[aria-label=${name}]`).waitFor();
    if (name === "live")
        await until(async () => (await rows(page)).length > 5, "packets");
    if (name === "flows") await page.getByRole("table").waitFor();
    if (name === "overview") await page.getByText("Who talks").waitFor();
    if (view.includes("ip="))
        await page.getByText("Over the last minute").waitFor();
}

async function violations(page) {
    await page.evaluate(axeSource);
    return page.evaluate(async () => {
        const result = await window.axe.run(document, {
            resultTypes: ["violations"],
        });
        return result.violations.map(
            ({ id, nodes }) =>
                `${id}: ${nodes.map((node) => `${node.target} ${node.failureSummary}`).join(" | ")}`,
        );
    });
}

/** axe itself is put in by the debugger, past the policy; the policy is tested elsewhere. */
async function accessible(world, theme, phone) {
    const ntc = await world.daemon({
        extra: "mock:\n  rate: 200\n  seed: 7\n",
    });
    await ntc.add("blacklist", {
        ip: "203.0.113.0/24",
        comment: "night",
        ttl: 3600,
    });
    for (const route of [answering(ALERTS), undefined]) {
        for (const view of route ? VIEWS : ["alerts"]) {
            const page = await world.page(`${ntc.base}/#${view}`, {
                theme,
                phone,
                route,
            });
            await shown(page, view);
            assert.deepEqual(await violations(page), [], `${theme} ${view}`);
            if (view === "lists") {
                await page.getByRole("button", { name: "Import" }).click();
                await page.getByRole("dialog").waitFor();
                assert.deepEqual(await violations(page), [], `${theme} import`);
            }
            if (view === "flows") {
                await page.keyboard.press("?");
                await page.getByRole("dialog").waitFor();
                assert.deepEqual(await violations(page), [], `${theme} help`);
            }
            await page.context().close();
        }
    }
    world.pages = [];
}

export const axe_finds_nothing_in_the_light = (world) =>
    accessible(world, "light", false);
export const axe_finds_nothing_in_the_dark = (world) =>
    accessible(world, "dark", false);
export const axe_finds_nothing_on_a_phone = (world) =>
    accessible(world, "dark", true);

export async function a_phone_needs_no_sideways_scrolling(world) {
    const ntc = await world.daemon({
        extra: "mock:\n  rate: 200\n  seed: 7\n",
    });
    await ntc.add("blacklist", {
        ip: "2001:db8:1234:5678:9abc:def0:1234:0/112",
        comment: "long",
    });
    for (const view of VIEWS) {
        const page = await world.page(`${ntc.base}/#${view}`, {
            phone: true,
            route: answering(ALERTS),
        });
        await shown(page, view);
        const wide = await page.evaluate(
            () => document.documentElement.scrollWidth - innerWidth,
        );
        assert.ok(wide <= 0, `${view} is ${wide} px too wide`);
        const hidden = await page.evaluate(() => {
            const body = document.querySelector(".view-body, .overview");
            return body ? body.scrollWidth - body.clientWidth : 0;
        });
        assert.ok(hidden <= 0, `${view} has ${hidden} px out of sight`);
        await page.getByRole("link", { name: "Flows" }).click();
        await page.locator("main[aria-label=flows]").waitFor();
    }
}

export async function a_window_made_smaller_needs_none_either(world) {
    const ntc = await world.daemon();
    const page = await world.page(`${ntc.base}/#overview`);
    await page.locator("canvas").first().waitFor();
    for (const width of [1200, 1001, 800]) {
        await page.setViewportSize({ width, height: 760 });
        await until(
            () =>
                page.evaluate(() => {
                    const { scrollWidth, clientWidth } =
                        document.querySelector(".overview");
                    return scrollWidth <= clientWidth;
                }),
            `room at ${width} px`,
        );
    }
}

export async function a_daemon_that_is_gone_is_told_and_what_was_read_stays(
    world,
) {
    const ntc = await world.daemon();
    const page = await world.page(`${ntc.base}/#alerts`, {
        route: answering(ALERTS),
    });
    await page.getByText("120 ports, 1 host, 120 packets").waitFor();
    await page.unroute(...answering(ALERTS).slice(0, 1));
    await ntc.stop();
    await page
        .getByRole("alert")
        .getByText(/ntc does not answer; what is shown is \d+ s old/)
        .waitFor();
    await sleep(4500); // the alerts were asked for in vain
    await page.getByText("120 ports, 1 host, 120 packets").waitFor();
}

export async function the_policy_holds(world) {
    const ntc = await world.daemon();
    const { headers } = await fetch(ntc.base);
    const policy = headers.get("content-security-policy");
    assert.match(policy, /default-src 'self'/);
    assert.doesNotMatch(policy, /unsafe|data:|blob:/);
    const page = await world.page(`${ntc.base}/#overview`);
    for (const view of VIEWS) {
        await page.goto(`${ntc.base}/#${view}`);
        await shown(page, view);
    }
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    // The watch itself works: what settle() would complain about.
    await page.evaluate(() =>
        document.body
            .appendChild(document.createElement("script"))
            .append("window.evil = 1"),
    );
    await until(
        () => page.evaluate(() => window.violations.length === 1),
        "the policy speaks up",
    );
    assert.equal(await page.evaluate(() => window.evil), undefined);
    assert.equal(
        await page.evaluate(() => window.violations.splice(0).length),
        1,
    );
}

export async function alerts_are_shown(world) {
    const ntc = await world.daemon();
    const page = await world.page(`${ntc.base}/#alerts`, {
        route: answering(ALERTS),
    });
    await page.getByText("120 ports, 1 host, 120 packets").waitFor();
    await page.getByText(/blocked for another (9 min|10 min)/).waitFor();
    await page.getByText("2026-01-31 13:00:00").waitFor(); // in the zone
    await page.getByText("<b>9,000</b> SYNs a second").waitFor();
    await page
        .getByRole("link", { name: /Alerts/ })
        .getByText("1", { exact: true })
        .waitFor();
    assert.equal(await page.locator("img, main b").count(), 0);
    await page.getByLabel("Kind").selectOption("syn-flood");
    await page.getByText("1 of 2").waitFor();
    await page.getByRole("button", { name: "192.168.1.10" }).click();
    await page
        .getByLabel("Address 192.168.1.10")
        .getByText("SYNs a second")
        .waitFor();
}

export async function a_daemon_without_alerts_says_so(world) {
    const ntc = await world.daemon();
    const page = await world.page(`${ntc.base}/#alerts`, {
        route: answering(
            { ok: false, error: "not-found", message: "there is nothing here" },
            404,
        ),
    });
    await page.getByText("This ntc keeps no alerts").waitFor();
}

export async function the_theme_follows_the_system_until_told(world) {
    const ntc = await world.daemon();
    const page = await world.page(ntc.base, { theme: "dark" });
    const theme = () =>
        page.evaluate(() => document.documentElement.dataset.theme);
    await until(async () => (await theme()) === "dark", "the system's");
    await page.emulateMedia({ colorScheme: "light" });
    await until(async () => (await theme()) === "light", "followed");
    await page.getByRole("button", { name: "Dark theme" }).click();
    assert.equal(await theme(), "dark");
    await page.reload();
    await until(async () => (await theme()) === "dark", "remembered");
}

/** The chart isn't empty when the page comes, and what the page says is what /status says. */
export async function the_overview_agrees_with_the_daemon(world) {
    const ntc = await world.daemon({
        extra: "mock:\n  rate: 200\n  seed: 7\n",
    });
    await sleep(6000);
    const page = await world.page(`${ntc.base}/#overview`);
    const chart = page.getByRole("img", {
        name: /^Packets over the last ten minutes/,
    });
    await chart.waitFor();
    await until(
        async () =>
            /now (1[5-9]\d|2[0-4]\d) pkt/.test(
                await chart.getAttribute("aria-label"),
            ),
        "the rate",
    );
    const pixels = () =>
        page.evaluate(() => {
            const canvas = document.querySelector("canvas");
            const { data } = canvas
                .getContext("2d")
                .getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, i) => i % 4 === 3 && value > 0).length;
        });
    await until(async () => (await pixels()) > 5000, "a chart that is drawn");
    const { json } = await ntc.request("GET", "/talkers?limit=1&sort=bytes");
    await page
        .getByRole("table")
        .first()
        .getByText(json.talkers[0].ip)
        .waitFor();
    await page.getByText("mock: all this traffic is made up").waitFor();
    await page.getByText("Europe/Berlin").waitFor();
}

export async function both_directions_of_a_connection_are_one_row(world) {
    const ntc = await world.daemon({
        extra: "mock:\n  rate: 200\n  seed: 7\n",
    });
    await sleep(3000);
    const page = await world.page(`${ntc.base}/#flows`);
    await page.getByText(/connections of \d+ flows/).waitFor();
    const text = await page.getByText(/connections of \d+ flows/).textContent();
    const [, connections, flows] = /(\d+) connections of (\d+) flows/.exec(
        text,
    );
    assert.ok(Number(connections) < Number(flows) * 0.8, text);
    await page.getByRole("button", { name: /packets/ }).click();
    await page
        .getByRole("columnheader", { name: /packets/ })
        .and(page.locator("[aria-sort=descending]"))
        .waitFor();
    await page.getByLabel("Filter").fill("proto:UDP port:53");
    await until(async () => {
        const cells = await page
            .locator("tbody tr td:nth-child(3)")
            .allTextContents();
        return (
            cells.length > 0 &&
            cells.every((cell) => cell.trim().startsWith("UDP "))
        );
    }, "only UDP");
    await page.getByLabel("Filter").fill("port:53 nonsense!");
    await page.getByText("neither an address").waitFor();
}
