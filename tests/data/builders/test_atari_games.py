import pytest

from gv_jax.data.builders.atari_games import GAMES, GENRES


def test_every_genre_has_enough_games_to_hold_out():
    assert len(GAMES) >= 40
    assert len(GENRES) >= 6
    assert all(len(games.split()) >= 4 for games in GENRES.values())


def test_every_game_has_one_genre():
    assert len(GAMES) == sum(len(games.split()) for games in GENRES.values())


def test_ale_py_has_every_game():
    roms = pytest.importorskip("ale_py.roms")
    assert set(GAMES) <= set(roms.get_all_rom_ids())
