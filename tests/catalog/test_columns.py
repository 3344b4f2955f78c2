import warnings

import pytest
from astropy import units
from astropy.io.votable.ucd import check_ucd

from oddqso.catalog.columns import COLUMNS, catalog_columns, columns_page


def test_no_name_stands_twice():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_ucd_and_unit_are_words_of_the_standards(column):
    assert check_ucd(column.ucd, check_controlled_vocabulary=True, has_colon=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", units.UnitsWarning)  # erg and Angstrom: deprecated, and what everybody uses
        assert units.Unit(column.unit, format="vounit") is not None
    assert column.description.isascii()


def test_every_column_stands_on_the_page():
    page = columns_page()
    assert all(f"| `{column.name}` |" in page for column in COLUMNS)


def test_a_plug_in_brings_its_three_columns():
    more = {c.name for c in catalog_columns(["CHI2", "MINE"])} - {c.name for c in catalog_columns(["CHI2"])}
    assert more == {"SCORE_MINE", "RANK_MINE", "TAIL_MINE"}
