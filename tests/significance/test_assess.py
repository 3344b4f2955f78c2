import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from oddqso.errors import ConfigError, DataError
from oddqso.significance.assess import assess
from oddqso.significance.params import NormalizeParams, SignificanceParams

sys.path.insert(0, str(Path(__file__).parent))
from made_scores import NAMES, make_table

PARAMS = SignificanceParams()
LISTS = {"GROUP": pa.string(), "TIER": pa.string(), "FDP_95": pa.float64()}


def with_column(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def made(table):
    return assess(table, PARAMS)


def test_the_columns_and_their_types(made):
    expected = {"TARGETID": pa.int64()}
    for name in NAMES:
        expected |= {f"RANK_{name}": pa.int32(), f"TAIL_{name}": pa.float32()}
    expected |= {"SCORE": pa.float32(), "RANK": pa.int32(), "P_VALUE": pa.float64(), "Q_VALUE": pa.float64()}
    assert {field.name: field.type for field in made.table.schema} == expected | LISTS


def test_every_scored_spectrum_has_a_score_and_a_rank_and_only_test_has_p_and_q(table, made):
    scored = table["QUALITY"].to_numpy() == 0
    test = scored & (table["SPLIT"].to_numpy(zero_copy_only=False) == "TEST")
    for name in ("SCORE", "RANK", "TAIL_KL", "RANK_GMM"):
        np.testing.assert_array_equal(~made.table[name].is_null().to_numpy(), scored)
    for name in ("P_VALUE", "Q_VALUE", "GROUP"):
        np.testing.assert_array_equal(~made.table[name].is_null().to_numpy(), test)


def test_ranks_are_a_count_from_the_oddest(table, made):
    for rank_name, value_name in [("RANK", "SCORE"), ("RANK_BROAD", "TAIL_BROAD")]:
        rank = made.table[rank_name].drop_null().to_numpy()
        value = made.table[value_name].drop_null().to_numpy()
        assert sorted(rank) == list(range(1, len(rank) + 1))
        assert (np.diff(value[np.argsort(rank)]) <= 0).all()


def test_the_odd_ones_come_first(made):
    assert max(made.table["RANK"].to_pylist()[:8]) <= 30


def test_p_and_q_can_be_recomputed_from_what_is_published(table, made):
    frame = pa.table(dict(zip(table.column_names, table.columns, strict=True)) | {
        name: made.table[name] for name in ("SCORE", "P_VALUE", "Q_VALUE", "GROUP")
    }).to_pylist()  # fmt: skip
    held = [row for row in frame if row["SPLIT"] == "CALIBRATION" and row["SCORE"] is not None]
    tested = [row for row in frame if row["P_VALUE"] is not None]
    for row in tested[::40]:
        alike = [other["SCORE"] for other in held if other["STRICT"] == row["STRICT"]]
        assert row["P_VALUE"] == (1 + sum(score >= row["SCORE"] for score in alike)) / (len(alike) + 1)
        assert row["GROUP"] == ("strict" if row["STRICT"] else "permissive")
    p = np.sort([row["P_VALUE"] for row in tested])
    q = np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    np.testing.assert_allclose(np.sort([row["Q_VALUE"] for row in tested]), np.minimum(q, 1))


def test_order_does_not_matter(table, made):
    order = np.random.default_rng(1).permutation(table.num_rows)
    shuffled = assess(table.take(order), PARAMS).table
    np.testing.assert_array_equal(shuffled["TARGETID"], made.table["TARGETID"].take(order))
    for name in ("SCORE", "P_VALUE"):
        one, other = (t[name].to_numpy(zero_copy_only=False) for t in (shuffled, made.table.take(order)))
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=2e-3)


def test_the_score_does_not_know_calibration_from_test(table, made):
    split = table["SPLIT"].to_numpy(zero_copy_only=False)
    swapped = np.where(split == "TEST", "CALIBRATION", np.where(split == "CALIBRATION", "TEST", split))
    shuffled = split.copy()
    held = np.flatnonzero(split != "FIT")
    shuffled[held] = np.random.default_rng(3).permutation(split[held])
    for other in (swapped, shuffled):
        assert assess(with_column(table, "SPLIT", other), PARAMS).table["SCORE"].equals(made.table["SCORE"])


def test_a_large_sample_teaches_by_a_part_that_does_not_depend_on_order():
    table = make_table(4000)
    params = SignificanceParams(normalize=NormalizeParams(max_rows=1000))
    made, order = assess(table, params).table, np.random.default_rng(1).permutation(4000)
    shuffled = assess(table.take(order), params).table
    np.testing.assert_allclose(
        shuffled["SCORE"].drop_null(), made["SCORE"].take(order).drop_null(), rtol=1e-5, atol=1e-5
    )
    assert not made["SCORE"].equals(assess(table, PARAMS).table["SCORE"])


def test_spectra_that_the_model_has_seen_move_no_other(table, made):
    split = table["SPLIT"].to_numpy(zero_copy_only=False)
    spoiled = table["SCORE_GMM"].to_numpy(zero_copy_only=False).copy()
    spoiled[split == "FIT"] += 1000
    other = assess(with_column(table, "SCORE_GMM", pa.array(spoiled, from_pandas=True)), PARAMS).table
    left = np.flatnonzero(split != "FIT")
    assert other["SCORE"].take(left).equals(made.table["SCORE"].take(left))


def test_learned_from_fit_neither_calibration_nor_test_spectra_move_the_score(table):
    params = SignificanceParams(normalize=NormalizeParams(learn_from="fit"))
    split = table["SPLIT"].to_numpy(zero_copy_only=False)
    spoiled = table["SCORE_GMM"].to_numpy(zero_copy_only=False).copy()
    spoiled[(split != "FIT") & (np.arange(len(spoiled)) % 3 == 0)] += 1000
    before = assess(table, params).table
    after = assess(with_column(table, "SCORE_GMM", pa.array(spoiled, from_pandas=True)), params).table
    left = np.flatnonzero((split == "FIT") | (np.arange(len(spoiled)) % 3 != 0))
    assert after["SCORE"].take(left).equals(before["SCORE"].take(left))


def test_it_stays_flat_when_the_model_fits_what_it_has_seen_too_well(table):
    fit = table["SPLIT"].to_numpy(zero_copy_only=False) == "FIT"
    snr = table["SNR"].to_numpy()
    for name in ("CHI2", "NARROW", "BROAD"):
        score = table[f"SCORE_{name}"].to_numpy(zero_copy_only=False)
        table = with_column(table, f"SCORE_{name}", pa.array(np.where(fit, score, score + snr**1.5), from_pandas=True))
    naive = SignificanceParams(normalize=NormalizeParams(learn_from="fit"))
    assert abs(assess(table, naive).flatness["SCORE"]["spearman_snr"]) > 0.15
    assert abs(assess(table, PARAMS).flatness["SCORE"]["spearman_snr"]) < 0.12


def test_a_detector_outside_the_merge_keeps_its_column_and_moves_nothing(table, made):
    louder = with_column(table, "SCORE_KL", pa.array(np.arange(table.num_rows, dtype=np.float32)))
    other = assess(louder, PARAMS).table
    assert other["SCORE"].equals(made.table["SCORE"])
    assert not other["TAIL_KL"].equals(made.table["TAIL_KL"])


def test_ties_fall_to_the_smaller_target_id():
    table = make_table(300)
    for name in NAMES:
        table = with_column(table, f"SCORE_{name}", np.ones(300, np.float32))
    made = assess(with_column(table, "QUALITY", np.zeros(300, np.uint32)), PARAMS).table
    assert len(set(made["P_VALUE"].drop_null().to_pylist())) <= 2
    assert made.num_rows == made["RANK"].to_numpy().max() == 300


def test_all_unscorable_claims_nothing():
    table = make_table(100)
    for name in NAMES:
        table = with_column(table, f"SCORE_{name}", pa.nulls(100, pa.float32()))
    made = assess(table, PARAMS)
    assert made.table["SCORE"].null_count == made.table["RANK"].null_count == made.table["P_VALUE"].null_count == 100
    assert "nothing is claimed" in made.claim.sentence
    json.dumps([made.claim.as_dict(), made.flatness], allow_nan=False)


def test_an_empty_sample_is_an_empty_table():
    made = assess(make_table(100).slice(0, 0), PARAMS)
    assert made.table.num_rows == 0
    assert made.claim.n_test == 0


def test_without_fit_spectra_it_works_all_the_same():
    table = make_table(400)
    made = assess(table.filter(table["SPLIT"].to_numpy(zero_copy_only=False) != "FIT"), PARAMS)
    assert made.table["P_VALUE"].drop_null().to_numpy().min() < 0.05


@pytest.mark.parametrize("missing", ["CALIBRATION", "TEST"])
def test_an_empty_split_is_no_crash_and_no_claim(missing):
    table = make_table(400)
    split = table["SPLIT"].to_numpy(zero_copy_only=False)
    made = assess(table.filter(split != missing), PARAMS)
    assert all(level.n_discoveries == 0 for level in made.claim.levels)
    assert "nothing is claimed" in made.claim.sentence


def test_a_group_without_calibration_has_p_of_one():
    table = make_table(600)
    split, strict = table["SPLIT"].to_numpy(zero_copy_only=False), table["STRICT"].to_numpy(zero_copy_only=False)
    made = assess(table.filter((split != "CALIBRATION") | strict), PARAMS).table
    p, group = made["P_VALUE"].to_numpy(zero_copy_only=False), np.array(made["GROUP"].to_pylist())
    assert (p[group == "permissive"] == 1).all()
    assert (p[group == "strict"] < 1).any()


def test_groups_of_signal_to_noise(table):
    made = assess(table, SignificanceParams(group_snr=(1.5, 4.0), q_within_groups=True))
    assert {group.name for group in made.claim.groups} == {
        f"{sample}, S/N {bins}" for sample in ("strict", "permissive") for bins in ("0-1.5", "1.5-4", "4-inf")
    }


def test_one_sample_for_all_if_so_set(table):
    assert [g.name for g in assess(table, SignificanceParams(group_by_strict=False)).claim.groups] == ["all"]


def test_duplicates_missing_columns_and_unknown_detectors_are_refused(table):
    twice = pa.concat_tables([table, table.slice(0, 1)])
    with pytest.raises(DataError, match="stands 2 times"):
        assess(twice, PARAMS)
    with pytest.raises(DataError, match="without SNR"):
        assess(table.drop_columns(["SNR"]), PARAMS)
    with pytest.raises(ConfigError, match=r"merged names NOISE"):
        assess(table, SignificanceParams(merged=("CHI2", "NOISE")))


def test_settings_that_make_no_sense_are_refused():
    for wrong in ({"alphas": (0.1, 0.05)}, {"alphas": ()}, {"group_snr": (3.0, 1.0)}, {"alpha": (0.1,)}):
        with pytest.raises(ValidationError):
            SignificanceParams(**wrong)


def test_flatness_is_reported_for_the_score_and_each_detector(made):
    assert made.flatness.keys() == {"SCORE", *NAMES}
    assert all(abs(flat["spearman_snr"]) < 0.25 for flat in made.flatness.values())
