#!/usr/bin/env python3
"""A speech server as one writes it in Python: FastAPI and uvicorn over transformers. It is what
tools/bench_servers.py measures `potstill serve` against; nobody should run it.

    tools/python_server.py MODEL PORT [ADAPTER]
"""
import io
import sys
import threading

import numpy as np
import soundfile
import soxr
import torch
import transformers
import uvicorn
from fastapi import FastAPI, Form, UploadFile

RATE_HZ = 16000
TOKENS_PER_SECOND = 6.5  # as the model card has it

folder, port, *adapters = sys.argv[1:]
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
processor = transformers.AutoProcessor.from_pretrained(folder)
model = transformers.MoonshineForConditionalGeneration.from_pretrained(folder)
if adapters:
    import peft

    model = peft.PeftModel.from_pretrained(model, adapters[0])
model.eval()
turn = threading.Lock()  # two at once on the same cores are slower together than one after the other
app = FastAPI()


@app.post("/v1/audio/transcriptions")
def transcribe(file: UploadFile, model_name: str = Form(alias="model")):
    samples, rate = soundfile.read(io.BytesIO(file.file.read()), dtype="float32", always_2d=True)
    samples = samples.mean(axis=1, dtype=np.float32)
    if rate != RATE_HZ:
        samples = soxr.resample(samples, rate, RATE_HZ)
    inputs = processor(samples, sampling_rate=RATE_HZ, return_tensors="pt", return_attention_mask=True)
    with turn, torch.inference_mode():
        limit = max(1, int(len(samples) / RATE_HZ * TOKENS_PER_SECOND) + 1)
        ids = model.generate(**inputs, do_sample=False, max_new_tokens=limit)
    return {"text": processor.batch_decode(ids, skip_special_tokens=True)[0].strip()}


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
