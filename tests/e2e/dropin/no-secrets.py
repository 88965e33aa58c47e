#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""UserPromptSubmit: a prompt that holds a password never reaches the model."""
import json
import sys

if "password=" in json.load(sys.stdin)["prompt"]:
    print("there is a password in this prompt", file=sys.stderr)
    sys.exit(2)
