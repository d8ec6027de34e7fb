// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { rows, sleep, until } from "./world.mjs";

const SECONDS = Number(process.env.FLOOD_SECONDS ?? 20);
const LONG_MS = 200;
const SETTLE_SECONDS = 4; // until the view holds all it will ever hold

async function measure(session) {
    await session.send("HeapProfiler.collectGarbage");
    const { metrics } = await session.send("Performance.getMetrics");
    const value = (name) =>
        metrics.find((metric) => metric.name === name).value;
    return {
        nodes: value("Nodes"),
        heap: value("JSHeapUsedSize"),
        listeners: value("JSEventListeners"),
    };
}

/** The time that the renderer's main thread spent on each of its tasks: of the CPU's clock where the
 * browser tells it, so that another program's load isn't taken for ours. */
async function traceTasks(browser, page, work) {
    await browser.startTracing(page, {
        categories: [
            "toplevel",
            "disabled-by-default-devtools.timeline",
            "devtools.timeline",
            "__metadata",
        ],
    });
    await work();
    const { traceEvents } = JSON.parse(
        (await browser.stopTracing()).toString(),
    );
    const main = new Set(
        traceEvents
            .filter(
                (event) =>
                    event.name === "thread_name" &&
                    event.args.name === "CrRendererMain",
            )
            .map((event) => `${event.pid} ${event.tid}`),
    );
    const tasks = traceEvents.filter(
        (event) =>
            event.ph === "X" &&
            /RunTask$/.test(event.name) &&
            main.has(`${event.pid} ${event.tid}`),
    );
    return tasks.map((event) => (event.tdur ?? event.dur) / 1000);
}

export async function two_thousand_packets_a_second_leave_no_trace(world) {
    const ntc = await world.daemon({
        extra: "mock:\n  rate: 2000\n  seed: 7\nevents:\n  budget: 4000\n  drop_budget: 4000\n",
    });
    const page = await world.page(`${ntc.base}/#live`);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    await until(async () => (await rows(page)).length > 20, "packets");
    await sleep(SETTLE_SECONDS * 1000);
    const before = await measure(session);
    const firstSeq = (await rows(page))[0].seq;
    const begin = Date.now();
    const tasks = await traceTasks(world.browser, page, async () => {
        await page.getByLabel("Filter", { exact: true }).fill("-proto:ICMP");
        await sleep(SECONDS * 1000);
        const asked = Date.now();
        await page.getByRole("button", { name: "Pause" }).click();
        await page.getByRole("button", { name: "Resume" }).waitFor();
        console.log(`    a click was answered after ${Date.now() - asked} ms`);
        await page.getByRole("button", { name: "Resume" }).click();
    });
    const rate =
        ((await rows(page))[0].seq - firstSeq) / ((Date.now() - begin) / 1000);
    const after = await measure(session);
    const longest = Math.max(...tasks);
    console.log(
        `    ${rate.toFixed(0)} packets/s for ${SECONDS} s; nodes ${before.nodes} -> ${after.nodes}, ` +
            `heap ${(before.heap / 1e6).toFixed(1)} -> ${(after.heap / 1e6).toFixed(1)} MB, ` +
            `longest of ${tasks.length} tasks ${longest.toFixed(0)} ms`,
    );
    assert.ok(rate > 1500, `only ${rate} packets/s`);
    assert.ok(tasks.length > SECONDS * 5, "no tasks were seen");
    assert.ok(after.nodes < before.nodes * 1.2 + 200, "the DOM grows");
    assert.ok(after.listeners < before.listeners * 1.2 + 100, "listeners grow");
    assert.ok(after.heap < before.heap * 1.3 + 3e6, "the heap grows");
    assert.ok(longest <= LONG_MS, `a task of ${longest} ms`);
    await page.getByText("of 2,000 held").waitFor(); // the cap that was set
}
