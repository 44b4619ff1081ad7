# test_transcribe.sh - transcripts of the micro model in every format, and what fails on the way.
#
# The transcripts are those of transformers 5.2.0 for the same model and clips.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro

chirp='inpklinik and1g'
chirp_tokens='[1, 262, 298, 301, 290, 262, 310, 284, 301, 273, 52, 308, 324, 297, 2]'

# One file: only its text.
run transcribe audio/chirp.wav
exits 0; prints "$chirp"; says ''
run transcribe --model micro --threads 2 --cpu reference audio/chirp.wav
exits 0; prints "$chirp"; says ''

# Several files, or a folder: with their names, in order.
run transcribe --max-new-tokens 5 audio/hum.wav audio/chirp.wav
exits 0
prints <<'END'
audio/hum.wav: �v�v�
audio/chirp.wav: inpklin
END
says <<'END'
potstill: audio/hum.wav: the transcript was cut at 5 tokens, its length limit (see --max-new-tokens)
potstill: audio/chirp.wav: the transcript was cut at 5 tokens, its length limit (see --max-new-tokens)
END

mkdir clips clips/below empty
cp audio/chirp.wav clips/b.WAV
cp audio/chirp.wav clips/a.wav
cp audio/chirp.wav clips/c.bin
cp audio/chirp.wav clips/.hidden.wav
cp audio/chirp.wav clips/below/d.wav
run transcribe clips
exits 0; says ''
prints <<END
clips/a.wav: $chirp
clips/b.WAV: $chirp
END
run transcribe clips/ --output list.txt
exits 0; prints ''; says ''
holds list.txt <<END
clips/a.wav: $chirp
clips/b.WAV: $chirp
END
# A name that does not look like audio is taken when it is given itself.
run transcribe clips/c.bin
exits 0; prints "$chirp"

# Standard input, from a pipe and from a file.
mkfifo pipe
cat audio/chirp.wav >pipe &
run transcribe - <pipe
exits 0; prints "$chirp"; says ''
run transcribe - <audio/chirp.wav
exits 0; prints "$chirp"; says ''
run transcribe - - <audio/chirp.wav
exits 1; prints "-: $chirp"
says 'potstill: -: standard input can be read only once'
run transcribe --format jsonl - </dev/null
exits 1
prints '{"file": "-", "error": "-: is empty, expected an audio file"}'
says 'potstill: -: is empty, expected an audio file'

# json and jsonl.
run transcribe --format json audio/chirp.wav
exits 0; says ''
scrub "$scratch/out"
prints <<END
[
  {"file": "audio/chirp.wav", "duration": 0.75, "text": "$chirp", "tokens": $chirp_tokens, "avg_logprob": -N}
]
END
run transcribe --format jsonl audio/chirp.wav
logprob=$(sed 's/.*"avg_logprob": \(.*\)}/\1/' "$scratch/out")
ok awk "BEGIN { exit !($logprob > -0.79364 && $logprob < -0.79361) }"

# What fails is named in both places, the rest is done.
run transcribe --format jsonl --max-new-tokens 5 audio/hum.wav missing.wav empty audio/short.wav clips
exits 1
scrub "$scratch/out"
prints <<'END'
{"file": "audio/hum.wav", "duration": 0.5, "text": "�v�v�", "tokens": [1, 150, 300, 150, 300, 150], "avg_logprob": -N, "truncated": true}
{"file": "missing.wav", "error": "missing.wav: no such file"}
{"file": "empty", "error": "empty: no audio file in this folder"}
{"file": "audio/short.wav", "error": "audio/short.wav: the clip has 200 samples (12 ms), at least 895 (56 ms) are needed"}
{"file": "clips/a.wav", "duration": 0.75, "text": "inpklin", "tokens": [1, 262, 298, 301, 290, 262], "avg_logprob": -N, "truncated": true}
{"file": "clips/b.WAV", "duration": 0.75, "text": "inpklin", "tokens": [1, 262, 298, 301, 290, 262], "avg_logprob": -N, "truncated": true}
END
says <<'END'
potstill: missing.wav: no such file
potstill: empty: no audio file in this folder
potstill: audio/short.wav: the clip has 200 samples (12 ms), at least 895 (56 ms) are needed
END
echo 'not audio' >text.wav
run transcribe text.wav audio/chirp.wav
exits 1; prints "audio/chirp.wav: $chirp"
ok grep -q '^potstill: text.wav: ' "$scratch/err"

# The same, collected into a file; it replaces what was there.
echo old >out.json
run transcribe --format json -o out.json missing.wav audio/chirp.wav
exits 1; prints ''
says 'potstill: missing.wav: no such file'
scrub out.json
holds out.json <<END
[
  {"file": "missing.wav", "error": "missing.wav: no such file"},
  {"file": "audio/chirp.wav", "duration": 0.75, "text": "$chirp", "tokens": $chirp_tokens, "avg_logprob": -N}
]
END

# Loudness, as run-stt has it; silence cannot be scaled.
run transcribe --normalize --max-new-tokens 5 audio/chirp.wav
exits 0; prints 'inkdgw'
run transcribe --normalize audio/silence.wav
exits 1; prints ''
says 'potstill: audio/silence.wav: audio RMS (0) is too low to normalize safely'

# An adapter changes what is heard.
run transcribe --adapter "$here/../golden/adapter" --max-new-tokens 12 --format jsonl audio/chirp.wav
exits 0; says ''
ok grep -q -F "\"tokens\": [1, 86, 280, 86, 163, 205, 300, 277, 295, 163, 295, 163, 300]," "$scratch/out"

# Twice at half its weight is once; a weight of nothing is the base; a name with a colon is a name.
adapter=$here/../golden/adapter
run transcribe --adapter "$adapter:0.5" --adapter "$adapter:0.5" --max-new-tokens 12 --format jsonl \
    audio/chirp.wav
exits 0; says ''
ok grep -q -F "\"tokens\": [1, 86, 280, 86, 163, 205, 300, 277, 295, 163, 295, 163, 300]," "$scratch/out"
run transcribe --max-new-tokens 12 --format jsonl audio/chirp.wav
cp "$scratch/out" base.jsonl
run transcribe --adapter "$adapter:0" --max-new-tokens 12 --format jsonl audio/chirp.wav
exits 0; same 'standard output' "$scratch/out" base.jsonl
cp -R "$adapter" a:0
run transcribe --adapter a:0 --max-new-tokens 12 --format jsonl audio/chirp.wav
exits 0
ok grep -q -F "\"tokens\": [1, 86, 280, 86, 163, 205, 300, 277, 295, 163, 295, 163, 300]," "$scratch/out"
run transcribe --adapter nowhere:2 audio/chirp.wav
exits 3

# A clip longer than the window is cut; an .au file need not say how long it is.
{
    printf 'dns.\030\0\0\0\377\377\377\377\003\0\0\0\200\076\0\0\001\0\0\0'
    for i in 1 2 3; do tail -c +45 audio/chirp.wav; done
} >long.au
run transcribe --window 1 --max-new-tokens 5 long.au
exits 0; prints 'inpktm m�gkre inbmatg'
says <<'END'
potstill: long.au: the transcript of 0.00 to 0.90 s was cut at 5 tokens, its length limit (see --max-new-tokens)
potstill: long.au: the transcript of 0.90 to 1.80 s was cut at 5 tokens, its length limit (see --max-new-tokens)
potstill: long.au: the transcript of 1.80 to 2.25 s was cut at 5 tokens, its length limit (see --max-new-tokens)
END
run transcribe --window 1 --max-new-tokens 5 --format jsonl long.au
exits 0; says ''
scrub "$scratch/out"
prints <<'END'
{"file": "long.au", "duration": 2.25, "text": "inpktm m�gkre inbmatg", "tokens": [1, 262, 298, 301, 281, 293, 1, 293, 240, 297, 301, 270, 1, 262, 299, 293, 278, 297], "avg_logprob": -N, "truncated": true, "segments": [{"start": 0.0, "end": 0.9, "text": "inpktm", "tokens": [1, 262, 298, 301, 281, 293], "avg_logprob": -N, "truncated": true}, {"start": 0.9, "end": 1.8, "text": "m�gkre", "tokens": [1, 293, 240, 297, 301, 270], "avg_logprob": -N, "truncated": true}, {"start": 1.8, "end": 2.25, "text": "inbmatg", "tokens": [1, 262, 299, 293, 278, 297], "avg_logprob": -N, "truncated": true}]}
END
run transcribe long.au
cp "$scratch/out" whole.txt
run transcribe --window 0 long.au
exits 0; same 'standard output' "$scratch/out" whole.txt

# Several at once: the order is that of the inputs, standard error too, for any number of threads.
set -- long.au audio/chirp.wav gone.wav - audio/short.wav empty long.au audio/hum.wav audio/chirp.wav
run transcribe --threads 1 --window 1 --format json "$@" <audio/hum.wav
exits 1
cp "$scratch/out" one.json
cp "$scratch/err" one.err
ok test "$(grep -c '^  {' one.json)" -eq 9
for threads in 2 3 5; do
    run transcribe --threads $threads --window 1 --format json "$@" <audio/hum.wav
    exits 1
    same 'standard output' "$scratch/out" one.json
    same 'standard error' "$scratch/err" one.err
done

# A name in JSON is UTF-8 whatever it is on disk.
cp audio/chirp.wav "$(printf 'caf\351.wav')" && {
    run transcribe --format jsonl "$(printf 'caf\351.wav')"
    exits 0
    ok grep -q '^{"file": "caf�.wav", ' "$scratch/out"
}

# Windows with both ends are the config's, a frame wider on either side.
ln -s "$here/../golden/micro_streaming" streaming
cp -R -L streaming wider
python3 -c "
import json
config = json.load(open('wider/config.json'))
windows = config['encoder_config']['sliding_windows']
config['encoder_config']['sliding_windows'] = [[back + 1, ahead + 1] for back, ahead in windows]
json.dump(config, open('wider/config.json', 'w'))"
run transcribe --model wider --precision f32 --format json audio/chirp.wav
exits 0
cp "$scratch/out" wider.json
run transcribe --model streaming --window-bounds inclusive --precision f32 --format json audio/chirp.wav
exits 0; prints "$(cat wider.json)"; says ''
run transcribe --model streaming --precision f32 --format json audio/chirp.wav
exits 0
ok test "$(cat "$scratch/out")" != "$(cat wider.json)"
run transcribe --model micro --window-bounds inclusive audio/chirp.wav
exits 2; prints ''; says 'potstill: inclusive windows are for a moonshine_streaming model, this one is moonshine'

finish
