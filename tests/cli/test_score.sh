# test_score.sh - word error rates; the counts are jiwer 4.0.0's for the same lines.
. "$(dirname "$0")/harness.sh"

cat >ref.txt <<'END'
The cat sat on the mat.
It's a fine day, isn't it?

Größe zählt
END
cat >hyp.txt <<'END'
the cat sat on a mat
its a fine day isnt it

grösse zählt nicht
END

run score --ref ref.txt --hyp hyp.txt
exits 0; says ''; prints <<'END'
wer            0.2143
substitutions  2
deletions      0
insertions     1
hits           12
words          14
lines          4
END

run score --ref ref.txt --hyp hyp.txt --format json
exits 0; says ''
prints '{"wer": 0.214285714285714, "substitutions": 2, "deletions": 0, "insertions": 1, "hits": 12, "words": 14, "lines": 4}'

run score --hyp=hyp.txt --ref=ref.txt --no-normalize --format=json
exits 0
prints '{"wer": 0.642857142857143, "substitutions": 8, "deletions": 0, "insertions": 1, "hits": 6, "words": 14, "lines": 4}'

run score --ref ref.txt --hyp ref.txt --format json
exits 0
prints '{"wer": 0.0, "substitutions": 0, "deletions": 0, "insertions": 0, "hits": 14, "words": 14, "lines": 4}'

# Whether the last line has its newline does not matter, nor do those of another system.
printf 'one two\r\nthree' >dos.txt
printf 'one two\nthree\n' >unix.txt
run score --ref dos.txt --hyp unix.txt --format json
prints '{"wer": 0.0, "substitutions": 0, "deletions": 0, "insertions": 0, "hits": 3, "words": 3, "lines": 2}'

# Nothing was said: no rate when something was heard, 0 when nothing was.
: >empty.txt
echo >blank.txt
run score --ref empty.txt --hyp empty.txt --format json
exits 0
prints '{"wer": 0.0, "substitutions": 0, "deletions": 0, "insertions": 0, "hits": 0, "words": 0, "lines": 0}'
echo noise >noise.txt
run score --ref blank.txt --hyp noise.txt --format json
exits 0
prints '{"wer": null, "substitutions": 0, "deletions": 0, "insertions": 1, "hits": 0, "words": 0, "lines": 1}'
run score --ref blank.txt --hyp noise.txt
ok grep -q '^wer  *undefined (no word in the reference)$' "$scratch/out"

# Files that are no pair.
run score --ref ref.txt --hyp unix.txt
exits 1; prints ''
says 'potstill: unix.txt: ends after line 2, but ref.txt goes on: expected a line for each line'
run score --ref unix.txt --hyp ref.txt
exits 1; prints ''
says 'potstill: unix.txt: ends after line 2, but ref.txt goes on: expected a line for each line'
run score --ref missing.txt --hyp ref.txt
exits 1; prints ''; says 'potstill: missing.txt: No such file or directory'
run score --ref ref.txt --hyp missing.txt
exits 1; prints ''; says 'potstill: missing.txt: No such file or directory'
mkdir folder
run score --ref folder --hyp ref.txt
exits 1; prints ''; says 'potstill: folder: Is a directory'
printf 'a\0b\n' >binary.txt
run score --ref binary.txt --hyp unix.txt
exits 1; prints ''; says 'potstill: binary.txt: line 1: holds a NUL byte, expected text'
printf 'caf\351\n' >latin1.txt
run score --ref latin1.txt --hyp noise.txt
exits 1; prints ''
ok grep -q '^potstill: latin1.txt and noise.txt: line 1: ' "$scratch/err"

# Neither an endless file nor a line without end is read until memory is full.
echo word >short.txt
if [ -c /dev/zero ]; then
    run score --ref /dev/zero --hyp short.txt
    exits 1; prints ''
    says 'potstill: /dev/zero: line 1: holds a NUL byte, expected text'
fi
awk 'BEGIN { for (i = 0; i < 262144; i++) printf "sixty-four bytes of a line that does not end, again and again...." }' >long.txt
run score --ref long.txt --hyp short.txt
exits 1; prints ''
says 'potstill: long.txt: line 1: is longer than 16 MB, expected an utterance a line'

finish
