# test_vad.sh - where someone speaks: formats, options, and what transcribe does without speech.
. "$(dirname "$0")/harness.sh"

run vad audio/chirp.wav --vad silero
exits 3; prints ''
ok grep -q 'no silero-vad/silero_vad_16k.safetensors beside the model or in .*(scripts/get-model.sh' "$scratch/err"
run vad audio/chirp.wav --vad-weights micro/model.safetensors
exits 3; prints ''
ok grep -q 'micro/model.safetensors: tensor stft_conv.weight is missing' "$scratch/err"
run vad audio/chirp.wav --threshold 2
exits 2; prints ''
says 'potstill: threshold is 2, expected a number between 0 and 1'
run vad audio/chirp.wav --max-speech-duration-s 0.5
exits 2; prints ''
says 'potstill: vad: --max-speech-duration-s: expected at least 1; see potstill vad --help'
run vad missing.wav audio/chirp.wav
exits 1
says 'potstill: missing.wav: no such file'

# A second of a buzz with harmonics between seconds of nothing, as 16-bit samples of a WAV file.
command -v python3 >"$scratch/out" || { echo "skipped: the rest needs python3"; exit 77; }
python3 - <<'END' || exit 1
import math, struct, wave
def sample(i):
    t = i / 16000
    on = 1 <= t < 2 or 3 <= t < 4
    return int(3000 * on * sum(math.sin(2 * math.pi * 120 * k * t) / k for k in range(1, 20)))
with wave.open("buzz.wav", "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(b"".join(struct.pack("<h", sample(i)) for i in range(80000)))
with wave.open("nothing.wav", "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(bytes(32000))
END
run vad buzz.wav
exits 0; says ''
ok test "$(wc -l <"$scratch/out")" = 2
ok grep -q '^0\.9[0-9]* 2\.[01][0-9]*$' "$scratch/out"
run vad --format audacity - <buzz.wav
exits 0
ok grep -q "^0\.9[0-9]*	2\.[01][0-9]*	speech$" "$scratch/out"
run vad --format rttm nothing.wav buzz.wav
exits 0
ok grep -q '^SPEAKER buzz 1 0\.9[0-9]* 1\.[0-9]* <NA> <NA> speech <NA> <NA>$' "$scratch/out"
ok test "$(wc -l <"$scratch/out")" = 2
run vad --format json nothing.wav
exits 0
prints <<'END'
[
  {
    "file": "nothing.wav",
    "duration": 1.0,
    "vad": "energy",
    "speech": []
  }
]
END
run vad buzz.wav nothing.wav
ok grep -q '^buzz.wav: ' "$scratch/out"

# Nothing is said, so nothing is written; --window 0 transcribes all there is, as ever.
trust=''
export POTSTILL_MODEL=micro
silence='potstill: nothing.wav: there is no sound in it: its loudest second is below -90 dB of full scale'
run transcribe nothing.wav
exits 0; says "$silence"
ok test -z "$(cat "$scratch/out")"
run transcribe --format json nothing.wav
exits 0; says "$silence"
ok grep -q '"vad": "energy", "text": "", "tokens": \[\], "avg_logprob": null, "no_speech_prob": 1.0' "$scratch/out"
ok grep -q '"compression_ratio": 0.0, "flags": \["no_speech"\]' "$scratch/out"
run transcribe --window 0 --format json nothing.wav
exits 0
ok test -z "$(grep -e flags -e vad "$scratch/out")"
ok test -z "$(grep '"text": ""' "$scratch/out")"

finish
