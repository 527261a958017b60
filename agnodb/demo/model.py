"""A model without a network, for the demo and for tests: the same messages give the same reply.

    Agent(model=OfflineModel(), db=db)

What it says follows from the messages that agno gives it (see `agnodb.demo.answers`), so a conversation shows
whether its history came back from the database. It calls tools, fills structured outputs, streams word by
word, and counts tokens.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agno.metrics import MessageMetrics
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from pydantic import BaseModel

from agnodb.demo.answers import Answer, Schema, answer, json_fields, tokens


@dataclass
class OfflineModel(Model):
    """A deterministic model, which `seconds_per_chunk` (a word of the reply) slows down."""

    id: str = "offline-1"
    name: str | None = "OfflineModel"
    provider: str | None = "agnodb"
    supports_native_structured_outputs: bool = True
    seconds_per_chunk: float = 0.0

    def invoke(
        self,
        messages: list[Message],
        assistant_message: Message,
        response_format: Any = None,
        tools: list[dict[str, Any]] | None = None,
        **_options: Any,
    ) -> ModelResponse:
        """The whole reply at once."""
        metrics = _started(assistant_message)
        chunks = self._chunks(messages, response_format, tools)
        time.sleep(self.seconds_per_chunk * len(chunks))
        metrics.stop_timer()
        return _joined(chunks)

    async def ainvoke(
        self,
        messages: list[Message],
        assistant_message: Message,
        response_format: Any = None,
        tools: list[dict[str, Any]] | None = None,
        **_options: Any,
    ) -> ModelResponse:
        """The whole reply at once."""
        metrics = _started(assistant_message)
        chunks = self._chunks(messages, response_format, tools)
        await asyncio.sleep(self.seconds_per_chunk * len(chunks))
        metrics.stop_timer()
        return _joined(chunks)

    def invoke_stream(
        self,
        messages: list[Message],
        assistant_message: Message,
        response_format: Any = None,
        tools: list[dict[str, Any]] | None = None,
        **_options: Any,
    ) -> Iterator[ModelResponse]:
        """The reply in chunks; the last one has the token counts."""
        metrics = _started(assistant_message)
        for chunk in self._chunks(messages, response_format, tools):
            time.sleep(self.seconds_per_chunk)
            yield chunk
        metrics.stop_timer()

    async def ainvoke_stream(
        self,
        messages: list[Message],
        assistant_message: Message,
        response_format: Any = None,
        tools: list[dict[str, Any]] | None = None,
        **_options: Any,
    ) -> AsyncIterator[ModelResponse]:
        """The reply in chunks; the last one has the token counts."""
        metrics = _started(assistant_message)
        for chunk in self._chunks(messages, response_format, tools):
            await asyncio.sleep(self.seconds_per_chunk)
            yield chunk
        metrics.stop_timer()

    def count_tokens(self, messages: list[Message], tools: Any = None, output_schema: Any = None) -> int:
        """By our own count: agno's would fetch a tokenizer from the network."""
        return _input_tokens(messages, tools)

    def _chunks(
        self, messages: Sequence[Message], response_format: Any, tools: Sequence[dict[str, Any]] | None
    ) -> list[ModelResponse]:
        said = answer(messages, tools or (), _output_schema(response_format, messages))
        chunks = [ModelResponse(role="assistant", content=part) for part in _words(said.text)]
        calls = _tool_calls(said)
        written = tokens(said.text or "") + tokens(json.dumps(calls)) if calls else tokens(said.text or "")
        read = _input_tokens(messages, tools)
        usage = MessageMetrics(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return [*chunks, ModelResponse(role="assistant", tool_calls=calls, response_usage=usage)]

    def _parse_provider_response(self, response: ModelResponse, **_options: Any) -> ModelResponse:
        return response

    def _parse_provider_response_delta(self, response: ModelResponse) -> ModelResponse:
        return response


def _started(assistant_message: Message) -> MessageMetrics:
    metrics: MessageMetrics = assistant_message.metrics
    metrics.start_timer()  # type: ignore[no-untyped-call]
    return metrics


def _output_schema(response_format: Any, messages: Sequence[Message]) -> Schema | None:
    """The JSON schema of the wanted reply; None for free text."""
    if isinstance(response_format, type) and issubclass(response_format, BaseModel):
        return response_format.model_json_schema()
    if not isinstance(response_format, dict):
        return None
    schema = response_format.get("json_schema", {}).get("schema")
    return schema if schema is not None else json_fields(messages)


def _tool_calls(said: Answer) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{uuid.uuid4().hex[:24]}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for name, arguments in said.calls
    ]


def _words(text: str | None) -> list[str]:
    """`text` in pieces of a word each, spaces kept."""
    parts = (text or "").split(" ")
    return [f"{part} " for part in parts[:-1]] + parts[-1:] if text else []


def _joined(chunks: Sequence[ModelResponse]) -> ModelResponse:
    whole = chunks[-1]
    whole.content = "".join(str(chunk.content) for chunk in chunks[:-1]) or None
    return whole


def _input_tokens(messages: Sequence[Message], tools: Any) -> int:
    texts = [message.get_content_string() for message in messages] + [str(tool) for tool in tools or ()]
    return sum(map(tokens, texts))


__all__ = ["OfflineModel"]
