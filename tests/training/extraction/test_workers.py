"""Jobs over processes that die, refuse or do well. The work is text, which every process can read."""

import multiprocessing
import os
from functools import partial

import pytest

from training.extraction.workers import Failed, spread


def results(work, jobs, workers=2):
    told = []
    found = dict(spread(jobs, partial(eval, f"lambda job, say: {work}"), workers, lambda *a: told.append(a)))
    assert not multiprocessing.active_children()
    return found, told


def test_every_job_has_its_result_and_may_tell_how_far_it_is():
    found, told = results("(say(job / 2), say(job), (job * 10, __import__('os').getpid()))[2]", range(5))
    assert {job: value for job, (value, _) in found.items()} == {job: 10 * job for job in range(5)}
    processes = {pid for _, pid in found.values()}
    assert 1 <= len(processes) <= 2
    assert os.getpid() not in processes
    assert sorted(told) == sorted((job, far) for job in range(5) for far in (job / 2, job))
    assert results("job", []) == ({}, [])


@pytest.mark.parametrize(
    ("end", "how"),
    [("__import__('os')._exit(3)", "exit code 3"), ("__import__('signal').raise_signal(9)", "signal 9")],
)
def test_a_process_that_ends_costs_its_job_only(end, how):
    found, _ = results(f"{end} if job == 1 else job", range(4), workers=1)
    assert isinstance(found[1], Failed)
    assert found.pop(1) == f"the process that worked on it ended by {how}; try it again or leave it out"
    assert found == {0: 0, 2: 2, 3: 3}


def test_an_error_on_purpose_is_one_sentence():
    found, _ = results("int(job) if job else (_ for _ in ()).throw(UndertoneError('nothing there'))", [0, 1])
    assert found == {0: Failed("nothing there"), 1: 1}
    assert isinstance(found[0], Failed)


def test_who_stops_early_leaves_no_process():
    work = partial(eval, "lambda job, say: __import__('time').sleep(job)")
    jobs = spread([0, 60, 60], work, 2, lambda *a: None)
    assert next(jobs) == (0, None)
    jobs.close()
    assert not multiprocessing.active_children()
