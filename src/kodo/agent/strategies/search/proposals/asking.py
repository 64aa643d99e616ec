"""The part that all questions about a bug begin with, so that the model reads it once.

Knows the worked examples, the code and the failure; each question adds its own last words. Guards
the shared prefix: a change here makes every question dearer or cheaper.
"""

from kodo.agent.strategies.search.case.case import Case
from kodo.agent.strategies.search.faults.failure import describe_failures
from kodo.agent.strategies.search.faults.localise import Suspect
from kodo.agent.strategies.search.proposals.docstring import shown_function
from kodo.agent.strategies.search.trials.proposal import Trial
from kodo.core.messages import Assistant, Message, Text, user
from kodo.syntax.languages import language_of

INSTRUCTIONS = "You are an expert programmer who fixes bugs. You answer with code only."
WHICH = "Which line is wrong?"
NAMED = "The wrong line is:\n`{line}`"
MOST_TASK_CHARACTERS = 500

_WHICH_EXAMPLE = f"""```python
def count(words):
    seen = {{}}
    for word in words:
        seen[word] = seen.get(word, 0) + 1
    return seen
```
This test fails:
```
> assert count(["A", "a"]) == {{"a": 2}}
assert {{'A': 1, 'a': 1}} == {{'a': 2}}
```
{WHICH}"""
_NAMED_EXAMPLE = f"""```python
def total(items, limit):
    result = 0
    for i in range(1, len(items)):
        if items[i] < limit:
            result += items[i]
    return result
```
This test fails:
```
> assert total([1, 2], 9) == 3
assert 2 == 3
```
{NAMED.format(line="for i in range(1, len(items)):")}"""
_WHICH_ANSWER = """WRONG:
    for word in words:
RIGHT:
    for word in words:
        word = word.lower()"""
_EXAMPLES: tuple[Message, ...] = (
    user(_WHICH_EXAMPLE),
    Assistant((Text(_WHICH_ANSWER),), "kodo/example"),
    user(_NAMED_EXAMPLE),
    Assistant((Text("```\nfor i in range(len(items)):\n```"),), "kodo/example"),
)


def question(case: Case, suspect: Suspect, trial: Trial, last_words: str) -> tuple[Message, ...]:
    """Return the prompt: examples, the suspect's code, the task, the failure, then `last_words`."""
    text = case.understanding.sources[suspect.path]
    language = language_of(suspect.path) or ""
    pieces = [f"```{language}\n{shown_function(text, suspect.symbol, language).rstrip()}\n```"]
    pieces.append(f"Task: {case.understanding.task.strip()[:MOST_TASK_CHARACTERS]}")
    failure = describe_failures(trial, case.understanding.tests)
    if failure:
        pieces.append(f"This test fails:\n```\n{failure}\n```")
    pieces.append(last_words)
    return (*_EXAMPLES, user("\n".join(pieces)))
