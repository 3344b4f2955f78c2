"""Settings: one object, one section a stage, read from ``oddqso.toml``."""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from oddqso.catalog.params import ReleaseParams
from oddqso.desi.params import IngestParams, SampleParams
from oddqso.embed.params import EncodeParams, TrainParams
from oddqso.errors import ConfigError
from oddqso.params import Params
from oddqso.prepare.params import PrepareParams
from oddqso.reports.params import ReportParams
from oddqso.review.params import ReviewParams
from oddqso.score.params import DetectorParams, FitParams, ScoreParams
from oddqso.significance.params import SignificanceParams
from oddqso.validation.params import EfficiencyParams, InjectParams
from oddqso.vetting.params import VettingParams


class Settings(Params):
    """All settings of a run."""

    seed: int = 1
    """Seed of everything random: same seed, same input, same bytes."""
    sample: SampleParams = SampleParams()
    """Which objects, and their splits."""
    ingest: IngestParams = IngestParams()
    """Reading the spectra."""
    prepare: PrepareParams = PrepareParams()
    """Dereddening, rebinning, normalizing."""
    train: TrainParams = TrainParams()
    """The model and its training."""
    embed: EncodeParams = EncodeParams()
    """Encoding with the trained model."""
    fit: FitParams = FitParams()
    """Fitting the detectors."""
    score: ScoreParams = ScoreParams()
    """Scoring."""
    significance: SignificanceParams = SignificanceParams()
    """Normalizing and merging scores, p-values, false discovery rate."""
    release: ReleaseParams = ReleaseParams()
    """The catalog files."""
    report: ReportParams = ReportParams()
    """The report."""
    inject: InjectParams = InjectParams()
    """Planting anomalies (`oddqso inject`)."""
    efficiency: EfficiencyParams = EfficiencyParams()
    """What is found of them."""
    vetting: VettingParams = VettingParams()
    """The blind queue (`oddqso vet`)."""
    review: ReviewParams = ReviewParams()
    """The review room (`oddqso review`)."""

    def of_stages(self) -> dict[str, Params]:
        """The settings of each stage, by its name."""
        sections = {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), Params)}
        return sections | {"fit": DetectorParams(fit=self.fit, score=self.score)}


def read_settings(path: Path | None = None, overrides: Sequence[str] = ()) -> Settings:
    """Settings from a TOML file and from ``section.name=value`` words.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a setting is unknown or has a wrong value.
    """
    content: dict[str, Any] = {}
    if path is not None:
        try:
            content = tomllib.loads(path.read_text())
        except OSError as error:
            raise ConfigError(
                f"cannot read the settings {path}: {error.strerror}; make one with `oddqso init`"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path} is not valid TOML: {error}") from error
    for word in overrides:
        _override(content, word)
    return make_settings(content, str(path) if path else "the settings")


def make_settings(content: dict[str, Any], where: str = "the settings") -> Settings:
    """Settings from a dictionary of sections.

    Raises
    ------
    ConfigError
        If a setting is unknown or has a wrong value; it says which names there are.
    """
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{where}: " + "; ".join(_explain(e) for e in error.errors())) from None


def _override(content: dict[str, Any], word: str) -> None:
    name, equals, text = word.partition("=")
    if not equals:
        raise ConfigError(f"--set {word!r} is not of the form section.name=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, last = name.strip().split(".")
    for section in sections:
        content = content.setdefault(section, {})
        if not isinstance(content, dict):
            raise ConfigError(f"--set {word!r}: {section} is not a section")
    content[last] = value


def _explain(error: Any) -> str:
    place = ".".join(map(str, error["loc"]))
    if error["type"] != "extra_forbidden":
        return f"{place} = {error['input']!r}: {error['msg']}"
    known = _names(Settings, error["loc"][:-1])
    close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
    advice = f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
    return f"unknown setting {place}; {advice}"


def _names(model: type[Params], place: Sequence[Any]) -> list[str]:
    for section in place:
        inner = model.model_fields[section].annotation
        if not (isinstance(inner, type) and issubclass(inner, Params)):
            return []
        model = inner
    return list(model.model_fields)


def commented_toml() -> str:
    """Every setting with its default and what it means, as a TOML file."""
    top, sections = _comments(Settings, Settings(), "")
    return "# Settings of oddqso. Every line is a default: change what you need, delete the rest.\n\n" + top + sections


def _comments(model: type[Params], values: Params, prefix: str) -> tuple[str, str]:
    plain, sections = "", ""
    for name, field in model.model_fields.items():
        value = getattr(values, name)
        words = _words(field)
        if isinstance(value, Params):
            inner, deeper = _comments(type(value), value, f"{prefix}{name}.")
            sections += f"\n{words}[{prefix}{name}]\n{inner}{deeper}"
        elif value is None:
            plain += f"{words}# {name} =\n"
        else:
            plain += f"{words}{name} = {_toml(value)}\n"
    return plain, sections


def _words(field: FieldInfo) -> str:
    return "".join(f"# {line.strip()}\n" for line in (field.description or "").splitlines())


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, int | float):
        return repr(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
