"""peer.py DIRECTORY: measures Debian's python3-hl7 on every corpus of the
directory and prints one JSON line for each."""

import json
import pathlib
import re
import sys
import time

import hl7


def place(path):
    segment, field, rep, component = re.match(r"(\w+)-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?$", path).groups()
    return segment, 1, int(field), int(rep or 1), int(component or 1)


def main(directory):
    for file in sorted(pathlib.Path(directory).glob("*.mllp")):
        corpus, *paths = file.with_suffix(".paths").read_text().split("\n")
        raw = file.read_bytes()
        messages = [m[1:] for m in raw.decode().split("\x1c\r") if m]
        places = [place(p) for p in paths]
        result = {"peer": "python-hl7", "corpus": corpus}
        try:
            lossless = "yes"
            for text in messages:
                m = hl7.parse(text)
                for p in places:
                    if not m.extract_field(*p):
                        raise ValueError("no value")
                out = str(m)
                if out.rstrip("\r\n") != text.rstrip("\r\n"):
                    lossless = "no"
                elif out != text and lossless == "yes":
                    lossless = "but the end"
            start, passes = time.perf_counter(), 0
            while time.perf_counter() - start < 1.5:
                for text in messages:
                    m = hl7.parse(text)
                    for p in places:
                        m.extract_field(*p)
                passes += 1
            seconds = time.perf_counter() - start
            result |= {
                "messages": passes * len(messages),
                "bytes": passes * (len(raw) - 3 * len(messages)),
                "seconds": seconds,
                "lossless": lossless,
            }
        except Exception as e:  # a codec that cannot is part of the table
            result["error"] = (type(e).__name__ + ": " + str(e))[:80]
        print(json.dumps(result), flush=True)


main(sys.argv[1])
