"""The compiler's own proposals: read from its JSON, made one by one or together."""

import json

from kodo.agent.strategies.search.trials.proposal import Proposal
from kodo.agent.strategies.search.trials.rust_fixes import fixed_proposals, read_suggestions


def diagnostic(start: int, end: int, new: str, applicability: str, level: str = "error") -> bytes:
    span = {
        "file_name": "src/lib.rs",
        "byte_start": start,
        "byte_end": end,
        "suggested_replacement": new,
        "suggestion_applicability": applicability,
        "line_start": 1,
    }
    child = {"message": "consider this", "level": "help", "spans": [span], "children": []}
    message = {"message": "no", "level": level, "spans": [], "children": [child]}
    return json.dumps({"reason": "compiler-message", "message": message}).encode()


def test_suggestions_are_made_together_and_alone() -> None:
    draft = Proposal({"src/lib.rs": "let a = b; let c = d;\n"}, "draft")
    output = b"\n".join(
        [
            b"not json",
            diagnostic(8, 8, "&", "MachineApplicable"),
            diagnostic(19, 20, "d.clone()", "MaybeIncorrect"),
            diagnostic(0, 3, "no", "HasPlaceholders"),
            diagnostic(0, 3, "no", "MachineApplicable", level="warning"),
        ]
    )
    made = fixed_proposals(draft, "src/lib.rs", read_suggestions(output, "src/lib.rs"))
    assert [proposal.files["src/lib.rs"] for proposal in made] == [
        "let a = &b; let c = d.clone();\n",
        "let a = &b; let c = d;\n",
        "let a = b; let c = d.clone();\n",
    ]


def test_overlapping_suggestions_are_not_combined() -> None:
    draft = Proposal({"src/lib.rs": "x.y\n"}, "draft")
    output = b"\n".join(
        [
            diagnostic(0, 3, "one", "MachineApplicable"),
            diagnostic(1, 2, "::", "MachineApplicable"),
        ]
    )
    made = fixed_proposals(draft, "src/lib.rs", read_suggestions(output, "src/lib.rs"))
    assert [proposal.files["src/lib.rs"] for proposal in made] == ["one\n", "x::y\n"]
