import json

import numpy as np
import pytest

from oddqso.errors import DataError
from oddqso.significance.stream import BatchBH, gamma


def deliveries(rng, n_batch, n, odd_share):
    """p-values of each delivery and which of them are of odd spectra."""
    for _ in range(n_batch):
        odd = rng.random(n) < odd_share
        yield np.where(odd, rng.uniform(0, 1e-4, n), rng.random(n)), odd


@pytest.mark.parametrize("odd_share", [0.0, 0.005, 0.05])
def test_the_rate_over_all_deliveries_holds(odd_share):
    shares, power = [], []
    for seed in range(300):
        ledger, n_false, n_found, n_odd = BatchBH(0.1), 0, 0, 0
        for k, (p, odd) in enumerate(deliveries(np.random.default_rng(seed), 12, 400, odd_share)):
            found, ledger = ledger.judge(str(k), p)
            n_false, n_found, n_odd = n_false + (found & ~odd).sum(), n_found + found.sum(), n_odd + odd.sum()
        shares.append(n_false / max(n_found, 1))
        power.append((n_found - n_false) / max(n_odd, 1))
    assert np.mean(shares) <= 0.1 + 2 * np.std(shares, ddof=1) / np.sqrt(300)
    assert odd_share < 0.05 or np.mean(power) > 0.8


def test_the_estimate_stays_within_what_is_free():
    """The sum that the paper bounds, computed anew after each delivery."""
    ledger = BatchBH(0.1)
    for k, (p, _) in enumerate(deliveries(np.random.default_rng(1), 20, 300, 0.02)):
        _, ledger = ledger.judge(str(k), p)
        total = sum(b.n_found for b in ledger.batches)
        estimate = sum(b.level * b.n_augmented / max(b.n_augmented + total - b.n_found, 1) for b in ledger.batches)
        assert estimate <= 0.1 * gamma(np.arange(1, k + 2)).sum() * (1 + 1e-9)


def test_the_shares_of_the_budget_add_up_to_one():
    assert gamma(np.arange(1, 10**6)).sum() == pytest.approx(1, abs=1e-3)


def test_the_ledger_survives_json():
    _, ledger = BatchBH(0.05).judge("a", np.array([1e-6, 0.5, 0.7]))
    assert BatchBH.from_dict(json.loads(json.dumps(ledger.as_dict()))) == ledger


def test_nothing_is_spent_twice():
    _, ledger = BatchBH(0.05).judge("a", np.array([0.5]))
    with pytest.raises(DataError, match="delivery a has been judged"):
        ledger.judge("a", np.array([0.5]))


def test_an_empty_delivery_finds_nothing():
    found, ledger = BatchBH(0.05).judge("none", np.zeros(0))
    assert found.shape == (0,)
    assert ledger.batches[0].n_augmented == 0
    assert ledger.judge("next", np.full(3, 1e-9))[0].all()
