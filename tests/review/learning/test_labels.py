"""What verdicts teach."""

import pytest
from pydantic import ValidationError

from oddqso.config import make_settings
from oddqso.errors import ConfigError
from oddqso.review.learning.labels import interest_of, labels_of
from oddqso.review.learning.params import LearningParams

from .conftest import Said


@pytest.mark.parametrize(
    ("verdict", "interest", "expected"),
    [
        ("ANOMALY", None, 4), ("ANOMALY", 0, 0), ("ANOMALY", 5, 5), ("ORDINARY", 5, 0), ("ARTIFACT", 5, 0),
        ("KNOWN", None, 0), ("WRONG_REDSHIFT", 3, 0), ("UNSURE", 5, None), (None, 5, None),
    ],
)  # fmt: skip
def test_only_interesting_verdicts_have_interest(verdict, interest, expected):
    assert interest_of(Said(1, verdict, None, interest), LearningParams()) == expected


def test_the_rule_can_be_set():
    params = LearningParams(interesting=("KNOWN", "ANOMALY"), dull_subtypes=("reddened",), interest_default=3)
    assert interest_of(Said(1, "KNOWN"), params) == 3
    assert interest_of(Said(1, "ANOMALY", "reddened", 5), params) == 0


def test_the_last_verdict_that_teaches_counts():
    labels = labels_of(
        [Said(7, "ANOMALY"), Said(3, "ORDINARY"), Said(7, "ORDINARY"), Said(7, "UNSURE")], LearningParams()
    )
    assert labels.target_id.tolist() == [3, 7]
    assert labels.interest.tolist() == [0, 0]


def test_a_verdict_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match="ANOMLAY is no verdict"):
        make_settings({"review": {"learning": {"interesting": ["ANOMLAY"]}}})


def test_nothing_is_both_interesting_and_no_answer():
    with pytest.raises(ValidationError, match="both"):
        LearningParams(interesting=("UNSURE",))
