"""Guessing the authoring tool by the files it leaves: what support people ask for first."""

from __future__ import annotations

import re
from typing import Final

from lrs.content.packages.files import Files

# First match wins, the more particular first: a Rise course holds a Rustici driver, Captivate too.
SIGNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (tool, re.compile(rf"(^|/)({sign})$"))
    for tool, sign in (
        ("Articulate Rise", r"scormcontent/lib/main\.bundle\.js|lib/rise/[^/]+|scormcontent/lib/rise/[^/]+"),
        ("Articulate Storyline", r"story\.html|story_html5\.html|html5/lib/scripts/bootstrapper\.min\.js"),
        ("Adobe Captivate", r"assets/js/cpm\.js|scorm_utilities\.js|index_scorm\.html|index_tincan\.html"),
        ("Lectora", r"trivantis[^/]*\.js|trivantis-[^/]+\.js"),
        ("iSpring", r"res/lms\.js|data/browsersupport\.js|ispring[^/]*\.js"),
        ("Adapt", r"adapt/js/adapt\.min\.js|adapt/js/build\.min\.js"),
        ("H5P", r"h5p\.json"),
        ("Xerte", r"xenith\.js|rloobject\.js"),
        ("eXeLearning", r"exe_content\.js|common_i18n\.js|contentv3\.xml"),
        ("Golf examples", r"shared/scormfunctions\.js"),
        ("Rustici cmi5.js", r"cmi5\.min\.js|cmi5\.js"),
        ("Rustici driver", r"scormdriver/[^/]+|scormdriver\.js"),
    )
)


def guess_tool(files: Files) -> str:
    """Return the name of the authoring tool, empty where no file gives it away."""
    low = [path.lower() for path in files.paths]
    return next((tool for tool, sign in SIGNS if any(map(sign.search, low))), "")
