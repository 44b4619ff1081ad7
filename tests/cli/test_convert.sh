# test_convert.sh - `potstill convert`: what is made, sizes, refusals, full disks.
. "$(dirname "$0")/harness.sh"
ln -s "$here/../golden/adapter" adapter

run convert --model micro -o out --seconds 2,1
exits 0; prints out; says ''
ok test "$(ls out | tr '\n' ' ')" = \
    'decoder-1s.mlpackage decoder-2s.mlpackage encoder-1s.mlpackage encoder-2s.mlpackage '\
'potstill.json tokenizer.json '
ok cmp micro/tokenizer.json out/tokenizer.json
run verify out
exits 0; says ''

# The index: hashes of what went in and of what came out, lengths in order.
hash() {
    sha256sum "$1" | cut -d' ' -f1
}
if command -v sha256sum >/dev/null; then
    for file in decoder-1s.mlpackage/Data/com.apple.CoreML/weights/weight.bin tokenizer.json; do
        ok grep -q "^ *\"$file\": \"$(hash out/$file)\",*\$" out/potstill.json
    done
    ok grep -q "^ *\"model.safetensors\": \"$(hash micro/model.safetensors)\",*\$" out/potstill.json
fi
ok test "$(grep -c '"seconds": ' out/potstill.json)" -eq 2
ok grep -q '^  "precision": "float16",$' out/potstill.json
ok grep -q '^    "max": 194,$' out/potstill.json
# Where the model lay leaves no trace.
ok test -z "$(grep -r "$scratch" out)"

# The same again is refused without --force and the same to the byte with it; an adapter changes it.
mv out first
run convert --model micro -o out --seconds 1,2
exits 0
ok diff -r first out
run convert --model micro -o out
exits 4; prints ''; says 'potstill: out: exists already (force replaces it)'
run convert --model micro --adapter adapter -o out --seconds 1,2 --force
exits 0; prints out; says ''
ok test -n "$(diff -rq first out)"
ok grep -q '"weight": 1.0$' out/potstill.json
run convert --model micro --adapter adapter:0 -o out --seconds 1,2 --force
exits 0
for package in decoder-1s decoder-2s encoder-1s encoder-2s; do
    weights=$package.mlpackage/Data/com.apple.CoreML/weights/weight.bin
    ok cmp "first/$weights" "out/$weights"
done

run convert --model micro -o one.mlpackage --layout single --seconds 1
exits 0; prints one.mlpackage; says ''
ok test "$(ls one.mlpackage | tr '\n' ' ')" = 'Data Manifest.json '
run convert --model micro -o functions --target ios18 --state --precision palette4
exits 0; says ''
ok test "$(ls functions | tr '\n' ' ')" = \
    'decoder.mlpackage encoder.mlpackage potstill.json tokenizer.json '
ok grep -q '"function": "encode_30s"' functions/potstill.json
# Both functions of the decoder use the same records, which are counted once.
run inspect --format json functions/decoder.mlpackage
exits 0
weights=$(wc -c <functions/decoder.mlpackage/Data/com.apple.CoreML/weights/weight.bin)
counted=$(sed -n 's/.*"bytes": \([0-9]*\).*/\1/p' "$scratch/out" | awk '{ sum += $1 } END { print sum }')
ok test "$counted" -lt "$weights"

# Refused, by name.
run convert --model micro
exits 2; prints ''
run convert --model micro -o no --seconds 0
exits 2; prints ''; says 'potstill: a length of 0 seconds, expected 1 to 30'
run convert --model micro -o no --seconds 10,31
exits 2; prints ''
run convert --model micro -o no --target ios15 --precision int8
exits 3; prints ''; says 'potstill: int8 weights need iOS 16 or later, the target is ios15'
run convert --model micro -o no --state
exits 3; prints ''; says 'potstill: a state needs iOS 18, the target is ios16'
run convert --model micro -o no --layout single
exits 2; prints ''; says 'potstill: convert: --output no: --layout single makes a package; name it no.mlpackage; see potstill convert --help'
run convert --model micro -o micro --force
exits 4; prints ''; says 'potstill: micro: exists already and is not a converted model (no potstill.json)'
ln -s "$here/../golden/micro_streaming" streaming
run convert --model streaming -o no
exits 3; prints ''
says 'potstill: streaming: a clip of 30 seconds has 1500 frames, the model has positions for 200'
run convert --model micro -o no --layout stream
exits 3; prints ''
says 'potstill: micro: is a moonshine model, which hears a clip as a whole; the layout stream is for moonshine_streaming models'
run convert --model streaming -o no --layout stream --piece 330
exits 2; prints ''
says 'potstill: pieces of 330 ms, expected a multiple of 20 up to 5000'
run convert --model streaming -o no --piece 320
exits 2; prints ''
says 'potstill: a length of pieces is for the layout stream; others hear whole clips'
ok test ! -e no

# A streaming model, whole and in pieces: the texts of the engine.
for layout in 'split --seconds 1,2,4' 'stream --seconds 4' 'stream --seconds 4 --piece 60 --target ios18'; do
    # shellcheck disable=SC2086 # words
    run convert --model streaming -o heard --precision float32 --force --layout $layout
    exits 0; prints heard; says ''
    run verify heard
    exits 0; says ''
    for clip in audio/chirp.wav audio/hum.wav; do
        run transcribe --model streaming $clip
        cp "$scratch/out" by_engine
        for device in 'mil' 'mil --decoder streaming'; do
            # shellcheck disable=SC2086
            run transcribe --model heard --device $device $clip
            exits 0; ok cmp "$scratch/out" by_engine
        done
    done
done

# Several tokens a call, with phrases as drafts: the text of the engine.
run transcribe --model micro audio/chirp.wav
cp "$scratch/out" by_engine
cp by_engine phrases.txt
for target in ios16 ios18; do
    run convert --model micro -o ahead --precision float32 --force --seconds 2,5 --target $target --ahead 4
    exits 0; prints ahead; says ''
    run verify ahead
    exits 0; says ''
    run transcribe --model ahead --device mil --phrases phrases.txt audio/chirp.wav
    exits 0; ok cmp "$scratch/out" by_engine
done
# Drafts that the folder brings: the text of the engine, also where the decoder is the engine's.
printf '%s\n  \n%s \r\nand more\n' "$(cat by_engine)" "$(cat by_engine)" >likely.txt
for more in '--ahead 4' '--with-decoder'; do
    # shellcheck disable=SC2086 # words
    run convert --model micro -o ahead --precision float32 --force --seconds 2 --drafts likely.txt $more
    exits 0; prints ahead; says ''
    ok test "$(python3 -c 'import json; print(len(json.load(open("ahead/potstill.json"))["drafts"]))')" -eq 2
    run transcribe --model ahead --device mil audio/chirp.wav
    exits 0; ok cmp "$scratch/out" by_engine
done
run convert --model micro -o no --drafts missing.txt
exits 2; prints ''; says 'potstill: missing.txt: no such file'
echo >empty.txt
run convert --model micro -o no --drafts empty.txt
exits 2; prints ''; says 'potstill: empty.txt: has no line with a text'
printf 'good\n\377\n' >bytes.txt
run convert --model micro -o no --drafts bytes.txt
exits 2; prints ''; says 'potstill: bytes.txt:2: text is not UTF-8 at byte 0'
awk 'BEGIN { for (i = 0; i < 40000; i++) print "a" i }' >many.txt
run convert --model micro -o no --drafts many.txt
exits 2; prints ''
run convert --model micro -o no.mlpackage --layout single --drafts likely.txt
exits 3; prints ''; says 'potstill: a package of the layout single decodes by itself: it has no use for drafts'
cp ahead/potstill.json index
for change in 's/"drafts": .*/"drafts": [[]],/' 's/"drafts": .*/"drafts": [[1, 999999]],/' 's/"drafts": .*/"drafts": ["x"],/' \
    's/"drafts": .*/"drafts": {"a": 1},/'; do
    python3 -c 'import json, sys; j = json.load(open("index")); d = j.pop("drafts"); print(json.dumps(dict(drafts=0, **j)).replace("\"drafts\": 0,", "\"drafts\": 0,\n"))' |
        sed "$change" >ahead/potstill.json
    run transcribe --model ahead audio/chirp.wav
    exits 3; prints ''; ok grep -q 'potstill.json: drafts\[[01]\] is not a list of tokens' "$scratch/err"
done
run convert --model micro -o no --ahead 1
exits 2; prints ''; says 'potstill: a function for 1 tokens of a text, expected 2 to 32'

# Best tokens for scores, samples in blocks: the same text, and what needs scores says how to have them.
run convert --model micro -o forms --precision float32 --seconds 2 --outputs token --input blocks
exits 0; prints forms; says ''
run verify forms
exits 0; says ''
run transcribe --model forms --device mil audio/chirp.wav
exits 0; ok cmp "$scratch/out" by_engine
for rule in '--num-beams 2' '--no-repeat-ngram-size 2'; do
    # shellcheck disable=SC2086 # words
    run transcribe --model forms --device mil $rule audio/chirp.wav
    exits 2; prints ''
    ok grep -q 'convert the model again without --outputs token' "$scratch/err"
done
run convert --model micro -o no.mlpackage --layout single --outputs token
exits 3; prints ''; ok grep -q 'single gives tokens by itself$' "$scratch/err"
run convert --model streaming -o no --seconds 1 --input blocks
exits 3; ok grep -q 'begins in float32' "$scratch/err"; prints ''

# With the decoder beside them packages only encode: one folder, beams and word times as the engine has them.
run convert --model micro --adapter adapter -o hybrid --precision float32 --seconds 2 --with-decoder
exits 0; prints hybrid; says ''
run verify hybrid
exits 0; says ''
for words in '' '--num-beams 3'; do
    # shellcheck disable=SC2086 # words
    run transcribe --model micro --adapter adapter $words audio/chirp.wav
    exits 0; cp "$scratch/out" by_engine
    # shellcheck disable=SC2086
    run transcribe --model hybrid --device mil $words audio/chirp.wav
    exits 0; ok cmp "$scratch/out" by_engine
done
# It is the decoder alone: smaller than the model, and refused by name where an encoder is wanted.
ok test "$(wc -c <hybrid/model.safetensors)" -lt "$(wc -c <micro/model.safetensors)"
ok test "$(tr -cd 'a-z.' <hybrid/model.safetensors | grep -c 'model.encoder')" -eq 0
mkdir decoder && cp hybrid/model.safetensors hybrid/*config.json hybrid/tokenizer.json decoder
alone='its checkpoint is a decoder alone, as convert --with-decoder puts it beside packages: it works with those and not without'
for words in 'transcribe audio/chirp.wav --model' 'transcribe --device cpu audio/chirp.wav --model' 'bench --model' \
    'inspect' 'merge --adapter adapter -o no --model' 'convert -o no --model'; do
    # shellcheck disable=SC2086 # words
    run $words decoder
    exits 3; prints ''; ok grep -qxF "potstill: decoder: $alone" "$scratch/err"
done
ok test ! -e no
run transcribe --device cpu --model hybrid audio/chirp.wav
exits 3; prints ''; says "potstill: hybrid: $alone"
run verify decoder
exits 3
ok grep -q '^problem: model.safetensors: has no encoder: it is the decoder that convert --with-decoder puts beside packages$' \
    "$scratch/out"
run transcribe --model micro --adapter adapter audio/chirp.wav
cp "$scratch/out" by_engine
run convert --model micro --adapter adapter -o packages --precision float32 --seconds 2
run transcribe --model packages --decoder decoder audio/chirp.wav
exits 0; ok cmp "$scratch/out" by_engine
# The same of a streaming model.
run convert --model streaming -o heard_by_both --precision float32 --seconds 2 --with-decoder
exits 0
run transcribe --model streaming audio/chirp.wav
cp "$scratch/out" by_engine
run transcribe --model heard_by_both audio/chirp.wav
exits 0; ok cmp "$scratch/out" by_engine
run convert --model micro -o hybrid --precision float32 --seconds 2 --force
exits 0; ok test ! -e hybrid/model.safetensors
cp micro/model.safetensors micro/config.json hybrid
run convert --model micro -o hybrid --seconds 2 --force # a checkpoint that nobody converted stays
exits 4; ok test -e hybrid/model.safetensors
run convert --model micro -o no.mlpackage --layout single --with-decoder
exits 3; prints ''
says 'potstill: a package of the layout single decodes by itself: it has no use for a decoder beside it'

# The sizes that are promised of the tiny model, for one length.
models=$here/../../models
if [ -f "$models/moonshine-tiny/config.json" ]; then
    size() {
        find "$@" -type f -exec wc -c {} + | awk 'END { print $1 }'
    }
    for limit in float16:56000000 int8:29000000 palette8:29000000 palette4:15000000; do
        run convert --model "$models/moonshine-tiny" -o sized --seconds 10 --force \
            --precision "${limit%%:*}"
        exits 0
        ok test "$(size sized/*.mlpackage)" -lt "${limit#*:}"
    done
    ok test "$(size sized)" -lt 17000000
else
    echo "the sizes of the tiny model are not checked: models/moonshine-tiny is not there"
fi

# Lengths and names that are wrong are said in words of the command line.
for seconds in 2.5 2,2.5 '1;2'; do
    run convert --model micro --seconds "$seconds" -o wrong
    exits 2; prints ''
    says "potstill: convert: --seconds '$seconds': expected whole numbers with commas between them; see potstill convert --help"
done
for name in wrong.mlpackage wrong.mlpackage/; do
    run convert --model micro --seconds 1 -o $name
    exits 2; prints ''
    says "potstill: convert: --output $name: --layout split makes a folder of packages; name it without .mlpackage, or make one package by --layout single; see potstill convert --help"
done
run convert --model micro --layout single --seconds 1 -o wrong/
exits 2; prints ''
says 'potstill: convert: --output wrong/: --layout single makes a package; name it wrong.mlpackage; see potstill convert --help'
ok test ! -e wrong
ok test ! -e wrong.mlpackage

finish
