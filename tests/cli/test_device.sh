# test_device.sh - from a model to packages to text: what convert makes, run by the interpreter.
#
# The packages compute what the engine computes, so texts and tokens are the same; in float32 to the
# last token of every clip, in whichever length it is heard.
. "$(dirname "$0")/harness.sh"

tokens() { # tokens FILE: the ids of each result
    sed -n 's/.*"tokens": \(\[[^]]*\]\).*/\1/p' "$1"
}

run transcribe --model micro --format jsonl audio
code_of_engine=$code
tokens "$scratch/out" > by_engine
ok test -s by_engine

# A clip of a second or two in a length of its own, and in one that is far too long for it.
for lengths in 2,4 9; do
    run convert --model micro -o packages --precision float32 --seconds $lengths --force
    exits 0
    run transcribe --model packages --format jsonl audio
    exits "$code_of_engine"
    tokens "$scratch/out" > by_packages
    ok cmp by_engine by_packages
done

# The device may be named; what cannot be done is said.
run transcribe --device mil --model packages audio/chirp.wav
exits 0; prints 'inpklinik and1g'; says ''
run transcribe --device cpu --model packages audio/chirp.wav
exits 3; prints ''
says 'potstill: packages: a converted model: the device cpu needs the model it was made from, mil runs its packages'
run transcribe --device mil --model micro audio/chirp.wav
exits 3; prints ''
says 'potstill: micro: not a converted model, expected a folder with potstill.json or a package'
# The names of the reference scripts run everywhere, with a note where something else computes.
note='(--strict-device makes this an error)'
core_ml='that is Core ML, on a Mac, for a model that potstill convert has made'
for command in transcribe 'run-stt --audio'; do
    model=--model; [ "$command" = transcribe ] || model=--model-id
    # shellcheck disable=SC2086 # words
    {
        run $command audio/chirp.wav $model micro
        cp "$scratch/out" by_cpu
        for device in cpu cpu:0 auto; do
            run $command audio/chirp.wav --device $device $model micro
            exits 0; says ''; ok cmp "$scratch/out" by_cpu
        done
        for device in cuda cuda:0; do
            run $command audio/chirp.wav --device $device $model micro
            exits 0; ok cmp "$scratch/out" by_cpu
            says "potstill: ${command%% *}: --device cuda: this program has none; computing on the CPU $note"
        done
        run $command audio/chirp.wav --device mps $model micro
        exits 0; ok cmp "$scratch/out" by_cpu
        says "potstill: ${command%% *}: --device mps: $core_ml; computing on the CPU $note"
        run $command audio/chirp.wav --device cuda $model packages
        exits 0
        says "potstill: ${command%% *}: --device cuda: this program has none; computing with the interpreter of packages (mil) $note"
        run $command audio/chirp.wav --device cuda --strict-device $model micro
        exits 4; prints ''
        run $command audio/chirp.wav --device mps --strict-device $model micro
        ok test "$code" -ge 3; prints ''
        for device in cuda: cuda:x cuda0 mil:0; do
            run $command audio/chirp.wav --device $device $model micro
            exits 2; prints ''
        done
    }
done
case $(uname) in
Darwin) ;;
*)
    run transcribe --device mps --model packages audio/chirp.wav
    exits 0; prints 'inpklinik and1g'
    says "potstill: transcribe: --device mps: $core_ml; computing with the interpreter of packages (mil) $note"
    for device in coreml 'mps --strict-device'; do
        # shellcheck disable=SC2086 # words
        run transcribe --device $device --model packages audio/chirp.wav
        exits 4; prints ''
        says 'potstill: Core ML needs macOS; the device mil runs the same packages here, the cpu the model they were made from'
    done
    ;;
esac
run transcribe --device mps --compute-units gpu --model packages audio/chirp.wav
exits 2; prints ''; says 'potstill: transcribe: --compute-units is for --device coreml'
run transcribe --model packages --adapter x audio/chirp.wav
exits 2; prints ''
says 'potstill: transcribe: an adapter cannot be put on a converted model: merge it in with potstill convert --adapter'

# Tokens, beams and rules are the engine's: by packages alone, and where they only encode for its decoder.
run convert --model micro -o packages --precision float32 --seconds 2,4 --force
exits 0
for search in '--num-beams 1' '--num-beams 3' \
    '--num-beams 2 --sequence-bias and=1 --no-repeat-ngram-size 2'; do
    # shellcheck disable=SC2086 # words
    run transcribe --model micro $search --format jsonl audio
    tokens "$scratch/out" > by_engine
    ok test -s by_engine
    for packages in 'packages' 'packages --decoder micro'; do
        # shellcheck disable=SC2086 # words
        run transcribe --device mil --model $packages $search --format jsonl audio
        exits "$code_of_engine"
        tokens "$scratch/out" > by_packages
        ok cmp by_engine by_packages
    done
done

# A checkpoint beside the packages is found without being named.
cp -R packages beside && cp -L micro/* beside/
run transcribe --model micro --num-beams 3 audio/chirp.wav
exits 0
cp "$scratch/out" beamed
ok test -s beamed
run transcribe --model beside --num-beams 3 audio/chirp.wav
exits 0; ok cmp "$scratch/out" beamed

# What --decoder and --compute-units cannot do is said.
run transcribe --model micro --decoder micro audio/chirp.wav
exits 2; prints ''; says 'potstill: a decoder is for a converted model'
run transcribe --model micro --compute-units gpu audio/chirp.wav
exits 2; prints ''; says 'potstill: compute units are for a converted model'
run transcribe --device mil --model packages --compute-units ane audio/chirp.wav
exits 2; prints ''; says 'potstill: compute units are for the device coreml'
run transcribe --model packages --decoder packages audio/chirp.wav
exits 3; prints ''
sed 's/"end": 2/"end": 3/' packages/potstill.json > index && cp index beside/potstill.json
run transcribe --model beside audio/chirp.wav
exits 3; prints ''
says 'potstill: beside: the decoder is of another model than the one that was converted'

# Rules are the engine's.
run transcribe --model micro --suppress-tokens 262 --no-repeat-ngram-size 1 audio/chirp.wav
exits 0
cp "$scratch/out" ruled
ok test -s ruled
run transcribe --model packages --suppress-tokens 262 --no-repeat-ngram-size 1 audio/chirp.wav
exits 0; ok cmp "$scratch/out" ruled

# The report of run-stt names the device.
for search in beam greedy; do
    run run-stt --model-id micro --audio audio/chirp.wav --decode $search
    grep prediction "$scratch/out" > by_engine
    ok test -s by_engine
    for packages in 'packages' 'packages --decoder micro' 'packages --device mil'; do
        # shellcheck disable=SC2086 # words
        run run-stt --model-id $packages --audio audio/chirp.wav --decode $search
        exits 0; ok grep -q '"device": "mil"' "$scratch/out"
        grep prediction "$scratch/out" > by_packages
        ok cmp by_engine by_packages
    done
done

# A package that keeps its cache itself has one row.
run convert --model micro -o packages_state --seconds 2 --target ios18 --state
exits 0
run verify packages_state
exits 0
run transcribe --model packages_state audio/chirp.wav
exits 0; ok test -s "$scratch/out"
run transcribe --model packages_state --num-beams 2 audio/chirp.wav
exits 2; prints ''
says 'potstill: transcribe: num_beams is 2: this converted model decodes greedily, with one; see potstill transcribe --help'
run live --model packages_state --num-beams 2 audio/chirp.wav
exits 2; prints ''
says 'potstill: live: num_beams is 2: this converted model decodes greedily, with one; see potstill live --help'
run run-stt --model-id packages_state --audio audio/chirp.wav
exits 2; prints ''

# As one package: clips of exactly its length, and a tokenizer from elsewhere.
run convert --model micro -o single.mlpackage --layout single --precision float32 --seconds 1 --force
exits 0
run transcribe --model single.mlpackage audio/chirp.wav
exits 3; prints ''
says 'potstill: single.mlpackage: a package of the layout single has no tokenizer, so the folder of one has to be named (processor_dir)'
run transcribe --model single.mlpackage --processor-dir micro audio/chirp.wav
exits 0
for rule in '--num-beams 2' '--suppress-tokens 5' '--max-new-tokens 1000'; do
    # shellcheck disable=SC2086 # words
    run transcribe --model single.mlpackage --processor-dir micro $rule audio/chirp.wav
    exits 2; prints ''
done
run run-stt --model-id single.mlpackage --processor-dir micro --audio audio/chirp.wav --decode greedy
exits 3; prints ''

# An index that lies.
cp packages/potstill.json index
for change in 's/"format": 1/"format": 4/' 's/"slots": [0-9]*/"slots": 1/' 's/"end": 2/"end": -1/' \
    's/"frames": [0-9]*/"frames": 7/' 's/"encoder-2s.mlpackage"/"..\/micro"/' 's/"lengths"/"length"/'; do
    sed "$change" index > packages/potstill.json
    cmp -s index packages/potstill.json && complain "nothing changed by $change"
    run transcribe --model packages audio/chirp.wav
    exits 3; prints ''
done

finish
