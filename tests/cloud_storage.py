"""A bucket of Google Cloud Storage in memory, behind what gcsfs, Google's client and TensorStore use of its JSON API.

Writes are atomic and heed the generations that they ask for, which TensorStore relies on.
"""

import contextlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

_BATCHED = re.compile(rb"DELETE /storage/v1/b/[^/]+/o/(\S+) HTTP")


@contextlib.contextmanager
def serving(bucket):
    """The address of a server that has this bucket, at first empty, and no other."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # a client that hangs up
    server.bucket, server.objects, server.generation, server.lock = bucket, {}, 0, threading.Lock()
    server.partial = {}  # what was received of resumable uploads
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self._answer("GET")

    def do_POST(self):
        self._answer("POST")

    def do_DELETE(self):
        self._answer("DELETE")

    def do_PUT(self):
        self._answer("PUT")

    def log_message(self, *_):
        pass

    def _answer(self, method):
        url = urlsplit(self.path)
        self.query = dict(parse_qsl(url.query))
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        # [upload | download] storage v1 b BUCKET o OBJECT [rewriteTo b BUCKET o OBJECT]
        parts = [unquote(part) for part in url.path.strip("/").split("/") if part not in ("upload", "download")]
        with self.server.lock:
            if parts[0] == "batch":
                return self._batch()
            if parts[3] != self.server.bucket:
                return self._send(404, {"error": {"code": 404, "message": "The specified bucket does not exist."}})
            if len(parts) == 4:
                return self._send(200, {"kind": "storage#bucket", "name": parts[3]})
            if len(parts) == 5:
                return self._list() if method == "GET" else self._insert()
            return {"GET": self._get, "POST": self._rewrite, "DELETE": self._delete}[method](parts[5], *parts[10:])

    def _get(self, name):
        if not self._may(name):
            return
        data, generation = self.server.objects.get(name, (None, 0))
        if data is None:
            return self._missing(name)
        if self.query.get("alt") != "media":
            return self._send(200, self._resource(name))
        status, whole = 200, len(data)
        headers = {"x-goog-generation": str(generation)}
        if found := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            first, last = int(found[1]), min(int(found[2] or whole), whole - 1)
            status, data = 206, data[first : last + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{whole}"
        self._send(status, data, **headers)

    def _list(self):
        prefix, delimiter = self.query.get("prefix", ""), self.query.get("delimiter")
        items, prefixes = [], set()
        for name in sorted(self.server.objects):
            folder, found, _ = name.removeprefix(prefix).partition(delimiter) if delimiter else ("", "", "")
            if name.startswith(prefix) and found:
                prefixes.add(prefix + folder + delimiter)
            elif name.startswith(prefix):
                items.append(self._resource(name))
        self._send(200, {"kind": "storage#objects", "items": items, "prefixes": sorted(prefixes)})

    def _insert(self):
        name, data = self.query.get("name"), self.body
        kind = self.query["uploadType"]
        if kind == "multipart":
            boundary = re.search(r'boundary="?([^"]+)"?', self.headers["Content-Type"])[1].encode()
            described, content = self.body.split(b"--" + boundary)[1:3]
            name = json.loads(described.split(b"\n\n", 1)[1])["name"]
            data = content.split(b"\n\n", 1)[1].removesuffix(b"\n")
        elif kind == "resumable" and "upload_id" not in self.query:
            self.server.partial[name] = b""
            return self._send(200, b"", Location=f"http://{self.headers['Host']}{self.path}&upload_id=1")
        elif kind == "resumable":
            self.server.partial[name] = data = self.server.partial[name] + self.body
            if self.headers["Content-Range"].rpartition("/")[2] != str(len(data)):
                return self._send(308, b"", Range=f"bytes=0-{len(data) - 1}")
        if self._may(name):
            self._put(name, data)
            self._send(200, self._resource(name))

    def _rewrite(self, name, target):
        if name not in self.server.objects:
            return self._missing(name)
        self._put(target, self.server.objects[name][0])
        self._send(200, {"kind": "storage#rewriteResponse", "done": True, "resource": self._resource(target)})

    def _delete(self, name):
        if self._may(name):
            self._send(204 if self.server.objects.pop(name, None) else 404, b"")

    def _batch(self):
        answers = b""
        for name in _BATCHED.findall(self.body):
            removed = self.server.objects.pop(unquote(name.decode()), None)
            answers += b"--limit\r\n\r\nHTTP/1.1 %d\r\n\r\n" % (204 if removed else 404)
        self._send(200, answers + b"--limit--", **{"Content-Type": "multipart/mixed; boundary=limit"})

    def _missing(self, name):
        self._send(404, {"error": {"code": 404, "message": f"No such object: {name}"}})

    def _may(self, name):
        """Whether the object has the generation asked for; else it is said."""
        generation = str(self.server.objects.get(name, (None, 0))[1])
        if self.query.get("ifGenerationMatch", generation) != generation:
            self._send(412, {"error": {"code": 412, "message": "Another generation."}})
            return False
        if self.query.get("ifGenerationNotMatch") == generation:
            self._send(304, b"")
            return False
        return True

    def _put(self, name, data):
        self.server.generation += 1
        self.server.objects[name] = (bytes(data), self.server.generation)

    def _resource(self, name):
        data, generation = self.server.objects[name]
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": self.server.bucket,
            "generation": str(generation),
            "metageneration": "1",
            "size": str(len(data)),
            "updated": "2026-01-01T00:00:00.000Z",
            "timeCreated": "2026-01-01T00:00:00.000Z",
        }

    def _send(self, status, content, **headers):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": len(data)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)
