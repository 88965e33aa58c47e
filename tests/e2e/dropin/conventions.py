#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""UserPromptSubmit: adds the house rules when a prompt speaks of a commit."""
import json
import sys

event = json.load(sys.stdin)
if event["hook_event_name"] == "UserPromptSubmit" and "commit" in event["prompt"]:
    print(json.dumps({
        "hookSpecificOutput": {
            "hookEventName": "UserPromptSubmit",
            "additionalContext": "Commit subjects are imperative.\nÜmlauts & <tags> stay: “as they are”.",
        }
    }))
