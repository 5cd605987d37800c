"""Reads a JSON list of HL7 v2 messages and prints, for each, the values that
python-hl7 finds: [segment, field, repetition, component, subcomponent, text]."""

import json
import sys

import hl7


def parts(node):
    return enumerate(node, 1) if isinstance(node, hl7.Container) else [(1, node)]


def leaves(text):
    for s, segment in enumerate(hl7.parse(text)):
        for f, field in enumerate(segment):
            if f == 0 or str(segment[0]) in ("MSH", "BHS", "FHS") and f < 3:
                continue
            for r, rep in parts(field):
                for c, component in parts(rep):
                    for n, sub in parts(component):
                        if str(sub) != "":
                            yield [s, f, r, c, n, str(sub)]


json.dump([list(leaves(m)) for m in json.load(sys.stdin)], sys.stdout)
