"""What a new user has to export."""

from __future__ import annotations

from pathlib import Path

from cli.up.missing_secrets import advice, missing_variables, named_variables


def test_each_variable_is_named_once() -> None:
    assert named_variables("secrets: [{env: A}, {env: B}]\nurl: {env: A}\n") == ("A", "B")


def test_block_style_and_quotes_count() -> None:
    assert named_variables("secret:\n  env: 'OPS'\n") == ("OPS",)


def test_comments_do_not() -> None:
    assert named_variables("a: 1 # {env: NOT}\n# env: NOT\n") == ()


def test_only_what_is_not_set_is_missing(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("secrets: [{env: A}, {env: B}]\n")
    assert missing_variables(tmp_path, {"A": "x", "B": ""}) == ("B",)


def test_the_advice_names_both_ways_out() -> None:
    assert "export A=" in advice(("A",))
    assert "pacer demo" in advice(("A",))
