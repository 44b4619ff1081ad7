# test_eval.sh - systems over a set: ready transcripts of every kind, a model, thresholds, wrong sets.
. "$(dirname "$0")/harness.sh"

cat >set.jsonl <<'END'
{"id": "a", "audio": "a.wav", "text": "The cat sat on the mat.", "speaker": "s1", "note": [1, 2], "duration": 3.5}
{"id": "b", "audio_filepath": "b.wav", "transcript": "It's a fine day, isn't it?", "speaker": "s2", "duration": 6}
{"id": 3, "transcription": "Größe zählt \"<b>\"", "speaker": 3}
{"id": "d", "text": "one two three", "speaker": "s1"}
{"id": "e", "text": "four five six", "speaker": "s1"}
{"id": "f", "text": "seven eight nine", "speaker": "s2"}
{"id": "g", "text": "ten eleven twelve", "speaker": "s2"}
{"id": "h", "text": "", "speaker": "s2"}
END
cat >old.jsonl <<'END'
{"audio": "b.wav", "text": "its a fine day"}
{"id": "a", "pred_text": "a cat sat on mat"}
{"id": 3, "pred_text": "grosse zahlt"}
{"id": "d", "pred_text": "one too three"}
{"id": "e", "pred_text": "for five six"}
{"id": "f", "pred_text": "seven ate nine"}
{"id": "g", "pred_text": "ten eleven"}
{"id": "h", "pred_text": ""}
END
cat >new.txt <<'END'
the cat sat on the mat
its a fine day isnt it
grosse zählt b
one two three
four five six
seven eight nine
ten eleven twelve
um
END

run eval --manifest set.jsonl --hyp old=old.jsonl --hyp new.txt -o out --show-errors
exits 0; says ''
same 'standard output' "$scratch/out" "$here/expected/eval.txt"
sed 's/"potstill [0-9.]*"/"potstill"/' out/results.json >plain.json
same results.json plain.json "$here/expected/eval.json"
same utterances.jsonl out/utterances.jsonl "$here/expected/eval.jsonl"
same utterances.csv out/utterances.csv "$here/expected/eval.csv"
holds out/ref.trn <<'END'
the cat sat on the mat (s1_a)
its a fine day isnt it (s2_b)
größe zählt b (3_3)
one two three (s1_d)
four five six (s1_e)
seven eight nine (s2_f)
ten eleven twelve (s2_g)
(s2_h)
END
ok test "$(tail -n 1 out/new.trn)" = 'um (s2_h)'
ok test ! -e out/partial.jsonl

# The page has the same data, and the sounds where they are.
ok grep -q "default-src 'none'; script-src 'sha256-" out/report.html
ok grep -q '"alignment":"sthe >a =cat =sat =on dthe =mat"' out/report.html
ok grep -qF '\u003cb>' out/report.html
ok grep -q '"source":"../a.wav"' out/report.html
run eval --manifest set.jsonl --hyp new.txt -o out --embed-audio 401
exits 2; says 'potstill: eval: --embed-audio: expected at most 400; see potstill eval --help'

# The same input gives the same bytes.
cp out/results.json before.json
run eval --manifest set.jsonl --hyp old=old.jsonl --hyp new.txt -o out
same results.json out/results.json before.json

# Thresholds, of the last system.
run eval --manifest set.jsonl --hyp new.txt -o out2 --max-wer 0.1
exits 0
run eval --manifest set.jsonl --hyp new.txt -o out2 --max-wer 0.05
exits 5; says 'potstill: new: word error rate 7.41 %, expected at most 5.00 %'
run eval --manifest set.jsonl --hyp new.txt -o out2 --no-worse-than out/results.json
exits 0
# Files with the mark that some programs put before UTF-8.
{ printf '\357\273\277'; cat old.jsonl; } >marked.jsonl
{ printf '\357\273\277'; cat set.jsonl; } >marked_set.jsonl
run eval --manifest marked_set.jsonl --hyp old=marked.jsonl -o marked
exits 0
ok cmp out/old.trn marked/old.trn
run eval --manifest set.jsonl --hyp old=old.jsonl -o out2 --no-worse-than out/results.json --margin 2
exits 5; says 'potstill: old: word error rate 40.74 %, expected at most 9.41 % (out/results.json and 2.00 points)'
run eval --manifest set.jsonl --hyp old=old.jsonl -o out2 --no-worse-than set.jsonl
exits 1; says 'potstill: set.jsonl: has no word error rate, expected the results.json of an evaluation'
run eval --manifest set.jsonl --hyp old=old.jsonl -o out2 --margin 2
exits 2; says 'potstill: eval: --margin goes with --no-worse-than'

# What the last system of an earlier evaluation heard.
run eval --manifest set.jsonl --baseline out/results.json --hyp old=old.jsonl -o out3
exits 0
ok grep -q '^baseline  *7.41 %' "$scratch/out"
ok grep -q '^old is worse than baseline by 33.3 points' "$scratch/out"

# Sets of every form give the same scores.
cat >columns.jsonl <<'END'
{"id": "x", "text": "one two", "pred_text": "one two", "pred_text_new": "one"}
{"id": "y", "text": "three four", "pred_text": "three for", "pred_text_new": "three four"}
END
cat >columns.json <<'END'
{"utterances": [
  {"id": "x", "text": "one two", "pred_text": "one two", "pred_text_new": "one"},
  {"id": "y", "text": "three four", "pred_text": "three for", "pred_text_new": "three four"}]}
END
printf 'id\ttext\tpred_text\tpred_text_new\nx\tone two\tone two\tone\ny\tthree four\tthree for\tthree four\n' >columns.tsv
printf 'id,text,pred_text,pred_text_new\r\nx,"one two",one two,one\r\ny,three four,"three\r\nfor",three four\r\n' >columns.csv
for form in jsonl json tsv csv; do
    run eval --manifest columns.$form -o "columns_$form"
    exits 0; says ''
    sed -e 1,3d -e '/^results in/d' -e '/^report in/d' "$scratch/out" >"columns_$form.out"
    ok grep -q '^pred_text  25.00 %' "$scratch/out"
    ok grep -q '^new        25.00 %' "$scratch/out"
    same "the verdict of $form" "columns_$form.out" columns_jsonl.out
done

# Words of one's own, and terms.
printf 'ate = eight\n' >map.txt
printf 'cat\nfine day\n# no term\nmat\n' >terms.txt
run eval --manifest set.jsonl --hyp old=old.jsonl -o out4 --map map.txt --terms terms.txt --group speaker
exits 0
ok grep -q '"map": "map.txt"' out4/results.json
ok grep -q '"term": "mat", "count": 1, "systems": \[{"recall": 1, "precision": 1}\]' out4/results.json
ok grep -q '"group": "speaker"' out4/results.json
ok grep -q '^old  *37.04 %' "$scratch/out"

# A model; what is there from a run that was interrupted is not heard again.
cat >audio.jsonl <<'END'
{"audio": "audio/voice.wav", "text": "anything"}
{"audio": "audio/chirp.wav", "text": "a chirp"}
{"audio": "audio/chirp.wav", "text": "a chirp", "offset": 0.1, "duration": 0.5}
{"audio": "audio/missing.wav", "text": "nothing"}
END
run eval --manifest audio.jsonl --model micro --max-new-tokens 8 -o out5 --no-timing
exits 1; says 'potstill: audio/missing.wav: no such file'
ok test "$(grep -c '"key"' out5/partial.jsonl)" = 3
cp out5/results.json before.json
run eval --manifest audio.jsonl --model micro --max-new-tokens 8 -o out5 --no-timing
exits 1
ok grep -q 'out5/partial.jsonl: 3 utterances of base are there from an earlier run, going on with 1' "$scratch/err"
same 'what was resumed' out5/results.json before.json
# With another search or other kernels it is: what was heard may be another text then.
for other in '--suppress-tokens 5' '--sequence-bias a=2' '--cpu reference'; do
    # shellcheck disable=SC2086 # words
    run eval --manifest audio.jsonl --model micro --max-new-tokens 8 -o out5 --no-timing $other
    exits 1; says 'potstill: audio/missing.wav: no such file'
done
ok grep -q '"id": "chirp-0.100", "audio": "audio/chirp.wav", "offset": 0.1, "seconds": 0.5' out5/results.json

# When words were said: heard again for it, and found again when the run goes on.
run eval --manifest audio.jsonl --model micro --max-new-tokens 8 -o out5 --no-timing --word-timestamps
exits 1; says 'potstill: audio/missing.wav: no such file'
ok grep -q '"times": \[\[[0-9.]*, [0-9.]*\]' out5/results.json
ok grep -q '^voice 1 [0-9.]* [0-9.]* [^ ]*$' out5/base.ctm
ok test "$(cut -d ' ' -f 1-4 out5/ref.stm | tr '\n' ,)" = 'chirp 1 all 0.00,chirp-0.100 1 all 0.00,voice 1 all 0.00,'
cp out5/results.json before.json
run eval --manifest audio.jsonl --model micro --max-new-tokens 8 -o out5 --no-timing --word-timestamps
exits 1
ok grep -q 'out5/partial.jsonl: 3 utterances of base' "$scratch/err"
same 'what was resumed with times' out5/results.json before.json
sed 's/, "times": \[[][0-9., nul]*\]//g' before.json >without.json
run eval --manifest audio.jsonl --model micro --max-new-tokens 8 -o out5 --no-timing
same 'all else' without.json out5/results.json

# They come with transcripts too, and go on with a baseline. sclite counts as with the trn files.
cat >timed.jsonl <<'END'
{"id": "a", "pred_text": "A cat sat on the-mat", "words": [{"word": "A", "start": 0.1, "end": 0.3}, {"word": "cat", "start": 0.3, "end": 0.6}, {"word": "sat", "start": 1, "end": 1.25}, {"word": "on", "start": 1.25, "end": 1.5}, {"word": "the-mat", "start": 2, "end": 3.52}]}
{"id": "b", "pred_text": "it's a", "words": [["it's", 0, 0.5], ["a", 0.5, 1]]}
{"id": "3", "pred_text": "zählt", "segments": [{"words": [{"word": "zählt", "start": 0.2, "end": 0.9}]}]}
{"id": "d", "pred_text": ""}
END
run eval --manifest set.jsonl --hyp timed.jsonl --hyp old=old.jsonl -o timed --normalizer whisper-basic
exits 0
holds timed/timed.ctm <<'END'
3 1 0.20 0.70 zählt
a 1 0.10 0.20 a
a 1 0.30 0.30 cat
a 1 1.00 0.25 sat
a 1 1.25 0.25 on
a 1 2.00 0.76 the
a 1 2.76 0.76 mat
b 1 0.00 0.25 it
b 1 0.25 0.25 s
b 1 0.50 0.50 a
END
ok grep -q '^a 1 s1 0.00 3.52 the cat sat on the mat$' timed/ref.stm
ok grep -q '^d 1 s1 0.00 0.01 one two three$' timed/ref.stm
ok test ! -e timed/old.ctm
run eval --manifest set.jsonl --hyp timed.jsonl -o timed2 --normalizer whisper-basic
run eval --manifest set.jsonl --baseline timed2/results.json --hyp old=old.jsonl -o timed3 --normalizer whisper-basic
exits 0
ok cmp timed2/timed.ctm timed3/baseline.ctm
sclite() { # REFERENCE FORM HYPOTHESIS FORM
    sctk sclite -i rm -r "$1" "$2" -h "$3" "$4" -o sum stdout 2>/dev/null | grep 'Sum/Avg'
}
if command -v sctk >/dev/null; then
    head -n 4 set.jsonl >four.jsonl # a ctm cannot say that the others were not heard
    run eval --manifest four.jsonl --hyp timed.jsonl -o timed4 --normalizer whisper-basic
    sclite timed4/ref.trn trn timed4/timed.trn trn >by_trn
    sclite timed4/ref.stm stm timed4/timed.ctm ctm >by_ctm
    ok grep -q ' 4 ' by_ctm
    same 'what sclite counts' by_ctm by_trn
fi

# Folders.
mkdir clips
cp audio/voice.wav clips/one.wav
echo 'what was said' >clips/one.txt
run eval --manifest clips --model micro --max-new-tokens 8 -o out6
exits 0
ok grep -q '"latency_ms": {"p50": [0-9.]*, "p90": [0-9.]*, "p99": ' out6/results.json
ok grep -q '"real_time_factor": [0-9.]' out6/results.json
ok grep -q '"id": "one", "audio": "clips/one.wav"' out6/results.json
ok test ! -e out6/partial.jsonl
# Paths in a folder's own table begin there; the page plays what was heard.
printf 'file_name,transcription\none.wav,what was said\n' >clips/metadata.csv
run eval --manifest clips --model micro --max-new-tokens 8 -o out8
exits 0
ok grep -q '"../clips/one.wav"' out8/report.html

# Texts of a folder that are none; the rest goes on.
printf 'caf\351' >clips/latin.txt
printf 'a\0b' >clips/zero.txt
: >clips/zero.wav; : >clips/latin.wav
: >clips/alone.txt
mkdir clips/folder.txt
: >clips/folder.wav
mv clips/metadata.csv .
run eval --manifest clips --model micro --max-new-tokens 8 -o out8
exits 1
for message in 'clips/latin.txt: is not UTF-8, expected a text that is' 'clips/zero.txt: holds a NUL byte, expected text' \
    'clips/alone.txt: no audio file beside it, expected one of this name' 'clips/folder.txt: cannot read: Is a directory'; do
    ok grep -qxF "potstill: $message" "$scratch/err"
done
ok grep -q '"id": "one", "audio": "clips/one.wav"' out8/results.json

# A part of a file that cannot be heard says which row it is.
cat >parts.jsonl <<'END'
{"audio": "audio/voice.wav", "text": "anything", "offset": 1000}
{"audio": "audio/voice.wav", "text": "anything", "duration": 0.01}
{"id": "silent", "text": "anything"}
{"audio": "audio/voice.wav", "text": "anything"}
END
run eval --manifest parts.jsonl --model micro --max-new-tokens 8 -o out8
exits 1
ok grep -q '^potstill: parts.jsonl:1: audio/voice.wav: ends before the offset of the row$' "$scratch/err"
ok grep -q '^potstill: parts.jsonl:2: .*samples' "$scratch/err"
ok grep -q '^potstill: parts.jsonl:3: has no audio, expected "audio" in its row$' "$scratch/err"

# What cannot be used is refused with file, line and what was expected.
wrong() {
    run eval --manifest "$1" --hyp old=old.jsonl -o out7
    exits 1
    says "potstill: $2"
    ok test ! -e out7
}
wrong missing.jsonl 'missing.jsonl: no such file'
: >empty.jsonl
wrong empty.jsonl 'empty.jsonl: holds no utterance, expected a line like {"audio": "clip.wav", "text": "what was said"}'
mkdir nothing
wrong nothing 'nothing: no .txt file in this folder, expected one beside each audio file'
run eval --manifest set.jsonl -o out7 --hyp a=old.jsonl --hyp a=new.txt
exits 2; says 'potstill: eval: two systems are called a'
run eval --manifest set.jsonl -o out7 --hyp ref=old.jsonl
exits 2; says 'potstill: eval: no system can be called ref: that is what was said'
run eval --manifest set.jsonl -o out7 --hyp terms.txt
exits 1; says 'potstill: terms.txt: has 4 lines, expected 8: one for each utterance of set.jsonl'
echo '{"id": "zz", "text": "x"}' >strange.jsonl
run eval --manifest set.jsonl -o out7 --hyp strange.jsonl
exits 1; says 'potstill: strange.jsonl: has no text for any utterance of set.jsonl, expected rows with its "id" or "audio" and "pred_text" or "text"'
printf '{"id": "a", "pred_text": "%s"}\n' x 'The cat sat on the mat' >twice.jsonl
run eval --manifest set.jsonl -o out9 --hyp twice.jsonl
exits 0; says 'potstill: twice.jsonl: 1 of 2 rows are of an utterance that a row before is of; the last one counts'
ok grep -q '^twice has no text of 7 of 8 utterances$' "$scratch/out"
ok grep -q '^twice   0.00 %' "$scratch/out"
echo 'a' >map.txt
run eval --manifest set.jsonl -o out7 --hyp old.jsonl --map map.txt
exits 1; says 'potstill: map.txt:1: has no "=", expected FROM = TO: words, and those that stand for them'

finish
