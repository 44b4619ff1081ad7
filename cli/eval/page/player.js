/* player.js - the sound of an utterance: player, waveform, and words that play and light up.
 *
 * The sound is in the page, or a file beside it. A page on the disk may play such a file but not read
 * it, so its waveform comes with the data: the loudest sample of each part of the utterance, a digit of
 * base64 each, which counts decibels from 63 below full scale. */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const peaksOf = (text) => Array.from(text, (char) => (char === "A" ? 0 : 10 ** ((DIGITS.indexOf(char) - 63) / 20)));

/* The player of an utterance: its node, `play(start, end)` in seconds of the utterance, and `words`,
 * where others put [button, start, end] of what shall light up. */
function player(utterance) {
    const details = detailsOf(utterance), source = details.sound || details.source;
    if (!source) return null;
    const start = details.sound ? 0 : details.offset || 0, length = utterance.seconds;
    const words = [];
    let end = null, wave = null;
    const problem = element("p", { class: "note", hidden: true },
        `The sound cannot be played from here: ${details.audio}`);
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
    if (details.peaks) wave = waveform(peaksOf(details.peaks), (share) => play(share * (length || audio.duration || 0), null));
    return { node: element("div", { class: "sound" }, audio, wave?.node, problem), play, words };
}
