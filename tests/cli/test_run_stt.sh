# test_run_stt.sh - the report is, byte for byte, what the reference script writes.
#
# expected/report_*.json are json.dumps() of what transformers, peft and jiwer give.
. "$(dirname "$0")/harness.sh"
ln -s "$here/../golden/adapter" adapter

awk 'BEGIN {
    print "{\"audio\": \"audio/chirp.wav\", \"text\": \"It\047s InkdgwVwm!\", \"speaker_id\": 7}"
    print ""
    print "{\"text\": \"caf\\u00e9\", \"audio\": \"audio/hum.wav\", \"more\": [1]}"
    printf "{\"audio\": {\"array\": ["
    for (i = 0; i < 1600; i++) printf "%s%.3f", i ? "," : "", i % 40 / 40 - 0.5
    print "], \"sampling_rate\": 16000}}"
}' >list.jsonl

# With --output the file has no newline at its end, standard output has one.
run run-stt --model-id micro --audio-list list.jsonl --output report.json
exits 0; prints ''; says 'potstill: word error rate 66.67%, report in report.json'
same report.json report.json "$here/expected/report_base.json"
run run-stt --model-id micro --manifest list.jsonl --device auto
exits 0; says ''
{ cat "$here/expected/report_base.json"; echo; } >"$scratch/report"
same 'standard output' "$scratch/out" "$scratch/report"

run run-stt --model-id micro --adapter-dir adapter --audio-list list.jsonl -o report.json --device cpu
exits 0; prints ''; says 'potstill: word error rate 133.33%, report in report.json'
same report.json report.json "$here/expected/report_adapter.json"
run run-stt --model-id micro --audio-list list.jsonl -o report.json --decode greedy --threads 1
exits 0
same report.json report.json "$here/expected/report_greedy.json"
run run-stt --model-id micro --audio-list list.jsonl -o report.json --no-normalize --cpu reference
exits 0
same report.json report.json "$here/expected/report_loud.json"

# The three names stand in the report as they were given.
run run-stt --model-id ./micro/ --processor-dir micro --audio audio/chirp.wav
exits 0; says ''
prints <<'END'
{
  "model_id": "./micro/",
  "adapter_dir": null,
  "processor_dir": "micro",
  "device": "cpu",
  "wer": null,
  "samples": [
    {
      "index": 0,
      "prediction": "inkdgw\ufffdv\ufffdwm",
      "reference": null,
      "audio_path": "audio/chirp.wav"
    }
  ]
}
END

# Where the script would give up, one sample has an error and the rest is done.
cat >mixed.jsonl <<'END'
{"audio": "audio/silence.wav", "text": "nothing"}
{"audio": "gone.wav"}
{"audio": [0.5, -0.5], "text": "short"}
{"audio": "audio/chirp.wav", "text": "inkdgwvwm"}
END
run run-stt --model-id micro --audio-list mixed.jsonl -o mixed.json
exits 1; prints ''
says <<'END'
potstill: audio/silence.wav: audio RMS (0) is too low to normalize safely
potstill: gone.wav: no such file
potstill: mixed.jsonl:3: the clip has 2 samples (0 ms), at least 895 (56 ms) are needed
potstill: word error rate 0.00%, report in mixed.json
END
echo >>mixed.json # the report itself ends without a newline
holds mixed.json <<'END'
{
  "model_id": "micro",
  "adapter_dir": null,
  "processor_dir": null,
  "device": "cpu",
  "wer": 0.0,
  "samples": [
    {
      "index": 0,
      "prediction": null,
      "reference": "nothing",
      "audio_path": "audio/silence.wav",
      "error": "audio/silence.wav: audio RMS (0) is too low to normalize safely"
    },
    {
      "index": 1,
      "prediction": null,
      "reference": "",
      "audio_path": "gone.wav",
      "error": "gone.wav: no such file"
    },
    {
      "index": 2,
      "prediction": null,
      "reference": "short",
      "audio_path": null,
      "error": "mixed.jsonl:3: the clip has 2 samples (0 ms), at least 895 (56 ms) are needed"
    },
    {
      "index": 3,
      "prediction": "inkdgw\ufffdv\ufffdwm",
      "reference": "inkdgwvwm",
      "audio_path": "audio/chirp.wav"
    }
  ]
}
END

# One line that is wrong is an error of its own; null stays null, and who spoke is not asked.
cat >lines.jsonl <<'END'
{"audio": "audio/chirp.wav", "audio": "audio/hum.wav", "text": "a"}
{"audio": "audio/chirp.wav", "text": null, "speaker_id": "spk-7"}
{"audio": {"array": [0.5], "sampling_rate": 44100}, "text": "kept"}
END
run run-stt --model-id micro --audio-list lines.jsonl -o lines.json
exits 1; prints ''
says <<'END'
potstill: lines.jsonl:1: column 36: duplicate object key near '"audio"'
potstill: lines.jsonl:3: audio has another "sampling_rate" than 16000; samples in a manifest are not resampled (name a file instead)
potstill: no word error rate (no sample has a text to compare with), report in lines.json
END
echo >>lines.json
holds lines.json <<'END'
{
  "model_id": "micro",
  "adapter_dir": null,
  "processor_dir": null,
  "device": "cpu",
  "wer": null,
  "samples": [
    {
      "index": 0,
      "prediction": null,
      "reference": null,
      "audio_path": null,
      "error": "lines.jsonl:1: column 36: duplicate object key near '\"audio\"'"
    },
    {
      "index": 1,
      "prediction": "inkdgw\ufffdv\ufffdwm",
      "reference": null,
      "audio_path": "audio/chirp.wav"
    },
    {
      "index": 2,
      "prediction": null,
      "reference": "kept",
      "audio_path": null,
      "error": "lines.jsonl:3: audio has another \"sampling_rate\" than 16000; samples in a manifest are not resampled (name a file instead)"
    }
  ]
}
END

# Manifests that are none, and outputs that would take an input's place.
echo old >old.json
run run-stt --model-id micro --audio-list gone.jsonl -o old.json
exits 1; prints ''
ok grep -q '^potstill: gone.jsonl: ' "$scratch/err"
echo '{"text": "no audio"}' >bad.jsonl
run run-stt --model-id micro --audio-list bad.jsonl -o old.json
exits 1; prints ''
ok grep -q '^potstill: bad.jsonl:1: ' "$scratch/err"
holds old.json old
run run-stt --model-id micro --audio-list list.jsonl -o list.jsonl
exits 2; says 'potstill: list.jsonl: is an input, and would be overwritten by --output'
cp audio/chirp.wav mine.wav
run run-stt --model-id micro --audio mine.wav -o mine.wav
exits 2; says 'potstill: mine.wav: is an input, and would be overwritten by --output'

# A device that is not here, where no other will do.
for device in 'mps --strict-device' coreml; do
    # shellcheck disable=SC2086 # words
    run run-stt --model-id micro --audio-list list.jsonl --device $device -o old.json
    exits 4; prints ''
    says "potstill: Core ML needs macOS; the device mil runs the same packages here, the cpu the model they were made from"
done
run run-stt --model-id micro --audio-list list.jsonl --device cuda --strict-device -o old.json
exits 4; prints ''
says 'potstill: run-stt: --device cuda: this program computes on the cpu, with the vector instructions it finds there, and on Apple'"'"'s devices; use --device cpu or leave the option out'
holds old.json old

# Model and adapter are checked before the first clip.
run run-stt --model-id micro --adapter-dir audio --audio-list list.jsonl
exits 3; prints ''
run run-stt --model-id nowhere --audio-list list.jsonl
exits 3; prints ''

finish
