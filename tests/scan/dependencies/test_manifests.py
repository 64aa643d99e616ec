"""Manifests and lock files: the packages, their versions and lines; and broken ones."""

import pytest

from kodo.scan.dependencies.manifests.names import is_manifest
from kodo.scan.dependencies.manifests.reader import READERS, read_packages

CASES: dict[str, tuple[str, list[tuple[str, str, int]]]] = {
    "requirements-dev.txt": (
        "# tools\nFlask==0.12\nrequests[socks] == 2.19.0 ; python_version > '3'\n"
        "zope.interface==5.0 --hash=sha256:aa\nblack>=22\n-r other.txt\ngit+https://x/y.git\n"
        "pinned===1.0 \\\n",
        [
            ("flask", "0.12", 2),
            ("requests", "2.19.0", 3),
            ("zope-interface", "5.0", 4),
            ("pinned", "1.0", 8),
        ],
    ),
    "poetry.lock": (
        '[[package]]\nname = "Jinja2"\nversion = "2.10"\n\n[package.dependencies]\n'
        'name = "no"\n\n[[package]]\nname = "six"\nversion = "1.16.0"\n\n[metadata]\nname = "x"\n',
        [("jinja2", "2.10", 2), ("six", "1.16.0", 9)],
    ),
    "Pipfile.lock": (
        '{\n "_meta": {},\n "default": {\n  "urllib3": {"version": "==1.24"}\n },\n'
        ' "develop": {}\n}\n',
        [("urllib3", "1.24", 4)],
    ),
    "package-lock.json": (
        '{\n "lockfileVersion": 3,\n "packages": {\n  "": {"name": "me", "version": "1.0.0"},\n'
        '  "node_modules/lodash": {"version": "4.17.4"},\n'
        '  "node_modules/a/node_modules/@x/b": {"version": "2.0.0"},\n'
        '  "node_modules/alias": {"name": "real", "version": "3.0.0"},\n'
        '  "packages/own": {"version": "9.9.9"},\n'
        '  "node_modules/own": {"resolved": "packages/own", "link": true}\n }\n}\n',
        [("lodash", "4.17.4", 5), ("@x/b", "2.0.0", 6), ("real", "3.0.0", 7)],
    ),
    "npm-shrinkwrap.json": (
        '{\n "lockfileVersion": 1,\n "dependencies": {\n  "a": {\n   "version": "1.0.0",\n'
        '   "dependencies": {\n    "b": {"version": "2.0.0"}\n   }\n  },\n'
        '  "c": {"version": "npm:@x/c@3.1.0"},\n  "d": {"version": "github:x/y"}\n }\n}\n',
        [("a", "1.0.0", 4), ("b", "2.0.0", 7), ("@x/c", "3.1.0", 10)],
    ),
    "yarn.lock": (
        '# yarn lockfile v1\n\n"@babel/core@^7.0.0", "@babel/core@^7.1.0":\n  version "7.1.2"\n'
        '  resolved "https://x"\n  dependencies:\n    debug "^3.1.0"\n\n'
        'lodash@^4.17.0:\n  version "4.17.4"\n\n'
        '"react@npm:^18.0.0":\n  version: 18.2.0\n  resolution: "react@npm:18.2.0"\n\n'
        '"mine@workspace:.":\n  version: 0.0.0-use.local\n  resolution: "mine@workspace:."\n',
        [("@babel/core", "7.1.2", 3), ("lodash", "4.17.4", 9), ("react", "18.2.0", 12)],
    ),
    "pnpm-lock.yaml": (
        "lockfileVersion: '9.0'\nimporters:\n  .:\n    dependencies:\n      a: 1.0.0\npackages:\n\n"
        "  /lodash/4.17.4:\n    resolution: {}\n\n  /@x/b@2.0.0(react@18.0.0):\n    dev: true\n\n"
        "  '@y/c@3.0.0':\n    resolution: {}\n\n  plain@1.2.3:\n    a: b\n",
        [
            ("lodash", "4.17.4", 8),
            ("@x/b", "2.0.0", 11),
            ("@y/c", "3.0.0", 14),
            ("plain", "1.2.3", 17),
        ],
    ),
    "Cargo.lock": (
        'version = 3\n\n[[package]]\nname = "time"\nversion = "0.1.42"\nsource = "x"\n',
        [("time", "0.1.42", 4)],
    ),
    "go.mod": (
        "module example.com/me\n\ngo 1.21\n\nrequire golang.org/x/text v0.3.5\n\nrequire (\n"
        "\tgithub.com/gin-gonic/gin v1.6.0\n\tgithub.com/x/y v2.0.0+incompatible // indirect\n)\n\n"
        "replace github.com/x/y => ../y\n\nexclude (\n\tgithub.com/old/z v1.0.0\n)\n",
        [
            ("golang.org/x/text", "0.3.5", 5),
            ("github.com/gin-gonic/gin", "1.6.0", 8),
            ("github.com/x/y", "2.0.0+incompatible", 9),
        ],
    ),
    "go.sum": (
        "golang.org/x/text v0.3.0/go.mod h1:a=\ngolang.org/x/text v0.3.5 h1:b=\n"
        "golang.org/x/text v0.3.10 h1:c=\ngolang.org/x/text v0.3.5/go.mod h1:d=\n",
        [("golang.org/x/text", "0.3.10", 3)],
    ),
    "pom.xml": (
        '<?xml version="1.0"?>\n<project xmlns="http://maven.apache.org/POM/4.0.0">\n'
        "<properties><jackson.version>2.9.8</jackson.version></properties>\n<dependencies>\n"
        "<dependency>\n<groupId>com.fasterxml.jackson.core</groupId>\n"
        "<artifactId>jackson-databind</artifactId>\n<version>${jackson.version}</version>\n"
        "</dependency>\n<dependency><groupId>g</groupId><artifactId>managed</artifactId></dependency>\n"
        "</dependencies>\n</project>\n",
        [("com.fasterxml.jackson.core:jackson-databind", "2.9.8", 5)],
    ),
    "gradle.lockfile": (
        "# generated\norg.yaml:snakeyaml:1.26=runtimeClasspath\nempty=annotationProcessor\n",
        [("org.yaml:snakeyaml", "1.26", 2)],
    ),
    "Gemfile.lock": (
        "GEM\n  remote: https://x/\n  specs:\n    nokogiri (1.10.3-x86_64-linux)\n"
        "      mini_portile2 (~> 2.4.0)\n    rack (2.0.6)\n\nPLATFORMS\n  ruby\n\n"
        "DEPENDENCIES\n  rack (2.0)\n",
        [("nokogiri", "1.10.3", 4), ("rack", "2.0.6", 6)],
    ),
    "conan.lock": (
        '{\n "version": "0.5",\n "requires": [\n  "zlib/1.2.11#ab%16",\n'
        '  "openssl/1.1.1k@user/stable"\n ]\n}\n',
        [("zlib", "1.2.11", 4), ("openssl", "1.1.1k", 5)],
    ),
    "conanfile.txt": (
        "[requires]\nzlib/1.2.11\npoco/[>1.0]\n\n[generators]\nCMakeDeps\n",
        [("zlib", "1.2.11", 2)],
    ),
    "vcpkg.json": (
        '{\n "dependencies": ["zlib"],\n "overrides": [\n'
        '  {"name": "zlib", "version": "1.2.11#1"}\n ]\n}\n',
        [("zlib", "1.2.11", 4)],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_packages_of_a_manifest(name: str) -> None:
    text, expected = CASES[name]
    packages, broken = read_packages(f"some/folder/{name}", text.encode())
    assert not broken
    assert [(one.name, one.version, one.line) for one in packages] == expected


def test_every_reader_has_a_case_and_every_case_a_reader() -> None:
    same = {"uv.lock", "gems.locked", "buildscript-gradle.lockfile"}
    assert READERS.keys() - same == CASES.keys() - {"requirements-dev.txt"}
    assert all(is_manifest(name) for name in (*CASES, *READERS))
    assert not is_manifest("src/requirements.py")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package-lock.json", '{"packages": ['),
        ("package-lock.json", '{"packages": {"node_modules/a": {"version": 3}}}'),
        ("Pipfile.lock", "not json"),
        ("pom.xml", "<project><dependency>"),
        ("pom.xml", '<!DOCTYPE x [<!ENTITY a "b">]><project>&a;</project>'),
        ("conan.lock", "[]"),
    ],
)
def test_a_broken_manifest_is_told_and_gives_nothing(name: str, text: str) -> None:
    packages, broken = read_packages(name, text.encode())
    assert packages == []
    assert broken.startswith(f"{name} cannot be read: ")
