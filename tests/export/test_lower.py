from __future__ import annotations

import numpy as np

from vad_edge.bundle.archive import Bundle
from vad_edge_training.models.step import StepModel


def test_the_manifest_says_what_the_model_says(bundle: Bundle, model: StepModel) -> None:
    manifest, spec = bundle.manifest, model.spec
    assert (manifest.height, manifest.width) == (spec.height, spec.width)
    assert (manifest.map_height, manifest.map_width) == (spec.map_height, spec.map_width)
    assert manifest.cues == spec.cues
    assert (manifest.clock.fps, manifest.clock.warmup_frames) == (spec.fps, spec.warmup_frames)
    assert {state.name: state.shape for state in manifest.states} == spec.states


def test_states_that_begin_at_zero_need_no_member(bundle: Bundle) -> None:
    initial = {state.name: state.initial for state in bundle.manifest.states}
    assert initial == {"background": "initial.background.npy", "seen": None}
    np.testing.assert_array_equal(bundle.initial_state("seen"), np.zeros(1, np.float32))


def test_the_trained_initial_state_is_in_the_bundle(bundle: Bundle, model: StepModel) -> None:
    stored = bundle.initial_state("background")
    np.testing.assert_array_equal(stored, model.get_buffer("initial_background").numpy())
