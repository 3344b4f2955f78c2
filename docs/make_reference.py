"""Make the pages of docs/reference from the code and the benchmarks; with --check, say which are stale and fail."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from benchmarks_page import RESULTS, benchmarks_page
from model_page import seeds_file
from pydantic.fields import FieldInfo

from oddqso import api
from oddqso.catalog.columns import columns_page
from oddqso.cli import app
from oddqso.config import Settings
from oddqso.desi.survey import SurveyParams
from oddqso.params import Params
from oddqso.reports.metrics_page import metrics_page
from oddqso.spectra.quality import UNSCORABLE, Quality
from oddqso.stages import STAGES
from oddqso.stages.branches import BRANCHES

REFERENCE = Path(__file__).parent / "reference"
SEEDS = Path(__file__).parents[1] / "src/oddqso/reports/seeds.json"
"""What the benchmark found of seeds, for the report of a run, which trains once."""
MADE = "*This page is made from the code by `make docs`.*\n"


def settings_page() -> str:
    """Every setting, its default and its meaning."""
    text = f"# Settings\n\n{MADE}\nAs in `oddqso.toml` (`oddqso init` writes it), one section a stage.\n"
    return text + _section(Settings, Settings(), "", "Top level")


def _section(model: type[Params], values: Params, prefix: str, title: str) -> str:
    rows, deeper = "", ""
    for name, field in model.model_fields.items():
        value = getattr(values, name)
        if isinstance(value, Params):
            deeper += _section(type(value), value, f"{prefix}{name}.", f"[{prefix}{name}]\n\n{_words(field)}")
        else:
            rows += f"| `{name}` | `{value!r}` | {_words(field)} |\n"
    table = f"\n| setting | default | meaning |\n|---|---|---|\n{rows}" if rows else "\nNothing to set yet.\n"
    return f"\n## {title}\n{table}{deeper}"


def _words(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


def command_page() -> str:
    """Every command, its arguments and options."""
    text = f"# Commands\n\n{MADE}"
    for name, command in _commands(typer.main.get_command(app), "oddqso"):
        text += f"\n## {name}\n\n{command.help}\n\n"
        for parameter in command.params:
            names = ", ".join(f"`{word}`" for word in parameter.opts)
            kind = "argument" if parameter.param_type_name == "argument" else "option"
            default = (
                ""
                if parameter.default in (None, ...) or callable(parameter.default)
                else f" Default: `{parameter.default}`."
            )
            needed = " Needed." if parameter.required else ""
            text += f"- {names} ({kind}): {getattr(parameter, 'help', '') or ''}{needed}{default}\n"
    text += "\n## Parameters of `oddqso simulate --set`\n"
    text += _section(SurveyParams, SurveyParams(), "", "SurveyParams").replace("\n## SurveyParams\n", "")
    return text


def _commands(group: Any, before: str) -> Iterator[tuple[str, Any]]:
    """Every command with its whole name; groups of commands are opened."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def python_page() -> str:
    """The verbs in Python."""
    text = f"# In Python\n\n{MADE}\n`import oddqso` offers the verbs of the command line.\n"
    for verb in (
        api.run,
        api.status,
        api.show,
        api.report,
        api.simulate,
        api.pretrain,
        api.demo,
        api.init,
        api.inject,
        api.read_selection,
        api.review,
        api.vet_export,
        api.vet_import,
        api.vet_status,
        api.vet_oracle,
    ):
        call = f"{verb.__name__}{_signature(verb)}"
        text += f"\n## oddqso.{verb.__name__}\n\n```python\n{call}\n```\n\n```text\n{inspect.getdoc(verb)}\n```\n"
    text += f"\n## oddqso.Run\n\n```text\n{inspect.getdoc(api.Run)}\n```\n"
    for name, member in inspect.getmembers(api.Run, inspect.isfunction):
        if not name.startswith("_"):
            text += f"\n- `{name}{inspect.signature(member)}`: {(inspect.getdoc(member) or '').splitlines()[0]}"
    return text + "\n"


def _signature(verb: object) -> str:
    return str(inspect.signature(verb)).replace("pathlib._local.", "").replace("pathlib.", "")  # type: ignore[arg-type]


def stages_page() -> str:
    """The stages and the quality bits."""
    text = f"# Stages and quality bits\n\n{MADE}\n| stage | kind | reads | version |\n|---|---|---|---|\n"
    for stage in (*STAGES, *BRANCHES):
        text += f"| `{stage.name}` | {stage.kind} | {', '.join(stage.reads) or 'the input'} | {stage.version} |\n"
    text += "\nA map stage works shard by shard; a gather stage sees all shards at once. "
    text += f"{' and '.join(f'`{stage.name}`' for stage in BRANCHES)} are made by `oddqso inject` alone.\n\n"
    text += "## Bits of QUALITY\n\n| bit | value | name | scored |\n|---|---|---|---|\n"
    for bit in Quality:
        scored = "no" if bit & UNSCORABLE else "yes"
        text += f"| {bit.value.bit_length() - 1} | {bit.value} | {bit.name} | {scored} |\n"
    return text


PAGES = {
    "settings.md": settings_page,
    "commands.md": command_page,
    "python.md": python_page,
    "stages.md": stages_page,
    "columns.md": columns_page,
    "metrics.md": metrics_page,
    "benchmarks.md": benchmarks_page,
}


def main() -> None:
    """Write the pages, or check them."""
    stale = []
    made = {REFERENCE / name: make for name, make in PAGES.items()} | {SEEDS: lambda: seeds_file(RESULTS)}
    for path, make in made.items():
        text = make()
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"stale: {', '.join(stale)} of {REFERENCE} and {SEEDS.parent}; run `make docs`")


if __name__ == "__main__":
    main()
