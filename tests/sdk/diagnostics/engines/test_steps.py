from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from vad_edge.diagnostics.engines.plan import CheckStep, Result, State, run_steps

GPU = CheckStep("find the GPU")
COMPILE = CheckStep("compile", "tensorrt", "fp16", needs=(GPU,))
LOAD = CheckStep("load", "tensorrt", "fp16", needs=(COMPILE,))
OTHER = CheckStep("load", "onnxruntime", "fp32")


def run(states: dict[CheckStep, State], steps: list[CheckStep]) -> tuple[list[Result], list[CheckStep]]:
    done: list[CheckStep] = []

    def execute(step: CheckStep) -> Result:
        done.append(step)
        return Result(step, states.get(step, "ok"), "done")

    return run_steps(steps, execute), done


def test_a_failed_step_ends_only_those_that_need_it() -> None:
    results, done = run({COMPILE: "failed"}, [GPU, COMPILE, LOAD, OTHER])
    assert done == [GPU, COMPILE, OTHER]
    assert [result.state for result in results] == ["ok", "failed", "skipped", "ok"]
    assert results[2].text == "it needs 'tensorrt fp16: compile', which failed"


def test_a_chain_of_skipped_steps_names_the_one_to_blame() -> None:
    results, _ = run({GPU: "skipped"}, [GPU, COMPILE, LOAD])
    assert [result.text for result in results[1:]] == ["it needs 'find the GPU', which was skipped"] * 2


def test_whoever_watches_hears_of_each_beginning_and_of_all_results_so_far() -> None:
    begun: list[CheckStep] = []
    known: list[int] = []
    run_steps(
        [GPU, COMPILE, LOAD],
        lambda step: Result(step, "failed", ""),
        on_begin=begun.append,
        on_end=lambda results: known.append(len(results)),
    )
    assert begun == [GPU]
    assert known == [1, 2, 3]


def test_a_result_is_plain_data_without_what_it_needed() -> None:
    told = Result(CheckStep("compile", "tensorrt", "int8", 4, (GPU,)), "ok", "1 MB", seconds=2.0).to_dict()
    assert told == {
        "check": "compile",
        "engine": "tensorrt",
        "precision": "int8",
        "cameras": 4,
        "state": "ok",
        "text": "1 MB",
        "fix": "",
        "seconds": 2.0,
        "figures": {},
    }


@settings(deadline=None)
@given(st.data())
def test_a_step_runs_exactly_where_all_it_needs_is_ok(data: st.DataObject) -> None:
    steps: list[CheckStep] = []
    for number in range(data.draw(st.integers(1, 8))):
        needs = data.draw(st.lists(st.sampled_from(steps), max_size=3, unique=True)) if steps else []
        steps.append(CheckStep(str(number), needs=tuple(needs)))
    states: dict[CheckStep, State] = {
        step: data.draw(st.sampled_from(["ok", "failed", "skipped"])) for step in steps
    }
    results, done = run(states, steps)
    ended = {result.step: result.state for result in results}
    assert list(ended) == steps
    for step in steps:
        may_run = all(ended[need] == "ok" for need in step.needs)
        assert (step in done) is may_run
        assert ended[step] == (states[step] if may_run else "skipped")
