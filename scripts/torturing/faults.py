"""What can happen to the stand, by name; each ends by itself."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from typing import Final

from scripts.torturing.stand import WEB, WORKER, Machine, Stand

ELECTION: Final = 3.0  # seconds; more than one takes here
STEPS: Final = (-600, -90, -20, -2, 0, 2, 20, 90, 600)  # seconds by which a clock can be wrong

Fault = Callable[[], None]


class Faults:
    """Breaks a stand in an order that a seed fixes."""

    def __init__(self, stand: Stand, chance: random.Random, pause: float, only: str = "") -> None:
        self.stand, self.chance, self.pause = stand, chance, pause
        self.deck: list[str] = []
        self.known: dict[str, Fault] = {
            "web process killed": lambda: self.machine.kill(WEB, chance),
            "worker killed": lambda: self.machine.kill(WORKER, chance),
            "web process held": lambda: self.machine.hold(WEB, chance, pause),
            "worker held": lambda: self.machine.hold(WORKER, chance, pause),
            "primary killed": self.kill_primary,
            "primary held": self.hold_primary,
            "primary steps down": self.step_down,
        }
        if stand.network.is_real:
            self.known |= {
                "primary cut from the members": lambda: self.cut_primary(machines=False),
                "primary cut from all": lambda: self.cut_primary(machines=True),
                "primary heard by nobody": self.silence_primary,
                "two members cut": self.cut_two,
                "machine cut from the primary": self.cut_machine_from_primary,
                "machine cut from all members": self.cut_machine,
                "member's disk full": self.fill_member,
                "machine's disk full": self.fill_machine,
            }
        if stand.has_clocks:
            self.known["clock stepped"] = self.step_clock
        self.known = {name: fault for name, fault in self.known.items() if re.search(only, name)}

    @property
    def machine(self) -> Machine:
        """Return one of the machines."""
        return self.chance.choice(self.stand.machines)

    def next(self) -> str:
        """Let something happen; each kind once before any comes again. Returns its name."""
        if not self.deck:
            self.deck = sorted(self.known)
            self.chance.shuffle(self.deck)
        name = self.deck.pop()
        self.known[name]()
        return name

    def kill_primary(self) -> None:
        """Kill the primary; it comes back after a while."""
        member = self.stand.members.primary()
        member.kill()
        time.sleep(self.pause)
        member.revive()

    def hold_primary(self) -> None:
        """Stop the primary in its tracks for longer than an election takes."""
        process = self.stand.members.primary().process
        process.send_signal(19)
        time.sleep(ELECTION + self.pause)
        process.send_signal(18)

    def step_down(self) -> None:
        """Let the primary step down."""
        self.stand.members.primary().command("replSetStepDown", 10, secondaryCatchUpPeriodSecs=5)
        time.sleep(self.pause)

    def cut_primary(self, *, machines: bool) -> None:
        """Cut the primary from the others; those who ask may still reach it."""
        network, primary = self.stand.network, self.stand.members.primary().host
        others = network.hosts if machines else [one.host for one in self.stand.members.all]
        network.cut(primary, others)
        self._heal()

    def silence_primary(self) -> None:
        """Let the primary hear everybody and nobody hear it."""
        network = self.stand.network
        network.cut(self.stand.members.primary().host, network.hosts, both=False)
        self._heal()

    def cut_two(self) -> None:
        """Cut two members from each other; the third reaches both."""
        one, other = self.chance.sample(self.stand.members.all, 2)
        self.stand.network.cut(one.host, [other.host])
        self._heal()

    def cut_machine_from_primary(self) -> None:
        """Cut a machine from the primary; it reaches the others."""
        self.stand.network.cut(self.machine.host, [self.stand.members.primary().host])
        self._heal()

    def cut_machine(self) -> None:
        """Cut a machine from all members."""
        self.stand.network.cut(self.machine.host, [one.host for one in self.stand.members.all])
        self._heal()

    def _heal(self) -> None:
        time.sleep(ELECTION + self.pause)
        self.stand.network.heal()

    def fill_member(self) -> None:
        """Fill the disk of a member to the last byte; MongoDB ends, and starts again when there is room."""
        member = self.chance.choice(self.stand.members.all)
        member.host.fill()
        time.sleep(ELECTION + self.pause)
        member.host.empty()
        time.sleep(1)  # it may be ending just now
        member.revive()

    def fill_machine(self) -> None:
        """Fill the disk of a machine's data folder."""
        host = self.machine.host
        host.fill()
        time.sleep(ELECTION + self.pause)
        host.empty()

    def step_clock(self) -> None:
        """Step a machine's clock."""
        self.machine.host.step(self.chance.choice(STEPS))
        time.sleep(1)
