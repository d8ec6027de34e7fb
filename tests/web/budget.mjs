// SPDX-License-Identifier: MIT
import assert from "node:assert/strict";
import { sleep } from "./world.mjs";

const MAX_BYTES = 100_000;

/** Everything that the page loads at first, as it comes over the wire, /status and its like aside:
 * they are the traffic's, not the page's. */
export async function the_page_comes_in_a_hundred_kilobytes(world) {
    const ntc = await world.daemon();
    const context = await world.browser.newContext();
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    const files = new Map();
    let data = 0;
    await session.send("Network.enable");
    session.on("Network.responseReceived", ({ requestId, response, type }) => {
        const { pathname } = new URL(response.url);
        files.set(requestId, {
            pathname,
            file: type !== "Fetch" && type !== "XHR",
        });
    });
    let total = 0;
    session.on(
        "Network.loadingFinished",
        ({ requestId, encodedDataLength }) => {
            const { pathname, file } = files.get(requestId) ?? {};
            if (file) {
                total += encodedDataLength;
                console.log(
                    `    ${String(encodedDataLength).padStart(6)} ${pathname}`,
                );
            } else data += encodedDataLength;
        },
    );
    await page.goto(ntc.base);
    await page.getByText("Who talks").waitFor();
    await page.evaluate(() => document.fonts.ready);
    await sleep(1500);
    await context.close();
    console.log(`    ${total} bytes of files, ${data} of data`);
    assert.ok(total > 20_000, "nothing was measured");
    assert.ok(total <= MAX_BYTES, `${total} bytes`);
}

export async function nothing_is_loaded_from_elsewhere(world) {
    const ntc = await world.daemon();
    const foreign = [];
    const page = await world.page("about:blank");
    page.on("request", (request) => {
        if (!request.url().startsWith(ntc.base)) foreign.push(request.url());
    });
    for (const view of ["overview", "live", "flows", "lists", "alerts"]) {
        await page.goto(`${ntc.base}/#${view}`);
        await page.locator(`main[aria-label=${view}]`).waitFor();
        await sleep(300);
    }
    assert.deepEqual(foreign, []);
}
