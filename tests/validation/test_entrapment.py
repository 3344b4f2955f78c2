import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.validation.entrapment import entrapment, hide, read_ordinary


def hidden_and_called(n_others, n_hidden, n_others_called, n_hidden_called):
    hidden = np.repeat([False, True], [n_others, n_hidden])
    called = np.zeros(len(hidden), bool)
    called[:n_others_called] = True
    called[n_others : n_others + n_hidden_called] = True
    return called, hidden


def test_the_estimate_is_the_formula():
    found = entrapment(*hidden_and_called(10_000, 500, 98, 2), 0.05)
    assert found.fdp == pytest.approx(2 * (1 + 10_000 / 500) / (98 + 2))
    assert found.low < found.fdp < found.high


def test_no_hidden_one_on_the_list_is_a_limit_and_not_a_zero():
    found = entrapment(*hidden_and_called(10_000, 500, 100, 0), 0.05)
    assert found.fdp == 0
    assert found.high > 0


def test_more_hidden_spectra_tell_more():
    few, many = (entrapment(*hidden_and_called(10_000, n, 200, n // 100), 0.1) for n in (200, 2000))
    assert many.high - many.low < few.high - few.low


def test_an_empty_list_has_no_false_share():
    assert entrapment(*hidden_and_called(100, 10, 0, 0), 0.1).fdp is None


def test_with_nothing_hidden_there_is_no_estimate():
    with pytest.raises(DataError, match="name some"):
        entrapment(*hidden_and_called(100, 0, 5, 0), 0.1)


def test_a_share_is_never_above_one():
    found = entrapment(*hidden_and_called(1000, 10, 0, 10), 0.1)
    assert (found.fdp, found.high) == (1.0, 1.0)


@pytest.mark.parametrize(
    "text", ["7\n9\n", "# ordinary\n\n9\n7", "TARGETID\n7\n9\n", "NAME,TARGETID\na,7\nb,9\n", "\ufeff7\n9\n"]
)
def test_targets_are_read_from_lines_and_columns(tmp_path, text):
    path = tmp_path / "ordinary.txt"
    path.write_text(text, encoding="utf-8")
    assert read_ordinary(path).tolist() == [7, 9]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("7\nseven\n", "line 2: 'seven' is no TARGETID"),
        ("7\n1.5e4\n", "line 2"),
        ("-3\n", "line 1"),
        (f"{2**63}\n", "no TARGETID"),
        ("NAME,TARGETID\na\n", "line 2"),
        ("7\n7\n", "stands 2 times"),
        ("", "holds no TARGETID"),
        ("# nothing\n", "holds no TARGETID"),
    ],
)
def test_a_bad_file_is_refused_with_the_line(tmp_path, text, says):
    path = tmp_path / "ordinary.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        read_ordinary(path)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_ordinary(tmp_path / "nothing.txt")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match="cannot be read"):
        read_ordinary(tmp_path / "image.png")


def test_hidden_spectra_have_to_be_in_test():
    target_id, split = np.array([1, 2, 3]), np.array(["FIT", "CALIBRATION", "TEST"])
    assert hide(target_id, split, np.array([3]), "run").tolist() == [False, False, True]
    with pytest.raises(DataError, match="1 of the TARGETIDs, such as 9, are not in run"):
        hide(target_id, split, np.array([3, 9]), "run")
    with pytest.raises(DataError, match="TARGETID 2 stands in CALIBRATION"):
        hide(target_id, split, np.array([2, 3]), "run")
