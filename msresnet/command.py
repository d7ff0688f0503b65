"""A command of the command line: its name, its options, and what runs it."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: as people type it.
        summary: one line of the list of commands.
        add_arguments: declares its options.
        run: takes the parsed options and returns the exit code.
    """

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def command_parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """The parser of all commands; each leaves its ``run`` in the options."""
    parser = argparse.ArgumentParser(
        prog="msresnet",
        description="Multi-scale ResNets that say which scale decided, and where.",
        epilog="msresnet COMMAND --help tells the options of a command.",
        allow_abbrev=False,
    )
    chosen = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        own = chosen.add_parser(
            command.name,
            help=command.summary,
            description=f"{command.summary[0].upper()}{command.summary[1:]}.",
            allow_abbrev=False,
        )
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    return parser
