"""Web workers share the processors out."""

from __future__ import annotations

import pytest

from lrs.fast_path.processes import own_processor


@pytest.mark.parametrize(
    ("processors", "workers", "taken", "chosen"),
    [
        ({0, 1}, 2, [], 0),
        ({0, 1}, 2, [0], 1),
        ({0, 1}, 2, [1], 0),  # the first one died and is replaced
        ({4, 7}, 3, [4, 7], 4),
        ({4, 7}, 3, [4, 4, 7], 7),
        ({0, 1, 2}, 2, [0], None),  # room for others: the kernel decides
        ({3}, 2, [], None),  # nothing to choose
    ],
)
def test_workers_share_the_processors_out(
    processors: set[int], workers: int, taken: list[int | None], chosen: int | None
) -> None:
    assert own_processor(processors, workers, taken) == chosen
