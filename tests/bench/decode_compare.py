#!/usr/bin/env python3
"""Times `mqkit decode` and TShark on the same capture, one after the other in turns: seconds, peak memory, start-up.

usage: decode_compare.py CAPTURE [--mqkit PATH] [--runs N]

CAPTURE is a pcap file of MQTT on port 1883. Figures are medians; TShark runs fewer times, as it takes its time.
"""
import argparse
import statistics
import subprocess
import tempfile
import time

parser = argparse.ArgumentParser()
parser.add_argument("capture")
parser.add_argument("--mqkit", default="target/release/mqkit")
parser.add_argument("--runs", type=int, default=3)
arguments = parser.parse_args()


def run(words):
    """Wall seconds, CPU seconds, and peak memory in MB; GNU time knows the last without what Python itself takes."""
    with tempfile.NamedTemporaryFile("r") as said:
        words = ["time", "-q", "-f", "%e %U %S %M", "-o", said.name, *words]
        start = time.monotonic()
        status = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        wall = time.monotonic() - start
        assert status in (0, 1), words
        _, user, system, memory = said.read().split()
    return wall, float(user) + float(system), int(memory) / 1024


COMMANDS = {
    "mqkit decode --json": [arguments.mqkit, "decode", "--json", arguments.capture],
    "mqkit decode": [arguments.mqkit, "decode", arguments.capture],
    "tshark -T ek": ["tshark", "-n", "-r", arguments.capture, "-Y", "mqtt", "-T", "ek"],
    "tshark -T json": ["tshark", "-n", "-r", arguments.capture, "-Y", "mqtt", "-T", "json"],
}
results = {name: [] for name in COMMANDS}
for _ in range(arguments.runs):
    for name, words in COMMANDS.items():
        results[name].append(run(words))
for name, figures in results.items():
    wall, cpu, memory = (statistics.median(column) for column in zip(*figures))
    print(f"{name:22} {wall:8.2f} s  {cpu:8.2f} s CPU  {memory:8.1f} MB")

starts = [run([arguments.mqkit, "decode", "c000"]) for _ in range(51)]
print(f"start-up (`decode c000`): {statistics.median(s[0] for s in starts) * 1000:.2f} ms wall, GNU time included, "
      f"{statistics.median(s[2] for s in starts):.1f} MB")
