/* api.js - what is asked of the server. Addresses are beside the page's own, whatever a proxy has before it. */

const KEY = "potstill-key";
const here = new URL(".", location.href);
let key = "";
try { key = sessionStorage.getItem(KEY) || ""; } catch { /* no storage: for this time */ }

function useKey(text) {
    key = text.trim();
    try { sessionStorage.setItem(KEY, key); } catch { /* for this time */ }
}

/* A reply that is none; `status` 0: the server was not reached. */
class Refusal extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

async function ask(path, options = {}) {
    let reply;
    try {
        reply = await fetch(new URL(path, here), { ...options, headers: key ? { Authorization: `Bearer ${key}` } : {} });
    } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Refusal(0, "The server does not answer.");
    }
    if (reply.ok) return reply;
    const said = await reply.json().catch(() => null);
    throw new Refusal(reply.status, said?.error?.message || `The server answered with ${reply.status}.`);
}

/* The base, and its adapters' names. */
async function askModels() {
    const { data } = await (await ask("v1/models")).json();
    const base = data.find((model) => !model.parent);
    return { base: base.id, adapters: data.filter((model) => model.parent).map((model) => model.id) };
}

function askTranscription(file, model, format, signal) {
    const form = new FormData();
    form.append("model", model);
    form.append("response_format", format);
    if (format === "verbose_json")
        for (const kind of ["segment", "word"]) form.append("timestamp_granularities[]", kind);
    form.append("file", file, file.name || "recording.wav");
    return ask("v1/audio/transcriptions", { method: "POST", body: form, signal });
}
