"""What a run of the training sets: `configurations/<name>.toml`, or a file of one's own.

products = 3000              # take this many, evenly across the catalogue; without it, all of them
skip = ["train_teacher"]     # steps that the others can do without

[train_encoder]              # a table for a step: options of its command line, as `graph` names them
epochs = 2
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from relevance.errors import VitrineError
from sagemaker_jobs.graph import GATE, KINDS, STEPS, Step

FOLDER = Path(__file__).with_name("configurations")
DEFAULT = "small"
PRODUCTS, SKIP = "products", "skip"

Value = int | float | str


class ConfigurationRefused(VitrineError):
    """A configuration names what the graph does not have, or gives a value of another kind."""


@dataclass(frozen=True)
class Configuration:
    """The values of one run; what it does not name is as the jobs have it by default."""

    name: str
    products: int | None = None
    """At most how many of the catalogue are taken; None: all of them."""
    skip: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    """Step -> option -> value."""

    def arguments(self, step: str) -> list[str]:
        """A step's options as its command line takes them, in the alphabet's order."""
        given = sorted(self.options.get(step, {}).items())
        return [part for option, value in given for part in (f"--{option}", str(value))]

    def steps(self, steps: Sequence[Step] = STEPS) -> list[Step]:
        """Those that are not skipped, in their order."""
        return [step for step in steps if step.name not in self.skip]

    def values(self) -> dict[str, Any]:
        """All that was set, for the lineage."""
        return {PRODUCTS: self.products, SKIP: list(self.skip)} | {
            step: dict(options) for step, options in sorted(self.options.items())
        }


def read_configuration(named: str, steps: Sequence[Step] = STEPS) -> Configuration:
    """The configuration of a name in `configurations/`, or in the file of that path.

    Raises:
        ConfigurationRefused: Naming the file, the table and the key that do not fit, and what was expected.
    """
    file = Path(named) if named.endswith(".toml") else FOLDER / f"{named}.toml"
    if not file.is_file():
        known = ", ".join(sorted(path.stem for path in FOLDER.glob("*.toml")))
        raise ConfigurationRefused(f"configuration {named}: no file {file}; name a .toml file, or one of {known}")
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationRefused(f"{file}: {error}") from error
    by_name = {step.name: step for step in steps}
    products = read.pop(PRODUCTS, None)
    if products is not None and (type(products) is not int or products < 2):
        raise ConfigurationRefused(f"{file}: {PRODUCTS} is {products!r}, expected a whole number from 2")
    skip = _skipped(file, read.pop(SKIP, []), by_name)
    options = {}
    for table, given in read.items():
        if table not in by_name or not isinstance(given, dict):
            raise ConfigurationRefused(
                f"{file}: {table} is no step; expected {PRODUCTS}, {SKIP}, or a table named {_one_of(by_name)}"
            )
        options[table] = {option: _value(file, by_name[table], option, value) for option, value in given.items()}
    return Configuration(file.stem, products, skip, options)


def _skipped(file: Path, given: Any, by_name: Mapping[str, Step]) -> tuple[str, ...]:
    if not isinstance(given, list) or not all(isinstance(name, str) for name in given):
        raise ConfigurationRefused(f"{file}: {SKIP} is {given!r}, expected a list of steps")
    for name in given:
        if name not in by_name:
            raise ConfigurationRefused(f"{file}: {SKIP}: {name} is no step, expected {_one_of(by_name)}")
        if name == GATE[0]:
            raise ConfigurationRefused(f"{file}: {SKIP}: {name} decides whether a release is registered")
    for step in by_name.values():
        for channel, source in step.inputs.items():
            if source in given and step.name not in given and channel not in step.optional:
                raise ConfigurationRefused(f"{file}: {SKIP}: {step.name} cannot do without the result of {source}")
    return tuple(given)


def _value(file: Path, step: Step, option: str, value: Any) -> Value:
    where = f"{file}: [{step.name}] {option}"
    if option not in step.parameters:
        expected = _one_of(step.parameters) if step.parameters else "none: the step takes no options"
        raise ConfigurationRefused(f"{where} is no option of that step, expected {expected}")
    kind = KINDS[option]
    if type(value) is int and kind is float:
        return float(value)
    if type(value) is not kind:
        raise ConfigurationRefused(f"{where} is {value!r}, expected {_SPOKEN[kind]}")
    return value


_SPOKEN = {int: "a whole number", float: "a number", str: "a text"}


def _one_of(names: Iterable[str]) -> str:
    return "one of " + ", ".join(names)
