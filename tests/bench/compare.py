#!/usr/bin/env python3
"""mqkit beside mosquitto_pub and mosquitto_sub: instructions, system calls, CPU, time and memory of the same work, in one run.

    cargo build --release && tests/bench/compare.py            # a few minutes
    tests/bench/compare.py --million                           # also 10^6 lines at QoS 1 and 2: do all arrive?

Needs Mosquitto with its clients; valgrind, strace and GNU time (Debian: valgrind, strace, time) for instructions, system calls
and peak memory. It starts a broker of its own on a free port of the loopback address. CPU is user + system of the client alone; runs are
interleaved and medians compared, so that a busy machine troubles both alike. A ratio below 1 means that mqkit needs less.
"""

import argparse
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
DEVNULL = subprocess.DEVNULL


def run(command, stdin=None, stdout=DEVNULL):
    """Status, CPU seconds, wall seconds, page faults."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime, time.monotonic() - began, usage.ru_minflt


def medians(commands, runs, measure):
    """The median of each command's measurements, interleaved; of each number where a measurement has several."""
    results = [[] for _ in commands]
    for _ in range(runs):
        for command, list_ in zip(commands, results):
            list_.append(measure(command))
    if isinstance(results[0][0], tuple):
        return zip(*[[statistics.median(column) for column in zip(*list_)] for list_ in results])
    return [statistics.median(list_) for list_ in results]


def row(what, ours, theirs, unit, limit):
    ratio = ours / theirs
    print(f"{what:<52} {ours:>12.6g} {theirs:>12.6g} {unit:<4} {ratio:6.2f}  (at most {limit})", flush=True)


def peak_memory(command, stdin=None):
    output = subprocess.run([need("time"), "-f", "%M", *command], stdin=stdin, stdout=DEVNULL, stderr=subprocess.PIPE)
    return int(output.stderr.split()[-1])


def instructions(command, stdin=None):
    with tempfile.NamedTemporaryFile() as out:
        tool = [need("valgrind"), "--tool=callgrind", f"--callgrind-out-file={out.name}"]
        output = subprocess.run([*tool, *command], stdin=stdin, stdout=DEVNULL, stderr=subprocess.PIPE)
    return int(re.search(rb"Collected : (\d+)", output.stderr).group(1))


def system_calls(command):
    output = subprocess.run([need("strace"), "-f", *command], stdout=DEVNULL, stderr=subprocess.PIPE)
    return sum(1 for line in output.stderr.splitlines() if b"(" in line and b" resumed>" not in line)


def private_memory(command):
    """KB that no other process shares, once a message is sent and the client waits for the next line."""
    process = subprocess.Popen([*command, "-l"], stdin=subprocess.PIPE, stdout=DEVNULL, stderr=DEVNULL)
    process.stdin.write(b"21.5\n")
    process.stdin.flush()
    time.sleep(0.2)
    with open(f"/proc/{process.pid}/smaps_rollup") as file:
        sizes = dict(line.split()[:2] for line in file.readlines()[1:])
    process.stdin.close()
    process.wait()
    return int(sizes["Private_Dirty:"])


def numbers(directory, count):
    path = os.path.join(directory, f"{count}.txt")
    if not os.path.exists(path):
        with open(path, "w") as file:
            file.writelines(f"{number}\n" for number in range(1, count + 1))
    return path


def one_shot(port):
    ours = [MQKIT, "pub", "-p", port, "-t", "bench/one", "-m", "21.5", "-q", "1"]
    theirs = ["mosquitto_pub", "-p", port, "-t", "bench/one", "-m", "21.5", "-q", "1"]
    row("one QoS 1 message: instructions", instructions(ours), instructions(theirs), "", 1)
    row("one QoS 1 message: system calls", system_calls(ours), system_calls(theirs), "", 1)
    cpu, wall, faults = medians([ours, theirs], 100, lambda command: run(command)[1:])
    row("one QoS 1 message: CPU, median of 100", *[1000 * value for value in cpu], "ms", 0.75)
    row("one QoS 1 message: wall time, median of 100", *[1000 * value for value in wall], "ms", 0.75)
    row("one QoS 1 message: page faults, median of 100", *faults, "", 1)
    private = medians([ours[:-4] + ["-q", "1"], theirs[:-4] + ["-q", "1"]], 5, private_memory)
    row("one QoS 1 message: private memory, median of 5", *private, "KB", 0.6)
    memory = medians([ours, theirs], 11, peak_memory)
    row("one QoS 1 message: peak memory, median of 11", *memory, "KB", 1)


def stream(port, directory, lines):
    path = numbers(directory, lines)
    for qos in "012":
        def measure(command):
            with open(path) as file:
                return run(command, stdin=file)[1:3]
        ours = [MQKIT, "pub", "-p", port, "-t", "bench/lines", "-l", "-q", qos]
        theirs = ["mosquitto_pub", "-p", port, "-t", "bench/lines", "-l", "-q", qos]
        cpu, wall = medians([ours, theirs], 5, measure)
        row(f"{lines} lines at QoS {qos}: CPU, median of 5", *cpu, "s", 0.4)
        row(f"{lines} lines at QoS {qos}: wall time, median of 5", *wall, "s", 0.8)
        if qos != "2":
            counts = []
            for command in (ours, theirs):
                with open(path) as file:
                    counts.append(instructions(command, file) / lines)
            row(f"{lines} lines at QoS {qos}: instructions a message", *counts, "", 1)


def flat_memory(port, directory):
    for qos in "012":
        sizes = []
        for count in (10_000, 1_000_000):
            with open(numbers(directory, count)) as file:
                command = [MQKIT, "pub", "-p", port, "-t", "bench/lines", "-l", "-q", qos]
                sizes.append(peak_memory(command, stdin=file))
        row(f"10^6 beside 10^4 lines at QoS {qos}: mqkit's peak memory", sizes[1], sizes[0], "KB", "about 1")


def subscribe(port, directory, count):
    def measure(command):
        with open(os.path.join(directory, "out.txt"), "w") as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
            # Both tell when the subscription stands: mqkit on stderr; Mosquitto's client is given time.
            if command[0] == MQKIT:
                while b"subscribed" not in process.stderr.readline():
                    pass
            else:
                time.sleep(0.5)
            with open(numbers(directory, count)) as file:
                run([MQKIT, "pub", "-p", port, "-t", "bench/sub", "-l", "-q", "1"], stdin=file)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        with open(os.path.join(directory, "out.txt")) as out:
            lines = sum(1 for _ in out)
        if lines != count:
            sys.exit(f"{command[0]} printed {lines} of {count} messages")
        return usage.ru_utime + usage.ru_stime
    ours = [MQKIT, "sub", "-p", port, "-t", "bench/sub", "-C", str(count), "-d"]
    theirs = ["mosquitto_sub", "-p", port, "-t", "bench/sub", "-C", str(count), "-F", "%j"]
    row(f"sub, {count} JSON lines: CPU, median of 3", *medians([ours, theirs], 3, measure), "s", 0.5)


def million(port, directory):
    count = 1_000_000
    for qos in "12":
        for name, publisher in (("mqkit pub", [MQKIT, "pub"]), ("mosquitto_pub", ["mosquitto_pub"])):
            command = [MQKIT, "sub", "-p", port, "-t", "bench/all", "-q", qos, "--raw", "-d", "--idle", "5s"]
            with open(os.path.join(directory, "all.txt"), "w") as out:
                subscriber = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE)
                while b"subscribed" not in subscriber.stderr.readline():
                    pass
                with open(numbers(directory, count)) as file:
                    flags = ["-p", port, "-t", "bench/all", "-l", "-q", qos]
                    status, cpu, wall = run([*publisher, *flags], stdin=file)
                subscriber.wait()
            with open(os.path.join(directory, "all.txt")) as out:
                arrived = len(set(out))
            print(f"10^6 lines at QoS {qos} by {name}: {arrived} arrived, status {status}, {cpu:.1f} s CPU, {wall:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--million", action="store_true", help="also count what arrives of 10^6 lines")
    arguments = parser.parse_args()
    if not os.path.exists(MQKIT):
        sys.exit("cargo build --release first")
    for variable in [name for name in os.environ if name.startswith("MQTT_")]:
        del os.environ[variable]
    with tempfile.TemporaryDirectory() as directory:
        broker, port = start_broker(directory)
        try:
            print(f"{'':<52} {'mqkit':>12} {'mosquitto':>12}       ratio")
            print(f"{'program, bytes':<52} {os.path.getsize(MQKIT):>12}")
            one_shot(port)
            stream(port, directory, 60_000)
            subscribe(port, directory, 100_000)
            flat_memory(port, directory)
            if arguments.million:
                million(port, directory)
        finally:
            broker.terminate()
            broker.wait()


main()
