"""The simulated providers together, and their state at the start for resets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import fields

from rescind.sandbox.exchange import Exchange
from rescind.sandbox.faults import KINDS, Faults
from rescind.sandbox.installed_simulations import simulations
from rescind.sandbox.sandbox_scenario import Scenario, Script
from rescind.sandbox.sandbox_settings import PROVIDERS, Settings
from rescind.sandbox.simulation import Simulation
from rescind.sandbox.timing import RealTime, Timing


class World:
    """The whole sandbox without its sockets."""

    def __init__(
        self,
        settings: Settings,
        rate: float = 0.0,
        kinds: Sequence[str] = KINDS,
        refuse: Callable[[float], None] = lambda seconds: None,
        timing: Timing | None = None,
    ) -> None:
        self.settings = settings
        self._options = deepcopy(settings)
        self._first = deepcopy(settings)
        self.scenario = Scenario()
        self._rate, self._kinds = rate, tuple(kinds)
        self.simulations: dict[str, Simulation] = {
            name: kind(settings) for name, kind in simulations().items()
        }
        faults = self._new_faults()
        time = timing or RealTime()
        self.exchange = Exchange(self.simulations, settings, faults, refuse, time)

    def logins(self) -> dict[str, int]:
        """The number of tokens that each provider has issued."""
        made = self.simulations.values()
        return {one.name: one.tokens.issued for one in made if one.tokens}

    def expire_tokens(self) -> int:
        made = self.simulations.values()
        return sum(one.tokens.expire() for one in made if one.tokens)

    def play(self, scenario: Scenario) -> None:
        """Begin again with this scenario; its settings override the options'."""
        self.scenario = scenario
        self._first = deepcopy(self._options)
        self._first.change(scenario.settings)
        self.reset()

    def reset(self) -> None:
        """Restore the state at the start."""
        for one in self.simulations.values():
            one.reset()
        for field in fields(Settings):
            setattr(
                self.settings, field.name, deepcopy(getattr(self._first, field.name))
            )
        self.exchange.reset()
        self.exchange.faults = self._new_faults()
        self.exchange.script = Script(self.scenario)
        for seed in self.scenario.seeds:
            self.simulations[seed.provider].seed(seed.id, seed.state, seed.options)

    def _new_faults(self) -> Faults:
        faults = Faults(self.settings.seed)
        faults.rates = dict.fromkeys(PROVIDERS, self._rate)
        faults.kinds = dict.fromkeys(PROVIDERS, self._kinds)
        return faults
