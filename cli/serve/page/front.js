/* front.js - puts the page of the server together: a recording, its models, their texts. */

let recording = null; /* { file, asked: Map of model to { reply, controller, done } } */
let sound = null;
let turn = 0;         /* of run(): what was begun before it is not shown */
let listening = null;

const fileName = () => recording?.file.name || "clip.wav";

function showProblem(text) {
    byId("problem").hidden = !text;
    byId("problem").textContent = text || "";
}

function askForKey(refused) {
    byId("key-form").hidden = false;
    byId("key").value = "";
    if (refused) showProblem("The server does not know this key.");
    byId("key").focus();
}

/* What went wrong, where the reader can mend it or at least read it. */
function complain(error) {
    if (error.name === "AbortError") return;
    if (error.status === 401) askForKey(key !== "");
    else showProblem(error.message);
}

/* ---- transcribing */

async function transcribe(file, model, signal) {
    const began = performance.now();
    const reply = await (await askTranscription(file, model, "verbose_json", signal)).json();
    return { ...reply, took: (performance.now() - began) / 1000 };
}

/* What a model made of the recording; it is asked once. */
function resultOf(model) {
    const { file, asked } = recording;
    if (!asked.has(model)) {
        const controller = new AbortController(), one = { controller, done: false };
        one.reply = transcribe(file, model, controller.signal);
        one.reply.then(() => { one.done = true; }, () => { if (asked.get(model) === one) asked.delete(model); });
        asked.set(model, one);
    }
    return asked.get(model).reply;
}

/* Gives up what is still at work but for these. */
function giveUpAllBut(names) {
    for (const [model, one] of recording?.asked ?? []) {
        if (one.done || names.includes(model)) continue;
        recording.asked.delete(model);
        one.controller.abort();
    }
}

function save(blob, name) {
    const url = URL.createObjectURL(blob);
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
}

function downloadButton(model, format) {
    const name = format.toUpperCase();
    const button = element("button", { type: "button", "aria-label": `${name} subtitles of ${model}`, click: async () => {
        button.disabled = true;
        try {
            const reply = await askTranscription(recording.file, model, format);
            save(await reply.blob(), `${fileName().replace(/\.\w+$/, "")}.${format}`);
            announce(`${name} subtitles saved`);
        } catch (error) {
            complain(error);
        }
        button.disabled = false;
    } }, name);
    return button;
}

function headOf(model, result) {
    const copy = copyButton("Copy", () => result.text);
    copy.setAttribute("aria-label", `Copy the text of ${model}`);
    return element("div", { class: "head" }, element("h3", {}, model),
        element("p", { class: "note" }, `${plural(result.words.length, "word")}; ${duration(result.duration)} of sound in ${duration(result.took)}`),
        element("p", { class: "line" }, copy, downloadButton(model, "srt"), downloadButton(model, "vtt")));
}

function showResults(names, results) {
    if (!sound) {
        sound = soundOf(recording.file, results[0].duration);
        byId("sound").replaceChildren(sound.node);
    }
    byId("result-title").textContent = fileName();
    byId("heads").replaceChildren(...names.map((name, i) => headOf(name, results[i])));
    byId("heads").classList.toggle("two", names.length === 2);
    byId("result").hidden = false;
    showTexts(results.map((result) => result.words), sound);
    announce(`Transcribed. ${byId("differences").textContent}`);
}

async function run() {
    const mine = ++turn;
    showLines(fileName());
    if (!recording) return;
    const names = wantedModels();
    giveUpAllBut(names);
    showProblem("");
    byId("working-text").textContent = `Transcribing ${fileName()} with ${names.join(" and ")} …`;
    byId("working").hidden = false;
    try {
        const results = await Promise.all(names.map(resultOf));
        if (mine === turn) showResults(names, results);
    } catch (error) {
        if (mine === turn) complain(error);
    }
    if (mine === turn) byId("working").hidden = true;
}

function stop() {
    turn++;
    giveUpAllBut([]);
    byId("working").hidden = true;
}

function take(file) {
    if (!file) return;
    stop();
    sound?.forget();
    sound = null;
    recording = { file, asked: new Map() };
    byId("result").hidden = true;
    byId("drop").classList.add("small");
    run();
}

/* ---- what the reader does */

async function speak() {
    showProblem("");
    byId("speak").disabled = true;
    try {
        listening = await listen(wantedModels(), showProblem);
        byId("live").hidden = false;
        byId("result").hidden = true;
        byId("hush").focus();
        announce("Listening");
    } catch (error) {
        byId("speak").disabled = false;
        showProblem(`The microphone cannot be used: ${error.message}`);
    }
}

async function hush() {
    byId("hush").disabled = true;
    const file = await listening.stop();
    listening = null;
    byId("live").hidden = true;
    byId("hush").disabled = byId("speak").disabled = false;
    byId("speak").focus();
    take(file);
}

function listenForFiles() {
    const drop = byId("drop"), over = (on) => (event) => {
        event.preventDefault();
        drop.classList.toggle("over", on);
    };
    byId("choose").addEventListener("click", () => byId("file").click());
    byId("file").addEventListener("change", () => {
        take(byId("file").files[0]);
        byId("file").value = ""; // the same file may be chosen again
    });
    addEventListener("dragover", over(true)); // anywhere on the page: beside the field it would leave it
    addEventListener("dragleave", over(false));
    addEventListener("drop", (event) => {
        over(false)(event);
        take(event.dataTransfer.files[0]);
    });
    byId("speak").hidden = microphoneProblem() !== null;
    byId("speak").addEventListener("click", speak);
    byId("hush").addEventListener("click", hush);
    byId("cancel").addEventListener("click", stop);
}

async function begin() {
    try {
        showChoices(await askModels(), run);
        byId("key-form").hidden = true;
        showProblem("");
        run();
    } catch (error) {
        complain(error);
    }
    document.documentElement.setAttribute("data-ready", ""); // tests wait for it
}

showTheme();
listenForFiles();
byId("format").addEventListener("change", () => showLines(fileName()));
byId("curl-copy").append(copyButton("Copy", () => byId("curl").textContent));
byId("python-copy").append(copyButton("Copy", () => byId("python").textContent));
byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useKey(byId("key").value);
    begin();
});
begin();
