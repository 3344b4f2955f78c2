import pytest

from oddqso import api
from oddqso.api import reviewing
from oddqso.errors import ConfigError, StageError


@pytest.fixture
def run(tmp_path):
    """A folder that is nearly a run: what is wrong is found before anything is read."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.json").write_text('{"oddqso": "0", "input": "x", "settings": {}}')
    return folder


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_without_accounts_no_other_machine_gets_in(run, host):
    with pytest.raises(ConfigError, match="--group"):
        api.review(run, host=host, browser=False)


@pytest.mark.parametrize("name", ["https://x/", "*", "a b", ""])
def test_a_name_of_a_host_is_a_name(run, name):
    with pytest.raises(ConfigError, match="no name of a host"):
        api.review(run, allowed_hosts=[name], browser=False)


@pytest.mark.parametrize(
    ("word", "message"),
    [("review.blindd=true", "did you mean blind"), ("train.max_epochs=2", "no setting of the review")],
)
def test_settings_of_the_review_are_checked(run, word, message):
    with pytest.raises(ConfigError, match=message):
        api.review(run, overrides=[word], browser=False)


def test_what_is_no_run_or_no_finished_one_is_named(run, tmp_path):
    with pytest.raises(ConfigError, match=r"no run\.json"):
        api.review(tmp_path, browser=False)
    with pytest.raises(StageError, match="not complete"):
        api.review(run, browser=False)


def test_a_run_is_reviewed_at_the_same_port_again_so_that_no_page_sends_to_nobody(tmp_path):
    with reviewing._listen("127.0.0.1", 0, tmp_path) as first:
        with reviewing._listen("127.0.0.1", 0, tmp_path) as second:  # beside it another free one will do
            assert second.getsockname()[1] != first.getsockname()[1]
        usual = first.getsockname()[1]
    with reviewing._listen("127.0.0.1", 0, tmp_path / ".." / tmp_path.name) as again:
        assert again.getsockname()[1] == usual == reviewing.usual_port(tmp_path)
