"""Games of `atari_frames` by genre."""

# Selected from the 108 games of ale-py 0.12: those that start and change under a random player, and
# give 200 frames of which no two are near-duplicates. Excluded, by reason:
# - not 210x160 pixels: adventure, air_raid, carnival, journey_escape, king_kong, keystone_kapers,
#   klax, laser_gates, mr_do, pacman, pooyan, sir_lancelot, space_war
# - two players required: combat, joust, maze_craze, warlords
# - near-copies of another game, which would leak across held-out games: atlantis2, casino, pitfall2
# - hardly any change under a random player: crossbow, tic_tac_toe_3d, video_chess
# - no genre of these: koolaid, trondead
GENRES: dict[str, str] = {
    # block or collect moving objects
    "catch": "asterix breakout gopher kaboom lost_luggage pong video_pinball",
    # scenes and rooms to explore
    "explore": "darkchambers earthworld et haunted_house krull private_eye superman",
    # corridors seen from above
    "maze": (
        "alien amidar bank_heist berzerk entombed ms_pacman surround tutankham venture "
        "wizard_of_wor"
    ),
    # a character seen from the side jumps, climbs or fights
    "platform": (
        "crazy_climber donkey_kong elevator_action frostbite hero kangaroo kung_fu_master "
        "mario_bros montezuma_revenge pitfall qbert"
    ),
    # boards, cards, words and numbers
    "puzzle": (
        "backgammon basic_math blackjack flag_capture hangman othello tetris video_checkers "
        "video_cube"
    ),
    # along or across a road
    "road": "enduro freeway frogger road_runner up_n_down",
    # shoot from a ship, a gun or a tank
    "shooter": (
        "assault asteroids atlantis battle_zone beam_rider centipede chopper_command defender "
        "demon_attack galaxian gravitar jamesbond name_this_game phoenix riverraid robotank "
        "seaquest solaris space_invaders star_gunner time_pilot turmoil word_zapper yars_revenge "
        "zaxxon"
    ),
    # a sport with rules and a score
    "sport": (
        "bowling boxing double_dunk fishing_derby human_cannonball ice_hockey miniature_golf "
        "skiing tennis"
    ),
}
GAMES: dict[str, str] = {game: genre for genre, games in GENRES.items() for game in games.split()}
