"""Generated documents are what the code says today."""

from pathlib import Path

from cli.reference import ENVIRONMENT, METRICS, SOURCES, environment_example, metrics_document
from cli.sources.document import sources_document

ROOT = Path(__file__).parents[3]


def test_the_metrics_document_is_fresh() -> None:
    assert (ROOT / METRICS).read_text() == metrics_document(), "run `make docs`"


def test_the_environment_example_is_fresh() -> None:
    assert (ROOT / ENVIRONMENT).read_text() == environment_example(), "run `make docs`"


def test_the_document_of_sources_is_fresh() -> None:
    assert (ROOT / SOURCES).read_text() == sources_document(), "run `make docs`"


def test_no_service_exports_an_unexplained_metric() -> None:
    assert "|  |\n" not in metrics_document().replace("| counter |  |", "")
