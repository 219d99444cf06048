"""Figures whose words stay beside what they name."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from spectrax.plots.classification import predictions, sheet, short_name
from spectrax.plots.scattering import complex_weights
from spectrax.plots.spectra import singular_value_curves


@pytest.mark.parametrize("count", [1, 12, 50])
def test_names_of_weights_lie_beside_their_curves(count):
    spectra = {f"stages/0/blocks/{index}/feed_forward/contract/kernel": np.ones(4) for index in range(count)}
    figure = singular_value_curves(spectra)
    drawn = FigureCanvasAgg(figure)
    drawn.draw()
    names = figure.legends[0].get_window_extent()
    assert not names.overlaps(figure.axes[0].get_window_extent())
    assert names.y0 >= 0 and names.x1 <= figure.bbox.x1
    assert len({tuple(line.get_color()) for line in figure.axes[0].lines}) == count


def test_long_names_of_classes_do_not_run_into_each_other():
    names = ["goldfish, Carassius auratus", "great white shark, white shark, man-eater, man-eating shark"]
    assert [short_name(name) for name in names] == ["goldfish", "great white sha…"]
    images = np.zeros((2, 4, 4, 1))
    for figure in (
        predictions(images, np.array([0, 1]), np.array([[0.0, 1.0], [1.0, 0.0]]), names, rows=1, columns=2),
        sheet(images, [f"{short_name(name)} 100%" for name in names], ["a.png", "b.png"]),
    ):
        FigureCanvasAgg(figure).draw()
        left, right = (axes.title.get_window_extent() for axes in figure.axes)
        assert left.x1 < right.x0


@pytest.mark.parametrize("total, said", [(None, "in 2"), (2, "in 2"), (1200, "in the first 2 of 1,200")])
def test_how_many_predictions_are_counted_is_said(total, said):
    told = np.array([[0.0, 1.0], [1.0, 0.0]])
    figure = predictions(np.zeros((2, 4, 4, 1)), np.array([1, 1]), told, ["a", "b"], 1, 2, total=total)
    assert figure.get_suptitle() == f"1 mistake {said} examples, then the least certain answers"


def test_axes_of_complex_weights_say_what_they_are():
    figure = complex_weights({"stages/0/blocks/0 first": np.ones((2, 3, 5), complex)})
    first, second = figure.axes
    assert first.get_ylabel().endswith("input channel") and first.get_xlabel() == "output channel"
    assert second.get_title() == "block 1, 3 x 5" and second.images[0].get_array().shape == (3, 5, 3)
