"""Which command lines are nothing but plain git, and which only look so."""

import pytest

from kodo.agent.permission.gitlines import read_git_line

PLAIN = [
    "git add -A && git commit -m 'x y'",
    "cd /ws && git add . && git commit -q -m \"a $(cat <<'EOF'\nhello (x)\nEOF\n)\"",
    "git switch -c topic",
    "git checkout -b t 2>&1 | tail -3",
    "git stash; git stash pop stash@{0}",
    "git reset --hard HEAD~1",
    "git merge --no-ff topic -m 'merge it'",
    "git rebase --onto a b",
    "git rebase --continue",
    "git worktree add side",
    "git add *.py",
    "git commit -F - <<'E'\nmessage\nE",
    'git commit -m "it\'s done" -m "a; b {c,d} *"',
    "git add a\\ b 'c d' && git status --short",
    "git --no-pager log -3 && git tag v1",
    'git commit -m"x"',
    "git add -- a.py\ngit commit --amend --no-edit",
    "git cherry-pick abc && git revert --no-edit HEAD",
    "git rm --cached x; git mv a b; git clean -fd; git apply --3way p.diff; git am p.mbox",
]
NOT_PLAIN = {
    "git -C x add .": "-C",
    "git -c core.hooksPath=x commit -m a": "-c",
    "git --exec-path=. add .": "--exec-path",
    "git --git-dir=x add .": "--git-dir",
    "GIT_DIR=x git add .": "GIT_DIR",
    "PATH=.; git add .": "PATH",
    'git commit -m "$X"': "$X",
    "git add $X": "$X",
    "git add `x`": "substitution",
    "git add $(x)": "substitution",
    'git commit -m "$(./x)"': "./x",
    "git rebase -x ./evil main": "-x",
    "git rebase --exec ./evil main": "--exec",
    "git rebase --exe=./evil main": "--exe",
    "git rebase -i main": "-i",
    "git rebase * main": "pattern",
    "git diff * && git add a": "pattern",
    "git commit *": "pattern",
    "git merge -s evil x": "-s",
    "git merge --strategy=evil x": "--strategy",
    "git add . > .git/config": ".git/config",
    "git log --format=x > .git/hooks/a; git add .": ".git/hooks/a",
    "git diff --output=.git/config; git add .": "--output",
    "git diff --outp=.git/config; git add .": "--outp",
    "git log --ext-diff; git add .": "--ext-diff",
    "git grep -O./evil x; git add .": "-O",
    "git grep -nO./evil x; git add .": "-nO",
    "git(){ ./evil; }; git add .": "function",
    "alias git=./evil; git add .": "alias",
    "git add . && ./x.sh": "./x.sh",
    "pytest -q && git commit -am ok": "pytest",
    "git add . | ./x": "./x",
    "git add . & ./x": "&",
    "if true; then git add .; fi": "if",
    "git add .; cd x; git add .": "cd",
    "git init --template=x": "--template",
    "git config core.hooksPath x": "config",
    "git submodule update --init": "submodule",
    "git difftool": "difftool",
    "git bisect run ./x": "bisect",
    "git filter-branch --tree-filter ./x": "filter-branch",
    "git add {a,--b}": "brace",
    "git fetch --upload-pack=./x && git merge FETCH_HEAD": "fetch",
    "git clone 'ext::sh -c x' y": "clone",
    "git commit --trailer 'a: b' -m x": "--trailer",
    "git commit --gpg-sign=x -m y": "--gpg-sign",
    "git branch -u origin/x": "-u",
    "git apply --build-fake-ancestor=.git/config p": "--build-fake-ancestor",
    "git add 'x": "syntax",
    "git stash store x": "store",
    "git my-alias x": "my-alias",
}
NOT_GIT = ["ls", "git log --oneline", "git status", "echo git commit", "grep -r 'git commit' ."]


@pytest.mark.parametrize("line", PLAIN)
def test_plain_git(line: str) -> None:
    found = read_git_line(line)
    assert found.changes, found.why_not


@pytest.mark.parametrize("line", NOT_PLAIN)
def test_more_than_plain_git(line: str) -> None:
    found = read_git_line(line)
    assert not found.changes
    assert NOT_PLAIN[line] in found.why_not


@pytest.mark.parametrize("line", NOT_GIT)
def test_nothing_to_open_the_repository_for(line: str) -> None:
    found = read_git_line(line)
    assert not found.changes
    assert not found.why_not


def test_where_a_line_goes_first() -> None:
    assert read_git_line("cd sub && git add .").folder == "sub"
    assert read_git_line("git add .").folder == ""
