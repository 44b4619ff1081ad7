/* waveform.js - the loudest sample of each part of a sound as a bar; a click seeks. */

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
