"""The official Python client, sync, async, streaming and realtime, against the server; and the one for JavaScript.

    build/sdk/venv/bin/python tests/server/test_sdk.py build/release/potstill [FOLDER_OF_NODE_MODULES]
"""

import asyncio
import base64
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
                               ({"include": ["logprobs"], "response_format": "text"}, "include[]"),
                               ({"file": ("x.wav", b"none")}, "file")):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.create(**options)
            self.assertEqual(caught.exception.param, param)
        with self.assertRaises(openai.NotFoundError) as caught:
            self.create(model="nope")
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError):
            self.client.audio.translations.create(model="micro", file=sound(1))

    def test_logprobs(self):
        reply = self.create(include=["logprobs"])
        self.assertEqual("".join(entry.token for entry in reply.logprobs), reply.text)
        self.assertEqual(bytes(int(b) for entry in reply.logprobs for b in entry.bytes).decode(), reply.text)
        self.assertTrue(all(entry.logprob <= 0 for entry in reply.logprobs))
        *deltas, done = self.create(include=["logprobs"], stream=True)
        self.assertEqual([entry.token for entry in done.logprobs], [entry.token for entry in reply.logprobs])
        self.assertEqual([entry.token for delta in deltas for entry in delta.logprobs],
                         [entry.token for entry in reply.logprobs])

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


    SESSION = {"type": "transcription", "audio": {"input": {"transcription": {"model": "micro"},
                                                            "turn_detection": None}}}

    def test_realtime(self):
        pcm = wav(3, 24000)[44:]
        file = io.BytesIO(wav(3, 24000))
        file.name = "clip.wav"
        expected = self.create(file=file).text
        with self.client.realtime.connect(model="a", extra_query={"intent": "transcription"}) as connection:
            created = connection.recv()
            self.assertEqual((created.type, created.session.audio.input.transcription.model), ("session.created", "a"))
            connection.session.update(session=self.SESSION)
            self.assertEqual(connection.recv().type, "session.updated")
            for turn in range(2):
                for at in range(0, len(pcm), 9600):
                    connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at:at + 9600]).decode())
                connection.input_audio_buffer.commit()
                deltas = ""
                for event in connection:
                    if event.type == "conversation.item.input_audio_transcription.delta":
                        deltas += event.delta
                    if event.type == "conversation.item.input_audio_transcription.completed":
                        break
                self.assertEqual((event.transcript, deltas), (expected, expected))
                self.assertEqual(event.usage.type, "duration")
            connection.input_audio_buffer.clear()
            self.assertEqual(connection.recv().type, "input_audio_buffer.cleared")
            connection.input_audio_buffer.commit(event_id="mine")
            event = connection.recv()
            self.assertEqual((event.type, event.error.code, event.error.event_id),
                             ("error", "input_audio_buffer_commit_empty", "mine"))

    def test_realtime_async(self):
        pcm = wav(2, 24000)[44:] + bytes(48000)

        async def speak(client):
            async with client.realtime.connect(model="micro") as connection:
                session = {**self.SESSION, "audio": {"input": {"turn_detection": {"type": "server_vad"}}}}
                await connection.session.update(session=session)
                for at in range(0, len(pcm), 4800):
                    await connection.input_audio_buffer.append(audio=base64.b64encode(pcm[at:at + 4800]).decode())
                kinds = []
                async for event in connection:
                    kinds.append(event.type.rsplit(".", 1)[-1])
                    if kinds[-1] == "completed":
                        return [kind for kind in kinds if kind != "delta"], event.transcript

        async def run():
            async with openai.AsyncOpenAI(base_url=self.url, api_key="right-key") as client:
                return await asyncio.gather(*(speak(client) for _ in range(4)))

        spoken = asyncio.run(run())
        self.assertEqual(spoken[0][0], ["created", "updated", "speech_started", "speech_stopped", "committed", "added",
                                        "done", "completed"])
        self.assertTrue(spoken[0][1])
        self.assertEqual(spoken, spoken[:1] * 4)

    def test_realtime_keys(self):
        with openai.OpenAI(base_url=self.url, api_key="wrong", max_retries=0) as other:
            with self.assertRaises(Exception) as caught:
                with other.realtime.connect(model="micro") as connection:
                    connection.recv()
        self.assertIn("401", str(caught.exception))

    def test_realtime_javascript(self):
        if not node_modules:
            self.skipTest("needs openai from npm")
        with tempfile.NamedTemporaryFile(suffix=".pcm") as file:
            file.write(wav(2, 24000)[44:])
            file.flush()
            done = subprocess.run(["node", os.path.join(node_modules, "realtime.mjs"), self.url, file.name],
                                  stdout=subprocess.PIPE, timeout=120)
        self.assertEqual(done.returncode, 0)
        clip = io.BytesIO(wav(2, 24000))
        clip.name = "clip.wav"
        text = self.create(file=clip).text
        for committed, found in json.loads(done.stdout).values():
            self.assertEqual(committed, {"text": [text], "deltas": text, "closed": 1000})
            self.assertEqual((len(found["text"]), found["closed"]), (1, 1000))


if __name__ == "__main__":
    serving.program = [sys.argv[1]]
    node_modules = sys.argv[2] if len(sys.argv) > 2 else None
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Sdk)
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())
