"""Parameters and multiply-adds that `describe` prints of SVT's configurations: those of the released code's counter.

That counter knows neither attention's products, nor the complex mixing, nor the transform. `describe`'s operations hold
all of these and everything elementwise: halved, 4.56 G for SVT-H-S of the paper where the count of all products is
4.37 G.
"""

import jax
import pytest

import spectrax
from spectrax.config.build import partial
from spectrax.described import experiment_text
from spectrax.diagnostics import module_costs

# Parameters and billions of multiply-adds at 224 px with the head over tokens, as measured with the released code.
RELEASED = {
    ("svt_h_s_released", 1, "channel"): (22_052_592, 4.131),
    ("svt_h_b_released", 1, "channel"): (32_878_544, 6.533),
    ("svt_h_l_released", 1, "channel"): (54_594_000, 13.388),
    ("svt_h_l", 2, "channel"): (54_833_616, 12.694),
    ("svt_h_s", 2, "channel_token"): (22_019_248, 3.931),
    ("svt_h_b", 2, "channel_token"): (32_845_200, 6.332),
}


@pytest.mark.parametrize("name, scatter_stages, mixer", RELEASED)
def test_totals_by_the_released_counter(name, scatter_stages, mixer, monkeypatch):
    monkeypatch.setattr(module_costs, "_flops", lambda *_: 0.0)  # it lowers every module, and is not needed here
    model = spectrax.compose("svt_imagenet", [f"model={name}", "model.token_label=true"]).model
    given = model.scatter_stages, model.mixer
    model.scatter_stages, model.mixer = scatter_stages, mixer
    assert given == (scatter_stages, mixer) or name == "svt_h_l"  # of which no such network could be built there
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), "float32")
    rows = module_costs.module_costs(partial(model), lambda m, x: m(x, train=False, key=None), images, depth=1)
    parameters, billions = RELEASED[name, scatter_stages, mixer]
    assert rows[0].path == "" and rows[0].parameters == parameters
    assert rows[0].multiply_adds / 1e9 == pytest.approx(billions, abs=5e-4)
    said = experiment_text.totals([{"parameters": parameters, "multiply_adds": rows[0].multiply_adds}])
    assert f"{parameters:,} parameters, and {billions:.3f} G multiply-adds" in said
