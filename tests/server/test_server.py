"""The server as clients meet it, those that behave and those that do not.

    python3 tests/server/test_server.py GROUP PROGRAM [EMULATOR]
"""

import base64
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import serving
from serving import ADAPTER, BOUNDARY, EXACT, GOLDEN, MICRO, PATH, TYPE, Server, form, head, read_all, status_of, wav

CLIP = wav(3)
BODY = form([("model", "micro")], CLIP)


def cli_text(sound, *arguments, output_format="text"):
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(sound)
        file.flush()
        code, out, err = serving.run("transcribe", "--model", MICRO, "--no-cache", *EXACT, "--format", output_format,
                                     *arguments, file.name)
    assert code == 0, err
    return out


class Api(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--alias", "whisper-1", "--max-upload-mib", "2", "--max-audio-seconds", "50")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def test_texts_are_those_of_transcribe(self):
        for sound in CLIP, wav(1, 8000, 5), wav(37, 16000, 9):
            for name, kind in ("text", "text/plain"), ("srt", "text/plain"), ("vtt", "text/vtt"):
                reply = self.server.transcribe(sound, [("response_format", name)])
                self.assertEqual(reply.status, 200, reply.body)
                self.assertIn(kind, reply.headers["Content-Type"])
                self.assertEqual(reply.body.decode(), cli_text(sound, output_format=name))
            reply = self.server.transcribe(sound)
            self.assertEqual(reply.json()["text"] + "\n", cli_text(sound))
            self.assertEqual(reply.json()["usage"]["type"], "duration")

    def test_verbose_json_has_all_keys(self):
        sound = wav(37, 16000, 9)
        expected = json.loads(cli_text(sound, output_format="whisper-json"))
        reply = self.server.transcribe(sound, [("response_format", "verbose_json")]).json()
        self.assertEqual(reply["language"], "english")
        self.assertAlmostEqual(reply["duration"], 37, places=3)
        self.assertGreater(len(reply["segments"]), 1)
        for given, wanted in zip(reply["segments"], expected["segments"]):
            self.assertEqual(sorted(given), sorted(["id", "seek", "start", "end", "text", "tokens", "temperature",
                                                    "avg_logprob", "compression_ratio", "no_speech_prob"]))
            for key in "id", "seek", "start", "end", "text", "tokens", "avg_logprob":
                self.assertEqual(given[key], wanted[key])
            for key in "avg_logprob", "compression_ratio", "no_speech_prob", "temperature":
                self.assertIsInstance(given[key], float)
        self.assertNotIn("words", reply)

    def test_granularities(self):
        fields = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word")]
        words = self.server.transcribe(CLIP, fields).json()
        self.assertNotIn("segments", words)
        self.assertEqual(sorted(words["words"][0]), ["end", "start", "word"])
        both = self.server.transcribe(CLIP, fields + [("timestamp_granularities[]", "segment")]).json()
        self.assertEqual(both["words"], words["words"])
        self.assertEqual(len(both["segments"]), 1)

    def test_stream(self):
        sound = wav(37, 16000, 9)
        reply = self.server.transcribe(sound, [("stream", "true")])
        self.assertEqual(reply.headers["Content-Type"], "text/event-stream")
        events = [json.loads(line[6:]) for line in reply.body.decode().split("\n\n") if line]
        self.assertEqual(events[-1]["type"], "transcript.text.done")
        self.assertTrue(all(e["type"] == "transcript.text.delta" for e in events[:-1]))
        self.assertGreater(len(events), 2)
        self.assertEqual("".join(e["delta"] for e in events[:-1]), events[-1]["text"])
        self.assertEqual(events[-1]["text"] + "\n", cli_text(sound))
        refused = self.server.transcribe(b"no sound", [("stream", "true")])
        self.assertEqual((refused.status, refused.error["param"]), (400, "file"))

    def test_logprobs(self):
        for sound in CLIP, wav(37, 16000, 9):
            plain = self.server.transcribe(sound).json()
            self.assertNotIn("logprobs", plain)
            reply = self.server.transcribe(sound, [("include[]", "logprobs")]).json()
            entries = reply.pop("logprobs")
            self.assertEqual(reply, plain)
            self.assertEqual("".join(entry["token"] for entry in entries), plain["text"])
            self.assertEqual(bytes(b for entry in entries for b in entry["bytes"]).decode(), plain["text"])
            stream = self.server.transcribe(sound, [("include[]", "logprobs"), ("stream", "true")])
            *deltas, done = [json.loads(line[6:]) for line in stream.body.decode().split("\n\n") if line]
            self.assertEqual(done["logprobs"], entries)
            self.assertEqual([entry for delta in deltas for entry in delta["logprobs"]], entries)
            for delta in deltas:
                self.assertEqual("".join(entry["token"] for entry in delta["logprobs"]), delta["delta"])
            self.assertTrue(all(entry["logprob"] <= 0 for entry in entries))

    def test_wrong_fields_are_named(self):
        cases = [
            ([("response_format", "diarized_json")], 400, "response_format", "invalid_value"),
            ([("response_format", "")], 400, "response_format", "invalid_value"),
            ([("temperature", "0.2")], 400, "temperature", "invalid_value"),
            ([("temperature", "zero")], 400, "temperature", "invalid_value"),
            ([("language", "fr")], 400, "language", "invalid_value"),
            ([("stream", "yes")], 400, "stream", "invalid_value"),
            ([("stream", "true"), ("response_format", "srt")], 400, "stream", "invalid_value"),
            ([("timestamp_granularities[]", "word")], 400, "timestamp_granularities", "invalid_value"),
            ([("timestamp_granularities[]", "line")], 400, "timestamp_granularities", "invalid_value"),
            ([("chunking_strategy", '{"type":"server_vad"}')], 400, "chunking_strategy", "invalid_value"),
            ([("include[]", "words")], 400, "include[]", "invalid_value"),
            ([("include[]", "logprobs"), ("response_format", "verbose_json")], 400, "include[]", "invalid_value"),
            ([("keywords[]", "a")], 400, "keywords[]", "unsupported_parameter"),
            ([("colour", "red")], 400, None, "unknown_parameter"),
            ([("file", "name.wav")], 400, "file", "invalid_value"),
            ([("prompt", "x" * 70000)], 400, None, "invalid_value"),
            ([("model", "nope")], 404, "model", "model_not_found"),
        ]
        for fields, status, param, code in cases:
            reply = self.server.transcribe(CLIP, fields)
            self.assertEqual((reply.status, reply.error["param"], reply.error["code"]), (status, param, code), fields)
            self.assertEqual(sorted(reply.error), ["code", "message", "param", "type"])
        for fields in ([("temperature", "0")], [("temperature", "0.0")], [("language", "en")],
                       [("chunking_strategy", "auto")], [("stream", "false")]):
            self.assertEqual(self.server.transcribe(CLIP, fields).status, 200)
        reply = self.server.transcribe(CLIP, [("prompt", "Names: Ada")])
        self.assertEqual((reply.status, reply.headers["X-Potstill-Ignored"]), (200, "prompt"))

    def test_wrong_bodies(self):
        whole = form([("model", "micro")], CLIP)
        cases = [
            (form([("model", "micro")]), TYPE, "missing_required_parameter"),
            (form([], CLIP), TYPE, "missing_required_parameter"),
            (whole[:-10], TYPE, "invalid_value"),
            (whole, "multipart/form-data", "invalid_value"),
            (whole, "multipart/form-data; boundary=" + "x" * 71, "invalid_value"),
            (whole, "multipart/form-data; boundary=other", "invalid_value"),
            (whole, "application/json", "invalid_value"),
            (b"", TYPE, "invalid_value"),
            (whole.replace(b"form-data; name", b"inline; name", 1), TYPE, "invalid_value"),
            (whole.replace(b'name="file"', b'name="sound"'), TYPE, "unknown_parameter"),
            (whole.replace(b"\r\n\r\nmicro", b"\r\nX: " + b"y" * 5000 + b"\r\n\r\nmicro"), TYPE, "invalid_value"),
            (form([("model", "micro")] * 70, CLIP), TYPE, "invalid_value"),
            (form([("model", "micro")], b""), TYPE, "invalid_value"),
            (form([("model", "micro")], CLIP[:30]), TYPE, "invalid_value"),
            (form([("model", "micro")], wav(51)), TYPE, "invalid_value"),
        ]
        for body, kind, code in cases:
            reply = self.server.ask("POST", PATH, body, {"Content-Type": kind})
            self.assertEqual((reply.status, reply.error["code"]), (400, code), (body[:60], kind))
        self.assertIn("longer than 50 seconds", reply.error["message"])
        name = "a" * 300
        self.assertEqual(self.server.transcribe(CLIP, filename=name).status, 400)
        self.assertEqual(self.server.transcribe(CLIP, filename="../../etc/x").status, 200)

    def test_other_addresses(self):
        ask = self.server.ask
        self.assertEqual(ask("GET", "/healthz").body, b"ok\n")
        self.assertEqual(ask("GET", "/readyz").body, b"ready\n")
        self.assertEqual(ask("HEAD", "/healthz").body, b"")
        listed = ask("GET", "/v1/models").json()
        self.assertEqual([m["id"] for m in listed["data"]], ["micro"])
        self.assertEqual(ask("GET", "/v1/models/micro").json()["object"], "model")
        self.assertEqual(ask("GET", "/v1/models/other").status, 404)
        self.assertEqual(ask("GET", "/nothing").status, 404)
        reply = ask("GET", PATH)
        self.assertEqual((reply.status, reply.headers["Allow"]), (405, "POST"))
        self.assertEqual(ask("POST", "/v1/audio/translations", form([], CLIP), {"Content-Type": TYPE}).status, 413)
        self.assertEqual(ask("POST", "/v1/audio/translations", b"x").error["message"],
                         "this model does not translate")
        text = ask("GET", "/metrics").body.decode()
        self.assertIn("\npotstill_requests_total{code=\"200\"} ", text)
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) potstill_\w+ .+|potstill_\w+(\{\w+="[^"]*"\})? [-+.e0-9]+)$')

    def test_ids(self):
        self.assertEqual(self.server.transcribe(CLIP, headers={"X-Request-Id": "abc.1-2_3"}).headers["X-Request-Id"],
                         "abc.1-2_3")
        line = self.server.wait_for_line(lambda l: l["request_id"] == "abc.1-2_3")
        self.assertEqual((line["status"], line["model"], line["audio_seconds"]), (200, "micro", 3.0))
        for odd in "a b", "x" * 65, 'a"b':
            self.assertTrue(self.server.ask("GET", "/healthz", headers={"X-Request-Id": odd}).headers["X-Request-Id"]
                            .startswith("req_"))

    def test_alias_and_keep_alive(self):
        import http.client
        connection = http.client.HTTPConnection(*self.server.address, timeout=60)
        for _ in range(3):
            connection.request("POST", PATH, form([("model", "whisper-1")], CLIP), {"Content-Type": TYPE})
            response = connection.getresponse()
            self.assertEqual(response.status, 200)
            response.read()
        connection.close()


class Page(unittest.TestCase):
    def test_the_page_needs_no_key_and_loads_nothing(self):
        with tempfile.NamedTemporaryFile("w") as keys:
            keys.write("secret-key\n")
            keys.flush()
            with Server("--api-key-file", keys.name) as server:
                reply = server.ask("GET", "/")
                head = server.ask("HEAD", "/")
                worklet = server.ask("GET", "/microphone.js")
                self.assertEqual(server.ask("POST", "/", b"").status, 405)
        page = reply.body.decode()
        self.assertEqual((reply.status, reply.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertEqual((head.status, head.body, head.headers["Content-Length"]), (200, b"", str(len(reply.body))))
        self.assertEqual(worklet.headers["Content-Type"], "text/javascript; charset=utf-8")
        self.assertIn("registerProcessor", worklet.body.decode())
        self.assertNotIn("{{", page)
        self.assertNotRegex(page, r"""(?:src|href|action)=["'](?!data:,|#)""")
        self.assertNotRegex(page, r"<[^>]+ (?:style|on[a-z]+)=")
        self.assertNotIn("https://", page)

    def test_the_policy_is_that_of_its_script_and_style(self):
        with Server() as server:
            reply = server.ask("GET", "/")
        page, policy = reply.body.decode(), reply.headers["Content-Security-Policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        for name, rule in ("script", "script-src"), ("style", "style-src"):
            content = re.search(f"<{name}>(.*?)</{name}>", page, re.DOTALL)[1]
            digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
            self.assertIn(f"'sha256-{digest}'", rules[rule].split())
        self.assertEqual(rules["default-src"], "'none'")
        self.assertEqual(rules["connect-src"], "'self'")
        self.assertEqual(rules["frame-ancestors"], "'none'")
        self.assertNotIn("unsafe", policy)
        self.assertEqual(reply.headers["X-Content-Type-Options"], "nosniff")


class OpenApi(unittest.TestCase):
    """The description says what the server has: no more, no less."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.described = cls.server.ask("GET", "/openapi.json").json()
        cls.schemas = cls.described["components"]["schemas"]

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    @staticmethod
    def source(name):
        with open(os.path.join(serving.HERE, "..", "..", "cli", name)) as file:
            return file.read()

    def test_routes(self):
        routes = re.findall(r'{"(GET|POST)", "([^"]+)", ROUTE_', self.source("http/routes.c"))
        here = {(method, path + "{model}" if path.endswith("/models/") else path) for method, path in routes}
        told = {(method.upper(), path) for path, item in self.described["paths"].items() for method in item
                if method != "parameters"}
        self.assertEqual(told, here)
        for method, path in told:
            body = b"" if method == "POST" else None
            status = self.server.ask(method, path.replace("{model}", "micro"), body).status
            self.assertNotIn(status, (404, 405), path)
            self.assertIn(str(status), self.described["paths"][path][method.lower()]["responses"], path)

    def test_fields(self):
        table = re.search(r"} fields\[\] = {(.*?)};", self.source("serve/transcription_form.c"), re.DOTALL)[1]
        form_schema = self.schemas["TranscriptionForm"]
        self.assertEqual(set(form_schema["properties"]), set(re.findall(r'{"([^"]+)",', table)))
        for name in form_schema["properties"]["response_format"]["enum"]:
            self.assertEqual(self.server.transcribe(CLIP, [("response_format", name)]).status, 200)

    def check(self, value, schema):
        """The little of JSON Schema that replies are described with."""
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"].rpartition("/")[2]]
        if "const" in schema:
            self.assertEqual(value, schema["const"])
        types = {"object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "null": type(None)}
        kinds = schema.get("type", list(types))
        kinds = [kinds] if isinstance(kinds, str) else kinds
        self.assertTrue(any(isinstance(value, types[kind]) for kind in kinds), (value, kinds))
        for key in schema.get("required", []):
            self.assertIn(key, value)
        if "properties" in schema:
            self.assertLessEqual(set(value), set(schema["properties"]))
            for key, one in value.items():
                self.check(one, schema["properties"][key])
        for one in value if "items" in schema else []:
            self.check(one, schema["items"])

    def test_replies(self):
        verbose = [("response_format", "verbose_json"), ("timestamp_granularities[]", "word"),
                   ("timestamp_granularities[]", "segment")]
        for name, reply in (("ModelList", self.server.ask("GET", "/v1/models")),
                            ("Model", self.server.ask("GET", "/v1/models/micro")),
                            ("Error", self.server.ask("GET", "/v1/models/none")),
                            ("Transcription", self.server.transcribe(CLIP)),
                            ("VerboseTranscription", self.server.transcribe(CLIP, verbose))):
            self.check(reply.json(), self.schemas[name])
        events = self.server.transcribe(CLIP, [("stream", "true")]).body.decode().split("\n\n")
        for event in filter(None, events):
            event = json.loads(event[6:])
            schema = [one for one in self.schemas["StreamEvent"]["oneOf"]
                      if one["properties"]["type"]["const"] == event["type"]]
            self.check(event, schema[0])


class Containers(unittest.TestCase):
    def test_ffmpeg_reads_what_it_is_handed(self):
        with tempfile.TemporaryDirectory() as folder:
            clip, program = os.path.join(folder, "clip.wav"), os.path.join(folder, "ffmpeg")
            with open(clip, "wb") as file:
                file.write(CLIP)
            with open(program, "w") as file:
                file.write(f'#!/bin/sh\n[ "$(cat /dev/fd/0)" = "no sound" ] && cat "{clip}"\n')
            os.chmod(program, 0o755)
            kept = serving.environment["PATH"]
            serving.environment["PATH"] = folder + ":" + kept
            try:
                with Server("--ffmpeg") as server:
                    reply = server.transcribe(b"no sound", filename="talk.m4a")
                    self.assertEqual((reply.status, reply.json()["text"] + "\n"), (200, cli_text(CLIP)))
                    self.assertEqual(server.transcribe(b"other").error["param"], "file")
                    self.assertEqual(server.transcribe(CLIP).status, 200)
                with Server() as server:
                    self.assertEqual(server.transcribe(b"no sound").error["param"], "file")
                self.assertEqual(serving.run("serve", "--model", MICRO, "--ffmpeg", "--sandbox")[0], 2)
                serving.environment["PATH"] = "/nowhere"
                code, _, err = serving.run("serve", "--model", MICRO, "--no-cache", "--ffmpeg", "--port", "0")
                self.assertEqual((code, err), (4, "potstill: --ffmpeg: this program is not on the PATH\n"))
            finally:
                serving.environment["PATH"] = kept

    @unittest.skipUnless(shutil.which("ffmpeg"), "needs ffmpeg")
    def test_the_real_one(self):
        with tempfile.TemporaryDirectory() as folder, Server("--ffmpeg") as server:
            source = os.path.join(folder, "clip.wav")
            with open(source, "wb") as file:
                file.write(CLIP)
            for name in "clip.m4a", "clip.mka":  # the index of the first is behind its sound
                path = os.path.join(folder, name)
                done = subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-i", source, "-ar", "16000",
                                       path], stderr=subprocess.PIPE)
                if done.returncode:
                    continue
                with open(path, "rb") as file:
                    reply = server.transcribe(file.read(), filename=name)
                self.assertEqual(reply.status, 200, reply.body)
                code, out, err = serving.run("transcribe", "--model", MICRO, "--no-cache", *EXACT, path)
                self.assertEqual((code, reply.json()["text"] + "\n"), (0, out), err)


class Keys(unittest.TestCase):
    def test_keys(self):
        with tempfile.TemporaryDirectory() as folder:
            keys, admin = os.path.join(folder, "keys"), os.path.join(folder, "admin")
            with open(keys, "w") as file:
                file.write("# ours\n\n  first-key \nsecond-key\n")
            with open(admin, "w") as file:
                file.write("admin-key\n")
            with Server("--api-key-file", keys, "--admin-key-file", admin) as server:
                self.check(server, keys)

    def check(self, server, keys):
        def status(authorization, path="/v1/models"):
            headers = {"Authorization": authorization} if authorization else {}
            return server.ask("GET", path, headers=headers).status

        for right in "Bearer first-key", "Bearer second-key", "bearer first-key":
            self.assertEqual(status(right), 200)
        for wrong in (None, "Bearer", "Bearer ", "Bearer first-ke", "Bearer first-keyy", "Basic first-key",
                      "first-key", "Bearer # ours", "Bearer admin-key"):
            self.assertEqual(status(wrong), 401, wrong)
        reply = server.transcribe(CLIP)
        self.assertEqual((reply.status, reply.error["code"]), (401, "invalid_api_key"))
        self.assertEqual(server.transcribe(CLIP, headers={"Authorization": "Bearer first-key"}).status, 200)
        self.assertEqual(status(None, "/healthz"), 200)
        self.assertEqual(status(None, "/metrics"), 200)
        load = server.ask("POST", "/v1/load_lora_adapter", b"{}", {"Authorization": "Bearer first-key"})
        self.assertEqual(load.status, 401)
        load = server.ask("POST", "/v1/load_lora_adapter", b"{}", {"Authorization": "Bearer admin-key"})
        self.assertEqual(load.status, 400)
        with open(keys, "w") as file:
            file.write("third-key\n")
        server.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 20
        while status("Bearer third-key") != 200 and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual((status("Bearer third-key"), status("Bearer first-key")), (200, 401))

    def test_the_public_needs_a_key(self):
        code, _, err = serving.run("serve", "--model", MICRO, "--no-cache", "--host", "0.0.0.0", "--port", "0")
        self.assertEqual(code, 2)
        self.assertIn("--api-key-file", err)
        code, _, err = serving.run("serve", "--model", MICRO, "--no-cache", "--api-key-file", "/nowhere")
        self.assertEqual(code, 2, err)
        with Server("--host", "0.0.0.0", "--insecure") as server:
            server.address = ("127.0.0.1", server.address[1])
            self.assertEqual(server.ask("GET", "/v1/models").status, 200)
            self.assertEqual(server.ask("POST", "/v1/unload_lora_adapter", b"{}").status, 403)


class Adapters(unittest.TestCase):
    def test_by_name(self):
        with Server("--adapter", "a=" + ADAPTER, "--adapter", f"half={ADAPTER}/:0.5") as server:
            def text(model):
                reply = server.transcribe(CLIP, model=model)
                self.assertEqual(reply.status, 200, reply.body)
                return reply.json()["text"] + "\n"

            base, whole = cli_text(CLIP), cli_text(CLIP, "--adapter", ADAPTER)
            half = cli_text(CLIP, "--adapter", ADAPTER + ":0.5")
            self.assertNotEqual(base, whole)
            both = cli_text(CLIP, "--adapter", ADAPTER, "--adapter", ADAPTER + ":0.25")
            expected = {"micro": base, "a": whole, "half": half, "a:0.5": half, "half:2": whole, "a+half:0.5": both}
            for _ in range(2):
                for model, wanted in expected.items():
                    self.assertEqual(text(model), wanted, model)
            for wrong, status in ("a:x", 400), ("a+", 404), ("+", 404), ("micro+a", 404), ("a" + "+a" * 8, 400), \
                                 ("A", 404):
                self.assertEqual(server.transcribe(CLIP, model=wrong).status, status, wrong)
            listed = {m["id"]: m for m in server.ask("GET", "/v1/models").json()["data"]}
            self.assertEqual(sorted(listed), ["a", "half", "micro"])
            self.assertEqual((listed["a"]["parent"], listed["a"]["root"]), ("micro", "adapter"))
            self.assertEqual(listed["half"]["root"], "adapter", "where it lies is nobody's business")

    def test_hot(self):
        """On and off while requests use it: each has the text of the adapter, or is told that it is not there."""
        with tempfile.TemporaryDirectory() as folder:
            shelf, admin = os.path.join(folder, "shelf"), os.path.join(folder, "admin")
            os.makedirs(os.path.join(shelf, "there"))
            for name in os.listdir(ADAPTER):
                os.link(os.path.abspath(os.path.join(ADAPTER, name)), os.path.join(shelf, "there", name))
            os.symlink(os.path.abspath(ADAPTER), os.path.join(shelf, "link"))
            os.mkdir(os.path.join(shelf, "empty"))
            with open(admin, "w") as file:
                file.write("k\n")
            with Server("--adapter-dir", shelf, "--admin-key-file", admin) as server:
                self.hammer(server)

    def change(self, server, call, **body):
        return server.ask("POST", f"/v1/{call}_lora_adapter", json.dumps(body), {"Authorization": "Bearer k"})

    def hammer(self, server):
        expected, seen, problems, over = cli_text(CLIP, "--adapter", ADAPTER), [], [], threading.Event()

        def ask():
            while not over.is_set():
                reply = server.transcribe(CLIP, model="there")
                seen.append(reply.status)
                if reply.status == 200 and reply.json()["text"] + "\n" != expected:
                    problems.append(reply.body)
                elif reply.status not in (200, 404):
                    problems.append(reply.body)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(30):
            self.assertEqual(self.change(server, "unload", lora_name="there").status, 200)
            self.assertEqual(self.change(server, "load", lora_name="there").status, 200)
        over.set()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertIn(200, seen)
        for name in "link", "empty", "missing", "../shelf", "there/", "", "micro", ".":
            self.assertEqual(self.change(server, "load", lora_name=name).status, 400, name)
        self.assertEqual(self.change(server, "load", lora_name="other", lora_path="there").status, 200)
        self.assertEqual(self.change(server, "load", lora_name="x", lora_path="/etc").status, 400)
        self.assertEqual(self.change(server, "unload", lora_name="missing").status, 404)
        self.assertEqual(self.change(server, "load").status, 400)


class PassedSocket(unittest.TestCase):
    """As systemd does it: the socket is there before the server, and stays when it ends."""

    @staticmethod
    def send(path):
        client = socket.create_connection(path) if isinstance(path, tuple) else socket.socket(socket.AF_UNIX)
        if not isinstance(path, tuple):
            client.connect(path)
        client.sendall(head(len(BODY), "Connection: close\r\n") + BODY)
        return client

    def test_connections_wait_for_the_server(self):
        with socket.create_server(("127.0.0.1", 0)) as door:
            for _ in range(2):  # the second is one that takes its place
                client = self.send(door.getsockname())
                with Server(listening=door) as server:
                    self.assertEqual(server.address, door.getsockname())
                    self.assertEqual(status_of(read_all(client)), 200)
                client.close()

    def test_a_socket_of_the_disk(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as door:
            path = os.path.join(folder, "door")
            door.bind(path)
            door.listen()
            with Server(listening=door) as server:
                self.assertEqual(server.address, ("unix", path))
                client = self.send(path)
                self.assertEqual(status_of(read_all(client)), 200)
                client.close()

    def test_what_is_none_is_refused(self):
        with socket.socket() as unbound, tempfile.TemporaryFile() as file:
            for passed in unbound, file:
                with self.assertRaisesRegex(AssertionError, "expected descriptor 3 to be a socket that listens"):
                    Server(listening=passed)
        with socket.create_server(("0.0.0.0", 0)) as door:
            with self.assertRaisesRegex(AssertionError, "can be reached by others"):
                Server(listening=door)


def told(manager):
    manager.settimeout(30)
    return dict(line.split("=", 1) for line in manager.recv(4096).decode().split("\n"))


def follow_a_service(test, manager, name, *arguments):
    server, last = Server(*arguments, variables={"NOTIFY_SOCKET": name}), signal.SIGTERM
    try:
        test.assertEqual(told(manager)["READY"], "1")
        test.assertEqual(server.ask("GET", "/readyz").status, 200)
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        server.process.send_signal(signal.SIGHUP)
        words = told(manager)
        test.assertEqual(words["RELOADING"], "1")
        test.assertLess(abs(int(words["MONOTONIC_USEC"]) / 1e6 - before), 30)
        test.assertEqual(told(manager)["READY"], "1")
        server.process.send_signal(last)
        last = None
        test.assertEqual(told(manager)["STOPPING"], "1")
    finally:
        test.assertEqual(server.stop(last), 0)


class ServiceManager(unittest.TestCase):
    """What systemd is told, by a socket of the test's own."""

    def test_what_is_told(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(folder, "notify")
            manager.bind(path)
            follow_a_service(self, manager, path)

    @unittest.skipUnless(sys.platform == "linux", "such names are Linux's")
    def test_a_socket_in_no_folder(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            name = f"potstill-test-{os.getpid()}"
            manager.bind("\0" + name)
            follow_a_service(self, manager, "@" + name)

    def test_nobody_there(self):
        for name in "/nowhere/notify", "here", "@", "/" + "x" * 200:
            with Server(variables={"NOTIFY_SOCKET": name}) as server:
                self.assertIn("NOTIFY_SOCKET", server.talk[0])
                self.assertEqual(server.ask("GET", "/readyz").status, 200)


def has_landlock():
    import ctypes
    return sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0


class Sandbox(unittest.TestCase):
    """--sandbox: the service goes on, and what is outside is refused."""

    def setUp(self):
        if not has_landlock():
            self.skipTest("this kernel has no Landlock")

    def test_it_serves(self):
        with tempfile.TemporaryDirectory() as folder:
            adapters, keys = os.path.join(folder, "adapters"), os.path.join(folder, "keys")
            shutil.copytree(ADAPTER, os.path.join(adapters, "one"))
            with open(keys, "w") as file:
                file.write("key-of-admins\n")
            admin = {"Authorization": "Bearer key-of-admins"}
            with Server("--sandbox", "--adapter-dir", adapters, "--admin-key-file", keys) as server:
                tasks = f"/proc/{server.process.pid}/task"
                for task in os.listdir(tasks):
                    with open(f"{tasks}/{task}/status") as status:
                        self.assertIn("Seccomp:\t2\n", status.read())
                base, one = server.transcribe(CLIP).json()["text"], server.transcribe(CLIP, model="one").json()["text"]
                self.assertEqual(base + "\n", cli_text(CLIP))
                shutil.copytree(ADAPTER, os.path.join(adapters, "two"))

                def load(name):
                    return server.ask("POST", "/v1/load_lora_adapter", json.dumps({"lora_name": name}), admin)

                self.assertEqual(load("two").status, 200)
                self.assertEqual(server.transcribe(CLIP, model="two").json()["text"], one)
                # A link leads out of the folder; what it leads to cannot be read, whoever asks.
                shutil.copytree(ADAPTER, os.path.join(folder, "outside"))
                os.mkdir(os.path.join(adapters, "three"))
                for name in os.listdir(ADAPTER):
                    os.symlink(os.path.join(folder, "outside", name), os.path.join(adapters, "three", name))
                self.assertEqual(load("three").status, 400)
                with open(keys, "w") as file:
                    file.write("another-key\n")
                server.process.send_signal(signal.SIGHUP)
                end = time.monotonic() + 20
                while server.ask("POST", "/v1/unload_lora_adapter", b"{}", admin).status != 401:
                    self.assertLess(time.monotonic(), end, server.talk)
                    time.sleep(0.05)
                self.assertEqual(server.transcribe(CLIP).json()["text"], base)
                self.assertEqual(len(os.listdir(server.folder)), 1)  # its own; close() sees that it goes

    def test_it_tells_the_service_manager(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(folder, "notify")
            manager.bind(path)
            follow_a_service(self, manager, path, "--sandbox")

    def test_three_is_an_adapter_without_it(self):
        with tempfile.TemporaryDirectory() as adapters:
            os.mkdir(os.path.join(adapters, "three"))
            for name in os.listdir(ADAPTER):
                os.symlink(os.path.join(ADAPTER, name), os.path.join(adapters, "three", name))
            with Server("--adapter-dir", adapters) as server:
                self.assertEqual(server.transcribe(CLIP, model="three").status, 200)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--max-upload-mib", "1", "--threads", "1", "--timeout", "20")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def tearDown(self):
        self.assertEqual(self.server.transcribe(CLIP).status, 200)

    def send(self, *pieces):
        with self.server.socket() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_all(connection)

    def test_hang_ups_at_every_stage(self):
        body = form([("model", "micro")], CLIP)
        whole = head(len(body)) + body
        stops = [1, 10, 60, len(head(len(body))) - 2, len(head(len(body)))]
        stops += [len(head(len(body))) + n for n in (1, 30, 70, 100, 150, 5000, len(body) - 5, len(body))]
        for stop in stops:
            for reset in False, True:
                connection = self.server.socket()
                connection.sendall(whole[:stop])
                if reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                connection.close()

    def test_a_body_that_is_left_keeps_no_place(self):
        """Its end is seen in a second or two, not at the timeout of 20."""
        body = form([("model", "micro")], CLIP)
        for i, stop in enumerate((1, 100, len(body) - 5)):
            with self.server.socket() as connection:
                connection.sendall(head(len(body), f"X-Request-Id: left{i}\r\n") + body[:stop])
        began = time.monotonic()
        lines = [self.server.wait_for_line(lambda l, i=i: l["request_id"] == f"left{i}") for i in range(3)]
        self.assertLess(time.monotonic() - began, 10)
        self.assertEqual({line["status"] for line in lines}, {499})
        # Who only stops for a while goes on.
        with self.server.socket() as connection:
            connection.sendall(head(len(body), "Connection: close\r\n") + body[:1000])
            time.sleep(3)
            connection.sendall(body[1000:])
            self.assertEqual(status_of(read_all(connection)), 200)

    def test_lengths_that_lie(self):
        body = form([("model", "micro")], CLIP)
        self.assertEqual(status_of(self.send(head(2 << 20))), 413)
        self.assertEqual(status_of(self.send(head("9" * 30))), 413)
        for odd in "-1", "0x10", "1e3", "":
            self.assertIn(status_of(self.send(head(odd) + body)), (400, 413), odd)
        self.assertEqual(status_of(self.send(head(100, "Connection: close\r\n") + body[:100])), 400)

    def test_smuggling(self):
        body = form([("model", "micro")], CLIP)
        for extra in ("Transfer-Encoding: chunked\r\n", f"Content-Length: {len(body)}\r\n", "Content-Length: 5\r\n",
                      "Transfer-Encoding: gzip\r\n"):
            self.assertEqual(status_of(self.send(head(len(body), extra) + body)), 400, extra)
        for extra in "Transfer-Encoding : chunked\r\n", "Content-Length : 5\r\n", "Ä: x\r\n":
            self.assertEqual(status_of(self.send(head(len(body), extra) + body)), 400, extra)
        for extra in ("Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"):
            self.assertEqual(status_of(self.send(head(None, extra) + b"0\r\n\r\n")), 400, extra)

    def test_chunked(self):
        body = form([("model", "micro")], CLIP)
        chunked = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        data = self.send(head(None, "Transfer-Encoding: chunked\r\nConnection: close\r\n") + chunked)
        self.assertEqual(status_of(data), 200)
        self.send(head(None, "Transfer-Encoding: chunked\r\n") + b"zz\r\n")
        self.send(head(None, "Transfer-Encoding: chunked\r\n") + b"fffffffffffffffffffff\r\n")

    def test_chunked_without_end(self):
        """Ends soon after the limit, whatever else is sent; the memory of the server does not grow."""
        before = self.memory()
        start = form([("model", "micro")], b"")[:-60]
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        sent, data = 0, b""
        with self.server.socket() as connection:
            connection.sendall(head(None, "Transfer-Encoding: chunked\r\n") + b"%x\r\n" % len(start) + start + b"\r\n")
            try:
                while sent < 64 << 20:
                    connection.sendall(chunk)
                    sent += 65536
            except (BrokenPipeError, ConnectionResetError):
                pass
            data = read_all(connection)
        self.assertLess(sent, 16 << 20)
        line = self.server.wait_for_line(lambda l: l["status"] == 413)
        self.assertLess(line["bytes"], 2 << 20)
        if data:
            self.assertEqual(status_of(data), 413)
        self.assertLess(self.memory() - before, 32 << 10)

    def memory(self):
        """KiB; 0 where nobody tells."""
        if not os.path.exists("/proc/self/status") or len(serving.program) > 1:
            return 0
        with open(f"/proc/{self.server.process.pid}/status") as file:
            return int(next(line for line in file if line.startswith("VmRSS")).split()[1])

    def test_heads_that_are_none(self):
        self.send(b"\0" * 1000)
        self.send(b"GET\r\n\r\n")
        self.send(b"GET /healthz HTTP/9.9\r\n\r\n")
        self.send(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 100000 + b"\r\n\r\n")
        self.send(b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n")
        self.send(b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n")
        with self.server.socket() as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(connection).count(b"HTTP/1.1 200"), 20)

    def test_a_client_that_hangs_up_frees_its_worker(self):
        sound = wav(20, 8000, 3)
        whole = self.server.transcribe(sound, headers={"X-Request-Id": "stays"})
        self.assertEqual(whole.status, 200)
        took = self.server.wait_for_line(lambda l: l["request_id"] == "stays")["work_seconds"]
        body = form([("model", "micro")], sound)
        for i in range(20):
            with self.server.socket() as connection:
                connection.sendall(head(len(body), f"X-Request-Id: leaves{i}\r\n") + body)
                if i == 0:
                    time.sleep(min(took / 3, 1))
        lines = [self.server.wait_for_line(lambda l, i=i: l["request_id"] == f"leaves{i}") for i in range(20)]
        self.assertEqual({line["status"] for line in lines}, {499})
        self.assertLess(sum(line["work_seconds"] for line in lines), max(2 * took, 0.5))

    def test_hang_ups_in_a_stream(self):
        """While events are sent and the worker makes more, and keys and adapters are read again."""
        body = form([("model", "micro"), ("stream", "true")], wav(65, 8000, 3))

        def leave(i):
            for turn in range(2):
                with server.socket() as connection:
                    connection.sendall(head(len(body), f"X-Request-Id: stream{i}.{turn}\r\n") + body)
                    connection.recv((1, 300, 600)[(i + turn) % 3])

        threads = [threading.Thread(target=leave, args=(i,)) for i in range(6)]
        # Its own: the last of them wait longer for their turn than the other's timeout, under a sanitizer.
        with Server("--threads", "1") as server:
            for thread in threads:
                thread.start()
            for _ in range(5):
                server.process.send_signal(signal.SIGHUP)
                self.assertEqual(server.ask("GET", "/v1/models").status, 200)
            for thread in threads:
                thread.join()
            for i in range(6):
                for turn in range(2):
                    line = server.wait_for_line(lambda l, name=f"stream{i}.{turn}": l["request_id"] == name)
                    self.assertIn(line["status"], (200, 499))

    def test_slow_senders(self):
        """All at once, as each takes ten seconds: a head, and a body, byte by byte; nothing at all."""
        body = form([("model", "micro")], CLIP)
        kinds = {"head": head(len(body)), "body": head(len(body)) + body, "nothing": b""}
        took, got = {}, {}

        def trickle(kind):
            began = time.monotonic()
            data = kinds[kind]
            at = len(head(len(body))) if kind == "body" else 0
            with self.server.socket(40) as connection:
                connection.sendall(data[:at])
                connection.settimeout(0.25)
                while time.monotonic() - began < 30:
                    try:
                        connection.sendall(data[at:at + 1])
                        at += 1
                        piece = connection.recv(4096)
                        got[kind] = got.get(kind, b"") + piece
                        if not piece:
                            break
                    except socket.timeout:
                        continue
                    except OSError:
                        break
            took[kind] = time.monotonic() - began

        threads = [threading.Thread(target=trickle, args=(kind,)) for kind in kinds]
        for thread in threads:
            thread.start()
        self.assertEqual(self.server.transcribe(CLIP).status, 200)  # others do not notice
        for thread in threads:
            thread.join()
        for kind in kinds:
            self.assertTrue(8 < took[kind] < 20, (kind, took))
        self.assertEqual(status_of(got["body"]), 408)

    def test_idle_connections_give_way(self):
        idle = []
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1000:
            self.skipTest("needs 1000 open files")
        try:
            for _ in range(700):  # more than there are places for
                idle.append(self.server.socket())
            self.assertEqual(self.server.transcribe(CLIP).status, 200)
        finally:
            for connection in idle:
                connection.close()


class Load(unittest.TestCase):
    def test_the_queue_is_full(self):
        with Server("--threads", "1", "--max-queue-seconds", "60") as server:
            statuses, sound = [], wav(25, 8000, 3)
            threads = [threading.Thread(target=lambda: statuses.append(server.transcribe(sound))) for _ in range(12)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            kinds = [reply.status for reply in statuses]
            self.assertIn(200, kinds)
            self.assertIn(429, kinds)
            for reply in statuses:
                if reply.status == 429:
                    self.assertGreaterEqual(int(reply.headers["Retry-After"]), 1)
                    self.assertEqual(reply.error["type"], "rate_limit_exceeded")
            self.assertEqual(server.transcribe(CLIP).status, 200)

    def test_many_clients_get_their_own(self):
        sounds = [wav(1 + i % 3, 16000, i + 1) for i in range(8)]
        expected = [cli_text(sound) for sound in sounds]
        with Server("--adapter", "a=" + ADAPTER) as server:
            problems = []

            def ask(i):
                for _ in range(3):
                    reply = server.transcribe(sounds[i % 8])
                    if reply.status != 200 or reply.json()["text"] + "\n" != expected[i % 8]:
                        problems.append(reply.body)

            threads = [threading.Thread(target=ask, args=(i,)) for i in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(problems, [])

    def test_drain(self):
        server = Server("--threads", "1")
        replies = []
        sound = wav(150, 8000, 3)
        threads = [threading.Thread(target=lambda: replies.append(server.transcribe(sound))) for _ in range(3)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 20
        while b"potstill_queue_seconds 450" not in server.ask("GET", "/metrics").body and time.monotonic() < end:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        self.assertEqual(server.stop(None), 0)
        self.assertEqual([reply.status for reply in replies], [200] * 3)

    def test_drain_delay(self):
        """While load balancers find out, requests are still answered."""
        server = Server("--drain-delay", "2")
        server.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 20
        while server.ask("GET", "/readyz").status != 503 and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(server.transcribe(wav(1)).status, 200)
        self.assertEqual(server.stop(None), 0)

    def test_drain_gives_up(self):
        server = Server("--threads", "1", "--drain-timeout", "0")
        replies = []
        thread = threading.Thread(target=lambda: replies.append(server.transcribe(wav(600, 8000, 3))))
        thread.start()
        end = time.monotonic() + 20
        while b"potstill_queue_seconds 600" not in server.ask("GET", "/metrics").body and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(server.stop(), 0)
        thread.join()
        self.assertEqual(replies[0].status, 503)

    def test_deadline(self):
        with Server("--threads", "1", "--timeout", "0.05") as server:
            reply = server.transcribe(wav(600, 8000, 3))
            self.assertEqual((reply.status, reply.error["code"]), (504, "timeout"))


if __name__ == "__main__":
    group, serving.program = sys.argv[1], [a for a in (*sys.argv[3:], sys.argv[2]) if a]
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(globals()[group])
    sys.exit(not unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful())
