import math

import pytest

from oddqso.errors import DataError
from oddqso.review.classes import CLASSES, as_json, check_class
from oddqso.review.store import NewVerdict
from oddqso.vetting.verdicts import Verdict

RIGHT = {"client_id": "0b6f4c1e-7f3c-4a8e", "target_id": 7, "verdict": "KNOWN"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": ""}, {"client_id": "short"}, {"client_id": "x" * 65}, {"client_id": "a b c d e f"},
        {"client_id": None}, {"target_id": 2**63}, {"target_id": -(2**63) - 1}, {"target_id": "7"},
        {"target_id": 7.0}, {"target_id": True}, {"verdict": "NOVA"}, {"verdict": "known"}, {"subtype": "sky"},
        {"subtype": ""}, {"interest": 6}, {"interest": -1}, {"interest": 2.0}, {"interest": False},
        {"confidence": 0}, {"confidence": 4}, {"z": math.nan}, {"z": math.inf}, {"z": 20}, {"z": -1}, {"z": "2"},
        {"seconds": -1}, {"seconds": math.inf}, {"comment": "x" * 4001}, {"comment": "a\0b"},
        {"comment": "\ud800"}, {"comment": None}, {"queue": "x" * 65}, {"tags": ["a"]}, {"tags": ("",)},
        {"tags": ("a\nb",)}, {"tags": ("x" * 65,)}, {"tags": (1,)}, {"tags": tuple(map(str, range(33)))},
        {"flagged": 1}, {"flagged": None},
    ],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_with_the_fields_name(wrong):
    (name,) = wrong
    word = {"tags": "tag", "subtype": "sub-type"}.get(name, name)
    with pytest.raises(DataError, match=word):
        NewVerdict(**RIGHT | wrong)


def test_long_and_foreign_text_is_kept():
    said = NewVerdict(**RIGHT, comment="🌌" * 4000, tags=("Å" * 64,))
    assert (len(said.comment), said.tags) == (4000, ("Å" * 64,))


def test_tags_are_composed_trimmed_and_kept_once():
    assert NewVerdict(**RIGHT, tags=(" A\u030a", "Å", "b")).tags == ("Å", "b")


def test_an_error_does_not_repeat_a_huge_word():
    with pytest.raises(DataError) as caught:
        NewVerdict(**RIGHT | {"verdict": "x" * 1_000_000})
    assert len(str(caught.value)) < 300


def test_each_verdict_stands_in_the_tree_once_with_keys_that_differ():
    assert {kind.verdict for kind in CLASSES} == set(Verdict)
    assert len(CLASSES) == len(Verdict)
    assert len({kind.key for kind in CLASSES}) == len(CLASSES)
    for kind in CLASSES:
        for part in ("key", "name"):
            values = [getattr(one, part) for one in kind.subtypes]
            assert len(set(values)) == len(values)
        for one in kind.subtypes:
            assert check_class(kind.verdict, one.name) is kind.verdict
            assert len(one.name) <= 64
            assert one.key.isalpha()
            assert len(one.key) == 1


def test_the_tree_is_plain_json():
    import json

    assert json.loads(json.dumps(as_json())) == [{**kind, "subtypes": list(kind["subtypes"])} for kind in as_json()]
