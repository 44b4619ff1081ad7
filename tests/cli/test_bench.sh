# test_bench.sh - what `potstill bench` writes; never how fast anything was.
. "$(dirname "$0")/harness.sh"

run bench --model micro --runs 3 --audio audio/hum.wav --lengths 0.5,1 --json b.json \
    --trace t.json --threads 2
exits 0; says ''
for words in 'load ' 'total ' 'stem ' 'encoder ' 'cross_kv ' 'decoder ' 'this machine at best'; do
    ok grep -q "^$words" "$scratch/out"
done
python3 - <<'EOF' >"$scratch/out"
import json
b = json.load(open("b.json"))
assert b["model"] == "micro" and b["adapter"] is None and b["threads"] == 2 and b["runs"] == 3
assert b["total_ms"]["min"] <= b["total_ms"]["median"] <= b["total_ms"]["p90"] <= b["total_ms"]["max"]
stages = ["stem", "encoder", "cross_kv", "decoder"]
# A stage that took no time at all was not measured.
assert all(b["stages"][s] > 0 for s in stages), b["stages"]
assert sum(b["stages"][s] for s in stages) <= 1.01 * b["total_ms"]["max"]
assert all(b["roofline"][s]["limit_ms"] >= 0 and b["roofline"][s]["gop"] > 0 for s in stages)
assert all(v > 0 for v in b["roofline"]["peak_gop_per_s"].values())
assert b["peak_rss_bytes"] > 1e6 and b["load_ms"] > 0 and b["audio_seconds"] > 0
assert [l["audio_seconds"] for l in b["lengths"]] == [0.5, 1]
t = json.load(open("t.json"))["traceEvents"]
assert {e["tid"] for e in t} <= {0, 1} and {e["ph"] for e in t} == {"X"}
assert {"stem", "encoder", "decoder"} <= {e["cat"] for e in t}
assert all(e["ts"] >= 0 and e["dur"] >= 0 for e in t)
print("whole")
EOF
prints 'whole'

# Generated sound: as many tokens as speech would have, whatever the model makes of it.
run bench --model micro --runs 1 --json g.json
exits 0; says ''
ok grep -q '"tokens": 31' g.json

# A converted model: its encoder and its decoder by whichever device; no device's limits are known.
run convert --model micro -o packages --precision float32 --seconds 2
exits 0
run transcribe --model packages audio/chirp.wav
text=$(cat "$scratch/out")
for device in '' '--device mil'; do
    # shellcheck disable=SC2086 # words
    run bench --model packages $device --runs 2 --audio audio/chirp.wav --lengths 2 --json c.json
    exits 0; says ''
    ok grep -q '^encoder .* [0-9.]*%  *-  *-  *-  *-$' "$scratch/out"
    ok grep -q '^decoder, a token: [0-9.]* ms$' "$scratch/out"
    ok test -z "$(grep -e 'at best' "$scratch/out")$(grep roofline c.json)"
    ok grep -q '^  "device": "mil",$' c.json
    ok grep -q "^  \"text\": \"$text\",\$" c.json
done
run bench --model micro --device mil --runs 1
exits 3
run bench --model packages --compute-units ane --runs 1
exits 2

run bench --model micro --adapter micro_adapter_missing --runs 1
exits 3
run bench --model micro --lengths 1,x
exits 2
run bench --model micro --lengths 1,,2
exits 2
run bench --model micro --runs 0
exits 2
run bench --model micro --audio missing.wav
exits 1
run bench --model micro extra
exits 2

finish
