# test_usage.sh - what is wrong on the command line is said in one line, with exit code 2.
. "$(dirname "$0")/harness.sh"

# wrong MESSAGE ARGUMENTS...: nothing on standard output, one line on standard error.
wrong() {
    message=$1
    shift
    run "$@"
    exits 2
    prints ''
    says "potstill: $message"
}

wrong 'expected a command; see potstill --help'
wrong 'unknown command frobnicate; see potstill --help' frobnicate
wrong 'unknown command transcrbe (did you mean transcribe?); see potstill --help' transcrbe
wrong 'unknown command run_stt (did you mean run-stt?); see potstill --help' run_stt x.jsonl
wrong 'unknown command imp (did you mean import?); see potstill --help' help imp
wrong 'unknown option --vers (did you mean --version?); see potstill --help' --vers
wrong 'unknown option -x; see potstill --help' -x
wrong 'unknown command ; see potstill --help' ''
wrong 'completion: unknown shell csh: expected bash|zsh|fish; see potstill completion --help' completion csh

at='; see potstill transcribe --help'
wrong "transcribe: expected FILE|DIR|- ...$at" transcribe
wrong "transcribe: unknown option --modle (did you mean --model?)$at" transcribe --modle m a.wav
wrong "transcribe: unknown option --num-beam=3 (did you mean --num-beams?)$at" transcribe --num-beam=3 x
wrong "transcribe: unknown option --out (did you mean --output?)$at" transcribe --out x a.wav
wrong "transcribe: unknown option --frobnicate$at" transcribe --frobnicate a.wav
wrong "transcribe: unknown option -q$at" transcribe -q a.wav
wrong "transcribe: --model needs a value: M$at" transcribe a.wav --model
wrong "transcribe: --output needs a value: F$at" transcribe a.wav -o
wrong "transcribe: --output '': expected F$at" transcribe --output= a.wav
wrong "transcribe: --normalize takes no value$at" transcribe --normalize=1 a.wav
formats='text|json|jsonl|srt|vtt|tsv|csv|whisper-json'
wrong "transcribe: --format 'xml': expected $formats$at" transcribe --format xml a.wav
wrong "transcribe: --format 'jso': expected $formats$at" transcribe --format=jso a.wav
wrong "transcribe: --format 'srt,xml': expected $formats$at" transcribe --format srt,xml a.wav
wrong "transcribe: --format: several formats need --output-dir$at" transcribe --format srt --format json a.wav
wrong "transcribe: --format: of text, json and jsonl alone one file holds several inputs; the others need --output-dir$at" \
    transcribe --format vtt a.wav b.wav
wrong "transcribe: --output and --output-dir: expected one of them$at" transcribe -o a.txt --output-dir out a.wav
wrong "transcribe: --max-line-count and --max-cps: expected more than 0$at" transcribe --max-cps 0 a.wav
wrong "transcribe: --decode '': expected greedy|beam$at" transcribe --decode= a.wav
wrong "transcribe: --cpu 'sse2': expected auto|reference|avx2|avx_vnni|avx512|avx512_vnni|avx512_bf16|amx|neon|neon_dotprod|neon_i8mm$at" transcribe --cpu sse2 x
for number in x -1 +1 ' 1' 1.5 2147483648 99999999999999999999 1x ''; do
    wrong "transcribe: --threads '$number': expected a whole number from 0 to 2147483647$at" \
        transcribe --threads "$number" a.wav
done
for number in x 1x nan inf 1e999 1e39 ''; do
    wrong "transcribe: --length-penalty '$number': expected a number$at" \
        transcribe --length-penalty "$number" a.wav
done
for ids in x 1,,2 1, ,1 -1 '1 2'; do
    wrong "transcribe: --suppress-tokens '$ids': expected token ids with commas between them$at" \
        transcribe --suppress-tokens "$ids" a.wav
done
wrong "transcribe: --num-beams 0: expected at least 1$at" transcribe --num-beams 0 a.wav
wrong "transcribe: --decode greedy has no use for --num-beams 2$at" \
    transcribe --decode greedy --num-beams 2 a.wav
wrong "transcribe: --decode beam needs --num-beams of at least 2$at" \
    transcribe --decode beam --num-beams 1 a.wav
wrong "transcribe: --max-new-tokens 0: expected at least 1$at" transcribe --max-new-tokens 0 a.wav
wrong "transcribe: --repetition-penalty: expected a number above 0$at" \
    transcribe --repetition-penalty 0 a.wav
for bias in word =1 word= word=x word=nan; do
    wrong "transcribe: --sequence-bias '$bias': expected TEXT=BIAS, BIAS a number$at" \
        transcribe --sequence-bias "$bias" a.wav
done
for seconds in 0.5 -1 21601; do
    wrong "transcribe: --window: expected 0 or a number of seconds from 1 to 21600$at" \
        transcribe --window $seconds a.wav
done

at='; see potstill run-stt --help'
wrong "run-stt: --model-id M is required$at" run-stt --audio-list x.jsonl
wrong "run-stt: expected either --audio-list F or --audio FILE$at" run-stt --model-id micro
wrong "run-stt: expected either --audio-list F or --audio FILE$at" \
    run-stt --model-id micro --audio a.wav --manifest x.jsonl
wrong "run-stt: unexpected argument 'a.wav'$at" run-stt --model-id micro a.wav
wrong "run-stt: --device 'tpu': expected auto|cpu|mil|coreml|mps|cuda$at" run-stt --device tpu

wrong 'score: --hyp F is required; see potstill score --help' score --ref x
wrong 'score: --ref F is required; see potstill score --help' score
wrong 'inspect: expected PATH; see potstill inspect --help' inspect
wrong "inspect: unexpected argument 'b'; see potstill inspect --help" inspect a b
wrong 'import: expected SOURCE_DIR|NAME; see potstill import --help' import
wrong 'pull: expected ID ...; see potstill pull --help' pull
wrong "transcribe: --offline takes no value; see potstill transcribe --help" transcribe --offline=1 x

# An option after "--" is a file; "-" is standard input, not an option.
run transcribe --model micro -- --model
exits 1; prints ''
ok grep -q '^potstill: --model: ' "$scratch/err"

finish
