# test_recordings.sh - recordings as people have them: folders of all kinds of files.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro
text='inpklinik and1g'

# What a folder holds beside readable audio is named, not passed over in silence; what is no audio is not.
mkdir mixed
cp audio/chirp.wav mixed/a.wav
: >mixed/notes.txt
: >mixed/.hidden.m4a
run transcribe mixed
exits 0; prints "mixed/a.wav: $text"; says ''
: >mixed/talk.m4a
run transcribe mixed
exits 0; prints "mixed/a.wav: $text"
says 'potstill: mixed: skipped 1 file that cannot be read: talk.m4a; to convert one: ffmpeg -i talk.m4a -ac 1 -ar 16000 talk.wav'
for name in z.mp4 'my memo.AAC' b.webm c.wma; do : >"mixed/$name"; done
run transcribe mixed
exits 0; prints "mixed/a.wav: $text"
says 'potstill: mixed: skipped 5 files that cannot be read: b.webm, c.wma, my memo.AAC, ...; to convert one: ffmpeg -i b.webm -ac 1 -ar 16000 b.wav'
rm mixed/a.wav
run transcribe mixed
exits 1; prints ''
ok grep -q '^potstill: mixed: skipped 5 files that cannot be read: ' "$scratch/err"
ok grep -q '^potstill: mixed: no audio file in this folder$' "$scratch/err"

finish
