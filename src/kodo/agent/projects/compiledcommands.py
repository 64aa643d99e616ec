"""Test commands of Rust, Go, Java, C and C++, and of Makefiles.

Knows build files and which programs are there, not how to run anything. Guards that what is built
stays out of the workspace where the build system lets it.
"""

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from kodo.agent.projects.listing import Listing
from kodo.agent.projects.testcommand import TestCommand

_BUILD_TIMEOUT_S = 300.0
_JUNIT_JARS = (
    "/usr/share/java/junit4.jar",
    "/usr/share/java/junit.jar",
    "/usr/share/java/hamcrest-core.jar",
    "/usr/share/java/hamcrest.jar",
)


def rust_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield cargo; ignored tests run too where most are ignored, as in exercises."""
    if not listing.has("Cargo.toml"):
        return
    texts = [listing.read(path) for path in listing.tests.get("rust", [])[:20]]
    all_tests = sum(text.count("#[test]") for text in texts)
    ignored = sum(text.count("#[ignore") for text in texts)
    base = ("cargo", "test", "--offline")
    extra = ("--include-ignored",) if all_tests and ignored * 2 > all_tests else ()
    tail = ("--", *extra) if extra else ()
    yield TestCommand(
        (*base, *tail),
        "rust",
        "cargo",
        origin="config",
        file_command=(*base, "--test", "{stem}", *tail),
        name_command=(*base, "{name}", "--", "--exact", *extra),
        env={"CARGO_TERM_COLOR": "never", "RUST_BACKTRACE": "1"},
        timeout_s=_BUILD_TIMEOUT_S,
        available=bool(listing.which("cargo")),
    )


def go_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield `go test`."""
    if not listing.has("go.mod") and not listing.tests.get("go"):
        return
    yield TestCommand(
        ("go", "test", "-v", "./..."),
        "go",
        "go",
        origin="config" if listing.has("go.mod") else "guess",
        file_command=("go", "test", "-v", "./{dir}"),
        name_command=("go", "test", "-v", "./{dir}", "-run", "^{name}$"),
        env={"GOFLAGS": "-mod=mod"} if not listing.has("go.sum", "vendor/modules.txt") else {},
        timeout_s=_BUILD_TIMEOUT_S,
        available=bool(listing.which("go")),
    )


def java_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield Maven, Gradle, then plain javac with what JUnit is at hand."""
    if listing.has("pom.xml"):
        base = ("mvn", "-o", "-q", "-B", "test")
        yield TestCommand(
            base,
            "java",
            "maven",
            origin="config",
            file_command=(*base, "-Dtest={stem}", "-DfailIfNoTests=false"),
            name_command=(*base, "-Dtest={stem}#{name}", "-DfailIfNoTests=false"),
            timeout_s=_BUILD_TIMEOUT_S,
            available=bool(listing.which("mvn")),
        )
    elif listing.has("build.gradle", "build.gradle.kts"):
        wrapper = listing.has("gradlew")
        base = ("./gradlew" if wrapper else "gradle", "--offline", "--console=plain", "test")
        yield TestCommand(
            base,
            "java",
            "gradle",
            origin="config",
            file_command=(*base, "--tests", "*{stem}"),
            name_command=(*base, "--tests", "*{stem}.{name}"),
            timeout_s=_BUILD_TIMEOUT_S,
            available=wrapper or bool(listing.which("gradle")),
        )
    tests = listing.tests.get("java", [])
    if tests and not listing.has("pom.xml"):
        yield _plain_java(listing, tests)


def _plain_java(listing: Listing, tests: list[str]) -> TestCommand:
    jars = [path for path in listing.files if path.endswith(".jar")]
    jars += [jar for jar in _JUNIT_JARS if Path(jar).exists()]
    classes: list[str] = []
    uses_junit = False
    for path in tests[:50]:
        text = listing.read(path)
        package = re.search(r"^package\s+([\w.]+);", text, re.MULTILINE)
        uses_junit = uses_junit or "org.junit" in text
        stem = PurePosixPath(path).stem
        if "org.junit" in text or "static void main" in text:
            classes.append(f"{package[1]}.{stem}" if package else stem)
    path = ":".join(["$out", *jars])
    runs = (
        f'java -ea -cp "{path}" org.junit.runner.JUnitCore {" ".join(classes)}'
        if uses_junit
        else " && ".join(f'java -ea -cp "{path}" {name}' for name in classes)
    )
    command = (
        "out=$(mktemp -d) && find . -name '*.java' -not -path './build/*' > $out/sources"
        f' && javac -nowarn -g -d "$out" -cp "{path}" @$out/sources && {runs or "true"}'
    )
    return TestCommand(
        command,
        "java",
        "junit" if uses_junit else "java",
        timeout_s=_BUILD_TIMEOUT_S,
        available=bool(listing.which("javac")),
    )


def cpp_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield CMake with CTest, then a single test file compiled by itself."""
    if listing.has("CMakeLists.txt"):
        # Outside the workspace, and a folder of its own for each: CMake refuses another's cache.
        folder = '"${TMPDIR:-/tmp}/kodo-build-$(pwd | cksum | cut -d" " -f1)"'
        yield TestCommand(
            f"build={folder} && cmake -S . -B $build > $build.log 2>&1 || cat $build.log;"
            " cmake --build $build -j2 && ctest --test-dir $build --output-on-failure",
            "cpp",
            "ctest",
            origin="config",
            timeout_s=_BUILD_TIMEOUT_S,
            available=bool(listing.which("cmake")),
        )
    tests = [path for name in ("cpp", "c") for path in listing.tests.get(name, [])]
    mains = [path for path in tests if not path.endswith((".h", ".hpp"))]
    if mains and not listing.has("CMakeLists.txt", "Makefile", "makefile"):
        yield _plain_cpp(listing, mains)


def _plain_cpp(listing: Listing, mains: list[str]) -> TestCommand:
    endings = (".c",) if all(path.endswith(".c") for path in mains) else (".cpp", ".cc", ".cxx")
    compiler = "gcc -std=c11" if endings == (".c",) else "g++ -std=c++17"
    sources = [
        path
        for path in listing.files
        if path.endswith(endings) and path not in mains and " main(" not in listing.read(path)
    ]
    texts = "".join(listing.read(path) for path in mains[:10])
    libraries = " -lgtest -lgtest_main -lpthread" if "gtest/" in texts else " -lpthread"
    folders = sorted({str(PurePosixPath(path).parent) for path in listing.files})
    includes = " ".join(f"-I'{folder}'" for folder in folders[:20])
    builds = [
        f'{compiler} -g {includes} "{main}" {" ".join(sources)} -o $out/t{libraries} && $out/t'
        for main in mains[:10]
    ]
    return TestCommand(
        "out=$(mktemp -d) && " + " && ".join(builds),
        "c" if endings == (".c",) else "cpp",
        "gtest" if "gtest/" in texts else "program",
        timeout_s=_BUILD_TIMEOUT_S,
        available=bool(listing.which("gcc" if endings == (".c",) else "g++")),
    )


def make_commands(listing: Listing) -> Iterator[TestCommand]:
    """Yield `make test` or `make check` where a Makefile has such a target."""
    for file in ("Makefile", "makefile", "GNUmakefile"):
        text = listing.read(file)
        for target in ("test", "check", "tests"):
            if re.search(rf"^{target}\s*:(?!=)", text, re.MULTILINE):
                yield TestCommand(
                    ("make", "-s", target),
                    "",
                    "make",
                    origin="config",
                    timeout_s=_BUILD_TIMEOUT_S,
                    available=bool(listing.which("make")),
                )
                return
