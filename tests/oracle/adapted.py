"""An adapted model, unmerged on both sides: stages and texts against PEFT."""

import reference
import torch
from compare import check_decoding, check_stages

SCRIPT = {"num_beams": 5, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2,
          "early_stopping": True, "max_new_tokens": 40}
ASKED = [("city_20_5", {}), ("city_20_5", SCRIPT), ("beckett_1", {"max_new_tokens": 20})]
STEPS = 16


def check_adapter(name, folder, engine, model_dir, clips, peft_folder=None):
    """Tokens of each question. `folder` may be a list of folders with weights; PEFT reads `peft_folder`
    in its place, where there is one."""
    load = reference.load_several if isinstance(folder, list) else reference.load
    model = load(model_dir, peft_folder or folder)
    exact = load(model_dir, peft_folder or folder, torch.float64)
    audio = clips["city_20_5"]
    asked = [(clips[clip], options) for clip, options in ASKED]
    answers = engine.decode(model_dir, asked, adapter=folder)
    forced = answers[0]["tokens"][:STEPS]
    check_stages(name, engine.stages(model_dir, audio, forced, adapter=folder),
                 reference.stages(model, audio, forced), reference.stages(exact, audio, forced))
    for number, (question, ours) in enumerate(zip(asked, answers)):
        check_decoding(f"{name}-{number}", ours, model, exact, *question)
    return [ours["tokens"] for ours in answers]
