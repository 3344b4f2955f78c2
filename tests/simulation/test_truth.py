import numpy as np
import pyarrow as pa

from oddqso.simulation.truth import true_classes


def test_a_class_wins_over_the_kind_and_a_wrong_redshift_is_found():
    truth = pa.table({
        "TARGETID": [1, 2, 3, 4], "KIND": ["quasar", "quasar", "galaxy", "quasar"],
        "CLASS": ["bal", "", "", ""], "Z_TRUE": [1.0, 1.0, 0.5, 1.0],
    })  # fmt: skip
    classes = true_classes(np.array([4, 3, 2, 1]), np.array([1.019, 1.0, 1.021, 1.0]), truth)
    assert classes == ["", "galaxy", "wrong_redshift", "bal"]
