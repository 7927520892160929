"""Headless Chromium, driven over its debugging pipe (the Chrome DevTools Protocol): no driver, no module is needed."""

import base64
import json
import os
import shlex

from rack import check


class Browser:
    """One page in a browser that runs on a host of the rack. What goes wrong in the page is in `troubles`."""

    def __init__(self, rack, host):
        to_browser, self.requests = os.pipe()
        self.answers, from_browser = os.pipe()
        words = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--mute-audio", "--no-first-run", "--disable-background-networking", "--disable-component-update",
                 "--hide-scrollbars", f"--user-data-dir={rack.path('browser')}", "--remote-debugging-pipe",
                 "about:blank"]
        command = "exec " + " ".join(map(shlex.quote, words)) + f" 3<&{to_browser} 4>&{from_browser}"
        self.process = rack.start(host, "bash", "-c", command, pass_fds=(to_browser, from_browser),
                                  stderr=open(rack.path("browser.log"), "w"), env=dict(os.environ, HOME=rack.folder))
        os.close(to_browser)
        os.close(from_browser)
        self.unread, self.last, self.session, self.troubles = b"", 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(domain + ".enable")

    def receive(self):
        while b"\0" not in self.unread:
            piece = os.read(self.answers, 1 << 16)
            check(piece, "the browser has ended")
            self.unread += piece
        message, self.unread = self.unread.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.last += 1
        request = {"id": self.last, "method": method, "params": parameters}
        if self.session:
            request["sessionId"] = self.session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.requests, data):]
        while True:
            message = self.receive()
            if message.get("id") == self.last:
                check("error" not in message, f"{method}: {message.get('error')}")
                return message["result"]
            self.hear(message)

    def hear(self, message):
        method, told = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.troubles.append(json.dumps(told["exceptionDetails"])[:2000])
        if method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.troubles.append(told["entry"]["text"])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def ask(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        check("exceptionDetails" not in answer, f"{expression}: {answer.get('exceptionDetails')}")
        return answer["result"].get("value")

    def look(self, width=1280, height=900, dark=False, still=False, scale=1):
        """The window's size, and what the person who looks prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])

    def press(self, key, code=0, text=""):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, text=text)

    def picture(self, path, whole=False):
        size = {}
        if whole:
            area = self.call("Page.getLayoutMetrics")["cssContentSize"]
            size = {"captureBeyondViewport": True, "clip": {**area, "scale": 1}}
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("Page.captureScreenshot", format="png", **size)["data"]))
