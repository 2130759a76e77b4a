#!/usr/bin/env python3
"""Counts the results that monitor_manager has stored (sheet 09).

    python3 labs/count_results.py FOLDER

An agent numbers its results from 1 on, anew after each start ("boot"). For each
boot this says whether every number is there, and how often. Exits 1 where one
is missing or there twice.
"""

import collections
import json
import pathlib
import sys

numbers = collections.defaultdict(list)
dropped = collections.Counter()
for day in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl")):
    for line in day.read_text().splitlines():
        result = json.loads(line)
        boot = result["agent_id"], result["boot_id"]
        if result["entry"] == "result":
            numbers[boot].append(result["seq"])
        else:
            # What an agent had no room to keep. Such a range may grow, and come again.
            new = set(range(result["first"], result["last"] + 1)) - set(numbers[boot])
            numbers[boot] += new
            dropped[boot] += len(new)

wrong = 0
for (agent, boot), stored in sorted(numbers.items()):
    missing = set(range(1, max(stored) + 1)) - set(stored)
    repeated = len(stored) - len(set(stored))
    wrong += len(missing) + repeated
    told = f", {dropped[agent, boot]} dropped by the agent" if dropped[agent, boot] else ""
    print(f"agent {agent}, boot {boot[:8]}: 1 to {max(stored)}, "
          f"{len(missing)} missing, {repeated} repeated{told}")
sys.exit(1 if wrong else 0)
