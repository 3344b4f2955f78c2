import pytest

from oddqso.runs.executors import Processes, Serial, make_executor


def double(x: int) -> int:
    return 2 * x


def fail(x: int) -> int:
    raise KeyError(x)


@pytest.fixture(params=[Serial, lambda: Processes(2)], ids=["serial", "processes"])
def executor(request):
    with request.param() as made:
        yield made


def test_every_task_gives_exactly_one_result(executor):
    assert sorted(executor.map(double, range(50))) == [2 * x for x in range(50)]


def test_no_task_gives_no_result(executor):
    assert list(executor.map(double, [])) == []


def test_an_executor_can_be_used_again(executor):
    assert list(executor.map(double, [1])) == [2]
    assert list(executor.map(double, [2])) == [4]


def test_an_error_of_the_function_reaches_the_caller(executor):
    with pytest.raises(KeyError):
        list(executor.map(fail, [1]))


def test_one_worker_means_this_process():
    assert isinstance(make_executor(1), Serial)
    assert isinstance(make_executor(3), Processes)
