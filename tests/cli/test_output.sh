# test_output.sh - results that cannot be written, and outputs that appear whole or not at all.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro

# Closed before the program started: files it opens must not take the place of standard output.
ran='with standard output closed'
potstill transcribe audio/chirp.wav >&- 2>"$scratch/err"
code=$?
exits 4; says 'potstill: standard output: Bad file descriptor'
potstill help >&- 2>"$scratch/err"
code=$?
exits 4; says 'potstill: standard output: Bad file descriptor'
potstill transcribe --output closed.txt audio/chirp.wav >&- 2>"$scratch/err"
code=$?
exits 0; says ''
holds closed.txt 'inpklinik and1g'
ran='with all streams closed'
potstill transcribe - <&- >&- 2>&-
code=$?
exits 1

# A reader that has gone is no news, but it is an end.
ran='into a pipe nobody reads'
mkfifo pipe
{ : <pipe; } &
reader=$!
{
    wait $reader
    potstill transcribe audio/chirp.wav 2>"$scratch/err"
    echo $? >code
} >pipe
code=$(cat code)
exits 4; says ''

if [ -c /dev/full ]; then
    ran='onto a full disk'
    for format in text json jsonl; do
        potstill transcribe --format $format audio >/dev/full 2>"$scratch/err"
        code=$?
        exits 4
        ok test "$(tail -n 1 "$scratch/err")" = \
            'potstill: standard output: No space left on device'
    done
    potstill --version >/dev/full 2>"$scratch/err"
    code=$?
    exits 4; says 'potstill: standard output: No space left on device'
    potstill inspect micro >/dev/full 2>"$scratch/err"
    code=$?
    exits 4; says 'potstill: standard output: No space left on device'
    # A device is written as it is, never replaced.
    run transcribe audio/chirp.wav --output /dev/full
    exits 4; prints ''; says 'potstill: /dev/full: No space left on device'
    ok test -c /dev/full
    run transcribe audio/chirp.wav --output /dev/null
    exits 0; prints ''; says ''
    ok test -c /dev/null
fi

# Found out before the work begins.
run transcribe audio/chirp.wav --output missing/out.txt
exits 4; prints ''; says 'potstill: missing/out.txt: No such file or directory'
mkdir folder
run transcribe audio/chirp.wav --output folder
exits 4; prints ''; says 'potstill: folder: Is a directory'

# An input is never overwritten, whatever it is called.
cp audio/chirp.wav mine.wav
ln -s mine.wav other.wav
for name in mine.wav ./mine.wav other.wav; do
    run transcribe audio/hum.wav mine.wav --output $name
    exits 2; prints ''
    says 'potstill: mine.wav: is an input, and would be overwritten by --output'
done
ok cmp audio/chirp.wav mine.wav

# Through a link the file behind it is replaced; the link stays.
echo old >real.txt
ln -s real.txt link.txt
run transcribe audio/chirp.wav --output link.txt
exits 0
ok test -L link.txt
holds real.txt 'inpklinik and1g'

# The temporary file has a name that nobody can plant a link under, whatever the process id: a shell
# that becomes the program keeps its own.
echo precious >precious.txt
ran='beside links with the name of the process'
(
    ln -s precious.txt "fresh.txt.tmp-$(exec sh -c 'echo $PPID')"
    # shellcheck disable=SC2086
    exec $emulator "$program" transcribe --precision f32 $trust audio/chirp.wav --output fresh.txt
) 2>"$scratch/err"
code=$?
exits 0; says ''
holds precious.txt 'precious'
holds fresh.txt 'inpklinik and1g'
rm fresh.txt.tmp-*

# What a killed process left goes; what one holds, and what is not of this output, stays.
for name in fresh.txt.tmp-0123456789abcdef fresh.txt.tmp-fedcba9876543210 fresh.txt.tmp-notes \
    other.txt.tmp-0123456789abcdef; do
    echo left >$name
done
ln -s precious.txt fresh.txt.tmp-00000000deadbeef
if command -v flock >/dev/null; then
    exec 4<fresh.txt.tmp-fedcba9876543210
    flock 4
fi
run transcribe audio/chirp.wav --output fresh.txt
exits 0
ok test ! -e fresh.txt.tmp-0123456789abcdef
ok test -e fresh.txt.tmp-notes
ok test -e other.txt.tmp-0123456789abcdef
ok test -L fresh.txt.tmp-00000000deadbeef
holds precious.txt 'precious'
if command -v flock >/dev/null; then
    ok test -e fresh.txt.tmp-fedcba9876543210
    exec 4<&-
fi
rm -f fresh.txt.tmp-* other.txt.tmp-*

# Failing as a whole leaves what was there.
run transcribe --model nowhere audio/chirp.wav --output real.txt
exits 3; prints ''
holds real.txt 'inpklinik and1g'

# So does a signal, which ends the program as such.
mkfifo audio.fifo
for signal in TERM HUP; do
    ran="killed by SIG$signal"
    # exec: the process to kill is the program, not a shell that waits for it.
    exec $emulator "$program" transcribe - audio/hum.wav --output real.txt <audio.fifo &
    started=$!
    exec 3>audio.fifo # returns when the program's standard input is open
    kill -s $signal $started
    wait $started 2>/dev/null
    code=$?
    exec 3>&-
    case $signal in TERM) exits 143 ;; HUP) exits 129 ;; esac
    holds real.txt 'inpklinik and1g'
    ok test -z "$(ls | grep tmp)"
done

finish
