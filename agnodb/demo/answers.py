"""What the offline model says: plain functions of the messages, the tools and the wanted form.

It understands a few kinds of sentence, so that a conversation shows what the database gave back:

    my name is alice, I like tea, ...   facts, which its memory tools are called with
    what is my name?                    answered from the earlier messages, or from the memories in the prompt
    what do you know about me?          answered with the memories in the prompt
    what did I say?                     answered with the earlier messages
    what is 12 * 3?                     arithmetic on two integers
    refund_order with order A-17        a tool's name: it is called, with arguments from the words after
    remember that ...                   agno's memory tool is called
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agno.models.message import Message

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model says, or the tools it wants called (name, arguments)."""

    text: str | None = None
    calls: Sequence[tuple[str, Mapping[str, Any]]] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a user said of themselves."""

    topic: str
    value: str

    def __str__(self) -> str:
        return f"The user's name is {self.value}." if self.topic == "name" else f"The user {self.value}."


_NAME = re.compile(r"\b(?:my name is|call me)\s+([\w'-]+)", re.IGNORECASE)
_FACTS = {
    "likes": re.compile(r"\bI (?:like|love|prefer) ([^.,!?\n]+?)(?= and I\b|[.,!?\n]|$)", re.IGNORECASE),
    "home": re.compile(r"\bI live in ([^.,!?\n]+?)(?= and I\b|[.,!?\n]|$)", re.IGNORECASE),
    "work": re.compile(r"\bI work as (?:an? )?([^.,!?\n]+?)(?= and I\b|[.,!?\n]|$)", re.IGNORECASE),
}
_VERBS = {"likes": "likes", "home": "lives in", "work": "works as a"}
_SUM = re.compile(r"(-?\d+)\s*([-+*])\s*(-?\d+)")
_MEMORIES = re.compile(
    r"<memories_from_previous_interactions>\n(.*?)\n</memories_from_previous_interactions>", re.DOTALL
)
_JSON_FIELDS = re.compile(r"<json_field_properties>\n(.*?)\n</json_field_properties>", re.DOTALL)


def answer(messages: Sequence[Message], tools: Sequence[Schema] = (), output: Schema | None = None) -> Answer:
    """The reply to `messages`: calls of `tools`, else a document of the JSON schema `output`, else text."""
    results = _results(messages)
    calls = () if results else tuple(_calls(messages, tools))
    if calls:
        return Answer(calls=calls)
    if output is not None:
        return Answer(json.dumps(_filled(output, messages), ensure_ascii=False))
    return Answer(f"Done: {'; '.join(results)}" if results else _said(messages))


def json_fields(messages: Sequence[Message]) -> Schema | None:
    """The schema of the fields that agno's prompt asks for, for a model without structured output."""
    found = _JSON_FIELDS.search(_system(messages))
    return {"properties": json.loads(found.group(1))} if found else None


def tokens(text: str) -> int:
    """How many tokens `text` has: its words and marks."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def facts(texts: Sequence[str]) -> list[Fact]:
    """What users said of themselves in `texts`, each fact once, in order."""
    found: list[Fact] = []
    for text in texts:
        found += [Fact("name", match) for match in _NAME.findall(text)]
        for topic, pattern in _FACTS.items():
            found += [Fact(topic, f"{_VERBS[topic]} {match.strip()}") for match in pattern.findall(text)]
    return list(dict.fromkeys(found))


# -- what was said ---------------------------------------------------------------------------------------


def _texts(messages: Sequence[Message], role: str) -> list[str]:
    return [message.get_content_string() for message in messages if message.role == role]


def _system(messages: Sequence[Message]) -> str:
    return "\n".join(_texts(messages, "system"))


def _results(messages: Sequence[Message]) -> list[str]:
    """What tools gave back since the user last spoke."""
    results: list[str] = []
    for message in reversed(messages):
        if message.role == "user":
            break
        if message.role == "tool":
            results.insert(0, _told(message.get_content_string()))
    return results


def _told(result: str) -> str:
    """A tool's result; of documents that were found, their contents."""
    try:
        found = json.loads(result)
    except ValueError:
        return result
    documents = found if isinstance(found, list) else []
    contents = [
        str(document["content"]) for document in documents if isinstance(document, dict) and "content" in document
    ]
    return " ".join(contents) or result


def _known(messages: Sequence[Message]) -> list[str]:
    """The memories that agno put into the prompt."""
    found = _MEMORIES.search(_system(messages))
    return [line.removeprefix("- ") for line in found.group(1).splitlines()] if found else []


# -- text ------------------------------------------------------------------------------------------------


def _said(messages: Sequence[Message]) -> str:
    spoken = _texts(messages, "user")
    question, earlier = (spoken[-1], spoken[:-1]) if spoken else ("", [])
    asked = question.lower()
    names = [fact.value for fact in facts(spoken) if fact.topic == "name"]
    if "what is my name" in asked:
        return _name_answer(names, _known(messages))
    if "know about me" in asked:
        return " ".join(["I know this about you:", *_known(messages)]) if _known(messages) else "Nothing yet."
    if "did i say" in asked:
        return f"You said: {' / '.join(earlier)}" if earlier else "You have said nothing before."
    if "what is" in asked and (sum_ := _SUM.search(asked)):
        return f"{sum_.group(0)} = {_calculated(*sum_.groups())}"
    greeting = f"{names[-1]}, I" if names else "I"
    return f'{greeting} have seen {len(earlier)} earlier messages of yours. Now you say: "{question}"'


def _name_answer(names: Sequence[str], known: Sequence[str]) -> str:
    if names:
        return f"Your name is {names[-1]}."
    remembered = [memory for memory in known if "name is" in memory]
    return f"I remember: {remembered[-1]}" if remembered else "You have not told me your name."


def _calculated(left: str, operator: str, right: str) -> int:
    a, b = int(left), int(right)
    return a + b if operator == "+" else a - b if operator == "-" else a * b


# -- tool calls ------------------------------------------------------------------------------------------


def _calls(messages: Sequence[Message], tools: Sequence[Schema]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tools that the last message asks for."""
    spoken = _texts(messages, "user")
    functions = {tool["function"]["name"]: tool["function"] for tool in tools if "function" in tool}
    if not spoken:
        return
    if "add_memory" in functions:
        yield from _memory_calls(spoken, _system(messages))
        return
    if "update_profile" in functions and len(functions) == 1:
        fields = {fact.topic: fact.value for fact in facts(spoken) if fact.topic == "name"}
        if fields:
            yield "update_profile", fields
        return
    if "update_user_memory" in functions and spoken[-1].lower().startswith("remember"):
        yield "update_user_memory", {"task": spoken[-1]}
    for name, function in functions.items():
        named = re.search(rf"\b{name.replace('_', '[ _]')}\b", spoken[-1], re.IGNORECASE)
        if named:
            yield name, _arguments(spoken[-1][named.end() :], function.get("parameters") or {})


def _memory_calls(spoken: Sequence[str], prompt: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A memory for each fact that the prompt does not hold yet; a task without one is a memory itself."""
    found = facts(spoken)
    task = re.match(r"remember (?:that )?(.+)", spoken[-1], re.IGNORECASE | re.DOTALL)
    if not found and task and task.group(1) not in prompt:
        yield "add_memory", {"memory": task.group(1).strip(), "topics": ["notes"]}
    for fact in found:
        if str(fact) not in prompt:
            yield "add_memory", {"memory": str(fact), "topics": [fact.topic]}


def _arguments(words: str, parameters: Schema) -> dict[str, Any]:
    """The arguments in `words`: a JSON object if there is one, else what follows each parameter's name."""
    document = re.search(r"\{.*\}", words, re.DOTALL)
    if document:
        return dict(json.loads(document.group(0)))
    arguments = {}
    for name, schema in (parameters.get("properties") or {}).items():
        value = re.search(rf"\b{name.replace('_', '[ _]')}\b\s*[:=]?\s*(\"[^\"]*\"|[^\s,;]+)", words)
        if value:
            arguments[name] = _typed(value.group(1).strip('"').rstrip(".!?"), schema.get("type"))
    return arguments


def _typed(value: str, kind: Any) -> Any:
    if kind in ("integer", "number"):
        return float(value) if "." in value else int(value)
    return value.lower() == "true" if kind == "boolean" else value


# -- structured output -----------------------------------------------------------------------------------


def _filled(schema: Schema, messages: Sequence[Message]) -> dict[str, Any]:
    """A document of that schema: summaries and scores by their names, anything else by its type."""
    prompt, spoken = _system(messages), _texts(messages, "user")
    return {
        name: _field(name, _kind(part), prompt, spoken[-1] if spoken else "")
        for name, part in (schema.get("properties") or {}).items()
    }


def _kind(schema: Schema) -> Any:
    kinds = [part.get("type") for part in (schema, *schema.get("anyOf", ())) if part.get("type") not in (None, "null")]
    return kinds[0] if kinds else "string"


def _field(name: str, kind: Any, prompt: str, question: str) -> Any:
    said = re.findall(r"^(?:.*<conversation>)?User: (.+)$", prompt, re.MULTILINE)
    if name == "summary":
        return f"The user wrote {len(said)} messages. First: {said[0]!r}." if said else question
    if name == "topics":
        return [fact.topic for fact in facts(said)] or ["conversation"]
    if "score" in name or "reason" in name:
        same = _is_expected(question)
        if kind in ("integer", "number"):
            return 10 if same else 1
        return f"The output {'holds' if same else 'lacks'} the expected answer."
    values: dict[Any, Any] = {
        "integer": tokens(question),
        "number": 1.0,
        "boolean": True,
        "array": [],
        "object": {},
    }
    return values.get(kind, question)


def _is_expected(question: str) -> bool:
    """Whether the output holds the expected output, in the words of agno's evaluations."""
    part = {
        name: found.group(1).strip()
        for name in ("expected_output", "agent_output")
        if (found := re.search(rf"<{name}>(.*?)</{name}>", question, re.DOTALL))
    }
    return part.get("expected_output", "\0").lower() in part.get("agent_output", "").lower()
