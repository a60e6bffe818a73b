#!/usr/bin/env bash
# A SAML provider made of today's pysaml2 signs by SHA-1 unless it is told otherwise.
#
# Packages:  pysaml2 7.5.5 (PyPI, released in 2026), cryptography 50.0.2 (PyPI), xmlsec1 (any; Debian's 1.2.37).
# Guess:     SHA-1 signatures are forbidden nearly everywhere since 2013; a maintained library of 2026 signs by
#            SHA-256 where nothing is said.
# Happens:   key and digest of every signature are SHA-1: a configuration with key_file, cert_file and
#            sign_response alone gives rsa-sha1 and sha1. `signing_algorithm` and `digest_algorithm` change it.
# Seen:      default: rsa-sha1 sha1
#            told:    rsa-sha256 sha256
# Matters:   a service provider that takes SHA-256 alone refuses every login of such a provider, and the reason
#            looks like a wrong certificate; one that takes what comes lets SHA-1 in without anybody's decision.
set -euo pipefail
command -v xmlsec1 >/dev/null || { echo "needs xmlsec1" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check pysaml2==7.5.5 cryptography==50.0.2
openssl req -x509 -newkey rsa:2048 -nodes -keyout idp.pem -out idp.crt -days 2 -subj /CN=idp 2>/dev/null

cat > sp.xml <<'XML'
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="http://sp.example">
  <SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
    <AssertionConsumerService index="0" Location="http://sp.example/acs"
      Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"/>
  </SPSSODescriptor>
</EntityDescriptor>
XML
cat > run.py <<'PY'
import re
import shutil
import warnings

from saml2.config import IdPConfig
from saml2.server import Server
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

warnings.simplefilter("ignore")
TOLD = {"signing_algorithm": SIG_RSA_SHA256, "digest_algorithm": DIGEST_SHA256}


def signed(**more):
    endpoint = ("http://idp.example/sso", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect")
    config = IdPConfig().load({
        "entityid": "http://idp.example", "xmlsec_binary": shutil.which("xmlsec1"),
        "key_file": "idp.pem", "cert_file": "idp.crt", "metadata": {"local": ["sp.xml"]},
        "service": {"idp": {
            "endpoints": {"single_sign_on_service": [endpoint]}, "sign_response": True, **more,
        }},
    })
    answer = Server(config=config).create_authn_response(
        {"mail": "ana@north.example"}, "id1", "http://sp.example/acs", "http://sp.example",
        userid="ana", authn={"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": "x"},
    )
    found = re.findall(r'(?:SignatureMethod|DigestMethod) Algorithm="[^"#]*#([^"]+)"', str(answer))
    return " ".join(found)


print("default:", signed())
print("told:   ", signed(**TOLD))
PY
venv/bin/python run.py
