/* capture.js - the microphone's samples as blocks of 16 bits, on the thread of the sound. */

const BLOCK_SECONDS = 0.1;

class Capture extends AudioWorkletProcessor {
    constructor() {
        super();
        this.block = new Int16Array(Math.round(sampleRate * BLOCK_SECONDS));
        this.filled = 0;
    }

    process([channels]) {
        for (let i = 0; i < (channels[0]?.length ?? 0); i++) {
            let sum = 0;
            for (const channel of channels) sum += channel[i];
            this.block[this.filled++] = Math.round(32767 * Math.min(1, Math.max(-1, sum / channels.length)));
            if (this.filled < this.block.length) continue;
            this.port.postMessage(this.block.slice());
            this.filled = 0;
        }
        return true;
    }
}

registerProcessor("capture", Capture);
