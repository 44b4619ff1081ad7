# test_formats.sh - results as files of a folder, and in the formats that hold one input.
#
# What is in them is compared in tests/unit/cli/test_result_formats.c and test_subtitles.c.
. "$(dirname "$0")/harness.sh"
export POTSTILL_MODEL=micro

chirp='inpklinik and1g'

# What the micro model looks at means nothing, and may differ between instruction sets.
no_times() { # FILE
    sed '/-->/s/[0-9][0-9]*/N/g' "$1" >"$scratch/timeless"
    cp "$scratch/timeless" "$1"
}
run transcribe --format srt audio/chirp.wav
exits 0; says ''
no_times "$scratch/out"
prints <<END
1
N:N:N,N --> N:N:N,N
$chirp

END
run transcribe --format vtt --max-line-width 9 --max-line-count 1 -o chirp.vtt audio/chirp.wav
exits 0; says ''; prints ''
no_times chirp.vtt
holds chirp.vtt <<END
WEBVTT

N:N.N --> N:N.N
${chirp% *}

N:N.N --> N:N.N
${chirp#* }

END
run transcribe --format tsv audio/chirp.wav
exits 0; prints "$(printf 'start\tend\ttext\n0\t750\t%s' "$chirp")"
run transcribe --format csv audio/chirp.wav
exits 0; prints "$(printf 'start,end,text\n0,750,"%s"' "$chirp")"
run transcribe --format whisper-json --language de audio/chirp.wav
exits 0; says ''
scrub "$scratch/out"
echo >>"$scratch/out"
prints "{\"text\": \" $chirp\", \"segments\": [{\"id\": 0, \"seek\": 0, \"start\": 0.0, \"end\": 0.75, \"text\": \" $chirp\", \"tokens\": [262, 298, 301, 290, 262, 310, 284, 301, 273, 52, 308, 324, 297], \"temperature\": 0.0, \"avg_logprob\": -N, \"compression_ratio\": null, \"no_speech_prob\": null}], \"language\": \"de\"}"

# A folder, made with those above it; a file for each input and format; nothing for what fails.
mkdir clips
cp audio/chirp.wav clips/a.b.wav
cp audio/chirp.wav clips/.hidden
run transcribe --format text,srt --format jsonl --output-dir out/of/it clips/a.b.wav clips/.hidden gone.wav - <audio/chirp.wav
exits 1; prints ''; says 'potstill: gone.wav: no such file'
ok test "$(ls -A out/of/it | tr '\n' ' ')" = '.hidden.jsonl .hidden.srt .hidden.txt a.b.jsonl a.b.srt a.b.txt stdin.jsonl stdin.srt stdin.txt '
holds out/of/it/a.b.txt "$chirp"
holds out/of/it/stdin.txt "$chirp"
ok grep -q '^{"file": "clips/a.b.wav", .*}$' out/of/it/a.b.jsonl
run transcribe --format text --output-dir out/of/it/ --max-new-tokens 5 clips/a.b.wav
exits 0
says 'potstill: clips/a.b.wav: the transcript was cut at 5 tokens, its length limit (see --max-new-tokens)'
holds out/of/it/a.b.txt inpklin

# Names that are taken twice, before anything is done.
cp audio/chirp.wav clips/a.b.wave
run transcribe --format srt --output-dir two clips
exits 2; prints ''
says 'potstill: two/a.b.srt: the results of clips/a.b.wav and clips/a.b.wave would both be written to it'
run transcribe --format json,whisper-json --output-dir two clips/a.b.wav
exits 2; says 'potstill: two/a.b.json: two formats of clips/a.b.wav would be written to it'
ok test -z "$(ls two)"
cp audio/chirp.wav clips/sound.srt
run transcribe --format srt --output-dir clips clips/sound.srt
exits 2; says 'potstill: clips/sound.srt: is an input, and would be overwritten by --output'
same 'the input' clips/sound.srt audio/chirp.wav
run transcribe --format srt --output-dir clips/a.b.wav audio/chirp.wav
exits 4; says 'potstill: clips/a.b.wav: Not a directory'

finish
