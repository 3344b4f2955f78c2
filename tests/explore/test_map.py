"""Laws of the latent map."""

import warnings

import numpy as np
import pytest

from oddqso.explore.map import MapParams, fitted_rows, place, principal_map, umap_map


def crowd(n, n_dim=5, seed=0):
    rng = np.random.default_rng(seed)
    latent = rng.normal(0, np.linspace(2, 0.5, n_dim), (n, n_dim)).astype(np.float32)
    latent[: n // 3] += 4
    return latent, rng.permutation(np.arange(n) - n // 2).astype(np.int64)


def test_principal_components_keep_their_rows():
    latent, _ = crowd(300)
    order = np.random.default_rng(1).permutation(300)
    np.testing.assert_allclose(principal_map(latent[order]).xy, principal_map(latent).xy[order], atol=1e-4)


def test_the_first_component_is_the_widest():
    xy = principal_map(crowd(300)[0]).xy
    assert xy[:, 0].std() > xy[:, 1].std()
    assert abs(np.corrcoef(xy.T)[0, 1]) < 1e-3


def test_one_odd_object_does_not_turn_the_axes():
    latent, _ = crowd(300)
    with_odd = np.vstack([latent, [[0, 0, 0, 0, 1e6]]]).astype(np.float32)
    np.testing.assert_allclose(principal_map(with_odd).xy[:-1], principal_map(latent).xy, atol=0.2)


@pytest.mark.parametrize("n_dim", [1, 2])
def test_few_latents_fill_what_they_can(n_dim):
    assert principal_map(np.ones((4, n_dim), np.float32)).xy.tolist() == [[0, 0]] * 4


def test_a_laid_out_object_is_placed_on_itself():
    latent, _ = crowd(50)
    placed = np.random.default_rng(2).normal(size=(50, 2)).astype(np.float32)
    np.testing.assert_allclose(place(latent, latent, placed), placed, atol=1e-3)


def test_a_place_lies_among_those_of_its_neighbors():
    reference = np.arange(20, dtype=np.float32)[:, None]
    xy = place(np.array([[7.4]], np.float32), reference, np.hstack([reference, -reference]))
    assert 6.5 < xy[0, 0] < 8.5
    assert xy[0, 1] == pytest.approx(-xy[0, 0])


def test_those_laid_out_are_the_same_in_any_order_and_hold_the_farthest_out():
    latent, target_id = crowd(1000)
    params = MapParams(n_fit=100)
    chosen = np.sort(target_id[fitted_rows(latent, target_id, params)])
    order = np.random.default_rng(3).permutation(1000)
    again = np.sort(target_id[order][fitted_rows(latent[order], target_id[order], params)])
    np.testing.assert_array_equal(chosen, again)
    assert len(np.unique(chosen)) == 100
    farthest = target_id[np.argsort(-(latent.astype(np.float64) ** 2).sum(axis=1))[:20]]
    assert np.isin(farthest, chosen).all()


def test_few_objects_get_principal_components():
    latent, target_id = crowd(50)
    assert umap_map(latent, target_id).kind == "PCA"


@pytest.mark.slow
def test_umap_is_the_same_each_time_and_in_any_order_and_keeps_groups_apart():
    latent, target_id = crowd(400)
    params, told = MapParams(n_fit=250), []
    order = np.random.default_rng(4).permutation(400)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of UMAP's own libraries
        first = umap_map(latent, target_id, params, lambda share, words: told.append(share))
        again = umap_map(latent[order], target_id[order], params)
    np.testing.assert_array_equal(again.xy, first.xy[order])
    assert first.kind == "UMAP"
    assert np.isfinite(first.xy).all()
    assert told == sorted(told)
    near, far = first.xy[: 400 // 3], first.xy[400 // 3 :]
    between = np.linalg.norm(near.mean(axis=0) - far.mean(axis=0))
    assert between > 1.5 * max(near.std(), far.std())
