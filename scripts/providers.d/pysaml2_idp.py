"""A SAML provider made of pysaml2 by its defaults but for SHA-256: transient NameIDs, attributes by OID.

usage: pysaml2_idp.py FOLDER PORT XMLSEC1: FOLDER holds idp.pem, idp.crt and sp.xml.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from flask import Flask, Response, request
from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORD
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

FOLDER, PORT, XMLSEC = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
URL = f"http://127.0.0.1:{PORT}"
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {
        "mail": "ada@pysaml2.example",
        "displayName": "Ada North",
        "eduPersonEntitlement": ["partner-managers"],
    },
    "bo": {"mail": "bo@pysaml2.example", "displayName": "Bo North", "eduPersonEntitlement": ["staff"]},
    "eve": {
        "mail": "eve@elsewhere.example",
        "displayName": "Eve",
        "eduPersonEntitlement": ["partner-managers"],
    },
}
FORM = """<!doctype html><form method="post"><input name="login"><input name="password" type="password">
<button type="submit">Log in</button></form>"""
CONFIG = IdPConfig().load(
    {
        "entityid": f"{URL}/metadata", "xmlsec_binary": XMLSEC, "key_file": str(FOLDER / "idp.pem"),
        "cert_file": str(FOLDER / "idp.crt"), "metadata": {"local": [str(FOLDER / "sp.xml")]},
        "service": {
            "idp": {
                "endpoints": {"single_sign_on_service": [(f"{URL}/sso", BINDING_HTTP_REDIRECT)]},
                "policy": {"default": {"lifetime": {"minutes": 15}, "attribute_restrictions": None}},
                "want_authn_requests_signed": True, "sign_response": True, "sign_assertion": True,
                "signing_algorithm": SIG_RSA_SHA256, "digest_algorithm": DIGEST_SHA256,  # its own are SHA-1
            },
        },
    }
)  # fmt: skip
IDP = Server(config=CONFIG)
app = Flask(__name__)


@app.get("/metadata")
def metadata() -> Response:
    """Answer the metadata."""
    return Response(str(entity_descriptor(CONFIG)), mimetype="application/samlmetadata+xml")


@app.route("/sso", methods=["GET", "POST"])
def sso() -> Any:
    """Read the request, ask who it is, answer."""
    query = request.args
    asked = IDP.parse_authn_request(
        query["SAMLRequest"], BINDING_HTTP_REDIRECT, relay_state=query["RelayState"], sigalg=query["SigAlg"],
        signature=query["Signature"],
    )  # fmt: skip
    if request.method == "GET":
        return FORM
    who = request.form["login"]
    if request.form["password"] != "secret":
        return FORM, 401
    answer = IDP.create_authn_response(
        PEOPLE[who],
        userid=who,
        authn={"class_ref": PASSWORD, "authn_auth": URL},
        **IDP.response_args(asked.message),
    )
    to = asked.message.assertion_consumer_service_url
    page = IDP.apply_binding(BINDING_HTTP_POST, str(answer), to, query["RelayState"], response=True)
    return page["data"]


if __name__ == "__main__":
    app.run("127.0.0.1", PORT, threaded=True)
