"""The facts page's tables, typed from it again, to hold the registry against."""

from __future__ import annotations

# module-sku: recovery id, L4T board, compute capability, memory in GB, DLA cores
MODULES = {
    "p2888-0004": ("0955:7019", "jetson-agx-xavier-devkit", "7.2", 32, 2),
    "p3668-0001": ("0955:7e19", "jetson-xavier-nx-devkit-emmc", "7.2", 8, 2),
    "p3701-0000": ("0955:7023", "jetson-agx-orin-devkit", "8.7", 32, 2),
    "p3701-0004": ("0955:7223", "jetson-agx-orin-devkit", "8.7", 32, 2),
    "p3701-0005": ("0955:7023", "jetson-agx-orin-devkit", "8.7", 64, 2),
    "p3767-0000": ("0955:7323", "jetson-orin-nano-devkit", "8.7", 16, 2),
    "p3767-0001": ("0955:7423", "jetson-orin-nano-devkit", "8.7", 8, 1),
    "p3767-0003": ("0955:7523", "jetson-orin-nano-devkit", "8.7", 8, 0),
    "p3767-0004": ("0955:7623", "jetson-orin-nano-devkit", "8.7", 4, 0),
    "p3767-0005": ("0955:7523", "jetson-orin-nano-devkit", "8.7", 8, 0),
    "p3834-0000": ("0955:7226", "jetson-agx-thor-t4000", "11.0", 64, 0),
    "p3834-0008": ("0955:7026", "jetson-agx-thor-devkit", "11.0", 128, 0),
}

# L4T: JetPack, Python, CUDA, TensorRT, runs on Orin, runs on Thor
RELEASES = {
    "35.2.1": ("5.1", "3.8", "11.4", "8.5.2", True, False),
    "35.3.1": ("5.1.1", "3.8", "11.4", "8.5.2", True, False),
    "35.4.1": ("5.1.2", "3.8", "11.4", "8.5.2", True, False),
    "35.5.0": ("5.1.3", "3.8", "11.4", "8.5.2", True, False),
    "35.6.0": ("5.1.4", "3.8", "11.4", "8.5.2", True, False),
    "35.6.1": ("5.1.5", "3.8", "11.4", "8.5.2", True, False),
    "35.6.4": ("5.1.6", "3.8", "11.4", "8.5.2", True, False),
    "36.3": ("6.0", "3.10", "12.2", "8.6", True, False),
    "36.4": ("6.1", "3.10", "12.6", "10.3.0", True, False),
    "36.4.3": ("6.2", "3.10", "12.6", "10.3.0", True, False),
    "36.4.4": ("6.2.1", "3.10", "12.6", "10.3.0", True, False),
    "36.4.7": ("6.2.1", "3.10", "12.6", "10.3.0", True, False),
    "36.5.0": ("6.2.2", "3.10", "12.6", "10.3.0", True, False),
    "38.2.1": ("7.0", "3.12", "13.0", "10.13", False, True),
    "38.4": ("7.1", "3.12", "13.0", "10.13.3", False, True),
    "39.2.0": ("7.2", "3.12", "13.2", "10.16.2", True, True),
}
