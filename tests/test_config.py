import itertools
import tomllib

import pytest

from oddqso.config import Settings, commented_toml, make_settings, read_settings
from oddqso.errors import ConfigError


def test_the_commented_file_is_the_defaults(tmp_path):
    path = tmp_path / "oddqso.toml"
    path.write_text(commented_toml())
    assert read_settings(path) == Settings()


def test_every_setting_is_explained():
    lines = commented_toml().splitlines()
    for before, line in itertools.pairwise(lines):
        if " = " in line and not line.startswith("#"):
            assert before.startswith("# "), f"{line} has no words"


def test_settings_survive_json():
    settings = read_settings(None, ["seed=7", "sample.salt=other"])
    assert make_settings(settings.model_dump(mode="json")) == settings


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("sample.fit_fractoin=0.3", r"unknown setting sample\.fit_fractoin; did you mean fit_fraction\?"),
        ("smaple.fit_fraction=0.3", r"unknown setting smaple; did you mean sample\?"),
        ("sample.fit_fraction=lots", r"sample\.fit_fraction = 'lots'"),
        ("sample.fit_fraction", "not of the form"),
        ("seed.x=3", "seed"),
    ],
)
def test_a_wrong_setting_is_named(word, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(None, [word])


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the settings"):
        read_settings(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("[sample\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_settings(bad)
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_settings(bad)


def test_words_win_over_the_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("seed = 3\n[sample]\nsalt = 'file'\n")
    settings = read_settings(path, ["sample.salt=word"])
    assert (settings.seed, settings.sample.salt) == (3, "word")


def test_the_commented_file_is_toml():
    assert set(tomllib.loads(commented_toml())) <= set(Settings.model_fields)
