"""Entry points: valid extensions are registered, broken ones cost one sentence."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint

from napari_isr import _plugins
from napari_isr._plugins import load_plugins

POINTS = [
    EntryPoint("missing", "no_such_package.shapes:Hexagon", "napari_isr.tests"),
    EntryPoint("valid", "math:pi", "napari_isr.tests"),
    EntryPoint("absent", "math:no_such_name", "napari_isr.tests"),
]


def test_a_broken_extension_is_one_sentence_and_leaves_the_others(monkeypatch, caplog):
    monkeypatch.setattr(_plugins, "entry_points", lambda group: POINTS)
    found = []
    with caplog.at_level(logging.WARNING):
        failures = load_plugins("napari_isr.tests", found.append)
    assert len(found) == 1
    assert set(failures) == {"missing", "absent"}
    assert "no_such_package" in failures["missing"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert all("\n" not in sentence for sentence in failures.values())


def test_an_extension_that_is_refused_is_one_sentence(monkeypatch):
    monkeypatch.setattr(_plugins, "entry_points", lambda group: POINTS[1:2])

    def refuse(_):
        raise TypeError("a number\nis no shape")

    failures = load_plugins("napari_isr.tests", refuse)
    assert failures["valid"].endswith("failed: a number is no shape")


def test_a_group_is_loaded_once_even_if_an_extension_asks_for_it(monkeypatch):
    monkeypatch.setattr(_plugins, "entry_points", lambda group: POINTS)
    found = []

    def register(loaded):
        found.append(loaded)
        loader.load()

    loader = _plugins.PluginLoader("napari_isr.tests", register)
    loader.load()
    loader.load()
    assert len(found) == 1
    assert set(loader.failures) == {"missing", "absent"}
