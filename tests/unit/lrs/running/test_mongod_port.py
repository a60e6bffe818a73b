"""The embedded MongoDB keeps its port from one start to the next."""

from __future__ import annotations

import pytest

from lrs.running.mongod import PORT_NOTE, _port_of_last_time


@pytest.mark.parametrize("note", ["", "eight", "-1", "99999", "8080 8081"])
def test_a_note_that_is_no_port_gives_a_free_one_and_is_written_anew(tmp_path, note):
    (tmp_path / PORT_NOTE).write_text(note)
    port = _port_of_last_time(tmp_path)
    assert 0 < port < 65536
    assert _port_of_last_time(tmp_path) == port == int((tmp_path / PORT_NOTE).read_text())
