from __future__ import annotations

from vad_edge.inference.tensorrt.library import Flavour
from vad_edge.inference.tensorrt.progress import Messages, logger_for


def test_errors_are_told_before_warnings() -> None:
    messages = Messages()
    messages.note("slow tactic", error=False)
    assert messages.told == "slow tactic"
    messages.note("out of\n  workspace", error=True)
    assert messages.told == "out of workspace"


def test_only_the_last_are_kept() -> None:
    messages = Messages(kept=2)
    for number in range(9):
        messages.note(f"error {number}", error=True)
    assert messages.told == "error 7 | error 8"


def test_a_long_message_is_cut() -> None:
    messages = Messages()
    messages.note("x" * 100_000, error=True)
    assert len(messages.told) < 400


def test_silence_is_told_as_such() -> None:
    assert Messages().told == "it gave no reason"


def test_the_real_logger_keeps_warnings_and_errors(rtx: Flavour) -> None:
    messages = Messages()
    logger = logger_for(rtx.module, messages)
    logger.log(rtx.module.ILogger.INFO, "fine")
    logger.log(rtx.module.ILogger.WARNING, "hm")
    assert messages.told == "hm"
    logger.log(rtx.module.ILogger.INTERNAL_ERROR, "broken")
    assert messages.told == "broken"
