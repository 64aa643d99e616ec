"""Fill-in-the-middle: prompts with Qwen's markers, and the whitespace around a hole.

Two orders. PSM (prefix, suffix, middle) is how the model was trained and reads everything after
the first change again. SPM (suffix first) lets a series of holes visited from the top down keep
nearly the whole prompt in the cache, together with `Request.reuse_tokens`.
Does not know llama.cpp.
"""

from typing import Literal

import msgspec

PREFIX, SUFFIX, MIDDLE = "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"

Order = Literal["psm", "spm"]

#: What ends a filling, besides the model's own end-of-text tokens: it began another file.
STOPS = ("<|file_sep|>", "<|repo_name|>", "<|fim_pad|>", PREFIX, SUFFIX, MIDDLE)


class Gap(msgspec.Struct, frozen=True):
    """A prompt for a hole, and the indentation that the answer has to begin with."""

    prompt: str
    indent: str


def gap(prefix: str, suffix: str, order: Order = "psm") -> Gap:
    """Return the prompt that fills the hole between `prefix` and `suffix`.

    Indentation right before the hole is left to the model: tokens carry their leading space, so a
    prompt that ends in blanks gets worse answers. `trim` takes it off the answer again.
    """
    kept = prefix.rstrip(" \t")
    if kept and not kept.endswith("\n"):
        kept = prefix
    indent = prefix[len(kept) :]
    if order == "psm":
        return Gap(f"{PREFIX}{kept}{SUFFIX}{suffix}{MIDDLE}", indent)
    return Gap(f"{PREFIX}{SUFFIX}{suffix}{MIDDLE}{kept}", indent)


def trim(answer: str, indent: str) -> str:
    """Return `answer` as it goes into the hole: without the indentation that is there already."""
    if answer.startswith(indent):
        return answer[len(indent) :]
    return answer.lstrip(" \t")
