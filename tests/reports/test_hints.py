from dataclasses import replace

import numpy as np

from oddqso.reports.hints import doublet_words, near_words, redshift_words


def test_sky_lines_bands_and_joins_are_named():
    assert any("sky line" in text for text in near_words(5580.0, 1.3, 4.0))
    assert any("telluric" in text for text in near_words(7650.0, 1.3, 4.0))
    assert any("join" in text for text in near_words(5780.0, 1.3, 4.0))
    assert not any("suspect" in text for text in near_words(6000.0, 1.3, 4.0))


def test_a_doublet_is_recognized_and_noise_is_not(view_of):
    view = view_of(2.0, 30.0)
    plain = doublet_words(view, 2796.354 * 2.2, 2)
    wide = 1 - 0.7 * np.exp(-0.5 * ((view.wave - 6160) / 30) ** 4)
    assert doublet_words(replace(view, flux=(view.flux * wide).astype(np.float32)), 2796.354 * 2.2, 2) == ""
    trough = sum(np.exp(-0.5 * ((view.wave - lam * 2.2) / 1.6) ** 2) for lam in (2796.354, 2803.531))
    absorbed = replace(view, flux=(view.flux * (1 - 0.7 * trough)).astype(np.float32))
    assert plain == ""
    assert doublet_words(absorbed, 2796.354 * 2.2, 2) == (
        "fits Mg II 2796 absorption at z = 1.2000, 2804 is seen too (intervening)"
    )


def test_light_beyond_the_lyman_limit_speaks_against_the_redshift(view_of):
    view = view_of(4.5, 10.0)
    dark = replace(view, flux=np.where(view.rest < 912, 0, view.flux).astype(np.float32))
    assert "suspect a wrong redshift" in redshift_words(view)
    assert redshift_words(dark) == ""
    assert redshift_words(view_of(2.0, 10.0)) == ""
