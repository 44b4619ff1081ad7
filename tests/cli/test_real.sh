# test_real.sh - the official tiny model on a real recording, where scripts/get-model.sh has put them.
#
# The transcripts are those of transformers 5.2.0, the last one with the settings of run_stt.py.
. "$(dirname "$0")/harness.sh"

models=$here/../../models
if [ ! -f "$models/moonshine-tiny/config.json" ] || [ ! -f "$models/audio/beckett.wav" ]; then
    echo "skipped: models/moonshine-tiny is not there (scripts/get-model.sh fetches it)"
    exit 77
fi
export POTSTILL_MODEL="$models/moonshine-tiny"
cp "$models/audio/beckett.wav" beckett.wav

text='Ever tried, ever failed, no matter, try again, fail again, fail better.'
for precision in '' '--precision bf16' '--precision f32'; do
    # shellcheck disable=SC2086
    run transcribe $precision beckett.wav
    exits 0; prints "$text"; says ''
done

# int8 rounds as the instructions of the CPU have it: the words are the same, a comma may not be.
words() { tr -d ',.' | tr 'A-Z' 'a-z'; }
run transcribe --precision int8 beckett.wav
exits 0; says ''
ok [ "$(words <"$scratch/out")" = "$(echo "$text" | words)" ]

# With a detector and the guard clear speech has the same text, also where the caller sets a limit; and a long
# reading has the word that a cut in the middle of its sentence changes.
if [ -f "$models/silero-vad/silero_vad_16k.safetensors" ]; then
    all_sound=$trust
    trust=''
    run transcribe --vad silero beckett.wav
    exits 0; prints "$text"; says ''
    run transcribe --max-new-tokens 3 --format json beckett.wav
    exits 0
    ok grep -q '"text": "Ever tried,".*"vad": "silero"\|"vad": "silero".*"text": "Ever tried,"' "$scratch/out"
    ok grep -q '"flags": \["truncated"\]' "$scratch/out"
    run transcribe "$models/audio/two_cities.wav"
    exits 0; says ''
    ok grep -q 'We were all going direct to heaven, we were all going direct the other way' "$scratch/out"
    trust=$all_sound
fi

run transcribe --threads 1 - <beckett.wav
exits 0; prints "$text"; says ''
run transcribe --decode beam beckett.wav
exits 0; prints "$text"; says ''

echo '{"audio": "beckett.wav", "text": "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."}' >list.jsonl
run run-stt --model-id "$POTSTILL_MODEL" --audio-list list.jsonl
exits 0; says ''
ok grep -q '^  "wer": 0.0,$' "$scratch/out"
ok grep -q -F '"prediction": "Ever tried, ever failed, no matter, try again. fail again, fail better.",' "$scratch/out"

finish
