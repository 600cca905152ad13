"""`to_the_end`: what must not be left half done when its task is cancelled."""

import asyncio
import logging

import pytest

from activerow.database.unit import shield
from activerow.database.unit.shield import to_the_end


class Work:
    """Something with a beginning, a wait and an end."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()
        self.done = False
        self.error = error

    async def __call__(self) -> str:
        self.begun.set()
        await self.go_on.wait()
        self.done = True
        if self.error is not None:
            raise self.error
        return "result"


async def cancelled_in_the_middle(work: Work, times: int = 1) -> "asyncio.Task[str]":
    """A task in `to_the_end` that was cancelled while its work waits."""
    task = asyncio.create_task(to_the_end(work()))
    await work.begun.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    return task


async def test_the_result_is_passed_on() -> None:
    """Without a cancellation it is as if the work had been awaited."""
    work = Work()
    work.go_on.set()

    assert await to_the_end(work()) == "result"


async def test_an_error_is_passed_on() -> None:
    """The very error, for the caller to see."""
    error = KeyError("x")
    work = Work(error)
    work.go_on.set()

    with pytest.raises(KeyError) as caught:
        await to_the_end(work())

    assert caught.value is error


@pytest.mark.parametrize("times", [1, 2, 5])
async def test_a_cancellation_waits_for_the_end(times: int) -> None:
    """The work goes on, however often it is cancelled, and the cancellation is raised when it is done."""
    work = Work()
    task = await cancelled_in_the_middle(work, times)
    still_running = not task.done()

    work.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert still_running
    assert work.done


async def test_an_error_after_a_cancellation_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The caller sees the cancellation; what went wrong meanwhile is not lost."""
    work = Work(KeyError("x"))
    task = await cancelled_in_the_middle(work)

    work.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0)

    assert [(record.levelno, record.exc_info is not None) for record in caplog.records] == [(logging.ERROR, True)]


async def test_the_patience_with_a_cancelled_task_is_limited(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What does not end after a cancellation is given up, with one line in the log."""
    monkeypatch.setattr(shield, "PATIENCE", 0)
    work = Work()

    task = await cancelled_in_the_middle(work)
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not work.done
    assert [record.levelname for record in caplog.records] == ["ERROR"]


async def test_work_that_is_given_up_may_clean_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cancelled once, and waited for while it puts its things away."""
    monkeypatch.setattr(shield, "PATIENCE", 0)
    begun, steps = asyncio.Event(), list[int]()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for number in range(5):
                await asyncio.sleep(0)
                steps.append(number)

    task = asyncio.create_task(to_the_end(work()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert steps == [0, 1, 2, 3, 4]
    assert len(caplog.records) == 1


async def test_work_that_does_not_even_clean_up_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller goes on; how the work ends is still logged."""
    monkeypatch.setattr(shield, "PATIENCE", 0)
    monkeypatch.setattr(shield, "GRACE", 0)
    begun, stuck = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await stuck.wait()
            raise KeyError("x")

    task = asyncio.create_task(to_the_end(work()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stuck.set()
    for _ in range(5):
        await asyncio.sleep(0)

    assert [record.exc_info is not None for record in caplog.records] == [False, True]


async def test_there_is_no_limit_without_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow commit is not given up."""
    monkeypatch.setattr(shield, "PATIENCE", 0)
    work = Work()
    task = asyncio.create_task(to_the_end(work()))
    await work.begun.wait()
    for _ in range(10):
        await asyncio.sleep(0)

    work.go_on.set()

    assert await task == "result"


@pytest.mark.parametrize("leave", [asyncio.CancelledError, RuntimeError])
async def test_an_end_of_its_own_is_not_taken_for_a_cancellation_of_the_caller(leave: type[BaseException]) -> None:
    """Work that raises is over, whatever it raises."""

    async def work() -> None:
        raise leave()

    with pytest.raises(leave):
        await to_the_end(work())
