"""Figures of dynamical systems: axes that show what there is, and words and marks for what they cannot show."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm

from spectrax.plots.koopman_eigenvalues import by_residual, saturated
from spectrax.plots.koopman_forecasts import trajectories
from spectrax.plots.koopman_pseudospectrum import pseudospectrum
from spectrax.plots.trajectory_sheet import sheet

EIGENVALUES = np.exp(1j * np.linspace(0, 5, 6))


def words(axes):
    return [] if axes.get_legend() is None else [text.get_text() for text in axes.get_legend().get_texts()]


def test_residuals_of_rounding_lie_at_the_border_of_an_axis_for_the_others():
    residuals = np.array([0.0, 3e-16, 0.02, 0.1, 0.3, 0.8])
    right = by_residual(EIGENVALUES, residuals, 0.1, residuals < 0.1).axes[1]
    low, high = right.get_ylim()
    assert 0.001 < low < 0.02 and high > 0.8
    assert words(right) == ["residual below 1e-10, at the border: 2"]


def test_residuals_of_nothing_but_rounding_have_an_axis_of_their_own():
    residuals = np.geomspace(1e-15, 1e-13, 6)
    right = by_residual(EIGENVALUES, residuals, 0.1, residuals < 0.1).axes[1]
    low, high = right.get_ylim()
    assert low < 1e-15 and high > 0.1 and not words(right)


def pseudospectrum_figure(**options):
    axis = np.linspace(-1.25, 1.25, 40)
    least = np.abs((axis + 1j * axis[:, None])[..., None] - EIGENVALUES).min(-1) + 1e-4
    residuals = np.geomspace(1e-4, 0.5, 6)
    certified = EIGENVALUES[:3], np.array([1e-4, 0.05, 0.1])
    return pseudospectrum(axis, axis, least, EIGENVALUES, residuals, 0.1, certified, **options)


def test_labels_of_contours_lie_inside_and_beside_the_dots():
    figure = pseudospectrum_figure()
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes[:2]:
        frame, dots = axes.get_window_extent(), axes.transData.transform(np.c_[EIGENVALUES.real, EIGENVALUES.imag])
        assert {"0.1", "0.5"} <= {text.get_text() for text in axes.texts}
        for text in axes.texts:
            box = text.get_window_extent()
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            assert not any(box.contains(*dot) for dot in dots[: 6 if axes is figure.axes[0] else 3])


def test_what_is_certified_is_counted_and_colours_that_end_have_arrows():
    figure = pseudospectrum_figure(isometry=True, certified_eigenvalues=EIGENVALUES.real > 0)
    assert figure.axes[0].get_title() == f"EDMD: {(EIGENVALUES.real > 0).sum()} of 6 eigenvalues certified at 0.1"
    assert "residual of at most 0.1" in pseudospectrum_figure().axes[0].get_title()
    norm = LogNorm(0.01, 1)
    found = [saturated(norm, np.array(values)) for values in ([0.1], [0.001, 0.1], [0.1, 2], [0.001, 2, np.nan])]
    assert found == ["neither", "min", "max", "both"]


def test_a_forecast_beside_the_truth_is_shown_and_one_far_away_is_marked():
    times = np.linspace(0, 1, 11)
    truth = np.stack([times, 1 - times], 1)[None].repeat(3, 0)
    forecast = truth.copy()
    forecast[1, :, 0] *= 1.8
    forecast[2, :, 0] *= 1 + 50 * times
    forecast[2, 6:] = np.nan
    figure = trajectories(truth, forecast, times, ["x", "y"], ["best", "median", "worst"])
    rows = np.reshape(figure.axes, (3, 3))
    marks = [[sum(line.get_marker() == "X" for line in axes.lines) for axes in row] for row in rows]
    assert marks == [[0, 0, 0], [0, 0, 0], [1, 1, 1]]  # the last row's second coordinate ends where it is no number
    tops = [row[0].get_ylim()[1] for row in rows]
    assert tops[0] == pytest.approx(1.35) and 1.8 < tops[1] < 2 and tops[2] == pytest.approx(2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "truth", "forecast", "forecast leaves the axes, or ends",
    ]  # fmt: skip


@pytest.mark.parametrize("continuous", [True, False])
def test_names_of_coordinates_hide_no_state(continuous):
    windows = np.random.default_rng(0).standard_normal((2, 9, 3))
    figure = sheet(windows, ["a", "b"], ["u", "v", "w"], dt=0.5, others=windows, continuous=continuous)
    FigureCanvasAgg(figure).draw()
    assert not any(figure.legends[0].get_window_extent().overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert all(axes.get_legend() is None for axes in figure.axes)


def test_pictures_of_many_coordinates_name_them_at_their_places():
    names = [f"x{place + 1}" for place in range(16)]
    figure = sheet(np.ones((1, 2, 16)), ["a"], names, dt=1.0, others=np.ones((1, 4, 16)), continuous=False)
    picture = figure.axes[0]
    assert [label.get_text() for label in picture.get_yticklabels()] == [names[tick] for tick in picture.get_yticks()]
    assert picture.get_xticks().tolist() == [0, 1] and not figure.legends
