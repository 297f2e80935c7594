from __future__ import annotations

import sys
from types import ModuleType

import pytest

from vad_edge.errors import ConfigError, EngineError
from vad_edge.inference.tensorrt.library import MODULES, Flavour, load_flavour


def installed(monkeypatch: pytest.MonkeyPatch, **modules: ModuleType | None) -> None:
    """None makes an import fail, as Python does for such an entry."""
    for name in MODULES:
        monkeypatch.setitem(sys.modules, name, modules.get(name))


def module(**members: object) -> ModuleType:
    made = ModuleType("made")
    made.__dict__.update(members)
    return made


def test_the_real_tensorrt_for_rtx_is_found(rtx: Flavour) -> None:
    assert load_flavour("tensorrt-rtx") == rtx


def test_a_jetsons_tensorrt_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    jetsons = module(Builder=object, __version__="10.3.0")
    installed(monkeypatch, tensorrt=jetsons, tensorrt_rtx=module(Builder=object))
    assert load_flavour() == Flavour("tensorrt", "10.3.0", jetsons)
    assert load_flavour("tensorrt-rtx").name == "tensorrt-rtx"


def test_an_empty_package_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = module(Builder=object, __version__="1.7")
    installed(monkeypatch, tensorrt=module(), tensorrt_rtx_bindings=whole)
    assert load_flavour().module is whole


def test_without_any_each_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    installed(monkeypatch, tensorrt=module())
    with pytest.raises(EngineError, match="tensorrt: it imports, but has no Builder") as caught:
        load_flavour()
    assert all(f"{name}: " in caught.value.what for name in MODULES)
    assert "--system-site-packages" in caught.value.fix
    assert "tensorrt-rtx-cu13-bindings" in caught.value.fix


def test_a_library_that_does_not_load_is_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("broken")
    (folder / "tensorrt.py").write_text("raise OSError('libnvinfer.so.10: cannot open shared object file')")
    installed(monkeypatch)
    monkeypatch.delitem(sys.modules, "tensorrt")
    monkeypatch.syspath_prepend(folder)
    with pytest.raises(EngineError, match=r"libnvinfer\.so\.10"):
        load_flavour("tensorrt")


def test_an_unknown_name_is_turned_away() -> None:
    with pytest.raises(ConfigError, match="give one of auto, tensorrt, tensorrt-rtx"):
        load_flavour("openvino")
