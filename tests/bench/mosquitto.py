"""A Mosquitto of one's own for the comparisons."""

import os
import shutil
import socket
import subprocess
import sys
import time


def need(program):
    path = shutil.which(program)
    if not path:
        sys.exit(f"{program} is not installed")
    return path


def start_broker(directory, *options):
    """The process and its port, a text, on the loopback address; `options` are lines of its configuration."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Mosquitto's default of 1000 queued messages would drop acknowledged ones under load.
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0", "log_type error", *options]
    config = os.path.join(directory, "mosquitto.conf")
    with open(config, "w") as file:
        file.write("\n".join(lines) + "\n")
    broker = subprocess.Popen([need("mosquitto"), "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return broker, str(port)
        except OSError:
            if broker.poll() is not None:
                sys.exit("mosquitto does not start")
            time.sleep(0.02)
