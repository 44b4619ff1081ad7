/* microphone.js - sound from the microphone to the server as one speaks, and texts as they come.
 *
 * One WebSocket for each model, by OpenAI's protocol of realtime transcription. */

/* What the protocol takes when nothing is said of a rate. */
const SPEECH_HZ = 24000;
/* What is kept to be transcribed as a file afterwards; what is said later is heard all the same. */
const KEPT_SECONDS = 600;
const END_SECONDS = 15;

const microphoneProblem = () => (navigator.mediaDevices && window.AudioWorkletNode ? null
    : "The microphone needs a page over https, or on this machine.");

function base64Of(block) {
    const bytes = new Uint8Array(block.buffer);
    return btoa(String.fromCharCode(...bytes)); // a block is a tenth of a second
}

/* A WAV file of blocks of 16 bits. */
function wavOf(blocks, rate) {
    const size = blocks.reduce((sum, block) => sum + block.byteLength, 0), head = new DataView(new ArrayBuffer(44));
    const put = (at, text) => [...text].forEach((char, i) => head.setUint8(at + i, char.charCodeAt(0)));
    put(0, "RIFF"); head.setUint32(4, 36 + size, true); put(8, "WAVEfmt ");
    head.setUint32(16, 16, true); head.setUint16(20, 1, true); head.setUint16(22, 1, true);
    head.setUint32(24, rate, true); head.setUint32(28, 2 * rate, true); head.setUint16(32, 2, true);
    head.setUint16(34, 16, true); put(36, "data"); head.setUint32(40, size, true);
    return new File([head, ...blocks], "microphone.wav", { type: "audio/wav" });
}

/* The texts of one model: what is final is told to those who hear the page, what is not yet is only shown. */
function liveText(name) {
    const items = new Map(), list = element("div", { class: "said", role: "log", "aria-label": `What ${name} hears` });
    const pending = element("div", { class: "pending", "aria-hidden": "true" });
    const node = element("div", { class: "sheet" }, element("h3", {}, name), list, pending);
    return { node, delta: (id, text) => {
        if (!items.has(id)) pending.append(items.set(id, element("p", { dir: "auto" })).get(id));
        items.get(id).append(text);
    }, completed: (id, text) => {
        items.get(id)?.remove();
        items.delete(id);
        if (text) list.append(element("p", { dir: "auto" }, text));
    } };
}

/* A session: `send(block)`, and `end()`, which waits for the last text. `failed(message)` when it breaks. */
function realtimeSession(model, rate, text, failed) {
    const url = new URL("v1/realtime?intent=transcription", here), waiting = [], open = new Set();
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, ["realtime", ...(key ? [`openai-insecure-api-key.${key}`] : [])]);
    let ending = null;
    const tell = (event) => socket.send(JSON.stringify(event));
    const finishIfDone = () => { if (ending && !open.size) ending(); };
    const hear = {
        "input_audio_buffer.committed": (event) => open.add(event.item_id),
        "conversation.item.input_audio_transcription.delta": (event) => text.delta(event.item_id, event.delta),
        "conversation.item.input_audio_transcription.completed": (event) => {
            text.completed(event.item_id, event.transcript);
            open.delete(event.item_id);
            finishIfDone();
        },
        "conversation.item.input_audio_transcription.failed": (event) => {
            open.delete(event.item_id);
            failed(event.error?.message || "A part could not be transcribed.");
            finishIfDone();
        },
        "error": (event) => { if (ending) finishIfDone(); else failed(event.error?.message || "The server refuses."); },
    };
    socket.onopen = () => {
        tell({ type: "session.update", session: { type: "transcription", audio: { input: {
            format: { type: "audio/pcm", rate }, transcription: { model }, turn_detection: { type: "server_vad" } } } } });
        for (const block of waiting.splice(0)) tell({ type: "input_audio_buffer.append", audio: base64Of(block) });
    };
    socket.onmessage = (message) => {
        const event = JSON.parse(message.data);
        hear[event.type]?.(event);
    };
    socket.onclose = () => { if (ending) ending(); else failed("The server does not listen to the microphone."); };
    return { send: (block) => {
        if (socket.readyState === WebSocket.OPEN) tell({ type: "input_audio_buffer.append", audio: base64Of(block) });
        else if (socket.readyState === WebSocket.CONNECTING) waiting.push(block);
    }, end: async () => {
        const done = new Promise((resolve) => { ending = resolve; setTimeout(resolve, 1000 * END_SECONDS); });
        if (socket.readyState === WebSocket.OPEN) tell({ type: "input_audio_buffer.commit" });
        else ending();
        await done;
        socket.close();
    } };
}

/* Listens until `stop()` of what it returns, which gives the recording as a file. */
async function listen(names, failed) {
    /* What is made for telephones takes away what the model listens to. */
    const plain = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const media = await navigator.mediaDevices.getUserMedia({ audio: plain });
    let context = new AudioContext({ sampleRate: SPEECH_HZ }), source;
    try {
        source = context.createMediaStreamSource(media);
    } catch { // a browser that does not change the rate by itself
        context.close();
        context = new AudioContext();
        source = context.createMediaStreamSource(media);
    }
    await context.audioWorklet.addModule(new URL("microphone.js", here));
    const worklet = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    const texts = names.map(liveText), kept = [];
    const sessions = names.map((name, i) => realtimeSession(name, context.sampleRate, texts[i], failed));
    byId("live-texts").replaceChildren(...texts.map((text) => text.node));
    byId("live-texts").classList.toggle("two", names.length === 2);
    worklet.port.onmessage = ({ data }) => {
        if (kept.length < KEPT_SECONDS * 10) kept.push(data);
        for (const session of sessions) session.send(data);
        const loudest = data.reduce((top, sample) => Math.max(top, Math.abs(sample)), 0);
        byId("level").querySelector(".value").setAttribute("width", 100 * Math.sqrt(loudest / 32768));
    };
    source.connect(worklet);
    return { stop: async () => {
        for (const track of media.getTracks()) track.stop();
        await context.close();
        await Promise.all(sessions.map((session) => session.end()));
        return kept.length ? wavOf(kept, context.sampleRate) : null;
    } };
}
