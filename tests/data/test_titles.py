"""File names as they occur in collections of covers and screenshots."""

import pytest

from gv_jax.data.titles import group_by_shared_title, parse_titles


@pytest.mark.parametrize(
    ("title", "names"),
    [
        (
            "sonic chaos",
            ("Sonic Chaos (Europe).png", "Sonic Chaos (Europe, Brazil) (Beta) (1993-06-30).png"),
        ),
        (
            "bruce lee",
            ("Bruce Lee (Unknown) (v0.20) (Aftermarket) (Unl).png", "Bruce Lee v1.04.jpg"),
        ),
        ("circuit", ("Circuit, The (Japan).png", "The Circuit [!].jpg", "the_circuit.webp")),
        (
            "final fantasy vii",
            (
                "Final Fantasy VII (USA) (Disc 2).jpg",
                "Final Fantasy VII - Disc 3.jpg",
                "Final Fantasy VII CD1",
            ),
        ),
        (
            "rayman",
            ("Rayman (Rev A).png", "Rayman Rev 2.png", "RAYMAN_3.png", "rayman 2 (USA) [b1].png"),
        ),
        ("pokemon red", ("Pokémon Red.png", "Pokemon - Red (USA (Beta)).png")),
        ("fifa", ("FIFA 98.jpg", "FIFA 2000 (Europe).jpg", "FIFA.jpg")),
        ("逆転裁判", ("逆転裁判 (Japan).png", "逆転裁判2.png")),
        ("dr mario", ("Dr. Mario (USA) (Rev 1).png", "Dr Mario 64.jpg")),
    ],
)
def test_variants_share_a_title(title, names):
    assert {parse_titles(name) for name in names} == {(title,)}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Street Fighter II.png", "Street Fighter.png"),
        ("0001.png", "0002.png"),
        ("1942.png", "1943 (Japan).png"),
        ("F1 95.png", "F1 97.png"),
        ("R-Type.png", "R-Type Delta.png"),
        ("Side.png", "Disc.png"),
    ],
)
def test_different_games_share_no_title(first, second):
    assert set(parse_titles(first)).isdisjoint(parse_titles(second))


def test_a_name_of_brackets_only_is_kept():
    assert parse_titles("(USA).png") == ("(usa)",)


def test_aliases_merge_groups():
    names = [
        "Wimbledon.png",
        "Tennis Ace.png",
        "Wimbledon II _ Super Tennis (Europe).png",
        "Super Tennis _ Tennis Ace.png",
    ]
    groups = group_by_shared_title([*names, "Golf.png"])
    assert groups[1] == groups[2] == groups[3]
    assert len(set(groups)) == 3
