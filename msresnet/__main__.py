"""``python -m msresnet COMMAND``: the commands of the command line, and the page."""

import argparse
import sys
from collections.abc import Sequence

from . import cli
from .arguments import positive
from .command import Command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    return cli.main(arguments, more=[DEMO])


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="NAME", help="the model to begin with (default: the best here)")
    parser.add_argument("--host", metavar="H", help="the address to listen on (default: this machine only)")
    parser.add_argument("--port", metavar="P", type=port, help="the port to listen on (default: a free one)")
    parser.add_argument("--share", action="store_true", help="also open a public link through gradio.live")
    parser.add_argument("--mcp", action="store_true", help="also serve the endpoints as tools for agents (MCP)")


def port(text: str) -> int:
    """A TCP port."""
    number = positive(text)
    if number > 65_535:
        raise argparse.ArgumentTypeError(f"must be at most 65535, got {number}")
    return number


def open_page(options: argparse.Namespace) -> int:
    """Serve the page until it is stopped."""
    from .ui import launch  # Gradio takes seconds to import, and no other command needs it

    launch(model=options.model, host=options.host, port=options.port, share=options.share, has_tools=options.mcp)
    return 0


DEMO = Command("demo", "open the page in a browser", add_demo_arguments, open_page)

if __name__ == "__main__":
    sys.exit(main())
