"""The places of the presets: a shop with a yard, and rooms that people reach by ways nobody sees."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edge.site.people import Bgr
from edge.site.places import Floor, Place, Point, Solid, box, cylinder
from edge.site.routes import Gap, Routes

__all__ = ["Room", "room_routes", "rooms_place", "shop_place", "shop_routes", "wall"]

_WALL_M = 3.2
_THICK_M = 0.2


def wall(start: Point, end: Point, colour_bgr: Bgr, *, high_m: float = _WALL_M, texture: str = "") -> Solid:
    """A wall along a line."""
    middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    long, turn = math.dist(start, end) + _THICK_M, math.atan2(end[1] - start[1], end[0] - start[0])
    return box(middle, (long, _THICK_M, high_m), colour_bgr, turn=turn, texture=texture)


def shop_place() -> Place:
    """A hall of 16 by 10 metres with tills, a corridor, and a yard of 16 by 14 metres."""
    plaster, brick, blue = (196, 208, 214), (105, 125, 165), (150, 120, 70)
    hall = [
        wall((0, 0), (0, 4), plaster, texture="concrete"),
        wall((0, 6), (0, 10), plaster, texture="concrete"),
        wall((0, 0), (16, 0), (176, 200, 206), texture="concrete"),
        wall((0, 10), (11.9, 10), plaster, texture="concrete"),
        wall((13.5, 10), (16, 10), plaster, texture="concrete"),
        wall((16, 0), (16, 4.2), (168, 178, 150), texture="concrete"),
        wall((16, 5.8), (16, 10), (168, 178, 150), texture="concrete"),
        wall((-2.6, -2), (-2.6, 12), (120, 132, 140), texture="bricks"),  # behind the doors
        wall((8, 12.6), (16, 12.6), (120, 132, 140), texture="bricks"),
        wall((16, 3.5), (22, 3.5), plaster),
        wall((16, 6.5), (22, 6.5), plaster),
    ]
    furniture = [
        cylinder((6.0, 2.6), 0.28, _WALL_M, (205, 205, 200), sides=14),
        cylinder((6.0, 7.4), 0.28, _WALL_M, (205, 205, 200), sides=14),
        cylinder((11.2, 6.6), 0.28, _WALL_M, (205, 205, 200), sides=14),
        box((14.9, 2.2), (0.7, 2.2, 0.95), (60, 90, 150), texture="planks"),
        box((14.9, 7.4), (0.6, 1.2, 0.95), (60, 90, 150), texture="planks"),
        box((14.9, 2.6), (0.35, 0.4, 0.35), (45, 45, 45), low_m=0.95),
        box((9.2, 0.9), (4.2, 0.5, 1.7), (175, 180, 170)),
        *(
            box((7.5 + 0.68 * k, 1.18), (0.5, 0.1, 0.32), colour, low_m=0.3 + 0.5 * (k % 3))
            for k, colour in enumerate(
                (
                    (60, 60, 190),
                    (70, 160, 70),
                    (190, 120, 40),
                    (40, 180, 210),
                    (120, 60, 140),
                    (200, 200, 200),
                )
            )
        ),
        box((2.2, 9.3), (1.8, 0.5, 0.46), (70, 105, 140), texture="planks"),
        *_plant((0.7, 0.8)),
        *_plant((15.3, 0.6)),
        box((8.6, 9.85), (2.4, 0.06, 1.2), (40, 60, 200), low_m=1.4),
        box((4.4, 0.15), (1.4, 0.06, 0.9), (90, 200, 220), low_m=1.5),
        box((15.85, 2.2), (0.06, 2.0, 0.8), blue, low_m=1.7),
    ]
    yard = [
        wall((22, -2), (22, 4.2), brick, high_m=4.6, texture="bricks"),
        wall((22, 5.8), (22, 12), brick, high_m=4.6, texture="bricks"),
        wall((22, -2), (38, -2), (130, 140, 150), high_m=4.6, texture="concrete"),
        wall((22, 12), (38, 12), brick, high_m=4.6, texture="bricks"),
        wall((38, -2), (38, 6), (110, 120, 128), high_m=4.6, texture="planks"),
        wall((38, 9), (38, 12), (110, 120, 128), high_m=4.6, texture="planks"),
        wall((40.6, 3), (40.6, 13), (95, 105, 112), high_m=4.6, texture="bricks"),
        *_car((25.6, -0.7), 0.04, (60, 50, 150)),
        *_tree((25.6, 9.4)),
        box((30.6, 11.2), (2.2, 0.5, 0.45), (70, 105, 140), texture="planks"),
        cylinder((22.9, 2.6), 0.25, 0.9, (70, 90, 60)),
        cylinder((25.4, 7.4), 0.06, 4.2, (90, 90, 90), sides=6),
        cylinder((25.4, 7.4), 0.2, 0.3, (210, 230, 235), low_m=4.2, sides=8, solid=False),
    ]
    floor = Floor("slabs", (148, 156, 160), tile_m=2.4, contrast=0.55)
    return Place(floor, solids=(*hall, *furniture, *yard))


def shop_routes() -> Routes:
    """Ways through the shop; the corridor between hall and yard is seen by no camera."""
    points = {
        "west": (-1.3, 8.3),
        "south_west": (-1.3, 1.7),
        "west_step": (-1.3, 5.0),
        "door": (1.4, 5.0),
        "notice": (3.0, 7.6),
        "lobby": (3.8, 3.4),
        "middle": (7.9, 5.0),
        "poster": (8.6, 8.5),
        "shelf": (9.3, 2.5),
        "aisle": (12.2, 4.6),
        "till": (13.6, 2.9),
        "desk": (13.6, 7.2),
        "side_door": (12.7, 9.0),
        "side_step": (12.7, 11.3),
        "north": (9.6, 11.3),
        "exit": (15.2, 5.0),
        "corridor_in": (17.2, 5.0),
        "corridor_out": (20.6, 5.0),
        "yard_door": (23.4, 5.0),
        "grass": (28.6, 3.0),
        "bench": (29.6, 8.2),
        "lamp": (33.0, 4.4),
        "gate": (36.4, 7.5),
        "gate_step": (39.3, 7.5),
        "east": (39.3, 11.2),
    }
    ways = (
        ("west", "west_step"),
        ("south_west", "west_step"),
        ("west_step", "door"),
        ("door", "notice"),
        ("door", "lobby"),
        ("door", "middle"),
        ("notice", "middle"),
        ("lobby", "middle"),
        ("middle", "poster"),
        ("middle", "shelf"),
        ("middle", "aisle"),
        ("poster", "side_door"),
        ("shelf", "aisle"),
        ("shelf", "till"),
        ("aisle", "till"),
        ("aisle", "desk"),
        ("aisle", "exit"),
        ("desk", "side_door"),
        ("side_door", "side_step"),
        ("side_step", "north"),
        ("till", "exit"),
        ("exit", "corridor_in"),
        ("corridor_in", "corridor_out"),
        ("corridor_out", "yard_door"),
        ("yard_door", "grass"),
        ("yard_door", "bench"),
        ("grass", "bench"),
        ("grass", "lamp"),
        ("bench", "lamp"),
        ("lamp", "gate"),
        ("bench", "gate"),
        ("gate", "gate_step"),
        ("gate_step", "east"),
    )
    zones = (("notice", "lobby"), ("poster", "shelf", "middle"), ("till", "desk"), ("grass", "bench", "lamp"))
    gaps = (
        Gap("west", "west", 7.0, 1.5),
        Gap("west", "north", 11.0, 1.5),
        Gap("south_west", "south_west", 6.0, 1.5),
        Gap("north", "west", 11.0, 1.5),
        Gap("north", "north", 6.0, 1.5),
        Gap("east", "east", 6.0, 1.5),
        Gap("east", "north", 16.0, 2.0),
    )
    return Routes(points, ways, zones, gaps)


@dataclass(frozen=True, slots=True)
class Room:
    """A room of 9 by 7 metres with a door in the west and one in the east, both to hidden passages.

    name: of its camera too.
    corner_m: its south-western corner.
    wall_bgr, texture: its walls.
    style: which furniture, 0 to 3.
    """

    name: str
    corner_m: Point
    wall_bgr: Bgr
    texture: str
    style: int

    def at(self, x: float, y: float) -> Point:
        """A point of the room in the world."""
        return self.corner_m[0] + x, self.corner_m[1] + y


def rooms_place(rooms: tuple[Room, ...]) -> Place:
    """Rooms that stand apart from each other."""
    solids: list[Solid] = []
    for room in rooms:
        solids += _room_walls(room) + _room_furniture(room)
    return Place(Floor("small_slabs", (150, 154, 150), tile_m=3.2, contrast=0.5), solids=tuple(solids))


def room_routes(rooms: tuple[Room, ...], ways_between: tuple[tuple[int, int, float, float], ...]) -> Routes:
    """Ways within rooms, and gaps between them.

    Args:
        rooms: the rooms.
        ways_between: number of a room, number of another, median and spread of the seconds from the one's
            east door to the other's west door, or back.
    """
    points: dict[str, Point] = {}
    ways: list[tuple[str, str]] = []
    zones: list[tuple[str, ...]] = []
    for room in rooms:
        local = {
            "west": (-1.2, 5.8),
            "west_step": (-1.2, 3.5),
            "west_door": (1.0, 3.5),
            "middle": (4.4, 3.5),
            "north": (3.4, 5.4),
            "south": (5.6, 1.8),
            "east_door": (8.0, 3.5),
            "east_step": (10.2, 3.5),
            "east": (10.2, 5.8),
        }
        points |= {f"{room.name}.{name}": room.at(*spot) for name, spot in local.items()}
        inner = (
            ("west", "west_step"),
            ("west_step", "west_door"),
            ("west_door", "middle"),
            ("west_door", "north"),
            ("west_door", "south"),
            ("middle", "north"),
            ("middle", "south"),
            ("middle", "east_door"),
            ("north", "east_door"),
            ("south", "east_door"),
            ("east_door", "east_step"),
            ("east_step", "east"),
        )
        ways += [(f"{room.name}.{one}", f"{room.name}.{other}") for one, other in inner]
        zones.append(tuple(f"{room.name}.{name}" for name in ("middle", "north", "south")))
    gaps: list[Gap] = []
    for one, other, median_s, spread_s in ways_between:
        east, west = f"{rooms[one].name}.east", f"{rooms[other].name}.west"
        gaps += [Gap(east, west, median_s, spread_s), Gap(west, east, median_s, spread_s)]
    return Routes(points, tuple(ways), tuple(zones), tuple(gaps))


def _room_walls(room: Room) -> list[Solid]:
    colour, texture, grey = room.wall_bgr, room.texture, (120, 126, 130)
    lines = (
        ((0, 0), (9, 0)),
        ((0, 7), (9, 7)),
        ((0, 0), (0, 2.7)),
        ((0, 4.3), (0, 7)),
        ((9, 0), (9, 2.7)),
        ((9, 4.3), (9, 7)),
    )
    inner = [wall(room.at(*start), room.at(*end), colour, texture=texture) for start, end in lines]
    passages = [wall(room.at(x, 0), room.at(x, 7.5), grey, texture="concrete") for x in (-2.4, 11.4)]
    return [*inner, *passages]


def _room_furniture(room: Room) -> list[Solid]:
    if room.style == 0:
        return [
            box(room.at(4.5, 6.6), (3.2, 0.5, 1.6), (150, 165, 180)),
            *_plant(room.at(8.4, 0.7)),
            cylinder(room.at(6.4, 4.9), 0.22, _WALL_M, (190, 195, 200), sides=12),
        ]
    if room.style == 1:
        return [
            box(room.at(1.8, 0.7), (2.2, 0.8, 0.75), (80, 120, 160), texture="planks"),
            box(room.at(6.9, 6.5), (1.6, 0.6, 1.9), (90, 80, 60)),
            box(room.at(3.2, 6.88), (2.0, 0.05, 1.0), (60, 170, 200), low_m=1.3),
        ]
    if room.style == 2:
        return [
            *_plant(room.at(0.7, 6.4)),
            box(room.at(7.0, 0.5), (2.6, 0.45, 0.46), (60, 70, 120)),
            cylinder(room.at(3.1, 1.9), 0.22, _WALL_M, (160, 170, 175), sides=12),
        ]
    return [
        box(room.at(7.4, 6.3), (1.0, 0.9, 1.1), (70, 110, 150), texture="planks"),
        box(room.at(1.2, 6.4), (0.9, 0.8, 0.8), (80, 120, 170), texture="planks"),
        cylinder(room.at(2.0, 0.6), 0.25, 0.9, (60, 90, 70)),
    ]


def _plant(spot: Point) -> list[Solid]:
    return [
        cylinder(spot, 0.22, 0.4, (60, 80, 130), taper=1.2),
        cylinder(spot, 0.38, 0.9, (60, 120, 70), low_m=0.4, sides=7, taper=0.4),
    ]


def _tree(spot: Point) -> list[Solid]:
    x, y = spot
    return [
        cylinder(spot, 0.14, 2.2, (50, 75, 95), sides=7),
        cylinder(spot, 1.1, 1.6, (50, 110, 65), low_m=2.0, sides=9, taper=0.5, solid=False),
        cylinder((x + 0.4, y - 0.2), 0.8, 1.2, (60, 130, 75), low_m=2.9, sides=8, taper=0.4, solid=False),
    ]


def _car(spot: Point, turn: float, colour: Bgr) -> list[Solid]:
    x, y = spot
    c, s = math.cos(turn), math.sin(turn)
    wheels = [
        cylinder((x + c * a - s * b, y + s * a + c * b), 0.3, 0.6, (25, 25, 25), sides=8)
        for a in (-1.3, 1.3)
        for b in (-0.75, 0.75)
    ]
    return [
        *wheels,
        box(spot, (4.2, 1.7, 0.6), colour, turn=turn, low_m=0.3),
        box(spot, (2.2, 1.5, 0.55), (80, 70, 60), turn=turn, low_m=0.9, taper=0.75),
    ]
