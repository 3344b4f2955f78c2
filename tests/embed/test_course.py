import numpy as np
import pytest

from oddqso.embed.course import Course, plan_course
from oddqso.embed.params import TrainParams

HELD_OUT = np.arange(9000) < 1200


def _told(params, held_out):
    """Shares as a whole training tells them."""
    said = []
    course = Course(lambda words, share: said.append((words, share)))
    for done in (0.0, 0.4, 1.0):
        course.gather("gather", done)
    course = plan_course(course.tell, params, held_out)
    for step in range(params.n_em):
        course.fit("fit", step / params.n_em)
    for epoch in range(params.max_epochs):
        course.train("train", epoch / params.max_epochs)
    course.measure("measure")
    return said


@pytest.mark.parametrize("params", [TrainParams(), TrainParams(start="finetune").finetuned()])
@pytest.mark.parametrize("held_out", [HELD_OUT, HELD_OUT[1190:1230]])
def test_the_share_never_falls_and_ends_below_one(params, held_out):
    shares = [share for _, share in _told(params, held_out)]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.5 < shares[-1] < 1


def test_longer_parts_have_larger_shares():
    short, long = (plan_course(print, TrainParams(max_epochs=n), HELD_OUT) for n in (6, 48))
    assert long.network - long.linear > short.network - short.linear
    few, many = (plan_course(print, TrainParams(n_em=n), HELD_OUT) for n in (4, 40))
    assert many.linear > few.linear
