/* player.js - the sound of an utterance: player, waveform, and words that play and light up.
 *
 * The sound is in the page, or a file beside it. A page on the disk may play such a file but not read
 * it, so its waveform is there only when the data has it. */

const BARS = 160; // enough for a phone and a screen
const WAVE_HEAD_BYTES = 44; // as page_sound.c writes it: 16 bits, one channel

/* The loudest sample of each bar, 0 to 1, of a WAV as a data: URI. */
function peaksOf(uri) {
    const bytes = Uint8Array.from(atob(uri.slice(uri.indexOf(",") + 1)), (char) => char.charCodeAt(0));
    const samples = new Int16Array(bytes.buffer, WAVE_HEAD_BYTES, (bytes.length - WAVE_HEAD_BYTES) >> 1);
    return Array.from({ length: BARS }, (_, bar) => {
        let most = 0;
        const end = Math.floor((bar + 1) * samples.length / BARS);
        for (let i = Math.floor(bar * samples.length / BARS); i < end; i++) most = Math.max(most, Math.abs(samples[i]));
        return most / 32768;
    });
}

/* Peaks in the data are whole numbers from 0 to 99. */
const peaksOfUtterance = (utterance) =>
    utterance.sound ? peaksOf(utterance.sound) : utterance.peaks?.map((peak) => peak / 99);

function waveform(peaks, seek) {
    const top = Math.max(0.02, ...peaks), step = 1000 / peaks.length;
    const head = shape("rect", { class: "head", x: 0, y: 0, width: 2, height: 100 });
    const node = shape("svg", { class: "wave", viewBox: "0 0 1000 100", preserveAspectRatio: "none", role: "img",
        "aria-label": "Waveform", click: (event) => {
            const box = node.getBoundingClientRect();
            seek((event.clientX - box.left) / box.width);
        } },
    peaks.map((peak, i) => {
        const height = Math.max(2, 96 * peak / top);
        return shape("rect", { class: "peak", x: i * step + step * 0.15, y: 50 - height / 2, width: step * 0.7, height });
    }), head);
    return { node, moved: (share) => head.setAttribute("x", 1000 * Math.min(1, Math.max(0, share))) };
}

/* The player of an utterance: its node, `play(start, end)` in seconds of the utterance, and `words`,
 * where others put [button, start, end] of what shall light up. */
function player(utterance) {
    const source = utterance.sound || utterance.source;
    if (!source) return null;
    const start = utterance.sound ? 0 : utterance.offset || 0, length = utterance.seconds;
    const words = [];
    let end = null, wave = null;
    const problem = element("p", { class: "note", hidden: true },
        `The sound cannot be played from here: ${utterance.audio}`);
    const audio = element("audio", { controls: true, preload: "none", src: source,
        "aria-label": `Sound of ${utterance.id}`,
        error: () => { problem.hidden = false; },
        play: () => {
            const at = audio.currentTime - start;
            if (at < 0 || (known(length) && at >= length)) audio.currentTime = start;
            requestAnimationFrame(follow);
        },
        seeked: () => follow() });
    const follow = () => {
        const at = audio.currentTime - start, stop = end ?? (known(length) && start > 0 ? length : null);
        if (stop !== null && at >= stop && !audio.paused) {
            audio.pause();
            end = null;
        }
        for (const [button, from, to] of words) button.classList.toggle("now", !audio.paused && at >= from && at < to);
        wave?.moved(at / (length || audio.duration));
        if (!audio.paused) requestAnimationFrame(follow);
    };
    const play = (from, to) => {
        end = to;
        audio.currentTime = start + from;
        audio.play().catch(() => { problem.hidden = false; });
    };
    const peaks = peaksOfUtterance(utterance);
    if (peaks?.length) wave = waveform(peaks, (share) => play(share * (length || audio.duration || 0), null));
    return { node: element("div", { class: "sound" }, audio, wave?.node, problem), play, words };
}
