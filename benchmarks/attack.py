"""How long an honest resumption takes, alone and while others try to keep everybody out."""

import subprocess
import sys
import time

from benchmarks.measure import SERVER_CPU, pin
from tests.support.installation import HOST, Installation, ServerProcess

ATTACK_SECONDS = 25.0
WARM_UP_SECONDS = 10.0  # until the attack stands
TRIES = 20


def resume_under_attack(installation: Installation, process: ServerProcess, names: list[str]) -> tuple[float, float]:
    """The slowest of twenty, in seconds: (calm, attacked)."""
    pin(process.pid, SERVER_CPU)
    calm = slowest_resume(installation, names)
    command = [sys.executable, "-m", "benchmarks.attackers", HOST, str(installation.port), str(ATTACK_SECONDS)]
    attackers = subprocess.Popen(command)
    try:
        time.sleep(WARM_UP_SECONDS)
        attacked = slowest_resume(installation, names)
        if attackers.poll() is not None:
            raise RuntimeError("the attack ended before the measurement")
    finally:
        attackers.terminate()
        attackers.wait()
    return calm, attacked


def slowest_resume(installation: Installation, names: list[str]) -> float:
    """Handshake, hello, resume, welcome; a connection that random early drop has hit is tried again, time included."""
    slowest = 0.0
    for count in range(TRIES):
        started = time.monotonic()
        while True:
            try:
                with installation.connect_as(names[count % len(names)]):
                    break
            except (OSError, EOFError):
                continue
        slowest = max(slowest, time.monotonic() - started)
    return slowest
