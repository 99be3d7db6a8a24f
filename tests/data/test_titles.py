"""Names of files as they are found in collections of covers and screenshots."""

import pytest

from gv_jax.data.titles import group_by_shared_title, parse_titles


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (
            ("Sonic Chaos (Europe).png", "Sonic Chaos (Europe, Brazil) (Beta) (1993-06-30).png"),
            "sonic chaos",
        ),
        (
            ("Bruce Lee (Unknown) (v0.20) (Aftermarket) (Unl).png", "Bruce Lee v1.04.jpg"),
            "bruce lee",
        ),
        (("Circuit, The (Japan).png", "The Circuit [!].jpg", "the_circuit.webp"), "circuit"),
        (
            (
                "Final Fantasy VII (USA) (Disc 2).jpg",
                "Final Fantasy VII - Disc 3.jpg",
                "Final Fantasy VII CD1",
            ),
            "final fantasy vii",
        ),
        (
            ("Rayman (Rev A).png", "Rayman Rev 2.png", "RAYMAN_3.png", "rayman 2 (USA) [b1].png"),
            "rayman",
        ),
        (("Pokémon Red.png", "Pokemon - Red (USA (Beta)).png"), "pokemon red"),
        (("FIFA 98.jpg", "FIFA 2000 (Europe).jpg", "FIFA.jpg"), "fifa"),
        (("逆転裁判 (Japan).png", "逆転裁判2.png"), "逆転裁判"),
        (("Dr. Mario (USA) (Rev 1).png", "Dr Mario 64.jpg"), "dr mario"),
    ],
)
def test_variants_share_a_title(names, title):
    assert {parse_titles(name) for name in names} == {(title,)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Street Fighter II.png", "Street Fighter.png"),
        ("0001.png", "0002.png"),
        ("1942.png", "1943 (Japan).png"),
        ("F1 95.png", "F1 97.png"),
        ("R-Type.png", "R-Type Delta.png"),
        ("Side.png", "Disc.png"),
    ],
)
def test_other_games_do_not(one, other):
    assert set(parse_titles(one)).isdisjoint(parse_titles(other))


def test_a_name_of_brackets_alone_stays():
    assert parse_titles("(USA).png") == ("(usa)",)


def test_joined_names_bring_families_together():
    names = [
        "Wimbledon.png",
        "Tennis Ace.png",
        "Wimbledon II _ Super Tennis (Europe).png",
        "Super Tennis _ Tennis Ace.png",
    ]
    found = group_by_shared_title([*names, "Golf.png"])
    assert found[1] == found[2] == found[3]
    assert len(set(found)) == 3
