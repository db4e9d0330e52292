#!/usr/bin/env python3
"""The load generator of `mqkit bench` beside a bare C loop and, where it is installed, `mqttv5 bench`: processor time for a
published message of 100 bytes, against the same Mosquitto, in one run.

    cargo build --release && tests/bench/bench_compare.py
    tests/bench/bench_compare.py --mqttv5 ~/.cargo/bin/mqttv5        # cargo install mqttv5-cli
    tests/bench/bench_compare.py --connections 10000                 # peak memory of that many idle and slow clients

Needs mosquitto and a C compiler. It starts a broker of its own on a free port of the loopback address. Processor time is
user + system of the generator alone, connecting and everything else included; runs are interleaved, and the medians of
them are shown. The broker sends acknowledgements at once (set_tcp_nodelay), so that no generator profits from their waiting.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from mosquitto import need, start_broker

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MQKIT = os.path.join(ROOT, "target", "release", "mqkit")
LOOP = os.path.join(ROOT, "tests", "bench", "loop.c")
WINDOW = 100


def broker_cpu(broker):
    with open(f"/proc/{broker.pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle(broker):
    """Waits until the broker has read what the last generator wrote."""
    while True:
        before = broker_cpu(broker)
        time.sleep(0.3)
        if broker_cpu(broker) - before < 0.02:
            return


def run(command):
    """What it printed, and its processor seconds."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    if process.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)}: status {process.returncode}")
    return text, usage.ru_utime + usage.ru_stime


def mqkit(port, qos, clients, seconds):
    text, cpu = run(
        [MQKIT, "bench", "-h", "127.0.0.1", "-p", port, "-V", "311", "-q", str(qos), "--publishers", str(clients),
         "--subscribers", "0", "--rate", "max", "-M", str(WINDOW), "--size", "100", "--warm-up", "0",
         "--duration", str(seconds), "--json"]
    )
    counts = json.loads(text)["counts"]
    return cpu, counts["acknowledged"] if qos else counts["sent"]


def mqttv5(program):
    def measure(port, qos, clients, seconds):
        text, cpu = run(
            [program, "bench", "-p", port, "-q", str(qos), "--publishers", str(clients), "--subscribers", "0",
             "--inflight", str(WINDOW), "--payload-size", "100", "--warmup", "0", "--duration", str(seconds)]
        )
        return cpu, json.loads(text)["results"]["published"]

    return measure


def loop(program):
    def measure(port, qos, clients, seconds):
        text, cpu = run([program, port, str(qos), str(clients), str(WINDOW), str(seconds)])
        return cpu, int(text)

    return measure


def compare(options, directory):
    program = os.path.join(directory, "loop")
    subprocess.run([need("cc"), "-O2", "-o", program, LOOP], check=True)
    generators = {"mqkit": mqkit, "C loop": loop(program)}
    if options.mqttv5:
        generators["mqttv5"] = mqttv5(options.mqttv5)
    broker, port = start_broker(directory, "set_tcp_nodelay true", "max_inflight_messages 0")
    print("processor time of the generator per message in us, messages per second, share of a processor that the broker used")
    try:
        for qos in (0, 1):
            for clients in (1, 10, 100):
                figures = {name: [] for name in generators}
                for _ in range(options.runs):
                    for name, measure in generators.items():
                        settle(broker)
                        before = broker_cpu(broker)
                        cpu, messages = measure(port, qos, clients, options.seconds)
                        share = (broker_cpu(broker) - before) / options.seconds
                        figures[name].append((cpu / max(messages, 1) * 1e6, messages / options.seconds, share))
                for name, values in figures.items():
                    micros, rate, share = (statistics.median(column) for column in zip(*values))
                    spread = f"{min(v[0] for v in values):.2f}-{max(v[0] for v in values):.2f}"
                    print(
                        f"QoS {qos}  {clients:3} clients  {name:7} {micros:7.2f} us ({spread})"
                        f"  {rate:9.0f}/s  broker {share:4.2f}",
                        flush=True,
                    )
    finally:
        broker.kill()
        broker.wait()


def connections(options):
    """Peak memory of the generator with idle, and with slow clients, against the embedded broker."""
    embedded = subprocess.Popen([MQKIT, "broker", "--port", "0"], stdout=subprocess.PIPE, text=True)
    port = embedded.stdout.readline().strip().rsplit(":", 1)[1]
    gnu_time = need("time")
    idle = ["connect", "--clients", str(options.connections), "--duration", "5"]
    slow = ["fan-in", "--publishers", str(options.connections), "--rate", str(options.connections / 10), "--duration", "10"]
    try:
        for name, scenario in {"idle": idle, "slow": slow}.items():
            result = subprocess.run(
                [gnu_time, "-f", "peak %M", MQKIT, "bench", *scenario, "-h", "127.0.0.1", "-p", port, "--json"],
                capture_output=True, text=True,
            )
            if result.returncode != 0:
                sys.exit(result.stderr)
            peak = int(re.search(r"peak (\d+)", result.stderr).group(1))
            counts = json.loads(result.stdout)["counts"]
            print(f"{name}: {counts['connected']} connections, {counts['lost']} lost, peak {peak / 1024:.0f} MiB")
    finally:
        embedded.terminate()
        embedded.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--mqttv5", metavar="PROGRAM")
    parser.add_argument("--connections", type=int, metavar="N")
    options = parser.parse_args()
    if not os.path.exists(MQKIT):
        sys.exit("build mqkit first: cargo build --release")
    if options.connections:
        connections(options)
        return
    with tempfile.TemporaryDirectory() as directory:
        compare(options, directory)


main()
