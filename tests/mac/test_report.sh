# test_report.sh - scripts/mac-report.sh without a Mac: a stub for Apple's tools, the interpreter for Core ML.
#
# What is held is the logic: that every form and clip has its row, that what goes wrong is said where it went wrong and
# does not keep the rest from being tried, and that Ctrl-C leaves the report of what was done.
. "$(dirname "$0")/../cli/harness.sh"
script=$here/../../scripts/mac-report.sh
export PATH="$here:$PATH" TMPDIR="$scratch/tmp"
unset STUB_MISSING STUB_REFUSES STUB_HANGS
mkdir "$TMPDIR"
micro=$(cd micro && pwd -P)
clip=$here/../cli/audio/chirp.wav
said='inpklinik and1g'
cat >forms <<END
# two that work, and one between them
first main exact --precision float32 --seconds 2,3

second main exact --precision float32 --seconds 2,4 --target ios18 --ahead 4
END
printf 'main 2 %s %s\nmain 9 %s it does not fit\n' "$clip" "$said" "$clip" >clips
sed '$d' clips >clips_that_fit

report() { # report WORD...: runs the script with these words besides the usual ones
    ran="mac-report.sh $*"
    "$script" -o "$scratch/report.md" --program "$program" --model "$micro" --device mil --forms "$PWD/forms" \
        --clips "$PWD/clips_that_fit" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null
    code=$?
    ok test -z "$(ls -A "$TMPDIR")"
}
has() { ok grep -qF -e "$1" "$scratch/report.md"; }
lacks() { ok test -z "$(grep -F -e "$1" "$scratch/report.md")"; }
rows() { ok test "$(grep -c "$1" "$scratch/report.md")" -eq "$2"; }

# All as it should be.
report
exits 0; prints ''
has '2 forms, 2 runs: **all as expected.**'
rows '^| first | --precision float32 --seconds 2,3 | [0-9.]* | [0-9]* | no problems | 4 of 4, [0-9]* s |$' 1
rows '^| first | 2 s | - | as stored | [0-9.]* | [0-9.]* | [0-9.]* | [0-9.]* |$' 1
rows '^| second | 2 s | - | as stored |' 1
rows '^| first | encoder-2s | main | 33 | 30 | 1 | 2 | 75 % | ios16.gather 2 (cpu), ios16.cast 1 (gpu) |$' 1
has '| coremlcompiler | 0.0 (stub) |'
lacks 'What the tools said'
lacks "$scratch"

# A text that is not the stored one: said, unless precision may change it and the interpreter says the same.
sed 's/inpklinik/unpklinik/' clips_that_fit >wrong
report --clips "$PWD/wrong"
exits 1
has '**3 not as expected:**'
has "- first, 2 s, -: \"$said\"; stored is \"unpklinik and1g\", the interpreter says the same"
has "- the engine, $clip, 2 s: \"$said\"; stored is \"unpklinik and1g\""
sed 's/exact/rounded/' forms >rounded
report --clips "$PWD/wrong" --forms "$PWD/rounded"
exits 1
has '**1 not as expected:**'
has "| the interpreter's: $said |"

# A package that Apple's compiler refuses: what it says, and the texts all the same.
STUB_REFUSES=decoder-2s report
exits 1
has '- first: coremlcompiler refuses decoder-2s.mlpackage: coremlcompiler: error: decoder-2s has an operation that nobody knows'
ok grep -q '^| first .* | 3 of 4, [0-9]* s |$' "$scratch/report.md"
ok grep -q '^| second .* | 2 of 2, [0-9]* s |$' "$scratch/report.md"
has '**coremlcompiler compile first/decoder-2s.mlpackage**'
rows '| as stored |' 2

# No tool: it is said once, and the rest is tried.
STUB_MISSING=1 report
exits 1
has '- coremlcompiler is not here, so nothing was compiled by it'
rows '| not tried |$' 2
rows '| as stored |' 2
lacks 'MLComputePlan, all'

# A form that cannot be made is a row; the next one is made. So is one whose clip cannot be read.
sed 's/^first.*/first main exact --seconds 2,3 --ahead 1/' forms >bad_forms
echo 'third main exact --precision float32' >>bad_forms
report --forms "$PWD/bad_forms"
exits 1
has '- first: convert failed: potstill: a function for 1 tokens of a text, expected 2 to 32'
has '- third: its options do not name --seconds'
rows '| first | --seconds 2,3 --ahead 1 | - | - | - | \*\*not made\*\* |' 1
rows '^| second | 2 s | - | as stored |' 1
printf 'main 1 missing.flac nothing\n' >missing
report --clips "$PWD/missing"
exits 1
has '- first, 1 s, -: '
rows '^| first | 1 s | - | \*\*failed\*\* | - | - | - | - |$' 1

# The units of Core ML, where one of them hears something else.
cat >other_program <<END
#!/bin/sh
# Core ML's units by the interpreter; the GPU is hard of hearing.
case " \$* " in *" --device coreml "*) ;; *) exec "$program" "\$@" ;; esac
for word in "\$@"; do
    shift
    case \$word in
    coreml) word=mil ;;
    --compute-units | all | ane | cpu) continue ;;
    gpu) gpu=1 && continue ;;
    esac
    [ "\${last-}" != --json ] || json=\$word
    last=\$word
    set -- "\$@" "\$word"
done
"$program" "\$@" || exit
[ -z "\${gpu-}" ] || { sed 's/klinik/panik/' "\$json" >"\$json.new" && mv "\$json.new" "\$json"; }
END
chmod +x other_program
report --device coreml --program "$PWD/other_program"
exits 1
has '2 forms, 8 runs; **2 not as expected:**'
has "- first, 2 s, gpu: \"inppanik and1g\"; stored is \"$said\""
rows '| gpu | \*\*other\*\*: inppanik and1g |' 2
rows '| as stored |' 6

# Ctrl-C in the middle of a form: the report of what was done, and nothing left behind.
ran='Ctrl-C'
for signal in INT:130:Ctrl-C TERM:143:SIGTERM; do
    rm -f hangs "$scratch/report.md"
    STUB_HANGS="$PWD/decoder" python3 - "$signal" "$PWD/decoder" "$script" -o "$scratch/report.md" \
        --program "$program" --model "$micro" --device mil --forms "$PWD/forms" --clips "$PWD/clips_that_fit" <<'END'
import os, signal, subprocess, sys, time
wanted, hangs, *command = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # else it would be ignored there too
child = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
for _ in range(600):
    if os.path.exists(hangs) or child.poll() is not None:
        break
    time.sleep(0.1)
name, code, _ = wanted.split(":")
os.killpg(child.pid, getattr(signal, "SIG" + name))
sys.exit(0 if child.wait(30) == int(code) else f"ended with {child.returncode}")
END
    code=$?
    exits 0
    rm -f decoder
    has "**Ended by ${signal##*:} before all was done.**"
    has '1 forms, 1 runs: **all as expected.**'
    rows '^| first | 2 s | - | as stored |' 1
    ok test -z "$(ls -A "$TMPDIR")"
done

# Wrong words.
for words in '--device cuda' '--forms nowhere' '--model nowhere' '--what ever' '-o'; do
    # shellcheck disable=SC2086 # words
    report $words
    exits 2
done
finish
