#!/bin/sh
# invented_words.sh - sounds without speech, and the words that are made of them.
#
#     tools/invented_words.sh [OPTION ...]      e.g. --vad off --no-guard; options of potstill transcribe
#
# Needs sox and espeak-ng. Prints the words found in each sound; the last line is their sum without babble, of
# which each voice alone is speech: nine at once, of which no word can be told. SECONDS_EACH (60) is the length
# of a sound: 240 makes an hour of them. POTSTILL names the program (build/release/potstill).
set -eu
potstill=${POTSTILL:-build/release/potstill}
seconds=${SECONDS_EACH:-60}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

make() { # make NAME EFFECT ...
    name=$1
    shift
    sox -R -n -r 16000 -b 16 -c 1 "$work/$name.wav" "$@"
}
make silence trim 0 "$seconds"
make noise_white synth "$seconds" whitenoise vol 0.2
make noise_pink synth "$seconds" pinknoise vol 0.4
make noise_brown synth "$seconds" brownnoise vol 0.5
make noise_quiet synth "$seconds" whitenoise vol 0.003
make noise_waves synth "$seconds" pinknoise synth "$seconds" sine amod 0.3 vol 0.6
make tone synth "$seconds" sine 440 vol 0.3
make hum synth "$seconds" sine 50 synth "$seconds" square mix 150 vol 0.2
make sweep synth "$seconds" sine 200-2000 vol 0.3
make music_chord synth "$seconds" pluck C4 pluck E4 pluck G4 vol 0.4 tremolo 4 60
make bark synth 0.2 sawtooth 500-250 fade 0.01 0.2 0.1 pad 0 0.5 repeat "$((seconds * 10 / 7))" vol 0.5 lowpass 1500
make chirps synth 0.15 sine 2000-4000 fade 0.02 0.15 0.02 pad 0 0.25 repeat "$((seconds * 5 / 2))" vol 0.4
make clicks synth 0.01 whitenoise pad 0 0.3 repeat "$((seconds * 3))"
for note in C3 E3 G3 A3 C4 E4 G4 A4; do make "n$note" synth 0.5 pluck "$note" vol 0.6; done
(cd "$work" && sox nC3.wav nE3.wav nG3.wav nA3.wav nC4.wav nG3.wav nE4.wav nA4.wav music_melody.wav \
    repeat "$((seconds / 4))" && rm n[A-G][34].wav)

sentences=$(cd "$(dirname "$0")/.." && pwd)/tests/cli/sentences.txt
count=0
for voice in en-us en-us+m3 en-us+f2 en-us+f4 en-029 en-029+f3 en-GB-x-rp en-GB-x-rp+f1 en-us+m7; do
    count=$((count + 1))
    { tail -n "+$((2 * count))" "$sentences"; cat "$sentences"; } >"$work/text"
    espeak-ng -v "$voice" -s "$((140 + 5 * count))" -f "$work/text" -w "$work/v$count.wav"
    sox -R "$work/v$count.wav" -r 16000 "$work/w$count.wav" repeat "$((seconds / 60 + 1))" trim 0 "$seconds"
done
sox -R -m "$work"/w[1-9].wav "$work/babble.wav"
rm "$work"/[vw][1-9].wav "$work/text"

words() { wc -w | tr -d ' '; }
total=0
for sound in "$work"/*.wav; do
    "$potstill" transcribe "$@" "$sound" >"$work/text" 2>"$work/notes" || { cat "$work/notes" >&2; exit 1; }
    count=$(words <"$work/text")
    name=$(basename "$sound" .wav)
    echo "$name $count"
    [ "$name" = babble ] || total=$((total + count))
done
echo "words $total"
