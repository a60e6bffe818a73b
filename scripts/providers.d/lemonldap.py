"""LemonLDAP::NG as an OpenID and a SAML provider: Debian's packages from a folder, its portal by Plack."""

from __future__ import annotations

import json
import os
from typing import Any

from host import Host, Process
from laurel import Laurel, Person

PSGI = """use strict; use warnings;
use Plack::Builder; use Plack::App::File;
use Lemonldap::NG::Portal::UserDB::Demo; use Lemonldap::NG::Portal;
%%Lemonldap::NG::Portal::UserDB::Demo::demoAccounts = (%(people)s);
%%Lemonldap::NG::Portal::UserDB::Demo::demoGroups = (
    'staff' => [qw(ada bo)], 'partner-managers' => [qw(ada eve)]
);
my $static = '%(root)s/usr/share/lemonldap-ng/portal/htdocs/static';
builder {
    mount '/static' => Plack::App::File->new(root => $static)->to_app;
    mount '/' => Lemonldap::NG::Portal->run({});
};
"""
INI = """[all]
logLevel = info
logger = Lemonldap::NG::Common::Logger::Std
userLogger = Lemonldap::NG::Common::Logger::Std
[configuration]
type = File
dirName = %(folder)s/conf
localStorage = Cache::FileCache
localStorageOptions = {'namespace' => 'conf', 'default_expires_in' => 600, 'cache_root' => '%(folder)s/cache'}
[portal]
staticPrefix = /static
templateDir = %(root)s/usr/share/lemonldap-ng/portal/templates
languages = en
"""
SERVER = ("-s", "Starman", "--workers", "4", "-o", "127.0.0.1", "-E", "deployment")
PEOPLE = (("ada", "{org}.example"), ("bo", "{org}.example"), ("eve", "elsewhere.example"))


class Provider:
    """Its portal with its own demonstration accounts replaced; the classes below add a protocol."""

    name = "LemonLDAP::NG"
    kind = org = ""

    def __init__(self, host: Host, laurel: Laurel) -> None:
        self.host, self.folder, self.port = host, host.new(self.org), host.port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.version = host.version_of("lemonldap-ng")
        self.certificate = host.certificate(self.folder / "idp")
        people = ", ".join(
            f"'{who}' => {{ uid => '{who}', cn => '{who.title()} North', mail => '{who}@{domain}' }}"
            for who, domain in ((who, domain.format(org=self.org)) for who, domain in PEOPLE)
        )
        about = {"people": people, "root": host.root, "folder": self.folder}
        (self.folder / "portal.psgi").write_text(PSGI % about)
        (self.folder / "lemonldap-ng.ini").write_text(INI % about)
        (self.folder / "conf").mkdir()
        (self.folder / "conf" / "lmConf-1.json").write_text(json.dumps(self.configuration(laurel)))

    def configuration(self, laurel: Laurel) -> dict[str, Any]:
        """Return the configuration of the package with places of this run and what the protocol needs."""
        kept = json.loads((self.host.root / "var/lib/lemonldap-ng/conf/lmConf-1.json").read_text())
        places = {}
        for name in ("sessions", "psessions", "oidc", "saml"):
            (self.folder / name / "lock").mkdir(parents=True)
            places[name] = {
                "Directory": str(self.folder / name), "LockDirectory": str(self.folder / name / "lock"),
                "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256",
            }  # fmt: skip
        kept["localSessionStorageOptions"]["cache_root"] = str(self.folder / "cache")
        key = (self.folder / "idp.pem").read_text()
        return kept | {
            "portal": f"{self.url}/", "domain": "127.0.0.1", "pdataDomain": "127.0.0.1",
            "globalStorageOptions": places["sessions"],
            "persistentStorageOptions": places["psessions"], "notification": 0,
            "portalDisplayRegister": 0, "portalDisplayResetPassword": 0, "checkTime": 1,
            **self.protocol(laurel, key),
        }  # fmt: skip

    def protocol(self, laurel: Laurel, key: str) -> dict[str, Any]:
        """Return the part of the configuration that is about Laurel."""
        raise NotImplementedError

    def start(self) -> Process:
        """Serve it."""
        here = self.host.root
        architecture = next((here / "usr/lib").glob("*-linux-gnu/perl5/5.*"))
        return self.host.run(
            ["perl", str(here / "usr/bin/plackup"), *SERVER, "-p", str(self.port), "portal.psgi"],
            self.folder, ready=f"{self.url}/", LLNG_DEFAULTCONFFILE=str(self.folder / "lemonldap-ng.ini"),
            PERL5LIB=f"{here}/usr/share/perl5:{architecture}:{os.environ.get('PERL5LIB', '')}",
        )  # fmt: skip

    def log_in(self, person: Person, who: str) -> None:
        """Log in at its page, and consent where it asks."""
        person.fill("form#lform", user=who, password=who)
        ours = "!document.querySelector('form#lform') && (location.pathname.startsWith('/login')"
        if person.there(f"{ours} || document.querySelector('[name=confirm]'))"):
            person.page.run(
                "document.querySelector('[name=confirm]')?.form.querySelector('[type=submit]').click()"
            )


class OverOpenId(Provider):
    """By OpenID Connect, with its defaults of a new relying party but for the algorithm."""

    kind, org = "oidc", "lemonldap"

    def protocol(self, laurel: Laurel, key: str) -> dict[str, Any]:
        """Return the relying party: address and name by their usual claims, groups beside the profile."""
        return {
            "issuerDBOpenIDConnectActivation": 1, "oidcServiceMetaDataIssuer": self.url,
            "oidcServicePrivateKeySig": key, "oidcServicePublicKeySig": self.certificate,
            "oidcServiceKeyIdSig": "one", "oidcServiceAllowAuthorizationCodeFlow": 1,
            "oidcRPMetaDataExportedVars": {"laurel": {"email": "mail", "name": "cn", "groups": "groups"}},
            "oidcRPMetaDataOptionsExtraClaims": {"laurel": {"profile": "groups"}},
            "oidcRPMetaDataOptions": {"laurel": {
                "oidcRPMetaDataOptionsClientID": "laurel",
                "oidcRPMetaDataOptionsClientSecret": "secret-of-laurel",
                "oidcRPMetaDataOptionsRedirectUris": f"{laurel.url}/login/callback",
                "oidcRPMetaDataOptionsIDTokenSignAlg": "RS256", "oidcRPMetaDataOptionsBypassConsent": 0,
            }},
        }  # fmt: skip

    def entered(self) -> dict[str, Any]:
        """Return what is entered at Laurel."""
        return {
            "kind": "oidc", "name": self.name, "issuer": self.url, "client_id": "laurel",
            "secret": "secret-of-laurel", "claim": "groups",
        }  # fmt: skip


class OverSaml(Provider):
    """By SAML, from our metadata, with its defaults but for which attributes it exports."""

    kind, org = "saml", "lemonldap-saml"

    def protocol(self, laurel: Laurel, key: str) -> dict[str, Any]:
        """Return the service provider."""
        sp = self.host.service_provider(laurel)["sp"]
        plain = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
        return {
            "issuerDBSAMLActivation": 1, "samlServicePrivateKeySig": key,
            "samlServicePublicKeySig": self.certificate, "samlServiceUseCertificateInResponse": 1,
            "samlSPMetaDataXML": {"laurel": {"samlSPMetaDataXML": sp}},
            "samlSPMetaDataOptions": {"laurel": {"samlSPMetaDataOptionsCheckSSOMessageSignature": 1}},
            "samlSPMetaDataExportedAttributes": {"laurel": {
                "mail": f"1;mail;{plain};mail", "cn": f"0;cn;{plain};cn",
                "groups": f"0;groups;{plain};groups",
            }},
        }  # fmt: skip

    def entered(self) -> dict[str, Any]:
        """Return what is entered at Laurel."""
        return {
            "kind": "saml", "name": self.name, "metadata_url": f"{self.url}/saml/metadata", "claim": "groups"
        }  # fmt: skip
