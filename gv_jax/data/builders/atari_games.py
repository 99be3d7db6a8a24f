"""The games that `atari_frames` plays, by genre."""

# Of the 108 games in ale-py 0.12, those that were looked at and found to start and to move under a random
# player, and to give 200 frames no two of which are nearly the same. Left out are, with the reason:
# - not 210x160, so they don't stack with the rest: adventure, air_raid, carnival, journey_escape, king_kong,
#   keystone_kapers, klax, laser_gates, mr_do, pacman, pooyan, sir_lancelot, space_war
# - need two players: combat, joust, maze_craze, warlords
# - twins, which would give the answer away where whole games are held out: atlantis2, casino, pitfall2
# - a random player hardly changes the picture: crossbow, tic_tac_toe_3d, video_chess
# - of none of these genres: koolaid, trondead
GENRES: dict[str, str] = {
    # things are kept from getting past, or collected as they come
    "catch": "asterix breakout gopher kaboom lost_luggage pong video_pinball",
    # scenes and rooms to look about in
    "explore": "darkchambers earthworld et haunted_house krull private_eye superman",
    # corridors seen from above
    "maze": "alien amidar bank_heist berzerk entombed ms_pacman surround tutankham venture wizard_of_wor",
    # someone seen from the side jumps, climbs or fights his way
    "platform": (
        "crazy_climber donkey_kong elevator_action frostbite hero kangaroo kung_fu_master mario_bros "
        "montezuma_revenge pitfall qbert"
    ),
    # boards, cards, words and numbers
    "puzzle": (
        "backgammon basic_math blackjack flag_capture hangman othello tetris video_checkers video_cube"
    ),
    # along a road, or across it
    "road": "enduro freeway frogger road_runner up_n_down",
    # from a ship, a gun or a tank
    "shooter": (
        "assault asteroids atlantis battle_zone beam_rider centipede chopper_command defender demon_attack "
        "galaxian gravitar jamesbond name_this_game phoenix riverraid robotank seaquest solaris "
        "space_invaders star_gunner time_pilot turmoil word_zapper yars_revenge zaxxon"
    ),
    # a contest with rules and a score
    "sport": (
        "bowling boxing double_dunk fishing_derby human_cannonball ice_hockey miniature_golf skiing tennis"
    ),
}
GAMES: dict[str, str] = {game: genre for genre, games in GENRES.items() for game in games.split()}
