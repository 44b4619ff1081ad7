# test_channels.sh - recordings of several channels: mixed, one of them, each by itself in every format; and what is
# said of odd sound.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro
# The micro model finds no end; that is not what is looked at here.
quiet() {
    ran="$ran (but for the length limit)"
    grep -v 'its length limit' "$scratch/err" >"$scratch/rest"
    expect 'standard error' "$scratch/rest" "$1"
}

if ! command -v python3 >/dev/null; then
    echo "skipped: needs python3 to make recordings"
    exit 77
fi
# stereo OUT LEFT RIGHT: two files of one channel as one of two; '': silence.
stereo() {
    python3 - "$@" <<'END'
import array, sys, wave
def read(path):
    if not path:
        return array.array("h")
    with wave.open(path) as clip:
        return array.array("h", clip.readframes(clip.getnframes()))
left, right = read(sys.argv[2]), read(sys.argv[3])
count = max(len(left), len(right))
both = array.array("h", bytes(4 * count))
both[0 : 2 * len(left) : 2], both[1 : 1 + 2 * len(right) : 2] = left, right
with wave.open(sys.argv[1], "wb") as out:
    out.setparams((2, 2, 16000, count, "NONE", ""))
    out.writeframes(both.tobytes())
END
}
stereo talk.wav audio/voice.wav audio/chirp.wav
stereo left.wav audio/voice.wav audio/silence.wav
stereo right.wav audio/chirp.wav audio/voice.wav

# One channel is what it is alone; the mean is what it was.
run transcribe audio/voice.wav
exits 0; cp "$scratch/out" voice.txt
run transcribe --channels 1 talk.wav
exits 0; quiet ''; same 'standard output' "$scratch/out" voice.txt
run transcribe --channels 2 right.wav
exits 0; quiet ''; same 'standard output' "$scratch/out" voice.txt
run transcribe talk.wav
exits 0; cp "$scratch/out" mixed.txt
run transcribe --channels mix talk.wav
exits 0; same 'standard output' "$scratch/out" mixed.txt
run transcribe --channels 3 talk.wav audio/voice.wav
exits 1; prints ''
says <<'END'
potstill: talk.wav: has 2 channels, and channel 3 was asked for
potstill: audio/voice.wav: has 1 channel, and channel 3 was asked for
END
for wrong in 0 -1 1.5 129 left; do
    run transcribe --channels "$wrong" talk.wav
    exits 2; says "potstill: transcribe: --channels '$wrong': expected mix, split or the number of a channel, from 1 to 128; see potstill transcribe --help"
done

# Each by itself.
run transcribe --channels split talk.wav
exits 0; quiet ''
ok grep -qxF "[1] $(cat voice.txt)" "$scratch/out"
ok grep -q '^\[2\] .' "$scratch/out"
cp "$scratch/out" split.txt
for way in 'talk.wav' '-'; do
    for threads in 1 2 3; do
        run transcribe --channels split --threads $threads "$way" <talk.wav
        exits 0; same 'standard output' "$scratch/out" split.txt
    done
done
cat talk.wav | potstill transcribe --channels split - >"$scratch/out" 2>/dev/null
same 'standard output' "$scratch/out" split.txt
run transcribe --channels split talk.wav audio/voice.wav
exits 0
{
    sed 's/^/talk.wav: /' split.txt
    printf 'audio/voice.wav: [1] '
    cat voice.txt
} >expected
same 'standard output' "$scratch/out" expected

# In every format, with windows of a second: in the order of their times.
run transcribe --channels split --window 1 --format text,json,srt,vtt,tsv,csv --output-dir out talk.wav
exits 0; quiet ''
python3 - <<'END' >expected
import json
result = json.load(open("out/talk.json"))
starts = [segment["start"] for segment in result["segments"]]
assert starts == sorted(starts), starts
assert {segment["channel"] for segment in result["segments"]} == {1, 2}
for segment in result["segments"]:
    text = segment["text"].strip()
    if text:
        print(f"[{segment['channel']}] {text}")
END
same out/talk.txt out/talk.txt expected
ok test "$(head -n 1 out/talk.tsv)" = "$(printf 'start\tend\tchannel\ttext')"
ok test "$(head -n 1 out/talk.csv)" = 'start,end,channel,text'
ok test "$(grep -c '	[12]	' out/talk.tsv)" -eq "$(wc -l <out/talk.txt)"
ok grep -q '^\[1\] ' out/talk.srt
ok grep -q '^\[2\] ' out/talk.srt
ok grep -q '^<v Channel 1>' out/talk.vtt
ok grep -q '^<v Channel 2>' out/talk.vtt
for file in srt vtt; do
    sed -n 's/ --> .*//p' out/talk.$file >times
    ok sort -c times
done
run transcribe --channels split --window 1 --format whisper-json talk.wav
exits 0; ok grep -q '"channel": 2' "$scratch/out"

# What is odd in the sound is said, and stands in json.
run transcribe left.wav
exits 0
quiet 'potstill: left.wav: channel 2 of 2 is silent, so that in the mix the other has half its level: channel 1 alone has all of it'
run transcribe --format json left.wav
exits 0
ok grep -q '"warnings": \["channel 2 of 2 is silent, so that in the mix' "$scratch/out"
for channels in 1 split; do
    run transcribe --channels $channels --format json left.wav
    exits 0; quiet ''; ok test "$(grep -c warnings "$scratch/out")" -eq 0
done
python3 - <<'END'
import array, wave
with wave.open("audio/voice.wav") as clip:
    parameters, samples = clip.getparams(), array.array("h", clip.readframes(clip.getnframes()))
for name, factor in ("loud.wav", 60), ("faint.wav", 1 / 2000):
    with wave.open(name, "wb") as out:
        out.setparams(parameters)
        out.writeframes(array.array("h", (max(-32768, min(32767, round(x * factor))) for x in samples)).tobytes())
END
run transcribe loud.wav
exits 0; ok grep -q '^potstill: loud.wav: the sound is clipped: [0-9.]*% of the samples are at full scale' "$scratch/err"
run transcribe faint.wav
exits 0; ok grep -q '^potstill: faint.wav: the sound is far too quiet: its loudest second has -[0-9]* dB of full scale, expected more than -60$' "$scratch/err"

finish
