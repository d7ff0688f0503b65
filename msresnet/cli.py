"""The command line: ``python -m msresnet COMMAND``.

A command returns its exit code: 0 done, 1 something that the user can mend, told in one
sentence on stderr. Wrong usage is argparse's 2. A bug stays a traceback.
"""

import argparse
import logging
from collections.abc import Sequence

from . import measuring, probe_commands, train_commands
from .arguments import DEFAULT_MODEL
from .command import Command, command_parser
from .errors import MsresnetError
from .explain_command import EXPLAIN
from .listed import MODELS, is_available
from .probing import PROBE
from .terminal import complain, table

INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def main(arguments: Sequence[str] | None = None, *, more: Sequence[Command] = ()) -> int:
    """Run a command and return its exit code; ``more`` commands come before this module's own.

    Raises:
        SystemExit: wrong usage (2), or help (0).
    """
    options = command_parser((*more, *COMMANDS)).parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger(__package__).setLevel(logging.INFO)
    try:
        return options.run(options)
    except MsresnetError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        complain("Stopped")
        return INTERRUPTED


def add_models_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = f"{DEFAULT_MODEL} is the default. A path or a repository of the Hub is a model too."


def list_models(options: argparse.Namespace) -> int:
    """A table of the models that are known by name."""
    rows = [("name", "classes", "size", "weights", "here")]
    for one in MODELS:
        is_here = "yes" if is_available(one.name) else "no"
        rows.append((one.name, str(one.class_count), f"{one.size_mb} MB", one.source, is_here))
    print(table(rows, numbers=(1, 2)))
    return 0


COMMANDS = (
    *measuring.COMMANDS,
    PROBE,
    *probe_commands.COMMANDS,
    Command("models", "list the models that have a name", add_models_arguments, list_models),
    EXPLAIN,
    *train_commands.COMMANDS,
)
