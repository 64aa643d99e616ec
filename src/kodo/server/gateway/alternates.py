"""Several models under one name: the first answers, the next where it cannot.

Does not know names or wires. Guards that nobody hears two models in one answer: once a piece has
come, its model is kept to the end.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from kodo.base.errors import ModelError, Refused
from kodo.core.messages import Assistant, Delta
from kodo.core.model import Model, ModelInfo, Prompt


class FirstThatAnswers:
    """A Model that asks `models` in their order until one answers. Does not own them."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = tuple(models)

    @property
    def info(self) -> ModelInfo:
        """What is known of the first choice."""
        return self._models[0].info

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta | Assistant, None]:
        """Yield deltas, then one Assistant. Raises the last ModelError where none answers.

        A refusal as a matter of policy is an answer: no other model is asked.
        """
        for number, model in enumerate(self._models, 1):
            spoken = False
            try:
                async with aclosing(model.stream(prompt)) as pieces:
                    async for piece in pieces:
                        spoken = spoken or not (
                            isinstance(piece, Delta) and piece.kind == "prefill"
                        )
                        yield piece
                    return
            except Refused:
                raise
            except ModelError:
                if spoken or number == len(self._models):
                    raise

    async def aclose(self) -> None:
        """Close nothing: the models belong to the offer."""
