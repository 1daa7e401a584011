"""The page of a run, held open as in a browser: signed in, loaded once, then fed over its websocket."""

from __future__ import annotations

import http.cookiejar
import re
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

_SECONDS = 30


class Visitor:
    """Somebody with a browser; `frames` counts what reached the page so far."""

    def __init__(self, url: str, name: str, password: str) -> None:
        """Sign in."""
        self._url = url.rstrip("/")
        self._jar = http.cookiejar.CookieJar()
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        self.frames = 0
        form = {"username": name, "password": password, "csrfmiddlewaretoken": self._form_token("/login/")}
        self._load("/login/", urllib.parse.urlencode(form).encode())
        if "sessionid" not in self._cookies():
            raise RuntimeError("signing in was refused")

    @contextmanager
    def looking_at(self, run: str) -> Iterator[None]:
        """Keep the page of a run open."""
        live = re.search(r'ws-connect="([^"]+)"', self._load(f"/runs/{run}/"))
        if live is None:
            # The run has ended already, and its closing page needs no socket.
            yield
            return
        address = self._url.replace("http", "ws", 1) + live[1].replace("&amp;", "&")
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies().items())
        headers, origin = {"Cookie": cookies}, Origin(self._url)
        with connect(address, additional_headers=headers, origin=origin, proxy=None, max_size=None) as line:
            reader = threading.Thread(target=self._read, args=(line,), daemon=True)
            reader.start()
            yield
        reader.join()

    def _read(self, line: ClientConnection) -> None:
        try:
            for _ in line:
                self.frames += 1
        except ConnectionClosed:
            return

    def _form_token(self, path: str) -> str:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self._load(path))
        if token is None:
            raise RuntimeError(f"{path} shows no form")
        return token[1]

    def _load(self, path: str, form: bytes | None = None) -> str:
        with self._browser.open(self._url + path, form, timeout=_SECONDS) as answer:
            return str(answer.read().decode())

    def _cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._jar}
