# test_recordings.sh - recordings as people have them: folders of all kinds of files, headers never finished.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro
text='inpklinik and1g'

# What a folder holds beside readable audio is named, not passed over in silence; what is no audio is not.
# Without ffmpeg, that is: test_containers.sh has more.
bare() {
    path=$PATH
    PATH=/nowhere
    run "$@"
    PATH=$path
}
mkdir mixed
cp audio/chirp.wav mixed/a.wav
: >mixed/notes.txt
: >mixed/.hidden.m4a
bare transcribe mixed
exits 0; prints "mixed/a.wav: $text"; says ''
: >mixed/talk.m4a
bare transcribe mixed
exits 0; prints "mixed/a.wav: $text"
says 'potstill: mixed: skipped 1 file that cannot be read without ffmpeg, which is not on the PATH: talk.m4a'
for name in z.mp4 'my memo.AAC' b.webm c.wma; do : >"mixed/$name"; done
bare transcribe mixed
exits 0; prints "mixed/a.wav: $text"
says 'potstill: mixed: skipped 5 files that cannot be read without ffmpeg, which is not on the PATH: b.webm, c.wma, my memo.AAC, ...'
rm mixed/a.wav
bare transcribe mixed
exits 1; prints ''
ok grep -q '^potstill: mixed: skipped 5 files that cannot be read without ffmpeg' "$scratch/err"
ok grep -q '^potstill: mixed: no audio file in this folder$' "$scratch/err"

# A WAV whose header has a placeholder where the bytes of sound are told: from a disk and from a pipe.
data=$(grep -abo data audio/chirp.wav | head -n 1 | cut -d : -f 1)
# header SIZE RIFF: chirp.wav as u.wav with these sizes, as printf has them.
header() {
    cp audio/chirp.wav u.wav && chmod u+w u.wav
    printf "$1" | dd of=u.wav bs=1 seek=$((data + 4)) conv=notrunc 2>/dev/null
    printf "$2" | dd of=u.wav bs=1 seek=4 conv=notrunc 2>/dev/null
}
none='\0\0\0\0' head='\044\0\0\0' most='\377\377\377\377'
note() { # note NAME BYTES
    echo "potstill: $1: the WAV header tells $2 bytes of sound, as in a recording that was not ended properly; read to the end of the file"
}
for sizes in "$none $none 0" "$none $head 0" "$none $most 0" "$head $head 36" "$head $none 36"; do
    # shellcheck disable=SC2086 # words
    set -- $sizes
    header "$1" "$2"
    run transcribe u.wav
    exits 0; prints "$text"; says "$(note u.wav "$3")"
    run transcribe - <u.wav
    exits 0; prints "$text"; says "$(note - "$3")"
    cat u.wav | potstill transcribe - >"$scratch/out" 2>"$scratch/err"
    code=$?
    exits 0; prints "$text"; says "$(note - "$3")"
done
run run-stt --model-id micro --audio u.wav
exits 0; says "$(note u.wav 36)"
cp "$scratch/out" heard
run run-stt --model-id micro --audio audio/chirp.wav
exits 0
sed 's/u\.wav/audio\/chirp.wav/' heard >expected
same 'standard output' "$scratch/out" expected
# What programs write into a pipe on purpose is no fault.
header "$most" "$most"
run transcribe u.wav
exits 0; prints "$text"; says ''
# No sound is no sound, also where something else follows.
header "$none" "$head"
head -c $((data + 8)) u.wav >empty.wav
run transcribe empty.wav
exits 1; prints ''; says 'potstill: empty.wav: holds no samples'
printf 'LIST\004\0\0\0INFO' >>empty.wav
run transcribe empty.wav
exits 1; prints ''; says 'potstill: empty.wav: holds no samples'

finish
