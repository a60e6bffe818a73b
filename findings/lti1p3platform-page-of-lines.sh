#!/usr/bin/env bash
# A platform built on lti1p3platform answers a tool that asks for line items with an object, not with the array of AGS.
#
# Version:   lti1p3platform 0.1.8 (PyPI).
# Guess:     handle_get_lineitems() makes the answer of the line item service: its result, sent as JSON under the media
#            type that it names, is what Assignment and Grade Services 2.0 (3.2) asks for, an array of line items.
# Happens:   the result is the page that find_lineitems() returned, {"content": [...], "has_next": ...}, with the media
#            type application/vnd.ims.lis.v2.lineitemcontainer+json; the address of the next page is put into the body
#            as "next", where AGS has a Link header.
# Seen:      200 application/vnd.ims.lis.v2.lineitemcontainer+json dict ['content', 'has_next']
# Matters:   tools stop there: pylti1p3next 2.0.2 raises "Unknown response type received for line items", so no score ever
#            arrives, while launch and deep linking work. Whoever builds a platform has to unwrap `content`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv own >/dev/null
own/bin/pip install --quiet --disable-pip-version-check lti1p3platform==0.1.8 2>/dev/null

cat > run.py <<'PY'
from lti1p3platform.ltiplatform import LTI1P3PlatformConfAbstract
from lti1p3platform.registration import Registration
from lti1p3platform.request import Request
from lti1p3platform.service_connector import AssignmentsGradesService


class Platform(LTI1P3PlatformConfAbstract):
    def init_platform_config(self, **kwargs): ...
    def get_registration_by_params(self, **kwargs): return Registration()
    def validate_token(self, *args, **kwargs): return True


class Asked(Request):
    def build_metadata(self, request):
        return {"method": "GET", "get_data": {}, "headers": {"Authorization": "Bearer x"}, "form_data": {},
                "content_type": None, "path": "/lines", "json": None}


class Grades(AssignmentsGradesService):
    def find_lineitems(self, **kwargs):
        return {"content": [{"id": "https://lms.example/lines/1", "label": "Quiz", "scoreMaximum": 100}], "has_next": False}


Grades.__abstractmethods__ = frozenset()  # the other services are not asked
answer = Grades(Asked(None), Platform(), "https://lms.example/lines").handle_get_lineitems()
print(answer.code, answer.media_type, type(answer.result).__name__, sorted(answer.result))
PY
seen=$(own/bin/python run.py)
want="200 application/vnd.ims.lis.v2.lineitemcontainer+json dict ['content', 'has_next']"
echo "seen: $seen"
[ "$seen" = "$want" ] || { echo "CHANGED: expected $want"; exit 1; }
echo "holds: lti1p3platform 0.1.8 answers line items as an object of one page"
