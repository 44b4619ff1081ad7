# test_live.sh - speech as text while it is spoken: from files, pipes and terminals.
. "$(dirname "$0")/harness.sh"

ln -s "$here/../golden/micro_streaming" streaming
# Models of random numbers do not believe in what they say.
live='live --precision f32 --max-new-tokens 12 --pace fast --no-guard'

# What does not depend on when sound came: completed lines without their latency.
completed() {
    grep line_completed "$scratch/out" | sed 's/"avg_logprob":[^}]*}/N/' >"$1"
}

# The same voice after 0.6 s of silence: the first line does not begin with the stream.
{ head -c 19200 /dev/zero; tail -c +45 audio/voice.wav; } >late.raw

# Lines of both families, and that they are what transcribe hears in the same samples.
for model in micro streaming; do
    run $live --model $model --format jsonl audio/voice.wav
    exits 0
    says ''
    completed $model.file
    ok [ "$(wc -l <$model.file)" -eq 2 ]
    ok [ "$(grep -c line_started "$scratch/out")" -eq 2 ]
    python3 - $model.file <<'END'
import json, sys, wave
with wave.open("audio/voice.wav") as sound:
    samples = sound.readframes(sound.getnframes())
for number, line in enumerate(open(sys.argv[1])):
    event = json.loads(line.replace(",N", "}"))
    with wave.open(f"line{number}.wav", "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(samples[2 * round(event["start"] * 16000):2 * round(event["end"] * 16000)])
    open(f"line{number}.tokens", "w").write(str(event["tokens"]) + "\n")
END
    for number in 0 1; do
        run transcribe --model $model --max-new-tokens 12 --window 0 --format json line$number.wav
        exits 0
        python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["tokens"])' <"$scratch/out" >tokens
        same "tokens of line $number" tokens line$number.tokens
    done
    run $live --model $model audio/voice.wav
    exits 0
    ok [ "$(wc -l <"$scratch/out")" -eq 2 ]
    # Of the two this is the one that the model itself does not believe in.
    run ${live% --no-guard} --model $model --raw s16le - <late.raw
    exits 0
    ok [ "$(wc -l <"$scratch/out")" -eq 1 ]
    run ${live% --no-guard} --model $model --format jsonl --raw s16le - <late.raw
    ok [ "$(grep -c '"text":"","tokens":\[\],.*"no_speech_prob":0.*"flags":\["no_speech"\]' "$scratch/out")" -eq 1 ]
done

# However it comes in: as a WAV stream, raw, in two parts with a stall, with half a sample at the end.
tail -c +45 audio/voice.wav >voice.raw
run $live --model streaming --format jsonl - <audio/voice.wav
exits 0
completed other
same 'a WAV stream' other streaming.file
run $live --model streaming --format jsonl --raw s16le - <voice.raw
completed other
same 'raw samples' other streaming.file
{ head -c 40001 voice.raw; sleep 0.3; tail -c +40002 voice.raw; printf x; } | {
    run $live --model streaming --format jsonl --raw s16le -
    exits 0
    completed other
    same 'a stream that stalls' other streaming.file
    [ "$failures" -eq 0 ]
} || failures=$((failures + 1))
head -c 20 audio/voice.wav | {
    run $live --model streaming -
    exits 1
    says 'potstill: standard input: ends within its WAV header'
    [ "$failures" -eq 0 ]
} || failures=$((failures + 1))
run $live --model streaming - <voice.raw
exits 1
says 'potstill: standard input: is not a WAV stream (raw sound needs its format named)'
run $live --model streaming --raw f32le --rate 16 - <voice.raw
exits 1
says 'potstill: standard input: sample rate is 16 Hz, expected 1000 to 768000'
run $live --model streaming missing.wav
exits 1
says 'potstill: missing.wav: no such file'
run $live --model streaming audio/silence.wav
exits 0
prints ''

# What was heard is kept, and a recording overwrites nothing.
run $live --model streaming --record heard.wav audio/voice.wav
exits 0
same 'the recording' heard.wav audio/voice.wav
run $live --model streaming --record heard.wav audio/voice.wav
exits 2
says 'potstill: heard.wav: is there already; a recording overwrites nothing'

# A signal ends the sound: the line at hand is finished and printed.
mkfifo sound
$emulator "$program" live --no-guard --precision f32 --max-new-tokens 12 --model streaming --raw s16le --format jsonl \
    --record part.wav - <sound >"$scratch/out" 2>"$scratch/err" &
pid=$!
exec 3>sound
head -c 30000 voice.raw >&3
tries=0
until grep -q line_started "$scratch/out" || [ $tries -gt 200 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
kill -INT $pid
wait $pid
code=$?
exec 3>&-
ran='potstill live, interrupted'
exits 0
ok grep -q line_completed "$scratch/out"
ok [ "$(wc -c <part.wav)" -gt 10000 ]

# wrong MESSAGE ARGUMENTS...
wrong() {
    message=$1
    shift
    run live --model streaming "$@"
    exits 2
    says "potstill: $message"
}
at='; see potstill live --help'
wrong "live: --mic and a.wav: expected one source of sound$at" --mic x a.wav
wrong "live: --raw: is for standard input (-)$at" --raw s16le a.wav
wrong "live: --rate and --channels: are for --raw; a header has them$at" --rate 8000 -
wrong "live: --pause: expected a number of seconds from 0.1 to 10$at" --pause 0 a.wav
wrong "live: --update: expected a number of seconds from 0 to 10$at" --update -1 a.wav
wrong "live: line_max_s is 0.5, expected 1 to 4 seconds$at" --line-max 0.5 a.wav
wrong "live: unknown option --microphone$at" --microphone x

finish
