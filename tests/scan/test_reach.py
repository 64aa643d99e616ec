"""What is left out because nothing can be found in it, and what must never be."""

from collections.abc import Mapping

import pytest

from kodo.scan.engine import Engine, no_files
from kodo.scan.findings import FileReport
from tests.scan.engines import SHIPPED_RULES


def scan(path: str, code: str, others: Mapping[str, str] | None = None) -> FileReport:
    """Scan one file, in a repository of others or alone."""
    files = {name: text.encode() for name, text in (others or {}).items()}
    engine = Engine(SHIPPED_RULES, read=files.get if files else no_files)
    return engine.scan_file(path, code.encode())


def rules_of(report: FileReport) -> set[str]:
    """The rules that hold in a report."""
    return {one.rule for one in report.weaknesses}


THROUGH_TWO = """\
import os
from flask import request

def first():
    return request.args["q"]

def second():
    return first().strip()

def third():
    command = "ls " + second()
    os.system(command)
"""


def test_a_source_is_found_through_two_functions() -> None:
    """Two summaries stand between the request and the shell."""
    report = scan("app.py", THROUGH_TWO)
    assert "python.command-injection" in rules_of(report)
    assert {one.function for one in report.weaknesses} == {"third"}


def test_a_sink_is_found_through_two_functions() -> None:
    """Two summaries stand between the view and the shell."""
    code = """\
import os
from flask import request

def run(command):
    os.system("ls " + command)

def hand_on(command):
    run(command)

def view():
    hand_on(request.args["q"])
"""
    assert "python.command-injection" in rules_of(scan("app.py", code))


def test_what_the_top_level_gives_a_name_is_reached() -> None:
    """A dangerous function may have another name."""
    code = """\
import os
from flask import request

run = os.system

def view():
    run("ls " + request.args["q"])
"""
    assert "python.command-injection" in rules_of(scan("app.py", code))


def test_what_a_constructor_keeps_reaches_the_methods() -> None:
    """A method without a source uses what the constructor kept."""
    code = """\
import os
from flask import request

class Job:
    def __init__(self):
        self.name = request.args["q"]

    def run(self):
        os.system("ls " + self.name)
"""
    assert "python.command-injection" in rules_of(scan("app.py", code))


@pytest.mark.parametrize("imported", ["from inner import given", "import inner"])
def test_a_source_in_another_file_is_reached(imported: str) -> None:
    """The file itself has no source."""
    given = "given()" if imported.startswith("from") else "inner.given()"
    code = f"""\
import os
{imported}

def view():
    os.system("ls " + {given})
"""
    other = "from flask import request\n\ndef given():\n    return request.args['q']\n"
    assert "python.command-injection" in rules_of(scan("app.py", code, {"inner.py": other}))


def test_a_source_in_a_file_of_a_package_is_reached() -> None:
    """`import a.b` gives the name `a` alone."""
    code = """\
import os
import web.inner
from flask import request

def other():
    return request.args["q"]

def view():
    os.system("ls " + web.inner.given())
"""
    other = "from flask import request\n\ndef given():\n    return request.args['q']\n"
    files = {"web/__init__.py": "", "web/inner.py": other}
    assert "python.command-injection" in rules_of(scan("app.py", code, files))


def test_names_with_marks_are_reached() -> None:
    """A Ruby name may end in a mark that is no part of a word."""
    code = """\
require "sinatra"

def asked!
  params["q"]
end

get "/" do
  system("ls " + asked!)
end
"""
    assert "ruby.command-injection" in rules_of(scan("app.rb", code))


def test_a_class_by_its_full_name_is_reached() -> None:
    """Java needs no import for it, so that no function of the file can be left out."""
    code = """\
import javax.servlet.http.HttpServletRequest;

class Job {
    String other(HttpServletRequest request) {
        return request.getParameter("b");
    }

    void run(HttpServletRequest request) throws Exception {
        Runtime.getRuntime().exec("ls " + new web.Asked(request).given());
    }
}
"""
    other = """\
package web;

import javax.servlet.http.HttpServletRequest;

public class Asked {
    private HttpServletRequest request;

    public Asked(HttpServletRequest request) {
        this.request = request;
    }

    public String given() {
        return request.getParameter("q");
    }
}
"""
    assert "java.command-injection" in rules_of(scan("Job.java", code, {"web/Asked.java": other}))
