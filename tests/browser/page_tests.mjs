/* page_tests.mjs - what the tests of both pages share: a page whose faults count, the rules of
 * accessibility, and the run. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tests = [];

export const test = (name, run) => tests.push({ name, run });

/** A page in a window of its own. Messages in the console, but those that `allowed` fits, and requests for what is
 * not `own`, are faults, thrown when it closes; `context` is of the window. */
export async function openPage(browser, url, { own, allowed = null, ...context }, run) {
    const window = await browser.newContext({ viewport: { width: 1280, height: 860 }, permissions: ["clipboard-read", "clipboard-write"],
        ...context });
    const page = await window.newPage();
    const faults = [];
    page.on("console", (message) => { if (!allowed?.test(message.text())) faults.push(message.text()); });
    page.on("pageerror", (error) => faults.push(error.message));
    page.on("request", (request) => { if (!own(request.url())) faults.push(`asks for ${request.url()}`); });
    await page.goto(url);
    await page.waitForSelector("html[data-ready]", { state: "attached" });
    await run(page);
    assert.deepEqual(faults, []);
    await window.close();
}

/** axe-core finds nothing. */
export async function checkRules(page) {
    await page.evaluate(axe); // past the policy, which is the page's
    const { violations } = await page.evaluate(() => window.axe.run());
    assert.deepEqual(violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html.slice(0, 120)).join(" | ")}`), []);
}

/** The tests with `only` in their names, and the end of the process. */
export async function runTests(browser, only) {
    const chosen = tests.filter(({ name }) => name.includes(only));
    let failed = 0;
    for (const { name, run } of chosen) {
        try {
            await run();
            console.log(`ok   ${name}`);
        } catch (error) {
            failed++;
            console.log(`FAIL ${name}\n${error.stack}`);
        }
    }
    await browser.close();
    console.log(failed ? `${failed} of ${chosen.length} failed` : `${chosen.length} passed`);
    process.exit(failed ? 1 : 0);
}
