"""README and docs say what is so: commands, options, signatures, code, links."""

import ast
import importlib
import inspect
import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

import gen
import recognizer
from demo.cli import app
from gen import Affect

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
#: Code that needs neither a portrait nor a network runs here.
RUNS = [
    ("api.md", "What is asked for"),
    ("api.md", "What is held"),
    ("api.md", "Motion"),
    ("training.md", "The recognizer"),
]


def blocks(page, language):
    return [body for name, body in FENCE.findall(page.read_text("utf-8")) if name == language]


def python_blocks():
    for page in PAGES:
        for number, body in enumerate(blocks(page, "python"), start=1):
            yield pytest.param(body, id=f"{page.name}-{number}")


@pytest.mark.parametrize("code", list(python_blocks()))
def test_python_compiles_and_its_names_exist(code):
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] in ("gen", "recognizer"):
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name), f"{node.module} has no {name.name}"


def sections(page):
    """Heading → its text."""
    parts = re.split(r"^##+ (.*)$", page.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(("page", "heading"), RUNS)
def test_light_code_runs_as_it_says(page, heading, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = sections(ROOT / "docs" / page)[heading]
    (code,) = (body for name, body in FENCE.findall(text) if name == "python")
    exec(compile(code, heading, "exec"), {})
    said = capsys.readouterr().out.splitlines()
    promised = [line for line in code.splitlines() if line.startswith("print(")]
    assert len(said) == len(promised)
    for line, shown in zip(promised, said, strict=True):
        told = [float(x) for x in re.findall(r"-?\d+\.?\d*", line.rsplit("#", 1)[1])]
        known = [float(x) for x in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", shown)]
        assert known == pytest.approx(told, abs=0.05), line


def test_timelines_are_read():
    (text,) = blocks(PAGES[0], "yaml")
    keys = yaml.safe_load(text)
    story = Affect.timeline(keys)
    assert len(story.keyframes) + len(story.shapes) == len(keys)


def commands():
    """Every ``facewright …`` line of the consoles and of code in the text, as words."""
    for page in PAGES:
        text = page.read_text("utf-8")
        found = re.findall(r"`facewright ([^`]+)`", text)
        for language in ("console", "bash", "text", ""):
            for body in blocks(page, language):
                joined = re.sub(r"\\\n\s*", " ", body)
                found += re.findall(r"(?:^|[ /])facewright ([^\n&#]+)", joined)
        for line in dict.fromkeys(one.strip() for one in found):
            yield pytest.param(line, id=f"{page.name}: {line[:60]}")


def with_options(command):
    every = (flag for one in command.params for flag in (*one.opts, *one.secondary_opts))
    return {flag for flag in every if flag.startswith("-")}


@pytest.mark.parametrize("line", list(commands()))
def test_commands_and_options_exist(line):
    command = get_command(app)
    words = shlex.split(re.sub(r"[…\[\]]", " ", line.replace("|", " ")))
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert command is not get_command(app), f"no such command: {line}"
    if getattr(command, "commands", None) and words and not words[0].startswith("-"):
        pytest.fail(f"{command.name} has no {words[0]}")
    for word in words:
        flag = word.split("=")[0].rstrip(",;)")
        if re.fullmatch(r"-[a-z]|--[a-z][a-z-]*", flag):
            assert flag in with_options(command), f"{command.name} has no {flag}: {line}"


def test_options_named_in_the_table_exist():
    """``| `facewright generate …` | … `--size --fps` |`` speaks of that command's options."""
    rows = [line for line in PAGES[0].read_text("utf-8").splitlines() if line.startswith("| `face")]
    assert len(rows) > 5
    for row in rows:
        command = get_command(app)
        for name in re.match(r"\| `facewright ([a-z ]+)", row)[1].split():
            command = getattr(command, "commands", {}).get(name, command)
        for flag in re.findall(r"--[a-z][a-z-]*", row):
            assert flag in with_options(command), f"{command.name} has no {flag}"


def signatures():
    for body in blocks(ROOT / "docs" / "api.md", "text"):
        text = re.sub(r"\n\s+", " ", body)
        yield from (line for line in text.splitlines() if line)


def resolved(path):
    """The object, and the class that it is a method of."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found, owner = importlib.import_module(".".join(parts[:cut])), None
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found, owner = getattr(found, name), found if inspect.isclass(found) else None
        return found, owner
    raise AssertionError(path)


def written(parameters):
    """As the page has it: names and defaults alone; what is called by default is left open."""
    words, keywords = [], False
    for one in parameters:
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        if one.kind is one.KEYWORD_ONLY and not keywords:
            words.append("*")
            keywords = True
        default = "" if one.default is one.empty else one.default
        shown = "..." if callable(default) else repr(default)
        words.append(f"{star}{one.name}" + ("" if one.default is one.empty else f"={shown}"))
    return ", ".join(words)


@pytest.mark.parametrize("line", list(signatures()))
def test_signatures_are_the_code_s(line):
    path, told = re.fullmatch(r"([\w.]+)\((.*)\)", line).groups()
    found, owner = resolved(path)
    parameters = list(inspect.signature(found).parameters.values())
    if parameters and parameters[0].name == "self" and owner is not None:
        parameters = parameters[1:]
    assert told == written(parameters)


def test_every_public_name_is_there():
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    for package in (gen, recognizer):
        for name in package.__all__:
            assert f"{package.__name__}.{name}" in page


def anchors(page):
    text = FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text("utf-8"))):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path) if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target
