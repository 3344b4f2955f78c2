"""Laws of queues, against plain Python."""

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from oddqso.errors import ConfigError
from oddqso.review.columns import CatalogColumns
from oddqso.review.queues import OPERATORS, STATE_COLUMNS, Filter, QueueSpec, builtin_queues, ordered, selection_queue

N = 400


@dataclass
class Source:
    columns: CatalogColumns
    rows: list[dict]

    @property
    def n(self):
        return len(self.rows)


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Source:
    rng = np.random.default_rng(5)

    def some(values, share=0.1):
        return [None if rng.uniform() < share else value for value in values]

    table = pa.table({
        "TARGETID": pa.array(rng.permutation(np.arange(N) - N // 2) * 10**16, pa.int64()),
        "SCORE": pa.array(some(rng.integers(0, 9, N) / 2), pa.float32()),
        "RANK": pa.array(some(range(N)), pa.int32()),
        "Z": rng.uniform(0, 4, N),
        "QUALITY": pa.array(rng.integers(0, 4, N), pa.int32()),
        "STRICT": rng.uniform(size=N) < 0.5,
        "TIER": some(rng.choice(["gold", "silver", "bronze"], N).tolist(), 0.6),
        "FOUND_BY": some(rng.choice(["CHI2", "CHI2,GMM", "GMM", "NARROW,GMM2"], N).tolist(), 0.5),
        "TAIL_GMM": pa.array(some(rng.uniform(0, 5, N)), pa.float32()),
    })  # fmt: skip
    path = tmp_path_factory.mktemp("queues") / "catalog.parquet"
    pq.write_table(table, path)
    return Source(CatalogColumns(path), table.to_pylist())


def by_plain_python(source, spec):
    keep = [i for i, row in enumerate(source.rows) if all(passes(row[f.column], f) for f in spec.filters)]
    known = [i for i in keep if source.rows[i][spec.order_by] is not None]
    known.sort(key=lambda i: source.rows[i][spec.order_by], reverse=spec.descending)  # stable in both directions
    return [source.rows[i]["TARGETID"] for i in known + [i for i in keep if source.rows[i][spec.order_by] is None]]


def passes(value, one):
    if one.op in ("known", "unknown"):
        return (value is None) == (one.op == "unknown")
    if value is None:
        return False
    if one.op == "in":
        return value in one.value
    if one.op == "has":
        return one.value in value.split(",")
    return {
        "==": value == one.value, "!=": value != one.value,
        "<": one.op == "<" and value < one.value, "<=": one.op == "<=" and value <= one.value,
        ">": one.op == ">" and value > one.value, ">=": one.op == ">=" and value >= one.value,
    }[one.op]  # fmt: skip


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("column", ["TARGETID", "SCORE", "RANK", "Z", "QUALITY", "STRICT", "TIER"])
def test_order_ties_stay_and_the_unknown_is_last(source, column, descending):
    spec = QueueSpec(column, descending)
    assert ordered(source, spec).tolist() == by_plain_python(source, spec)


FILTERS = [
    Filter("SCORE", ">", 2), Filter("SCORE", ">=", 2.0), Filter("SCORE", "<", 1), Filter("SCORE", "!=", 1.5),
    Filter("SCORE", "==", 1.5), Filter("SCORE", "in", [0, 4]), Filter("SCORE", "known"), Filter("SCORE", "unknown"),
    Filter("RANK", "<=", 100), Filter("RANK", "!=", 5), Filter("TARGETID", "<", 0), Filter("TARGETID", "in", []),
    Filter("QUALITY", "==", 0), Filter("STRICT", "==", True), Filter("STRICT", "!=", True),
    Filter("TIER", "==", "gold"),
    Filter("TIER", "!=", "gold"), Filter("TIER", "in", ["gold", "none such"]), Filter("TIER", "unknown"),
    Filter("FOUND_BY", "has", "GMM"), Filter("FOUND_BY", "known"),
]  # fmt: skip


@pytest.mark.parametrize("one", FILTERS, ids=lambda one: f"{one.column} {one.op} {one.value}")
def test_a_filter_keeps_what_passes(source, one):
    spec = QueueSpec("Z", filters=(one,))
    assert ordered(source, spec).tolist() == by_plain_python(source, spec)


def test_filters_hold_together_and_their_order_does_not_matter(source):
    some = (Filter("TIER", "known"), Filter("SCORE", ">", 1), Filter("QUALITY", "<", 3))
    both = ordered(source, QueueSpec(filters=some))
    np.testing.assert_array_equal(ordered(source, QueueSpec(filters=some[::-1])), both)
    alone = [set(ordered(source, QueueSpec(filters=(one,))).tolist()) for one in some]
    assert set(both.tolist()) == set.intersection(*alone)


def test_comparisons_and_the_unknown_share_out_all_objects(source):
    parts = [
        ordered(source, QueueSpec(filters=(Filter("SCORE", op, v),))) for op, v in (("<", 2), (">=", 2), ("unknown", 0))
    ]
    assert sorted(np.concatenate(parts).tolist()) == sorted(source.columns["TARGETID"].tolist())


def test_a_target_may_be_named_by_text(source):
    target_id = source.rows[7]["TARGETID"]
    assert ordered(source, QueueSpec(filters=(Filter("TARGETID", "==", str(target_id)),))).tolist() == [target_id]


def test_places_instead_of_targets(source):
    rows = ordered(source, QueueSpec("Z"), rows=True)
    np.testing.assert_array_equal(source.columns["TARGETID"][rows], ordered(source, QueueSpec("Z")))


def test_what_the_caller_brings_is_ordered_and_filtered_too(source):
    interest = np.where(np.arange(N) % 3 == 0, np.nan, np.arange(N)).astype(np.float32)
    mine = np.arange(N) % 2 == 0
    spec = builtin_queues(source)["learned"]
    found = ordered(source, spec, {"INTEREST": interest, "MINE": mine}, rows=True)
    assert found.tolist() == [i for i in range(N - 1, -1, -1) if i % 3 and i % 2]


def test_built_in_queues_hold_what_their_names_say(source):
    extra = {name: np.zeros(N, bool) for name in STATE_COLUMNS if not name.startswith("INTEREST")}
    extra |= {"INTEREST": np.full(N, np.nan, np.float32), "SELECTED": np.arange(N) < 3}
    queues = builtin_queues(source)
    sizes = {name: len(ordered(source, spec, extra)) for name, spec in queues.items()}
    tiers = [row["TIER"] for row in source.rows]
    assert sizes["tier-gold"] == tiers.count("gold")
    assert sizes["tier"] == N - tiers.count(None)
    assert sizes["score"] == sizes["unlabeled"] == sum(row["SCORE"] is not None for row in source.rows)
    assert sizes["found-by-GMM"] == sum("GMM" in (row["FOUND_BY"] or "").split(",") for row in source.rows)
    assert sizes["flagged"] == sizes["assigned"] == sizes["disagreements"] == sizes["learned"] == 0
    assert len(ordered(source, selection_queue(), extra)) == 3


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (QueueSpec("NO"), "no column 'NO'; it has TARGETID"),
        (QueueSpec(filters=(Filter("MINE", "==", True),)), "MINE is not known here"),
        (QueueSpec(filters=(Filter("TIER", ">", "gold"),)), "holds text"),
        (QueueSpec(filters=(Filter("TIER", "==", 3),)), "expected text"),
        (QueueSpec(filters=(Filter("SCORE", "has", "x"),)), "holds no names"),
        (QueueSpec(filters=(Filter("SCORE", ">", "x"),)), "expected a number"),
        (QueueSpec(filters=(Filter("SCORE", ">", math.nan),)), "expected a number"),
        (QueueSpec(filters=(Filter("SCORE", ">", True),)), "expected a number"),
        (QueueSpec(filters=(Filter("SCORE", ">", None),)), "expected a number"),
        (QueueSpec(filters=(Filter("SCORE", "in", 3),)), "a list"),
        (QueueSpec(filters=(Filter("SCORE", "in", [1] * 1001),)), "at most 1000"),
        (QueueSpec(filters=(Filter("QUALITY", "==", 2**80),)), "64 bits"),
        (QueueSpec(filters=(Filter("TARGETID", "==", "abc"),)), "no TARGETID"),
        (QueueSpec(filters=(Filter("STRICT", ">", True),)), "true or false"),
        (QueueSpec(filters=(Filter("STRICT", "==", 1),)), "true or false"),
    ],
)
def test_what_cannot_be_is_said(source, spec, words):
    with pytest.raises(ConfigError, match=words):
        ordered(source, spec)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "expected an object"),
        ([], "expected an object"),
        ({"order": "Z"}, "has no 'order'"),
        ({"order_by": 3}, "order_by is 3"),
        ({"descending": "yes"}, "true or false"),
        ({"filters": {}}, "no list"),
        ({"filters": [{}] * 33}, "at most 32"),
        ({"filters": [3]}, "expected an object"),
        ({"filters": [{"column": "Z", "op": "~", "value": 1}]}, "compares by '~'"),
        ({"filters": [{"column": "Z", "op": ["=="], "value": 1}]}, "compares by"),
        ({"filters": [{"column": 1, "op": "=="}]}, "the name of a column"),
    ],
)
def test_what_is_no_queue_is_refused(content, words):
    with pytest.raises(ConfigError, match=words):
        QueueSpec.from_json(content)


def test_json_comes_back(source):
    spec = QueueSpec("Z", False, tuple(Filter("SCORE", op, 1) for op in OPERATORS))
    assert QueueSpec.from_json(spec.as_json()) == spec
