# ruff: noqa: INP001 - a script beside its picture, no package
"""Record `lilota demo` in a real terminal (tmux) and draw it as docs/images/demo.svg.

    python docs/images/record_demo.py

Needs tmux, rich, and lilota with its example tasks. The picture shows two moments of one run. It names no font and
no address, so that it looks the same everywhere and nothing is fetched to show it.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

PICTURE = Path(__file__).with_name("demo.svg")
COLUMNS, ROWS = 118, 40
MARGIN_COLUMNS = 2
SESSION = "lilota-record-demo"
BAR = re.compile(r"^ *\d+ .*━.* (\d+)%", re.MULTILINE)
# Rich's own form without its web fonts, its window buttons and its margins.
SVG = """<svg class="rich-terminal" viewBox="0 0 {terminal_width} {terminal_height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect fill="#191919" width="{terminal_width}" height="{terminal_height}" rx="8"/>
<g transform="translate(9, 9)" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def tmux(*arguments: str) -> str:
    """Run a tmux command on a server of its own and return what it printed."""
    command = [shutil.which("tmux") or "tmux", "-L", SESSION, "-f", "/dev/null", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603 - fixed words


def record(folder: str) -> list[str]:
    """Run the demo and return what the terminal showed, ten times a second."""
    lilota = Path(sys.executable).with_name("lilota")
    shell = f"PS1='$ ' exec env -i PATH={lilota.parent}:/usr/bin:/bin TERM=screen-256color PS1='$ ' bash --norc"
    tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), "-c", folder, shell)
    try:
        while "$" not in tmux("capture-pane", "-p"):
            time.sleep(0.1)
        tmux("send-keys", "lilota demo", "Enter")
        frames = [""]
        while "lilota logs" not in frames[-1]:
            frames.append(tmux("capture-pane", "-e", "-p"))
            time.sleep(0.1)
        return frames
    finally:
        tmux("kill-server")


def liveliest(frames: list[str]) -> str:
    """Return the bars of a frame in which as many as possible are on their way."""

    def bars_on_the_way(frame: str) -> int:
        shown = BAR.findall(Text.from_ansi(frame).plain)
        return sum(0 < int(percent) < 100 for percent in shown)

    most = max(map(bars_on_the_way, frames))
    candidates = [frame for frame in frames if bars_on_the_way(frame) == most]
    lines = candidates[len(candidates) // 2].rstrip().splitlines()
    return "\n".join(lines[:1] + [line for line in lines if "━" in line])


def draw(moments: list[str]) -> str:
    """Return the moments, one below the other, as SVG."""
    console = Console(record=True, width=COLUMNS + MARGIN_COLUMNS, file=io.StringIO(), force_terminal=True)
    for number, moment in enumerate(moments):
        if number:
            console.print(Rule("a moment later", style="dim"))
        lines = moment.rstrip().removesuffix("$").rstrip().splitlines()
        console.print(Text.from_ansi("\n".join(lines)), end="\n\n")
    return console.export_svg(title="lilota demo", theme=DIMMED_MONOKAI, code_format=SVG, unique_id="demo")


def main() -> None:
    """Record and draw."""
    with tempfile.TemporaryDirectory(prefix="lilota-record-") as folder:
        frames = record(folder)
    PICTURE.write_text(draw([liveliest(frames), frames[-1]]), encoding="utf-8")
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes, {len(frames)} frames seen")  # noqa: T201 - its only output


if __name__ == "__main__":
    main()
