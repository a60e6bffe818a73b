"""The empty Flask view that overhead is measured against."""

from flask import Flask, Response, request

app = Flask("empty")
ANSWER = b'["00000000-0000-4000-8000-000000000000"]'


@app.post("/xapi/statements")
def accept() -> Response:
    request.get_data(cache=False)
    return Response(ANSWER, content_type="application/json")
