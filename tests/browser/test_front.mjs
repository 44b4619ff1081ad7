/* test_front.mjs - the page of the server in a real browser: a recording, adapters, differences, the
 * microphone, the key, and the rules of accessibility.
 *
 *     test_front.mjs PROGRAM MODEL EXAMPLE CHROMIUM PICTURES [PART OF A NAME]
 *
 * EXAMPLE has clips, and an adapter that hears them otherwise than MODEL does; pictures are put into PICTURES. Every
 * message in the console is a fault. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { chromium } from "playwright-core";

import { checkRules, openPage, runTests, test } from "./page_tests.mjs";

const [, , program, model, example, executablePath, pictures, only = ""] = process.argv;

/** A server until `run(url)` is done. */
async function withServer(options, run) {
    const server = spawn(program, ["serve", "--model", model, "--port", "0", "--adapter", `tower=${join(example, "adapter")}`, ...options],
        { stdio: ["ignore", "ignore", "pipe"] });
    try {
        const url = await new Promise((resolve, reject) => {
            let said = "";
            server.stderr.on("data", (data) => {
                said += data;
                const found = /listens on (http:\S+)/.exec(said);
                if (found) resolve(found[1]);
            });
            server.on("exit", () => reject(new Error(`the server does not start: ${said}`)));
        });
        await run(url);
    } finally {
        server.kill("SIGKILL");
    }
}

/** Some clips as one WAV file, which is all that Chromium's microphone of a file takes: it reads them itself. */
async function joinClips(names, file) {
    const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
    const page = await browser.newPage();
    const samples = await page.evaluate(async (clips) => {
        const context = new OfflineAudioContext(1, 1, 48000), all = new Array(24000).fill(0);
        for (const clip of clips) {
            const bytes = Uint8Array.from(atob(clip), (char) => char.charCodeAt(0));
            const decoded = await context.decodeAudioData(bytes.buffer);
            for (const sample of decoded.getChannelData(0)) all.push(sample);
            for (let i = 0; i < 48000; i++) all.push(0);
        }
        return all.map((sample) => Math.round(32767 * sample));
    }, names.map((name) => readFileSync(join(example, "clips", name)).toString("base64")));
    await browser.close();
    const sound = Buffer.from(Int16Array.from(samples).buffer), head = Buffer.alloc(44);
    head.write("RIFF", 0); head.writeUInt32LE(36 + sound.length, 4); head.write("WAVEfmt ", 8);
    head.writeUInt32LE(16, 16); head.writeUInt16LE(1, 20); head.writeUInt16LE(1, 22); head.writeUInt32LE(48000, 24);
    head.writeUInt32LE(96000, 28); head.writeUInt16LE(2, 32); head.writeUInt16LE(16, 34);
    head.write("data", 36); head.writeUInt32LE(sound.length, 40);
    writeFileSync(file, Buffer.concat([head, sound]));
}

const clip = join(pictures, "tower.wav");
await joinClips(["01.flac", "02.flac", "03.flac"], clip);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${clip}%noloop`] });

/** The page of a server. */
const withPage = (url, options, run) => openPage(browser, url, {
    own: (asked) => asked.startsWith(url) || /^(data|blob):/.test(asked),
    permissions: ["clipboard-read", "clipboard-write", "microphone"], ...options }, run);

const choose = async (page) => {
    await page.locator("#file").setInputFiles(clip);
    await page.waitForSelector("#result:not([hidden])", { timeout: 60000 });
};
const putOn = async (page) => {
    await page.getByLabel("tower", { exact: true }).check();
    await page.waitForSelector("#texts.two", { timeout: 60000 });
};
const textOf = async (page, side) => (await page.locator(`.text[data-side="${side}"] .word`).allInnerTexts()).join(" ");
async function transcriptOf(url, name) {
    const form = new FormData();
    form.append("model", name);
    form.append("file", new Blob([readFileSync(clip)]), "clip.wav");
    return (await (await fetch(`${url}/v1/audio/transcriptions`, { method: "POST", body: form })).json()).text;
}

test("a file is transcribed as the server does for anyone", () => withServer([], (url) => withPage(url, {}, async (page) => {
    await choose(page);
    assert.equal(await textOf(page, 0), await transcriptOf(url, basename(model)));
    assert.equal(await page.locator(".text[data-side='1']").count(), 0);
    assert.equal(await page.locator("#result-title").innerText(), basename(clip));
})));

test("an adapter stands beside its base, and what differs is marked", () => withServer([], (url) => withPage(url, {}, async (page) => {
    await choose(page);
    await putOn(page);
    const base = await textOf(page, 0), adapted = await textOf(page, 1);
    assert.equal(base, await transcriptOf(url, basename(model)));
    assert.equal(adapted, await transcriptOf(url, "tower"));
    assert.notEqual(base, adapted);
    assert.ok((await page.locator("#texts .word.other, #texts .word.missing, #texts .word.added").count()) > 0);
    assert.ok(/changed|left out|added/.test(await page.locator("#differences").innerText()));
    const plain = (text) => text.toLowerCase().replace(/[^a-z0-9 ]/g, "").split(" ");
    for (const word of await page.locator(".text[data-side='1'] .word.same").allInnerTexts())
        assert.ok(plain(base).includes(plain(word)[0]), word);
    await page.getByLabel("Weight of tower").fill("0.5");
    await page.getByLabel("Weight of tower").press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("#heads h3")[1].textContent === "tower:0.5", null, { timeout: 60000 });
    assert.equal(await textOf(page, 1), await transcriptOf(url, "tower:0.5"));
    await page.getByLabel("Show beside it").uncheck();
    await page.waitForSelector("#texts:not(.two)");
    assert.equal(await textOf(page, 0), await transcriptOf(url, "tower:0.5"));
})));

test("words play, light up, and are gone through by the keyboard", () => withServer([], (url) => withPage(url, {}, async (page) => {
    await choose(page);
    await page.waitForSelector(".wave .peak", { state: "attached" });
    await page.locator("#texts .word").nth(2).click();
    await page.waitForSelector(".word.now", { timeout: 10000 });
    await page.waitForFunction(() => document.querySelector("audio").paused, null, { timeout: 10000 });
    const before = await page.evaluate(() => document.querySelector("audio").currentTime);
    await page.locator(".time").first().focus();
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((at) => document.querySelector("audio").currentTime > at, before, { timeout: 10000 });
    await page.locator(".time").first().press("Enter");
    await page.waitForFunction((at) => document.querySelector("audio").currentTime < at, before, { timeout: 10000 });
})));

test("subtitles are saved, and lines for programs say what is set", () => withServer([], (url) => withPage(url, {}, async (page) => {
    await choose(page);
    const [saved] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /^SRT subtitles/ }).click()]);
    assert.equal(saved.suggestedFilename(), basename(clip).replace(/\.wav$/, ".srt"));
    assert.ok(/^1\n00:00:0\d,\d{3} --> /.test(readFileSync(await saved.path(), "utf8")));
    await page.getByLabel("tower", { exact: true }).check();
    await page.getByLabel("As", { exact: true }).selectOption("verbose_json");
    const curl = await page.locator("#curl").innerText(), python = await page.locator("#python").innerText();
    assert.ok(curl.includes(`curl ${url}/v1/audio/transcriptions`) && curl.includes("-F model=tower") && curl.includes(`file=@${basename(clip)}`), curl);
    assert.ok(python.includes(`base_url="${url}/v1"`) && python.includes('model="tower"'), python);
    await page.locator("#curl-copy button").click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), curl);
})));

test("what is no sound is refused in words, and the page goes on", () => withServer([], (url) => withPage(url, { allowed: /status of 400/ }, async (page) => {
    await page.locator("#file").setInputFiles({ name: "notes.wav", mimeType: "audio/wav", buffer: Buffer.from("no sound at all") });
    await page.waitForSelector("#problem:not([hidden])", { timeout: 20000 });
    assert.ok((await page.locator("#problem").innerText()).includes("file"));
    await choose(page);
    assert.equal(await page.locator("#problem").isVisible(), false);
})));

test("a key is asked for once", async () => {
    const folder = mkdtempSync(join(tmpdir(), "potstill-front."));
    writeFileSync(join(folder, "keys"), "one-long-key\n");
    try {
        await withServer(["--api-key-file", join(folder, "keys")], (url) => withPage(url, { allowed: /status of 401/ }, async (page) => {
            await page.getByLabel("This server asks for a key").fill("wrong");
            await page.keyboard.press("Enter");
            await page.waitForSelector("#problem:not([hidden])");
            await page.getByLabel("This server asks for a key").fill("one-long-key");
            await page.keyboard.press("Enter");
            await page.waitForSelector("#key-form", { state: "hidden" });
            await choose(page);
            assert.ok((await page.locator("#curl").innerText()).includes("$POTSTILL_API_KEY"));
            await page.reload();
            await page.waitForSelector("html[data-ready]", { state: "attached" });
            assert.equal(await page.locator("#key-form").isVisible(), false);
        }));
    } finally {
        rmSync(folder, { recursive: true });
    }
});

test("the microphone's text appears as it is spoken, of base and adapter, and is a recording afterwards", () =>
    withServer([], (url) => withPage(url, {}, async (page) => {
        await page.getByLabel("tower", { exact: true }).check();
        await page.getByRole("button", { name: "Speak" }).click();
        await page.waitForSelector("#live:not([hidden])");
        /* The sound comes through resamplers, and its text is not that of the file to the letter. */
        const heard = (side, words) => page.waitForFunction(([at, wanted]) => {
            const text = document.querySelectorAll("#live-texts > div")[at]?.innerText.toLowerCase() ?? "";
            return wanted.filter((word) => text.includes(word)).length >= 3;
        }, [side, words], { timeout: 90000 });
        await heard(1, ["lufthansa", "five", "descend", "maintain", "flight", "level", "heading"]);
        await heard(0, ["and", "maintain", "level", "left", "heading", "contact"]);
        await page.screenshot({ path: join(pictures, "front-speaking.png") });
        await checkRules(page);
        await page.waitForFunction(() => document.querySelectorAll("#live-texts .said p").length >= 2, null, { timeout: 90000 });
        await page.getByRole("button", { name: "Done" }).click();
        await page.waitForSelector("#texts.two .word", { timeout: 120000 });
        assert.equal(await page.locator("#result-title").innerText(), "microphone.wav");
        assert.ok(/maintain/i.test(await textOf(page, 0)));
        assert.ok(/maintain/i.test(await textOf(page, 1)));
        assert.equal(await page.locator("#live").isVisible(), false);
    })));

test("accessibility: axe finds nothing, by day, by night, on a phone", () => withServer([], async (url) => {
    for (const [name, options] of [["day", {}], ["night", { colorScheme: "dark" }],
        ["phone", { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 }]]) {
        await withPage(url, options, async (page) => {
            await page.screenshot({ path: join(pictures, `front-${name}-begin.png`) });
            await checkRules(page);
            await choose(page);
            await putOn(page);
            await page.waitForSelector(".wave .peak", { state: "attached" });
            await page.screenshot({ path: join(pictures, `front-${name}.png`), fullPage: true });
            await checkRules(page);
            assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing is beside the screen");
        });
    }
}));

await runTests(browser, only);
