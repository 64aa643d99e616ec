"""The edit check as it is wired, with the rules that are shipped: a bad edit in each language."""

from pathlib import Path

import pytest

from kodo.core.check import Change
from kodo.runtime.config import load_settings, read_environment
from kodo.runtime.edit_check import edit_checks

pytestmark = pytest.mark.anyio

BAD = {
    "a.py": "from flask import request\ndef f(c):\n    eval(request.args['q'])\n",
    "a.js": "const app = require('express')();\n"
    "app.get('/', (req, res) => { eval(req.query.q); });\n",
    "a.ts": "import express from 'express';\nconst app = express();\n"
    "app.get('/', (req, res) => { eval(req.query.q as string); });\n",
    "A.java": "import javax.servlet.http.*;\nclass A extends HttpServlet {\n"
    "  java.sql.Statement s;\n"
    "  public void doGet(HttpServletRequest q, HttpServletResponse r) throws Exception {\n"
    '    s.executeQuery("SELECT a FROM t WHERE b = \'" + q.getParameter("b") + "\'");\n  }\n}\n',
    "a.c": '#include <string.h>\nvoid f(void) {\n  char b[4];\n  strcpy(b, "too long");\n}\n',
    "a.cpp": '#include <cstring>\nvoid f() {\n  char b[4];\n  std::strcpy(b, "too long");\n}\n',
    "a.go": 'package main\nimport ("net/http"; "os/exec")\n'
    "func h(w http.ResponseWriter, r *http.Request) {\n"
    '\texec.Command("sh", "-c", r.FormValue("q")).Run()\n}\n',
    "a.rs": "use actix_web::{web, HttpResponse};\nuse std::process::Command;\n"
    "async fn run(q: web::Query<Q>) -> HttpResponse {\n"
    '    Command::new("sh").arg("-c").arg(&q.line).output().unwrap();\n'
    "    HttpResponse::Ok().finish()\n}\n",
    "a.rb": "class AsController < ApplicationController\n  def show\n    eval(params[:q])\n"
    "  end\nend\n",
}


@pytest.mark.parametrize("path", BAD)
async def test_a_bad_edit_is_blocked_in_each_language(path: str, tmp_path: Path) -> None:
    [check] = edit_checks(load_settings(read_environment(), tmp_path))
    verdict = await check.run([Change(path, None, BAD[path].encode())])
    assert verdict.decision == "block"
    assert verdict.findings[0].path == path
