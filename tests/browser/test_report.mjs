/* test_report.mjs - the page of `eval` in a real browser: what it shows, its controls, its sounds, its
 * speed, and the rules of accessibility.
 *
 *     test_report.mjs FOLDER CHROMIUM [PART OF A NAME]
 *
 * FOLDER holds the pages that scripts/browser.sh makes; the tests of that name are run, else all. Every message in the console is a fault. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

import { chromium } from "playwright-core";

import { checkRules, openPage, runTests, test } from "./page_tests.mjs";

const [, , folder, executablePath, only = ""] = process.argv;
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] });

/** A page opened from the disk. */
const withPage = (name, { hash = "", ...options }, run) =>
    openPage(browser, pathToFileURL(`${folder}/${name}.html`).href + hash, { own: (asked) => /^(file|data):/.test(asked), ...options }, run);

const textsOf = (page, selector) => page.locator(selector).allInnerTexts();
const rowsOf = (page) => page.locator(".utterances tbody > tr:not(.more)");
const idsOf = async (page) => (await textsOf(page, ".unfold")).map((text) => text.replace(/^\S\s*/, "").trim());
const countOf = (page) => page.locator("#utterance-count").innerText();
const resultsOf = (name) => JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8"));

/* The rate of an utterance for a system, or null. */
const rate = (row, system) => (row.systems[system].error ? null : row.systems[system].errors / row.systems[system].words);

test("the first screen has the answer and the numbers of results.json", () => withPage("small", {}, async (page) => {
    const { comparisons, systems } = resultsOf("small");
    assert.ok((await page.locator("#headline").innerText()).includes(comparisons[0].text));
    const cards = await textsOf(page, "#cards .card");
    systems.forEach((system, i) => {
        assert.ok(cards[i].includes(system.name));
        assert.ok(cards[i].includes(`${(100 * system.wer.value).toFixed(1)}\u00a0%`), cards[i]);
    });
    const box = await page.locator("#cards").boundingBox();
    assert.ok(box.y + 200 < 860, "cards are on the first screen");
    assert.equal(await page.locator("main > section:visible").count(), 9);
}));

test("a head sorts, and sorts the other way", () => withPage("small", {}, async (page) => {
    const { utterances } = resultsOf("small");
    await page.locator("#sort-system1").click();
    const worst = utterances.map((row, i) => [rate(row, 1) ?? -1, i]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    assert.deepEqual(await idsOf(page), worst.slice(0, 50).map(([, i]) => utterances[i].id));
    assert.equal(await page.locator("th[aria-sort=descending]").count(), 1);
    await page.locator("#sort-system1").click();
    assert.equal((await idsOf(page))[0], utterances.find((row) => rate(row, 1) === 0).id);
}));

test("filters and the search leave what they say", () => withPage("small", {}, async (page) => {
    const { utterances } = resultsOf("small");
    const better = utterances.filter((row) => rate(row, 0) !== null && rate(row, 1) !== null && rate(row, 1) < rate(row, 0));
    await page.getByLabel("Show").selectOption("better");
    assert.equal(await countOf(page), `${better.length} of ${utterances.length} utterances`);
    assert.deepEqual(await idsOf(page), better.slice(0, 50).map((row) => row.id));
    await page.getByLabel("Show").selectOption("failed");
    assert.equal(await rowsOf(page).count(), utterances.filter((row) => row.systems.some((one) => one.error)).length);
    await page.locator("#clear").click();
    await page.locator("#query").fill("SQUAWK");
    const found = utterances.filter((row) => JSON.stringify([row.reference, ...row.systems.map((one) => one.text)]).toLowerCase().includes("squawk"));
    await page.waitForFunction((text) => document.querySelector("#utterance-count").textContent === text, `${found.length} of ${utterances.length} utterances`);
    await page.getByLabel("Group").selectOption("speaker 3");
    assert.deepEqual(await idsOf(page), found.filter((row) => row.group === "speaker 3").map((row) => row.id).slice(0, 50));
}));

test("a chart's bar shows its utterances", () => withPage("small", {}, async (page) => {
    const { utterances } = resultsOf("small");
    await page.locator("#chart-distribution .column").first().click();
    assert.ok((await countOf(page)).startsWith(`${utterances.filter((row) => rate(row, 0) === 0).length} of`));
    await page.locator("#chart-scatter .cell").first().click();
    assert.ok((await rowsOf(page).count()) > 0);
}));

test("pages turn", () => withPage("small", {}, async (page) => {
    const { utterances } = resultsOf("small");
    await page.locator("#page-next").click();
    assert.equal((await idsOf(page))[0], utterances[50].id);
    await page.locator("#page-last").click();
    assert.equal((await idsOf(page)).at(-1), utterances.at(-1).id);
}));

test("an utterance unfolds to its alignment, by the keyboard alone", () => withPage("small", {}, async (page) => {
    const { utterances } = resultsOf("small");
    const index = utterances.slice(0, 50).findIndex((row) => ["s", "d", "i"].every((kind) => row.systems[0].alignment?.some((item) => item[0] === kind)));
    await page.locator(".unfold").nth(index).focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.locator(":focus").getAttribute("aria-expanded"), "true");
    const aligned = page.locator(".unfolded .aligned").first();
    for (const [item, kind, mark] of [["s", "other", "≠"], ["d", "missing", "−"], ["i", "added", "+"]]) {
        const expected = utterances[index].systems[0].alignment.filter(([first]) => first === item);
        const parts = aligned.locator(`.part.${kind}`);
        assert.equal(await parts.count(), expected.length);
        const text = await parts.first().innerText();
        assert.ok(text.includes(mark) && text.includes(expected[0][1]), text);
    }
    await page.keyboard.press("Enter");
    assert.equal(await page.locator(".unfolded").count(), 0);
}));

test("a sound in the page plays, a word plays its part and lights up", () => withPage("small", {}, async (page) => {
    const most = (row) => Math.max(...row.systems.map((one) => one.errors ?? 0)); // the page has the sounds of the worst
    const { id } = resultsOf("small").utterances.reduce((worst, row) => (most(row) > most(worst) ? row : worst));
    await page.evaluate((hash) => { location.hash = hash; }, `#u=${id}`);
    await page.waitForSelector(".unfolded");
    assert.ok((await page.locator(".unfolded audio").getAttribute("src")).startsWith("data:audio/wav"));
    assert.ok((await page.locator(".wave .peak").count()) > 50);
    await page.locator(".spoken").nth(1).click();
    await page.waitForSelector(".spoken.now", { timeout: 5000 });
    await page.waitForFunction(() => document.querySelector("audio").paused, null, { timeout: 5000 });
    assert.ok((await page.evaluate(() => document.querySelector("audio").currentTime)) > 0);
}));

test("a sound beside the page plays", () => withPage("linked", {}, async (page) => {
    await page.locator(".unfold").first().click();
    const source = await page.locator(".unfolded audio").getAttribute("src");
    assert.ok(/^\.\..*\.flac$/.test(source), source);
    await page.locator(".spoken").first().click();
    await page.waitForFunction(() => document.querySelector("audio").currentTime > 0.05, null, { timeout: 5000 });
}));

test("a sound beside the page has its waveform, which seeks", () => withPage("linked", {}, async (page) => {
    await page.locator(".unfold").first().click();
    const { peaks } = resultsOf("linked").utterances[0];
    const heights = await page.locator(".wave .peak").evaluateAll((bars) => bars.map((bar) => Number(bar.getAttribute("height"))));
    assert.equal(heights.length, peaks.length);
    const digits = Array.from(peaks, (char) => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".indexOf(char));
    assert.equal(heights.indexOf(Math.max(...heights)), digits.indexOf(Math.max(...digits)));
    const box = await page.locator(".wave").boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    const { seconds } = resultsOf("linked").utterances[0];
    await page.waitForFunction((at) => document.querySelector("audio").currentTime > at, 0.4 * seconds, { timeout: 5000 });
}));

test("a word without a time is text", () => withPage("linked", {}, async (page) => {
    const { systems } = resultsOf("linked").utterances[1];
    await page.locator(".unfold").nth(1).click();
    const timed = systems.reduce((sum, one) => sum + one.times.filter(Boolean).length, 0);
    assert.equal(await page.locator(".spoken").count(), timed);
    assert.ok(timed < systems.reduce((sum, one) => sum + one.times.length, 0));
}));

test("a link leads to its utterance", () => withPage("small", { hash: "#u=utt-000123" }, async (page) => {
    assert.equal(await page.locator(":focus").innerText().then((text) => text.includes("utt-000123")), true);
    assert.equal(await page.locator(".unfolded").count(), 1);
    await page.evaluate(() => { location.hash = "#u=utt-000007"; });
    await page.waitForFunction(() => document.activeElement.textContent.includes("utt-000007"));
}));

test("an utterance is copied as an issue, its link too", () => withPage("small", { hash: "#u=utt-000002" }, async (page) => {
    const row = resultsOf("small").utterances[2];
    await page.getByRole("button", { name: "Copy as issue" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const text = await page.evaluate(() => navigator.clipboard.readText());
    for (const part of [row.reference, row.systems[0].text, row.systems[1].text, "said ", "heard "]) assert.ok(text.includes(part), text);
    await page.getByRole("button", { name: "Copy link" }).click();
    await page.waitForFunction(async () => (await navigator.clipboard.readText()).endsWith("#u=utt-000002"));
}));

test("a word of a list searches for it", () => withPage("small", {}, async (page) => {
    const word = await page.locator("#words-body .word").first().innerText();
    await page.locator("#words-body .word").first().click();
    assert.equal(await page.locator("#query").inputValue(), word);
    await page.getByLabel("Words of").selectOption("0");
    assert.equal(await page.locator("#words-body .list").count(), 3);
}));

test("texts are never markup", () => withPage("hostile", {}, async (page) => {
    page.on("dialog", () => assert.fail("a text was run"));
    for (const i of [0, 1, 2]) await page.locator(".unfold").nth(i).click();
    assert.equal(await page.locator("img").count(), 0);
    assert.ok((await page.locator("h1").innerText()).includes("</script><img src=x onerror=alert(1)>"));
    assert.ok((await page.locator(".unfold").first().innerText()).includes("<img"));
}));

test("one system, and eight", async () => {
    await withPage("one", {}, async (page) => {
        assert.equal(await page.locator("#chart-scatter:visible").count(), 0);
        assert.ok((await page.locator(".headline").first().innerText()).includes("word"));
        await page.locator(".unfold").first().click();
    });
    await withPage("eight", {}, async (page) => {
        assert.equal(await page.locator("#cards .card").count(), 8);
        await page.locator("#pair").getByLabel("with").selectOption("4");
        assert.ok((await page.locator("#chart-scatter").innerText()).includes("five"));
    });
    await withPage("empty", {}, async () => {});
});

for (const [name, options] of Object.entries({ light: {}, dark: { colorScheme: "dark" }, phone: { viewport: { width: 390, height: 844 } } }))
    test(`axe-core finds nothing: ${name}`, () => withPage("small", options, async (page) => {
        await page.locator("#sort-system0").click();
        await page.locator(".unfold").first().click();
        await checkRules(page);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= document.documentElement.clientWidth), true);
    }));

/* Milliseconds from the start of the load to the first screen, whose table can be sorted, and to all
 * that is behind it: by the clock, and of the page's thread alone, which a busy machine changes less. */
async function opening(name) {
    const times = {};
    await withPage("empty", {}, async (page) => {
        const session = await page.context().newCDPSession(page);
        const busy = async () => {
            const { metrics } = await session.send("Performance.getMetrics");
            return 1000 * metrics.find((metric) => metric.name === "TaskDuration").value;
        };
        await session.send("Performance.enable", { timeDomain: "threadTicks" });
        await page.goto(pathToFileURL(`${folder}/${name}.html`).href);
        await page.waitForSelector("html[data-ready]", { state: "attached" });
        [times.shown, times.whole] = await page.evaluate(() => new Promise((done) => {
            requestAnimationFrame(() => setTimeout(() =>
                done(["shown", "whole"].map((mark) => performance.getEntriesByName(mark)[0].startTime))));
        }));
        times.thread = await busy();
    });
    console.log(`     ${name}: first screen ${times.shown.toFixed(0)} ms, all ${times.whole.toFixed(0)} ms, of the page's thread ${
        times.thread.toFixed(0)} ms`);
    return times;
}

test("10,000 utterances open in under a second", async () => {
    const { whole, thread } = await opening("many");
    assert.ok(Math.min(whole, thread) < 1000);
});

test("100,000 utterances open", () => opening("huge"));

test("100,000 utterances can be used", () => withPage("huge", {}, async (page) => {
    const time = async (name, run) => {
        const start = Date.now();
        await run();
        console.log(`     100,000 utterances, ${name}: ${Date.now() - start} ms`);
    };
    await time("sort", () => page.locator("#sort-system1").click());
    await time("search", async () => {
        await page.locator("#query").fill("squawk");
        await page.waitForFunction(() => document.querySelector("#utterance-count").textContent.includes(" of "));
    });
    await time("unfold", () => page.locator(".unfold").first().click());
}));

await runTests(browser, only);
