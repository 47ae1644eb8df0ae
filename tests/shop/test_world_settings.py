"""A world's key names it and cannot be made up; its settings share no secret and no file with another's."""

from dataclasses import fields
from pathlib import Path

import pytest

from shop.config import load_settings
from shop.world_settings import LIFE_SECONDS, MARK, Keys, ends_at, settings_of, settings_of_nobody

NOW = 1_800_000_000.5


def test_a_key_names_one_world_for_a_day_and_only_where_it_was_signed() -> None:
    keys = Keys("x" * 32)
    key = keys.draw(NOW)
    name = keys.name_of(key, NOW)
    assert name and ends_at(name) == int(NOW) + LIFE_SECONDS
    assert keys.name_of(key, ends_at(name) - 1) == name
    assert keys.name_of(key, ends_at(name)) is None
    assert keys.name_of(keys.draw(NOW), NOW) != name
    assert Keys("y" * 32).name_of(key, NOW) is None
    for forged in (
        "",
        MARK,
        name,
        f"{MARK}{name}",
        key[:-1],
        key.removeprefix(MARK),
        key.replace(name, "../../x"),
        "\udc80",
        "한",
    ):
        assert keys.name_of(forged, NOW) is None, forged


@pytest.mark.parametrize("name", ["template", ".gone", "", "lost+found", "zz" * 12])
def test_another_folder_is_no_world(name: str) -> None:
    with pytest.raises(ValueError):
        ends_at(name)


def test_worlds_share_neither_secrets_nor_files_and_keep_theirs(tmp_path: Path) -> None:
    whole, keys = load_settings({"DEMO_WORLDS": "2"}, tmp_path), Keys("x" * 32)
    drawn = [keys.draw(NOW) for _ in range(2)]
    folders = [tmp_path / str(keys.name_of(key, NOW)) for key in drawn]
    first, second = (settings_of(whole, folder, key) for folder, key in zip(folders, drawn, strict=True))
    nobodys = settings_of_nobody(whole, tmp_path / "template")
    own = {"instance_path", "secret_key", "database_url", "api_key", "api_secret", "world_key"}
    assert own == {each.name for each in fields(first) if getattr(first, each.name) != getattr(second, each.name)}
    for name in own:
        assert len({str(getattr(one, name)) for one in (first, second, nobodys)}) == 3, name
    assert settings_of(whole, folders[0], drawn[0]) == first
    for secret in (first.secret_key, first.api_key, first.api_secret, first.world_key):
        assert secret.startswith(MARK)
