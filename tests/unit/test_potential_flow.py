"""Potential flow by vortex panels: exact flows around a cylinder and a Joukowski airfoil, walls, convergence."""

import math

import numpy as np
import pytest

from spectrax.core.errors import ConfigError
from spectrax.solvers.airfoil_mesh import airfoil_displacements, airfoil_mesh, airfoil_outline
from spectrax.solvers.potential_flow import potential_flow, speed_on_mesh


def circle(panels, centre=0.0, radius=1.0, first=0.0):
    return centre + radius * np.exp(1j * (first + np.linspace(0, 2 * math.pi, panels + 1)))


def pairs(values):
    return np.stack([values.real, values.imag], -1)


class Joukowski:
    """z + 1/z of a circle through 1: a sharp trailing edge at 2."""

    def __init__(self, centre=-0.1 + 0.1j, angle=0.1):
        self.centre, self.angle, self.radius = centre, angle, abs(1 - centre)
        self.first = np.angle(1 - centre)  # of the trailing edge, seen from the centre
        self.circulation = -4 * math.pi * self.radius * math.sin(angle - self.first)  # Kutta's condition

    def outline(self, panels):
        preimage = circle(panels, self.centre, self.radius, self.first)
        preimage[[0, -1]] = 1.0
        return pairs(preimage + 1 / preimage)

    def velocity(self, preimage):
        from_centre = preimage - self.centre
        around = np.exp(-1j * self.angle) - np.exp(1j * self.angle) * self.radius**2 / from_centre**2
        around = around - 1j * self.circulation / (2 * math.pi * from_centre)
        return pairs(np.conj(around / (1 - preimage**-2)))


def order(errors):
    """Of convergence, from errors at panels that are halved each time."""
    return np.log2(np.array(errors[:-1]) / errors[1:])


def test_a_cylinder_has_its_exact_flow():
    points = np.array([1.5 + 0.2j, -1.2 + 0.1j, 0.3 + 2j, 0.9 - 1.4j, -8 - 5j])
    exact = pairs(np.conj(1 - points**-2))
    on_wall, in_fluid = [], []
    for panels in (40, 80, 160):
        outline = circle(panels)
        flow = potential_flow(pairs(outline))
        on_wall.append(np.abs(flow.strength + 2 * np.sin(np.angle(outline))).max())
        in_fluid.append(np.abs(flow.velocity(pairs(points)) - exact).max())
        assert abs(flow.circulation) < 1e-10
    assert on_wall[-1] < 1e-3 and in_fluid[-1] < 1e-3
    assert order(on_wall).min() > 1.8 and order(in_fluid).min() > 1.8


def test_an_airfoil_that_lifts_has_its_exact_flow():
    airfoil = Joukowski()
    preimage = airfoil.centre + 1.3 * airfoil.radius * np.exp(1j * np.array([0.2, 1.1, 2.0, 3.3, 4.4, 5.5]))
    points, exact = pairs(preimage + 1 / preimage), airfoil.velocity(preimage)
    in_fluid, lift = [], []
    for panels in (60, 120, 240):
        flow = potential_flow(airfoil.outline(panels), angle=airfoil.angle)
        in_fluid.append(np.abs(flow.velocity(points) - exact).max())
        lift.append(abs(flow.circulation / airfoil.circulation - 1))
    assert airfoil.circulation < -1 and in_fluid[-1] < 2e-3 and lift[-1] < 2e-3
    assert order(in_fluid).min() > 1.5 and order(lift).min() > 1.5


def test_the_free_stream_turns_with_its_angle():
    turn = np.exp(0.3j)
    upright, turned = (
        potential_flow(pairs(circle(48) * factor), angle=angle) for factor, angle in ((1, 0), (turn, 0.3))
    )
    np.testing.assert_allclose(turned.strength, upright.strength, atol=1e-12)
    point = np.array(1.7 - 0.4j)
    velocity = upright.velocity(pairs(point)) @ np.array([1, 1j])
    np.testing.assert_allclose(turned.velocity(pairs(point * turn)) @ np.array([1, 1j]), velocity * turn, atol=1e-12)


def moved_outline(panels):
    from spectrax.solvers.airfoil_mesh import deformed

    return deformed(airfoil_outline(panels), airfoil_displacements(0, 3)[None])[0]


def through_walls(flow, distance):
    """The largest normal velocity at `distance` from the middles of panels, the tips left out."""
    step = np.diff(flow.outline, axis=0)
    normal = np.stack([step[:, 1], -step[:, 0]], -1) / np.linalg.norm(step, axis=-1, keepdims=True)
    middles = (flow.outline[1:] + flow.outline[:-1]) / 2
    inner = (middles[:, 0] > 0.1) & (middles[:, 0] < 0.9)
    return np.abs((flow.velocity(middles + distance * normal) * normal).sum(-1))[inner].max()


def test_nothing_flows_through_an_airfoil_nor_inside_it():
    coarse, fine = (potential_flow(moved_outline(panels)) for panels in (120, 240))
    assert through_walls(coarse, 1e-9) < 5e-3
    assert through_walls(fine, 1e-9) < through_walls(coarse, 1e-9) / 2
    middle = fine.outline[60:181:30] * [1, 0] + (fine.outline[60] + fine.outline[180]) * [0, 0.5]
    inside = middle[(middle[:, 0] > 0.3) & (middle[:, 0] < 0.6)]
    assert len(inside) and np.abs(fine.velocity(inside)).max() < 1e-2


def test_far_away_is_the_free_stream_and_the_circulation():
    flow = potential_flow(moved_outline(120), angle=0.05)
    angles = np.linspace(0, 2 * math.pi, 400, endpoint=False)
    ring = 60 * np.stack([np.cos(angles), np.sin(angles)], -1)
    velocity = flow.velocity(ring)
    np.testing.assert_allclose(velocity, np.broadcast_to([math.cos(0.05), math.sin(0.05)], ring.shape), atol=5e-3)
    tangent = np.stack([-np.sin(angles), np.cos(angles)], -1)
    np.testing.assert_allclose((velocity * tangent).sum(-1).mean() * 2 * math.pi * 60, flow.circulation, rtol=1e-6)


def test_the_speed_on_a_mesh_is_that_of_the_wall_there_and_smooth_beside_it():
    sizes = {"wake_cells": 12, "airfoil_cells": 60, "radial_cells": 20}
    mesh = airfoil_mesh(airfoil_displacements(0, 3), **sizes)[0]
    speed = speed_on_mesh(mesh, 12)
    assert speed.shape == mesh.shape[:2] and np.isfinite(speed).all() and (speed >= 0).all()
    fine = potential_flow(moved_outline(480))
    near = np.linalg.norm(fine.velocity(mesh[:, 1:]), axis=-1)
    np.testing.assert_allclose(speed[:, 1:], near, atol=0.03)
    np.testing.assert_allclose(speed[:, -1], 1.0, atol=0.02)
    np.testing.assert_allclose(speed[:13, 0], speed[:-14:-1, 0], atol=1e-9)  # the wake is there twice
    airfoil = speed[12:73, 0]
    assert airfoil.max() > 1.1 and airfoil[25:36].min() < 0.4  # faster over it, and a place where it stagnates


@pytest.mark.parametrize(
    "outline, told",
    [
        (pairs(circle(20))[::-1], "counter-clockwise"),
        (pairs(circle(20))[:-1], "closed"),
        (pairs(circle(4)), "six panels"),
        (np.zeros((9, 3)), "six panels"),
    ],
)
def test_what_is_no_outline_is_told(outline, told):
    with pytest.raises(ConfigError, match=told):
        potential_flow(outline)
