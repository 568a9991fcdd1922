from hub.config.tables import Tables
from tools import config_reference


def test_the_page_says_what_the_models_say() -> None:
    page = config_reference.PAGE.read_text("utf-8")
    assert page == config_reference.page(), "run: make docs"


def test_every_key_has_a_meaning() -> None:
    rows = [row for row in config_reference.page().splitlines() if row.startswith("| `")]
    assert len(rows) > 30
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_table_has_a_part_of_the_page() -> None:
    page = config_reference.page()
    for table in Tables.model_fields:
        assert f"\n## `[{table}" in page
