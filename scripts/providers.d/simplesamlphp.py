"""SimpleSAMLphp as a SAML provider: Debian's package and its PHP, from a folder, by PHP's own server."""

from __future__ import annotations

from typing import Any

from host import Host, Process
from laurel import Laurel, Person

KIND = "saml"
MODULES = (
    "dom", "xml", "xmlreader", "xmlwriter", "simplexml", "mbstring", "ctype", "curl", "fileinfo", "tokenizer",
    "posix", "phar", "iconv",
)  # fmt: skip
CONFIG = """<?php
$config = [
    'baseurlpath' => '%(url)s/', 'certdir' => '%(folder)s/', 'loggingdir' => '%(folder)s/',
    'datadir' => '%(folder)s/', 'tempdir' => '%(folder)s/tmp', 'metadatadir' => '%(folder)s/metadata/',
    'attributenamemapdir' => '%(root)s/etc/simplesamlphp/attributemap/',
    'secretsalt' => 'a salt of one machine', 'auth.adminpassword' => 'admin-of-one-machine',
    'technicalcontact_email' => 'na@north.example', 'timezone' => 'UTC',
    'logging.handler' => 'file', 'logging.level' => 7, 'logging.logfile' => 'log',
    'enable.saml20-idp' => true,
    'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
    'session.cookie.secure' => false, 'session.cookie.samesite' => null, 'store.type' => 'phpsession',
    'session.phpsession.savepath' => '%(folder)s/tmp', 'session.phpsession.cookiename' => 'SimpleSAML',
    'metadata.sources' => [['type' => 'flatfile']], 'production' => false,
];
"""
SOURCES = """<?php
$config = ['people' => ['exampleauth:UserPass',
    'ada:secret' => ['uid' => ['ada'], 'mail' => ['ada@simplesamlphp.example'],
                   'displayName' => ['Ada North'],
                     'groups' => ['staff', 'partner-managers']],
    'bo:secret' => ['uid' => ['bo'], 'mail' => ['bo@simplesamlphp.example'], 'displayName' => ['Bo North'],
                    'groups' => ['staff']],
    'eve:secret' => ['uid' => ['eve'], 'mail' => ['eve@elsewhere.example'], 'displayName' => ['Eve South'],
                     'groups' => ['partner-managers']],
]];
"""
HOSTED = """<?php
$metadata['%(url)s/idp'] = ['host' => '__DEFAULT__', 'privatekey' => 'idp.pem', 'certificate' => 'idp.crt',
    'auth' => 'people', 'userid.attribute' => 'uid', %(more)s];
"""
REMOTE = """<?php
$metadata['%(entity)s'] = ['AssertionConsumerService' => '%(acs)s', 'validate.authnrequest' => true,
    'certData' => '%(certificate)s', 'simplesaml.nameidattribute' => 'uid'];
"""


class Provider:
    """SimpleSAMLphp as it comes: attributes by their plain names, NameID transient."""

    name = "SimpleSAMLphp"

    def __init__(self, host: Host, laurel: Laurel) -> None:
        self.host, self.folder, self.port = host, host.new("simplesamlphp"), host.port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.version = host.version_of("simplesamlphp")
        host.certificate(self.folder / "idp")
        about = {"url": self.url, "folder": self.folder, "root": host.root, "more": ""}
        about |= host.service_provider(laurel)
        (self.folder / "metadata").mkdir()
        (self.folder / "tmp").mkdir()
        (self.folder / "config.php").write_text(CONFIG % about)
        (self.folder / "authsources.php").write_text(SOURCES)
        (self.folder / "metadata" / "saml20-idp-hosted.php").write_text(HOSTED % about)
        (self.folder / "metadata" / "saml20-sp-remote.php").write_text(REMOTE % about)

    def start(self) -> Process:
        """Serve it."""
        modules = [each for one in MODULES for each in ("-d", f"extension={one}")]
        extensions = self.host.root / "usr/lib/php/20220829"
        command = [
            str(self.host.root / "usr/bin/php8.2"), "-n", "-d", f"extension_dir={extensions}", *modules,
            "-d", "error_reporting=22527", "-S", f"127.0.0.1:{self.port}", "-t", "www",
        ]  # fmt: skip
        place = self.host.root / "usr/share/simplesamlphp"
        return self.host.run(
            command, self.folder, cwd=place, ready=f"{self.url}/saml2/idp/metadata.php",
            SIMPLESAMLPHP_CONFIG_DIR=str(self.folder),
        )  # fmt: skip

    def entered(self) -> dict[str, Any]:
        """Return what is entered at Laurel."""
        return {
            "kind": KIND, "name": self.name, "metadata_url": f"{self.url}/saml2/idp/metadata.php",
            "claim": "groups",
        }  # fmt: skip

    def log_in(self, person: Person, who: str) -> None:
        """Log in at its page."""
        person.fill("form[name=f]", username=who, password="secret")
