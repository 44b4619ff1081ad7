/* sound.js - the player of a recording: its waveform, and who is told what is being played. */

/* Sound is decoded whole for the waveform: some hundred bytes a second of it, so not of long ones. */
const WAVE_SECONDS_MAX = 20 * 60;
const BARS = 240;

/* The loudest sample of each part. */
function peaksOfSamples(samples) {
    const size = Math.max(1, Math.ceil(samples.length / BARS)), peaks = [];
    for (let begin = 0; begin < samples.length; begin += size) {
        let top = 0;
        for (let i = begin; i < Math.min(begin + size, samples.length); i++) top = Math.max(top, Math.abs(samples[i]));
        peaks.push(top);
    }
    return peaks;
}

async function waveformOf(file, seek) {
    const context = new OfflineAudioContext(1, 1, 16000);
    const decoded = await context.decodeAudioData(await file.arrayBuffer());
    return waveform(peaksOfSamples(decoded.getChannelData(0)), (share) => seek(share * decoded.duration));
}

/* { node, play(start, end), now(), followed }: `followed(seconds)` is called while it plays, and with null when it
 * stops. */
function soundOf(file, seconds) {
    let end = null, wave = null;
    const problem = element("p", { class: "note", hidden: true }, "This browser cannot play this kind of sound.");
    const audio = element("audio", { controls: true, preload: "auto", src: URL.createObjectURL(file),
        "aria-label": `Recording ${file.name}`,
        error: () => { problem.hidden = false; audio.hidden = true; },
        play: () => requestAnimationFrame(follow), pause: () => { end = null; follow(); }, seeked: () => follow() });
    const sound = { node: element("div", { class: "sound" }, audio, problem), followed: () => {}, now: () => audio.currentTime,
        play: (from, to = null) => {
            audio.currentTime = from;
            audio.play().then(() => { end = to; }, () => {});
        },
        forget: () => { audio.pause(); URL.revokeObjectURL(audio.src); } };
    const follow = () => {
        if (end !== null && audio.currentTime >= end) audio.pause();
        sound.followed(audio.paused ? null : audio.currentTime);
        wave?.moved(audio.currentTime / (audio.duration || seconds));
        if (!audio.paused) requestAnimationFrame(follow);
    };
    if (seconds <= WAVE_SECONDS_MAX)
        waveformOf(file, (at) => sound.play(at)).then((made) => {
            wave = made;
            wave.node.setAttribute("aria-hidden", "true"); // the player seeks by the keyboard
            sound.node.prepend(wave.node);
        }, () => {});
    return sound;
}
