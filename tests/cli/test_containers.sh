# test_containers.sh - files that libsndfile does not know, through the program ffmpeg on the PATH: a script in its
# place that works, dies and lies, none at all, and the real one where it is installed.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro
text='inpklinik and1g'
paths=$PATH

# fake SCRIPT: what ffmpeg is; bare COMMAND ...: run without any ffmpeg.
fake() {
    mkdir -p "$scratch/bin"
    printf '#!/bin/sh\n%s\n' "$1" >"$scratch/bin/ffmpeg"
    chmod +x "$scratch/bin/ffmpeg"
    PATH=$scratch/bin:$paths
}
bare() {
    PATH=/nowhere
    run "$@"
    PATH=$paths
}

mkdir mixed
cp audio/chirp.wav mixed/a.wav
echo 'no sound' >mixed/talk.m4a
echo 'no sound' >mixed/video.MKV
: >mixed/notes.txt

# None: folders say what is passed over, a file says what it needs.
bare transcribe mixed
exits 0; prints "mixed/a.wav: $text"
says 'potstill: mixed: skipped 2 files that cannot be read without ffmpeg, which is not on the PATH: talk.m4a, video.MKV'
bare transcribe mixed/talk.m4a
exits 1; prints ''
ok grep -q '^potstill: mixed/talk.m4a: cannot be read as audio: .* (such files need the program ffmpeg, which is not on the PATH)$' "$scratch/err"
bare transcribe mixed/notes.txt
exits 1; ok grep -q 'cannot\|empty' "$scratch/err"; ok test "$(grep -c ffmpeg "$scratch/err")" -eq 0

# One that works.
fake "cat '$PWD/audio/chirp.wav'"
run transcribe mixed
exits 0; says ''
prints <<END
mixed/a.wav: $text
mixed/talk.m4a: $text
mixed/video.MKV: $text
END
run vad mixed
exits 0; says ''
# Standard input is handed on where it is a file.
fake "[ \"\$(cat /dev/fd/0)\" = 'no sound' ] && cat '$PWD/audio/chirp.wav'"
run transcribe - <mixed/talk.m4a
exits 0; prints "$text"; says ''

# One that fails: the others are done.
fake 'echo "[mov @ 0x1] moov atom not found" >&2; exit 1'
run transcribe mixed
exits 1; prints "mixed/a.wav: $text"
says <<'END'
potstill: mixed/talk.m4a: ffmpeg cannot read it: moov atom not found
potstill: mixed/video.MKV: ffmpeg cannot read it: moov atom not found
END
fake "head -c 20000 '$PWD/audio/chirp.wav'; kill -9 \$\$"
run transcribe mixed/talk.m4a
exits 1; prints ''; says 'potstill: mixed/talk.m4a: ffmpeg cannot read it'
fake 'echo hello'
run transcribe mixed/talk.m4a
exits 1; prints ''; says 'potstill: mixed/talk.m4a: ffmpeg gave something else than a WAV stream'

# Names that look like options and protocols.
for name in ./-i.m4a http:x.m4a concat:a.wav; do
    echo 'no sound' >"$name"
    fake "printf '%s\n' \"\$@\" >>'$scratch/asked'; cat '$PWD/audio/chirp.wav'"
    run transcribe "$name"
    exits 0; prints "$text"; says ''
    ok grep -qxF "file:$name" "$scratch/asked"
done
ok grep -qx 'file,pipe' "$scratch/asked"
rm ./-i.m4a http:x.m4a concat:a.wav

# A PATH of folders that are no full paths is not looked through.
fake 'exit 1'
cp "$scratch/bin/ffmpeg" ./ffmpeg
PATH=.:
run transcribe mixed/talk.m4a
PATH=$paths
exits 1; ok grep -q 'not on the PATH' "$scratch/err"
rm ffmpeg

# The real one.
if ! command -v ffmpeg >/dev/null; then
    echo '(without ffmpeg: not tried with the real one)'
    finish
fi
real() { ffmpeg -nostdin -loglevel error -y "$@"; }
for name in a.m4a b.mp4 c.mka d.mov e.aac f.wma g.ts http:h.m4a; do
    real -i audio/voice.wav -ar 16000 "file:$name" 2>/dev/null || continue
    real -i "file:$name" -c:a pcm_f32le "file:$name.wav"
    run transcribe "$name.wav"
    exits 0
    cp "$scratch/out" heard
    run transcribe "$name"
    exits 0; same "the text of $name" "$scratch/out" heard; ok test "$(grep -c ffmpeg "$scratch/err")" -eq 0
done
# A picture, and no sound; a playlist, which would have another file read.
if real -f lavfi -i color=c=red:s=16x16:d=0.2 -an silent.mp4 2>/dev/null; then
    run transcribe silent.mp4
    exits 1; prints ''; ok grep -q '^potstill: silent.mp4: ffmpeg cannot read it: .' "$scratch/err"
fi
printf "ffconcat version 1.0\nfile 'audio/chirp.wav'\n" >list.m4a
run transcribe list.m4a
exits 1; prints ''; ok grep -q '^potstill: list.m4a: ffmpeg cannot read it: .' "$scratch/err"
printf '#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\naudio/chirp.wav\n#EXT-X-ENDLIST\n' >list.mp4
run transcribe list.mp4
exits 1; prints ''; ok grep -q '^potstill: list.mp4: ffmpeg cannot read it: .' "$scratch/err"

finish
