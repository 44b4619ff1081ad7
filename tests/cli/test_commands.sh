# test_commands.sh - the streaming example as its README shows it: words that a trained model really hears.
. "$(dirname "$0")/harness.sh"
ln -s "$here/../../examples" examples
example=examples/commands

# heard NAME SCORE OPTIONS...: the 20 clips give the texts of expected/commands_NAME.txt, which is SCORE.
sed 's/.*"text": "\([^"]*\)".*/\1/' $example/manifest.jsonl >said.txt
heard() {
    name=$1 score=$2
    shift 2
    run transcribe --model $example "$@" $example/clips
    exits 0; says ''
    sed 's/^[^:]*: //' "$scratch/out" >heard.txt
    same texts heard.txt "$here/expected/commands_$name.txt"
    run score --ref said.txt --hyp heard.txt --format json
    exits 0; says ''
    ok grep -qF "{\"wer\": $score," "$scratch/out"
}
heard base 0.348484848484849
heard adapter 0.0606060606060606 --adapter $example/adapter

# Where no one speaks there are no words.
run transcribe --model $example audio/silence.wav audio/hum.wav
exits 0
prints 'audio/silence.wav: 
audio/hum.wav: '

finish
