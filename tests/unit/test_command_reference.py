from tools import command_reference


def test_the_page_says_what_the_commands_say() -> None:
    page = command_reference.PAGE.read_text("utf-8")
    assert page == command_reference.page(), "run: make docs"


def test_every_command_and_option_has_a_meaning() -> None:
    page = command_reference.page()
    parts = page.split("\n## ")[2:]
    assert len(parts) == 24
    assert [part.splitlines()[0] for part in parts if not part.split("\n\n")[2].strip()] == []
    assert "| None |" not in page
    assert "|  |" not in page
