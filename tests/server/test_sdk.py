"""The official Python client, sync, async and streaming, against the server; and the one for JavaScript beside it.

    build/sdk/venv/bin/python tests/server/test_sdk.py build/release/potstill [FOLDER_OF_NODE_MODULES]
"""

import asyncio
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest

import openai

import serving
from serving import ADAPTER, HERE, Server, wav

node_modules = None


def sound(seconds=3, seed=1):
    file = io.BytesIO(wav(seconds, 16000, seed))
    file.name = "clip.wav"
    return file


class Sdk(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.NamedTemporaryFile("w")
        cls.keys.write("right-key\n")
        cls.keys.flush()
        cls.server = Server("--adapter", "a=" + ADAPTER, "--api-key-file", cls.keys.name)
        cls.url = "http://{}:{}/v1".format(*cls.server.address)
        cls.client = openai.OpenAI(base_url=cls.url, api_key="right-key", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0
        cls.keys.close()

    def create(self, **options):
        options = {"model": "micro", "file": sound(), **options}
        return self.client.audio.transcriptions.create(**options)

    def test_formats(self):
        text = self.create().text
        self.assertTrue(text)
        self.assertEqual(self.create(response_format="text"), text + "\n")
        self.assertTrue(self.create(response_format="srt").startswith("1\n00:"))
        self.assertTrue(self.create(response_format="vtt").startswith("WEBVTT\n\n"))
        verbose = self.create(response_format="verbose_json", timestamp_granularities=["word", "segment"])
        self.assertEqual((verbose.text, verbose.language, verbose.duration), (text, "english", 3.0))
        self.assertEqual(" ".join(word.word for word in verbose.words), text)
        segment = verbose.segments[0]
        self.assertEqual(segment.text.strip(), text)
        for key in ("id", "seek", "start", "end", "tokens", "temperature", "avg_logprob", "compression_ratio",
                    "no_speech_prob"):
            self.assertIsNotNone(getattr(segment, key), key)
        self.assertNotEqual(self.create(model="a").text, text)
        self.assertEqual(self.create(model="a:0").text, text)

    def test_stream(self):
        whole = self.create(file=sound(37, 9)).text
        events = list(self.create(file=sound(37, 9), stream=True))
        self.assertEqual(events[-1].type, "transcript.text.done")
        self.assertEqual(events[-1].text, whole)
        self.assertEqual("".join(event.delta for event in events[:-1]), whole)

    def test_options(self):
        text = self.create().text
        for options in ({"temperature": 0}, {"language": "en"}, {"prompt": "Ada"}, {"chunking_strategy": "auto"}):
            self.assertEqual(self.create(**options).text, text, options)
        for options, param in (({"temperature": 0.5}, "temperature"), ({"language": "fr"}, "language"),
                               ({"include": ["logprobs"]}, "include[]"), ({"file": ("x.wav", b"none")}, "file")):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.create(**options)
            self.assertEqual(caught.exception.param, param)
        with self.assertRaises(openai.NotFoundError) as caught:
            self.create(model="nope")
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError):
            self.client.audio.translations.create(model="micro", file=sound(1))

    def test_models_and_keys(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["micro", "a"])
        self.assertEqual(self.client.models.retrieve("a").id, "a")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("b")
        with openai.OpenAI(base_url=self.url, api_key="wrong", max_retries=0) as other:
            with self.assertRaises(openai.AuthenticationError):
                other.audio.transcriptions.create(model="micro", file=sound(30))

    def test_async(self):
        expected = self.create().text

        async def run():
            async with openai.AsyncOpenAI(base_url=self.url, api_key="right-key", max_retries=0) as client:
                calls = [client.audio.transcriptions.create(model="micro", file=sound()) for _ in range(8)]
                return [reply.text for reply in await asyncio.gather(*calls)]

        self.assertEqual(asyncio.run(run()), [expected] * 8)

    def test_javascript(self):
        if not node_modules:
            self.skipTest("needs openai from npm")
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            file.write(wav(37, 16000, 9))
            file.flush()
            done = subprocess.run(["node", os.path.join(node_modules, "sdk.mjs"), self.url, file.name],
                                  stdout=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 0)
        seen, text = json.loads(done.stdout), self.create(file=sound(37, 9)).text
        self.assertEqual(seen["text"], text)
        self.assertEqual(seen["deltas"], text)
        self.assertEqual(seen["segments"], " ".join(part for part in seen["parts"]))
        self.assertEqual(seen["models"], ["micro", "a"])
        self.assertEqual(seen["errors"], [[400, "temperature", "invalid_value"], [401, None, "invalid_api_key"],
                                          [404, "model", "model_not_found"]])


if __name__ == "__main__":
    serving.program = [sys.argv[1]]
    node_modules = sys.argv[2] if len(sys.argv) > 2 else None
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Sdk)
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())
