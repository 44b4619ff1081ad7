#!/bin/sh
# mac-report.sh - what this Mac makes of our Core ML packages, as one Markdown report to paste into an issue.
#
#     scripts/mac-report.sh [-o REPORT] [--program P] [--model M] [--device coreml|mil] [--forms F] [--clips F]
#
# `make mac` builds, fetches the tiny model and runs it. Each form of a conversion is made, verified, compiled by
# coremlcompiler, and heard: every clip by every kind of compute units, its text beside the stored one, its times
# by `potstill bench`. MLComputePlan says where operations are meant to run (tools/compute_plan.m). What goes wrong
# is a row of the report, and the rest goes on; so it does without Xcode. With --device mil the interpreter takes
# Core ML's place, on any system.
#
# --forms F: lines NAME MODEL KIND OPTIONS; MODEL is main (--model) or a folder, KIND says whether float16's
# rounding may change the text (rounded) or not (exact), OPTIONS are those of convert, --seconds
# among them.
# --clips F: lines MODEL SECONDS FILE TEXT: the first SECONDS of a WAV file (of others all), and what is said in
# them. A form hears the clips of its model that fit into it.
#
# Exit code: 0 all as expected; 1 something was not, the report says what; 2 usage; 130 ended by Ctrl-C, with the
# report of what was done.
set -u
cd "$(dirname "$0")/.."
report=build/mac-report.md
program=build/release/potstill
model=models/moonshine-tiny
device=coreml
forms=scripts/mac-forms.txt
clips=scripts/mac-clips.txt

usage() {
    echo "mac-report.sh: $1; see the head of scripts/mac-report.sh" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage "$1 needs a value"
    case $1 in
    -o) report=$2 ;;
    --program) program=$2 ;;
    --model) model=$2 ;;
    --device) device=$2 ;;
    --forms) forms=$2 ;;
    --clips) clips=$2 ;;
    *) usage "unknown option $1" ;;
    esac
    shift 2
done
case $device in
coreml) unit_list='all ane gpu cpu' ;;
mil) unit_list='-' ;;
*) usage "--device $device: expected coreml or mil" ;;
esac
[ -x "$program" ] || usage "$program is not there (make builds it)"
[ -f "$model/config.json" ] || usage "$model is not there (scripts/get-model.sh models fetches it)"
[ -r "$forms" ] || usage "$forms cannot be read"
[ -r "$clips" ] || usage "$clips cannot be read"

work=$(mktemp -d "${TMPDIR:-/tmp}/potstill-mac.XXXXXX") || exit 1
export XDG_CACHE_HOME="$work/cache" LC_ALL=C HF_HUB_OFFLINE=1
tab=$(printf '\t')
stopped=''
: >"$work/problems" >"$work/made" >"$work/heard" >"$work/plans" >"$work/details" >"$work/engine"

# ------------------------------------------------------------------------------------------------ small things

say() { echo "$*" >&2; }

# problem WHAT: a line of the report's list.
problem() {
    say "  not as expected: $1"
    printf '%s\n' "$1" >>"$work/problems"
}

# detail TITLE FILE: the end of what a tool has said.
detail() {
    {
        printf '\n**%s**\n\n```\n' "$1"
        sed "s|$work/||g" "$2" | tail -n 15
        printf '```\n'
    } >>"$work/details"
}

# number KEY FILE, text KEY FILE: of the JSON that bench writes; '-' where it is not there.
number() {
    sed -n "s/^ *\"$1\": \([0-9.]*\),*\$/\1/p" "$2" 2>/dev/null | head -n 1 | grep . || echo -
}
text() { sed -n "s/^  \"$1\": \"\(.*\)\",*\$/\1/p" "$2" | sed 's/\\"/"/g; s/\\\\/\\/g' | head -n 1; }

megabytes() { find "$1" -type f -exec cat {} + | wc -c | awk '{ printf "%.1f", $1 / 1e6 }'; }

model_of() { if [ "$1" = main ]; then echo "$model"; else echo "$1"; fi; }

# cut_clip FILE SECONDS: the name of a file with no more than that; a WAV file says its bytes a second.
cut_clip() {
    case $1 in
    *.wav)
        rate=$(od -An -tu4 -j28 -N4 "$1" | tr -d ' ')
        cut="$work/$2s-$(basename "$1")"
        [ -f "$cut" ] || head -c $((44 + rate * $2)) "$1" >"$cut"
        echo "$cut"
        ;;
    *) echo "$1" ;;
    esac
}

# ------------------------------------------------------------------------------------------------------- tools

fact() { # fact NAME COMMAND...: a row, where the command is there
    name=$1
    shift
    value=$("$@" 2>/dev/null | tr '\n' ' ' | sed 's/ *$//')
    [ -z "$value" ] || printf '| %s | %s |\n' "$name" "$value"
}

write_facts() {
    memory=$(sysctl -n hw.memsize 2>/dev/null || echo 0)
    fact Mac sysctl -n hw.model machdep.cpu.brand_string
    [ "$memory" = 0 ] || echo "| memory | $((memory / 1073741824)) GB |"
    fact macOS sw_vers -productVersion
    fact build sw_vers -buildVersion
    fact system uname -srm
    fact coremlcompiler xcrun coremlcompiler version
    fact Xcode xcodebuild -version
    fact potstill sh -c "\"$program\" --version | head -n 1"
    fact commit git rev-parse --short HEAD
    printf '| device | %s |\n' "$device"
    fact date date -u '+%Y-%m-%d %H:%M UTC'
}

find_tools() {
    compiler='' plan=''
    if ! xcrun --find coremlcompiler >"$work/said" 2>&1; then
        problem "coremlcompiler is not here, so nothing was compiled by it, and no plan was read: install Xcode (xcode-select -p has to name it)"
        return
    fi
    compiler=1
    if xcrun clang -fobjc-arc -framework Foundation -framework CoreML tools/compute_plan.m \
        -o "$work/compute_plan" >"$work/said" 2>&1; then
        plan=$work/compute_plan
    else
        problem 'tools/compute_plan.m does not compile here, so no plan was read'
        detail 'compute_plan.m' "$work/said"
    fi
}

# ------------------------------------------------------------------------------------------------------- forms

# convert_form: makes $out; a failure ends the form.
convert_form() {
    start=$(date +%s)
    # shellcheck disable=SC2086 # options
    if ! "$program" convert --model "$source" -o "$out" $options >"$work/said" 2>&1; then
        problem "$form: convert failed: $(tail -n 1 "$work/said" | sed "s|$work/||g")"
        return 1
    fi
    took=$(($(date +%s) - start))
    verified='no problems'
    "$program" verify "$out" >"$work/said" 2>&1 || {
        verified='**problems**'
        problem "$form: verify: $(grep -c '^problem' "$work/said") problems"
        detail "verify $form" "$work/said"
    }
}

# compile_form: each package by Apple's compiler, and its plan.
compile_form() {
    compiled='not tried'
    [ -n "$compiler" ] || return 0
    count=0 refused=0
    start=$(date +%s)
    for package in $(if [ -d "$out/Data" ]; then echo "$out"; else echo "$out"/*.mlpackage; fi); do
        count=$((count + 1))
        name=$(basename "$package" .mlpackage)
        mkdir -p "$work/compiled/$form"
        if xcrun coremlcompiler compile "$package" "$work/compiled/$form" >"$work/said" 2>&1 &&
            [ -d "$work/compiled/$form/$name.mlmodelc" ]; then
            read_plan "$work/compiled/$form/$name.mlmodelc" "$name"
        else
            refused=$((refused + 1))
            problem "$form: coremlcompiler refuses $name.mlpackage: $(grep . "$work/said" | tail -n 1 | sed "s|$work/||g")"
            detail "coremlcompiler compile $form/$name.mlpackage" "$work/said"
        fi
    done
    compiled="$((count - refused)) of $count, $(($(date +%s) - start)) s"
}

# read_plan MODELC NAME: what runs where, by kinds of operations.
read_plan() {
    [ -n "$plan" ] || return 0
    if "$plan" "$1" all >"$work/plan" 2>"$work/said"; then
        sed "s|^|$form$tab$2$tab|" "$work/plan" >>"$work/plans"
    else
        problem "$form: MLComputePlan of $2: $(tail -n 1 "$work/said" | sed "s|$work/||g")"
    fi
}

# hear CLIP UNITS: text and times into $work/bench.json.
hear() {
    chosen=''
    [ "$2" = - ] || chosen="--compute-units $2"
    [ "$2" != mil ] || chosen='--device mil'
    [ "$2" = mil ] || chosen="--device $device $chosen"
    [ -d "$out/Data" ] && chosen="$chosen --processor-dir $source"
    rm -f "$work/bench.json"
    # shellcheck disable=SC2086 # options
    "$program" bench --model "$out" $chosen --runs 5 --audio "$1" --json "$work/bench.json" >"$work/said" 2>&1
}

# judge UNITS: is the text of the run the stored one, or, where precision may change it, the interpreter's?
judge() {
    heard=$(text text "$work/bench.json")
    verdict='as stored'
    [ "$heard" != "$wanted" ] || return 0
    cp "$work/bench.json" "$work/of_device.json"
    if [ -z "${of_mil+x}" ]; then
        of_mil=''
        [ "$device" = mil ] && of_mil=$heard
        [ "$device" = mil ] || { hear "$cut" mil && of_mil=$(text text "$work/bench.json"); }
    fi
    cp "$work/of_device.json" "$work/bench.json"
    verdict="**other**: $heard"
    if [ "$heard" = "$of_mil" ]; then
        verdict="the interpreter's: $heard"
        [ "$kind" = rounded ] && return 0
    fi
    problem "$form, $seconds s, $1: \"$heard\"; stored is \"$wanted\"$(
        [ "$heard" = "$of_mil" ] && echo ', the interpreter says the same'
    )"
}

# hear_clip: the clip at hand by each kind of units.
hear_clip() {
    unset of_mil
    for units in $unit_list; do
        if hear "$cut" "$units"; then
            judge "$units"
            row="$verdict$tab$(number first_ms "$work/bench.json")$tab$(number encoder "$work/bench.json")$tab"
            row="$row$(number decoder_per_token "$work/bench.json")$tab$(number median "$work/bench.json")"
        else
            problem "$form, $seconds s, $units: $(tail -n 1 "$work/said" | sed "s|$work/||g")"
            row="**failed**$tab-$tab-$tab-$tab-"
        fi
        printf '%s\n' "$form$tab$seconds s$tab$units$tab$row" >>"$work/heard"
    done
}

# The longest clip that the form takes, in seconds: the last of --seconds.
longest() {
    lengths=$(printf '%s\n' "$options" | sed -n 's/.*--seconds \([0-9,]*\).*/\1/p')
    echo "${lengths##*,}"
}

run_form() {
    source=$(model_of "$of")
    out="$work/forms/$form"
    case $options in *'--layout single'*) out=$out.mlpackage ;; esac
    mkdir -p "$work/forms"
    verified='-' compiled='-' size='-' took='-'
    limit=$(longest)
    if [ -z "$limit" ]; then
        problem "$form: its options do not name --seconds"
    elif convert_form; then
        size=$(megabytes "$out")
        compile_form
        while IFS=' ' read -r clip_of seconds file wanted <&4; do
            case $clip_of in '#'* | '') continue ;; esac
            [ "$clip_of" = "$of" ] && [ "$seconds" -le "$limit" ] || continue
            cut=$(cut_clip "$file" "$seconds")
            hear_clip
        done 4<"$clips"
    else
        compiled='**not made**'
    fi
    printf '%s\n' "$form$tab$options$tab$size$tab$took$tab$verified$tab$compiled" >>"$work/made"
    rm -rf "$out" "${work:?}/compiled/$form"
}

# The C engine on the same clips: what the packages are beside.
run_engine() {
    while IFS=' ' read -r clip_of seconds file wanted <&4; do
        case $clip_of in '#'* | '') continue ;; esac
        cut=$(cut_clip "$file" "$seconds")
        if ! "$program" bench --model "$(model_of "$clip_of")" --precision f32 --runs 5 --audio "$cut" \
            --json "$work/bench.json" >"$work/said" 2>&1; then
            problem "the engine, $file, $seconds s: $(tail -n 1 "$work/said")"
            continue
        fi
        heard=$(text text "$work/bench.json")
        [ "$heard" = "$wanted" ] || problem "the engine, $file, $seconds s: \"$heard\"; stored is \"$wanted\""
        before=$(for stage in stem encoder cross_kv; do number $stage "$work/bench.json"; done |
            awk '{ sum += $1 } END { printf "%.2f", sum }')
        printf '%s\n' "$file$tab$seconds s$tab$before$tab$(number decoder_per_token "$work/bench.json")$tab$(
            number median "$work/bench.json"
        )" >>"$work/engine"
    done 4<"$clips"
}

# ------------------------------------------------------------------------------------------------------ report

# table FILE HEAD...: its lines, with tabs between, as rows; times to two digits behind the point.
table() {
    file=$1
    shift
    printf '|'
    printf ' %s |' "$@"
    printf '\n|'
    for _ in "$@"; do printf -- '---|'; done
    printf '\n'
    awk -F '\t' '{
        printf "|"
        for (i = 1; i <= NF; i++) {
            gsub(/\|/, "\\|", $i)
            if ($i ~ /^[0-9]+\.[0-9][0-9][0-9]+$/) $i = sprintf("%.2f", $i)
            printf " %s |", $i
        }
        printf "\n"
    }' "$file"
}

# A row a function: operations by device, their share of the estimated cost, and the kinds that leave the engine.
table_plans() {
    echo '| form | package | function | operations | on the Neural Engine | GPU | CPU | share of the cost on the engine | kinds elsewhere |'
    echo '|---|---|---|---|---|---|---|---|---|'
    awk -F '\t' '$5 != "none" {
        key = $1 "\t" $2 "\t" $3
        if (!(key in all)) order[++keys] = key
        all[key] += $6; on[key, $5] += $6; cost[key] += $7
        if ($5 == "ane") engine[key] += $7
        else if (n[key]++ < 8) kinds[key] = kinds[key] (kinds[key] ? ", " : "") $4 " " $6 " (" $5 ")"
    }
    END {
        for (i = 1; i <= keys; i++) {
            key = order[i]
            row = key
            gsub(/\t/, " | ", row)
            share = cost[key] > 0 ? sprintf("%.0f %%", 100 * engine[key] / cost[key]) : "-"
            printf "| %s | %d | %d | %d | %d | %s | %s |\n", row, all[key], on[key, "ane"],
                on[key, "gpu"], on[key, "cpu"], share, kinds[key] ? kinds[key] : "none"
        }
    }' "$work/plans"
}

write_report() {
    count=$(wc -l <"$work/problems" | tr -d ' ')
    echo '# Potstill on a Mac'
    echo
    printf '| | |\n|---|---|\n'
    write_facts
    echo
    [ -z "$stopped" ] || printf '**Ended by %s before all was done.**\n\n' "$stopped"
    if [ "$count" = 0 ]; then
        echo "$(wc -l <"$work/made" | tr -d ' ') forms, $(wc -l <"$work/heard" | tr -d ' ') runs: **all as expected.**"
    else
        echo "$(wc -l <"$work/made" | tr -d ' ') forms, $(wc -l <"$work/heard" | tr -d ' ') runs; **$count not as expected:**"
        echo
        sed 's/^/- /' "$work/problems"
    fi
    printf '\n## Forms\n\nSeconds are of `convert` and of the compiler, all packages of a form together.\n\n'
    table "$work/made" form 'options of convert' MB 's' verify coremlcompiler
    printf '\n## Texts and times\n\nMilliseconds, medians of 5 runs; "first" has the loading and compiling in it. A step is a token.\n\n'
    table "$work/heard" form clip units text first encoder 'a step' total
    printf '\n## The C engine on this CPU, f32\n\n'
    table "$work/engine" clip seconds encoder 'a step' total
    if [ -s "$work/plans" ]; then
        printf '\n## Where operations are meant to run\n\nBy MLComputePlan, all compute units; constants are not counted.\n\n'
        table_plans
    fi
    if [ -s "$work/details" ]; then
        printf '\n## What the tools said\n'
        cat "$work/details"
    fi
}

finish() {
    trap '' INT TERM HUP
    mkdir -p "$(dirname "$report")"
    write_report >"$report.part" && mv "$report.part" "$report"
    count=$(wc -l <"$work/problems" | tr -d ' ')
    rm -rf "$work"
    say "$report: paste it into an issue ($count not as expected)"
    [ -z "$stopped" ] || exit "$1"
    [ "$count" = 0 ]
    exit
}
trap 'stopped=Ctrl-C; finish 130' INT
trap 'stopped=SIGTERM; finish 143' TERM HUP

find_tools
run_engine
total=$(grep -c '^[a-z]' "$forms")
at=0
while IFS=' ' read -r form of kind options <&3; do
    case $form in '#'* | '') continue ;; esac
    at=$((at + 1))
    say "$at of $total: $form ($options)"
    run_form
done 3<"$forms"
finish 0
